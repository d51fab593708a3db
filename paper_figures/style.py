"""One style for all figures: print sizes, fonts, colours, and files with the same bytes every time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from experiments.catalogue.method import Look
from experiments.catalogue.methods import METHODS

# Widths of the main text of ICML and NeurIPS: one column and two, inches.
SINGLE_COLUMN = 3.25
DOUBLE_COLUMN = 6.75

SMALL = 7.0  # points, for legends and ticks; everything else has 8
GREY = "0.62"  # of reference lines, light enough to lie under data

_RC: Any = {  # as matplotlib types it, a dict of some 300 literals
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib, so it is the same everywhere
    "mathtext.fontset": "dejavusans",
    "font.size": 8.0,
    "axes.labelsize": 8.0,
    "axes.titlesize": 8.0,
    "legend.fontsize": SMALL,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "axes.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.minor.width": 0.35,
    "ytick.minor.width": 0.35,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "lines.linewidth": 0.9,
    "legend.frameon": False,
    "legend.handlelength": 2.8,
    "legend.labelspacing": 0.25,
    "legend.borderaxespad": 0.2,
    "legend.borderpad": 0.0,
    "errorbar.capsize": 1.5,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "savefig.bbox": "standard",  # a cropped page would not have the width of its column
    "pdf.fonttype": 42,  # embeds TrueType, which journals ask for
    "svg.hashsalt": "zpg",
}


@dataclass(frozen=True)
class Series:
    """How one series is drawn, as arguments of matplotlib. Two series never differ in colour alone."""

    look: Look

    @property
    def color(self) -> str:
        """Colour."""
        return self.look.color

    @property
    def size(self) -> float:
        """Size of the marker, points."""
        return self.look.size

    @property
    def line(self) -> dict[str, Any]:
        """Arguments of a line without markers."""
        return {"color": self.color, "linestyle": (0, self.look.dashes) if self.look.dashes else "-"}

    @property
    def markers(self) -> dict[str, Any]:
        """Arguments of markers without a line."""
        return {
            "color": self.color,
            "marker": self.look.marker,
            "markersize": self.size,
            "markerfacecolor": self.color if self.look.filled else "none",
            "markeredgewidth": 0.9,
            "linestyle": "none",
        }


# Looks for methods without one: the colours of Okabe and Ito, which colour-blind readers can tell apart. When all are
# used, the same colours come with other markers.
_COLORS = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#0072B2", "#D55E00", "#000000")
_MARKERS = ("^", "v", "P", "x", "*", "s", "o", "D", "<", ">", "p")
_DASHES = ((5, 1, 1, 1), (7, 2), (3, 1, 1, 1, 1, 1), (2, 2), (1, 2.5), (4, 1.5), ())


# A link looks the same in every figure.
_LINKS = {
    "logistic": Look("#0072B2", "D", 4.2, False, ()),
    "probit": Look("#D55E00", "v", 4.6, True, (5, 1.5)),
    "cauchit": Look("#CC79A7", "s", 4.2, False, (1, 1.2)),
    "cloglog": Look("#000000", "P", 4.8, True, (4, 1, 1, 1)),
    "linear": Look("#009E73", "X", 4.8, True, (2, 1.5)),
}
# Levels of one number, from dark to light: no method has these colours.
_LEVELS = ("#2A1858", "#7B2D8B", "#C8508B", "#F0885A", "#D6BE3C")
_LEVEL_MARKERS = ("o", "s", "^", "D", "v")


@contextmanager
def print_style() -> Iterator[None]:
    """Context that sets the style. Draw and save inside it. Settings of the user's, as a matplotlibrc, do not enter."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_RC)
        yield


def new_figure(width: float, height: float) -> Figure:
    """Make a figure without pyplot and without a display.

    Parameters
    ----------
    width, height : float
        In inches, as printed.
    """
    return Figure(figsize=(width, height), layout="constrained")


def series_of(names: Iterable[str]) -> dict[str, Series]:
    """Choose a series for every name.

    Parameters
    ----------
    names : iterable of str
        Names of methods, or others; they may repeat. A built-in method has the same look in every figure. Other names
        get looks that are free.

    Returns
    -------
    dict of str to Series
        In the order in which the names first appear. A link has one look as well, and no other name ever has the
        colour and marker of a method or a link.
    """
    different = list(dict.fromkeys(names))
    every = {name: method.look for name, method in METHODS.items() if method.look} | _LINKS
    own = {name: every[name] for name in different if name in every}
    taken = {(look.color, look.marker) for look in every.values()}
    found = dict(own)
    for name in different:
        if name not in found:
            free = [look for look in _looks() if (look.color, look.marker) not in taken]
            # Where there is one, a look that shares nothing with the others here.
            best = min(free, key=lambda look: _likeness(look, found.values()))
            found[name] = best
            taken.add((best.color, best.marker))
    return {name: Series(found[name]) for name in different}


def _likeness(look: Look, others: Iterable[Look]) -> int:
    """How many others have the colour, the marker or the dashes of a look."""
    own = (look.color, (look.marker, look.filled), look.dashes)
    theirs = [(one.color, (one.marker, one.filled), one.dashes) for one in others]
    return sum(mine == its for one in theirs for mine, its in zip(own, one, strict=True))


def levels_of(names: Sequence[str]) -> dict[str, Series]:
    """Choose a series for every level of a number, from dark to light.

    Parameters
    ----------
    names : sequence of str
        Levels in words, in their order; they may repeat.

    Returns
    -------
    dict of str to Series
        In the order in which they first appear. With more than five of them the looks are those of `series_of`.
    """
    different = list(dict.fromkeys(names))
    if len(different) > len(_LEVELS):
        return series_of(different)
    # Far apart where they are few.
    places = np.linspace(0, len(_LEVELS) - 1, max(2, len(different))).round().astype(int)
    return {
        name: Series(Look(_LEVELS[place], _LEVEL_MARKERS[number], 4.4, number % 2 == 0, _DASHES[number - 1]))
        for number, (name, place) in enumerate(zip(different, places, strict=False))
    }


def _looks() -> Iterator[Look]:
    """Looks without repetition of colour and marker together, the most different ones first."""
    for turn in range(len(_MARKERS)):
        for number, color in enumerate(_COLORS):
            marker = _MARKERS[(number + turn) % len(_MARKERS)]
            yield Look(color, marker, 5.0, (number + turn) % 2 == 1, _DASHES[(number + turn) % len(_DASHES)])
