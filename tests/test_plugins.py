"""The registry: lazy, clash-aware, and not to be taken down by one plugin."""

import subprocess
import sys
import types
from pathlib import Path
from typing import Literal

import attrs
import click
import pytest
import toys

from taskfusion import contracts, hookspecs, plugins
from taskfusion.configs import structure
from taskfusion.errors import PluginError, SpecError, UnknownNameError
from taskfusion.fusers.base import Fuser
from taskfusion.fusers.score import SvmFuser
from taskfusion.hookspecs import Entry, hookimpl
from taskfusion.padding import Padding, ZeroPadding
from taskfusion.plugins import build_registry
from taskfusion.readers import CohortReader


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
        (
            "fuser",
            "smv",
            {},
            UnknownNameError,
            r"unknown fuser 'smv' \(did you mean 'svm'\?\); known: .*boosting, feat, forest",
        ),
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
        self.name, self.value, self.dist, self._loaded = name, f"{name}.plugin", FakeDist, loaded

    def load(self):
        if isinstance(self._loaded, BaseException):
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


def test_the_hooks_stay_small():
    assert len(Path(hookspecs.__file__).read_text().splitlines()) <= 50
    assert all(hasattr(hookspecs, contracts.hook_name(kind)) for kind in plugins.REGISTERED)


def hooking(hook: str, function):
    """A plugin module with one hook as it stands."""
    module = types.ModuleType("odd")
    function.__name__ = hook
    setattr(module, hook, hookimpl(function))
    return module


GOOD = Entry("good", "toys:CaseToy", "fine")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, r"hook taskfusion_tasks returned None; expected a list of Entry"),
        ("svm", r"returned 'svm'; expected a list of Entry"),
        (7, r"returned 7; expected a list"),
        ({"a": "b"}, r"expected a list of Entry"),
        (GOOD, r"returned Entry\(.*; expected a list of Entry"),
        ([GOOD, "svm"], r"returned 'svm'; expected Entry\(name"),
        ([GOOD, Entry("", "m:X")], r"expected a name of letters, digits"),
        ([Entry("two words", "m:X")], r"expected a name of letters, digits"),
        ([Entry("a/b", "m:X")], r"expected a name of letters, digits"),
        ([Entry("name\n", "m:X")], r"expected a name of letters, digits"),
        ([Entry(3, "m:X")], r"expected a name of letters, digits"),
        ([Entry("a", "m.X")], r"expected a path such as 'package.module:Class'"),
        ([Entry("a", "m:")], r"expected a path such as"),
        ([Entry("a", "my-module:X")], r"expected a path such as"),
        ([Entry("a", None)], r"expected a path such as"),
        ([Entry("a", "m:X", "two\nlines")], r"expected a summary of one line"),
        ([GOOD, Entry("good", "m:X")], r"hook taskfusion_tasks returned 'good' twice; expected every name once"),
    ],
)
def test_a_wrong_answer_sets_the_whole_plugin_aside(answer, message):
    odd = hooking("taskfusion_tasks", lambda: answer)
    odd.taskfusion_fusers = plugin("x", taskfusion_fusers=[Entry("fine", "m:X")]).taskfusion_fusers
    registry = build_registry([odd, toys], entry_points=False)
    (broken,) = registry.broken
    with pytest.raises(PluginError, match=message):
        raise PluginError(broken.error)
    assert "fine" not in registry.names("fuser") and "case_toy" in registry.names("task")


def test_a_generator_is_an_answer_too():
    def entries():
        yield GOOD

    assert "good" in build_registry([hooking("taskfusion_tasks", entries)], entry_points=False).names("task")


def test_a_hook_with_arguments_is_set_aside():
    registry = build_registry([hooking("taskfusion_tasks", lambda cohort: [])], entry_points=False)
    assert "a hook takes no arguments" in registry.broken[0].error and "'cohort'" in registry.broken[0].error


def leave(error):
    def hook():
        raise error

    return hook


def test_a_plugin_that_ends_the_program_does_not(monkeypatch):
    registry = build_registry([hooking("taskfusion_tasks", leave(SystemExit(3)))], entry_points=False)
    assert "SystemExit: 3" in registry.broken[0].error
    monkeypatch.setattr(plugins.metadata, "entry_points", lambda group: [FakePoint("exits", SystemExit(3))])
    monkeypatch.delenv("TASKFUSION_BLOCK_PLUGINS")
    assert [plugin.name for plugin in build_registry().broken] == ["exits"]


def test_ctrl_c_is_never_swallowed(monkeypatch, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        build_registry([hooking("taskfusion_tasks", leave(KeyboardInterrupt()))], entry_points=False)
    (tmp_path / "interrupting.py").write_text("raise KeyboardInterrupt")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        build_registry([plugin("p", taskfusion_tasks=[Entry("t", "interrupting:X")])], entry_points=False).load(
            "task", "t"
        )


class NoFuser:
    Config = toys.ToyConfig


class HalfFuser(Fuser):
    Config = toys.ToyConfig


class NoConfig(ZeroPadding):
    Config = None


class PlainConfig(ZeroPadding):
    Config = dict


@attrs.frozen
class Demanding:
    size: int
    width: int = 1


class DemandingPadding(ZeroPadding):
    Config = Demanding


@attrs.frozen
class Impossible:
    size: int = attrs.field(default=1, validator=attrs.validators.ge(2))


class ImpossiblePadding(ZeroPadding):
    Config = Impossible


class DemandingReader(CohortReader):
    Config = Demanding

    def read(self, progress):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("kind", "attribute", "message"),
    [
        ("fuser", "NoFuser", r"NoFuser is no fuser; expected a subclass of taskfusion.fusers.base.Fuser"),
        ("fuser", "hooking", r"<function hooking .* is no fuser"),
        ("fuser", "HalfFuser", r"HalfFuser does not define fit, load_state, predict, save_state, as taskfusion.fusers"),
        ("task", "NoConfig", r"NoConfig is no task; expected a subclass of taskfusion.tasks.base.TaskModel"),
        ("target", "NoConfig", r"expected a subclass of taskfusion.targets.TargetMaker"),
        ("padding", "NoConfig", r"NoConfig.Config is None; expected an attrs class with a default for each field"),
        ("padding", "PlainConfig", r"PlainConfig.Config is <class 'dict'>; expected an attrs class"),
        ("padding", "DemandingPadding", r"DemandingPadding.Config has no default for size; expected an attrs class"),
        (
            "padding",
            "ImpossiblePadding",
            r"ImpossiblePadding.Config\(\) raises ValueError: .*expected defaults that are",
        ),
        ("command", "NoFuser", r"NoFuser is no command; expected a click command"),
        ("padding", "Nothing", r"does not load .* has no 'Nothing'"),
    ],
)
def test_a_class_that_breaks_the_contract_is_refused_when_it_is_loaded(monkeypatch, kind, attribute, message):
    monkeypatch.setitem(sys.modules, "subjects_here", sys.modules[__name__])
    hooks = {f"taskfusion_{kind}s": [Entry("x", f"subjects_here:{attribute}")]}
    registry = build_registry([plugin("p", **hooks)], entry_points=False)
    with pytest.raises(PluginError, match=rf"^{kind} 'x' of given in code - .*{message}"):
        registry.load(kind, "x")


def test_a_near_name_is_suggested(monkeypatch):
    monkeypatch.setitem(sys.modules, "subjects_here", sys.modules[__name__])
    entries = [Entry("x", "subjects_here:PlaneConfig")]
    registry = build_registry([plugin("p", taskfusion_paddings=entries)], entry_points=False)
    with pytest.raises(PluginError, match=r"subjects_here has no 'PlaneConfig' \(did you mean 'PlainConfig'\?\)"):
        registry.load("padding", "x")


def test_a_reader_may_demand_options_and_a_command_loads(monkeypatch):
    here = sys.modules[__name__]
    monkeypatch.setitem(sys.modules, "subjects_here", here)
    monkeypatch.setattr(here, "greet", click.Command("greet"), raising=False)
    hooks = {
        "taskfusion_readers": [Entry("x", "subjects_here:DemandingReader")],
        "taskfusion_commands": [Entry("hi", "subjects_here:greet")],
    }
    registry = build_registry([plugin("p", **hooks)], entry_points=False)
    assert registry.load("reader", "x").__name__ == "DemandingReader"
    assert registry.load("command", "hi").name == "greet"


def test_a_class_handed_on_from_another_module_has_its_name(monkeypatch):
    module = types.ModuleType("front_door")
    module.Toy = toys.CaseToy
    monkeypatch.setitem(sys.modules, "front_door", module)
    registry = build_registry([plugin("p", taskfusion_tasks=[Entry("t", "front_door:Toy")])], entry_points=False)
    assert registry.name_of("task", toys.CaseToy()) == "t"
    assert registry.name_of("task", toys.ViewToy()) is None


def test_given_in_code_and_installed_too_is_no_clash(monkeypatch):
    monkeypatch.setattr(plugins.metadata, "entry_points", lambda group: [FakePoint("toys", toys)])
    monkeypatch.delenv("TASKFUSION_BLOCK_PLUGINS")
    assert build_registry([toys]).find("task", "case_toy").distribution == "given in code"
    component = build_registry().find("task", "case_toy")
    assert (component.origin, component.plugin, component.module) == ("fake-dist 1.2", "toys", "toys.plugin")


BAD = plugin("bad", taskfusion_task=[])
CLASHING = plugin("clashing", taskfusion_fusers=[Entry("svm", "m:X")])


def test_strict_refuses_everything_at_once():
    with pytest.raises(PluginError, match=r"strict mode") as caught:
        build_registry([BAD, CLASHING], entry_points=False, strict=True)
    assert "broken plugin bad of given in code -: UnknownNameError" in str(caught.value)
    assert "fuser 'svm' is claimed by taskfusion" in str(caught.value) and "given in code -" in str(caught.value)
    assert build_registry([toys], entry_points=False, strict=True).problems() == []


@pytest.mark.parametrize(("value", "strict"), [("1", True), ("yes", True), ("0", False), ("", False), ("False", False)])
def test_the_environment_makes_it_strict(monkeypatch, value, strict):
    monkeypatch.setenv("TASKFUSION_STRICT_PLUGINS", value)
    if strict:
        with pytest.raises(PluginError, match="broken plugin bad"):
            build_registry([BAD], entry_points=False)
    assert len(build_registry([BAD], entry_points=False, strict=False).broken) == 1


def test_padding_is_a_base_that_cannot_be_made():
    assert contracts.problem_of("padding", Padding).startswith("Padding does not define fill")
