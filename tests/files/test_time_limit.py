"""The time that reading a file may take: its timer, and what stood in its place before."""

import signal
import threading

import pytest
from worlds.messages import messages_in

from watchme_analysis.files.time_limit import TimeLimitError, time_limit
from watchme_analysis.limits import MIB


@pytest.fixture(autouse=True)
def limits(monkeypatch):
    monkeypatch.setenv("WATCHME_LIMIT_FILE_S", "100")


def remaining():
    return signal.getitimer(signal.ITIMER_REAL)[0]


def test_a_large_file_may_take_longer_and_the_timer_ends_with_it():
    before = signal.getsignal(signal.SIGALRM)
    with time_limit(0):
        assert 99 < remaining() <= 100
    with time_limit(30 * MIB):
        assert 129 < remaining() <= 130
        with pytest.raises(TimeLimitError) as caught:
            signal.raise_signal(signal.SIGALRM)
    assert (remaining(), signal.getsignal(signal.SIGALRM)) == (0, before)
    said = messages_in(caught.value.args[0])
    assert said["problem-time"]["seconds"] == "130"
    assert said["limit-reached"]["limit"] == "file_s = 100"


def test_the_timer_ends_when_reading_fails():
    with pytest.raises(KeyError), time_limit(0):
        raise KeyError
    assert remaining() == 0


def test_a_timer_of_another_is_left_alone():
    signal.setitimer(signal.ITIMER_REAL, 50)
    try:
        with time_limit(0):
            assert 49 < remaining() <= 50
        assert 49 < remaining() <= 50
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def test_another_thread_has_no_timer():
    found = []

    def read():
        with time_limit(0):
            found.append(remaining())

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert found == [0]
