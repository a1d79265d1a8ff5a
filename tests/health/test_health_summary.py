"""What happened, why, and what to do, in the messages of a summary."""

from datetime import timedelta

from worlds.health_literal import HEALTH, JOBS, USUAL, at, context, probe, request
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.health.judge import LayerFinding
from watchme_analysis.health.summary import known_layer, what_happened, what_to_do, why
from watchme_analysis.inference.causes import cause_names
from watchme_analysis.inference.findings import Evidence, Finding, Missing, Ranked
from watchme_analysis.text.message import message


def rows(count, first=21.0, step=1.0, path=HEALTH, **more):
    return [request(first + step * number, path, **more) for number in range(count)]


CALM = rows(5, 0, took=0.1)
BAD = rows(6, bad=True, took=5.0)


def happened(*requests, begun=None, stopped=None, **more):
    return messages_in(what_happened(context(*requests, **more), begun, stopped))


def error(second, words, **more):
    row = {"file": "e.log", "line": round(second), "time": at(second), "level": "error", "path": HEALTH}
    return row | {"kind": "upstream_timeout_header", "message": words, "upstream_addr": USUAL} | more


def test_an_incident_is_told_with_its_endpoints_counts_and_times():
    said = happened(*CALM, *BAD)
    told = said["health-incident"]
    assert (told["paths"], told["failed"]) == ([HEALTH], 6)
    assert said["health-median-rose"] == {"usual": 0.1, "during": 5.0}
    assert said["health-failed-with"] == {"kinds": ["health-failed-status"]}
    assert said["health-failed-status"] == {"status": "504", "by": "server", "count": 6}
    # Half as much again as usual is no rise, and three requests show what is usual.
    assert "health-median-rose" not in happened(*CALM, *rows(6, bad=True, took=0.15))
    assert "health-median-rose" in happened(*CALM, *rows(6, bad=True, took=0.16))
    assert "health-median-rose" not in happened(*CALM[:2], *BAD)
    assert "health-median-rose" not in happened(*CALM, *BAD[:2])
    # Requests piled up before the first of them failed.
    begun = (at(20) - timedelta(seconds=5)).to_pydatetime()
    assert happened(*CALM, *BAD, begun=begun)["health-piled-up"] == {"begun": begun}
    assert "health-piled-up" not in happened(*CALM, *BAD, begun=at(20).to_pydatetime())


def test_failures_are_told_as_their_callers_saw_them_the_commonest_first():
    left = rows(3, 30, bad=True, nginx_status=499.0)
    silent = [probe(21 + number, "outside", bad=True) for number in range(2)]
    named = [probe(25, "outside", bad=True, error="timeout")]
    said = what_happened(context(*CALM, *BAD[:4], *left, probes=[*silent, *named]), None)
    (kinds,) = [part for part in said.items_of("sentences") if part.id == "health-failed-with"]
    assert [(kind.id, messages_in(kind)[kind.id]) for kind in kinds.items_of("kinds")] == [
        ("health-failed-status", {"status": "504", "by": "server", "count": 4}),
        ("health-failed-status", {"status": "499", "by": "client", "count": 3}),
        ("health-failed-silent", {"count": 2}),
        ("health-failed-error", {"error": "timeout", "count": 1}),
    ]
    # A request that the edge logged as well counts once, with the edge's status.
    both = rows(6, bad=True, edge=True, edge_status=524.0)
    assert happened(*CALM, *both)["health-failed-status"] == {"status": "524", "by": "server", "count": 6}
    slow = rows(6, bad=True, nginx_status=200.0)
    assert "health-failed-with" not in happened(*CALM, *slow)


def test_words_of_the_error_log_are_told_for_most_of_the_failures():
    lines = [error(26 + number, "upstream timed out") for number in range(6)]
    said = happened(*CALM, *BAD, error_log=lines)
    assert said["health-error-line"] == {
        "error": "upstream timed out", "count": 6, "about": "upstream", "upstream": USUAL,
    }  # fmt: skip
    assert happened(*CALM, *BAD, error_log=lines[:4])["health-error-line"]["count"] == 4
    assert "health-error-line" not in happened(*CALM, *BAD, error_log=lines[:3])
    several = [*lines[:5], lines[5] | {"upstream_addr": "192.0.2.12:1"}]
    told = happened(*CALM, *BAD, error_log=several)["health-error-line"]
    assert (told["about"], told["upstream"]) == ("none", "")


TRACE = 'Traceback (most recent call last):\n  File "/app/main.py", line 12, in health\n    x()\nKeyError: 7'


def logged(count, text=TRACE):
    return [
        {"file": "app.log", "line": number, "service": "", "time": at(22 + number), "level": "ERROR",
         "kind": "application", "message": text}
        for number in range(count)
    ]  # fmt: skip


def test_an_exception_is_told_where_the_application_responded_with_500():
    bad = rows(6, bad=True, nginx_status=500.0)
    said = happened(*CALM, *bad, app_log=logged(3))["health-exception"]
    assert (said["error"], said["count"], said["about"]) == ("KeyError: 7", 3, "place")
    assert "health-exception" not in happened(*CALM, *bad[:2], *BAD[2:], app_log=logged(3))
    assert "health-exception" in happened(*CALM, *bad[:3], *BAD[3:], app_log=logged(3))
    assert "health-exception" not in happened(*CALM, *bad, app_log=logged(2))
    package = TRACE.replace("/app/main.py", "/usr/lib/python3/site-packages/x.py")
    told = happened(*CALM, *bad, app_log=logged(3, package)).get("health-exception")
    assert told is None or told["about"] == "none"


def test_without_an_incident_the_requests_are_counted():
    assert happened(*rows(5), bounds=None)["health-all-well"] == {"bad": 0, "total": 5}
    assert "health-no-requests" in happened(bounds=None)
    stopped = message("health-no-requests")
    said = happened(*rows(5), bounds=None, stopped=stopped)
    assert said["health-arrived"] == {"bad": 0, "total": 5}
    assert "health-all-well" not in said and "health-no-requests" in said


def test_a_failure_of_a_few_seconds_is_told():
    bad = [request(21 + number, bad=True, client_addr=f"192.0.2.{number}") for number in range(6)]
    said = happened(*rows(20, 0), *bad, *rows(20, 27), bounds=None)
    assert said["health-brief-failure"] == {"start": at(21), "bad": 6, "lasted": 5.0}
    assert "health-brief-failure" not in happened(*rows(20, 0), *bad[:3], *rows(20, 27), bounds=None)


def test_severe_lines_of_nginx_are_told_without_an_incident():
    severe = [error(number, "worker_connections are not enough", level="alert") for number in range(3)]
    said = happened(*rows(5), bounds=None, error_log=severe)["health-error-line"]
    assert (said["error"], said["count"]) == ("worker_connections are not enough", 3)
    assert "health-error-line" not in happened(*rows(5), bounds=None, error_log=severe[:2])
    mild = [line | {"level": "error"} for line in severe]
    assert "health-error-line" not in happened(*rows(5), bounds=None, error_log=mild)


def layer(name, probability=0.4, status="inconclusive", sentence=""):
    return LayerFinding(name, probability, status, sentence)


def test_a_layer_is_named_or_two_are_left():
    shown = message("health-no-requests")
    said = messages_in(known_layer([layer("nginx", 0.8, "supported", shown), layer("process")], None))
    assert said["health-layer-named"] == {"layer": "layer-nginx", "probability": 0.8}
    assert "health-no-requests" in said
    two = [layer("nginx"), layer("edge", status="refuted"), layer("process", sentence=shown)]
    said = messages_in(known_layer(two, None))
    assert said["health-layers-left"] == {"number": "several", "layers": ["layer-nginx", "layer-process"]}
    assert "health-no-requests" in said
    # The summary begins with the same sentence already.
    assert "health-arrivals-held" in messages_in(known_layer(two, shown))
    assert messages_in(known_layer(two[1:], None))["health-layers-left"]["number"] == "one"
    assert known_layer([layer(name) for name in ("nginx", "edge", "process")], None) == ""


NAMES = cause_names("health")


def ranked(cause, probability=0.8, status="supported", *weights, **more):
    evidence = tuple(Evidence(message("cell-yes"), "probes", 1, weight) for weight in weights)
    return Ranked(Finding(cause, evidence, **more), probability, status)


def reason(*ranking, verdict="supported", requests=(*CALM, *BAD), others=(), **more):
    return messages_in(why(context(*requests, **more), ranking, verdict, 0.9, others))


def test_the_reason_is_the_cause_with_its_mechanism_or_strongest_statement():
    said = reason(ranked("app_down", 0.8, "supported", 3.0, detail=message("cell-no")))
    assert said["health-cause"] == {
        "cause": NAMES["app_down"].id if hasattr(NAMES["app_down"], "id") else NAMES["app_down"],
        "confidence": 0.9,
    }
    assert "cell-no" in said and "cell-yes" not in said
    assert "cell-yes" in reason(ranked("app_down", 0.8, "supported", -1.0, 3.0))
    assert "cell-yes" not in reason(ranked("app_down", 0.8, "supported", -1.0))
    both = ranked("app_down"), ranked("edge_config", 0.1, "supported", detail=message("cell-no"))
    two = reason(*both, others=["edge_config"])
    assert "health-two-causes" in two and "cell-no" in two
    assert "health-two-causes" not in reason(*both)


def test_causes_in_question_are_named_where_none_is_settled():
    ranking = [
        ranked("app_down", 0.5, "inconclusive", 1.0),
        ranked("edge_config", 0.3, "inconclusive", 1.0),
        ranked("none", 0.0001, "inconclusive", 1.0),
    ]
    said = why(context(*CALM, *BAD), ranking, "inconclusive", 0.5)
    assert said.id == "health-not-separated"
    assert len(said.items_of("causes")) == 2
    assert why(context(*CALM, *BAD), [ranked("app_down")], "inconclusive", 0.5).id == "health-nothing-speaks"
    # The process served the monitored endpoint well.
    jobs = rows(6, path=JOBS, bad=True)
    probes = [probe(21 + number, "outside") for number in range(6)]
    more = {"probes": probes, "routes": [JOBS]}
    said = reason(*ranking, verdict="inconclusive", requests=jobs, **more)["health-spared"]
    assert (said["spared"], said["paths"], said["probability"], said["option"]) == (
        [HEALTH], [JOBS], 0.5, "--endpoint",
    )  # fmt: skip
    edge = reason(
        ranked("edge_config", 0.5, "inconclusive", 1.0), verdict="inconclusive", requests=jobs, **more
    )
    assert "health-not-separated" in edge


@together(
    ("requests", "expected"),
    [
        (rows(5), "health-edge-not-cleared"),
        (rows(5, edge=True), "health-too-little"),
        (rows(5, nginx_s=None), "health-no-times"),
    ],
)
def test_a_record_without_an_incident_may_not_clear_the_system(requests, expected):
    assert list(reason(ranked("none"), verdict="inconclusive", requests=requests, bounds=None)) == [expected]


def test_no_cause_is_needed_where_nothing_or_little_failed():
    calm = {"verdict": "no_incident", "bounds": None}
    assert list(reason(ranked("none"), requests=rows(5), **calm)) == ["health-no-cause-needed"]
    bad = [request(21 + number, bad=True, client_addr=f"192.0.2.{number}") for number in range(6)]
    brief = [*rows(20, 0), *bad, *rows(20, 27)]
    assert list(reason(ranked("none"), requests=brief, **calm)) == ["health-brief-no-cause"]


MISSING = (Missing(message("cell-yes"), message("cell-no"), "how"), Missing("other", "x", "y"))


def to_do(first, verdict, missing=(), others=(), requests=(*CALM, *BAD), **more):
    return messages_in(what_to_do(context(*requests, **more), first, verdict, missing, others, ()))


def test_a_supported_cause_has_a_remedy_and_an_open_one_evidence_to_collect():
    assert list(to_do(ranked("none"), "no_incident")) == ["health-do-nothing"]
    said = to_do(ranked("app_down"), "supported", MISSING)
    assert "health-remedy" in said and "health-remedy-also" not in said
    assert "health-remedy-also" in to_do(ranked("app_down"), "supported", others=["edge_config"])
    said = to_do(ranked("app_down", 0.4), "inconclusive", MISSING)
    assert said["health-collect-next"] == {"what": "cell-yes", "why": "cell-no"}
    test = ranked("app_down", 0.4, next_test=message("cell-yes"))
    assert to_do(test, "inconclusive")["health-next-test"] == {"test": "cell-yes"}


def test_without_an_incident_a_cause_that_shows_itself_is_remedied():
    calm = {"requests": rows(5), "bounds": None}
    assert "health-remedy" in to_do(ranked("nginx_config"), "inconclusive", MISSING, **calm)
    assert "health-collect-next" in to_do(
        ranked("nginx_config", 0.4, "inconclusive"), "inconclusive", MISSING, **calm
    )
    assert "health-collect-next" in to_do(ranked("none"), "inconclusive", MISSING, **calm)


def test_an_exception_behind_half_of_the_failures_is_to_be_corrected():
    bad = rows(6, bad=True, nginx_status=500.0)
    said = to_do(ranked("app_down", 0.4), "inconclusive", MISSING, requests=[*CALM, *bad], app_log=logged(3))
    assert said["health-correct-exception"]["about"] == "place"
    assert said["health-correct-exception"]["command"] == (
        "docker logs --since 2026-03-02T04:00:20Z --until 2026-03-02T04:00:40Z CONTAINER"
    )
    half = [*CALM, *bad[:3], *BAD[3:]]
    open_ = ranked("app_down", 0.4)
    assert "health-correct-exception" in to_do(open_, "inconclusive", requests=half, app_log=logged(3))
    fewer = [*CALM, *bad[:2], *BAD[2:]]
    assert "health-correct-exception" not in to_do(
        open_, "inconclusive", MISSING, requests=fewer, app_log=logged(3)
    )
