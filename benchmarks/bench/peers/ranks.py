"""Figures of scores against the truth, in NumPy alone, as the environments of the peers have no more in common."""

from __future__ import annotations

import numpy as np

from bench.peers.exams import Array


def auc(truth: Array, score: Array) -> float:
    """Area under the ROC curve: how often a positive outranks a negative, ties counting half; NaN with one class."""
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    positives = int((truth == 1).sum())
    pairs = positives * (len(truth) - positives)
    return float((rank[truth == 1].sum() - positives * (positives + 1) / 2) / pairs) if pairs else float("nan")


def auprc(truth: Array, score: Array) -> float:
    """Average precision: precision at each distinct score, weighted by the recall it adds."""
    order = np.argsort(-score, kind="stable")
    hits, ends = np.cumsum(truth[order] == 1), np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    gained = np.diff(np.concatenate([[0], hits[ends]]))
    return float((gained * hits[ends] / (ends + 1)).sum() / hits[-1]) if hits[-1] else float("nan")


def brier(truth: Array, score: Array) -> float:
    """Mean squared difference between score and truth."""
    return float(np.mean((score - truth) ** 2))
