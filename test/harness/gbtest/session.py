"""A session that stays open: transactions, and how long a statement took, without a client program beside each."""

import ctypes
import functools
import time

from .process import BedError

_LOCK_WAIT, _DEADLOCK = 1205, 1213
_CONNECT_TIMEOUT, _CHARSET, _READ_TIMEOUT, _WRITE_TIMEOUT = 0, 7, 11, 12  # enum mysql_option


class SqlError(BedError):
    """The server, or the connection to it, said no; `number` is MariaDB's."""

    def __init__(self, number, text):
        super().__init__(f"error {number}: {text}")
        self.number = number


@functools.cache
def _library():
    """The connector that the stock client is made of; a call lets other threads run."""
    library = ctypes.CDLL("libmariadb.so.3")
    handle, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint
    for name, result, *arguments in (
            ("mysql_init", handle, handle), ("mysql_options", ctypes.c_int, handle, ctypes.c_int, handle),
            ("mysql_real_connect", handle, handle, text, text, text, text, number, text, ctypes.c_ulong),
            ("mysql_real_query", ctypes.c_int, handle, text, ctypes.c_ulong), ("mysql_store_result", handle, handle),
            ("mysql_field_count", number, handle), ("mysql_num_fields", number, handle),
            ("mysql_fetch_row", ctypes.POINTER(ctypes.c_void_p), handle),
            ("mysql_fetch_lengths", ctypes.POINTER(ctypes.c_ulong), handle), ("mysql_free_result", None, handle),
            ("mysql_errno", number, handle), ("mysql_error", text, handle), ("mysql_close", None, handle)):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class Session:
    """Of one thread at a time. `timeout`: so many seconds without a byte from the server are an error."""

    def __init__(self, node, timeout=60):
        self._sql = _library()
        self._handle = self._sql.mysql_init(None)
        for option in (_CONNECT_TIMEOUT, _READ_TIMEOUT, _WRITE_TIMEOUT):
            self._sql.mysql_options(self._handle, option, ctypes.byref(ctypes.c_uint(timeout)))
        self._sql.mysql_options(self._handle, _CHARSET, b"utf8mb4")
        if not self._sql.mysql_real_connect(self._handle, None, b"root", node.cluster.password.encode(), None, 0,
                                            str(node.socket).encode(), 0):
            error = self._error()
            self.close()
            raise error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        handle, self._handle = self._handle, None
        if handle:
            self._sql.mysql_close(handle)

    def ask(self, statement):
        """Rows of text columns (NULL is None); none for what has no result. Bytes are for another character set than UTF-8."""
        text = statement if isinstance(statement, bytes) else statement.encode()
        if self._sql.mysql_real_query(self._handle, text, len(text)):
            raise self._error()
        result = self._sql.mysql_store_result(self._handle)
        if not result:
            if self._sql.mysql_field_count(self._handle):
                raise self._error()
            return []
        try:
            columns = range(self._sql.mysql_num_fields(result))
            rows = []
            while row := self._sql.mysql_fetch_row(result):
                lengths = self._sql.mysql_fetch_lengths(result)
                rows.append([None if row[c] is None else ctypes.string_at(row[c], lengths[c]).decode(errors="surrogateescape")
                             for c in columns])
            return rows
        finally:
            self._sql.mysql_free_result(result)

    def insist(self, statement, tries=50):
        """The same, once more for as long as Galera rolls it back in favour of what another node wrote."""
        for _ in range(tries - 1):
            try:
                return self.ask(statement)
            except SqlError as error:
                if error.number not in (_LOCK_WAIT, _DEADLOCK):
                    raise
            time.sleep(0.1)
        return self.ask(statement)

    def _error(self):
        return SqlError(self._sql.mysql_errno(self._handle), self._sql.mysql_error(self._handle).decode(errors="replace"))
