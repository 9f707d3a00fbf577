"""Chromium for the tests of the pages, spoken to over a pipe in its DevTools protocol; skips where there is none.

Source: https://chromedevtools.github.io/devtools-protocol/. What looks for barriers is axe-core (tests/axe).
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars")
_OURS = ("--no-first-run", "--disable-background-networking", "--remote-debugging-pipe", "about:blank")
_ON_3_AND_4 = """
import fcntl, os, sys
r, w = (fcntl.fcntl(int(end), fcntl.F_DUPFD_CLOEXEC, 9) for end in sys.argv[1:3])
os.dup2(r, 3); os.dup2(w, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
_PATIENCE = 90
_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice")
_AXE = """axe.run({runOnly: %s}).then(found => ({
  faults: found.violations.map(v => [v.id, v.nodes.map(n => n.html.slice(0, 200))]),
  tried: [...found.passes, ...found.violations].map(v => v.id)}))"""
KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), " ": (32, " "), "ArrowDown": (40, ""), "Escape": (27, "")}
_SHIFT = 8


def chromium() -> str:
    """The command; skips where Chromium is not installed."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    return found


class Browser:
    """One page in a Chromium without a window."""

    def __init__(self, folder: Path) -> None:
        own = f"--user-data-dir={folder}"
        (theirs_in, self._out), (self._in, theirs_out) = os.pipe(), os.pipe()
        command = [sys.executable, "-c", _ON_3_AND_4, str(theirs_in), str(theirs_out), chromium(), *_FLAGS, own, *_OURS]
        quiet = subprocess.DEVNULL
        with (folder / "stderr").open("wb") as errors:
            self._process = subprocess.Popen(
                command, pass_fds=(theirs_in, theirs_out), stdin=quiet, stdout=quiet, stderr=errors
            )
        os.close(theirs_in)
        os.close(theirs_out)
        self._read, self._sent, self._events, self._session = b"", 0, list[str](), ""
        pages = self.call("Target.getTargets")["targetInfos"]
        target = next(page["targetId"] for page in pages if page["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)

    def close(self) -> None:
        """End the process."""
        self._session = ""
        with suppress(OSError, EOFError):
            self.call("Browser.close")
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self._process.kill()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """What the browser answers to a command; AssertionError where it refuses it."""
        self._sent += 1
        session = {"sessionId": self._session} if self._session else {}
        message = {"id": self._sent, "method": method, "params": params, **session}
        waiting = memoryview(json.dumps(message).encode() + b"\0")
        while waiting:
            waiting = waiting[os.write(self._out, waiting) :]
        while (told := self._next()).get("id") != self._sent:
            self._events.append(told.get("method", ""))
        assert "error" not in told, (method, told["error"])
        result: dict[str, Any] = told["result"]
        return result

    def show(self, page: str) -> None:
        """Put a page on the screen, from its text."""
        self.visit("about:blank")
        frame = self.call("Page.getFrameTree")["frameTree"]["frame"]["id"]
        self.call("Page.setDocumentContent", frameId=frame, html=page)

    def visit(self, url: str) -> None:
        """Open an address and wait until it has come."""
        self.loaded(lambda: self.call("Page.navigate", url=url))

    def loaded(self, does: Callable[[], object]) -> None:
        """Do what leads to another page, and wait until it has come."""
        self._events.clear()
        does()
        while "Page.loadEventFired" not in self._events:
            self._events.append(self._next().get("method", ""))

    def window(self, width: int, *, dark: bool = False, forced: bool = False, medium: str = "") -> None:
        """How wide the window is, which colours its user prefers, and whether those are forced on the page."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        features = {
            "prefers-color-scheme": "dark" if dark else "light",
            "forced-colors": "active" if forced else "none",
            "prefers-reduced-motion": "reduce",
        }
        told = [{"name": name, "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", media=medium, features=told)

    def evaluate(self, script: str) -> Any:
        """What a script comes to."""
        said = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press a key and let it go."""
        code, text = KEYS[key]
        one = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": _SHIFT if shift else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown", **one, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **one)

    def write(self, text: str) -> None:
        """Type into what has the focus."""
        self.call("Input.insertText", text=text)

    def faults(self) -> list[Any]:
        """What axe-core finds wrong with the page on the screen, by rule."""
        if not self.evaluate("'axe' in window"):
            self.evaluate((Path(__file__).parent / "axe" / "axe.min.js").read_text("utf-8"))
        told = self.evaluate(_AXE % json.dumps(_TAGS))
        assert {"color-contrast", "document-title", "html-has-lang"} <= set(told["tried"]), "axe looked at nothing"
        return list(told["faults"])

    def width(self) -> int:
        """How wide the page is, what has to be scrolled to included."""
        return int(self.evaluate("document.documentElement.scrollWidth"))

    def spoken(self) -> list[tuple[str, str]]:
        """The role and the name of everything on the page, as a screen reader is told them."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        told = [node for node in nodes if not node["ignored"]]
        return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in told]

    def printed(self, width: float, height: float) -> bytes:
        """The page as PDF, on paper of a size in inches."""
        sides = {f"margin{side}": 0.5 for side in ("Top", "Bottom", "Left", "Right")}
        told = self.call("Page.printToPDF", paperWidth=width, paperHeight=height, printBackground=False, **sides)
        return b64decode(told["data"])

    def picture(self) -> bytes:
        """The whole page as PNG."""
        return b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._in], [], [], _PATIENCE)
            part = os.read(self._in, 1 << 20) if ready else b""
            if not part:
                raise EOFError("Chromium says nothing more")
            self._read += part
        message, _, self._read = self._read.partition(b"\0")
        told: dict[str, Any] = json.loads(message)
        return told


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser that the tests of one process share."""
    opened = Browser(tmp_path_factory.mktemp("chromium"))
    yield opened
    opened.close()
