"""Parts of the plan of a load test that need no AWS: requests, bodies, durations, and what is watched."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from watchme_analysis.config import Config, System
from watchme_analysis.errors import InputError
from watchme_analysis.remedies.load_plan import LoadLimits, LoadTarget
from watchme_analysis.services.loadtest import (
    LoadRequest,
    _bodies,
    _endpoint_parts,
    _Watch,
    usual_duration,
)

START = pd.Timestamp("2026-03-02T04:00:00Z")
API = System("staging", api="http://192.0.2.1/api/jobs", is_test=True)


def case(**tables):
    return SimpleNamespace(name="case", table=lambda name: tables[name])


def requests(*rows):
    columns = ["end_s", "path", "method", "query", "status", "request_time_s"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(time=START + pd.to_timedelta(frame["end_s"], unit="s"))


LOG = requests(
    (9.0, "/other", "GET", None, 200, 1.0),
    (13.0, "/jobs", "POST", "a=1", 202, 3.0),  # began at 10, the second of the path
    (10.0, "/jobs", "GET", None, 200, 2.0),  # began at 8
    (16.0, "/jobs", "GET", "b=2", 200, np.nan),
    (17.0, "/jobs", "GET", None, 500, 40.0),
    (18.0, "/jobs", None, None, 400, 1.0),
)


def messages(*rows):
    columns = ["queue", "source_queue", "sent_at", "body", "group_id", "work_item", "work_key"]
    return pd.DataFrame(rows, columns=columns)


MESSAGES = messages(
    ("dlq", None, 3, "third", None, "w3", "k3"),
    ("orders", None, 1, "first", "g1", "w1", "k1"),
    ("dlq", "other", 2, "of another queue", None, "w9", "k9"),
    ("orders", None, 2, None, None, "w2", None),
    ("elsewhere", None, 0, "elsewhere", None, "w0", "k0"),
    ("dlq", "orders", 2, "second", None, None, None),
)


def test_requests_are_replayed_from_their_begin_with_the_bodies_of_the_case():
    wanted = LoadRequest(endpoint="/jobs", limits=LoadLimits(timeout_s=7.0))
    found = _endpoint_parts(case(access_log=LOG, queue_messages=MESSAGES), API, wanted, "mark", None)
    # The one that began at -23 came first.
    assert found.origin == START.to_pydatetime() - pd.Timedelta(seconds=23)
    assert found.replay.sent_s == (0.0, 31.0, 33.0, 39.0)
    assert [(item.at_s, item.method, item.target, item.body) for item in found.items] == [
        (0.0, "GET", "/api/jobs", ""),
        (31.0, "GET", "/api/jobs", ""),
        (33.0, "POST", "/api/jobs?a=1", "of another queue"),
        (39.0, "GET", "/api/jobs?b=2", ""),
    ]
    assert (found.source, found.target.kind, found.target.url) == ("/jobs", "endpoint", API.api)
    assert (found.model.function_timeout_s, found.model.api.slots) == (7.0, None)
    assert [note.id for note in found.notes] == ["loadtest-note-durations", "loadtest-note-slots"]

    bare = System("staging", api="http://192.0.2.1/", is_test=True)
    wanted = LoadRequest(endpoint="/other", slots=3)
    found = _endpoint_parts(case(access_log=LOG), bare, wanted, "mark", None)
    assert [item.target for item in found.items] == ["/other"]
    assert (found.model.api.slots, len(found.notes)) == (3, 1)
    for system, endpoint, said in ((System("staging"), "/jobs", "staging"), (bare, "/absent", "/jobs")):
        with pytest.raises(InputError, match=said):
            _endpoint_parts(case(access_log=LOG), system, LoadRequest(endpoint=endpoint), "mark", None)


def test_the_usual_duration_is_that_of_the_quartiles_of_good_requests():
    durations = np.exp(np.random.default_rng(1).normal(-1.0, 0.5, 4001))
    rows = [(0.0, "/", "GET", None, 200, each) for each in durations]
    rows += [(0.0, "/", "GET", None, 500, 90.0)] * 3000 + [(0.0, "/", "GET", None, 499, 0.0)] * 3000
    mean_s, variation = usual_duration(requests(*rows))
    assert mean_s == pytest.approx(np.exp(-1.0 + 0.125), rel=0.03)
    assert variation == pytest.approx(np.sqrt(np.expm1(0.25)), rel=0.05)
    with pytest.raises(InputError):
        usual_duration(requests((0.0, "/", "GET", None, 500, 1.0), (0.0, "/", "GET", None, 200, 0.0)))


def test_bodies_are_those_of_the_queue_in_turn_or_a_template_with_its_work():
    known = case(queue_messages=MESSAGES)
    queues = ["orders", "dlq", None]
    assert _bodies(known, queues, None, 4, "mark") == [
        ("first", "g1"), ("second", None), ("third", "w3"), ("first", "g1"),
    ]  # fmt: skip
    template = '{"id": "{item}", "key": "{key}", "n": {number}, "test": "{test}"}'
    quoted = messages(
        ("orders", None, 1, "x", None, 'a"b', None), ("orders", None, 2, "y", None, 'a"b', None)
    )
    assert _bodies(case(queue_messages=quoted), ["orders"], template, 2, "mark") == [
        (f'{{"id": "a\\"b", "key": "", "n": {number}, "test": "mark"}}', 'a"b') for number in (0, 1)
    ]
    filled = _bodies(known, queues, "{item}-{key}", 3, "mark")
    assert filled == [("w1-k1", "w1"), ("w3-k3", "w3"), ("w1-k1", "w1")]
    none = case(queue_messages=MESSAGES[:0])
    assert _bodies(none, queues, "{number}", 2, "mark") == [("0", None), ("1", None)]
    for text in ("{item}", "{key}", None):
        with pytest.raises(InputError, match="case"):
            _bodies(none, queues, text, 1, "mark")


def test_the_other_systems_and_what_is_named_is_watched():
    other = System("orders", ("q",), ("dlq",), ("f", "tested"), api="http://192.0.2.9/x", health="/health")
    config = Config(systems={"staging": API, "orders": other})
    urls = ("http://192.0.2.7/h", "https://192.0.2.8/h")
    target = LoadTarget("staging", "queue", "url", None, "tested", False, None)
    watch = _Watch(config, API, ("named", *urls))
    assert watch.needs_aws
    functions = [("errors", "f"), ("throttles", "f")]
    health = [("health", url) for url in ("http://192.0.2.9/health", *urls)]
    assert watch.kinds(None, target) == [*functions, *health]
    alone = _Watch(Config(systems={"staging": API}), API, urls[:1])
    alone.check()
    assert (alone.needs_aws, alone.kinds(None, target)) == (False, [("health", urls[0])])
    with pytest.raises(InputError, match="staging"):
        _Watch(Config(systems={"staging": API}), API, ()).check()
    assert _Watch(Config(systems={"staging": API}), API, ("named",)).needs_aws
