"""One short name per coding system, one spelling per code, however an EHR writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parts import EXAMPLE, RXNORM

from cdshooks.engine.codes import coding_list, concept_texts, fold, ndc11


def coded(library, system, code):
    return library.systems.coded({"system": system, "code": code})


@pytest.mark.parametrize(
    "spelling",
    [
        "http://example.org/codes",
        "https://example.org/codes",
        "http://example.org/codes/",
        "HTTP://EXAMPLE.ORG/CODES",
        "http://www.example.org/codes",
        " http://example.org/codes ",
        "http://example.org/codes|2026-01",
        "http://example.org/codes/|2026-01",
        "http://example.org/older/codes",
        "https://example.org/older/codes/",
        "urn:oid:2.999.1",
        "2.999.1",
        "urn:oid:2.999.1|3",
        "example",
        "EXAMPLE",
        "URN:OID:2.999.1",
    ],
)
def test_every_spelling_of_a_system_is_the_same_system(example, spelling):
    assert coded(example, spelling, "alpha") == ("example", "alpha")


@pytest.mark.parametrize(
    "spelling", ["http://example.org", "http://example.org/codes/more", "urn:oid:2.999.10", "2.999", "", "|", "ndc11"]
)
def test_a_name_that_is_only_similar_is_another_system(example, spelling):
    assert coded(example, spelling, "alpha") != ("example", "alpha")


def test_an_unknown_system_stays_as_it_was_sent_and_equals_only_itself(example):
    one = coded(example, "http://hospital.example/Local", "77")
    assert one == coded(example, "https://hospital.example/local/", "77")
    assert one != coded(example, "http://other.example/local", "77")


def test_every_system_that_ships_is_known_by_uri_oid_and_alias(shipped):
    for spelling in (
        "http://loinc.org",
        "urn:oid:2.16.840.1.113883.6.1",
        "http://snomed.info/sct|http://snomed.info/sct/731000124108",
    ):
        assert shipped.systems.system(spelling).id in {"loinc", "snomed"}
    oids = {"rxnorm": 88, "ndc": 69, "icd10cm": 90, "snomed": 96, "cpt": 12, "loinc": 1, "hcpcs": 285, "icd10pcs": 4}
    for name, number in oids.items():
        assert shipped.systems.system(f"urn:oid:2.16.840.1.113883.6.{number}").id == name
        assert shipped.systems.system(f"2.16.840.1.113883.6.{number}").id == name


@pytest.mark.parametrize(
    ("code", "found"), [("alpha", "alpha"), (" alpha", "alpha"), ("alpha\n", "alpha"), ("Alpha", "Alpha")]
)
def test_blanks_around_a_code_do_not_matter_but_its_letters_do(example, code, found):
    assert coded(example, EXAMPLE, code) == ("example", found)


@pytest.mark.parametrize(
    ("sent", "read"),
    [("C8318", "C83.18"), ("c83.18", "C83.18"), ("Z807", "Z80.7"), ("Z80", "Z80"), ("C83.1A", "C83.1A")],
)
def test_a_dot_that_claims_leave_out_is_put_in_its_place(shipped, sent, read):
    assert coded(shipped, "http://hl7.org/fhir/sid/icd-10-cm", sent) == ("icd10cm", read)
    assert coded(shipped, "http://snomed.info/sct", "443487006") == ("snomed", "443487006")


@pytest.mark.parametrize("code", ["z9001", "Z9001", " z9001 "])
def test_the_codes_of_some_systems_are_read_in_capitals(example, code):
    assert coded(example, "hcpcs", code) == ("hcpcs", "Z9001")


@pytest.mark.parametrize(
    ("sent", "eleven"),
    [
        ("99999-101-01", "99999010101"),  # 5-3-2
        ("9999-1010-01", "09999101001"),  # 4-4-2
        ("99999-1010-1", "99999101001"),  # 5-4-1
        ("99999-0101-01", "99999010101"),  # 5-4-2
        ("99999010101", "99999010101"),
        ("9999910101", "9999910101"),  # ten plain digits: only a product's own file knows how they are cut
        ("99999-101", "99999-101"),
        ("not an ndc", "not an ndc"),
        ("a-b-c", "a-b-c"),
    ],
)
def test_a_hyphenated_ndc_is_padded_to_five_four_two(sent, eleven):
    assert ndc11(sent) == eleven


@pytest.mark.parametrize("sent", ["99999-101-01", "99999-0101-01", "99999010101", "9999910101", " 99999-101-01 "])
def test_a_product_s_ndc_is_found_in_all_four_spellings(example, sent):
    hits = example.products.coded([coded(example, "http://hl7.org/fhir/sid/ndc", sent)])
    assert [product.id for product, _ in hits] == ["examplecel"]


@given(st.integers(0, 99999), st.integers(0, 9999), st.integers(0, 99))
def test_all_hyphenated_forms_of_one_ndc_are_one(labeler, item, package):
    full = f"{labeler:05}{item:04}{package:02}"
    assert ndc11(f"{labeler:05}-{item:04}-{package:02}") == full
    assert ndc11(f"{labeler}-{item}-{package}") == full


@pytest.mark.parametrize(
    "coding",
    [
        {"code": "alpha"},
        {"system": EXAMPLE},
        {"system": None, "code": "alpha"},
        {"system": EXAMPLE, "code": ""},
        {"system": EXAMPLE, "code": "  "},
        {"system": EXAMPLE, "code": 7},
        {"system": [EXAMPLE], "code": "alpha"},
        "alpha",
        None,
        [],
    ],
)
def test_a_coding_without_system_or_code_is_none(example, coding):
    assert example.systems.coded(coding) is None


A, B = {"system": EXAMPLE, "code": "alpha"}, {"system": RXNORM, "code": "900001", "display": " examplecel "}


@pytest.mark.parametrize(
    ("concept", "codings"),
    [
        ({"coding": [A, B]}, [A, B]),
        ({"coding": A}, [A]),  # an object where a list belongs
        ([{"coding": [A]}, {"coding": [B]}], [A, B]),
        (A, [A]),
        ({"text": "words"}, []),
        ({"coding": []}, []),
        (None, []),
        ("alpha", []),
    ],
)
def test_codings_are_found_in_every_shape(concept, codings):
    assert coding_list(concept) == codings


def test_all_codings_of_a_concept_count_not_only_the_first(example):
    assert list(example.systems.codings({"coding": [{"code": "local"}, B, A]})) == [
        ("rxnorm", "900001"),
        ("example", "alpha"),
    ]


@pytest.mark.parametrize(
    ("concept", "texts"),
    [
        ({"text": " one ", "coding": [B, {"display": "three"}]}, ["one", "examplecel", "three"]),
        ({"text": "", "coding": [{"display": None}]}, []),
        ([{"text": "one"}, {"text": "two"}], ["one", "two"]),
        ({"text": 3}, []),
        (None, []),
    ],
)
def test_the_words_of_a_concept_are_its_text_then_its_displays(concept, texts):
    assert concept_texts(concept) == texts


def test_a_system_has_a_name_for_a_reader(example):
    assert example.systems.label("rxnorm") == "RxNorm"
    assert example.systems.label("npi") == "npi"


@pytest.mark.parametrize(
    ("code", "is_label"), [("N", False), ("U", False), ("M", False), ("L", False), ("R", True), ("V", True)]
)
def test_only_a_confidentiality_code_beyond_the_ordinary_ones_is_a_label(example, code, is_label):
    system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
    assert example.systems.is_label({"system": system, "code": code}) is is_label
    assert example.systems.is_label({"system": EXAMPLE, "code": code}) is False


@given(st.text(max_size=40))
def test_folding_a_spelling_twice_changes_nothing_more(spelling):
    assert fold(fold(spelling)) == fold(fold(fold(spelling)))


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_system_and_no_code_breaks_the_reader(example, system, code):
    found = coded(example, system, code)
    assert found is None or found[1].strip() == found[1] != ""
