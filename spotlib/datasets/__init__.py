"""Data sets: real ones as they are handed out, and their synthetic twins."""

from spotlib.datasets.base import Dataset, Video, events_table

__all__ = ["Dataset", "Video", "events_table"]
