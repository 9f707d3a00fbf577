"""What a command works on: the settings, the card library, the stories, and a request with its day."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from cdshooks.engine.library import Library, LibraryError, load_library
from cdshooks.engine.source import Problem
from cdshooks.server.settings import Settings, SettingsError, default_fixtures, read_settings
from cdshooks.server.stories import Story, read_stories

LOCAL = "http://127.0.0.1:8000"
"""Where `cdshooks serve` answers by default."""


def day(context: click.Context, parameter: click.Parameter, text: str | None) -> date | None:
    """A calendar day on the command line; wrong usage when it is none."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no day of the calendar; write it as 2026-11-21") from error


as_of_option = click.option("--as-of", metavar="DATE", callback=day, help="The day of the request, such as 2026-11-21.")


def library_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option that names a card library other than the one that is set or shipped."""
    option = click.option(
        "--policy-library",
        "library_path",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Folder of the card library. Default: CDSHOOKS_LIBRARY, else the one that ships with the package.",
    )
    return option(command)


def settings_now(**changed: str) -> Settings:
    """The settings of the environment, some of them changed; wrong usage when one cannot be used."""
    try:
        return read_settings({**os.environ, **changed})
    except SettingsError as error:
        raise click.UsageError(str(error)) from error


def today(settings: Settings) -> date:
    """The calendar day in the configured time zone."""
    return datetime.now(settings.timezone).date()


def open_library(path: Path) -> Library:
    """The card library at a path; its problems, if any, are printed as the command's error."""
    try:
        return load_library(path)
    except LibraryError as error:
        raise unusable_library(error, path) from error


def unusable_library(error: LibraryError, path: Path) -> click.ClickException:
    """The command's error for a library that cannot be used, with every problem in it."""
    return click.ClickException(f"the card library cannot be used:\n{located(error.problems, path)}")


def located(problems: list[Problem], library: Path) -> str:
    """Problems, one to a line, with paths as they are seen from the working directory."""
    return "\n".join(f"{shown(library / p.file)}:{p.line}: {p.message}" for p in problems)


def shown(path: Path) -> str:
    """A path relative to the working directory where it lies below it."""
    here = Path.cwd()
    return str(path.resolve().relative_to(here)) if path.resolve().is_relative_to(here) else str(path)


def counted(count: int, name: str) -> str:
    """A number with its noun, which is in the plural unless there is one."""
    return f"{count} {name}{'' if count == 1 else 's'}"


def known_stories() -> Mapping[str, Story]:
    """The stories that ship with the package, by name."""
    return read_stories(default_fixtures())


@dataclass(frozen=True)
class Told:
    """A request as it stands in a file or a story, and the day on which it is asked."""

    name: str
    body: bytes
    as_of: date


def told(source: str, as_of: date | None, settings: Settings) -> Told:
    """The request in a file (asked today) or of a story (asked on its own day), unless `as_of` says otherwise."""
    path = Path(source)
    if path.is_file():
        return Told(source, _bytes(path), as_of or today(settings))
    story = story_named(source)
    return Told(source, story.request.read_bytes(), as_of or story.as_of)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise click.ClickException(f"{path} cannot be read: {error.strerror}") from error


def story_named(name: str) -> Story:
    """The story of that name; wrong usage with the nearest names when there is none."""
    stories = known_stories()
    if name in stories:
        return stories[name]
    near = difflib.get_close_matches(name, stories, n=3) or sorted(stories)[:3]
    raise click.UsageError(
        f"{name}: there is no file here and no story of that name. Did you mean {', '.join(near)}?"
        " `cdshooks stories` lists them all."
    )
