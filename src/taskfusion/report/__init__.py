"""One self-contained HTML page that says what a run found. pandas, plotly, Jinja and Pillow load on use."""

from taskfusion.report.data import Chart, ReportData, TaskSection
from taskfusion.report.pages import CasePage, Mark, Picture
from taskfusion.report.report import write_report

__all__ = ["CasePage", "Chart", "Mark", "Picture", "ReportData", "TaskSection", "write_report"]
