"""Bad requests, each with a name that says what is wrong with it, and the answer that it must get.

`BAD_JSON`: (bytes, words of the refusal), 400 each. `BAD_CALLS`: (how the call is made, status, words of the refusal).
"""

import json

BAD_JSON = {
    "empty": (b"", "empty"),
    "blank": (b" \n\t", "empty"),
    "only a byte-order mark": (b"\xef\xbb\xbf", "empty"),
    "a byte that is not UTF-8": (b'{"a": "\xff"}', r"not UTF-8 \(byte 7\)"),
    "a surrogate in UTF-8": (b'"\xed\xa0\x80"', r"not UTF-8 \(byte 1\)"),
    "UTF-16": ('{"a":1}'.encode("utf-16"), "not UTF-8"),
    "UTF-16 without a mark": ('{"a":1}'.encode("utf-16-le"), "not JSON"),
    "NaN": (b'{"a": NaN}', r"not JSON.*\(byte 6\)"),
    "Infinity": (b'{"a": Infinity}', "not JSON"),
    "-Infinity": (b'{"a": -Infinity}', "not JSON"),
    "a float beyond a double": (b"[1e999]", "out of range"),
    "a whole number of 309 digits": (b'{"a": ' + b"9" * 309 + b"}", "more than 308 digits"),
    "a negative number of 309 digits": (b"[-" + b"7" * 309 + b"]", "more than 308 digits"),
    "a whole number of 5000 digits": (b"[" + b"9" * 5000 + b"]", "out of range"),
    "a lone high surrogate": (rb'{"a": "\ud800", "b": 1}', "surrogate"),
    "a lone low surrogate": (rb'{"a": "\udc00", "b": 1}', "surrogate"),
    "a lone surrogate at the end": (rb'"\ud800"', "ends before"),
    "U+0000": (rb'{"a": "x\u0000"}', r"U\+0000 \(byte 8\)"),
    "a raw control character": (b'"\x01"', "not JSON"),
    "text after the value": (b"{} x", "trailing characters"),
    "a second value": (b"{}{}", "trailing"),
    "a comment": (b"{} // no", "trailing"),
    "a trailing comma": (b"[1,]", "trailing comma"),
    "single quotes": (b"{'a': 1}", "not JSON"),
    "a cut string": (b'{"a": "b', r"ends before its last value is complete \(byte 8\)"),
    "a cut object": (b'{"a": 1', "ends before"),
    "a key twice": (b'{"a": 1, "a": 2}', r"same key twice \(byte 9\)"),
    "a key twice, deep": (b'[{"x": {"a": 1, "b": {"a": 2}, "a": 3}}]', r"\(byte 31\)"),
    "a key twice, spaced": (b'{"a" : 1 , "a"\t: 2}', "same key twice"),
    "a key twice, spelled in two ways": (rb'{"a": 1, "\u0061": 2}', "same key twice"),
    "a key twice beside an escaped colon": (rb'{"a": "\u003a", "a": "\u003a"}', "same key twice"),
    "65 levels": (b"[" * 65 + b"]" * 65, "more than 64 levels"),
    "65 levels of two kinds": (b'[{"a":' * 33 + b"1" + b"}]" * 33, "more than 64 levels"),
    "65 levels in a long text": (b'{"a": [' + b"[" * 63 + b"1" + b"]" * 63 + b"]}", "more than 64"),
    "a million levels": (b"[" * 1_000_000, "more than 64 levels"),
    "levels hidden by brackets in strings": (
        b'["]",' * 65 + b"1" + b',"["]' * 65,
        "more than 64 levels",
    ),
    "levels hidden by brackets after an escaped quote": (
        rb'["\"]",' * 65 + b"1" + rb',"\"["]' * 65,
        "more than 64 levels",
    ),
}

URL = "/cds-services/cart-order-sign"
ORDER = {"resourceType": "MedicationRequest", "id": "o", "status": "draft", "medicationCodeableConcept": {"text": "x"}}
DRAFTS = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": ORDER}]}
CONTEXT = {"userId": "Practitioner/p", "patientId": "p1", "draftOrders": DRAFTS}
CALL = {
    "hook": "order-sign",
    "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
    "context": CONTEXT,
    "prefetch": {},
}
CANARY = "zqcanary"
"""Stands in every bad value that can hold it; no answer may quote it."""


def call(**changed):
    """A good call with changes; None leaves a member out."""
    return {name: value for name, value in (CALL | changed).items() if value is not LEFT_OUT}


def context(**changed):
    return call(context={name: value for name, value in (CONTEXT | changed).items() if value is not LEFT_OUT})


LEFT_OUT = object()


def post(body, url=URL, **options):
    """How a call is made: method, address and what goes with it."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ("POST", url, {"content_type": "application/json", "data": data} | options)


def odd(wanted):
    """JSON values that are not of the wanted kind, by name; the texts and keys carry the canary."""
    values = {
        "null": None,
        "a number": 7,
        "a fraction": 1.5,
        "true": True,
        "false": False,
        "text": CANARY,
        "a list": [CANARY],
        "an empty list": [],
        "an object": {CANARY: CANARY},
        "an empty object": {},
    }
    return {name: value for name, value in values.items() if name not in wanted}


def refused_values():
    """Each member of the envelope with each kind of value that it cannot have."""
    empty_or_none = ("null",)
    for name, value in odd(()).items():
        yield f"hook is {name}", post(call(hook=value)), 400, "hook"
        if name not in ("text",):
            yield f"hookInstance is {name}", post(call(hookInstance=value)), 400, "hookInstance"
            yield f"patientId is {name}", post(context(patientId=value)), 400, "context.patientId"
    for name, value in odd(("an object", "an empty object")).items():
        yield f"context is {name}", post(call(context=value)), 400, "context"
    for name, value in odd(("an object", "an empty object", *empty_or_none)).items():
        yield f"draftOrders is {name}", post(context(draftOrders=value)), 400, "context.draftOrders is not a Bundle"
        yield f"prefetch is {name}", post(call(prefetch=value)), 400, "prefetch is not a JSON object"
    for name, value in odd(("a list", "an empty list", *empty_or_none)).items():
        sent = DRAFTS | {"entry": value}
        yield (
            f"draftOrders.entry is {name}",
            post(context(draftOrders=sent)),
            400,
            "context.draftOrders.entry is not a list",
        )
    for name in ("hook", "hookInstance", "context"):
        yield f"{name} is left out", post(call(**{name: LEFT_OUT})), 400, f"{name} is missing"
        yield f"{name} is blank", post(call(**{name: "  "})), 400, name
    yield "patientId is left out", post(context(patientId=LEFT_OUT)), 400, "context.patientId is missing"
    yield "patientId is blank", post(context(patientId=" \t")), 400, "context.patientId is blank"
    yield "patientId is only a type", post(context(patientId="Patient/")), 400, "context.patientId"
    yield "the hook is another of ours", post(call(hook="patient-view")), 400, "answers the hook order-sign"
    yield "the hook is one that nobody knows", post(call(hook=CANARY)), 400, "answers the hook order-sign"
    yield "the hook is in capitals", post(call(hook="ORDER-SIGN")), 400, "answers the hook order-sign"


def refused_focus():
    """Members of the other hooks' contexts."""
    select, dispatch = (
        ("/cds-services/cart-order-select", "order-select"),
        ("/cds-services/cart-order-dispatch", "order-dispatch"),
    )
    for name, value in odd(("text", "a list", "an empty list")).items():
        sent = context(selections=value) | {"hook": select[1]}
        yield f"selections is {name}", post(sent, select[0]), 400, "context.selections"
        sent = context(dispatchedOrders=value, performer="Organization/x") | {"hook": dispatch[1]}
        yield f"dispatchedOrders is {name}", post(sent, dispatch[0]), 400, "context.dispatchedOrders"
    for name, value in odd(("text",)).items():
        sent = context(dispatchedOrders=["x/1"], performer=value) | {"hook": dispatch[1]}
        yield f"performer is {name}", post(sent, dispatch[0]), 400, "context.performer"
    many = [f"MedicationRequest/{number}" for number in range(51)]
    yield "51 selections", post(context(selections=many) | {"hook": select[1]}, select[0]), 413, "more than 50 orders"
    sent = context(dispatchedOrders=many, performer="Organization/x") | {"hook": dispatch[1]}
    yield "51 dispatched orders", post(sent, dispatch[0]), 413, "more than 50 orders"


def too_much():
    """More of something than any chart needs."""
    orders = DRAFTS | {"entry": [{"resource": ORDER | {"id": str(number)}} for number in range(51)]}
    yield "51 orders", post(context(draftOrders=orders)), 413, "more than 50 orders"
    records = [{"resource": {"resourceType": "Observation"}}] * 20_001
    yield "20001 resources", post(call(prefetch={"o": {"entry": records}})), 413, "more than 20000 resources"
    yield "a million and two values", post(b'{"hook":[' + b"0," * 1_000_001 + b"0]}"), 413, "more than 1000000 values"
    empty = b'{"hook":[' + b"{}," * 1_000_001 + b"{}]}"
    yield "a million and two empty objects", post(empty), 413, "more than 1000000 values"
    long = b'{"hook":"' + b"x" * (8 * 1024 * 1024 + 1) + b'"}'
    yield "a string of 8 MiB and a byte", post(long), 413, "a string of more than 8 MiB"
    yield "blanks of 9 MiB", post(b'{"hook":' + b" " * (9 * 1024 * 1024) + b'"x"}'), 413, "more than 8 MiB"
    yield "20 MiB and a byte", post(b" " * (20 * 1024 * 1024 + 1)), 413, "larger than 20 MiB"
    nested = json.dumps(call()).replace('"patientId"', '"deep": ' + "[" * 65 + "]" * 65 + ', "patientId"')
    yield "65 levels in context", post(nested.encode()), 400, "more than 64 levels"
    million = json.dumps(call()).replace('"patientId"', '"deep": ' + "[" * 100_000 + "]" * 100_000 + ', "patientId"')
    yield "a hundred thousand levels in context", post(million.encode()), 400, "levels"


def bad_json_inside():
    """Bad JSON within an otherwise good call: as a member, and deep in its context."""
    whole = json.dumps(call()).encode()
    for name, (text, _) in BAD_JSON.items():
        if text and len(text) < 100_000 and name not in NOT_INSIDE:
            yield f"in context: {name}", post(whole.replace(b'"userId"', b'"odd": ' + text + b', "userId"')), 400, ""
    for name in ("NaN", "a comment", "a trailing comma", "single quotes", "a raw control character", "a second value"):
        text = BAD_JSON[name][0]
        yield (
            f"in prefetch: {name}",
            post(whole.replace(b'"prefetch": {}', b'"prefetch": {"a": ' + text + b"}")),
            400,
            "",
        )


NOT_INSIDE = ("blank", "only a byte-order mark", "UTF-16", "text after the value")


def wrong_types():
    """Bodies that are not plain JSON in UTF-8."""
    good = json.dumps(call()).encode()
    for content_type in (
        None,
        "",
        "text/plain",
        "text/json",
        "text/html",
        "application/xml",
        "application/fhir+xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
        "application/json5",
        "application/jsonx",
        "application/json, text/plain",
        f"application/{CANARY}",
    ):
        yield f"Content-Type {content_type!r}", post(good, content_type=content_type), 415, "not application/json"
    for charset in ("latin-1", "iso-8859-1", "utf-16", "utf-7", "windows-1252", CANARY):
        typed = f"application/json; charset={charset}"
        yield f"charset {charset}", post(good, content_type=typed), 415, "charset is not UTF-8"
    for coding in ("gzip", "deflate", "br", "zstd", "x-gzip", "gzip, identity", "chunked", CANARY):
        yield f"Content-Encoding {coding}", post(good, headers={"Content-Encoding": coding}), 415, "Content-Encoding"


def wrong_addresses():
    """Addresses and methods that there are not."""
    for url in (
        "/cds-services/other",
        "/cds-services/cart-order-sign2",
        "/cds-services/CART-ORDER-SIGN",
        f"/cds-services/{CANARY}",
    ):
        yield f"POST {url}", post(call(), url), 404, "no CDS service of that id"
        yield f"POST {url}/feedback", post({"feedback": []}, f"{url}/feedback"), 404, "no CDS service of that id"
    for url in (
        "/cds-services/",
        f"{URL}/",
        "/cds-services/..%2f..%2fetc%2fpasswd",
        "/cds-service",
        "/.env",
        f"/{CANARY}",
    ):
        yield f"POST {url}", post(call(), url), 404, "nothing at this address"
    for method in ("GET", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"):
        yield f"{method} of a service", (method, URL, {}), 405, "does not answer that method"
    for method in ("POST", "PUT", "DELETE"):
        yield f"{method} of discovery", (method, "/cds-services", {}), 405, "does not answer that method"


def bad_feedback():
    """Feedback that cannot be kept."""
    entry = {"card": "c", "outcome": "accepted", "outcomeTimestamp": "2026-11-21T09:00:00Z"}

    def sent(*entries):
        return post({"feedback": list(entries)}, f"{URL}/feedback")

    for name, value in odd(("a list", "an empty list")).items():
        yield f"feedback is {name}", post({"feedback": value}, f"{URL}/feedback"), 400, "feedback is not a list"
    for name, value in odd(("an object", "an empty object")).items():
        yield f"an entry of feedback is {name}", sent(value), 400, "feedback[0]"
    for field in entry:
        yield f"feedback without {field}", sent({k: v for k, v in entry.items() if k != field}), 400, field
    yield "an outcome that there is not", sent(entry | {"outcome": CANARY}), 400, "neither accepted nor overridden"
    yield "a time that is none", sent(entry | {"outcomeTimestamp": CANARY}), 400, "not a date and time"
    yield "the second entry is bad", sent(entry, entry | {"outcome": 7}), 400, "feedback[1].outcome"
    yield "feedback is the body", post([entry], f"{URL}/feedback"), 400, "not a JSON object"


BAD_CALLS = {
    name: (made, status, said)
    for rows in (
        ((f"the body: {name}", post(text), 400, "") for name, (text, _) in BAD_JSON.items()),
        refused_values(),
        refused_focus(),
        too_much(),
        bad_json_inside(),
        wrong_types(),
        wrong_addresses(),
        bad_feedback(),
    )
    for name, made, status, said in rows
}
