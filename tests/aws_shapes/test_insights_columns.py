import json

import pandas as pd
import pytest

from watchme_analysis.aws_shapes import insights_results
from watchme_analysis.aws_shapes.insights_columns import result_columns
from watchme_analysis.aws_shapes.insights_results import query_result_parts
from watchme_analysis.files.evidence_file import RawFile

REQUEST = "2a57dc6f-8079-4fb3-9f1d-08298c4d938b"
MESSAGES = (
    f"START RequestId: {REQUEST} Version: $LATEST\n",
    f"[ERROR] KeyError: 'a'\t{REQUEST}\t音声 \U0001f4e5\r\n",
    f"REPORT RequestId: {REQUEST}\tDuration: 1.5 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB"
    "\tMax Memory Used: 70 MB\tInit Duration: 9 ms\t\n",
    '{"level": "ERROR", "message": "x", "requestId": "r"}',
    "",
    "a \u2028 line\nof two\n\n",
)


def cells(**values):
    return [{"field": name, "value": value} for name, value in values.items()]


def rows():
    """Return rows as Insights writes them: some lack a field, one repeats a field, one has a null."""
    times = ("2025-12-11 01:00:00.120", "2025-13-11 01:00:00.120", "1765411200123", "", None)
    found = []
    for number, message in enumerate(MESSAGES * 2):
        row = {"@timestamp": times[number % 4], "@message": message, "@ptr": f"p{number}"}
        if number % 2:
            row["@requestId"] = REQUEST
        if number % 3:
            row |= {"@log": f"123456789012:/aws/lambda/f{number % 2}", "@logStream": "s"}
        found.append(cells(**row))
    return [*found, found[0] + cells(**{"@ptr": "last"}), cells(**{"@message": None, "@ptr": "n"}), []]


def parts(tmp_path, text):
    (tmp_path / "logs").mkdir(exist_ok=True)
    (tmp_path / "logs" / "errors.json").write_bytes(text.encode() if isinstance(text, str) else text)
    return list(query_result_parts(RawFile(tmp_path, "logs/errors.json")))


@pytest.mark.parametrize("indent", [None, 1])
def test_columns_are_those_that_the_general_reader_finds(tmp_path, monkeypatch, indent):
    answer = {
        "queryLanguage": "CWLI",
        "results": rows(),
        "statistics": {"recordsMatched": 17, "recordsScanned": 50.0, "bytesScanned": 1e9, "more": [1]},
        "status": "Complete",
        "nextToken": "t",
    }
    text = json.dumps(answer, indent=indent, ensure_ascii=indent is None)
    assert result_columns(text.encode()).rows == len(rows())
    quick = parts(tmp_path, text)
    monkeypatch.setattr(insights_results, "result_columns", lambda data: None)

    general = parts(tmp_path, text)

    for one, other in zip(quick, general, strict=True):
        pd.testing.assert_frame_equal(one.frame, other.frame)
        assert one.retrieval == other.retrieval
    assert quick[0].frame["kind"].nunique() == 4


ROW = '[{"field": "@message", "value": "m"}]'


OTHER_SHAPES = (
    f'[{{"results": [{ROW}]}}]',
    f'{{"results": [{ROW}]}} {{"results": []}}',
    f'{{"results": [{ROW}, null]}}',
    '{"results": [[{"value": "m"}]]}',
    '{"results": [[{"field": "@message", "value": 5}]]}',
    '{"results": [[{"field": "@message", "value": "\\ud83d"}]]}',
    '{"results": [[{"field": "@message", "value": "a\tb"}]]}',
    b'{"results": [[{"field": "@message", "value": "\xff"}]]}',
    f'{{"results": [{ROW}',
    f'{{"results": [{ROW}]}} more',
    '{"status": "Complete"}',
    "",
)


def test_another_shape_is_left_to_the_general_reader(subtests):
    for text in OTHER_SHAPES:
        with subtests.test(text=text):
            assert result_columns(text if isinstance(text, bytes) else text.encode()) is None
