"""What the service offers, and that each search an EHR is asked to run is justified by a criterion."""

import re
from dataclasses import replace

import pytest

from cdshooks.hooks.discovery import HOOKS, MORE_PREFETCH, PREFETCH, prefetch_of, service_of, services

ROOT_LEVEL = re.compile(r"\{\{(.*?)\}\}")
PAYER_SELECTION = {"Coverage"}  # read to choose the policy, before any criterion is asked
READ_WHEREVER_SENT = {"MedicationAdministration", "MedicationStatement", "MedicationDispense", "ServiceRequest"}


def kinds_read(library):
    return {kind for policy in library.policies for criterion in policy.criteria for kind in criterion.kinds}


def test_the_document_has_what_the_standard_asks_for(shipped):
    for service in services(shipped)["services"]:
        assert HOOKS[service["id"]] == service["hook"]
        assert all(isinstance(v, str) and v for key, v in service.items() if key not in ("prefetch", "extension"))
        assert set(service) <= {"hook", "title", "description", "id", "prefetch", "usageRequirements", "extension"}


def test_the_same_library_gives_the_same_document(shipped):
    assert services(shipped) == services(shipped)


def test_at_most_eight_searches_are_asked_for():
    assert len(PREFETCH) <= 8


@pytest.mark.parametrize("key", list(PREFETCH))
def test_a_template_uses_root_level_tokens_alone(key):
    tokens = ROOT_LEVEL.findall(PREFETCH[key].query)
    assert tokens
    assert set(tokens) <= {"context.patientId", "context.userId", "context.encounterId"}


@pytest.mark.parametrize("key", list(PREFETCH))
def test_a_template_is_a_relative_read_or_search_of_the_kinds_that_it_names(key):
    query, kinds = PREFETCH[key].query, PREFETCH[key].kinds
    kind = re.match(r"[A-Za-z]+", query).group()
    assert kinds == (kind,)
    assert "context.patientId" in query
    assert "//" not in query
    assert " " not in query


@pytest.mark.parametrize("key", list(PREFETCH))
def test_every_kind_that_is_asked_for_is_read_by_a_criterion(shipped, key):
    assert set(PREFETCH[key].kinds) <= kinds_read(shipped) | PAYER_SELECTION


def test_every_kind_that_a_criterion_needs_is_asked_for(shipped):
    asked = {kind for template in PREFETCH.values() for kind in template.kinds}
    assert kinds_read(shipped) - READ_WHEREVER_SENT <= asked


def test_no_kind_is_asked_for_twice():
    kinds = [kind for template in PREFETCH.values() for kind in template.kinds]
    assert len(kinds) == len(set(kinds))


def test_each_service_id_answers_one_hook():
    assert HOOKS == {f"cart-{hook}": hook for hook in ("order-sign", "order-select", "order-dispatch", "patient-view")}


@pytest.mark.parametrize("hook", [None, "", "encounter-start", "order-sign"])
def test_a_hook_that_no_service_answers_is_refused_by_order_sign(hook):
    assert service_of(hook) == "cart-order-sign"


def test_order_dispatch_asks_for_the_orders_and_the_performer_that_it_only_names():
    more = MORE_PREFETCH["order-dispatch"]
    assert more["performer"].query == "{{context.performer}}"
    assert {kind for template in prefetch_of("order-dispatch").values() for kind in template.kinds} >= {
        "ServiceRequest",
        "MedicationRequest",
    }


def test_patient_view_asks_for_what_the_plans_have_answered_too():
    assert MORE_PREFETCH["patient-view"].keys() == {"claimResponses", "claims"}


@pytest.mark.parametrize("hook", ["order-sign", "order-select"])
def test_the_roles_of_the_one_who_signs_are_asked_for_by_that_user_s_own_id(hook):
    roles = prefetch_of(hook)["roles"]
    assert roles.query == "PractitionerRole?practitioner={{userPractitionerId}}"
    assert roles.kinds == ("PractitionerRole",)
    assert "_include" not in roles.query  # not every client can run one
    assert {key for key in prefetch_of(hook) if key != "roles"} == set(PREFETCH)


@pytest.mark.parametrize("hook", list(MORE_PREFETCH))
def test_a_template_that_only_one_hook_needs_is_a_plain_one_too(hook):
    for key, template in MORE_PREFETCH[hook].items():
        assert key not in PREFETCH and set(ROOT_LEVEL.findall(template.query)) <= {
            "context.patientId",
            "context.performer",
            "userPractitionerId",
        }


# ---- Da Vinci CRD


def crd_hooks(library):
    return {s["hook"]: s["extension"] for s in services(library)["services"] if "extension" in s}


def test_every_hook_of_crd_declares_the_versions_that_it_answers(shipped):
    declared = crd_hooks(shipped)
    assert declared.keys() == {"order-sign", "order-select", "order-dispatch"}
    assert all(extension["davinci-crd.version"] == ["2.0", "2.2"] for extension in declared.values())


def test_patient_and_coverage_are_asked_in_the_words_of_crd(shipped):
    """Its other expressions walk through the orders, with tokens that CDS Hooks 2.0 does not know."""
    for service in services(shipped)["services"]:
        assert service["prefetch"]["patient"] == "Patient/{{context.patientId}}"
        assert service["prefetch"]["coverage"] == "Coverage?patient={{context.patientId}}&status=active"


def test_every_option_has_its_five_members_and_shares_none_of_its_names(shipped):
    for extension in crd_hooks(shipped).values():
        options = extension["davinci-crd.configuration-options"]
        for option in options:
            assert set(option) == {"code", "type", "name", "description", "default"}
            assert type(option["default"]) is {"boolean": bool, "integer": int}[option["type"]]
        for member in ("code", "name", "description"):
            assert len({option[member] for option in options}) == len(options)


def test_there_is_an_option_for_each_kind_of_answer(shipped):
    (options,) = {str(e["davinci-crd.configuration-options"]): e for e in crd_hooks(shipped).values()}.values()
    kinds = {o["code"] for o in options["davinci-crd.configuration-options"] if o["type"] == "boolean"}
    assert kinds == {"coverage-info", "unsolicited-determ", shipped.crd.card_type}


def test_a_library_without_a_table_for_crd_declares_nothing(example):
    assert crd_hooks(replace(example, crd=None)) == {}
