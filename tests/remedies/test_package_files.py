"""Files of a zip or a folder: names, sizes, modes, limits, and what can't be read."""

import io
import os
import stat
import zipfile

import pytest
from worlds.messages import messages_in, refusal

from watchme_analysis.errors import InputError
from watchme_analysis.remedies import package_files
from watchme_analysis.remedies.lambda_runtime import Runtime, lambda_runtime, runtime_names
from watchme_analysis.remedies.package_files import (
    Budget,
    PackageFile,
    PackageFiles,
    UnreadableError,
    merged,
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
        assert (found.backslashes, found.duplicates, found.links) == (["a\\e.py"], ["d.py"], [])
        assert found.outside == ["/f.py", "C:/g.py", "a/../../h.py"]
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
        assert (found.links, found.packed_bytes, found.unpacked_bytes) == (["linked"], None, 3)
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


def test_a_folder_of_very_many_files_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(package_files, "_MOST_FILES", 2)
    for name in "ab":
        (tmp_path / name).touch()
    assert len(_opened(tmp_path).files) == 2
    (tmp_path / "c").touch()
    assert refusal(_opened, tmp_path) == {"error-package-many-files": {"folder": str(tmp_path), "most": "2"}}


def test_entries_that_can_not_be_read(tmp_path):
    path = write(tmp_path / "f.zip", (entry("a.py", method=zipfile.ZIP_BZIP2), "text" * 50))
    with open_package(path, Budget()) as found, pytest.raises(UnreadableError) as raised:
        found.files["a.py"].read(1)
    assert messages_in(raised.value.args[0]) == {"package-compression": {"number": "12"}}
    plain = write(tmp_path / "g.zip", (entry("a.py"), "text"))
    data = plain.read_bytes()
    at = data.index(b"PK\x01\x02") + 8
    plain.write_bytes(data[:at] + b"\x01" + data[at + 1 :])
    with open_package(plain, Budget()) as found, pytest.raises(UnreadableError) as raised:
        found.files["a.py"].read(1)
    assert raised.value.args[0].id == "package-encrypted"


def test_a_directory_at_its_limit_is_read():
    limit = package_files._DIRECTORY_BYTES
    for size, wanted in ((limit, -1), (limit, None), (limit + 5, limit), (5, -1)):
        bounded = package_files._Bounded(io.BytesIO(bytes(size)))
        assert len(bounded.read(wanted)) == min(size, limit)
    with pytest.raises(zipfile.BadZipFile):
        package_files._Bounded(io.BytesIO(bytes(limit + 1))).read()
    assert package_files._Bounded(io.BytesIO()).seekable()


def test_bytes_up_to_the_limit_may_be_read(monkeypatch):
    monkeypatch.setenv("WATCHME_LIMIT_UNPACKED_MIB", "1")
    budget = Budget()
    budget.take(1 << 20)
    with pytest.raises(InputError, match="unpacked_mib"):
        budget.take(1)


def test_layers_are_one_folder_whose_later_files_count():
    def files(source, *names, **lists):
        return PackageFiles({name: PackageFile(name, 1, None, source, bytes) for name in names}, **lists)

    first = files("one", "a", "b", outside=["x"], links=["l"])
    second = files("two", "b", "B", outside=["y"], duplicates=["d"], backslashes=["s"])
    found = merged([first, second])
    assert {name: each.source for name, each in found.files.items()} == {"a": "one", "b": "two", "B": "two"}
    assert (found.outside, found.links, found.duplicates, found.backslashes) == (
        ["x", "y"],
        ["l"],
        ["d"],
        ["s"],
    )
    assert found.by_folded_name == {"a": ["a"], "b": ["b", "B"]}
    assert merged([]) == PackageFiles()


def test_what_a_runtime_provides():
    found = lambda_runtime("python3.12")
    assert isinstance(found, Runtime)
    assert (found.name, found.minor) == ("python3.12", 12)
    # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    assert (found.direct_upload_bytes, found.unzipped_bytes) == (50 * 1024 * 1024, 250 * 1024 * 1024)
    names = runtime_names()
    assert {"python3.11", "python3.12", "python3.13"} <= set(names)
    assert [int(name.partition(".")[2]) for name in names] == sorted(
        int(name.partition(".")[2]) for name in names
    )
    assert refusal(lambda_runtime, "nodejs20.x") == {
        "error-runtime-unknown": {"name": "'nodejs20.x'", "known": ", ".join(names)}
    }
