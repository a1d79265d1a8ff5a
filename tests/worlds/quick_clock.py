"""A session whose waits take no time: its clock is ahead by what it would have waited."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from watchme_analysis.cloudwatch.session import Aws


@dataclass
class QuickAws(Aws):
    """A session that calls AWS as usual, and only counts the seconds of its waits."""

    skipped_s: float = 0.0

    def now(self):
        return datetime.now(UTC) + timedelta(seconds=self.skipped_s)

    def sleep(self, seconds):
        self.skipped_s += max(0.0, seconds)
