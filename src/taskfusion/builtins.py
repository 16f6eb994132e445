"""The library's own components, registered like any plugin's: by name, import path and summary."""

from __future__ import annotations

from taskfusion.hookspecs import Entry, hookimpl


@hookimpl
def taskfusion_tasks() -> list[Entry]:
    """Ready-made tasks."""
    return [
        Entry("table", "taskfusion.tasks.table:TableTask", "predictions somebody already has: CSV, Parquet, COCO"),
        Entry("sklearn", "taskfusion.tasks.sklearn:SklearnTask", "a scikit-learn classifier on columns of the cases"),
        Entry("keras", "taskfusion.tasks.keras_model:KerasTask", "a saved Keras model (.keras) that looks at images"),
        Entry("onnx", "taskfusion.tasks.onnx_model:OnnxTask", "an ONNX model that looks at images"),
    ]


@hookimpl
def taskfusion_fusers() -> list[Entry]:
    """Fusers by scores and by features."""
    return [
        Entry("max", "taskfusion.fusers.pooled:MaxFuser", "the largest score; the usual baseline"),
        Entry("mean", "taskfusion.fusers.pooled:MeanFuser", "the mean score; the other usual baseline"),
        Entry("weighted", "taskfusion.fusers.weighted:WeightedFuser", "a weighted mean of logits, weights fitted"),
        Entry("logistic", "taskfusion.fusers.linear:LogisticFuser", "logistic regression on the logits of the scores"),
        Entry("score", "taskfusion.fusers.mlp:MlpFuser", "a small neural network (MLP) on the logits of the scores"),
        Entry("svm", "taskfusion.fusers.svm:SvmFuser", "a support vector machine (RBF) on the logits of the scores"),
        Entry("forest", "taskfusion.fusers.trees:ForestFuser", "a random forest on the scores"),
        Entry("boosting", "taskfusion.fusers.trees:BoostingFuser", "gradient boosting; leaves missing scores missing"),
        Entry("sklearn", "taskfusion.fusers.wrapped:SklearnFuser", "any scikit-learn classifier on the scores"),
        Entry("feat", "taskfusion.fusers.feat:FeatFuser", "a multi-branch network (Keras) on the tasks' features"),
        Entry(
            "hybrid", "taskfusion.fusers.hybrid:HybridFuser", "a multi-branch network on scores and features together"
        ),
        Entry("attention", "taskfusion.fusers.attention:AttentionFuser", "gated attention over every answer; no slots"),
    ]


@hookimpl
def taskfusion_paddings() -> list[Entry]:
    """What to put where a view has fewer than n detections."""
    return [
        Entry("zero", "taskfusion.padding:ZeroPadding", "score 0 and a zero feature vector"),
        Entry("background", "taskfusion.padding:BackgroundPadding", "score 0 and the view's background feature"),
        Entry("repeat", "taskfusion.padding:RepeatPadding", "the view's own detections over again"),
        Entry("mean", "taskfusion.padding:MeanPadding", "the mean of the view's own detections"),
        Entry("learned", "taskfusion.learned_padding:LearnedPadding", "a score and a vector learned in training"),
        Entry("mask", "taskfusion.padding:MaskPadding", "nothing: the fuser leaves gaps out, where it can"),
        Entry("error", "taskfusion.padding:ErrorPadding", "a view with too few detections is refused"),
    ]


@hookimpl
def taskfusion_readers() -> list[Entry]:
    """Cohorts that need no plugin."""
    return [
        Entry("table", "taskfusion.cohorts.table:TableReader", "one row per case in CSV or Parquet"),
        Entry("sklearn", "taskfusion.cohorts.sklearn_data:SklearnReader", "scikit-learn's bundled measurements"),
        Entry("small", "taskfusion.testing.cohorts:SmallReader", "made-up cases with images, boxes and labels, to try"),
    ]
