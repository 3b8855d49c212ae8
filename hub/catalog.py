"""The catalog: every stream, agency and policy, found by name, read once; what does not fit is a finding."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, Field, ValidationError

from hub.agency import Agency
from hub.approvals import FILE as APPROVALS
from hub.approvals import Approvals
from hub.avro import Codec, schema_of
from hub.deadline import Calendar
from hub.document import Document, Finding, parse, read
from hub.errors import CatalogError
from hub.inbound import Line
from hub.policy import Policy, Shape
from hub.promises import Notice
from hub.schema_lock import SchemaLock, undocumented
from hub.standing import Standing
from hub.stream import Stream
from hub.watch import Watch

Model = TypeVar("Model", bound=BaseModel)


class Keeping(Shape):
    """One way to keep a topic, from topics/keeping.yaml."""

    because: str = Field(min_length=12, description="Why topics are kept like this.")
    retention: str = Field(pattern=r"^(forever|[1-9]\d{0,4} (hours|days))$", description="How long.")
    compact: bool = Field(default=False, description="Whether the newest record of each key outlives the rest.")
    superseded: str | None = Field(
        default=None, pattern=r"^[1-9]\d{0,4} (hours|days)$",
        description="Compacted: how long what a newer record superseded stays at the least.",
    )  # fmt: skip
    partitions: int = Field(ge=1, le=200, description="How many partitions.")


class Quota(Shape):
    """What one kind of principal may take of a broker at most, from topics/quotas.yaml."""

    because: str = Field(min_length=12, description="Why so much.")
    reads: int = Field(ge=1024, description="Bytes a second that are read of one broker.")
    writes: int = Field(ge=1024, description="Bytes a second that are written to one broker.")
    processor: int = Field(ge=1, le=400, description="Time of a broker's threads, in hundredths of one thread.")


@dataclass(frozen=True)
class Catalog:
    """Everything that is known of who says and hears what; *findings* say what could not be read."""

    streams: Mapping[str, Stream]
    agencies: Mapping[str, Agency]
    policies: Mapping[str, Policy]
    watches: Mapping[str, Watch]
    keeping: Mapping[str, Keeping]
    notice: Notice | None
    lock: SchemaLock
    approvals: Mapping[str, Approvals] = field(default_factory=dict)
    calendar: Calendar | None = None
    quotas: Mapping[str, Quota] = field(default_factory=dict)
    documents: Mapping[str, Document] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def unread(self, place: str) -> bool:
        """Whether what begins with *place* could not be read; then it has findings of its own."""
        return any(finding.place.startswith(place) and not finding.warning for finding in self.findings)

    def id_of(self, topic: str, schema: Mapping[str, Any]) -> int:
        """The id under which *schema* goes on *topic*; raises CatalogError where the lock does not know just that."""
        schema_id = self.lock.current.get(topic)
        if schema_id is None or self.lock.schema(schema_id) != undocumented(schema):
            raise CatalogError([f"topics/schemas.lock does not say what {topic} carries now: run `hub sync`"])
        return schema_id

    @cached_property
    def by_topic(self) -> Mapping[str, Stream]:
        """The stream of each of the hub's own topics."""
        return {stream.topic: stream for stream in self.streams.values()}

    @cached_property
    def standing(self) -> tuple[Stream, ...]:
        """The streams that say what decides who may hear of a child (`hub.standing`)."""
        return tuple(stream for stream in self.streams.values() if issubclass(stream.event, Standing))

    def codec(self, stream: Stream) -> Codec:
        """What writes and reads *stream* on its own topic; made once."""
        if stream.name not in self._codecs:
            schema = schema_of(stream)
            self._codecs[stream.name] = Codec(self.id_of(stream.topic, schema), schema)
        return self._codecs[stream.name]

    @cached_property
    def _codecs(self) -> dict[str, Codec]:
        return {}

    def line(self, agency: str, name: str) -> Line:
        """One line of what an agency says; raises CatalogError, with what there is, where there is no such line."""
        known = self.agencies.get(agency)
        if known is None or name not in known.says:
            lines = ", ".join(f"{a.key}/{one}" for a in self.agencies.values() for one in a.says)
            raise CatalogError([f"nobody says {agency}/{name}; there is: {lines}"])
        understand = getattr(importlib.import_module(f"connectors.{agency}.inbound"), name)
        streams = tuple(self.streams[into] for into in known.says[name].into)
        sections = frozenset(self.notice.sections) if self.notice is not None else frozenset[str]()
        return Line(known, name, understand, streams, frozenset(self.agencies), sections)

    def renderer(self, agency: str, name: str) -> Callable[..., Any] | None:
        """The function *name* of an agency's outbound.py, where it has one."""
        if importlib.util.find_spec(f"connectors.{agency}.outbound") is None:
            return None
        function: Callable[..., Any] | None = getattr(
            importlib.import_module(f"connectors.{agency}.outbound"), name, None
        )
        return function


def folder_of(package: str) -> Path:
    """Where a package's data lies: the same in a checkout, an editable install and a wheel."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise CatalogError([f"the package {package!r} is not installed beside the hub"])
    return Path(spec.origin).parent


def load() -> Catalog:
    """Read everything; raises CatalogError with all findings where anything is wrong that the hub would trip over."""
    catalog = look()
    faults = [finding for finding in catalog.findings if not finding.warning]
    if faults:
        raise CatalogError(faults)
    return catalog


def look() -> Catalog:
    """Read everything that can be read, with a finding for what cannot."""
    reader = _Reader()
    streams, watches = reader.streams()
    agencies: dict[str, Agency] = {}
    policies: dict[str, Policy] = {}
    approvals: dict[str, Approvals] = {}
    connectors = folder_of("connectors")
    for folder in reader.folders("connectors", "agency.yaml"):
        agency = reader.shape(Agency, folder / "agency.yaml", f"connectors/{folder.name}/agency.yaml")
        if agency is not None:
            agencies[folder.name] = agency.model_copy(update={"key": folder.name})
        policy = reader.policy(folder)
        if policy is not None:
            policies[folder.name] = policy
        if (folder / APPROVALS).exists():
            read_of = reader.shape(Approvals, folder / APPROVALS, f"connectors/{folder.name}/{APPROVALS}")
            if read_of is not None:
                approvals[folder.name] = read_of
    topics = folder_of("topics")
    return Catalog(
        streams=streams,
        agencies=agencies,
        policies=policies,
        watches=watches,
        keeping=reader.entries(Keeping, topics / "keeping.yaml", "topics/keeping.yaml"),
        quotas=reader.entries(Quota, topics / "quotas.yaml", "topics/quotas.yaml"),
        notice=reader.shape(Notice, connectors / "notice.yaml", "connectors/notice.yaml"),
        lock=reader.lock(topics),
        approvals=approvals,
        calendar=reader.calendar(connectors / "calendar.yaml"),
        documents=reader.documents,
        findings=tuple(reader.findings),
    )


def policies_in(folder: Path) -> tuple[dict[str, Policy], dict[str, Document], list[Finding]]:
    """The policies in *folder*, laid out as connectors/ is; their documents; and a finding for what cannot be read."""
    reader = _Reader()
    found = {one.name: reader.policy(one) for one in sorted(folder.iterdir()) if one.name.isidentifier()}
    return {name: policy for name, policy in found.items() if policy is not None}, reader.documents, reader.findings


def shaped(model: type[Model], content: bytes, place: str) -> tuple[Model | None, tuple[Finding, ...]]:
    """What the YAML file at *place* would say if *content* stood in it, by the same checks, and what is wrong in it."""
    reader, document = _Reader(), parse(content, place)
    found = None if document.faults else reader.validated(model, document, (), document.value)
    return found, (*document.faults, *reader.findings)


def version_of(content: bytes) -> str:
    """The version of a policy.yaml: 16 hexadecimal digits of the SHA-256 of its bytes."""
    return hashlib.sha256(content).hexdigest()[:16]


class _Reader:
    """Reads file by file and keeps what it found wrong."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.documents: dict[str, Document] = {}

    def folders(self, package: str, wanted: str) -> Iterator[Path]:
        """The folders of *package* that hold the file *wanted*; a folder that nobody would ever look into is told."""
        for folder in sorted(one for one in folder_of(package).iterdir() if one.is_dir()):
            if folder.name.startswith(("_", ".")) or all(one.name == "__pycache__" for one in folder.iterdir()):
                continue  # Python's own, or what it leaves of a folder that is gone
            place = f"{package}/{folder.name}"
            if not folder.name.isidentifier():
                mend = "write it in lower case, words joined by _"
                self.findings.append(Finding(place, 1, "is no name for a folder here", mend))
            elif not (folder / wanted).exists():
                self.findings.append(Finding(f"{place}/{wanted}", 1, "is missing", "write it, or delete the folder"))
            else:
                yield folder

    def streams(self) -> tuple[dict[str, Stream], dict[str, Watch]]:
        streams: dict[str, Stream] = {}
        watches: dict[str, Watch] = {}
        for folder in self.folders("schemas", "__init__.py"):
            place = f"schemas/{folder.name}/__init__.py"
            module = self._module(f"schemas.{folder.name}", place)
            stream = getattr(module, "stream", None)
            if module is not None and not isinstance(stream, Stream):
                self.findings.append(Finding(place, 1, "has no `stream`", "end it with: stream = Stream(name=…, …)"))
            elif isinstance(stream, Stream) and stream.name != folder.name:
                self.findings.append(Finding(place, 1, f"calls itself {stream.name!r}", "name it as its folder"))
            elif isinstance(stream, Stream):
                streams[stream.name] = stream
            if (folder / "watch.py").exists():
                place = f"schemas/{folder.name}/watch.py"
                found = self._module(f"schemas.{folder.name}.watch", place)
                watch = getattr(found, "watch", None)
                if found is not None and not isinstance(watch, Watch):
                    self.findings.append(Finding(place, 1, "has no `watch`", "end it with: watch = Watch(name=…, …)"))
                elif isinstance(watch, Watch) and watch.name in watches:
                    self.findings.append(Finding(place, 1, f"another watch is {watch.name!r}", "choose another name"))
                elif isinstance(watch, Watch):
                    watches[watch.name] = watch
        return streams, watches

    def _module(self, name: str, place: str) -> ModuleType | None:
        try:
            return importlib.import_module(name)
        except Exception as error:  # noqa: BLE001  whatever a folder's code does at import is a finding about that folder
            trace, line = error.__traceback__, 1
            while trace is not None:
                if trace.tb_frame.f_code.co_filename.endswith(place):
                    line = trace.tb_lineno
                trace = trace.tb_next
            what = f"does not import: {type(error).__name__}: {error}"
            self.findings.append(Finding(place, getattr(error, "lineno", None) or line, what, "mend the module"))
            return None

    def document(self, path: Path, place: str) -> Document:
        if not path.exists():
            document = Document(place, None, {}, (Finding(place, 1, "is missing", "write it"),))
        else:
            document = read(path, place)
        self.documents[place] = document
        self.findings += document.faults
        return document

    def shape(self, model: type[Model], path: Path, place: str) -> Model | None:
        document = self.document(path, place)
        return None if document.faults else self.validated(model, document, (), document.value)

    def policy(self, folder: Path) -> Policy | None:
        """What the agency of *folder* may hear, with its version; None where it hears nothing, or cannot be read."""
        path = folder / "policy.yaml"
        if not path.exists():
            return None
        place = f"connectors/{folder.name}/policy.yaml"
        policy = self.shape(Policy, path, place)
        if policy is None:
            return None
        # Of what was read, not of the file as it is now: an approval is of one content.
        return policy.model_copy(update={"version": version_of(self.documents[place].content)})

    def calendar(self, path: Path) -> Calendar | None:
        """Which days count; None where nobody wrote it, which matters only where a deadline asks."""
        return self.shape(Calendar, path, "connectors/calendar.yaml") if path.exists() else None

    def entries(self, model: type[Model], path: Path, place: str) -> dict[str, Model]:
        """A file of named entries, each of the shape of *model*."""
        document = self.document(path, place)
        entries = document.value if isinstance(document.value, dict) else {}
        found = {name: self.validated(model, document, (name,), value) for name, value in entries.items()}
        return {name: one for name, one in found.items() if one is not None}

    def lock(self, folder: Path) -> SchemaLock:
        try:
            return SchemaLock.read(folder)
        except CatalogError as error:
            self.findings += [one for one in error.findings if isinstance(one, Finding)]
            return SchemaLock([])

    def validated(
        self, model: type[Model], document: Document, above: tuple[str | int, ...], value: Any
    ) -> Model | None:
        try:
            return model.model_validate(value)
        except ValidationError as error:
            told: set[tuple[str | int, ...]] = set()
            for fault in error.errors(include_input=False, include_url=False, include_context=False):
                path = whole = (*above, *(part for part in fault["loc"] if part != "[key]"))
                while path and path not in document.lines and fault["type"] != "missing":
                    path = path[:-1]  # what pydantic tried on one value, kind by kind, is one fault
                if path != whole and path in told:
                    continue
                told.add(path)
                known = _known_keys(model, fault["loc"]) if fault["type"] == "extra_forbidden" else []
                self.findings.append(document.finding(path, fault["msg"], _mend(fault["type"], path, known)))
            return None


def _known_keys(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The keys that could stand where an unknown one does, following *loc* through the models."""
    here: Any = model
    for part in loc[:-1]:
        if isinstance(here, type) and issubclass(here, BaseModel) and part in here.model_fields:
            here = here.model_fields[str(part)].annotation
        args = [arg for arg in get_args(here) if isinstance(arg, type) and issubclass(arg, BaseModel)]
        here = args[-1] if args else here
    return list(here.model_fields) if isinstance(here, type) and issubclass(here, BaseModel) else []


def _mend(kind: str, path: tuple[str | int, ...], known: list[str]) -> str:
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(path[-1]), known, n=1)
        return f"did you mean {near[0]!r}?" if near else "take it out: an unknown key is never obeyed"
    if kind == "missing":
        return f"write {path[-1]!r}"
    return "mend the value"
