"""Tables on the terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from experiments.commands.terminal import console, show

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from experiments.rates.calibration_report import CalibrationReport
    from experiments.rates.floor_calibration import FloorCalibration


def print_footer(footer: str) -> None:
    """What the run was."""
    console().print(footer)


def print_variance(frame: pd.DataFrame, footer: str) -> None:
    """One row an estimator: its error budget at its best radius."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    columns = ("bias²", "var dir", "var traj", "var vote", "mse", "s.e.", "rescaled", "cosine", "clip", "cost")
    table = Table("estimator", "radius", *columns, "excess ± 95%", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in table.columns:
        column.no_wrap = True
    for row in frame.to_dict(orient="records"):
        parts = ("bias_squared", "variance_direction", "variance_trajectory", "variance_query", "mse", "standard_error")
        table.add_row(
            str(row["title"]),
            _radius(row["radius"]),
            *(f"{row[part]:.3g}" for part in parts),
            f"{row['rescaled_mse']:.3f}",
            f"{row['cosine']:.4f}",
            f"{row['clip_rate']:.2g}",
            f"{row['trajectories']:.0f} + {row['votes']:.0f}",
            f"{row['excess']:+.3f} ± {(row['excess_high'] - row['excess_low']) / 2:.3f}",
        )
    show(table)
    screen = console()
    screen.print(
        "mse = bias² + variances of direction, trajectories and votes, exact given the direction\n"
        f"{_directions(frame)}\n"
        "rescaled: error over |grad V|² after the best rescaling, which the radius minimises\n"
        "cost: trajectories + votes; excess: of the rescaled error over the first row"
    )
    screen.print(footer)


def _directions(frame: pd.DataFrame) -> str:
    """What was done about directions: listed or sampled, and where the radius was searched with fewer."""
    sampled, fewer = frame[frame["standard_error"] > 0], frame[frame["directions_searched"] < frame["directions"]]
    counts = " or ".join(map(str, sorted(set(sampled["directions"]))))
    said = f"s.e.: standard error of mse, from {counts} sampled directions; " if counts else ""
    said += f"{'0' if counts else 's.e. 0'} where every direction is counted, or there is none"
    if len(fewer):
        radii = " or ".join(map(str, sorted(set(fewer["directions_searched"]))))
        said += f"\nradius searched over {radii} directions, where a law takes long: {', '.join(fewer['title'])}"
    return said


def print_calibration(report: CalibrationReport, alone: pd.DataFrame, footer: str) -> None:
    """False alarms of whole families; of every claim skewness, coverage, and how often it alone is called wrongly.

    Claims outside the family (``alone``) get a table of their own.
    """
    from rich.table import Table

    alarms = Table("preset", "scenario", "wrong call", "rate", "95% interval", "promised at most", title="false alarms")
    for row in report.families.to_dict(orient="records"):
        interval = f"[{row['low']:.2%}, {row['high']:.2%}]"
        alarms.add_row(
            row["preset"], row["scenario"], row["error"], f"{row['rate']:.2%}", interval, f"{row['promised']:.1%}"
        )
    show(alarms)
    show(_claims_calibrated(report))
    if not alone.empty:
        show(_alone_calibrated(alone))
    power = Table("preset", "claim", "replicates", "exponent error", title="smallest error VIOLATED with 80% power")
    for row in report.detection.to_dict(orient="records"):
        power.add_row(row["preset"], row["kind"], row["replicates"], f"{row['exponent_error']:.3f}")
    show(power)
    screen = console()
    screen.print(
        "wrong HOLDS, VIOLATED: share of first looks with p below 2.5% where the true slope is on the boundary"
    )
    for row in report.families_off.to_dict(orient="records"):
        screen.print(f"not as promised: {row['preset']} family {row['scenario']}: {row['error']} {row['rate']:.1%}")
    for row in report.failures.to_dict(orient="records"):
        screen.print(f"not as promised: {row['preset']} {row['kind']}: {row['measure']} {row['rate']:.1%}")
    screen.print(f"{'PASSED' if report.passed else 'FAILED'}: {footer}")


def _claims_calibrated(report: CalibrationReport) -> Table:
    from rich.table import Table

    table = Table("preset", "claim", "skewness", "coverage", "wrong HOLDS", "wrong VIOLATED", "TIGHT", title="claims")
    for (preset, kind), rows in report.claims.groupby(["preset", "kind"], sort=False):
        rates = rows.set_index(["scenario", "measure"])["rate"]
        table.add_row(
            str(preset),
            str(kind),
            "" if math.isnan(skew := rows["skewness"].iloc[0]) else f"{skew:+.2f}",
            f"{rates['as stated', 'coverage']:.1%}",
            f"{rates['just beyond it', 'HOLDS alone']:.1%}",
            f"{rates['on the boundary', 'VIOLATED alone']:.1%}",
            f"{rates['as stated', 'TIGHT']:.1%}",
        )
    return table


def print_floor_calibration(report: FloorCalibration) -> None:
    """Wrong calls in a whole family of claims on constants, and the range over its claims alone."""
    from rich.table import Table

    table = Table("true ratio", "measure", "family", "95% interval", "promised at most", "one claim", title="floors")
    for (scenario, measure), rows in report.rows.groupby(["scenario", "measure"], sort=False):
        one, whole = rows[rows["claim"] != "family"], rows[rows["claim"] == "family"]
        promised = rows["promised"].iloc[0]
        table.add_row(
            str(scenario),
            str(measure),
            f"{whole['rate'].iloc[0]:.2%}" if len(whole) else "",
            f"[{whole['low'].iloc[0]:.2%}, {whole['high'].iloc[0]:.2%}]" if len(whole) else "",
            f"{promised:.1%}" if promised == promised else "",
            f"{one['rate'].min():.1%} .. {one['rate'].max():.1%}" if len(one) else "",
        )
    show(table)
    skewness = report.rows["skewness"]
    screen = console()
    for row in report.failures.to_dict(orient="records"):
        screen.print(f"not as promised: {row['scenario']}, {row['claim']}: {row['measure']} {row['rate']:.1%}")
    screen.print(
        f"{'PASSED' if report.passed else 'FAILED'}: floors, skewness {skewness.min():+.2f} .. {skewness.max():+.2f}"
    )


def _alone_calibrated(alone: pd.DataFrame) -> Table:
    from rich.table import Table

    measures = ("coverage", "wrong HOLDS", "wrong VIOLATED")
    table = Table("claim", "skewness", "replicates", *measures, title="judged alone: no error rate is promised")
    for (claim, skewness, replicates), rows in alone.groupby(["claim", "skewness", "replicates"], sort=False):
        rates = rows.set_index("measure")["rate"]
        table.add_row(str(claim), f"{skewness:+.2f}", str(replicates), *(f"{rates[name]:.1%}" for name in measures))
    return table


def _radius(radius: float) -> str:
    """Radius as printed: nothing where there is none, a bound where the best lies beyond the search."""
    from experiments.studies.variance_task import RADII

    if radius != radius:
        return ""
    return f"> {RADII[-1]:.3g}" if radius > 0.99 * RADII[-1] else f"{radius:.3g}"
