"""Every way in which an EHR's FHIR server can fail, with what comes of it: known, or told as not read, in time."""

import gc
import gzip
import json
import ssl
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fhir_answers import Answers
from fhir_server import BASE, answer, fhir_server
from parts import (
    AS_OF,
    body_of,
    bundle,
    cards_of,
    coverage,
    determination_of,
    findings_of,
    full_chart,
    observation,
    patient,
    request_of,
)

from cdshooks.hooks.fetched import Miss, Query
from cdshooks.hooks.request import access_token
from cdshooks.hooks.service import answer as answer_call
from cdshooks.server.addresses import FhirAccess
from cdshooks.server.breaker import Breaker, BreakerState
from cdshooks.server.fhir_client import FhirClient, Limits

CHART = [patient(), coverage(), *full_chart()]
SMALL = Limits(total_seconds=60, request_seconds=30, answer_bytes=200_000, all_bytes=400_000)
QUICK = replace(SMALL, total_seconds=1.0, answer_seconds=0.1, request_seconds=0.5)  # for what would hang for ever
SEARCH = Query("observations", "Observation?patient=p1", ("Observation",))
TOKEN = "canary-token-7f3a"


def reader(server, client=None, token=TOKEN, url=None, **access):
    own = FhirAccess((server.url,), **({"allow_loopback": True} | access))
    return (client or FhirClient(SMALL)).for_call(own, url or server.url, lambda: token)


def read(server, *queries, **fields):
    return reader(server, **fields)(queries or (SEARCH,))


def count(result):
    return sum(len(page.get("entry", [])) for page in result.pages if isinstance(page, dict))


# ---- what a server may do, and what comes of it ----


def page(call, kind="Observation", **fields):
    return call.say(bundle(observation(), **fields))


def hang(call, _):
    call.server.stopped.wait(5)


def drip(call, _):
    call.raw("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n")
    for _ in range(50):
        if call.server.stopped.wait(0.05):
            return
        call.raw(" ")


def drip_headers(call, _):
    call.raw("HTTP/1.1 200 OK\r\n")
    for number in range(100):
        if call.server.stopped.wait(0.05):
            return
        call.raw(f"X-{number}: y\r\n")


def continue_for_ever(call, _):
    while not call.server.stopped.wait(0.001):
        call.raw("HTTP/1.1 100 Continue\r\n\r\n")


def next_to(url, then=None):
    """A first page that leads somewhere; `then` answers the calls after it."""

    def fault(call, before):
        if before and then:
            return then(call, before)
        link = url(call.server, before) if callable(url) else url
        return page(call, link=[{"relation": "next", "url": link}])

    return fault


def status(code, **headers):
    return lambda call, before: call.say({"resourceType": "OperationOutcome", "issue": []}, code, **headers)


def says(body, **headers):
    return lambda call, before: call.say(body, **headers)


def raw(text):
    return lambda call, before: call.raw(text)


FAILED = {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}
OK = "HTTP/1.1 200 OK\r\n"
BOMB = gzip.compress(b" " * 50_000_000)
FAULTS = {
    "hangs before headers": (hang, Miss.LATE, 0),
    "drips its body": (drip, Miss.LATE, 0),
    "drips its headers": (drip_headers, Miss.LATE, 0),
    "says continue for ever": (continue_for_ever, Miss.LATE, 0),
    "closes without a word": (lambda call, _: call.raw(""), Miss.FAILED, 0),
    "breaks off in the headers": (raw(OK + "Content-Le"), Miss.UNREADABLE, 0),
    "speaks no HTTP": (raw("SSH-2.0-OpenSSH\r\n\r\n"), Miss.UNREADABLE, 0),
    "sends a header without end": (raw(OK + "X: " + "y" * 100_000), Miss.UNREADABLE, 0),
    "sends too many headers": (raw(OK + "X: y\r\n" * 200 + "\r\n"), Miss.UNREADABLE, 0),
    "breaks off in the body": (raw(OK + 'Content-Length: 900\r\n\r\n{"resourceType"'), Miss.UNREADABLE, 0),
    "breaks off in a chunk": (raw(OK + "Transfer-Encoding: chunked\r\n\r\n40\r\n{}"), Miss.UNREADABLE, 0),
    "sends a chunk of no size": (raw(OK + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}"), Miss.UNREADABLE, 0),
    "truncated JSON": (says(json.dumps(bundle(observation())).encode()[:-9]), Miss.UNREADABLE, 0),
    "an empty body": (says(b""), Miss.UNREADABLE, 0),
    "HTML with 200": (says(b"<html>Sign in</html>", Content_Type="text/html"), Miss.UNREADABLE, 0),
    "JSON nested too deep": (says(b'{"a":' * 200 + b"1" + b"}" * 200), Miss.UNREADABLE, 0),
    "a number without end": (says(b'{"total":' + b"9" * 5000 + b"}"), Miss.UNREADABLE, 0),
    "one key twice": (says(b'{"resourceType":"Bundle","resourceType":"Bundle"}'), Miss.UNREADABLE, 0),
    "UTF-16": (says(json.dumps(bundle()).encode("utf-16")), Miss.UNREADABLE, 0),
    "a gzip bomb": (says(BOMB[:100_000], Content_Encoding="gzip"), Miss.UNREADABLE, 0),
    "gzip that it does not tell": (says(gzip.compress(json.dumps(bundle()).encode())), Miss.UNREADABLE, 0),
    "says that it is too large": (raw(OK + "Content-Length: 100000000\r\n\r\n{"), Miss.TOO_LARGE, 0),
    "is too large without saying it": (raw(OK + "\r\n" + " " * 300_000), Miss.TOO_LARGE, 0),
    "301": (status(301, Location="http://127.0.0.1:1/r4"), Miss.ELSEWHERE, 0),
    "302 to itself": (status(302, Location=BASE), Miss.ELSEWHERE, 0),
    "307": (status(307, Location="http://169.254.169.254/"), Miss.ELSEWHERE, 0),
    "400": (status(400), Miss.FAILED, 0),
    "401": (status(401), Miss.REFUSED, 0),
    "403": (status(403), Miss.REFUSED, 0),
    "404": (status(404), Miss.NOT_FOUND, 0),
    "410": (status(410), Miss.NOT_FOUND, 0),
    "429": (status(429, Retry_After="1"), Miss.BUSY, 0),
    "500": (status(500), Miss.FAILED, 0),
    "503": (status(503), Miss.FAILED, 0),
    "204": (status(204), Miss.FAILED, 0),
    "206": (status(206), Miss.FAILED, 0),
    "page 2 fails": (next_to(lambda s, _: f"{s.url}/Observation?2", status(500)), Miss.FAILED, 1),
    "page 2 is refused": (next_to(lambda s, _: f"{s.url}/Observation?2", status(401)), Miss.REFUSED, 1),
    "page 2 hangs": (next_to(lambda s, _: f"{s.url}/Observation?2", hang), Miss.LATE, 1),
    "page 2 is no Bundle": (next_to(lambda s, _: f"{s.url}/Observation?2", says(FAILED)), Miss.UNREADABLE, 1),
    "page 2 is page 1": (next_to(lambda s, _: f"{s.url}/Observation?patient=p1"), Miss.CIRCULAR, 1),
    "pages go to and fro": (next_to(lambda s, n: f"{s.url}/Observation?{n % 2}"), Miss.CIRCULAR, 3),
    "pages without end": (next_to(lambda s, n: f"{s.url}/Observation?{n}"), Miss.TOO_MANY, 10),
    "page 2 on another host": (next_to("https://example.com/r4/Observation?2"), Miss.ELSEWHERE, 1),
    "page 2 on another port": (next_to("http://127.0.0.1:1/r4/Observation?2"), Miss.ELSEWHERE, 1),
    "page 2 above the base": (next_to(lambda s, _: s.url.removesuffix(BASE) + "/admin"), Miss.ELSEWHERE, 1),
    "page 2 beside the base": (next_to(lambda s, _: f"{s.url}4/Observation"), Miss.ELSEWHERE, 1),
    "page 2 by dots": (next_to(lambda s, _: f"{s.url}/../admin"), Miss.ELSEWHERE, 1),
    "page 2 is no address": (next_to("//[x"), Miss.ELSEWHERE, 1),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_ends_in_time_and_in_its_reason(name):
    fault, miss, entries = FAULTS[name]
    with fhir_server(faults={"Observation": fault}) as server:
        began = time.monotonic()
        (result,) = read(server, client=FhirClient(QUICK if miss is Miss.LATE else SMALL))
        took = time.monotonic() - began
    assert (result.miss, count(result)) == (miss, entries)
    assert took < 20  # far above the second that it may take: only what hangs for ever is caught here
    assert TOKEN not in repr(result) + str(result.miss)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (answer, "met"),
        (says(FAILED), "could-not-check"),
        (says(bundle({"resource": FAILED, "search": {"mode": "outcome"}}, total=0)), "could-not-check"),
        (says(patient()), "could-not-check"),
        (says(bundle(observation(), total=7)), "met"),
        (says(bundle(total=7)), "could-not-check"),
        (says(bundle({"resource": None})), "could-not-check"),
        (says(bundle(observation(subject={"reference": "Patient/p2"}))), "could-not-check"),
        (says(bundle(observation(), observation(id_="x", subject={"reference": "Patient/p2"}))), "met"),
        (says(bundle()), "missing"),
        (status(403), "could-not-check"),
        (hang, "could-not-check"),
        (next_to(lambda s, _: f"{s.url}/Observation?2", status(500)), "met"),
    ],
)
def test_a_fault_of_one_kind_touches_only_what_rests_on_it(example, fault, outcome):
    with fhir_server(*CHART, faults={"Observation": fault}) as server:
        client = FhirClient(replace(QUICK, total_seconds=4, request_seconds=1) if fault is hang else SMALL)
        answered = answer_call(request_of(prefetch={}), example, AS_OF, None, reader(server, client))
    (card,) = cards_of(answered)
    others = findings_of(card)
    assert others.pop("virus") == outcome
    with fhir_server(*CHART) as server:
        (whole,) = cards_of(answer_call(request_of(prefetch={}), example, AS_OF, None, reader(server)))
    assert others == {criterion: found for criterion, found in findings_of(whole).items() if criterion != "virus"}


def test_a_server_that_refuses_every_connection_is_a_failure():
    with fhir_server() as server:
        gone = reader(server)
    (result,) = gone((SEARCH,))
    assert result.miss is Miss.FAILED


@pytest.mark.parametrize("error", [OSError("canary"), UnicodeError("canary")])
def test_a_name_that_cannot_be_resolved_is_a_failure(monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("socket.getaddrinfo", fail)
    access = FhirAccess(("https://fhir.example/r4",))
    (result,) = FhirClient(QUICK).for_call(access, "https://fhir.example/r4", lambda: TOKEN)((SEARCH,))
    assert result.miss is Miss.FAILED


# ---- pages, limits, and what runs at once ----


def test_every_page_is_read():
    chart = [observation(id_=f"o{number}") for number in range(25)]
    with fhir_server(*chart, page_size=5) as server:
        (result,) = read(server)
    assert (result.miss, count(result), len(server.asked)) == (None, 25, 5)


def test_a_next_link_may_be_relative():
    relative = next_to("Observation?2", answer)
    with fhir_server(observation(), faults={"Observation": relative}) as server:
        (result,) = read(server)
    assert (result.miss, server.asked) == (None, [f"{BASE}/Observation?patient=p1", f"{BASE}/Observation?2"])


def test_the_requests_of_one_call_are_counted_over_all_rounds():
    queries = [Query(f"Medication/{n}", f"Medication/{n}", ("Medication",)) for n in range(20)]
    with fhir_server() as server:
        fetch = reader(server)
        misses = [result.miss for result in [*fetch(queries[:8]), *fetch(queries[8:])]]
    assert len(server.asked) == QUICK.requests == 12
    assert (misses.count(Miss.NOT_FOUND), misses.count(Miss.TOO_MANY)) == (12, 8)


def test_the_pages_of_one_search_leave_requests_for_the_others():
    endless = next_to(lambda s, n: f"{s.url}/Observation?{n}")
    others = [Query(f"Medication/{n}", f"Medication/{n}", ("Medication",)) for n in range(9)]
    with fhir_server(faults={"Observation": endless}) as server:
        first, *rest = read(server, SEARCH, *others)
    assert {result.miss for result in rest} == {Miss.NOT_FOUND}
    assert (first.miss, len(first.pages), len(server.asked)) == (Miss.TOO_MANY, 3, 12)


def test_no_more_than_four_requests_run_at_once():
    waiting, most = [], []

    def slow(call, _):
        waiting.append(call)
        most.append(len(waiting))
        call.server.stopped.wait(0.05)
        waiting.remove(call)  # before it is answered: the next one may come before this thread goes on
        call.say(bundle())

    queries = [Query(f"k{n}", f"Observation?{n}", ("Observation",)) for n in range(10)]
    with fhir_server(faults={"Observation": slow}) as server:
        results = read(server, *queries)
    assert 1 < max(most) <= 4
    assert [result.query for result in results] == queries


def test_the_bytes_of_all_answers_are_counted_together():
    large = says(b'{"x":"' + b"y" * 150_000 + b'"}')
    queries = [Query(f"k{n}", f"Observation?{n}", ("Observation",)) for n in range(4)]
    with fhir_server(faults={"Observation": large}) as server:
        misses = [result.miss for result in read(server, *queries)]
    assert sorted(map(str, misses)) == ["None", "None", "too-large", "too-large"]


def test_at_the_deadline_what_is_known_is_given_and_nothing_is_asked_any_more():
    with fhir_server(observation(), faults={"Condition": hang, "Procedure": hang}) as server:
        limits = Limits(total_seconds=1.0, answer_seconds=0.1, request_seconds=5)
        fetch = reader(server, client=FhirClient(limits))
        slow = [Query(kind, f"{kind}?x", (kind,)) for kind in ("Condition", "Procedure")]
        misses = [result.miss for result in fetch([SEARCH, *slow])]
        asked = len(server.asked)
        assert [result.miss for result in fetch([Query("reports", "DiagnosticReport?x", ())])] == [Miss.LATE]
        assert len(server.asked) == asked
    assert misses == [None, Miss.LATE, Miss.LATE]


def test_the_time_that_a_call_took_before_is_not_given_again():
    with fhir_server(observation()) as server:
        client = FhirClient(QUICK)
        access = FhirAccess((server.url,), allow_loopback=True)
        late = client.for_call(access, server.url, lambda: TOKEN, spent=QUICK.total_seconds)
        assert [result.miss for result in late((SEARCH,))] == [Miss.LATE]
        assert server.asked == []


def test_no_thread_works_on_after_the_deadline():
    with fhir_server(faults={"Observation": hang, "Condition": drip}) as server:
        read(server, SEARCH, Query("conditions", "Condition?x", ("Condition",)), client=FhirClient(QUICK))
        ours = [thread for thread in threading.enumerate() if thread.name.startswith("fhir")]
        for thread in ours:
            thread.join(5)
        assert not any(thread.is_alive() for thread in ours)


def test_the_limits_are_those_that_are_promised():
    limits = Limits()
    assert (limits.total_seconds, limits.requests, limits.at_once, limits.request_seconds) == (4.0, 12, 4, 2.0)
    assert (limits.pages, limits.answer_bytes, limits.failures, limits.pause_seconds) == (10, 5 * 2**20, 5, 30.0)


# ---- a server that is down ----


def test_a_dead_server_is_left_alone_and_tried_again_with_one_request():
    now, told = [0.0], []
    client = FhirClient(SMALL, lambda *state: told.append(state), clock=lambda: now[0])
    queries = [Query(f"k{n}", f"Observation?{n}", ("Observation",)) for n in range(5)]
    faults = {"Observation": status(500)}
    with fhir_server(observation(), faults=faults) as server:
        assert {result.miss for result in read(server, *queries, client=client)} == {Miss.FAILED}
        assert [result.miss for result in read(server, SEARCH, client=client)] == [Miss.DOWN]
        assert len(server.asked) == 5
        now[0] = 31
        assert {result.miss for result in read(server, *queries, client=client)} == {Miss.FAILED, Miss.DOWN}
        assert len(server.asked) == 6
        now[0] = 62
        faults.clear()
        assert {result.miss for result in read(server, *queries, client=client)} == {None}
        assert len(server.asked) == 11
    states = [BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED]
    assert [*dict.fromkeys(told)] == [(server.url, state) for state in states]


def test_results_are_counted_by_what_they_came_to():
    with fhir_server(observation(), faults={"Condition": status(403)}) as server:
        fetch = reader(server)
        fetch([SEARCH, Query("conditions", "Condition?x", ("Condition",)), Query("x", "https://example.com/x", ())])
    assert fetch.results == {"read": 1, "refused": 1, "elsewhere": 1}


def test_a_server_that_answers_that_it_will_not_is_not_down():
    client = FhirClient(SMALL)
    with fhir_server(faults={"Observation": status(403)}) as server:
        for _ in range(8):
            assert read(server, client=client)[0].miss is Miss.REFUSED


def test_a_breaker_forgets_failures_at_the_first_success():
    breaker = Breaker(2, 30, lambda: 0.0)
    for alive in (False, True, False, None):
        assert breaker.admits()
        breaker.note(alive)
    assert breaker.state is BreakerState.CLOSED
    breaker.note(False)
    assert (breaker.state, breaker.admits()) == (BreakerState.OPEN, False)


# ---- the token ----


def test_the_token_is_sent_to_the_registered_server_and_kept_nowhere(capsys, caplog):
    caplog.set_level(0)
    with fhir_server(observation(), page_size=1) as server:
        fetch = reader(server)
        fetch((SEARCH,))
        fetch((Query("x", "https://example.com/r4/Patient/1", ()),))
        assert server.tokens == [f"Bearer {TOKEN}"]
        assert TOKEN not in repr(fetch) + str(fetch)
    del fetch
    gc.collect()
    assert TOKEN not in caplog.text + "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("code", "fields", "use"),
    [
        (200, {}, "used"),
        (404, {}, "used"),
        (401, {}, "rejected"),
        (403, {}, "rejected"),
        (200, {"token": None}, "not-used"),
        (200, {"token": None, "without_token": True}, "not-used"),
    ],
)
def test_what_became_of_the_token_is_told_in_the_guide_s_words(code, fields, use):
    with fhir_server(observation(), faults={"Observation": status(code)} if code != 200 else {}) as server:
        fetch = reader(server, **fields)
        assert fetch.token_use == "not-used"
        fetch((SEARCH,))
        assert fetch.token_use == use


def test_no_token_is_asked_for_before_something_is_to_be_read(example):
    def refuse():
        raise AssertionError("asked")

    client = FhirClient(QUICK)
    client.for_call(FhirAccess(("http://127.0.0.1:1/r4",), allow_loopback=True), "http://127.0.0.1:1/r4", refuse)
    unregistered = client.for_call(FhirAccess(), "https://fhir.example/r4", refuse)
    assert unregistered((SEARCH,))[0].miss is Miss.UNREGISTERED


def test_without_a_token_nothing_is_asked_unless_the_client_may():
    with fhir_server(observation()) as server:
        assert read(server, token=None)[0].miss is Miss.NO_TOKEN
        assert server.asked == []
        assert read(server, token=None, without_token=True)[0].miss is None
        assert server.tokens == [None]


@pytest.mark.parametrize(
    ("authorization", "token"),
    [
        ({"access_token": "abc", "scope": "patient/*.read user/Observation.rs"}, "abc"),
        ({"access_token": "abc", "scope": "PATIENT.READ (R4) [x] Observation.Search"}, "abc"),
        ({"access_token": "abc", "scope": 7, "expires_in": "soon", "token_type": None}, "abc"),
        ({"access_token": " abc "}, "abc"),
        ({"access_token": "eyJ.a-_~+/="}, "eyJ.a-_~+/="),
        ({"access_token": "a\r\nX-Evil: 1"}, None),
        ({"access_token": "a b"}, None),
        ({"access_token": "ä"}, None),
        ({"access_token": "a" * 20_000}, None),
        ({"access_token": ""}, None),
        ({"access_token": None}, None),
        ({"access_token": {"x": 1}}, None),
        ({}, None),
        (None, None),
        ("abc", None),
        (["abc"], None),
    ],
)
def test_any_scope_is_taken_and_only_a_token_that_fits_a_header(authorization, token):
    assert access_token(body_of(fhirAuthorization=authorization)) == token


# ---- one story, three ways ----


def test_the_same_findings_come_from_prefetch_and_from_the_server(example):
    (sent,) = cards_of(answer_call(request_of(chart=full_chart()), example, AS_OF))
    with fhir_server(*CHART, page_size=1) as server:
        (fetched,) = cards_of(answer_call(request_of(prefetch={}), example, AS_OF, None, reader(server)))
    assert determination_of(fetched)["findings"] == determination_of(sent)["findings"]
    (pure,) = cards_of(answer_call(request_of(prefetch={}), example, AS_OF, None, Answers(*CHART)))
    assert pure["detail"] == fetched["detail"]


# ---- TLS ----


def certificate(folder, name):
    """A server's certificate for a host name that vouches for itself, in a file with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.mark.parametrize(
    ("name", "trusted", "miss"),
    [("fhir.test", True, None), ("fhir.test", False, Miss.FAILED), ("other.test", True, Miss.FAILED)],
)
def test_the_certificate_is_checked_for_the_name_although_the_address_is_pinned(
    monkeypatch, tmp_path, name, trusted, miss
):
    file = certificate(tmp_path, name)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(file)
    tls = ssl.create_default_context(cafile=str(file) if trusted else None)
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("127.0.0.1", 0))])
    with fhir_server(observation(), tls=served) as server:
        url = f"https://fhir.test:{server.server_port}{BASE}"
        access = FhirAccess((url,), allow_loopback=True)
        (result,) = FhirClient(SMALL, tls=tls).for_call(access, url, lambda: TOKEN)((SEARCH,))
    assert result.miss is miss
    assert server.tokens == ([f"Bearer {TOKEN}"] if miss is None else [])
