"""What fusing takes: seconds to fit, milliseconds to answer, megabytes held. Measured on the side, so only roughly."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from taskfusion.outputs import TaskOutput
from taskfusion.pipeline.pipeline import FusionPipeline
from taskfusion.store import in_memory

if TYPE_CHECKING:
    import pandas as pd

COST_COLUMNS = ("fuser", "target", "fit_seconds", "ms_single", "ms_per_case", "cases")


def fuser_costs(pipeline: FusionPipeline, outputs: Mapping[str, TaskOutput], tries: int = 3) -> pd.DataFrame:
    """One row per fuser and target; the columns are ``COST_COLUMNS``.

    Of fusing alone, with the tasks' answers at hand: ``ms_single`` is the shortest of ``tries`` answers about one case,
    ``ms_per_case`` that of one answer about ``cases`` together, divided. A joint fuser was fitted once for all targets.
    """
    import pandas as pd

    count = min(len(next(iter(outputs.values()))), 256) if outputs else 0
    first = {task: in_memory(output.select(np.arange(count))) for task, output in outputs.items()}
    some = {size: {task: output.select(np.arange(size)) for task, output in first.items()} for size in (1, count)}
    rows = []
    for (fuser, target), fitted in pipeline.fitted.items():
        single, together = (_fastest(fitted.predict, some[size], tries) for size in (1, count))
        taken = (round(fitted.seconds, 4), 1000 * single, 1000 * together / max(count, 1))
        rows.append((fuser, target, *taken, count))
    return pd.DataFrame(rows, columns=list(COST_COLUMNS))


def peak_megabytes() -> float:
    """The most memory this process has held so far, in MB; NaN where the system does not tell."""
    try:
        import resource
    except ImportError:  # not a Unix
        return float("nan")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(most / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)


def _fastest(predict: Callable[[Mapping[str, TaskOutput]], object], outputs: Mapping[str, TaskOutput], n: int) -> float:
    """Seconds of the fastest of ``n`` calls, after one to warm up."""
    taken = []
    for _ in range(n + 1):
        start = time.perf_counter()
        predict(outputs)
        taken.append(time.perf_counter() - start)
    return min(taken[1:])
