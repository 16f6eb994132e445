"""The store: computed once, in parts, by model and case."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
import toys
from toys import CaseToy, DetectionToy, ToyConfig, ViewToy

from taskfusion.cases import View
from taskfusion.errors import DataError, ModelFolderError
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
    answerer = Answerer("toy", task.predict, "f1", task.spec)
    plain = answers(answerer, cohort.cases, None, Progress())
    toys.CALLS.clear()
    assert same(answers(answerer, cohort.cases, store, Progress()), plain)
    assert [n for _, n in toys.CALLS] == [CHUNK, len(cohort) - CHUNK]
    toys.CALLS.clear()
    assert same(answers(answerer, cohort.cases[::-1], store, Progress()), plain.select(np.arange(len(cohort))[::-1]))
    assert not toys.CALLS


def test_only_what_is_missing_is_computed(tmp_path, cohort):
    store, answerer = OutputStore(tmp_path), Answerer("toy", ViewToy().predict, "f1", ViewToy().spec)
    answers(answerer, cohort.cases[:30], store, Progress())
    toys.CALLS.clear()
    answers(answerer, cohort.cases[20:50], store, Progress())
    assert toys.CALLS == [("ViewToy", 20)]
    answers(Answerer("toy", ViewToy().predict, "f2", ViewToy().spec), cohort.cases[:5], store, Progress())
    assert toys.CALLS[-1] == ("ViewToy", 5)


def test_fingerprint_follows_config_and_origin():
    first, second = CaseToy(ToyConfig(size=1)), CaseToy(ToyConfig(size=2))
    assert first.fingerprint() != second.fingerprint()
    assert first.fingerprint(lambda: "a") != first.fingerprint(lambda: "b")


def test_a_part_that_was_not_finished_does_not_count(tmp_path, cohort):
    store, answerer = OutputStore(tmp_path), Answerer("toy", ViewToy().predict, "f1", ViewToy().spec)
    answers(answerer, cohort.cases[:3], store, Progress())
    part = next(tmp_path.rglob("part-*.parquet"))
    part.rename(part.with_name(f".{part.name}.123.part"))
    toys.CALLS.clear()
    answers(answerer, cohort.cases[:3], store, Progress())
    assert toys.CALLS == [("ViewToy", 3)]


def test_a_broken_part_is_named(tmp_path, cohort):
    store, answerer = OutputStore(tmp_path), Answerer("toy", ViewToy().predict, "f1", ViewToy().spec)
    answers(answerer, cohort.cases[:3], store, Progress())
    next(tmp_path.rglob("part-*.parquet")).write_bytes(b"PAR1 nothing")
    with pytest.raises(ModelFolderError, match=r"stored output not readable: .*part-.*parquet.*delete .*f1 to compute"):
        answers(answerer, cohort.cases[:3], store, Progress())


class Picky(ViewToy):
    """Needs the metadata ``age``, and cannot read case c003."""

    @property
    def spec(self):
        return attrs.evolve(super().spec, required=("age",))

    def predict(self, cases):
        if any(case.id == "c003" for case in cases):
            raise DataError("image not readable: c003.png")
        return super().predict(cases)


def picky(unreadable, heard):
    return Answerer("p", Picky().predict, "f", Picky().spec, unreadable, lambda *problem: heard.append(problem))


def aged(cohort, count=6):
    """Cases with an age, but for the second."""
    cases = cohort.cases[:count]
    return [attrs.evolve(c, metadata={**c.metadata, **({} if k == 1 else {"age": 60})}) for k, c in enumerate(cases)]


def test_a_case_without_a_required_input_is_not_asked_about(tmp_path, cohort):
    cases, heard = aged(cohort, 3), []
    toys.CALLS.clear()
    plain = answers(picky("raise", heard), cases, None, Progress())
    assert toys.CALLS == [("Picky", 2)] and plain.present.tolist() == [[True] * 2, [False] * 2, [True] * 2]
    assert plain.cases == ("c000", "c001", "c002") and np.isnan(plain.scores[1]).all() and not heard
    assert same_but_nan(answers(picky("raise", heard), cases, OutputStore(tmp_path), Progress()), plain)
    none = answers(picky("raise", heard), cases[1:2], None, Progress())
    assert not none.present.any()


@pytest.mark.parametrize("stored", [False, True])
def test_an_unreadable_case_is_refused_or_gone_on_without(tmp_path, cohort, stored):
    store, heard = OutputStore(tmp_path) if stored else None, []
    with pytest.raises(DataError, match=r"image not readable: c003.png"):
        answers(picky("raise", heard), aged(cohort), store, Progress())
    output = answers(picky("mask", heard), aged(cohort), store, Progress())
    assert output.present.any(axis=1).tolist() == [True, False, True, False, True, True]
    assert heard == [("c003", "p", "image not readable: c003.png")]
    again = answers(picky("mask", heard), aged(cohort), store, Progress())
    assert same_but_nan(again, output) and len(heard) == 2, "what could not be read is tried again"


def test_a_file_that_is_gone_is_gone_on_without(tmp_path, cohort):
    case = attrs.evolve(cohort.cases[0], views={"L": View("L", tmp_path / "gone.png")}, metadata={"age": 1})
    with pytest.raises(DataError, match=r"image not found: .*gone.png"):
        answers(picky("raise", []), [case], OutputStore(tmp_path / "s"), Progress())

    class Reads(Picky):
        def predict(self, cases):
            return [case.views["L"].read() for case in cases]

    heard = []
    ask = Answerer("p", Reads().predict, "f", Picky().spec, "mask", lambda *problem: heard.append(problem))
    assert not answers(ask, [case], OutputStore(tmp_path / "s"), Progress()).present.any()
    assert len(heard) == 1 and "gone.png" in heard[0][2]


def same_but_nan(first, second) -> bool:
    return first.cases == second.cases and np.array_equal(first.scores, second.scores, equal_nan=True)
