"""`cdshooks new`, and the walk through it that cards/README.md gives an analyst, done word for word."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from terminal import fails, prints

from cdshooks.engine.library import load_library
from cdshooks.server.settings import default_library

README = (default_library() / "README.md").read_text("utf-8")
WALK = README[README.index("## A walk through all of it") : README.index("## Add a policy version")]
BLOCK = re.compile(r"^```(yaml)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the library without its cases, as the one that is set."""
    folder = tmp_path / "cards"
    shutil.copytree(default_library(), folder, ignore=shutil.ignore_patterns("cases.yaml"))
    monkeypatch.setenv("CDSHOOKS_LIBRARY", str(folder))
    return folder


def refusals(library: Path) -> list[str]:
    return [line for line in fails(1, "check", str(library)).splitlines() if ": still to be written: " in line]


def written(library: Path, text: str) -> None:
    """Put a block of the walk where its first line says."""
    name, _, rest = text.partition("\n")
    path = library / name.removeprefix("# ")
    head = [line for line in path.read_text("utf-8").splitlines() if line.startswith("# yaml-language-server")]
    path.write_text("\n".join([*head, rest]), "utf-8")


def test_the_walk_of_the_readme_ends_with_a_sound_library_and_passing_cases(library: Path) -> None:
    for kind, text in BLOCK.findall(WALK):
        if kind == "yaml":
            written(library, text)
            continue
        for line in text.splitlines():
            words = shlex.split(line.removeprefix("cdshooks "))
            said = prints(*words)
            if words[:2] == ["new", "policy"]:
                assert len(refusals(library)) > 10
            if words[:2] == ["new", "version"]:
                new = library / "policies/example-mutual/car-t/2028-01.yaml"
                for blank, value in (("start_basis", "stated"), ("reviewed_by", "policy owner")):
                    new.write_text(re.sub(rf'{blank}: "TODO[^"]*"', f"{blank}: {value}", new.read_text()))
                new.write_text(re.sub(r'"TODO[^"]*"', "2027-11-21", new.read_text().replace("P30D", "P60D")))
            if words[0] == "diff":
                assert "no_older_than: no older than 60 days; it was no older than 30 days" in said
            if words[0] == "test":
                assert "3 cases" in said
    assert "… ok" in prints("check")
    read = load_library(library)
    assert [str(p.effective.end) for p in read.versions("example-mutual/car-t")] == ["2027-12-31", "None"]
    assert read.value_sets["lab-anti-hcv"].find(("loinc", "99999-9")) is not None
    assert "examplecel" in read.products.by_id


@pytest.mark.parametrize(
    ("words", "files"),
    [
        (("policy", "p-x/car-t", "2027-01", "--start", "2027-01-01"), ["policies/p-x/car-t/2027-01.yaml"]),
        (("payer", "p-x", "--policy", "p-x/car-t"), ["payers/p-x.yaml"]),
        (("product", "x-cel"), ["products/x-cel.yaml"]),
    ],
)
def test_every_blank_of_a_new_file_is_refused_with_its_line(
    library: Path, words: tuple[str, ...], files: list[str]
) -> None:
    prints("new", *words)
    refused = refusals(library)
    for name in files:
        lines = (library / name).read_text("utf-8").splitlines()
        assert lines[0].startswith("# yaml-language-server: $schema=")
        assert (library / name).parent.joinpath(lines[0].split("=", 1)[1]).resolve().is_file()
        for number, line in enumerate(lines, 1):
            for blank in re.findall(r'"TODO: ([^"]*)"', line):
                assert any(f"{name}:{number}: still to be written: {blank}" in said for said in refused), line


def test_the_blanks_of_new_cases_are_refused_once_the_policy_is_sound(library: Path) -> None:
    prints("new", "policy", "p-x/car-t", "2027-01", "--start", "2027-01-01")
    (block,) = (text for kind, text in BLOCK.findall(WALK) if text.startswith("# policies/example-mutual/car-t/2027"))
    path = library / "policies/p-x/car-t/2027-01.yaml"
    path.write_text(block.replace("example-mutual/car-t", "p-x/car-t"), "utf-8")
    assert any("cases.yaml:4: still to be written: the story" in line for line in refusals(library))


def test_a_new_version_ends_the_one_before_and_leaves_the_rest_of_it(library: Path) -> None:
    old = library / "policies/wellcare-nc/wnc-cp-192/2025-04.yaml"
    before = old.read_text("utf-8")
    prints("new", "version", "wellcare-nc/wnc-cp-192", "2027-03", "--start", "2027-03-01")
    assert old.read_text("utf-8").replace("\n  end: 2027-02-28", "") == before
    assert any("2027-03.yaml" in line for line in refusals(library))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("policy", "wellcare-nc/wnc-cp-192", "2027-01", "--start", "2027-01-01"), "is there already"),
        (("policy", "no-slash", "2027-01", "--start", "2027-01-01"), "lower-case words"),
        (("policy", "../up/x", "2027-01", "--start", "2027-01-01"), "lower-case words"),
        (("policy", "p-x/car-t", "first", "--start", "2027-01-01"), "named by the month"),
        (("policy", "p-x/car-t", "2027-01", "--start", "soon"), "no day of the calendar"),
        (("version", "p-x/car-t", "2027-01", "--start", "2027-01-01"), "there is no policy"),
        (("version", "wellcare-nc/wnc-cp-192", "2024-01", "--start", "2024-01-01"), "start after it"),
        (("payer", "wellcare-nc", "--policy", "p-x/car-t"), "nothing was written"),
        (("product", "tecartus"), "nothing was written"),
        (("code", "lab-nothing", "loinc", "1-8", "--display", "d", "--grade", "A", "--source", "s"), "no value set"),
        (("code", "lab-hbsag", "loink", "1-8", "--display", "d", "--grade", "A", "--source", "s"), "systems.yaml"),
        (("code", "lab-hbsag", "loinc", "1 8", "--display", "d", "--grade", "A", "--source", "s"), "has no blanks"),
        (("code", "lab-hbsag", "loinc", "1-8", "--display", " ", "--grade", "A", "--source", "s"), "it is empty"),
        (("code", "lab-hbsag", "loinc", "1-8", "--display", "d", "--grade", "A", "--source", ""), "it is empty"),
        (("code", "lab-anti-hcv", "loinc", "13955-0", "--display", "d", "--grade", "A", "--source", "s"), "already"),
    ],
)
def test_what_cannot_be_begun_is_told_and_writes_nothing(library: Path, words: tuple[str, ...], says: str) -> None:
    before = {path: path.read_bytes() for path in library.rglob("*") if path.is_file()}
    assert says in " ".join(fails(2, "new", *words).split())
    assert before == {path: path.read_bytes() for path in library.rglob("*") if path.is_file()}


def test_a_code_that_only_asks_does_not_decide(library: Path) -> None:
    prints(
        *("new", "code", "lab-anti-hcv", "loinc", "99999-8", "--display", "d", "--grade", "A", "--source", "s"),
        *("--only-asks", "a donor's test"),
    )
    concept = load_library(library).value_sets["lab-anti-hcv"].find(("loinc", "99999-8"))
    assert concept is not None and not concept.decides and concept.why_not == "a donor's test"
