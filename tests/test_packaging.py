"""The wheel and the source distribution: they hold every file, and the wheel works where the source is not."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tarfile
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
