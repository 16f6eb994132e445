"""How trained networks answer on this machine; light, so that a spec needs no Keras."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args

import attrs

from taskfusion.errors import SpecError, did_you_mean

Runtime = Literal["auto", "keras", "onnxruntime", "openvino"]


def _check_runtime(_: Any, __: attrs.Attribute[Any], value: str) -> None:
    if value not in get_args(Runtime):
        raise SpecError(f"runtime {value!r} is not known{did_you_mean(str(value), get_args(Runtime))}")


@attrs.frozen
class InferenceOptions:
    """How trained networks answer on this machine. What they answer is the same, within 1e-4.

    Attributes:
        runtime: what runs the networks. ``openvino`` and ``onnxruntime`` run a graph that is exported once for each
            trained network and held against Keras; one that cannot be exported, or answers otherwise, stays with Keras,
            which is said. ``auto`` exports where the work ahead is worth the time it takes, to the fastest runtime that
            is installed, else Keras: small work, as in the demo, is done by Keras whatever is installed.
        loaders: threads that read and prepare images while the networks look at others; more than one pay where the
            networks run on a GPU, and need readers that can be asked from several threads.
    """

    runtime: Runtime = attrs.field(default="auto", validator=_check_runtime)
    loaders: int = attrs.field(default=1, validator=attrs.validators.ge(1))


def _ignored(message: str) -> None:
    """Where nobody listens."""


@attrs.frozen
class Running:
    """What a task with networks is told: a runtime that was chosen, and where.

    Attributes:
        runtime: ``keras``, ``onnxruntime`` or ``openvino``.
        loaders: threads that read and prepare images.
        folder: exported graphs are kept there and found again; None exports anew in each process.
        say: told, in one line, why a network is not run as it should be.
    """

    runtime: str = "keras"
    loaders: int = 1
    folder: Path | None = None
    say: Callable[[str], None] = _ignored

    @property
    def key(self) -> tuple[str, ...]:
        """What of it changes the digits of an answer; empty for Keras."""
        return () if self.runtime == "keras" else (self.runtime,)
