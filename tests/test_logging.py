"""The log of the package: calls to AWS, queries, the cache and readers, off unless it is wanted."""

import logging
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from worlds.aws_front import FAST

from watchme_analysis.cli import cli
from watchme_analysis.cloudwatch.insights.cached import QueryOptions, query_cached
from watchme_analysis.cloudwatch.insights.query_api import InsightsQuery
from watchme_analysis.cloudwatch.response_cache import ResponseCache
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.window import Window

START = datetime(2025, 12, 11, 1, tzinfo=UTC)
GROUP = "/aws/lambda/sed-worker"
EVIDENCE = "order of nobody"
SECRET = "wJalr" + "XUtnFEMI"


@pytest.fixture
def query(front):
    start_ms = int(START.timestamp()) * 1000
    front.engine.load(GROUP, [(start_ms + 1000, f"{EVIDENCE} failed", "s")])
    text = "fields @timestamp, @message | filter @message like /nobody/ | sort @timestamp asc"
    return InsightsQuery(
        text, (GROUP,), Window(START, START + timedelta(hours=1)), counts=((start_ms // 1000, 1),)
    )


def logged(caplog):
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def has(caplog, level, *words):
    return any(found == level and all(word in text for word in words) for found, text in logged(caplog))


def test_calls_waits_and_queries_are_logged_without_evidence(front, query, caplog, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    caplog.set_level(logging.DEBUG, "watchme_analysis")
    front.faults["StartQuery"].extend(["throttle", "busy"])
    options = QueryOptions(ResponseCache(tmp_path, "account/region"))

    for _ in range(2):
        (answer,) = query_cached(Aws(rate_limits=FAST), [query], options)
        assert len(answer.rows) == 1

    identity = next(iter(front.queries))
    assert has(caplog, "DEBUG", "logs:StartQuery", "attempt 2 of")
    assert has(caplog, "DEBUG", "logs:StartQuery", "may be called in 0.00 s")
    assert has(caplog, "INFO", "logs:StartQuery", "ThrottlingException", "next attempt in")
    assert has(caplog, "INFO", "no free query slot", START.isoformat())
    assert has(caplog, "INFO", identity, "started", START.isoformat())
    assert has(caplog, "DEBUG", identity, "next poll in")
    assert has(caplog, "INFO", identity, "Complete", "rows: 1")
    assert has(caplog, "DEBUG", "cache miss")
    assert has(caplog, "DEBUG", "cache write")
    assert has(caplog, "DEBUG", "cache hit")
    text = "\n".join(message for _, message in logged(caplog))
    assert SECRET not in text
    assert "nobody" not in text, "neither the query nor what it returned"


def test_a_refused_call_is_logged_by_its_code(front, query, caplog):
    caplog.set_level(logging.INFO, "watchme_analysis")
    front.faults["StartQuery"].append("denied")
    with pytest.raises(Exception, match="AccessDenied"):
        query_cached(Aws(rate_limits=FAST), [query], QueryOptions())
    assert has(caplog, "INFO", "logs:StartQuery", "AccessDenied", "not retried")


def test_a_stopped_query_is_logged(front, query, caplog):
    caplog.set_level(logging.INFO, "watchme_analysis")
    front.polls = 10_000
    query_cached(Aws(rate_limits=FAST), [query], QueryOptions(deadline_s=0.2))
    assert has(caplog, "INFO", "run ends early", "Timeout")
    assert has(caplog, "INFO", next(iter(front.queries)), "stopped")


@pytest.mark.parametrize(
    ("before", "after", "level"),
    [([], [], None), (["-v"], [], "INFO"), ([], ["-vv"], "DEBUG"), (["-v"], ["--debug"], "DEBUG")],
)
def test_the_command_shows_the_log_with_times_only_when_requested(tmp_path, before, after, level):
    log = tmp_path / "access.log"
    log.write_text(f'192.0.2.1 - - [01/Jan/2026:00:00:00 +0000] "GET /{SECRET} HTTP/1.1" 200 5 "-" "curl"\n')

    shown = CliRunner().invoke(cli, [*before, "access", str(log), *after], standalone_mode=False)

    assert shown.exception is None
    lines = [line for line in shown.stderr.splitlines() if "watchme_analysis." in line]
    assert bool(lines) is (level is not None)
    assert len(set(lines)) == len(lines), "one log, however often it is requested"
    for line in lines:
        moment, shown_level, _ = line.split(" ", 2)
        datetime.fromisoformat(moment)
        assert shown_level in ("INFO", level)
    assert SECRET not in shown.stderr
    logger = logging.getLogger("watchme_analysis")
    assert (logger.handlers, logger.level) == ([], logging.NOTSET)


def test_importing_the_package_loads_no_logging():
    code = "import sys; import watchme_analysis; sys.exit('logging' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
