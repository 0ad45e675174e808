//! Where training computes: the device of a name, chosen at run time among those that this build has.

use burn::tensor::Device;
#[cfg(any(feature = "train-cuda", feature = "train-wgpu"))]
use burn::tensor::DeviceType;

use super::{DeviceName, TrainError};

/// The device of a name.
///
/// # Errors
/// [`TrainError::Device`] where the build has no such backend, [`TrainError::NoDevice`] where the machine has none.
pub(super) fn device(name: DeviceName) -> Result<Device, TrainError> {
    match name {
        DeviceName::Cpu => Ok(Device::flex()),
        #[cfg(feature = "train-cuda")]
        DeviceName::Cuda => first(DeviceType::Cuda, "cuda"),
        #[cfg(not(feature = "train-cuda"))]
        DeviceName::Cuda => Err(TrainError::Device { device: "cuda" }),
        #[cfg(feature = "train-wgpu")]
        DeviceName::Wgpu => first(DeviceType::Wgpu, "wgpu"),
        #[cfg(not(feature = "train-wgpu"))]
        DeviceName::Wgpu => Err(TrainError::Device { device: "wgpu" }),
    }
}

#[cfg(any(feature = "train-cuda", feature = "train-wgpu"))]
fn first(kind: DeviceType, device: &'static str) -> Result<Device, TrainError> {
    Device::enumerate(kind).first().cloned().ok_or(TrainError::NoDevice { device })
}
