"""`cdshooks feedback`: what clinicians made of the cards, in rates; and each entry whole for the policy's owner."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from datetime import date
from typing import Any

import click

from cdshooks.cli.centers import opened
from cdshooks.cli.decisions import day_option
from cdshooks.cli.inputs import counted, settings_now
from cdshooks.cli.panel import printable
from cdshooks.server.decision_log import feedback_json
from cdshooks.server.feedback_log import comments
from cdshooks.server.feedback_rates import FeedbackRates, Rate, feedback_rates
from cdshooks.server.record_tables import start_of

_COLUMNS = ("by", "policy", "criterion", "reason", "cards", "accepted", "overridden", "acceptance", "override")


@click.group()
def feedback() -> None:
    """What clinicians made of the cards."""


@feedback.command()
@day_option("--since", "Only cards that were first shown on this day (UTC) or later.")
@click.option("--policy", help="Only this policy, by its id.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "csv", "json"]),
    default="text",
    show_default=True,
    help="For people, for a spreadsheet, or for a program.",
)
def report(since: date | None, policy: str | None, form: str) -> None:
    """How many cards were accepted and overridden, by policy, criterion and reason. No comment is in it.

    Cards of shadow calls were not shown and do not count.
    """
    with opened(settings_now()) as store, store.reading() as connection:
        rates = feedback_rates(connection, start_of(since), policy)
    click.echo(printable({"text": _text, "csv": _csv, "json": _json}[form](rates)), nl=form != "csv")


@feedback.command()
@day_option("--since", "Only entries that came in on this day (UTC) or later.")
def export(since: date | None) -> None:
    """Every entry as a JSON line, with the clinician's comment: free text that may name a patient. Handle it so."""
    with opened(settings_now()) as store, store.reading() as connection:
        for row in comments(connection, start_of(since)):
            click.echo(json.dumps(feedback_json(row, comment=True), ensure_ascii=False))


def _text(rates: FeedbackRates) -> str:
    blocks = [
        _block("policy", rates.policies),
        _block("open criterion", rates.criteria),
        _block("reason", rates.reasons),
    ]
    if rates.unknown:
        blocks.append(f"{counted(rates.unknown, 'piece')} of feedback on cards that are not on record")
    return "\n\n".join(block for block in blocks if block) or "no card was shown"


def _block(title: str, rates: Iterable[Rate]) -> str:
    """A table whose first column is the policy with the criterion or reason."""
    lines = [(title, "cards", "accepted", "overridden")]
    for rate in rates:
        name = " · ".join(part for part in (rate.policy or "(no policy)", rate.criterion, rate.reason) if part)
        accepted = "" if rate.reason else f"{rate.accepted} ({rate.acceptance:.0%})"
        lines.append((name, str(rate.cards), accepted, f"{rate.overridden} ({rate.override:.0%})"))
    if len(lines) == 1:
        return ""
    width = max(len(line[0]) for line in lines)
    return "\n".join(f"{line[0]:<{width}}  {line[1]:>6}  {line[2]:>12}  {line[3]:>12}".rstrip() for line in lines)


def _rows(rates: FeedbackRates) -> list[dict[str, Any]]:
    by = (("policy", rates.policies), ("criterion", rates.criteria), ("reason", rates.reasons))
    rows = [{"by": name, **{c: getattr(rate, c) for c in _COLUMNS[1:]}} for name, some in by for rate in some]
    return [{**row, **{c: round(row[c], 4) for c in ("acceptance", "override")}} for row in rows]


def _csv(rates: FeedbackRates) -> str:
    written = io.StringIO()
    writer = csv.DictWriter(written, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_rows(rates))
    return written.getvalue()


def _json(rates: FeedbackRates) -> str:
    return json.dumps({"rates": _rows(rates), "unknownCards": rates.unknown}, indent=2, ensure_ascii=False)
