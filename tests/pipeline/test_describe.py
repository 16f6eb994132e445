"""compose → YAML → compose gives the same composition, or says why it cannot."""

from __future__ import annotations

import functools
from pathlib import Path

import attrs
import pytest
import toys
from hypothesis import given
from hypothesis import strategies as st

import taskfusion
from taskfusion.assembly import MISSING_POLICIES
from taskfusion.errors import SpecError
from taskfusion.files import is_folder_name
from taskfusion.fusers.feat import FeatFuser
from taskfusion.fusers.feat_config import FeatConfig
from taskfusion.fusers.pooled import MaxFuser
from taskfusion.fusers.score import ForestConfig, ForestFuser, SklearnFuser, SklearnFuserConfig, SvmConfig, SvmFuser
from taskfusion.padding import BackgroundPadding, Padding, ZeroPadding
from taskfusion.pipeline.describe import read_parts
from taskfusion.pipeline.fusing import FuserPlan
from taskfusion.pipeline.pipeline import FusionPipeline
from taskfusion.plugins import build_registry
from taskfusion.tasks.base import FitContext
from taskfusion.tasks.sklearn import SklearnConfig, SklearnTask
from taskfusion.tasks.table import TableTask
from taskfusion.tasks.table_answers import TableConfig


@functools.cache
def _registry():
    return build_registry([toys], entry_points=False)


NAMES = st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1, max_size=8).filter(is_folder_name)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["yes", "1e-4", "~", "2026-01-31"]
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
PARAMS = st.dictionaries(st.sampled_from(["C", "tol", "max_iter"]), FLOATS | st.integers(), max_size=2)
PATHS = st.sampled_from([Path("/data/a.csv"), Path("/data/b c.csv")])
TASKS = st.one_of(
    st.builds(toys.CaseToy, st.builds(toys.ToyConfig, noise=FLOATS, size=st.integers())),
    st.builds(toys.DetectionToy, st.builds(toys.ToyConfig)),
    st.builds(
        TableTask,
        st.builds(
            TableConfig,
            path=PATHS,
            scores=st.dictionaries(NAMES, TEXTS, min_size=1, max_size=2),
            features=st.lists(TEXTS, max_size=2).map(tuple),
        ),
    ),
    st.builds(SklearnTask, st.builds(SklearnConfig, params=PARAMS, label=st.none() | TEXTS, impute=st.booleans())),
)


def some(items):
    """A list of one to three."""
    return st.lists(items, min_size=1, max_size=3)


FUSERS = st.one_of(
    st.builds(MaxFuser),
    st.builds(
        SvmFuser, st.builds(SvmConfig, C=st.lists(FLOATS, min_size=1, max_size=3).map(tuple), gamma=TEXTS | FLOATS)
    ),
    st.builds(ForestFuser, st.builds(ForestConfig, max_depth=st.none() | st.integers())),
    st.builds(
        FeatFuser,
        st.builds(
            FeatConfig, filters=st.lists(st.integers(1), min_size=1, max_size=3).map(tuple), dropout=st.floats(0, 0.9)
        ),
    ),
    st.builds(
        SklearnFuser,
        st.builds(
            SklearnFuserConfig,
            params=PARAMS,
            grid=st.fixed_dictionaries({"C": some(FLOATS)}),
        ),
    ),
)


@st.composite
def pipelines(draw):
    """Any tasks, fusers, paddings, plans and targets that the registry knows."""
    tasks = draw(st.dictionaries(NAMES, TASKS, min_size=1, max_size=3))
    plans = [
        FuserPlan(
            name,
            fuser,
            draw(st.sampled_from([ZeroPadding(), BackgroundPadding()])),
            tuple(draw(st.lists(st.sampled_from(list(tasks)), max_size=2))),
            tuple(draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))),
            draw(st.dictionaries(st.sampled_from(list(tasks)), st.sampled_from(MISSING_POLICIES), max_size=2)),
            fuser.learns_together and draw(st.booleans()),
        )
        for name, fuser in draw(st.dictionaries(NAMES, FUSERS, min_size=1, max_size=3)).items()
    ]
    return FusionPipeline(tasks, plans, draw(st.lists(TEXTS, max_size=2)))


def told(tasks, plans, targets):
    """All that makes a composition, comparable."""
    own = [(name, type(task), task.config) for name, task in tasks.items()]
    return (
        own,
        [
            (p.name, type(p.fuser), p.fuser.config, type(p.padding), p.tasks, p.detections, p.missing, p.joint)
            for p in plans
        ],
        targets,
    )


@given(pipelines())
def test_a_composition_comes_back_the_same(tmp_path_factory, pipeline):
    path = tmp_path_factory.mktemp("yaml") / "p.yaml"
    text = pipeline.to_yaml(path, _registry())
    parts = read_parts(path, _registry())
    assert told(parts.tasks, parts.plans, parts.targets) == told(pipeline.tasks, pipeline.plans, pipeline.targets)
    again = FusionPipeline(parts.tasks, parts.plans, parts.targets)
    assert again.to_yaml(registry=_registry()) == text == path.read_text(encoding="utf-8")


def test_the_face_writes_and_composes(tmp_path):
    tasks = {"t": taskfusion.task("table", path=str(tmp_path / "t.csv"), scores={"ill": "s"}), "s": "sklearn"}
    pipeline = taskfusion.compose(tasks, taskfusion.fuser("svm", C=[1.0, 2.0]), detections=[1, 2], targets=["ill"])
    pipeline.to_yaml(tmp_path / "p.yaml")
    for again in (taskfusion.compose(tmp_path / "p.yaml"), taskfusion.compose(str(tmp_path / "p.yaml"))):
        assert told(again.tasks, again.plans, again.targets) == told(pipeline.tasks, pipeline.plans, pipeline.targets)


def test_a_whole_spec_composes_too():
    spec = Path(__file__).parents[2] / "examples" / "wisconsin.yaml"
    pipeline = taskfusion.compose(spec)
    assert list(pipeline.tasks) == ["mean", "error", "worst"] and pipeline.targets == ("malignancy",)
    assert [plan.name for plan in pipeline.plans][:2] == ["P_score", "P_svm"]


def test_a_relative_path_is_written_from_the_root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pipeline = taskfusion.compose({"t": taskfusion.task("table", path="t.csv", scores={"ill": "s"})})
    text = pipeline.to_yaml(tmp_path / "p.yaml")
    assert str(tmp_path / "t.csv") in text and pipeline.tasks["t"].config.path == Path("t.csv")


def test_a_classifier_object_is_written_by_name_and_parameters(tmp_path):
    from sklearn.linear_model import LogisticRegression

    pipeline = taskfusion.compose(["sklearn"], LogisticRegression(C=0.5, class_weight="balanced"))
    text = pipeline.to_yaml(tmp_path / "p.yaml")
    again = taskfusion.compose(tmp_path / "p.yaml")
    config = again.plans[0].fuser.config
    assert config.estimator == "LogisticRegression" and config.params == {"C": 0.5, "class_weight": "balanced"}
    built, given = (p.plans[0].fuser._unfitted().get_params() for p in (again, pipeline))
    assert built == given and again.to_yaml() == text


def test_nested_classifier_objects_and_tuples_come_back(tmp_path):
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    given = make_pipeline(StandardScaler(), MLPClassifier(hidden_layer_sizes=(4, 2)))
    taskfusion.compose(["sklearn"], given).to_yaml(tmp_path / "p.yaml")
    built = taskfusion.compose(tmp_path / "p.yaml").plans[0].fuser._unfitted()
    assert built[-1].hidden_layer_sizes == (4, 2) and type(built[0]) is StandardScaler


def test_classifier_objects_that_yaml_cannot_say():
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import SVC

    class LogisticRegression(SVC):
        pass

    for estimator, message in (
        (SVC(kernel=max), r"fuser 'sklearn': SVC cannot be written as YAML: kernel \(builtin_function_or_method\)"),
        (make_pipeline(SVC(kernel=max)), r"Pipeline cannot be written as YAML: steps .*kernel"),
        (LogisticRegression(), r"LogisticRegression cannot be written as YAML: its class .*LogisticRegression"),
    ):
        with pytest.raises(SpecError, match=message):
            taskfusion.compose(["sklearn"], estimator).to_yaml()


class _Strange(toys.CaseToy):
    """Registered by nobody."""


class _StrangePadding(Padding):
    def fill(self, slots):
        return slots


@attrs.frozen
class _Lossy:
    noise: float = 1.0
    size: object = 1


def _plan(**changes):
    return attrs.evolve(FuserPlan("max", MaxFuser(), ZeroPadding()), **changes)


def test_what_yaml_cannot_say_is_refused_with_the_reason():
    toy = toys.CaseToy()
    for tasks, plans, message in (
        ({"a": _Strange()}, [_plan()], r"_Strange is not a registered task, so YAML cannot name it; register it in a"),
        ({"a": toy}, [_plan(padding=_StrangePadding())], r"_StrangePadding is not a registered padding"),
        ({"a": toy}, [_plan(), _plan()], r"two fusers are named 'max', so YAML cannot tell them apart"),
        ({"a": toy}, [_plan(tasks=("b",))], r"cannot be written as YAML: YAML:.*unknown task 'b'"),
        ({"a": toys.CaseToy(_Lossy(size="x"))}, [_plan()], r"cannot be written as YAML: YAML:.*a.size: expected int"),
        (
            {"a": toys.CaseToy(_Lossy())},
            [_plan()],
            r"task 'a' cannot be written as YAML: .*_Lossy.* would come back",
        ),
        ({"a": toys.CaseToy(_Lossy(size=object()))}, [_plan()], r"be written as YAML: <object .*> is no plain data"),
    ):
        with pytest.raises(SpecError, match=message):
            FusionPipeline(tasks, plans).to_yaml(registry=_registry())


def test_nothing_is_written_where_it_is_refused(tmp_path):
    with pytest.raises(SpecError, match="not a registered task"):
        FusionPipeline({"a": _Strange()}, [_plan()]).to_yaml(tmp_path / "p.yaml", _registry())
    assert not list(tmp_path.iterdir())


def test_what_tasks_learned_is_said_to_be_elsewhere(tmp_path, cohort):
    toy = toys.CaseToy().fit(cohort, FitContext())
    text = FusionPipeline({"a": toy, "b": toys.ViewToy()}, [_plan()]).to_yaml(tmp_path / "p.yaml", _registry())
    assert text.startswith("# How these tasks are made, not what they learned, which FusionPipeline.save keeps: a\n")
    assert not read_parts(tmp_path / "p.yaml", _registry()).tasks["a"].is_fitted


def test_composing_from_what_is_no_file(tmp_path):
    for arguments, message in (
        (("density",), r"compose takes a list of tasks or a YAML file, found 'density'; expected \['density'\]"),
        ((tmp_path / "p.yaml",), r"spec not found: .*p.yaml"),
        ((tmp_path / "p.yaml", "svm"), r"p.yaml says fusers, detections, padding and targets itself; expected no more"),
    ):
        with pytest.raises(SpecError, match=message):
            taskfusion.compose(*arguments)
    (tmp_path / "q.yaml").write_text("tasks: {sklearn: {estimatr: SVC}}\n")
    with pytest.raises(SpecError) as caught:
        taskfusion.compose(tmp_path / "q.yaml")
    first, second = str(caught.value).splitlines()
    assert first.endswith("q.yaml:1:1: fusers: this section is missing or empty")
    assert "q.yaml:1:19: tasks.sklearn.estimatr: unknown key (did you mean 'estimator'?)" in second
