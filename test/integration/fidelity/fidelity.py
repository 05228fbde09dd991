"""What the runs of the fidelity suite share: backups and restores by the program, each compared by SQL."""

import concurrent.futures
import json
import os
import shutil
import sys
import time

import corpus
import planted
from gbtest import place, process
from gbtest.galera import Galera
from gbtest.offline import Offline
from photo import SYSTEM, Photo, Session, differences, name, text_of, told

# What a restore cannot bring, each with the words by which it says so.
NOT_RESTORED = {
    ("create", "fid_views", "broken"): "`fid_views`.`broken` refers to something that was not there",
    ("create", "fid_views", "broken_too"): "`fid_views`.`broken_too` refers to something that was not there",
    ("table facts", "fid_views", "broken"): "`fid_views`.`broken`",
    ("table facts", "fid_views", "broken_too"): "`fid_views`.`broken_too`",
    ("view facts", "fid_views", "broken"): "`fid_views`.`broken`",
    ("view facts", "fid_views", "broken_too"): "`fid_views`.`broken_too`",
    ("grants", "`acc_empty`@`localhost`"): "GRANT SELECT ON `fid_later`.* TO `acc_empty`@`localhost`",
    ("grants", "`acc_dropped`@`%`"): "a grant to `acc_dropped`@`%` names something that is not there",
}
# What a backup cannot hold, each with the words by which it says so.
NOT_BACKED_UP = {
    ("rows", "fid_history", "by_transaction"): "table fid_history.by_transaction keeps its history by transaction numbers",
}
# What an export cannot bring, each with the words by which it says so.
NOT_EXPORTED = {
    **NOT_BACKED_UP,
    ("create", "fid_views", "broken"): "the view `fid_views`.`broken` was already broken",
    ("create", "fid_views", "broken_too"): "the view `fid_views`.`broken_too` was already broken",
    ("grants", "`acc_empty`@`localhost`"): "left out: GRANT SELECT ON `fid_later`.* TO `acc_empty`@`localhost`",
}
LEFT_OUT = frozenset(NOT_RESTORED) | frozenset(NOT_BACKED_UP)

# The most that the program has resident, with its four threads: beside what it always needs, so many times the largest row.
ROW_MIB = (corpus.LARGEST >> 20) + 1
BACKUP_MIB = 128 + 4 * ROW_MIB
RESTORE_MIB = 256 + 4 * ROW_MIB
PROOF_MIB = RESTORE_MIB + 64  # a restore, after a backup in the same process


class Failed(process.BedError):
    pass


class Fidelity:
    def __init__(self, folder):
        self.folder = folder
        self.local = Offline(folder / "store")
        self.began = self.last = time.monotonic()
        self.peaks = {}  # MiB
        self._clusters = []
        self._count = 0

    def start(self, *wanted):
        """A cluster for each dictionary of Galera's options, all at once."""
        started = []
        for options in wanted:
            self._count += 1
            started.append(Galera(self.folder / f"galera{self._count}", **options))
            self._clusters.append(started[-1])
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for start in [pool.submit(c.start) for c in started]:
                start.result()
        for cluster in started:
            corpus.install_plugins(cluster)
        return started

    def stop(self):
        for cluster in self._clusters:
            cluster.stop()
        self._clusters = []

    def step(self, what):
        now = time.monotonic()
        print(f"{now - self.began:6.1f} s  {now - self.last:5.1f} s  {what}", flush=True)
        self.last = now

    def back_up(self, backup, cluster, words=(), proof=False):
        """The node that it was read from. With `proof` it is restored into a scratch server, which must find all of it equal."""
        options, through = ["--name", backup], []
        if proof:
            options += ["--verification", "Restore", "--scratch", self.folder]
            # Before 10.11 no server takes rows of the past: that of this machine does.
            if cluster.root.series >= (10, 11):
                options += cluster.root.wrapped(self.folder)
                through = cluster.root.around(self.folder)
        made = self._within("a backup that is restored" if proof else "a backup", PROOF_MIB if proof else BACKUP_MIB,
                            "backup", *options, cluster=cluster, through=through)
        verified = next(c for c in made["status"]["conditions"] if c["type"] == "Verified")
        if verified["status"] != "True" or verified["reason"] != ("Restore" if proof else "Checksum"):
            raise Failed(f"the backup {backup} is not verified: {verified}")
        if any(text not in made["status"].get("message", "") for text in words):
            raise Failed(f"the backup {backup} does not say {words}: {made['status']}")
        return cluster.nodes[cluster.endpoints.index(made["status"]["instances"][0]["node"])]

    def _within(self, what, bound, *arguments, cluster, through=()):
        """A command whose memory has a bound, in MiB."""
        done, peak = self.local.measured(*arguments, cluster=cluster, through=through)
        self.peaks[what] = max(peak >> 20, self.peaks.get(what, 0))
        if peak >> 20 > bound:
            raise Failed(f"{what} took {peak >> 20} MiB; by docs/testing.md it takes {bound} at the most")
        return done

    def restore(self, cluster, *options, backup="all", named=True):
        done = self._within("a restore", RESTORE_MIB, "restore", "--backup", backup, *options, cluster=cluster)
        said = json.dumps(done, ensure_ascii=False)
        said = said.encode().decode("unicode_escape") if "\\u" in said else said
        for key, words in NOT_RESTORED.items():
            if named and words not in said.replace('\\"', '"').replace("\\\\", "\\"):
                raise Failed(f"the restore does not say that it leaves out {' '.join(key)}: {words!r} is not in {said}")

    def load_export(self, cluster, backup="all"):
        """The backup as SQL, by the stock client as it comes."""
        file = self.folder / f"{backup}.sql"
        said = self.local.run("export", "--backup", backup, "--grants", "--output", file).stderr
        for key, words in NOT_EXPORTED.items():
            if words not in said:
                raise Failed(f"the export does not say that it leaves out {' '.join(key)}: {words!r} is not in {said}")
        node = cluster.nodes[0]
        process.run(["sh", "-c", 'exec mariadb "$@" < "$0"', file, f"--defaults-extra-file={cluster.client_config}", f"--socket={node.socket}",
                     "--user=root", "--comments", "--binary-mode"], timeout=600)
        file.unlink()

    def digests(self, backup, cluster):
        """Each table of the cluster has the digest that the backup has of it: the sum of the rows' hashes. How many tables."""
        found = json.loads(self.local.run("diff", "--backup", backup, cluster=cluster, expect=3).stdout)
        broken = [".".join(map(name, key[1:])) for key in NOT_RESTORED if key[0] == "create"]
        different = found["tables"] + [d for d in found["definitions"] if not any(b in d for b in broken)]
        if different:
            raise Failed(f"these differ from the backup {backup}: {different}")
        return found["equalTables"]

    def refused(self, cluster, words, *options, backup):
        """A restore that must not begin, for this reason."""
        said = self.local.run("restore", "--backup", backup, *options, cluster=cluster, expect=1).stderr
        if words not in said:
            raise Failed(f"the restore of {backup} is refused, and does not say {words!r}: {said}")

    def photograph(self, donor):
        """The donor's photo, and what a restore of its backup is to bring."""
        photo = Photo(donor)
        # An event's state is known to the node alone that it was made through.
        through = Photo(donor.cluster.nodes[0])
        expected = {k: through.things[k] if k[0] in ("event facts", "create events") else v for k, v in photo.things.items()}
        self.step(f"photographed: {len(expected)} things")
        return photo, expected

    def same(self, what, expected, node, schemas=None, accounts=True, left_out=LEFT_OUT, seen=lambda things: things):
        """What the node holds, which is as expected but for what is left out; `seen` tells how to look at it."""
        found = Photo(node, schemas, accounts)
        different = differences(expected, seen(found.things))
        surprising = {k: how for k, how in different.items() if k not in left_out}
        unseen = [k for k in left_out if k in expected and k not in different]
        if surprising:
            raise Failed(f"{what}: {len(surprising)} of {len(expected)} things differ\n{told(surprising)}")
        if unseen:
            raise Failed(f"{what}: these were expected to differ, and do not: {unseen}")
        self.step(f"{what}: {len(expected)} things are the same")
        return found

    def wipe(self, cluster):
        """No schema, no account and no server of CREATE SERVER is left."""
        session = Session(cluster.nodes[0])
        schemas, users, servers = session.ask([
            f"SELECT HEX(SCHEMA_NAME) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN ({','.join(map(repr, SYSTEM))})",
            "SELECT HEX(User), HEX(Host), JSON_VALUE(Priv, '$.is_role') FROM mysql.global_priv WHERE User NOT IN "
            "('root', 'sst', 'mariadb.sys', 'mysql', 'PUBLIC')",
            "SELECT HEX(Server_name) FROM mysql.servers"])
        drops = [f"DROP DATABASE {name(text_of(s))}" for s, in schemas]
        for user, host, role in users:
            user, host = text_of(user), text_of(host)
            drops.append(f"DROP ROLE {name(user)}" if role in ("1", "true") else f"DROP USER {name(user)}@{name(host)}")
        drops += [f"DROP SERVER {name(text_of(s))}" for s, in servers]
        drops.append("/*M!101100 REVOKE ALL PRIVILEGES, GRANT OPTION FROM PUBLIC */")
        cluster.sql("SET foreign_key_checks = 0; " + "; ".join(drops), timeout=300)


def main(work):
    """Runs it; the exit code."""
    process.exit_on_signals()
    folder = place.new_folder()
    test = Fidelity(folder)
    try:
        work(test)
        return 0
    except (planted.Unseen, process.BedError) as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    finally:
        test.stop()
        if os.environ.get("KEEP"):
            place.keep_folder(folder)
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
