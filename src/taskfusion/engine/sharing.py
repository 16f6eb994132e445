"""Workers must see the same files under the same paths; that is looked at before hours of work, not after."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from taskfusion.engine.base import Engine
from taskfusion.errors import EngineError

ADVICE = "every worker must see the same files under the same paths, as in a folder shared over the network"


def require_same(engine: Engine, what: str, function: Callable[..., Any], *arguments: Any) -> None:
    """Refuse to work where ``function(*arguments)`` gives a worker something else than this process.

    Raises:
        EngineError: naming the workers, and what they found.
    """
    if engine.elsewhere:
        _refuse(what, engine.everywhere(function, *arguments), function(*arguments))


def require_shared(engine: Engine, folder: Path) -> None:
    """Refuse to let workers write into a folder that they do not share with this process.

    Raises:
        EngineError: naming the workers that do not see what this process has just written there.
    """
    if not engine.elsewhere:
        return
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / f".shared-{os.urandom(6).hex()}.part"
    try:
        mark.touch()
        _refuse(f"the folder {folder}", engine.everywhere(_is_there, mark.absolute()), True)
    finally:
        mark.unlink(missing_ok=True)


def _is_there(path: Path) -> bool:
    """Asks for the listing, which makes a network file system look again."""
    return path.parent.is_dir() and path in path.parent.iterdir()


def _refuse(what: str, found: Mapping[str, Any], expected: Any) -> None:
    wrong = {worker: answer for worker, answer in found.items() if isinstance(answer, Exception) or answer != expected}
    if wrong:
        worker, answer = next(iter(wrong.items()))
        why = f": {answer}" if " " in str(answer) else ""  # words, and no number or hash
        count = f"{len(wrong)} of {len(found)} workers do" if len(found) > 1 else "the worker does"
        raise EngineError(f"{count} not see {what} as this process does (worker {worker}{why}); {ADVICE}")
