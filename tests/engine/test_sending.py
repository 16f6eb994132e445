"""Tasks asked by workers: equal to asked here, each case once, also when a worker is killed on the way."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path

import attrs
import numpy as np
import pyarrow.parquet as pq
import pytest
import working
from toys import CaseToy, DetectionToy, ViewToy, toy_cohort

from taskfusion.cases import Case, Cohort, View
from taskfusion.engine import open_engine
from taskfusion.errors import DataError, EngineError
from taskfusion.materialize import materialize
from taskfusion.pipeline.compose import compose
from taskfusion.pipeline.sending import Parcel, absolute
from taskfusion.pipeline.training import TrainedTask, Work
from taskfusion.progress import Progress
from taskfusion.store import CHUNK
from taskfusion.tasks.base import FitContext

pytestmark = pytest.mark.slow  # processes take their time to begin


class Watched(Progress):
    """Counts, and calls somebody on the way."""

    def __init__(self, then=lambda done: None) -> None:
        self.done, self.total, self.said, self.then = 0, None, [], then

    @contextmanager
    def step(self, description, total=None):
        self.done, self.total = 0, total
        yield self

    def advance(self, amount=1, **metrics):
        self.done += amount
        self.then(self.done)

    def say(self, message):
        self.said.append(message)


@pytest.fixture(scope="module")
def cases():
    """400 toy cases; do not mutate."""
    return toy_cohort(400).cases


def trained_toy(kind) -> TrainedTask:
    return TrainedTask("toy", kind().fit(toy_cohort(60), FitContext()), "a test")


def same(first, second) -> bool:
    """Equal to the last bit, NaN where NaN."""
    return first.cases == second.cases and all(
        np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(arrays(first), arrays(second), strict=True)
    )


def arrays(output):
    found = [output.present, output.scores, output.features]
    found += attrs.astuple(output.detections, recurse=False) if output.detections is not None else []
    return [array for array in found if array is not None]


@pytest.mark.parametrize("kind", [CaseToy, ViewToy, DetectionToy])
def test_workers_answer_as_this_process_does(engine, cases, kind):
    task, progress = trained_toy(kind), Watched()
    assert same(task.answers(cases, Work(progress=progress, engine=engine)), task.answers(cases, Work()))
    assert progress.done == progress.total == len(cases)


@pytest.mark.parametrize("name", ["processes", "dask"])
def test_a_worker_killed_on_the_way_loses_and_doubles_nothing(name, request, tmp_path):
    seen = tmp_path / "seen"
    seen.mkdir()
    cases = [attrs.evolve(c, metadata={**c.metadata, "folder": str(seen)}) for c in toy_cohort(400).cases]
    address = request.getfixturevalue("address") if name == "dask" else ""
    victim, task = cases[2 * CHUNK].id, trained_toy(working.WatchedToy)
    with open_engine(name, address, 2) as engine, working.killing(seen, victim) as killed:
        work = Work(folder=tmp_path / "run", engine=engine)
        output = task.answers(cases, work)
    begun = [path.name.split("-")[1] for path in seen.glob("begun-*")]
    assert killed and begun.count(victim) == 2, "what the killed worker had begun somebody else did"
    assert len(set(begun)) == -(-len(cases) // CHUNK)
    assert output.cases == tuple(case.id for case in cases)
    assert same(
        output, task.answers([attrs.evolve(c, metadata=dict(list(c.metadata.items())[:2])) for c in cases], Work())
    )
    store = work.store
    index = store.index(next((tmp_path / "run" / "outputs" / "toy").iterdir()))
    assert len(index) == len(cases), "each case is in the store"
    parts = sorted((tmp_path / "run").rglob("part-*.parquet"))
    assert sum(pq.read_metadata(part).num_rows for part in parts) == len(cases), "once"


def test_what_is_done_is_kept_when_somebody_stops_the_work(tmp_path, cases, dask_engine):
    def stop(done: float) -> None:
        if done >= 2 * CHUNK:
            raise KeyboardInterrupt

    task, folder = trained_toy(CaseToy), tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        task.answers(cases, Work(folder=folder, engine=dask_engine, progress=Watched(stop)))
    progress = Watched()
    output = task.answers(cases, Work(folder=folder, engine=dask_engine, progress=progress))
    assert progress.total == len(cases) - 2 * CHUNK
    assert same(output, task.answers(cases, Work()))


def test_what_could_not_be_read_is_told_by_the_workers_too(engine, tmp_path):
    task, progress = TrainedTask("seeing", working.Seeing(), "given"), Watched()
    np.save(tmp_path / "there.npy", np.ones((2, 2)))
    np.save(tmp_path / "broken.npy", np.ones((2, 2)))
    (tmp_path / "broken.npy").write_bytes(b"nothing")
    cases = [Case.of(name, {"L": tmp_path / f"{name}.npy"}) for name in ("there", "broken", "gone")]
    problems: dict[tuple[str, str], str] = {}
    work = Work(engine=engine, unreadable="mask", progress=progress)
    output = task.answers(cases, work, problems)
    assert output.present[:, 0].tolist() == [True, False, False]
    assert problems["gone", "seeing"].startswith("image not found") and len(problems) == len(progress.said) == 2
    with pytest.raises(DataError, match=r"image not readable: .*broken.npy"):
        task.answers(cases[:2], Work(engine=engine))


def test_workers_that_do_not_see_the_images_are_told(dask_engine, tmp_path):
    np.save(tmp_path / "a.npy", np.ones((2, 2)))
    case = Case("a", {"L": View("L", working.OnlyHere(tmp_path / "a.npy", os.getpid()))})
    task = TrainedTask("seeing", working.Seeing(), "given")
    told = r"2 of 2 workers do not see the views of case 'a' as this process does \(worker tcp://.*: image not found: "
    with pytest.raises(EngineError, match=told):
        task.answers([case], Work(engine=dask_engine))


def test_paths_are_sent_whole(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.ones((2, 2)))
    case = Case.of("a", {"L": "a.npy", "R": np.ones((2, 2))}, age=3)
    sent = absolute(case)
    assert sent.views["L"].source.path == tmp_path / "a.npy" and sent.fingerprint() == case.fingerprint()


def test_a_task_is_sent_as_the_data_it_saves(cases):
    task = trained_toy(ViewToy)
    parcel = Parcel.of("toy", task.model)
    loaded = parcel.load()
    assert same(loaded.predict(cases), task.model.predict(cases))
    assert parcel == attrs.evolve(parcel, content=b"") and "content" not in repr(parcel)


def test_a_whole_pipeline_is_the_same_on_every_engine(engine, tmp_path):
    cohort = toy_cohort(180)
    tasks = {"case": CaseToy(), "view": ViewToy(), "found": DetectionToy()}

    def scores(work):
        made = compose(tasks, fuser="score", detections=[1, 2, 3], targets=["ill"]).fit(cohort, work)
        return made.fitted["score", "ill"].tried, made.predict(cohort.part("test"), work).scores["score", "ill"]

    (tried, found), (tried_here, found_here) = scores(Work(folder=tmp_path, engine=engine)), scores(Work())
    assert tried == tried_here and len(tried) == 3
    assert np.array_equal(found, found_here)


def test_workers_draw_a_generated_cohort(engine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cases = [Case(f"c{k}", {"L": View("L", working.Drawn(k))}) for k in range(20)]
    cohort, progress = Cohort("drawn", cases, ("L",), generated=True), Watched()
    stored = materialize(cohort, Path("images"), progress, jobs=1, engine=engine)
    assert progress.done == progress.total == 20 and not stored.generated
    for number, case in enumerate(stored.cases):
        assert np.array_equal(case.views["L"].read(), working.Drawn(number).read())
    materialize(cohort, Path("images"), progress, jobs=1, engine=engine)
    assert progress.total == 20 and len(list(tmp_path.rglob("*"))) == 41, "nothing is drawn twice, nothing is left over"


def test_images_that_do_not_arrive_are_told(dask_engine, tmp_path, monkeypatch):
    from taskfusion import materialize as module

    monkeypatch.setattr(module, "_write", working.slowly)
    cohort = Cohort("drawn", [Case("c", {"L": View("L", working.Drawn(1))})], ("L",), generated=True)
    with pytest.raises(EngineError, match=r"workers wrote .*L.png, and it is not there; expected a folder that all"):
        materialize(cohort, tmp_path / "images", Progress(), engine=dask_engine)
