"""The picture of a card in the README: small, and of the card as it is today."""

from __future__ import annotations

import shutil
import struct
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "docs"))

from card_picture import PICTURE, chunks_of, draw, page, words_in, words_sha256  # noqa: E402


def test_the_picture_is_small_and_the_readme_shows_it() -> None:
    assert PICTURE.stat().st_size < 120_000
    assert f'src="{PICTURE.relative_to(ROOT).as_posix()}"' in (ROOT / "README.md").read_text("utf-8")


def test_the_picture_shows_the_card_of_today(tmp_path: Path) -> None:
    shown = page(tmp_path)
    assert "HIV serology" in shown and "Dismiss" in shown and "SYNTHETIC" in shown
    assert words_in(PICTURE.read_bytes()) == words_sha256(shown), "the card has changed: run `make picture` (Chromium)"


@pytest.mark.skipif(not shutil.which("chromium"), reason="Chromium is not installed: apt-get install chromium")
def test_the_picture_can_be_drawn_again(tmp_path: Path) -> None:
    draw(tmp_path / "card.png")
    drawn = (tmp_path / "card.png").read_bytes()
    kind, head = next(chunks_of(drawn))
    assert kind == b"IHDR" and struct.unpack(">II", head[:8]) == (380, 1535)
    assert words_in(drawn) == words_in(PICTURE.read_bytes())
