"""Asking a task about cases that are nothing but ids, and comparing what it says."""

import attrs
import numpy as np

from taskfusion.cases import Case
from taskfusion.outputs import TaskOutput, check_output


def cases(*ids):
    return [Case.of(name) for name in ids]


def answered(task, *ids):
    """A checked output."""
    return check_output(task.predict(cases(*ids)), "t", ids)


def same(one: TaskOutput, other: TaskOutput):
    """Equal in all arrays."""
    assert one.spec == other.spec and one.cases == other.cases
    for name in ("present", "scores", "features"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)
    if one.detections is not None:
        for field in attrs.fields(type(one.detections)):
            np.testing.assert_array_equal(getattr(one.detections, field.name), getattr(other.detections, field.name))
