"""Fetches Kafka's jars: with `mvn` where that is installed (it knows the mirrors), else with `jgo`."""

import hashlib
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from types import FrameType
from xml.sax.saxutils import escape

import requests
from jgo.maven import MavenContext

from infra.embedded.jars import Jar, JarsMissing, locked_jars

MVN_LIMIT = 300.0
REQUEST_LIMIT = 30
PARALLEL = 6
POM_HEAD = (
    "<project><modelVersion>4.0.0</modelVersion>"
    "<groupId>jan</groupId><artifactId>kafka-jars</artifactId><version>1</version><dependencies>"
)
POM_TAIL = "</dependencies></project>"


def main() -> None:
    """Fetch them into the folder that the first argument names."""
    signal.signal(signal.SIGTERM, leave)
    try:
        fetch(Path(sys.argv[1]))
    except JarsMissing as error:
        sys.exit(str(error))


def leave(_number: int, _frame: FrameType | None) -> None:
    """End by an exception, so that the draft is removed."""
    sys.exit(1)


def say(progress: str) -> None:
    """One line of progress."""
    print(progress, flush=True)  # noqa: T201 - this is its log


def fetch(folder: Path) -> None:
    """Fetch into a draft folder beside it, check every jar, then move it into place."""
    jars = locked_jars()
    with tempfile.TemporaryDirectory(prefix="jars-", dir=folder.parent) as draft:
        collected = Path(draft) / "all"
        collected.mkdir()
        fetch_somehow(jars, collected)
        reject_unknown(jars, collected)
        if not folder.exists():
            collected.rename(folder)


def fetch_somehow(jars: tuple[Jar, ...], into: Path) -> None:
    """By Maven, which knows this machine's mirrors; else by jgo."""
    mvn = shutil.which("mvn")
    if mvn is not None:
        say(f"fetching {len(jars)} jars with mvn")
        if fetch_by_maven(mvn, jars, into):
            return
    fetch_by_jgo(jars, into)


def fetch_by_maven(mvn: str, jars: tuple[Jar, ...], into: Path) -> bool:
    """One run of Maven for all of them; False when it failed."""
    pom = into.parent / "pom.xml"
    pom.write_text(POM_HEAD + "".join(map(dependency, jars)) + POM_TAIL, encoding="utf-8")
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={into}", "-DexcludeTransitive=true"]
    try:
        subprocess.run(  # noqa: S603 - the machine's Maven
            [mvn, "-q", "-B", "-f", str(pom), *goal], timeout=MVN_LIMIT, check=True, capture_output=True
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return all((into / jar.file).exists() for jar in jars)


def dependency(jar: Jar) -> str:
    """One dependency of the pom, without its own."""
    named = {"groupId": jar.group, "artifactId": jar.artifact, "version": jar.version}
    words = "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in named.items())
    alone = "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"
    return f"<dependency>{words}{alone}</dependency>"


def fetch_by_jgo(jars: tuple[Jar, ...], into: Path) -> None:
    """Each jar by itself, several at once."""
    context = MavenContext(repo_cache=into.parent / "repository", timeout=REQUEST_LIMIT)
    with ThreadPoolExecutor(PARALLEL) as pool:
        waiting = [pool.submit(fetch_one, context, jar, into) for jar in jars]
        try:
            for count, done in enumerate(as_completed(waiting), 1):
                done.result()
                say(f"fetching jars: {count} of {len(jars)}")
        except (OSError, RuntimeError, requests.RequestException) as error:
            pool.shutdown(cancel_futures=True)
            message = f"Kafka's jars can't be fetched: {error}"
            raise JarsMissing(message) from error


def fetch_one(context: MavenContext, jar: Jar, into: Path) -> None:
    """Fetch one jar without looking at its dependencies."""
    component = context.project(jar.group, jar.artifact).at_version(jar.version)
    component.artifact().resolve().rename(into / jar.file)


def reject_unknown(jars: Iterable[Jar], folder: Path) -> None:
    """JarsMissing when one isn't the file that was locked."""
    for jar in jars:
        found = hashlib.sha256((folder / jar.file).read_bytes()).hexdigest()
        if found != jar.sha256:
            message = f"{jar.file} isn't the file that kafka.lock names: its SHA-256 is {found}"
            raise JarsMissing(message)


if __name__ == "__main__":
    main()
