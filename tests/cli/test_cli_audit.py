"""The command ``watchme audit``: its table, its JSON, and what it does not accept together."""

import json

from worlds.printed import one_line, said

RULE = "dlq"


def test_names_go_with_the_account_and_either_that_or_a_case_is_audited(watchme, small_case):
    for words, message_id in (
        ((), "error-case-or-live"),
        ((small_case.path, "--live"), "error-case-or-live"),
        ((small_case.path, "--queue", "orders"), "error-named-needs-live"),
        ((small_case.path, "--function", "orders"), "error-named-needs-live"),
    ):
        ended = watchme("audit", *words)
        assert ended.returncode == 2
        assert one_line(ended.stderr).startswith(f"watchme: {said(message_id)}")


def test_the_account_is_audited_from_what_the_system_names(front, watchme, tmp_path):
    import boto3

    for name in ("orders", "other"):
        boto3.client("sqs").create_queue(QueueName=name)
    (tmp_path / "watchme.toml").write_text('[systems.orders]\nqueue = "orders"\n')
    audited = json.loads(watchme("audit", "--live", "--json", cwd=tmp_path).stdout)
    lines = watchme("audit", "--live", "--output", "jsonl", cwd=tmp_path).stdout.splitlines()
    assert [json.loads(line)["current"] for line in lines] == [
        each["current"]["sentence"] for each in audited
    ]
    assert {each["resource"] for each in audited if each["rule"] == RULE} == {"orders"}
    # The list of alarms was read, and is empty.
    assert {each["status"] for each in audited if each["rule"] == "alarm"} == {"change"}
    named = json.loads(watchme("audit", "--live", "--queue", "other", "--json", cwd=tmp_path).stdout)
    assert {each["resource"] for each in named if each["rule"] == RULE} == {"other"}
    assert watchme("audit", "--live", "--queue", "missing").returncode == 1
