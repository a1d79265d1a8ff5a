"""The language of a diagnosis: the option, else the environment or `watchme.toml`, else English."""

import re

import pytest

JAPANESE = re.compile(r"[ぁ-んァ-ン一-龥]")


def sentences(found):
    """Return every sentence of a diagnosis, with its message."""
    for entry in found["ranking"]:
        yield from ((item["statement"], item.get("message")) for item in entry["evidence"])
        yield from zip(entry["not_covered"], entry["not_covered_messages"], strict=True)
        yield entry["next_test"], entry.get("next_test_message")
        if entry["detail"]:
            yield entry["detail"], entry.get("detail_message")
    yield from zip(found["summary"], found["summary_messages"], strict=True)
    for item in found["missing_evidence"]:
        yield from ((item[name], item.get(f"{name}_message")) for name in ("what", "why"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["health-threadpool", "backlog-dlq"])
def test_each_sentence_of_a_diagnosis_has_a_message_in_the_chosen_language(diagnosed, name):
    japanese, english = (diagnosed(name).to_dict(language) for language in ("ja", "en"))
    reported = list(zip(sentences(english), sentences(japanese), strict=True))
    assert len(reported) > 20
    for (one, message), (other, same) in reported:
        assert message == same, one
        assert message["id"], one
        assert not JAPANESE.search(one), one
        # An error stays in the words of the system that logged it.
        assert JAPANESE.search(other) or message["id"] == "backlog-error-quoted", other
    assert [entry["cause"] for entry in english["ranking"]] == [
        entry["cause"] for entry in japanese["ranking"]
    ]


# Four English words in a row are a phrase; commands, code and paths stand between other characters.
ENGLISH = re.compile(r"(?:\b[a-z]{2,} ){3,}[a-z]{2,}\b")
# Contents of the evidence, and reasons for which its lines are rejected.
AS_RECORDED = re.compile(r"watchme [^\n]*|`[^`]*`|行目: [^\n]*")


def test_what_commands_print_is_japanese(watchme, evidence):
    log = evidence / "access.log"
    folder = evidence.parent
    for words in (
        ("case", "import", "evidence", "case"),
        ("case", "show", "case"),
        ("case", "list"),
        ("case", "list", "evidence"),
        ("case", "verify", "case"),
        ("case", "verify", "evidence"),
        ("case", "export", "case", "copy", "--redact", "ids"),
        ("case", "sql", "case", "select * from probes", "--limit", "1"),
        ("access", log, "--slow", "1ms", "--only", "status=200"),
        ("access", log, "--since", "2h"),
        ("access", "nowhere.log"),
        ("query", "list"),
        ("query", "show", "durations"),
        ("alarms", "list", "case"),
        ("config", "show"),
        ("schedule", "list"),
        ("probe", "ftp://example.com"),
        ("loadtest",),
    ):
        said = watchme(*words, "--language", "ja", cwd=folder)
        text = AS_RECORDED.sub("", said.stdout + said.stderr)
        assert JAPANESE.search(text), words
        assert not ENGLISH.search(text), (words, ENGLISH.search(text))
