"""What an exam contains, decided before a pixel is drawn: labels, outlines, lesions, and who can see them.

Whether a lesion shows in a view should depend on the glandular tissue that lies over it. The tissue is not drawn yet,
and facts must stay cheap, so the local gland is *predicted*: the exam's glandular fraction, more in the middle of the
breast than at its rim, plus a random deviation per view. The picture then obeys: a hidden lesion keeps 15 % of its
contrast.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen

from mammo_data.synthetic.anatomy import Shape, draw_cc, draw_mlo, vary
from mammo_data.synthetic.config import DENSITY_CUTS, DENSITY_LIMITS, LESION_CLASSES, VIEWS, Frame, SyntheticConfig
from mammo_data.synthetic.lesions import Cluster, Mass, draw_cluster, draw_mass
from taskfusion.errors import SpecError

SIDES = ("L", "R")
MALIGNANT = 2
MULTIPLE = 0.08
"""Share of abnormal exams with one or two more lesions."""
HIDDEN_STRENGTH = 0.15


@frozen
class Lesion:
    """A visible lesion in one view."""

    view: str
    box: tuple[float, float, float, float]
    """xmin, ymin, xmax, ymax in pixels of the exam's native image."""
    label: str
    """One of LESION_CLASSES."""
    number: int
    """Counts the exam's lesions: the same in the CC and the MLO view of one lesion."""


@frozen
class ExamFacts:
    """Everything a cohort's table says about an exam."""

    seed: int
    index: int
    pathology: int
    """0 normal, 1 benign, 2 malignant."""
    density: int
    """0..3 for a..d, as a reader called it."""
    gland: float
    """The true glandular fraction of the breast's area."""
    age: float
    """Years; falls with density, rises with malignancy."""
    lesions: tuple[Lesion, ...]


@frozen(eq=False)
class Sight:
    """One lesion as one view shows it; centre in units, chest wall at x = 0."""

    view: str
    number: int
    label: str
    centre: tuple[float, float]
    stain: Mass | Cluster
    visible: bool

    @property
    def strength(self) -> float:
        """What is left of the contrast."""
        return 1.0 if self.visible else HIDDEN_STRENGTH


@frozen(eq=False)
class Plan:
    """An exam before it is drawn."""

    pathology: int
    density: int
    gland: float
    age: float
    shapes: dict[str, Shape]
    sights: tuple[Sight, ...]

    def facts(self, seed: int, index: int, config: SyntheticConfig) -> ExamFacts:
        """The plan at the image size of ``config``."""
        frame = Frame(config.height, config.width)
        lesions = tuple(_lesion(sight, frame) for sight in self.sights if sight.visible)
        return ExamFacts(seed, index, self.pathology, self.density, self.gland, self.age, lesions)


def stream(seed: int, index: int, number: int) -> np.random.Generator:
    """An own random stream for each exam and purpose, the same in every process."""
    if seed < 0 or index < 0:
        raise SpecError(f"seed and index must not be negative, got {seed} and {index}")
    return np.random.default_rng(np.random.SeedSequence([seed, index, number]))


def plan_exam(seed: int, index: int, config: SyntheticConfig) -> Plan:
    """Decide what the exam contains (well under a millisecond)."""
    rng = stream(seed, index, 0)
    pathology = _choose(rng, config.pathology)
    gland = _gland(rng, config)
    density = int(np.searchsorted(DENSITY_CUTS, gland + rng.normal(0, config.reader_noise)))
    age = 57 + 6 * (pathology == MALIGNANT) - 3.5 * (density - 1.5) + rng.normal(0, 9)
    shapes = _shapes(rng)
    sights: list[Sight] = []
    for number in range(_lesion_count(rng, pathology)):
        malignant = pathology == MALIGNANT and (number == 0 or rng.random() < 0.5)
        calcification = rng.random() < config.calcification
        label = LESION_CLASSES[2 * malignant + (not calcification)]
        sights += _sights(rng, label, number, shapes, gland)
    return Plan(pathology, density, gland, round(float(np.clip(age, 32, 92)), 1), shapes, tuple(sights))


def _choose(rng: np.random.Generator, proportions: tuple[float, ...]) -> int:
    return int(np.searchsorted(np.cumsum(proportions), rng.random() * sum(proportions), side="right"))


def _gland(rng: np.random.Generator, config: SyntheticConfig) -> float:
    category = _choose(rng, config.density)
    return float(rng.uniform(DENSITY_LIMITS[category], DENSITY_LIMITS[category + 1]))


def _lesion_count(rng: np.random.Generator, pathology: int) -> int:
    if pathology == 0:
        return 0
    return 1 + (int(rng.integers(1, 3)) if rng.random() < MULTIPLE else 0)


def _shapes(rng: np.random.Generator) -> dict[str, Shape]:
    cc = draw_cc(rng)
    mlo = draw_mlo(rng, cc)
    return {"L-CC": cc, "L-MLO": mlo, "R-CC": vary(rng, cc), "R-MLO": vary(rng, mlo)}


def _sights(rng: np.random.Generator, label: str, number: int, shapes: dict[str, Shape], gland: float) -> list[Sight]:
    """A lesion has one place in the breast: its depth is the same in both views up to a few units."""
    side = SIDES[int(rng.integers(2))]
    suspicion = rng.beta(5, 2) if label.startswith("malignant") else rng.beta(2, 5)
    depth = 0.2 + 0.6 * rng.beta(2, 1.8)
    views = [view for view in VIEWS if view.startswith(side)]
    across = rng.beta(1.8, 1.8, len(views))
    over = np.clip(1.3 * gland * (0.4 + 2.4 * across * (1 - across)) + rng.normal(0, 0.15, len(views)), 0, 1)
    luck = rng.random(len(views)) - (0.05 + 0.2 * over)
    visible = luck >= 0
    visible[np.argmax(luck)] = True  # a lesion nobody can see is not in the record
    stains = _stains(rng, label, suspicion, len(views))
    return [
        Sight(view, number, label, shapes[view].place(depth + rng.normal(0, 0.015), c), stain, bool(seen))
        for view, c, stain, seen in zip(views, across, stains, visible, strict=True)
    ]


def _stains(rng: np.random.Generator, label: str, suspicion: float, views: int) -> list[Mass | Cluster]:
    """The lesion as each view projects it: alike in kind and suspicion, not in every point."""
    draw = draw_cluster if label.endswith("calcification") else draw_mass
    first = draw(rng, suspicion)
    others = [draw(rng, suspicion) for _ in range(views - 1)]
    if isinstance(first, Mass):
        return [first, *(_alike(rng, first, other) for other in others if isinstance(other, Mass))]
    return [first, *others]


def _alike(rng: np.random.Generator, mass: Mass, other: Mass) -> Mass:
    radius = mass.radius * rng.uniform(0.93, 1.07)
    return Mass(radius, mass.contrast * rng.uniform(0.9, 1.1), mass.softness, other.lobes, other.spicules)


def _lesion(sight: Sight, frame: Frame) -> Lesion:
    x, y = sight.centre
    x0, y0, x1, y1 = sight.stain.box()
    box = frame.box((x + x0, y + y0, x + x1, y + y1), flipped=sight.view.startswith("R"))
    return Lesion(sight.view, box, sight.label, sight.number)
