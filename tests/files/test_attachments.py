"""Attachments are written where they are collected."""

from watchme_analysis.files.attachments import attach


def test_an_attachment_is_written_only_where_it_is_collected(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WATCHME_TAKE_AWAY", raising=False)
    attach("page.html", "é")
    assert [*tmp_path.iterdir()] == []
    monkeypatch.setenv("WATCHME_TAKE_AWAY", str(tmp_path / "away"))
    attach("page.html", "é")
    attach("other.html", "b")
    assert (tmp_path / "away" / "page.html").read_bytes() == "é".encode()
    assert (tmp_path / "away" / "other.html").read_text() == "b"
