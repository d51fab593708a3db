"""Entries of the claims on constants: floors, curves and energy balances. Their prediction is a ratio of 1."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from experiments.rates.floor_verdicts import FloorOutcome
from experiments.rates.run_curves import CurveResults
from experiments.rates.run_energy import EnergyResults
from experiments.rates.run_floors import FloorResults
from paper_figures.report.entries import NO_POINTS, Entry, Grid, facts, interval, number, ratio, short

_CURVE = ("iteration", "mixing times", "measured", "predicted", "ratio", "95% interval")
_BALANCE = ("step", "ratio", "95% interval")


def floor_entries(results: FloorResults) -> list[Entry]:
    """One entry a floor."""
    return [
        _entry(row, "floor", results.other, _floor_facts(row), NO_POINTS) for row in results.rows.to_dict("records")
    ]


def energy_entries(results: EnergyResults) -> list[Entry]:
    """One entry a balance."""
    return [
        _entry(row, "energy balance", results.other, _energy_facts(row), _balance(row))
        for row in results.rows.to_dict("records")
    ]


def curve_entries(results: CurveResults) -> list[Entry]:
    """One entry a curve. Its number is the ratio at the checkpoint where it is farthest from 1."""
    found = []
    for _, rows in results.rows.groupby("claim", sort=False):
        worst = rows.iloc[0]
        if worst["outcome"] != FloorOutcome.NOT_APPLICABLE:
            worst = rows.loc[rows["ratio"].map(math.log).abs().idxmax()]
        found.append(_entry(worst.to_dict(), "curve", results.other, _curve_facts(worst), _checkpoints(rows)))
    return found


def _entry(
    row: dict[Any, Any], test: str, other: pd.DataFrame, details: tuple[tuple[str, str], ...], points: Grid
) -> Entry:
    reason = str(row.get("reason", ""))
    if not reason:
        where = f" at iteration {row['iteration']:.0f}, the farthest from 1" if "iteration" in row else ""
        reason = f"measured / predicted {ratio(row['ratio'])}{where}"
    return Entry(
        claim=str(row["claim"]),
        test=test,
        planted=row["kind"] == "control",
        method=str(row["method"]),
        instance=str(row["instance"]),
        predicted=1.0,
        measured=number(row, "ratio"),
        low=number(row, "ratio_low"),
        high=number(row, "ratio_high"),
        verdict=str(row["outcome"]),
        marks="",
        expected=not (other["claim"] == row["claim"]).any(),
        reason=reason,
        facts=details,
        points=points,
    )


def _settings(row: Any) -> list[tuple[str, str]]:
    names = {"N": "n_pairs", "M": "n_queries", "mu": "radius", "alpha": "step_size"}
    numbers = ", ".join(f"{name} = {row[column]:g}" for name, column in names.items())
    replicates = number(row, "replicates")
    return [
        ("raters", str(row.get("link", ""))),
        ("settings", numbers),
        ("replicates", f"{replicates:.0f}" if replicates > 0 else ""),
    ]


def _floor_facts(row: Any) -> tuple[tuple[str, str], ...]:
    reduced, low, high = (number(row, name) for name in ("reduced", "reduced_low", "reduced_high"))
    predicted, bias = short(number(row, "predicted")), short(number(row, "bias_part"))
    return facts([
        ("predicted E|grad V|^2", f"{predicted}, of it bias {bias}" if predicted else ""),
        ("measured", short(row["measured"])),
        ("with less noise, not judged", f"{ratio(reduced)} {interval(low, high, ratio)}".strip()),
        ("next order of the prediction", "" if math.isnan(row["next_order"]) else f"{row['next_order']:+.2%}"),
        ("mixing time, iterations", short(row["mixing"])),
        ("skewness", short(row["skewness"])),
        *_settings(row),
    ])  # fmt: skip


def _curve_facts(row: Any) -> tuple[tuple[str, str], ...]:
    where = f"{row['distance']:g} from the root of the drift" if row["distance"] else "the root of the drift"
    return facts([("start", where), ("mixing time, iterations", short(row["mixing"])), *_settings(row)])


def _energy_facts(row: Any) -> tuple[tuple[str, str], ...]:
    return facts([("pull of E g, over |grad V|^2", ratio(row["pull"])), *_settings(row)])


def _checkpoints(rows: pd.DataFrame) -> Grid:
    if rows["outcome"].iloc[0] == FloorOutcome.NOT_APPLICABLE:
        return NO_POINTS
    return Grid(_CURVE, tuple(
        (f"{row['iteration']:.0f}", f"{row['mixing_times']:.2f}", short(row["measured"]), short(row["predicted"]),
         ratio(row["ratio"]), interval(row["ratio_low"], row["ratio_high"], ratio))
        for row in rows.to_dict(orient="records")
    ))  # fmt: skip


def _balance(row: Any) -> Grid:
    return Grid(_BALANCE, (
        ("1/8 of the stated", ratio(row["ratio_first"]), ""),
        ("1/32", ratio(row["ratio_second"]), ""),
        ("the limit 0", ratio(row["ratio"]), interval(row["ratio_low"], row["ratio_high"], ratio)),
    ))  # fmt: skip
