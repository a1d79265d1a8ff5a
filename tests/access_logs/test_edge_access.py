import pandas as pd

from watchme_analysis.case.importer import import_folder

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
