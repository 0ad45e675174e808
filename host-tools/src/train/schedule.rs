//! The learning rate over time.

use super::options::{Schedule, TrainOptions};

/// Learning rate of a step; `progress` is the number of epochs done, with the part of the running one.
pub(super) fn rate(options: &TrainOptions, progress: f64) -> f64 {
    let epochs = (options.epochs as f64).max(1.0);
    let rising = if options.warmup > 0.0 { (progress / options.warmup).min(1.0) } else { 1.0 };
    let factor = match options.schedule {
        Schedule::Constant => 1.0,
        Schedule::Step => options.step_factor.powf((progress / options.step_epochs.max(1) as f64).floor()),
        Schedule::Cosine => {
            let rest = (epochs - options.warmup).max(f64::MIN_POSITIVE);
            let done = ((progress - options.warmup) / rest).clamp(0.0, 1.0);
            0.5 * (1.0 + (std::f64::consts::PI * done).cos())
        }
    };
    options.rate * rising * factor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosine_goes_from_the_rate_to_zero_after_the_warm_up() {
        let options = TrainOptions { epochs: 4, rate: 0.5, warmup: 2.0, ..TrainOptions::default() };
        assert_eq!(rate(&options, 0.0), 0.0);
        assert_eq!(rate(&options, 1.0), 0.25);
        assert_eq!(rate(&options, 2.0), 0.5);
        // cos(pi/2) is 6e-17 in f64.
        assert!((rate(&options, 3.0) - 0.25).abs() < 1e-15);
        assert_eq!(rate(&options, 4.0), 0.0);
    }

    #[test]
    fn steps_fall_at_whole_epochs() {
        let options = TrainOptions {
            schedule: Schedule::Step,
            step_epochs: 2,
            step_factor: 0.5,
            rate: 1.0,
            ..TrainOptions::default()
        };
        assert_eq!([0.0, 1.9, 2.0, 4.5].map(|at| rate(&options, at)), [1.0, 1.0, 0.5, 0.25]);
    }
}
