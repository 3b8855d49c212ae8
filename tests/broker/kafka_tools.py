"""Kafka's own command-line tools: the jar that a broker does without, fetched once beside those it runs with."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from hub import kafka_jars

CONSOLE_CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer"


def command(otherwise: Path, tool: str) -> list[str]:
    """How *tool* is started, in the version that is pinned; skips, with the reason, where its jar is not to be had."""
    pom = kafka_jars.pinned()
    lib = kafka_jars.fetch(pom, otherwise, lambda _: None)
    jar = lib.with_name(f"tools-{kafka_jars.version(pom)}") / f"kafka-tools-{kafka_jars.version(pom)}.jar"
    if not jar.exists():
        maven = shutil.which("mvn")
        if maven is None:
            pytest.skip("Kafka's command-line tools are not here, and no Maven to fetch them: apt-get install maven")
        artefact = f"-Dartifact=org.apache.kafka:kafka-tools:{kafka_jars.version(pom)}"
        words = [maven, "-q", "-B", "-f", str(pom), "dependency:copy", artefact, f"-DoutputDirectory={jar.parent}"]
        fetched = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
        if fetched.returncode != 0 or not jar.exists():
            pytest.skip("Maven could not fetch Kafka's command-line tools (org.apache.kafka:kafka-tools)")
    return [kafka_jars.java(), "-Xmx128m", "-cp", f"{lib}/*:{jar}", tool]
