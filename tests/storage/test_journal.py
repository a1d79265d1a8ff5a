"""Journals: an entry is on disk when it counts, and what is no journal is never continued."""

import json
import os
import resource
from datetime import UTC, datetime, timedelta

import pytest
from worlds.messages import messages_in

from watchme_analysis.errors import InputError
from watchme_analysis.storage.journal import DONE, INTENDED, open_journal, read_journal

AT = "2026-01-01T00:00:00+00:00"


def entry(key, event=INTENDED, **further):
    return {"key": key, "event": event, "at": AT, **further}


def line(**values):
    return json.dumps(values) + "\n"


def refusal(caught):
    """Return the message of an error by its id."""
    return messages_in(caught.value.args[0])


def test_entries_are_written_read_and_continued(tmp_path):
    path = tmp_path / "new" / "steps.jsonl"
    before = datetime.now(UTC)
    with open_journal(path) as opened:
        assert (opened.entries, opened.last, opened.event("a")) == ([], {}, None)
        first = opened.write("a", INTENDED, queue="orders")
        assert opened.event("a") == INTENDED
        assert [json.loads(text) for text in path.read_text().splitlines()] == [first]
    at = datetime.fromisoformat(first["at"])
    assert timedelta(0) <= at - before + timedelta(milliseconds=1) < timedelta(seconds=30)
    assert first == {"key": "a", "event": INTENDED, "at": first["at"], "queue": "orders"}
    assert len(first["at"]) == len("2026-01-01T00:00:00.000+00:00")

    with open_journal(path) as opened:
        second = opened.write("a", DONE)
        assert opened.entries == [first, second]
    found = read_journal(path)
    assert (found.path, found.entries, found.last, found.event("a")) == (
        path,
        [first, second],
        {"a": second},
        DONE,
    )


def test_a_journal_has_one_writer_at_a_time(tmp_path):
    path = tmp_path / "steps.jsonl"
    with open_journal(path), pytest.raises(InputError) as caught, open_journal(path):
        pass
    assert refusal(caught) == {"error-journal-in-use": {"path": str(path)}}
    with open_journal(path):
        pass


def test_what_cant_be_opened_or_written_is_an_error_with_its_path(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError) as caught, open_journal(tmp_path / "file" / "steps.jsonl"):
        pass
    assert refusal(caught)["error-journal-unwritable"]["path"] == str(tmp_path / "file" / "steps.jsonl")
    with pytest.raises(InputError) as caught:
        read_journal(tmp_path)
    assert refusal(caught)["error-journal-unreadable"]["path"] == str(tmp_path)

    def full(_):
        raise OSError(28, "No space left on device")

    path = tmp_path / "steps.jsonl"
    with open_journal(path) as opened:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(InputError) as caught:
            opened.write("a", INTENDED)
        # Its step does not begin, so that it is not among the entries either.
        assert (opened.entries, opened.last) == ([], {})
    assert refusal(caught)["error-journal-stops"] == {
        "path": str(path),
        "reason": "reason-full",
    }


def test_the_end_that_a_kill_cut_off_is_ended_and_ignored(tmp_path):
    path = tmp_path / "steps.jsonl"
    whole, cut = line(**entry("a")), line(**entry("b"))[:25]
    path.write_text(whole + cut)
    assert read_journal(path).entries == [entry("a")]
    with open_journal(path) as opened:
        written = opened.write("c", DONE)
    assert path.read_text().splitlines()[:2] == [whole.strip(), cut]
    with open_journal(path) as opened:
        assert opened.entries == [entry("a"), written]
        assert path.read_text().count("\n") == 3, "a whole line needs no end"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("other\n", 1),
        (line(**entry("a")) + "[1]\n", 2),
        (line(**entry("a")) + line(key="b", event=DONE), 2),  # no time
        (line(**entry("a")) + line(key="b", event=DONE, at="2026-01-01T00:00:00"), 2),  # no zone
        (line(**entry("a")) + line(key="b", event=DONE, at="soon"), 2),
        (line(**entry("a")) + line(key=1, event=DONE, at=AT), 2),
        (line(**entry("a")) + line(key="b", event=None, at=AT), 2),
        (line(**entry("a")) + line(event=DONE, at=AT), 2),
        (line(**entry("a")) + "\nabc\n", 3),
        (line(**entry("a")) + "abc", None),  # an end that no entry begins with
    ],
)
def test_a_file_that_is_no_journal_is_refused_with_its_line(text, number, tmp_path):
    path = tmp_path / "steps.jsonl"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_journal(path)
    place = str(path) if number is None else f"{path}:{number}"
    assert refusal(caught) == {"error-journal-foreign": {"place": place}}


def test_entries_after_a_write_that_failed_are_whole(tmp_path):
    """A full disk takes a part of an entry; once there is space, the next ones are read as written."""
    path = tmp_path / "j"
    with open_journal(path) as journal:
        journal.write("a", "intended")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 9, limits[1]))
        try:
            for _ in range(2):
                with pytest.raises(InputError):
                    journal.write("b", "intended")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        journal.write("a", "done")
        written = [(entry["key"], entry["event"]) for entry in journal.entries]
    found = [(entry["key"], entry["event"]) for entry in read_journal(path).entries]
    assert found == written == [("a", "intended"), ("a", "done")]
