"""Tables on terminals that are too narrow for them."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table

from experiments.commands import terminal


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
