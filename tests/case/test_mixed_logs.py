"""A log with lines of several programs: each goes to its table with its own number, and is counted once."""

import random

import pytest

from watchme_analysis.case.importer import import_folder

ACCESS = '192.0.2.7 - - [04/Mar/2026:14:06:{:02d} +0900] "GET /health HTTP/1.1" 502 157 "-" "curl/8.5.0"'
ERROR = (
    "2026/03/04 14:06:{:02d} [error] 31#31: *8 connect() failed (111: Connection refused) while connecting "
    'to upstream, client: 192.0.2.7, server: example.com, request: "GET /health HTTP/1.1", upstream: '
    '"http://192.0.2.18:8000/health", host: "example.com"'
)
GUNICORN = "[2026-03-04 05:06:{:02d} +0000] [7] [CRITICAL] WORKER TIMEOUT (pid:9)"
UNKNOWN = "=== {:02d} started by hand ==="
TABLES = {"access_log": ACCESS, "error_log": ERROR, "app_log": GUNICORN}


def imported(tmp_path, lines, name="docker.log"):
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / name).write_text("\n".join(lines) + "\n")
    return import_folder(folder, tmp_path / "case").case


@pytest.mark.parametrize("name", ["app.log", "app-gateway.log", "application.log"])
def test_content_decides_over_the_name_of_an_application(tmp_path, name):
    case = imported(tmp_path, [ACCESS.format(second) for second in range(5)], name)
    assert len(case.table("access_log")) == 5


def test_requests_of_gunicorn_stay_in_the_log_of_the_application(tmp_path):
    lines = [GUNICORN.format(0), *(ACCESS.format(second) for second in range(5))]
    case = imported(tmp_path, lines, "app.log")
    assert len(case.table("app_log")) == 6


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("prefix", ["", "web-1  | ", "\x1b[36mweb-1  | \x1b[0m"])
def test_each_line_goes_to_its_table(tmp_path, seed, prefix):
    drawn = random.Random(seed)
    kinds = [*TABLES] * 5
    drawn.shuffle(kinds)
    kinds.insert(0, "access_log")
    lines = [prefix + TABLES[kind].format(second) for second, kind in enumerate(kinds)]
    case = imported(tmp_path, lines)
    for table in TABLES:
        at = sorted(case.table(table)["line"].tolist())
        assert at == [number for number, kind in enumerate(kinds, 1) if kind == table], table


@pytest.mark.parametrize("kinds", [("access_log", "error_log"), ("access_log", "app_log"), tuple(TABLES)])
def test_every_line_is_counted_once(tmp_path, kinds):
    lines = [TABLES[kind].format(second) for second in range(9) for kind in kinds]
    coverage = imported(tmp_path, lines).coverage()
    assert sum(coverage[kind]["rows"] for kind in kinds) == len(lines)
    assert sum(coverage[kind]["rejected"] for kind in kinds) == 0


def test_lines_of_no_program_stay_rejected(tmp_path):
    lines = [ACCESS.format(1), UNKNOWN.format(2), ERROR.format(3), ACCESS.format(4)]
    case = imported(tmp_path, lines)
    assert case.table("rejected_lines")[["line", "text"]].values.tolist() == [[2, UNKNOWN.format(2)]]
    assert (len(case.table("access_log")), len(case.table("error_log"))) == (2, 1)


def test_error_lines_are_in_the_zone_of_their_requests(tmp_path):
    case = imported(tmp_path, [ACCESS.format(1), ERROR.format(1)])
    assert case.table("access_log")["time"][0] == case.table("error_log")["time"][0]


@pytest.mark.parametrize(
    "prefix",
    ["Mar  4 05:06:07 web-1 error.log ", "web-1 /var/log/nginx/error.log: ", "[nginx] stderr > "],
)
def test_error_line_behind_any_prefix_is_read(tmp_path, prefix):
    case = imported(tmp_path, [prefix + ERROR.format(second) for second in range(3)], "error.log")
    assert case.table("error_log")["upstream_addr"].tolist() == ["192.0.2.18:8000"] * 3
