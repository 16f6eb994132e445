"""The split of the CBIS-DDSM alone: its own has training and test; validation is drawn from training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mammo_data.cbis.tables import LesionRow, density_of, split_of
from mammo_data.split import ExamSummary, split_exams

VALIDATION = 0.12
"""Share of the training patients (paper II-A.3)."""
_FINE = 1_000_000


def splits_of(patients: Mapping[str, Sequence[LesionRow]], share: float = VALIDATION, seed: int = 0) -> dict[str, str]:
    """Patient to ``train``, ``validation`` or ``test``.

    Test is the official one, and patients of both official parts are tested on. Of the others a share becomes
    validation, whole patients, with shares of density, kinds of lesion and pathology as they are.

    Args:
        patients: their rows.
        share: of the training patients; 0 leaves the official split as it is.
        seed: the same seed, share and tables give the same split.
    """
    official = {patient: split_of(rows) for patient, rows in patients.items()}
    trained = [_summary(patient, patients[patient]) for patient, split in official.items() if split == "train"]
    parts = {"train": _FINE - round(share * _FINE), "validation": round(share * _FINE), "test": 0}
    return {**official, **split_exams(trained, seed, parts)}


def _summary(patient: str, rows: Sequence[LesionRow]) -> ExamSummary:
    return ExamSummary(
        id=patient,
        group=patient,
        density=density_of(rows),
        kinds=tuple(sorted({row.kind for row in rows})),
        pathology=max(row.status for row in rows),  # benign before malignant
        split="train",
    )
