//! `sparrowhawk bisect`: the first step of a file that no longer gives what its golden vectors say.

use std::path::PathBuf;

use clap::Args;

use super::CommandError;
use super::model_file::ModelFile;
use super::run::Place;
use crate::verify;

/// Find the first step whose output differs from the golden vectors of the file.
#[derive(Clone, Debug, Args)]
pub struct BisectArgs {
    /// Model file
    model: PathBuf,
    #[command(flatten)]
    place: Place,
}

/// Prints the first difference; false when there is one.
///
/// # Errors
/// See [`CommandError`].
pub fn bisect(args: &BisectArgs) -> Result<bool, CommandError> {
    let file = ModelFile::read(&args.model)?;
    let model = file.model()?;
    let inputs = file.inputs(None, 0)?;
    let (_, golden) = verify::golden_traces(&model);
    let (traces, about) = args.place.traces(file.bytes(), &model, &inputs)?;
    println!("{about}");
    let difference = verify::compare(&model, &golden, &traces);
    match &difference {
        None => println!(
            "identical to the golden vectors: {} inputs, {} steps each",
            inputs.len(),
            model.step_count()
        ),
        Some(difference) => println!("{difference}"),
    }
    Ok(difference.is_none())
}
