import pytest


@pytest.fixture(scope="package", autouse=True)
def no_standard_alarms():
    """Diagnoses here leave out the back-test of alarms, a quarter of their time; tests of alarms run it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("watchme_analysis.backlog.diagnosis.standard_alarms", lambda tables, pipelines: [])
        yield
