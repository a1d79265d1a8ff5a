"""Errors, notes and labels as texts: which message each carries, and how each language shows it."""

import errno
import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from worlds.together import together

from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.text.message import (
    Count,
    MessageText,
    Quotation,
    Resource,
    Sentences,
    TimeSpan,
    Translated,
    in_both_languages,
    message,
    values_of,
)
from watchme_analysis.text.printable import JSON_ESCAPES, printable
from watchme_analysis.text.render import (
    as_message,
    error_message,
    error_sentence,
    in_language,
    in_words,
    masked_text,
    message_of_error,
    note,
    parse_language,
    render,
)
from watchme_analysis.text.shell_quoting import shell_option, shell_path, shell_word

TOKYO = ZoneInfo("Asia/Tokyo")


@together(
    ("number", "reason"),
    [
        (errno.ENOENT, "missing"), (errno.EACCES, "denied"), (errno.EPERM, "denied"),
        (errno.EISDIR, "folder"),
        (errno.ENOTDIR, "no-folder"), (errno.EEXIST, "exists"), (errno.ENOSPC, "full"),
        (errno.EROFS, "read-only"), (errno.ENAMETOOLONG, "long-name"), (errno.ELOOP, "loop"),
        (errno.ECONNREFUSED, "refused"), (errno.ETIMEDOUT, "timeout"), (errno.EHOSTUNREACH, "unreachable"),
        (errno.EADDRINUSE, "port-in-use"),
    ],
)  # fmt: skip
def test_reasons_of_the_operating_system_are_messages(number, reason):
    assert message_of_error(OSError(number, "x")) == message(f"reason-{reason}")


def test_other_errors_have_a_message_or_their_text():
    said = message("balance-open")
    assert message_of_error(InputError(note("balance-open"))) == said
    assert message_of_error(InputError(error_message("balance-open"))) == error_message("balance-open")
    assert message_of_error(InputError("It  is\nwrong.")) == "It is wrong."
    assert message_of_error(RecursionError()) == message("reason-nested")
    with pytest.raises(UnicodeDecodeError) as odd:
        b"ab\xff".decode("utf-8")
    assert message_of_error(odd.value) == message("reason-encoding", encoding=Resource("UTF-8"), at=2)
    with pytest.raises(json.JSONDecodeError) as broken:
        json.loads("{\n x")
    place = {"line": Resource("2"), "column": Resource("2")}
    assert message_of_error(broken.value) == message(
        "reason-json", problem=Resource(broken.value.msg), **place
    )
    assert message_of_error(OSError(errno.EIO, "Input/output error")) == "Input/output error"
    assert message_of_error(ValueError("no\nnumber.")) == "no number"
    assert message_of_error(ValueError("a", "b")) == "('a', 'b')"


def test_values_of_an_error_are_one_line_or_the_message_that_they_carry():
    found = error_message(
        "x", text="two\n  lines", path=3, reason=OSError(errno.ENOENT, "x"), note=note("balance-open"),
        kept=Count(3),
    )  # fmt: skip
    assert dict(found.values) == {
        "text": Resource("two lines"), "path": Resource("3"), "reason": message("reason-missing"),
        "note": message("balance-open"), "kept": Count(3),
    }  # fmt: skip
    shown = error_message("error-as-is", text="It is wrong.")
    assert str(shown) == str(InputError(shown)) == error_sentence("error-as-is", text="It is wrong.")
    assert error_sentence("error-as-is", text="x").message == error_message("error-as-is", text="x")


def test_an_error_in_a_notebook_is_in_the_language_of_the_page():
    error = ServiceError(error_message("error-language-unknown", name="'x'", known="en, ja"))
    assert in_words(error, "en") is error
    japanese = in_words(error, "ja")
    assert type(japanese) is ServiceError and str(japanese) == render(error.args[0], "ja") != str(error)
    with pytest.raises(InputError) as refused:
        parse_language("fr")
    assert as_message(refused.value) == error_message("error-language-unknown", name="'fr'", known="en, ja")
    assert parse_language("ja") == "ja"


def test_texts_of_messages_are_rendered_wherever_they_stand_in_a_value():
    said = note("balance-open")
    japanese = render(message("balance-open"), "ja")
    value = {said: [said, ("plain", 3)], "other": {"a": None}}
    assert in_language(value, "ja") == {japanese: [japanese, ["plain", 3]], "other": {"a": None}}
    span = note("value", value=TimeSpan(datetime(2025, 12, 11, 1, tzinfo=UTC)))
    assert "10:00 " in in_language([span], "en", TOKYO)[0]
    # A message that a later version no longer has keeps its English text.
    lost = MessageText("English.", message("no-such-message"))
    assert render(lost, "ja") == render(lost) == "English."
    both = in_both_languages("English.", "日本語。")
    assert (str(both), render(both, "ja")) == ("English.", "日本語。")
    assert both.message == message("cause-text", text=Translated("English.", "日本語。"))


def test_secrets_are_masked_in_a_text_and_in_its_message():
    said = note("value", value=Quotation("password=hunter22"))
    masked = masked_text(said)
    assert "hunter22" not in masked and "hunter22" not in json.dumps(masked.message.to_dict())
    assert masked_text("plain") == "plain"


def test_values_of_several_sentences_are_those_of_each_the_first_counts():
    one, two = message("value", value=Count(1)), message("list-more", head=Resource("a"), count=2)
    both = message("sentences", sentences=Sentences((one, message("value", value=Count(3)), two, "plain")))
    assert values_of(both) == {"value": Count(1), "head": Resource("a"), "count": Count(2)}
    assert (values_of(one), values_of("plain")) == ({"value": Count(1)}, {})
    assert one.items_of("value") == () and len(both.items_of("sentences")) == 4


# Words for shells and terminals


def test_words_for_a_shell_are_quoted_and_never_taken_as_options():
    assert [shell_word(text) for text in ("a b", "a\nb", "")] == ["'a b'", "'a?b'", "''"]
    for text in ("`id`", "-rf"):
        assert shell_word(text, "QUEUE") == "QUEUE"
    assert (shell_word("-rf"), shell_word("a-b", "QUEUE")) == ("-rf", "a-b")
    assert shell_option("--queue", "a`b", "QUEUE") == "--queue QUEUE"
    assert shell_option("--queue", "-a b") == "--queue='-a b'"
    assert (shell_path("-x"), shell_path("a b")) == ("./-x", "'a b'")


@together(
    ("character", "text", "in_json"),
    [
        ("\x1b", "\\x1b", "\\u001b"), ("\u00ad", "\\xad", "\\u00ad"), ("\u0600", "\\u0600", "\\u0600"),
        ("\u202e", "\\u202e", "\\u202e"), ("\U000e0041", "\\U000e0041", "\\udb40\\udc41"),
        ("\n", "\n", "\n"), ("\t", "\t", "\t"), ("\u200d", "\u200d", "\u200d"), ("日", "日", "日"),
    ],
)  # fmt: skip
def test_characters_that_a_terminal_acts_on_are_escapes_in_text_and_in_json(character, text, in_json):
    assert (printable(character), character.translate(JSON_ESCAPES)) == (text, in_json)
