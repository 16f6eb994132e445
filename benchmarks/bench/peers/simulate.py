"""Task outputs of made-up exams at the paper's sizes (Table II): what a fuser sees, without any network.

An exam is normal, benign or malignant; a lesion is in one breast and shows in most of its two views. Findings and
localization see it through the same veil, which is thicker in dense breasts, so their errors are correlated and density
is worth something only together with them. Features know a little more than scores do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.peers.exams import MALIGNANT, VIEWS, Array, Exams

SIZES = {"train": 1511, "validation": 290, "test": 453}
KINDS = {"train": (481, 522, 508), "validation": (107, 98, 85), "test": (105, 199, 149)}  # normal, benign, malignant
DENSE = {"train": 737, "validation": 142, "test": 227}
FEATURES = 1024
SETTINGS = {
    "clean": "every task's scores are calibrated by themselves",
    "miscalibrated": "density answers p³, findings p/100, localization twice the logit",
    "missing": "of each task 20 % of the answers are missing, in every split",
    "optimistic": "findings and localization answer about training exams that they were trained on themselves, so "
    "that they look better there than they are",
}
NETWORKS = 20261125  # the seed of what the networks would have learned; the same for every cohort


@dataclass(frozen=True)
class Hidden:
    """What nobody sees: per exam kind (0, 1, 2), dense, texture; per exam and view whether a lesion shows."""

    kind: Array
    dense: Array
    texture: Array
    shows: Array
    veil: Array


def cohort(setting: str, seed: int, features: bool = False) -> dict[str, Exams]:
    """The three splits of one simulated cohort; the same setting and seed give the same arrays.

    Raises:
        ValueError: a setting that is not one of ``SETTINGS``.
    """
    if setting not in SETTINGS:
        raise ValueError(f"no setting {setting!r}; there are {', '.join(SETTINGS)}")
    return {split: _split(setting, split, (seed, k), features) for k, split in enumerate(SIZES)}


def _split(setting: str, split: str, seed: tuple[int, int], features: bool) -> Exams:
    rng = np.random.default_rng(seed)
    hidden = _hidden(split, rng)
    seen_before = 1.5 if setting == "optimistic" and split == "train" else 0.0
    exams = _scored(hidden, seen_before, rng)
    exams = _with_features(exams, hidden, np.random.default_rng((*seed, 1))) if features else exams
    if setting == "miscalibrated":
        return _miscalibrated(exams)
    return _with_gaps(exams, np.random.default_rng((*seed, 2))) if setting == "missing" else exams


def _hidden(split: str, rng: np.random.Generator) -> Hidden:
    n = SIZES[split]
    kind = rng.permutation(np.repeat([0, 1, 2], KINDS[split]))
    dense = rng.permutation(np.arange(n) < DENSE[split]).astype(float)
    side = rng.integers(2, size=n)
    in_breast = np.repeat(side[:, None] == np.arange(2), 2, axis=1)
    shows = (kind > 0)[:, None] & in_breast & (rng.random((n, 4)) < 0.85)
    veil = rng.normal(size=(n, 1)) * 0.5 + rng.normal(size=(n, 4)) * (0.5 + 0.4 * dense[:, None])
    return Hidden(kind, dense, rng.normal(size=n) + (kind == 2), shows, veil)


def _scored(hidden: Hidden, seen_before: float, rng: np.random.Generator) -> Exams:
    n = len(hidden.kind)
    density = 4.0 * (hidden.dense - 0.5) + rng.normal(size=n)
    clear = (1 - 0.4 * hidden.dense)[:, None] * hidden.shows
    strength = np.array([0.0, 1.6, 2.4])[hidden.kind][:, None]
    own = rng.normal(size=(n, 4)) * 0.7
    findings = -2.0 + 1.3 * (strength + seen_before) * clear + hidden.veil + own
    offsets, boxes, labels, scores = _detections(hidden, clear, seen_before, rng)
    nothing = np.zeros((n, 0))
    return Exams(
        (hidden.kind == 2).astype(np.int64),
        np.arange(n),
        nothing,
        _sigmoid(density),
        _sigmoid(findings),
        np.ones((n, 4), bool),
        offsets,
        boxes,
        labels,
        _sigmoid(scores),
        nothing,
        np.zeros((n, 4, 0)),
        np.zeros((n, 4, 0)),
        np.zeros((len(labels), 0)),
    )


def _detections(hidden: Hidden, clear: Array, seen_before: float, rng: np.random.Generator) -> tuple[Array, ...]:
    """Offsets, boxes, labels and logits: false positives by the veil, and lesions that show, some wrongly named."""
    cells = hidden.veil.size
    false = rng.poisson(0.6, cells)
    hit = (rng.random(cells) < 0.55 + 0.35 * clear.ravel() + 0.1 * (seen_before > 0)) & hidden.shows.ravel()
    counts = false + hit
    offsets = np.concatenate([[0], np.cumsum(counts)])
    cell = np.repeat(np.arange(cells), counts)
    real = (np.arange(offsets[-1]) == offsets[cell]) & hit[cell]  # a view's lesion stands first
    malignant = hidden.kind[cell // len(VIEWS)] == 2
    right = rng.random(len(cell)) < (0.95 if seen_before else 0.72)
    label = np.where(real, np.where(malignant == right, 2, 0), np.where(rng.random(len(cell)) < 0.35, 2, 0))
    veil = 0.8 * hidden.veil.ravel()[cell] + 0.8 * rng.normal(size=len(cell))
    logit = np.where(real, -0.3 + (1.0 + 0.5 * malignant + seen_before) * clear.ravel()[cell], -1.6) + veil
    corner = rng.uniform(0, 600, (len(cell), 2))
    boxes = np.concatenate([corner, corner + rng.uniform(20, 200, (len(cell), 2))], axis=1)
    return offsets, boxes, label + rng.integers(2, size=len(cell)), logit


def _with_features(exams: Exams, hidden: Hidden, rng: np.random.Generator) -> Exams:
    """ReLU features: what the score says, and the texture that no score tells, in directions of the network."""
    direction = np.random.default_rng(NETWORKS).normal(size=(6, FEATURES)).astype(np.float32)
    n = len(exams)
    texture = hidden.texture[:, None]
    density = np.repeat(_logit(exams.density)[:, None], 4, axis=1)
    of_case = np.repeat(np.arange(n * len(VIEWS)), np.diff(exams.offsets)) // len(VIEWS)
    seen = np.where(exams.labels >= MALIGNANT, 1.0, -1.0)
    zeros = np.zeros((n, 4))
    return replace(
        exams,
        density_features=_relu(_blend([density, zeros], direction[:2], rng)).reshape(n, -1),
        findings_features=_relu(_blend([_logit(exams.findings), texture * hidden.shows], direction[2:4], rng)),
        background=_relu(_blend([zeros, zeros], direction[4:], rng)),
        detection_features=_relu(
            _blend([_logit(exams.scores), 0.7 * seen + 0.5 * hidden.texture[of_case]], direction[4:], rng)
        ),
    )


def _blend(signals: list[Array], directions: Array, rng: np.random.Generator) -> Array:
    total = rng.standard_normal((*signals[0].shape, FEATURES), dtype=np.float32)
    for signal, direction in zip(signals, directions, strict=True):
        total += 0.25 * np.asarray(signal, np.float32)[..., None] * direction
    return total


def _relu(values: Array) -> Array:
    return np.maximum(values, 0, out=values)


def _miscalibrated(exams: Exams) -> Exams:
    stretched = _sigmoid(2 * _logit(exams.scores))
    return replace(exams, density=exams.density**3, findings=exams.findings / 100, scores=stretched)


def _with_gaps(exams: Exams, rng: np.random.Generator) -> Exams:
    """A fifth of each task's answers taken away, of an exam at most two tasks'."""
    gone = rng.random((len(exams), 3)) < 0.2
    gone[gone.all(axis=1), 0] = False
    return hidden_answers(exams, *gone.T)


def hidden_answers(exams: Exams, density: Array, findings: Array, localization: Array) -> Exams:
    """The same exams without these answers, each ``(exams,)`` or, but for density, ``(exams, 4)`` of booleans."""
    n = len(exams)
    findings, localization = (np.broadcast_to(g.reshape(n, -1), (n, 4)) for g in (findings, localization))
    stays = ~np.repeat(localization.ravel(), np.diff(exams.offsets))
    counts = np.where(localization.ravel(), 0, np.diff(exams.offsets))
    gaps: dict[str, Any] = {
        "density": np.where(density, np.nan, exams.density),
        "findings": np.where(findings, np.nan, exams.findings),
        "looked": exams.looked & ~localization,
        "offsets": np.concatenate([[0], np.cumsum(counts)]),
        "density_features": np.where(density[:, None], np.nan, exams.density_features),
        "findings_features": np.where(findings[..., None], np.nan, exams.findings_features),
        "background": np.where(localization[..., None], np.nan, exams.background),
    }
    ragged = {name: getattr(exams, name)[stays] for name in ("boxes", "labels", "scores", "detection_features")}
    return replace(exams, **gaps, **ragged)


def _sigmoid(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


def _logit(p: Array) -> Array:
    return np.asarray(np.log(p) - np.log1p(-p))
