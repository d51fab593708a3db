"""Modules that users write: found in the current folder, and imported again when they change.

A user's folder may hold an ``experiments/`` or a ``theory.py`` of its own. Therefore it comes last on the search path:
installed packages win, and its other modules can still be imported. When a module is imported, a digest of its source
is remembered, with the source of all that it imports from the user's folders. The digest is part of the key of every
result that is kept.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import os
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType

from theory.errors import InputError

PACKAGES = ("theory", "estimators", "experiments", "paper_figures")

# For every module imported by `load`: digest of its sources at that time, and the digest used in keys. The two differ
# if the source that the module in memory was made from is not known.
_digests: dict[str, tuple[str, str]] = {}
# All user modules that were imported with them.
_names: set[str] = set()


def load(name: str, folders: Iterable[str] = ()) -> ModuleType:
    """Import a user's module; again if its source, or that of a module it imports, has changed.

    Parameters
    ----------
    name : str
        Dotted name, found in the folders or anywhere on the search path.
    folders : iterable of str
        Searched after installed packages; by default the current folder.

    Raises
    ------
    Exception
        What the module raises when it is imported.
    """
    add_folders(folders or (os.getcwd(),))
    if name in _digests and _digests[name][0] != digest_of(name):
        forget()
    if name not in _digests:
        _import(name)
    return sys.modules[name]


def loaded_digest() -> str:
    """Digest of the sources of all modules imported by `load`; empty if there are none."""
    if not _digests:
        return ""
    filed = sorted((name, key) for name, (_, key) in _digests.items())
    return hashlib.sha256(repr(filed).encode()).hexdigest()[:16]


def loaded() -> tuple[tuple[str, str], ...]:
    """Modules imported by `load`, each with the digest of its sources at that time."""
    return tuple(sorted((name, plain) for name, (plain, _) in _digests.items()))


def load_same(modules: Iterable[tuple[str, str]], folders: Iterable[str]) -> None:
    """Import the modules that another process has imported.

    Raises
    ------
    InputError
        If the source of a module has changed since.
    """
    add_folders(folders)
    for name, digest in modules:
        load(name, folders)
        if _digests[name][0] != digest:
            raise InputError(
                f"module {name} must not change while its work is carried out, got another source; run again"
            )


def came_with_loaded(name: str) -> bool:
    """Whether a module was imported by `load`, directly or by another user module."""
    return name in _names


def forget() -> None:
    """Drop every user module that was imported, so that the next `load` reads the files again."""
    for name in _names:
        sys.modules.pop(name, None)
    _names.clear()
    _digests.clear()
    importlib.invalidate_caches()


def add_folders(folders: Iterable[str]) -> None:
    """Put folders at the end of the search path."""
    # Python recognises compiled files by time in seconds and size. Two edits within a second could be confused.
    sys.dont_write_bytecode = True
    for folder in folders:
        if folder not in sys.path:
            sys.path.append(folder)


def user_folders() -> tuple[str, ...]:
    """Folders of the search path that hold neither the standard library nor installed packages."""
    return tuple(os.path.abspath(folder) for folder in sys.path if not is_installed(Path(folder or ".")))


def is_installed(path: Path) -> bool:
    """Whether a path belongs to Python, to an installed package or to this one."""
    resolved = path.resolve()
    return any(resolved.is_relative_to(root) for root in _installed_roots())


def digest_of(name: str) -> str:
    """Digest of a module's source and of all that it imports from the user's folders, late imports included."""
    digest = hashlib.sha256()
    for path in sorted(_sources(name)):
        digest.update(str(path).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _import(name: str) -> None:
    before = set(sys.modules)
    digest = digest_of(name)
    try:
        importlib.import_module(name)
    except BaseException:
        for fresh in set(sys.modules) - before:
            if is_users(sys.modules[fresh]):
                del sys.modules[fresh]
        raise
    # The module was imported before, or edited just now. Its source is not known for sure, so no other process may
    # rely on its results.
    doubtful = name in before or digest != digest_of(name)
    _names.update(fresh for fresh in set(sys.modules) - before if is_users(sys.modules[fresh]))
    _digests[name] = digest, os.urandom(8).hex() if doubtful else digest


def is_users(module: ModuleType) -> bool:
    """Whether a module comes from a file of the user's."""
    file = getattr(module, "__file__", None)
    return file is not None and not _is_installed_file(file)


@cache
def _is_installed_file(file: str) -> bool:
    return is_installed(Path(file))


def _sources(name: str) -> set[Path]:
    """Files of a module and of the modules it imports that lie in the user's folders."""
    found: set[Path] = set()
    waiting = list(_files_of(name, user_folders()))
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        roots = (*user_folders(), *map(str, path.parents[:3]))
        for other in _imported_names(path):
            waiting += _files_of(other, roots)
    return found


def _imported_names(path: Path) -> Iterator[str]:
    """Dotted names that a file imports, relative ones by their last part. A name too many does no harm."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = [node.module] if node.module else []
            yield from parts
            yield from (".".join([*parts, alias.name]) for alias in node.names)


def _files_of(name: str, roots: Iterable[str]) -> Iterator[Path]:
    """Files of a dotted name, and of the packages that contain it, below any of the roots."""
    parts = name.split(".")
    for root in dict.fromkeys(roots):
        for length in range(1, len(parts) + 1):
            stem = Path(root, *parts[:length])
            for path in (stem.with_name(f"{stem.name}.py"), stem / "__init__.py"):
                if path.is_file() and not is_installed(path):
                    yield path.resolve()


@lru_cache(maxsize=1)
def _installed_roots() -> tuple[Path, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib", "scripts")
    roots = [sysconfig.get_path(name) for name in names] + site.getsitepackages() + [site.getusersitepackages()]
    if sys.prefix != sys.base_prefix:
        roots.append(sys.prefix)
    roots += [str(Path(__file__).parents[2] / package) for package in PACKAGES]
    return tuple(Path(root).resolve() for root in roots)
