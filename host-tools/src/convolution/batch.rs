//! A batch on all threads: in tasks that only the geometry gives, so that results never depend on the number of threads.

use super::plan::Plan;
use rayon::prelude::*;

impl Plan {
    /// Calls `work(frames, images, results)` for every block: the frames of that many images, at most `block`, and their
    /// results, which it writes.
    pub(super) fn for_each_block(
        &self,
        images: &[f32],
        results: &mut [f32],
        work: &(impl Fn(&[f32], usize, &mut [f32]) + Sync),
    ) {
        let image_len = self.frame.image_len();
        if images.is_empty() || results.is_empty() {
            return results.fill(0.0);
        }
        let tasks = results.par_chunks_mut(self.task * self.result_len);
        tasks.zip(images.par_chunks(self.task * image_len)).for_each(|(results, images)| {
            let mut buffer = self.frame.buffer(self.block);
            let blocks = results.chunks_mut(self.block * self.result_len);
            for (results, images) in blocks.zip(images.chunks(self.block * image_len)) {
                let frames = self.frame.fill(images, &mut buffer);
                work(frames, images.len() / image_len, results);
            }
        });
    }

    /// `len` sums over the batch: `work(frames, images, results, sums)` adds those of a block.
    pub(super) fn sum_over_batch(
        &self,
        images: &[f32],
        results: &[f32],
        len: usize,
        work: &(impl Fn(&[f32], usize, &[f32], &mut [f32]) + Sync),
    ) -> Vec<f32> {
        let image_len = self.frame.image_len();
        let batch = if results.is_empty() { 0 } else { images.len() / image_len.max(1) };
        // Halves of halves down to a task: the order of the sums is that of this tree.
        if batch > self.task {
            let half = batch.div_ceil(self.task).div_ceil(2) * self.task;
            let (images, results) =
                (images.split_at(half * image_len), results.split_at(half * self.result_len));
            let (mut sums, others) = rayon::join(
                || self.sum_over_batch(images.0, results.0, len, work),
                || self.sum_over_batch(images.1, results.1, len, work),
            );
            sums.iter_mut().zip(others).for_each(|(sum, other)| *sum += other);
            return sums;
        }
        let mut sums = vec![0.0; len];
        if batch > 0 {
            let mut buffer = self.frame.buffer(self.block);
            let blocks = results.chunks(self.block * self.result_len);
            for (results, images) in blocks.zip(images.chunks(self.block * image_len)) {
                let frames = self.frame.fill(images, &mut buffer);
                work(frames, images.len() / image_len, results, &mut sums);
            }
        }
        sums
    }
}
