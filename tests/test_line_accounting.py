"""Every line is accounted for, also where Python removes assertions."""

import subprocess
import sys

import pytest

from watchme_analysis.errors import AccountingError
from watchme_analysis.files.line_accounting import LineAccounting
from watchme_analysis.retrieval import check_lines

# Both readers lose their second line.
LOSE_A_LINE = """
import sys
from pathlib import Path
from watchme_analysis.errors import AccountingError

folder = Path(sys.argv[1])


def refused(read):
    try:
        read()
    except AccountingError as error:
        print(error)
    else:
        print("no error")


def access_log():
    from watchme_analysis import read_access_logs
    from watchme_analysis.access_logs.engine.engine import Engine

    whole = Engine.read
    Engine.read = lambda *given: (chunk := whole(*given))._replace(table=chunk.table.slice(0, 1))
    read_access_logs([folder / "access.log"])


def error_log():
    from watchme_analysis.files.line_accounting import TextAccounting
    from watchme_analysis.files.evidence_file import RawFile

    account = TextAccounting(RawFile(folder, "error.log"), "nginx_error", "error_log")
    account.lines, account.row_count = 2, 1
    account.retrieval()


refused(access_log)
refused(error_log)
"""
LINE = b'192.0.2.1 - - [01/Jan/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "curl"\n'


@pytest.mark.slow
def test_a_reader_that_loses_a_line_is_refused(tmp_path):
    (tmp_path / "access.log").write_bytes(2 * LINE)
    (tmp_path / "error.log").write_bytes(b"a\nb\n")
    command = [sys.executable, "-O", "-c", LOSE_A_LINE, str(tmp_path)]

    ran = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    reported = ran.stdout.splitlines()
    assert ["access.log: 1 of 2 lines" in reported[0], "error.log: 1 of 2 lines" in reported[1]] == [
        True,
        True,
    ], reported
    assert all("report it" in sentence for sentence in reported)


def test_lines_that_are_counted_twice_are_an_error_too():
    check_lines("access.log", 3, 3)
    with pytest.raises(AccountingError, match=r"access\.log: 2 of 3 lines .*2 counted twice"):
        check_lines("access.log", 3, 5)


def test_only_a_log_with_rejections_that_are_not_kept_is_cut_off():
    account = LineAccounting("error.log", "nginx_error", kept_rejected=1)
    for line, is_cut_off in ((1, False), (2, True)):
        account.lines = line
        account.reject(line, "no time")
        assert account.rejected_lines == line
        assert account.retrieval().truncated is is_cut_off
