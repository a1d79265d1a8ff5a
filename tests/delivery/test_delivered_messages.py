"""What each destination receives, completely: messages of chats, mails, topics, buses and files."""

import email
import email.policy
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from worlds.deliveries import FACT, at, diagnosis
from worlds.printed import is_error, said

from watchme_analysis.config import Destination
from watchme_analysis.delivery.changes import Incident
from watchme_analysis.delivery.content import Content, content_of
from watchme_analysis.delivery.destinations.base import Delivery, DeliveryError
from watchme_analysis.delivery.destinations.eventbridge import EventBridgeSender, event_detail
from watchme_analysis.delivery.destinations.files import FilesSender, Retention
from watchme_analysis.delivery.destinations.http_post import retry_after_s
from watchme_analysis.delivery.destinations.markdown import MarkdownSender, as_markdown
from watchme_analysis.delivery.destinations.registry import ownership_of, sender_of
from watchme_analysis.delivery.destinations.s3 import S3Sender
from watchme_analysis.delivery.destinations.slack_app import SlackAppSender
from watchme_analysis.delivery.destinations.smtp_mail import EmailSender, as_html
from watchme_analysis.delivery.destinations.sns import SnsSender, amazon_q_notification
from watchme_analysis.delivery.destinations.webhooks import (
    WebhookSender,
    cut,
    slack_message,
    teams_message,
)
from watchme_analysis.delivery.notice import Notice
from watchme_analysis.delivery.secret_values import Secret
from watchme_analysis.errors import InputError
from watchme_analysis.services.diagnose import causes_of
from watchme_analysis.text.message import Duration, TimeSpan, value_of
from watchme_analysis.text.render import render

INCIDENT = Incident("orders-backlog-1", at(1.5), None, "consumer_failing", None, 0.9, {"lost_messages": 2})
NOTICE = Notice("20251125T020000Z-worse-x", ("worse", "cause-known"), "orders", "backlog", at(2), INCIDENT)
CONTENT = Content(
    "Title <1>", ("Changed & more.",), ("It [fails].", "Since 2."), ("Undo it.",), (("Cause", "code <x>"),),
    "en", "https://reports.example.com/x/report.html",
)  # fmt: skip
BARE = replace(CONTENT, changes=(), steps=(), facts=(), link=None)
DELIVERY = Delivery(NOTICE, CONTENT, None)
OPEN, TO_DO = said("delivery-open-report"), said("answer-now")


def mrkdwn(text):
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def section(text):
    return {"type": "section", "text": mrkdwn(text)}


def test_slack_receives_a_block_for_each_part():
    header = {"type": "header", "text": {"type": "plain_text", "text": "Title <1>", "emoji": False}}
    button = {"type": "button", "text": {"type": "plain_text", "text": OPEN}, "url": CONTENT.link}
    assert slack_message(CONTENT) == {
        "text": "Title &lt;1&gt;",
        "blocks": [
            header,
            section("Changed &amp; more."),
            section("*Cause:* code &lt;x&gt;"),
            section("It [fails].\nSince 2."),
            section(f"*{TO_DO}*\nUndo it."),
            {"type": "actions", "elements": [button]},
        ],
    }
    assert slack_message(BARE)["blocks"] == [header, section("It [fails].\nSince 2.")]


def test_parts_of_a_slack_message_are_cut_at_its_limits():
    facts = tuple((f"f{number}", "v" * 3000) for number in range(11))
    long = replace(CONTENT, title="t" * 151, changes=("c" * 3001,), facts=facts)
    header, changes, listed, *_ = slack_message(long)["blocks"]
    assert header["text"]["text"] == "t" * 149 + "…"
    assert changes["text"]["text"] == "c" * 2999 + "…"
    assert len(listed["text"]["text"]) == 3000
    assert (cut("abc", 3), cut("abcd", 3), cut("a  d", 3)) == ("abc", "ab…", "a…")


def block(text, **style):
    return {"type": "TextBlock", "text": text, "wrap": True, **style}


def test_teams_receives_a_card_in_which_evidence_makes_no_link():
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            block(r"Title \<1\>", size="Large", weight="Bolder"),
            block("Changed & more.", weight="Bolder"),
            {"type": "FactSet", "facts": [{"title": "Cause", "value": r"code \<x\>"}]},
            block(r"It \[fails\]."),
            block("Since 2."),
            block(TO_DO, weight="Bolder", separator=True),
            block("Undo it."),
        ],
        "fallbackText": "Title <1>",
        "msteams": {"width": "Full"},
        "actions": [{"type": "Action.OpenUrl", "title": OPEN, "url": CONTENT.link}],
    }
    kind = "application/vnd.microsoft.card.adaptive"
    attached = {"contentType": kind, "contentUrl": None, "content": card}
    assert teams_message(CONTENT) == {"type": "message", "attachments": [attached]}
    bare = teams_message(BARE)["attachments"][0]["content"]
    assert (len(bare["body"]), "actions" in bare) == (3, False)
    long = teams_message(replace(CONTENT, sentences=("s" * 4001,), facts=(("a", "f" * 4001),)))
    texts = [*(each.get("text", "") for each in long["attachments"][0]["content"]["body"])]
    assert texts[3] == "s" * 3999 + "…"


def test_amazon_q_receives_a_notification_in_the_thread_of_the_incident():
    title = "Title &lt;1&gt;"
    link = f"{OPEN}: {CONTENT.link}"
    assert amazon_q_notification(DELIVERY) == {
        "version": "1.0",
        "source": "custom",
        "id": NOTICE.id,
        "content": {
            "textType": "client-markdown",
            "title": title,
            "description": "Changed &amp; more.\n\nCause: code &lt;x&gt;\n\nIt [fails].\n\nSince 2.",
            "nextSteps": ["Undo it.", link],
            "keywords": ["orders", "backlog", "worse"],
        },
        "metadata": {
            "threadId": "orders-backlog-1",
            "summary": title,
            "eventType": "worse",
            "relatedResources": ["orders"],
        },
    }
    run = Notice("id", ("run-failed",), "orders", None, at(2))
    empty = amazon_q_notification(Delivery(run, replace(BARE, sentences=()), None))
    # A notification must have a description; a run of no question is in a thread of its own.
    assert (empty["content"]["description"], empty["content"]["nextSteps"]) == ("Title <1>", [])
    assert empty["content"]["keywords"] == ["orders", "run-failed"]
    assert empty["metadata"]["threadId"] == "orders-runs"


def test_a_notification_is_cut_at_its_limits_but_not_its_link():
    link = "https://example.com/" + "x" * 400
    steps = tuple(f"{number} " + "s" * 350 for number in range(9))
    long = replace(CONTENT, title="t" * 251, sentences=("d" * 7001,), steps=steps, link=link)
    content = amazon_q_notification(replace(DELIVERY, content=long))["content"]
    assert (len(content["title"]), len(content["description"])) == (250, 7000)
    assert [len(step) for step in content["nextSteps"][:9]] == [350] * 9
    assert content["nextSteps"][9] == f"{OPEN}: {link}"
    more = replace(long, steps=(*steps, "10"))
    assert len(amazon_q_notification(replace(DELIVERY, content=more))["content"]["nextSteps"]) == 10


class Calls:
    """An account that notes the calls and returns one response."""

    def __init__(self, response):
        self.response, self.made, self.regions = response, [], []

    def __call__(self, region):
        self.regions.append(region)
        return self

    def call(self, service, operation, **parameters):
        self.made.append((service, operation, parameters))
        return self.response


TOPIC = "arn:aws:sns:eu-west-1:123456789012:on-call"


def test_a_topic_receives_text_and_a_fifo_topic_also_its_group():
    plain = Calls({"MessageId": "m-1"})
    sender = SnsSender(TOPIC, "text", plain)
    assert sender.send(DELIVERY) == "m-1"
    text = "\n".join(CONTENT.lines())
    published = {"TopicArn": TOPIC, "Subject": "Title <1>", "Message": text}
    assert plain.made == [("sns", "publish", published)]
    assert plain.regions == ["eu-west-1"]
    fifo = Calls({"MessageId": "m-2"})
    sender = SnsSender(f"{TOPIC}.fifo", "amazon-q", fifo)
    assert sender.send(DELIVERY) == "m-2"
    [(*_, published)] = fifo.made
    assert json.loads(published.pop("Message")) == amazon_q_notification(DELIVERY)
    assert published == {
        "TopicArn": f"{TOPIC}.fifo",
        "MessageGroupId": "orders-backlog-1",
        "MessageDeduplicationId": NOTICE.id,
    }
    long = replace(NOTICE, id="x" + "y" * 128, incident=replace(INCIDENT, id="i" * 129))
    title = replace(CONTENT, title="Two\nlines " + "t" * 90)
    SnsSender(f"{TOPIC}.fifo", "text", fifo).send(Delivery(long, title, None))
    published = fifo.made[1][2]
    assert published["MessageGroupId"] == "i" * 127 + "…"
    assert published["MessageDeduplicationId"] == "y" * 128
    assert published["Subject"] == "Two lines " + "t" * 88 + "…"


def test_an_event_has_the_incident_and_every_text():
    assert event_detail(DELIVERY) == {
        "id": NOTICE.id,
        "kinds": ["worse", "cause-known"],
        "system": "orders",
        "question": "backlog",
        "thread": "orders-backlog-1",
        "incident": {
            "id": "orders-backlog-1", "start": "2025-11-25T01:30:00+00:00", "end": None,
            "cause": "consumer_failing", "secondary_cause": None, "confidence": 0.9,
            "impact": {"lost_messages": 2},
        },
        "error": None,
        "title": "Title <1>",
        "facts": {"Cause": "code <x>"},
        "sentences": ["Changed & more.", "It [fails].", "Since 2."],
        "steps": ["Undo it."],
        "language": "en",
        "link": CONTENT.link,
    }  # fmt: skip
    failed = Notice("id", ("run-failed",), "orders", None, at(2), error="It broke.")
    detail = event_detail(Delivery(failed, BARE, None))
    assert (detail["incident"], detail["error"], detail["question"]) == (None, "It broke.", None)


def test_an_event_is_put_on_its_bus_and_its_refusal_is_an_error():
    bus = "arn:aws:events:eu-west-1:123456789012:event-bus/on-call"
    good = Calls({"FailedEntryCount": 0, "Entries": [{"EventId": "e-1"}]})
    assert EventBridgeSender(bus, good).send(DELIVERY) == "e-1"
    [(service, operation, parameters)] = good.made
    [entry] = parameters["Entries"]
    assert json.loads(entry.pop("Detail")) == event_detail(DELIVERY)
    assert (service, operation, entry) == (
        "events",
        "put_events",
        {"Source": "watchme", "DetailType": "Watchme Notice", "EventBusName": bus, "Time": at(2)},
    )
    assert good.regions == ["eu-west-1"]
    for code, is_temporary in (("ThrottlingException", True), ("NotAuthorized", False)):
        bad = Calls({"FailedEntryCount": 1, "Entries": [{"ErrorCode": code}]})
        with pytest.raises(DeliveryError) as refused:
            EventBridgeSender("on-call", bad).send(DELIVERY)
        assert is_error(refused.value, "error-bus-refused", bus="on-call", code=code)
        assert (refused.value.is_temporary, refused.value.may_have_arrived) == (is_temporary, False)
        # A name is that of a bus in the configured region.
        assert bad.regions == [None]


def test_only_reports_have_links(tmp_path):
    secret = Secret("env:X", None)
    for sender in (
        SnsSender(TOPIC, "text", None), EventBridgeSender("bus", None), MarkdownSender(tmp_path),
        WebhookSender(secret, "slack"), SlackAppSender(secret, "C1"),
        EmailSender("localhost", 25, "a@example.com", ("b@example.com",)),
    ):  # fmt: skip
        assert sender.link(DELIVERY) is None
    files = FilesSender(tmp_path, Retention(None, None), "https://reports.example.com/")
    assert files.link(DELIVERY) is None


def test_a_mail_has_the_texts_twice_the_thread_and_the_page(tmp_path):
    page = tmp_path / "20251125-backlog"
    page.mkdir()
    (page / "report.html").write_text("<p>page")
    sender = EmailSender("localhost", 25, "watch@example.com", ("a@example.com", "b@example.com"))
    content = replace(CONTENT, title="Two\nlines")
    sent = sender.message(Delivery(NOTICE, content, page))
    mail = email.message_from_bytes(sent.as_bytes(), policy=email.policy.default)
    assert {name: mail[name] for name in mail if name not in ("Content-Type", "MIME-Version")} == {
        "Subject": "Two lines",
        "From": "watch@example.com",
        "To": "a@example.com, b@example.com",
        "Date": "Tue, 25 Nov 2025 02:00:00 +0000",
        "Message-ID": f"<{NOTICE.id}@example.com>",
        "References": "<orders-backlog-1@example.com>",
        "Auto-Submitted": "auto-generated",
        "Content-Language": "en",
    }
    assert mail.get_body(("plain",)).get_content().replace("\r", "") == "\n".join(content.lines()) + "\n"
    assert mail.get_body(("html",)).get_content().replace("\r", "") == as_html(content)
    [attached] = mail.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type()) == ("20251125-backlog.html", "text/html")
    for without in (None, tmp_path):
        assert not [*sender.message(Delivery(NOTICE, content, without)).iter_attachments()]


def test_html_has_every_part_escaped():
    page = as_html(replace(CONTENT, link='https://example.com/?a="b"'))
    assert page == (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Title &lt;1&gt;</title></head>'
        "<body><h1>Title &lt;1&gt;</h1><p><b>Changed &amp; more.</b></p>"
        '<table><tr><th align="left">Cause</th><td>code &lt;x&gt;</td></tr></table>'
        f"<p>It [fails].</p><p>Since 2.</p><h2>{TO_DO}</h2><p>Undo it.</p>"
        f'<p><a href="https://example.com/?a=&quot;b&quot;">{OPEN}</a></p></body></html>\n'
    )
    assert as_html(BARE).endswith(
        "<h1>Title &lt;1&gt;</h1><table></table><p>It [fails].</p><p>Since 2.</p></body></html>\n"
    )


def test_markdown_has_every_part_and_the_postmortem_below(tmp_path):
    text = as_markdown(CONTENT)
    parts = text.removesuffix("\n").split("\n\n")
    assert [part.replace("\\", "") for part in parts] == [
        "# Title <1>", "**Changed & more.**", "- Cause: code <x>", "It [fails].", "Since 2.", f"## {TO_DO}",
        "Undo it.", f"[{OPEN}](<{CONTENT.link}>)",
    ]  # fmt: skip
    assert "[fails]" not in text
    assert [part.replace("\\", "") for part in as_markdown(BARE).split("\n\n")] == [
        "# Title <1>", "It [fails].", "Since 2.\n"
    ]  # fmt: skip
    (tmp_path / "postmortem.md").write_text("# Postmortem\n")
    sender = MarkdownSender(tmp_path / "new" / "pages")
    path = sender.send(replace(DELIVERY, page=tmp_path / "postmortem.md"))
    assert path == str(tmp_path / "new" / "pages" / "orders-backlog-1.md")
    assert Path(path).read_text() == text + "\n# Postmortem\n"
    (tmp_path / "file").write_text("")
    with pytest.raises(DeliveryError) as refused:
        MarkdownSender(tmp_path / "file").send(DELIVERY)
    assert refused.value.is_temporary


def test_plain_text_has_one_empty_line_between_its_parts():
    assert CONTENT.lines() == [
        "Title <1>", "", "Changed & more.", "", "Cause: code <x>", "", "It [fails].", "Since 2.", "",
        f"{TO_DO}:", "1. Undo it.", "", f"{OPEN}: {CONTENT.link}",
    ]  # fmt: skip
    assert BARE.lines() == ["Title <1>", "", "It [fails].", "Since 2.", ""]


def test_the_wish_to_wait_is_seconds_or_a_date_with_or_without_a_zone():
    assert retry_after_s(None) is None and retry_after_s("soon") is None
    assert retry_after_s(" 12 ") == 12.0
    later = datetime.now(UTC) + timedelta(seconds=90)
    for zone in ("GMT", "-0000"):  # the second is a time whose zone is unknown, which counts as UTC
        assert 85 < retry_after_s(f"{later:%a, %d %b %Y %H:%M:%S} {zone}") <= 90
    assert retry_after_s("Tue, 25 Nov 2025 02:00:00 GMT") == 0.0


def made(tmp_path, kind, **settings):
    return sender_of(Destination("there", kind, settings=settings), tmp_path, None)


def test_each_type_has_its_sender_with_the_settings(tmp_path):
    token = {"token": "env:T", "channel": "C1"}
    assert made(tmp_path, "slack", **token) == SlackAppSender(Secret("env:T", None), "C1")
    own = made(tmp_path, "slack", **token, api="https://slack.example.com/api/")
    assert own.api == "https://slack.example.com/api/"
    for kind in ("slack", "teams"):
        assert made(tmp_path, kind, webhook="env:W") == WebhookSender(Secret("env:W", None), kind)
    mail = {"smtp": "mail.example.com:587", "from": "a@example.com", "to": ("b@example.com",)}
    assert made(tmp_path, "email", **mail) == EmailSender(
        "mail.example.com", 587, "a@example.com", ("b@example.com",)
    )
    login = made(tmp_path, "email", **mail, tls="tls", user="u", password="env:P")
    assert (login.tls, login.user, login.password) == ("tls", "u", Secret("env:P", None))
    assert made(tmp_path, "sns", topic=TOPIC) == SnsSender(TOPIC, "text", None)
    assert made(tmp_path, "sns", topic=TOPIC, format="amazon-q").format == "amazon-q"
    assert made(tmp_path, "eventbridge", bus="b") == EventBridgeSender("b", None)
    assert made(tmp_path, "markdown", folder="pages") == MarkdownSender(Path("pages").absolute())
    files = made(tmp_path, "files", folder="site", url="https://example.com")
    assert (files.folder, files.url) == (Path("site").absolute(), "https://example.com")
    plain = made(tmp_path, "s3", bucket="reports")
    assert (plain.prefix, plain.copy, plain.encryption) == ("", tmp_path / "sites" / "there", {})
    assert plain.link_valid == timedelta(days=7)
    s3 = made(tmp_path, "s3", bucket="b", prefix="/a/b/", link_valid="30d", encryption="aws:kms", kms_key="k")
    # A signed URL is valid for seven days at most.
    assert (s3.prefix, s3.link_valid) == ("a/b/", timedelta(days=7))
    assert s3.encryption == {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k"}
    assert made(tmp_path, "s3", bucket="b", link_valid="2h").link_valid == timedelta(hours=2)


def test_the_first_bucket_records_the_owner():
    first = Destination("a", "s3", settings={"bucket": "one", "prefix": "p"}, redact="ids")
    other = Destination("b", "s3", settings={"bucket": "two"})
    chat = Destination("c", "sns", settings={"topic": TOPIC})
    found = ownership_of("orders", [chat, first, other], None, takes_over=True)
    assert (found.bucket, found.key, found.takes_over) == ("one", "p/.watchme/orders.json", True)
    # A bucket of redacted pages does not learn the name of the machine.
    assert (found.names_host, ownership_of("x", [other], None).names_host) == (False, True)
    assert ownership_of("x", [other], None).takes_over is False
    assert ownership_of("orders", [chat], None) is None


def test_a_secret_that_is_empty_or_missing_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("HOOK", " \n")
    monkeypatch.delenv("NONE", raising=False)
    for reference, message_id in (("env:HOOK", "error-secret-empty"), ("env:NONE", "error-secret-missing")):
        with pytest.raises(InputError) as refused:
            Secret(reference, None).value()
        assert is_error(refused.value, message_id, reference=reference)
        with pytest.raises(DeliveryError) as failed:
            WebhookSender(Secret(reference, None), "slack").send(DELIVERY)
        assert is_error(failed.value, message_id, reference=reference)
        assert not failed.value.is_temporary
    kept = tmp_path / "secret"
    kept.write_text(" first\n")
    secret = Secret(f"file:{kept}", None)
    assert secret.value() == "first"
    kept.write_text("second")
    assert secret.value() == "first"


def test_a_report_is_needed_where_reports_are_delivered(tmp_path):
    retention = Retention(None, None)
    for sender in (
        FilesSender(tmp_path, retention), S3Sender("b", "", retention, tmp_path, None, None, {})
    ):  # fmt: skip
        with pytest.raises(DeliveryError) as refused:
            sender.send(DELIVERY)
        assert is_error(refused.value, "error-no-report-delivered")
        assert sender.link(DELIVERY) is None


def texts_of(kinds, before=None, earlier=0, **changes):
    notice = replace(
        NOTICE, kinds=kinds, before=before, earlier=earlier, incident=replace(INCIDENT, **changes)
    )
    found = diagnosis(start=1.5, cause="consumer_failing", facts={"lost_messages": 2, "dead_letters": 1})
    return content_of(notice, found, "en", UTC).changes


def test_sentences_on_changes_have_the_numbers_of_the_incident():
    other = replace(INCIDENT, cause="downstream_slow", impact={"lost_messages": 1})
    unknown = replace(INCIDENT, cause=None, impact={})
    span = TimeSpan(at(1.5), at(3))
    resolved = said("delivery-resolved", span=span, duration=Duration(5400.0))
    assert texts_of(("new-incident",)) == ()
    assert texts_of(("recurring",), earlier=2) == (said("delivery-recurring", count=2),)
    assert texts_of(("resolved",), end=at(3)) == (resolved,)
    assert texts_of(("resolved",)) == ()
    titles = {one.cause: one.title for one in causes_of("backlog")}
    fails, slow = (value_of(titles[name]) for name in ("consumer_failing", "downstream_slow"))
    assert texts_of(("cause-known",), before=unknown) == (said("delivery-cause-known", cause=fails),)
    changed = said("delivery-cause-changed", cause=fails, before=slow)
    assert texts_of(("cause-known",), before=other) == (changed,)
    assert texts_of(("cause-known",), before=other, cause=None) == ()
    worse = texts_of(("worse",), before=other, impact={"lost_messages": 2, "dead_letters": 1})
    assert worse == (
        said("delivery-worse", before=1, now=FACT), said("delivery-worse", before=0, now=FACT)
    )  # fmt: skip
    # A measure that has not grown is not named, and without an earlier look none is.
    assert texts_of(("worse",), before=other, impact={"lost_messages": 1}) == ()
    assert texts_of(("worse",)) == ()


def test_the_content_of_a_notice_has_its_facts_and_steps_apart():
    found = diagnosis(start=1.5, cause="consumer_failing", facts={"lost_messages": 1})
    content = content_of(replace(NOTICE, kinds=("new-incident",)), found, "en", UTC, "https://example.com")
    (name, value), *_ = content.facts
    assert f"{name}: {value}" == render(FACT)
    assert (content.sentences, content.steps) == (("Cause: consumer_failing.",), ("Undo the change.",))
    kind = said("delivery-kind-new-incident")
    assert content.title == said("delivery-title", kind=kind, system="orders", what="orders-worker fails.")
    kind = said("delivery-kind-run-failed")
    failed = Notice("id", ("run-failed",), "orders", "backlog", at(2), error="It broke.")
    plain = content_of(failed, None, "en", UTC)
    assert plain.title == said("delivery-title-plain", kind=kind, system="orders")
    assert (plain.changes, plain.steps, plain.facts, plain.link) == ((), (), (), None)
    assert len(plain.sentences) == 1 and re.search("It broke", plain.sentences[0])
    assert content_of(replace(failed, error=""), None, "en", UTC).sentences == ()
