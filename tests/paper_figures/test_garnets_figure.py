from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.figure import Figure

from experiments.rates.garnets import CALLS, shares
from experiments.statistics.verdicts import Outcome
from paper_figures.garnets_figure import draw_garnets, draw_shares
from theory.errors import InputError


def verdicts(outcomes: list[Outcome], tight: list[bool]) -> pd.DataFrame:
    frame = pd.DataFrame({"outcome": outcomes, "tight": tight})
    return frame.assign(axis="N", method="zpg", title="ZPG")


EVERY = [Outcome.HOLDS, Outcome.HOLDS, Outcome.UNDECIDED, Outcome.NOT_APPLICABLE, Outcome.VIOLATED]
FRAME = verdicts(EVERY, [True, False, False, False, False])


def test_every_claim_is_counted_once() -> None:
    found = shares(pd.concat([FRAME, FRAME.assign(axis="M").iloc[:2]])).set_index(["axis", "call"])
    assert found["count"]["N"].to_dict() == dict.fromkeys(CALLS, 1)
    assert found["share"]["M"].to_dict() == {"TIGHT": 0.5, "HOLDS": 0.5} | dict.fromkeys(CALLS[2:], 0.0)


def test_bars_are_the_shares_and_fill_the_axis() -> None:
    ax = draw_shares(shares(FRAME), Figure().add_subplot())
    assert [bar.get_label() for bar in ax.containers] == list(CALLS)
    widths = [bar.patches[0].get_width() for bar in ax.containers]  # type: ignore[attr-defined]
    assert widths == pytest.approx([0.2] * 5)
    looks = {(str(bar.patches[0].get_facecolor()), bar.patches[0].get_hatch()) for bar in ax.containers}  # type: ignore[attr-defined]
    assert len(looks) == len(CALLS)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["$N$, ZPG"]
    assert draw_garnets(shares(FRAME)).axes


def test_a_call_that_is_lost_is_seen() -> None:
    with pytest.raises(InputError, match="sum to 1"):
        draw_shares(shares(FRAME).query("call != 'VIOLATED'").assign(), Figure().add_subplot())
    with pytest.raises(InputError, match="at least one row"):
        draw_shares(shares(FRAME).iloc[:0], Figure().add_subplot())
