"""Write the tables of comparisons in the docs from results: python docs/comparison_tables.py RESULTS ...

RESULTS are folders of `zpg compare`, without an instance and with `--instance` frozenlake, garnet, chain and bandit,
each with all methods and a split of its own for each. Each table follows a marked line of a page.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from experiments.catalogue.methods import METHODS
from experiments.commands.comparison_tables import against, split_of
from experiments.comparison.compare_learning import reference_method, tests_against

PAGES = tuple(Path(__file__).parent / name for name in ("comparison.md", "statements.md"))
MAIN = "stochastic-gridworld"
OTHERS = (MAIN, "frozenlake", "garnet", "chain", "bandit")
# Options that make another experiment of it.
USUAL = ["methods", "budget", "pairs", "queries", "scale", "raters"]
# Methods that ZPG is said to replace.
RIVALS = {
    METHODS[name].title: name
    for name in ("dpo-offline", "dpo-early", "dpo-online", "ppo-offline", "ppo-online", "ppo-sampled", "ppo-kl")
}

ENDS = "| method | final value | T x N x M | worst run | stuck | minus ZPG | P(above ZPG) | p (Holm) | trajectories |"


@dataclass(frozen=True, eq=False)
class Found:
    """Tables of one comparison."""

    finals: pd.DataFrame
    tests: pd.DataFrame

    @property
    def against(self) -> pd.DataFrame:
        """Tests of every method against the reference, by method."""
        return tests_against(self.tests, reference_method(self.finals)).set_index("method")


def read(folders: Iterable[Path]) -> dict[str, Found]:
    """Comparisons with the usual options in these folders, by instance; of several, the one with most seeds."""
    found: dict[str, Found] = {}
    for folder in folders:
        for path in sorted(folder.glob("compare*_finals.csv")):
            finals = pd.read_csv(path)
            given = finals.reindex(columns=USUAL).notna().to_numpy().any()
            instance = str(finals["instance"].iloc[0])
            before = found.get(instance)
            if given or finals["preset"].iloc[0] != "quick":
                continue
            if before is None or finals["seeds"].iloc[0] > before.finals["seeds"].iloc[0]:
                tests = pd.read_csv(path.with_name(path.name.replace("_finals.csv", "_tests.csv")))
                found[instance] = Found(finals, tests)
    return found


def ends_table(found: Found) -> str:
    """One row a method, best first."""
    lines = [ENDS, "|" + "---|" * (ENDS.count("|") - 1)]
    for row in found.finals.fillna({"knob_name": ""}).to_dict(orient="records"):
        known = row["method"] in found.against.index
        cells = (
            row["title"],
            f"{row['final']:.2f} [{row['ci_low']:.2f}, {row['ci_high']:.2f}]",
            split_of(row),
            f"{row['worst']:.2f}",
            f"{row['stuck']:.0%} [{row['stuck_low']:.0%}, {row['stuck_high']:.0%}]",
            *(against(found.against.loc[row["method"]]) if known else ("", "", "")),
            f"{row['trajectories']:,.0f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def instances_table(found: Mapping[str, Found]) -> str:
    """Percent of the optimum of every method, a column an instance, in the order of the first one."""
    names = [name for name in OTHERS if name in found]
    lines = [f"| method | {' | '.join(names)} |", "|" + "---|" * (len(names) + 1)]
    for row in found[names[0]].finals.itertuples():
        cells = [_percent(found[name], str(row.method)) for name in names]
        lines.append(f"| {row.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _percent(found: Found, method: str) -> str:
    """Percent of the optimum, with + or - where runs end above or below those of ZPG significantly often."""
    row = found.finals.set_index("method").loc[method]
    mark = ""
    if method in found.against.index and found.against.loc[method, "significant"]:
        mark = " +" if found.against.loc[method, "improvement"] > 0.5 else " -"
    return f"{row['final'] / row['optimum']:.1%}".rstrip("%") + mark


def versus_table(found: Mapping[str, Found]) -> str:
    """One row a method that learns from votes: where runs of ZPG end above its runs, below, or neither."""
    lines = ["| against | ZPG ends above on | below on | not told apart on |", "|---|---|---|---|"]
    names = [name for name in OTHERS if name in found]
    for title, method in RIVALS.items():
        sides: dict[str, list[str]] = {"above": [], "below": [], "even": []}
        for name in names:
            row = found[name].against.loc[method]
            # The odds are those of the other method.
            side = "even" if not row["significant"] else "below" if row["improvement"] > 0.5 else "above"
            sides[side].append(f"{name} ({1 - row['improvement']:.2f})")
        lines.append(f"| {title} | {' | '.join(', '.join(each) or 'none' for each in sides.values())} |")
    return "\n".join(lines)


def with_tables(page: str, found: Mapping[str, Found]) -> str:
    """The page with every marked table written anew for which there are results."""
    tables = {} if not found else {"instances": instances_table(found)}
    if found.keys() >= set(OTHERS):
        tables["versus"] = versus_table(found)
    if MAIN in found:
        tables["gridworld"] = ends_table(found[MAIN])

    def anew(match: re.Match[str]) -> str:
        return f"{match[1]}{tables[match[2]]}\n" if match[2] in tables else match[0]

    return re.sub(r"(<!-- rows: (\w+) -->\n\n)(?:\|.*\n)*", anew, page)


if __name__ == "__main__":
    results = read(map(Path, sys.argv[1:] or ["results"]))
    for path in PAGES:
        path.write_text(with_tables(path.read_text(), results))
