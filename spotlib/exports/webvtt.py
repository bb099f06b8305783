"""WebVTT subtitles: each event as a cue, for any player. Written only."""

from __future__ import annotations

from pathlib import Path

from spotlib.exports.files import one_line_json, write_text
from spotlib.exports.label import write_label
from spotlib.exports.spotted import Spotted


def write_webvtt(path: Path, spotted: Spotted) -> None:
    """Write one video's events as a .vtt file; a note at its head tells about the video (JSON)."""
    blocks = ["WEBVTT - facial expressions spotted by spotlib", f"NOTE {one_line_json(spotted.about)}"]
    for number, row in enumerate(spotted.rows, start=1):
        begin = round(1000 * row.onset)
        end = max(begin + 1, round(1000 * row.end))
        text = " ".join(part for part in (str(row.event.kind), write_label(row)) if part)
        blocks.append(f"{number}\n{_time(begin)} --> {_time(end)}\n{_escaped(text)}")
    write_text(path, "\n\n".join(blocks) + "\n")


def _time(milliseconds: int) -> str:
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{thousandths:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
