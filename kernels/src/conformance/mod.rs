//! Cases that every tier runs.
