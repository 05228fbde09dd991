"""What the tests of Galera objects share."""

from gbtest.galera_object import GaleraObject, install_kinds
from support import NAMESPACE, Case

TO_CELL1 = {"main": "cell1"}


class ObjectCase(Case):
    """`main` is the Galera object of the cluster with data, `cell1` that of the other."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = cls.bed.control_plane.admin
        install_kinds(cls.admin)
        cls.main = cls.make_object("main", cls.bed.galera)
        cls.cell1 = cls.make_object("cell1", cls.bed.second)

    @classmethod
    def make_object(cls, name, galera, **options):
        made = GaleraObject(cls.admin, NAMESPACE, name, galera)
        cls.addClassCleanup(made.delete)
        return made.create(**options)

    def setUp(self):
        self.bed.second.drop_everything()

    def assert_no_marks(self, galera_object):
        self.assertNotIn("backup.rhoso.io", str(galera_object.service()["metadata"]))
