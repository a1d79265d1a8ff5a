"""A full queue of connections in contrast to lost packets, where the length of the queue is unknown."""

import random

import pandas as pd
from worlds.health_world import moment

from watchme_analysis.health.signals.listen_queue import filled


def frames(*rows):
    """Return requests as (start, seconds to connect, then to respond, step in which Nginx gave up)."""
    start, connect_s, header_s, gave_up = zip(*rows, strict=True)
    times = pd.DataFrame({"connect_s": connect_s, "header_s": header_s, "gave_up_in": gave_up})
    bad = [late > 1 or wait > 1 for late, wait in zip(connect_s, header_s, strict=True)]
    return pd.DataFrame({"nginx_start": [moment(at) for at in start], "nginx_bad": bad}), times


def queued(room, held_s, seconds=60.0, limit_s=5.0):
    """Return requests to a server that takes nothing for `held_s`, and then all connections that wait."""
    queue, rows = [], []
    for at in (count / 8 for count in range(int(seconds * 8))):
        for tries in (0.0, 1.02, 3.05):
            taken_at = ((at + tries) // held_s + 1) * held_s
            if queue.count(taken_at) < room:
                break
        else:
            rows.append((at, limit_s, 0.0, "connect"))
            continue
        queue.append(taken_at)
        wait = taken_at - at - tries
        rows.append((at, tries, min(wait, limit_s), None if wait < limit_s else "header"))
    return frames(*rows)


def lost(share, seconds=60.0, limit_s=5.0):
    """Return requests each of whose packets is lost with a probability."""
    draw, rows = random.Random(int(share * 100)), []
    for count in range(int(seconds * 8)):
        tries = next((wait for wait in (0.0, 1.02, 3.05) if draw.random() > share), None)
        wait = next((wait for wait in (0.002, 0.21, 0.62, 1.4, 3.1) if draw.random() > share), limit_s)
        rows.append((count / 8, limit_s, 0.0, "connect") if tries is None else (count / 8, tries, wait, None))
    return frames(*rows)


def test_connections_fail_in_runs_where_a_queue_fills_and_at_random_where_packets_are_lost():
    assert all(filled(*queued(room, held_s)) for room, held_s in ((16, 10.0), (32, 8.0), (64, 20.0)))
    assert not any(filled(*lost(share)) for share in (0.1, 0.3, 0.5, 0.7, 0.85))


def test_a_link_that_is_cut_and_comes_back_serves_at_once_what_it_connects():
    cut = [(at / 8, *((5.0, 0.0, "connect") if at // 80 % 2 else (0.0, 0.002, None))) for at in range(480)]
    assert not filled(*frames(*cut))


def test_connections_that_fail_while_no_request_waits_find_no_full_queue():
    """The way is cut for seconds; what is connected before its end is served together when it is back."""
    cut = [
        (at / 8, *((5.0, 0.0, "connect") if at % 48 < 32 else (0.0, 6 - at % 48 / 8, None)))
        for at in range(480)
    ]
    assert not filled(*frames(*cut))
