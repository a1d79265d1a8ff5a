"""Shell lines that probe with curl, for machines without Python."""

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
    """Return shell lines that probe with curl and write the same columns.

    Parameters
    ----------
    targets
        Vantage and URL of each.
    every_s, timeout_s
        Pause between probes and time limit of each, in seconds.
    headers
        Request headers as ``NAME: VALUE`` or ``@FILE``. Values are not printed but for ``Host``: the lines
        read them from variables, since what is printed may end up in a log.
    output
        File that they append to.
    insecure
        Accept any certificate.
    """
    unset, options = _curl_headers(headers)
    options += "-k " * insecure
    file = shlex.quote(output)
    # curl's times all count from the start: awk takes the steps apart. Status 000 means no answer.
    wanted = "%{http_code},%{time_total},%{exitcode},%{time_namelookup},%{time_connect},%{time_appconnect},"
    wanted += "%{time_starttransfer}"
    awk = (
        # 63: the answer is longer than what is read of it.
        '{print $1, $2, ($3 > 0 && $3 != 63 ? "curl error " $3 : ""), $4, ($5 > 0 ? $5 - $4 : ""), '
        '($6 > 0 ? $6 - $5 : ""), ($7 > 0 ? $7 : "")}'
    )
    begin = f"[ -s {file} ] || echo {','.join(COLUMNS)} >> {file}"
    # A last line that was cut off must not swallow the first new one.
    mend = f'[ -z "$(tail -c 1 {file})" ] || echo >> {file}'
    lines = [*unset, begin, mend, "while :; do"]
    for vantage, url in targets:
        path = urlsplit(url).path or "/"
        prefix = f"%Y-%m-%dT%H:%M:%SZ,{vantage},{path.replace('%', '%%')},"
        lines.append(
            # One write for each line, so that a kill leaves none half written.
            f"  printf '%s%s\\n' \"$(date -u {shlex.quote('+' + prefix)})\" "
            f"\"$(curl -s -o /dev/null --noproxy '*' --max-time {timeout_s:g} "
            f"--max-filesize {ENOUGH_BYTES} -w {shlex.quote(wanted)} "
            f'{options}{shlex.quote(url)} | awk -F, -v OFS=, {shlex.quote(awk)})" >> {file}'
        )
    return "\n".join([*lines, f"  sleep {every_s:g}", "done"])


def _curl_headers(headers: Iterable[str]) -> tuple[list[str], str]:
    """Return lines that ask for the values that are not printed, and curl's options."""
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
