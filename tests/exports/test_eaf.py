from __future__ import annotations

import tracemalloc
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pympi
import pytest

from spotlib.errors import SpotlibError
from spotlib.exports import UnknownRate, read_events, write_events
from spotlib.intervals import Kind
from tests.exports.examples import EVENTS, INTERVIEW, NASTY, NTSC, frames, named


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_events(tmp_path / "a.eaf", INTERVIEW)


def edit(path: Path, change: Callable[[ET.Element], object]) -> Path:
    """Change the document as a person in ELAN would."""
    tree = ET.parse(path)
    change(tree.getroot())
    tree.write(path, encoding="UTF-8", xml_declaration=True)
    return path


def tier(root: ET.Element, name: str) -> ET.Element:
    return next(found for found in root.iter("TIER") if found.get("TIER_ID") == name)


def test_pympi_reads_it(path: Path) -> None:
    eaf = pympi.Elan.Eaf(path)
    assert list(eaf.get_tier_names()) == ["macro", "macro 2", "micro"]
    macro = sorted(eaf.get_annotation_data_for_tier("macro"))
    assert macro[0] == (
        round(1000 * 10 / NTSC),
        round(1000 * 61 / NTSC),
        "0.9125; apex 0.667 s; left; AU 4+12; region mouth corner",
    )
    assert macro[1][0] == macro[0][1], "the next one begins where the first ends"
    assert eaf.get_annotation_data_for_tier("macro 2")[0][2].startswith("0.5000; apex")
    (media,) = eaf.get_linked_files()
    assert media["RELATIVE_MEDIA_URL"] == "./interview.mp4"
    assert media["MIME_TYPE"] == "video/mp4"


def test_pympi_reads_any_name(tmp_path: Path) -> None:
    eaf = pympi.Elan.Eaf(write_events(tmp_path / "a.eaf", named(NASTY)))
    (media,) = eaf.get_linked_files()
    seen = NASTY.replace("/", "_").translate({1: "\ufffd", 0x0B: "\ufffd", 0x85: "\ufffd", 0x2028: "\ufffd"})
    assert media["MEDIA_URL"] == f"./{seen}.mp4", "XML cannot hold the control characters"


def test_what_pympi_saves_is_read(path: Path) -> None:
    """A second program's file: other order, other identifiers, no property of ours lost."""
    eaf = pympi.Elan.Eaf(path)
    eaf.add_annotation("micro", 2000, 2200, "added by hand")
    eaf.add_tier("speech")
    eaf.add_annotation("speech", 0, 9000, "hello")
    eaf.to_file(path)
    table = read_events(path)
    assert len(table) == 7
    added = next(e for e in table.events["interview"] if e.onset == 60)
    assert (added.kind, added.offset, added.score, added.apex) == (Kind.MICRO, 65, None, None)
    assert table.notes == ["not read: 'speech'"]


def test_the_document_is_as_elan_writes_it(path: Path) -> None:
    root = ET.parse(path).getroot()
    assert [child.tag for child in root][:3] == ["HEADER", "TIME_ORDER", "TIER"]
    times = [int(slot.get("TIME_VALUE", "")) for slot in root.iter("TIME_SLOT")]
    assert times == sorted(times)
    assert path.read_text(encoding="utf-8").startswith('<?xml version="1.0" encoding="UTF-8"?>\n<ANNOTATION_DOCUMENT ')
    assert "EAFv3.0.xsd" in path.read_text(encoding="utf-8")


def test_moved_borders(path: Path) -> None:
    def move(root: ET.Element) -> None:
        slots = {slot.get("TIME_SLOT_ID"): slot for slot in root.iter("TIME_SLOT")}
        first = tier(root, "macro").find(".//ALIGNABLE_ANNOTATION")
        assert first is not None
        slots[first.get("TIME_SLOT_REF1")].set("TIME_VALUE", "1000")  # the apex at 0.667 s is now outside
        slots[first.get("TIME_SLOT_REF2")].set("TIME_VALUE", "12345")  # beyond the end of the video

    events = read_events(edit(path, move)).events["interview"]
    moved = next(e for e in events if e.kind is Kind.MACRO and e.score == 0.9125)
    assert (moved.onset, moved.apex, moved.offset) == (30, None, 299)


def test_deleted_annotations_and_a_deleted_tier(path: Path) -> None:
    def delete(root: ET.Element) -> None:
        root.remove(tier(root, "macro 2"))
        root.remove(tier(root, "macro"))
        tier(root, "micro").remove(tier(root, "micro")[0])

    assert frames(read_events(edit(path, delete)).events["interview"]) == frames(EVENTS[4:])


def test_renamed_tiers(path: Path) -> None:
    edit(path, lambda root: tier(root, "micro").set("TIER_ID", " Micro Expressions "))
    assert len(read_events(path)) == 6
    edit(path, lambda root: tier(root, " Micro Expressions ").set("TIER_ID", "short ones"))
    with pytest.raises(SpotlibError) as caught:
        read_events(path)
    assert str(caught.value) == (
        f"{path}: tier 'micro' is gone; was it renamed? Call it so again (found: 'macro', 'macro 2', 'short ones')"
    )


def test_a_file_of_another_origin(path: Path) -> None:
    """Without spotlib's property: the rate must be given, the name comes from the video or else from the file."""

    def strip(root: ET.Element) -> None:
        header = root.find("HEADER")
        assert header is not None
        for prop in header.findall("PROPERTY"):
            header.remove(prop)
        header[0].set("MEDIA_URL", "file:///C:/Users/x/My videos/talk 1.final.mp4")

    edit(path, strip)
    with pytest.raises(UnknownRate, match=r"the frame rate is not in it; pass fps \(command line: --fps 30\)"):
        read_events(path)
    table = read_events(path, fps=NTSC)
    assert list(table.events) == ["talk 1.final"]
    assert frames(table.events["talk 1.final"]) == frames(EVENTS)
    assert table.lengths == {}
    assert table.named

    def unlink(root: ET.Element) -> None:
        header = root.find("HEADER")
        assert header is not None
        header.remove(header[0])

    table = read_events(edit(path, unlink), fps=NTSC)
    assert list(table.events) == ["a"]
    assert not table.named


def test_a_rate_that_is_given_overrules(path: Path) -> None:
    table = read_events(path, fps=10.0)
    assert next(e for e in table.events["interview"] if e.score == 1.0).onset == 97
    assert table.rates == {"interview": 10.0}


def test_a_video_that_was_synchronised(path: Path) -> None:
    def shift(root: ET.Element) -> None:
        header = root.find("HEADER")
        assert header is not None
        header[0].set("TIME_ORIGIN", "-167")  # 5 frames

    events = read_events(edit(path, shift)).events["interview"]
    assert next(e.onset for e in events if e.score == 0.9125) == 5


@pytest.mark.parametrize("value", ["x", "1e3", "9" * 30, ""])
def test_impossible_times(path: Path, value: str) -> None:
    edit(path, lambda root: next(root.iter("TIME_SLOT")).set("TIME_VALUE", value))
    with pytest.raises(SpotlibError, match=r"tier 'micro', annotation 'a4': no time in milliseconds"):
        read_events(path)


def test_an_annotation_after_the_end_or_backwards(path: Path) -> None:
    edit(path, lambda root: [slot.set("TIME_VALUE", "20000") for slot in root.iter("TIME_SLOT")])
    with pytest.raises(SpotlibError, match=r"begins at 20.000 s, but the video ends at 10.010 s; correct it"):
        read_events(path)
    edit(
        path,
        lambda root: [
            slot.set("TIME_VALUE", "20100") for slot in root.iter("TIME_SLOT") if slot.get("TIME_SLOT_ID") == "ts1"
        ],
    )
    with pytest.raises(SpotlibError, match=r"ends at 20.000 s before it begins at 20.100 s"):
        read_events(path)


def test_annotations_without_value_or_times(path: Path) -> None:
    def empty(root: ET.Element) -> None:
        annotation = tier(root, "micro")[0][0]
        annotation.remove(annotation[0])

    assert len(read_events(edit(path, empty))) == 6

    def refer(root: ET.Element) -> None:
        tier(root, "micro")[0][0].tag = "REF_ANNOTATION"

    with pytest.raises(SpotlibError, match="has no times of its own; put it on a tier without a parent"):
        read_events(edit(path, refer))


def test_damaged_property(path: Path) -> None:
    def damage(root: ET.Element) -> None:
        for prop in root.iter("PROPERTY"):
            if prop.get("NAME") == "spotlib":
                prop.text = '{"video": "x", "fps": -1, "n_frames": 3}'

    with pytest.raises(UnknownRate):
        read_events(edit(path, damage))


LAUGHS = "".join(f'<!ENTITY l{i + 1} "{f"&l{i};" * 10}">' for i in range(9))


@pytest.mark.parametrize(
    "doctype",
    [
        f'<!DOCTYPE x [<!ENTITY l0 "{"ha" * 50}">{LAUGHS}]>',
        '<!DOCTYPE x [<!ENTITY l9 SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/evil.dtd">',
        "<!DOCTYPE ANNOTATION_DOCUMENT>",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_document_types_are_refused(tmp_path: Path, doctype: str, encoding: str) -> None:
    path = tmp_path / "evil.eaf"
    text = f'<?xml version="1.0" encoding="{encoding}"?>{doctype}<ANNOTATION_DOCUMENT>&l9;</ANNOTATION_DOCUMENT>'
    path.write_bytes(text.encode(encoding))
    tracemalloc.start()
    with pytest.raises(SpotlibError, match=r"evil.eaf: a document type \(<!DOCTYPE>\) is in it"):
        read_events(path)
    assert tracemalloc.get_traced_memory()[1] < 2**20, "nothing was expanded"
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<ANNOTATION_DOCUMENT>", ", row 1: broken XML"),
        (b"\nhello", ", row 2: broken XML"),
        (b"<a/>", "XML, but no ELAN file (it begins with 'a')"),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', "XML"),
        (b"<ANNOTATION_DOCUMENT/>", "the frame rate is not in it"),
        (
            b'<ANNOTATION_DOCUMENT><HEADER TIME_UNITS="NTSC-frames"/></ANNOTATION_DOCUMENT>',
            "times in NTSC-frames; save it in milliseconds",
        ),
        (b"<ANNOTATION_DOCUMENT>" + b"<a>" * 100_000, "broken XML"),
    ],
)
def test_broken_files(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.eaf"
    path.write_bytes(content)
    with pytest.raises(SpotlibError) as caught:
        read_events(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
