//! What instructions by name have in common on RV32IM: they do not know the target's extensions, and use every register
//! but those of the stack, of globals and of threads.

/// Begins instructions that the target has; [`give_back`] ends them.
#[cfg(target_feature = "c")]
macro_rules! extensions {
    () => {
        ".option push\n.option arch, +m, +c\n"
    };
}
#[cfg(not(target_feature = "c"))]
macro_rules! extensions {
    () => {
        ".option push\n.option arch, +m\n"
    };
}

/// Saves the caller's registers, and a0 and a7 where `52(sp)` and `56(sp)` find them again.
macro_rules! save {
    () => {
        r"
        addi sp, sp, -64
        sw ra, 0(sp)
        sw s0, 4(sp)
        sw s1, 8(sp)
        sw s2, 12(sp)
        sw s3, 16(sp)
        sw s4, 20(sp)
        sw s5, 24(sp)
        sw s6, 28(sp)
        sw s7, 32(sp)
        sw s8, 36(sp)
        sw s9, 40(sp)
        sw s10, 44(sp)
        sw s11, 48(sp)
        sw a0, 52(sp)
        sw a7, 56(sp)
        "
    };
}

/// Gives the caller its registers back, and returns.
macro_rules! give_back {
    () => {
        r"
        lw ra, 0(sp)
        lw s0, 4(sp)
        lw s1, 8(sp)
        lw s2, 12(sp)
        lw s3, 16(sp)
        lw s4, 20(sp)
        lw s5, 24(sp)
        lw s6, 28(sp)
        lw s7, 32(sp)
        lw s8, 36(sp)
        lw s9, 40(sp)
        lw s10, 44(sp)
        lw s11, 48(sp)
        addi sp, sp, 64
        ret
        .option pop
        "
    };
}

pub(super) use {extensions, give_back, save};
