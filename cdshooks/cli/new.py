"""`cdshooks new`: files to begin with, whose blanks `check` refuses until an analyst has filled them."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path
from string import Template

import click

from cdshooks.cli.codes import add_code
from cdshooks.cli.inputs import day, library_option, open_library, settings_now, shown
from cdshooks.engine.library import Library
from cdshooks.engine.policy import Policy

_SCAFFOLDS = Path(__file__).parent / "scaffolds"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_PERIOD = re.compile(r"^effective_period:.*?(?=^\S)", re.MULTILINE | re.DOTALL)
_VALUE = r"""("[^"\n]*"|[^\s,}#][^,}#\n]*?)(?=\s*[,}#\n])"""


@click.group()
def new() -> None:
    """Begin a policy, a version of one, a payer, a product or a code.

    What only the paper can say stands in the new file as TODO, and `cdshooks check` refuses it with its line until it
    is written.
    """


def _name(context: click.Context, parameter: click.Parameter, text: str) -> str:
    parts = text.split("/")
    wanted = 2 if parameter.name == "policy" else 1
    if len(parts) != wanted or not all(map(_NAME.fullmatch, parts)):
        example = "example-plan/car-t" if wanted == 2 else "example-plan"
        raise click.BadParameter(f"{text!r}: write lower-case words joined by hyphens, such as {example}")
    return text


def _month(context: click.Context, parameter: click.Parameter, text: str) -> str:
    if not _MONTH.fullmatch(text):
        raise click.BadParameter(f"{text!r}: a version is named by the month in which it starts, such as 2027-01")
    return text


_version = click.argument("version", callback=_month)
_start = click.option("--start", required=True, callback=day, help="First day of its effective period (inclusive).")


@new.command()
@click.argument("policy", callback=_name)
@_version
@_start
@library_option
def policy(policy: str, version: str, start: date, library_path: Path | None) -> None:
    """A first version of POLICY, such as example-plan/car-t, with a file for its cases."""
    folder = _folder(library_path) / "policies" / policy
    if folder.is_dir():
        raise click.UsageError(f"{shown(folder)} is there already; `cdshooks new version {policy} …` adds a version")
    blanks = {"id": policy, "version": version, "start": start.isoformat()}
    _write(folder / f"{version}.yaml", "policy", blanks)
    _write(folder / "cases.yaml", "cases", blanks)


@new.command()
@click.argument("policy", callback=_name)
@_version
@_start
@library_option
def version(policy: str, version: str, start: date, library_path: Path | None) -> None:
    """The next version of POLICY: a copy of the newest one, which ends on the day before."""
    library = open_library(_folder(library_path))
    newest = _newest(library, policy)
    if newest.effective.start and start <= newest.effective.start:
        raise click.UsageError(f"{newest.id} {newest.version} starts on {newest.effective.start}; start after it")
    old = library.path / newest.file
    path = _absent(old.with_name(f"{version}.yaml"))
    text = old.read_text("utf-8")
    path.write_text(_next(text, newest, version, start), "utf-8")
    if newest.effective.end is None:
        last = start - timedelta(days=1)
        old.write_text(_PERIOD.sub(lambda period: _ended(period[0], last), text, count=1), "utf-8")
        click.echo(f"{shown(old)}: ends on {last}")
    click.echo(f"{shown(path)}: written; change what the new paper changes, then `cdshooks diff` and `cdshooks check`")


def _newest(library: Library, policy: str) -> Policy:
    versions = library.versions(policy)
    if not versions:
        known = ", ".join(sorted({str(p.id) for p in library.policies}))
        raise click.UsageError(f"there is no policy {policy} in the library; there are {known}")
    return versions[-1]


def _next(text: str, newest: Policy, version: str, start: date) -> str:
    """The text of the next version: its own days, and what of the review is to be done anew."""
    text = text.replace(f'version: "{newest.version}"', f'version: "{version}"', 1)
    text = _PERIOD.sub(lambda period: _begun(period[0], start), text, count=1)
    for key, what in (
        ("start_basis", "stated, if the paper says so; else assumed"),
        ("retrieved", "the day on which the new paper was read"),
        ("reviewed_on", "the day of your review"),
        ("reviewed_by", "who reviewed it"),
        ("review_due", "the day by which it is to be read again"),
    ):
        text = re.sub(rf"\b{key}: *{_VALUE}", f'{key}: "TODO: {what}"', text, count=1)
    return text


def _begun(period: str, start: date) -> str:
    """An effective period that starts on a day and has no end."""
    unended = re.sub(rf"(,| *\n) *end: *{_VALUE}", "", period)
    return re.sub(rf"\bstart: *{_VALUE}", f"start: {start}", unended, count=1)


def _ended(period: str, last: date) -> str:
    """The same period with a last day; it stands on one line or on several."""
    between = ", " if "{" in period else "\n  "
    return re.sub(rf"\bstart: *{_VALUE}", rf"\g<0>{between}end: {last}", period, count=1)


@new.command()
@click.argument("payer", callback=_name)
@click.option("--policy", required=True, callback=_name, help="The policy that answers its coverages.")
@library_option
def payer(payer: str, policy: str, library_path: Path | None) -> None:
    """A payer, recognised by the names on a coverage."""
    _write(_folder(library_path) / "payers" / f"{payer}.yaml", "payer", {"id": payer, "policy": policy})


@new.command()
@click.argument("product", callback=_name)
@library_option
def product(product: str, library_path: Path | None) -> None:
    """A CAR-T product: its codes, names and dated indications."""
    _write(_folder(library_path) / "products" / f"{product}.yaml", "product", {"id": product})


new.add_command(add_code)


def _folder(library_path: Path | None) -> Path:
    return library_path or settings_now().library


def _write(path: Path, scaffold: str, blanks: dict[str, str]) -> None:
    text = (_SCAFFOLDS / f"{scaffold}.yaml").read_text("utf-8")
    _absent(path).parent.mkdir(parents=True, exist_ok=True)
    path.write_text(Template(text).safe_substitute(blanks), "utf-8")
    click.echo(f"{shown(path)}: written; fill in what says TODO, then `cdshooks check`")


def _absent(path: Path) -> Path:
    if path.exists():
        raise click.UsageError(f"{shown(path)} is there already; nothing was written")
    return path
