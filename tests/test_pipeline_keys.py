"""The keys of a spec that decide how fusers see the tasks: missing, joint, refuse_seen, unreadable, padding."""

from __future__ import annotations

import pytest

from taskfusion.errors import DataError, SpecError
from taskfusion.experiment import run
from taskfusion.pipeline.describe import parts_of
from taskfusion.spec import load_spec

SPEC = """\
cohort: {reader: toy, cases: 90}
tasks: {case_toy: , view_toy: , detection_toy: }
missing: {case_toy: required, view_toy: zero}
fusers:
  P: {fuser: svm, C: 1}
  Q: {fuser: attention, joint: true, padding: mask, missing: {view_toy: neutral}}
  max: {tasks: [view_toy]}
evaluation: {replicates: 20}
"""


def write(tmp_path, text):
    path = tmp_path / "s.yaml"
    path.write_text(text)
    return path


def test_policies_of_the_section_hold_for_every_fuser_that_sees_the_task_and_its_own_go_first(tmp_path, registry):
    plans = {plan.name: plan for plan in parts_of(load_spec(write(tmp_path, SPEC), registry)).plans}
    assert plans["P"].missing == {"case_toy": "required", "view_toy": "zero"} and not plans["P"].joint
    assert plans["Q"].missing == {"case_toy": "required", "view_toy": "neutral"} and plans["Q"].joint
    assert plans["max"].missing == {"view_toy": "zero"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("view_toy: zero", "view_toi: zero", r"s.yaml:3:31: missing.view_toi: unknown task 'view_toi' \(did you mean"),
        ("view_toy: zero", "view_toy: nil", r"s.yaml:3:31: missing.view_toy: .*'nil'.* known: neutral, optional, req"),
        ("{view_toy: neutral}", "{x: zero}", r"s.yaml:6:\d+: fusers.Q.missing.x: unknown task 'x'"),
        ("svm, C: 1", "svm, padding: mask", r"s.yaml:5:\d+: fusers.P: fuser 'P': SvmFuser cannot leave gaps out"),
        ("svm, C: 1", "svm, joint: true", r"s.yaml:5:\d+: fusers.P.*: fuser 'P': SvmFuser learns one target at a time"),
        ("evaluation:", "unreadable: skip\nevaluation:", r"unreadable: .*'skip'.* known: mask, raise"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(tmp_path, registry, old, new, message):
    with pytest.raises(SpecError, match=message):
        load_spec(write(tmp_path, SPEC.replace(old, new)), registry)


REFUSING = SPEC.replace("missing: {case_toy: required, view_toy: zero}", "refuse_seen: true").split("  Q:")[0]


def test_a_run_that_refuses_seen_cases_needs_cross_fitting_and_shows_no_training_cases(tmp_path, registry):
    with pytest.raises(DataError, match=r"task 'case_toy' was trained on \d+ of these .* or set cross_fit"):
        run(write(tmp_path, REFUSING), folder=tmp_path / "a", registry=registry)
    made = run(write(tmp_path, f"{REFUSING}cross_fit: 2\n"), folder=tmp_path / "b", registry=registry)
    assert set(made.results["split"]) == {"validation", "test"}
