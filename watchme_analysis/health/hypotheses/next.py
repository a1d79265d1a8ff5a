"""Values of a case for the placeholders in the next tests of causes."""

from __future__ import annotations

from watchme_analysis.health.hypotheses.container import LOOPBACK, variables
from watchme_analysis.health.hypotheses.facts import Facts, once_per_facts
from watchme_analysis.health.hypotheses.handlers import handlers_by_route, pool_tokens
from watchme_analysis.health.hypotheses.missing import addresses
from watchme_analysis.health.hypotheses.process import own_source
from watchme_analysis.inference.signals import Observation
from watchme_analysis.text.message import Code, Message, Text, in_each_language, message
from watchme_analysis.text.render import render
from watchme_analysis.text.shell_quoting import shell_word


def filled_in(found: Facts, text: Text, one: Observation | None = None) -> Text:
    """Return the text of a next test with the addresses and numbers of a case.

    Parameters
    ----------
    found
        The facts.
    text
        Text with placeholders: ``{host_url}`` (URL that Nginx asks), ``{public_url}``, ``{container_url}``,
        ``{container_ip}``, ``{pool_threads}`` and ``{detail}``.
    one
        Observation that the test belongs to, whose detail is ``{detail}``.
    """
    return in_each_language(text, lambda language, words: _filled_in(found, words, one, language))


def _filled_in(found: Facts, text: str, one: Observation | None, language: str) -> str:
    if "{" not in text:
        return text
    endpoint = found.example_path
    inner = found.nginx_routes.passed_as([endpoint]).get(endpoint, endpoint)
    service = addresses(found).upstream if found.services else "CONTAINER:PORT"
    # What answers at a published port of loopback is a program of the host: no way into the container.
    local = service.rsplit(":", 1)[0] in LOOPBACK
    container = "CONTAINER_IP:PORT" if local else service
    values = {
        "host_url": shell_word(f"http://{service}{inner}", "URL"),
        "public_url": shell_word(f"https://HOST{endpoint}", "URL"),
        "container_url": shell_word(f"http://{container}{inner}", "URL"),
        "container_ip": shell_word(container.rsplit(":", 1)[0], "CONTAINER_IP"),
        "detail": render(one.detail, language) if one is not None and one.detail else "",
    }
    if "{pool_threads}" in text:
        values["pool_threads"] = render(_pool_threads(found), language)
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


@once_per_facts
def _pool_threads(found: Facts) -> Message:
    """Return the threads of the pool that handlers share, with their number where the source has it."""
    calls = own_source(found, "app_calls")
    handlers = handlers_by_route(own_source(found, "app_handlers"), calls, list(found.routes))
    tokens = pool_tokens(calls, found.table("app_processes"), handlers.values(), variables(found))
    if tokens:
        return message("health-pool-threads", threads=tokens)
    return message("health-pool-threads-unknown", name=Code("asyncio_N"))
