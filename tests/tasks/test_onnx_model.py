"""Task ``onnx``: tiny models in the true format, their answers computed by hand; layouts, batches, detections."""

import re
import sys

import numpy as np
import pytest
from asking import same
from imaged import case, pixels

from taskfusion.cases import Case
from taskfusion.configs import structure
from taskfusion.errors import DataError, ModelFolderError, PluginError, SpecError
from taskfusion.outputs import check_output
from taskfusion.tasks.onnx_model import OnnxConfig, OnnxTask

onnx = pytest.importorskip("onnx", reason="onnx, which writes the tests' models, is not installed: taskfusion[dev]")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: taskfusion[onnx]")

VIEWS = ["L", "R"]
CASES = [case("a", "L", "R"), case("b", "R", size=(16, 12)), case("c"), case("d", "L", "R")]
WEIGHTS = np.array([[1.0, -1.0], [0.5, 0.25], [-2.0, 1.0]], np.float32)


def node(kind, inputs, outputs, **options):
    return onnx.helper.make_node(kind, inputs.split(), outputs.split(), **options)


def constant(name, values):
    return onnx.numpy_helper.from_array(np.asarray(values), name)


def write(path, nodes, inputs, outputs, constants=()):
    """A checked model file; ``inputs`` and ``outputs`` are name to shape, or to (type, shape)."""

    def ports(found):
        return [
            onnx.helper.make_tensor_value_info(name, getattr(onnx.TensorProto, kind), shape)
            for name, (kind, shape) in ((n, s if isinstance(s, tuple) else ("FLOAT", s)) for n, s in found.items())
        ]

    graph = onnx.helper.make_graph(nodes, "g", ports(inputs), ports(outputs), list(constants))
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def _classifier(path, shape, kind="FLOAT", before=()):
    """The means of the channels, a linear layer on them, and the channels themselves as a map."""
    first = before[-1].output[0] if before else "x"
    nodes = [
        *before,
        node("GlobalAveragePool", first, "pool"),
        node("Flatten", "pool", "flat"),
        node("MatMul", "flat w", "logits"),
        node("Sigmoid", "logits", "both"),
        node("Identity", first, "map"),
    ]
    outputs = {"logits": ["n", 2], "both": ["n", 2], "map": ["n", 3, "h", "w"]}
    write(path, nodes, {"x": (kind, shape)}, outputs, [constant("w", WEIGHTS)])


def _detector(path, batched):
    """Two boxes per image, the second as likely as the image is light; without batches only what scores above 0.5."""
    nodes = [node("ReduceMean", "x", "m", axes=[1, 2, 3], keepdims=0)]
    box = np.array([[0, 0, 0.5, 0.5], [0.25, 0.5, 1, 1]], np.float32)
    if batched:
        nodes += [
            node("Unsqueeze", "m one", "m2"),
            node("Concat", "low m2", "scores", axis=1),
            node("Identity", "box1", "boxes"),
            node("Identity", "label1", "labels"),
            node("Unsqueeze", "scores two", "feature"),
        ]
        fixed = [constant("low", np.full((1, 1), 0.125, np.float32)), constant("box1", box[None])]
        fixed += [constant("label1", np.array([[1, 2]])), constant("one", [1]), constant("two", [2])]
        ports = {"scores": [1, 2], "boxes": [1, 2, 4], "labels": ("INT64", [1, 2]), "feature": [1, 2, 1]}
    else:
        nodes += [
            node("Greater", "m half", "light"),
            node("Compress", "box2 light", "boxes", axis=0),
            node("Compress", "m light", "scores", axis=0),
            node("Unsqueeze", "scores one", "feature"),
        ]
        fixed = [constant("half", np.array([0.5], np.float32)), constant("box2", box[1:]), constant("one", [1])]
        ports = {"scores": ["k"], "boxes": ["k", 4], "feature": ["k", 1]}
    write(path, nodes, {"x": [1, 1, 8, 6]}, ports, fixed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Small models; do not change them."""
    made = tmp_path_factory.mktemp("models")
    _classifier(made / "nchw.onnx", ["n", 3, 8, 6])
    _classifier(made / "fixed.onnx", [2, 3, 8, 6])
    _classifier(made / "open.onnx", ["n", 3, "h", "w"])
    _classifier(made / "nhwc.onnx", ["n", 8, 6, 3], before=[node("Transpose", "x", "t", perm=[0, 3, 1, 2])])
    _classifier(made / "bytes.onnx", ["n", 3, 8, 6], "UINT8", [node("Cast", "x", "t", to=1)])
    _classifier(made / "half.onnx", ["n", 3, 8, 6], "FLOAT16", [node("Cast", "x", "t", to=1)])
    write(made / "text.onnx", [node("Identity", "x", "y")], {"x": ("STRING", [1, 3, 8, 6])}, {"y": ("STRING", ["n"])})
    mean = [
        node("Sub", "a b", "d"),
        node("ReduceMean", "d", "m", axes=[1, 2, 3], keepdims=0),
        node("Sigmoid", "m", "y"),
    ]
    write(made / "case.onnx", mean, {"a": ["n", 1, 8, 6], "b": ["n", 1, 8, 6]}, {"y": ["n"]})
    views = [node("ReduceMean", "x", "f", axes=[2, 3, 4], keepdims=0), node("Sigmoid", "f", "y")]
    write(made / "stack.onnx", views, {"x": ["n", 2, 1, 8, 6]}, {"y": ["n", 2], "f": ["n", 2]})
    wrong = [node("Reshape", "x shape", "y")]
    write(made / "wrong.onnx", wrong, {"x": ["n", 1, 8, 6]}, {"y": [48]}, [constant("shape", [48])])
    _detector(made / "boxes.onnx", batched=True)
    _detector(made / "single.onnx", batched=False)
    return made


@pytest.fixture
def task(folder):
    def make(name, **options):
        given = {"path": str(folder / f"{name}.onnx"), "views": VIEWS, "batch_size": 3, **options}
        return OnnxTask(structure(OnnxConfig, given, "task"))

    return make


def answered(task, cases=CASES):
    return check_output(task.predict(cases), "onnx", [case.id for case in cases])


def sigmoid(values):
    return 1 / (1 + np.exp(-np.asarray(values)))


def mean(one, view):
    """From 0 to 1."""
    return pixels(one, view).mean() / 255


def by_hand(one, view):
    """The logits of a grey image: all three channels have its mean."""
    return np.full(3, mean(one, view)) @ WEIGHTS


BOTH = {"scores": "both", "classes": ["x", "y"], "range": [0, 1]}


@pytest.mark.parametrize("name", ["nchw", "fixed", "nhwc"])
def test_view_level_by_hand(task, name):
    output = answered(task(name, **BOTH, feature="map", layout="NCHW" if name != "nhwc" else "NHWC"))
    assert output.spec.views == ("L", "R") and output.spec.classes == ("x", "y")
    assert output.present.tolist() == [[True, True], [False, True], [False, False], [True, True]]
    for i, j in ((0, 0), (0, 1), (3, 0), (3, 1)):
        np.testing.assert_allclose(output.scores[i, j], sigmoid(by_hand(CASES[i], VIEWS[j])), rtol=1e-5)


def test_layout_is_found(task):
    same(answered(task("nchw", **BOTH)), answered(task("nchw", **BOTH, layout="NCHW")))
    same(answered(task("nhwc", **BOTH)), answered(task("nhwc", **BOTH, layout="NHWC")))


def test_features_are_named_outputs_averaged_over_space(task):
    output = answered(task("nchw", **BOTH, feature="map"))
    assert output.spec.feature_size == 3
    for i in (0, 3):
        np.testing.assert_allclose(output.features[i, 0], [mean(CASES[i], "L")] * 3, rtol=1e-5)
    flat = answered(task("nchw", **BOTH, feature="logits"))
    np.testing.assert_allclose(flat.features[0, 1], by_hand(CASES[0], "R"), rtol=1e-5)


def test_logits(task):
    logits = by_hand(CASES[0], "L")
    softmax = np.exp(logits) / np.exp(logits).sum()
    output = answered(task("nchw", **{**BOTH, "scores": "logits"}, activation="softmax"))
    np.testing.assert_allclose(output.scores[0, 0], softmax, rtol=1e-5)
    one = answered(task("nchw", scores="logits", range=[0, 1], activation="softmax", positive=1))
    np.testing.assert_allclose(one.scores[0, 0], softmax[1:], rtol=1e-5)


@pytest.mark.parametrize("name", ["nchw", "fixed"])
def test_answers_do_not_depend_on_the_chunk(task, name):
    model = task(name, **BOTH, feature="map")
    together, single = answered(model), [answered(model, [case]) for case in CASES]
    same(type(together).concatenate(single), together)


def test_input_types(task):
    expected = answered(task("nchw", scores="both", classes=["x", "y"], scale=0.25))
    for name in ("bytes", "half"):
        whole = answered(task(name, scores="both", classes=["x", "y"], scale=0.25))
        np.testing.assert_allclose(whole.scores, expected.scores, atol=0.1)


def test_case_level_with_an_input_for_each_view(task):
    output = answered(task("case", level="case", range=[0, 1]))
    assert output.present.tolist() == [True, False, False, True] and output.spec.classes == ("positive",)
    difference = mean(CASES[0], "L") - mean(CASES[0], "R")
    np.testing.assert_allclose(output.scores[0, 0], sigmoid(difference), rtol=1e-5)
    named = answered(task("case", level="case", range=[0, 1], inputs={"R": "a", "L": "b"}))
    np.testing.assert_allclose(named.scores[0, 0], sigmoid(-difference), rtol=1e-5)


def test_case_level_with_stacked_views(task):
    options = {"scores": "y", "feature": "f", "classes": ["left", "right"], "range": [0, 1]}
    output = answered(task("stack", level="case", **options))
    expected = [mean(CASES[3], view) for view in VIEWS]
    np.testing.assert_allclose(output.scores[3], sigmoid(expected), rtol=1e-5)
    np.testing.assert_allclose(output.features[3], expected, rtol=1e-5)


FOUND = {"level": "detection", "boxes": "boxes", "scores": "scores", "feature": "feature", "range": [0, 1]}


def test_a_fixed_number_of_boxes(task):
    options = {**FOUND, "labels": "labels", "classes": ["ben", "mal"], "first_label": 1, "normalized": True}
    output = answered(task("boxes", **options))
    found = output.detections
    assert found.counts().tolist() == [2, 2, 0, 2, 0, 0, 2, 2]
    assert output.present.tolist() == [[True, True], [False, True], [False, False], [True, True]]
    assert found.boxes[:2].tolist() == [[0, 0, 3, 4], [1.5, 4, 6, 8]] and found.labels[:2].tolist() == [0, 1]
    assert found.boxes[4:6].tolist() == [[0, 0, 6, 8], [3, 8, 12, 16]]  # b is twice as large as the input
    np.testing.assert_allclose(found.scores[:2], [0.125, mean(CASES[0], "L")], rtol=1e-5)
    np.testing.assert_allclose(found.features[:2, 0], found.scores[:2])
    certain = answered(task("boxes", **options, threshold=0.25))
    assert certain.detections.counts().tolist() == [1, 1, 0, 1, 0, 0, 1, 1]


def test_any_number_of_boxes_of_one_image(task):
    light = Case.of("light", {"L": np.full((8, 6), 204, np.uint8), "R": np.full((8, 6), 51, np.uint8)})
    model = task("single", **FOUND, classes=["found"], normalized=True, box_format="xyxy")
    output = answered(model, [light, CASES[2]])
    assert output.detections.counts().tolist() == [1, 0, 0, 0]
    assert output.present.tolist() == [[True, True], [False, False]]
    np.testing.assert_allclose(output.detections.scores, [0.8], rtol=1e-5)
    same(type(output).concatenate([answered(model, [light]), answered(model, [CASES[2]])]), output)


def test_saved_model_outlives_its_file(folder, task, tmp_path):
    path = tmp_path / "mine.onnx"
    path.write_bytes((folder / "nchw.onnx").read_bytes())
    model, saved = task("nchw", path=str(path), **BOTH, feature="map"), tmp_path / "saved"
    expected = answered(model)
    saved.mkdir()
    model.save(saved)
    path.unlink()
    loaded = OnnxTask.load(saved)
    same(answered(loaded), expected)
    assert loaded.fingerprint() == model.fingerprint() and loaded.spec == model.spec
    (saved / "weights/model.json").write_text("{}")
    with pytest.raises(ModelFolderError, match="saved task 'onnx' cannot be used: 'content'"):
        OnnxTask.load(saved)


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("nchw", {}, "the network has several outputs: logits, both, map; say which one is scores"),
        ("nchw", {**BOTH, "scores": "booth"}, "scores: the network has no output 'booth' (did you mean 'both'?)"),
        ("nchw", {**BOTH, "feature": "mop"}, "feature: the network has no output 'mop' (did you mean 'map'?)"),
        (
            "nchw",
            {**BOTH, "classes": ["x"]},
            "output 'both' has 2 scores, classes names 1: x; expected a name for each",
        ),
        ("nchw", {"scores": "map"}, "output 'map' has shape (1, 3, 8, 6); expected (images, scores)"),
        ("open", BOTH, "takes images of any size; write size: [height, width]"),
        ("case", {}, "the network has 2 inputs (input 'a' of shape (any, 1, 8, 6); input 'b' of"),
        ("stack", {**BOTH, "scores": "y"}, "the network's input 'x' of shape (any, 2, 1, 8, 6) takes no images"),
        ("text", {}, "the network's input 'x' is a tensor(string); expected one of tensor(float), "),
    ],
)
def test_options_that_do_not_fit_the_model(task, name, options, message):
    model = task(name, **options)
    with pytest.raises(SpecError, match=f"^task 'onnx': {re.escape(str(model.config.path))}: .*{re.escape(message)}"):
        model.predict(CASES)


def test_sizes_the_network_leaves_open(task):
    output = answered(task("open", **BOTH, size=[16, 12]))
    np.testing.assert_allclose(output.scores[1, 1], sigmoid(by_hand(CASES[1], "R")), rtol=1e-5)


def test_networks_that_fail(task):
    with pytest.raises(DataError, match=r"wrong\.onnx fails on inputs of shape \(3, 1, 8, 6\): .*Reshape"):
        task("wrong", classes=[], activation="sigmoid", positive=0).predict(CASES)


def test_scores_that_are_logits(task):
    with pytest.raises(
        DataError, match=r"task 'onnx', case 'a', view 'L': output 'logits' says .*expected a score from 0"
    ):
        task("nchw", scores="logits", classes=["x", "y"]).predict(CASES)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("m.onnx", b"no model", "model cannot be used: PATH: [ONNXRuntimeError] : 7 : INVALID_PROTOBUF"),
        ("m.onnx", "half", "model cannot be used: PATH: "),
        ("m.onnx", "external", "model cannot be used: PATH: [ONNXRuntimeError]"),
        ("m.onnx", None, "model not found: PATH"),
        ("m.pt", b"", "model of unknown kind: PATH; expected an .onnx file"),
    ],
)
def test_files_that_cannot_be_used(folder, task, tmp_path, name, content, message):
    path = tmp_path / name
    if content == "half":
        content = (folder / "nchw.onnx").read_bytes()[:-40]
    if content == "external":
        model = onnx.load(folder / "nchw.onnx")
        onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
        assert (tmp_path / "weights.bin").is_file()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match="^" + re.escape(message.replace("PATH", str(path)))):
        task("nchw", path=str(path), **BOTH).predict(CASES)


def test_providers(task):
    with pytest.raises(SpecError, match=r"onnxruntime has no provider 'CPU' here.*; known: .*CPUExecutionProvider"):
        task("nchw", **BOTH, providers="CPU").predict(CASES)


def test_without_onnxruntime(task, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(PluginError, match=r"task 'onnx' needs onnxruntime: install taskfusion\[onnx\]"):
        task("nchw", **BOTH).predict(CASES)
