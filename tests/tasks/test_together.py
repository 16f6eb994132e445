"""All ready-made tasks in one spec and one pipeline: fitted, saved, loaded elsewhere, and the same to the bit."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from asking import same
from imaged import case

from taskfusion.images import write_png
from taskfusion.pipeline.compose import load
from taskfusion.pipeline.fusing import FuserPlan
from taskfusion.pipeline.pipeline import FusionPipeline
from taskfusion.plugins import build_registry
from taskfusion.progress import Progress
from taskfusion.spec import load_spec

onnx = pytest.importorskip("onnx", reason="onnx, which writes the test's model, is not installed: taskfusion[dev]")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: taskfusion[onnx]")
pytest.importorskip("keras", reason="Keras is not installed: taskfusion[keras]")

SPEC = """
cohort: {reader: table, path: cases.csv, labels: {ill: ill}, images: {L: left, R: right}, split: null}
tasks:
  net: {task: keras, path: net.keras, views: [L, R], range: [0, 1], feature: mean}
  other: {task: onnx, path: net.onnx, views: [L, R], range: [0, 1], feature: f, scores: f}
  lesions: {task: table, level: detection, path: found.json, coco: listed.json, views: [L, R], features: [v]}
  risk: {task: sklearn, columns: [age], categories: [history]}
fusers:
  P_score: {fuser: svm, detections: 2}
"""


def _write_models(folder):
    from taskfusion.training.backend import keras

    keras.utils.set_random_seed(0)
    image = keras.Input((8, 6, 1))
    mean = keras.layers.GlobalAveragePooling2D(name="mean")(image)
    keras.Model(image, keras.layers.Dense(1, "sigmoid")(mean)).save(folder / "net.keras")
    ports = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in (("x", ["n", 1, 8, 6]), ("f", ["n"]))
    ]
    node = onnx.helper.make_node("ReduceMean", ["x"], ["f"], axes=[1, 2, 3], keepdims=0)
    graph = onnx.helper.make_graph([node], "g", ports[:1], ports[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    (folder / "net.onnx").write_bytes(model.SerializeToString())


def _write_cases(folder):
    rng = np.random.default_rng(0)
    rows, images, found = [], [], []
    for k in range(24):
        one, ill = case(f"e{k:02d}", "L", "R"), k % 2
        files = {}
        for name, view in one.views.items():
            if k == 3 and name == "R":
                continue  # a missing view
            files[name] = f"e{k:02d}_{name}.png"
            write_png(folder / files[name], view.read())
            images.append({"id": len(images), "file_name": files[name]})
            box = {"bbox": [1, 2, 3, 4], "score": rng.random(), "v": rng.normal(size=2).tolist()}
            found += [{"image_id": len(images) - 1, "category_id": 0, **box}] * (k % 3 > 0)
        words = {"history": ["yes", "no", None][k % 3], "age": None if k == 5 else 50 + 5 * ill + rng.normal()}
        rows.append({"case": one.id, "ill": ill, **words, "left": files["L"], "right": files.get("R")})
    pd.DataFrame(rows).to_csv(folder / "cases.csv", index=False)
    (folder / "found.json").write_text(json.dumps(found))
    (folder / "listed.json").write_text(json.dumps({"images": images, "categories": [{"id": 0, "name": "mass"}]}))


def test_fit_save_load_predict(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    _write_models(home)
    _write_cases(home)
    (home / "spec.yaml").write_text(SPEC)
    registry = build_registry(entry_points=False)
    spec = load_spec(home / "spec.yaml", registry)
    cohort = spec.reader.read(Progress())
    plans = [FuserPlan(f.name, f.fuser, f.padding, f.tasks, f.detections) for f in spec.fusers]
    pipeline = FusionPipeline(spec.tasks, plans).fit(cohort)
    expected = pipeline.predict(cohort)
    assert expected.missing[3] == ("net/R", "other/R", "lesions/R")
    pipeline.save(tmp_path / "model", registry)
    for name in ("net.keras", "net.onnx", "found.json", "listed.json", "spec.yaml"):
        (home / name).unlink()
    shutil.move(tmp_path / "model", tmp_path / "moved")
    found = load(tmp_path / "moved").predict(cohort)
    for key, scores in expected.scores.items():
        np.testing.assert_array_equal(found.scores[key], scores)
    for name, output in expected.outputs.items():
        same(found.outputs[name], output)
