//! The driver of an emulated GPU: those functions of `libcuda.so.1` that a program needs to run these kernels.
//!
//! Work is done as late as a real GPU may do it: launches, copies and events wait until somebody waits for them, so that a
//! missing wait shows. Addresses, sizes and launches are checked, and machine code is read as a driver reads it: a kernel
//! that the compiler did not make, or made with other parameters, is refused. Environment variables make the GPU that a test wants:
//! `EMULATED_DRIVER` (12090 for CUDA 12.9), `EMULATED_GPUS`, `EMULATED_CAPABILITY` (75 for 7.5), `EMULATED_BYTES`.
#pragma once
#include <time.h>
#include <functional>
#include <memory>
#include "cubin.h"
#include "memory.h"

namespace emulate {

/// Codes of `CUresult`.
enum Result {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    NO_DEVICE = 100,
    INVALID_DEVICE = 101,
    INVALID_IMAGE = 200,
    NO_BINARY_FOR_GPU = 209,
    INVALID_HANDLE = 400,
    NOT_FOUND = 500,
    NOT_READY = 600,
    STREAM_CAPTURE_UNSUPPORTED = 900,
    STREAM_CAPTURE_INVALIDATED = 901,
};

/// A launch that passed all checks.
struct Work { const Entry* entry; u32 grid, threads, shared; std::vector<u8> params; };
struct Graph { std::vector<Work> nodes; };
struct Event { bool recorded, done; double ms; };
struct Function { const Entry* entry; u32 most_threads; };
struct Loaded { Cubin cubin; std::map<std::string, Function> functions; };

static std::vector<std::function<void()>> queue;
static std::map<u64, u64> allocations;
static u64 allocated;
static bool capturing;
static Graph captured;

inline u64 setting(const char* name, u64 otherwise) {
    const char* text = getenv(name);
    return text ? strtoull(text, nullptr, 10) : otherwise;
}

inline u64 capability() { return setting("EMULATED_CAPABILITY", ARCH / 10); }
inline u64 total_bytes() { return setting("EMULATED_BYTES", 1ull << 30); }

inline double now_ms() {
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

/// Everything that was started; nothing may be waited for while a graph is recorded.
inline int finish_all() {
    if (capturing) return STREAM_CAPTURE_UNSUPPORTED;
    std::vector<std::function<void()>> work;
    work.swap(queue);
    for (const auto& step : work) step();
    return SUCCESS;
}

inline int later(std::function<void()> step) {
    if (capturing) return STREAM_CAPTURE_UNSUPPORTED;
    queue.push_back(step);
    return SUCCESS;
}

inline bool is_allocated(u64 at, u64 bytes) {
    auto next = allocations.upper_bound(at);
    if (next == allocations.begin()) return false;
    const auto& [start, size] = *--next;
    return at + bytes <= start + size;
}

inline void run(const Work& work) {
    if (launch(*work.entry, work.grid, work.threads, work.shared, work.params.data())) return;
    fail("a launch that does not fit its kernel");
}

}  // namespace emulate

// Beside the driver, for tests that launch single kernels.
extern "C" __attribute__((visibility("default"))) u64 emulate_allocate(u64 bytes) { return emulate::allocate(bytes); }
extern "C" __attribute__((visibility("default"))) void emulate_release(u64 at) { emulate::release(at); }

#define API extern "C" __attribute__((visibility("default"))) int

API cuInit(u32) { return emulate::setting("EMULATED_GPUS", 1) ? emulate::SUCCESS : emulate::NO_DEVICE; }

API cuDriverGetVersion(int* version) {
    *version = (int)emulate::setting("EMULATED_DRIVER", 12090);
    return emulate::SUCCESS;
}

API cuGetErrorName(int code, const char** name) {
    static std::string text;
    text = "error " + std::to_string(code);
    *name = text.c_str();
    return emulate::SUCCESS;
}

API cuGetErrorString(int code, const char** text) {
    *text = code == emulate::OUT_OF_MEMORY ? "out of memory" : "refused by the emulated driver";
    return emulate::SUCCESS;
}

API cuDeviceGetCount(int* count) {
    *count = (int)emulate::setting("EMULATED_GPUS", 1);
    return emulate::SUCCESS;
}

API cuDeviceGet(int* device, int index) {
    if (index < 0 || (u64)index >= emulate::setting("EMULATED_GPUS", 1)) return emulate::INVALID_DEVICE;
    *device = index;
    return emulate::SUCCESS;
}

API cuDeviceGetName(char* name, int bytes, int) {
    snprintf(name, (size_t)bytes, "Emulated sm_%d", (int)emulate::capability());
    return emulate::SUCCESS;
}

API cuDeviceGetAttribute(int* value, int attribute, int) {
    enum { CLOCK_RATE = 13, MULTIPROCESSORS = 16, MAJOR = 75, MINOR = 76, MEMORY_POOLS = 115 };
    switch (attribute) {
        case CLOCK_RATE: *value = 1590000; return emulate::SUCCESS;
        case MULTIPROCESSORS: *value = 40; return emulate::SUCCESS;
        case MAJOR: *value = (int)emulate::capability() / 10; return emulate::SUCCESS;
        case MINOR: *value = (int)emulate::capability() % 10; return emulate::SUCCESS;
        case MEMORY_POOLS: *value = 1; return emulate::SUCCESS;
        default: return emulate::INVALID_VALUE;
    }
}

API cuDevicePrimaryCtxRetain(void** context, int) {
    *context = &emulate::queue;
    return emulate::SUCCESS;
}

API cuDevicePrimaryCtxRelease_v2(int) { return emulate::SUCCESS; }
API cuCtxSetCurrent(void*) { return emulate::SUCCESS; }

API cuCtxGetCurrent(void** context) {
    *context = &emulate::queue;
    return emulate::SUCCESS;
}

API cuCtxSynchronize() { return emulate::finish_all(); }

API cuStreamCreate(void** stream, u32) {
    *stream = &emulate::captured;
    return emulate::SUCCESS;
}

API cuStreamDestroy_v2(void*) { return emulate::finish_all(); }
API cuStreamSynchronize(void*) { return emulate::finish_all(); }

API cuMemGetInfo_v2(u64* free_bytes, u64* total) {
    *total = emulate::total_bytes();
    *free_bytes = *total - emulate::allocated;
    return emulate::SUCCESS;
}

API cuMemAllocAsync(u64* pointer, u64 bytes, void*) {
    if (bytes == 0 || emulate::capturing) return emulate::INVALID_VALUE;
    if (emulate::allocated + bytes > emulate::total_bytes()) return emulate::OUT_OF_MEMORY;
    const u64 at = emulate::allocate(bytes);
    if (at == 0) return emulate::OUT_OF_MEMORY;
    emulate::allocations[at] = bytes;
    emulate::allocated += bytes;
    *pointer = at;
    return emulate::SUCCESS;
}

API cuMemFreeAsync(u64 pointer, void*) {
    const auto found = emulate::allocations.find(pointer);
    if (found == emulate::allocations.end()) return emulate::INVALID_VALUE;
    emulate::allocated -= found->second;
    emulate::allocations.erase(found);
    return emulate::later([=] { emulate::release(pointer); });
}

API cuMemsetD8Async(u64 to, u8 value, u64 bytes, void*) {
    if (!emulate::is_allocated(to, bytes)) return emulate::INVALID_VALUE;
    return emulate::later([=] { memset((void*)to, value, bytes); });
}

// The driver has its own copy of the host's bytes before it returns.
API cuMemcpyHtoDAsync_v2(u64 to, const u8* from, u64 bytes, void*) {
    if (!emulate::is_allocated(to, bytes)) return emulate::INVALID_VALUE;
    const std::vector<u8> copy(from, from + bytes);
    return emulate::later([=] { memcpy((void*)to, copy.data(), bytes); });
}

API cuMemcpyDtoHAsync_v2(u8* to, u64 from, u64 bytes, void*) {
    if (!emulate::is_allocated(from, bytes)) return emulate::INVALID_VALUE;
    return emulate::later([=] { memcpy(to, (const void*)from, bytes); });
}

API cuModuleLoadData(void** module, const u8* image) {
    auto loaded = std::make_unique<emulate::Loaded>();
    if (!emulate::Cubin::read(image, loaded->cubin)) return emulate::INVALID_IMAGE;
    // Machine code runs on later versions of the same generation.
    const u64 code = loaded->cubin.arch, gpu = emulate::capability();
    if (code / 10 != gpu / 10 || code > gpu) return emulate::NO_BINARY_FOR_GPU;
    *module = loaded.release();
    return emulate::SUCCESS;
}

API cuModuleUnload(void* module) {
    const int code = emulate::finish_all();
    delete (emulate::Loaded*)module;
    return code;
}

API cuModuleGetFunction(void** function, void* module, const char* name) {
    emulate::Loaded& loaded = *(emulate::Loaded*)module;
    const auto made = loaded.cubin.functions.find(name);
    const auto emulated = emulate::entries().find(name);
    if (made == loaded.cubin.functions.end() || emulated == emulate::entries().end()) return emulate::NOT_FOUND;
    if (made->second.param_bytes != emulated->second.params) emulate::fail("a kernel's parameters have two sizes");
    *function = &(loaded.functions[name] = {&emulated->second, made->second.most_threads});
    return emulate::SUCCESS;
}

API cuLaunchKernel(void* handle, u32 x, u32 y, u32 z, u32 threads, u32 threads_y, u32 threads_z, u32 shared, void*,
                   void** params, void** extra) {
    const emulate::Function& function = *(emulate::Function*)handle;
    if (x == 0 || y != 1 || z != 1 || threads_y != 1 || threads_z != 1 || extra) return emulate::INVALID_VALUE;
    if (threads == 0 || threads > function.most_threads || shared > emulate::SHARED_LIMIT) {
        return emulate::INVALID_VALUE;
    }
    const u8* bytes = (const u8*)params[0];
    const emulate::Work work = {function.entry, x, threads, shared, {bytes, bytes + function.entry->params}};
    if (emulate::capturing) {
        emulate::captured.nodes.push_back(work);
        return emulate::SUCCESS;
    }
    return emulate::later([=] { emulate::run(work); });
}

API cuStreamBeginCapture_v2(void*, int) {
    if (emulate::capturing) return emulate::INVALID_VALUE;
    emulate::capturing = true;
    emulate::captured.nodes.clear();
    return emulate::SUCCESS;
}

API cuStreamEndCapture(void*, void** graph) {
    if (!emulate::capturing) return emulate::STREAM_CAPTURE_INVALIDATED;
    emulate::capturing = false;
    *graph = new emulate::Graph(emulate::captured);
    return emulate::SUCCESS;
}

API cuGraphInstantiateWithFlags(void** instance, void* graph, u64) {
    *instance = new emulate::Graph(*(emulate::Graph*)graph);
    return emulate::SUCCESS;
}

API cuGraphDestroy(void* graph) {
    delete (emulate::Graph*)graph;
    return emulate::SUCCESS;
}

// A graph that still runs may be destroyed: its launches hold their own nodes.
API cuGraphExecDestroy(void* instance) { return cuGraphDestroy(instance); }

API cuGraphLaunch(void* instance, void*) {
    const emulate::Graph graph = *(emulate::Graph*)instance;
    return emulate::later([=] {
        for (const emulate::Work& work : graph.nodes) emulate::run(work);
    });
}

API cuEventCreate(void** event, u32) {
    *event = new emulate::Event{false, false, 0.0};
    return emulate::SUCCESS;
}

API cuEventRecord(void* handle, void*) {
    emulate::Event* event = (emulate::Event*)handle;
    event->recorded = true;
    event->done = false;
    return emulate::later([=] {
        event->ms = emulate::now_ms();
        event->done = true;
    });
}

API cuEventSynchronize(void*) { return emulate::finish_all(); }

API cuEventElapsedTime(float* ms, void* from, void* to) {
    const emulate::Event &first = *(emulate::Event*)from, &last = *(emulate::Event*)to;
    if (!first.recorded || !last.recorded) return emulate::INVALID_HANDLE;
    if (!first.done || !last.done) return emulate::NOT_READY;
    *ms = (float)(last.ms - first.ms);
    return emulate::SUCCESS;
}

API cuEventDestroy_v2(void* event) {
    const int code = emulate::finish_all();
    delete (emulate::Event*)event;
    return code;
}
