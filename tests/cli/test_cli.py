"""The command line as a person meets it: help, progress, one clear line for a mistake."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import toys

from taskfusion import cli
from taskfusion.errors import DataError
from taskfusion.imagefiles import cases_of_files
from taskfusion.images import write_png


@pytest.fixture
def call(monkeypatch, program, registry):
    """Run the program in this process; gives (exit code, output, errors)."""
    for module in ("taskfusion.experiment.stages", "taskfusion.cli.plugins", "taskfusion.pipeline.pipeline"):
        monkeypatch.setattr(f"{module}.build_registry", lambda **_: registry)
    return program


SPEC = """\
cohort: {reader: toy, cases: 90}
tasks: {case_toy: , view_toy: , detection_toy: }
fusers: {P: {fuser: svm, C: 1}, max: {tasks: [view_toy]}}
evaluation: {replicates: 20}
"""


def test_help_of_everything_has_an_example(call):
    code, out, _ = call("--help")
    assert code == 0 and all(name in out for name in cli.COMMANDS)
    for name in cli.COMMANDS:
        code, out, _ = call(name, "--help")
        assert code == 0 and "Example:" in out


def test_run_prints_table_and_paths(call, tmp_path):
    (tmp_path / "s.yaml").write_text(SPEC)
    code, out, _ = call("run", str(tmp_path / "s.yaml"), "-o", str(tmp_path / "out"))
    assert code == 0 and "TOY DATA" in out and "AUC" in out and str(tmp_path / "out" / "report.html") in out


def test_mistakes_are_one_line_and_no_traceback(call, tmp_path):
    (tmp_path / "s.yaml").write_text(SPEC.replace("svm", "smv"))
    code, _, err = call("run", str(tmp_path / "s.yaml"), "-o", str(tmp_path / "out"))
    assert code == 1 and "s.yaml:3:14: fusers.P.fuser: unknown fuser 'smv' (did you mean 'svm'?)" in err
    assert "Traceback" not in err and not (tmp_path / "out").exists()
    code, _, err = call("rum")
    assert code == 2 and "unknown command 'rum' (did you mean 'run'?)" in err


def test_plugins_lists_everything_and_what_is_broken(call, registry):
    from taskfusion.plugins import BrokenPlugin

    registry.broken.append(BrokenPlugin("bad", "bad-dist", "2.0", "ImportError: x"))
    code, out, _ = call("plugins")
    assert code == 0 and "broken plugin bad of bad-dist 2.0: ImportError: x" in out
    assert all(word in out for word in ("tasks", "fusers", "paddings", "readers", "case_toy", "svm", "background"))


def test_a_folder_that_cannot_be_written_is_one_line(call, tmp_path):
    (tmp_path / "s.yaml").write_text(SPEC)
    (tmp_path / "file").write_text("")
    code, _, err = call("run", str(tmp_path / "s.yaml"), "-o", str(tmp_path / "file" / "out"))
    assert code == 1 and err.startswith("error: ") and "file" in err and "Traceback" not in err


def test_ctrl_c_says_that_it_goes_on(call, monkeypatch):
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("taskfusion.experiment.run", stop)
    code, _, err = call("run", "x.yaml")
    assert code == 130 and "goes on where it was" in err


def test_demo_prints_its_spec(call):
    code, out, _ = call("demo", "--print-spec")
    assert code == 0 and "reader: synthetic" in out


def test_predict_shows_every_sub_result(call, tmp_path, monkeypatch):
    """The toys need metadata where real tasks need images, so the files' cases get some."""
    (tmp_path / "s.yaml").write_text(SPEC)
    call("run", str(tmp_path / "s.yaml"), "-o", str(tmp_path / "out"))
    known = {case.id: case for case in toys.toy_cohort(90).cases}
    monkeypatch.setattr("taskfusion.imagefiles.cases_of_files", lambda *_: [known["c001"], known["c002"]])
    model = str(tmp_path / "out" / "model")
    code, out, _ = call("predict", model, "x.png")
    assert code == 0 and "TOY DATA" in out and "case c001" in out and "boxes" in out and "view_toy" in out
    code, out, _ = call("predict", model, "x.png", "--json")
    data = json.loads(out)
    assert data["notice"] == "TOY DATA" and set(data["cases"][0]["fused"]) == {"ill", "bad"}
    code, out, _ = call("predict", model, "x.png", "--without", "view_toy", "--skip-unreadable")
    assert code == 0 and "missing        view_toy/L, view_toy/R" in out and "view_toy +0.000" in out
    code, _, err = call("predict", model, "x.png", "--without", "view_toi")
    assert code == 1 and "unknown task 'view_toi' (did you mean 'view_toy'?)" in err
    assert call("predict", model, "x.png", "--runtime", "keras")[0] == 0
    code, _, err = call("predict", model, "x.png", "--runtime", "openvin")
    assert code == 1 and "runtime 'openvin' is not known (did you mean 'openvino'?)" in err
    monkeypatch.setattr("taskfusion.inference.choosing.find_spec", lambda _: None)
    code, _, err = call("predict", model, "x.png", "--runtime", "openvino")
    assert code == 1 and "needs openvino: install taskfusion[runtime], or choose auto" in err


def test_file_names_say_case_and_view(tmp_path):
    for name in ("0_L-CC.png", "0_R-CC.png", "b.r-cc.png", "notes.png"):
        write_png(tmp_path / name, np.zeros((2, 2), np.uint8))
    cases = cases_of_files([tmp_path], ("L-CC", "R-CC"))
    assert [(case.id, sorted(case.views)) for case in cases] == [("0", ["L-CC", "R-CC"]), ("b", ["R-CC"])]
    for paths, message in (
        ([tmp_path / "notes.png"], r"notes.png: the file name ends in none of the views L-CC, R-CC"),
        ([tmp_path / "gone.png"], r"image not found: .*gone.png"),
        ([tmp_path / "0_L-CC.png", tmp_path / "0_L-CC.png"], r"case '0' has two images of view 'L-CC'"),
        ([], r"no images found; expected names such as exam1_L-CC.png"),
    ):
        with pytest.raises(DataError, match=message):
            cases_of_files(paths, ("L-CC", "R-CC"))


def test_the_installed_program_answers():
    found = subprocess.run(
        [sys.executable, "-m", "taskfusion", "--version"], capture_output=True, text=True, check=True
    )
    assert "0.1.0" in found.stdout
