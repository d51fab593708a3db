"""Figures of the report, each as one data URI with a text that stands for it."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from experiments.commands.rate_runs import Asked, Found
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
    figures = [get_figure(name) for name in names]
    frames = {name: frames for name, frames in own.items() if shipped}
    return [_registered(figure, frames.get(figure.name), context) for figure in figures]


def _registered(figure: PaperFigure, frames: Frames | None, context: FigureContext) -> Drawing:
    drawn = figure.draw(frames or figure.compute(context))
    labels = "" if frames is None or "verdicts" not in frames else _in_words(frames)
    command = f"zpg figures --only {figure.name}" + (" --preset paper" if context.preset == "paper" else "")
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
    return frames


def _of_instances(results: RateResults, asked: Asked) -> list[Drawing]:
    """One figure an instance, for claims that no figure of the package shows."""
    verdicts = results.verdicts
    kept = verdicts[(verdicts["kind"] == "claim") & (verdicts["outcome"] != "NOT APPLICABLE")]
    found = []
    for instance, rows in kept.groupby("instance", sort=False):
        drawn = draw_rates(results.points, rows, str(instance))
        title = f"Measured against stated rates on {instance}"
        words = _in_words({"verdicts": rows})
        found.append(Drawing(f"rates-{instance}", title, f"{title}. {words}", _uri(drawn), command_of(asked)))
    return found


def command_of(asked: Asked) -> str:
    """The command whose claims these are."""
    words = ["zpg rates"]
    words += [f"--preset {asked.preset}"] if asked.preset != "quick" else []
    words += [f'--claims "{name}"' for name in asked.claims]
    words += [f"--{name} {value}" for name, value in (("method", asked.method), ("axis", asked.axis)) if value != "all"]
    return " ".join(words + ([] if asked.controls else ["--no-controls"]))


def _in_words(frames: Frames) -> str:
    """Slopes and verdicts, one axis after the other."""
    rows: Iterable[tuple[str, object]] = ((str(row.axis), row) for row in frames["verdicts"].itertuples())
    return "; ".join(f"{axis}: {verdict_label(row)}" for axis, row in rows)


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
