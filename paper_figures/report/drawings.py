"""Figures of the report, each as one data URI with a text that stands for it."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from experiments.commands.rate_runs import Asked, Found
from experiments.rates.garnets import shares
from experiments.rates.run_claims import RateResults
from paper_figures.rates_figure import draw_rates, verdict_label
from paper_figures.registry import FigureContext, Frames, PaperFigure, all_figures, get_figure
from paper_figures.save import render

# A larger drawing goes in as pixels.
LARGEST_SVG = 400_000
_KINDS = {"svg": "image/svg+xml", "png": "image/png"}


@dataclass(frozen=True)
class Drawing:
    """One figure on the page.

    Attributes
    ----------
    name, title : str
    alternative : str
        What to read where the figure is not seen.
    uri : str
        The figure itself.
    command : str
        Makes it as files.
    """

    name: str
    title: str
    alternative: str
    uri: str
    command: str


def drawings(found: Found, asked: Asked, only: Sequence[str], folder: Path, context: FigureContext) -> list[Drawing]:
    """Figures by name, or by default those that cost little.

    These are the figures of the claims that were run, from the very numbers of the table, and the figures whose data
    are in the folder already: they are computed anew from finished work.

    Parameters
    ----------
    found, asked
        The claims, and which were asked for.
    only : sequence of str
        Names from `zpg list`, or ``module:attribute``.
    folder : Path
        Where `zpg figures` puts its files.
    context : FigureContext
    """
    own = _of_claims(found)
    shipped = not asked.claims and asked.instance is None and not asked.garnets
    names = list(only) or [name for name in all_figures() if name in own or bool(list(folder.glob(f"{name}_*.csv")))]
    if not shipped and not only:
        return _of_instances(found.rates, asked) if found.rates is not None else []
    known = own if shipped else {}
    return [_registered(name, get_figure(name), known.get(name), asked, context) for name in names]


def _registered(name: str, figure: PaperFigure, frames: Frames | None, asked: Asked, context: FigureContext) -> Drawing:
    drawn = figure.draw(frames or figure.compute(context))
    labels = "" if frames is None or "verdicts" not in frames else _in_words(frames["verdicts"])
    command = f"zpg figures --only {name}" + (" --preset paper" if context.preset == "paper" else "")
    if frames is not None and not asked.usual:
        command = command_of(asked, "report")
    return Drawing(figure.name, figure.title, f"{figure.title}. {labels or _axes(drawn)}", _uri(drawn), command)


def _of_claims(found: Found) -> dict[str, Frames]:
    """Frames of those figures that show the claims of the table."""
    frames: dict[str, Frames] = {}
    if found.rates is not None:
        verdicts = found.rates.verdicts
        kept = verdicts[(verdicts["kind"] == "claim") & (verdicts["outcome"] != "NOT APPLICABLE")]
        kept = kept[~kept["sharpened"].astype(bool)]
        on_main = kept["instance"] == "circular"
        points = found.rates.points
        if on_main.any():
            frames["rates"] = {"points": points, "verdicts": kept[on_main]}
        if (~on_main).any():
            frames["rates-instances"] = {"points": points, "verdicts": kept[~on_main]}
    if found.floors is not None:
        frames["floors"] = {"floors": found.floors.rows[found.floors.rows["kind"] == "claim"]}
    if found.garnets is not None:
        frames["random-garnets"] = {"shares": shares(found.garnets.verdicts)}
    return frames


def _of_instances(results: RateResults, asked: Asked) -> list[Drawing]:
    """One figure an instance, for claims that no figure of the package shows."""
    verdicts = results.verdicts
    kept = verdicts[(verdicts["kind"] == "claim") & (verdicts["outcome"] != "NOT APPLICABLE")]
    found = []
    for instance, rows in kept.groupby("instance", sort=False):
        drawn = draw_rates(results.points, rows, str(instance))
        title = f"Measured against stated rates on {instance}"
        command = command_of(asked, "report")
        found.append(Drawing(f"rates-{instance}", title, f"{title}. {_in_words(rows)}", _uri(drawn), command))
    return found


def command_of(asked: Asked, command: str = "rates") -> str:
    """The command whose claims these are."""
    words = [f"zpg {command}"]
    words += [f"--preset {asked.preset}"] if asked.preset != "quick" else []
    words += [f'--claims "{name}"' for name in asked.claims]
    words += [f"--{name} {value}" for name, value in (("method", asked.method), ("axis", asked.axis)) if value != "all"]
    return " ".join(words + ([] if asked.controls else ["--no-controls"]))


def _in_words(verdicts: pd.DataFrame) -> str:
    """Slopes and verdicts, one claim after the other."""
    several = verdicts["instance"].nunique() > 1
    places = [f"{row.instance}, {row.axis}" if several else f"{row.axis}" for row in verdicts.itertuples()]
    labels = map(verdict_label, verdicts.itertuples())
    return "; ".join(f"{place}: {label}" for place, label in zip(places, labels, strict=True))


def _axes(figure: Figure) -> str:
    """What each panel shows, by the labels of its axes."""
    pairs = [(ax.get_ylabel(), ax.get_xlabel()) for ax in figure.axes]
    words = dict.fromkeys(" against ".join(label for label in pair if label) for pair in pairs)
    return re.sub(r"[$\\{}]", "", "Panels: " + "; ".join(word for word in words if word)).replace("\n", " ")


def _uri(figure: Figure) -> str:
    content, ending = render(figure, "svg"), "svg"
    if len(content) > LARGEST_SVG:
        content, ending = render(figure, "png"), "png"
    return f"data:{_KINDS[ending]};base64,{base64.b64encode(content).decode()}"
