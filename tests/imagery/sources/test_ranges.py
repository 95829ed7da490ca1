"""Remote files by byte ranges: blocks, retries, and servers that mix things up."""

from __future__ import annotations

from pathlib import Path

import pytest

from findings.errors import (
    OutputError,
    RefusedSource,
    SourceUnavailable,
)
from imagery.sources.ranges import BlockStore, Cursor, RemoteFile
from imagery.sources.wire import GuardedSession
from tests.fakes.stac import FakeStac, Fault
from tests.imagery.sources.served_cog import PATH, PLAIN, url

pytestmark = pytest.mark.usefixtures("small_blocks")


def test_a_cursor_reads_and_seeks_like_a_file(wire: GuardedSession, service: FakeStac) -> None:
    cursor = Cursor(RemoteFile(wire, url(service)))
    assert cursor.seek(-10, 2) == len(PLAIN) - 10
    assert cursor.read(100) == PLAIN[-10:]
    assert cursor.read(1) == b""
    cursor.seek(20_000)
    cursor.seek(5, 1)
    assert cursor.read(40_000) == PLAIN[20_005:60_005]
    assert cursor.tell() == 60_005
    cursor.seek(0)
    assert cursor.read() == PLAIN


def test_no_byte_is_fetched_twice_and_neighbours_come_in_one_request(wire: GuardedSession, service: FakeStac) -> None:
    file = RemoteFile(wire, url(service))
    file.read_at(100, 200)
    file.read_at(20_000, 60_000)
    file.read_at(10_000, 60_000)
    assert [asked for _, asked in service.ranges()] == ["bytes=0-16383", "bytes=16384-81919"]


def test_a_long_run_is_split_into_bounded_requests(wire: GuardedSession, service: FakeStac) -> None:
    RemoteFile(wire, url(service)).read_at(0, len(PLAIN))
    spans = [asked.removeprefix("bytes=").split("-") for _, asked in service.ranges()]
    assert max(int(last) - int(first) + 1 for first, last in spans) == 1 << 18
    assert len(spans) == 2 + (len(PLAIN) - (1 << 14)) // (1 << 18)


def test_memory_holds_a_bounded_number_of_blocks(wire: GuardedSession, service: FakeStac) -> None:
    store = BlockStore(memory_blocks=4)
    file = RemoteFile(wire, url(service), store)
    assert file.read_at(0, 400_000) == PLAIN[:400_000]
    assert len(store._memory) == 4


def test_blocks_in_a_folder_are_what_a_later_run_starts_from(
    wire: GuardedSession, service: FakeStac, tmp_path: Path
) -> None:
    RemoteFile(wire, url(service), BlockStore(tmp_path / "a")).read_at(0, 50_000)
    before = len(service.log)
    again = RemoteFile(wire, url(service), BlockStore(tmp_path / "a"))
    assert again.read_at(0, 50_000) == PLAIN[:50_000]
    assert len(service.log) == before
    (tmp_path / "a" / "1.block").write_bytes(b"half")  # a run that was cut off while it wrote
    third = RemoteFile(wire, url(service), BlockStore(tmp_path / "a"))
    assert third.read_at(0, 50_000) == PLAIN[:50_000]
    assert service.ranges()[-1][1] == "bytes=16384-32767"


def test_a_folder_that_cannot_be_written_is_an_output_error(
    wire: GuardedSession, service: FakeStac, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be kept"):
        RemoteFile(wire, url(service), BlockStore(tmp_path / "file" / "a"))


def test_a_server_that_ignores_ranges_is_refused_before_its_body_is_read(
    wire: GuardedSession, service: FakeStac
) -> None:
    service.fail(PATH, Fault(ignore_range=True))
    with pytest.raises(RefusedSource, match="ignores byte ranges"):
        RemoteFile(wire, url(service))
    assert wire.received_bytes == 0


def test_a_file_that_changes_between_ranges_is_refused_and_forgotten(
    wire: GuardedSession, service: FakeStac, tmp_path: Path
) -> None:
    file = RemoteFile(wire, url(service), BlockStore(tmp_path / "a"))
    service.fail(PATH, Fault(etag='"other"'))
    with pytest.raises(SourceUnavailable, match="replaced while it was read"):
        file.read_at(30_000, 10)
    assert not (tmp_path / "a").exists()


def test_a_file_of_another_length_than_before_is_refused(wire: GuardedSession, service: FakeStac) -> None:
    file = RemoteFile(wire, url(service))
    service.fail(PATH, Fault(content_range="bytes 16384-32767/99999999"))
    with pytest.raises(SourceUnavailable, match="replaced while it was read"):
        file.read_at(20_000, 10)


@pytest.mark.parametrize(
    "said",
    [
        "bytes 0-16383/*",
        "bytes 16384-32767/99999",
        "bytes 0-99/99999",
        "bytes=0-16383/99999",
        "items 0-16383/99999",
    ],
)
def test_a_content_range_that_was_not_asked_for_is_refused(wire: GuardedSession, service: FakeStac, said: str) -> None:
    service.fail(PATH, Fault(content_range=said))
    with pytest.raises(SourceUnavailable, match=r"Content-Range|mixes ranges up"):
        RemoteFile(wire, url(service))


def test_a_range_with_fewer_bytes_than_it_says_is_asked_for_again(wire: GuardedSession, service: FakeStac) -> None:
    short = {"Content-Range": f"bytes 0-16383/{len(PLAIN)}", "ETag": '"x"'}
    service.fail(PATH, Fault(206, short, PLAIN[:1000]))
    assert RemoteFile(wire, url(service)).read_at(0, 16) == PLAIN[:16]
    assert len(service.log) == 2
    service.fail(PATH, *[Fault(206, short, PLAIN[:1000]) for _ in range(4)])
    with pytest.raises(SourceUnavailable, match="came with 1000 bytes"):
        RemoteFile(wire, url(service))


def test_a_range_with_more_bytes_than_asked_for_is_refused(wire: GuardedSession, service: FakeStac) -> None:
    service.fail(PATH, Fault(206, {"Content-Range": f"bytes 0-16383/{len(PLAIN)}"}, PLAIN[:20_000]))
    with pytest.raises(RefusedSource, match="announces 20000 bytes; at most 16384"):
        RemoteFile(wire, url(service))


def test_an_empty_file_is_an_unavailable_source(wire: GuardedSession, service: FakeStac) -> None:
    service.files.bodies[PATH] = b""
    with pytest.raises(SourceUnavailable, match="status 416"):
        RemoteFile(wire, url(service))


def test_broken_ranges_are_asked_for_again(wire: GuardedSession, service: FakeStac) -> None:
    service.fail(PATH, Fault(500), Fault(cut=0.3), Fault(429, {"Retry-After": "1"}))
    assert RemoteFile(wire, url(service)).read_at(0, 100) == PLAIN[:100]
