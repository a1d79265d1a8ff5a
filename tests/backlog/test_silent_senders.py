"""A queue in which messages stop arriving."""

import pytest
from worlds.waiting_queue import MINUTES, RATE, STOP, STOPPED, write_attributes, write_metrics

from watchme_analysis.services.diagnose import diagnose


@pytest.mark.parametrize(
    ("pattern", "is_stated"),
    [
        ([RATE] * STOP + [0] * (MINUTES - STOP), True),
        # Pauses are usual, and points of the last minutes may still come.
        (([RATE] * 60 + [0] * 60) * (MINUTES // 120), False),
        ([RATE] * (MINUTES - 5) + [0] * 5, False),
        # Points that are missing are no zeros.
        ([RATE] * STOP + [None] * (MINUTES - STOP - 1) + [0], False),
    ],
)
def test_arrivals_that_stop_are_stated_and_accuse_nobody(tmp_path, pattern, is_stated):
    names = ("NumberOfMessagesSent", "NumberOfMessagesReceived", "NumberOfMessagesDeleted")
    calm = ("ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage")
    write_metrics(tmp_path, dict.fromkeys(names, pattern) | dict.fromkeys(calm, [0] * MINUTES))
    found = diagnose("backlog", write_attributes(tmp_path))
    stopped = {one.id: one.value for one in found.facts}.get("arrivals_stopped")
    assert stopped == (STOPPED.isoformat(timespec="milliseconds") if is_stated else None)
    assert found.cause is None
    trouble = {"en": "No queue shows trouble", "ja": "異常のあるキューはありません"}
    assert all((said not in found.text(language)) == is_stated for language, said in trouble.items())
