"""What a WSGI server calls: `cdshooks.server.wsgi:app`, a factory that reads settings and library."""

from __future__ import annotations

import gc
import logging
import os

from flask import Flask

from cdshooks.engine.library import load_library
from cdshooks.server.app import create_app
from cdshooks.server.call_log import JsonLines
from cdshooks.server.settings import read_settings

_NEW_OBJECTS = 500_000  # more than the largest charts come to


def app() -> Flask:
    """The application as the environment sets it. Raises SettingsError or LibraryError."""
    _log_to_stderr()
    gc.disable()  # nearly all that is made while it starts is kept
    try:
        settings = read_settings(os.environ)
        made = create_app(settings, load_library(settings.library))
        settle_collector()
    finally:
        gc.enable()
    if settings.notice:
        logging.getLogger("cdshooks").warning(settings.notice)
    return made


def settle_collector() -> None:
    """Keep the garbage collector from walking the library, and a large chart again and again while it is read.

    The library lives as long as the process. A chart is thousands of objects, all of which go when the call ends,
    without the collector: it is only needed for cycles, which are few.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, 20, 20)


def _log_to_stderr() -> None:
    """Let our own lines out, and of other packages' only warnings."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    ours = logging.getLogger("cdshooks")
    ours.handlers = [handler]
    ours.setLevel(logging.INFO)
    ours.propagate = False
