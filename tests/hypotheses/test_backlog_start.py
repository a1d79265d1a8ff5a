from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from watchme_analysis.hypotheses.backlog.start import _first_poison

START = datetime(2026, 7, 4, 5, tzinfo=UTC)


def signs(**devices):
    return SimpleNamespace(
        devices=Counter(devices),
        first_sent_by_main_device=START + timedelta(hours=3),
        failures=SimpleNamespace(start=START),
        flow=SimpleNamespace(period_s=60),
    )


def test_the_first_bad_message_of_one_of_many_senders_is_not_when_it_began():
    assert _first_poison(signs(a=3, b=2, c=2, d=1)) == START
    assert _first_poison(signs(a=9, b=1)) == START + timedelta(hours=3)
