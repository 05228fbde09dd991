"""What ends a backup or a restore in its middle, and what damages a backup: with everything there is, not with a few tables."""

import os
import signal

from gbtest.offline import printed
from gbtest.process import BedError, run, wait_until
from gbtest.proxy import CALL, FROM, Fault, Proxy, Through

SOON = 100  # seconds


def _phases(local):
    return {i["metadata"]["name"]: i["status"]["phase"] for i in printed(run(local.argv("list", "-o", "json")).stdout)["items"]}


def _interrupted(test, name, cluster, mishap):
    """A backup to which this happens, given the program and the donor, while rows of the largest table pass. Its exit code, and what it said."""
    with Proxy(cluster.nodes[1]) as proxy:
        programs = []
        proxy.arm(Fault(CALL, 30 << 20, FROM, call=lambda: mishap(programs[0], proxy.node)))
        programs.append(test.local.start(test.folder / f"{name}.log", "backup", "--name", name,
                                         cluster=Through(cluster, cluster.nodes[0], proxy)))
        code = programs[0].wait(SOON)
        if not proxy.happened:
            raise BedError(f"the backup {name} ended (exit code {code}) before anything happened: {programs[0].tail()}")
        return code, programs[0].tail().replace(proxy.endpoint, "the donor")


def restore_killed(test, cluster):
    """SIGKILL, while tables are loaded: the next restore has to make everything as if it had never been."""
    ours = test.local.start(test.folder / "restore-killed.log", "restore", "--backup", "all", "--existing", "Replace", "--grants",
                            "--no-safety-backup", cluster=cluster)
    made = "SELECT COUNT(*) > 20 FROM information_schema.TABLES WHERE TABLE_SCHEMA LIKE 'fid%' AND CREATE_TIME >= FROM_UNIXTIME({})"
    began = cluster.sql("SELECT UNIX_TIMESTAMP()")[0][0]
    wait_until("tables to come back", lambda: cluster.sql(made.format(began)) == [["1"]], SOON, ours, interval=0.02)
    ours.kill()


def backups_end(test, cluster):
    """The donor is killed, then the program: neither leaves anything in the way of the next backup, which is whole."""
    code, said = _interrupted(test, "without-donor", cluster, lambda _, donor: donor.kill())
    if code == 1 and "the donor" not in said:
        raise BedError(f"the donor was killed, and the backup does not say so: {said}")
    cluster.nodes[1].start()
    _interrupted(test, "killed", cluster, lambda ours, _: ours.signal(signal.SIGKILL))
    test.back_up("after-all", cluster)
    found = _phases(test.local)
    if (code, found["without-donor"]) not in ((0, "Completed"), (1, "Failed")) or found["killed"] != "Failed":
        raise BedError(f"the donor was killed (exit code {code}), then the program: {found}")
    test.step(f"backups whose donor was killed ({found['without-donor']}), and that were killed ({found['killed']}); the next one is whole")


def flipped_bit(test, backup, cluster):
    """It is found, the pack is named, and nothing of the target is touched."""
    pack = max((test.local.store / "data").rglob("*pack*"), key=lambda p: p.stat().st_size if p.is_file() else 0)
    whole = pack.read_bytes()
    middle = len(whole) // 2
    before = cluster.schemas()
    for data, code in ((whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1:], 3), (whole, 0)):
        os.chmod(pack, 0o600)
        pack.write_bytes(data)
        said = test.local.run("check", "--read-data", expect=code).stdout
        if code and f"damage: {pack.relative_to(test.local.store)}" not in said:
            raise BedError(f"a bit of {pack} is flipped, and the check does not name it: {said}")
        if code:
            test.refused(cluster, f'backup "{backup}" is damaged; nothing was changed on the target', "--existing", "Replace", "--grants", backup=backup)
    if cluster.schemas() != before:
        raise BedError("a damaged backup was refused, and the target has other schemas now")
    test.step(f"a flipped bit in {len(whole)} bytes is found, and the backup refused")
