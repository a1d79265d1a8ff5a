"""Messages: typed values, rendering for a language and a zone, JSON."""

import copy
import json
import math
import pickle
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from worlds.together import together

from watchme_analysis.errors import MessageError
from watchme_analysis.text.catalogue import LANGUAGES
from watchme_analysis.text.message import (
    Bytes,
    Choice,
    Code,
    CodePlace,
    Commands,
    Count,
    Duration,
    Instant,
    Message,
    Names,
    Number,
    Phrases,
    Probability,
    Quotation,
    Resource,
    Sentences,
    Share,
    TimeSpan,
    Translated,
    message,
    message_from_dict,
    restored_texts,
    sentences,
    stored_texts,
)
from watchme_analysis.text.render import filled, note, render

TOKYO = ZoneInfo("Asia/Tokyo")
NIGHT = datetime(2025, 12, 11, 15, 59, 30, tzinfo=UTC)
MORNING = datetime(2025, 12, 11, 16, 10, tzinfo=UTC)
PLAIN = message("list-next", head=Resource("a"), next=Resource("b"))
VALUES = (
    Instant(NIGHT),
    TimeSpan(NIGHT, MORNING),
    TimeSpan(NIGHT),
    Count(1234),
    Number(0.12345),
    Share(0.25),
    Probability(0.999),
    Duration(250.0),
    Bytes(37_700_000),
    Resource("/health"),
    Code("curl -m 40"),
    CodePlace("app.py", 12),
    Quotation("No module named 'requests'"),
    Choice("some"),
    Translated("a title", "表題"),
    Commands("a\nb"),
    Names(("a", "b", "c")),
    Phrases((PLAIN, "plain")),
    Sentences((PLAIN, "Plain.")),
    PLAIN,
)


def shown(value, language="en", zone=UTC):
    return render(message("value", value=value), language, zone)


@together(
    ("value", "english", "japanese"),
    [
        (Instant(NIGHT), "2025-12-11 15:59:30 UTC", "2025-12-11 15:59:30 (UTC)"),
        (
            TimeSpan(NIGHT, MORNING),
            "2025-12-11 15:59:30 to 16:10:00 UTC",
            "2025-12-11 15:59:30 〜 16:10:00 (UTC)",
        ),
        (
            TimeSpan(NIGHT, NIGHT + timedelta(days=1)),
            "2025-12-11 15:59:30 to 2025-12-12 15:59:30 UTC",
            "2025-12-11 15:59:30 〜 2025-12-12 15:59:30 (UTC)",
        ),
        (
            TimeSpan(NIGHT),
            "2025-12-11 15:59:30 UTC, still open at the end of the data",
            "2025-12-11 15:59:30 (UTC) 〜 (データの最終時刻でも継続中)",
        ),
        (Translated("a title", "表題"), "a title", "表題"),
        (Commands("a\nb"), "a\nb", "a\nb"),
        (Count(1234), "1,234", "1,234"),
        (Share(0.0001), "<1%", "1% 未満"),
        (Share(0.25), "25%", "25%"),
        (Probability(1.0), "over 99%", "99% 超"),
        (Duration(250.0), "4 min 10 s", "4 分 10 秒"),
        (Duration(0.0123), "12.3 ms", "12.3 ms"),
        (Duration(math.nan), "an unknown time", "不明な時間"),
        (Bytes(37_700_000), "37.7 MB", "37.7 MB"),
        (CodePlace("app.py", 12), "app.py:12", "app.py:12"),
        (Code("curl"), "`curl`", "`curl`"),
        (Quotation("a  b"), "“a b”", "「a b」"),
        (Names(()), "none", "なし"),
        (Names(("a",)), "a", "a"),
        (Names(("a", "b")), "a and b", "a、b"),
        (Names(("a", "b", "c", "d", "e", "f")), "a, b, c, d and 2 more", "a、b、c、d ほか 2 件"),
        (Names(("a", "b", "c", "d")), "a, b, c and d", "a、b、c、d"),
        (Names(("a", "b"), 1), "a and 1 more", "a ほか 1 件"),
        (Number(math.nan), "an unknown number", "不明な値"),
        (Duration(-250.0), "−4 min 10 s", "−4 分 10 秒"),
        (Phrases((PLAIN, "c")), "a, b and c", "a、b、c"),
    ],
)
def test_each_kind_of_value_has_one_format_per_language(value, english, japanese):
    assert shown(value) == english
    assert shown(value, "ja") == japanese


def test_times_are_shown_in_the_zone_of_the_reader():
    assert shown(TimeSpan(NIGHT, MORNING), zone=TOKYO) == "2025-12-12 00:59:30 to 01:10:00 Asia/Tokyo"


def test_a_message_is_the_same_after_json(subtests):
    for language in LANGUAGES:
        for value in VALUES:
            with subtests.test(value=value, language=language):
                made = message("list-more", head=value, count=3)
                again = message_from_dict(json.loads(json.dumps(made.to_dict(), sort_keys=True)))
                assert again == made
                assert hash(again) == hash(made)
                assert render(again, language, TOKYO) == render(made, language, TOKYO)


def test_text_of_evidence_is_never_interpreted_as_a_pattern():
    hostile = "{ $secret } { -brand } { value }\n[one] { DATETIME($now) }"
    assert shown(Resource(hostile)) == hostile.replace("\n", r"\n")
    assert shown(Quotation(hostile)) == f"“{hostile.replace(chr(10), ' ')}”"
    assert shown(Names((hostile, "b"))).startswith("{ $secret }")
    assert len(shown(Resource("x" * 5000))) == 5000


def test_a_quotation_masks_secrets_and_is_cut():
    secret = "password=hunter2hunter2"
    assert "hunter2" not in shown(Quotation(secret))
    assert "hunter2" not in json.dumps(message("value", value=Quotation(secret)).to_dict())
    assert len(shown(Quotation("word " * 500))) < 310


def test_an_unknown_message_is_named():
    with pytest.raises(MessageError, match="no-such-message"):
        render(Message("no-such-message"))


def test_a_missing_value_is_named_with_its_message():
    with pytest.raises(MessageError, match=r"list-more.*count"):
        render(message("list-more", head=Resource("a")))


def test_an_unknown_language_is_refused():
    with pytest.raises(MessageError, match="'fr'"):
        render(PLAIN, "fr")


def test_sentences_are_joined_as_the_language_does():
    one = message("answer-no-incident", confidence=Probability(0.9))
    both = sentences(one, "", sentences(one, "Plain."))
    assert len(both.values["sentences"].items) == 3
    assert render(both) == "No incident (90% sure). No incident (90% sure). Plain."
    assert "。インシデント" in render(both, "ja")
    assert sentences(one) is one


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_of_any_length_is_rendered(language):
    path = "/" + "W" * 5000
    said = render(message("list-next", head=Resource(path), next=Phrases((PLAIN,) * 3)), language)
    assert path in said
    assert render(message("vantages-alt", strips=Resource(path)), language).count("W") == 5000


def test_no_space_is_between_two_japanese_words():
    def said(seconds):
        return render(message("changes-after", time=Duration(seconds)), "ja")

    assert said(130.0) == "2 分 10 秒後"
    assert said(0.25) == "250 ms 後", "a unit in Latin letters is apart from the word"
    between = message("losses-between", start=Duration(1.0), end=Duration(2.0))
    assert render(between, "ja") == "1 秒 〜 2 秒"
    account = message("cache-account", target=message("target-default-region"))
    lacks = message("error-cache-lacks", name=account, has=Choice("none"), window=Resource(""))
    assert not re.search("[ぁ-んァ-ヶ一-龥] [ぁ-んァ-ヶ一-龥]", render(lacks, "ja"))
    agent = message("health-arrivals-agent", who=Quotation("curl/8.5"))
    assert re.search("[ぁ-ん]「curl/8.5」[ぁ-ん]", render(agent, "ja"))
    waiting = message("health-callers-wait-detail", paths=Names(tuple("/abcdef"), 4), calls=Names(("get",)))
    assert "件へ" in render(waiting, "ja")


def test_a_text_of_a_message_and_a_message_are_the_same_after_pickling():
    said = note("list-more", head=Resource("a"), count=3)
    again = pickle.loads(pickle.dumps(said))
    assert (again, again.message) == (said, said.message)
    assert copy.deepcopy(said.message) == said.message


def test_texts_are_restored_from_json_and_an_unknown_message_leaves_its_text():
    said = note("list-more", head=Resource("a"), count=3)
    value = {"a": [said, "plain", 3], "b": {"text": "x"}}
    stored = stored_texts(value)
    again = restored_texts(json.loads(json.dumps(stored)))
    assert again == value and again["a"][0].message == said.message
    stored["a"][0]["message"]["values"]["count"] = {"colour": 1}
    lost = restored_texts(stored)["a"][0]
    assert (lost, type(lost)) == (str(said), str)


def test_a_text_of_a_data_file_is_filled_as_its_language_is_written():
    values = {"place": "ロケーション `= /health`", "setting": "`deny all`", "unused": "x"}
    said = filled("Nginx 自身が {place} の {setting} で {status} を返します。", values, "ja")
    assert said == "Nginx 自身がロケーション `= /health` の `deny all` で {status} を返します。"
    english = filled("Correct {setting} in {place} (`%{time_total}`).", values, "en")
    assert english == "Correct `deny all` in ロケーション `= /health` (`%{time_total}`)."
    # What evidence says is inserted as it is.
    assert (
        filled("{error} in {path}", {"error": "KeyError: {path}", "path": "/a"}, "en")
        == "KeyError: {path} in /a"
    )
