"""Commands whose output is read from the folders of AWS responses, for files that are something else."""

from __future__ import annotations

from pathlib import PurePath

from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.text.message import Resource
from watchme_analysis.text.render import note

_COMMANDS = {
    "logs": (
        "`aws logs get-query-results --query-id ID`, `aws logs filter-log-events --log-group-name GROUP` or "
        "`aws logs tail GROUP --since 1h`"
    ),
    "metrics": (
        "`aws cloudwatch get-metric-data` with its queries beside it as metric-data-queries.json, or "
        "`aws cloudwatch get-metric-statistics` as metrics/NAME-METRIC.json"
    ),
    "queues": (
        "`aws sqs get-queue-attributes --queue-url URL --attribute-names All` as queues/NAME.json, or "
        "`aws sqs receive-message` as queues/NAME-messages.json"
    ),
    "functions": (
        "`aws lambda get-function-configuration --function-name NAME`, `aws lambda list-functions` or "
        "`aws lambda list-event-source-mappings`"
    ),
}


def expected_output(raw: RawFile) -> str | None:
    """Return a clause with the commands whose output is read in a file's folder; None for other folders."""
    commands = _COMMANDS.get(PurePath(raw.name).parent.name)
    return None if commands is None else note("left-other-output", commands=Resource(commands))
