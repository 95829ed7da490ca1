"""A version as one file: the same bytes each time, taken in elsewhere as it was, and opened with suspicion."""

from __future__ import annotations

import pickle
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from findings.errors import CardError, ModelError
from models import bundle
from models.bundle import import_bundle, unpack, write_bundle
from models.card import Export, read_card, write_card
from models.checkpoint import file_sha256
from models.registry import ModelEntry, Registry
from tests.mizuhashi.versions import make_version


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "home", tmp_path / "shipped")


@pytest.fixture
def other(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "other", tmp_path / "shipped")


@pytest.fixture
def entry(registry: Registry, tmp_path: Path) -> ModelEntry:
    folder = make_version(tmp_path / "made", "1")
    (folder / "evaluation.html").write_text("<p>measured</p>")
    return registry.add(folder)


@pytest.fixture
def archive(entry: ModelEntry, tmp_path: Path) -> Path:
    path = tmp_path / "tiny-1.zip"
    write_bundle(entry, path)
    return path


def test_a_version_comes_out_and_in_again_file_for_file(
    entry: ModelEntry, archive: Path, other: Registry, tmp_path: Path
) -> None:
    again = tmp_path / "again.zip"
    write_bundle(entry, again)
    assert again.read_bytes() == archive.read_bytes()
    taken, new = import_bundle(other, archive)
    assert new
    assert entry.folder is not None
    assert taken.folder is not None
    names = {"LICENCES.md", "card.json", "evaluation.html", "files.json", "model.safetensors"}
    assert {path.name for path in taken.folder.iterdir()} == names
    assert all((taken.folder / name).read_bytes() == (entry.folder / name).read_bytes() for name in names)
    assert other.examine() == ()
    write_bundle(taken, again)
    assert again.read_bytes() == archive.read_bytes()


def test_the_same_version_twice_is_said_and_another_of_that_name_is_refused(
    archive: Path, other: Registry, registry: Registry, tmp_path: Path
) -> None:
    import_bundle(other, archive)
    assert not import_bundle(other, archive)[1]
    strange = make_version(tmp_path / "made again", "1", bias=1.0)
    with pytest.raises(ModelError, match="exists with other contents and versions are immutable"):
        import_bundle(other, strange)
    elsewhere = Registry(tmp_path / "elsewhere", tmp_path / "shipped").add(strange)
    write_bundle(elsewhere, tmp_path / "strange.zip")
    with pytest.raises(ModelError, match="exists with other contents"):
        import_bundle(other, tmp_path / "strange.zip")
    assert other.examine() == ()


def test_an_import_does_not_cover_up_that_the_stored_version_was_changed(archive: Path, other: Registry) -> None:
    folder = import_bundle(other, archive)[0].folder
    assert folder is not None
    (folder / "LICENCES.md").write_text("free for all")
    with pytest.raises(ModelError, match=r"LICENCES\.md: was changed"):
        import_bundle(other, archive)


Harm = Callable[[zipfile.ZipFile], None]


def rewritten(archive: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """Return the archive with other contents; None leaves a member out."""
    path = archive.with_name("harmed.zip")
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            content = change(name, source.read(name))
            if content is not None:
                target.writestr(name, content)
    return path


@pytest.mark.parametrize("name", ["card.json", "model.safetensors", "LICENCES.md", "evaluation.html"])
def test_a_bundle_whose_file_is_not_the_one_of_its_manifest_is_refused(
    archive: Path, other: Registry, name: str
) -> None:
    harmed = rewritten(archive, lambda member, data: data[:-1] + b" " if member == name else data)
    with pytest.raises(ModelError, match=r"was changed after|card"):
        import_bundle(other, harmed)
    harmed = rewritten(archive, lambda member, data: None if member == name else data)
    with pytest.raises(ModelError, match=r"not there|missing|it is no bundle"):
        import_bundle(other, harmed)
    assert not other.taken("tiny", "1")


def test_a_pickle_named_safetensors_is_refused_though_every_digest_fits(
    entry: ModelEntry, other: Registry, tmp_path: Path
) -> None:
    folder = make_version(tmp_path / "bad", "2")
    (folder / "model.safetensors").write_bytes(pickle.dumps({"a": 1}))
    digest = file_sha256(folder / "model.safetensors")
    write_card(read_card(folder).model_copy(update={"weights_sha256": digest}), folder)
    with pytest.raises(ModelError, match="not a safetensors file"):
        import_bundle(other, folder)
    assert not other.taken("tiny", "2")


def test_a_card_that_promises_other_bands_than_the_weights_have_is_refused(other: Registry, tmp_path: Path) -> None:
    folder = make_version(tmp_path / "bad", "2")
    card = read_card(folder)
    write_card(card.model_copy(update={"bands": (*card.bands, "nir")}), folder)
    with pytest.raises(ModelError, match="bands"):
        import_bundle(other, folder)
    assert not other.taken("tiny", "2")


def test_a_card_that_names_an_export_which_is_not_there_is_refused(other: Registry, tmp_path: Path) -> None:
    folder = make_version(tmp_path / "bad", "2")
    export = Export(format="onnx", file="model.onnx", sha256="0" * 64, largest_difference=0.0, measured_on="nothing")
    write_card(read_card(folder).model_copy(update={"exports": (export,)}), folder)
    with pytest.raises(ModelError, match=r"model\.onnx named by card\.json but not there"):
        import_bundle(other, folder)


def attack(path: Path, name: str, *, mode: int = stat.S_IFREG | 0o644, data: bytes = b"x", times: int = 1) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(times):
            about = zipfile.ZipInfo(name if times == 1 else f"w{number}.safetensors")
            about.external_attr, about.compress_type = mode << 16, zipfile.ZIP_DEFLATED
            archive.writestr(about, data)
    return path


@pytest.mark.parametrize(
    "name",
    ["../card.json", "/card.json", "a/card.json", "..", "card.json/", "x.py", "a\\b.safetensors", "C:x.onnx", ".onnx"],
)
def test_a_name_that_no_bundle_has_is_refused_before_anything_is_unpacked(tmp_path: Path, name: str) -> None:
    (tmp_path / "into").mkdir()
    with pytest.raises(ModelError, match="does not belong into a bundle"):
        unpack(attack(tmp_path / "x.zip", name), tmp_path / "into")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["into", "x.zip"]
    assert not list((tmp_path / "into").iterdir())


def test_links_bombs_crowds_and_doubles_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    into, path = tmp_path / "into", tmp_path / "x.zip"
    into.mkdir()
    with pytest.raises(ModelError, match="link or a device"):
        unpack(attack(path, "card.json", mode=stat.S_IFLNK | 0o777, data=b"/etc/passwd"), into)
    with pytest.raises(ModelError, match="would grow"):
        unpack(attack(path, "model.safetensors", data=bytes(4 << 20)), into)
    with pytest.raises(ModelError, match="17 entries"):
        unpack(attack(path, "", times=17), into)
    monkeypatch.setattr(bundle, "MAX_TEXT_BYTES", 10)
    with pytest.raises(ModelError, match="at most 10 are unpacked"):
        unpack(attack(path, "card.json", data=b"x" * 11), into)
    monkeypatch.setattr(bundle, "MAX_TOTAL_BYTES", 5)
    with pytest.raises(ModelError, match="it is not opened"):
        unpack(attack(path, "model.safetensors", data=b"x" * 11), into)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("card.json", "{}")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("card.json", "[]")
    with pytest.raises(ModelError, match="a name twice"):
        unpack(path, into)
    assert not list(into.iterdir())


def test_what_is_no_zip_or_a_damaged_one_is_told(archive: Path, other: Registry, tmp_path: Path) -> None:
    for content in (b"", b"PK\x03\x04", b"not a zip", archive.read_bytes()[:-40]):
        (tmp_path / "x.zip").write_bytes(content)
        with pytest.raises(ModelError, match="no readable zip"):
            import_bundle(other, tmp_path / "x.zip")
    harmed = bytearray(archive.read_bytes())
    with zipfile.ZipFile(archive) as opened:
        place = opened.getinfo("model.safetensors").header_offset + 200
    harmed[place] ^= 1
    (tmp_path / "x.zip").write_bytes(harmed)
    with pytest.raises(ModelError, match="is damaged"):
        import_bundle(other, tmp_path / "x.zip")
    with pytest.raises(ModelError, match="no readable zip"):
        import_bundle(other, tmp_path / "missing.zip")


def test_a_folder_without_card_and_an_index_are_no_bundles(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CardError, match=r"card\.json"):
        import_bundle(registry, tmp_path / "empty")
    with pytest.raises(ModelError, match="built in"):
        write_bundle(registry.resolve("ndwi"), tmp_path / "x.zip")


def test_a_version_that_was_changed_is_not_exported(entry: ModelEntry, tmp_path: Path) -> None:
    assert entry.folder is not None
    (entry.folder / "note.txt").write_text("x")
    with pytest.raises(ModelError, match=r"note\.txt: was not there"):
        write_bundle(entry, tmp_path / "x.zip")
    (entry.folder / "note.txt").unlink()
    (entry.folder / "files.json").unlink()
    with pytest.raises(ModelError, match="no readable list"):
        write_bundle(entry, tmp_path / "x.zip")
