from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from experiments.catalogue import user_modules

PROGRESS = re.compile(r"[a-z ]+: (\d+ of \d+|\d+ \w+ so far)(, about [\d.]+ \w+ left)?$")

Zpg = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def zpg_in_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Zpg]:
    """Run ``zpg`` with arguments in a folder of its own, without the second that a new process costs.

    Modules that are imported from that folder are forgotten afterwards.
    """
    from paper_figures import cli

    monkeypatch.chdir(tmp_path)
    # Names of the user's own come from the working folder, which the command adds here.
    monkeypatch.setattr(sys, "path", list(sys.path))
    # How long a command takes depends on what else runs, and lines of progress with it.
    monkeypatch.setattr("experiments.running.progress.QUIET_FOR", 3600.0)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["zpg", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        assert isinstance(stopped.value.code, int)
        printed = capsys.readouterr()
        return subprocess.CompletedProcess(sys.argv, stopped.value.code, printed.out, printed.err)

    yield run
    user_modules.forget()


@pytest.fixture
def zpg(tmp_path: Path) -> Zpg:
    """Run ``zpg`` in a process of its own, in a folder of its own: the newcomer's way. Progress is left out."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("zpg")), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
        lines = done.stderr.splitlines(keepends=True)
        return subprocess.CompletedProcess(
            command, done.returncode, done.stdout, "".join(line for line in lines if not PROGRESS.match(line))
        )

    return run
