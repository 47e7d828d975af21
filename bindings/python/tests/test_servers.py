"""Servers that fork: every worker sends what it recorded, once."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Iterator, List

import pytest
from receiver import Receiver, wait_until

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
STOP_S = 20.0

HEAD = """
import os
from modelstat import Client, Config, LlmCall
config = Config('key', 'agent', 'app', flush_interval=60.0).with_remote(os.environ['URL'])
ms = Client(config)
ms.record(LlmCall('openai', 'preload'))
"""

WSGI = """
def app(environ, start_response):
    if environ['PATH_INFO'] == '/call':
        ms.record(LlmCall('openai', 'worker-' + environ['QUERY_STRING']))
    start_response('200 OK', [('content-length', '0')])
    return [b'']

application = app
"""


@pytest.fixture
def processes() -> Iterator[List["subprocess.Popen[bytes]"]]:
    started: List[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_gunicorn_with_preload(
    receiver: Receiver, tmp_path: Path, processes: List["subprocess.Popen[bytes]"]
) -> None:
    """Each worker inherits the client with a call that waits, and ends with calls that wait."""
    pytest.importorskip("gunicorn")
    (tmp_path / "shop.py").write_text(HEAD + WSGI)
    url = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "3", "--bind", url[7:]]
    command += ["--log-level", "error", "--no-control-socket", "shop:app"]
    process = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, "URL": receiver.base_url})
    processes.append(process)
    assert wait_until(lambda: answers(url))
    for number in range(12):
        assert answers(f"{url}/call?{number}")
    process.send_signal(signal.SIGTERM)
    assert process.wait(STOP_S) == 0
    expected = ["preload"] + [f"worker-{number}" for number in range(12)]
    assert wait_until(lambda: len(receiver.events()) >= len(expected))
    assert sorted(event["session_id"] for event in receiver.events()) == sorted(expected)


def test_celery_with_prefork(
    receiver: Receiver, tmp_path: Path, processes: List["subprocess.Popen[bytes]"]
) -> None:
    """Its workers end without Python's hooks, but not without telling."""
    pytest.importorskip("celery")
    (tmp_path / "tasks.py").write_text(
        HEAD
        + """
from celery import Celery
folder = os.path.dirname(os.path.abspath(__file__)) + '/queue'
os.makedirs(folder, exist_ok=True)
app = Celery('tasks', broker='filesystem://')
app.conf.broker_transport_options = {'data_folder_in': folder, 'data_folder_out': folder}
app.conf.worker_hijack_root_logger = False
@app.task
def call(number):
    ms.record(LlmCall('openai', f'worker-{number}'))
"""
    )
    environment = {**os.environ, "URL": receiver.base_url}
    command = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "--pool", "prefork"]
    command += ["--concurrency", "2", "--loglevel", "ERROR", "--without-gossip", "--without-mingle"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    processes.append(process)
    program = "import os\nimport tasks\nfor n in range(8): tasks.call.delay(n)\nos._exit(0)"
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, timeout=60, check=True)
    queue = tmp_path / "queue"
    assert wait_until(lambda: not list(queue.glob("*.msg")))
    time.sleep(1.0)
    process.send_signal(signal.SIGTERM)
    process.wait(STOP_S)
    expected = [f"worker-{number}" for number in range(8)]
    assert wait_until(lambda: len(receiver.events()) >= len(expected))
    sessions = [event["session_id"] for event in receiver.events()]
    assert sorted(session for session in sessions if session != "preload") == expected
    assert sessions.count("preload") <= 1


@pytest.mark.parametrize("threads", [[], ["--enable-threads"]], ids=["without threads", "with threads"])
@pytest.mark.parametrize("apps", [[], ["--lazy-apps"]], ids=["eager", "lazy"])
def test_uwsgi(
    apps: List[str],
    threads: List[str],
    receiver: Receiver,
    tmp_path: Path,
    processes: List["subprocess.Popen[bytes]"],
) -> None:
    """Eager, its workers are forks of a process that has the client; lazy, each makes its own.

    Without `--enable-threads` no thread of a worker gets the GIL between requests, so that what waits is sent
    when the worker ends.
    """
    program = Path(sys.executable).parent / "uwsgi"
    if not program.exists():
        pytest.skip("uWSGI is not installed here")
    # The process above the workers ends without Python's hooks too: what it recorded last is sent at most once.
    (tmp_path / "shop.py").write_text(HEAD + "ms.flush(10.0)\nms.record(LlmCall('openai', 'late'))\n" + WSGI)
    url = f"http://127.0.0.1:{free_port()}"
    command = [str(program), "--http-socket", url[7:], "--wsgi-file", "shop.py"]
    command += ["--master", "--processes", "2", "--need-app", "--die-on-term", "--disable-logging"]
    command += ["--virtualenv", sys.prefix, *apps, *threads]
    environment = {**os.environ, "URL": receiver.base_url}
    with (tmp_path / "told").open("wb") as told:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=told, stderr=told)
    processes.append(process)
    copies = 2 if apps else 1
    # Until every process that makes a client has made it.
    assert wait_until(lambda: answers(url) and len(sent(receiver)) >= copies)
    for number in range(12):
        assert answers(f"{url}/call?{number}")
    process.send_signal(signal.SIGTERM)
    process.wait(STOP_S)
    expected = ["preload"] * copies + [f"worker-{number}" for number in range(12)]
    wait_until(lambda: len(sent(receiver)) >= len(expected))
    assert sorted(sent(receiver)) == sorted(expected), (tmp_path / "told").read_text()
    late = [event for event in receiver.events() if event["session_id"] == "late"]
    assert len(late) == copies if apps else len(late) <= 1


def sent(receiver: Receiver) -> List[str]:
    """Returns the sessions that arrived, without what may be lost."""
    sessions = [str(event["session_id"]) for event in receiver.events()]
    return [session for session in sessions if session != "late"]
