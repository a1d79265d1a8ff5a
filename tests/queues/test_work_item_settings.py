"""Work items by the settings of a case: their keys, and the zone of their local dates."""

import json

import pandas as pd
import pytest

from watchme_analysis.alarms.specification import read_specs
from watchme_analysis.case.case_folder import read_case
from watchme_analysis.case.importer import import_folder
from watchme_analysis.errors import InputError
from watchme_analysis.queues.work_items import work_items

QUEUE = {
    "Attributes": {
        "QueueArn": "arn:aws:sqs:us-east-1:123456789012:jobs",
        "RedrivePolicy": json.dumps(
            {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:jobs-dlq", "maxReceiveCount": 3}
        ),
    }
}


@pytest.fixture
def raw(tmp_path):
    """A folder with a queue, its DLQ, and one message in it; returns a function that sets its body."""
    folder = tmp_path / "raw"
    (folder / "queues").mkdir(parents=True)
    (folder / "queues" / "jobs.json").write_text(json.dumps(QUEUE))

    def write(body):
        attributes = {"SentTimestamp": "1765404000000", "ApproximateReceiveCount": "4"}
        message = {"MessageId": "m1", "Body": json.dumps(body), "Attributes": attributes}
        (folder / "queues" / "jobs-dlq-messages.json").write_text(json.dumps({"Messages": [message]}))
        return folder

    return write


def items(folder, case):
    found = import_folder(folder, case).case
    frame = work_items(found)
    return found, frame[["device_id", "recorded_at", "local_date"]].to_numpy().tolist()


def test_the_local_date_is_that_of_the_importer_and_not_of_the_reader(raw, tmp_path, monkeypatch):
    folder = raw({"device_id": "a", "recorded_at": "2025-12-10T22:00:00Z"})
    monkeypatch.setenv("WATCHME_TIME_ZONE", "Asia/Tokyo")
    found, rows = items(folder, tmp_path / "case")
    assert rows == [["a", "2025-12-10T22:00:00Z", "2025-12-11"]]
    assert found.manifest["work_items"]["time_zone"] == "Asia/Tokyo"
    monkeypatch.setenv("WATCHME_TIME_ZONE", "America/Lima")
    assert work_items(read_case(tmp_path / "case"))["local_date"].tolist() == ["2025-12-11"]
    # A new import uses the importer's zone again.
    assert items(folder, tmp_path / "case")[1][0][2] == "2025-12-10"


def test_case_toml_states_the_zone(raw, tmp_path, monkeypatch):
    folder = raw({"device_id": "a", "recorded_at": "2025-12-10T22:00:00Z"})
    monkeypatch.setenv("WATCHME_TIME_ZONE", "America/Lima")
    (folder / "case.toml").write_text('work_time_zone = "Asia/Tokyo"')
    assert items(folder, tmp_path / "case")[1][0][2] == "2025-12-11"
    (folder / "case.toml").write_text('work_time_zone = "Mars"')
    with pytest.raises(InputError, match="Mars"):
        import_folder(folder, tmp_path / "other")


def test_another_system_names_its_work_by_other_keys(raw, tmp_path, monkeypatch):
    folder = raw({"camera": "c7", "night": "2025-12-10"})
    assert all(value is pd.NA for value in items(folder, tmp_path / "case")[1][0])
    (tmp_path / "watchme.toml").write_text('[work_items]\ndevice_keys = ["camera"]\nday_keys = ["night"]\n')
    monkeypatch.chdir(tmp_path)
    assert items(folder, tmp_path / "case")[1][0][::2] == ["c7", "2025-12-10"]


def test_alarms_come_from_the_configuration_else_from_the_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "dead-letters-any" in {spec.name for spec in read_specs()}
    (tmp_path / "watchme.toml").write_text('alarms = "ours.yaml"')
    (tmp_path / "ours.yaml").write_text(
        "alarms:\n  - {name: old, over: queue, metric: ApproximateAgeOfOldestMessage, stat: Maximum,"
        " period_s: 60, threshold: 60}\n"
    )
    assert [spec.name for spec in read_specs()] == ["old"]
