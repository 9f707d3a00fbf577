"""What a call says of Da Vinci CRD: the version it asks for, and what it configures.

Nothing of it is ever required, and nothing of it can make a call fail: what is not known is ignored, and of what is
known a value of the wrong kind is told and replaced by the default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cdshooks.engine.crd_table import CrdTable, Option

PREFIX = "davinci-crd."
VERSION, OPTIONS = f"{PREFIX}version", f"{PREFIX}configuration-options"
REQUESTED, _CONFIGURATION = f"{PREFIX}requestedVersion", f"{PREFIX}configuration"
_PATCHED = re.compile(r"(\d+\.\d+)\.\d+")
_KINDS: Mapping[str, type] = {"boolean": bool, "integer": int}


@dataclass(frozen=True, slots=True)
class CrdRequest:
    """The version to answer in, the value of each thing that options turn, and the options that could not be obeyed."""

    version: str
    values: Mapping[str, bool | int]
    unusable: tuple[str, ...] = ()

    def on(self, what: str) -> bool:
        """Whether something is turned on; it is where no option turns it."""
        return bool(self.values.get(what, True))


def asks_for_crd(extension: Mapping[str, Any]) -> bool:
    """Whether a call carries any of the extensions of CRD."""
    return any(key in (REQUESTED, _CONFIGURATION) for key in extension)


def read_crd_request(extension: Mapping[str, Any], table: CrdTable) -> CrdRequest:
    """Read the extensions of a call (Da Vinci CRD, Additional capabilities).

    A version that is not supported is answered in the first that is; 2.2.1 is the 2.2 of the guide.
    """
    asked = _version(extension.get(REQUESTED))
    given = extension.get(_CONFIGURATION)
    configured = given if isinstance(given, Mapping) else {}
    sent = [option for option in table.options if option.code in configured]
    unusable = [option.code for option in sent if not _fits(configured[option.code], option)]
    values = {o.turns: configured[o.code] if o in sent and o.code not in unusable else o.default for o in table.options}
    unusable += [] if asked is None or asked in table.versions else [REQUESTED]
    unusable += [] if given is None or given is configured else [_CONFIGURATION]
    return CrdRequest(asked if asked in table.versions else table.versions[0], values, tuple(unusable))


def _version(asked: Any) -> Any:
    """Major and minor, which is all that the guide has a client send; what else was sent stays as it is."""
    patched = _PATCHED.fullmatch(asked) if isinstance(asked, str) else None
    return patched[1] if patched else asked


def _fits(value: Any, option: Option) -> bool:
    return isinstance(value, int) and type(value) is _KINDS[option.type] and value >= 0
