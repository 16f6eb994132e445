"""What a registered subcommand must keep to, as checks: ``check_command(command).raise_for_failures()``."""

from __future__ import annotations

import click
from click.testing import CliRunner

from taskfusion.testing.report import Report, expect, run_checks


def check_command(command: click.Command, *, name: str = "") -> Report:
    """Check a click command without running what it does."""
    return run_checks(name or f"command {command.name}", CHECKS, command)


def helps(command: click.Command) -> None:
    """--help says what it does."""
    expect(command.help, "it has no help; expected a docstring that says what it does")
    found = CliRunner().invoke(command, ["--help"])
    expect(found.exit_code == 0, f"--help ended with code {found.exit_code}: {found.exception!r}; expected 0")


def unknown_option(command: click.Command) -> None:
    """An unknown option is a mistake of usage, not a traceback."""
    found = CliRunner().invoke(command, ["--no-such-option-here"])
    expect(found.exit_code == 2, f"an unknown option ended with code {found.exit_code}; expected 2, as click does")


CHECKS = (helps, unknown_option)
