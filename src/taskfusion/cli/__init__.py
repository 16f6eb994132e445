"""The command line: thin, and quick to answer; a command's code is imported when the command is called."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from taskfusion.errors import TaskFusionError, did_you_mean

if TYPE_CHECKING:
    from taskfusion.plugins import Component

# name -> (module, one line for the listing); the listing must not import what the commands need
COMMANDS = {
    "run": ("taskfusion.cli.run", "Run a whole experiment from a YAML spec."),
    "compare": ("taskfusion.cli.compare", "Compare the fusers of one run or several: tables, tests, operating points."),
    "predict": ("taskfusion.cli.predict", "Ask a saved model about images."),
    "card": ("taskfusion.cli.card", "Print the model cards of a saved model: data, training, figures, limits."),
    "pictures": ("taskfusion.cli.pictures", "Draw cases with true and detected boxes and heat maps, on one page."),
    "validate": ("taskfusion.cli.validate", "Check specs without running anything: every mistake at once."),
    "explain": ("taskfusion.cli.explain", "Print what a spec means: what flows where, with shapes."),
    "schema": ("taskfusion.cli.schema", "Print the JSON Schema of specs, for editors to complete from."),
    "plugins": ("taskfusion.cli.plugins", "List everything that is registered, with its options, and what failed."),
    "check": ("taskfusion.cli.check", "Check a plugin against the contract."),
    "new-plugin": ("taskfusion.cli.new_plugin", "Write a plugin package that works and whose tests pass."),
    "demo": ("taskfusion.cli.demo", "Train, fuse and compare three mammography models on synthetic exams."),
}
OFFERED = "taskfusion.cli.offered"  # where a call keeps what plugins offer


class LazyGroup(click.Group):
    """A group that lists its commands, and those of plugins, without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, the program's own first."""
        return [*COMMANDS, *self._offered(ctx)[0]]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; plugins are looked at only for what is not the program's own."""
        if cmd_name in COMMANDS:
            command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
            return command
        component = self._offered(ctx)[0].get(cmd_name)
        return None if component is None else component.load()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The listing of ``--help``."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])
        offered, problems = self._offered(ctx)
        if offered:
            with formatter.section("From plugins"):
                formatter.write_dl([(name, f"{c.entry.summary} ({c.origin})") for name, c in offered.items()])
        if problems:
            with formatter.section("Not as it should be (see taskfusion plugins)"):
                formatter.write_dl([(str(number + 1), text) for number, text in enumerate(problems)])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Refuse an unknown command with the nearest name."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            known = self.list_commands(ctx)
            if args[0] not in known:
                raise click.UsageError(f"unknown command {args[0]!r}{did_you_mean(args[0], known)}", ctx)
        return super().resolve_command(ctx, args)

    def _offered(self, ctx: click.Context | None) -> tuple[dict[str, Component], list[str]]:
        """The plugins' commands, and what is wrong with plugins, looked for once; help is given also in strict mode."""
        if ctx is None:
            return self._looked_for()
        if OFFERED not in ctx.meta:
            ctx.meta[OFFERED] = self._looked_for()
        found: tuple[dict[str, Component], list[str]] = ctx.meta[OFFERED]
        return found

    @staticmethod
    def _looked_for() -> tuple[dict[str, Component], list[str]]:
        from taskfusion.cli.commands import plugin_commands, refused_commands
        from taskfusion.plugins import build_registry

        registry = build_registry(strict=False)
        return plugin_commands(registry), [*registry.problems(), *refused_commands(registry)]


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with:  taskfusion demo   or   taskfusion run examples/wisconsin.yaml",
)
@click.version_option(package_name="taskfusion")
def group() -> None:
    """Fuse task-specific models into case-level predictions."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: one clear line for a user's mistake (exit code 1), 130 for Ctrl-C, no traceback for either."""
    try:
        group.main(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except TaskFusionError as error:
        lines = "\n       ".join(str(error).splitlines())
        click.echo(f"error: {lines}", err=True)
        sys.exit(1)
    except OSError as error:  # a disk that is full, a folder that may not be written
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped; the same command goes on where it was", err=True)
        sys.exit(130)
