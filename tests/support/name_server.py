"""A real name server on loopback for zones written as text, over UDP and TCP, as resolvers speak to it.

``name_server("mail.example.org. MX 10 mx.mail.example.org.")``; names end in a dot. It follows aliases, tells a name
that is not there from one that has no such record, cuts off what is too long for UDP, and refuses what it is told to.
"""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import dns.zone


@dataclass(slots=True)
class Zones:
    """All records that are known, and the names for which there is no answer but SERVFAIL."""

    zone: dns.zone.Zone
    failing: Collection[dns.name.Name]

    def answer(self, question: bytes, *, limit: int) -> bytes:
        asked = dns.message.from_wire(question)
        reply = dns.message.make_response(asked, recursion_available=True)
        name, kind = asked.question[0].name, asked.question[0].rdtype
        if name in self.failing:
            reply.set_rcode(dns.rcode.SERVFAIL)
            return reply.to_wire()
        while alias := self._records(name, dns.rdatatype.CNAME):
            reply.answer.append(alias)
            name = alias[0].target
        if found := self._records(name, kind):
            reply.answer.append(found)
        elif not any(known.is_subdomain(name) for known in self.zone.nodes):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        try:
            return reply.to_wire(max_size=max(limit, asked.payload) if limit == 512 else limit)
        except dns.exception.TooBig:
            reply.answer.clear()
            reply.flags |= dns.flags.TC
            return reply.to_wire()

    def _records(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> dns.rrset.RRset | None:
        found = self.zone.get_rdataset(name, kind)
        return dns.rrset.from_rdata_list(name, 60, found) if found else None


@contextmanager
def name_server(records: str, *, failing: Collection[str] = ()) -> Iterator[dns.resolver.Resolver]:
    """A resolver that asks this server and nobody else."""
    zone = dns.zone.from_text(f"$TTL 60\n{records}\n", origin=".", relativize=False, check_origin=False)
    zones = Zones(zone, [dns.name.from_text(name) for name in failing])

    class ByUDP(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request[1].sendto(zones.answer(self.request[0], limit=512), self.client_address)

    class ByTCP(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            (size,) = struct.unpack("!H", self.rfile.read(2))
            answer = zones.answer(self.rfile.read(size), limit=65535)
            self.wfile.write(struct.pack("!H", len(answer)) + answer)

    with socketserver.TCPServer(("127.0.0.1", 0), ByTCP) as tcp:
        port = tcp.server_address[1]
        with socketserver.UDPServer(("127.0.0.1", port), ByUDP) as udp, _serving(tcp), _serving(udp):
            asked = dns.resolver.Resolver(configure=False)
            asked.nameservers, asked.port = ["127.0.0.1"], port
            yield asked


@contextmanager
def _serving(server: Any) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
