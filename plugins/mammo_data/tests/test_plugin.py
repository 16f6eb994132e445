import subprocess
import sys

from mammo_data import plugin
from taskfusion.plugins import build_registry

HEAVY = ("cv2", "pydicom", "scipy", "numpy", "tensorflow", "sklearn", "pandas")


def test_the_reader_is_registered():
    registry = build_registry([plugin], entry_points=False)
    assert not registry.broken
    assert "synthetic" in registry.names("reader")
    assert registry.load("reader", "synthetic").__name__ == "SyntheticReader"
    assert registry.load("reader", "mammograms").__name__ == "MammogramReader"


def test_the_plugin_module_imports_nothing_heavy():
    code = f"import sys, mammo_data.plugin; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
