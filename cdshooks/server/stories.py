"""The synthetic order-sign calls that ship with the package, told as of any day."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from cdshooks.engine.source import load_yaml

FIRST = "mcl-missing-three"
"""The story to show first: a card that asks for three documents."""

_DAY = re.compile(r"(?<![\w-])\d{4}-\d\d-\d\d(?![\d-])")


@dataclass(frozen=True, slots=True)
class Story:
    """One story: its request as written, and the day on which it is told."""

    name: str
    title: str
    as_of: date
    request: Path

    def told_on(self, today: date) -> str:
        """The request with every whole date in it, birth dates too, moved so that the story's day is today."""
        return move_dates(self.request.read_text("utf-8"), today - self.as_of)


def read_stories(fixtures: Path) -> dict[str, Story]:
    """Every story under a fixtures folder, by name."""
    return {path.parent.name: _story(path) for path in sorted(fixtures.glob("stories/*/story.yaml"))}


def read_arrivals(fixtures: Path) -> dict[str, Any]:
    """What comes into a chart when a suggestion has been carried out, by the suggestion's id: FHIR with blanks."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(fixtures.glob("arrivals/*.json"))}


def curl_line(base: str) -> str:
    """A command that plays the first story against the service at `base` and shows its answer."""
    call = f"curl -s -H 'Content-Type: application/json' --data-binary @- {base}/cds-services/cart-order-sign"
    return f"curl -s {base}/demo/stories/{FIRST} | {call}"


def fire_line(base: str, command: str = "cdshooks") -> str:
    """The same with our own command, which shows the cards in words."""
    return f"{command} fire {FIRST} --url {base}"


def move_dates(text: str, by: timedelta) -> str:
    """The text with every ISO day in it moved, alone or at the start of a dateTime; nothing else changes."""
    return _DAY.sub(lambda found: _moved(found[0], by), text)


def _moved(day: str, by: timedelta) -> str:
    try:
        return (date.fromisoformat(day) + by).isoformat()
    except (ValueError, OverflowError):
        return day


def _story(path: Path) -> Story:
    told = load_yaml(path.read_text("utf-8"))
    return Story(
        name=path.parent.name,
        title=str(told["title"]),
        as_of=date.fromisoformat(str(told["as_of"])),
        request=path.parent / "request.json",
    )
