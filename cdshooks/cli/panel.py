"""Cards in a terminal, about as wide and as plain as an EHR's side panel."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

WIDTH = 76
_BULLET = "- "


def panel(cards: Sequence[Mapping[str, Any]]) -> str:
    """Cards as a person reads them: summary, detail, suggestions as buttons, reasons to override."""
    if not cards:
        return "No card: the EHR shows nothing."
    return "\n\n".join("\n".join(_card(card)) for card in cards)


def printable(text: str) -> str:
    """The text without characters that could steer a terminal; new lines stay."""
    return "".join(c for c in text if c == "\n" or unicodedata.category(c)[0] != "C")


def _card(card: Mapping[str, Any]) -> Iterator[str]:
    source = card.get("source", {}).get("label", "")
    head = f" {card.get('indicator', '')} · {source} "
    yield f"┌─{printable(head):─<{WIDTH - 2}}"
    for line in _lines(card):
        yield f"│ {line}".rstrip()
    yield "└" + "─" * (WIDTH - 1)


def _lines(card: Mapping[str, Any]) -> Iterator[str]:
    yield from _wrapped(card.get("summary") or "")
    yield ""
    for line in (card.get("detail") or "").splitlines():
        yield from _wrapped(line.replace("**", ""))
    if suggestions := card.get("suggestions"):
        yield ""
        yield from _row([f"[ {suggestion.get('label', '')} ]" for suggestion in suggestions], "  ")
    if links := card.get("links"):
        yield ""
        for link in links:
            yield from _wrapped(f"{link.get('label', '')}: {link.get('url', '')}")
    if reasons := card.get("overrideReasons"):
        yield ""
        yield from _wrapped("Override: " + " · ".join(reason.get("display", "") for reason in reasons))


def _wrapped(line: str) -> list[str]:
    """One line of Markdown within the panel's width; what continues a bullet is indented under it."""
    text = printable(line)
    bullet = text.startswith(_BULLET)
    return textwrap.wrap(
        text.removeprefix(_BULLET),
        WIDTH - 2,
        initial_indent="• " if bullet else "",
        subsequent_indent="  " if bullet else "",
        break_on_hyphens=False,
    ) or [""]


def _row(buttons: Sequence[str], between: str) -> Iterator[str]:
    """Buttons side by side as long as they fit."""
    row = ""
    for button in map(printable, buttons):
        if row and len(row) + len(between) + len(button) > WIDTH - 2:
            yield row
            row = ""
        row = f"{row}{between}{button}" if row else button
    yield row
