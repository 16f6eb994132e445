"""How the library's own components are checked, where their defaults would not do."""

from __future__ import annotations

from importlib.util import find_spec

from taskfusion.testing.report import Checking

SMALL_FEAT = {"filters": [4, 4, 4], "kernel": 3, "dense": 8, "epochs": 2}
OWN = {
    "taskfusion.tasks.table:TableTask": Checking({"scores": {"ill": "marker"}}),
    "taskfusion.cohorts.table:TableReader": Checking(skip="it needs a table; name one: check_reader(…, path=…)"),
    "taskfusion.fusers.feat:FeatFuser": Checking(SMALL_FEAT),
    "taskfusion.fusers.hybrid:HybridFuser": Checking({**SMALL_FEAT, "score_units": 8}),
    "taskfusion.fusers.attention:AttentionFuser": Checking({"width": 8, "attention": 4, "dense": 8, "epochs": 2}),
    "taskfusion.tasks.keras_model:KerasTask": Checking(skip="it needs a saved model; check one of yours in Python"),
    "taskfusion.tasks.onnx_model:OnnxTask": Checking(skip="it needs a saved model; check one of yours in Python"),
}
NEEDS_KERAS = (
    "taskfusion.fusers.feat:FeatFuser",
    "taskfusion.fusers.hybrid:HybridFuser",
    "taskfusion.fusers.attention:AttentionFuser",
)


def own_checking(cls: type) -> Checking:
    """For a class of the library; plain defaults for any other."""
    path = f"{cls.__module__}:{cls.__qualname__}"
    if path in NEEDS_KERAS and find_spec("keras") is None:
        return Checking(skip="Keras is not installed")
    return OWN.get(path, Checking())
