"""Text from a chart, made harmless: it reads the same and starts no Markdown, HTML or link.

Characters that a Markdown or HTML renderer could act on are replaced by ones that look alike, rather
than escaped, so that the line also reads well where nothing is rendered.
"""

from __future__ import annotations

import re
import unicodedata

_LOOK_ALIKE = str.maketrans(
    {
        "<": "‹",
        ">": "›",
        "[": "(",
        "]": ")",
        "{": "(",
        "}": ")",
        "*": "∗",
        "_": "‗",
        "`": "'",
        "~": "∼",
        "#": "♯",
        "|": "¦",
        "\\": "⧵",
        "&": "＆",
        "!": "ǃ",
        "$": "＄",
    }
)
_MARKUP = re.compile(f"[{''.join(map(re.escape, map(chr, _LOOK_ALIKE)))}]")
_LINK = re.compile(r"://|@|(?i:\bwww\.)")
_LINK_PARTS = {"://": ": //", "@": " (at) "}
_BLOCK = re.compile(r"[-+=:]+(?= |$)|\d{1,9}[.)](?= |$)")
_BLOCK_LOOK_ALIKE = str.maketrans({"-": "–", "+": "＋", "=": "＝", ":": "∶", ".": "．", ")": "）"})


def clean(text: str) -> str:
    """One line of chart text without control, bidirectional or zero-width characters and without markup."""
    if not text or _is_plain(text):
        return text.strip()
    kept = text if text.isprintable() else "".join(" " if c.isspace() else c for c in text if not _invisible(c))
    line = " ".join(kept.translate(_LOOK_ALIKE).split())
    line = _LINK.sub(lambda match: _LINK_PARTS.get(match.group(), "www ."), line)
    marker = _BLOCK.match(line)  # at its start a line could open a list, underline a heading or draw a rule
    return marker[0].translate(_BLOCK_LOOK_ALIKE) + line[marker.end() :] if marker else line


class Cleaned(dict[str, str]):
    """The texts of one answer as `clean` makes them, each worked out once."""

    def __missing__(self, text: str) -> str:
        made = self[text] = clean(text)
        return made


def _is_plain(text: str) -> bool:
    """True for a text with nothing to clean: most texts are."""
    marked = _MARKUP.search(text) or "@" in text or "://" in text or "  " in text or "www" in text.lower()
    return not marked and text.isprintable() and not _BLOCK.match(text.lstrip())


def _invisible(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn") and not character.isspace()


def shortened(text: str, longest: int) -> str:
    """The text, cut at a word with an ellipsis when it is longer than `longest` characters."""
    if len(text) <= longest:
        return text
    cut = text[:longest].rsplit(" ", 1)[0] if " " in text[:longest] else text[: longest - 1]
    return cut[: longest - 1].rstrip(" ,;–—…") + "…"
