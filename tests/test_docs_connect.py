"""docs/connect.md and docs/threat-model.md keep their word."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cdshooks.hooks.discovery import HOOKS, prefetch_of
from cdshooks.server import auth
from cdshooks.server.callers import AT_ONCE, AT_ONCE_OF_ONE

ROOT = Path(__file__).parents[1]
CONNECT = (ROOT / "docs/connect.md").read_text("utf-8")
THREATS = (ROOT / "docs/threat-model.md").read_text("utf-8")


def rows_under(heading: str) -> list[str]:
    """The rows of the table whose last column has that heading."""
    table = CONNECT.split(f"| {heading} |\n", 1)[1].split("\n\n", 1)[0]
    return table.splitlines()[1:]


@pytest.mark.parametrize("hook", HOOKS.values())
def test_the_prefetch_to_type_in_is_the_one_that_discovery_offers(hook: str) -> None:
    section = CONNECT.split(f"\n### {hook}\n", 1)[1].split("\n### ", 1)[0]
    typed = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|$", section, re.MULTILINE))
    assert typed == {key: template.query for key, template in prefetch_of(hook).items()}


def test_every_service_has_its_address_and_there_is_no_other() -> None:
    listed = re.findall(r"^\| `([a-z-]+)` \| `https://cds.hospital.example/cds-services/([a-z-]+)` \|", CONNECT, re.M)
    assert {service: hook for hook, service in listed} == HOOKS


def test_every_type_that_prefetch_asks_for_is_among_the_scopes() -> None:
    scopes = CONNECT.split("\n## 4. Scopes\n", 1)[1].split("\n## ", 1)[0]
    for hook in HOOKS.values():
        for template in prefetch_of(hook).values():
            for kind in template.kinds:
                assert re.search(rf"\b{kind}\b", scopes), kind


def test_the_scopes_are_those_of_the_page_on_fetching() -> None:
    scopes = CONNECT.split("can use: ", 1)[1].split(" (as SMART scopes", 1)[0]
    fetched = (ROOT / "docs/fhir-fetch.md").read_text("utf-8")
    assert set(re.findall(r"[A-Z]\w+", scopes)) == set(re.findall(r"user/(\w+)\.rs", fetched))


def test_every_key_that_a_site_is_asked_for_is_one_of_the_clients_file() -> None:
    schema = json.loads((ROOT / "cdshooks/server/schema/clients.json").read_text("utf-8"))
    known = schema["$defs"]["client"]["properties"]
    asked = {key for row in rows_under("where it goes") for key in re.findall(r"`(\w+)`", row.split(" | ")[-1])}
    assert {"issuer", "jku", "jwks", "fhir_servers"} <= asked <= set(known)


def test_every_reason_for_a_refusal_is_explained_and_there_is_no_other() -> None:
    source = Path(auth.__file__).read_text("utf-8")
    given = set(re.findall(r'(?:Unauthorized\(|_text\([^"]+"\w+"\), )"([a-z-]+)"', source))
    explained = {word for row in rows_under("look at") for word in re.findall(r"`([a-z-]+)`", row.split(" | ")[0])}
    assert explained == given


def test_numbers_are_those_of_the_code() -> None:
    for said, number in (
        (f"at most {auth.LIFETIME_SECONDS // 60} minutes after `iat`", 20),
        (f"differ by {auth.SKEW_SECONDS} seconds", 60),
        (f"{auth.MAX_TOKEN // 1024} KiB at most", 16),
        (f"a list of up to {auth.MAX_AUDIENCES}", 16),
        (f"{AT_ONCE_OF_ONE} of the {AT_ONCE} of a worker", 12),
    ):
        assert said in CONNECT, number
    assert f"{AT_ONCE} calls at once in a process, {AT_ONCE_OF_ONE} of one client" in THREATS
