"""Diagnoses and cases as text for a terminal: which numbers and parts of them are shown."""

from datetime import UTC, datetime, timedelta

import pytest

from watchme_analysis.inference.findings import Diagnosis, Evidence, Finding, Missing, Ranked
from watchme_analysis.present.console import case_text, diagnosis_text, value_table
from watchme_analysis.present.finding import FindingsView
from watchme_analysis.present.text_table import truncate, truncate_middle
from watchme_analysis.text.wrapping import wrapped

START = datetime(2026, 3, 2, 4, tzinfo=UTC)


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")


def entry(cause, probability, status, *weights, **more):
    evidence = tuple(
        Evidence(f"/s {cause} {weight}", "probes", 1200, weight, sql=f"select {weight}") for weight in weights
    )
    return Ranked(Finding(cause, evidence, **more), probability, status)


RANKING = (
    entry(
        "app_threadpool", 0.8, "supported", 0.5, 4.0, -1.0, detail="all threads wait",
        not_covered=("the dark",), next_test="Count threads.",
    ),
    entry("dependency_slow", 0.05, "inconclusive", 0.04, -0.04),
    entry("edge_config", 0.049, "inconclusive", 0.1),
    entry("app_down", 0.3, "refuted", -4.0),
)  # fmt: skip
TABLE = {
    "rows": 1200,
    "rejected": 3,
    "truncated": True,
    "start": "2026-03-02T04:00:00Z",
    "end": "2026-03-02T05:30:00Z",
}


def diagnosis(question="health", verdict="supported", cause="app_threadpool", ranking=RANKING, **more):
    coverage = {"probes": {**TABLE, "notes": [f"note {number}" for number in range(5)]}}
    return Diagnosis(
        question, "case", verdict, cause, 0.876, more.pop("start", START), more.pop("end", None), ranking,
        coverage, summary=("First.", "Second."), **more,
    )  # fmt: skip


def printed(found=None, **options):
    return diagnosis_text((found or diagnosis()).to_dict(), UTC, **options)


def test_the_leading_cause_is_laid_out_with_its_strongest_statement_first():
    text = printed(notes=("A paragraph.", ""), case="/a case")
    lines = text.splitlines()
    assert "88%" in lines[0]
    assert (lines.count("First."), lines.count("Second."), lines.count("A paragraph.")) == (1, 1, 1)
    ranks = [line.split()[:2] for line in lines if line.split()[:1] and line.split()[0] in NAMED]
    assert ranks[:4] == [
        ["app_threadpool", "0.80"], ["dependency_slow", "0.05"], ["edge_config", "0.05"],
        ["app_down", "0.30"],
    ]  # fmt: skip
    statements = [line.split("/s ")[1].split(" [")[0] for line in lines if "/s " in line]
    # A refuted cause, and one below one in twenty, are only counted.
    assert statements == [
        "app_threadpool 4.0.", "app_threadpool -1.0.", "app_threadpool 0.5.", "dependency_slow 0.04.",
        "dependency_slow -0.04.",
    ]  # fmt: skip
    assert "app_threadpool: all threads wait" in lines
    assert "  - +4.0  /s" in text and "  - -1.0  /s" in text and "1,200" in text
    assert "the dark" in text and "Count threads." in text
    assert ["note 3" in text, "note 2" in text, "watchme case show /a case" in text] == [False, True, True]
    assert "select 4.0" not in text


NAMED = {one.finding.cause for one in RANKING}


def test_queries_and_missing_evidence_are_shown_where_there_are_any():
    found = diagnosis(missing_evidence=(Missing("the log", "It helps.", "cp log FOLDER\nls"),))
    lines = printed(found, with_sql=True).splitlines()
    assert "      select 4.0" in lines
    assert lines[lines.index("    cp log FOLDER") + 1] == "    ls"
    assert "the log" in lines[lines.index("    cp log FOLDER") - 1]


def test_numbers_of_a_query_stand_to_the_right_and_words_to_the_left():
    rows = [(1234567, 0.123456789, "a", None, True), (8, None, "b\nc", 2, False)]
    assert value_table(("n", "x", "word", "m", "flag"), rows).splitlines() == [
        "        n         x  word   m  flag",
        "1,234,567  0.123457  a      -  True",
        "        8         -  b ⏎ c  2  False",
    ]


def window(start, end):
    return {"rows": 1, "rejected": 0, "truncated": False, "start": start, "end": end, "notes": []}


def windows(*bounds):
    """Return the time ranges of tables as they are shown, and the shared part of them."""
    tables = {f"t{number}": window(*pair) for number, pair in enumerate(bounds)}
    lines = case_text({"name": "case", "tables": tables, "inputs": []}, {}, UTC).splitlines()
    head = next(at for at, line in enumerate(lines) if line.endswith("UTC)"))
    shown = [line.partition(" -  ")[2].strip() for line in lines[head + 1 :] if line.startswith("t")]
    return lines[head].rpartition("(")[2][:-1], shown


def test_time_ranges_leave_out_the_date_or_year_that_all_share():
    day = "2026-03-02T{}:00Z".format
    assert windows((day("04:00"), day("05:30")), (day("06:00"), day("06:00")), (None, None)) == (
        "2026-03-02, UTC", ["04:00:00 .. 05:30:00", "06:00:00", "-"],
    )  # fmt: skip
    assert windows((day("04:00"), "2026-03-04T05:30:00Z"), (day("06:00"), day("07:00"))) == (
        "2026, UTC", ["03-02 04:00 .. 03-04 05:30", "03-02 06:00:00 .. 07:00:00"],
    )  # fmt: skip
    assert windows((day("04:00"), "2027-03-04T05:30:00Z")) == (
        "UTC", ["2026-03-02 04:00 .. 2027-03-04 05:30"],
    )  # fmt: skip


def test_a_case_lists_its_files_its_silences_and_what_was_left():
    inputs = [
        {"file": "a.log", "source": "access", "tables": [{"table": "t0"}, {"table": "t1"}], "bytes": 1234,
         "sha256": "0123456789abcdef", "reason": None},
        {"file": "b.bin", "source": None, "tables": [], "bytes": 5, "sha256": "f" * 64,
         "reason": "not known"},
        {"file": "c.log", "source": "access", "tables": [], "bytes": 6, "sha256": "e" * 64, "reason": None},
    ]  # fmt: skip
    tables = {"t0": {**window(None, None), "notes": ["odd"]}, "t1": window(None, None)}
    gaps = {"t0": [(START, START + timedelta(seconds=40)), (START, START + timedelta(seconds=90))], "t1": []}
    manifest = {"name": "case", "title": "A title", "tables": tables, "inputs": inputs}
    manifest["window"] = {"start": "2026-03-02T04:00:00Z", "end": "2026-03-02T05:00:00Z"}
    lines = case_text(manifest, gaps, UTC).splitlines()
    assert [line.split()[-1] for line in lines[:2]] == ["case", "title"]
    assert lines[2].endswith("2026-03-02 04:00:00 .. 2026-03-02 05:00:00 (UTC)")
    assert "  - t0: odd" in lines and "  - b.bin: not known" in lines
    (silence,) = [line for line in lines if line.startswith("  - t0: ") and "odd" not in line]
    assert "2" in silence and "90 s" in silence
    files = {line.split()[0]: line.split() for line in lines if ".log " in line or ".bin " in line}
    assert files["a.log"][1:] == ["t0,", "t1", "1,234", "0123456789ab"]
    assert files["c.log"][1] == "-" and files["b.bin"][1] != "-"


def test_lines_break_between_words_and_between_wide_characters():
    assert wrapped("one two-three four", 9, "- ", "  ") == ["- one", "  two-three", "  four"]
    assert wrapped("日本語の文。次", 8) == ["日本語の", "文。次"]
    assert wrapped("日本語文。次", 8) == ["日本語", "文。次"]  # no line begins with a full stop
    assert wrapped("日本 word（語）", 9, "- ", "  ") == ["- 日本", "  word", "  （語）"]
    assert wrapped("日本\n 語", 20) == ["日本 語"]
    assert wrapped("日本語「word」", 8) == ["日本語", "「word」"]  # no line ends with a bracket that opens
    assert (truncate("abcdef", 6), truncate("abcdefg", 6)) == ("abcdef", "abcde…")
    assert (truncate_middle("abcdef", 6), truncate_middle("abcdefg", 6)) == ("abcdef", "ab…efg")


def test_hypotheses_are_open_unless_refuted_or_improbable_and_link_the_same_query_once():
    same = Evidence("again", "probes", 1, 0.3, sql="select 4.0")
    ranking = (
        *RANKING,
        Ranked(Finding("none", (same,)), 0.01, "inconclusive"),
        entry("client", 0.1, "refuted"),
    )
    shown = FindingsView(ranking, {}, UTC)._repr_mimebundle_()
    html = shown["text/html"].split("<details")
    opened = [part for part in html if part.startswith(" open")]
    assert len(opened) == 2
    assert shown["text/html"].count("select 4.0") == 1 and 'href="#rows-1"' in shown["text/html"]
    signs = [line.strip()[0] for line in shown["text/plain"].splitlines() if "/s " in line]
    assert signs == ["▲", "▼", "▲", "·", "·", "▲", "▼"]
