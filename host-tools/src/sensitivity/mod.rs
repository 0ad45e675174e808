//! How much the loss minds when a layer is quantised: second derivatives of the float network, and what they are
//! multiplied with (Dong et al., HAWQ 2019 and HAWQ-V2 2020; Yao et al., HAWQ-V3 2021).

mod curvature;
mod derivative;
mod eigenvalue;
mod error;
mod estimate;
mod hutchinson;
mod objective;
mod options;
mod outputs;
mod report;
mod rounding;
mod run;
mod state;
mod subject;
mod tape;

#[cfg(test)]
mod tests;

pub use curvature::Curvature;
pub use eigenvalue::Eigenvalue;
pub use error::SensitivityError;
pub use estimate::Estimate;
pub use hutchinson::{Block, Watch};
pub use objective::Objective;
pub use options::{Method, SensitivityOptions};
pub use outputs::Outputs;
pub use report::{ActivationSensitivity, LayerSensitivity, Origin, Sensitivities};
pub use rounding::ByBits;
pub use run::{Hooks, Step, sensitivities};
