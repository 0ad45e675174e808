//! Attributes of a node. Every one must be read: an attribute that the importer doesn't know could
//! change the result.

use std::cell::Cell;

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, NodeProto};

use super::error::Fault;

/// Typed access to the attributes of one node.
pub(super) struct Attributes<'a> {
    list: &'a [AttributeProto],
    read: Vec<Cell<bool>>,
}

impl<'a> Attributes<'a> {
    pub(super) fn new(node: &'a NodeProto) -> Self {
        Self { list: &node.attribute, read: node.attribute.iter().map(|_| Cell::new(false)).collect() }
    }

    fn find(&self, name: &str, kind: AttributeType) -> Result<Option<&'a AttributeProto>, Fault> {
        let Some(i) = self.list.iter().position(|a| a.name == name) else { return Ok(None) };
        self.read[i].set(true);
        let attribute = &self.list[i];
        // Files of the first ONNX versions don't say the type.
        if attribute.r#type != kind as i32 && attribute.r#type != AttributeType::Undefined as i32 {
            return Err(Fault::invalid(format!("attribute {name} is not of type {}", kind.as_str_name())));
        }
        Ok(Some(attribute))
    }

    pub(super) fn int(&self, name: &str, default: i64) -> Result<i64, Fault> {
        Ok(self.find(name, AttributeType::Int)?.map_or(default, |a| a.i))
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, Fault> {
        Ok(self.int(name, default.into())? != 0)
    }

    pub(super) fn maybe_float(&self, name: &str) -> Result<Option<f32>, Fault> {
        Ok(self.find(name, AttributeType::Float)?.map(|a| a.f))
    }

    pub(super) fn float(&self, name: &str, default: f32) -> Result<f32, Fault> {
        Ok(self.maybe_float(name)?.unwrap_or(default))
    }

    pub(super) fn ints(&self, name: &str) -> Result<Option<&'a [i64]>, Fault> {
        Ok(self.find(name, AttributeType::Ints)?.map(|a| a.ints.as_slice()))
    }

    pub(super) fn text(&self, name: &str, default: &'a str) -> Result<&'a str, Fault> {
        match self.find(name, AttributeType::String)? {
            None => Ok(default),
            Some(a) => std::str::from_utf8(&a.s)
                .map_err(|_| Fault::invalid(format!("attribute {name} is not valid UTF-8"))),
        }
    }

    /// Marks attributes that can't change the result in inference.
    pub(super) fn ignore(&self, names: &[&str]) {
        for (attribute, read) in self.list.iter().zip(&self.read) {
            if names.contains(&attribute.name.as_str()) {
                read.set(true);
            }
        }
    }

    /// An error if an attribute has not been read.
    pub(super) fn finish(&self) -> Result<(), Fault> {
        match self.list.iter().zip(&self.read).find(|(_, read)| !read.get()) {
            None => Ok(()),
            Some((a, _)) => Err(Fault::attribute(
                &a.name,
                describe(a),
                "the importer does not know this attribute",
                "export with opset 13 to 18",
            )),
        }
    }
}

fn describe(a: &AttributeProto) -> String {
    match AttributeType::try_from(a.r#type) {
        Ok(AttributeType::Float) => a.f.to_string(),
        Ok(AttributeType::Int) => a.i.to_string(),
        Ok(AttributeType::String) => format!("{:?}", String::from_utf8_lossy(&a.s)),
        Ok(AttributeType::Ints) => format!("{:?}", a.ints),
        Ok(AttributeType::Floats) => format!("{:?}", a.floats),
        _ => "(a structure)".into(),
    }
}
