"""Task ``sklearn``: learns from the train split alone, says what is missing, saves without pickle."""

import re

import numpy as np
import pytest

from taskfusion.cases import Case, Cohort, Target
from taskfusion.configs import structure
from taskfusion.errors import DataError, ModelFolderError, NotFittedError, SpecError, UnknownNameError
from taskfusion.outputs import check_output
from taskfusion.tasks.base import FitContext
from taskfusion.tasks.sklearn import SklearnConfig, SklearnTask


def cohort(**changes):
    """Sixty cases; ``risk`` tells the label, ``noise`` does not, ``site`` is text; forty of them for training."""
    rng = np.random.default_rng(0)
    risk, noise = rng.normal(size=60), rng.normal(size=60)
    truth = (risk > 0).astype(int)
    split = np.array(["train"] * 40 + ["test"] * 20)
    cases = [Case.of(f"c{k:02d}", risk=risk[k], noise=noise[k], site="x") for k in range(60)]
    options = {"cases": cases, "labels": {"m": truth}, "targets": {"m": Target("m")}, "split": split}
    return Cohort("c", **{**options, **changes})


def task(**options):
    return SklearnTask(structure(SklearnConfig, options, "task"))


@pytest.fixture(scope="module")
def fitted():
    """A fitted logistic regression; do not mutate."""
    return task().fit(cohort(), FitContext())


def test_learns(fitted):
    test = cohort().part("test")
    output = check_output(fitted.predict(test.cases), "t", test.ids)
    assert fitted.spec.classes == ("m",) and fitted.spec.feature_size == 2
    assert ((output.scores[:, 0] > 0.5) == test.label("m")).mean() > 0.9
    assert fitted.summary() == {
        "columns": ["risk", "noise"],
        "categories": {},
        "label": "m",
        "cases": 40,
        "positives": int(cohort().part("train").label("m").sum()),
    }


def people(**changes):
    """Sixty cases that history alone tells about; ``code`` is a number that stands for a word."""
    truth = np.array([1, 0, 0, 1] * 15)
    history = ["yes" if t else ["no", None][k % 2] for k, t in enumerate(truth)]
    cases = [Case.of(f"c{k:02d}", history=history[k], code=k % 3, age=50 + k) for k in range(60)]
    return cohort(**{"cases": cases, "labels": {"m": truth}, **changes})


def test_categories_become_columns():
    model = task(columns="age", categories=["history", "code"], scale=False).fit(people(), FitContext())
    assert model.summary()["categories"] == {"history": ["no", "yes"], "code": ["0", "1", "2"]}
    assert model.spec.feature_size == 6
    asked = [Case.of("a", age=60, history="yes", code=2.0), Case.of("b", age=61, history="maybe"), Case.of("c", code=0)]
    output = check_output(model.predict([*asked, Case.of("d", history="  ")]), "t", ["a", "b", "c", "d"])
    assert output.features[0].tolist() == [60, 0, 1, 0, 0, 1]
    assert output.features[1].tolist() == [61, 0, 0, 0, 0, 0]  # unseen and missing: none of them
    assert output.features[2, 1:].tolist() == [0, 0, 1, 0, 0]
    assert output.present.tolist() == [True, True, True, False]


@pytest.mark.parametrize("estimator", ["LogisticRegression", "LinearSVC", "RidgeClassifier", "KNeighborsClassifier"])
def test_words_alone_tell_the_label(estimator, tmp_path):
    """With and without predict_proba."""
    words = [Case.of(case.id, history=case.metadata["history"]) for case in people().cases]
    model = task(estimator=estimator, categories="history").fit(people(cases=words), FitContext())
    assert model.summary()["columns"] == []
    test = people(cases=words).part("test")
    output = check_output(model.predict(test.cases), "t", test.ids)
    assert output.present.tolist() == [case.metadata["history"] is not None for case in test.cases]
    told = output.present
    assert ((output.scores[told, 0] > 0.5) == test.label("m")[told]).all()
    model.save(tmp_path)
    np.testing.assert_array_equal(SklearnTask.load(tmp_path).predict(test.cases).scores, output.scores)


def test_categories_leave_other_columns_to_patterns():
    model = task(categories="code").fit(people(), FitContext())
    assert model.summary()["columns"] == ["age"]


def test_categories_are_those_of_the_train_split():
    data = people()
    late = [Case.of(c.id, history="late" if k >= 40 else c.metadata["history"]) for k, c in enumerate(data.cases)]
    model = task(categories="history").fit(people(cases=late), FitContext())
    assert model.summary()["categories"] == {"history": ["no", "yes"]}


@pytest.mark.parametrize(
    "options, kind, message",
    [
        (
            {"categories": "histroy"},
            DataError,
            "no column 'histroy' (did you mean 'history'?); known: age, code, history",
        ),
        (
            {"columns": "code", "categories": "code"},
            SpecError,
            "column 'code' is in columns and in categories; expected",
        ),
        ({"categories": "empty"}, DataError, "category 'empty' has no value in the train split; leave it out"),
    ],
)
def test_categories_that_cannot_be(options, kind, message):
    cases = [
        Case.of(case.id, **case.metadata, **({"empty": None} if "empty" in str(options) else {}))
        for case in people().cases
    ]
    with pytest.raises(kind, match=re.escape(message)):
        task(**options).fit(people(cases=cases), FitContext())


def test_models_of_before_there_were_categories(fitted, tmp_path):
    fitted.save(tmp_path)
    learned = tmp_path / "weights" / "learned.json"
    learned.write_text(learned.read_text().replace('"categories": {},', ""))
    config = tmp_path / "config.json"
    config.write_text(config.read_text().replace('"categories": [],', ""))
    same = SklearnTask.load(tmp_path).predict(cohort().cases).scores
    np.testing.assert_array_equal(same, fitted.predict(cohort().cases).scores)


def test_features_are_the_scaled_columns(fitted):
    train = cohort().part("train")
    features = fitted.predict(train.cases).features
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(features.std(axis=0), 1, atol=1e-6)


def test_unscaled():
    train = cohort().part("train")
    features = task(scale=False, columns="noise").fit(cohort(), FitContext()).predict(train.cases).features
    np.testing.assert_allclose(features[:, 0], [case.metadata["noise"] for case in train.cases], rtol=1e-6)


def test_only_the_train_split_counts(fitted):
    data = cohort()
    changed = np.where(np.arange(60) < 40, data.label("m"), 1 - data.label("m"))
    other = task().fit(cohort(labels={"m": changed}), FitContext())
    np.testing.assert_array_equal(other.predict(data.cases).scores, fitted.predict(data.cases).scores)


def test_unknown_labels_are_left_out():
    data = cohort()
    labels = np.where(np.arange(60) < 10, -1, data.label("m"))
    assert task().fit(cohort(labels={"m": labels}), FitContext()).summary()["cases"] == 30


def test_missing_values_get_the_median_and_missing_cases_a_mask(fitted):
    output = fitted.predict([Case.of("a", risk=None, noise=None), Case.of("b", risk=1.0), Case.of("c")])
    assert output.present.tolist() == [False, True, False]
    noise = np.array([case.metadata["noise"] for case in cohort().part("train").cases])
    assert output.features[1, 1] == pytest.approx((np.median(noise) - noise.mean()) / noise.std(), rel=1e-5)
    assert np.isnan(output.scores[[0, 2]]).all() and np.isnan(output.features[[0, 2]]).all()


def test_same_seed_same_scores():
    def scores(seed):
        forest = task(estimator="RandomForestClassifier", params={"n_estimators": 5})
        return forest.fit(cohort(), FitContext(seed=seed)).predict(cohort().cases).scores

    np.testing.assert_array_equal(scores(1), scores(1))
    assert (scores(1) != scores(2)).any()


def test_saved_and_loaded(fitted, tmp_path):
    fitted.save(tmp_path)
    loaded = SklearnTask.load(tmp_path)
    expected, found = fitted.predict(cohort().cases), loaded.predict(cohort().cases)
    np.testing.assert_array_equal(found.scores, expected.scores)
    np.testing.assert_array_equal(found.features, expected.features)
    assert loaded.spec == fitted.spec and loaded.summary() == fitted.summary()
    assert loaded.fingerprint() == fitted.fingerprint()


@pytest.mark.parametrize("content, problem", [(None, "No such file"), ("{}", "columns and label are not in it")])
def test_damaged_folder(fitted, content, problem, tmp_path):
    fitted.save(tmp_path)
    learned = tmp_path / "weights" / "learned.json"
    learned.unlink() if content is None else learned.write_text(content)
    with pytest.raises(ModelFolderError, match=rf"saved task cannot be used: .*learned\.json: .*{problem}"):
        SklearnTask.load(tmp_path)


def test_damaged_pipeline(fitted, tmp_path):
    fitted.save(tmp_path)
    (tmp_path / "weights" / "pipeline.skops").write_bytes(b"PK")
    with pytest.raises(ModelFolderError, match="saved estimator is damaged"):
        SklearnTask.load(tmp_path)


def test_not_trained(tmp_path):
    for ask in (lambda t: t.spec, lambda t: t.predict([]), lambda t: t.save_weights(tmp_path)):
        with pytest.raises(NotFittedError, match="task 'sklearn' is not trained; call fit first"):
            ask(task())


def several(value):
    """The cohort whose first case has this risk."""
    cases = cohort().cases
    return cohort(cases=(Case.of("c00", risk=value, noise=0.0), *cases[1:]))


@pytest.mark.parametrize(
    "options, data, kind, message",
    [
        ({"label": "n"}, {}, UnknownNameError, "unknown label 'n'; known: m"),
        ({"estimator": "SVM"}, {}, UnknownNameError, "unknown scikit-learn classifier 'SVM'"),
        ({"params": {"c": 1}}, {}, SpecError, "classifier 'LogisticRegression': unknown parameter 'c'"),
        (
            {"params": {"C": -1.0}},
            {},
            SpecError,
            "classifier 'LogisticRegression' cannot be trained: The 'C' parameter",
        ),
        ({"columns": ["rsk"]}, {}, DataError, "no column matches 'rsk' (did you mean 'risk'?); known: noise, risk"),
        ({"columns": ["sit*"]}, {}, DataError, "no column matches 'sit*'; known: noise, risk"),
        (
            {"columns": ["site"]},
            {},
            DataError,
            "the cases' metadata, case c00, column 'site' is 'x'; expected a number",
        ),
        ({}, {"targets": {}}, SpecError, "task 'sklearn' needs a label to learn: cohort 'c' has no targets"),
        ({}, {"labels": {"m": np.zeros(60, int)}}, DataError, "label 'm' in the train split has [0]"),
        ({}, {"labels": {"m": np.arange(60) % 3}}, DataError, "label 'm' in the train split has [0, 1, 2]"),
        ({}, {"split": np.array(["test"] * 60)}, DataError, "label 'm' in the train split has none"),
    ],
)
def test_what_cannot_be_trained(options, data, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        task(**options).fit(cohort(**data), FitContext())


def test_infinite_value():
    with pytest.raises(DataError, match="case c00, column 'risk' is inf; expected a finite number"):
        task().fit(several(np.inf), FitContext())


def test_column_without_values():
    cases = [Case.of(case.id, noise=None, risk=1.0) for case in cohort().cases]
    with pytest.raises(DataError, match="column 'noise' has no value in the train split; leave it out of columns"):
        task(columns=["noise"]).fit(cohort(cases=cases), FitContext())


def test_without_imputing():
    with pytest.raises(SpecError, match=r"classifier 'LogisticRegression' cannot be trained: Input X contains NaN"):
        task(impute=False).fit(several(None), FitContext())
    model = task(impute=False).fit(cohort(), FitContext())
    with pytest.raises(DataError, match=r"classifier 'LogisticRegression' cannot answer: Input X contains NaN"):
        model.predict([Case.of("a", risk=1.0)])
    tolerant = task(impute=False, estimator="HistGradientBoostingClassifier").fit(several(None), FitContext())
    assert tolerant.predict([Case.of("a", risk=1.0)]).present.all()
