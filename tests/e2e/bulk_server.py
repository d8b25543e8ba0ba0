"""bulk_server.py - a far end for bulk requests that does what a real one will not do on demand.

Each request is kept as it came, byte for byte. What is said to it is the next entry of `script`: a
function of the request and its connection, which returns whether the connection stays open. When
the script is at its end, documents are stored: those that are there already are a conflict.

    server.script = [status(503), cut(17), items(201, 429)]
"""
import gzip
import json
import socket
import ssl
import struct
import threading
import time


class Request:
    def __init__(self, head, raw):
        lines = head.decode("latin-1").split("\r\n")
        self.line, self.head, self.raw = lines[0], head, raw
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()
        self.body = gzip.decompress(raw) if self.headers.get("content-encoding") == "gzip" else raw
        self.actions = self._read()

    def _read(self):
        """(operation, {_index, _id}, document); the body's form is proved here, for every request."""
        assert self.body.endswith(b"\n"), self.body[-100:]
        lines = self.body[:-1].split(b"\n")
        assert len(lines) % 2 == 0, self.body[:300]
        found = []
        for action, document in zip(lines[::2], lines[1::2]):
            (op, what), = json.loads(action).items()
            assert len(what.get("_id", "")) <= 64
            json.loads(document)
            found.append((op, what, document))
        return found


class BulkServer:
    def __init__(self, address="127.0.0.1", tls=None):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.create_server((address, 0), family=family)
        self.tls = tls
        self.port = self.listener.getsockname()[1]
        name = f"[{address}]" if ":" in address else "localhost" if tls else address
        self.url = f"{'https' if tls else 'http'}://{name}:{self.port}"
        self.script, self.requests, self.failures = [], [], []
        self.documents = {}   # (index, id or a number) -> document, in the order of their coming
        self.output = None    # a path: each new document goes there as a line
        self.most = None      # bytes of a body: a longer one is not even read, as by some proxies
        self.connections = 0
        self.lock = threading.Lock()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        if self.listener.fileno() >= 0:
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept(), too
        self.listener.close()

    def messages(self):
        with self.lock:
            return [json.loads(document)["message"] for document in self.documents.values()]

    def stored(self):
        return len(self.documents)

    # --- serving ---

    def _serve(self):
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return  # closed
            self.connections += 1
            threading.Thread(target=self._attend, args=(line,), daemon=True).start()

    def _attend(self, line):
        try:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                line = self.tls.wrap_socket(line, server_side=True)
            with line:
                while (request := self._read(line)) and self._answer(request, line):
                    pass
        except OSError:
            pass  # the agent went away
        except Exception as error:  # pylint: disable=broad-except
            self.failures.append(repr(error))

    def _read(self, line):
        data = b""
        while b"\r\n\r\n" not in data:
            more = line.recv(65536)
            if not more:
                return None
            data += more
        head, _, raw = data.partition(b"\r\n\r\n")
        length = next(int(row.split(b":")[1]) for row in head.split(b"\r\n")
                      if row.lower().startswith(b"content-length:"))
        if self.most and length > self.most:
            line.sendall(b"HTTP/1.1 413 x\r\ncontent-length: 0\r\n\r\n")
            return None  # closed with unread bytes: a reset follows the answer
        while len(raw) < length:
            more = line.recv(1 << 20)
            if not more:
                return None
            raw += more
        return Request(head, raw)

    def _answer(self, request, line):
        with self.lock:
            self.requests.append(request)
            say = self.script.pop(0) if self.script else good
        return say(self, request, line)

    # --- the store ---

    def store(self, request, statuses=()):
        """Items for an answer. statuses: of the first ones, instead of what becomes of them."""
        with self.lock:
            return [{op: self._store(i, op, what, document, statuses)}
                    for i, (op, what, document) in enumerate(request.actions)]

    def _store(self, i, op, what, document, statuses):
        given = statuses[i] if i < len(statuses) else None
        if isinstance(given, dict):
            return given
        if given and given >= 300:
            return {"status": given, "error": {"type": f"type_{given}", "reason": f"reason {given}"}}
        key = what["_index"], what.get("_id", len(self.documents))
        if key in self.documents and op == "create":
            return {"status": 409, "error": {"type": "version_conflict_engine_exception",
                                             "reason": "document already exists"}}
        if key not in self.documents and self.output:
            with open(self.output, "ab") as out:
                out.write(document + b"\n")
        self.documents[key] = document
        return {"status": given or 201}


# --- answers ---

def bulk(found):
    return json.dumps({"errors": any(list(item.values())[0]["status"] > 299 for item in found),
                       "items": found}).encode()


def head(code, length, extra=""):
    length = f"content-length: {length}" if length is not None else "transfer-encoding: chunked"
    return f"HTTP/1.1 {code} x\r\n{length}\r\n{extra}\r\n".encode()


def status(code, body=b"<html><h1>no</h1></html>", extra=""):
    """The whole request is answered so, and nothing is stored."""
    def say(_server, _request, line):
        line.sendall(head(code, len(body), extra) + body)
        return True
    return say


def items(*statuses):
    """The first items are answered so (a number or a dict), the others are stored."""
    def say(server, request, line):
        body = bulk(server.store(request, statuses))
        line.sendall(head(200, len(body)) + body)
        return True
    return say


good = items()


def changed(change):
    """Everything is stored, and the answer that says so is changed: found -> bytes."""
    def say(server, request, line):
        body = change(server.store(request))
        line.sendall(head(200, len(body)) + body)
        return True
    return say


def cut(length):
    """Everything is stored, and so many bytes of the answer come; then nothing more."""
    def say(server, request, line):
        body = bulk(server.store(request))
        line.sendall((head(200, len(body)) + body)[:length])
        return False
    return say


def chunked(size, pause=0.0):
    """Everything is stored; the answer comes in chunks."""
    def say(server, request, line):
        body = bulk(server.store(request))
        line.sendall(head(200, None))
        for at in range(0, len(body), size):
            part = body[at:at + size]
            line.sendall(b"%x\r\n%s\r\n" % (len(part), part))
            time.sleep(pause)
        line.sendall(b"0\r\n\r\n")
        return True
    return say


def gzipped(server, request, line):
    """Everything is stored, and a proxy has compressed the answer."""
    body = gzip.compress(bulk(server.store(request)))
    line.sendall(head(200, len(body), "content-encoding: gzip\r\n") + body)
    return True


def silence(said=b""):
    """So much is said; then nothing, until the agent goes away."""
    def say(_server, _request, line):
        line.sendall(said)
        line.recv(1)
        return False
    return say


def reset(_server, _request, line):
    """The connection is torn down, without an answer."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def farewell(server, request, line):
    """All is well, and the connection is closed without a word of it."""
    good(server, request, line)
    return False


def tls_context(folder, name="server", client=False):
    """folder: made by servers/ca.sh"""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    if client:
        context.load_verify_locations(folder / "ca.crt")
        context.verify_mode = ssl.CERT_REQUIRED
    return context
