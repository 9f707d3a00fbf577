"""The changelog keeps its order: what changed of a policy, with its dates, apart from what changed of the engine."""

import re

import pytest
from pages import read

from cdshooks import __version__

TEXT = read("CHANGELOG.md")
RELEASES = re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]
WHO = ["On the card", "For an EHR", "For an operator", "For who keeps the policies", "To try it"]
LONG = 10  # lines in a list, beyond which it needs headings
DATES = re.compile(r"Dates of service: (all|from (\d{4}-\d\d-\d\d|each product's approval)( to \d{4}-\d\d-\d\d)?)\b")

each_release = pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.split()[0])


def parts(text, level):
    """The text under each heading of a level, by its title; what stands before the first of them under None."""
    before, *rest = re.split(rf"^{'#' * level} ", text, flags=re.MULTILINE)
    return {None: before} | {part.partition("\n")[0]: part.partition("\n")[2] for part in rest}


def entries(text):
    return re.findall(r"^- (.+(?:\n  .+)*)", text, re.MULTILINE)


@each_release
def test_a_release_tells_policy_changes_first_and_engine_changes_apart(release):
    assert [title for title in parts(release, 3) if title] == ["Policy changes", "Engine changes"]


@each_release
def test_every_policy_change_says_which_dates_of_service_it_touches(release):
    changes = entries(parts(release, 3)["Policy changes"])
    assert changes
    assert [change for change in changes if not DATES.search(change)] == []


@each_release
def test_a_long_list_of_engine_changes_stands_under_who_notices_them(release):
    under = parts(parts(release, 3)["Engine changes"], 4)
    assert len(entries(under.pop(None))) <= (0 if under else LONG)
    assert list(under) == [title for title in WHO if title in under]
    assert all(entries(text) for text in under.values())


def test_the_newest_release_is_the_one_that_the_package_says_it_is():
    assert RELEASES[0].startswith("Unreleased") and RELEASES[1].startswith(f"{__version__} – ")
