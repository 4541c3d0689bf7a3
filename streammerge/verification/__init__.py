"""Verify: compare the destination with what a merge would make of the sources."""
