"""Every runtime says what Keras says; one that cannot leaves it to Keras, and says so."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runtimes import exported
from tiny_networks import made

from taskfusion.images import Array
from taskfusion.inference import networks
from taskfusion.inference.choosing import missing
from taskfusion.inference.exporting import difference
from taskfusion.inference.networks import Asked, Networks, stacked
from taskfusion.inference.options import Running
from taskfusion.inference.runners import KerasRunner
from taskfusion.training.backend import keras
from taskfusion.training.inference import predict_batches

runtimes = pytest.mark.parametrize("runtime", exported())


def said(asked: Asked, images: list[Array], running: Running) -> list[Array]:
    return stacked(Networks().answers(asked, iter(images), running), asked.model)


def refusing(*_: Any) -> None:
    raise ValueError("no such operation: Swish\nand more about it")


@pytest.mark.backend
def test_keras_answers_as_predict_batches_does(asked: Asked, images: list[Array]) -> None:
    expected = predict_batches(asked.model, np.stack(images), asked.batch)
    for one, other in zip(said(asked, images, Running()), expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.backend
def test_no_samples_give_empty_answers(asked: Asked) -> None:
    assert [part.shape for part in said(asked, [], Running("openvino"))] == [(0, 2), (0, 3)]


@runtimes
def test_a_runtime_says_what_keras_says_in_the_same_order(asked: Asked, images: list[Array], runtime: str) -> None:
    notices: list[str] = []
    found = said(asked, images, Running(runtime, say=notices.append))
    assert notices == []
    for one, other in zip(found, said(asked, images, Running()), strict=True):
        assert len(np.unique(other, axis=0)) == len(images), "images that nobody tells apart show no order"
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-4)


@runtimes
def test_answers_of_one_sample_are_those_of_many(asked: Asked, images: list[Array], runtime: str) -> None:
    many = said(asked, images, Running(runtime))
    alone = said(asked, images[4:5], Running(runtime))
    for one, other in zip(alone, many, strict=True):
        np.testing.assert_allclose(one[0], other[4], rtol=0, atol=1e-5)


class Weighted(keras.Model):
    """Two inputs, and a dictionary of outputs, none of them said beforehand."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(2)
        self.dense.build((None, 4))
        self.built = True

    def build(self, input_shape: Any) -> None:
        """Built already."""

    def call(self, inputs: Any) -> dict[str, Any]:
        numbers, weights = inputs
        return {"sum": keras.ops.sum(numbers * weights, axis=-1), "dense": self.dense(numbers - weights)}


@runtimes
def test_several_inputs_and_a_dictionary_of_outputs(runtime: str) -> None:
    rng, notices = np.random.default_rng(1), list[str]()
    samples = [(rng.normal(size=4), rng.normal(size=4)) for _ in range(5)]
    asked = Asked("pairs", Weighted(), 2)
    found = [list(Networks().answers(asked, samples, Running(r, say=notices.append))) for r in ("keras", runtime)]
    assert notices == []
    for (numbers, weights), one, other in zip(samples, *found, strict=True):
        assert difference(one, other) < 1e-5
        np.testing.assert_allclose(one[1], numbers @ weights, rtol=1e-5, atol=1e-5)


@runtimes
def test_a_graph_is_exported_once_and_found_again(
    asked: Asked, images: list[Array], runtime: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices: list[str] = []
    running = Running(runtime, folder=tmp_path / "graphs", say=notices.append)
    first = said(asked, images, running)
    (place,) = (tmp_path / "graphs").iterdir()
    monkeypatch.setattr(networks, "export", refusing)
    again = said(asked, images, running)
    assert notices == [] and [np.array_equal(*pair) for pair in zip(first, again, strict=True)] == [True, True]
    other = Asked("other weights", made(1), 3)
    said(other, images, running)
    assert notices == [f"other weights is run by Keras, as {runtime} cannot: no such operation: Swish"]
    assert list((tmp_path / "graphs").iterdir()) == [place], "half a graph was left behind"


@runtimes
def test_a_damaged_graph_is_made_again(asked: Asked, images: list[Array], runtime: str, tmp_path: Path) -> None:
    notices: list[str] = []
    running = Running(runtime, folder=tmp_path, say=notices.append)
    first = said(asked, images, running)
    for path in tmp_path.glob("*/graph.*"):
        path.write_bytes(path.read_bytes()[:50])
    again = said(asked, images, running)
    assert notices == [] and all(np.allclose(*pair, atol=1e-6) for pair in zip(first, again, strict=True))


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_what_cannot_be_exported_stays_with_keras_and_is_said_once(
    asked: Asked, images: list[Array], runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, "export", refusing)
    notices, own = [], Networks()
    for _ in range(2):
        found = stacked(own.answers(asked, images, Running(runtime, say=notices.append)), asked.model)
        assert all(np.array_equal(*pair) for pair in zip(found, said(asked, images, Running()), strict=True))
    assert notices == [f"toy: network 'view' is run by Keras, as {runtime} cannot: no such operation: Swish"]


def test_a_graph_that_answers_otherwise_is_not_used(
    asked: Asked, images: list[Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    another = KerasRunner(made(1), 3)
    monkeypatch.setattr(networks, "export", lambda *_: None)
    monkeypatch.setattr(networks, "opened", lambda *_: another)
    notices: list[str] = []
    found = said(asked, images, Running("openvino", say=notices.append))
    assert all(np.array_equal(*pair) for pair in zip(found, said(asked, images, Running()), strict=True))
    (notice,) = notices
    assert notice.startswith(
        "toy: network 'view' is run by Keras, as openvino cannot: its answers differ from Keras' by"
    )
    assert notice.endswith(", more than 0.0001")


def test_a_network_trained_anew_is_not_answered_for_by_the_old_one(asked: Asked, images: list[Array]) -> None:
    own, other = Networks(), Asked(asked.name, made(1), 3)
    old = stacked(own.answers(asked, images, Running()), asked.model)
    new = stacked(own.answers(other, images, Running()), other.model)
    assert not np.allclose(old[1], new[1])
    assert all(np.array_equal(*pair) for pair in zip(new, said(other, images, Running()), strict=True))


def test_a_copy_makes_its_own_runners(asked: Asked, images: list[Array]) -> None:
    own = Networks()
    list(own.answers(asked, images, Running()))
    copied = pickle.loads(pickle.dumps(own))
    assert len(list(copied.answers(asked, images, Running()))) == len(images)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([0.5, 0.25], [0.5, 0.25], 0),
        ([0.5], [0.5001], 1e-4),
        ([200.0], [200.02], 1e-4),
        ([np.nan, np.inf], [np.nan, np.inf], 0),
        ([np.nan], [0.5], np.inf),
        ([0.5], [0.5, 0.5], np.inf),
        ([], [], 0),
    ],
)
def test_how_far_two_answers_are_apart(one: list[float], other: list[float], expected: float) -> None:
    assert difference([np.array(one)], [np.array(other)]) == pytest.approx(expected)


@pytest.mark.slow
@pytest.mark.skipif(bool(missing("openvino")), reason="needs openvino")
def test_openvino_sends_no_telemetry() -> None:
    code = (
        "import sys; from taskfusion.inference.runners import openvino; openvino().Core(); "
        "print('openvino_telemetry' in sys.modules, openvino() is sys.modules['openvino'])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False True"
