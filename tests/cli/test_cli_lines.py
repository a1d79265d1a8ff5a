"""Lines of an audit and of the progress of reports, without a run of either."""

from pathlib import Path
from types import SimpleNamespace

from watchme_analysis.cli.redrive import _audit_lines, _short
from watchme_analysis.cli.report import ReportProgress
from watchme_analysis.cli.terminal import Printer

OUT = Printer("en")


def row(state, message_id="m", sent_as=None):
    return SimpleNamespace(state=state, message_id=message_id, sent_as=sent_as, reason="")


def lines(*rows, counts=None, unexplained=0):
    audit = SimpleNamespace(
        rows=rows, counts=counts, unexplained=unexplained, sentence="Done.", journal=Path("journal")
    )
    *listed, sentence, journal = _audit_lines(audit, OUT)
    assert (sentence, "journal" in journal) == ("Done.", True)
    return listed


def test_an_audit_lists_the_messages_of_each_state_that_need_somebody():
    assert lines() == []
    failed = [row("failed", f"m{number}") for number in range(6)]
    (said,) = lines(*failed[:5])
    assert said.endswith(": m0, m1, m2, m3, m4") and "5" in said
    (said,) = lines(*failed)
    assert said.endswith(": m0, m1, m2, m3, m4, ...") and "6" in said
    (said,) = lines(row("rejected", None, "s"), row("rejected", None))
    assert said.endswith(": s, -")
    deleted, processed, left = lines(row("excluded", "x"), row("processed", "p"), row("deleted", "d"))
    named = [line.endswith(f": {name}") for line, name in ((deleted, "d"), (processed, "p"), (left, "x"))]
    assert named == [False, True, False]
    # A message that was created is in no queue, and nothing is left to do with it.
    created, sent = lines(row("sent", "s"), row("processed", None), row("processed", None))
    assert "2" in created and ":" not in created and sent.endswith(": s")
    rest = lines(counts=SimpleNamespace(total=37), unexplained=12)
    assert [number in line for number, line in zip(("37", "12"), rest, strict=True)] == [True, True]


def test_a_body_is_cut_where_it_is_too_long_for_a_table():
    assert (_short("x" * 80), _short("x" * 81)) == ("x" * 80, "x" * 80 + "…")


def test_progress_names_the_report_and_each_new_section(capsys):
    request = SimpleNamespace(question="health", case=SimpleNamespace(name="c"))
    alone, several = ReportProgress(OUT), ReportProgress(OUT, quiet=True)
    alone.planned(1)
    several.planned(3)
    for progress in (alone, several):
        for number, title in ((1, ""), (2, ""), (3, "Causes"), (4, "Causes")):
            progress.cell(request, number, 9, title)
    printed = capsys.readouterr().err.splitlines()
    assert [line.startswith("[1/3] health c: ") for line in printed] == [False, False, True, True]
    assert [line.endswith(", Causes") for line in printed] == [False, True, False, True]
    assert ["3" in line.partition(": ")[2] for line in printed] == [False, True, False, True]

    folder = Path.cwd() / "reports" / "one"
    result = {
        "question": "health", "case": "c", "status": "ok", "seconds": 3.0, "answer": ["Yes."],
        "diagnosis": {"verdict": "supported", "cause": "app_down", "confidence": 0.9, "question": "health"},
    }  # fmt: skip
    for progress in (alone, several):
        progress.done(request, folder, result)
        assert progress.rows == [
            {"question": "health", "case": "c", "status": "ok", "verdict": "supported", "cause": "app_down",
             "confidence": 0.9, "page": "reports/one/report.html"}
        ]  # fmt: skip
    said, answer, page = capsys.readouterr().out.splitlines()
    assert said.startswith("health c: ") and "app_down (90%)" in said and said.endswith("3 s")
    assert (answer, page) == ("  Yes.", "  reports/one/report.html")
    failed = {**result, "status": "failed", "error": "No.", "diagnosis": None, "answer": None}
    alone.done(request, Path("/elsewhere"), failed)
    assert alone.rows[-1]["page"] == "/elsewhere/report.html" and alone.rows[-1]["verdict"] is None
    ended = capsys.readouterr()
    assert ended.err == "  No.\n" and "app_down" not in ended.out
