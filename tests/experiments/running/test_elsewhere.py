"""Work on a cluster: looked up and kept by the process that sends it, one result at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from experiments.catalogue.claims import Claim, Setup
from experiments.rates.cells import cells_of, run_cells
from experiments.running import elsewhere, run_tasks
from experiments.running.backends import ReportingParallel
from experiments.running.execution import Execution
from experiments.running.finished_work import Sealed, fetch
from theory.rates import STATED_RATE

pytest.importorskip("distributed")
CLAIM = Claim("small", "zbcpg-1", "bandit", "N", (10.0, 100.0), Setup(3, n_queries=5.0), STATED_RATE, 96, False, "")
CELLS = cells_of(CLAIM, seed=0)


def run(cache: Path | None, backend: str = "dask") -> pd.DataFrame:
    return run_cells(CELLS, Execution(jobs=1, cache=cache, backend=backend))  # type: ignore[arg-type]


def entries(cache: Path) -> list[Path]:
    return sorted(cache.rglob("output.pkl"))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Workers of this process in place of a cluster; the numbers of the tasks that they get."""
    numbers: list[int] = []

    @contextmanager
    def here(execution: Execution) -> Iterator[ReportingParallel]:
        yield ReportingParallel(n_jobs=1, return_as="generator_unordered")

    def noted(number, run, order, key, sender):
        numbers.append(number)
        assert not hasattr(run, "call_and_shelve"), "a worker keeps nothing"
        return number, fetch(run, order, key, sender)

    monkeypatch.setattr(elsewhere, "workers", here)
    monkeypatch.setattr(elsewhere, "_numbered", noted)
    return numbers


def test_rows_are_those_of_this_machine_and_every_result_is_kept_once(tmp_path: Path, sent: list[int]) -> None:
    expected = run(None, "loky")
    for cache, expected_sent in ((None, 3), (tmp_path, 3), (tmp_path, 0)):
        sent.clear()
        pd.testing.assert_frame_equal(run(cache), expected, check_exact=True)
        assert len(sent) == expected_sent
    assert len(entries(tmp_path)) == len(CELLS)
    # The same key, so work moves from a cluster to this machine and back.
    pd.testing.assert_frame_equal(run(tmp_path, "loky"), expected, check_exact=True)
    assert len(entries(tmp_path)) == len(CELLS)


def test_a_damaged_entry_is_sent_again_and_named(tmp_path: Path, sent: list[int], caplog) -> None:
    expected = run(tmp_path)
    entries(tmp_path)[0].write_bytes(b"")
    sent.clear()
    with caplog.at_level(logging.WARNING):
        pd.testing.assert_frame_equal(run(tmp_path), expected, check_exact=True)
    assert len(sent) == 1
    (message,) = caplog.messages
    assert "1 damaged entries" in message


def test_what_has_arrived_is_kept_when_the_rest_is_lost(tmp_path: Path, sent: list[int], monkeypatch) -> None:
    whole = elsewhere._numbered

    def second_is_lost(number, run, order, key, sender):
        if len(sent) == 1:
            raise KeyboardInterrupt
        return whole(number, run, order, key, sender)

    monkeypatch.setattr(elsewhere, "_numbered", second_is_lost)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    assert len(entries(tmp_path)) == 1


def test_progress_counts_what_was_kept_before(tmp_path: Path, sent: list[int]) -> None:
    run_cells(CELLS[:1], Execution(jobs=1, cache=tmp_path, backend="dask"))
    reported: list[tuple[int, int]] = []
    how = Execution(jobs=1, cache=tmp_path, backend="dask", progress=lambda done, total: reported.append((done, total)))
    run_cells(CELLS, how)
    assert reported[-1] == (3, 3)
    assert (1, 3) not in reported or reported[0] == (1, 3)


def test_a_result_is_filed_as_it_came() -> None:
    sealed = Sealed(b"content", b"digest")
    assert run_tasks._carry_out(sealed, "key") is sealed
