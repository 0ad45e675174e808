//! Stored tensors: checked before they are decoded, because damaged files must give errors.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path};
use std::sync::Arc;

use tract_onnx::data_resolver::FopenDataResolver;
use tract_onnx::pb::TensorProto;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::prelude::{DatumType, Tensor};
use tract_onnx::tensor::load_tensor;

use super::error::{Fault, Problem};

/// A constant of the network.
pub(super) type Constant = Arc<Tensor>;

/// Bytes of an element in `raw_data`; `None` for types that no supported operator takes.
fn element_bytes(kind: DataType) -> Option<usize> {
    match kind {
        DataType::Float | DataType::Int32 | DataType::Uint32 => Some(4),
        DataType::Double | DataType::Int64 => Some(8),
        DataType::Float16 | DataType::Int16 | DataType::Uint16 => Some(2),
        DataType::Int8 | DataType::Uint8 | DataType::Bool => Some(1),
        _ => None,
    }
}

/// Decodes a stored tensor; `folder` is where external data lies.
pub(super) fn load(proto: &TensorProto, folder: &Path) -> Result<Constant, Problem> {
    let bad = |reason: String| Problem::Tensor { tensor: proto.name.clone(), reason };
    let kind = DataType::try_from(proto.data_type)
        .map_err(|_| bad(format!("unknown element type {}", proto.data_type)))?;
    let bytes = element_bytes(kind)
        .ok_or_else(|| bad(format!("element type {} is not supported", kind.as_str_name())))?;
    let len = proto
        .dims
        .iter()
        .try_fold(1usize, |n, &d| n.checked_mul(usize::try_from(d).ok()?))
        .filter(|n| n.checked_mul(bytes).is_some())
        .ok_or_else(|| bad(format!("dimensions {:?} are invalid", proto.dims)))?;

    let mut local = None;
    if proto.data_location == Some(DataLocation::External as i32) {
        let raw_data = read_external(proto, len * bytes, folder)?;
        local = Some(TensorProto { raw_data, data_location: None, external_data: vec![], ..proto.clone() });
    }
    let proto = local.as_ref().unwrap_or(proto);

    let stored = if !proto.raw_data.is_empty() {
        if !proto.raw_data.len().is_multiple_of(bytes) {
            return Err(bad(format!("{} bytes are no whole number of elements", proto.raw_data.len())));
        }
        proto.raw_data.len() / bytes
    } else {
        match kind {
            DataType::Float => proto.float_data.len(),
            DataType::Double => proto.double_data.len(),
            DataType::Int64 => proto.int64_data.len(),
            // ONNX keeps these in `uint64_data`, which tract doesn't read.
            DataType::Uint32 if !proto.uint64_data.is_empty() => {
                return Err(bad("UINT32 in uint64_data is not supported".into()));
            }
            _ => proto.int32_data.len(),
        }
    };
    if stored != len {
        return Err(bad(format!("dimensions {:?} need {len} elements, {stored} are stored", proto.dims)));
    }
    load_tensor(&FopenDataResolver, proto, None).map(Arc::new).map_err(|e| bad(e.to_string()))
}

/// The bytes of a tensor that lie in a file beside the model.
fn read_external(proto: &TensorProto, need: usize, folder: &Path) -> Result<Vec<u8>, Problem> {
    let entry = |key| proto.external_data.iter().find(|e| e.key == key).map(|e| e.value.as_str());
    let location = entry("location").unwrap_or_default();
    let bad = |reason: String| Problem::ExternalData {
        tensor: proto.name.clone(),
        location: location.into(),
        reason,
    };
    let number = |key| match entry(key) {
        None => Ok(None),
        Some(text) => text.parse::<u64>().map(Some).map_err(|e| bad(format!("{key} {text:?}: {e}"))),
    };
    let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?.unwrap_or(need as u64));
    if length != need as u64 {
        return Err(bad(format!("the tensor needs {need} bytes, the entry says {length}")));
    }
    let inside = |c| matches!(c, Component::Normal(_) | Component::CurDir);
    if location.is_empty() || !Path::new(location).components().all(inside) {
        return Err(bad("is not a path below the model's folder".into()));
    }
    let mut file = File::open(folder.join(location)).map_err(|e| bad(e.to_string()))?;
    let size = file.metadata().map_err(|e| bad(e.to_string()))?.len();
    if offset.checked_add(length).is_none_or(|end| end > size) {
        return Err(bad(format!("{length} bytes from {offset} lie outside of its {size} bytes")));
    }
    let mut data = vec![0; need];
    file.seek(SeekFrom::Start(offset)).map_err(|e| bad(e.to_string()))?;
    file.read_exact(&mut data).map_err(|e| bad(e.to_string()))?;
    Ok(data)
}

/// The protobuf form of a constant, for tract.
pub(super) fn to_proto(name: &str, tensor: &Tensor) -> Option<TensorProto> {
    let kind = match tensor.datum_type() {
        DatumType::F32 => DataType::Float,
        DatumType::F64 => DataType::Double,
        DatumType::F16 => DataType::Float16,
        DatumType::I64 => DataType::Int64,
        DatumType::I32 => DataType::Int32,
        DatumType::I16 => DataType::Int16,
        DatumType::I8 => DataType::Int8,
        DatumType::U8 => DataType::Uint8,
        DatumType::U16 => DataType::Uint16,
        DatumType::U32 => DataType::Uint32,
        DatumType::Bool => DataType::Bool,
        _ => return None,
    };
    Some(TensorProto {
        name: name.into(),
        dims: tensor.shape().iter().map(|&d| d as i64).collect(),
        data_type: kind as i32,
        raw_data: tensor.as_bytes().to_vec(),
        ..TensorProto::default()
    })
}

/// The elements of a float constant, all finite; halves and doubles are converted.
pub(super) fn floats(tensor: &Tensor) -> Result<Vec<f32>, Fault> {
    let values = elements(tensor)?;
    if values.iter().any(|v| !v.is_finite()) {
        return Err(Fault::form(
            "a constant is not finite",
            "train the network again: its weights are damaged",
        ));
    }
    Ok(values)
}

/// The elements of a float constant.
fn elements(tensor: &Tensor) -> Result<Vec<f32>, Fault> {
    if !tensor.datum_type().is_float() {
        return Err(Fault::form(
            format!("a constant has elements of type {:?}, floats are needed", tensor.datum_type()),
            "export the float network: Sparrowhawk does the quantization",
        ));
    }
    let cast = tensor.cast_to::<f32>().map_err(|e| Fault::invalid(e.to_string()))?;
    let view = cast.try_as_plain_ram().map_err(|e| Fault::invalid(e.to_string()))?;
    Ok(view.as_slice::<f32>().map_err(|e| Fault::invalid(e.to_string()))?.to_vec())
}

/// The elements of an integer constant.
pub(super) fn integers(tensor: &Tensor) -> Result<Vec<i64>, Fault> {
    if !tensor.datum_type().is_integer() {
        return Err(Fault::invalid(format!(
            "a constant has elements of type {:?}, integers are needed",
            tensor.datum_type()
        )));
    }
    let cast = tensor.cast_to::<i64>().map_err(|e| Fault::invalid(e.to_string()))?;
    let view = cast.try_as_plain_ram().map_err(|e| Fault::invalid(e.to_string()))?;
    Ok(view.as_slice::<i64>().map_err(|e| Fault::invalid(e.to_string()))?.to_vec())
}

/// A constant of one element; bounds may be infinite.
pub(super) fn scalar(tensor: &Tensor) -> Result<f32, Fault> {
    match elements(tensor)?.as_slice() {
        [value] if !value.is_nan() => Ok(*value),
        other => Err(Fault::invalid(format!("a constant is {other:?}, one number is needed"))),
    }
}
