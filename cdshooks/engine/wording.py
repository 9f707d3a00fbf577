"""The library's sentences: templates with named blanks, no logic."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_BLANK_GAP = re.compile(r" {2,}")


@dataclass(frozen=True)
class Wording:
    """Sentences by dotted key (``evidence.stale``)."""

    sentences: Mapping[str, str]

    def say(self, sentence: str, /, **blanks: Any) -> str:
        """Fill the template under the key `sentence`; KeyError names a key or blank that the library lacks."""
        text = self.sentences[sentence].format(**blanks).strip()
        return _BLANK_GAP.sub(" ", text) if "  " in text else text

    def has(self, key: str) -> bool:
        """True when the library has a sentence under `key`."""
        return key in self.sentences


def read_wording(data: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Flatten the nested wording file to dotted keys."""
    flat: dict[str, str] = {}
    for key, value in data.items():
        if isinstance(value, Mapping):
            flat.update(read_wording(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = str(value).strip()
    return flat
