"""Durations of invocations during and before trouble."""

from types import SimpleNamespace

import pandas as pd
import pytest

from watchme_analysis.backlog.signals import api
from watchme_analysis.text.message import Resource

TIMES = pd.date_range("2026-11-24T10:00Z", periods=6, freq="5min")


@pytest.mark.parametrize(
    ("durations_s", "first", "found"),
    [
        ([1, 1, 1, 1.5, 1.5, 1.5], 3, ["not_slower"]),
        ([1, 1, 1, 3, 3, 3], 0, []),  # nothing before to compare with
        ([0, 0, 0, 3, 3, 3], 3, []),
    ],
)
def test_durations_are_compared_with_those_before(durations_s, first, found):
    frame = pd.DataFrame({"duration_avg_s": durations_s, "received": 1.0, "invocations": 1.0}, index=TIMES)
    context = SimpleNamespace(
        queue=SimpleNamespace(
            slow=SimpleNamespace(start=TIMES[first].to_pydatetime(), end=TIMES[-1] + pd.Timedelta("5min")),
            worst=None,
            failures=None,
            errors_counted=True,
        ),
        pipeline=SimpleNamespace(frame=frame, settings=SimpleNamespace(batch_size=10)),
        function=Resource("worker"),
        points=lambda *_: (),
        observation=lambda signal, *_, **__: signal,
    )
    assert list(api.slower(context)) == found
