"""What tasks ``keras`` and ``onnx`` can be told: one surface of options for any network that looks at images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import attrs

from taskfusion.errors import SpecError
from taskfusion.tasks.options import one_of

RANGES = ("raw", "z-score")
OF_DETECTIONS = ("boxes", "labels", "box_format", "normalized", "first_label", "threshold")


@attrs.frozen
class ImageModelConfig:
    """Where the network is, what it is shown, and what its outputs mean.

    Attributes:
        path: the file of the network; required.
        level: ``view``: it looks at one image; ``case``: at all views of a case together; ``detection``: it finds boxes
            in one image.
        views: the views it is shown, in order; required.
        inputs: at level case, view to input name, for a network with one input per view; by default in the order of
            the views. A network with one input gets the views stacked.
        size: height and width it is shown, or one number for both; by default those of its input. Images are stretched
            to it, bicubic.
        layout: where its input has the channels; found from the input's shape unless said.
        range: ``[low, high]``: what 8 bits (0 to 255) or 16 bits (0 to 65535) can hold becomes low to high;
            ``z-score``: mean 0 and deviation 1 per image; ``raw``: the pixels times ``scale`` plus ``offset``.
        scale: see range.
        offset: see range.
        scores: the output that holds the scores; may be left out where it is the only one.
        classes: names of the scores (at level detection of the labels), in order.
        positive: index of the score to keep where the network has a score for yes and one for no.
        activation: what turns the scores into probabilities; none where they are.
        feature: of Keras the layer, of ONNX the output whose value is the feature; maps are averaged over space.
        boxes: at level detection, the output of the boxes, ``(images, boxes, 4)``, or ``(boxes, 4)`` for one image.
        labels: the output of their labels; may be left out where there is one class.
        box_format: ``xyxy``, ``xywh`` (corner and size), ``cxcywh`` (centre and size) or ``yxyx``.
        normalized: whether boxes are parts of height and width, not pixels of what the network is shown.
        first_label: the label that stands for the first class.
        threshold: boxes that score at most this are left out, and with them what fills up a fixed number of boxes.
        batch_size: images, or cases at level case, at a time.
        truth: class to the cohort's label that is the truth about it, for the report's figures; by default the label,
            target or boxes of the class's own name. Boxes are compared by the names of their classes.
    """

    path: Path | None = None
    level: Literal["view", "case", "detection"] = one_of("view", "case", "detection")
    views: tuple[str, ...] = ()
    inputs: Mapping[str, str] = attrs.field(factory=dict)
    size: tuple[int, ...] = ()
    layout: Literal["auto", "NHWC", "NCHW"] = one_of("auto", "NHWC", "NCHW")
    range: tuple[float, float] | str = "raw"
    scale: float = 1.0
    offset: float = 0.0
    scores: str = ""
    classes: tuple[str, ...] = ()
    positive: int | None = None
    activation: Literal["none", "sigmoid", "softmax"] = one_of("none", "sigmoid", "softmax")
    feature: str = ""
    boxes: str = ""
    labels: str = ""
    box_format: Literal["xyxy", "xywh", "cxcywh", "yxyx"] = one_of("xyxy", "xywh", "cxcywh", "yxyx")
    normalized: bool = False
    first_label: int = 0
    threshold: float = 0.0
    batch_size: int = 16
    truth: Mapping[str, str] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        if all(getattr(self, field.name) == _default(field) for field in attrs.fields(type(self))):
            return  # nothing said yet; whoever needs the file refuses that
        wrong = [text for bad, text in (*self._of_input(), *self._of_output()) if bad]
        if wrong:
            raise SpecError("; ".join(wrong))

    @property
    def file(self) -> Path:
        """The path; raises SpecError where nothing was said at all."""
        if self.path is None:
            raise SpecError("path is missing: the file of the network")
        return self.path

    @property
    def shown(self) -> tuple[int, int] | None:
        """Height and width, if said."""
        return (self.size[0], self.size[-1]) if self.size else None

    def _of_input(self) -> Iterator[tuple[bool, str]]:
        yield self.path is None, "path is missing: the file of the network"
        yield not self.views, "views are missing: the names of the views the network is shown, in order"
        yield len(set(self.views)) < len(self.views), f"views names one twice: {', '.join(self.views)}"
        yield bool(self.inputs) and self.level != "case", "inputs is for level: case; else the network has one input"
        yield (
            bool(self.inputs) and set(self.inputs) != set(self.views),
            f"inputs names {', '.join(self.inputs)}; expected an input for each view: {', '.join(self.views)}",
        )
        size = list(self.size)
        yield len(size) > 2 or min(size, default=1) < 1, f"size is {size}; expected height and width above 0"
        yield self.batch_size < 1, f"batch_size is {self.batch_size}; expected at least 1"
        pair = not isinstance(self.range, str)
        yield not pair and self.range not in RANGES, f"range is {self.range!r}; expected [low, high], raw or z-score"
        yield pair and not self.range[0] < self.range[1], f"range is {self.range}; expected low < high"  # type: ignore[operator]  # a pair here
        yield self.range != "raw" and (self.scale, self.offset) != (1, 0), "scale and offset are for range: raw"

    def _of_output(self) -> Iterator[tuple[bool, str]]:
        detection = self.level == "detection"
        fields = attrs.fields_dict(type(self))
        given = [name for name in OF_DETECTIONS if getattr(self, name) != fields[name].default]
        yield bool(given) and not detection, f"{', '.join(given)} is for level: detection"
        yield detection and not self.boxes, "boxes is missing: the output that holds the boxes"
        yield detection and not self.scores, "scores is missing: the output that holds the boxes' scores"
        yield detection and not self.classes, "classes are missing: the names of the labels, in order"
        yield (
            detection and len(self.classes) > 1 and not self.labels,
            "labels is missing: the output that says which class a box is of",
        )
        yield detection and self.activation == "softmax", "a box has one score: expected activation: none or sigmoid"
        yield detection and self.positive is not None, "positive is not for level: detection"
        yield (
            self.positive is not None and (len(self.classes) > 1 or self.positive < 0),
            f"positive is {self.positive} for {len(self.classes)} classes; it is an index from 0 and keeps one class",
        )
        yield len(set(self.classes)) < len(self.classes), f"classes names one twice: {', '.join(self.classes)}"
        yield not 0 <= self.threshold < 1, f"threshold is {self.threshold}; expected at least 0 and less than 1"


def _default(field: attrs.Attribute[Any]) -> Any:
    factory = getattr(field.default, "factory", None)
    return field.default if factory is None else factory()
