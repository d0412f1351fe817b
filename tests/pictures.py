"""Pictures made for tests: real files of each type, with what a phone writes beside the pixels, and broken ones."""

import io
import struct
import zlib
from typing import Any

import pillow_heif
from PIL import Image, PngImagePlugin

pillow_heif.register_heif_opener()

SECRET = "51.5007N 0.1246W Amara Okafor"
"""What lies beside the pixels of `with_metadata`, and must lie nowhere afterwards."""

_TYPES = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/heic": "HEIF"}
_XMP = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><t>{SECRET}</t></x:xmpmeta>'.encode()


def plain(kind: str = "image/jpeg", size: tuple[int, int] = (640, 480), **how: Any) -> bytes:
    """A picture: red, with a blue corner at its upper left."""
    image = Image.new(how.pop("mode", "RGB"), size, "red")
    image.paste("blue", (0, 0, size[0] // 4, size[1] // 4))
    written = io.BytesIO()
    image.save(written, _TYPES[kind], **how)
    return written.getvalue()


def exif(orientation: int = 1) -> bytes:
    """What a phone notes: where, who, with what, and which way up."""
    found = Image.Exif()
    found[0x0112], found[0x010F], found[0x8298] = orientation, SECRET, SECRET
    found.get_ifd(0x8825).update({1: "N", 2: (51.0, 30.0, 2.5), 3: "W", 4: (0.0, 7.0, 28.5), 27: SECRET.encode()})
    return found.tobytes()


def with_metadata(kind: str) -> bytes:
    """A picture with everything that its type can carry along, each with `SECRET` in it."""
    how: dict[str, Any] = {"exif": exif(), "xmp": _XMP}
    if kind == "image/jpeg":
        how["comment"] = SECRET
    if kind == "image/png":
        chunks = PngImagePlugin.PngInfo()
        chunks.add_text("Comment", SECRET)
        chunks.add_itxt("XML:com.adobe.xmp", _XMP.decode())
        how = {"exif": exif(), "pnginfo": chunks}
    made = plain(kind, **how)
    if kind == "image/jpeg":
        iptc = b"Photoshop 3.0\x008BIM\x04\x04\x00\x00" + struct.pack(">I", len(SECRET)) + SECRET.encode()
        made = made[:2] + b"\xff\xed" + struct.pack(">H", len(iptc) + 2) + iptc + made[2:]
    return made + SECRET.encode()


def bomb(width: int = 40_000, height: int = 40_000) -> bytes:
    """A PNG of a few kilobytes that claims to be some thousand megapixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1_000_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


EXECUTABLE = b"MZ\x90\x00" + bytes(range(256)) * 40
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
