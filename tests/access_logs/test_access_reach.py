import gzip
from datetime import UTC, datetime

from watchme_analysis.access_logs.scan import AccessScan


def line(minute):
    return f'192.0.2.7 - - [11/Dec/2025:01:{minute:02}:30 +0000] "GET / HTTP/1.1" 200 1 "-" "{"x" * 900}"\n'


def at(minute):
    return datetime(2025, 12, 11, 1, minute, 30, tzinfo=UTC)


def test_logs_reach_from_their_first_request_to_their_last(tmp_path):
    (tmp_path / "access.log").write_text("junk\n" + "".join(map(line, range(20, 50))) * 9 + line(59) + "torn")
    (tmp_path / "access.log.1").write_text(line(7) + line(19))

    assert AccessScan([tmp_path]).time_range() == (at(7), at(59))


def test_packed_logs_tell_where_they_begin_alone(tmp_path):
    (tmp_path / "access.log").write_text(line(20) + line(40))
    (tmp_path / "access.log.1.gz").write_bytes(gzip.compress((line(7) + line(19)).encode()))

    assert AccessScan([tmp_path]).time_range() == (at(7), None)


def test_logs_without_requests_reach_nowhere(tmp_path):
    (tmp_path / "access.log").write_text("junk\n")
    (tmp_path / "access.log.1").write_text("")

    assert AccessScan([tmp_path]).time_range() == (None, None)
