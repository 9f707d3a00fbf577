"""`cdshooks centers`: what is taken, what is refused and how that is said, and the way out and back in."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import terminal
from fhir.resources.R4B.bundle import Bundle

from cdshooks.engine.centers import RosterRow
from cdshooks.server.registry import rows_in_force
from cdshooks.server.roster_rows import COLUMNS, EVIDENCE_KINDS, MAY_BE_BLANK
from cdshooks.server.store import open_store

ROOT = Path(__file__).parents[1]
SCHEMA = json.loads((ROOT / "cards/schema/centers.json").read_text())["properties"]["rows"]["items"]
FINE = {
    "facility_name": 'Hospital "Nord", Haus 2',
    "npi": "1111111112",
    "product": "tecartus",
    "evidence_kind": "locator",
    "evidence_url": "https://example.org/locator?x=1",
    "checked_on": "2026-11-20",
    "checked_by": "Zoë Example",
    "valid_until": "2027-06-30",
    "rems_enrolled_from": "2020-09-01",
    "rems_enrolled_to": "2025-06-26",
    "staff_trained_on": "2024-09-16",
    "fact_accredited_until": "2027-12-31",
}
BARE = {**FINE, "npi": "1999999992"} | dict.fromkeys(MAY_BE_BLANK, "")


@pytest.fixture(autouse=True)
def own_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/store.db"
    monkeypatch.setenv("CDSHOOKS_DATABASE_URL", url)
    monkeypatch.delenv("CDSHOOKS_MODE", raising=False)
    monkeypatch.setattr("cdshooks.cli.centers._now", lambda settings: datetime(2026, 11, 21, 9, tzinfo=UTC))
    return url


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., str]:
    """Write rows to a CSV file."""

    def write(*rows: dict[str, str], name: str = "centers.csv") -> str:
        path = tmp_path / name
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        return str(path)

    return write


def prints(*words: str) -> str:
    return terminal.prints("centers", *words)


def fails(code: int, *words: str) -> str:
    return terminal.fails(code, "centers", *words)


def in_force(url: str) -> list[RosterRow]:
    store = open_store(url)
    try:
        return list(rows_in_force(store).roster())
    finally:
        store.close()


def test_the_columns_are_those_of_the_library_s_rosters() -> None:
    assert list(COLUMNS) == list(SCHEMA["properties"])
    assert set(COLUMNS) - set(MAY_BE_BLANK) == set(SCHEMA["required"])
    assert list(EVIDENCE_KINDS) == SCHEMA["properties"]["evidence_kind"]["enum"]


def test_the_page_names_the_columns() -> None:
    assert ", ".join(COLUMNS) in " ".join((ROOT / "docs/centers.md").read_text("utf-8").split())


def test_an_import_says_what_it_did(file: Callable[..., str]) -> None:
    said = prints("import", file(FINE, BARE), "--source", "the directory")
    assert said.startswith("version 1 of 2026-11-21 in ")
    assert said.endswith(": 2 new, 0 changed, 0 unchanged, 0 no longer in force\n")
    assert "version 1 of 2026-11-21 (merge of the directory, file centers.csv), rows: 2" in prints("list")


REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "a wrong check digit": ({"npi": "1111111113"}, "npi is '1111111113': it is no NPI, or a digit is wrong. Write"),
    "an NPI with nine digits": ({"npi": "111111111"}, "npi is '111111111'"),
    "an NPI in other digits": ({"npi": "١١١١١١١١١٢"}, "it is no NPI"),
    "no NPI": ({"npi": ""}, "npi is '': it is blank"),
    "no name": ({"facility_name": " "}, "facility_name is '': it is blank"),
    "a name over two lines": ({"facility_name": "a\nb"}, r"facility_name is 'a\nb': it holds a line break"),
    "a name that is a formula": ({"facility_name": "=1+1"}, "a spreadsheet would take it for a formula"),
    "a name that is too long": ({"facility_name": "x" * 301}, "longer than 300 characters"),
    "a brand": (
        {"product": "Tecartus"},
        "product is 'Tecartus': the library has no product of that id. Write the id of",
    ),
    "a brand, and its id": ({"product": "Tecartus"}, "product: tecartus."),
    "a typo": ({"product": "kymriha"}, "product: kymriah."),
    "a product nobody knows": ({"product": "x"}, "abecma, "),
    "another kind of evidence": ({"evidence_kind": "phone"}, "evidence_kind is 'phone': it is no kind of evidence"),
    "no address": ({"evidence_url": "example.org"}, "evidence_url is 'example.org': it is no address"),
    "an address with a blank": ({"evidence_url": "https://example.org/a b"}, "it is no address"),
    "nobody who checked": ({"checked_by": ""}, "checked_by is '': it is blank. Write who checked it."),
    "no day of the check": ({"checked_on": ""}, "checked_on is '': it is blank. Write a day as 2026-11-21."),
    "a day in another order": ({"checked_on": "11/20/2026"}, "checked_on is '11/20/2026': it is no day"),
    "a day without hyphens": ({"checked_on": "20261120"}, "checked_on is '20261120': it is no day"),
    "a week": ({"checked_on": "2026-W47-6"}, "it is no day of the calendar"),
    "a 30th of February": ({"valid_until": "2027-02-30"}, "valid_until is '2027-02-30': it is no day"),
    "checked tomorrow": ({"checked_on": "2026-11-22"}, "it is in the future. Write 2026-11-21 or an earlier day."),
    "over before it was checked": (
        {"valid_until": "2026-11-19"},
        "valid_until is '2026-11-19': it is before checked_on",
    ),
    "enrolled until, not from": ({"rems_enrolled_from": ""}, "rems_enrolled_to is '2025-06-26': the enrolment has no"),
    "enrolment turned round": ({"rems_enrolled_to": "2020-08-31"}, "it is before rems_enrolled_from"),
    "training on no day": ({"staff_trained_on": "yes"}, "staff_trained_on is 'yes'"),
    "accreditation on no day": ({"fact_accredited_until": "2027"}, "fact_accredited_until is '2027'"),
}


@pytest.mark.parametrize(("change", "says"), REFUSED.values(), ids=REFUSED)
def test_a_row_that_is_refused_is_told_with_its_line_and_the_fine_one_is_taken(
    file: Callable[..., str], own_store: str, change: dict[str, str], says: str
) -> None:
    said = fails(1, "import", file({**FINE, **change}, BARE))
    (line,) = [line for line in said.splitlines() if "centers.csv: line " in line]
    assert "centers.csv: line 2: " in line and says in line
    assert line.count(" Write ") == 1
    assert "1 new" in said and "Error: 1 row refused" in said
    assert [row.npi for row in in_force(own_store)] == [BARE["npi"]]


def test_a_row_with_several_faults_is_told_of_each_and_counted_once(file: Callable[..., str]) -> None:
    said = fails(1, "import", file({**FINE, "npi": "1", "product": "x", "checked_on": ""}, BARE))
    assert said.count("centers.csv: line 2: ") == 3
    assert "Error: 1 row refused" in said


def test_strict_takes_all_or_nothing(file: Callable[..., str], own_store: str) -> None:
    assert "nothing was imported: 1 row refused, 1 row fine" in fails(
        1, "import", file({**FINE, "npi": "1"}, BARE), "--strict"
    )
    assert in_force(own_store) == []
    prints("import", file(FINE, BARE), "--strict")
    assert len(in_force(own_store)) == 2


def test_a_file_without_a_fine_row_makes_no_version(file: Callable[..., str], own_store: str) -> None:
    prints("import", file(FINE))
    assert "nothing was imported: 1 row refused, 0 rows fine" in fails(
        1, "import", file({**FINE, "npi": "1"}), "--replace"
    )
    assert "nothing was imported" in fails(1, "import", file(), "--replace")
    assert len(in_force(own_store)) == 1


def test_a_dry_run_changes_nothing(file: Callable[..., str], own_store: str) -> None:
    prints("import", file(FINE))
    said = prints("import", file({**FINE, "checked_by": "else"}, BARE), "--dry-run")
    assert "dry run, nothing was changed" in said and "1 new, 1 changed, 0 unchanged" in said
    assert "1 no longer in force" in prints("import", file(BARE), "--dry-run", "--replace")
    assert [row.checked_by for row in in_force(own_store)] == ["Zoë Example"]


def test_a_replacement_drops_what_it_does_not_bring(file: Callable[..., str], own_store: str) -> None:
    prints("import", file(FINE))
    assert "1 new, 0 changed, 0 unchanged, 1 no longer in force" in prints("import", file(BARE), "--replace")
    assert [row.npi for row in in_force(own_store)] == [BARE["npi"]]


def test_of_equal_rows_the_first_is_taken(file: Callable[..., str], own_store: str) -> None:
    said = fails(1, "import", file(FINE, FINE, BARE))
    assert "line 3: npi and product is '1111111112 tecartus': line 2 says the same" in said
    assert len(in_force(own_store)) == 2


def test_of_rows_that_contradict_each_other_none_is_taken(file: Callable[..., str], own_store: str) -> None:
    said = fails(1, "import", file(FINE, BARE, {**FINE, "valid_until": ""}))
    assert "line 2: npi and product is '1111111112 tecartus': line 4 says something else" in said
    assert "line 4: npi and product is '1111111112 tecartus': line 2 says something else" in said
    assert [row.npi for row in in_force(own_store)] == [BARE["npi"]]


HEAD = ",".join(COLUMNS)
UNREADABLE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "line 1: the file is empty"),
    "blank lines": (b"\n , \n", "the file is empty"),
    "another encoding": (f"{HEAD}\nH\xf6spital,1".encode("latin-1"), "line 2: the text is not UTF-8"),
    "UTF-16": (HEAD.encode("utf-16"), "line 1: the text is not UTF-8"),
    "a zero byte": (f"{HEAD}\n\0".encode(), "line 2: a zero byte"),
    "a column too few": (
        HEAD.replace(",npi", "").encode(),
        "line 1: there is no column npi. Write the columns facility",
    ),
    "a column too many": (f"{HEAD},phone".encode(), "'phone' is no column of the registry"),
    "a column twice": (f"{HEAD},npi".encode(), "npi stands twice"),
    "semicolons": (HEAD.replace(",", ";").encode(), "parted by semicolons. Save the file as CSV with commas"),
    "an open quotation mark": (f'{HEAD}\n"Hospital,1\nA,B\n'.encode(), "the CSV cannot be read"),
}


@pytest.mark.parametrize(("data", "says"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "centers.csv"
    path.write_bytes(data)
    assert says in fails(1, "import", str(path))


def test_a_spreadsheet_s_way_of_writing_is_read(tmp_path: Path, own_store: str) -> None:
    columns = COLUMNS[::-1]
    cells = ['"Hospital ""Nord"", Haus 2"' if c == "facility_name" else f" {FINE[c]} " for c in columns]
    text = f"\ufeff{','.join(columns)}\r\n\r\n{','.join(cells)}\r\n{',' * 11}\r\n"
    path = tmp_path / "centers.csv"
    path.write_bytes(text.encode())
    prints("import", str(path))
    (row,) = in_force(own_store)
    assert (row.facility_name, row.checked_by) == (FINE["facility_name"], FINE["checked_by"])


def test_a_line_is_counted_where_a_row_begins(file: Callable[..., str]) -> None:
    said = fails(1, "import", file({**FINE, "facility_name": "over\nthree\nlines"}, {**BARE, "npi": "1"}))
    assert "line 2: facility_name" in said and "line 5: npi" in said


def test_the_demo_roster_is_refused_in_production_and_marked_in_a_demo(
    file: Callable[..., str], own_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up = {**FINE, "npi": "1234567893", "facility_name": "Example Cancer Center (Synthetic)"}
    assert "a made-up facility of the demo roster" in fails(1, "import", file(made_up))
    prints("import", file({**made_up, "facility_name": "A real hospital"}))
    monkeypatch.setenv("CDSHOOKS_MODE", "demo")
    prints("import", file(made_up))
    assert [row.synthetic for row in in_force(own_store)] == [True]


@pytest.mark.parametrize("form", ["csv", "fhir"])
def test_what_is_exported_can_be_imported(
    file: Callable[..., str], own_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    prints("import", file(FINE, BARE, {**FINE, "product": "kymriah", "facility_name": "Its other name"}))
    exported = prints("export", "--format", form)
    path = tmp_path / f"exported.{form}"
    path.write_text(exported, "utf-8")
    before = in_force(own_store)
    assert "0 new, 0 changed, 3 unchanged, 0 no longer" in prints(
        "import", str(path), "--replace", "--source", "centers.csv"
    )
    assert in_force(own_store) == before
    assert prints("export", "--format", form) == exported
    if form == "fhir":
        Bundle.model_validate_json(exported)


def test_a_row_is_ended_on_a_day(file: Callable[..., str], own_store: str) -> None:
    prints("import", file(FINE, BARE))
    said = prints("expire", FINE["npi"], "tecartus", "--on", "2026-11-30")
    assert said == "1111111112 tecartus is valid until 2026-11-30: version 2 of 2026-11-21\n"
    assert "2026-11-30" in prints("list", "--facility", FINE["npi"])
    assert "no row for NPI 1111111112 and kymriah" in fails(1, "expire", FINE["npi"], "kymriah", "--on", "2026-11-30")
    assert "was checked on 2026-11-20, after 2026-11-19" in fails(
        1, "expire", FINE["npi"], "tecartus", "--on", "2026-11-19"
    )
    fails(2, "expire", "1", "tecartus", "--on", "2026-11-30")
    fails(2, "expire", FINE["npi"], "tecartus", "--on", "tomorrow")
    fails(2, "expire", FINE["npi"], "tecartus")


def test_the_list_can_be_narrowed(file: Callable[..., str]) -> None:
    prints(
        "import",
        file(FINE, {**FINE, "product": "kymriah", "valid_until": "2026-11-20"}, {**BARE, "facility_name": "South"}),
    )
    assert prints("list").count("tecartus") == 2
    assert "2026-11-20 (over)" in prints("list", "--product", "kymriah")
    assert "tecartus" not in prints("list", "--product", "kymriah")
    assert prints("list", "--facility", "NORD").count("Nord") == 2
    assert prints("list", "--facility", BARE["npi"]).count("South") == 1
    assert "no such row" in prints("list", "--facility", "nowhere")


def test_a_registry_that_was_never_filled_says_so() -> None:
    for words in (["list"], ["export"], ["list", "--as-of", "2026-11-01"]):
        assert "the registry was empty" in fails(1, *words)


def test_the_list_of_a_day_is_what_was_in_force_then(file: Callable[..., str]) -> None:
    prints("import", file(FINE))
    assert "version 1" in prints("list", "--as-of", "2026-11-21")
    assert "was empty on 2026-11-20" in fails(1, "list", "--as-of", "2026-11-20")


def test_a_store_that_cannot_be_used_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "store.db").write_text("no database" * 100)
    assert "file is not a database" in fails(1, "list")
    monkeypatch.setenv("CDSHOOKS_DATABASE_URL", "mysql://x")
    assert "CDSHOOKS_DATABASE_URL is" in fails(2, "list")


# ---- FHIR from elsewhere

NPI = "http://hl7.org/fhir/sid/us-npi"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ORGANIZATION: dict[str, Any] = {
    "resourceType": "Organization",
    "id": "o1",
    "name": "Nord",
    "identifier": [{"system": "urn:x", "value": "7"}, {"system": f"{NPI}/", "value": "1111111112"}],
}
AFFILIATION: dict[str, Any] = {
    "resourceType": "OrganizationAffiliation",
    "active": True,
    "period": {"start": "2026-01-01", "end": "2027-05"},
    "participatingOrganization": {"reference": "Organization/o1"},
    "code": [{"coding": [{"system": RXNORM, "code": "2387347"}]}],
}
TOLD = ["--evidence-kind", "payer-directory", "--evidence-url", "https://example.org/d", "--checked-by", "me"]
TOLD += ["--checked-on", "2026-11-20"]


@pytest.fixture
def bundle(tmp_path: Path) -> Callable[..., str]:
    def write(*resources: Any, **fields: Any) -> str:
        made = {"resourceType": "Bundle", "type": "collection", **fields}
        entries = [r if "resource" in r else {"resource": r} for r in resources]
        path = tmp_path / "centers.json"
        path.write_text(json.dumps(made | {"entry": entries}))
        return str(path)

    return write


def test_an_affiliation_of_a_directory_is_a_row(bundle: Callable[..., str], own_store: str) -> None:
    prints("import", bundle(AFFILIATION, ORGANIZATION), *TOLD)
    (row,) = in_force(own_store)
    assert (row.facility_name, row.npi, row.product) == ("Nord", "1111111112", "tecartus")
    assert (str(row.checked_on), str(row.valid_until)) == ("2026-11-20", "2027-05-31")
    assert row.evidence_kind == "payer-directory"


@pytest.mark.parametrize(
    ("reference", "full_url"),
    [
        ({"reference": "urn:uuid:1"}, "urn:uuid:1"),
        ({"reference": "https://dir.example.org/r4/Organization/o1"}, "https://dir.example.org/r4/Organization/o1"),
        ({"reference": "https://dir.example.org/r4/Organization/o1"}, None),
        ({"identifier": {"system": NPI, "value": "1111111112"}, "display": "Nord"}, None),
    ],
)
def test_the_facility_is_found_by_every_spelling_of_a_reference(
    bundle: Callable[..., str], own_store: str, reference: Any, full_url: str | None
) -> None:
    entry = {"resource": ORGANIZATION} | ({"fullUrl": full_url} if full_url else {})
    prints("import", bundle(entry, {**AFFILIATION, "participatingOrganization": reference}), *TOLD)
    assert [row.npi for row in in_force(own_store)] == ["1111111112"]


def test_several_products_of_one_affiliation_are_several_rows(bundle: Callable[..., str], own_store: str) -> None:
    codes = [{"coding": [{"system": "urn:oid:2.16.840.1.113883.6.88", "code": "2387347"}]}, {"text": "other"}]
    codes += [{"coding": [{"system": "urn:cdshooks:product", "code": "kymriah"}]}]
    prints("import", bundle(ORGANIZATION, {**AFFILIATION, "code": codes}), *TOLD)
    assert sorted(row.product for row in in_force(own_store)) == ["kymriah", "tecartus"]


AFFILIATIONS_REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "not active": ({"active": False}, "active is 'false'"),
    "no code": ({"code": []}, "code is '': no code of a product"),
    "a name for a code": ({"code": [{"text": "Tecartus"}]}, "no code of a product"),
    "an unknown code": ({"code": [{"coding": [{"system": RXNORM, "code": "1"}]}]}, "code is '1'"),
    "another organization": (
        {"participatingOrganization": {"reference": "Organization/o2"}},
        "has no such Organization",
    ),
    "no organization": ({"participatingOrganization": None}, "has no such Organization"),
    "no NPI": ({"participatingOrganization": {"identifier": {"system": "urn:x", "value": "1"}}}, "npi is ''"),
    "a period that is none": ({"period": "2026"}, "it is no Period"),
    "an end that is no date": ({"period": {"end": "soon"}}, "period.end is 'soon'"),
    "a period yet to come": ({"period": {"start": "2026-12-01"}}, "period.start is '2026-12-01': it is in the future"),
    "a period that is over": (
        {"period": {"end": "2026-11-01"}},
        "valid_until is '2026-11-01': it is before checked_on",
    ),
    "two products in one concept": (
        {"code": [{"coding": [{"system": "urn:cdshooks:product", "code": c} for c in ("kymriah", "abecma")]}]},
        "one concept has the codes of two products",
    ),
}


@pytest.mark.parametrize(("change", "says"), AFFILIATIONS_REFUSED.values(), ids=AFFILIATIONS_REFUSED)
def test_an_affiliation_that_is_refused_is_told_with_its_entry(
    bundle: Callable[..., str], own_store: str, change: dict[str, Any], says: str
) -> None:
    other = {**ORGANIZATION, "id": "o9", "identifier": [{"system": NPI, "value": "1999999992"}]}
    fine = {**AFFILIATION, "participatingOrganization": {"reference": "Organization/o9"}}
    said = fails(1, "import", bundle(ORGANIZATION, other, {**AFFILIATION, **change}, fine), *TOLD)
    assert "entry[2]" in said and says in said, said
    assert [row.npi for row in in_force(own_store)] == ["1999999992"]


def test_what_a_bundle_does_not_say_is_asked_for(bundle: Callable[..., str]) -> None:
    said = fails(1, "import", bundle(ORGANIZATION, AFFILIATION))
    for column in ("evidence_kind", "evidence_url", "checked_on", "checked_by"):
        assert f"{column} is '': it is blank" in said
        assert f"--{column.replace('_', '-')}" in said


def test_other_resources_are_named_and_do_no_harm(bundle: Callable[..., str]) -> None:
    said = prints("import", bundle(ORGANIZATION, AFFILIATION, {"resourceType": "Location"}), *TOLD)
    assert "entry[2]: Location is not read" in said and "1 new" in said


def test_a_page_of_a_larger_bundle_is_refused(bundle: Callable[..., str]) -> None:
    page = bundle(ORGANIZATION, AFFILIATION, link=[{"relation": "next", "url": "https://dir.example.org/2"}])
    assert "one page of several" in fails(1, "import", page, *TOLD)


@pytest.mark.parametrize("text", ["{", '{"resourceType": "Patient"}', '{"a":' * 5000])
def test_json_that_is_no_bundle_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "centers.json"
    path.write_text(text)
    assert "Write a" in fails(1, "import", str(path))


def test_what_a_csv_file_says_itself_cannot_be_told(file: Callable[..., str]) -> None:
    assert "--checked-by: only for a FHIR Bundle" in fails(2, "import", file(FINE), "--checked-by", "me")
