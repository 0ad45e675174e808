//! `sparrowhawk eval`: accuracy of a model file on the integer executor.

use std::path::PathBuf;

use clap::Args;

use super::CommandError;
use super::model_file::{ModelFile, load};
use crate::data::Spec;
use crate::integer;
use crate::quantize::Meta;

/// Measure the accuracy of a model file over a data set.
#[derive(Clone, Debug, Args)]
pub struct EvalArgs {
    /// Model file
    model: PathBuf,
    /// Labelled samples
    #[arg(long, value_name = "SPEC")]
    data: Spec,
}

/// Prints accuracy and confusion matrix.
///
/// # Errors
/// See [`CommandError`].
pub fn eval(args: &EvalArgs) -> Result<bool, CommandError> {
    let file = ModelFile::read(&args.model)?;
    let model = file.model()?;
    let data = load(&model, &args.data)?;
    let [h, w, c] = model.interface().output.dims.map(usize::from);
    data.check_labels(h * w * c)?;
    let result = integer::evaluate(&model, &data, |_| {})?;
    println!("accuracy {:.2} % ({} of {} samples)\n", 100.0 * result.accuracy(), result.correct, data.len());
    let classes = Meta::of(&model).map(|meta| meta.classes).unwrap_or_default();
    let name = |class: usize| classes.get(class).cloned().unwrap_or_else(|| class.to_string());
    println!("confusion: rows are true classes, columns classes found");
    for (class, row) in result.confusion.iter().enumerate() {
        let cells: Vec<String> = row.iter().map(|count| format!("{count:>5}")).collect();
        println!("  {:<12}{}", name(class), cells.concat());
    }
    Ok(true)
}
