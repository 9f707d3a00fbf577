"""Commands as a person at a terminal types them."""

from __future__ import annotations

from click.testing import CliRunner, Result

from cdshooks.cli import main


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words), prog_name="cdshooks")


def prints(*words: str) -> str:
    ended = run(*words)
    assert ended.exit_code == 0, ended.output
    return ended.output


def fails(code: int, *words: str) -> str:
    ended = run(*words)
    assert ended.exit_code == code, ended.output
    assert "Traceback" not in ended.output
    return ended.output
