"""From a pipeline, or a run's folder, to a page of pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np
import pytest
import toys

from taskfusion import compose
from taskfusion.cases import Case, Cohort, Target
from taskfusion.cli import main
from taskfusion.errors import DataError, UnknownNameError
from taskfusion.pipeline.pictures import choose, pictures
from taskfusion.tasks.base import FitContext
from taskfusion.tasks.diagnostics import HeatMap


class Warm(toys.ViewToy):
    """A toy that sees something everywhere, but refuses one case."""

    def heat_maps(self, case: Case) -> Mapping[str, HeatMap]:
        if case.id == "c001":
            raise DataError("image not readable")
        return {view: HeatMap(np.ones((2, 2))) for view in case.views}


def with_images(cohort: Cohort) -> Cohort:
    pixels = np.arange(600.0).reshape(30, 20)
    cases = [attrs.evolve(case, views=Case.of("x", {"L": pixels, "R": pixels}).views) for case in cohort.cases]
    return attrs.evolve(cohort, cases=cases)


@pytest.fixture(scope="module")
def cohort():
    """Toys with images; do not mutate."""
    return with_images(toys.toy_cohort(60))


@pytest.fixture(scope="module")
def pipeline(cohort):
    tasks = {"warm": Warm().fit(cohort, FitContext()), "finder": toys.DetectionToy().fit(cohort, FitContext())}
    return compose(tasks, fuser="score", detections=1, targets=["ill"]).fit(cohort)


def test_every_case_is_drawn_with_heat_maps_where_there_are_some(pipeline, cohort):
    page = pictures(pipeline, cohort.select([0, 1, 2]))
    assert page.count("<article>") == 3 and page.count("<svg ") == 6
    assert page.count('<image class="heat"') == 4  # of the case that is refused none
    assert "TOY DATA" in page and 'class="found"' in page


def numbered(truth: Sequence[int]) -> Cohort:
    cases = [Case(f"c{number}") for number in range(len(truth))]
    return Cohort("n", cases, labels={"ill": np.array(truth)}, targets={"ill": Target("ill")})


def test_positive_and_negative_cases_alternate_as_long_as_there_are_some():
    part = choose(numbered([0] * 50 + [1] * 3 + [-1]), 8)
    assert part.label("ill").tolist() == [1, 0, -1, 1, 0, 1, 0, 0]
    assert len(choose(numbered([0, 1]), 8)) == 2


def test_the_choice_follows_the_seed():
    cohort = numbered([0, 1] * 30)
    assert choose(cohort, 6).ids == choose(cohort, 6).ids != choose(cohort, 6, seed=1).ids


def test_named_cases_come_in_the_order_named():
    assert choose(numbered([0, 1, 0]), 1, ["c2", "c0"]).ids == ("c2", "c0")
    with pytest.raises(
        UnknownNameError, match=r"unknown case 'c9'; known: c0, c1, c2|unknown case 'c9' \(did you mean"
    ):
        choose(numbered([0, 1, 0]), 1, ["c9"])
    with pytest.raises(DataError, match="0 cases to draw; expected at least 1"):
        choose(numbered([0]), 0)


SPEC = """\
name: small
cohort: {reader: small}
tasks: {risk: {task: sklearn, columns: [age]}}
fusers: {P: {fuser: score}}
evaluation: {replicates: 20}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run's folder; do not mutate."""
    from taskfusion.experiment import run

    folder = tmp_path_factory.mktemp("run")
    (folder / "small.yaml").write_text(SPEC)
    return run(folder / "small.yaml", folder=folder / "small").folder


def test_the_command_draws_a_run(made, capsys):
    main(["pictures", str(made), "--cases", "2"])
    assert f"2 of 12 cases: {made / 'pictures.html'}" in capsys.readouterr().out
    assert (made / "pictures.html").read_text().count("<article>") == 2


def test_the_command_draws_a_model_with_the_cohort_of_a_spec(made, capsys, tmp_path):
    arguments = ["pictures", str(made / "model"), "-o", str(tmp_path / "p.html"), "--cases", "1"]
    main([*arguments, "--spec", str(made / "spec.yaml")])
    assert "MADE UP" in (tmp_path / "p.html").read_text()
    with pytest.raises(SystemExit):
        main(arguments)
    assert "is no run (spec.yaml is not in it); name the spec of a cohort: --spec FILE" in capsys.readouterr().err


def test_the_command_names_the_splits_there_are(made, capsys):
    with pytest.raises(SystemExit):
        main(["pictures", str(made), "--split", "tset"])
    assert "unknown split 'tset' (did you mean 'test'?)" in capsys.readouterr().err
