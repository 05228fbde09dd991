"""What of a store of ours is bytes of columns, and what is there to find them: docs/repository-format-data.md, read anew."""

import pathlib

_TRAILER = 60
_COLUMN = 1
_DELTA = 2


def _varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def column_bytes(path):
    """The stored bytes of the columns of one pack."""
    with open(path, "rb") as f:
        f.seek(-_TRAILER, 2)
        size = f.tell()
        trailer = f.read()
        length, count = int.from_bytes(trailer[:4], "little"), int.from_bytes(trailer[4:8], "little")
        f.seek(size - length)
        footer = f.read(length)
    total = at = 0
    for _ in range(count):
        stored, at = _varint(footer, at)
        _, at = _varint(footer, at)
        codec, kind = footer[at] & 15, footer[at] >> 4
        at += 1 + 4 + 32
        if codec == _DELTA:
            for _ in range(3):
                _, at = _varint(footer, at)
        if kind == _COLUMN:
            total += stored
    return total


def metadata_share(store, beside=None):
    """Of what `store` has and `beside`, an earlier state of it, has not."""
    store = pathlib.Path(store)
    known = {} if beside is None else {p.relative_to(beside): p.stat().st_size for p in pathlib.Path(beside).rglob("*") if p.is_file()}
    added = columns = 0
    for path in (p for p in store.rglob("*") if p.is_file()):
        name = path.relative_to(store)
        added += path.stat().st_size - known.get(name, 0)
        if path.suffix == ".pack" and name not in known:
            columns += column_bytes(path)
    return (added - columns) / added
