//! Memory of an emulated GPU: what lies behind it belongs to nobody, so that a kernel that reads or writes there ends at once.
#pragma once
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <map>
#include <mutex>

namespace emulate {

/// What a GPU's allocations are aligned to.
const u64 ALIGNMENT = 256;

struct Mapping { u8* pages; u64 bytes; };
static std::map<u64, Mapping> mappings;
static std::mutex mappings_lock;

/// Address of `bytes` poisoned bytes, which end less than `ALIGNMENT` before a page without access; 0 where there are none.
inline u64 allocate(u64 bytes) {
    const u64 page = (u64)sysconf(_SC_PAGESIZE), size = (bytes + page - 1) / page * page;
    u8* pages = (u8*)mmap(nullptr, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + size, page, PROT_NONE) != 0) return 0;
    memset(pages, 0xcc, size);
    const u64 at = ((u64)pages + size - bytes) / ALIGNMENT * ALIGNMENT;
    const std::lock_guard<std::mutex> held(mappings_lock);
    mappings[at] = {pages, size + page};
    return at;
}

/// Gives back what `allocate` gave; false for another address.
inline bool release(u64 at) {
    const std::lock_guard<std::mutex> held(mappings_lock);
    const auto found = mappings.find(at);
    if (found == mappings.end()) return false;
    munmap(found->second.pages, found->second.bytes);
    mappings.erase(found);
    return true;
}

}  // namespace emulate
