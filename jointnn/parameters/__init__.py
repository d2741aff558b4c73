"""Parameters: read, inherited, validated, resolved. No torch here."""
