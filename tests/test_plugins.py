"""The registry: lazy, clash-aware, and not to be taken down by one plugin."""

import subprocess
import sys
import types
from typing import Literal

import pytest
import toys

from taskfusion import plugins
from taskfusion.configs import structure
from taskfusion.errors import PluginError, SpecError, UnknownNameError
from taskfusion.fusers.score import SvmFuser
from taskfusion.hookspecs import Entry, hookimpl
from taskfusion.plugins import build_registry


def plugin(name: str, **hooks):
    module = types.ModuleType(name)
    for hook, answer in hooks.items():
        setattr(module, hook, hookimpl(lambda answer=answer: answer, specname=None))
        getattr(module, hook).__name__ = hook
    return module


def test_everything_built_in_loads():
    registry = build_registry(entry_points=False)
    for kind in plugins.KINDS:
        for component in registry.components(kind):
            if component.entry.name != "feat":  # needs Keras; its own test loads it
                assert isinstance(component.load(), type) and component.entry.summary


def test_names_and_summaries_import_no_model():
    code = (
        "import sys; from taskfusion.plugins import build_registry; r = build_registry(); r.names('fuser');"
        "print([m for m in ('sklearn', 'keras', 'tensorflow', 'pandas') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_create_structures_options(registry):
    assert isinstance(registry.create("fuser", "svm", {"C": 10}), SvmFuser)
    assert registry.create("fuser", "svm", {"C": 10}).config.C == (10.0,)
    assert registry.create("task", "case_toy", {"noise": 2}).config.noise == 2.0


@pytest.mark.parametrize(
    ("kind", "name", "options", "error", "message"),
    [
        ("fuser", "smv", {}, UnknownNameError, r"unknown fuser 'smv' \(did you mean 'svm'\?\); known: feat, forest"),
        ("task", "case_toi", {}, UnknownNameError, r"did you mean 'case_toy'"),
        ("fuser", "svm", {"c": 1}, SpecError, r"fuser 'svm'\.c: unknown key; known: C, gamma"),
        ("task", "case_toy", {"niose": 1, "size": "x"}, SpecError, r"did you mean 'noise'"),
        ("task", "case_toy", {"size": "x"}, SpecError, r"task 'case_toy'\.size: expected int, found 'x'"),
        ("fuser", "svm", {"C": ["a"]}, SpecError, r"fuser 'svm'\.C\[0\]: expected float, found 'a'"),
    ],
)
def test_mistakes_name_the_nearest(registry, kind, name, options, error, message):
    with pytest.raises(error, match=message):
        registry.create(kind, name, options)


def test_a_preset_is_changed_section_by_section():
    base = {"a": 1, "view": {"epochs": 9, "rate": 2}}
    assert plugins.merged(base, {"view": {"epochs": 3}, "b": 4}) == {"a": 1, "b": 4, "view": {"epochs": 3, "rate": 2}}


def test_a_wrong_choice_lists_the_choices():
    import attrs

    @attrs.frozen
    class Choosing:
        pooling: Literal["average", "max"] = "max"

    with pytest.raises(SpecError, match=r"here\.pooling: found 'maxx' \(did you mean 'max'\?\); known: average, max"):
        structure(Choosing, {"pooling": "maxx"}, "here")


def test_presets(registry, monkeypatch):
    monkeypatch.setattr(toys.CaseToy, "presets", {"loud": {"noise": 9.0}})
    assert registry.create("task", "case_toy", {"preset": "loud", "size": 2}).config == toys.ToyConfig(9.0, 2)
    with pytest.raises(UnknownNameError, match=r"unknown preset of task 'case_toy' 'lout' \(did you mean 'loud'"):
        registry.create("task", "case_toy", {"preset": "lout"})


def test_a_plugin_with_an_unknown_hook_is_set_aside():
    bad = plugin("bad", taskfusion_task=[Entry("x", "m:X")])
    registry = build_registry([bad, toys], entry_points=False)
    assert registry.broken[0].name == "bad" and "did you mean 'taskfusion_tasks'" in registry.broken[0].error
    assert "case_toy" in registry.names("task")
    with pytest.raises(UnknownNameError, match=r"plugins that failed to load: bad"):
        registry.find("task", "x")


def test_a_hook_that_raises_or_answers_nonsense_is_set_aside():
    def boom():
        raise RuntimeError("kaput")

    raising = types.ModuleType("raising")
    boom.__name__ = "taskfusion_tasks"
    raising.taskfusion_tasks = hookimpl(boom)
    registry = build_registry([raising, plugin("odd", taskfusion_fusers=["svm"])], entry_points=False)
    assert [b.name for b in registry.broken] == ["raising", "odd"]
    assert "kaput" in registry.broken[0].error and "expected Entry" in registry.broken[1].error
    assert "svm" in registry.names("fuser")


def test_a_clash_names_both():
    registry = build_registry([plugin("other", taskfusion_fusers=[Entry("svm", "m:X")])], entry_points=False)
    with pytest.raises(PluginError, match=r"fuser 'svm' is claimed by taskfusion .* and given in code -"):
        registry.load("fuser", "svm")


def test_a_class_that_does_not_import_names_the_distribution():
    registry = build_registry([plugin("gone", taskfusion_tasks=[Entry("t", "no_such_module:X")])], entry_points=False)
    with pytest.raises(PluginError, match=r"task 't' of given in code - does not load \(no_such_module:X\)"):
        registry.load("task", "t")


class FakeDist:
    name, version = "fake-dist", "1.2"


class FakePoint:
    def __init__(self, name, loaded):
        self.name, self.dist, self._loaded = name, FakeDist, loaded

    def load(self):
        if isinstance(self._loaded, Exception):
            raise self._loaded
        return self._loaded


def test_an_installed_plugin_that_raises_on_import_is_reported(monkeypatch):
    points = [FakePoint("broken", ImportError("no module named x")), FakePoint("toys", toys)]
    monkeypatch.setattr(plugins.metadata, "entry_points", lambda group: points)
    monkeypatch.delenv("TASKFUSION_BLOCK_PLUGINS")
    registry = build_registry()
    assert [(b.name, b.distribution, b.version) for b in registry.broken] == [("broken", "fake-dist", "1.2")]
    assert registry.find("task", "case_toy").distribution == "fake-dist"
    monkeypatch.setenv("TASKFUSION_BLOCK_PLUGINS", "broken, toys")
    assert "case_toy" not in build_registry().names("task") and not build_registry().broken
