"""A finding as a tree in plain text, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from cdshooks.engine.model import Determination, Explanation, Finding


def explain(determination: Determination) -> str:
    """Every finding of a determination as a tree."""
    return "\n\n".join(explain_finding(finding) for finding in determination.findings)


def explain_finding(finding: Finding) -> str:
    """One finding: heading, tree of sentences, notes, and what would settle it."""
    lines = [f"{finding.criterion}  [{', '.join(finding.cite)}]  {finding.outcome.value.upper()}"]
    if finding.explanation is not None:
        lines += _tree(finding.explanation, 1)
    lines += [f"  note: {note}" for note in finding.notes]
    if finding.to_review:
        lines.append(f"  to review in the chart: {finding.to_review}")
    if finding.counts_until:
        lines.append(f"  counts until: {finding.counts_until}")
    if finding.outcome.value in ("missing", "stale", "could-not-check", "attest"):
        lines.append(f"  ask: {finding.whole_ask}")
    return "\n".join(lines)


def _tree(node: Explanation, depth: int) -> Iterator[str]:
    mark = {True: "yes", False: "no", None: node.gap.value if node.gap else "unknown"}[node.truth]
    indent = "  " * depth
    if node.children:
        yield f"{indent}{node.sentence} ({mark})"
        for child in node.children:
            yield from _tree(child, depth + 1)
        return
    found = f" … {node.found}" if node.found and node.found != node.sentence else ""
    yield f"{indent}{node.sentence}{found} ({mark})"
