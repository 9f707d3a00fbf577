"""Write every story under stories/: a complete order-sign request and what is expected of its answer.

Run `python fhir_fixtures/make_stories.py`; the same files come out every time, byte for byte (a test runs it).
All patients are invented. Every story is told on 2026-11-21 about an infusion planned for 2026-12-01.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import stories_mantle_cell as mantle_cell  # noqa: E402
import stories_other_illnesses as other  # noqa: E402
from story_charts import Story  # noqa: E402
from story_parts import AS_OF, render  # noqa: E402

STORIES = (
    mantle_cell.mcl_missing_three, mantle_cell.mcl_complete, mantle_cell.mcl_blue_guide, mantle_cell.positive_hbcore,
    mantle_cell.guarded_evidence, mantle_cell.rescue_transplant_planned, mantle_cell.wrong_patient, mantle_cell.prefetch_failed,
    mantle_cell.center_stale, mantle_cell.center_unlisted, mantle_cell.no_car_t, mantle_cell.rems_period, mantle_cell.unknown_payer,
    mantle_cell.out_of_spec, mantle_cell.product_not_told, mantle_cell.two_orders, other.ball_kymriah_child, other.ball_tecartus_teen,
    other.ball_aucatzyl_icd_only, other.lbcl_yescarta_hcpcs, other.prior_kymriah, other.mm_carvykti_text_only, other.mm_abecma_ndc11,
    other.unapproved_anito_cel, other.cll_breyanzi,
)


def story_yaml(told: Story) -> str:
    about = {"name": told.name, "title": told.title, "as_of": AS_OF, "patient": told.request["context"]["patientId"],
             "product": told.product, "payer": told.payer, "expect": told.expect}
    return yaml.safe_dump(about, sort_keys=False, allow_unicode=True, width=1000, default_flow_style=None)


def readme(stories: list[Story]) -> str:
    lines = ["# Stories", "", "Written by `make_stories.py`; every patient is invented. Told on 2026-11-21.", "", "| story | what happens |", "|---|---|"]
    return "\n".join([*lines, *(f"| `{told.name}` | {told.title} |" for told in stories), ""])


def files() -> Iterator[tuple[str, str]]:
    """Every file that this program writes: its path below stories/ and its text."""
    stories = [tell() for tell in STORIES]
    yield "README.md", readme(stories)
    for told in stories:
        yield f"{told.name}/request.json", render(told.request)
        yield f"{told.name}/story.yaml", story_yaml(told)


if __name__ == "__main__":
    for path, text in files():
        target = HERE / "stories" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
