"""Killed at any point with SIGKILL, gone on with, and equal to an undisturbed preparation byte for byte."""

import json
import os
import signal
import subprocess
import sys
import time

import killing
import pytest
from killing import finished, kill_when_done, program, to_the_end

EXAMS = killing.EXAMS or 60

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


@pytest.mark.slow
def test_killed_half_way_and_gone_on_with_it_is_the_same_byte_for_byte(tmp_path, made):
    options = ("--cases", EXAMS, "--height", 96, "--width", 80, "--jobs", 2, "--output")
    process = program("synthetic", *options, tmp_path / "cut")
    kill_when_done(tmp_path / "cut", EXAMS // 2, process)
    before = {path: path.stat().st_mtime_ns for path in finished(tmp_path / "cut")}
    assert EXAMS // 2 <= len(before) < EXAMS
    output = to_the_end("synthetic", *options, tmp_path / "cut")
    assert f"{len(before):,} exams were there already" in output
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    to_the_end("synthetic", *options, tmp_path / "whole")
    assert made.tree(tmp_path / "cut") == made.tree(tmp_path / "whole")


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(tmp_path):
    process = program(
        "synthetic", "--cases", EXAMS, "--height", 96, "--width", 80, "--jobs", 2, "--output", tmp_path / "cut"
    )
    while not finished(tmp_path / "cut"):
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to the workers too
    _, errors = process.communicate()
    assert process.returncode == 130
    assert "stopped; the same command goes on where it was" in errors and "Traceback" not in errors
