import pytest


@pytest.fixture(scope="session")
def small_case(tmp_path_factory):
    """An imported case of three requests and two probes from 10:00 to 10:00:31 in Tokyo: one probe failed."""
    from worlds.small_evidence import ACCESS, PROBES

    from watchme_analysis.case.importer import import_folder

    home = tmp_path_factory.mktemp("small")
    (home / "evidence").mkdir()
    (home / "evidence" / "access.log").write_text(ACCESS)
    (home / "evidence" / "probes.csv").write_text(PROBES)
    return import_folder(home / "evidence", home / "case").case
