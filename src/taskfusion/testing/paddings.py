"""What a padding policy must keep to, as checks: ``check_padding(MyPadding).raise_for_failures()``."""

from __future__ import annotations

import copy
import json
from typing import Any

import attrs
import numpy as np

from taskfusion.configs import structure
from taskfusion.errors import TaskFusionError
from taskfusion.images import Array
from taskfusion.padding import Padding, Slots
from taskfusion.testing.report import Report, SkipError, checking_of, expect, run_checks, skipped
from taskfusion.testing.storage import array_difference, check_config, check_constructor, check_json

SHAPE, FEATURES = (6, 2, 3), 4  # cases, views, slots


def check_padding(padding: Padding | type[Padding], *, name: str = "") -> Report:
    """Check a padding policy, or a class of them, on generated slots with gaps.

    A policy that leaves gaps on purpose says so with ``leaves_gaps = True``; one that refuses gaps raises DataError.
    """
    cls = padding if isinstance(padding, type) else type(padding)
    checking = checking_of(cls)
    title = name or f"padding {cls.__qualname__}"
    if checking.skip:
        return skipped(title, checking.skip)
    made = padding if isinstance(padding, Padding) else cls(structure(cls.Config, checking.options, title))
    return run_checks(title, CHECKS, made)


def small_slots(features: bool = True, background: bool = True, empty: bool = False, full: bool = False) -> Slots:
    """Slots ``(6, 2, 3)``: 0 to 3 detections a view, best first; none at all where ``empty``, no gap where ``full``."""
    rng = np.random.default_rng(3)
    counts = rng.integers(0, SHAPE[2] + 1, SHAPE[:2])
    counts[0] = 0
    filled = np.arange(SHAPE[2]) < counts[..., None]
    filled = np.full_like(filled, full) if empty or full else filled
    scores = -np.sort(-rng.uniform(0.1, 0.9, SHAPE))
    vectors = rng.normal(size=(*SHAPE, FEATURES))
    behind = rng.normal(size=(*SHAPE[:2], FEATURES))
    return Slots(
        np.where(filled, scores, 0).astype(np.float32),
        filled,
        np.where(filled[..., None], vectors, 0).astype(np.float32) if features else None,
        behind.astype(np.float32) if features and background else None,
    )


def fitted(padding: Padding, slots: Slots) -> Padding:
    """The policy as a pipeline has it: fitted on these slots, every second case being positive."""
    return padding.fit(slots, np.arange(len(slots.scores)) % 2)


def fill(padding: Padding, slots: Slots) -> Slots:
    """The slots filled by the policy fitted on them; raises SkipError for a policy that refuses gaps."""
    try:
        return fitted(padding, slots).fill(slots)
    except TaskFusionError as error:
        if slots.filled.all():
            raise
        raise SkipError(f"it refuses gaps ({error})") from error


def constructor(padding: Padding) -> None:
    """The constructor stores its configuration and opens nothing."""
    check_constructor(type(padding), padding.config)


def configuration(padding: Padding) -> None:
    """The configuration is plain data and can be read back."""
    check_config(padding.config)


def no_gap(padding: Padding) -> None:
    """Slots without a gap stay as they are."""
    slots = small_slots(full=True)
    _expect_same(fill(padding, slots), slots, slots.filled, "slots without a gap")


def gaps(padding: Padding) -> None:
    """Gaps get finite scores from 0 to 1 and finite features; filled slots are untouched."""
    slots = small_slots()
    found = fill(padding, slots)
    _expect_same(found, slots, slots.filled, "filled slots")
    _expect_whole(padding, found, slots)


def no_features(padding: Padding) -> None:
    """It works without features."""
    slots = small_slots(features=False)
    found = fill(padding, slots)
    expect(found.features is None, "features appear where there were none; expected None")
    _expect_whole(padding, found, slots)


def no_background(padding: Padding) -> None:
    """It works without background features."""
    slots = small_slots(background=False)
    _expect_whole(padding, fill(padding, slots), slots)


def no_detection(padding: Padding) -> None:
    """It works where nothing was detected at all."""
    slots = small_slots(empty=True)
    _expect_whole(padding, fill(padding, slots), slots)


def missing_background(padding: Padding) -> None:
    """A view without background (NaN) still gets finite features."""
    slots = small_slots()
    assert slots.background is not None  # asked for
    blank = attrs.evolve(slots, background=np.full_like(slots.background, np.nan))
    _expect_whole(padding, fill(padding, blank), blank)


def untouched(padding: Padding) -> None:
    """What it is given stays as it was."""
    slots = small_slots()
    before = copy.deepcopy(_parts(slots))
    fill(padding, slots)
    changed = [name for name, values in _parts(slots).items() if array_difference(before[name], values)]
    expect(not changed, f"fill changed {', '.join(changed)} of its input; expected a copy")


def batches(padding: Padding) -> None:
    """A case is filled the same whatever came along with it."""
    slots = small_slots()
    whole, policy = fill(padding, slots), fitted(padding, slots)
    for row in range(SHAPE[0]):
        single = _parts(policy.fill(_of_case(slots, row)))
        for name, values in _parts(_of_case(whole, row)).items():
            text = array_difference(values, single[name], 1e-6)
            expect(not text, f"{name} of case {row} alone differ: {text}; expected those of one call")


def learned(padding: Padding) -> None:
    """What it learned is plain data, and the policy that gets it back fills the same."""
    slots = small_slots()
    before = _parts(fill(padding, slots))
    state = fitted(padding, slots).state()
    check_json(dict(state), "state()")
    after = _parts(padding.with_state(json.loads(json.dumps(dict(state)))).fill(slots))
    for name, values in before.items():
        text = array_difference(values, after[name])
        expect(not text, f"{name} differ after with_state(state()): {text}; expected equal ones")


CHECKS = (
    constructor,
    configuration,
    no_gap,
    gaps,
    no_features,
    no_background,
    no_detection,
    missing_background,
    untouched,
    batches,
    learned,
)


def _of_case(slots: Slots, row: int) -> Slots:
    rows: dict[str, Any] = {k: None if v is None else v[row : row + 1] for k, v in _parts(slots).items()}
    return attrs.evolve(slots, **rows)


def _parts(slots: Slots) -> dict[str, Array | None]:
    return {name: getattr(slots, name) for name in ("scores", "filled", "features", "background", "present", "rows")}


def _expect_same(found: Slots, slots: Slots, where: Array, what: str) -> None:
    text = array_difference(found.scores[where], slots.scores[where], 1e-7)
    expect(not text, f"the scores of {what} change: {text}; expected them untouched")
    if slots.features is not None and found.features is not None:
        text = array_difference(found.features[where], slots.features[where], 1e-7)
        expect(not text, f"the features of {what} change: {text}; expected them untouched")


def _expect_whole(padding: Padding, found: Slots, slots: Slots) -> None:
    expect(
        found.scores.shape == slots.scores.shape, f"scores of shape {found.scores.shape}; expected {slots.scores.shape}"
    )
    if padding.leaves_gaps:
        raise SkipError("it leaves gaps on purpose (leaves_gaps)")
    expect(np.isfinite(found.scores).all(), "scores in gaps are not finite; expected numbers")
    expect(((found.scores >= 0) & (found.scores <= 1)).all(), "scores in gaps leave [0, 1]; expected them inside")
    if slots.features is None:
        return
    assert slots.features is not None
    features = found.features
    expect(features is not None and features.shape == slots.features.shape, "the features are gone or changed shape")
    expect(features is not None and np.isfinite(features).all(), "features in gaps are not finite; expected numbers")
