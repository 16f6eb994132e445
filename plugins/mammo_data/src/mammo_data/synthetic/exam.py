"""Draw an exam: the plan's outlines filled with tissue, lesions and what only looks like lesions, put on film."""

from __future__ import annotations

import numpy as np
from attrs import field, frozen

from mammo_data.synthetic import anatomy, film, tissue
from mammo_data.synthetic.config import VIEWS, Frame, SyntheticConfig
from mammo_data.synthetic.lesions import Cluster, Ellipse, add
from mammo_data.synthetic.plan import ExamFacts, Lesion, Plan, plan_exam, stream


@frozen(eq=False)
class SyntheticExam:
    """Four drawn views and what they contain."""

    facts: ExamFacts
    images: dict[str, np.ndarray] = field(repr=False)
    """View name to uint16 (height, width); chest wall at the left edge for L views, at the right edge for R views."""

    @property
    def pathology(self) -> int:
        """0 normal, 1 benign, 2 malignant."""
        return self.facts.pathology

    @property
    def density(self) -> int:
        """0..3 for a..d."""
        return self.facts.density

    @property
    def age(self) -> float:
        """Years."""
        return self.facts.age

    @property
    def lesions(self) -> tuple[Lesion, ...]:
        """The visible lesions, one record a view."""
        return self.facts.lesions


def exam_facts(seed: int, index: int, config: SyntheticConfig | None = None) -> ExamFacts:
    """Labels, age and boxes of exam ``index`` of the cohort ``seed``, without drawing it (under a millisecond).

    Visibility rests on a predicted local gland, not on the drawn one: see ``plan``.
    """
    config = config or SyntheticConfig()
    return plan_exam(seed, index, config).facts(seed, index, config)


def generate_exam(seed: int, index: int, config: SyntheticConfig | None = None) -> SyntheticExam:
    """Draw exam ``index`` of the cohort ``seed``; the same in every process and whatever other exams are drawn."""
    config = config or SyntheticConfig()
    plan = plan_exam(seed, index, config)
    frame = Frame(config.height, config.width)
    rng = stream(seed, index, 1)
    volumes = tissue.draw_volumes(rng)
    gain = rng.uniform(0.9, 1.1)
    streams = {view: stream(seed, index, 2 + number) for number, view in enumerate(VIEWS)}
    images = {view: _view(streams[view], plan, (view, frame), volumes[view[0]], gain) for view in VIEWS}
    return SyntheticExam(plan.facts(seed, index, config), images)


def _view(
    rng: np.random.Generator, plan: Plan, where: tuple[str, Frame], volume: np.ndarray, gain: float
) -> np.ndarray:
    view, frame = where
    shape = plan.shapes[view]
    place = tissue.Place(frame, shape, anatomy.relief(shape, frame))
    attenuation = tissue.render(rng, place, tissue.project(volume, shape.mlo), plan.gland)
    stains = np.zeros_like(attenuation)
    for sight in plan.sights:
        if sight.view == view:
            add(stains, frame, sight.stain, sight.centre, sight.strength)
    _confound(rng, stains, place)
    attenuation += stains * place.relief.cover
    grainy = rng.spawn(1)[0]  # the number of pixels must not shift the draws that follow
    picture = film.expose(grainy, attenuation, frame, gain)
    _dust(rng, picture, frame)
    if view.startswith("R"):
        picture = picture[:, ::-1].copy()
    if rng.random() < 0.8:
        film.stamp(rng, picture, view, frame)
    return film.digitise(picture)


def _confound(rng: np.random.Generator, stains: np.ndarray, place: tissue.Place) -> None:
    """Summation shadows, lone calcifications and an axillary node: in no record."""
    shape, frame = place.shape, place.frame
    if rng.random() < 0.3:
        shadow = Ellipse(rng.uniform(6, 12), rng.uniform(1.3, 2.4), rng.uniform(0, np.pi), rng.uniform(0.4, 0.8))
        add(stains, frame, shadow, shape.place(rng.uniform(0.2, 0.8), rng.uniform(0.1, 0.9)), rng.uniform(0.07, 0.2))
    if rng.random() < 0.35:
        for _ in range(int(rng.integers(1, 3))):
            size = rng.uniform(0.7, 1.7)
            lone = Cluster(np.zeros((1, 2)), np.array([size]), np.array([rng.uniform(0.3, 0.8)]))
            add(stains, frame, lone, shape.place(rng.uniform(0.1, 0.85), rng.random()), 1.0)
    if shape.mlo and rng.random() < 0.3:
        node = Ellipse(rng.uniform(5, 9), rng.uniform(1.1, 1.7), rng.uniform(0.9, 2.2), 0.25, rng.uniform(0.3, 0.8))
        centre = (rng.uniform(0.1, 0.4) * shape.depth, rng.uniform(8, 48))
        add(stains, frame, node, centre, rng.uniform(0.14, 0.28))


def _dust(rng: np.random.Generator, picture: np.ndarray, frame: Frame) -> None:
    """Specks on the film: sharp, anywhere, half a unit wide."""
    if rng.random() < 0.35:
        for _ in range(int(rng.integers(1, 6))):
            speck = Cluster(np.zeros((1, 2)), np.array([0.5]), np.array([rng.uniform(0.3, 0.7)]))
            centre = (rng.uniform(0, frame.width / frame.scale), rng.uniform(0, 288.0))
            add(picture, frame, speck, centre, 1.0)
