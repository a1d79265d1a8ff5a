"""Tables and the timeline of a backlog's page: each cell, heading and note."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pandas as pd
from worlds.together import together

from watchme_analysis.backlog.sections import tables, timeline
from watchme_analysis.inference.causes import cause_names
from watchme_analysis.present import style
from watchme_analysis.text.message import Duration, Translated, message
from watchme_analysis.text.render import label, render, value_label
from watchme_analysis.window import Window

TOKYO = ZoneInfo("Asia/Tokyo")
AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
DEVICE = Translated("device", "機器")


def heads(*names):
    return tuple(label(f"column-{name}", "en") for name in names)


def compared(**columns):
    """Return a comparison of the duration of one function, as far as it is shown."""
    row = {
        "resource": "worker", "metric": "duration_avg_s", "unit": "s", "baseline_points": 1200,
        "incident_points": 30, "baseline_median": 1.5, "incident_median": 90.0, "baseline_p90": 2.0,
        "incident_p90": None, "effect": 0.987, "rank": None, "baseline_per_h": 12.0, "incident_per_h": 24.0,
        "baseline_total": 1200.0, "incident_total": 30.0,
    }  # fmt: skip
    return row | columns


def test_metrics_are_compared_each_in_its_unit_the_affected_first():
    same = compared(resource="other", effect=0.5)
    sent = compared(
        resource="jobs", metric="sent", unit=None, effect=0.5, rank=0.25, baseline_per_h=None,
        incident_per_h=None, baseline_total=None, incident_total=None,
    )  # fmt: skip
    frame = pd.DataFrame([same, compared(resource="busy"), compared(), sent])
    shown = tables.comparison_table(frame, ("worker", "jobs"))
    duration = value_label("queue-metric", "duration_avg_s", "en")
    median = ("1.5 s → 90 s", "2 s → –", "0.99")
    assert shown.rows == (
        ("worker", duration, "1,200 → 30", "12 → 24", "1,200 → 30", *median, "–"),
        (
            "jobs", value_label("queue-metric", "sent", "en"), "1,200 → 30", "", "", "1.5 → 90", "2 → –",
            "0.5", "0.25",
        ),
        ("busy", duration, "1,200 → 30", "12 → 24", "1,200 → 30", *median, "–"),
    )  # fmt: skip
    assert shown.heads == heads(
        "queue-or-function", "metric", "points", "per-hour", "total", "median", "p90", "effect", "unusual"
    )
    assert shown.numeric == set(range(2, 9))
    assert shown.caption == label("comparison-caption", "en")
    for name in ("comparison-effect", "comparison-unusual"):
        assert label(name, "en") in shown.note
    assert label("comparison-left-out", "en", metrics=1) in shown.note


def test_metrics_that_moved_nowhere_are_left_out():
    shown = tables.comparison_table(pd.DataFrame([compared(effect=None), compared(effect=0.5)]))
    assert (shown.rows, shown.numeric) == ((), set(range(2, 8)))
    assert shown.heads[-1] == label("column-effect", "en")
    assert label("comparison-empty", "en") in shown.note
    assert label("comparison-left-out", "en", metrics=2) in shown.note
    assert label("comparison-unusual", "en") not in shown.note
    whole = tables.comparison_table(pd.DataFrame([compared()]), ("worker",))
    assert whole.note == label("comparison-effect", "en")


def test_missed_work_is_listed_by_item_with_the_first_ten_moments():
    work = [("b", "1"), *(("a", str(day)) for day in range(11)), ("c", "3"), ("c", "4")]
    shown = tables.missed_work_table(work, DEVICE)
    ten = ", ".join(map(str, range(10)))
    assert shown.rows == (("a", "11", f"{ten}, …"), ("c", "2", "3, 4"), ("b", "1", "1"))
    assert shown.heads == ("device", *heads("items", "which"))
    assert (shown.note, shown.numeric) == ("", {1})
    assert shown.caption == render(message("missed-work-caption", unit=DEVICE), "en")
    exactly = tables.missed_work_table([("a", str(day)) for day in range(10)], DEVICE)
    assert exactly.rows == (("a", "10", ten),)
    assert tables.missed_work_table([], DEVICE).note == label("missed-work-none", "en")
    unread = tables.missed_work_table([("b", "1")], DEVICE, ["x.json"])
    assert unread.note == render(message("missed-work-unread", files=["x.json"]), "en")


def redrive(lines=(), may_have_run=0, left_out=(), without_url=()):
    return SimpleNamespace(lines=lines, may_have_run=may_have_run, left_out=left_out, without_url=without_url)


def test_messages_to_redrive_are_counted_by_what_is_known_of_them():
    found = redrive(["{}"] * 1500, 300, [("no-body", 2)], ["jobs"])
    shown = tables.redrive_table(found)
    listed, left = label("redrive-listed", "en"), label("redrive-left-out", "en")
    assert shown.rows == (
        (listed, "1,200", label("redrive-never-done", "en")),
        (listed, "300", label("redrive-may-have-run", "en")),
        (left, "2", label("redrive-no-body", "en")),
    )
    assert shown.heads == ("", *heads("messages", "reason"))
    assert shown.numeric == {1} and shown.caption == label("redrive-caption", "en")
    assert render(message("redrive-without-url", queues=["jobs"]), "en") in shown.note
    for word in (
        "watchme redrive CASE",
        "aws sqs send-message --cli-input-json",
        "--apply --limit 1",
        tables.FILE,
    ):
        assert word in shown.note


@together(
    ("found", "rows", "message_id"),
    [
        (redrive(), 0, "redrive-nothing-read"),
        (redrive(left_out=[("no-body", 2)]), 1, "redrive-nothing-left"),
    ],
)
def test_nothing_to_redrive_says_whether_messages_were_read(found, rows, message_id):
    shown = tables.redrive_table(found)
    assert (len(shown.rows), shown.note) == (rows, label(message_id, "en"))


def test_of_one_kind_of_messages_alone_no_other_is_counted():
    assert [row[1] for row in tables.redrive_table(redrive(["{}"] * 2, 2)).rows] == ["2"]
    assert [row[1] for row in tables.redrive_table(redrive(["{}"] * 2)).rows] == ["2"]


def test_changes_are_listed_with_their_letter_distance_and_possible_causes():
    what = message("backlog-changed-code")
    rows = [
        (AT, what, "worker", "deployer", 90.0, "consumer_failing, unheard_of", True),
        (AT + timedelta(hours=2), what, "worker", None, -0.5, "", False),
        (AT + timedelta(hours=3), what, None, "deployer", None, None, False),
        (AT + timedelta(hours=4), what, "worker", "deployer", 0.0, "", False),
    ]
    columns = [
        "time", "description", "resource", "user", "minutes_before_start", "could_cause", "named"
    ]  # fmt: skip
    shown = tables.change_table(pd.DataFrame(rows, columns=columns), TOKYO)
    said = render(what, "en")
    name = render(cause_names("backlog")["consumer_failing"], "en")

    def apart(way, seconds):
        return render(message(f"changes-{way}", time=Duration(seconds)), "en")

    assert [row[:5] for row in shown.rows] == [
        ("A", "2026-11-24 19:00:00", said, "worker", "deployer"),
        ("B", "2026-11-24 21:00:00", said, "worker", "–"),
        ("C", "2026-11-24 22:00:00", said, "–", "deployer"),
        ("D", "2026-11-24 23:00:00", said, "worker", "deployer"),
    ]
    first, *rest = [row[5:] for row in shown.rows]
    assert first[0] == apart("before", 5400.0) and first[2] == label("changes-named", "en")
    assert name in first[1] and "unheard_of" in first[1]
    assert rest == [(apart("after", 30.0), "–", ""), ("–", "–", ""), (apart("before", 0.0), "–", "")]
    assert shown.heads == heads(
        "mark", "time", "change", "resource", "user", "relative-to-start", "could-cause", "diagnosis"
    )
    assert shown.note == "" and "Asia/Tokyo" in shown.caption
    none = tables.change_table(pd.DataFrame(columns=columns), TOKYO)
    assert (none.rows, none.note) == ((), label("changes-none", "en"))


def alarm(name, first, times=1, at_end=False, **more):
    sliding = {"first": first, "times_raised": times, "in_alarm_at_end": at_end}
    return {"alarm": name, "resource": "jobs", "sliding": sliding} | more


def test_alarms_are_listed_by_the_time_at_which_they_would_have_fired():
    alarms = [
        alarm("late", AT + timedelta(minutes=30), 1500, True),
        alarm("early", (AT + timedelta(minutes=2)).isoformat()),
        alarm("never", None),
    ]
    shown = tables.alarm_table(alarms, AT, TOKYO)
    no, yes = (row[5] for row in shown.rows)
    assert no != yes
    assert shown.rows == (
        ("early", "jobs", "2026-11-24 19:02:00", "2 min", "1", no),
        ("late", "jobs", "2026-11-24 19:30:00", "30 min", "1,500", yes),
    )
    assert shown.heads == heads(
        "alarm", "resource", "first-fired", "after-start", "times-raised", "in-alarm-at-end"
    )
    assert "1 of 3" in shown.note and "watchme alarms backtest" in shown.note
    assert "Asia/Tokyo" in shown.caption


def test_a_note_on_an_alarm_has_a_column_and_without_a_start_there_is_no_delay():
    shown = tables.alarm_table([alarm("a", AT, note="as is"), alarm("b", AT)], None, TOKYO)
    assert shown.heads[-1] == label("column-note", "en")
    assert [(row[3], row[-1]) for row in shown.rows] == [("–", "as is"), ("–", "")]
    silent = tables.alarm_table([alarm("a", None, note="as is")], AT, TOKYO)
    assert (silent.rows, len(silent.heads)) == ((), 6)
    assert tables.alarm_table([], AT, TOKYO).note == label("alarms-none", "en")


def onset(**columns):
    row = {
        "queue": "jobs", "function": "worker", "metric": "age_s", "onset": pd.Timestamp(AT),
        "onset_earliest": pd.Timestamp(AT), "uncertainty_s": 60.0, "direction": "up", "baseline": 1.0,
        "value": 90.0, "effect": 0.9, "surprise": None,
    }  # fmt: skip
    return row | columns


def onsets(*rows):
    return pd.DataFrame(rows).astype({"surprise": "Float64"})


def test_onsets_are_listed_in_their_units_up_to_the_incidents_end():
    later = pd.Timestamp(AT + timedelta(hours=1))
    frame = onsets(
        onset(), onset(metric="cpu_pct"), onset(metric="sent", function=None),
        onset(onset=later), onset(onset=later, metric="sent", function=None),
    )  # fmt: skip
    shown = tables.onset_table(frame, TOKYO, later.to_pydatetime())
    before, after = (shown.heads.index(label(f"column-{name}", "en")) for name in ("before", "after"))
    assert [(row[before], row[after]) for row in shown.rows] == [
        ("1 s", "90 s"), ("1 %", "90 %"), ("1", "90")
    ]  # fmt: skip
    assert {before, after} <= shown.numeric
    age, sent = (value_label("queue-metric", name, "en") for name in ("age_s", "sent"))
    ended = render(message("onsets-after-end", metrics=[f"{age} (worker)", f"{sent} (jobs)"]), "en")
    assert shown.note.endswith(ended)
    assert label("onsets-effect", "en") in shown.note
    direction = value_label("direction", "up", "en")
    assert {row[shown.heads.index(label("column-direction", "en"))] for row in shown.rows} == {direction}
    metrics = [row[shown.heads.index(label("column-metric", "en"))] for row in shown.rows]
    assert metrics == [value_label("queue-metric", name, "en") for name in ("age_s", "cpu_pct", "sent")]
    assert label("column-surprise", "en") not in shown.heads


def test_onsets_of_an_open_incident_are_all_listed_with_their_surprise():
    shown = tables.onset_table(onsets(*[onset(surprise=3.0)] * 16), TOKYO)
    assert len(shown.rows) == 15
    assert label("column-surprise", "en") in shown.heads
    assert label("onsets-surprise", "en") in shown.note
    empty = tables.onset_table(onsets(onset()).iloc[:0], TOKYO, AT)
    assert empty.rows == () and label("onsets-effect", "en") not in empty.note
    assert empty.note == label("onsets-empty", "en")


def series(*parts):
    columns = ["queue", "series", "time", "value", "step_s"]
    return pd.DataFrame([one for part in parts for one in part], columns=columns)


def test_a_timeline_without_points_says_so():
    span = style.AxisSpan(Window(AT, AT + timedelta(hours=1)), TOKYO)
    shown = timeline.plot_backlog_timeline(series(), span)
    assert shown.words == (label("backlog-timeline-empty", "en"),)
