"""What a person filled in, read strictly: who says it, what is confirmed, what completes a line of treatment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cdshooks.hooks.dossier import Dossier
from cdshooks.hooks.dossier_view import id_of_line, to_attest, treatment_lines
from cdshooks.hooks.questionnaire_answers import LONGEST_NAME, LONGEST_WORDS
from cdshooks.hooks.text import clean
from cdshooks.server.dossiers import Kind, Said

_ANSWERS: Mapping[str, Kind] = {"yes": "confirmed", "no": "not-so"}


class FormProblem(ValueError):
    """What is wrong with a form, in a sentence for the one who filled it in; `field` is where, "" for nowhere."""

    def __init__(self, says: str, field: str = "") -> None:
        super().__init__(says)
        self.field = field


def attested(form: Mapping[str, str], dossier: Dossier) -> list[Said]:
    """What a form says of this dossier. Raises FormProblem where nobody says it, nothing is said, or it is too long."""
    name = _name(form)
    said = [*_answers(form, dossier, name), *_lines(form, dossier, name)]
    if not said:
        raise FormProblem("Nothing was ticked or written, so nothing was kept.")
    return said


def opened_by(form: Mapping[str, str], dossier: Dossier) -> Said:
    """Who asks to see the sensitive records. Raises FormProblem where nobody is named."""
    return Said("opened", "sensitive records", _name(form))


def _answers(form: Mapping[str, str], dossier: Dossier, name: str) -> Iterator[Said]:
    for finding in to_attest(dossier):
        criterion = finding["criterion"]
        words = _words(form, f"words-{criterion}")
        answer = _ANSWERS.get(form.get(f"says-{criterion}", ""))
        if words and answer is None:
            says = "A remark was written without a choice beside it. Choose one of the two for each remark."
            raise FormProblem(says, f"words-{criterion}")
        if answer is not None:
            yield Said(answer, criterion, name, words)


def _lines(form: Mapping[str, str], dossier: Dossier, name: str) -> Iterator[Said]:
    for line in treatment_lines(dossier):
        for part in line.get("open", ()):
            if words := _words(form, f"line-{id_of_line(line)}-{part}"):
                yield Said("line", f"{id_of_line(line)} {part}", name, words)


def _name(form: Mapping[str, str]) -> str:
    name = clean(form.get("name", ""))
    if not name:
        raise FormProblem("Write your name and role: what is said is kept under it.", "name")
    if len(name) > LONGEST_NAME:
        raise FormProblem(f"The name is longer than {LONGEST_NAME} characters.", "name")
    return name


def _words(form: Mapping[str, str], field: str) -> str:
    words = clean(form.get(field, ""))
    if len(words) > LONGEST_WORDS:
        raise FormProblem(f"A remark is longer than {LONGEST_WORDS} characters.", field)
    return words
