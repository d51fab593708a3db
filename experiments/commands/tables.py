"""Tables on the terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from experiments.commands.terminal import console, show

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from experiments.comparison.compare_learning import Comparison
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
        "mse = bias² + variances of direction, trajectories and votes, exact given the direction (s.e.: its sampling)\n"
        "rescaled: error over |grad V|² after the best rescaling, which the radius minimises\n"
        "cost: trajectories + votes; excess: of the rescaled error over the first row"
    )
    screen.print(footer)


def print_comparison(found: Comparison, footer: str) -> None:
    """One row a method, best first, each tested against ZPG; what it cost and how it was tuned; what that means."""
    from rich.table import Table

    from experiments.comparison.compare_learning import reference_method, tests_against

    finals = found.finals
    reference = reference_method(finals)
    title = finals.set_index("method")["title"][reference]
    tests = tests_against(found.tests, reference).set_index("method")
    ends = Table("method", "final value", "worst", "gap", f"minus {title}", "p (Holm)")
    costs = Table("method", "trajectories", "votes", "step", "also tuned", "settings tried")
    for row in finals.to_dict(orient="records"):
        test = tests.loc[row["method"]] if row["method"] in tests.index else None
        ends.add_row(
            row["title"],
            f"{row['final']:.3f} ± {row['ci_high'] - row['final']:.3f}",
            f"{row['worst']:.3f}",
            f"{round(row['gap'], 3) + 0.0:.3f}",
            "" if test is None else _difference(test),
            "" if test is None else f"{test['p_holm']:.2g}{' *' if test['significant'] else ''}",
        )
        costs.add_row(
            row["title"],
            f"{row['trajectories']:,.0f}",
            f"{row['votes']:,.0f}",
            f"{row['step_size']:.3g}{_edge(row['at_edge'])}" if row["step_counts"] else "",
            f"{row['knob_name']} {row['knob']:.3g}{_edge(row['knob_at_edge'])}" if row["knob_name"] else "",
            str(row["settings_tried"]),
        )
    show(ends)
    show(costs)
    screen = console()
    for line in _comparison_in_words(found):
        screen.print(line)
    screen.print(footer)


def _comparison_in_words(found: Comparison) -> list[str]:
    """What was compared, what the columns are, how the tests work and how the methods were tuned."""
    from experiments.comparison.tuning import rule_in_words
    from experiments.statistics.intervals import RESOLUTION

    first, finals, n_tests = found.curves.iloc[0], found.finals, len(found.tests)
    seeds = int(finals["seeds"].iloc[0])
    lines = [
        f"{first['instance']}, optimum of all policies {finals['optimum'].iloc[0]:.3f}; T = {first['n_iterations']}, "
        f"N = {first['n_pairs']}, M = {first['n_queries']}; raters {first['raters']}, assumed {first['assumed']}",
        f"final value: exact value after the last iteration, mean over {seeds} seeds ± Student's t 95%",
    ]
    if n_tests:
        lines.append(
            "differences: paired by seed, given the settings; 95% limits of each alone, p by flipping signs after Holm "
            f"over {'one pair' if n_tests == 1 else f'all {n_tests} pairs'} of methods, * below 5%; "
            f"below {RESOLUTION:g} of the optimum in one seed they count as none"
        )
        least = n_tests * 2.0 ** (1 - seeds)
        if least > 0.05:
            lines.append(f"with {seeds} seeds no p can be below {min(least, 1):.2g}: no difference can be significant")
    return [
        *lines,
        f"tuning, the same for every method: {rule_in_words()};",
        "these runs have seeds of their own, raters who use the link assumed, and are not counted in the cost; "
        "edge: a setting beside it was not tried",
        "PPO's advantages are exact under the learned reward unless sampled; so are baselines of REINFORCE and GPOMDP",
    ]


def _difference(test: pd.Series) -> str:
    """Difference and limits to the digits that their width leaves meaning to; few seeds have no limits."""
    half = (test["ci_high"] - test["ci_low"]) / 2
    if math.isinf(half):
        return f"{test['difference']:+.3f}"
    digits = min(12, max(0, 1 - math.floor(math.log10(half)))) if half > 0 else 3
    return f"{test['difference']:+.{digits}f} [{test['ci_low']:+.{digits}f}, {test['ci_high']:+.{digits}f}]"


def _edge(at_edge: bool) -> str:
    return " (edge)" if at_edge else ""


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
