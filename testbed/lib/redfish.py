"""A BMC's Redfish service, as far as power goes: one system, its power state and ComputerSystem.Reset, over TLS.

It runs as `testbed _redfish HOST` beside the BMC's ipmi_sim and asks the same chassis script, faults included.
"""

import base64
import hmac
import http.server
import json
import os
import ssl
import subprocess

from base import read_text

_ROOT = "/redfish/v1"
_SYSTEM = _ROOT + "/Systems/1"
_RESET = _SYSTEM + "/Actions/ComputerSystem.Reset"
# Redfish's ResetType -> what the chassis script is told.
RESETS = {"On": ("power", "1"), "ForceOff": ("power", "0"), "ForceRestart": ("reset", "1"),
          "GracefulShutdown": ("shutdown", "1")}


class Service:
    """What is answered to a request; knows nothing of sockets."""

    def __init__(self, user, password, chassis):
        self._authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self._chassis = chassis

    def answer(self, method, path, authorization, body=""):
        """(status, JSON value or None)."""
        path = path.rstrip("/")
        if path in ("/redfish", _ROOT):
            return 200, {"@odata.id": _ROOT, "Systems": {"@odata.id": _ROOT + "/Systems"}}
        if not hmac.compare_digest(authorization or "", self._authorization):
            return 401, _error("wrong user or password")
        if method == "GET" and path == _ROOT + "/Systems":
            return 200, {"Members": [{"@odata.id": _SYSTEM}]}
        if method == "GET" and path == _SYSTEM:
            return self._system()
        if method == "POST" and path == _RESET:
            return self._reset(body)
        return 404, _error(f"there is no {path}")

    def _system(self):
        power = self._ask("get", "power")
        if power is None:
            return 500, _error("the power state is not known")
        actions = {"#ComputerSystem.Reset": {"target": _RESET, "ResetType@Redfish.AllowableValues": list(RESETS)}}
        return 200, {"@odata.id": _SYSTEM, "Id": "1", "PowerState": "On" if power == "power:1" else "Off", "Actions": actions}

    def _reset(self, body):
        try:
            words = RESETS[json.loads(body)["ResetType"]]
        except (ValueError, KeyError, TypeError):
            return 400, _error("ResetType is none of " + ", ".join(RESETS))
        return (204, None) if self._ask("set", *words) is not None else (500, _error("the reset failed"))

    def _ask(self, *words):
        """What the chassis script prints, None when it fails."""
        done = subprocess.run([self._chassis, *words], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else None


def _error(text):
    return {"error": {"code": "Base.1.0.GeneralError", "message": text}}


def serve(address, service, certificate, key):
    """Answers for ever. One request at a time: a fault that slows the BMC slows everything that it does."""

    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 10  # seconds, for a client that connects and says nothing

        def _answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode(errors="replace")
            status, value = service.answer(self.command, self.path, self.headers.get("Authorization"), body)
            text = b"" if value is None else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = _answer

    server = http.server.HTTPServer(address, Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    # The handshake must not be made in accept(), where a silent client would hold up the service for ever.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


def run(ip, port, user, folder):
    """The process behind `testbed _redfish HOST`; folder is that of the BMC."""
    service = Service(user, read_text(os.path.join(folder, "password-wanted")), os.path.join(folder, "chassis"))
    serve((ip, port), service, os.path.join(folder, "redfish.crt"), os.path.join(folder, "redfish.key"))
