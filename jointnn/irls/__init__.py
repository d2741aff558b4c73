"""The paper: distances, scales, weights, penalties, the proximal step, rounds and groups, as pure functions of tensors."""
