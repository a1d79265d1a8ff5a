import json

from worlds.hostile_rows import hostile_documents

from watchme_analysis.alarms.specification import read_specs
from watchme_analysis.errors import WatchmeError


def test_a_specification_of_any_content_is_used_or_refused_in_one_sentence(tmp_path):
    path = tmp_path / "alarms.yaml"
    document = {
        "alarms": [
            {"name": "errors", "over": "function", "ratio": ["Errors", "Invocations"], "stat": "Sum",
             "period_s": 300, "threshold": 10, "evaluation_periods": 12, "datapoints_to_alarm": 3,
             "treat_missing_data": "notBreaching"},
            {"name": "both", "over": "dlq", "composite": 'ALARM("errors") AND NOT ALARM("slow")'},
            {"name": "slow", "over": "function", "metric": "Duration", "stat": "p99", "period_s": 60,
             "of_timeout": 0.9, "low_samples": "ignore"},
        ]
    }  # fmt: skip
    path.write_text(json.dumps(document))
    assert len(read_specs(path)) == len(document["alarms"])
    for content in hostile_documents(document, 25):
        path.write_bytes(content)
        try:
            read_specs(path)
        except WatchmeError as error:
            assert "\n" not in str(error)
