"""The paper's experiment on synthetic exams, as a page: what it is, on what machine, and every table of the run.

.venv/bin/taskfusion run examples/paper_small.yaml
.venv/bin/python benchmarks/paper_page.py runs/paper_small > docs/results-paper.md
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from taskfusion.files import read_json


def main() -> None:
    """Print the page of a run that is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    run = parser.parse_args().run
    print("\n".join(head(read_json(run / "run.json"))))
    print((run / "tables" / "tables.md").read_text(encoding="utf-8").replace("### ", "## ").strip())


def head(record: dict[str, Any]) -> list[str]:
    """Title and what the numbers come from."""
    versions = record["versions"]
    return [
        "# The paper's experiment, on synthetic exams",
        "",
        f"{record['notice']}.",
        "",
        f"Printed by `benchmarks/paper_page.py` from `taskfusion run examples/paper_small.yaml`: {record['cases']} "
        f"exams, seed {', '.join(map(str, record['seeds']))}. `D_view` and `D_mean` are D^v and its mean, "
        "`D_scratch` is D without D^v first, `F_scratch` F without patches. The paper's own figures, on real exams, "
        "cannot be compared with these. Networks from scratch had the same short schedules as the others.",
        f"Machine: {record['machine']}; TensorFlow {versions['tensorflow']}, Keras {versions['keras']}.",
        "",
        "",
    ]


if __name__ == "__main__":
    main()
