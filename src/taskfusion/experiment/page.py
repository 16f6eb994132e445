"""``report.html`` of a run: what is judged, compared, tried with missing inputs and looked at case by case."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from taskfusion.evaluation import Bootstrap
from taskfusion.experiment.casepages import Judged, case_pages
from taskfusion.pipeline.stress import importance, stress
from taskfusion.progress import Progress
from taskfusion.report import ReportData
from taskfusion.report.worklist import worklist_order
from taskfusion.settings import ReportConfig

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
REPEATS = 3


def with_cases(
    data: ReportData, judged: Sequence[Judged], config: ReportConfig, progress: Progress | None = None
) -> ReportData:
    """The report with a page for each case of its worklist.

    Args:
        data: the report so far.
        judged: the answers its predictions come from, fold by fold under cross-validation; of several answers about
            a case the first counts.
        config: how many cases, and which pictures.
        progress: where to tell how far it is.
    """
    if not config.cases:
        return data
    data = attrs.evolve(data, most_cases=config.cases)
    wanted = worklist_order(data)[0]
    pages = {page.case: page for page in reversed(case_pages(judged, wanted, config, progress))}
    return attrs.evolve(data, cases=[pages[case] for case in wanted if case in pages])


def with_robustness(
    data: ReportData, judged: Sequence[Judged], config: ReportConfig, bootstrap: Bootstrap
) -> ReportData:
    """The report with what each task is worth, and what is left when inputs are missing.

    Both ask one fitted pipeline; under cross-validation there are several, and nothing is added.
    """
    if len(judged) != 1 or len(judged[0].result.outputs) < 2:
        return data
    result, cohort = judged[0].result, judged[0].cohort
    data = attrs.evolve(data, importance=importance(result, cohort, bootstrap))
    if config.stress == "none":
        return data
    first = data.fusers[0]
    tried = {key: fitted for key, fitted in result.fitted.items() if config.stress == "all" or key[0] == first}
    return attrs.evolve(data, stress=stress(attrs.evolve(result, fitted=tried), cohort, SHARES, repeats=REPEATS).table)
