"""Balanced batches for several targets at once: which cases take turns, and what each known truth then weighs."""

from __future__ import annotations

import numpy as np

from taskfusion.images import Array


def pools_of(truth: Array, enough: int) -> Array:
    """The pool of each case, ``(cases,)``: one per combination of truths, unknown being one more value.

    Pools take turns, so a combination of a handful of cases would make up a large part of every epoch. One of fewer
    than ``enough`` cases joins the likest larger combination, unless only it (or its like) knows some class.

    Args:
        truth: ``(cases, targets)`` of 0, 1 and -1 for unknown.
        enough: how many cases make a pool of their own.
    """
    kinds, pool, counts = np.unique(truth, axis=0, return_inverse=True, return_counts=True)
    large = counts >= min(enough, counts.max())
    for kind in np.argsort(-counts, kind="stable"):
        large[kind] |= bool(_new(kinds[kind], kinds[large]))
    into = np.arange(len(kinds))
    for kind in np.flatnonzero(~large):
        differ = (kinds[large] != kinds[kind]).sum(axis=1)
        into[kind] = np.flatnonzero(large)[np.argmin(differ)]
    return np.asarray(into[pool.ravel()])


def _new(kind: Array, others: Array) -> bool:
    """Whether a combination knows a class of some target that none of the others has."""
    return bool(((kind >= 0) & ~(others == kind).any(axis=0)).any())


def balancing_weights(truth: Array, pools: Array) -> Array:
    """Weights ``(cases, targets)`` float32, 0 for an unknown truth.

    With pools taking turns a target's classes need not come up equally often; weights see to it that they count
    equally in the loss, as they do when the target is learned alone, so that 0.5 means the same to both.
    """
    sizes = np.bincount(pools)[pools]
    drawn = np.zeros(truth.shape)
    drawn[:] = (1 / sizes)[:, None]
    weights = np.zeros(truth.shape)
    for value in (0, 1):
        having = truth == value
        share = (drawn * having).sum(axis=0) / np.maximum((drawn * (truth >= 0)).sum(axis=0), 1e-12)
        weights = np.where(having, 0.5 / np.maximum(share, 1e-12), weights)
    return weights.astype(np.float32)
