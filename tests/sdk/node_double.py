"""A node between us and a real one: it forwards, and spoils what a test wants spoiled."""

import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class NodeDouble:
    """Serves JSON-RPC on loopback. `answer(method, params, forward)` returns a result, or raises RpcRefusal.

    `raw`: bytes sent instead of any JSON-RPC; `status`: the HTTP status of every reply.
    """

    def __init__(self, behind=None, answer=None, *, raw=None, status=200, headers=None):
        self.behind, self.answer, self.raw, self.status = behind, answer, raw, status
        self.headers = headers or {}
        self.asked = []
        double = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                several = request if isinstance(request, list) else [request]
                double.asked += [(each["method"], each["params"]) for each in several]
                try:
                    replies = [] if double.raw is not None else [double.reply(each) for each in several]
                    body = b"[" + b",".join(replies) + b"]" if isinstance(request, list) else b"".join(replies)
                    body = double.raw if double.raw is not None else body
                except HangUp:
                    self.close_connection = True
                    return
                self.send_response(double.status)
                for name, value in double.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except BrokenPipeError:
                    pass

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def forward(self, method, params):
        request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        with urllib.request.urlopen(
            urllib.request.Request(self.behind, request, {"Content-Type": "application/json"}), timeout=10
        ) as reply:
            return json.load(reply)

    def reply(self, request):
        body = {"jsonrpc": "2.0", "id": request["id"]}
        try:
            if self.answer is None:
                body |= self._from_behind(request["method"], request["params"])
            else:
                body["result"] = self.answer(request["method"], request["params"], self._result)
        except RpcRefusal as refusal:
            body["error"] = refusal.error
        return json.dumps(body).encode()

    def _result(self, method, params):
        reply = self.forward(method, params)
        if "error" in reply:
            raise RpcRefusal(reply["error"])
        return reply["result"]

    def _from_behind(self, method, params):
        reply = self.forward(method, params)
        return {key: reply[key] for key in ("result", "error") if key in reply}

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._server.shutdown()
        self._server.server_close()


class HangUp(Exception):
    """The connection ends without an answer."""


class RpcRefusal(Exception):
    def __init__(self, error):
        super().__init__(error)
        self.error = error
