"""Loads what gb-datagen wrote, quickly: pieces of some megabytes, several at a time, each its own transaction."""

import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from .process import BedError, run

PIECE = 8 << 20  # a transaction that every Galera takes without a pause


class Target:
    """A server, reached by the mariadb client. The password travels in a file that only we can read."""

    def __init__(self, endpoint, user, password, ca_file=None):
        host, _, port = endpoint.rpartition(":")
        self._config = tempfile.NamedTemporaryFile("w", prefix="gb-load-", suffix=".cnf")
        self._config.write(f'[client]\nhost={host}\nport={port}\nuser={user}\npassword="{password}"\nlocal-infile=1\n'
                           "default-character-set=utf8mb4\n" + (f"ssl-ca={ca_file}\n" if ca_file else ""))
        self._config.flush()

    def sql(self, text, timeout=3600):
        return run(["mariadb", f"--defaults-file={self._config.name}", "--batch", "--skip-column-names"], stdin=text,
                   timeout=timeout).stdout

    def load(self, table, data):
        statement = ("SET foreign_key_checks=0, sql_mode='STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO'; "
                     f"LOAD DATA LOCAL INFILE '/dev/stdin' INTO TABLE {table} CHARACTER SET utf8mb4; SHOW WARNINGS LIMIT 3")
        done = subprocess.run(["mariadb", f"--defaults-file={self._config.name}", "--batch", "--skip-column-names",
                               "--execute", statement], input=data, capture_output=True)
        if done.returncode != 0 or done.stdout:  # LOCAL turns every error into a warning
            raise BedError(f"{table}: {(done.stderr + done.stdout).decode(errors='replace').strip()}")


def _pieces(path):
    """The file in blocks that end with a row."""
    with open(path, "rb") as f:
        while block := f.read(PIECE):
            yield block + f.readline()


def _load_files(target, files, threads):
    # Largest first; the queue is short, so that never more than a few pieces are in memory.
    files = sorted(files, key=lambda p: -p.stat().st_size)
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        waiting = set()
        for path in files:
            schema, table = path.stem.split(".", 1)
            for piece in _pieces(path):
                if len(waiting) > threads:
                    done, waiting = concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED)
                    for future in done:
                        future.result()
                waiting.add(pool.submit(target.load, f"`{schema}`.`{table}`", piece))
        for future in waiting:
            future.result()


def load(folder, target, day2=False, threads=4):
    folder = pathlib.Path(folder)
    if day2:
        target.sql((folder / "day2" / "day2.sql").read_text())
        _load_files(target, (folder / "day2").glob("*.tsv"), threads)
        return
    target.sql((folder / "schema.sql").read_text())
    _load_files(target, [p for p in folder.glob("*.tsv") if p.name != "tables.tsv"], threads)
    target.sql((folder / "programs.sql").read_text())


def generate(folder, program, *options):
    """Runs gb-datagen; returns what it said."""
    return run([program, "--out", folder, *options], timeout=600).stdout.strip()


def load_galera(folder, galera, day2=False, threads=4):
    node = galera.node(1)
    load(folder, Target(node.endpoint, "root", galera.password, galera.ca_file), day2, threads)


def main():
    parser = argparse.ArgumentParser(prog="load", description="Load a folder of gb-datagen into a server.")
    parser.add_argument("folder")
    parser.add_argument("--day2", action="store_true", help="the changes of the second day, onto the first")
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--endpoint", default=os.environ.get("GB_TEST_NODES", "").split(",")[0],
                        help="host:port; default: the first of GB_TEST_NODES")
    parser.add_argument("--user", default=os.environ.get("GB_TEST_USER", "root"))
    parser.add_argument("--password-file", default=os.environ.get("GB_TEST_PASSWORD_FILE"))
    parser.add_argument("--ca-file", default=os.environ.get("GB_TEST_CA_FILE"))
    options = parser.parse_args()
    try:
        if not options.endpoint or not options.password_file:
            raise BedError("where to? --endpoint and --password-file, or run inside `bed galera -- …`")
        password = pathlib.Path(options.password_file).read_text().strip()
        started = time.monotonic()
        load(options.folder, Target(options.endpoint, options.user, password, options.ca_file), options.day2, options.threads)
        print(f"load: {options.folder}{' day 2' if options.day2 else ''} into {options.endpoint} in "
              f"{time.monotonic() - started:.1f} s")
        return 0
    except BedError as error:
        print(f"load: {error}", file=sys.stderr)
        return 1
