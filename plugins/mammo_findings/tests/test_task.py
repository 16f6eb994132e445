from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mammo_data.synthetic import LESION_CLASSES, VIEWS
from mammo_findings.config import FindingsConfig, PatchRecipe, ViewRecipe
from mammo_findings.task import Findings
from taskfusion.cases import Annotations, Case, Cohort, View
from taskfusion.configs import structure, unstructure
from taskfusion.errors import DataError, NotFittedError, SpecError
from taskfusion.inference.choosing import FASTEST, missing
from taskfusion.inference.options import Running
from taskfusion.outputs import TaskOutput, check_output
from taskfusion.plugins import build_registry
from taskfusion.tasks.base import FitContext


def same(one: TaskOutput, other: TaskOutput) -> bool:
    assert one.scores is not None and other.scores is not None
    assert one.features is not None and other.features is not None
    return np.array_equal(one.scores, other.scores, equal_nan=True) and np.array_equal(
        one.features, other.features, equal_nan=True
    )


def test_the_plugin_registers_the_task() -> None:
    import mammo_findings.plugin

    registry = build_registry([mammo_findings.plugin], entry_points=False)
    assert registry.create("task", "findings").config == FindingsConfig()


def test_answers_hold_what_the_spec_says(trained: Findings, cohort: Cohort) -> None:
    output = check_output(trained.predict(cohort.cases), "findings", cohort.ids)
    assert output.features is not None
    assert output.features.shape == (18, 4, 256)
    assert output.present.all()


def test_answers_do_not_depend_on_the_chunk(trained: Findings, cohort: Cohort) -> None:
    whole = trained.predict(cohort.cases)
    parts = [trained.predict(cohort.cases[start : start + 5]) for start in range(0, len(cohort), 5)]
    assert same(whole, TaskOutput.concatenate(parts))


def test_no_cases_give_no_answers(trained: Findings) -> None:
    assert len(check_output(trained.predict([]), "findings", [])) == 0


def test_a_lacking_view_has_no_answer_and_the_others_the_same(trained: Findings, cohort: Cohort) -> None:
    whole = cohort.cases[0]
    lacking = Case("lacking", {name: view for name, view in whole.views.items() if name != "R-CC"})
    output = trained.predict([whole, lacking])
    assert output.scores is not None and output.features is not None
    assert output.present.tolist() == [[True] * 4, [True, True, False, True]]
    assert np.isnan(output.scores[1, 2]).all() and np.isnan(output.features[1, 2]).all()
    np.testing.assert_array_equal(output.scores[1, [0, 1, 3]], output.scores[0, [0, 1, 3]])


@pytest.mark.parametrize("grey", [0, 65535])
def test_blank_images_are_answered_with_numbers(trained: Findings, grey: int) -> None:
    output = trained.predict([Case.of("blank", {view: np.full((64, 48), grey, np.uint16) for view in VIEWS})])
    assert output.scores is not None and output.features is not None
    assert np.isfinite(output.scores).all() and np.isfinite(output.features).all()


def test_an_unreadable_image_is_named(trained: Findings, cohort: Cohort) -> None:
    broken = Case("e1", {**cohort.cases[0].views, "L-MLO": View("L-MLO", "nowhere.png")})
    with pytest.raises(DataError, match=r"^case 'e1', view 'L-MLO': image not found: nowhere\.png$"):
        trained.predict([broken])


def test_saved_and_loaded_answers_are_equal(trained: Findings, cohort: Cohort, tmp_path: Path) -> None:
    trained.save(tmp_path)
    loaded = Findings.load(tmp_path)
    assert loaded.config == trained.config
    assert loaded.summary() == trained.summary()
    assert same(loaded.predict(cohort.cases[:3]), trained.predict(cohort.cases[:3]))


def test_summary_tells_counts_and_both_stages(trained: Findings, cohort: Cohort) -> None:
    summary = trained.summary()
    assert summary["classes"] == 5
    assert summary["views"] == {"train": 32, "validation": 20}
    assert summary["views_with_lesion"]["train"] == cohort.part("train").view_labels().sum()
    assert len(summary["patch"]["val_auc"]) == len(summary["view"]["val_auc"]) == 1


def test_figures_and_curves_over_views_and_exams(trained: Findings, cohort: Cohort) -> None:
    output = trained.predict(cohort.cases)
    assert output.scores is not None
    found = trained.metrics(output, cohort)
    assert set(found) == {*(f"{name} per view" for name in ("AUC", "TPR", "TNR", "F1", "accuracy")), "AUC per exam"}
    truth, score = cohort.view_labels(), output.scores[..., 0]
    assert found["AUC per view"] == pytest.approx(roc_auc_score(truth.ravel(), score.ravel()))
    assert found["AUC per exam"] == pytest.approx(roc_auc_score(truth.any(axis=1), score.max(axis=1)))
    curves = trained.curves(output, cohort)
    assert [curve.name for curve in curves] == ["F per view", "max(F) per exam"]
    assert np.trapezoid(curves[0].y, curves[0].x) == pytest.approx(found["AUC per view"], abs=1e-6)


def test_what_the_truth_cannot_say_is_left_out(trained: Findings, cohort: Cohort) -> None:
    output = trained.predict(cohort.cases)
    for silent in (attrs.evolve(cohort, annotations=None), annotated(cohort, 0)):
        assert trained.metrics(output, silent) == {}
        assert list(trained.curves(output, silent)) == []
    assert trained.metrics(trained.predict([]), cohort.select([])) == {}


def test_views_that_are_lacking_count_neither_for_nor_against(trained: Findings, cohort: Cohort) -> None:
    fewer = tuple(attrs.evolve(case, views={"L-CC": case.views["L-CC"]}) for case in cohort.cases)
    part = attrs.evolve(cohort, cases=fewer)
    output = trained.predict(part.cases)
    assert output.scores is not None
    found = trained.metrics(output, part)
    expected = roc_auc_score(cohort.view_labels()[:, 0], output.scores[:, 0, 0])
    assert found["AUC per view"] == found["AUC per exam"] == pytest.approx(expected)


@pytest.mark.parametrize(
    "image",
    [
        np.full((64, 48), 200, np.uint8),
        np.random.default_rng(0).integers(0, 4096, (130, 31)).astype(np.uint16),
        np.random.default_rng(0).uniform(-1, 1, (40, 300)),
        np.full((20, 20), np.nan),
        np.random.default_rng(0).integers(0, 2**31, (33, 17)),
        np.eye(5, 3, dtype=np.uint8),
        np.ones((1, 1), np.float32),
        np.random.default_rng(0).integers(0, 2, (50, 40)).astype(bool),
    ],
    ids=["8-bit", "12-bit", "float", "nan", "32-bit", "tiny", "one pixel", "bool"],
)
def test_images_of_any_depth_and_size_are_answered_with_numbers(trained: Findings, image: np.ndarray) -> None:
    case = Case.of("odd", {"L-CC": image})
    output = trained.predict([case])
    assert output.scores is not None and output.features is not None
    assert np.isfinite(output.scores[0, 0]).all() and np.isfinite(output.features[0, 0]).all()
    assert np.isfinite(trained.heat_maps(case)["L-CC"].values).all()


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_numbers(
    trained: Findings, cohort: Cohort, stages: Path, tmp_path: Path
) -> None:
    for file in stages.glob("patch-*"):
        shutil.copy(file, tmp_path)  # the second stage did not end
    again = Findings(trained.config).fit(cohort, FitContext(1, folder=tmp_path))
    assert same(again.predict(cohort.cases), trained.predict(cohort.cases))
    assert len(list(tmp_path.glob("view-*.h5"))) == 1


@pytest.mark.slow
def test_the_papers_variant_without_validation(cohort: Cohort) -> None:
    config = attrs.evolve(
        TINY_PAPER,
        pretrain=False,
        whole=ViewRecipe(epochs=1, batch_size=8, steps=2, keep="average", schedule="plateau"),
    )
    task = Findings(config).fit(cohort.select(cohort.rows("train")), FitContext())
    assert task.summary()["classes"] == 2
    assert set(task.summary()["view"]) == {"loss", "auc"}


TINY = FindingsConfig(
    size=(64, 32),
    width=0.125,
    patch=32,
    patches_per_lesion=2,
    patches_per_normal=2,
    augmentation="paper",
    patches=PatchRecipe(epochs=1, batch_size=8, steps=2),
    whole=ViewRecipe(epochs=1, batch_size=8, steps=2),
)
TINY_PAPER = FindingsConfig(
    size=(64, 32), patch=32, distinguish=False, pooling="average", hidden=8, normalise="z-score", augmentation="none"
)


def annotated(cohort: Cohort, keep: int) -> Cohort:
    """The cohort with only its first boxes."""
    a = cohort.annotations
    assert a is not None
    return attrs.evolve(
        cohort, annotations=Annotations(a.classes, a.case[:keep], a.view[:keep], a.boxes[:keep], a.labels[:keep])
    )


def test_a_cohort_without_boxes_is_refused(cohort: Cohort) -> None:
    expected = r"^task 'findings': cohort 'tiny' has no boxes; findings learns from annotated lesions$"
    with pytest.raises(DataError, match=expected):
        Findings().fit(attrs.evolve(cohort, annotations=None), FitContext())


def test_a_cohort_without_lesions_is_refused(cohort: Cohort) -> None:
    expected = (
        r"^task 'findings': the train split of cohort 'tiny' has 0 views with a lesion and 32 without, "
        r"in L-CC, L-MLO, R-CC, R-MLO; both kinds are needed$"
    )
    with pytest.raises(DataError, match=expected):
        Findings().fit(annotated(cohort, 0), FitContext())


def test_a_cohort_of_lesions_alone_is_refused(cohort: Cohort) -> None:
    everywhere = np.argwhere(np.ones((len(cohort), 4), bool))
    boxes = np.tile([1.0, 1.0, 9.0, 9.0], (len(everywhere), 1))
    full = Annotations(LESION_CLASSES, everywhere[:, 0], everywhere[:, 1], boxes, np.zeros(len(everywhere), int))
    with pytest.raises(DataError, match=r"has 32 views with a lesion and 0 without, in .*; both kinds are needed$"):
        Findings().fit(attrs.evolve(cohort, annotations=full), FitContext())


@pytest.mark.slow
def test_lesions_never_seen_in_training_and_black_views_leave_numbers(cohort: Cohort) -> None:
    """The train split has one kind of lesion only, its views are black; the others have all kinds."""
    a = cohort.annotations
    assert a is not None
    keep = (np.asarray(cohort.split)[a.case] != "train") | (a.labels == a.labels[0])
    some = Annotations(a.classes, a.case[keep], a.view[keep], a.boxes[keep], a.labels[keep])
    black = {name: np.zeros((64, 48), np.uint16) for name in cohort.views}
    train = set(cohort.rows("train").tolist())
    cases = tuple(Case.of(case.id, black) if row in train else case for row, case in enumerate(cohort.cases))
    task = Findings(TINY).fit(attrs.evolve(cohort, cases=cases, annotations=some), FitContext())
    output = task.predict(cohort.cases)
    assert output.scores is not None and output.features is not None
    assert np.isfinite(output.scores).all() and np.isfinite(output.features).all()


def test_a_cohort_without_the_views_is_refused(cohort: Cohort) -> None:
    expected = r"^task 'findings': cohort 'tiny' has no view 'L-XCC'; its views: L-CC, L-MLO, R-CC, R-MLO$"
    with pytest.raises(DataError, match=expected):
        Findings(FindingsConfig(views=("L-CC", "L-XCC"))).fit(cohort, FitContext())


def test_untrained_tasks_say_so(cohort: Cohort, tmp_path: Path) -> None:
    with pytest.raises(NotFittedError, match=r"^task 'findings' is not trained; call fit, or load a trained one$"):
        Findings().predict(cohort.cases)
    with pytest.raises(NotFittedError, match=r"^task 'findings' is not trained; there are no weights to save$"):
        Findings().save_weights(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"views": []}, r"^here: views must name at least one view$"),
        ({"patch": 50}, r"^here: patch must be a multiple of 32, got 50$"),
        ({"size": [48, 96]}, r"^here: size must be at least the patch of 64 on both sides, got \[48, 96\]$"),
        ({"width": 5.0}, r"^here: width must be above 0 and at most 4, got 5\.0$"),
        ({"patches_per_normal": 0}, r"^here: patches_per_lesion and patches_per_normal must be at least 1$"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        structure(FindingsConfig, options, "here")


def test_single_options_of_a_stage_keep_the_others() -> None:
    config = structure(FindingsConfig, {"whole": {"epochs": 9}}, "here")
    assert config.whole == attrs.evolve(ViewRecipe(), epochs=9)
    assert structure(FindingsConfig, unstructure(config), "here") == config


@pytest.mark.slow
@pytest.mark.parametrize("runtime", FASTEST)
def test_other_runtimes_say_the_same(trained: Findings, cohort: Cohort, runtime: str) -> None:
    if missing(runtime):
        pytest.skip(f"needs {' and '.join(missing(runtime))}")
    notices: list[str] = []
    task = trained
    plain = task.predict(cohort.cases)
    other = check_output(task.predict_with(cohort.cases, Running(runtime, say=notices.append)), "t", cohort.ids)
    assert notices == [] and np.array_equal(other.present, plain.present)
    np.testing.assert_allclose(other.scores, plain.scores, rtol=0, atol=1e-4)
    np.testing.assert_allclose(other.features, plain.features, rtol=0, atol=1e-4)
