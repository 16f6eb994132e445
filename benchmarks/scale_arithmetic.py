"""What a number of exams costs on this machine: storage and hours, computed from rates that other commands measured.

    python benchmarks/scale_arithmetic.py [--cases 1000000] [--bench build/bench] [--run runs/NAME/run.json]
    python benchmarks/scale_arithmetic.py --prepare      # measures first how fast exams are prepared, and how large

Reads what is there of ``prepare/prepare.json`` (from ``--prepare``), ``inference/inference.json`` and
``scale/scale.json`` (as ``make bench`` lays them down), and the seconds per stage of a run; says of the rest by which
command it is measured. Prints Markdown; ``--write docs/scale.md`` also puts it between the marks of that page.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

VIEWS = 4
BEGIN, END = "<!-- scale: begin -->", "<!-- scale: end -->"
HOW = {
    "prepare": "python benchmarks/scale_arithmetic.py --prepare",
    "inference": "python benchmarks/inference.py --out build/bench/inference",
    "scale": "python benchmarks/scale.py --out build/bench/scale/scale.json",
}
Row = tuple[str, str, str, str]  # what, measured, for so many cases, from


def main() -> None:
    """Measure where asked to, compute, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--bench", type=Path, default=Path("build/bench"))
    parser.add_argument("--run", type=Path, action="append", default=[], help="a run.json; repeatable")
    parser.add_argument("--prepare", action="store_true", help="measure preparing first")
    parser.add_argument("--exams", type=int, default=8, help="of --prepare")
    parser.add_argument("--size", type=int, nargs=2, default=(1152, 896), help="height and width of --prepare")
    parser.add_argument("--write", type=Path, help="page whose marked block becomes the table")
    options = parser.parse_args()
    if options.prepare:
        measure_preparing(options.bench / "prepare" / "prepare.json", options.exams, tuple(options.size))
    records = {name: read(options.bench / name / f"{name}.json") for name in HOW}
    text = page(records, {str(path): read(path) for path in options.run}, options.cases)
    print(text)
    if options.write is not None:
        options.write.write_text(replaced(options.write.read_text(encoding="utf-8"), text), encoding="utf-8")


def measure_preparing(path: Path, exams: int, size: tuple[int, int]) -> None:
    """Draw and write synthetic exams in this process alone; the file gets CPU seconds and bytes."""
    from mammo_data.folder.prepare import Preparation, prepare
    from mammo_data.synthetic import SyntheticConfig
    from mammo_data.synthetic.source import SyntheticExams
    from taskfusion.progress import Progress

    source = SyntheticExams(exams, 0, SyntheticConfig(height=size[0], width=size[1]))
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        start = time.process_time()
        prepare(source, Preparation(Path(folder) / "cohort", jobs=1), Progress())
        seconds = time.process_time() - start
        stored = sum(image.stat().st_size for image in Path(folder).rglob("*.png"))
    record = {"machine": machine(), "exams": exams, "size": size, "cpu_seconds": seconds, "bytes": stored}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=2) + "\n")


def machine() -> str:
    """In a few words."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def read(path: Path) -> dict[str, Any] | None:
    """A record; None where it is not there."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def page(records: Mapping[str, Any], runs: Mapping[str, Any], cases: int) -> str:
    """The table in Markdown, and by which command what is lacking is measured."""
    rows: list[Row] = []
    for name, rows_of in (("prepare", prepare_rows), ("inference", inference_rows), ("scale", scale_rows)):
        found = records.get(name)
        if found is not None:
            rows += rows_of(found, cases)
    for path, found in runs.items():
        if found is not None:
            rows += run_rows(path, found, cases)
    lines = [f"| what | measured | {cases:,} exams | from |", "|---|---:|---:|---|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    lacking = [f"- {name}: not measured yet; `{how}`" for name, how in HOW.items() if records.get(name) is None]
    machines = {str(found["machine"]) for found in records.values() if found and isinstance(found.get("machine"), str)}
    about = [f"Machine: {text}." for text in sorted(machines)]
    return "\n".join([*lines, *([""] if lacking else []), *lacking, *([""] if about else []), *about])


def prepare_rows(found: Mapping[str, Any], cases: int) -> Iterator[Row]:
    """Of preparing."""
    stored, seconds = found["bytes"] / found["exams"], found["cpu_seconds"] / found["exams"]
    size = "×".join(str(side) for side in found["size"])
    yield f"prepared images, 16-bit PNG, {size}", f"{bytes_of(stored)} an exam", bytes_of(stored * cases), "prepare"
    yield f"preparing, synthetic, {size}", f"{seconds:.2f} core seconds an exam", hours_of(seconds * cases), "prepare"


def inference_rows(found: Mapping[str, Any], cases: int) -> Iterator[Row]:
    """Of each network the fastest of our ways."""
    for name, record in found.get("networks", {}).items():
        ways = {way: statistics.median(seconds) for way, seconds in record["seconds"].items() if way.startswith("ours")}
        if ways:
            way = min(ways, key=lambda each: ways[each])
            size = "×".join(str(side) for side in record["size"])
            rate = f"{1 / ways[way]:.2f} images a second"
            yield f"{name}, {size}, {way}", rate, hours_of(ways[way] * VIEWS * cases), "inference"


def scale_rows(found: Mapping[str, Any], cases: int) -> Iterator[Row]:
    """Of the largest size of each kind of fuser: disk, hours and memory."""
    largest = {row["kind"]: row for row in sorted(found.get("rows", ()), key=lambda row: row["cases"])}
    for kind, row in largest.items():
        stored, peak = row["disk_mb"] * 1e6, max(row["peak_mb"].values()) * (1 << 20)
        at = f"{row['cases']:,} cases"
        yield f"store, {kind} fuser", f"{bytes_of(stored)} for {at}", bytes_of(stored * cases / row["cases"]), "scale"
        for stage, seconds in row["seconds"].items():
            whole = hours_of(seconds * cases / row["cases"])
            yield f"{stage}, {kind} fuser", f"{seconds:.1f} s for {at}", whole, "scale"
        yield f"memory, {kind} fuser", f"{bytes_of(peak)} at {at}", "flat" if cases > row["cases"] else "", "scale"


def run_rows(path: str, found: Mapping[str, Any], cases: int) -> Iterator[Row]:
    """Of each stage of a run, in proportion to its cases."""
    for stage, seconds in found["seconds"].items():
        rate = f"{seconds:.1f} s for {found['cases']:,} cases"
        yield f"run, stage {stage}", rate, hours_of(seconds * cases / found["cases"]), f"`{path}`"


def bytes_of(count: float) -> str:
    """``3.2 GB``."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            return f"{count:.3g} {unit}" if count < 1000 else f"{count:,.0f} {unit}"
        count /= 1000
    raise AssertionError


def hours_of(seconds: float) -> str:
    """``0.4 h``, or ``1,200 h``."""
    hours = seconds / 3600
    return f"{hours:,.0f} h" if hours >= 10 else f"{hours:.2g} h"


def replaced(text: str, table: str) -> str:
    """A page with the table between its marks."""
    parts: Sequence[str] = re.split(f"({re.escape(BEGIN)}|{re.escape(END)})", text)
    if parts[1::2] != [BEGIN, END]:
        raise SystemExit(f"the page needs one line {BEGIN} and, below, one line {END}")
    return f"{parts[0]}{BEGIN}\n\n{table}\n\n{END}{parts[4]}"


if __name__ == "__main__":
    main()
