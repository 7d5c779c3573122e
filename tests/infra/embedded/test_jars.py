"""Kafka's jars are the locked ones, and no others."""

import hashlib
import re
from pathlib import Path

import pytest

from infra.embedded.fetch_jars import dependency, reject_unknown
from infra.embedded.jars import Jar, JarsMissing, kafka_version, locked_jars


def test_the_lock_names_each_jar_once_with_its_digest() -> None:
    jars = locked_jars()

    assert len({jar.file for jar in jars}) == len(jars)
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) for jar in jars)


def test_kafka_is_of_the_fourth_line_and_of_one_version() -> None:
    versions = {jar.version for jar in locked_jars() if jar.group == "org.apache.kafka"}

    assert versions == {kafka_version()}
    assert kafka_version().startswith("4.")


def test_maven_is_asked_for_the_jar_alone() -> None:
    asked = dependency(Jar("org.example", "thing", "1.0", ""))

    assert "<artifactId>thing</artifactId><version>1.0</version>" in asked
    assert "<exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion>" in asked


def test_a_jar_that_was_changed_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "thing-1.0.jar").write_bytes(b"not what was locked")
    jar = Jar("org.example", "thing", "1.0", hashlib.sha256(b"what was locked").hexdigest())

    with pytest.raises(JarsMissing, match=r"thing-1\.0\.jar"):
        reject_unknown([jar], tmp_path)
