"""mlxtend's StackingCVClassifier over the same three as scikit-learn's."""

from __future__ import annotations

from mlxtend.classifier import StackingCVClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.peers.exams import Exams, joined
from bench.peers.padding import table
from bench.peers.wanted import Job, Predict


# user code
def fit(train: Exams, validation: Exams | None, job: Job) -> Predict:
    """It makes its own folds, so it gets both splits."""
    exams = joined(train, validation) if validation else train
    model = StackingCVClassifier(
        [
            make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
            RandomForestClassifier(random_state=job.seed),
            HistGradientBoostingClassifier(random_state=job.seed),
        ],
        LogisticRegression(),
        use_probas=True,
        drop_proba_col="last",
        cv=5,
        random_state=job.seed,
    )
    if job.impute:
        model = make_pipeline(SimpleImputer(strategy="median"), model)
    model.fit(table(exams), exams.truth)
    return lambda exams: model.predict_proba(table(exams))[:, 1]


# end of user code
