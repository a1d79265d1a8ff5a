"""Missing evidence: what it is worth, and the command that collects it."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

from worlds.messages import messages_in
from worlds.one_queue import investigation
from worlds.queue_contexts import at, queue_of
from worlds.settings_file import write_settings

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
