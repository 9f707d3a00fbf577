"""The `cdshooks` command, put together from its parts."""

from __future__ import annotations

import click

from cdshooks import __version__
from cdshooks.cli.centers import centers
from cdshooks.cli.check import check
from cdshooks.cli.decisions import decisions
from cdshooks.cli.diff import diff
from cdshooks.cli.dossiers import dossiers
from cdshooks.cli.evaluate import evaluate, explain
from cdshooks.cli.feedback import feedback
from cdshooks.cli.fire import fire
from cdshooks.cli.new import new
from cdshooks.cli.paragraphs import paragraphs
from cdshooks.cli.questionnaire import questionnaire
from cdshooks.cli.replay import replay
from cdshooks.cli.run import serve, stories
from cdshooks.cli.try_cases import test
from cdshooks.cli.validate import validate


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cdshooks")
def main() -> None:
    """What a CAR-T prior authorization still needs: the service, and the tools around its card library.

    Exit codes: 0 ok, 1 problems found, 2 wrong usage.
    """


for _command in (
    centers,
    check,
    decisions,
    diff,
    dossiers,
    evaluate,
    explain,
    feedback,
    fire,
    new,
    paragraphs,
    questionnaire,
    replay,
    serve,
    stories,
    test,
    validate,
):
    main.add_command(_command)
