"""Reading JSON strictly: what is refused, in which words, and that nothing else is."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from bad_requests import BAD_JSON
from hypothesis import given
from hypothesis import strategies as st

from cdshooks.hooks import json_body
from cdshooks.hooks.errors import RequestError

READ = {
    "64 levels": b"[" * 64 + b"]" * 64,
    "64 levels of two kinds": b'[{"a":' * 32 + b"1" + b"}]" * 32,
    "a byte-order mark": b'\xef\xbb\xbf{"a": 1}',
    "many brackets in strings": b'["' + b"[{" * 500 + b'", "]"]',
    "an escaped quote before a bracket": rb'["\"[", "\\", "[{"]',
    "a colon in a string": b'{"a:b": "c\\":d"}',
    "an escaped colon": rb'{"a": "\u003a\u003A"}',
    "an escaped backslash before u003a": rb'{"a": "\\u003a", "b": "\\u0000"}',
    "the same key in two objects": b'[{"a": 1}, {"a": {"a": 1}}]',
    "a surrogate pair": rb'"\ud83d\ude00"',
    "308 digits": b"[" + b"9" * 308 + b"]",
    "1000 digits in a string": b'{"value": "' + b"1" * 1000 + b'", "b": 1}',
    "a long fraction": b"[0." + b"1" * 40 + b"]",
    "space everywhere": b' { "a" : [ 1 , 2 ] , "b" : null } ',
}

TEXT = st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\0"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=30,
)


@pytest.mark.parametrize(("body", "said"), BAD_JSON.values(), ids=BAD_JSON)
def test_unusable_text_is_refused_in_words(body: bytes, said: str) -> None:
    with pytest.raises(RequestError, match=said) as refusal:
        json_body.decode(body)
    assert refusal.value.status == 400


@pytest.mark.parametrize("body", READ.values(), ids=READ)
def test_unusual_but_valid_text_is_read(body: bytes) -> None:
    assert json_body.decode(body) == json.loads(body)


@given(JSON)
def test_every_json_value_is_read_back(something: Any) -> None:
    for text in (json.dumps(something), json.dumps(something, ensure_ascii=False, indent=1)):
        assert json_body.decode(text.encode()) == something


@given(st.lists(st.tuples(TEXT, st.integers()), min_size=1), st.data())
def test_a_repeated_key_is_always_found(pairs: list[tuple[str, int]], data: st.DataObject) -> None:
    once = list(dict(pairs).items())
    twice = [*once, data.draw(st.sampled_from(once))]
    text, again = ("{" + ",".join(f"{json.dumps(k)}:{v}" for k, v in some) + "}" for some in (once, twice))
    assert json_body.decode(text.encode()) == dict(once)
    with pytest.raises(RequestError, match="same key twice"):
        json_body.decode(again.encode())


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        json_body.decode(body)
    except RequestError as refusal:
        assert refusal.status == 400


@pytest.mark.parametrize("body", [b'{"canary": canary}', b'"canary\xff"', b'{"canary": 1, "canary": 2}', b"[canary"])
def test_a_refusal_never_quotes_the_text(body: bytes) -> None:
    with pytest.raises(RequestError) as refusal:
        json_body.decode(body)
    assert "canary" not in refusal.value.message


def test_the_members_of_an_object_stay_undecoded_until_they_are_asked_for() -> None:
    deep = b"[" * 65 + b"]" * 65
    text = json_body.checked(rb'{"a": {"x": 1, "x": 2}, "b": [1e999], "c": null, "d": "\u0000", "e": ' + deep + b"}")
    found = json_body.members(text)
    assert list(found) == ["a", "b", "c", "d", "e"]
    assert json_body.value(found["c"]) is None
    with pytest.raises(RequestError, match=r"part a has an object with the same key twice \(byte 9\)"):
        json_body.value(found["a"], "part a")
    with pytest.raises(RequestError, match="part b holds a number that is out of range"):
        json_body.value(found["b"], "part b")
    with pytest.raises(RequestError, match=r"part d holds the character U\+0000 \(byte 1\)"):
        json_body.value(found["d"], "part d")
    with pytest.raises(RequestError, match="part e is nested more than 64 levels deep"):
        json_body.value(found["e"], "part e")


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"null", b"1e9"])
def test_members_are_those_of_an_object_only(body: bytes) -> None:
    with pytest.raises(RequestError, match="prefetch is not a JSON object"):
        json_body.members(body, "prefetch")


@pytest.mark.parametrize("body", [b'{"a": [1,]}', b'{"a": NaN}', b'{"a": 1} x', b'{"a": 1, "a": 2}'])
def test_bad_syntax_is_found_without_decoding_the_members(body: bytes) -> None:
    with pytest.raises(RequestError):
        json_body.members(json_body.checked(body))


def test_a_repeated_key_far_away_is_refused_without_its_place() -> None:
    with pytest.raises(RequestError, match=r"same key twice$"):
        json_body.decode(b'["' + b"x" * 1024 * 1024 + b'", {"a": 1, "a": 2}]')


HOSTILE = {
    "levels": b"[" + b"[" * 63 + b"]" * 63 + b"]",
    "brackets in a string": b'["' + b"[" * 1_000_000 + b'", ' + b"[" * 60 + b"]" * 60 + b"]",
    "escaped backslashes": b'["' + rb"\\" * 250_000 + rb'\\u0000\\u003a"]',
    "escaped quotes": b'["' + rb"\"" * 500_000 + b'"]',
    "long numbers": b"[" + (b"9" * 300 + b",") * 3000 + b"1]",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_a_megabyte_made_to_be_slow_is_read_in_its_time(body: bytes) -> None:
    began = time.process_time()
    assert json_body.decode(body) is not None
    assert time.process_time() - began < 0.5


def test_a_byte_position_is_the_position_in_the_text() -> None:
    body = b'{"a": 1, "b": [1, 2, oops]}'
    with pytest.raises(RequestError) as refusal:
        json_body.decode(body)
    byte = re.search(r"byte (\d+)", refusal.value.message)
    assert byte is not None
    assert body[int(byte[1])] == ord("o")
