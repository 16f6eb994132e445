import subprocess
import sys

import cv2
import pytest
from click.testing import CliRunner

from mammo_data import plugin
from mammo_data.commands import command, sources
from mammo_data.records import Skipped
from taskfusion.errors import DataError
from taskfusion.plugins import build_registry
from taskfusion.testing.commands import check_command

TINY = ("--height", "48", "--width", "48", "--jobs", "1")


def run(*arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_the_group_is_registered_and_keeps_the_contract():
    found = build_registry([plugin], entry_points=False).load("command", "mammo")
    check_command(found).raise_for_failures()


def test_help_imports_nothing_heavy():
    heavy = ("cv2", "scipy", "numpy", "pandas", "joblib", "tensorflow", "sklearn", "pyarrow")
    code = f"import sys, mammo_data.commands; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("database", ["ddsm", "cbis", "match", "dicom", "synthetic"])
def test_every_database_has_help_with_an_example_and_the_exit_codes(database):
    text = run("prepare", database, "--help").output
    assert f"taskfusion mammo prepare {database} " in text
    assert "3 something was skipped" in text
    for option in ("--jobs", "--strict", "--limit", "--output", "--keep-images-in-place"):
        assert option in text


def test_prepare_check_and_look_work_together(tmp_path):
    folder = tmp_path / "cohort"
    done = run("prepare", "synthetic", "--cases", 8, *TINY, "-o", folder)
    assert done.exit_code == 0, done.output
    assert "SYNTHETIC" in done.output and "8  in the cohort" in done.output and "taskfusion mammo check" in done.output
    assert "8 exams were there already" in run("prepare", "synthetic", "--cases", 8, *TINY, "-o", folder).output
    checked = run("check", folder, "--jobs", 1)
    assert checked.exit_code == 0 and "all is well" in checked.output
    assert run("look", folder, "--count", 2, "--height", 64).exit_code == 0
    assert (folder / "look.png").is_file()
    done = run("look", folder, "--mask", "--output", tmp_path / "sheet.pdf")
    assert str(done.exception) == f"{tmp_path / 'sheet.pdf'}: expected a name that ends in .png or .jpg or .jpeg"
    spec = tmp_path / "look.yaml"
    spec.write_text("cohort: {reader: cohort, path: cohort}")
    assert run("look", spec, "--mask", "--height", 64, "--output", tmp_path / "sheet.JPG").exit_code == 0
    assert cv2.imread(str(tmp_path / "sheet.JPG")).shape[1] == 4 * 64
    assert run("check", folder, "--jobs", 1).exit_code == 0


def test_check_prints_everything_with_counts_and_ends_with_1(tmp_path):
    folder = tmp_path / "cohort"
    run("prepare", "synthetic", "--cases", 3, *TINY, "-o", folder)
    for path in folder.glob("images/*/L-CC.png"):
        path.unlink()
    done = run("check", folder, "--jobs", 1)
    assert done.exit_code == 1
    assert "missing files: 3" in done.output
    assert done.output.count("L-CC.png") == 3


def test_something_skipped_is_exit_code_3_with_counts(tmp_path, made, monkeypatch):
    source = made.Fake({"a": {}, "b": None}, skipped={"b": (Skipped("b.png", "it ends early", "truncated"),)})
    monkeypatch.setattr(sources, "build_source", lambda *places, **options: source)
    done = run("prepare", "ddsm", tmp_path / "raw", "--jobs", 1, "-o", tmp_path / "cohort")
    assert done.exit_code == 3
    assert "1  truncated, e.g. b.png: it ends early" in done.output and "skipped.csv" in done.output
    done = run("prepare", "ddsm", tmp_path / "raw", "--jobs", 1, "-o", tmp_path / "cohort", "--limit", 1)
    assert done.exit_code == 0 and "stale    1 exams of an earlier call" in done.output


def test_a_reader_that_is_not_there_is_one_clear_error(monkeypatch):
    monkeypatch.setattr(sources, "SOURCES", {"x": "mammo_data.nowhere.source:Source", "y": "mammo_data.readers.y:Y"})
    with pytest.raises(
        DataError, match=r"this mammo-data has no reader for x yet \(mammo_data\.nowhere\.source is not"
    ):
        sources.build_source("x")


def test_a_package_that_is_not_there_is_named(monkeypatch, tmp_path):
    (tmp_path / "half_installed.py").write_text("import a_package_of_nobody\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sources, "SOURCES", {"x": "half_installed:Source"})
    with pytest.raises(DataError, match="reading x needs the package 'a_package_of_nobody', which is not installed"):
        sources.build_source("x")


def test_no_process_at_all_is_a_mistake_of_usage(tmp_path):
    done = run("prepare", "synthetic", "--jobs", 0, "-o", tmp_path / "cohort")
    assert done.exit_code == 2 and "0 processes do nothing" in done.output


def test_a_salt_is_told_to_the_source_and_to_nobody_else(tmp_path, made, monkeypatch):
    told = {}

    def build(database, *places, **options):
        told.update(options)
        return made.Fake({"a": {}})

    monkeypatch.setattr(sources, "build_source", build)
    run("prepare", "dicom", tmp_path / "raw", "--salt", "oh-so-secret", "--jobs", 1, "-o", tmp_path / "cohort")
    assert told["salt"] == "oh-so-secret"
    assert not any(b"oh-so-secret" in content for content in made.tree(tmp_path / "cohort").values())


def test_a_cohort_among_the_raw_files_is_refused(tmp_path):
    done = run("prepare", "ddsm", tmp_path, "-o", tmp_path / "deep" / "cohort")
    assert isinstance(done.exception, DataError)
    assert "lies in" in str(done.exception) and "among the raw files; choose another place" in str(done.exception)
    assert not list(tmp_path.iterdir())
