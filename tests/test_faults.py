"""Mistakes of those who keep the policies: each is told once, with file and line, what was read and what to write."""

import pytest

from cdshooks.engine.library import LibraryError, load_library

POLICY = "policies/example-health/gene-therapy/2026-01.yaml"
PRODUCT = "products/examplecel.yaml"
PAYER = "payers/example-health.yaml"
SET = "valuesets/dx-beta.json"
PRIOR = "  judgement: payer\n"


def told(library, file):
    """What is told of the one file that is wrong, without its name."""
    with pytest.raises(LibraryError) as caught:
        load_library(library)
    assert {problem.file for problem in caught.value.problems} == {file}
    return [f"{problem.line}: {problem.message}" for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        (POLICY, PRIOR, "  judgment: payer\n", "there is no key 'judgment' here; did you mean judgement?"),
        (POLICY, PRIOR, PRIOR + "  window: P3M\n", "there is no key 'window' here; the keys are id, cite, label"),
        (POLICY, PRIOR, "", "one of when, judgement is missing"),
        (POLICY, PRIOR, PRIOR + "  when: {product: {approved: true}}\n", "when and judgement stand together; keep one"),
        (POLICY, "newer_than: P3M", "newer_than: 3 months", "read '3 months'; write a period such as P30D, P3M or P1Y"),
        (POLICY, "newer_than: P3M", "newer_than: 90", "read 90; write a period such as P30D, P3M or P1Y"),
        (POLICY, "newer_than: P3M", "newer_than: P3M, no_older_than: P6M", "newer_than and no_older_than stand"),
        (POLICY, "{product: {approved: true}}", "{product: {approved: no}}", "read 'no'; write true, or leave the key"),
        (POLICY, "owner: laboratory", "owner: labratory", "did you mean laboratory?"),
        (POLICY, "owner: laboratory", "owner: 7", "7 is not one of prescriber"),
        (POLICY, "status: active", "status: []", "[] is not one of draft, active, retired"),
        (POLICY, "start: 2026-01-01", "start: 01/02/2026", "read '01/02/2026'; write a day such as 2026-11-21"),
        (
            POLICY,
            "start: 2026-01-01",
            "start: 2026-13-01",
            "effective_period.start: 2026-13-01 is no day of the calendar",
        ),
        (
            POLICY,
            "start: 2026-01-01",
            "start: 2026-01-01, end: 2025-01-01",
            "2025-01-01 lies before start, which is 2026",
        ),
        (POLICY, "must be dated {counts}", "must be dated {counts", "there is no blank {…}; the blanks are"),
        (
            POLICY,
            "{product: {approved: true}}",
            "{product: {approved: true}, patient: {min_age: 1}}",
            "list them under all",
        ),
        (POLICY, "when: {product: {approved: true}}", "when: &a {all: [*a]}", "1: a value holds itself"),
        (POLICY, "  owner:", "\towner:", "indent with blanks, not with a tab"),
        (POLICY, "  owner:", "     owner:", "look at the indent"),
        (POLICY, 'version: "2026-01"', 'version: "2026-02"', "its version is 2026-02; the file's name says another"),
        (PAYER, "id: example-health", "id: example", "its id is example; the file's name says another"),
        (PRODUCT, "kind: IN, source: [", "kind: IN, source: [unheard-of, ", "there is no source unheard-of here"),
        (PRODUCT, "kind: IN", "kind: IN, from: 2026-01-02, to: 2026-01-01", "to: 2026-01-01 lies before from"),
        (PAYER, None, b"", "1: is empty; write what its schema asks for"),
        (PAYER, None, b"- id: x\n", '1: the file: read [{"id": "x"}]; write keys with their values'),
        (PAYER, None, b"id: x\nname: Sant\xe9\n", "2: the byte 0xE9 is no UTF-8; save the file as UTF-8"),
        (PAYER, None, b"id: x\nname: a\x00b\n", "2: not readable as YAML: a character that cannot be printed"),
        (PAYER, None, b"id: example-health\n", "the file: 'name', 'short', 'recognised_by', 'policies' not there"),
        (SET, None, b'{"id": "dx-beta",\n "title": "x",\n}', "3: not readable as JSON"),
        (SET, None, b"\xef\xbb\xbf{}", "1: not readable as JSON: it begins with a byte order mark"),
        (SET, '"system": "http://example.org/codes"', '"system": "http://example.org/coeds"', "is not in systems.yaml"),
    ],
)
def test_a_mistake_is_told_once_with_what_to_write(example_files, file, old, new, says):
    path = example_files / file
    text = path.read_text("utf-8")
    assert old is None or old in text
    path.write_bytes(new if old is None else text.replace(old, new, 1).encode())
    (problem,) = told(example_files, file)
    assert says in problem


@pytest.mark.parametrize("code", ["99999.222.01", "99999-222", "9999 9902"])
def test_an_ndc_is_that_of_a_package_with_its_hyphens(example_files, code):
    path = example_files / PRODUCT
    row = f'codes:\n- {{system: ndc, code: "{code}", grade: A, kind: NDC, source: [made-up]}}\n'
    path.write_text(path.read_text("utf-8").replace("codes:\n", row, 1), "utf-8")
    assert any("such as 12345-678-90" in problem for problem in told(example_files, PRODUCT))


@pytest.mark.parametrize("file", [POLICY, PAYER, SET])
def test_a_folder_where_a_file_goes_cannot_be_read(example_files, file):
    (example_files / file).unlink()
    (example_files / file).mkdir()
    assert "1: cannot be read: Is a directory" in told(example_files, file)


@pytest.mark.parametrize("name", [POLICY.replace(".yaml", ".yml"), "policies/example-health/2026-01.yaml"])
def test_a_file_that_nothing_reads_is_told(example_files, name):
    (example_files / name).write_text("id: x\n", "utf-8")
    (problem,) = told(example_files, name)
    assert "is read by nothing here" in problem


def test_a_criterion_id_that_stands_twice_is_told_at_the_second_with_the_line_of_the_first(example_files):
    path = example_files / POLICY
    text = path.read_text("utf-8")
    first, second = [line for line in text.splitlines() if line.startswith("- id: ")][:2]
    path.write_text(text.replace(second, first, 1), "utf-8")
    at = [number for number, line in enumerate(text.splitlines(), 1) if line in (first, second)]
    assert any(
        problem.startswith(f"{at[1]}: ") and problem.endswith(f"first in line {at[0]}")
        for problem in told(example_files, POLICY)
    )
