"""The names of RecordIO files, which a trainer would read instead of the folders."""

RECORDIO_NAMES = frozenset({"train.rec", "train.idx", "train.lst"})
