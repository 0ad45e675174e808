//! What instructions by name have in common on Armv6-M: the high registers are saved through low ones, and a product of 64
//! bits is made from halves.

/// Saves the caller's registers.
macro_rules! save {
    () => {
        "push {{r4-r7, lr}}\n mov r4, r8\n mov r5, r9\n mov r6, r10\n mov r7, r11\n push {{r4-r7}}\n"
    };
}

/// Gives the caller its registers back, and returns.
macro_rules! give_back {
    () => {
        "pop {{r4-r7}}\n mov r8, r4\n mov r9, r5\n mov r10, r6\n mov r11, r7\n pop {{r4-r7, pc}}\n"
    };
}

/// The result of the accumulator in `r0`, whose multiplier's halves are in `r1` and `r2`: the high word of the product,
/// as in `numerics`, shifted by `$shift`, an operand, and saturated to a byte. Changes `r1` to `r4`.
macro_rules! high_word {
    ($shift:literal) => {
        concat!(
            "uxth r3, r0\n asrs r0, r0, #16\n",
            "mov r4, r3\n muls r4, r1, r4\n lsrs r4, r4, #16\n",
            "muls r1, r0, r1\n adds r4, r4, r1\n",
            "muls r3, r2, r3\n uxth r1, r4\n adds r3, r3, r1\n",
            "muls r0, r2, r0\n asrs r4, r4, #16\n asrs r3, r3, #16\n",
            "adds r0, r0, r4\n adds r0, r0, r3\n",
            "ldr r1, ",
            $shift,
            "\n asrs r0, r1\n",
            "sxtb r1, r0\n cmp r0, r1\n beq 9f\n",
            "asrs r0, r0, #31\n movs r1, #127\n eors r0, r1\n",
            "9:\n",
        )
    };
}

pub(super) use {give_back, high_word, save};
