//! The list of plots, in the order of the report.

use super::scene::Scene;
use super::{Picture, profiles, scatter, silhouette, sizes, study};

/// One kind of plot.
pub struct Plot {
    /// Short name; the files are called by it.
    pub name: &'static str,
    /// Its title.
    pub title: &'static str,
    /// What it shows, in words.
    pub description: &'static str,
    /// Draws it.
    pub(super) scene: fn(&Picture<'_>) -> Scene,
}

impl Plot {
    /// Its PNG file in `images`.
    pub fn png(&self) -> String {
        format!("{}.png", self.name)
    }

    /// Its SVG file in `images`.
    pub fn svg(&self) -> String {
        format!("{}.svg", self.name)
    }
}

/// Every plot.
pub static PLOTS: [Plot; 5] = [
    Plot {
        name: "segment_sizes",
        title: "Customers and revenue by segment",
        description: "Two bars a segment: its share of all customers, and its share of all revenue.",
        scene: sizes::scene,
    },
    Plot {
        name: "segment_profiles",
        title: "Mean recency, frequency and monetary by segment",
        description: "Each segment's means as multiples of the means of all customers, on one logarithmic scale, so \
                      that the three can be compared.",
        scene: profiles::scene,
    },
    Plot {
        name: "pca_scatter",
        title: "Customers on a map",
        description: "Customers on the first two principal components of their scaled recency, frequency and \
                      monetary. The axes say how much of the variance they show; arrows point to where a feature \
                      grows. A component's sign is such that its largest loading is positive.",
        scene: scatter::scene,
    },
    Plot {
        name: "k_selection",
        title: "How many segments?",
        description: "Inertia and mean silhouette for every number of segments that was compared, the chosen one \
                      marked.",
        scene: study::scene,
    },
    Plot {
        name: "silhouette",
        title: "How well customers fit their segments",
        description: "Silhouettes of customers, sorted within each segment; the dashed line is the mean of all.",
        scene: silhouette::scene,
    },
];
