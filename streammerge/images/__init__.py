"""Images themselves: which ones to show, reading them, decoding them, and finding those that are corrupt."""
