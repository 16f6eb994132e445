"""LightGBM on the padded table, stopped early on the validation split."""

from __future__ import annotations

from lightgbm import LGBMClassifier, early_stopping
from sklearn.model_selection import GroupShuffleSplit

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
    model = LGBMClassifier(n_estimators=1000, learning_rate=0.03, num_leaves=8, random_state=job.seed, verbose=-1)
    stop = early_stopping(50, verbose=False)
    held_out = [(table(validation), validation.truth)]
    model.fit(table(train), train.truth, eval_set=held_out, eval_metric="auc", callbacks=[stop])
    return lambda exams: model.predict_proba(table(exams))[:, 1]


# end of user code
