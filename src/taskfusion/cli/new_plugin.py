"""``taskfusion new-plugin``."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from importlib import resources
from pathlib import Path

import attrs
import click

from taskfusion.cli import COMMANDS
from taskfusion.errors import PluginError
from taskfusion.files import replacing_folder
from taskfusion.plugins import REGISTERED, build_registry

NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
RESERVED = (
    *("plugin", "plugins", "tests", "test", "src", *REGISTERED),
    *("marker", "age", "max", "ill"),  # the spec that comes along uses them
    *("yes", "no", "on", "off", "true", "false", "null"),  # YAML does not take them for names
)
SUMMARIES = {
    "task": "brightness of each view against a learned threshold",
    "fuser": "between the mean of all scores and the largest one",
    "padding": "a gap repeats the weakest detection of its view",
    "reader": "one row per case in a CSV file",
    "target": "boxes in several views of a case",
    "command": "count the cases of a cohort by split and target",
}


@attrs.frozen
class Plugin:
    """A package to be written: its name, and the kind of component it registers."""

    name: str
    kind: str

    @property
    def module(self) -> str:
        """The package's import name."""
        return self.name.replace("-", "_")

    @property
    def object(self) -> str:
        """The name of its class (of a command: of its function)."""
        if self.kind == "command":
            return "command"
        words = [word.capitalize() for word in self.module.split("_")]
        return "".join(words).removesuffix(self.kind.capitalize()) + self.kind.capitalize()


@click.command("new-plugin", epilog="Example:  taskfusion new-plugin brightness --kind task")
@click.argument("name")
@click.option("--kind", type=click.Choice(REGISTERED), required=True, help="What the plugin adds.")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), default=Path(), help="Where the folder NAME goes [default: .]."
)
def command(name: str, kind: str, output: Path) -> None:
    """Write a package NAME that adds a component NAME to taskfusion: it works, and its tests pass at once.

    Install it with pip, then change src/NAME/KIND.py into what you need; its tests and `taskfusion check NAME` say
    whether it still keeps the contract.
    """
    plugin = Plugin(name, kind)
    folder = output / name
    refuse(plugin, folder)
    warn_of_clash(plugin)
    files = render(plugin)
    write(folder, files)
    click.echo(f"wrote {len(files)} files to {folder}")
    click.echo(f"next  cd {folder}\n      pip install -e .\n      pytest\n      taskfusion check {name}")
    click.echo(f"      taskfusion {name} small" if kind == "command" else "      taskfusion run spec.yaml")


def refuse(plugin: Plugin, folder: Path) -> None:
    """Raise PluginError for a name that cannot be, or a folder that is there already."""
    name = plugin.name
    if not NAME.fullmatch(name):
        raise PluginError(f"{name!r} is no name for a plugin; expected one such as {suggestion(name)!r}")
    if keyword.iskeyword(name) or name in RESERVED or plugin.module in sys.stdlib_module_names:
        raise PluginError(f"{name!r} has a meaning already; expected another name, such as 'my-{name}'")
    if importlib.util.find_spec(plugin.module) is not None:
        raise PluginError(f"a package {plugin.module!r} is installed already; expected another name")
    if plugin.kind == "command" and name in COMMANDS:
        raise PluginError(f"taskfusion has a command {name!r} of its own; expected another name")
    if folder.exists():
        raise PluginError(f"{folder} exists already; expected a new folder, or another --output")


def suggestion(name: str) -> str:
    """The nearest allowed name: lower case, words joined with ``-``."""
    words = re.findall(r"[a-z0-9]+", name.lower())
    text = "-".join(words).lstrip("0123456789-")
    return text or "brightness"


def warn_of_clash(plugin: Plugin) -> None:
    """Say it when another plugin has registered the name."""
    found = [c for c in build_registry(strict=False).components(plugin.kind) if c.entry.name == plugin.name]
    if found:
        text = f"warning: {plugin.kind} {plugin.name!r} is registered by {found[0].origin}"
        click.echo(f"{text}; with both installed neither can be used: rename yours in plugin.py", err=True)


def render(plugin: Plugin) -> dict[str, str]:
    """Relative path to text of every file."""
    package, kind = f"src/{plugin.module}", plugin.kind
    templates = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        f"{package}/plugin.py": "plugin.py",
        f"{package}/{kind}.py": f"{kind}.py",
        f"tests/test_{plugin.module}.py": f"test_{kind}.py",
    }
    if kind != "command":
        templates["spec.yaml"] = "spec.yaml"
    if kind == "reader":
        templates[f"{package}/example.csv"] = "example.csv"
    values = {**attrs.asdict(plugin), "module": plugin.module, "object": plugin.object, "summary": SUMMARIES[kind]}
    texts = {path: rendered(template, values) for path, template in templates.items()}
    about = f'"""{SUMMARIES[kind][0].upper()}{SUMMARIES[kind][1:]}: a {kind} for taskfusion."""\n'
    return {**texts, f"{package}/__init__.py": about, f"{package}/py.typed": ""}


def rendered(template: str, values: dict[str, str]) -> str:
    """One file."""
    from jinja2 import Environment, StrictUndefined

    source = resources.files("taskfusion.cli") / "templates" / "plugin" / f"{template}.j2"
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    return environment.from_string(source.read_text(encoding="utf-8")).render(values)


def write(folder: Path, files: dict[str, str]) -> None:
    """Write all files; the folder appears whole or not at all."""
    with replacing_folder(folder) as temporary:
        for name, text in files.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
