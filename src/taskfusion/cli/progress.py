"""Progress as rich bars with time left; plain lines where nobody watches a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichBars

from taskfusion.progress import Progress, Step

WORTH_SHOWING = 0.5  # seconds; a step done sooner leaves no line behind


class BarProgress(Progress):
    """Bars with metrics and time left, for terminals; use as a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = RichBars(
            TextColumn("{task.description:<34}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[metrics]}"),
            console=console,
        )

    def __enter__(self) -> BarProgress:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    @contextmanager
    def step(self, description: str, total: float | None = None) -> Iterator[Step]:
        """One bar; it stays when done, so that the whole way can be read afterwards."""
        bar = self._bars.add_task(description, total=total, metrics="")
        task = self._bars.tasks[-1]
        yield _Bar(self._bars, task)
        if (task.elapsed or 0) < WORTH_SHOWING:
            self._bars.remove_task(bar)

    def say(self, message: str) -> None:
        """A line above the bars."""
        self._console.print(message)


class _Bar:
    def __init__(self, bars: RichBars, task: Task) -> None:
        self._bars, self._task = bars, task

    def advance(self, amount: float = 1, **metrics: float) -> None:
        if metrics:
            text = "  ".join(f"{name} {value:.3f}" for name, value in metrics.items())
            self._bars.update(self._task.id, advance=amount, metrics=text)
        else:
            self._bars.update(self._task.id, advance=amount)


class LineProgress(Progress):
    """A line when a step ends, with its seconds: for logs and CI."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, description: str, total: float | None = None) -> Iterator[Step]:
        """Time a step."""
        line = _Line()
        start = time.perf_counter()
        yield line
        seconds = time.perf_counter() - start
        if seconds >= WORTH_SHOWING:
            shown = "  ".join(f"{name} {value:.3f}" for name, value in line.metrics.items())
            self._console.print(
                f"{description:<34} {seconds:6.1f} s  {shown}".rstrip(), highlight=False, soft_wrap=True
            )

    def say(self, message: str) -> None:
        """A line."""
        self._console.print(message)


class _Line:
    def __init__(self) -> None:
        self.metrics: dict[str, float] = {}

    def advance(self, amount: float = 1, **metrics: float) -> None:
        self.metrics |= metrics


@contextmanager
def shown_progress(console: Console) -> Iterator[Progress]:
    """Bars on a terminal, lines elsewhere."""
    if not console.is_terminal:
        yield LineProgress(console)
        return
    with BarProgress(console) as bars:
        yield bars
