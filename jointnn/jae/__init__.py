"""Joint auto-encoders (Epstein, Meir, Michaeli 2018): networks of several branches, described by data."""
