"""F1 values that others have published, each with its source (METHOD section 9); nothing here is measured by
spotlib.

They live in ``data/reported.csv``, one number per line. Unverified ones carry a visible mark wherever they
are shown and are never used in a sentence that compares. No number applies to a synthetic twin.
"""

from __future__ import annotations

import functools
from importlib.resources import files

import pandas as pd

UNVERIFIED_MARK = "[U]"


@functools.cache
def _all() -> pd.DataFrame:
    with files("spotlib").joinpath("data", "reported.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file, dtype={"f1": str, "unverified": bool}, keep_default_na=False)
    table["text"], table["f1"] = table.f1.str.removeprefix("0"), table.f1.astype(float)
    return table.set_index(["dataset", "method", "kind"], verify_integrity=True)


def reported(dataset: str) -> pd.DataFrame:
    """Published F1 values on ``dataset`` ("samm_lv", "cas_me2"), in the order of the file.

    Columns: method, kind ("macro", "micro", "overall"), f1, text (with the digits that were published),
    unverified, source, note. Empty for a data set without any, the demo twin among them.

    >>> table = reported("cas_me2")
    >>> table[table.method == "AUW-GCN"].f1.tolist()
    [0.4235, 0.1538, 0.3834]
    >>> reported("samm_lv").set_index(["method", "kind"]).text["LGSNet", "overall"]
    '.388'
    """
    table = _all().reset_index()
    return table[table.dataset == dataset].drop(columns="dataset").reset_index(drop=True)
