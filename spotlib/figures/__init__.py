"""Figures of the workbook: each shows itself with alt text, saves itself, and says so if its data is
synthetic.
"""

from spotlib.figures.canvas import KIND_COLOURS, Figure, new_figure, styled
from spotlib.figures.data import durations, window_heatmap
from spotlib.figures.face import face_strip
from spotlib.figures.learning import learning_curves
from spotlib.figures.quality import confusion, f1_over_iou, intervals_forest, precision_recall
from spotlib.figures.video import timeline

__all__ = [
    "KIND_COLOURS",
    "Figure",
    "confusion",
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
