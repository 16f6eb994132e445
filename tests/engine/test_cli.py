"""``--engine``, ``--scheduler`` and ``--workers`` on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from taskfusion.cli import main

SPEC = """
cohort: {reader: sklearn, dataset: breast_cancer}
tasks:
  mean: {task: sklearn, columns: ["mean *"]}
  worst: {task: sklearn, columns: ["worst *"]}
fusers:
  score: {fuser: score}
"""


@pytest.fixture
def spec(tmp_path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC)
    return path


@pytest.mark.slow
def test_a_run_on_a_cluster_is_the_run_on_this_machine(spec, address, tmp_path, capsys):
    quick = ["--set", "evaluation.replicates=20"]
    main(["run", str(spec), "-o", str(tmp_path / "here"), *quick])
    main(["run", str(spec), "-o", str(tmp_path / "there"), *quick, "--engine", "dask", "--scheduler", address])
    assert "report" in capsys.readouterr().out
    for name in ("predictions.csv", "results.csv"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()


def test_a_scheduler_that_is_not_there_is_one_line(spec, tmp_path, capsys):
    with pytest.raises(SystemExit, match="1"):
        main(["run", str(spec), "-o", str(tmp_path / "run"), "--engine", "dask", "--scheduler", "tcp://127.0.0.1:9"])
    errors = capsys.readouterr().err
    assert errors.startswith("error: no Dask scheduler answers at tcp://127.0.0.1:9: ") and "Traceback" not in errors
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_predict_is_the_same_from_processes(tmp_path, capsys, monkeypatch):
    import working

    from taskfusion.cases import Case, Cohort, Target
    from taskfusion.pipeline.compose import compose
    from taskfusion.pipeline.pipeline import FusionPipeline

    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    cases = []
    for number in range(20):
        np.save(f"c{number}_L.npy", rng.random((3, 3)) / (1 + number % 2))
        cases.append(Case.of(f"c{number}", {"L": f"c{number}_L.npy"}))
    ill = np.arange(20) % 2
    pipeline = compose({"seeing": working.Seeing()}, fuser="mean").fit(
        Cohort("c", cases, ("L",), {"ill": ill}, {"ill": Target("ill")})
    )
    monkeypatch.setattr(FusionPipeline, "load", lambda folder: pipeline)
    monkeypatch.setattr("taskfusion.imagefiles.cases_of_files", lambda images, views: cases)
    main(["predict", "model", "c0_L.npy", "--json"])
    here = capsys.readouterr().out
    main(["predict", "model", "c0_L.npy", "--json", "--engine", "processes", "--workers", "2"])
    assert capsys.readouterr().out == here and "c19" in here
