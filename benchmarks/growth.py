"""How processor time grows with what an attacker may choose: distinct paths of a log, and devices of a queue.

    .venv/bin/python benchmarks/growth.py

It prints the processor time of a diagnosis and of an export at `ids` for a number of paths or devices, and
for twice as many. A ratio near 2 is linear growth, and near 4 quadratic.
"""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time

from watchme_analysis.case.case_folder import Case, read_case
from watchme_analysis.case.export import export_case
from watchme_analysis.case.importer import import_folder
from watchme_analysis.services.diagnose import diagnose

SIZES = (6_000, 12_000, 24_000)
LENGTH_S = 1200
START = datetime(2026, 3, 2, 10, tzinfo=UTC)
CONFIG = """http {
  log_format m '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
    '"$http_referer" "$http_user_agent" rt=$request_time urt=$upstream_response_time ua=$upstream_addr';
  access_log /var/log/nginx/access.log m;
  server { listen 80; location / { proxy_pass http://127.0.0.1:8000; } }
}"""


def word(number: int) -> str:
    """Return a different word of letters for each number, so that paths are not templates of one another."""
    text = ""
    while number or not text:
        number, consonant = divmod(number, 12)
        number, vowel = divmod(number, 5)
        text += "bcdfghjklmnp"[consonant] + "aeiou"[vowel]
    return text


def write_paths(folder: Path, count: int) -> None:
    """Write a log of one request for each path, a third of which fail for a quarter of the time."""
    access, errors = [], []
    for number in range(count):
        at_s = number * LENGTH_S / count
        time, fails = START + timedelta(seconds=at_s), 600 < at_s < 900 and number % 3 == 0
        path, client = f"/{word(number)}", f"192.0.2.{number % 200 + 1}"
        status, seconds = (504, 30.0) if fails else (200, 0.2)
        access.append(
            f'{client} - - [{time:%d/%b/%Y:%H:%M:%S +0000}] "GET {path} HTTP/1.1" {status} 167 "-" "c/1.0" '
            f"rt={seconds:.3f} urt={seconds:.3f} ua=127.0.0.1:8000"
        )
        if fails:
            errors.append(
                f"{time:%Y/%m/%d %H:%M:%S} [error] 31#31: *{number} upstream timed out (110: Connection "
                f"timed out) while reading response header from upstream, client: {client}, server: _, "
                f'request: "GET {path} HTTP/1.1", upstream: "http://127.0.0.1:8000{path}"'
            )
    (folder / "access.log").write_text("\n".join(access) + "\n")
    (folder / "error.log").write_text("\n".join(errors) + "\n")
    (folder / "nginx.conf").write_text(CONFIG)


def write_devices(folder: Path, count: int) -> None:
    """Write a dead-letter queue with a message of each device."""
    (folder / "queues").mkdir()
    arn = "arn:aws:sqs:us-east-1:123456789012:jobs"
    policy = json.dumps({"deadLetterTargetArn": f"{arn}-dlq", "maxReceiveCount": 3})
    queue = {"Attributes": {"QueueArn": arn, "RedrivePolicy": policy}}
    (folder / "queues" / "jobs.json").write_text(json.dumps(queue))
    messages = [
        {"MessageId": f"m-{number}", "Body": json.dumps({"device_id": f"{word(number * 7919)}-{number % 7}"})}
        for number in range(count)
    ]
    (folder / "queues" / "jobs-dlq-messages.json").write_text(json.dumps({"Messages": messages}))


def case_of(folder: Path, write: object, count: int) -> Case:
    """Return the case of generated evidence."""
    evidence = folder / f"evidence-{count}"
    evidence.mkdir(parents=True)
    write(evidence, count)  # type: ignore[operator]
    return read_case(import_folder(evidence, folder / f"case-{count}").case.path)


def main() -> None:
    """Print the processor time by size."""
    for name, write, work in (
        ("diagnose, paths", write_paths, lambda case, _: diagnose("health", case)),
        ("export --redact ids, devices", write_devices, lambda case, to: export_case(case, to, "ids")),
    ):
        before = None
        with tempfile.TemporaryDirectory() as home:
            for count in SIZES:
                case = case_of(Path(home, name.split()[0]), write, count)
                begun = process_time()
                work(case, Path(home, f"exported-{count}"))
                seconds = process_time() - begun
                ratio = "" if before is None else f"  ratio {seconds / before:.1f}"
                print(f"{name} {count:>6,}: {seconds:6.1f} s{ratio}", flush=True)
                before = seconds


if __name__ == "__main__":
    main()
