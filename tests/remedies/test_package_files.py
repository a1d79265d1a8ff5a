"""Files of a zip or a folder: names, sizes, modes, limits, and what can't be read."""

import os
import stat
import zipfile

import pytest
from worlds.messages import refusal

from watchme_analysis.remedies.package_files import (
    Budget,
    UnreadableError,
    open_package,
)


def entry(name, mode=0o644, system=3, method=zipfile.ZIP_STORED):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr, info.compress_type = system, mode << 16, method
    return info


def write(path, *entries):
    with zipfile.ZipFile(path, "w") as archive:
        for info, text in entries:
            archive.writestr(info, text)
    return path


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_files_of_a_zip(tmp_path):
    path = write(
        tmp_path / "f.zip",
        (entry("a/./b/c.py", 0o755), "abc"), (entry("d.py", system=0), "de"), (entry("folder/"), ""),
        (entry("d.py"), "longer"), (entry("a\\e.py"), ""), (entry("/f.py"), ""), (entry("C:/g.py"), ""),
        (entry("a/../../h.py"), ""), (entry("a/..i/j..py"), ""),
    )  # fmt: skip
    with open_package(path, Budget(), "layer.zip") as found:
        shown = {
            name: (each.name, each.size_bytes, each.mode, each.source) for name, each in found.files.items()
        }
        assert shown == {
            "a/b/c.py": ("a/b/c.py", 3, 0o755, "layer.zip"),
            "d.py": ("d.py", 6, 0o644, "layer.zip"),  # the last one counts
            "a/..i/j..py": ("a/..i/j..py", 0, 0o644, "layer.zip"),
        }
        assert found.odd_names == {
            "backslashes": ["a\\e.py"], "duplicates": ["d.py"],
            "outside": ["/f.py", "C:/g.py", "a/../../h.py"],
        }  # fmt: skip
        assert (found.packed_bytes, found.unpacked_bytes) == (path.stat().st_size, 9)
        assert found.folders == {"a", "a/b", "a/..i"}
        assert found.files["d.py"].read(3) == b"lon"
        assert found.files["d.py"].display_name == "layer.zip:d.py"
    write(tmp_path / "dos.zip", (entry("a.py", system=0), ""))
    with open_package(tmp_path / "dos.zip", Budget()) as found:
        assert (found.files["a.py"].mode, found.files["a.py"].display_name) == (None, "a.py")


def test_the_files_of_a_folder(tmp_path):
    root = tmp_path / "package"
    (root / "b").mkdir(parents=True)
    (root / "b" / "z.py").write_text("zz")
    (root / "a.py").write_text("a")
    (root / "a.py").chmod(0o600)
    (root / "gone.py").symlink_to(root / "absent")
    (root / "linked").symlink_to(root / "b")
    os.mkfifo(root / "pipe")
    with open_package(root, Budget(), "layer") as found:
        assert list(found.files) == ["a.py", "b/z.py"]
        assert (found.odd_names, found.packed_bytes, found.unpacked_bytes) == ({"links": ["linked"]}, None, 3)
        assert stat.S_IMODE(found.files["a.py"].mode) == 0o600
        assert (found.files["b/z.py"].source, found.files["b/z.py"].read(1)) == ("layer", b"z")
        (root / "a.py").unlink()
        with pytest.raises(UnreadableError):
            found.files["a.py"].read(1)
    assert refusal(_opened, tmp_path / "absent") == {
        "error-package-missing": {"path": str(tmp_path / "absent")}
    }
    pipe = root / "pipe"
    assert refusal(_opened, pipe) == {"error-package-kind": {"path": str(pipe)}}
    (tmp_path / "text").write_text("text")
    no_zip = refusal(_opened, tmp_path / "text")["error-package-no-zip"]
    assert (no_zip["path"], no_zip["problem"]) == (str(tmp_path / "text"), "File is not a zip file")


def _opened(path):
    with open_package(path, Budget()) as found:
        return found
