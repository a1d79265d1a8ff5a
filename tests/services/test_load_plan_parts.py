"""Parts of the plan of a load test: requests, messages, durations, settings, and what is watched."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from worlds.aws_front import FAST
from worlds.backlog_world import World
from worlds.memory_queues import URL, MemoryQueues
from worlds.messages import messages_in, refusal
from worlds.settings_file import write_settings
from worlds.stored_case import case_of, store_case

from watchme_analysis.case.actions import read_actions
from watchme_analysis.config import Config, System
from watchme_analysis.errors import InputError
from watchme_analysis.remedies.load_plan import LoadItem, LoadLimits, LoadPlan, LoadTarget
from watchme_analysis.remedies.plan import Call, Condition
from watchme_analysis.services.loadtest import (
    LoadRequest,
    _bodies,
    _endpoint_parts,
    _live_queue,
    _model,
    _pipeline,
    _queue_parts,
    _replay,
    _Watch,
    apply_load_test,
    check_test_system,
    usual_duration,
)
from watchme_analysis.simulation.replay import endpoint_settings, healthy
from watchme_analysis.simulation.settings import PollerSettings, QueueSettings, Settings

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


ARN = "arn:aws:sqs:eu-west-1:123456789012:"
FUNCTION_ARN = "arn:aws:lambda:eu-west-1:123456789012:function:worker"


@pytest.fixture
def aws():
    """An account with the queue `jobs`, its DLQ, and the function that drains it."""
    account = MemoryQueues(rate_limits=FAST)
    account.held = {"jobs": {}, "dead": {}, "orders": {}, "orders-dlq": {}}
    policy = {"deadLetterTargetArn": ARN + "dead", "maxReceiveCount": 5}
    account.attributes["jobs"] = {"VisibilityTimeout": "90", "RedrivePolicy": json.dumps(policy)}
    mapping = {
        "State": "Enabled", "FunctionArn": FUNCTION_ARN, "BatchSize": 3,
        "ScalingConfig": {"MaximumConcurrency": 4}, "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }  # fmt: skip
    account.responses = {
        "list_event_source_mappings": {
            "EventSourceMappings": [
                {**mapping, "State": "Disabled", "FunctionArn": FUNCTION_ARN + "-old"},
                mapping,
            ]
        },
        "get_function_configuration": {"Timeout": 15, "MemorySize": 256},
        "get_function_concurrency": {"ReservedConcurrentExecutions": 6},
    }
    account.client = lambda service: SimpleNamespace(can_paginate=lambda operation: False)
    return account


def test_the_tested_queue_as_the_account_has_it(aws):
    system = System("staging", ("jobs",), is_test=True)
    target, relies_on, live = _live_queue(aws, system)
    assert target == LoadTarget("staging", "queue", URL + "jobs", URL + "dead", "worker", True, 256)
    arn = {"EventSourceArn": ARN + "jobs"}
    policy = aws.attributes["jobs"]["RedrivePolicy"]
    old = [FUNCTION_ARN + "-old", "Disabled", 3, 4]
    assert relies_on == (
        Condition(
            Call("sqs", "get_queue_attributes", {"QueueUrl": URL + "jobs", "AttributeNames": ["All"]}),
            "Attributes.[VisibilityTimeout, RedrivePolicy]",
            ["90", policy],
        ),
        Condition(
            Call("lambda", "list_event_source_mappings", arn),
            "EventSourceMappings[].[FunctionArn, State, BatchSize, ScalingConfig.MaximumConcurrency]",
            [old, [FUNCTION_ARN, "Enabled", 3, 4]],
        ),
        Condition(
            Call("lambda", "get_function_configuration", {"FunctionName": "worker"}),
            "[Timeout, MemorySize]",
            [15, 256],
        ),
    )
    assert live == {
        "visibility_timeout_s": 90.0, "max_receive_count": 5, "is_fifo": False, "batch_size": 3,
        "max_concurrency": 4, "reserved_concurrency": 6, "partial_batch_responses": True,
        "function_timeout_s": 15.0,
    }  # fmt: skip
    # The defaults of AWS, and a queue without DLQ.
    aws.attributes["jobs"] = {}
    bare = {"State": "Updating", "FunctionArn": FUNCTION_ARN}
    aws.responses = {
        "list_event_source_mappings": {"EventSourceMappings": [bare]},
        "get_function_configuration": {},
        "get_function_concurrency": {},
    }
    target, _, live = _live_queue(aws, system)
    assert (target.dlq_url, target.reports_failures, target.memory_mb) == (None, False, None)
    assert live == {
        "visibility_timeout_s": 30.0, "max_receive_count": None, "is_fifo": False, "batch_size": 10,
        "max_concurrency": None, "reserved_concurrency": None, "partial_batch_responses": False,
        "function_timeout_s": 3.0,
    }  # fmt: skip
    aws.responses["list_event_source_mappings"] = {"EventSourceMappings": []}
    assert refusal(_live_queue, aws, system) == {"error-loadtest-no-mapping": {"queue": "jobs"}}


def test_the_model_has_the_settings_of_the_test_system(aws):
    _, _, live = _live_queue(aws, System("staging", ("jobs",)))
    fitted = Settings(QueueSettings(180.0), PollerSettings(10), function_timeout_s=30.0)
    model = _model(fitted, {**live, "is_fifo": True}, 7)
    assert model.queue == replace(
        healthy(fitted).queue, visibility_timeout_s=90.0, max_receive_count=5, is_fifo=True
    )
    assert (model.poller.batch_size, model.poller.max_concurrency, model.poller.reserved_concurrency) == (
        3,
        4,
        6,
    )
    assert (model.poller.partial_batch_responses, model.api.slots, model.function_timeout_s) == (
        True,
        7,
        15.0,
    )


def test_messages_of_a_queue_are_replayed(aws):
    world = World(hours=1)
    world.fail(1, 32, 1.5, "ValueError: unreadable", tries=1)
    world.table("metrics")
    made = case_of(**world.tables)
    system = System("staging", ("jobs",), is_test=True)
    parts = _queue_parts(made, system, LoadRequest(factor=2, longest_s=600, most=5), "mark", aws)
    assert (parts.source, parts.target.url) == ("jobs", URL + "jobs")
    assert parts.origin == pd.Timestamp("2025-12-10T00:00:00Z").to_pydatetime()
    bodies = made.table("queue_messages")["body"].tolist()  # in order of sending
    assert [item.body for item in parts.items] == bodies[:5]
    assert [item.at_s for item in parts.items] == list(parts.replay.sent_s)
    assert {(item.group, item.method, item.target) for item in parts.items} == {(None, "", "")}
    assert [messages_in(each) for each in parts.notes] == [
        {"loadtest-note-healthy": {"queue": "jobs"}},
        {"loadtest-note-live": {"visibility": 90.0, "timeout": 15.0}},
        {"loadtest-note-slots": {"option": "--api-slots"}},
    ]
    limited = _queue_parts(made, system, LoadRequest("staging", "jobs", most=1, slots=2), "mark", aws)
    assert (len(limited.items), len(limited.notes), limited.model.api.slots) == (1, 2, 2)
    assert refusal(_queue_parts, made, System("two", ("a", "b")), LoadRequest(), "mark", aws) == {
        "error-loadtest-one-queue": {"system": "two", "count": 2, "file": "watchme.toml"}
    }
    # A FIFO queue needs a group for each message: that of the case, or the mark.
    aws.held["jobs.fifo"] = {}
    fifo = _queue_parts(made, System("staging", ("jobs.fifo",)), LoadRequest(most=2), "mark", aws)
    assert [item.group for item in fifo.items] == made.table("queue_messages")["work_item"].tolist()[:2]
    template = LoadRequest(most=2, template="{number}")
    made.table("queue_messages")["work_item"] = None
    numbered = _queue_parts(made, System("staging", ("jobs.fifo",)), template, "mark", aws)
    assert [(item.body, item.group) for item in numbered.items] == [("0", "mark"), ("1", "mark")]


def test_the_queue_of_a_case_that_is_replayed():
    two = case_of(queues=[{"queue": "b"}, {"queue": "a"}])
    assert _pipeline(case_of(queues=[{"queue": "a"}]), None).queue == "a"
    assert _pipeline(two, "b").queue == "b"
    known = refusal(_pipeline, two, None)["error-loadtest-give-queue"]["known"]
    assert sorted(known) == ["a", "b"]
    absent = refusal(_pipeline, two, "c")["error-case-no-queue"]
    assert (absent["case"], absent["queue"], sorted(absent["known"])) == ("made-up", "c", ["a", "b"])
    assert refusal(_replay, [], LoadRequest(), "jobs") == {"error-loadtest-no-arrivals": {"source": "jobs"}}


def test_only_what_is_declared_as_a_test_system_is_tested():
    test = System("staging", ("jobs",), api="http://192.0.2.1/api", is_test=True)
    real = System("orders", ("orders",), api="http://192.0.2.2/api")

    def config(*systems):
        return Config(systems={each.name: each for each in systems})

    assert check_test_system(config(test, real), None) is test
    assert check_test_system(config(test, real), "staging") is test
    file = {"file": "watchme.toml"}
    assert refusal(check_test_system, config(real), None) == {"error-loadtest-no-system": file}
    second = replace(test, name="second", queues=("more",))
    assert refusal(check_test_system, config(test, second), None) == {
        "error-loadtest-several-systems": {"known": "staging, second", **file}
    }
    assert refusal(check_test_system, config(test, real), "orders") == {
        "error-loadtest-not-test": {"system": "orders", **file}
    }
    # The same queue by its URL, or the same API, in a system that is none for tests.
    for shared, other in (
        ("jobs", replace(real, queues=(URL + "jobs",))), (test.api, replace(real, api=test.api))
    ):  # fmt: skip
        assert refusal(check_test_system, config(test, other), "staging") == {
            "error-loadtest-shared": {"shared": shared, "system": "staging", "other": "orders", **file}
        }
    bare = replace(test, api=None)
    assert (
        check_test_system(config(bare, replace(real, api=None), replace(bare, name="copy")), "staging")
        is bare
    )


def test_queues_dlqs_and_functions_of_other_systems_are_watched(aws):
    policy = {"deadLetterTargetArn": ARN + "orders-dlq"}
    aws.attributes["orders"] = {"RedrivePolicy": json.dumps(policy)}
    other = System("orders", ("orders", "jobs"), ("dead",), ("biller", "worker"))
    tested = System("staging", ("jobs",), is_test=True)
    watch = _Watch(Config(systems={"orders": other, "staging": tested}), tested, ())
    target = LoadTarget("staging", "queue", URL + "jobs", URL + "dead", "worker")
    # Not the tested queue, its DLQ and its function, though another system names them.
    aws.responses["list_event_source_mappings"] = {
        "EventSourceMappings": [{"FunctionArn": FUNCTION_ARN + "-2"}]
    }
    assert watch.kinds(aws, target) == [
        ("depth", URL + "orders"), ("age", "orders"), ("dlq", URL + "orders-dlq"), ("errors", "biller"),
        ("throttles", "biller"), ("errors", "worker-2"), ("throttles", "worker-2"),
    ]  # fmt: skip


def test_a_plan_is_applied_to_what_is_still_declared(tmp_path, monkeypatch):
    write_settings(tmp_path, '[systems.staging]\ntest = true\napi = "http://127.0.0.1:1/jobs"\n')
    monkeypatch.chdir(tmp_path)
    made = datetime(2026, 3, 2, tzinfo=UTC)
    model = endpoint_settings(0.05, 0.1, None, 60)
    target = LoadTarget("staging", "endpoint", "http://127.0.0.1:1/jobs")
    plan = LoadPlan(
        "loadtest-1", "night", "/jobs", made, "", "", target, 1.0, made, 60.0,
        (LoadItem(0.0, "", None, "GET", "/jobs"),), LoadLimits(drain_s=1.0, timeout_s=1.0), (), (), model,
        {}, 1,
    )  # fmt: skip
    stored = store_case(tmp_path / "case", queues=[{"queue": "a"}])
    result = apply_load_test(plan, tmp_path / "j", case=stored.path)
    assert (result.counts.sent, result.counts.failed) == (1, 1)
    rows = read_actions(stored.path)
    assert rows[["remedy", "resource", "outcome"]].values.tolist() == [
        ["loadtest", "http://127.0.0.1:1/jobs", "done"]
    ]
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "probes.csv").write_text(
        "timestamp,vantage,path,status,seconds,error\n2026-03-02T04:00:00Z,a,/,200,1,\n"
    )
    refused = refusal(apply_load_test, plan, tmp_path / "k", case=raw)
    assert refused == {"error-case-is-raw": {"folder": str(raw)}}
    moved = replace(plan, target=replace(plan.target, url="http://127.0.0.1:1/other"))
    assert refusal(apply_load_test, moved, tmp_path / "k") == {
        "error-loadtest-target-gone": {
            "target": "http://127.0.0.1:1/other", "system": "staging", "file": "watchme.toml"
        }
    }  # fmt: skip
    assert not (tmp_path / "k").exists()
