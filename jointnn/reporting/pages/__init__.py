"""Pages of docs/results/, from the files of results."""
