"""Runs of the tests in forks of this process: what fails first, how long each test takes, and what it calls."""

from __future__ import annotations

import math
import os
import pickle
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings

PROJECT = ("theory", "estimators", "experiments", "paper_figures", "tests")
# Some faults never end, or fill the memory: seconds on the wall, which depend on what else runs, and bytes.
LONGEST, MEMORY = 1800.0, 6 * 2**30
# Test files in an order of their own; within a file the tests that matter first, short ones before long ones.
Order = dict[str, tuple[float, ...]]


@dataclass
class Baseline:
    """What the tests of a package do without a fault: seconds of each, and the functions of the project it calls."""

    seconds: Counter[str] = field(default_factory=Counter)
    calls: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    modules: list[str] = field(default_factory=list)
    failed: str = ""
    why: str = ""

    @property
    def files(self) -> set[str]:
        """All test files."""
        return {test.partition("::")[0] for test in self.calls}


class Watch:
    """Plugin of pytest: the first failure, and how long each test takes, with which functions it calls."""

    def __init__(self, folder: Path, order: Order | None) -> None:
        self.folder, self.order, self.seen = f"{folder}/", order, Baseline()

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        if self.order:
            items.sort(key=lambda item: self.order.get(item.nodeid, (math.inf,)))

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed and not self.seen.failed:
            self.seen.failed = f"collection of {report.nodeid}"

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seen.seconds[report.nodeid] += report.duration
        if report.failed and not self.seen.failed:
            self.seen.failed = report.nodeid
            self.seen.why = str(report.longrepr)[-2000:]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Any:
        if self.order is not None:
            return (yield)
        called: set[tuple[str, str]] = set()

        def note(frame: Any, *_: object) -> None:
            if frame.f_code.co_filename.startswith(self.folder):
                called.add((frame.f_code.co_filename.removeprefix(self.folder), frame.f_code.co_qualname))

        sys.settrace(note)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            self.seen.calls[item.nodeid] = called


def in_fork(work: Callable[[], Any], seconds: float) -> Any:
    """Do something in a fork and return what it returned; None when it ended otherwise or took more processor time."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.setsid()
        os.close(reading)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(seconds), math.ceil(seconds)))
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        code = 1
        try:
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(work(), pipe)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writing)
    os.set_blocking(reading, False)
    end, parts = time.monotonic() + LONGEST, []
    while time.monotonic() < end:
        done = os.waitpid(child, os.WNOHANG)[0]
        try:
            while part := os.read(reading, 1 << 16):
                parts.append(part)
        except BlockingIOError:
            pass
        if done:
            break
        time.sleep(0.01)
    else:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        parts = []
    os.close(reading)
    return pickle.loads(b"".join(parts)) if parts else None


def run_tests(folder: Path, tests: tuple[str, ...], order: Order | None = None) -> Baseline:
    """Run tests in this process, up to the first failure; without an order, note what each of them calls."""
    # The same examples each time, and no time for making a failing one small.
    settings.register_profile("mutation", phases=[Phase.explicit, Phase.generate], derandomize=True, database=None)
    settings.load_profile("mutation")
    watch = Watch(folder, order)
    options = ["-q", "-x", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    code = pytest.main([*options, *tests], plugins=[watch])
    if code != pytest.ExitCode.OK and not watch.seen.failed:
        watch.seen.failed = f"pytest ended with {code!r}"
    watch.seen.modules = [name for name in sys.modules if name.partition(".")[0] not in (*PROJECT, "__main__")]
    return watch.seen
