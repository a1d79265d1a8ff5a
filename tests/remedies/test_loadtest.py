"""Load tests: planned from a case, sent at their times, watched, compared, killed at any moment."""

import asyncio
import json
import shutil
import threading
import time
from contextlib import chdir
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from worlds.kills import kills, restarted
from worlds.messages import messages_in, refusal
from worlds.noted_calls import noted_calls
from worlds.queue_worker import Worker
from worlds.settings_file import write_settings

from watchme_analysis.case.actions import actions_in, read_actions
from watchme_analysis.cloudwatch import session
from watchme_analysis.cloudwatch.iam_policy import action_of
from watchme_analysis.remedies.allowed_calls import calls_of
from watchme_analysis.remedies.harm_watch import HarmLimit
from watchme_analysis.remedies.load_plan import (
    ATTRIBUTE,
    HEADER,
    LoadItem,
    LoadLimits,
    LoadPlan,
    LoadTarget,
    load_plan_sentences,
    read_load_plan,
)
from watchme_analysis.remedies.load_planning import LoadRequest, plan_load_test
from watchme_analysis.remedies.loadtest import apply_load_test, compare_with_prediction, message_parameters
from watchme_analysis.remedies.plan import Call, Condition, write_plan
from watchme_analysis.simulation.replay import endpoint_settings, predicted_figures, predicted_runs
from watchme_analysis.storage.journal import read_journal

QUICK = LoadLimits(drain_s=10, timeout_s=5, poll_s=0.03, metrics_s=0.0)
IMPATIENT = replace(QUICK, drain_s=0.5)
# Reads and watches at the beginning and at the end only.
SELDOM = replace(QUICK, poll_s=60)
MODEL = endpoint_settings(0.05, 0.1, None, 60)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DECLARED = """
[systems.staging]
test = true
queue = "uploads"
[systems.orders]
queue = "orders"
function = "orders-worker"
"""


@pytest.fixture
def worker(front, moto_port):
    return Worker(front, moto_port)


@pytest.fixture
def orders(worker):
    """A queue of another system."""
    return worker.sqs.create_queue(QueueName="orders")["QueueUrl"]


def plan_of(worker=None, number=4, watched=(), url=None, **more):
    items = tuple(
        LoadItem(0.01 * place, f"body {place}")
        if url is None
        else LoadItem(0.01 * place, '{"a": 1}', None, "POST", f"/jobs?n={place}")
        for place in range(number)
    )
    target = (
        LoadTarget("staging", "queue", worker.queue, worker.dlq, worker.function)
        if url is None
        else LoadTarget("staging", "endpoint", url)
    )
    sent_s = [item.at_s for item in items]
    predicted = predicted_figures(sent_s, predicted_runs(MODEL, sent_s, replications=2))
    account = ("123456789012", "ap-southeast-2") if worker else ("", "")
    return LoadPlan(
        "loadtest-1", "night", "uploads", NOW, *account, target, 3.0, NOW, 60.0, items,
        **{"limits": QUICK, "watched": tuple(watched), "relies_on": (), "model": MODEL,
           "predicted": predicted, "replications": 2, **more},
    )  # fmt: skip


def run_load_test(plan, journal, aws):
    """Run a load test whose target is declared as a test system."""
    key = "queue" if plan.target.kind == "queue" else "api"
    write_settings(journal.parent, f'[systems.staging]\ntest = true\n{key} = "{plan.target.url}"\n')
    with chdir(journal.parent):
        return apply_load_test(plan, journal, aws)


@pytest.mark.slow
def test_messages_are_sent_marked_processed_and_compared(worker, aws, tmp_path):
    plan = plan_of(worker)
    result = run_load_test(plan, tmp_path / "j", aws)
    assert result.outcome == "complete", result.sentences
    assert (result.counts.sent, result.counts.delivered, result.counts.processed) == (4, 4, 4)
    assert worker.done == [f"body {place}" for place in range(4)]
    assert all(done >= sent for sent, done in zip(result.sent_s, result.done_s, strict=True))
    assert {each.figure: each.position for each in result.compared}["done"] == "within"
    again = run_load_test(plan, tmp_path / "j", aws)
    assert (again.counts, len(worker.done)) == (result.counts, 4)
    assert json.dumps(again.to_dict())


def test_the_mark_is_an_attribute_of_each_message(worker, aws, tmp_path):
    worker.front.before["FilterLogEvents"].clear()
    run_load_test(plan_of(worker, 2, limits=IMPATIENT), tmp_path / "j", aws)
    found = worker.sqs.receive_message(
        QueueUrl=worker.queue, MessageAttributeNames=["All"], MaxNumberOfMessages=10
    )["Messages"]
    assert {one["MessageAttributes"][ATTRIBUTE]["StringValue"] for one in found} == {"loadtest-1"}


@pytest.mark.slow
def test_without_ids_in_the_log_the_queue_itself_is_counted(worker, aws, tmp_path):
    worker.silent = True
    plan = plan_of(worker, limits=replace(QUICK, drain_s=4))
    result = run_load_test(plan, tmp_path / "j", aws)
    assert (result.outcome, result.counts.processed, result.counts.is_by_queue) == ("complete", 4, True)
    assert {each.position for each in result.compared} == {"unknown"}
    assert "loadtest-by-queue" in {each.id for each in result.sentences}
    assert run_load_test(plan, tmp_path / "j", aws).counts == result.counts


@pytest.mark.slow
def test_harm_elsewhere_stops_the_test(worker, aws, orders, tmp_path, subtests):
    function = ("AWS/Lambda", "Errors", (("FunctionName", "orders-worker"),))

    def waits():
        worker.sqs.send_message(QueueUrl=orders, MessageBody="x")

    def fails():
        worker.front.metrics[function] = {int(time.time()) // 60 * 60: 1.0}

    for name, limit, harm in (
        ("harm-depth", HarmLimit("depth", orders, 1), lambda: (waits(), waits())),
        ("harm-dlq", HarmLimit("dlq", orders, 2), waits),
        ("harm-errors", HarmLimit("errors", "orders-worker", 0), fails),
    ):
        with subtests.test(sign=name):
            harms = iter([lambda: None, harm])
            worker.front.before["SendMessage"][:] = [lambda harms=harms: next(harms, lambda: None)()]
            plan = plan_of(worker, 30, [limit])
            result = run_load_test(plan, tmp_path / name, aws)
            assert result.outcome == "stopped"
            assert name in messages_in(result.sentence), result.sentence
            assert 2 <= result.counts.sent < 30
            worker.work()
    refused = run_load_test(plan_of(worker, 2, [HarmLimit("depth", orders, 1)]), tmp_path / "later", aws)
    assert (refused.outcome, refused.counts.sent) == ("refused", 0)


@pytest.mark.slow
def test_failures_of_the_test_itself_stop_it(worker, aws, tmp_path):
    worker.fails = lambda body: True
    result = run_load_test(plan_of(worker, 60), tmp_path / "j", aws)
    assert result.outcome == "stopped"
    assert "loadtest-own-errors" in messages_in(result.sentence)
    assert 10 <= result.counts.failed <= result.counts.sent < 60
    assert sum(result.errors.values()) == result.counts.failed


def test_a_queue_with_messages_and_a_changed_system_are_refused(worker, aws, tmp_path):
    call = Call("sqs", "get_queue_attributes", {"QueueUrl": worker.queue, "AttributeNames": ["All"]})
    changed = Condition(call, "Attributes.VisibilityTimeout", "999")
    result = run_load_test(plan_of(worker, relies_on=(changed,)), tmp_path / "a", aws)
    assert "plan-differs" in messages_in(result.sentence)
    elsewhere = replace(plan_of(worker), account="210987654321")
    assert run_load_test(elsewhere, tmp_path / "b", aws).outcome == "refused"
    worker.sqs.send_message(QueueUrl=worker.queue, MessageBody="before")
    result = run_load_test(plan_of(worker), tmp_path / "c", aws)
    assert messages_in(result.sentence)["loadtest-not-empty"]["count"] == 1
    assert worker.front.calls["SendMessage"] == 0


def test_a_broken_connection_leaves_one_message_unconfirmed(worker, aws, tmp_path):
    worker.front.faults["SendMessage"].extend(["throttle", None, "reset"])
    plan = plan_of(worker)
    result = run_load_test(plan, tmp_path / "j", aws)
    assert (result.outcome, result.counts.sent, result.counts.unconfirmed) == ("stopped", 1, 1)
    assert "loadtest-unconfirmed" in {each.id for each in result.sentences}


@pytest.mark.slow
def test_a_test_killed_at_any_moment_sends_nothing_twice_and_says_what_it_sent(
    worker, aws, orders, tmp_path, subtests
):
    plan = plan_of(worker, 2, [HarmLimit("depth", orders, 10)], limits=replace(SELDOM, drain_s=0.5))

    def begin(moment):
        worker.work()
        worker.done.clear()
        return lambda: run_load_test(plan, tmp_path / f"j{moment}", restarted(aws))

    for moment in kills(begin):
        with subtests.test(moment=moment):
            worker.work()  # else a message of the killed run is one that was there before
            has_begun = "intended" in (tmp_path / f"j{moment}").read_text()
            before = set(worker.done)
            result = run_load_test(plan, tmp_path / f"j{moment}", restarted(aws))
            worker.work()
            assert len(worker.done) == len(set(worker.done))
            counts = result.counts
            assert counts.sent + counts.unconfirmed + counts.not_sent == 2
            assert counts.sent <= len(worker.done) <= counts.sent + counts.unconfirmed
            assert counts.unconfirmed <= 1 and before <= set(worker.done)
            is_whole = counts.processed == 2 and "loadtest-cut" not in messages_in(result.sentence)
            assert (result.outcome == "complete") == is_whole
            assert is_whole or has_begun
            (row,) = actions_in(read_journal(tmp_path / f"j{moment}"), "loadtest")
            assert row["outcome"] == ("done" if is_whole else "failed")
    assert moment > 5


def serve(app):
    """Run an ASGI application with uvicorn in a thread; return its server and its URL."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off"))
    threading.Thread(target=server.run, daemon=True).start()
    for _ in range(500):
        if server.started:
            break
        time.sleep(0.01)
    (port,) = (sock.getsockname()[1] for one in server.servers for sock in one.sockets)
    return server, f"http://127.0.0.1:{port}"


def test_an_endpoint_receives_requests_at_their_times_whatever_it_answers(tmp_path, subtests):
    seen = []

    async def app(scope, receive, send):
        path, marks = scope["path"], dict(scope["headers"])
        if path == "/jobs":
            seen.append((scope["query_string"], marks.get(HEADER.lower().encode()), await receive()))
            await asyncio.sleep(0.1)
        bad = path == "/health" and len(seen) > 30
        await send({"type": "http.response.start", "status": 503 if bad else 202, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    server, url = serve(app)
    try:
        with subtests.test("compared"):
            plan = plan_of(number=20, url=f"{url}/jobs", watched=[HarmLimit("health", f"{url}/health", 0)])
            result = run_load_test(plan, tmp_path / "j", None)
            assert (result.outcome, result.counts.processed) == ("complete", 20), result.sentences
            assert sorted(query for query, *_ in seen) == sorted(f"n={n}".encode() for n in range(20))
            assert {(mark, body["body"]) for _, mark, body in seen} == {(b"loadtest-1", b'{"a": 1}')}
            # One request in 0.01 s although each takes 0.1 s: nobody waits for a response before sending.
            assert result.sent_s[-1] < 20 * 0.1
            assert "unknown" not in {each.position for each in result.compared}
        with subtests.test("watched"):
            plan = plan_of(number=60, url=f"{url}/jobs", watched=[HarmLimit("health", f"{url}/health", 0)])
            result = run_load_test(plan, tmp_path / "k", None)
            assert (result.outcome, "harm-health" in messages_in(result.sentence)) == ("stopped", True)
            assert result.counts.unconfirmed == 0
            assert result.counts.sent + result.counts.not_sent == 60
    finally:
        server.should_exit = True


def test_slower_than_simulated_is_above_and_a_stopped_test_is_compared_until_its_end():
    plan = plan_of(number=3, url="http://127.0.0.1:1/jobs")
    sent = [0.0, 0.01, 0.02]
    found = {each.figure: each for each in compare_with_prediction(plan, sent, [5.0, 6.0, 7.0])}
    assert (found["median_s"].position, found["done"].position) == ("above", "within")
    assert found["median_s"].sentence.values["measured"].seconds == pytest.approx(5.99)
    early = compare_with_prediction(plan, sent, [float("nan")] * 3, until_s=0.03)
    assert {each.figure: each.position for each in early}["done"] == "within"


def test_a_plan_is_the_same_from_its_file_and_a_damaged_one_is_refused(tmp_path):
    path, watched = tmp_path / "plan.json", [HarmLimit("health", "http://192.0.2.1/", 0)]
    plan = plan_of(number=3, url="http://192.0.2.1/jobs", watched=watched)
    write_plan(plan, path)
    assert read_load_plan(path) == plan
    data = plan.to_dict()
    first, *_, last = data["items"]
    for damage in (
        {"format": "other"}, {"made": "2026-01-01T00:00:00"}, {"target": data["target"] | {"kind": "topic"}},
        {"items": [last, first]}, {"items": [first | {"at_s": 3600.1}]}, {"items": [first] * 10_001},
        {"items": [{"at_s": 0.0}]}, {"notes": [{"id": "x"}]},
    ):  # fmt: skip
        path.write_text(json.dumps(data | damage))
        assert "error-loadtest-no-plan" in refusal(read_load_plan, path)


def test_a_plan_from_a_file_relies_on_readings_alone(tmp_path):
    evil = Condition(Call("iam", "create_user", {"UserName": "evil"}), "User", None)
    write_plan(replace(plan_of(url="http://192.0.2.1/jobs"), relies_on=(evil,)), tmp_path / "load.json")
    found = refusal(read_load_plan, tmp_path / "load.json")["error-plan-call"]
    assert (found["reason"], found["call"]) == ("reading", "iam create-user")


def declared(tmp_path, monkeypatch, text=DECLARED):
    write_settings(tmp_path, text)
    monkeypatch.chdir(tmp_path)


def test_a_test_that_would_watch_nothing_is_refused(shorter, tmp_path, monkeypatch):
    declared(tmp_path, monkeypatch, '[systems.staging]\ntest = true\nqueue = "uploads"\n')
    refused = refusal(plan_load_test, shorter, LoadRequest(queue="asr-queue"), session.Aws)
    assert "error-loadtest-nothing-watched" in refused


@pytest.mark.usefixtures("orders")
def test_the_command_plans_shows_applies_and_records(worker, shorter, tmp_path, monkeypatch, watchme):
    declared(tmp_path, monkeypatch)
    case = shutil.copytree(shorter.path, tmp_path / "case")
    planning = ["loadtest", case, "--queue", "asr-queue", "--factor", 10, "--for", "20s", "--most", 3]
    with noted_calls() as planned:
        reported = watchme(*planning, "--to", "load.json", "--drain", "5s", cwd=tmp_path)
    assert reported.returncode == 0, reported.stderr
    plan = read_load_plan(tmp_path / "load.json")
    assert (plan.target.name, plan.factor, len(plan.items)) == ("uploads", 10.0, 3)
    assert {each.kind for each in plan.watched} == {"depth", "age", "errors", "throttles"}
    assert plan.items[0].body in set(shorter.table("queue_messages")["body"])
    assert worker.front.calls["SendMessage"] == 0
    assert {each.id for each in load_plan_sentences(plan)} >= {"loadtest-plan-cost", "harm-limit-age"}
    # The recorded times, which would take seconds.
    items = tuple(replace(item, at_s=0.01 * place) for place, item in enumerate(plan.items))
    write_plan(replace(plan, items=items, limits=replace(QUICK, drain_s=5)), tmp_path / "load.json")
    applying = ["loadtest", "load.json", "--apply", "--case", case, "--to", "r.json", "--figure", "f.png"]
    with noted_calls() as applied:
        reported = watchme(*applying, "--language", "ja", cwd=tmp_path)
    assert reported.returncode == 0, reported.stdout + reported.stderr
    assert len(worker.done) == 3
    assert json.loads((tmp_path / "r.json").read_text())["counts"]["processed"] == 3
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    rows = read_actions(case)
    assert rows[["remedy", "outcome"]].values.tolist() == [["loadtest", "done"]]
    called = {action_of(*call) for call in planned | applied} - {"sts:GetCallerIdentity"}
    assert called == {call.action for call in calls_of("loadtest")}
    write_settings(tmp_path, DECLARED.replace("test = true", ""))
    refused = watchme(*applying, cwd=tmp_path)
    assert (refused.returncode, "test = true" in refused.stderr) == (2, True)
    refused = watchme("loadtest", case, "--apply", cwd=tmp_path)
    assert (refused.returncode, "--to" in refused.stderr) == (2, True)


def test_requests_are_planned_from_an_access_log(bundled, tmp_path, monkeypatch):
    api = "http://127.0.0.1:9/"
    declared(tmp_path, monkeypatch, f'[systems.staging]\ntest = true\napi = "{api}"\n')
    wanted = LoadRequest(endpoint="/health", factor=2, longest_s=60, watch=("http://127.0.0.1:9/other",))
    plan = plan_load_test(bundled("health-threadpool"), wanted, session.Aws)
    assert (plan.account, plan.target.url, plan.items[0].target) == ("", api, "/health")
    assert {item.method for item in plan.items} == {"GET"}
    assert plan.sending_s <= 60
    assert plan.recorded_s == pytest.approx(2 * plan.sending_s)
    assert 0 < plan.model.api.mean_s < 5


def test_a_template_is_filled_with_the_work_of_the_case(shorter, worker, orders, tmp_path, monkeypatch):
    declared(tmp_path, monkeypatch)
    template = '{"i": "{item}", "n": {number}, "t": "{test}"}'
    wanted = LoadRequest(queue="asr-queue", factor=10, longest_s=60, most=2, template=template)
    plan = plan_load_test(shorter, wanted, session.Aws)
    bodies = [json.loads(item.body) for item in plan.items]
    assert [body["n"] for body in bodies] == [0, 1]
    assert {body["t"] for body in bodies} == {plan.id}
    assert all(body["i"] for body in bodies)


def test_equal_bodies_to_a_fifo_queue_are_messages_of_their_own():
    plan = plan_of(url="http://192.0.2.1/jobs")
    first, second = (message_parameters(plan, number, LoadItem(0.0, "b", "g")) for number in (1, 2))
    assert first["MessageGroupId"] == second["MessageGroupId"] == "g"
    assert first["MessageDeduplicationId"] != second["MessageDeduplicationId"]
