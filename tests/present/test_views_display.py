from datetime import UTC, datetime, timedelta

import pandas as pd
from worlds.together import together

from watchme_analysis.backlog.sections.tables import onset_table
from watchme_analysis.inference.findings import Evidence, Finding, Missing, Ranked
from watchme_analysis.present.coverage import coverage_table, losses_table
from watchme_analysis.present.display import FigureView, TableView, TextView, cell, coded, table
from watchme_analysis.present.finding import FindingsView, next_evidence
from watchme_analysis.text.formats import format_duration, format_number
from watchme_analysis.text.render import label
from watchme_analysis.window import parse_zone

TOKYO = parse_zone("Asia/Tokyo")
MOMENT = datetime(2025, 12, 11, 1, 2, 3, tzinfo=UTC)


@together(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.0004, "< 1 ms"),
        (0.85, "850 ms"),
        (0.9999, "1 s"),
        (5.024, "5.02 s"),
        (99.7, "1 min 40 s"),
        (250, "4 min 10 s"),
        (3600, "1 h"),
        (3599.7, "1 h"),
        (7199, "2 h"),
        (86399, "1 d"),
        (273600, "3 d 4 h"),
        (-30, "−30 s"),
    ],
)
def test_duration_is_said_as_a_person_says_it(seconds, said):
    assert format_duration(seconds) == said


@together(
    ("value", "said"),
    [
        (0.0, "0"),
        (1234567.0, "1,234,567"),
        (0.012345, "0.0123"),
        (99.96, "100"),
        (-0.0, "0"),
        (float("inf"), "∞"),
    ],
)
def test_number_keeps_three_figures(value, said):
    assert format_number(value) == said


def test_cell_shows_missing_as_a_dash_and_times_in_the_zone():
    for missing in (None, pd.NA, pd.NaT, float("nan")):
        assert cell(missing, TOKYO) == "–"
    assert cell(MOMENT, TOKYO) == "2025-12-11 10:02:03"
    assert cell(True, TOKYO) == "yes"
    assert cell(["a", 1], TOKYO) == "a, 1"
    assert cell(timedelta(minutes=3), TOKYO) == "3 min"


def frame():
    return pd.DataFrame(
        {
            "path": pd.array(["/health", "<b>"], dtype="string"),
            "seen": pd.to_datetime([MOMENT, None], utc=True),
            "wait_s": pd.array([5.0, None], dtype="Float64"),
            "count": pd.array([1234, None], dtype="Int64"),
        }
    )


def test_table_names_its_zone_escapes_its_text_and_keeps_null_apart_from_zero():
    shown = table(frame(), "Requests", TOKYO)
    bundle = shown._repr_mimebundle_()
    assert shown.caption == "Requests (times in Asia/Tokyo)"
    assert shown.rows == (("/health", "2025-12-11 10:02:03", "5 s", "1,234"), ("<b>", "–", "–", "–"))
    assert "<b>" not in bundle["text/html"]
    assert "&lt;b&gt;" in bundle["text/html"]
    assert bundle == table(frame(), "Requests", TOKYO)._repr_mimebundle_()


def test_table_chooses_columns_and_says_what_it_left_out():
    shown = table(frame(), "Requests", TOKYO, {"count": "how many", "absent": "never"}, limit=1)
    assert shown.heads == ("how many",)
    assert shown.caption == "Requests"
    assert shown.note == "Not shown: 1 more row."


def test_columns_of_numbers_are_known_and_those_of_booleans_are_none():
    values = pd.DataFrame({"word": ["a"], "flag": [True], "n": [3], "x": [0.5]})
    assert table(values, "Values", TOKYO).numeric == {2, 3}


def test_table_without_rows_says_so_instead_of_failing():
    shown = table(frame().head(0), "Requests", TOKYO, empty="no log was given")
    assert shown.rows == ()
    assert "no log was given" in shown.to_html()
    assert "no log was given" in shown.to_text()


def test_picture_carries_its_alternative_text():
    data, about = FigureView("timeline", b"\x89PNG", "What it shows.")._repr_mimebundle_()
    assert data["text/plain"] == "What it shows."
    assert about["image/png"]["alt"] == "What it shows."
    assert about["image/png"]["name"] == "timeline"


COVERAGE = {
    "probes": {
        "rows": 7,
        "start": "2025-12-11T01:02:03+00:00",
        "end": "2025-12-11T01:12:03+00:00",
        "rejected": 2,
        "truncated": False,
        "notes": [],
    },
    "log_events": {
        "rows": 10,
        "start": None,
        "end": None,
        "rejected": 0,
        "truncated": True,
        "notes": ["10 rows of 99 that matched."],
    },
}


def test_coverage_and_losses_name_everything_that_is_missing():
    covered = coverage_table(COVERAGE, TOKYO)
    assert covered.rows[0] == ("probes", "7", "2025-12-11 10:02:03", "2025-12-11 10:12:03", "2", "")
    assert covered.rows[1][-1] == "cut off: 10 rows of 99 that matched."
    twice = {"log_events": COVERAGE["log_events"] | {"notes": ["10 of 99.", "10 of 50."]}}
    assert coverage_table(twice, TOKYO).rows[0][-1] == "cut off: 10 of 99. And 1 more."
    gap = (MOMENT, MOMENT + timedelta(seconds=90))
    lost = losses_table(COVERAGE, {"probes": [gap]}, {"edge_log": ["edge_config", "nginx_config"]}, TOKYO)
    text = lost.to_text()
    for said in (
        "edge_log",
        "needed for edge config and nginx config",
        "2 lines rejected",
        "10 rows of 99",
        "no rows for 1 min 30 s",
    ):
        assert said in text or said.replace("1 min 30 s", "90 s") in text
    assert losses_table({}, {}, {}, TOKYO).note == "Nothing is known to be missing."


def test_what_stands_between_backticks_is_code_wherever_a_reader_meets_it():
    said = "A `def <x>` handler & its thread"
    marked = "A <code>def &lt;x&gt;</code> handler &amp; its thread"
    assert marked in TextView((said,), (said,))._repr_mimebundle_()["text/html"].split("<ol>")[0]
    assert marked in TextView((), (said,))._repr_mimebundle_()["text/html"]
    assert marked in TableView("caption", ("head",), (("cell",),), said).to_html()
    assert marked in TableView("caption", ("head",), (), said).to_html()
    evidence = (Evidence(said, "app_handlers", 1, 1.0),)
    found = Finding("app_threadpool", evidence, detail=said, not_covered=(said,), next_test=said)
    view = FindingsView((Ranked(found, 0.9, "supported"),), {}, TOKYO)
    assert view._repr_mimebundle_()["text/html"].count(marked) == 4


def test_onsets_are_reported_in_their_units_and_without_columns_that_nobody_knows():
    frame = pd.DataFrame(
        {
            "queue": ["uploads"] * 3,
            "function": ["worker"] * 3,
            "metric": ["age_s", "duration_avg_s", "in_flight"],
            "onset": [MOMENT] * 3,
            "onset_earliest": [MOMENT] * 3,
            "uncertainty_s": [60.0] * 3,
            "direction": ["up"] * 3,
            "baseline": [0.0, 1.89, 0.0],
            "value": [526.0, 0.215, 7.0],
            "effect": [1.0] * 3,
            "surprise": [None] * 3,
        }
    )
    reported = onset_table(frame, TOKYO)
    assert "surprise" not in reported.heads
    before, then = (reported.heads.index(head) for head in ("before", "after"))
    assert [(row[before], row[then]) for row in reported.rows] == [
        ("0 s", "8 min 46 s"),
        ("1.89 s", "215 ms"),
        ("0", "7"),
    ]
    assert {before, then} <= reported.numeric
    assert "Effect: " in reported.note
    assert "Surprise ranks" not in reported.note
    surprising = onset_table(frame.assign(surprise=[4.7] * 3), TOKYO)
    assert "surprise" in surprising.heads
    assert "Surprise ranks" in surprising.note


def test_what_moved_after_the_incident_is_named_below_the_table_of_what_moved_first():
    late = MOMENT + timedelta(hours=2)
    known = dict.fromkeys(("uncertainty_s", "baseline", "value", "effect", "surprise"), 1.0)
    rows = [
        {
            "queue": "uploads",
            "function": "worker",
            "metric": name,
            "onset": onset,
            "onset_earliest": onset,
            **known,
        }
        for name, onset in (("age_s", MOMENT), ("cpu_pct", late))
    ]
    frame = pd.DataFrame(rows).assign(direction="up")
    age, cpu = (label(f"queue-metric-{name}", "en") for name in ("age-s", "cpu-pct"))
    ended = onset_table(frame, TOKYO, late)
    assert [row[2] for row in ended.rows] == [age]
    assert f"after the end of the incident, and so not part of it: {cpu} (worker)." in ended.note
    still_open = onset_table(frame, TOKYO)
    assert [row[2] for row in still_open.rows] == [age, cpu]
    assert "end of the incident" not in still_open.note


def test_no_line_breaks_within_an_option_or_a_name_with_hyphens():
    whole = '<span style="white-space:nowrap">{}</span>'
    assert coded("run `py-spy dump --pid <PID>`, as-is") == (
        f"run <code>{whole.format('py-spy')} dump {whole.format('--pid')} &lt;PID&gt;</code>, as-is"
    )
    shown = next_evidence(
        [Missing("changes", "They date it.", "watchme case pull backlog --until 2026-01-01")]
    )
    assert whole.format("--until") in shown.to_html()


def test_a_command_to_collect_evidence_is_set_as_what_is_typed():
    shown = next_evidence([Missing("the recorded changes", "They date it.", "aws cloudtrail lookup-events")])
    what, _, how = shown.to_html().rpartition("<td")
    assert "font-family:monospace" in how
    assert "font-family:monospace" not in what
