"""Records beside results: what made them, how to make them again, and whether they are still what that would give."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.catalogue import user_modules
from experiments.running.cache_keys import COMPUTING, environment_digest
from experiments.running.files import csv_bytes, plain, write_json

if TYPE_CHECKING:
    import pandas as pd

ROOT = Path(__file__).parents[2]
ENDING = ".record.json"
CODE = "the code and the packages that compute"


@dataclass(frozen=True)
class Origin:
    """Where results come from.

    Attributes
    ----------
    command : str
        Makes them again.
    settings : mapping of str to values that JSON has
        Everything the numbers depend on, the seed among it.
    digests : mapping of str to str
        What else they depend on, in words, each with the digest of its source.
    """

    command: str
    settings: Mapping[str, Any]
    digests: Mapping[str, str]


def computed(command: str, settings: Mapping[str, Any], **others: str) -> Origin:
    """Origin of results that depend on the code that computes, and on other sources given as ``name=digest``."""
    named = {name.replace("_", " "): digest for name, digest in others.items()}
    return Origin(command, plain(dict(settings)), {CODE: environment_digest(), **named})


def write_record(path: Path, origin: Origin, files: Sequence[Path], frames: Mapping[str, pd.DataFrame]) -> Path:
    """Write the record of some files, which are on disk already.

    Parameters
    ----------
    path : Path
        In the folder of the files.
    origin : Origin
    files : sequence of Path
    frames : mapping of str to DataFrame
        The numbers in them. A digest is that of the CSV text with every digit.
    """
    content: dict[str, Any] = {
        "command": origin.command,
        "settings": origin.settings,
        "seed": origin.settings.get("seed"),
        "commit": source_commit() or None,
        "versions": versions(),
        "digests": origin.digests,
        "modules": dict(user_modules.loaded()),
        "frames": {name: {"rows": len(frame), "sha256": frame_digest(frame)} for name, frame in frames.items()},
        "files": {file.name: _sha256(file.read_bytes()) for file in files},
    }
    return write_json(path, content | {"digest": _seal(content)})


def what_changed(path: Path, origin: Origin, endings: Sequence[str] = ()) -> list[str]:
    """Why files are not what `origin` would give now, one phrase a reason; none if they are.

    The record must be as it was written, of the same settings and sources, modules of the user's among them, and every
    file in it unchanged on disk. Commits are not compared: one that leaves the sources alone changes no number.

    Parameters
    ----------
    path : Path
        Of the record.
    origin : Origin
        What is wanted now.
    endings : sequence of str
        A file with each of these endings must be among those of the record.
    """
    try:
        found = json.loads(path.read_bytes())
        seal = found.pop("digest")
        settings, digests, files = found["settings"], found["digests"], found["files"]
        modules = dict(found["modules"])
    except FileNotFoundError:
        return ["never made"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return [f"{path.name} cannot be read"]
    changed = [] if seal == _seal(found) else [f"{path.name} was changed after it was written"]
    wanted = origin.settings
    changed += [
        f"made with {name} {settings.get(name)}, not {wanted.get(name)}"
        for name in sorted(wanted.keys() | settings.keys())
        if settings.get(name) != wanted.get(name)
    ]
    names = sorted(origin.digests.keys() | digests.keys())
    changed += [f"{name} changed" for name in names if digests.get(name) != origin.digests.get(name)]
    changed += [f"module {name} changed" for name, digest in modules.items() if _digest_now(name) != digest]
    changed += [reason for name, digest in files.items() if (reason := _other_file(path.parent / name, digest))]
    missing = [ending for ending in endings if not any(str(name).endswith(f".{ending}") for name in files)]
    return changed + [f"not made as {ending}" for ending in missing]


def origin_on_record(path: Path) -> Origin:
    """The origin that a record names, with the digests of the sources as they are now.

    Raises
    ------
    ValueError, KeyError, OSError
        If it cannot be read.
    """
    found = json.loads(path.read_bytes())
    return computed(found["command"], found["settings"])


def frame_digest(frame: pd.DataFrame) -> str:
    """SHA-256 of a frame as CSV with every digit: that of its CSV file."""
    return _sha256(csv_bytes(frame))


def versions() -> dict[str, str]:
    """Versions of the project, of Python and of the packages that numbers and drawings depend on."""
    named = ("zpg", *COMPUTING, "matplotlib", "seaborn", "pyarrow")
    found = {"python": f"{platform.python_version()} on {platform.machine()}"}
    for name in named:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def source_commit(root: Path = ROOT) -> str:
    """Commit of a checkout, with ``-dirty`` after it if files are changed; empty where there is none."""
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    with suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    return ""


def _digest_now(module: str) -> str:
    """Digest of a module of the user's and of all that it imports; empty if it is gone."""
    with suppress(Exception):  # whatever a search for modules may raise
        return user_modules.digest_of(module)
    return ""


def _other_file(path: Path, digest: str) -> str:
    try:
        same = _sha256(path.read_bytes()) == digest
    except OSError:
        return f"{path.name} is missing"
    return "" if same else f"{path.name} was changed after it was made"


def _seal(content: Mapping[str, Any]) -> str:
    return _sha256(json.dumps(plain(dict(content)), sort_keys=True).encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
