"""What topology.yaml may say: one pydantic class for each thing, one field for each setting.

Every field has a description and a default that is safe; fields that the class does not name are refused. Values are
taken as they are written (a text is never read as a number), and times carry their unit in the field's name.
"""

from ironstream.topology.model.alarms import AGGREGATE_FIELDS, PLACEHOLDERS, Aggregate, Alarm, Condition, StateCondition
from ironstream.topology.model.base import Part
from ironstream.topology.model.pipelines import Pipeline
from ironstream.topology.model.plant import Asset, MachineType, Parameter, Range, Site, Tenant
from ironstream.topology.model.root import Canary, Deployment, Times, Topology, Window
from ironstream.topology.model.sinks import SinkPart

__all__ = [
    "AGGREGATE_FIELDS",
    "PLACEHOLDERS",
    "Aggregate",
    "Alarm",
    "Asset",
    "Canary",
    "Condition",
    "Deployment",
    "MachineType",
    "Parameter",
    "Part",
    "Pipeline",
    "Range",
    "SinkPart",
    "Site",
    "StateCondition",
    "Tenant",
    "Times",
    "Topology",
    "Window",
]
