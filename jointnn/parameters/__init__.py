"""params.yaml: read, inherited, validated, resolved. No torch here."""
