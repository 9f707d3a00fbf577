"""Card text as HTML: the Markdown that our own wording uses (paragraphs, lists, bold), everything else as it reads."""

from __future__ import annotations

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

_DAY = re.compile(r"\b\d{4}-\d\d-\d\d\b")
_BULLET = "- "
_BOLD = re.compile(r"\*\*(\S(?:.*?\S)?)\*\*")


def card_html(text: str) -> Markup:
    """The HTML of a card's text. Nothing in it can become an element, an attribute or a link."""
    blocks = (block for part in re.split(r"\n\s*\n", text) for block in _blocks(part.strip().splitlines()))
    return Markup("\n").join(blocks)


def on_one_line(text: str) -> Markup:
    """The text or the HTML without attributes, with no line break inside a day."""
    return Markup(_DAY.sub(r'<span class="day">\g<0></span>', str(escape(text))))


def _blocks(lines: list[str]) -> Iterator[Markup]:
    """Runs of list items and of other lines, one element each."""
    for is_list, run in _runs(lines):
        if is_list:
            items = Markup("").join(Markup("<li>{}</li>").format(_bold(line.removeprefix(_BULLET))) for line in run)
            yield Markup("<ul>{}</ul>").format(items)
        else:
            yield Markup("<p>{}</p>").format(Markup("\n").join(map(_bold, run)))


def _runs(lines: list[str]) -> Iterator[tuple[bool, list[str]]]:
    run: list[str] = []
    for line in lines:
        if run and line.startswith(_BULLET) != run[0].startswith(_BULLET):
            yield run[0].startswith(_BULLET), run
            run = []
        run.append(line)
    if run:
        yield run[0].startswith(_BULLET), run


def _bold(line: str) -> Markup:
    return Markup(_BOLD.sub(r"<strong>\1</strong>", str(escape(line))))
