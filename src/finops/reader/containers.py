"""From the bytes of a file to UTF-8 text: compression and encodings.

Plain UTF-8 is read in place.  Anything else is a stream that is decompressed, decoded and encoded
again as it is read forward, without a copy on the disk and in bounded memory.
"""

from __future__ import annotations

import codecs
import gzip
import zlib
from typing import BinaryIO, NamedTuple, Optional, Tuple, Union

from finops import config
from finops.errors import DataError

UTF_8, UTF_16_LE, UTF_16_BE, CP1252 = "utf-8", "utf-16-le", "utf-16-be", "cp1252"
_GZIP = b"\x1f\x8b"
_NAMES = {UTF_16_LE: "UTF-16", UTF_16_BE: "UTF-16", CP1252: "Windows-1252"}
_BYTE_ORDER_MARKS = ((b"\xff\xfe", UTF_16_LE), (b"\xfe\xff", UTF_16_BE))
_SAMPLE_BYTES = config.MEGABYTE
# UTF-16 without a byte order mark is recognized by the zero halves of the letters of its header.
_ZEROS_SAMPLE_BYTES = 512
_PIECE_BYTES = 64 * 1024


class Container(NamedTuple):
    """What the text of a file is wrapped in."""

    compressed: bool = False
    encoding: str = UTF_8

    @property
    def is_plain(self) -> bool:
        """Whether the bytes of the file are the text."""
        return self == Container()

    @property
    def notes(self) -> Tuple[str, ...]:
        """Sentences on what is unusual but harmless."""
        notes = []
        if self.compressed:
            notes.append("The file is compressed with gzip.")
        if self.encoding == CP1252:
            notes.append("The file is not UTF-8; it was read as Windows-1252.")
        elif self.encoding != UTF_8:
            notes.append(f"The file is encoded in {_NAMES[self.encoding]}.")
        return tuple(notes)


class DecodedStream:
    """The text of a compressed file, or of one in another encoding, as a stream of UTF-8 bytes.

    Offsets are those of the text.  It is read forward; going back begins anew.
    """

    def __init__(self, raw: BinaryIO, container: Container, name: str) -> None:
        self._raw = raw
        self._container = container
        self._name = name
        self._rewind()

    def _rewind(self) -> None:
        self._raw.seek(0)
        self._bytes = _inner(self._raw, self._container.compressed)
        encoding = self._container.encoding
        # A byte that Windows-1252 does not have passes as it is: it makes its value a bad one.
        self._errors = "surrogateescape" if encoding == CP1252 else "replace"
        decoder = codecs.getincrementaldecoder(encoding)
        self._decoder = None if encoding == UTF_8 else decoder(self._errors)
        self._ready = bytearray()
        self._position = 0
        self._ended = False

    def seek(self, offset: int) -> int:
        """Go to an offset of the text, at most to its end."""
        if offset < self._position:
            self._rewind()
        while self._position < offset and self.read(min(offset - self._position, _PIECE_BYTES)):
            pass
        return self._position

    def read(self, count: int) -> bytes:
        """Return the next `count` bytes, fewer only at the end.

        Raises DataError where the compressed data is damaged.
        """
        while len(self._ready) < count and not self._ended:
            self._ready += self._piece()
        piece = bytes(self._ready[:count])
        del self._ready[:count]
        self._position += len(piece)
        return piece

    def _piece(self) -> bytes:
        data = read_inner(self._bytes, _PIECE_BYTES, self._name)
        self._ended = not data
        if self._decoder is None:
            return data
        return self._decoder.decode(data, self._ended).encode("utf-8", self._errors)


TextStream = Union[BinaryIO, DecodedStream]


def container_of(raw: BinaryIO, name: str) -> Container:
    """Return what the text of an open file is wrapped in; the name is for messages.

    Raises DataError where compressed data is damaged.
    """
    raw.seek(0)
    compressed = raw.read(len(_GZIP)) == _GZIP
    raw.seek(0)
    sample = read_inner(_inner(raw, compressed), _SAMPLE_BYTES, name)
    raw.seek(0)
    return Container(compressed, _encoding(sample))


def text_of(raw: BinaryIO, container: Container, name: str) -> TextStream:
    """Return the text of an open file: the file itself where it is plain."""
    return raw if container.is_plain else DecodedStream(raw, container, name)


def _inner(raw: BinaryIO, compressed: bool) -> BinaryIO:
    return gzip.GzipFile(fileobj=raw) if compressed else raw  # type: ignore[return-value]


def read_inner(stream: BinaryIO, count: int, name: str) -> bytes:
    """Return the next bytes, `count` unless the stream ends; DataError where they are damaged."""
    pieces = []
    try:
        while count > 0:
            piece = stream.read(count)
            if not piece:
                break
            pieces.append(piece)
            count -= len(piece)
    except (EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise DataError(f"cannot read {name}: {error.strerror}") from None
        raise DataError(
            f"{name}: the gzip data is damaged or cut off; copy or download it again"
        ) from None
    return b"".join(pieces)


def _encoding(sample: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if sample.startswith(mark):
            return encoding
    return _utf_16_without_mark(sample[:_ZEROS_SAMPLE_BYTES]) or _eight_bits(sample)


def _utf_16_without_mark(sample: bytes) -> Optional[str]:
    """Return the encoding where most of every other byte are zero, and few of the others."""
    half = len(sample) // 2
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd * 4 >= half * 3 > 0 and even * 4 <= half:
        return UTF_16_LE
    if even * 4 >= half * 3 > 0 and odd * 4 <= half:
        return UTF_16_BE
    return None


def _eight_bits(sample: bytes) -> str:
    """Return UTF-8, or CP1252 where more letters are wrong than right in UTF-8.

    A few bad bytes in UTF-8 text are bad values; bytes above ASCII without any letter in UTF-8
    are another encoding.
    """
    is_whole = len(sample) < _SAMPLE_BYTES  # else its last letter may be cut
    try:
        codecs.getincrementaldecoder(UTF_8)().decode(sample, is_whole)
    except UnicodeDecodeError:
        text = sample.decode(UTF_8, "replace")
        wrong = text.count("\ufffd")
        right = sum(letter > "\x7f" for letter in text) - wrong
        return CP1252 if wrong > right else UTF_8
    return UTF_8
