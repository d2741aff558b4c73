"""The tools that a person calls: python -m jointnn TOOL."""
