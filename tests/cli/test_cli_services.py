"""Commands beside their services: alarms as code, pulls, load tests, runs, diagnoses and reports."""

import io
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

from worlds.printed import lines_of, one_line, said
from worlds.settings_file import write_settings

from watchme_analysis.cli.aws import Progress
from watchme_analysis.cli.report import ReportProgress
from watchme_analysis.cli.terminal import Printer
from watchme_analysis.config import Config, System
from watchme_analysis.text.message import Duration, Number

OUT = Printer("en")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Terminal(io.StringIO):
    """Standard error on a terminal."""

    def isatty(self):
        return True

    def fileno(self):
        raise OSError

    def lines(self):
        """Return what replaced the status line, one after the other."""
        return self.getvalue().split("\r\033[K")[1:]


def on_terminal(monkeypatch):
    """Return standard error as a terminal, which takes the place of the usual one."""
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    return shown


# Alarms as code


def test_alarms_are_exported_as_code_with_the_price_of_a_health_check(watchme, small_case, tmp_path):
    from watchme_analysis.remedies.alarm_export import health_check_usd

    spec = tmp_path / "own.yaml"
    spec.write_text(
        "alarms:\n- {name: checks, over: probes, metric: failed, stat: Sum, period_s: 60, threshold: 0}\n"
    )
    url = "https://example.com/health"
    words = ("alarms", "export", "--spec", spec, "--health-url", url, "--format", "cloudformation")
    plain = watchme(*words)
    assert plain.returncode == 0 and json.loads(plain.stdout)["Resources"]
    checked = watchme(*words, "--health-check", "lambda", "--to", tmp_path / "alarms.json")
    usd = Number(health_check_usd("lambda", 1))
    assert lines_of(checked.stderr)[-1] == said("alarm-health-check-cost", usd=usd)
    assert checked.stdout == "" and len(
        json.loads((tmp_path / "alarms.json").read_text())["Resources"]
    ) > len(json.loads(plain.stdout)["Resources"])
    for more, message_id in (
        ((), "error-case-or-health-url"),
        ((small_case.path, "--health-check", "lambda"), "error-health-check-needs-url"),
    ):
        refused = watchme("alarms", "export", *more, "--format", "cli")
        assert refused.returncode == 2 and said(message_id) in one_line(refused.stderr)


def test_the_test_of_alarms_needs_a_name(watchme, front):
    ended = watchme("alarms", "verify")
    assert ended.returncode == 2 and said("error-no-alarm-named") in one_line(ended.stderr)


# Pulls


# Progress of queries


def test_progress_is_a_changing_line_on_a_terminal_that_is_cleared(monkeypatch):
    terminal = on_terminal(monkeypatch)
    moments = iter([0.0, 4.6, 5.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    progress = Progress(OUT)
    progress("reading")
    progress.announce("Found.")
    progress.done()
    line = said("progress", text="reading", elapsed=Duration(5))
    assert terminal.getvalue() == f"\r\033[K{line}\r\033[KFound.\n"


def test_progress_is_a_line_each_half_minute_elsewhere(capsys, monkeypatch):
    moments = iter([0.0, 29.9, 30.0, 59.0, 60.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    progress = Progress(OUT)
    for number in range(4):
        progress(f"step {number}")
    progress.done()
    assert lines_of(capsys.readouterr().err) == [
        said("progress", text=f"step {number}", elapsed=Duration(elapsed))
        for number, elapsed in ((1, 30), (3, 60))
    ]


# Purges


# Load tests


# Runs


def config(*names):
    return Config(systems={name: System(name, queues=(name,)) for name in names})


def event(queue):
    return io.StringIO(json.dumps({
        "AlarmName": "age", "NewStateValue": "ALARM", "StateChangeTime": "2026-01-01T00:00:00+00:00",
        "Trigger": {"Dimensions": [{"name": "QueueName", "value": queue}], "Period": 60,
                    "EvaluationPeriods": 1},
    }))  # fmt: skip


# Diagnoses and reports


def test_each_question_of_a_case_has_its_heading(watchme, evidence, tmp_path):
    (evidence / "queues").mkdir()
    (evidence / "queues" / "jobs.json").write_text('{"Attributes": {"VisibilityTimeout": "30"}}')
    lines = watchme("diagnose", evidence).stdout.splitlines()
    at = [lines.index(name) for name in ("health", "backlog")]
    assert at[0] == 0 and [lines[place + 1] for place in at] == ["======", "======="]
    assert (lines[at[1] - 1], lines[at[0] + 2]) == ("", "")
    found = json.loads(watchme("diagnose", evidence, "--json").stdout)
    assert [*found] == ["health", "backlog"]
    one = watchme("diagnose", "health", evidence, "--output", "jsonl").stdout.splitlines()
    assert [json.loads(row)["cause"] for row in one] == [each["cause"] for each in found["health"]["ranking"]]
    # Nothing is supported, and no incident has a start.
    assert watchme("diagnose", "health", evidence, "--fail-on", "incident").returncode == 0
    for name, question in (("queue", "health"), ("endpoint", "backlog")):
        refused = watchme("diagnose", question, evidence, f"--{name}", "x")
        expected = said("error-option-other-question", option=name, question=repr(question))
        assert refused.returncode == 2 and expected in one_line(refused.stderr)


def report(watchme, monkeypatch, results, *words, **more):
    """Return the result of the command with reports that are made up, and how they were wanted."""
    wanted = []

    def write(question, cases, to, *, progress, **options):
        wanted.append((question, cases, to, options))
        return results

    monkeypatch.setattr("watchme_analysis.report.run.write_reports", write)
    return watchme("report", *words, **more), wanted


def test_the_exit_code_of_reports_is_that_of_the_worst(watchme, monkeypatch, small_case, tmp_path):
    good = {"status": "ok", "diagnosis": {"verdict": "supported"}}
    bad = {"status": "failed", "diagnosis": None}
    words = ("health", small_case.path)
    ended, [(question, cases, to, options)] = report(watchme, monkeypatch, [good], *words, cwd=tmp_path)
    assert (ended.returncode, question, cases, to) == (0, "health", (small_case.path,), Path("reports"))
    assert lines_of(ended.stdout) == [said("report-index", file="reports/index.html")]
    assert (options["language"], options["redact"], options["notebooks"]) == ("en", None, None)
    assert report(watchme, monkeypatch, [good], *words, "--fail-on", "supported")[0].returncode == 3
    assert report(watchme, monkeypatch, [good, bad], *words, "--fail-on", "supported")[0].returncode == 1
    write_settings(tmp_path, '[systems.orders]\nreports = "pages"\n')
    _, [(_, _, to, _)] = report(watchme, monkeypatch, [good], *words, cwd=tmp_path)
    assert to.name == "pages"
    _, [(_, _, to, _)] = report(watchme, monkeypatch, [good], *words, "--to", "mine", cwd=tmp_path)
    assert to == Path("mine")
    refused = watchme("report", *words, "--format", "markdown", "--notebooks", tmp_path)
    assert refused.returncode == 2 and said("error-markdown-no-notebooks") in one_line(refused.stderr)


def test_the_progress_of_a_report_is_one_line_on_a_terminal(monkeypatch):
    terminal = on_terminal(monkeypatch)
    monkeypatch.setattr(terminal, "fileno", lambda: 2, raising=False)
    monkeypatch.setattr("os.get_terminal_size", lambda descriptor: SimpleNamespace(columns=30))
    progress = ReportProgress(OUT)
    request = SimpleNamespace(question="health", case=SimpleNamespace(name="c"))
    progress.planned(1)
    progress.cell(request, 1, 3, "")
    progress.cell(request, 2, 3, "Causes" * 10)
    first, second = terminal.lines()
    assert first == f"health c: {said('report-cell', number=1, cells=3)}"[:29]
    whole = f"health c: {said('report-cell', number=2, cells=3)}, {'Causes' * 10}"
    assert second == whole[:29]
    result = {
        "question": "health",
        "case": "c",
        "status": "ok",
        "seconds": 3.0,
        "answer": None,
        "diagnosis": None,
    }
    progress.done(request, Path("/elsewhere"), result)
    assert terminal.lines()[2:] == [""]


def test_reports_are_numbered_from_two_on(capsys):
    request = SimpleNamespace(question="health", case=SimpleNamespace(name="c"))
    cell = said("report-cell", number=1, cells=3)
    for reports, before in ((1, ""), (2, "[1/2] ")):
        progress = ReportProgress(OUT)
        progress.planned(reports)
        progress.cell(request, 1, 3, "")
        assert lines_of(capsys.readouterr().err) == [f"{before}health c: {cell}"]
