"""The extensions by which an object counts as an image."""

# What torchvision.datasets.ImageFolder loads (IMG_EXTENSIONS in torchvision/datasets/folder.py).
IMAGE_EXTENSIONS = frozenset({"jpg", "jpeg", "png", "ppm", "bmp", "pgm", "tif", "tiff", "webp"})
