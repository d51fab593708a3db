"""The pages under docs say what is so: templates work as they are, commands and options exist, links lead somewhere."""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from typer.main import get_command

from experiments.catalogue.lookup import attribute_of
from experiments.catalogue.requirements import KINDS, kind_of, require_sound
from experiments.catalogue.shipped_claims import controls, sharpened_claims, stated_claims
from experiments.rates.curve_claim import curve_claims, curve_controls
from experiments.rates.energy_claims import energy_claims, energy_controls
from experiments.rates.exact_claims import exact_claims, exact_controls
from experiments.rates.faulty_claims import faulty_claims
from experiments.rates.floor_claims import floor_claims, floor_controls
from experiments.rates.rows import exact_row
from experiments.rates.variance_claims import variance_claims
from experiments.running.execution import Execution
from experiments.studies.mismatched_floors import mismatched_floors

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = (ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted((DOCS / "theory").glob("*.md")))
EXAMPLES = sorted((DOCS / "examples").glob("plot_*.py"))
TUTORIAL = (DOCS / "tutorial.md").read_text()
PACKAGES = ("theory", "estimators", "experiments", "paper_figures")
EXTENDING = (ROOT / "docs" / "extending.md").read_text()
LONGEST_TEMPLATE = 20

# The commands run with these added: nothing is learned from longer runs.
SMALL = {
    "check": (),
    "solve": (),
    "rates": ("--jobs", "1", "--no-controls"),
    "variance": ("--jobs", "1", "--pairs", "4", "--instance", "bandit"),
    "compare": ("--jobs", "1", "--budget", "40", "--pairs", "4", "--queries", "2", "--seeds", "2"),
    "figures": ("--jobs", "1", "--format", "svg"),
}


@dataclass(frozen=True)
class Section:
    """One kind of part: a template, and the commands that check and run it."""

    kind: str
    template: str
    commands: tuple[str, ...]

    @property
    def module(self) -> str:
        """Name of the module that the commands ask for."""
        (name,) = {found for command in self.commands for found in re.findall(r"(\w+):[A-Z]", command)}
        return name


def blocks(text: str, language: str) -> list[str]:
    """Fenced blocks of a language, "" for those that name none."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [body for named, body in fenced if named == language]


def sections(text: str) -> Iterator[Section]:
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        (template,), (commands,) = blocks(part, "python"), blocks(part, "")
        yield Section(part.partition("\n")[0].lower(), template, tuple(commands.strip().splitlines()))


SECTIONS = tuple(sections(EXTENDING))
BY_SECTION = pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.kind)


def test_every_kind_has_a_section_and_a_row_of_the_table() -> None:
    assert {section.kind for section in SECTIONS} == set(KINDS)
    rows = re.findall(r"^\| \[(.+?)\]\(#(.+?)\) \|.*?`(zpg [^`]*)` \|$", EXTENDING, re.MULTILINE)
    assert [(name.lower(), anchor) for name, anchor, _ in rows] == [(s.kind, s.kind) for s in SECTIONS]
    for (_, _, command), section in zip(rows, SECTIONS, strict=True):
        assert any(command in shown for shown in section.commands), f"{command} is not what the section runs"


@BY_SECTION
def test_a_template_is_short_and_sound(section: Section, tmp_path: Path, zpg_in_process) -> None:
    assert len(section.template.splitlines()) <= LONGEST_TEMPLATE
    (tmp_path / f"{section.module}.py").write_text(section.template)
    first = section.commands[0]
    checked = first.removeprefix("zpg check ")
    assert checked != first, "the first command of a section checks the template"
    found = attribute_of("component", checked)
    assert kind_of(found) == section.kind
    for one in found if isinstance(found, list) else [found]:
        require_sound(kind_of(one), checked, one)


@pytest.mark.slow
@BY_SECTION
def test_its_commands_run(section: Section, tmp_path: Path, zpg_in_process) -> None:
    (tmp_path / f"{section.module}.py").write_text(section.template)
    for command in section.commands:
        program, name, *arguments = shlex.split(command)
        assert program == "zpg"
        # Options given twice count once, the last time: what a page says about numbers is not what is tested.
        done = zpg_in_process(name, *arguments, *SMALL[name])
        assert done.returncode == 0, f"{command}: {done.stdout[-2000:]} {done.stderr}"


def test_a_template_that_is_broken_is_caught(tmp_path: Path, zpg_in_process) -> None:
    """A link that has lost a sign fails its check, and no command runs with it."""
    link = next(section for section in SECTIONS if section.kind == "link")
    broken = link.template.replace("0.5 + ", "0.5 - ")
    assert broken != link.template
    (tmp_path / f"{link.module}.py").write_text(broken)
    done = zpg_in_process(*shlex.split(link.commands[0])[1:])
    assert done.returncode == 1
    assert "strictly increasing" in done.stdout
    assert zpg_in_process(*shlex.split(link.commands[-1])[1:]).returncode == 2


def commands_of(text: str) -> Iterator[list[str]]:
    """Every command that a page shows: words after ``zpg`` or those that make runs, up to a comment."""
    shown = re.findall(r"`(zpg [^`\n]+)`", text)
    for block in blocks(text, ""):
        shown += [line for line in block.splitlines() if line.startswith("zpg ")]
    for command in shown:
        yield shlex.split(command, comments=True)[1:]


def unknown_words(commands: list[list[str]]) -> list[str]:
    """Commands and options that there are not."""
    from paper_figures import cli

    there = get_command(cli.app)
    wrong = []
    for words in commands:
        if words[0].startswith("-"):
            continue
        command = there.commands.get(words[0])  # type: ignore[attr-defined]
        if command is None:
            wrong.append(words[0])
            continue
        options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        wrong += [word for word in words if word.startswith("--") and word.partition("=")[0] not in options]
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_exist(page: Path) -> None:
    assert unknown_words(list(commands_of(page.read_text()))) == []


def test_a_command_or_an_option_that_is_not_there_is_seen() -> None:
    text = "`zpg frobnicate` and `zpg rates --algorithms zpg`\n```\nzpg solve bandit --loud  # text\n```\n"
    assert unknown_words(list(commands_of(text))) == ["frobnicate", "--algorithms", "--loud"]


def anchors_of(text: str) -> set[str]:
    """Anchors of the headings of a page."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


def broken_links(page: Path, text: str) -> list[str]:
    """Links to files, and to headings of this or another page, that lead nowhere."""
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        there = page.parent / path if path else page
        found = there.exists() and (not anchor or anchor in anchors_of(there.read_text() if path else text))
        wrong += [] if found else [target]
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    assert broken_links(page, text) == []
    planted = f"[a](nowhere.md) [b](#nothing) [c](https://example.org) [d]({page.name}#nothing)"
    assert broken_links(page, planted) == ["nowhere.md", "#nothing", f"{page.name}#nothing"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    """Paths in code style that begin with a package or tests, patterns among them; built pages do not count."""
    named = re.findall(r"`((?:theory|estimators|experiments|paper_figures|tests|docs)/[\w/.*]*)`", page.read_text())
    assert [path for path in named if "_build/" not in path and not list(ROOT.glob(path.rstrip("/")))] == []


def test_the_other_methods_of_the_comparison_climb(capsys: pytest.CaptureFixture[str]) -> None:
    exec(blocks((ROOT / "docs" / "comparison.md").read_text(), "python")[0], {})
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[:3] for line in lines] == [["Ppo", "ends", "at"], ["Dpo", "ends", "at"]]
    assert all(float(line[-1]) > 2.7 for line in lines), "both start at 2.54"


def cells_of(page: Path) -> dict[str, list[str]]:
    """Cells of every row of the tables of a page, by the first cell."""
    lines = [line for line in page.read_text().splitlines() if line.startswith("|")]
    split = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {cells[0]: cells[1:] for cells in split}


def test_tables_of_the_page_on_rates_are_written_anew() -> None:
    """Rows that are shown go in as a frame and come out as they are; a claim that is gone has no row."""
    script = runpy.run_path(str(ROOT / "docs" / "rate_tables.py"))
    page = (ROOT / "docs" / "rates.md").read_text()
    assert set(re.findall(r"<!-- rows: (\w+) -->", page)) == {*script["GROUPS"], *script["OTHERS"]}
    shown = {"claim": "mine N", "kind": "claim", "instance": "circular", "axis": "N", "sharpened": False}
    shown |= {"slope": -0.5, "ci_low": -0.51, "ci_high": -0.49, "exponent": -0.5, "outcome": "HOLDS", "tight": True}
    shown |= {"curved": False, "in_family": True, "local_slopes": "[-0.4, -0.6]", "ratio": 0.123, "replicates": 16}
    frame = pd.DataFrame([shown | {"window": "10 .. 100"}, shown | {"claim": "fault", "kind": "control", "window": ""}])
    text = "<!-- rows: stated -->\n\n| claim |\n|---|\n| gone |\n\nNext.\n"
    assert script["with_tables"](text, {"floors": frame}) == text, "tables without a file stay"
    found = script["with_tables"](text, {"verdicts": frame})
    row = "| mine N | -0.500 | [-0.510, -0.490] | -0.50 | HOLDS, TIGHT | -0.60 .. -0.40 | 0.12 | 10 .. 100 | 16 |"
    assert [line for line in found.splitlines() if line.startswith("|")][2:] == [row]
    assert found.endswith("\n\nNext.\n")


@pytest.mark.slow
def test_ratios_of_mismatched_floors_are_those_of_the_law() -> None:
    script, page = runpy.run_path(str(ROOT / "docs" / "rate_tables.py")), (ROOT / "docs" / "rates.md").read_text()
    laws = mismatched_floors(list(script["SCALES"].values()), Execution(jobs=1))
    for name in script["SCALES"]:
        assert script["other_table"](name, laws) in page, name


def test_other_tables_of_the_page_are_written_anew_where_their_file_is() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "rate_tables.py"))
    group = {"group": "mine", "fault": "f", "quantity": "slope", "least": -0.0001, "most": 0.5, "low": -1, "high": 1}
    found = pd.DataFrame([group | {"claims": 3, "judged": 2, "caught": 1}])
    text = "<!-- rows: turned -->\n\n| old |\n\n<!-- rows: energy -->\n\n| kept |\n"
    lines = script["with_tables"](text, {"turned": found}).splitlines()
    assert "| mine | f | slope | +0.000 .. +0.500 | -1.000 .. +1.000 | 1 of 2, 1 not judged |" in lines
    assert "| old |" not in lines
    assert lines[-1] == "| kept |"


def test_the_summary_of_floors_counts_and_averages_what_is_judged() -> None:
    """By hand: two claims of one link, one of them judged; a control does not count."""
    script = runpy.run_path(str(ROOT / "docs" / "rate_tables.py"))
    base = {"kind": "claim", "instance": "random-circular-1", "link": "Probit(scale=2.0)", "method": "zpg"}
    rows = [
        base | {"claim": "a", "n_queries": 5.0, "outcome": "EXACT", "ratio": 0.98, "reduced": 1.001},
        base | {"claim": "b", "n_queries": 1.0, "outcome": "NOT APPLICABLE"},
        base | {"claim": "zpg N circular, N = 10", "instance": "circular", "outcome": "UNDECIDED", "ratio": 1.03},
        base | {"claim": "fault", "kind": "control", "outcome": "VIOLATED", "ratio": 9.0},
    ]
    found = script["summary_rows"](pd.DataFrame(rows))
    assert found[0] == "| all | 3 | 2 | 1 | 1.0050 | 1.030 | 1.0010 | 1.001 |"
    assert "| drawn settings: Probit | 2 | 1 | 1 | 0.9800 | 0.980 | 1.0010 | 1.001 |" in found


def test_the_page_on_rates_has_every_claim_and_the_exact_slopes() -> None:
    """What is computed exactly is computed again; what is run has a row with its stated exponent."""
    shown = cells_of(ROOT / "docs" / "rates.md")
    run = (*stated_claims(), *sharpened_claims(), *controls(), *variance_claims())
    for claim in (*run, *exact_claims(), *exact_controls()):
        assert shown[claim.name][2] == f"{claim.exponent:+.2f}", claim.name
    for floor in (*floor_claims(), *floor_controls(), *curve_claims(), *curve_controls()):
        assert shown[floor.name][-1] in ("EXACT", "NOT APPLICABLE", "VIOLATED"), floor.name
    for balance in (*energy_claims(), *energy_controls()):
        assert shown[balance.name][-1] == ("VIOLATED" if balance.name.startswith("control") else "EXACT"), balance.name
    for faulty in faulty_claims():
        assert shown[faulty.group][0] == faulty.fault, faulty.group
    for exact in (*exact_claims(), *exact_controls()):
        row = exact_row(exact, "exact claim")
        slope, interval, _, verdict, *_ = shown[exact.name]
        assert float(slope) == pytest.approx(row["slope"], abs=6e-4), exact.name
        assert (interval, verdict.partition(",")[0]) == ("exact", row["outcome"]), exact.name
        assert ("TIGHT" in verdict) == row["tight"], exact.name


def names_that_lead_nowhere(text: str) -> list[str]:
    """Dotted names in code style that begin with a package, and that there are not."""
    wrong = []
    for name in re.findall(r"`((?:theory|estimators|experiments|paper_figures)(?:\.\w+)+)`", text):
        try:
            pkgutil.resolve_name(name)
        except (ImportError, AttributeError):
            wrong.append(name)
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_of_the_code_exist(page: Path) -> None:
    assert names_that_lead_nowhere(page.read_text()) == []
    assert names_that_lead_nowhere("`theory.garnet` `theory.granite` `experiments.no.such`") == [
        "theory.granite",
        "experiments.no.such",
    ]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_documented_once(package: str) -> None:
    page = (DOCS / "api" / f"{package}.rst").read_text()
    shown = re.findall(r"^\.\. (?:auto\w+|py:data):: ([\w.]+)$", page, re.MULTILINE)
    names = [name.removeprefix(f"{package}.") for name in shown if name != package]
    assert sorted(names) == sorted(importlib.import_module(package).__all__)


# Letters that a page needs for a moment, and says there what they are.
LOCAL = {
    "index": r"",
    "setting": r"Q \gamma \varepsilon i n q u y",
    "certificate": r"Q Y \Psi \ell \eta \kappa \phi \varepsilon \xi j u w y",
    "near-optimum": r"C w z",
    "votes": r"\Lambda \chi \zeta j n z",
    "rewards": r"Q U W Y e",
    "statistics": r"U W Y \chi \epsilon \eta \kappa \lambda \nu \omega \varsigma e i n o q u y",
}


def letters_of(text: str) -> set[str]:
    """Letters, Latin and Greek, in the formulas of a text."""
    greek = "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi chi psi omega ell"
    names = {*greek.split(), "varepsilon", "varsigma", "varphi", *map(str.title, greek.split())}
    found = set()
    for displayed, inline in re.findall(r"\$\$(.+?)\$\$|\$([^$]+)\$", text, re.DOTALL):
        formula = displayed or inline
        plain = re.sub(r"\\(?:text|mathrm|operatorname|mathbb)\{[^}]*\}", "", formula)
        tokens = re.findall(r"\\[a-zA-Z]+|[A-Za-z]", plain)
        found |= {token for token in tokens if token[0] != "\\" or token[1:] in names}
    return found


def test_every_letter_of_a_formula_is_defined() -> None:
    symbols = re.findall(r"^\| (\$.*?) \|", (DOCS / "theory" / "index.md").read_text(), re.MULTILINE)
    known = letters_of(" ".join(symbols))
    pages = {path.stem: letters_of(path.read_text()) for path in (DOCS / "theory").glob("*.md")}
    assert {name: letters - known for name, letters in pages.items()} == {
        name: set(letters.split()) for name, letters in LOCAL.items()
    }
    assert letters_of(r"$\beta_M + Z$ and $$\mathrm{KL} \sum q$$") == {r"\beta", "M", "Z", "q"}


def test_every_page_is_in_a_table_of_contents() -> None:
    """The build says so as well; this needs no Sphinx."""
    listed = set()
    for index in (DOCS / "index.md", DOCS / "theory" / "index.md"):
        for tree in re.findall(r"^```{toctree}\n(.*?)^```$", index.read_text(), re.DOTALL | re.MULTILINE):
            for entry in re.sub(r"^:.*\n", "", tree, flags=re.MULTILINE).split():
                listed |= {path for kind in ("md", "rst") for path in index.parent.glob(f"{entry}.{kind}")}
    pages = {path for path in PAGES if path.is_relative_to(DOCS)} | set((DOCS / "api").glob("*.rst"))
    assert pages - listed == {DOCS / "index.md"}


def module_of_the_tutorial() -> str:
    """What the reader is told to write into mine.py."""
    return "\n".join(block for block in blocks(TUTORIAL, "python") if "MDP = " in block or "CLAIM = " in block)


def test_the_tutorial_prints_what_it_shows(capsys: pytest.CaptureFixture[str]) -> None:
    after = re.findall(r"^```python\n(?:(?!^```).)*?^```\n\n```\n(.*?)^```$", TUTORIAL, re.DOTALL | re.MULTILINE)
    shown = [block for block in after if not block.startswith("zpg ")]
    space: dict[str, object] = {}
    for snippet in blocks(TUTORIAL, "python"):
        exec(snippet, space)
    assert len(shown) == 2
    assert capsys.readouterr().out == "".join(shown)


def test_parts_of_the_tutorial_are_sound(tmp_path: Path, zpg_in_process) -> None:
    (tmp_path / "mine.py").write_text(module_of_the_tutorial())
    for part, kind in (("MDP", "mdp"), ("INSTANCE", "instance"), ("CLAIM", "claim")):
        found = attribute_of("component", f"mine:{part}")
        assert kind_of(found) == kind
        require_sound(kind, f"mine:{part}", found)
    done = zpg_in_process("solve", "mine:INSTANCE")
    assert "1.2622" in done.stdout
    assert "L <= 12" in done.stdout


@pytest.mark.slow
def test_every_command_of_the_tutorial_runs(tmp_path: Path, zpg_in_process) -> None:
    """Its verdicts are those that it shows."""
    (tmp_path / "mine.py").write_text(module_of_the_tutorial())
    rows = {cells[0]: cells[1:] for cells in map(cells_of_row, TUTORIAL.splitlines()) if cells}
    for words in filter(lambda words: len(words) > 1, commands_of(TUTORIAL)):
        done = zpg_in_process(*words, *(("--jobs", "1") if words[0] == "rates" else ()))
        assert done.returncode == 0, f"{words}: {done.stdout[-2000:]} {done.stderr}"
        for claim in ("zpg T mine:INSTANCE", "zpg N mine:INSTANCE"):
            if f"{claim} " in done.stdout:
                assert rows[claim][0] in done.stdout, f"slope of {claim}"
        if words[-1] == "floor":
            assert re.search(r"1\.018 .*EXACT", done.stdout), done.stdout


def cells_of_row(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The build runs them too; this needs no Sphinx."""
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    runpy.run_path(str(example))
    plt.close("all")


@pytest.mark.slow
def test_the_pages_are_built_without_warnings_and_ask_nobody_for_anything(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="make docs installs what the pages need")
    pytest.importorskip("sphinx_gallery", reason="make docs installs what the pages need")
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "results", "_build", "gallery", "__pycache__"))
    build = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-n", "docs", "html"]
    done = subprocess.run(build, cwd=copy, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(copy)})
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    for page in (copy / "html").rglob("*.html"):
        fetched = re.findall(r"<(?:script|img|link)\b[^>]*(?:src|href)=\"((?:https?:)?//[^\"]*)", page.read_text())
        assert fetched == [], page.name


ELSEWHERE = ("README.md", "extending.md", "tutorial.md")
SNIPPETS = {page: blocks(page.read_text(), "python") for page in PAGES if page.name not in ELSEWHERE}


@pytest.mark.parametrize("page", [page for page in SNIPPETS if SNIPPETS[page]], ids=lambda page: page.name)
def test_snippets_of_a_page_run_in_their_order(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {}
    for snippet in SNIPPETS[page]:
        exec(compile(snippet, str(page), "exec"), space)
