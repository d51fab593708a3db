"""Errors where pairs came from and where the policy goes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.catalogue.lookup import find
from experiments.studies import distribution_shift
from experiments.studies.distribution_shift import ShiftCell, run_shift, shift_table
from experiments.studies.reward_errors import worst_first
from theory import policy_value


@pytest.fixture(scope="module")
def shifts():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distribution_shift, "N_ITERATIONS", 25)
        return run_shift(ShiftCell("garnet", "bad actions", 6, 1))


def test_every_method_has_every_replicate_and_only_rewards_have_errors(shifts):
    assert shifts.groupby("method").size().to_dict() == {"ppo-offline": 6, "ppo-online": 6, "zpg": 6}
    assert shifts["error_current"].isna().equals(shifts["method"] == "zpg")
    assert shifts["share"].between(-1, 1 + 1e-9).all()


def test_errors_grow_towards_the_trained_policy_offline_and_shrink_online(shifts):
    """Pairs of one policy tell least about another; the fault of taking the two sources for each other would show."""
    mean = shifts.groupby("method")["shift"].mean()
    assert mean["ppo-offline"] > 1.2
    assert mean["ppo-online"] < 0.8


def test_the_start_prefers_bad_actions(shifts):
    """Its return is below that of the uniform policy, so more is to be gained."""
    instance = find("instance", "garnet")
    bad = instance.start + distribution_shift.STARTS["bad actions"] * worst_first(instance.mdp)
    values = policy_value(instance.mdp, instance.policy, np.stack([instance.start, bad]))
    assert values[1] < values[0] - 0.5
    assert set(shifts["start"]) == {"bad actions"}


def test_the_table_leaves_out_what_has_no_numbers():
    frame = pd.DataFrame({"method": ["zpg"] * 3, "share": [0.1, 0.2, 0.3]}).assign(
        instance="here", start="uniform", shift=np.nan, **dict.fromkeys(distribution_shift.ERRORS, np.nan)
    )
    table = shift_table(frame)
    assert list(table["measure"]) == ["share"]
    assert table["mean"].iloc[0] == pytest.approx(0.2)
    assert table["low"].iloc[0] < 0 < table["high"].iloc[0]
