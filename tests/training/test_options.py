"""What a spec says of training, read, refused and written back; no Keras here."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recording import Recorder

from taskfusion.configs import structure, unstructure
from taskfusion.errors import SpecError
from taskfusion.settings import Settings
from taskfusion.tasks.base import FitContext
from taskfusion.training.options import TrainingOptions
from taskfusion.training.recipe import Recipe
from taskfusion.training.watch import Stage, Watch, checkpoint_of

OPTIONS = st.builds(
    TrainingOptions,
    precision=st.sampled_from(["float32", "mixed_float16", "mixed_bfloat16"]),
    distribution=st.sampled_from(["none", "data_parallel"]),
    tensorboard=st.booleans(),
    checkpoint_every=st.integers(0, 100),
)
RATES = st.floats(1e-6, 1)
RECIPES = st.builds(
    Recipe,
    epochs=st.integers(1, 1000),
    steps=st.none() | st.integers(1, 1000),
    learning_rate=RATES,
    then=st.lists(RATES, max_size=3).map(tuple),
    schedule=st.sampled_from(["constant", "cosine", "plateau"]),
    monitor=st.sampled_from(["val_loss", "val_auc"]),
    patience=st.none() | st.integers(0, 50),
    keep=st.sampled_from(["last", "best", "average"]),
    class_weight=st.sampled_from(["none", "balanced"]) | st.lists(RATES, min_size=1, max_size=4).map(tuple),
)


@given(OPTIONS | RECIPES)
def test_what_is_written_reads_back_the_same(options: TrainingOptions | Recipe) -> None:
    assert structure(type(options), unstructure(options), "it") == options


@given(OPTIONS, OPTIONS)
def test_the_key_tells_apart_what_changes_the_weights_and_nothing_else(a: TrainingOptions, b: TrainingOptions) -> None:
    same = (a.precision, a.distribution) == (b.precision, b.distribution)
    assert (a.key == b.key) == same
    assert TrainingOptions().key == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precison": "float32"}, r"training\.precison: unknown key \(did you mean 'precision'\?\); known: check"),
        (
            {"precision": "mixed_float61"},
            r"training\.precision: found 'mixed_float61' \(did you mean 'mixed_float16'\?\)",
        ),
        ({"distribution": "data-parallel"}, r"training\.distribution: .* \(did you mean 'data_parallel'\?\); known: "),
        ({"tensorboard": "yes"}, r"training\.tensorboard: expected bool \(true or false\), found 'yes'"),
        ({"checkpoint_every": -1}, r"training\.checkpoint_every: 'checkpoint_every' must be >= 0: -1"),
    ],
)
def test_a_spec_that_says_it_wrong_is_told_where(options: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        structure(Settings, {"training": options}, "spec")


@pytest.mark.parametrize("weights", [(), (0.0, 0.0), (1.0, -1.0)])
def test_impossible_class_weights_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(SpecError, match=r"^class_weight must be 0 or more, not all 0, got \["):
        Recipe(class_weight=weights)


def stage(tmp_path: Path | None, **options: object) -> Stage:
    training = TrainingOptions(**options)  # type: ignore[arg-type]
    logs = None if tmp_path is None else tmp_path / "tensorboard"
    return Stage(FitContext(folder=tmp_path, training=training, logs=logs), "view", "abc")


def test_the_files_of_a_stage_tell_its_name_its_key_and_its_precision(tmp_path: Path) -> None:
    assert stage(tmp_path).weights == tmp_path / "view-abc.weights.h5"
    assert stage(tmp_path).checkpoint == tmp_path / "view-abc.checkpoint.npz" == checkpoint_of(stage(tmp_path).weights)
    assert stage(tmp_path, precision="mixed_float16").weights == tmp_path / "view-abc-mixed_float16.weights.h5"


def test_nothing_is_kept_without_a_folder_or_where_nothing_is_asked_for(tmp_path: Path) -> None:
    assert stage(None).weights is None and stage(None).checkpoint is None
    assert stage(tmp_path, checkpoint_every=0).checkpoint is None
    with stage(tmp_path).watched("density: view model", 3) as watch:
        assert watch.logs is None and watch.title == "density: view model"
    with stage(tmp_path, tensorboard=True).watched("it", 3) as watch:
        assert watch.logs == tmp_path / "tensorboard" / "view"


def test_tensorboard_needs_a_folder() -> None:
    with (
        pytest.raises(
            SpecError, match=r"^density: training\.tensorboard needs a folder for its logs, as taskfusion run"
        ),
        stage(None, tensorboard=True).watched("density", 3),
    ):
        pass


def test_a_watch_needs_nothing_but_a_step() -> None:
    watch = Watch(Recorder())
    watch.say("nobody hears it")
    assert attrs.evolve(watch, options=TrainingOptions(checkpoint_every=2)).options.checkpoint_every == 2
