"""How far a query's inclusive end reaches, learned while asking, so that no second is scanned twice.

StartQuery takes whole seconds and includes the end, which may mean its first millisecond or the whole of
its second; AWS doesn't say. Windows are asked as if it meant the second. Rows that came from beyond a
second's first millisecond prove that; where none did, one small query tells. Should the end mean the
millisecond, each window owes what lies between it and the window's end, and that alone is asked. Events
that all carry whole seconds tell nothing; further windows then reach a second over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from watchme_analysis.sources.insights.calls import Row
from watchme_analysis.sources.insights.plan import Span, epoch_ms


@dataclass
class Ends:
    """What is known of the end, and what is owed should it mean a millisecond.

    Attributes
    ----------
    whole
        Whether an end includes the whole of its second; None while that is not known.
    owed
        Answer and span of what windows may not have reached.
    witness
        Answer and millisecond of an event past the first millisecond of its second: asked for by its
        second alone, it comes only where an end includes the whole of it.
    asked
        Whether that was asked.
    doubtful
        Whether a window came without a witness: one may never come, so windows had better owe nothing.
    wide
        Whether a query must reach over more than one second, because one second alone was refused.
    """

    whole: bool | None = None
    owed: list[tuple[int, Span]] = field(default_factory=list)
    witness: tuple[int, int] | None = None
    asked: bool = False
    doubtful: bool = False
    wide: bool = False

    def last(self, span: Span, *, sure: bool) -> int:
        """Return the last second to ask for.

        Parameters
        ----------
        span
            What the query is answerable for.
        sure
            Whether all of it must come whatever an end means; nothing is owed then.
        """
        end = span.to_ms - 1
        hopeful = self.whole is None and not (sure or self.doubtful or self.wide)
        reached = end % 1000 == 0 or self.whole or hopeful
        last = end // 1000 if reached else end // 1000 + 1
        return max(last, span.first + 1) if self.wide else last

    def see(self, answer: int, rows: Sequence[Row], last: int) -> None:
        """Learn from rows in order of time; the query asked for them up to a second."""
        if self.whole is not None:
            return
        times = [row.get("@timestamp", "") for row in rows]
        past = [time for time in times if time and not time.endswith(".000")]
        if not past:
            self.doubtful = self.witness is None
            return
        self.doubtful = False
        # Its second is scanned once more, so it had better hold little; the last one may hold more than came.
        seconds = Counter(time[:-4] for time in past)
        quiet = min(seconds, key=lambda second: (second == past[-1][:-4], seconds[second]))
        self.witness = (answer, epoch_ms(next(time for time in past if time.startswith(quiet))))
        if last in {epoch_ms(past[end]) // 1000 for end in (0, -1)}:
            self.whole = True

    def owe(self, answer: int, span: Span, last: int) -> None:
        """Note what a window asked up to a second may not have reached."""
        if not self.whole and last * 1000 + 1 < span.to_ms:
            self.owed.append((answer, Span(max(span.from_ms, last * 1000 + 1), span.to_ms)))

    def due(self, *, idle: bool) -> list[tuple[int, Span]]:
        """Return what must be asked now, which it no longer owes.

        Parameters
        ----------
        idle
            Whether nothing else is left to do, so that nothing more will be learned.
        """
        if self.whole is None and not (idle and self.owed):
            return []
        # What nothing told by now nothing will.
        self.doubtful = self.whole is None
        due, self.owed = [] if self.whole else self.owed, []
        return due

    @property
    def question(self) -> tuple[int, Span] | None:
        """The answer and the span of one event by which to tell, None where that is not worth a query."""
        if self.whole is not None or self.asked or self.wide or self.witness is None or not self.owed:
            return None
        answer, moment = self.witness
        return answer, Span(moment, moment + 1)
