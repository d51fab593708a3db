"""Kept results are used again only while everything they depend on is the same: each thing is edited in turn."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest

from experiments.catalogue import user_modules
from experiments.catalogue.claims import Claim, Setup
from experiments.catalogue.lookup import find
from experiments.rates.cells import Cell, cells_of, run_cells
from experiments.running import cache_keys
from experiments.running.cache_keys import key_of
from experiments.running.execution import Execution
from paper_figures.figure_contract import figure_contract
from theory import Logistic, TabularMDP
from theory.rates import STATED_RATE

ROOT = Path(__file__).parents[2]
CLAIM = Claim(
    name="small",
    method="zbcpg-1",
    instance="bandit",
    axis="N",
    grid=(10.0, 100.0),
    setup=Setup(n_iterations=3, n_queries=5.0),
    rate=STATED_RATE,
    replicates=2,
    two_sided=False,
    reason="",
)

# What an MDP works out of its definition, and keeps.
DERIVED = [name for name, value in vars(TabularMDP).items() if isinstance(value, cached_property)]

MODULE = """
import numpy as np
from experiments import Claim, Instance, Setup
from theory import TabularSoftmax, bandit
from theory.rates import STATED_RATE
from helper import Wide

MDP = bandit([0.2, 0.7])
MINE = Instance("mine", "", MDP, TabularSoftmax(1, 2), np.zeros(2), Wide(1.0))
SETUP = Setup(3, n_queries=5.0)
CLAIMS = [Claim("small", "zbcpg-1", "mine:MINE", "N", (10.0, 100.0), SETUP, STATED_RATE, 2, False, "")]
"""
HELPER = """
from dataclasses import dataclass
from theory import Logistic, TabularMDP
import far.away

FACTOR = 1.0

@dataclass(frozen=True)
class Wide:
    scale: float
    symmetric = True

    @property
    def inner(self):
        return Logistic(self.scale * FACTOR)

    def probability(self, x):
        return self.inner.probability(x)

    def inverse(self, p):
        return self.inner.inverse(p)

    def derivative(self, x):
        return self.inner.derivative(x)

    def second_derivative(self, x):
        return self.inner.second_derivative(x)
"""


def user_folder(folder: Path) -> None:
    (folder / "mine.py").write_text(MODULE)
    (folder / "helper.py").write_text(HELPER)
    (folder / "far").mkdir()
    (folder / "far" / "__init__.py").write_text("")
    (folder / "far" / "away.py").write_text("def late():\n    import lazy\n    return lazy.NUMBER\n")
    (folder / "lazy.py").write_text("NUMBER = 1\n")
    (folder / "unrelated.py").write_text("NUMBER = 1\n")


def kept(folder: Path) -> int:
    return len(list((folder / "results" / "cache").rglob("output.pkl")))


RUN = ("rates", "--claims", "mine:CLAIMS", "--jobs", "1")
# A file of the user's, what is written in place of what, and whether it is part of what the cells depend on.
EDITS = [
    ("mine.py", "[0.2, 0.7]", "[0.2, 0.6]", True),
    ("helper.py", "FACTOR = 1.0", "FACTOR = 1.5", True),
    pytest.param("far/away.py", "return", "return 0 +", True, marks=pytest.mark.slow),
    pytest.param("lazy.py", "1", "2", True, marks=pytest.mark.slow),
    ("unrelated.py", "1", "2", False),
]


@pytest.mark.parametrize(
    ("file", "old", "new", "matters"), EDITS, ids=["mine", "helper", "far/away", "lazy", "unrelated"]
)
def test_an_edit_of_a_users_module_runs_its_cells_again(file, old, new, matters, tmp_path, zpg_in_process):
    user_folder(tmp_path)
    first = zpg_in_process(*RUN)
    assert first.returncode in (0, 1), first.stderr
    before = kept(tmp_path)
    assert before > 0
    zpg_in_process(*RUN)
    assert kept(tmp_path) == before, "nothing has changed, nothing runs again"
    path = tmp_path / file
    path.write_text(path.read_text().replace(old, new))
    zpg_in_process(*RUN)
    assert (kept(tmp_path) > before) == matters


@pytest.mark.slow
def test_after_an_edit_the_rows_are_those_of_a_fresh_folder(tmp_path, zpg):
    """The fault that was there: classes were hashed by their name, so that an edited link gave back the old cells."""
    user_folder(tmp_path)
    rows = tmp_path / "results" / "rates_claims-mine.CLAIMS_points.csv"
    assert zpg(*RUN).returncode in (0, 1)
    old = rows.read_bytes()
    (tmp_path / "helper.py").write_text(HELPER.replace("FACTOR = 1.0", "FACTOR = 1.5"))
    zpg(*RUN)
    again = rows.read_bytes()
    shutil.rmtree(tmp_path / "results")
    zpg(*RUN)
    assert again == rows.read_bytes() != old


def environment_of(folder: Path) -> str:
    code = "from experiments.running.cache_keys import environment_digest; print(environment_digest())"
    environment = os.environ | {"PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=folder).stdout


def test_every_source_file_that_computes_is_in_the_key(tmp_path):
    """A file of a package, one of a sub-package, and a file that is new: each changes the digest. A drawing does not:
    nothing that computes may import it."""
    for package in user_modules.PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    seen = [environment_of(tmp_path)]
    assert environment_of(tmp_path) == seen[0]
    style = tmp_path / "paper_figures" / "style.py"
    style.write_text(style.read_text() + "\n# edited\n")
    assert environment_of(tmp_path) == seen[0]
    for name in ("theory/bounds.py", "experiments/rates/smoothness.py"):
        path = tmp_path / name
        path.write_text(path.read_text() + "\n# edited\n")
        seen.append(environment_of(tmp_path))
    (tmp_path / "theory" / "deep").mkdir()
    (tmp_path / "theory" / "deep" / "new.py").write_text("")
    seen.append(environment_of(tmp_path))
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("package", ["numpy", "scipy"])
def test_versions_of_what_computes_are_in_the_key(package, monkeypatch):
    version = cache_keys.importlib.metadata.version
    cache_keys.environment_digest.cache_clear()
    before = cache_keys.environment_digest()
    monkeypatch.setattr(
        cache_keys.importlib.metadata, "version", lambda name: "0.0" if name == package else version(name)
    )
    cache_keys.environment_digest.cache_clear()
    other = cache_keys.environment_digest()
    monkeypatch.undo()
    cache_keys.environment_digest.cache_clear()
    assert other != before == cache_keys.environment_digest()


def test_another_environment_runs_cells_again(tmp_path, monkeypatch):
    tasks, how = cells_of(CLAIM, seed=3), Execution(jobs=1, cache=tmp_path)

    def outputs() -> int:
        return len(list(tmp_path.rglob("output.pkl")))

    run_cells(tasks, how)
    run_cells(tasks, how)
    assert outputs() == len(tasks)
    monkeypatch.setattr(cache_keys, "environment_digest", lambda: "other")
    run_cells(tasks, how)
    assert outputs() == 2 * len(tasks)


def test_settings_and_the_instance_are_in_the_key():
    def key(**changes: object) -> str:
        (task,) = cells_of(replace(CLAIM, **changes), seed=3)
        return key_of(run_cells, task, str(task.instance))

    setup = replace(CLAIM.setup, n_queries=6.0)
    keys = [key(), key(setup=setup), key(instance="garnet"), key(method="zpg"), key(replicates=3), key(name="other")]
    assert len(set(keys)) == len(keys)
    assert key() == keys[0]


def test_the_layer_that_draws_is_in_the_key_of_what_may_depend_on_it(monkeypatch):
    """A function or a part of that layer, and whatever is the user's: he may import it."""

    def keys() -> list[str]:
        (plain,) = cells_of(CLAIM, seed=3)
        users = replace(plain, method="mine:METHOD")
        return [key_of(run_cells, plain, ""), key_of(figure_contract, plain, ""), key_of(run_cells, users, "")]

    before = keys()
    monkeypatch.setattr(cache_keys, "source_digest", lambda packages: "another")  # noqa: ARG005
    assert [one == two for one, two in zip(before, keys(), strict=True)] == [True, False, False]


def test_an_object_is_known_by_its_code():
    """Two classes of one name and other code, as in two runs of one cell of a notebook."""
    source = HELPER.replace("import far.away", "")
    keys = []
    for factor in ("1.0", "2.0"):
        space: dict[str, object] = {"__name__": "__main__"}
        exec(source.replace("FACTOR = 1.0", f"FACTOR = {factor}"), space)
        instance = replace(find("instance", "bandit"), link=space["Wide"](1.0), link_is_default=False)  # type: ignore[operator]
        (task,) = cells_of(replace(CLAIM, instance=instance), seed=3)
        keys.append(key_of(run_cells, task))
    assert keys[0] != keys[1]


def test_built_in_links_as_objects_have_stable_keys():
    instance = replace(find("instance", "bandit"), link=Logistic(2.0), link_is_default=False)
    (task,) = cells_of(replace(CLAIM, instance=instance), seed=3)
    assert key_of(run_cells, task) == key_of(run_cells, task)


def test_an_instance_that_was_used_has_the_key_of_a_fresh_one():
    """What is worked out of an MDP and kept in it says nothing new; the MDP that comes back is whole."""

    def task(used: bool) -> Cell:
        instance = find("instance", "bandit")
        mdp = TabularMDP.from_outcomes(
            instance.mdp.probabilities, instance.mdp.next_states, instance.mdp.rewards, instance.mdp.initial, 1
        )
        if used:
            for name in DERIVED:
                getattr(mdp, name)
        (cell,) = cells_of(replace(CLAIM, instance=replace(instance, mdp=mdp)), seed=3)
        return cell

    assert len(DERIVED) >= 6
    assert key_of(run_cells, task(used=True)) == key_of(run_cells, task(used=False))
    mdp = find("instance", task(used=True).instance).mdp
    again = pickle.loads(pickle.dumps(mdp))
    assert vars(again).keys() == vars(mdp).keys() - set(DERIVED)
    for name in ("expected_reward", "probabilities", "initial"):
        np.testing.assert_array_equal(getattr(again, name), getattr(mdp, name))
    assert again.largest_return_steps == mdp.largest_return_steps
