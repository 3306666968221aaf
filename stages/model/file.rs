//! model.json: written so that every float comes back to the bit, read with its version and its sense checked.
//!
//! For: the file's bytes. Not for: where it lies or what it means. Called by: `train` (writes), everyone else (reads).

use std::path::{Path, PathBuf};

use super::{GAUSSIAN_MIXTURE, KMEANS, Model, VERSION};
use crate::contract::{Fault, StageFault};
use crate::customers::FEATURES;

/// A model that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file cannot be opened, read or written.
    #[error("cannot {action} `{}`", path.display())]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no JSON, or not the JSON of a model.
    #[error("`{}` is not a segpipe model", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A later segpipe wrote it.
    #[error("`{}` is a model of version {found}, and this segpipe reads versions up to {VERSION}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version it says.
        found: u64,
    },
    /// Its parts do not fit each other.
    #[error("`{}` is damaged: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl StageFault for ModelError {
    fn fault(&self) -> Fault {
        match self {
            Self::File { .. } => Fault::Disk,
            Self::Json { .. } | Self::Version { .. } | Self::Damaged { .. } => Fault::Data,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::File { .. } => None,
            Self::Version { .. } => Some("update segpipe, or train the model anew".to_owned()),
            Self::Json { .. } | Self::Damaged { .. } => Some("train the model anew".to_owned()),
        }
    }
}

impl Model {
    /// The bytes of model.json: indented, in the order of the fields, shortest floats that read back exactly.
    ///
    /// # Errors
    /// Never for a model; serde's signature asks for it.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Writes model.json to `path`.
    ///
    /// # Errors
    /// [`ModelError::File`] where the disk refuses.
    pub fn write(&self, path: &Path) -> Result<(), ModelError> {
        let bytes = self.to_json().map_err(|source| ModelError::Json { path: path.to_owned(), source })?;
        std::fs::write(path, bytes).map_err(|source| ModelError::File {
            action: "write",
            path: path.to_owned(),
            source,
        })
    }

    /// Reads model.json from `path`.
    ///
    /// # Errors
    /// [`ModelError`] where it cannot be read, is of a later version or does not make sense.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        let bytes =
            std::fs::read(path).map_err(|source| ModelError::File { action: "read", path: path.to_owned(), source })?;
        Self::from_json(&bytes, path)
    }

    /// Reads the bytes of a model.json; `path` is only what errors call it.
    ///
    /// # Errors
    /// [`ModelError`] where it is of a later version or does not make sense.
    pub fn from_json(bytes: &[u8], path: &Path) -> Result<Self, ModelError> {
        let json = |source| ModelError::Json { path: path.to_owned(), source };
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(json)?;
        if let Some(found) = value.get("version").and_then(serde_json::Value::as_u64)
            && found > u64::from(VERSION)
        {
            return Err(ModelError::Version { path: path.to_owned(), found });
        }
        let model: Self = serde_json::from_value(value).map_err(json)?;
        match model.problem() {
            Some(problem) => Err(ModelError::Damaged { path: path.to_owned(), problem }),
            None => Ok(model),
        }
    }

    /// The first thing about this model that does not make sense.
    fn problem(&self) -> Option<String> {
        self.problem_of_segments().or_else(|| self.problem_of_scaler()).or_else(|| self.problem_of_mixture())
    }

    fn problem_of_segments(&self) -> Option<String> {
        if self.features != FEATURES {
            return Some(format!("`features` are {:?}, not {FEATURES:?}", self.features));
        }
        if self.segments.is_empty() {
            return Some("it has no `segments`".to_owned());
        }
        let misplaced = self.segments.iter().enumerate().find(|(index, segment)| segment.segment != *index);
        if let Some((index, segment)) = misplaced {
            return Some(format!("segment {} stands where {index} was expected", segment.segment));
        }
        let is_broken = |values: &[f64; 3]| values.iter().any(|value| !value.is_finite());
        let broken = self.segments.iter().find(|segment| is_broken(&segment.centroid));
        broken.map(|segment| format!("the centroid of segment {} is not finite", segment.segment))
    }

    fn problem_of_scaler(&self) -> Option<String> {
        let scaler = &self.scaler;
        let is_usable = |scale: &f64| scale.is_finite() && *scale != 0.0;
        if !scaler.scale.iter().all(is_usable) || !scaler.offset.iter().all(|offset| offset.is_finite()) {
            return Some("the scaler has an `offset` or `scale` that cannot be used".to_owned());
        }
        let bounds = scaler.clip.iter().flatten();
        bounds.into_iter().any(|[low, high]| low > high).then(|| "the scaler clips to an empty range".to_owned())
    }

    fn problem_of_mixture(&self) -> Option<String> {
        match (self.algorithm.as_str(), &self.mixture) {
            (KMEANS, None) => None,
            (KMEANS, Some(_)) => Some(format!("it has a `mixture`, but its algorithm is `{KMEANS}`")),
            (GAUSSIAN_MIXTURE, None) => Some(format!("it has no `mixture`, but its algorithm is `{GAUSSIAN_MIXTURE}`")),
            (GAUSSIAN_MIXTURE, Some(mixture)) => {
                let (weights, precisions) = (mixture.weights.len(), mixture.precisions.len());
                if weights != self.segments.len() || precisions != weights {
                    return Some("its `mixture` has another number of components than segments".to_owned());
                }
                let broken = mixture.components().iter().position(|component| !component.penalty.is_finite());
                broken.map(|component| format!("component {component} of its `mixture` is not positive definite"))
            }
            (other, _) => Some(format!("its algorithm `{other}` is not known")),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::{Mixture, ModelSegment, Scaler};
    use super::*;

    /// Two segments, standard scaling by (100, 50), (3, 2), (500, 1000).
    pub(in crate::model) fn sample() -> Model {
        let segment = |segment: usize, name: &str, centroid| ModelSegment {
            segment,
            name: name.to_owned(),
            customers: 10,
            centroid,
            mean: [0.1, 1.0 / 3.0, 1e23],
        };
        Model {
            version: VERSION,
            segpipe_version: "0.1.0".to_owned(),
            algorithm: KMEANS.to_owned(),
            features: FEATURES.map(String::from),
            scaler: Scaler {
                method: "standard".to_owned(),
                clip: None,
                is_log: false,
                offset: [100.0, 3.0, 500.0],
                scale: [50.0, 2.0, 1000.0],
            },
            segments: vec![segment(0, "Champions", [-1.0, 1.0, 1.0]), segment(1, "Hibernating", [1.0, -0.5, -0.5])],
            mixture: None,
            snapshot: "2011-12-10T12:50:00".to_owned(),
            frequency_unit: "invoices".to_owned(),
            data_digest: "ab".repeat(32),
            data_source: "file".to_owned(),
            customers: 20,
            seed: 42,
            ranges: [[1.0, 374.0], [1.0, 209.0], [3.75, 280_206.02]],
            name_stability: Some(0.97),
        }
    }

    /// Mean 0 with precision 1 and weight 0.2; mean (4, 0, 0) with precision 1/4 and weight 0.8.
    pub(in crate::model) fn mixture_model() -> Model {
        let diagonal = |value: f64| [[value, 0.0, 0.0], [0.0, value, 0.0], [0.0, 0.0, value]];
        let mut model = sample();
        model.algorithm = GAUSSIAN_MIXTURE.to_owned();
        model.segments[0].centroid = [0.0; 3];
        model.segments[1].centroid = [4.0, 0.0, 0.0];
        model.mixture = Some(Mixture { weights: vec![0.2, 0.8], precisions: vec![diagonal(1.0), diagonal(0.25)] });
        model
    }

    fn read_changed(change: impl FnOnce(&mut serde_json::Value)) -> String {
        let mut value = serde_json::to_value(mixture_model()).unwrap();
        change(&mut value);
        let error = Model::from_json(value.to_string().as_bytes(), Path::new("model.json")).unwrap_err();
        error.to_string()
    }

    #[test]
    fn a_model_comes_back_to_the_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.json");
        for model in [sample(), mixture_model()] {
            model.write(&path).unwrap();
            assert_eq!(Model::read(&path).unwrap(), model);
            assert_eq!(std::fs::read(&path).unwrap(), Model::read(&path).unwrap().to_json().unwrap());
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Model::read(Path::new("nowhere/model.json")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read `nowhere/model.json`");
        assert_eq!(error.fault(), Fault::Disk);
    }

    #[test]
    fn a_later_version_is_refused_before_its_fields_are_looked_at() {
        let error = Model::from_json(br#"{"version": 7, "novel": true}"#, Path::new("m.json")).unwrap_err();
        assert_eq!(error.to_string(), "`m.json` is a model of version 7, and this segpipe reads versions up to 1");
    }

    #[test]
    fn a_file_that_is_no_model_is_refused() {
        for bytes in [&b""[..], b"{", b"[]", b"{\"version\": 1}", b"\xff"] {
            let error = Model::from_json(bytes, Path::new("m.json")).unwrap_err();
            assert_eq!(error.to_string(), "`m.json` is not a segpipe model");
        }
    }

    #[test]
    fn parts_that_do_not_fit_are_named() {
        type Change = fn(&mut serde_json::Value);
        let cases: [(&str, Change); 7] = [
            ("it has no `segments`", |model| model["segments"] = serde_json::json!([])),
            ("segment 1 stands where 0 was expected", |model| model["segments"][0]["segment"] = 1.into()),
            ("the scaler has an `offset` or `scale` that cannot be used", |model| {
                model["scaler"]["scale"][1] = 0.0.into();
            }),
            ("the scaler clips to an empty range", |model| {
                model["scaler"]["clip"] = serde_json::json!([[0.0, 1.0], [2.0, 1.0], [0.0, 1.0]]);
            }),
            ("its `mixture` has another number of components than segments", |model| {
                model["mixture"]["weights"] = serde_json::json!([1.0]);
            }),
            ("component 1 of its `mixture` is not positive definite", |model| {
                model["mixture"]["precisions"][1][2][2] = (-1.0).into();
            }),
            ("its algorithm `magic` is not known", |model| model["algorithm"] = "magic".into()),
        ];
        for (problem, change) in cases {
            assert_eq!(read_changed(change), format!("`model.json` is damaged: {problem}"));
        }
    }
}
