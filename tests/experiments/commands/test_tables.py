"""Tables on terminals that are too narrow for them."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from rich.console import Console
from rich.table import Table

from experiments.commands import tables, terminal


@pytest.mark.parametrize("width", [10, 40, 200])
def test_no_word_is_cut_however_narrow_the_terminal(width, monkeypatch):
    screen = Console(file=io.StringIO(), width=width)
    monkeypatch.setattr(terminal, "console", lambda: screen)
    table = Table("method", "difference")
    table.add_column("var vote", no_wrap=True)
    table.add_row("reinforcement learning", "+1.25 [-0.125, +2.625]", "")
    terminal.show(table)
    printed = screen.file.getvalue()
    assert all(
        word in printed
        for word in ("reinforcement", "learning", "difference", "+1.25", "[-0.125,", "+2.625]", "var vote")
    )


def test_table_of_variance_tells_what_was_done_about_directions() -> None:
    frame = pd.DataFrame(
        {
            "title": ["ZPG", "coordinates", "REINFORCE"],
            "standard_error": [0.1, 0.0, 0.0],
            "directions": [2048, 10, 0],
            "directions_searched": [2048, 10, 0],
        }
    )
    counted = "where every direction is counted, or there is none"
    said = f"s.e.: standard error of mse, from 2048 sampled directions; 0 {counted}"
    assert tables._directions(frame) == said
    assert tables._directions(frame[1:]) == f"s.e. 0 {counted}"
    fewer = frame.assign(directions_searched=[256, 10, 0])
    assert tables._directions(fewer) == f"{said}\nradius searched over 256 directions, where a law takes long: ZPG"
