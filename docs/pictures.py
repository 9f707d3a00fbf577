"""Draw the pictures of docs/images: the first story's card in the demo EHR, and its dossier: `make picture`.

Needs Chromium (Debian: apt-get install chromium). The patient is invented. A picture carries the SHA-256 of the words
on its page, so that a test can tell without Chromium when it is out of date.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from urllib.parse import urlsplit

from flask.testing import FlaskClient

from cdshooks.engine.library import load_library
from cdshooks.server.app import create_app
from cdshooks.server.settings import default_library, read_settings
from cdshooks.server.stories import FIRST, read_stories

ROOT = Path(__file__).parents[1]
STEP = 51  # of each colour: 216 colours are enough for text, and fit into a palette


@dataclass(frozen=True)
class Picture:
    """A picture: its name, the page that it shows, its width and height in pixels."""

    name: str
    page: Callable[[FlaskClient], str]
    width: int
    height: int

    @property
    def path(self) -> Path:
        """Where it lies."""
        return ROOT / "docs" / "images" / f"{self.name}.png"


def card(client: FlaskClient) -> str:
    """The panel of the demo EHR alone."""
    shown = client.get("/demo?signed=yes").text
    panel = re.search(r'<section class="panel".*?</section>', shown, re.DOTALL)
    assert panel, "the demo EHR shows no panel"
    alone = re.sub(r'<details class="wire">.*?</details>', "", panel[0], flags=re.DOTALL)
    return re.sub(
        r"<body>.*</body>",
        lambda _: f'<body style="padding: 0 .5rem; max-width: 366px">{alone}</body>',
        shown,
        flags=re.DOTALL,
    )


def dossier(client: FlaskClient) -> str:
    """The dossier behind the card."""
    call = client.get(f"/demo/stories/{FIRST}").data
    answered = client.post("/cds-services/cart-order-sign", data=call, content_type="application/json").json
    return client.get(urlsplit(answered["cards"][0]["links"][0]["url"]).path).text


PICTURES = (Picture("card", card, 380, 1535), Picture("dossier", dossier, 1000, 1180))


def page(picture: Picture, folder: Path) -> str:
    """The page of a picture, on the day of the story."""
    day: date = read_stories(ROOT / "fhir_fixtures")[FIRST].as_of
    settings = read_settings({"CDSHOOKS_MODE": "demo", "CDSHOOKS_DATABASE_URL": f"sqlite:///{folder}/store.db"})
    app = create_app(
        settings,
        load_library(default_library()),
        clock=lambda zone: datetime(day.year, day.month, day.day, 12, tzinfo=zone),
    )
    return picture.page(app.test_client())


def draw(picture: Picture, target: Path) -> None:
    """Write a picture."""
    command = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if command is None:
        sys.exit("Chromium is not installed: apt-get install chromium")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shown = page(picture, folder)
        (folder / "page.html").write_text(shown, "utf-8")
        target.parent.mkdir(parents=True, exist_ok=True)
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
        size = f"--window-size={picture.width},{picture.height}"
        own = [f"--user-data-dir={folder / 'chromium'}", size, f"--screenshot={target}"]
        subprocess.run([command, *flags, *own, (folder / "page.html").as_uri()], check=True, capture_output=True)
        target.write_bytes(smaller(target.read_bytes(), words_sha256(shown)))


def words_sha256(shown: str) -> str:
    """The SHA-256 of the words of a page, without addresses and marks, which change with every run."""
    body = shown.partition("<body")[2].partition(">")[2]
    return hashlib.sha256(" ".join(re.sub(r"<[^>]+>", " ", body).split()).encode()).hexdigest()


def words_in(png: bytes) -> str:
    """The SHA-256 that a picture carries."""
    return next(data for kind, data in chunks_of(png) if kind == b"tEXt").partition(b"\0")[2].decode()


def smaller(png: bytes, words: str) -> bytes:
    """The same picture with a palette: a quarter of the bytes."""
    chunks = list(chunks_of(png))
    width, height, _, colour = struct.unpack(">IIBB", chunks[0][1][:10])
    size = {2: 3, 6: 4}[colour]
    rows = unfiltered(zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT")), width * size, size)
    colours: dict[tuple[int, ...], int] = {}
    lines = bytearray()
    for row in rows:
        pixels = zip(*(row[channel::size] for channel in range(3)), strict=True)
        rounded = (tuple((part + STEP // 2) // STEP * STEP for part in pixel) for pixel in pixels)
        lines += b"\0" + bytes(colours.setdefault(pixel, len(colours)) for pixel in rounded)
    palette = bytes(part for pixel in colours for part in pixel)
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    note = (b"tEXt", b"words-sha256\0" + words.encode())
    parts = [(b"IHDR", head), note, (b"PLTE", palette), (b"IDAT", zlib.compress(bytes(lines), 9)), (b"IEND", b"")]
    return png[:8] + b"".join(map(written, parts))


def chunks_of(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and data of each chunk."""
    at = 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += 12 + length


def written(chunk: tuple[bytes, bytes]) -> bytes:
    """A chunk with its length and checksum."""
    kind, data = chunk
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def unfiltered(data: bytes, width: int, size: int) -> Iterator[bytearray]:
    """The rows of a picture, each byte told by those to its left and above (PNG 1.2, Filter Algorithms)."""
    above = bytearray(width)
    for at in range(0, len(data), width + 1):
        row = bytearray(data[at + 1 : at + 1 + width])
        for i in range(width):
            left, up, corner = (row[i - size], above[i], above[i - size]) if i >= size else (0, above[i], 0)
            row[i] = (row[i] + (0, left, up, (left + up) // 2, paeth(left, up, corner))[data[at]]) & 255
        yield row
        above = row


def paeth(left: int, up: int, corner: int) -> int:
    """The neighbour that is nearest to left + up - corner."""
    guess = left + up - corner
    return min((left, up, corner), key=lambda one: abs(guess - one))


if __name__ == "__main__":
    for picture in PICTURES:
        draw(picture, picture.path)
