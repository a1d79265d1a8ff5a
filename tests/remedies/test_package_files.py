"""Files of a zip or a folder: names, sizes, modes, limits, and what can't be read."""

import os
import stat

import pytest
from worlds.messages import refusal

from watchme_analysis.remedies.package_files import Budget, UnreadableError, open_package


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
