"""Write the tables of rates.md anew from the files of `zpg rates` and `zpg rates --preset paper --axis floor`.

Write ``python docs/rate_tables.py results``. A table stands below a line ``<!-- rows: NAME -->``, where NAME is one of
`GROUPS`. Tables whose file is missing stay as they are.
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

CURVE = "| curve | iterations | measured / predicted | verdict |"
SUMMARY = "| floors | claims | judged | EXACT | mean ratio | worst ratio | with control variate: mean | worst |"

# What a table selects of the verdicts; the last three have files of their own.
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
    "curves": "",
    "summary": "",
}
FILES = {
    "verdicts": "rates_verdicts.csv",
    "floors": "rates_floors.csv",
    "curves": "rates_curves.csv",
    "summary": "rates_preset-paper_axis-floor_floors.csv",
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
        "" if pd.isna(row["next_order"]) else f"{row['next_order']:+.2%}",
        row["outcome"],
    )
    return f"| {' | '.join(cells)} |"


def curve_rows(curves: pd.DataFrame) -> list[str]:
    """One row per claim on a curve, with its ratios at the checkpoints."""
    rows = []
    for claim, points in curves.groupby("claim", sort=False):
        ran = points.dropna(subset="ratio")
        read = [", ".join(f"{x:{form}}" for x in ran[name]) for name, form in (("iteration", ".0f"), ("ratio", ".3f"))]
        rows.append(f"| {claim} | {' | '.join(read)} | {points['outcome'].iloc[0]} |")
    return rows


def summary_rows(floors: pd.DataFrame) -> list[str]:
    """Counts and ratios of the claims on constants by instance, schedule, link, M and method."""
    claims = floors[floors["kind"] == "claim"]
    drawn = ~claims["claim"].str.contains(", [NM] = ")
    random = claims["instance"].str.startswith("random")
    sharp = claims["claim"].str.contains("sharpened")
    groups = {
        "all": claims["claim"] == claims["claim"],
        "circular": drawn & ~random,
        "24 random garnets": drawn & random,
        "circular, stated schedule along N and M": ~drawn & ~sharp,
        "circular, sharpened schedule along N and M": ~drawn & sharp,
    }
    links = claims["link"].str.partition("(")[0]
    groups |= {f"drawn settings: {link}": drawn & (links == link) for link in links[drawn].unique()}
    groups |= {f"drawn settings: M = {m:g}": drawn & (claims["n_queries"] == m) for m in (1, 5, 25, float("inf"))}
    groups |= {method: claims["method"] == method for method in claims["method"].unique()}
    return [_summary(name, claims[chosen]) for name, chosen in groups.items() if chosen.any()]


def _summary(name: str, claims: pd.DataFrame) -> str:
    judged = claims[claims["outcome"] != "NOT APPLICABLE"]
    counts = (len(claims), len(judged), (judged["outcome"] == "EXACT").sum())
    ratios = [
        f"{value:.4f}" if mean else f"{value:.3f}"
        for column in ("ratio", "reduced")
        for mean, value in ((True, judged[column].mean()), (False, _farthest(judged[column])))
    ]
    return f"| {name} | {' | '.join(map(str, counts))} | {' | '.join(ratios)} |"


def _farthest(ratios: pd.Series) -> float:
    known = ratios.dropna()
    return float("nan") if known.empty else float(known[(known - 1).abs().idxmax()])


def table(group: str, frames: Mapping[str, pd.DataFrame]) -> str:
    """Table of a group, header included."""
    if group == "floors":
        head, rows = FLOOR, [floor_row(row) for _, row in frames["floors"].iterrows()]
    elif group == "curves":
        head, rows = CURVE, curve_rows(frames["curves"])
    elif group == "summary":
        head, rows = SUMMARY, summary_rows(frames["summary"])
    else:
        chosen = frames["verdicts"].fillna({"instance": ""}).query(GROUPS[group])
        head, rows = CLAIM, [claim_row(row) for _, row in chosen.iterrows()]
    return "\n".join([head, "|" + "---|" * (head.count("|") - 1), *rows])


def with_tables(page: str, frames: Mapping[str, pd.DataFrame]) -> str:
    """The page with every marked table written anew whose frame is given, by the names of `FILES`."""

    def anew(found: re.Match[str]) -> str:
        group = found[2]
        if (group if group in FILES else "verdicts") not in frames:
            return found[0]
        return f"{found[1]}{table(group, frames)}\n"

    return re.sub(r"(<!-- rows: (\w+) -->\n\n)(?:\|.*\n)*", anew, page)


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "results")
    tables = {name: pd.read_csv(folder / file) for name, file in FILES.items() if (folder / file).exists()}
    PAGE.write_text(with_tables(PAGE.read_text(), tables))
