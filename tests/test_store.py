"""The store: computed once, in parts, by model and case."""

from __future__ import annotations

import numpy as np
import pytest
import toys
from toys import CaseToy, DetectionToy, ToyConfig, ViewToy

from taskfusion.errors import ModelFolderError
from taskfusion.progress import Progress
from taskfusion.store import CHUNK, Answerer, OutputStore, answers


def same(first, second) -> bool:
    arrays = ("present", "scores", "features")
    ragged = ("offsets", "boxes", "labels", "scores", "features", "background")
    equal = all(np.array_equal(getattr(first, a), getattr(second, a)) for a in arrays if getattr(first, a) is not None)
    if first.detections is not None:
        equal &= all(np.array_equal(getattr(first.detections, a), getattr(second.detections, a)) for a in ragged)
    return equal and first.cases == second.cases and first.spec == second.spec


@pytest.mark.parametrize("kind", [CaseToy, ViewToy, DetectionToy])
def test_from_the_store_as_computed_and_only_once(tmp_path, cohort, kind):
    task, store = kind(), OutputStore(tmp_path)
    answerer = Answerer("toy", task.predict, "f1")
    plain = answers(answerer, cohort.cases, None, Progress())
    toys.CALLS.clear()
    assert same(answers(answerer, cohort.cases, store, Progress()), plain)
    assert [n for _, n in toys.CALLS] == [CHUNK, len(cohort) - CHUNK]
    toys.CALLS.clear()
    assert same(answers(answerer, cohort.cases[::-1], store, Progress()), plain.select(np.arange(len(cohort))[::-1]))
    assert not toys.CALLS


def test_only_what_is_missing_is_computed(tmp_path, cohort):
    store, answerer = OutputStore(tmp_path), Answerer("toy", ViewToy().predict, "f1")
    answers(answerer, cohort.cases[:30], store, Progress())
    toys.CALLS.clear()
    answers(answerer, cohort.cases[20:50], store, Progress())
    assert toys.CALLS == [("ViewToy", 20)]
    answers(Answerer("toy", ViewToy().predict, "f2"), cohort.cases[:5], store, Progress())
    assert toys.CALLS[-1] == ("ViewToy", 5)


def test_fingerprint_follows_config_and_origin():
    first, second = CaseToy(ToyConfig(size=1)), CaseToy(ToyConfig(size=2))
    assert first.fingerprint() != second.fingerprint()
    assert first.fingerprint(lambda: "a") != first.fingerprint(lambda: "b")


def test_a_part_without_its_json_does_not_count(tmp_path, cohort):
    store, answerer = OutputStore(tmp_path), Answerer("toy", ViewToy().predict, "f1")
    answers(answerer, cohort.cases[:3], store, Progress())
    next(tmp_path.rglob("*.json")).unlink()
    toys.CALLS.clear()
    answers(answerer, cohort.cases[:3], store, Progress())
    assert toys.CALLS == [("ViewToy", 3)]


def test_a_broken_part_is_named(tmp_path, cohort):
    store, answerer = OutputStore(tmp_path), Answerer("toy", ViewToy().predict, "f1")
    answers(answerer, cohort.cases[:3], store, Progress())
    next(tmp_path.rglob("*.npz")).write_bytes(b"PK nothing")
    with pytest.raises(ModelFolderError, match=r"stored output not readable: .*part-00000.npz"):
        answers(answerer, cohort.cases[:3], store, Progress())
