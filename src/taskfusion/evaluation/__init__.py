"""How good predictions are, and how sure that is: metrics, patient bootstrap, significance, thresholds, tables.

Nothing here reads a file or knows a fuser: arrays and tables in, numbers out. pandas, SciPy and rich load on use.
"""

from taskfusion.evaluation.bootstrap import Bootstrap
from taskfusion.evaluation.checking import check_predictions
from taskfusion.evaluation.console import format_table
from taskfusion.evaluation.pairs import DIFFERENCE_COLUMNS, comparisons, differences
from taskfusion.evaluation.pooled import Pooled, pooled_difference
from taskfusion.evaluation.standing import standings
from taskfusion.evaluation.table import POINT_COLUMNS, RESULT_COLUMNS, evaluate, operating_points
from taskfusion.evaluation.thresholds import Rule, choose_thresholds

__all__ = [
    "DIFFERENCE_COLUMNS",
    "POINT_COLUMNS",
    "RESULT_COLUMNS",
    "Bootstrap",
    "Pooled",
    "Rule",
    "check_predictions",
    "choose_thresholds",
    "comparisons",
    "differences",
    "evaluate",
    "format_table",
    "operating_points",
    "pooled_difference",
    "standings",
]
