"""The measures that Da Vinci CRD suggests, counted from the CRD Metric Data of calls (2.2.1, metrics.md, 1 to 6).

Every call on record was answered with 200, which is what the guide's shares are of. 7 needs what no call holds; 8 and 9
are the same by client, payer and hook.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

ALL = "all"
_IN_TIME = timedelta(seconds=5)
_DOCUMENTS = ("clinical", "admin", "both")


@dataclass
class Measures:
    """What was counted of some calls; `covered` counts calls by what was said of coverage in them."""

    calls: int = 0
    timed: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    covered: Counter[str] = field(default_factory=Counter)

    def add(self, data: Mapping[str, Any]) -> None:
        """Count one call."""
        said = [info for response in data.get("response", ()) for info in response.get("coverageInfo", ())]
        self.calls += 1
        self.covered.update({info["covered"] for info in said})
        self.counts.update(name for name, holds in _MEASURED.items() if any(map(holds, said)))
        if "requestTime" in data:
            took = datetime.fromisoformat(data["responseTime"]) - datetime.fromisoformat(data["requestTime"])
            self.timed += 1
            self.counts["underFiveSeconds"] += took < _IN_TIME

    def json(self) -> dict[str, Any]:
        """The counts, and each as a share of what the guide divides it by; no share of nothing."""
        of = {
            "authorizationWithQuestionnaire": self.counts["authorizationNeeded"],
            "documentationWithQuestionnaire": self.counts["documentationNeeded"],
            "underFiveSeconds": self.timed,
        }
        shown = (*_MEASURED, "underFiveSeconds")
        measures = {name: _share(self.counts[name], of.get(name, self.calls)) for name in shown}
        covered = {code: _share(count, self.calls) for code, count in sorted(self.covered.items())}
        return {"calls": self.calls, **measures, "covered": covered}


def _needs_documents(info: Mapping[str, Any]) -> bool:
    return info.get("docNeeded") in _DOCUMENTS


def _needs_authorization(info: Mapping[str, Any]) -> bool:
    return info.get("paNeeded") == "auth-needed"


_MEASURED: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "withCoverageInformation": lambda info: True,
    "authorizationNeeded": _needs_authorization,
    "authorizationWithQuestionnaire": lambda info: _needs_authorization(info) and "questionnaire" in info,
    "documentationNeeded": _needs_documents,
    "documentationWithQuestionnaire": lambda info: _needs_documents(info) and "questionnaire" in info,
    "authorizationSatisfied": lambda info: info.get("paNeeded") == "satisfied",
}


def suggested_measures(calls: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The measures of all calls, then of each client, hook and payer."""
    groups: dict[tuple[str, str], Measures] = defaultdict(Measures)
    groups[ALL, ALL] = Measures()
    for data in calls:
        payers = {payer["value"] for payer in data.get("payerId", ())}
        for group in (
            (ALL, ALL),
            ("hook", data["hookType"]),
            ("client", data["client"]),
            *(("payer", p) for p in payers),
        ):
            groups[group].add(data)
    for by, name in sorted(groups, key=lambda group: (group[0] != ALL, group)):
        yield {"by": by, **({by: name} if by != ALL else {}), **groups[by, name].json()}


def _share(count: int, of: int) -> dict[str, Any]:
    return {"count": count, **({"share": round(count / of, 4)} if of else {})}
