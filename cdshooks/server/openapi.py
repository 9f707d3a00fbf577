"""The OpenAPI 3.1 document of what this service answers to, at /openapi.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Flask, Response

import cdshooks
from cdshooks.engine.source import load_yaml
from cdshooks.server.replies import json_reply
from cdshooks.server.site import Site

_FILE = Path(__file__).parent / "schema" / "openapi.yaml"
_DEMO = "/demo"


def add_openapi(app: Flask, site: Site) -> None:
    """Route the document."""
    document = openapi_document(site)

    @app.get("/openapi.json")
    def openapi() -> Response:
        return json_reply({**document, "servers": [{"url": site.base_url()}]})


def openapi_document(site: Site) -> dict[str, Any]:
    """The document for a site: without the demo in production, without tokens where nobody is asked for one."""
    document: dict[str, Any] = load_yaml(_FILE.read_text("utf-8"))
    document["info"]["version"] = cdshooks.__version__
    ids = [service["id"] for service in site.discovery["services"]]
    document["components"]["parameters"]["ServiceId"]["schema"]["enum"] = ids
    if not site.settings.demo:
        document["paths"] = {path: item for path, item in document["paths"].items() if not path.startswith(_DEMO)}
    if site.settings.clients is None:
        _open(document)
    return document


def _open(document: dict[str, Any]) -> None:
    """Take out of a document what has to do with tokens: an open demo refuses nobody."""
    del document["components"]["securitySchemes"], document["components"]["responses"]["Unauthorized"]
    for item in document["paths"].values():
        for operation in item.values():
            if isinstance(operation, dict) and operation.pop("security", None):
                for status in ("401", "429"):
                    del operation["responses"][status]
