"""Laws of an explanation: every line is counted once, and nothing is invented."""

import random

import pytest

from watchme_analysis.errors import InputError
from watchme_analysis.inference.causes import cause_names
from watchme_analysis.log_messages.known_messages import known_messages
from watchme_analysis.services.explain import MOST_LINES, explain

REFUSED = next(known.sample for known in known_messages() if known.id == "nginx-refused")
EXPIRED = "curl: (60) SSL certificate problem: certificate has expired"
SAMPLES = [known.sample for known in known_messages()]


def counted(explanation):
    return sum(each.lines for each in explanation.kinds) + explanation.unknown_lines + explanation.trace_lines


def test_every_line_is_counted_once():
    lines = [
        *SAMPLES,
        "nothing known",
        '  File "app.py", line 3, in handle',
        "Traceback (most recent call last):",
    ]
    random.Random(5).shuffle(lines)
    assert counted(explain("\n".join(lines))) == len(lines)


def test_order_of_lines_changes_no_count():
    lines = [*SAMPLES, *SAMPLES[:20], "nothing known"]
    mixed = random.Random(6).sample(lines, len(lines))
    first, second = explain("\n".join(lines)), explain("\n".join(mixed))
    assert {each.kind: each.lines for each in first.kinds} == {each.kind: each.lines for each in second.kinds}
    assert first.unknown_lines == second.unknown_lines == 1


@pytest.mark.parametrize(
    "prefix",
    [
        "nginx-1  | ",
        "[pod/web-7d9c/nginx] ",
        "Mar  4 05:06:07 host nginx[31]: ",
        "2026-03-04T05:06:07.000000000Z stderr F ",
        "<187>",
    ],
)
def test_prefix_of_a_collector_changes_no_meaning(prefix):
    plain, prefixed = explain("\n".join(SAMPLES)), explain("\n".join(prefix + sample for sample in SAMPLES))
    assert [each.kind for each in plain.kinds] == [each.kind for each in prefixed.kinds]


def test_line_cut_at_its_end_keeps_its_meaning():
    cut = REFUSED[: REFUSED.index("upstream: ")]
    assert explain(cut).kinds[0].causes[0] == "app_down"


@pytest.mark.parametrize(
    ("line", "host"),
    [
        ("* Connected to shop.example.net (192.0.2.8) port 443 (#0)", "shop.example.net:443"),
        ("GET https://shop.example.net:8443/orders failed", "shop.example.net:8443"),
        ("> Host: shop.example.net", "shop.example.net:443"),
        ("GET https://192.0.2.8/orders failed", "example.com:443"),
        ("GET https://shop;id.example.net/ failed", "example.com:443"),
        ("started", "example.com:443"),
    ],
)
def test_commands_ask_the_host_that_the_text_names_last(line, host):
    lines = ["GET https://192.0.2.1/", line, EXPIRED, "More details here: https://docs.example.org/"]
    assert f"-connect {host} " in explain("\n".join(lines)).kinds[0].commands[0]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_line_of_a_function_shows_causes_of_both_questions(language):
    found = explain("2026-03-04T05:06:07Z 1f Task timed out after 3.00 seconds")
    for cause in (*cause_names("backlog"), *cause_names("health")):
        is_shown = cause in {*found.kinds[0].causes, *found.kinds[0].endpoint["causes"]}
        assert is_shown == (f"({cause})" in found.text(language))
    assert {*found.kinds[0].endpoint["causes"]} <= {*cause_names("health")}


def test_line_of_a_program_shows_what_it_means_for_a_queue_that_it_works_on():
    (found,) = explain("Error 111 connecting to 192.0.2.8:6379. Connection refused.").kinds
    assert {*found.causes} <= {*cause_names("health")}
    assert "downstream_down" in found.queue["causes"]
    assert not explain(REFUSED).kinds[0].queue


@pytest.mark.parametrize("text", ["", " \n\t\n", "\x00\x01\x02ELF", "PK\x03\x04\x00"])
def test_empty_or_binary_input_is_an_error(text):
    with pytest.raises(InputError, match=r"no log lines|binary"):
        explain(text)


def test_long_input_is_cut_and_says_so():
    explanation = explain("worker_connections are not enough\n" * (MOST_LINES + 1))
    assert counted(explanation) == MOST_LINES
    assert explanation.is_cut
    assert "not read" in explanation.text()


@pytest.mark.parametrize("language", ["en", "ja"])
def test_secrets_are_masked_everywhere(language):
    secret = "hunter2hunter2"
    lines = [f"password={secret} {sample}" for sample in SAMPLES] + [f"unknown token={secret}"]
    explanation = explain("\n".join(lines))
    assert secret not in explanation.text(language)
    assert secret not in str(explanation.to_list(language))
