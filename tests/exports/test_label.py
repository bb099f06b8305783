from __future__ import annotations

import pytest

from spotlib.errors import SpotlibError
from spotlib.exports.label import Label, kind_of, kinds_of, lanes, read_label, unread, write_label
from spotlib.intervals import Event, Kind
from tests.exports.examples import INTERVIEW


def test_what_is_written_is_read() -> None:
    for row in INTERVIEW.rows:
        label = read_label(write_label(row))
        assert label.score == row.event.score
        assert label.side == row.event.side
        assert label.aus == row.event.aus
        assert (label.apex is None) == (row.apex is None)
        assert label.apex == pytest.approx(row.apex, abs=0.0005) if row.apex is not None else True


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("", Label()),
        ("0.83", Label(0.83)),
        (" score: 0,83 ", Label(0.83)),
        ("0.8312 a clear smile", Label(0.8312)),
        (".5; RIGHT", Label(0.5, side="right")),
        ("left; apex 2 s; 1.0", Label(1.0, 2.0, "left")),
        ("AU 4 + 12; AU6", Label(aus=("6",))),
        # not scores: action units, counts, frames, more than 1
        ("12", Label()),
        ("1", Label()),
        ("4+7", Label()),
        ("12.5 looks odd", Label()),
        ("1.25", Label()),
        ("2.0", Label()),
        ("apex unclear; 0.5x", Label()),
    ],
)
def test_labels_as_people_write_them(text: str, label: Label) -> None:
    assert read_label(text) == label


def test_a_hostile_region_stays_within_its_part() -> None:
    (row,) = (row for row in INTERVIEW.rows if row.event.onset == 40)
    text = write_label(row._replace(region="a; apex 9 s\n; right\x00"))
    assert "\n" not in text
    assert "\x00" not in text
    assert read_label(text) == Label(0.5, read_label(write_label(row)).apex)


@pytest.mark.parametrize("name", ["micro", "MICRO", " micro ", "micro 2", "Micro_12", "micro2", "Micro-Expressions"])
def test_names_of_tiers(name: str) -> None:
    assert kind_of(name) is Kind.MICRO


def test_tiers_that_are_not_understood() -> None:
    with pytest.raises(SpotlibError) as caught:
        kinds_of(["Macro", "micro (Ann)", "speech"], "a.eaf", ours=False)
    assert str(caught.value) == (
        "a.eaf: tier 'micro (Ann)' is not understood; call it 'macro', 'micro' or 'micro 2'"
        " (found: 'Macro', 'micro (Ann)', 'speech')"
    )
    with pytest.raises(SpotlibError, match=r"a.eaf: no tier is called 'macro' or 'micro'; .*\(found: 'x\\ny'\)"):
        kinds_of(["x\ny"], "a.eaf", ours=False)
    with pytest.raises(SpotlibError, match="no behaviour is called .*found: none"):
        kinds_of([], "a.boris", ours=False, what="behaviour")
    with pytest.raises(SpotlibError, match=r"tier 'micro' is gone; was it renamed\? .* \(found: 'macro', 'brief'\)"):
        kinds_of(["macro", "brief"], "a.eaf", ours=True)


def test_tiers_that_may_be_missing() -> None:
    assert kinds_of(["micro", "speech"], "a.eaf", ours=False) == {"micro": Kind.MICRO}
    assert kinds_of(["micro"], "a.eaf", ours=True) == {"micro": Kind.MICRO}, "deleted, not renamed"
    assert kinds_of([], "a.eaf", ours=True) == {}
    kinds = kinds_of(["micro", "spotlib", "speech"], "a.eaf", ours=False)
    assert unread(kinds, ["micro", "spotlib", "speech"]) == "not read: 'speech'"
    assert unread(kinds, ["micro"]) is None


def test_overlapping_events_get_tiers_of_their_own() -> None:
    of_tier = {name: [row.event.onset for row in rows] for name, rows in lanes(INTERVIEW.rows).items()}
    assert of_tier == {"macro": [10, 61], "macro 2": [40], "micro": [5, 10, 290]}
    assert lanes([]) == {"macro": [], "micro": []}
    heap = [row._replace(event=Event(Kind.MICRO, 3, None, 9)) for row in [next(iter(INTERVIEW.rows))] * 3]
    assert [name for name in lanes(heap) if name.startswith("micro")] == ["micro", "micro 2", "micro 3"]
