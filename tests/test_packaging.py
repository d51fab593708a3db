"""The wheel and the source distribution: they hold every file, and the wheel works where the source is not."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("theory", "estimators", "experiments", "paper_figures")


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def build(source: Path, folder: Path) -> tuple[Path, Path]:
    """Wheel and source distribution, built by the backend itself, without a network."""
    run(sys.executable, "-m", "hatchling", "build", "-d", folder, cwd=source)
    (wheel,), (archive,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, archive


def members(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return build(ROOT, tmp_path_factory.mktemp("built"))


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(built: tuple[Path, Path]) -> None:
    inside = {name for name in members(built[0]) if ".dist-info/" not in name}
    tracked = run("git", "ls-files", "-co", "--exclude-standard", *PACKAGES, cwd=ROOT).split("\n")
    assert inside == {name for name in tracked if name and (ROOT / name).is_file()}
    assert {f"{package}/py.typed" for package in PACKAGES} <= inside
    assert any(name.endswith((".html", ".js")) for name in inside), "templates of the report"


@pytest.mark.slow
def test_the_source_distribution_builds_the_same_wheel(built: tuple[Path, Path], tmp_path: Path) -> None:
    wheel, archive = built
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    assert members(build(source, tmp_path / "again")[0]) == members(wheel)


@pytest.mark.slow
def test_the_wheel_works_in_an_empty_environment(built: tuple[Path, Path], tmp_path: Path) -> None:
    """Only the dependencies are there beside it. A folder on the path does not bring its links to the source."""
    run(sys.executable, "-m", "venv", tmp_path / "empty", cwd=tmp_path)
    python = tmp_path / "empty" / "bin" / "python"
    place = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip())
    (place / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    missing = subprocess.run([python, "-c", "import theory"], cwd=tmp_path, capture_output=True, check=False)
    assert missing.returncode != 0, "the source can be seen"
    run(python, "-m", "pip", "install", "--no-index", "--no-deps", built[0], cwd=tmp_path)
    for package in PACKAGES:
        where = run(python, "-c", f"import {package}; print({package}.__file__)", cwd=tmp_path)
        assert Path(where.strip()).is_relative_to(place)
    zpg = tmp_path / "empty" / "bin" / "zpg"
    assert "bandit" in run(zpg, "solve", "bandit", cwd=tmp_path)
    assert "rates" in run(zpg, "--help", cwd=tmp_path)
    run(zpg, "figures", "--only", "inversion-bias", "--out", "figures", cwd=tmp_path)
    assert list((tmp_path / "figures").rglob("*.pdf"))


def faults_of(lock: str, needed: set[str]) -> list[str]:
    """What is wrong with a lock: names without a pin or a hash, and everything that leads to an index."""
    entries = re.split(r"\n(?=\S)", lock.strip())
    pins = {match[1].lower(): entry for entry in entries if (match := re.match(r"([\w.-]+)==[\w.!+]+", entry))}
    wrong = [f"{entry.split()[0]} is no pin" for entry in entries if not re.match(r"[\w.-]+==", entry)]
    wrong += [f"{name} has no hash" for name, entry in pins.items() if "--hash=sha256:" not in entry]
    wrong += [f"{name} is not pinned" for name in needed - pins.keys()]
    return wrong + re.findall(r"--(?:extra-)?index-url|--find-links|https?://|file:", lock)


@pytest.mark.parametrize(("name", "extra"), [("requirements.lock", "dev"), ("requirements-docs.lock", "docs")])
def test_locks_pin_everything_with_hashes_and_name_no_index(name: str, extra: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"][extra]]
    needed = {re.match(r"[\w.-]+", each)[0].lower() for each in asked}  # type: ignore[index]
    lock = (ROOT / name).read_text()
    assert faults_of(lock, needed) == []
    without = re.sub(r"(?s)^(numpy==\S+) .*?\n(?=\S)", r"\1\n", lock, flags=re.M)
    assert faults_of(without, needed) == ["numpy has no hash"]
    assert faults_of(lock + "\n--index-url https://example.org", needed)
    assert faults_of(lock, needed | {"other"}) == ["other is not pinned"]
