/* io: safetensors against the verdicts and the bytes of the reference implementation, then everything that can fail. */
#include "../smash.h"
#include "test.h"
#include "golden/safetensors_cases.h"

/* ---- a file made of callbacks, which fails at call number fail_at and can be shorter than it says ---- */
typedef struct test_file {
    unsigned char *data;
    size_t bytes, calls, fail_at, largest;
} test_file;

static int file_read(void *user, uint64_t offset, void *data, size_t bytes)
{
    test_file *f = (test_file *)user;
    if (++f->calls == f->fail_at || offset > f->bytes || bytes > f->bytes - offset) return -1;
    if (bytes > f->largest) f->largest = bytes;
    memcpy(data, f->data + offset, bytes);
    return 0;
}

static int file_write(void *user, uint64_t offset, const void *data, size_t bytes)
{
    test_file *f = (test_file *)user;
    if (++f->calls == f->fail_at || offset > f->bytes || bytes > f->bytes - offset) return -1;
    memcpy(f->data + offset, data, bytes);
    return 0;
}

static smash_io file_io(test_file *f, const void *data, size_t bytes)
{
    smash_io io = SMASH_ZERO;
    memset(f, 0, sizeof *f);
    f->data = (unsigned char *)malloc(bytes ? bytes : 1);
    f->bytes = bytes;
    if (data && bytes) memcpy(f->data, data, bytes);
    io.read = file_read;
    io.write = file_write;
    io.bytes = bytes;
    io.user = f;
    return io;
}

/* Header text and data to a file in static memory. */
static unsigned char made[1 << 16];
static size_t make_file(const char *header, size_t data)
{
    size_t n = strlen(header), i;
    for (i = 0; i < 8; i++) made[i] = (unsigned char)((uint64_t)n >> 8 * i & 0xFF);
    memcpy(made + 8, header, n);
    for (i = 0; i < data; i++) made[8 + n + i] = (unsigned char)i;
    return 8 + n + data;
}

static const char one_tensor[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";

/* ---- reading: the verdict of the reference, how ever the file comes ---- */

/* Rows with a dim that size_t cannot hold where it has 32 bits: there this limit comes first. */
static int too_wide(size_t row) { return sizeof(size_t) == 4 && (strstr(st_cases[row].name, "overflow") || strstr(st_cases[row].name, "wraps to")); }
static int accepted_here(size_t row) { return st_cases[row].accepted && !st_cases[row].stricter && !too_wide(row); }
static const char *code_here(size_t row) { return too_wide(row) ? "st_limit" : st_cases[row].code; }

static void check_verdict(size_t row, const smash_io *io, const char *how)
{
    const int good = accepted_here(row);
    smash_ctx ctx;
    smash_arena arena, notes;
    smash_diags diags = SMASH_ZERO;
    smash_model model, before;
    smash_safetensors_desc desc = SMASH_ZERO;
    smash_err err;
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    smash_arena_init(&notes, NULL, 0, &test_allocator);
    diags.arena = &notes;
    desc.file = "file";
    memset(&model, 0x5A, sizeof model);
    before = model;
    err = smash_safetensors_read(&ctx, &desc, io, &arena, &diags, &model);
    CHECK((err == SMASH_OK) == good, "%s, %s: %s %s", st_cases[row].name, how, smash_err_name(err), ctx.message);
    if (good) {
        CHECK(diags.errors == 0 && diags.warnings == 0, "%s, %s", st_cases[row].name, how);
        CHECK(model.file_bytes == st_cases[row].bytes && model.io == io, "%s, %s", st_cases[row].name, how);
    } else {
        CHECK(err == (strcmp(code_here(row), "st_limit") ? SMASH_ERR_FORMAT : SMASH_ERR_LIMIT), "%s, %s: %s", st_cases[row].name, how, smash_err_name(err));
        CHECK(ctx.err == err && ctx.message[0] && ctx.index <= st_cases[row].bytes, "%s, %s: %s, byte %zu", st_cases[row].name, how, ctx.message, ctx.index);
        CHECK(diags.errors && diags.first && !strcmp(diags.first->code, code_here(row)) && !strcmp(diags.first->file, "file")
              && diags.first->message[0], "%s, %s: want %s, got %s", st_cases[row].name, how, st_cases[row].code, diags.first ? diags.first->code : "none");
        CHECK(!memcmp(&model, &before, sizeof model), "%s, %s: model touched", st_cases[row].name, how);
        CHECK(arena.used == 0 && !arena.block, "%s, %s: arena not rewound", st_cases[row].name, how);
    }
    CHECK(ctx.scratch.used == 0 && !ctx.scratch.block, "%s, %s: scratch kept", st_cases[row].name, how);
    smash_arena_release(&arena);
    smash_arena_release(&notes);
}

static void test_verdicts(void)
{
    size_t i, accepted = 0, stricter = 0;
    for (i = 0; i < COUNT_OF(st_cases); i++) {
        smash_ctx ctx;
        smash_arena arena;
        smash_model model;
        smash_err err;
        unsigned char *odd = (unsigned char *)malloc(st_cases[i].bytes + 1);
        test_file file;
        smash_io io = file_io(&file, st_cases[i].file, st_cases[i].bytes);
        check_verdict(i, &io, "callbacks");
        memcpy(odd + 1, st_cases[i].file, st_cases[i].bytes);
        io = smash_io_memory(odd + 1, st_cases[i].bytes);
        check_verdict(i, &io, "odd map");
        /* without a list of diagnostics the answer is the same */
        test_ctx(&ctx);
        smash_arena_init(&arena, NULL, 0, &test_allocator);
        err = smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &model);
        CHECK((err == SMASH_OK) == accepted_here(i), "%s, no diags: %s", st_cases[i].name, ctx.message);
        smash_arena_release(&arena);
        free(odd);
        free(file.data);
        accepted += (size_t)st_cases[i].accepted;
        stricter += (size_t)st_cases[i].stricter;
    }
    CHECK(COUNT_OF(st_cases) >= 60 && accepted > 40 && stricter > 5, "the table is too short: %zu", COUNT_OF(st_cases));
    CHECK(test_alloc_live == 0, "%zu blocks leaked", test_alloc_live);
}

/* A dim that size_t cannot hold, in a tensor without numbers: refused where size_t has 32 bits */
static void test_wide_dim(void)
{
    size_t bytes = make_file("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,0],\"data_offsets\":[0,0]}}", 0);
    smash_io io = smash_io_memory(made, bytes);
    smash_ctx ctx;
    smash_arena arena;
    smash_model model;
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &model), sizeof(size_t) > 4 ? SMASH_OK : SMASH_ERR_LIMIT, "2^32 x 0");
    smash_arena_release(&arena);
}

/* Every prefix of a good file, and every single byte of one changed: an answer, and nothing out of bounds or kept. */
static void test_damage(void)
{
    static const char header[] = "{\"__metadata__\":{\"smash.module_types\":\"{\\\"m\\\":\\\"Linear\\\"}\"},"
        "\"m.w\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]},\"m.b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[8,11]}}";
    size_t bytes = make_file(header, 11), i, k, good = 0;
    for (i = 0; i < bytes; i++) for (k = 0; k < 5; k++) {
        static const unsigned char flips[5] = { 0, 1, 0x20, 0x80, 0xFF };
        smash_ctx ctx;
        smash_arena arena;
        smash_model model;
        unsigned char *copy = (unsigned char *)malloc(bytes);
        smash_io io;
        smash_err err;
        memcpy(copy, made, bytes);
        copy[i] ^= flips[k];
        io = smash_io_memory(copy, flips[k] ? bytes : i);
        test_ctx(&ctx);
        smash_arena_init(&arena, NULL, 0, &test_allocator);
        err = smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &model);
        CHECK(err == SMASH_OK || err == SMASH_ERR_FORMAT || err == SMASH_ERR_LIMIT, "byte %zu ^ %u: %s", i, flips[k], smash_err_name(err));
        CHECK(flips[k] || err == SMASH_ERR_FORMAT, "a file of %zu of %zu bytes was read", i, bytes);
        good += err == SMASH_OK;
        smash_arena_release(&arena);
        free(copy);
    }
    CHECK(good > 11 * 4 && good < bytes, "%zu changed files were read", good);      /* all of the data, and some names */
    CHECK(test_alloc_live == 0, "%zu blocks leaked", test_alloc_live);
}

/* ---- what is read ---- */

static void test_contents(void)
{
    static const char header[] = "{\"z.w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[8,32]},\n"
        " \"__metadata__\":{\"format\":\"pt\",\"smash.module_types\":\"{\\\"z\\\":\\\"Embedding\\\",\\\"gone\\\":\\\"ReLU\\\"}\"},"
        "\"z.b\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},\"e2\":{\"dtype\":\"U8\",\"shape\":[0,5],\"data_offsets\":[32,32]},"
        "\"e1\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[32,32]}}";
    static const struct { const char *name, *target, *module; smash_dtype dtype; uint32_t ndim; size_t shape[2], at; } rows[] = {
        { "z.b", "b", "z", SMASH_I64, 0, { 0, 0 }, 0 }, { "z.w", "w", "z", SMASH_F32, 2, { 2, 3 }, 8 },
        { "e1", "e1", "", SMASH_U8, 1, { 0, 0 }, 32 }, { "e2", "e2", "", SMASH_U8, 2, { 0, 5 }, 32 } };
    size_t bytes = make_file(header, 32), i;
    smash_io io = smash_io_memory(made, bytes);
    smash_ctx ctx;
    smash_arena arena;
    smash_model model;
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &model), SMASH_OK, "contents");
    CHECK(model.param_count == 4 && model.module_count == 2 && model.metadata_count == 2, "%zu %zu %zu", model.param_count, model.module_count, model.metadata_count);
    for (i = 0; i < COUNT_OF(rows) && i < model.param_count; i++) {
        const smash_param *p = &model.params[i];
        CHECK(!strcmp(p->name, rows[i].name) && !strcmp(p->target, rows[i].target) && !strcmp(model.modules[p->module].name, rows[i].module)
              && p->tensor.dtype == rows[i].dtype && p->tensor.ndim == rows[i].ndim && p->tensor.shape[0] == rows[i].shape[0]
              && p->tensor.shape[1] == rows[i].shape[1] && p->offset == bytes - 32 + rows[i].at && !p->tensor.data, "parameter %zu: %s", i, p->name);
    }
    CHECK(!strcmp(model.metadata[0].key, "format") && !strcmp(model.metadata[0].value, "pt") && !strcmp(model.metadata[1].key, "smash.module_types"), "metadata");
    CHECK(!strcmp(model.modules[0].type, "Embedding") && !model.modules[0].inferred, "said type: %s", model.modules[0].type);
    CHECK(!strcmp(model.modules[1].type, "Module") && model.modules[1].inferred, "inferred type: %s", model.modules[1].type);
    smash_arena_release(&arena);
}

/* Types that make no sense: a warning with a place, and a model with inferred types; a failure kept from before stays. */
static void test_module_types(void)
{
    static const struct { const char *text; int good; } rows[] = {
        { "{}", 1 }, { "{\\\"a\\\":\\\"X\\\"}", 1 }, { "", 0 }, { "[]", 0 }, { "{\\\"\\\":1}", 0 }, { "{\\\"\\\":\\\"\\\"}", 0 }, { "{\\\"\\\":\\\"A\\\",\\\"\\\":\\\"B\\\"}", 0 },
        { "{\\\"\\\":{}}", 0 }, { "{\\\"\\\":\\\"a\\\\u0000b\\\"}", 0 }, { "nonsense", 0 }, { "\\\"", 0 }, { "{\\\"\\\":[[[[]]]]}", 0 }, { "{\\\"\\\":\\\"Linear\\\"}", 1 } };
    size_t i, k;
    for (i = 0; i < COUNT_OF(rows); i++) for (k = 0; k < 2; k++) {
        char header[400];
        smash_io io;
        smash_ctx ctx;
        smash_arena arena;
        smash_diags diags = SMASH_ZERO;
        smash_model model;
        snprintf(header, sizeof header, "{\"__metadata__\":{\n \"smash.module_types\":\"%s\"},\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", rows[i].text);
        io = smash_io_memory(made, make_file(header, 4));
        test_ctx(&ctx);
        smash_arena_init(&arena, NULL, 0, &test_allocator);
        diags.arena = &arena;                           /* the same as the model's, on purpose */
        if (k) smash_model_finish(&ctx, NULL);
        CHECK(smash_safetensors_read(&ctx, NULL, &io, &arena, &diags, &model) == SMASH_OK, "%s", rows[i].text);
        CHECK(ctx.err == (k ? SMASH_ERR_ARG : SMASH_OK), "%s: ctx holds %s", rows[i].text, smash_err_name(ctx.err));
        CHECK(diags.errors == 0 && diags.warnings == !rows[i].good, "%s: %zu warnings", rows[i].text, diags.warnings);
        if (!rows[i].good) CHECK(diags.first && !strcmp(diags.first->code, "st_module_types") && diags.first->line == 2 && diags.first->column == 23,
                                 "%s: %u:%u", rows[i].text, diags.first ? diags.first->line : 0, diags.first ? diags.first->column : 0);
        CHECK(model.modules[0].inferred == (i != COUNT_OF(rows) - 1), "%s: %s", rows[i].text, model.modules[0].type);
        smash_arena_release(&arena);
    }
}

/* Where and how each mistake is told, and that all are told at once. */
static void test_places(void)
{
    static const struct { const char *header; size_t data; size_t index; uint32_t line, column; const char *message; } rows[] = {
        { "{\"a\":\n {\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5]}}", 5, 9, 1, 2, "tensor \"a\" begins at 1, but \"the start of the data\" ends at 0: 1 bytes belong to no tensor" },
        { "{\"a\":\n {\"dtype\":\"F33\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, 24, 2, 11, "tensor \"a\": \"F33\" is no safetensors dtype" },
        { "{\"a\":\n {\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, 57, 2, 44, "tensor \"a\": shape and dtype F32 make 8 bytes, data_offsets [0, 4] hold 4" },
        { "{}", 7, 10, 0, 0, "7 bytes follow the last tensor, which ends at 0 of 7; cut them off, or set allow_trailing" } };
    size_t i;
    smash_ctx ctx;
    smash_arena arena, notes;
    smash_model model;
    smash_io io;
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    smash_arena_init(&notes, NULL, 0, &test_allocator);
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_diags diags = SMASH_ZERO;
        diags.arena = &notes;
        io = smash_io_memory(made, make_file(rows[i].header, rows[i].data));
        CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, &diags, &model), SMASH_ERR_FORMAT, "%s", rows[i].header);
        CHECK(ctx.index == rows[i].index, "row %zu: byte %zu, want %zu", i, ctx.index, rows[i].index);
        CHECK(diags.errors == 1 && diags.first->line == rows[i].line && diags.first->column == rows[i].column, "row %zu: %u:%u", i, diags.first->line, diags.first->column);
        CHECK(!strcmp(ctx.message, rows[i].message) && !strcmp(diags.first->message, rows[i].message), "row %zu: %s", i, ctx.message);
    }
    {
        static const char *const want[] = { "st_metadata", "st_metadata", "st_dtype", "st_offsets", "st_key", "st_key", "st_entry", "st_shape" };
        smash_diags diags = SMASH_ZERO;
        const smash_diag *d;
        diags.arena = &notes;
        io = smash_io_memory(made, make_file("{\"__metadata__\":{\"x\":1,\"y\":2},\"a\":{\"dtype\":\"?\",\"shape\":[],\"data_offsets\":[9,1]},"
            "\"b\":{\"shape\":[],\"data_offsets\":[0,1],\"more\":0},\"c\":7,\"d\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}}", 1));
        CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, &diags, &model), SMASH_ERR_FORMAT, "many mistakes");
        for (i = 0, d = diags.first; i < COUNT_OF(want) && d; i++, d = d->next) CHECK(!strcmp(d->code, want[i]), "mistake %zu: %s (%s)", i, d->code, d->message);
        CHECK(diags.errors == COUNT_OF(want), "%zu mistakes", diags.errors);
    }
    {
        static char header[8000];
        smash_diags diags = SMASH_ZERO;
        size_t n = 1;
        header[0] = '{';
        for (i = 0; i < 500; i++) n += (size_t)snprintf(header + n, sizeof header - n, "%s\"t%zu\":1", i ? "," : "", i);
        snprintf(header + n, sizeof header - n, "}");
        diags.arena = &notes;
        diags.max = 3;
        io = smash_io_memory(made, make_file(header, 0));
        CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, &diags, &model), SMASH_ERR_FORMAT, "a full list");
        CHECK(diags.errors == 4 && diags.dropped == 1, "reading goes on with a full list: %zu, %zu", diags.errors, diags.dropped);
    }
    smash_arena_release(&arena);
    smash_arena_release(&notes);
    CHECK(test_alloc_live == 0, "%zu blocks leaked", test_alloc_live);
}

static int never_read(void *user, uint64_t offset, void *data, size_t bytes)
{
    (void)offset;
    if (bytes != 8) return -1;
    memcpy(data, user, 8);
    return 0;
}

static void test_read_arguments(void)
{
    smash_ctx ctx, none;
    smash_arena arena;
    smash_model model;
    smash_safetensors_desc desc = SMASH_ZERO, trailing = SMASH_ZERO;
    size_t bytes = make_file(one_tensor, 9);
    smash_io io = smash_io_memory(made, bytes), empty = smash_io_memory(NULL, 100), mute = SMASH_ZERO, large = SMASH_ZERO;
    unsigned char length[8] = { 0x01, 0xE1, 0xF5, 0x05, 0, 0, 0, 0 };           /* 100,000,001 */
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    memset(&none, 0, sizeof none);
    trailing.allow_trailing = 1;
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &model), SMASH_ERR_FORMAT, "5 bytes behind");
    CHECK(ctx.index == bytes - 5, "byte %zu of %zu", ctx.index, bytes);
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, &trailing, &io, &arena, NULL, &model), SMASH_OK, "5 bytes behind, allowed");
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, &trailing, NULL, &arena, NULL, &model), SMASH_ERR_ARG, "no io");
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, &trailing, &io, NULL, NULL, &model), SMASH_ERR_ARG, "no arena");
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, &trailing, &io, &arena, NULL, NULL), SMASH_ERR_ARG, "no model");
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, &trailing, &io, &ctx.scratch, NULL, &model), SMASH_ERR_ARG, "model in scratch");
    CHECK(smash_safetensors_read(NULL, &trailing, &io, &arena, NULL, &model) == SMASH_ERR_NOMEM, "no ctx, so no scratch");
    CHECK(smash_safetensors_read(&none, &trailing, &io, &arena, NULL, &model) == SMASH_ERR_NOMEM, "ctx not initialised");
    desc.zero_end = 1;
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, &desc, &io, &arena, NULL, &model), SMASH_ERR_ARG, "desc not zeroed");
    desc.zero_end = 0;
    desc.zero_begin = 1;
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, &desc, &io, &arena, NULL, &model), SMASH_ERR_ARG, "desc not zeroed");
    desc.zero_begin = 0;
    desc.allow_trailing = 1;
    desc.max_header = sizeof one_tensor - 1;
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, &desc, &io, &arena, NULL, &model), SMASH_OK, "header just fits the limit");
    desc.max_header--;
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, &desc, &io, &arena, NULL, &model), SMASH_ERR_LIMIT, "header one byte over the limit");
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &empty, &arena, NULL, &model), SMASH_ERR_FORMAT, "map that is NULL");
    mute.bytes = 100;
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &mute, &arena, NULL, &model), SMASH_ERR_IO, "io that cannot read");
    large.read = never_read;
    large.user = length;
    large.bytes = UINT64_MAX;
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &large, &arena, NULL, &model), SMASH_ERR_LIMIT, "header of 100,000,001 bytes");
    length[0] = 0;
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &large, &arena, NULL, &model), SMASH_ERR_IO, "header of 100,000,000 bytes is tried");
    memset(length, 0xFF, 8);
    length[0] = 0xF7;                                   /* 2^64 - 9: all there is behind the length */
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &large, &arena, NULL, &model), SMASH_ERR_LIMIT, "header of 2^64 - 9 bytes");
    length[0] = 0xF8;
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &large, &arena, NULL, &model), SMASH_ERR_FORMAT, "header of 2^64 - 8 bytes, one more than there are");
    smash_arena_release(&arena);
    CHECK(test_alloc_live == 0, "%zu blocks leaked", test_alloc_live);
}

/* ---- what a reader asks of its callbacks (those that fail: test_memory.c) ---- */

static void test_read_calls(void)
{
    static const char header[] = "{\"__metadata__\":{\"format\":\"pt\",\"smash.module_types\":\"{\\\"m\\\":\\\"Linear\\\"}\"},"
        "\"m.w\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]},\"m.b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[8,11]}}";
    size_t bytes = make_file(header, 11);
    smash_model model;
    smash_ctx ctx;
    smash_arena arena;
    test_file file;
    smash_io io = file_io(&file, made, bytes);
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &model), SMASH_OK, "read");
    CHECK(file.calls == 2 && file.largest == sizeof header - 1, "length and header in one read each, not %zu", file.calls);
    smash_arena_release(&arena);
    io.bytes++;                                         /* a file that is shorter than it says */
    made[0]++;
    memcpy(file.data, made, bytes);
    CHECK(smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &model) != SMASH_OK, "short file");
    free(file.data);
}

/* Memory is bounded by the header, however dense it is: 16 times its bytes and a little. */
static void test_header_memory(void)
{
    static const char *const seeds[] = { "[", "0,", "[],", "{},", "\"\":", ",", "\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]},", "{\"a\":" };
    static char header[20000];
    size_t i, n;
    for (i = 0; i < COUNT_OF(seeds); i++) {
        smash_ctx ctx;
        smash_arena arena;
        smash_model model;
        smash_io io;
        header[0] = '{';
        for (n = 1; n + strlen(seeds[i]) < 10000; n += strlen(seeds[i])) strcpy(header + n, seeds[i]);
        strcpy(header + n, "}");
        io = smash_io_memory(made, make_file(header, 0));
        test_ctx(&ctx);
        smash_arena_init(&arena, NULL, 0, &test_allocator);
        CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &model), SMASH_ERR_FORMAT, "header of %s", seeds[i]);
        CHECK(ctx.scratch.peak < 16 * (n + 9) + 4096, "header of %s: %zu bytes took %zu", seeds[i], n, ctx.scratch.peak);
        smash_arena_release(&arena);
    }
    CHECK(test_alloc_live == 0, "%zu blocks leaked", test_alloc_live);
}

/* ---- loading ---- */

static void test_load(void)
{
    static const char header[] = "{\"d\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]},\"f\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]},"
        "\"c\":{\"dtype\":\"C64\",\"shape\":[1],\"data_offsets\":[16,24]},\"h\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[24,30]},"
        "\"u\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[30,33]},\"e\":{\"dtype\":\"F64\",\"shape\":[0],\"data_offsets\":[33,33]}}  ";
    static const struct { const char *name; size_t at, bytes, align; } rows[] = {
        { "d", 0, 8, 8 }, { "f", 8, 8, 4 }, { "c", 16, 8, 4 }, { "h", 24, 6, 2 }, { "u", 30, 3, 1 } };
    size_t bytes = make_file(header, 33), shift, i, k;
    unsigned char *map = (unsigned char *)malloc(bytes + 16);
    const uint16_t probe = 1;
    const int little = *(const unsigned char *)&probe == 1;
    for (shift = 0; shift <= 9; shift++) {              /* 9: through callbacks */
        smash_ctx ctx;
        smash_arena arena, data;
        smash_model model;
        test_file file;
        smash_io io = file_io(&file, made, bytes);
        size_t calls;
        if (shift < 9) {
            memcpy(map + shift, made, bytes);
            io = smash_io_memory(map + shift, bytes);
        }
        test_ctx(&ctx);
        smash_arena_init(&arena, NULL, 0, &test_allocator);
        smash_arena_init(&data, NULL, 0, &test_allocator);
        CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &model), SMASH_OK, "shift %zu", shift);
        for (i = 0; i < COUNT_OF(rows); i++) {
            ptrdiff_t p = smash_model_find_param(&model, rows[i].name);
            const unsigned char *want = io.map ? map + shift + bytes - 33 + rows[i].at : NULL;
            const int view_of_map = want && (uintptr_t)want % rows[i].align == 0 && (little || rows[i].align == 1);
            smash_tensor t;
            memset(&t, 0x5A, sizeof t);
            calls = file.calls;
            CHECK_ERR(&ctx, smash_model_load(&ctx, &model, (size_t)p, &data, &t), SMASH_OK, "%s, shift %zu", rows[i].name, shift);
            CHECK((uintptr_t)t.data % rows[i].align == 0 && t.bytes == rows[i].bytes && !strcmp(t.name, rows[i].name), "%s, shift %zu", rows[i].name, shift);
            CHECK((t.data == (const void *)want) == view_of_map && t.flags == (view_of_map ? (uint32_t)SMASH_TENSOR_CONST : 0u), "%s, shift %zu: view %d", rows[i].name, shift, view_of_map);
            CHECK(file.calls - calls == (shift == 9), "%s, shift %zu: one read", rows[i].name, shift);
            for (k = 0; k < rows[i].bytes; k++) {       /* the file counts its data bytes; in host order */
                size_t from = little ? k : k / rows[i].align * rows[i].align + rows[i].align - 1 - k % rows[i].align;
                CHECK(((const unsigned char *)t.data)[k] == rows[i].at + from, "%s, shift %zu, byte %zu", rows[i].name, shift, k);
            }
        }
        {
            smash_tensor t, before;
            ptrdiff_t e = smash_model_find_param(&model, "e"), f = smash_model_find_param(&model, "f");
            CHECK_ERR(&ctx, smash_model_load(&ctx, &model, (size_t)e, &data, &t), SMASH_OK, "empty tensor, shift %zu", shift);
            CHECK(t.bytes == 0 && t.ndim == 1 && t.shape[0] == 0, "empty tensor, shift %zu", shift);
            memset(&t, 0x5A, sizeof t);
            before = t;
            CHECK_ERR(&ctx, smash_model_load(&ctx, NULL, 0, &data, &t), SMASH_ERR_ARG, "no model");
            CHECK_ERR(&ctx, smash_model_load(&ctx, &model, 0, &data, NULL), SMASH_ERR_ARG, "no view");
            CHECK_ERR(&ctx, smash_model_load(&ctx, &model, model.param_count, &data, &t), SMASH_ERR_ARG, "no such parameter");
            if (shift == 9) {
                unsigned char few[16 + 7];
                smash_arena small;
                size_t used;
                CHECK_ERR(&ctx, smash_model_load(&ctx, &model, (size_t)f, NULL, &t), SMASH_ERR_ARG, "no arena");
                smash_arena_init(&small, few, 7, NULL);
                CHECK_ERR(&ctx, smash_model_load(&ctx, &model, (size_t)f, &small, &t), SMASH_ERR_NOMEM, "arena too small");
                CHECK(ctx.need > 0 && small.used == 0, "need %zu", ctx.need);
                smash_arena_init(&small, few, sizeof few, NULL);
                CHECK_ERR(&ctx, smash_model_load(&ctx, &model, (size_t)f, &small, &t), SMASH_OK, "8 bytes after alignment");
                t = before;
                used = data.used;
                file.fail_at = file.calls + 1;
                CHECK_ERR(&ctx, smash_model_load(&ctx, &model, (size_t)f, &data, &t), SMASH_ERR_IO, "read fails");
                CHECK(data.used == used && ctx.index == (size_t)f, "arena not rewound");
                file.fail_at = 0;
                file.bytes -= 30;                       /* the file was cut after the header was read */
                CHECK_ERR(&ctx, smash_model_load(&ctx, &model, (size_t)f, &data, &t), SMASH_ERR_IO, "file cut");
                io.bytes -= 30;
                CHECK_ERR(&ctx, smash_model_load(&ctx, &model, (size_t)f, &data, &t), SMASH_ERR_ARG, "place behind the file");
                io.bytes += 30;
                model.io = NULL;
                CHECK_ERR(&ctx, smash_model_load(&ctx, &model, (size_t)f, &data, &t), SMASH_ERR_ARG, "no io");
            }
            CHECK(!memcmp(&t, &before, sizeof t), "view touched, shift %zu", shift);
        }
        smash_arena_release(&data);
        smash_arena_release(&arena);
        free(file.data);
    }
    free(map);
    {   /* data of its own */
        static float own[2] = { 1, 2 };
        static const size_t shape[1] = { 2 };
        smash_ctx ctx;
        smash_arena arena;
        smash_model model;
        smash_tensor t = smash_tensor_view(SMASH_F32, own, sizeof own, 1, shape), got;
        test_ctx(&ctx);
        smash_arena_init(&arena, NULL, 0, &test_allocator);
        smash_model_init(&model, &arena);
        CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "x", &t, 0), SMASH_OK, "add");
        CHECK_ERR(&ctx, smash_model_load(&ctx, &model, 0, NULL, &got), SMASH_OK, "own data");
        CHECK(got.data == (void *)own && (got.flags & SMASH_TENSOR_CONST) && !strcmp(got.name, "x"), "own data");
        smash_arena_release(&arena);
    }
    CHECK(test_alloc_live == 0, "%zu blocks leaked", test_alloc_live);
}

/* ---- writing: the bytes of the reference ---- */

static void test_written(void)
{
    size_t row, i, first = 0, first_meta = 0, turn;
    const uint16_t probe = 1;
    const int little = *(const unsigned char *)&probe == 1;
    for (row = 0; row < COUNT_OF(st_written); first += st_written[row].tensors, first_meta += st_written[row].metadata, row++) {
        for (turn = 0; turn < 3; turn++) {              /* the order in which tensors are handed in does not matter */
            smash_tensor tensors[32];
            unsigned char *data[32];
            smash_meta metadata[8];
            size_t n = st_written[row].tensors, bytes;
            smash_ctx ctx;
            smash_arena arena;
            smash_layout layout;
            test_file file;
            smash_io io;
            smash_model model;
            for (i = 0; i < n; i++) {
                size_t from = first + (turn == 1 ? n - 1 - i : (i + turn) % n);
                smash_dtype dtype = smash_dtype_from_name(st_written_tensors[from].dtype, strlen(st_written_tensors[from].dtype));
                size_t k, unit = dtype == SMASH_C64 ? 4 : smash_dtype_bits(dtype) / 8;
                if (unit == 0) unit = 1;
                data[i] = (unsigned char *)malloc(st_written_tensors[from].bytes + 1);
                for (k = 0; k < st_written_tensors[from].bytes; k++)
                    data[i][k] = (unsigned char)st_written_tensors[from].data[little ? k : k / unit * unit + unit - 1 - k % unit];
                tensors[i] = smash_tensor_view(dtype, data[i], st_written_tensors[from].bytes, st_written_tensors[from].ndim, st_written_tensors[from].shape);
                tensors[i].name = st_written_tensors[from].name;
            }
            for (i = 0; i < st_written[row].metadata; i++) {
                metadata[i].key = st_written_metadata[first_meta + i].key;
                metadata[i].value = st_written_metadata[first_meta + i].value;
            }
            test_ctx(&ctx);
            smash_arena_init(&arena, NULL, 0, &test_allocator);
            CHECK_ERR(&ctx, smash_safetensors_layout(&ctx, tensors, n, metadata, st_written[row].metadata, &arena, &layout), SMASH_OK, "%s", st_written[row].name);
            CHECK(layout.bytes == st_written[row].bytes && layout.header_bytes % 8 == 0 && layout.count == n, "%s: %u of %zu bytes", st_written[row].name,
                  (unsigned)layout.bytes, st_written[row].bytes);
            bytes = st_written[row].bytes;
            io = file_io(&file, NULL, bytes);
            memset(file.data, 0xEE, bytes);
            CHECK_ERR(&ctx, smash_safetensors_begin(&ctx, &layout, &io), SMASH_OK, "%s", st_written[row].name);
            for (i = 0; i < n; i++) CHECK_ERR(&ctx, smash_safetensors_put(&ctx, &layout, &io, i, &tensors[i]), SMASH_OK, "%s, tensor %zu", st_written[row].name, i);
            for (i = 0; i < bytes && file.data[i] == (unsigned char)st_written[row].file[i]; i++) {}
            CHECK(i == bytes, "%s, turn %zu: byte %zu of %zu differs", st_written[row].name, turn, i, bytes);
            /* and back */
            CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &model), SMASH_OK, "%s", st_written[row].name);
            CHECK(model.param_count == n && model.metadata_count == st_written[row].metadata, "%s", st_written[row].name);
            for (i = 0; i < n; i++) {
                ptrdiff_t p = smash_model_find_param(&model, tensors[i].name);
                smash_tensor t;
                CHECK(p >= 0, "%s: %s is not there", st_written[row].name, tensors[i].name);
                if (p < 0) continue;
                CHECK_ERR(&ctx, smash_model_load(&ctx, &model, (size_t)p, &arena, &t), SMASH_OK, "%s", tensors[i].name);
                CHECK(t.dtype == tensors[i].dtype && t.bytes == tensors[i].bytes && !memcmp(t.data, tensors[i].data, t.bytes)
                      && model.params[p].offset == layout.offsets[i] && layout.sizes[i] == t.bytes, "%s", tensors[i].name);
            }
            for (i = 0; i < n; i++) free(data[i]);
            for (i = 0; i < model.metadata_count; i++)
                CHECK(!strcmp(model.metadata[i].key, metadata[i].key) && !strcmp(model.metadata[i].value, metadata[i].value), "%s: metadata %zu", st_written[row].name, i);
            free(file.data);
            smash_arena_release(&arena);
        }
    }
    CHECK(first == COUNT_OF(st_written_tensors) && first_meta == COUNT_OF(st_written_metadata), "tables");
    CHECK(test_alloc_live == 0, "%zu blocks leaked", test_alloc_live);
}

static void test_layout_errors(void)
{
    static float data[8];
    static const size_t two[8] = { 2, 1, 1, 1, 1, 1, 1, 1 }, three[1] = { 3 }, huge[2] = { SIZE_MAX, 2 }, big[1] = { SIZE_MAX / 4 };
    static const struct { const char *name, *second; smash_dtype dtype; int shape; smash_err want; size_t index; } rows[] = {
        { NULL, "b", SMASH_F32, 0, SMASH_ERR_ARG, 0 },            { "", "b", SMASH_F32, 0, SMASH_ERR_ARG, 0 },
        { "a", "a", SMASH_F32, 0, SMASH_ERR_ARG, 1 },             { "a", "a", SMASH_U8, 0, SMASH_ERR_ARG, 1 },
        { "__metadata__", "b", SMASH_F32, 0, SMASH_ERR_ARG, 0 },  { "\xC0\xAF", "b", SMASH_F32, 0, SMASH_ERR_ARG, 0 },
        { "a\xE2\x82", "b", SMASH_F32, 0, SMASH_ERR_ARG, 0 },     { "a", "\xED\xA0\x80", SMASH_F32, 0, SMASH_ERR_ARG, 1 },
        { "a", "b", SMASH_DTYPE_NONE, 0, SMASH_ERR_DTYPE, 0 },    { "a", "b", SMASH_DTYPE_COUNT, 0, SMASH_ERR_DTYPE, 0 },
        { "a", "b", SMASH_I4, 0, SMASH_ERR_DTYPE, 0 },            { "a", "b", SMASH_U2, 0, SMASH_ERR_DTYPE, 0 },
        { "a", "b", SMASH_F4, 1, SMASH_ERR_SHAPE, 0 },            { "a", "b", SMASH_F6_E2M3, 0, SMASH_ERR_SHAPE, 0 },
        { "a", "b", SMASH_U8, 2, SMASH_ERR_OVERFLOW, 0 },         { "a", "b", SMASH_F64, 3, SMASH_ERR_OVERFLOW, 0 },
        { "a", "b", SMASH_F32, 9, SMASH_ERR_ARG, 0 },             { "a", "b", SMASH_F32, 0, SMASH_OK, 0 },
        { "a", "b", SMASH_F4, 0, SMASH_OK, 0 } };
    static const smash_meta metas[][2] = { { { NULL, "x" }, { "k", "v" } }, { { "k", NULL }, { "l", "v" } }, { { "k", "v" }, { "k", "w" } },
                                           { { "k\xFF", "v" }, { "l", "v" } }, { { "k", "v" }, { "l", "\x80" } } };
    smash_ctx ctx;
    smash_arena arena;
    smash_layout layout, before;
    smash_tensor t[2];
    size_t i;
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    memset(&before, 0x5A, sizeof before);
    for (i = 0; i < COUNT_OF(rows); i++) {
        const size_t *shape = rows[i].shape == 1 ? three : rows[i].shape == 2 ? huge : rows[i].shape == 3 ? big : two;
        t[0] = smash_tensor_view(rows[i].dtype, data, sizeof data, rows[i].shape == 9 ? 8 : rows[i].shape == 2 ? 2 : 1, shape);
        if (rows[i].shape == 9) t[0].ndim = 9;
        t[1] = smash_tensor_view(SMASH_F32, NULL, 0, 1, two);
        t[0].name = rows[i].name;
        t[1].name = rows[i].second;
        layout = before;
        CHECK_ERR(&ctx, smash_safetensors_layout(&ctx, t, 2, NULL, 0, &arena, &layout), rows[i].want, "row %zu", i);
        if (rows[i].want) CHECK(ctx.index == rows[i].index && !memcmp(&layout, &before, sizeof layout) && !arena.block && !ctx.scratch.block, "row %zu: index %zu", i, ctx.index);
        smash_arena_release(&arena);
    }
    t[0] = t[1] = smash_tensor_view(SMASH_F32, data, 8, 1, two);
    t[0].name = "a";
    t[1].name = "b";
    layout = before;
    for (i = 0; i < COUNT_OF(metas); i++)
        CHECK_ERR(&ctx, smash_safetensors_layout(&ctx, t, 2, metas[i], 2, &arena, &layout), SMASH_ERR_ARG, "metadata row %zu", i);
    CHECK_ERR(&ctx, smash_safetensors_layout(&ctx, NULL, 1, NULL, 0, &arena, &layout), SMASH_ERR_ARG, "no tensors");
    CHECK_ERR(&ctx, smash_safetensors_layout(&ctx, t, 1, NULL, 1, &arena, &layout), SMASH_ERR_ARG, "no metadata");
    CHECK_ERR(&ctx, smash_safetensors_layout(&ctx, t, 1, NULL, 0, NULL, &layout), SMASH_ERR_ARG, "no arena");
    CHECK_ERR(&ctx, smash_safetensors_layout(&ctx, t, 1, NULL, 0, &arena, NULL), SMASH_ERR_ARG, "no out");
    CHECK_ERR(&ctx, smash_safetensors_layout(&ctx, t, 1, NULL, 0, &ctx.scratch, &layout), SMASH_ERR_ARG, "layout in scratch");
    CHECK(smash_safetensors_layout(NULL, t, 1, NULL, 0, &arena, &layout) == SMASH_ERR_NOMEM, "no ctx, so no scratch");
    CHECK(!memcmp(&layout, &before, sizeof layout) && !arena.block, "layout touched");
    {   /* a header over what readers take */
        smash_meta large;
        char *text = (char *)malloc(100000000);
        memset(text, 'x', 99999999);
        text[99999999] = '\0';
        large.key = "k";
        large.value = text;
        CHECK_ERR(&ctx, smash_safetensors_layout(&ctx, t, 2, &large, 1, &arena, &layout), SMASH_ERR_LIMIT, "header of 100 MB");
        CHECK(!arena.block && !memcmp(&layout, &before, sizeof layout), "layout touched");
        free(text);
    }
    CHECK(test_alloc_live == 0, "%zu blocks leaked", test_alloc_live);
}

static void test_put_errors(void)
{
    static float data[4] = { 1, 2, 3, 4 };
    static const size_t shape[1] = { 2 }, other[2] = { 1, 3 }, same[2] = { 2, 1 };
    smash_ctx ctx;
    smash_arena arena;
    smash_layout layout, none = SMASH_ZERO;
    smash_tensor t[2], bad;
    test_file file;
    smash_io io, mute = SMASH_ZERO;
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    t[0] = t[1] = smash_tensor_view(SMASH_F32, data, 8, 1, shape);
    t[0].name = "a";
    t[1].name = "b";
    CHECK_ERR(&ctx, smash_safetensors_layout(&ctx, t, 2, NULL, 0, &arena, &layout), SMASH_OK, "layout");
    io = file_io(&file, NULL, (size_t)layout.bytes);
    CHECK_ERR(&ctx, smash_safetensors_begin(&ctx, NULL, &io), SMASH_ERR_ARG, "no layout");
    CHECK_ERR(&ctx, smash_safetensors_begin(&ctx, &none, &io), SMASH_ERR_ARG, "empty layout");
    CHECK_ERR(&ctx, smash_safetensors_begin(&ctx, &layout, NULL), SMASH_ERR_ARG, "no io");
    CHECK_ERR(&ctx, smash_safetensors_begin(&ctx, &layout, &mute), SMASH_ERR_ARG, "io that cannot write");
    CHECK_ERR(&ctx, smash_safetensors_put(&ctx, NULL, &io, 0, t), SMASH_ERR_ARG, "no layout");
    CHECK_ERR(&ctx, smash_safetensors_put(&ctx, &none, &io, 0, t), SMASH_ERR_ARG, "empty layout");
    CHECK_ERR(&ctx, smash_safetensors_put(&ctx, &layout, NULL, 0, t), SMASH_ERR_ARG, "no io");
    CHECK_ERR(&ctx, smash_safetensors_put(&ctx, &layout, &mute, 0, t), SMASH_ERR_ARG, "io that cannot write");
    CHECK_ERR(&ctx, smash_safetensors_put(&ctx, &layout, &io, 2, t), SMASH_ERR_ARG, "no such tensor");
    CHECK_ERR(&ctx, smash_safetensors_put(&ctx, &layout, &io, 0, NULL), SMASH_ERR_ARG, "no tensor");
    bad = smash_tensor_view(SMASH_F32, data, 12, 2, other);
    CHECK_ERR(&ctx, smash_safetensors_put(&ctx, &layout, &io, 0, &bad), SMASH_ERR_SHAPE, "more numbers than laid out");
    bad = smash_tensor_view(SMASH_F32, data, 7, 1, shape);
    CHECK_ERR(&ctx, smash_safetensors_put(&ctx, &layout, &io, 0, &bad), SMASH_ERR_SHAPE, "buffer too small");
    bad = smash_tensor_view(SMASH_F32, NULL, 8, 1, shape);
    CHECK_ERR(&ctx, smash_safetensors_put(&ctx, &layout, &io, 0, &bad), SMASH_ERR_ARG, "no data");
    bad = smash_tensor_view(SMASH_DTYPE_NONE, data, 8, 1, shape);
    CHECK_ERR(&ctx, smash_safetensors_put(&ctx, &layout, &io, 0, &bad), SMASH_ERR_DTYPE, "no dtype");
    bad = t[0];
    bad.flags = SMASH_TENSOR_DEVICE;
    CHECK_ERR(&ctx, smash_safetensors_put(&ctx, &layout, &io, 0, &bad), SMASH_ERR_DEVICE, "on a device");
    CHECK(file.calls == 0, "%zu writes before anything was right", file.calls);
    bad = smash_tensor_view(SMASH_F32, data, 8, 2, same);
    CHECK_ERR(&ctx, smash_safetensors_put(&ctx, &layout, &io, 0, &bad), SMASH_OK, "the same bytes in another shape");
    free(file.data);
    smash_arena_release(&arena);
    CHECK(test_alloc_live == 0, "%zu blocks leaked", test_alloc_live);
}

/* More than a chunk of a big-endian host: little-endian in the file on every host, and the same numbers back. */
static void test_large(void)
{
    enum { N = 2500 };
    static uint32_t numbers[N];
    static const size_t shape[1] = { N };
    smash_ctx ctx;
    smash_arena arena;
    smash_layout layout;
    smash_model model;
    smash_tensor t = smash_tensor_view(SMASH_U32, numbers, sizeof numbers, 1, shape), got;
    test_file file;
    smash_io io;
    size_t i, wrong = 0;
    for (i = 0; i < N; i++) numbers[i] = (uint32_t)i * 2654435761u;
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    t.name = "n";
    CHECK_ERR(&ctx, smash_safetensors_layout(&ctx, &t, 1, NULL, 0, &arena, &layout), SMASH_OK, "layout");
    io = file_io(&file, NULL, (size_t)layout.bytes);
    CHECK_ERR(&ctx, smash_safetensors_begin(&ctx, &layout, &io), SMASH_OK, "header");
    CHECK_ERR(&ctx, smash_safetensors_put(&ctx, &layout, &io, 0, &t), SMASH_OK, "numbers");
    for (i = 0; i < 4 * N; i++) wrong += file.data[layout.offsets[0] + i] != (numbers[i / 4] >> 8 * (i % 4) & 0xFF);
    CHECK(wrong == 0, "%zu of %u bytes are wrong", wrong, 4u * N);
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &model), SMASH_OK, "read");
    CHECK_ERR(&ctx, smash_model_load(&ctx, &model, 0, &arena, &got), SMASH_OK, "load");
    CHECK(got.bytes == sizeof numbers && !memcmp(got.data, numbers, sizeof numbers), "numbers read back");
    free(file.data);
    smash_arena_release(&arena);
    CHECK(test_alloc_live == 0, "%zu blocks leaked", test_alloc_live);
}

/* ---- stdio ---- */

static void test_stdio(void)
{
    static float data[6] = { 1, -2, 3, -4, 5, -6 };
    static const size_t shape[2] = { 2, 3 };
    FILE *f = tmpfile();
    smash_ctx ctx;
    smash_arena arena;
    smash_layout layout;
    smash_model model;
    smash_tensor t = smash_tensor_view(SMASH_F32, data, sizeof data, 2, shape), got;
    smash_io io = smash_io_file(NULL);
    char buffer[4];
    CHECK(!io.read && !io.write && !io.map && !io.bytes, "no file");
    CHECK(f != NULL, "no temporary file");
    if (!f) return;
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    io = smash_io_file(f);
    CHECK(io.read && io.write && io.bytes == 0, "empty file");
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &model), SMASH_ERR_FORMAT, "empty file");
    t.name = "layer.weight";
    CHECK_ERR(&ctx, smash_safetensors_layout(&ctx, &t, 1, NULL, 0, &arena, &layout), SMASH_OK, "layout");
    CHECK_ERR(&ctx, smash_safetensors_put(&ctx, &layout, &io, 0, &t), SMASH_OK, "data before the header");
    CHECK_ERR(&ctx, smash_safetensors_begin(&ctx, &layout, &io), SMASH_OK, "header");
    io = smash_io_file(f);
    CHECK(io.bytes == layout.bytes, "%u bytes", (unsigned)io.bytes);
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &model), SMASH_OK, "read back");
    CHECK_ERR(&ctx, smash_model_load(&ctx, &model, 0, &arena, &got), SMASH_OK, "load");
    CHECK(!memcmp(got.data, data, sizeof data) && !strcmp(got.name, "layer.weight"), "numbers");
    CHECK(io.read(io.user, io.bytes - 2, buffer, 4) != 0, "read over the end");
    CHECK(io.read(io.user, UINT64_MAX, buffer, 1) != 0 && io.write(io.user, UINT64_MAX - 1, buffer, 4) != 0, "offset over LONG_MAX");
    CHECK(io.read(io.user, 0, buffer, 4) == 0 && (unsigned char)buffer[0] == (layout.header_bytes - 8) % 256, "still readable after failures");
    smash_arena_release(&arena);
    fclose(f);
    CHECK(test_alloc_live == 0, "%zu blocks leaked", test_alloc_live);
}

int main(void)
{
    test_verdicts();
    test_wide_dim();
    test_damage();
    test_contents();
    test_module_types();
    test_places();
    test_read_arguments();
    test_read_calls();
    test_header_memory();
    test_load();
    test_written();
    test_layout_errors();
    test_put_errors();
    test_large();
    test_stdio();
    return test_done();
}
