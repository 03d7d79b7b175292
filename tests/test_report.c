/* What the report says of each tensor, and what `smash diff` finds between the model and the file that was written: the same numbers,
 * digit for digit, in JSON and in the tables. */
#include "../smash.h"
#include "test.h"

#if defined(_WIN32)
int main(void) { CHECK(1, "the rows need sh"); return test_done(); }
#else
#include <sys/wait.h>

#ifndef SMASH_COMMAND
#define SMASH_COMMAND "./smash"
#endif
#ifndef DIR
#define DIR "build/report"
#endif

static smash_ctx ctx;
static smash_arena arena;

static int run(const char *what)
{
    static char line[4096];
    int status;
    snprintf(line, sizeof line, "S='%s'; D='%s'; ( %s ) >%s/stdout 2>%s/stderr </dev/null", SMASH_COMMAND, DIR, what, DIR, DIR);
    status = system(line);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static char *read_text(const char *path, size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    char *text;
    long n;
    *bytes = 0;
    if (!f) return (char *)calloc(1, 1);
    fseek(f, 0, SEEK_END);
    n = ftell(f);
    rewind(f);
    text = (char *)calloc(1, (size_t)n + 1);
    if (fread(text, 1, (size_t)n, f) == (size_t)n) *bytes = (size_t)n;
    fclose(f);
    return text;
}

/* All float dtypes, tensors of zeros and of one value, far outliers, tiny and huge numbers, odd sizes, and what is not quantized. */
static void make_model(void)
{
    static const struct { const char *name; smash_dtype dtype; size_t shape[4]; uint32_t ndim; int kind; } rows[] = {
        { "bell.weight", SMASH_F32, { 64, 33 }, 2, 0 },       { "half.weight", SMASH_F16, { 16, 40 }, 2, 0 },    { "brain.weight", SMASH_BF16, { 16, 40 }, 2, 0 },
        { "wide.weight", SMASH_F64, { 16, 40 }, 2, 0 },       { "zeros.weight", SMASH_F32, { 8, 8 }, 2, 1 },     { "same.weight", SMASH_F32, { 8, 8 }, 2, 2 },
        { "outlier.weight", SMASH_F32, { 32, 64 }, 2, 3 },    { "tiny.weight", SMASH_F32, { 8, 16 }, 2, 4 },     { "huge.weight", SMASH_F32, { 8, 16 }, 2, 5 },
        { "conv.weight", SMASH_F32, { 16, 3, 3, 3 }, 4, 0 },  { "conv.bias", SMASH_F32, { 16 }, 1, 0 },          { "one.weight", SMASH_F32, { 1, 1 }, 2, 0 },
        { "large.weight", SMASH_F32, { 300, 301 }, 2, 0 },
    };
    smash_tensor tensors[COUNT_OF(rows)];
    smash_layout layout;
    smash_io io;
    FILE *file = fopen(DIR "/m.safetensors", "wb+");
    uint64_t rng = 5;
    size_t r, i, n, bytes;
    CHECK(file != NULL, "no file");
    if (!file) return;
    for (r = 0; r < COUNT_OF(rows); r++) {
        smash_tensor wide;
        double *x;
        tensors[r] = smash_tensor_view(rows[r].dtype, NULL, 0, rows[r].ndim, rows[r].shape);
        tensors[r].name = rows[r].name;
        smash_tensor_count(&tensors[r], &n);
        smash_tensor_bytes(&tensors[r], &bytes);
        x = (double *)smash_arena_alloc(&ctx, &arena, n * sizeof *x);
        for (i = 0; i < n; i++) {
            double bell = 0;
            int k;
            for (k = 0; k < 8; k++) bell += (double)(smash_random(&rng) >> 40) / 16777216.0 - 0.5;
            x[i] = rows[r].kind == 1 ? 0 : rows[r].kind == 2 ? -0.25 : rows[r].kind == 4 ? bell * 1e-36 : rows[r].kind == 5 ? bell * 1e36 : bell * 0.05;
            if (rows[r].kind == 3 && i == n / 2) x[i] = 40;
        }
        wide = smash_tensor_view(SMASH_F64, x, n * sizeof *x, rows[r].ndim, rows[r].shape);
        tensors[r].data = smash_arena_alloc(&ctx, &arena, bytes);
        tensors[r].bytes = bytes;
        CHECK_ERR(&ctx, smash_tensor_convert(&ctx, &wide, &tensors[r]), SMASH_OK, "%s", rows[r].name);
    }
    io = smash_io_file(file);
    CHECK_ERR(&ctx, smash_safetensors_layout(&ctx, tensors, COUNT_OF(rows), NULL, 0, &arena, &layout), SMASH_OK, "layout");
    CHECK_ERR(&ctx, smash_safetensors_begin(&ctx, &layout, &io), SMASH_OK, "begin");
    for (r = 0; r < COUNT_OF(rows); r++) CHECK_ERR(&ctx, smash_safetensors_put(&ctx, &layout, &io, r, &tensors[r]), SMASH_OK, "%s", rows[r].name);
    fclose(file);
}

static const smash_value *parse(const char *path, smash_json *doc)
{
    size_t bytes;
    char *text = read_text(path, &bytes), *kept = (char *)smash_arena_alloc(&ctx, &arena, bytes + 1);
    memcpy(kept, text, bytes + 1);
    free(text);
    CHECK_ERR(&ctx, smash_json_parse(&ctx, NULL, kept, bytes, &arena, NULL, doc), SMASH_OK, "%s", path);
    return doc->root;
}

/* The literals, or that both are null */
static int same(const smash_value *a, const smash_value *b)
{
    return a && b && a->type == b->type && (a->type == SMASH_VALUE_NULL || (a->type == SMASH_VALUE_NUMBER && a->count == b->count && memcmp(a->text, b->text, a->count) == 0));
}

/* The line of a table that starts with this word */
static const char *line_of(const char *text, const char *name)
{
    const size_t n = strlen(name);
    for (; text; text = strchr(text, '\n')) {
        if (*text == '\n') text++;
        if (strncmp(text, name, n) == 0 && text[n] == ' ') return text;
    }
    return "";
}

static void test_agree(const char *model, const char *how, size_t least)
{
    static const char *const keys[] = { "mse", "max_abs_error", "snr_db", "cosine" };
    char command[2048];
    smash_json report, diff;
    const smash_value *targets, *tensors, *a, *b;
    char *table, *other;
    size_t bytes, rows = 0;
    uint32_t i, j, k;
    snprintf(command, sizeof command, "$S compress %s %s -o $D/o.safetensors --report $D/report.json -q && $S diff %s $D/o.safetensors --json > $D/diff.json && "
             "$S compress %s %s -o $D/o.safetensors > $D/report.txt && $S diff %s $D/o.safetensors > $D/diff.txt", model, how, model, model, how, model);
    CHECK(run(command) == 0, "%s", command);
    targets = smash_value_get(parse(DIR "/report.json", &report), "targets");
    tensors = smash_value_get(parse(DIR "/diff.json", &diff), "tensors");
    table = read_text(DIR "/report.txt", &bytes);
    other = read_text(DIR "/diff.txt", &bytes);
    for (i = 0, a = targets + 1; targets && i < targets->count; i++, a += a->span) {
        char name[256];
        const smash_value *mse = smash_value_get(a, "mse");
        if (!mse || mse->type == SMASH_VALUE_NULL) continue;
        snprintf(name, sizeof name, "%s.%s", smash_value_get(a, "module")->text, smash_value_get(a, "target")->text);
        for (j = 0, b = tensors + 1; j < tensors->count && strcmp(smash_value_get(b, "name")->text, name) != 0; j++) b += b->span;
        CHECK(j < tensors->count, "%s: %s is not in the diff", how, name);
        if (j == tensors->count) continue;
        for (k = 0; k < COUNT_OF(keys); k++) {
            const smash_value *x = smash_value_get(a, keys[k]), *y = smash_value_get(b, keys[k]);
            CHECK(same(x, y), "%s: %s of %s is %.*s in the report, %.*s in the diff", how, keys[k], name, x ? (int)x->count : 0, x ? x->text : "", y ? (int)y->count : 0, y ? y->text : "");
        }
        rows++;
        {                                                               /* four cells, side by side in both tables, the widths apart */
            char cells[4][64], want[512];
            const char *line = line_of(other, name);
            const char *in = line_of(table, name);
            char squeezed[1024];
            size_t n = 0;
            CHECK(sscanf(line, "%*s %*s %*[A-Z0-9], %*s %63s %63s %63s %63s", cells[0], cells[1], cells[2], cells[3]) == 4, "%s: %.120s", how, line);
            snprintf(want, sizeof want, " %s %s %s %s ", cells[0], cells[1], cells[2], cells[3]);
            for (; *in && *in != '\n' && n + 2 < sizeof squeezed; in++) if (*in != ' ' || (n && squeezed[n - 1] != ' ')) squeezed[n++] = *in;
            squeezed[n++] = ' ';
            squeezed[n] = 0;
            CHECK(strstr(squeezed, want) != NULL, "%s: %s: \"%s\" is not in \"%s\"", how, name, want, squeezed);
        }
    }
    CHECK(rows >= least, "%s: %d rows", how, (int)rows);
    free(table);
    free(other);
}

int main(void)
{
    static const char *const how[] = {
        "--quantizer ptq", "--quantizer ptq --set ptq_granularity=out_channel", "--quantizer ptq --set ptq_quant_dtype=int4", "--quantizer ptq --set ptq_quant_dtype=uint4 --set ptq_quant_scheme=affine",
        "--quantizer ptq --set ptq_quant_dtype=uint1 --set ptq_quant_scheme=affine", "--quantizer ptq --set ptq_quant_dtype=int2 --set ptq_granularity=in_channel", "--quantizer ptq --set ptq_quant_dtype=int12 --set ptq_quant_rounding=half_away",
        "--quantizer ptq --set ptq_quant_dtype=int16 --set ptq_quant_range=full", "--quantizer ptq --threads 1"
    };
    static const char *const floats[] = {
        "--quantizer ptq --set ptq_quant_dtype=float16", "--quantizer ptq --set ptq_quant_dtype=bfloat16", "--quantizer ptq --set ptq_quant_dtype=float8_e4m3fn", "--quantizer ptq --set ptq_quant_dtype=float8_e5m2 --set ptq_granularity=out_channel",
        "--quantizer lsq --set lsq_quant_dtype=int4", "--quantizer lsqplus --set lsqplus_quant_dtype=uint3", "--quantizer dorefa --set dorefa_quant_dtype=int4", "--quantizer bnn", "--quantizer ptq --target-bytes 20000", "--target-bytes 0.2"
    };
    size_t i;
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    CHECK(system("rm -rf " DIR " && mkdir -p " DIR) == 0, "no folder " DIR);
    make_model();
    for (i = 0; i < COUNT_OF(how); i++) test_agree("$D/m.safetensors", how[i], 12);
    for (i = 0; i < COUNT_OF(how); i++) test_agree("examples/models/digits.safetensors", how[i], 3);
    for (i = 0; i < COUNT_OF(floats); i++) test_agree("examples/models/digits.safetensors", floats[i], 2);
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
    return test_done();
}
#endif
