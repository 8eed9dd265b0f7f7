"""``routes.yaml``: what is accepted, what is refused, and where the problem is said to be."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from alerting.loading import RoutesInvalidError, load_routes
from alerting.routing import Options, Routes, SecretReference

GOOD = """\
version: 1
base_url: https://plane.example.com/
heartbeat: on_call
receivers:
  - name: on_call
    webhook:
      url: https://example.com/${TOKEN}
      timeout: 2.5
      secret: {from: env, name: ON_CALL_SECRET}
  - name: team
    webhook: {url: "http://localhost:9000/team", secret: {from: file, path: secrets/team.key}}
route:
  receivers: [inbox]
  group_by: [dataset, kind]
  group_wait: PT10S
  routes:
    - matchers: {priority: P1, dataset: gold.*}
      receivers: [on_call, inbox]
      group_wait: PT0S
      continue: true
      routes:
        - matchers: {kind: pii_leak}
          repeat_interval: PT30M
    - matchers: {promise: bi}
      receivers: [team]
"""

DATASETS = ["gold.fact_orders", "silver.orders"]


def loaded(folder: Path, text: str, **environ: str) -> Routes:
    file = folder / "routes.yaml"
    file.write_text(text, encoding="utf-8")
    return load_routes(file, DATASETS, environ)


def test_a_file_is_read_with_what_its_routes_inherit(tmp_path: Path) -> None:
    routes = loaded(tmp_path, GOOD, TOKEN="t0ken")
    assert (routes.base_url, routes.heartbeat, sorted(routes.receivers)) == (
        "https://plane.example.com",
        "on_call",
        ["inbox", "on_call", "team"],
    )
    on_call = routes.receivers["on_call"]
    assert (on_call.url, on_call.timeout, on_call.secret) == (
        "https://example.com/t0ken",
        2.5,
        SecretReference("env", "ON_CALL_SECRET"),
    )
    assert "t0ken" not in repr(routes)
    assert routes.receivers["team"].timeout == 5.0
    urgent, promised = routes.root.routes
    assert (urgent.receivers, urgent.continues, promised.continues) == (("on_call", "inbox"), True, False)
    leak = urgent.routes[0]
    assert leak.receivers == ("on_call", "inbox")
    assert leak.options == Options(("dataset", "kind"), timedelta(0), timedelta(minutes=5), timedelta(minutes=30))
    assert promised.options.group_wait == timedelta(seconds=10)


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


BAD = {
    "unknown receiver": (changed("receivers: [team]", "receivers: [teem]"), 25, "unknown receiver 'teem': did you mean 'team'?"),
    "unknown key": (changed("group_wait: PT10S", "group_waits: PT10S"), 15, "unknown key 'group_waits': did you mean 'group_wait'?"),
    "unknown label": (changed("{promise: bi}", "{promises: bi}"), 24, "unknown label 'promises': did you mean 'promise'?"),
    "unknown label to group by": (changed("[dataset, kind]", "[dataset, team]"), 14, "unknown label 'team'"),
    "kind that is none": (changed("kind: pii_leak", "kind: pii_leek"), 22, "unknown kind 'pii_leek': did you mean 'pii_leak'?"),
    "priority that is none": (changed("priority: P1", "priority: P4"), 17, "unknown priority 'P4'"),
    "dataset that is none": (changed("dataset: gold.*", "dataset: golden.*"), 17, "unknown dataset 'golden.*'"),
    "no matcher": (changed("matchers: {promise: bi}", "matchers: {}"), 24, "is empty, so it would match everything"),
    "no matchers": (changed("- matchers: {promise: bi}\n      receivers", "- receivers"), 24, "the key 'matchers' is missing"),
    "nobody told": (changed("receivers: [team]", "receivers: []"), 25, "is empty, so nobody would be told"),
    "root with matchers": (changed("  group_wait: PT10S", "  matchers: {kind: anomaly}"), 15, "matchers is for the routes below"),
    "root without receivers": (changed("  receivers: [inbox]\n", ""), 12, "the key 'receivers' is missing"),
    "no duration": (changed("PT30M", "30 minutes"), 23, "'30 minutes' is not a duration"),
    "no time between repeats": (changed("PT30M", "PT0S"), 23, "must be longer than nothing"),
    "inbox as receiver": (GOOD.replace("team", "inbox"), 10, "inbox is always there"),
    "receiver named twice": (GOOD.replace("team", "on_call"), 4, "the name 'on_call' is given to two receivers"),
    "name with a dot": (GOOD.replace("team", "te.am"), 10, "may hold 1 to 32 letters"),
    "heartbeat to the inbox": (changed("heartbeat: on_call", "heartbeat: inbox"), 3, "inbox stops with the plane"),
    "heartbeat to nobody": (changed("heartbeat: on_call", "heartbeat: none_such"), 3, "unknown receiver 'none_such'"),
    "address that is none": (changed("http://localhost:9000/team", "localhost:9000"), 11, "must be an http or https address"),
    "address with a password": (changed("http://localhost", "http://a:b@localhost"), 11, "must not hold a user or password"),
    "timeout that is none": (changed("timeout: 2.5", "timeout: 0"), 8, "must be seconds above 0 up to 60"),
    "secret in the file": (changed("secret: {from: env, name: ON_CALL_SECRET}", "secret: abc"), 9, "must be a map, not the text 'abc'"),
    "secret from nowhere": (changed("from: env", "from: vault"), 9, "unknown value 'vault'"),
    "secret without a name": (changed(", name: ON_CALL_SECRET", ""), 9, "the key 'name' is missing"),
    "variable elsewhere": (GOOD.replace("name: team", "name: ${TOKEN}").replace("[team]", "[inbox]"), 10, "${NAME} is read in a webhook's url only"),
    "base_url that is none": (changed("https://plane.example.com/", "plane"), 2, "must be the http or https address"),
    "other version": (changed("version: 1", "version: 2"), 1, "must be 1"),
    "no route": (GOOD[: GOOD.index("route:")], 1, "the key 'route' is missing"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(BAD))
def test_what_is_wrong_is_said_once_with_file_and_line(tmp_path: Path, name: str) -> None:
    text, line, message = BAD[name]
    with pytest.raises(RoutesInvalidError) as caught:
        loaded(tmp_path, text, TOKEN="t0ken")
    found = [(problem.line, problem.message) for problem in caught.value.problems]
    assert any(message in said and at == line for at, said in found), found
    assert len({at for at, _ in found}) == 1, found
    assert "t0ken" not in str(caught.value)


def test_an_unset_variable_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(RoutesInvalidError, match=r"routes\.yaml:7: .*'TOKEN' is not set"):
        loaded(tmp_path, GOOD)


@pytest.mark.parametrize(("text", "message"), [("", "the file is empty"), ("[]", "holds a list"), ("a: [", "not YAML")])
def test_what_is_no_map_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RoutesInvalidError, match=message):
        loaded(tmp_path, text)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RoutesInvalidError, match="cannot be read"):
        load_routes(tmp_path / "routes.yaml")
