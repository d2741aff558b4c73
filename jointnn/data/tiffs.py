"""TIFF files that Pillow can decode, and whose description alone it does not know or gets wrong."""

from typing import Any

UNDEFINED = 4
"""The kind of numbers of which nothing is said: they count as whole ones without a sign."""
_NATIVE = {"I;16BS": "I;16NS", "I;32BS": "I;32NS", "F;32BF": "F;32NF"}
"""Pillow's names of numbers whose highest byte is the first, and of them in the order of this machine."""


def know_more_tiffs() -> None:
    """Tell Pillow how to read more grey numbers; `pixel_types` says what they mean."""
    from PIL.TiffImagePlugin import II, MM, OPEN_INFO

    grey: dict[tuple[int, int], dict[bytes, tuple[str, str]]] = {  # by kind and bits
        (1, 12): {II: ("I;16", "I;12"), MM: ("I;16", "I;12")},
        (1, 16): {II: ("I;16", "I;16"), MM: ("I;16B", "I;16B")},
        (1, 32): {II: ("I", "I;32S"), MM: ("I", "I;32BS")},
        (2, 16): {II: ("I", "I;16S"), MM: ("I", "I;16BS")},
        (2, 32): {II: ("I", "I;32S"), MM: ("I", "I;32BS")},
    }
    for (kind, bits), orders in grey.items():
        for order, read in orders.items():
            for meaning in (0, 1):
                OPEN_INFO.setdefault((order, meaning, (kind,), 1, (bits,), ()), read)
    for order in (II, MM):  # Pillow turns those of 8 bits round
        OPEN_INFO.setdefault((order, 0, (2,), 1, (8,), ()), ("L", "L;I"))
    for (order, meaning, kinds, fill, depths, extra), read in list(OPEN_INFO.items()):
        if kinds == (1,):
            OPEN_INFO.setdefault((order, meaning, (UNDEFINED,), fill, depths, extra), read)


def in_native_order(image: Any) -> None:
    """Let a compressed TIFF, opened and not loaded, keep the order in which libtiff gives numbers.

    Pillow turns those of 32 bits and signed ones round once more.
    """
    image.tile = [
        tile._replace(args=(_NATIVE.get(tile.args[0], tile.args[0]), *tile.args[1:]))
        if tile.codec_name == "libtiff"
        else tile
        for tile in image.tile
    ]
