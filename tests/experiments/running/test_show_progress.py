"""The bar of a notebook, with a kernel that is only played: one display, which is updated in place."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from experiments import Execution, show_progress
from experiments.running.progress import NotebookBar, in_notebook
from theory import InputError


class Kernel:
    """Displays that were made, each a list of what it showed."""

    def __init__(self, broken: bool = False) -> None:
        self.displays: list[list[Any]] = []
        self.broken = broken

    def display(self, shown: Any, display_id: bool) -> SimpleNamespace:
        assert display_id, "without an id it could not be updated"
        if self.broken:
            raise RuntimeError("nobody there")
        self.displays.append([shown])
        return SimpleNamespace(update=self.displays[-1].append)


def play(kernel: Kernel, monkeypatch: pytest.MonkeyPatch, shell: object) -> None:
    ipython, display = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: shell  # type: ignore[attr-defined]
    display.display = kernel.display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)


def test_one_display_is_updated_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel()
    play(kernel, monkeypatch, SimpleNamespace(kernel=object()))
    progress = show_progress("a < b")
    assert isinstance(progress, NotebookBar)
    for done in range(4):
        progress(done, 3)
    (shown,) = kernel.displays
    assert len(shown) == 4
    assert shown[1]._repr_html_().startswith('<progress value="1" max="3"></progress> a &lt; b: 1 of 3, about ')
    assert shown[3]._repr_html_() == '<progress value="3" max="3"></progress> a &lt; b: 3 of 3'
    assert repr(shown[3]) == "a < b: 3 of 3"
    progress(0, 0)  # nothing to do is no division by zero
    assert 'max="1"' in shown[4]._repr_html_()


@pytest.mark.parametrize("shell", [None, SimpleNamespace()], ids=["a script", "a terminal"])
def test_elsewhere_it_is_lines(
    shell: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = Kernel()
    play(kernel, monkeypatch, shell)
    assert not in_notebook()
    show_progress("x")(1, 2)
    assert kernel.displays == []
    assert capsys.readouterr().err == "", "two seconds have not passed"


def test_nothing_is_imported_to_find_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not in_notebook()
    assert "IPython" not in sys.modules


def test_a_display_that_fails_stops_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    play(Kernel(broken=True), monkeypatch, SimpleNamespace(kernel=object()))
    show_progress()(1, 2)


def test_it_fits_an_execution() -> None:
    assert Execution(jobs=1, progress=show_progress()).progress is not None
    with pytest.raises(InputError, match="label must be text"):
        show_progress(3)  # type: ignore[arg-type]
