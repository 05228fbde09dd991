"""Instances that are Galera objects: found, backed up and restored as the mariadb-operator of OpenStack leaves them."""

import shutil
import time

from gbtest import load, place, proof
from gbtest.galera import Galera
from gbtest.galera_object import GROUP
from gbtest.process import wait_until
from object_support import TO_CELL1, ObjectCase
from support import NAMESPACE


class FoundByTheirObject(ObjectCase):
    def test_backup_and_restore_by_the_name_of_the_object(self):
        self.main.make_backup_pod()
        backup = self.backup("of-object", ["main"])
        found = self.completed(backup)
        node = found["status"]["instances"][0]["node"]
        self.assertIn(node, ("main-galera-1", "main-galera-2"), "applications use main-galera-0")
        self.assertIn("chosen of 3 nodes", self.log_of(backup))
        restore = self.restore("onto-object", "of-object", targets=TO_CELL1)
        self.completed(restore)
        self.assertEqual(proof.fingerprint(self.bed.second), proof.fingerprint(self.bed.galera))
        log = self.log_of(restore)
        self.assertIn("applications are kept away until the restore ends", log)
        self.assertIn("applications are let in again", log)
        self.assertEqual(self.cell1.active_pod(), "cell1-galera-0")
        self.assert_no_marks(self.cell1)

    def test_the_main_database_and_a_cell_are_one_set(self):
        self.bed.second.sql("CREATE DATABASE nova_cell_x; CREATE TABLE nova_cell_x.t (id INT PRIMARY KEY, v TEXT);"
                            "INSERT INTO nova_cell_x.t VALUES (1, 'one'), (2, 'two')")
        before = proof.fingerprint(self.bed.second)
        found = self.completed(self.backup("set", ["main", "cell1"]))
        self.assertEqual([i["node"].rpartition("-")[0] for i in found["status"]["instances"]], ["main-galera", "cell1-galera"])
        self.bed.second.sql("DROP DATABASE nova_cell_x")
        self.completed(self.restore("the-cell", "set", databaseInstances=["cell1"]))
        self.assertEqual(proof.fingerprint(self.bed.second), before)

    def test_the_node_that_applications_use_is_where_the_service_leads(self):
        self.addCleanup(self.main.lead_to, "main-galera-0")
        for active, others in (("main-galera-2", ("main-galera-0", "main-galera-1")),
                               ("main-galera-1", ("main-galera-0", "main-galera-2"))):
            self.main.lead_to(active)
            found = self.completed(self.backup(f"beside-{active}", ["main"], databases=["glance"]))
            self.assertIn(found["status"]["instances"][0]["node"], others)

    def test_an_older_object_names_the_secret_in_its_spec(self):
        older = self.make_object("older", self.bed.galera, spec={"secret": "osp-older"}, status={})
        older.secret("osp-older", "DbRootPassword", self.bed.galera.password + "\n")
        self.completed(self.backup("of-older", ["older"], databases=["glance"]))

    def test_what_is_not_there_is_said_with_what_is(self):
        self.create_fails(self.backup("typo", ["mian"]), "NotFound", "main", "cell1", "openstack-dr", hint="Galera objects there: ")

    def test_kubectl_get_galera_shows_the_category_not_the_operators_objects(self):
        self.completed(self.backup("beside-galera", databases=["glance"]))
        shown = self.admin("get", "galera", "-n", NAMESPACE, "-o", "name")
        self.assertIn("beside-galera", shown)
        self.assertNotIn(f"galera.{GROUP}/main", shown)
        self.assertIn(f"galera.{GROUP}/main", self.admin("get", f"galeras.{GROUP}", "-n", NAMESPACE, "-o", "name"))

    def test_a_stranger_learns_nothing(self):
        mallory = self.bed.user("mallory", namespace=NAMESPACE)
        done = mallory.run("create", "-f", "-", stdin=self.backup("not-mine", ["main"]))
        self.assertIn("Forbidden", done.stderr)
        self.assertNotIn("cell1", done.stderr)


class RootsPassword(ObjectCase):
    """Root's password is changed while a dump stands still; connections that are opened later must work."""

    def setUp(self):
        super().setUp()
        old = self.bed.galera.password
        self.addCleanup(self.bed.galera.sql, f"ALTER USER root@'%' IDENTIFIED BY '{old}'")
        self.addCleanup(self.main.secret, self.main.root_secret, "DatabasePassword", old)

    def ours(self, node):
        """The connections of our server to a node: (id, state)."""
        return node.sql("SELECT id, COALESCE(state, '') FROM information_schema.processlist WHERE user='root' AND host LIKE '127.%'")

    def rotated_while_dumping(self, name, tell):
        held = self.hold_dumps()
        backup = self.backup(name, ["main"], threads=1)
        self.running_dump(backup)
        donor = self.waiting_nodes()[0]
        self.bed.galera.sql("ALTER USER root@'%' IDENTIFIED BY 'rotated'")
        tell("rotated")
        before = {c[0] for c in self.ours(donor)}
        # All but the one that reads: the one that watches the donor has to come again.
        for number, state in self.ours(donor):
            if "Waiting for table" not in state:
                donor.sql(f"KILL {number}")
        wait_until("the donor to be watched again", lambda: {c[0] for c in self.ours(donor)} - before, 30)
        held.close()
        self.wait_phase(backup, "Completed")
        # The states of events are asked of the other nodes at the end, over connections of their own.
        self.assertNotIn("were not asked of", self.log_of(backup))

    def test_the_new_one_is_in_the_secret_that_the_object_names(self):
        self.rotated_while_dumping("rotated", lambda new: self.main.secret(self.main.root_secret, "DatabasePassword", new))
        self.completed(self.backup("after-rotation", ["main"], databases=["glance"]))

    def test_the_new_one_is_in_the_secret_of_the_account_only(self):
        def tell(new):
            self.main.secret("root-to-be", "DatabasePassword", new)
            self.main.apply({"apiVersion": f"{GROUP}/v1beta1", "kind": "MariaDBAccount",
                             "metadata": {"name": "main-mariadb-root"}, "spec": {"userName": "root", "secret": "root-to-be"}})
            self.addCleanup(self.main.run, "delete", f"mariadbaccounts.{GROUP}", "main-mariadb-root")
        self.rotated_while_dumping("in-flight", tell)
        self.completed(self.backup("while-in-flight", ["main"], databases=["glance"]))

    def test_one_that_nobody_knows_is_refused(self):
        self.bed.galera.sql("ALTER USER root@'%' IDENTIFIED BY 'nobody knows'")
        self.create_fails(self.backup("no-password", ["main"]), "Forbidden", "was refused by main-galera", "root",
                          hint="check the user and the password")


class Encrypted(ObjectCase):
    """A cluster that takes nothing but TLS, whose certificate is made out to the names of its pods."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = place.new_folder()
        names = [f"*.{name}-galera.{NAMESPACE}.svc" for name in ("secure", "astray")]
        secure = Galera(folder / "secure", tls=True, dns=names, template=3)
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        cls.addClassCleanup(secure.stop)
        secure.start()
        load.load_galera(cls.bed.folder / "data", secure)
        cls.secure_cluster = secure
        cls.secure = cls.make_object("secure", secure)
        # The names of this one's pods lead to their neighbours.
        cls.astray = cls.make_object("astray", secure)
        first, second, third = (n.address for n in secure.nodes)
        round_about = {first: second, second: third, third: first}
        hosts = folder / "hosts"
        hosts.write_text(cls.secure.hosts() + "".join(
            f"{round_about[a]} {name}\n" for a, name in map(str.split, cls.astray.hosts().splitlines())))
        cls.bed.server.environment = {"LD_PRELOAD": "libnss_wrapper.so", "NSS_WRAPPER_HOSTS": str(hosts)}
        cls.restart_server()
        cls.addClassCleanup(cls.restart_server)
        cls.addClassCleanup(cls.bed.server.environment.clear)

    @classmethod
    def restart_server(cls):
        """Until kube-apiserver, too, has noticed that it is back."""
        cls.bed.server.restart()
        # A look that it took while the server was away may end only now, with a no: wait for that, and have it look again.
        time.sleep(7)
        cls.bed.control_plane.admin("annotate", "apiservice", "v1beta1.backup.rhoso.io", f"looked={time.time()}", "--overwrite")
        cls.bed.control_plane.wait_available(cls.bed.server.apiservice, process=cls.bed.server.process)
        probe = {"apiVersion": "backup.rhoso.io/v1beta1", "kind": "GaleraBackup",
                 "metadata": {"name": "probe", "namespace": NAMESPACE}, "spec": {"databaseInstances": ["openstack"]}}
        for _ in range(3):
            wait_until("kube-apiserver to reach our server again", lambda: cls.alice.run(
                "create", "--dry-run=server", "-f", "-", stdin=probe).returncode == 0, 60, interval=1)

    def test_backup_and_restore(self):
        self.completed(self.backup("over-tls", ["secure"]))
        before = proof.fingerprint(self.secure_cluster)
        self.secure_cluster.drop_everything()
        restore = self.restore("back-over-tls", "over-tls")
        self.completed(restore)
        for node in self.secure_cluster.nodes:
            self.assertEqual(proof.fingerprint(self.secure_cluster, node=node.number), before)
        self.assertEqual(self.secure.active_pod(), "secure-galera-0")

    def test_another_authority_is_not_believed(self):
        bundle = self.secure_cluster.ca_file.read_text()
        self.addCleanup(self.secure.secret, "secure-ca", "tls-ca-bundle.pem", bundle)
        self.secure.secret("secure-ca", "tls-ca-bundle.pem", self.bed.server.ca.cert.read_text())
        self.create_fails(self.backup("other-ca", ["secure"]), "ServiceUnavailable", "no verified TLS connection", hint="check that the server offers TLS")
        self.secure.run("delete", "secret", "secure-ca")
        self.create_fails(self.backup("no-ca", ["secure"]), "ServiceUnavailable", "secure-ca", "does not exist", hint="create it again")

    def test_a_name_that_leads_elsewhere_is_not_followed(self):
        self.create_fails(self.backup("led-astray", ["astray"]), "ServiceUnavailable", "is not the address of astray-galera-0",
                          hint="look at the names' server")
