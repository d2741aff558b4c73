"""Training n networks under couplings: the loop, its state, updates, gradients, checkpoints."""
