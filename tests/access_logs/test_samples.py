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
    # A source without a name of its own goes by content.
    name = (source.patterns or ("anything",))[0].replace("*", "x", 1).replace("*", "")
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    raw = RawFile(tmp_path, name)
    assert source.knows_name(raw) or source.by_content
    assert source.looks_like(raw)
    pieces = list(source.read(raw))
    counts = [len(piece.frame) for piece in pieces]
    # A sample states the rows of the source's own table, or of all its tables together.
    assert rows in {sum(counts), *counts[:1]}
    for piece in pieces:
        assert piece.retrieval.rows == len(piece.frame)
        assert piece.table in source.tables
        assert list(piece.frame.columns) == TABLES[piece.table].names
        assert not piece.retrieval.rejected


@together("source", sources(), ids=lambda source: source.name)
def test_a_source_fills_tables_that_the_glossary_knows(source):
    assert source.tables
    assert set(source.tables) <= set(TABLES)
