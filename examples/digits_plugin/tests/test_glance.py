from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pytest

from taskfusion.cases import Cohort
from taskfusion.errors import DataError, ModelFolderError, UnknownNameError
from taskfusion.tasks.base import FitContext, TaskModel
from taskfusion_digits.glance import Glance, GlanceConfig


def test_features_are_uncorrelated_on_the_views_it_learned_from(trained: dict[str, TaskModel], cohort: Cohort) -> None:
    output = trained["glance"].predict(cohort.part("train").cases)
    assert output.features is not None
    seen = output.features[output.present].astype(np.float64)
    assert np.cov(seen.T) == pytest.approx(np.eye(seen.shape[1]), abs=1e-3)


def test_the_weights_are_plain_arrays(trained: dict[str, TaskModel], tmp_path: Path) -> None:
    trained["glance"].save_weights(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["weights.npz"]
    with np.load(tmp_path / "weights.npz", allow_pickle=False) as data:
        shapes = {name: data[name].shape for name in data.files}
    assert shapes == {"mean": (200,), "axes": (200, 40), "slopes": (40, 2), "offsets": (2,)}


def test_a_class_the_cohort_does_not_know_is_named(cohort: Cohort) -> None:
    with pytest.raises(UnknownNameError, match=r"^unknown target 'hihg' \(did you mean 'high'\?\)"):
        Glance(GlanceConfig(classes=("hihg",))).fit(cohort, FitContext())


def test_boxes_are_needed_to_learn_but_not_to_be_judged(trained: dict[str, TaskModel], cohort: Cohort) -> None:
    without = attrs.evolve(cohort, annotations=None)
    with pytest.raises(DataError, match=r"^cohort 'digits' has no boxes, so no labels per view$"):
        Glance().fit(without, FitContext())
    assert trained["glance"].metrics(trained["glance"].predict(cohort.cases), without) == {}


def test_one_kind_of_view_is_not_enough(cohort: Cohort) -> None:
    assert cohort.annotations is not None
    low = np.zeros(len(cohort.annotations), np.int64)
    changed = attrs.evolve(cohort, annotations=attrs.evolve(cohort.annotations, labels=low))
    with pytest.raises(DataError, match=r"^task 'glance': 0 of \d+ training views hold 'seven'; need both$"):
        Glance().fit(changed, FitContext())


@pytest.mark.parametrize("content", [b"", b"no arrays", None])
def test_weights_that_are_missing_or_damaged_are_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "weights.npz").write_bytes(content)
    with pytest.raises(ModelFolderError, match=r"^saved weights cannot be used: .*weights\.npz: "):
        Glance().load_weights(tmp_path)
