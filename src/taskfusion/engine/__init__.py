"""Where work is done: in this process, in processes of this machine, or by the workers of a Dask cluster."""

from taskfusion.engine.base import LOCAL, Engine, Local
from taskfusion.engine.opening import EngineName, open_engine
from taskfusion.engine.sharing import require_same, require_shared

__all__ = ["LOCAL", "Engine", "EngineName", "Local", "open_engine", "require_same", "require_shared"]
