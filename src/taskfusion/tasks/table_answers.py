"""What a table of predictions says, as one task output about all its cases: the stateless half of task ``table``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np

from taskfusion.errors import DataError, SpecError, did_you_mean
from taskfusion.images import Array
from taskfusion.outputs import Detections, Level, TaskOutput, TaskSpec
from taskfusion.tables import case_ids, find_columns, need_columns, numbers, read_table, refuse, refuse_twice
from taskfusion.tasks.options import one_of

if TYPE_CHECKING:
    import pandas as pd

VIEW = "{view}"  # stands for each view in the column names of a wide table


@attrs.frozen
class TableConfig:
    """Where the predictions are and which column says what.

    Attributes:
        path: the table, or COCO detections as JSON; None takes the columns from the metadata of the cases.
        level: ``case``, ``view`` or ``detection``: what one answer is about.
        missing: what to say of cases the table does not know: ``error``; ``mask``: no answer (then a row with all
            scores and features empty is no answer either); ``empty``: looked at and nothing found (level detection).
        case: columns that make the case id, joined with ``-``.
        view: the column that names the view, where a row is about one view.
        views: the views, in order; by default those of the table, sorted. Rows about others are left out.
        scores: class name to column, at levels case and view. ``{view}`` in a column name stands for each view: then a
            row is about a case, with columns for all its views.
        features: names or patterns (``f_*``) of feature columns, taken in the order of the table.
        box: columns of xmin, ymin, xmax, ymax, at level detection. A row with empty box, label and score says that
            the case was looked at.
        label: the column of the label, at level detection.
        score: the column of the score, at level detection.
        classes: the labels, in order; by default those of the table, sorted.
        coco: of COCO results, the file that lists images and categories.
        case_key: of COCO images, the key that holds the case; by default case and view are read from the file name.
        view_key: of COCO images, the key that holds the view.
        truth: class to the cohort's label that is the truth about it, for the report's figures; by default the label,
            target or boxes of the class's own name. Boxes are compared by the names of their classes.
    """

    path: Path | None = None
    level: str = one_of("case", "view", "detection")
    missing: str = one_of("error", "mask", "empty")
    case: tuple[str, ...] = ("case",)
    view: str = "view"
    views: tuple[str, ...] = ()
    scores: Mapping[str, str] = attrs.field(factory=dict)
    features: tuple[str, ...] = ()
    box: tuple[str, str, str, str] = ("xmin", "ymin", "xmax", "ymax")
    label: str = "label"
    score: str = "score"
    classes: tuple[str, ...] = ()
    coco: Path | None = None
    case_key: str = ""
    view_key: str = ""
    truth: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def is_coco(self) -> bool:
        """Whether the path is COCO's JSON."""
        return self.path is not None and self.path.suffix.lower() == ".json"

    @property
    def wide(self) -> bool:
        """Whether one row holds all views of a case."""
        return self.level == Level.VIEW and any(VIEW in name for name in (*self.scores.values(), *self.features))

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that are text."""
        view = () if self.level == Level.CASE or self.wide else (self.view,)
        label = (self.label,) if self.level == Level.DETECTION else ()
        return (*self.case, *view, *label)

    @property
    def boxes(self) -> tuple[str, ...]:
        """The number columns of a detection."""
        return (*self.box, self.score) if self.level == Level.DETECTION else ()

    def check(self) -> None:
        """Refuse options that do not go together.

        Raises:
            SpecError: saying which.
        """
        detection = self.level == Level.DETECTION
        if not detection and not (self.scores or self.features):
            raise SpecError(f"task 'table' at level {self.level!r} needs scores: {{class: column}}")
        if detection and self.scores:
            raise SpecError("task 'table' at level 'detection' has one score column: write score, not scores")
        if self.level == Level.CASE and self.views:
            raise SpecError("task 'table' at level 'case' has no views; expected level: view, or no views")
        if not detection and self.missing == "empty":
            raise SpecError("task 'table': missing: empty is for level 'detection'; expected error or mask")
        if not self.is_coco and (self.coco or self.case_key or self.view_key):
            raise SpecError("task 'table': coco, case_key and view_key are for COCO; expected a .json file as path")
        if self.path is None and not (self.level == Level.CASE or self.wide):
            raise SpecError("task 'table' needs a path where a case has several rows; metadata is one row a case")


@attrs.frozen
class Layout:
    """Which columns say what. In a wide table scores and features are one group of columns per view, else one."""

    classes: tuple[str, ...]
    views: tuple[str, ...]
    scores: tuple[tuple[str, ...], ...]
    features: tuple[tuple[str, ...], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns of scores and features, each once."""
        return tuple(dict.fromkeys(name for group in (*self.scores, *self.features) for name in group))

    def spec(self, level: str) -> TaskSpec:
        """What a task with this layout declares."""
        return TaskSpec(Level(level), self.classes, self.views, feature_size=len(self.features[0]))


@attrs.frozen(eq=False)
class Answers:
    """All a table says.

    Attributes:
        layout: which columns say what.
        frame: the needed columns alone, as read: what a saved model keeps.
        ids: the cases it knows, sorted.
        output: about these cases, and in one more, last row about any case it does not know.
    """

    layout: Layout
    frame: pd.DataFrame
    ids: pd.Index
    output: TaskOutput

    def about(self, ids: Sequence[str]) -> TaskOutput:
        """The answers about these cases, in this order; known or not."""
        import pandas as pd

        found = self.ids.get_indexer(pd.Index(ids))
        output = self.output.select(np.where(found < 0, len(self.ids), found))
        return attrs.evolve(output, cases=ids)


@attrs.frozen(eq=False)
class Rows:
    """A frame and the case each of its rows is about: ``names`` sorted, ``case[k]`` an index into them."""

    frame: pd.DataFrame
    names: Array
    case: Array
    source: str

    def where(self, keep: Array) -> Rows:
        """These rows only, the names unchanged."""
        return attrs.evolve(self, frame=self.frame[keep], case=self.case[keep])

    def numbers(self, groups: Sequence[Sequence[str]]) -> Array:
        """Groups of columns as ``(rows, groups, columns)``."""
        flat = [name for group in groups for name in group]
        return numbers(self.frame, flat, self.source).reshape(len(self.frame), len(groups), len(groups[0]))

    def refuse(self, bad: Array, columns: Sequence[str], why: str) -> None:
        """Raise about the first bad cell of ``(rows, [groups,] columns)``."""
        refuse(self.frame, bad, columns, self.source, why)


def index_table(config: TableConfig, path: Path) -> Answers:
    """Read a table and turn it into answers.

    Raises:
        DataError: naming file, row and column of what cannot be used.
    """
    return index_frame(config, read_table(path, config.keys), str(path))


def index_frame(config: TableConfig, frame: pd.DataFrame, source: str) -> Answers:
    """Turn a frame as read into answers.

    Raises:
        DataError: naming source, row and column of what cannot be used.
    """
    need_columns(frame.columns, config.boxes, source)
    layout = resolve(config, [str(name) for name in frame.columns], source)
    if config.level != Level.CASE and not config.wide:
        layout = attrs.evolve(layout, views=_views_of_rows(config, frame, source))
    if config.level == Level.DETECTION:
        layout = attrs.evolve(layout, classes=config.classes or _values(frame, config.label, "classes", source))
    frame = frame[list(dict.fromkeys((*config.keys, *config.boxes, *layout.columns)))]
    return answer(config, layout, frame, case_ids(frame, config.case, source), source)


def answer(config: TableConfig, layout: Layout, frame: pd.DataFrame, ids: Sequence[str], source: str) -> Answers:
    """Turn a frame into answers, the same whatever the order of its rows.

    Raises:
        DataError: naming source, row and column of what cannot be used.
    """
    import pandas as pd

    names, case = np.unique(np.array(ids, object), return_inverse=True)
    build = _detections if config.level == Level.DETECTION else _dense
    output = build(config, layout, Rows(frame, names, case.ravel(), source))
    return Answers(layout, frame, pd.Index(names), output)


def resolve(config: TableConfig, columns: Sequence[str], source: str) -> Layout:
    """Find the columns that a configuration means.

    Raises:
        DataError: a column that is not there, with the nearest.
    """
    if not config.wide:
        scores, features = (tuple(config.scores.values()),), (_features(config, "", columns, source),)
        need_columns(columns, scores[0], source)
        return Layout(tuple(config.scores), config.views, scores, features)
    views = config.views or _views_of_columns(config, columns, source)
    per_view = tuple(tuple(name.replace(VIEW, view) for name in config.scores.values()) for view in views)
    need_columns(columns, (name for group in per_view for name in group), source)
    layout = Layout(tuple(config.scores), views, per_view, tuple(_features(config, v, columns, source) for v in views))
    if len(sizes := {len(group) for group in layout.features}) > 1:
        raise DataError(f"{source}: views have different numbers of feature columns: {sorted(sizes)}")
    return layout


def _features(config: TableConfig, view: str, columns: Sequence[str], source: str) -> tuple[str, ...]:
    """Feature columns of a view; a pattern takes no column that has another meaning, a name takes any."""
    patterns = [name.replace(VIEW, view) for name in config.features]
    taken = {*config.keys, *config.boxes, *(name.replace(VIEW, view) for name in config.scores.values())}
    return find_columns(patterns, [name for name in columns if name in patterns or name not in taken], source)


def _views_of_columns(config: TableConfig, columns: Sequence[str], source: str) -> tuple[str, ...]:
    pattern = next(name for name in (*config.scores.values(), *config.features) if VIEW in name)
    before, after = pattern.split(VIEW, 1)
    fits = [c for c in columns if c.startswith(before) and c.endswith(after) and len(c) > len(before + after)]
    if not fits:
        raise DataError(f"{source}: no column matches {pattern!r}{did_you_mean(pattern, columns)}")
    return tuple(sorted(name[len(before) : len(name) - len(after)] for name in fits))


def _views_of_rows(config: TableConfig, frame: pd.DataFrame, source: str) -> tuple[str, ...]:
    found = _values(frame, config.view, "views", source)
    if config.views and not set(config.views) & set(found):
        raise DataError(
            f"{source}, column {config.view!r}: no row is about {', '.join(config.views)}; found: {', '.join(found)}"
        )
    return config.views or found


def _values(frame: pd.DataFrame, column: str, option: str, source: str) -> tuple[str, ...]:
    found = tuple(sorted(set(frame[column]) - {""}))
    if not found:
        raise DataError(f"{source}, column {column!r} is empty; name the {option} in the configuration")
    return found


def _dense(config: TableConfig, layout: Layout, rows: Rows) -> TaskOutput:
    """Levels case and view: every cell, a case or a view of one, has at most one answer."""
    rows, cell = _cells(config, layout, rows)
    _refuse_duplicates(config, layout, rows, cell)
    scores, features = rows.numbers(layout.scores), rows.numbers(layout.features)
    given = ~(np.isnan(scores).all(axis=2) & np.isnan(features).all(axis=2))
    if not (config.wide or config.missing == "mask" or config.path is None):
        given[:] = True  # nobody said that a cell may be empty
    bad = given[:, :, None] & ~((scores >= 0) & (scores <= 1))
    rows.refuse(bad, [name for group in layout.scores for name in group], "is {value}; expected a score from 0 to 1")
    bad = given[:, :, None] & ~np.isfinite(features)
    rows.refuse(bad, [name for group in layout.features for name in group], "is {value}; expected a finite number")
    shape = (len(rows.names) + 1, *((len(layout.views),) if config.level == Level.VIEW else ()))
    present = _spread(given[:, :, None], cell, shape)[..., 0] == 1
    return TaskOutput(
        layout.spec(config.level),
        (*rows.names, ""),
        present,
        _spread(np.where(given[:, :, None], scores, np.nan), cell, shape),
        _spread(np.where(given[:, :, None], features, np.nan), cell, shape) if features.shape[2] else None,
    )


def _cells(config: TableConfig, layout: Layout, rows: Rows) -> tuple[Rows, Array]:
    """The rows that matter and the cell of each of their groups, ``(rows, groups)``."""
    if config.level == Level.CASE:
        return rows, rows.case[:, None]
    count = len(layout.views)
    if config.wide:
        return rows, rows.case[:, None] * count + np.arange(count)
    view = _view_of(config, layout, rows)
    rows = rows.where(view >= 0)
    return rows, (rows.case * count + view[view >= 0])[:, None]


def _view_of(config: TableConfig, layout: Layout, rows: Rows) -> Array:
    """Index of each row's view, ``(rows,)``; -1 for views nobody asked about."""
    import pandas as pd

    names = rows.frame[config.view]
    rows.refuse((names == "").to_numpy(bool), (config.view,), f"is empty; expected one of {', '.join(layout.views)}")
    return np.asarray(pd.Index(layout.views).get_indexer(pd.Index(names)))


def _spread(values: Array, cell: Array, shape: tuple[int, ...]) -> Array:
    """Put ``(rows, groups, width)`` where the cells are, ``(*shape, width)``; NaN elsewhere."""
    result = np.full((int(np.prod(shape)), values.shape[2]), np.nan, np.float32)
    result[cell] = values
    return result.reshape(*shape, values.shape[2])


def _refuse_duplicates(config: TableConfig, layout: Layout, rows: Rows, cell: Array) -> None:
    def about(row: int) -> str:
        case = f"case {rows.names[rows.case[row]]!r}"
        one_view = config.level == Level.VIEW and not config.wide
        return f"{case}, view {layout.views[cell[row, 0] % len(layout.views)]!r}" if one_view else case

    refuse_twice(rows.frame, cell[:, 0], rows.source, about)


def _detections(config: TableConfig, layout: Layout, rows: Rows) -> TaskOutput:
    """Level detection: sorted by case, view and falling score, so that the order of rows does not matter."""
    present = _looked_at(config, layout, rows)
    rows = rows.where(~_nothing_found(config, rows))
    view = _view_of(config, layout, rows)
    rows = rows.where(view >= 0)
    cell = rows.case * len(layout.views) + view[view >= 0]
    boxes, scores, labels = _boxes(config, rows), _detection_scores(config, rows), _labels(config, layout, rows)
    features = rows.numbers(layout.features)[:, 0]
    rows.refuse(~np.isfinite(features), layout.features[0], "is {value}; expected a finite number")
    order = np.lexsort((*boxes.T, labels, -scores, cell))
    keys = np.column_stack([cell, labels, scores, boxes])
    refuse_twice(rows.frame, keys, rows.source, lambda row: f"one box of case {rows.names[rows.case[row]]!r}")
    cells = (len(rows.names) + 1) * len(layout.views)
    found = Detections(
        np.concatenate([[0], np.cumsum(np.bincount(cell, minlength=cells))]),
        boxes[order],
        labels[order],
        scores[order],
        features[order] if features.shape[1] else None,
    )
    return TaskOutput(layout.spec(config.level), (*rows.names, ""), present, detections=found)


def _looked_at(config: TableConfig, layout: Layout, rows: Rows) -> Array:
    """``(cases + 1, views)``: all views of the cases in a table; of COCO those whose image is listed."""
    whole = config.missing == "empty"
    present = np.full((len(rows.names) + 1, len(layout.views)), whole or not config.is_coco)
    present[-1] = whole
    if config.is_coco:
        view = _view_of(config, layout, rows)
        present[rows.case[view >= 0], view[view >= 0]] = True
    return present


def _nothing_found(config: TableConfig, rows: Rows) -> Array:
    empty = np.isnan(numbers(rows.frame, config.boxes, rows.source)).all(axis=1)
    return np.asarray(empty & (rows.frame[config.label] == "").to_numpy(bool))


def _boxes(config: TableConfig, rows: Rows) -> Array:
    boxes = numbers(rows.frame, config.box, rows.source).astype(np.float32)
    rows.refuse(~np.isfinite(boxes), config.box, "is {value}; expected a finite number")
    flat = boxes[:, 2:] <= boxes[:, :2]
    for k, axis in enumerate(("x", "y")):
        rows.refuse(flat[:, k], config.box[2 + k : 3 + k], f"is {{value}}; expected more than {axis}min")
    return boxes


def _detection_scores(config: TableConfig, rows: Rows) -> Array:
    scores = numbers(rows.frame, (config.score,), rows.source)
    rows.refuse(~((scores >= 0) & (scores <= 1)), (config.score,), "is {value}; expected a score from 0 to 1")
    return scores[:, 0]


def _labels(config: TableConfig, layout: Layout, rows: Rows) -> Array:
    """Index of each row's label into the classes, ``(rows,)``."""
    import pandas as pd

    labels = np.asarray(pd.Index(layout.classes).get_indexer(pd.Index(rows.frame[config.label])))
    rows.refuse(labels < 0, (config.label,), f"is {{value}}; expected one of {', '.join(layout.classes)}")
    return labels
