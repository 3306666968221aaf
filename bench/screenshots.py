"""Makes the README's pictures of MLflow: docs/mlflow-run.png and docs/mlflow-model.png.

Runs the pipeline of this repository on the data given by DATA (online_retail.csv.gz), delivers it to an `mlflow server`
of its own, and looks at that with a real browser. Needs mlflow (`.ci/requirements.txt`), `pip install playwright`, and
Debian's chromium; SEGPIPE names another binary than target/release/segpipe.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("DATA", ROOT / "data/online_retail.csv.gz"))
SEGPIPE = os.environ.get("SEGPIPE", str(ROOT / "target/release/segpipe"))
MLFLOW = os.environ.get("MLFLOW", str(ROOT / "target/venv/bin/mlflow"))
BROWSER = os.environ.get("BROWSER", "/usr/bin/chromium")
MODEL = "customer-segmentation"
SIZE = {"width": 1400, "height": 900}
PATIENCE = 300


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def start_server(folder, url):
    command = [MLFLOW, "server", "--host", "127.0.0.1", "--port", url.rsplit(":", 1)[1], "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/files"]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "server.log").open("w") as log:
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)


def wait_for(server, url):
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5)
            return
        except OSError:
            assert time.monotonic() < deadline and server.poll() is None, "the server does not start"
            time.sleep(0.5)


def run_pipeline(folder, url):
    """Runs, delivers, and returns the address of the run's page."""
    shutil.copy(ROOT / "pipeline.yaml", folder)
    (folder / "data").mkdir()
    (folder / "data" / DATA.name).symlink_to(DATA.resolve())
    environment = {**os.environ, "MLFLOW_TRACKING_URI": url}
    for command in ["run", "push"]:
        subprocess.run([SEGPIPE, command], cwd=folder, env=environment, check=True)
    [receipt] = (folder / "artifacts/.outbox").glob("*/receipt.json")
    return receipt.read_text().split('"url": "')[1].split('"')[0]


def close_assistant(page):
    """MLflow's assistant opens by itself over a third of the page; its cross is in the window's corner."""
    if page.get_by_text("MLflow Assistant").count() == 0:
        return
    boxes = [box for button in page.locator("button").all() if (box := button.bounding_box())]
    corner = max((box for box in boxes if box["y"] < 60), key=lambda box: box["x"])
    page.mouse.click(corner["x"] + corner["width"] / 2, corner["y"] + corner["height"] / 2)
    page.wait_for_timeout(2000)


def take(pages):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE)
        page.set_default_timeout(PATIENCE * 1000)
        for address, text, name in pages:
            page.goto(address)
            page.get_by_text(text).first.wait_for()
            page.wait_for_timeout(5000)
            close_assistant(page)
            page.screenshot(path=ROOT / "docs" / name)
        browser.close()


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder, url = Path(folder), f"http://127.0.0.1:{free_port()}"
        server = start_server(folder, url)
        try:
            wait_for(server, url)
            run = run_pipeline(folder, url)
            model = f"{url}/#/models/{MODEL}"
            take([(run, "silhouette", "mlflow-run.png"), (model, "champion", "mlflow-model.png")])
        finally:
            server.terminate()
            server.wait(60)


if __name__ == "__main__":
    main()
