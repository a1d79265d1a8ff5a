"""First rows of a frame with the type of each column, and the query behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from watchme_analysis.present.display import cell
from watchme_analysis.present.text_table import align_rows
from watchme_analysis.redact import described, redacted, redacted_cell, shortened
from watchme_analysis.text.message import message
from watchme_analysis.text.render import render

if TYPE_CHECKING:
    from datetime import tzinfo

    import pandas as pd

# Characters of a cell; the frame holds the whole text.
_LONGEST = 60


@dataclass(frozen=True, slots=True, repr=False)
class FrameView:
    """The first rows of a frame, for a reader who goes on with the frame.

    ``source`` is the expression that returns the frame, such as ``page.balance.frame``, and ``query`` the SQL
    of the rows behind it; empty without any. ``language`` is that of the lines around the rows.
    """

    frame: pd.DataFrame
    source: str
    query: str
    zone: tzinfo
    language: str = "en"
    limit: int = 6

    def __repr__(self) -> str:
        """Return the size of the frame in one line."""
        return described(self, f"{self.source}: {len(self.frame)} rows")

    @property
    def _types(self) -> list[str]:
        kinds = [str(kind) for kind in self.frame.dtypes]
        return [f"time, {self.zone}" if kind.startswith("datetime64") else kind for kind in kinds]

    @property
    def _rows(self) -> list[tuple[str, ...]]:
        columns = [self.frame[name].head(self.limit).tolist() for name in self.frame.columns]
        return [tuple(map(self._cell, self.frame.columns, row)) for row in zip(*columns, strict=True)]

    def _cell(self, name: str, value: object) -> str:
        text = str(value) if isinstance(value, bool) else cell(value, self.zone, self.language)
        return shortened(redacted_cell(name, text), _LONGEST, "…").replace("\n", " ⏎ ")

    @property
    def _note(self) -> str:
        counts = {"shown": min(self.limit, len(self.frame)), "rows": len(self.frame)}
        return redacted(f"{self.source} · {render(message('frame-rows', **counts), self.language)}")

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self._html(), "text/plain": self._text()}

    def _html(self) -> str:
        names = list(map(redacted, self.frame.columns))
        head = "".join(
            f'<th scope="col">{escape(name)}<br>{escape(kind)}</th>'
            for name, kind in zip(names, self._types, strict=True)
        )
        body = "".join(_html_row(row) for row in self._rows)
        about = escape(render(message("frame-query"), self.language))
        query = f"<details><summary>{about}</summary><pre>{escape(redacted(self.query))}</pre></details>"
        return (
            '<div class="watchme-table" style="overflow-x:auto"><table>\n'
            f'<caption style="text-align:left"><code>{escape(self._note)}</code></caption>\n'
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>\n"
            f"{query if self.query else ''}"
        )

    def _text(self) -> str:
        words = range(len(self.frame.columns))
        table = align_rows(tuple(map(redacted, self.frame.columns)), [tuple(self._types), *self._rows], words)
        return f"{table}\n{self._note}"


def _html_row(cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in cells) + "</tr>\n"
