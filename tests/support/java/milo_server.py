"""An OPC UA server of Eclipse Milo: one folder of variables, with and without security."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import jpype

from tests.support.java.driver import serve, start_jvm

URI = "http://example.com/milo"
_CORE = "org.eclipse.milo.opcua.stack.core"
_SDK = "org.eclipse.milo.opcua.sdk"
_HOST = "127.0.0.1"


class _Server:
    def __init__(self) -> None:
        self._port = 0
        self._server: Any = None
        self._nodes: dict[str, Any] = {}
        self._values: dict[str, Any] = {}
        self._trusted: list[bytes] = []
        self._keys: Any = None
        self._certificate: Any = None

    def start(self, trusted: str | None = None) -> dict[str, Any]:
        """Listen on a port of loopback, the same after each `stop`; `trusted` is the DER file of a client to trust."""
        if not self._port:
            with socket.socket() as probe:
                probe.bind((_HOST, 0))
                self._port = probe.getsockname()[1]
            self._make_certificate()
        if trusted is not None:
            self._trusted = [Path(trusted).read_bytes()]
        factory = _class("org.eclipse.milo.opcua.stack.transport.server.OpcServerTransportFactory")
        tcp = _class("org.eclipse.milo.opcua.stack.transport.server.tcp.OpcTcpServerTransport")
        config = _class("org.eclipse.milo.opcua.stack.transport.server.tcp.OpcTcpServerTransportConfig")
        make = jpype.JProxy(factory, dict={"create": lambda _: tcp(config.newBuilder().build())})
        self._server = _class(f"{_SDK}.server.OpcUaServer")(self._config(), make)
        self._server.startup().get()
        index = self._server.getNamespaceTable().add(URI)
        self._index = int(index.intValue())
        self._share_namespace(self._server.getOpcUaNamespace())
        self._nodes = {}
        for name, value in self._values.items():
            self._add(name, value)
        return {"port": self._port, "certificate": bytes(self._certificate.getEncoded()).hex()}

    def stop(self) -> None:
        self._server.shutdown().get()

    def add(self, variable: str, value: Any) -> None:
        """A variable (float, str, bool) below Objects, node id `s=variable` in namespace `URI`."""
        self._values[variable] = value
        self._add(variable, value)

    def set(self, variable: str, value: Any) -> None:
        self._nodes[variable].setValue(self._data(value))

    def _add(self, name: str, value: Any) -> None:
        node_id = _class(f"{_CORE}.types.builtin.NodeId")
        objects = node_id(0, 85)
        context = self._server.getAddressSpaceManager().getManagedNode(objects).get().getNodeContext()
        builder = _class(f"{_SDK}.server.nodes.UaVariableNode$UaVariableNodeBuilder")(context)
        builder.setNodeId(node_id(self._index, name))
        builder.setBrowseName(_class(f"{_CORE}.types.builtin.QualifiedName")(self._index, name))
        builder.setDisplayName(_class(f"{_CORE}.types.builtin.LocalizedText").english(name))
        builder.setDataType(node_id(0, {bool: 1, float: 11, str: 12}[type(value)]))
        builder.setTypeDefinition(node_id(0, 63))
        access = _class(f"{_SDK}.core.AccessLevel")
        builder.setAccessLevel(access.READ_ONLY)
        builder.setUserAccessLevel(access.READ_ONLY)
        builder.setValue(self._data(value))
        node = builder.build()
        reference = _class(f"{_SDK}.core.Reference")
        organizes = node_id(0, 35)
        direction = reference.Direction.INVERSE
        node.addReference(reference(node.getNodeId(), organizes, objects.expanded(), direction))
        context.getNodeManager().addNode(node)
        self._nodes[name] = node

    def _share_namespace(self, existing: Any) -> None:
        """Answer for our namespace by the one of OPC UA: Java's abstract classes cannot be extended from here."""
        is_ours = jpype.JProxy(
            _class("java.util.function.Predicate"),
            dict={"test": lambda node: int(node.getNamespaceIndex().intValue()) == self._index},
        )
        mine = _class(f"{_SDK}.server.SimpleAddressSpaceFilter").create(is_ours)
        fragment = _class(f"{_SDK}.server.AddressSpaceFragment")
        methods = {str(method.getName()) for method in fragment.class_.getMethods()}
        answers = {name: getattr(existing, name) for name in methods} | {"getFilter": lambda: mine}
        self._server.getAddressSpaceManager().registerFirst(jpype.JProxy(fragment, dict=answers))

    def _data(self, value: Any) -> Any:
        boxed = {bool: jpype.JBoolean, float: jpype.JDouble, str: jpype.JString}[type(value)](value)
        return _class(f"{_CORE}.types.builtin.DataValue")(_class(f"{_CORE}.types.builtin.Variant")(boxed))

    def _config(self) -> Any:
        sdk = _class(f"{_SDK}.server.OpcUaServerConfig")
        text = _class(f"{_CORE}.types.builtin.LocalizedText")
        builder = sdk.builder().setApplicationName(text.english("Milo")).setApplicationUri("urn:milo:test")
        users = _class("java.util.function.Predicate")
        known = jpype.JProxy(
            users, dict={"test": lambda who: (str(who.getUsername()), str(who.getPassword())) == ("reader", "s3cret")}
        )
        identity = f"{_SDK}.server.identity"
        named = _class(f"{identity}.UsernameIdentityValidator")(known)
        anyone = _class(f"{identity}.AnonymousIdentityValidator").INSTANCE
        builder.setIdentityValidator(_class(f"{identity}.CompositeValidator")([anyone, named]))
        builder.setEndpoints(self._endpoints())
        builder.setCertificateManager(self._certificates())
        return builder.build()

    def _endpoints(self) -> Any:
        policy = _class(f"{_CORE}.security.SecurityPolicy")
        mode = _class(f"{_CORE}.types.enumerated.MessageSecurityMode")
        config = _class(f"{_SDK}.server.OpcUaServerConfig")
        endpoints = jpype.JClass("java.util.LinkedHashSet")()
        for wanted, how in (
            (policy.None_ if hasattr(policy, "None_") else policy.valueOf("None"), mode.valueOf("None")),
            (policy.Basic256Sha256, mode.SignAndEncrypt),
            (policy.Aes256_Sha256_RsaPss, mode.SignAndEncrypt),
        ):
            builder = _class(f"{_SDK}.server.EndpointConfig").newBuilder()
            builder.setBindAddress(_HOST).setBindPort(self._port).setHostname(_HOST).setPath("/milo")
            builder.setCertificate(self._certificate).setSecurityPolicy(wanted).setSecurityMode(how)
            builder.addTokenPolicies([config.USER_TOKEN_POLICY_ANONYMOUS, config.USER_TOKEN_POLICY_USERNAME])
            endpoints.add(builder.build())
        return endpoints

    def _make_certificate(self) -> None:
        self._keys = _class(f"{_CORE}.util.SelfSignedCertificateGenerator").generateRsaKeyPair(2048)
        builder = _class(f"{_CORE}.util.SelfSignedCertificateBuilder")(self._keys)
        builder.setCommonName("Milo").setApplicationUri("urn:milo:test").addIpAddress(_HOST)
        self._certificate = builder.build()

    def _certificates(self) -> Any:
        security = f"{_CORE}.security"
        trust = _class(f"{security}.MemoryTrustListManager")()
        quarantine = _class(f"{security}.MemoryCertificateQuarantine")()
        reader = jpype.JClass("java.security.cert.CertificateFactory").getInstance("X.509")
        for data in self._trusted:
            stream = jpype.JClass("java.io.ByteArrayInputStream")(data)
            trust.addTrustedCertificate(reader.generateCertificate(stream))
        validator = _class(f"{security}.DefaultServerCertificateValidator")(trust, quarantine)
        ids = _class(f"{_CORE}.NodeIds")
        group_id = ids.ServerConfiguration_CertificateGroups_DefaultApplicationGroup
        type_id = ids.RsaSha256ApplicationCertificateType
        certificates = jpype.JClass("java.security.cert.X509Certificate")[:]([self._certificate])
        optional = jpype.JClass("java.util.Optional")
        entry = _class(f"{security}.CertificateGroup$Entry")(group_id, type_id, certificates)
        group = jpype.JProxy(
            _class(f"{security}.CertificateGroup"),
            dict={
                "getCertificateGroupId": lambda: group_id,
                "getSupportedCertificateTypeIds": lambda: jpype.java.util.List.of(type_id),
                "getTrustListManager": lambda: trust,
                "getCertificateEntries": lambda: jpype.java.util.List.of(entry),
                "getKeyPair": lambda _: optional.of(self._keys),
                "getCertificateChain": lambda _: optional.of(certificates),
                "getCertificateValidator": lambda: validator,
                "getCertificateFactory": lambda: None,
                "updateCertificate": lambda *_: None,
            },
        )
        groups = jpype.JClass("java.util.ArrayList")()
        groups.add(group)
        return _class(f"{security}.DefaultCertificateManager")(quarantine, groups)


def _class(name: str) -> Any:
    return jpype.JClass(name)


if __name__ == "__main__":
    start_jvm("milo")
    # the JRE has the signature of Aes256_Sha256_RsaPss under another name
    jpype.JClass("java.security.Security").addProvider(_class("org.bouncycastle.jce.provider.BouncyCastleProvider")())
    server = _Server()
    serve({"start": server.start, "stop": server.stop, "add": server.add, "set": server.set})
