"""A FHIR server on loopback that answers from a list of resources, and misbehaves where it is told to."""

import json
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from parts import bundle

BASE = "/r4"


class FhirServer(ThreadingHTTPServer):
    """`faults`: by kind, a function that is given the open call and the number of calls of that kind before it.

    `asked` are the paths of every call in the order they came, `tokens` the Authorization headers.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, resources, faults, page_size, tls):
        super().__init__(("127.0.0.1", 0), _Call)
        self.resources, self.faults, self.page_size = resources, faults, page_size
        self.asked, self.tokens, self.seen = [], [], threading.Lock()
        self.stopped = threading.Event()
        self.scheme = "http"
        if tls:
            self.socket, self.scheme = tls.wrap_socket(self.socket, server_side=True), "https"

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.server_port}{BASE}"

    def handle_error(self, request, client_address):
        """A client that hangs up is what many of the tests are about."""


class _Call(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        kind = urlsplit(self.path).path.removeprefix(f"{BASE}/").partition("/")[0]
        with server.seen:
            before = sum(path.partition("?")[0].split("/")[2:3] == [kind] for path in server.asked)
            server.asked.append(self.path)
            server.tokens.append(self.headers.get("Authorization"))
        server.faults.get(kind, answer)(self, before)

    def say(self, body, status=200, **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/fhir+json", "Content-Length": str(len(body)), **headers}
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def raw(self, text):
        """Bytes as they are, and the connection left as it is."""
        self.wfile.write(text if isinstance(text, bytes) else text.encode())
        self.wfile.flush()
        self.close_connection = True


def answer(call, before=0):
    """What a well-behaved server says: a read, or a search in pages."""
    server, url = call.server, urlsplit(call.path)
    kind, _, identifier = url.path.removeprefix(f"{BASE}/").partition("/")
    found = [r for r in server.resources if r["resourceType"] == kind]
    if identifier:
        one = [r for r in found if r["id"] == identifier]
        return call.say(one[0]) if one else call.say({"resourceType": "OperationOutcome"}, 404)
    start = int(parse_qs(url.query).get("from", ["0"])[0])
    page = found[start : start + server.page_size]
    more = start + server.page_size
    link = [{"relation": "next", "url": f"{server.url}/{kind}?from={more}"}] if more < len(found) else []
    return call.say(bundle(*page, total=len(found), link=link))


@contextmanager
def fhir_server(*resources, faults=None, page_size=100, tls: ssl.SSLContext | None = None):
    """A running server; it stops, and lets every fault that waits go, when the block ends."""
    server = FhirServer(resources, faults or {}, page_size, tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()
