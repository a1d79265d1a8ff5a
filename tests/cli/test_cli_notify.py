"""The command ``watchme notify``: a sample for each destination, and what became of it."""

import json

import pytest
from worlds.receivers import Webhook
from worlds.settings_file import write_settings

DESTINATIONS = """
[destinations.chat]
type = "slack"
webhook = "env:CHAT"
language = "ja"
[destinations.site]
type = "files"
folder = "site"
[destinations.notes]
type = "markdown"
folder = "notes"
[destinations.desk]
type = "apprise"
url = "env:DESK"
"""


@pytest.fixture
def chat(monkeypatch):
    server = Webhook()
    monkeypatch.setenv("CHAT", server.url)
    monkeypatch.setenv("DESK", "json://127.0.0.1:1/desk-secret")  # a port on which nothing listens
    yield server
    server.close()


def test_each_destination_receives_a_sample_once_and_its_outcome_is_told(watchme, tmp_path, chat):
    write_settings(tmp_path, DESTINATIONS)
    done = watchme("notify", "test", "--json", cwd=tmp_path)
    found = {row["destination"]: row for row in json.loads(done.stdout)}
    assert [row["status"] for row in found.values()] == ["confirmed"] * 3 + ["failed"]
    assert done.returncode == 1 and "desk-secret" not in done.stdout and found["desk"]["detail"]
    assert len(chat.posted) == 1 and "テスト送信" in json.loads(chat.posted[0][1])["text"]
    for place in ("site", "notes"):
        (file,) = (tmp_path / place).iterdir()  # no report and no index
        assert found[place]["detail"] == str(file) and "no incident" in file.read_text()


def test_named_destinations_alone_receive_a_sample(watchme, tmp_path, chat):
    write_settings(tmp_path, DESTINATIONS)
    done = watchme("notify", "test", "site", cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.endswith("1 of 1 destination confirmed the sample.\n")
    assert chat.posted == []
    done = watchme("notify", "test", "sit", cwd=tmp_path)
    assert done.returncode == 2 and "Did you mean `site`?" in done.stderr
    chat.answers = ["reset"]
    done = watchme("notify", "test", "chat", cwd=tmp_path)
    assert done.returncode == 1 and done.stdout.startswith("chat: uncertain")
    write_settings(tmp_path, "")
    assert watchme("notify", "test", cwd=tmp_path).returncode == 2
