"""The house keeps its plan: who may import whom, what the core may not touch, how long things may be."""

import ast
import json
import re
import sys
from functools import cache
from pathlib import Path

import pytest

from cdshooks.engine.source import read_yaml

ROOT = Path(__file__).parents[1]
CARDS = ROOT / "cards"
PACKAGE = ROOT / "cdshooks"
FILES = sorted(PACKAGE.rglob("*.py"))
ORDER = ["engine", "hooks", "server", "cli"]
PURE = ["engine", "hooks"]
NOT_PURE = set(
    "asyncio click flask granian http importlib io jinja2 logging os pathlib pickle random requests secrets shutil "
    "signal socket sqlalchemy sqlite3 subprocess tempfile threading time urllib warnings werkzeug zoneinfo".split()
)
READS_FILES = {
    "engine/library.py",
    "engine/reading.py",
    "engine/source.py",
}  # the card library is read once, when it loads
CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("date", "today"), ("datetime", "today"), ("time", "time")}
DRAWS = {"print", "input", "open", "eval", "exec", "compile", "__import__", "breakpoint"}
LONGEST_FILE, LONGEST_FUNCTION = 300, 40
NO_ROOMS = {"utils", "util", "base", "helpers", "common", "misc", "manager", "handler", "processor"}

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
pure_files = [path for path in FILES if path.relative_to(PACKAGE).parts[0] in PURE]
each_pure_file = pytest.mark.parametrize("path", pure_files, ids=lambda path: path.relative_to(ROOT).as_posix())


def tree(path):
    return ast.parse(path.read_text("utf-8"), filename=str(path))


def imports(path):
    """Every module that a file imports, in full."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide who imports whom"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def package_of(path):
    parts = path.relative_to(PACKAGE).parts
    return parts[0].removesuffix(".py") if parts[0].removesuffix(".py") in ORDER else None


@each_file
def test_a_package_imports_only_packages_before_it(path):
    own = package_of(path)
    if own is None:
        return
    for module in imports(path):
        parts = module.split(".")
        if parts[0] == "cdshooks" and len(parts) > 1 and parts[1] in ORDER:
            assert ORDER.index(parts[1]) <= ORDER.index(own), f"{own} imports {module}"


@each_pure_file
def test_the_core_imports_no_clock_network_log_or_disk(path):
    allowed = {"pathlib"} if path.relative_to(PACKAGE).as_posix() in READS_FILES else set()
    for module in imports(path):
        assert module.split(".")[0] not in NOT_PURE - allowed, module


@each_pure_file
def test_the_core_reads_no_clock_and_draws_nothing(path):
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) not in CLOCKS, f"line {node.lineno}"
            assert (node.value.id, node.attr) != ("os", "environ")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in DRAWS, f"{node.func.id} in line {node.lineno}"


@each_pure_file
def test_the_core_keeps_nothing_between_calls(path):
    """No module of the core holds a list, a dict or a set that a function could fill."""
    for node in tree(path).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            names = [target.id for target in ast.walk(node) if isinstance(target, ast.Name)]
            if isinstance(node.value, ast.List | ast.Dict | ast.Set) and not node_is_constant(node, names):
                pytest.fail(f"line {node.lineno}: {names[0]} can change")


def node_is_constant(node, names):
    """A table in capitals, or __all__: never assigned again and read only."""
    return names[0].isupper() or names[0] == "__all__"


@each_file
def test_no_file_and_no_function_is_too_long(path):
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST_FILE
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = node.end_lineno - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines"


@each_file
def test_rooms_are_named_after_what_is_in_them(path):
    assert path.stem not in NO_ROOMS
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ClassDef):
            assert not node.name.lower().endswith(("manager", "handler", "processor", "helper", "util"))
        if isinstance(node, ast.FunctionDef):
            assert not node.name.startswith("get_"), node.name


def test_every_import_from_outside_is_declared():
    declared = (ROOT / "pyproject.toml").read_text("utf-8").lower()
    names = {
        "yaml": "pyyaml",
        "fhir": "fhir.resources",
        "referencing": "jsonschema",
        "werkzeug": "flask",
        "markupsafe": "flask",
        "prometheus_client": "prometheus-client",
        "cryptography": "pyjwt[crypto]",
    }
    for path in FILES:
        for module in imports(path):
            top = module.split(".")[0]
            if top != "cdshooks" and top not in sys.stdlib_module_names:
                assert names.get(top, top).lower() in declared, f"{path.name}: {top}"


# ---- no payer, no product and no code of a terminology lives in Python ----


def yaml_of(pattern):
    return [read_yaml(path, path.name).data for path in sorted(CARDS.glob(pattern))]


@cache
def names_of_products():
    return frozenset(_names_of_products())


def _names_of_products():
    for product in yaml_of("products/*.yaml"):
        yield from (product.get(key) for key in ("id", "brand", "generic") if key in product)
        yield from product.get("names", [])
        for other in product.get("not_car_t", []):
            yield from other["names"]


@cache
def names_of_payers():
    return frozenset(_names_of_payers())


def _names_of_payers():
    for payer in yaml_of("payers/*.yaml"):
        yield from (payer["id"], payer["name"], payer["short"])
        for rule in payer["recognised_by"]["names"]:
            yield from (word for word in [*rule.get("all_of", []), *rule.get("any_of", [])] if len(word) > 3)
    for policy in yaml_of("policies/*/*/[0-9]*.yaml"):
        if policy["source"]["authority"] != "fda-label":
            yield from (policy["id"], policy["publisher"], policy["short"])
            yield policy["source"].get("reference_number", policy["id"])


FHIR_S_OWN = ("urn:cdshooks", "http://terminology.hl7.org", "http://hl7.org/fhir/valueset", "http://hl7.org/fhir/uv")


@cache
def codes_of_terminologies():
    return frozenset(code for code in _codes_of_terminologies() if len(code) >= 4)


def _codes_of_terminologies():
    """Every code of at least four characters, save the words that FHIR itself uses for statuses and kinds."""
    for path in sorted(CARDS.glob("valuesets/*.json")):
        data = json.loads(path.read_text("utf-8"))
        for include in data.get("compose", {}).get("include", []):
            if not include["system"].startswith(FHIR_S_OWN):
                yield from (concept["code"] for concept in include["concept"])
    for product in yaml_of("products/*.yaml"):
        yield from (str(code["code"]) for code in product.get("codes", []))


def literals(path):
    """The string literals of a file, docstrings left out."""
    whole = tree(path)
    docs = {
        id(node.body[0].value)
        for node in ast.walk(whole)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(whole):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


@each_file
def test_no_name_of_a_product_stands_in_the_code(path):
    text = path.read_text("utf-8").lower()
    for name in names_of_products():
        assert not re.search(rf"(?<!\w){re.escape(name.lower())}(?!\w)", text), name


@each_file
def test_no_name_of_a_payer_stands_in_the_code(path):
    text = path.read_text("utf-8").lower()
    for name in names_of_payers():
        assert not re.search(rf"(?<!\w){re.escape(name.lower())}(?!\w)", text), name


@each_file
def test_no_code_of_a_terminology_stands_in_the_code(path):
    codes = codes_of_terminologies()
    for literal in literals(path):
        assert literal not in codes, literal
        assert not set(re.findall(r"[A-Za-z0-9][A-Za-z0-9.-]{3,}", literal)) & codes, literal


def test_the_lists_of_names_and_codes_are_not_empty():
    assert {"tecartus", "Kymriah", "tisagenlecleucel"} <= names_of_products()
    assert "WellCare of North Carolina" in names_of_payers()
    assert len(codes_of_terminologies()) > 1000


def test_the_card_library_holds_data_alone():
    kinds = {path.suffix for path in CARDS.rglob("*") if path.is_file()}
    assert kinds <= {".yaml", ".json", ".md"}
