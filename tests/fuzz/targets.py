"""What is fuzzed: every reader of files that come from outside, as a function of bytes, and input to begin with.

A target may raise nothing but SpotlibError (the caller counts anything else as a crash). Where a file has a checksum,
the fuzzer's bytes say what is edited in valid content, and the checksum is made anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.exports.examples import EVENTS, NASTY
from tests.fuzz.edits import ODD
from tests.fuzz.of_other_programs import boris_json, export, label, picture, pictures, round_trips, seeds_of
from tests.fuzz.of_own_files import arrays_npz, bundle_json, features_npz, packed_rows, row_json, some_npz, tensors
from tests.fuzz.of_tables import (
    CAS2,
    CAS3,
    SAMM,
    annotation_csv,
    annotation_rows,
    durations_csv,
    events_csv,
    field_csv,
    override,
    params_yaml,
    spotted_csv,
    study_yaml,
)  # fmt: skip


class Target(NamedTuple):
    """One reader, and valid input to begin with."""

    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]


def _csv(rows: Sequence[Sequence[object]]) -> bytes:
    return "\n".join(",".join("" if c is None else str(c) for c in row) for row in rows).encode()


_EVENTS_CSV = (
    b"subject,video,kind,onset,apex,offset,aus,side,note,n_frames,fps,score\n"
    b's1,a,macro,3,5,9,4+12,left,\'=n,100,30,.5\n,"b ""x""",micro,0,,4,,,,,,\ns1,c,,,,,,,,50,25,\n'
)
_FIELD_CSV = (
    b"subject,video_name,start_frame,apex_frame,end_frame,type_idx,au\n"
    b"s1,a,3,5,9,1,4+12\ns1,a,20,-1,0,2,\nx,b,1,2,3,2.0,\n"
)
_YAML = b"dataset: demo\nlr: 1e-3\nwindow: 17\nmax_macro: none\nnodes: '10'\nnormalise: true\n"
_STUDY = b"dataset: demo\ntables: [T1]\nseeds: [1, 2]\nfolds: all\ngrid:\n  dim: [16, 32]\nbudget_hours: 2\n"
_EDITS = [b"", b"\xff", bytes(8), bytes(range(40)), bytes(range(255, 195, -1)), b"\x80" * 30]

TARGETS: dict[str, Target] = {
    "events csv": Target(events_csv, lambda: [_EVENTS_CSV]),
    "spotted csv": Target(spotted_csv, seeds_of("csv")),
    "field csv": Target(field_csv, lambda: [_FIELD_CSV]),
    "durations csv": Target(durations_csv, lambda: [b"video,n_frames\na,3\nsamm_006_1,40\n"]),
    "annotation rows": Target(annotation_rows, lambda: _EDITS),
    "annotation csv": Target(annotation_csv, lambda: [_csv(SAMM), _csv(CAS2), _csv(CAS3)]),
    "params yaml": Target(params_yaml, lambda: [_YAML]),
    "study yaml": Target(study_yaml, lambda: [_STUDY]),
    "override": Target(override, lambda: [b"lr=1e-3", b"window=[1, {a: *b}]", b"dataset=../x"]),
    "features npz": Target(features_npz, lambda: _EDITS),
    "arrays npz": Target(arrays_npz, lambda: [some_npz()]),
    "tensors": Target(tensors, lambda: _EDITS),
    "packed rows": Target(packed_rows, lambda: _EDITS),
    "row json": Target(row_json, lambda: _EDITS),
    "bundle json": Target(bundle_json, lambda: _EDITS),
    "eaf": Target(export(".eaf"), seeds_of("eaf")),
    "textgrid": Target(export(".TextGrid"), seeds_of("textgrid")),
    "boris": Target(export(".boris"), seeds_of("boris")),
    "boris edited": Target(boris_json, lambda: _EDITS),
    "json": Target(export(".json"), seeds_of("json")),
    "round trips": Target(round_trips, lambda: [bytes(12), *_EDITS, NASTY.encode()]),
    "label": Target(label, lambda: [b"0.8312; apex 0.167 s; left; AU 4+12; region brow"]),
    "picture": Target(picture, pictures),
}
#: words of the formats, for the fuzzer's dictionary
WORDS = sorted(
    {
        *(text for text in ODD if isinstance(text, str) and text and len(text) < 20),
        *(name for name in ("video", "kind", "onset", "apex", "offset", "subject", "score", "n_frames", "fps", "aus")),
        *("<TIER", "TIER_ID=", "ALIGNABLE_ANNOTATION", "TIME_SLOT", "<!DOCTYPE", "&amp;", '"IntervalTier"', "<exists>"),
        *("observations", "behaviors_conf", "events", "videos", "knots", "&a", "*a", "<<: ", "!!int", "'=", "- ", ": "),
        *(str(event.onset) for event in EVENTS),
    }
)
