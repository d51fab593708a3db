"""Write the tables of rates.md anew from the files of `zpg rates`: python docs/rate_tables.py results.

A table stands below a line ``<!-- rows: NAME -->``, where NAME is one of `GROUPS` or `OTHERS`. The others come from
`zpg rates`, `zpg faults` and `zpg figures --only mismatched-floors`; those whose file is not there stay as they are.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

PAGE = Path(__file__).with_name("rates.md")
CLAIM = "| claim | slope | 95% interval | stated | verdict | local slopes | measured / bound | window | runs |"
FLOOR = "| floor | N | M | mu | alpha | predicted | measured / predicted | 95% interval | next order | verdict |"

ENERGY = "| balance | N | M | mu | pull of E g | at 1/8 of the step | at 1/32 | at 0 | 95% interval | verdict |"
TURNED = "| claims | planted fault | quantity | measured | 95% limits | caught |"

# Files of the other tables. Of the laws there is a table for each of two scales.
OTHERS = {
    "energy": "rates_energy.csv",
    "turned": "faults_groups.csv",
    "certain": "figures/mismatched-floors_laws.csv",
    "unsure": "figures/mismatched-floors_laws.csv",
}
SCALES = {"certain": 1.0, "unsure": 3.0}

# What a table selects of the verdicts; `floors` is a file of its own.
GROUPS = {
    "stated": "kind == 'claim' and instance == 'circular' and not sharpened",
    "instances": "kind == 'claim' and axis != 'd' and instance not in ('circular', 'circular-cloglog', '')",
    "dimension": "kind == 'claim' and axis == 'd' and instance != ''",
    "sharpened": "kind == 'claim' and instance == 'circular' and sharpened",
    "asymmetric": "kind == 'claim' and instance == 'circular-cloglog'",
    "exact": "kind == 'exact claim'",
    "simulated": "kind == 'sampled claim'",
    "faults": "kind == 'control'",
    "floors": "",
}


def claim_row(row: pd.Series) -> str:
    """Cells of a claim with an exponent, as `zpg rates` prints them."""
    runs = row["replicates"] > 1
    slopes = ast.literal_eval(row["local_slopes"])
    marks = {"TIGHT": row["tight"], "curved": row["curved"], "alone": not row["in_family"]}
    cells = (
        row["claim"],
        f"{row['slope']:+.3f}",
        f"[{row['ci_low']:+.3f}, {row['ci_high']:+.3f}]" if runs else "exact",
        f"{row['exponent']:+.2f}",
        ", ".join([row["outcome"], *(mark for mark, given in marks.items() if given)]),
        f"{min(slopes):+.2f} .. {max(slopes):+.2f}",
        "" if pd.isna(row["ratio"]) else f"{row['ratio']:.2g}",
        row["window"],
        str(row["replicates"]) if runs else "",
    )
    return f"| {' | '.join(cells)} |"


def floor_row(row: pd.Series) -> str:
    """Cells of a claim on a constant."""
    ran = row["replicates"] > 0
    cells = (
        row["claim"],
        *(f"{row[name]:g}" for name in ("n_pairs", "n_queries", "radius", "step_size")),
        f"{row['predicted']:.3g}" if ran else "",
        f"{row['ratio']:.3f}" if ran else "",
        f"[{row['ratio_low']:.3f}, {row['ratio_high']:.3f}]" if ran else "",
        "" if pd.isna(row["next_order"]) else f"{row['next_order']:+.1%}",
        row["outcome"],
    )
    return f"| {' | '.join(cells)} |"


def energy_row(row: pd.Series) -> str:
    """Cells of an energy balance."""
    cells = (
        row["claim"],
        *(f"{row[name]:g}" for name in ("n_pairs", "n_queries", "radius")),
        *(f"{row[name]:.3f}" for name in ("pull", "ratio_first", "ratio_second", "ratio")),
        f"[{row['ratio_low']:.3f}, {row['ratio_high']:.3f}]",
        row["outcome"],
    )
    return f"| {' | '.join(cells)} |"


def turned_row(row: pd.Series) -> str:
    """Cells of a group of claims with a planted fault, as `zpg faults` prints them."""
    ends = (between(row["least"], row["most"], row["quantity"]), between(row["low"], row["high"], row["quantity"]))
    left = row["claims"] - row["judged"]
    caught = f"{row['caught']} of {row['judged']}{f', {left} not judged' if left else ''}"
    return f"| {' | '.join((row['group'], row['fault'], row['quantity'], *ends, caught))} |"


def between(least: float, most: float, quantity: str) -> str:
    """A range, or its one number; slopes have a sign."""
    shown = [f"{end + 0.0:{'+' if quantity == 'slope' else ''}.3f}" for end in (round(least, 3), round(most, 3))]
    return shown[0] if shown[0] == shown[1] else " .. ".join(shown)


def mismatch_table(laws: pd.DataFrame, scale: float) -> str:
    """Ratios of floors at one scale: a row for every link as read, a column for every link of the raters."""
    here = laws[(laws["scale"] - scale).abs() < 1e-6].set_index(["read", "raters"])
    links = list(dict.fromkeys(laws["read"]))
    lines = [f"| read as | {' | '.join(f'raters {name}' for name in links)} |", "|" + "---|" * (len(links) + 1)]
    for read in links:
        cells = [here.loc[(read, raters)] for raters in links]
        lines.append(f"| {read} | {' | '.join(ratio_of(cell) for cell in cells)} |")
    return "\n".join(lines)


def ratio_of(cell: pd.Series) -> str:
    """A ratio of floors, in brackets where the law is outside its linear regime."""
    if pd.isna(cell["ratio"]):
        return ""
    shown = f"{cell['ratio']:.{2 if cell['ratio'] < 10 else 0}f}"
    return shown if cell["linear"] else f"({shown})"


def other_table(group: str, frame: pd.DataFrame) -> str:
    """Table of one of `OTHERS`, header included."""
    if group in SCALES:
        return mismatch_table(frame, SCALES[group])
    head, row = (ENERGY, energy_row) if group == "energy" else (TURNED, turned_row)
    return "\n".join([head, "|" + "---|" * (head.count("|") - 1), *(row(each) for _, each in frame.iterrows())])


def table(group: str, verdicts: pd.DataFrame, floors: pd.DataFrame) -> str:
    """Table of a group, header included."""
    if group == "floors":
        head, rows = FLOOR, [floor_row(row) for _, row in floors.iterrows()]
    else:
        chosen = verdicts.fillna({"instance": ""}).query(GROUPS[group])
        head, rows = CLAIM, [claim_row(row) for _, row in chosen.iterrows()]
    return "\n".join([head, "|" + "---|" * (head.count("|") - 1), *rows])


def with_tables(
    page: str, verdicts: pd.DataFrame, floors: pd.DataFrame, others: Mapping[str, pd.DataFrame] | None = None
) -> str:
    """The page with every marked table written anew, but for those of `OTHERS` that are not given."""
    given = others or {}

    def anew(found: re.Match[str]) -> str:
        if found[2] not in OTHERS:
            return f"{found[1]}{table(found[2], verdicts, floors)}\n"
        return f"{found[1]}{other_table(found[2], given[found[2]])}\n" if found[2] in given else found[0]

    return re.sub(r"(<!-- rows: (\w+) -->\n\n)(?:\|.*\n)*", anew, page)


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "results")
    tables = [pd.read_csv(folder / f"rates_{name}.csv") for name in ("verdicts", "floors")]
    found = {name: pd.read_csv(folder / file) for name, file in OTHERS.items() if (folder / file).exists()}
    PAGE.write_text(with_tables(PAGE.read_text(), *tables, found))
