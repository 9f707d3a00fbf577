"""Reading the files of a library: every one schema-checked, every problem with its file and line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from cdshooks.engine.faults import day_faults, faults
from cdshooks.engine.source import LibraryError, Place, Problem, Source, json_fault, read_yaml, walk

Read = TypeVar("Read")
_BLANK = "TODO"
_CASES = "cases.yaml"
_FOLDERS = ("appeals", "centers", "payers", "policies", "products", "suggestions", "valuesets", "wording")
_NEEDED = ("systems.yaml", "wording/en.yaml", "products/look-alikes.yaml")


class Reader:
    """Reads and schema-checks the files of one library."""

    def __init__(self, path: Path, schema: Path) -> None:
        self.path = path
        self.schema = schema
        self.problems: list[Problem] = []
        self._files: list[Path] = []
        schemas = {p.name: json.loads(p.read_text("utf-8")) for p in sorted(schema.glob("*.json"))}
        registry: Registry[Any] = Registry().with_resources(
            (name, Resource.from_contents(data, default_specification=DRAFT202012)) for name, data in schemas.items()
        )
        self._validators = {
            name.removesuffix(".json"): Draft202012Validator(data, registry=registry) for name, data in schemas.items()
        }

    def read_all(self) -> dict[str, list[Source]]:
        """Every file by kind; problems are collected."""
        for needed in _NEEDED:
            if not (self.path / needed).is_file():
                self.problems.append(Problem(needed, 1, f"no library here: {self.path} has no {needed}"))
        if self.problems:
            return {}
        sources = self._read_kinds()
        self.problems += self._unread()
        return sources

    def _read_kinds(self) -> dict[str, list[Source]]:
        products = [p for p in self._glob("products/*.yaml") if p.name != "look-alikes.yaml"]
        return {
            "systems": self._yaml(self._glob("systems.yaml"), "systems"),
            "valuesets": [self._value_set(p) for p in self._glob("valuesets/*.json")],
            "products": self._yaml(products, "product"),
            "look_alikes": self._yaml(self._glob("products/look-alikes.yaml"), "lookalikes"),
            "appeals": self._yaml([p for p in self._glob("appeals/*.yaml") if p.name != "answers.yaml"], "appeals"),
            "answers": self._yaml(self._glob("appeals/answers.yaml"), "answers"),
            "centers": self._yaml(self._glob("centers/*.yaml"), "centers"),
            "crd": self._yaml(self._glob("crd.yaml"), "crd"),
            "payers": self._yaml(self._glob("payers/*.yaml"), "payer"),
            "policies": self._yaml(self._glob("policies/*/*/*.yaml"), "policy"),
            "suggestions": self._yaml(self._glob("suggestions/*.yaml"), "suggestion"),
            "wording": self._yaml(self._glob("wording/en.yaml"), "wording"),
        }

    def _unread(self) -> Iterator[Problem]:
        """Files of data in the library's folders that nothing reads, for their name or place is another kind's."""
        read = set(self._files)
        for path in sorted(path for folder in _FOLDERS for path in (self.path / folder).rglob("*.*")):
            if path.suffix in (".yaml", ".yml", ".json") and path.name != _CASES and path not in read:
                name = str(path.relative_to(self.path))
                yield Problem(name, 1, "is read by nothing here; a file of data is called and lies as its kind says")

    def content_hash(self) -> str:
        """SHA-256 over the names and bytes of every file that was read."""
        digest = hashlib.sha256()
        for path in sorted(self._files):
            digest.update(str(path.relative_to(self.path)).encode() + b"\0" + path.read_bytes() + b"\0")
        return f"sha256:{digest.hexdigest()}"

    def _glob(self, pattern: str) -> list[Path]:
        found = [path for path in sorted(self.path.glob(pattern)) if path.name != _CASES]
        self._files += found
        return found

    def _yaml(self, paths: Iterable[Path], schema: str) -> list[Source]:
        sources = []
        for path in paths:
            try:
                sources.append(self.read(path, str(path.relative_to(self.path)), schema))
            except LibraryError as error:
                self.problems += error.problems
        return sources

    def read(self, path: Path, name: str, schema: str) -> Source:
        """One YAML file, checked with its schema; LibraryError when it is no YAML, other problems are collected."""
        source = read_yaml(path, name)
        self._check(source, schema)
        return source

    def _value_set(self, path: Path) -> Source:
        name = str(path.relative_to(self.path))
        try:
            text = path.read_bytes()
            data = msgspec.json.decode(text)
        except OSError as error:
            self.problems.append(Problem(name, 1, f"cannot be read: {error.strerror}"))
            return Source(name, {"id": path.stem})
        except msgspec.DecodeError as error:
            self.problems.append(Problem(name, *json_fault(text, str(error))))
            return Source(name, {"id": path.stem})
        if not isinstance(data, dict):
            self.problems.append(Problem(name, 1, "is not a FHIR ValueSet: write one JSON object"))
            return Source(name, {"id": path.stem})
        if data.get("id") != path.stem:
            self.problems.append(Problem(name, 1, f"its id is {data.get('id')!r}; the file's name says {path.stem!r}"))
        return Source(name, data)

    def build(self, sources: Iterable[Source], read: Callable[[Source], Read]) -> list[Read]:
        """Read each source into a record; one that cannot be read is a problem with its file."""
        built = []
        for source in sources:
            try:
                built.append(read(source))
            except (KeyError, ValueError, TypeError, AttributeError) as error:
                self.problems.append(Problem(source.file, 1, f"cannot be used: {error}"))
        return built

    def stop_if_any(self) -> None:
        """Raise LibraryError when there is any problem so far."""
        if self.problems:
            raise LibraryError(self.problems)

    def _check(self, source: Source, schema: str) -> None:
        validator = self._validators.get(schema)
        if validator is None:
            self.problems.append(Problem(source.file, 1, f"the library has no schema/{schema}.json to check it with"))
            return
        wrong = [*schema_problems(source, validator)]
        days = (source.problem(place, message) for place, message in day_faults(source.data))
        self.problems += wrong or days


def _blanks(data: Any) -> Iterator[tuple[Place, str]]:
    """Where a file says ``TODO: what is to stand here``, as a new one does."""
    for place, value in walk(data):
        if isinstance(value, str) and value.startswith(_BLANK):
            yield place, value.removeprefix(_BLANK).lstrip(": ")


def schema_problems(source: Source, validator: Draft202012Validator) -> Iterator[Problem]:
    """Everything in a file that its schema does not allow; while there are blanks in it, those alone."""
    if source.data == {}:
        yield source.problem((), "is empty; write what its schema asks for, or take the file away")
        return
    blanks = list(_blanks(source.data))
    yield from (source.problem(place, f"still to be written: {what}") for place, what in blanks)
    if blanks:
        return
    yield from (source.problem(place, message) for place, message in faults(validator.iter_errors(source.data)))
