"""What a fitted peer says of exams with something missing: it answers, it answers NaN, or it raises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.peers.exams import VIEWS, Exams
from bench.peers.simulate import hidden_answers
from bench.peers.wanted import Predict

LONGEST = 90  # characters of an error that are kept


def probes(exams: Exams) -> dict[str, Exams]:
    """The same exams: without a task, without a view, without any detection, with one score that is not a number."""
    nobody, all_of_them = np.zeros(len(exams), bool), np.ones(len(exams), bool)
    last_view = np.broadcast_to(np.arange(len(VIEWS)) == len(VIEWS) - 1, exams.looked.shape)
    found_nothing = replace(hidden_answers(exams, nobody, nobody, all_of_them), looked=exams.looked)
    broken = exams.findings.copy()
    broken[0, 0] = np.nan
    return {
        "missing task": hidden_answers(exams, all_of_them, nobody, nobody),
        "missing view": hidden_answers(exams, nobody, last_view, last_view),
        "zero detections": replace(found_nothing, background=exams.background),
        "NaN score": replace(exams, findings=broken),
    }


def outcome(predict: Predict, exams: Exams) -> str:
    """``answers``, ``NaN``, or ``error: …``."""
    try:
        scores = np.asarray(predict(exams), float)
    except Exception as error:  # whatever a peer raises is what the page is to tell
        return said(error)
    if scores.shape != (len(exams),):
        return f"error: {scores.shape} scores for {len(exams)} exams"
    return "answers" if np.isfinite(scores).all() else "NaN"


def said(error: BaseException) -> str:
    """An error in a line."""
    text = (str(error).strip().splitlines() or [""])[0]
    return f"error: {type(error).__name__}: {text}"[:LONGEST]
