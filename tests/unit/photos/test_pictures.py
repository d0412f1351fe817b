"""What becomes of a file that claims to be a picture."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from infra.templates import read_template
from portal.photos import pictures, rules
from tests.pictures import EXECUTABLE, SECRET, SVG, bomb, exif, plain, with_metadata

ROOT = Path(__file__).parents[3]
KINDS = ("image/jpeg", "image/png", "image/webp", "image/heic")


def opened(jpeg: bytes) -> Image.Image:
    return Image.open(io.BytesIO(jpeg), formats=["JPEG"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_photo_with_gps_data_comes_out_without_it_and_without_anything_else(kind: str) -> None:
    sent = with_metadata(kind)
    assert SECRET.encode() in sent
    assert Image.open(io.BytesIO(sent)).getexif().get_ifd(0x8825), "as a phone writes it"
    for jpeg in pictures.clean(sent, kind):
        image = opened(jpeg)
        assert SECRET.encode() not in jpeg
        assert not image.getexif()
        assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_cleaned_picture_shows_what_the_sent_one_did_and_a_small_one_too(kind: str) -> None:
    cleaned = pictures.clean(plain(kind, (3_000, 1_500)), kind)
    assert [opened(jpeg).size for jpeg in cleaned] == [(2_048, 1_024), (320, 160)]
    for jpeg in cleaned:
        image = opened(jpeg)
        red, _, blue = image.getpixel((5, 5))
        assert red < 60 < 200 < blue
        red, _, blue = image.getpixel((image.width - 5, image.height - 5))
        assert blue < 60 < 200 < red


CORNERS = {1: (0, 0), 2: (1, 0), 3: (1, 1), 4: (0, 1), 5: (0, 0), 6: (1, 0), 7: (1, 1), 8: (0, 1)}
"""Where the upper left of the file is once the picture stands upright (EXIF 2.32, tag 0x0112)."""


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_that_was_taken_sideways_stands_upright(orientation: int) -> None:
    image = opened(pictures.clean(plain("image/jpeg", exif=exif(orientation)), "image/jpeg").picture)
    assert image.size == ((480, 640) if orientation >= 5 else (640, 480))
    right, low = CORNERS[orientation]
    pixel = image.getpixel((image.width - 5 if right else 5, image.height - 5 if low else 5))
    assert pixel[2] > 200 > 60 > pixel[0]


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "I;16", "1"])
def test_a_png_of_any_kind_of_pixel_is_taken(mode: str) -> None:
    written = io.BytesIO()
    Image.new(mode, (64, 48)).save(written, "PNG")
    assert opened(pictures.clean(written.getvalue(), "image/png").picture).mode == "RGB"


def test_what_a_picture_lets_through_becomes_white() -> None:
    written = io.BytesIO()
    Image.new("RGBA", (64, 48), (0, 0, 0, 0)).save(written, "PNG")
    assert opened(pictures.clean(written.getvalue(), "image/png").picture).getpixel((10, 10)) == (255, 255, 255)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sent", [EXECUTABLE, SVG, b"", b"%PDF-1.7\n", b"GIF89a" + b"\0" * 99, b"\0" * 5_000])
def test_what_is_no_picture_is_refused_whatever_it_is_called(kind: str, sent: bytes) -> None:
    with pytest.raises(pictures.NotAPicture, match="not_a_picture"):
        pictures.clean(sent, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_of_another_type_than_was_declared_is_refused(kind: str) -> None:
    for other in set(KINDS) - {kind}:
        with pytest.raises(pictures.NotAPicture, match="not_a_picture"):
            pictures.clean(plain(kind), other)


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_that_was_cut_off_is_refused(kind: str) -> None:
    # Noise, so that the file is long enough to be cut within its pixels.
    noise = Image.effect_noise((400, 300), 90).convert("RGB")
    written = io.BytesIO()
    noise.save(written, {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/heic": "HEIF"}[kind])
    whole = written.getvalue()
    pictures.clean(whole, kind)
    for part in (0.02, 0.5, 0.9):
        with pytest.raises(pictures.NotAPicture, match="not_a_picture"):
            pictures.clean(whole[: int(len(whole) * part)], kind)


@pytest.mark.parametrize("size", [(40_000, 40_000), (8_001, 8_000), (65_000, 1_000), (200_000, 200_000)])
def test_a_decompression_bomb_is_refused_before_a_pixel_is_read(size: tuple[int, int]) -> None:
    sent = bomb(*size)
    assert len(sent) < 5_000
    with pytest.raises(pictures.NotAPicture, match="too_many_pixels"):
        pictures.clean(sent, "image/png")


def test_of_a_picture_that_is_something_else_too_nothing_but_the_picture_is_kept() -> None:
    hidden = b"PK\x03\x04<script>alert(1)</script>" + EXECUTABLE
    for jpeg in pictures.clean(plain("image/jpeg", comment=hidden[:200]) + hidden, "image/jpeg"):
        assert b"script" not in jpeg
        assert b"PK\x03\x04" not in jpeg
        assert EXECUTABLE not in jpeg


def test_every_refusal_has_words_that_say_what_to_do() -> None:
    for message in rules.MESSAGES.values():
        assert "have not kept it. Take " in message


_CLEANS = """
import resource, sys
from portal.photos import pictures
cleaned = pictures.clean(open(sys.argv[1], "rb").read(), sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


@pytest.mark.parametrize("kind", ["image/jpeg", "image/png"])
def test_a_real_48_megapixel_picture_passes_within_the_memory_of_the_function(kind: str, tmp_path: Path) -> None:
    how = {"compress_level": 1} if kind == "image/png" else {"exif": exif(6)}
    sent = tmp_path / "photo"
    sent.write_bytes(plain(kind, (8_064, 6_048), **how))
    assert sent.stat().st_size < rules.MOST_BYTES
    done = subprocess.run(
        [sys.executable, "-c", _CLEANS, sent, kind],
        env={"PYTHONPATH": str(ROOT / "layers/portal")},
        capture_output=True,
        text=True,
        check=True,
    )
    memory = read_template(ROOT / "template.yaml")["Resources"]["PhotosFunction"]["Properties"]["MemorySize"]
    assert int(done.stdout) < memory * 1024 * 1024 * 0.6
