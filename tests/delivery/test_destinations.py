"""Each destination over real HTTP, SMTP and a fake of AWS: healthy, unavailable, slow and refusing."""

import email
import email.policy
import json
from dataclasses import replace
from datetime import UTC
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from worlds.deliveries import Received, at, diagnosis, world
from worlds.receivers import Webhook, own_authority
from worlds.receivers import mail_server as running_mail_server

from watchme_analysis.config import Destination
from watchme_analysis.delivery.changes import CAUSE_KNOWN, NEW_INCIDENT, RECURRING, RESOLVED, WORSE, Incident
from watchme_analysis.delivery.content import Content, content_of
from watchme_analysis.delivery.destinations.base import Delivery, DeliveryError
from watchme_analysis.delivery.destinations.markdown import as_markdown
from watchme_analysis.delivery.destinations.registry import account_of, ownership_of, sender_of
from watchme_analysis.delivery.destinations.slack_webhook import slack_message
from watchme_analysis.delivery.destinations.smtp_mail import as_html
from watchme_analysis.delivery.notice import Notice
from watchme_analysis.delivery.ownership import OwnedElsewhereError
from watchme_analysis.delivery.secret_values import secret_value
from watchme_analysis.delivery.state import State, SystemState
from watchme_analysis.errors import InputError

INCIDENT = Incident("orders-backlog-20251125T013000Z-abc123", at(1.5), None, "consumer_failing")
NOTICE = Notice("20251125T020000Z-new-incident-x", ("new-incident",), "orders", "backlog", at(2), INCIDENT)
CONTENT = Content(
    "New incident in orders: the function fails",
    ("The cause is now known.",),
    ("`orders-worker` fails with “<!channel> [x](https://evil.example)”.",),
    ("Now: Undo the change.",),
    (("Cause", "code"), ("Confidence", "90%")),
    "en",
    "https://reports.example.com/x/report.html",
)
DELIVERY = Delivery(NOTICE, CONTENT, None)


def made(tmp_path, kind, **settings):
    destination = Destination("there", kind, settings=settings)
    return sender_of(destination, tmp_path, account_of(None, None))


@pytest.fixture
def page(tmp_path):
    folder = tmp_path / "made" / "20251125T020000Z-backlog-orders"
    folder.mkdir(parents=True)
    (folder / "report.html").write_text("<!DOCTYPE html><p>the page</p>")
    (folder / "timeline.png").write_bytes(b"png")
    result = {"status": "ok", "question": "backlog", "case": "orders", "diagnosis": diagnosis()}
    (folder / "result.json").write_text(json.dumps(result | {"started_at": at(2).isoformat()}))
    return folder


@pytest.fixture
def slack(tmp_path, webhook, monkeypatch):
    monkeypatch.setenv("SLACK_URL", webhook.url)
    return made(tmp_path, "slack", webhook="env:SLACK_URL")


def test_slack_receives_blocks_in_which_evidence_mentions_nobody(slack, webhook):
    assert slack.send(DELIVERY) == "ok"
    path, body = webhook.posted[0]
    message = json.loads(body)
    assert path == "/services/T0/B0/secret-part"
    assert [block["type"] for block in message["blocks"]] == ["header", *["section"] * 4, "actions"]
    assert message["blocks"][-1]["elements"][0]["url"] == CONTENT.link
    assert "&lt;!channel&gt;" in body.decode() and "<!channel>" not in body.decode()
    long = replace(CONTENT, title="t" * 999, sentences=("s" * 9999,), link=None)
    blocks = slack_message(long)["blocks"]
    assert len(blocks[0]["text"]["text"]) == 150 and len(blocks[3]["text"]["text"]) == 3000


def test_a_token_makes_only_slack_an_app(tmp_path):
    sender = made(tmp_path, "markdown", folder=str(tmp_path / "incidents"), token="env:ABSENT")
    sender.send(DELIVERY)
    assert [*(tmp_path / "incidents").iterdir()]


def mattermost(tmp_path, webhook):
    """Return the sender of a service that Apprise knows by the address of a webhook."""
    address = webhook.url.replace("http", "mmost", 1).replace("/services/T0/B0/secret-part", "/secret-part")
    (tmp_path / "secret").write_text(address + "\n")
    return made(tmp_path, "apprise", url=f"file:{tmp_path / 'secret'}")


def test_apprise_receives_the_first_screen_and_evidence_mentions_nobody(tmp_path, webhook):
    said = "<!channel> @everyone: @timestamp [x](https://evil.example)"
    content = replace(CONTENT, sentences=(said,))
    assert mattermost(tmp_path, webhook).send(replace(DELIVERY, content=content)) == "Mattermost"
    text = json.loads(webhook.posted[0][1])["text"]
    assert text.startswith(CONTENT.title) and CONTENT.link in text and "@timestamp" in text
    assert all(part not in text for part in ("<!channel>", "@everyone", "](https"))


@pytest.mark.parametrize(
    ("answer", "temporary", "arrived", "said"),
    [
        (429, True, False, "429"),
        (503, True, False, "503"),
        (404, False, False, "404"),
        (502, True, True, "502"),
        ("reset", True, True, "Mattermost did not confirm"),
        (3.0, True, True, "Mattermost did not confirm"),
    ],
)
def test_a_service_of_apprise_that_refuses_or_is_slow(tmp_path, webhook, answer, temporary, arrived, said):
    sender = mattermost(tmp_path, webhook)
    sender.timeout_s = 0.2
    webhook.answers = [answer]
    # Evidence that looks like a log of Apprise is not one.
    content = replace(CONTENT, sentences=("2025-11-25 02:00:00 - WARNING - error=500 NewConnectionError",))
    found = failure(sender, replace(DELIVERY, content=content))
    assert found[:2] == (temporary, arrived) and said in found[2] and "secret-part" not in found[2]
    webhook.close()
    assert failure(sender)[:2] == (True, False)
    (tmp_path / "secret").write_text("https://example.com/of/no/service")
    assert "Apprise" in failure(made(tmp_path, "apprise", url=f"file:{tmp_path / 'secret'}"))[2]


def failure(sender, delivery=DELIVERY):
    with pytest.raises(DeliveryError) as error:
        sender.send(delivery)
    return error.value.is_temporary, error.value.may_have_arrived, str(error.value)


@pytest.mark.parametrize(
    ("answer", "temporary", "arrived", "said"),
    [
        (429, True, False, "429"),
        (500, True, False, "500"),
        (503, True, False, "503"),
        (502, True, True, "502"),
        (504, True, True, "504"),
        (404, False, False, "404"),
        (301, False, False, "301"),
        ("reset", False, True, "broke before the response"),
        (3.0, False, True, "did not respond within 0.2 s"),
    ],
)
def test_a_webhook_that_refuses_or_is_slow(slack, webhook, answer, temporary, arrived, said):
    webhook.answers = [answer]
    slack.timeout_s = 0.2
    found = failure(slack)
    assert found[:2] == (temporary, arrived) and said in found[2]
    assert "secret-part" not in found[2] and webhook.posted == []


@pytest.mark.parametrize("kind", ["slack", "slack app", "apprise", "STARTTLS", "TLS"])
def test_server_whose_authority_is_unknown_receives_nothing(tmp_path, monkeypatch, kind):
    authority, context = own_authority(tmp_path)
    chat = Webhook(context)
    monkeypatch.setenv("SECRET", chat.url)
    monkeypatch.setenv("APPRISE", chat.url.replace("https", "jsons", 1))
    with running_mail_server(context, is_tls=kind == "TLS") as (port, mails):
        mail = {"smtp": f"127.0.0.1:{port}", "to": ("a@example.com",), "from": "watchme@example.com"}
        settings = {
            "slack": {"webhook": "env:SECRET"},
            "apprise": {"url": "env:APPRISE"},
            "slack app": {"token": "env:SECRET", "channel": "#on-call", "api": f"{chat.url}/"},
            "STARTTLS": mail,
            "TLS": mail | {"tls": "tls"},
        }[kind]
        sender = made(tmp_path, "email" if "smtp" in settings else kind.split()[0], **settings)
        with pytest.raises(DeliveryError, match="CERTIFICATE_VERIFY_FAILED"):
            sender.send(DELIVERY)
        assert chat.posted == mails == []
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        chat.answers = [said(ok=True, channel="C1", ts="1.2")] if kind == "slack app" else []
        sender.send(DELIVERY)
        assert len(chat.posted) + len(mails) == 1
    chat.close()


# E-mail


def mailer(tmp_path, server, **more):
    settings = {"to": ("a@example.com", "b@example.com"), "from": "watchme@example.com", "tls": "none"}
    return made(tmp_path, "email", **settings | {"smtp": f"127.0.0.1:{server.port}"} | more)


def test_a_mail_holds_the_first_screen_and_the_page(tmp_path, mail_server, page, monkeypatch):
    monkeypatch.setenv("SMTP_PASSWORD", "secret-part")
    sender = mailer(tmp_path, mail_server, password="env:SMTP_PASSWORD", user="orders")
    sender.send(replace(DELIVERY, page=page))
    mail = email.message_from_bytes(mail_server.mails[0], policy=email.policy.default)
    raw = mail_server.mails[0]
    assert raw.isascii() and raw.count(b"\n") == raw.count(b"\r\n") and max(map(len, raw.split())) < 998
    assert mail["Subject"] == CONTENT.title and mail["To"] == "a@example.com, b@example.com"
    assert mail["Message-ID"] == "<20251125T020000Z-new-incident-x@example.com>"
    assert mail["References"] == f"<{INCIDENT.id}@example.com>"
    text, html = mail.get_body(("plain",)).get_content(), mail.get_body(("html",)).get_content()
    assert CONTENT.steps[0] in text and CONTENT.link in text
    assert CONTENT.steps[0] in html and "<!channel>" not in html
    attached = next(mail.iter_attachments())
    assert attached.get_filename() == f"{page.name}.html" and "the page" in attached.get_content()
    assert any(command.startswith("AUTH") for command in mail_server.commands)


@pytest.mark.parametrize(
    ("command", "answer", "temporary", "arrived"),
    [
        ("connect", "421 busy", True, False),
        ("MAIL", "451 later", True, False),
        ("RCPT", "550 unknown", False, False),
        ("DATA", "554 no", False, False),
        ("message", "552 too large", False, False),
        ("message", "451 later", True, False),
        ("message", "close", False, True),
        ("message", 3.0, False, True),
        ("connect", 3.0, True, False),
        ("connect", "close", True, False),
    ],
)
def test_a_mail_server_that_refuses_or_is_slow(tmp_path, mail_server, command, answer, temporary, arrived):
    mail_server.answers = {command: [answer] * 2}
    sender = mailer(tmp_path, mail_server)
    sender.timeout_s = 0.2
    assert failure(sender)[:2] == (temporary, arrived)


def test_a_recipient_that_is_refused_does_not_keep_the_mail_from_the_others(tmp_path, mail_server):
    mail_server.answers = {"RCPT": ["550 unknown"]}
    assert "refused: a@example.com" in mailer(tmp_path, mail_server).send(DELIVERY)
    assert len(mail_server.mails) == 1


# AWS


@pytest.fixture
def queue(front):
    """A queue that is subscribed to a topic."""
    sqs, sns = boto3.client("sqs"), boto3.client("sns")

    def subscribed(name):
        fifo = {"FifoTopic": "true"} if name.endswith(".fifo") else {}
        topic = sns.create_topic(Name=name, Attributes=fifo)["TopicArn"]
        attributes = {"FifoQueue": "true"} if fifo else {}
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        return topic, lambda: [
            json.loads(each["Body"])
            for each in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        ]

    return subscribed


@pytest.mark.slow
def test_sns_receives_text_with_a_subject(tmp_path, queue):
    topic, received = queue("orders-mail")
    long = replace(CONTENT, title="障害: " + "t" * 200)
    assert made(tmp_path, "sns", topic=topic).send(replace(DELIVERY, content=long))
    message = received()[0]
    assert len(message["Subject"]) == 99 and CONTENT.steps[0] in message["Message"]


def test_sns_receives_the_schema_of_amazon_q_with_one_thread_per_incident(tmp_path, queue):
    topic, received = queue("orders-chat")
    sender = made(tmp_path, "sns", topic=topic, format="amazon-q")
    sender.send(DELIVERY)
    sender.send(replace(DELIVERY, notice=replace(NOTICE, id="later", kinds=("resolved",))))
    first, last = sorted((json.loads(each["Message"]) for each in received()), key=lambda each: each["id"])
    assert first["version"] == "1.0" and first["source"] == "custom"
    assert set(first["content"]) == {"textType", "title", "description", "nextSteps", "keywords"}
    assert first["content"]["textType"] == "client-markdown"
    assert first["content"]["nextSteps"][-1].endswith(CONTENT.link)
    assert first["metadata"]["threadId"] == last["metadata"]["threadId"] == INCIDENT.id


@pytest.mark.slow
def test_a_fifo_topic_removes_duplicates_so_that_a_killed_delivery_is_repeated(tmp_path, queue):
    topic, received = queue("orders.fifo")
    sender = made(tmp_path, "sns", topic=topic)
    sender.send(DELIVERY)
    sender.send(DELIVERY)
    assert len(received()) == 1


@pytest.mark.parametrize(
    ("fault", "temporary", "arrived"),
    [("throttle", True, False), ("500", True, False), ("reset", False, True), ("denied", False, False)],
)
def test_aws_refuses_or_breaks_the_connection_and_is_called_once(tmp_path, front, fault, temporary, arrived):
    sender = made(tmp_path, "eventbridge", bus="default")
    front.faults["PutEvents"].append(fault)
    assert failure(sender)[:2] == (temporary, arrived)
    assert front.calls["PutEvents"] == 1


@pytest.mark.slow
def test_an_event_reaches_its_bus(tmp_path, front):
    events, logs = boto3.client("events"), boto3.client("logs")
    logs.create_log_group(logGroupName="/aws/events/all")
    events.put_rule(Name="all", EventPattern=json.dumps({"source": ["watchme"]}))
    arn = "arn:aws:logs:ap-southeast-2:123456789012:log-group:/aws/events/all"
    events.put_targets(Rule="all", Targets=[{"Id": "1", "Arn": arn}])
    assert made(tmp_path, "eventbridge", bus="default").send(DELIVERY)
    found = logs.filter_log_events(logGroupName="/aws/events/all")["events"][0]["message"]
    detail = json.loads(found)["detail"]
    assert (detail["id"], detail["kinds"], detail["thread"]) == (NOTICE.id, ["new-incident"], INCIDENT.id)
    assert detail["incident"]["cause"] == "consumer_failing"


def test_s3_is_a_site_with_index_encryption_links_and_retention(tmp_path, front, page):
    s3 = boto3.client("s3")
    where = {"LocationConstraint": "ap-southeast-2"}
    s3.create_bucket(Bucket="reports", CreateBucketConfiguration=where)
    sender = made(
        tmp_path, "s3", bucket="reports", prefix="a/b", encryption="AES256", keep="1d", link_valid="12h"
    )
    delivery = replace(DELIVERY, page=page)
    assert sender.send(delivery) == f"s3://reports/a/b/{page.name}/report.html"
    names = lambda: {each["Key"] for each in s3.list_objects_v2(Bucket="reports")["Contents"]}  # noqa: E731
    files = {
        f"a/b/{page.name}/{name}" for name in ("report.html", "result.json", "timeline.png", "notice.json")
    }
    assert names() == {*files, "a/b/index.html"}
    stored = s3.get_object(Bucket="reports", Key=f"a/b/{page.name}/report.html")
    assert stored["ContentType"] == "text/html; charset=utf-8" and stored["ServerSideEncryption"] == "AES256"
    assert b"the page" in stored["Body"].read()
    assert page.name in s3.get_object(Bucket="reports", Key="a/b/index.html")["Body"].read().decode()
    link = urlsplit(sender.link(delivery))
    assert link.path.endswith(f"a/b/{page.name}/report.html")
    assert parse_qs(link.query)["X-Amz-Expires"] == ["43200"]
    sender.send(delivery)  # the same again changes nothing
    assert names() == {*files, "a/b/index.html"}
    newer = page.rename(page.with_name("20251128T020000Z-backlog-orders"))
    sender.send(replace(delivery, page=newer, notice=replace(NOTICE, created_at=at(75))))
    assert {name.split("/")[2] for name in names()} == {newer.name, "index.html"}


def test_two_state_folders_do_not_run_one_system_until_one_takes_over(tmp_path, front):
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="reports", CreateBucketConfiguration={"LocationConstraint": "ap-southeast-2"})
    accounts, chat = account_of(None, None), {name: Received() for name in "ab"}
    site = Destination("site", "s3", settings={"bucket": "reports", "prefix": "team/"})
    found = {name: world(tmp_path / name, chat=each) for name, each in chat.items()}

    def run(name, hour, **more):
        return found[name].run(
            hour,
            diagnosis(start=1, cause="consumer_failing"),
            ownership=ownership_of("orders", [site], accounts, **more),
        )

    assert run("a", 2)["status"] == run("a", 3)["status"] == "ok"
    for _ in range(2):
        with pytest.raises(OwnedElsewhereError, match=r"s3://reports/team/\.watchme/orders\.json"):
            run("b", 4)
    assert chat["b"].arrived == [] and State(tmp_path / "b").system("orders") == SystemState()
    assert run("b", 4, takes_over=True)["status"] == "ok" and chat["b"].arrived
    with pytest.raises(OwnedElsewhereError):
        run("a", 5)
    # One that takes over in the middle of a run keeps this run from delivering.
    moved = ownership_of("orders", [site], accounts, takes_over=True)
    found["b"].during = lambda: moved.check(State(tmp_path / "a"), "orders", at(6))
    chat["b"].arrived.clear()
    with pytest.raises(OwnedElsewhereError):
        found["b"].run(6, diagnosis(start=1, end=5), ownership=ownership_of("orders", [site], accounts))
    assert chat["b"].arrived == []


def test_a_record_of_the_owner_that_is_out_of_reach_keeps_nobody_from_running(tmp_path, front):
    site = Destination("site", "s3", settings={"bucket": "nobodys"})
    chat = Received()
    result = world(tmp_path, chat=chat).run(
        2, diagnosis(start=1), ownership=ownership_of("orders", [site], account_of(None, None))
    )
    assert (result["status"], chat.arrived) == ("partial", [("new-incident",)])
    (said,) = result["missing"]
    assert "another machine" in said


# Files, secrets, texts


def test_markdown_is_one_file_per_incident_without_links_from_evidence(tmp_path):
    sender = made(tmp_path, "markdown", folder=str(tmp_path / "notes"))
    for _ in range(2):
        path = sender.send(DELIVERY)
    assert [str(each) for each in (tmp_path / "notes").iterdir()] == [path]
    text = as_markdown(CONTENT)
    assert "\\[x\\](https" in text and f"(<{CONTENT.link}>)" in text
    assert "`orders-worker`" in text and CONTENT.steps[0] in text
    (tmp_path / "file").touch()
    blocked = made(tmp_path, "markdown", folder=str(tmp_path / "file" / "x"))
    assert failure(blocked)[1] is False


def test_secrets_come_from_the_environment_a_file_and_aws(tmp_path, monkeypatch, front):
    (tmp_path / "hook").write_text("https://c.example\n")
    monkeypatch.setenv("HOOK", "https://d.example")
    boto3.client("secretsmanager").create_secret(Name="hook", SecretString='{"url": "https://a.example"}')
    boto3.client("ssm").put_parameter(Name="/hook", Value="https://b.example", Type="SecureString")
    aws_of = account_of(None, None)
    for reference, value in (
        ("secretsmanager:hook#url", "https://a.example"),
        ("ssm:/hook", "https://b.example"),
        (f"file:{tmp_path / 'hook'}", "https://c.example"),
        ("env:HOOK", "https://d.example"),
    ):
        assert secret_value(reference, aws_of) == value
    for reference, said in (
        ("secretsmanager:hook#none", "no JSON object with this key"),
        ("env:NONE", "missing"),
        ("file:/nonexistent", "can't be read"),
    ):
        with pytest.raises(InputError, match=said):
            secret_value(reference, aws_of)
    assert failure(made(tmp_path, "slack", webhook="ssm:/none"))[0] is False


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize(
    "kind",
    [NEW_INCIDENT, RECURRING, RESOLVED, CAUSE_KNOWN, WORSE, "no-change", "run-failed", "delivery-failed"],
)
def test_every_kind_has_texts_in_both_languages(kind, language):
    before = replace(INCIDENT, cause="downstream_slow", impact={"lost_messages": 1})
    after = replace(INCIDENT, end=at(3), impact={"lost_messages": 2, "dead_letters": 5})
    notice = replace(NOTICE, kinds=(kind,), incident=after, before=before, earlier=2, error="It broke.")
    found = diagnosis(start=1.5, cause="consumer_failing", facts={"lost_messages": 2, "dead_letters": 5})
    content = content_of(
        notice, None if kind.endswith("failed") else found, language, UTC, "https://x.example"
    )
    assert content.title and content.language == language
    for text in (slack_message(content), as_html(content), as_markdown(content)):
        assert "orders" in json.dumps(text)
    if kind == "worse":
        assert len(content.changes) == 2
    if not kind.endswith("failed"):
        assert len(content.steps) == 1 and len(content.sentences) == 1


# A Slack app


@pytest.fixture
def app(tmp_path, webhook, monkeypatch):
    monkeypatch.setenv("TOKEN", "xoxb-secret-part")
    api = f"{webhook.url.partition('/services')[0]}/api/"
    return made(tmp_path, "slack", token="env:TOKEN", channel="#on-call", api=api)


def said(**values):
    return (200, {}, json.dumps(values).encode())


def test_a_slack_app_keeps_an_incident_in_one_thread_with_its_timeline(tmp_path, webhook, app, page):
    upload = webhook.url.replace("/services", "/upload")
    posted = said(ok=True, channel="C1", ts="1732500000.000100")
    webhook.answers = [posted, said(ok=True, upload_url=upload, file_id="F1"), 200, said(ok=True)]
    result = json.loads((page / "result.json").read_text())
    (page / "result.json").write_text(json.dumps(result | {"figures": ["timeline.png"]}))
    receipt = app.send(replace(DELIVERY, page=page))
    assert receipt == "C1/1732500000.000100"
    (post, posted_body), (place, requested), (to, image), (finish, finished) = webhook.posted
    assert (post, place, finish) == (
        "/api/chat.postMessage",
        "/api/files.getUploadURLExternal",
        "/api/files.completeUploadExternal",
    )
    assert json.loads(posted_body)["channel"] == "#on-call" and "thread_ts" not in json.loads(posted_body)
    assert parse_qs(requested.decode()) == {"filename": ["timeline.png"], "length": ["3"]}
    assert (to.split("/")[1], image) == ("upload", b"png")
    assert json.loads(finished) == {
        "files": [{"id": "F1", "title": "timeline.png"}],
        "channel_id": "C1",
        "thread_ts": "1732500000.000100",
    }
    heads = [each.get("Authorization") for each in webhook.headers]
    assert heads == ["Bearer xoxb-secret-part"] * 2 + [None, "Bearer xoxb-secret-part"]
    webhook.answers = [said(ok=True, channel="C1", ts="1732500009.000200")]
    app.send(replace(DELIVERY, thread_root=receipt))
    reply = json.loads(webhook.posted[-1][1])
    assert (reply["channel"], reply["thread_ts"]) == ("C1", "1732500000.000100")


def test_a_slack_app_without_the_right_to_upload_has_delivered_its_message(webhook, app, page):
    (page / "result.json").write_text('{"status": "ok", "figures": ["timeline.png"]}')
    denied = said(ok=False, error="missing_scope", needed="files:write")
    webhook.answers = [said(ok=True, channel="C1", ts="1.2"), denied]
    receipt = app.send(replace(DELIVERY, page=page))
    assert receipt.startswith("C1/1.2 ") and "files:write" in receipt


@pytest.mark.parametrize(
    ("answer", "temporary", "arrived"),
    [
        (said(ok=False, error="channel_not_found"), False, False),
        (said(ok=False, error="ratelimited"), True, False),
        (said(ok=False, error="fatal_error"), False, True),
        ((200, {}, b"<html>"), False, True),
        ((429, {"Retry-After": "30"}, b""), True, False),
    ],
)
def test_errors_of_slack_say_whether_the_message_may_have_arrived(webhook, app, answer, temporary, arrived):
    webhook.answers = [answer]
    found = failure(app)
    assert found[:2] == (temporary, arrived) and "secret-part" not in found[2]
