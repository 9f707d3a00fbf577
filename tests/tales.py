"""The stories of fhir_fixtures as tests take them: without the everyday records that no rule reads, and answered."""

import json
import re
import sys
from datetime import date
from functools import cache
from importlib import import_module

from cdshooks.engine.library import load_library
from cdshooks.hooks.discovery import HOOKS, service_of
from cdshooks.hooks.request import read_request
from cdshooks.hooks.service import answer
from cdshooks.server.settings import default_fixtures, default_library

AS_OF = date(2026, 11, 21)
NOISE = re.compile(r"-(lab|vital|spo2|note|problem|medicine|procedure|study)-\d")


@cache
def shipped_library():
    return load_library(default_library())


def fixture_program(name):
    """A module of the programs that write the stories."""
    if str(default_fixtures()) not in sys.path:
        sys.path.append(str(default_fixtures()))
    return import_module(name)


@cache
def _text(name):
    return (default_fixtures() / "stories" / name / "request.json").read_text("utf-8")


def tale(name):
    """The request of a story, without noise; the caller may change it."""
    return without_noise(json.loads(_text(name)))


def without_noise(body):
    """Drop from prefetch what only makes a chart look like one."""
    for value in body["prefetch"].values():
        if value and value.get("entry"):
            value["entry"] = [e for e in value["entry"] if not NOISE.search(e["resource"].get("id", ""))]
            value.pop("total", None)
    return body


def tell(body, library=None):
    """The answer to a request, whichever of our hooks it is for."""
    service = service_of(body["hook"])
    request = read_request(json.dumps(body).encode(), service, HOOKS[service])
    return answer(request, library or shipped_library(), AS_OF)


def cards_told(body, library=None):
    """The cards of a request that is answered without a failure of ours."""
    told = tell(body, library)
    assert told.failure is None, told.failure
    return told.body["cards"]
