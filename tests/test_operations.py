"""The page on operations keeps its word: what it names is there, and it misses no table."""

import re
from pathlib import Path

from cdshooks.cli.command import main
from cdshooks.server.migrations import STEPS
from cdshooks.server.settings import SETTINGS

PAGE = (Path(__file__).parents[1] / "docs" / "operations.md").read_text("utf-8")


def test_every_table_of_the_store_is_told():
    made = {name for step in STEPS for text in step.statements for name in re.findall(r"CREATE TABLE (\w+)", text)}
    stored = PAGE.split("## What is stored", 1)[1].split("## ", 1)[0]
    assert {name for row in re.findall(r"\| (`[^|]*`) \|", stored) for name in re.findall(r"`(\w+)`", row)} == made


def test_every_setting_that_is_named_is_one():
    named = set(re.findall(r"CDSHOOKS_[A-Z_]+", PAGE))
    assert named <= {setting.name for setting in SETTINGS}
    assert {"CDSHOOKS_PATIENT_KEY", "CDSHOOKS_RETENTION_DAYS", "CDSHOOKS_DATABASE_URL"} <= named


def test_every_command_that_is_named_is_one():
    for group, command in re.findall(r"`cdshooks (\w+) ?([a-z]*)", PAGE):
        found = main.commands[group]
        assert not command or command in found.commands, (group, command)
