"""`cdshooks new code`: one code into a value set, with its grade and source."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

import click

from cdshooks.cli.inputs import library_option, open_library, settings_now, shown
from cdshooks.engine.codes import System
from cdshooks.engine.library import Library

_OURS = "urn:cdshooks:"


def _unbroken(context: click.Context, parameter: click.Parameter, text: str) -> str:
    if not text or any(map(str.isspace, text)):
        raise click.BadParameter(f"{text!r}: a code has no blanks; write it as its system does")
    return text


def _said(context: click.Context, parameter: click.Parameter, text: str) -> str:
    if not text.strip():
        raise click.BadParameter("it is empty; write it in words")
    return text


@click.command(name="code")
@click.argument("value_set", metavar="VALUESET")
@click.argument("system")
@click.argument("code", callback=_unbroken)
@click.option("--display", required=True, callback=_said, help="What the code means, in its system's words or in ours.")
@click.option(
    "--grade", required=True, type=click.Choice(["A", "B"]), help="A may decide; B may find or raise a question."
)
@click.option("--source", required=True, callback=_said, help="Where the code and its meaning were read.")
@click.option("--only-asks", metavar="WHY", help="The code never decides, for this reason.")
@library_option
def add_code(
    value_set: str,
    system: str,
    code: str,
    display: str,
    grade: str,
    source: str,
    only_asks: str | None,
    library_path: Path | None,
) -> None:
    """A code of SYSTEM, an id of systems.yaml such as loinc, in VALUESET, such as lab-hbsag."""
    library = open_library(library_path or settings_now().library)
    path = library.path / "valuesets" / f"{_known(value_set, library)}.json"
    known = _system(system, library)
    if library.value_sets[path.stem].find((known.id, known.spell(code))):
        raise click.UsageError(f"{shown(path)} has {code} of {system} already; nothing was written")
    data = json.loads(path.read_text("utf-8"))
    _include(data, known, library)["concept"].append(_concept(code, display, grade, source, only_asks))
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")
    click.echo(
        f"{shown(path)}: {code} added; write a case that shows what it changes, then `cdshooks check` and `test`"
    )


def _known(value_set: str, library: Library) -> str:
    name = value_set.removeprefix("vs/")
    if name not in library.value_sets:
        near = ", ".join(difflib.get_close_matches(name, library.value_sets, n=3)) or "none like it"
        raise click.UsageError(f"there is no value set {name}; there is {near}")
    return name


def _system(name: str, library: Library) -> System:
    if not library.systems.knows(name):
        raise click.UsageError(f"{name} is no id of systems.yaml; it lists every system that is read")
    return library.systems.system(name)


def _include(data: dict[str, Any], system: System, library: Library) -> dict[str, Any]:
    """The part of a ValueSet that holds a system's codes; a new one when there is none."""
    includes: list[dict[str, Any]] = data["compose"]["include"]
    found = next((part for part in includes if library.systems.system(part["system"]).id == system.id), None)
    if found is None:
        found = {"system": system.uri, "concept": []}
        includes.append(found)
    return found


def _concept(code: str, display: str, grade: str, source: str, only_asks: str | None) -> dict[str, Any]:
    extensions = [{"url": f"{_OURS}grade", "valueCode": grade}]
    decides = [
        {"url": f"{_OURS}decides", "valueBoolean": False},
        {"url": f"{_OURS}why-not", "valueString": only_asks},
    ]
    return {
        "code": code,
        "display": display,
        "extension": [*extensions, *(decides if only_asks else ()), {"url": f"{_OURS}source", "valueString": source}],
    }
