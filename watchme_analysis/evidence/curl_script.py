"""Shell script that probes with curl, for machines without Python."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from urllib.parse import urlsplit

from watchme_analysis.evidence.prober import COLUMNS, ENOUGH_BYTES


def curl_lines(
    targets: Iterable[tuple[str, str]],
    every_s: float,
    timeout_s: float,
    headers: Iterable[str] = (),
    *,
    output: str = "probes.csv",
    insecure: bool = False,
) -> str:
    """Return shell lines that probe targets (vantage, URL) with curl and write the same columns as `prober`.

    Headers are ``NAME: VALUE`` or ``@FILE``. Their values are not printed, except for ``Host``: the script
    reads them from variables, because printed text may end up in a log. ``insecure`` accepts any certificate.
    """
    unset, options = _curl_headers(headers)
    options += "-k " * insecure
    file = shlex.quote(output)
    # All times of curl count from the start, so awk subtracts them. Status 000 means no response.
    wanted = "%{http_code},%{time_total},%{exitcode},%{time_namelookup},%{time_connect},%{time_appconnect},"
    wanted += "%{time_starttransfer}"
    awk = (
        # Exit code 63: the response is longer than the limit.
        '{print $1, $2, ($3 > 0 && $3 != 63 ? "curl error " $3 : ""), $4, ($5 > 0 ? $5 - $4 : ""), '
        '($6 > 0 ? $6 - $5 : ""), ($7 > 0 ? $7 : "")}'
    )
    begin = f"[ -s {file} ] || echo {','.join(COLUMNS)} >> {file}"
    # A truncated last line must not swallow the first new line.
    mend = f'[ -z "$(tail -c 1 {file})" ] || echo >> {file}'
    lines = [*unset, begin, mend, "while :; do"]
    for vantage, url in targets:
        path = urlsplit(url).path or "/"
        prefix = f"%Y-%m-%dT%H:%M:%SZ,{vantage},{path.replace('%', '%%')},"
        lines.append(
            # A single write per line, so that a kill leaves no partial line.
            f"  printf '%s%s\\n' \"$(date -u {shlex.quote('+' + prefix)})\" "
            f"\"$(curl -s -o /dev/null --noproxy '*' --max-time {timeout_s:g} "
            f"--max-filesize {ENOUGH_BYTES} -w {shlex.quote(wanted)} "
            f'{options}{shlex.quote(url)} | awk -F, -v OFS=, {shlex.quote(awk)})" >> {file}'
        )
    return "\n".join([*lines, f"  sleep {every_s:g}", "done"])


def _curl_headers(headers: Iterable[str]) -> tuple[list[str], str]:
    """Return the lines that prompt for values which are not printed, and curl's options."""
    unset, options = [], []
    for header in headers:
        name = header.partition(":")[0].strip()
        if header.startswith("@") or name.lower() == "host":
            options.append(f"-H {shlex.quote(header)} ")
            continue
        variable = re.sub(r"\W", "_", name.upper())
        unset.append(f': "${{{variable}:?set it to the value of the header {name}}}"')
        options.append(f'-H "{name}: ${variable}" ')
    return unset, "".join(options)
