import shutil

import pytest

from watchme_analysis.services.diagnose import diagnose

pytestmark = pytest.mark.slow


def test_without_logs_and_changes_failing_runs_alone_name_no_cause(data, tmp_path):
    folder = shutil.copytree(data / "backlog-dlq", tmp_path / "case")
    shutil.rmtree(folder / "logs")
    (folder / "cloudtrail.json").unlink()
    for file in (folder / "functions").glob("*.json"):
        # Nor may the configuration tell when the function was last changed.
        file.write_text(
            file.read_text(encoding="utf-8").replace('"LastModified"', '"Left"'), encoding="utf-8"
        )
    found = diagnose("backlog", folder).to_dict()
    assert found["verdict"] == "inconclusive", found["confidence"]
    assert found["cause"] is None
    assert found["missing_evidence"]
