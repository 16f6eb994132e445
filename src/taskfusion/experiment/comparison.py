"""Comparing fusers: of a run, of several runs, or of any table of predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import attrs

from taskfusion.errors import DataError, SpecError, UnknownNameError
from taskfusion.evaluation import layout
from taskfusion.evaluation.bootstrap import Bootstrap
from taskfusion.evaluation.checking import NUMBERED, PREDICTION_COLUMNS, RAW, check_predictions
from taskfusion.evaluation.layout import Layout
from taskfusion.evaluation.pairs import comparisons, differences
from taskfusion.evaluation.standing import standings
from taskfusion.evaluation.table import evaluate, operating_points
from taskfusion.evaluation.thresholds import choose_thresholds, rules_of
from taskfusion.experiment.costs import COST_COLUMNS
from taskfusion.experiment.rounds import CROSS_VALIDATION
from taskfusion.files import replacing, replacing_folder, write_text
from taskfusion.settings import THRESHOLDS, Threshold

if TYPE_CHECKING:
    import pandas as pd

MAIN = (CROSS_VALIDATION, "test", "validation")  # the split to judge by: the first that is there
MOST_IN_A_MATRIX = 16
TEXTS = dict.fromkeys(("case", "group", "fuser", "target", "split", "rule"), str)


@runtime_checkable
class HasRun(Protocol):
    """What came of a run: it says which folder it is in."""

    @property
    def folder(self) -> Path:
        """The run's folder."""


@attrs.frozen
class Terms:
    """How to compare.

    Attributes:
        bootstrap: how to resample.
        threshold: for TPR, TNR, accuracy and F1 of the results.
        alpha: level of the corrected test.
        reference: the fuser the others are held against; by default the first.
    """

    bootstrap: Bootstrap = attrs.field(factory=Bootstrap)
    threshold: float = 0.5
    alpha: float = 0.05
    reference: str = ""


@attrs.frozen(eq=False)
class Comparison:
    """Every fuser beside every other one, on the same cases.

    Attributes:
        split: the split that is judged by.
        results: one row per fuser, target and split; see :func:`taskfusion.evaluation.evaluate`.
        points: TPR, TNR, accuracy and F1 at each threshold; see :func:`taskfusion.evaluation.operating_points`.
        differences: the others against the reference, per target, corrected for their number.
        pairs: every pair of fusers, per target, corrected for the number of pairs.
        costs: seconds and milliseconds per fuser and target; empty where nobody measured.
        tasks: the tasks' own figures.
        terms: how it was made.
    """

    split: str
    results: pd.DataFrame
    points: pd.DataFrame
    differences: pd.DataFrame
    pairs: pd.DataFrame
    costs: pd.DataFrame
    tasks: Mapping[str, Mapping[str, float]]
    terms: Terms

    @property
    def summary(self) -> pd.DataFrame:
        """The results of the judged split, each with its ``standing`` and what it took.

        ``standing`` is ``winner``, ``tied with the best`` or ``behind the best``; see
        :func:`taskfusion.evaluation.standings`.
        """
        rows = self.results[self.results["split"] == self.split].reset_index(drop=True)
        found = {
            (target, fuser): standing
            for target, part in self.pairs.groupby("target", sort=False)
            for fuser, standing in standings(part, self.terms.alpha).items()
        }
        said = [found.get(key, "") for key in zip(rows["target"], rows["fuser"], strict=True)]
        return rows.assign(standing=said).merge(self.costs, how="left", on=["fuser", "target"])

    def layouts(self) -> list[Layout]:
        """The tables as they are printed."""
        summary, alpha = self.summary, self.terms.alpha
        note = layout.standing_note(self.terms.bootstrap.confidence, alpha)
        made: list[Layout] = []
        for target in summary["target"].unique():
            made.append(layout.performance(summary, target, note))
            if len(self.differences):
                made.append(layout.against_reference(self.differences, target, alpha))
            made += self._matrices(target)
            made.append(layout.points_table(self.points[self.points["split"] == self.split], target))
            made.append(layout.calibration_table(summary, target))
        made += [layout.costs_table(self.costs)] if len(self.costs) else []
        return [*made, *([layout.tasks_table(self.tasks)] if any(self.tasks.values()) else [])]

    def _matrices(self, target: str) -> list[Layout]:
        part = self.pairs[self.pairs["target"] == target]
        if not 0 < len(set(part["fuser"]) | set(part["reference"])) <= MOST_IN_A_MATRIX:
            return []  # nobody reads a wider one; comparisons.csv has every pair
        return [layout.p_matrix(part, target, name, self.terms.alpha) for name in ("p_holm", "p_wilcoxon")]

    def markdown(self) -> str:
        """All tables as Markdown."""
        return "\n".join(each.markdown() for each in self.layouts())

    def latex(self) -> str:
        """All tables as LaTeX; needs the package booktabs."""
        return "\n".join(each.latex() for each in self.layouts())

    def write(self, folder: str | Path) -> Path:
        """``tables.md``, ``tables.tex``, and every table as CSV; the folder appears whole or not at all."""
        with replacing_folder(Path(folder)) as temporary:
            write_text(temporary / "tables.md", self.markdown())
            write_text(temporary / "tables.tex", self.latex())
            tables = {"summary": self.summary, "comparisons": self.pairs, "differences": self.differences}
            for name, table in {**tables, "operating_points": self.points}.items():
                table.to_csv(temporary / f"{name}.csv", index=False, float_format="%.6g")
        return Path(folder)


def compare(
    what: Any,
    *,
    split: str | None = None,
    reference: str = "",
    thresholds: Sequence[Threshold] | None = None,
    alpha: float = 0.05,
    **bootstrap: Any,
) -> Comparison:
    """Compare fusers on the cases that they answered about.

    Args:
        what: a run's folder, what :func:`taskfusion.run` returned, a table of predictions (one row per case, fuser and
            target: ``case, group, split, fuser, target, truth, score``, maybe ``repeat``), or several of them in a list
            or a mapping of names. Fusers of several runs are called ``RUN/FUSER`` where their names clash.
        split: to judge by; by default ``cross-validation``, ``test`` or ``validation``, the first that is there.
        thresholds: operating points, as a spec's ``evaluation.thresholds``. All but numbers are chosen on the split
            ``validation``. By default those that the runs chose.
        reference: the fuser the others are held against; by default the first.
        alpha: level at which a corrected test calls a difference real.
        **bootstrap: ``replicates``, ``seed`` and ``confidence`` of :class:`taskfusion.evaluation.Bootstrap`.

    Raises:
        DataError: a folder that holds no run, predictions that cannot be used, or runs that contradict each other
            about a case.
        UnknownNameError: a split or reference that is not there.
        SpecError: a threshold that is none.
    """
    gathered = _gathered(what)
    predictions = check_predictions(gathered.predictions)
    judged = _judged_split(predictions, split)
    choices = gathered.choices
    if thresholds is not None or choices is None:
        choices = choose_thresholds(predictions, rules_of(THRESHOLDS if thresholds is None else thresholds))
    terms = Terms(Bootstrap(**bootstrap), alpha=alpha, reference=reference)
    return compared(Gathered(predictions, choices, gathered.costs, gathered.tasks), judged, terms)


@attrs.frozen(eq=False)
class Gathered:
    """What a comparison is made of: predictions, thresholds (None: to be chosen), costs, and the tasks' own figures."""

    predictions: pd.DataFrame
    choices: pd.DataFrame | None
    costs: pd.DataFrame
    tasks: Mapping[str, Mapping[str, float]] = attrs.field(factory=dict)


def compared(gathered: Gathered, split: str, terms: Terms) -> Comparison:
    """The comparison of predictions whose thresholds are chosen."""
    import pandas as pd

    table, how = gathered.predictions, terms.bootstrap
    targets = table.loc[table["split"] == split, "target"].unique()
    reference = terms.reference or str(table["fuser"].iloc[0])
    assert gathered.choices is not None  # its callers have chosen
    return Comparison(
        split,
        evaluate(table, terms.threshold, how.replicates, how.seed, how.confidence),
        operating_points(table[table["split"] == split], gathered.choices, how),
        pd.concat([differences(table, reference, split, t, how) for t in targets], ignore_index=True),
        pd.concat([comparisons(table, split, t, how) for t in targets], ignore_index=True),
        gathered.costs,
        gathered.tasks,
        attrs.evolve(terms, reference=reference),
    )


def _judged_split(predictions: pd.DataFrame, split: str | None) -> str:
    known = [str(name) for name in predictions["split"].unique()]
    if split is not None and split not in known:
        raise UnknownNameError.of("split", split, known)
    found = split or next((name for name in MAIN if name in known), None)
    if found is None:
        raise DataError(
            f"predictions have no case in {', '.join(map(repr, MAIN))}, only in {', '.join(known) or 'none'}"
        )
    return found


def _gathered(what: Any) -> Gathered:
    import pandas as pd

    if isinstance(what, Mapping):
        return _joined({str(name): _one(each) for name, each in what.items()})
    if isinstance(what, Sequence) and not isinstance(what, str) and not isinstance(what, pd.DataFrame):
        names = [_name_of(each, number) for number, each in enumerate(what)]
        if len(set(names)) < len(names):
            names = [f"{name} {number + 1}" for number, name in enumerate(names)]
        return _joined({name: _one(each) for name, each in zip(names, what, strict=True)})
    return _one(what)


def _name_of(each: Any, number: int) -> str:
    folder = each.folder if isinstance(each, HasRun) else each
    return Path(folder).resolve().name if isinstance(folder, str | Path) else f"table {number + 1}"


def _joined(parts: Mapping[str, Gathered]) -> Gathered:
    """Several as one; fusers keep their names where no two have the same."""
    import pandas as pd

    if not parts:
        raise SpecError("nothing to compare; expected a run's folder, an outcome or a table of predictions")
    names = [name for part in parts.values() for name in part.predictions["fuser"].unique()]
    clash = len(set(names)) < len(names)
    renamed = [_renamed(part, f"{name}/" if clash else "") for name, part in parts.items()]
    choices = [part.choices for part in renamed if part.choices is not None]
    tasks = {f"{run}/{task}" if len(parts) > 1 else task: f for run, p in parts.items() for task, f in p.tasks.items()}
    return Gathered(
        pd.concat([part.predictions for part in renamed], ignore_index=True),
        pd.concat(choices, ignore_index=True) if len(choices) == len(renamed) else None,
        pd.concat([part.costs for part in renamed], ignore_index=True),
        tasks,
    )


def _renamed(part: Gathered, prefix: str) -> Gathered:
    tables = (part.predictions, part.choices, part.costs)
    made = [None if t is None else t.assign(fuser=prefix + t["fuser"].astype(str)) for t in tables]
    predictions, choices, costs = made
    assert predictions is not None and costs is not None
    return Gathered(predictions.astype({"case": str, "group": str}), choices, costs, part.tasks)


def _one(each: Any) -> Gathered:
    import pandas as pd

    if isinstance(each, pd.DataFrame):
        return Gathered(each, None, pd.DataFrame(columns=list(COST_COLUMNS)))
    folder = each.folder if isinstance(each, HasRun) else each
    if not isinstance(folder, str | Path):
        raise SpecError(f"cannot compare {type(each).__name__}; expected a run's folder, an outcome or a table")
    return _of_folder(Path(folder))


def _of_folder(folder: Path) -> Gathered:
    """What a run wrote, or a CSV file of predictions."""
    import pandas as pd

    from taskfusion.files import read_json

    if folder.is_file():
        return Gathered(pd.read_csv(folder, dtype=TEXTS), None, pd.DataFrame(columns=list(COST_COLUMNS)))
    if not (folder / "predictions.csv").is_file():
        raise DataError(f"{folder} holds no predictions.csv; expected the folder of a finished run")
    keep = {*PREDICTION_COLUMNS, *NUMBERED, RAW}
    tables = {
        name: pd.read_csv(folder / f"{name}.csv", dtype=TEXTS) if (folder / f"{name}.csv").is_file() else None
        for name in ("predictions", "thresholds", "costs")
    }
    predictions, costs = tables["predictions"], tables["costs"]
    assert predictions is not None
    record = read_json(folder / "run.json") if (folder / "run.json").is_file() else {}
    tasks = {name: task.get("metrics", {}) for name, task in record.get("tasks", {}).items()}
    empty = pd.DataFrame(columns=list(COST_COLUMNS))
    kept = predictions[[name for name in predictions if name in keep]]
    return Gathered(kept, tables["thresholds"], empty if costs is None else costs, tasks)


def write_csv(folder: Path, tables: Mapping[str, pd.DataFrame], digits: int = 6) -> None:
    """Each table as ``NAME.csv``, whole or not at all."""
    for name, table in tables.items():
        with replacing(folder / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=False, float_format=f"%.{digits}g")
