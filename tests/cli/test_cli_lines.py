"""Lines of an audit and of the progress of reports, without a run of either."""

from pathlib import Path
from types import SimpleNamespace

from watchme_analysis.cli.report import ReportProgress
from watchme_analysis.cli.terminal import Printer

OUT = Printer("en")


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
    assert said == "health c, 3 s"
    assert (answer, page) == ("  Yes.", "  reports/one/report.html")
    failed = {**result, "status": "failed", "error": "No.", "diagnosis": None, "answer": None}
    alone.done(request, Path("/elsewhere"), failed)
    assert alone.rows[-1]["page"] == "/elsewhere/report.html" and alone.rows[-1]["verdict"] is None
    ended = capsys.readouterr()
    assert ended.err == "  No.\n" and "app_down" not in ended.out
