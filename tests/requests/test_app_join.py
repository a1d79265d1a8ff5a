"""Log lines of the application that belong to requests: by id, by path, status and time, and in turn."""

import pandas as pd
from worlds.request_rows import access, app, at, edge, given_up, requested
from worlds.together import together

from watchme_analysis.requests.app_join import join_app
from watchme_analysis.requests.observations import join_requests
from watchme_analysis.schema import empty

# Three requests at uneven moments, by which clocks are aligned, and the lines of their responses.
MOMENTS = (1.003, 2.307, 4.108)
CALM = [requested(moment, 0.1) for moment in MOMENTS]
LINES = [{"time": at(moment)} for moment in MOMENTS]


def joined(rows, lines, outer=(), inner=None):
    log = join_requests(
        access(*rows) if rows else empty("access_log"), edge(*outer) if outer else empty("edge_log")
    )
    return join_app(log, app(*lines) if lines else empty("app_log"), inner)


def last(row, *lines, inner=None):
    """Line (-1: none), how, candidates and whether a log is there, of a request after the three."""
    found = joined([*CALM, row], [*LINES, *lines], inner=inner).frame.iloc[-1]
    line = -1 if pd.isna(found["app_row"]) else found["app_row"]
    how = None if pd.isna(found["app_joined_by"]) else found["app_joined_by"]
    return line, how, found["app_candidates"], found["app_log_there"]


@together(
    ("more", "expected"),
    [
        ({}, (3, "time", 1, True)),
        # 60 ms after the response, or before the request began.
        ({"time": at(20.06)}, (3, "time", 1, True)),
        ({"time": at(20.07)}, (-1, None, 0, True)),
        ({"time": at(19.84)}, (3, "time", 1, True)),
        ({"time": at(19.83)}, (-1, None, 0, True)),
        ({"status": 500}, (-1, None, 0, True)),
        ({"path": "/jobs"}, (-1, None, 0, True)),
        ({"kind": "application"}, (-1, None, 0, False)),
    ],
)
def test_a_line_belongs_to_a_request_of_its_path_and_status_that_it_lies_in(more, expected):
    # The line afterwards shows that the log goes on, unless the other is none of a response.
    rest = [] if "kind" in more else [{"time": at(30), "path": "/x"}]
    assert last(requested(20, 0.1), {"time": at(20)} | more, *rest) == expected


def test_of_several_lines_within_a_request_the_nearest_to_its_response_is_joined():
    lines = [{"time": at(second)} for second in (18, 19, 20)]
    # The line at the very response has no rival there; that of a response of its own time does.
    assert last(requested(20, 5.0), *lines) == (5, "time", 1, True)
    assert last(requested(20, 5.0), *lines[:2]) == (4, "nearest", 2, True)
    assert last(requested(20, 5.0), *lines, {"time": at(20.01)}) == (5, "nearest", 2, True)


@together(
    ("path", "logged", "inner", "expected"),
    [
        # The longest end of the path that the application logged.
        ("/svc/v1/health", ["/health", "/v1/health"], None, "/v1/health"),
        ("/svc/v1/health", ["/health"], None, "/health"),
        ("/svc/v1/health", ["/svc/v1/health", "/health"], None, "/svc/v1/health"),
        # As the configuration of the proxy states, where the application logged it.
        ("/svc/v1/health", ["/svc/v1/health", "/health"], "/health", "/health"),
        ("/svc/v1/health", ["/svc/v1/health"], "/health", "/svc/v1/health"),
        ("/svc/v1/health", ["/other"], None, None),
    ],
)
def test_the_path_of_the_application_is_an_end_of_that_of_the_proxy(path, logged, inner, expected):
    rows = [requested(moment, 0.1) | {"path": path} for moment in MOMENTS]
    lines = [{"time": at(moment), "path": name} for moment in MOMENTS for name in logged]
    found = joined(rows, lines, inner={path: inner} if inner else None).frame
    if expected is None:
        assert found["app_row"].isna().all()
    else:
        assert found["app_row"].tolist() == [n * len(logged) + logged.index(expected) for n in range(3)]


@together(
    ("line", "row"),
    [
        ({"time": at(319.9)}, 3),  # up to 300 s after the end
        ({"time": at(320)}, 3),
        ({"time": at(320.1)}, -1),
        ({"time": at(17.95)}, 3),
        ({"time": at(17.9)}, -1),
        # A peer that sent none of the others is not Nginx.
        ({"time": at(30), "client_addr": "127.0.0.1"}, -1),
        ({"time": at(30), "path": "/jobs"}, -1),
    ],
)
def test_an_application_may_respond_until_five_minutes_after_nginx_gave_up(line, row):
    found = last(given_up(20, 2.0), line, {"time": at(900), "path": "/x"})
    assert found[:2] == (row, "order" if row >= 0 else None)


def test_a_request_is_joined_by_its_ray_or_request_id():
    ray, other = "0123456789abcdef", "f" * 32
    uuid = f"{other[:8]}-{other[:4]}-{other[:4]}-{other[:4]}-{other[:12]}"
    for ids, text, found in (
        ({"edge_ray_id": ray}, f"done ray={ray.upper()}-NRT", -1),  # part of a longer word
        ({"edge_ray_id": ray}, f"done ray={ray.upper()}", 3),
        ({"edge_ray_id": ray}, f"done ray={ray}0123", 3),  # the first 16 characters
        ({"request_id": other}, f"done {uuid}", 3),
        ({"request_id": other}, f"done {other[:15]}", -1),
        ({"request_id": other[:15]}, f"done {other[:15]}", -1),
        ({}, f"done {other}", -1),
    ):
        line = {"time": at(60), "kind": "application", "message": text}
        assert last(requested(20, 0.1) | ids, line)[:3] == ((3, "id", 1) if found >= 0 else (-1, None, 0)), (
            text
        )
    # The last line with the id, and the ray goes before the request id of another request.
    rows = [requested(20, 0.1, edge_ray_id=ray), requested(21, 0.1, request_id=ray)]
    lines = [
        {"time": at(second), "kind": "application", "message": f"at {second} {ray}"} for second in (60, 61)
    ]
    found = joined([*CALM, *rows], [*LINES, *lines]).frame
    assert found["app_row"].fillna(-1).tolist() == [0, 1, 2, 4, -1]


def test_a_clock_is_aligned_by_three_requests_of_the_only_service_at_least():
    late = [{"time": at(moment + 11.0)} for moment in MOMENTS]
    found = joined(CALM, late)
    assert abs(found.skews[""].ahead_s - 11.0) < 0.02
    assert found.frame["app_row"].tolist() == [0, 1, 2]
    # Farther than 30 s apart they are not aligned.
    assert joined(CALM, [{"time": at(moment + 31.0)} for moment in MOMENTS]).skews == {}
    # Two requests of two are enough; of three they are not.
    assert set(joined(CALM[:2], late[:2]).skews) == {""}
    assert joined(CALM, late[:2]).skews == {}


def test_without_a_log_of_nginx_the_edge_is_joined_to_the_application():
    outer = [
        {"start": at(moment - 0.1), "end": at(moment), "ray_id": f"{number:016x}", "ttfb_ms": 90.0,
         "status": 200, "origin_status": 201}
        for number, moment in enumerate(MOMENTS)
    ]  # fmt: skip
    # The header came after 90 ms, and the application responded with the status that the origin had.
    lines = [{"time": at(moment - 0.01), "status": 201} for moment in MOMENTS]
    found = joined([], lines, outer).frame
    assert found["app_row"].tolist() == [0, 1, 2]
    assert found["app_joined_by"].tolist() == ["time"] * 3
