"""``taskfusion explain``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

if TYPE_CHECKING:
    from rich.tree import Tree

    from taskfusion.explain import Flow, FuserFlow, TaskFlow

FIRST = 6  # score columns to name
LONG = 100  # characters of an option's value


@click.command("explain", epilog="Example:  taskfusion explain examples/wisconsin.yaml --set cross_fit=0")
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a value of the spec; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def command(spec: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Print what a SPEC means: what flows from the cohort through tasks and fusers to the answer, with shapes.

    Reads no data and trains nothing; what is known only later is said to be so.
    """
    from rich.console import Console

    from taskfusion.explain import explain
    from taskfusion.plugins import build_registry
    from taskfusion.spec import load_spec

    registry = build_registry()
    flow = explain(load_spec(spec, registry, overrides), registry)
    if as_json:
        click.echo(json.dumps(flow.data(), indent=2, ensure_ascii=False))
        return
    console = Console()
    if console.is_terminal:
        console.print(as_tree(flow_branch(flow)), highlight=False)
    else:
        click.echo("\n".join(as_lines(flow_branch(flow))))


@attrs.frozen
class Branch:
    """A line and what stands below it."""

    text: str
    below: Sequence[Branch] = ()


def as_lines(branch: Branch, indent: str = "") -> Iterator[str]:
    """Plain text, two spaces a level."""
    yield f"{indent}{branch.text}"
    for inner in branch.below:
        yield from as_lines(inner, f"{indent}  ")


def as_tree(branch: Branch, tree: Tree | None = None) -> Tree:
    """The same for a terminal."""
    from rich.text import Text
    from rich.tree import Tree

    node = Tree(Text(branch.text, style="bold")) if tree is None else tree.add(Text(branch.text))
    for inner in branch.below:
        as_tree(inner, node)
    return node


def flow_branch(flow: Flow) -> Branch:
    """The whole way, from the cohort to the run's folder."""
    targets = ", ".join(flow.targets) or "all that the cohort declares"
    return Branch(
        flow.title if flow.title == flow.name else f"{flow.name}: {flow.title}",
        (
            Branch(f"cohort: {flow.reader} ({flow.summary})", [*_options(flow.options)]),
            Branch("tasks, about every case", [_task(task) for task in flow.tasks]),
            *([Branch("training of networks", [*_options(flow.training)])] if flow.training else []),
            Branch("fusers, one fit per target", [_fuser(fuser) for fuser in flow.fusers]),
            Branch(f"targets: {targets}", (Branch(f"judged on {flow.judged}"),)),
            Branch(f"the run's folder: {flow.folder}/", [Branch(f"{k:<16} {v}") for k, v in flow.run.items()]),
        ),
    )


def _options(options: Mapping[str, Any]) -> Iterator[Branch]:
    for name, value in options.items():
        text = json.dumps(value, ensure_ascii=False)
        yield Branch(f"{name}: {text if len(text) <= LONG else f'{text[:LONG]}…'}")


def _task(task: TaskFlow) -> Branch:
    state = "ready" if task.ready else "is trained first"
    head = f"{task.name}: {task.kind} ({task.summary}), {state}"
    if not task.scores:
        level = [Branch(f"level: {task.level}")] if task.level else []
        return Branch(head, [*level, Branch(f"scores and features: {task.unknown}")])
    views = [Branch(f"views: {', '.join(task.views)}")] if task.views else []
    shapes = [Branch(f"scores: {task.scores}: {', '.join(task.classes)}"), Branch(f"features: {task.features}")]
    return Branch(head, [Branch(f"level: {task.level}"), *views, *shapes])


def _fuser(fuser: FuserFlow) -> Branch:
    below = [f"sees {', '.join(fuser.tasks)}"]
    if fuser.detections:
        several = ", searched on validation AUC" if len(fuser.detections) > 1 else ""
        counts = " or ".join(map(str, fuser.detections))
        below.append(f"detections per view: {counts}{several}; fewer are filled up by padding {fuser.padding}")
    if fuser.unknown:
        below.append(f"score columns: known once those of {', '.join(fuser.unknown)} are")
    below += [_columns(fuser.columns)] if fuser.columns else []
    below += [f"features of {task}: {shape}" for task, shape in fuser.blocks.items()]
    below += [f"WARNING: {fuser.warning}"] if fuser.warning else []
    return Branch(f"{fuser.name}: {fuser.kind} ({fuser.summary})", [Branch(text) for text in below])


def _columns(columns: Mapping[int, Sequence[str]]) -> str:
    counts = " or ".join(str(len(names)) for names in columns.values())
    names = columns[max(columns)]
    more = f", … {names[-1]}" if len(names) > FIRST else ""
    return f"score columns: {counts}: {', '.join(names[:FIRST])}{more}"
