"""Views of tables and findings: their cells, columns and losses, and what a verdict states."""

from datetime import UTC, datetime, timedelta

import pandas as pd
from worlds.together import together

from watchme_analysis.inference.findings import (
    FINDING_MIME,
    Diagnosis,
    Evidence,
    Finding,
    Missing,
    Ranked,
    fact,
)
from watchme_analysis.present.coverage import coverage_table, losses_table
from watchme_analysis.present.display import cell, column_heads, table
from watchme_analysis.present.finding import VerdictView, findings_view, next_evidence
from watchme_analysis.text.message import Choice, Duration, Number, Probability, Resource, message
from watchme_analysis.text.render import label, render
from watchme_analysis.window import parse_zone

TOKYO = parse_zone("Asia/Tokyo")
MOMENT = datetime(2025, 12, 11, 1, 2, 3, tzinfo=UTC)
SECRET = "password=hunter2"
MASKED = "password=***"


def said(message_id, **values):
    return render(message(message_id, **values), "en", TOKYO)


@together(
    ("value", "shown"),
    [
        (False, label("cell-no", "en")),
        (datetime(2025, 12, 11, 1, 2, 3), "2025-12-11 10:02:03"),  # without a zone: UTC
        (1234567, "1,234,567"),
        (0.12345, "0.123"),
        ({"a": 1, "b": None}, "a 1, b –"),
        (("a", ["b", 2.5]), "a, b, 2.5"),
        ("text", "text"),
    ],
)
def test_a_value_is_shown_by_its_kind(value, shown):
    assert cell(value, TOKYO) == shown


def test_columns_of_seconds_are_durations_and_those_of_shares_percentages():
    frame = pd.DataFrame(
        {
            "wait_s": [1.5, None], "bad_share": [0.125, None], "n": [1, 2], "said": ["", ""],
            "at": [pd.NaT, pd.NaT], "flag": [True, False],
        }
    )  # fmt: skip
    shown = table(frame, "Caption", TOKYO, language="en")
    # A column of empty text is left out; one without any time names no zone.
    assert shown.heads == ("wait_s", "bad_share", "n", "at", "flag")
    assert shown.rows == (("1.5 s", "12.5%", "1", "–", "yes"), ("–", "–", "2", "–", "no"))
    assert (shown.caption, shown.note, shown.numeric) == ("Caption", "", {0, 1, 2})
    assert table(frame.head(0), "Caption", TOKYO).note == label("table-nothing-recorded", "en")
    # Of a frame without rows no column is known to be empty.
    assert table(frame.head(0), "Caption", TOKYO).heads[3] == "said"
    assert column_heads({"wait_s": "status"}, "en") == {"wait_s": label("column-status", "en")}


COVERAGE = {
    "probes": {
        "rows": 1234, "start": "2025-12-11T01:02:03+00:00", "end": "2025-12-11T01:12:03+00:00",
        "rejected": 2, "truncated": False, "notes": ["one", "two"],
    },
    "log_events": {
        "rows": 10, "start": None, "end": None, "rejected": 0, "truncated": True, "notes": [],
    },
}  # fmt: skip


def test_coverage_states_rows_times_and_losses_of_each_table():
    shown = coverage_table(COVERAGE, TOKYO)
    cut = said("coverage-cut-off", note=Resource(label("coverage-uncounted", "en")))
    assert shown.rows == (
        ("probes", "1,234", "2025-12-11 10:02:03", "2025-12-11 10:12:03", "2", "one; two"),
        ("log_events", "10", "–", "–", "0", cut),
    )
    names = ("table", "rows", "first", "last", "rejected-lines", "notes")
    assert shown.heads == tuple(label(f"column-{name}", "en") for name in names)
    caption = Resource(label("coverage-caption", "en"))
    assert shown.caption == said("table-times", caption=caption, zone=Resource("Asia/Tokyo"))
    assert shown.numeric == {1, 4}


def test_losses_list_absent_tables_rejected_lines_cut_rows_and_gaps():
    gap = (MOMENT, MOMENT + timedelta(seconds=90))
    counted = COVERAGE["log_events"] | {"notes": ["10 of 99."]}
    coverage = COVERAGE | {"metrics": counted}
    shown = losses_table(coverage, {"probes": [gap]}, {"edge_log": ["nginx_config", "app_down"]}, TOKYO)
    kept = said("losses-kept", table=Resource("rejected_lines"))
    between = said(
        "losses-between", start=Resource("2025-12-11 10:02:03"), end=Resource("2025-12-11 10:03:33")
    )
    assert shown.rows == (
        ("edge_log", said("losses-no-row"), said("losses-needed-by", causes=["app down", "nginx config"])),
        ("probes", said("losses-rejected", lines=2), kept),
        ("log_events", said("losses-cut-off"), said("coverage-uncounted")),
        ("metrics", said("losses-cut-off"), "10 of 99."),
        ("probes", said("losses-gap", lasted=Duration(90.0)), between),
    )
    assert shown.heads == tuple(label(f"column-{name}", "en") for name in ("table", "loss", "detail"))
    caption = Resource(label("losses-caption", "en"))
    assert shown.caption == said("table-times", caption=caption, zone=Resource("Asia/Tokyo"))
    assert shown.note == ""
    assert losses_table({}, {}, {}, TOKYO).note == label("losses-none", "en")


def diagnosis(**more):
    given = {
        "question": "backlog", "case": "case", "verdict": "supported", "cause": "app_down",
        "confidence": 0.876, "incident_start": MOMENT, "incident_end": None, "ranking": (), "coverage": {},
        "summary": ("First.", message("cell-yes")),
    }  # fmt: skip
    return Diagnosis(**given | more)


def test_a_verdict_is_the_short_answer_with_how_such_verdicts_fared():
    found = diagnosis(
        headline="It [fails] <all>.", facts=(fact("lost_messages", 3), fact("waiting_now", None))
    )
    shown = VerdictView(found, TOKYO, "Of 9 cases <all>.")._repr_mimebundle_()
    assert shown[FINDING_MIME] == found.to_dict()
    assert shown["text/plain"] == f"{found.text()}\nOf 9 cases <all>."
    for part in (
        "It [fails] &lt;all&gt;.",
        "<b>3</b>",
        "Unknown: <b>waiting messages</b>",
        "88%",
        "9 cases &lt;",
    ):
        assert part in shown["text/html"]


def basis(side, weight, rows, table):
    values = {"side": Choice(side), "weight": Number(weight), "rows": rows, "table": Resource(table)}
    return said("finding-basis", **values)


def test_hypotheses_are_listed_with_evidence_blind_spots_and_next_test():
    evidence = (
        Evidence("a clause", "probes", 3, 0.05, sql="select <1>"),
        Evidence(message("cell-no"), "edge_log", 1200, -2.34, sql="select <1>"),
    )
    full = Finding("app_down", evidence, detail="a detail", not_covered=("Dark.",), next_test="Count.")
    ranking = (
        Ranked(full, 0.05, "inconclusive"),
        Ranked(Finding("none", (), next_test="Wait."), 0.9, "refuted"),
    )
    titles = {"app_down": "The process <is> down"}
    shown = findings_view(ranking, titles, TOKYO)._repr_mimebundle_()
    first, second = shown["text/plain"].split("\n\n")
    # Causes that the evidence does not tell apart have no number. The heaviest statement comes first.
    assert first.splitlines() == [
        said("finding-head-in-question", title=Resource("The process <is> down")),
        "A detail.",
        f"  ▼ {label('cell-no', 'en')} [{basis('contradicts', 2.3, 1200, 'edge_log')}]",
        f"  · A clause. [{basis('neutral', 0.1, 3, 'probes')}]",
        f"  {label('finding-not-seen', 'en')} Dark.",
        f"  {label('finding-next-test', 'en')} Count.",
    ]
    head = {"title": Resource("none"), "status": Choice("refuted"), "probability": Probability(0.9)}
    assert second.splitlines()[0] == said("finding-head", **head)
    page = shown["text/html"]
    assert "The process &lt;is&gt; down" in page and "<is>" not in page
    # A query that two statements share is on the page once.
    assert page.count("<code>select &lt;1&gt;</code>") == page.count('<a href="#rows-1">') == 1
    assert page.count(label("finding-no-evidence", "en")) == 1


def test_evidence_to_collect_is_listed_with_its_command():
    shown = next_evidence([Missing("changes", message("cell-yes"), "watchme case pull backlog")], TOKYO)
    assert shown.rows == (("changes", label("cell-yes", "en"), "watchme case pull backlog"),)
    assert shown.heads == tuple(label(f"next-evidence-{name}", "en") for name in ("what", "why", "how"))
    assert (shown.caption, shown.note) == (label("next-evidence-caption", "en"), "")
    assert shown.commands == {2}
    assert next_evidence([]).note == label("next-evidence-none", "en")
