"""Archives that another library unpacks: no member leaves the folder, on every Python that can say so."""

import io
import tarfile

import pytest

from jointnn.data.archives import unpacked_inside


def archive(path, name: str) -> None:
    with tarfile.open(path, "w") as made:
        member = tarfile.TarInfo(name)
        member.size = 4
        made.addfile(member, io.BytesIO(b"text"))


def test_a_library_unpacks_without_a_warning_and_afterwards_python_is_as_it_was(tmp_path):
    archive(tmp_path / "good.tar", "folder/file.txt")
    before = vars(tarfile.TarFile).get("extraction_filter")
    with unpacked_inside(), tarfile.open(tmp_path / "good.tar") as opened:
        opened.extractall(tmp_path / "out")
    assert (tmp_path / "out/folder/file.txt").read_text() == "text"
    assert vars(tarfile.TarFile).get("extraction_filter") is before


@pytest.mark.skipif(not hasattr(tarfile, "data_filter"), reason="this Python has no filter of members")
def test_a_member_that_would_leave_the_folder_is_refused(tmp_path):
    archive(tmp_path / "bad.tar", "../outside.txt")
    opened = tarfile.open(tmp_path / "bad.tar")  # noqa: SIM115
    with opened, unpacked_inside(), pytest.raises(tarfile.OutsideDestinationError):
        opened.extractall(tmp_path / "out")
    assert not (tmp_path / "outside.txt").exists()
