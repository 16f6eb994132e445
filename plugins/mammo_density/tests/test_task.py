from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mammo_data.synthetic import VIEWS
from mammo_density.config import DensityConfig, PatientRecipe, ViewRecipe
from mammo_density.task import Density
from taskfusion.cases import Case, Cohort, View
from taskfusion.configs import structure, unstructure
from taskfusion.errors import DataError, NotFittedError, SpecError
from taskfusion.inference.choosing import FASTEST, missing
from taskfusion.inference.options import Running
from taskfusion.outputs import TaskOutput, check_output
from taskfusion.plugins import build_registry
from taskfusion.tasks.base import FitContext

TINY = DensityConfig(
    size=(32, 32), shared=True, view=ViewRecipe(epochs=1, batch_size=8), patient=PatientRecipe(epochs=1, batch_size=4)
)


def same(one: TaskOutput, other: TaskOutput) -> bool:
    assert one.scores is not None and other.scores is not None
    assert one.features is not None and other.features is not None
    return np.array_equal(one.scores, other.scores, equal_nan=True) and np.array_equal(
        one.features, other.features, equal_nan=True
    )


def test_the_plugin_registers_the_task() -> None:
    import mammo_density.plugin

    registry = build_registry([mammo_density.plugin], entry_points=False)
    assert registry.create("task", "density").config == DensityConfig()


def test_answers_hold_what_the_spec_says(trained: Density, cohort: Cohort) -> None:
    output = trained.predict(cohort.cases)
    check_output(output, "density", cohort.ids)
    assert output.features is not None
    assert output.features.shape == (22, 4 * 256)
    assert trained.spec.feature_channels == 4
    assert output.present.all()


def test_answers_do_not_depend_on_the_chunk(trained: Density, cohort: Cohort) -> None:
    whole = trained.predict(cohort.cases)
    parts = [trained.predict(cohort.cases[start : start + 5]) for start in range(0, len(cohort), 5)]
    assert same(whole, TaskOutput.concatenate(parts))


def test_no_cases_give_no_answers(trained: Density) -> None:
    assert len(check_output(trained.predict([]), "density", [])) == 0


def test_an_exam_without_one_view_has_no_answer(trained: Density, cohort: Cohort) -> None:
    whole = cohort.cases[0]
    lacking = Case("lacking", {name: view for name, view in whole.views.items() if name != "R-CC"})
    output = trained.predict([whole, lacking])
    assert output.present.tolist() == [True, False]
    assert output.scores is not None and output.features is not None
    assert np.isnan(output.scores[1]).all() and np.isnan(output.features[1]).all()
    assert np.isfinite(output.features[0]).all()


@pytest.mark.parametrize("grey", [0, 65535])
def test_blank_images_are_answered_with_numbers(trained: Density, grey: int) -> None:
    blank = Case.of("blank", {view: np.full((64, 48), grey, np.uint16) for view in VIEWS})
    output = trained.predict([blank])
    assert output.scores is not None and output.features is not None
    assert np.isfinite(output.scores).all() and np.isfinite(output.features).all()


def test_an_unreadable_image_is_named(trained: Density, cohort: Cohort) -> None:
    broken = Case("e1", {**cohort.cases[0].views, "L-MLO": View("L-MLO", "nowhere.png")})
    with pytest.raises(DataError, match=r"^case 'e1', view 'L-MLO': image not found: nowhere\.png$"):
        trained.predict([broken])


def test_saved_and_loaded_answers_are_equal(trained: Density, cohort: Cohort, tmp_path: Path) -> None:
    trained.save(tmp_path)
    loaded = Density.load(tmp_path)
    assert loaded.config == trained.config
    assert loaded.summary() == trained.summary()
    assert same(loaded.predict(cohort.cases[:3]), trained.predict(cohort.cases[:3]))


def test_summary_tells_the_baseline_and_both_stages(trained: Density) -> None:
    summary = trained.summary()
    assert summary["exams"] == {"train": 10, "validation": 6}
    assert set(summary["mean_of_views"]) == {"view_auc", "mean_auc"}
    assert len(summary["view"]["val_auc"]) == len(summary["patient"]["val_auc"]) == 1


def test_figures_and_the_curve_over_exams_with_known_density(trained: Density, cohort: Cohort) -> None:
    output = trained.predict(cohort.cases)
    assert output.scores is not None
    found = trained.metrics(output, cohort)
    assert set(found) == {f"{name} per exam" for name in ("AUC", "TPR", "TNR", "F1", "accuracy")}
    assert found["AUC per exam"] == pytest.approx(roc_auc_score(cohort.label("density") >= 2, output.scores[:, 0]))
    (curve,) = trained.curves(output, cohort)
    assert curve.name == "D"
    assert np.trapezoid(curve.y, curve.x) == pytest.approx(found["AUC per exam"], abs=1e-6)


@pytest.mark.parametrize("density", [-1, 0, 3])
def test_what_the_truth_cannot_say_is_left_out(trained: Density, cohort: Cohort, density: int) -> None:
    silent = relabelled(cohort, np.full(22, density))
    for task in (trained, trained.answering("views")):
        output = task.predict(cohort.cases)
        assert task.metrics(output, silent) == {}
        assert list(task.curves(output, silent)) == []


def test_the_view_model_and_its_mean_answer_from_the_same_training(trained: Density, cohort: Cohort) -> None:
    views, mean = trained.answering("views"), trained.answering("mean_of_views")
    of_views = check_output(views.predict(cohort.cases), "D^v", cohort.ids)
    of_exams = check_output(mean.predict(cohort.cases), "mean", cohort.ids)
    assert of_views.scores is not None and of_exams.scores is not None
    assert of_views.features is not None and of_exams.features is not None
    assert of_views.scores.shape == (22, 4, 1) and of_views.features.shape == (22, 4, 256)
    np.testing.assert_allclose(of_exams.scores, of_views.scores.mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(of_exams.features, of_views.features.reshape(22, -1), atol=1e-5)
    found = views.metrics(of_views, cohort)
    dense = cohort.label("density") >= 2
    assert found["AUC per view"] == pytest.approx(roc_auc_score(np.repeat(dense, 4), of_views.scores.ravel()))
    assert found["AUC per exam"] == pytest.approx(mean.metrics(of_exams, cohort)["AUC per exam"])
    assert [c.name for c in views.curves(of_views, cohort)] == ["D^v", "mean(D^v)"]
    assert [c.name for c in mean.curves(of_exams, cohort)] == ["mean(D^v)"]


def test_a_view_model_alone_cannot_answer_for_exams(trained: Density) -> None:
    expected = r"^task 'density' was trained without its network 'patient'; it has: view$"
    with pytest.raises(NotFittedError, match=expected):
        trained.answering("views").answering("patient")


def test_the_baseline_told_on_validation_is_that_of_the_answers(trained: Density, cohort: Cohort) -> None:
    part = cohort.part("validation")
    mean = trained.answering("mean_of_views")
    found = mean.metrics(mean.predict(part.cases), part)
    assert found["AUC per exam"] == pytest.approx(trained.summary()["mean_of_views"]["mean_auc"])


def test_an_exam_without_one_view_has_no_mean_but_its_other_views(trained: Density, cohort: Cohort) -> None:
    lacking = Case("lacking", {name: view for name, view in cohort.cases[0].views.items() if name != "R-CC"})
    assert trained.answering("mean_of_views").predict([lacking]).present.tolist() == [False]
    assert trained.answering("views").predict([lacking]).present.tolist() == [[True, True, False, True]]


@pytest.mark.slow
def test_a_view_model_trained_in_a_folder_serves_every_answer(cohort: Cohort, tmp_path: Path) -> None:
    config = attrs.evolve(TINY, width=0.125)
    context = FitContext(seed=1, folder=tmp_path)
    views = Density(attrs.evolve(config, answer="views")).fit(cohort, context)
    stages = {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.h5")}
    assert len(stages) == 1
    whole = Density(config).fit(cohort, context)
    assert len(list(tmp_path.glob("*.h5"))) == 2
    assert all(file.stat().st_mtime_ns == time for file, time in stages.items())
    assert same(whole.answering("views").predict(cohort.cases), views.predict(cohort.cases))


@pytest.mark.slow
def test_four_classes_have_a_score_each(cohort: Cohort, tmp_path: Path) -> None:
    task = Density(attrs.evolve(TINY, width=0.125, classes=4, bits=16, augmentation="paper")).fit(
        cohort, FitContext(seed=1)
    )
    output = check_output(task.predict(cohort.cases), "density", cohort.ids)
    assert task.spec.classes == ("a", "b", "c", "d")
    assert output.scores is not None
    np.testing.assert_allclose(output.scores.sum(axis=1), 1, atol=1e-5)
    found = task.metrics(output, cohort)
    dense = cohort.label("density") >= 2
    assert found["AUC per exam"] == pytest.approx(roc_auc_score(dense, output.scores[:, 2:].sum(axis=1)), abs=1e-3)
    right = output.scores.argmax(axis=1) == cohort.label("density")
    assert found["accuracy of a to d per exam"] == pytest.approx(right.mean())
    task.save(tmp_path)
    assert same(Density.load(tmp_path).predict(cohort.cases[:2]), task.predict(cohort.cases[:2]))


def test_four_classes_need_an_exam_of_each(cohort: Cohort) -> None:
    expected = (
        r"^task 'density': the train split of cohort 'tiny' has 5 a, 5 b, 0 c and 0 d exams with label 'density' and "
        r"all of the views L-CC, L-MLO, R-CC, R-MLO; each class \(or classes: 2\) is needed$"
    )
    with pytest.raises(DataError, match=expected):
        Density(DensityConfig(classes=4)).fit(relabelled(cohort, np.arange(22) % 2), FitContext())


def test_labels_that_are_no_density_are_refused(cohort: Cohort) -> None:
    expected = r"^task 'density': case 'e4' of cohort 'tiny' has label 'density' 4; expected 0..3 for a..d, or -1"
    with pytest.raises(DataError, match=expected):
        Density().fit(relabelled(cohort, np.arange(22) % 5), FitContext())


@pytest.mark.parametrize(
    "image",
    [
        np.full((64, 48), 200, np.uint8),
        np.random.default_rng(0).integers(0, 4096, (130, 31)).astype(np.uint16),
        np.random.default_rng(0).uniform(-1, 1, (40, 300)),
        np.full((20, 20), np.nan),
        np.eye(5, 3, dtype=np.uint8),
        np.ones((1, 1), np.float32),
    ],
    ids=["8-bit", "12-bit", "float", "nan", "tiny", "one pixel"],
)
def test_images_of_any_depth_and_size_are_answered_with_numbers(trained: Density, image: np.ndarray) -> None:
    output = trained.predict([Case.of("odd", dict.fromkeys(VIEWS, image))])
    assert output.scores is not None and output.features is not None
    assert np.isfinite(output.scores).all() and np.isfinite(output.features).all()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers(trained: Density, cohort: Cohort) -> None:
    again = Density(trained.config).fit(cohort, FitContext(seed=1))
    assert same(again.predict(cohort.cases), trained.predict(cohort.cases))


@pytest.mark.slow
def test_without_validation_or_pretraining_and_with_branches_of_their_own(cohort: Cohort) -> None:
    recipe = PatientRecipe(epochs=1, batch_size=4)
    config = DensityConfig(views=("L-CC",), size=(32, 32), pretrain=False, augmentation="none", patient=recipe)
    task = Density(config).fit(cohort.select(cohort.rows("train")), FitContext())
    assert set(task.summary()["patient"]) == {"loss", "auc"}
    assert task.predict(cohort.cases[:2]).present.all()


def relabelled(cohort: Cohort, density: np.ndarray) -> Cohort:
    return attrs.evolve(cohort, labels={"density": density})


@pytest.mark.parametrize(
    ("density", "message"),
    [
        (np.zeros(22, int), "has 10 fatty and 0 dense exams"),
        (np.full(22, 3), "has 0 fatty and 10 dense exams"),
        (np.full(22, -1), "has 0 fatty and 0 dense exams"),
    ],
)
def test_one_kind_of_breast_is_not_enough(cohort: Cohort, density: np.ndarray, message: str) -> None:
    expected = (
        f"^task 'density': the train split of cohort 'tiny' {message} with label 'density' and all of the views "
        "L-CC, L-MLO, R-CC, R-MLO; both kinds are needed$"
    )
    with pytest.raises(DataError, match=expected):
        Density().fit(relabelled(cohort, density), FitContext())


def test_a_cohort_without_the_label_is_refused(cohort: Cohort) -> None:
    expected = r"^task 'density': cohort 'tiny' has no label 'birads' \(density 0..3, a..d\); known: density$"
    with pytest.raises(DataError, match=expected):
        Density(DensityConfig(label="birads")).fit(cohort, FitContext())


def test_untrained_tasks_say_so(cohort: Cohort, tmp_path: Path) -> None:
    with pytest.raises(NotFittedError, match=r"^task 'density' is not trained; call fit, or load a trained one$"):
        Density().predict(cohort.cases)
    with pytest.raises(NotFittedError, match=r"^task 'density' is not trained; there are no weights to save$"):
        Density().save_weights(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": [16, 32]}, r"^here: size must be at least 32 x 32, got \[16, 32\]$"),
        ({"views": []}, r"^here: views must name at least one view$"),
        ({"dense_from": 4}, r"^here: dense_from must be from 1 to 3, got 4$"),
        (
            {"answer": "views", "pretrain": False},
            r"^here: answer 'views' is the view model's, which pretrain: false leaves out$",
        ),
        ({"width": 0.0}, r"^here: width must be above 0 and at most 4, got 0\.0$"),
        ({"view": {"epochs": 0}}, r"^here\.view: epochs and batch_size must be at least 1, got 0 and 32$"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        structure(DensityConfig, options, "here")


def test_single_options_of_a_stage_keep_the_others() -> None:
    config = structure(DensityConfig, {"view": {"epochs": 9}}, "here")
    assert config.view == attrs.evolve(ViewRecipe(), epochs=9)
    assert structure(DensityConfig, unstructure(config), "here") == config


@pytest.mark.slow
@pytest.mark.parametrize("runtime", FASTEST)
@pytest.mark.parametrize("answer", ["patient", "mean_of_views", "views"])
def test_other_runtimes_say_the_same(trained: Density, cohort: Cohort, runtime: str, answer: Any) -> None:
    if missing(runtime):
        pytest.skip(f"needs {' and '.join(missing(runtime))}")
    notices: list[str] = []
    task = trained.answering(answer)
    plain = task.predict(cohort.cases)
    other = check_output(task.predict_with(cohort.cases, Running(runtime, say=notices.append)), "t", cohort.ids)
    assert notices == [] and np.array_equal(other.present, plain.present)
    np.testing.assert_allclose(other.scores, plain.scores, rtol=0, atol=1e-4)
    np.testing.assert_allclose(other.features, plain.features, rtol=0, atol=1e-4)
