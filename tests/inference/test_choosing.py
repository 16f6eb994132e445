"""Which runtime is chosen, and what is said of one that is not there."""

from __future__ import annotations

import pytest

from taskfusion.configs import structure
from taskfusion.errors import PluginError, SpecError
from taskfusion.inference import choosing
from taskfusion.inference.choosing import WORTH, chosen, missing, require
from taskfusion.inference.options import InferenceOptions, Running

NAMES = ["auto", "keras", "onnxruntime", "openvino"]


def never() -> float:
    raise AssertionError("asked for the effort of work whose runtime is given")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Runtimes that count as installed; tests fill it."""
    there: list[str] = []
    monkeypatch.setattr(choosing, "missing", lambda name: [] if name in (*there, "keras") else [f"its {name}"])
    monkeypatch.setattr(choosing, "exportable", lambda: True)
    return there


@pytest.mark.parametrize(
    ("there", "fastest"),
    [([], "keras"), (["onnxruntime"], "onnxruntime"), (["onnxruntime", "openvino"], "openvino")],
)
def test_much_work_goes_to_the_fastest_runtime_that_is_installed(
    installed: list[str], there: list[str], fastest: str
) -> None:
    installed += there
    assert chosen(InferenceOptions(), lambda: WORTH) == fastest
    assert chosen(InferenceOptions(), lambda: WORTH * 0.99) == "keras"


def test_other_backends_stay_with_keras(installed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    installed.append("openvino")
    monkeypatch.setattr(choosing, "exportable", lambda: False)
    assert chosen(InferenceOptions(), lambda: 2 * WORTH) == "keras"


@pytest.mark.parametrize("name", ["keras", "openvino"])
def test_a_runtime_that_was_asked_for_is_taken_whatever_the_work(installed: list[str], name: str) -> None:
    installed.append("openvino")
    assert chosen(InferenceOptions(name), never) == name  # type: ignore[arg-type]  # one of the choices


def test_where_nothing_is_installed_nobody_reckons(installed: list[str]) -> None:
    assert chosen(InferenceOptions(), never) == "keras"


def test_a_runtime_that_is_not_installed_says_what_to_install(installed: list[str]) -> None:
    text = r"^inference.runtime 'openvino' needs its openvino: install taskfusion\[runtime\], or choose auto$"
    for refused in (lambda: require("openvino"), lambda: chosen(InferenceOptions("openvino"), never)):
        with pytest.raises(PluginError, match=text):
            refused()
    require("auto")


def test_what_is_missing_is_named_module_by_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "find_spec", lambda name: None if name in ("onnx", "tf2onnx") else object())
    assert missing("onnxruntime") == ["onnx", "tf2onnx"] and missing("openvino") == []
    with pytest.raises(PluginError, match="'onnxruntime' needs onnx and tf2onnx: install"):
        require("onnxruntime")


def test_a_runtime_nobody_knows_is_refused_with_the_nearest() -> None:
    text = r"runtime 'openvin' is not known \(did you mean 'openvino'\?\); known: auto, keras, onnxruntime, openvino$"
    with pytest.raises(SpecError, match=text):
        InferenceOptions("openvin")  # type: ignore[arg-type]  # the mistake
    with pytest.raises(SpecError, match=r"inference.runtime: found 'openvin' \(did you mean 'openvino'\?\)"):
        structure(InferenceOptions, {"runtime": "openvin"}, "inference")


def test_loaders_are_at_least_one() -> None:
    with pytest.raises(SpecError, match=r"inference: 'loaders' must be >= 1: 0"):
        structure(InferenceOptions, {"loaders": 0}, "inference")


def test_only_what_changes_digits_is_in_the_key() -> None:
    assert Running().key == Running("keras", loaders=4).key == ()
    assert Running("openvino").key == ("openvino",) != Running("onnxruntime").key


def test_effort_is_weights_times_pixels() -> None:
    class Network:
        def count_params(self) -> int:
            return 1000

    assert choosing.effort(Network(), 4, (20, 10)) == 1000 * 4 * 200
