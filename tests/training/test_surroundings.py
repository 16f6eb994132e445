"""Precision, TensorBoard, class weights, several devices: what surrounds a training, with tiny networks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import attrs
import numpy as np
import pytest
from recording import Recorder

from taskfusion.errors import SpecError
from taskfusion.training.backend import keras
from taskfusion.training.batches import Batches
from taskfusion.training.distribution import check_shares, devices, distributed
from taskfusion.training.fitting import class_weights, train
from taskfusion.training.options import TrainingOptions
from taskfusion.training.precision import computing_in
from taskfusion.training.recipe import BatchOptions, Recipe
from taskfusion.training.watch import Watch

pytestmark = pytest.mark.backend
X = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)
RECIPE = Recipe(2, 16, learning_rate=0.05)


def batches(recipe: Recipe = RECIPE) -> Batches:
    return Batches(X, Y, recipe.batches(seed=1))


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_is_of_the_training_alone(network: keras.Model, precision: str) -> None:
    start = network.get_weights()
    whole = keras.ops.convert_to_numpy(network(X))
    with computing_in(network, precision):
        names = {layer.name: layer.compute_dtype for layer in network.layers}
        network.compile("adam", "mse")
        assert (type(network.optimizer).__name__ == "LossScaleOptimizer") == (precision == "mixed_float16")
        assert not np.array_equal(keras.ops.convert_to_numpy(network(X)), whole)
    assert names.pop(network.output_names[0]) == "float32"
    assert set(names.values()) == {precision.removeprefix("mixed_")}
    assert np.array_equal(keras.ops.convert_to_numpy(network(X)), whole)
    train(network, batches(), (X, Y), RECIPE, Watch(Recorder(), options=TrainingOptions(precision=precision)))  # type: ignore[arg-type]
    assert {str(weight.dtype) for weight in network.get_weights()} == {"float32"}
    assert {layer.compute_dtype for layer in network.layers} == {"float32"}
    assert not np.array_equal(network.get_weights()[0], start[0])


def test_an_error_inside_takes_the_precision_back_too(network: keras.Model) -> None:
    with pytest.raises(KeyError), computing_in(network, "mixed_bfloat16"):
        raise KeyError
    assert {layer.compute_dtype for layer in network.layers} == {"float32"}


def test_tensorboard_shows_every_epoch_of_the_last_training_alone(network: keras.Model, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator").EventAccumulator
    watch = Watch(Recorder(), logs=tmp_path / "view")
    (tmp_path / "view").mkdir()
    (tmp_path / "view" / "events.out.tfevents.old").write_bytes(b"of an earlier training")
    figures = train(network, batches(), (X, Y), attrs.evolve(RECIPE, then=(0.01,)), watch)
    shown = accumulator(str(tmp_path / "view"))
    shown.Reload()
    assert set(shown.Tags()["scalars"]) == {"loss", "auc", "val_loss", "val_auc", "learning_rate"}
    told = [event.value for event in shown.Scalars("val_auc")]
    assert told == pytest.approx(figures["val_auc"])
    assert [event.step for event in shown.Scalars("learning_rate")] == [1, 2, 3, 4]


def test_tensorboard_that_is_not_installed_is_told(
    network: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SpecError, match=r"^it: training\.tensorboard needs the package tensorboard; pip install 'task"):
        train(network, batches(), None, RECIPE, Watch(Recorder(), "it", logs=tmp_path))


def test_balanced_weights_make_each_class_count_as_much_as_another() -> None:
    targets = np.array([0] * 12 + [1] * 3 + [3])
    balanced = Recipe(class_weight="balanced")
    even = Batches(targets, targets, BatchOptions(4))
    weights = class_weights(balanced, even)
    assert weights is not None and sorted(weights) == [0, 1, 3]
    assert {label: weights[label] * (targets == label).sum() for label in weights} == pytest.approx(
        dict.fromkeys(weights, 16 / 3)
    )
    drawn = Batches(targets, targets, BatchOptions(4), classes=(targets > 0).astype(int))
    assert drawn.class_shares() == pytest.approx({0: 0.5, 1: 0.375, 3: 0.125})
    assert class_weights(Recipe(class_weight=(1.0, 2.0)), even) == {0: 1.0, 1: 2.0}
    assert class_weights(Recipe(), even) is None


def test_a_class_of_weight_0_is_not_learned(network: keras.Model) -> None:
    recipe = Recipe(6, 16, learning_rate=0.1, class_weight=(0.0, 1.0))
    train(network, batches(recipe), None, recipe, Watch(Recorder()))
    assert (keras.ops.convert_to_numpy(network(X))[:, 1] > 0.5).all()


def test_another_number_of_class_weights_than_of_classes_is_refused(network: keras.Model) -> None:
    with pytest.raises(SpecError, match=r"^it: class_weight has 3 weights, and there are 2 classes$"):
        train(network, batches(), None, attrs.evolve(RECIPE, class_weight=(1.0, 1.0, 2.0)), Watch(Recorder(), "it"))


def test_data_parallel_that_came_too_late_is_refused(network: keras.Model) -> None:
    options = TrainingOptions(distribution="data_parallel")
    with pytest.raises(SpecError, match=r"^it: distribution data_parallel must be in place before a network is built"):
        train(network, batches(), None, RECIPE, Watch(Recorder(), "it", options=options))
    assert devices() == 1


def test_data_parallel_needs_a_backend_that_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with (
        pytest.raises(
            SpecError, match=r"^training\.distribution data_parallel needs the backend tensorflow or jax; this"
        ),
        distributed(TrainingOptions(distribution="data_parallel")),
    ):
        pass


def test_a_batch_is_shared_out_evenly_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    options = TrainingOptions(distribution="data_parallel")
    monkeypatch.setattr("taskfusion.training.distribution.devices", lambda: 3)
    monkeypatch.setattr("taskfusion.training.distribution._is_distributed", lambda: True)
    check_shares("it", options, 6)
    with pytest.raises(SpecError, match=r"^it: a batch of 8 cannot be shared out evenly between 3 devices$"):
        check_shares("it", options, 8)


KILLED = """
import os, signal, sys
import numpy as np
from pathlib import Path
from test_surroundings import RECIPE, X, Y, attrs, batches, keras, train
from taskfusion.training.stages import once
from taskfusion.training.watch import Watch, checkpoint_of
from taskfusion.training.backend import repeatable

class Step:
    done = 0
    def advance(self, amount=1, **figures):
        self.done += amount
        if self.done >= float(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)

recipe = attrs.evolve(RECIPE, epochs=4)
repeatable(3)
numbers = keras.Input((4,))
inner = keras.layers.Dropout(0.5)(keras.layers.Dense(8)(numbers))
model = keras.Model(numbers, keras.layers.Dense(2, activation="softmax")(inner))
path = Path(sys.argv[1]) / "it.weights.h5"
once(model, path, lambda: train(model, batches(recipe), (X, Y), recipe, Watch(Step(), checkpoint=checkpoint_of(path))))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_process_killed_for_good_goes_on_and_ends_with_the_same_figures(tmp_path: Path) -> None:
    def process(name: str, at: float) -> int:
        (tmp_path / name).mkdir(exist_ok=True)
        paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1]), *sys.path])
        command = [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path / name), str(at)]
        done = subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        return done.returncode

    assert process("whole", np.inf) == 0
    assert process("killed", 5) == -signal.SIGKILL
    assert [path.name for path in (tmp_path / "killed").iterdir()] == ["it.checkpoint.npz"]
    assert process("killed", np.inf) == 0
    files = [sorted(path.name for path in (tmp_path / name).iterdir()) for name in ("whole", "killed")]
    assert files == [["it.weights.h5", "it.weights.json"]] * 2
    figures = [(tmp_path / name / "it.weights.json").read_text() for name in ("whole", "killed")]
    assert figures[0] == figures[1]
