//! Runs a model file.
#![no_std]
