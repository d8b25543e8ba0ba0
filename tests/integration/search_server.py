"""search_server.py - a real OpenSearch or Elasticsearch, run by servers/*.sh, and what is in it."""
import json
import ssl
import subprocess
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

    def documents(self, index):
        """(_id, document) of all."""
        self.ask("POST", f"/{index}/_refresh")
        page = self.ask("POST", f"/{index}/_search?scroll=1m", {"size": PAGE, "sort": ["_doc"]})
        while page["hits"]["hits"]:
            for hit in page["hits"]["hits"]:
                yield hit["_id"], hit["_source"]
            page = self.ask("POST", "/_search/scroll",
                            {"scroll": "1m", "scroll_id": page["_scroll_id"]})
