"""What checks look at beside the answers: saved files, configurations, and whether two answers are the same."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import attrs
import numpy as np

from taskfusion.configs import structure, unstructure
from taskfusion.errors import TaskFusionError
from taskfusion.outputs import TaskOutput
from taskfusion.testing.report import CheckError, expect

CODE = (".pkl", ".pickle", ".joblib", ".dill", ".pt", ".pth", ".py", ".pyc", ".so")
DOORS = ("builtins.open", "io.open", "os.open", "os.listdir", "os.scandir", "socket.socket")
RIGHT = "expected data only: JSON, .npz of numbers, Parquet, .keras, .h5, .skops, .safetensors"


def refuse_code(folder: Path) -> None:
    """Raise CheckError for a saved file that could run code when it is read (law 4)."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        problem = _problem_of_file(path)
        expect(not problem, f"{name} {problem}; {RIGHT}")


def _problem_of_file(path: Path) -> str:
    if path.suffix.lower() in CODE:
        return f"may run code when it is loaded ({path.suffix})"
    if path.suffix in (".npz", ".npy"):
        return _problem_of_arrays(path)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as members:
            inside = [name for name in members.namelist() if Path(name).suffix.lower() in CODE]
        return f"holds {inside[0]}" if inside else ""
    return "is a pickle" if _is_pickle(path.read_bytes()) else ""


def _problem_of_arrays(path: Path) -> str:
    try:
        loaded = np.load(path, allow_pickle=False)
        if path.suffix == ".npz":
            with loaded as arrays:
                [arrays[name] for name in arrays.files]
    except ValueError as error:
        return f"does not load without pickle ({error})"
    return ""


def _is_pickle(content: bytes) -> bool:
    """Protocols 2 to 5 start with 0x80 and their number; every pickle ends with a full stop."""
    return len(content) > 2 and content[0] == 0x80 and content[1] in range(2, 6) and content[-1:] == b"."


@contextmanager
def no_doors() -> Iterator[list[str]]:
    """Record what is opened or listed inside; imports are not counted."""
    opened: list[str] = []
    with ExitStack() as stack:
        for door in DOORS:
            stack.enter_context(mock.patch(door, _recording(door, opened)))
        yield opened


def _recording(door: str, opened: list[str]) -> Any:
    module, _, name = door.rpartition(".")
    original = getattr(__import__(module), name)

    def record(*args: Any, **options: Any) -> Any:
        opened.append(f"{door}({', '.join(map(repr, args[:1]))})")
        return original(*args, **options)

    return record


def check_constructor(cls: type, config: Any) -> None:
    """Raise CheckError unless the constructor stores its configuration and opens nothing."""
    with no_doors() as opened:
        made = cls(config)
    what = opened[0] if opened else ""
    expect(not opened, f"{cls.__qualname__}(config) called {what}; expected a constructor that only stores")
    expect(
        getattr(made, "config", None) is config,
        f"{cls.__qualname__}(config).config is not that config; expected super().__init__(config)",
    )


def check_config(config: Any) -> None:
    """Raise CheckError unless a configuration is plain data that can be read back."""
    data = unstructure(config)
    try:
        text = json.dumps(data)
    except (TypeError, ValueError) as error:
        raise CheckError(f"{type(config).__name__} is no JSON data ({error}); expected numbers, text, lists") from error
    again = structure(type(config), json.loads(text), type(config).__name__)
    expect(again == config, f"{type(config).__name__} read back from JSON is {again}; expected {config}")


def check_json(value: Any, what: str) -> None:
    """Raise CheckError unless it is JSON data."""
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        raise CheckError(f"{what} is no JSON data ({error}); expected plain numbers, text, lists and dicts") from error


def variations(config: Any) -> Iterator[tuple[str, Any]]:
    """(field, configuration that differs in that field) for every field that can simply be changed."""
    for field in attrs.fields(type(config)) if attrs.has(type(config)) else ():
        for value in _others(getattr(config, field.name)):
            try:
                yield field.name, attrs.evolve(config, **{field.alias: value})
                break
            except (TaskFusionError, ValueError, TypeError):
                continue  # this value is not allowed


def _others(value: Any) -> list[Any]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1, value * 2]
    if isinstance(value, float):
        return [value + 0.125, value - 0.125, value * 1.5, value * 0.5]
    if type(value) is str:  # not a member of an enumeration
        return [f"{value}_other"]
    if isinstance(value, tuple) and len({type(item) for item in value}) == 1:
        return [value[::-1]] if value != value[::-1] else []  # of the same length and types, as it may have to be
    return []


def difference(one: TaskOutput, other: TaskOutput, tolerance: float = 0.0) -> str:
    """Where two outputs about the same cases differ; empty when they do not."""
    if one.spec != other.spec or one.cases != other.cases:
        return "the specs or the cases differ"
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in ("present", "scores", "features")}
    if one.detections is not None and other.detections is not None:
        names = [field.name for field in attrs.fields(type(one.detections))]
        pairs |= {f"detections.{n}": (getattr(one.detections, n), getattr(other.detections, n)) for n in names}
    for name, (left, right) in pairs.items():
        text = array_difference(left, right, tolerance)
        if text:
            return f"{name} differ: {text}"
    return ""


def array_difference(one: Any, other: Any, tolerance: float = 0.0) -> str:
    """Where two arrays differ by more than the tolerance (NaN is NaN); empty when they do not."""
    if one is None or other is None:
        return "" if one is other else "one of them is not there"
    left, right = np.asarray(one), np.asarray(other)
    if left.shape != right.shape:
        return f"shapes {left.shape} and {right.shape}"
    left, right = left.astype(np.float64), right.astype(np.float64)
    same = (left == right) | (np.isnan(left) & np.isnan(right)) | (np.abs(left - right) <= tolerance)
    if same.all():
        return ""
    where = tuple(int(i) for i in np.argwhere(~same)[0])
    return f"at {where} {left[where]:.8g} and {right[where]:.8g}"
