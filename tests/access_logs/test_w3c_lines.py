"""Logs in W3C's extended format, written as CloudFront's and IIS's documentation show them."""

import json
from datetime import UTC, datetime

import pytest
from worlds.messages import messages_in

from watchme_analysis.access_logs.access_log import declined, looks_like
from watchme_analysis.access_logs.engine.engine import ENGINES
from watchme_analysis.access_logs.scan import AccessScan, read_access_logs
from watchme_analysis.files.evidence_file import RawFile

SAMPLES = (
    # CloudFront
    (
        "#Version: 1.0\n"
        "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status "
        "cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id "
        "x-host-header cs-protocol cs-bytes time-taken x-forwarded-for cs-protocol-version\n"
        "2025-12-11\t01:10:30\tNRT1\t392\t192.0.2.100\tGET\td111.cloudfront.net\t/health\t504\t-\t"
        "Mozilla/5.0%20(X11)\ta=1&b=2\t-\tError\tSOX4xwn4XV6Q==\tapi.example.com\thttps\t23\t30.001\t-\tHTTP/2.0\n"
        "2025-12-11\t01:10:31\tNRT1\t392\t2001:db8::7\tGET\td111.cloudfront.net\t/\t200\t-\t"
        "-\t-\t-\tHit\tk6WGMNkEzR5B==\tapi.example.com\thttps\t23\t0.001\t192.0.2.8\tHTTP/2.0\n"
    ),
    # IIS
    (
        "#Software: Microsoft Internet Information Services 10.0\r\n"
        "#Version: 1.0\r\n"
        "#Date: 2025-12-11 01:10:00\r\n"
        "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query cs(User-Agent) sc-status "
        "sc-substatus time-taken\r\n"
        "2025-12-11 01:10:30 192.0.2.1 GET /health x=1 Mozilla/5.0+(X11) 504 0 30001\r\n"
    ),
    # Values in quotation marks, as the format allows and other programs write.
    (
        "#Version: 1.0\n"
        "#Fields: date time c-ip cs-method cs-uri-stem sc-status cs(User-Agent) time-taken\n"
        '2025-12-11 01:10:30 192.0.2.7 GET /health 504 "Mozilla/5.0 (X11; ""x"")" 30.001\n'
    ),
)
CLOUDFRONT, IIS, QUOTED = SAMPLES
RESTARTED = (
    "#Software: Microsoft Internet Information Services 10.0\r\n"
    "#Fields: date time c-ip cs-method cs-uri-stem sc-status\r\n"
    "2025-12-11 02:00:00 192.0.2.7 GET /a 200\r\n"
)


def written(tmp_path, text, name="access.log"):
    (tmp_path / name).write_bytes(text.encode())
    return tmp_path / name


def test_cloudfront_writes_seconds_and_escapes_headers(tmp_path):
    frame, how = read_access_logs([written(tmp_path, CLOUDFRONT)])
    (account,) = how.parts
    row, other = frame.to_dict("records")

    assert row["time"] == datetime(2025, 12, 11, 1, 10, 30, tzinfo=UTC)
    assert (row["method"], row["path"], row["query"], row["protocol"]) == (
        "GET",
        "/health",
        "a=1&b=2",
        "HTTP/2.0",
    )
    assert (row["status"], row["request_time_s"], row["body_bytes"]) == (504, 30.001, 392)
    assert (row["host"], row["user_agent"]) == ("api.example.com", "Mozilla/5.0 (X11)")
    assert (row["cache_status"], row["edge_ray_id"]) == ("Error", "SOX4xwn4XV6Q==")
    assert json.loads(row["extra"])["x-edge-location"] == "NRT1"
    assert (other["client_addr"], other["path"]) == ("2001:db8::7", "/")
    assert (account.lines, account.rows, account.blank_lines) == (4, 2, 2)


def test_iis_writes_milliseconds_and_spaces_as_plus_signs(tmp_path):
    frame, _ = read_access_logs([written(tmp_path, IIS)])
    (row,) = frame.to_dict("records")

    assert row["time"] == datetime(2025, 12, 11, 1, 10, 30, tzinfo=UTC)
    assert (row["path"], row["query"], row["user_agent"]) == ("/health", "x=1", "Mozilla/5.0 (X11)")
    assert (row["status"], row["request_time_s"]) == (504, 30.001)


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_fields_hold_until_others_are_named_in_whatever_block_that_is(tmp_path, engine):
    line = IIS.splitlines(keepends=True)[-1]
    text = IIS + 40 * line + RESTARTED + 40 * RESTARTED.splitlines(keepends=True)[-1]
    scan = AccessScan([written(tmp_path, text)], engine=engine)
    scan.block_bytes = 256
    rows = [row for chunk in scan for row in chunk.table.to_pylist()]
    (account,) = scan.retrievals

    assert [row["request_time_s"] for row in rows] == [30.001] * 41 + [None] * 41
    assert {row["client_addr"] for row in rows[41:]} == {"192.0.2.7"}
    assert (account.lines, account.rows, account.blank_lines, account.rejected) == (88, 82, 6, ())


def test_what_is_no_log_of_requests_holds_none(tmp_path):
    text = (
        "#Version: 1.5\n#Fields: date time action protocol src-ip\n2025-12-11 01:10:30 DROP TCP 192.0.2.7\n"
    )
    path = written(tmp_path, text, "firewall.log")
    frame, how = read_access_logs([path])
    (account,) = how.parts

    assert (len(frame), [one.reason for one in account.rejected]) == (
        0,
        ["no request: neither status nor target"],
    )
    assert not looks_like(RawFile(tmp_path, path.name))
    assert looks_like(RawFile(tmp_path, written(tmp_path, IIS, "u_ex251211.log").name))


@pytest.mark.parametrize("directive", ["#Version: 1.0\n", ""])
def test_a_missing_fields_directive_is_named(tmp_path, directive):
    selected = "2025-12-11 01:10:30 GET /health x=1 80 504 0\n"
    default = "2025-12-11 01:10:30 192.0.2.1 GET /health - 80 - 192.0.2.7 curl - 504 0 0 31\n"
    frame, how = read_access_logs([written(tmp_path, directive + selected + default)])
    (account,) = how.parts

    assert frame["status"].tolist() == [504]
    assert [messages_in(one.reason.message) for one in account.rejected] == [{"reject-no-fields": {}}]
    assert "log_format IIS without #Fields" in account.notes


def test_selected_fields_need_their_directive(tmp_path):
    selected = "2025-12-11 01:10:30 GET /health 192.0.2.7 504 31\n" * 3
    log = written(tmp_path, selected)
    _, how = read_access_logs([log])
    reasons = [messages_in(one.reason.message) for one in how.parts[0].rejected]
    assert reasons == [{"reject-no-fields": {}}] * 3
    assert declined(RawFile(tmp_path, log.name)).message.id == "left-no-fields"

    log.write_text("#Fields: date time cs-method cs-uri-stem c-ip sc-status time-taken\n" + selected)
    assert read_access_logs([log])[0]["status"].tolist() == [504] * 3
