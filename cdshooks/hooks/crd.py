"""An answer as Da Vinci CRD has it: for each CAR-T order a system action with coverage information, beside the cards.

What is said of an outcome stands in the library's table; who speaks, the provider's side or the payer's, is a setting.
Where nothing can be said of an order, its determination tells why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from cdshooks.engine.crd_table import STATED, CrdTable, Side, Stance
from cdshooks.engine.identity import listed
from cdshooks.engine.library import Library
from cdshooks.engine.model import Order, Resource
from cdshooks.engine.policy import Policy
from cdshooks.engine.wording import Wording
from cdshooks.hooks.answered import Determined, ServiceOptions
from cdshooks.hooks.cards import with_last_line, worst_first
from cdshooks.hooks.coverage_information import Assertion, with_coverage
from cdshooks.hooks.crd_request import CrdRequest, read_crd_request
from cdshooks.hooks.determination_json import KEY
from cdshooks.hooks.focus import ORDER_SELECT, PATIENT_VIEW
from cdshooks.hooks.questionnaire import canonical
from cdshooks.hooks.request import Request
from cdshooks.hooks.submitted import SETTLED

ASSOCIATED = "davinci-crd.associated-resource"
_UPDATED = ("MedicationRequest", "ServiceRequest")
_CONDITIONAL, _SATISFIED, _OTHER = "conditional", "satisfied", "OTH"
_SUBSETTED = "SUBSETTED"  # v3-ObservationValue: the server left elements out, which an update would then delete
_LONGEST_NUMBER = 80


@dataclass(frozen=True, slots=True)
class Told:
    """One card and what it is about; `situation` is a row of the library's table."""

    order: Order
    card: dict[str, Any]
    situation: str
    coverage: str
    made: Determined | None = None

    @classmethod
    def of(cls, made: Determined) -> Told:
        """What a determination tells."""
        return cls(made.order, made.card, _situation(made), made.selection.coverage, made)

    @property
    def policy(self) -> Policy | None:
        """The policy version that was applied."""
        return self.made.selection.policy if self.made else None


def _situation(made: Determined) -> str:
    selection = made.selection
    cases = {
        "authorized": bool(made.authorization),
        "inactive": not selection.active,
        "payer-unread": selection.unread,
        "no-version": selection.policy is None,
        "no-policy": selection.policy is not None and selection.policy.authority == "fda-label",
    }
    return next((name for name, holds in cases.items() if holds), made.determination.outcome.value)


@dataclass(frozen=True, slots=True)
class CrdCall:
    """One call that is answered as CRD has it."""

    request: Request
    library: Library
    table: CrdTable
    as_of: date
    side: Side
    asked: CrdRequest
    questionnaires: str

    @classmethod
    def of(cls, request: Request, library: Library, as_of: date, options: ServiceOptions) -> CrdCall | None:
        """None where the client takes no system actions, and for a hook that is none of the guide's."""
        if not options.system_actions or library.crd is None or request.hook == PATIENT_VIEW:
            return None
        asked = read_crd_request(request.extension, library.crd)
        return cls(request, library, library.crd, as_of, options.side, asked, options.questionnaires)

    @property
    def most_cards(self) -> int | None:
        """How many cards the client wants to see; None where it does not say."""
        return self.asked.values.get("most-cards") if self.asked.on("cards") else 0

    def speak(self, told: Sequence[Told]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The cards in the order in which they were told, and the system actions: at most one for each order."""
        said: list[dict[str, Any]] = [{} for _ in told]
        actions = []
        for reference in dict.fromkeys(t.order.reference for t in told):
            mine = [index for index, t in enumerate(told) if t.order.reference == reference]
            action = self._action([told[index] for index in mine], said, mine)
            actions += [action] if action else []
        return [self._card(t, what) for t, what in zip(told, said, strict=True)], actions

    def _action(self, told: list[Told], said: list[dict[str, Any]], places: list[int]) -> dict[str, Any] | None:
        """The update of one order; what it says of each determination is noted at its place in `said`."""
        say, assertions = self.library.wording.say, dict[str, Assertion]()
        for place, one in zip(places, told, strict=True):
            why = "second" if one.coverage in assertions else self._unsaid(one)
            if not why:
                assertions[one.coverage] = self._assertion(one)
            said[place] = {"notSent": say(f"crd.unsaid.{why}")} if why else assertions[one.coverage].codes()
        try:
            early = self.request.hook == ORDER_SELECT
            updated = with_coverage(told[0].order.resource, assertions.values(), early=early)
        except ValueError:  # a table that breaks the guide's rules costs the extension, never the card
            updated, assertions = None, {}
            said_instead = "broken"
        else:
            said_instead = "known"
        if updated is not None:
            return {"type": "update", "description": say("crd.action"), "resource": updated}
        for place in places:
            said[place] = said[place] if "notSent" in said[place] else {"notSent": say(f"crd.unsaid.{said_instead}")}
        return None

    def _unsaid(self, told: Told) -> str:
        """Why nothing is said of an order; "" where something is."""
        resource = told.order.resource
        cases = {
            "off": not self.asked.on("coverage-information"),
            "unsent": not resource,
            "kind": resource.get("resourceType") not in _UPDATED,
            "no-id": not resource.get("id"),
            "partial": any(tag.get("code") == _SUBSETTED for tag in _tags(resource)),
            "no-coverage": not told.coverage,
        }
        return next((why for why, holds in cases.items() if holds), "")

    def _assertion(self, told: Told) -> Assertion:
        number = told.made.authorization if told.made else ""
        stance = self._stance(told, number)
        documents, authorization = self._documents(stance, told), self._authorization(stance, told)
        open_ = _CONDITIONAL in (stance.covered, authorization, documents)
        version = self.asked.version
        return Assertion(
            coverage=told.coverage,
            covered=stance.covered,
            pa_needed=authorization,
            doc_needed=documents,
            doc_purpose="withpa" if documents not in ("", _CONDITIONAL) else "",
            info_needed=(_OTHER, *self._open(told)) if open_ else (),
            reason=self._reason(stance, told),
            on=self.as_of,
            decision=UUID(told.card["extension"][KEY]["decision"]),
            satisfied_pa_id=number if stance.pa_needed == _SATISFIED else "",
            only_version=version if (told.situation, version) in self.table.by_version else "",
            questionnaire=self._questionnaire(documents, told),
        )

    def _stance(self, told: Told, number: str) -> Stance:
        """What our side says; that an authorization satisfies only where the client wants to hear it."""
        stance = self.table.stance(told.situation, self.side, self.asked.version)
        told_so = self.asked.on("authorizations") and number and len(number) <= _LONGEST_NUMBER
        return self.table.provider[told.situation] if stance.pa_needed == _SATISFIED and not told_so else stance

    def _authorization(self, stance: Stance, told: Told) -> str:
        """pa-needed: auth-needed where the policy's text says so and surely stands on the service date."""
        if stance.pa_needed != STATED:
            return stance.pa_needed
        standing = told.policy.standing(told.order.service_date) if told.policy else None
        sure = standing is not None and standing.is_ != "unconfirmed"
        return "auth-needed" if told.policy and told.policy.id in self.table.stated and sure else _CONDITIONAL

    def _documents(self, stance: Stance, told: Told) -> str:
        """doc-needed: not asked while the order is still being written; of anybody else's paper only conditional."""
        if self.request.hook == ORDER_SELECT or not stance.doc_needed:
            return ""
        own = told.policy is not None and told.policy.authority == "payer-policy"
        return stance.doc_needed if own else _CONDITIONAL

    def _questionnaire(self, documents: str, told: Told) -> str:
        """The Questionnaire of the documents that a plan's own policy asks for; of anybody else's paper none."""
        if not self.questionnaires or told.policy is None or documents in ("", _CONDITIONAL):
            return ""
        return canonical(self.questionnaires, told.policy.id, told.policy.version)

    def _open(self, told: Told) -> list[str]:
        findings = told.made.determination.findings if told.made else ()
        codes = self.table.info_by_criterion
        open_ = [f.criterion for f in findings if f.outcome not in SETTLED]
        return list(dict.fromkeys(codes[criterion] for criterion in open_ if criterion in codes))

    def _reason(self, stance: Stance, told: Told) -> dict[str, Any]:
        """Why, in words without anything from the chart."""
        say, policy = self.library.wording.say, told.policy
        early = self.request.hook == ORDER_SELECT and bool(stance.doc_needed)
        standing = policy.standing(told.order.service_date) if policy else None
        texts = [
            say(f"crd.reason.{'early' if early else told.situation}"),
            say("crd.policy", policy=policy.short, version=policy.version) if policy else "",
            standing.says if standing and standing.is_ == "unconfirmed" else "",
            say(f"crd.side.{self.side}"),
        ]
        coding = [{"system": self.table.reason_system, "code": stance.reason}] if stance.reason else []
        return {**({"coding": coding} if coding else {}), "text": " ".join(text for text in texts if text)}

    def _card(self, told: Told, said: dict[str, Any]) -> dict[str, Any]:
        """The card with the guide's topic, the order that it is about, and what was said of it."""
        say, card = self.library.wording.say, told.card
        topic = {
            "system": self.table.card_type_systems[self.asked.version],
            "code": self.table.card_type,
            "display": say("crd.topic"),
        }
        extension = {**card["extension"], KEY: {**card["extension"][KEY], "coverageInformation": said}}
        if told.order.resource.get("id"):
            extension[ASSOCIATED] = [told.order.reference]
        detail = with_last_line(card["detail"], self._about(told)) if self._several() else card["detail"]
        return {**card, "detail": detail, "source": {**card["source"], "topic": topic}, "extension": extension}

    def _several(self) -> bool:
        return max(len(self.request.draft_orders), len(self.request.focus.dispatched)) > 1

    def _about(self, told: Told) -> str:
        """Which order of several a card is about, for a reader."""
        say, product = self.library.wording.say, told.order.product
        medication = told.order.reference.startswith("MedicationRequest/")
        brand = self.library.products.by_id[product].brand if product else say("crd.some_product")
        kind, day = say("crd.medication" if medication else "crd.service"), told.order.service_date
        return say("crd.about", product=brand, kind=kind, date=day)


@dataclass(frozen=True, slots=True)
class Spoken:
    """The cards of one call, and what CRD adds to its answer; `call` is None where it adds nothing."""

    cards: list[dict[str, Any]]
    actions: list[dict[str, Any]]
    call: CrdCall | None
    wording: Wording

    @property
    def unusable(self) -> tuple[str, ...]:
        """The options that could not be obeyed."""
        return self.call.asked.unusable if self.call else ()

    def body(self, cards: list[dict[str, Any]]) -> dict[str, Any]:
        """The body of the answer with these cards; `systemActions` is left out where there are none."""
        shown = worst_first(cards, self.wording, self.call.most_cards if self.call else None)
        return {"cards": shown, **({"systemActions": self.actions} if self.actions else {})}


def spoken(told: Sequence[Told], request: Request, library: Library, as_of: date, options: ServiceOptions) -> Spoken:
    """What is told as cards, and, for a client of Da Vinci CRD, as coverage information."""
    call = CrdCall.of(request, library, as_of, options)
    cards, actions = call.speak(told) if call else ([one.card for one in told], [])
    return Spoken(cards, actions, call, library.wording)


def spoken_of_failure(
    told: Sequence[Told], request: Request, library: Library, as_of: date, options: ServiceOptions
) -> Spoken:
    """The same after a failure of ours; should it have been in here, the cards alone."""
    try:
        return spoken(told, request, library, as_of, options)
    except Exception:  # the first failure is the one that is told
        return Spoken([one.card for one in told], [], None, library.wording)


def _tags(resource: Resource) -> list[Mapping[str, Any]]:
    meta = resource.get("meta")
    return [tag for tag in listed(meta.get("tag")) if isinstance(tag, Mapping)] if isinstance(meta, Mapping) else []


def annotated(made: Sequence[Determined], cards: Sequence[dict[str, Any]]) -> tuple[Determined, ...]:
    """Determinations with the cards that were written of them."""
    return tuple(replace(one, card=card) for one, card in zip(made, cards, strict=False))
