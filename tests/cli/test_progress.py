"""Bars for people, lines for logs; what takes no time leaves no line."""

from __future__ import annotations

import io

from rich.console import Console

from taskfusion.cli import progress


def watched(monkeypatch, terminal: bool, worth: float) -> str:
    monkeypatch.setattr(progress, "WORTH_SHOWING", worth)
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=140)
    with progress.shown_progress(console) as bars:
        with bars.step("training", total=2) as bar:
            bar.advance(1, loss=0.25)
            bar.advance(1)
        bars.say("a word")
    return stream.getvalue()


def test_a_log_gets_one_line_a_step(monkeypatch):
    text = watched(monkeypatch, False, 0.0)
    assert text.count("training") == 1 and "loss 0.250" in text and "a word" in text


def test_a_terminal_gets_a_bar_with_figures(monkeypatch):
    text = watched(monkeypatch, True, 0.0)
    assert "training" in text and "2/2" in text and "loss 0.250" in text


def test_quick_steps_leave_no_line(monkeypatch):
    assert "training" not in watched(monkeypatch, False, 60.0)
