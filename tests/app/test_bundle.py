"""Reading a bundle: a whole one is understood, anything else ends in a sentence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bundle
from bundle import BundleError


def test_a_whole_bundle_is_understood(small: bundle.Bundle) -> None:
    assert small.data.customers == 12
    assert not small.data.is_simulated
    assert [segment.name for segment in small.segments] == ["Best", "Middling", "Gone"]
    assert small.model.centroids.tolist() == [[1.0, 9.0, 9.0], [5.0, 5.0, 5.0], [9.0, 1.0, 1.0]]
    assert small.identity == "0123abcd"
    assert list(small.plots) == ["silhouette"]


def spoilt(contents: dict[str, Any], name: str, key: str, value: object) -> None:
    contents[name][key] = value


@pytest.mark.parametrize(
    ("name", "key", "value", "expected"),
    [
        ("model.json", "version", 2, "`model.json` has version 2, and this app reads version 1"),
        ("segments.json", "version", None, "`segments.json` has version None"),
        ("pca.json", "mean", [1.0], r"`pca.json` cannot be understood: numbers in the shape \(1,\)"),
        ("segments.json", "segments", [], "`segments.json` describes other segments"),
        ("segments.json", "study", [{"k": 2}], "`segments.json` cannot be understood"),
    ],
)
def test_a_file_that_is_not_understood_is_named(
    make: Callable[..., Path], name: str, key: str, value: object, expected: str
) -> None:
    folder = make(lambda contents: spoilt(contents, name, key, value))
    with pytest.raises(BundleError, match=expected):
        bundle.read(folder)


def test_a_changed_file_is_refused(make: Callable[..., Path]) -> None:
    folder = make()
    (folder / "model.json").write_text((folder / "model.json").read_text().replace("9.0", "8.0", 1))
    with pytest.raises(BundleError, match=r"`model.json` has changed since the bundle was made"):
        bundle.read(folder)


def test_a_missing_file_is_named(make: Callable[..., Path]) -> None:
    folder = make()
    (folder / "map.json").unlink()
    with pytest.raises(BundleError, match=r"There is no `map.json` in"):
        bundle.read(folder)
    folder = make(lambda contents: contents.pop("pca.json"))
    with pytest.raises(BundleError, match=r"The bundle has no `pca.json`"):
        bundle.read(folder)


def test_no_bundle_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"Make the bundle anew with `segpipe run`. `SEGPIPE_BUNDLE` names another"):
        bundle.read(tmp_path)


def test_a_manifest_of_another_kind_is_refused(make: Callable[..., Path]) -> None:
    folder = make()
    manifest = json.loads((folder / "manifest.json").read_text())
    for change, expected in [
        ({"version": 7}, "has version 7"),
        ({"files": [{"path": "../secret", "sha256": ""}]}, "which is not in the bundle"),
        ({"files": [{"path": "model.json"}]}, "`sha256` is missing"),
    ]:
        (folder / "manifest.json").write_text(json.dumps(manifest | change))
        with pytest.raises(BundleError, match=expected):
            bundle.read(folder)
    (folder / "manifest.json").write_text("[1, 2")
    with pytest.raises(BundleError, match="is not JSON"):
        bundle.read(folder)


def test_the_bundle_is_around_the_app_or_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEGPIPE_BUNDLE", raising=False)
    assert bundle.location() == Path(bundle.__file__).resolve().parents[1]
    monkeypatch.setenv("SEGPIPE_BUNDLE", "/srv/bundle")
    assert bundle.location() == Path("/srv/bundle")
