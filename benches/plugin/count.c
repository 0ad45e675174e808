/* Counts executions of every translation block between two calls of a marker function: one region per call.
 *
 * Arguments: out=FILE, marker=ADDRESS (any base that strtoull reads; the Thumb bit is ignored).
 * Region 0 ends with the first entry of the marker. The marker's own block is in no region. FILE has the lines
 *     region N
 *     FIRST END INSTRUCTIONS EXECUTIONS     (addresses in hexadecimal, END behind the last instruction)
 *     total N INSTRUCTIONS                  (executed instructions of the region, summed by the plugin)
 * for every region, blocks in order of address, and `end REGIONS` last. A predicated instruction that an IT block
 * skips counts as executed. */
#include "qemu_plugin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

QEMU_PLUGIN_EXPORT int qemu_plugin_version = 1;

struct block {
    uint64_t first, end, instructions;
    uint64_t executions; /* since the start; the emulated code adds to it */
    uint64_t reported;   /* of these, in regions that are closed */
    struct block *next;
};

/* Blocks never move or go: translated code holds their addresses. */
static struct block *blocks;
static uint64_t marker = UINT64_MAX;
static uint64_t region;
static FILE *out;

static void close_region(void)
{
    uint64_t total = 0;
    fprintf(out, "region %" PRIu64 "\n", region);
    for (struct block *b = blocks; b; b = b->next) {
        uint64_t fresh = b->executions - b->reported;
        b->reported = b->executions;
        if (fresh == 0 || b->first == marker) {
            continue;
        }
        total += fresh * b->instructions;
        fprintf(out, "%" PRIx64 " %" PRIx64 " %" PRIu64 " %" PRIu64 "\n", b->first, b->end, b->instructions, fresh);
    }
    fprintf(out, "total %" PRIu64 " %" PRIu64 "\n", region, total);
    region++;
}

static void marker_entered(unsigned int vcpu, void *data)
{
    (void)vcpu;
    (void)data;
    close_region();
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

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    size_t n = qemu_plugin_tb_n_insns(tb);
    struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, n - 1);
    uint64_t first = qemu_plugin_tb_vaddr(tb);
    uint64_t end = qemu_plugin_insn_vaddr(last) + qemu_plugin_insn_size(last);
    struct block *b = find_block(first, end, n);
    qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &b->executions, 1);
    if (first == marker) {
        qemu_plugin_register_vcpu_tb_exec_cb(tb, marker_entered, QEMU_PLUGIN_CB_NO_REGS, NULL);
    }
}

static void finish(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    close_region();
    fprintf(out, "end %" PRIu64 "\n", region);
    if (fclose(out) != 0) {
        fprintf(stderr, "count: cannot write the counts\n");
    }
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    (void)info;
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
