"""The library's sentences: templates with named blanks, no logic."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

_BLANK_GAP = re.compile(r" {2,}")


@dataclass(frozen=True)
class Wording:
    """Sentences by dotted key (``evidence.stale``)."""

    sentences: Mapping[str, str]
    _plain: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        plain = {key: _tidy(text) for key, text in self.sentences.items() if "{" not in text and "}" not in text}
        object.__setattr__(self, "_plain", plain)

    def say(self, sentence: str, /, **blanks: Any) -> str:
        """Fill the template under the key `sentence`; KeyError names a key or blank that the library lacks."""
        plain = self._plain.get(sentence)
        if plain is not None:
            return plain
        filled = self.sentences[sentence].format(**blanks).strip()
        return filled if "  " not in filled else _tidy(filled)

    @cached_property
    def override_reasons(self) -> Mapping[str, str]:
        """The reasons that a card offers for overriding it, by code."""
        under = "override_reasons."
        return {key.removeprefix(under): text for key, text in self.sentences.items() if key.startswith(under)}

    def has(self, key: str) -> bool:
        """True when the library has a sentence under `key`."""
        return key in self.sentences


def _tidy(text: str) -> str:
    """The text without blanks around it and with single ones inside."""
    text = text.strip()
    return _BLANK_GAP.sub(" ", text) if "  " in text else text


def read_wording(data: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Flatten the nested wording file to dotted keys."""
    flat: dict[str, str] = {}
    for key, value in data.items():
        if isinstance(value, Mapping):
            flat.update(read_wording(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = str(value).strip()
    return flat
