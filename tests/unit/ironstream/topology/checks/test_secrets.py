import pytest
from pydantic import BaseModel

from ironstream.topology import check_text
from ironstream.topology.checks.secrets import visible
from tests.support.sink_kinds import Sort


def faults(config: str) -> list[str]:
    text = f"version: 1\npipelines: [{{id: p, adapter: x, config: {{{config}}}}}]\n"
    return [fault.message for fault in check_text(text.encode()).faults]


@pytest.mark.parametrize(
    "config",
    [
        "password: '${secret:mqtt/password}'",
        "token: ''",
        "token: null",
        "use_password: true",
        "key_file: /etc/device.pem",
        "value_key: temperature",
        "url: 'https://host:8080/a@b'",
        "url: 'mqtt://me:${secret:mqtt}@host'",
        "url: 'https://host/hook?token=${secret:hook}&size=3'",
        "dsn: 'host=db user=me password=${secret:db} dbname=plant'",
        "dsn: \"host=db password='${secret:db}'\"",
        "headers: {Authorization: 'Bearer ${secret:t}', X-Key-Id: a}",
        "signing_keys: ['${secret:new}', '${secret:old}']",
        "signing_keys: [{id: a, key: '${secret:new}'}]",
        "description: 'password = the usual one'",
    ],
)
def test_what_only_looks_like_a_secret_passes(config: str) -> None:
    assert faults(config) == []


@pytest.mark.parametrize(
    "config",
    [
        "password: x",
        "Password: x",
        "db_password: x",
        "access-token: x",
        "token: 'Bearer ${secret:t}'",
        "private_key: x",
        "key: 0",
        "a: {b: [{secret: x}]}",
        "url: 'postgres://me:pw@host/db'",
        "url: 'https://host/hook?size=3&token=abc'",
        "url: 'https://host/hook?sig=abc'",
        "dsn: 'host=db password=pw'",
        "dsn: \"host=db password = 'p w'\"",
        "routing_key: R0",
        "headers: {Authorization: 'Bearer abc'}",
        "headers: {X-Api-Key: abc}",
        "signing_keys: ['${secret:new}', abc]",
    ],
)
def test_a_secret_in_plain_text_is_found_wherever_it_is(config: str) -> None:
    (message,) = faults(config)

    assert "in plain text" in message


def test_a_sink_has_no_secret_in_plain_text_either() -> None:
    sink = "{id: s, kind: postgres, config: {dsn: 'postgresql://me:hunter2@db/plant', aws: {secret_key: hunter2}}}"
    found = check_text(f"version: 1\nsinks: [{sink}]\n".encode()).faults

    assert [fault.message for fault in found] == [
        "the URL in `dsn` holds a password in plain text",
        "`secret_key` is a secret in plain text",
    ]
    assert "hunter2" not in "".join(map(str, found))


@pytest.mark.parametrize("text", ["host=db password=hunter2", "https://db/?password=hunter2"])
def test_no_message_about_another_fault_shows_a_secret(text: str) -> None:
    class Config(BaseModel):
        dsn: int

    sorts = {"x": Sort(Config)}
    faults = check_text(
        f"version: 1\nsinks: [{{id: s, kind: x, config: {{dsn: '{text}'}}}}]".encode(), sinks=sorts
    ).faults

    assert "`dsn` must be a whole number, not what is there (not shown)" in [fault.message for fault in faults]
    assert "hunter2" not in "".join(map(str, faults))


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("host", "10.0.0.1", "10.0.0.1"),
        ("password", "${secret:plc}", "${secret:plc}"),
        ("password", "hunter2", "…"),
        ("password", "", ""),
        ("pin_token", 1234, "…"),
        ("authorization", "Bearer ${secret:plc}", "Bearer ${secret:plc}"),
        ("url", "https://me:hunter2@there", "…"),
        ("url", "https://me:${secret:plc}@there", "https://me:${secret:plc}@there"),
        ("tokens", ["one", "${secret:two}"], ["…", "${secret:two}"]),
        ("config", {"tls": {"key": "hunter2", "port": 1}}, {"tls": {"key": "…", "port": 1}}),
        ("enabled", True, True),
    ],
)
def test_secrets_are_shown_as_references_only(name: str, value: object, shown: object) -> None:
    assert visible(name, value) == shown
