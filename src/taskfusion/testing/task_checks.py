"""Checks of a task model about what is not there: views, images, test cases."""

from __future__ import annotations

from collections.abc import Callable

from taskfusion.cases import Case
from taskfusion.errors import DataError
from taskfusion.outputs import Level, TaskOutput
from taskfusion.testing.guarded import watched, with_unreadable, without_view
from taskfusion.testing.report import CheckError, SkipError, expect, raised
from taskfusion.testing.tasks import TaskSubject, check_present

RIGHT = "expected an absent answer (present False, NaN) or DataError"


def missing_view(subject: TaskSubject) -> None:
    """A view that a case lacks gives an absent answer or DataError, never NaN or a guess."""
    for name in _views_read(subject):
        _ask_lacking(subject, name, without_view, f"a case without view {name!r}")


def no_views(subject: TaskSubject) -> None:
    """A case without any view gives an absent answer or DataError."""
    _views_read(subject)
    case = Case("no-views", {}, subject.asked[0].metadata)
    output = _answer(subject, case, "a case without views")
    expect(output is None or not output.present.any(), f"a case without views is answered; {RIGHT}")


def unreadable(subject: TaskSubject) -> None:
    """An image that cannot be read gives an absent answer or DataError."""
    for name in _views_read(subject):
        _ask_lacking(subject, name, with_unreadable, f"an unreadable image {name!r}")


def untouched(subject: TaskSubject) -> None:
    """Asking does not change the images or the metadata."""
    before = [case.fingerprint() for case in subject.asked]
    subject.answers(subject.asked)
    expect(
        before == [case.fingerprint() for case in subject.asked], "predict changed a case; expected it to copy first"
    )


def _views_read(subject: TaskSubject) -> list[str]:
    """The views whose pixels it reads of a complete case."""
    seen: list[str] = []
    subject.answers([watched(subject.asked[0], seen)])
    if not seen:
        raise SkipError("it reads no image")
    return sorted(set(seen))


def _ask_lacking(subject: TaskSubject, view: str, change: Callable[[Case, str], Case], what: str) -> None:
    output = _answer(subject, change(subject.asked[0], view), what)
    if output is None or output.spec.level is Level.CASE or view not in output.spec.views:
        return  # a case may be answered from its other views
    answered = bool(output.present[0, output.spec.views.index(view)])
    expect(not answered, f"{what} is answered for that view; {RIGHT}")


def _answer(subject: TaskSubject, case: Case, what: str) -> TaskOutput | None:
    """The checked answer about one case, None for a DataError."""
    try:
        output = subject.answers([case])
    except DataError as error:
        expect("outside [0, 1]" not in str(error), f"{what}: a score is NaN but present; {RIGHT}")
        return None
    except Exception as error:
        raise CheckError(f"{what} {raised(error)}; {RIGHT}") from error
    check_present(output)
    return output


CHECKS = (missing_view, no_views, unreadable, untouched)
