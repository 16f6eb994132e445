"""Checks and what came of them: small named functions run one after the other, none stopping the rest."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import attrs

from taskfusion.cases import Cohort
from taskfusion.errors import ContractError, PluginError

T = TypeVar("T")
SIGNS = {"passed": "✓", "failed": "✗", "skipped": "–"}


class CheckError(Exception):
    """A check that found something wrong; the message says what, and what would be right."""


class SkipError(Exception):
    """A check that does not apply; the message says why."""


@attrs.frozen
class Checking:
    """How a component wants to be checked: what its classmethod ``checking()`` returns.

    Attributes:
        options: as in a spec; choose the smallest thing that works.
        cohort: for tasks and targets that need other data than :func:`taskfusion.testing.small_cohort`.
        skip: a reason not to be checked at all.
    """

    options: Mapping[str, Any] = attrs.field(factory=dict)
    cohort: Cohort | None = None
    skip: str = ""


def checking_of(component: Any) -> Checking:
    """What the component's ``checking()`` says, or plain defaults.

    Raises:
        ContractError: when it returns something else.
    """
    from taskfusion.testing.own import own_checking

    method = getattr(component, "checking", None)
    found = method() if callable(method) else own_checking(component)
    if not isinstance(found, Checking):
        raise ContractError(f"{component.__qualname__}.checking() returned {found!r}; expected a Checking")
    return found


@attrs.frozen
class Outcome:
    """One check: its promise, whether it was kept, and what is wrong or why it was left out."""

    name: str
    status: Literal["passed", "failed", "skipped"]
    message: str = ""

    def __str__(self) -> str:
        return f"{SIGNS[self.status]} {self.name}" + (f": {self.message}" if self.message else "")


@attrs.frozen
class Report:
    """Everything that was checked about one subject."""

    subject: str
    outcomes: tuple[Outcome, ...] = ()

    def of(self, status: str) -> list[Outcome]:
        """The outcomes ``passed``, ``failed`` or ``skipped``."""
        return [outcome for outcome in self.outcomes if outcome.status == status]

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.of("failed")

    def raise_for_failures(self) -> Self:
        """For tests: the report itself when nothing failed.

        Raises:
            ContractError: with every failure, a line each.
        """
        if not self.ok:
            lines = [f"  {outcome}" for outcome in self.of("failed")]
            raise ContractError(f"{self.subject} breaks the contract:\n" + "\n".join(lines))
        return self

    def __str__(self) -> str:
        return "\n".join([self.subject, *(f"  {outcome}" for outcome in self.outcomes)])


def run_checks(subject: str, checks: Iterable[Callable[[T], None]], about: T) -> Report:
    """Run every check about one subject; a check's promise is the first line of its docstring."""
    return Report(subject, tuple(_outcome(check, about) for check in checks))


def skipped(subject: str, reason: str) -> Report:
    """A report that says why nothing was checked."""
    return Report(subject, (Outcome("all checks", "skipped", reason),))


def failed(subject: str, name: str, message: str) -> Report:
    """A report of one failure, before any check could run."""
    return Report(subject, (Outcome(name, "failed", message),))


def _outcome(check: Callable[[T], None], about: T) -> Outcome:
    name = (check.__doc__ or check.__name__).splitlines()[0].rstrip(".")
    try:
        check(about)
    except SkipError as reason:
        return Outcome(name, "skipped", str(reason))
    except CheckError as failure:
        return Outcome(name, "failed", str(failure))
    except KeyboardInterrupt:
        raise
    except (ContractError, PluginError) as error:  # the library's own words say what would be right
        return Outcome(name, "failed", str(error))
    except BaseException as error:  # a component's own code may raise anything
        return Outcome(name, "failed", raised(error))
    return Outcome(name, "passed")


def raised(error: BaseException) -> str:
    """``raised KeyError: 'L' (task.py:34 in predict)``: the innermost line of the traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno} in {frames[-1].name})" if frames else ""
    return f"raised {type(error).__name__}: {error}{where}"


def expect(condition: object, message: str) -> None:
    """Raise CheckError with the message unless the condition holds."""
    if not condition:
        raise CheckError(message)


def expect_raises(kinds: type[Exception] | tuple[type[Exception], ...], call: Callable[[], Any], what: str) -> None:
    """The call must raise one of these errors.

    Raises:
        CheckError: it returned, or raised another error.
    """
    names = " or ".join(kind.__name__ for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))
    try:
        call()
    except kinds:
        return
    except Exception as error:
        raise CheckError(f"{what} {raised(error)}; expected {names}") from error
    raise CheckError(f"{what} raised nothing; expected {names}")
