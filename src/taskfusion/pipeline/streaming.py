"""Outputs on disk become fusion input in bounded memory: a few hundred cases at a time, task by task."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np

from taskfusion.assembly import Assembler, same_cases, side_by_side
from taskfusion.blocks import Block, DiskBlock
from taskfusion.images import Array
from taskfusion.inputs import FusionInput, ScoreTable
from taskfusion.outputs import Level, TaskOutput
from taskfusion.padding import Padding
from taskfusion.store import StoredOutput, in_memory

LEARNED_FROM = 2048  # cases at most that a padding learns a feature vector from, where outputs are on disk
GIB = 1 << 30


def within(memory: float, *splits: Mapping[str, TaskOutput]) -> list[dict[str, TaskOutput]]:
    """The same outputs, in memory where those of all splits are no larger than ``memory`` GiB; else as they are."""
    size = sum(output.nbytes for split in splits for output in split.values() if isinstance(output, StoredOutput))
    if size > memory * GIB:
        return [dict(split) for split in splits]
    return [{name: in_memory(output) for name, output in split.items()} for split in splits]


def assemble(assembler: Assembler, outputs: Mapping[str, TaskOutput]) -> FusionInput:
    """What ``assembler(outputs)`` gives, number by number; the feature blocks of outputs on disk are on disk, too.

    A fuser that wants ragged instances gets them in memory.
    """
    if not any(isinstance(output, StoredOutput) for output in outputs.values()):
        return assembler(outputs)
    if assembler.with_instances:
        return assembler({task: in_memory(output) for task, output in outputs.items()})
    cases, seen = same_cases(outputs), assembler.seen(outputs)
    parts = {task: _alone(assembler, task, output, task in seen) for task, output in outputs.items()}
    features = {task: block for task, (_, block) in parts.items() if block is not None}
    levels = {task: output.spec.level for task, output in outputs.items()}
    return FusionInput(cases, side_by_side([table for table, _ in parts.values()]), features, levels)


def _alone(assembler: Assembler, task: str, output: TaskOutput, features: bool) -> tuple[ScoreTable, Block | None]:
    """One task's columns and block."""
    alone = attrs.evolve(assembler, with_features=features)
    if not isinstance(output, StoredOutput) or output.folder is None:
        found = alone({task: in_memory(output)})
        return found.scores, found.features.get(task)
    table: ScoreTable | None = None
    block: DiskBlock | None = None
    for rows, chunk in output.stream(features=features):
        found = alone({task: chunk})
        if table is None:
            table = _empty_table(found.scores, len(output))
            block = DiskBlock(output.folder, (len(output), *found.features[task].shape[1:])) if features else None
        table.values[rows], table.gaps[rows] = found.scores.values, found.scores.gaps
        if block is not None:
            block.write(rows, np.asarray(found.features[task]))
    assert table is not None  # there is a part, so there are cases
    return table, block


def _empty_table(like: ScoreTable, cases: int) -> ScoreTable:
    shape = (cases, len(like.columns))
    return ScoreTable(like.columns, np.empty(shape, like.values.dtype), np.zeros(shape, bool))


def fit_padding(assembler: Assembler, outputs: Mapping[str, TaskOutput], truth: Array) -> Assembler:
    """What ``assembler.fit(outputs, truth)`` gives.

    Of outputs on disk a feature vector is learned from 2048 cases, evenly taken, and nothing is read for a padding
    that learns nothing.
    """
    if not any(isinstance(output, StoredOutput) for output in outputs.values()):
        return assembler.fit(outputs, truth)
    found = {task: output for task, output in outputs.items() if output.spec.level is Level.DETECTION}
    if type(assembler.padding).fit is Padding.fit:
        return attrs.evolve(assembler, fitted=dict.fromkeys(found, assembler.padding))
    rows = np.arange(len(truth))
    if assembler.with_features and len(truth) > LEARNED_FROM:
        rows = np.linspace(0, len(truth) - 1, LEARNED_FROM).astype(np.int64)
    return assembler.fit(
        {task: in_memory(output.select(rows), assembler.with_features) for task, output in found.items()}, truth[rows]
    )
