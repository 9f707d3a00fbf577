"""The registry as CSV: the columns of `roster_rows.COLUMNS`, in UTF-8, a header first."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from cdshooks.engine.centers import RosterRow
from cdshooks.server.roster_rows import COLUMNS, FileError, Reading, Refusal, RowCheck, cells_of


def read_csv(data: bytes, check: RowCheck) -> Reading:
    """Every row of a file. Raises FileError when its text or its header cannot be read."""
    lines = csv.reader(io.StringIO(_text(data), newline=""), strict=True)
    reading = Reading()
    header: list[str] | None = None
    line = 1
    try:
        for cells in lines:
            place, line = f"line {line}", lines.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = _header(cells, place)
            elif len(cells) != len(header):
                wrong = f"the row has {len(cells)} cells and the header {len(header)}"
                reading.refusals.append(
                    Refusal(place, "the row", ",".join(cells)[:80], wrong, "one cell for each column, blank ones too")
                )
            else:
                check.add(reading, place, dict(zip(header, cells, strict=True)))
    except csv.Error as error:
        wanted = "Close every quotation mark, and write one inside a cell twice; nothing was read."
        raise FileError(f"line {line}: the CSV cannot be read: {error}. {wanted}") from error
    if header is None:
        raise FileError(f"line 1: the file is empty. Write the columns {','.join(COLUMNS)}")
    return reading


def write_csv(rows: Iterable[RosterRow]) -> str:
    """The rows as a file that `read_csv` takes."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(cells_of, rows))
    return out.getvalue()


def _text(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileError(f"line {line}: the text is not UTF-8. Save the file as CSV UTF-8; nothing was read.") from error
    if "\0" in text:
        raise FileError(
            f"line {text[: text.index(chr(0))].count(chr(10)) + 1}: a zero byte. Write a CSV file in UTF-8."
        )
    return text


def _header(cells: list[str], place: str) -> list[str]:
    """The names of the columns, in the file's own order."""
    names = [cell.strip() for cell in cells]
    missing = [column for column in COLUMNS if column not in names]
    others = [name for name in names if name not in COLUMNS]
    twice = sorted({name for name in names if names.count(name) > 1})
    problems = [
        *([f"there is no column {', '.join(missing)}"] if missing else []),
        *([f"{', '.join(map(repr, others))} is no column of the registry"] if others else []),
        *([f"{', '.join(twice)} stands twice"] if twice else []),
    ]
    if len(names) == 1 and ";" in names[0]:
        problems = ["the cells are parted by semicolons. Save the file as CSV with commas"]
    if problems:
        raise FileError(f"{place}: {'; '.join(problems)}. Write the columns {','.join(COLUMNS)}")
    return names
