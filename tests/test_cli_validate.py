"""`cdshooks validate` as an integration tester types it."""

from __future__ import annotations

from pathlib import Path

import pytest
from terminal import fails, prints

from cdshooks.server.settings import default_fixtures

OUTSIDE = default_fixtures() / "outside"
STORY = default_fixtures() / "stories/mcl-complete"


def test_a_sound_request_has_no_warning_and_says_what_was_not_checked() -> None:
    said = prints("validate", str(STORY / "request.json"), "--strict")
    assert ": request, " in said and "0 warnings" in said and "Not checked: whether codes are in the value sets" in said


def test_an_official_example_has_warnings_that_stop_nothing() -> None:
    said = prints("validate", str(OUTSIDE / "03-inferno-order-sign.request.json"))
    assert "warning: context.draftOrders.entry[0].resource.intent" in said and "2 warnings; none stops" in said


def test_strict_ends_with_one_when_there_is_a_warning() -> None:
    fails(1, "validate", "--strict", str(OUTSIDE / "03-inferno-order-sign.request.json"))


def test_a_request_that_the_service_refuses_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "request.json"
    path.write_text('{"hook": "order-sign", "context": {}}')
    assert "the service refuses the request" in prints("validate", str(path))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "request.json:1: not readable as JSON"),
        (b'{"hook":\n "order-sign",\n}', "request.json:3: not readable as JSON: JSON is malformed: trailing comma"),
        (b'{"hook": "order-s\xe9gn"}', "is not UTF-8 (byte 17)"),
        (b"", "is empty"),
        (b'{"hook": ' + b"[" * 5000 + b"]" * 5000 + b"}", "it nests too deep"),
    ],
)
def test_what_is_no_json_is_an_error_with_its_place(tmp_path: Path, body: bytes, says: str) -> None:
    path = tmp_path / "request.json"
    path.write_bytes(body)
    said = fails(1, "validate", str(path))
    assert "not readable as JSON" in said and says in said


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('\ufeff{"cards": []}', "0 warnings"),
        ('{"cards": ["a card"]}', "cards: holds what is no object (entry 0)"),
        ('{"cards": [], "systemActions": [7]}', "systemActions: holds what is no object (entry 0)"),
        ('{"cards": [], "extension": {"resourceType": "Task", "for": "me"}}', "extension.for: is no object"),
    ],
)
def test_what_is_no_object_where_one_belongs_is_a_warning(tmp_path: Path, body: str, says: str) -> None:
    path = tmp_path / "response.json"
    path.write_text(body, "utf-8")
    assert says in prints("validate", str(path))
