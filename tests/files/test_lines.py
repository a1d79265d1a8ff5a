"""Line ends: only a line feed ends a line, so line numbers agree with those of every editor."""

from datetime import UTC

import pytest

from watchme_analysis.access_logs.formats.apache import apache_directives
from watchme_analysis.app_source.start_command import parse_app_processes
from watchme_analysis.evidence.app_log import read_app_log
from watchme_analysis.evidence.compose import read_compose
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.files.lines import container_prefix
from watchme_analysis.nginx_conf.parse import parse_nginx_config

# Characters at which str.splitlines also splits.
SEPARATORS = ("\f", "\v", "\x1c", "\x85", "\u2028", "\u2029")
separators = pytest.mark.parametrize("separator", SEPARATORS, ids=ascii)


@separators
def test_a_compose_file_is_rejected_at_the_line_that_an_editor_shows(tmp_path, separator):
    (tmp_path / "compose.yml").write_text(f"services:\n  api:\n    mem_limit: 1g # a{separator}\n  - x\n")
    frame, account = read_compose(RawFile(tmp_path, "compose.yml"))
    # YAML allows no control characters, so such a line is itself the first that can't be read.
    is_allowed = separator in "\x85\u2028\u2029"
    assert [one.line for one in account.rejected] == [4 if is_allowed else 3]
    assert frame["value"].tolist() == (['"1g"'] if is_allowed else [])


@separators
def test_a_command_keeps_its_line_number(separator):
    frame, _ = parse_app_processes(f"# a{separator}b\nuvicorn main:app --workers 2\n")
    assert frame["line"].tolist() == [2]


@separators
def test_a_statement_of_nginx_is_rejected_with_its_own_line(separator):
    _, rejected = parse_nginx_config(f"# a{separator}b\nevents {{}}\nhttp {{ }} }}\n", "nginx.conf")
    assert [(one.line, one.text) for one in rejected] == [(3, "http { } }")]


def test_a_directive_of_apache_ends_at_a_line_feed():
    assert [arguments for _, arguments in apache_directives('CustomLog "a\u2028b" combined\n')] == [
        ["a\u2028b", "combined"]
    ]


@pytest.mark.parametrize(
    ("prefix", "time"),
    [
        ("api-1  | ", None),
        ("[pod/api-5d9c/app] ", None),
        ("2025-12-11T01:10:30.471000001Z ", "2025-12-11T01:10:30.471000001Z"),
        ("api-1  | 2025-12-11T01:10:30.471000001Z ", "2025-12-11T01:10:30.471000001Z"),
        ("2025-12-11T01:10:30.4Z stdout F ", "2025-12-11T01:10:30.4Z"),
    ],
)
def test_prefixes_of_container_runtimes_are_removed_from_application_logs(tmp_path, prefix, time):
    line = "INFO:     Shutting down"
    assert container_prefix(prefix + line) == (len(prefix), time)
    (tmp_path / "app.log").write_text(f"{prefix}{line}\n")
    frame, _ = read_app_log(RawFile(tmp_path, "app.log", UTC))
    assert frame["message"].tolist() == ["Shutting down"]
    assert frame["time"].notna().tolist() == [time is not None]
