//! The audit and the size as text for people.

use std::fmt;

use super::{Audit, Finding, ProductSize, Section, Size};

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in &self.entries {
            let verdict = match entry.findings.len() {
                0 => "clean".into(),
                count => format!("{count} findings"),
            };
            writeln!(
                f,
                "{:<16} {:<18} {verdict}: {} functions, {} instructions, {} bytes, {} 64-bit multiplications",
                self.board,
                entry.symbol,
                entry.functions,
                entry.instructions,
                entry.code_bytes,
                entry.wide_multiplies,
            )?;
            for finding in &entry.findings {
                write!(f, "{finding}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {} at {:#x}: {}", self.rule, self.address, self.what)?;
        writeln!(f, "    reached by {}", self.path.join(" -> "))?;
        self.origin.iter().try_for_each(|place| writeln!(f, "    from {place}"))
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match (self.in_flash, self.in_ram) {
            (true, true) => "flash and RAM",
            (true, false) => "flash",
            _ => "RAM",
        };
        write!(f, "    {:>9}  {:<14} {place}", self.bytes, self.name)
    }
}

impl fmt::Display for ProductSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} bytes of flash for runtime and kernels", self.board, self.engine_bytes)?;
        writeln!(f, "  features of sparrowhawk-runtime: {}", self.needs.join(", "))?;
        writeln!(f, "  sections")?;
        self.sections.iter().try_for_each(|section| writeln!(f, "{section}"))?;
        writeln!(f, "  code by operator, and by source file where operators share it")?;
        self.pieces.iter().try_for_each(|piece| writeln!(f, "    {:>9}  {}", piece.bytes, piece.name))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} bytes of flash, {} bytes of RAM", self.board, self.flash_bytes, self.ram_bytes)?;
        writeln!(f, "  sections")?;
        self.sections.iter().try_for_each(|section| writeln!(f, "{section}"))?;
        writeln!(f, "  code and constants in flash by group")?;
        for group in &self.groups {
            writeln!(f, "    {:>9}  {}", group.bytes, group.name)?;
        }
        writeln!(f, "  largest functions")?;
        for function in self.functions.iter().take(12) {
            writeln!(f, "    {:>9}  {}", function.bytes, function.name)?;
        }
        writeln!(f, "  reachable code")?;
        for entry in &self.entries {
            writeln!(f, "    {:>9}  {}", entry.bytes, entry.name)?;
        }
        writeln!(f, "  RAM")?;
        writeln!(f, "    {:>9}  arena", self.arena_bytes)?;
        writeln!(f, "    {:>9}  other statics", self.ram_bytes.saturating_sub(self.arena_bytes))?;
        writeln!(f, "    {:>9}  left for the stack", self.stack_bytes)
    }
}
