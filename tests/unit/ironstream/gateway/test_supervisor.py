from __future__ import annotations

import pytest

from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.supervisor import buffer_name


def pipeline(name: str, process: str | None = None) -> PipelineSpec:
    return PipelineSpec(id=name, adapter="modbus-tcp", asset_id="a", config={}, process=process)


@pytest.mark.parametrize(
    ("pipelines", "name"),
    [
        ([pipeline("pump-1")], "pump-1"),
        ([pipeline("pump-1", "hall-2")], "hall-2"),
        ([pipeline("pump-1", "hall-2"), pipeline("pump-2", "hall-2")], "hall-2"),
        ([pipeline("pump-1"), pipeline("pump-2")], "gateway"),
        ([pipeline("pump-1", "hall-2"), pipeline("pump-2")], "gateway"),
        ([pipeline("../../etc/passwd")], "______etc_passwd"),
    ],
)
def test_the_buffer_is_named_after_what_the_process_runs(pipelines: list[PipelineSpec], name: str) -> None:
    assert buffer_name(pipelines) == name
