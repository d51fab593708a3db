"""Entries of the claims on rates."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from experiments.rates.run_claims import RateResults
from experiments.statistics.verdicts import Outcome
from paper_figures.report.entries import NO_POINTS, Entry, Grid, facts, interval, number, ratio, short, signed

TESTS = {
    "claim": "rate",
    "control": "rate",
    "sampled claim": "rate, one estimate",
    "exact claim": "rate, exact",
}
_POINTS = ("mean", "s.e.", "fit", "mean / fit", "bound", "mean / bound", "clip rate")


def rate_entries(results: RateResults, unexpected: frozenset[str], family: str = "") -> list[Entry]:
    """Entries in the order of the verdicts.

    Parameters
    ----------
    results : RateResults
    unexpected : frozenset of str
        Names of the claims whose verdict is not the expected one.
    family : str
        What to add to the name of the test, for a family that is judged by itself.
    """
    points = {str(name): rows for name, rows in results.points.groupby("claim", sort=False)} if _any(results) else {}
    return [_entry(row, points.get(str(row["claim"])), unexpected, family) for _, row in results.verdicts.iterrows()]


def _any(results: RateResults) -> bool:
    return "claim" in results.points


def _entry(row: Any, points: pd.DataFrame | None, unexpected: frozenset[str], family: str) -> Entry:
    judged = row["outcome"] != Outcome.NOT_APPLICABLE
    noisy = judged and row["replicates"] > 1
    marks = {"TIGHT": judged and row["tight"], "curved": row["curved"], "alone": not row["in_family"]}
    return Entry(
        claim=str(row["claim"]),
        test=TESTS[row["kind"]] + family,
        planted=row["kind"] == "control",
        method=str(row["method"]),
        instance=str(row["instance"]),
        predicted=number(row, "exponent"),
        measured=number(row, "slope"),
        low=number(row, "ci_low") if noisy else math.nan,
        high=number(row, "ci_high") if noisy else math.nan,
        verdict=str(row["outcome"]),
        marks=", ".join(mark for mark, given in marks.items() if given),
        expected=row["claim"] not in unexpected,
        reason=str(row["reason"]),
        facts=_facts(row, noisy=noisy) if judged else (),
        points=NO_POINTS if points is None else _grid(points, number(row, "slope"), number(row, "intercept")),
    )


def _facts(row: Any, *, noisy: bool) -> tuple[tuple[str, str], ...]:
    slopes = ", ".join(signed(slope) for slope in row["local_slopes"])
    exponent, margin = signed(row["exponent"]), f"{row['margin']:g}"
    return facts([
        ("stated exponent", f"{exponent}, margin {margin}; {row['source']}"),
        ("slope by the law of the algorithm", signed(number(row, "predicted"))),
        ("fit", f"exp({row['intercept']:.4f}) x^{row['slope']:.4f}"),
        ("slope, t interval", interval(row["ci_low"], row["ci_high"], signed) if noisy else "exact, without noise"),
        ("slope, bootstrap interval", interval(number(row, "bootstrap_low"), number(row, "bootstrap_high"), signed)),
        ("p of HOLDS, VIOLATED, TIGHT", ", ".join(short(row[f"p_{name}"]) for name in ("holds", "violated", "tight"))),
        ("local slopes", slopes),
        ("p of curvature", short(number(row, "curvature_p_value")) if noisy else ""),
        ("window", f"{row['axis']} = {row['window']}"),
        ("replicates", str(row["replicates"]) if noisy else ""),
        ("largest measured / bound", short(number(row, "ratio"))),
        ("why it shows this axis", str(row["isolated_by"])),
    ])  # fmt: skip


def _grid(points: pd.DataFrame, slope: float, intercept: float) -> Grid:
    rows = []
    for row in points.to_dict(orient="records"):
        fit = math.exp(intercept) * float(row["x"]) ** slope
        mean, error = short(row["mean"]), short(row["standard_error"])
        bound, below = short(row["bound"]), short(row["ratio"])
        rows.append((f"{row['x']:g}", mean, error, short(fit), ratio(row["mean"] / fit), bound, below,
                     f"{row['clip_rate']:.2g}"))  # fmt: skip
    return Grid((str(points["axis"].iloc[0]), *_POINTS), tuple(rows))
