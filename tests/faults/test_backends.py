"""Every backend that is offered is run, with two workers, and gives the bytes of one process."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from experiments.running.execution import Execution
from theory.errors import InputError

MODULE = """
import numpy as np
from estimators import Blocks, ZerothOrder
from experiments import Claim, Instance, Method, Setup
from theory import Logistic, TabularSoftmax, bandit
from theory.rates import STATED_RATE

COIN = Instance("coin", "", bandit([0.2, 0.7]), TabularSoftmax(1, 2), np.zeros(2), Logistic(1.0))
OWN = Method("own", "My own", lambda dim, oracle, radius: ZerothOrder(Blocks(1), oracle, radius))
SETUP = Setup(3, n_queries=5.0)
CLAIMS = [
    Claim("by name", "mine:OWN", "mine:COIN", "N", (10.0, 100.0), SETUP, STATED_RATE, 40, False, ""),
    Claim("by object", OWN, COIN, "N", (10.0, 100.0), SETUP, STATED_RATE, 40, False, ""),
    Claim("built in", "zpg", "bandit", "N", (10.0, 100.0), SETUP, STATED_RATE, 40, False, ""),
]
"""


def run(folder: Path, *arguments: str) -> bytes:
    zpg = str(Path(sys.executable).with_name("zpg"))
    command = [zpg, "rates", "--claims", "mine:CLAIMS", "--out", "-".join(arguments).strip("-"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False, timeout=240)
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    (points,) = (folder / "-".join(arguments).strip("-")).glob("*_points.csv")
    return points.read_bytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("user")
    (made / "mine.py").write_text(textwrap.dedent(MODULE))
    return made


@pytest.fixture(scope="module")
def alone(folder: Path) -> bytes:
    return run(folder, "--jobs", "1")


@pytest.mark.slow
def test_two_processes_give_the_same_bytes(folder: Path, alone: bytes) -> None:
    assert run(folder, "--jobs", "2") == alone


@pytest.mark.slow
def test_a_local_dask_cluster_gives_the_same_bytes(folder: Path, alone: bytes) -> None:
    pytest.importorskip("distributed")
    assert run(folder, "--backend", "dask", "--jobs", "2") == alone


@pytest.mark.slow
def test_a_running_dask_cluster_is_joined(folder: Path, alone: bytes) -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        address = cluster.scheduler_address.removeprefix("tcp://")
        assert run(folder, "--backend", "dask", "--address", address) == alone
    assert not list(Path.cwd().glob("--backend*")), "workers of another folder keep results where the command says"
    assert not list(Path.cwd().glob("backend*"))


def test_ray_gives_the_same_bytes(folder: Path, alone: bytes) -> None:
    pytest.importorskip("ray")
    assert run(folder, "--backend", "ray", "--jobs", "2") == alone


NOTEBOOK = """
from dataclasses import dataclass, replace
from experiments import Execution, run_claims
{module}
class Halved(Logistic):
    pass
COIN = replace(COIN, link=Halved(1.0))
claims = [replace(claim, instance=COIN, method=OWN) for claim in CLAIMS]
tables = [run_claims(claims, execution=Execution(jobs=jobs)).points for jobs in (1, 2)]
print(tables[0].equals(tables[1]), len(tables[0]))
"""


@pytest.mark.slow
def test_objects_defined_where_they_are_used_reach_the_workers(tmp_path: Path) -> None:
    """As in a notebook: classes and functions of __main__, which no worker can import."""
    code = NOTEBOOK.format(module=textwrap.dedent(MODULE))
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "6"]


def test_a_scheduler_that_does_not_answer_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    from experiments.running import backends

    monkeypatch.setattr(backends, "PATIENCE", 1)
    backends._dask_client.cache_clear()
    with (
        pytest.raises(InputError, match="address must be HOST:PORT of a running Dask scheduler"),
        backends.workers(Execution(backend="dask", address="127.0.0.1:9")),
    ):
        pass


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"seed": -1}, "seed must be an integer of at least 0, got -1"),
        ({"seed": 0.5}, "seed must be an integer of at least 0, got 0.5"),
        ({"jobs": 0}, "jobs must be -1 or from 1 to 1024, got 0"),
        ({"jobs": 5000}, "jobs must be -1 or from 1 to 1024, got 5000"),
        ({"backend": "threads"}, "backend must be one of loky, dask, ray, got 'threads'"),
        ({"address": "here:1"}, "address must be left out with backend loky"),
    ],
)
def test_what_cannot_be_carried_out_is_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Execution(**settings)  # type: ignore[arg-type]


def test_a_backend_whose_package_is_missing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from experiments.running import execution

    monkeypatch.setattr(execution.importlib.util, "find_spec", {}.get)
    with pytest.raises(InputError, match=r"backend ray needs the package ray, .* 'zpg\[ray\]', or use loky"):
        Execution(backend="ray")
