"""Measurements of speed, each beside the accuracy of the same run: what ``spotlib bench`` prints.

Every function returns a plain dictionary (JSON). What is compared is measured in turns, in one process, and given as
median with spread; nothing here is a test. Notes on how to read the numbers: docs/performance.md.
"""
