"""How good predictions are, and how sure that is: metrics, patient bootstrap, significance, tables.

Nothing here reads a file or knows a fuser: arrays and tables in, numbers out. pandas, SciPy and rich load on use.
"""

from taskfusion.evaluation.bootstrap import Bootstrap
from taskfusion.evaluation.console import format_table
from taskfusion.evaluation.table import RESULT_COLUMNS, check_predictions, differences, evaluate

__all__ = ["RESULT_COLUMNS", "Bootstrap", "check_predictions", "differences", "evaluate", "format_table"]
