/* Counts executions of every translation block of Thumb or RISC-V code between two calls of a marker function: one region per
 * call.
 *
 * Arguments: out=FILE, marker=ADDRESS (any base that strtoull reads; bit 0, which is Thumb's, is ignored).
 * Region 0 ends with the first entry of the marker. The marker's own block is in no region. FILE has the lines
 *     region N
 *     FIRST END INSTRUCTIONS EXECUTIONS LEFT
 * for every region, blocks in order of address. Addresses are hexadecimal, END is behind the last instruction, LEFT
 * is how often something else than the block at END came next: the taken branches. The last line is
 *     end REGIONS EXECUTED
 * with all executed instructions outside the marker, counted one by one, so that the sum of the blocks can be checked.
 * A predicated instruction that an IT block skips counts as executed. */
#include "qemu_plugin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

QEMU_PLUGIN_EXPORT int qemu_plugin_version = 1;

struct block {
    uint64_t first, end, instructions;
    uint64_t executions, left; /* in this region */
    struct block *next;
};

/* Blocks never move or go: translated code holds their addresses. */
static struct block *blocks;
static uint64_t marker = UINT64_MAX;
static uint64_t region;
static uint64_t executed; /* the emulated code adds to it */
static struct block *previous;
static FILE *out;
static bool is_riscv;

static void close_region(void)
{
    fprintf(out, "region %" PRIu64 "\n", region);
    for (struct block *b = blocks; b; b = b->next) {
        if (b->executions > 0) {
            fprintf(out, "%" PRIx64 " %" PRIx64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", b->first, b->end,
                    b->instructions, b->executions, b->left);
        }
        b->executions = b->left = 0;
    }
    region++;
}

static void entered(unsigned int vcpu, void *data)
{
    (void)vcpu;
    struct block *b = data;
    if (previous && previous->end != b->first) {
        previous->left++;
    }
    if (b->first == marker) {
        close_region();
        previous = NULL;
    } else {
        b->executions++;
        previous = b;
    }
}

/* The block of this extent: code that is translated again keeps its counter. */
static struct block *find_block(uint64_t first, uint64_t end, uint64_t instructions)
{
    struct block **place = &blocks;
    while (*place && ((*place)->first < first || ((*place)->first == first && (*place)->end < end))) {
        place = &(*place)->next;
    }
    if (*place && (*place)->first == first && (*place)->end == end) {
        return *place;
    }
    struct block *fresh = calloc(1, sizeof *fresh);
    if (!fresh) {
        abort();
    }
    *fresh = (struct block){.first = first, .end = end, .instructions = instructions, .next = *place};
    *place = fresh;
    return fresh;
}

/* QEMU's own size is wrong at the end of a page: it has the bytes that the translator peeked at. */
static uint64_t bytes_of(const struct qemu_plugin_insn *insn)
{
    uint16_t half;
    memcpy(&half, qemu_plugin_insn_data(insn), sizeof half);
    bool wide = is_riscv ? (half & 3) == 3 : half >> 11 >= 0x1d;
    return wide ? 4 : 2;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    size_t n = qemu_plugin_tb_n_insns(tb);
    struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, n - 1);
    uint64_t first = qemu_plugin_tb_vaddr(tb);
    uint64_t end = qemu_plugin_insn_vaddr(last) + bytes_of(last);
    struct block *b = find_block(first, end, n);
    qemu_plugin_register_vcpu_tb_exec_cb(tb, entered, QEMU_PLUGIN_CB_NO_REGS, b);
    for (size_t i = 0; i < n && first != marker; i++) {
        qemu_plugin_register_vcpu_insn_exec_inline(qemu_plugin_tb_get_insn(tb, i), QEMU_PLUGIN_INLINE_ADD_U64,
                                                   &executed, 1);
    }
}

static void finish(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    close_region();
    fprintf(out, "end %" PRIu64 " %" PRIu64 "\n", region, executed);
    if (fclose(out) != 0) {
        fprintf(stderr, "count: cannot write the counts\n");
    }
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    is_riscv = strncmp(info->target_name, "riscv", 5) == 0;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "out=", 4) == 0 && !out) {
            out = fopen(argv[i] + 4, "w");
        } else if (strncmp(argv[i], "marker=", 7) == 0) {
            marker = strtoull(argv[i] + 7, NULL, 0) & ~UINT64_C(1);
        } else {
            fprintf(stderr, "count: argument %s\n", argv[i]);
            return -1;
        }
    }
    if (!out || marker == UINT64_MAX) {
        fprintf(stderr, "count: need out=FILE (writable) and marker=ADDRESS\n");
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, finish, NULL);
    return 0;
}
