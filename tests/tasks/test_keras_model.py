"""Task ``keras``: what the model itself says, whatever the batch; features of a layer; nothing that is code."""

import re
import subprocess
import sys

import attrs
import numpy as np
import pytest
from asking import same
from imaged import case, pixels

from taskfusion.cases import Case, Cohort
from taskfusion.configs import structure
from taskfusion.errors import DataError, ModelFolderError, PluginError, SpecError
from taskfusion.outputs import Level, check_output
from taskfusion.tasks.base import FitContext
from taskfusion.tasks.keras_model import KerasConfig, KerasTask

pytest.importorskip("keras", reason="Keras is not installed: taskfusion[keras]")

VIEWS = ["L", "R"]
CASES = [case("a", "L", "R"), case("b", "R", size=(16, 12)), case("c"), case("d", "L", "R")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Small saved models; do not change them."""
    from taskfusion.training.backend import keras

    keras.utils.set_random_seed(0)
    made, layers = tmp_path_factory.mktemp("models"), keras.layers

    def image(name="image", size=(8, 6, 1)):
        return keras.Input(size, name=name)

    def head(x, units=1, activation="sigmoid", name="score"):
        return layers.Dense(units, activation=activation, name=name)(x)

    one = image()
    gap = layers.GlobalAveragePooling2D(name="gap")(layers.Conv2D(3, 3, name="conv")(one))
    keras.Model(one, head(gap)).save(made / "view.keras")
    keras.Model(one, head(gap, 2, None)).save(made / "logits.keras")
    keras.Model(one, {"p": head(gap), "q": head(gap, 3, "softmax", "q")}).save(made / "two.keras")
    keras.Model(one, layers.Lambda(lambda x: x * 2)(head(gap))).save(made / "lambda.keras")
    keras.Model(one, layers.Rescaling(3.0, name="big")(head(gap))).save(made / "big.keras")
    keras.Sequential(
        [image(size=(None, None, 3)), layers.GlobalMaxPooling2D(name="max"), layers.Dense(1, "sigmoid")]
    ).save(made / "open.keras")
    several = [image(view) for view in VIEWS]
    shared = layers.Conv2D(2, 3, name="shared")
    means = [layers.GlobalAveragePooling2D()(shared(layers.Rescaling(1 / 255)(x))) for x in several]
    joined = layers.Subtract(name="joined")(means)
    keras.Model(several, layers.Dense(1, "sigmoid")(joined)).save(made / "case.keras")
    flat = keras.Input((4,), name="numbers")
    keras.Model(flat, layers.Dense(1, "sigmoid")(flat)).save(made / "flat.keras")
    inside = image()
    backbone = keras.Model(inside, layers.Conv2D(4, 3, name="deep")(inside), name="backbone")
    outer = image()
    keras.Model(outer, head(layers.GlobalAveragePooling2D()(backbone(outer)))).save(made / "nested.keras")
    _save_detector(keras, made / "boxes.keras")
    return made


def _save_detector(keras, path):
    """Two fixed boxes per image; the second scores the mean of the image, and has that as its feature."""
    image = keras.Input((8, 6, 1), name="image")
    mean = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(image))
    scores = keras.layers.Concatenate(name="scores")([keras.layers.Rescaling(0.0, 0.125)(mean), mean])
    ones = keras.layers.Reshape((1, 1))(keras.layers.Rescaling(0.0, 1.0)(mean))
    boxes = keras.layers.Dense(8, use_bias=False, kernel_initializer="zeros")
    out = keras.layers.Reshape((2, 4), name="boxes")(boxes(ones))
    boxes.set_weights([np.array([[0, 0, 3, 4, 1, 2, 6, 8]], np.float32)])
    labels = keras.layers.Rescaling(0.0, 1.0, name="labels")(scores)
    feature = keras.layers.Reshape((2, 1), name="feature")(scores)
    keras.Model(image, [scores, out, labels, feature]).save(path)


@pytest.fixture
def task(folder):
    def make(name, **options):
        given = {"path": str(folder / f"{name}.keras"), "views": VIEWS, "batch_size": 3, **options}
        return KerasTask(structure(KerasConfig, given, "task"))

    return make


def answered(task, cases=CASES):
    return check_output(task.predict(cases), "keras", [case.id for case in cases])


def asked(folder, name, images, layer=None):
    """What the model says when asked directly."""
    from taskfusion.training.backend import keras

    model = keras.saving.load_model(folder / f"{name}.keras", compile=False)
    chosen = keras.Model(model.inputs, [*model.outputs, *([model.get_layer(layer).output] if layer else [])])
    return [np.asarray(output) for output in keras.tree.flatten(chosen(images))]


def stacked(view):
    """The images of the cases that have it, 8 x 6."""
    return np.stack([pixels(case, view) for case in CASES if view in case.views and case.id != "b"])[..., None]


def test_view_level_is_what_the_model_says(folder, task):
    output = answered(task("view", feature="conv", scale=0.5))
    assert output.spec.level is Level.VIEW and output.spec.classes == ("positive",) and output.spec.feature_size == 3
    assert output.present.tolist() == [[True, True], [False, True], [False, False], [True, True]]
    scores, maps = asked(folder, "view", [stacked("L") * 0.5], "conv")
    np.testing.assert_allclose(output.scores[[0, 3], 0], scores, rtol=1e-5)
    np.testing.assert_allclose(output.features[[0, 3], 0], maps.mean(axis=(1, 2)), rtol=1e-5)
    assert np.isnan(output.scores[1, 0]).all() and np.isnan(output.features[2]).all()


def test_answers_do_not_depend_on_the_chunk(task):
    model = task("view", feature="gap")
    together, single = answered(model), [answered(model, [case]) for case in CASES]
    same(type(together).concatenate(single), together)


def test_two_scores(folder, task):
    (raw,) = asked(folder, "logits", [stacked("R")])
    soft = np.exp(raw - raw.max(axis=1, keepdims=True))
    soft /= soft.sum(axis=1, keepdims=True)
    both = answered(task("logits", activation="softmax", classes=["no", "yes"]))
    np.testing.assert_allclose(both.scores[[0, 3], 1], soft, rtol=1e-5)
    yes = answered(task("logits", activation="softmax", positive=1, classes=["yes"]))
    np.testing.assert_allclose(yes.scores[[0, 3], 1], soft[:, 1:], rtol=1e-5)


def test_one_of_several_outputs(folder, task):
    output = answered(task("two", scores="q", classes=["x", "y", "z"], scale=0.01))
    np.testing.assert_allclose(output.scores[[0, 3], 0].sum(axis=1), 1, rtol=1e-5)
    assert answered(task("two", scores="p")).spec.classes == ("positive",)


def test_a_nested_model_as_feature(folder, task):
    output = answered(task("nested", feature="backbone", scale=0.01))
    assert output.spec.feature_size == 4
    from taskfusion.training.backend import keras

    backbone = keras.saving.load_model(folder / "nested.keras", compile=False).get_layer("backbone")
    maps = np.asarray(backbone(stacked("L") * 0.01))
    np.testing.assert_allclose(output.features[[0, 3], 0], maps.mean(axis=(1, 2)), rtol=1e-4)


def test_networks_for_any_size(task):
    output = answered(task("open", size=[5, 4], range=[0, 1], feature="max"))
    assert output.present.sum() == 5 and output.spec.feature_size == 3
    shown = output.features[output.present]
    assert (shown[:, 0] == shown[:, 1]).all() and shown.min() > 0.5


def test_case_level_with_an_input_for_each_view(folder, task):
    output = answered(task("case", level="case", feature="joined"))
    assert output.spec.views == () and output.present.tolist() == [True, False, False, True]
    scores, features = asked(folder, "case", [stacked("L"), stacked("R")], "joined")
    np.testing.assert_allclose(output.scores[[0, 3]], scores, rtol=1e-5)
    np.testing.assert_allclose(output.features[[0, 3]], features, atol=1e-6)
    swapped = answered(task("case", level="case", inputs={"L": "R", "R": "L"}, feature="joined"))
    np.testing.assert_allclose(swapped.features, -output.features, atol=1e-6)


def test_detections(task):
    options = {"level": "detection", "boxes": "boxes", "scores": "scores", "labels": "labels", "feature": "feature"}
    model = task("boxes", **options, classes=["ben", "mal"])
    output = answered(model)
    found = output.detections
    assert found.counts().tolist() == [2, 2, 0, 2, 0, 0, 2, 2]
    assert output.present.tolist() == [[True, True], [False, True], [False, False], [True, True]]
    assert found.boxes[:2].tolist() == [[0, 0, 3, 4], [1, 2, 6, 8]] and found.labels.tolist() == [1] * 10
    assert found.boxes[4:6].tolist() == [[0, 0, 6, 8], [2, 4, 12, 16]]  # b is twice as large as the input
    expected = [0.125, pixels(CASES[0], "L").mean() / 255]
    np.testing.assert_allclose(found.scores[:2], expected, rtol=1e-5)
    np.testing.assert_allclose(found.features[:2, 0], expected, rtol=1e-5)
    same(type(output).concatenate([answered(model, [case]) for case in CASES]), output)
    assert answered(model, [Case.of("none")]).detections.features.shape == (0, 1)


def test_fitted_from_the_start(task):
    model = task("view")
    assert model.is_fitted and model.fit(Cohort("c", CASES), FitContext()) is model and model.summary() == {}


def test_saved_model_outlives_its_file(folder, task, tmp_path):
    path = tmp_path / "mine.keras"
    path.write_bytes((folder / "view.keras").read_bytes())
    model, saved = task("view", path=str(path), feature="conv"), tmp_path / "saved"
    expected = answered(model)
    saved.mkdir()
    model.save(saved)
    path.unlink()
    loaded = KerasTask.load(saved)
    same(answered(loaded), expected)
    assert loaded.fingerprint() == model.fingerprint() and loaded.spec == model.spec
    again = tmp_path / "again"
    again.mkdir()
    loaded.save(again)
    assert (again / "weights/model.keras").read_bytes() == (saved / "weights/model.keras").read_bytes()
    (saved / "weights/model.keras").write_bytes(b"other")
    with pytest.raises(
        ModelFolderError, match=r"saved task 'keras' cannot be used: .*model\.keras was changed after it"
    ):
        KerasTask.load(saved)
    (saved / "weights/model.keras").unlink()
    with pytest.raises(ModelFolderError, match=r"saved task 'keras' cannot be used: .*No such file"):
        KerasTask.load(saved)


def test_fingerprint_follows_the_content_not_the_place(folder, task, tmp_path):
    moved = tmp_path / "moved.keras"
    moved.write_bytes((folder / "view.keras").read_bytes())
    first = task("view").fingerprint()
    assert task("view", path=str(moved)).fingerprint(lambda: "anything") == first
    assert task("logits").fingerprint() != first != task("view", range="z-score").fingerprint()


def test_a_file_that_changes_while_in_use(folder, task, tmp_path):
    path = tmp_path / "mine.keras"
    path.write_bytes((folder / "view.keras").read_bytes())
    model = task("view", path=str(path))
    model.fingerprint()
    path.write_bytes((folder / "two.keras").read_bytes())
    with pytest.raises(DataError, match=r"mine\.keras was changed after it was read; ask again with a new task"):
        model.save_weights(tmp_path)
    assert not (tmp_path / "model.keras").exists()
    path.unlink()
    with pytest.raises(DataError, match=r"mine\.keras cannot be copied: .*No such file"):
        model.save_weights(tmp_path)


@pytest.mark.parametrize(
    "name, options, message",
    [
        (
            "view",
            {"feature": "cnv"},
            "feature: the network has no layer 'cnv' (did you mean 'conv'?); known: conv, gap",
        ),
        (
            "case",
            {"level": "case", "feature": "shared"},
            "feature: layer 'shared' is not used exactly once, so it has no single output",
        ),
        ("view", {"classes": ["a", "b"]}, "output 'score' has 1 scores, classes names 2: a, b"),
        ("nested", {"feature": "deep"}, "has no layer 'deep': it is inside of 'backbone', which can be named instead"),
        ("two", {}, "the network has several outputs: p, q; say which one is scores"),
        ("flat", {}, "the network's input 'numbers' of shape (any, 4) takes no images"),
        ("open", {}, "takes images of any size; write size: [height, width]"),
        ("case", {}, "the network has 2 inputs (input 'L' of shape (any, 8, 6, 1); input 'R' of shape"),
        ("view", {"level": "case"}, "may have its channels first or last"),
    ],
)
def test_options_that_do_not_fit_the_model(task, name, options, message):
    model = task(name, **options)
    with pytest.raises(SpecError, match=f"^task 'keras': {re.escape(str(model.config.path))}: .*{re.escape(message)}"):
        model.predict(CASES)


def test_scores_that_are_logits(task):
    message = "task 'keras', case 'a', view '[LR]': output 'big' says .*; expected a score from 0 to 1; where these"
    with pytest.raises(DataError, match=message):
        task("big").predict(CASES)


def test_images_that_do_not_fit(task):
    with pytest.raises(DataError, match=r"task 'keras', case 'x', view 'L': image has shape \(5, 5, 3\); the network"):
        task("view").predict([Case.of("x", {"L": np.zeros((5, 5, 3), np.uint8)})])
    with pytest.raises(DataError, match=r"image not found: nowhere\.png"):
        task("view").predict([Case.of("x", {"L": "nowhere.png"})])


@pytest.mark.parametrize(
    "name, content, message",
    [
        (
            "m.h5",
            b"",
            "model cannot be used: PATH: files in the old HDF5 format may hold code that Keras would run; open",
        ),
        ("m.pb", b"", "model of unknown kind: PATH; expected a .keras file"),
        ("m.keras", b"PK", "model cannot be used: PATH: it is no .keras file, or one cut short"),
        ("m.keras", "half", "model cannot be used: PATH: it is no .keras file, or one cut short"),
        ("m.keras", "lambda", "model cannot be used: PATH: it holds Python code (a Lambda layer), which is never run"),
        ("m.keras", None, "model not found: PATH"),
    ],
)
def test_files_that_cannot_be_used(folder, task, tmp_path, name, content, message):
    path = tmp_path / name
    if content == "half":
        content = (folder / "view.keras").read_bytes()[:-500]
    if content == "lambda":
        content = (folder / "lambda.keras").read_bytes()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match="^" + re.escape(message.replace("PATH", str(path)))):
        task("view", path=str(path)).predict(CASES)


def test_models_that_do_not_say_their_inputs(task, tmp_path):
    from taskfusion.training.backend import keras

    with pytest.warns(UserWarning, match="has not yet been built"):
        keras.Sequential([keras.layers.Dense(1)]).save(tmp_path / "unbuilt.keras")
    with pytest.raises(DataError, match="this Sequential does not say its inputs; expected a functional model, or one"):
        task("view", path=str(tmp_path / "unbuilt.keras")).predict(CASES)


def test_classes_that_only_their_author_has(task, tmp_path):
    from taskfusion.training.backend import keras

    class Mine(keras.layers.Layer):
        def call(self, x):
            return x

    image = keras.Input((8, 6, 1))
    keras.Model(image, Mine()(image)).save(tmp_path / "mine.keras")
    with pytest.raises(
        DataError, match="it needs classes that are not part of Keras; rebuild it of Keras's own layers"
    ):
        task("view", path=str(tmp_path / "mine.keras")).predict(CASES)


def test_without_keras(task, monkeypatch):
    monkeypatch.setitem(sys.modules, "taskfusion.training.backend", None)
    with pytest.raises(PluginError, match=r"task 'keras' needs Keras: install taskfusion\[keras\]"):
        task("view").predict(CASES)


@pytest.mark.parametrize("name", ["keras", "onnx"])
def test_making_a_task_imports_no_runtime(name, tmp_path):
    code = (
        "import sys, taskfusion;"
        f"t = taskfusion.task({name!r}, path='m.{name}', views=['L']);"
        "print([m for m in ('keras', 'tensorflow', 'onnxruntime', 'onnx') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_paths_of_a_spec_start_at_its_folder(folder, task):
    model = task("view", path="view.keras")
    model.config = attrs.evolve(model.config, path=folder / "view.keras")  # as a spec does after building the task
    same(answered(model), answered(task("view")))
