"""The class list and the manifest, for training."""
