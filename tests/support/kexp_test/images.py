"""Pictures made without a library."""

import struct
import zlib
from pathlib import Path


def chunk(kind, data):
    """A part of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, colour):
    """A PNG of one colour with a gradient, as bytes; noisy enough not to vanish in compression."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            rows += bytes(((colour[0] + x * 7 + y * 3) % 256, (colour[1] + x * y) % 256, (colour[2] + x * x + y) % 256))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(rows))) + chunk(b"IEND", b"")


def padded_png(size):
    """A small picture with so many bytes: decoding it costs next to nothing."""
    picture = png(64, 48, (40, 90, 160))
    end = picture.index(b"IEND") - 4
    return picture[:end] + chunk(b"tEXt", b"padding\0" + b"x" * (size - len(picture) - 20)) + picture[end:]


def write_images(folder, count, width=64, height=48):
    """`count` different PNGs in `folder`, named by number."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for i in range(count):
        Path(folder, f"{i:04}.png").write_bytes(png(width, height, (i * 37 % 256, i * 91 % 256, i * 11 % 256)))


def slow_png(side=8000):
    """A black square that is a small file and takes long to decode: hundreds of milliseconds at 8000 pixels a side."""

    compressor = zlib.compressobj(1)
    row = bytes(side + 1)
    data = b"".join(compressor.compress(row) for _ in range(side)) + compressor.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
