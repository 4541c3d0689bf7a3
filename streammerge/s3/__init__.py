"""Everything about AWS: connections, signatures, listing, copying, error codes."""
