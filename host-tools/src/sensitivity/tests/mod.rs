//! Derivatives against difference quotients, traces against unit vectors, on networks that hold every operator.

mod derivatives;
mod net;
mod traces;
