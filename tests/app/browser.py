"""The app in a browser: every page, a known customer, an uploaded list, dark paper, a phone, the keyboard.

Drives Debian's chromium against an app that is served already, wherever that is, and exits 1 at the first thing that
does not hold. Called by `.ci/run`; `--project` is the folder of the run whose bundle the app shows.
"""

import argparse
import csv
import re
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from playwright.sync_api import Browser, Page, expect, sync_playwright

PAGES = {"": "Customer segments", "predict": "Which segment is this customer in?"}
PAGES |= {"batch": "Many customers at once", "model": "The model"}
FEATURES = ("recency", "frequency", "monetary")
BAD_ROWS = ["bad-1,soon,1,10", "bad-2,5,,10", "bad-3,5,1"]
# A busy machine is no reason to fail.
PATIENCE = 90_000
WIDE, PHONE = (1280, 900), (390, 844)


class Visit:
    """One visitor's page of the app."""

    def __init__(self, page: Page, url: str, screenshots: Path | None) -> None:
        self.page = page
        self.url = url.rstrip("/")
        self.screenshots = screenshots
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, name: str) -> None:
        """Opens a page and waits until it has said everything."""
        self.page.goto(f"{self.url}/{name}", wait_until="domcontentloaded", timeout=PATIENCE)
        expect(self.page.get_by_role("heading", level=1)).to_have_text(PAGES[name])
        self.settle()

    def settle(self) -> None:
        """Waits until the script behind the page has ended, and looks for what must never be there."""
        expect(self.page.locator("[data-testid=stApp]")).to_have_attribute("data-test-script-state", "notRunning")
        demand(self.page.locator("[data-testid=stException]").count() == 0, "the page shows no exception")
        demand("Traceback" not in self.page.inner_text("body"), "the page shows no traceback")
        demand(not self.errors, f"the browser meets no error {self.errors}")

    def keep(self, name: str) -> None:
        """A picture of the whole page."""
        if self.screenshots is None:
            return
        width = self.page.viewport_size["width"]
        height = self.page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        before = self.page.viewport_size
        self.page.set_viewport_size({"width": width, "height": min(int(height) + 60, 8000)})
        # Charts are drawn anew.
        self.page.wait_for_timeout(1500)
        self.page.screenshot(path=self.screenshots / f"{name}.png")
        self.page.set_viewport_size(before)


def demand(holds: bool, text: str) -> None:
    """Ends the test where `holds` does not."""
    if not holds:
        sys.exit(f"does not hold: {text}")


@contextmanager
def visit(browser: Browser, arguments: argparse.Namespace, size: tuple[int, int], scheme: str) -> Iterator[Visit]:
    """A visitor with a screen of that size who likes light or dark paper."""
    viewport = {"width": size[0], "height": size[1]}
    context = browser.new_context(viewport=viewport, color_scheme=scheme, accept_downloads=True)
    context.set_default_timeout(PATIENCE)
    yield Visit(context.new_page(), arguments.url, arguments.screenshots)
    context.close()


def customers_of(project: Path) -> pd.DataFrame:
    """Every customer with the values that went in and segpipe's answer."""
    customers = pd.read_parquet(project / "artifacts/rfm/customers.parquet")
    answers = pd.read_parquet(project / "artifacts/train/assignments.parquet")
    demand(customers["customer_id"].equals(answers["customer_id"]), "the project's tables are of the same customers")
    return customers[["customer_id", *FEATURES]].merge(answers, on="customer_id")


def check_pages(visited: Visit, names: list[str]) -> None:
    """Every page opens, and the overview names every segment."""
    for name in PAGES:
        visited.open(name)
        visited.keep(f"{name or 'overview'}-light")
    visited.open("")
    for name in names:
        expect(visited.page.get_by_text(name, exact=True).first).to_be_visible()
    print(f"holds: {len(PAGES)} pages open, and the overview shows {', '.join(names)}")


def check_links(visited: Visit) -> None:
    """The pages are reached from one another."""
    visited.open("")
    for title, name in (("Predict", "predict"), ("Batch", "batch"), ("Model", "model")):
        visited.page.get_by_role("link", name=title).click()
        expect(visited.page.get_by_role("heading", level=1)).to_have_text(PAGES[name])
    print("holds: every page is reached by its link")


def ask(visited: Visit, customer: pd.Series) -> None:
    """Types a customer's values, one right after the other."""
    for feature in FEATURES:
        field = visited.page.get_by_role("spinbutton", name=re.compile(f"^{feature}:", re.IGNORECASE))
        field.fill(str(customer[feature]))
        field.press("Enter")
    visited.settle()


def check_prediction(visited: Visit, customers: pd.DataFrame) -> None:
    """A known customer of each segment is answered with it."""
    visited.open("predict")
    known = customers.loc[customers.groupby("segment")["margin"].idxmax()]
    for _, customer in known.iterrows():
        ask(visited, customer)
        answer = visited.page.locator(".st-key-answer")
        expect(answer.locator("[data-testid=stHtml] span")).to_have_text(customer["segment_name"])
        expect(answer).to_contain_text("What to do:")
        visited.settle()
    expect(visited.page.locator("[data-testid=stVegaLiteChart]")).to_be_visible()
    print(f"holds: {len(known)} known customers are in their segments")


def check_beyond(visited: Visit) -> None:
    """A value that the model has not seen is answered, with a note."""
    visited.open("predict")
    field = visited.page.get_by_role("spinbutton", name=re.compile("^Recency:"))
    field.fill("5000")
    field.press("Enter")
    expect(visited.page.get_by_text("its answer is an extrapolation")).to_be_visible()
    visited.settle()
    print("holds: what the model has not seen is noted")


def check_keyboard(visited: Visit, customers: pd.DataFrame) -> None:
    """A customer is entered without a mouse: Tab to each value, type, Enter; arrows move the slider."""
    visited.open("predict")
    customer = customers.loc[customers["monetary"].idxmax()]
    page = visited.page
    for feature in FEATURES:
        tab_to(page, lambda label, feature=feature: label.lower().startswith(f"{feature}:"))
        page.keyboard.press("Control+A")
        page.keyboard.type(str(customer[feature]))
        page.keyboard.press("Enter")
        visited.settle()
    answer = page.locator(".st-key-answer [data-testid=stHtml] span")
    expect(answer).to_have_text(customer["segment_name"])
    page.keyboard.press("Shift+Tab")
    print("holds: a customer is entered by keyboard alone")


def tab_to(page: Page, is_it) -> None:
    """Presses Tab until the element in focus has the label wanted."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if is_it(page.evaluate("document.activeElement.getAttribute('aria-label') || ''")):
            return
    sys.exit("does not hold: every value is reached by Tab")


def check_list(visited: Visit, customers: pd.DataFrame) -> None:
    """A list with three bad rows: the problems are told, and everybody else is answered as segpipe answers."""
    visited.open("batch")
    some = customers.sample(200, random_state=4)
    lines = [",".join(map(str, row)) for row in some[["customer_id", *FEATURES]].itertuples(index=False)]
    places = (3, 50, 202)
    for place, bad in zip(places, BAD_ROWS, strict=True):
        lines.insert(place - 1, bad)
    content = "\n".join([",".join(["customer_id", *FEATURES]), *lines]).encode()
    visited.page.locator("input[type=file]").first.set_input_files(
        {"name": "list.csv", "mimeType": "text/csv", "buffer": content}
    )
    expect(visited.page.get_by_text("3 of 203 rows cannot be scored")).to_be_visible()
    rows = visited.page.locator(".st-key-problems tbody tr")
    expect(rows).to_have_count(len(BAD_ROWS))
    told = [re.split(r"\s*\t\s*", row.strip()) for row in rows.all_inner_texts()]
    demand([row[0] for row in told] == [str(place) for place in places], f"the problems are of rows {places}: {told}")
    for row, why in zip(told, ["is not a number", "is missing", "the row has 3 cells, the header 4"], strict=True):
        demand(row[-1] == why, f"row {row[0]} {why}: {row}")
    visited.settle()
    visited.keep("batch-list")
    with visited.page.expect_download() as waited:
        visited.page.get_by_role("button", name="Download the result").click()
    check_download(Path(waited.value.path()), some)


def check_download(path: Path, some: pd.DataFrame) -> None:
    """The rows of the download, one for each row of the list."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    demand(len(rows) == 203, f"the download has {len(rows)} rows for 203")
    bad = [row for row in rows if row["problem"]]
    demand(
        [row["customer_id"] for row in bad] == ["bad-1", "bad-2", "bad-3"] and not any(row["segment"] for row in bad),
        "the bad rows say why and have no segment",
    )
    good = [row for row in rows if not row["problem"]]
    for row, expected in zip(good, some.itertuples(index=False), strict=True):
        same = (row["customer_id"], row["segment"], row["segment_name"], row["runner_up"]) == (
            expected.customer_id,
            str(expected.segment),
            expected.segment_name,
            str(int(expected.runner_up)),
        )
        near = abs(float(row["distance"]) - expected.distance) < 1e-9
        near = near and abs(float(row["margin"]) - expected.margin) < 1e-9
        demand(same and near, f"customer {expected.customer_id} is answered as segpipe answers: {row}")
    print("holds: a list with three bad rows is scored, and its download is segpipe's answer")


def check_transactions(visited: Visit, customers: pd.DataFrame, transactions: Path | None) -> None:
    """Raw transactions give every customer's segment; without a service the tab says how to get one."""
    visited.open("batch")
    visited.page.get_by_role("tab", name="Transactions").click()
    if transactions is None:
        expect(visited.page.get_by_text("SEGPIPE_API").first).to_be_visible()
        print("holds: without a service the tab says how to get one")
        return
    visited.page.locator("input[type=file]").last.set_input_files(transactions)
    visited.page.get_by_role("button", name="Score the transactions").click()
    with visited.page.expect_download() as waited:
        visited.page.get_by_role("button", name="Download the customers").click()
    scored = pd.read_csv(waited.value.path(), dtype={"customer_id": str}).set_index("customer_id")
    expected = customers.set_index("customer_id")
    demand(sorted(scored.index) == sorted(expected.index), f"all {len(expected)} customers are scored")
    same = scored.loc[expected.index, "segment"].to_numpy() == expected["segment"].to_numpy()
    demand(bool(same.all()), "the service's segments are segpipe's")
    visited.settle()
    visited.keep("batch-transactions")
    print(f"holds: the transactions of {len(expected)} customers give their segments")


def check_dark(visited: Visit) -> None:
    """Dark paper is dark, with light text on it."""
    for name in PAGES:
        visited.open(name)
        ink, paper = (
            brightness(visited.page.evaluate(f"getComputedStyle(document.querySelector('{where}')).{what}"))
            for where, what in (("h1", "color"), ("[data-testid=stApp]", "backgroundColor"))
        )
        demand(paper < 0.2 and ink > 0.7, f"`{name}` has light text ({ink:.2f}) on dark paper ({paper:.2f})")
        visited.keep(f"{name or 'overview'}-dark")
    print("holds: every page is dark where that is wished")


def brightness(colour: str) -> float:
    red, green, blue = map(float, re.findall(r"[\d.]+", colour)[:3])
    return (red + green + blue) / 765.0


def excess(page: Page) -> int:
    """By how many pixels the page is wider than the screen, once the browser has loaded and applied the page's styles,
    for which it has three seconds."""
    measured = 0
    for _ in range(15):
        measured = page.evaluate(
            "Math.max(...[...document.querySelectorAll('[data-testid=stMain], html')]"
            ".map(e => e.scrollWidth - e.clientWidth))"
        )
        if measured <= 0:
            break
        page.wait_for_timeout(200)
    return measured


def check_phone(visited: Visit) -> None:
    """Nothing is wider than a phone's screen, and a customer is answered there too."""
    for name in PAGES:
        visited.open(name)
        wide = excess(visited.page)
        demand(wide <= 0, f"`{name}` is no wider than {PHONE[0]} pixels (by {wide})")
        visited.keep(f"{name or 'overview'}-phone")
    visited.open("predict")
    field = visited.page.get_by_role("spinbutton", name=re.compile("^Recency:"))
    answer = visited.page.locator(".st-key-answer")
    demand(answer.bounding_box()["y"] > field.bounding_box()["y"], "on a phone the answer stands below the question")
    print("holds: every page fits on a phone")


def wait_for(url: str) -> None:
    """Waits until the app's server says that it is well."""
    for _ in range(PATIENCE // 500):
        try:
            with urllib.request.urlopen(f"{url.rstrip('/')}/_stcore/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        time.sleep(0.5)
    sys.exit(f"does not hold: the app at {url} answers")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="where the app is served")
    parser.add_argument("--project", required=True, type=Path, help="folder with the artifacts of the bundle's run")
    parser.add_argument("--screenshots", type=Path, help="folder for pictures of every page")
    parser.add_argument("--transactions", type=Path, help="the run's source; demands that the app has a service")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    if given.screenshots:
        given.screenshots.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=PATIENCE)
    wait_for(given.url)
    customers = customers_of(given.project)
    names = customers.drop_duplicates("segment").sort_values("segment")["segment_name"].tolist()
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"], env={"HOME": home}
        )
        with visit(browser, given, WIDE, "light") as visited:
            check_pages(visited, names)
            check_links(visited)
            check_prediction(visited, customers)
            visited.keep("predict-answer")
            check_beyond(visited)
            check_keyboard(visited, customers)
            check_list(visited, customers)
            check_transactions(visited, customers, given.transactions)
        with visit(browser, given, WIDE, "dark") as visited:
            check_dark(visited)
        with visit(browser, given, PHONE, "light") as visited:
            check_phone(visited)
        browser.close()


if __name__ == "__main__":
    main()
