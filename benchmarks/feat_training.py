"""Seconds to train the feature fuser at the paper's size, beside a plain Keras ``fit`` of the same network.

    python benchmarks/feat_training.py --seeds 10 --out build/feat_training

Every seed draws its own simulated features and trains both ways, each in a process of its own (what makes one
repeatable would slow the other down) and in turns, so that whatever else the machine does hits both alike. Prints
Markdown; the folder gets the same as ``feat_training.md`` and every figure as ``feat_training.json``. ``--quick`` is a
small size that only shows that it works.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from taskfusion.files import write_json, write_text

Blocks = dict[str, np.ndarray]
Part = tuple[Blocks, np.ndarray]
PAPER = {"cases": (1511, 290, 453), "detections": 3, "epochs": 40}
QUICK = {"cases": (160, 40, 60), "detections": 1, "epochs": 3}
DEPTHS = {"density": 2, "findings": 2, "localization": 3}
WAYS = ("plain", "taskfusion")


def main() -> None:
    """Measure and print the page; with ``--one`` measure one fit and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[8, 32], help="the paper's, and Keras's default")
    parser.add_argument("--out", type=Path, default=Path("build/feat_training"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS, metavar=("WAY", "SEED", "BATCH"))
    options = parser.parse_args()
    if options.one:
        way, seed, batch = options.one
        print(json.dumps(one(way, int(seed), int(batch), QUICK if options.quick else PAPER)))
        return
    fits = [
        asked(way, seed, batch, options.quick)
        for batch in options.batch_sizes
        for seed in range(options.seeds)
        for way in (WAYS if seed % 2 else WAYS[::-1])
    ]
    record = {"machine": machine(), "sizes": QUICK if options.quick else PAPER, "fits": fits}
    record["summary"] = [summary(fits, batch) for batch in options.batch_sizes]
    text = page(record)
    write_json(options.out / "feat_training.json", record)
    write_text(options.out / "feat_training.md", text)
    print(text)


def asked(way: str, seed: int, batch: int, quick: bool) -> dict[str, Any]:
    """One fit in a process of its own."""
    command = [sys.executable, __file__, "--one", way, str(seed), str(batch), *(["--quick"] if quick else [])]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"batch {batch}, seed {seed}, {way}: {found['seconds']:.1f} s, AUC {found['auc']:.3f}", file=sys.stderr)
    return found


def one(way: str, seed: int, batch: int, sizes: dict[str, Any]) -> dict[str, Any]:
    """Train one way and judge it on the held-out cases."""
    from sklearn.metrics import roc_auc_score

    train, validation, test = simulated(seed, sizes)
    train_one = plain if way == "plain" else ours
    start, busy = time.perf_counter(), time.process_time()
    answer, epochs = train_one(train, validation, (seed, batch, sizes["epochs"]))
    seconds, cpu = time.perf_counter() - start, time.process_time() - busy
    auc = float(roc_auc_score(test[1], answer(test[0])))
    return {"way": way, "seed": seed, "batch": batch, "seconds": seconds, "cpu": cpu, "epochs": epochs, "auc": auc}


def simulated(seed: int, sizes: dict[str, Any]) -> list[Part]:
    """Training, validation and held-out cases with a signal that is spread over few features and hard to see."""
    rng = np.random.default_rng(seed)
    total, slots = sum(sizes["cases"]), 4 * sizes["detections"]
    truth = (rng.random(total) < 0.45).astype(np.int64)
    severity = rng.normal(size=total) + 1.1 * (2 * truth - 1)
    blocks = {
        "density": block(rng, severity, (1, 4096), 0.15),
        "findings": block(rng, severity, (4, 1024), 0.6),
        "localization": block(rng, severity, (slots, 1024), 0.5),
    }
    cuts = np.cumsum(sizes["cases"])[:-1]
    rows = np.split(np.arange(total), cuts)
    return [({name: values[part] for name, values in blocks.items()}, truth[part]) for part in rows]


def block(rng: np.random.Generator, severity: np.ndarray, shape: tuple[int, int], strength: float) -> np.ndarray:
    """``(cases, channels, size)``: pooled activations of a network, some of which grow with the severity."""
    carriers = rng.exponential(size=shape[1]) * (rng.random(shape[1]) < 0.05)
    values = rng.exponential(size=(len(severity), *shape)).astype(np.float32)
    seen = severity[:, None] + rng.normal(size=(len(severity), shape[0]))  # each channel sees it in its own way
    values += (strength * seen[..., None] * carriers).astype(np.float32)
    return np.maximum(values, 0, out=values)


def ours(train: Part, validation: Part, how: tuple[int, int, int]) -> tuple[Any, int]:
    """The feature fuser as anyone uses it."""
    from taskfusion.fusers.base import FuseContext
    from taskfusion.fusers.feat import FeatFuser
    from taskfusion.fusers.feat_config import FeatConfig

    seed, batch, epochs = how
    fuser = FeatFuser(FeatConfig(batch_size=batch, epochs=epochs))
    fuser.fit(fusion_data(train), fusion_data(validation), FuseContext(seed))
    return lambda blocks: fuser.predict(fusion_data((blocks, np.zeros(1))).inputs), fuser.summary()["epochs"]


def fusion_data(part: Part) -> Any:
    """Blocks and truth as a fuser gets them."""
    from taskfusion.fusers.base import FusionData
    from taskfusion.inputs import FusionInput, ScoreTable
    from taskfusion.outputs import Level

    count = len(next(iter(part[0].values())))
    levels = {"density": Level.CASE, "findings": Level.VIEW, "localization": Level.DETECTION}
    table = ScoreTable((), np.zeros((count, 0)))
    inputs = FusionInput(tuple(map(str, range(count))), table, part[0], levels)
    return FusionData(inputs, part[1], np.arange(count))


def plain(train: Part, validation: Part, how: tuple[int, int, int]) -> tuple[Any, int]:
    """The same network on the same scaled features, as one would train it with Keras alone."""
    from taskfusion.fusers.feat_config import FeatConfig
    from taskfusion.fusers.feat_network import build_network
    from taskfusion.fusers.scaling import RangeScaler
    from taskfusion.training.backend import keras

    seed, batch, epochs = how
    config = FeatConfig()
    scalers = {name: RangeScaler.fit(values) for name, values in train[0].items()}

    def scaled(blocks: Blocks) -> Blocks:
        return {name: scaler.transform(blocks[name]) for name, scaler in scalers.items()}

    keras.utils.set_random_seed(seed)
    model = build_network({name: values.shape[1:] for name, values in train[0].items()}, DEPTHS, None, config)
    # jit_compile off, as XLA is several times slower here: the comparison is with Keras at its best
    model.compile(keras.optimizers.Adam(config.learning_rate), "sparse_categorical_crossentropy", jit_compile=False)
    stop = keras.callbacks.EarlyStopping(
        "val_loss", min_delta=config.tolerance, patience=config.patience, restore_best_weights=True
    )
    held_out = (scaled(validation[0]), validation[1])
    fitting = {"batch_size": batch, "epochs": epochs, "callbacks": [stop], "validation_data": held_out, "verbose": 0}
    history = model.fit(scaled(train[0]), train[1], **fitting)
    return lambda blocks: model.predict(scaled(blocks), verbose=0)[:, 1], len(history.history["loss"])


def summary(fits: list[dict[str, Any]], batch: int) -> dict[str, Any]:
    """Medians of both ways, ratios seed by seed, and the mean AUC of each."""
    found = {way: [f for f in fits if f["way"] == way and f["batch"] == batch] for way in WAYS}
    by_seed = {way: sorted(rows, key=lambda f: f["seed"]) for way, rows in found.items()}
    figures: dict[str, Any] = {"batch": batch}
    for way, rows in by_seed.items():
        figures[way] = {
            "seconds": float(np.median([f["seconds"] for f in rows])),
            "cpu seconds": float(np.median([f["cpu"] for f in rows])),
            "seconds per epoch": float(np.median([f["seconds"] / f["epochs"] for f in rows])),
            "epochs": float(np.mean([f["epochs"] for f in rows])),
            "auc": float(np.mean([f["auc"] for f in rows])),
        }
    pairs = list(zip(by_seed["plain"], by_seed["taskfusion"], strict=True))
    figures["ratio"] = float(np.median([p["seconds"] / t["seconds"] for p, t in pairs]))
    figures["cpu ratio"] = float(np.median([p["cpu"] / t["cpu"] for p, t in pairs]))
    per_epoch = [p["seconds"] / p["epochs"] / (t["seconds"] / t["epochs"]) for p, t in pairs]
    figures["ratio per epoch"] = float(np.median(per_epoch))
    figures["auc difference"] = figures["taskfusion"]["auc"] - figures["plain"]["auc"]
    figures["auc difference, standard error"] = float(
        np.std([t["auc"] - p["auc"] for p, t in pairs], ddof=min(1, len(pairs) - 1)) / np.sqrt(len(pairs))
    )
    return figures


def page(record: dict[str, Any]) -> str:
    """The figures as Markdown."""
    train, validation, test = record["sizes"]["cases"]
    seeds = len({fit["seed"] for fit in record["fits"]})
    lines = [
        "## Training the feature fuser",
        "",
        f"{train} training, {validation} validation, {test} held-out cases; features of 1x4096, 4x1024 and "
        f"{4 * record['sizes']['detections']}x1024 (simulated); the same network, Adam, early stopping, at most "
        f"{record['sizes']['epochs']} epochs; {seeds} seeds, both ways in turns. "
        "Plain: `model.fit` on arrays in memory.",
        f"Machine: {record['machine']}.",
        "",
        "| batch | way | seconds (median) | per epoch | seconds of a core | epochs (mean) | mean AUC |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in record["summary"]:
        for way in WAYS:
            row = each[way]
            lines.append(
                f"| {each['batch']} | {way} | {row['seconds']:.1f} | {row['seconds per epoch']:.2f} | "
                f"{row['cpu seconds']:.1f} | "
                f"{row['epochs']:.1f} | {row['auc']:.4f} |"
            )
    lines += ["", *(verdict(each) for each in record["summary"]), ""]
    return "\n".join(lines)


def verdict(each: dict[str, Any]) -> str:
    """One sentence per batch size."""
    return (
        f"Batch {each['batch']}: **{each['ratio']:.1f}x** faster (median of the ratios seed by seed; per epoch "
        f"{each['ratio per epoch']:.1f}x, in seconds of a core {each['cpu ratio']:.1f}x), "
        f"mean AUC {each['auc difference']:+.4f} (standard error {each['auc difference, standard error']:.4f})."
    )


def machine() -> str:
    """Where it was measured, and with what."""
    from taskfusion.plugins import installed_versions

    versions = ", ".join(f"{k} {v}" for k, v in installed_versions(("taskfusion", "keras", "tensorflow")).items())
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {versions}"


if __name__ == "__main__":
    main()
