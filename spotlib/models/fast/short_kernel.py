"""Attention over many short sequences as kernels for a CPU; imported only where numba is.

The sequences are the innermost axis. `LANES` of them at a time go through a head from queries, keys and values to the
result, or from the gradient of the result to those three, while everything in between stays in the nearest cache:
every number there is a vector of so many sequences, and every product of tokens a multiplication of two vectors.

A compiler makes vector code of a loop only where it can prove that arrays do not overlap, and keeps no block of sums
in registers over an inner loop. So vectors are values here: a sum is a variable, and only `load` and `store` are
memory. Machines with shorter registers take several for one vector.

All compiled functions stay in this one file: numba's cache notices no change of another one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic, models, register_model

LANES = 16
_LINE = 64 // 4  # floats of a cache line

_jit = njit(cache=True, nogil=True, error_model="numpy")
_inner = njit(error_model="numpy")
_intrinsic: Any = intrinsic  # not called as it is declared

_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_INTS = ir.VectorType(ir.IntType(32), LANES)


class _VectorType(types.Type):
    def __init__(self) -> None:
        super().__init__(name=f"float32x{LANES}")


_vector = _VectorType()


@register_model(_VectorType)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]  # numba has no types
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _FLOATS)


def _place(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    """Address of the vector that begins at an element of a 1-D array."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), _FLOATS.as_pointer())


@_intrinsic
def load(typing: Any, array: Any, index: Any) -> Any:
    """The vector at ``array[index : index + LANES]``; 1-D, contiguous, float32, not checked."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(_place(context, builder, signature.args[0], *args), align=4)

    return _vector(array, types.intp), code


@_intrinsic
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """``array[index : index + LANES] = value``; not checked either."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array, index, value = args
        builder.store(value, _place(context, builder, signature.args[0], array, index), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, _vector), code


@_intrinsic
def fetch(typing: Any, array: Any, index: Any) -> Any:
    """Begin to bring ``array[index]`` into the second cache; the index may lie beyond the array."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        byte, whole = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, whole, whole, whole])
        function = get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        at = builder.bitcast(_place(context, builder, signature.args[0], *args), byte)
        builder.call(function, [at, *(ir.Constant(whole, number) for number in (0, 2, 1))])  # to read, level 2, data
        return context.get_dummy_value()

    return types.void(array, types.intp), code


@_intrinsic
def spread(typing: Any, value: Any) -> Any:
    """A vector of equal values."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        first = builder.insert_element(ir.Constant(_FLOATS, ir.Undefined), args[0], ir.Constant(ir.IntType(32), 0))
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(first, first, lanes)

    return _vector(types.float32), code


def _of_vectors(count: int, make: Callable[..., Any]) -> Any:
    """The intrinsic that ``make(builder, ...)`` of so many vectors is."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return make(builder, *args)

    result = _vector(*(_vector,) * count)
    if count == 2:
        return _intrinsic(lambda typing, a, b: (result, code))
    if count == 1:
        return _intrinsic(lambda typing, a: (result, code))
    return _intrinsic(lambda typing, a, b, c: (result, code))


def _fused(builder: Any, a: Any, b: Any, c: Any) -> Any:
    kind = ir.FunctionType(_FLOATS, [_FLOATS] * 3)
    return builder.call(get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{LANES}f32"), [a, b, c])


def _larger(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def _floor_at(builder: Any, a: Any, low: Any) -> Any:
    return builder.select(builder.fcmp_ordered("<", a, low), low, a)


def _zero_under(builder: Any, a: Any, low: Any, value: Any) -> Any:
    zero = ir.Constant(_FLOATS, [0.0] * LANES)
    return builder.select(builder.fcmp_ordered("<", a, low), zero, value)


def _scaled(builder: Any, value: Any, shifted: Any) -> Any:
    bits = builder.bitcast(shifted, _INTS)  # the low bits of a float about 1.5 x 2^23 count ones
    bias, place = (ir.Constant(_INTS, [number] * LANES) for number in (127, 23))
    return builder.fmul(value, builder.bitcast(builder.shl(builder.add(bits, bias), place), _FLOATS))


add = _of_vectors(2, lambda builder, a, b: builder.fadd(a, b))
sub = _of_vectors(2, lambda builder, a, b: builder.fsub(a, b))
mul = _of_vectors(2, lambda builder, a, b: builder.fmul(a, b))
div = _of_vectors(2, lambda builder, a, b: builder.fdiv(a, b))
#: a b + c, in one operation where the machine has it
fma = _of_vectors(3, _fused)
#: the larger of two; the second where one is not a number
larger = _of_vectors(2, _larger)
_floored = _of_vectors(2, _floor_at)
_cleared = _of_vectors(3, _zero_under)
_times_power = _of_vectors(2, _scaled)


@_inner
def exp(x):
    """e^x for x <= 0, relative error below 2e-7; 0 below -87.3 (the smallest normal number), NaN stays.

    x = n log 2 + r with |r| <= log(2) / 2; e^r by a polynomial fitted to least relative error, 2^n by its bits.
    """
    low, magic = spread(-87.3), spread(12582912.0)  # 1.5 x 2^23: adding it rounds to a whole number
    y = _floored(x, low)
    shifted = fma(y, spread(1.4426950408889634), magic)
    n = sub(shifted, magic)
    r = fma(n, spread(-0.693145751953125), y)  # log 2 in two parts, the first times n exact
    r = fma(n, spread(-1.42860682030941723e-06), r)
    p = fma(spread(0.0013814467238262296), r, spread(0.008368780836462975))
    p = fma(p, r, spread(0.04166839271783829))
    p = fma(p, r, spread(0.1666651964187622))
    p = fma(p, r, spread(0.4999999403953552))
    p = add(fma(p, mul(r, r), r), spread(1.0))
    return _cleared(x, low, _times_power(p, shifted))


@_inner
def _take(a, base, steps, tile, length, width, wide, count, factor, ahead):
    """Fill ``tile``, (tokens, wide channels, LANES), with ``factor`` times a head of ``count`` sequences of ``a``.

    ``steps``: how far apart channels, tokens and sequences of ``a`` are. Missing sequences become zero.
    ``ahead``: how far away the tile lies that will be asked for next.
    """
    by_channel, by_token, by_lane = steps
    if by_lane == 1 and count == LANES:
        times = spread(factor)
        for i in range(length):
            for c in range(width):
                value = load(a, base + c * by_channel + i * by_token)
                store(tile, (i * wide + c) * LANES, mul(value, times))
                fetch(a, base + c * by_channel + i * by_token + ahead)
        return
    for i in range(length):
        row = tile[i * wide * LANES : (i + 1) * wide * LANES]
        row[:] = 0
        for lane in range(count):
            at = base + i * by_token + lane * by_lane
            for c in range(width):
                row[c * LANES + lane] = factor * a[at + c * by_channel]


@_inner
def _take_all(qkv, base, third, steps, tiles, length, width, wide, count, scale, ahead):
    """Queries, scaled, keys and values of a head, ``third`` apart, into their tiles."""
    q, k, v = tiles
    _take(qkv, base, steps, q, length, width, wide, count, scale, ahead)
    _take(qkv, base + third, steps, k, length, width, wide, count, np.float32(1), ahead)
    _take(qkv, base + 2 * third, steps, v, length, width, wide, count, np.float32(1), ahead)


@_inner
def _give(tile, a, base, steps, length, width, wide, count, factor):
    """The way back of `_take`, for sequences that lie side by side."""
    by_channel, by_token, _ = steps
    times = spread(factor)
    for c in range(width):
        for i in range(length):
            at, start = base + c * by_channel + i * by_token, (i * wide + c) * LANES
            if count == LANES:
                store(a, at, mul(load(tile, start), times))
            else:
                for lane in range(count):
                    a[at + lane] = factor * tile[start + lane]


@_inner
def _dots(a, b, out, side, wide):
    """out[i, j] = sum over channels of a[i] b[j]; (side, wide) twice, (side, side), side even."""
    row = wide * LANES
    for i in range(0, side, 2):
        for j in range(0, side - 2, 4):
            s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = spread(0.0)
            for c in range(0, row, LANES):
                a0, a1 = load(a, i * row + c), load(a, i * row + row + c)
                at = j * row + c
                b0, b1, b2, b3 = load(b, at), load(b, at + row), load(b, at + 2 * row), load(b, at + 3 * row)
                s00, s01, s02, s03 = fma(a0, b0, s00), fma(a0, b1, s01), fma(a0, b2, s02), fma(a0, b3, s03)
                s10, s11, s12, s13 = fma(a1, b0, s10), fma(a1, b1, s11), fma(a1, b2, s12), fma(a1, b3, s13)
            to = (i * side + j) * LANES
            store(out, to, s00), store(out, to + LANES, s01)
            store(out, to + 2 * LANES, s02), store(out, to + 3 * LANES, s03)
            to += side * LANES
            store(out, to, s10), store(out, to + LANES, s11)
            store(out, to + 2 * LANES, s12), store(out, to + 3 * LANES, s13)
        if side % 4:
            j = side - 2
            s00 = s01 = s10 = s11 = spread(0.0)
            for c in range(0, row, LANES):
                a0, a1 = load(a, i * row + c), load(a, i * row + row + c)
                b0, b1 = load(b, j * row + c), load(b, j * row + row + c)
                s00, s01, s10, s11 = fma(a0, b0, s00), fma(a0, b1, s01), fma(a1, b0, s10), fma(a1, b1, s11)
            to = (i * side + j) * LANES
            store(out, to, s00), store(out, to + LANES, s01)
            to += side * LANES
            store(out, to, s10), store(out, to + LANES, s11)


@_inner
def _mix(w, by_row, by_sum, b, out, side, length, wide):
    """out[i] = sum over tokens j of w[i, j] b[j]; ``by_row`` and ``by_sum``: from one i and j of w to the next."""
    row = wide * LANES
    for i in range(0, side, 2):
        for c in range(0, row, 4 * LANES):
            s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = spread(0.0)
            for j in range(length):
                at = i * by_row + j * by_sum
                w0, w1 = load(w, at), load(w, at + by_row)
                at = j * row + c
                b0, b1, b2, b3 = load(b, at), load(b, at + LANES), load(b, at + 2 * LANES), load(b, at + 3 * LANES)
                s00, s01, s02, s03 = fma(w0, b0, s00), fma(w0, b1, s01), fma(w0, b2, s02), fma(w0, b3, s03)
                s10, s11, s12, s13 = fma(w1, b0, s10), fma(w1, b1, s11), fma(w1, b2, s12), fma(w1, b3, s13)
            to = i * row + c
            store(out, to, s00), store(out, to + LANES, s01)
            store(out, to + 2 * LANES, s02), store(out, to + 3 * LANES, s03)
            to += row
            store(out, to, s10), store(out, to + LANES, s11)
            store(out, to + 2 * LANES, s12), store(out, to + 3 * LANES, s13)


@_inner
def _softmax(w, mask, length, side):
    """Scores to weights, in place; ``mask`` (length * length,) is empty or 0 where a query may not see a key."""
    for i in range(length):
        row = w[i * side * LANES : i * side * LANES + length * LANES]
        if len(mask) > 0:
            for j in range(length):
                if mask[i * length + j] == 0:
                    store(row, j * LANES, spread(-np.inf))
        most = load(row, 0)
        for j in range(LANES, len(row), LANES):
            most = larger(load(row, j), most)
        total = spread(0.0)
        for j in range(0, len(row), LANES):
            value = exp(sub(load(row, j), most))
            total = add(total, value)
            store(row, j, value)
        share = div(spread(1.0), total)
        for j in range(0, len(row), LANES):
            store(row, j, mul(load(row, j), share))


@_inner
def _through_softmax(w, g, length, side):
    """``g`` from the gradient of the weights to that of the scores, in place: w (g - sum over keys of w g)."""
    for i in range(0, length * side * LANES, side * LANES):
        shared = spread(0.0)
        for j in range(i, i + length * LANES, LANES):
            shared = fma(load(w, j), load(g, j), shared)
        for j in range(i, i + length * LANES, LANES):
            store(g, j, mul(load(w, j), sub(load(g, j), shared)))


@_inner
def _factors(keep, base, sequences, gain, factors, length, side, count):
    """What dropout multiplies the weights of a block with, (side, side, LANES): gain or 0."""
    for i in range(length):
        for j in range(length):
            at, to = base + (i * length + j) * sequences, (i * side + j) * LANES
            for lane in range(count):
                factors[to + lane] = gain * keep[at + lane]


@_inner
def _parts(plan, tiles, squares):
    """What both directions need of ``plan``, and their scratch memory: zeros that begin with a line of the cache."""
    _, width, length, inner, _, _, _ = plan
    side, wide = (length + 1) // 2 * 2, (width + 3) // 4 * 4
    tile, square = side * wide * LANES, side * side * LANES
    room = np.zeros(tiles * tile + squares * square + _LINE, np.float32)
    room = room[(-(room.ctypes.data // 4)) % _LINE :]
    first, second = room[: tiles * tile], room[tiles * tile :][: squares * square]
    blocks = (inner + LANES - 1) // LANES
    return side, wide, blocks, first.reshape(tiles, tile), second.reshape(squares, square)


@_jit
def forward(qkv, out, weights, mask, keep, scale, gain, plan, first, last):
    """Attention of the blocks ``first`` to ``last``; everything flat, see `spotlib.models.fast.short_attention`.

    ``weights``: empty, or room for the softmax of every block and head. ``mask``, ``keep``: empty where there is none.
    """
    heads, width, length, inner, token_stride, group_stride, tokens = plan
    side, wide, blocks, tiles, squares = _parts(plan, 4, 3)
    q, k, v, mixed = tiles[0], tiles[1], tiles[2], tiles[3]
    factors, used, own = squares[0], squares[1], squares[2]
    square, sequences, third = len(own), tokens // length, heads * width * tokens
    steps, one = (tokens, token_stride, 1), np.float32(1)
    for block in range(first, last):
        group, at = block // blocks, block % blocks * LANES
        count = min(LANES, inner - at)
        for head in range(heads):
            base = head * width * tokens + group * group_stride + at
            ahead = width * tokens if head < heads - 1 else LANES - head * width * tokens
            _take_all(qkv, base, third, steps, (q, k, v), length, width, wide, count, scale, ahead)
            w = weights[(block * heads + head) * square :][:square] if len(weights) > 0 else own
            _dots(q, k, w, side, wide)
            _softmax(w, mask, length, side)
            kept = w
            if len(keep) > 0:
                start = head * length * length * sequences + group * inner + at
                _factors(keep, start, sequences, gain, factors, length, side, count)
                kept = used
                for j in range(0, square, LANES):
                    store(kept, j, mul(load(w, j), load(factors, j)))
            _mix(kept, side * LANES, LANES, v, mixed, side, length, wide)
            _give(mixed, out, base, steps, length, width, wide, count, one)


@_jit
def backward(qkv, grad, grad_steps, to_qkv, weights, keep, scale, gain, plan, first, last):
    """Gradient of `forward` by ``grad``, whose channels and tokens are ``grad_steps`` apart."""
    heads, width, length, inner, token_stride, group_stride, tokens = plan
    side, wide, blocks, tiles, squares = _parts(plan, 5, 3)
    q, k, v, g, result = tiles[0], tiles[1], tiles[2], tiles[3], tiles[4]
    factors, used, scores = squares[0], squares[1], squares[2]
    square, sequences, third = len(scores), tokens // length, heads * width * tokens
    steps, one = (tokens, token_stride, 1), np.float32(1)
    by_channel, by_token = grad_steps
    from_grad = (by_channel, token_stride * by_token, by_token)
    for block in range(first, last):
        group, at = block // blocks, block % blocks * LANES
        count = min(LANES, inner - at)
        for head in range(heads):
            place = group * group_stride + at
            base = head * width * tokens + place
            ahead = width * tokens if head < heads - 1 else LANES - head * width * tokens
            _take_all(qkv, base, third, steps, (q, k, v), length, width, wide, count, scale, ahead)
            from_here = head * width * by_channel + place * by_token
            _take(grad, from_here, from_grad, g, length, width, wide, count, one, ahead)
            w = weights[(block * heads + head) * square :][:square]
            _dots(g, v, scores, side, wide)
            kept = w
            if len(keep) > 0:
                start = head * length * length * sequences + group * inner + at
                _factors(keep, start, sequences, gain, factors, length, side, count)
                kept = used
                for j in range(0, square, LANES):
                    store(kept, j, mul(load(w, j), load(factors, j)))
                    store(scores, j, mul(load(scores, j), load(factors, j)))
            _through_softmax(w, scores, length, side)
            _mix(scores, side * LANES, LANES, k, result, side, length, wide)
            _give(result, to_qkv, base, steps, length, width, wide, count, scale)
            _mix(scores, LANES, side * LANES, q, result, side, length, wide)
            _give(result, to_qkv, base + third, steps, length, width, wide, count, one)
            _mix(kept, LANES, side * LANES, g, result, side, length, wide)
            _give(result, to_qkv, base + 2 * third, steps, length, width, wide, count, one)
