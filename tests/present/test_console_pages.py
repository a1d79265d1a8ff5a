"""Whole pages of text for a terminal: every line of a diagnosis, an import and a case.

Spaces between words are not compared, since columns have their own tests; indents are.
"""

from datetime import UTC, datetime, timedelta

import pytest
from worlds.printed import said

from watchme_analysis.inference.causes import cause_names
from watchme_analysis.inference.findings import Diagnosis, Evidence, Finding, Missing, Ranked
from watchme_analysis.present.console import case_text, diagnosis_text, import_text, value_table
from watchme_analysis.text.message import Duration, Quotation, Resource, message
from watchme_analysis.text.render import label, note, render

START = datetime(2026, 3, 2, 4, tzinfo=UTC)


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")


def shape(text):
    """The paragraphs of a text, each line with its indent and single spaces; wrapped lines are joined."""
    lines = []
    for line in text.splitlines():
        indent = " " * (len(line) - len(line.lstrip()))
        if indent == "    " and lines[-1].startswith("  - ") and not lines[-1].endswith((".", "]", ":")):
            lines[-1] += " " + " ".join(line.split())
        else:
            lines.append(indent + " ".join(line.split()))
    return lines


def words(*ids):
    return " ".join(label(name, "en") for name in ids)


TABLE = {"start": "2026-03-02T04:00:00Z", "end": "2026-03-02T05:30:00Z", "notes": []}
COVERAGE = {
    "probes": {**TABLE, "rows": 1200, "rejected": 3, "truncated": True, "notes": ["a", "b", "c", "d", "e"]},
    "edge_log": {**TABLE, "rows": 7, "rejected": 1000, "truncated": False, "notes": ["f"]},
}
EVIDENCE = (
    Evidence("all wait", "probes", 1, 0.5, sql="select 1\nfrom probes"),
    Evidence(message("health-queue-never-full", room=5, waiting=3), "probes, edge_log", 1200, -4.0),
)
RANKING = (
    Ranked(
        Finding(
            "app_threadpool", EVIDENCE, detail="all threads wait", not_covered=("the dark",),
            next_test="Count threads.",
        ),
        0.876, "supported",
    ),
    Ranked(Finding("dependency_slow", ()), 0.05, "inconclusive"),
    Ranked(Finding("edge_config", ()), 0.049, "inconclusive"),
    Ranked(Finding("app_down", ()), 0.3, "refuted"),
)  # fmt: skip


RANKED = (
    ("app_threadpool", "0.88", "supported", "-3.5"),
    ("dependency_slow", "0.05", "inconclusive", "+0.0"),
    ("edge_config", "0.05", "inconclusive", "+0.0"),
    ("app_down", "0.30", "refuted", "+0.0"),
)


def diagnosis(**more):
    given = {
        "question": "health", "case": "case", "verdict": "supported", "cause": "app_threadpool",
        "confidence": 0.876, "incident_start": START, "incident_end": None, "ranking": RANKING,
        "coverage": COVERAGE, "summary": ("First.", "Second."),
    }  # fmt: skip
    return Diagnosis(**given | more)


def covered():
    heads = (f"print-coverage-{name}" for name in ("table", "rows", "rejected", "cut-off"))
    yes = label("print-yes", "en")
    return [
        label("print-covered", "en"),
        f"{words(*heads, 'print-window')} (2026-03-02, UTC)",
        f"probes 1,200 3 {yes} 04:00:00 .. 05:30:00",
        "edge_log 7 1,000 - 04:00:00 .. 05:30:00",
    ]


def test_a_diagnosis_lists_evidence_other_causes_and_what_to_collect(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    found = diagnosis(missing_evidence=(Missing("the log", "It helps.", "cp log FOLDER\nls"),))
    text = diagnosis_text(found.to_dict(), UTC, with_sql=True, notes=("A paragraph.", ""), case="/a case")
    lines = shape(text)
    assert lines[:6] == [render(found.cause_line), "", "First.", "Second.", "", "A paragraph."]
    many, one = (
        said("print-rows", table=Resource(table), rows=rows)
        for table, rows in (("probes, edge_log", 1200), ("probes", 1))
    )
    assert lines[lines.index("app_threadpool: all threads wait") :] == [
        "app_threadpool: all threads wait",
        # The strongest statement first.
        f"  - -4.0 {said('health-queue-never-full', room=5, waiting=3)} [{many}]",
        f"  - +0.5 All wait. [{one}]",
        "      select 1",
        "      from probes",
        f"  - {said('print-not-covered', text=Resource('the dark'))}",
        f"  - {said('print-next-test', text=Resource('Count threads.'))}",
        "",
        "dependency_slow",  # one in twenty is open still
        "",
        said("print-other-causes", count=2),
        "",
        label("print-collect-next", "en"),
        f"  - {said('print-missing', what=Resource('the log'), why=Resource('It helps.'))}",
        "    cp log FOLDER",
        "    ls",
        "",
        *covered(),
        "",
        label("print-notes", "en"),
        *(f"  - {note}" for note in ("probes: a", "probes: b", "probes: c", "edge_log: f")),
        f"  - {said('print-more', count=2)}",
        "    watchme case show /a case",
    ]


def ranking_lines(text):
    """The lines of the ranking, of which the first is the heading."""
    lines = shape(text)
    first = next(at for at, line in enumerate(lines) if line.startswith(label("print-ranking-cause", "en")))
    return lines[first : lines.index("", first)]


@pytest.mark.parametrize("columns", [60, 120])
def test_a_narrow_terminal_leaves_out_the_names_of_the_causes(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    wide = columns > 100
    heads = ("cause", "probability", "status", "weight", *["name"] * wide)
    names = {cause: [render(name)] * wide for cause, name in cause_names("health").items()}
    assert ranking_lines(diagnosis_text(diagnosis().to_dict(), UTC)) == [
        words(*(f"print-ranking-{name}" for name in heads)),
        *(" ".join([*row, *names[row[0]]]) for row in RANKED),
    ]


def part(table, rows, rejected=0, notes=(), **bounds):
    """What a file gave to a table."""
    return {"table": table, "rows": rows, "rejected": rejected, "notes": list(notes)} | {
        "start": None, "end": None
    } | bounds  # fmt: skip


def file(name, *parts, source="access", size=100, reason=None, **more):
    """A file of a manifest; one without a source was left."""
    entry = {"file": name, "source": source, "tables": list(parts), "bytes": size, "reason": reason}
    return entry | {"sha256": "0123456789abcdef"} | more


def imported(*files, **tables):
    notes = {name: {"notes": notes} for name, notes in tables.items()}
    return shape(import_text({"inputs": list(files), "tables": notes}, UTC))


def heads(*names, shared="UTC"):
    return f"{words(*(f'print-coverage-{name}' for name in names), 'print-window')} ({shared})"


FILE_HEADS = ("file", "table", "rows", "rejected")


def test_every_line_of_an_import():
    shared = note("note-part-kept", problem=Quotation("cut"))
    lines = imported(
        file(
            "a.log",
            part("access_log", 1200, 3, [shared], start="2026-03-02T04:00:00Z", end="2026-03-02T05:30:00Z"),
            part("error_log", 1),
            reason=note(
                "note-of-file",
                file=Resource("a.log"),
                note=message("note-part-kept", problem=Quotation("odd")),
            ),
        ),
        file("b.log", part("access_log", 2, notes=[shared, shared]), assumed_zone="Asia/Tokyo"),
        file("c.log", assumed_zone="Asia/Tokyo"),
        file("d.log", source="x", unread="OSError", reason="no right"),
        file("e.log", source=None, unread="OSError", reason="locked", size=0),
        file("f.bin", source=None, reason="not known", size=1),
        file("g.bin", source=None, reason="not known", size=4),
        file("h.bin", source=None, reason="other", size=9),
        access_log=["of a table", shared],
    )
    assert lines == [
        heads(*FILE_HEADS, shared="2026-03-02, UTC"),
        "a.log access_log 1,200 3 04:00:00 .. 05:30:00",
        "a.log error_log 1 0 -",
        "b.log access_log 2 0 -",
        "",
        label("print-notes", "en"),
        f"  - a.log: {said('note-part-kept', problem=Quotation('odd'))}",
        # Once for two files.
        f"  - a.log and b.log: {said('note-part-kept', problem=Quotation('cut'))}",
        f"  - c.log and d.log: {said('import-with-another')}",
        "  - d.log: no right",
        "  - access_log: of a table",
        f"  - b.log and c.log: {said('import-assumed-zone', zone=Resource('Asia/Tokyo'))}",
        "",
        label("import-unread", "en"),
        "  - d.log: no right",
        "  - e.log: locked",
        "",
        label("import-left", "en"),
        f"  - {said('import-sized', name=Resource('f.bin and g.bin'), bytes=5)}: not known",
        f"  - {said('import-sized', name=Resource('h.bin'), bytes=9)}: other",
    ]


def test_a_case_lists_its_tables_silences_and_files():
    inputs = [
        file("a.log", {"table": "probes"}, {"table": "edge_log"}, size=1234),
        file("b.bin", source=None, reason="not known"),
        file("c.log", reason="empty"),
    ]
    manifest = {
        "name": "case", "title": message("print-yes"), "inputs": inputs,
        "window": {"start": "2026-03-02T04:00:00Z", "end": "2026-03-02T05:00:00Z"},
        "tables": {name: entry | {"notes": entry["notes"][:1]} for name, entry in COVERAGE.items()},
    }  # fmt: skip
    lasting = [(START, START + timedelta(seconds=seconds)) for seconds in (40, 90)]
    lines = shape(case_text(manifest, {"probes": lasting, "edge_log": []}, UTC))
    assert lines[:3] == [
        f"{label('print-case', 'en')} case",
        f"{label('print-title', 'en')} {label('print-yes', 'en')}",
        f"{label('print-window', 'en')} 2026-03-02 04:00:00 .. 2026-03-02 05:00:00 (UTC)",
    ]
    assert {*covered()[1:], "  - probes: a", "  - edge_log: f"} <= {*lines}
    assert f"  - probes: {said('case-silence', count=2, longest=Duration(90.0))}" in lines
    assert lines[-6:] == [
        "a.log probes, edge_log 1,234 0123456789ab",
        f"b.bin {label('case-file-left', 'en')} 100 0123456789ab",
        "c.log - 100 0123456789ab",
        "",
        "  - b.bin: not known",
        "  - c.log: empty",
    ]


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
