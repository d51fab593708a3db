"""LaTeX tables beside the page, with the rules of booktabs."""

from __future__ import annotations

import pandas as pd

from paper_figures.report.entries import Entry, interval, ratio, signed

NEEDS = "% needs \\usepackage{booktabs,longtable}\n"
_NUMBERS = ["prediction", "measured", "95% interval"]


def verdict_table(entries: list[Entry]) -> str:
    """Verdicts of claims and planted faults.

    Parameters
    ----------
    entries : list of Entry
        Of one kind: all slopes, or all ratios.
    """
    rows = []
    for entry in entries:
        text = signed if entry.slope else ratio
        verdict = entry.verdict + (f", {entry.marks}" if entry.marks else "")
        limits = interval(entry.low, entry.high, text)
        numbers = [f"${number}$" if number else "" for number in (text(entry.predicted), text(entry.measured), limits)]
        rows.append((entry.claim, *numbers, verdict))
    return latex(pd.DataFrame(rows, columns=["claim", *_NUMBERS, "verdict"]), mathematics=_NUMBERS)


def latex(frame: pd.DataFrame, mathematics: list[str] | None = None) -> str:
    """Any frame of texts and numbers, on as many pages as it takes. Names are escaped.

    Parameters
    ----------
    frame : DataFrame
    mathematics : list of str, optional
        Columns whose texts are LaTeX already.
    """
    ready = mathematics or []
    texts = [name for name in frame if name not in ready]
    style = frame.style.format(escape="latex", precision=3, subset=texts)
    style = style.format_index(escape="latex", axis=1).hide(axis=0)
    right = [name in ready or pd.api.types.is_numeric_dtype(frame[name]) for name in frame]
    columns = "".join("r" if each else "l" for each in right)
    return NEEDS + str(style.to_latex(hrules=True, environment="longtable", column_format=columns))
