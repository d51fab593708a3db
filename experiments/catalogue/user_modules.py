"""Modules that users write: found beside the command, imported behind everything installed, read anew when they change.

A user's folder may hold an ``experiments/`` or a ``theory.py`` of its own. It therefore comes last on the search path:
installed packages win, and its other modules can still be imported. What a module was when it was imported, with all
that it imports from the user's folders, is remembered as a digest, which is part of the key of every result kept.
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

# Of every module imported by `load`: digest of its sources then, and what results are to be filed under. The two differ
# where nothing is known of the source that the module in memory was made from.
_digests: dict[str, tuple[str, str]] = {}
# All modules that came with them.
_names: set[str] = set()


def load(name: str, folders: Iterable[str] = ()) -> ModuleType:
    """Import a user's module, anew if its source or that of a module it imports has changed since.

    Parameters
    ----------
    name : str
        Dotted name, found in the folders or anywhere on the search path.
    folders : iterable of str
        Searched after everything installed; by default the current folder.

    Raises
    ------
    Exception
        Whatever the module raises.
    """
    add_folders(folders or (os.getcwd(),))
    if name in _digests and _digests[name][0] != digest_of(name):
        forget()
    if name not in _digests:
        _import(name)
    return sys.modules[name]


def loaded_digest() -> str:
    """Digest of the sources of all modules imported by `load`; empty while there are none."""
    if not _digests:
        return ""
    filed = sorted((name, key) for name, (_, key) in _digests.items())
    return hashlib.sha256(repr(filed).encode()).hexdigest()[:16]


def loaded() -> tuple[tuple[str, str], ...]:
    """Modules imported by `load`, each with the digest of its sources then."""
    return tuple(sorted((name, plain) for name, (plain, _) in _digests.items()))


def load_same(modules: Iterable[tuple[str, str]], folders: Iterable[str]) -> None:
    """Import the modules that another process has imported.

    Raises
    ------
    InputError
        If the source of one has changed since.
    """
    add_folders(folders)
    for name, digest in modules:
        load(name, folders)
        if _digests[name][0] != digest:
            raise InputError(
                f"module {name} must not change while its work is carried out, got another source; run again"
            )


def came_with_loaded(name: str) -> bool:
    """Whether a module was imported by `load`, itself or by one that was."""
    return name in _names


def forget() -> None:
    """Drop every module imported by `load`, and what came with it: the next `load` reads the files."""
    for name in _names:
        sys.modules.pop(name, None)
    _names.clear()
    _digests.clear()
    importlib.invalidate_caches()


def add_folders(folders: Iterable[str]) -> None:
    """Put folders at the end of the search path."""
    # Compiled files are told apart by the second and size of their source: two edits in one second could be confused.
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
    # Imported by somebody else, perhaps before an edit, or edited just now: no other process may rely on it.
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
    """Files of a module and of the modules it imports, as far as they lie in the user's folders."""
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
    """Dotted names that a file imports, relative ones by their last part: a name too many does no harm."""
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
    """Files of a dotted name and of the packages it lies in, below any of the roots."""
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
