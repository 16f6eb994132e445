"""Directive ``command-line``: the help text of every command, taken from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

WIDTH = 88  # columns; wider lines would be cut off on a page


class CommandLine(SphinxDirective):
    """A section per command, with what ``--help`` prints."""

    def run(self) -> list[nodes.Node]:
        """Sections, in the order of the listing."""
        from taskfusion.cli import group

        return [_section(name, text) for name, text in help_texts(group, "taskfusion")]


def help_texts(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[tuple[str, str]]:
    """Name and help text of a command, then of everything below it."""
    with click.Context(command, parent, info_name=name.split()[-1], **_shape(command)) as context:
        yield name, command.get_help(context)
        if isinstance(command, click.Group):
            for below in command.list_commands(context):
                found = command.get_command(context, below)
                if found is not None and not found.hidden:
                    yield from help_texts(found, f"{name} {below}", context)


def _shape(command: click.Command) -> dict[str, Any]:
    return {**command.context_settings, "terminal_width": WIDTH, "color": False}


def _section(name: str, text: str) -> nodes.section:
    section = nodes.section("", nodes.title(text=name), nodes.literal_block(text, text, language="text"))
    section["ids"].append(nodes.make_id(name))
    return section


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("command-line", CommandLine)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
