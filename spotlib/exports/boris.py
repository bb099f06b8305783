"""BORIS projects (.boris): an ethogram with the state events macro and micro, an observation per video.

Written as BORIS 8 writes them (project format 7.0). In a project an event is a moment: the first of a behaviour is
its START, the next its STOP, and so on, separately for each subject and each modifier. The score stands in the
comment of the START and not in a modifier: BORIS asks for modifiers again at the STOP, starts a second state if the
answer differs, and counts each modifier as a behaviour of its own in time budgets and in its Cohen's kappa.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from spotlib.errors import SpotlibError
from spotlib.exports.files import one_line_json, read_json, write_text
from spotlib.exports.imported import About, Imported, clock_for, read_about, to_event
from spotlib.exports.label import Label, kinds_of, lanes, read_label, unread, write_label
from spotlib.exports.spotted import Spotted
from spotlib.intervals import Kind

PROJECT_FORMAT = "7.0"
ABOUT_LINE = "Spotted by spotlib, which reads the next line; write your notes below it."
_PLAYERS = tuple("12345678")
_KEYS = {"macro": "a", "micro": "i"}
_COLOURS = {Kind.MACRO: "#0072b2", Kind.MICRO: "#d55e00"}  # told apart under every colour blindness
_MEANING = {
    Kind.MACRO: "macro-expression, half a second to four seconds",
    Kind.MICRO: "micro-expression, half a second at most",
}


def write_boris(path: Path, results: Sequence[Spotted]) -> None:
    """Write videos as the observations of one BORIS project."""
    now = datetime.datetime.now().isoformat(timespec="seconds")
    names = [spotted.video for spotted in results]
    if twice := [name for name in names if names.count(name) > 1]:
        raise SpotlibError(f"{path}: two videos are called {twice[0]!r}; rename one of them")
    codes = dict.fromkeys(code for spotted in results for code in lanes(spotted.rows)) or dict.fromkeys(_KEYS)
    project = {
        "time_format": "hh:mm:ss",
        "project_date": now,
        "project_name": path.name.rpartition(".")[0] or path.name,
        "project_description": "Facial expressions spotted by spotlib",
        "project_format_version": PROJECT_FORMAT,
        "subjects_conf": {},
        "behaviors_conf": {str(index): _behaviour(code) for index, code in enumerate(sorted(codes))},
        "observations": {spotted.video: _observation(spotted, now) for spotted in results},
        "behavioral_categories": [],
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }
    # ASCII only: BORIS opens projects in the encoding of the system, which on Windows is not UTF-8
    write_text(path, json.dumps(project, indent=1, ensure_ascii=True, allow_nan=False) + "\n")


def _behaviour(code: str) -> dict[str, Any]:
    kind = Kind(code.split()[0])
    return {
        "type": "State event",
        "key": _KEYS.get(code, ""),
        "code": code,
        "description": _MEANING[kind] + ("" if code == kind else ", while another one is going on"),
        "color": _COLOURS[kind],
        "category": "",
        "modifiers": {},
        "excluded": "",
        "coding map": "",
    }


def _observation(spotted: Spotted, now: str) -> dict[str, Any]:
    moments: list[list[Any]] = []
    for code, rows in lanes(spotted.rows).items():
        for row in rows:
            begin = round(row.onset, 3)
            moments.append([begin, "", code, "", write_label(row), "NA"])
            moments.append([max(begin, round(row.end, 3)), "", code, "", "", "NA"])
    source = spotted.source
    return {
        "file": {player: [source] if player == "1" else [] for player in _PLAYERS},
        "type": "MEDIA",
        "date": now,
        "description": f"{ABOUT_LINE}\n{one_line_json(spotted.about)}\n",
        "time offset": 0.0,
        "events": sorted(moments, key=lambda moment: moment[0]),
        "observation time interval": [0, 0],
        "independent_variables": {},
        "visualize_spectrogram": False,
        "visualize_waveform": False,
        "close_behaviors_between_videos": False,
        "scan_sampling_time": 0,
        "media_info": {
            "length": {source: round(spotted.duration, 3)},
            "fps": {source: spotted.fps},
            "hasVideo": {source: True},
            "hasAudio": {source: False},
            "offset": {"1": 0.0},
        },
    }


def read_boris(path: Path, project: dict[str, Any] | None = None, *, fps: float | None = None) -> Imported:
    """Read the macro and micro behaviours of all observations of a BORIS project.

    Args:
        path: the project.
        project: its JSON if it was read before.
        fps: frame rate, if neither spotlib nor BORIS wrote it into the project.

    Raises:
        UnknownRate: without ``fps``, if an observation does not tell it.
        SpotlibError: for a broken project, behaviours that are not understood (see `kinds_of`), an event with a
            START and no STOP, impossible times.
    """
    project = read_json(path) if project is None else project
    observations = project.get("observations")
    if not isinstance(observations, dict) or "behaviors_conf" not in project:
        raise SpotlibError(f"{path}: JSON, but no BORIS project (no observations or ethogram); give a .boris file")
    parsed = {name: _parsed(f"{path}, observation {name!r}", value) for name, value in observations.items()}
    codes = dict.fromkeys([*_ethogram(project), *(event[2] for one in parsed.values() for event in one.events)])
    ours = any(one.about for one in parsed.values())
    kinds = kinds_of(codes, str(path), ours=ours, what="behaviour")
    table = Imported()
    for name, one in parsed.items():
        where = f"{path}, observation {name!r}"
        clock = clock_for(one.about, fps or (None if one.about else one.rate), where)
        table.add_video(name, clock)
        for begin, end, code, label in _pairs([event for event in one.events if event[2] in kinds], where):
            at = f"{where}, {code!r} at {begin:.3f} s"
            table.events[name].append(to_event(kinds[code], begin, end, label, clock, at))
        table.events[name].sort(key=lambda event: (event.onset, event.offset))
    if note := unread(kinds, list(codes)):
        table.notes.append(note)
    return table


_Moment = tuple[float, str, str, str, str]  # seconds, subject, behaviour, modifiers, comment


class _Observation(NamedTuple):
    events: list[_Moment]
    about: About | None
    rate: float | None


def _parsed(where: str, observation: Any) -> _Observation:
    try:
        offset = _seconds(observation.get("time offset") or 0, where)
        # BORIS adds the offset of the observation to the time in the video
        events = [
            (_seconds(e[0], where) - offset, str(e[1]), str(e[2]), str(e[3]), str(e[4])) for e in observation["events"]
        ]
        lines = str(observation.get("description", "")).splitlines()
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError):
        raise SpotlibError(f"{where}: not as BORIS 7 or 8 writes it; open it in BORIS and save it") from None
    about = next((found for line in lines if (found := read_about(line))), None)
    return _Observation(events, about, _media_rate(observation))


def _ethogram(project: dict[str, Any]) -> list[str]:
    try:
        return [str(behaviour["code"]) for behaviour in project["behaviors_conf"].values()]
    except (AttributeError, KeyError, RecursionError, TypeError):
        return []


def _pairs(moments: list[_Moment], where: str) -> list[tuple[float, float, str, Label]]:
    """START and STOP of each event, paired as BORIS does."""
    result = []
    started: dict[tuple[str, str, str], tuple[float, str]] = {}
    # where one event ends as the next begins, the STOP, which spotlib leaves without comment, comes first
    for time, subject, code, modifier, comment in sorted(moments, key=lambda moment: (moment[0], bool(moment[4]))):
        series = (subject, code, modifier)
        if series not in started:
            started[series] = (time, comment)
            continue
        begin, text = started.pop(series)
        label = read_label(f"{modifier.replace('|', ';')}; {text or comment}")  # "|" parts sets of modifiers
        result.append((begin, time, code, label))
    for (_, code, modifier), (begin, _) in started.items():
        which = f" (modifier {modifier!r})" if modifier not in ("", "None") else ""
        raise SpotlibError(f"{where}: {code!r}{which} has a START at {begin:.3f} s and no STOP; complete it in BORIS")
    return result


def _seconds(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 10**12:  # NaN neither
        raise SpotlibError(f"{where}: the time {str(value)[:40]!r} is no number; correct it in BORIS")
    return float(value)


def _media_rate(observation: dict[str, Any]) -> float | None:
    """Frames per second of the first video of player 1, as BORIS found it."""
    try:
        source = observation["file"]["1"][0]
        rate = float(observation["media_info"]["fps"][source])
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    return rate if rate > 0 else None
