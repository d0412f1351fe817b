"""Makes what somebody sent into a picture that is nothing but a picture, or says that it is none.

Nothing of the file is passed on: its pixels are painted anew and written as a JPEG of ours, without location, camera,
thumbnail, comment or whatever else lay in or behind it. Only the decoder of the type that was declared is tried.
"""

import io
import warnings
from typing import NamedTuple

import pillow_heif
from PIL import Image

from portal.photos.rules import MOST_PIXELS, Reason

pillow_heif.register_heif_opener(thumbnails=False)

_DECODERS = {
    "image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/heic": "HEIF", "image/heif": "HEIF",
}  # fmt: skip
_LONGEST, _SMALL = 2_048, 320
"""Pixels of the longer side: enough to see a hairline crack, and a thumbnail for a sharp screen."""


class NotAPicture(Exception):
    """What was sent is not kept; `reason` says why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class Cleaned(NamedTuple):
    """The picture and its small one, as JPEG."""

    picture: bytes
    small: bytes


def clean(content: bytes, content_type: str) -> Cleaned:
    """The picture in `content`, upright and without anything else.

    Raises:
        NotAPicture: it is of another type, broken, cut off, or has too many pixels.
    """
    try:
        picture = _painted_anew(content, _DECODERS[content_type])
    except NotAPicture:
        raise
    except Exception:  # a decoder may raise anything at what a stranger made
        raise NotAPicture("not_a_picture") from None
    small = picture.copy()
    small.thumbnail((_SMALL, _SMALL))
    return Cleaned(_jpeg(picture), _jpeg(small))


def _painted_anew(content: bytes, decoder: str) -> Image.Image:
    with warnings.catch_warnings():
        # Our own limit, below, comes before a pixel is read.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            opened = Image.open(io.BytesIO(content), formats=[decoder])
        except Image.DecompressionBombError:
            raise NotAPicture("too_many_pixels") from None
        if opened.width * opened.height > MOST_PIXELS:
            raise NotAPicture("too_many_pixels")
        # A JPEG can be read at a half, a quarter or an eighth of its size, for as little memory.
        opened.draft("RGB", (_LONGEST, _LONGEST))
        opened.load()
        image: Image.Image = opened
        if image.mode not in {"RGB", "RGBA", "L", "LA"}:
            image = image.convert("RGBA" if image.has_transparency_data else "RGB")
        orientation = _orientation(opened)
        image.thumbnail((_LONGEST, _LONGEST), reducing_gap=2.0)
    # A sheet of our own, with nothing but pixels on it: white where the picture has none.
    sheet = Image.new("RGB", image.size, "white")
    sheet.paste(image, mask=image.getchannel("A") if image.mode in {"RGBA", "LA"} else None)
    return sheet.transpose(orientation) if orientation is not None else sheet


_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip


def _orientation(image: Image.Image) -> Image.Transpose | None:
    try:
        return _UPRIGHT.get(image.getexif().get(0x0112, 1))
    except Exception:  # broken EXIF of a whole picture: it is shown as it lies
        return None


def _jpeg(image: Image.Image) -> bytes:
    written = io.BytesIO()
    image.save(written, "JPEG", quality=85, optimize=True)
    return written.getvalue()
