"""Two databases of the same exams: whole exams here, single films there, scanned and treated another way."""

from __future__ import annotations

import attrs
import cv2
import numpy as np

from mammo_data.synthetic import VIEWS, SyntheticConfig, generate_exam


@attrs.frozen
class Treatment:
    """What happened to a film on its way into the other database."""

    zoom: float
    cut: tuple[float, float, float, float]
    """Shares of height and width cut off at left, top, right, bottom."""
    gamma: float
    window: tuple[float, float]
    """Quantiles that become black and white."""
    noise: float
    mirrored: bool

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Treatment:
        cut = tuple(float(x) for x in rng.uniform(0, 0.05, 4))
        return cls(
            zoom=float(rng.uniform(0.65, 1.5)),
            cut=cut,  # type: ignore[arg-type]  # four numbers, which a generator expression does not say
            gamma=float(rng.uniform(0.55, 1.7)),
            window=(float(rng.uniform(0, 0.02)), float(rng.uniform(0.985, 1))),
            noise=float(rng.uniform(0.002, 0.015)),
            mirrored=bool(rng.random() < 0.3),
        )

    def film(self, pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The treated film."""
        x0, y0, x1, y1 = self._edges(pixels.shape)
        size = self._size(pixels.shape)
        how = cv2.INTER_AREA if self.zoom < 1 else cv2.INTER_CUBIC
        grey = cv2.resize(pixels[y0:y1, x0:x1].astype(np.float32), size, interpolation=how)
        low, high = np.quantile(grey, self.window)
        grey = np.clip((grey - low) / (high - low), 0, 1) ** self.gamma
        grey = np.clip(grey + rng.normal(0, self.noise, grey.shape), 0, 1)
        film = np.round(65535 * grey).astype(np.uint16)
        return np.ascontiguousarray(film[:, ::-1]) if self.mirrored else film

    def box(self, box: tuple[float, ...], shape: tuple[int, ...]) -> np.ndarray:
        """A box (4,) of the film as one of the treated film, clipped to it."""
        x0, y0, x1, y1 = self._edges(shape)
        width, height = self._size(shape)
        scale = np.array([width / (x1 - x0), height / (y1 - y0)] * 2)
        moved = np.clip((np.array(box) - [x0, y0, x0, y0]) * scale, 0, [width, height, width, height])
        return np.array([width - moved[2], moved[1], width - moved[0], moved[3]]) if self.mirrored else moved

    def _edges(self, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        left, top, right, bottom = self.cut
        height, width = shape[:2]
        return round(left * width), round(top * height), width - round(right * width), height - round(bottom * height)

    def _size(self, shape: tuple[int, ...]) -> tuple[int, int]:
        x0, y0, x1, y1 = self._edges(shape)
        return round((x1 - x0) * self.zoom), round((y1 - y0) * self.zoom)


@attrs.frozen(eq=False)
class Film:
    """A film, and the exam and view that it truly shows (-1: one that the other database lacks)."""

    exam: int
    view: str
    pixels: np.ndarray
    treatment: Treatment | None = None


@attrs.frozen(eq=False)
class Pair:
    """The library of whole exams, and single films that are to be found in it."""

    library: list[Film]
    films: list[Film]

    def is_there(self, film: Film) -> bool:
        return any((one.exam, one.view) == (film.exam, film.view) for one in self.library)


def draw_pair(exams: int, seed: int, config: SyntheticConfig) -> Pair:
    """Synthetic exams in both databases, in one alone, twice in the library, and with films of the other breast.

    Of every 20 exams: number 0 is missing in the library (its films must find nothing) but for its other breast's
    films; number 1 is not in the single films; number 2 is twice in the library, scanned again; the rest is in both.
    """
    library: list[Film] = []
    films: list[Film] = []
    for index in range(exams):
        rng = np.random.default_rng([seed, index])
        images = generate_exam(seed, index, config).images
        kind = index % 20
        shown = [view for view in VIEWS if view[0] == "LR"[index // 20 % 2]]  # films of one breast, as most of CBIS
        library += [Film(index, view, images[view]) for view in VIEWS if not (kind == 0 and view in shown)]
        if kind == 2:
            again = Treatment.draw(rng)
            library += [Film(index, view, again.film(images[view], rng), again) for view in VIEWS]
        for view in shown if kind != 1 else ():
            treatment = Treatment.draw(rng)
            films.append(Film(index, view, treatment.film(images[view], rng), treatment))
    return Pair(library, films)
