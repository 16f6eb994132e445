"""Model cards: what a trained task learned from, how, how good it is and what it is for, as Markdown.

A card is made when a task is trained and travels with it, as ``model_card.md``; a run makes it again with the figures
on its test split. Equal trainings give equal cards: no date, no machine.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from taskfusion.cases import SPLITS, UNKNOWN, Cohort
from taskfusion.configs import structure, unstructure
from taskfusion.pipeline.manifest import MANIFEST, read_manifest
from taskfusion.plugins import installed_versions
from taskfusion.tasks.base import CARD, TaskModel

LIBRARIES = ("taskfusion", "numpy", "scikit-learn", "keras", "tensorflow")
SYNTHETIC = "synthetic"  # a notice with this word is a warning, in red
VALUES = 10  # of a label up to which each is counted
LIMITS = "Nothing is known of other data than those below. Research software: no medical device."


@attrs.frozen(eq=False)
class Learned:
    """What a task was trained on.

    Attributes:
        cohort: with its splits.
        seed: of the training.
        fingerprint: of the cohort; "" where nobody computed it.
    """

    cohort: Cohort
    seed: int
    fingerprint: str = ""


@attrs.frozen(eq=False)
class Judged:
    """How good it is: its own figures, about how many cases of which split."""

    split: str
    cases: int
    metrics: Mapping[str, float]


def model_card(name: str, task: TaskModel, learned: Learned, judged: Judged | None = None) -> str:
    """The card of a trained task, Markdown with a YAML head as model hubs read it.

    Args:
        name: of the task in its pipeline.
        task: trained.
        learned: from what, and with which seed.
        judged: its figures, where there are some.
    """
    notice = learned.cohort.notice
    head = ["---", "library_name: taskfusion", f"tags: [{', '.join(_tags(task, notice))}]", "---"]
    parts = [
        [f"# {_plain(name)}", _first_sentence(task)],
        _notice(notice),
        ["## Intended use", task.about.use or "As an input of fusion, and for research."],
        ["## Limits", f"{task.about.limits} {LIMITS}".strip()],
        ["## What it answers", _table(("", ""), _answers(task))],
        _results(judged),
        ["## Data", *_data(learned)],
        ["## Training", *_training(task, learned.seed)],
        ["## Sources", *(f"- {source}" for source in task.about.sources)] if task.about.sources else [],
    ]
    blocks = ["\n".join(head), *(block for part in parts for block in part)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def saved_cards(folder: Path) -> dict[str, str]:
    """The cards in a saved model, or in that of a run, by task; tasks without one are left out. Loads no model.

    Raises:
        ModelFolderError: no saved model there, or one that was changed.
    """
    inside = folder / "model"
    model = inside if (inside / MANIFEST).is_file() and not (folder / MANIFEST).is_file() else folder
    names = [record["name"] for record in read_manifest(model)["tasks"]]
    paths = {name: model / "tasks" / name / CARD for name in names}
    return {name: path.read_text(encoding="utf-8") for name, path in paths.items() if path.is_file()}


def is_synthetic(notice: str) -> bool:
    """Whether a cohort's notice says that nothing in it is real."""
    return SYNTHETIC in notice.lower()


def _tags(task: TaskModel, notice: str) -> Iterator[str]:
    yield "taskfusion"
    yield f"level-{task.spec.level}"
    if is_synthetic(notice):
        yield SYNTHETIC


def _first_sentence(task: TaskModel) -> str:
    text = inspect.getdoc(type(task)) or ""
    return " ".join(text.split("\n\n")[0].split())


def _notice(notice: str) -> list[str]:
    """A warning in red, as GitHub and our report show it; another notice, a citation say, as it is."""
    if not notice:
        return []
    text = " ".join(notice.split())
    return [f"> [!CAUTION]\n> **{text}**" if is_synthetic(notice) else f"> {text}"]


def _answers(task: TaskModel) -> Iterator[tuple[str, str]]:
    spec = task.spec
    yield "level", str(spec.level)
    yield "classes", ", ".join(spec.classes) or "none"
    yield "views", ", ".join(spec.views) or "none"
    yield "needs", ", ".join(spec.required) or "nothing in particular"
    yield "features", f"{spec.feature_size} numbers" if spec.feature_size else "none"
    yield "class", f"`{type(task).__module__}.{type(task).__qualname__}`, answers of version {task.version}"


def _results(judged: Judged | None) -> list[str]:
    if judged is None or not judged.metrics:
        return []
    rows = [(name, _number(value)) for name, value in judged.metrics.items()]
    return [f"## Results on the {judged.split} split, {judged.cases} cases", _table(("figure", "value"), rows)]


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 2 and value == int(value) else f"{value:.3f}"


def _data(learned: Learned) -> Iterator[str]:
    cohort = learned.cohort
    mark = f", fingerprint `{learned.fingerprint}`" if learned.fingerprint else ""
    yield f"Cohort `{_plain(cohort.name)}`{mark}. It learned from the split `train` and chose on `validation`."
    parts = {split: cohort.part(split) for split in SPLITS if len(cohort.rows(split))}
    rows = [("cases", *(str(len(part)) for part in parts.values()))]
    rows += [("patients", *(str(len(set(part.groups.tolist()))) for part in parts.values()))]
    rows += [(label, *(_counts(part.label(label)) for part in parts.values())) for label in cohort.labels]
    rows += [(f"boxes: {name}", *(_boxes(part, name) for part in parts.values())) for name in _box_classes(cohort)]
    yield _table(("", *parts), rows)


def _counts(values: np.ndarray) -> str:
    """``0: 12, 1: 8, unknown: 1``; of a label of very many values only how many."""
    found, counts = np.unique(values, return_counts=True)
    if len(found) > VALUES:
        return f"{len(found)} values"
    named = zip(found, counts, strict=True)
    return ", ".join(f"{'unknown' if value == UNKNOWN else value}: {count}" for value, count in named)


def _box_classes(cohort: Cohort) -> tuple[str, ...]:
    return cohort.annotations.classes if cohort.annotations is not None else ()


def _boxes(part: Cohort, name: str) -> str:
    assert part.annotations is not None  # it has classes
    return str(int((part.annotations.labels == part.annotations.classes.index(name)).sum()))


def _training(task: TaskModel, seed: int) -> Iterator[str]:
    preset, changed = preset_of(task)
    rows = [("preset", preset), ("seed", str(seed)), *installed_versions((*LIBRARIES, _plugin(task))).items()]
    yield _table(("", ""), rows)
    if changed:
        base = f"preset `{preset}`" if preset in task.presets else "the defaults"
        yield f"Options that differ from {base}:"
        yield _table(("option", "value"), [(name, f"`{_plain(json.dumps(v))}`") for name, v in changed.items()])


def preset_of(task: TaskModel) -> tuple[str, dict[str, Any]]:
    """The preset whose options differ least from the task's (``defaults`` without presets), and what differs."""
    own = _flat(unstructure(task.config))
    named: dict[str, Any] = {
        name: structure(task.Config, options, f"preset {name!r}") for name, options in task.presets.items()
    }
    bases: Mapping[str, Any] = named or {"defaults": task.Config()}
    changes = {
        name: {key: value for key, value in own.items() if base.get(key) != value}
        for name, base in ((name, _flat(unstructure(config))) for name, config in bases.items())
    }
    best = min(changes, key=lambda name: len(changes[name]))
    return best, changes[best]


def _flat(data: Mapping[str, Any], way: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in data.items():
        found |= _flat(value, f"{way}{name}.") if isinstance(value, Mapping) and value else {f"{way}{name}": value}
    return found


def _plugin(task: TaskModel) -> str:
    """The distribution of the task's class, as plugins are named."""
    return type(task).__module__.partition(".")[0].replace("_", "-")


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(_plain(cell) for cell in line)} |" for line in lines)


def _plain(text: str) -> str:
    """Text that no table and no line of Markdown can break at."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")
