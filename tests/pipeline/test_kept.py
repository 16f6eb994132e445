"""Fits in the run folder: found again to the bit, made again where anything about them differs, never a crash."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import CaseToy, DetectionToy, ToyConfig, ViewToy

from taskfusion.errors import DataError
from taskfusion.files import read_json
from taskfusion.fusers.base import FuseContext
from taskfusion.fusers.score import MlpFuser, SvmConfig, SvmFuser
from taskfusion.fusers.wrapped import SklearnFuser
from taskfusion.learned_padding import LearnedPadding
from taskfusion.padding import ZeroPadding
from taskfusion.pipeline.digests import code_of, digest
from taskfusion.pipeline.fusing import FuserPlan, Material
from taskfusion.pipeline.kept import Keeper, fit_key
from taskfusion.pipeline.manifest import FORMAT
from taskfusion.pipeline.pipeline import FusionPipeline
from taskfusion.pipeline.training import Work
from taskfusion.progress import Progress
from taskfusion.tasks.base import FitContext

FITS: list[str] = []  # which fuser was fitted; tests clear it


class CountedSvm(SvmFuser):
    """Says that it is fitted."""

    def fit(self, train, validation, context):
        FITS.append("svm")
        return super().fit(train, validation, context)


class Killed(SvmFuser):
    """The process ends while it is fitted."""

    def fit(self, train, validation, context):
        raise KeyboardInterrupt


class Heard(Progress):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, message: str) -> None:
        self.said.append(message)


def plan(**changes) -> FuserPlan:
    values = {"name": "P", "fuser": CountedSvm(SvmConfig(C=(1.0,))), "padding": ZeroPadding(), "detections": (1, 2)}
    return FuserPlan(**(values | changes))


def tasks(noise: float = 1.0) -> dict:
    return {"density": CaseToy(ToyConfig(noise)), "view": ViewToy(), "loc": DetectionToy()}


def fitted(cohort, work: Work, *plans: FuserPlan, noise: float = 1.0) -> FusionPipeline:
    FITS.clear()
    return FusionPipeline(tasks(noise), plans or [plan()]).fit(cohort, work)


@pytest.fixture
def work(tmp_path):
    return Work(folder=tmp_path, progress=Heard())


def test_a_fit_is_found_again_with_all_that_is_known_of_it(cohort, work):
    kind = plan(padding=LearnedPadding(), calibrate="sigmoid")
    first = fitted(cohort, work, kind)
    assert len(FITS) == 4
    again = fitted(cohort, work, kind)
    assert not FITS and not work.progress.said
    before, after = first.predict(cohort), again.predict(cohort)
    for key, fit in first.fitted.items():
        found = again.fitted[key]
        assert np.array_equal(before.scores[key], after.scores[key])
        assert (found.tried, found.seconds, found.calibration) == (fit.tried, fit.seconds, fit.calibration)
        assert fit.seconds > 0 and fit.tried and fit.calibration is not None
        assert np.array_equal(first.held_out[key].score, again.held_out[key].score)
    assert again.summary()["fusers"] == first.summary()["fusers"]


def test_neither_name_nor_calibration_is_fitted_again(cohort, work):
    fitted(cohort, work)
    again = fitted(cohort, work, plan(name="Q", calibrate="isotonic"))
    assert not FITS and again.fitted["Q", "ill"].plan.name == "Q"
    assert again.fitted["Q", "ill"].calibration.kind == "isotonic"


@pytest.mark.parametrize(
    "change",
    [
        {"fuser": CountedSvm(SvmConfig(C=(2.0,)))},
        {"padding": LearnedPadding()},
        {"tasks": ("density", "loc")},
        {"detections": (1,)},
        {"missing": {"density": "neutral"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_plan_is_another_fit(cohort, work, change):
    fitted(cohort, work)
    fitted(cohort, work, plan(**change))
    assert FITS


def test_another_seed_truth_split_or_output_is_another_fit(cohort, work):
    fitted(cohort, work)
    fitted(cohort, attrs.evolve(work, seed=1))
    assert len(FITS) == 4
    labels = {**cohort.labels, "ill": np.where(np.arange(len(cohort)) == 0, -1, cohort.label("ill"))}
    fitted(attrs.evolve(cohort, labels=labels), work)
    assert len(FITS) == 2  # the other target is as it was
    split = np.where(np.arange(len(cohort)) == 0, "test", cohort.split)
    fitted(cohort.with_split(split), work)
    assert len(FITS) == 4
    fitted(cohort, work, noise=0.5)
    assert len(FITS) == 4
    fitted(cohort, work)
    assert not FITS  # the first is still there


@pytest.mark.parametrize("harm", ["cut", "gone", "other version", "no manifest"])
def test_a_damaged_entry_is_fitted_again_and_said(cohort, work, harm):
    first = fitted(cohort, work)
    for entry in (work.folder / "fits").iterdir():
        state = next(entry.rglob("state.json"))
        manifest = entry / "manifest.json"
        if harm == "cut":
            state.write_bytes(state.read_bytes()[:-9])
        elif harm == "gone":
            state.unlink()
        elif harm == "other version":
            manifest.write_text(manifest.read_text().replace(f'"format": {FORMAT}', '"format": 1'))
        else:
            manifest.unlink()
    again = fitted(cohort, work)
    assert len(FITS) == 4
    assert len(work.progress.said) == 2
    assert all("fuser 'P': what was kept of an earlier run is of no use" in line for line in work.progress.said)
    key = "P", "ill"
    assert np.array_equal(first.predict(cohort).scores[key], again.predict(cohort).scores[key])
    fitted(cohort, work)
    assert not FITS  # the new one took its place


def test_a_killed_run_goes_on_with_the_fuser_it_was_at(cohort, work):
    with pytest.raises(KeyboardInterrupt):
        fitted(cohort, work, plan(), plan(name="Q", fuser=Killed(SvmConfig(C=(1.0,)))))
    assert FITS
    fitted(cohort, work, plan(), plan(name="Q", fuser=CountedSvm(SvmConfig(C=(3.0,)))))
    assert len(FITS) == 4  # Q alone


def test_answers_out_of_fold_are_kept_too(cohort, work):
    unsplit = cohort.with_split(None)
    kind = plan(detections=(1,), calibrate="sigmoid")
    first = fitted(unsplit, attrs.evolve(work, inner_folds=3), kind)
    assert len(FITS) == 2 + 2 * 3
    again = fitted(unsplit, attrs.evolve(work, inner_folds=3), kind)
    assert not FITS
    for key, held in first.held_out.items():
        assert np.array_equal(held.score, again.held_out[key].score) and held.where == again.held_out[key].where
        assert first.fitted[key].calibration == again.fitted[key].calibration
    fitted(unsplit, attrs.evolve(work, inner_folds=4), kind)
    assert len(FITS) == 2 * 4  # other parts of the same training cases


@pytest.mark.slow
def test_a_joint_fit_is_found_for_every_target(cohort, work):
    from networks import TINY

    from taskfusion.fusers.feat import FeatFuser
    from taskfusion.fusers.feat_config import FeatConfig

    config = FeatConfig(epochs=2, filters=(4, 4, 4), kernel=3, **TINY)
    kind = plan(fuser=FeatFuser(config), detections=(1,), joint=True)
    first = fitted(cohort, work, kind).predict(cohort)
    entries = {path.name: path.stat().st_mtime_ns for path in (work.folder / "fits").iterdir()}
    again = fitted(cohort, work, kind)
    assert len(entries) == 1
    assert entries == {path.name: path.stat().st_mtime_ns for path in (work.folder / "fits").iterdir()}
    assert {key: fit.column for key, fit in again.fitted.items()} == {("P", "ill"): 0, ("P", "bad"): 1}
    assert all(np.array_equal(first.scores[key], score) for key, score in again.predict(cohort).scores.items())


def test_what_a_configuration_does_not_tell_is_never_taken_for_another(cohort, work):
    from sklearn.linear_model import LogisticRegression

    class Odd(LogisticRegression):
        """Holds what no configuration tells."""

        def __init__(self, helper=None):
            super().__init__()
            self.helper = helper

    fuser = SklearnFuser.of(Odd(helper=object()))
    assert fuser.config.untold
    fitted(cohort, work, plan(fuser=fuser))
    assert not (work.folder / "fits").exists()


def test_a_fuser_that_cannot_be_saved_is_said_and_answers_all_the_same(cohort, work):
    class Unsaved(SvmFuser):
        def save_state(self, folder):
            raise DataError("not this one")

    made = fitted(cohort, work, plan(fuser=Unsaved(SvmConfig(C=(1.0,)))))
    assert np.isfinite(made.predict(cohort).scores["P", "ill"]).all()
    assert "fuser 'P': not kept for another run: not this one" in work.progress.said
    assert not list((work.folder / "fits").iterdir())


def test_without_a_folder_nothing_is_kept(cohort):
    fitted(cohort, Work())
    fitted(cohort, Work())
    assert len(FITS) == 4


def test_an_entry_is_a_folder_of_data_with_its_manifest(cohort, work):
    fitted(cohort, work)
    for entry in (work.folder / "fits").iterdir():
        record = read_json(entry / "manifest.json")
        assert record["name"] == "P" and set(record["files"]) > {f"{record['fit']['place']}/estimator.skops"}


# What a key depends on, without fitting.


@pytest.fixture(scope="module")
def material(cohort):
    """Outputs of three toys; do not mutate."""
    made = {name: toy.fit(cohort, FitContext()) for name, toy in tasks().items()}
    parts = [{n: toy.predict(cohort.part(s).cases) for n, toy in made.items()} for s in ("train", "validation")]
    return Material(cohort, *parts)


def test_a_key_is_the_same_for_equal_material(material, cohort):
    twin = Material(cohort, *({n: o.select(np.arange(len(o))) for n, o in m.items()} for m in _both(material)))
    assert _key(material) == _key(twin) is not None


@given(st.sampled_from(["density", "view", "loc"]), st.integers(0, 3), st.data())
def test_a_digest_sees_every_number(material, task, case, data):
    output = material.train[task]
    changed = output.detections.scores.copy() if task == "loc" else output.scores.copy()
    place = data.draw(st.integers(0, changed.size - 1))
    changed.flat[place] = np.nextafter(changed.flat[place], np.float32(2))
    found = attrs.evolve(output.detections, scores=changed) if task == "loc" else None
    other = attrs.evolve(output, detections=found) if task == "loc" else attrs.evolve(output, scores=changed)
    assert digest(other) != digest(output) == digest(output.select(np.arange(len(output))))
    assert digest(output.select(np.roll(np.arange(len(output)), case + 1))) != digest(output)


def test_a_class_whose_code_changed_is_another(tmp_path, monkeypatch):
    import importlib
    import sys

    from taskfusion.pipeline import digests

    monkeypatch.syspath_prepend(str(tmp_path))
    path, keys = tmp_path / "own_fuser.py", []
    for text in ("value = 1", "value = 1", "value = 2"):
        path.write_text(f"class Own:\n    {text}\n")
        importlib.invalidate_caches()
        digests._code_of.cache_clear()  # as in another process
        keys.append(code_of(importlib.import_module("own_fuser").Own))
        del sys.modules["own_fuser"]
    assert keys[0] == keys[1] != keys[2] and keys[0] is not None


def test_a_class_without_a_file_has_no_code_to_compare():
    assert code_of(type("Here", (), {"__module__": "no.such.module"})) is None


def test_the_keeper_says_nothing_of_what_was_never_kept(tmp_path):
    heard = Heard()
    assert np.array_equal(Keeper(tmp_path, heard).scores("k", "P", lambda: np.arange(3.0)), np.arange(3.0))
    assert np.array_equal(Keeper(tmp_path, heard).scores("k", "P", lambda: np.zeros(1)), np.arange(3.0))
    assert not heard.said


def _both(material):
    return material.train, material.validation


def _key(material):
    return fit_key(plan(), [material.cohort.target("ill")], material, FuseContext())


def test_an_mlp_is_found_to_the_bit(cohort, work):
    kind = plan(fuser=MlpFuser(), detections=(1,))
    first = fitted(cohort, work, kind).predict(cohort)
    again = fitted(cohort, work, kind).predict(cohort)
    assert all(np.array_equal(first.scores[key], again.scores[key]) for key in first.scores)
