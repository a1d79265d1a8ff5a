"""Each known message is recognised by its own sample, and states only what exists."""

import re
import subprocess
import tomllib
from importlib.resources import files

import pytest

from watchme_analysis import log_messages
from watchme_analysis.inference.causes import LAYERS, causes
from watchme_analysis.log_messages.known_messages import known_message, known_messages
from watchme_analysis.services.explain import explain
from watchme_analysis.text.message import values_of
from watchme_analysis.text.render import placeholders, render

MESSAGES = known_messages()
KEYS = {"id", "text", "speaker", "meaning", "ja", "excluded", "causes", "commands", "sample", "source"}


def test_each_sample_shows_its_own_message():
    shown = {known.id: [each.kind for each in explain(known.sample).kinds] for known in MESSAGES}
    assert shown == {known.id: [known.id] for known in MESSAGES}
    assert len(shown) == len(MESSAGES) > 150


def test_each_text_is_found_within_a_line():
    """The longest text of a line counts: another message may be found, but none with shorter texts only."""
    for known in MESSAGES:
        for pattern in known.patterns:
            found = known_message(f"before {'value'.join(pattern.literals)} after")
            assert found, (known.id, pattern)
            length = max(sum(map(len, each.literals)) for each in found[0].patterns)
            assert length >= sum(map(len, pattern.literals)), (known.id, pattern)


def test_colons_of_an_ipv6_host_end_no_value():
    line = "http: proxy error: dial tcp [2001:db8::8]:8000: connect: connection refused"
    found = known_message(line)
    assert found is not None
    assert found[1] == {"host": "[2001:db8::8]", "port": "8000"}


@pytest.mark.parametrize(
    "line",
    [
        "Memory cgroup out of memory: Killed process 41 (python) total-vm:4194304kB, anon-rss:2096000kB",
        "[  812.004] Killed process 41 (python) total-vm:4194304kB, anon-rss:2096000kB, file-rss:0kB",
        "kernel: Killed process 41 (java), UID 99, total-vm:4194304kB, anon-rss:2096000kB, file-rss:0kB",
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),task_memcg=/docker/5f2c,task=python,pid=41,uid=0",
        "Task in /docker/5f2c killed as a result of limit of /docker/5f2c",
    ],
)
def test_kernels_of_every_age_report_a_kill_for_memory(line):
    assert [kind.kind for kind in explain(line).kinds] == ["kernel-oom"]


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("celery-worker-lost", "Process 'ForkPoolWorker-7' pid:41 exited with 'signal 9 (SIGKILL)'"),
        ("task-time-limit", "Soft time limit (240s) exceeded for app.tasks.convert[8f5d0c1e]"),
        (
            "traefik-health-check-failed",
            'WRN Health check failed. error="HTTP request failed: Get \\"http://192.0.2.18:8000/health\\":'
            ' context deadline exceeded" targetURL=http://192.0.2.18:8000',
        ),
        (
            "traefik-health-check-failed",
            '{"level":"warn","targetURL":"http://192.0.2.18:8000","error":"received error status code: 503",'
            '"time":"2026-03-04T05:06:07Z","message":"Health check failed."}',
        ),
        (
            "traefik-health-check-failed",
            'level=warning msg="Health check failed, removing from server list. Backend: \\"api@docker\\"'
            ' URL: \\"http://192.0.2.18:8000\\" Weight: 1 Reason: received error status code: 503"',
        ),
        (
            "python-certificate",
            "CertificateError(\"hostname 'api.example.com' doesn't match 'example.com'\")",
        ),
        ("broker-unreachable", "kafka: client has run out of available brokers to talk to"),
    ],
)
def test_other_forms_of_a_message_are_recognised(kind, line):
    assert [each.kind for each in explain(line).kinds] == [kind]


def test_causes_and_layers_belong_to_one_question():
    for known in MESSAGES:
        stated = {*known.causes}
        of_question = {question: {each.cause for each in causes(question)} for question in LAYERS}
        fitting = [question for question, ids in of_question.items() if stated <= ids]
        assert fitting, known.id
        assert any({known.speaker, *known.excluded} <= {*LAYERS[question]} for question in fitting), known.id
        for question in known.questions:
            here = known.of_question(question)
            assert here.causes, known.id
            assert {*here.causes} <= of_question[question], known.id
            assert {*here.excluded} <= {*LAYERS[question]}, known.id


def test_no_likely_cause_lies_in_an_excluded_layer():
    layer = {each.cause: each.layer for question in LAYERS for each in causes(question)}
    stated = [known.of_question(question) for question in LAYERS for known in MESSAGES]
    wrong = {known.id for known in stated if {layer[cause] for cause in known.causes} & {*known.excluded}}
    assert wrong == set()


def test_each_entry_has_the_keys_and_values_that_are_read():
    folder = files(log_messages).joinpath("known")
    for file in folder.iterdir():
        for entry in tomllib.loads(file.read_text(encoding="utf-8"))["message"]:
            assert entry.keys() - {"ordinary", *LAYERS} == KEYS, entry["id"]
            assert placeholders(entry["meaning"]) == placeholders(entry["ja"]), entry["id"]
    for known in MESSAGES:
        assert placeholders(render(known.meaning)) <= known.names, known.id
        assert all(pattern.parts for pattern in known.patterns), known.id


def test_each_message_has_a_source_and_a_japanese_meaning():
    for known in MESSAGES:
        assert known.source.startswith("https://"), known.id
        assert re.search(r"[ぁ-ん]", render(known.meaning, "ja")), known.id
        assert values_of(known.meaning), known.id


def test_commands_are_valid_shell():
    shown = "\n".join(command for known in MESSAGES for command in explain(known.sample).kinds[0].commands)
    checked = subprocess.run(["bash", "-n"], input=shown, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert not re.search(r"(?<![%${])\{[a-z_]+\}", shown)


@pytest.mark.parametrize("value", ["$(id)`id`;'|id&&\"", "-rf"])
def test_hostile_value_reaches_no_command(value):
    for known in MESSAGES:
        for pattern in known.patterns:
            parts = zip(pattern.literals, [*pattern.names, ""], strict=False)
            line = "".join(literal + (value if name else "") for literal, name in parts)
            for kind in explain(f"{line} end").kinds:
                assert not [command for command in kind.commands if value in command], known.id
