from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from mammo_data.synthetic import VIEWS
from mammo_findings.config import FindingsConfig, ViewRecipe
from mammo_findings.task import Findings
from taskfusion.cases import Annotations, Case, Cohort, View
from taskfusion.configs import structure, unstructure
from taskfusion.errors import DataError, NotFittedError, SpecError
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
    assert summary["patch_classes"] == 5
    assert summary["views"] == {"train": 32, "validation": 20}
    assert summary["views_with_lesion"]["train"] == cohort.part("train").view_labels().sum()
    assert len(summary["patch"]["val_auc"]) == len(summary["view"]["val_auc"]) == 1


def test_metrics_over_views(trained: Findings, cohort: Cohort) -> None:
    output = trained.predict(cohort.cases)
    assert 0 <= trained.metrics(output, cohort)["AUC per view"] <= 1
    assert trained.metrics(output, attrs.evolve(cohort, annotations=None)) == {}


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_numbers(
    trained: Findings, cohort: Cohort, stages: Path, tmp_path: Path
) -> None:
    for file in stages.glob("patch-*"):
        shutil.copy(file, tmp_path)  # the second stage did not end
    again = Findings(trained.config).fit(cohort, FitContext(1, folder=tmp_path))
    assert same(again.predict(cohort.cases), trained.predict(cohort.cases))
    assert len(list(tmp_path.glob("findings-view-*.h5"))) == 1


@pytest.mark.slow
def test_the_papers_variant_without_validation(cohort: Cohort) -> None:
    config = attrs.evolve(
        TINY_PAPER,
        pretrain=False,
        whole=ViewRecipe(epochs=1, batch_size=8, steps=2, keep="average", schedule="plateau"),
    )
    task = Findings(config).fit(cohort.select(cohort.rows("train")), FitContext())
    assert task.summary()["patch_classes"] == 2
    assert set(task.summary()["view"]) == {"loss", "auc"}


TINY_PAPER = FindingsConfig(size=(64, 32), patch=32, distinguish=False, pooling="average", hidden=8)


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
