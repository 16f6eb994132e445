"""docs/fusers.md names every fuser, and its examples hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from taskfusion.builtins import taskfusion_fusers
from taskfusion.configs import structure
from taskfusion.plugins import build_registry

PAGE = (Path(__file__).parents[2] / "docs" / "fusers.md").read_text(encoding="utf-8")
OF_A_PLAN = {"fuser", "detections", "padding", "tasks", "missing", "joint"}


@pytest.mark.parametrize("entry", taskfusion_fusers(), ids=lambda entry: entry.name)
def test_every_fuser_has_a_line_in_the_table(entry):
    named = [name for row in re.findall(r"^\| (`[^|]*`) \|", PAGE, re.M) for name in re.findall(r"`(\w+)`", row)]
    assert named.count(entry.name) == 1


def test_the_specs_on_the_page_hold():
    registry = build_registry(entry_points=False)
    for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.S):
        for name, options in yaml.safe_load(text)["fusers"].items():
            own = {key: value for key, value in options.items() if key not in OF_A_PLAN}
            assert structure(registry.load("fuser", options["fuser"]).Config, own, name)


def test_the_defaults_in_the_table_are_those_of_the_code():
    registry = build_registry(entry_points=False)
    defaults = {name: registry.load("fuser", name).Config() for name in ("weighted", "logistic", "score", "boosting")}
    rows = {name: re.search(rf"^\| `{name}` \|.*$", PAGE, re.M)[0] for name in defaults}
    assert ", ".join(f"{ridge:g}" for ridge in defaults["weighted"].ridge) in rows["weighted"]
    assert f"from {min(defaults['logistic'].C):g} to {max(defaults['logistic'].C):g}" in rows["logistic"]
    assert ", ".join(f"{alpha:g}" for alpha in sorted(defaults["score"].alpha, reverse=True)) in rows["score"]
    assert ", ".join(map(str, defaults["boosting"].leaves)) in rows["boosting"]


def test_the_python_on_the_page_runs():
    import taskfusion

    for text in re.findall(r"```python\n(.*?)```", PAGE, re.S):
        kept = "\n".join(line for line in text.splitlines() if "taskfusion.compose" not in line)
        exec(compile(kept, "docs/fusers.md", "exec"), {})
        assert all(hasattr(taskfusion, name) for name in re.findall(r"= taskfusion\.(\w+)\(", text))
