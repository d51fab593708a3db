"""Write the tables of rates.md anew from the files of `zpg rates`: python docs/rate_tables.py results.

A table stands below a line ``<!-- rows: NAME -->``, where NAME is one of `GROUPS`.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pandas as pd

PAGE = Path(__file__).with_name("rates.md")
CLAIM = "| claim | slope | 95% interval | stated | verdict | local slopes | measured / bound | window | runs |"
FLOOR = "| floor | N | M | mu | alpha | predicted | measured / predicted | 95% interval | next order | verdict |"

# What a table selects of the verdicts; `floors` is a file of its own.
GROUPS = {
    "stated": "kind == 'claim' and instance == 'circular' and not sharpened",
    "instances": "kind == 'claim' and axis != 'd' and instance not in ('circular', 'circular-cloglog', '')",
    "dimension": "kind == 'claim' and axis == 'd' and instance != ''",
    "sharpened": "kind == 'claim' and instance == 'circular' and sharpened",
    "asymmetric": "kind == 'claim' and instance == 'circular-cloglog'",
    "exact": "kind == 'exact claim'",
    "simulated": "kind == 'claim' and instance == ''",
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


def table(group: str, verdicts: pd.DataFrame, floors: pd.DataFrame) -> str:
    """Table of a group, header included."""
    if group == "floors":
        head, rows = FLOOR, [floor_row(row) for _, row in floors.iterrows()]
    else:
        chosen = verdicts.fillna({"instance": ""}).query(GROUPS[group])
        head, rows = CLAIM, [claim_row(row) for _, row in chosen.iterrows()]
    return "\n".join([head, "|" + "---|" * (head.count("|") - 1), *rows])


def with_tables(page: str, verdicts: pd.DataFrame, floors: pd.DataFrame) -> str:
    """The page with every marked table written anew."""

    def anew(found: re.Match[str]) -> str:
        return f"{found[1]}{table(found[2], verdicts, floors)}\n"

    return re.sub(r"(<!-- rows: (\w+) -->\n\n)(?:\|.*\n)*", anew, page)


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "results")
    tables = [pd.read_csv(folder / f"rates_{name}.csv") for name in ("verdicts", "floors")]
    PAGE.write_text(with_tables(PAGE.read_text(), *tables))
