"""Errors of the application: exceptions in its log, and error responses of other endpoints."""

import pandas as pd
import pytest
from worlds.health_world import (
    FAULT,
    HEALTH,
    REPORT,
    case,
    investigate,
    moment,
)
from worlds.messages import messages_in

from watchme_analysis.health.application_errors import commonest_exception
from watchme_analysis.health.diagnosis import diagnose
from watchme_analysis.schema import conform

STACK = """Exception in ASGI application
Traceback (most recent call last):
  File "/app/.venv/lib/python3.11/site-packages/uvicorn/protocols/http/h11_impl.py", line 411, in run_asgi
    result = await app(self.scope, self.receive, self.send)
  File "/app/api/main.py", line 74, in health
    return {"region": os.environ["REGION"]}
  File "<frozen os>", line 679, in __getitem__
KeyError: 'REGION'"""
CHAINED = """Traceback (most recent call last):
  File "/usr/lib/python3.11/site-packages/httpx/_transports/default.py", line 101, in map_httpcore_exceptions
    raise mapped_exc(message) from exc
httpcore.ConnectError: All connection attempts failed

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/usr/lib/python3.11/site-packages/httpx/_client.py", line 1014, in _send_single_request
httpx.ConnectError: All connection attempts failed"""
GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "/app/main.py", line 12, in summary
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/app/main.py", line 9, in part
    | ValueError: no rows
    +------------------------------------"""


def log(*texts):
    return pd.DataFrame({"message": pd.Series(texts, dtype="string")})


@pytest.mark.parametrize(
    ("text", "error", "place"),
    [
        (STACK, "KeyError: 'REGION'", ("main.py", 74)),
        (CHAINED, "httpx.ConnectError: All connection attempts failed", None),
        (GROUP, "ValueError: no rows", ("main.py", 9)),
    ],
)
def test_an_exception_is_named_with_the_line_of_the_own_source_that_raised_it(text, error, place):
    found = commonest_exception(log(text, text, "GET /health 500", text))
    assert (found.error, found.count) == (error, 3)
    assert (found.place and (found.place.file, found.place.line)) == place


def raising(path):
    """Return a record in which the handler of a path raises each time, and logs it with a traceback."""

    made = case(lambda asked, second: {"status": 500, "inside_status": 500} if asked == path else None)
    edge = made.table("edge_log")
    raised = edge[edge["start"].between(moment(FAULT[0]), moment(FAULT[1])) & edge["path"].eq(path)]
    lines = pd.DataFrame(
        {"time": raised["start"], "level": "ERROR", "kind": "error", "message": STACK, "service": ""}
    )
    made.frames["app_log"] = pd.concat([made.table("app_log"), conform("app_log", lines)], ignore_index=True)
    return made


@pytest.mark.slow
def test_a_raising_handler_leaves_process_and_dependency_and_is_quoted():
    found = diagnose(investigate(raising(HEALTH)))
    assert (found.verdict, found.cause) == ("inconclusive", None)
    assert {one["layer"] for one in found.extra["layers"] if one["status"] != "refuted"} <= {
        "process", "dependency", "none",
    }  # fmt: skip
    happened, _, do = (messages_in(text) for text in found.summary)
    assert happened["health-exception"]["error"] == "KeyError: 'REGION'"
    assert happened["health-exception"]["place"] == {"file": "main.py", "line": 74}
    assert do["health-correct-exception"]["about"] == "place"


@pytest.mark.slow
def test_a_handler_that_raises_beside_a_health_check_that_is_well_makes_an_incident():
    found = diagnose(investigate(raising(REPORT)))
    assert (found.verdict, found.cause, found.extra["endpoints"]) == ("inconclusive", None, [REPORT])
    assert "health-exception" in messages_in(found.summary[0])
