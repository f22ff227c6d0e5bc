"""The real type of a file, by content."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc_ingest.sniff import Kind, sniff


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    body = major + bytes(4) + b"".join(compatible)
    return (8 + len(body)).to_bytes(4, "big") + b"ftyp" + body + bytes(32)


@pytest.mark.parametrize(
    ("data", "media_type", "kind"),
    [
        (b"", "application/x-empty", Kind.EMPTY),
        (b"\xff\xd8\xff\xe0", "image/jpeg", Kind.IMAGE),
        (b"\x89PNG\r\n\x1a\n", "image/png", Kind.IMAGE),
        (b"GIF89a", "image/gif", Kind.IMAGE),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp", Kind.IMAGE),
        (b"RIFF\x10\0\0\0AVI LIST", "video/x-msvideo", Kind.VIDEO),
        (b"RIFF\x10\0\0\0WAVEfmt ", "audio/wav", Kind.AUDIO),
        (b"II*\0\x08\0\0\0", "image/tiff", Kind.IMAGE),
        (b"II*\0\x10\0\0\0CR\x02\0", "image/x-raw", Kind.OTHER_IMAGE),
        (ftyp(b"heic", b"mif1"), "image/heic", Kind.IMAGE),
        (ftyp(b"mif1", b"heic"), "image/heic", Kind.IMAGE),
        (ftyp(b"mif1", b"miaf", b"avif"), "image/avif", Kind.IMAGE),
        (ftyp(b"mif1"), "image/heif", Kind.IMAGE),
        (ftyp(b"avif", b"mif1"), "image/avif", Kind.IMAGE),
        (ftyp(b"isom", b"mp42"), "video/mp4", Kind.VIDEO),
        (ftyp(b"qt  "), "video/quicktime", Kind.VIDEO),
        (ftyp(b"3gp5"), "video/3gpp", Kind.VIDEO),
        (ftyp(b"M4A "), "audio/mp4", Kind.AUDIO),
        (ftyp(b"crx "), "image/x-raw", Kind.OTHER_IMAGE),
        (b"\0\0\0\x08wide\0\0\0\0mdat", "video/quicktime", Kind.VIDEO),
        (b"\x1aE\xdf\xa3\x01", "video/x-matroska", Kind.VIDEO),
        ((b"G" + bytes(187)) * 3, "video/mp2t", Kind.VIDEO),
        (b"%PDF-1.7\n", "application/pdf", Kind.DOCUMENT),
        (b"BM\x36\0\0\0\0\0\0\0\x36\0", "image/bmp", Kind.OTHER_IMAGE),
        (b"BMW is a maker of cars", "text/plain", Kind.TEXT),
        ("Ein Foto, ehrlich: \u00fc".encode(), "text/plain", Kind.TEXT),
        ("\ufeffhello".encode("utf-16"), "text/plain", Kind.TEXT),
        (b'{"photo": true}', "application/json", Kind.TEXT),
        (b"<!DOCTYPE html><p>404", "text/html", Kind.TEXT),
        (b'<?xml version="1.0"?><svg xmlns="">', "image/svg+xml", Kind.OTHER_IMAGE),
        (b"PK\x03\x04", "application/zip", Kind.ARCHIVE),
        (b"\x1f\x8b\x08", "application/gzip", Kind.ARCHIVE),
        (bytes(range(256)), "application/octet-stream", Kind.UNKNOWN),
    ],
)
def test_names_the_type(data: bytes, media_type: str, kind: Kind) -> None:
    found = sniff(data)
    assert (found.media_type, found.kind) == (media_type, kind)


def test_a_character_cut_by_the_window_is_still_text() -> None:
    assert sniff(b"a" * 4095 + "\u00fc".encode()).kind is Kind.TEXT


@given(st.binary(max_size=600))
def test_never_raises(data: bytes) -> None:
    assert sniff(data).label
