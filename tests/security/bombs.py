"""Small files that mean more than any memory holds, or more time than anybody has."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

GIB = 2**30


def png(path: Path, width: int, height: int) -> Path:
    """A PNG whose header promises width x height px; the pixels behind it are zeros, well packed."""
    packer = zlib.compressobj(9)
    row = bytes(min(width + 1, 2**20))
    data = b"".join(packer.compress(row) for _ in range(256)) + packer.flush()
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + _chunk(b"IDAT", data)
        + _chunk(b"IEND", b"")
    )
    return path


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def jpeg(path: Path, width: int, height: int) -> Path:
    """A JPEG of some pixels whose header promises others."""
    import cv2

    _, coded = cv2.imencode(".jpg", np.full((64, 64), 90, np.uint8))
    data = bytearray(coded.tobytes())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    path.write_bytes(bytes(data))
    return path


def bmp(path: Path, width: int, height: int) -> Path:
    """A run-length coded BMP, which may be short whatever its size."""
    rows = b"\x00\x01"
    head = struct.pack("<2sIHHI", b"BM", 54 + 1024 + len(rows), 0, 0, 54 + 1024)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(rows), 0, 0, 256, 0)
    path.write_bytes(head + info + bytes(1024) + rows)
    return path


def tiff(path: Path, width: int, height: int) -> Path:
    """A grey TIFF with one short strip."""
    tags = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1)]
    tags += [(278, 4, height), (279, 4, 16)]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    path.write_bytes(b"II*\0" + struct.pack("<I", 24) + bytes(16) + struct.pack("<H", len(tags)) + entries + bytes(4))
    return path


def npz(path: Path, *, gib: float, name: str = "header", honest: bool = True) -> Path:
    """An .npz of a few hundred kB with zeros; not ``honest``: nothing behind a header that promises them."""
    length = int(gib * GIB)
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "|u1", "fortran_order": False, "shape": (length,)})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(f"{name}.npy", "w") as file:
        file.write(head.getvalue())
        zeros = bytes(2**22)
        for _ in range(length // len(zeros) if honest else 0):
            file.write(zeros)
    return path


_TYPES = """<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/>
<Override PartName="/xl/workbook.xml"
 ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>
<Override PartName="/xl/worksheets/sheet1.xml"
 ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>"""
_RELS = """<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="rId1" Target="{target}"
 Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}"/></Relationships>"""
_BOOK = """<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"
 xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">
<sheets><sheet name="s" sheetId="1" r:id="rId1"/></sheets></workbook>"""
_HEAD = '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'


def xlsx(path: Path, rows: bytes, *, times: int = 1, after: bytes = b"") -> Path:
    """A spreadsheet with the XML ``rows`` again and again, and ``after`` behind them."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _TYPES)
        archive.writestr("_rels/.rels", _RELS.format(target="xl/workbook.xml", kind="officeDocument"))
        archive.writestr("xl/workbook.xml", _BOOK)
        archive.writestr("xl/_rels/workbook.xml.rels", _RELS.format(target="worksheets/sheet1.xml", kind="worksheet"))
        with archive.open("xl/worksheets/sheet1.xml", "w") as file:
            file.write(_HEAD.encode())
            for _ in range(times):
                file.write(rows)
            file.write(b"</sheetData>" + after + b"</worksheet>")
    return path


def cell(place: str, value: str = "1") -> str:
    """A cell of a sheet's XML."""
    return f'<c r="{place}"><v>{value}</v></c>'


def video(path: Path, *, seconds: float = 1 / 30, size: tuple[int, int] = (64, 64)) -> Path:
    """A .mov file of two PNG pictures of ``size`` (width, height) px, ``seconds`` between them."""
    from fractions import Fraction

    import av

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(size[0] + 1)) for _ in range(size[1])) + packer.flush()
    head = struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0)
    picture = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=30)
        stream.width = stream.height = 64
        stream.pix_fmt = "gray"
        stream.codec_context.open()
        for k in range(2):
            packet = av.Packet(picture)
            packet.pts = packet.dts = k * round(30 * seconds)
            packet.time_base, packet.stream = Fraction(1, 30), stream
            container.mux(packet)
    return path
