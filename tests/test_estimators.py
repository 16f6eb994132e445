"""Classifiers by name: found, made, asked, saved as data."""

import io
import json
import re
import subprocess
import sys
import warnings
import zipfile

import numpy as np
import pytest

from taskfusion.errors import ContractError, ModelFolderError, NotFittedError, SpecError, UnknownNameError
from taskfusion.estimators import (
    _classifiers,
    find_classifier,
    load_estimator,
    make_classifier,
    positive_scores,
    save_estimator,
    set_seed,
)


@pytest.fixture(scope="module")
def data():
    """Forty cases of four columns; do not mutate."""
    X = np.random.default_rng(0).random((40, 4))
    return X, (X[:, 0] + 0.2 * X[:, 1] > 0.6).astype(int)


@pytest.fixture(scope="module")
def fitted(data):
    """A fitted logistic regression; do not mutate."""
    return make_classifier("LogisticRegression", {"C": 2.0}).fit(*data)


def test_import_is_light():
    code = "import sys, taskfusion.estimators, taskfusion.tables, taskfusion.tasks.table, taskfusion.tasks.sklearn; "
    code += "import taskfusion.cohorts.table, taskfusion.cohorts.sklearn_data; "
    code += "sys.exit(' '.join({'sklearn', 'pandas', 'scipy', 'skops', 'pyarrow'} & set(sys.modules)) or None)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_find_by_class_name():
    from sklearn.svm import SVC

    assert find_classifier("SVC") is SVC


def test_unknown_classifier_names_the_nearest():
    with pytest.raises(UnknownNameError, match=r"unknown scikit-learn classifier 'LogisticRegresion' \(did you mean "):
        find_classifier("LogisticRegresion")


def test_import_path_is_no_name():
    with pytest.raises(UnknownNameError, match=r"unknown scikit-learn classifier 'os\.system'"):
        make_classifier("os.system", {})


def test_regressor_is_no_classifier():
    with pytest.raises(UnknownNameError, match="unknown scikit-learn classifier 'Ridge'"):
        find_classifier("Ridge")


def test_unknown_parameter_names_the_nearest():
    expected = "classifier 'RandomForestClassifier': unknown parameter 'n_estimator' (did you mean 'n_estimators'?)"
    with pytest.raises(SpecError, match=re.escape(expected)):
        make_classifier("RandomForestClassifier", {"n_estimator": 3})


def test_wrapper_of_classifiers_is_refused():
    with pytest.raises(SpecError, match="classifier 'VotingClassifier' wraps other estimators: parameter 'estim"):
        make_classifier("VotingClassifier", {})


def test_seed_fills_only_what_is_open():
    assert set_seed(make_classifier("SVC", {}), 3).random_state == 3
    assert set_seed(make_classifier("SVC", {"random_state": 5}), 3).random_state == 5
    assert set_seed(make_classifier("GaussianNB", {}), 3).get_params()["var_smoothing"] == 1e-9


def test_seed_reaches_into_a_pipeline():
    from sklearn.pipeline import make_pipeline

    assert set_seed(make_pipeline(make_classifier("SVC", {})), 3)[-1].random_state == 3


def test_scores_are_the_probability_of_one(fitted, data):
    scores = positive_scores(fitted, data[0])
    assert scores.dtype == np.float64
    np.testing.assert_array_equal(scores, fitted.predict_proba(data[0])[:, 1])


def test_scores_without_probabilities_are_a_logistic(data):
    model = make_classifier("LinearSVC", {}).fit(*data)
    np.testing.assert_allclose(positive_scores(model, data[0]), 1 / (1 + np.exp(-model.decision_function(data[0]))))


@pytest.mark.parametrize("only", [0, 1])
def test_a_classifier_that_saw_one_class_is_sure(data, only):
    model = make_classifier("DecisionTreeClassifier", {}).fit(data[0], np.full(len(data[0]), only))
    assert (positive_scores(model, data[0]) == only).all()


def test_scores_of_unfitted():
    with pytest.raises(NotFittedError, match="SVC is not fitted"):
        positive_scores(make_classifier("SVC", {}), np.zeros((1, 2)))


def test_scores_of_other_labels(data):
    model = make_classifier("GaussianNB", {}).fit(data[0], data[1] + 1)
    with pytest.raises(ContractError, match=r"GaussianNB was fitted on labels \[1, 2\]; expected 0, 1"):
        positive_scores(model, data[0])


def test_saved_and_loaded(fitted, data, tmp_path):
    save_estimator(fitted, tmp_path / "m.skops")
    loaded = load_estimator(tmp_path / "m.skops")
    np.testing.assert_array_equal(positive_scores(loaded, data[0]), positive_scores(fitted, data[0]))
    assert [file.name for file in tmp_path.iterdir()] == ["m.skops"]


@pytest.mark.slow
def test_every_classifier_survives_saving(data, tmp_path):
    survived = 0
    for name in _classifiers():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some do not converge in so few cases, some are deprecated
            try:
                model = set_seed(make_classifier(name, {}), 0).fit(*data)
            except (SpecError, ValueError):
                continue
            save_estimator(model, tmp_path / "m.skops")
            loaded = load_estimator(tmp_path / "m.skops")
            scores = positive_scores(model, data[0])  # close, not equal: sums follow the memory order of arrays
            np.testing.assert_allclose(positive_scores(loaded, data[0]), scores, rtol=1e-9, err_msg=name)
        survived += 1
    assert survived > 30


@pytest.mark.parametrize(
    "name, params",
    [
        ("KNeighborsClassifier", {"algorithm": "ball_tree", "p": 1}),
        ("KNeighborsClassifier", {"p": 3}),
        ("MLPClassifier", {"solver": "sgd", "hidden_layer_sizes": [3], "tol": 10.0, "n_iter_no_change": 1}),
    ],
)
def test_variants_survive_saving(name, params, data, tmp_path):
    model = set_seed(make_classifier(name, params), 0).fit(*data)
    save_estimator(model, tmp_path / "m.skops")
    assert (load_estimator(tmp_path / "m.skops").predict(data[0]) == model.predict(data[0])).all()


def test_any_flipped_byte_is_refused_or_harmless(fitted, data, tmp_path):
    path = tmp_path / "m.skops"
    save_estimator(fitted, path)
    whole, expected = path.read_bytes(), positive_scores(fitted, data[0])
    refused = 0
    for k in range(0, len(whole), 61):
        path.write_bytes(whole[:k] + bytes([whole[k] ^ 0x55]) + whole[k + 1 :])
        try:
            np.testing.assert_array_equal(positive_scores(load_estimator(path), data[0]), expected)
        except ModelFolderError:
            refused += 1
    assert refused > len(whole) / 61 / 2


@pytest.mark.parametrize("keep", [0, 10, 2000, -30])
def test_truncated_file(keep, fitted, tmp_path):
    path = tmp_path / "m.skops"
    save_estimator(fitted, path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelFolderError, match=r"saved estimator is damaged: .*m\.skops: BadZipFile"):
        load_estimator(path)


def test_missing_file(tmp_path):
    with pytest.raises(ModelFolderError, match="saved estimator not found: "):
        load_estimator(tmp_path / "m.skops")


def rewritten(path, change):
    """The archive with another schema, checksums right."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["schema.json"] = change(json.loads(members["schema.json"]))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    path.write_bytes(buffer.getvalue())


def test_foreign_type_in_a_file(fitted, tmp_path):
    path = tmp_path / "m.skops"
    save_estimator(fitted, path)
    rewritten(path, lambda schema: json.dumps({**schema, "__class__": "Popen", "__module__": "subprocess"}))
    with pytest.raises(ModelFolderError, match=r"types that are not allowed: subprocess\.Popen"):
        load_estimator(path)


def test_schema_that_makes_no_sense(fitted, tmp_path):
    path = tmp_path / "m.skops"
    save_estimator(fitted, path)
    rewritten(path, lambda schema: "[]")
    with pytest.raises(ModelFolderError, match="saved estimator is damaged"):
        load_estimator(path)


def test_wrong_checksum(fitted, tmp_path):
    path = tmp_path / "m.skops"
    save_estimator(fitted, path)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"LogisticRegression", b"LogisticRegressioN"))
    with pytest.raises(ModelFolderError, match=r"checksum of schema\.json differs"):
        load_estimator(path)


class Homemade:
    """A class no model folder may hold."""


class Stubborn:
    """A class that cannot be written at all."""

    def __getstate__(self):
        raise RuntimeError("no")


def test_foreign_type_is_not_saved(tmp_path):
    with pytest.raises(ModelFolderError, match=r"would hold types that are not allowed: .*Homemade"):
        save_estimator(Homemade(), tmp_path / "m.skops")
    with pytest.raises(ModelFolderError, match="cannot save Stubborn without pickle: no"):
        save_estimator(Stubborn(), tmp_path / "m.skops")
    assert list(tmp_path.iterdir()) == []
