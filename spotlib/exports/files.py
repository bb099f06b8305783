"""Files in and out: bounded, in UTF-8, written whole or not at all, every failure one line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from spotlib.errors import SpotlibError
from spotlib.store import atomic

MAX_BYTES = 32 * 2**20  # a project of a hundred thousand events is a fifth of it; a video opened by mistake is more

#: what XML 1.0 cannot hold, and what some line-based readers take for the end of a line
_UNSAFE = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_bytes(path: Path) -> bytes:
    """The content of a file of at most MAX_BYTES."""
    try:
        data = bytearray()
        with path.open("rb") as file:
            while len(data) <= MAX_BYTES and (part := file.read(2**16)):
                data += part
    except FileNotFoundError:
        raise SpotlibError(f"{path}: no such file; check the name") from None
    except OSError as error:
        raise SpotlibError(f"{path}: cannot be read ({error.strerror}); give a file of annotations") from None
    if len(data) > MAX_BYTES:
        raise SpotlibError(f"{path}: larger than {MAX_BYTES >> 20} MiB; this is no file of annotations")
    if not data.strip():
        raise SpotlibError(f"{path}: the file is empty; save or export it again")
    return bytes(data)


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file."""
    try:
        value = json.loads(read_bytes(path).decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise SpotlibError(f"{path}: not UTF-8 text; save or export it again") from None
    except json.JSONDecodeError as error:
        raise SpotlibError(f"{path}, row {error.lineno}: not readable as JSON ({error.msg}); export it again") from None
    except (ValueError, RecursionError):  # numbers of thousands of digits, lists in lists in lists ...
        raise SpotlibError(f"{path}: not readable as JSON; export it again") from None
    if not isinstance(value, dict):
        raise SpotlibError(f"{path}: JSON, but neither a BORIS project nor spotlib's own; give one of those")
    return value


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, atomically, with line ends as they are."""
    with atomic(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def one_line_json(value: Any) -> str:
    """JSON in one line of readable text that XML, TextGrid and WebVTT can all hold: odd characters are escaped.

    >>> one_line_json({"video": "a --> \\x00 д"})
    '{"video": "a --\\\\u003e \\\\u0000 д"}'
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False).replace(">", "\\u003e")
    return _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i] << 8 | units[i + 1]:04x}" for i in range(0, len(units), 2))


def plain(text: str) -> str:
    """``text`` in one line without control characters, for places where people read it.

    >>> plain("left\\tbrow\\n\\x07up")
    'left brow �up'
    """
    return _UNSAFE.sub("\ufffd", " ".join(text.split()))


def xml_text(text: str) -> str:
    """``text`` with characters that XML cannot hold replaced by U+FFFD."""
    return _UNSAFE.sub("\ufffd", text)
