//! What a driver reads of machine code: its architecture, and of each kernel the bytes of parameters and the most threads.
//!
//! Machine code is a 64-bit ELF file; section `.nv.info.KERNEL` holds attributes of one kernel (format, code, value).
#pragma once
#include <elf.h>
#include <string.h>
#include <map>
#include <string>

namespace emulate {

/// Kernels as the compiler of the GPU made them.
struct Cubin {
    struct Function { u32 param_bytes, most_threads; };
    u32 arch;
    std::map<std::string, Function> functions;

    /// False for what is no machine code of a GPU.
    static bool read(const u8* image, Cubin& cubin) {
        const Elf64_Ehdr& header = *(const Elf64_Ehdr*)image;
        const u32 CUDA = 190;
        if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_machine != CUDA) return false;
        cubin.arch = header.e_flags & 255;
        const Elf64_Shdr* sections = (const Elf64_Shdr*)(image + header.e_shoff);
        const char* names = (const char*)image + sections[header.e_shstrndx].sh_offset;
        const std::string prefix = ".nv.info.";
        for (u32 i = 0; i < header.e_shnum; i++) {
            const std::string name = names + sections[i].sh_name;
            if (name.compare(0, prefix.size(), prefix) != 0) continue;
            cubin.functions[name.substr(prefix.size())] =
                attributes(image + sections[i].sh_offset, sections[i].sh_size);
        }
        return true;
    }

  private:
    static Function attributes(const u8* at, u64 bytes) {
        enum { SIZED = 4, MAX_THREADS = 0x05, PARAM_BYTES = 0x19 };
        Function function = {0, 0};
        for (u64 i = 0; i + 4 <= bytes;) {
            // A value of two bytes, or the count of the bytes that follow.
            u16 value;
            memcpy(&value, at + i + 2, 2);
            if (at[i + 1] == PARAM_BYTES) function.param_bytes = value;
            if (at[i + 1] == MAX_THREADS) memcpy(&function.most_threads, at + i + 4, 4);
            i += at[i] == SIZED ? 4 + value : 4;
        }
        return function;
    }
};

}  // namespace emulate
