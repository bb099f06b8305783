"""The one exception whose text is meant for the user."""

from __future__ import annotations


class SpotlibError(Exception):
    """Bad input, told in one line: what is wrong, where (file, row), and what to do about it.

    The command line prints the message without a traceback and exits with status 1; notebooks show it as is.
    """


class ReadError(SpotlibError):
    """The medium failed (permission, disk, network): nothing that was computed meanwhile may be kept."""
