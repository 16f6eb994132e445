"""Killed at any point with SIGKILL, gone on with, and equal to an undisturbed preparation byte for byte."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

EXAMS = int(os.environ.get("MAMMO_KILL_EXAMS", "60"))
"""``MAMMO_KILL_EXAMS=1000 pytest …/test_killed.py`` tries it at the size of a database."""

EVERYWHERE = """
import json, os, pathlib, shutil, signal, sys
from mammo_data.folder.prepare import Preparation, prepare
from mammo_data.synthetic import SyntheticConfig
from mammo_data.synthetic.source import SyntheticExams
from taskfusion.progress import Progress

root = pathlib.Path(sys.argv[1])
source = SyntheticExams(2, 0, SyntheticConfig(height=48, width=48))
real = pathlib.Path.replace

def run(folder, kill_at=None, before=True):
    moves = 0
    def move(self, target):
        nonlocal moves
        moves += 1
        if moves == kill_at and before:
            os.kill(os.getpid(), signal.SIGKILL)
        real(self, target)
        if moves == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
    pathlib.Path.replace = move
    prepare(source, Preparation(folder, jobs=1), Progress())
    return moves

def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

points, wrong, killed = run(root / "whole"), [], 0
for point in range(1, points + 1):
    for before in (True, False):
        folder = root / "cut"
        shutil.rmtree(folder, ignore_errors=True)
        child = os.fork()
        if child == 0:
            run(folder, point, before)
            os._exit(0)
        killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        run(folder)
        if tree(folder) != tree(root / "whole"):
            wrong.append([point, before])
print(json.dumps({"points": points, "killed": killed, "wrong": wrong}))
"""


@pytest.mark.slow
def test_a_kill_before_or_after_any_file_appears_does_no_harm(tmp_path):
    done = subprocess.run([sys.executable, "-c", EVERYWHERE, tmp_path], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["points"] == 2 * 5 + 3 + 4  # exams, tables, cohort.json twice, skipped.csv, report.md
    assert found["killed"] == 2 * found["points"]
    assert not found["wrong"]


def program(*arguments):
    """The program, in a process group of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-m", "taskfusion", "mammo", "prepare", "synthetic", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )


def finished(folder):
    return len(list(folder.glob("images/*/exam.json")))


def stop_when_half_is_done(folder, process, number):
    while finished(folder) < EXAMS // 2:
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    os.kill(process.pid, number)


def prepare_to_the_end(*arguments):
    process = program(*arguments)
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    return output


@pytest.mark.slow
def test_killed_half_way_and_gone_on_with_it_is_the_same_byte_for_byte(tmp_path, made):
    options = ("--cases", EXAMS, "--height", 96, "--width", 80, "--jobs", 2, "--output")
    process = program(*options, tmp_path / "cut")
    stop_when_half_is_done(tmp_path / "cut", process, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    there = finished(tmp_path / "cut")
    assert EXAMS // 2 <= there < EXAMS
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("cut/images/*/exam.json")}
    output = prepare_to_the_end(*options, tmp_path / "cut")
    assert f"{len(before):,} exams were there already" in output
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    prepare_to_the_end(*options, tmp_path / "whole")
    assert made.tree(tmp_path / "cut") == made.tree(tmp_path / "whole")


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(tmp_path):
    process = program("--cases", EXAMS, "--height", 96, "--width", 80, "--jobs", 2, "--output", tmp_path / "cut")
    while not finished(tmp_path / "cut"):
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to the workers too
    _, errors = process.communicate()
    assert process.returncode == 130
    assert "stopped; the same command goes on where it was" in errors and "Traceback" not in errors
