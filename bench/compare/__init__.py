"""The side-by-side comparison: runs every server through every scenario, and writes what it saw."""
