"""One run over many processes: who has which networks, what they exchange, how they are started."""
