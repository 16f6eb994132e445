"""Anything a source says as JSON data, the same in every process, so that equal exams give equal bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import attrs
import numpy as np


def plain(value: Any) -> Any:
    """JSON data: paths as text, arrays and tuples as lists, sets sorted, numbers that are not finite as None.

    What is none of these becomes its class's name and fields (attrs), else its text.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    return _plain_container(value)


def _plain_container(value: Any) -> Any:
    if attrs.has(type(value)):
        fields = {field.name: plain(getattr(value, field.name)) for field in attrs.fields(type(value))}
        return {"": type(value).__qualname__, **fields}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in sorted(value.items(), key=lambda pair: str(pair[0]))}
    if isinstance(value, Set):
        return sorted((plain(item) for item in value), key=repr)
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else repr(value)
