"""Part f: whole commands on one and on two workers, as they are typed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ratios import Line, beside

PART = "f"
COMMANDS = ("rates", "figures")
WANTED = 1.7


def lines() -> Iterator[Line]:
    """Time `zpg rates` and `zpg figures` with nothing kept before."""
    for command in COMMANDS:
        yield beside(
            PART,
            f"zpg {command}, two workers beside one",
            (lambda command=command: run(command, 2), 1),
            (lambda command=command: run(command, 1), 1),
            wanted=WANTED,
            longest=0.0,
            least=1,
            clock=time.perf_counter,
            note="a whole process; other load on the machine lowers the ratio",
        )


def run(command: str, jobs: int) -> None:
    """Run a command in a new folder.

    Raises
    ------
    RuntimeError
        If it fails otherwise than by a verdict.
    """
    program = Path(sys.executable).with_name("zpg")
    with tempfile.TemporaryDirectory() as folder:
        written = subprocess.run(
            [program, command, "--jobs", str(jobs), "--out", folder], capture_output=True, text=True, check=False
        )
    if written.returncode > 1:
        raise RuntimeError(f"zpg {command} ended with {written.returncode}: {written.stderr[-500:]}")
