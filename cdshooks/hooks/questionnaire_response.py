"""The answers to a policy's Questionnaire, as far as a dossier gives them: what the chart met, and what people said.

What is missing, out of date, unread or only a person's to say has no answer, and sensitive records are neither named
nor counted. Who or what an answer comes from is told by the information-origin extension of Da Vinci DTR 2.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cdshooks.engine.library import Library
from cdshooks.engine.model import Outcome, Section
from cdshooks.engine.policy import Criterion, Policy
from cdshooks.engine.wording import Wording
from cdshooks.hooks.dossier import Dossier, policy_of
from cdshooks.hooks.dossier_dates import newest_day
from cdshooks.hooks.dossier_view import findings_of, label_of, subject_of
from cdshooks.hooks.questionnaire import (
    APPLIES,
    CONFIRMED,
    DATE,
    LINES,
    NO,
    NOT_SO,
    ON_FILE,
    RECORD,
    REMARK,
    canonical,
    coding,
    part,
    section_link,
)

_GUIDE = "http://hl7.org/fhir/us/davinci-dtr/StructureDefinition"
ORIGIN, CONTEXT = f"{_GUIDE}/information-origin", f"{_GUIDE}/qr-context"
_FROM_CHART = {"url": ORIGIN, "extension": [{"url": "source", "valueCode": "auto-server"}]}
Item = dict[str, Any]


class Said(Protocol):
    """What a person put into a dossier, and when."""

    @property
    def kind(self) -> str:
        """What it is: confirmed, not-so or line."""

    @property
    def subject(self) -> str:
        """The criterion, or the line of treatment."""

    @property
    def name(self) -> str:
        """Who says it, as typed."""

    @property
    def words(self) -> str:
        """Their remark."""

    @property
    def at(self) -> str:
        """The moment, ISO 8601."""


@dataclass(frozen=True, slots=True)
class Form:
    """The Questionnaire that a dossier answers; `policy` is None where its version is no longer on file."""

    canonical: str
    policy: Policy | None
    wording: Wording

    @classmethod
    def of(cls, dossier: Dossier, library: Library, base: str) -> Form:
        """The form of the policy version to which a dossier was held."""
        held = dossier["determination"]["policy"]
        named = canonical(base, held["id"], held["version"])
        return cls(named, policy_of(dossier["determination"], library), library.wording)

    def criterion(self, id_: str) -> Criterion | None:
        """The criterion of that id, where the version is still on file."""
        return next((c for c in self.policy.criteria if c.id == id_), None) if self.policy else None

    def coding(self, code: str) -> dict[str, str]:
        """An answer as a Coding."""
        return coding(code, self.wording)


def blank_response(questionnaire: str, subject: Mapping[str, Any] | None, about: Iterable[str]) -> dict[str, Any]:
    """A response without answers; `questionnaire` has its version, `about` is the order and its coverage."""
    context = [{"url": CONTEXT, "valueReference": {"reference": reference}} for reference in about]
    return {
        "resourceType": "QuestionnaireResponse",
        **({"extension": context} if context else {}),
        "questionnaire": questionnaire,
        "status": "in-progress",
        **({"subject": dict(subject)} if subject else {}),
    }


def prefilled_response(
    dossier: Dossier,
    said: Sequence[Said],
    form: Form,
    made_at: str,
    subject: Mapping[str, Any] | None = None,
    about: Iterable[str] = (),
) -> dict[str, Any]:
    """A response with the answers of a dossier, made at a moment; a dossier holds no id of a patient, a caller may."""
    named = dict.fromkeys([*_about(dossier), *about])
    items = [*_sections(dossier, said, form), *_lines(dossier, said, form)]
    return {
        **blank_response(form.canonical, subject, named),
        "authored": made_at,
        "author": {"display": form.wording.say("dtr.author")},
        **({"item": items} if items else {}),
    }


def _about(dossier: Dossier) -> list[str]:
    made = dossier["determination"]
    named = (made.get("order"), made.get("coverageInformation", {}).get("coverage"))
    return [reference for reference in named if reference]


def _sections(dossier: Dossier, said: Sequence[Said], form: Form) -> Iterator[Item]:
    for section in Section:
        findings = [finding for finding in findings_of(dossier) if finding["section"] == section]
        items = [item for finding in findings for item in _answered(dossier, finding, said, form)]
        if items:
            yield {"linkId": section_link(section.value), "item": items}


def _answered(dossier: Dossier, finding: Mapping[str, Any], said: Sequence[Said], form: Form) -> Iterator[Item]:
    """The item of a criterion that has an answer; of one that is not asked here, that it is not."""
    criterion = finding["criterion"]
    told = [one for one in said if one.subject == criterion and one.kind in (CONFIRMED, NOT_SO)]
    if finding["outcome"] == Outcome.NOT_APPLICABLE and _is_conditional(form.criterion(criterion)):
        yield {"linkId": part(criterion, APPLIES), "answer": [_from_chart(valueCoding=form.coding(NO))]}
    answer: Item = {}
    if finding["outcome"] == Outcome.MET:
        answer = _from_chart(valueCoding=form.coding(ON_FILE))
    elif told:
        answer = _by(told[-1], valueCoding=form.coding(told[-1].kind))
    if answer:
        parts = [*(_shown(finding, form) if finding["outcome"] == Outcome.MET else ()), *_remarks(finding, told, form)]
        answers = [{**answer, **({"item": parts} if parts else {})}]
        yield {"linkId": criterion, "text": label_of(dossier, criterion), "answer": answers}


def _is_conditional(criterion: Criterion | None) -> bool:
    """Whether only the condition of a criterion can make it one that is not asked."""
    return criterion is not None and criterion.only_if is not None and not criterion.about


def _shown(finding: Mapping[str, Any], form: Form) -> Iterator[Item]:
    """The records that a met criterion rests on, and the newest day among them where the policy has a window."""
    criterion = form.criterion(finding["criterion"])
    if records := finding.get("evidence", ()):
        answers = [_from_chart(valueReference=reference_to(record)) for record in records]
        yield {"linkId": part(finding["criterion"], RECORD), "answer": answers}
    if criterion is not None and criterion.window is not None and (day := newest_day(finding)):
        yield {"linkId": part(finding["criterion"], DATE), "answer": [_from_chart(valueDate=day)]}


def reference_to(record: Mapping[str, str]) -> dict[str, str]:
    """A Reference to a record, with what there is to say of it."""
    display = ", ".join(record[key] for key in ("display", "date", "laboratory", "author") if key in record)
    return {"reference": record["reference"], **({"display": display} if display else {})}


def _remarks(finding: Mapping[str, Any], told: Sequence[Said], form: Form) -> Iterator[Item]:
    """What is met without a record is told in a sentence; what people said, by whom and when, oldest first."""
    met = finding["outcome"] == Outcome.MET and not finding.get("evidence")
    answers = [_from_chart(valueString=finding["reason"])] if met else []
    answers += [_by(one, valueString=_words(one.words, one, form)) for one in told]
    if answers:
        yield {"linkId": part(finding["criterion"], REMARK), "answer": answers}


def _lines(dossier: Dossier, said: Sequence[Said], form: Form) -> Iterator[Item]:
    """What people said to complete lines of earlier treatment."""
    told = [one for one in said if one.kind == "line"]
    words = [(one, f"{subject_of(dossier, one.subject)}: {one.words}") for one in told]
    if words:
        yield {"linkId": LINES, "answer": [_by(one, valueString=_words(text, one, form)) for one, text in words]}


def _words(words: str, said: Said, form: Form) -> str:
    return form.wording.say("dtr.said", words=words, name=said.name, at=said.at[:16].replace("T", " "))


def _from_chart(**value: Any) -> Item:
    return {"extension": [_FROM_CHART], **value}


def _by(said: Said, **value: Any) -> Item:
    """An answer that a person gave: never evidence of the chart."""
    practitioner = {"url": "practitioner", "valueReference": {"display": said.name}}
    source = {"url": "source", "valueCode": "manual"}
    return {
        "extension": [{"url": ORIGIN, "extension": [source, {"url": "author", "extension": [practitioner]}]}],
        **value,
    }
