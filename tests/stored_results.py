"""Stored results of the commands: `python -m tests.stored_results` writes them anew, after a change that is meant."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

STORED = Path(__file__).parent / "data" / "stored_results"
MODULE = """
from experiments import Claim, Setup
from theory.rates import STATED_RATE

CLAIMS = [
    Claim(f"{method} {axis}", method, "circular", axis, (16.0, 32.0, 64.0), Setup(40, 100.0, 9.0), STATED_RATE, 8,
          False, "")
    for method in ("zpg", "zbcpg-1") for axis in ("N", "M")
]
"""
OUT, ONE = ("--out", "."), ("--jobs", "1")
COMMANDS: dict[str, tuple[str, ...]] = {
    "rates": ("rates", "--claims", "mine:CLAIMS", *OUT, *ONE),
    "compare": (
        "compare", "--instance", "bandit", "--methods", "zpg,exact", "--budget", "1000", "--seeds", "8", *OUT, *ONE
    ),
    "variance": ("variance", "--instance", "bandit", "--methods", "zpg,reinforce", "--pairs", "4", *OUT, *ONE),
    "plan": ("plan", "--instance", "bandit", "--budget", "1000", *OUT, *ONE),
    "figures": ("figures", "--only", "inversion-bias", *OUT, *ONE),
    "solve": ("solve", "circular", "--json", "solved.json"),
}  # fmt: skip


def results_of(command: str, folder: Path) -> dict[str, str]:
    """Tables and JSON files that a command writes into a folder."""
    (folder / "mine.py").write_text(textwrap.dedent(MODULE))
    line = [str(Path(sys.executable).with_name("zpg")), *COMMANDS[command]]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    named = {"solved.json"} if command == "solve" else set()
    # Curves are long, and finals are their ends.
    found = [path for path in folder.rglob("*") if path.suffix == ".csv" or path.name in named]
    found = [path for path in found if not path.name.endswith("curves.csv")]
    return {path.name: path.read_text() for path in sorted(found)}


if __name__ == "__main__":
    shutil.rmtree(STORED, ignore_errors=True)
    for command in COMMANDS:
        with tempfile.TemporaryDirectory() as made:
            (STORED / command).mkdir(parents=True)
            for name, text in results_of(command, Path(made)).items():
                (STORED / command / name).write_text(text)
