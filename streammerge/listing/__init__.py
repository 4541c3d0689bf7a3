"""Prefixes in, complete identities out: pages, key ranges, the merge join."""
