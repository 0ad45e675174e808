//! `sparrowhawk assign`: the choice of bits alone, with what else was possible.

use clap::Args;

use super::CommandError;
use super::training::interrupt;
use crate::job::{Job, QuantizeArgs};
use crate::quantize::{
    Choice, Hooks, QuantizeError, Started, choose_bits, layout, score_controls, write_beside,
};
use crate::report::thousands;

/// Choose the bits of every layer within the limits of the job, without training or writing a model; sensitivities of
/// an earlier run are used again
#[derive(Clone, Debug, Args)]
pub struct AssignArgs {
    #[command(flatten)]
    job: QuantizeArgs,
}

/// Prints the choice, the front and the controls; `assignment.json` is in the job's output folder.
///
/// # Errors
/// See [`CommandError`].
pub fn assign(args: &AssignArgs) -> Result<bool, CommandError> {
    let job = Job::from_args(&args.job)?;
    let mut hooks = Hooks {
        say: &mut |what| eprintln!("{what} ..."),
        training: &mut |_| (),
        resume: false,
        stop: interrupt(),
    };
    let started = Started::of(&job, &mut hooks)?;
    let Choice { chosen, .. } = choose_bits(&job, &started, &mut hooks)?;
    (hooks.say)(&format!("evaluating {} controls", chosen.controls.len()));
    let arms =
        score_controls(&started.prepared, &started.recipe, layout(&job)?, &chosen.controls, &started.test)?;
    let mut assignment = chosen.assignment;
    assignment.arms = arms;

    println!("\n{}, {}\n", assignment.method, if chosen.proven { "optimal" } else { "not proven optimal" });
    println!("  {:>3}{:>3}  layer", "w", "a");
    for layer in &assignment.layers {
        println!("  {:>3}{:>3}  {}", layer.weights, layer.activations, layer.name);
    }
    let cycles = |cycles: Option<u64>| cycles.map_or_else(|| "-".to_owned(), thousands);
    println!(
        "\n  {:>12}{:>12}{:>12}{:>14}{:>16}",
        "objective", "weights, B", "arena, B", "cycles est.", "bit operations"
    );
    for point in &assignment.front {
        println!(
            "  {:>12.4e}{:>12}{:>12}{:>14}{:>16}{}",
            point.objective,
            thousands(point.weight_bytes),
            thousands(point.arena_bytes),
            cycles(point.cycles),
            thousands(point.bops),
            if point.chosen { "  chosen" } else { "" },
        );
    }
    println!(
        "\n  {:>12}{:>12}{:>12}{:>14}{:>16}",
        "objective", "weights, B", "arena, B", "cycles est.", "post-training"
    );
    for arm in &assignment.arms {
        println!(
            "  {:>12.4e}{:>12}{:>12}{:>14}{:>14.2} %  {}",
            arm.omega.unwrap_or(f64::NAN),
            thousands(arm.weight_bytes),
            thousands(arm.arena_bytes),
            cycles(arm.cycles),
            100.0 * arm.post_training_accuracy.unwrap_or(f64::NAN),
            arm.name,
        );
    }
    let path = job.output.dir.join("assignment.json");
    let json = serde_json::to_string_pretty(&assignment).map_err(QuantizeError::Json)? + "\n";
    write_beside(&path, json.as_bytes())?;
    println!("\n  file: {}", path.display());
    Ok(true)
}
