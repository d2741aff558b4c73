"""The paper in pure functions: distances, scales, weights, penalties, proximal step, rounds, groups."""
