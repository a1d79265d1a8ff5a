"""Runs of queries against scripted responses: what is started, kept, queried again, stopped and noted."""

from datetime import UTC, datetime, timedelta

from worlds.scripted_aws import ScriptedAws
from worlds.together import together

from watchme_analysis.cloudwatch.insights.frame import result_frame
from watchme_analysis.cloudwatch.insights.query_api import (
    InsightsQuery,
)
from watchme_analysis.cloudwatch.insights.run import run_queries
from watchme_analysis.window import Window

START = datetime(2025, 12, 11, 1, tzinfo=UTC)
HOUR = Window(START, START + timedelta(hours=1))


def done(rows, status="Complete", **statistics):
    return {"status": status, "rows": rows, "statistics": statistics}


@together(
    ("text", "language", "groups", "sent"),
    [
        ("fields a | limit 7", "CWLI", ("g",), {"logGroupNames": ["g"]}),
        ("SELECT a FROM `g`", "SQL", (), {"queryLanguage": "SQL"}),
        ("SELECT a FROM `g`", "SQL", ("g",), {"queryLanguage": "SQL"}),
        ("fields a | sort @timestamp", "PPL", ("g",), {"queryLanguage": "PPL", "logGroupNames": ["g"]}),
        ("SOURCE logGroups(namePrefix: ['a']) | fields b", "CWLI", (), {}),
    ],
)
def test_languages_and_sources(text, language, groups, sent):
    account = ScriptedAws([done([{"a": "1"}, {"b": "x"}])])
    result = run_queries(account, [InsightsQuery(text, groups, HOUR, query_language=language)])[0]
    started = account.started[0]
    assert {name: started[name] for name in ("logGroupNames", "queryLanguage") if name in started} == sent
    assert started["queryString"].endswith(text)
    if language != "CWLI":
        assert started["queryString"] == text
        assert result_frame(result).dtypes.astype(str).to_dict() == {"a": "Int64", "b": "string"}
