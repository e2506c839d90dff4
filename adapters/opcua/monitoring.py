"""The requests for monitored items. Pure."""

from __future__ import annotations

import copy
from typing import Final

from asyncua import ua

from adapters.opcua.config import OpcUaConfig
from adapters.opcua.items import Item

_TRIGGERS: Final = {
    "status": ua.DataChangeTrigger.Status,
    "status_value": ua.DataChangeTrigger.StatusValue,
    "status_value_timestamp": ua.DataChangeTrigger.StatusValueTimestamp,
}
_DEADBANDS: Final = {"none": 0, "absolute": 1, "percent": 2}
_EVENT_QUEUE: Final = 10_000


def data_item(config: OpcUaConfig, item: Item, handle: int) -> ua.MonitoredItemCreateRequest:
    """The request for the value of a tag; `handle` comes back with each change."""
    tag = item.tag
    interval_s = tag.sampling_interval_s if tag.sampling_interval_s is not None else config.sampling_interval_s
    request = _request(item.node, ua.AttributeIds.Value, handle)
    parameters = request.RequestedParameters
    # -1: the publishing interval
    parameters.SamplingInterval = -1.0 if interval_s is None else 1000 * interval_s
    parameters.QueueSize = tag.queue_size or config.queue_size
    parameters.DiscardOldest = config.discard_oldest if tag.discard_oldest is None else tag.discard_oldest
    trigger = tag.trigger or config.trigger
    if trigger != "status_value" or tag.deadband.type != "none":
        # the default goes without a filter: there are servers that know none
        wanted = ua.DataChangeFilter()
        wanted.Trigger = _TRIGGERS[trigger]
        wanted.DeadbandType = _DEADBANDS[tag.deadband.type]
        wanted.DeadbandValue = tag.deadband.value
        parameters.Filter = wanted
    return request


def without_filter(request: ua.MonitoredItemCreateRequest) -> ua.MonitoredItemCreateRequest | None:
    """The same without the filter that the server refused; None where there was none."""
    if not isinstance(request.RequestedParameters.Filter, ua.DataChangeFilter):
        return None
    plain = copy.deepcopy(request)
    plain.RequestedParameters.Filter = ua.ExtensionObject()
    return plain


def event_item(node: ua.NodeId, handle: int, wanted: ua.EventFilter) -> ua.MonitoredItemCreateRequest:
    """The request for the events of a notifier."""
    request = _request(node, ua.AttributeIds.EventNotifier, handle)
    request.RequestedParameters.SamplingInterval = 0.0
    request.RequestedParameters.QueueSize = _EVENT_QUEUE
    request.RequestedParameters.DiscardOldest = True
    request.RequestedParameters.Filter = wanted
    return request


def _request(node: ua.NodeId | None, attribute: int, handle: int) -> ua.MonitoredItemCreateRequest:
    request = ua.MonitoredItemCreateRequest()
    request.ItemToMonitor.NodeId = node
    request.ItemToMonitor.AttributeId = attribute
    request.MonitoringMode = ua.MonitoringMode.Reporting
    request.RequestedParameters.ClientHandle = handle
    return request
