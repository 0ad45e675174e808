//! Batches prepared ahead on a thread of their own, so that training does not wait for them.

use super::{Batch, BatchError, Batches, Position};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Batches that wait at most.
const AHEAD: usize = 3;

/// The batches from a position to the end of the last epoch. Dropping it ends the thread.
///
/// Preparing uses rayon's threads: do not wait for a batch on one of them.
#[derive(Debug)]
pub struct Loader {
    batches: Option<Receiver<Batch>>,
    thread: Option<JoinHandle<()>>,
}

impl Loader {
    /// Starts preparing at `from` and stops before epoch `epochs`.
    ///
    /// # Errors
    /// [`BatchError::Thread`].
    pub fn start(source: Arc<Batches>, from: Position, epochs: usize) -> Result<Self, BatchError> {
        let (sender, receiver) = sync_channel(AHEAD);
        let thread = std::thread::Builder::new().name("batches".to_string());
        let thread = thread.spawn(move || prepare(&source, from, epochs, &sender))?;
        Ok(Self { batches: Some(receiver), thread: Some(thread) })
    }
}

fn prepare(source: &Batches, from: Position, epochs: usize, sender: &SyncSender<Batch>) {
    let mut first = from.batch;
    for epoch in from.epoch..epochs {
        let order = source.order(epoch);
        for batch in first..source.per_epoch() {
            if sender.send(source.batch(&order, Position { epoch, batch })).is_err() {
                return;
            }
        }
        first = 0;
    }
}

impl Iterator for Loader {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        let batch = self.batches.as_ref()?.recv().ok();
        if batch.is_none()
            && let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
        {
            std::panic::resume_unwind(panic);
        }
        batch
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        // A thread that waits for room sees that nobody listens any more.
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
