//! What remains of a delivery: which run and which version an entry became, in receipt.json beside the entry.
//!
//! For: `push` (writes and reads them), `segpipe run` and `segpipe push` (tell of them). An entry with a receipt does
//! not wait. A receipt is there completely or not at all.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::store::StoreError;
use crate::store::files::{self, read_if_present, rename_synced, write_synced};

use super::entry::RECEIPT;

/// Name under which a receipt is written.
const TEMPORARY: &str = ".receipt.json";

/// What an entry became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The run's page on the server, without user info.
    pub url: String,
    /// The run.
    pub run_id: String,
    /// The version of the registered model; none where the entry has no complete model.
    pub model: Option<ModelReceipt>,
}

/// What the model of an entry became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelReceipt {
    /// The registered model.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whether the alias `champion` was left on it.
    pub is_champion: bool,
    /// Why.
    pub decision: String,
}

impl Receipt {
    /// The receipt in an entry's folder; none where there is none, or none that can be read.
    ///
    /// # Errors
    /// [`StoreError`] where the disk refuses.
    pub fn read(directory: &Path) -> Result<Option<Self>, StoreError> {
        let bytes = read_if_present(&directory.join(RECEIPT))?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Writes it into an entry's folder and makes it durable.
    pub(super) fn write(&self, directory: &Path) -> Result<(), StoreError> {
        let temporary = directory.join(TEMPORARY);
        let json = serde_json::to_vec_pretty(self).unwrap_or_default();
        write_synced(&temporary, &json)?;
        rename_synced(&temporary, &directory.join(RECEIPT))
    }

    /// Takes the receipt of an entry away: it waits again.
    pub(super) fn withdraw(directory: &Path) -> Result<(), StoreError> {
        let path = directory.join(RECEIPT);
        files::remove(&path)?;
        files::sync_parent(&path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_written_read_and_withdrawn() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Receipt::read(folder.path()).unwrap(), None);
        let model = ModelReceipt {
            name: "m".to_owned(),
            version: "2".to_owned(),
            is_champion: true,
            decision: "champion: first".to_owned(),
        };
        let receipt = Receipt { url: "http://h/#/x".to_owned(), run_id: "r".to_owned(), model: Some(model) };
        receipt.write(folder.path()).unwrap();
        assert_eq!(Receipt::read(folder.path()).unwrap(), Some(receipt));
        assert_eq!(folder.path().read_dir().unwrap().count(), 1, "nothing temporary is left");
        Receipt::withdraw(folder.path()).unwrap();
        assert_eq!(Receipt::read(folder.path()).unwrap(), None);
        std::fs::write(folder.path().join(RECEIPT), b"{}").unwrap();
        assert_eq!(Receipt::read(folder.path()).unwrap(), None, "of another kind");
    }
}
