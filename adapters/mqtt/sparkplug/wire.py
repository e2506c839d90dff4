"""The payload of Sparkplug B as a protobuf message, described by its public field numbers."""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

_PACKAGE: Final = "ironstream.sparkplug"
_TYPES: Final = {
    "uint32": descriptor_pb2.FieldDescriptorProto.TYPE_UINT32,
    "uint64": descriptor_pb2.FieldDescriptorProto.TYPE_UINT64,
    "float": descriptor_pb2.FieldDescriptorProto.TYPE_FLOAT,
    "double": descriptor_pb2.FieldDescriptorProto.TYPE_DOUBLE,
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "bytes": descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
}
_OPTIONAL: Final = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
_REPEATED: Final = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED

_VALUE: Final = ("int_value:uint32", "long_value:uint64", "float_value:float", "double_value:double",
                 "boolean_value:bool", "string_value:string")  # fmt: skip
"""What every value may be, in the order of their numbers; a message says from which number on."""


def _values(first: int) -> tuple[str, ...]:
    return tuple(f"{number} {field}=value" for number, field in enumerate(_VALUE, first))


_MESSAGES: Final[dict[str, tuple[str, ...]]] = {
    # number name:type, * repeated, =oneof
    "Payload": ("1 timestamp:uint64", "2 metrics:*Metric", "3 seq:uint64", "4 uuid:string", "5 body:bytes"),
    "Metric": (
        "1 name:string",
        "2 alias:uint64",
        "3 timestamp:uint64",
        "4 datatype:uint32",
        "5 is_historical:bool",
        "6 is_transient:bool",
        "7 is_null:bool",
        "8 metadata:MetaData",
        "9 properties:PropertySet",
        *_values(10),
        "16 bytes_value:bytes=value",
        "17 dataset_value:DataSet=value",
        "18 template_value:Template=value",
    ),
    "MetaData": (
        "1 is_multi_part:bool",
        "2 content_type:string",
        "3 size:uint64",
        "4 seq:uint64",
        "5 file_name:string",
        "6 file_type:string",
        "7 md5:string",
        "8 description:string",
    ),
    "PropertySet": ("1 keys:*string", "2 values:*PropertyValue"),
    "PropertyValue": (
        "1 type:uint32",
        "2 is_null:bool",
        *_values(3),
        "9 propertyset_value:PropertySet=value",
        "10 propertysets_value:PropertySetList=value",
    ),
    "PropertySetList": ("1 propertyset:*PropertySet",),
    "DataSet": ("1 num_of_columns:uint64", "2 columns:*string", "3 types:*uint32", "4 rows:*Row"),
    "Row": ("1 elements:*DataSetValue",),
    "DataSetValue": _values(1),
    "Template": (
        "1 version:string",
        "2 metrics:*Metric",
        "3 parameters:*Parameter",
        "4 template_ref:string",
        "5 is_definition:bool",
    ),
    "Parameter": ("1 name:string", "2 type:uint32", *_values(3)),
}


def _described() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="sparkplug_b.proto", package=_PACKAGE, syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for text in fields:
            number, _, rest = text.partition(" ")
            field_name, _, kind = rest.partition(":")
            kind, _, oneof = kind.partition("=")
            field = message.field.add(
                name=field_name, number=int(number), label=_REPEATED if kind.startswith("*") else _OPTIONAL
            )
            kind = kind.removeprefix("*")
            if kind in _TYPES:
                field.type = _TYPES[kind]
            else:
                field.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
                field.type_name = f".{_PACKAGE}.{kind}"
            if oneof:
                if not message.oneof_decl:
                    message.oneof_decl.add(name=oneof)
                field.oneof_index = 0
    return file


def _payload_class() -> type[Message]:
    # a pool of our own: another library's Sparkplug in the same process does not meet it
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_described())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Payload"))


PayloadMessage: Final[Any] = _payload_class()
"""The class of a payload; its fields are those of the Sparkplug B specification."""
