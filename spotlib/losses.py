"""The loss of a batch of windows (METHOD section 4)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from spotlib.intervals import Kind
from spotlib.labels import FrameTargets

EPSILON = 1e-5  # inside the logarithms of the score loss
APEX_BALANCE, EXPRESSION_BALANCE = 0.9, 0.8  # a: weight of positive frames
APEX_WEIGHT, EXPRESSION_WEIGHT = 1.8, 0.1
BASE_TEMPERATURE = 0.07  # of Khosla et al. 2020: the loss is scaled by temperature / base temperature
SUPCON_EPSILON = 1e-6

#: first boundary channel, apex channel and expression channel of each kind (METHOD section 3.6)
CHANNELS = {Kind.MICRO: (0, 6, 8), Kind.MACRO: (3, 7, 9)}


def score_loss(logits: Tensor, target: Tensor, *, balance: float) -> Tensor:
    """Balanced loss of apex or expression scores, weighted with their distance from the target.

    -mean[ a |y - p| log(p + 1e-5) 1(y > 0) + (1 - a) |y + 0.16 - p| log(1 - p + 1e-5) 1(y = 0) ]
    with p = sigmoid(logits). The 0.16 makes this no proper score: where y is surely 0 the optimum is p = 0.16
    (TWIN.md).

    Args:
        logits: (N,).
        target: (N,) y in 0..1.
        balance: a, share of the weight on positive frames.
    """
    p = torch.sigmoid(logits)
    positive = balance * (target - p).abs() * torch.log(p + EPSILON)
    negative = (1 - balance) * (target + 0.16 - p).abs() * torch.log(1 - p + EPSILON)
    return -torch.where(target > 0, positive, negative).mean()


def contrastive_loss(
    embedding: Tensor, classes: Tensor, *, temperature: float = 0.5, normalise: bool = False
) -> Tensor:
    """Supervised contrastive loss (Khosla et al. 2020) of one view per window, over all anchors.

    Args:
        embedding: (N, D), used raw unless ``normalise`` scales every row to length 1 (table T7).
        classes: (N,) int; windows of the same class are each other's positives.
        temperature: of the similarities; the mean is scaled by temperature / 0.07.
    """
    if normalise:
        embedding = F.normalize(embedding, dim=1)
    similarity = embedding @ embedding.t() / temperature  # (N, N)
    similarity = similarity - similarity.amax(1, keepdim=True).detach()
    others = ~torch.eye(len(embedding), dtype=torch.bool, device=embedding.device)
    total = (similarity.exp() * others).sum(1, keepdim=True)  # (N, 1)
    log_share = similarity - torch.log(total + SUPCON_EPSILON)
    positives = (classes[:, None] == classes[None, :]) & others
    mean = (log_share * positives).sum(1) / (positives.sum(1) + SUPCON_EPSILON)  # (N,)
    return -(temperature / BASE_TEMPERATURE) * mean.mean()


def spotting_loss(
    logits: Tensor,
    embedding: Tensor,
    targets: FrameTargets,
    *,
    macro_weight: float,
    contrastive_weight: float = 0.005,
    temperature: float = 0.5,
    normalise: bool = False,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The whole loss of a batch.

    L = 1.8 apex_ME + boundary_ME + 0.1 expr_ME + w (apex_MaE + boundary_MaE + 0.1 expr_MaE) + 0.005 SupCon.

    Args:
        logits: (N, 10), channels of METHOD section 3.6.
        embedding: (N, D).
        targets: tensors (N,) on the same device.
        macro_weight: w (.55 on SAMM-LV, .5 on CAS(ME)^2 and CAS(ME)^3).
        contrastive_weight, temperature, normalise: of the contrastive term; with weight 0 it is not computed.

    Returns:
        The loss and its unweighted terms: apex_micro, expression_micro, boundary_micro, the same for macro,
        and contrastive (absent with weight 0).
    """
    terms: dict[str, Tensor] = {}
    for kind, (boundary, apex, expression) in CHANNELS.items():
        terms[f"apex_{kind}"] = score_loss(logits[:, apex], getattr(targets, f"apex_{kind}"), balance=APEX_BALANCE)
        terms[f"expression_{kind}"] = score_loss(
            logits[:, expression], getattr(targets, f"expression_{kind}"), balance=EXPRESSION_BALANCE
        )
        terms[f"boundary_{kind}"] = F.cross_entropy(
            logits[:, boundary : boundary + 3], getattr(targets, f"boundary_{kind}")
        )
    micro = APEX_WEIGHT * terms["apex_micro"] + terms["boundary_micro"] + EXPRESSION_WEIGHT * terms["expression_micro"]
    macro = terms["apex_macro"] + terms["boundary_macro"] + EXPRESSION_WEIGHT * terms["expression_macro"]
    total = micro + macro_weight * macro
    if contrastive_weight:
        terms["contrastive"] = contrastive_loss(
            embedding, targets.contrastive, temperature=temperature, normalise=normalise
        )
        total = total + contrastive_weight * terms["contrastive"]
    return total, terms
