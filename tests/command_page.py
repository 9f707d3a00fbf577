"""docs/commands.md as the commands themselves tell it: every command, argument and option, from click's tree."""

from __future__ import annotations

from collections.abc import Iterator

import click

from cdshooks.cli.command import main

HEAD = """# Commands

Written from the commands themselves, as the golden answers are ([taking part](../CONTRIBUTING.md)); `--help` after any
of them says the same. Exit codes: 0 ok, 1 problems found, 2 wrong usage. All read the [settings](settings.md). In a
checkout the command is `.venv/bin/cdshooks`.
"""


def commands(group: click.Group = main, path: tuple[str, ...] = ("cdshooks",)) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with its words, in alphabetical order; groups stand for what is in them."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


def options_of(command: click.Command) -> list[click.Option]:
    """The options of a command without `--help`."""
    return [parameter for parameter in command.params if isinstance(parameter, click.Option)]


def page() -> str:
    """The whole page."""
    told = dict(commands())
    index = [f"| [`{name}`](#{name.replace(' ', '-')}) | {_first_line(command)} |" for name, command in told.items()]
    parts = [HEAD, "\n".join(["| command | does |", "|---|---|", *index]) + "\n"]
    return "\n".join([*parts, *(_section(name, command) for name, command in told.items())])


def _section(name: str, command: click.Command) -> str:
    arguments = [_argument(p) for p in command.params if isinstance(p, click.Argument)]
    usage = " ".join([name, *arguments, *(["[OPTIONS]"] if options_of(command) else [])])
    parts = [f"## {name}", f"`{usage}`", _help(command)]
    if options_of(command):
        parts.append("\n".join(["| option | |", "|---|---|", *map(_row, options_of(command))]))
    return "\n\n".join(parts) + "\n"


def _argument(argument: click.Argument) -> str:
    name = argument.metavar or str(argument.name).upper()
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _row(option: click.Option) -> str:
    names = ", ".join(option.opts) + "".join(f" / {name}" for name in option.secondary_opts)
    value = "" if option.is_flag else f" {_value(option)}"
    says = [option.help or "", "Needed." if option.required else ""]
    if option.show_default and not option.is_flag and option.default is not None:
        says.append(f"Default: `{option.default}`.")
    return f"| `{names}{value}` | {' '.join(filter(None, says))} |"


def _value(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return "\\|".join(map(str, option.type.choices))
    return option.metavar or ("NUMBER" if isinstance(option.type, click.IntRange) else _noun(option))


def _noun(option: click.Option) -> str:
    kinds = {"directory": "FOLDER", "file": "FILE", "path": "FILE", "integer": "NUMBER"}
    return kinds.get(option.type.name, "TEXT")


def _help(command: click.Command) -> str:
    paragraphs = (command.help or "").replace("\b", "").strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _first_line(command: click.Command) -> str:
    return _help(command).split("\n", 1)[0]
