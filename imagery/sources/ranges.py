"""A remote file, read by byte ranges through the guarded session: blocks, each fetched once.

RFC 9110: 14.2 Range, 14.4 Content-Range, 15.3.7 status 206, 15.5.17 status 416, 8.8.3 ETag.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

from findings.errors import MizuhashiError, OutputError, SourceUnavailable
from imagery.sources.guard import shown
from imagery.sources.wire import Answer, GuardedSession, Hiccup

BLOCK = 1 << 17
MAX_REQUEST = 8 << 20
MEMORY_BLOCKS = 512  # 64 MiB a file
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")  # Python reads no number of 5000 digits


class BlockStore:
    """Blocks of one remote file: the last used ones in memory, all of them in a folder if one is given.

    The folder is what a resumed run starts from; it holds ``about.json`` (size and ETag) and one file a block.
    """

    def __init__(self, folder: Path | None = None, memory_blocks: int = MEMORY_BLOCKS) -> None:
        self._folder = folder
        self._memory: OrderedDict[int, bytes] = OrderedDict()
        self._memory_blocks = memory_blocks

    def about(self) -> tuple[int, str] | None:
        """Return size and ETag of the file as an earlier run saw it, or None."""
        if self._folder is None:
            return None
        try:
            found = json.loads((self._folder / "about.json").read_text())
            return int(found["size"]), str(found["etag"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep_about(self, size: int, etag: str) -> None:
        """Keep size and ETag; raise OutputError if the folder cannot be written."""
        self._write("about.json", json.dumps({"size": size, "etag": etag}).encode())

    def get(self, number: int, length: int) -> bytes | None:
        """Return a block of that length, or None if it was not fetched yet."""
        if number in self._memory:
            self._memory.move_to_end(number)
            return self._memory[number]
        if self._folder is None:
            return None
        with suppress(OSError):
            block = (self._folder / f"{number}.block").read_bytes()
            if len(block) == length:  # a run that was cut off may have left half of one
                self._remember(number, block)
                return block
        return None

    def put(self, number: int, block: bytes) -> None:
        """Keep a block; raise OutputError if the folder cannot be written."""
        self._remember(number, block)
        self._write(f"{number}.block", block)

    def clear(self) -> None:
        """Forget everything: the file has changed, or is done with."""
        self._memory.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _remember(self, number: int, block: bytes) -> None:
        self._memory[number] = block
        while len(self._memory) > self._memory_blocks:
            self._memory.popitem(last=False)

    def _write(self, name: str, content: bytes) -> None:
        if self._folder is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / name).write_bytes(content)
        except OSError as error:
            raise OutputError(
                f"{self._folder}: what was downloaded cannot be kept ({error.strerror}); free some space"
            ) from error


def folder_of(cache: Path, url: str) -> Path:
    """Return the folder for the blocks of a file; a signature in the query does not make it another file."""
    return cache / hashlib.sha256(url.split("?", 1)[0].encode()).hexdigest()[:32]


class RemoteFile:
    """A remote file, and the blocks of it that were fetched.

    Attributes:
        url: of the file.
        size: in bytes.
        failure: what `Cursor.read` could not raise.
        requests: ranges that were asked for.

    Args:
        session: every range goes through it.
        url: of the file.
        blocks: where fetched blocks are kept.

    Raises:
        SourceError: it is not there, or the server does not serve ranges.
    """

    def __init__(self, session: GuardedSession, url: str, blocks: BlockStore | None = None) -> None:
        self._session = session
        self.url = url
        self._blocks = blocks or BlockStore()
        self.failure: MizuhashiError | None = None
        self.requests = 0
        known = self._blocks.about()
        self.size, self._etag = known if known is not None else self._open()

    def forget(self) -> None:
        """Forget the blocks: what came does not decode, and may come better next time."""
        self._blocks.clear()
        self._blocks.keep_about(self.size, self._etag)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return the bytes ``offset .. offset + length`` of the file, all of them.

        Raises:
            SourceError: a range could not be fetched, or the file changed meanwhile.
        """
        first, last = offset // BLOCK, (offset + length - 1) // BLOCK
        pieces = {number: self._blocks.get(number, self._length(number)) for number in range(first, last + 1)}
        for start, count in _runs([number for number, block in pieces.items() if block is None]):
            fetched = self._fetch(start * BLOCK, min((start + count) * BLOCK, self.size))
            for number in range(start, start + count):
                block = fetched[(number - start) * BLOCK : (number - start + 1) * BLOCK]
                self._blocks.put(number, block)
                pieces[number] = block
        joined = b"".join(piece for piece in pieces.values() if piece is not None)
        return joined[offset - first * BLOCK :][:length]

    def _length(self, number: int) -> int:
        return min(BLOCK, self.size - number * BLOCK)

    def _open(self) -> tuple[int, str]:
        """Return size and ETag: the answer to a request for the first block tells both."""
        answer = self._ask(0, BLOCK)
        size = self._span(answer, 0, BLOCK)
        etag = answer.headers.get("etag", "")
        self._blocks.keep_about(size, etag)
        self._blocks.put(0, answer.body)
        return size, etag

    def _fetch(self, start: int, end: int) -> bytes:
        answer = self._ask(start, end)
        size = self._span(answer, start, end)
        etag = answer.headers.get("etag", "")
        if size != self.size or etag != self._etag:
            self._blocks.clear()
            raise SourceUnavailable(
                f"{shown(self.url)}: the file was replaced while it was read (ETag {self._etag or 'none'}, then "
                f"{etag or 'none'}); run it again"
            )
        return answer.body

    def _ask(self, start: int, end: int) -> Answer:
        """Return the answer for the bytes ``start .. end``, short ones asked for again."""
        # identity: a compressed answer has other bytes than the file, and other offsets
        headers = {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
        patience = self._session.patience
        for left in reversed(range(patience.attempts)):
            answer = self._session.ask("GET", self.url, headers=headers)
            self.requests += 1
            try:
                self._span(answer, start, end)
                return answer
            except Hiccup:
                if left == 0:
                    raise
                patience.sleep(patience.first_wait_s)
        raise AssertionError("unreachable: the last try returns or raises")

    def _span(self, answer: Answer, start: int, end: int) -> int:
        """Return the size of the file as Content-Range says; raise unless it is the range that was asked for."""
        said = answer.headers.get("content-range", "")
        span = _CONTENT_RANGE.fullmatch(said.strip())
        if answer.status != 206 or span is None:
            raise SourceUnavailable(
                f"{shown(self.url)}: asked for bytes {start} to {end - 1}, got status {answer.status} and "
                f"Content-Range {said[:80]!r}; the file is empty, or the server does not serve ranges"
            )
        first, last, size = (int(number) for number in span.groups())
        if first != start or last != min(end, size) - 1:
            raise SourceUnavailable(
                f"{shown(self.url)}: asked for bytes {start} to {end - 1}, got {said!r}; the server mixes ranges up"
            )
        if len(answer.body) != last - first + 1:
            raise Hiccup(
                f"{shown(self.url)}: the range {said!r} came with {len(answer.body)} bytes; run it again later"
            )
        return size


class Cursor(io.RawIOBase):
    """One reader of a remote file, with a position of its own.

    GDAL calls `read` from C, where an exception would be lost: the error is kept in the file's ``failure``, and the
    file reads as empty from then on. Whoever reads pixels must look there.
    """

    def __init__(self, file: RemoteFile) -> None:
        super().__init__()
        self._file = file
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position; it may lie behind the end."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._file.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes from the position on; after a failure, nothing."""
        end = self._file.size if size < 0 else min(self._position + size, self._file.size)
        if self._file.failure is not None or end <= self._position:
            return b""
        try:
            data = self._file.read_at(self._position, end - self._position)
        except MizuhashiError as error:
            self._file.failure = error
            return b""
        self._position += len(data)
        return data


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    """Return first number and count of each run of neighbours, none longer than one request may be."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == sum(runs[-1]) and runs[-1][1] < MAX_REQUEST // BLOCK:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((number, 1))
    return runs
