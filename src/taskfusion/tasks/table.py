"""Task ``table``: predictions somebody already has, in a file or in the metadata of the cases.

The table is indexed once into one output about all its cases; a chunk of cases is answered by indexing into that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import attrs
import numpy as np

from taskfusion.cases import Case, Cohort
from taskfusion.errors import DataError, ModelFolderError, NotFittedError
from taskfusion.files import read_json, replacing, write_json
from taskfusion.images import Array, short_hash
from taskfusion.outputs import TaskOutput, TaskSpec
from taskfusion.tables import METADATA, metadata_frame, need_columns
from taskfusion.tasks.base import FitContext, TaskModel
from taskfusion.tasks.coco import as_table, index_coco
from taskfusion.tasks.diagnostics import Curve
from taskfusion.tasks.table_answers import VIEW, Answers, Layout, TableConfig, answer, index_table, resolve


class TableTask(TaskModel):
    """Answers with what a table says; there is nothing to train."""

    Config = TableConfig

    def __init__(self, config: TableConfig | None = None) -> None:
        super().__init__(config)
        self._answers: Answers | None = None
        self._content = ""  # a hash of the file the answers came from
        self._columns: tuple[str, ...] | None = None  # of the metadata, once a cohort is known

    @property
    def spec(self) -> TaskSpec:
        """Views and classes may come from the table, which is read then."""
        layout = self._metadata_layout() if self.config.path is None else self._table().layout
        return layout.spec(self.config.level)

    @property
    def is_fitted(self) -> bool:
        """Always, but for patterns over metadata: which columns they mean is learned from a cohort."""
        return self.config.path is not None or self._columns is not None or not self._has_patterns()

    def fit(self, cohort: Cohort, context: FitContext) -> Self:
        """Nothing to train; without a path the columns of the metadata are learned, for every chunk the same."""
        if self.config.path is None:
            self._columns = tuple(dict.fromkeys(str(key) for case in cohort.cases for key in case.metadata))
        return self

    def predict(self, cases: Sequence[Case]) -> TaskOutput:
        """What the table says about these cases.

        Raises:
            DataError: naming the cases it does not know, unless ``missing`` says otherwise.
        """
        answers = self._of_metadata(cases) if self.config.path is None else self._table()
        output = answers.about([case.id for case in cases])
        if self.config.missing == "error":
            self._refuse_absent(output)
        if output.detections is None:
            return output
        found = output.detections.counts().reshape(output.present.shape) > 0
        return attrs.evolve(output, present=output.present & (found | _has_views(cases, output.spec.views)))

    def save_weights(self, folder: Path) -> None:
        """The needed columns as Parquet, so that the model outlives the table it came from."""
        if self.config.path is None:
            columns = None if self._columns is None else list(self._metadata_layout().columns)
            write_json(folder / "table.json", {"columns": columns})
            return
        answers = self._table()
        with replacing(folder / "table.parquet") as temporary:
            answers.frame.to_parquet(temporary, index=False, engine="pyarrow")
        saved, classes = _hash(folder / "table.parquet"), list(answers.layout.classes)
        write_json(folder / "table.json", {"content": self._content, "saved": saved, "classes": classes})

    def load_weights(self, folder: Path) -> None:
        """Read what :meth:`save_weights` wrote; the original table is not needed.

        Raises:
            ModelFolderError: a part is missing or was changed.
        """
        try:
            data = read_json(folder / "table.json")
            if self.config.path is None:
                self._columns = None if data["columns"] is None else tuple(data["columns"])
                return
            if _hash(folder / "table.parquet") != data["saved"]:
                raise DataError(f"{folder / 'table.parquet'} was changed after it was saved")
            config = as_table(self.config, data["classes"]) if self.config.is_coco else self.config
            self._answers = index_table(config, folder / "table.parquet")
            self._content = str(data["content"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelFolderError(f"saved table cannot be used: {folder}: {error}") from error

    def metrics(self, output: TaskOutput, cohort: Cohort) -> Mapping[str, float]:
        """AUC per case and per view, TPR and AP of detections, of the classes whose truth the cohort knows."""
        from taskfusion.tasks.measures import own_metrics

        return own_metrics(output, cohort, self.config.truth)

    def curves(self, output: TaskOutput, cohort: Cohort) -> Sequence[Curve]:
        """ROC and FROC curves of the same."""
        from taskfusion.tasks.measures import own_curves

        return own_curves(output, cohort, self.config.truth)

    def fingerprint(self, sources: Callable[[], str] | None = None) -> str:
        """Follows the content of the table; what else was trained on plays no part."""
        if self.config.path is None:
            columns = repr(self._metadata_layout()) if self.is_fitted else "unknown"
            return short_hash(super().fingerprint(None if self.is_fitted else sources), columns)
        self._table()
        return short_hash(super().fingerprint(), self._content)

    def _table(self) -> Answers:
        if self._answers is None:
            self._answers = index_coco(self.config) if self.config.is_coco else self._of_table()
            self._content = _hash(self.config.path, self.config.coco)
        return self._answers

    def _of_table(self) -> Answers:
        self.config.check()
        return index_table(self.config, self.config.path)

    def _metadata_layout(self) -> Layout:
        self.config.check()
        return resolve(self.config, self._implied() if self._columns is None else self._columns, METADATA)

    def _has_patterns(self) -> bool:
        unnamed_views = self.config.wide and not self.config.views
        return unnamed_views or any(set("*?[") & set(name) for name in self.config.features)

    def _implied(self) -> tuple[str, ...]:
        """The columns the configuration names by itself, when no cohort has been seen."""
        if self._has_patterns():
            raise NotFittedError("task 'table' learns from a cohort which metadata columns its patterns mean; call fit")
        names = (*self.config.scores.values(), *self.config.features)
        return tuple(name.replace(VIEW, view) for name in names for view in self.config.views or ("",))

    def _of_metadata(self, cases: Sequence[Case]) -> Answers:
        layout = self._metadata_layout()
        unique = list({case.id: case for case in cases}.values())
        if self.config.missing == "error":  # a column nobody has is a wrong name, and then every case would be absent
            need_columns(sorted({str(name) for case in unique for name in case.metadata}), layout.columns, METADATA)
        frame = metadata_frame(unique, layout.columns)
        return answer(self.config, layout, frame, [case.id for case in unique], METADATA)

    def _refuse_absent(self, output: TaskOutput) -> None:
        absent = np.flatnonzero(~output.present.reshape(len(output), -1).any(axis=1))
        if len(absent):
            first = ", ".join(repr(output.cases[k]) for k in absent[:5])
            source = METADATA if self.config.path is None else self.config.path
            raise DataError(
                f"{source}: nothing about {len(absent)} of {len(output)} cases: {first}"
                f"{', …' if len(absent) > 5 else ''}; add them, or write missing: mask to go on without"
            )


def _hash(*paths: Path | None) -> str:
    return short_hash(*(path.read_bytes() for path in paths if path is not None))


def _has_views(cases: Sequence[Case], views: Sequence[str]) -> Array:
    """``(cases, views)``: a case that lists its views has no others; one that lists none may have any."""
    return np.array([[not case.views or view in case.views for view in views] for case in cases], bool)
