//! Against enumeration of every choice.

mod brute;
mod property;
