"""Outputs too large for memory: fitted and asked from disk, with the very numbers that memory gives."""

from __future__ import annotations

import pickle

import attrs
import numpy as np
import pytest
from toys import VIEWS, CaseToy, DetectionToy, ViewToy, toy_cohort

from taskfusion.assembly import Assembler
from taskfusion.blocks import DiskBlock
from taskfusion.cases import Target
from taskfusion.errors import ContractError, DataError
from taskfusion.fusers.disk_feed import DiskFeed
from taskfusion.fusers.feat import FeatFuser
from taskfusion.fusers.feat_config import FeatConfig
from taskfusion.fusers.score import LogisticFuser, WeightedFuser
from taskfusion.learned_padding import LearnedPadding
from taskfusion.outputs import Detections, Level, TaskOutput, TaskSpec
from taskfusion.padding import BackgroundPadding, ZeroPadding
from taskfusion.pipeline import streaming
from taskfusion.pipeline.fusing import FuserPlan
from taskfusion.pipeline.pipeline import FusionPipeline
from taskfusion.pipeline.streaming import assemble, fit_padding, within
from taskfusion.pipeline.training import Work
from taskfusion.store import OutputStore, StoredOutput

TASKS = {"whole": CaseToy, "view": ViewToy, "found": DetectionToy}
ILL = Target("ill")


@pytest.fixture(scope="module")
def outputs() -> dict[str, TaskOutput]:
    """What the toys say of 60 cases, some of it missing; do not mutate."""
    cases = list(toy_cohort(60).cases)
    cases[3] = attrs.evolve(cases[3], metadata={**cases[3].metadata, "no case": True, "hidden": VIEWS[0]})
    return {name: kind().predict(cases) for name, kind in TASKS.items()}


@pytest.fixture(scope="module")
def on_disk(outputs, tmp_path_factory) -> dict[str, StoredOutput]:
    """The same stored backwards, in parts; do not mutate."""
    store, found = OutputStore(tmp_path_factory.mktemp("outputs")), {}
    for name, output in outputs.items():
        place = store.folder(name, "f")
        for rows in np.array_split(np.arange(len(output))[::-1], 4):
            store.write(place, output.select(rows), [output.cases[row] for row in rows])
        found[name] = store.index(place).output(output.spec, output.cases, output.cases)
    return found


def check_same_inputs(found, expected) -> None:
    assert (found.cases, found.levels, found.scores.columns) == (
        expected.cases,
        expected.levels,
        expected.scores.columns,
    )
    np.testing.assert_array_equal(found.scores.values, expected.scores.values, strict=True)
    np.testing.assert_array_equal(found.scores.gaps, expected.scores.gaps, strict=True)
    assert list(found.features) == list(expected.features)
    for task, block in expected.features.items():
        np.testing.assert_array_equal(np.asarray(found.features[task]), block, strict=True)


@pytest.mark.parametrize("features", [False, True])
def test_fusion_input_is_the_same_from_disk(outputs, on_disk, features):
    assembler = Assembler(ILL, 2, BackgroundPadding(), features, missing={"whole": "neutral", "view": "zero"})
    found = assemble(assembler, on_disk)
    check_same_inputs(found, assembler(outputs))
    assert all(isinstance(block, DiskBlock) for block in found.features.values())
    rows = np.array([5, 3, 3, 59])
    check_same_inputs(found.select(rows).select(np.array([1, 0])), assembler(outputs).select(rows[[1, 0]]))
    mixed = {**outputs, "found": on_disk["found"]}
    check_same_inputs(assemble(assembler, mixed), assembler(outputs))


def test_hiding_from_disk_hides_the_same(outputs, on_disk):
    assembler = Assembler(ILL, 2, BackgroundPadding(), True)
    hidden = {"view": np.arange(60) % 2 == 0}
    check_same_inputs(assemble(assembler, on_disk).hiding(hidden), assembler(outputs).hiding(hidden))


def test_instances_come_into_memory(outputs, on_disk):
    assembler = Assembler(ILL, 2, BackgroundPadding(), with_instances=True)
    found, expected = assemble(assembler, on_disk).instances, assembler(outputs).instances
    for task in expected:
        np.testing.assert_array_equal(found[task].features, expected[task].features)


def test_what_is_refused_in_memory_is_refused_from_disk(outputs, on_disk, tmp_path):
    with pytest.raises(DataError, match=r"task 'whole' is required, and gave no answer"):
        assemble(Assembler(ILL, 2, ZeroPadding(), missing={"whole": "required"}), on_disk)
    with pytest.raises(ContractError, match="answered about different cases"):
        assemble(Assembler(ILL, 2, ZeroPadding()), {**on_disk, "view": on_disk["view"].select(np.arange(5))})
    bare = TaskOutput(TaskSpec(Level.CASE, ("ill",)), ["a"], [True], [[0.5]])
    OutputStore(tmp_path).write(tmp_path, bare, ["a"])
    alone = OutputStore(tmp_path).index(tmp_path).output(bare.spec, ["a"], ["a"])
    with pytest.raises(ContractError, match="none of the tasks bare has features"):
        assemble(Assembler(ILL, 2, ZeroPadding(), True), {"bare": alone})


def test_memory_is_what_decides(on_disk):
    size = sum(output.nbytes for output in on_disk.values()) / streaming.GIB

    def left(memory, *splits):
        return [all(isinstance(output, StoredOutput) for output in each.values()) for each in within(memory, *splits)]

    assert left(size / 2, on_disk) == [True] and left(size * 1.5, on_disk) == [False]
    assert left(size * 1.5, on_disk, on_disk) == [True, True], "splits count together"
    assert left(size * 2.5, on_disk, on_disk) == [False, False]


@pytest.mark.parametrize("features", [False, True])
def test_paddings_learn_the_same_from_disk(outputs, on_disk, features):
    truth = toy_cohort(60).label("ill")
    assembler = Assembler(ILL, 3, LearnedPadding(), features)
    found, expected = (fit_padding(assembler, each, truth).fitted["found"].state() for each in (on_disk, outputs))
    assert found["score"] == expected["score"]
    assert (found["feature"] == expected["feature"]) == features, "a score fuser's padding needs no vector"


def test_paddings_learn_from_some_of_very_many(on_disk, outputs, monkeypatch):
    truth, rows = toy_cohort(60).label("ill"), np.linspace(0, 59, 20).astype(int)
    monkeypatch.setattr(streaming, "LEARNED_FROM", 20)
    assembler = Assembler(ILL, 3, LearnedPadding(), True)
    some = {name: output.select(rows) for name, output in outputs.items()}
    expected = assembler.fit(some, truth[rows]).fitted["found"].state()
    assert fit_padding(assembler, on_disk, truth).fitted["found"].state() == expected


def test_a_padding_that_learns_nothing_reads_nothing(on_disk, monkeypatch):
    monkeypatch.setattr(StoredOutput, "stream", lambda *_, **__: pytest.fail("read"))
    fitted = fit_padding(Assembler(ILL, 3, ZeroPadding(), True), on_disk, np.zeros(60)).fitted
    assert list(fitted) == ["found"] and isinstance(fitted["found"], ZeroPadding)


def pipeline() -> FusionPipeline:
    small = FeatConfig(filters=(3,), dense=4, epochs=3, task_dropout=0.2)
    plans = [
        FuserPlan("feat", FeatFuser(small), LearnedPadding(), detections=(2,)),
        FuserPlan("weighted", WeightedFuser(), ZeroPadding(), calibrate="sigmoid"),
        FuserPlan("logistic", LogisticFuser(), ZeroPadding(), detections=(1, 2)),
    ]
    return FusionPipeline({name: kind() for name, kind in TASKS.items()}, plans, ("ill",))


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """The same pipeline fitted and asked in memory and from disk, on answers out of fold: cohort, results, folders."""
    cohort, found = toy_cohort(120), []
    for memory in (1.0, 0.0):
        work = Work(3, folder=tmp_path_factory.mktemp("work"), cross_fit=2, memory=memory)
        made = pipeline().fit(cohort, work)
        found.append((made, made.predict(cohort.part("test"), work)))
    return cohort, found


@pytest.mark.slow
@pytest.mark.parametrize("fuser", ["feat", "weighted", "logistic"])
def test_a_fit_from_disk_is_a_fit_from_memory(fitted, fuser):
    _, ((memory, in_memory), (disk, from_disk)) = fitted
    assert disk.summary()["fusers"][f"{fuser}/ill"] == memory.summary()["fusers"][f"{fuser}/ill"]
    np.testing.assert_array_equal(from_disk.scores[fuser, "ill"], in_memory.scores[fuser, "ill"])


@pytest.mark.slow
def test_a_result_from_disk_tells_as_much(fitted):
    cohort, ((_, in_memory), (_, from_disk)) = fitted
    assert all(isinstance(output, StoredOutput) for output in from_disk.outputs.values())
    assert not any(isinstance(output, StoredOutput) for output in in_memory.outputs.values())
    assert from_disk[cohort.part("test").ids[2]] == in_memory[cohort.part("test").ids[2]]
    assert from_disk.table.equals(in_memory.table)


def test_a_feature_fuser_reads_batches_from_disk(on_disk, outputs):
    assembler = Assembler(ILL, 2, BackgroundPadding(), True)
    fuser, stored = FeatFuser(FeatConfig()), assemble(assembler, on_disk)
    fuser.learn_scaling(stored)
    feed, expected = fuser.feed(stored), fuser.feed(assembler(outputs))
    assert isinstance(feed, DiskFeed)
    np.testing.assert_array_equal(feed.present, expected.present)
    for one, other in zip(feed.chunks(), expected.chunks(), strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        for task in TASKS:
            np.testing.assert_array_equal(one[1][task], other[1][task], strict=True)


def test_no_file_is_left_of_a_block(tmp_path):
    block = DiskBlock(tmp_path, (4, 2, 3))
    values = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
    values[2] = np.nan
    block.write(np.array([1, 2, 3, 0]), values[[1, 2, 3, 0]])
    assert list(tmp_path.iterdir()) == []
    assert (len(block), block.ndim, block.nbytes) == (4, 3, 96)
    assert block.answered.tolist() == [True, True, False, True]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(block[np.array([3, 0])])), values[[3, 0]])
    np.testing.assert_array_equal(block.read(np.array([3, 0, 3, 1])), values[[3, 0, 3, 1]])
    np.testing.assert_array_equal(np.asarray(block[np.array([3, 2])][np.array([1])], np.float64), values[[2]])


def test_a_detection_task_without_detections_is_streamed_too(tmp_path):
    spec = TaskSpec(Level.DETECTION, ("mass",), VIEWS, 3)
    found = Detections(np.zeros(9), np.zeros((0, 4)), np.zeros(0), np.zeros(0), np.zeros((0, 3)))
    output = TaskOutput(spec, list("abcd"), np.ones((4, 2), bool), detections=found)
    OutputStore(tmp_path).write(tmp_path, output, list("abcd"))
    stored = {"t": OutputStore(tmp_path).index(tmp_path).output(spec, list("abcd"), list("abcd"))}
    assembler = Assembler(ILL, 2, ZeroPadding(), True)
    check_same_inputs(assemble(assembler, stored), assembler({"t": output}))
