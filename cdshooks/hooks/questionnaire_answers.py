"""A QuestionnaireResponse that comes back: what a person says in it of what only a person can settle.

It is kept as attested and never becomes evidence of the chart. What cannot be kept is told, one by one; a response that
is not of this dossier's Questionnaire is refused as a whole. What comes back as we filled it in says nothing new.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cdshooks.engine.identity import listed, split_reference
from cdshooks.hooks.dossier import Dossier
from cdshooks.hooks.dossier_view import label_of, to_attest
from cdshooks.hooks.errors import RequestError, issue
from cdshooks.hooks.questionnaire import ANSWERS, CONFIRMED, LINES, NOT_KNOWN, NOT_SO, REMARK, part
from cdshooks.hooks.questionnaire_response import ORIGIN, Form, Said, prefilled_response
from cdshooks.hooks.text import clean

LONGEST_NAME, LONGEST_WORDS = 120, 1000
Attested = Literal["confirmed", "not-so"]
_ATTESTED: Mapping[str, Attested] = {CONFIRMED: "confirmed", NOT_SO: "not-so"}
_SETTLED = ("completed", "amended")
_MOMENT = re.compile(r"\d{4}(-\d{2}(-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?)?)?")
_MOST_PLACES = 10
_ROOT = "QuestionnaireResponse"


@dataclass(frozen=True, slots=True)
class Statement:
    """What a person says of a criterion: `kind` is confirmed or not-so, `name` who says it and in which response."""

    kind: Attested
    subject: str
    name: str
    words: str


@dataclass(frozen=True, slots=True)
class Placed:
    """An item of a response, where it stands, and its answers; one that is no object is an empty one."""

    link: str
    place: str
    answers: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Answers:
    """What is to be kept of a response, and what is to be told of the rest as issues of an OperationOutcome."""

    statements: tuple[Statement, ...]
    told: tuple[dict[str, Any], ...]


def read_answers(
    body: Mapping[str, Any], dossier: Dossier, said: Sequence[Said], form: Form, links: frozenset[str]
) -> Answers:
    """What a response says of this dossier; `links` are the linkIds of its Questionnaire. Raises RequestError (422)."""
    items = list(_items(body, _ROOT))
    _check(body, form, items, links)
    prefilled = {item.link: item for item in _items(prefilled_response(dossier, said, form, ""), _ROOT)}
    reading = _Reading(body, dossier, form, {item.link: item for item in items}, prefilled)
    told: list[dict[str, Any]] = []
    statements = tuple(found for item in items for found in reading.read(item, told))
    return Answers(statements, tuple(told))


def check_response(body: Any) -> Mapping[str, Any]:
    """The body, if it is a response that somebody has completed. Raises RequestError (400, 422)."""
    if not isinstance(body, Mapping) or body.get("resourceType") != _ROOT:
        raise RequestError(400, "structure", "the body is no QuestionnaireResponse resource", _ROOT)
    if body.get("status") not in _SETTLED:
        raise _refusal("the response is neither completed nor amended", "status")
    return body


def _refusal(problem: str, element: str) -> RequestError:
    return RequestError(422, "business-rule", f"{problem}; nothing was kept", f"{_ROOT}.{element}")


def _check(body: Mapping[str, Any], form: Form, items: Sequence[Placed], links: frozenset[str]) -> None:
    if body.get("questionnaire") != form.canonical:
        raise _refusal(f"the response is not of the Questionnaire of this dossier, {form.canonical}", "questionnaire")
    unknown = [item.place for item in items if item.link not in links]
    if unknown:
        raise _refusal(f"linkIds that this Questionnaire does not have stand at {_listed(unknown)}", "item")
    linked = Counter(item.link for item in items)
    twice = [item.place for item in items if linked[item.link] > 1]
    if twice:
        raise _refusal(f"one linkId stands more than once, at {_listed(twice)}", "item")


def _listed(places: Sequence[str]) -> str:
    more = f" and {len(places) - _MOST_PLACES} more" if len(places) > _MOST_PLACES else ""
    return ", ".join(places[:_MOST_PLACES]) + more


def _items(holder: Mapping[str, Any], place: str) -> Iterator[Placed]:
    """Every item of a response, also those below an answer."""
    for index, item in enumerate(listed(holder.get("item"))):
        where = f"{place}.item[{index}]"
        found = item if isinstance(item, Mapping) else {}
        answers = [answer if isinstance(answer, Mapping) else {} for answer in listed(found.get("answer"))]
        yield Placed(str(found.get("linkId")), where, tuple(answers))
        yield from _items(found, where)
        for number, answer in enumerate(answers):
            yield from _items(answer, f"{where}.answer[{number}]")


@dataclass(frozen=True, slots=True)
class _Reading:
    """One response against the dossier that it answers; `sent` and `prefilled` are items by their linkId."""

    body: Mapping[str, Any]
    dossier: Dossier
    form: Form
    sent: Mapping[str, Placed]
    prefilled: Mapping[str, Placed]

    def read(self, item: Placed, told: list[dict[str, Any]]) -> Iterator[Statement]:
        """The statement of an item that makes one; of anything else that is new, why it was not kept."""
        criterion, _, name = item.link.partition(".")
        new = self._new(item)
        if name == REMARK and new and not self._says(criterion):
            told.append(self._unkept("remark", criterion, item))
        elif name == REMARK and any(not isinstance(answer.get("valueString"), str) for answer in new):
            told.append(self._unkept("other", criterion, item))
        elif name and name != REMARK and new:
            told.append(self._unkept("lines" if item.link == LINES else name, criterion, item))
        elif not name and (new or self._remarks(criterion)) and item.answers:
            yield from self._statement(item, told)

    def _statement(self, item: Placed, told: list[dict[str, Any]]) -> Iterator[Statement]:
        code = _code(item)
        if self._says(item.link):
            yield Statement(_ATTESTED[code], item.link, self._name(item), self._remarks(item.link))
        elif self._new(item):
            told.append(self._unkept("closed" if code in _ATTESTED else code, item.link, item))

    def _says(self, criterion: str) -> bool:
        """Whether somebody answered yes or no to what only a person can settle."""
        item = self.sent.get(criterion)
        attestable = {finding["criterion"] for finding in to_attest(self.dossier)}
        return item is not None and criterion in attestable and _code(item) in _ATTESTED

    def _new(self, item: Placed) -> list[Mapping[str, Any]]:
        """The answers that are not as we filled them in: another value, or somebody else's name to it."""
        known = [_said(answer) for answer in self._filled(item.link)]
        return [answer for answer in item.answers if _said(answer) not in known]

    def _filled(self, link: str) -> tuple[Mapping[str, Any], ...]:
        return self.prefilled[link].answers if link in self.prefilled else ()

    def _remarks(self, criterion: str) -> str:
        """The new remarks on a criterion. Raises RequestError (422) where they are too long."""
        item = self.sent.get(part(criterion, REMARK))
        texts = [answer.get("valueString") for answer in self._new(item)] if item else []
        words = clean(" ".join(text for text in texts if isinstance(text, str)))
        if item and len(words) > LONGEST_WORDS:
            raise _refusal(f"a remark is longer than {LONGEST_WORDS} characters", item.place.removeprefix(f"{_ROOT}."))
        return words

    def _name(self, item: Placed) -> str:
        """Who says it, and when: the author of a new answer, else the author or the source of the response."""
        own = _author(item.answers[0]) if self._new(item) else ""
        people = [own, _named(self.body.get("author")), _named(self.body.get("source"))]
        ours = self.form.wording.say("dtr.author")
        name = next((name for name in people if name and name != ours), "")
        if not name:
            raise _refusal(
                "nobody is named who says it: the response has no author or source who is a person", "author"
            )
        authored = self.body.get("authored")
        if isinstance(authored, str) and _MOMENT.fullmatch(authored):
            name = self.form.wording.say("dtr.attested", name=name, authored=authored)
        if len(name) > LONGEST_NAME:
            raise _refusal(f"the name is longer than {LONGEST_NAME} characters", "author")
        return name

    def _unkept(self, why: str, criterion: str, item: Placed) -> dict[str, Any]:
        key = why if self.form.wording.has(f"dtr.unkept.{why}") else "other"
        text = self.form.wording.say(f"dtr.unkept.{key}", label=label_of(self.dossier, criterion))
        return issue("information" if why == NOT_KNOWN else "warning", "business-rule", text, item.place)


def _code(item: Placed) -> str:
    """The code of the one answer of an item, if it is one of ours."""
    coding = item.answers[0].get("valueCoding") if len(item.answers) == 1 else None
    ours = isinstance(coding, Mapping) and coding.get("system") == ANSWERS
    return str(coding.get("code")) if isinstance(coding, Mapping) and ours else ""


def _said(answer: Mapping[str, Any]) -> tuple[str, str, str]:
    """What an answer says, by its kind, and a code also in whose name; how it is displayed makes no difference."""
    kind = next((name for name in answer if name.startswith("value")), "")
    value = answer.get(kind)
    if isinstance(value, Mapping):
        value = value.get("reference") or (value.get("system"), value.get("code"))
    return kind, str(value), _author(answer) if kind == "valueCoding" else ""


def _author(answer: Mapping[str, Any]) -> str:
    """The person whom the information-origin extension names; "" where it names none."""
    for origin in _extensions(answer, ORIGIN):
        for author in _extensions(origin, "author"):
            for practitioner in _extensions(author, "practitioner"):
                return _named(practitioner.get("valueReference"))
    return ""


def _extensions(holder: Mapping[str, Any], url: str) -> Iterator[Mapping[str, Any]]:
    for extension in listed(holder.get("extension")):
        if isinstance(extension, Mapping) and extension.get("url") == url:
            yield extension


def _named(reference: Any) -> str:
    """A person by name, else by reference; software is nobody."""
    if not isinstance(reference, Mapping) or reference.get("type") == "Device":
        return ""
    name, link = (text if isinstance(text := reference.get(key), str) else "" for key in ("display", "reference"))
    return "" if split_reference(link)[1] == "Device" else clean(name) or clean(link)
