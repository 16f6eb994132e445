"""XGBoost on the padded table, stopped early on the validation split."""

from __future__ import annotations

from sklearn.model_selection import GroupShuffleSplit
from xgboost import XGBClassifier

from bench.peers.exams import Exams
from bench.peers.padding import table
from bench.peers.wanted import Job, Predict


# user code
def fit(train: Exams, validation: Exams | None, job: Job) -> Predict:
    """Where there is no validation split, a fifth of the patients is held back."""
    if validation is None:
        inside, outside = next(
            GroupShuffleSplit(1, test_size=0.2, random_state=job.seed).split(train.truth, groups=train.groups)
        )
        train, validation = train.select(inside), train.select(outside)
    model = XGBClassifier(
        n_estimators=1000,
        learning_rate=0.03,
        max_depth=3,
        random_state=job.seed,
        eval_metric="auc",
        early_stopping_rounds=50,
    )
    model.fit(table(train), train.truth, eval_set=[(table(validation), validation.truth)], verbose=False)
    return lambda exams: model.predict_proba(table(exams))[:, 1]


# end of user code
