"""The README says what is so: its snippets run and print what it shows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_snippet_prints_what_the_readme_shows():
    code, shown = re.search(r"## In Python\n\n```python\n(.*?)```\n\n```\n(.*?)```", README, re.DOTALL).groups()
    assert len(code.strip().splitlines()) <= 15
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == shown


def test_other_methods_run_as_the_readme_says():
    first, second = re.findall(r"```python\n(.*?)```", README.partition("## In Python")[2], re.DOTALL)[:2]
    done = subprocess.run([sys.executable, "-c", first + second], capture_output=True, text=True, check=True)
    assert [line.split()[:3] for line in done.stdout.splitlines()[-2:]] == [
        ["Ppo", "ends", "at"],
        ["Dpo", "ends", "at"],
    ]
    assert all(float(line.split()[-1]) > 2.7 for line in done.stdout.splitlines()[-2:]), "both climb from 2.54"


def test_own_mdp_of_the_readme_is_solved(tmp_path):
    code = re.search(r"## Your own MDP.*?```python\n(.*?)```", README, re.DOTALL).group(1)
    (tmp_path / "mine.py").write_text(code)
    command = [sys.executable, "-m", "paper_figures.cli", "solve", "mine:coin"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert "optimum" in done.stdout
