"""Versions: policies as they stand in a folder, or stood at a git ref, and catalogs that have them; read only."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hub import check, sync
from hub.agency import Agency, Door, Hearing
from hub.catalog import Catalog, folder_of, policies_in, shaped, version_of
from hub.coarse import WORDS
from hub.document import Document, Finding
from hub.errors import CatalogError, HubError
from hub.policy import Grant, Policy
from hub.stream import Stream

PATIENCE = 20.0  # seconds for one question to git
LOOKED_THROUGH = 300  # commits of one policy in which a version is looked for
POLICY = "policy.yaml"
ELSEWHERE = Hearing(doors=(Door(format="avro", by="kafka"),))


class NoBase(HubError):
    """There are no policies to compare with, and the message says how to name some."""


class _SaidNothing(NoBase):
    """Git ended without a reason: what it was asked for is not there."""


@dataclass(frozen=True, slots=True)
class Base:
    """Policies to compare with: *name* says whose they are, *unread* which of them cannot be read by today's rules."""

    name: str
    policies: Mapping[str, Policy]
    unread: tuple[Finding, ...] = ()


def base_of(named: str) -> Base:
    """
    The policies at the git ref *named*, or in the folder of that name: a copy of connectors/, or of a project.

    A policy that cannot be read by today's rules is not in it, so that all it grants today counts as new. Raises NoBase
    where there is neither a ref nor a folder of that name, both, or no policy in the folder.
    """
    folder = Path(named)
    if not folder.is_dir():
        return _at_ref(named)
    if os.sep not in named and named not in (".", "..") and _is_ref(named):
        raise NoBase(f"{named} is a folder and a git ref: write ./{named}, or refs/heads/{named}")
    return in_folder(folder)


def _is_ref(named: str) -> bool:
    try:
        return _commit(named) is not None
    except NoBase:
        return False


def in_folder(folder: Path) -> Base:
    """The policies in *folder*, a copy of connectors/ or of a project; raises NoBase where it holds none."""
    policies, _, findings = _read(folder)
    return Base(str(folder), policies, tuple(findings))


def _read(folder: Path) -> tuple[dict[str, Policy], dict[str, Document], list[Finding]]:
    policies, documents, findings = policies_in(_connectors(folder))
    if not documents:
        raise NoBase(f"{folder}: no <agency>/{POLICY} is in it; name a copy of connectors/, or of a project")
    return policies, documents, findings


def _connectors(folder: Path) -> Path:
    return folder / "connectors" if (folder / "connectors").is_dir() else folder


def _at_ref(ref: str) -> Base:
    commit = _commit(ref)
    if commit is None:
        raise NoBase(f"{ref!r} is neither a folder nor a git ref of the repository around {_root()}")
    policies: dict[str, Policy] = {}
    unread: list[Finding] = []
    for path in _git("ls-tree", "-r", "-z", "--name-only", commit, "--", "connectors/").decode().split("\0"):
        agency, _, file = path.removeprefix("connectors/").partition("/")
        if file == POLICY and agency.isidentifier():
            content = _git("cat-file", "blob", f"{commit}:./{path}")
            policy, faults = shaped(Policy, content, path)
            unread += faults
            if policy is not None:
                policies[agency] = policy.model_copy(update={"version": version_of(content)})
    return Base(f"{ref} ({commit[:12]})", policies, tuple(unread))


def earlier(agency: str, version: str) -> Policy | None:
    """The policy of *agency* whose version was *version*, found in what git keeps; None where it is not found."""
    place = f"connectors/{agency}/{POLICY}"
    try:
        commits = _git("log", f"--max-count={LOOKED_THROUGH}", "--format=%H", "HEAD", "--", place).decode().split()
    except NoBase:
        return None
    for commit in commits:
        try:
            content = _git("cat-file", "blob", f"{commit}:./{place}")
        except NoBase:
            continue  # the commit that took it away
        if version_of(content) == version:
            return shaped(Policy, content, place)[0]
    return None


def _root() -> Path:
    """The folder in which connectors/ lies."""
    return folder_of("connectors").parent


def _commit(ref: str) -> str | None:
    """The commit that *ref* names, or None."""
    if ref.startswith("-"):
        raise NoBase(f"{ref!r} is no git ref: none begins with -")
    try:
        return _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}").decode().strip()
    except _SaidNothing:
        return None


def _git(*words: str) -> bytes:
    """What git answers in the project's folder; raises NoBase where it does not."""
    quiet = os.environ | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603  the words are ours but for a ref, which never begins with -
            ["git", "--no-pager", "-C", str(_root()), *words],  # noqa: S607  whichever git is found first is the user's
            env=quiet, capture_output=True, timeout=PATIENCE, check=True,
        )  # fmt: skip
    except FileNotFoundError:
        raise NoBase("git is not installed here: name a folder to compare with") from None
    except subprocess.TimeoutExpired:
        raise NoBase(f"git did not answer in {PATIENCE:g} s") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines()
        kind = NoBase if said else _SaidNothing
        raise kind(f"git: {said[0] if said else f'exit code {error.returncode}'}") from None
    return done.stdout


def with_policies(catalog: Catalog, folder: Path) -> Catalog:
    """
    *catalog* with the policies of *folder* (a copy of connectors/, or of a project) in place of its own.

    It carries at once, in memory: what `hub sync` would write into the schema lock is taken as written. An agency on
    trial is as if it were live, and a stream without a door as if it were heard from Kafka. Raises CatalogError with
    all that is wrong with those policies, NoBase where there are none.
    """
    policies, documents, faults = _read(folder)
    made = supposing(catalog, policies)
    for place, document in documents.items():
        faults += [*check.grants.policy(place.split("/")[1], document, made), *document.unwritten()]
    inner = _connectors(folder)
    found = [replace(one, place=str(inner / one.place.removeprefix("connectors/"))) for one in faults]
    if any(not one.warning for one in found):
        raise CatalogError(one for one in found if not one.warning)
    return replace(made, documents={**catalog.documents, **documents})


def supposing(catalog: Catalog, policies: Mapping[str, Policy]) -> Catalog:
    """*catalog* as if *policies* were its own and all was live; what its streams do not say is left out of them."""
    fitted = {key: _fitted(one, catalog.streams) for key, one in policies.items() if key in catalog.agencies}
    agencies = {key: _listening(one, fitted.get(key)) for key, one in catalog.agencies.items()}
    return sync.as_synced(replace(catalog, policies=fitted, agencies=agencies))


def _listening(agency: Agency, policy: Policy | None) -> Agency:
    hears = dict.fromkeys(policy.hears if policy is not None else (), ELSEWHERE)
    return agency.model_copy(update={"status": "live", "hears": {**hears, **agency.hears}})


def _fitted(policy: Policy, streams: Mapping[str, Stream]) -> Policy:
    hears = {name: _known(grant, streams[name]) for name, grant in policy.hears.items() if name in streams}
    return policy.model_copy(update={"hears": {name: one for name, one in hears.items() if one is not None}})


def _known(grant: Grant, stream: Stream) -> Grant | None:
    """*grant* without the fields that *stream* does not say; None where it asks for one, or nothing is left."""
    leaves = {fact.name for fact in stream.facts() if fact.record is None}
    fields = tuple(path for path in grant.fields if path in leaves)
    coarse = {path: word for path, word in grant.coarse.items() if path in leaves and word in WORDS}
    if not grant.where.keys() <= leaves or not (fields or coarse):
        return None
    return grant.model_copy(update={"fields": fields, "coarse": coarse})
