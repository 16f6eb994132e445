"""Plain data that knows where each part stands: in which file, line and column, or in which ``--set``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from taskfusion.errors import Keys


@attrs.frozen
class Place:
    """Where a value stands.

    Attributes:
        source: the file, or the ``--set`` of the command line.
        base: the folder where relative paths that stand there start.
        line: from 1; 0 where there are no lines.
        column: from 1.
    """

    source: str
    base: Path
    line: int = 0
    column: int = 0


@attrs.frozen(eq=False)
class Node:
    """A scalar, a list of nodes or a dict of nodes by name; an entry of a mapping stands where its key stands."""

    value: Any
    place: Place


def plain(node: Node) -> Any:
    """The data alone."""
    if isinstance(node.value, dict):
        return {key: plain(inner) for key, inner in node.value.items()}
    return [plain(inner) for inner in node.value] if isinstance(node.value, list) else node.value


def places(node: Node, keys: Keys = ()) -> Iterator[tuple[Keys, Place]]:
    """The place of every part, by the way to it."""
    yield keys, node.place
    if isinstance(node.value, dict):
        for key, inner in node.value.items():
            yield from places(inner, (*keys, key))
    elif isinstance(node.value, list):
        for index, inner in enumerate(node.value):
            yield from places(inner, (*keys, index))
