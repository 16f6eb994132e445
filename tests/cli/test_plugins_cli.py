"""``taskfusion plugins``, ``taskfusion check``, and the commands that plugins bring."""

from __future__ import annotations

import json
import subprocess
import sys
import types

import attrs
import click
import pytest
import toys
from kit_subjects import Average

from taskfusion.hookspecs import Entry, hookimpl
from taskfusion.plugins import build_registry


@click.command("greet", epilog="Example:  taskfusion greet Ada")
@click.argument("name", default="you")
@click.option("--loud", is_flag=True, help="Shout.")
def greet(name: str, loud: bool) -> None:
    """Greet NAME."""
    click.echo(f"HELLO {name}" if loud else f"hello {name}")


class Broken(Average):
    """Answers in another shape."""

    def predict(self, inputs):
        return super().predict(inputs)[:, None]


class Plugin:
    """Two commands, of which one claims a name of the program's own, and two fusers."""

    @hookimpl
    def taskfusion_commands(self):
        return [Entry("greet", "cli_here:greet", "say hello"), Entry("run", "cli_here:greet", "not yours")]

    @hookimpl
    def taskfusion_fusers(self):
        return [Entry("average", "kit_subjects:Average", "mean"), Entry("skew", "cli_here:Broken", "broken")]


@pytest.fixture
def call(monkeypatch, program):
    """Run the program with some plugins besides the built-ins; gives (exit code, output, errors)."""
    monkeypatch.setitem(sys.modules, "cli_here", sys.modules[__name__])

    def run(*arguments: str, plugins=(), strict=None) -> tuple[int, str, str]:
        def build(modules=(), entry_points=True, strict=strict):
            return build_registry(plugins, entry_points=False, strict=strict)

        for place in ("taskfusion.plugins", "taskfusion.cli.plugins", "taskfusion.cli.check"):
            monkeypatch.setattr(f"{place}.build_registry", build)
        return program(*arguments)

    return run


def test_help_lists_the_commands_of_plugins_with_their_origin(call):
    code, out, _ = call("--help", plugins=[Plugin()])
    assert code == 0 and "From plugins" in out and "greet  say hello (given in code -)" in out
    assert "command 'run' is claimed by taskfusion 0.1.0 and given in code -; the program's own" in " ".join(
        out.split()
    )
    assert "From plugins" not in call("--help")[1]


def test_a_command_of_a_plugin_runs(call):
    assert call("greet", "Ada", "--loud", plugins=[Plugin()]) == (0, "HELLO Ada\n", "")
    code, _, err = call("greeet", plugins=[Plugin()])
    assert code == 2 and "unknown command 'greeet' (did you mean 'greet'?)" in err


def test_the_programs_own_command_stays(call):
    code, out, _ = call("run", "--help", plugins=[Plugin()])
    assert code == 0 and "Run a whole experiment" in out


def test_a_command_that_does_not_import_is_one_line(call):
    class Gone:
        @hookimpl
        def taskfusion_commands(self):
            return [Entry("gone", "no_such_module:command", "gone")]

    code, out, _ = call("--help", plugins=[Gone()])
    assert code == 0 and "gone" in out
    code, _, err = call("gone", plugins=[Gone()])
    assert code == 1 and "command 'gone' of given in code - does not load" in err and "Traceback" not in err


def test_a_command_claimed_twice_is_not_offered(call):
    class Other:
        @hookimpl
        def taskfusion_commands(self):
            return [Entry("greet", "cli_here:greet", "mine")]

    code, out, _ = call("--help", plugins=[Plugin(), Other()])
    assert code == 0 and "From plugins" not in out and "command 'greet' is claimed by" in " ".join(out.split())


def broken_plugin():
    module = types.ModuleType("bad")
    module.taskfusion_taskz = hookimpl(lambda: [])
    module.taskfusion_taskz.__name__ = "taskfusion_taskz"
    return module


def test_a_broken_plugin_does_not_break_help(call, monkeypatch):
    monkeypatch.setenv("TASKFUSION_STRICT_PLUGINS", "1")
    code, out, _ = call("--help", plugins=[broken_plugin()])
    assert code == 0 and "broken plugin bad of given in code" in " ".join(out.split())


def test_help_and_listing_import_no_command_and_nothing_heavy(tmp_path):
    code = (
        "import sys; from taskfusion import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('numpy', 'sklearn', 'keras', 'pandas', 'jinja2') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip().splitlines()[-1] == "[]"


def test_plugins_by_kind_and_as_json(call):
    code, out, _ = call("plugins", "--kind", "fuser", plugins=[Plugin()])
    assert code == 0 and "average" in out and "greet" not in out
    code, out, _ = call("plugins", "--json", plugins=[Plugin(), broken_plugin()])
    data = json.loads(out)
    (found,) = [c for c in data["components"] if c["name"] == "greet"]
    assert found == {
        "kind": "command",
        "name": "greet",
        "summary": "say hello",
        "path": "cli_here:greet",
        "distribution": "given in code",
        "version": "-",
        "plugin": found["plugin"],
    }
    assert ["broken plugin bad" in p or "command 'run'" in p for p in data["problems"]] == [True, True]


def test_strict_listing_exits_with_1(call):
    assert call("plugins", "--strict", plugins=[toys])[0] == 0
    for plugin in (Plugin(), broken_plugin()):
        code, out, _ = call("plugins", "--strict", plugins=[plugin])
        assert code == 1 and "svm" in out and "given in code -" in out
        assert call("plugins", plugins=[plugin])[0] == 0


def test_a_named_component_shows_its_options(call):
    code, out, _ = call("plugins", "feat")
    assert code == 0 and "fuser feat  taskfusion" in out
    assert "  learning_rate: float = 0.0005\n      of Adam." in out
    assert "Attributes:" not in out and "The branches; how they are joined" in out
    data = json.loads(call("plugins", "small", "--json")[1])
    assert data[0]["options"][0]["name"] == "cases" and data[0]["options"][0]["default"] == "36"
    assert data[0]["options"][0]["meaning"] == "how many, at least 12; two of them share a group."
    required = json.loads(call("plugins", "table", "--kind", "reader", "--json")[1])[0]["options"][0]
    assert (required["name"], required["default"]) == ("path", "(required)")


def test_a_name_of_several_kinds_shows_all(call):
    code, out, _ = call("plugins", "sklearn")
    assert code == 0 and all(text in out for text in ("task sklearn", "fuser sklearn", "reader sklearn"))
    code, _, err = call("plugins", "svn")
    assert code == 1 and "unknown component 'svn' (did you mean 'svm'?)" in err


def test_a_command_shows_its_options_too(call):
    code, out, _ = call("plugins", "greet", plugins=[Plugin()])
    assert code == 0 and "Greet NAME." in out and "  --loud: boolean = False\n      Shout." in out


@attrs.frozen
class Documented:
    """Options with texts below them.

    Attributes:
        first, second: two of a kind,
            on two lines.
    """

    first: int = 1
    second: int = 2
    third: int = 3
    """The third
    of them."""


@attrs.frozen
class Inherited(Documented):
    """More.

    Attributes:
        second: another meaning.
    """


def test_meanings_come_from_docstrings_and_bases():
    from taskfusion.attributes import descriptions

    assert descriptions(Documented) == {
        "first": "two of a kind, on two lines.",
        "second": "two of a kind, on two lines.",
        "third": "The third of them.",
    }
    assert descriptions(Inherited)["second"] == "another meaning." and descriptions(Inherited)["third"]
    assert descriptions(attrs.make_class("Bare", ["x"])) == {}


def test_check_runs_the_kit_and_says_what_failed(call):
    code, out, _ = call("check", "average", plugins=[Plugin()])
    assert code == 0 and "fuser average (given in code -)" in out and "✓ Saved and loaded" in out
    assert out.splitlines()[-1].endswith("0 failed, 3 skipped")  # no entry point, no gaps, one target
    code, out, _ = call("check", "skew", plugins=[Plugin()])
    assert code == 1 and "✗ Answers are finite" in out and "shape (17, 1); expected (17,)" in out


def test_check_names_who_else_claims_a_name(call):
    code, out, _ = call("check", "greet", plugins=[Plugin()])
    assert code == 0 and "names" not in out and "✓ --help says what it does" in out
    code, out, _ = call("check", "run", plugins=[Plugin()])
    assert code == 1 and "✗ Nobody else claims them: command 'run' is claimed by taskfusion" in out


def test_check_takes_a_distribution_and_a_kind(call):
    code, out, _ = call("check", "TaskFusion", "--kind", "padding")
    assert code == 0 and "padding zero (taskfusion" in out and "fuser" not in out
    assert "✓ The entry point's module imports nothing heavy" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["averag"], r"unknown plugin or component 'averag' (did you mean 'average'?)"),
        (["average", "--kind", "task"], "'average' registers no task; it registers: fuser"),
        (["bad"], "broken plugin bad of given in code -: UnknownNameError"),
    ],
)
def test_check_of_what_is_not_there(call, arguments, message):
    code, _, err = call("check", *arguments, plugins=[Plugin(), broken_plugin()])
    assert code == 1 and message in err


def test_check_of_a_component_that_does_not_load(call):
    class Gone:
        @hookimpl
        def taskfusion_tasks(self):
            return [Entry("gone", "no_such_module:Gone", "gone")]

    code, out, _ = call("check", "gone", plugins=[Gone()])
    assert code == 1 and "✗ It loads and is made of its options: task 'gone' of given in code - does not load" in out


def test_check_names_what_an_entry_point_drags_in(call, monkeypatch, tmp_path):
    (tmp_path / "heavy_plugin.py").write_text(
        "import numpy\nfrom taskfusion.hookspecs import Entry, hookimpl\n"
        "@hookimpl\ndef taskfusion_paddings():\n    return [Entry('z', 'taskfusion.padding:ZeroPadding', 'z')]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import heavy_plugin  # made above

    code, out, _ = call("check", "z", plugins=[heavy_plugin])
    assert code == 1 and "✗ The entry point's module imports nothing heavy: heavy_plugin imports numpy" in out
