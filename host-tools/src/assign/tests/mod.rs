//! Against enumeration of every choice.

mod arms;
mod brute;
mod effort;
mod errors;
mod property;
