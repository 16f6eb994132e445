"""``taskfusion predict``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from taskfusion.pipeline.results import CaseResult, Result

LEARNED_FROM = "This model learned from: {}. What it says of anything else, a real image say, means nothing clinically."


@click.command("predict", epilog="Example:  taskfusion predict runs/demo/model exam1_L-CC.png exam1_R-CC.png …")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@click.option("--boxes", default=5, show_default=True, help="Boxes to print per case and task, best first.")
def command(model: Path, images: tuple[Path, ...], as_json: bool, boxes: int) -> None:
    """Ask a saved MODEL about IMAGES (files or folders) and print each case with every sub-result.

    A file name says case and view: anything up to the view's name is the case, as in exam1_L-CC.png.
    """
    from taskfusion.imagefiles import cases_of_files
    from taskfusion.pipeline.pipeline import FusionPipeline

    pipeline = FusionPipeline.load(model)
    result = pipeline.predict(cases_of_files(images, pipeline.views))
    click.echo(as_text_json(result) if as_json else "\n\n".join(as_text(result, boxes)))


def as_text_json(result: Result) -> str:
    """All cases as JSON."""
    cases = [result[case] for case in result.cases]
    data = [{"case": c.id, "fused": c.fused, "tasks": c.tasks, "missing": list(c.missing)} for c in cases]
    return json.dumps({"notice": result.notice, "cases": data}, indent=2)


def as_text(result: Result, boxes: int) -> list[str]:
    """The notice, then a block of text per case."""
    notice = [LEARNED_FROM.format(result.notice)] if result.notice else []
    return [*notice, *("\n".join(_case_lines(result[case], boxes)) for case in result.cases)]


def _case_lines(case: CaseResult, boxes: int) -> list[str]:
    lines = [f"case {case.id}"]
    for target, by_fuser in case.fused.items():
        lines.append(f"  {target:<14} " + "  ".join(f"{fuser} {score:.3f}" for fuser, score in by_fuser.items()))
    for task, answer in case.tasks.items():
        lines += _task_lines(task, answer, boxes)
    if case.missing:
        lines.append(f"  missing        {', '.join(case.missing)} (filled by the padding policy or the median)")
    return lines


def _task_lines(task: str, answer: Any, boxes: int) -> list[str]:
    if isinstance(answer, list):
        return _box_lines(task, answer, boxes)
    texts = [f"{key} {_scores(value)}" for key, value in answer.items()]
    return [f"  {task:<14} " + "  ".join(texts)]


def _scores(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name} {score:.3f}" if len(value) > 1 else f"{score:.3f}" for name, score in value.items())
    return f"{value:.3f}"


def _box_lines(task: str, answer: Sequence[dict[str, Any]], boxes: int) -> list[str]:
    shown = [
        f"    {box['view']:<6} {box['label']:<24} {box['score']:.3f}  box {box['box']} px" for box in answer[:boxes]
    ]
    more = f", the best {boxes} shown" if len(answer) > boxes else ""
    return [f"  {task:<14} {len(answer)} boxes{more} (xmin, ymin, xmax, ymax in the file's own pixels)", *shown]
