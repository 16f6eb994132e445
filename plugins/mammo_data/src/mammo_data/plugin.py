"""What mammo-data adds to taskfusion; names import paths and imports nothing else."""

from __future__ import annotations

from taskfusion.hookspecs import Entry, hookimpl


@hookimpl
def taskfusion_readers() -> list[Entry]:
    """The cohorts that can be read."""
    return [
        Entry(
            "mammograms",
            "mammo_data.readers.images:MammogramReader",
            "a folder of images (DICOM, PNG, TIFF …) and a table of one row per image",
        ),
        Entry(
            "synthetic",
            "mammo_data.readers.synthetic:SyntheticReader",
            "screening exams drawn from a seed: four views, density, pathology, boxes",
        ),
        Entry(
            "cohort",
            "mammo_data.readers.folder:CohortFolderReader",
            "a cohort folder that 'taskfusion mammo prepare' made",
        ),
    ]


@hookimpl
def taskfusion_targets() -> list[Entry]:
    """Targets for cohorts whose boxes say the type of a lesion."""
    return [
        Entry("mass", "mammo_data.targets:Mass", "any box of a mass, benign or malignant"),
        Entry("calcification", "mammo_data.targets:Calcification", "any box of calcifications, benign or malignant"),
    ]


@hookimpl
def taskfusion_commands() -> list[Entry]:
    """From raw files to a cohort folder."""
    return [
        Entry(
            "mammo", "mammo_data.commands:command", "make mammography cohorts from raw files, check them, look at them"
        )
    ]
