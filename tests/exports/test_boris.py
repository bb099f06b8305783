from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spotlib.errors import SpotlibError
from spotlib.exports import UnknownRate, read_events, write_events
from spotlib.intervals import Event, Kind
from tests.exports.examples import EVENTS, INTERVIEW, NASTY, NTSC, frames, named


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_events(tmp_path / "a.boris", INTERVIEW)


def edit(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> Path:
    """Change project and first observation as a person in BORIS would."""
    project = json.loads(path.read_text())
    change(project, next(iter(project["observations"].values())))
    path.write_text(json.dumps(project))
    return path


def test_the_project_is_as_boris_8_writes_it(path: Path) -> None:
    project = json.loads(path.read_text())
    assert project["project_format_version"] == "7.0"
    ethogram = project["behaviors_conf"]
    assert [(one["code"], one["type"], one["key"]) for one in ethogram.values()] == [
        ("macro", "State event", "a"),
        ("macro 2", "State event", ""),
        ("micro", "State event", "i"),
    ]
    observation = project["observations"]["interview"]
    assert observation["type"] == "MEDIA"
    assert observation["file"]["1"] == ["interview.mp4"]
    assert observation["media_info"]["fps"] == {"interview.mp4": NTSC}
    assert observation["media_info"]["length"] == {"interview.mp4": 10.01}
    times = [event[0] for event in observation["events"]]
    assert times == sorted(times)
    assert all(len(event) == 6 and event[1] == event[3] == "" for event in observation["events"])
    macro = [event for event in observation["events"] if event[2] == "macro"]
    assert len(macro) == 4, "START and STOP of two"
    assert macro[0][4].startswith("0.9125; apex 0.667 s")


def test_the_file_is_ascii(tmp_path: Path) -> None:
    """BORIS opens it in the encoding of the system."""
    path = write_events(tmp_path / "a.boris", named(NASTY))
    assert path.read_bytes().isascii()
    assert list(json.loads(path.read_text("ascii"))["observations"]) == [NASTY]


def test_moved_added_and_deleted_events(path: Path) -> None:
    def change(_: dict[str, Any], observation: dict[str, Any]) -> None:
        events = observation["events"]
        start = next(event for event in events if event[4].startswith("1.0000"))
        start[0] = 9.0
        for gone in [event for event in events if event[2] == "macro 2"]:
            events.remove(gone)
        # as BORIS writes new ones: numbers with three places, no modifier, the frame that it showed
        events += [[2.001, "", "micro", "", "", 60], [2.202, "", "micro", "", "", 66]]
        events.sort()

    found = read_events(edit(path, change)).events["interview"]
    moved = Event(Kind.MICRO, 270, 299, 299)
    added = Event(Kind.MICRO, 60, None, 65)
    assert frames(found) == frames([*(EVENTS[i] for i in (0, 2, 3, 4)), moved, added])


def test_events_that_meet_are_kept_apart_in_any_order(path: Path) -> None:
    def sort(_: dict[str, Any], observation: dict[str, Any]) -> None:
        observation["events"].sort(key=lambda event: (event[0], not event[4]))

    assert frames(read_events(edit(path, sort)).events["interview"]) == frames(EVENTS)


def test_a_start_without_stop(path: Path) -> None:
    def change(_: dict[str, Any], observation: dict[str, Any]) -> None:
        del observation["events"][-1]

    with pytest.raises(SpotlibError) as caught:
        read_events(edit(path, change))
    assert str(caught.value) == (
        f"{path}, observation 'interview': 'micro' has a START at 9.676 s and no STOP; complete it in BORIS"
    )


def test_a_project_of_another_origin(path: Path) -> None:
    """With subjects, modifiers (a numeric one as score), an offset of the observation, behaviours of other kinds."""

    def change(project: dict[str, Any], observation: dict[str, Any]) -> None:
        observation["description"] = "coded by Ann"
        observation["time offset"] = 100.0
        observation["media_info"]["fps"]["interview.mp4"] = 25.0
        observation["events"] = [
            [101.0, "Ann", "Macro", "0.75|left", "", 25],
            [101.2, "Bob", "Macro", "None", "", 30],
            [102.0, "Ann", "Macro", "0.75|left", "", 50],
            [102.2, "Bob", "Macro", "None", "", 55],
            [105.0, "", "blink", "", "", 125],
        ]
        project["behaviors_conf"]["0"]["code"] = "Macro"
        project["behaviors_conf"]["9"] = {"code": "blink", "type": "Point event"}

    table = read_events(edit(path, change))
    assert table.events == {
        "interview": [Event(Kind.MACRO, 25, None, 49, side="left", score=0.75), Event(Kind.MACRO, 30, None, 54)]
    }
    assert table.rates == {"interview": 25.0}
    assert table.lengths == {}
    assert table.notes == ["not read: 'blink'"]


def test_a_project_that_tells_no_frame_rate(path: Path) -> None:
    def change(_: dict[str, Any], observation: dict[str, Any]) -> None:
        observation.update(description="", media_info={})

    with pytest.raises(UnknownRate, match="observation 'interview': the frame rate is not in it; pass fps"):
        read_events(edit(path, change))
    assert frames(read_events(path, fps=NTSC).events["interview"]) == frames(EVENTS)


def test_notes_in_the_description_do_no_harm(path: Path) -> None:
    edit(path, lambda _, observation: observation.update(description=observation["description"] + "\nchecked {by} Ann"))
    assert read_events(path).lengths == {"interview": 300}


def test_a_renamed_behaviour(path: Path) -> None:
    def rename(project: dict[str, Any], observation: dict[str, Any]) -> None:
        project["behaviors_conf"]["2"]["code"] = "brief"
        for event in observation["events"]:
            event[2] = event[2].replace("micro", "brief")

    with pytest.raises(SpotlibError, match=r"behaviour 'micro' is gone; .* \(found: 'macro', 'macro 2', 'brief'\)"):
        read_events(edit(path, rename))


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ([1.0, "", "micro"], "not as BORIS 7 or 8 writes it"),
        (7, "not as BORIS 7 or 8 writes it"),
        (["1.0", "", "micro", "", ""], "the time '1.0' is no number"),
        ([None, "", "micro", "", ""], "the time 'None' is no number"),
        ([float("nan"), "", "micro", "", ""], "the time 'nan' is no number"),
        ([10**400, "", "micro", "", ""], "is no number"),
        ([-5.0, "", "macro", "", ""], "'macro' has a START at"),
    ],
)
def test_events_that_do_not_fit(path: Path, event: object, message: str) -> None:
    edit(path, lambda _, observation: observation["events"].append(event))
    with pytest.raises(SpotlibError) as caught:
        read_events(path)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", [{"observations": 3}, {"observations": {"a": []}}, {"behaviors_conf": 3}])
def test_projects_that_are_none(path: Path, change: dict[str, Any]) -> None:
    edit(path, lambda project, _: project.update(change))
    if "behaviors_conf" in change:
        assert len(read_events(path)) == 6, "the codes in the events are enough"
        return
    with pytest.raises(SpotlibError, match="no BORIS project|not as BORIS 7 or 8"):
        read_events(path)
