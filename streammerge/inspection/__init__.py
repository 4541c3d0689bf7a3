"""Inspect: what prefixes hold, and what a merge of them would keep."""
