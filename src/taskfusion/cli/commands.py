"""Subcommands that plugins bring: found without importing them, never in the way of the program's own."""

from __future__ import annotations

from taskfusion.cli import COMMANDS
from taskfusion.plugins import PROJECT, Component, Registry, version_of


def plugin_commands(registry: Registry) -> dict[str, Component]:
    """The commands that can be used: of a name that is neither the program's own nor claimed twice."""
    found = registry.components("command")
    names = [component.entry.name for component in found]
    return {c.entry.name: c for c in found if c.entry.name not in COMMANDS and names.count(c.entry.name) == 1}


def refused_commands(registry: Registry) -> list[str]:
    """A line for each plugin's command that claims the name of one of the program's own."""
    own = f"{PROJECT} {version_of(PROJECT)}"
    return [
        f"command {c.entry.name!r} is claimed by {own} and {c.origin}; the program's own is used"
        for c in registry.components("command")
        if c.entry.name in COMMANDS
    ]
