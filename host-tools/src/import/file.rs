//! From bytes to a decoded ONNX model: tells a damaged file from one of another kind.

use prost::Message;
use tract_onnx::pb::ModelProto;

use super::error::Problem;

/// Decodes a model.
pub(super) fn decode(bytes: &[u8]) -> Result<ModelProto, Problem> {
    scan(bytes)?;
    let model = ModelProto::decode(bytes).map_err(|e| Problem::NotOnnx(e.to_string()))?;
    if model.graph.is_none() {
        return Err(Problem::NotOnnx("it holds no graph".into()));
    }
    Ok(model)
}

/// Walks the outermost protobuf fields. A field that `ModelProto` doesn't have means another kind of
/// file; a payload that runs over the end means a truncated one.
fn scan(bytes: &[u8]) -> Result<(), Problem> {
    let foreign = |what: &str| Err(Problem::NotOnnx(what.into()));
    if bytes.is_empty() {
        return foreign("it is empty");
    }
    let mut at = 0;
    while at < bytes.len() {
        let Some((key, next)) = varint(bytes, at) else { return foreign("a field key is broken") };
        at = next;
        // Field numbers of ModelProto; wire type 0 is a number, 2 has a length.
        match (key >> 3, key & 7) {
            (1 | 5, 0) => match varint(bytes, at) {
                Some((_, next)) => at = next,
                None => return Err(Problem::Truncated { at, need: 1, have: 0 }),
            },
            (2..=4 | 6..=8 | 14 | 20 | 25 | 26, 2) => match varint(bytes, at) {
                Some((need, next)) => {
                    let have = bytes.len() - next;
                    if need > have as u64 {
                        return Err(Problem::Truncated { at: next, need, have });
                    }
                    at = next + need as usize;
                }
                None => return Err(Problem::Truncated { at, need: 1, have: bytes.len() - at }),
            },
            _ => return foreign("its outermost fields are not those of ModelProto"),
        }
    }
    Ok(())
}

/// A protobuf varint and the index behind it.
fn varint(bytes: &[u8], start: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for (i, &byte) in bytes.get(start..)?.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, start + i + 1));
        }
    }
    None
}
