"""Floors under raters of another link: 1 where the links agree or cannot be told apart, and as simulated elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.running.execution import Execution
from experiments.studies import mismatched_floors as module
from experiments.studies.mismatched_floors import mismatched_floors, simulated_mismatches
from theory import LINKS

HERE = Execution(seed=6, jobs=1)


@pytest.fixture
def two_links(monkeypatch):
    monkeypatch.setattr(module, "LINKS", {name: LINKS[name] for name in ("logistic", "probit")})


def test_right_links_have_a_ratio_of_one_and_flat_links_look_alike(two_links):
    frame = mismatched_floors((1.0, 40.0), HERE)
    assert len(frame) == 8
    assert frame["linear"].all()
    assert (frame.loc[frame["raters"] == frame["read"], "ratio"] == 1).all()
    frame = frame.set_index(["raters", "read", "scale"])
    # The control of the floors has the same setting; measured there: 1.12 with 256 replicates.
    assert frame.loc[("probit", "logistic", 1.0), "ratio"] == pytest.approx(1.12, abs=0.01)
    assert frame.loc[("logistic", "probit", 1.0), "ratio"] == pytest.approx(0.89, abs=0.01)
    assert frame.loc[("probit", "logistic", 40.0), "ratio"] == pytest.approx(1, abs=1e-3)


def test_a_link_that_saturates_cannot_be_read(monkeypatch):
    monkeypatch.setattr(module, "LINKS", {name: LINKS[name] for name in ("logistic", "linear")})
    frame = mismatched_floors((1.0,), HERE).set_index(["raters", "read"])
    assert "saturate" in frame.loc[("logistic", "linear"), "reason"]
    assert np.isnan(frame.loc[("logistic", "linear"), "ratio"])
    assert not frame.loc[("logistic", "linear"), "linear"]
    assert frame.loc[("linear", "logistic"), "ratio"] == pytest.approx(1.82, abs=0.01)


@pytest.mark.slow
def test_simulated_ratios_are_those_of_the_law():
    """Within 4.5 standard errors: with 28 ratios a false alarm has probability below 1e-3. It sees 10% at worst."""
    laws = mismatched_floors((1.0, 3.0), HERE).set_index(["raters", "read", "scale"])
    points = simulated_mismatches((1.0, 3.0), 128, HERE).set_index(["raters", "read", "scale"])
    both = points.join(laws[["ratio", "linear", "floor"]].rename(columns={"ratio": "ratio_law"}))
    # Where the floor itself is large, the law is off by a few percent.
    sound = both[both["linear"] & (both["floor"] < 0.05)]
    assert len(sound) >= 20
    errors = (sound["ratio_high"] - sound["ratio_low"]) / (2 * 1.96)
    assert (np.abs(sound["ratio"] - sound["ratio_law"]) < 4.5 * errors).all()
