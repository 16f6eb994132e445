"""The public face hands every name on, more than once."""

from __future__ import annotations

import pytest

import taskfusion


@pytest.mark.parametrize("name", taskfusion.__all__)
def test_every_name_is_there_and_stays_itself(name):
    first = getattr(taskfusion, name)
    assert callable(first) and getattr(taskfusion, name) is first and name in dir(taskfusion)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"module 'taskfusion' has no attribute 'kompose'"):
        _ = taskfusion.kompose
