"""What a person calls: python -m jointnn TOOL."""
