"""The pages as Streamlit runs them, without a browser."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from conftest import APP

PAGES = {"overview": "Customer segments", "predict": "Which segment is this customer in?"}
PAGES |= {"batch": "Many customers at once", "model": "The model"}


@pytest.fixture
def open_page(make: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Opens a page of the app on the small bundle."""
    for name in ("SEGPIPE_API", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)

    def opened(page: str, change: Callable[[dict], None] = lambda contents: None) -> AppTest:
        monkeypatch.setenv("SEGPIPE_BUNDLE", str(make(change)))
        test = AppTest.from_file(str(APP / "app.py"), default_timeout=60).run()
        return test if page == "overview" else test.switch_page(f"views/{page}.py").run()

    return opened


def text_of(test: AppTest) -> str:
    """Everything the page says."""
    kinds = (test.markdown, test.caption, test.info, test.warning, test.error, test.success)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens(open_page: Callable[..., AppTest], page: str) -> None:
    test = open_page(page)
    assert not test.exception
    assert [title.value for title in test.title] == [PAGES[page]]


def test_the_overview_tells_data_warnings_and_segments(open_page: Callable[..., AppTest]) -> None:
    test = open_page("overview")
    assert [metric.value for metric in test.metric] == ["12", "300", "3", "real data"]
    text = text_of(test)
    assert "Purchases from 2011-01-01 to 2011-12-09." in text
    assert "Only `12` customers." in text
    assert "Do what suits Middling." in text


def test_simulated_data_are_said_on_every_page(open_page: Callable[..., AppTest]) -> None:
    for page in PAGES:
        test = open_page(page, lambda contents: contents["segments.json"]["data"].update(source="simulated"))
        assert "these customers never existed" in text_of(test), page


def test_a_customer_is_answered_with_segment_action_runner_up_and_change(open_page: Callable[..., AppTest]) -> None:
    test = open_page("predict")
    test.number_input(key="recency_typed").set_value(9)
    test.number_input(key="frequency_typed").set_value(1)
    test.number_input(key="monetary_typed").set_value(10.0)
    test.run()
    assert not test.exception
    text = text_of(test).replace("\u00a0", " ")
    assert "Do what suits Gone." in text
    assert "Runner-up: **Middling**. The decision is **clear**" in text
    assert "A purchase 6 days later (3 days ago, not 9) would make it **Middling**." in text
    assert "6 more orders (7 instead of 1) would make it **Middling**" in text
    assert "60 more spent (70 instead of 10) would make it **Middling**" in text


def test_a_value_beyond_the_data_can_be_typed_and_is_noted(open_page: Callable[..., AppTest]) -> None:
    test = open_page("predict")
    test.number_input(key="recency_typed").set_value(400).run()
    assert "The model has seen recency from" in text_of(test)
    assert test.select_slider(key="recency_slid").value == 20.0
    test.select_slider(key="recency_slid").set_value(4.0).run()
    assert test.number_input(key="recency_typed").value == 4
    assert "The model has seen" not in text_of(test)


def test_without_a_service_the_tab_says_how_to_get_one(open_page: Callable[..., AppTest]) -> None:
    assert "set `SEGPIPE_API` to its address" in text_of(open_page("batch"))


def upload(test: AppTest, content: bytes) -> AppTest:
    return test.file_uploader(key="customers").upload("list.csv", content, "text/csv").run()


def test_a_list_is_scored_and_its_problems_are_shown(open_page: Callable[..., AppTest]) -> None:
    test = upload(open_page("batch"), b"id,recency,frequency,monetary\na,2,8,80\nb,x,1,1\nc,30,5,50\n")
    assert not test.exception
    text = text_of(test)
    assert "1 of 3 rows cannot be scored" in text.replace("\u00a0", " ")
    assert "1 row lies outside what the model has seen; its answer is" in text
    problems = test.table[0].value
    assert problems.index.tolist() == [2]
    assert problems.iloc[0].tolist() == ["recency", "x", "is not a number"]
    assert test.table[1].value["customers"].tolist() == [1, 0, 1]


def test_a_file_that_is_no_table_is_told_in_a_sentence(open_page: Callable[..., AppTest]) -> None:
    test = upload(open_page("batch"), b"PK\x03\x04")
    assert not test.exception
    assert "looks like a workbook" in text_of(test)


def test_columns_of_other_names_can_be_chosen(open_page: Callable[..., AppTest]) -> None:
    test = upload(open_page("batch"), b"who,last,frequency,spent\na,2,8,80\n")
    assert "no column called `recency` or `monetary`" in text_of(test)
    for position, choice in ((0, 1), (2, 3)):
        test.selectbox[position].set_value(choice)
    test.run()
    assert "The row can be scored." in text_of(test)


def test_a_folder_without_a_bundle_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGPIPE_BUNDLE", str(tmp_path))
    test = AppTest.from_file(str(APP / "app.py"), default_timeout=60).run()
    assert not test.exception
    assert "There is no `manifest.json`" in text_of(test)


def test_a_bundle_of_another_version_is_told_in_a_sentence(open_page: Callable[..., AppTest]) -> None:
    test = open_page("overview", lambda contents: contents["segments.json"].update(version=9))
    assert not test.exception
    assert "`segments.json` has version 9, and this app reads version 1" in text_of(test)


def test_a_bundle_that_is_replaced_is_read_again(open_page: Callable[..., AppTest], tmp_path: Path) -> None:
    test = open_page("overview")
    assert test.metric[0].value == "12"
    manifest = tmp_path / "bundle/manifest.json"
    value = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(value | {"version": 9}))
    assert "has version 9" in text_of(test.run())


def test_a_model_without_a_server_says_where_to_name_one(open_page: Callable[..., AppTest]) -> None:
    text = text_of(open_page("model"))
    assert "Set `MLFLOW_TRACKING_URI`" in text
    assert "### Model card" in text
