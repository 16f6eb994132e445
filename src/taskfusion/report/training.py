"""What a task's summary holds, told apart: histories of its training, one list per figure, and plain figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

Figures = dict[str, list[float]]
WORDS = 60  # characters up to which a text is a figure


def histories(summary: Mapping[str, Any]) -> dict[str, Figures]:
    """Per stage of the training its figures, an entry per epoch: ``{"view": {"loss": […], "val_auc": […]}}``.

    A stage is any mapping, however deep, that holds lists of numbers; its name is the way to it (``view``,
    ``head/second``, ``""`` for the summary itself). Of lists that differ in length those of the commonest length are
    epochs; the others are none.
    """
    return {"/".join(way): figures for way, stage in _stages(summary, ()) if (figures := _epochs(stage))}


def plain_figures(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Single numbers and short texts of a summary, by the way to them: ``{"exams/train": 300}``; no lists."""
    found = {}
    for way, stage in _stages(summary, ()):
        epochs = _epochs(stage)
        for name, value in stage.items():
            key = "/".join((*way, str(name)))
            if _is_list(value) and name not in epochs and len(value) == 1:  # said once, as of a spoiled epoch
                found[key] = value[0]
            elif _is_number(value) or (isinstance(value, str) and len(value) <= WORDS):
                found[key] = value
    return found


def _stages(data: Mapping[str, Any], way: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    yield way, data
    for name, value in data.items():
        if isinstance(value, Mapping):
            yield from _stages(value, (*way, str(name)))


def _epochs(stage: Mapping[str, Any]) -> Figures:
    lists = {str(name): [float(v) for v in value] for name, value in stage.items() if _is_list(value)}
    counts = Counter(len(values) for values in lists.values())
    if not counts:
        return {}
    length = max(counts, key=lambda size: (counts[size], size))
    return {name: values for name, values in lists.items() if len(values) == length}


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) > 0 and all(map(_is_number, value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
