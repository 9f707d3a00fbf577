"""No address but a registered one is ever called: every hostile form opens no socket and resolves no name."""

import socket

import pytest

from cdshooks.hooks.fetched import Miss, Query
from cdshooks.server.addresses import FhirAccess, may_be_called, read_address, registered
from cdshooks.server.fhir_client import FhirClient, Limits

BASE = "https://fhir.hospital.example/r4"
ACCESS = FhirAccess((BASE, "https://fhir.hospital.example:8443/epic/api/FHIR/R4/"))
QUERY = Query("patient", "Patient/p1", ("Patient",))

HOSTILE = [
    # another scheme
    "http://fhir.hospital.example/r4",
    "ftp://fhir.hospital.example/r4",
    "file:///etc/passwd",
    "gopher://fhir.hospital.example/r4",
    "javascript:alert(1)",
    "data:text/plain,x",
    "jar:https://fhir.hospital.example/r4",
    "//fhir.hospital.example/r4",
    "fhir.hospital.example/r4",
    "https:/fhir.hospital.example/r4",
    "https:fhir.hospital.example/r4",
    "https:///fhir.hospital.example/r4",
    "unix:///var/run/docker.sock",
    # another host
    "https://evil.example/r4",
    "https://fhir.hospital.example.evil.example/r4",
    "https://evilfhir.hospital.example/r4",
    "https://hospital.example/r4",
    "https://fhir.hospital.example./r4",
    "https://fhir..hospital.example/r4",
    "https://.fhir.hospital.example/r4",
    "https://evil.example/fhir.hospital.example/r4",
    "https://evil.example/https://fhir.hospital.example/r4",
    # a user, a fragment, a backslash
    "https://fhir.hospital.example@evil.example/r4",
    "https://user@fhir.hospital.example/r4",
    "https://user:pw@fhir.hospital.example/r4",
    "https://@fhir.hospital.example/r4",
    "https://evil.example#@fhir.hospital.example/r4",
    "https://evil.example#.fhir.hospital.example/r4",
    "https://fhir.hospital.example/r4#",
    "https://fhir.hospital.example/r4#x",
    "https://fhir.hospital.example\\@evil.example/r4",
    "https://evil.example\\.fhir.hospital.example/r4",
    "https:\\\\fhir.hospital.example\\r4",
    "https://fhir.hospital.example/r4\\..\\admin",
    "https://evil.example?@fhir.hospital.example/r4",
    "https://evil.example;@fhir.hospital.example/r4",
    # another port
    "https://fhir.hospital.example:444/r4",
    "https://fhir.hospital.example:80/r4",
    "https://fhir.hospital.example:8443/r4",
    "https://fhir.hospital.example:0443/r4",
    "https://fhir.hospital.example:0/r4",
    "https://fhir.hospital.example:99999/r4",
    "https://fhir.hospital.example:-443/r4",
    "https://fhir.hospital.example:/r4",
    "https://fhir.hospital.example:443:443/r4",
    "https://fhir.hospital.example:22@evil.example/r4",
    # another path
    "https://fhir.hospital.example",
    "https://fhir.hospital.example/",
    "https://fhir.hospital.example/r",
    "https://fhir.hospital.example/r44",
    "https://fhir.hospital.example/R4",
    "https://fhir.hospital.example//r4",
    "https://fhir.hospital.example/r4/Patient",
    "https://fhir.hospital.example/r4/..",
    "https://fhir.hospital.example/r4/../r4",
    "https://fhir.hospital.example/./r4",
    "https://fhir.hospital.example/x/../r4",
    "https://fhir.hospital.example/r4/%2e%2e/admin",
    "https://fhir.hospital.example/%72%34",
    "https://fhir.hospital.example/r4;x",
    "https://fhir.hospital.example/r4/..;/admin",
    "https://fhir.hospital.example/r4?x=1",
    "https://fhir.hospital.example/r4?",
    "https://fhir.hospital.example/r4%00",
    "https://fhir.hospital.example/r4%2f..%2fadmin",
    "https://fhir.hospital.example/r4%5c..",
    "https://fhir.hospital.example/r4%",
    "https://fhir.hospital.example/r4%zz",
    # escapes, control characters and blanks
    "https://fhir%2ehospital.example/r4",
    "https://fhir.hospital.example%2f@evil.example/r4",
    "https://%66hir.hospital.example/r4",
    "https://fhir.hospital.example%00.evil.example/r4",
    "https://fhir.hospital.example%0d%0aHost:evil/r4",
    "https://fhir.hospital.example\r\nHost: evil.example/r4",
    "https://fhir.hospital.example/r4\r\nX: y",
    "https://fhir.hospital.example\t/r4",
    "https://fhir.hospital .example/r4",
    "https://fhir.hospital.example\x00/r4",
    "https://fhir.hospital.example/r4\x7f",
    "ht\ntps://fhir.hospital.example/r4",
    # letters that look alike
    "https://fhir。hospital。example/r4",
    "https://fhir.hospital.example/r4",
    "https://fhır.hospital.example/r4",
    "https://fhir.hospital.exampⅼe/r4",
    "https://ﬀhir.hospital.example/r4",
    "https://fhir.hospital.example／r4",
    "https://fhir.hospital.example/r4",
    "https://evil.example／@fhir.hospital.example/r4",
    "https://xn--fhr-jua.hospital.example/r4",
    "https://fhir\u00ad.hospital.example/r4",
    "https://fhir\u200b.hospital.example/r4",
    "https://\u202efhir.hospital.example/r4",
    "httpſ://fhir.hospital.example/r4",
    # this machine, the network behind it, a cloud's metadata, in every spelling
    "https://127.0.0.1/r4",
    "http://127.0.0.1/r4",
    "https://localhost/r4",
    "https://127.1/r4",
    "https://0/r4",
    "https://0.0.0.0/r4",
    "https://2130706433/r4",
    "https://0x7f000001/r4",
    "https://0x7f.0.0.1/r4",
    "https://0177.0.0.1/r4",
    "https://017700000001/r4",
    "https://127.0.0.1.nip.example/r4",
    "https://[::1]/r4",
    "https://[::]/r4",
    "https://[::ffff:127.0.0.1]/r4",
    "https://[::ffff:7f00:1]/r4",
    "https://[0:0:0:0:0:ffff:127.0.0.1]/r4",
    "https://[64:ff9b::7f00:1]/r4",
    "https://[2002:7f00:1::]/r4",
    "https://[fe80::1%25eth0]/r4",
    "https://[fe80::1%eth0]/r4",
    "https://[fd00:ec2::254]/r4",
    "https://[::1/r4",
    "https://[v1.x]/r4",
    "http://169.254.169.254/latest/meta-data/",
    "https://metadata.google.internal/r4",
    "https://10.0.0.1/r4",
    "https://192.168.1.1/r4",
    "https://100.64.0.1/r4",
    # no address at all
    "",
    " ",
    "/",
    "r4",
    "https://",
    "https://?",
    "{{context.patientId}}",
    "a" * 10_000,
    "https://fhir.hospital.example/r4/" + "a" * 10_000,
    " https://fhir.hospital.example/r4",
    "https://fhir.hospital.example/r4 ",
]


@pytest.fixture
def opened(monkeypatch):
    """Every name that is looked up and every connection that is tried."""
    calls = []

    def note(*args, **_):
        calls.append(args)
        raise ConnectionRefusedError

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, note)
    for name in ("create_connection", "getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, note)
    return calls


def asked(fhir_server, query=QUERY):
    client = FhirClient(Limits(total_seconds=1, answer_seconds=0, request_seconds=0.5))
    return client.for_call(ACCESS, fhir_server, lambda: "token")((query,))[0].miss


def test_the_list_is_long_and_names_nothing_twice():
    assert len(set(HOSTILE)) >= 120


@pytest.mark.parametrize("text", sorted(set(HOSTILE) - {BASE}))
def test_a_server_that_is_not_registered_letter_by_letter_is_never_called(opened, text):
    assert (asked(text), opened) == (Miss.UNREGISTERED, [])


BELOW = {BASE, f"{BASE}?x=1", f"{BASE}?", f"{BASE}/Patient"}  # what may be read of the server itself


@pytest.mark.parametrize("text", sorted(set(HOSTILE) - BELOW))
def test_a_link_or_reference_that_leads_elsewhere_is_never_followed(opened, text):
    if "://" in text:
        assert asked(BASE, Query("x", text, (), continues=True)) is Miss.ELSEWHERE
        assert opened == []
    else:
        asked(BASE, Query("x", text, (), continues=True))
        assert {call[0] for call in opened} <= {"fhir.hospital.example"}


@pytest.mark.parametrize(
    "text",
    [
        BASE,
        f"{BASE}/",
        "HTTPS://FHIR.Hospital.Example/r4",
        "https://fhir.hospital.example:443/r4",
        "https://fhir.hospital.example:8443/epic/api/FHIR/R4",
    ],
)
def test_a_registered_server_is_known_however_its_host_is_written(opened, text):
    assert registered(text, ACCESS) is not None
    assert asked(text) is Miss.FAILED
    assert [call[0] for call in opened] == ["fhir.hospital.example"]


@pytest.mark.parametrize(
    "text",
    [
        f"{BASE}/Observation?patient=p1&category=a,b&_count=250",
        f"{BASE}?_getpages=a-b-c&_getpagesoffset=20",
        f"{BASE}/Observation?code=http://loinc.org|1234-5",
        f"{BASE}/Patient/eM5CWtq15N0WJeuCet5bJlQ3.-_",
    ],
)
def test_what_lies_below_the_base_is_read(text):
    base, address = read_address(BASE), read_address(text)
    assert base is not None
    assert address is not None
    assert address.is_below(base)
    assert f"https://{address.authority}{address.target}" == text


def test_a_registered_address_that_is_no_address_matches_nothing():
    for server in ("", "r4", "http://fhir.hospital.example/r4", "https://user@fhir.hospital.example/r4"):
        assert registered(server, FhirAccess((server,))) is None


NOT_PUBLIC = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.254 100.100.100.200 127.0.0.1 127.255.255.254
168.63.129.16 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.0.1
198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:169.254.169.254 64:ff9b::a00:1 64:ff9b::808:808 64:ff9b:1::1
100::1 2001::1 2001:db8::1 2002:7f00:1::1 2002:808:808::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1
""".split()


@pytest.mark.parametrize("number", NOT_PUBLIC)
def test_a_registered_name_that_leads_to_such_an_address_is_not_called(opened, monkeypatch, number):
    """Also where another of its addresses is fine: which one is called would be up to the name's owner."""
    found = [(2, 1, 6, "", ("8.8.8.8", 443)), (2, 1, 6, "", (number, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    assert (asked(BASE), opened) == (Miss.ELSEWHERE, [])


@pytest.mark.parametrize("number", ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001::1"])
def test_a_public_address_may_be_called(number):
    assert may_be_called(number, allow_loopback=False)


@pytest.mark.parametrize("number", ["127.0.0.1", "127.8.8.8", "::1"])
def test_this_machine_may_be_called_only_where_a_client_says_so(number):
    assert may_be_called(number, allow_loopback=True)
    assert not may_be_called(number, allow_loopback=False)


@pytest.mark.parametrize("number", [n for n in NOT_PUBLIC if not n.startswith("127.") and n != "::1"])
def test_loopback_for_tests_opens_nothing_else(number):
    assert not may_be_called(number, allow_loopback=True)


def test_plain_http_is_for_this_machine_alone():
    assert read_address("http://127.0.0.1:8080/r4", allow_loopback=True) is not None
    assert read_address("http://localhost:8080/r4", allow_loopback=True) is not None
    assert read_address("http://[::1]:8080/r4", allow_loopback=True) is not None
    for text in ("http://127.0.0.1/r4", "http://fhir.hospital.example/r4"):
        assert read_address(text) is None
    for text in ("http://fhir.hospital.example/r4", "http://10.0.0.1/r4", "http://localhost.example/r4"):
        assert read_address(text, allow_loopback=True) is None


def test_the_name_is_looked_up_once_for_all_requests_of_a_call(opened, monkeypatch):
    looked_up = []

    def look(host, *_, **__):
        looked_up.append(host)
        return [(2, 1, 6, "", ("8.8.8.8" if len(looked_up) == 1 else "127.0.0.1", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", look)
    fetch = FhirClient(Limits(failures=99)).for_call(ACCESS, BASE, lambda: "token")
    for _ in range(3):
        fetch([Query(f"k{n}", f"Patient/{n}", ("Patient",)) for n in range(3)])
    assert looked_up == ["fhir.hospital.example"]
    assert {call[-1] for call in opened} == {("8.8.8.8", 443)}


def test_no_proxy_of_the_environment_is_used(opened, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://proxy.example:3128")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("8.8.8.8", 443))])
    assert asked(BASE) is Miss.FAILED
    assert {call[-1] for call in opened} == {("8.8.8.8", 443)}
