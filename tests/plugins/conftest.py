"""Fresh environments with plugins in them, and folders that look like installed plugins."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Environment:
    """An environment of Python's with nvm-lsp and what was installed into it."""

    folder: Path

    @property
    def python(self) -> str:
        below = "Scripts/python.exe" if os.name == "nt" else "bin/python"
        return str(self.folder / below)

    def install(self, *packages: Path) -> None:
        # Copies, because what a build leaves behind lies beside the sources.
        copies = [self.folder / "sources" / package.name for package in packages]
        for package, copy in zip(packages, copies, strict=True):
            shutil.copytree(package, copy, ignore=shutil.ignore_patterns("build", "*.egg-info"))
        done = subprocess.run(
            [sys.executable, "-m", "pip", "--python", self.python, "install", "--quiet",
             "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation",
             *map(str, copies)],
            capture_output=True, text=True, check=False,
        )
        assert done.returncode == 0, done.stderr

    def run(self, *arguments: str, cwd: Path, **variables: str):
        """Runs this environment's Python."""
        return subprocess.run(
            [self.python, *arguments], cwd=cwd, capture_output=True, text=True, timeout=300,
            env=settings(cwd) | variables, check=False,
        )


def settings(folder: Path) -> dict[str, str]:
    """An environment whose settings and logs are in that folder, not the user's."""
    return {
        **os.environ, "NO_COLOR": "1", "NVM_LSP_CONFIG": str(folder / "config"),
        "NVM_LSP_LOG": str(folder / "log"),
    }


def make_environment(folder: Path) -> Environment:
    """A fresh environment; what nvm-lsp needs is seen there, but nothing is installed yet."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    environment = Environment(folder)
    site = subprocess.run(
        [environment.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()
    # Those of this environment, with the files that make editable installations visible.
    folders = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    Path(site, "shared.pth").write_text(
        "".join(f"import site; site.addsitedir({path!r})\n" for path in folders)
    )
    return environment


@pytest.fixture(scope="session")
def new_environment(tmp_path_factory) -> Callable[[], Environment]:
    return lambda: make_environment(tmp_path_factory.mktemp("environment"))


def write_plugin(
    folder: Path, name: str, source: str, *, package: str = "", module: str = ""
) -> None:
    """Makes the folder look as if a package with that plugin was installed into it."""
    module = module or name.replace("-", "_")
    folder.mkdir(exist_ok=True)
    (folder / f"{module}.py").write_text(textwrap.dedent(source))
    info = folder / f"{(package or name).replace('-', '_')}-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {package or name}\nVersion: 1.5\n"
    )
    (info / "entry_points.txt").write_text(f"[nvm_lsp]\n{name} = {module}\n")


@pytest.fixture
def installed(tmp_path) -> Callable[[Mapping[str, str]], dict[str, str]]:
    """Variables for a process that has these plugins, by name and source."""

    def made(plugins: Mapping[str, str]) -> dict[str, str]:
        site = tmp_path / "site"
        for name, source in plugins.items():
            write_plugin(site, name, source)
        return settings(tmp_path) | {"PYTHONPATH": str(site)}

    return made


class Server:
    """A language server in a process of its own, and a client that knows only JSON."""

    def __init__(self, command: list[str], cwd: Path, env: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            command, cwd=cwd, env=dict(env), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.notifications: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self._count = 0

    def start(self) -> Server:
        self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
        self.tell("initialized", {})
        return self

    def open(self, uri: str, text: str) -> None:
        item = {"uri": uri, "languageId": "easm", "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": item})

    def ask(self, method: str, params: Any) -> Any:
        """The result of a request, or its error as ``{"error": …}``."""
        self._count += 1
        self._send({"jsonrpc": "2.0", "id": self._count, "method": method, "params": params})
        while True:
            message = self._receive()
            if message.get("id") == self._count and "method" not in message:
                return message["result"] if "result" in message else {"error": message["error"]}

    def tell(self, method: str, params: Any) -> None:
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def wait_for(self, method: str, text: str = "") -> Any:
        """The parameters of the first notification of that method that has the text in it."""
        while True:
            for message in self.notifications:
                if message["method"] == method and text in json.dumps(message["params"]):
                    return message["params"]
            self._receive()

    def stop(self) -> None:
        try:
            self.ask("shutdown", None)
            self.tell("exit", None)
            assert self.process.wait(60) == 0
        finally:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                pipe.close()

    def _send(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        self.process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        length = 0
        while (line := self.process.stdout.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        assert length, f"the server has ended with {self.process.wait()}"
        message = json.loads(self.process.stdout.read(length))
        if "id" in message and "method" in message:
            self.requests.append(message)
            # What the server asks for is granted.
            self._send({"jsonrpc": "2.0", "id": message["id"], "result": None})
        elif "method" in message:
            self.notifications.append(message)
        return message


@pytest.fixture
def serve(tmp_path):
    """Starts servers with these variables, and ends them."""
    servers = []

    def started(env: Mapping[str, str], cwd: Path = tmp_path, command: Any = None) -> Server:
        command = command or [sys.executable, "-m", "nvm_lsp", "serve"]
        servers.append(Server(command, cwd, env))
        return servers[-1].start()

    yield started
    for server in servers:
        server.stop()
