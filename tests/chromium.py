"""Chromium for the tests of the pages: run by its command alone, with a page from a file; skips where there is none."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-pdf-header-footer")
_RESULT = re.compile(r'<pre id="axe-says">(.*?)</pre>', re.DOTALL)
_RUN = """<pre id="axe-says"></pre><script>%s</script><script>
axe.run({runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}).then(found => {
  const faults = found.violations.map(v => [v.id, v.nodes.map(n => n.html.slice(0, 200))]);
  document.getElementById("axe-says").textContent = JSON.stringify({faults, passes: found.passes.length});
});</script></body>"""


_FRAME = """<!doctype html><title></title><script>
addEventListener("message", told => { document.title = "wide " + told.data });
</script><iframe width="%s" height="900" src="%s"></iframe>"""


def chromium() -> str:
    """The command; skips where Chromium is not installed."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    return found


def faults_of(page: str, folder: Path, width: int) -> list[Any]:
    """What axe-core finds wrong with a page at a width, by rule; the page itself has no script."""
    axe = Path(pytest.importorskip("axe_core_python").__file__).with_name("axe.min.js").read_text("utf-8")
    path = folder / "page.html"
    path.write_text(page.replace("</body>", _RUN.replace("%s", axe)), "utf-8")
    shown = _run(folder, f"--window-size={width},2000", "--virtual-time-budget=20000", "--dump-dom", path.as_uri())
    said = _RESULT.search(shown)
    assert said and said[1], "axe did not finish"
    told = json.loads(html.unescape(said[1]))
    assert told["passes"] > 10, "axe looked at next to nothing"
    return list(told["faults"])


def printed(page: str, folder: Path, size: str) -> bytes:
    """The page as PDF, on paper of a size."""
    path = folder / "print.html"
    path.write_text(page.replace("</style>", f"@page {{ size: {size} }}</style>"), "utf-8")
    _run(folder, f"--print-to-pdf={folder / 'print.pdf'}", path.as_uri())
    return (folder / "print.pdf").read_bytes()


def width_of(page: str, folder: Path, width: int) -> int:
    """How wide the page is when it has so much room; in a frame, for no window is made narrower than 500."""
    asks = '<script>parent.postMessage(document.documentElement.scrollWidth, "*")</script></body>'
    (folder / "framed.html").write_text(page.replace("</body>", asks), "utf-8")
    path = folder / "frame.html"
    path.write_text(_FRAME % (width, (folder / "framed.html").as_uri()), "utf-8")
    shown = _run(folder, "--window-size=1280,900", "--virtual-time-budget=5000", "--dump-dom", path.as_uri())
    return int(re.search(r"<title>wide (\d+)", shown)[1])  # type: ignore[index]


def _run(folder: Path, *words: str) -> str:
    own = f"--user-data-dir={folder / 'chromium'}"
    ended = subprocess.run([chromium(), *_FLAGS, own, *words], capture_output=True, text=True, timeout=120, check=True)
    return ended.stdout
