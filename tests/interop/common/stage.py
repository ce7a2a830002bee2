"""A real broker and a real bus on free ports, with the city of the witnesses; all of it ends with the block."""

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Callable

HERE = Path(__file__).resolve().parent
CITY = HERE.parent / "city"
WITHIN_S = 60.0


class Stage:
    """`with Stage(folder) as stage:` starts it; `apply` plays the city in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._bin = os.environ["STADTBUS_BIN"]
        self._nats = os.environ["NATS_SERVER_BIN"]
        self._running: list[subprocess.Popen[bytes]] = []
        self.base = ""

    def __enter__(self) -> "Stage":
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._running):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self) -> None:
        client, monitor, listen = (_free_port() for _ in range(3))
        nats = self.folder / "nats.conf"
        nats.write_text(
            f'listen: "127.0.0.1:{client}"\nhttp: "127.0.0.1:{monitor}"\n'
            f'jetstream {{ store_dir: "{self.folder}/store", sync_interval: always, max_file_store: 1TB }}\n'
        )
        self._spawn("nats", [self._nats, "-c", str(nats)])
        health = f"http://127.0.0.1:{monitor}/healthz?js-enabled-only=true"
        _await("the broker", lambda: _answers(health))
        self.key = self.folder / "issuer.pem"
        self.command("token", "key", "--out", str(self.key))
        config = self.folder / "stadtbus.toml"
        config.write_text(
            f'listen = "127.0.0.1:{listen}"\n[broker]\nurl = "nats://127.0.0.1:{client}"\n'
            f'monitor = "http://127.0.0.1:{monitor}"\n[issuer]\nkey_file = "{self.key}"\n'
            f'[plugins]\ncache_dir = "{self.folder}/plugins"\nsignatures = "optional"\ngrants = "automatic"\n'
            f'[witness]\ndir = "{self.folder}/witness"\n[limits]\nflush_interval_ms = 100\n'
        )
        self._spawn("stadtbus", [self._bin, "serve", "--config", str(config)])
        self.base = f"http://127.0.0.1:{listen}"
        _await("the bus", lambda: _answers(f"{self.base}/healthz"))

    def _spawn(self, name: str, command: list[str]) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self._running.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def command(self, *arguments: str, **env: str) -> str:
        """What a `stadtbus` command says."""
        done = subprocess.run([self._bin, *arguments], env={**os.environ, **env}, capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(f"stadtbus {arguments[0]}: {done.stderr}{done.stdout}")
        return done.stdout.strip()

    def token(self, partner: str, system: str, scope: str) -> str:
        """A token of one hour."""
        return self.command(
            "token", "issue", "--key", str(self.key), "--partner", partner, "--system", system, "--scope", scope
        )

    def apply(self, webhook: str) -> None:
        """The city, with its webhooks at this address."""
        operator = self.token("stadt", "betrieb", "operate")
        self.command("apply", str(CITY), "--yes", "--server", self.base, "--token", operator, ZEUGE_WEBHOOK=webhook)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _await(what: str, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not ready():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} was not ready within {WITHIN_S:.0f} s")
        time.sleep(0.05)
