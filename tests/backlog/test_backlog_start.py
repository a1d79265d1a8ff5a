from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from watchme_analysis.backlog.chain import QueueSignals
from watchme_analysis.backlog.judge import judge
from watchme_analysis.backlog.onset_order import host_moved
from watchme_analysis.backlog.signals.queue_context import QueueObservation, Span

START = datetime(2026, 7, 4, 5, tzinfo=UTC)


def minute(number):
    return START + timedelta(minutes=number)


def test_of_queues_throttled_together_the_first_tells_when_an_account_limit_began():
    def throttled(queue, first, last):
        span = Span(
            minute(first), minute(first), minute(first - 1), minute(first + 1), minute(last), minute(last)
        )
        seen = QueueObservation("throttled", "", "metrics", 1, queue=queue, span=span)
        return QueueSignals(queue, 60, True, (seen,))

    found = judge([throttled("worst", 60, 200), throttled("before", -90, 20), throttled("first", 40, 190)])
    assert found.likeliest == "throttled"
    assert found.span.start == minute(40)


@pytest.mark.parametrize(
    ("cpu", "bounds"),
    [
        ([2.0] * 40, None),
        ([2.0] * 31 + [95.0] * 9, (30, 32)),
        ([2.0] * 32, (31, 32.2)),
        ([2.0] * 31 + [95.0] + [2.0] * 8, None),
        ([], None),
    ],
)
def test_a_host_that_leaves_its_usual_load_narrows_down_when_it_began(cpu, bounds):
    frame = pd.DataFrame({"cpu_pct": float("nan")}, index=pd.date_range(START, periods=200, freq="60s"))
    frame.iloc[: 5 * len(cpu) : 5, 0] = cpu
    good, shown = (START + timedelta(minutes=5 * point) for point in (30, 36))
    expected = bounds and tuple(START + timedelta(minutes=5 * point) for point in bounds)
    assert host_moved(frame, good, shown) == expected
