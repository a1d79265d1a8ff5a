import re
from types import SimpleNamespace

import pandas as pd
import pytest
from worlds.backlog_world import START, World
from worlds.messages import messages_in

from watchme_analysis.backlog import summary
from watchme_analysis.backlog.chain import backlog_causes, cause_named
from watchme_analysis.backlog.context import BacklogContext
from watchme_analysis.backlog.diagnosis import diagnose
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.queues.consumers import Consumer
from watchme_analysis.queues.pipeline import RecordedSettings
from watchme_analysis.text.render import placeholders, render

IMPORT = "Runtime.ImportModuleError: Unable to import module 'app': No module named 'requests'"
REFUSED = "ConnectionError: [Errno 111] Connection refused"
TIMED_OUT = "Task timed out after 30.00 seconds"


def ask(world):
    return diagnose(Investigation(world, "backlog"))


def minutes(moment):
    return (pd.Timestamp(moment) - START).total_seconds() / 60


def deployed(minute=595):
    world = World()
    world.fail(600, 1440 - 20, 0.1, IMPORT)
    world.change(minute, "UpdateFunctionCode20150331v2", "job-runner", functionName="job-runner")
    return world


@pytest.fixture(scope="module")
def found_deployed():
    """The diagnosis of a deployment that broke the function."""
    return ask(deployed())


@pytest.mark.slow
def test_a_bad_deployment_is_named_with_its_change(found_deployed):
    found = found_deployed
    assert (found.verdict, found.cause) == ("supported", "consumer_failing")
    assert found.extra["change"]["event_name"] == "UpdateFunctionCode20150331v2"
    assert minutes(found.incident_start) == 595
    assert found.incident_end is None
    assert found.extra["dead_letters"] == 280
    assert len(found.extra["missed_work"]) == len(found.extra["dead_lettered_work"]) > 0


@pytest.mark.slow
def test_a_secret_in_the_error_is_masked_before_the_error_is_cut():
    secret = "hunter2-" * 20
    world = World()
    world.fail(
        600, 1420, 0.1, "Runtime.ImportModuleError: No module named 'app', tried " + "pass" + f"word={secret}"
    )
    said = messages_in(ask(world).summary[0])["error-leading"]["error"]
    assert "tried password=***" in said
    assert "hunter2" not in said


@pytest.mark.slow
def test_an_api_that_is_down_is_not_laid_on_a_deployment_nearby():
    world = World()
    world.fail(600, 800, 1.4, REFUSED)
    world.change(595, "UpdateFunctionCode20150331v2", "job-runner", functionName="job-runner")
    found = ask(world)
    assert found.cause == "downstream_down"
    assert found.extra["change"] is None
    # Nothing ran between 571 and the first failure, so that within two periods of that is as near as it gets.
    assert minutes(found.incident_start) == 599
    assert minutes(found.extra["incident_start_earliest"]) == 571
    assert minutes(found.extra["incident_start_latest"]) == 601
    between = messages_in(found.summary[0])["backlog-began-between"]
    assert (minutes(between["earliest"]), minutes(between["latest"])) == (571, 601)
    changed = messages_in(found.summary[-1])["backlog-also-changed"]
    assert (changed["resource"], changed["change"]) == ("job-runner", "backlog-changed-code")
    assert minutes(changed["time"]) == 595


@pytest.mark.slow
@pytest.mark.parametrize(("after", "is_open"), [(15.0, True), (1.5, False)])
def test_a_creep_of_which_a_restart_gave_back_a_part_is_not_over(after, is_open):
    world = World(96)
    for minute in range(1801, 96 * 60, 30):
        world.run(minute, 10, 1.5 + 25.0 * (minute - 1800) / 3600 if minute < 5400 else after)
    world.fail(5100, 5400, 30.0, TIMED_OUT)
    found = ask(world)
    assert found.cause == "slow_leak" and (found.incident_end is None) == is_open


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lacking", "allowed"),
    [
        (("log_events", "log_queries"), {"consumer_failing", None}),
        (("changes",), {"consumer_failing"}),
        (("log_events", "log_queries", "changes"), {"consumer_failing", None}),
        (("metrics", "metric_queries"), {"consumer_failing", None}),
        (("metrics", "metric_queries", "log_events", "log_queries"), {None}),
    ],
)
def test_without_the_deciding_tables_it_is_right_or_silent(lacking, allowed):
    found = ask(deployed().without(*lacking))
    assert found.cause in allowed
    assert found.missing_evidence
    assert all(item.how for item in found.missing_evidence)


def test_what_is_missing_is_collected_into_files_named_after_its_resource():
    found = ask(
        deployed().without("changes", "queues", "event_source_mappings", "functions", "queue_messages")
    )
    files = {
        item.what.id: re.findall(r">+ FOLDER/(\S+)", render(item.how)) for item in found.missing_evidence
    }
    assert {name: paths for name, paths in files.items() if paths} == {
        "missing-dead-letters-what": ["queues/jobs-dlq-messages.json"],
        "missing-changes-what": ["cloudtrail.json"],
        "missing-mapping-what": ["functions/job-runner-mappings.json"],
        "missing-queue-attributes-what": ["queues/jobs.json"],
        "missing-concurrency-what": ["functions/job-runner-concurrency.json"],
    }


def pipelines_of(*queues, consumer=None, **settings):
    """Return a context of affected queues with one function or other consumer, and some settings."""
    function = "worker" if consumer is None else None
    given = {"function": function, "consumer": consumer, "settings": RecordedSettings(**settings)}
    given |= {"frame": pd.DataFrame()}
    items = [
        SimpleNamespace(pipeline=SimpleNamespace(queue=name, **given), first_trouble=lambda: None)
        for name in queues
    ]
    return BacklogContext(tuple(items), tuple(items), ())


@pytest.mark.parametrize(
    ("reserved", "limit"),
    [
        (5, "5"),
        (1, "2"),
        (
            None,
            "$(aws lambda get-function-concurrency --function-name worker --output text "
            "--query ReservedConcurrentExecutions)",
        ),
    ],
)
def test_throttling_ends_when_the_mapping_has_the_concurrency_of_its_function(reserved, limit):
    known = pipelines_of("orders", reserved_concurrency=reserved, mapping_uuid="7b-1")
    said = render(summary.filled_in(cause_named("throttled").remedy.text, known, "orders"))
    assert f"--uuid 7b-1 --scaling-config MaximumConcurrency={limit}`" in said


@pytest.mark.parametrize("language", ["en", "ja"])
def test_no_remedy_of_a_backlog_is_left_with_a_placeholder(language):
    known = pipelines_of("orders", function_timeout_s=30.0, mapping_uuid="7b-1")
    for cause in backlog_causes():
        for text in (cause.remedy.text, cause.next_test):
            assert placeholders(render(summary.filled_in(text, known, "orders"), language)) == set()


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("platform", ["ecs", "ec2", "kubernetes"])
def test_no_remedy_for_another_consumer_is_left_with_a_placeholder(platform, language):
    known = pipelines_of("orders", consumer=Consumer(platform, "worker"))
    for cause in backlog_causes():
        told = summary.cause_of(known, cause.cause, "orders")
        for text in (told.remedy.text, told.next_test) if cause.consumer else ():
            said = render(summary.filled_in(text, known, "orders"), language)
            assert placeholders(said) == set() and "lambda" not in said.lower()
