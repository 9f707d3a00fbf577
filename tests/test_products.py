"""Products: found by code or by name, with dated facts; words that change what an order is."""

from datetime import date

import pytest

from cdshooks.engine.products import Span, day, span


def on(text):
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("start", "end", "inside", "outside"),
    [
        ("2025-01-01", "2026-06-26", ["2025-01-01", "2026-06-26"], ["2024-12-31", "2026-06-27"]),
        ("2025-01-01", None, ["2025-01-01", "9999-12-31"], ["2024-12-31"]),
        (None, "2026-06-26", ["0001-01-01", "2026-06-26"], ["2026-06-27"]),
        (None, None, ["0001-01-01", "9999-12-31"], []),
    ],
)
def test_a_span_holds_on_both_its_ends(start, end, inside, outside):
    made = span({"from": start, "to": end})
    assert all(made.holds(on(text)) for text in inside)
    assert not any(made.holds(on(text)) for text in outside)


def test_a_day_of_the_library_is_a_day_or_nothing():
    assert day("2026-01-02") == date(2026, 1, 2)
    assert day(None) is None


def named(library, *texts):
    return [product.id for product, _ in library.products.named(texts)]


@pytest.mark.parametrize(
    ("text", "products"),
    [
        ("Exempla", ["examplecel"]),
        ("EXEMPLA 1 bag", ["examplecel"]),
        ("examplecel suspension", ["examplecel"]),
        ("Exempla/Sampla", ["examplecel", "samplecel"]),
        ("Exemplar", []),
        ("exemplary", []),
        ("Ex empla", []),
        ("trialcel", ["trialcel"]),
        ("Lookalucel", []),
        ("", []),
    ],
)
def test_a_name_is_found_as_a_whole_word_in_any_case(example, text, products):
    assert named(example, text) == products


def test_a_code_names_its_product_and_its_level(example):
    hits = example.products.coded([("rxnorm", "900001"), ("rxnorm", "900011"), ("rxnorm", "999")])
    assert [(product.id, code.kind, code.grade) for product, code in hits] == [
        ("examplecel", "IN", "A"),
        ("samplecel", "SCD", "A"),
    ]


def test_what_is_not_a_car_t_is_known(example):
    assert ("hcpcs", "Z9002") in example.products.not_car_t


@pytest.mark.parametrize(
    ("text", "trial"),
    [
        ("Exempla, investigational", True),
        ("INVESTIGATIONAL product", True),
        ("Exempla NCT01234567", True),
        ("nct 01234567", True),
        ("NCT-01234567", True),
        ("NCT0123456", False),
        ("NCT012345678", False),
        ("xNCT01234567", False),
        ("investigation", False),
        ("Exempla", False),
    ],
)
def test_a_trial_is_told_by_its_words_or_its_registry_number(example, text, trial):
    assert example.products.is_trial([text]) is trial


@pytest.mark.parametrize(
    ("text", "effects"),
    [
        ("Exempla (out of spec)", ["not-the-approved-product"]),
        ("OUT-OF-SPEC lot", ["not-the-approved-product"]),
        ("Exempla second part", ["one-course"]),
        ("out of specific reasons", []),
    ],
)
def test_words_that_change_the_order_are_whole_words(example, text, effects):
    assert [trap.effect for trap in example.products.trapped([text])] == effects


def test_the_rems_of_a_day_and_the_last_one(example):
    examplecel, samplecel = example.products.by_id["examplecel"], example.products.by_id["samplecel"]
    assert examplecel.rems_on(on("2026-06-26")).name == "Exempla REMS"
    assert examplecel.rems_on(on("2026-06-27")) is None
    assert examplecel.last_rems().span.end == on("2026-06-26")
    assert samplecel.rems_on(on("2026-06-26")) is None
    assert samplecel.last_rems() is None


def test_an_unapproved_product_has_no_approval_and_says_so(example):
    trialcel = example.products.by_id["trialcel"]
    assert trialcel.approved is None
    assert trialcel.brand == "trialcel"
    assert trialcel.note == "not approved by the FDA"
    assert Span(None, None).holds(on("2026-01-01"))


PRODUCTS = "abecma aucatzyl breyanzi carvykti kymriah tecartus yescarta".split()


def test_the_products_that_ship_are_those_of_the_contract(shipped):
    approved = [product.id for product in shipped.products.by_id.values() if product.approved]
    assert approved == PRODUCTS
    assert [p.id for p in shipped.products.by_id.values() if not p.approved] == ["anito-cel", "miv-cel"]


def test_every_shipped_rems_ended_on_the_day_the_fda_ended_it(shipped):
    for name in PRODUCTS:
        last = shipped.products.by_id[name].last_rems()
        assert (last is None) if name == "aucatzyl" else last.span.end == on("2025-06-26")


def test_no_shipped_code_names_two_products_and_none_is_a_look_alike(shipped):
    for coded, hits in shipped.products.by_code.items():
        assert len({product.id for product, _ in hits}) == 1, coded
    assert not set(shipped.products.by_code) & shipped.products.not_car_t
    for value_set in (*shipped.other_sets, *shipped.service_sets):
        for coded in shipped.products.by_code:
            concept = value_set.find(coded)
            assert concept is None or value_set in shipped.service_sets, (coded, value_set.id)
