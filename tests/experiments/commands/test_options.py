"""Options that all commands share: lists, names of files, the version, and what is deleted."""

from __future__ import annotations

import pandas as pd
import pytest

from experiments.commands.options import split, suffix, with_settings


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (None, []),
        (["all"], []),
        (["zpg"], ["zpg"]),
        (["zpg, zspo ,", "exact"], ["zpg", "zspo", "exact"]),
        (["a:b,c:d"], ["a:b", "c:d"]),
    ],
)
def test_lists_may_be_repeated_or_have_commas_and_spaces(given, names):
    assert split(given) == names


def test_settings_tell_files_apart():
    names = [suffix(), suffix(seed=1), suffix(seed=2), suffix(methods=["a", "b"]), suffix(methods=["a+b"], seed=1)]
    assert names[0] == ""
    assert names[1] == "_seed-1"
    assert len(set(names)) == len(names)
    assert suffix(theta="0.3,-0.2") != suffix(theta="0.3,0.2")
    assert suffix(instance="mine:COIN") == "_instance-mine.COIN"
    long = suffix(methods=[f"method-number-{k}" for k in range(30)])
    assert len(long) < 20
    assert long != suffix(methods=[f"method-number-{k}" for k in range(31)])


def test_settings_are_columns_where_there_are_none_of_that_name():
    frame = with_settings(pd.DataFrame({"instance": ["a", "b"]}), {"instance": "c", "methods": ["x", "y"], "seed": 0})
    assert frame["instance"].tolist() == ["a", "b"]
    assert frame["seed"].tolist() == [0, 0]
    assert frame["methods"].tolist() == ["x, y"] * 2


def test_version_and_help(zpg_in_process):
    assert zpg_in_process("--version").stdout.startswith("zpg 0.")
    for asked in ((), ("--help",)):
        done = zpg_in_process(*asked)
        assert done.returncode == 0
        assert len(done.stdout.splitlines()) > 15, "a line a command"
        assert "rates" in done.stdout
        assert done.stderr == ""


def test_clean_deletes_finished_work_and_leaves_the_tables(tmp_path, zpg_in_process):
    assert "nothing to delete" in zpg_in_process("clean").stdout
    zpg_in_process("variance", "--instance", "bandit", "--methods", "zbcpg-1", "--pairs", "2", "--jobs", "1")
    (table,) = (tmp_path / "results").glob("variance*.csv")
    done = zpg_in_process("clean")
    assert "deleted" in done.stdout
    assert table.exists()
    assert not (tmp_path / "results" / "cache").exists()


def test_runs_with_other_settings_do_not_overwrite_each_other(tmp_path, zpg_in_process):
    small = ("variance", "--instance", "bandit", "--methods", "zbcpg-1,reinforce", "--jobs", "1")
    for more in (("--pairs", "2"), ("--pairs", "4"), ("--pairs", "4", "--seed", "1")):
        done = zpg_in_process(*small, *more)
        assert done.returncode == 0, done.stderr
    frames = [pd.read_csv(path) for path in sorted((tmp_path / "results").glob("variance*.csv"))]
    assert sorted((int(f["pairs"][0]), int(f["seed"][0])) for f in frames) == [(2, 0), (4, 0), (4, 1)]
    assert all(f["name"].tolist() == ["zbcpg-1", "reinforce"] for f in frames)
