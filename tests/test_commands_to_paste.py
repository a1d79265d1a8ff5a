"""Commands that a diagnosis advises name what the case holds, or are beside the command that shows it."""

import json
import re
import shlex
from pathlib import Path

import pytest

from watchme_analysis.backlog.chain import backlog_causes
from watchme_analysis.backlog.context import BacklogContext
from watchme_analysis.backlog.summary import filled_in
from watchme_analysis.text.command_words import held_words
from watchme_analysis.text.render import render

PROJECT = Path(__file__).resolve().parent.parent
# Words in place of names that the bundled cases hold.
HELD = {
    "CASE", "NEW_CASE", "FUNCTION", "QUEUE", "UUID", "PID", "CONTAINER", "SERVICE", "FOLDER", "START", "END",
    "ORIGIN_IP", "HOST",
}  # fmt: skip


def texts_of(found):
    """Return the texts of a diagnosis that hold commands."""
    return [*sentences_of(found), *(missing["how"] for missing in found["missing_evidence"])]


def sentences_of(found):
    nexts = [entry["next_test"] or "" for entry in found["ranking"]]
    # A step may name a word whose command is the step before.
    return [*found["summary"], *nexts, " ".join(step["text"] for step in found["now"])]


def commands_of(found):
    """Yield each command of a diagnosis: those in its sentences, and those that collect more."""
    for sentence in sentences_of(found):
        yield from re.findall(r"`([a-z][a-z-]+ [^`]+)`", sentence)
    for missing in found["missing_evidence"]:
        yield from (line for line in missing["how"].splitlines() if not line.lstrip().startswith("#"))


def words_in_capitals(command):
    return {word for word in re.findall(r"[A-Z_]{3,}", command) if word.removeprefix("URL_OF_") in HELD}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("backlog-49", "en"),
        ("backlog-dlq", "ja"),
        ("backlog-healthy", "en"),
        ("health-healthy", "ja"),
        ("health-threadpool", "en"),
        ("orders-failing", "ja"),
    ],
)
def test_commands_name_what_the_case_holds(watchme, name, language):
    printed = watchme("diagnose", f"data/{name}", "--language", language, "--json", cwd=PROJECT)
    found = [one for one in json.loads(printed.stdout).values() if one is not None]
    commands = [command for one in found for command in commands_of(one)]
    assert len(commands) > 3
    if name == "health-healthy":
        # Without an incident, it is unknown which of the two services would be restarted.
        assert any("CONTAINER" in sentence for one in found for sentence in texts_of(one))
        commands = [command for command in commands if not re.search("CONTAINER|SERVICE|docker", command)]
    assert {command: words for command in commands if (words := words_in_capitals(command))} == {}
    redrives = [command for command in commands if command.startswith("watchme redrive")]
    assert all(shlex.split(command)[2] == f"data/{name}" for command in redrives)
    assert bool(redrives) == (name in {"backlog-dlq", "orders-failing"})


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_sentence_with_an_unknown_name_states_the_command_that_shows_it(language):
    unknown = BacklogContext((), (), ())
    shown_by = {
        "FUNCTION": "list-functions", "QUEUE": "list-queues", "UUID": "list-event-source-mappings",
        "SECONDS": "list-functions",
    }  # fmt: skip
    seen = set()
    for cause in backlog_causes():
        for text in (cause.next_test, cause.remedy.text):
            said = render(filled_in(text, unknown, None), language)
            held = {word for word in shown_by if re.search(rf"\b{word}\b", said)}
            assert [word for word in held if shown_by[word] not in said] == [], said
            seen |= held
    assert seen == set(shown_by)


PROBES = "".join(
    f"2026-03-02T04:{minute:02}:00Z,outside,/health,{status},{seconds}\n"
    for minute, (status, seconds) in enumerate([(200, 0.1)] * 20 + [(504, 30.0)] * 20 + [(200, 0.1)] * 20)
)


@pytest.fixture
def sparse(tmp_path):
    """Evidence that names next to nothing: probes from outside."""
    folder = tmp_path / "raw evidence"
    folder.mkdir()
    (folder / "probes.csv").write_text(f"timestamp,vantage,path,status,duration_s\n{PROBES}")
    return folder


@pytest.mark.parametrize("language", ["en", "ja"])
def test_an_unknown_value_is_explained_beside_its_word(watchme, sparse, tmp_path, language):
    assert watchme("case", "import", sparse, tmp_path / "case").returncode == 0
    printed = watchme("diagnose", "health", tmp_path / "case", "--language", language, "--json")
    texts, seen = texts_of(json.loads(printed.stdout)), set()
    for text in texts:
        for word in held_words(text):
            seen.add(word)
            explained = (f"Find {word} ", f"{word} is ") if language == "en" else (f"{word} は", f"{word} を")
            assert any(said in text for said in explained), (word, text)
    assert seen >= {"FOLDER", "CONTAINER", "HOST", "ORIGIN_IP", "TOKEN", "ZONE", "URL"}
    assert not seen & {"START", "END"}, "the time of the incident is known"


def test_raw_evidence_is_collected_into_the_folder_that_was_named(watchme, sparse):
    found = json.loads(watchme("diagnose", "health", sparse, "--json").stdout)
    collected = [missing["how"] for missing in found["missing_evidence"]]
    assert not any("FOLDER" in how for how in collected)
    target = shlex.quote(f"{sparse}") + "/nginx.conf"
    assert any(f"nginx -T > {target}" == how for how in collected)


def test_host_and_origin_are_those_of_the_configuration(watchme, sparse):
    (sparse / "edge.conf").write_text(
        "http { server { listen 443 ssl; server_name _ api.example.com; "
        "location / { proxy_pass https://192.0.2.44:443; } } }"
    )
    found = json.loads(watchme("diagnose", "health", sparse, "--json").stdout)
    text = "\n".join(texts_of(found))
    assert "--resolve api.example.com:443:192.0.2.44 https://api.example.com/health" in text
    assert not {"HOST", "ORIGIN_IP"} & set(held_words(text))
