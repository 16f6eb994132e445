"""Seconds that starting takes: importing the library, its help, and the list of plugins, beside bare Python with NumPy.

    python benchmarks/startup.py --out build/bench/startup

Every command runs in a process of its own, in turns, so that whatever else the machine does hits all alike.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

TRIES = 11
BARE = "python -c 'import numpy'"
COMMANDS: dict[str, tuple[str, ...]] = {
    BARE: ("-c", "import numpy"),
    "python -c 'import numpy, taskfusion'": ("-c", "import numpy, taskfusion"),
    "taskfusion --help": ("-m", "taskfusion", "--help"),
    "taskfusion plugins": ("-m", "taskfusion", "plugins"),
}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("build/bench/startup"))
    parser.add_argument("--tries", type=int, default=TRIES)
    given = parser.parse_args()
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(given.tries + 1):
        for name, arguments in COMMANDS.items():
            taken[name].append(seconds(arguments))
    given.out.mkdir(parents=True, exist_ok=True)
    found = content({name: values[1:] for name, values in taken.items()})  # the first fills the disk's cache
    (given.out / "startup.json").write_text(json.dumps(found, indent=1) + "\n")


def seconds(arguments: tuple[str, ...]) -> float:
    """Of one process, from its start to its end."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


def content(taken: dict[str, list[float]]) -> dict[str, Any]:
    """The section's part of the page."""
    bare = median(taken[BARE])
    rows = [
        [f"`{name}`", f"{median(values):.3f}", f"{median(values) - bare:+.3f}", f"{median(values) / bare:.2f}"]
        for name, values in taken.items()
    ]
    columns = ["", "seconds", "beyond bare Python with NumPy", "ratio"]
    note = f"Medians of {len(taken[BARE])} processes each, in turns."
    return {"title": "Start-up", "tables": [{"columns": columns, "rows": rows, "note": note}], "data": taken}


if __name__ == "__main__":
    main()
