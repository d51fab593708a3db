"""What may be run and written: the code that is named and no other, files under --out and no others."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import experiments
from experiments.running.cache_keys import project_files

MODULE = """
from experiments import Claim, Instance, Setup
from theory.rates import STATED_RATE

CLAIM = Claim("small", "zpg", "bandit", "N", (10.0, 100.0), Setup(3, n_queries=5.0), STATED_RATE, 4, False, "")
"""
# Runs a command, and prints every path that is written, made, renamed or deleted, as the interpreter itself sees it.
WATCHED = """
import os, sys
seen = set()

def watch(event, given):
    if event == "open":
        path, mode, flags = given
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        if writes and isinstance(path, (str, bytes)):
            seen.add(os.path.abspath(os.fsdecode(path)))
    elif event in ("os.mkdir", "os.remove", "os.rmdir", "os.rename", "os.link", "os.symlink", "os.truncate"):
        seen.update(os.path.abspath(os.fsdecode(path)) for path in given[:2] if isinstance(path, (str, bytes)))

sys.path.insert(0, os.getcwd())
from paper_figures.cli import main
sys.addaudithook(watch)
try:
    main()
except SystemExit as stopped:
    print("stopped", stopped.code, file=sys.stderr)
finally:
    print("\\n".join(sorted(seen)), file=open(os.environ["SEEN"], "w"))
"""
QUICK = [
    ("rates", "--claims", "mine:CLAIM"),
    ("solve", "bandit", "--json", "here/solved.json"),
    ("check", "mine:CLAIM"),
    ("list",),
    ("clean",),
    ("variance", "--instance", "bandit", "--methods", "zpg,exact", "--pairs", "4"),
]
SLOW = [
    ("compare", "--instance", "bandit", "--methods", "zpg,exact", "--budget", "2000", "--seeds", "8"),
    ("plan", "--instance", "bandit", "--budget", "1000"),
    ("figures", "--only", "inversion-bias"),
]


def written_by(command: tuple[str, ...], folder: Path) -> list[Path]:
    """Paths that a command writes, other than temporary files, devices and probes."""
    (folder / "mine.py").write_text(textwrap.dedent(MODULE))
    own = folder / "temporary"
    own.mkdir()
    (folder / "here").mkdir()
    seen = folder / "temporary" / "seen"
    place = {"TMPDIR": str(own), "MPLCONFIGDIR": str(own), "SEEN": str(seen), "PYTHONDONTWRITEBYTECODE": "1"}
    options = () if command[0] in ("list", "check", "solve") else ("--out", "here")
    options += () if command[0] in ("list", "check", "clean", "solve") else ("--jobs", "1")
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, *command, *options],
        cwd=folder, env=os.environ | place, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    assert "stopped 2" not in done.stderr, done.stderr
    paths = [Path(line) for line in seen.read_text().splitlines() if line]
    # An empty file that is gone at once shows whether the folder can be made.
    probes = [path for path in paths if path.match(".zpg-*.tmp") and not path.exists()]
    return [path for path in paths if path not in probes and not any(map(path.is_relative_to, (own, Path("/dev"))))]


@pytest.mark.slow
@pytest.mark.parametrize("command", [*QUICK, *SLOW], ids=lambda command: command[0])
def test_nothing_is_written_outside_of_the_folder_that_is_named(command: tuple[str, ...], tmp_path: Path) -> None:
    paths = written_by(command, tmp_path)
    assert all(path.is_relative_to(tmp_path / "here") for path in paths), paths
    assert bool(paths) == (command[0] not in ("list", "check", "clean"))


def test_the_watcher_sees_a_file_elsewhere(tmp_path: Path) -> None:
    """The planted fault: the JSON file is named by the user, and it lies elsewhere."""
    paths = written_by(("solve", "bandit", "--json", "elsewhere.json"), tmp_path)
    assert paths == [tmp_path / "elsewhere.json"]


# Reads pickles, or runs text. Each place is named with the reason why it may.
ALLOWED = {
    "experiments/running/run_tasks.py": "orders of the command's own workers, and results whose digest was checked",
    "experiments/contracts/common.py": "a copy of an object that is in memory",
    "experiments/running/finished_work.py": "joblib reads the folder of finished work, which nobody else can write to",
}
RUNS_TEXT = {"eval", "exec", "compile"}
DANGEROUS = {"Unpickler", "read_pickle", "Memory", "system", "popen"}
PICKLES = {"pickle", "cloudpickle", "joblib", "dill", "marshal", "shelve"}


def dangers(source: str) -> list[str]:
    """Names of calls that read pickles or run text."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = node.func
            owner = called.value.id if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) else ""
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            bare = isinstance(called, ast.Name)
            if name in DANGEROUS or (bare and name in RUNS_TEXT) or (owner in PICKLES and name in ("load", "loads")):
                found.append(name)
    return found


def test_pickles_are_read_where_it_is_known_and_text_is_never_run() -> None:
    root = Path(experiments.__file__).parents[1]
    sources = {path.relative_to(root).as_posix(): path.read_text() for path in project_files()}
    assert len(sources) > 150
    assert {name for name, source in sources.items() if dangers(source)} == set(ALLOWED)


@pytest.mark.parametrize(
    "source", ["pickle.loads(b)", "joblib.load(p)", "pd.read_pickle(p)", "eval(t)", "os.system(t)"]
)
def test_another_reader_is_seen(source: str) -> None:
    assert dangers(source)
    assert not dangers("json.loads(text); re.compile(text); user_modules.load(name)")
