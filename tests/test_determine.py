"""Policy + chart + order + two days → one finding per criterion and one outcome, worst first."""

from dataclasses import replace
from datetime import date
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from parts import (
    AS_OF,
    concept,
    condition,
    context_of,
    document,
    full_chart,
    medication,
    observation,
    order_of,
    patient,
    procedure,
    report,
)

from cdshooks.engine.centers import Facility, match_center
from cdshooks.engine.determine import determine
from cdshooks.engine.model import Explanation, Gap, Outcome, Paragraph, Result, Section
from cdshooks.engine.policy import Criterion, Override

ID = "example-health/gene-therapy"


@pytest.fixture(scope="module")
def decide(example):
    """Determine an order of p1 under the newer made-up policy."""

    def decided(*resources, policy=None, **surroundings):
        chosen = policy or example.in_force(ID, date(2026, 12, 1))
        return determine(chosen, context_of(example, *resources, **surroundings), example.wording)

    return decided


def outcomes(determination):
    return {finding.criterion: finding.outcome for finding in determination.findings}


def one(determination, criterion):
    return next(finding for finding in determination.findings if finding.criterion == criterion)


# ---- the ladder, with criteria that say what they are told to say ----

SAYS = {
    Outcome.MET: Explanation(True, "s", "met"),
    Outcome.NOT_MET: Explanation(False, "s", "not met"),
    Outcome.MISSING: Explanation(None, "s", "missing", Gap.MISSING),
    Outcome.STALE: Explanation(None, "s", "stale", Gap.STALE),
    Outcome.COULD_NOT_CHECK: Explanation(None, "s", "unread", Gap.COULD_NOT_CHECK),
    Outcome.ATTEST: Explanation(None, "s", "ask", Gap.ATTEST),
}


def criterion(id_, explanation, section=Section.DOCUMENTATION, **fields):
    made = {
        "id": id_,
        "section": section,
        "cite": (Paragraph("P"),),
        "label": id_,
        "says": f"{id_} says.",
        "ask": "Ask.",
        "owner": "prescriber",
        "check": (lambda _: explanation) if explanation else None,
        "only_if": None,
        "about": (),
        "prompts": (),
        "prompt_after": None,
        "window": None,
        "remedy": "write-letter",
        "group": None,
        "kinds": frozenset(),
        "denial": None,
        "otherwise": "",
    }
    return Criterion(**made | fields)


def policy_of(example, *criteria, overrides=()):
    whole = example.in_force(ID, date(2026, 12, 1))
    return replace(whole, criteria=tuple(criteria), overrides=tuple(overrides), reminders=())


WORST_FIRST = [
    ((Section.EXCLUSIONS, SAYS[Outcome.MET]), Result.EXCLUSION_FOUND),
    ((Section.COVERAGE, SAYS[Outcome.NOT_MET]), Result.CRITERION_NOT_MET),
    ((Section.DOCUMENTATION, SAYS[Outcome.MISSING]), Result.DOCUMENTATION_MISSING),
    ((Section.DOCUMENTATION, SAYS[Outcome.STALE]), Result.DOCUMENTATION_MISSING),
    ((Section.DOCUMENTATION, SAYS[Outcome.COULD_NOT_CHECK]), Result.COULD_NOT_CHECK),
    ((Section.DOCUMENTATION, SAYS[Outcome.ATTEST]), Result.READY),
    ((Section.DOCUMENTATION, SAYS[Outcome.MET]), Result.READY),
]
LADDER = list(Result)


@given(st.lists(st.sampled_from(WORST_FIRST), max_size=7).flatmap(st.permutations))
def test_the_worst_finding_gives_the_outcome_in_every_order(example, decide, chosen):
    criteria = [criterion(f"c{n}", says, section) for n, ((section, says), _) in enumerate(chosen)]
    expected = min((result for _, result in chosen), key=LADDER.index, default=Result.READY)
    assert decide(policy=policy_of(example, *criteria)).outcome is expected


def test_every_order_of_all_outcomes_gives_the_worst(example, decide):
    for order in permutations(WORST_FIRST[:3] + WORST_FIRST[4:6]):
        criteria = [criterion(f"c{n}", says, section) for n, ((section, says), _) in enumerate(order)]
        assert decide(policy=policy_of(example, *criteria)).outcome is Result.EXCLUSION_FOUND


@pytest.mark.parametrize("outcome", [Outcome.MISSING, Outcome.STALE, Outcome.COULD_NOT_CHECK])
@pytest.mark.parametrize("section", list(Section))
def test_ready_is_impossible_while_anything_is_open(example, decide, outcome, section):
    if section is Section.EXCLUSIONS and outcome is not Outcome.COULD_NOT_CHECK:
        return  # an exclusion that nobody can see is to attest
    found = decide(policy=policy_of(example, criterion("c", SAYS[outcome], section)))
    assert outcomes(found) == {"c": outcome}
    assert found.outcome is not Result.READY


def test_ready_still_lists_what_is_to_be_attested(example, decide):
    found = decide(policy=policy_of(example, criterion("c", None), criterion("d", SAYS[Outcome.ATTEST])))
    assert found.outcome is Result.READY
    assert outcomes(found) == {"c": Outcome.ATTEST, "d": Outcome.ATTEST}


@pytest.mark.parametrize(
    ("says", "outcome"),
    [
        (SAYS[Outcome.MET], Outcome.NOT_MET),  # the exclusion applies
        (SAYS[Outcome.NOT_MET], Outcome.MET),  # the chart positively shows that it does not
        (SAYS[Outcome.MISSING], Outcome.ATTEST),  # silence is never "clear"
        (SAYS[Outcome.STALE], Outcome.ATTEST),
        (SAYS[Outcome.ATTEST], Outcome.ATTEST),
        (SAYS[Outcome.COULD_NOT_CHECK], Outcome.COULD_NOT_CHECK),
        (None, Outcome.ATTEST),
    ],
)
def test_an_exclusion_speaks_from_the_requester_s_side(example, decide, says, outcome):
    found = decide(policy=policy_of(example, criterion("c", says, Section.EXCLUSIONS)))
    assert outcomes(found) == {"c": outcome}


@pytest.mark.parametrize(
    ("asked", "outcome"),
    [
        (SAYS[Outcome.MET], Outcome.MISSING),
        (SAYS[Outcome.NOT_MET], Outcome.NOT_APPLICABLE),
        (SAYS[Outcome.ATTEST], Outcome.ATTEST),
        (SAYS[Outcome.COULD_NOT_CHECK], Outcome.COULD_NOT_CHECK),
    ],
)
def test_a_criterion_is_asked_only_where_its_condition_holds(example, decide, asked, outcome):
    made = criterion("c", SAYS[Outcome.MISSING], only_if=lambda _: asked)
    assert outcomes(decide(policy=policy_of(example, made))) == {"c": outcome}


@pytest.mark.parametrize(
    ("documents", "outcome"),
    [
        ([Outcome.MISSING], Outcome.NOT_APPLICABLE),
        ([Outcome.MISSING, Outcome.MISSING], Outcome.NOT_APPLICABLE),
        ([Outcome.MISSING, Outcome.MET], Outcome.ATTEST),
        ([Outcome.MET], Outcome.ATTEST),
        ([Outcome.STALE], Outcome.ATTEST),
        ([Outcome.COULD_NOT_CHECK], Outcome.NOT_APPLICABLE),
    ],
)
def test_the_content_of_a_missing_document_is_not_asked(example, decide, documents, outcome):
    named = [criterion(f"d{n}", SAYS[each]) for n, each in enumerate(documents)]
    content = criterion("content", None, about=tuple(each.id for each in named))
    assert outcomes(decide(policy=policy_of(example, *named, content)))["content"] is outcome


@pytest.mark.parametrize(
    ("standing", "reached", "result"),
    [
        ([], [Section.COVERAGE], Result.REVIEW_NEEDED),
        ([], [Section.EXCLUSIONS], Result.REVIEW_NEEDED),
        ([], [Section.COVERAGE, Section.EXCLUSIONS], Result.REVIEW_NEEDED),
        ([Section.COVERAGE], [Section.EXCLUSIONS], Result.CRITERION_NOT_MET),
        ([Section.EXCLUSIONS], [Section.COVERAGE], Result.EXCLUSION_FOUND),
        ([], [], Result.READY),
    ],
)
def test_an_override_turns_only_what_it_reaches_into_a_person_s_decision(example, decide, standing, reached, result):
    says = {Section.COVERAGE: SAYS[Outcome.NOT_MET], Section.EXCLUSIONS: SAYS[Outcome.MET]}
    criteria = [criterion(f"s{n}", says[section], section) for n, section in enumerate(standing)]
    criteria += [criterion(f"r{n}", says[section], section) for n, section in enumerate(reached)]
    override = Override((Paragraph("C.2"),), "Under 21.", lambda _: SAYS[Outcome.MET], frozenset(["r0", "r1"]))
    found = decide(policy=policy_of(example, *criteria, overrides=[override]))
    assert found.outcome is result
    assert found.overridden_by == (("C.2",) if reached else ())


@pytest.mark.parametrize("asked", [Outcome.NOT_MET, Outcome.COULD_NOT_CHECK, Outcome.ATTEST])
def test_an_override_counts_only_when_it_surely_holds(example, decide, asked):
    override = Override((Paragraph("C.2"),), "Under 21.", lambda _: SAYS[asked], frozenset(["c"]))
    made = criterion("c", SAYS[Outcome.NOT_MET], Section.COVERAGE)
    found = decide(policy=policy_of(example, made, overrides=[override]))
    assert found.outcome is Result.CRITERION_NOT_MET
    assert found.overridden_by == ()
    open_ = [] if asked is Outcome.NOT_MET else [("C.2",)]
    assert [may.cite for may in found.may_override] == open_
    assert all("Under 21." in may.text for may in found.may_override)


def test_an_override_that_may_hold_is_asked_about_only_where_it_reaches_what_is_refused(example, decide):
    override = Override((Paragraph("C.2"),), "Under 21.", lambda _: SAYS[Outcome.COULD_NOT_CHECK], frozenset(["d"]))
    criteria = [criterion("c", SAYS[Outcome.NOT_MET], Section.COVERAGE), criterion("d", SAYS[Outcome.MET])]
    assert decide(policy=policy_of(example, *criteria, overrides=[override])).may_override == ()


def test_review_comes_before_missing_documents(example, decide):
    override = Override((Paragraph("C.2"),), "Under 21.", lambda _: SAYS[Outcome.MET], frozenset(["c"]))
    criteria = [criterion("c", SAYS[Outcome.NOT_MET], Section.COVERAGE), criterion("d", SAYS[Outcome.MISSING])]
    assert decide(policy=policy_of(example, *criteria, overrides=[override])).outcome is Result.REVIEW_NEEDED


@pytest.mark.parametrize("outcome", list(SAYS))
def test_a_remedy_is_offered_only_for_what_is_missing_or_stale(example, decide, outcome):
    (found,) = decide(policy=policy_of(example, criterion("c", SAYS[outcome]))).findings
    assert (found.remedy == "write-letter") is (outcome in (Outcome.MISSING, Outcome.STALE))


# ---- the made-up policy as a whole ----


def test_a_full_chart_is_ready_and_says_what_is_still_for_a_person(decide):
    found = decide(*full_chart())
    assert found.outcome is Result.READY
    assert outcomes(found) == {
        "fda-approved": Outcome.MET,
        "indication": Outcome.MET,
        "dosage-form": Outcome.MET,
        "warnings": Outcome.ATTEST,
        "center": Outcome.ATTEST,
        "rems": Outcome.NOT_APPLICABLE,
        "prior-car-t": Outcome.ATTEST,
        "rescue-transplant": Outcome.ATTEST,
        "adherence": Outcome.ATTEST,
        "letter": Outcome.MET,
        "letter-content": Outcome.ATTEST,
        "virus": Outcome.MET,
        "marrow": Outcome.MET,
        "other-tests": Outcome.ATTEST,
    }


def test_an_empty_chart_claims_nothing_beyond_what_was_read(decide):
    found = outcomes(decide())
    assert found["virus"] is Outcome.MISSING
    assert found["letter-content"] is Outcome.NOT_APPLICABLE
    unread = outcomes(decide(unread={"Observation": "not sent", "DocumentReference": "failed"}))
    assert unread["virus"] is Outcome.COULD_NOT_CHECK
    assert unread["letter"] is Outcome.COULD_NOT_CHECK
    assert unread["marrow"] is Outcome.COULD_NOT_CHECK


@pytest.mark.parametrize("kind", ["Observation", "Condition", "DocumentReference", "DiagnosticReport", "Procedure"])
def test_what_was_not_sent_never_makes_a_document_missing(decide, kind):
    kinds = {"Observation": "virus", "DocumentReference": "letter", "DiagnosticReport": "marrow"}
    found = decide(unread={kind: f"{kind} not sent"})
    if kind in kinds:
        assert one(found, kinds[kind]).outcome is Outcome.COULD_NOT_CHECK
        assert f"{kind} not sent" in one(found, kinds[kind]).reason
    if kind in ("Condition", "Procedure"):
        assert one(found, "prior-car-t").outcome is Outcome.COULD_NOT_CHECK


def test_the_date_that_will_count_is_filled_into_what_to_ask(decide, example):
    assert one(decide(), "virus").ask == "Draw the virus test; must be dated after 2026-08-21."
    assert one(decide(), "marrow").ask == "Attach the report; must be dated 2026-05-21 or later."
    match = match_center(Facility("Somewhere", None, "here"), "examplecel", example.rosters, AS_OF)
    assert one(decide(center=match), "center").ask == "Confirm that Somewhere is authorized for Exempla."


@pytest.mark.parametrize(
    ("birth", "result"), [("1960-05-05", Result.EXCLUSION_FOUND), ("2006-05-05", Result.REVIEW_NEEDED)]
)
def test_under_21_an_exclusion_is_a_question_for_review(decide, birth, result):
    found = decide(*full_chart(), medication(code="900011"), who=patient(birth=birth))
    assert one(found, "prior-car-t").outcome is Outcome.NOT_MET
    assert found.outcome is result
    assert found.overridden_by == (("C.2",) if result is Result.REVIEW_NEEDED else ())


def test_age_for_the_override_is_that_of_the_service_date(decide):
    born = patient(birth="2005-12-01")
    sent = [*full_chart(), medication(code="900011")]
    assert decide(*sent, who=born, service=date(2026, 11, 30)).outcome is Result.REVIEW_NEEDED
    assert decide(*sent, who=born, service=date(2026, 12, 1)).outcome is Result.EXCLUSION_FOUND


def test_an_unapproved_product_is_never_overridden(decide):
    order = order_of("trialcel")
    found = decide(*full_chart(), product="trialcel", order=order, who=patient(birth="2010-01-01"))
    assert one(found, "fda-approved").outcome is Outcome.NOT_MET
    assert found.outcome is Result.CRITERION_NOT_MET


@pytest.mark.parametrize(("service", "lapses"), [("2027-01-19", False), ("2027-01-20", True), ("2027-02-01", True)])
def test_a_document_that_lapses_before_the_infusion_says_so(decide, service, lapses):
    found = one(decide(*full_chart(), service=date.fromisoformat(service)), "virus")
    assert found.outcome is Outcome.MET
    assert found.counts_until == date(2027, 1, 19)
    assert any("2027-01-19" in note and service in note for note in found.notes) is lapses


def test_a_positive_result_of_any_age_never_lapses(decide):
    for day in ("2019-01-01", "2026-11-01"):
        found = one(decide(observation("positive", day), service=date(2027, 10, 1)), "virus")
        assert found.outcome is Outcome.MET
        assert found.counts_until is None
        assert found.notes == ()


@pytest.mark.parametrize(
    ("day", "noted"), [("2026-08-23", False), ("2026-08-22", True), ("2020-01-01", True), ("2026-08", False)]
)
def test_a_window_of_our_own_never_makes_a_document_stale(decide, day, noted):
    found = one(decide(document(day=None, date=day)), "letter")
    assert found.outcome is Outcome.MET
    assert any("90-day" in note for note in found.notes) is noted


def test_a_prompt_is_shown_and_never_decides(decide):
    plain, prompted = decide(*full_chart()), decide(*full_chart(), condition("infection"))
    assert one(prompted, "warnings").outcome is one(plain, "warnings").outcome is Outcome.ATTEST
    assert any("active infection recorded" in note for note in one(prompted, "warnings").notes)
    assert prompted.outcome is plain.outcome


def test_a_prompt_that_finds_nothing_or_cannot_look_says_nothing(decide):
    for surroundings in ({}, {"unread": {"Condition": "conditions not sent"}}):
        assert one(decide(**surroundings), "warnings").notes == ()
        assert one(decide(**surroundings), "adherence").to_review == 0


@pytest.mark.parametrize("count", [1, 2, 6, 30])
def test_sensitive_records_are_counted_and_never_named(decide, count):
    private = [condition("private-matter", f"secret{n}", recordedDate="2020-01-01") for n in range(count)]
    found = decide(*full_chart(), *private)
    adherence = one(found, "adherence")
    assert adherence.outcome is Outcome.ATTEST
    assert adherence.to_review == count
    assert adherence.evidence == ()
    assert "secret" not in repr(
        replace(found, findings=tuple(structs.replace(f, explanation=None) for f in found.findings))
    )


def test_a_sensitive_record_that_was_refused_is_not_named_either(decide):
    found = decide(condition("private-matter", "secret", verified="refuted"))
    assert one(found, "adherence").to_review == 0
    assert found.left_out == ()


LABEL = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]}


def test_a_labelled_record_satisfies_and_is_only_counted(decide):
    found = one(decide(observation(id_="secret", meta=LABEL)), "virus")
    assert found.outcome is Outcome.MET
    assert found.evidence == ()
    assert found.to_review == 1
    assert "secret" not in found.reason
    assert "negative" not in found.reason.lower()


def test_every_record_that_was_not_used_is_told_once_in_a_stable_order(decide):
    sent = [
        observation(id_="o2", status="preliminary"),
        observation(id_="o1", status="entered-in-error"),
        condition(id_="c1", subject={"reference": "Patient/p2"}),
        procedure("marrow-procedure", id_="p1", status="not-done"),
        report(id_="r1", day=None),
    ]
    expected = [
        ("Condition/c1", "another patient"),
        ("DiagnosticReport/r1", "undated"),
        ("Observation/o1", "entered-in-error"),
        ("Observation/o2", "preliminary"),
        ("Procedure/p1", "not-done"),
    ]
    for order in (sent, sent[::-1]):
        assert [(left.reference, left.why.value) for left in decide(*order).left_out] == expected


def test_a_version_is_asked_with_its_own_window(decide, example):
    older = example.in_force(ID, date(2025, 6, 1))
    sent = observation(day="2026-06-30")
    assert one(decide(sent, policy=older), "virus").outcome is Outcome.MET
    assert one(decide(sent), "virus").outcome is Outcome.STALE


def test_the_rems_question_is_asked_on_its_last_day_and_gone_the_day_after(decide, example):
    match = match_center(Facility("", "1000000001", "here"), "examplecel", example.rosters, AS_OF)
    asked = one(decide(service=date(2026, 6, 26), center=match), "rems")
    gone = one(decide(service=date(2026, 6, 27), center=match), "rems")
    assert asked.outcome is Outcome.MET
    assert gone.outcome is Outcome.NOT_APPLICABLE
    assert "2026-06-26" in gone.reason


def test_the_two_days_are_kept_apart(decide):
    """Freshness counts back from the day of the request, approval and age go by the service date."""
    found = decide(observation(day="2026-08-25"), service=date(2027, 3, 1))
    assert one(found, "virus").outcome is Outcome.MET
    early = decide(observation(day="2026-08-25"), service=date(2024, 1, 1))
    assert one(early, "virus").outcome is Outcome.MET
    assert one(early, "fda-approved").outcome is Outcome.NOT_MET


def test_reminders_are_given_unless_they_surely_do_not_apply(decide, example):
    assert [reminder.cite for reminder in decide().reminders] == [("NOTE.1",)]
    whole = example.in_force(ID, date(2026, 12, 1))
    reminder = whole.reminders[0][0]
    for outcome, count in ((Outcome.MET, 1), (Outcome.ATTEST, 1), (Outcome.NOT_MET, 0)):
        policy = replace(whole, reminders=((reminder, lambda _, o=outcome: SAYS[o]),))
        assert len(decide(policy=policy).reminders) == count


def test_the_same_question_has_the_same_answer(decide):
    sent = [*full_chart(), condition("infection"), medication(code="900002", day="2024-01-01")]
    assert decide(*sent) == decide(*sent)


def test_what_is_known_of_the_disease_stands_in_one_finding(decide):
    found = one(decide(condition(concept("alpha", "relapsed"))), "indication")
    assert found.cite == ("A.2",)
    assert found.explanation.children[0].children


@pytest.mark.parametrize(
    ("says", "section", "result"),
    [
        (Outcome.NOT_MET, Section.COVERAGE, Result.REVIEW_NEEDED),
        (Outcome.MET, Section.EXCLUSIONS, Result.REVIEW_NEEDED),
        (Outcome.MISSING, Section.DOCUMENTATION, Result.DOCUMENTATION_MISSING),
        (Outcome.MET, Section.COVERAGE, Result.READY),
    ],
)
def test_a_text_that_is_nobody_s_policy_refuses_nothing(example, decide, says, section, result):
    guide = replace(policy_of(example, criterion("c", SAYS[says], section)), authority="secondary-summary")
    assert decide(policy=guide).outcome is result
