"""Pure functions on images: encoded bytes to pixels, pixels to one size. No torch."""

import io

import numpy as np
from PIL import Image, ImageOps

from jointnn.data.image_formats import readable
from jointnn.errors import UserError

MOST_PIXELS = 50_000_000


def decode(content: bytes, where: str) -> Image.Image:
    """Return the image in encoded bytes, upright.

    Args:
        content: a file of one of the formats that `image_formats` lists; its first frame or page is read.
        where: names the image in messages.

    Raises:
        UserError: the bytes are damaged, no image, or one of more than 50 million pixels.
    """
    try:
        # A flipped bit inside a PNG decodes to wrong pixels; only its check sums tell.
        if content.startswith(b"\x89PNG"):
            Image.open(io.BytesIO(content), formats=("PNG",)).verify()
        image = Image.open(io.BytesIO(content), formats=readable())
        if image.width * image.height > MOST_PIXELS:
            raise ValueError(f"{image.width} x {image.height} pixels are too many")
        image.load()
        return upright(image)
    except Exception as error:  # Pillow's decoders raise anything on damaged bytes
        reason = "no known image format" if "cannot identify" in str(error) else str(error)
        raise UserError(f"{where} is damaged: {reason}. Replace it or take it out.") from error


def upright(image: Image.Image) -> Image.Image:
    """Return an image turned as its EXIF says."""
    # Cameras store pictures as they are held and note the turn.
    return ImageOps.exif_transpose(image) if image.getexif() else image


def encode_png(pixels: np.ndarray) -> bytes:
    """Return grey pixels, uint8 of shape (H, W), or colours, (H, W, 3), as a PNG; lossless."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def to_channels(image: Image.Image, channels: int) -> Image.Image:
    """Return a grey (1 channel) or colour image (3) of 8 bits; what is transparent becomes white."""
    if image.mode.startswith("I") or image.mode == "F":
        # Pillow clips what is beyond 8 bits to white. The formats with more bits use 16.
        image = Image.fromarray((np.asarray(image).clip(0, 65535) / 257).round().astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("L" if channels == 1 else "RGB")


def resize(image: Image.Image, size: int, channels: int, fit: str = "crop") -> np.ndarray:
    """Return pixels of an image, made square and resized.

    Bilinear. When an image shrinks, the triangle is widened to the step between new pixels
    (Pillow's antialiasing), so that no old pixel is skipped.

    Args:
        size: height and width of the result, in pixels.
        channels: 1 for grey (ITU-R 601-2 luma), 3 for red, green and blue.
        fit: `crop` keeps the central square, `squash` the whole image.

    Returns:
        uint8 of shape (channels, size, size).
    """
    image = to_channels(image, channels)
    if image.width != image.height and fit == "crop":
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    pixels = np.asarray(image)
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def pixels_of(content: bytes, where: str, size: int, channels: int, fit: str) -> np.ndarray:
    """Return what networks see of an encoded image, uint8 of shape (channels, size, size).

    Raises:
        UserError: the bytes are damaged or no image; see `decode`.
    """
    return resize(decode(content, where), size, channels, fit)
