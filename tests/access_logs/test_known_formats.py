"""Every known format reads its samples into the columns that stand beside them."""

import json
import time
from contextlib import suppress
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from watchme_analysis.access_logs.engine.engine import ENGINES, Engine
from watchme_analysis.access_logs.formats.known_formats import known_formats, parse_formats, stock_formats
from watchme_analysis.access_logs.formats.program_lines import text_values_by
from watchme_analysis.errors import InputError

FORMATS = {known.name: known for known in known_formats()}
engines = pytest.mark.parametrize("engine", ENGINES[1:])


def sample(name, number=0):
    return FORMATS[name].entry["samples"][number]["line"]


def read(*lines, engine="exact", zone=UTC):
    return Engine(stock_formats(), zone, engine=engine).read("".join(f"{line}\n" for line in lines).encode())


def row_of(line, **options):
    (row,) = read(line, **options).table.to_pylist()
    return row


@engines
@pytest.mark.parametrize("name", FORMATS)
def test_a_format_reads_its_samples(name, engine):
    known = FORMATS[name]
    for sampled in known.entry["samples"]:
        line, columns = sampled["line"], {key: sampled[key] for key in sampled if key != "line"}
        chunk = read(line, engine=engine)
        (row,) = chunk.table.to_pylist()

        assert columns
        assert {column: row[column] for column in columns} == columns
        assert chunk.formats == {"JSON" if known.keys else name: 1}
        assert row["status"] is not None
        assert row["path"] or row["request"]


@engines
@pytest.mark.parametrize("name", [known.name for known in known_formats() if known.line_start])
def test_torn_and_merged_lines_are_rejected(name, engine):
    line = sample(name)
    torn, merged = line[: len(line) // 2], line[: 2 * len(line) // 3] + line
    chunk = read(line, torn, "", merged, line, engine=engine)

    assert chunk.table["line"].to_pylist() == [1, 5]
    assert ([one.line for one in chunk.rejected], chunk.blank) == ([2, 4], 1)


@pytest.mark.parametrize("name", ["HAProxy", "uWSGI"])
def test_times_without_a_zone_are_in_the_stated_zone(name):
    tokyo, utc = (row_of(sample(name), zone=zone)["time"] for zone in (ZoneInfo("Asia/Tokyo"), UTC))

    assert (utc - tokyo).total_seconds() == 9 * 3600


def test_a_json_object_with_wrong_values_is_rejected_with_its_key():
    traefik, caddy = (json.loads(sample(name)) for name in ("Traefik JSON", "Caddy"))
    wrong = (
        {**traefik, "StartUTC": "yesterday"},
        {"level": "info", "msg": "started"},
        {**caddy, "duration": 929675},
    )
    chunk = read(*map(json.dumps, wrong))

    assert [one.reason for one in chunk.rejected[:2]] == [
        "'yesterday' is not a time",
        "no request: no status or no target among its keys level, msg",
    ]
    assert chunk.rejected[2].reason.startswith("duration: ")


@pytest.mark.parametrize("name", [known.name for known in known_formats() if known.shape])
def test_time_is_linear_in_a_hostile_line(name):
    known, line = FORMATS[name], sample(name)
    half = line[: len(line) // 2]
    repeated = (
        *':|[]" a1.-/,',
        "a:",
        "1.1.1.1 ",
        "1.1.1.1:",
        "[x] ",
        "- ",
        '" "',
        "GET / ",
        "a b ",
        line + " ",
    )
    began = time.process_time()
    for size in (8_000, 100_000):
        for text in repeated:
            hostile = text * (size // len(text))
            with suppress(ValueError):
                assert text_values_by(known, hostile, UTC) is None
            with suppress(ValueError):
                text_values_by(known, half + hostile, UTC)

    assert time.process_time() - began < 3


MINE = """
[[format]]
name = "Mine"
source = "https://example.com/docs"
pattern = [
  '(?P<time_text>\\S+ \\S+) (?P<request_method>\\S+) (?P<request_uri>\\S+) ',
  '(?P<status>\\d+) (?P<request_time_ms>\\d+)ms',
]
time_format = "%d.%m.%Y %H:%M:%S"
samples = [{ line = "11.12.2025 01:10:30 GET /health 504 250ms", status = 504 }]
"""


def test_a_file_is_enough_for_a_format():
    (mine,) = parse_formats("mine.toml", MINE)

    assert text_values_by(mine, mine.entry["samples"][0]["line"], UTC) == {
        "msec": "1765415430.000000",
        "request_method": "GET",
        "request_uri": "/health",
        "status": "504",
        "request_time": "0.250000000",
    }


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("pattern =", "patern =", "needs one of log_format, LogFormat, pattern, fields, keys"),
        ('source = "https://example.com/docs"\n', "", "has a missing or unknown key: 'source'"),
        ("(?P<status>", "(?P<status", "has an invalid regular expression"),
        ("[[format]]", "[[formats]]", "is no list of formats"),
    ],
)
def test_a_mistake_in_a_file_is_reported_in_one_sentence(old, new, problem):
    with pytest.raises(InputError, match=problem):
        _ = [mine.pattern for mine in parse_formats("mine.toml", MINE.replace(old, new))]
