"""Each policy's documents and attestations as a FHIR R4 Questionnaire: one item for each criterion.

Made from the policy file alone, so it names no patient and stays as it is for as long as the version does. A linkId is
the id of its criterion; what belongs to an answer (the record, its date, a remark) stands below it. Source: FHIR R4
Questionnaire; Da Vinci DTR 2.2, which reads it as a standard, not an adaptive, questionnaire.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from html import escape
from typing import Any

from cdshooks.engine.dates import Window
from cdshooks.engine.library import Library
from cdshooks.engine.model import Section
from cdshooks.engine.policy import Criterion, Policy
from cdshooks.engine.wording import Wording
from cdshooks.hooks.blocks import capital

PATH = "/Questionnaire"
ANSWERS = "urn:org.cdshooks:questionnaire-answer"
"""The code system of the answers that are offered."""
ON_FILE, CONFIRMED, NOT_SO, NOT_KNOWN, YES, NO = "on-file", "confirmed", "not-so", "not-known", "yes", "no"
APPLIES, RECORD, DATE, REMARK = "applies", "record", "date", "remark"
LINES = "treatment.lines"
"""The item in which a person completes the lines of earlier treatment."""
_JUDGED, _CONDITION = (CONFIRMED, NOT_SO, NOT_KNOWN), (YES, NO, NOT_KNOWN)
_CHECKED = (ON_FILE, *_JUDGED)
_MAY_REFER = "http://hl7.org/fhir/StructureDefinition/questionnaire-referenceResource"
_DOCUMENT = "DocumentReference"
_LENGTHS = re.compile(r"(\d+)([YMD])")


def part(criterion: str, name: str) -> str:
    """The linkId of what belongs to the answer of a criterion; no criterion's own id holds a full stop."""
    return f"{criterion}.{name}"


def section_link(section: str) -> str:
    """The linkId of the group of one section of a policy."""
    return f"section.{section}"


def canonical(base: str, policy_id: str, version: str = "") -> str:
    """The canonical of a policy's Questionnaire at a service's address; with a version, of that one alone."""
    url = f"{base}{PATH}/{policy_id.replace('/', '.')}"
    return f"{url}|{version}" if version else url


def current(found: Sequence[Policy], library: Library, day: date) -> Policy:
    """Of the versions that a canonical without a version finds, the one in force on a day, else the newest."""
    return library.in_force(found[-1].id, day) or found[-1]


def ids_on_file(library: Library) -> str:
    """The ids of every Questionnaire, to tell a caller who asked for another."""
    return ", ".join(questionnaire_id(policy) for policy in library.policies)


def base_of(url: str) -> str:
    """The address of the service in a canonical of ours."""
    return url.rpartition(f"{PATH}/")[0]


def questionnaire_id(policy: Policy) -> str:
    """The id of the resource: of one version, as an id may be written in FHIR."""
    return f"{policy.id.replace('/', '.')}.{policy.version}"


def policies_named(library: Library, base: str, url: str = "", version: str = "") -> list[Policy]:
    """The versions of policies whose Questionnaire has this url and version, where one is named; oldest first."""
    return [p for p in library.policies if url in ("", canonical(base, p.id)) and version in ("", p.version)]


def link_ids(questionnaire: Mapping[str, Any]) -> frozenset[str]:
    """Every linkId of a Questionnaire."""
    return frozenset(_link_ids(questionnaire["item"]))


def _link_ids(items: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for item in items:
        yield item["linkId"]
        yield from _link_ids(item.get("item", ()))


def questionnaire_of(policy: Policy, base: str, wording: Wording) -> dict[str, Any]:
    """The Questionnaire of one version. `date` is the day on which our reading was last reviewed."""
    say = wording.say
    authority = say(f"dtr.authority.{policy.authority}", publisher=policy.publisher)
    reviewed = policy.reviewed_on.isoformat() if policy.reviewed_on else ""
    reference = f"{policy.title} ({policy.reference_number})" if policy.reference_number else policy.title
    told = {
        "title": say("dtr.title", policy=reference),
        "date": reviewed,
        "publisher": say("dtr.publisher", publisher=policy.publisher),
        "description": " ".join([authority, *_standings(policy, wording), policy.controlled_by]).strip(),
        "copyright": say("dtr.copyright", publisher=policy.publisher),
        "lastReviewDate": reviewed,
    }
    return {
        "resourceType": "Questionnaire",
        "id": questionnaire_id(policy),
        "text": {"status": "generated", "div": narrative(told["title"], authority)},
        "url": canonical(base, policy.id),
        "version": policy.version,
        "name": "".join(capital(word) for word in re.split(r"[^A-Za-z0-9]+", policy.id)),
        "status": policy.status,
        "subjectType": ["Patient"],
        **{key: text for key, text in told.items() if text},
        "effectivePeriod": _period(policy),
        "item": [*_sections(policy, wording), _lines(wording)],
    }


def _standings(policy: Policy, wording: Wording) -> Iterator[str]:
    for standing in policy.standings:
        since = standing.span.start
        yield wording.say("dtr.standing", since=since, says=standing.says) if since else standing.says


def narrative(*paragraphs: str) -> str:
    """The XHTML of a FHIR narrative: a paragraph for each text, which may hold any characters."""
    inner = "".join(f"<p>{escape(text)}</p>" for text in paragraphs)
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{inner}</div>'


def _period(policy: Policy) -> dict[str, str]:
    days = {"start": policy.effective.start, "end": policy.effective.end}
    return {name: day.isoformat() for name, day in days.items() if day}


def _sections(policy: Policy, wording: Wording) -> Iterator[dict[str, Any]]:
    for section in Section:
        criteria = [criterion for criterion in policy.criteria if criterion.section is section]
        items = [item for criterion in criteria for item in _items(criterion, wording)]
        if items:
            text = wording.say(f"dtr.section.{section.value}")
            yield {"linkId": section_link(section.value), "text": text, "type": "group", "item": items}


def _lines(wording: Wording) -> dict[str, Any]:
    return {"linkId": LINES, "text": wording.say("dtr.lines"), "type": "text", "repeats": True}


def _items(criterion: Criterion, wording: Wording) -> Iterator[dict[str, Any]]:
    """The item of a criterion; before it, where it is only asked under a condition, whether that holds."""
    asked = {
        "linkId": criterion.id,
        "prefix": ", ".join(criterion.cite),
        "text": f"{capital(criterion.label)}: {_ask(criterion, wording)}",
        "type": "choice",
    }
    condition: dict[str, Any] = {}
    if criterion.only_if is not None:
        link = part(criterion.id, APPLIES)
        text = wording.say("dtr.applies", label=capital(criterion.label), says=criterion.says)
        yield {"linkId": link, "text": text, "type": "choice", "answerOption": _options(_CONDITION, wording)}
        condition = {"enableWhen": _unless_no(link), "enableBehavior": "any"}
    codes = _JUDGED if criterion.check is None else _CHECKED
    yield {**asked, **condition, "answerOption": _options(codes, wording), "item": [*_parts(criterion, wording)]}


def _unless_no(link: str) -> list[dict[str, Any]]:
    """On while nobody has answered the condition, and whatever is answered but a no: nothing is hidden by silence."""
    return [
        {"question": link, "operator": "exists", "answerBoolean": False},
        {"question": link, "operator": "!=", "answerCoding": {"system": ANSWERS, "code": NO}},
    ]


def _options(codes: Iterable[str], wording: Wording) -> list[dict[str, Any]]:
    return [{"valueCoding": coding(code, wording)} for code in codes]


def coding(code: str, wording: Wording) -> dict[str, str]:
    """An answer as a Coding."""
    return {"system": ANSWERS, "code": code, "display": wording.say(f"dtr.answer.{code}")}


def _parts(criterion: Criterion, wording: Wording) -> Iterator[dict[str, Any]]:
    """What stands below an answer: the record and its date where records are looked for, and always a remark."""
    if criterion.check is not None:
        kinds = [{"url": _MAY_REFER, "valueCode": kind} for kind in sorted({_DOCUMENT, *criterion.kinds})]
        yield {"extension": kinds, **_part(criterion, RECORD, "reference", wording), "repeats": True}
    if criterion.window is not None:
        yield _part(criterion, DATE, "date", wording)
    yield {**_part(criterion, REMARK, "text", wording), "repeats": True}


def _part(criterion: Criterion, name: str, kind: str, wording: Wording) -> dict[str, Any]:
    return {"linkId": part(criterion.id, name), "text": wording.say(f"dtr.part.{name}"), "type": kind}


def _ask(criterion: Criterion, wording: Wording) -> str:
    """What to obtain, with its blanks filled as long as no order is known."""
    say = wording.say
    counts = _counts(criterion.window, wording) if criterion.window else ""
    blanks = {name: say(f"dtr.blank.{name}") for name in ("product", "center", "service_date")}
    return criterion.ask.format(counts=counts, **blanks)


def _counts(window: Window, wording: Wording) -> str:
    """A window without a day to count from: under three months, or at most six, before the request."""
    lengths = [wording.say(f"dtr.length.{unit}", n=n) for n, unit in _LENGTHS.findall(window.period.text)]
    return wording.say("dtr.counts.strict" if window.strict else "dtr.counts.inclusive", period=", ".join(lengths))
