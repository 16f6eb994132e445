"""scikit-learn's StackingClassifier and VotingClassifier over logistic regression, forest and boosting."""

from __future__ import annotations

from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.peers.exams import Exams, joined
from bench.peers.padding import table
from bench.peers.wanted import Job, Predict


# user code stacking voting
def members(seed: int) -> list:
    """Name and classifier."""
    return [
        ("logistic", make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))),
        ("forest", RandomForestClassifier(random_state=seed)),
        ("boosting", HistGradientBoostingClassifier(random_state=seed)),
    ]


# end of user code


# user code stacking
def stacking(train: Exams, validation: Exams | None, job: Job) -> Predict:
    """Out-of-fold probabilities, then logistic regression; it makes its own folds, so it gets both splits."""
    exams = joined(train, validation) if validation else train
    model = StackingClassifier(members(job.seed), LogisticRegression(), cv=5)
    if job.impute:
        model = make_pipeline(SimpleImputer(strategy="median"), model)
    model.fit(table(exams), exams.truth)
    return lambda exams: model.predict_proba(table(exams))[:, 1]


# end of user code


# user code voting
def voting(train: Exams, validation: Exams | None, job: Job) -> Predict:
    """The mean probability."""
    exams = joined(train, validation) if validation else train
    model = VotingClassifier(members(job.seed), voting="soft")
    if job.impute:
        model = make_pipeline(SimpleImputer(strategy="median"), model)
    model.fit(table(exams), exams.truth)
    return lambda exams: model.predict_proba(table(exams))[:, 1]


# end of user code
