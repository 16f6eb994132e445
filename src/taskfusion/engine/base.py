"""What every engine can do, and the one that works in this process."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any, ClassVar, Protocol, TypeVar

import attrs

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Result = TypeVar("Result")


class Engine(Protocol):
    """Who does the work. The process that asks is the only one that writes results down, so none is there twice.

    Attributes:
        name: ``local``, ``processes`` or ``dask``.
        elsewhere: whether other processes do it, so that what they get must be sent.
    """

    name: ClassVar[str]
    elsewhere: ClassVar[bool]

    def map(
        self, function: Callable[[Shared, Item], Result], shared: Shared, items: Iterable[Item]
    ) -> Generator[Result, None, None]:
        """``function(shared, item)`` of each item, in the order of the items, as they get done.

        Few results are held at a time, whatever the number of items. The items of a worker that is lost are done again
        by others. Whoever stops early (Ctrl-C) stops what has not begun.

        Args:
            function: can be pickled, and may be called again for the same item.
            shared: goes to each worker once.
            items: what it is called with.

        Raises:
            EngineError: no worker is left, or an item that killed every worker that tried it.
            Exception: what the function raised.
        """
        ...

    def everywhere(self, function: Callable[..., Result], *arguments: Any) -> Mapping[str, Result | Exception]:
        """Call a function once in each process that sees files of its own; by worker what it gave, or its error."""
        ...


@attrs.frozen
class Local:
    """Work in this process, one item after the other."""

    name: ClassVar[str] = "local"
    elsewhere: ClassVar[bool] = False

    def map(
        self, function: Callable[[Shared, Item], Result], shared: Shared, items: Iterable[Item]
    ) -> Generator[Result, None, None]:
        """See :meth:`Engine.map`."""
        return (function(shared, item) for item in items)

    def everywhere(self, function: Callable[..., Result], *arguments: Any) -> Mapping[str, Result | Exception]:
        """Nobody sees other files than this process."""
        return {}


LOCAL: Engine = Local()


def packed(value: Any) -> bytes:
    """A function, what it shares or an item, for another process; functions of a notebook, too."""
    import cloudpickle

    content: bytes = cloudpickle.dumps(value)
    return content
