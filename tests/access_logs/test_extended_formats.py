"""Logs whose lines begin as a known format and go on behind it."""

import json
import shlex

import pytest

from watchme_analysis.access_logs.engine.engine import ENGINES
from watchme_analysis.access_logs.scan import read_access_logs

COMMON = '192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /health?x=1 HTTP/1.1" 504 167'
COMBINED = f'{COMMON} "-" "curl/8.5.0"'


def read(tmp_path, lines, engine="exact", **options):
    (tmp_path / "access.log").write_text("".join(f"{line}\n" for line in lines))
    frame, how = read_access_logs([tmp_path / "access.log"], engine=engine, **options)
    (account,) = how.parts
    return frame, account


def further(frame):
    return [json.loads(one) if isinstance(one, str) else None for one in frame["extra"].tolist()]


def formats_of(account):
    return [note for note in account.notes if "log_format" in note]


def suggested(account):
    (note,) = formats_of(account)
    return shlex.split(note[note.rindex("'$") :])[0]


@pytest.mark.parametrize("engine", ENGINES[1:])
@pytest.mark.parametrize("line", [COMMON, COMBINED])
@pytest.mark.parametrize("blanks", [" ", "  ", "\t"])
def test_blanks_at_the_end_of_every_line_belong_to_the_format(tmp_path, engine, line, blanks):
    frame, account = read(tmp_path, [line + blanks] * 20, engine)

    assert (len(frame), account.rejected_lines) == (20, 0)
    assert set(frame["status"]) == {504} and set(frame["path"]) == {"/health"}
    assert formats_of(account) == [f"log_format {'common' if line == COMMON else 'combined'}"]


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_fields_with_known_labels_fill_their_columns(tmp_path, engine):
    rest = 'rt=0.250 uct="0.001" uht=0.100 urt="0.125, 0.125" ua="192.0.2.20:8000, 192.0.2.21:8000" tier=gold'
    frame, account = read(tmp_path, [f"{COMBINED} {rest}"] * 20, engine)

    first = frame.iloc[0]
    assert not account.rejected
    assert first["request_time_s"] == 0.25
    assert (first["upstream_connect_time_s"], first["upstream_response_time_s"]) == (0.001, 0.25)
    assert further(frame)[0]["tier"] == "gold"


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_fields_without_a_label_are_kept_and_the_format_that_types_them_is_named(tmp_path, engine):
    lines = [f'{COMBINED} 0.{at:03} 192.0.2.20:8000 200 0.{at:03} HIT "gzip, br" [{at}]' for at in range(20)]
    frame, account = read(tmp_path, lines, engine)

    assert frame["request_time_s"].isna().all()
    assert further(frame)[7] == {
        "field_1": "0.007",
        "field_2": "192.0.2.20:8000",
        "field_3": "200",
        "field_4": "0.007",
        "field_5": "HIT",
        "field_6": "gzip, br",
        "field_7": "7",
    }
    typed, _ = read(tmp_path, lines, engine, log_format=suggested(account))
    row = typed.iloc[7]
    assert (row["request_time_s"], row["upstream_response_time_s"]) == (0.007, 0.007)
    assert (row["upstream_addr"], row["upstream_status"]) == ("192.0.2.20:8000", 200)
    assert row["cache_status"] == "HIT"


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_lines_with_other_fields_are_read_with_their_rest_as_a_whole(tmp_path, engine):
    lines = [f"{COMBINED} 0.001 a"] * 20 + [f"{COMBINED} 0.001 a b c"] * 2 + [COMBINED] * 20
    frame, account = read(tmp_path, lines, engine)

    assert (len(frame), account.rejected_lines) == (42, 0)
    found = further(frame)
    assert found[0] == {"field_1": "0.001", "field_2": "a"}
    assert found[20] == {"further_fields": "0.001 a b c"}
    assert found[30] is None


@pytest.mark.parametrize("engine", ENGINES[1:])
@pytest.mark.parametrize(
    "torn",
    [
        f'{COMBINED} "192.0.',
        f"{COMBINED} {COMBINED}",
        f'{COMBINED} "{COMBINED}"',
    ],
)
def test_a_few_damaged_lines_of_a_longer_format_stay_rejected(tmp_path, engine, torn):
    frame, account = read(tmp_path, [*[f'{COMBINED} "192.0.2.8"'] * 60, torn, torn], engine)

    assert (len(frame), account.rejected_lines) == (60, 2)


@pytest.mark.slow
def test_every_line_of_a_known_beginning_is_read_whatever_follows(tmp_path):
    rests = ['"', "\\", "é", "[", 'a="', "=" * 50, "x" * 5000, "| |", "a=b " * 100, "\t-\t-"]
    for rest in rests:
        frame, account = read(tmp_path, [f"{COMBINED} {rest}"] * 8)

        assert (len(frame), account.rejected_lines) == (8, 0), rest


def test_of_a_cut_last_line_the_known_part_is_read(tmp_path):
    (tmp_path / "access.log").write_text(f"{COMBINED} 0.25\n" * 9 + f"{COMBINED} 0.2")
    frame, account = read_access_logs([tmp_path / "access.log"])

    assert (len(frame), account.rejected_lines) == (10, 0)
    assert frame["extra"].notna().tolist() == [True] * 9 + [False]
