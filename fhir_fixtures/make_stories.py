"""Write every story under stories/: a complete CDS Hooks request and what is expected of its answer.

Run `python fhir_fixtures/make_stories.py`; the same files come out every time, byte for byte (a test runs it).
All patients are invented. Every story is told on 2026-11-21 about an infusion planned for 2026-12-01. The name
of a story is the name of the function that tells it, its title the first words of that function.
"""

from pathlib import Path

import stories_epic
import stories_mantle_cell
import stories_other_hooks
import stories_other_illnesses
import stories_payers
import yaml
from story_parts import AS_OF
from story_request import render

HERE = Path(__file__).parent
TELLERS = (
    *stories_mantle_cell.STORIES,
    *stories_other_illnesses.STORIES,
    *stories_other_hooks.STORIES,
    *stories_epic.STORIES,
    *stories_payers.STORIES,
)
README = """# Stories

Written by `make_stories.py`; every patient is invented. Told on 2026-11-21.

| story | what happens |
|---|---|
"""


def story_yaml(name, title, story):
    """Write down what a story is about and what is expected."""
    patient = story.request["context"]["patientId"]
    head = {"name": name, "title": title, "as_of": AS_OF, "patient": patient}
    told = head | {"product": story.product, "payer": story.payer, "expect": story.expect}
    return yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=1000, default_flow_style=None)


def files():
    """Yield every file that this program writes: its path below stories/ and its text."""
    readme = README
    for tell in TELLERS:
        name, title, story = tell.__name__.replace("_", "-"), tell.__doc__, tell()
        yield f"{name}/request.json", render(story.request)
        yield f"{name}/story.yaml", story_yaml(name, title, story)
        readme += f"| `{name}` | {title} |\n"
    yield "README.md", readme


if __name__ == "__main__":
    for path, text in files():
        target = HERE / "stories" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
