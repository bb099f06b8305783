"""Measurements of speed, each beside the accuracy of the same run: what ``spotlib bench`` measures.

What is compared is measured in turns, in one process, and given as median with spread; nothing here is a test. Results
are plain JSON (`spotlib.bench.results`); tables and plots of docs/performance.md are made of them.
"""
