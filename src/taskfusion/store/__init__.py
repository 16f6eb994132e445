"""Task outputs on disk, computed once (law 2): Parquet files of some cases each, written whole, read as a stream."""

from taskfusion.store.asking import CHUNK, Answerer, answers, stored
from taskfusion.store.folder import Index, OutputStore
from taskfusion.store.stored import StoredOutput, in_memory, joined

__all__ = ["CHUNK", "Answerer", "Index", "OutputStore", "StoredOutput", "answers", "in_memory", "joined", "stored"]
