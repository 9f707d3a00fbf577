"""What every test may ask for: the card library that ships, and a made-up one that never changes with it."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp(prefix="cdshooks-tests-")  # no test opens a user's own store
sys.path.insert(0, str(Path(__file__).parent))  # tests share `parts`

from chromium import browser  # noqa: F401  (a fixture)
from databases import database_url, postgresql_server  # noqa: F401  (fixtures)
from parts import compiled, context_of

from cdshooks.engine.library import load_library

ROOT = Path(__file__).parents[1]

settings.register_profile("quick", derandomize=True, max_examples=40, deadline=None, database=None)
settings.register_profile("long", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_unconfigure():
    shutil.rmtree(os.environ["XDG_DATA_HOME"], ignore_errors=True)


@pytest.fixture(scope="session")
def shipped():
    """The card library of the repository."""
    return load_library(ROOT / "cards")


def copy_library(target):
    """Put the made-up library together in `target`: its own files, the real schemas and the real wording."""
    shutil.copytree(ROOT / "tests" / "library", target)
    for name in ("schema", "wording"):
        shutil.copytree(ROOT / "cards" / name, target / name)
    return target


@pytest.fixture(scope="session")
def example(tmp_path_factory):
    """The made-up card library, loaded."""
    return load_library(copy_library(tmp_path_factory.mktemp("made-up") / "cards"))


@pytest.fixture
def example_files(tmp_path):
    """The files of the made-up card library, for a test that changes them."""
    return copy_library(tmp_path / "cards")


@pytest.fixture(scope="session")
def ask(example):
    """Ask one evidence expression of a chart: `ask({...}, observation(), unread={...})`."""

    def asked(expression, *resources, **surroundings):
        return compiled(example, expression)(context_of(example, *resources, **surroundings))

    return asked
