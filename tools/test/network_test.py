# SPDX-License-Identifier: BSD-2-Clause
"""Tests of the network's other side: what it answers rightly, and that no client holds it up. No
guest takes part."""

import hashlib
import socket
import threading

import network
import workload

PATIENCE = 10


def _connect(server):
    stream = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    stream.settimeout(PATIENCE)
    return stream


def _all(stream):
    parts = []
    try:
        while data := stream.recv(1 << 16):
            parts.append(data)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def _window(name):
    return next(window for window in workload.WINDOWS if window.workload == name)


def _order(window):
    return f"{window.workload} {window.number} {window.bytes}\n".encode()


def _streams(tests, server):
    window = _window("tcp-in")
    with _connect(server) as stream:
        stream.sendall(_order(window))
        got = b""
        while len(got) < window.bytes and (data := stream.recv(1 << 16)):
            got += data
    tests.check("the server sends what is to be received", got == workload.disk_data(window))
    window = _window("tcp-out")
    data = workload.disk_data(window)
    for name, sent in (("right", data), ("wrong", data[:-1] + bytes([data[-1] ^ 1]))):
        with _connect(server) as stream:
            stream.sendall(_order(window) + sent)
            stream.shutdown(socket.SHUT_WR)
            got = _all(stream)
        tests.check(
            f"the server says the checksum of data that are {name}",
            got == hashlib.sha256(sent).hexdigest().encode(),
            got,
        )
    for name, sent in (
        ("that is none", b"GET / HTTP/1.0\r\n\r\n"),
        ("of another size", b"tcp-out 11 4294967296\n"),
        ("without an end", b"tcp-out " * 1000),
        ("with too much behind it", _order(window) + data + b"x"),
    ):
        with _connect(server) as stream:
            try:
                stream.sendall(sent)
            except OSError:
                pass  # it has hung up already
            try:
                got = _all(stream)
            except OSError:
                got = None
        # What was sent behind may come when the answer is already on its way.
        tests.check(f"an order {name} gets no data", got is not None and len(got) <= 64, got)


def _datagrams(tests, server):
    window, pattern = _window("udp-64"), workload.pattern() * 2
    server.take_corrupt()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        client.connect(("127.0.0.1", server.port))
        begin = network.place(window.number, 999, False)
        good = network.DATAGRAM.pack(window.number, 999) + pattern[begin : begin + 58]
        bad = good[:-1] + bytes([good[-1] ^ 1])
        for wrong in (b"", b"x", good[:6], bad, good + b"x" * 2000):
            client.send(wrong)
        client.send(good)
        answer = client.recv(2048)
    begin = network.place(window.number, 999, True)
    tests.check(
        "a datagram is answered by its number, and wrong ones before it are not",
        answer == good[:6] + pattern[begin : begin + 58],
        answer,
    )
    tests.check("wrong datagrams are counted", server.take_corrupt() == 5)
    said = {"sent": "1000", "received": "990", "corrupt": "0"}
    tests.check("a loss is no failure", network.judge(window, said, 0))
    for name, wrong, corrupt in (
        ("a corrupt answer", dict(said, corrupt="1"), 0),
        ("a corrupt question", said, 1),
        ("the loss of all", dict(said, received="0"), 0),
        ("less than all the work", dict(said, sent="999"), 0),
    ):
        tests.check(f"{name} is a failure", not network.judge(window, wrong, corrupt))


def _silence(tests, server):
    silent = [_connect(server) for _ in range(network.CONNECTIONS)]
    with _connect(server) as one_too_many:
        tests.check("one connection too many is closed", _all(one_too_many) == b"")
    patience, network.PATIENCE = network.PATIENCE, 0
    for each in silent:
        each.close()
    with _connect(server) as stream:
        tests.check("a client that says nothing is dropped in time", _all(stream) == b"")
    network.PATIENCE = patience
    with _connect(server) as left:
        server.close()
        tests.check("the server ends with clients left", not server.thread.is_alive())
        tests.check("and hangs up", _all(left) == b"")


def run(tests):
    server = network.Server()
    before = threading.active_count()
    _streams(tests, server)
    _datagrams(tests, server)
    tests.check("no client costs a thread", threading.active_count() == before)
    _silence(tests, server)
