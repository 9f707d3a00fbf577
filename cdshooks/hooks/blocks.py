"""The building blocks of a card's detail: a title and lines, each of which can be made shorter."""

from __future__ import annotations

from dataclasses import dataclass

from cdshooks.hooks.text import shortened


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph or list of the detail: `whole` is never cut, `spare` goes first when there is no room."""

    title: str
    lines: tuple[str, ...]
    bullets: bool = True
    whole: bool = False
    spare: bool = False

    def render(self, longest_line: int) -> str:
        """The block as Markdown."""
        lines = self.lines if self.whole else tuple(_cut(line, longest_line) for line in self.lines)
        head = [f"**{self.title}**"] if self.title else []
        return "\n".join([*head, *(f"- {line}" if self.bullets else line for line in lines)])


def _cut(line: str, longest: int) -> str:
    """A line made shorter, its paragraphs kept: every line must be traceable."""
    body, bracket, cites = line.rpartition(" [")
    if not bracket or not line.endswith("]"):
        return _at_sentence(line, longest)
    return f"{_at_sentence(body, max(40, longest - len(cites) - 2))} [{cites}"


def _at_sentence(text: str, longest: int) -> str:
    """The text, cut behind a whole sentence where one ends late enough; else at a word."""
    if len(text) <= longest:
        return text
    end = text.rfind(". ", 0, longest - 1)
    return f"{text[: end + 1]} …" if end >= longest // 2 else shortened(text, longest)


def capital(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """The text with a full stop, unless it ends in one of its own."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
