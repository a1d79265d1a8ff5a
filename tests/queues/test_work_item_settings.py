"""Work items by the settings of a case: their keys, and the zone of their local dates."""

import json

import pandas as pd
import pytest
from worlds.settings_file import write_settings

from watchme_analysis.aws_shapes.work_keys import learned_keys
from watchme_analysis.case.case_folder import read_case
from watchme_analysis.case.importer import import_folder
from watchme_analysis.config import WorkItemSettings
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
    return found, frame[["work_item", "work_time", "work_date"]].to_numpy().tolist()


@pytest.mark.slow
def test_the_local_date_is_that_of_the_importer_and_not_of_the_reader(raw, tmp_path, monkeypatch):
    folder = raw({"device_id": "a", "recorded_at": "2025-12-10T22:00:00Z"})
    monkeypatch.setenv("WATCHME_TIME_ZONE", "Asia/Tokyo")
    found, rows = items(folder, tmp_path / "case")
    assert rows == [["a", "2025-12-10T22:00:00Z", "2025-12-11"]]
    assert found.manifest["work_items"]["time_zone"] == "Asia/Tokyo"
    monkeypatch.setenv("WATCHME_TIME_ZONE", "America/Lima")
    assert work_items(read_case(tmp_path / "case"))["work_date"].tolist() == ["2025-12-11"]
    # A new import uses the importer's zone again.
    assert items(folder, tmp_path / "case")[1][0][2] == "2025-12-10"


@pytest.mark.slow
def test_another_system_names_its_work_by_other_keys(raw, tmp_path, monkeypatch):
    folder = raw({"camera": "c7", "night": "2025-12-10"})
    monkeypatch.chdir(tmp_path)
    unnamed = items(folder, tmp_path / "case")[1][0]
    assert unnamed[0] is pd.NA
    assert unnamed[2] == "2025-12-10"  # a bare date is recognised, a name is not
    write_settings(tmp_path, '[work_items]\nitem_keys = ["camera"]\nday_keys = ["night"]\n')
    assert items(folder, tmp_path / "case")[1][0][::2] == ["c7", "2025-12-10"]


@pytest.mark.parametrize(
    ("bodies", "keys"),
    [
        ([{"orderId": "A", "placedAt": "2025-12-10T22:00:00Z"}], (("orderId",), ("placedAt",), ())),
        ([{"shop_id": 7, "day": "2025-12-10", "messageId": "m", "id": 1}], (("shop_id",), (), ("day",))),
        # Of two ids the one that stands first; times of the delivery are not those of the work.
        (
            [
                {
                    "Message": '{"taskId": 1, "userId": 2, "due": "2025-12-10 22:00"}',
                    "Timestamp": "2025-12-10T22:00Z",
                }
            ],
            (("taskId", "userId"), ("due",), ()),
        ),
        # A key that not all values of fit, or that few bodies have, is none.
        ([{"at": "2025-12-10T22:00Z"}, {"at": "soon"}], ((), (), ())),
        ([{"fluid": "x", "valid": "y", "n": "1"}, "not JSON", {}], ((), (), ())),
    ],
)
def test_keys_are_learned_from_the_bodies(bodies, keys):
    found = learned_keys(WorkItemSettings(), map(json.dumps, bodies))
    assert (found.item_keys, found.time_keys, found.day_keys) == keys
