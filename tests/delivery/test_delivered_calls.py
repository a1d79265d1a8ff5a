"""Calls of destinations over a network: what each sends, and what its failures mean."""

import json
import smtplib
import socket
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs

import pytest
from worlds.deliveries import NO_WAIT, Received, at, diagnosis, world
from worlds.printed import is_error, said
from worlds.receivers import Webhook

from watchme_analysis.config import Destination, System
from watchme_analysis.delivery.changes import Incident
from watchme_analysis.delivery.content import Content
from watchme_analysis.delivery.destinations.aws_calls import delivered
from watchme_analysis.delivery.destinations.base import Delivery, DeliveryError
from watchme_analysis.delivery.destinations.files import FilesSender, Retention
from watchme_analysis.delivery.destinations.http_post import post
from watchme_analysis.delivery.destinations.s3 import S3Sender
from watchme_analysis.delivery.destinations.slack_app import SlackAppSender
from watchme_analysis.delivery.destinations.smtp_mail import EmailSender
from watchme_analysis.delivery.destinations.webhooks import slack_message
from watchme_analysis.delivery.notice import Notice
from watchme_analysis.delivery.ownership import OwnedElsewhereError, Ownership
from watchme_analysis.delivery.run import Run, run_digest
from watchme_analysis.delivery.secret_values import Secret
from watchme_analysis.delivery.state import State, SystemState
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.text.message import Choice, TimeSpan

INCIDENT = Incident("orders-backlog-1", at(1.5), None, "consumer_failing", None, 0.9, {})
NOTICE = Notice("n-1", ("worse",), "orders", "backlog", at(2), INCIDENT)
CONTENT = Content("Title", ("Changed.",), (), (), (), "en")
DELIVERY = Delivery(NOTICE, CONTENT, None)


@pytest.fixture
def hook():
    server = Webhook()
    yield server
    server.close()


@pytest.fixture
def page(tmp_path):
    """A report with a timeline."""
    folder = tmp_path / "20251125T020000Z-backlog-orders"
    folder.mkdir()
    (folder / "report.html").write_text("page")
    (folder / "01-timeline.png").write_bytes(b"png")
    result = {
        "status": "ok", "question": "backlog", "case": "orders", "diagnosis": diagnosis(),
        "started_at": at(2).isoformat(), "figures": ["01-timeline.png"],
    }  # fmt: skip
    (folder / "result.json").write_text(json.dumps(result))
    return folder


def refusal(call, *given, **more):
    with pytest.raises(DeliveryError) as refused:
        call(*given, **more)
    return refused.value


# HTTP


def test_a_request_has_its_type_path_and_headers(hook):
    url = f"http://127.0.0.1:{hook.port}"
    assert post(f"{url}/a?b=c", b"data", content_type="text/plain", headers={"X-Own": "1"}) == "ok"
    assert post(url, b"{}") == "ok"
    assert [path for path, _ in hook.posted] == ["/a?b=c", "/"]
    first, second = hook.headers
    assert (first["Content-Type"], first["X-Own"], first["User-Agent"]) == (
        "text/plain",
        "1",
        "watchme-analysis",
    )
    assert second["Content-Type"] == "application/json; charset=utf-8"


def test_a_status_says_whether_to_repeat_and_whether_it_arrived(hook):
    for status, temporary, arrived in (
        (400, False, False), (404, False, False), (408, True, False), (425, True, False), (429, True, False),
        (499, False, False), (500, True, False), (502, True, True), (503, True, False), (504, True, True),
    ):  # fmt: skip
        hook.answers = [(status, {"Retry-After": "7"}, b"")]
        error = refusal(post, f"http://127.0.0.1:{hook.port}", b"{}")
        assert error.args[0].id == "error-destination-status" and str(status) in str(error)
        assert (error.is_temporary, error.may_have_arrived, error.retry_after_s) == (temporary, arrived, 7.0)


def test_a_url_that_is_none_or_closed_was_sent_nothing(monkeypatch):
    for url in ("ftp://example.com", "http://", "http://[", "http://example.com:port", "hook"):
        error = refusal(post, url, b"")
        assert is_error(error, "error-secret-no-url") and not error.is_temporary
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    error = refusal(post, f"http://127.0.0.1:{port}", b"")
    assert error.args[0].id == "error-destination-unreachable"
    assert (error.is_temporary, error.may_have_arrived) == (True, False)

    def silent(self):
        raise TimeoutError

    monkeypatch.setattr("http.client.HTTPConnection.connect", silent)
    error = refusal(post, "http://192.0.2.1", b"", 2.5)
    assert is_error(error, "error-no-connection", seconds="2.5")
    assert (error.is_temporary, error.may_have_arrived) == (True, False)


def test_a_proxy_of_the_environment_is_used_unless_the_host_is_excepted(hook, monkeypatch):
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{hook.port}")
    monkeypatch.setenv("no_proxy", "excepted.example.com")
    assert post("http://hook.example.com/a?b", b"x") == "ok"
    # A proxy receives the whole address.
    assert hook.posted == [("http://hook.example.com/a?b", b"x")]
    opened = []

    def connect(connection):
        opened.append(connection)
        raise ConnectionRefusedError

    monkeypatch.setattr("http.client.HTTPSConnection.connect", connect)
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{hook.port}")
    for url in ("https://hook.example.com/a", "https://excepted.example.com:444/a"):
        refusal(post, url, b"x", 5.0)
    tunnelled, direct = opened
    assert (tunnelled.host, tunnelled.port, tunnelled._tunnel_host) == (
        "127.0.0.1", hook.port, "hook.example.com"
    )  # fmt: skip
    assert (direct.host, direct.port, direct._tunnel_host) == ("excepted.example.com", 444, None)


# Slack


@pytest.fixture
def app(hook, monkeypatch):
    monkeypatch.setenv("SLACK_TOKEN", "xoxb-1")
    return SlackAppSender(Secret("env:SLACK_TOKEN", None), "C1", f"http://127.0.0.1:{hook.port}/api/")


def answered(hook, *bodies):
    hook.answers = [(200, {}, json.dumps(each).encode()) for each in bodies]


def test_an_app_posts_the_message_and_the_timeline_in_its_thread(hook, app, page):
    place = {"ok": True, "upload_url": f"http://127.0.0.1:{hook.port}/upload", "file_id": "F1"}
    answered(hook, {"ok": True, "channel": "C9", "ts": "1.5"}, place, {}, {"ok": True})
    assert app.send(replace(DELIVERY, page=page)) == "C9/1.5"
    paths, bodies = zip(*hook.posted, strict=True)
    assert paths == (
        "/api/chat.postMessage", "/api/files.getUploadURLExternal", "/upload",
        "/api/files.completeUploadExternal",
    )  # fmt: skip
    assert json.loads(bodies[0]) == {"channel": "C1", **slack_message(CONTENT)}
    assert parse_qs(bodies[1].decode()) == {"filename": ["01-timeline.png"], "length": ["3"]}
    assert bodies[2] == b"png"
    assert json.loads(bodies[3]) == {
        "files": [{"id": "F1", "title": "01-timeline.png"}], "channel_id": "C9", "thread_ts": "1.5"
    }  # fmt: skip
    types = [headers["Content-Type"] for headers in hook.headers]
    assert types[1:3] == ["application/x-www-form-urlencoded", "application/octet-stream"]
    assert [headers["Authorization"] for headers in hook.headers] == [
        "Bearer xoxb-1", "Bearer xoxb-1", None, "Bearer xoxb-1"
    ]  # fmt: skip


def test_a_later_message_of_an_incident_is_in_the_thread_of_the_first(hook, app):
    for root, incident, thread in (
        ("C9/1.5", INCIDENT, {"channel": "C9", "thread_ts": "1.5"}), ("C9/1.5", None, {"channel": "C1"}),
        ("other", INCIDENT, {"channel": "C1"}), (None, INCIDENT, {"channel": "C1"}),
    ):  # fmt: skip
        answered(hook, {"ok": True, "channel": "C9", "ts": "2.5"})
        app.send(replace(DELIVERY, thread_root=root, notice=replace(NOTICE, incident=incident)))
        sent = json.loads(hook.posted[-1][1])
        assert {name: sent[name] for name in ("channel", "thread_ts") if name in sent} == thread


def test_an_image_that_fails_is_a_note_on_a_delivered_message(hook, app, page):
    answered(hook, {"ok": True, "channel": "C9", "ts": "1.5"}, {"ok": False, "error": "no_permission"})
    receipt = app.send(replace(DELIVERY, page=page))
    reason = said(
        "error-slack-refused", method="files.getUploadURLExternal", code="no_permission", scope="None"
    )
    assert receipt == said("delivery-no-timeline", receipt="C9/1.5", reason=reason)


def test_refusals_of_slack_say_whether_the_message_may_have_arrived(hook, app, monkeypatch):
    for error, temporary, arrived in (
        ("ratelimited", True, False), ("fatal_error", False, True), ("x" * 101, False, False)
    ):  # fmt: skip
        answered(hook, {"ok": False, "error": error})
        found = refusal(app.send, DELIVERY)
        code = error if len(error) <= 100 else "x" * 99 + "…"
        assert is_error(found, "error-slack-refused", method="chat.postMessage", code=code, scope=None)
        assert (found.is_temporary, found.may_have_arrived) == (temporary, arrived)
    answered(hook, {"ok": False, "error": "missing_scope", "needed": "chat:write"})
    scope = {"method": "chat.postMessage", "code": "missing_scope", "scope": "chat:write"}
    assert is_error(refusal(app.send, DELIVERY), "error-slack-scope", **scope)
    for body in (b"no json", b"[1]"):
        hook.answers = [(200, {}, body)]
        found = refusal(app.send, DELIVERY)
        assert is_error(found, "error-slack-no-json", method="chat.postMessage") and found.may_have_arrived
    monkeypatch.setenv("SLACK_TOKEN", "two\nlines")
    sender = SlackAppSender(Secret("env:SLACK_TOKEN", None), "C1", app.api)
    assert is_error(refusal(sender.send, DELIVERY), "error-slack-token", reference="env:SLACK_TOKEN")
    monkeypatch.delenv("SLACK_TOKEN")
    sender = SlackAppSender(Secret("env:SLACK_TOKEN", None), "C1", app.api)
    assert is_error(refusal(sender.send, DELIVERY), "error-secret-missing", reference="env:SLACK_TOKEN")


# Mail


def test_a_mail_server_out_of_reach_or_that_refuses_for_now_is_a_temporary_failure(monkeypatch):
    sender = EmailSender("mail.example.com", 587, "a@example.com", ("b@example.com",))
    monkeypatch.setattr("smtplib.SMTP.__init__", lambda *given, **more: (_ for _ in ()).throw(TimeoutError()))
    place = "mail.example.com:587"
    error = refusal(sender.send, DELIVERY)
    assert is_error(error, "error-mail-silent", place=place, seconds=f"{sender.timeout_s:g}")
    assert (error.is_temporary, error.may_have_arrived) == (True, False)
    for code, temporary in ((399, False), (400, True), (499, True), (500, False)):

        def refuses(*given, code=code, **more):
            raise smtplib.SMTPConnectError(code, b"")

        monkeypatch.setattr("smtplib.SMTP.__init__", refuses)
        error = refusal(sender.send, DELIVERY)
        assert is_error(error, "error-mail-refused", place=place, code=code)
        assert (error.is_temporary, error.may_have_arrived) == (temporary, False)
    secret = replace(sender, password=Secret("env:NO_SUCH_PASSWORD", None))
    assert is_error(refusal(secret.send, DELIVERY), "error-secret-missing", reference="env:NO_SUCH_PASSWORD")


# AWS


class Refused:
    """An account that refuses each call."""

    def __init__(self, error):
        self.error = error

    def __call__(self, region):
        return self

    def call(self, *given, **more):
        raise self.error

    client = call


def test_a_call_that_aws_refuses_is_a_delivery_that_failed():
    from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

    def failed(cause, retryable):
        error = ServiceError("It failed.")
        error.retryable, error.__cause__ = retryable, cause
        found = refusal(delivered, Refused(error), "sns", "publish")
        return str(found), found.is_temporary, found.may_have_arrived

    unsent = EndpointConnectionError(endpoint_url="x")
    assert failed(None, False) == ("It failed.", False, False)
    assert failed(unsent, True) == ("It failed.", True, False)
    # A response that was waited for in vain.
    assert failed(ReadTimeoutError(endpoint_url="x"), True) == ("It failed.", True, True)
    assert failed(ReadTimeoutError(endpoint_url="x"), False) == ("It failed.", False, False)


def site(tmp_path, account, **changes):
    values = {
        "bucket": "b", "prefix": "p/", "retention": Retention(None, False), "copy": tmp_path / "copy",
        "aws_of": account, "link_valid": timedelta(hours=1), "encryption": {},
    }  # fmt: skip
    return S3Sender(**(values | changes))


class Bucket:
    """An account that notes what is put into a bucket, and what is deleted from it."""

    def __init__(self, keys=()):
        self.put, self.deleted, self.keys = [], [], keys

    def __call__(self, region):
        assert region is None
        return self

    def call(self, service, operation, **values):
        if operation == "delete_objects":
            self.deleted.append([each["Key"] for each in values["Delete"]["Objects"]])
            assert values["Delete"]["Quiet"] is True
        else:
            self.put.append(
                (values["Key"], values["ContentType"], {*values} - {"Bucket", "Key", "Body", "ContentType"})
            )
        return {}

    def items(self, service, operation, key, **values):
        assert (service, operation, key, values["Bucket"]) == ("s3", "list_objects_v2", "Contents", "b")
        return [{"Key": f"{values['Prefix']}{number}"} for number in self.keys]


def test_the_page_is_uploaded_after_its_figures_and_the_index_last(tmp_path, page):
    bucket = Bucket()
    sender = site(tmp_path, bucket, encryption={"ServerSideEncryption": "AES256"})
    assert sender.send(replace(DELIVERY, page=page)) == f"s3://b/p/{page.name}/report.html"
    names = [key.removeprefix("p/").removeprefix(f"{page.name}/") for key, *_ in bucket.put]
    assert {*names[:2]} == {"01-timeline.png", "result.json"}
    assert names[2:] == ["report.html", "notice.json", "index.html"]
    kinds = {name: kind for name, (_, kind, _) in zip(names, bucket.put, strict=True)}
    assert (kinds["report.html"], kinds["01-timeline.png"]) == ("text/html; charset=utf-8", "image/png")
    assert all(more == {"ServerSideEncryption"} for *_, more in bucket.put)
    # The copy holds the result, and an empty file for each other one.
    copied = {path.name: path.stat().st_size for path in (tmp_path / "copy" / page.name).iterdir()}
    assert copied["result.json"] > 0 and copied["report.html"] == copied["01-timeline.png"] == 0


def test_objects_of_an_old_report_are_deleted_a_thousand_at_a_time(tmp_path, page):
    bucket = Bucket(range(1001))
    sender = site(tmp_path, bucket, retention=Retention(timedelta(days=1), False))
    sender.send(replace(DELIVERY, page=page))
    newer = page.rename(page.with_name("20251128T020000Z-backlog-orders"))
    later = replace(NOTICE, created_at=at(75), incident=None)
    sender.send(replace(DELIVERY, page=newer, notice=later))
    assert [len(batch) for batch in bucket.deleted] == [1000, 1]
    assert bucket.deleted[0][0] == f"p/{page.name}/0"
    # Nothing of it is left in the copy, not even under another name.
    assert {path.name for path in (tmp_path / "copy").iterdir() if path.is_dir()} == {newer.name}


def test_a_copy_that_can_not_be_written_is_a_temporary_failure(tmp_path, page, monkeypatch):
    bucket = Bucket()
    sender = site(tmp_path, bucket)

    def full(self, delivery):
        raise OSError(28, "No space", "x")

    monkeypatch.setattr(S3Sender, "_keep_copy", full)
    error = refusal(sender.send, replace(DELIVERY, page=page))
    assert error.args[0].id == "error-site-copy-unwritable" and error.is_temporary

    def other(self, delivery):
        raise InputError("It is wrong.")

    monkeypatch.setattr(S3Sender, "_keep_copy", other)
    error = refusal(sender.send, replace(DELIVERY, page=page))
    assert (str(error), error.is_temporary) == ("It is wrong.", False)


def test_a_message_goes_without_a_link_that_can_not_be_signed(tmp_path, page):
    delivery = replace(DELIVERY, page=page)
    assert site(tmp_path, Refused(ServiceError("No."))).link(delivery) is None
    assert site(tmp_path, Bucket(), link_valid=None).link(delivery) is None
    signed = []

    class Client:
        def generate_presigned_url(self, operation, **values):
            signed.append((operation, values))
            return "https://signed.example.com"

    account = Refused(None)
    account.client = lambda name: Client()
    assert site(tmp_path, account).link(delivery) == "https://signed.example.com"
    where = {"Bucket": "b", "Key": f"p/{page.name}/report.html"}
    assert signed == [("get_object", {"Params": where, "ExpiresIn": 3600})]


def test_a_report_that_can_not_be_copied_is_a_temporary_failure(tmp_path, page, monkeypatch):
    def full(*given):
        raise OSError(28, "No space left", "x")

    monkeypatch.setattr("watchme_analysis.delivery.destinations.files.copy_report", full)
    sender = FilesSender(tmp_path / "site", Retention(None, False))
    error = refusal(sender.send, replace(DELIVERY, page=page))
    expected = {"folder": tmp_path / "site", "reason": "No space left"}
    assert is_error(error, "error-report-unwritable", **expected) and error.is_temporary


class Record:
    """A bucket with the record of an owner."""

    def __init__(self, body=None):
        self.body, self.written = body, []

    def __call__(self, region):
        return self

    def call(self, service, operation, **values):
        import io

        if operation == "get_object":
            assert values == {"Bucket": "b", "Key": "k"}
            return {"Body": io.BytesIO(self.body)}
        self.written.append(values)
        if self.body is not None and "IfNoneMatch" in values:
            cause = Exception()
            cause.response = {"Error": {"Code": "PreconditionFailed"}}
            raise ServiceError("Taken.") from cause
        return {}


def test_the_owner_is_recorded_once_and_another_one_is_named(tmp_path):
    state, free = State(tmp_path), Record()
    Ownership("b", "k", free).check(state, "orders", at(2))
    own = state.owner()
    [written] = free.written
    record = json.loads(written.pop("Body"))
    host = record.pop("host")
    assert (record, host) == (
        {"id": own, "system": "orders", "since": "2025-11-25T02:00:00+00:00"},
        socket.gethostname(),
    )
    assert written == {"Bucket": "b", "Key": "k", "ContentType": "application/json", "IfNoneMatch": "*"}
    # The same folder again, one that is redacted, and one that takes over.
    Ownership("b", "k", Record(json.dumps({"id": own}).encode())).check(state, "orders", at(3))
    quiet = Record()
    Ownership("b", "k", quiet, names_host=False).check(state, "orders", at(3))
    assert "host" not in json.loads(quiet.written[0]["Body"])
    taken = Record(b'{"id": "other"}')
    Ownership("b", "k", taken, takes_over=True).check(state, "orders", at(3))
    assert "IfNoneMatch" not in taken.written[0]
    for body, known, name, since in (
        (b'{"id": "x", "host": "h", "since": "s"}', "host", "h", "s"), (b"no json", "nothing", "", "?"),
        (b"[]", "nothing", "", "?"),
    ):  # fmt: skip
        with pytest.raises(OwnedElsewhereError) as refused:
            Ownership("b", "k", Record(body)).check(state, "orders", at(3))
        values = {"known": Choice(known), "host": name, "since": since, "record": "s3://b/k"}
        assert is_error(refused.value, "error-owned-elsewhere", system="orders", **values)
    other = ServiceError("Denied.")
    with pytest.raises(ServiceError, match="Denied"):
        Ownership("b", "k", Refused(other)).check(state, "orders", at(3))


# Runs


def test_a_dry_run_names_who_would_receive_what(tmp_path):
    found = world(tmp_path, chat=Received())
    planned = found.run(2, diagnosis(start=1), is_dry=True)["deliveries"]
    [one] = planned
    assert (one["destination"], one["kind"], one["status"], one["detail"]) == (
        "chat",
        "new-incident",
        "planned",
        "",
    )
    assert State(tmp_path).system("orders") == SystemState()


def test_a_run_with_missing_parts_is_partial_and_one_out_of_time_fails(tmp_path):
    found = world(tmp_path, chat=Received())
    result = found.run(2, diagnosis(start=1), deadline_s=0.0)
    assert result["status"] == "failed"
    expected = {"system": "orders", "seconds": "0", "step": Choice("diagnosis")}
    assert result["error"] == said("error-run-deadline", **expected)


def test_a_dry_run_delivers_nothing_that_is_pending(tmp_path):
    chat = Received(DeliveryError("It is down."))
    found = world(tmp_path, chat=chat)
    assert found.run(2, diagnosis(start=1))["status"] == "partial"
    stored = State(tmp_path).system("orders")
    found.run(3, diagnosis(start=1), is_dry=True)
    assert chat.arrived == [] and State(tmp_path).system("orders") == stored
    found.run(4, diagnosis(start=1))
    assert chat.arrived == [("new-incident",)]


def test_what_a_run_did_is_in_its_result_and_in_the_history(tmp_path):
    found = world(tmp_path, chat=Received())
    result = found.run(2, diagnosis(start=1, cause="throttled", facts={"lost_messages": 3}))
    seconds = result.pop("seconds")
    [case] = (tmp_path / "orders" / "cases").iterdir()
    incident = {"start": at(1).isoformat(), "end": None}
    about = {"headline": "orders-worker fails.", "cause_line": "Cause: throttled."}
    about |= {"verdict": "supported", "cause": "throttled", "confidence": 0.9, "incident": incident}
    assert 0 <= seconds < 60
    delivery = result["deliveries"][0]
    assert result == {
        "system": "orders", "started_at": at(2).isoformat(timespec="seconds"), "status": "ok", "error": None,
        "window": {"start": at(-22).isoformat(), "end": at(2).isoformat()}, "case": str(case), "missing": [],
        "questions": {"backlog": about | {"changes": ["new-incident"]}}, "deliveries": [delivery],
        "gb_scanned": 0.5, "telemetry": None, **{name: result[name] for name in result if name == "resumed"},
    }  # fmt: skip
    assert (delivery["status"], delivery["detail"]) == ("confirmed", "receipt-1")
    [kept] = State(tmp_path).runs("orders")
    figures = {
        "dead_letters": None, "lost": 3, "late": None, "missed_work": None, "drifts": [],
        "alarms_without_cause": [],
    }  # fmt: skip
    assert kept["figures"] == {"backlog": figures}
    names = ("started_at", "status", "error", "window", "questions", "gb_scanned", "telemetry")
    assert {name: kept[name] for name in names} == {name: result[name] for name in names}


def test_a_run_with_missing_evidence_is_partial(tmp_path, monkeypatch):
    from watchme_analysis.delivery import run as runs

    collected = runs.Collected
    monkeypatch.setattr(
        "worlds.deliveries.Collected",
        lambda case, window, gb, telemetry=None: collected(case, window, gb, ("No logs.",), telemetry),
    )
    result = world(tmp_path, chat=Received()).run(2, diagnosis(start=1))
    assert (result["status"], result["missing"]) == ("partial", ["No logs."])


def test_cases_of_earlier_runs_are_removed_but_for_the_last_ones(tmp_path):
    found, kept = world(tmp_path, chat=Received()), []
    for hour in range(1, 11):
        found.run(hour, diagnosis())
        left = sorted(int(path.name) for path in (tmp_path / "orders" / "cases").iterdir())
        assert left == [*range(left[0], hour + 1)]  # the last ones, that of this run among them
        kept.append(len(left))
    assert kept[-1] == max(kept) < 10


def test_a_digest_is_delivered_once_and_a_dry_one_only_named(tmp_path):
    chat = Received()
    chat.checkpoint = lambda moment: None
    days = timedelta(days=1)

    def digest(**more):
        destinations = {"chat": Destination("chat", "sns", when="changes", settings={})}
        run = Run(
            System("orders"), destinations, {"chat": chat}, None, State(tmp_path),
            clock=lambda: at(30), pace=NO_WAIT, **more,
        )  # fmt: skip
        return run_digest(run, days, 0.5)

    # The day before the last midnight.
    name = "digest-20251125T0000Z-20251126T0000Z-orders"
    planned = digest(is_dry=True)
    about = {"destination": "chat", "notice": name, "kind": "digest"}
    assert planned["deliveries"] == [about | {"status": "planned", "detail": ""}]
    assert planned["window"] == {"start": at(0).isoformat(), "end": at(24).isoformat()}
    assert planned["digest"]["runs"] == 0 and chat.arrived == []
    made = digest()
    assert made["deliveries"] == [about | {"status": "confirmed", "detail": "receipt-1"}]
    [delivery] = chat.deliveries
    assert delivery.content.title == said("digest-title", system="orders", span=TimeSpan(at(0), at(24)))
    # The same days again are the same digest, which was delivered.
    assert digest()["deliveries"] == [] and len(chat.deliveries) == 1
