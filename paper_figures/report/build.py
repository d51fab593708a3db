"""Put a report together: claims, certificates, figures and what other commands left; then write it."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from experiments.commands.rate_runs import Asked, Found
from experiments.running.files import prepare_folder, write_bytes_whole
from experiments.running.records import ENDING, computed, write_record
from paper_figures.report.certificates import certificate_frame, certificate_grid
from paper_figures.report.constant_entries import curve_entries, energy_entries, floor_entries
from paper_figures.report.drawings import Drawing, command_of
from paper_figures.report.entries import Entry
from paper_figures.report.finished import finished_sections
from paper_figures.report.latex import latex, verdict_table
from paper_figures.report.page import Page, html_of
from paper_figures.report.provenance import provenance
from paper_figures.report.rate_entries import rate_entries


def entries_of(found: Found) -> list[Entry]:
    """One entry for every claim and planted fault of all results."""
    entries: list[Entry] = []
    if found.rates is not None:
        entries += rate_entries(found.rates, _names(found.rates.other))
    if found.floors is not None:
        entries += floor_entries(found.floors)
    if found.curves is not None:
        entries += curve_entries(found.curves)
    if found.energy is not None:
        entries += energy_entries(found.energy)
    if found.garnets is not None:
        verdicts = found.garnets.verdicts
        violated = _names(verdicts[verdicts["outcome"] == "VIOLATED"])
        entries += rate_entries(found.garnets, violated, ", random garnets")
    return entries


def page_of(found: Found, asked: Asked, drawn: list[Drawing], folder: Path, seed: int, date: str | None = None) -> Page:
    """Everything that a report shows.

    Parameters
    ----------
    found, asked
        The claims, and which were asked for.
    drawn : list of Drawing
    folder : Path
        Where other commands left their tables.
    seed : int
    date : str, optional
        Shown as it is. Without one, the same inputs give the same page.
    """
    certified = certificate_frame(_certificates(found))
    return Page(
        entries=tuple(entries_of(found)),
        passed=found.passed,
        certificates=certificate_grid(certified),
        exceeded=int(certified["exceeded"].sum()),
        drawings=tuple(drawn),
        sections=tuple(finished_sections(folder)),
        provenance=provenance(asked.preset, seed, date),
        command=command_of(asked) + (f" --seed {seed}" if seed else ""),
        quick=asked.preset == "quick",
    )


def write_report(page: Page, found: Found, folder: Path) -> list[Path]:
    """Write ``report.html``, ``tables/*.tex`` and the record of the tables, each whole or not at all.

    Returns
    -------
    list of Path
        The page first.
    """
    paths = [write_bytes_whole(folder / "report.html", html_of(page))]
    tables = prepare_folder(folder / "tables")
    for name, text in latex_tables(page, found).items():
        paths.append(write_bytes_whole(tables / f"{name}.tex", text.encode()))
    known = dict(page.provenance)
    settings = {"preset": known["preset"], "seed": int(known["seed"]), "claims": page.command}
    write_record(tables / f"tables{ENDING}", computed("zpg report", settings), paths[1:], {})
    return paths


def latex_tables(page: Page, found: Found) -> dict[str, str]:
    """LaTeX by the name of its file; no file for a table without rows."""
    judged = [entry for entry in page.entries if not math.isnan(entry.measured)]
    parts = {
        "verdicts": [entry for entry in judged if entry.slope],
        "floors": [entry for entry in judged if entry.test == "floor"],
        "curves-and-balances": [entry for entry in judged if not entry.slope and entry.test != "floor"],
    }
    tables = {name: verdict_table(entries) for name, entries in parts.items() if entries}
    certified = certificate_frame(_certificates(found))
    return tables | ({} if certified.empty else {"certificates": latex(certified)})


def _certificates(found: Found) -> pd.DataFrame:
    return pd.DataFrame() if found.rates is None else found.rates.certificates


def _names(rows: pd.DataFrame) -> frozenset[str]:
    return frozenset(map(str, rows["claim"]))
