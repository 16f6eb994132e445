"""The runtime reaches the tasks that have networks; what they are known by stays, but for the digits it changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import toys
from toys import CaseToy, toy_cohort

import taskfusion
from taskfusion.cases import Case
from taskfusion.errors import PluginError, SpecError
from taskfusion.inference import choosing
from taskfusion.inference.options import InferenceOptions, Running
from taskfusion.outputs import TaskOutput
from taskfusion.pipeline.training import TrainedTask, Work, trained
from taskfusion.plugins import build_registry
from taskfusion.spec import load_spec
from taskfusion.tasks.base import FitContext
from taskfusion.tasks.networks import RunsNetworks


class NetToy(CaseToy, RunsNetworks):
    """Keeps how it was to run."""

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.told: list[Running] = []
        self.work = 1.0

    def predict_with(self, cases: Sequence[Case], running: Running) -> TaskOutput:
        self.told.append(running)
        return self.predict(cases)

    def effort(self, cases: Sequence[Case]) -> float:
        return self.work * len(cases)


@pytest.fixture(autouse=True)
def _all_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "missing", lambda name: ["onnx"] if name == "onnxruntime" else [])
    monkeypatch.setattr(choosing, "exportable", lambda: True)


@pytest.fixture
def ready() -> TrainedTask:
    return trained("net", NetToy(), toy_cohort(20), Work())


def told(task: TrainedTask) -> list[str]:
    assert isinstance(task.model, NetToy)
    return [running.runtime for running in task.model.told]


def stored(folder: Path) -> set[str]:
    return {path.name for path in (folder / "outputs" / "net").iterdir()}


def test_the_runtime_of_the_work_reaches_the_task_with_a_place_for_graphs(ready: TrainedTask, tmp_path: Path) -> None:
    ready.answers(toy_cohort(20).cases, Work(folder=tmp_path, inference=InferenceOptions("openvino", loaders=3)))
    assert isinstance(ready.model, NetToy)
    (running,) = ready.model.told
    assert (running.runtime, running.loaders, running.folder) == ("openvino", 3, tmp_path / "graphs")


def test_auto_looks_at_how_much_there_is_to_do(ready: TrainedTask) -> None:
    assert isinstance(ready.model, NetToy)
    ready.model.work = choosing.WORTH / 15
    for count in (14, 16):
        ready.answers(toy_cohort(20).cases[:count], Work())
    assert told(ready) == ["keras", "openvino"]


def test_answers_by_keras_are_stored_as_ever_and_others_beside_them(tmp_path: Path) -> None:
    cohort = toy_cohort(20)
    plain = trained("net", CaseToy(), cohort, Work())
    for runtime, count in (("auto", 1), ("keras", 1), ("openvino", 2)):
        task = TrainedTask("net", NetToy().fit(cohort, FitContext()), plain.origin)
        before = task.model.fingerprint(lambda: plain.origin)
        work = Work(folder=tmp_path, inference=InferenceOptions(runtime))  # type: ignore[arg-type]  # one of the choices
        task.answers(cohort.cases, work)
        assert len(stored(tmp_path)) == count
        assert task.model.fingerprint(lambda: plain.origin) == before
    again = TrainedTask("net", NetToy().fit(cohort, FitContext()), plain.origin)
    again.answers(cohort.cases, Work(folder=tmp_path, inference=InferenceOptions("openvino")))
    assert told(again) == []  # computed once


def test_a_task_without_networks_is_asked_as_ever() -> None:
    toys.CALLS.clear()
    task = trained("toy", CaseToy(), toy_cohort(20), Work())
    task.answers(toy_cohort(20).cases, Work(inference=InferenceOptions("openvino")))
    assert ("CaseToy", 20) in toys.CALLS


def test_predict_takes_a_runtime(ready: TrainedTask) -> None:
    pipeline = taskfusion.compose([ready.model], fuser="svm").fit(toy_cohort(60))
    assert isinstance(ready.model, NetToy)
    ready.model.told.clear()
    pipeline.predict(toy_cohort(20), runtime="openvino")
    pipeline.predict(toy_cohort(20))
    assert told(ready) == ["openvino", "keras"]
    with pytest.raises(SpecError, match=r"runtime 'openvin' is not known \(did you mean 'openvino'\?\)"):
        pipeline.predict(toy_cohort(20), runtime="openvin")  # type: ignore[arg-type]  # the mistake


def test_a_runtime_that_is_not_installed_is_said_before_the_training() -> None:
    toys.CALLS.clear()
    pipeline = taskfusion.compose([CaseToy()], fuser="svm")
    with pytest.raises(PluginError, match="needs onnx: install"):
        pipeline.fit(toy_cohort(60), Work(inference=InferenceOptions("onnxruntime")))
    assert toys.CALLS == []


def test_a_spec_says_the_runtime(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    text = (
        "cohort: {reader: toy}\ntasks: {case_toy: }\nfusers: {P: {fuser: svm}}\ninference: {runtime: %s, loaders: 2}\n"
    )
    path.write_text(text % "openvino")
    registry = build_registry([toys], entry_points=False)
    assert load_spec(path, registry).inference == InferenceOptions("openvino", 2)
    path.write_text(text % "tensorrt")
    with pytest.raises(SpecError, match=r"s.yaml:4:13: inference.runtime: found 'tensorrt'; known: auto, keras, onnx"):
        load_spec(path, registry)
    path.write_text(text.replace("inference: {runtime: %s, loaders: 2}", "inference: openvino"))
    with pytest.raises(SpecError, match=r"inference: expected a mapping of options, found 'openvino'"):
        load_spec(path, registry)
