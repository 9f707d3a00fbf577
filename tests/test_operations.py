"""The page on operations misses no table of the store. That what it names is there is shown in test_docs.py."""

import re
from pathlib import Path

from cdshooks.server.migrations import STEPS

PAGE = (Path(__file__).parents[1] / "docs" / "operations.md").read_text("utf-8")


def test_every_table_of_the_store_is_told():
    made = {name for step in STEPS for text in step.statements for name in re.findall(r"CREATE TABLE (\w+)", text)}
    stored = PAGE.split("## What is stored", 1)[1].split("## ", 1)[0]
    assert {name for row in re.findall(r"\| (`[^|]*`) \|", stored) for name in re.findall(r"`(\w+)`", row)} == made
