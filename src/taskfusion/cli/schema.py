"""``taskfusion schema``."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("schema", epilog="Example:  taskfusion schema --output taskfusion.schema.json")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Write a file instead.")
def command(output: Path | None) -> None:
    """Print the JSON Schema of specs, generated from everything installed, for editors to check and complete.

    With the YAML language server (VS Code, Neovim, Emacs …) begin a spec with the line
    "# yaml-language-server: $schema=taskfusion.schema.json".
    """
    from taskfusion.files import write_text
    from taskfusion.plugins import build_registry
    from taskfusion.schema import spec_schema

    text = json.dumps(spec_schema(build_registry()), indent=2, ensure_ascii=False)
    if output is None:
        click.echo(text)
        return
    write_text(output, f"{text}\n")
    click.echo(f"schema   {output}")
    click.echo(f"next     begin a spec with:  # yaml-language-server: $schema={output.name}")
