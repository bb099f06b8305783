"""spotlib: find macro- and micro-expressions in long face videos; the reproducible workbook for SpotFormer.

>>> import spotlib
>>> run = spotlib.open_run("demo")
>>> run
Run of demo (synthetic twin): 16 subjects, 32 videos, 19200 frames, 3 folds
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spotlib.errors import SpotlibError
from spotlib.intervals import KINDS, Event, Interval, Kind

if TYPE_CHECKING:
    from spotlib.runner import Run, open_run
    from spotlib.spot.widget import view

__all__ = ["KINDS", "Event", "Interval", "Kind", "Run", "SpotlibError", "__version__", "open_run", "view"]


def __getattr__(name: str) -> Any:
    # `import spotlib` stays quick: torch and the rest are loaded when a run is opened
    if name in ("Run", "open_run"):
        import spotlib.runner

        return getattr(spotlib.runner, name)
    if name == "view":
        from spotlib.spot.widget import view

        return view
    if name == "__version__":
        from spotlib.provenance import version

        return version()
    raise AttributeError(f"module 'spotlib' has no attribute {name!r}")
