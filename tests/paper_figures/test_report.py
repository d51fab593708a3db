"""The report page: every claim is on it, nothing of it is fetched, and what users write is text."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from experiments.rates.curve_claim import curve_claims
from experiments.rates.energy_claims import energy_claims
from experiments.rates.floor_claims import floor_claims
from experiments.rates.run_claims import RateResults
from experiments.rates.run_curves import run_curves
from experiments.rates.run_energy import run_energy
from experiments.rates.run_floors import run_floors
from experiments.running.cache_keys import environment_digest
from experiments.running.execution import Execution
from experiments.running.records import source_commit
from paper_figures.registry import FigureContext, Frames, PaperFigure
from paper_figures.report import drawings, page
from paper_figures.report.build import entries_of, latex_tables, page_of
from paper_figures.report.certificates import certificate_frame
from paper_figures.report.entries import Grid, frame_of
from paper_figures.report.finished import COMMANDS
from paper_figures.report.page import HEAVIEST, html_of, table_library
from paper_figures.report.provenance import provenance
from tests.paper_figures import report_of_a_few as few
from theory.errors import InputError

FETCHES = {"src", "href", "srcset", "poster", "data", "action", "background", "formaction"}


class Read(HTMLParser):
    """Rows of the table of verdicts, names of tags, and everything that an attribute could fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.fetched: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self._cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.fetched += [value or "" for name, value in attrs if name in FETCHES]
        if tag == "tr" and "data-claim" in given:
            self.rows.append([given["data-claim"] or ""])
        elif tag == "td" and self.rows and len(self.rows[-1]) <= 10:
            self.rows[-1].append("")
            self._cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "td":
            self._cell = False

    def handle_data(self, data: str) -> None:
        if self._cell:
            self.rows[-1][-1] += data


def fetches(text: str) -> list[str]:
    """What a browser would ask for: attributes and styles that lead out of the page, and scripts that import."""
    outside = [value for value in Read(text).fetched if not value.startswith(("#", "data:"))]
    script = (page.TEMPLATES / "script.js").read_text()
    return (
        outside + re.findall(r"url\(\s*['\"]?(?!data:)|@import", text) + re.findall(r"fetch\(|XMLHttp|https?:", script)
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> str:
    return html_of(few.page(tmp_path_factory.mktemp("empty"))).decode()


def test_every_claim_has_a_row_and_its_details(written: str) -> None:
    results = few.found()
    frames = (results.rates.verdicts, results.floors.rows, results.curves.claims, results.energy.rows)
    names = [name for frame in frames for name in frame["claim"]]
    read = Read(written)
    assert [row[1].strip() for row in read.rows] == names == frame_of(entries_of(results))["claim"].tolist()
    assert len(set(names)) == len(names) == 10
    assert all(row[0] in read.ids for row in read.rows)
    assert written.count("<article ") == len(names)


def test_what_is_wrong_shows_as_wrong(written: str) -> None:
    """A claim that is VIOLATED fails the page; so does a planted fault that is not. One that is caught does not."""
    rows = {row[1].strip(): row for row in Read(written).rows}
    assert rows[few.WRONG][6].strip() == "VIOLATED (not as expected)"
    assert rows["control: floor"][6].strip() == "EXACT (not as expected)"
    assert rows[few.CAUGHT][6].strip() == "VIOLATED"
    assert rows[few.HOSTILE][6].strip() == "HOLDS"
    assert "FAILED</strong>:\n8 of 10 verdicts are as expected" in written
    listed = written[written.index("Not as expected:") : written.index("<nav")]
    assert few.WRONG in listed
    assert few.CAUGHT not in listed


def test_numbers_are_those_of_the_results(written: str) -> None:
    rows = {row[1].strip(): row for row in Read(written).rows}
    verdict = few.found().rates.verdicts.set_index("claim").loc[few.HOSTILE]
    limits = f"[{verdict['ci_low']:+.3f}, {verdict['ci_high']:+.3f}]"
    assert rows[few.HOSTILE][4:8] == ["-1.000", f"{verdict['slope']:+.3f}", "HOLDS", limits]
    assert rows["floor zpg"][4:8] == ["1.000", "1.006", "EXACT", "[0.991, 1.020]"]
    assert rows["curve zpg"][5] == "0.975", "the checkpoint that is farthest from 1"
    assert rows[few.SPARED][5] == rows[few.SPARED][7] == rows["floor far"][5] == ""
    assert rows[few.WRONG][7] == "", "an exact number has no interval"


def test_points_of_a_claim_stand_beside_its_fit() -> None:
    entry = next(entry for entry in entries_of(few.found()) if entry.claim == few.HOSTILE)
    points = few.found().rates.points
    points = points[points["claim"] == few.HOSTILE]
    assert [row[0] for row in entry.points.rows] == ["64", "128", "256"]
    assert [row[1] for row in entry.points.rows] == [f"{mean:.3g}" for mean in points["mean"]]
    assert all(float(row[4]) == pytest.approx(1, abs=0.01) for row in entry.points.rows)
    with pytest.raises(ValueError, match="must have 2 cells each"):
        Grid(("a", "b"), (("1",),))


def test_names_of_a_user_are_text(written: str) -> None:
    assert "<script>alert" not in written
    assert "alert(&#39;x&#39;)" in written
    assert Read(written).tags.count("script") == 2, "the library and our own"


def test_nothing_is_fetched(written: str) -> None:
    assert fetches(written) == []
    assert "default-src 'none'" in written
    for fault in (
        '<img src="https://a.b/c.png">',
        '<link href="//a.b/c.css">',
        "<style>a{background:url(x.png)}</style>",
    ):
        assert len(fetches(written.replace("</main>", fault + "</main>"))) == 1, fault


def test_the_same_inputs_give_the_same_bytes(written: str, tmp_path: Path) -> None:
    assert html_of(few.page(tmp_path)).decode() == written
    dated = html_of(few.page(tmp_path, "1 May")).decode()
    assert [line for line in dated.splitlines() if line not in written.splitlines()] == ["<dt>date</dt><dd>1 May</dd>"]
    assert not re.search(r"\b20[2-9]\d-\d\d-\d\d\b", re.sub(r"<script.*?</script>", "", written, flags=re.S))


def test_provenance_has_a_commit_only_in_a_checkout(tmp_path: Path) -> None:
    facts = dict(provenance("quick", 3, None))
    assert (facts["seed"], facts["preset"], facts["commit"] != "") == ("3", "quick", True)
    assert facts["digest of code and numerical packages"] == environment_digest()
    assert source_commit(tmp_path) == ""
    (tmp_path / ".git").mkdir()  # not a repository
    assert source_commit(tmp_path) == ""


def test_it_is_light_and_refuses_to_be_heavy(written: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert len(table_library()) < 1_000_000
    assert len(written) < HEAVIEST / 4
    monkeypatch.setattr(page, "HEAVIEST", 1000)
    with pytest.raises(InputError, match=r"must weigh at most 0.001 MB, got .* ask for fewer figures with --only"):
        html_of(few.page(tmp_path))


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "LIBRARY", "no_such_library")
    with pytest.raises(InputError, match="needs the package no_such_library"):
        table_library()


def test_certificates_are_counted_and_one_that_is_exceeded_is_seen(tmp_path: Path) -> None:
    results, rates = few.found(), few.found().rates
    (row,) = certificate_frame(rates.certificates).to_dict("records")
    assert (row["instance"], row["cells"], row["exceeded"]) == ("bandit", len(rates.certificates), 0)
    points = rates.points.assign(ratio=rates.points["ratio"].mask(rates.points["proved"], 1.5))
    over = replace(results, rates=RateResults(points, rates.verdicts))
    text = html_of(page_of(over, few.ASKED, [], tmp_path, 0)).decode()
    assert f"{len(rates.certificates)} certified cells exceed their bound." in text


def test_tables_of_other_commands_are_shown_or_said_to_be_absent(written: str, tmp_path: Path) -> None:
    assert written.count("Absent. <code>zpg ") == len(COMMANDS)
    finals = {"title": ["<b>ZPG</b>", "DPO"], "instance": "bandit", "final": [17.61234, 2.0], "seeds": [50, 50]}
    pd.DataFrame(finals).to_csv(tmp_path / "compare_finals.csv", index=False)
    text = html_of(few.page(tmp_path)).decode()
    assert text.count("Absent. <code>zpg ") == len(COMMANDS) - 1
    assert "<td>&lt;b&gt;ZPG&lt;/b&gt;</td><td>bandit</td><td>17.61</td><td>50</td>" in text
    (tmp_path / "compare_finals.csv").write_text("")
    with pytest.raises(InputError, match=r"compare_finals.csv must be a table of a command"):
        few.page(tmp_path)


def test_latex_has_the_rules_of_booktabs_and_escapes_names(tmp_path: Path) -> None:
    tables = latex_tables(few.page(tmp_path), few.found())
    assert set(tables) == {"verdicts", "floors", "curves-and-balances", "certificates"}
    assert all(text.count(r"\toprule") == 2 and text.endswith("\\end{longtable}\n") for text in tables.values())
    body = tables["verdicts"].split("\\endlastfoot\n")[1].splitlines()[:-1]
    assert len(body) == 3, "without what cannot be judged"
    assert r"\&" in body[0]
    assert body[0].replace(r"\&", "").count("&") == 4
    assert all(text.count("{") == text.count("}") for text in tables.values())


def test_figures_of_the_claims_come_from_their_numbers(tmp_path: Path) -> None:
    """Named claims get a figure an instance."""
    (own,) = drawings.drawings(few.found(), few.ASKED, [], tmp_path, FigureContext("quick", Execution(jobs=1)))
    assert own.name == "rates-bandit"
    assert "T: ZPG: " in own.alternative
    assert own.command.startswith('zpg report --claims "')
    kind, _, content = own.uri.partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert base64.b64decode(content).startswith(b"<?xml")


def small(frames: Frames) -> Figure:
    figure = Figure()
    figure.add_subplot().set(xlabel="pairs $N$", ylabel=str(frames["values"]["y"].iloc[0]))
    return figure


def test_figures_that_are_finished_or_asked_for_are_computed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of all shipped claims: the figure whose numbers are there is drawn from them, the others by their own means."""
    contexts: list[FigureContext] = []

    def compute(context: FigureContext) -> Frames:
        contexts.append(context)
        return {"values": pd.DataFrame({"y": [2.5]})}

    names = ("rates-instances", "done", "not-done")
    figures = {name: PaperFigure(name, f"Title of {name}", compute, small) for name in names[1:]}
    figures["rates-instances"] = PaperFigure("rates-instances", "Rates", compute, lambda _: Figure())
    monkeypatch.setattr(drawings, "all_figures", lambda: figures)
    monkeypatch.setattr(drawings, "get_figure", figures.__getitem__)
    (tmp_path / "done_values.csv").write_text("y\n2.5\n")
    asked, context = replace(few.ASKED, claims=[]), FigureContext("paper", Execution(jobs=1))
    found = drawings.drawings(few.found(), asked, [], tmp_path, context)
    assert [drawing.name for drawing in found] == ["done", "rates-instances"]
    assert contexts == [context], "the numbers of the claims are not computed again"
    assert found[0].alternative == "Title of done. Panels: 2.5 against pairs N"
    assert found[0].command == "zpg figures --only done --preset paper"
    (named,) = drawings.drawings(few.found(), asked, ["not-done"], tmp_path, context)
    assert named.name == "not-done"


def test_a_large_drawing_goes_in_as_pixels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(drawings, "LARGEST_SVG", 100)
    (own,) = drawings.drawings(few.found(), few.ASKED, [], tmp_path, FigureContext("quick", Execution(jobs=1)))
    assert own.uri.startswith("data:image/png;base64,iVBOR")


def test_the_command_writes_the_page_from_finished_work(tmp_path: Path, zpg_in_process) -> None:
    (tmp_path / "mine.py").write_text(
        "from experiments import Claim, Setup\nfrom theory import STATED_RATE\n"
        "SETUP = Setup(1, radius=0.01, step_scale=10.0)\n"
        "CLAIM = Claim('mine <T>', 'zpg', 'bandit', 'T', (64, 128, 256), SETUP, STATED_RATE, 4, False, 'no noise')\n"
    )
    command = ("report", "--claims", "mine:CLAIM", "--jobs", "1")
    done = zpg_in_process(*command)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "results/report.html"
    assert "1 claims and planted faults, 0 not as expected" in done.stdout
    text = (tmp_path / "results" / "report.html").read_text()
    assert "mine &lt;T&gt;" in text
    assert "zpg rates --claims &#34;mine:CLAIM&#34;" in text
    assert (tmp_path / "results" / "tables" / "verdicts.tex").exists()
    assert zpg_in_process(*command).returncode == 0
    assert (tmp_path / "results" / "report.html").read_text() == text
    refused = zpg_in_process("report", "--only", "portrait", "--out", "new")
    assert (refused.returncode, (tmp_path / "new").exists()) == (2, False)


@pytest.mark.slow
def test_results_that_were_run_have_what_the_page_reads(tmp_path: Path) -> None:
    how = Execution(jobs=1)
    floors = run_floors([claim for claim in floor_claims() if claim.name.startswith("floor 00")], (), how, reduced=True)
    curves, balances = run_curves(curve_claims(), (), how), run_energy(energy_claims("quick", "zpg")[:2], (), how)
    ran = replace(few.found(), floors=floors, curves=curves, energy=balances)
    text = html_of(page_of(ran, few.ASKED, [], tmp_path, 0)).decode()
    names = {row[1].strip() for row in Read(text).rows}
    assert names > {*floors.rows["claim"], *curves.claims["claim"], *balances.rows["claim"]}
    assert "with less noise, not judged" in text
    assert not re.search(r"(?<!data-order=\")\bnan\b", re.sub(r"<script.*?</script>", "", text, flags=re.S))
