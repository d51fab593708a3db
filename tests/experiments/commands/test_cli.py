"""The command line as a newcomer and a careless user would type it."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from functools import partial

import pandas as pd
import pytest

from experiments.rates import floor_claims


def zpg(*arguments: str, cwd=None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "paper_figures.cli", *arguments], capture_output=True, text=True, cwd=cwd, check=False
    )


def test_solve_prints_every_digit_of_the_known_values(tmp_path):
    done = zpg("solve", "frozenlake", "--json", str(tmp_path / "s.json"))
    assert done.returncode == 0, done.stderr
    facts = json.loads((tmp_path / "s.json").read_text())
    assert facts["value"] == pytest.approx(0.01244482429228811, abs=1e-12)
    assert facts["optimum"] == pytest.approx(0.19913270083486317, abs=1e-12)
    assert facts["gradient norm"] == pytest.approx(0.006030004851263581, abs=1e-12)
    assert repr(facts["value"]) in done.stdout


def test_own_mdp_is_solved_and_checked(tmp_path, zpg_in_process):
    (tmp_path / "mine.py").write_text(
        textwrap.dedent("""
        from theory import TabularMDP
        coin = TabularMDP([[[0.5, 0.5]] * 2, [[0.2, 0.8], [1.0, 0.0]]], [[0, 1], [1, 0]], [1, 0], horizon=3)
        number = 3
        def needs(size):
            return coin
        def breaks():
            return [][1]
        irrational = TabularMDP([[[1.0]]], [[2 ** -0.5]], [1.0], horizon=2)
        """)
    )
    assert "TabularMDP(n_states=2" in zpg("solve", "mine:coin", cwd=tmp_path).stdout
    done = zpg("rates", "--instance", "mine:irrational", "--axis", "N", "--algorithm", "zpg", cwd=tmp_path)
    assert done.returncode == 2
    assert "0.70710678" in done.stderr
    assert "sampler='rollout'" in done.stderr
    assert not (tmp_path / "results" / "rates_points.csv").exists()
    for wrong, words in (("mine:nothing", "no attribute"), ("mine:number", "must be a TabularMDP"), *CALLS):
        failed = zpg_in_process("solve", wrong)
        assert failed.returncode == 2
        assert words in failed.stderr


CALLS = (
    ("mine:needs", "calling it without arguments failed (TypeError: needs() missing 1 required"),
    ("mine:breaks", "calling it without arguments failed (IndexError: list index out of range)"),
)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["solve", "moon"], "instance must be one of"),
        (["solve", "no_such_module:mdp"], "cannot import no_such_module"),
        (["solve"], "Missing argument"),
        (["rates", "--algorithm", "sgd"], "method must be one of"),
        (["rates", "--axis", "Q"], "axis must be one of T, N, M, eps, d, floor, energy, all"),
        (["rates", "--claims", "zpg T circular", "--axis", "N"], "no claim of zpg T circular is on axis N"),
        (["rates", "--claims", "zpg T circular", "--method", "zpg"], "claims name their own methods"),
        (["rates", "--preset", "huge"], "--preset"),
        (["rates", "--instance", "bandit", "--instance", "garnet"], "may be given once, got bandit, garnet"),
        (["rates", "--grid", "10,20", "--axis", "N"], "change claims on one instance; add --instance NAME"),
        (["rates", "--instance", "bandit", "--grid", "10,20"], "--grid must come with one axis, got all"),
        (["rates", "--instance", "bandit", "--axis", "N", "--grid", "1e3,many"], "numbers with commas between"),
        (["rates", "--instance", "bandit", "--axis", "d"], "no claim on bandit is on axis d"),
        (["rates", "--garnets", "--instance", "bandit"], "the garnets are a family of their own"),
        (["rates", "--garnets", "--axis", "eps"], "the random garnets have claims of zpg"),
        (["rates", "--seed", "-1"], "--seed"),
        (["rates", "--out", "/proc/none/here"], "--out"),
        (["figures", "--only", "portrait"], "portrait"),
        (["figures", "--format", "gif", "--only", "rates"], "gif"),
        (["compare", "--methods", "zpg,sgd", "--instance", "bandit"], "method must be one of zpg"),
        (["compare", "--instance", "moon"], "instance must be one of"),
        (
            ["compare", "--budget", "159", "--queries", "5"],
            "159 votes do not pay for one iteration of 32 pairs x 5 votes = 160",
        ),
        (["compare", "--seeds", "1"], "--seeds"),
        (["compare", "--raters", "tanh", "--instance", "bandit"], "link must be one of logistic"),
        (["compare", "--scale", "0", "--instance", "bandit"], "scale must be positive"),
        (
            ["compare", "--budget", "100000000000", "--pairs", "32"],
            "n_iterations must be at most 1,000,000, got 625,000",
        ),
        (["compare", "--budget", "100000000000"], "votes must pay for an iteration of one of the splits"),
        (["compare", "--budget", "9"], "votes must pay for an iteration of one of the splits"),
        (["compare", "--instance", "bandit", "--instance", "chain"], "may be given once, got bandit, chain"),
        (["variance", "--instance", "bandit", "--instance", "chain"], "may be given once, got bandit, chain"),
        (["compare", "--json", "/"], "--json / is a folder; name a file in it"),
        (["compare", "--json", "nowhere/all.json"], "there is no folder nowhere; make it first"),
        (["frobnicate"], "No such command"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments, words, zpg_in_process):
    assert_one_line(zpg_in_process(*arguments), words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["solve", "moon"], "instance must be one of"),
        (["rates", "--axis", "Q"], "axis must be one of"),
        (["frobnicate"], "No such command"),
    ],
)
def test_so_is_a_mistake_in_a_process_of_its_own(arguments, words, tmp_path, zpg_in_process):
    done = zpg(*arguments, cwd=tmp_path)
    assert_one_line(done, words)
    inside = zpg_in_process(*arguments)
    assert (inside.returncode, inside.stdout, inside.stderr) == (done.returncode, done.stdout, done.stderr)


def assert_one_line(done: subprocess.CompletedProcess[str], words: str) -> None:
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_comparison_writes_its_tables_and_does_not_depend_on_the_workers(tmp_path, zpg_in_process):
    settings = "instance-bandit_methods-zpg+exact+ppo.sampled_budget-47_pairs-2_queries-2_runs-3"
    small = ["--instance", "bandit", "--methods", "zpg,exact,ppo-sampled"]
    small += ["--pairs", "2", "--queries", "2", "--budget", "47", "--seeds", "3"]
    written = []
    for jobs, run in (("1", zpg_in_process), ("2", partial(zpg, cwd=tmp_path))):
        done = run("compare", *small, "--jobs", jobs, "--json", "all.json", "--out", f"out{jobs}")
        assert done.returncode == 0, done.stderr
        written.append({path.name: path.read_bytes() for path in (tmp_path / f"out{jobs}").glob("*.csv")})
    assert set(written[0]) == {f"compare_{settings}_{name}.csv" for name in ("curves", "finals", "tests", "tuning")}
    assert written[0] == written[1]
    finals = pd.read_csv(tmp_path / "out1" / f"compare_{settings}_finals.csv")
    assert set(finals["runs"]) == {3}
    assert set(finals["seed"]) == {0}
    # 47 votes pay for 11 iterations of 4.
    no_evidence = "with 3 seeds no p can be below 0.75: no difference can be significant"
    for words in (
        "11 x 2 x 2",
        "minus ZPG",
        "P(above ZPG)",
        "exact ascent",
        "3 seeds",
        "after Holm, all 3 pairs of methods",
        no_evidence,
    ):
        assert words in done.stdout
    facts = json.loads((tmp_path / "all.json").read_text())
    costs = {row["method"]: (row["trajectories"], row["votes"]) for row in facts["finals"]}
    assert costs == {"zpg": (44, 44), "exact": (0, 0), "ppo-sampled": (88, 44)}
    assert [row["method"] for row in facts["tuning"] if row["chosen"]] == ["zpg", "exact", "ppo-sampled"]
    assert len(facts["tuning"]) >= 3 * 12


def test_one_method_alone_is_compared_with_nothing(zpg_in_process):
    done = zpg_in_process(
        *("compare", "--instance", "bandit", "--methods", "exact", "--budget", "160", "--seeds", "2", "--jobs", "1")
    )
    assert done.returncode == 0, done.stderr
    assert "after Holm" not in done.stdout


def test_claims_on_constants_have_an_axis_of_their_own(tmp_path, monkeypatch, zpg_in_process):
    monkeypatch.setitem(floor_claims.CELLS, "circular", 3)
    monkeypatch.setattr(floor_claims, "N_REPLICATES", 128)
    found = zpg_in_process("rates", "--axis", "floor", "--method", "zbcpg-3", "--no-controls", "--jobs", "1")
    assert found.returncode == 0, found.stderr
    for said in ("1 of 1 floors EXACT", "1 of 1 curves EXACT"):
        assert said in found.stdout
    for name, rows in (("floors", 1), ("curves", 5)):
        (table,) = (tmp_path / "results").glob(f"*_{name}.csv")
        assert list(pd.read_csv(table)["outcome"]) == ["EXACT"] * rows


def test_list_names_everything(zpg_in_process):
    listed = zpg_in_process("list").stdout
    for word in ("frozenlake", "logistic", "zbcpg-3", "zpg N circular", "rates"):
        assert word in listed


def test_help_imports_nothing_heavy():
    code = "import sys, paper_figures.cli; print([m for m in ('numpy', 'pandas', 'scipy', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
