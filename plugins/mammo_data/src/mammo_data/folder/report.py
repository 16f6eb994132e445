"""``report.md`` of a cohort folder: how many at each step, in words a person reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mammo_data.folder.summary import Summary


def report_text(title: str, notice: str, versions: Mapping[str, str], summary: Summary, own: str = "") -> str:
    """The page, Markdown; the same for the same folder.

    Args:
        title: of the page.
        notice: of the source.
        versions: of what wrote the folder.
        summary: the counts.
        own: sections of the source's own.
    """
    parts = [
        f"# {title}\n",
        f"{notice}\n" if notice else "",
        "How many there are at each step, and what could not be used (each with its reason in `skipped.csv`).\n",
        own,
        _counts("Exams", "step", summary.steps),
        _skipped(summary),
        _counts("Views", "view", summary.views),
        _counts("Lesions (one per view)", "class", summary.lesions),
        *(_counts(f"Label {name}", "value", counts) for name, counts in summary.labels.items()),
        _splits(summary),
        _table("Versions", ("package", "version"), sorted(versions.items())),
    ]
    return "\n".join(part for part in parts if part)


def _counts(title: str, first: str, counts: Mapping[str, int]) -> str:
    return _table(title, (first, "how many"), [(name, f"{count:,}") for name, count in counts.items()])


def _skipped(summary: Summary) -> str:
    if not summary.skipped:
        return "## Skipped\n\nNothing.\n"
    rows = [(kind, f"{count:,}", summary.examples[kind]) for kind, count in summary.skipped.items()]
    return _table("Skipped", ("kind", "how many", "the first"), rows)


def _splits(summary: Summary) -> str:
    rows = [(name, *(f"{count:,}" for count in counts.values())) for name, counts in summary.splits.items()]
    return _table("Splits", ("split", "exams", "lesion", "malignancy"), rows)


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *(["--:"] * (len(head) - 1))], *rows]
    text = "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)
    return f"## {title}\n\n{text}\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
