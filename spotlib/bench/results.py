"""The file of measurements: every number with the run that it comes from; parts of several runs may share a file.

``{"format": 1, "runs": [{"machine", "versions", "commit", "quick", "date", "spread"}],
"results": {part: {name: {"run": which of the runs, "found": what was measured, or how it failed}}}}``
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from spotlib.errors import SpotlibError

FORMAT = 1


class Results:
    """Measurements in memory and, with ``path``, in a file that is written anew after each of them.

    A file that is there already keeps what is not measured again. Raises SpotlibError if it is something else.
    """

    def __init__(self, path: Path | None, run: dict[str, Any]) -> None:
        self.path = path
        known = read(path) if path is not None and path.exists() else {"runs": [], "results": {}}
        self.runs: list[dict[str, Any]] = [*known["runs"], run]
        self.results: dict[str, dict[str, Any]] = known["results"]
        self.write()  # whoever cannot write should hear so before anything is measured

    def add(self, part: str, name: str, found: Any) -> None:
        """Take in one measurement, and write it."""
        self.results.setdefault(part, {})[name] = {"run": len(self.runs) - 1, "found": found}
        self.write()

    def write(self) -> None:
        """Write the file, whole or not at all."""
        if self.path is None:
            return
        from spotlib.store import write_text

        try:
            write_text(self.path, dumps(self.runs, self.results))
        except OSError as error:
            raise SpotlibError(f"{self.path}: cannot be written ({error.strerror}); give another file") from None


def dumps(runs: list[dict[str, Any]], results: dict[str, dict[str, Any]]) -> str:
    """The text of a file; runs that no result comes from are left out.

    >>> print(dumps([{"a": 1}, {"b": 2}], {"model": {"x": {"run": 1, "found": [1.0]}}}))
    {
     "format": 1,
     "runs": [
      {
       "b": 2
      }
     ],
     "results": {
      "model": {
       "x": {
        "run": 0,
        "found": [
         1.0
        ]
       }
      }
     }
    }
    <BLANKLINE>
    """
    used = sorted({one["run"] for part in results.values() for one in part.values()})
    renumbered = {
        part: {name: {**one, "run": used.index(one["run"])} for name, one in of_part.items()}
        for part, of_part in results.items()
    }
    content = {"format": FORMAT, "runs": [runs[i] for i in used], "results": renumbered}
    return json.dumps(content, indent=1, default=float) + "\n"


def read(path: Path) -> dict[str, Any]:
    """What a file of measurements holds. Raises SpotlibError if it is none."""
    advice = "give a file that `spotlib bench --json FILE` wrote"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SpotlibError(f"{path}: no such file; {advice}") from None
    except OSError as error:
        raise SpotlibError(f"{path}: cannot be read ({error.strerror}); {advice}") from None
    except ValueError:
        raise SpotlibError(f"{path}: not a file of measurements (no JSON); {advice}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise SpotlibError(f"{path}: not a file of measurements (format {FORMAT}); {advice}")
    try:
        for part in content["results"].values():
            for one in part.values():
                content["runs"][one["run"]]
                one["found"]
    except (KeyError, TypeError, AttributeError, IndexError):
        raise SpotlibError(f"{path}: a file of measurements that lacks something; measure again") from None
    return content


class Measured:
    """What some files hold, to be looked up by part and name; of several files the first that knows it."""

    def __init__(self, files: Iterable[dict[str, Any]]) -> None:
        self.files = list(files)

    def __call__(self, part: str, name: str, *, device: str | None = None) -> Any:
        """The measurement, or None if there is none or if it failed; ``device``: "cpu" or "gpu"."""
        for content in self.files:
            one = content["results"].get(part, {}).get(name)
            if one is None or isinstance(one["found"], str):
                continue
            on = "cpu" if content["runs"][one["run"]]["machine"]["device"] == "cpu" else "gpu"
            if device in (None, on):
                return one["found"]
        return None

    def runs(self) -> list[dict[str, Any]]:
        """All runs that results come from, with the names of these results."""
        found = []
        for content in self.files:
            for number, run in enumerate(content["runs"]):
                names = [
                    f"{part}: {name}" for part, of in content["results"].items() for name, one in of.items()
                    if one["run"] == number
                ]  # fmt: skip
                found.append({**run, "measured": names})
        return found
