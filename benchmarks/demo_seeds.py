"""The demo over several seeds, as Markdown: every fuser and task on the test split, and whether fusing won.

    .venv/bin/python benchmarks/demo_seeds.py --seeds 7 8 9 10 11 > docs/results.md

Runs that are there already (``runs/demo-SEED``) are read, not repeated.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from itertools import product
from pathlib import Path

import pandas as pd

from taskfusion.evaluation import Bootstrap, Pooled, pooled_difference
from taskfusion.files import read_json


def main() -> None:
    """Run what is missing and print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9, 10, 11])
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
        *pooled_table(folders),
        "",
        "## Why not more",
        "",
        *heart_table(folders),
        "",
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


def pooled_table(folders: list[Path]) -> list[str]:
    """Every learned fuser against both maxima, pooled over the seeds, and P_feat with against without density."""
    tables = [pd.read_csv(folder / "predictions.csv") for folder in folders]
    names = list(dict.fromkeys(tables[0].fuser))
    learned = [name for name in names if not name.startswith("max")]
    lines = [
        "The difference of two AUCs, meaned over the seeds. The first interval draws each test split's patients with "
        f"replacement, paired ({Bootstrap().replicates} resamples); the second draws the seeds too, as other cohorts "
        f"and other trainings would come out otherwise; with {len(folders)} seeds it is a rough guess.",
        "",
        "| target | difference | mean | patients drawn | patients and seeds drawn | seeds above 0 | shown |",
        "|" + "---|" * 7,
    ]
    for target in dict.fromkeys(tables[0].target):
        for pair in [*product(learned, ("max_F", "max_L")), ("P_feat", "P_feat_without_density")]:
            found = pooled_difference(tables, pair, "test", target)
            lines.append(
                f"| {target} | {pair[0]} - {pair[1]} | {found.difference:+.3f} | "
                f"[{found.low:+.3f}, {found.high:+.3f}] | [{found.wide_low:+.3f}, {found.wide_high:+.3f}] | "
                f"{sum(d > 0 for d in found.differences)} of {len(folders)} | {verdict(found)} |"
            )
    return lines


def heart_table(folders: list[Path]) -> list[str]:
    """AUC on the exams learned from beside AUC on the test split, means over seeds."""
    results = [pd.read_csv(folder / "results.csv") for folder in folders]
    lines = [
        "AUC on the training split and on the test split, means over seeds. Where they are far apart, a fuser knows "
        "its training exams by heart: it has too many inputs for so few exams. The maxima learn nothing, so their gap "
        "is what the tasks themselves know by heart.",
        "",
        "| target | fuser | train | test | gap |",
        "|" + "---|" * 5,
    ]
    for row in results[0].query("split == 'test'").sort_values("target", kind="stable").itertuples():
        train, test = (
            sum(one(table[table.split == split], row.fuser, row.target).auc for table in results) / len(results)
            for split in ("train", "test")
        )
        lines.append(f"| {row.target} | {row.fuser} | {train:.3f} | {test:.3f} | {train - test:+.3f} |")
    return lines


def verdict(found: Pooled) -> str:
    """What the interval over patients shows."""
    if found.low > 0:
        return "better"
    return "worse" if found.high < 0 else "no difference"


if __name__ == "__main__":
    main()
