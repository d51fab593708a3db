"""Write the tables of rates.md anew from the files of commands: python docs/rate_tables.py results.

A table stands below a line ``<!-- rows: NAME -->``, where NAME is one of `GROUPS` or `OTHERS`. The files come from
`zpg rates`, `zpg rates --preset paper --axis floor`, `zpg faults` and `zpg figures --only mismatched-floors`. Tables
whose file is missing stay as they are.
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
    "simulated": "kind == 'sampled claim'",
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
    """The page with every marked table written anew whose frame is given, by the names of `FILES` and `OTHERS`."""

    def anew(found: re.Match[str]) -> str:
        group = found[2]
        if (group if group in (*FILES, *OTHERS) else "verdicts") not in frames:
            return found[0]
        written = other_table(group, frames[group]) if group in OTHERS else table(group, frames)
        return f"{found[1]}{written}\n"

    return re.sub(r"(<!-- rows: (\w+) -->\n\n)(?:\|.*\n)*", anew, page)


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "results")
    files = {name: folder / file for name, file in (FILES | OTHERS).items()}
    tables = {name: pd.read_csv(file) for name, file in files.items() if file.exists()}
    PAGE.write_text(with_tables(PAGE.read_text(), tables))
