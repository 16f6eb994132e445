"""Both databases in their own formats on the disk, through the command, to a cohort folder and its report."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from database_pair import Pair, category, write_pair
from killing import kill

from mammo_data.commands import command
from mammo_data.ddsm.source import DdsmSource
from mammo_data.matching import looking
from mammo_data.matching.seen import pack, unpacked
from mammo_data.matching.source import MatchedSource
from mammo_data.readers.folder import CohortFolder, CohortFolderReader
from mammo_data.records import Skipped
from mammo_data.survey import Desk
from mammo_data.synthetic import SyntheticConfig
from taskfusion.errors import DataError
from taskfusion.progress import Progress

SMALL = SyntheticConfig(height=96, width=80, pathology=(1, 1, 1))
SEED = 11


def prepare(pair, folder, *options):
    arguments = ("prepare", "match", pair.ddsm, pair.cbis, "--jobs", 1, "-o", folder, *options)
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> Pair:
    """Do not mutate: 24 exams."""
    return write_pair(tmp_path_factory.mktemp("pair"), range(24), SEED, SMALL)


@pytest.fixture(scope="module")
def cohort(pair, tmp_path_factory):
    """Do not mutate: the folder that the command makes of them, and what the command said."""
    folder = tmp_path_factory.mktemp("made") / "cohort"
    return folder, prepare(pair, folder)


@pytest.fixture
def small(tmp_path) -> Pair:
    """To spoil: two normal exams and one for each of the four case tables, all in both databases."""
    return write_pair(tmp_path / "pair", (4, 5, 10, 17, 20, 24), SEED, SMALL)


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows(folder, name):
    return list(csv.DictReader((folder / name).read_text().splitlines()))


def test_the_pair_has_all_that_makes_matching_hard(pair):
    kinds = Counter(len(names) for names in pair.names.values())
    assert kinds[0] >= 1 and kinds[2] >= 1 and kinds[1] >= 15, "exams that are missing and twice in the DDSM"
    lesions = {number for number, exam in pair.exams.items() if exam.lesions}
    assert lesions - set(pair.patients) and set(pair.exams) - lesions, "exams that CBIS lacks, and normal ones"
    assert [len(parts) for parts in pair.patients.values()].count(2) == 1, "a patient in both official splits"


def test_the_right_exams_are_kept_with_their_lesions(cohort, pair):
    folder, done = cohort
    assert done.exit_code == 3, done.output
    cases = pd.read_parquet(folder / "cases.parquet").set_index("case")
    assert set(cases.index) == set(pair.wanted)
    lesions = pd.read_parquet(folder / "lesions.parquet")
    for name, number in pair.wanted.items():
        exam = pair.exams[number]
        assert cases.loc[name, "density"] == exam.density
        assert cases.loc[name, "lesion"] == bool(exam.lesions)
        found = lesions[lesions["case"] == name].sort_values(["view", "label", "xmin"])
        true = sorted(exam.lesions, key=lambda one: (one.view, one.label, one.box))
        assert list(found["label"]) == [one.label for one in true]
        for box, one in zip(found[["xmin", "ymin", "xmax", "ymax"]].to_numpy(), true, strict=True):
            np.testing.assert_allclose(box, one.box, atol=4)


def test_films_find_their_exam_and_none_a_false_one(cohort, pair):
    exams = {name: number for number, names in pair.names.items() for name in names}
    numbers = {parts[0].name: number for number, parts in pair.patients.items()}
    found = rows(cohort[0], "survey/films.csv")
    there = [row for row in found if pair.names[numbers[row["patient"]]]]
    right = [row for row in there if row["exam"] and exams[row["exam"]] == numbers[row["patient"]]]
    assert len(right) / len(there) >= 0.995 and len(there) >= 15
    for row in found:
        assert not row["exam"] or (row["exam_view"], exams[row["exam"]]) == (row["view"], numbers[row["patient"]])
        assert bool(row["exam"]) == bool(pair.names[numbers[row["patient"]]])
        assert (row["kept"] == "yes") == (row["exam"] in pair.wanted)
        assert bool(row["exam"]) != bool(row["reason"])


def test_the_official_split_reaches_the_cohort_and_no_patient_is_in_two(cohort, pair):
    splits = pd.read_parquet(cohort[0] / "cases.parquet").set_index("case")["split"]
    assert set(splits) == {"train", "validation", "test"}
    for name, number in pair.wanted.items():
        official = {part.split for part in pair.patients.get(number, ())}
        if "test" in official:
            assert splits[name] == "test"
        elif official:
            assert splits[name] in ("train", "validation")
    read = CohortFolderReader(CohortFolder(cohort[0])).read(Progress())
    assert read.split.tolist() == splits.tolist()


def test_every_exam_is_in_the_cohort_or_listed_with_a_reason(cohort, pair):
    skipped = {row["exam"]: row["kind"] for row in rows(cohort[0], "skipped.csv") if row["exam"]}
    every = {name: number for number, names in pair.names.items() for name in names}
    assert set(skipped) == set(every) - set(pair.wanted)
    for name, kind in skipped.items():
        assert kind == ("duplicate" if every[name] in pair.patients else "not in CBIS-DDSM")
    lost = {row["what"].split()[0] for row in rows(cohort[0], "skipped.csv") if row["kind"] == "film without exam"}
    assert lost == {parts[0].name for number, parts in pair.patients.items() if not pair.names[number]}


def test_the_report_has_each_step_the_split_and_table_two(cohort, pair):
    text = (cohort[0] / "report.md").read_text()
    every = sum(map(len, pair.names.values()))
    assert f"| exams found in the DDSM | {every} | 2,620 |" in text
    assert f"| exams kept | {len(pair.wanted)} | 2,254 |" in text
    [torn] = [number for number, parts in pair.patients.items() if len(parts) == 2]
    [name] = pair.names[torn]
    assert (
        f"Such patients here: 1, of whom 1 have an exam that is kept:\n\n- {pair.patients[torn][0].name}: {name}\n"
        in text
    )
    assert "If of the patients in both official splits only the lesions of the test tables counted" in text
    assert f" {len(pair.wanted)} (2254) |" in text
    for name in {name for names in pair.names.values() for name in names} - set(pair.wanted):
        number = next(number for number, names in pair.names.items() if name in names)
        assert f"- {name}: " in text or f" 1 {category(pair.exams[number], number)}" in text


def test_the_reports_twin_for_programs_adds_up(cohort, pair):
    numbers = json.loads((cohort[0] / "survey/matching.json").read_text())
    steps = {step["name"]: step["count"] for step in numbers["steps"]}
    gone = [
        "exams that cannot be read, or whose category is unknown",
        "abnormal exams that CBIS-DDSM lacks",
        "incomplete or contradictory exams",
        "duplicate exams",
        "exams whose lesions are not all placed",
    ]
    assert steps["exams found in the DDSM"] - sum(steps[name] for name in gone) == steps["exams kept"]
    assert steps["exams kept"] == len(pair.wanted)
    every = next(row for row in numbers["table_two"] if row["what"] == "exams")
    assert every["total"] == len(pair.wanted) and every["paper total"] == 2254


def test_console_check_and_look_know_the_folder(cohort, tmp_path):
    folder, done = cohort
    assert "exams found in the DDSM" in done.output and "report " in done.output
    shutil.copytree(folder, tmp_path / "copy")
    checked = CliRunner().invoke(command, ["check", str(tmp_path / "copy"), "--jobs", "1"])
    assert checked.exit_code == 0, checked.output
    looked = CliRunner().invoke(command, ["look", str(tmp_path / "copy"), "--count", "2", "--height", "64"])
    assert looked.exit_code == 0, looked.output


def test_nothing_skipped_is_exit_code_0_and_a_broken_film_3_or_strictly_1(small, tmp_path):
    folder = tmp_path / "cohort"
    done = prepare(small, folder, "--strict")
    assert done.exit_code == 0, done.output
    assert rows(folder, "skipped.csv") == []
    film = next(small.ddsm.glob("normals/*/*/*.RIGHT_CC.LJPEG"))
    film.write_bytes(film.read_bytes()[:300])
    done = prepare(small, folder, "--strict")
    assert isinstance(done.exception, DataError) and "--strict stops here" in str(done.exception)
    assert str(film) in str(done.exception)
    done = prepare(small, folder, "--prune")
    assert done.exit_code == 3
    [broken, exam] = rows(folder, "skipped.csv")
    assert broken["what"] == str(film) and broken["exam"] == exam["exam"] == exam["what"]
    assert exam["kind"] == "incomplete" and exam["reason"] == "lacks R-CC; expected all four views"


def test_what_is_skipped_of_an_exam_that_stays_is_listed_once(small, tmp_path):
    stranger = next(small.ddsm.glob("normals/*/*")) / "B_9999_1.LEFT_CC.LJPEG"
    stranger.write_bytes(b"")
    prepare(small, tmp_path / "cohort")
    [row] = rows(tmp_path / "cohort", "skipped.csv")
    assert row["what"] == str(stranger) and row["exam"]
    assert len(pd.read_parquet(tmp_path / "cohort/cases.parquet")) == 6


def test_exams_that_only_the_rules_leave_out_do_not_stop_a_strict_call(pair, cohort, tmp_path):
    shutil.copytree(cohort[0], tmp_path / "cohort")
    assert prepare(pair, tmp_path / "cohort", "--strict").exit_code == 3


def test_the_outlines_of_the_ddsm_are_not_read(small):
    for overlay in small.ddsm.rglob("*.OVERLAY"):
        overlay.write_text("nonsense")
    plain, own = DdsmSource(small.ddsm, outlines=False), DdsmSource(small.ddsm)
    [plan, *_] = [plan for plan in plain.plans() if "cancer" in plan.id or "benign" in plan.id]
    record, skipped = plain.read(plan)
    assert skipped == [] and record.lesions == () and not record.annotated
    assert own.read(plan)[1]


def test_a_wrong_folder_is_noticed_before_a_film_is_looked_at(small, tmp_path, monkeypatch):
    monkeypatch.setattr(looking, "look_at", None)
    for table in small.cbis.glob("*.csv"):
        table.unlink()
    done = prepare(small, tmp_path / "cohort")
    assert isinstance(done.exception, DataError) and "no table of the CBIS-DDSM" in str(done.exception)


@pytest.fixture
def counted(monkeypatch):
    """Exams that are looked at; ``stop_after`` so many the user presses Ctrl-C."""
    true = looking.look_at

    class Counted(list):
        stop_after = None

        def __call__(self, source, plan):
            if len(self) == self.stop_after:
                raise KeyboardInterrupt
            self.append(plan.id)
            return true(source, plan)

    count = Counted()
    monkeypatch.setattr(looking, "look_at", count)
    return count


def test_films_that_were_looked_at_are_not_read_again(small, tmp_path, counted):
    prepare(small, tmp_path / "whole")
    every = list(counted)
    counted.clear()
    counted.stop_after = 5
    prepare(small, tmp_path / "cut")
    assert counted == every[:5] and not (tmp_path / "cut/report.md").exists()
    counted.stop_after = None
    assert prepare(small, tmp_path / "cut").exit_code == 0
    assert counted == every
    assert tree(tmp_path / "cut") == tree(tmp_path / "whole")
    prepare(small, tmp_path / "cut")
    assert counted == every


def test_an_exam_is_looked_at_again_when_its_files_or_what_was_seen_change(small, tmp_path, counted):
    folder = tmp_path / "cohort"
    prepare(small, folder)
    before = tree(folder)
    film = next(small.ddsm.rglob("*.LEFT_CC.LJPEG"))
    os.utime(film, ns=(1, 1))
    counted.clear()
    prepare(small, folder)
    assert len(counted) == 1 and film.name.split(".")[0] in counted[0]
    seen = sorted((folder / "survey/looked").rglob("*.npz"))
    for path, content in zip(seen, (b"", seen[1].read_bytes()[:500], b"PK\x03\x04" + bytes(99)), strict=False):
        path.write_bytes(content)
    (seen[0].parent / "of_nobody.npz").write_bytes(b"")
    counted.clear()
    prepare(small, folder)
    assert sorted(counted) == [path.stem for path in seen[:3]]
    assert set(tree(folder)) == set(before)


def test_what_was_skipped_is_looked_at_again_on_request(small, tmp_path, counted):
    film = next(small.ddsm.glob("normals/*/*/*.RIGHT_CC.LJPEG"))
    film.write_bytes(b"")
    prepare(small, tmp_path / "cohort")
    counted.clear()
    prepare(small, tmp_path / "cohort", "--retry-skipped")
    assert len(counted) == 1 and film.name.split(".")[0] in counted[0]


def test_a_reader_that_fails_at_one_exam_does_not_stop_the_others(small, monkeypatch):
    class Failing(DdsmSource):
        def read(self, plan):
            raise ValueError("what a pity")

    seen = looking.look_at(Failing(small.ddsm), next(Failing(small.ddsm).plans()))
    assert seen.record is None
    assert [one.reason for one in seen.skipped] == ["the reader failed: ValueError: what a pity"]


def test_what_was_seen_is_the_same_from_memory_and_from_the_file(pair):
    source = DdsmSource(pair.ddsm)
    for plan in list(source.plans())[:4]:
        seen = looking.look_at(source, plan)
        packed = pack("key", seen)
        key, again = unpacked(packed)
        assert key == "key" and pack("key", again) == packed
        assert again.record.lesions == seen.record.lesions and again.record.details == seen.record.details
        for view, one in again.prints.items():
            np.testing.assert_array_equal(one.vector, seen.prints[view].vector)
            assert one.placement == seen.prints[view].placement
    skipped = (Skipped("a", "b", "c"),)
    assert unpacked(pack("k", looking.Seen(None, {}, skipped)))[1].skipped == skipped


def test_without_a_desk_nothing_is_kept_and_the_plans_are_the_same(small, tmp_path):
    source = MatchedSource(small.ddsm, small.cbis)
    desk = Desk(tmp_path / "looked", jobs=1)
    assert [plan.id for plan in source.plans()] == [plan.id for plan in source.survey(desk).plans]
    assert len(list((tmp_path / "looked").rglob("*.npz"))) == 6 + len(small.patients)


def program(pair, folder):
    """The program, in a process group of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-m", "taskfusion", "mammo", "prepare", "match", pair.ddsm, pair.cbis]
    return subprocess.Popen(
        [str(part) for part in (*command, "--jobs", 2, "--output", folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )


def stopped(pair, folder, pattern, count, number=signal.SIGKILL):
    """What it said, stopped when there are so many files."""
    process = program(pair, folder)
    while len(list(folder.glob(pattern))) < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    if number == signal.SIGKILL:
        kill(process)
    else:
        os.killpg(process.pid, number)
    return process.communicate()[1], process.returncode


@pytest.mark.slow
def test_killed_while_looking_and_while_writing_and_gone_on_with_it_is_the_same_byte_for_byte(pair, cohort, tmp_path):
    cut = tmp_path / "cut"
    _, code = stopped(pair, cut, "survey/looked/ddsm/*.npz", 8)
    assert code == -signal.SIGKILL and not (cut / "images").exists()
    first = {path: path.stat().st_mtime_ns for path in cut.glob("survey/looked/ddsm/*.npz")}
    errors, code = stopped(pair, cut, "survey/looked/cbis/*.npz", 3, signal.SIGINT)
    assert code == 130 and "the same command goes on where it was" in errors and "Traceback" not in errors
    _, code = stopped(pair, cut, "images/*/exam.json", 6)
    assert code == -signal.SIGKILL
    assert all(path.stat().st_mtime_ns == when for path, when in first.items())
    process = program(pair, cut)
    output, _ = process.communicate()
    assert process.returncode == 3 and "exams were there already" in output
    assert tree(cut) == tree(cohort[0])
