"""Parts of the store: any output comes back as it went in, however asked for; a kill loses one part at most."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import ViewToy, toy_cohort

from taskfusion.errors import ModelFolderError
from taskfusion.outputs import Detections, Level, TaskOutput, TaskSpec
from taskfusion.progress import Progress
from taskfusion.store import (
    Answerer,
    OutputStore,
    StoredOutput,
    answers,
    asking,
    folder,
    in_memory,
    joined,
    parts,
    stored,
)

FIXED = ("present", "scores", "features")
RAGGED = ("offsets", "boxes", "labels", "scores", "features", "background")


def check_same(found: TaskOutput, expected: TaskOutput) -> None:
    pairs = [(getattr(found, name), getattr(expected, name)) for name in FIXED]
    if expected.detections is not None:
        pairs += [(getattr(found.detections, name), getattr(expected.detections, name)) for name in RAGGED]
    for one, other in pairs:
        assert (one is None) == (other is None)
        np.testing.assert_array_equal(one, other, strict=one is not None)
    assert found.cases == expected.cases and found.spec == expected.spec


@st.composite
def specs(draw) -> TaskSpec:
    level = draw(st.sampled_from(list(Level)))
    views = () if level is Level.CASE else ("L", "R", "M")[: draw(st.integers(1, 3))]
    size = draw(st.sampled_from([0, 2, 6]))
    least = 0 if size and level is not Level.DETECTION else 1
    classes = ("mass", "none", "ünïcode")[: draw(st.integers(least, 3))]
    background = bool(size) and level is Level.DETECTION and draw(st.booleans())
    return TaskSpec(level, classes, views, size, 2 if size and level is Level.CASE else 1, background)


def made(spec: TaskSpec, cases: int, seed: int) -> TaskOutput:
    """Random answers, some absent, a random number of detections per view."""
    rng = np.random.default_rng(seed)
    ids = [f"case {seed}/{k}" for k in range(cases)]
    cells = (cases,) if spec.level is Level.CASE else (cases, len(spec.views))
    present = rng.random(cells) < 0.8
    if spec.level is not Level.DETECTION:
        blocks = [rng.random((*cells, width)).astype(np.float32) for width in (len(spec.classes), spec.feature_size)]
        for block in blocks:
            block[~present] = np.nan
        return TaskOutput(spec, ids, present, blocks[0], blocks[1] if spec.feature_size else None)
    counts = rng.integers(0, 4, cells) * present
    total = int(counts.sum())
    corner = rng.random((total, 2))
    found = Detections(
        np.concatenate([[0], np.cumsum(counts)]),
        np.concatenate([corner, corner + 1], axis=1),
        rng.integers(0, len(spec.classes), total),
        rng.random(total),
        rng.normal(size=(total, spec.feature_size)) if spec.feature_size else None,
        rng.normal(size=(*cells, spec.feature_size)) if spec.background else None,
    )
    return TaskOutput(spec, ids, present, detections=found)


def keys_of(output: TaskOutput) -> list[str]:
    return [f"key of {case}" for case in output.cases]


@given(spec=specs(), sizes=st.lists(st.integers(1, 7), min_size=1, max_size=3), seed=st.integers(0, 99), data=st.data())
@settings(settings.get_profile("heavy"))  # every example writes files
def test_any_output_comes_back_in_any_order(spec, sizes, seed, data):
    outputs = [made(spec, size, seed + k) for k, size in enumerate(sizes)]
    whole = TaskOutput.concatenate(outputs)
    with tempfile.TemporaryDirectory() as root, pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "GROUP_BYTES", data.draw(st.sampled_from([1, 300, 4 << 20])))
        store, place = OutputStore(Path(root)), Path(root) / "task"
        for output in outputs:
            store.write(place, output, keys_of(output))
        asked = data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=12))
        expected = whole.select(np.array(asked))
        lazy = store.index(place).output(spec, keys_of(expected), expected.cases)
        check_same(lazy.load(), expected)
        check_same(store.index(place).output(spec, keys_of(expected), expected.cases).load(), expected)
        check_streams(lazy, expected, data.draw(st.integers(1, 5)))
        rows = data.draw(st.lists(st.integers(0, len(asked) - 1), max_size=5))
        check_same(lazy.select(np.array(rows, int)).load(), expected.select(np.array(rows, int)))


def check_streams(lazy: StoredOutput, expected: TaskOutput, chunk: int) -> None:
    """Chunks no longer than asked for, together every row once, features only where wanted."""
    seen = []
    for rows, output in lazy.stream(chunk):
        assert 0 < len(rows) <= chunk
        check_same(output, expected.select(rows))
        seen += rows.tolist()
    assert sorted(seen) == list(range(len(expected)))
    for rows, output in lazy.stream(chunk, features=False):
        np.testing.assert_array_equal(output.present, expected.present[rows])
        assert output.features is None and output.cases == expected.select(rows).cases
        assert output.detections is None or (output.detections.features, output.detections.background) == (None, None)


@pytest.fixture
def view_output() -> TaskOutput:
    return made(TaskSpec(Level.VIEW, ("ill",), ("L", "R"), 4), 9, 1)


def test_what_is_on_disk_is_an_output_like_any_other(tmp_path, view_output):
    store = OutputStore(tmp_path)
    store.write(tmp_path / "t", view_output, keys_of(view_output))
    lazy = store.index(tmp_path / "t").output(view_output.spec, keys_of(view_output), view_output.cases)
    assert isinstance(lazy, TaskOutput) and len(lazy) == 9 and lazy.folder == tmp_path / "t"
    check_same(lazy, view_output)
    assert lazy.detections is None and lazy.present is lazy.present, "read once"
    assert repr(lazy).endswith("9 cases in 1 parts)")
    assert in_memory(view_output) is view_output
    again = pickle.loads(pickle.dumps(lazy))
    assert isinstance(again, StoredOutput) and len(pickle.dumps(lazy)) < 2000
    check_same(again, view_output)
    turned = lazy.select(np.arange(9)[::-1])
    assert lazy.digest() == turned.select(np.arange(9)[::-1]).digest() != turned.digest()
    exact = view_output.scores.nbytes + view_output.features.nbytes
    assert exact < lazy.nbytes < 10 * exact, "small parts take more than their numbers"


def test_parts_of_several_models_are_joined_on_disk(tmp_path, view_output):
    store, halves = OutputStore(tmp_path), [view_output.select(np.arange(4)), view_output.select(np.arange(4, 9))]
    lazy = []
    for name, half in zip("ab", halves, strict=True):
        store.write(tmp_path / name, half, keys_of(half))
        lazy.append(
            store.index(tmp_path / name).output(half.spec, [*keys_of(half)[::-1], "gone"], [*half.cases[::-1], "x"])
        )
    both = joined(lazy)
    assert isinstance(both, StoredOutput)
    check_same(both.load(), TaskOutput.concatenate([in_memory(each) for each in lazy]))
    assert not both.present[[4, 10]].any() and not isinstance(joined([lazy[0], halves[1]]), StoredOutput)


def test_nothing_stored_is_an_absent_output(tmp_path, view_output):
    lazy = OutputStore(tmp_path).index(tmp_path / "none").output(view_output.spec, ["k"], ["c"])
    assert lazy.folder is None and lazy.nbytes == 0 and not lazy.load().present.any()
    assert len(lazy.select(np.arange(0)).load()) == 0


def test_the_list_of_keys_is_written_when_parts_are_many_and_may_be_lost(tmp_path, view_output, monkeypatch):
    monkeypatch.setattr(folder, "UNLISTED", 3)
    store, place = OutputStore(tmp_path), tmp_path / "t"
    keys = keys_of(view_output)
    for row in range(9):
        store.write(place, view_output.select(np.array([row])), keys[row : row + 1])
        assert (store.index(place).locate(keys) >= 0).tolist() == [k <= row for k in range(9)]
    listed = place / folder.INDEX
    assert listed.is_file() and len(parts.Keys.read(listed).names) == 8
    check_same(store.index(place).output(view_output.spec, keys, view_output.cases).load(), view_output)
    listed.write_bytes(b"nonsense")
    assert len(store.index(place)) == 9
    next(iter(sorted(place.glob("part-*")))).unlink()
    assert (store.index(place).locate(keys) < 0).tolist() == [True] + [False] * 8


def test_parts_of_the_former_kind_are_nobodys_business(tmp_path, view_output):
    (tmp_path / "part-00000.npz").write_bytes(b"PK")
    (tmp_path / "part-00000.json").write_text("{}")
    store = OutputStore(tmp_path)
    assert len(store.index(tmp_path)) == 0
    store.write(tmp_path, view_output, keys_of(view_output))
    check_same(
        store.index(tmp_path).output(view_output.spec, keys_of(view_output), view_output.cases).load(), view_output
    )


def test_a_file_that_is_no_part_of_ours_is_named(tmp_path, view_output):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"key": ["a"]}), tmp_path / "part-1.parquet")
    with pytest.raises(ModelFolderError, match=r"stored output not readable: .*part-1.parquet"):
        OutputStore(tmp_path).index(tmp_path)


def answerer(predict=None) -> Answerer:
    return Answerer("toy", predict or ViewToy().predict, "f", ViewToy().spec)


def test_answers_are_gathered_into_few_parts(tmp_path, monkeypatch):
    cases = toy_cohort(100).cases
    monkeypatch.setattr(asking, "CHUNK", 10)
    monkeypatch.setattr(asking, "PART_CASES", 40)
    stored(answerer(), cases, OutputStore(tmp_path), Progress())
    assert len(list(tmp_path.rglob("part-*"))) == 3


def test_slow_answers_do_not_wait_for_others(tmp_path, monkeypatch):
    monkeypatch.setattr(asking, "CHUNK", 10)
    monkeypatch.setattr(asking, "PART_SECONDS", 0.0)
    stored(answerer(), toy_cohort(100).cases, OutputStore(tmp_path), Progress())
    assert len(list(tmp_path.rglob("part-*"))) == 10


def test_an_error_loses_nothing_of_what_was_answered(tmp_path, monkeypatch):
    cases, seen = toy_cohort(60).cases, []
    monkeypatch.setattr(asking, "CHUNK", 10)

    def fails_late(asked):
        if len(seen) == 3:
            raise RuntimeError("out of memory")
        seen.append(len(asked))
        return ViewToy().predict(asked)

    with pytest.raises(RuntimeError, match="out of memory"):
        stored(answerer(fails_late), cases, OutputStore(tmp_path), Progress())
    assert len(OutputStore(tmp_path).index(tmp_path / "toy" / "f")) == 30


KILLED = """
import os, signal, sys
sys.path[:0] = {path!r}
from pathlib import Path
from toys import ViewToy, toy_cohort
from taskfusion.progress import Progress
from taskfusion.store import Answerer, OutputStore, asking, stored
import pyarrow.parquet as pq

asking.CHUNK, asking.PART_CASES = 10, 20
write, count = pq.write_table, []

def dies_in_the_third(table, where, **how):
    write(table, where, **how)
    count.append(where)
    if len(count) == 3:
        with open(where, "r+b") as file:
            file.truncate(os.path.getsize(where) // 2)
        os.kill(os.getpid(), signal.SIGKILL)

pq.write_table = dies_in_the_third
task = Answerer("toy", ViewToy().predict, "f", ViewToy().spec)
stored(task, toy_cohort(100).cases, OutputStore(Path({root!r})), Progress())
"""


def test_a_kill_in_the_midst_of_a_part_loses_that_part_alone(tmp_path):
    code = KILLED.format(path=sys.path, root=str(tmp_path))
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    store, cases = OutputStore(tmp_path), toy_cohort(100).cases
    assert len(store.index(tmp_path / "toy" / "f")) == 40
    check_same(answers(answerer(), cases, store, Progress()), attrs.evolve(ViewToy().predict(cases)))
    assert len(store.index(tmp_path / "toy" / "f")) == 100
