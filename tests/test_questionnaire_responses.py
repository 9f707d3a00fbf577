"""A completed response that is posted back: attested, by whom and when, once; what cannot be kept is told."""

from contextlib import suppress
from copy import deepcopy
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from tales import shipped_library, tale, tell
from test_dossier_pages import Service
from test_questionnaire_package import Client
from test_questionnaire_response import code, items_of

from cdshooks.hooks.dossier import dossiers_of
from cdshooks.hooks.errors import RequestError
from cdshooks.hooks.questionnaire import ANSWERS, link_ids, questionnaire_of
from cdshooks.hooks.questionnaire_answers import read_answers
from cdshooks.hooks.questionnaire_response import ORIGIN, Form
from cdshooks.server.store import open_store

AUTHORED = "2026-11-21T11:30:00Z"
DOCTOR = {"reference": "Practitioner/dr-1", "display": "A. Doctor, MD"}


class Answering(Client):
    """A client that completes its response and posts it back."""

    def __init__(self, service, story="mcl-missing-three"):
        super().__init__(service, story)
        self.path = self.card["links"][0]["url"].removeprefix("http://localhost")
        self.response = self.prefilled()[0] | {"status": "completed", "author": DOCTOR, "authored": AUTHORED}

    def with_items(self, *items, **changed):
        """The response as it was filled in, with more items."""
        made = deepcopy(self.response)
        return made | {"item": [*made["item"], *items]} | changed

    def post(self, body):
        return self.service.http.post(f"{self.path}/QuestionnaireResponse", json=body)

    def told(self, body):
        """The sentences of what became of a response that was taken."""
        reply = self.post(body)
        assert reply.status_code == 200 and reply.mimetype == "application/fhir+json", reply.text
        assert reply.get_json()["resourceType"] == "OperationOutcome"
        return [issue["details"]["text"] for issue in reply.get_json()["issue"]]

    def page(self):
        return self.service.http.get(self.path).text

    def entries(self):
        with open_store(self.service.url).reading() as connection:
            return connection.execute(text("SELECT kind, subject, name, words FROM dossier_entries")).all()


def item(link, code_, *parts, **answer):
    """An item with one of the answers that are offered."""
    coding = {"system": ANSWERS, "code": code_}
    return {"linkId": link, "answer": [{"valueCoding": coding, **({"item": list(parts)} if parts else {}), **answer}]}


def remark(criterion, words):
    return {"linkId": f"{criterion}.remark", "answer": [{"valueString": words}]}


def _nested(children):
    """Lists and objects with the keys that the reading looks at."""
    keys = st.sampled_from(["item", "answer", "linkId", "extension", "url", "valueCoding", "code", "display"])
    return st.lists(children, max_size=3) | st.dictionaries(keys, children, max_size=3)


@cache
def _mcl():
    """A dossier with its form, and the linkIds of that."""
    (dossier,) = dossiers_of(tell(tale("mcl-missing-three")), shipped_library()).values()
    form = Form.of(dossier, shipped_library(), "http://localhost")
    return dossier, form, link_ids(questionnaire_of(form.policy, "http://localhost", form.wording))


@pytest.fixture
def client(tmp_path):
    return Answering(Service(tmp_path))


def test_a_person_s_answers_are_kept_as_attested_and_settle_nothing(client):
    before = client.page().count("Attested")
    told = client.told(
        client.with_items(item("dosage", "confirmed", remark("dosage", "as ordered")), item("prior-car-t", "not-so"))
    )
    assert told == ["Dose: kept as attested", "Earlier CAR-T: kept as attested"]
    name = f"A. Doctor, MD, in a response of {AUTHORED}"
    assert client.entries() == [("confirmed", "dosage", name, "as ordered"), ("not-so", "prior-car-t", name, "")]
    page = client.page()
    assert page.count("Attested") > before and name in page and "not evidence of the chart" in page
    assert code(items_of(client.prefilled()[0])["dosage"]) == "confirmed"


def test_a_remark_that_is_no_text_is_told_beside_what_is_kept(client):
    odd = {"linkId": "dosage.remark", "answer": [{"valueBoolean": True}]}
    told = client.told(client.with_items(item("dosage", "confirmed", odd)))
    assert told[0] == "Dose: kept as attested" and "none of those" in told[1] and len(told) == 2


def test_the_same_response_again_adds_nothing(client):
    body = client.with_items(item("dosage", "confirmed", remark("dosage", "as ordered")))
    client.told(body)
    assert client.told(body) == ["Dose: kept as attested before"] and len(client.entries()) == 1


def test_an_amended_response_is_another_statement(client):
    client.told(client.with_items(item("dosage", "confirmed")))
    client.told(client.with_items(item("dosage", "not-so"), status="amended", authored="2026-11-21T12:30:00Z"))
    assert [entry.kind for entry in client.entries()] == ["confirmed", "not-so"]


def test_what_comes_back_as_we_filled_it_in_says_nothing(client):
    assert "nothing was kept" in client.told(client.response)[0] and not client.entries()


def test_what_others_said_comes_back_in_their_name_and_is_not_said_again(client):
    client.told(client.with_items(item("dosage", "confirmed", remark("dosage", "as ordered"))))
    later = client.prefilled()[0] | {"status": "completed", "author": {"display": "R. Nurse, RN"}}
    assert "nothing was kept" in client.told(later)[0] and len(client.entries()) == 1
    answered = items_of(later)["dosage"]["answer"][0]
    answered["item"].append(remark("prior-car-t", "none known"))
    assert "the remark was not kept" in client.told(later)[0]


def test_the_author_of_an_answer_comes_before_the_author_of_the_response(client):
    practitioner = {"url": "practitioner", "valueReference": {"display": "R. Nurse, RN"}}
    author = {"url": ORIGIN, "extension": [{"url": "author", "extension": [practitioner]}]}
    client.told(client.with_items(item("dosage", "confirmed", extension=[author])))
    assert client.entries()[0].name == f"R. Nurse, RN, in a response of {AUTHORED}"


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"author": {"reference": "Practitioner/1"}}, f"Practitioner/1, in a response of {AUTHORED}"),
        ({"author": None, "source": DOCTOR}, f"A. Doctor, MD, in a response of {AUTHORED}"),
        ({"authored": None}, "A. Doctor, MD"),
        ({"authored": "this morning"}, "A. Doctor, MD"),
    ],
)
def test_who_says_it_is_the_author_else_the_source(client, changed, name):
    client.told(client.with_items(item("dosage", "confirmed"), **changed))
    assert client.entries()[0].name == name


@pytest.mark.parametrize(
    ("added", "said"),
    [
        (item("hiv", "confirmed"), "HIV serology: not kept. It is not for a person to say here"),
        (item("hiv", "on-file"), "HIV serology: not kept. What is on file is told by the chart"),
        (item("dosage", "not-known"), "Dose: not kept, for it says neither yes nor no"),
        (item("dosage", "perhaps"), "Dose: not kept. The answer is none of those"),
        ({"linkId": "dosage", "answer": [{"valueBoolean": True}]}, "Dose: not kept. The answer is none of those"),
        ({"linkId": "dosage", "answer": [{"valueCoding": 1}, {"valueCoding": 2}]}, "Dose: not kept. The answer"),
        (remark("dosage", "but"), "Dose: the remark was not kept"),
        ({"linkId": "dosage", "answer": ["yes"]}, "Dose: not kept. The answer is none of those"),
        (remark("hiv", "but"), "HIV serology: the remark was not kept"),
        (
            {"linkId": "hiv.record", "answer": [{"valueReference": {"reference": "DocumentReference/1"}}]},
            "HIV serology: the record was not taken for evidence",
        ),
        ({"linkId": "hiv.date", "answer": [{"valueDate": "2026-11-01"}]}, "HIV serology: the date was not taken"),
        (item("center.applies", "no"), "Treatment center: whether it is asked was not kept"),
        ({"linkId": "treatment.lines", "answer": [{"valueString": "partial"}]}, "The lines of treatment were not kept"),
    ],
    ids=lambda part: part["linkId"] if isinstance(part, dict) else "",
)
def test_what_is_not_kept_is_told_and_the_rest_is_kept(client, added, said):
    told = client.told(client.with_items(added, item("prior-car-t", "confirmed")))
    assert told[0] == "Earlier CAR-T: kept as attested" and told[1].startswith(said) and len(told) == 2
    assert [entry.subject for entry in client.entries()] == ["prior-car-t"]


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"status": "in-progress"}, "status"),
        ({"questionnaire": "http://localhost/Questionnaire/wellcare-nc.wnc-cp-192|1999"}, "questionnaire"),
        ({"questionnaire": "http://localhost/Questionnaire/wellcare-nc.wnc-cp-192"}, "questionnaire"),
        ({"subject": {"reference": "Patient/other"}}, "subject"),
        ({"subject": None}, "subject"),
        ({"item": [{"linkId": "other"}]}, "item"),
        ({"item": [1]}, "item"),
        ({"item": [item("dosage", "confirmed"), item("dosage", "not-so")]}, "item"),
        ({"item": [item("dosage", "confirmed")], "author": None}, "author"),
        ({"item": [item("dosage", "confirmed")], "author": {"reference": "Device/1"}}, "author"),
        ({"item": [item("dosage", "confirmed")], "author": {"reference": "https://x.example/Device/1"}}, "author"),
        ({"item": [item("dosage", "confirmed")], "author": {"display": "our own", "type": "Device"}}, "author"),
        ({"item": [item("dosage", "confirmed")], "author": {"display": "x" * 121}}, "author"),
        ({"item": [item("dosage", "confirmed", remark("dosage", "w" * 1001))]}, "item[0].answer[0].item[0]"),
    ],
    ids=lambda part: str(part)[:60],
)
def test_a_response_that_is_not_of_this_case_is_refused_as_a_whole(client, changed, place):
    reply = client.post(client.with_items(item("dosage", "confirmed")) | changed)
    assert reply.status_code == 422 and reply.mimetype == "application/fhir+json"
    (issue,) = reply.get_json()["issue"]
    assert issue["expression"] == [f"QuestionnaireResponse.{place}"] and not client.entries()
    assert "nothing was kept" in issue["details"]["text"] and "other" not in issue["details"]["text"].split(";")[0]


def test_what_we_filled_in_ourselves_is_said_by_nobody(client):
    author = client.prefilled()[0]["author"]
    assert client.post(client.with_items(item("dosage", "confirmed"), author=author)).status_code == 422


def test_many_unknown_linkids_are_told_by_their_places(client):
    reply = client.post(client.with_items(*({"linkId": f"zq-{n}"} for n in range(12))))
    said = reply.get_json()["issue"][0]["details"]["text"]
    assert "and 2 more" in said and "zq-" not in said


@pytest.mark.parametrize("body", [1, [], {}, {"resourceType": "Patient"}])
def test_no_other_body_is_taken(client, body):
    assert client.post(body).status_code == 400


def test_a_link_that_opens_nothing_takes_nothing(client):
    reply = client.service.http.post("/dossier/x/QuestionnaireResponse", json=client.response)
    assert reply.status_code == 404 and reply.mimetype == "application/fhir+json"


def test_a_version_that_is_no_longer_on_file_is_told(client):
    with open_store(client.service.url).writing() as connection:
        connection.execute(text("UPDATE dossiers SET content = replace(content, '2025-04\"', '1999-01\"')"))
    reply = client.post(client.with_items(item("dosage", "confirmed")))
    assert reply.status_code == 422 and "no longer on file" in reply.get_json()["issue"][0]["details"]["text"]


def test_a_decision_that_was_purged_leaves_nobody_to_compare_with(client):
    with open_store(client.service.url).writing() as connection:
        connection.execute(text("DELETE FROM decisions"))
    assert client.post(client.response).status_code == 422


def test_a_denial_s_dossier_takes_answers_too(tmp_path):
    service = Service(tmp_path)
    body = tale("denied-wnc")
    (card,) = service.http.post("/cds-services/cart-patient-view", json=body).get_json()["cards"]
    path = card["links"][0]["url"].removeprefix("http://localhost")
    response = service.http.get(f"{path}/bundle.json").get_json()["entry"][2]["resource"]
    whose = {"subject": {"reference": f"Patient/{body['context']['patientId']}"}}
    sent = response | whose | {"status": "completed", "author": DOCTOR, "item": [item("dosage", "confirmed")]}
    reply = service.http.post(f"{path}/QuestionnaireResponse", json=sent)
    assert reply.get_json()["issue"][0]["details"]["text"] == "Dose: kept as attested"


def test_nothing_that_is_posted_gets_into_the_log(client, caplog):
    """What is taken, what is not kept, and what is refused."""
    caplog.set_level("DEBUG")
    words = item("dosage", "confirmed", remark("dosage", "zq-remark"))
    for body in (
        client.with_items(words, author={"display": "zq-name"}),
        client.with_items({"linkId": "hiv.record", "answer": [{"valueReference": {"reference": "zq-record"}}]}),
        client.with_items({"linkId": "zq-link"}),
        client.with_items(words, subject={"reference": "Patient/zq-patient"}),
    ):
        assert "zq-" not in client.post(body).text
    assert caplog.text and "zq-" not in caplog.text
    assert client.entries()[0].words == "zq-remark"


def test_a_response_of_a_thousand_items_is_refused_by_their_places(client):
    reply = client.post(client.with_items(*({"linkId": "dosage.remark"} for _ in range(1000))))
    assert reply.status_code == 422 and "and 990 more" in reply.get_json()["issue"][0]["details"]["text"]


@given(answer=st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), _nested, max_leaves=6))
@settings(max_examples=40, deadline=None)
def test_no_shape_of_an_answer_breaks_the_reading(answer):
    dossier, form, links = _mcl()
    body = {"status": "completed", "questionnaire": form.canonical, "author": answer, "source": DOCTOR}
    for sent in ({"linkId": "dosage", "answer": answer}, {"linkId": "dosage", "answer": [{"valueCoding": answer}]}):
        with suppress(RequestError):  # an item below the answer that the questionnaire does not have
            assert not read_answers(body | {"item": [sent]}, dossier, [], form, links).statements


def test_a_body_that_is_too_large_is_refused_with_what_is_taken(client):
    reply = client.service.http.post(
        f"{client.path}/QuestionnaireResponse", data=b" " * 1_000_001, content_type="application/fhir+json"
    )
    assert reply.status_code == 413 and "1000 kB" in reply.get_json()["issue"][0]["details"]["text"]
