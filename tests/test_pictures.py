"""The pictures in the README: small, and of the card and the dossier as they are today."""

from __future__ import annotations

import shutil
import struct
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "docs"))

from pictures import PICTURES, Picture, chunks_of, draw, page, words_in, words_sha256  # noqa: E402

each_picture = pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)


@each_picture
def test_a_picture_is_small_and_the_readme_shows_it(picture: Picture) -> None:
    assert picture.path.stat().st_size < 120_000
    assert f'src="{picture.path.relative_to(ROOT).as_posix()}"' in (ROOT / "README.md").read_text("utf-8")


@each_picture
def test_a_picture_shows_the_page_of_today(picture: Picture, tmp_path: Path) -> None:
    shown = page(picture, tmp_path)
    assert "HIV serology" in shown and "SYNTHETIC" in shown
    assert words_in(picture.path.read_bytes()) == words_sha256(shown), "it has changed: run `make picture` (Chromium)"


@each_picture
@pytest.mark.skipif(not shutil.which("chromium"), reason="Chromium is not installed: apt-get install chromium")
def test_a_picture_can_be_drawn_again(picture: Picture, tmp_path: Path) -> None:
    draw(picture, tmp_path / "drawn.png")
    drawn = (tmp_path / "drawn.png").read_bytes()
    kind, head = next(chunks_of(drawn))
    assert kind == b"IHDR" and struct.unpack(">II", head[:8]) == (picture.width, picture.height)
    assert words_in(drawn) == words_in(picture.path.read_bytes())
