"""TIFF files of any sample type, byte order and tags, without a library that reads them back."""

import struct
import zlib

import numpy as np

KINDS = {"u": 1, "i": 2, "f": 3}


def tiff(
    numbers: np.ndarray,
    bits: int = 0,
    white_is_zero: bool = False,
    order: str = "<",
    tags: dict[int, tuple[float, ...]] | None = None,
    compressed: bool = False,
) -> bytes:
    """A TIFF of one strip.

    Args:
        numbers: grey, (H, W), or bands, (H, W, B), of the type that is written.
        bits: of a number, where they are packed; 0: as many as its type has.
        tags: others, with numbers that are written as doubles; the orientation as a short one.
        compressed: by deflate.
    """
    height, width, *rest = numbers.shape
    bands, kind = (rest or [1])[0], KINDS[numbers.dtype.kind]
    if bits and bits < numbers.itemsize * 8:
        wide = numbers.astype(">u2")[..., None].view(np.uint8)
        rows = np.unpackbits(wide.reshape(height, -1, 2), axis=2)[:, :, 16 - bits :]
        content = np.packbits(rows.reshape(height, -1), axis=1).tobytes()
    else:
        bits = numbers.itemsize * 8
        content = numbers.astype(numbers.dtype.newbyteorder(order)).tobytes()
    if compressed:
        content = zlib.compress(content)
    meaning = 2 if bands > 2 else 0 if white_is_zero else 1
    shorts = {
        256: [width],
        257: [height],
        258: [bits] * bands,
        259: [8 if compressed else 1],
        262: [meaning],
    }
    shorts |= {277: [bands], 278: [height], 339: [kind] * bands}
    longs = {273: [8], 279: [len(content)]}
    entries = {tag: ("H", 3, values) for tag, values in shorts.items()}
    entries |= {tag: ("I", 4, values) for tag, values in longs.items()}
    entries |= {tag: ("d", 12, list(values)) for tag, values in (tags or {}).items() if tag != 274}
    entries |= {tag: ("H", 3, list(values)) for tag, values in (tags or {}).items() if tag == 274}
    first = 8 + len(content) + len(content) % 2
    beyond = first + 2 + 12 * len(entries) + 4
    listed, heap = b"", b""
    for tag, (code, number, values) in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(values)}{code}", *values)
        if len(packed) > 4:
            heap, packed = heap + packed, struct.pack(f"{order}I", beyond + len(heap))
        listed += struct.pack(f"{order}HHI", tag, number, len(values)) + packed.ljust(4, b"\0")
    start = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, first)
    table = struct.pack(f"{order}H", len(entries)) + listed + struct.pack(f"{order}I", 0)
    return start + content + b"\0" * (len(content) % 2) + table + heap
