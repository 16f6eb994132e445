"""The cohort that a spec names, whatever its other sections say: it may be looked at before any task is thought of."""

from __future__ import annotations

from pathlib import Path

from taskfusion.cases import Cohort
from taskfusion.document import load_document
from taskfusion.errors import SpecError
from taskfusion.plugins import Registry
from taskfusion.progress import Progress
from taskfusion.readers import CohortReader
from taskfusion.spec import with_base

SECTION = "cohort"


def cohort_of_spec(path: Path, registry: Registry) -> Cohort:
    """Read the section ``cohort`` of a spec; relative paths start at the spec's folder.

    Raises:
        SpecError: no such section, an unknown reader, a wrong option.
        DataError: what the reader finds wrong.
    """
    document = load_document(path)
    options = document.data.get(SECTION)
    if document.problems:
        raise SpecError.listed(document.problems)
    if not isinstance(options, dict) or not isinstance(options.get("reader"), str):
        raise SpecError(
            f"{path} has no section 'cohort' that names a reader; expected  cohort: {{reader: mammograms, …}}"
        )
    rest = {key: value for key, value in options.items() if key != "reader"}
    reader: CohortReader = registry.create("reader", options["reader"], rest, f"{path}: cohort")
    reader.config = with_base(reader.config, lambda keys: document.place(keys).base, (SECTION,))
    check = getattr(reader.config, "check", None)
    if check is not None:
        check()
    return reader.read(Progress())
