"""ELAN annotation files (.eaf, format 3.0): a tier per kind, times in milliseconds, the video linked by its name.

The XML is written and read here rather than by pympi-ling, which is the tests' second opinion: it opens files with
document types (entities), stops with a traceback at an annotation without value and knows few video formats.
"""

from __future__ import annotations

import datetime
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

from spotlib.errors import SpotlibError
from spotlib.exports.files import one_line_json, read_bytes, write_text, xml_text
from spotlib.exports.imported import Imported, clock_for, read_about, to_event, video_name
from spotlib.exports.label import kinds_of, lanes, read_label, unread, write_label
from spotlib.exports.spotted import Row, Spotted

PROPERTY = "spotlib"  # of the header; ELAN keeps those that it does not know

_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_XSI = "{http://www.w3.org/2001/XMLSchema-instance}noNamespaceSchemaLocation"
# the types that ELAN itself writes; anything else is "video/*" to it
_MIME = {"mp4": "video/mp4", "m4v": "video/mp4", "mpg": "video/mpeg", "mpeg": "video/mpeg", "mov": "video/quicktime"}
_CONSTRAINTS = {
    "Time_Subdivision": "Time subdivision of parent annotation's time interval, no time gaps allowed within this"
    " interval",
    "Symbolic_Subdivision": "Symbolic subdivision of a parent annotation. Annotations refering to the same parent are"
    " ordered",
    "Symbolic_Association": "1-1 association with a parent annotation",
    "Included_In": "Time alignable annotations within the parent annotation's time interval, gaps are allowed",
}


def write_eaf(path: Path, spotted: Spotted) -> None:
    """Write one video's events as an .eaf file."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    root = ET.Element("ANNOTATION_DOCUMENT", AUTHOR="spotlib", DATE=now, FORMAT="3.0", VERSION="3.0")
    root.set(_XSI, _SCHEMA)
    header = ET.SubElement(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    # ELAN writes names as they are, without percent signs, and looks beside the .eaf file
    link = "./" + xml_text(spotted.source)
    mime = _MIME.get(spotted.source.rpartition(".")[2].lower(), "video/*")
    ET.SubElement(header, "MEDIA_DESCRIPTOR", MEDIA_URL=link, MIME_TYPE=mime, RELATIVE_MEDIA_URL=link)
    ET.SubElement(header, "PROPERTY", NAME=PROPERTY).text = one_line_json(spotted.about)
    ET.SubElement(header, "PROPERTY", NAME="lastUsedAnnotationId").text = str(len(spotted.events))
    order = ET.SubElement(root, "TIME_ORDER")
    slots: list[tuple[int, str]] = []
    number = 0
    for tier_id, rows in lanes(spotted.rows).items():
        tier = ET.SubElement(root, "TIER", LINGUISTIC_TYPE_REF="default-lt", TIER_ID=tier_id, ANNOTATOR="spotlib")
        for row in rows:
            number += 1
            begin, end = _milliseconds(row)
            slots += [(begin, f"ts{2 * number - 1}"), (end, f"ts{2 * number}")]
            annotation = ET.SubElement(
                ET.SubElement(tier, "ANNOTATION"),
                "ALIGNABLE_ANNOTATION",
                ANNOTATION_ID=f"a{number}",
                TIME_SLOT_REF1=f"ts{2 * number - 1}",
                TIME_SLOT_REF2=f"ts{2 * number}",
            )
            ET.SubElement(annotation, "ANNOTATION_VALUE").text = write_label(row)
    for time, slot in sorted(slots, key=lambda slot: (slot[0], int(slot[1][2:]))):
        ET.SubElement(order, "TIME_SLOT", TIME_SLOT_ID=slot, TIME_VALUE=str(time))
    ET.SubElement(
        root, "LINGUISTIC_TYPE", GRAPHIC_REFERENCES="false", LINGUISTIC_TYPE_ID="default-lt", TIME_ALIGNABLE="true"
    )
    for stereotype, description in _CONSTRAINTS.items():
        ET.SubElement(root, "CONSTRAINT", DESCRIPTION=description, STEREOTYPE=stereotype)
    ET.indent(root, "    ")
    write_text(path, '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n")


def read_eaf(path: Path, *, fps: float | None = None) -> Imported:
    """Read the macro and micro tiers of an .eaf file of any version with milliseconds.

    Raises:
        UnknownRate: without ``fps``, for a file that spotlib did not write.
        SpotlibError: for a broken file, one with a document type, tiers that are not understood (see `kinds_of`),
            annotations with impossible times.
    """
    root = _parse(path)
    header = root.find("HEADER")
    if header is None:
        header = ET.Element("HEADER")
    if header.get("TIME_UNITS", "milliseconds") != "milliseconds":
        raise SpotlibError(f"{path}: times in {header.get('TIME_UNITS')}; save it in milliseconds with ELAN 5 or newer")
    texts = (prop.text for prop in header.iter("PROPERTY") if prop.get("NAME") == PROPERTY)
    about = next((found for text in texts if (found := read_about(text or ""))), None)
    media = _media(header, about.source if about else "")
    clock = clock_for(about, fps, str(path))
    name, named = video_name(about, media.get("MEDIA_URL", "") or media.get("RELATIVE_MEDIA_URL", ""), path)
    table = Imported(named=named)
    table.add_video(name, clock)
    # where several videos are synchronised in ELAN: the instant of this one that is 0 of the document
    origin = _integer(media.get("TIME_ORIGIN") or "0", f"{path}: TIME_ORIGIN of the media") / 1000
    slots = {slot.get("TIME_SLOT_ID", ""): slot.get("TIME_VALUE") for slot in root.iterfind("TIME_ORDER/TIME_SLOT")}
    tiers = [(tier.get("TIER_ID", ""), tier) for tier in root.iterfind("TIER")]
    kinds = kinds_of((tier_id for tier_id, _ in tiers), str(path), ours=about is not None)
    for tier_id, tier in tiers:
        for annotation in tier.iterfind("ANNOTATION/*") if tier_id in kinds else ():
            where = f"{path}, tier {tier_id!r}, annotation {annotation.get('ANNOTATION_ID', '?')!r}"
            if annotation.tag != "ALIGNABLE_ANNOTATION":
                raise SpotlibError(f"{where}: has no times of its own; put it on a tier without a parent")
            times = [slots.get(annotation.get(f"TIME_SLOT_REF{i}", "")) for i in (1, 2)]
            begin, end = (_integer(time, where) / 1000 + origin for time in times)
            label = read_label(annotation.findtext("ANNOTATION_VALUE") or "")
            table.events[name].append(to_event(kinds[tier_id], begin, end, label, clock, where))
    table.events[name].sort(key=lambda event: (event.onset, event.offset))
    if note := unread(kinds, [tier_id for tier_id, _ in tiers]):
        table.notes.append(note)
    return table


def _milliseconds(row: Row) -> tuple[int, int]:
    begin = round(1000 * row.onset)
    return begin, max(begin + 1, round(1000 * row.end))


def _integer(text: str | None, where: str) -> int:
    try:
        value = int(text or "")
    except ValueError:
        value = 10**18
    if abs(value) > 10**15:
        raise SpotlibError(f"{where}: no time in milliseconds; correct it in ELAN and save again")
    return value


def _media(header: ET.Element, source: str) -> dict[str, str]:
    """The descriptor of the video that was spotted, else of the first video, else of the first file."""
    descriptors: Iterator[ET.Element] = header.iter("MEDIA_DESCRIPTOR")
    media = [dict(descriptor.attrib) for descriptor in descriptors]
    ours = [m for m in media if source and any(str(m.get(n)).endswith(source) for n in _URLS)]
    videos = [m for m in media if m.get("MIME_TYPE", "").startswith("video")]
    return (ours + videos + media + [{}])[0]


_URLS = ("MEDIA_URL", "RELATIVE_MEDIA_URL")


MAX_ELEMENTS = 1_000_000  # a file of a hundred thousand annotations has half of it


class _Builder(ET.TreeBuilder):
    def __init__(self) -> None:
        super().__init__()
        self._elements = 0

    def start(self, tag: str, attrs: dict[str, str]) -> ET.Element:  # type: ignore[override]
        """Counted: a few letters of a file become an element of hundreds of bytes."""
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise SpotlibError(f"more than {MAX_ELEMENTS:,} elements; this is no file of annotations")
        return super().start(tag, attrs)

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Called before anything of a document type is read: entities are never expanded, nothing is fetched."""
        raise SpotlibError("a document type (<!DOCTYPE>) is in it, which ELAN never writes; remove it")


def _parse(path: Path) -> ET.Element:
    data = read_bytes(path)
    try:
        root = ET.fromstring(data, parser=ET.XMLParser(target=_Builder()))
    except SpotlibError as error:
        raise SpotlibError(f"{path}: {error}") from None
    except ET.ParseError as error:
        row = error.position[0]
        raise SpotlibError(f"{path}, row {row}: broken XML ({error}); save it again in ELAN") from None
    except (ValueError, LookupError) as error:
        raise SpotlibError(f"{path}: unreadable XML ({error}); save it again in ELAN") from None
    if root.tag != "ANNOTATION_DOCUMENT":
        raise SpotlibError(f"{path}: XML, but no ELAN file (it begins with {root.tag[:40]!r}); give an .eaf file")
    return root
