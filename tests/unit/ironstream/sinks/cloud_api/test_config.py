from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

import ironstream.sinks.cloud_api
from ironstream.errors import ConfigurationError
from ironstream.sinks.cloud_api.config import CloudApiConfig
from ironstream.sinks.cloud_api.kind import CLOUD_API
from ironstream.sinks.registry import SINKS
from ironstream.sinks.sink import SinkContext
from ironstream.topology.model.sinks import SinkPart


def test_every_fault_of_a_configuration_is_told_without_what_is_secret() -> None:
    fields = {
        "url": "http://user:url-secret@127.0.0.1/x",
        "signing_keys": ["short"],
        "token": "a token\n",
        "headers": {"Content-Length": "5", "bad name": "x"},
        "max_records": 0,
    }
    with pytest.raises(ValidationError) as caught:
        CloudApiConfig.model_validate(fields)
    assert not [one for one in ("url-secret", "short", "a token") if one in str(caught.value)]
    places = {fault["loc"][0] for fault in caught.value.errors(include_input=False)}
    assert places == {"signing_keys", "token", "headers", "max_records"}
    with pytest.raises(ValidationError) as caught:
        CloudApiConfig.model_validate({"url": fields["url"]})
    (fault,) = caught.value.errors(include_input=False, include_context=False)
    assert "url is not https" in fault["msg"]
    assert "url-secret" not in fault["msg"]
    with pytest.raises(ValidationError, match="one Authorization"):
        CloudApiConfig.model_validate({"url": "https://x.example/", "token": "t", "headers": {"authorization": "x"}})


def test_a_url_that_is_still_a_secret_is_looked_at_once_it_is_known() -> None:
    CloudApiConfig.model_validate({"url": "${secret:cloud_url}"})
    CloudApiConfig.model_validate({"url": "https://hooks.example.com/${secret:hook}"})
    known = CloudApiConfig.model_validate({"url": "http://127.0.0.1/${secret:hook}"})
    with pytest.raises(ConfigurationError, match="not https"):
        CLOUD_API.build(known, SinkContext("cloud"))


def test_a_configuration_shows_none_of_its_secrets() -> None:
    config = CloudApiConfig.model_validate(
        {"url": "https://x.example/hook-secret", "token": "a-bearer-token", "headers": {"X-Key": "header-secret"}}
    )
    assert not [one for one in ("hook-secret", "a-bearer-token", "header-secret") if one in repr(config)]


def test_the_sample_is_a_sink_of_this_kind() -> None:
    text = (Path(ironstream.sinks.cloud_api.__file__).parent / "sample.yaml").read_text()
    part = SinkPart.model_validate(yaml.safe_load(text))
    kind = SINKS[part.kind]
    assert kind is CLOUD_API
    kind.config_model.model_validate(part.config)
    assert all(kind.topics(topic) for topic in part.topics)
    assert not kind.topics("telemetry.raw")
