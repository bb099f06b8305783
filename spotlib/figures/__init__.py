"""Figures of the workbook: each shows and saves itself, has alt text, and marks synthetic data."""

from spotlib.figures.canvas import KIND_COLOURS, Figure, new_figure, styled
from spotlib.figures.data import durations, window_heatmap
from spotlib.figures.face import face_strip
from spotlib.figures.kinds import confusion, confusion_counts
from spotlib.figures.learning import learning_curves
from spotlib.figures.quality import f1_over_iou, intervals_forest, precision_recall
from spotlib.figures.video import timeline

__all__ = [
    "KIND_COLOURS",
    "Figure",
    "confusion",
    "confusion_counts",
    "durations",
    "f1_over_iou",
    "face_strip",
    "intervals_forest",
    "learning_curves",
    "new_figure",
    "precision_recall",
    "styled",
    "timeline",
    "window_heatmap",
]
