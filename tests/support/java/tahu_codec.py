"""Sparkplug B payloads of Eclipse Tahu, encoded and decoded."""

from __future__ import annotations

from typing import Any

import jpype

from tests.support.java.driver import serve, start_jvm

_MODEL = "org.eclipse.tahu.message.model."
_BOXES = {
    "Int8": "java.lang.Byte",
    "Int16": "java.lang.Short",
    "UInt8": "java.lang.Short",
    "Int32": "java.lang.Integer",
    "UInt16": "java.lang.Integer",
    "Int64": "java.lang.Long",
    "UInt32": "java.lang.Long",
    "Float": "java.lang.Float",
    "Double": "java.lang.Double",
    "Boolean": "java.lang.Boolean",
    "String": "java.lang.String",
    "Text": "java.lang.String",
    "UUID": "java.lang.String",
}


def _class(name: str) -> Any:
    return jpype.JClass(_MODEL + name)


def _boxed(type_: str, value: Any) -> Any:
    if value is None:
        return None
    if type_ == "UInt64":
        return jpype.JClass("java.math.BigInteger")(str(value))
    if type_ == "DateTime":
        return jpype.JClass("java.util.Date")(jpype.JLong(value))
    return jpype.JClass(_BOXES[type_])(value)


def _dataset(told: dict[str, Any]) -> Any:
    columns, types = told["columns"], told["types"]
    builder = _class("DataSet$DataSetBuilder")(len(columns))
    for column in columns:
        builder.addColumnName(column)
    for type_ in types:
        builder.addType(getattr(_class("DataSetDataType"), type_))
    for cells in told["rows"]:
        row = _class("Row")()
        for type_, cell in zip(types, cells, strict=True):
            row.addValue(_class("Value")(getattr(_class("DataSetDataType"), type_), _boxed(type_, cell)))
        builder.addRow(row)
    return builder.createDataSet()


def _metric(told: dict[str, Any]) -> Any:
    type_: str = told["type"]
    value: Any = told.get("value")
    if type_ == "DataSet":
        value = _dataset(value)
    elif type_ == "Template":
        builder = _class("Template$TemplateBuilder")().templateRef("ref").definition(False)
        for member in value:
            builder.addMetric(_metric(member))
        value = builder.createTemplate()
    else:
        value = _boxed(type_, value)
    name = told.get("name")
    of = name if name is not None else jpype.JClass("java.lang.Long")(told["alias"])
    metric = _class("Metric$MetricBuilder")(of, getattr(_class("MetricDataType"), type_), value)
    if "alias" in told:
        metric.alias(jpype.JClass("java.lang.Long")(told["alias"]))
    if "timestamp" in told:
        metric.timestamp(jpype.JClass("java.util.Date")(jpype.JLong(told["timestamp"])))
    if told.get("historical"):
        metric.isHistorical(jpype.JClass("java.lang.Boolean")(True))
    properties = _class("PropertySet$PropertySetBuilder")()
    if "unit" in told:
        properties.addProperty("engUnit", _property("String", jpype.JString(told["unit"])))
    if "quality" in told:
        properties.addProperty("Quality", _property("Int32", jpype.JClass("java.lang.Integer")(told["quality"])))
    if "unit" in told or "quality" in told:
        metric.properties(properties.createPropertySet())
    return metric.createMetric()


def _property(type_: str, value: Any) -> Any:
    return _class("PropertyValue")(getattr(_class("PropertyDataType"), type_), value)


def encode(metrics: list[dict[str, Any]], seq: int, timestamp: int) -> str:
    """The payload in hex."""
    builder = _class("SparkplugBPayload$SparkplugBPayloadBuilder")(jpype.JClass("java.lang.Long")(seq))
    builder.setTimestamp(jpype.JClass("java.util.Date")(jpype.JLong(timestamp)))
    for told in metrics:
        builder.addMetric(_metric(told))
    encoder = jpype.JClass("org.eclipse.tahu.message.SparkplugBPayloadEncoder")()
    return bytes(encoder.getBytes(builder.createPayload(), False)).hex()


def decode(payload: str) -> dict[str, Any]:
    """Timestamp, seq and metrics of a payload in hex."""
    decoder = jpype.JClass("org.eclipse.tahu.message.SparkplugBPayloadDecoder")()
    told = decoder.buildFromByteArray(jpype.JArray(jpype.JByte)(bytes.fromhex(payload)), None)
    seq = told.getSeq()
    return {
        "timestamp": int(told.getTimestamp().getTime()),
        "seq": None if seq is None else int(seq),
        "metrics": [
            {"name": metric.getName(), "type": str(metric.getDataType()), "value": str(metric.getValue())}
            for metric in told.getMetrics()
        ],
    }


if __name__ == "__main__":
    start_jvm("tahu")
    serve({"encode": encode, "decode": decode})
