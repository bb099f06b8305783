"""The 68 points of the actor: one mesh vertex each, chosen once."""

from __future__ import annotations

import numpy as np

HALF = {  # x >= 0
    8: (0, 6.18), 9: (.17, 6.2), 10: (.33, 6.3), 11: (.47, 6.42), 12: (.56, 6.58), 13: (.62, 6.75), 14: (.67, 6.93),
    15: (.70, 7.1), 16: (.71, 7.28),
    22: (.1, 7.43), 23: (.2, 7.5), 24: (.32, 7.52), 25: (.43, 7.49), 26: (.52, 7.4),
    27: (0, 7.28), 28: (0, 7.15), 29: (0, 7.02), 30: (0, 6.9), 33: (0, 6.79), 34: (.06, 6.8), 35: (.12, 6.82),
    42: (.166, 7.275), 43: (.25, 7.33), 44: (.36, 7.335), 45: (.436, 7.287), 46: (.36, 7.235), 47: (.25, 7.23),
    54: (.257, 6.609), 51: (0, 6.672), 52: (.08, 6.695), 53: (.178, 6.675), 57: (0, 6.488), 56: (.13, 6.497),
    55: (.19, 6.515), 62: (0, 6.608), 63: (.126, 6.614), 64: (.244, 6.609), 66: (0, 6.6015), 65: (.115, 6.593),
}
MIRRORED = {16 - k: k for k in range(9, 17)} | {17: 26, 18: 25, 19: 24, 20: 23, 21: 22, 31: 35, 32: 34, 36: 45, 37: 44,
    38: 43, 39: 42, 40: 47, 41: 46, 48: 54, 49: 53, 50: 52, 58: 56, 59: 55, 60: 64, 61: 63, 67: 65}


def _make():
    from spotlib.actor.asset import load_head
    h = load_head()
    v = h.vertices
    from spotlib.actor.render import rasterise
    S = 400
    sc = np.stack([(v[:, 0] + 2) * S, (8.8 - v[:, 1]) * S, v[:, 2]], 1).astype(np.float64)
    depth = np.full((1600, 1600), -1e9, np.float32)
    owner = np.full((1600, 1600), -1, np.int32)
    tri = h.triangles[h.parts == 0]
    rasterise(sc, tri, np.zeros(len(tri), bool), depth, owner, np.zeros(4, np.int64))
    xi = np.clip(np.rint(sc[:, 0]).astype(int), 0, 1599)
    yi = np.clip(np.rint(sc[:, 1]).astype(int), 0, 1599)
    vis = (np.abs(depth[yi, xi] - v[:, 2]) < .03) & (h.vertex_parts == 0)
    out = np.zeros(68, int)
    for k, (x, y) in HALF.items():
        d = np.hypot(v[:, 0] - x, v[:, 1] - y) + ~vis * 9
        if x == 0:
            d = d + (np.abs(v[:, 0]) > 1e-3) * 9
        out[k] = np.argmin(d)
    for k, m in MIRRORED.items():
        out[k] = h.mirror[out[m]]
    return out


LANDMARK_VERTICES: np.ndarray = _make()
