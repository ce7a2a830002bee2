"""A door before the bus that ends live streams after a moment, as a client does that has seen enough, and counts what passes.

Bytes go through as they are. Only two things are read: the first line of each request and the head of each answer.
"""

import asyncio
import collections
import threading
from urllib.parse import urlsplit

# How long a live stream stays open.
STREAM_S = 0.3
CHUNK = 1 << 16


class Cutter:
    """Use as a context manager; `seen` counts (method, target, status)."""

    def __init__(self, url):
        self.upstream = urlsplit(url)
        self.seen = collections.Counter()
        self.loop = asyncio.new_event_loop()

    def __enter__(self):
        ready = threading.Event()

        async def serve():
            self.server = await asyncio.start_server(self.connection, "127.0.0.1", 0)
            self.url = "http://127.0.0.1:%d" % self.server.sockets[0].getsockname()[1]
            ready.set()

        def run():
            self.loop.create_task(serve())
            self.loop.run_forever()

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()
        ready.wait(10)
        return self

    def __exit__(self, *_):
        async def end():
            self.server.close()
            rest = asyncio.all_tasks() - {asyncio.current_task()}
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)
            self.loop.stop()

        asyncio.run_coroutine_threadsafe(end(), self.loop)
        self.thread.join(10)

    async def connection(self, reader, writer):
        try:
            upstream = await asyncio.open_connection(self.upstream.hostname, self.upstream.port)
        except OSError:
            writer.close()
            return
        state = {"asked": None}
        there = asyncio.create_task(self.requests(reader, upstream[1], state))
        back = asyncio.create_task(self.answers(upstream[0], writer, state))
        try:
            await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
            # The other half may still have something to say, but not for ever.
            await asyncio.wait({there, back}, timeout=0.5)
        except asyncio.CancelledError:
            pass
        for task in (there, back):
            task.cancel()
        for one in (writer, upstream[1]):
            one.close()

    async def requests(self, reader, writer, state):
        while data := await reader.read(CHUNK):
            if state["asked"] is None:
                line = data.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
                state["asked"] = (line[0], line[1]) if len(line) >= 2 else ("?", "?")
            writer.write(data)
            await writer.drain()

    async def answers(self, reader, writer, state):
        until = None
        while True:
            try:
                left = None if until is None else max(0.0, until - self.loop.time())
                data = await asyncio.wait_for(reader.read(CHUNK), left)
            except asyncio.TimeoutError:
                # The last chunk of a chunked body: the stream has ended, and well.
                writer.write(b"0\r\n\r\n")
                await writer.drain()
                return
            if not data:
                return
            if state["asked"] and data.startswith(b"HTTP/1.1 "):
                head = data.split(b"\r\n\r\n", 1)[0].lower()
                method, target = state["asked"]
                self.seen[(method, target, data[9:12].decode())] += 1
                state["asked"] = None
                if b"text/event-stream" in head:
                    until = self.loop.time() + STREAM_S
                    # The connection ends with the stream; who asks must not use it again.
                    data = data.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1)
            writer.write(data)
            await writer.drain()
