"""A model hub on 127.0.0.1 that speaks enough of ModelScope's and Hugging Face's protocols."""

import hashlib
import http.server
import json
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

MODEL = "course/tiny"
COMMIT = "c0ffee" + "0" * 34
LARGE = 100_000  # bytes: from here on Hugging Face keeps a file as LFS, with a sha256
PIECE = 64 * 1024


def make_certificate(folder: Path) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key in the same file."""
    pem = folder / "hub.pem"
    extensions = [
        "subjectAltName=IP:127.0.0.1",
        "keyUsage=critical,digitalSignature,keyCertSign",
    ]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=course-hub", "-keyout", pem, "-out", pem]
    for extension in extensions:
        command += ["-addext", extension]
    subprocess.run(command, check=True, capture_output=True)
    return pem


@dataclass
class Sent:
    """One answer with bytes of a file: from where, and how many were sent."""

    name: str
    start: int
    count: int = 0


class ModelHub:
    """Serves `files` as the model course/tiny. Its fields say what shall go wrong."""

    def __init__(self, files: dict[str, bytes], certificate: Path) -> None:
        self.files = files
        self.break_at: dict[str, list[int]] = {}  # cut these answers after so many bytes
        self.spoil: dict[str, int] = {}  # send wrong bytes so many times
        self.lost: set[str] = set()  # listed, but not there
        self.stall_at: dict[str, int] = {}  # send no more after so many bytes, and hang on
        self.listed: dict[str, dict] = {}  # lie so about a file in the list: size, digest, path
        self.list_pause = 0.0  # seconds before each byte of a list
        self.pace: float | None = None  # bytes a second
        self.sent: list[Sent] = []
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._server.handle_error = lambda request, client: None  # a client that goes away
        self.domain = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> "ModelHub":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self.pace, self.list_pause = None, 0.0
        self.stall_at.clear()
        self._server.server_close()

    def starts(self, name: str) -> list[int]:
        """From which byte each download of a file began."""
        return [sent.start for sent in self.sent if sent.name == name]

    def names_sent(self) -> set[str]:
        return {sent.name for sent in self.sent}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20
    hub: ModelHub

    def log_message(self, *arguments: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        path = unquote(url.path)
        modelscope = f"/api/v1/models/{MODEL}"
        huggingface = f"/api/models/{MODEL}"
        if path == modelscope:
            self.send_json({"Code": 200, "Success": True, "Data": {"Name": "tiny"}})
        elif path == f"{modelscope}/revisions":
            self.send_json(self.list_revisions())
        elif path == f"{modelscope}/repo/files" and query.get("Revision") == "master":
            self.send_json(self.list_for_modelscope())
        elif path == f"{modelscope}/repo" and query.get("Revision") == "master":
            self.send_file(query["FilePath"])
        elif path in (huggingface, f"{huggingface}/revision/main"):
            self.send_json(self.list_for_huggingface())
        elif path == f"{huggingface}/tree/{COMMIT}":  # asked for by huggingface_hub 2
            self.send_json(self.list_tree())
        elif path.startswith(f"/{MODEL}/resolve/{COMMIT}/"):
            self.send_file(path.removeprefix(f"/{MODEL}/resolve/{COMMIT}/"))
        else:
            what = "RevisionNotFound" if path.startswith(huggingface) else "RepoNotFound"
            self.send_nothing(what)

    def list_revisions(self) -> dict:
        branch = {"Revision": "master", "CreatedAt": 1_700_000_000}
        revisions = {"RevisionMap": {"Branches": [branch], "Tags": []}}
        return {"Code": 200, "Success": True, "Message": "", "Data": revisions}

    def list_for_modelscope(self) -> dict:
        files = [{"Name": "sub", "Path": "sub", "Type": "tree", "Size": 0, "Sha256": ""}]
        for path, content in self.hub.files.items():
            digest = hashlib.sha256(content).hexdigest()
            file = {"Name": path.split("/")[-1], "Path": path, "Type": "blob"}
            file |= {"Size": len(content), "Sha256": digest, "Revision": COMMIT}
            lies = self.hub.listed.get(path, {})
            files.append(file | {key.capitalize(): lie for key, lie in lies.items()})
        return {"Code": 200, "Success": True, "Message": "", "Data": {"Files": files}}

    def list_for_huggingface(self) -> dict:
        siblings = []
        for path, content in self.hub.files.items():
            file = {"rfilename": path, "size": len(content), "blobId": git_blob(content)}
            if len(content) > LARGE:
                digest = hashlib.sha256(content).hexdigest()
                file["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 134}
            if "size" in self.hub.listed.get(path, {}):
                file["size"] = self.hub.listed[path]["size"]
            siblings.append(file)
        return {"id": MODEL, "modelId": MODEL, "sha": COMMIT, "siblings": siblings}

    def list_tree(self) -> list[dict]:
        tree = []
        for file in self.list_for_huggingface()["siblings"]:
            entry = {"type": "file", "path": file["rfilename"], "size": file["size"]}
            if lfs := file.get("lfs"):
                entry["lfs"] = {"oid": lfs["sha256"], "size": lfs["size"], "pointerSize": 134}
            tree.append(entry | {"oid": file["blobId"]})
        return tree

    def send_json(self, content: dict | list) -> None:
        body = json.dumps(content).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.hub.list_pause:
            for byte in body:
                time.sleep(self.hub.list_pause)
                self.wfile.write(bytes([byte]))
        else:
            self.wfile.write(body)

    def send_nothing(self, code: str) -> None:
        self.send_response(HTTPStatus.NOT_FOUND)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def send_file(self, name: str) -> None:
        if name not in self.hub.files or name in self.hub.lost:
            self.send_nothing("EntryNotFound")
            return
        content = self.hub.files[name]
        wanted = self.headers.get("Range", "bytes=0-").removeprefix("bytes=")
        start, _, end = wanted.partition("-")
        first, last = int(start), int(end or len(content) - 1)
        self.send_response(HTTPStatus.PARTIAL_CONTENT if "Range" in self.headers else HTTPStatus.OK)
        self.send_header("Content-Length", str(last + 1 - first))
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.send_header("X-Repo-Commit", COMMIT)
        digest = hashlib.sha256(content).hexdigest()
        self.send_header("ETag", f'"{digest if len(content) > LARGE else git_blob(content)}"')
        self.end_headers()
        if self.command == "GET":
            self.send_bytes(name, content[first : last + 1], first)

    def send_bytes(self, name: str, content: bytes, start: int) -> None:
        sent = Sent(name, start)
        self.hub.sent.append(sent)
        if self.hub.spoil.get(name):
            self.hub.spoil[name] -= 1
            content = content[:-1] + bytes([content[-1] ^ 1])
        breaks = self.hub.break_at.get(name)
        stop = breaks.pop(0) if breaks else None
        for position in range(0, len(content), PIECE):
            if stop is not None and position >= stop:
                self.close_connection = True
                return
            while start + position >= self.hub.stall_at.get(name, sys.maxsize):
                time.sleep(0.05)
            sent.count += self.wfile.write(content[position : position + PIECE])
            if self.hub.pace:
                time.sleep(PIECE / self.hub.pace)


def git_blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
