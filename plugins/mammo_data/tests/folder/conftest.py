"""A source that gives, skips, refuses and fails as it is told, and small cohort folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import numpy as np
import pytest

from mammo_data.folder.prepare import Outcome, Preparation, prepare
from mammo_data.records import ExamPlan, ExamRecord, LesionRecord, Skipped, ViewRecord
from mammo_data.synthetic import VIEWS, SyntheticConfig
from mammo_data.synthetic.source import SyntheticExams
from taskfusion.progress import Progress

TINY = SyntheticConfig(height=48, width=48)


@attrs.define
class Fake:
    """A source of what is in ``exams``: id to changes of the record, or to an exception; counts what it reads."""

    exams: dict[str, Any]
    listed: tuple[Skipped, ...] = ()
    skipped: dict[str, tuple[Skipped, ...]] = attrs.field(factory=dict)
    files: dict[str, tuple[Path, ...]] = attrs.field(factory=dict)
    reads: list[str] = attrs.field(factory=list)
    name: str = "fake"
    notice: str = "made up"

    def plans(self) -> Iterator[ExamPlan | Skipped]:
        yield from self.listed
        for number, exam in enumerate(self.exams):
            yield ExamPlan(exam, self.files.get(exam, ()), number)

    def read(self, plan: ExamPlan) -> tuple[ExamRecord | None, Sequence[Skipped]]:
        self.reads.append(plan.id)
        told = self.exams[plan.id]
        if isinstance(told, Exception):
            raise told
        return None if told is None else record(plan.id, **told), self.skipped.get(plan.id, ())


def pixels(seed: int, height: int = 12, width: int = 10) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4096, (height, width)).astype(np.uint16)


def record(exam: str, **changes: Any) -> ExamRecord:
    """Four views of noise; a malignant mass where ``lesions`` says so."""
    seed = changes.pop("seed", sum(map(ord, exam)))
    views = tuple(ViewRecord(name, pixels(10 * seed + k), Path(f"raw/{exam}/{name}")) for k, name in enumerate(VIEWS))
    return ExamRecord(**{"id": exam, "group": f"patient of {exam}", "views": views, **changes})


def mass(box: Sequence[float] = (1, 2, 5, 6), **details: Any) -> LesionRecord:
    return LesionRecord("L-CC", "mass", "malignant", box, details)


@pytest.fixture(scope="session")
def made() -> SimpleNamespace:
    """What tests make things with."""
    return SimpleNamespace(Fake=Fake, pixels=pixels, record=record, mass=mass, tree=tree, TINY=TINY)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Outcome]:
    """Prepare a source into ``tmp_path/cohort``."""

    def run(source: Any, **config: Any) -> Outcome:
        return prepare(source, Preparation(**{"output": tmp_path / "cohort", "jobs": 1, **config}), Progress())

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cohort"


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of twelve synthetic exams; copy before you change it."""
    path = tmp_path_factory.mktemp("whole") / "cohort"
    prepare(SyntheticExams(12, 3, TINY), Preparation(path, jobs=1), Progress())
    return path


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, byte for byte."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
