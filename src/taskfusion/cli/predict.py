"""``taskfusion predict``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from taskfusion.cli.engine import EngineOptions, engine_options
from taskfusion.progress import Progress

if TYPE_CHECKING:
    from taskfusion.inference.options import Runtime
    from taskfusion.pipeline.results import CaseResult, Result
    from taskfusion.pipeline.training import Work

LEARNED_FROM = "This model learned from: {}. What it says of anything else, a real image say, means nothing clinically."


@click.command("predict", epilog="Example:  taskfusion predict runs/demo/model exam1_L-CC.png exam1_R-CC.png …")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@click.option("--boxes", default=5, show_default=True, help="Boxes to print per case and task, best first.")
@click.option(
    "--without", multiple=True, metavar="TASK", help="Do without a task, as if it had not answered; repeatable."
)
@click.option("--skip-unreadable", is_flag=True, help="Go on without what cannot be read, and say so.")
@click.option(
    "--runtime", default="auto", show_default=True, help="What runs the networks: auto, keras, onnxruntime or openvino."
)
@engine_options
def command(model: Path, images: tuple[Path, ...], as_json: bool, boxes: int, **how: Any) -> None:
    """Ask a saved MODEL about IMAGES (files or folders) and print each case with every sub-result.

    A file name says case and view: anything up to the view's name is the case, as in exam1_L-CC.png. Under each fused
    score stands what every task contributed to it.
    """
    from taskfusion.imagefiles import cases_of_files
    from taskfusion.pipeline.pipeline import FusionPipeline

    work = _work(how.pop("skip_unreadable"), how.pop("runtime"))
    without = how.pop("without")
    pipeline = FusionPipeline.load(model)
    cases = cases_of_files(images, pipeline.views)
    with EngineOptions(**how).open() as engine:
        result = pipeline.predict(cases, attrs.evolve(work, engine=engine), without=without)
    click.echo(as_text_json(result) if as_json else "\n\n".join(as_text(result, boxes)))


def _work(skip_unreadable: bool, runtime: Runtime) -> Work:
    from taskfusion.inference.choosing import require
    from taskfusion.inference.options import InferenceOptions
    from taskfusion.pipeline.training import Work

    inference = InferenceOptions(runtime)
    require(runtime)
    return Work(progress=Told(), unreadable="mask" if skip_unreadable else "raise", inference=inference)


class Told(Progress):
    """No bars, but what a person has to know, apart from the answers."""

    def say(self, message: str) -> None:
        """A line on the error stream."""
        click.echo(message, err=True)


def as_text_json(result: Result) -> str:
    """All cases as JSON."""
    from attrs import asdict

    cases = [asdict(result[case]) for case in result.cases]
    return json.dumps({"notice": result.notice, "cases": [{"case": c.pop("id"), **c} for c in cases]}, indent=2)


def as_text(result: Result, boxes: int) -> list[str]:
    """The notice, then a block of text per case."""
    notice = [LEARNED_FROM.format(result.notice)] if result.notice else []
    return [*notice, *("\n".join(_case_lines(result[case], boxes)) for case in result.cases)]


def _case_lines(case: CaseResult, boxes: int) -> list[str]:
    lines = [f"case {case.id}"]
    for target, by_fuser in case.fused.items():
        lines.append(f"  {target:<14} " + "  ".join(f"{fuser} {score:.3f}" for fuser, score in by_fuser.items()))
        lines += _why_lines(case.contributions.get(target, {}))
    for task, answer in case.tasks.items():
        lines += _task_lines(task, answer, boxes)
    if case.missing:
        lines.append(f"  missing        {', '.join(case.missing)} (filled by the padding policy or the median)")
    return [*lines, *(f"  problem        {task}: {why}" for task, why in case.problems.items())]


def _why_lines(by_fuser: Mapping[str, Mapping[str, float]]) -> list[str]:
    """What each task added to the base, of the fusers that see more than one."""
    lines = []
    for fuser, parts in by_fuser.items():
        added = "  ".join(f"{task} {value:+.3f}" for task, value in parts.items() if task != "base")
        if len(parts) > 2:
            lines.append(f"    {fuser}: {added}  (from {parts['base']:.3f}, when nothing is known)")
    return lines


def _task_lines(task: str, answer: Any, boxes: int) -> list[str]:
    if isinstance(answer, list):
        return _box_lines(task, answer, boxes)
    texts = [f"{key} {_scores(value)}" for key, value in answer.items()] or ["no answer"]
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
