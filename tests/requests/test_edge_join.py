"""Pairs of the edge's and Nginx's records: what must agree, how near they lie, and which fit as well."""

import pandas as pd
from worlds.request_rows import access, at, edge

from watchme_analysis.requests.edge_join import client_requests, pairs_by_time
from watchme_analysis.requests.observations import join_requests

BASE = {"method": "GET", "path": "/health", "client_addr": None, "user_agent": None, "query": None}


def layer(side, rows):
    return {f"{side}_{name}": [row.get(name, BASE.get(name)) for row in rows] for name in BASE}


def nginx(*rows):
    """Records of Nginx; `end` and `s` are seconds, by default those of a request of 100 ms."""
    return pd.DataFrame(
        {
            "nginx_start": [at(row["end"] - row.get("s", 0.1)) for row in rows],
            "nginx_end": [at(row["end"]) for row in rows],
            "nginx_s": [None if row.get("untimed") else row.get("s", 0.1) for row in rows],
            "nginx_status": [float(row.get("status", 200)) for row in rows],
            "nginx_file": "access.log",
            "nginx_line": [float(number) for number in range(1, len(rows) + 1)],
            **layer("nginx", rows),
        }
    )


def outer(*rows):
    """Records of the edge; `origin` is the origin's status."""
    frame = pd.DataFrame(
        {
            "edge_start": [at(row["end"] - row.get("s", 0.1)) for row in rows],
            "edge_end": [at(row["end"]) for row in rows],
            "edge_s": [None if row.get("untimed") else row.get("s", 0.1) for row in rows],
            "edge_status": [float(row.get("status", 200)) for row in rows],
            "origin_status": [row.get("origin", 200) for row in rows],
            "cache_status": [row.get("cache") for row in rows],
            **layer("edge", rows),
        }
    )
    return frame.astype({"origin_status": "float64"})


def pairs(inner, outer_rows):
    """Nginx's and the edge's row of each pair, and the number of records that fit as well."""
    found = pairs_by_time(inner, outer_rows)
    assert found["joined_by"].eq("time").all()
    return found[["nginx", "edge", "join_candidates"]].values.tolist()


def test_method_path_and_status_must_agree():
    inner = nginx({"end": 5.003})
    for other in ({"method": "POST"}, {"path": "/jobs"}):
        assert pairs(inner, outer({"end": 5.004} | other)) == []
    # Another status is compared last, since an edge that gave up knows none of the origin.
    assert pairs(inner, outer({"end": 5.5, "origin": 504}, {"end": 5.9, "origin": 200})) == [[0, 1, 1]]
    assert pairs(inner, outer({"end": 5.5, "status": 524, "origin": 0})) == [[0, 0, 1]]
    assert pairs(inner, outer({"end": 5.5, "status": 200, "origin": None})) == [[0, 0, 1]]


def test_a_response_from_the_cache_reached_no_origin():
    for cache in ("hit", "stale", "updating", "revalidated"):
        assert pairs(nginx({"end": 5.003}), outer({"end": 5.004, "origin": 0, "cache": cache})) == []
    assert len(pairs(nginx({"end": 5.003}), outer({"end": 5.004, "origin": 0, "cache": "miss"}))) == 1
    # A response that the origin revalidated has its status.
    assert len(pairs(nginx({"end": 5.003}), outer({"end": 5.004, "cache": "revalidated"}))) == 1


def test_agents_clients_and_queries_must_agree_where_both_logs_have_them():
    for name in ("user_agent", "client_addr", "query"):
        inner = nginx({"end": 5.003, name: "a"}, {"end": 5.103, name: "b"})
        # The nearer record has another value.
        assert pairs(inner, outer({"end": 5.1, name: "a"})) == [[0, 0, 1]], name
        assert pairs(inner, outer({"end": 5.1})) == [[1, 0, 1]], name
    # Nginx may log the edge's address and rewrite queries, so values that never agree are not compared.
    for name, found in (("client_addr", 1), ("query", 1)):
        assert len(pairs(nginx({"end": 5.003, name: "a"}), outer({"end": 5.1, name: "b"}))) == found
    # Agents always are; a record with another agent is left to the comparison by method and path.
    inner = nginx({"end": 5.003, "user_agent": "a"}, {"end": 5.9, "user_agent": "b"})
    assert pairs(inner, outer({"end": 5.004, "user_agent": "b"})) == [[1, 0, 1]]


def test_ten_requests_align_the_clocks():
    # Nginx's clock is 1.5 s ahead: farther than the second within which records are a pair.
    moments = [8.0 * number + 0.1 * (number % 7) + 0.003 for number in range(12)]
    inner = nginx(*({"end": moment + 1.5} for moment in moments))
    edges = outer(*({"end": moment} for moment in moments))
    assert sorted(pair[:2] for pair in pairs(inner, edges)) == [[number, number] for number in range(12)]
    assert pairs(inner[:9], edges[:9]) == []


WORKER = '{"ParentRayID": "aaaaaaaaaaaaaaaa", "WorkerSubrequest": true}'


def test_the_slowest_subrequest_of_a_worker_gives_its_callers_request_the_origin():
    caller = {"ray_id": "a" * 16, "duration_ms": 900.0, "origin_status": 0}
    inner = {
        "extra": WORKER,
        "origin_addr": "192.0.2.9",
        "origin_duration_ms": 5.0,
        "origin_handshake_ms": 2.0,
    }
    log = edge(
        caller,
        inner | {"ray_id": "b" * 16, "duration_ms": 600.0, "origin_status": 504},
        inner | {"ray_id": "c" * 16, "duration_ms": 100.0},
        {"ray_id": "d" * 16, "duration_ms": 7.0},
    )
    found = client_requests(log)
    names = ["line", "ray_id", "origin_addr", "origin_status", "origin_duration_ms", "origin_handshake_ms"]
    assert found[names].astype(object).where(found[names].notna(), None).values.tolist() == [
        [1, "b" * 16, "192.0.2.9", 504, 5.0, 2.0],
        [4, "d" * 16, None, 200, None, None],
    ]
    # Of a subrequest whose caller is not in the log nothing is known; it stays as it is.
    assert client_requests(log[1:])["line"].tolist() == [2, 3, 4]
    assert client_requests(log[3:])["line"].tolist() == [4]


def test_every_column_of_a_joined_request():
    joined = join_requests(
        access(
            {
                "time": at(1.0), "request_time_s": 0.1, "edge_ray_id": "8F2A11B022C03344-NRT", "status": 201,
                "request_id": "r" * 32, "body_bytes": 20, "upstream_connect_time_s": 0.01,
                "upstream_header_time_s": 0.02, "upstream_response_time_s": 0.03, "upstream_status": 202,
                "upstream_addr": "192.0.2.11:8100", "upstream_raw": "{}", "client_addr": "192.0.2.7",
                "user_agent": "inner", "extra": '{"connection_requests": "17"}', "path": "/inner/42",
            }
        ),
        edge(
            {
                "start": at(0.8), "end": at(1.05), "duration_ms": 250.0, "ttfb_ms": 200.0, "body_bytes": 30,
                "ray_id": "8f2a11b022c03344", "status": 203, "origin_status": 204, "cache_status": "miss",
                "origin_addr": "192.0.2.1", "origin_duration_ms": 150.0, "origin_handshake_ms": 40.0,
                "client_addr": "192.0.2.8", "user_agent": "outer", "path": "/outer/42", "method": "POST",
            }
        ),
    )  # fmt: skip
    (row,) = joined.to_dict("records")
    assert row == {
        # What both layers log is as the edge logged it.
        "start": at(0.8), "end": at(1.05), "method": "POST", "path": "/outer/42", "route": "/outer/*",
        "client_addr": "192.0.2.8", "user_agent": "outer", "ray": "8f2a11b022c03344", "request_id": "r" * 32,
        "joined_by": "ray", "join_candidates": 1.0, "seen_edge": True, "seen_nginx": True,
        "nginx_start": at(0.9), "nginx_end": at(1.0), "nginx_status": 201, "nginx_s": 0.1, "nginx_bytes": 20,
        "connect_s": 0.01, "header_s": 0.02, "response_s": 0.03, "upstream_addr": "192.0.2.11:8100",
        "upstream_status": 202, "upstream_raw": "{}", "connection_requests": 17, "nginx_file": "access.log",
        "nginx_line": 1, "edge_start": at(0.8), "edge_end": at(1.05), "edge_status": 203, "edge_s": 0.25,
        "edge_ttfb_s": 0.2, "edge_bytes": 30, "cache_status": "miss", "origin_addr": "192.0.2.1",
        "origin_status": 204, "origin_s": 0.15, "handshake_s": 0.04, "edge_file": "edge.jsonl",
        "edge_line": 1, "error_row": -1,
    }  # fmt: skip
