//! The operators that this build links: one cargo feature each, all of them by default.

/// Names by tag.
pub(crate) const OPERATORS: [&str; 10] = [
    "conv2d",
    "depthwise",
    "dense",
    "max_pool",
    "average_pool",
    "add",
    "rescale",
    "table",
    "concat",
    "window",
];

/// Second operands of operators with weights.
pub(crate) const RESIDUAL: bool = cfg!(feature = "residual");

pub(crate) const CONV2D: bool = cfg!(feature = "conv2d");
pub(crate) const DEPTHWISE: bool = cfg!(feature = "depthwise");
pub(crate) const DENSE: bool = cfg!(feature = "dense");
pub(crate) const MAX_POOL: bool = cfg!(feature = "max_pool");
pub(crate) const AVERAGE_POOL: bool = cfg!(feature = "average_pool");
pub(crate) const ADD: bool = cfg!(feature = "add");
pub(crate) const RESCALE: bool = cfg!(feature = "rescale");
pub(crate) const TABLE: bool = cfg!(feature = "table");
pub(crate) const CONCAT: bool = cfg!(feature = "concat");
pub(crate) const WINDOW: bool = cfg!(feature = "window");
