"""``controlplane.yaml`` (version 1) -> ``Project``: what a project folder says, with every path absolute.

Reads the file only: nothing connects, no key is looked up, and the environment is what the caller hands in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from controlplane.kernel.documents import Document, read_document
from controlplane.kernel.package_schemas import package_schema
from controlplane.kernel.problems import DocumentInvalidError, Problem, Steps, kind_of, shown
from controlplane.kernel.reading import Issues, Section, duplicates, known_zone
from controlplane.kernel.variables import Allowed, substituted
from controlplane.settings_operation import (
    Housekeeping,
    Limits,
    read_housekeeping,
    read_intervals,
    read_limits,
    read_retention,
)
from controlplane.usecases.retention_ports import Retention
from controlplane.usecases.schedule_ports import Intervals

FILE = "controlplane.yaml"
SCHEMA = "project.schema.json"
CATALOGS = ("sql", "rest", "hive", "glue")
ROLES = ("new", "all", "reference")
ENGINES = ("duckdb", "spark")
FORMATS = ("debezium-json", "json")

_VERSION = 1
_NAME = re.compile("[A-Za-z0-9_-]+")
_SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///)(?!/|:memory:)(.+)")
_SCHEMED = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.DOTALL)
_SECRET = (("store", "url"), ("keys",), ("catalog", "properties"))
_PLACES = "store.url, keys, catalog.properties and lineage api_key"


class ProjectInvalidError(DocumentInvalidError):
    """Raised when a project cannot be used; ``problems`` has all that is wrong, the text one line for each."""


@dataclass(frozen=True)
class CatalogSettings:
    """The Iceberg catalog.

    Attributes:
        type: ``sql``, ``rest``, ``hive`` or ``glue``.
        uri: its address; paths of SQLite files are absolute.
        properties: by Iceberg's names; may hold secrets and so is not shown.
    """

    name: str
    type: str
    uri: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class KeyReference:
    """Where a master key is found.

    Attributes:
        source: ``env`` or ``file``; name: of the environment variable; path: of the file, absolute.
        epoch: counts up when the key is replaced.
    """

    source: str
    name: str | None = None
    path: Path | None = None
    epoch: int = 1

    def as_mapping(self) -> Mapping[str, object]:
        """Return the reference as the project file writes it: {from, name or path, epoch}."""
        where = {"name": self.name} if self.source == "env" else {"path": str(self.path)}
        return {"from": self.source, **where, "epoch": self.epoch}


@dataclass(frozen=True)
class PipelineSettings:
    """How one dataset is made: by a SELECT (``sql``) or from landed messages (``topic``).

    Attributes:
        sql: the file of the SELECT, absolute and existing.
        inputs: dataset to ``new``, ``all`` or ``reference``.
        format: of a message, ``debezium-json`` or ``json``.
        event_id, event_time: fields of a ``json`` message that identify it and say when it happened.
    """

    name: str
    dataset: str
    sql: Path | None = None
    engine: str = "duckdb"
    inputs: Mapping[str, str] = field(default_factory=dict)
    topic: str | None = None
    format: str | None = None
    event_id: str | None = None
    event_time: str | None = None


@dataclass(frozen=True)
class Project:
    """One project folder.

    Attributes:
        root: the folder, absolute; file: the project file.
        namespace: OpenLineage namespace of every dataset.
        warehouse, state, landing: ``file:///absolute/path`` or ``s3://bucket/prefix``; landing None: nothing is ingested.
        store_url: SQLAlchemy address; may hold a password and so is not shown.
        tokens, seal: references to the master keys; None where there is none.
        contracts: existing files and folders.
        promises: the file ``slas.yaml``; None where nothing was promised.
        logs: the file that ``serve`` writes its log to, as JSON lines; None: to standard error only.
        lineage: one mapping per receiver: {to: file, path} or {to: http, url, endpoint, api_key, timeout}.
    """

    root: Path
    file: Path
    name: str
    namespace: str
    catalog: CatalogSettings
    warehouse: str
    store_url: str = field(repr=False)
    state: str
    landing: str | None = None
    tokens: KeyReference | None = None
    seal: KeyReference | None = None
    contracts: tuple[Path, ...] = ()
    promises: Path | None = None
    routes: Path | None = None
    policies: tuple[Path, ...] = ()
    pipelines: tuple[PipelineSettings, ...] = ()
    time_zone: str = "UTC"
    lineage: tuple[Mapping[str, object], ...] = field(default=(), repr=False)
    housekeeping: Housekeeping = field(default_factory=Housekeeping)
    limits: Limits = field(default_factory=Limits)
    intervals: Intervals = field(default_factory=Intervals)
    retention: Retention = field(default_factory=Retention)
    logs: Path | None = None


def load_project(path: Path | str, environ: Mapping[str, str] | None = None) -> Project:
    """Return the project of a folder (or of its ``controlplane.yaml``).

    Args:
        path: of the folder or the file.
        environ: where ``${NAME}`` is looked up; None: nowhere, so that every ``${NAME}`` is a problem.

    Raises:
        ProjectInvalidError: anything is wrong; all problems are listed, with file, line and what is allowed.
    """
    file = Path(path).absolute()
    file = file / FILE if file.is_dir() else file
    if not file.is_file():
        message = f"there is no project here; name a folder with a {FILE}, or make one with: controlplane init DIR"
        raise ProjectInvalidError([Problem(str(file), 1, "", message)])
    try:
        document, _ = read_document(file)
    except DocumentInvalidError as error:
        raise ProjectInvalidError(error.problems) from None
    issues = Issues(document)
    if not isinstance(document.data, dict):
        what = "the file is empty" if document.data is None else f"the file holds {kind_of(document.data)} at its top"
        issues.add((), f"{what}; it is a map with version, name, namespace, catalog, warehouse, store and state")
        raise ProjectInvalidError(issues.problems)
    project = read_project(document, issues, file, environ or {})
    issues.settle()
    for where, message in package_schema(SCHEMA).errors(document.data):
        issues.add(where, message)
    issues.refuse(ProjectInvalidError)
    return project


def read_project(document: Document, issues: Issues, file: Path, environ: Mapping[str, str]) -> Project:
    """Return the project of a document; what is wrong is noted in ``issues``."""
    return _Reader(document, issues, file, environ).project()


class _Reader:
    """Reads one project file."""

    def __init__(self, document: Document, issues: Issues, file: Path, environ: Mapping[str, str]) -> None:
        self._issues, self._file, self._root = issues, file, file.parent
        data = substituted(document.data, issues, environ, Allowed(_is_secret, _is_api_key, _PLACES))
        self._top = Section(issues, (), data)
        if any(sign in str(self._root) for sign in "?#%"):
            issues.add((), f"the project's folder {shown(str(self._root))} has one of ? # % in its path; move it elsewhere")

    def project(self) -> Project:
        """Return the whole project."""
        top = self._top
        if top.value("version", required=True) not in (None, _VERSION):
            top.problem("version", f"must be {_VERSION}, the only version there is")
        store = top.section("store", required=True)
        url = store.text("url", required=True) if store else None
        keys = top.section("keys")
        calendar = top.section("calendar")
        found = Project(
            root=self._root,
            file=self._file,
            name=self._name(top, "name"),
            namespace=top.text("namespace", required=True) or "",
            catalog=self._catalog(),
            warehouse=self._folder("warehouse", required=True) or "",
            store_url=self._address(url) if url else "",
            state=self._folder("state", required=True) or "",
            landing=self._folder("landing"),
            tokens=self._key(keys.section("tokens")) if keys else None,
            seal=self._key(keys.section("seal")) if keys else None,
            contracts=self._paths("contracts", must_exist=True),
            promises=self._path(top, "promises", must_exist=True),
            routes=self._path(top, "routes"),
            policies=self._paths("policies"),
            pipelines=tuple(self._pipelines()),
            time_zone=(calendar.parsed("time_zone", known_zone) if calendar else None) or "UTC",
            lineage=tuple(self._lineage()),
            housekeeping=read_housekeeping(top.section("housekeeping")),
            limits=read_limits(top.section("limits")),
            intervals=read_intervals(top.section("schedule")),
            retention=read_retention(top.section("retention")),
            logs=self._path(top, "logs"),
        )
        for section in (store, keys, calendar, top):
            if section is not None:
                section.done()
        return found

    @staticmethod
    def _name(section: Section, key: str) -> str:
        found = section.text(key, required=True) or ""
        if found and not _NAME.fullmatch(found):
            section.problem(key, f"{shown(found)} may hold letters, digits, '_' and '-' only")
        return found

    def _absolute(self, text: str) -> Path:
        return Path(self._root, text).resolve()

    def _address(self, url: str) -> str:
        """Return a database address with the path of an SQLite file made absolute."""
        match = _SQLITE.fullmatch(url)
        return f"{match[1]}{self._absolute(match[2])}" if match else url

    def _folder(self, key: str, *, required: bool = False) -> str | None:
        text = self._top.text(key, required=required)
        if text is None:
            return None
        scheme, rest = match.groups() if (match := _SCHEMED.fullmatch(text)) else ("file", text)
        if scheme == "s3" and rest.strip("/"):
            return text.rstrip("/")
        if scheme == "file" and rest:
            return f"file://{self._absolute(rest)}"
        self._top.problem(key, f"{shown(text)} is no folder; allowed are file://path and s3://bucket/prefix")
        return None

    def _path(self, section: Section, key: str, *, must_exist: bool = False) -> Path | None:
        text = section.text(key)
        return None if text is None else self._existing(text, section.at(key), must_exist=must_exist)

    def _paths(self, key: str, *, must_exist: bool = False) -> tuple[Path, ...]:
        texts = self._top.texts(key)
        at = self._top.at
        return tuple(self._existing(text, at(key, number), must_exist=must_exist) for number, text in enumerate(texts))

    def _existing(self, text: str, where: Steps, *, must_exist: bool) -> Path:
        path = self._absolute(text)
        if must_exist and not path.exists():
            self._issues.add(where, f"there is no file or folder {shown(text)} in {self._root}; check the path")
        return path

    def _catalog(self) -> CatalogSettings:
        section = self._top.section("catalog", required=True)
        if section is None:
            return CatalogSettings("", "")
        kind = section.text("type", required=True, allowed=CATALOGS)
        uri = section.text("uri", required=kind in {"sql", "rest", "hive"})
        properties = section.section("properties")
        texts: dict[str, str] = {}
        for key in properties.data if properties else ():
            value = properties.value(key) if properties else None
            texts[key] = str(value).lower() if isinstance(value, bool) else str(value)
        name = section.text("name", required=True) or ""
        section.done()
        return CatalogSettings(name, kind or "", self._address(uri) if uri else None, texts)

    def _key(self, section: Section | None) -> KeyReference | None:
        if section is None:
            return None
        source = section.text("from", required=True, allowed=("env", "file"))
        name = section.text("name", required=source == "env")
        path = section.text("path", required=source == "file")
        epoch = section.integer("epoch", allowed=range(1, 1_000_001))
        section.done()
        for key, owner in (("name", "env"), ("path", "file")):
            if source is not None and key in section and source != owner:
                section.problem(key, f"{key} is for from: {owner}; remove it")
        return KeyReference(source or "", name, self._absolute(path) if path else None, epoch or 1)

    def _pipelines(self) -> Iterator[PipelineSettings]:
        found = [self._pipeline(section) for section in self._top.sections("pipelines")]
        for name in duplicates([pipeline.name for pipeline in found]):
            self._issues.add(("pipelines",), f"the name {name!r} is given to two pipelines; choose another")
        for name in duplicates([pipeline.dataset for pipeline in found]):
            self._issues.add(("pipelines",), f"the dataset {name!r} is made by two pipelines; keep one")
        yield from found

    def _pipeline(self, section: Section) -> PipelineSettings:
        source = self._source(section.section("source"))
        inputs = section.section("inputs")
        roles = {name: inputs.text(name, allowed=ROLES) for name in inputs.data} if inputs else {}
        engine = section.text("engine", allowed=ENGINES)
        found = PipelineSettings(
            name=self._name(section, "name"),
            dataset=section.text("dataset", required=True) or "",
            sql=self._path(section, "sql", must_exist=True),
            engine=engine or "duckdb",
            inputs={name: role for name, role in roles.items() if role is not None},
            **source,
        )
        section.done()
        if ("sql" in section) == ("source" in section):
            section.issues.add(section.path, "needs exactly one of sql (a SELECT) and source (landed messages)")
        for key in ("engine", "inputs"):
            if "source" in section and key in section:
                section.problem(key, f"{key} is for pipelines with sql; remove it")
        return found

    @staticmethod
    def _source(section: Section | None) -> Mapping[str, str | None]:
        """Return what landed messages are: topic, format, and the fields a ``json`` message is known by."""
        if section is None:
            return {}
        kind, topic = section.text("format", required=True, allowed=FORMATS), section.text("topic", required=True)
        event_id, event_time = (section.text(key, required=kind == "json") for key in ("id", "event_time"))
        section.done()
        for key in ("id", "event_time"):
            if key in section and kind == "debezium-json":
                section.problem(key, f"{key} is for format: json; remove it")
        return {"topic": topic, "format": kind, "event_id": event_id, "event_time": event_time}

    def _lineage(self) -> Iterator[Mapping[str, object]]:
        for section in self._top.sections("lineage"):
            to = section.text("to", required=True, allowed=("file", "http"))
            path, url = section.text("path", required=to == "file"), section.text("url", required=to == "http")
            endpoint, api_key = section.text("endpoint"), section.text("api_key")
            timeout = section.number("timeout")
            section.done()
            for key in ("url", "endpoint", "api_key", "timeout") if to == "file" else ("path",) if to == "http" else ():
                if key in section:
                    section.problem(key, f"{key} is not for to: {to}; remove it")
            values = {
                "to": to,
                "path": str(self._absolute(path)) if path else None,
                "url": url,
                "endpoint": endpoint,
                "api_key": api_key,
                "timeout": float(timeout) if timeout is not None else None,
            }
            yield {key: value for key, value in values.items() if value is not None}


def _is_api_key(path: Steps) -> bool:
    return path[:1] == ("lineage",) and path[-1] == "api_key"


def _is_secret(path: Steps) -> bool:
    return any(path[: len(prefix)] == prefix for prefix in _SECRET) or _is_api_key(path)
