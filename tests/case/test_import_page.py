"""The page of an import: one page, also for a whole repository."""

from datetime import UTC

from watchme_analysis.case.importer import import_folder
from watchme_analysis.present.console import import_text

MAIN = "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/x')\ndef x():\n    return {}\n"


def written(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def page(tmp_path, services, modules):
    files = {}
    for service in range(services):
        files[f"service-{service}/main.py"] = MAIN
        files[f"service-{service}/README.md"] = "a note\n"
        files |= {f"service-{service}/util_{at}.py": "a = 1\n" for at in range(modules)}
        files |= {f"service-{service}/tests/test_{at}.py": "a = 1\n" for at in range(modules)}
    return import_text(import_folder(written(tmp_path / "in", files), tmp_path / "case").case.manifest, UTC)


def table_of(text):
    return [line.split() for line in text.partition("\n\n")[0].splitlines()[1:]]


def test_a_repository_is_one_page_that_counts_every_file(tmp_path):
    text = page(tmp_path, services=4, modules=20)
    rows = table_of(text)

    assert len(text.splitlines()) < 30
    assert [row[:3] for row in rows] == [[f"service-{at}/main.py", "app_handlers", "1"] for at in range(4)]
    words = " ".join(text.split())
    # Three are named, and the others counted.
    assert "service-0/util_0.py, service-0/util_1.py, service-0/util_10.py and 77 more" in words
    assert "service-0/tests/test_1.py, service-0/tests/test_10.py and 77 more (480 bytes)" in words
    assert "service-0/README.md, service-1/README.md, service-2/README.md and 1 more (28 bytes)" in words
