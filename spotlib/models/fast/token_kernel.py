"""What happens to tokens between two products, as Triton kernels; imported only where Triton is.

Each is as fast as memory lets it be only if it touches every token once: bias, dropout, GELU and residual are one way
through memory, and the sums over rows that a BatchNorm or a bias' gradient asks for are taken on that way. Sums are
written per tile and added up in a fixed order, so that every run gives the same numbers. Products are cuBLAS's:
kernels with the products inside were tried, and are slower (docs/performance.md).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from spotlib.models.fast.hash_kernel import kept_rows, of_rows
from spotlib.models.fast.joined import GROUPS, TILE, WINDOWS
from spotlib.models.fast.launching import launch

STEP = 8  # rows of a tile at a time
WARPS = 2  # few, so that many tiles are on a multiprocessor: by trial on an H100, as sizes of tiles


@triton.jit
def gelu(x):
    """GELU and its derivative; the normal distribution by Abramowitz and Stegun 7.1.26, off by at most 1.5e-7."""
    z = tl.abs(x) * 0.7071067811865476
    t = 1.0 / (1.0 + 0.3275911 * z)
    bell = tl.exp(-z * z)
    tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * bell
    below = tl.where(x < 0, 0.5 * tail, 1.0 - 0.5 * tail)
    return x * below, below + x * bell * 0.3989422804014327


@triton.jit
def _store_statistics(sums, squares, means, spreads, count, column, WIDTH: tl.constexpr):
    """Mean, and sum of squared deviations from it, of a tile's ``count`` rows."""
    total = tl.sum(sums, 0)
    mean = total / count
    tile = tl.program_id(0) * WIDTH + column
    tl.store(means + tile, mean)
    tl.store(spreads + tile, tl.maximum(tl.sum(squares, 0) - total * mean, 0.0))


@triton.jit
def _residual(
    y, bias, x, means, spreads, seed, rows, keep_below, gain,
    WIDTH: tl.constexpr, TILE: tl.constexpr, STEP: tl.constexpr, DROPOUT: tl.constexpr,
):  # fmt: skip
    column = tl.arange(0, WIDTH)
    added = tl.load(bias + column)[None, :]
    sums, squares = tl.zeros((STEP, WIDTH), tl.float32), tl.zeros((STEP, WIDTH), tl.float32)
    for begin in range(0, TILE, STEP):
        row = tl.program_id(0) * TILE + begin + tl.arange(0, STEP)
        there = (row < rows)[:, None]
        at = row[:, None] * WIDTH + column[None, :]
        value = tl.load(y + at, mask=there, other=0.0).to(tl.float32) + added
        if DROPOUT:
            value = tl.where(kept_rows(of_rows(row, seed), WIDTH, keep_below), value * gain, 0.0)
        value += tl.load(x + at, mask=there, other=0.0).to(tl.float32)
        stored = value.to(y.dtype.element_ty)
        tl.store(y + at, stored, mask=there)
        value = tl.where(there, stored.to(tl.float32), 0.0)
        sums += value
        squares += value * value
    count = tl.minimum(rows - tl.program_id(0) * TILE, TILE).to(tl.float32)
    _store_statistics(sums, squares, means, spreads, count, column, WIDTH)


@triton.jit
def _activate(
    hidden, bias, out, seed, rows, keep_below, gain,
    WIDTH: tl.constexpr, STEP: tl.constexpr, DROPOUT: tl.constexpr,
):  # fmt: skip
    column = tl.arange(0, WIDTH)
    row = tl.program_id(0) * STEP + tl.arange(0, STEP)
    there = (row < rows)[:, None]
    at = row[:, None] * WIDTH + column[None, :]
    value, slope = gelu(tl.load(hidden + at, mask=there, other=0.0).to(tl.float32) + tl.load(bias + column)[None, :])
    if DROPOUT:
        keep = kept_rows(of_rows(row, seed), WIDTH, keep_below)
        value = tl.where(keep, value * gain, 0.0)
        slope = tl.where(keep, slope * gain, 0.0)
    tl.store(out + at, value.to(out.dtype.element_ty), mask=there)
    tl.store(hidden + at, slope.to(out.dtype.element_ty), mask=there)


@triton.jit
def _activate_back(grad, slope, sums, rows, WIDTH: tl.constexpr, TILE: tl.constexpr, STEP: tl.constexpr):
    column = tl.arange(0, WIDTH)
    total = tl.zeros((STEP, WIDTH), tl.float32)
    for begin in range(0, TILE, STEP):
        row = tl.program_id(0) * TILE + begin + tl.arange(0, STEP)
        there = (row < rows)[:, None]
        at = row[:, None] * WIDTH + column[None, :]
        value = tl.load(grad + at, mask=there, other=0.0).to(tl.float32)
        value *= tl.load(slope + at, mask=there, other=0.0).to(tl.float32)
        tl.store(grad + at, value.to(grad.dtype.element_ty), mask=there)
        total += value
    tl.store(sums + tl.program_id(0) * WIDTH + column, tl.sum(total, 0))


@triton.jit
def _residual_back(
    grad, out, constant, slope, to_x, to_y, sums, seed, rows, keep_below, gain,
    WIDTH: tl.constexpr, TILE: tl.constexpr, STEP: tl.constexpr, DROPOUT: tl.constexpr,
):  # fmt: skip
    column = tl.arange(0, WIDTH)
    level, steep = tl.load(constant + column)[None, :], tl.load(slope + column)[None, :]
    total = tl.zeros((STEP, WIDTH), tl.float32)
    kind = to_x.dtype.element_ty
    for begin in range(0, TILE, STEP):
        row = tl.program_id(0) * TILE + begin + tl.arange(0, STEP)
        there = (row < rows)[:, None]
        at = row[:, None] * WIDTH + column[None, :]
        value = tl.load(grad + at, mask=there, other=0.0).to(tl.float32)
        value += level + steep * tl.load(out + at, mask=there, other=0.0).to(tl.float32)
        tl.store(to_x + at, value.to(kind), mask=there)
        if DROPOUT:
            value = tl.where(kept_rows(of_rows(row, seed), WIDTH, keep_below), value * gain, 0.0)
        tl.store(to_y + at, value.to(kind), mask=there)
        total += tl.where(there, value, 0.0)
    tl.store(sums + tl.program_id(0) * WIDTH + column, tl.sum(total, 0))


@triton.jit
def _embed(
    x, weight, table, y, means, spreads, seed, windows, places, keep_below, gain,
    WIDTH: tl.constexpr, TILE: tl.constexpr, STEP: tl.constexpr, DROPOUT: tl.constexpr, STATISTICS: tl.constexpr,
):  # fmt: skip
    place = tl.program_id(0) % places
    first = tl.program_id(0) // places * TILE
    column = tl.arange(0, WIDTH)
    across, down = tl.load(weight + 2 * column)[None, :], tl.load(weight + 2 * column + 1)[None, :]
    level = tl.load(table + place * WIDTH + column)[None, :]
    sums, squares = tl.zeros((STEP, WIDTH), tl.float32), tl.zeros((STEP, WIDTH), tl.float32)
    for begin in range(0, TILE, STEP):
        window = first + begin + tl.arange(0, STEP)
        row, there = window * places + place, window < windows
        dx, dy = tl.load(x + 2 * row, mask=there, other=0.0), tl.load(x + 2 * row + 1, mask=there, other=0.0)
        value = dx[:, None] * across + dy[:, None] * down + level
        if DROPOUT:
            value = tl.where(kept_rows(of_rows(row, seed), WIDTH, keep_below), value * gain, 0.0)
        stored = value.to(y.dtype.element_ty)
        tl.store(y + row[:, None] * WIDTH + column[None, :], stored, mask=there[:, None])
        if STATISTICS:
            value = tl.where(there[:, None], stored.to(tl.float32), 0.0)
            sums += value
            squares += value * value
    if STATISTICS:
        count = tl.minimum(windows - first, TILE).to(tl.float32)
        _store_statistics(sums, squares, means, spreads, count, column, WIDTH)


@triton.jit
def _embed_back(
    grad, y, constant, slope, x, to_across, to_down, to_table, seed, windows, places, keep_below, gain,
    WIDTH: tl.constexpr, TILE: tl.constexpr, STEP: tl.constexpr, DROPOUT: tl.constexpr,
):  # fmt: skip
    place = tl.program_id(0) % places
    first = tl.program_id(0) // places * TILE
    column = tl.arange(0, WIDTH)
    level, steep = tl.load(constant + column)[None, :], tl.load(slope + column)[None, :]
    total = tl.zeros((STEP, WIDTH), tl.float32)
    across, down = tl.zeros((STEP, WIDTH), tl.float32), tl.zeros((STEP, WIDTH), tl.float32)
    for begin in range(0, TILE, STEP):
        window = first + begin + tl.arange(0, STEP)
        row, there = window * places + place, window < windows
        at = row[:, None] * WIDTH + column[None, :]
        value = tl.load(grad + at, mask=there[:, None], other=0.0).to(tl.float32)
        value += level + steep * tl.load(y + at, mask=there[:, None], other=0.0).to(tl.float32)
        if DROPOUT:
            value = tl.where(kept_rows(of_rows(row, seed), WIDTH, keep_below), value * gain, 0.0)
        value = tl.where(there[:, None], value, 0.0)
        dx, dy = tl.load(x + 2 * row, mask=there, other=0.0), tl.load(x + 2 * row + 1, mask=there, other=0.0)
        total += value
        across += value * dx[:, None]
        down += value * dy[:, None]
    at = tl.program_id(0) * WIDTH + column
    tl.store(to_table + at, tl.sum(total, 0))
    tl.store(to_across + at, tl.sum(across, 0))
    tl.store(to_down + at, tl.sum(down, 0))


@triton.jit
def _pool(
    x, scale, shift, out, groups, nodes, regions, first, region,
    SIZE: tl.constexpr, WIDTH: tl.constexpr, STEP: tl.constexpr,
):  # fmt: skip
    column = tl.arange(0, WIDTH)
    steep, level = tl.load(scale + column)[None, :], tl.load(shift + column)[None, :]
    group = tl.program_id(0) * STEP + tl.arange(0, STEP)
    there = (group < groups)[:, None]
    best = tl.full((STEP, WIDTH), float("-inf"), tl.float32)
    for node in tl.static_range(SIZE):
        at = (group * nodes + first + node)[:, None] * WIDTH + column[None, :]
        best = tl.maximum(best, tl.load(x + at, mask=there, other=0.0).to(tl.float32) * steep + level)
    to = (group * regions + region)[:, None] * WIDTH + column[None, :]
    tl.store(out + to, best.to(out.dtype.element_ty), mask=there)


@triton.jit
def _pool_back(
    grad, x, scale, shift, to_x, to_scale, to_shift, groups, nodes, regions, first, region,
    SIZE: tl.constexpr, WIDTH: tl.constexpr, TILE: tl.constexpr, STEP: tl.constexpr,
):  # fmt: skip
    column = tl.arange(0, WIDTH)
    steep, level = tl.load(scale + column)[None, :], tl.load(shift + column)[None, :]
    by_scale, by_shift = tl.zeros((STEP, WIDTH), tl.float32), tl.zeros((STEP, WIDTH), tl.float32)
    for begin in range(0, TILE, STEP):
        group = tl.program_id(0) * TILE + begin + tl.arange(0, STEP)
        there = (group < groups)[:, None]
        at = (group * nodes + first)[:, None] * WIDTH + column[None, :]
        best = tl.full((STEP, WIDTH), float("-inf"), tl.float32)
        for node in tl.static_range(SIZE):
            value = tl.load(x + at + node * WIDTH, mask=there, other=0.0).to(tl.float32)
            best = tl.maximum(best, value * steep + level)
        count = tl.zeros((STEP, WIDTH), tl.float32)
        for node in tl.static_range(SIZE):  # what is read again is near
            value = tl.load(x + at + node * WIDTH, mask=there, other=0.0).to(tl.float32)
            count += tl.where(value * steep + level == best, 1.0, 0.0)
        of = (group * regions + region)[:, None] * WIDTH + column[None, :]
        share = tl.load(grad + of, mask=there, other=0.0).to(tl.float32) / count
        for node in tl.static_range(SIZE):
            value = tl.load(x + at + node * WIDTH, mask=there, other=0.0).to(tl.float32)
            mine = tl.where(value * steep + level == best, share, 0.0)
            tl.store(to_x + at + node * WIDTH, (mine * steep).to(to_x.dtype.element_ty), mask=there)
            by_scale += mine * value
            by_shift += mine
    tl.store(to_scale + tl.program_id(0) * WIDTH + column, tl.sum(by_scale, 0))
    tl.store(to_shift + tl.program_id(0) * WIDTH + column, tl.sum(by_shift, 0))


@triton.jit
def _combine(
    means, spreads, mean, var, rows, of_tile, same,
    WIDTH: tl.constexpr, PART: tl.constexpr, COUNT: tl.constexpr, TILES: tl.constexpr, TILE: tl.constexpr,
):  # fmt: skip
    """Mean and variance of all rows from those of the tiles; differences from the first tile's mean are small."""
    column = tl.program_id(0) * PART + tl.arange(0, PART)
    first = tl.load(means + column)
    sums, spread = tl.zeros((TILES, PART), tl.float32), tl.zeros((TILES, PART), tl.float32)
    for begin in range(0, COUNT, TILES):
        tile = begin + tl.arange(0, TILES)
        at, seen = tile[:, None] * WIDTH + column[None, :], (tile < COUNT)[:, None]
        count = tl.maximum(tl.minimum(of_tile - tile // same * TILE, TILE), 0).to(tl.float32)[:, None]
        off = tl.where(seen, tl.load(means + at, mask=seen, other=0.0) - first[None, :], 0.0)
        sums += count * off
        spread += tl.load(spreads + at, mask=seen, other=0.0) + count * off * off
    off = tl.sum(sums, 0) / rows
    tl.store(mean + column, first + off)
    tl.store(var + column, tl.maximum(tl.sum(spread, 0) / rows - off * off, 0.0))


class Drop(NamedTuple):
    """Hashes below ``keep_below`` are kept and scaled by ``gain``; nothing is dropped without a seed."""

    seed: Tensor | None
    keep_below: int
    gain: float

    def seed_or(self, given: Tensor) -> Tensor:
        """The seed, for which any tensor stands where none is read."""
        return given if self.seed is None else self.seed


def _statistics(means: Tensor, spreads: Tensor, rows: int, of_tile: int, same: int, tile: int) -> tuple[Tensor, Tensor]:
    # tiles come `same` at a time, together they go through `of_tile` rows each, `tile` at once
    count, width = means.shape
    mean, var = means.new_empty(width), means.new_empty(width)
    part = min(16, width)
    launch(
        _combine, (width // part,),
        means, spreads, mean, var, rows, of_tile, same,
        WIDTH=width, PART=part, COUNT=count, TILES=min(512, triton.next_power_of_2(count)), TILE=tile, num_warps=8,
    )  # fmt: skip
    return mean, var


def residual(y: Tensor, bias: Tensor, x: Tensor, drop: Drop) -> tuple[Tensor, Tensor]:
    """Turn ``y`` (M, D) into x + dropout(y + bias); mean and variance of its channels.

    ``x`` (M, D) of the same kind, ``bias`` (D,) float32; all contiguous, here and below.
    """
    rows, width = y.shape
    count = triton.cdiv(rows, TILE)
    means, spreads = bias.new_empty(count, width), bias.new_empty(count, width)
    launch(
        _residual, (count,),
        y, bias, x, means, spreads, drop.seed_or(bias), rows, drop.keep_below, drop.gain,
        WIDTH=width, TILE=TILE, STEP=STEP, DROPOUT=drop.seed is not None, num_warps=WARPS,
    )  # fmt: skip
    return _statistics(means, spreads, rows, rows, 1, TILE)


def residual_back(
    grad: Tensor, out: Tensor, constant: Tensor, slope: Tensor, drop: Drop
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of `residual` by x and y (M, D), and by the bias for each tile (G, D).

    What reaches the result is ``grad`` + ``constant`` + ``slope`` out: by itself and through the statistics.
    """
    rows, width = out.shape
    count = triton.cdiv(rows, TILE)
    to_x, to_y, sums = out.new_empty(rows, width), out.new_empty(rows, width), constant.new_empty(count, width)
    launch(
        _residual_back, (count,),
        grad, out, constant, slope, to_x, to_y, sums, drop.seed_or(constant), rows, drop.keep_below, drop.gain,
        WIDTH=width, TILE=TILE, STEP=STEP, DROPOUT=drop.seed is not None, num_warps=WARPS,
    )  # fmt: skip
    return to_x, to_y, sums


def activate(hidden: Tensor, bias: Tensor, drop: Drop) -> Tensor:
    """dropout(gelu(hidden + bias)) of ``hidden`` (M, H), which turns into the derivative, dropout included."""
    rows, width = hidden.shape
    out = torch.empty_like(hidden)
    launch(
        _activate, (triton.cdiv(rows, STEP),),
        hidden, bias, out, drop.seed_or(bias), rows, drop.keep_below, drop.gain,
        WIDTH=width, STEP=STEP, DROPOUT=drop.seed is not None, num_warps=2 * WARPS,
    )  # fmt: skip
    return out


def activate_back(grad: Tensor, slope: Tensor) -> Tensor:
    """Multiply the gradient ``grad`` (M, H) of what `activate` gave by the derivative; its sums over tiles (G, H)."""
    rows, width = slope.shape
    count = triton.cdiv(rows, TILE)
    sums = slope.new_empty(count, width, dtype=torch.float32)
    launch(_activate_back, (count,), grad, slope, sums, rows, WIDTH=width, TILE=TILE, STEP=STEP, num_warps=WARPS)
    return sums


def embed(
    x: Tensor, weight: Tensor, table: Tensor, y: Tensor, drop: Drop, *, statistics: bool
) -> tuple[Tensor, Tensor]:
    """Write dropout(x weight' + table) into ``y`` (N P, D); mean and variance of its channels, if they are asked for.

    ``x`` (N P, 2), ``weight`` (D, 2), ``table`` (P, D), float32: windows N, places P of a window.
    """
    places, width = table.shape
    windows = len(y) // places
    count = places * triton.cdiv(windows, WINDOWS)
    means, spreads = (table.new_empty(count if statistics else 0, width) for _ in range(2))
    launch(
        _embed, (count,),
        x, weight, table, y, means, spreads, drop.seed_or(table), windows, places, drop.keep_below, drop.gain,
        WIDTH=width, TILE=WINDOWS, STEP=STEP // 2, DROPOUT=drop.seed is not None, STATISTICS=statistics,
        num_warps=WARPS,
    )  # fmt: skip
    if not statistics:
        return means.view(-1), spreads.view(-1)
    return _statistics(means, spreads, len(y), windows, places, WINDOWS)


def embed_back(
    grad: Tensor, y: Tensor, constant: Tensor, slope: Tensor, x: Tensor, places: int, drop: Drop
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of `embed` by both columns of the weight and by the table, for each tile and place: (G, P, D)."""
    rows, width = y.shape
    windows = rows // places
    tiles = triton.cdiv(windows, WINDOWS)
    to_across, to_down, to_table = (constant.new_empty(tiles, places, width) for _ in range(3))
    launch(
        _embed_back, (tiles * places,),
        grad, y, constant, slope, x, to_across, to_down, to_table, drop.seed_or(constant), windows, places,
        drop.keep_below, drop.gain,
        WIDTH=width, TILE=WINDOWS, STEP=STEP // 2, DROPOUT=drop.seed is not None, num_warps=WARPS,
    )  # fmt: skip
    return to_across, to_down, to_table


def pool(x: Tensor, scale: Tensor, shift: Tensor, regions: list[int]) -> Tensor:
    """Largest of scale x + shift over the nodes of each region: (G V, D) to (G R, D), groups G of V nodes."""
    nodes, width = sum(regions), x.shape[1]
    groups = len(x) // nodes
    out = x.new_empty(groups * len(regions), width)
    for region, size in enumerate(regions):
        launch(
            _pool, (triton.cdiv(groups, STEP),),
            x, scale, shift, out, groups, nodes, len(regions), sum(regions[:region]), region,
            SIZE=size, WIDTH=width, STEP=STEP, num_warps=WARPS,
        )  # fmt: skip
    return out


def pool_back(
    grad: Tensor, x: Tensor, scale: Tensor, shift: Tensor, regions: list[int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of `pool` by x (G V, D), and by scale and shift for each tile; nodes equally large share."""
    nodes, width = sum(regions), x.shape[1]
    groups = len(x) // nodes
    tiles = triton.cdiv(groups, GROUPS)
    to_x = torch.empty_like(x)
    to_scale, to_shift = (scale.new_empty(len(regions), tiles, width) for _ in range(2))
    for region, size in enumerate(regions):
        launch(
            _pool_back, (tiles,),
            grad, x, scale, shift, to_x, to_scale[region], to_shift[region], groups, nodes, len(regions),
            sum(regions[:region]), region, SIZE=size, WIDTH=width, TILE=GROUPS, STEP=STEP // 2, num_warps=WARPS,
        )  # fmt: skip
    return to_x, to_scale, to_shift
