"""A whole experiment from a spec: stages, rounds of seeds and folds, costs, comparisons, and the page of a run."""

from taskfusion.experiment.stages import RunOutcome, run, run_info, write_run_report

__all__ = ["RunOutcome", "run", "run_info", "write_run_report"]
