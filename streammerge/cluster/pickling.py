"""Converts values to bytes and back, without what both sides have anyway."""

import io
import pickle
from collections.abc import Sequence
from typing import Any


def pack(value: Any, known: Sequence[Any] = ()) -> bytes:
    """A value as bytes. known: what the other side has too, in the same order; it is not sent."""
    written = io.BytesIO()
    _Pickler(written, known).dump(value)
    return written.getvalue()


def unpack(data: bytes, known: Sequence[Any] = ()) -> Any:
    """The value that was packed, with this side's own of what is known."""
    return _Unpickler(data, known).load()


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, known: Sequence[Any]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._known = {id(value): number for number, value in enumerate(known) if value is not None}

    def persistent_id(self, obj: Any) -> int | None:
        return self._known.get(id(obj))


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, known: Sequence[Any]) -> None:
        super().__init__(io.BytesIO(data))
        self._known = known

    def persistent_load(self, pid: Any) -> Any:
        return self._known[pid]
