"""Line ends: only a line feed ends a line, so line numbers agree with those of every editor."""

from datetime import UTC

import pytest

from watchme_analysis.evidence.app_log import read_app_log
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.files.lines import container_prefix
from watchme_analysis.nginx_conf.parse import parse_nginx_config

# Characters at which str.splitlines also splits.
SEPARATORS = ("\f", "\v", "\x1c", "\x85", "\u2028", "\u2029")
separators = pytest.mark.parametrize("separator", SEPARATORS, ids=ascii)


@separators
def test_a_statement_of_nginx_is_rejected_with_its_own_line(separator):
    _, rejected = parse_nginx_config(f"# a{separator}b\nevents {{}}\nhttp {{ }} }}\n", "nginx.conf")
    assert [(one.line, one.text) for one in rejected] == [(3, "http { } }")]


@pytest.mark.parametrize(
    ("prefix", "time", "service"),
    [
        ("api-1  | ", None, "api"),
        ("\x1b[36mapi-1  | \x1b[0m", None, "api"),
        ("web.1.x5kf@node-1    | ", None, "web"),
        ("[pod/api-5d9c/app] ", None, None),
        ("2025-12-11T01:10:30.471000001Z ", "2025-12-11T01:10:30.471000001Z", None),
        ("api-1  | 2025-12-11T01:10:30.471000001Z ", "2025-12-11T01:10:30.471000001Z", "api"),
        ("2025-12-11T01:10:30.4Z stdout F ", "2025-12-11T01:10:30.4Z", None),
    ],
)
def test_prefixes_of_container_runtimes_are_removed_from_application_logs(tmp_path, prefix, time, service):
    line = "INFO:     Shutting down"
    assert container_prefix(prefix + line)[:3] == (len(prefix), time, service)
    (tmp_path / "app.log").write_text(f"{prefix}{line}\n")
    frame, _ = read_app_log(RawFile(tmp_path, "app.log", UTC))
    assert frame["message"].tolist() == ["Shutting down"]
    assert frame["time"].notna().tolist() == [time is not None]
    assert frame["service"].tolist() == [service or ""]
