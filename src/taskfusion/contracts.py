"""What a plugin must keep to: its hooks, the entries they return, and the classes behind them."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import pluggy

from taskfusion import hookspecs
from taskfusion.errors import PluginError, UnknownNameError, did_you_mean
from taskfusion.hookspecs import Entry

PROJECT = hookspecs.hookspec.project_name
KINDS = ("task", "fuser", "padding", "reader", "target")  # each a class with a Config
COMMAND = "command"
REGISTERED = (*KINDS, COMMAND)
BASES = {
    "task": "taskfusion.tasks.base:TaskModel",
    "fuser": "taskfusion.fusers.base:Fuser",
    "padding": "taskfusion.padding:Padding",
    "reader": "taskfusion.readers:CohortReader",
    "target": "taskfusion.targets:TargetMaker",
}
NAME = re.compile(r"\w[\w.-]*")
PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def hook_name(kind: str) -> str:
    """``taskfusion_tasks`` for tasks."""
    return f"{PROJECT}_{kind}s"


def entries_of(plugin: Any, name: str) -> dict[str, list[Entry]]:
    """All that a plugin registers, by kind.

    Raises:
        UnknownNameError: a hook that does not exist.
        PluginError: a hook of the wrong signature or one that returned something else than entries.
    """
    manager = pluggy.PluginManager(PROJECT)  # one each, so that no plugin meets another one's hooks
    manager.add_hookspecs(hookspecs)
    _refuse_unknown_hooks(manager, plugin)
    try:
        manager.register(plugin, name)
    except pluggy.PluginValidationError as error:
        raise PluginError(f"a hook takes no arguments: {' '.join(str(error).split())}") from error
    return {kind: _entries(manager, kind) for kind in REGISTERED}


def _refuse_unknown_hooks(manager: pluggy.PluginManager, plugin: Any) -> None:
    known = [hook_name(kind) for kind in REGISTERED]
    for name in dir(plugin):
        if manager.parse_hookimpl_opts(plugin, name) is not None and name not in known:
            raise UnknownNameError.of("hook", name, known)


def _entries(manager: pluggy.PluginManager, kind: str) -> list[Entry]:
    hook = hook_name(kind)
    caller = getattr(manager.hook, hook)
    answers = caller()
    if len(answers) < len(caller.get_hookimpls()):  # pluggy drops what is None
        raise PluginError(f"hook {hook} returned None; expected a list of Entry(name, 'module:Class', summary)")
    return [entry for answer in answers for entry in check_entries(hook, answer)]


def check_entries(hook: str, answer: Any) -> list[Entry]:
    """The entries a hook returned.

    Raises:
        PluginError: naming the hook, what it returned and what would be right.
    """
    if not isinstance(answer, Iterable) or isinstance(answer, str | bytes | Mapping):
        raise PluginError(f"hook {hook} returned {answer!r}; expected a list of Entry(name, 'module:Class', summary)")
    entries = list(answer)
    for entry in entries:
        problem = _problem_of_entry(entry)
        if problem:
            raise PluginError(f"hook {hook} returned {entry!r}; {problem}")
    names = [entry.name for entry in entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise PluginError(f"hook {hook} returned {twice[0]!r} twice; expected every name once")
    return entries


def _problem_of_entry(entry: Any) -> str:
    if not isinstance(entry, Entry):
        return "expected Entry(name, 'module:Class', summary)"
    if not isinstance(entry.name, str) or not NAME.fullmatch(entry.name):
        return "expected a name of letters, digits, '_', '-' and '.', without spaces"
    if not isinstance(entry.path, str) or not PATH.fullmatch(entry.path):
        return "expected a path such as 'package.module:Class'"
    if not isinstance(entry.summary, str) or "\n" in entry.summary:
        return "expected a summary of one line"
    return ""


def imported(path: str) -> Any:
    """What ``package.module:Class`` names.

    Raises:
        PluginError: the module has no such name.
        Exception: whatever its import raises.
    """
    module, _, attribute = path.partition(":")
    found = importlib.import_module(module)
    for part in attribute.split("."):
        if not hasattr(found, part):
            names = [name for name in vars(found) if not name.startswith("_")]
            raise PluginError(f"{module} has no {part!r}{did_you_mean(part, names)}")
        found = getattr(found, part)
    return found


def problem_of(kind: str, found: Any) -> str:
    """What is wrong with what an entry's path names, and what would be right; empty when nothing is."""
    if kind == COMMAND:
        return _problem_of_command(found)
    base = imported(BASES[kind])
    right = BASES[kind].replace(":", ".")
    if not isinstance(found, type) or not issubclass(found, base):
        return f"{_named(found)} is no {kind}; expected a subclass of {right}"
    if inspect.isabstract(found):
        return f"{_named(found)} does not define {', '.join(_missing(found))}, as {right} demands"
    return _problem_of_config(found, kind)


def _problem_of_command(found: Any) -> str:
    import click

    if isinstance(found, click.Command):
        return ""
    return f"{_named(found)} is no command; expected a click command, a function under @click.command()"


def _problem_of_config(found: type, kind: str) -> str:
    """A reader may demand what only its user knows, a path say; all else must work without options."""
    config = getattr(found, "Config", None)
    right = "expected an attrs class with a default for each field, as @attrs.frozen makes it"
    if not isinstance(config, type) or not attrs.has(config):
        return f"{_named(found)}.Config is {config!r}; {right}"
    bare = [field.name for field in attrs.fields(config) if field.init and field.default is attrs.NOTHING]
    if bare and kind == "reader":
        return ""
    if bare:
        return f"{_named(found)}.Config has no default for {', '.join(bare)}; {right}"
    try:
        config()
    except Exception as error:  # validators and hooks are the plugin's own code
        return f"{_named(found)}.Config() raises {type(error).__name__}: {error}; expected defaults that are allowed"
    return ""


def _missing(found: type) -> list[str]:
    return sorted(getattr(found, "__abstractmethods__", ()))


def _named(found: Any) -> str:
    return found.__qualname__ if isinstance(found, type) else repr(found)
