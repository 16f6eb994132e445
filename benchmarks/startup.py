"""How long the library takes before it does anything, against bare Python with numpy.

python benchmarks/startup.py [--repeats 15] [--out build/bench]

Each round runs every command once, in turn, so that what the machine does meanwhile hits all alike. Medians of rounds
of wall seconds and of CPU seconds (user and system). The folder of --out gets ``startup.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

BARE = "python with numpy"
COMMANDS = {
    "python": ("-c", ""),
    BARE: ("-c", "import numpy"),
    "import taskfusion, with numpy": ("-c", "import numpy, taskfusion"),
    "taskfusion --help": ("-m", "taskfusion", "--help"),
    "taskfusion plugins": ("-m", "taskfusion", "plugins"),
}
LIMITS = {"import taskfusion, with numpy": 0.1, "taskfusion --help": 0.25, "taskfusion plugins": 0.5}


def measure(repeats: int) -> dict[str, dict[str, float]]:
    """Medians per command, the first round not counted: it fills the cache of files."""
    rounds = [{name: run_once(arguments) for name, arguments in COMMANDS.items()} for _ in range(repeats + 1)][1:]
    return {
        name: {kind: statistics.median(each[name][kind] for each in rounds) for kind in ("wall", "cpu")}
        for name in COMMANDS
    }


def run_once(arguments: tuple[str, ...]) -> dict[str, float]:
    """Seconds of one process."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"wall": wall, "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def record(repeats: int) -> dict[str, object]:
    """Everything a reader needs to judge the figures."""
    points = metadata.entry_points(group="taskfusion")
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
        "numpy": metadata.version("numpy"),
        "plugins": sorted({point.dist.name for point in points if point.dist is not None}),
        "repeats": repeats,
        "seconds": measure(repeats),
        "limits": LIMITS,
    }


def as_markdown(found: dict) -> str:
    """A table; the limit of an import is beyond bare Python with numpy."""
    lines = ["| | wall s | CPU s | limit s |", "|---|---|---|---|"]
    for name, seconds in found["seconds"].items():
        beyond = found["seconds"][BARE] if name.startswith("import") else {"wall": 0.0, "cpu": 0.0}
        shown = [f"{seconds[kind] - beyond[kind]:.3f}" for kind in ("wall", "cpu")]
        label = f"{name}: beyond {BARE}" if name.startswith("import") else name
        lines.append(f"| {label} | {shown[0]} | {shown[1]} | {found['limits'].get(name, '')} |")
    where = f"{found['machine']}; Python {found['python']}, numpy {found['numpy']}; plugins: {len(found['plugins'])}"
    return "\n".join([*lines, "", f"Medians of {found['repeats']} interleaved rounds. {where}."])


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = record(options.repeats)
    print(as_markdown(found))
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "startup.json").write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
