"""Import layers: a room imports only rooms below it, and ``import taskfusion`` stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "taskfusion"
# Bottom to top; DESIGN's order with the small helper rooms where they belong. "builtins" names classes as text only.
LAYERS = (
    ("errors", "files", "progress", "engine"),
    ("images",),
    ("blocks",),
    ("attributes", "configs", "yamltree"),
    ("yamlfile",),
    ("document",),
    ("cases",),
    ("splits", "outputs", "imagefiles", "materialize", "tables", "estimators"),
    ("evaluation",),
    ("padding", "inputs"),
    ("learned_padding",),
    ("assembly",),
    ("training",),
    ("inference",),
    ("readers", "targets", "tasks", "cohorts"),
    ("fusers",),
    ("hookspecs",),
    ("builtins", "contracts"),
    ("plugins", "settings"),
    ("spec",),
    ("schema",),
    ("store",),
    ("report",),
    ("pipeline",),
    ("explain", "datacheck"),
    ("experiment",),
    ("cli",),
    ("__init__", "__main__"),
)
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
BESIDE = ("testing",)  # the conformance kit stands beside the stack and may import anything
USES_THE_KIT = ("cli",)


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("taskfusion"):
            names = [node.module] if node.module != "taskfusion" else [f"taskfusion.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith("taskfusion")]
        found |= {name.split(".")[1] if "." in name else "__init__" for name in names}
    return found


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_room_imports_only_what_is_below(path):
    room = room_of(path)
    if room in BESIDE or room == "__init__":
        return
    assert room in LEVEL, f"{room} has no place in LAYERS"
    others = imported_rooms(path) - {room, *(BESIDE if room in USES_THE_KIT else ())}
    wrong = {other for other in others if other not in LEVEL or LEVEL[other] > LEVEL[room]}
    assert not wrong, f"{path.relative_to(SOURCE)} imports {sorted(wrong)} from above"


def test_the_core_says_no_word_of_a_plugin():
    for path in SOURCE.rglob("*.py"):
        text = path.read_text()
        assert "import mammo" not in text and "from mammo" not in text, path


def test_task_plugins_do_not_import_each_other():
    tasks = ("mammo_density", "mammo_findings", "mammo_localization")
    for own in tasks:
        for path in (ROOT / "plugins" / own / "src").rglob("*.py"):
            for other in tasks:
                assert other == own or f"import {other}" not in path.read_text(), path


@pytest.mark.parametrize(
    "statement", ["import taskfusion", "import taskfusion.cli; taskfusion.cli.group.list_commands(None)"]
)
def test_importing_is_light(statement):
    heavy = "('tensorflow', 'keras', 'sklearn', 'pandas', 'scipy', 'plotly', 'PIL')"
    code = f"import sys; {statement}; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
