"""Comma-separated evidence that was cut, written on and put together: every line is accounted for."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as some

from watchme_analysis.evidence.prober import COLUMNS
from watchme_analysis.evidence.probes import read_probes
from watchme_analysis.files.evidence_file import RawFile

HEADER = "timestamp,vantage,path,status,seconds,error\n"
ERRORS = (
    "",
    "timeout",
    "reset, by peer",
    'no "Host", it said',
    "Traceback:\n  File x, line 1\nOSError",
    'two lines\n"',
    "since 2025-12-11T01:10:00Z, 1, 2, 3, 4, 5",
)


def laid(folder, text, name="probes.csv"):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return RawFile(folder, name)


def line_of(at, error, names):
    text = io.StringIO()
    values = {
        "timestamp": f"2025-12-11T01:{at // 60:02d}:{at % 60:02d}.250Z",
        "vantage": "outside",
        "path": "/health",
        "status": "" if error else "200",
        "seconds": f"{at + 0.5:.4f}",
        "error": error,
    }
    csv.writer(text, lineterminator="\n").writerow([values.get(name, "0.25") for name in names])
    return text.getvalue()


def accounted(found):
    return found.rows + len(found.rejected) + found.blank_lines + found.joined_lines


def probes_of(frame):
    return set(zip(frame["time"].map(str), frame["duration_s"], frame["error"].fillna(""), strict=True))


@pytest.mark.slow
def test_a_line_that_is_cut_at_any_byte_is_rejected_alone(tmp_path):
    names = HEADER.strip().split(",")
    first, torn, last = (line_of(at, "", names) for at in range(3))
    # Without its last cell, which may be empty, a line is whole.
    needed = len(torn.rsplit(",", 2)[0])
    for size in range(1, needed + 1):
        frame, found = read_probes(laid(tmp_path, HEADER + first + torn[:size] + "\n" + last))
        assert frame["line"].tolist() == [2, 4], f"cut after {size} characters"
        assert [one.line for one in found.rejected] == [3], f"cut after {size} characters"


@pytest.mark.slow
@given(
    errors=some.lists(some.sampled_from(ERRORS), min_size=2, max_size=12),
    names=some.sampled_from([tuple(HEADER.strip().split(",")), COLUMNS]),
    end=some.sampled_from(["\n", "\r\n"]),
    data=some.data(),
)
def test_a_cut_line_costs_itself_alone(tmp_path_factory, errors, names, end, data):
    folder = tmp_path_factory.mktemp("cut")
    header = ",".join(names) + "\n"
    rows = [line_of(at, error, names) for at, error in enumerate(errors)]
    torn = data.draw(some.integers(0, len(rows) - 1))
    size = data.draw(some.integers(0, len(rows[torn]) - 2))
    cut = [*rows[:torn], rows[torn][:size] + "\n", *rows[torn + 1 :]]
    whole, _ = read_probes(laid(folder, header + "".join(rows[:torn] + rows[torn + 1 :])))

    text = (header + "".join(cut)).replace("\n", end)
    frame, found = read_probes(laid(folder, text))

    first = 2 + sum(row.count("\n") for row in rows[:torn])
    others = frame[frame["line"] != first]
    expected = {(time, s, error.replace("\n", end)) for time, s, error in probes_of(whole)}
    assert probes_of(others) == expected
    assert len(others) == len(whole)
    assert found.lines == text.count("\n") - 1 == accounted(found)
    assert {one.line for one in found.rejected} <= set(range(first, first + cut[torn].count("\n")))


def test_a_quote_that_is_never_closed_swallows_nothing(tmp_path):
    rows = [line_of(at, "", HEADER.strip().split(",")) for at in range(32)]
    rows[6] = rows[6].rstrip("\n") + '"timeout af\n'

    frame, found = read_probes(laid(tmp_path, HEADER + "".join(rows)))

    assert len(frame) == 31
    assert [(one.file, one.line, one.reason) for one in found.rejected] == [
        ("probes.csv", 8, "a quote is not closed")
    ]


def test_files_put_together_are_read_each_by_its_header(tmp_path):
    text = (
        HEADER
        + "1765415400,outside,/,200,0.5,\n\ufeff"
        + HEADER
        + "1765415401,outside,/,200,0.5,\n"
        + "vantage,timestamp,status,seconds,path,error\nhost,1765415402,200,0.75,/,\n"
    )

    frame, found = read_probes(laid(tmp_path, text))

    assert frame["vantage"].tolist() == ["outside", "outside", "host"]
    assert frame["duration_s"].tolist() == [0.5, 0.5, 0.75]
    assert (found.lines, found.rejected) == (3, ())
    assert found.notes == ("2 further headers, the first in line 3: the rows below are read by its columns",)
