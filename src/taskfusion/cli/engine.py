"""The options of commands whose work others can do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import attrs
import click

if TYPE_CHECKING:
    from taskfusion.engine import Engine, EngineName

NAMES = ("local", "processes", "dask")  # as in taskfusion.engine, which is not imported for a help text


@attrs.frozen
class EngineOptions:
    """Who does the work, as given on the command line."""

    engine: EngineName = "local"
    scheduler: str = ""
    workers: int | None = None

    def open(self) -> AbstractContextManager[Engine]:
        """See :func:`taskfusion.engine.open_engine`."""
        from taskfusion.engine import open_engine

        return open_engine(self.engine, self.scheduler, self.workers or 0)

    def open_cluster(self) -> AbstractContextManager[Engine]:
        """Only a cluster: for work that has processes of its own."""
        from taskfusion.engine import open_engine

        name: EngineName = "dask" if self.engine == "dask" else "local"
        return open_engine(name, self.scheduler, self.workers or 0)


def engine_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options; they come as the keywords ``engine``, ``scheduler`` and ``workers``."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def engine_option(default: EngineName) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``--engine``, with this default."""
    text = "Who does the work: this process, processes of this machine, or a Dask cluster."
    return click.option("--engine", type=click.Choice(NAMES), default=default, show_default=True, help=text)


scheduler_option = click.option(
    "--scheduler", default="", metavar="ADDRESS", help="Of the Dask scheduler, as tcp://HOST:8786."
)
OPTIONS = (
    engine_option("local"),
    scheduler_option,
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        help="How many processes [default: one per core]; with dask, how many workers to wait for.",
    ),
)
