"""What tasks say of their own answers: only where the cohort knows the truth, and never of what was not looked at."""

import attrs
import numpy as np
import pytest

from taskfusion.cases import Annotations, Case, Cohort, Target
from taskfusion.evaluation import coco_ap
from taskfusion.outputs import Detections, Level, TaskOutput, TaskSpec
from taskfusion.plugins import build_registry
from taskfusion.tasks.measures import own_curves, own_metrics

VIEWS = ("L", "R")
IDS = ("a", "b", "c", "d")
BOX = [10, 10, 20, 20]
ELSEWHERE = [50, 50, 60, 60]


@pytest.fixture
def cohort():
    """Cases a and b have a bad and a mild lesion on the left; c and d none, and nobody knows of d whether it is ill."""
    labels = {"ill": np.array([1, 1, 0, -1]), "bad_case": np.array([1, 0, 0, 0]), "grade": np.array([3, 1, 0, 0])}
    targets = {"ill": Target("ill"), "bad_case": Target("bad_case", ("bad",))}
    drawn = Annotations(("mild", "bad"), [0, 1], [0, 0], [BOX, BOX], [1, 0])
    return Cohort("made up", [Case(name) for name in IDS], VIEWS, labels, targets, None, drawn)


def of_cases(*scores, name="ill"):
    column = np.array(scores, float)[:, None]
    return TaskOutput(TaskSpec(Level.CASE, (name,)), IDS, ~np.isnan(column[:, 0]), column)


def of_views(scores, name="ill"):
    values = np.array(scores, float)[..., None]
    return TaskOutput(TaskSpec(Level.VIEW, (name,), VIEWS), IDS, ~np.isnan(values[..., 0]), values)


def found(rows, classes=("mild", "bad"), present=None):
    """Detections from (case, view, box, label, score)."""
    rows = sorted(rows, key=lambda row: row[:2])
    cells = [case * len(VIEWS) + view for case, view, *_ in rows]
    counts = np.bincount(cells, minlength=len(IDS) * len(VIEWS))
    columns = [[row[k] for row in rows] for k in (2, 3, 4)]
    ragged = Detections(np.concatenate([[0], np.cumsum(counts)]), *columns)
    spec = TaskSpec(Level.DETECTION, classes, VIEWS)
    there = np.ones((len(IDS), len(VIEWS)), bool) if present is None else present
    return TaskOutput(spec, IDS, there, detections=ragged)


def by_name(curves):
    return {(curve.kind, curve.name): curve for curve in curves}


def test_a_case_is_compared_with_the_label_of_the_class_name(cohort):
    output = of_cases(0.9, 0.2, 0.4, 0.99)  # of d nobody knows
    assert own_metrics(output, cohort) == {"AUC per case": 0.5}
    [curve] = own_curves(output, cohort)
    assert (curve.name, curve.kind) == ("per case", "roc")
    assert curve.x.tolist() == [0, 0, 1, 1] and curve.y.tolist() == [0, 0.5, 0.5, 1]


def test_or_with_the_label_that_is_named(cohort):
    output = of_cases(0.9, 0.2, 0.4, 0.1, name="malignant")
    assert own_metrics(output, cohort) == {} and own_curves(output, cohort) == []
    assert own_metrics(output, cohort, {"malignant": "bad_case"}) == {"AUC per case": 1.0}


def test_a_label_of_several_grades_is_no_truth(cohort):
    assert own_metrics(of_cases(0.9, 0.2, 0.4, 0.1, name="grade"), cohort) == {}


def test_an_answer_that_is_not_there_does_not_count(cohort):
    assert own_metrics(of_cases(np.nan, 0.5, 0.4, 0.1), cohort) == {"AUC per case": 1.0}
    assert own_metrics(of_cases(np.nan, np.nan, 0.4, 0.1), cohort) == {}


def test_several_classes_are_told_apart(cohort):
    scores = np.array([[0.9, 0.9], [0.8, 0.1], [0.1, 0.2], [0.1, 0.3]])
    output = TaskOutput(TaskSpec(Level.CASE, ("ill", "bad_case")), IDS, np.ones(4, bool), scores)
    assert own_metrics(output, cohort) == {"AUC per case, ill": 1.0, "AUC per case, bad_case": 1.0}


def test_views_are_compared_with_the_boxes_that_count_for_the_target(cohort):
    output = of_views([[0.9, 0.2], [0.8, 0.95], [0.1, 0.3], [0.1, np.nan]])
    cohort = attrs.evolve(cohort, labels={**cohort.labels, "ill": np.array([1, 1, 0, 0])})
    # left views of a and b hold a box; right of b outranks both
    assert own_metrics(output, cohort) == pytest.approx({"AUC per view": 8 / 10, "AUC per case": 1.0})


def test_views_are_compared_with_boxes_of_the_class_name(cohort):
    output = of_views([[0.9, 0.2], [0.8, 0.1], [0.1, 0.3], [0.1, 0.2]], name="bad")
    assert own_metrics(output, cohort) == {"AUC per view": 1.0}


def test_views_have_no_truth_where_boxes_and_label_contradict_each_other(cohort):
    output = of_views([[0.9, 0.2], [0.8, 0.1], [0.1, 0.3], [0.1, 0.2]])
    later = attrs.evolve(cohort, labels={**cohort.labels, "ill": np.array([1, 0, 1, 0])})  # a cancer nobody drew
    assert set(own_metrics(output, later)) == {"AUC per case"}


def test_detections_have_a_rate_per_class_a_froc_and_a_roc(cohort):
    output = found(
        [(0, 0, BOX, 1, 0.9), (1, 0, BOX, 1, 0.8), (2, 1, ELSEWHERE, 0, 0.85), (2, 1, ELSEWHERE, 0, 0.1)],
    )
    figures = own_metrics(output, cohort)
    assert figures["TPR at 1 FP per image, any"] == 1
    assert figures["TPR at 1 FP per image, bad"] == 1
    assert figures["TPR at 1 FP per image, mild"] == 0  # its lesion was called bad
    assert figures["TPR at 1 FP per image without boxes, any"] == 1
    assert figures["AUC per case, bad_case"] == 1
    assert figures["AUC per case, ill"] == 0.5
    assert figures["AUC per view"] == pytest.approx(11 / 12)
    curves = by_name(own_curves(output, cohort))
    assert set(curves) == {
        *(("froc", name) for name in ("any", "mild", "bad")),
        *(("roc", name) for name in ("per view", "per case, ill", "per case, bad_case")),
    }
    assert curves["froc", "any"].x.tolist() == pytest.approx([0, 1 / 8, 2 / 8])
    assert curves["froc", "any"].y.tolist() == [0.5, 1, 1]


def test_average_precision_is_there_where_the_library_is(cohort, monkeypatch):
    output = found([(0, 0, BOX, 1, 0.9), (1, 0, BOX, 0, 0.8)])
    names = {"AP@0.2", "AP@0.5", "AP@[.5:.95]"}
    assert coco_ap.is_installed() == (names <= set(own_metrics(output, cohort)))
    monkeypatch.setattr("taskfusion.tasks.measures.is_installed", lambda: False)
    assert not names & set(own_metrics(output, cohort))


def test_a_lesion_in_a_view_nobody_looked_at_is_not_missed(cohort):
    present = np.ones((4, 2), bool)
    present[1, 0] = False
    output = found([(0, 0, BOX, 1, 0.9)], present=present)
    assert own_metrics(output, cohort)["TPR at 1 FP per image, any"] == 1


def test_detections_of_classes_that_nobody_drew_are_not_false(cohort):
    output = found([(0, 0, BOX, 1, 0.5), (0, 0, ELSEWHERE, 0, 0.9)], classes=("scar", "bad"))
    [any_class] = [c for c in own_curves(output, cohort) if (c.kind, c.name) == ("froc", "any")]
    assert any_class.x.tolist() == [0] and any_class.y.tolist() == [1]


def test_detections_without_a_common_class_or_without_boxes_have_no_truth(cohort):
    output = found([(0, 0, BOX, 0, 0.5)], classes=("scar",))
    assert own_metrics(output, attrs.evolve(cohort, targets={})) == {}
    bare = attrs.evolve(cohort, annotations=None, targets={})
    assert own_metrics(found([(0, 0, BOX, 0, 0.5)]), bare) == {} and own_curves(output, bare) == []


@pytest.fixture(scope="module")
def registry():
    return build_registry(entry_points=False)


def test_the_table_task_measures_itself(cohort, registry, tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("case,p\na,0.9\nb,0.8\nc,0.1\nd,0.2\n")
    options = {"path": str(path), "scores": {"malignant": "p"}}
    for truth, wanted in (({}, {}), ({"malignant": "ill"}, {"AUC per case": 1.0})):
        task = registry.create("task", "table", {**options, "truth": truth})
        output = task.predict(cohort.cases)
        assert task.metrics(output, cohort) == wanted
        assert len(task.curves(output, cohort)) == len(wanted)


def test_the_sklearn_task_is_compared_with_the_label_it_learned(registry):
    import taskfusion
    from taskfusion.tasks.base import FitContext

    cohort = taskfusion.cohort("sklearn", dataset="breast_cancer")
    task = registry.create("task", "sklearn", {"columns": ["mean *"]}).fit(cohort, FitContext())
    test = cohort.part("test")
    output = task.predict(test.cases)
    assert 0.9 < task.metrics(output, test)["AUC per case"] <= 1
    assert [curve.name for curve in task.curves(output, test)] == ["per case"]
