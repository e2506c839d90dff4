"""A canary: a version made of a candidate for one gateway's part and of the present version for all else. Pure."""

from ironstream.topology.canary.compiled import CompiledCanary, compile_canary
from ironstream.topology.canary.part import GatewayPart, gateway_part, gateways_of
from ironstream.topology.canary.versions import compile_version, errors_of, parse_version

__all__ = [
    "CompiledCanary",
    "GatewayPart",
    "compile_canary",
    "compile_version",
    "errors_of",
    "gateway_part",
    "gateways_of",
    "parse_version",
]
