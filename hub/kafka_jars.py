"""Apache Kafka's jars and the Java to run them: fetched once for each pinned version, shared by all checkouts."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

from hub.errors import TransportError

ELSEWHERE = "or name a running Kafka in HUB_BOOTSTRAP_SERVERS"
_PATIENCE = 900.0  # seconds for a first fetch of 43 MB over a slow line


def pinned() -> Path:
    """The pom that pins the version: beside the code in an installation, in `deploy/kafka` in a checkout."""
    beside = Path(str(files("hub"))) / "kafka_pom.xml"
    return beside if beside.exists() else Path(str(files("hub"))).parent / "deploy" / "kafka" / "pom.xml"


def version(pom: Path) -> str:
    """The version of Apache Kafka that *pom* pins."""
    found = ElementTree.parse(pom).findtext(".//{*}kafka.version")  # noqa: S314  our own file
    if not found:
        raise TransportError(f"{pom} names no kafka.version; restore it")
    return found


def java() -> str:
    """The `java` to run; raises `TransportError` where there is none."""
    home = os.environ.get("JAVA_HOME")
    beside = Path(home) / "bin" / "java" if home else None
    found = str(beside) if beside is not None and os.access(beside, os.X_OK) else shutil.which("java")
    if found is None:
        raise TransportError(
            f"no Java is installed: apt-get install openjdk-17-jre-headless (17 or newer), {ELSEWHERE}"
        )
    return found


def fetch(pom: Path, otherwise: Path, progress: Callable[[str], None]) -> Path:
    """
    The folder that holds the jars, fetched by Maven the first time.

    It lies in the user's cache (`XDG_CACHE_HOME`), or in *otherwise* where that cannot be written. It is there whole
    or not at all: the jars are gathered under another name first. Raises `TransportError` where Maven is missing or
    cannot fetch.
    """
    digest = hashlib.sha256(pom.read_bytes()).hexdigest()[:8]
    cache = _cache(otherwise)
    place = cache / f"lib-{version(pom)}-{digest}"
    if place.is_dir():
        return place
    with locked(cache / "lock", progress, "another process fetches Kafka's jars"):
        if place.is_dir():
            return place
        progress(f"fetching the jars of Apache Kafka {version(pom)} with Maven, once")
        gathering = Path(tempfile.mkdtemp(prefix="fetching-", dir=cache))
        try:
            _maven(pom, gathering)
            gathering.chmod(0o755)
            gathering.rename(place)
        finally:
            shutil.rmtree(gathering, ignore_errors=True)
    return place


def _maven(pom: Path, target: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise TransportError(f"Maven is needed once, to fetch Kafka's jars: apt-get install maven, {ELSEWHERE}")
    command = [maven, "--quiet", "--batch-mode", "--strict-checksums", f"--file={pom}"]
    command += _repository(target.parent)
    command += [
        "-Dstyle.color=never",
        "dependency:copy-dependencies",
        "-DincludeScope=runtime",
        f"-DoutputDirectory={target}",
    ]
    try:
        ran = subprocess.run(  # noqa: S603  our own words, no shell
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=_PATIENCE
        )
    except subprocess.TimeoutExpired as error:
        raise TransportError(
            f"Maven did not fetch Kafka's jars in {_PATIENCE:g} s; try again nearer a repository, {ELSEWHERE}"
        ) from error
    if ran.returncode != 0 or not any(target.glob("kafka_*.jar")):
        said = [line for line in (ran.stdout + ran.stderr).splitlines() if "ERROR" in line] or ["it said nothing"]
        raise TransportError(
            f"Maven could not fetch Kafka's jars ({said[0][:300]}); see that a repository is in reach, {ELSEWHERE}"
        )


def _repository(otherwise: Path) -> list[str]:
    """Where Maven keeps what it fetched: in its user's home by rule, but a service's account may have none."""
    with suppress(KeyError):
        home = Path(pwd.getpwuid(os.getuid()).pw_dir)  # as Java finds it; HOME says nothing to it
        kept = home / ".m2"
        if os.access(kept if kept.exists() else home, os.W_OK):
            return []
    return [f"-Dmaven.repo.local={otherwise / 'repository'}"]


def _cache(otherwise: Path) -> Path:
    named = os.environ.get("XDG_CACHE_HOME", "")
    try:
        cache = (Path(named) if Path(named).is_absolute() else Path.home() / ".cache") / "sharing-hub" / "kafka"
        cache.mkdir(parents=True, exist_ok=True)
        if os.access(cache, os.W_OK):
            return cache
    except (OSError, RuntimeError):  # no home at all, or one that is not ours
        pass
    otherwise.mkdir(parents=True, exist_ok=True)
    return otherwise


@contextmanager
def locked(path: Path, progress: Callable[[str], None], waiting_for: str) -> Iterator[None]:
    """Hold *path* locked; where another process holds it, say *waiting_for* once and wait for as long as it does."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"{waiting_for}; waiting")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
