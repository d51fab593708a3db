"""The page: everything that it shows in one frozen value, and that value as HTML."""

from __future__ import annotations

import base64
import importlib.metadata
import importlib.util
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from paper_figures.report import entries as texts
from paper_figures.report.drawings import Drawing
from paper_figures.report.entries import Entry, Grid
from paper_figures.report.finished import Section
from theory.errors import InputError

# Bytes; what a mail still takes.
HEAVIEST = 5_000_000
TEMPLATES = Path(__file__).with_name("templates")
# Its library for tables, DataTables, as a module of JavaScript.
LIBRARY = "itables"


@dataclass(frozen=True)
class Page:
    """What a report shows.

    Attributes
    ----------
    entries : tuple of Entry
    passed : bool
        Whether all verdicts are as expected and no certificate is exceeded.
    certificates : Grid
    exceeded : int
        Certified cells whose measured value is above the bound.
    drawings : tuple of Drawing
    sections : tuple of Section
    provenance : tuple of (name, value)
    command : str
        Makes the verdicts.
    quick : bool
        Whether it is the quick preset.
    """

    entries: tuple[Entry, ...]
    passed: bool
    certificates: Grid
    exceeded: int
    drawings: tuple[Drawing, ...]
    sections: tuple[Section, ...]
    provenance: tuple[tuple[str, str], ...]
    command: str
    quick: bool

    @property
    def unexpected(self) -> tuple[Entry, ...]:
        """Entries whose verdict is not the expected one."""
        return tuple(entry for entry in self.entries if not entry.expected)

    @property
    def counts(self) -> Grid:
        """Verdicts by kind of test."""
        found = Counter((entry.test, entry.kind, entry.verdict) for entry in self.entries)
        verdicts = list(dict.fromkeys(entry.verdict for entry in self.entries))
        kinds = list(dict.fromkeys((entry.test, entry.kind) for entry in self.entries))
        rows = [(test, kind, *(str(found[test, kind, word] or "") for word in verdicts)) for test, kind in kinds]
        return Grid(("test", "kind", *verdicts), tuple(rows))

    def values(self, name: str) -> list[str]:
        """Different values of a field of the entries, for a filter."""
        return sorted({str(getattr(entry, name)) for entry in self.entries} - {""})


def html_of(page: Page) -> bytes:
    """A page as HTML that asks for nothing else.

    Raises
    ------
    InputError
        If it is heavier than a mail takes.
    """
    environment = Environment(
        loader=PackageLoader("paper_figures.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"signed": texts.signed, "ratio": texts.ratio, "interval": texts.interval}
    content = environment.get_template("page.html").render(
        page=page,
        style=_own("style.css"),
        script=_own("script.js"),
        library=table_library(),
        library_version=importlib.metadata.version(LIBRARY),
    )
    written = content.encode()
    if len(written) > HEAVIEST:
        raise InputError(
            f"the page must weigh at most {HEAVIEST / 1e6:g} MB, got {len(written) / 1e6:.1f} MB; "
            "ask for fewer figures with --only"
        )
    return written


def table_library() -> str:
    """DataTables in base64, from the files of itables. Importing itables would read its settings files."""
    spec = importlib.util.find_spec(LIBRARY)
    if spec is None or spec.origin is None:
        raise InputError(f"the report needs the package {LIBRARY}, which is not installed; write pip install {LIBRARY}")
    return base64.b64encode((Path(spec.origin).parent / "html" / "dt_bundle.js").read_bytes()).decode()


def _own(name: str) -> Markup:
    """A file of ours, with nothing of a user in it: it goes in as it is."""
    return Markup((TEMPLATES / name).read_text())
