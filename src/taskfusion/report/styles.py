"""How a fuser looks in every chart and table: the palette of Okabe and Ito (2008), told apart without colour too."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

NEGATIVE, POSITIVE = "#56B4E9", "#D55E00"  # of the truth; used up last for fusers
INK, MUTED, GRID = "#1f2933", "#5f6b7a", "#e4e7eb"
_COLORS = ("#0072B2", "#009E73", "#CC79A7", "#E69F00", "#000000", NEGATIVE, POSITIVE)
MARK_COLORS = ("#E69F00", "#56B4E9", "#F0E442", "#CC79A7", "#009E73", "#D55E00", "#FFFFFF")  # on dark pictures
_DASHES = ("solid", "dash", "dot", "dashdot")
_SYMBOLS = ("circle", "square", "triangle-up", "star", "hexagon", "cross", "x")
_BASELINE_COLORS = ("#6b7280", "#9aa3ae")
_BASELINE_DASHES = ("dash", "dot", "dashdot", "longdash")
_BASELINE_PREFIXES = ("max", "mean")


@attrs.frozen
class FuserStyle:
    """Colour, line dash and marker of one fuser."""

    color: str
    dash: str
    symbol: str
    baseline: bool

    @property
    def width(self) -> float:
        """Of its line: baselines stand back."""
        return 1.5 if self.baseline else 2.5


def style_fusers(names: Iterable[str]) -> dict[str, FuserStyle]:
    """A style per name, in this order: baselines (``max…``, ``mean…``) grey, broken and open, the others coloured."""
    styles: dict[str, FuserStyle] = {}
    counts = {True: 0, False: 0}
    for name in names:
        baseline = name.lower().startswith(_BASELINE_PREFIXES)
        styles[name] = _baseline(counts[True]) if baseline else _coloured(counts[False])
        counts[baseline] += 1
    return styles


def _coloured(i: int) -> FuserStyle:
    color = _COLORS[i % len(_COLORS)]
    return FuserStyle(color, _DASHES[i // len(_COLORS) % len(_DASHES)], _SYMBOLS[i % len(_SYMBOLS)], False)


def _baseline(i: int) -> FuserStyle:
    color = _BASELINE_COLORS[i // len(_BASELINE_DASHES) % len(_BASELINE_COLORS)]
    return FuserStyle(color, _BASELINE_DASHES[i % len(_BASELINE_DASHES)], "diamond-open", True)
