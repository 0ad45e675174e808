//! Flash of runtime and kernels in firmware of one model: by section, and by what the code is for.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::AuditError;
use super::disassembly::{Function, Program, demangle};
use super::origin::Origins;
use super::size::{self, Group, Section};
use crate::board::{self, Board};

/// What firmware of one model takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductSize {
    /// Name of the board.
    pub board: String,
    /// Features of the runtime that it links.
    pub needs: Vec<String>,
    /// Flash of runtime, kernels and the library functions that they call, constants with them; without the model.
    pub engine_bytes: u32,
    /// Sections in order of address; `.rodata` holds the model too.
    pub sections: Vec<Section>,
    /// Code by operator, else by source file, largest first.
    pub pieces: Vec<Group>,
}

/// The most that firmware of one model may take.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductBudget {
    /// The model, for people.
    pub name: String,
    /// Board.
    pub board: String,
    /// Features of the runtime.
    pub needs: Vec<String>,
    /// Most bytes of [`ProductSize::engine_bytes`].
    pub bytes: u32,
}

/// The budgets of a file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budgets {
    /// One for each model.
    pub product: Vec<ProductBudget>,
}

/// Sections that hold runtime and kernels.
const ENGINE_SECTIONS: [&str; 3] = [".text", ".rodata", ".data"];

/// Builds firmware of one model and measures it. Without a `model` its place is empty: sizes depend on `needs` alone.
///
/// # Errors
/// No firmware, no disassembler, or a file that cannot be read.
pub fn product_size(
    board: &'static Board,
    model: Option<&Path>,
    needs: &[&str],
) -> Result<ProductSize, AuditError> {
    let folder = tempfile::tempdir()?;
    let empty = folder.path().join("empty.hawk");
    std::fs::write(&empty, [])?;
    let model = model.unwrap_or(&empty);
    // The firmware's copy is as long as its alignment wants it.
    let model_bytes = std::fs::metadata(model)?.len().next_multiple_of(16) as u32;
    let path = board::build_product(board, model, needs)?;
    let (sections, functions) = size::read(&path, board)?;
    let held = sections.iter().filter(|section| ENGINE_SECTIONS.contains(&section.name.as_str()));
    let held: u32 = held.map(|section| section.bytes).sum();
    let harness = functions.iter().filter(|function| size::group(&function.name) == size::HARNESS);
    let harness: u32 = harness.map(|function| function.bytes).sum();
    let (program, origins) = (Program::read(&path)?, Origins::open(&path)?);
    Ok(ProductSize {
        board: board.name.into(),
        needs: needs.iter().map(|&need| need.into()).collect(),
        engine_bytes: held.saturating_sub(harness + model_bytes),
        sections,
        pieces: pieces(&program, &|at| origins.frames(at)),
    })
}

/// Measures every product of a budget: each with its size.
///
/// # Errors
/// Those of [`product_size`], and an unknown board.
pub fn against(budgets: &Budgets) -> Result<Vec<(&ProductBudget, ProductSize)>, AuditError> {
    let measure = |budget: &ProductBudget| {
        let needs: Vec<&str> = budget.needs.iter().map(String::as_str).collect();
        product_size(Board::find(&budget.board)?, None, &needs)
    };
    budgets.product.iter().map(|budget| Ok((budget, measure(budget)?))).collect()
}

/// Operators by the names of their source files.
const OPERATORS: [&str; 10] =
    ["conv2d", "depthwise", "dense", "pool", "add", "rescale", "table", "concat", "window", "argmax"];

/// Bytes of the code of all functions by what they are for.
fn pieces(program: &Program, frames: &dyn Fn(u32) -> Vec<String>) -> Vec<Group> {
    let mut sums: BTreeMap<String, u32> = BTreeMap::new();
    for function in &program.functions {
        let fallback = by_path(&demangle(&function.symbol));
        for (address, bytes) in extents(function) {
            let name = by_files(&frames(address)).or_else(|| fallback.clone());
            *sums.entry(name.unwrap_or_else(|| "harness and library".into())).or_default() += bytes;
        }
    }
    let mut pieces: Vec<Group> = sums.into_iter().map(|(name, bytes)| Group { name, bytes }).collect();
    pieces.sort_by_key(|group| std::cmp::Reverse(group.bytes));
    pieces
}

/// Addresses and lengths of a function's instructions; the last one reaches to its end.
fn extents(function: &Function) -> impl Iterator<Item = (u32, u32)> {
    let starts = function.instructions.iter().map(|one| one.address);
    let ends = starts.clone().skip(1).chain([function.end]);
    starts.zip(ends).map(|(start, end)| (start, end - start))
}

/// The operator that an instruction was inlined into, else the innermost file of ours; `frames` are innermost first.
fn by_files(frames: &[String]) -> Option<String> {
    let files: Vec<(&str, &str)> = frames.iter().filter_map(|frame| ours(frame)).collect();
    let kernel = |&&(folder, stem): &&(&str, &str)| !folder.ends_with("/op") && OPERATORS.contains(&stem);
    if let Some((_, stem)) = files.iter().rev().find(kernel) {
        return Some((*stem).to_owned());
    }
    files.first().map(|&(folder, stem)| shared(folder, stem))
}

/// Name of code that is no operator's own.
fn shared(folder: &str, stem: &str) -> String {
    if folder.ends_with("/op") {
        return "kernels: checks of operators".into();
    }
    format!("{}: {stem}", folder.split('/').next().unwrap_or(folder))
}

/// Crate with folder, and file, of a frame in runtime or kernels.
fn ours(frame: &str) -> Option<(&str, &str)> {
    let (path, _line) = frame.rsplit_once(".rs:")?;
    let (folder, stem) = path.rsplit_once('/')?;
    let start = ["kernels/src", "runtime/src"].iter().find_map(|root| folder.find(root))?;
    Some((folder.get(start..)?, stem))
}

/// The same of a function without debug lines, by its path.
fn by_path(name: &str) -> Option<String> {
    let parts: Vec<&str> = name.split("::").collect();
    // Variants of a module by the core are called `imp`.
    let module = parts.iter().rev().skip(1).find(|&&part| part != "imp")?;
    let root = parts.first().filter(|root| ["kernels", "runtime"].contains(root))?;
    Some(format!("{root}: {module}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Isa;

    #[test]
    fn code_belongs_to_the_operator_it_is_inlined_into() {
        let frames = |files: &[&str]| files.iter().map(|file| format!("/x/{file}:7")).collect::<Vec<_>>();
        for (files, expected) in [
            (&["kernels/src/arch/armv7em/taps.rs", "kernels/src/arch/armv7em/conv2d.rs"][..], Some("conv2d")),
            (&["kernels/src/generic/pool.rs", "runtime/src/execute.rs", "a/main.rs"], Some("pool")),
            (&["kernels/src/op/dense.rs", "runtime/src/validate.rs"], Some("kernels: checks of operators")),
            (&["core/src/slice.rs", "runtime/src/model.rs"], Some("runtime: model")),
            (&["core/src/slice.rs"], None),
        ] {
            assert_eq!(by_files(&frames(files)).as_deref(), expected, "{files:?}");
        }
    }

    #[test]
    fn assembly_belongs_to_its_module() {
        let name = by_path("kernels::arch::armv7em::strip_asm::strip_8");
        assert_eq!(name.as_deref(), Some("kernels: strip_asm"));
        assert_eq!(by_path("kernels::arch::rows::imp::widen_rows").as_deref(), Some("kernels: rows"));
        assert_eq!(by_path("core::fmt::write"), None);
    }

    #[test]
    fn instructions_cover_their_function() {
        let program = Program::parse(
            Isa::Thumb,
            "00000000 <f>:\n    0:\t4770      \tbx\tlr\n    2:\tbf00      \tnop\n",
        );
        let covered: u32 = extents(&program.functions[0]).map(|(_, bytes)| bytes).sum();
        assert_eq!(covered, 4);
    }
}
