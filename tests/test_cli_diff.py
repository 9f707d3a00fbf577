"""`cdshooks diff` as an analyst types it."""

from __future__ import annotations

from pathlib import Path

import pytest
from terminal import fails, prints

from cdshooks.server.settings import default_library

OWN = "wellcare-nc/wnc-cp-192@2025-04"
FILE = default_library() / "policies/wellcare-nc/wnc-cp-192/2025-04.yaml"


@pytest.fixture(autouse=True)
def the_shipped_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CDSHOOKS_LIBRARY", raising=False)


def draft(folder: Path, *edits: tuple[str, str]) -> str:
    """A copy of the policy outside the library, edited."""
    text = FILE.read_text("utf-8")
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    path = folder / "2026-12.yaml"
    path.write_text(text, "utf-8")
    return str(path)


def test_a_longer_window_is_told_with_the_stories_that_it_settles(tmp_path: Path) -> None:
    new = draft(tmp_path, ('version: "2025-04"', 'version: "2026-12"'), ("newer_than: P3M", "newer_than: P6M"))
    said = prints("diff", OWN, new)
    assert said.startswith("wellcare-nc/wnc-cp-192 2025-04 → wellcare-nc/wnc-cp-192 2026-12\n")
    assert "hiv › when › any › 1 › observation › newer_than: newer than 6 months; it was newer than 3 months" in said
    assert "mcl-missing-three, MedicationRequest/mcl-1-tecartus: documentation-missing (hiv: stale → met" in said


def test_the_change_back_is_told_the_other_way(tmp_path: Path) -> None:
    new = draft(tmp_path, ("newer_than: P3M", "newer_than: P6M"))
    assert "hiv: met → stale" in prints("diff", new, OWN)


def test_a_stricter_window_turns_a_story_from_ready(tmp_path: Path) -> None:
    new = draft(tmp_path, ("no_older_than: P6M", "no_older_than: P1D"))
    assert (
        "mcl-complete, MedicationRequest/mcl-2-tecartus: ready → documentation-missing (marrow-biopsy: met → stale"
        in (prints("diff", OWN, new))
    )


def test_a_criterion_that_is_left_out_is_told_and_shown_in_the_stories(tmp_path: Path) -> None:
    text = FILE.read_text("utf-8")
    start = text.index("- id: marrow-biopsy")
    path = tmp_path / "new.yaml"
    path.write_text(text[:start] + text[text.index("\n- id: ", start) + 1 :], "utf-8")
    said = prints("diff", OWN, str(path))
    assert "documentation › marrow-biopsy: gone, it was {id: marrow-biopsy" in said
    assert "marrow-biopsy: missing → not asked" in said


def test_a_version_is_no_different_from_itself() -> None:
    said = prints("diff", OWN, OWN)
    assert "the two files say the same" in said and said.rstrip().endswith("Answered otherwise: 0.")


def test_a_version_that_is_not_there_is_wrong_usage() -> None:
    said = fails(2, "diff", OWN, "wellcare-nc/wnc-cp-192@1999-01")
    assert "no such version" in said and OWN in said


def test_a_draft_that_cannot_be_used_is_told_with_its_line(tmp_path: Path) -> None:
    new = draft(tmp_path, ("owner: laboratory", "owner: nobody"))
    said = fails(1, "diff", OWN, new)
    assert "2026-12.yaml:" in said and "'nobody' is not one of" in said


def test_a_draft_whose_criteria_share_an_id_is_refused(tmp_path: Path) -> None:
    said = fails(1, "diff", OWN, draft(tmp_path, ("- id: marrow-biopsy", "- id: hiv")))
    assert "2026-12.yaml:" in said and "the criterion id hiv stands twice, first in line" in said


def test_a_policy_that_no_story_asks_for_is_told_so(tmp_path: Path) -> None:
    new = draft(tmp_path, ("id: wellcare-nc/wnc-cp-192", "id: nobody/nothing"))
    assert "No story has a coverage of its payer" in prints("diff", new, new)


def test_a_draft_that_names_no_value_set_of_ours_is_told_so(tmp_path: Path) -> None:
    new = draft(tmp_path, ("vs/lab-hiv-agab", "vs/lab-hiv-made-up"))
    assert "there is no such value set" in fails(1, "diff", OWN, new)
