"""search_server.py - a real OpenSearch or Elasticsearch, run by servers/*.sh, and what is in it; and a
proxy, which is tinyproxy."""
import json
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

SERVERS = Path(__file__).resolve().parents[1] / "servers"
PAGE = 5000


class Server:
    """product: opensearch, elasticsearch or front."""

    def __init__(self, product, folder, *options):
        self.script, self.folder, self.login = SERVERS / f"{product}.sh", folder, None
        self.context = None
        self.url = self.run("start", *options).strip()
        self.port = self.url.rsplit(":", 1)[1]

    def run(self, command, *words):
        done = subprocess.run([self.script, command, self.folder, *words], capture_output=True,
                              text=True, timeout=180, check=False)
        if done.returncode:
            raise RuntimeError(f"{self.script} {command}: {done.stderr}")
        return done.stdout

    def stop(self):
        self.run("stop")

    def kill(self):
        self.run("kill")

    def restart(self):
        self.run("restart")

    def ask(self, method, path, body=None):
        """The answer, as JSON; an error's too."""
        request = urllib.request.Request(
            self.url + path, method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"})
        if self.login:
            request.add_header("authorization", self.login)
        try:
            with urllib.request.urlopen(request, timeout=120, context=self.context) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.loads(error.read() or b"null")

    def trust(self, ca_file, user):
        self.context = ssl.create_default_context(cafile=ca_file)
        self.login = user

    def count(self, index):
        """Documents in it; 0: there is no such index."""
        self.ask("POST", f"/{index}/_refresh")
        return self.ask("GET", f"/{index}/_count").get("count", 0)

    def conflicts(self, index):
        """Documents that were not indexed since the server started, because they were there."""
        stats = self.ask("GET", f"/{index}/_stats/indexing")
        return stats["_all"]["primaries"]["indexing"]["index_failed"]

    def documents(self, index):
        """(_id, document) of all."""
        for hit in self._scroll(index, PAGE):
            yield hit["_id"], hit["_source"]

    def ids(self, index):
        for hit in self._scroll(index, 2 * PAGE, _source=False):
            yield hit["_id"]

    def _scroll(self, index, size, **query):
        self.ask("POST", f"/{index}/_refresh")
        page = self.ask("POST", f"/{index}/_search?scroll=1m",
                        {"size": size, "sort": ["_doc"], **query})
        while page["hits"]["hits"]:
            yield from page["hits"]["hits"]
            page = self.ask("POST", "/_search/scroll",
                            {"scroll": "1m", "scroll_id": page["_scroll_id"]})

    def page(self, index, generation):
        """The first documents of a generation, in the order that the server makes of it."""
        page = self.ask("POST", f"/{index}/_search", {
            "size": 2 * PAGE, "query": {"term": {"log.generation": generation}},
            "sort": ["log.offset"]})
        return [hit["_source"] for hit in page["hits"]["hits"]]


class Proxy:
    """Forwards, and makes tunnels; with a user, for nobody else."""

    def __init__(self, folder, user=None, password=None):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url, self.log = f"http://localhost:{self.port}", folder / "proxy.log"
        rows = [f"Port {self.port}", "Listen 127.0.0.1", f'LogFile "{self.log}"', "LogLevel Info",
                "MaxClients 50", "Timeout 60", "Allow 127.0.0.1"]
        if user:
            rows.append(f"BasicAuth {user} {password}")
        (folder / "proxy.conf").write_text("\n".join(rows) + "\n", encoding="utf-8")
        self.process = subprocess.Popen(["tinyproxy", "-d", "-c", folder / "proxy.conf"],
                                        stdout=subprocess.DEVNULL)

    def __enter__(self):
        while self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            except ConnectionRefusedError:
                time.sleep(0.02)
        raise RuntimeError("tinyproxy does not run")

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()

    def said(self):
        return self.log.read_text(encoding="utf-8")
