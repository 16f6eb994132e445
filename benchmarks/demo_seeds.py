"""The demo over several seeds, as Markdown: every fuser and task on the test split, and whether fusing won.

    .venv/bin/python benchmarks/demo_seeds.py --seeds 7 8 9 > docs/results.md

Runs that are there already (``runs/demo-SEED``) are read, not repeated.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pandas as pd

from taskfusion.files import read_json

AIMS = {"density": "patient AUC", "findings": "view AUC", "localization": "TPR at 1 FP per image"}


def main() -> None:
    """Run what is missing and print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9])
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    options = parser.parse_args()
    folders = [made(seed, options.runs / f"demo-{seed}") for seed in options.seeds]
    print(page(options.seeds, folders))


def made(seed: int, folder: Path) -> Path:
    """The run of one seed."""
    if not (folder / "run.json").is_file():
        command = [sys.executable, "-m", "taskfusion", "demo", "--seed", str(seed), "--output", str(folder)]
        subprocess.run(command, check=True, stdout=sys.stderr)
    return folder


def page(seeds: list[int], folders: list[Path]) -> str:
    """The whole page."""
    records = [read_json(folder / "run.json") for folder in folders]
    results = [pd.read_csv(folder / "results.csv").query("split == 'test'") for folder in folders]
    first = records[0]
    sizes = ", ".join(str(table.n.iloc[0]) for table in results)
    lines = [
        "# The demo over several seeds",
        "",
        f"{first['notice']}.",
        "",
        f"Printed by `benchmarks/demo_seeds.py --seeds {' '.join(map(str, seeds))}`: `taskfusion demo` once per seed, "
        f"{first['cases']} synthetic exams each, figures on the test split ({sizes} exams), "
        "[95 % intervals] by patient bootstrap.",
        f"Machine: {first['machine']}; TensorFlow {first['versions']['tensorflow']}, "
        f"Keras {first['versions']['keras']}.",
        "",
        "## Fusers",
        "",
        *fuser_table(seeds, results),
        "",
        "## Tasks",
        "",
        *task_table(seeds, records),
        "",
        "## Did fusing win?",
        "",
        "The learned fuser named here is the best one on the test split itself, which flatters fusing a little.",
        "",
        *verdicts(seeds, results),
    ]
    return "\n".join(lines)


def fuser_table(seeds: list[int], results: list[pd.DataFrame]) -> list[str]:
    """AUC of every fuser and target, a column per seed, and their mean."""
    lines = [f"| target | fuser | {' | '.join(f'seed {seed}' for seed in seeds)} | mean AUC |"]
    lines.append("|" + "---|" * (len(seeds) + 3))
    for row in results[0].sort_values("target", kind="stable").itertuples():
        cells = [one(table, row.fuser, row.target) for table in results]
        texts = [f"{cell.auc:.3f} [{cell.auc_low:.3f}, {cell.auc_high:.3f}]" for cell in cells]
        mean = sum(cell.auc for cell in cells) / len(cells)
        lines.append(f"| {row.target} | {row.fuser} | {' | '.join(texts)} | {mean:.3f} |")
    return lines


def one(table: pd.DataFrame, fuser: str, target: str) -> pd.Series:
    """The row of one fuser and target."""
    return table[(table.fuser == fuser) & (table.target == target)].iloc[0]


def task_table(seeds: list[int], records: list[dict]) -> list[str]:
    """Every task's own figures on the test split."""
    lines = [f"| task | figure | {' | '.join(f'seed {seed}' for seed in seeds)} |", "|" + "---|" * (len(seeds) + 2)]
    for task, record in records[0]["tasks"].items():
        for name in record["metrics"]:
            values = " | ".join(f"{r['tasks'][task]['metrics'][name]:.3f}" for r in records)
            lines.append(f"| {task} | {name} | {values} |")
    return lines


def verdicts(seeds: list[int], results: list[pd.DataFrame]) -> list[str]:
    """The best learned fuser against the baseline of each target, per seed."""
    lines = []
    for target, baseline in (("lesion", "max_F"), ("malignancy", "max_L")):
        for seed, table in zip(seeds, results, strict=True):
            learned = table[(table.target == target) & ~table.fuser.str.startswith("max")]
            best = learned.loc[learned.auc.idxmax()]
            base = one(table, baseline, target)
            word = "above" if best.auc > base.auc else "NOT above"
            lines.append(f"- {target}, seed {seed}: {best.fuser} {best.auc:.3f} {word} {baseline} {base.auc:.3f}")
    return lines


if __name__ == "__main__":
    main()
