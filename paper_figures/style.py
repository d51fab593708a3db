"""One style for all figures: print sizes, fonts, colours, and files that come out the same every time."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.figure import Figure

# Widths of a journal's columns, inches.
SINGLE_COLUMN = 3.3
DOUBLE_COLUMN = 6.8

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
    """How one algorithm is drawn: no two differ in colour alone.

    Attributes
    ----------
    color : str
    marker : str
    size : float
        Of the marker, points.
    filled : bool
    linestyle : str or tuple
        As matplotlib takes it.
    """

    color: str
    marker: str
    size: float
    filled: bool
    linestyle: Any

    @property
    def line(self) -> dict[str, Any]:
        """Arguments of a line without markers."""
        return {"color": self.color, "linestyle": self.linestyle}

    @property
    def markers(self) -> dict[str, Any]:
        """Arguments of markers without a line."""
        return {
            "color": self.color,
            "marker": self.marker,
            "markersize": self.size,
            "markerfacecolor": self.color if self.filled else "none",
            "markeredgewidth": 0.9,
            "linestyle": "none",
        }


# The colours of Okabe and Ito, told apart by the colour-blind. The first three are nested shapes, large and hollow to
# small and filled, which stay legible on top of each other: the algorithms they stand for nearly coincide.
_SERIES = (
    Series("#0072B2", "o", 7.5, False, "-"),
    Series("#D55E00", "s", 4.6, False, (0, (4, 1.5))),
    Series("#000000", "D", 2.0, True, (0, (1, 1.2))),
    Series("#009E73", "^", 5.0, False, (0, (5, 1, 1, 1))),
    Series("#CC79A7", "v", 4.5, True, (0, (7, 2))),
    Series("#E69F00", "P", 4.5, True, (0, (3, 1, 1, 1, 1, 1))),
    Series("#56B4E9", "x", 5.0, True, (0, (2, 2))),
    Series("#0072B2", "*", 5.5, True, (0, (1, 2.5))),
)
_FOR_ALL = range(3, len(_SERIES))  # the first three are kept for those they were made for

# The same in every figure; other names take what is left, in their order.
_FIXED = {"zpg": 0, "zbcpg-1": 1, "zbcpg-3": 2, "zbcpg-d": 3, "zspo": 4, "gpomdp": 5, "reinforce": 6}

# Looks of their own: like colours in a family, hollow where the data are those of the start.
_OWN = {
    "exact": Series("#000000", "+", 5.0, True, (0, (9, 1.5, 1.5, 1.5))),
    "ppo-offline": Series("#CC6677", "<", 5.0, False, (0, (6, 1.2))),
    "ppo-online": Series("#882255", ">", 5.0, True, (0, (3, 0.8))),
    "ppo-sampled": Series("#AA4499", "X", 5.0, True, (0, (1.5, 0.8))),
    "dpo-offline": Series("#B36B00", "D", 4.0, False, (0, (6, 1.2, 1, 1.2))),
    "dpo-early": Series("#B36B00", "h", 5.0, False, (0, (2, 1.2, 1, 1.2, 1, 1.2))),
    "dpo-online": Series("#B36B00", "d", 5.5, True, (0, (3, 0.8, 1, 0.8))),
}


def print_style() -> AbstractContextManager[None]:
    """Set the style for as long as the context lasts: draw and save inside it."""
    return matplotlib.rc_context(_RC)


def new_figure(width: float, height: float) -> Figure:
    """Make a figure of its own, without pyplot or a display.

    Parameters
    ----------
    width, height : float
        Inches, as printed.
    """
    return Figure(figsize=(width, height), layout="constrained")


def series_of(names: Iterable[str]) -> dict[str, Series]:
    """Choose a series for every algorithm.

    Parameters
    ----------
    names : iterable of str
        Repetitions are allowed. Beyond eight names without a look of their own series repeat.

    Returns
    -------
    dict of str to Series
        In the order in which the names first appear.
    """
    different = list(dict.fromkeys(names))
    left = [number for number in _FOR_ALL if number not in {_FIXED.get(name) for name in different}]
    others = [name for name in different if name not in _FIXED and name not in _OWN]
    numbers = _FIXED | {name: left[place % len(left)] for place, name in enumerate(others)}
    return {name: _OWN[name] if name in _OWN else _SERIES[numbers[name]] for name in different}
