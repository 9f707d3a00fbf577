"""Rows that are to enter the registry: what each column must hold, and what is said of a row that is refused."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import urlsplit

from cdshooks.engine.centers import RosterRow, is_npi, read_roster
from cdshooks.engine.products import Products
from cdshooks.engine.valuesets import fold_words

COLUMNS = (
    "facility_name",
    "npi",
    "product",
    "evidence_kind",
    "evidence_url",
    "checked_on",
    "checked_by",
    "valid_until",
    "rems_enrolled_from",
    "rems_enrolled_to",
    "staff_trained_on",
    "fact_accredited_until",
)
DAYS = tuple(column for column in COLUMNS if column.endswith(("_on", "_until", "_from", "_to")))
MAY_BE_BLANK = COLUMNS[7:]
EVIDENCE_KINDS = ("locator", "contract", "manufacturer-letter", "payer-directory")
LONGEST = 300

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_A_DAY = "a day as 2026-11-21"
_WANTED = {
    "facility_name": "the facility's name",
    "npi": "the ten digits of the facility's NPI, of which the last checks the others",
    "product": "the id of a product",
    "evidence_kind": ", ".join(EVIDENCE_KINDS[:-1]) + f" or {EVIDENCE_KINDS[-1]}",
    "evidence_url": "the address of the evidence, with http:// or https://",
    "checked_by": "who checked it",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a row was not taken: where it stands, what was read there, what is wrong with it, what to write."""

    place: str
    what: str
    read: str
    wrong: str
    write: str

    def __str__(self) -> str:
        """The refusal as one line."""
        return f"{self.place}: {self.what} is {self.read!r}: {self.wrong}. Write {self.write}."


class FileError(ValueError):
    """A file of which no row can be read: where, what is wrong, what to write."""


@dataclass
class Reading:
    """What a file came to: the rows that can be taken, each with its place, and all that was refused."""

    rows: list[tuple[str, RosterRow]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def refused(self) -> int:
        """How many rows were refused; one row may have several things wrong."""
        return len({refusal.place for refusal in self.refusals})


@dataclass(frozen=True)
class RowCheck:
    """Checks rows on one day against the products of the library.

    `demo_rows` are the (NPI, folded name) of made-up facilities, which only a demo may take.
    """

    products: Products
    today: date
    source: str
    demo: bool = False
    demo_rows: Collection[tuple[str, str]] = ()

    def add(self, reading: Reading, place: str, cells: Mapping[str, str]) -> None:
        """Take a row of text cells into a reading, or refuse it there."""
        told = {column: cells.get(column, "").strip() for column in COLUMNS}
        refusals = [
            *self._cells(place, told),
            *self._days(place, told),
            *self._made_up(place, told),
        ]
        reading.refusals += refusals
        if not refusals:
            made_up = self._is_made_up(told)
            said = {column: text for column, text in told.items() if text}
            (row,) = read_roster({"rows": [said], "source": self.source, "synthetic": made_up})
            reading.rows.append((place, row))

    def _cells(self, place: str, told: Mapping[str, str]) -> Iterator[Refusal]:
        for column, wanted in _WANTED.items():
            text = told[column]
            if wrong := _wrong_text(text) or self._wrong(column, text):
                yield Refusal(place, column, text[:LONGEST], wrong, self._wanted(column, text, wanted))

    def _wrong(self, column: str, text: str) -> str | None:
        match column:
            case "npi" if not is_npi(text):
                return "it is no NPI, or a digit is wrong"
            case "product" if text not in self.products.by_id:
                return "the library has no product of that id"
            case "evidence_kind" if text not in EVIDENCE_KINDS:
                return "it is no kind of evidence"
            case "evidence_url" if not _is_address(text):
                return "it is no address on the web"
        return None

    def _wanted(self, column: str, text: str, wanted: str) -> str:
        if column != "product":
            return wanted
        known = list(self.products.by_id)
        meant = [str(product.id) for product, _ in self.products.named([text])]
        near = meant or difflib.get_close_matches(text.lower(), known, n=1) or known
        return f"{wanted}: {', '.join(near)}"

    def _days(self, place: str, told: Mapping[str, str]) -> Iterator[Refusal]:
        days = {column: _day(told[column]) for column in DAYS}
        for column, day in days.items():
            if day is None and (told[column] or column not in MAY_BE_BLANK):
                wrong = "it is no day of the calendar" if told[column] else "it is blank"
                yield Refusal(place, column, told[column][:LONGEST], wrong, _A_DAY)
        checked = days["checked_on"]
        if checked and checked > self.today:
            yield Refusal(place, "checked_on", str(checked), "it is in the future", f"{self.today} or an earlier day")
        if told["rems_enrolled_to"] and not told["rems_enrolled_from"]:
            wanted = "rems_enrolled_from too, or leave both blank"
            yield Refusal(place, "rems_enrolled_to", told["rems_enrolled_to"], "the enrolment has no beginning", wanted)
        for first, last in (("checked_on", "valid_until"), ("rems_enrolled_from", "rems_enrolled_to")):
            begins, ends = days[first], days[last]
            if begins and ends and ends < begins:
                yield Refusal(place, last, str(ends), f"it is before {first}", f"{begins} or a later day")

    def _made_up(self, place: str, told: Mapping[str, str]) -> Iterator[Refusal]:
        if self._is_made_up(told) and not self.demo:
            wrong = "it is a made-up facility of the demo roster, and CDSHOOKS_MODE is production"
            yield Refusal(place, "facility_name", told["facility_name"], wrong, "rows of real facilities only")

    def _is_made_up(self, told: Mapping[str, str]) -> bool:
        return (told["npi"], fold_words(told["facility_name"])) in self.demo_rows


def made_up_facilities(rows: Iterable[RosterRow]) -> frozenset[tuple[str, str]]:
    """The (NPI, folded name) of each facility that a roster says is made up."""
    return frozenset((row.npi, fold_words(row.facility_name)) for row in rows if row.synthetic)


def refuse_doubles(reading: Reading) -> None:
    """One row per facility and product: of equal ones the first stays, of those that differ none.

    The refusals are put in the order of the file.
    """
    places: dict[tuple[str, str], list[tuple[str, RosterRow]]] = {}
    for place, row in reading.rows:
        places.setdefault((row.npi, row.product), []).append((place, row))
    for (npi, product), found in places.items():
        equal = all(row == found[0][1] for _, row in found)
        for place, _ in found[1:] if equal else found if len(found) > 1 else ():
            others = ", ".join(other for other, _ in found if other != place)
            wrong = f"{others} {'says the same' if equal else 'says something else of the same facility and product'}"
            reading.refusals.append(
                Refusal(place, "npi and product", f"{npi} {product}", wrong, "one row per facility and product")
            )
    reading.refusals.sort(key=lambda refusal: [int(number) for number in re.findall(r"\d+", refusal.place)][:1])
    refused = {refusal.place for refusal in reading.refusals}
    reading.rows = [(place, row) for place, row in reading.rows if place not in refused]


def cells_of(row: RosterRow) -> dict[str, str]:
    """A row as the text of its columns."""
    enrolled = row.rems_enrolled
    days = {
        "rems_enrolled_from": enrolled.start if enrolled else None,
        "rems_enrolled_to": enrolled.end if enrolled else None,
    }
    values = {column: days[column] if column in days else getattr(row, column) for column in COLUMNS}
    return {column: "" if value is None else str(value) for column, value in values.items()}


def _wrong_text(text: str) -> str | None:
    if not text:
        return "it is blank"
    if len(text) > LONGEST:
        return f"it is longer than {LONGEST} characters"
    if any(unicodedata.category(character)[0] == "C" for character in text):
        return "it holds a line break or another control character"
    if text[0] in "=+-@":
        return "a spreadsheet would take it for a formula"
    return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def _is_address(text: str) -> bool:
    try:
        url = urlsplit(text)
        return url.scheme in ("http", "https") and bool(url.hostname) and not re.search(r"\s", text)
    except ValueError:
        return False
