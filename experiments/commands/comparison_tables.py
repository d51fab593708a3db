"""Tables of a comparison of methods on the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments.commands.terminal import console, show

if TYPE_CHECKING:
    import pandas as pd

    from experiments.comparison.compare_learning import Comparison


def print_comparison(found: Comparison, footer: str) -> None:
    """One row a method, best first, each tested against ZPG; what it cost and how it was tuned; what that means."""
    from rich.table import Table

    from experiments.comparison.compare_learning import reference_method, tests_against

    finals = found.finals
    reference = reference_method(finals)
    title = finals.set_index("method")["title"][reference]
    tests = tests_against(found.tests, reference).set_index("method")
    ends = Table(
        "method", "T x N x M", "final value", "worst", "stuck", f"minus {title}", f"P(above {title})", "p (Holm)"
    )
    costs = Table("method", "trajectories", "votes", "step", "also tuned", "settings tried")
    for row in finals.to_dict(orient="records"):
        test = tests.loc[row["method"]] if row["method"] in tests.index else None
        ends.add_row(
            row["title"],
            split_of(row),
            f"{row['final']:.3f} [{row['ci_low']:.2f}, {row['ci_high']:.2f}]",
            f"{row['worst']:.3f}",
            f"{row['stuck']:.0%} [{row['stuck_low']:.0%}, {row['stuck_high']:.0%}]",
            *(("", "", "") if test is None else against(test)),
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
    for line in _in_words(found):
        screen.print(line)
    screen.print(footer)


def split_of(row: Mapping[str, Any]) -> str:
    """The split of the budget that a method was given."""
    return f"{row['n_iterations']:,} x {row['n_pairs']} x {row['n_queries']:g}{_edge(row['split_at_edge'])}"


def against(test: pd.Series) -> tuple[str, str, str]:
    """Difference of means, probability of improvement and p-value of a test against the reference."""
    digits = _digits(test["ci_high"] - test["ci_low"])
    return (
        f"{test['difference']:+.{digits}f} [{test['ci_low']:+.{digits}f}, {test['ci_high']:+.{digits}f}]",
        f"{test['improvement']:.2f} [{test['improvement_low']:.2f}, {test['improvement_high']:.2f}]",
        f"{test['p_holm']:.2g}{' *' if test['significant'] else ''}",
    )


def _digits(width: float) -> int:
    """Digits that limits this far apart leave meaning to."""
    return min(12, max(2, 1 - math.floor(math.log10(width / 2)))) if width > 0 else 3


def _in_words(found: Comparison) -> list[str]:
    """What was compared, what the columns are, how the tests work and how the methods were tuned."""
    from experiments.comparison.compare_learning import STUCK
    from experiments.comparison.tuning import rule_in_words
    from experiments.statistics.intervals import RESOLUTION

    first, finals, n_tests = found.curves.iloc[0], found.finals, len(found.tests)
    seeds = int(finals["seeds"].iloc[0])
    least, optimum = found.bounds
    lines = [
        f"{first['instance']}, values of policies from {least:.3f} to {optimum:.3f}; raters {first['raters']}, assumed "
        f"{first['assumed']}; T iterations of N pairs and M votes a pair",
        f"final value: exact value after the last iteration, mean over {seeds} seeds; limits (95%, each alone) hold "
        "for any law of values in this range, since few seeds may miss an end that is rare",
        f"stuck: ends below the optimum by more than {STUCK:.0%} of its distance from the start; Clopper-Pearson 95%",
    ]
    if n_tests:
        lines.append(
            "P(above): that a run ends above one of the other method, given the settings; 95% limits each alone, p "
            f"against 1/2 by Chernoff's bound after Holm, {'one pair' if n_tests == 1 else f'all {n_tests} pairs'} of "
            f"methods, * below 5%; below {RESOLUTION:g} of the optimum a difference is a tie"
        )
        least_p = n_tests * 2.0 ** (1 - seeds)
        if least_p > 0.05:
            lines.append(
                f"with {seeds} seeds no p can be below {min(least_p, 1):.2g}: no difference can be significant"
            )
    return [
        *lines,
        f"tuning, the same for every method: {rule_in_words()};",
        "these runs have seeds of their own, raters who use the link assumed, and are not counted in the cost; "
        "edge: a setting beside it, or fewer or more pairs, was not tried",
        "PPO's advantages are exact under the learned reward unless sampled; so are baselines of REINFORCE and GPOMDP",
    ]


def print_sizes(sizes: pd.DataFrame) -> None:
    """How often the tests called a difference where there is none: the worst method of each scenario."""
    from rich.table import Table

    from experiments.comparison.size_check import NOMINAL

    table = Table("test", "where there is no difference", "worst", "calls", "95% interval", "promised at most")
    for (test, scenario), rows in sizes.groupby(["test", "scenario"], sort=False):
        worst = rows.loc[rows["rate"].idxmax()]
        interval = f"[{worst['low']:.1%}, {worst['high']:.1%}]"
        table.add_row(str(test), str(scenario), worst["method"], f"{worst['rate']:.1%}", interval, f"{NOMINAL:.0%}")
    show(table)
    beyond = sizes[sizes["low"] > NOMINAL]
    for row in beyond.to_dict(orient="records"):
        console().print(f"not as promised: {row['test']}, {row['scenario']}, {row['method']}: {row['rate']:.1%}")


def _edge(at_edge: bool) -> str:
    return " (edge)" if at_edge else ""
