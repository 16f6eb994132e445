"""What mammo-data adds to taskfusion; names import paths and imports nothing else."""

from __future__ import annotations

from taskfusion.hookspecs import Entry, hookimpl


@hookimpl
def taskfusion_readers() -> list[Entry]:
    """The cohorts that can be read."""
    return [
        Entry(
            "synthetic",
            "mammo_data.readers.synthetic:SyntheticReader",
            "screening exams drawn from a seed: four views, density, pathology, boxes",
        )
    ]
