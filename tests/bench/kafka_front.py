"""kafka_front.py - stands between the agent and a broker that calls it its address: counts requests and bytes, and notes
when records were acknowledged. A frame begins with its length; a request's then has its kind, its version and a
number, which its answer begins with."""
import socket, struct, threading, time

PRODUCE = 0


class Frames:
    """Cuts a stream of bytes into frames; only the first bytes of each are kept."""

    def __init__(self, on_frame):
        self.on_frame, self.head, self.left = on_frame, b"", 0

    def feed(self, data):
        while data:
            if self.left:
                n = min(self.left, len(data))
                self.left, data = self.left - n, data[n:]
                continue
            n = 12 - len(self.head)
            self.head, data = self.head + data[:n], data[n:]
            if len(self.head) == 12:
                self.on_frame(self.head)
                self.left, self.head = struct.unpack(">i", self.head[:4])[0] - 8, b""


class Front:
    def __init__(self, broker_port):
        self.broker_port, self.requests, self.produces, self.bytes, self.answered = broker_port, 0, 0, 0, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.__serve, daemon=True).start()

    def __serve(self):
        while True:
            client = self.listener.accept()[0]
            broker = socket.create_connection(("127.0.0.1", self.broker_port))
            waiting = set()
            for source, target, on_frame, counts in ((client, broker, lambda head, w=waiting: self.__asked(head, w), True),
                                                     (broker, client, lambda head, w=waiting: self.__told(head, w), False)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self.__pump, args=(source, target, Frames(on_frame), counts), daemon=True).start()

    def __asked(self, head, waiting):
        self.requests += 1
        if struct.unpack(">h", head[4:6])[0] == PRODUCE:
            self.produces += 1
            waiting.add(head[8:12])

    def __told(self, head, waiting):
        if head[4:8] in waiting:
            waiting.discard(head[4:8])
            self.answered.append(time.monotonic())

    def __pump(self, source, target, frames, counts):
        try:
            while data := source.recv(1 << 16):
                self.bytes += len(data) if counts else 0
                frames.feed(data)
                target.sendall(data)
        except OSError:
            pass  # the other side has gone
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
