"""Pictures made without a library."""

import struct
import zlib
from pathlib import Path


def png(width, height, colour):
    """A PNG of one colour with a gradient, as bytes; noisy enough not to vanish in compression."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            rows += bytes(((colour[0] + x * 7 + y * 3) % 256, (colour[1] + x * y) % 256, (colour[2] + x * x + y) % 256))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(rows))) + chunk(b"IEND", b"")


def write_images(folder, count, width=64, height=48):
    """`count` different PNGs in `folder`, named by number."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for i in range(count):
        Path(folder, f"{i:04}.png").write_bytes(png(width, height, (i * 37 % 256, i * 91 % 256, i * 11 % 256)))


def slow_png(side=8000):
    """A black square that is a small file and takes long to decode: hundreds of milliseconds at 8000 pixels a side."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    compressor = zlib.compressobj(1)
    row = bytes(side + 1)
    data = b"".join(compressor.compress(row) for _ in range(side)) + compressor.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
