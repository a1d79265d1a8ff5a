"""A surge of requests, and the client or agent that most of it comes from."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from watchme_analysis.access_logs.surges import Arrivals, SenderCounts, distinguishing_part

START = datetime(2025, 12, 11, tzinfo=UTC)
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36"
BOT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 ExampleBot/2.1 Safari/537.36"


def requests_of(usual=1, surge=20, senders=("203.0.113.9",), agent=BOT, minutes=360, at=100):
    """Ordinary requests of four clients in each minute, and further ones in five minutes."""
    ordinary = [(minute * 60 + 7, f"192.0.2.{minute % 4}", BROWSER) for minute in range(minutes)] * usual
    further = [
        ((at + number % 5) * 60 + 9, senders[number % len(senders)], agent) for number in range(5 * surge)
    ]
    return sorted(ordinary + further)


def table_of(requests):
    times, clients, agents = zip(*requests, strict=True)
    moments = pa.array([START + timedelta(seconds=one) for one in times], pa.timestamp("us", "UTC"))
    texts = [pa.array(one, pa.large_string()) for one in (clients, agents)]
    return pa.table({"time": moments, "client_addr": texts[0], "user_agent": texts[1]})


def surge_of(requests):
    arrivals = Arrivals()
    arrivals.add(table_of(requests)["time"])
    return arrivals.surge()


def leading(requests):
    senders = SenderCounts(surge_of(requests))
    senders.add(table_of(requests))
    return senders.leading()


def test_a_surge_is_far_more_requests_than_usual_in_some_steps():
    surge = surge_of(requests_of())

    assert (surge.start, surge.end) == (START + timedelta(minutes=100), START + timedelta(minutes=105))
    assert (surge.requests, surge.usual, surge.step_s) == (105, 1.0, 60)
    assert surge_of(requests_of(surge=2)) is None
    assert surge_of(requests_of(usual=10, surge=20)) is None


def test_the_client_and_the_agent_of_a_surge_are_named():
    found = leading(requests_of())

    assert (found["client"]["value"], found["client"]["requests"]) == ("203.0.113.9", 100)
    assert found["client"]["excess_pct"] == 100
    assert (found["agent"]["value"], found["agent"]["distinguishing"]) == (BOT, "ExampleBot/2.1")


def test_nobody_is_named_who_sends_most_requests_anyway():
    requests = [(time, "192.0.2.1", BROWSER) for time, *_ in requests_of()]

    assert leading(requests) == {}


def test_senders_of_parts_add_up():
    requests = requests_of()
    surge = surge_of(requests)
    whole, first, second = (SenderCounts(surge) for _ in range(3))
    whole.add(table_of(requests))
    first.add(table_of(requests[::2]))
    second.add(table_of(requests[1::2]))
    first.merge(second)

    assert first.leading() == whole.leading()


@pytest.mark.parametrize(
    ("agent", "part"),
    [
        ("curl/8.5.0", "curl/8.5.0"),
        ("Mozilla/5.0 (compatible; ExampleBot/2.1; +http://example.com/bot)", "ExampleBot/2.1"),
        (f"{BROWSER} Edg/126", "Edg/126"),
        ("-", "-"),
    ],
)
def test_the_part_of_an_agent_that_others_lack(agent, part):
    assert distinguishing_part(agent, {BROWSER: 90.0, agent: 1.0}) == part
