"""The short answer: headline, facts, cause, what to do now and reasons, on a screen of a terminal."""

import json
from datetime import UTC, datetime, timedelta
from itertools import groupby

import pytest

from watchme_analysis.delivery.changes import NEW_INCIDENT, QuestionState, compare
from watchme_analysis.present.short_answer import MOST_UNKNOWN, stored_answer
from watchme_analysis.services.diagnose import diagnose
from watchme_analysis.text.command_words import held_words
from watchme_analysis.text.render import render
from watchme_analysis.text.wrapping import display_width
from watchme_analysis.window import Window

NAMES = (
    "backlog-49",
    "backlog-dlq",
    "backlog-healthy",
    "health-healthy",
    "health-threadpool",
    "orders-failing",
)
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
STOPPED, MINUTES, WAITING = 302, 392, 890


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_an_answer_fits_on_a_screen(watchme, bundled, diagnosed, name):
    case, found = bundled(name).path, diagnosed(name)
    # The command prints what the object returns, so each language is printed of some cases.
    shown = {"en": found.text("en", UTC), "ja": found.text("ja", UTC)}
    by_command = ("en", "ja")[NAMES.index(name) % 2]
    words = ("--language", by_command, "--timezone", "UTC")
    shown[by_command] = watchme("diagnose", found.question, case, *words, columns=80).stdout
    assert len(repr(found)) <= 200 and "\n" not in repr(found)
    assert str(found) == found.text("en", UTC)
    for language, printed in shown.items():
        lines = printed.splitlines()
        assert len(lines) <= 25
        # The path of the case may be longer than a line.
        assert max(display_width(line) for line in lines if str(case) not in line) <= 80
        assert language != by_command or "--all`" in lines[-1]
        assert "\x1b" not in printed, "a pipe gets neither colour nor bold"
        assert not any(line.endswith("…") for line in lines), "a reason is printed as a whole or not at all"
        stated = found.to_dict(language)
        # The command knows how old the data is.
        now = (datetime.now(UTC),) if language == by_command else ()
        answer = stored_answer(stated, language, UTC, *now)
        assert printed.startswith(answer.headline[:20])
        assert str(stated["headline"]) not in {str(fact["message"]) for fact in stated["facts"]}
        kinds = [kind for kind, _ in groupby(step["kind"] for step in stated["now"])]
        order = ["save", "restore", "verify", "redrive", "prevent"]
        # What to do if it returns is the last step.
        first = kinds if found.incident_end is None else kinds[:-1]
        assert first == [kind for kind in order if kind in first]
        assert (found.verdict == "no_incident") == (not stated["now"])


@pytest.mark.slow
def test_the_last_reason_is_about_what_is_involved_as_well(diagnosed):
    found = diagnosed("health-threadpool")
    beside = next(one.finding for one in found.ranking if one.finding.cause == found.secondary_cause)
    assert found.reasons[-1] == max(beside.evidence, key=lambda item: item.weight)


@pytest.fixture
def unknown_consumer(tmp_path):
    """Metrics of a queue alone: messages arrive each minute, and from a moment on none is deleted."""
    return queue_metrics(tmp_path)


def queue_metrics(tmp_path, *received):
    """Return a folder with the metrics of the queue, perhaps with its receives."""
    waiting = [max(0, round((at - STOPPED + 1) * WAITING / (MINUTES - STOPPED))) for at in range(MINUTES)]
    series = {
        "ApproximateNumberOfMessagesVisible": ("Maximum", waiting),
        "ApproximateAgeOfOldestMessage": ("Maximum", [max(2, (at - STOPPED) * 60) for at in range(MINUTES)]),
        "NumberOfMessagesDeleted": ("Sum", [10 * (at < STOPPED) for at in range(MINUTES)]),
        **{name: ("Sum", [10 * (at < STOPPED) for at in range(MINUTES)]) for name in received},
    }
    queries, results = [], []
    times = [(START + timedelta(minutes=at)).isoformat() for at in range(MINUTES)]
    for number, (name, (statistic, values)) in enumerate(series.items()):
        metric = {
            "Namespace": "AWS/SQS",
            "MetricName": name,
            "Dimensions": [{"Name": "QueueName", "Value": "uploads"}],
        }
        stat = {"Metric": metric, "Period": 60, "Stat": statistic}
        queries.append({"Id": f"m{number}", "MetricStat": stat, "ReturnData": True})
        results.append({"Id": f"m{number}", "Timestamps": times, "Values": values, "StatusCode": "Complete"})
    folder = tmp_path / "evidence"
    (folder / "metrics").mkdir(parents=True)
    (folder / "metrics" / "metric-data-queries.json").write_text(json.dumps(queries))
    (folder / "metrics" / "all.json").write_text(json.dumps({"MetricDataResults": results}))
    return folder


def test_a_queue_of_an_unknown_consumer_has_its_facts(unknown_consumer):
    found = diagnose("backlog", unknown_consumer).to_dict()
    stopped = START + timedelta(minutes=STOPPED)
    assert (found["verdict"], found["cause"]) == ("inconclusive", None)
    assert found["headline"] == (
        "uploads has 890 waiting messages, the oldest for 1 h 29 min; "
        "nothing was deleted since 2026-03-02 14:02 UTC."
    )
    facts = {fact["id"]: fact["value"] for fact in found["facts"]}
    known = {name: value for name, value in facts.items() if value is not None}
    assert known == {
        "affected_resource": ["uploads"],
        "first_harm": stopped.isoformat(timespec="milliseconds"),
        "state": "open",
        "data_end": known["data_end"],
        "waiting_now": 890,
        "waiting_peak": 890,
        "oldest_age": 5340.0,
        "oldest_age_peak": 5340.0,
        "growth": 593,
        "late_messages": known["late_messages"],
    }
    assert {*facts} - {*known} == {
        "preceding_change", "failed_invocations", "dead_letters", "lost_messages", "work_items",
    }  # fmt: skip
    save, test = found["now"]
    assert [save["kind"], test["kind"]] == ["save", "test"]
    (pull,) = save["commands"]
    assert pull.startswith("watchme case pull backlog --queue uploads --since 2026-03-02T09:00:00Z")
    assert not held_words(pull)


def test_an_answer_on_old_data_says_so_and_is_in_the_past(unknown_consumer):
    found = diagnose("backlog", unknown_consumer).to_dict()
    end = datetime.fromisoformat(next(one["value"] for one in found["facts"] if one["id"] == "data_end"))
    at_once, later = (stored_answer(found, written=end + timedelta(hours=hours)) for hours in (0, 72))
    assert " has " in at_once.headline and " had " in later.headline
    assert "(3 d old)" in dict(later.facts)["Started"] and " old" not in dict(at_once.facts)["Started"]


def test_an_answer_on_old_data_says_how_to_find_what_its_commands_name(tmp_path):
    (tmp_path / "paste.txt").write_text('2026-03-04T05:06:06Z  Terminated  Exit Message: "OOM Killed"\n')
    found = diagnose("health", tmp_path).to_dict()
    answer = stored_answer(found, "en", UTC, datetime(2026, 9, 1, tzinfo=UTC))
    shown = " ".join(answer.now)
    assert "Save" not in shown
    assert shown.index("Find SERVICE") < shown.index("restart SERVICE")


def test_an_answer_names_at_most_three_unknown_facts_and_counts_the_rest(unknown_consumer):
    answer = stored_answer(diagnose("backlog", unknown_consumer).to_dict())
    assert len(answer.unknown) > MOST_UNKNOWN
    (shown,) = (value for name, value in answer.facts if name == "Unknown")
    assert shown.endswith(f"{len(answer.unknown) - MOST_UNKNOWN} more")


@pytest.mark.slow
def test_headline_and_facts_name_the_same_end_and_its_change(bundled):
    found = diagnose("backlog", bundled("orders-failing").path)
    (ended,) = (render(one.message) for one in found.facts if one.id == "state")
    assert "22:38:57" in ended and "new code deployed" in ended
    assert "22:38:57" in render(found.headline)


@pytest.mark.slow
def test_the_cause_names_the_api_that_the_log_names(bundled):
    found = diagnose("backlog", bundled("backlog-49").path)
    assert found.cause == "downstream_slow"
    assert render(found.cause_line).endswith("(http://10.0.34.213:8013/async-process).")


def test_an_empty_trail_shows_that_nothing_was_changed(unknown_consumer):
    (unknown_consumer / "cloudtrail.json").write_text('{"Events": []}')
    found = diagnose("backlog", unknown_consumer)
    (change,) = (one for one in found.facts if one.id == "preceding_change")
    assert change.value == "none"
    assert "cloudtrail" not in " ".join(render(missing.how) for missing in found.missing_evidence)


def test_harm_at_the_start_of_the_data_may_have_begun_earlier(tmp_path):
    folder = queue_metrics(tmp_path)
    whole = diagnose("backlog", folder)
    cut = diagnose("backlog", folder, since=(START + timedelta(minutes=STOPPED + 20)).isoformat())
    said = [render(one.message) for found in (whole, cut) for one in found.facts if one.id == "first_harm"]
    assert [text.endswith("or earlier") for text in said] == [False, True]


def test_messages_that_wait_are_the_headline_by_state_and_age_alone(tmp_path):
    folder = queue_metrics(tmp_path)
    for name in ("metric-data-queries.json", "all.json"):
        path = folder / "metrics" / name
        held = json.loads(path.read_text())
        results = held["MetricDataResults"] if isinstance(held, dict) else held
        results[:] = [entry for entry in results if entry["Id"] == "m1"]  # the age
        path.write_text(json.dumps(held))
    (folder / "queues").mkdir()
    attributes = {
        "QueueArn": "arn:aws:sqs:ap-northeast-1:123456789012:uploads",
        "ApproximateNumberOfMessages": "120",
        "ApproximateNumberOfMessagesNotVisible": "3",
    }
    (folder / "queues" / "uploads.json").write_text(json.dumps({"Attributes": attributes}))
    found = diagnose("backlog", folder).to_dict()
    assert found["headline"] == "uploads has 123 waiting messages, the oldest for 1 h 29 min."
    assert {fact["id"]: fact["value"] for fact in found["facts"]}["affected_resource"] == ["uploads"]


def test_no_mapping_is_blamed_where_the_consumer_is_unknown(tmp_path):
    found = diagnose("backlog", queue_metrics(tmp_path, "NumberOfMessagesReceived"))
    assert (found.verdict, found.cause) == ("inconclusive", None)
    likeliest = {entry.finding.cause for entry in found.ranking[:2]}
    assert likeliest == {"mapping_disabled", "consumer_failing"}


def test_a_notice_is_sent_for_facts_without_a_cause(unknown_consumer):
    found = diagnose("backlog", unknown_consumer).to_dict()
    window = Window(START, START + timedelta(minutes=MINUTES))
    state, changes = compare("team", "backlog", QuestionState(), found, window)
    assert [change.kinds[0] for change in changes] == [NEW_INCIDENT]
    assert state.open is not None and state.open.end is None


def test_lines_of_a_known_program_are_the_headline(tmp_path):
    folder = tmp_path / "pasted"
    folder.mkdir()
    refused = "connect() failed (111: Connection refused) while connecting to upstream"
    rows = (
        f"2026/03/02 14:02:0{second} [error] 7#7: *{second} {refused}, client: 192.0.2.7, "
        'server: example.com, request: "GET /health HTTP/1.1", '
        'upstream: "http://192.0.2.20:8000/health", host: "example.com"\n'
        for second in range(3)
    )
    (folder / "error.log").write_text("".join(rows))
    found = diagnose("health", folder).to_dict()
    assert "192.0.2.20:8000" in found["headline"]
    assert "refused" in found["headline"]
    assert {fact["id"]: fact["value"] for fact in found["facts"]}["affected_resource"] == ["/health"]


def pasted(tmp_path, name, text):
    """Return a file with pasted text."""
    (tmp_path / name).write_text(text)
    return tmp_path / name


@pytest.mark.parametrize("question", ["health", "backlog"])
def test_text_of_no_known_program_leaves_the_cause_open(tmp_path, question):
    found = diagnose(question, pasted(tmp_path, "notes.txt", "The site was slow again.\n"))
    assert (found.verdict, found.cause) == ("inconclusive", None)
    assert "The site was slow again." in found.to_dict()["headline"]


def test_a_restarting_container_of_docker_ps_is_the_headline(tmp_path):
    columns = ("CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES")
    rows = (
        ("b7063ce22375", "web", '"nginx"', "2 hours ago", "Up 22 minutes", "80/tcp", "web-1"),
        ("b7661640bdf4", "api", '"gunicorn"', "2 hours ago", "Restarting (3) 38 seconds ago", "", "api-1"),
    )
    text = "\n".join("".join(f"{cell:32}" for cell in row).rstrip() for row in (columns, *rows))
    found = diagnose("health", pasted(tmp_path, "docker-ps.txt", f"$ docker ps\n{text}\n")).to_dict()
    assert found["ranking"][0]["cause"] == "app_down"
    assert "api-1" in found["headline"]
    assert "Restarting (3)" in found["headline"]


def test_two_layers_that_are_left_are_named_without_a_cause(tmp_path):
    """One of two targets of a load balancer fails, so neither its callers nor a common dependency does."""
    line = (
        "https {time} app/web/0123456789abcdef 192.0.2.7:4000 {target} 0.001 {times} {status} {status} 1 2 "
        '"GET https://example.com:443/health HTTP/1.1" "curl/8.5.0" - - '
        "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0123456789abcdef "
        '"Root=1-5f" "example.com" "-" 0 {time} "forward" "-" "-" "{target}" "-" "-" "-"\n'
    )
    rows = []
    for at in range(200):
        fails = 60 <= at < 120 and at % 2
        rows.append(
            line.format(
                time=f"{START + timedelta(seconds=2 * at):%Y-%m-%dT%H:%M:%S.000000Z}",
                target="192.0.2.20:8000" if at % 2 else "192.0.2.21:8000",
                times="-1 -1" if fails else "0.020 0.000",
                status="504" if fails else "200",
            )
        )
    found = diagnose("health", pasted(tmp_path, "alb.log", "".join(rows))).to_dict()
    left = {layer["layer"] for layer in found["layers"] if layer["status"] != "refuted"}
    assert left == {"process", "network"}
    for words in ("process", "network"):
        assert words in found["cause_line"]


def test_an_answer_names_the_module_that_is_missing():
    for language in ("en", "ja"):
        answer = stored_answer(diagnose("backlog", "data/backlog-dlq").to_dict(language), language)
        assert "`requests`" in answer.cause
