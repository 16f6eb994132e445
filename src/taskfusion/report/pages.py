"""What is shown of one patient: scores, sub-results and pictures, as plain data without a pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from taskfusion.errors import DataError

Box = tuple[float, float, float, float]


@attrs.frozen
class Mark:
    """A box over a picture.

    Attributes:
        label: its class.
        box: ``(left, top, right, bottom)`` as shares of the picture's width and height, as its file has it.
        score: in 0..1; None for a true box.
        task: who found it; "" for a true box.
        used: whether the first fuser looked at it.
    """

    label: str
    box: Box
    score: float | None = None
    task: str = ""
    used: bool = False


@attrs.frozen(eq=False)
class Picture:
    """One view as it is embedded.

    Attributes:
        view: its name.
        source: a data URI, 8 bits a channel; "" where the image could not be read.
        width: of the embedded picture, in pixels.
        height: likewise.
        rows: of the image it was made from, in pixels.
        columns: likewise.
        low: the original pixel value that is black.
        high: the one that is white; values beyond were clipped.
        wall: the edge the chest wall lies on, ``left`` or ``right``; "" where that cannot be told.
        marks: boxes, true ones first.
        heat: per task a transparent data URI to lay over the whole picture.
        problem: why there is no picture.
    """

    view: str
    source: str = ""
    width: int = 0
    height: int = 0
    rows: int = 0
    columns: int = 0
    low: float = 0.0
    high: float = 255.0
    wall: str = ""
    marks: Sequence[Mark] = ()
    heat: Mapping[str, str] = attrs.field(factory=dict)
    problem: str = ""

    def __attrs_post_init__(self) -> None:
        if self.source and not self.source.startswith("data:image/"):
            raise DataError(f"picture of view {self.view!r}: source must be a data URI of an image")


@attrs.frozen(eq=False)
class CasePage:
    """One patient.

    Attributes:
        case: id, as in the predictions, where truth and fused scores come from.
        tasks: per task what it said, as in :class:`taskfusion.pipeline.results.CaseResult`.
        contributions: ``[target][fuser]`` to what each task added and ``base``; together the fused score.
        missing: inputs without an answer.
        filled: ``[target][fuser]`` to columns that had nothing of their own, and what was done.
        problems: per task why it could not answer.
        pictures: views; empty for a cohort of tables.
        facts: what is known of the case besides: metadata, as it shall be printed.
    """

    case: str
    tasks: Mapping[str, Any] = attrs.field(factory=dict)
    contributions: Mapping[str, Mapping[str, Mapping[str, float]]] = attrs.field(factory=dict)
    missing: Sequence[str] = ()
    filled: Mapping[str, Mapping[str, Mapping[str, str]]] = attrs.field(factory=dict)
    problems: Mapping[str, str] = attrs.field(factory=dict)
    pictures: Sequence[Picture] = ()
    facts: Mapping[str, str] = attrs.field(factory=dict)

    def data(self) -> dict[str, Any]:
        """As JSON data, numbers rounded to what a page can show."""
        return dict(rounded(attrs.asdict(self)))


def rounded(value: Any, digits: int = 4) -> Any:
    """Plain data with every float rounded; sequences become lists."""
    if isinstance(value, float):
        return round(value, digits)
    if isinstance(value, Mapping):
        return {str(key): rounded(item, digits) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item, digits) for item in value]
    return value
