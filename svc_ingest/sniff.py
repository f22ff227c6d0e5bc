"""What a file really is, told from its first bytes and never from its name or declared type.

Signatures: the formats' own specifications (ISO/IEC 10918-1, 14496-12, 23008-12, 15948; RFC 9649;
TIFF 6.0; Matroska RFC 9559; ...).
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Kind(Enum):
    """What may be done with a file."""

    IMAGE = "image"
    """A raster image that ingest decodes."""
    OTHER_IMAGE = "other image"
    """An image in a format that ingest does not read."""
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"
    TEXT = "text"
    ARCHIVE = "archive"
    EMPTY = "empty"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Sniffed:
    """The media type (IANA name where there is one), its kind, and a noun phrase for error messages."""

    media_type: str
    kind: Kind
    label: str


def _image(media_type: str, label: str) -> Sniffed:
    return Sniffed(media_type, Kind.IMAGE, label)


def _other(media_type: str, label: str) -> Sniffed:
    return Sniffed(media_type, Kind.OTHER_IMAGE, label)


def _video(media_type: str, label: str) -> Sniffed:
    return Sniffed(media_type, Kind.VIDEO, label)


JPEG: Final = _image("image/jpeg", "a JPEG image")
PNG: Final = _image("image/png", "a PNG image")
GIF: Final = _image("image/gif", "a GIF image")
WEBP: Final = _image("image/webp", "a WebP image")
TIFF: Final = _image("image/tiff", "a TIFF image")
HEIC: Final = _image("image/heic", "an HEIC image")
HEIF: Final = _image("image/heif", "an HEIF image")
AVIF: Final = _image("image/avif", "an AVIF image")
EMPTY: Final = Sniffed("application/x-empty", Kind.EMPTY, "an empty file")
TEXT: Final = Sniffed("text/plain", Kind.TEXT, "a text file")
UNKNOWN: Final = Sniffed("application/octet-stream", Kind.UNKNOWN, "a file of unknown type")

_SVG = _other("image/svg+xml", "an SVG drawing")
_RAW = _other("image/x-raw", "a camera raw file")
_MP4 = _video("video/mp4", "an MP4 video")
_QUICKTIME = _video("video/quicktime", "a QuickTime video")

# (offset, bytes, what it is); the first match wins.
_SIGNATURES: Final[tuple[tuple[int, bytes, Sniffed], ...]] = (
    (0, b"\xff\xd8\xff", JPEG),
    (0, b"\x89PNG\r\n\x1a\n", PNG),
    (0, b"GIF87a", GIF),
    (0, b"GIF89a", GIF),
    (8, b"CR\x02\x00", _RAW),
    (0, b"II*\x00", TIFF),
    (0, b"MM\x00*", TIFF),
    (0, b"II+\x00", _other("image/tiff", "a BigTIFF image")),
    (0, b"MM\x00+", _other("image/tiff", "a BigTIFF image")),
    (0, b"IIRO", _RAW),
    (0, b"IIU\x00", _RAW),
    (0, b"FUJIFILMCCD-RAW", _RAW),
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", _other("image/jp2", "a JPEG 2000 image")),
    (0, b"\xff\x4f\xff\x51", _other("image/jp2", "a JPEG 2000 image")),
    (0, b"\x00\x00\x00\x0cJXL \r\n\x87\n", _other("image/jxl", "a JPEG XL image")),
    (0, b"\xff\x0a", _other("image/jxl", "a JPEG XL image")),
    (0, b"8BPS", _other("image/vnd.adobe.photoshop", "a Photoshop file")),
    (0, b"v/1\x01", _other("image/x-exr", "an OpenEXR image")),
    (0, b"\x08\xf2\xa6\xb6", _other("image/x-vips", "a VIPS image")),
    (0, b"\xb6\xa6\xf2\x08", _other("image/x-vips", "a VIPS image")),
    (0, b"\x00\x00\x01\x00", _other("image/vnd.microsoft.icon", "an icon")),
    (128, b"DICM", _other("application/dicom", "a DICOM file")),
    (36, b"acsp", Sniffed("application/vnd.iccprofile", Kind.DOCUMENT, "an ICC colour profile")),
    (0, b"\x1aE\xdf\xa3", _video("video/x-matroska", "a Matroska or WebM video")),
    (0, b"\x00\x00\x01\xba", _video("video/mpeg", "an MPEG video")),
    (0, b"\x00\x00\x01\xb3", _video("video/mpeg", "an MPEG video")),
    (0, b"FLV\x01", _video("video/x-flv", "a Flash video")),
    (0, b"0&\xb2u\x8ef\xcf\x11", _video("video/x-ms-asf", "a Windows Media video")),
    (0, b"OggS", _video("video/ogg", "an Ogg file")),
    (0, b"%PDF-", Sniffed("application/pdf", Kind.DOCUMENT, "a PDF document")),
    (0, b"ID3", Sniffed("audio/mpeg", Kind.AUDIO, "an MP3 recording")),
    (0, b"fLaC", Sniffed("audio/flac", Kind.AUDIO, "a FLAC recording")),
    (0, b"PK\x03\x04", Sniffed("application/zip", Kind.ARCHIVE, "a ZIP archive or office document")),
    (0, b"\x1f\x8b", Sniffed("application/gzip", Kind.ARCHIVE, "a gzip archive")),
    (0, b"7z\xbc\xaf\x27\x1c", Sniffed("application/x-7z-compressed", Kind.ARCHIVE, "a 7-Zip archive")),
    (0, b"Rar!\x1a\x07", Sniffed("application/vnd.rar", Kind.ARCHIVE, "a RAR archive")),
)

_RIFF: Final[dict[bytes, Sniffed]] = {
    b"WEBP": WEBP,
    b"AVI ": _video("video/x-msvideo", "an AVI video"),
    b"WAVE": Sniffed("audio/wav", Kind.AUDIO, "a WAV recording"),
}

_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_HEIF_BRANDS: Final = frozenset({b"mif1", b"mif2", b"msf1", b"miaf"})
# Boxes that open QuickTime files written without an `ftyp` box.
_QUICKTIME_BOXES: Final = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_MAX_BRANDS: Final = 64
_TEXT_WINDOW: Final = 4096


def sniff(data: bytes) -> Sniffed:
    """Names the type of `data` from at most its first 4 KiB. Never raises; time and memory are constant."""
    head = bytes(data[:_TEXT_WINDOW])
    if not head:
        return EMPTY
    for offset, signature, found in _SIGNATURES:
        if head.startswith(signature, offset):
            return found
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12], UNKNOWN)
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    if head[4:8] in _QUICKTIME_BOXES:
        return _QUICKTIME
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return _other("image/bmp", "a BMP image")
    if len(head) >= 377 and head[0] == head[188] == head[376] == 0x47:
        return _video("video/mp2t", "an MPEG transport stream")
    return _text(head)


def _iso_media(head: bytes) -> Sniffed:
    """Tells HEIC, HEIF, AVIF and videos apart by the brands of the `ftyp` box (ISO/IEC 14496-12, 4.3)."""
    size = int.from_bytes(head[:4], "big")
    end = min(size, len(head), 16 + 4 * _MAX_BRANDS)
    major = head[8:12]
    brands = {major} | {head[i : i + 4] for i in range(16, end - 3, 4)}
    if major in _AVIF_BRANDS:
        return AVIF
    if major in _HEIC_BRANDS:
        return HEIC
    if major in _HEIF_BRANDS:
        # `mif1` says "some still image"; the compatible brands say which codec.
        if brands & _AVIF_BRANDS:
            return AVIF
        return HEIC if brands & _HEIC_BRANDS else HEIF
    if major == b"crx ":
        return _RAW
    if major == b"qt  ":
        return _QUICKTIME
    if major in (b"M4A ", b"M4B "):
        return Sniffed("audio/mp4", Kind.AUDIO, "an MPEG-4 recording")
    if major.startswith(b"3g"):
        return _video("video/3gpp", "a 3GP video")
    return _MP4


def _text(head: bytes) -> Sniffed:
    """Tells text, SVG and other markup from binary data."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\x00" in head:
        return UNKNOWN
    else:
        encoding = "utf-8"
    # The window may cut a character in two, so up to three undecodable bytes at its end are no evidence.
    text = head.decode(encoding, errors="replace").lstrip("\ufeff").rstrip("\ufffd")
    controls = sum(1 for c in text if c == "\ufffd" or (ord(c) < 32 and c not in "\t\n\r\f\x1b"))
    if controls:
        return UNKNOWN
    start = text.lstrip().lower()
    if "<svg" in start[:1024]:
        return _SVG
    if start.startswith(("<!doctype html", "<html")):
        return Sniffed("text/html", Kind.TEXT, "a web page")
    if start.startswith("<?xml"):
        return Sniffed("application/xml", Kind.TEXT, "an XML file")
    if start.startswith(("{", "[")):
        return Sniffed("application/json", Kind.TEXT, "a JSON file")
    return TEXT
