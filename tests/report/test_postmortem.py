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
from watchme_analysis.report.actions_taken import actions_taken
from watchme_analysis.report.postmortem import postmortem, write_postmortems
from watchme_analysis.text.message import message
from watchme_analysis.text.render import label

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
    assert "2026-11-24 15:53:45" in text  # the start, in the zone of the reader
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
        f"| 2025-11-18 {time}" for time in ("10:42:17", "11:01:00", "11:12:00", "11:43:00")
    ]
    for row, words in zip(
        timeline, (("asr-worker", "tanaka"), (), ("on asr-worker",), ("asr-queue-dlq",)), strict=True
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
    begun = datetime.fromisoformat({fact["id"]: fact["value"] for fact in found["facts"]}["first_harm"])
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
