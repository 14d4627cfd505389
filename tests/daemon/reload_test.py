#!/usr/bin/env python3
"""A real ballastd takes another list of hosts when it is told to reload: reload_test.py BALLASTD BALLASTCTL"""
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

daemon, ctl = sys.argv[1:]
patience = 60  # seconds: for a machine that is very busy


def main(folder: pathlib.Path) -> None:
    socket, file = folder / "ballast.sock", folder / "ballast.yaml"
    (folder / "policy.d").mkdir()
    (folder / "state").mkdir()

    def write(*hosts: str, more: str = "") -> None:
        lines = [f"state_dir: {folder}/state", f"socket: {socket}", f"policy_dir: {folder}/policy.d",
                 'metrics: {listen: ""}', "health: {probe: []}", f"power: {{broker: {folder}/none.sock}}", more, "hosts:"]
        # Nobody listens there: a host that cannot be reached is watched as well.
        lines += [f'  - {{name: {host}, uri: "qemu+tcp://127.0.0.1:{n + 1}/system"}}' for n, host in enumerate(hosts)]
        file.write_text("\n".join(lines) + "\n")

    def ask(*words: str) -> str:
        done = subprocess.run([ctl, "--socket", socket, *words], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def becomes(*hosts: str) -> None:
        end = time.monotonic() + patience
        seen = ""
        while time.monotonic() < end:
            assert process.poll() is None, "the daemon has ended: " + log.read_text()
            seen = ask("-o", "json", "hosts")
            try:
                if sorted(one["id"] for one in json.loads(seen)["hosts"]) == sorted(hosts):
                    return
            except (ValueError, KeyError):
                pass
            time.sleep(0.2)
        raise AssertionError(f"expected {hosts}, seen {seen}, {log.read_text()}")

    def open_files() -> int:
        return len(list(pathlib.Path(f"/proc/{process.pid}/fd").iterdir()))

    write("h1", "h2")
    log = folder / "log"
    with log.open("w") as out:
        process = subprocess.Popen([daemon, "-c", file], stdout=out, stderr=out)
    try:
        becomes("h1", "h2")
        before = open_files()
        assert "policy reloaded" in ask("reload")
        write("h1", "h2", "h3")
        assert "h3 is added: the daemon starts anew with these hosts" in ask("reload")
        becomes("h1", "h2", "h3")
        write("h1", "h3")
        for _ in range(3):  # the next ones may come before it listens
            process.send_signal(signal.SIGHUP)
        becomes("h1", "h3")
        write("h1", more="interval: 5s")
        assert "takes effect with a restart" in ask("reload")
        write("h1", more="what: is this")
        assert "has problems and would not load" in ask("reload")
        becomes("h1", "h3")
        (folder / "policy.d" / "10.yaml").write_text("consolidation: {never_off: [h4]}\n")
        write("h1", "h4")
        assert "h4 is added, h3 is removed" in ask("reload")
        becomes("h1", "h4")
        assert open_files() < before + 10, "files stay open"
    finally:
        process.terminate()
        status = process.wait(patience)
    assert status == 0, log.read_text()


with tempfile.TemporaryDirectory() as name:
    main(pathlib.Path(name))
