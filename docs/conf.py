"""How `make docs` builds the pages: Sphinx, MyST, furo, and examples that run."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.domains.python import PyObject
from sphinx.util import logging

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

PACKAGES = ("theory", "estimators", "experiments", "paper_figures")
LOG = logging.getLogger(__name__)

project = "zpg"
author = copyright = "the authors of zpg"
html_title = "zpg"
html_copy_source = False
html_show_sourcelink = False
html_theme = "furo"
html_show_copyright = False
html_theme_options = {"navigation_with_keys": True}
html_static_path = ["_static"]
html_css_files = ["zpg.css"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_gallery.gen_gallery"]
exclude_patterns = ["_build", "examples", "gallery/**/*.ipynb", "gallery/*.py", "gallery/*.md5", "gallery/*.json"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
# A block without a language is a command or its output.
highlight_language = "none"

# `name` in a docstring is a link where the name is public, and plain code elsewhere.
default_role = "py:obj"
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # types stand in the docstrings, with shapes
autodoc_default_options = {"members": True}
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

# Formulas are MathML, which browsers show themselves: no script, and no request to anybody.
html_math_renderer = "mathml"

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": "plot_",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "min_reported_time": 1e9,
    "show_memory": False,
    "download_all_examples": False,
    "write_computation_times": False,
    "capture_repr": ("_repr_html_", "__repr__"),
    "copyfile_regex": "",
}


def _mathml(self: Any, node: nodes.Element, display: bool) -> None:
    try:
        markup = tex2mathml(node.astext(), as_block=display)
        # Bars say on which side they stand: a browser cannot know, and leaves wrong gaps.
        for bar, form in (('<mo class="mathopen">|</mo>', "prefix"), ("<mo>|</mo>", "postfix")):
            markup = markup.replace(bar, f'<mo form="{form}" stretchy="false">|</mo>')
    except MathError as error:
        LOG.warning("this formula is not understood: %s (%s)", node.astext(), error, location=node)
        raise nodes.SkipNode from None
    number = f'<span class="eqno">({node["number"]})</span>' if display and node.get("number") else ""
    self.body.append(f'<div class="math">{number}{markup}</div>' if display else markup)
    raise nodes.SkipNode


def inline_math(self: Any, node: nodes.Element) -> None:
    """Write a formula in a line."""
    _mathml(self, node, display=False)


def display_math(self: Any, node: nodes.Element) -> None:
    """Write a formula of its own."""
    _mathml(self, node, display=True)


def public_names() -> dict[str, str]:
    """Where each public name is documented, by the name alone."""
    return {name: f"{package}.{name}" for package in PACKAGES for name in importlib.import_module(package).__all__}


def to_gallery(app: Sphinx, docname: str, source: list[str]) -> None:
    """Lead from the folder of the examples, which is what there is without a build, to the pages made of them."""
    source[0] = source[0].replace("](examples)", "](gallery/index.rst)")


def split_attributes(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Write ``slope, ci_low : float`` as two attributes, as napoleon does for parameters alone."""
    text = "\n".join(lines)
    head, title, rest = text.partition("\nAttributes\n----------\n")
    section, *others = re.split(r"(?=\n\w+\n---+\n)", rest, maxsplit=1)

    def one_each(found: re.Match[str]) -> str:
        return "".join(f"{each} : {found[2]}{found[3]}" for each in found[1].split(", "))

    section = re.sub(
        r"^(\w+(?:, \w+)+) : (.*\n)((?:[ ]+.*\n|\n(?=[ ]))*)", one_each, f"{section}\n", flags=re.MULTILINE
    )
    if title:
        lines[:] = "".join([head, title, section, *others]).split("\n")


def escape_bars(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Keep |v| in a docstring from being read as a substitution."""
    lines[:] = [re.sub(r"(``.*?``)|\|", lambda found: found[1] or r"\|", line) for line in lines]


def keep_public(app: Sphinx, doctree: nodes.document) -> None:
    """Make links of public names alone: a type such as ``array (dim,)`` is no reference."""
    for node in list(doctree.findall(addnodes.pending_xref)):
        if node.get("refdomain") == "py" and node["reftarget"].rpartition(".")[2] not in NAMES:
            node.replace_self(node.children)
    for literal in list(doctree.findall(nodes.literal)):
        _link(literal, app.env.current_document.docname)


def _link(literal: nodes.literal, page: str) -> None:
    """Make a link of `theory.garnet` and of `VoteModel` in the text of a page. Names such as `zpg` mean many things."""
    text = literal.astext()
    public = text in NAMES.values() or (text in NAMES and text[0].isupper())
    if not public or isinstance(literal.parent, nodes.reference | addnodes.pending_xref):
        return
    target = {"refdomain": "py", "reftype": "obj", "reftarget": NAMES[text.rpartition(".")[2]], "refdoc": page}
    literal.replace_self(addnodes.pending_xref("", literal.deepcopy(), refexplicit=True, **target))


def resolve(app: Sphinx, env: Any, node: Any, content: nodes.Element) -> nodes.Element | None:
    """Lead a name from wherever it is defined to the page where it is public."""
    name = NAMES.get(node.get("reftarget", "").rpartition(".")[2])
    if node.get("refdomain") != "py" or name is None:
        return None
    return env.get_domain("py").resolve_xref(env, node["refdoc"], app.builder, "obj", name, node, content)


NAMES = public_names()


def setup(app: Sphinx) -> None:
    """Add the renderer of formulas, and the links of names."""
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    app.add_html_math_renderer("mathml", (inline_math, None), (display_math, None))
    app.connect("source-read", to_gallery)
    # Before napoleon, and after it.
    app.connect("autodoc-process-docstring", split_attributes, priority=100)
    app.connect("autodoc-process-docstring", escape_bars)
    app.connect("doctree-read", keep_public)
    app.connect("missing-reference", resolve)
