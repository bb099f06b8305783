"""Figures of the workbook: each shows and saves itself, has alt text, and marks synthetic data."""

from spotlib.figures.canvas import KIND_COLOURS, Figure, file_name, new_figure, styled
from spotlib.figures.data import durations, window_heatmap
from spotlib.figures.difficulty import difficulty
from spotlib.figures.embedding import embedding
from spotlib.figures.face import face_strip
from spotlib.figures.gallery import Case, error_gallery
from spotlib.figures.kinds import confusion, confusion_counts
from spotlib.figures.learning import learning_curves
from spotlib.figures.quality import f1_over_iou, intervals_forest, precision_recall
from spotlib.figures.sizes import recall_over_size
from spotlib.figures.video import timeline

__all__ = [
    "KIND_COLOURS",
    "Case",
    "Figure",
    "confusion",
    "confusion_counts",
    "difficulty",
    "durations",
    "embedding",
    "error_gallery",
    "f1_over_iou",
    "face_strip",
    "file_name",
    "intervals_forest",
    "learning_curves",
    "new_figure",
    "precision_recall",
    "recall_over_size",
    "styled",
    "timeline",
    "window_heatmap",
]
