"""One self-contained HTML page that says what a run found. pandas, plotly and Jinja load on use."""

from taskfusion.report.data import ReportData, TaskSection
from taskfusion.report.report import write_report

__all__ = ["ReportData", "TaskSection", "write_report"]
