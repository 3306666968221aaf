"""What the app asks of others over the network: the scoring service and the tracking server, played here."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

import service
import tracking
from service import ServiceError
from tracking import TrackingError

CSV = b"customer_id,recency,segment,segment_name\na,1,0,Best\n"


class Server:
    """Answers every request with what `answer` gives, and keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.answer: Callable[[str], tuple[int, bytes]] = lambda path: (200, b"{}")
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                request = {"path": self.path, "headers": dict(self.headers), "body": self.rfile.read(length)}
                server.requests.append(request)
                status, body = server.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *arguments: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.http.shutdown()
    found.http.server_close()


def test_transactions_go_to_the_service_with_their_mapping(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGPIPE_API_TOKEN", "secret")
    server.answer = lambda path: (200, CSV)
    answer = service.score(server.url, b"a,b\n1,2\n", {"customer": "Client no", "date": "", "date_format": "day_first"})
    assert answer.rows == [["a", "1", "0", "Best"]]
    request = server.requests[0]
    assert request["path"] == "/v1/transactions?customer=Client+no&date_format=day_first"
    assert request["body"] == b"a,b\n1,2\n"
    assert request["headers"]["Content-Type"] == "text/csv"
    assert request["headers"]["Accept"] == "text/csv"
    assert request["headers"]["Authorization"] == "Bearer secret"


def test_parquet_is_sent_as_such_and_without_a_token_none_is_sent(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEGPIPE_API_TOKEN", raising=False)
    server.answer = lambda path: (200, CSV)
    service.score(server.url, b"PAR1...", {})
    assert server.requests[0]["path"] == "/v1/transactions"
    assert server.requests[0]["headers"]["Content-Type"] == "application/vnd.apache.parquet"
    assert "Authorization" not in server.requests[0]["headers"]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (
            422,
            b'{"error": {"message": "no date in row 3", "hint": "name the column"}}',
            "no date in row 3. Name the column.",
        ),
        (422, b'{"error": {"message": "no date in row 3", "hint": null}}', "no date in row 3."),
        (503, b"<html>", "refused the file with status 503 and did not say why"),
        (200, b"<html>", "is no scoring service"),
        (200, b"", "is no scoring service"),
    ],
)
def test_a_refusal_of_the_service_becomes_a_sentence(server: Server, status: int, body: bytes, expected: str) -> None:
    server.answer = lambda path: (status, body)
    with pytest.raises(ServiceError, match=expected):
        service.score(server.url, b"a\n1\n", {})


def test_a_service_that_refuses_without_reading_is_heard() -> None:
    refusal = b'{"error": {"message": "the file is too large", "hint": null}}'
    listener = socket.create_server(("127.0.0.1", 0))

    def refuse() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            head = f"HTTP/1.1 413 Too Large\r\nContent-Length: {len(refusal)}\r\nConnection: close\r\n\r\n"
            connection.sendall(head.encode() + refusal)

    threading.Thread(target=refuse, daemon=True).start()
    with listener, pytest.raises(ServiceError, match="the file is too large"):
        service.score(f"http://127.0.0.1:{listener.getsockname()[1]}", b"a" * 20_000_000, {})


def test_a_service_that_is_not_there_becomes_a_sentence() -> None:
    with pytest.raises(ServiceError, match=r"The service at http://127.0.0.1:1 does not answer"):
        service.score("http://127.0.0.1:1", b"a\n1\n", {})
    with pytest.raises(ServiceError, match="does not answer"):
        service.score("no address", b"a\n1\n", {})


def test_the_services_address_is_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEGPIPE_API", raising=False)
    assert service.address() is None
    monkeypatch.setenv("SEGPIPE_API", " http://api:8080/ ")
    assert service.address() == "http://api:8080"


def mlflow(path: str) -> tuple[int, bytes]:
    if "model-versions/search" in path:
        version = {"name": "customer segmentation", "version": "3", "run_id": "r1"}
        return 200, json.dumps({"model_versions": [version]}).encode()
    return 200, b'{"run": {"info": {"run_id": "r1", "experiment_id": "7", "run_name": "standard-k4"}}}'


def test_the_run_is_found_by_the_models_identity(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    monkeypatch.setenv("SEGPIPE_MLFLOW_UI", "http://ana:secret@tracking.example:5000/")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ana")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    server.answer = mlflow
    found = tracking.find("0123abcd")
    assert found.run == "standard-k4"
    assert found.run_url == "http://tracking.example:5000/#/experiments/7/runs/r1"
    assert found.version_url == "http://tracking.example:5000/#/models/customer%20segmentation/versions/3"
    assert "segpipe.model_identity%60+%3D+%270123abcd%27" in server.requests[0]["path"]
    assert server.requests[0]["headers"]["Authorization"] == "Basic YW5hOnNlY3JldA=="


def test_no_run_says_what_to_do(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEGPIPE_MLFLOW_UI", raising=False)
    for address, expected in [
        ("", "Set `MLFLOW_TRACKING_URI`"),
        ("sqlite:///x.db", "names no server"),
        (server.url, "has no version of this model yet"),
        ("http://127.0.0.1:1", "does not answer"),
    ]:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        with pytest.raises(TrackingError, match=expected):
            tracking.find("0123abcd")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    for body in (b"[1]", b'{"model_versions": [{}]}'):
        server.answer = lambda path, body=body: (200, body)
        with pytest.raises(TrackingError, match="is no MLflow server"):
            tracking.find("0123abcd")
    server.answer = lambda path: (403, b"")
    with pytest.raises(TrackingError, match="refused to say"):
        tracking.find("0123abcd")
