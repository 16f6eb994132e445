"""What a quick answer does without: modules that are not imported, rather than seconds, which depend on the machine."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("tensorflow", "keras", "sklearn", "pandas", "scipy", "plotly", "PIL", "pyarrow", "onnxruntime", "openvino")
REST = (
    "numpy",
    "cattrs",
    "joblib",
    "cloudpickle",
    "distributed",
    "dask",
    "jinja2",
    "rich",
    "yaml",
    "hypothesis",
    "pytest",
)


def loaded(code: str, names: tuple[str, ...]) -> list[str]:
    """Which of these modules are there after the code, in a process of its own that sees the installed plugins."""
    seen = f"print('|', [m for m in {names} if m in sys.modules])"
    text = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\n{seen}"
    found = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    answer: list[str] = eval(found.stdout.rpartition("|")[2])
    return answer


@pytest.mark.parametrize(
    "code",
    [
        "import taskfusion",
        "import taskfusion.cli; taskfusion.cli.main(['--help'])",
        "import taskfusion.cli; taskfusion.cli.main(['plugins'])",
        "import taskfusion.cli; taskfusion.cli.main(['--version'])",
        "import taskfusion.cli; taskfusion.cli.main(['run', '--help'])",
        "import taskfusion.cli; taskfusion.cli.main(['predict', '--help'])",
    ],
)
def test_a_quick_answer_imports_nothing_heavy(code, monkeypatch):
    monkeypatch.delenv("TASKFUSION_BLOCK_PLUGINS")
    assert loaded(code, HEAVY + REST) == []


def test_an_engine_imports_what_it_needs_when_it_is_opened():
    code = "import taskfusion.engine; taskfusion.engine.open_engine('local').__enter__()"
    assert loaded(code, ("numpy", "joblib", "cloudpickle", "distributed", "dask")) == []


def test_the_test_sees_what_is_imported():
    assert loaded("import numpy", HEAVY + REST) == ["numpy"]


def test_a_plugins_command_looks_for_plugins_once(monkeypatch):
    import click

    from taskfusion import plugins
    from taskfusion.cli import group

    calls = []
    real = plugins.build_registry
    monkeypatch.setattr(plugins, "build_registry", lambda **options: calls.append(1) or real(**options))
    with pytest.raises(click.UsageError, match="unknown command 'nothing'"):
        group.main(["nothing"], standalone_mode=False)
    assert calls == [1]
