"""The package: what a wheel and a source archive carry, and that an installed copy works from any folder."""

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
LOCKED = dict(re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)", LOCK, re.MULTILINE))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build both with the build backend that is installed; nothing is fetched."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """An environment in which the wheel is the only cdshooks, started in a folder of its own."""
    site, elsewhere = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("elsewhere")
    (wheel,) = built.glob("*.whl")
    install = ["install", "--quiet", "--no-deps", "--no-index", "--no-compile", "--target", str(site), str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True, capture_output=True)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("CDSHOOKS_", "PYTHON"))}

    def run(*arguments):
        program = f"import sys; sys.path.insert(0, {str(site)!r}); import cdshooks.cli; cdshooks.cli.main()"
        command = [sys.executable, "-c", program, *arguments]
        return subprocess.run(command, cwd=elsewhere, env=kept, capture_output=True, text=True)

    return run


def test_a_wheel_carries_the_cards_and_the_stories_and_nothing_of_the_workshop(built):
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("cards/wording/en.yaml", "fhir_fixtures/stories/mcl-complete/request.json"):
        assert f"cdshooks/_data/{name}" in names
    assert not [name for name in names if re.search(r"__pycache__|\.pyc$|^tests/|^benchmarks/|^deploy/", name)]
    shipped = {name.removeprefix("cdshooks/_data/cards/") for name in names if name.startswith("cdshooks/_data/cards/")}
    assert shipped == {str(p.relative_to(ROOT / "cards")) for p in (ROOT / "cards").rglob("*") if p.is_file()}


def test_a_source_archive_carries_what_its_tests_need(built):
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    for folder in ("benchmarks", "cards", "cdshooks", "deploy", "docs", "fhir_fixtures", "tests"):
        assert any(name.startswith(f"{folder}/") for name in names), folder
    assert {"Dockerfile", "LICENSE", "Makefile", "NOTICE", "README.md", "pyproject.toml", "requirements.lock"} <= names


def test_an_installed_copy_finds_its_cards_from_any_folder(installed):
    checked = installed("check")
    assert checked.returncode == 0, checked.stderr
    assert re.search(r"/cdshooks/_data/cards: \d+ value sets, .* ok$", checked.stdout.strip())


def test_an_installed_copy_explains_a_story_from_any_folder(installed):
    told = installed("explain", "mcl-complete", "-c", "hiv")
    assert told.returncode == 0, told.stderr
    assert re.search(r"^hiv .*MET$", told.stdout, re.MULTILINE)


def needed():
    """What an image needs: the dependencies of the project and those of its PostgreSQL driver."""
    return [Requirement(text) for text in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["postgres"]]]


@pytest.mark.parametrize("requirement", needed(), ids=lambda requirement: requirement.name)
def test_the_lock_holds_every_dependency_in_a_version_that_is_wanted(requirement):
    version = LOCKED[requirement.name.lower().replace("_", "-").replace(".", "-")]
    assert requirement.specifier.contains(Version(version))


def test_every_line_of_the_lock_is_one_version_with_its_hashes():
    entries = re.split(r"\n(?=[a-z])", LOCK)[1:]
    assert len(entries) == len(LOCKED) > len(PROJECT["dependencies"])
    for entry in entries:
        assert re.match(r"[a-z0-9-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry
    assert "://" not in LOCK
