"""From a source to batches: Parquet files, arrays of one size, splits of a seed, augmentations."""
