"""A queue whose consumer is an ECS service, an Auto Scaling group or a Deployment."""

import json
from datetime import timedelta

from worlds.queue_consumers import ERROR, URL, write_failing_service, write_group_at_zero
from worlds.waiting_queue import STOPPED, write_waiting_queue

from watchme_analysis.case.importer import import_folder
from watchme_analysis.services.diagnose import absent_tables, diagnose, investigate, questions_for

LAMBDA_WORDS = ("Lambda", "lambda", "mapping", "マッピング", "invocation", "呼び出し")


def facts(found):
    return {one.id: one for one in found.facts}


def signals(found, cause):
    ranked = {one.finding.cause: one.finding.evidence for one in found.ranking}
    return {evidence.signal for evidence in ranked[cause]}


def deployment(desired, ready, variables):
    container = {"name": "worker", "image": "example", "env": variables}
    return {
        "kind": "Deployment", "metadata": {"name": "thumbnails", "namespace": "media"},
        "spec": {"replicas": desired, "template": {"spec": {"containers": [container]}}},
        "status": {"readyReplicas": ready},
    }  # fmt: skip


def test_failing_tasks_of_a_service_are_named_with_their_error(tmp_path):
    found = diagnose("backlog", write_failing_service(tmp_path))
    assert (found.verdict, found.cause, found.incident_start) == ("supported", "consumer_failing", STOPPED)
    assert signals(found, "consumer_failing") == {"consumer_breaks", "errors_of_function"}
    shown = facts(found)
    assert shown["error"].value == ERROR
    assert (shown["consumer"].value, shown["waiting_now"].value) == (0, 890)
    restore = next(step for step in found.now if step.kind == "restore")
    assert "--cluster main --service thumbnails --task-definition thumbnails:5" in str(restore.text)
    for language in ("en", "ja"):
        text = found.text(language)
        assert "thumbnails" in text and not [word for word in LAMBDA_WORDS if word in text], text


def test_case_of_a_service_answers_for_its_queue_and_lacks_no_function(tmp_path):
    (tmp_path / "evidence").mkdir()
    case = import_folder(write_failing_service(tmp_path / "evidence"), tmp_path / "case").case
    assert questions_for(case) == ("backlog",)
    lacking = {*absent_tables(investigate("backlog", case))}
    assert lacking and not lacking & {"functions", "event_source_mappings", "log_events"}


def test_a_group_at_zero_is_a_consumer_that_is_switched_off(tmp_path):
    found = diagnose("backlog", write_group_at_zero(tmp_path))
    assert (found.verdict, found.cause) == ("supported", "mapping_disabled")
    assert signals(found, "mapping_disabled") == {"consumer_stopped"}
    cpu = facts(found)["host_cpu"]
    assert (cpu.value, cpu.unit) == (97, "%")
    assert "22" in found.text("en")
    for language in ("en", "ja"):
        text = found.text(language)
        assert "set-desired-capacity --auto-scaling-group-name upload-workers" in " ".join(text.split())
        assert not [word for word in LAMBDA_WORDS if word in text], text


def test_a_service_that_is_not_known_to_receive_is_no_consumer(tmp_path):
    write_waiting_queue(tmp_path)
    others = [
        deployment(0, 0, [{"name": "QUEUE_URL", "value": URL.replace("uploads", "other")}]),
        # Senders name the queue as well: of two services, neither is taken.
        deployment(0, 0, [{"name": "QUEUE_URL", "value": URL}]) | {"metadata": {"name": "site"}},
        deployment(0, 0, [{"name": "UPLOAD_QUEUE", "value": "uploads"}]) | {"metadata": {"name": "api"}},
    ]
    (tmp_path / "deployments.json").write_text(
        json.dumps({"apiVersion": "v1", "kind": "List", "items": others})
    )
    found = diagnose("backlog", tmp_path)
    assert found.cause is None and "consumer" not in facts(found)
    wanted = " ".join(str(one.how) for one in found.missing_evidence)
    assert "describe-auto-scaling-groups" in wanted and "describe-services" in wanted


def test_consumer_that_systemd_runs_is_named_by_its_unit(tmp_path):
    write_waiting_queue(tmp_path)
    lines = [
        f"{STOPPED + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%S+0000} host {line}"
        for minute in range(0, 90, 5)
        for line in (
            "python[812]: Traceback (most recent call last):",
            f"python[812]: {ERROR}",
            "systemd[1]: thumbnails.service: Failed with result 'exit-code'.",
        )
    ]
    (tmp_path / "journal.txt").write_text("\n".join(lines) + "\n")
    found = diagnose("backlog", tmp_path)
    assert found.cause == "consumer_failing"
    assert "journalctl -u thumbnails --since" in " ".join(found.text("en").split())
    for language in ("en", "ja"):
        assert "CONTAINER" not in found.text(language)


def test_consumer_in_a_container_is_named_by_the_events_of_docker(tmp_path):
    write_waiting_queue(tmp_path)
    lines = [
        f"{STOPPED + timedelta(minutes=minute):%Y-%m-%d %H:%M:%S},000 ERROR worker: {ERROR}"
        for minute in range(0, 90, 5)
    ]
    (tmp_path / "app-thumbnails.log").write_text("\n".join(lines) + "\n")
    event = {
        "Type": "container", "Action": "die", "time": int(STOPPED.timestamp()),
        "Actor": {"ID": "5f2c", "Attributes": {"name": "shop-thumbnails-1", "exitCode": "1"}},
    }  # fmt: skip
    (tmp_path / "docker-events.jsonl").write_text(json.dumps(event) + "\n")
    text = " ".join(diagnose("backlog", tmp_path).text("en").split())
    assert "docker logs --since 2026-03-02T02:30:00Z shop-thumbnails-1" in text and "CONTAINER" not in text
