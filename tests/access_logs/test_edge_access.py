# ruff: noqa: E501 - lines stand as they are logged
import pandas as pd
import pytest
from worlds.messages import messages_in

from watchme_analysis.access_logs.edge_access_log import read_edge_access
from watchme_analysis.case.importer import import_folder
from watchme_analysis.errors import LeftOutError
from watchme_analysis.files.evidence_file import RawFile

FORMAT = (
    '$remote_addr [$time_iso8601] "$request" $status $body_bytes_sent rt=$request_time '
    "uht=$upstream_header_time urt=$upstream_response_time ua=$upstream_addr us=$upstream_status"
)
CONF = f"events {{}}\nhttp {{\n log_format timed '{FORMAT}';\n access_log logs/edge-access.log timed;\n}}\n"
START = '192.0.2.7 [2025-12-11T10:10:30+09:00] "GET /health?x=1 HTTP/1.1"'
LINES = [
    f"{START} 200 15 rt=0.250 uht=0.200 urt=0.240 ua=192.0.2.20:80 us=200",
    f"{START} 504 167 rt=3.000 uht=- urt=3.000 ua=192.0.2.20:80 us=504",
    f"{START} 403 9 rt=0.001 uht=- urt=- ua=- us=-",
]


def imported(folder, *names):
    source = folder / "evidence"
    source.mkdir()
    (source / "edge.conf").write_text(CONF)
    # The same file twice would be read once.
    for name in names:
        (source / name).write_text("\n".join(LINES) + "\n" * (1 + (name == "access.log")))
    return source


def test_a_log_named_as_the_edges_is_not_taken_for_the_origins(tmp_path):
    case = import_folder(imported(tmp_path, "edge-access.log", "access.log"), tmp_path / "case").case

    assert set(case.table("access_log")["file"]) == {"access.log"}
    edge = case.table("edge_log").sort_values("line", ignore_index=True)
    assert set(edge["file"]) == {"edge-access.log"}
    assert edge["start"].tolist()[1] == pd.Timestamp("2025-12-11T01:10:27Z")
    assert edge["end"].tolist() == [pd.Timestamp("2025-12-11T01:10:30Z")] * 3
    assert edge["duration_ms"].tolist() == [250.0, 3000.0, 1.0]
    assert edge["uri"].tolist() == ["/health?x=1"] * 3
    assert edge["status"].tolist() == [200, 504, 403]
    # 0: the origin was not called, or gave no answer.
    assert edge["origin_status"].tolist() == [200, 0, 0]
    assert edge["origin_addr"].isna().tolist() == [False, False, True]


def test_without_the_origins_times_the_status_is_what_was_logged(tmp_path):
    source = tmp_path / "evidence"
    source.mkdir()
    line = '192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /health HTTP/1.1" 504 167 "-" "curl"\n'
    (source / "edge_access.log").write_text(line)

    edge = import_folder(source, tmp_path / "case").case.table("edge_log")

    assert (edge["start"] == edge["end"]).all()
    assert edge["duration_ms"].isna().all()
    assert edge["origin_status"].isna().all()


def test_requests_that_the_edges_own_records_hold_do_not_count_twice(tmp_path):
    source = imported(tmp_path, "edge-access.log")
    (source / "edge.jsonl").write_text(
        '{"RayID":"8f2a","EdgeStartTimestamp":"2025-12-11T01:10:30Z","EdgeResponseStatus":200}\n'
    )

    case = import_folder(source, tmp_path / "case").case

    assert set(case.table("edge_log")["file"]) == {"edge.jsonl"}
    (left,) = [one for one in case.manifest["inputs"] if one["source"] is None]
    assert left["file"] == "edge-access.log"
    assert "counts twice" in left["reason"]


def test_a_request_of_the_edge_has_every_column(tmp_path):
    conf = (
        'http { log_format full \'$remote_addr [$time_iso8601] "$request" $status $body_bytes_sent $request_time '
        '"$http_user_agent" $host $http_cf_ray $upstream_cache_status "$upstream_connect_time" '
        '"$upstream_header_time" "$upstream_response_time" "$upstream_addr" "$upstream_status" $http_x_a\'; '
        "access_log logs/edge-access.log full; }"
    )
    (tmp_path / "edge.conf").write_text(conf)
    (tmp_path / "edge-access.log").write_text(
        '192.0.2.7 [2025-12-11T10:10:30+09:00] "GET /a HTTP/1.1" 200 15 0.2504 "curl" example.com 8f2a HIT '
        '"0.001" "0.2" "0.24" "192.0.2.20:80" "201" x\n'
    )
    frame, retrieval = read_edge_access(RawFile(tmp_path, "edge-access.log"))
    assert {name: value for name, value in frame.iloc[0].items() if not pd.isna(value)} == {
        "file": "edge-access.log", "line": 1, "start": pd.Timestamp("2025-12-11T01:10:29.7496Z"),
        "end": pd.Timestamp("2025-12-11T01:10:30Z"), "ray_id": "8f2a", "client_addr": "192.0.2.7",
        "host": "example.com", "method": "GET", "path": "/a", "uri": "/a", "user_agent": "curl", "status": 200,
        "body_bytes": 15, "duration_ms": 250.4, "cache_status": "hit", "origin_addr": "192.0.2.20:80",
        "origin_status": 201, "origin_duration_ms": 240.0, "origin_handshake_ms": 1.0,
        "extra": '{"http_x_a": "x"}',
    }  # fmt: skip
    assert (retrieval.source, retrieval.rows) == ("edge_access", 1)
    # Without times to the header, the status is what was logged.
    (tmp_path / "edge.conf").write_text(conf.replace("$upstream_header_time", "$upstream_queue_time"))
    assert read_edge_access(RawFile(tmp_path, "edge-access.log"))[0]["origin_status"].tolist() == [201]
    (tmp_path / "edge.jsonl").write_text("")
    with pytest.raises(LeftOutError) as caught:
        read_edge_access(RawFile(tmp_path, "edge-access.log"))
    assert messages_in(caught.value.args[0])["error-edge-log-left-out"] == {
        "file": "edge-access.log",
        "other": "edge.jsonl",
    }
