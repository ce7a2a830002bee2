"""The city of Krefeld for foreign witnesses: `stadtbus dev` on a real nats-server, with the city of Krefeld and a system that may do everything.

Only the standard library; knows the bus by its command line and its HTTP interface.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
READY_WITHIN_S = 60

# Everything at once, so that one token reaches every operation.
SYSTEM = """\
  - system: pruefung
    title: Prüfsystem fremder Zeugen
    may: [publish, subscribe, operate]
    sources: ["urn:krefeld:ngn:pruefung"]
"""
SUBSCRIPTION = """\
subscription: {name}
partner: ngn
title: Eigene Meldungen, für fremde Zeugen
purpose: {purpose}
types: [de.krefeld.swk.outage.reported.v1]
sink: {{{sink}: {{}}}}
"""
PULL, STREAM = "ngn-pruefung-abholen", "ngn-pruefung-strom"
PURPOSE = "https://w3id.org/dpv#ProtectionOfPublicSecurity"
SOURCE, TYPE = "urn:krefeld:ngn:pruefung", "de.krefeld.swk.outage.reported.v1"


def city(folder: Path) -> Path:
    """A copy of the city's folder with the test's system and subscriptions; contracts and plugins stay where they are."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "deploy/cities/krefeld", folder)
    text = (folder / "city.yaml").read_text()
    for part in ("contracts", "plugins"):
        there = os.path.relpath(ROOT / part / "krefeld", folder)
        text = text.replace(f"{part}: ../../../{part}/krefeld", f"{part}: {there}")
    (folder / "city.yaml").write_text(text)
    with (folder / "partners/ngn.yaml").open("a") as partner:
        partner.write(SYSTEM)
    for name, sink in ((PULL, "pull"), (STREAM, "sse")):
        (folder / f"subscriptions/ngn/{name}.yaml").write_text(SUBSCRIPTION.format(name=name, purpose=PURPOSE, sink=sink))
    return folder


def plugins():
    """Builds those of the city's plugins that are not built yet."""
    for folder in sorted((ROOT / "plugins/krefeld").iterdir()):
        if (folder / "plugin.yaml").exists() and not (folder / "build" / f"{folder.name}.wasm").exists():
            subprocess.run([os.environ["STADTBUS_BIN"], "plugin", "build", "."], cwd=folder, check=True)


def event(number: int) -> dict:
    """A good event of the test's system."""
    example = ROOT / "contracts/krefeld/ngn/outage-reported/v1/examples/ok-grossstoerung.json"
    good = json.loads(example.read_text())
    return {**good, "id": f"zeuge-{number}", "source": SOURCE}


class Bus:
    """A running bus. Use as a context manager: it ends with the block."""

    def __init__(self, scratch: Path):
        self.scratch = scratch
        self.process = None

    def __enter__(self):
        plugins()
        folder = city(self.scratch / "city")
        log = (self.scratch / "bus.log").open("w")
        command = [os.environ["STADTBUS_BIN"], "dev", "--port", "0", "--city", str(folder), "--output", "json"]
        env = {**os.environ, "STADTBUS_NATS_SERVER": os.environ["NATS_SERVER_BIN"]}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=env, text=True)
        document = self._document()
        self.url = document["url"]
        self.tokens = {one["as"]: one["token"] for one in document["identities"]}
        self.token = self.tokens["ngn/pruefung"]
        self._until_served()
        return self

    def _document(self) -> dict:
        # Indented or in one line: read until it is whole.
        text = ""
        for line in self.process.stdout:
            text += line
            try:
                return json.loads(text)
            except json.JSONDecodeError:
                continue
        sys.exit(f"stadtbus dev ended: {(self.scratch / 'bus.log').read_text()[-2000:]}")

    def _until_served(self):
        until = time.monotonic() + READY_WITHIN_S
        wanted = {PULL, STREAM}
        while time.monotonic() < until:
            _, answer = self.call("GET", "/v1/subscriptions")
            # What is at work in this process has a lag.
            if wanted <= {one["id"] for one in answer or [] if "lag" in one["status"]}:
                return
            time.sleep(0.1)
        sys.exit("the bus does not serve its subscriptions")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def alive(self) -> bool:
        return self.process.poll() is None

    def log(self) -> str:
        return (self.scratch / "bus.log").read_text()

    def call(self, method: str, path: str, body=None, token=None, content_type="application/json"):
        """Status and JSON of an answer."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data=data, method=method)
        request.add_header("Authorization", f"Bearer {token or self.token}")
        if data is not None:
            request.add_header("Content-Type", content_type)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            text = refused.read()
            try:
                return refused.code, json.loads(text)
            except ValueError:
                return refused.code, None


def virtualenv(scratch: Path, requirements: Path) -> Path:
    """The Python of a virtual environment with exactly these requirements; made anew when they change."""
    place, stamp = scratch / "venv", scratch / "venv/requirements.txt"
    python = place / "bin/python"
    wanted = requirements.read_text()
    if not (stamp.exists() and stamp.read_text() == wanted):
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)]
        subprocess.run(install, check=True)
        stamp.write_text(wanted)
    return python
