"""``taskfusion mammo``: cohorts from raw files, checked and looked at."""

from mammo_data.commands.group import command

__all__ = ["command"]
