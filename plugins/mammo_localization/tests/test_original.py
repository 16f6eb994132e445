"""The network against the published one, written down here a second time: in numpy, by variable name."""

from __future__ import annotations

import csv
import math
import sys
from pathlib import Path

import attrs
import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from mammo_localization import checkpoint
from mammo_localization.config import PAPER, LocalizationConfig
from mammo_localization.detector import Detector
from mammo_localization.original import load_original, original_variables
from taskfusion.errors import DataError

TABLE = Path(__file__).parents[4] / "shared" / "data" / "tf1_frcnn_inception_v2" / "variables.tsv"
FIRST, SECOND = "FirstStageFeatureExtractor/InceptionV2/", "SecondStageFeatureExtractor/InceptionV2/"
ANCHORS, CLASSES = 12, 1

# (name, kernel, from, to) of every convolution in a module; a reduction's 1a layers have stride 2
MODULES = {
    "Mixed_3b": (192, 64, (64, 64), (64, 96, 96), 32),
    "Mixed_3c": (256, 64, (64, 96), (64, 96, 96), 64),
    "Mixed_4a": (320, None, (128, 160), (64, 96, 96), None),
    "Mixed_4b": (576, 224, (64, 96), (96, 128, 128), 128),
    "Mixed_4c": (576, 192, (96, 128), (96, 128, 128), 128),
    "Mixed_4d": (576, 160, (128, 160), (128, 160, 160), 96),
    "Mixed_4e": (576, 96, (128, 192), (160, 192, 192), 96),
    "Mixed_5a": (576, None, (128, 192), (192, 256, 256), None),
    "Mixed_5b": (1024, 352, (192, 320), (160, 224, 224), 128),
    "Mixed_5c": (1024, 352, (192, 320), (192, 224, 224), 128),
}


def module_layers(name):
    """``(path, kernel side, from, to)`` of a module's convolutions, in order."""
    depth, single, triple, double, pooled = MODULES[name]
    if single is None:
        return [
            ("Branch_0/Conv2d_0a_1x1", 1, depth, triple[0]),
            ("Branch_0/Conv2d_1a_3x3", 3, *triple),
            ("Branch_1/Conv2d_0a_1x1", 1, depth, double[0]),
            ("Branch_1/Conv2d_0b_3x3", 3, *double[:2]),
            ("Branch_1/Conv2d_1a_3x3", 3, *double[1:]),
        ]
    return [
        ("Branch_0/Conv2d_0a_1x1", 1, depth, single),
        ("Branch_1/Conv2d_0a_1x1", 1, depth, triple[0]),
        ("Branch_1/Conv2d_0b_3x3", 3, *triple),
        ("Branch_2/Conv2d_0a_1x1", 1, depth, double[0]),
        ("Branch_2/Conv2d_0b_3x3", 3, *double[:2]),
        ("Branch_2/Conv2d_0c_3x3", 3, *double[1:]),
        ("Branch_3/Conv2d_0b_1x1", 1, depth, pooled),
    ]


def published_shapes(classes=CLASSES):
    """Shape of every variable by name."""
    shapes = {
        f"{FIRST}Conv2d_1a_7x7/depthwise_weights": (7, 7, 3, 8),
        f"{FIRST}Conv2d_1a_7x7/pointwise_weights": (1, 1, 24, 64),
        f"{FIRST}Conv2d_2b_1x1/weights": (1, 1, 64, 64),
        f"{FIRST}Conv2d_2c_3x3/weights": (3, 3, 64, 192),
    }
    for module in MODULES:
        root = SECOND if module.startswith("Mixed_5") else FIRST
        for path, side, low, high in module_layers(module):
            shapes[f"{root}{module}/{path}/weights"] = (side, side, low, high)
    for name, shape in list(shapes.items()):
        if not name.endswith("depthwise_weights"):
            layer = name.rsplit("/", 1)[0]
            shapes |= {f"{layer}/BatchNorm/{part}": shape[-1:] for part in ("beta", "gamma")}
            shapes |= {f"{layer}/BatchNorm/moving_{part}": shape[-1:] for part in ("mean", "variance")}
    heads = {
        "Conv": (3, 3, 576, 512),
        "FirstStageBoxPredictor/BoxEncodingPredictor": (1, 1, 512, 4 * ANCHORS),
        "FirstStageBoxPredictor/ClassPredictor": (1, 1, 512, 2 * ANCHORS),
        "SecondStageBoxPredictor/BoxEncodingPredictor": (1024, 4 * classes),
        "SecondStageBoxPredictor/ClassPredictor": (1024, classes + 1),
    }
    for name, shape in heads.items():
        shapes |= {f"{name}/weights": shape, f"{name}/biases": shape[-1:]}
    return shapes


def random_weights(seed=0, classes=CLASSES):
    """Numbers with which signals neither fade nor grow on their way through."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in published_shapes(classes).items():
        if name.endswith(("gamma", "variance")):
            value = rng.uniform(0.6, 1.4, shape)
        elif len(shape) > 1:
            inputs = np.prod(shape[:2]) if "depthwise" in name else np.prod(shape[:-1])
            value = rng.normal(0, math.sqrt(2 / inputs), shape)
        else:
            value = rng.normal(0, 0.2, shape)
        weights[name] = value.astype(np.float32)
    return weights


# --- the published architecture in numpy


def windows(x, side, stride, fill):
    """Windows of "SAME" padding as TensorFlow counts it: ``(n, rows, columns, depth, side, side)``."""
    pads = [(0, 0)]
    for length in x.shape[1:3]:
        total = max((math.ceil(length / stride) - 1) * stride + side - length, 0)
        pads.append((total // 2, total - total // 2))
    padded = np.pad(x, [*pads, (0, 0)], constant_values=fill)
    return np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))[:, ::stride, ::stride]


def conv(x, kernel, stride=1):
    return np.einsum("nrcdij,ijde->nrce", windows(x, len(kernel), stride, 0.0), kernel, optimize=True)


def pool(x, stride, how=np.max):
    if how is np.max:
        return windows(x, 3, stride, -np.inf).max(axis=(4, 5))
    return windows(x, 3, stride, 0.0).sum(axis=(4, 5)) / windows(np.ones_like(x), 3, stride, 0.0).sum(axis=(4, 5))


def normalised(x, weights, layer):
    """Batch normalisation with moving statistics, then ReLU."""
    beta, gamma, mean, variance = (
        weights[f"{layer}/BatchNorm/{part}"] for part in ("beta", "gamma", "moving_mean", "moving_variance")
    )
    return np.maximum((x - mean) / np.sqrt(variance + 0.001) * gamma + beta, 0)


def layer_of(x, weights, layer, stride=1):
    return normalised(conv(x, weights[f"{layer}/weights"], stride), weights, layer)


def module_of(x, weights, root, name):
    reduces = MODULES[name][1] is None
    branches = {f"Branch_{i}": x for i in range(3 if reduces else 4)}
    if reduces:
        branches["Branch_2"] = pool(x, 2)
    else:
        branches["Branch_3"] = pool(x, 1, np.max if name == "Mixed_5c" else np.mean)
    for path, *_ in module_layers(name):
        branch = path.split("/")[0]
        branches[branch] = layer_of(branches[branch], weights, f"{root}{name}/{path}", 2 if "_1a_" in path else 1)
    return np.concatenate([branches[name] for name in sorted(branches)], axis=-1)


def first_stage(images, weights):
    """Maps of images in [0, 1]."""
    x = images * 2 - 1
    depthwise = weights[f"{FIRST}Conv2d_1a_7x7/depthwise_weights"]
    x = np.einsum("nrcdij,ijdm->nrcdm", windows(x, 7, 2, 0.0), depthwise)
    x = conv(x.reshape(*x.shape[:3], -1), weights[f"{FIRST}Conv2d_1a_7x7/pointwise_weights"])
    x = pool(normalised(x, weights, f"{FIRST}Conv2d_1a_7x7"), 2)
    x = layer_of(layer_of(x, weights, f"{FIRST}Conv2d_2b_1x1"), weights, f"{FIRST}Conv2d_2c_3x3")
    x = pool(x, 2)
    for name in (name for name in MODULES if not name.startswith("Mixed_5")):
        x = module_of(x, weights, FIRST, name)
    return x


def proposals(maps, weights):
    """Codes and logits of every anchor."""
    x = np.clip(conv(maps, weights["Conv/weights"]) + weights["Conv/biases"], 0, 6)
    parts = []
    for name, numbers in (("BoxEncodingPredictor", 4), ("ClassPredictor", 2)):
        head = f"FirstStageBoxPredictor/{name}"
        parts.append((conv(x, weights[f"{head}/weights"]) + weights[f"{head}/biases"]).reshape(len(x), -1, numbers))
    return parts


def features(maps, boxes, size, weights):
    """Second-stage vectors of boxes (k, 4) xyxy in an image of ``size``: crop 14, pool 2, Mixed_5a to 5c, mean."""
    steps, (rows, columns) = np.arange(14) / 13, maps.shape[1:3]
    crops = []
    for left, top, right, bottom in boxes:
        y = (top + (bottom - top) * steps) / size[0] * (rows - 1)
        x = (left + (right - left) * steps) / size[1] * (columns - 1)
        grid = np.stack(np.meshgrid(y, x, indexing="ij"))
        crops.append(np.stack([map_coordinates(plane, grid, order=1) for plane in np.moveaxis(maps[0], -1, 0)], -1))
    x = np.stack(crops).reshape(len(boxes), 7, 2, 7, 2, -1).max(axis=(2, 4))
    for name in ("Mixed_5a", "Mixed_5b", "Mixed_5c"):
        x = module_of(x, weights, SECOND, name)
    return x.mean(axis=(1, 2))


def answers(vectors, weights):
    """Box codes and class logits."""
    heads = [f"SecondStageBoxPredictor/{name}" for name in ("BoxEncodingPredictor", "ClassPredictor")]
    return [vectors @ weights[f"{head}/weights"] + weights[f"{head}/biases"] for head in heads]


# --- files


@pytest.fixture(scope="module")
def weights():
    """Random weights by name; do not change them."""
    return random_weights()


@pytest.fixture(scope="module")
def detector():
    """A detector at the paper's width, for small images; every test brings its own weights."""
    return Detector(LocalizationConfig(**(PAPER | {"size": (96, 64)}), classes=("lesion",)))


def save_checkpoint(prefix, arrays):
    """A TF1 checkpoint as ``tf.train.Saver`` writes it."""
    tf = pytest.importorskip("tensorflow")
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=list(arrays),
        shape_and_slices=[""] * len(arrays),
        tensors=[tf.constant(value) for value in arrays.values()],
    )
    return prefix


def bookkeeping(arrays):
    """What a training keeps beside its weights."""
    slots = {f"{name}/Momentum": np.zeros_like(value) for name, value in arrays.items() if "moving" not in name}
    averages = {f"{name}/ExponentialMovingAverage": value + 1 for name, value in list(arrays.items())[:5]}
    return slots | averages | {"global_step": np.int64(200_000)}


@pytest.fixture(scope="module")
def ckpt(weights, tmp_path_factory):
    """A training's checkpoint with these weights; do not change it."""
    folder = tmp_path_factory.mktemp("original")
    return save_checkpoint(folder / "model.ckpt", weights | bookkeeping(weights) | {"stray": np.zeros(2, np.float32)})


# --- tests


def test_the_published_variables_are_those_of_the_table():
    if not TABLE.is_file():
        pytest.skip(f"the table of the original's variables is not here: {TABLE}")
    with TABLE.open() as lines:
        table = {row["name"]: row["shape"] for row in csv.DictReader(lines, delimiter="\t")}
    del table["global_step"]
    assert {name: ",".join(map(str, shape)) for name, shape in published_shapes().items()} == table


def test_every_variable_has_the_published_name_and_shape(detector):
    ours = {name: tuple(variable.shape) for name, variable in original_variables(detector).items()}
    assert ours == published_shapes()
    assert len(ours) == 356


@pytest.mark.slow
def test_a_checkpoint_of_the_original_answers_as_the_published_network_does(detector, weights, ckpt):
    imported = load_original(detector, ckpt)
    assert set(imported.loaded) == set(weights)
    assert (imported.left, imported.unknown) == ((), ("stray",))
    assert set(imported.ignored) == set(bookkeeping(weights))

    images = np.random.default_rng(1).random((1, 96, 64, 3)).astype(np.float32)
    boxes = np.array([[3, 5, 40, 60], [0, 0, 64, 96], [20, 30, 33, 44]], np.float32)
    maps = np.asarray(detector.first(images))
    close(maps, first_stage(images, weights))
    first = detector.proposals(maps, (96, 64))
    for ours, published in zip((first.codes, first.logits), proposals(maps, weights), strict=True):
        close(ours, published)
    vectors = np.asarray(detector.features(maps, boxes[None], (96, 64)))[0]
    close(vectors, features(maps, boxes, (96, 64), weights))
    for ours, published in zip(detector.box_head(vectors[None]), answers(vectors, weights), strict=True):
        close(np.asarray(ours)[0], published)


def close(ours, published):
    ours = np.asarray(ours)
    assert ours.shape == published.shape
    assert published.std() > 0.05  # signals that faded would prove nothing
    assert np.abs(ours - published).max() < 1e-4 * np.abs(published).max()


def test_a_checkpoint_may_be_named_by_any_of_its_files_or_its_folder(ckpt):
    named = [ckpt, ckpt.with_name("model.ckpt.index"), ckpt.with_name("model.ckpt.data-00000-of-00001"), ckpt.parent]
    assert all(len(checkpoint.read_weights(path)[0]) == 357 for path in named)


def test_heads_for_other_classes_start_anew(detector, tmp_path):
    coco = random_weights(3, classes=90)
    imported = load_original(detector, save_checkpoint(tmp_path / "coco.ckpt", coco))
    assert len(imported.loaded) == 352
    heads = ("BoxEncodingPredictor", "ClassPredictor")
    assert imported.left == tuple(
        f"SecondStageBoxPredictor/{head}/{p}" for head in heads for p in ("biases", "weights")
    )
    assert imported.summary()["left"] == list(imported.left)
    assert imported.summary()["loaded"] == 352


def test_a_checkpoint_turned_into_an_npz_is_the_same(ckpt, weights, tmp_path, monkeypatch):
    checkpoint.to_npz(ckpt, tmp_path / "coco.npz")
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    arrays, _ = checkpoint.read_weights(tmp_path / "coco.npz")
    assert set(arrays) == {*weights, "stray"}
    assert all(np.array_equal(arrays[name], value) for name, value in weights.items())


def test_without_tensorflow_a_checkpoint_is_refused_with_the_way_out(ckpt, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(DataError, match=r"TensorFlow is not installed; turn them into an \.npz where it is: .*to_npz"):
        checkpoint.read_weights(ckpt)


def test_checkpoints_that_cannot_be_read_are_refused(tmp_path):
    pytest.importorskip("tensorflow")
    (tmp_path / "model.ckpt.index").write_bytes(b"no table")
    with pytest.raises(DataError, match=r"model\.ckpt cannot be read as a TensorFlow checkpoint: "):
        checkpoint.read_weights(tmp_path / "model.ckpt")
    with pytest.raises(
        DataError, match=r"initial weights not found: .*nothing\.ckpt\.index; they are an \.npz file, or"
    ):
        checkpoint.read_weights(tmp_path / "nothing.ckpt")
    (tmp_path / "other.ckpt.index").touch()
    with pytest.raises(DataError, match=r"holds 2 checkpoints \(files NAME\.index\); initial weights name one"):
        checkpoint.read_weights(tmp_path)
    (tmp_path / "coco.npz").write_bytes(b"no zip")
    with pytest.raises(DataError, match=r"initial weights .*coco\.npz cannot be read: "):
        checkpoint.read_weights(tmp_path / "coco.npz")


def test_weights_that_are_no_numbers_are_refused(detector, weights, tmp_path):
    name = f"{FIRST}Conv2d_2b_1x1/BatchNorm/beta"
    np.savez(tmp_path / "spoiled.npz", **(weights | {name: np.full(64, np.nan, np.float32)}))
    with pytest.raises(DataError, match=rf"spoiled\.npz hold numbers that are not finite, '{name}' first"):
        load_original(detector, tmp_path / "spoiled.npz")


def test_the_classes_of_a_detector_change_only_its_last_layers():
    four = attrs.evolve(LocalizationConfig(**(PAPER | {"size": (96, 64)})))
    ours = {name: tuple(variable.shape) for name, variable in original_variables(Detector(four)).items()}
    assert ours == published_shapes(classes=4)
