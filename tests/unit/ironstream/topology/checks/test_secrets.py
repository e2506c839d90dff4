import pytest

from ironstream.topology import check_text


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
    ],
)
def test_a_secret_in_plain_text_is_found_wherever_it_is(config: str) -> None:
    (message,) = faults(config)

    assert "in plain text" in message
