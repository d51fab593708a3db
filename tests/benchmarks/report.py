"""The table of ratios, its JSON, and the comparison with the results that were kept before."""

from __future__ import annotations

import json
import math
import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ratios import Line
from threadpoolctl import threadpool_info

PACKAGES = ("zpg", "numpy", "scipy", "joblib", "gymnasium", "quantecon", "pymdptoolbox", "mdpsolver", "jax")
# A ratio that falls by this factor is flagged.
WORSE = 1.3


def environment() -> dict[str, Any]:
    """What the times depend on: machine, versions, linear algebra."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    blas = sorted(
        {f"{each['internal_api']} {each['version']} {each.get('architecture')}" for each in threadpool_info()}
    )
    return {
        "python": sys.version.split()[0],
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "linear algebra": blas,
        "versions": found,
    }


def kept(path: Path) -> dict[str, Any]:
    """Results of an earlier run; nothing if there are none.

    Raises
    ------
    SystemExit
        If the file holds something else.
    """
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text())
        return {"lines": {line["name"]: line for line in found["lines"]}, "growth": found.get("growth", [])}
    except (ValueError, KeyError, TypeError):
        sys.exit(f"{path} must hold the results of an earlier `make bench`; name another file with --out")


def worse(line: Line, earlier: dict[str, Any]) -> float:
    """By which factor the ratio fell since the earlier run, if that is at least 1.3; otherwise nan."""
    before = earlier.get("lines", {}).get(line.name, {}).get("ratio")
    if before is None or math.isnan(line.ratio):
        return math.nan
    factor = float(before) / line.ratio
    return factor if factor >= WORSE else math.nan


def text_of(line: Line, fell: float) -> str:
    """One line of the table."""
    if math.isnan(line.ratio):
        return f"{line.part}  {line.name}: {line.note}"
    wanted = "" if math.isnan(line.wanted) else f"  wanted {line.wanted:g}: {line.verdict}"
    flag = "" if math.isnan(fell) else f"  WORSE by {fell:.2f} than the kept result"
    times = f"{_time(line.ours)} against {_time(line.theirs)}"
    note = f"\n       {line.note}" if line.note else ""
    return (
        f"{line.part}  {line.name}\n"
        f"       {times}; ratio {line.ratio:.3g} [{line.low:.3g}, {line.high:.3g}]{wanted}{flag}{note}"
    )


def _time(seconds: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"


def write(path: Path, lines: Sequence[Line], growth: Sequence[dict[str, Any]], earlier: dict[str, Any]) -> None:
    """Write the results. Lines that this run did not measure are kept from the earlier one."""
    new = {line.name: line.record() for line in lines}
    grown = {row["name"]: row for row in [*earlier.get("growth", []), *growth]}
    whole = {
        "environment": environment(),
        "lines": list((earlier.get("lines", {}) | new).values()),
        "growth": list(grown.values()),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(json.dumps(whole, indent=1) + "\n")
    temporary.replace(path)
