"""The simulated task outputs have the paper's sizes, the share of cancers, and a seed that decides everything."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from bench.peers.exams import VIEWS, Exams, joined, read, study, write
from bench.peers.padding import SLOTS, padded, table, tasks
from bench.peers.ranks import auc
from bench.peers.simulate import KINDS, SETTINGS, SIZES, cohort


@pytest.fixture(scope="module")
def clean() -> dict[str, Exams]:
    """Do not mutate."""
    return cohort("clean", 3)


def same(one: Exams, other: Exams) -> bool:
    return all(np.array_equal(getattr(one, f.name), getattr(other, f.name), equal_nan=True) for f in fields(one))


@pytest.mark.parametrize("split", SIZES)
def test_a_split_has_the_papers_size_and_its_share_of_cancers(clean, split):
    exams = clean[split]
    assert len(exams) == SIZES[split]
    assert exams.truth.sum() == KINDS[split][2]
    assert exams.findings.shape == (SIZES[split], 4)
    assert len(exams.offsets) == 4 * SIZES[split] + 1
    assert exams.offsets[-1] == len(exams.scores) == len(exams.labels) == len(exams.boxes)
    assert (np.diff(exams.offsets) == 0).any()
    assert set(exams.labels) == {0, 1, 2, 3}


@pytest.mark.slow
def test_features_come_when_asked_for_and_change_no_score(clean):
    exams = cohort("clean", 3, features=True)["validation"]
    n = len(exams)
    assert exams.density_features.shape == (n, 4096)
    assert exams.findings_features.shape == exams.background.shape == (n, 4, 1024)
    assert exams.detection_features.shape == (len(exams.scores), 1024)
    assert same(exams.without_features(), clean["validation"])


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_same_seed_gives_the_same_arrays_and_another_gives_others(setting):
    first, again, other = (cohort(setting, seed)["test"] for seed in (1, 1, 2))
    assert same(first, again)
    assert not same(first, other)


def test_every_task_is_worth_something_and_none_everything(clean):
    exams = clean["train"]
    columns = padded(exams)
    for block in tasks(exams)[1:]:
        assert 0.65 < auc(exams.truth, columns[:, block].max(axis=1)) < 0.85


def test_miscalibration_keeps_the_order_of_each_tasks_scores(clean):
    bent = cohort("miscalibrated", 3)["test"]
    straight = clean["test"]
    for name in ("density", "findings", "scores"):
        one, other = getattr(straight, name).ravel(), getattr(bent, name).ravel()
        assert not np.array_equal(one, other)
        assert (np.diff(other[np.argsort(one)]) >= 0).all()


def test_a_fifth_of_each_tasks_answers_is_missing_and_never_all_of_an_exams():
    exams = cohort("missing", 3)["train"]
    gone = np.stack([np.isnan(exams.density), np.isnan(exams.findings).all(axis=1), ~exams.looked.any(axis=1)], axis=1)
    assert (abs(gone.mean(axis=0) - 0.2) < 0.04).all()
    assert not gone.all(axis=1).any()
    assert not np.isnan(padded(exams)).all(axis=1).any()


def test_answers_about_training_exams_look_better_than_they_are_in_the_optimistic_setting():
    splits = cohort("optimistic", 3)
    seen, unseen = (auc(e.truth, padded(e)[:, 5:].max(axis=1)) for e in (splits["train"], splits["test"]))
    assert seen > unseen + 0.05
    assert same(splits["test"], cohort("clean", 3)["test"])


def test_a_setting_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="no setting 'dirty'; there are clean, miscalibrated, missing, optimistic"):
        cohort("dirty", 0)


def test_padding_takes_the_three_best_malignant_detections_of_a_view(clean):
    exams = clean["validation"].select(np.arange(40))
    found = padded(exams)[:, 5:].reshape(-1, SLOTS)
    for cell in range(len(exams) * len(VIEWS)):
        rows = slice(exams.offsets[cell], exams.offsets[cell + 1])
        best = sorted(exams.scores[rows][exams.labels[rows] >= 2], reverse=True)[:SLOTS]
        assert found[cell].tolist() == [*best, *[0.0] * (SLOTS - len(best))]


def test_exams_are_selected_joined_and_kept_whole(clean, tmp_path):
    exams = clean["test"]
    first, second = exams.select(np.arange(100)), exams.select(np.arange(100, len(exams)))
    assert same(joined(first, second), exams)
    write(tmp_path / "exams", exams)
    assert same(read(tmp_path / "exams"), exams)


def test_a_reader_study_is_a_table_of_its_models():
    exams = study(np.array([0, 1]), np.array([7, 7]), np.array([[0.1, 0.2], [0.3, 0.4]]))
    assert exams.select([1]).models.tolist() == [[0.3, 0.4]]
    assert table(exams).tolist() == exams.models.tolist()
    assert tasks(exams) == [[0], [1]]
