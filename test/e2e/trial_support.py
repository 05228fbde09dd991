"""What the tests share that hold a verification by a restore at work."""

import subprocess

from gbtest import process
from gbtest.process import wait_until
from support import Case

# The largest table comes first and is compared at the end: a lock on it, asked for while it is loaded, holds the restore up.
HELD = "nova_cell1.instance_system_metadata"


class TrialCase(Case):
    """`scratch` is the folder in which scratch servers are started (verification.place)."""

    def client(self, folder, sql, check=True):
        return process.run(["mariadb", "--no-defaults", "-uroot", f"--socket={folder}/socket", "-BNe", sql], check=check).stdout.strip()

    def held_at_work(self, backup, through=None):
        """The scratch server's folder, and who keeps its restore at a table until killed; created by the kubectl `through`."""
        self.create(backup, timeout="1s", through=through)
        socket = wait_until("the scratch server's socket", lambda: next(iter(self.scratch.glob("gb-scratch-*/socket")), None), 60)
        folder = socket.parent
        wait_until("the table to be made", lambda: self.client(
            folder, f"SELECT 1 FROM information_schema.tables WHERE CONCAT(table_schema, '.', table_name) = '{HELD}'", check=False),
            60, interval=0.02)
        holder = subprocess.Popen(["mariadb", "--no-defaults", "-uroot", f"--socket={folder}/socket", "-e",
                                   f"LOCK TABLES {HELD} WRITE; SELECT SLEEP(300)"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)
        wait_until("the restore to wait for it", lambda: self.client(
            folder, "SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table%' "
            "AND info NOT LIKE 'LOCK TABLES%'") not in ("", "0"), 60)
        self.assertEqual(self.phase(backup), "Verifying")
        return folder, holder
