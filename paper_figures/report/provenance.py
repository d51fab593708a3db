"""Where a report comes from: everything its numbers depend on."""

from __future__ import annotations

import importlib.metadata
import platform

from experiments.commands.app import version
from experiments.running.cache_keys import COMPUTING, environment_digest
from experiments.running.records import source_commit


def provenance(preset: str, seed: int, date: str | None) -> tuple[tuple[str, str], ...]:
    """Names and values. There is no date unless one is given: the same inputs give the same page."""
    libraries = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in (*COMPUTING, "matplotlib"))
    return (
        ("zpg", version()),
        ("commit", source_commit() or "not known: not run from a checkout"),
        ("digest of code and numerical packages", environment_digest()),
        ("preset", preset),
        ("seed", str(seed)),
        ("Python", f"{platform.python_version()} on {platform.machine()}"),
        ("packages", libraries),
        *((("date", date),) if date else ()),
    )
