"""The main job, small: three real task models on synthetic exams, fused, saved, and asked about a real exam."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from taskfusion.experiment import run
from taskfusion.images import FileSource, write_png
from taskfusion.pipeline.pipeline import FusionPipeline

pytestmark = pytest.mark.slow
REAL = Path(__file__).parents[2] / "shared" / "data" / "nyu_gmic_exam0"
QUICK = (
    "cohort.cases=48",
    "tasks.density.view.epochs=1",
    "tasks.density.patient.epochs=1",
    "tasks.findings.patches.epochs=1",
    "tasks.findings.patches.steps=4",
    "tasks.findings.whole.epochs=1",
    "tasks.localization.patch_steps=4",
    "tasks.localization.steps=4",
    *(f"fusers.{name}.epochs=1" for name in ("P_feat", "P_feat_without_density", "P_hybrid", "P_attention")),
    "evaluation.replicates=50",
)
FUSERS = ["P_score", "P_feat", "P_feat_without_density", "P_hybrid", "P_attention", "max_F", "max_L"]


@pytest.fixture(autouse=True)
def _only_the_mammography_plugins(monkeypatch):
    """This is their test too."""
    monkeypatch.delenv("TASKFUSION_BLOCK_PLUGINS", raising=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The demo with hardly any training; do not mutate."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TASKFUSION_BLOCK_PLUGINS", raising=False)
        with resources.as_file(resources.files("taskfusion.cli") / "specs" / "demo.yaml") as spec:
            return run(spec, overrides=QUICK, folder=tmp_path_factory.mktemp("demo") / "run")


def test_every_fuser_answers_every_target_on_every_split(made):
    assert made.results.fuser.drop_duplicates().tolist() == FUSERS
    assert len(made.results) == len(FUSERS) * 2 * 3
    assert np.isfinite(made.predictions.score.to_numpy(float)).all()
    assert made.notice.startswith("SYNTHETIC") and "SYNTHETIC" in (made.folder / "report.html").read_text()


def test_every_task_has_a_figure_of_its_own(made):
    assert set(made.task_metrics) == {"density", "findings", "localization"}
    assert all(made.task_metrics.values())


def test_the_saved_model_answers_alike(made):
    pipeline = FusionPipeline.load(made.folder / "model")
    rows = made.predictions.query("split == 'test' and fuser == 'P_feat' and target == 'lesion'")
    image = made.folder / "cohort" / rows.case.iloc[0]
    from taskfusion.imagefiles import cases_of_files

    result = pipeline.predict(cases_of_files([image], pipeline.views))
    assert result.scores["P_feat", "lesion"][0] == pytest.approx(rows.score.iloc[0], abs=1e-5)


@pytest.mark.skipif(not REAL.is_dir(), reason="the public four-view exam is not beside the project")
def test_a_real_exam_is_answered_in_its_own_pixels(made, capsys):
    from taskfusion import cli

    files = [str(REAL / f"0_{view}.png") for view in ("L-CC", "L-MLO", "R-CC", "R-MLO")]
    cli.main(["predict", str(made.folder / "model"), *files, "--json"])
    data = json.loads(capsys.readouterr().out)
    answer = data["cases"][0]
    assert "SYNTHETIC" in data["notice"] and answer["case"] == "0" and not answer["missing"]
    assert 0 <= answer["tasks"]["density"]["dense"] <= 1 and len(answer["tasks"]["findings"]) == 4
    for box in answer["tasks"]["localization"]:
        height, width = FileSource(REAL / f"0_{box['view']}.png").read().shape
        assert 0 <= box["box"][0] < box["box"][2] <= width and 0 <= box["box"][1] < box["box"][3] <= height


def test_missing_and_unreadable_views(made, tmp_path, capsys):
    from taskfusion import cli

    write_png(tmp_path / "x_L-CC.png", np.full((300, 200), 900, np.uint16))
    cli.main(["predict", str(made.folder / "model"), str(tmp_path / "x_L-CC.png")])
    out = capsys.readouterr().out
    assert "case x" in out and "missing        density, findings/L-MLO" in out
    (tmp_path / "x_R-CC.png").write_bytes(b"no image")
    with pytest.raises(SystemExit):
        cli.main(["predict", str(made.folder / "model"), str(tmp_path)])
    assert "x_R-CC.png" in capsys.readouterr().err
