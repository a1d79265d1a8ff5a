"""What the rewrites of an Nginx server or location make of a path.

Follows https://nginx.org/en/docs/http/ngx_http_rewrite_module.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from watchme_analysis.analysis.configuration.nginx_patterns import found

_REDIRECTS = {"redirect": 302, "permanent": 301}


@dataclass(frozen=True)
class Rewritten:
    """A path after rewrites.

    Attributes
    ----------
    path
        The path, without a query; None when a variable decides.
    status
        Of the redirect that answers at once, else None.
    searches
        Whether a location is looked for anew.
    ended
        Whether nothing of the block that comes behind was done, such as a ``return``.
    """

    path: str | None
    status: int | None = None
    searches: bool = False
    ended: bool = False

    @property
    def stays(self) -> bool:
        """Whether the path stays as it is from then on: ``proxy_pass`` doesn't put its own URI in place."""
        return self.ended and not self.searches and self.status is None


def rewritten(rewrites: Iterable[Sequence[str]], path: str) -> Rewritten:
    """Return what a block's ``rewrite`` statements, in their order, make of a path."""
    searches = False
    for pattern, replacement, *flags in rewrites:
        match = found(pattern, path)
        if match is None:
            continue
        flag = flags[0] if flags else ""
        if flag in _REDIRECTS or re.match(r"https?://|\$scheme", replacement):
            return Rewritten(path, status=_REDIRECTS.get(flag, 302), ended=True)
        path, searches = filled(replacement.split("?")[0], captures(match)), flag != "break"
        if "$" in path:
            return Rewritten(None, searches=searches, ended=True)
        if flag in ("break", "last"):
            return Rewritten(path, searches=searches, ended=True)
    return Rewritten(path, searches=searches)


def captures(match: re.Match[str]) -> dict[str, str]:
    """Return what a match gives to variables: ``$1`` and those of named groups."""
    numbered = {str(at): text or "" for at, text in enumerate(match.groups(), 1)}
    return numbered | {name: text or "" for name, text in match.groupdict().items()}


def filled(text: str, variables: Mapping[str, str]) -> str:
    """Return a text with the variables that are known; ``$name`` and ``${name}`` mean the same."""
    return re.sub(r"\$(?:\{(\w+)\}|(\d|[A-Za-z_]\w*))", lambda m: variables.get(m[1] or m[2], m[0]), text)
