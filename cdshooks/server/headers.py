"""Response headers: who may call from a browser, and what a browser or proxy must not do with an answer."""

from __future__ import annotations

from flask import Flask, Response, request

_POLICY = "Content-Security-Policy"
_ALWAYS = {
    "Server": "cdshooks",  # else the web server puts in its own name
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    _POLICY: "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}
_YEAR = 365 * 24 * 3600
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "authorization, content-type",
    "Access-Control-Max-Age": "600",
}


def send_headers(app: Flask, demo: bool, origins: frozenset[str]) -> None:
    """Put security headers on every answer, errors included.

    In demo mode any web page may call, as the public CDS Hooks sandbox must; otherwise those of `origins` alone.
    """
    mode = {"X-Cdshooks-Mode": "demo"} if demo else {"Strict-Transport-Security": f"max-age={_YEAR}"}
    always = _ALWAYS | mode

    def harden(reply: Response) -> Response:
        own = reply.headers.get(_POLICY)  # a page with a stricter or a longer one of its own keeps it
        reply.headers.update(always | {_POLICY: own} if own else always)
        return reply

    def share(reply: Response) -> Response:
        reply.headers["Vary"] = "Origin"  # no answer of ours depends on another header
        origin = request.headers.get("Origin")
        return _shared(reply, origin) if origin and (demo or origin in origins) else reply

    app.before_request(_answer_options)
    app.after_request(harden)
    app.after_request(share)


def _answer_options() -> Response | None:
    """A preflight is answered before anything else looks at the call, for it carries no credentials."""
    if request.method != "OPTIONS" or not request.url_rule:
        return None
    reply = Response(status=204)
    reply.headers["Allow"] = ", ".join(sorted(request.url_rule.methods or ()))
    return reply


def _shared(reply: Response, origin: str) -> Response:
    reply.headers["Access-Control-Allow-Origin"] = origin
    reply.headers["Access-Control-Expose-Headers"] = "X-Request-Id, Retry-After"
    if request.method == "OPTIONS":
        reply.headers.update(_PREFLIGHT)
        if request.headers.get("Access-Control-Request-Private-Network"):
            reply.headers["Access-Control-Allow-Private-Network"] = "true"
    return reply
