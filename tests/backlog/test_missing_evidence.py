"""Missing evidence: what it is worth, and the command that collects it."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

from worlds.messages import messages_in
from worlds.one_queue import event, investigation
from worlds.queue_contexts import at, frame_of, queue_of
from worlds.settings_file import write_settings
from worlds.together import together

from watchme_analysis.backlog import missing
from watchme_analysis.backlog.context import BacklogContext
from watchme_analysis.stats.intervals import Interval
from watchme_analysis.window import Window


def lacking(queue=None, **given):
    """Return the missing evidence of one queue by the id of its sentence: value, and the values of it."""
    queue = queue or queue_of()
    affected = (queue,) if queue.harms else ()
    found = missing.missing_evidence(investigation(**given), BacklogContext((queue,), affected, ()))
    assert [one.value for one in found] == sorted((one.value for one in found), reverse=True)
    return {one.what.id: one for one in found}


ALL = ("sent", "received", "visible", "age_s", "invocations", "errors", "duration_avg_s", "throttles")
PULL = "watchme case pull backlog --queue jobs --since 2026-11-24T10:00:00Z --until 2026-11-24T10:55:00Z"
AFFECTED = {"harms": ("failures",), "failures": Interval(at(4), at(8), "failures")}


def said(one):
    return messages_in(one.what)[one.what.id], {
        name: values for name, values in messages_in(one.why).items() if name != "sentences"
    }


def commands(one):
    return next(str(value) for values in messages_in(one.how).values() for value in values.values())


def test_missing_metrics_are_worth_most_and_are_pulled_with_their_queue():
    inv = investigation()
    queue = queue_of(**AFFECTED)
    first, second, *_ = missing.missing_evidence(inv, BacklogContext((queue,), (queue,), ()))
    assert said(first) == ({"resources": ["worker"]}, {"missing-function-metrics-why": {}})
    assert said(second) == ({"resources": ["jobs"]}, {"missing-queue-metrics-why": {}})
    assert (first.value, second.value) == (10.0, 9.0)
    assert PULL in commands(first) and PULL in commands(second)
    assert "missing-metrics-of-what" not in lacking(queue_of(queried=ALL, **AFFECTED))
    none = missing.missing_evidence(inv, BacklogContext((), (), ()))
    assert none[0].what.id == none[1].what.id == "missing-all-metrics-what"


def test_statistics_that_do_not_serve_are_named():
    queried = [{"metric": "Duration", "stat": "Minimum", "resource": "worker"}]
    found = missing._unusable(investigation(metric_queries=queried), missing.FUNCTION_SERIES)
    [one] = found
    assert messages_in(one) == {
        "missing-statistic": {"metric": "Duration", "returned": ["Minimum"], "usable": ["Average", "p50"]}
    }
    queried += [{"metric": "Duration", "stat": "p90", "resource": "worker"}]
    assert not list(missing._unusable(investigation(metric_queries=queried), missing.FUNCTION_SERIES))


@together(
    ("facts", "value"),
    [(AFFECTED, 8.0), ({"harms": ("slow",)}, 4.0), ({}, 4.0)],
)
def test_the_functions_log_is_worth_more_where_it_failed(facts, value):
    found = lacking(queue_of(queried=ALL, **facts))["missing-function-errors-what"]
    assert (found.value, said(found)[0]) == (value, {"function": "worker"})
    command = commands(found)
    assert "--log-group-name /aws/lambda/worker --start-time 1795514400 --end-time 1795517700 " in command
    assert command.endswith("> FOLDER/logs/worker-errors.json")


def test_changes_settings_and_dead_letters_are_collected_into_files_of_their_resource():
    dead = SimpleNamespace(at_end=5)
    balance = SimpleNamespace(visible=0, in_flight=0, dead_letters=dead)
    facts = AFFECTED | {"dead_lettered": 5, "balance": balance}
    messages = [{"queue": "jobs-dlq", "message_id": "m"}]
    found = lacking(queue_of(queried=ALL, **facts), queue_messages=messages)
    assert {name: one.value for name, one in found.items()} == {
        "missing-function-errors-what": 8.0, "missing-dead-letters-what": 6.0, "missing-changes-what": 5.0,
        "missing-mapping-what": 4.0, "missing-queue-attributes-what": 4.0, "missing-concurrency-what": 2.0,
        "missing-host-cpu-what": 1.0,
    }  # fmt: skip
    assert said(found["missing-dead-letters-what"])[0] == {"dead": 4, "dlq": "jobs-dlq"}
    for name, ending in (
        ("dead-letters", ">> FOLDER/queues/jobs-dlq-messages.json"),
        ("changes", "> FOLDER/cloudtrail.json"),
        ("mapping", "> FOLDER/functions/worker-mappings.json"),
        ("queue-attributes", "> FOLDER/queues/jobs.json"),
        ("concurrency", "> FOLDER/functions/worker-concurrency.json"),
        ("host-cpu", "--until 2026-11-24T10:55:00Z"),
    ):
        assert commands(found[f"missing-{name}-what"]).endswith(ending), name
    whole = lacking(
        queue_of(
            frame_of(cpu_pct=[1.0]), queried=ALL,
            settings={"mapping_state": "Enabled", "visibility_timeout_s": 30.0},
        ),
        log_queries=[{"function": "worker", "query_name": "errors"}], changes=[event("PurgeQueue")],
        functions=[{"function": "worker", "concurrency_known": True}],
    )  # fmt: skip
    assert whole == {}
    assert lacking(queue_of(queried=ALL))["missing-changes-what"].value == 1.0


def test_more_errors_are_collected_in_parts_where_the_query_was_cut():
    cut = SimpleNamespace(truncated=True)
    queries = [{"function": "worker", "query_name": "errors"}]
    found = lacking(queue_of(queried=ALL, **AFFECTED | {"errors": cut}), log_queries=queries)
    one = found["missing-more-errors-what"]
    assert (one.value, said(one)[0]) == (2.0, {"function": "worker"})
    assert "--function worker --since" in commands(one)
    for facts in (AFFECTED | {"errors": SimpleNamespace(truncated=False)}, {"errors": cut}):
        assert "missing-more-errors-what" not in lacking(queue_of(queried=ALL, **facts), log_queries=queries)


def test_the_window_and_the_instances_are_those_that_the_case_knows():
    unknown = missing.missing_evidence(investigation(), BacklogContext((), (), ()))
    assert all("--since START --until END" in commands(one) for one in unknown[:2])
    [logs] = [one for one in unknown if one.what.id == "missing-function-errors-what"]
    assert "--start-time $(date -d START +%s) --end-time $(date -d END +%s)" in commands(logs)
    hour = Window(at(0), at(0) + timedelta(hours=1))
    inv = replace(investigation(), window=hour)
    bounds = "--since 2026-11-24T10:00:00Z --until 2026-11-24T11:00:00Z"
    assert bounds in commands(missing.missing_evidence(inv, BacklogContext((), (), ()))[0])
    cpu = [{"time": at(0), "namespace": "AWS/EC2", "metric": "NetworkIn", "resource": "i-0123456789abcdef0"}]
    found = lacking(queue_of(queried=ALL), metrics=cpu)["missing-host-cpu-what"]
    assert "--instance i-0123456789abcdef0 --since" in commands(found)


def test_the_instance_of_the_system_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "--instance INSTANCE_ID" in commands(lacking(queue_of(queried=ALL))["missing-host-cpu-what"])
    write_settings(
        tmp_path, '[systems.s]\nqueue = "jobs"\ninstance = ["i-0123456789abcdef0", "i-0123456789abcdef1"]\n'
    )
    found = commands(lacking(queue_of(queried=ALL))["missing-host-cpu-what"])
    assert "--queue jobs --instance i-0123456789abcdef0 --instance i-0123456789abcdef1 --since" in found
