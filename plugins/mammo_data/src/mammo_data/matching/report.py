"""What matching has to tell: sections of the cohort's report, lines for the console, files for programs."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from mammo_data.harmonise import MatchedFilm, Step
from mammo_data.matching.joined import Joined
from mammo_data.matching.search import MatchConfig
from mammo_data.records import Skipped
from mammo_data.table2 import COLUMNS, table_two, to_markdown
from taskfusion.cases import SPLITS

if TYPE_CHECKING:
    import pandas as pd

MOST = 50
"""Lines of one list."""
UNCLEAR = "not in CBIS-DDSM"
FILMS, NUMBERS = "films.csv", "matching.json"
FILM_COLUMNS = (
    "patient", "view", "official_split", "exam", "exam_view", "kept", "score", "margin", "lesions", "copies", "reason"
)  # fmt: skip
METHOD = """\
The DDSM has whole exams, the CBIS-DDSM curated lesions and an official split, and neither names the films of the
other. Each film of the CBIS-DDSM was sought among all films of the DDSM by its pixels (paper II-A.2). Lesions and their
pathology are those of the CBIS-DDSM, "benign without callback" counts as benign; pixels and density are the DDSM's."""
NUMBERS_OF_THE_PAPER = """\
The paper has 2,590 exams after matching and does not say what became of the other 30 of the DDSM's 2,620. Each exam
that is not kept counts once, for its first reason."""
SPLIT = """\
The train and test split of the CBIS-DDSM stays. Exams that have none, the normal ones, fill up the test set; validation
is drawn from training; both with the shares of density, lesion types and pathology kept as they are (paper II-A.3)."""
OFFICIAL = {"train": "CBIS-DDSM: train", "test": "CBIS-DDSM: test", "": "without a split of the CBIS-DDSM"}
NO_PATIENT_TWICE = """\
No patient is in two splits. A patient whom the official tables have in both is in test, with all lesions that the films
show: so no test film is trained on, and finding a lesion is not counted as a mistake."""


def report_text(joined: Joined, seed: int, config: MatchConfig) -> str:
    """Sections of the report, Markdown: each step, what was left out, the split, Table II."""
    parts = [
        "## From two databases to this cohort",
        METHOD,
        _steps(joined.steps),
        NUMBERS_OF_THE_PAPER,
        _sureness(joined.films, config),
        f"Every film and its exam: `survey/{FILMS}`; these numbers for programs: `survey/{NUMBERS}`.",
        *_left_out(joined),
        *_split(joined, seed),
        *_table_two(joined),
    ]
    return "\n\n".join(part.rstrip() for part in parts if part) + "\n"


def console_lines(joined: Joined) -> tuple[str, ...]:
    """Each step, the number first."""
    return tuple(f"{step.count:>9,}  {step.name}" for step in joined.steps)


def report_files(joined: Joined, seed: int, config: MatchConfig) -> dict[str, str]:
    """The same for programs."""
    numbers = {
        "steps": [attrs.asdict(step) for step in joined.steps],
        "left_out": dict(sorted(Counter(one.kind for one in joined.harmonised.excluded).items())),
        "patients_in_both_official_splits": {name: list(exams) for name, exams in joined.torn.items()},
        "exams_in_the_split_of_their_group": {exam.exam.id: exam.split for exam in joined.moved},
        "table_two": json.loads(table_two(joined.summaries).reset_index().to_json(orient="records")),
        "settings": {"seed": seed, **attrs.asdict(config)},
    }
    return {FILMS: _films_csv(joined), NUMBERS: json.dumps(numbers, indent=2) + "\n"}


def _films_csv(joined: Joined) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FILM_COLUMNS)
    kept = joined.splits
    for one in joined.films:
        place = (one.patient, one.view, one.split, one.exam, one.exam_view, "yes" if one.exam in kept else "no")
        sure = (f"{one.score:.3f}", f"{one.margin:.3f}", len(one.lesions), " ".join(one.also), one.reason)
        writer.writerow((*place, *sure))
    return text.getvalue()


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [head, ["---", *(["--:"] * (len(head) - 1))], *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|")


def _steps(steps: Iterable[Step]) -> str:
    return _table(("step", "here", "paper"), [(step.name, step.count, step.paper) for step in steps])


def _sureness(films: Iterable[MatchedFilm], config: MatchConfig) -> str:
    """How far the least sure match was from being none."""
    sure = [film for film in films if film.exam]
    if not sure:
        return "No film found its exam: are these two folders of the same exams?"
    least, closest = min(film.score for film in sure), min(film.margin for film in sure)
    return (
        f"The least like of the matches scores {least:.2f} (accepted from {config.score:.2f}; 1 is the same film); the "
        f"least lead over any other film is {closest:.2f} (accepted from {config.margin:.2f})."
    )


def _left_out(joined: Joined) -> Iterable[str]:
    """Kinds with their counts, then by exam what the paper calls incomplete or contradictory, and whatever is rarer."""
    yield "## Left out by rule"
    excluded = joined.harmonised.excluded
    if not excluded:
        yield "Nothing."
        return
    counts = Counter(one.kind for one in excluded)
    yield _table(("why", "how many"), sorted(counts.items()))
    if UNCLEAR in counts:
        yield _unclear(joined)
    for kind in sorted(set(counts) - {UNCLEAR}):
        yield _listed(kind, [one for one in excluded if one.kind == kind])


def _unclear(joined: Joined) -> str:
    gone = {one.what for one in joined.harmonised.excluded if one.kind == UNCLEAR}
    found = Counter(exam.category for exam in joined.whole.exams if exam.record.id in gone)
    shown = ", ".join(f"{count:,} {name}" for name, count in sorted(found.items()))
    return f"Abnormal exams of which the CBIS-DDSM has no film, so that their lesions' status is unclear: {shown}."


def _listed(kind: str, found: Sequence[Skipped]) -> str:
    lines = _first([f"- {one.what}: {one.reason}" for one in found])
    return "\n".join([f"### {kind.capitalize()} ({len(found):,})", "", *lines])


def _split(joined: Joined, seed: int) -> Iterable[str]:
    yield "## Training, validation, test"
    yield f"{SPLIT} The draws' seed is {seed}."
    yield _table(("exams", *COLUMNS), _fates(joined))
    yield _torn(joined)
    if joined.moved:
        shown = [f"- {exam.exam.id}: {exam.split}" for exam in joined.moved]
        yield "\n".join(["Exams that are where another exam of the same patient is:\n", *_first(shown)])


def _fates(joined: Joined) -> Iterable[tuple[Any, ...]]:
    """Where the exams of each official split are in the end."""
    ends = Counter((exam.split, joined.splits[exam.exam.id]) for exam in joined.exams)
    for official, name in OFFICIAL.items():
        counts = [ends[official, split] for split in SPLITS]
        yield (name, *counts, sum(counts))


def _first(lines: Sequence[str]) -> list[str]:
    more = [f"- and {len(lines) - MOST:,} more"] if len(lines) > MOST else []
    return [*lines[:MOST], *more]


def _torn(joined: Joined) -> str:
    torn = joined.torn
    shown = [f"- {name}: {', '.join(exams)}" for name, exams in torn.items() if exams]
    counts = f"Such patients here: {len(torn):,}, of whom {len(shown):,} have an exam that is kept"
    return "\n".join([f"{NO_PATIENT_TWICE} {counts}{':' if shown else '.'}", *(["", *_first(shown)] if shown else [])])


def _table_two(joined: Joined) -> Iterable[str]:
    table = table_two(joined.summaries)
    yield "## Table II of the paper, counted here"
    yield "Exams; the paper's figure in brackets. An exam with masses and calcifications counts as both."
    yield to_markdown(table)
    changed = _changed(table, table_two(joined.without_training_lesions()))
    if changed:
        yield "\n".join(
            [
                "If of the patients in both official splits only the lesions of the test tables counted, which is how "
                "the paper's figures seem to be made, these cells would differ:\n",
                *changed,
            ]
        )


def _changed(table: pd.DataFrame, other: pd.DataFrame) -> list[str]:
    cells = [
        (row, column) for row in table.index for column in COLUMNS if table.loc[row, column] != other.loc[row, column]
    ]
    return [
        f"- {row[0]} {row[1]}, {column}: {other.loc[row, column]} instead of {table.loc[row, column]}"
        for row, column in cells
    ]
