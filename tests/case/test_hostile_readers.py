"""Every reader on one hostile row among good ones: it costs itself at most, and what is lost is reported.

The rows are those of :mod:`worlds.hostile_rows`. WATCHME_FUZZ_SECONDS draws more of them, from the seed
WATCHME_FUZZ_SEED.
"""

import codecs
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds.drawn import drawn
from worlds.hostile_rows import SHAPES, hostile_piece, hostile_value

from watchme_analysis.case.importer import import_folder, read_file, recognise
from watchme_analysis.case.reader_registry import sources
from watchme_analysis.errors import WatchmeError
from watchme_analysis.files.evidence_file import RawFile

BY_NAME = {source.name: source for source in sources()}
GOOD = 5


class Reading:
    """What a reader makes of a file: values in the shape's column, reports, and all text that it kept."""

    def __init__(self, folder, shape, data):
        path = folder / shape.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        raw = RawFile(folder, shape.file)
        self.source, self.reason = recognise(raw, None)
        self.values, self.reports, self.kept, self.rows = set(), [], "", 0
        if self.source is None:
            self.reports = [self.reason]
            return
        for part in read_file(self.source, raw):
            found = part.retrieval
            self.reports += [*(one.reason for one in found.rejected), *found.notes, *raw.remarks]
            self.kept += part.frame.astype("string").to_csv() + "".join(one.text for one in found.rejected)
            if part.table == shape.table:
                column = part.frame[shape.column].dropna()
                # Lines that belong to no record are joined to the one before.
                self.values |= {one.split("\n")[0] if isinstance(one, str) else one for one in column}
                self.rows += len(part.frame)


def test_every_reader_has_a_shape():
    assert {shape.source for shape in SHAPES} == set(BY_NAME)


def labelled(shape):
    return f"{shape.source}-{shape.file}"


@pytest.mark.fuzz
@pytest.mark.parametrize("shape", SHAPES, ids=labelled)
def test_a_hostile_row_costs_itself_at_most_and_is_reported(shape, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    good = [shape.piece(shape.good(at)) for at in range(GOOD)]
    wanted = {shape.known(at) for at in range(GOOD)}
    usual = Reading(folder, shape, shape.document(good))
    assert usual.source is BY_NAME[shape.source]
    assert wanted <= usual.values

    @drawn(least=6, per_s=0.8)  # all tests of this module together take about so many seconds
    @given(st.randoms(), st.sampled_from([0, 2, GOOD]))
    def check(chance, at):
        piece = hostile_piece(chance, shape)
        found = Reading(folder, shape, shape.document([*good[:at], piece, *good[at:]]))
        lost = wanted - found.values
        if shape.is_one_text:
            # What is open at its end takes in what follows, which is then a part of it.
            assert found.reports or all(_words(one) in found.kept for one in lost)
        else:
            assert found.source is BY_NAME[shape.source], found.reason
            assert not lost or _is_continued(piece)
        # A byte order mark alone is a blank line.
        said = piece.removeprefix(codecs.BOM_UTF8).strip()
        if shape.is_json and not shape.keyed and said and not said.startswith((b"{", b"[")):
            assert found.reports or found.rows > usual.rows

    check()


def _words(value):
    return str(value).strip('"[]').split('", "')[-1]


def _is_continued(piece):
    """Return whether the shell joins the next line to a line: a backslash or a quote is open at its end."""
    return piece.endswith(b"\\") or piece.count(b'"') % 2 == 1


VALUES_ANYWHERE = [shape for shape in SHAPES if shape.is_json and shape.between != b"\n"]


@pytest.mark.fuzz
@pytest.mark.parametrize("shape", VALUES_ANYWHERE, ids=labelled)
def test_any_value_in_the_place_of_a_document_is_read_or_reported(shape, tmp_path_factory):
    folder = tmp_path_factory.mktemp("values")

    @drawn(least=6, per_s=0.8)
    @given(st.randoms())
    def check(chance):
        piece = shape.piece(hostile_value(chance, shape))
        data = bytearray(shape.document([piece] * chance.choice([1, 2])))
        for _ in range(chance.choice([0, 1])):
            at = chance.randrange(len(data))
            del data[at : at + chance.choice([1, 5, len(data)])]
        try:
            Reading(folder, shape, bytes(data))
        except WatchmeError as error:
            assert "\n" not in str(error)

    check()


NOISE = [
    b"", b"\0" * 5000, b"\xff\xfe\0a", b"\x1f\x8b\x08\0damaged", b"BZh9", b"(\xb5/\xfd", b"\xfd7zXZ\0",
    b"PAR1", b"PK\x03\x04", b"{" * 50_000, b"[" * 50_000, b"(" * 50_000, b'"' * 50_001, b"a,b\n" * 1000,
    b"\r" * 1000, b"\xef\xbb\xbf", "\u2028".encode() * 100, b"x" * 100_000, b'{"a":' * 40_000,
    random.Random(1).randbytes(5000),
]  # fmt: skip


@pytest.mark.slow
def test_a_hostile_file_costs_no_other(tmp_path):
    """Each name holds each noise once, in as many folders as there are noises."""
    evidence = tmp_path / "evidence"
    for number, noise in enumerate(NOISE):
        for at, shape in enumerate(SHAPES):
            if (at + number) % len(NOISE) % 7 == 0:
                path = evidence / str(number) / shape.file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(noise)
    (evidence / "case.toml").write_text("")
    (evidence / "access.log").write_bytes(SHAPES[1].document([SHAPES[1].piece(SHAPES[1].good(1))]))
    case = import_folder(evidence, tmp_path / "case").case
    assert "/g1" in set(case.table("access_log")["path"])
    files = [path for path in evidence.rglob("*") if path.is_file()]
    assert len(case.manifest["inputs"]) == len(files)
