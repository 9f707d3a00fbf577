"""The answers to a Questionnaire, for every story: only what the chart met or a person said, each with its origin."""

import json

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.parameters import Parameters
from fhir.resources.R4B.questionnaireresponse import QuestionnaireResponse
from tales import shipped_library, tale, tell

from cdshooks.hooks.dossier import dossiers_of
from cdshooks.hooks.dossier_fhir import dossier_bundle
from cdshooks.hooks.dossier_view import findings_of, to_attest
from cdshooks.hooks.errors import issue
from cdshooks.hooks.questionnaire import ANSWERS, LINES, RECORD, link_ids, part, questionnaire_of
from cdshooks.hooks.questionnaire_package import package
from cdshooks.hooks.questionnaire_response import ORIGIN, Form, prefilled_response
from cdshooks.server.dossiers import Said
from cdshooks.server.settings import default_fixtures

BASE = "https://cds.hospital.example"
AT = "2026-11-21T12:00:00.000000+00:00"
STORIES = sorted(path.parent.name for path in default_fixtures().glob("stories/*/request.json"))


def dossiers(story):
    made = dossiers_of(tell(tale(story)), shipped_library()).values()
    return [dossier for dossier in made if findings_of(dossier)]


def filled(dossier, *said):
    return prefilled_response(dossier, said, Form.of(dossier, shipped_library(), BASE), AT)


def every_item(items):
    """Every item of a response, also those below answers."""
    for item in items:
        yield item
        yield from every_item(item.get("item", ()))
        for answer in item.get("answer", ()):
            yield from every_item(answer.get("item", ()))


def items_of(response):
    return {item["linkId"]: item for item in every_item(response.get("item", ()))}


def code(item):
    (answer,) = item["answer"]
    return answer["valueCoding"]["code"]


def sources(item):
    """Where the answers of an item come from; each has just one origin."""
    for answer in item["answer"]:
        (origin,) = answer["extension"]
        assert origin["url"] == ORIGIN
        yield origin["extension"][0]["valueCode"]


@pytest.mark.parametrize("story", STORIES)
def test_it_is_fhir_and_answers_items_that_exist_and_only_what_is_met(story):
    for dossier in dossiers(story):
        response, form = filled(dossier), Form.of(dossier, shipped_library(), BASE)
        QuestionnaireResponse.model_validate(response)
        asked = questionnaire_of(form.policy, BASE, shipped_library().wording)
        assert response["questionnaire"] == f"{asked['url']}|{asked['version']}" and response["status"] == "in-progress"
        answered = items_of(response)
        assert set(answered) <= link_ids(asked)
        assert len(answered) == sum(1 for _ in every_item(response.get("item", ())))
        met = {finding["criterion"] for finding in findings_of(dossier) if finding["outcome"] == "met"}
        assert {link for link in answered if "." not in link} == met
        assert all(code(answered[criterion]) == "on-file" for criterion in met)
        assert {source for item in answered.values() if "answer" in item for source in sources(item)} <= {"auto-server"}


@pytest.mark.parametrize("story", STORIES)
def test_the_package_and_the_dossier_s_bundle_are_fhir(story):
    for dossier in dossiers(story):
        form = Form.of(dossier, shipped_library(), BASE)
        asked = questionnaire_of(form.policy, BASE, shipped_library().wording)
        made = package([(asked, {"id": "r1", **filled(dossier)})], [issue("information", "informational", "said")])
        Parameters.model_validate(made)
        Bundle.model_validate(made["parameter"][0]["resource"])
        Bundle.model_validate(dossier_bundle(dossier, "1" * 32, AT, form))


@pytest.mark.parametrize("story", STORIES)
def test_each_answer_is_one_that_its_item_offers(story):
    for dossier in dossiers(story):
        form = Form.of(dossier, shipped_library(), BASE)
        offered = {}
        waiting = list(questionnaire_of(form.policy, BASE, shipped_library().wording)["item"])
        while waiting:
            item = waiting.pop()
            offered[item["linkId"]] = item
            waiting += item.get("item", [])
        for link, item in items_of(filled(dossier)).items():
            for answer in item.get("answer", ()):
                if "valueCoding" in answer:
                    assert {"valueCoding": answer["valueCoding"]} in offered[link]["answerOption"]
                if "valueReference" in answer:
                    kinds = [extension["valueCode"] for extension in offered[link]["extension"]]
                    assert answer["valueReference"]["reference"].rsplit("/", 2)[-2] in kinds


@pytest.mark.parametrize("story", STORIES)
def test_every_record_that_is_referred_to_is_evidence_of_that_criterion(story):
    for dossier in dossiers(story):
        answered = items_of(filled(dossier))
        for finding in findings_of(dossier):
            records = answered.get(part(finding["criterion"], RECORD), {"answer": []})["answer"]
            named = [answer["valueReference"]["reference"] for answer in records]
            met = finding["outcome"] == "met"
            assert named == ([e["reference"] for e in finding.get("evidence", ())] if met else [])


def test_a_met_document_is_answered_with_its_record_and_its_date():
    (dossier,) = dossiers("mcl-complete")
    answered = items_of(filled(dossier))
    (finding,) = [one for one in findings_of(dossier) if one["criterion"] == "hiv"]
    (record, *_) = answered["hiv.record"]["answer"]
    assert record["valueReference"]["reference"] == finding["evidence"][0]["reference"]
    assert answered["hiv.date"]["answer"][0]["valueDate"] == finding["evidence"][0]["date"][:10]


def test_what_is_missing_stale_or_for_a_person_to_say_has_no_answer():
    (dossier,) = dossiers("mcl-missing-three")
    answered = items_of(filled(dossier))
    open_ = [one["criterion"] for one in findings_of(dossier) if one["outcome"] in ("missing", "stale", "attest")]
    assert len(open_) > 5 and not [link for link in answered if link.split(".")[0] in open_]


def test_what_is_not_asked_of_this_order_is_answered_with_no():
    (dossier,) = dossiers("mcl-missing-three")
    (rems,) = [one for one in findings_of(dossier) if one["criterion"] == "rems"]
    assert rems["outcome"] == "not-applicable"
    assert code(items_of(filled(dossier))["rems.applies"]) == "no"
    silent = [one["criterion"] for one in findings_of(dossier) if one["outcome"] == "not-applicable"]
    assert "eval-support" in silent and "eval-support.applies" not in items_of(filled(dossier))


def test_a_person_s_answer_says_by_whom_and_when_and_is_never_the_chart_s():
    (dossier,) = dossiers("mcl-missing-three")
    line = next(line for finding in findings_of(dossier) for line in finding.get("lines", ()) if line.get("open"))
    said = [
        Said("confirmed", "dosage", "R. Nurse, RN", "", AT),
        Said("not-so", "dosage", "A. Doctor, MD", "dose was changed", AT.replace("T12", "T13")),
        Said("line", f"{line['evidence'][0]} bestResponse", "R. Nurse, RN", "partial", AT),
    ]
    response = filled(dossier, *said)
    QuestionnaireResponse.model_validate(response)
    answered = items_of(response)
    assert code(answered["dosage"]) == "not-so" and set(sources(answered["dosage"])) == {"manual"}
    author = answered["dosage"]["answer"][0]["extension"][0]["extension"][1]
    assert author["extension"] == [{"url": "practitioner", "valueReference": {"display": "A. Doctor, MD"}}]
    remarks = [answer["valueString"] for answer in answered["dosage.remark"]["answer"]]
    assert "R. Nurse, RN, 2026-11-21 12:00 UTC" in remarks[0] and "dose was changed (by A. Doctor" in remarks[1]
    assert all("not evidence of the chart" in remark for remark in remarks)
    assert "best response: partial (by R. Nurse, RN" in answered[LINES]["answer"][0]["valueString"]


def test_what_people_say_of_what_is_on_file_stands_beside_it():
    (dossier,) = dossiers("mcl-complete")
    answered = items_of(filled(dossier, Said("not-so", "hiv", "R. Nurse, RN", "another patient's", AT)))
    assert code(answered["hiv"]) == "on-file" and "another patient's" in json.dumps(answered["hiv.remark"])


def test_nothing_is_said_of_sensitive_records():
    told = [dossier for story in STORIES for dossier in dossiers(story) if "sensitive" in dossier]
    assert len(told) == 2
    for dossier in told:
        text = json.dumps(filled(dossier))
        assert "to review" not in text
        for records in dossier["sensitive"].values():
            assert not [record for record in records if f'"{record["reference"]}"' in text]


def test_attestations_are_not_lost_where_the_version_is_no_longer_on_file():
    (dossier,) = dossiers("mcl-missing-three")
    held = dossier["determination"] | {"policy": dossier["determination"]["policy"] | {"version": "1999-01"}}
    older = dossier | {"determination": held}
    assert to_attest(older)
    answered = items_of(filled(older, Said("confirmed", "dosage", "R. Nurse, RN", "", AT)))
    assert (
        code(answered["dosage"]) == "confirmed" and answered["dosage"]["answer"][0]["valueCoding"]["system"] == ANSWERS
    )
