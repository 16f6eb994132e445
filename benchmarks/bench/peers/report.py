"""The peers' part of the page: a title, sentences and tables, as data that the page writer prints."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import bench.peers.adapters
from bench.peers import reader_study, simulate
from bench.peers.catalogue import DEFAULT, OURS, VENVS, Peer
from bench.peers.figures import RESAMPLES, Interval, paired
from bench.peers.lines import adapter_lines
from bench.peers.section import FIRST, SECONDS
from bench.peers.tally import Raw, Reached, below, by_cohort, tally
from bench.peers.venvs import installed, megabytes

HERE = Path(__file__).parent
SETTINGS = tuple(simulate.SETTINGS)
PROBES = ("missing task", "missing view", "zero detections", "NaN score")
COSTS: dict[str, tuple[str, str]] = {  # key to column and format
    "fit_seconds": ("fit, s", "{:.2f}"),
    "batch_us": ("batch, µs a case", "{:.1f}"),
    "one_ms": ("one case, ms", "{:.2f}"),
    "peak_megabytes": ("peak memory, MB", "{:.0f}"),
    "install_megabytes": ("installed, MB", "{:.0f}"),
    "lines": ("lines of user code", "{:.0f}"),
}
Table = dict[str, Any]


def content(raw: Raw) -> dict[str, Any]:
    """Title, sentences, tables, and the numbers behind them."""
    reached = tally(raw)
    costs = {r.peer.name: costs_of(r, raw) for r in reached}
    tables = [
        _measure_table(reached, "AUC", "larger is better; the largest of each column in bold"),
        _difference_table(reached),
        _measure_table(reached, "AUPRC", "larger is better"),
        _measure_table(reached, "Brier", "smaller is better; a maximum, a mean and a best task are no probabilities"),
        _cost_table(reached, costs),
        _missing_table(reached),
        *([_study_table(reached)] if any(r.study for r in reached) else []),
        *([_problem_table(reached)] if any(r.problem or r.failed for r in reached) else []),
    ]
    text = [*_about(raw), *_verdicts(reached, raw), *_wins(reached, costs)]
    return {
        "title": "Peers on the same frozen task outputs",
        "text": text,
        "tables": tables,
        "data": {r.peer.name: _numbers(r, costs[r.peer.name]) for r in reached},
    }


def costs_of(reached: Reached, raw: Raw) -> dict[str, float]:
    """Every column of the table of costs that is known."""
    peer, job = reached.peer, reached.costs.get("jobs", {}).get(f"{FIRST}/0", {})
    known = {key: job[key] for key in ("fit_seconds", "batch_us", "one_ms") if key in job}
    if "peak_megabytes" in reached.costs:
        known["peak_megabytes"] = reached.costs["peak_megabytes"]
    python = raw["environments"][peer.venv]["python"]
    if python and Path(python).exists():
        known["install_megabytes"] = megabytes(peer.root, installed(python)) + _own_source(peer)
    adapter = Path(next(iter(bench.peers.adapters.__path__))) / f"{peer.module}.py"
    return {**known, "lines": adapter_lines(adapter, HERE / "padding.py", peer.label)}


def _own_source(peer: Peer) -> float:
    """Megabytes of taskfusion itself, which an editable installation does not list."""
    if not peer.is_ours:
        return 0.0
    import taskfusion

    return sum(file.stat().st_size for file in Path(taskfusion.__file__).parent.rglob("*.*")) / 1e6


def _about(raw: Raw) -> list[str]:
    sizes = " / ".join(map(str, simulate.SIZES.values()))
    settings = "; ".join(f"*{name}*: {what}" for name, what in simulate.SETTINGS.items())
    lines = [
        f"Simulated task outputs of {sizes} exams (train, validation, test; the paper's sizes and share of cancers): "
        "density one score and 4096 features an exam, findings one score and 1024 features a view, localization any "
        "number of detections of four classes in a view, with 1024 features each, none in "
        f"{raw['empty_views']:.0%} of the views. The target is malignancy. The tasks' errors are correlated. "
        f"Cohorts a setting: {raw['seeds']} ({raw['feature_seeds']} for whatever looks at features, in setting "
        f"*{FIRST}* alone; the tables say how many each figure is a mean of). Settings: {settings}.",
        "Every peer runs in an environment of its own, on one thread, and is given the arrays themselves. Peers that "
        "make their own folds get training and validation split joined, which is a fifth more to learn from than "
        "taskfusion's fusers get, whose candidates are chosen on the validation split. All but the fusers of features "
        "and ABMIL see the three best malignant detections of each view, 0 where there are fewer. Where scores are "
        "missing in training, peers that "
        f"cannot do with that get scikit-learn's `SimpleImputer`. AutoGluon is given {SECONDS:.0f} s a fit.",
    ]
    if not raw["study"]:
        lines.append("The reader study was not run: its file is not there.")
    return lines


def _verdicts(reached: Sequence[Reached], raw: Raw) -> list[str]:
    """Per setting, whether the default, and the best of ours, is below the best peer by more than the interval."""
    lines = [
        _verdict_of(
            [r for r in reached if setting in r.by_setting["AUC"] and r.peer.features == features], setting, raw
        )
        for setting in SETTINGS
        for features in (False, True)
    ]
    return [line for line in lines if line]


def _verdict_of(known: Sequence[Reached], setting: str, raw: Raw) -> str:
    """Of those that see scores, or of those that see features; "" where either side is empty."""
    rivals, own = [r for r in known if not r.peer.is_ours], [r for r in known if r.peer.is_ours]
    if not rivals or not own:
        return ""
    peer, best = (max(group, key=lambda r: r.by_setting["AUC"][setting].value) for group in (rivals, own))
    default = [DEFAULT] if any(r.peer.name == DEFAULT for r in own) else []
    names = dict.fromkeys((*default, best.peer.name))
    verdicts = [f"{name} less that is {_against(raw, name, peer.peer.name, setting)}" for name in names]
    seen = "features" if peer.peer.features else "scores"
    reach = f"{peer.peer.name} ({peer.by_setting['AUC'][setting].value:.3f})"
    return f"Setting *{setting}*, from {seen}: the best peer by AUC is {reach}. {'; '.join(verdicts)}."


def _against(raw: Raw, name: str, other: str, setting: str) -> str:
    pair = [by_cohort(raw, who)["AUC"].get(setting, {}) for who in (name, other)]
    difference = paired(*pair)
    return f"{signed(difference)}, {verdict(difference)}"


def verdict(ours: Interval | None) -> str:
    """In words, of the difference of ours less theirs."""
    if ours is None or math.isnan(ours.high):
        return "no interval from a single cohort"
    return "**below it by more than the interval**" if below(ours) else "not below it by more than the interval"


def _wins(reached: Sequence[Reached], costs: dict[str, dict[str, float]]) -> list[str]:
    """Where somebody else is ahead of the default fuser."""
    lines = []
    for measure, better in (("AUC", 1), ("AUPRC", 1), ("Brier", -1)):
        names = {
            f"{r.peer.name} ({setting})"
            for r in reached
            for setting, i in r.against[measure].items()
            if r.peer.name != DEFAULT and not math.isnan(i.low) and min(better * i.low, better * i.high) > 0
        }
        who = ", ".join(sorted(names)) or "nobody"
        lines.append(f"Ahead of {DEFAULT} in {measure}, interval of one comparison clear of 0: {who}.")
    own = costs.get(DEFAULT, {})
    for key, (column, _) in COSTS.items():
        if key not in own:
            continue
        names = {n for n, c in costs.items() if n != DEFAULT and key in c and c[key] < own[key]}
        lines.append(f"Less than {DEFAULT} in *{column}*: {', '.join(sorted(names)) or 'nobody'}.")
    return lines


def _measure_table(reached: Sequence[Reached], measure: str, note: str) -> Table:
    best = {s: _best(reached, measure, s) for s in SETTINGS} if measure != "Brier" else {}
    rows = [
        [r.peer.name, *(_bold(spread(r.by_setting[measure].get(s)), r.peer.name == best.get(s)) for s in SETTINGS)]
        for r in reached
        if r.by_setting[measure]
    ]
    return {
        "title": f"{measure} by setting",
        "columns": ["", *SETTINGS],
        "rows": rows,
        "note": f"Mean over cohorts ± half of its 95 % interval (number of cohorts); {note}.",
    }


def _best(reached: Sequence[Reached], measure: str, setting: str) -> str:
    known = [r for r in reached if setting in r.by_setting[measure] and r.by_setting[measure][setting].n > 2]
    return max(known, key=lambda r: r.by_setting[measure][setting].value).peer.name if known else ""


def _difference_table(reached: Sequence[Reached]) -> Table:
    rows = [
        [r.peer.name, *(signed(r.against["AUC"].get(s)) for s in SETTINGS)]
        for r in reached
        if r.against["AUC"] and r.peer.name != DEFAULT
    ]
    return {
        "title": f"AUC less that of {DEFAULT}",
        "columns": ["", *SETTINGS],
        "rows": rows,
        "note": "Mean difference on the same cohorts [95 % interval]; above 0 the other one is better.",
    }


def _cost_table(reached: Sequence[Reached], costs: dict[str, dict[str, float]]) -> Table:
    rows = [
        [
            r.peer.name,
            *(
                shown.format(costs[r.peer.name][key]) if key in costs[r.peer.name] else "–"
                for key, (_, shown) in COSTS.items()
            ),
        ]
        for r in reached
        if not r.problem
    ]
    return {
        "title": "What it costs",
        "columns": ["", *(column for column, _ in COSTS.values())],
        "rows": rows,
        "note": f"One cohort of setting *{FIRST}*, nothing else running. Times are medians of repeats, from task "
        "outputs to score, padding included. A batch is 10,000 exams, with features the test split. Peak memory is "
        "that of the whole process, fit and answers. Installed is the package with all it requires, NumPy included. "
        "Lines are those a user writes to fit and to answer, padding included, without imports, blank lines and "
        "docstrings (`benchmarks/bench/peers/adapters`).",
    }


def _missing_table(reached: Sequence[Reached]) -> Table:
    rows = []
    for r in reached:
        found = r.costs.get("jobs", {}).get(f"{FIRST}/0", {}).get("probes")
        if found:
            rows.append([r.peer.name, *(in_words(found, probe) for probe in PROBES)])
    return {
        "title": "What happens with a missing task, a missing view, no detections, NaN",
        "columns": ["", *PROBES],
        "rows": rows,
        "note": "Fitted on complete exams, then asked about the test split: without density; without the last view; "
        "without any detection; with one findings score that is NaN. *By hand*: only with an imputation that its user "
        "writes.",
    }


def in_words(found: dict[str, dict[str, str]], probe: str) -> str:
    """``answers``, the error, and whether imputing by hand helps."""
    plain, helped = found["plain"][probe], found.get("imputed", {}).get(probe)
    if plain == "answers" or helped is None:
        return plain
    return f"{plain}; {'answers by hand' if helped == 'answers' else 'imputing does not help'}"


def _study_table(reached: Sequence[Reached]) -> Table:
    names = ("AUC", "AUC difference", "AUPRC", "Brier")
    rows = [
        [
            r.peer.name,
            *("–" if n == "AUC difference" and r.peer.name == DEFAULT else ranged(r.study.get(n), n) for n in names),
        ]
        for r in reached
        if r.study
    ]
    return {
        "title": "The reader study",
        "columns": ["", "AUC", f"AUC less that of {DEFAULT}", "AUPRC", "Brier"],
        "rows": rows,
        "note": "Seven models' real scores of 720 breasts of 360 exams, 31 of them malignant (NYU reader study). "
        f"{reader_study.FOLDS} folds by exam, {reader_study.REPEATS} times; [95 % intervals] of {RESAMPLES} bootstraps "
        "of exams. With 31 cancers most differences are within chance.",
    }


def _problem_table(reached: Sequence[Reached]) -> Table:
    rows = [[r.peer.name, "everything", r.problem] for r in reached if r.problem]
    rows += [[r.peer.name, where, why] for r in reached if not r.problem for where, why in r.failed.items()]
    return {
        "title": "What did not install or did not answer",
        "columns": ["", "where", "why"],
        "rows": rows,
        "note": "",
    }


def _numbers(reached: Reached, costs: dict[str, float]) -> dict[str, Any]:
    def plain(intervals: dict[str, Interval]) -> dict[str, Any]:
        return {k: {n: None if v != v else v for n, v in asdict(i).items()} for k, i in intervals.items()}

    requirements = VENVS.get(reached.peer.venv, (OURS,))
    return {
        "requirements": list(requirements),
        "by_setting": {measure: plain(of) for measure, of in reached.by_setting.items()},
        "against_default": {measure: plain(of) for measure, of in reached.against.items()},
        "reader_study": plain(reached.study),
        "costs": costs,
        "probes": reached.costs.get("jobs", {}).get(f"{FIRST}/0", {}).get("probes", {}),
        "problem": reached.problem,
        "failed": reached.failed,
    }


def spread(interval: Interval | None) -> str:
    """``0.803 ± 0.012 (10)``."""
    if interval is None:
        return "–"
    half = (interval.high - interval.low) / 2
    return (
        f"{interval.value:.3f} ({interval.n})"
        if math.isnan(half)
        else f"{interval.value:.3f} ± {half:.3f} ({interval.n})"
    )


def signed(interval: Interval | None) -> str:
    """``+0.005 [-0.002, +0.012]``."""
    return _bounded(interval, "{:+.3f}".format)


def ranged(interval: Interval | None, name: str) -> str:
    """``0.803 [0.79, 0.81]``, signed where it is a difference."""
    return signed(interval) if "difference" in name else _bounded(interval, "{:.3f}".format)


def _bounded(interval: Interval | None, shown: Callable[[float], str]) -> str:
    if interval is None:
        return "–"
    if math.isnan(interval.low):
        return shown(interval.value)
    return f"{shown(interval.value)} [{shown(interval.low)}, {shown(interval.high)}]"


def _bold(text: str, bold: bool) -> str:
    return f"**{text}**" if bold else text
