"""The building blocks of a card's detail: a title and lines, each of which can be made shorter."""

from __future__ import annotations

import re
from dataclasses import dataclass

from msgspec import Struct

from cdshooks.hooks.text import shortened

_LEAST_FOUND, _LEAST_ASK = 24, 30
_TO_DATE = re.compile(r"^[^:]*?, (?=\d{4}-\d\d-\d\d: )")


class Point(Struct, frozen=True):
    """One open point: what it is about, what was found, what would settle it, its paragraphs.

    Where there is no room what was found loses the name of its record first, then its end; what would settle it is
    shortened after that; the rest stays.
    """

    label: str
    found: str
    ask: str
    cites: str

    def render(self, longest: int) -> str:
        """The point as one line, of `longest` characters where it can be."""
        room = longest - len(f"**{self.label}** –  [{self.cites}]")
        ask = _at_sentence(self.ask, max(room, _LEAST_ASK))
        left = room - len(ask) - 1
        found = _found(self.found, left)
        body = " ".join(part for part in (found, ask) if part) or shortened(self.found, _LEAST_FOUND)
        return f"**{self.label}** – {body} [{self.cites}]"


@dataclass(frozen=True, slots=True)
class Several:
    """Several things named in one line, each with its paragraphs ("" for none).

    Where there is no room the last ones are counted, with their paragraphs; nothing is cut in its middle.
    """

    lead: str
    parts: tuple[tuple[str, str], ...]
    between: str = "; "

    def render(self, longest: int) -> str:
        """The line, of `longest` characters where naming the first alone fits."""
        told = (self._naming(count) for count in range(len(self.parts), 0, -1))
        return next((line for line in told if len(line) <= longest), self._naming(1))

    def _naming(self, count: int) -> str:
        named = [_cited(text, cites) for text, cites in self.parts[:count]]
        rest = self.parts[count:]
        counted = [_cited(f"+{len(rest)}", ", ".join(dict.fromkeys(c for _, c in rest if c)))] if rest else []
        return f"{self.lead} {self.between.join([*named, *counted])}"


def _cited(text: str, cites: str) -> str:
    return f"{text} [{cites}]" if cites else text


class Block(Struct, frozen=True):
    """One paragraph or list of the detail: `whole` is never cut; where there is no room the most `spare` goes first."""

    title: str
    lines: tuple[str | Point | Several, ...]
    bullets: bool = True
    whole: bool = False
    spare: int = 0

    def render(self, longest_line: int) -> str:
        """The block as Markdown."""
        lines = [line if self.whole and isinstance(line, str) else _cut(line, longest_line) for line in self.lines]
        head = [f"**{self.title}**"] if self.title else []
        return "\n".join([*head, *(f"- {line}" if self.bullets else line for line in lines)])


def _cut(line: str | Point | Several, longest: int) -> str:
    """A line made shorter, its paragraphs kept: every line must be traceable."""
    if not isinstance(line, str):
        return line.render(longest)
    body, bracket, cites = line.rpartition(" [")
    if not bracket or not line.endswith("]"):
        return _at_sentence(line, longest)
    return f"{_at_sentence(body, max(40, longest - len(cites) - 2))} [{cites}"


def _found(text: str, longest: int) -> str:
    """What was found: whole, or without the record's name before its date, or cut, or "" where nothing is left."""
    if len(text) <= longest:
        return text
    if len(dated := _TO_DATE.sub("", text)) <= longest:
        return dated
    return _at_sentence(text, longest) if longest >= _LEAST_FOUND else ""


def _at_sentence(text: str, longest: int) -> str:
    """The text, cut behind a whole sentence or clause where one ends late enough; else at a word."""
    if len(text) <= longest:
        return text
    end = max(text.rfind(stop, 0, longest - 1) for stop in (". ", "; "))
    return f"{text[: end + 1]} …" if end >= longest // 2 else shortened(text, longest)


def capital(text: str) -> str:
    """The text with its first letter in upper case, unless it is part of a formula such as t(11;14)."""
    return text if text[1:2] == "(" else text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """The text with a full stop, unless it ends in one of its own."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
