"""NNCP, which carries files between two nodes on a stick: the reference for packing, verifying and unpacking.

Each of its programs fsyncs what it writes. Encrypted packets go into a spool, from there into one bundle, which the
other node verifies, takes into its own spool, and unpacks.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

_PUBLIC = ("id", "exchpub", "signpub", "noisepub")


def install(package: str, program: str) -> str | None:
    """Where the program is; as root on Debian it is installed when missing. None where it can't be had."""
    if shutil.which(program) is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", package]):
            subprocess.run(command, check=False, capture_output=True)
    return shutil.which(program)


class Nodes:
    """Two nodes under `root`, `sender` and `reader`, that know each other."""

    def __init__(self, root: Path) -> None:
        self.root = root
        said = {}
        for name in ("sender", "reader"):
            (root / name).mkdir()
            made = subprocess.run(["nncp-cfgnew", "-nocomments"], check=True, capture_output=True, text=True)
            said[name] = made.stdout
        for name, other in (("sender", "reader"), ("reader", "sender")):
            self._configure(name, said[name], other, said[other])

    def cross(self, paths: list[Path]) -> int:
        """Carry the files over, all fsynced; bytes of the bundle. They end in `arrived`."""
        for path in paths:
            self._run("sender", "nncp-file", str(path), "reader:")
        bundle = self.root / "bundle"
        with bundle.open("wb") as target:
            self._run("sender", "nncp-bundle", "-tx", "-delete", "reader", stdout=target.fileno())
            os.fsync(target.fileno())
        with bundle.open("rb") as source:
            self._run("reader", "nncp-bundle", "-rx", "-check", stdin=source.fileno())
        self._run("reader", "nncp-toss", "-node", "sender")
        return bundle.stat().st_size

    @property
    def arrived(self) -> Path:
        """Where the reader's files lie."""
        return self.root / "reader" / "incoming"

    def _configure(self, name: str, own: str, other: str, others: str) -> None:
        folder = self.root / name
        (folder / "incoming").mkdir()
        public = "\n".join(f"      {key}: {_value(others, key)}" for key in _PUBLIC)
        text = re.sub(r"spool: .*", f"spool: {folder}/spool", own)
        text = re.sub(r"  log: .*", f"  log: {folder}/log", text)
        text = text.replace(
            "  neigh: {", f"  neigh: {{\n    {other}: {{\n{public}\n      incoming: {folder}/incoming\n    }}"
        )
        (folder / "nncp.hjson").write_text(text)
        (folder / "spool").mkdir()

    def _run(
        self, node: str, program: str, *arguments: str, stdin: int | None = None, stdout: int | None = None
    ) -> None:
        command = [program, "-cfg", str(self.root / node / "nncp.hjson"), "-quiet", *arguments]
        done = subprocess.run(command, check=False, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise AssertionError(f"{program} ended with {done.returncode}: {done.stderr.decode()[-500:]}")


def _value(config: str, key: str) -> str:
    [value] = set(re.findall(rf"^\s+{key}: (\S+)$", config, re.MULTILINE))
    return str(value)
