"""How networks are trained reaches the tasks, and is part of what a stored training is known by."""

from __future__ import annotations

from pathlib import Path

import pytest
from toys import CaseToy, toy_cohort

from taskfusion.pipeline.training import Work, trained
from taskfusion.tasks.base import FitContext
from taskfusion.training.options import TrainingOptions


class Heard(CaseToy):
    """Keeps what it was given."""

    contexts: list[FitContext] = []  # noqa: RUF012  # cleared by the test

    def fit(self, cohort, context):
        self.contexts.append(context)
        return super().fit(cohort, context)


@pytest.fixture
def contexts() -> list[FitContext]:
    Heard.contexts.clear()
    return Heard.contexts


def test_another_precision_is_another_training(tmp_path: Path, contexts: list[FitContext]) -> None:
    cohort = toy_cohort(20)

    def origin(**options: object) -> str:
        work = Work(folder=tmp_path, training=TrainingOptions(**options))  # type: ignore[arg-type]
        return trained("toy", Heard(), cohort, work).origin

    plain = origin()
    assert origin(tensorboard=True, checkpoint_every=5) == plain and len(contexts) == 1
    assert origin(precision="mixed_bfloat16") != plain and len(contexts) == 2
    assert contexts[1].training.precision == "mixed_bfloat16"
    assert contexts[1].logs == tmp_path / "tensorboard" / "toy" and contexts[1].folder is not None
    assert contexts[1].folder == contexts[0].folder and contexts[1].folder.parent == tmp_path / "scratch"


def test_without_a_folder_there_are_no_logs(contexts: list[FitContext]) -> None:
    trained("toy", Heard(), toy_cohort(20), Work(training=TrainingOptions(checkpoint_every=2)))
    assert contexts[0].logs is None and contexts[0].training.checkpoint_every == 2
