"""The axe-core that is shipped with the tests is the one that its README names."""

from __future__ import annotations

import hashlib
from pathlib import Path

AXE = Path(__file__).parent / "axe"


def test_axe_is_the_file_that_its_readme_names() -> None:
    told, script = (AXE / "README.md").read_text("utf-8"), (AXE / "axe.min.js").read_bytes()
    assert f"`{hashlib.sha256(script).hexdigest()}`" in told
    version = script.split(maxsplit=3)[2].decode().removeprefix("v")
    assert f"Version {version}," in told
    assert f"axe-core {version} " in (AXE.parents[1] / "NOTICE").read_text("utf-8")
