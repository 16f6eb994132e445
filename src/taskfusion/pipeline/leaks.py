"""Who was trained on whom: a fuser can refuse cases on which one of its tasks was trained (law 3).

What a model keeps of its training cases is a hash of each group (patient): enough to find them again in a cohort that
is there, and nothing to read a patient's name from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from taskfusion.cases import Case
from taskfusion.errors import DataError
from taskfusion.images import short_hash

SHOWN = 5  # names in a message; the count says how many there are


def marks(cases: Iterable[Case]) -> frozenset[str]:
    """What is kept of the groups of these cases."""
    return frozenset(_mark(case) for case in cases)


def refuse_seen(task: str, seen: frozenset[str] | None, cases: Sequence[Case]) -> None:
    """Refuse cases of groups that a task was trained on.

    Raises:
        DataError: naming task and cases; also for a trained task that does not say what it was trained on.
    """
    if seen is None:
        raise DataError(
            f"task {task!r} does not say on which cases it was trained, so none can be ruled out; "
            "let the pipeline train it, or do not ask to refuse seen cases"
        )
    found = [case.id for case in cases if _mark(case) in seen]
    if found:
        more = ", …" if len(found) > SHOWN else ""
        raise DataError(
            f"task {task!r} was trained on {len(found)} of these {len(cases)} cases (or on others of the same "
            f"patient): {', '.join(map(repr, found[:SHOWN]))}{more}; take other cases, or set cross_fit"
        )


def _mark(case: Case) -> str:
    return short_hash("group", case.group)
