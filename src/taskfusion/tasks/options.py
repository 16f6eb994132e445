"""Options shared by the configurations of ready-made tasks."""

from __future__ import annotations

from typing import Any

import attrs

from taskfusion.errors import SpecError, did_you_mean


def one_of(*known: str) -> Any:
    """A field that takes one of these words, by default the first; raises SpecError with the nearest."""

    def check(_: Any, field: attrs.Attribute[str], value: str) -> None:
        if value not in known:
            raise SpecError(f"unknown {field.name} {value!r}{did_you_mean(value, known)}")

    return attrs.field(default=known[0], validator=check)
