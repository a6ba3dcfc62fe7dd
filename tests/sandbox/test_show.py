"""`make sandbox` as the process that it is: it says where everything is, and leaves nothing behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path


def test_it_says_where_the_repository_is_and_takes_it_away() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "bot", "sandbox", "--port", str(port), "--pace", "0.05"]
    environment = {"PATH": "", "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200"}  # without the binary of git
    with subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        last = threading.Timer(60, process.kill)
        last.start()
        said = ""
        while "Now playing" not in said and (line := process.stdout.readline()):
            said += line
        process.send_signal(signal.SIGTERM)
        said += process.stdout.read()
        last.cancel()
    found = re.search(r"git clone file://(/\S+)\n", said)
    assert found is not None, said
    assert (process.returncode, Path(found[1]).exists(), "Traceback" in said) == (0, False, False), said
