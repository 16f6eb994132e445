import attrs
import h5py
import numpy as np
import pytest

from mammo_localization.config import PRESETS, LocalizationConfig
from mammo_localization.task import Localization
from taskfusion.cases import Case
from taskfusion.configs import structure, unstructure
from taskfusion.errors import DataError, NotFittedError, SpecError
from taskfusion.inference.choosing import FASTEST, missing
from taskfusion.inference.options import Running
from taskfusion.outputs import check_output
from taskfusion.tasks.base import FitContext


@pytest.fixture(scope="module")
def trained(make_cohort, tiny, thin):
    """A detector trained on toys; do not change it."""
    return Localization(tiny).fit(make_cohort(), FitContext(seed=1))


@pytest.fixture(scope="module")
def unseen(make_cohort):
    """Toys nobody trained on."""
    return make_cohort(12, seed=99)


@pytest.fixture(scope="module")
def output(trained, unseen):
    """What the detector says of them; do not change it."""
    return check_output(trained.predict(unseen.cases), "localization", unseen.ids)


def same(first, second):
    a, b = first.detections, second.detections
    pairs = [(a.boxes, b.boxes), (a.scores, b.scores), (a.features, b.features), (a.background, b.background)]
    return (
        (a.offsets == b.offsets).all()
        and (a.labels == b.labels).all()
        and all(np.array_equal(x, y, equal_nan=True) for x, y in pairs)
    )


@pytest.mark.slow
def test_it_finds_the_lesions_of_toys(trained, unseen, output):
    assert trained.metrics(output, unseen)["TPR at 1 FP per image, any"] >= 0.8
    assert trained.summary()["validation_tpr_at_1_fp"]["any"] >= 0.8
    assert trained.summary()["views_with_lesion"] == 30


def test_it_draws_a_froc_per_class_and_a_roc_per_view(trained, unseen, output):
    curves = {(curve.kind, curve.name): curve for curve in trained.curves(output, unseen)}
    drawn = {trained.spec.classes[label] for label in unseen.annotations.labels}
    assert set(curves) == {("roc", "per view"), *(("froc", name) for name in ("any", *drawn))}
    figures = trained.metrics(output, unseen)
    x, y = curves["froc", "any"].x, curves["froc", "any"].y
    assert figures["TPR at 1 FP per image, any"] == pytest.approx(y[x <= 1].max())
    assert trained.metrics(output, attrs.evolve(unseen, annotations=None)) == {}


def test_the_output_is_what_the_spec_declares(trained, output):
    assert output.spec == trained.spec
    assert output.present.all()
    assert output.detections.features.shape == (len(output.detections), trained.spec.feature_size)
    assert np.isfinite(output.detections.background).all()
    assert output.detections.counts().max() <= trained.config.detections


def test_boxes_lie_in_the_original_image(output):
    boxes = output.detections.boxes
    assert boxes.min() >= 0
    assert boxes[:, [0, 2]].max() <= 80
    assert boxes[:, [1, 3]].max() <= 96


def test_answers_do_not_depend_on_how_cases_come(trained, unseen, output):
    parts = [trained.predict(unseen.cases[i : i + 1]) for i in range(len(unseen))]
    assert same(type(output).concatenate(parts), output)


def test_missing_views_are_said(trained, unseen):
    case = unseen.cases[1]
    some = Case(case.id, {"L-CC": case.views["L-CC"]})
    answer = check_output(trained.predict([some, Case("empty")]), "localization", [case.id, "empty"])
    assert answer.present.tolist() == [[True, False, False, False], [False] * 4]
    assert answer.detections.counts()[1:].sum() == 0
    assert np.isnan(answer.detections.background[:, 1:]).all()


def test_no_cases_no_answers(trained):
    assert len(check_output(trained.predict([]), "localization", [])) == 0


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((50, 40), np.uint16),
        np.full((50, 40), 255, np.uint8),
        np.full((1, 1), 7, np.uint8),
        np.random.default_rng(0).integers(0, 2**12, (700, 9), np.uint16),
        np.random.default_rng(0).random((30, 400), np.float32),
        np.repeat(np.random.default_rng(0).integers(0, 255, (60, 50, 1), np.uint8), 3, axis=2),
    ],
    ids=["all black", "all white", "one pixel", "12 bits and narrow", "floats and wide", "grey saved in colour"],
)
def test_images_of_any_depth_and_size_are_answered(trained, image):
    answer = check_output(trained.predict([Case.of("odd", {"L-CC": image})]), "localization", ["odd"])
    assert np.isfinite(answer.detections.background[0, 0]).all()
    assert np.isfinite(answer.detections.scores).all()


def test_an_image_in_colour_is_refused(trained):
    image = np.random.default_rng(0).integers(0, 255, (60, 50, 3), np.uint8)
    with pytest.raises(DataError, match=r"case 'odd', view 'L-CC': a mammogram must be \(height, width\) or grey in"):
        trained.predict([Case.of("odd", {"L-CC": image})])


def test_without_detections_there_are_background_features_and_metrics(trained, unseen, tmp_path):
    trained.save_weights(tmp_path)
    strict = Localization(attrs.evolve(trained.config, score_threshold=1.0))
    strict.load_weights(tmp_path)
    answer = check_output(strict.predict(unseen.cases), "localization", unseen.ids)
    assert len(answer.detections) == 0
    assert np.isfinite(answer.detections.background).all()
    assert strict.metrics(answer, unseen)["TPR at 1 FP per image, any"] == 0


def test_saved_and_loaded_it_answers_the_same(trained, unseen, output, tmp_path):
    trained.save(tmp_path)
    assert sorted(path.name for path in (tmp_path / "weights").iterdir()) == ["detector.weights.h5", "training.json"]
    loaded = Localization.load(tmp_path)
    assert same(loaded.predict(unseen.cases), output)
    assert loaded.summary() == trained.summary()
    assert loaded.config == trained.config


@pytest.mark.slow
def test_the_same_seed_gives_the_same_detector(make_cohort, tiny, thin, tmp_path):
    other = {"share_boxes": False, "stride": 16, "optimizer": "sgd", "schedule": "constant", "window": None}
    config = attrs.evolve(tiny, steps=2, patch_steps=0, **other)
    weights = []
    for _ in range(2):
        task = Localization(config).fit(make_cohort(12, validation=0), FitContext(seed=5))
        task.save_weights(tmp_path)
        with h5py.File(tmp_path / "detector.weights.h5") as file:
            weights.append(contents(file))
    assert len(weights[0]) > 50
    assert all(np.array_equal(weights[0][name], value) for name, value in weights[1].items())


def contents(file):
    """Every array of an HDF5 file by its path."""
    found = {}
    file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def test_untrained_it_says_so():
    with pytest.raises(NotFittedError, match="localization is not trained; call fit or load first"):
        Localization().predict([])
    assert not Localization().is_fitted


def test_an_unreadable_image_is_named(trained):
    with pytest.raises(DataError, match=r"case 'x', view 'R-CC': image not found: /nowhere\.png"):
        trained.predict([Case.of("x", {"R-CC": "/nowhere.png"})])


def test_presets_are_configurations():
    paper = LocalizationConfig(**PRESETS["paper"])
    assert (paper.size, paper.stride, paper.proposals, paper.crop, paper.steps) == ((2700, 1200), 16, 300, 14, 100_000)
    assert structure(LocalizationConfig, unstructure(paper), "paper") == paper
    assert LocalizationConfig(**PRESETS["small"]) == LocalizationConfig()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 0.0}, "width must be positive, found 0.0"),
        ({"anchor_scales": ()}, r"anchor_scales must be positive, found \(\)"),
        ({"nms_iou": 1.5}, r"nms_iou must lie in \[0, 1\], found 1.5"),
        ({"stride": 4}, "stride must be one of 8, 16, found 4"),
        ({"optimizer": "lion"}, "optimizer must be one of adam, sgd, found 'lion'"),
    ],
)
def test_impossible_settings_are_refused(options, message):
    with pytest.raises(SpecError, match=message):
        LocalizationConfig(**options)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", FASTEST)
def test_other_runtimes_find_the_same(trained, unseen, output, runtime):
    if missing(runtime):
        pytest.skip(f"needs {' and '.join(missing(runtime))}")
    notices = []
    running = Running(runtime, say=notices.append)
    other = check_output(trained.predict_with(unseen.cases, running), "localization", unseen.ids)
    assert notices == []
    one, two = output.detections, other.detections
    assert (one.offsets == two.offsets).all() and (one.labels == two.labels).all()
    for name in ("scores", "features", "background"):
        np.testing.assert_allclose(getattr(two, name), getattr(one, name), rtol=0, atol=1e-4)
    np.testing.assert_allclose(two.boxes, one.boxes, rtol=0, atol=0.01)  # of a pixel
