"""``taskfusion card``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("card", epilog="Example:  taskfusion card runs/demo localization > localization.md")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("task", required=False)
@click.option("--html", "as_html", is_flag=True, help="Print HTML instead of Markdown.")
def command(model: Path, task: str | None, as_html: bool) -> None:
    """Print the model cards of a saved MODEL (or of a run), or that of one TASK.

    A card says what a task learned from and how, its figures, what it is for and what not. Tasks that were not trained
    here have none.
    """
    from taskfusion.errors import UnknownNameError
    from taskfusion.pipeline.cards import saved_cards
    from taskfusion.report.markdown import markdown_page

    cards = saved_cards(model)
    if task is not None and task not in cards:
        raise UnknownNameError.of("task with a card", task, cards)
    for text in cards.values() if task is None else [cards[task]]:
        click.echo(markdown_page(text) if as_html else red_warnings(text))


def red_warnings(text: str) -> str:
    """What the card marks as a caution in red, where the terminal has colours."""
    lines, red = [], False
    for line in text.splitlines():
        red = line.startswith(">") and (red or "[!CAUTION]" in line)
        lines.append(click.style(line, fg="red", bold=True) if red else line)
    return "\n".join(lines)
