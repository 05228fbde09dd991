"""Certificates for tests, by openssl. P-256 keys: made in milliseconds, taken by every program here."""

import os
import pathlib

from .process import run


class Authority:
    """A certificate authority in a folder of its own."""

    def __init__(self, folder, name):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.cert = self.folder / "ca.crt"
        self._key = self.folder / "ca.key"
        config = self.folder / "ca.cnf"
        config.write_text(f"[req]\ndistinguished_name=dn\nx509_extensions=ca\nprompt=no\n[dn]\nCN={name}\n"
                          "[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign,digitalSignature\n"
                          "subjectKeyIdentifier=hash\n")
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
             "-config", config, "-keyout", self._key, "-out", self.cert])
        self._key.chmod(0o600)

    def issue(self, name, common_name, organizations=(), dns=(), ips=(), folder=None):
        """A certificate for clients and servers alike; returns (certificate file, key file)."""
        folder = pathlib.Path(folder or self.folder)
        key, cert = folder / f"{name}.key", folder / f"{name}.crt"
        request, extensions = folder / f"{name}.csr", folder / f"{name}.ext"
        config = folder / f"{name}.cnf"
        names = [f"{i}.O={o}" for i, o in enumerate(organizations)] + [f"CN={common_name}"]
        config.write_text("[req]\ndistinguished_name=dn\nprompt=no\n[dn]\n" + "\n".join(names) + "\n")
        alternatives = [f"DNS:{d}" for d in dns] + [f"IP:{i}" for i in ips]
        extensions.write_text("basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                              "extendedKeyUsage=clientAuth,serverAuth\nauthorityKeyIdentifier=keyid\n"
                              + (f"subjectAltName={','.join(alternatives)}\n" if alternatives else ""))
        run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-config", config, "-keyout", key, "-out", request])
        run(["openssl", "x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self._key, "-days", "30",
             "-set_serial", str(int.from_bytes(os.urandom(8), "big") >> 1), "-extfile", extensions, "-out", cert])
        for scrap in (request, extensions, config):
            scrap.unlink()
        key.chmod(0o600)
        return cert, key
