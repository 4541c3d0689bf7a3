"""Pull: download a merged set to a training machine."""
