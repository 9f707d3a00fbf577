"""The card library: read once, schema-checked, resolved; what is wrong is said with file and line."""

import shutil
from datetime import date, timedelta

import pytest
from parts import AS_OF

from cdshooks.engine.library import LibraryError, load_library

POLICY = "policies/example-health/gene-therapy/2026-01.yaml"
OLDER = "policies/example-health/gene-therapy/2025-01.yaml"
ID = "example-health/gene-therapy"


@pytest.fixture
def edit(example_files):
    """Change one file of the made-up library: edit(file, old, new) or edit(file, text)."""

    def edited(name, *change):
        path = example_files / name
        if len(change) == 2:
            old, new = change
            text = path.read_text("utf-8")
            assert old in text
            change = (text.replace(old, new, 1),)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(change[0], "utf-8")

    return edited


@pytest.fixture
def problems(example_files):
    """Load the changed library and return what is wrong with it."""

    def found():
        with pytest.raises(LibraryError) as caught:
            load_library(example_files)
        assert str(caught.value) == "\n".join(map(str, caught.value.problems))
        return [str(problem) for problem in caught.value.problems]

    return found


def line_of(path, text):
    return next(n for n, line in enumerate(path.read_text("utf-8").splitlines(), 1) if text in line)


def test_the_made_up_library_loads(example):
    assert {policy.id for policy in example.policies} == {ID, "fda/label"}
    assert set(example.products.by_id) == {"examplecel", "samplecel", "trialcel"}
    assert [payer.id for payer in example.payers] == ["example-health", "state-plan"]
    assert example.hash.startswith("sha256:")


def test_the_library_that_ships_loads_and_has_no_day_without_a_version(shipped):
    for policy_id in {policy.id for policy in shipped.policies}:
        day = shipped.versions(policy_id)[0].effective.start
        while day <= AS_OF:
            assert shipped.in_force(policy_id, day), f"{policy_id} on {day}"
            day += timedelta(days=1)


@pytest.mark.parametrize(
    ("day", "version"),
    [
        ("2024-12-31", None),
        ("2025-01-01", "2025-01"),
        ("2025-12-31", "2025-01"),
        ("2026-01-01", "2026-01"),
        ("2099-01-01", "2026-01"),
    ],
)
def test_the_version_in_force_is_looked_up_by_day_and_both_ends_count(example, day, version):
    policy = example.in_force(ID, date.fromisoformat(day))
    assert (policy and policy.version) == version


def test_versions_stand_side_by_side_oldest_first(example):
    assert [policy.version for policy in example.versions(ID)] == ["2025-01", "2026-01"]


def test_an_unknown_policy_has_no_version(example):
    assert example.versions("nobody/nothing") == []
    assert example.in_force("nobody/nothing", AS_OF) is None


def test_a_folder_without_a_library_says_so(tmp_path):
    with pytest.raises(LibraryError, match=r"systems\.yaml:1: no library here"):
        load_library(tmp_path)


def test_a_value_set_that_is_not_there_is_named_with_the_line_that_asks_for_it(edit, problems, example_files):
    edit(POLICY, "code: vs/path-marrow,", "code: vs/path-narrow,")
    line = line_of(example_files / POLICY, "vs/path-narrow")
    assert problems() == [
        f"{POLICY}:{line}: vs/path-narrow: there is no such value set; "
        "did you mean vs/path-marrow or vs/proc-marrow? Else add valuesets/path-narrow.json"
    ]


@pytest.mark.parametrize("name", ["products/samplecel.yaml", "products/look-alikes.yaml"])
def test_a_value_set_is_also_missed_by_products_and_look_alikes(edit, problems, name):
    edit(name, "vs/", "vs/no-")
    assert all(problem.startswith(name) and "there is no such value set" in problem for problem in problems())


@pytest.mark.parametrize(
    ("file", "old", "new", "marked", "says"),
    [
        (POLICY, "owner: laboratory", "owner: labratory", "owner: labratory", "labratory"),
        (POLICY, "newer_than: P3M", "newer_then: P3M", "newer_then", "newer_then"),
        (POLICY, "newer_than: P3M", "newer_than: three months", "newer_than: three", "three months"),
        (POLICY, "status: active", "state: active", None, "state"),
        (POLICY, "when: {product: {approved: true}}", "when: {imaging: {code: x}}", "imaging", "imaging"),
        (POLICY, "if_silent: attest", "if_silent: clear", "if_silent: clear", "attest"),
        ("products/examplecel.yaml", "grade: A, kind: IN", "grade: C, kind: IN", "grade: C", "C"),
        ("payers/example-health.yaml", "none_of:", "non_of:", "non_of", "non_of"),
        ("centers/made-up.yaml", "evidence_kind: locator", "evidence_kind: rumour", "rumour", "rumour"),
        ("systems.yaml", "case: upper", "case: lower", "case: lower", "upper"),
    ],
)
def test_a_typo_is_an_error_with_file_and_line(edit, problems, example_files, file, old, new, marked, says):
    edit(file, old, new)
    line = line_of(example_files / file, marked) if marked else None
    found = [problem for problem in problems() if says in problem]
    assert found
    assert all(problem.startswith(f"{file}:") for problem in found)
    if line:
        assert any(problem.startswith(f"{file}:{line}: ") for problem in found)


def test_an_exclusion_must_say_what_silence_means(edit, problems):
    edit(POLICY, "  if_silent: attest\n", "")
    assert any("if_silent" in problem for problem in problems())


def test_a_criterion_has_an_expression_or_a_judgement_and_not_both(edit, problems):
    edit(POLICY, "  judgement: payer\n", "  judgement: payer\n  when: {product: {approved: true}}\n")
    assert problems()


def test_all_problems_of_all_files_are_told_at_once(edit, problems):
    edit(POLICY, "owner: laboratory", "owner: labratory")
    edit("products/examplecel.yaml", "status: approved", "status: aproved")
    edit("payers/state-plan.yaml", "name: Example State Plan\n", "name: Example State Plan\nname: twice\n")
    assert {problem.split(":")[0] for problem in problems()} == {
        POLICY,
        "products/examplecel.yaml",
        "payers/state-plan.yaml",
    }


def test_a_gap_between_versions_names_both_files_and_the_days(edit, problems):
    edit(OLDER, "end: 2025-12-31", "end: 2025-12-29")
    (problem,) = problems()
    for part in (POLICY, OLDER, "2025-12-", "2026-01-01"):
        assert part in problem


@pytest.mark.parametrize("end", ["end: 2026-01-01", "end: 2026-06-30", "note: it has no end"])
def test_an_overlap_of_versions_names_both_files(edit, problems, end):
    edit(OLDER, "end: 2025-12-31", end)
    (problem,) = problems()
    assert POLICY in problem
    assert OLDER in problem
    assert "overlap" in problem


def test_periods_that_adjoin_are_neither_gap_nor_overlap(edit, example_files):
    edit(OLDER, "end: 2025-12-31", "end: 2025-10-30")
    edit(POLICY, "start: 2026-01-01, start_basis", "start: 2025-10-31, start_basis")
    assert load_library(example_files).in_force(ID, date(2025, 10, 31)).version == "2026-01"


@pytest.mark.parametrize("status", ["draft", "retired"])
def test_a_version_that_is_not_active_is_never_in_force_and_makes_no_overlap(edit, example_files, status):
    edit(OLDER, "end: 2025-12-31", "end: 2026-06-30")
    edit(OLDER, "status: active", f"status: {status}")
    library = load_library(example_files)
    assert library.in_force(ID, date(2025, 6, 1)) is None
    assert library.in_force(ID, date(2026, 6, 1)).version == "2026-01"


def test_a_remedy_that_nobody_wrote_is_named(edit, problems):
    edit(POLICY, "remedy: write-letter", "remedy: write-leter")
    (problem,) = problems()
    assert problem.startswith(f"{POLICY}:")
    assert "write-leter" in problem


def test_a_paragraph_that_binds_must_be_cited_or_excused(edit, problems, example_files):
    edit(POLICY, "B.4, C.1", "B.4, B.5, C.1")
    line = line_of(example_files / POLICY, "outline:")
    (problem,) = problems()
    assert problem.startswith(f"{POLICY}:{line}: B.5 binds")


def test_a_row_of_the_criteria_map_needs_a_criterion_that_cites_its_paragraph(edit, problems):
    edit(POLICY, "\ncoverage:", "\ncriteria_map: {B.2: the paper, NOTE.1: nothing}\n\ncoverage:")
    (problem,) = problems()
    assert problem.endswith("no criterion cites NOTE.1, so its row is empty")


def test_only_paragraphs_of_the_outline_can_be_cited(edit, problems):
    edit(POLICY, "cite: B.3", "cite: B.33")
    found = problems()
    assert any("B.33 is cited but not in the outline" in problem for problem in found)
    assert any("B.3 binds" in problem for problem in found)


@pytest.mark.parametrize("section", ["overrides", "reminders", "not_encoded"])
def test_a_paragraph_may_be_cited_by_an_override_a_reminder_or_an_excuse(edit, problems, section):
    paragraph = {"overrides": "cite: C.2", "reminders": "cite: NOTE.1", "not_encoded": "cite: B.4"}[section]
    edit(POLICY, paragraph, "cite: A.1")
    assert any(f"{paragraph.removeprefix('cite: ')} binds" in problem for problem in problems())


def test_a_criterion_id_stands_once(edit, problems):
    edit(POLICY, "- id: warnings", "- id: indication")
    assert any("indication stands twice" in problem for problem in problems())


def test_a_criterion_is_about_one_that_is_there(edit, problems):
    edit(POLICY, "about: letter\n", "about: leter\n")
    assert any("leter" in problem for problem in problems())


def test_a_payer_names_policies_that_are_there(edit, problems, example_files):
    edit("payers/state-plan.yaml", f"policies: [{ID}]", "policies: [state-plan/other]")
    line = line_of(example_files / "payers/state-plan.yaml", "policies:")
    assert problems() == [f"payers/state-plan.yaml:{line}: state-plan/other: there is no policy of that id"]


def test_a_value_set_carries_the_name_of_its_file(edit, problems):
    edit("valuesets/dx-beta.json", '"id": "dx-beta"', '"id": "dx-gamma"')
    assert any(problem.startswith("valuesets/dx-beta.json:1: ") for problem in problems())


def test_a_value_set_that_is_not_json_is_named(edit, problems):
    edit("valuesets/dx-beta.json", "{")
    assert any(p.startswith("valuesets/dx-beta.json:1: not readable as JSON") for p in problems())


def test_a_library_without_its_schemas_is_refused(example_files, problems):
    (example_files / "schema" / "policy.json").unlink()
    assert any("schema/policy.json" in problem for problem in problems())


def test_the_schemas_may_stand_elsewhere(example_files, tmp_path, example):
    shutil.move(example_files / "schema", tmp_path / "schema")
    assert load_library(example_files, tmp_path / "schema").hash == example.hash


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (POLICY, "reaches: [indication, prior-car-t]", "reaches: [indicatoin, prior-car-t]"),
        (POLICY, "only_if: {product: {rems: in-force}}", "only_if: {product: {is: exmplecel}}"),
        (POLICY, "must be dated {counts}", "must be dated {cuonts}"),
        ("suggestions/order-virus-test.yaml", "{label}", "{lable}"),
        ("centers/made-up.yaml", "product: examplecel", "product: exmplecel"),
        ("valuesets/dx-beta.json", '"valueCode": "A"', '"valueCode": "C"'),
        ("valuesets/dx-beta.json", '"compose"', '"compse"'),
        ("valuesets/dx-beta.json", '"system": "http://example.org/codes"', '"system": "http://example.org/coeds"'),
        ("valuesets/dx-beta.json", None, "[]"),
        (POLICY, "start: 2026-01-01, start_basis", "start: 2026-13-01, start_basis"),
        ("products/samplecel.yaml", "approved: {from: 2026-01-15", "approved: {from: 2026-02-30"),
        (POLICY, f"id: {ID}", "id: example-health/other"),
    ],
)
def test_a_typo_that_a_schema_cannot_see_is_an_error_too(edit, problems, file, old, new):
    edit(file, *([old, new] if old else [new]))
    assert any(problem.startswith(f"{file}:") for problem in problems())


def test_two_products_of_one_id_are_an_error(example_files, problems):
    shutil.copy(example_files / "products" / "samplecel.yaml", example_files / "products" / "twin.yaml")
    assert any("samplecel" in problem for problem in problems())


def test_a_library_without_wording_is_refused(example_files, problems):
    (example_files / "wording" / "en.yaml").unlink()
    assert problems()


def test_a_problem_of_a_criterion_has_the_line_of_the_criterion(edit, problems, example_files):
    edit(POLICY, "remedy: write-letter", "remedy: write-leter")
    first, last = line_of(example_files / POLICY, "- id: letter"), line_of(example_files / POLICY, "write-leter")
    assert first <= int(problems()[0].split(":")[1]) <= last


def test_the_hash_depends_on_the_files_alone(example, example_files):
    assert load_library(example_files).hash == example.hash
    (example_files / "README.md").write_text("changed", "utf-8")
    assert load_library(example_files).hash == example.hash


def test_the_hash_changes_with_any_byte_of_any_file(example, example_files):
    seen = {example.hash}
    read = [path for path in sorted(example_files.rglob("*")) if path.suffix in (".yaml", ".json")]
    sets = [path for path in read if "valuesets" in path.parts]
    for path in [path for path in read if "schema" not in path.parts and path not in sets[5:]]:
        before = path.read_bytes()
        path.write_bytes(before + b"\n")
        changed = load_library(example_files).hash
        assert changed not in seen, path
        seen.add(changed)
        path.write_bytes(before)
    assert load_library(example_files).hash == example.hash


def test_the_hash_changes_with_the_name_of_a_file(example, example_files):
    (example_files / "centers" / "made-up.yaml").rename(example_files / "centers" / "other.yaml")
    assert load_library(example_files).hash != example.hash


def test_the_sets_that_mean_another_drug_or_a_cell_service_are_resolved(example):
    assert [value_set.id for value_set in example.other_sets] == ["rx-class-one", "rx-class-two", "rx-other"]
    assert [value_set.id for value_set in example.service_sets] == ["proc-infusion", "proc-collection"]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (POLICY, "controlled_by:", "applies_to: {products: [exmplecel]}\ncontrolled_by:"),
        ("suggestions/write-letter.yaml", "  intent: order", "  intent: order\n  colour: red"),
        ("suggestions/write-letter.yaml", 'for: {reference: "{patient}"}', "note: a letter"),
        ("suggestions/write-letter.yaml", 'authoredOn: "{today}"', "authoredOn: someday"),
        ("suggestions/write-letter.yaml", "description:", "unit: {text: x}\n  description:"),
        ("suggestions/order-virus-test.yaml", 'text: "{label}', 'words: "{label}'),
        ("suggestions/order-virus-test.yaml", "status: draft", "status: drafted"),
        ("suggestions/order-virus-test.yaml", "code: virus-ab", 'code: " virus"'),
        ("suggestions/order-virus-test.yaml", "{label}", "{label"),
    ],
)
def test_a_product_or_a_template_that_leads_nowhere_is_an_error(edit, problems, file, old, new):
    edit(file, old, new)
    assert any(problem.startswith(f"{file}:") for problem in problems())
