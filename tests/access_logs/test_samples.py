import pytest
from worlds.together import together

from watchme_analysis.case.reader_registry import sources
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.schema import TABLES

SAMPLES = [
    pytest.param(source, text, rows, id=f"{source.name}-{number}")
    for source in sources()
    for number, (text, rows) in enumerate(source.samples)
]


@pytest.mark.parametrize(("source", "text", "rows"), SAMPLES)
def test_a_source_reads_its_own_samples(tmp_path, source, text, rows):
    # A source without a name of its own goes by content; a sample may be of any of its kinds of files.
    names = [pattern.replace("*", "x", 1).replace("*", "") for pattern in source.patterns or ("anything",)]
    read = []
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        raw = RawFile(tmp_path, name)
        if (source.knows_name(raw) or source.by_content) and source.looks_like(raw):
            read.append(list(source.read(raw)))
    counts = [[len(piece.frame) for piece in pieces] for pieces in read]
    # A sample states the rows of the source's own table, or of all its tables together.
    assert any(rows in {sum(each), *each[:1]} for each in counts)
    for piece in (piece for pieces in read for piece in pieces if rows == 0 or len(piece.frame)):
        assert piece.retrieval.rows == len(piece.frame)
        assert piece.table in source.tables
        assert list(piece.frame.columns) == TABLES[piece.table].names
        assert not piece.retrieval.rejected


@together("source", sources(), ids=lambda source: source.name)
def test_a_source_fills_tables_that_the_glossary_knows(source):
    assert source.tables
    assert set(source.tables) <= set(TABLES)
