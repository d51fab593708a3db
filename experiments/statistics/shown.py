"""How results show themselves in a notebook: one line in words, and a table."""

from __future__ import annotations

from dataclasses import fields
from html import escape
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import pandas as pd


class Shown:
    """A result that a notebook shows as its line in words and its frame.

    Attributes
    ----------
    shown_columns : tuple of str
        Columns of the frame that are shown, as far as there are such; all if it is empty.
    """

    shown_columns: ClassVar[tuple[str, ...]] = ()

    def to_frame(self) -> pd.DataFrame:
        """The fields in one row."""
        import pandas as pd

        row = {each.name: getattr(self, each.name) for each in fields(self)}  # type: ignore[arg-type]
        return pd.DataFrame([row])

    def in_words(self) -> str:
        """The line above the table."""
        return repr(self)

    def _repr_html_(self) -> str:
        frame = self.to_frame()
        columns = [column for column in self.shown_columns if column in frame] or list(frame)
        # Private, but what a notebook asks for: it follows the reader's own display options.
        table: str = frame[columns]._repr_html_() or ""
        return f"<p>{escape(self.in_words())}</p>{table}"
