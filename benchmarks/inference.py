"""Images per second of the three mammography networks at the paper's sizes, by everything that runs them here.

    python benchmarks/inference.py --out build/inference

Side by side, in turns: ``model.predict`` sample by sample as most code does it, each bare runtime on arrays that are
prepared already, and ours from files, reading and preparing included, by Keras and by each exported graph. Beside them
what the machine's own matrix product would allow. Weights are random, their batch statistics those of the images.
Prints Markdown; the folder gets the same as ``inference.md`` and every second as ``inference.json``. ``--quick`` is a
small size that only shows that it works.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from attrs import frozen

from mammo_data.batches import grey, prepared_view
from mammo_data.synthetic import VIEWS, SyntheticConfig, generate_exam
from taskfusion.cases import Case
from taskfusion.configs import structure
from taskfusion.files import write_json, write_text
from taskfusion.images import write_png
from taskfusion.inference.choosing import FASTEST, missing
from taskfusion.inference.exporting import FILES, export, frozen_function
from taskfusion.inference.options import Running
from taskfusion.inference.runners import OpenVinoRunner, openvino
from taskfusion.outputs import TaskOutput

NETWORKS = ("density", "findings", "localization")
WHOLE = (3328, 2560)  # a digital film of a large breast
PEAK = 2048  # side of the matrices
Way = Callable[[], Any]


@frozen(eq=False)
class Subject:
    """A network to be measured.

    Attributes:
        name: of its task.
        size: of a view in pixels.
        task: trained, as far as random weights are.
        model: what ``model.predict`` is asked of.
        samples: prepared, as the model sees them.
        parts: what a bare runtime has to run for one sample: networks, and what they see of the first sample.
        views: per sample.
    """

    name: str
    size: tuple[int, int]
    task: Any
    model: Any
    samples: Sequence[np.ndarray]
    parts: Sequence[tuple[Any, Sequence[np.ndarray]]]
    views: int


def main() -> None:
    """Measure and print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--exams", type=int, default=4, help="of four views each, per repeat")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("build/inference"))
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    exams, repeats = (1, 2) if options.quick else (options.exams, options.repeats)
    record: dict[str, Any] = {"machine": machine(), "exams": exams, "repeats": repeats, "networks": {}}
    for name in options.networks:
        with tempfile.TemporaryDirectory(prefix="inference-") as folder:
            record["networks"][name] = measured(name, options.quick, (exams, repeats), Path(folder))
    text = page(record)
    write_json(options.out / "inference.json", record)
    write_text(options.out / "inference.md", text)
    print(text)


def measured(name: str, quick: bool, counts: tuple[int, int], folder: Path) -> dict[str, Any]:
    """Seconds of every way and repeat, per image."""
    exams, repeats = counts
    config = configuration(name, quick)
    films = {"small": films_of(config.size, exams, folder / "small")}
    films["whole"] = films_of((300, 240) if quick else WHOLE, exams, folder / "whole")
    subject = SUBJECTS[name](config, films["small"])
    ways = ways_of(subject, films, folder)
    first = {way: run() for way, run in ways.items()}  # compiles
    apart = {way: difference_of(first["ours, keras, small films"], first[way]) for way in ways if "small films" in way}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    cores: dict[str, list[float]] = {way: [] for way in ways}
    peaks, images = [], exams * len(VIEWS)
    for turn in range(repeats):
        peaks.append(peak())
        for way in list(ways)[:: 1 if turn % 2 else -1]:
            start, used = time.perf_counter(), time.process_time()
            ways[way]()
            seconds[way].append((time.perf_counter() - start) / images)
            cores[way].append((time.process_time() - used) / images)
    flops = sum(flops_of(model, inputs) for model, inputs in subject.parts) / subject.views
    return {
        "size": list(subject.size),
        "gflop": flops / 1e9,
        "peak": peaks,
        "seconds": seconds,
        "core_seconds": cores,
        "apart": apart,
    }


def ways_of(subject: Subject, films: dict[str, list[Case]], folder: Path) -> dict[str, Way]:
    """Everything that runs the network, by the name of its row; each goes through all samples once."""
    ways: dict[str, Way] = {"model.predict": lambda: each(subject, lambda x: subject.model.predict(x, verbose=0))}
    there = [runtime for runtime in FASTEST if not missing(runtime)]
    for runtime in there:
        ways |= bare(subject, runtime, folder / runtime)
    for runtime in ("keras", *there):
        running = Running(runtime, folder=folder / "graphs", say=print)
        for size, cases in films.items():
            ways[f"ours, {runtime}, {size} films"] = lambda cases=cases, how=running: asked(subject, cases, how)
    return ways


def each(subject: Subject, run: Callable[[np.ndarray], Any]) -> None:
    """Sample by sample."""
    for sample in subject.samples:
        run(sample[None].astype(np.float32))


def asked(subject: Subject, cases: list[Case], running: Running) -> TaskOutput:
    """The task as the pipeline asks it."""
    return subject.task.predict_with(cases, running)


def difference_of(one: TaskOutput, other: TaskOutput) -> float | None:
    """The largest difference of scores and features; None where other boxes were chosen, as in a tie."""
    first, second = one.detections or one, other.detections or other
    if one.detections is not None and not np.array_equal(one.detections.offsets, other.detections.offsets):
        return None
    return max(float(np.abs(getattr(first, n) - getattr(second, n)).max()) for n in ("scores", "features"))


def bare(subject: Subject, runtime: str, folder: Path) -> dict[str, Way]:
    """The runtime as it comes, one sample after the other, and, of OpenVINO, as we set it up."""
    places = [folder / str(number) for number in range(len(subject.parts))]
    for place, (model, inputs) in zip(places, subject.parts, strict=True):
        place.mkdir(parents=True)
        export(model, [part.shape for part in inputs], runtime, place)
    fed = [[part[None].astype(np.float32) for part in inputs] for _, inputs in subject.parts]
    plain = [PLAIN[runtime](place / FILES[runtime], inputs) for place, inputs in zip(places, fed, strict=True)]
    times = len(subject.samples)
    pairs = list(zip(plain, fed, strict=True))
    ways: dict[str, Way] = {f"bare {runtime}": lambda: [run(x) for _ in range(times) for run, x in pairs]}
    if runtime == "openvino":
        files = [place / FILES[runtime] for place in places]
        shapes = [[part.shape for part in inputs] for _, inputs in subject.parts]
        runners = [OpenVinoRunner(*pair) for pair in zip(files, shapes, strict=True)]
        ways["bare openvino, as ours"] = lambda: [
            list(run([tuple(inputs)] * times)) for run, (_, inputs) in zip(runners, subject.parts, strict=True)
        ]
    return ways


def plain_openvino(path: Path, inputs: Sequence[np.ndarray]) -> Callable[[Sequence[np.ndarray]], Any]:
    """Compiled with no setting but single precision, which ours keeps to as well."""
    core = openvino().Core()
    model = core.read_model(path)
    ports = sorted(model.inputs, key=lambda port: port.any_name)
    model.reshape({port: list(one.shape) for port, one in zip(ports, inputs, strict=True)})
    names = [port.any_name for port in ports]
    request = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}).create_infer_request()
    return lambda fed: request.infer(dict(zip(names, fed, strict=True)))


def plain_onnx(path: Path, inputs: Sequence[np.ndarray]) -> Callable[[Sequence[np.ndarray]], Any]:
    """A session as it comes."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_inputs()]
    return lambda fed: session.run(None, dict(zip(names, fed, strict=True)))


PLAIN = {"openvino": plain_openvino, "onnxruntime": plain_onnx}


def configuration(name: str, quick: bool) -> Any:
    """The paper's preset, or the smallest there is."""
    from mammo_density.task import Density
    from mammo_findings.task import Findings
    from mammo_localization.task import Localization

    cls = {"density": Density, "findings": Findings, "localization": Localization}[name]
    return structure(cls.Config, dict(cls.checking().options if quick else cls.presets["paper"]), name)


def density(config: Any, films: list[Case]) -> Subject:
    """D on exams."""
    from mammo_density.networks import patient_model
    from mammo_density.task import Density

    exams = [np.stack([grey(view(case, name, config))[..., None] for name in VIEWS]) for case in films]
    model, task = patient_model(config), Density(config)
    settled(model, np.stack(exams[:2]))
    task.keep({"patient": model}, {})
    return Subject("density", config.size, task, model, exams, [(model, exams[:1])], len(VIEWS))


def findings(config: Any, films: list[Case]) -> Subject:
    """F on views."""
    from mammo_findings.networks import set_scale, view_model
    from mammo_findings.task import Findings

    views = [view(case, name, config)[..., None] for case in films for name in VIEWS]
    model, task = view_model(config), Findings(config)
    set_scale(model, float(np.mean(views)), float(np.var(views)))
    settled(model, np.stack(views[:2]))
    task.keep({"view": model}, {})
    return Subject("findings", config.size, task, model, views, [(model, views[:1])], 1)


def localization(config: Any, films: list[Case]) -> Subject:
    """The detector on views; a bare runtime has its two networks to run."""
    from mammo_localization.detector import Detector
    from mammo_localization.running import Step
    from mammo_localization.task import Localization

    shape = (*config.size, config.channels)
    views = [np.broadcast_to(view(c, n, config)[..., None] / np.float32(255), shape) for c in films for n in VIEWS]
    detector, task = Detector(config), Localization(config)
    settled(detector.second, settled(detector.first, views[0][None]))
    task._keep(detector)
    look, propose, judge = (Step(detector, name) for name in ("look", "propose", "judge"))
    maps, codes, logits, _ = look.predict_on_batch(views[0][None])
    boxes, _ = propose.predict_on_batch([codes, logits])
    parts = [(look, views[:1]), (judge, [maps[0], boxes[0]])]
    return Subject("localization", config.size, task, detector, views, parts, 1)


SUBJECTS: dict[str, Callable[[Any, list[Case]], Subject]] = {
    "density": density,
    "findings": findings,
    "localization": localization,
}


def view(case: Case, name: str, config: Any) -> np.ndarray:
    """A prepared view."""
    return prepared_view(case, name, config.size, getattr(config, "bits", 8))[0]


def settled(model: Any, images: np.ndarray) -> Any:
    """Take over the statistics of these images, so that random weights give numbers of a usual size; the outputs."""
    layers = [layer for layer in model._flatten_layers() if type(layer).__name__ == "BatchNormalization"]
    trainable = [layer.trainable for layer in layers]
    for layer in layers:
        layer.momentum, layer.trainable = 0.0, True
    outputs = model(np.asarray(images, np.float32), training=True)
    for layer, before in zip(layers, trainable, strict=True):
        layer.trainable = before
        layer.moving_variance.assign(np.maximum(layer.moving_variance, 0.01))  # maps of few places hardly vary
    return outputs


def films_of(size: tuple[int, int], exams: int, folder: Path) -> list[Case]:
    """Synthetic exams with the grain of a detector, written as PNG."""
    rng, cases = np.random.default_rng(0), []
    folder.mkdir(parents=True)
    for number in range(exams):
        exam, paths = generate_exam(7, number, SyntheticConfig(288, 224)), {}
        for name in VIEWS:
            film = cv2.resize(exam.images[name], size[::-1], interpolation=cv2.INTER_LINEAR) / 65535
            film += rng.normal(0, 0.004, film.shape) * (film > 0.05)
            paths[name] = folder / f"{number}_{name}.png"
            write_png(paths[name], (np.clip(film, 0, 1) * 4095).astype(np.uint16))
        cases.append(Case.of(f"exam-{number}", paths))
    return cases


def peak() -> float:
    """Floating-point operations per second of numpy's matrix product, the best of three."""
    matrix = np.random.default_rng(0).random((PEAK, PEAK), np.float32)
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        _ = matrix @ matrix
        best = min(best, time.perf_counter() - start)
    return 2 * PEAK**3 / best


def flops_of(model: Any, inputs: Sequence[np.ndarray]) -> float:
    """Floating-point operations for one sample, as TensorFlow counts them."""
    import tensorflow as tf

    graph = frozen_function(model, [part.shape for part in inputs], 1).graph
    profiler = tf.compat.v1.profiler
    how = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation()).with_empty_output().build()
    return float(profiler.profile(graph, options=how).total_float_ops)


def machine() -> dict[str, str]:
    """Processor, cores, versions, and how busy it was at the start."""
    found = {"processor": processor(), "cores": str(os.cpu_count()), "Python": platform.python_version()}
    for package in ("numpy", "keras", "tensorflow", "openvino", "onnxruntime", "opencv-python-headless"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return {**found, "load at the start": f"{os.getloadavg()[0]:.1f}"}


def processor() -> str:
    """Its name as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def page(record: dict[str, Any]) -> str:
    """The tables."""
    about = "; ".join(f"{key} {value}" for key, value in record["machine"].items())
    images = record["exams"] * len(VIEWS)
    lines = [
        "# Running the networks",
        "",
        f"Printed by `benchmarks/inference.py`: {images} images per repeat, {record['repeats']} repeats in turns, "
        f"medians. {about}.",
        "",
        "`model.predict` and the bare runtimes get arrays that are prepared already. Ours reads files: PNG "
        "of 12 bits in 16, small ones of the network's size and whole films. Ratios are medians over the repeats. "
        "Core-seconds count the processor's work in all threads, and tell little changed when others use the machine.",
    ]
    for name, found in record["networks"].items():
        lines += ["", f"## {name}, {found['size'][0]} x {found['size'][1]}", "", *table(found)]
    return "\n".join(lines)


def table(found: dict[str, Any]) -> list[str]:
    """A row per way."""
    seconds, peaks = found["seconds"], found["peak"]
    bound = median(peaks) / 1e9 / found["gflop"]
    told = "; ".join(f"{way} {'other boxes' if x is None else f'{x:.1g}'}" for way, x in found["apart"].items())
    columns = ["model.predict", *(name for name in seconds if name.startswith("bare"))]
    lines = [
        f"{found['gflop']:.3g} GFLOP an image; numpy's matrix product does {median(peaks) / 1e9:.0f} GFLOP/s, "
        f"which would be {bound:.1f} images/s. Largest difference from Keras in score and feature: {told}.",
        "",
        f"| | images/s | of that bound | core-seconds an image | {' | '.join(f'x {column}' for column in columns)} |",
        "|" + "---|" * (4 + len(columns)),
    ]
    for way, own in seconds.items():
        ratios = [median(b / a for a, b in zip(own, seconds[column], strict=True)) for column in columns]
        rate = 1 / median(own)
        cells = " | ".join(f"{ratio:.2f}" for ratio in ratios)
        used = median(found["core_seconds"][way])
        lines.append(f"| {way} | {rate:.2f} | {rate / bound:.0%} | {used:.3g} | {cells} |")
    return lines


if __name__ == "__main__":
    main()
