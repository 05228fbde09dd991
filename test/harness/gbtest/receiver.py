"""A receiver of webhooks over HTTPS, as a test scripts it; it verifies signatures with nothing of ours."""

import base64
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import ssl
import threading

from .pki import Authority


class Receiver:
    """Takes what is posted to it, after it has given `answers` (status codes) to the first ones."""

    def __init__(self, folder, answers=()):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.ca = Authority(folder / "receiver-ca", "webhook receiver CA")
        certificate, key = self.ca.issue("receiver", "receiver", ips=["127.0.0.1"])
        self.key = os.urandom(32)
        self.secret_file = folder / "webhook.key"
        self.secret_file.write_text(f"whsec_{base64.b64encode(self.key).decode()}\n")
        self.secret_file.chmod(0o600)
        self.answers = list(answers)
        self._lock = threading.Lock()
        self._posts = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # noqa: N802: http.server calls it so
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver._take(self.path, dict(self.headers), body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}/hooks/of-the-test"

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _take(self, path, headers, body):
        with self._lock:
            status = self.answers.pop(0) if self.answers else 204
            self._posts.append({"path": path, "headers": {k.lower(): v for k, v in headers.items()}, "body": body, "status": status})
            return status

    def posts(self):
        with self._lock:
            return list(self._posts)

    def taken(self, kind, name):
        """The event of this type and name that was taken, as JSON; None."""
        for post in self.posts():
            event = json.loads(post["body"])
            if 200 <= post["status"] < 300 and event["type"] == f"io.rhoso.backup.{kind}" and event["data"]["name"] == name:
                return event
        return None

    def is_signed(self, post):
        headers = post["headers"]
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + post["body"]
        expected = "v1," + base64.b64encode(hmac.new(self.key, signed, hashlib.sha256).digest()).decode()
        return hmac.compare_digest(expected, headers["webhook-signature"])
