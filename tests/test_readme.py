"""The README says what is so: its snippets run and print what it shows, and its numbers are those of the tables."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from experiments.catalogue.methods import METHODS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
TABLES = (ROOT / "docs" / "rates.md").read_text()
MOST_WORDS, MOST_LINES, MOST_CODE = 700, 80, 15
TITLES = {method.title for method in METHODS.values()}

# Rows of the README, and the claims of the tables that they quote.
QUOTED = {
    "T, iterations": "zpg T circular",
    "N, pairs of trajectories": "zpg N circular",
    "M, votes a pair": "zpg M circular",
    "eps, T ~ 1/eps, N ~ M ~ 1/eps^2": "zpg eps circular",
    "d, parameters": "zpg d circular-steps",
    "M, sharper schedule, a link that is not symmetric": "zpg M circular-cloglog sharpened",
}


def test_it_is_one_screen() -> None:
    assert len(README.splitlines()) <= MOST_LINES
    assert len(README.split()) <= MOST_WORDS


def test_snippet_prints_what_the_readme_shows() -> None:
    code, shown = re.search(r"\n```python\n(.*?)```\n\n```\n(.*?)```", README, re.DOTALL).groups()
    assert len(code.strip().splitlines()) <= MOST_CODE
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == shown


def rows(text: str) -> dict[str, list[str]]:
    """Cells of every row of the tables of a page, by the first cell."""
    split = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return {cells[0]: cells[1:] for cells in split}


def test_numbers_are_those_of_the_tables() -> None:
    quoted, tables = rows(README), rows(TABLES)
    for name, claim in QUOTED.items():
        slope, interval, _, verdict, *_ = tables[claim]
        assert quoted[name][1:3] == [f"{slope} {interval}", verdict], name
    faults = [cells for claim, cells in tables.items() if claim.startswith("control:")]
    assert f"{len(faults)} planted faults" in quoted
    assert all(any(cell.startswith("VIOLATED") for cell in cells) for cells in faults)
    for begins, words in (("floor ", "stationary floors, five links"), ("energy ", "energy balances")):
        exact = [claim for claim, cells in tables.items() if claim.startswith(begins) and cells[-1] == "EXACT"]
        assert f"{len(exact)} {words}" in quoted


def test_what_it_says_of_the_comparison_is_what_the_page_shows() -> None:
    """ZPG is at the optimum on three instances, with RLHF as practised below, and far behind on FrozenLake."""
    page = (ROOT / "docs" / "comparison.md").read_text().partition("<!-- rows: instances -->")[2]
    header = next(line for line in page.splitlines() if line.startswith("| method"))
    names = [name.strip() for name in header.strip("|").split("|")][1:]
    found = {name: cells for name, cells in rows(page).items() if name in TITLES}
    ends = {name: dict(zip(names, cells, strict=True)) for name, cells in found.items()}
    zpg, practised = ends["ZPG"], ends[METHODS["ppo-kl"].title]
    for name in ("garnet", "chain", "bandit"):
        assert (zpg[name], practised[name][-1]) == ("100.0", "-"), name
    assert practised["frozenlake"].endswith("+")
    assert float(zpg["frozenlake"]) < 50
    grid = {name: float(cells["stochastic-gridworld"].split()[0]) for name, cells in ends.items()}
    rivals = [end for name, end in grid.items() if "PPO" in name or "DPO" in name]
    assert max(rivals) - grid["ZPG"] < 0.5
