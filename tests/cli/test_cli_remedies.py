"""Commands that change an account, over results that are made up: what each prints, writes and returns."""

import json

from worlds.printed import lines_of, one_line, said

from watchme_analysis.cli.output import Output
from watchme_analysis.cli.redrive import _complete
from watchme_analysis.cli.terminal import Printer
from watchme_analysis.queues.redrive_list import ListedMessage, RedriveList
from watchme_analysis.remedies.redrive import RedriveResult
from watchme_analysis.remedies.verified_redrive import RedriveAudit, RedriveLimits
from watchme_analysis.services.redrive import RedrivePlan, plan_sentences
from watchme_analysis.text.message import message

OUT = Printer("en")
URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders"
LINE = json.dumps({"QueueUrl": URL, "MessageBody": "x"})
DONE, OPEN = message("balance-open"), message("detect-no-incident")


# Redrives


def redrive_plan(path):
    listed = (ListedMessage("m-1", "orders", "orders-dlq", None, None),)
    urls = (("orders", URL), ("orders-dlq", f"{URL}-dlq"))
    found = RedriveList((LINE,), (), listed=listed, urls=urls)
    return RedrivePlan(found, (LINE,), RedriveResult(), path, holds_messages=True, unread=())


def test_a_complete_redrive_writes_its_audit_and_returns_its_outcome(tmp_path, capsys, monkeypatch):
    plan, asked = redrive_plan(tmp_path / "journal"), []
    options = {
        "rate": 2.0, "confirm_within_s": 60.0, "visibility_timeout": 30, "limit": 4, "apply_now": True,
        "profile": "night", "region": None, "to": tmp_path / "audit.json",
    }  # fmt: skip

    def run(outcome, form="table", **changes):
        audit = RedriveAudit(outcome, DONE, (), None, None, tmp_path / "journal", 1.0)

        def complete(given, limits, **more):
            asked.append((given, limits, more["profile"], more["region"]))
            more["report"](OPEN)
            return audit

        monkeypatch.setattr("watchme_analysis.services.redrive.complete_redrive", complete)
        return _complete(plan, options | changes, Output(form), OUT), audit, capsys.readouterr()

    limits = RedriveLimits(2.0, 60.0, visibility_timeout_s=30, most=4)
    code, audit, (out, err) = run("complete")
    sentences = [one_line(each) for each in plan_sentences(plan, limits)]
    journal = said("redrive-audit-journal", journal=str(tmp_path / "journal"))
    assert lines_of(out) == [*sentences, one_line(OPEN), one_line(DONE), journal]
    assert (code, err, asked) == (0, "", [(plan, limits, "night", None)])
    assert json.loads((tmp_path / "audit.json").read_text()) == audit.to_dict()
    # In JSON there is neither a plan nor progress, and its end is a part of it.
    code, audit, (out, err) = run("stopped", "json", to=None)
    assert (code, json.loads(out), err) == (1, {"sentence": one_line(DONE)} | audit.to_dict(), "")
    code, _, (out, err) = run("refused", "jsonl", to=None)
    assert (code, out.strip(), lines_of(err)) == (2, "", [one_line(DONE)])
