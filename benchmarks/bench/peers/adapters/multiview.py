"""multiviewstacking's MultiViewStacking: a forest a task, and one over their answers, as in its documentation."""

from __future__ import annotations

from multiviewstacking import MultiViewStacking
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

from bench.peers.exams import Exams, joined
from bench.peers.padding import table, tasks
from bench.peers.wanted import Job, Predict


# user code
def fit(train: Exams, validation: Exams | None, job: Job) -> Predict:
    """It makes its own folds, so it gets both splits; each task is one of its views."""
    exams = joined(train, validation) if validation else train
    model = MultiViewStacking(
        views_indices=tasks(exams),
        first_level_learners=[RandomForestClassifier(random_state=job.seed) for _ in tasks(exams)],
        meta_learner=RandomForestClassifier(random_state=job.seed),
        k=5,
        random_state=job.seed,
    )
    if job.impute:
        model = make_pipeline(SimpleImputer(strategy="median"), model)
    model.fit(table(exams), exams.truth)
    return lambda exams: model.predict_proba(table(exams))[:, 1]


# end of user code
