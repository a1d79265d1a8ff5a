import pytest

from watchme_analysis.case.importer import import_folder


@pytest.fixture(scope="module")
def bundled(data, tmp_path_factory):
    """Import a bundled case by its name."""
    home = tmp_path_factory.mktemp("cases")
    return lambda name: import_folder(data / name, home / name).case
