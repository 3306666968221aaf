"""The same work in pandas, scikit-learn and matplotlib: what a data scientist has today.

Load, clean, RFM, scale, KMeans (n_init=10), three metrics, three plots; with `--study` also the curve over k = 2..10
that segpipe makes on every run. Called by `compare.py`, or by hand: `baseline.py online_retail.csv OUT_FOLDER`.
"""

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import (
    calinski_harabasz_score,
    davies_bouldin_score,
    silhouette_score,
)
from sklearn.preprocessing import StandardScaler

FEATURES = ["recency", "frequency", "monetary"]


def load(path: Path) -> pd.DataFrame:
    """The transactions, ids as text."""
    return pd.read_csv(path, dtype={"InvoiceNo": str, "StockCode": str}, parse_dates=["InvoiceDate"])


def clean(transactions: pd.DataFrame) -> pd.DataFrame:
    """Purchases of known customers."""
    known = transactions.dropna(subset=["CustomerID"])
    return known[(known["Quantity"] > 0) & (known["UnitPrice"] > 0)]


def rfm(orders: pd.DataFrame) -> pd.DataFrame:
    """One row per customer."""
    snapshot = orders["InvoiceDate"].max() + pd.Timedelta(days=1)
    orders = orders.assign(amount=orders["Quantity"] * orders["UnitPrice"])
    customers = orders.groupby("CustomerID").agg(
        last=("InvoiceDate", "max"),
        frequency=("InvoiceNo", "nunique"),
        monetary=("amount", "sum"),
    )
    customers["recency"] = (snapshot - customers["last"]).dt.days
    return customers[FEATURES]


def fit(values: np.ndarray, k: int) -> KMeans:
    return KMeans(n_clusters=k, n_init=10, random_state=42).fit(values)


def plot(customers: pd.DataFrame, values: np.ndarray, labels: np.ndarray, folder: Path) -> None:
    """Scatter in two components, customers per segment, mean features per segment."""
    components = PCA(n_components=2, random_state=42).fit_transform(values)
    figure, axes = plt.subplots(figsize=(8, 6))
    axes.scatter(components[:, 0], components[:, 1], c=labels, cmap="tab10", s=10)
    axes.set(title="Customers in two components", xlabel="component 1", ylabel="component 2")
    save(figure, folder / "scatter.png")
    counts = pd.Series(labels).value_counts().sort_index()
    figure, axes = plt.subplots(figsize=(8, 6))
    axes.bar(counts.index.astype(str), counts.to_numpy())
    axes.set(title="Customers per segment", xlabel="segment", ylabel="customers")
    save(figure, folder / "sizes.png")
    means = pd.DataFrame(values, columns=FEATURES).groupby(labels).mean()
    figure, axes = plt.subplots(figsize=(8, 6))
    means.plot.bar(ax=axes)
    axes.set(
        title="Mean features per segment",
        xlabel="segment",
        ylabel="standard deviations",
    )
    save(figure, folder / "means.png")


def save(figure: plt.Figure, path: Path) -> None:
    figure.savefig(path, dpi=100)
    plt.close(figure)


def study(values: np.ndarray, folder: Path) -> None:
    """Inertia and silhouette over k = 2..10."""
    ks = range(2, 11)
    models = [fit(values, k) for k in ks]
    silhouettes = [silhouette_score(values, model.labels_) for model in models]
    figure, axes = plt.subplots(1, 2, figsize=(12, 5))
    axes[0].plot(ks, [model.inertia_ for model in models], marker="o")
    axes[0].set(title="Inertia", xlabel="k")
    axes[1].plot(ks, silhouettes, marker="o")
    axes[1].set(title="Silhouette", xlabel="k")
    save(figure, folder / "study.png")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("source", type=Path)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--k", type=int, default=4)
    arguments.add_argument("--study", action="store_true")
    given = arguments.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)

    customers = rfm(clean(load(given.source)))
    values = StandardScaler().fit_transform(customers)
    model = fit(values, given.k)
    metrics = {
        "silhouette": float(silhouette_score(values, model.labels_)),
        "calinski_harabasz": float(calinski_harabasz_score(values, model.labels_)),
        "davies_bouldin": float(davies_bouldin_score(values, model.labels_)),
    }
    (given.folder / "metrics.json").write_text(json.dumps(metrics, indent=1))
    customers.assign(segment=model.labels_).to_csv(given.folder / "segments.csv")
    plot(customers, values, model.labels_, given.folder)
    if given.study:
        study(values, given.folder)


if __name__ == "__main__":
    main()
