"""The members of a call and those of its prefetch, all still undecoded, told apart in one pass over the bytes."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Raw, Struct

from cdshooks.hooks import json_body

_PREFETCH = "prefetch"
_NULL = Raw(b"null")


class _Sent(Struct):
    """The members that a call may have. Source: CDS Hooks 2.0.1."""

    hook: Raw = _NULL
    hookInstance: Raw = _NULL
    fhirServer: Raw = _NULL
    fhirAuthorization: Raw = _NULL
    context: Raw = _NULL
    extension: Raw = _NULL
    prefetch: dict[str, Raw] | None = None


_sent = msgspec.json.Decoder(_Sent)


def members_of_call(text: bytes) -> tuple[Mapping[str, Raw], Mapping[str, Raw] | None]:
    """The members of a call in a text that has passed `json_body.checked`, and those of its prefetch.

    The latter are None where they are still to be told apart: a call with anything unusual about it, such as a
    member that the standard does not know, is read plainly. Raises RequestError (400) as `json_body.members` does.
    """
    try:
        found = msgspec.structs.asdict(_sent.decode(text))
    except (msgspec.MsgspecError, RecursionError):
        return json_body.members(text), None  # which says what is wrong, if anything is
    sent = {name: part for name, part in found.items() if part is not _NULL}
    if not json_body.holds_just(sent, text):
        return json_body.members(text), None
    return sent, sent.pop(_PREFETCH, None)
