"""Merge and plan: list, decide, copy."""
