"""`cdshooks validate` as an integration tester types it."""

from __future__ import annotations

from pathlib import Path

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


def test_what_is_no_json_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "request.json"
    path.write_text("{")
    assert "not readable as JSON" in fails(1, "validate", str(path))
