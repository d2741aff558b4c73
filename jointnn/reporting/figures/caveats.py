"""Remarks in figures that contradict a first impression of the weights."""

import numpy as np

from jointnn.irls.groups import upper_half
from jointnn.reporting.figures.context import Context
from jointnn.reporting.figures.differences import paired_differences

EARLY_ALONE = ("l2reg_25", "l2reg_50")
"""Methods that share the first layers and no others."""
MORE = 0.05  # how far weights of late blocks must lie above those of early ones to be seen


def verdict(context: Context) -> str:
    """Return a sentence if the groups of `groups_round` are not told apart; "" if they are.

    It says why, and whether the groups of another round are told apart.
    """
    doubt = context.found[context.groups_round - 1].doubt
    if not doubt:
        return ""
    told = f"Groups are not told apart: {doubt}."
    for number, groups in enumerate(context.found, 1):
        if groups.told_apart:
            return f"{told} In round {number} they are (groups_round: {number} shows them)."
    return told


def said_of_weights(context: Context) -> str:
    """Return a remark on the weights that a reader would not guess; "" where there is none.

    Either they pull nothing, or keeping late blocks pays no more than sharing early ones.
    """
    method = context.label(context.in_rounds)
    if context.pulls_nothing:
        return (
            f"These weights pull nothing: the rounds of {method} were trained without coupling. They say "
            "how far apart its networks are."
        )
    runs = [weights[context.groups_round - 1] for weights in context.weights.values()]
    if not runs or runs[0].shape[0] < 2:
        return ""
    early = float(np.mean([_mean(upper_half(weights[::-1])) for weights in runs]))
    late = float(np.mean([_mean(upper_half(weights)) for weights in runs]))
    rival = _as_good(context) if late - early > MORE else None
    if rival is None:
        return ""
    return (
        f"Late blocks are kept more than early ones ({late:.2f} against {early:.2f} in the mean), and yet "
        f"{context.label(rival)}, which shares early layers alone, is as good as {method}."
    )


def _mean(weights: np.ndarray) -> float:
    return float(weights[~np.eye(len(weights), dtype=bool)].mean())


def _as_good(context: Context) -> str | None:
    """Return the best method that shares early layers alone, if it is as good as the one with weights.

    That is, the latter is not above it by more than the deviation over seeds of their difference.
    """
    table = paired_differences(context)
    rivals = [name for name in EARLY_ALONE if name in table]
    ours = context.in_rounds
    if ours not in table or not rivals:
        return None
    sign = 1.0 if context.drawn.higher_is_better else -1.0
    best = max(rivals, key=lambda name: sign * table[name].mean())
    ahead = sign * (table[ours] - table[best]).dropna()
    spread = float(ahead.std()) if len(ahead) > 1 else 0.0
    return best if len(ahead) and float(ahead.mean()) <= spread else None
