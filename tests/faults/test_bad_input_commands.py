"""Bad input to every option of every command: one line, exit code 2, no traceback, and nothing written."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest
from typer.main import get_command

from experiments.commands import exit_codes
from paper_figures.cli import app

NOT_INTEGERS = ["", "x", "2.5", "nan", "inf", "1e3", "1,2", "--"]
NOT_COUNTS = [*NOT_INTEGERS, "0", "-1"]
SEEDS = [*NOT_INTEGERS, "-1"]
JOBS = [*NOT_INTEGERS, "0", "-2", "1000000"]
NOT_POSITIVE = ["", "x", "0", "-1", "nan", "inf", "1,2", "1j"]
NOT_PRICES = ["", "x", "-1", "nan", "inf", "1,2", "1j"]
CHOICE = ["", "x", "QUICK", "quick,paper"]
# Modules that users may write, and what is named in them.
MODULES = {
    "raises": "1 / 0",
    "exits": "import sys\nsys.exit(0)",
    "exits_text": "raise SystemExit('bye')",
    "broken": "def",
    "junk": "X = object()\nNONE = None\nTEXT = 'zpg'\nNUMBER = 3\nEMPTY = []\nCLASS = dict\n",
    "calls": "import sys\ndef leaves(): sys.exit(0)\ndef fails(): raise KeyError('k')\ndef nothing(): pass\n"
    "def needs(argument): pass\ndef endless(): return endless\n",
    "recursive": "import recursive\nrecursive.X",
    "stops": "raise KeyboardInterrupt",
}
OWN = [
    *("raises:X", "exits:X", "exits_text:X", "broken:X", "recursive:X", "absent:X", "junk:absent", "junk:", ":X", ":"),
    *("junk:X", "junk:NONE", "junk:TEXT", "junk:NUMBER", "junk:EMPTY", "junk:CLASS", "junk:X.y", "junk:X:y"),
    *("calls:leaves", "calls:fails", "calls:nothing", "calls:needs", "calls:endless", "theory:chain", "../junk:X"),
    "os.path:x",
]
NAMES = ["x", "*", "../x", "zpg;ls", *OWN]
OUT = ["taken", "taken/below", "/proc/none", "/dev/null", "\0"]
JSON = ["/", "absent/x.json", "taken/x.json", "\0"]
COMMON = {"--seed": SEEDS, "--json": JSON}
RUNS = COMMON | {"--out": OUT, "--jobs": JOBS, "--backend": ["", "x", "threads"], "--address": ["localhost:1"]}

# The command with arguments that work; bad values of each option; the option it is told by, if another.
COMMANDS: dict[str, tuple[tuple[str, ...], dict[str, list[str]]]] = {
    "rates": (
        (),
        RUNS
        | {
            "--preset": CHOICE,
            "--method": ["", *NAMES],
            "--algorithm": ["", "x"],
            "--axis": ["", "x", "n", "T,N"],
            "--claims": NAMES,
            "--instance": ["", *NAMES],
            "--grid": ["1,2"],
            "--iterations": [*NOT_INTEGERS, "100"],
            "--step-scale": ["1", "x", ""],
            "--radius-scale": ["1", "x", ""],
        },
    ),
    "rates --instance bandit --axis N": (
        (),
        {
            "--grid": [
                "",
                ",",
                "1",
                "1,1",
                "1,x",
                "0,1",
                "1,0",
                "-1,1",
                "1,-1",
                "nan,1",
                "1,nan",
                "1,inf",
                "1.5,2",
                "2,2.5",
            ],
            "--iterations": ["0", "1", "-1"],
            "--step-scale": NOT_POSITIVE,
            "--radius-scale": NOT_POSITIVE,
        },
    ),
    "compare": (
        ("--instance", "bandit"),
        RUNS
        | {
            "--instance": ["", *NAMES],
            "--methods": NAMES,
            "--preset": CHOICE,
            "--budget": [*NOT_COUNTS, "1", "100000000000"],
            "--pairs": NOT_COUNTS,
            "--queries": NOT_COUNTS,
            "--seeds": [*NOT_COUNTS, "1"],
            "--scale": NOT_POSITIVE,
            "--raters": ["", *NAMES],
        },
    ),
    "variance": (
        ("--instance", "circular"),
        RUNS
        | {
            "--instance": ["", *NAMES],
            "--methods": NAMES,
            "--theta": ["", "x", "1", "1,2", "1,2,3,4,nan", "nan,2,3,4,5", "1,2,3,4,inf", "1,2,3,4,x", "1,2,3,4,5,6"],
            "--pairs": NOT_COUNTS,
            "--queries": NOT_COUNTS,
        },
    ),
    "report": (
        (),
        {name: bad for name, bad in RUNS.items() if name != "--json"}
        | {"--only": NAMES, "--preset": CHOICE, "--method": ["", *NAMES], "--claims": NAMES},
    ),
    "plan": (
        ("--budget", "1e3"),
        {
            "--instance": ["", *NAMES],
            "--budget": [*NOT_POSITIVE, "1e16", "2"],
            "--cost-trajectory": NOT_PRICES,
            "--cost-vote": NOT_PRICES,
            "--model": ["", "x", "EXACT", "guess"],
            "--max-iterations": NOT_COUNTS,
            "--max-pairs": NOT_COUNTS,
            "--max-queries": NOT_COUNTS,
            "--block-size": [*NOT_INTEGERS, "-1", "1000"],
            "--seed": SEEDS,
            "--json": JSON,
            "--out": OUT,
        },
    ),
    "plan --validate": (
        (),
        {name: bad for name, bad in RUNS.items() if name not in ("--seed", "--json")},
    ),
    "plan --dim=4 --horizon=3 --curvature=1 --spread=1 --value-gap=1": (
        ("--target", "0.5"),
        {
            "--target": [*NOT_POSITIVE, "1e-12"],
            "--dim": NOT_COUNTS,
            "--horizon": NOT_COUNTS,
            "--curvature": NOT_POSITIVE,
            "--spread": [*NOT_POSITIVE, "1.6"],
            "--value-gap": NOT_POSITIVE,
        },
    ),
    "figures": (
        (),
        {name: bad for name, bad in RUNS.items() if name != "--json"}
        | {"--only": NAMES, "--format": ["gif", "pdf,gif", "gif,pdf", "."], "--preset": CHOICE},
    ),
    "calibrate": ((), RUNS | {"--families": NOT_COUNTS, "--replicates": [*NOT_COUNTS, "63"]}),
    "faults": ((), RUNS),
    "solve": (("bandit",), {"--json": JSON}),
    "check": (("fine:LINK",), COMMON | {"--kind": ["", "x", "links"], "--expect": ["", "x", "=", "x=", "=x"]}),
}
ARGUMENTS = [
    *(("solve", name) for name in ["", *NAMES]),
    *(("check", name) for name in ["", "x", *(own for own in OWN if own not in ("junk:CLASS",))]),
    *(
        ("solve",),
        ("check",),
        ("solve", "bandit", "bandit"),
        ("frobnicate",),
        ("--frobnicate",),
        ("rates", "--frobnicate"),
    ),
    ("rates", "--claims", "zpg T circular", "--instance", "bandit"),
    ("rates", "--claims", "zpg T circular", "--method", "zpg"),
    ("rates", "--claims", "zpg T circular", "--axis", "N"),
    ("rates", "--claims", "zpg T circular", "--garnets"),
    ("rates", "--instance", "bandit", "--axis", "d"),
    ("rates", "--garnets", "--instance", "bandit"),
    ("rates", "--instance", "bandit", "--instance", "bandit"),
    ("rates", "--instance", "bandit", "--grid", "10,20"),
    ("rates", "--instance", "bandit", "--axis", "T", "--iterations", "100"),
    ("compare", "--backend", "loky", "--address", "localhost:1"),
    ("clean", "--out"),
    ("plan",),
    ("plan", "--budget", "1e3", "--target", "0.1"),
    ("plan", "--budget", "1e3", "--dim", "4"),
    ("plan", "--budget", "1e3", "--cost-trajectory", "0", "--cost-vote", "0"),
    ("plan", "--budget", "1e3", "--instance", "taxi"),
]
# Options that take any text or none, or whose refusal is tested elsewhere.
FREE = {
    "--help",
    "-h",
    "--version",
    "--synthetic",
    "--garnets",
    "--controls",
    "--check",
    "--no-controls",
    "--check-tests",
    "--date",
}
FREE |= {"--until", "--validate"}
CASES = [
    (command, good, option, value)
    for command, (good, options) in COMMANDS.items()
    for option, values in options.items()
    for value in values
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the modules, and a file where a folder may be asked for."""
    # Typer builds the command line from its functions each time, which takes longer than all the rest.
    monkeypatch.setattr(exit_codes, "get_command", lru_cache(get_command))
    for name, source in MODULES.items():
        (tmp_path / f"{name}.py").write_text(source + "\n")
    (tmp_path / "fine.py").write_text("from theory import Logistic\nLINK = Logistic()\n")
    (tmp_path / "taken").write_text("")
    return tmp_path


def refused(done, told: str, folder: Path, before: set[Path]) -> str:
    """What is wrong with how a command refused its input: empty if nothing is."""
    if done.returncode != 2:
        return f"exit code {done.returncode}: {done.stderr}"
    if len(done.stderr.strip().splitlines()) != 1 or not done.stderr.startswith("zpg: "):
        return f"not one line: {done.stderr}"
    if "Traceback" in done.stderr or done.stdout:
        return f"more than the one line: {done.stdout}{done.stderr}"
    if set(folder.rglob("*")) != before:
        return f"written: {set(folder.rglob('*')) - before}"
    return "" if told in done.stderr or told in done.stderr.replace("_", "-") else f"{told} not named: {done.stderr}"


def told_by(option: str, value: str) -> str:
    """What a refusal names: the value where it is a name of the user's, otherwise the option."""
    words = {
        "--cost-trajectory": "trajectory",
        "--cost-vote": "vote",
        "--max-iterations": "iterations",
        "--max-pairs": "pairs",
        "--max-queries": "queries",
        "--methods": "method",
        "--algorithm": "method",
        "--claims": "claim",
        "--only": "figure",
        "--raters": "link",
    }
    if (option, value) == ("--budget", "100000000000"):
        return "votes"
    return value if ":" in value and not value.startswith("localhost") else words.get(option, option.strip("-"))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_bad_value_of_every_option_is_refused_in_one_line(command: str, folder: Path, zpg_in_process) -> None:
    good, options = COMMANDS[command]
    before, wrong = set(folder.rglob("*")), {}
    for option, values in options.items():
        for value in values:
            arguments = [*command.split(), *good, f"{option}={value}"]
            if option in good:
                arguments = [*command.split(), f"{option}={value}"]
            said = refused(zpg_in_process(*arguments), told_by(option, value), folder, before)
            if said:
                wrong[option, value] = said
    assert not wrong


def test_every_bad_argument_is_refused_in_one_line(folder: Path, zpg_in_process) -> None:
    before = set(folder.rglob("*"))
    said = {arguments: refused(zpg_in_process(*arguments), "", folder, before) for arguments in ARGUMENTS}
    assert not {arguments: wrong for arguments, wrong in said.items() if wrong}


def test_every_option_of_every_command_has_bad_values() -> None:
    for name, command in get_command(app).commands.items():
        options = {option for each in command.params for option in each.opts if option.startswith("--")}
        tried = {option for line, (_, bad) in COMMANDS.items() if line.split()[0] == name for option in bad}
        assert name == "clean" or options - FREE <= tried, name


def test_there_are_hundreds_of_cases() -> None:
    assert len(CASES) + len(ARGUMENTS) >= 300
