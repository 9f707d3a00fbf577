"""Strict YAML: scalars stay text, duplicate keys are errors, lines are kept."""

import pytest

from cdshooks.engine.source import LibraryError, Problem, Source, read_yaml


@pytest.fixture
def read(tmp_path):
    def read_text(text):
        path = tmp_path / "file.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_yaml(path, "folder/file.yaml")

    return read_text


TEXT = "NO yes on Off Y 2025-06-26 1.10 12:30 0x1F 012 1_000 1e3 +3 .5 Infinity .inf NaN True FALSE Null 2025-04 ="


@pytest.mark.parametrize("scalar", TEXT.split())
def test_a_plain_scalar_stays_text(read, scalar):
    assert read(f"key: {scalar}").data == {"key": scalar}


@pytest.mark.parametrize(
    ("scalar", "value"), [("0", 0), ("7", 7), ("-7", -7), ("2025", 2025), ("true", True), ("false", False)]
)
def test_only_whole_numbers_and_true_and_false_are_more_than_text(read, scalar, value):
    found = read(f"key: {scalar}").data["key"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("quoted", ['"7"', "'7'", '"true"', "'false'", '"null"', '""', "|\n  7", ">-\n  true"])
def test_what_is_quoted_or_in_a_block_is_always_text(read, quoted):
    assert isinstance(read(f"key: {quoted}").data["key"], str)


def test_a_key_is_text_too(read):
    assert read("1: one\nno: two\n2025-06-26: three").data == {"1": "one", "no": "two", "2025-06-26": "three"}


def test_a_merge_key_is_an_ordinary_key(read):
    assert "<<" in read("a: &a {b: c}\nd: {<<: *a}").data["d"]


def refused(read, text):
    with pytest.raises(LibraryError) as caught:
        read(text)
    return [str(problem) for problem in caught.value.problems]


def test_a_key_that_stands_twice_is_an_error_with_its_line(read):
    (problem,) = refused(read, "a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n")
    assert problem.startswith("folder/file.yaml:5: ")
    assert "'c'" in problem


@pytest.mark.parametrize("text", ["a: 1\nb:\n", "a: 1\nb: ~\n", "a: 1\nb: null\n", "a: 1\nb: [1, null]\n"])
def test_a_missing_value_is_an_error_with_its_line(read, text):
    (problem,) = refused(read, text)
    assert problem.startswith("folder/file.yaml:2: ")


def test_every_problem_of_a_file_is_told_at_once(read):
    problems = refused(read, "a: ~\na: 1\nb: ~\n")
    assert [problem.split(": ")[0] for problem in problems] == [f"folder/file.yaml:{line}" for line in (1, 2, 3)]


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: [1,\n", 2), ("a: b: c", 1), ("a: 1\n\tb: 2\n", 2), ("a: *nowhere", 1), ("a: 1\n---\nb: 2", 2)],
)
def test_what_is_not_yaml_is_an_error_with_file_and_line(read, text, line):
    (problem,) = refused(read, text)
    assert problem.startswith("folder/file.yaml:")
    assert abs(int(problem.split(":")[1]) - line) <= 1


def test_bytes_that_are_not_utf8_are_an_error(read):
    (problem,) = refused(read, b"a: \xff\xfe")
    assert problem.startswith("folder/file.yaml:1: ")


def test_an_empty_file_is_an_empty_mapping(read):
    assert read("").data == {}
    assert read("# only a remark\n").data == {}


def test_no_tag_makes_an_object(read):
    assert read("a: !!python/object/apply:os.system [echo]").data == {"a": ["echo"]}
    assert read("a: !!int '7'").data == {"a": "7"}


def test_the_line_of_every_value_is_kept(read):
    source = read("a: 1\nb:\n- c: 2\n\n- d:\n    e: 3\n")
    assert source.line(("a",)) == 1
    assert source.line(("b",)) == 2
    assert source.line(("b", 0, "c")) == 3
    assert source.line(("b", 1)) == 5
    assert source.line(("b", 1, "d", "e")) == 6


def test_an_unknown_place_has_the_line_of_the_nearest_value_around_it(read):
    source = read("a: 1\nb:\n- c: 2\n")
    assert source.line(("b", 0, "c", "not", "there")) == 3
    assert source.line(("b", 7)) == 2
    assert source.line(("nowhere",)) == 1
    assert str(source.problem(("b", 0, "c"), "wrong")) == "folder/file.yaml:3: wrong"


def test_problems_are_told_in_file_order():
    error = LibraryError([Problem("b", 2, "x"), Problem("a", 9, "y"), Problem("b", 1, "z")])
    assert str(error) == "a:9: y\nb:1: z\nb:2: x"


def test_a_file_without_lines_has_one_line():
    assert Source("file.json", {"id": "x"}).line(("id",)) == 1
    assert str(Source("file.json", {}).problem((), "wrong")) == "file.json:1: wrong"
