"""How a command ends: as expected, by a mistake, by a crash, by a reader who left. Each in a process of its own."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# A command line with a command that ends in a way given by a snippet.
PROGRAM = """
import os, sys
from pathlib import Path
import typer
from experiments.commands.options import Json, Out
from experiments.commands.exit_codes import run
from experiments.commands.terminal import console
from experiments.running.files import prepare_folder, write_json
from theory.errors import InputError
app = typer.Typer(rich_markup_mode=None, add_completion=False)

@app.command()
def first(out: Out = Path("results"), json: Json = None):
    pass

@app.command()
def fail(out: Out = Path("results"), json: Json = None):
    {snippet}

run(app)
"""


@pytest.fixture(autouse=True)
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for temporary files. Output is buffered, as usual: some of what can go wrong does so at the end."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    return folder


def start(code: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    usual = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "check": False}
    return subprocess.run([sys.executable, "-c", code, *arguments], **usual | options)


def fail(snippet: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return start(PROGRAM.format(snippet=snippet), "fail", *arguments, **options)


def zpg(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return start("from paper_figures.cli import main; main()", *arguments, **options)


def line_of(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The one line on standard error of a command that ended with that code."""
    assert done.returncode == code, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("zpg: ")
    return line


def closed_pipe() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def logs(folder: Path) -> list[Path]:
    return sorted(folder.glob("zpg-crash-*-*.log"))


def test_a_command_that_ends_well_says_nothing_on_standard_error() -> None:
    done = fail("print('fine')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "fine\n", "")
    assert fail("raise typer.Exit(1)").returncode == 1


def test_a_crash_is_one_line_and_its_details_lie_with_the_results(tmp_path: Path) -> None:
    done = fail("prepare_folder(out); [][3]", "--out", "mine", cwd=tmp_path)
    (log,) = logs(tmp_path / "mine")
    line = line_of(done, 3)
    assert "IndexError: list index out of range" in line
    assert line.endswith(f"details in mine/{log.name}")
    assert "Traceback" in log.read_text()
    assert "IndexError: list index out of range" in log.read_text()
    assert "fail --out mine" in log.read_text()


@pytest.mark.parametrize("made", [False, True])
def test_details_go_to_the_temporary_folder_where_the_results_cannot_take_them(
    made: bool, tmp_path: Path, temporary: Path
) -> None:
    """There is no folder for results yet, or a file is in its place."""
    if made:
        (tmp_path / "results").write_bytes(b"")
    done = fail("1 / 0", cwd=tmp_path)
    (log,) = logs(temporary)
    assert line_of(done, 3).endswith(f"details in {log}")
    assert "ZeroDivisionError" in log.read_text()


def test_details_that_no_folder_takes_are_printed() -> None:
    done = fail(
        "import experiments.commands.exit_codes as codes\n"
        "    def write_bytes_whole(path, content): raise InputError('full')\n"
        "    codes.write_bytes_whole = write_bytes_whole\n"
        "    1 / 0"
    )
    assert done.returncode == 3
    first, second, *rest = done.stderr.splitlines()
    assert "the details could not be written to a file and follow" in first
    assert second.startswith("Traceback")
    assert rest[-1] == "ZeroDivisionError: division by zero"


def test_a_long_message_of_many_lines_is_shortened(tmp_path: Path) -> None:
    line = line_of(fail("raise ValueError('word\\n' * 10_000)", cwd=tmp_path), 3)
    assert "ValueError: word word" in line
    assert len(line) < 600


@pytest.mark.slow
@pytest.mark.parametrize(
    ("snippet", "words"),
    [
        ("raise EOFError('a file cut short')", "EOFError: a file cut short"),
        ("raise BrokenPipeError(32, 'of a worker')", "BrokenPipeError: [Errno 32] of a worker"),
        ("raise OSError(28, 'elsewhere')", "OSError: [Errno 28] elsewhere"),
        ("sys.exit(0)", "SystemExit: 0"),
        ("raise ValueError('not an InputError')", "ValueError: not an InputError"),
        ("raise MemoryError", "MemoryError"),
    ],
)
def test_errors_that_look_like_something_else_are_crashes(snippet: str, words: str, tmp_path: Path) -> None:
    assert words in line_of(fail(snippet, cwd=tmp_path), 3)


def test_a_mistake_is_2_and_an_interrupt_130(tmp_path: Path) -> None:
    assert line_of(fail("raise InputError('say it\\nso')", cwd=tmp_path), 2) == "zpg: say it so"
    # A shell starts what runs in its background with this signal ignored, and the tests may be run there.
    heard = "import signal, time; signal.signal(signal.SIGINT, signal.default_int_handler)"
    interrupt = f"{heard}; os.kill(os.getpid(), signal.SIGINT); time.sleep(60)"
    assert "interrupted; finished cells are kept" in line_of(fail(interrupt, cwd=tmp_path), 130)
    assert "zpg --help" in line_of(zpg("frobnicate", cwd=tmp_path), 2)
    assert not list(tmp_path.iterdir())


def test_a_worker_that_dies_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    lost = "from joblib import Parallel, delayed; Parallel(n_jobs=2)(delayed(os._exit)(9) for _ in range(2))"
    done = fail(lost, cwd=tmp_path)
    (log,) = logs(tmp_path / "results")
    line = line_of(done, 3)
    assert "a worker process ended unexpectedly (out of memory?); finished cells are kept" in line
    assert line.endswith(f"fewer --jobs need less memory; details in results/{log.name}")
    assert "TerminatedWorkerError" in log.read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    "snippet",
    [
        "print('short, so it is only written at the end')",
        "print('long ' * 100_000)",
        "console().print('a table')",
        "print('short'); raise typer.Exit(1)",
        "print('short'); sys.stdout.flush()",
        "write_json(json, [1])",
    ],
)
def test_a_reader_who_left_is_no_error(snippet: str, tmp_path: Path) -> None:
    output = closed_pipe()
    done = fail(snippet, "--json", "-", stdout=output, cwd=tmp_path) if "json" in snippet else None
    done = done or fail(snippet, stdout=output, cwd=tmp_path)
    os.close(output)
    assert (done.returncode, done.stderr) == (141, "")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_readers_of_the_real_commands_may_leave(tmp_path: Path) -> None:
    for arguments in (["--help"], ["list"], ["solve", "bandit"], ["solve", "bandit", "--json", "-"]):
        output = closed_pipe()
        done = zpg(*arguments, stdout=output, cwd=tmp_path)
        os.close(output)
        assert (done.returncode, done.stderr) == (141, ""), arguments


@pytest.mark.slow
def test_readers_of_both_streams_may_leave() -> None:
    both = closed_pipe()
    assert fail("print('x')", stdout=both, stderr=both).returncode == 141
    assert fail("1 / 0", stdout=both, stderr=both).returncode == 3
    assert fail("raise InputError('x')", stdout=both, stderr=both).returncode == 2
    os.close(both)


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="there is no device that is full")
@pytest.mark.parametrize("snippet", ["print('short')", "print('long ' * 100_000)", "console().print('a table')"])
def test_output_that_cannot_be_written_is_one_line(snippet: str, tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        line = line_of(fail(snippet, stdout=full, cwd=tmp_path), 2)
    assert line == "zpg: the output cannot be written: No space left on device; make room, or send it elsewhere"
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="there is no device that is full")
def test_real_commands_notice_that_their_output_cannot_be_written(tmp_path: Path) -> None:
    for arguments in (["--help"], ["list"], ["solve", "bandit", "--json", "-"]):
        with open("/dev/full", "w") as full:
            assert "the output cannot be written" in line_of(zpg(*arguments, stdout=full, cwd=tmp_path), 2)


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="there is no device that is full")
def test_a_failure_that_a_library_ignored_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a buffer the first failure is in a trial write of typer's, which takes no notice of it."""
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    with open("/dev/full", "w") as full:
        done = zpg("--help", stdout=full)
    assert "the output cannot be written" in line_of(done, 2)


@pytest.mark.parametrize(("end", "code"), [("pass", 0), ("1 / 0", 3)])
def test_standard_streams_may_be_missing(end: str, code: int, tmp_path: Path) -> None:
    program = PROGRAM.format(snippet=f"print('x'); console().print('y'); print('z', file=sys.stderr); {end}")
    shell = ["sh", "-c", '"$0" -c "$1" fail >&- 2>&-; echo $?', sys.executable, program]
    done = subprocess.run(shell, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (f"{code}\n", "")


def test_json_is_alone_on_standard_output(tmp_path: Path) -> None:
    done = zpg("solve", "bandit", "--json", "-", cwd=tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout)["optimum"] == 0.9
    assert "optimum                              0.9" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_json_is_alone_even_where_workers_print(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/proc/self/fd/1")  # as /dev/stdout is
    snippet = (
        "from joblib import Parallel, delayed\n"
        "    print('before'); Parallel(n_jobs=2)(delayed(os.system)('echo worker') for _ in range(2))\n"
        "    write_json(json, [1]); print('after')"
    )
    for name in ("-", "link"):
        done = fail(snippet, "--json", name, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, "[\n  1\n]\n")
        assert sorted(done.stderr.split()) == ["after", "before", "worker", "worker"]
    assert json.loads(fail("write_json(json, [1]); 1 / 0", "--json", "-", cwd=tmp_path).stdout) == [1]


def test_json_may_go_to_a_device_and_the_device_stays(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may make a device")
    os.mknod(tmp_path / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    done = zpg("solve", "bandit", "--json", "null", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "optimum" in done.stdout
    assert (tmp_path / "null").is_char_device()


def test_a_file_that_cannot_be_written_is_found_out_before_the_work(tmp_path: Path) -> None:
    line = line_of(zpg("solve", "no_such_module:mdp", "--json", "nowhere/a.json", cwd=tmp_path), 2)
    assert "there is no folder nowhere; make it first" in line


def test_help_tells_the_exit_codes() -> None:
    said = " ".join(zpg("--help").stdout.split())
    assert "Exit code: 0 as expected, 1 a verdict is otherwise or a part of yours failed, 2 bad usage, 3 crash." in said
