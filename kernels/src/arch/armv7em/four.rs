//! Weights of four channels of a depthwise convolution as bytes, tap by tap.

use super::GROUP;
use super::pairs::Constants;
use crate::{WeightBits, linked};

/// Takes four weights of each tap, from channel `first` on, a multiple of four; what lies behind the last channel does not
/// matter.
#[inline(always)]
pub(super) fn unpack(constants: &Constants, first: usize, taps: &mut [[u8; GROUP]]) {
    let weights = constants.weights.get(first >> constants.bits.log2_per_byte()..).unwrap_or(&[]);
    match constants.bits.linked() {
        WeightBits::W8 => each_tap(weights, constants.step, taps, bytes),
        WeightBits::W4 => each_tap(weights, constants.step, taps, nibbles),
        WeightBits::W2 => each_tap(weights, constants.step, taps, crumbs),
    }
}

#[inline(always)]
fn each_tap(mut weights: &[u8], step: usize, taps: &mut [[u8; GROUP]], four: fn(&[u8]) -> u32) {
    for tap in taps {
        *tap = four(weights).to_le_bytes();
        weights = weights.get(step..).unwrap_or(&[]);
    }
}

/// Four weights of 8 bits as bytes.
#[inline(always)]
fn bytes(weights: &[u8]) -> u32 {
    match weights.first_chunk() {
        Some(bytes) => u32::from_le_bytes(*bytes),
        None if linked::WIDE => rest(weights),
        None => 0,
    }
}

/// The same of 4 bits.
#[inline(always)]
fn nibbles(weights: &[u8]) -> u32 {
    let bytes = match weights.first_chunk() {
        Some(bytes) => u16::from_le_bytes(*bytes).into(),
        None if linked::WIDE => rest(weights),
        None => 0,
    };
    let bytes = (bytes & 0xff) | (bytes & 0xff00) << 8;
    let nibbles = (bytes & 0x000f_000f) | (bytes & 0x00f0_00f0) << 4;
    nibbles | ((nibbles & 0x0808_0808) * 0x1e)
}

/// The same of 2 bits.
#[inline(always)]
fn crumbs(weights: &[u8]) -> u32 {
    let byte = weights.first().copied().map_or(0, u32::from);
    let crumbs = (byte & 3) | (byte & 0xc) << 6 | (byte & 0x30) << 12 | (byte & 0xc0) << 18;
    crumbs | ((crumbs & 0x0202_0202) * 0x7e)
}

/// The bytes at the end of the last row, zeros behind them.
#[cold]
#[inline(never)]
fn rest(row: &[u8]) -> u32 {
    row.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte))
}
