"""Sources that look before they list: what they get, and where what they tell ends up."""

import attrs
import pytest

from mammo_data.folder.layout import read_manifest
from mammo_data.records import ExamPlan, Skipped
from mammo_data.survey import Desk, Survey, SurveyingSource
from taskfusion.errors import DataError


@pytest.fixture
def surveyor(made):
    """A source that surveys: keeps a file, tells all it has."""

    @attrs.define
    class Surveyor(made.Fake):
        unusable: tuple[Skipped, ...] = ()
        left_out: tuple[tuple[str, Skipped], ...] = ()
        desks: list[Desk] = attrs.field(factory=list)

        def survey(self, desk):
            self.desks.append(desk)
            desk.cache.mkdir(parents=True, exist_ok=True)
            (desk.cache / "a.npz").write_bytes(b"seen")
            desk.refuse(self.unusable)
            plans = tuple(ExamPlan(exam, (), number) for number, exam in enumerate(self.exams))
            listed = (*(("", one) for one in self.unusable), *self.left_out)
            return Survey(plans, listed, "## Of its own\n\nMuch.\n", ("    7  things",), {"own.csv": "a,b\n"})

    return Surveyor


def test_only_sources_with_a_survey_are_asked_for_one(made, surveyor):
    assert isinstance(surveyor({}), SurveyingSource) and not isinstance(made.Fake({}), SurveyingSource)


def test_its_report_files_and_lines_reach_the_folder_and_the_console(make, surveyor, folder):
    left = (("b", Skipped("b", "the rules leave it out", "excluded")),)
    outcome = make(surveyor({"a": {}}, left_out=left))
    report = (folder / "report.md").read_text()
    assert report.index("How many") < report.index("## Of its own\n\nMuch.\n") < report.index("## Exams")
    assert (folder / "survey/own.csv").read_text() == "a,b\n"
    assert outcome.lines == ("    7  things",)
    assert "b,b,excluded,the rules leave it out" in (folder / "skipped.csv").read_text()
    assert outcome.summary.skipped == {"excluded": 1}


def test_it_gets_a_place_in_the_folder_and_the_options(make, surveyor, folder):
    source = surveyor({"a": {}})
    make(source, again=True)
    [desk] = source.desks
    assert (desk.cache, desk.jobs, desk.again) == (folder / "survey/looked", 1, True)


def test_strict_stops_a_survey_at_what_cannot_be_used_and_not_at_what_is_left_out(make, surveyor, folder):
    left = (("b", Skipped("b", "the rules leave it out", "excluded")),)
    assert make(surveyor({"a": {}}, left_out=left), strict=True).summary.skipped == {"excluded": 1}
    with pytest.raises(DataError, match=r"x\.png: it is empty \(--strict stops here\)"):
        make(surveyor({"a": {}}, unusable=(Skipped("x.png", "it is empty"),)), strict=True)


def test_a_survey_that_is_stopped_leaves_a_folder_that_is_gone_on_with(make, surveyor, folder, monkeypatch):
    def stop(self, desk):
        desk.cache.mkdir(parents=True)
        raise KeyboardInterrupt

    kind = surveyor
    with monkeypatch.context() as changed:
        changed.setattr(kind, "survey", stop)
        with pytest.raises(KeyboardInterrupt):
            make(kind({"a": {}}))
    assert not read_manifest(folder)["complete"]
    make(kind({"a": {}}))
    assert read_manifest(folder)["complete"]


def test_a_folder_that_is_ready_stays_so_while_the_next_survey_goes_on(make, surveyor, folder):
    make(surveyor({"a": {}}))
    before = (folder / "cohort.json").read_bytes()
    with pytest.raises(DataError, match="it is empty"):
        make(surveyor({"a": {}}, unusable=(Skipped("x", "it is empty"),)), strict=True)
    assert (folder / "cohort.json").read_bytes() == before


def test_only_the_first_exams_and_none_at_all(make, surveyor, folder):
    source = surveyor({"a": {}, "b": {}})
    make(source, limit=1)
    assert source.reads == ["a"]
    with pytest.raises(DataError, match=r"no exam found in fake; 1 things were skipped, the first: x: it is odd"):
        make(surveyor({}, left_out=(("", Skipped("x", "it is odd")),)))
