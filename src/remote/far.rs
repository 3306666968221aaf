//! The far end: records and objects in whatever keeps them, one request at a time.
//!
//! For: names, requests, and what their failures mean. Not for: what is asked for when (`fetch`, `push`), or threads
//! (`line`). Called by: `fetch`, `push`.
//!
//! Layout: `v1/records/<fingerprint>` and `v1/objects/ab/cdef…`, below the prefix or in the folder.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use futures_util::StreamExt;
use object_store::path::Path as Name;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use tokio::io::AsyncReadExt;

use super::error::{RemoteError, cannot_create, explain, says_no_bucket};
use crate::digest::{Digest, Hasher};
use crate::spec::shared::Storage;
use crate::store::StoreError;

/// Larger objects go in parts of this size, of which one at a time is in memory. Storages want at least 5 MiB.
const PART: u64 = 8 << 20;
/// Parts that an object may have.
const MOST_PARTS: u64 = 9_000;
/// No record is larger.
const LARGEST_RECORD: u64 = 16 << 20;

/// The shared cache itself.
#[derive(Debug)]
pub(super) struct Far {
    objects: Arc<dyn ObjectStore>,
    prefix: Name,
    /// As people write it.
    pub(super) address: String,
    storage: Option<Storage>,
}

/// What became of a download.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrived {
    /// There is no such object.
    Missing,
    /// This content.
    Content(Digest),
}

impl Far {
    pub(super) fn new(objects: Arc<dyn ObjectStore>, prefix: Name, address: String, storage: Option<Storage>) -> Self {
        Self { objects, prefix, address, storage }
    }

    fn name(&self, parts: &[&str]) -> Name {
        parts.iter().fold(self.prefix.clone().join("v1"), |name, part| name.join(*part))
    }

    fn record_name(&self, fingerprint: Digest) -> Name {
        self.name(&["records", &fingerprint.to_string()])
    }

    fn object_name(&self, digest: Digest) -> Name {
        let text = digest.to_string();
        let (head, tail) = text.split_at(2);
        self.name(&["objects", head, tail])
    }

    fn explain(&self, action: &'static str) -> impl Fn(object_store::Error) -> RemoteError {
        move |error| explain(error, action, &self.address, self.storage)
    }

    /// None for what is not there, where the bucket is.
    fn present<T>(&self, answer: object_store::Result<T>, action: &'static str) -> Result<Option<T>, RemoteError> {
        match answer {
            Err(error @ object_store::Error::NotFound { .. }) if !says_no_bucket(&error) => Ok(None),
            answer => answer.map(Some).map_err(self.explain(action)),
        }
    }

    /// The record of a fingerprint as it lies there; none where there is none.
    pub(super) async fn record(&self, fingerprint: Digest) -> Result<Option<Vec<u8>>, RemoteError> {
        const ACTION: &str = "give a record";
        let answer = self.objects.get(&self.record_name(fingerprint)).await;
        let Some(answer) = self.present(answer, ACTION)? else { return Ok(None) };
        if answer.meta.size > LARGEST_RECORD {
            // Whatever it is, it is none that anybody wrote as a record.
            return Ok(Some(Vec::new()));
        }
        answer.bytes().await.map(|bytes| Some(bytes.to_vec())).map_err(self.explain(ACTION))
    }

    /// Puts a record there, over one that is there or not. Says whether it is there now and was not before.
    pub(super) async fn put_record(
        &self,
        fingerprint: Digest,
        bytes: &[u8],
        replaces: bool,
    ) -> Result<bool, RemoteError> {
        let name = self.record_name(fingerprint);
        let payload = || PutPayload::from(bytes.to_vec());
        if !replaces {
            match self.objects.put_opts(&name, payload(), PutMode::Create.into()).await {
                Ok(_) => return Ok(true),
                // Another writer was faster; equal fingerprints mean equal results.
                Err(object_store::Error::AlreadyExists { .. }) => return Ok(false),
                Err(error) if cannot_create(&error) => {}
                Err(error) => return Err(self.explain("keep a record")(error)),
            }
        }
        self.objects.put(&name, payload()).await.map(|_| true).map_err(self.explain("keep a record"))
    }

    /// The size of an object; none where there is none.
    pub(super) async fn size(&self, digest: Digest) -> Result<Option<u64>, RemoteError> {
        let answer = self.objects.head(&self.object_name(digest)).await;
        Ok(self.present(answer, "tell of an object")?.map(|meta| meta.size))
    }

    /// Writes an object's content to the new file `to` as it arrives, and tells `on_bytes` of every piece.
    pub(super) async fn download(
        &self,
        digest: Digest,
        to: &Path,
        on_bytes: &(dyn Fn(u64) + Sync),
    ) -> Result<Arrived, RemoteError> {
        const ACTION: &str = "give an object";
        let answer = self.objects.get(&self.object_name(digest)).await;
        let Some(answer) = self.present(answer, ACTION)? else { return Ok(Arrived::Missing) };
        let mut file = std::fs::File::create(to).map_err(StoreError::file("create", to))?;
        let (mut hasher, mut pieces) = (Hasher::default(), answer.into_stream());
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(self.explain(ACTION))?;
            hasher.update(&piece);
            file.write_all(&piece).map_err(StoreError::file("write", to))?;
            on_bytes(piece.len() as u64);
        }
        Ok(Arrived::Content(hasher.digest()))
    }

    /// Puts the object of this digest there, whose content is the file `from`. Whatever is there is replaced by what is
    /// right. Returns its size.
    pub(super) async fn upload(&self, digest: Digest, from: &Path) -> Result<u64, RemoteError> {
        let unreadable = || StoreError::file("read", from);
        let mut file = tokio::fs::File::open(from).await.map_err(unreadable())?;
        let size = file.metadata().await.map_err(unreadable())?.len();
        let name = self.object_name(digest);
        if size <= PART {
            let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
            file.read_to_end(&mut bytes).await.map_err(unreadable())?;
            let put = self.objects.put(&name, bytes.into()).await;
            return put.map(|_| size).map_err(self.explain("keep an object"));
        }
        let mut upload = self.objects.put_multipart(&name).await.map_err(self.explain("keep an object"))?;
        let sent = self.send_parts(upload.as_mut(), file, PART.max(size.div_ceil(MOST_PARTS)), from).await;
        if sent.is_err() {
            // Some storages charge for parts of what never becomes whole.
            let _ = upload.abort().await;
        }
        sent.map(|()| size)
    }

    async fn send_parts(
        &self,
        upload: &mut dyn MultipartUpload,
        mut file: tokio::fs::File,
        part: u64,
        from: &Path,
    ) -> Result<(), RemoteError> {
        loop {
            let mut bytes = Vec::new();
            (&mut file).take(part).read_to_end(&mut bytes).await.map_err(StoreError::file("read", from))?;
            if bytes.is_empty() {
                break;
            }
            upload.put_part(bytes.into()).await.map_err(self.explain("keep an object"))?;
        }
        upload.complete().await.map(drop).map_err(self.explain("keep an object"))
    }
}
