"""Text in Japanese encodings is converted and noted; any other is noted, and nothing changes in silence."""

import pytest
from worlds.messages import messages_in

from watchme_analysis.case.importer import import_folder
from watchme_analysis.files.encodings import as_utf8
from watchme_analysis.text.message import message_of

JAPANESE = "接続に失敗しました: データベースが応答しません"
LINES = [
    f"2025-12-11 10:10:30,123 ERROR app {JAPANESE}",
    "2025-12-11 10:10:31,000 INFO app done",
    "2025-12-11 10:10:32,000 WARNING app タイムアウト（3 秒）、再試行します",
    "2025-12-11 10:10:33,000 ERROR app 処理能力ソ表示不可",  # a second byte is a backslash in Shift-JIS
]
TEXT = "\n".join(LINES) + "\n"
NAMES = {
    "cp932": "Shift-JIS (CP932)",
    "shift_jis": "Shift-JIS (CP932)",
    "euc_jp": "EUC-JP",
    "iso2022_jp": "ISO-2022-JP",
}


def said(remark):
    return messages_in(message_of(remark)) if remark else {}


@pytest.mark.parametrize("encoding", NAMES)
def test_a_japanese_log_is_read_as_its_utf8_copy(tmp_path, encoding):
    found = {}
    for name in ("utf-8", encoding):
        path = tmp_path / name / "app.log"
        path.parent.mkdir()
        path.write_bytes(TEXT.encode(name))
        case = import_folder(path.parent, tmp_path / f"case-{name}", zone_name="Asia/Tokyo").case
        entry = case.manifest["tables"]["app_log"]
        found[name] = case.table("app_log")[["time", "level", "message"]].to_dict("records"), entry["notes"]
    rows, notes = found[encoding]
    assert rows == found["utf-8"][0]
    assert any(JAPANESE in row["message"] for row in rows)
    assert found["utf-8"][1] == []
    assert len(notes) == 1
    assert NAMES[encoding] in notes[0]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        (
            "latin-1",
            "Übertragung fehlgeschlagen: Gerät für Prüfung nicht verfügbar\néchoué à la première étape\n",
        ),
        ("cp1252", "can’t read “orders”\ndon’t retry – it’s gone\n"),
        ("euc_kr", "연결에 실패했습니다: 데이터베이스가 응답하지 않습니다\n"),
        ("gb18030", "连接失败：数据库没有响应，请稍后重试\n"),
        ("koi8_r", "Соединение не установлено: база данных не отвечает\n"),
    ],
)
def test_any_other_encoding_is_noted_and_kept(encoding, text):
    data = text.encode(encoding)
    kept, remark = as_utf8(data)
    assert kept == data
    assert said(remark)["note-encoding-unknown"]["lines"] == text.count("\n")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"plain\n",
        TEXT.encode(),
        (TEXT * 3).encode() + TEXT.encode()[: len(TEXT.encode()) - 3],
        b"\x1b[31mERROR\x1b[0m red\n",
        b"PAR1\0\x93\xfa\x96\x7b",
    ],
)
def test_utf8_damaged_lines_and_binary_data_stay(data):
    assert as_utf8(data) == (data, "")
