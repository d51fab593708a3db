"""Figures go through the one writer of the project."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from paper_figures.save import save
from paper_figures.style import new_figure, print_style
from theory.errors import InputError


@pytest.fixture
def figure() -> Figure:
    with print_style():
        drawn = new_figure(3.3, 2)
        drawn.add_subplot().plot([1, 2], [1, 2])
    return drawn


def test_failure_leaves_the_old_file_and_nothing_else(
    figure: Figure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (path,) = save(figure, "a", tmp_path, ("svg",))
    before = path.read_bytes()
    figure.axes[0].set_title("other")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"a\.svg cannot be written: No space left on device; make room"):
        save(figure, "a", tmp_path, ("svg",))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_linked_figure_stays_a_link_and_keeps_its_permissions(figure: Figure, tmp_path: Path) -> None:
    paper = tmp_path / "paper.svg"
    paper.write_bytes(b"old")
    paper.chmod(0o600)
    (tmp_path / "a.svg").symlink_to("paper.svg")
    save(figure, "a", tmp_path, ("svg",))
    assert (tmp_path / "a.svg").is_symlink()
    assert paper.read_bytes().startswith(b"<?xml")
    assert stat.S_IMODE(paper.stat().st_mode) == 0o600


def test_a_device_in_the_place_of_a_figure_stays(figure: Figure, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may make a device")
    os.mknod(tmp_path / "a.svg", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    save(figure, "a", tmp_path, ("svg",))
    assert (tmp_path / "a.svg").is_char_device()


def test_a_folder_that_cannot_be_made_is_one_line(figure: Figure, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match=r"^folder \S+/file/deep cannot be made or written to: Not a directory; name"):
        save(figure, "a", tmp_path / "file" / "deep", ("svg",))
