"""The databases that can be prepared: found by import path when they are asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from taskfusion.errors import DataError

if TYPE_CHECKING:
    from mammo_data.records import ExamSource

SOURCES = {
    "ddsm": "mammo_data.ddsm.source:DdsmSource",
    "cbis": "mammo_data.cbis.source:CbisSource",
    "match": "mammo_data.matching.source:MatchedSource",
    "dicom": "mammo_data.dicom.source:DicomSource",
    "synthetic": "mammo_data.synthetic.source:SyntheticExams",
}


def build_source(database: str, *places: Any, **options: Any) -> ExamSource:
    """The source of a database's exams.

    Args:
        database: a key of ``SOURCES``.
        places: its files.
        options: of its class; what is None is left to the class.

    Raises:
        DataError: a reader that this installation lacks, or that lacks a package.
    """
    module, _, name = SOURCES[database].partition(":")
    try:
        cls = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name and module.startswith(error.name):
            raise DataError(f"this mammo-data has no reader for {database} yet ({module} is not there)") from error
        raise DataError(f"reading {database} needs the package {error.name!r}, which is not installed") from error
    source: ExamSource = cls(*places, **{name: value for name, value in options.items() if value is not None})
    return source
