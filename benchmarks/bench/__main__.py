"""``make bench``: runs the sections, then writes the page and one JSON file of everything.

PYTHONPATH=benchmarks python -m bench                 all sections
PYTHONPATH=benchmarks python -m bench --only peers    some of them
PYTHONPATH=benchmarks python -m bench --only          none: the page out of what is there
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bench import sections
from bench.machine import machine
from bench.page import page

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [section.name for section in sections.SECTIONS]
    parser.add_argument("--only", nargs="*", default=names, choices=names, metavar="SECTION", help=", ".join(names))
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench", help="folder for JSON")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "benchmarks.md")
    given = parser.parse_args()
    for section in sections.SECTIONS:
        if section.name in given.only:
            print(f"== {section.title}", file=sys.stderr, flush=True)
            found = sections.run(section, given.out.resolve())
            print(f"== {found['seconds']:.0f} s {found['error']}", file=sys.stderr, flush=True)
    write(given.out.resolve(), given.page)


def write(out: Path, target: Path) -> None:
    """The page, and ``benchmarks.json`` beside the sections' folders."""
    parts = [
        {"title": s.title, "results": sections.results(s, out), "record": sections.record(s, out)}
        for s in sections.SECTIONS
    ]
    found = machine()
    out.mkdir(parents=True, exist_ok=True)
    (out / "benchmarks.json").write_text(json.dumps({"machine": found, "sections": parts}, indent=1) + "\n")
    target.write_text(page(found, parts), encoding="utf-8")
    print(f"{target} and {out / 'benchmarks.json'} written", file=sys.stderr)


if __name__ == "__main__":
    main()
