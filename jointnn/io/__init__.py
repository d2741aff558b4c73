"""Files: whole or none, tensors with headers, YAML, and where files lie."""
