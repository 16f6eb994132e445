"""Who is compared: what each needs installed, where its adapter is, and what it can do."""

from __future__ import annotations

from dataclasses import dataclass

SKLEARN = "scikit-learn==1.9.1"
OURS = "taskfusion"
DEFAULT = "taskfusion score"


@dataclass(frozen=True)
class Peer:
    """One row of the page.

    Attributes:
        name: what the page calls it.
        venv: the environment it shares with others; ``OURS`` for the running one.
        module, function, option: of its adapter.
        root: the distribution whose closure of requirements is its install size, with an extra in brackets.
        label: of its marked code, where the adapter has several.
        features: whether it looks at features.
        imputes: whether missing scores have to be filled in by hand.
        seeds: cohorts a setting at most; few for what takes long.
        study: whether it can answer the reader study, which has scores alone.
    """

    name: str
    venv: str
    module: str
    root: str
    function: str = "fit"
    option: str = ""
    label: str = ""
    features: bool = False
    imputes: bool = False
    seeds: int = 10
    study: bool = True

    @property
    def is_ours(self) -> bool:
        """Whether it is taskfusion itself."""
        return self.venv == OURS and not self.is_baseline

    @property
    def is_baseline(self) -> bool:
        """Whether it is a plain maximum, mean or best task."""
        return self.module == "baselines"


# What each environment is made of; versions are pinned so that two runs compare the same.
VENVS: dict[str, tuple[str, ...]] = {
    "sklearn": (SKLEARN,),
    "mlxtend": ("mlxtend==0.25.0", SKLEARN),
    "multiviewstacking": ("multiviewstacking==0.7.5",),
    "lightgbm": ("lightgbm==4.7.0", SKLEARN),
    "xgboost": ("xgboost-cpu==3.2.0", SKLEARN),
    "autogluon": ("autogluon.tabular[lightgbm]==1.6.3",),
    "torchmil": ("torchmil==1.0.2", "torch==2.13.0"),  # an unpinned torch takes several GB of CUDA packages
}

SCORE_FUSERS = ("score", "svm", "forest", "boosting", "logistic", "weighted")
FEATURE_FUSERS = ("feat", "hybrid", "attention")
FEATURE_SEEDS = 2  # cohorts of which features are simulated, in the first setting alone

PEERS: tuple[Peer, ...] = (
    *(Peer(f"taskfusion {name}", OURS, "ours", "taskfusion", option=name) for name in SCORE_FUSERS),
    *(
        Peer(f"taskfusion {name}", OURS, "ours", "taskfusion[keras]", option=name, features=True, study=False)
        for name in FEATURE_FUSERS
    ),
    Peer(
        "StackingClassifier", "sklearn", "sklearn_ensembles", "scikit-learn", "stacking", "", "stacking", imputes=True
    ),
    Peer("VotingClassifier", "sklearn", "sklearn_ensembles", "scikit-learn", "voting", "", "voting", imputes=True),
    Peer("mlxtend StackingCV", "mlxtend", "mlxtend_stacking", "mlxtend", imputes=True),
    Peer("multiviewstacking", "multiviewstacking", "multiview", "multiviewstacking", imputes=True),
    Peer("LightGBM", "lightgbm", "lightgbm_table", "lightgbm"),
    Peer("XGBoost", "xgboost", "xgboost_table", "xgboost-cpu"),
    Peer("AutoGluon", "autogluon", "autogluon_table", "autogluon.tabular[lightgbm]"),
    Peer("torchmil ABMIL", "torchmil", "torchmil_abmil", "torchmil", features=True, study=False),
    Peer("maximum", OURS, "baselines", "numpy", "largest", "", "max"),
    Peer("mean", OURS, "baselines", "numpy", "mean", "", "mean"),
    Peer("best task", OURS, "baselines", "numpy", "best", "", "best"),
)
