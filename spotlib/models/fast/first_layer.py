"""The first sub-layer at evaluation, where tokens are still linear in two motion components.

A token is A m + c with the motion m (2,) and a constant c (D,) of its frame and region: bias, norm and positions.
Scores q_i . k_j are then bilinear in m_i and m_j with small matrices known beforehand, and the attention's result is
a combination, per head, of the attended motion (2) and of how much attention each region got (R).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from spotlib.models.fast.folding import running_affine
from spotlib.models.spotformer import SpotFormer


def _tokens(model: SpotFormer) -> tuple[Tensor, Tensor]:
    """A (D, 2) and the constants (T, R, D) of embedding, norm and positions; float64."""
    c = model.config
    scale, shift = running_affine(model.embed_norm)
    weight = model.embed.weight.double() * scale[:, None]
    table = (model.embed.bias.double() * scale + shift).expand(c.frames, len(c.regions), -1)
    if c.temporal_position:
        table = table + model.temporal_position[: c.frames, None].double()
    if c.spatial_position:
        table = table + model.spatial_position.double()
    return weight, table


def _of_region(model: SpotFormer) -> Tensor:
    """(R, V) float32, 1 where a node belongs to a region."""
    return torch.nn.functional.one_hot(model.region, len(model.config.regions)).t().float()


def embedding_step(model: SpotFormer) -> Callable[[Tensor, Any], tuple[Tensor, Any]]:
    """Motion (2, T, V, n) to tokens (T V n, D)."""
    weight, table = _tokens(model)
    matrix = torch.cat([weight.t().expand(len(table), -1, -1), table], 1).float()  # (T, 2 + R, D)
    region = _of_region(model)

    def step(motion: Tensor, shape: Any) -> tuple[Tensor, Any]:
        t, v, n = shape
        features = motion.new_empty(t, 2 + len(region), v, n)
        features[:, :2] = motion.transpose(0, 1)
        features[:, 2:] = region[:, :, None]
        return torch.bmm(features.view(t, -1, v * n).transpose(1, 2), matrix).flatten(0, 1), shape

    return step


def first_attention_step(model: SpotFormer) -> tuple[Callable[[Tensor, Any], tuple[Tensor, Any]], Tensor]:
    """Motion (2, T, V, n) to x + out(attention over nodes(norm(x))) without the constant that is returned beside."""
    c, attention, mask = model.config, model.scale1.space.attention, model.scale1.mask
    heads, regions, t = attention.heads, len(c.regions), c.frames
    weight, table = _tokens(model)
    scale, shift = running_affine(attention.norm)
    qkv = attention.qkv.weight.double()
    linear = (qkv @ (scale[:, None] * weight)).view(3, heads, -1, 2)  # (3, H, d, 2)
    constant = ((table * scale + shift) @ qkv.t()).view(t, regions, 3, heads, -1).permute(2, 3, 0, 1, 4)
    root = linear.shape[2] ** -0.5
    (q, k, v), (q0, k0, v0) = linear, constant  # (H, d, 2) and (H, T, R, d) each
    # score of query i and key j = m_i both m_j + by_key m_i + by_query m_j + neither, times 1 / sqrt(d)
    both = root * torch.einsum("hda,hdb->hab", q, k)  # (H, 2, 2)
    by_query = root * torch.einsum("htrd,hdb->bhtr", q0, k)[..., model.region]  # (2, H, T, V)
    by_key = root * torch.einsum("hda,htrd->ahtr", q, k0)  # (2, H, T, R)
    neither = root * torch.einsum("htrd,htsd->htrs", q0, k0)[:, :, model.region]  # (H, T, V, R)
    both, by_query, by_key, neither = (z.float() for z in (both, by_query, by_key, neither))
    # features of a token: per head attended motion and attention to each region; its own motion and region
    out = attention.out.weight.double().view(len(scale), heads, -1)  # (D, H, d)
    of_motion = torch.einsum("ohd,hda->hao", out, v).expand(t, -1, -1, -1)  # (T, H, 2, D)
    of_region = torch.einsum("ohd,htrd->thro", out, v0)  # (T, H, R, D)
    own = torch.cat([weight.t().expand(t, -1, -1), table], 1)  # (T, 2 + R, D)
    matrix = torch.cat([torch.cat([of_motion, of_region], 2).flatten(1, 2), own], 1).float()
    region, width = _of_region(model), heads * (2 + regions)

    def step(motion: Tensor, shape: Any) -> tuple[Tensor, Any]:
        _, nodes, n = shape
        mx, my = motion  # (T, V, n)
        side = [
            torch.addcmul(by_query[b][..., None], both[:, 0, b, None, None, None], mx).addcmul_(
                both[:, 1, b, None, None, None], my
            )
            for b in range(2)
        ]  # (H, T, V, n) each: what the key's motion is multiplied with
        base = torch.addcmul(neither[..., None], by_key[0][:, :, None, :, None], mx[:, :, None])
        base.addcmul_(by_key[1][:, :, None, :, None], my[:, :, None])  # (H, T, V, R, n)
        scores = base[:, :, :, model.region]  # (H, T, V, V, n)
        for which, component in zip(side, motion, strict=True):
            scores.addcmul_(which[:, :, :, None], component[:, None])
        if mask is not None:
            scores.masked_fill_(~mask[:, :, None], float("-inf"))
        scores.sub_(scores.amax(3, keepdim=True)).exp_()
        features = motion.new_empty(t, width + 2 + regions, nodes, n)
        per_head = features[:, :width].view(t, heads, 2 + regions, nodes, n).transpose(0, 1)  # (H, T, 2 + R, V, n)
        for r, part in enumerate(scores.split(c.regions, 3)):
            per_head[:, :, 2 + r] = part.sum(3)
        total = per_head[:, :, 2:].sum(2)  # (H, T, V, n)
        for a, component in enumerate(motion):
            attended = scores[:, :, :, 0] * component[:, None, 0]
            for j in range(1, nodes):
                attended.addcmul_(scores[:, :, :, j], component[:, None, j])
            per_head[:, :, a] = attended
        per_head /= total[:, :, None]
        features[:, width : width + 2] = motion.transpose(0, 1)
        features[:, width + 2 :] = region[:, :, None]
        return torch.bmm(features.view(t, -1, nodes * n).transpose(1, 2), matrix).flatten(0, 1), shape

    return step, attention.out.bias.double()
