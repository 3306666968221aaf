//! Reading, building and writing at the same time, each on its own piece of a stream.
//!
//! For: every format. Not for: what the pieces are. The pieces are written in the order in which they were read.

use super::error::LoadError;

/// Takes pieces from `read` until there are none, hands each to `build` and the results, in order, to `write`.
/// At most three pieces are held at a time.
pub(super) fn overlap<R: Send, B: Send>(
    mut read: impl FnMut() -> Result<Option<R>, LoadError>,
    build: impl Fn(R) -> Result<B, LoadError> + Sync,
    mut write: impl FnMut(B) -> Result<(), LoadError> + Send,
) -> Result<(), LoadError> {
    let mut raw = read()?;
    let mut built: Option<B> = None;
    while raw.is_some() || built.is_some() {
        let (to_build, to_write) = (raw.take(), built.take());
        let (mut next_built, mut written) = (Ok(None), Ok(()));
        let next_raw = rayon::in_place_scope(|scope| {
            let is_open = to_build.is_some();
            if let Some(piece) = to_build {
                let (build, next_built) = (&build, &mut next_built);
                scope.spawn(move |_| *next_built = build(piece).map(Some));
            }
            if let Some(piece) = to_write {
                let (write, written) = (&mut write, &mut written);
                scope.spawn(move |_| *written = write(piece));
            }
            if is_open { read() } else { Ok(None) }
        });
        written?;
        built = next_built?;
        raw = next_raw?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_written_in_the_order_in_which_they_were_read() {
        let mut next = 0..1000_u32;
        let mut written = Vec::new();
        let write = |piece: u32| {
            written.push(piece);
            Ok(())
        };
        overlap(|| Ok(next.next()), |piece| Ok(piece * 2), write).unwrap();
        assert_eq!(written, (0..1000).map(|piece| piece * 2).collect::<Vec<_>>());
    }

    #[test]
    fn an_error_anywhere_ends_it() {
        let failed = overlap(|| Ok(Some(1)), |_| Err::<u32, _>(LoadError::Cancelled), |_| Ok(()));
        assert!(matches!(failed, Err(LoadError::Cancelled)));
        let failed = overlap(|| Ok(Some(1)), Ok, |_| Err(LoadError::Cancelled));
        assert!(matches!(failed, Err(LoadError::Cancelled)));
        let failed = overlap(|| Err::<Option<u32>, _>(LoadError::Cancelled), Ok, |_| Ok(()));
        assert!(matches!(failed, Err(LoadError::Cancelled)));
    }
}
