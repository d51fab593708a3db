"""Files are whole or not there, and what is not a regular file outlives being written to.

No test writes to a device of the machine: each makes its own node, which only root may.
"""

from __future__ import annotations

import ast
import contextlib
import errno
import json
import math
import os
import resource
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import estimators
import experiments
import paper_figures
import theory
from experiments.running.files import (
    check_file,
    check_folder,
    prepare_folder,
    write_bytes_whole,
    write_csv,
    write_json,
)
from experiments.running.open_outputs import OutputClosedError, is_standard_output
from theory.errors import InputError

NULL, FULL = 3, 7


def device(path: Path, minor: int) -> Path:
    """A node of its own for a device of memory: 3 swallows everything, 7 is always full."""
    if os.geteuid() != 0:
        pytest.skip("only root may make a device")
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, minor))
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A folder that may not be written, for a process that is not root while the test runs."""
    folder = Path(tempfile.mkdtemp())
    (folder / "old").write_bytes(b"old")
    (folder / "old").chmod(0o444)
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    usual = os.umask(0o027)
    try:
        assert write_bytes_whole(tmp_path / "a", b"new") == tmp_path / "a"
    finally:
        os.umask(usual)
    assert (tmp_path / "a").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o755])
def test_a_file_keeps_the_permissions_it_has(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(mode)
    if os.geteuid() == 0:
        os.chown(path, 1234, 4321)
    before = path.stat()
    write_bytes_whole(path, b"new")
    after = path.stat()
    assert path.read_bytes() == b"new"
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert after.st_ino != before.st_ino, "a new file in its place, not the old one cut off and filled again"


def test_content_is_on_the_disk_before_its_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = []
    sync, replace = os.fsync, os.replace

    def note_sync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        done.append("folder" if is_folder else f"{os.fstat(descriptor).st_size} bytes")
        sync(descriptor)

    def note_replace(source: Path, target: Path) -> None:
        done.append("name")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_replace)
    write_bytes_whole(tmp_path / "a", b"12345")
    assert done == ["5 bytes", "name", "folder"]


def test_a_file_system_that_cannot_sync_folders_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync = os.fsync

    def only_files(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", only_files)
    assert write_bytes_whole(tmp_path / "a", b"new").read_bytes() == b"new"


def test_a_name_may_be_as_long_as_names_can_be(tmp_path: Path) -> None:
    assert write_bytes_whole(tmp_path / ("a" * 255), b"new").read_bytes() == b"new"


def test_a_write_cut_short_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    """The limit on the size of files lets the first part of the content through, as a full disk does."""
    path = write_bytes_whole(tmp_path / "a", b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, limits[1]))
    try:
        with pytest.raises(
            InputError, match=r"^\S+/a cannot be written: File too large; name a file you may write to$"
        ):
            write_bytes_whole(path, bytes(1 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), MemoryError()]
)
def test_no_temporary_file_is_left(error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise error

    write_bytes_whole(tmp_path / "a", b"old")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(InputError if isinstance(error, OSError) else type(error)):
        write_bytes_whole(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_links_stay_and_what_they_point_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "file").write_bytes(b"old")
    (tmp_path / "far" / "near").symlink_to("file")
    (tmp_path / "link").symlink_to("far/near")
    write_bytes_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "far" / "near").is_symlink()
    assert (tmp_path / "far" / "file").read_bytes() == b"new"
    assert not (tmp_path / "far" / "file").is_symlink()


def test_a_dangling_link_writes_the_file_it_names(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to("far/file")
    check_file(tmp_path / "link")
    write_bytes_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "far" / "file").read_bytes() == b"new"
    (tmp_path / "nowhere").symlink_to("gone/file")
    with pytest.raises(InputError, match=r"nowhere: there is no folder \S+gone; make it first$"):
        write_bytes_whole(tmp_path / "nowhere", b"new")


def test_links_in_a_circle_are_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for attempt in (check_file, lambda path: write_bytes_whole(path, b"new")):
        with pytest.raises(InputError, match="cannot be written: Too many levels of symbolic links"):
            attempt(tmp_path / "a")


def test_a_device_stays_one(tmp_path: Path) -> None:
    null = device(tmp_path / "null", NULL)
    (tmp_path / "link").symlink_to("null")
    for path in (null, tmp_path / "link"):
        check_file(path)
        write_bytes_whole(path, b"anything")
        assert null.is_char_device()
        assert null.stat().st_rdev == os.makedev(1, NULL)
    assert names(tmp_path) == ["link", "null"]


def test_a_full_device_is_one_line_and_stays(tmp_path: Path) -> None:
    full = device(tmp_path / "full", FULL)
    with pytest.raises(InputError, match=r"^\S+/full cannot be written: No space left on device; make room, or name"):
        write_bytes_whole(full, b"anything")
    assert full.is_char_device()


def test_a_pipe_is_written_through(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    check_file(pipe)  # must not wait for a reader
    content = bytes(range(256)) * 1000  # more than a pipe holds
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_bytes_whole(pipe, content)
    assert pipe.is_fifo()
    reader.join(10)
    assert got == [content]
    assert names(tmp_path) == ["pipe"]


def test_a_socket_is_written_through(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # the names of sockets must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.settimeout(10)
        server.bind("s")
        server.listen()
        check_file(Path("s"))
        write_bytes_whole(Path("s"), b"anything")
        peer, _ = server.accept()
        with peer:
            assert peer.recv(100) == b"anything"
    with pytest.raises(InputError, match=r"^s cannot be written: Connection refused; name a file you may write to$"):
        write_bytes_whole(Path("s"), b"anything")
    assert Path("s").is_socket()


def test_an_open_file_goes_on_where_it_stands(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb", buffering=0) as file:
        file.write(b"before ")
        path = Path(f"/dev/fd/{file.fileno()}")
        check_file(path)
        write_bytes_whole(path, b"inside ")
        file.write(b"after")
        number = file.fileno()
    assert (tmp_path / "a").read_bytes() == b"before inside after"
    with pytest.raises(InputError, match=f"^--json /dev/fd/{number} cannot be written: Bad file descriptor"):
        check_file(Path(f"/dev/fd/{number}"))


def test_an_open_pipe_that_nobody_reads_is_told_apart() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        with pytest.raises(OutputClosedError):
            write_bytes_whole(Path(f"/dev/fd/{writing}"), b"anything")
    finally:
        os.close(writing)


@pytest.mark.parametrize("name", ["-", "link", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_has_many_names(name: str, tmp_path: Path) -> None:
    """In a process of its own whose output is a file, which must not be replaced; what was printed comes first."""
    (tmp_path / "link").symlink_to("/proc/self/fd/1")  # as /dev/stdout is, which no test should put at risk
    code = (
        "import sys; from pathlib import Path; from experiments.running.files import *\n"
        "path = Path(sys.argv[1]); check_file(path)\n"
        "print('before'); write_bytes_whole(path, b'inside '); print('after')"
    )
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with (tmp_path / "out").open("wb") as file:
        subprocess.run([sys.executable, "-c", code, name], stdout=file, check=True, cwd=tmp_path, env=buffered)
    assert (tmp_path / "out").read_bytes() == b"before\ninside after\n"
    assert names(tmp_path) == ["link", "out"]
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_names_of_standard_output_are_known(name: str) -> None:
    assert is_standard_output(Path(name))


@pytest.mark.parametrize("name", ["--", "1", "/dev/fd/2", "/dev/null", "/dev/fd/one", "/dev/fd/¹"])
def test_other_names_are_not_standard_output(name: str) -> None:
    assert not is_standard_output(Path(name))


def test_whatever_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    for path, words in (
        (tmp_path, f"{tmp_path} is a folder; name a file in it"),
        (tmp_path / "no" / "a", f"{tmp_path}/no/a: there is no folder {tmp_path}/no; make it first"),
        (tmp_path / "file" / "a", f"{tmp_path}/file/a: there is no folder {tmp_path}/file; make it first"),
        (tmp_path / ("a" * 256), "File name too long"),
    ):
        for prefix, attempt in (("--json ", check_file), ("", lambda path: write_bytes_whole(path, b"new"))):
            with pytest.raises(InputError) as caught:
                attempt(path)
            said = str(caught.value)
            assert said == prefix + words or words == "File name too long" in said
            assert "\n" not in said
    assert names(tmp_path) == ["file"]


def test_a_folder_that_may_not_be_written_is_found_out_before_the_work(read_only: Path) -> None:
    for path in (read_only / "new", read_only / "old"):
        for attempt in (check_file, lambda path: write_bytes_whole(path, b"new")):
            with pytest.raises(InputError, match=rf"{path} cannot be written: Permission denied; name a file you may"):
                attempt(path)
    assert (read_only / "old").read_bytes() == b"old"
    for folder in (read_only, read_only / "sub"):
        for make in (prepare_folder, check_folder):
            with pytest.raises(InputError, match=rf"^--out {folder} cannot be made or written to: Permission denied;"):
                make(folder)


def test_a_file_that_may_not_be_written_is_not_replaced_either(read_only: Path) -> None:
    with contextlib.ExitStack() as stack:
        if os.geteuid() != os.getuid():
            os.seteuid(0)
            read_only.chmod(0o777)
            os.seteuid(65534)
        else:
            read_only.chmod(0o755)
            stack.callback(read_only.chmod, 0o555)
        for attempt in (check_file, lambda path: write_bytes_whole(path, b"new")):
            with pytest.raises(InputError, match="old cannot be written: Permission denied"):
                attempt(read_only / "old")
        assert names(read_only) == ["old"]


def test_checking_writes_nothing(tmp_path: Path) -> None:
    check_file(None)
    check_file(tmp_path / "new")
    assert names(tmp_path) == []
    (tmp_path / "old").write_bytes(b"old")
    check_file(tmp_path / "old")
    assert (tmp_path / "old").read_bytes() == b"old"
    assert names(tmp_path) == ["old"]
    assert prepare_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert names(tmp_path / "a" / "b") == []


def test_a_file_in_the_way_of_a_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(InputError, match=r"^folder \S+/file cannot be made or written to: File exists; name a folder"):
        prepare_folder(tmp_path / "file", "folder")


def test_checking_a_folder_makes_none_and_sees_what_making_it_would_see(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "nowhere")
    before = set(tmp_path.rglob("*"))
    for good in (tmp_path, tmp_path / "a" / "b"):
        check_folder(good)
    for bad in (tmp_path / "taken", tmp_path / "taken" / "below", dangling, Path("/proc/none")):
        for attempt in (check_folder, prepare_folder):
            with pytest.raises(InputError, match=r"^--out .* cannot be made or written to"):
                attempt(bad)
    assert set(tmp_path.rglob("*")) == before


def test_tables_have_every_digit(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [0.1 + 0.2, math.inf, math.nan], "name": ["a", 'b, "c"', "µ"]})
    write_csv(tmp_path / "a.csv", frame)
    text = 'x,name\n0.30000000000000004,a\ninf,"b, ""c"""\n,µ\n'
    assert (tmp_path / "a.csv").read_bytes() == text.encode()


def test_json_has_what_json_can_have(tmp_path: Path) -> None:
    content = {1: (np.float64(0.5), np.int64(3)), "a": [math.inf, -math.inf, math.nan], "b": np.arange(2), "c": None}
    write_json(tmp_path / "a.json", content)
    expected = {"1": [0.5, 3], "a": ["inf", "-inf", None], "b": [0, 1], "c": None}
    assert json.loads((tmp_path / "a.json").read_text()) == expected


def writers(source: str) -> list[str]:
    """Calls that put something on the disk, or give or take a name there."""
    calls = [ast.unparse(node.func) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    last = {"write_text", "write_bytes", "to_csv", "to_json", "to_pickle", "unlink", "mkdir", "fdopen"}
    return [name for name in calls if name in {"open", "os.open", "os.replace"} or name.split(".")[-1] in last]


def test_there_is_one_writer() -> None:
    sources = [
        path
        for package in (theory, estimators, experiments, paper_figures)
        for path in Path(package.__path__[0]).rglob("*.py")
    ]
    found = {path.name for path in sources if writers(path.read_text())}
    assert found == {"files.py", "open_outputs.py", "streams.py"}  # the last throws away what no one can be given


@pytest.mark.parametrize("source", ["path.write_text('')", "frame.to_csv(path)", "open(path, 'w')", "os.replace(a, b)"])
def test_another_writer_is_seen(source: str) -> None:
    assert writers(f"def f(path):\n    {source}")
