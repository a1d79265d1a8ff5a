import gzip
import io
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from watchme_analysis.access_logs.input import find_inputs
from watchme_analysis.access_logs.spark import Part, parts_of, range_pieces


class Trickle(io.BytesIO):
    """A stream that gives a few bytes at a time, as networks do."""

    def read(self, size=-1):
        return super().read(min(size, 5))


@given(
    st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")), max_size=20),
    st.booleans(),
    st.lists(st.integers(1, 200), max_size=6),
    st.sampled_from([io.BytesIO, Trickle]),
)
def test_every_line_is_of_one_range(lines, ended, cuts, kind):
    data = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})

    ranges = list(pairwise(edges))

    parts = [b"".join(range_pieces(kind(data), *one)) for one in ranges]

    assert b"".join(parts) == data
    at = 0
    for part, (start, stop) in zip(parts, ranges, strict=True):
        if part:
            assert start <= at < stop
            assert part.endswith(b"\n") or at + len(part) == len(data)
        at += len(part)


def test_plain_files_are_cut_evenly_and_what_needs_its_beginning_never(tmp_path):
    line = b"x" * 99 + b"\n"
    (tmp_path / "access.log").write_bytes(line * 25)
    (tmp_path / "access.log.1").write_bytes(line)
    (tmp_path / "access.log.2.gz").write_bytes(gzip.compress(bytes(range(256)) * 9, 0))
    (tmp_path / "access.log.3").write_bytes(b"#Fields: date time\n" + line * 25)

    parts = parts_of(find_inputs([str(tmp_path)]), 1000)

    assert parts == [Part(0, 0, 833), Part(0, 833, 1666), Part(0, 1666, 2500), Part(1), Part(2), Part(3)]
