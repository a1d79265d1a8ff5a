"""Postmortems in Markdown: their parts, both languages, recorded actions and redaction."""

import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pandas as pd
import pytest
from worlds.printed import said

from watchme_analysis.case.actions import record_actions
from watchme_analysis.case.importer import import_folder
from watchme_analysis.errors import InputError
from watchme_analysis.notebook import open_health
from watchme_analysis.present.short_answer import stored_answer
from watchme_analysis.remedies.alarms import TEST_REASON
from watchme_analysis.report.actions_taken import actions_taken
from watchme_analysis.report.postmortem import PostmortemText, new_file, postmortem, write_postmortems
from watchme_analysis.services.diagnose import causes_of
from watchme_analysis.text.message import Choice, message
from watchme_analysis.text.render import label, render

PARTS = ("open-actions", "timeline", "impact", "cause", "ruled-out", "actions")

ACTION = {
    "remedy": "restart", "step": "one", "resource": "api", "call": None, "outcome": "done", "plan": "abc",
    "number": 0, "message": message("plan-step-done").to_dict(),
}  # fmt: skip


def headings(text):
    return [line[3:] for line in text.splitlines() if line.startswith("## ")]


def in_order(parts, text, language):
    found = headings(text)
    places = [found.index(label(f"postmortem-heading-{part}", language)) for part in parts]
    return places == sorted(places)


@pytest.fixture(scope="module")
def page(bundled, tmp_path_factory):
    """The page of a health incident with an action at its end; its language is set by each test."""
    case = bundled("health-threadpool")
    copy = tmp_path_factory.mktemp("postmortem") / "case"
    shutil.copytree(case.path, copy)
    record_actions(copy, [{"time": case.window.end.isoformat(), **ACTION}])
    return open_health(case=str(copy), timezone="UTC")


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_postmortem_of_health_has_all_parts_in_each_language(page, language):
    page.language = language
    text = postmortem(page)
    assert in_order(PARTS, text, language)
    assert "2026-11-24 15:53:44" in text  # the start, in the zone of the reader
    refuted = [entry for entry in page.diagnosis.ranking if entry.status == "refuted"]
    ruled_out = text.partition(label("postmortem-heading-ruled-out", language))[2].partition("\n## ")[0]
    assert ruled_out.count("\n- **") == len(refuted) > 3
    assert "```sql\nselect" in text
    assert "- [ ] " in text
    # In the timeline and among the actions.
    assert text.count(f"| {page.window.end:%Y-%m-%d %H:%M:%S} | {label('plan-step-done', language)} |") == 2


def test_a_postmortem_tells_what_happened_in_order_and_why(shorter_page):
    text = postmortem(shorter_page)
    assert in_order((*PARTS[:5], "not-ruled-out", *PARTS[5:]), text, "en")
    parts = dict(zip(headings(text), text.split("\n## ")[1:], strict=True))
    timeline = [line.split(" | ") for line in parts["Timeline"].splitlines() if line.startswith("| 2025")]
    assert [row[0] for row in timeline] == [
        f"| 2025-11-18 {time}" for time in ("10:42:17", "10:42:17", "11:12:00", "11:43:00")
    ]
    for row, words in zip(
        timeline[1:], (("asr-worker", "tanaka"), ("on asr-worker",), ("asr-queue-dlq",)), strict=True
    ):
        assert all(word in row[1] for word in words)
    ranking = shorter_page.diagnosis.ranking
    for heading, status in (("Causes ruled out", "refuted"), ("Causes not ruled out", "inconclusive")):
        assert parts[heading].count("\n- **") == [entry.status for entry in ranking].count(status) > 0
    # Each is ruled out by the statement that contradicts it most.
    assert "(log\\_events, 30 rows)" in parts["Causes ruled out"]
    # A row per device with the moments of its recordings, each of which is missing work of its own.
    moments = [re.findall(r"2025-11-18T\d\d:\d\d:00", line) for line in parts["Impact"].splitlines()]
    assert [len(row) for row in moments if row] == [2, 2, 2, 2, 1, 1]
    head, found = text.split("\n## ")[0], shorter_page.diagnosis
    answer = stored_answer(found.to_dict(), "en", shorter_page.zone)
    lines = head.replace("\\", "").splitlines()
    facts = [f"- **{name}:** {value}" for name, value in answer.facts]
    assert [line for line in lines if line] == [f"# {answer.headline}", *facts, f"**{answer.cause}**"]
    actions = [line for line in parts["Open actions"].splitlines() if line.startswith("- [ ] ")]
    assert len(actions) == len(found.now) + 1 + len(found.missing_evidence)
    assert "docs/causes/consumer\\_failing.md" in actions[len(found.now)]
    assert shorter_page.findings.sql in parts["Cause"]


def test_only_alarms_that_fired_in_the_incident_and_not_by_a_test_are_in_the_timeline():
    start = datetime(2026, 3, 2, 4, tzinfo=UTC)
    rows = [
        ("early", -1, "ALARM", None), ("a", 5, "ALARM", None), ("a", 1, "ALARM", None), ("b", 2, "OK", None),
        ("test", 3, "ALARM", f"{TEST_REASON} x"), ("late", 61, "ALARM", None), ("last", 60, "ALARM", None),
    ]  # fmt: skip
    history = pd.DataFrame(
        [(name, start + timedelta(minutes=at), state, data) for name, at, state, data in rows],
        columns=["alarm", "time", "to_state", "data"],
    )
    page = SimpleNamespace(
        investigation=SimpleNamespace(case=SimpleNamespace(table={"alarm_history": history}.get)),
        diagnosis=SimpleNamespace(incident_start=start, incident_end=start + timedelta(hours=1)),
        language="en",
        zone=UTC,
    )
    made = PostmortemText.__new__(PostmortemText)
    made._page = page
    fired = list(made._fired())
    assert [(time - start).total_seconds() / 60 for time, _ in fired] == [1, 60]
    page.diagnosis.incident_end = None
    assert [text.count("late") for _, text in made._fired()] == [0, 0, 1]
    page.diagnosis.incident_start = None
    assert list(made._fired()) == []


def test_actions_that_are_alike_are_told_once_with_their_number():
    start = datetime(2026, 3, 2, 4, tzinfo=UTC)

    def row(minute, count=0, outcome="done", **other):
        stored = message("plan-complete", count=count).to_dict()
        stored = stored if minute % 2 else json.dumps(stored)
        time = pd.Timestamp(start + timedelta(minutes=minute))
        return {"time": time, "message": stored, "plan": "p", "resource": "q", "outcome": outcome} | other

    rows = [row(9, 9, "failed"), *(row(minute, minute) for minute in (1, 2, 3, 4)), row(5, resource="r")]
    rows += [row(minute, minute, plan="other") for minute in (6, 7, 8)]
    case = SimpleNamespace(table=lambda name: pd.DataFrame(rows))
    found = [
        ((time - start).total_seconds() / 60, said.id, outcome) for time, said, outcome in actions_taken(case)
    ]
    before = [(1, "postmortem-alike", "done"), *((at, "plan-complete", "done") for at in (5, 6, 7, 8))]
    assert found == [*before, (9, "plan-complete", "failed")]
    (_, said, _), *_ = actions_taken(case)
    assert said.values["count"].number == 3
    assert said.values["first"].values["count"].number == 1
    assert said.values["until"].time == start + timedelta(minutes=4)


@pytest.mark.slow
def test_a_postmortem_of_a_backlog_names_messages_and_work_and_no_identity(shorter, tmp_path):
    device = str(shorter.table("queue_messages")["work_item"].dropna().iloc[0])
    files = {
        level: write_postmortems("backlog", [shorter.path], tmp_path / str(level), redact=level)[0][0]
        for level in (None, "share")
    }
    texts = {level: file.read_text() for level, file in files.items()}
    assert all(in_order(PARTS[:4], text, "en") for text in texts.values())
    assert (device in texts[None], device in texts["share"]) == (True, False)


def test_recorded_actions_are_reported(evidence, tmp_path):
    case = import_folder(evidence, tmp_path / "case").case
    record_actions(case.path, [{"time": case.window.end.isoformat(), **ACTION}])
    ((file, _),) = write_postmortems("health", [case.path], tmp_path / "out", timezone="UTC")
    text = file.read_text()
    said = f"| {case.window.end:%Y-%m-%d %H:%M:%S} | {label('plan-step-done', 'en')} |"
    assert f"{said} done |" in text


def test_a_remedy_that_may_have_been_carried_out_is_to_be_checked(shorter, tmp_path):
    """What was done is no open action; what is open is whether it was enough."""
    case = shutil.copytree(shorter.path, tmp_path / "case")

    def first_open(out):
        ((file, found),) = write_postmortems("backlog", [case], tmp_path / out, language="en")
        heading = f"## {label('postmortem-heading-open-actions', 'en')}\n\n"
        return file.read_text().partition(heading)[2].splitlines()[1], found

    remedy, found = first_open("before")
    begun = datetime.fromisoformat(found["incident"]["start"])
    check = said("postmortem-check-actions", remedy="").strip()
    assert check not in remedy
    earlier = {"time": (begun - timedelta(hours=1)).isoformat(), **ACTION}
    record_actions(case, [earlier])
    assert first_open("earlier")[0] == remedy
    record_actions(case, [{"time": (begun + timedelta(seconds=1)).isoformat(), **ACTION, "number": 2}])
    checked, _ = first_open("after")
    assert check in checked and remedy.removeprefix("- [ ] ") in checked


@pytest.mark.slow
def test_without_an_incident_only_open_actions_follow_and_no_file_is_replaced(tmp_path):
    line = '192.0.2.7 - - [10/Dec/2025:10:{:02d}:00 +0000] "GET /health HTTP/1.1" 200 2 "-" "curl"\n'
    (tmp_path / "calm").mkdir()
    (tmp_path / "calm" / "access.log").write_text("".join(map(line.format, range(30))))
    out = tmp_path / "out"
    for _ in range(2):
        write_postmortems("health", [tmp_path / "calm"], out)
    files = sorted(out.glob("*.md"))
    # Without durations in the log, an incident can't be excluded: what to collect is open.
    expected = [label(f"postmortem-heading-{part}", "en") for part in ("open-actions",)]
    assert [headings(file.read_text()) for file in files] == [expected] * 2


def test_what_can_not_be_written_is_said(evidence, tmp_path, watchme):
    out = tmp_path / "out"
    with pytest.raises(InputError, match="not alarms"):
        write_postmortems("alarms", [evidence], out)
    with pytest.raises(InputError, match="--queue does not go"):
        write_postmortems("health", [evidence], out, queue="orders")
    words = ("report", "health", evidence, "--format", "markdown", "--to", out)
    assert watchme(*words, "--notebooks", tmp_path).returncode == 2
    assert not out.exists()
    done = watchme(*words)
    assert done.returncode == 0
    assert done.stdout.strip() == str(next(out.glob("*.md")))


START = datetime(2026, 3, 2, 4, tzinfo=UTC)


def made(**page):
    """Return the parts of a postmortem whose page has these attributes."""
    found = PostmortemText.__new__(PostmortemText)
    found._page = SimpleNamespace(**{"language": "en", "zone": UTC, **page})
    return found


def item(statement, weight, rows=3):
    return SimpleNamespace(statement=statement, weight=weight, table="probes", rows=rows)


def ranked(cause, status="refuted", *evidence, probability=0.02):
    finding = SimpleNamespace(cause=cause, evidence=evidence)
    return SimpleNamespace(finding=finding, status=status, probability=probability)


def title(cause):
    """Return the title of a cause as Markdown shows it."""
    return render(next(one.title for one in causes_of("health") if one.cause == cause))


def test_a_cause_that_is_ruled_out_has_the_strongest_evidence_against_it():
    found = made(investigation=SimpleNamespace(question="health"))
    rows = said("page-rows", table="probes", rows=3)
    for evidence, probability, shown in (
        ((item("For.", 1.0), item("No.", -1.0), item("Never.", -3.0)), 0.02, f"(2%): Never. ({rows})"),
        ((item("For.", 1.0), item("Same.", 0.0)), 0.5, f"(50%): {said('postmortem-not-decided')}"),
        ((), 0.5, f"(50%): {said('finding-no-evidence')}"),
    ):
        line = found._other(ranked("app_down", "refuted", *evidence, probability=probability))
        assert line.replace("\\", "") == f"- **{title('app_down')}** {shown}"


def test_a_change_names_its_resource_and_who_made_it():
    found = made()
    assert found._change("A change.", None, "ada") == "A change."
    for user, known in (("ada", "known"), ("", "unknown"), (None, "unknown")):
        values = {"resource": "worker", "what": "No reaction", "user": user or "", "known": Choice(known)}
        assert found._change("No reaction", "worker", user) == said("postmortem-change", **values)
    assert found._change(message("balance-open"), float("nan"), None) == said("balance-open")


def test_events_are_in_the_order_of_their_times():
    changes = pd.DataFrame(
        [
            (START + timedelta(minutes=3), "Deployed.", None, None),
            (START + timedelta(minutes=1), "Set.", "q", "ada"),
        ],
        columns=["time", "what", "resource", "user"],
    )
    history = pd.DataFrame(
        [("fired", START + timedelta(minutes=4), "ALARM", None)],
        columns=["alarm", "time", "to_state", "data"],
    )
    action = {
        "time": pd.Timestamp(START + timedelta(seconds=30)), "message": message("plan-step-done").to_dict(),
        "plan": "p", "resource": "q", "outcome": "done",
    }  # fmt: skip
    tables = {"alarm_history": history, "actions": pd.DataFrame([action])}
    alarms = [
        {"alarm": "age", "resource": "q", "sliding": {"first": (START + timedelta(minutes=2)).isoformat()}},
        {"alarm": "never", "resource": "q", "sliding": {"first": None}},
    ]
    diagnosis = SimpleNamespace(
        incident_start=START, incident_end=START + timedelta(minutes=5), extra={"alarms": alarms}
    )
    found = made(
        diagnosis=diagnosis, changes=SimpleNamespace(frame=changes),
        investigation=SimpleNamespace(case=SimpleNamespace(table=tables.__getitem__)),
    )  # fmt: skip
    changed = said("postmortem-change", resource="q", what="Set.", user="ada", known=Choice("known"))
    assert found._events() == [
        ("2026-03-02 04:00:00", said("postmortem-began")),
        ("2026-03-02 04:00:30", said("plan-step-done")),
        ("2026-03-02 04:01:00", changed),
        ("2026-03-02 04:02:00", said("postmortem-alarm", alarm="age", resource="q")),
        ("2026-03-02 04:03:00", "Deployed."),
        ("2026-03-02 04:04:00", said("postmortem-alarm-fired", alarm="fired")),
        ("2026-03-02 04:05:00", said("postmortem-ended")),
    ]
    diagnosis.incident_end = None
    assert len(found._events()) == 6


def test_actions_taken_are_a_table_or_a_sentence(evidence, tmp_path):
    case = import_folder(evidence, tmp_path / "case").case
    found = made()
    found._has_incident = False
    assert [*found._taken(case)] == []
    found._has_incident = True
    heading = f"## {said('postmortem-heading-actions')}"
    assert [*found._taken(case)] == [heading, said("postmortem-no-actions")]


def test_a_file_of_the_same_second_has_a_number(tmp_path):
    names = [new_file(tmp_path, "health", "a case").name for _ in range(30)]
    assert len({*names}) == 30 and all(name.endswith(".md") for name in names)
    stems = [name.removesuffix(".md").split("-health-a-case") for name in names]
    first = stems[0][0]
    of_a_second = [number for moment, number in stems if moment == first]
    assert of_a_second == ["", *(f"-{number}" for number in range(2, len(of_a_second) + 1))]
