"""The group of commands; each imports what it needs when it is called."""

from __future__ import annotations

import click

from mammo_data.commands.check import command as check
from mammo_data.commands.look import command as look
from mammo_data.commands.prepare import command as prepare


@click.group("mammo", epilog="Start with:  taskfusion mammo prepare synthetic --output cohort")
def command() -> None:
    """Make mammography cohorts from raw files, check them, look at them."""


for part in (prepare, check, look):
    command.add_command(part)
