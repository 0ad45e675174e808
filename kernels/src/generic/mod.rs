//! Portable kernels: the reference that every faster tier must equal bit for bit.

mod add;
mod argmax;
pub(crate) mod column;
mod concat;
mod conv2d;
mod dense;
pub(crate) mod depthwise;
mod dot;
pub(crate) mod finish;
mod pool;
mod rescale;
mod table;
mod window;

pub use add::add;
pub use argmax::argmax;
pub use concat::concat;
pub use conv2d::conv2d;
pub use dense::dense;
pub use depthwise::depthwise;
pub use pool::{average_pool, max_pool};
pub use rescale::rescale;
pub use table::table;
pub use window::window;
