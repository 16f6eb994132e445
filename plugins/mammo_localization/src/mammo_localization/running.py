"""The trained detector at work: whole on Keras, or in four steps, two of them networks that other runtimes can run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import tee
from typing import Any

import attrs

from mammo_localization.detector import Detector
from taskfusion.images import Array
from taskfusion.inference.exporting import TOLERANCE
from taskfusion.inference.networks import Asked, Networks
from taskfusion.inference.options import Running
from taskfusion.training.backend import keras

FOUND = ("background", "boxes", "features", "labels", "scores")
"""What the detector says of an image, in the order in which Keras puts a dictionary's values."""
STEPS: dict[str, Callable[..., Any]] = {
    "look": lambda detector, images: detector.look(images),
    "propose": lambda detector, codes, logits: detector.propose(codes, logits, detector.config.size),
    "judge": lambda detector, maps, boxes: detector.judge(maps, boxes, detector.config.size),
    "conclude": lambda detector, grey, whole, *rest: detector.conclude(grey, whole, rest[:2], rest[2:]),
}

INNER = 2e-3
"""How far an exported "look" may be from Keras anywhere: of millions of numbers in its maps the worst; what is answered
takes means over many of them."""


class Step(keras.Model):
    """One of the detector's steps as a network of its own; shares all weights."""

    def __init__(self, detector: Detector, name: str) -> None:
        super().__init__(name=name)
        self.detector = detector
        self._step = STEPS[name]
        self.built = True

    def build(self, input_shape: Any) -> None:
        """Nothing to do: the detector is built."""

    def call(self, inputs: Any) -> Any:
        """The step's outputs."""
        return self._step(self.detector, *(inputs if isinstance(inputs, list | tuple) else [inputs]))


class Detecting:
    """A trained detector and its steps, asked image by image."""

    def __init__(self, detector: Detector, about: Any = ()) -> None:
        self.detector = detector
        self._about = about
        self._networks = Networks()
        self._steps: dict[str, Step] = {}

    def __call__(self, images: Iterable[Array], running: Running) -> Iterator[dict[str, Array]]:
        """What is found in each image ``(height, width, channels)`` in [0, 1]; see :class:`.detector.Detector`."""
        if running.runtime == "keras":
            asked = Asked("localization: detector", self.detector, self.detector.config.predict_batch)
            found = self._networks.answers(asked, images, running)
        else:
            found = self._in_steps(images, running)
        return (dict(zip(FOUND, answer, strict=True)) for answer in found)

    def _in_steps(self, images: Iterable[Array], running: Running) -> Iterator[list[Array]]:
        """Both stages by an exported graph; choosing among boxes, of which there are loops and ranks, by Keras.

        Each step takes what it needs from the ones before as it comes, so that no more than some images are held.
        """
        shown, images = tee(images)
        first, second, third = tee(self._asked("look", images, running), 3)
        by_keras = attrs.evolve(running, runtime="keras")
        proposed, kept = tee(self._asked("propose", ((codes, logits) for _, codes, logits, _ in first), by_keras))
        judged = self._asked("judge", ((m, b) for (m, *_), (b, _) in zip(second, proposed, strict=True)), running)
        everything = zip(shown, third, kept, judged, strict=True)
        told = ((image[..., 0], looked[-1], *boxes, *verdict) for image, looked, boxes, verdict in everything)
        return self._asked("conclude", told, by_keras)

    def _asked(self, name: str, samples: Iterable[Any], running: Running) -> Iterator[list[Array]]:
        step = self._steps.setdefault(name, Step(self.detector, name))
        batch = self.detector.config.predict_batch
        tolerance = INNER if name == "look" else TOLERANCE
        asked = Asked(f"localization: step {name!r}", step, batch, (self._about, name), tolerance)
        return self._networks.answers(asked, samples, running)
