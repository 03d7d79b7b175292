/* smash.c - the command `smash`: makes model files smaller, looks into them, compares and checks them.
 * It uses nothing of the library but what smash.h declares.
 * cc -std=c99 -O2 tools/smash.c -o smash -pthread */
#if !defined(_WIN32)
#define _XOPEN_SOURCE 700
#define _FILE_OFFSET_BITS 64
#endif
#define SMASH_IMPLEMENTATION
#include "../smash.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "files.h"
#include "export.h"
#include "pool.h"
#include "stored.h"
#include "table.h"

/* Exit statuses. */
enum { DONE = 0, FAILED = 1, BAD_USAGE = 2, BAD_CONFIG = 3, BAD_MODEL = 4, BAD_IO = 5 };

/*==================================================================================================
 * MARK: - Talk                                                                              >>talk
 * Messages and reports. No name from a file reaches a terminal before `clean`.
 *================================================================================================*/

enum { FLAG_CONFIG, FLAG_OUT, FLAG_MASKS, FLAG_MASKS_IN, FLAG_CALIBRATION, FLAG_REPORT, FLAG_SET, FLAG_PRUNER, FLAG_QUANTIZER, FLAG_TARGET, FLAG_THREADS,
       FLAG_FORMAT, FLAG_EXPORT_OUT, FLAG_LAYOUT, FLAG_DEPTHWISE, FLAG_FLATTEN, FLAG_REQUANT, FLAG_PREFIX, FLAG_DRY_RUN, FLAG_QUIET, FLAG_JSON, FLAG_MARKDOWN, FLAG_HELP, FLAG_COUNT };

typedef struct app {
    smash_ctx         ctx;
    smash_arena       arena;              /* what lives to the end */
    smash_arena       data;               /* numbers of the tensor at hand */
    smash_diags       diags;
    const smash_diag *shown;              /* last finding that was printed */
    size_t            repeated;           /* warnings not printed: an earlier one says the same of another place */
    const struct command *command;
    const char       *value[FLAG_COUNT];  /* NULL: not given */
    char            **args, **sets;       /* what is no flag; every --set */
    int               arg_count, set_count;
    int               color;              /* of messages */
    FILE             *results;            /* where tables go */
    size_t            threads;
    pool              pool;
    double            started, drawn;     /* progress bar: start, last time it was drawn; 0 = not yet */
} app;

#if defined(__GNUC__)
static const char *format_args(app *a, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
static const char *format(app *a, const char *text, ...) __attribute__((format(printf, 2, 3)));
static int fail(app *a, int status, const char *text, ...) __attribute__((format(printf, 3, 4)));
#endif
static const char *format_args(app *a, const char *format, va_list args)
{
    va_list again;
    char *text;
    int n;
    va_copy(again, args);
    n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    text = n < 0 ? NULL : (char *)smash_arena_alloc(&a->ctx, &a->arena, (size_t)n + 1);
    if (!text) return "?";
    vsnprintf(text, (size_t)n + 1, format, args);
    return text;
}

/* printf into the arena */
static const char *format(app *a, const char *text, ...)
{
    const char *out;
    va_list args;
    va_start(args, text);
    out = format_args(a, text, args);
    va_end(args);
    return out;
}

static const char *clean(app *a, const char *text) { return clean_text(&a->ctx, &a->arena, text); }

/* The last line of a failure: what went wrong as a whole, what to do. Returns the exit status. */
static int fail(app *a, int status, const char *text, ...)
{
    const char *line;
    va_list args;
    va_start(args, text);
    line = format_args(a, text, args);
    va_end(args);
    fprintf(stderr, "smash: %s\n", clean(a, line));
    return status;
}

static int is_set(const app *a, int flag) { return a->value[flag] != NULL; }

/* That nothing is left to do is no news where masks are given. */
static int is_moot(const app *a, const smash_diag *d) { return is_set(a, FLAG_MASKS_IN) && strcmp(d->code, "nothing_to_do") == 0; }

/* Print the findings that were not printed yet. */
static void show_diags(app *a)
{
    const smash_diag *d = a->shown ? a->shown->next : a->diags.first, *same;
    for (; d; a->shown = d, d = d->next) {
        int is_error = d->severity == SMASH_ERROR, more = 0;
        if ((!is_error && is_set(a, FLAG_QUIET)) || is_moot(a, d)) continue;
        /* A Python-style file has the same to say at every quote: the first place stands for all. */
        for (same = a->diags.first; !is_error && strncmp(d->code, "json_", 5) == 0 && same != d && !more; same = same->next) more = strcmp(same->code, d->code) == 0 && strcmp(same->message, d->message) == 0;
        if (more) { a->repeated++; continue; }
        if (d->file) fprintf(stderr, "%s:", clean(a, d->file));
        else fprintf(stderr, "smash:");
        if (d->line) fprintf(stderr, "%u:%u:", (unsigned)d->line, (unsigned)d->column);
        fprintf(stderr, " %s%s:%s ", a->color ? (is_error ? "\033[1;31m" : "\033[1;33m") : "", is_error ? "error" : "warning", a->color ? "\033[0m" : "");
        fprintf(stderr, "%s [%s]\n", clean(a, d->message), d->code);
    }
    if (a->repeated) fprintf(stderr, "smash: %lu of these warnings repeat at other places\n", (unsigned long)a->repeated);
    if (a->diags.dropped > 0) fprintf(stderr, "smash: %lu more findings are not shown\n", (unsigned long)a->diags.dropped);
    a->diags.dropped = a->repeated = 0;
}

static void forget_diags(app *a)
{
    memset(&a->diags, 0, sizeof(a->diags));
    a->diags.arena = &a->arena;
    a->shown = NULL;
}

/* 1234567 as 1,234,567 */
static const char *number(app *a, uint64_t value)
{
    char digits[24], out[32];
    int n = sprintf(digits, "%" PRIu64, value), i, k = 0;
    for (i = 0; i < n; i++) {
        out[k++] = digits[i];
        if ((n - i) % 3 == 1 && i + 1 < n) out[k++] = ',';
    }
    out[k] = 0;
    return format(a, "%s", out);
}

/* How far numbers are from what they were: four cells, the same in every table */
static void error_cells(app *a, table *t, double mse, double max, double snr_db, double cosine)
{
    table_cell(t, format(a, "%.3g", mse));
    table_cell(t, format(a, "%.3g", max));
    table_cell(t, mse == 0.0 ? "equal" : format(a, "%.1f", snr_db));
    table_cell(t, smash_is_finite_f64(cosine) ? format(a, "%.6f", cosine) : "-");
}

static const char *percent(app *a, double part, double whole) { return whole > 0 ? format(a, "%.1f %%", 100.0 * part / whole) : "-"; }

/* 8x3x3x3 */
static const char *shape_text(app *a, const smash_tensor *t)
{
    char out[SMASH_MAX_DIMS * 24];
    size_t n = 0;
    uint32_t i;
    if (t->ndim == 0) return "scalar";
    for (i = 0; i < t->ndim && i < SMASH_MAX_DIMS; i++) n += (size_t)sprintf(out + n, i ? "x%" PRIu64 : "%" PRIu64, (uint64_t)t->shape[i]);
    return format(a, "%s", out);
}

static uint64_t count_of(const smash_tensor *t) { size_t n = 0; smash_tensor_count(t, &n); return n; }
static uint64_t bytes_of(const smash_tensor *t) { size_t n = 0; smash_tensor_bytes(t, &n); return n; }

/* JSON goes into a text first: it is written whole or not at all. */
static void json_begin(app *a, smash_text *text, smash_writer *w)
{
    memset(text, 0, sizeof(*text));
    memset(w, 0, sizeof(*w));
    text->ctx = &a->ctx;
    text->arena = &a->arena;
    w->put = smash_text_put;
    w->user = text;
    w->indent = 2;
    w->flat = 2;
    smash_write_begin_object(w);
    smash_write_key(w, "format_version");
    smash_write_i64(w, 1);
    smash_write_key(w, "smash_version");
    smash_write_text(w, SMASH_VERSION_TEXT);
}

static int json_end(app *a, smash_text *text, smash_writer *w)
{
    smash_write_end(w);
    return w->err || smash_text_put(text, "\n", 1) ? fail(a, FAILED, "out of memory for the report") : DONE;
}

static int json_print(app *a, smash_text *text, smash_writer *w)
{
    int status = json_end(a, text, w);
    if (!status) fwrite(text->data, 1, text->bytes, stdout);
    return status;
}

static void json_text(smash_writer *w, const char *key, const char *value) { smash_write_key(w, key); smash_write_text(w, value); }
static void json_u64(smash_writer *w, const char *key, uint64_t value) { smash_write_key(w, key); smash_write_u64(w, value); }
static void json_number(smash_writer *w, const char *key, double value) { smash_write_key(w, key); smash_write_number(w, value); }

static void json_shape(smash_writer *w, const smash_tensor *t)
{
    uint32_t i;
    smash_write_key(w, "shape");
    smash_write_begin_array(w);
    for (i = 0; i < t->ndim; i++) smash_write_u64(w, t->shape[i]);
    smash_write_end(w);
}

/*==================================================================================================
 * MARK: - Compress                                                                      >>compress
 *================================================================================================*/

/* Open a model. On failure everything is said; close the input in any case. */
static int read_model(app *a, input *in, smash_io *io, smash_model *model)
{
    smash_safetensors_desc desc = SMASH_ZERO;
    smash_err err;

    *io = input_io(in);
    desc.file = in->name;
    err = smash_safetensors_read(&a->ctx, &desc, io, &a->arena, &a->diags, model);
    show_diags(a);
    if (!err) return DONE;
    if (err == SMASH_ERR_IO) return fail(a, BAD_IO, "%s cannot be read: %s", in->name, strerror(in->error));
    if (err == SMASH_ERR_NOMEM) return fail(a, FAILED, "%s: out of memory", in->name);
    if (a->diags.errors == 0) fprintf(stderr, "%s: error: %s\n", clean(a, in->name), clean(a, a->ctx.message));
    if (err == SMASH_ERR_VERSION) return fail(a, BAD_MODEL, "%s is of a newer format than smash " SMASH_VERSION_TEXT " reads; a newer smash reads it", in->name);
    return fail(a, BAD_MODEL, "%s is not a valid safetensors file, and this version reads no other format", in->name);
}

static int load_model(app *a, const char *path, input *in, smash_io *io, smash_model *model)
{
    if (input_open(in, path)) return fail(a, BAD_IO, "%s cannot be read: %s", in->name, strerror(in->error));
    return read_model(a, in, io, model);
}

/* 1 if nothing names a pruner or quantizer: --target-bytes alone is for ptq. */
static int needs_ptq(const app *a, const smash_config *config)
{
    int i;
    if (!is_set(a, FLAG_TARGET) || smash_config_active(config, SMASH_PRUNER) || smash_config_active(config, SMASH_QUANTIZER)) return 0;
    for (i = 0; i < a->set_count; i++) if (strncmp(a->sets[i], "pruner", 6) == 0 || strncmp(a->sets[i], "quantizer", 9) == 0) return 0;
    return !is_set(a, FLAG_PRUNER);
}

/* How large the file may be is up to the quantizer, else to the pruner. */
static const char *wished_bytes(app *a, const smash_config *config)
{
    const smash_algo *algo = smash_config_active(config, SMASH_QUANTIZER);
    if (!algo) algo = smash_config_active(config, SMASH_PRUNER);
    return format(a, "%s_target_bytes=%s", algo ? algo->name : "ptq", a->value[FLAG_TARGET]);
}

/* What a config file, --pruner, --quantizer and --set say together; `in` holds the text of the file, if there is one. */
static int read_config(app *a, const input *in, smash_config *config)
{
    const char *pruner = a->value[FLAG_PRUNER], *quantizer = a->value[FLAG_QUANTIZER];
    smash_err err = SMASH_OK, e;
    int i;

    smash_config_init(config, smash_builtins(), &a->arena, &a->diags);
    if (in->data) err = smash_config_load(&a->ctx, config, (const char *)in->data, (size_t)in->bytes, in->name, pruner && quantizer ? NULL : pruner ? pruner : quantizer);
    for (i = -2; i <= a->set_count && (i < 0 || err != SMASH_ERR_NOMEM); i++) {
        const char *text;
        if (i == -1 && !quantizer && needs_ptq(a, config)) quantizer = "ptq";
        if (i == -2) text = pruner ? format(a, "pruner=%s", pruner) : NULL;
        else if (i == -1) text = quantizer ? format(a, "quantizer=%s", quantizer) : NULL;
        else if (i < a->set_count) text = a->sets[i];
        else text = is_set(a, FLAG_TARGET) && !err ? wished_bytes(a, config) : NULL;
        if (text && (e = smash_config_set_text(&a->ctx, config, text)) != SMASH_OK && !err) err = e;
    }
    if (!err) return DONE;
    show_diags(a);
    if (err == SMASH_ERR_NOMEM) return fail(a, FAILED, "%s: out of memory", in->name);
    if (a->diags.errors == 0) fprintf(stderr, "%s: error: %s\n", clean(a, in->name), clean(a, a->ctx.message));
    return fail(a, BAD_CONFIG, "the config is invalid; `smash algorithms` lists what there is");
}

static int load_config(app *a, const char *path, input *in, smash_config *config)
{
    memset(in, 0, sizeof(*in));
    in->file = NO_FILE;
    in->name = "command line";
    if (path && input_open_text(in, path)) return fail(a, BAD_IO, "%s cannot be read: %s", in->name, strerror(in->error));
    return read_config(a, in, config);
}

static void progress(void *user, uint64_t done, uint64_t total)
{
    app *a = (app *)user;
    double now = seconds_now();
    int part = total ? (int)(40.0 * (double)done / (double)total) : 40;
    if (now - a->started < 0.3 || now - a->drawn < 0.1) return;
    a->drawn = now;
    fprintf(stderr, "\r[%.*s%*s] %3d %%", part, "########################################", 40 - part, "",
            total ? (int)(100.0 * (double)done / (double)total) : 100);
    fflush(stderr);
}

typedef struct job {
    input        config_file, model_file, masks_file, calibration_file;
    smash_io     io, masks_io, calibration_io;
    smash_model  model, masks, calibration;
    smash_config config;
    smash_plan   plan;
    smash_result result;
    output       out[OUTPUTS];        /* model, masks, report */
    smash_io     out_io[OUTPUTS];
    uint64_t     parameters;          /* of the model that was read */
    uint64_t     digest;
    double       seconds;
    size_t       peak;                /* memory, without what is mapped */
} job;
enum { OUT_MODEL = 0, OUT_MASKS = 1, OUT_REPORT = 2 };

static int digest_of_output(job *j)
{
    output *o = &j->out[OUT_MODEL];
    unsigned char *buffer = (unsigned char *)malloc(COPY_BYTES);
    smash_digest d;
    uint64_t at;
    size_t n;

    if (!buffer) return o->error = ENOMEM;
    smash_digest_init(&d);
    for (at = 0; at < j->result.bytes && !o->error; at += n) {
        n = j->result.bytes - at < COPY_BYTES ? (size_t)(j->result.bytes - at) : COPY_BYTES;
        if (!output_read(o, at, buffer, n)) smash_digest_add(&d, buffer, n);
    }
    j->digest = smash_digest_end(&d);
    free(buffer);
    return o->error;
}

static void compress_json(app *a, job *j, smash_text *text, smash_writer *w)
{
    const smash_diag *d;

    json_begin(a, text, w);
    smash_write_key(w, "model");
    smash_write_begin_object(w);
    json_text(w, "path", a->args[0]);
    json_u64(w, "bytes", j->io.bytes);
    json_u64(w, "modules", j->model.module_count);
    json_u64(w, "parameters", j->parameters);
    smash_write_end(w);
    smash_write_key(w, "result");
    smash_write_begin_object(w);
    json_text(w, "path", a->value[FLAG_OUT]);
    json_u64(w, "bytes", j->result.bytes);
    json_u64(w, "parameters", j->result.parameters);
    json_u64(w, "nonzero", j->result.nonzero);
    json_text(w, "digest", is_set(a, FLAG_DRY_RUN) ? NULL : format(a, "%016" PRIx64, j->digest));
    smash_write_end(w);
    smash_write_key(w, "targets");
    smash_report_rows(w, &j->plan);
    smash_write_key(w, "groups");
    smash_report_groups(w, &j->plan);
    smash_write_key(w, "warnings");
    smash_write_begin_array(w);
    for (d = a->diags.first; d; d = d->next) {
        if (is_moot(a, d)) continue;
        smash_write_begin_object(w);
        json_text(w, "code", d->code);
        json_text(w, "message", d->message);
        json_text(w, "at", d->file && d->line ? format(a, "%s:%u:%u", d->file, (unsigned)d->line, (unsigned)d->column) : d->file);
        smash_write_end(w);
    }
    smash_write_end(w);
    json_number(w, "seconds", j->seconds);
}

typedef struct report_line { const smash_row *row; size_t at; } report_line;

static int order_lines(const void *x, const void *y)
{
    const report_line *a = (const report_line *)x, *b = (const report_line *)y;
    if (a->row->module != b->row->module) return a->row->module < b->row->module ? -1 : 1;
    if (a->row->param != b->row->param) return a->row->param < b->row->param ? -1 : 1;
    return a->at < b->at ? -1 : 1;
}

static const char *target_text(app *a, const smash_model *model, const smash_row *row)
{
    const char *module = model->modules[row->module].name;
    return *module ? format(a, "%s.%s", module, row->target) : row->target;
}

static const char *id_text(app *a, const smash_value *id) { return id->type == SMASH_VALUE_STRING ? id->text : format(a, "%g", id->number); }

static const char *pruned_text(app *a, const job *j, const smash_row *row)
{
    const smash_mask_desc *m = &row->mask;
    const char *asked, *group = "", *how = "", *name;
    double whole = row->param == (uint32_t)SMASH_NONE ? 0 : (double)count_of(&j->model.params[row->param].tensor), gone = (double)row->mask_stats.elements;

    if (row->skip) return format(a, "%s -", row->algo->name);
    if (row->param == (uint32_t)SMASH_NONE) { whole = (double)row->mask_stats.blocks; gone = (double)row->mask_stats.dropped; }
    if (!row->algo->targets) return format(a, "%s -> %s", row->algo->name, percent(a, gone, whole));         /* given */
    if (row->align_row != (uint32_t)SMASH_NONE) asked = format(a, "as %s", target_text(a, &j->model, &j->plan.rows[row->align_row]));
    else if (row->group_rule == SMASH_RULE_GOAL) asked = j->plan.goal.key->name;
    else if (m->use_threshold) asked = format(a, "below %g", m->threshold);
    else if (row->n_of_m) asked = format(a, "%u:%u", row->n_of_m - (unsigned)(row->n_of_m * m->ratio), row->n_of_m);
    else asked = format(a, "%g %%", 100.0 * m->ratio);
    if (row->group != (uint32_t)SMASH_NONE && row->group_id) {
        name = id_text(a, row->group_id);
        group = format(a, row->group_rule == SMASH_RULE_SHARED ? ", as group %s" : " of group %s", name);
    }
    if (row->apply_method == SMASH_APPLY_BYPASS) how = ", not applied";
    if (row->apply_method == SMASH_APPLY_ADD) how = format(a, ", %g added", row->apply_value);
    return format(a, "%s %s%s -> %s%s", row->algo->name, asked, group, percent(a, gone, whole), how);
}

static const char *grain_text(app *a, const smash_grain *grain, uint32_t ndim)
{
    int32_t list[SMASH_MAX_DIMS];
    char out[SMASH_MAX_DIMS * 16];
    size_t n = 0;
    uint32_t i;
    if (grain->kind == SMASH_GRAIN_TENSOR || grain->kind == SMASH_GRAIN_DEFAULT) return "per tensor";
    smash_grain_list(grain, ndim, list);
    for (i = 0; i < ndim; i++) n += (size_t)sprintf(out + n, i ? ",%d" : "[%d", (int)list[i]);
    return ndim ? format(a, grain->partial ? "%s] partial" : "%s]", out) : "per tensor";
}

/* The notes of a table, each printed once below it: the same sentence often stands for many rows. */
enum { NOTES = 9 };
typedef struct notes { const char *text[NOTES]; size_t count; } notes;

/* "(1)" for the first note, and so on; the sentence itself where there are too many */
static const char *note_text(app *a, notes *n, const char *note)
{
    size_t i;
    if (!note) return "";
    for (i = 0; i < n->count && strcmp(n->text[i], note) != 0; i++) { }
    if (i == NOTES) return note;
    if (i == n->count) n->text[n->count++] = note;
    return format(a, "(%lu)", (unsigned long)i + 1);
}

/* What was asked of targets together, and what all of them got */
static void group_table(app *a, job *j)
{
    static const char *const heads[] = { "<group", "<rule", "<asked", "<got", ">targets", "<note", NULL };
    const smash_plan *plan = &j->plan;
    const smash_goal *goal = &plan->goal;
    uint64_t chosen = 0, kept = 0;
    table t;
    size_t i;

    if (!plan->group_count && !plan->budget.kind) return;
    table_begin(&t, &a->ctx, &a->arena, a->results, heads);
    for (i = 0; i < plan->group_count; i++) {
        const smash_target_group *g = &plan->groups[i];
        const smash_row *first = &plan->rows[g->first];
        const char *share = format(a, "%s of %s numbers masked", percent(a, (double)g->masked, (double)g->numbers), number(a, g->numbers));
        int whole = g->rule == SMASH_RULE_GOAL;
        table_cell(&t, whole ? "the model" : id_text(a, first->group_id));
        table_cell(&t, whole ? goal->key->name : g->rule == SMASH_RULE_SHARED ? "dependency" : "global");
        if (whole) table_cell(&t, format(a, goal->asked < 1 ? "%s at most (%g %% of %s)" : "%s at most", number(a, goal->most), 100.0 * goal->asked, number(a, goal->before)));
        else table_cell(&t, first->mask.use_threshold ? format(a, "below %g", first->mask.threshold) : format(a, "%g %%", 100.0 * first->mask.ratio));
        table_cell(&t, whole ? format(a, "%s; %s", number(a, goal->left), share) : share);
        table_cell(&t, number(a, g->count));
        table_cell(&t, g->note ? g->note : "");
    }
    if (plan->budget.kind) {
        goal = &plan->budget;
        for (i = 0; i < plan->count; i++) {
            if (!plan->rows[i].choices) continue;
            chosen++;
            kept += plan->rows[i].choices[plan->rows[i].choice].keep;
        }
        table_cell(&t, "the model");
        table_cell(&t, goal->key->name);
        table_cell(&t, format(a, goal->asked < 1 ? "%s at most (%g %% of %s)" : "%s at most", number(a, goal->most), 100.0 * goal->asked, number(a, goal->before)));
        table_cell(&t, format(a, "%s; %s", number(a, goal->left), kept ? format(a, "%s stay%s float", number(a, kept), kept == 1 ? "s" : "") : "none stays float"));
        table_cell(&t, number(a, chosen));
        table_cell(&t, "");
    }
    table_print(&t);
}

static void compress_table(app *a, job *j)
{
    static const char *const heads[] = { "<target", "<type", "<shape", "<pruned", "<quantized", "<granularity", ">mse", ">max error", ">SNR dB", ">cosine", ">saturated", ">dead levels", ">bytes", "<note", NULL };
    const smash_plan *plan = &j->plan;
    const size_t count = plan->given_count + plan->count;
    report_line *lines = (report_line *)smash_arena_array(&a->ctx, &a->arena, count ? count : 1, sizeof(report_line));
    notes said;
    table t;
    size_t i;

    if (!lines) return;
    said.count = 0;
    for (i = 0; i < count; i++) {
        lines[i].row = i < plan->given_count ? &plan->given[i] : &plan->rows[i - plan->given_count];
        lines[i].at = i;
    }
    qsort(lines, count, sizeof(lines[0]), order_lines);
    table_begin(&t, &a->ctx, &a->arena, a->results, heads);
    for (i = 0; i < count; i++) {
        const smash_row *row = lines[i].row, *p = NULL, *q = NULL;
        const int is_end = row->param == (uint32_t)SMASH_NONE;
        const smash_tensor *tensor = is_end ? row->activation : &j->model.params[row->param].tensor;
        const char *given = "";
        if (row->algo->group == SMASH_QUANTIZER) q = row; else p = row;
        /* The rows for one tensor follow each other, a given mask, a pruner's, a quantizer's: they share a line. */
        if (!is_end && lines[i].at < plan->given_count && i + 1 < count && lines[i + 1].row->param == row->param && lines[i + 1].row->algo->group == SMASH_PRUNER) {
            given = format(a, "%s, ", pruned_text(a, j, row));
            p = lines[++i].row;
        }
        if (p && !is_end && i + 1 < count && lines[i + 1].row->param == row->param && lines[i + 1].row->algo->group == SMASH_QUANTIZER) q = lines[++i].row;
        table_cell(&t, target_text(a, &j->model, row));
        table_cell(&t, j->model.modules[row->module].type);
        table_cell(&t, tensor ? shape_text(a, tensor) : "-");
        table_cell(&t, p ? format(a, "%s%s", given, pruned_text(a, j, p)) : "");
        if (q && !q->skip && (tensor || is_end)) {
            char word[16];
            const char *scheme = !smash_row_is_grid(q) ? "" : q->quant.scheme == SMASH_AFFINE ? " affine" : " symmetric";
            table_cell(&t, format(a, "%s %s%s", q->algo->name, smash_row_word(q, word), scheme));
            table_cell(&t, q->form.no_scale ? "" : grain_text(a, &q->quant.grain, tensor ? tensor->ndim : 0));
            error_cells(a, &t, q->quant_stats.mse, q->quant_stats.max_abs_error, q->quant_stats.snr_db, q->quant_stats.cosine);
            table_cell(&t, number(a, q->quant_stats.saturated));
            table_cell(&t, q->quant_stats.dead == SIZE_MAX ? "" : number(a, q->quant_stats.dead));
        } else {
            int k;
            table_cell(&t, q ? "float" : "");
            table_cell(&t, p && !p->skip && tensor ? grain_text(a, &p->mask.grain, tensor->ndim) : "");
            for (k = 0; k < 6; k++) table_cell(&t, "");
        }
        table_cell(&t, row->bytes_before != row->bytes_after ? format(a, "%s -> %s", number(a, row->bytes_before), number(a, row->bytes_after)) : "");
        if (p && q && p->note && q->note) table_cell(&t, format(a, "%s %s", note_text(a, &said, p->note), note_text(a, &said, q->note)));
        else if (q && q->choices && !(p && p->note)) table_cell(&t, q->note);              /* each is of its own */
        else table_cell(&t, note_text(a, &said, p && p->note ? p->note : q ? q->note : NULL));
    }
    table_print(&t);
    for (i = 0; i < said.count; i++) fprintf(a->results, "(%lu) %s\n%s", (unsigned long)i + 1, said.text[i], i + 1 == said.count ? "\n" : "");

    group_table(a, j);
    fprintf(a->results, "%s -> %s bytes, %s", number(a, j->io.bytes), number(a, j->result.bytes),
            j->result.bytes < j->io.bytes ? format(a, "%.2f times smaller", (double)j->io.bytes / (double)j->result.bytes) : "not smaller");
    fprintf(a->results, "; %s -> %s parameters, %s of them not zero\n", number(a, j->parameters), number(a, j->result.parameters), number(a, j->result.nonzero));
    fprintf(a->results, "%.3f s, %.0f MB/s, %lu thread%s, peak memory %.1f MB%s", j->seconds,
            j->seconds > 0 ? 1e-6 * (double)j->io.bytes / j->seconds : 0.0, (unsigned long)(a->pool.count + 1), a->pool.count ? "s" : "",
            1e-6 * (double)j->peak, j->model_file.is_mapped ? " beside the mapped model" : "");
    if (is_set(a, FLAG_DRY_RUN)) fprintf(a->results, "; dry run, no model was written\n");
    else fprintf(a->results, ", digest %016" PRIx64 "\n", j->digest);
}

/* Which files there are, and whether they may stand beside each other. */
static int compress_usage(app *a)
{
    static const int files[] = { FLAG_OUT, FLAG_MASKS, FLAG_REPORT, FLAG_CONFIG, FLAG_MASKS_IN, FLAG_CALIBRATION };
    int i, k, stdouts = is_set(a, FLAG_JSON), stdins = strcmp(a->args[0], "-") == 0;

    if (!is_set(a, FLAG_CONFIG) && !is_set(a, FLAG_PRUNER) && !is_set(a, FLAG_QUANTIZER) && !is_set(a, FLAG_MASKS_IN) && !is_set(a, FLAG_TARGET) && a->set_count == 0)
        return fail(a, BAD_USAGE, "compress has nothing to do: say -c CONFIG, --pruner NAME, --quantizer NAME, --target-bytes N or --masks-in FILE");
    if (!is_set(a, FLAG_OUT) && !is_set(a, FLAG_DRY_RUN)) return fail(a, BAD_USAGE, "compress needs -o OUT, the file to write, or --dry-run");
    for (i = 3; i < 6; i++) stdins += a->value[files[i]] && strcmp(a->value[files[i]], "-") == 0;
    if (stdins > 1) return fail(a, BAD_USAGE, "only one of MODEL, CONFIG, --masks-in and --calibration can come from standard input");
    for (i = 0; i < 3; i++) {
        const char *path = a->value[files[i]];
        if (!path) continue;
        if (strcmp(path, "-") == 0) { stdouts++; a->results = stderr; }
        else for (k = i + 1; k < 7; k++) {                               /* only model and masks may be replaced by what becomes of them */
            const char *other = k < 6 ? a->value[files[k]] : files[i] != FLAG_OUT ? a->args[0] : NULL;
            if (files[i] == FLAG_MASKS && k == 4) continue;
            if (other && file_same(path, other)) return fail(a, BAD_USAGE, "%s stands for two files at once", path);
        }
    }
    if (stdouts > 1) return fail(a, BAD_USAGE, "only one of --output -, --masks -, --report - and --json can have the standard output");
    return DONE;
}

static int fail_output(app *a, const output *o)
{
    if (o->no_spool) return fail(a, BAD_IO, "%s: no temporary file in $TMPDIR or /tmp: %s", o->path, strerror(o->error));
    return fail(a, BAD_IO, "%s cannot be written: %s; nothing was left there", strcmp(o->path, "-") ? o->path : "<stdout>", strerror(o->error));
}

static int compress_job(app *a, job *j)
{
    static const int flags_of[OUTPUTS] = { FLAG_OUT, FLAG_MASKS, FLAG_REPORT };
    smash_run_desc run = SMASH_ZERO;
    smash_text text;
    smash_writer w;
    smash_err err;
    size_t i;
    int status, k;

    if ((status = load_config(a, a->value[FLAG_CONFIG], &j->config_file, &j->config)) != DONE) return status;
    if ((status = load_model(a, a->args[0], &j->model_file, &j->io, &j->model)) != DONE) return status;
    if (is_set(a, FLAG_MASKS_IN) && (status = load_model(a, a->value[FLAG_MASKS_IN], &j->masks_file, &j->masks_io, &j->masks)) != DONE) return status;
    if (is_set(a, FLAG_CALIBRATION) && (status = load_model(a, a->value[FLAG_CALIBRATION], &j->calibration_file, &j->calibration_io, &j->calibration)) != DONE) return status;
    for (i = 0; i < j->model.param_count; i++) j->parameters += count_of(&j->model.params[i].tensor);
    err = smash_config_resolve(&a->ctx, &j->config, &j->model, &j->plan);
    if (!err) err = smash_check(&a->ctx, &j->model, &j->config, 0);          /* behind it: module_types are known now */
    show_diags(a);
    if (err == SMASH_ERR_NOMEM) return fail(a, FAILED, "out of memory");
    if (err) return fail(a, BAD_CONFIG, "the config does not fit the model%s%s; nothing was written", a->diags.errors ? "" : ": ", a->diags.errors ? "" : a->ctx.message);

    for (k = 0; k < OUTPUTS; k++) {
        const char *path = a->value[flags_of[k]];
        if (!path || (k != OUT_REPORT && is_set(a, FLAG_DRY_RUN))) continue;
        if (output_open(&j->out[k], path, k)) return fail_output(a, &j->out[k]);
        j->out_io[k].write = output_write;
        j->out_io[k].read = output_read;
        j->out_io[k].user = &j->out[k];
    }
    run.out = j->out[OUT_MODEL].path ? &j->out_io[OUT_MODEL] : NULL;
    run.masks = j->out[OUT_MASKS].path ? &j->out_io[OUT_MASKS] : NULL;
    run.masks_in = is_set(a, FLAG_MASKS_IN) ? &j->masks_io : NULL;
    run.calibration = is_set(a, FLAG_CALIBRATION) ? &j->calibration_io : NULL;
    if (!is_set(a, FLAG_QUIET) && isatty(2)) run.progress = progress;
    run.progress_user = a;
    err = smash_run(&a->ctx, &j->plan, &run, &j->result);
    if (a->drawn > 0) fprintf(stderr, "\r%60s\r", "");
    show_diags(a);                                                       /* what the calibration lacks */
    if (err) {
        for (k = 0; k < OUTPUTS; k++) if (j->out[k].error) return fail_output(a, &j->out[k]);
        if (err == SMASH_ERR_IO) {
            const input *in = j->masks_file.error ? &j->masks_file : j->calibration_file.error ? &j->calibration_file : &j->model_file;
            return fail(a, BAD_IO, "%s cannot be read: %s; nothing was written", in->name, strerror(in->error));
        }
        if (err == SMASH_ERR_FORMAT && run.calibration && strstr(a->ctx.message, "recorded")) return fail(a, BAD_MODEL, "%s: %s; nothing was written", j->calibration_file.name, a->ctx.message);
        if (err == SMASH_ERR_FORMAT && run.masks_in) return fail(a, BAD_MODEL, "%s: %s; nothing was written", j->masks_file.name, a->ctx.message);
        return fail(a, err == SMASH_ERR_CONFIG ? BAD_CONFIG : FAILED, "%s: %s; nothing was written", j->model_file.name, a->ctx.message);
    }
    if (run.out && digest_of_output(j)) return fail_output(a, &j->out[OUT_MODEL]);
    j->seconds = seconds_now() - a->started;
    j->peak = a->arena.peak + a->ctx.scratch.peak + (j->model_file.is_mapped ? 0 : (size_t)j->model_file.bytes)
            + (j->masks_file.is_mapped ? 0 : (size_t)j->masks_file.bytes) + (j->calibration_file.is_mapped ? 0 : (size_t)j->calibration_file.bytes);

    compress_json(a, j, &text, &w);
    if ((status = json_end(a, &text, &w)) != DONE) return status;
    if (j->out[OUT_REPORT].path) output_write(&j->out[OUT_REPORT], 0, text.data, text.bytes);
    if (j->out[OUT_MODEL].path) output_flush(&j->out[OUT_MODEL], j->result.bytes);
    if (j->out[OUT_MASKS].path) output_flush(&j->out[OUT_MASKS], j->result.mask_bytes);
    if (j->out[OUT_REPORT].path) output_flush(&j->out[OUT_REPORT], text.bytes);
    for (k = 0; k < OUTPUTS; k++) if (j->out[k].error) return fail_output(a, &j->out[k]);
    for (k = OUTPUTS; k-- > 0;) if (j->out[k].path && output_finish(&j->out[k])) return fail_output(a, &j->out[k]);

    if (is_set(a, FLAG_JSON)) fwrite(text.data, 1, text.bytes, stdout);
    else if (!is_set(a, FLAG_QUIET)) compress_table(a, j);
    return DONE;
}

static int run_compress(app *a)
{
    int status = compress_usage(a), k;
    job *j;

    if (status) return status;
    if ((j = (job *)calloc(1, sizeof(job))) == NULL) return fail(a, FAILED, "out of memory");
    j->config_file.file = j->model_file.file = j->masks_file.file = j->calibration_file.file = NO_FILE;
    for (k = 0; k < OUTPUTS; k++) { j->out[k].file = NO_FILE; j->out[k].slot = k; }
    status = compress_job(a, j);
    for (k = 0; k < OUTPUTS; k++) output_close(&j->out[k]);
    input_close(&j->config_file);
    input_close(&j->model_file);
    input_close(&j->masks_file);
    input_close(&j->calibration_file);
    free(j);
    return status;
}

/*==================================================================================================
 * MARK: - Inspect, diff, check                                                           >>inspect
 *================================================================================================*/

/* Numbers that are exactly zero. 0 if this dtype is only carried, not computed with. */
static int count_zeros(app *a, const smash_model *model, size_t param, uint64_t *zeros)
{
    const smash_tensor *t = &model->params[param].tensor;
    smash_arena_mark mark = smash_arena_get_mark(&a->data);
    smash_distance d;
    smash_tensor view;
    int ok;

    *zeros = 0;
    if (count_of(t) == 0) return 1;
    ok = t->dtype < SMASH_F8_E4M3 && !smash_model_load(&a->ctx, model, param, &a->data, &view) && !smash_tensor_distance(&a->ctx, &view, &view, &d);
    if (ok) *zeros = d.zeros_a;
    smash_arena_rewind(&a->data, mark);
    return ok;
}

static int run_inspect(app *a)
{
    static const char *const heads[] = { "<module", "<type", "<target", "<dtype", ">shape", ">parameters", ">bytes", ">zeros", NULL };
    uint64_t parameters = 0, bytes = 0, zeros;
    smash_text text;
    smash_writer w;
    smash_model model;
    smash_io io;
    input in;
    table t;
    size_t m, i, guessed = 0;
    uint32_t p;
    int status = load_model(a, a->args[0], &in, &io, &model), has_zeros;

    if (status) { input_close(&in); return status; }
    for (i = 0; i < model.param_count; i++) {
        parameters += count_of(&model.params[i].tensor);
        bytes += bytes_of(&model.params[i].tensor);
    }
    if (is_set(a, FLAG_JSON)) {
        json_begin(a, &text, &w);
        w.flat = 4;
        smash_write_key(&w, "model");
        smash_write_begin_object(&w);
        json_text(&w, "path", a->args[0]);
        json_u64(&w, "bytes", io.bytes);
        json_u64(&w, "modules", model.module_count);
        json_u64(&w, "parameters", parameters);
        smash_write_end(&w);
        smash_write_key(&w, "modules");
        smash_write_begin_array(&w);
    }
    table_begin(&t, &a->ctx, &a->arena, a->results, heads);
    for (m = 0; m < model.module_count; m++) {
        const smash_module *module = &model.modules[m];
        guessed += module->inferred != 0;
        if (is_set(a, FLAG_JSON)) {
            smash_write_begin_object(&w);
            json_text(&w, "name", module->name);
            json_text(&w, "type", module->type);
            smash_write_key(&w, "inferred");
            smash_write_bool(&w, module->inferred != 0);
            smash_write_key(&w, "tensors");
            smash_write_begin_array(&w);
        }
        for (p = module->first; p != (uint32_t)SMASH_NONE; p = model.params[p].next) {
            const smash_param *param = &model.params[p];
            uint64_t count = count_of(&param->tensor);
            has_zeros = count_zeros(a, &model, p, &zeros);
            if (is_set(a, FLAG_JSON)) {
                smash_write_begin_object(&w);
                json_text(&w, "target", param->target);
                json_text(&w, "name", param->name);
                json_text(&w, "dtype", smash_dtype_name(param->tensor.dtype));
                json_shape(&w, &param->tensor);
                json_u64(&w, "parameters", count);
                json_u64(&w, "bytes", bytes_of(&param->tensor));
                smash_write_key(&w, "zeros");
                if (has_zeros) smash_write_u64(&w, zeros); else smash_write_null(&w);
                smash_write_end(&w);
                continue;
            }
            table_cell(&t, p != module->first ? "" : *module->name ? module->name : ".");
            table_cell(&t, p != module->first ? "" : module->inferred ? format(a, "%s*", module->type) : module->type);
            table_cell(&t, param->target);
            table_cell(&t, smash_dtype_name(param->tensor.dtype));
            table_cell(&t, shape_text(a, &param->tensor));
            table_cell(&t, number(a, count));
            table_cell(&t, number(a, bytes_of(&param->tensor)));
            table_cell(&t, !has_zeros ? "-" : zeros == 0 ? "0" : percent(a, (double)zeros, (double)count));
        }
        if (is_set(a, FLAG_JSON)) { smash_write_end(&w); smash_write_end(&w); }
    }
    if (is_set(a, FLAG_JSON)) {
        smash_write_end(&w);
        smash_write_key(&w, "metadata");
        smash_write_begin_object(&w);
        for (i = 0; i < model.metadata_count; i++) json_text(&w, model.metadata[i].key, model.metadata[i].value);
        smash_write_end(&w);
        status = json_print(a, &text, &w);
    } else {
        table_print(&t);
        fprintf(a->results, "%s modules, %s tensors, %s parameters, %s bytes (%s with the header)\n", number(a, model.module_count),
                number(a, model.param_count), number(a, parameters), number(a, bytes), number(a, io.bytes));
        if (guessed) fprintf(a->results, "* guessed from the tensors; \"module_types\" in a config says it better\n");
        for (i = 0; i < model.metadata_count; i++) {
            const char *value = clean(a, model.metadata[i].value);
            fprintf(a->results, "%s%s: %.100s%s\n", i ? "          " : "metadata  ", clean(a, model.metadata[i].key), value, strlen(value) > 100 ? "..." : "");
        }
    }
    input_close(&in);
    return status;
}

static int run_diff(app *a)
{
    static const char *const heads[] = { "<tensor", "<shape", "<dtypes", ">mse", ">max error", ">SNR dB", ">cosine", ">zeros in A", ">zeros in B", "<note", NULL };
    smash_model model[2];
    smash_io io[2];
    input in[2];
    smash_text text;
    smash_writer w;
    table t;
    size_t i, compared = 0, equal = 0;
    int side, status = DONE, json = is_set(a, FLAG_JSON), any;

    in[1].file = in[0].file = NO_FILE;
    in[1].is_mapped = in[0].is_mapped = 0;
    in[1].data = in[0].data = NULL;
    for (side = 0; side < 2 && !status; side++) status = load_model(a, a->args[side], &in[side], &io[side], &model[side]);
    if (!status && json) {
        json_begin(a, &text, &w);
        w.flat = 2;
        for (side = 0; side < 2; side++) {
            smash_write_key(&w, side ? "b" : "a");
            smash_write_begin_object(&w);
            json_text(&w, "path", a->args[side]);
            json_u64(&w, "bytes", io[side].bytes);
            smash_write_end(&w);
        }
        smash_write_key(&w, "tensors");
        smash_write_begin_array(&w);
    }
    table_begin(&t, &a->ctx, &a->arena, a->results, heads);
    for (i = 0; !status && i < model[0].param_count; i++) {
        smash_arena_mark mark = smash_arena_get_mark(&a->data);
        smash_tensor x[2];
        smash_distance d;
        logical l[2];
        const char *dtype[2] = { "-", "-" }, *note = NULL;
        smash_err err = SMASH_OK;
        if (!logical_at(&a->ctx, &a->arena, &model[0], i, &l[0]) || !find_logical(&a->ctx, &model[1], l[0].name, &l[1])) continue;
        memset(&d, 0, sizeof(d));
        x[0] = x[1] = model[0].params[l[0].data].tensor;
        smash_ctx_reset(&a->ctx);
        for (side = 0; side < 2 && !err; side++) {
            smash_dtype stored;
            err = smash_model_restore(&a->ctx, &model[side], l[side].name, &a->data, &x[side], &stored);
            if (err) note = format(a, "in %c: %s", 'A' + side, a->ctx.message);
            else dtype[side] = smash_dtype_name(stored);
        }
        if (!err && (x[0].ndim != x[1].ndim || memcmp(x[0].shape, x[1].shape, sizeof(size_t) * x[0].ndim) != 0)) note = format(a, "in B it is %s", shape_text(a, &x[1]));
        else if (!err && count_of(&x[0]) > 0 && (err = smash_tensor_distance(&a->ctx, &x[0], &x[1], &d)) != SMASH_OK) note = format(a, "not compared: %s", a->ctx.message);
        smash_arena_rewind(&a->data, mark);
        if (err == SMASH_ERR_NOMEM) { status = fail(a, FAILED, "out of memory at %s", l[0].name); break; }
        if (err == SMASH_ERR_IO) { status = fail(a, BAD_IO, "%s cannot be read", in[in[1].error != 0].name); break; }
        compared++;
        equal += !note && d.mse == 0.0;
        if (json) {
            smash_write_begin_object(&w);
            json_text(&w, "name", l[0].name);
            json_shape(&w, &x[0]);
            json_text(&w, "dtype_a", dtype[0]);
            json_text(&w, "dtype_b", dtype[1]);
            if (!note) {
                json_number(&w, "mse", d.mse);
                json_number(&w, "max_abs_error", d.max_abs_error);
                json_number(&w, "snr_db", d.snr_db);
                json_number(&w, "cosine", d.cosine);
                json_u64(&w, "zeros_a", d.zeros_a);
                json_u64(&w, "zeros_b", d.zeros_b);
            }
            json_text(&w, "note", note);
            smash_write_end(&w);
            continue;
        }
        table_cell(&t, l[0].name);
        table_cell(&t, shape_text(a, &x[0]));
        table_cell(&t, strcmp(dtype[0], dtype[1]) ? format(a, "%s, %s", dtype[0], dtype[1]) : dtype[0]);
        if (!note) error_cells(a, &t, d.mse, d.max_abs_error, d.snr_db, d.cosine);
        for (side = 0; note && side < 4; side++) table_cell(&t, "");
        table_cell(&t, note ? "" : number(a, d.zeros_a));
        table_cell(&t, note ? "" : number(a, d.zeros_b));
        table_cell(&t, note ? note : "");
    }
    if (!status && json) smash_write_end(&w);
    if (!status && !json) table_print(&t);
    for (side = 0; side < 2 && !status; side++) {
        logical l, other;
        if (json) {
            smash_write_key(&w, side ? "only_in_b" : "only_in_a");
            smash_write_begin_array(&w);
        }
        for (i = 0, any = 0; i < model[side].param_count; i++) {
            if (!logical_at(&a->ctx, &a->arena, &model[side], i, &l) || find_logical(&a->ctx, &model[!side], l.name, &other)) continue;
            if (json) smash_write_text(&w, l.name);
            else fprintf(a->results, "%s%s\n", any ? "           " : side ? "only in B: " : "only in A: ", clean(a, l.name));
            any = 1;
        }
        if (json) smash_write_end(&w);
    }
    if (!status && json) status = json_print(a, &text, &w);
    else if (!status) fprintf(a->results, "%lu tensors compared, %lu of them equal; A has %s bytes, B has %s\n", (unsigned long)compared, (unsigned long)equal,
                              number(a, io[0].bytes), number(a, io[1].bytes));
    input_close(&in[0]);
    input_close(&in[1]);
    return status;
}

/* A model starts with eight bytes of length, of which the last are zero; text holds no zero byte. */
static int looks_like_model(const char *path, const input *in)
{
    size_t n = strlen(path), end = strlen(".safetensors");
    if (n > end && strcmp(path + n - end, ".safetensors") == 0) return 1;
    if (!in->data || in->bytes == 0 || memchr(in->data, 0, in->bytes < 9 ? (size_t)in->bytes : 9) != NULL) return 1;
    for (n = 0; n < in->bytes && strchr(" \t\r\n", ((const char *)in->data)[n]); n++) { }
    return n < in->bytes && !strchr("{[/#\xEF", ((const char *)in->data)[n]);          /* what a config starts with; \xEF: a BOM, which it will hear of */
}

static int check_file(app *a, const char *path)
{
    smash_config config;
    smash_model model;
    smash_io io;
    input in;
    int status, is_model;
    smash_err err;

    if (input_open_text(&in, path)) { input_close(&in); return fail(a, BAD_IO, "%s cannot be read: %s", in.name, strerror(in.error)); }
    is_model = looks_like_model(path, &in);
    if (is_model) status = read_model(a, &in, &io, &model);
    else if ((status = read_config(a, &in, &config)) == DONE && (err = smash_config_check(&a->ctx, &config)) != SMASH_OK) {
        show_diags(a);
        status = err == SMASH_ERR_NOMEM ? fail(a, FAILED, "out of memory") : fail(a, BAD_CONFIG, "%s is not a valid config", in.name);
    }
    show_diags(a);
    if (!status && !is_set(a, FLAG_QUIET)) fprintf(a->results, "%s: ok\n", clean(a, in.name));
    input_close(&in);
    return status;
}

static int run_check(app *a)
{
    int i, status = DONE, one;
    for (i = 0; i < a->arg_count; i++) {
        forget_diags(a);
        smash_ctx_reset(&a->ctx);
        one = check_file(a, a->args[i]);
        if (!status) status = one;
        smash_arena_release(&a->arena);
    }
    return status;
}

/*==================================================================================================
 * MARK: - Algorithms, selftest                                                        >>algorithms
 *================================================================================================*/

/* ---- lists of names, NULL-terminated ---- */

/* "a, b"; "" of no list, or an empty one */
static const char *joined(app *a, const char *const *list, const char *quote, const char *between)
{
    const char *out = "";
    for (; list && *list; list++) out = format(a, "%s%s%s%s%s", out, *out ? between : "", quote, *list, quote);
    return out;
}

static void json_list(smash_writer *w, const char *key, const char *const *list)
{
    smash_write_key(w, key);
    smash_write_begin_array(w);
    for (; list && *list; list++) smash_write_text(w, *list);
    smash_write_end(w);
}

static const char **empty_list(app *a, size_t room)
{
    const char **list = (const char **)smash_arena_array(&a->ctx, &a->arena, room + 1, sizeof(*list));
    if (list) memset(list, 0, (room + 1) * sizeof(*list));
    return list;
}

/* The names whose bits are set, the first for bit 0. */
static const char *const *named_bits(app *a, uint32_t bits, const char *const *names)
{
    const char **list = empty_list(a, 32);
    size_t i, n = 0;
    for (i = 0; list && names[i]; i++) if (bits >> i & 1u) list[n++] = names[i];
    return list;
}

static const char *const *runs_on(app *a, const smash_algo *algo)
{
    static const char *const names[] = { "cpu", "cuda", NULL };
    return named_bits(a, algo->runs_on ? algo->runs_on : (uint32_t)SMASH_ON_CPU, names);
}

static const char *const *needs(app *a, const smash_algo *algo)
{
    static const char *const names[] = { "tokenizer", "processor", "data", "training", NULL };
    return named_bits(a, algo->needs, names);
}

/* What may be active beside it, whichever of the two says so. */
static const char *const *works_with(app *a, const smash_algo *algo)
{
    const smash_registry *registry = smash_builtins();
    const char **list = empty_list(a, registry->count);
    size_t i, n = 0;
    for (i = 0; list && i < registry->count; i++) if (smash_algo_fits(algo, registry->algos[i])) list[n++] = registry->algos[i]->name;
    return list;
}

static const char *const *hyperparameters(app *a, const smash_algo *algo)
{
    const char **list;
    size_t i, n = 0, count = 0;
    while (smash_algo_key(algo, count)) count++;
    list = empty_list(a, count);
    for (i = 0; list && i < count; i++) if (smash_algo_key(algo, i)->kind != SMASH_KEY_LATER) list[n++] = smash_algo_key(algo, i)->name;
    return list;
}

/* 1 if the key is one of the algorithm, which takes not all of those that its group knows. */
static int has_key(const smash_algo *algo, const smash_key *key)
{
    size_t i;
    for (i = 0; smash_algo_key(algo, i) != NULL; i++) if (smash_algo_key(algo, i) == key) return 1;
    return 0;
}

/* Keys of an entry of the config_list: those that select, or those that set a target. */
static const char *const *entry_keys(app *a, const smash_algo *algo, uint32_t common)
{
    const char **list;
    size_t count, i, n = 0;
    const smash_key *keys = smash_config_keys(&count);
    list = empty_list(a, count);
    for (i = 0; list && i < count; i++) if (keys[i].selects == common && (keys[i].groups >> algo->group & 1u) && (common || has_key(algo, &keys[i]))) list[n++] = keys[i].name;
    return list;
}

/* ---- keys ---- */

/* By smash_key_kind: what it is called, and what is legal if the key itself does not say. */
static const struct { const char *name, *legal; } kinds[] = {
    { "?", "" }, { "names", "a list of names" }, { "patterns", "a list of regular expressions" }, { "number", "" }, { "choice", "" },
    { "dtype", "int2 to int16, uint1 to uint16, float16, bfloat16, float8_e4m3fn or float8_e5m2" }, { "granularity", "" }, { "align", "an object" }, { "settings", "an object" }, { "later", "null" },
    { "integer", "" }, { "ordinal", "" }, { "boolean", "true false" }, { "constant", "" }, { "list", "a list of objects" }, { "globs", "a list of globs" },
    { "algorithm", "a name or null" }, { "types", "an object" }, { "device", "cpu cuda cuda:N" }, { "id", "a name or a whole number" }, { "amount", "" }, { "shapes", "an object" }, { "templates", "an object" },
    { "fuses", "a list of lists of names" }, { "link", "a name or a list of names" }
};

static size_t kind_of(const smash_key *key) { return (size_t)key->kind < sizeof(kinds) / sizeof(kinds[0]) ? (size_t)key->kind : 0; }

/* The first word of *words, which goes on to the next; NULL at the end. */
static const char *next_word(app *a, const char **words)
{
    const char *from = *words + strspn(*words, " ");
    size_t n = strcspn(from, " ");
    *words = from + n;
    return n ? format(a, "%.*s", (int)n, from) : NULL;
}

/* Words that are all there is. */
static const char *legal_words(const smash_key *key)
{
    switch (key->kind) {
    case SMASH_KEY_CHOICE: case SMASH_KEY_ORDINAL: return key->legal;
    case SMASH_KEY_BOOLEAN: return "true false";
    default: return NULL;
    }
}

static int is_range(const smash_key *key) { return key->kind == SMASH_KEY_NUMBER || key->kind == SMASH_KEY_INTEGER; }
static int has_low(const smash_key *key)  { return is_range(key) && key->low > -1e300; }
static int has_high(const smash_key *key) { return is_range(key) && key->high < 1e300; }

static const char *legal_text(app *a, const smash_key *key)
{
    char low[SMASH_NUMBER_BYTES], high[SMASH_NUMBER_BYTES];
    const char *said = key->legal ? key->legal : kinds[kind_of(key)].legal, *words, *word;
    int grain = key->kind == SMASH_KEY_GRANULARITY;

    if (key->kind == SMASH_KEY_CONSTANT) return format(a, "only %s", key->fallback);
    if (key->kind == SMASH_KEY_LATER) return format(a, "%s (in a later version)", said);
    if ((words = grain ? said : legal_words(key)) != NULL) {
        for (said = ""; (word = next_word(a, &words)) != NULL; ) said = format(a, "%s%s%s", said, !*said ? "" : key->kind == SMASH_KEY_ORDINAL ? " < " : ", ", word);
        return grain ? format(a, "%s, [sizes], [[sizes], mode], [[sizes], mode, pad]", said) : said;
    }
    smash_number_print(key->low, low);
    smash_number_print(key->high, high);
    if (is_range(key) && !key->legal) said = has_low(key) && has_high(key) ? format(a, "%s to %s", low, high) : has_low(key) ? format(a, "%s or more", low)
                                           : has_high(key) ? format(a, "%s or less", high) : "any";
    return key->log ? format(a, "%s, log", said) : said;
}

/* true, 64 and [] are JSON; a word that is none is a string */
static const smash_value *parse_word(app *a, const char *word, smash_json *doc)
{
    const smash_value *v = word && smash_json_parse(&a->ctx, NULL, word, strlen(word), &a->arena, NULL, doc) == SMASH_OK ? doc->root : NULL;
    smash_ctx_reset(&a->ctx);
    return v;
}

static void json_word(app *a, smash_writer *w, const char *word)
{
    smash_json doc;
    const smash_value *v = parse_word(a, word, &doc);
    if (v) smash_write_value(w, v); else smash_write_text(w, word);
}

/* A key as an object; `prefix` is the algorithm whose hyperparameter it is, or NULL. */
static void json_key(app *a, smash_writer *w, const char *prefix, const smash_key *key)
{
    const char *words = legal_words(key), *word;

    smash_write_begin_object(w);
    json_text(w, "name", key->name);
    if (prefix) json_text(w, "key", format(a, "%s_%s", prefix, key->name));
    json_text(w, "kind", kinds[kind_of(key)].name);
    smash_write_key(w, "low");
    if (has_low(key)) smash_write_number(w, key->low); else smash_write_null(w);
    smash_write_key(w, "high");
    if (has_high(key)) smash_write_number(w, key->high); else smash_write_null(w);
    smash_write_key(w, "log");
    smash_write_bool(w, key->log != 0);
    smash_write_key(w, "legal");
    if (words || key->kind == SMASH_KEY_CONSTANT) {
        smash_write_begin_array(w);
        if (!words) json_word(a, w, key->fallback);
        else while ((word = next_word(a, &words)) != NULL) json_word(a, w, word);
        smash_write_end(w);
    } else smash_write_text(w, legal_text(a, key));
    smash_write_key(w, "default");
    json_word(a, w, key->fallback);
    json_text(w, "help", key->text);
    smash_write_end(w);
}

/* As many words from the front of *text as fit into so many columns, but one at least; *text goes on behind them. */
static const char *next_line(app *a, const char **text, size_t columns)
{
    const char *from = *text + strspn(*text, " "), *end = from, *next;
    for (;; end = next) {
        next = end + strspn(end, " ");
        next += strcspn(next, " ");
        if (next == end || (end > from && (size_t)(next - from) > columns)) break;
    }
    *text = end + strspn(end, " ");
    return format(a, "%.*s", (int)(end - from), from);
}

/* A key in as many rows as its longest text takes. */
static void key_rows(app *a, table *t, const char *prefix, const smash_key *key)
{
    smash_json doc;
    const smash_value *v = parse_word(a, key->fallback, &doc);
    const char *rest[5];
    static const size_t columns[] = { 60, 20, 34, 16, 44 };
    size_t i;

    rest[0] = format(a, "%s%s%s", prefix ? prefix : "", prefix ? "_" : "", key->name);
    rest[1] = kinds[kind_of(key)].name;
    rest[2] = legal_text(a, key);
    rest[3] = v && v->type == SMASH_VALUE_STRING ? v->text : key->fallback ? key->fallback : "";
    rest[4] = key->text ? key->text : "";
    do for (i = 0; i < 5; i++) table_cell(t, next_line(a, &rest[i], columns[i])); while (*rest[2] || *rest[3] || *rest[4]);
}

/* ---- one algorithm ---- */

static const struct { const char *name, *text; } saves[] = {
    { "default", "" }, { "none", "nothing special: the file holds what it did" },
    { "before_apply", "the file holds the model as it was before, and smash_load() applies it again" },
    { "reapply", "it leaves the parameters alone, and smash_load() applies it again" }
};

static void algorithm_json(app *a, smash_writer *w, const smash_algo *algo)
{
    const smash_key *key;
    size_t count, i;

    smash_write_begin_object(w);
    json_text(w, "name", algo->name);
    json_text(w, "group", smash_group_name(algo->group));
    json_text(w, "summary", algo->summary);
    json_text(w, "description", algo->description);
    json_text(w, "reference", algo->references ? algo->references[0] : NULL);
    json_list(w, "references", algo->references);
    json_list(w, "aliases", algo->aliases);
    json_list(w, "default_types", algo->targets && !algo->targets->every ? algo->targets->default_types : NULL);
    json_list(w, "runs_on", runs_on(a, algo));
    json_list(w, "needs", needs(a, algo));
    json_list(w, "compatible", works_with(a, algo));
    json_text(w, "save", saves[smash_algo_save(algo)].name);
    smash_write_key(w, "hyperparameters");
    smash_write_begin_array(w);
    for (i = 0; (key = smash_algo_key(algo, i)) != NULL; i++) json_key(a, w, algo->name, key);
    smash_write_end(w);
    smash_write_key(w, "entry_keys");
    smash_write_begin_array(w);
    key = smash_config_keys(&count);
    for (i = 0; algo->targets && i < count; i++) if (key[i].groups >> algo->group & 1u) json_key(a, w, NULL, &key[i]);
    smash_write_end(w);
    smash_write_end(w);
}

/* Text behind a label. */
static void paragraph(app *a, const char *label, const char *text)
{
    int indent = *label ? 16 : 0;
    for (; *text; label = "") fprintf(a->results, "%-*s%s\n", indent, label, next_line(a, &text, 110 - (size_t)indent));
}

static const char *order_text(app *a, smash_group group)
{
    const char *before = "", *after = "";
    int g;
    for (g = SMASH_GROUP_NONE + 1; g < SMASH_GROUP_COUNT; g++) {
        const char *name = smash_group_name((smash_group)g), **list = g < (int)group ? &before : &after;
        if (g != (int)group) *list = format(a, "%s%s%s", *list, **list ? ", " : "", name);
    }
    return format(a, "%s, applied%s%s%s%s", smash_group_name(group), *before ? " after " : "", before, !*after ? "" : *before ? "; before " : " before ", after);
}

static void algorithm_page(app *a, const smash_algo *algo)
{
    static const char *const heads[] = { "<hyperparameter", "<type", "<legal", "<default", "<help", NULL };
    static const char *const entry_heads[] = { "<key", "<type", "<legal", "<default", "<help", NULL };
    const char *const *list;
    const smash_key *key;
    size_t count, i;
    table t;

    fprintf(a->results, "%s, a %s: %s\n\n", algo->name, smash_group_name(algo->group), algo->summary);
    if (algo->description) { paragraph(a, "", algo->description); fprintf(a->results, "\n"); }
    for (i = 0; algo->references && algo->references[i]; i++) paragraph(a, i ? " " : "from", algo->references[i]);
    if (algo->aliases && algo->aliases[0]) paragraph(a, "also known as", joined(a, algo->aliases, "", ", "));
    paragraph(a, "group", order_text(a, algo->group));
    if (algo->targets) paragraph(a, "applies to", format(a, "%s, if no config_list says otherwise", algo->targets->every ? "all float parameters of all modules" : joined(a, algo->targets->default_types, "", ", ")));
    paragraph(a, "runs on", joined(a, runs_on(a, algo), "", ", "));
    list = needs(a, algo);
    paragraph(a, "needs", list && *list ? joined(a, list, "", ", ") : "nothing beside the model");
    list = works_with(a, algo);
    paragraph(a, "works with", list && *list ? joined(a, list, "", ", ") : "no other");
    paragraph(a, "saving", saves[smash_algo_save(algo)].text);
    fprintf(a->results, "\n");

    table_begin(&t, &a->ctx, &a->arena, a->results, heads);
    for (i = 0; (key = smash_algo_key(algo, i)) != NULL; i++) key_rows(a, &t, algo->name, key);
    table_print(&t);
    if (!algo->targets) return;
    paragraph(a, "", format(a, "Keys of an entry of %s_config_list, beside %s, which mean what they mean above:", algo->name, joined(a, entry_keys(a, algo, 0), "", ", ")));
    fprintf(a->results, "\n");
    table_begin(&t, &a->ctx, &a->arena, a->results, entry_heads);
    key = smash_config_keys(&count);
    for (i = 0; i < count; i++) if (key[i].selects && (key[i].groups >> algo->group & 1u)) key_rows(a, &t, NULL, &key[i]);
    table_print(&t);
}

/* ---- all of them ---- */

/* Keys of the dictionary itself, as an empty config shows them. */
static void own_keys(app *a)
{
    static const char *const heads[] = { "<key", "<type", "<legal", "<default", "<help", NULL };
    smash_config *config = (smash_config *)smash_arena_alloc(&a->ctx, &a->arena, sizeof *config);
    table t;
    size_t i;

    if (!config) return;
    smash_config_init(config, smash_builtins(), &a->arena, &a->diags);
    table_begin(&t, &a->ctx, &a->arena, a->results, heads);
    for (i = 0; i < config->count; i++)
        if (config->settings[i].key->kind != SMASH_KEY_ALGORITHM) key_rows(a, &t, NULL, config->settings[i].key);
    table_print(&t);
}

/* As a table for a terminal, which leaves out columns without text, or in Markdown. */
static void overview(app *a, int markdown)
{
    static const char *const heads[] = { "<group", "<algorithm", "<what it does", "<hyperparameters", "<needs", "<runs on", "<works together with", "<from", NULL };
    const smash_registry *registry = smash_builtins();
    const char *quote = markdown ? "`" : "", *cells[COLUMNS], *p;
    const char *const *list;
    size_t i, k;
    table t;
    int g;

    table_begin(&t, &a->ctx, &a->arena, a->results, heads);
    for (k = 0; markdown && heads[k]; k++) fprintf(a->results, "| %s %s", heads[k] + 1, heads[k + 1] ? "" : "|\n");
    for (k = 0; markdown && heads[k]; k++) fprintf(a->results, "|---%s", heads[k + 1] ? "" : "|\n");
    for (g = SMASH_GROUP_NONE + 1; g < SMASH_GROUP_COUNT; g++) {
        for (i = 0; i < registry->count; i++) {
            const smash_algo *algo = registry->algos[i];
            if ((int)algo->group != g) continue;
            list = needs(a, algo);
            cells[0] = smash_group_name(algo->group);
            cells[1] = format(a, "%s%s%s", quote, algo->name, quote);
            cells[2] = algo->summary;
            cells[3] = markdown ? joined(a, hyperparameters(a, algo), quote, ", ") : "";
            cells[4] = list && *list ? joined(a, list, "", ", ") : "nothing";
            cells[5] = joined(a, runs_on(a, algo), "", ", ");
            cells[6] = joined(a, works_with(a, algo), quote, ", ");
            cells[7] = markdown ? joined(a, algo->references, "", "; ") : "";
            for (k = 0; heads[k]; k++) {
                if (!markdown) { table_cell(&t, cells[k]); continue; }
                fprintf(a->results, "| ");
                for (p = cells[k]; *p; p++) { if (*p == '|') fputc('\\', a->results); fputc(*p, a->results); }
                fprintf(a->results, " %s", heads[k + 1] ? "" : "|\n");
            }
        }
    }
    if (markdown) return;
    table_print(&t);
    fprintf(a->results, "`smash algorithms NAME` tells all about one of them. Keys of a config that belong to none:\n\n");
    own_keys(a);
}

static int no_algorithm(app *a, const char *name)
{
    const smash_registry *registry = smash_builtins();
    const smash_algo *meant;
    const char **names, *near, *instead = smash_algo_instead(name);
    size_t i, k, count = 0;

    if (instead && instead[0]) return fail(a, BAD_USAGE, "there is no %s in this version; use %s instead", name, instead);
    if (instead) return fail(a, BAD_USAGE, "there is no %s in this version, and nothing yet to use instead", name);
    for (i = 0; i < registry->count; i++) for (count++, k = 0; registry->algos[i]->aliases && registry->algos[i]->aliases[k]; k++) count++;
    if ((names = empty_list(a, count)) == NULL) return fail(a, FAILED, "out of memory");
    for (count = i = 0; i < registry->count; i++) {
        names[count++] = registry->algos[i]->name;
        for (k = 0; registry->algos[i]->aliases && registry->algos[i]->aliases[k]; k++) names[count++] = registry->algos[i]->aliases[k];
    }
    near = smash_nearest(name, names, count);
    meant = smash_registry_find(registry, near);
    return fail(a, BAD_USAGE, "there is no algorithm %s%s%s%s%s; `smash algorithms` lists them all", name, near ? "; the nearest name is " : "", near ? near : "",
                meant && strcmp(meant->name, near) != 0 ? ", which stands for " : "", meant && strcmp(meant->name, near) != 0 ? meant->name : "");
}

static int run_algorithms(app *a)
{
    const smash_registry *registry = smash_builtins();
    const char *name = a->arg_count > 0 ? a->args[0] : NULL;
    const smash_algo *only = smash_registry_find(registry, name);
    smash_text text;
    smash_writer w;
    size_t i;

    if (name && !only) return no_algorithm(a, name);
    if (is_set(a, FLAG_MARKDOWN) && (only || is_set(a, FLAG_JSON))) return fail(a, BAD_USAGE, "--markdown prints the overview, neither one algorithm nor JSON");
    if (is_set(a, FLAG_JSON)) {
        json_begin(a, &text, &w);
        w.flat = 4;
        smash_write_key(&w, "algorithms");
        smash_write_begin_array(&w);
        for (i = 0; i < registry->count; i++) if (!only || only == registry->algos[i]) algorithm_json(a, &w, registry->algos[i]);
        smash_write_end(&w);
        return json_print(a, &text, &w);
    }
    if (!only) { overview(a, is_set(a, FLAG_MARKDOWN)); return DONE; }
    if (strcmp(name, only->name) != 0) fprintf(a->results, "%s is another name of %s.\n\n", clean(a, name), only->name);
    algorithm_page(a, only);
    return DONE;
}

static void selftest_line(void *user, const char *section, uint64_t digest)
{
    fprintf(((app *)user)->results, "%-20s  %016" PRIx64 "\n", section, digest);
}

static int run_selftest(app *a)
{
    if (smash_selftest(&a->ctx, selftest_line, a)) return fail(a, FAILED, "selftest: %s", a->ctx.message);
    return DONE;
}

/*==================================================================================================
 * MARK: - Export                                                                          >>export
 *================================================================================================*/

/* The members of a JSON object by name, for many questions. */
typedef struct members { const smash_value **slots; size_t room; } members;

typedef struct export_job {
    input         model_file;
    smash_io      io;
    smash_model   model;
    output        out[OUTPUTS];       /* the file, and beside it what a .npz or .bin does not say of itself */
    sink          to;
    export_format format;
    int           ohwi;
    const char   *prefix, *macro, *sidecar;
    const char  **depthwise, **flatten;   /* globs, NULL-terminated */
    int          *matched;            /* by each of depthwise, then by each of flatten */
    size_t       *channels;           /* of each of flatten */
    smash_requant_form form;
    members       types, dtypes, fused;   /* metadata that says more of the tensors */
    claims        names;
    export_tensor *tensors;
    size_t        count;
    smash_digest  digest;             /* of the arrays */
} export_job;
enum { OUT_FILE = 0, OUT_SIDECAR = 1 };

/* What stands between commas, NULL-terminated. */
static const char **comma_list(app *a, const char *text, size_t *count)
{
    const char **list;
    size_t n = 1, i;
    for (i = 0; text[i]; i++) n += text[i] == ',';
    if ((list = empty_list(a, n)) == NULL) return NULL;
    for (*count = 0; *text; text += n + (text[n] == ',')) {
        n = strcspn(text, ",");
        list[(*count)++] = format(a, "%.*s", (int)n, text);
    }
    return list;
}

static int export_usage(app *a, export_job *j)
{
    const char *out = a->value[FLAG_EXPORT_OUT], *format_name = a->value[FLAG_FORMAT], *layout = a->value[FLAG_LAYOUT], *requant = a->value[FLAG_REQUANT], *dot, *bad;
    static const char *const ends[] = { "", ".h", ".npz", ".bin" };
    char *macro;
    size_t i, n;
    int k;

    if (!out && !is_set(a, FLAG_DRY_RUN)) return fail(a, BAD_USAGE, "export needs -o OUT, the file to write, or --dry-run");
    dot = out ? strrchr(out, '.') : NULL;
    if (format_name && strcmp(format_name, "npz") == 0) format_name = "npy";
    for (k = 1; export_formats[k]; k++) {
        if (format_name ? strcmp(format_name, export_formats[k]) == 0 : dot && strcmp(dot, ends[k]) == 0) j->format = (export_format)k;
    }
    if (!j->format && format_name) return fail(a, BAD_USAGE, "--format takes c, npy or raw, not %s", format_name);
    if (!j->format) return fail(a, BAD_USAGE, "export needs --format c, npy or raw, or an OUT that ends in .h, .npz or .bin");
    if (layout && strcmp(layout, "ohwi") != 0 && strcmp(layout, "oihw") != 0) return fail(a, BAD_USAGE, "--layout takes oihw, as models store it, or ohwi, not %s", layout);
    j->ohwi = layout && strcmp(layout, "ohwi") == 0;
    if (is_set(a, FLAG_DEPTHWISE) && !j->ohwi) return fail(a, BAD_USAGE, "--depthwise goes with --layout ohwi");
    if (is_set(a, FLAG_PREFIX) && j->format != EXPORT_C) return fail(a, BAD_USAGE, "--prefix goes with --format c");
    j->prefix = is_set(a, FLAG_PREFIX) ? a->value[FLAG_PREFIX] : "model";
    if ((bad = bad_prefix(j->prefix)) != NULL) return fail(a, BAD_USAGE, "--prefix %s: a prefix %s", j->prefix, bad);
    if ((macro = (char *)(uintptr_t)format(a, "%s", j->prefix)) == NULL) return fail(a, FAILED, "out of memory");
    for (j->macro = macro; *macro; macro++) if (*macro >= 'a' && *macro <= 'z') *macro = (char)(*macro - 'a' + 'A');

    if (is_set(a, FLAG_FLATTEN) && !j->ohwi) return fail(a, BAD_USAGE, "--flatten goes with --layout ohwi");
    if (requant && strcmp(requant, "single") != 0 && strcmp(requant, "double") != 0) return fail(a, BAD_USAGE, "--requant takes double, which rounds twice, or single, not %s", requant);
    j->form = requant && *requant == 's' ? SMASH_REQUANT_SINGLE_ROUNDING : SMASH_REQUANT_DOUBLE_ROUNDING;
    if ((j->depthwise = comma_list(a, is_set(a, FLAG_DEPTHWISE) && strcmp(a->value[FLAG_DEPTHWISE], "none") != 0 ? a->value[FLAG_DEPTHWISE] : "", &n)) == NULL ||
        (j->flatten = comma_list(a, is_set(a, FLAG_FLATTEN) ? a->value[FLAG_FLATTEN] : "", &i)) == NULL ||
        (j->matched = (int *)smash_arena_array(&a->ctx, &a->arena, n + i + 1, sizeof(int))) == NULL ||
        (j->channels = (size_t *)smash_arena_array(&a->ctx, &a->arena, i + 1, sizeof(size_t))) == NULL) return fail(a, FAILED, "out of memory");
    memset(j->matched, 0, (n + i + 1) * sizeof(int));
    for (i = 0; j->flatten[i]; i++) {
        const char *equals = strrchr(j->flatten[i], '=');
        char *end = NULL;
        const unsigned long channels = equals && equals[1] >= '1' && equals[1] <= '9' ? strtoul(equals + 1, &end, 10) : 0;
        if (!channels || *end || channels > 1ul << 24 || equals == j->flatten[i]) return fail(a, BAD_USAGE, "--flatten takes GLOB=CHANNELS, as in fc=48, not %s", j->flatten[i]);
        j->channels[i] = (size_t)channels;
        j->flatten[i] = format(a, "%.*s", (int)(equals - j->flatten[i]), j->flatten[i]);
    }

    if (!out) return DONE;
    if (strcmp(out, "-") == 0) {
        if (j->format != EXPORT_C) return fail(a, BAD_USAGE, "--format %s writes OUT and OUT.json, so OUT must be a file and not -", export_formats[j->format]);
        if (is_set(a, FLAG_JSON)) return fail(a, BAD_USAGE, "only one of --output - and --json can have the standard output");
        a->results = stderr;
        return DONE;
    }
    if (j->format != EXPORT_C) j->sidecar = format(a, "%s.json", out);
    if (file_same(out, a->args[0]) || (j->sidecar && file_same(j->sidecar, a->args[0]))) return fail(a, BAD_USAGE, "%s stands for two files at once", a->args[0]);
    return DONE;
}

/* A failed call on the model file, or on a tensor in it. */
static int fail_tensor(app *a, export_job *j, smash_err err)
{
    if (err == SMASH_ERR_NOMEM) return fail(a, FAILED, "%s: out of memory; nothing was written", j->model_file.name);
    if (err == SMASH_ERR_IO) return fail(a, BAD_IO, "%s cannot be read: %s; nothing was written", j->model_file.name, strerror(j->model_file.error));
    return fail(a, BAD_MODEL, "%s: %s; nothing was written", j->model_file.name, a->ctx.message);
}

/* 1: integers with a scale for each of equal blocks, and zero points that are integers: what runtimes take. The rest goes out as the floats it stands for. */
static int is_grid(const export_job *j, const logical *l)
{
    const ptrdiff_t scale = l->at[SMASH_PART_SCALE], zero = l->at[SMASH_PART_ZERO];
    return scale >= 0 && l->at[SMASH_PART_CODEBOOK] < 0 && l->at[SMASH_PART_BLOCK] < 0 && j->model.params[scale].tensor.dtype == SMASH_F32 && (zero < 0 || j->model.params[zero].tensor.dtype != SMASH_F32);
}

/* The numbers as stored: integers stay integers, what was packed without its zeros gets them back. restored: the same in floats, checked. */
static smash_err load_stored(app *a, export_job *j, const logical *l, smash_dtype dtype, const smash_tensor *restored, smash_tensor *out)
{
    smash_tensor t, bits;
    size_t bytes;
    smash_err err;

    if (!is_grid(j, l)) { *out = *restored; return SMASH_OK; }
    err = smash_model_load(&a->ctx, &j->model, (size_t)l->data, &a->data, &t);
    if (err) return err;
    *out = smash_tensor_view(dtype, t.data, t.bytes, restored->ndim, restored->shape);
    out->name = l->name;
    if (l->at[SMASH_PART_BITMASK] < 0) return SMASH_OK;
    err = smash_model_load(&a->ctx, &j->model, (size_t)l->at[SMASH_PART_BITMASK], &a->data, &bits);
    if (!err) err = smash_tensor_bytes(out, &bytes);
    if (err) return err;
    out->bytes = bytes;
    if ((out->data = smash_arena_alloc(&a->ctx, &a->data, bytes)) == NULL) return SMASH_ERR_NOMEM;
    return smash_sparse_unpack(&a->ctx, &bits, &t, out);
}

/* The same numbers in another dtype, or another place. */
static smash_err convert(app *a, smash_dtype dtype, smash_tensor *t)
{
    smash_tensor out = *t;
    smash_err err;
    out.dtype = dtype;
    out.flags = 0;
    err = smash_tensor_bytes(&out, &out.bytes);
    if (err) return err;
    if ((out.data = smash_arena_alloc(&a->ctx, &a->data, out.bytes)) == NULL) return SMASH_ERR_NOMEM;
    memset(out.data, 0, out.bytes);                                      /* packed numbers are put into their bytes one by one: valgrind loses track */
    if (count_of(t) > 0 && (err = smash_tensor_convert(&a->ctx, t, &out)) != SMASH_OK) return err;
    *t = out;
    return SMASH_OK;
}

/* Dims of t in this order; NULL: as they are. channels: columns [channels, places] become [places, channels]. */
static smash_err reorder(app *a, const uint32_t *order, size_t channels, smash_tensor *t)
{
    static const uint32_t last[] = { 0, 2, 1 };
    smash_tensor out = *t;
    smash_err err;
    uint32_t i;
    if (channels && t->shape[1] != 1) {
        t->ndim = 3;
        t->shape[2] = t->shape[1] / channels;
        t->shape[1] = channels;
        err = reorder(a, last, 0, t);
        t->ndim = 2;
        t->shape[1] *= t->shape[2];
        return err;
    }
    if (!order) return SMASH_OK;
    for (i = 0; i < t->ndim; i++) out.shape[i] = t->shape[order[i]];
    err = smash_tensor_bytes(&out, &out.bytes);
    if (err) return err;
    if ((out.data = smash_arena_alloc(&a->ctx, &a->data, out.bytes)) == NULL) return SMASH_ERR_NOMEM;
    out.flags = 0;
    err = smash_tensor_permute(&a->ctx, t, order, &out);
    *t = out;
    return err;
}

/* A part from a tensor, its bytes little-endian whatever this machine is. */
static smash_err set_part(app *a, export_part *part, const smash_tensor *t)
{
    static const uint16_t one = 1;
    const size_t width = t->dtype == SMASH_C64 ? 4 : smash_dtype_bits(t->dtype) / 8;
    unsigned char *swapped;
    size_t i, k;

    memset(part, 0, sizeof(*part));
    part->dtype = t->dtype;
    part->ndim = t->ndim;
    memcpy(part->shape, t->shape, sizeof(part->shape));
    part->count = (size_t)count_of(t);
    part->bytes = (size_t)bytes_of(t);
    part->data = (const unsigned char *)t->data;
    if (width > 1 && *(const unsigned char *)&one == 0) {
        if ((swapped = (unsigned char *)smash_arena_alloc(&a->ctx, &a->data, part->bytes)) == NULL) return SMASH_ERR_NOMEM;
        for (i = 0; i < part->bytes; i += width) for (k = 0; k < width; k++) swapped[i + k] = part->data[i + width - 1 - k];
        part->data = swapped;
    }
    part->crc = crc32_add(0, part->data, part->bytes);
    return SMASH_OK;
}

/* Linear behind a flattened image: which of --flatten knows how many channels that has. */
static int choose_columns(app *a, export_job *j, const smash_module *module, const logical *l, const smash_tensor *t, export_tensor *e, size_t *channels)
{
    size_t i, first;
    for (first = 0; j->depthwise[first]; first++) { }
    for (i = 0; j->flatten[i]; i++) {
        if (!smash_glob_match(j->flatten[i], module->name)) continue;
        j->matched[first + i] = 1;
        if (t->shape[1] % j->channels[i] != 0)
            return fail(a, BAD_USAGE, "--flatten %s=%lu: the %s columns of %s are not so many channels of one size", j->flatten[i], (unsigned long)j->channels[i], number(a, t->shape[1]), e->name);
        if (is_grid(j, l) && j->model.params[l->at[SMASH_PART_SCALE]].tensor.shape[1] != 1) return fail(a, BAD_USAGE, "--flatten %s: %s has several scales in a row", j->flatten[i], e->name);
        *channels = j->channels[i];
        e->layout = "O(HWI)";
        return DONE;
    }
    return DONE;
}

/* In which order the dims of a tensor are to be written: *order NULL if as they are; *channels 0 but for columns that are reordered. */
static int choose_layout(app *a, export_job *j, const smash_module *module, const logical *l, const smash_tensor *t, export_tensor *e, const uint32_t **order, size_t *channels)
{
    static const uint32_t ohwi[] = { 0, 2, 3, 1 }, hwi[] = { 1, 2, 3, 0 };
    const size_t length = strlen(module->name);
    const char *target = length ? e->name + length + 1 : e->name;
    int depthwise = 0, i;

    *order = NULL;
    *channels = 0;
    if (!j->ohwi || strcmp(target, "weight") != 0) return DONE;
    if (t->ndim == 2 && strcmp(module->type, "Linear") == 0) return choose_columns(a, j, module, l, t, e, channels);
    if (t->ndim != 4) return DONE;
    if (module->inferred)
        return fail(a, BAD_USAGE, "--layout ohwi: that %s is a %s is only guessed from its tensors; say it in \"module_types\" of a config for `smash compress`, which writes it to the file",
                    *module->name ? module->name : e->name, module->type);
    if (strcmp(module->type, "Conv2d") != 0) { e->note = format(a, "order of dims as in the model: only Conv2d is permuted"); return DONE; }
    if (smash_dtype_bits(t->dtype) % 8 != 0 && (t->dtype < SMASH_I4 || t->dtype > SMASH_U2))
        return fail(a, BAD_USAGE, "--layout ohwi: %s is %s, which is not permuted", e->name, smash_dtype_name(t->dtype));
    if (t->shape[1] == 1) {
        for (i = 0; j->depthwise[i]; i++) if (smash_glob_match(j->depthwise[i], module->name)) j->matched[i] = depthwise = 1;
        if (!is_set(a, FLAG_DEPTHWISE) && t->shape[0] > 1)
            return fail(a, BAD_USAGE, "--layout ohwi: %s is %s, a depthwise convolution or one of a single input channel; say --depthwise %s, or --depthwise none",
                        e->name, shape_text(a, t), *module->name ? module->name : "'*'");
    }
    e->layout = depthwise ? "1HWI" : "OHWI";
    *order = depthwise ? hwi : ohwi;
    return DONE;
}

/* ---- layers: what a runtime needs beside the weights, where the file has scales of inputs and outputs ---- */

static const smash_value **member_slot(const members *m, const char *name)
{
    size_t at = (size_t)smash_digest_of(name, strlen(name)) & (m->room - 1);
    while (m->slots[at] && !smash_value_is(m->slots[at], name)) at = (at + 1) & (m->room - 1);
    return &m->slots[at];
}

static const smash_value *member(const members *m, const char *name)
{
    const smash_value *key = m->room ? *member_slot(m, name) : NULL;
    return key ? key + 1 : NULL;
}

/* The members of the object that an entry of the metadata is; none if there is no such entry, or it is something else. 0: no memory. */
static int read_members(app *a, const export_job *j, const char *entry, members *out)
{
    const smash_value *key;
    smash_json doc;
    size_t i, n;
    for (i = 0; i < j->model.metadata_count && strcmp(j->model.metadata[i].key, entry) != 0; i++) { }
    if (i == j->model.metadata_count) return 1;
    if (smash_json_parse(&a->ctx, NULL, j->model.metadata[i].value, strlen(j->model.metadata[i].value), &a->arena, NULL, &doc) || doc.root->type != SMASH_VALUE_OBJECT) {
        smash_ctx_reset(&a->ctx);
        return 1;
    }
    for (n = 16; n / 2 <= doc.root->count; n *= 2) { }
    if ((out->slots = (const smash_value **)smash_arena_array(&a->ctx, &a->arena, n, sizeof(*out->slots))) == NULL) return 0;
    for (i = 0; i < n; i++) out->slots[i] = NULL;
    out->room = n;
    for (i = 0, key = doc.root + 1; i < doc.root->count; i++, key += 1 + key[1].span) {
        const smash_value **slot = member_slot(out, key->text);
        if (!*slot) *slot = key;
    }
    return 1;
}

static int is_integer(const export_job *j, ptrdiff_t param)
{
    return j->model.params[param].tensor.dtype >= SMASH_I8 && j->model.params[param].tensor.dtype <= SMASH_U64;
}

static const char *value_text(const smash_value *v) { return v && v->type == SMASH_VALUE_STRING ? v->text : NULL; }

/* X_scale and X_zero_point of an input or output X, if the file has them. Its integers are those that the metadata names, else those of the zero point, else int8. */
static int load_activation(app *a, export_job *j, const char *name, export_activation *out)
{
    const ptrdiff_t scale_at = smash_model_find_param(&j->model, format(a, "%s_scale", name)), zero_at = smash_model_find_param(&j->model, format(a, "%s_zero_point", name));
    const char *said = value_text(member(&j->dtypes, name));
    smash_tensor scale, zero;
    smash_dtype dtype = SMASH_I8;
    smash_err err;

    memset(out, 0, sizeof(*out));
    memset(&zero, 0, sizeof(zero));
    if (scale_at < 0) return DONE;
    err = smash_model_load(&a->ctx, &j->model, (size_t)scale_at, &a->data, &scale);
    if (!err && zero_at >= 0) err = smash_model_load(&a->ctx, &j->model, (size_t)zero_at, &a->data, &zero);
    if (err) return fail_tensor(a, j, err);
    if (scale.dtype != SMASH_F32 || count_of(&scale) != 1 || (zero_at >= 0 && (!is_integer(j, zero_at) || count_of(&zero) != 1)))
        return fail(a, BAD_MODEL, "%s: %s: an input or output has one F32 scale and one integer as zero point, but its scale is %s %s%s%s%s%s; nothing was written", j->model_file.name, name,
                    smash_dtype_name(scale.dtype), shape_text(a, &scale), zero_at >= 0 ? ", its zero point " : "", zero_at >= 0 ? smash_dtype_name(zero.dtype) : "",
                    zero_at >= 0 ? " " : "", zero_at >= 0 ? shape_text(a, &zero) : "");
    if (zero_at >= 0) {
        if (smash_dtype_bits(zero.dtype) <= 16) dtype = zero.dtype;
        if ((err = convert(a, SMASH_I32, &zero)) != SMASH_OK) return fail_tensor(a, j, err);
        out->zero = *(const int32_t *)zero.data;
    }
    memcpy(&out->scale, scale.data, sizeof(float));
    if (!(out->scale > 0.0f) || !smash_is_finite(out->scale))
        return fail(a, BAD_MODEL, "%s: %s_scale is %g; it must be above 0 and finite; nothing was written", j->model_file.name, name, (double)out->scale);
    out->is_unsigned = said ? *said == 'u' : dtype == SMASH_U8 || dtype == SMASH_U16;
    out->bits = smash_dtype_bits(dtype);
    if (said) {
        out->bits = strncmp(said, "int", 3) == 0 || strncmp(said, "uint", 4) == 0 ? (uint32_t)strtoul(said + 3 + out->is_unsigned, NULL, 10) : 0;
        if (out->bits < 2 || out->bits > 16) return fail(a, BAD_MODEL, "%s: %s is %s, which are no integers of 2 to 16 bits; nothing was written", j->model_file.name, name, said);
    }
    out->low = out->is_unsigned ? 0 : -((int32_t)1 << (out->bits - 1));
    out->high = out->low + (int32_t)(((uint32_t)1 << out->bits) - 1);
    if (out->zero < out->low || out->zero > out->high)
        return fail(a, BAD_MODEL, "%s: %s_zero_point is %ld, outside %ld..%ld of its %sint%u; nothing was written", j->model_file.name, name, (long)out->zero, (long)out->low, (long)out->high,
                    out->is_unsigned ? "u" : "", (unsigned)out->bits);
    out->is_known = 1;
    return DONE;
}

/* The activation that was fused into a module: by its type, or by its name where nobody says that. */
static smash_fused fused_into(const export_job *j, const char *module)
{
    static const struct { const char *name; smash_fused is; } activations[] = {
        { "relu6", SMASH_FUSED_RELU6 }, { "relu", SMASH_FUSED_RELU }, { "hardtanh", SMASH_FUSED_RELU_N1_TO_1 } };
    const smash_value *list = member(&j->fused, module), *v = list;
    smash_fused found = SMASH_FUSED_NONE;
    uint32_t i, k, n;
    if (!list || list->type != SMASH_VALUE_ARRAY) return found;
    for (i = 0, v++; i < list->count; i++, v += v->span) {
        const char *name = value_text(v), *type = name ? value_text(member(&j->types, name)) : NULL, *dot = name ? strrchr(name, '.') : NULL;
        if (!name) continue;
        if (!type) type = dot ? dot + 1 : name;
        for (k = 0; k < sizeof(activations) / sizeof(activations[0]); k++) {
            for (n = 0; activations[k].name[n] && (type[n] | 32) == activations[k].name[n]; n++) { }
            if (!activations[k].name[n]) { found = activations[k].is; break; }
        }
    }
    return found;
}

/* Input and output of a module, and the scales of its weight. What is missing leaves the input or the output unknown, and *why says so. */
static int find_layer(app *a, export_job *j, const smash_module *module, size_t channels, export_layer *layer, smash_tensor *weight_scale, const char **why)
{
    static const char *const types[] = { "Linear", "Conv1d", "Conv2d", "Conv3d" };
    const char *dot = *module->name ? "." : "";
    logical w;
    smash_err err;
    uint32_t i, known = 0, rows_only = 1;
    int status;

    memset(layer, 0, sizeof(*layer));
    if ((status = load_activation(a, j, format(a, "%s%s_input_0", module->name, dot), &layer->input)) != DONE || !layer->input.is_known) return status;
    if ((status = load_activation(a, j, format(a, "%s%s_output_0", module->name, dot), &layer->output)) != DONE) return status;
    if (!layer->output.is_known) *why = format(a, "no multipliers: %s%s_output_0_scale is missing", module->name, dot);
    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) known |= strcmp(module->type, types[i]) == 0;
    if (!known) *why = "no multipliers: they are for Linear and Conv";
    else if (!find_logical(&a->ctx, &j->model, format(a, "%s%sweight", module->name, dot), &w) || !is_grid(j, &w) || !is_integer(j, w.data)) *why = "no multipliers: the weights are no integers with scales";
    else if (w.at[SMASH_PART_ZERO] >= 0) *why = "no multipliers: the weights have zero points";
    else {
        err = smash_model_load(&a->ctx, &j->model, (size_t)w.at[SMASH_PART_SCALE], &a->data, weight_scale);
        if (err) return fail_tensor(a, j, err);
        for (i = 1; i < weight_scale->ndim; i++) rows_only &= weight_scale->shape[i] == 1;
        if (weight_scale->dtype == SMASH_F32 && rows_only && (count_of(weight_scale) == 1 || count_of(weight_scale) == channels)) return DONE;
        *why = "no multipliers: the weights have neither one scale nor one for each output channel";
    }
    memset(layer, 0, sizeof(*layer));
    return DONE;
}

/* The bias of a layer whose input is known, as integers: those of the file, or made here. dtype NONE: it has none. */
static int load_bias(app *a, export_job *j, const smash_module *module, const export_layer *layer, const smash_tensor *weight_scale, smash_tensor *q, smash_tensor *scale)
{
    const char *name = format(a, "%s%sbias", module->name, *module->name ? "." : "");
    const float *ws = (const float *)weight_scale->data;
    const size_t scales = (size_t)count_of(weight_scale);
    smash_tensor t;
    logical l;
    smash_err err;
    size_t i, n, own;
    memset(q, 0, sizeof(*q));
    memset(scale, 0, sizeof(*scale));
    if (!find_logical(&a->ctx, &j->model, name, &l)) return DONE;
    if (is_integer(j, l.data)) err = smash_model_load(&a->ctx, &j->model, (size_t)l.data, &a->data, &t);
    else err = smash_model_restore(&a->ctx, &j->model, name, &a->data, &t, NULL);
    if (err) return fail_tensor(a, j, err);
    t.name = name;
    n = (size_t)count_of(&t);
    if (!is_integer(j, l.data)) {
        const size_t width = layer->input.bits > 8 ? sizeof(int64_t) : sizeof(int32_t);
        void *numbers = smash_arena_array(&a->ctx, &a->data, n + 1, width), *products = smash_arena_array(&a->ctx, &a->data, scales, sizeof(float));
        if (!numbers || !products) return fail_tensor(a, j, SMASH_ERR_NOMEM);
        *q = smash_tensor_view(width == 8 ? SMASH_I64 : SMASH_I32, numbers, n * width, t.ndim, t.shape);
        *scale = smash_tensor_view(SMASH_F32, products, scales * sizeof(float), 1, &scales);
        q->name = name;
        err = smash_quant_bias(&a->ctx, SMASH_HALF_AWAY, layer->input.scale, weight_scale, &t, q, scale);
        return err ? fail_tensor(a, j, err) : DONE;
    }
    if ((t.dtype != SMASH_I32 && t.dtype != SMASH_I64) || l.at[SMASH_PART_SCALE] < 0 || l.at[SMASH_PART_ZERO] >= 0)
        return fail(a, BAD_MODEL, "%s: %s is %s; beside weights with scales it must be floats, or I32 or I64 with a scale and without a zero point; nothing was written",
                    j->model_file.name, name, smash_dtype_name(t.dtype));
    *q = t;
    if ((err = smash_model_load(&a->ctx, &j->model, (size_t)l.at[SMASH_PART_SCALE], &a->data, scale)) != SMASH_OK) return fail_tensor(a, j, err);
    own = (size_t)count_of(scale);
    if (scale->dtype != SMASH_F32 || (own != 1 && own != n)) return fail(a, BAD_MODEL, "%s: %s_scale is %s %s for %s numbers; nothing was written", j->model_file.name, name,
                                                                         smash_dtype_name(scale->dtype), shape_text(a, scale), number(a, n));
    for (i = 0; i < own || (i < scales && i < n); i++) {
        const float is = ((const float *)scale->data)[own > 1 ? i : 0], must = (float)((double)layer->input.scale * (double)ws[scales > 1 ? i : 0]);
        if (memcmp(&is, &must, sizeof(is)) != 0)
            return fail(a, BAD_MODEL, "%s: %s_scale is %.9g for number %lu, but the scales of input and weight make %.9g; nothing was written", j->model_file.name, name,
                        (double)is, (unsigned long)i, (double)must);
    }
    return DONE;
}

/* Sums of the rows of int8 weights of Linear, and what they make of the bias. Both fit 32 bits. */
static smash_err kernel_sums(app *a, const smash_tensor *w, const export_layer *layer, const smash_tensor *bias, smash_tensor *sum, smash_tensor *effective)
{
    const size_t rows = w->shape[0], columns = w->shape[1];
    const int8_t *q = (const int8_t *)w->data;
    int32_t *sums = (int32_t *)smash_arena_array(&a->ctx, &a->data, rows + 1, 2 * sizeof(int32_t)), *with_bias = sums + rows;
    size_t i, k;
    if (!sums) return SMASH_ERR_NOMEM;
    for (i = 0; i < rows; i++) {
        for (sums[i] = 0, k = 0; k < columns; k++) sums[i] += *q++;
        if (layer->input.is_known) with_bias[i] = (int32_t)((bias->dtype ? ((const int32_t *)bias->data)[i] : 0) - (int64_t)layer->input.zero * sums[i]);
    }
    *sum = smash_tensor_view(SMASH_I32, sums, rows * sizeof(int32_t), 1, &rows);
    if (layer->input.is_known) *effective = smash_tensor_view(SMASH_I32, with_bias, rows * sizeof(int32_t), 1, &rows);
    return SMASH_OK;
}

/* All that is known of the layer of a weight: w as stored, the parts behind it. */
static int weight_parts(app *a, export_job *j, const logical *l, const smash_module *module, const smash_tensor *w, export_tensor *e, smash_tensor part[PARTS])
{
    const int is_linear = strcmp(module->type, "Linear") == 0 && w->ndim == 2, sums = is_linear && w->dtype == SMASH_I8 && is_grid(j, l);
    const size_t channels = w->ndim ? w->shape[0] : 0;
    export_layer *layer = &e->layer;
    smash_tensor scale, bias, bias_scale, all;
    smash_err err = SMASH_OK;
    size_t n, i;
    int status;

    memset(&bias, 0, sizeof(bias));
    if ((status = find_layer(a, j, module, channels, layer, &scale, &e->note)) != DONE) return status;
    if (layer->input.is_known) {
        if ((status = load_bias(a, j, module, layer, &scale, &bias, &bias_scale)) != DONE) return status;
        err = smash_quant_accumulator_bound(&a->ctx, w, 0, bias.dtype ? &bias : NULL, layer->input.low - layer->input.zero, layer->input.high - layer->input.zero, NULL, &layer->worst);
        if (!err && (!e->note || layer->worst.bound >> 31))
            e->note = format(a, "sums reach %s at most, in channel %s%s", number(a, (uint64_t)layer->worst.bound), number(a, layer->worst.channel),
                             layer->worst.bound >> 31 == 0 ? "" : layer->worst.fits ? ": in 64 bits" : ": MORE THAN 32 BITS");
    }
    if (!err && layer->input.is_known && layer->output.is_known) {
        err = smash_quant_activation_range(&a->ctx, fused_into(j, module->name), layer->output.scale, layer->output.zero, layer->output.low, layer->output.high, &layer->low, &layer->high);
        n = is_linear ? (size_t)count_of(&scale) : channels;             /* convolutions take one for each channel in any case */
        all = scale;
        if (!err && count_of(&scale) < n) {
            all = smash_tensor_view(SMASH_F32, smash_arena_array(&a->ctx, &a->data, n, sizeof(float)), n * sizeof(float), 1, &n);
            if (!all.data) return fail_tensor(a, j, SMASH_ERR_NOMEM);
            for (i = 0; i < n; i++) ((float *)all.data)[i] = *(const float *)scale.data;
        }
        part[PART_MULTIPLIER] = smash_tensor_view(SMASH_I32, smash_arena_array(&a->ctx, &a->data, n, sizeof(int32_t)), n * sizeof(int32_t), 1, &n);
        part[PART_SHIFT] = smash_tensor_view(SMASH_I32, smash_arena_array(&a->ctx, &a->data, n, sizeof(int32_t)), n * sizeof(int32_t), 1, &n);
        if (!part[PART_MULTIPLIER].data || !part[PART_SHIFT].data) return fail_tensor(a, j, SMASH_ERR_NOMEM);
        if (!err) err = smash_requant_multipliers(&a->ctx, j->form, layer->input.scale, &all, layer->output.scale, &part[PART_MULTIPLIER], &part[PART_SHIFT]);
        for (i = 0; !err && i < n; i++) {
            const int32_t shift = ((const int32_t *)part[PART_SHIFT].data)[i];
            if (shift > 30) e->note = format(a, "channel %s has a shift of %ld, and no runtime takes more than 30", number(a, i), (long)shift);
        }
    }
    if (!err && sums) {
        if (w->shape[1] > (size_t)1 << 24 || layer->worst.bound >> 31 || bias.dtype == SMASH_I64) e->note = e->note ? e->note : "no kernel sums: they could overflow";
        else err = kernel_sums(a, w, layer, &bias, &part[PART_KERNEL_SUM], &part[PART_EFFECTIVE_BIAS]);
    }
    return err ? fail_tensor(a, j, err) : DONE;
}

/* A bias beside weights with scales, its input known, becomes the integers that accumulators begin with. *stored: it did. */
static int bias_parts(app *a, export_job *j, const logical *l, const smash_module *module, smash_tensor part[PARTS], int *stored)
{
    const smash_tensor *bias = &j->model.params[l->data].tensor;
    export_layer layer;
    smash_tensor scale;
    const char *why;
    int status = find_layer(a, j, module, (size_t)count_of(bias), &layer, &scale, &why);
    *stored = !status && layer.input.is_known;
    if (*stored) status = load_bias(a, j, module, &layer, &scale, &part[PART_DATA], &part[PART_SCALE]);
    return status;
}

/* One tensor from the model to the file. */
static int export_one(app *a, export_job *j, const logical *l)
{
    export_tensor *e = &j->tensors[j->count];
    const smash_module *module = &j->model.modules[j->model.params[l->data].module];
    const size_t module_bytes = *module->name ? strlen(module->name) + 1 : 0;
    const uint32_t *order = NULL;
    smash_tensor t, part[PARTS];
    smash_dtype stored;
    smash_err err = SMASH_OK;
    size_t k, channels = 0, bad = (size_t)SMASH_NONE;
    int status, which = 0, packed, done = 0;
    const int grid = is_grid(j, l);

    memset(e, 0, sizeof(*e));
    memset(part, 0, sizeof(part));
    e->name = l->name;
    e->type = module->type;
    smash_ctx_reset(&a->ctx);
    if (strcmp(l->name + module_bytes, "bias") == 0 && (status = bias_parts(a, j, l, module, part, &done)) != DONE) return status;
    if (!done) {
        err = smash_model_restore(&a->ctx, &j->model, l->name, &a->data, &t, &stored);      /* checks how the parts fit each other */
        if (!err) err = load_stored(a, j, l, stored, &t, &part[PART_DATA]);
        if (!err && grid) err = smash_model_load(&a->ctx, &j->model, (size_t)l->at[SMASH_PART_SCALE], &a->data, &part[PART_SCALE]);
    }
    if (err) return fail_tensor(a, j, err);
    e->dtype = part[PART_DATA].dtype;
    if (!grid && (l->at[SMASH_PART_SCALE] >= 0 || l->at[SMASH_PART_CODEBOOK] >= 0)) e->note = "as the floats that it stands for";
    packed = e->dtype >= SMASH_I4 && e->dtype <= SMASH_U2;
    if ((status = choose_layout(a, j, module, l, &part[PART_DATA], e, &order, &channels)) != DONE) return status;
    if (j->format == EXPORT_NPY && !packed && !npy_descr(e->dtype))
        return fail(a, FAILED, "%s is %s, which no .npy file can hold; --format raw does; nothing was written", l->name, smash_dtype_name(e->dtype));
    if (j->format == EXPORT_NPY && bad_member(l->name)) return fail(a, BAD_MODEL, "%s cannot be the name of a file in an archive; --format raw takes it; nothing was written", l->name);
    if (j->format == EXPORT_C && count_of(&part[PART_DATA]) > 0x7FFFFFFF / 2)
        return fail(a, FAILED, "%s has %s numbers, too many for an array in C; nothing was written", l->name, number(a, count_of(&part[PART_DATA])));
    if (strcmp(l->name + module_bytes, "weight") == 0 && (status = weight_parts(a, j, l, module, &part[PART_DATA], e, part)) != DONE) return status;

    if (!done && grid && l->at[SMASH_PART_ZERO] >= 0) {
        err = smash_model_load(&a->ctx, &j->model, (size_t)l->at[SMASH_PART_ZERO], &a->data, &part[PART_ZERO_POINT]);
        if (!err) err = convert(a, SMASH_I32, &part[PART_ZERO_POINT]);
    }
    if (!err && packed && (order || channels || j->format == EXPORT_NPY)) err = convert(a, e->dtype == SMASH_I4 || e->dtype == SMASH_I2 ? SMASH_I8 : SMASH_U8, &part[PART_DATA]);
    for (k = 0; k <= PART_ZERO_POINT && !err; k++) if (part[k].dtype) err = reorder(a, order, channels, &part[k]);
    if (!err && packed && (order || channels) && j->format != EXPORT_NPY) err = convert(a, e->dtype, &part[PART_DATA]);
    for (k = 0; k < PARTS && !err; k++) if (part[k].dtype) err = set_part(a, &e->part[k], &part[k]);
    if (err) return fail_tensor(a, j, err);

    for (k = 0; k < PARTS; k++) smash_digest_add(&j->digest, e->part[k].data, e->part[k].bytes);
    if (j->format == EXPORT_C) {
        if ((e->id = c_identifier(&a->ctx, &a->arena, &j->names, j->prefix, e->name)) == NULL) return fail_tensor(a, j, SMASH_ERR_NOMEM);
        bad = c_tensor(&j->to, e, j->macro, &which);
        if (bad != (size_t)SMASH_NONE) return fail(a, FAILED, "%s holds NaN or Inf at index %lu, for which C has no constant; --format npy and raw do; nothing was written",
                                                   e->name, (unsigned long)bad);
    }
    for (k = 0; k < PARTS; k++) {
        if (!e->part[k].dtype) continue;
        if (j->format == EXPORT_NPY) {
            if (j->to.bytes + e->part[k].bytes > 0xF0000000u) return fail(a, FAILED, "over 4 GiB, which a .npz without extensions cannot hold; --format raw does; nothing was written");
            zip_member(&j->to, &e->part[k], e->name, part_suffixes[k]);
        } else if (j->format == EXPORT_RAW) {
            sink_zeros(&j->to, (size_t)((16 - j->to.bytes % 16) % 16));
            e->part[k].offset = j->to.bytes;
            sink_put(&j->to, e->part[k].data, e->part[k].bytes);
        }
        e->part[k].data = NULL;
    }
    j->count++;
    return DONE;
}

static const char *part_dtype_note(const export_tensor *e, int part)
{
    if (part != PART_DATA) return NULL;
    switch (e->dtype) {
    case SMASH_I4: case SMASH_U4: case SMASH_I2: case SMASH_U2: return "one number a byte";
    case SMASH_BF16: return "bits of bfloat16";
    case SMASH_F8_E4M3: case SMASH_F8_E5M2: case SMASH_F8_E8M0: case SMASH_F8_E4M3FNUZ: case SMASH_F8_E5M2FNUZ: return "bits of 8-bit floats";
    default: return NULL;
    }
}

static void export_json_layer(smash_writer *w, const export_tensor *e)
{
    const export_activation *const ends[2] = { &e->layer.input, &e->layer.output };
    char dtype[16];
    int i;
    smash_write_key(w, "layer");
    if (!ends[0]->is_known) { smash_write_null(w); return; }
    smash_write_begin_object(w);
    for (i = 0; i < 2; i++) {
        smash_write_key(w, i ? "output" : "input");
        if (!ends[i]->is_known) { smash_write_null(w); continue; }
        sprintf(dtype, "%sint%u", ends[i]->is_unsigned ? "u" : "", (unsigned)ends[i]->bits);
        smash_write_begin_object(w);
        json_text(w, "dtype", dtype);
        json_number(w, "scale", (double)ends[i]->scale);
        smash_write_key(w, "zero_point");
        smash_write_i64(w, ends[i]->zero);
        if (i) { smash_write_key(w, "low"); smash_write_i64(w, e->layer.low); smash_write_key(w, "high"); smash_write_i64(w, e->layer.high); }
        smash_write_end(w);
    }
    smash_write_key(w, "accumulator_bound");
    smash_write_i64(w, e->layer.worst.bound);
    json_u64(w, "accumulator_channel", e->layer.worst.channel);
    smash_write_end(w);
}

/* What --json prints and what a sidecar holds: of the result nothing but what it is. */
static void export_json(app *a, export_job *j, smash_text *text, smash_writer *w)
{
    size_t i;
    int k;

    json_begin(a, text, w);
    w->flat = 3;
    json_text(w, "format", export_formats[j->format]);
    json_text(w, "layout", j->ohwi ? "ohwi" : "oihw");
    json_text(w, "requant", j->form == SMASH_REQUANT_SINGLE_ROUNDING ? "single" : "double");
    json_text(w, "byte_order", "little");
    json_u64(w, "bytes", j->to.bytes);
    json_text(w, "digest", format(a, "%016" PRIx64, smash_digest_end(&j->to.digest)));
    smash_write_key(w, "tensors");
    smash_write_begin_array(w);
    for (i = 0; i < j->count; i++) {
        const export_tensor *e = &j->tensors[i];
        smash_write_begin_object(w);
        json_text(w, "name", e->name);
        json_text(w, "module_type", e->type);
        json_text(w, "dtype", smash_dtype_name(e->dtype));
        json_text(w, "layout", e->layout);
        if (e->id) json_text(w, "identifier", e->id);
        for (k = 0; k < PARTS; k++) {
            const export_part *part = &e->part[k];
            smash_tensor t = smash_tensor_view(part->dtype, NULL, 0, part->ndim, part->shape);
            const char *note = j->format == EXPORT_NPY ? part_dtype_note(e, k) : NULL;
            smash_write_key(w, part_names[k]);
            if (!part->dtype) { smash_write_null(w); continue; }
            smash_write_begin_object(w);
            if (j->format == EXPORT_NPY) json_text(w, "member", format(a, "%s%s.npy", e->name, part_suffixes[k]));
            if (j->format == EXPORT_NPY) json_text(w, "descr", npy_descr(part->dtype)); else json_text(w, "dtype", smash_dtype_name(part->dtype));
            if (note) json_text(w, "note", note);
            json_shape(w, &t);
            if (j->format == EXPORT_RAW) json_u64(w, "offset", part->offset);
            json_u64(w, "bytes", part->bytes);
            json_text(w, "crc32", format(a, "%08lx", (unsigned long)part->crc));
            smash_write_end(w);
        }
        export_json_layer(w, e);
        json_text(w, "note", e->note);
        smash_write_end(w);
    }
    smash_write_end(w);
}

static void export_table(app *a, export_job *j)
{
    static const char *const heads[] = { "<tensor", "<type", "<dtype", ">shape", "<layout", ">scales", ">bytes", ">offset", "<identifier", "<note", NULL };
    uint64_t bytes = 0;
    table t;
    size_t i;
    int k;

    table_begin(&t, &a->ctx, &a->arena, a->results, heads);
    for (i = 0; i < j->count; i++) {
        const export_tensor *e = &j->tensors[i];
        const export_part *data = &e->part[PART_DATA];
        smash_tensor shape = smash_tensor_view(data->dtype, NULL, 0, data->ndim, data->shape);
        for (k = 0; k < PARTS; k++) bytes += e->part[k].bytes;
        table_cell(&t, e->name);
        table_cell(&t, e->type);
        table_cell(&t, smash_dtype_name(e->dtype));
        table_cell(&t, shape_text(a, &shape));
        table_cell(&t, e->layout ? e->layout : "");
        table_cell(&t, e->part[PART_SCALE].dtype ? number(a, e->part[PART_SCALE].count) : "");
        table_cell(&t, number(a, data->bytes));
        table_cell(&t, j->format == EXPORT_RAW ? number(a, data->offset) : "");
        table_cell(&t, e->id ? e->id : "");
        table_cell(&t, e->note ? e->note : "");
    }
    table_print(&t);
    fprintf(a->results, "%s tensors, %s bytes with scales -> %s bytes of %s, digest %016" PRIx64 "%s\n", number(a, j->count), number(a, bytes), number(a, j->to.bytes),
            j->format == EXPORT_C ? "C" : j->format == EXPORT_NPY ? "NumPy arrays" : "raw numbers", smash_digest_end(&j->to.digest), is_set(a, FLAG_DRY_RUN) ? "; dry run, nothing was written" : "");
}

static int export_tensors(app *a, export_job *j)
{
    smash_text text;
    smash_writer w;
    smash_arena_mark mark;
    logical l;
    size_t i;
    int status, k;

    if ((status = load_model(a, a->args[0], &j->model_file, &j->io, &j->model)) != DONE) return status;
    j->tensors = (export_tensor *)smash_arena_array(&a->ctx, &a->arena, j->model.param_count + 1, sizeof(export_tensor));
    if (!j->tensors || !claims_begin(&a->ctx, &a->arena, &j->names, j->model.param_count)) return fail(a, FAILED, "out of memory");
    if (!read_members(a, j, "smash.module_types", &j->types) || !read_members(a, j, "smash.quant_dtypes", &j->dtypes) || !read_members(a, j, "smash.fused", &j->fused))
        return fail(a, FAILED, "out of memory");
    if (!is_set(a, FLAG_DRY_RUN)) {
        for (k = OUT_FILE; k <= OUT_SIDECAR; k++) {
            const char *path = k == OUT_FILE ? a->value[FLAG_EXPORT_OUT] : j->sidecar;
            if (path && output_open(&j->out[k], path, k)) return fail_output(a, &j->out[k]);
        }
        j->to.out = &j->out[OUT_FILE];
    }
    smash_digest_init(&j->to.digest);
    smash_digest_init(&j->digest);
    if (j->format == EXPORT_C) {
        c_claim_own(&j->names, j->prefix, j->macro);
        c_begin(&j->to, j->prefix, j->macro);
    }
    for (i = 0; i < j->model.param_count; i++) {
        if (!logical_at(&a->ctx, &a->arena, &j->model, i, &l)) continue;
        mark = smash_arena_get_mark(&a->data);
        status = export_one(a, j, &l);
        smash_arena_rewind(&a->data, mark);
        if (status) return status;
        if (j->to.out && j->to.out->error) return fail_output(a, j->to.out);
    }
    for (i = 0; j->depthwise[i]; i++) {
        if (!j->matched[i]) return fail(a, BAD_USAGE, "--depthwise %s: the model has no Conv2d of such a name whose weight is [N, 1, H, W]; nothing was written", j->depthwise[i]);
    }
    for (k = 0; j->flatten[k]; k++) {
        if (!j->matched[i++]) return fail(a, BAD_USAGE, "--flatten %s: the model has no Linear of such a name; nothing was written", j->flatten[k]);
    }
    if (j->format == EXPORT_C) c_end(&j->to, j->tensors, j->count, j->prefix, j->macro, (int)j->form, smash_digest_end(&j->digest));
    if (j->format == EXPORT_NPY && !zip_end(&j->to, j->tensors, j->count)) return fail(a, FAILED, "more arrays or bytes than a .npz without extensions can hold; --format raw does; nothing was written");
    sink_flush(&j->to);

    export_json(a, j, &text, &w);
    if ((status = json_end(a, &text, &w)) != DONE) return status;
    if (j->out[OUT_SIDECAR].path) output_write(&j->out[OUT_SIDECAR], 0, text.data, text.bytes);
    if (j->out[OUT_FILE].path) output_flush(&j->out[OUT_FILE], j->to.bytes);
    if (j->out[OUT_SIDECAR].path) output_flush(&j->out[OUT_SIDECAR], text.bytes);
    for (k = 0; k < OUTPUTS; k++) if (j->out[k].error) return fail_output(a, &j->out[k]);
    for (k = OUTPUTS; k-- > 0;) if (j->out[k].path && output_finish(&j->out[k])) return fail_output(a, &j->out[k]);

    if (is_set(a, FLAG_JSON)) fwrite(text.data, 1, text.bytes, stdout);
    else if (!is_set(a, FLAG_QUIET)) export_table(a, j);
    return DONE;
}

static int run_export(app *a)
{
    export_job *j = (export_job *)calloc(1, sizeof(export_job));
    int status, k;

    if (!j) return fail(a, FAILED, "out of memory");
    j->model_file.file = NO_FILE;
    for (k = 0; k < OUTPUTS; k++) { j->out[k].file = NO_FILE; j->out[k].slot = k; }
    status = export_usage(a, j);
    if (!status) status = export_tensors(a, j);
    for (k = 0; k < OUTPUTS; k++) output_close(&j->out[k]);
    input_close(&j->model_file);
    free(j);
    return status;
}

/*==================================================================================================
 * MARK: - Command line                                                                  >>commands
 * Two tables, commands and flags: parsing and help read both.
 *================================================================================================*/

enum { COMPRESS = 1, INSPECT = 2, DIFF = 4, CHECK = 8, ALGORITHMS = 16, SELFTEST = 32, EXPORT = 64, ALL = 127 };

typedef struct command {
    const char *name, *arguments, *summary;
    unsigned    bit;
    int         min_args, max_args;
    int       (*run)(app *a);
    const char *examples;
} command;

static const command commands[] = {
    { "compress", "MODEL -c CONFIG -o OUT", "make a model smaller, as a config says", COMPRESS, 1, 1, run_compress,
      "  smash compress model.safetensors -c config.json -o small.safetensors\n"
      "  smash compress model.safetensors --quantizer ptq -o int8.safetensors\n"
      "  smash compress model.safetensors --target-bytes 20000 -o fits.safetensors\n"
      "  smash compress model.safetensors --pruner l1_norm --set l1_norm_sparse_ratio=0.5 --dry-run\n"
      "  smash compress model.safetensors --masks-in masks.safetensors -o pruned.safetensors\n"
      "  smash compress model.safetensors --quantizer ptq --calibration recorded.safetensors -o int8.safetensors\n"
      "  smash compress - -c config.json -o - < model.safetensors > small.safetensors\n" },
    { "export", "MODEL -o OUT", "write the tensors for firmware: as C, NumPy arrays or raw bytes", EXPORT, 1, 1, run_export,
      "  smash export small.safetensors -o weights.h\n"
      "  smash export small.safetensors -o weights.h --layout ohwi --depthwise 'dw*' --prefix net\n"
      "  smash export int8.safetensors -o net.h --layout ohwi --depthwise none --flatten fc=48 --requant single\n"
      "  smash export small.safetensors -o weights.npz                  for numpy.load, with weights.npz.json beside it\n"
      "  smash export small.safetensors --format raw -o weights.bin     with weights.bin.json, which says what lies where\n"
      "  smash export small.safetensors --format c --dry-run\n" },
    { "inspect", "MODEL", "show the modules of a model, their types, tensors and zeros", INSPECT, 1, 1, run_inspect,
      "  smash inspect model.safetensors\n"
      "  smash inspect model.safetensors --json\n" },
    { "diff", "A B", "compare two models tensor by tensor, compressed or not", DIFF, 2, 2, run_diff,
      "  smash diff model.safetensors small.safetensors\n"
      "  smash diff model.safetensors small.safetensors --json\n" },
    { "check", "FILE...", "check configs and model files against every rule", CHECK, 1, 1 << 30, run_check,
      "  smash check config.json model.safetensors      each by itself; compress --dry-run takes them together\n"
      "  smash check list.json --pruner l1_norm\n" },
    { "algorithms", "[NAME]", "list the algorithms, or tell all about one", ALGORITHMS, 0, 1, run_algorithms,
      "  smash algorithms\n"
      "  smash algorithms ptq\n"
      "  smash algorithms ptq --json\n"
      "  smash algorithms --markdown\n" },
    { "selftest", "", "print digests that are the same on every machine", SELFTEST, 0, 0, run_selftest,
      "  smash selftest\n" }
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

typedef struct flag { const char *name, *letter, *value, *help; unsigned commands; } flag;

static const flag flags[FLAG_COUNT] = {
    { "--config",    "-c", "CONFIG",    "what to do: a JSON file, a bare config list, or -",           COMPRESS },
    { "--output",    "-o", "OUT",       "the model to write; may be MODEL itself, or -",               COMPRESS },
    { "--masks",     NULL, "FILE",      "also write the masks of pruned tensors, 1 = keep",            COMPRESS },
    { "--masks-in",  NULL, "FILE",      "first apply these masks; BOOL, 1 = keep, named as tensors",   COMPRESS },
    { "--calibration", NULL, "FILE",    "recorded inputs and outputs: floats named conv1._input_0",    COMPRESS },
    { "--report",    NULL, "FILE",      "also write the report as JSON",                               COMPRESS },
    { "--set",       NULL, "KEY=VALUE", "set a key of the config; may be repeated",                    COMPRESS | CHECK },
    { "--pruner",    NULL, "NAME",      "prune with this algorithm",                                   COMPRESS | CHECK },
    { "--quantizer", NULL, "NAME",      "quantize with this algorithm",                                COMPRESS | CHECK },
    { "--target-bytes", NULL, "N",      "how large the file may be; below 1: this share of its tensors", COMPRESS },
    { "--threads",   NULL, "N",         "threads to use; the result is the same with any number",      COMPRESS | INSPECT | DIFF | SELFTEST },
    { "--format",    NULL, "FORMAT",    "c, npy (or npz) or raw; by the end of OUT, .h .npz .bin",              EXPORT },
    { "--output",    "-o", "OUT",       "the file to write; - for C on the standard output",           EXPORT },
    { "--layout",    NULL, "LAYOUT",    "of Conv2d weights: oihw, as stored, or ohwi",                 EXPORT },
    { "--depthwise", NULL, "GLOBS",     "with ohwi: which [N,1,H,W] become [1,H,W,N]; or none",         EXPORT },
    { "--flatten",   NULL, "GLOB=N",    "with ohwi: columns of Linear behind N channels become [H,W,N]", EXPORT },
    { "--requant",   NULL, "FORM",      "what multipliers are for: double, which rounds twice, or single", EXPORT },
    { "--prefix",    NULL, "NAME",      "begins every name in C; model if not given",                  EXPORT },
    { "--dry-run",   NULL, NULL,        "do everything but write the result",                          COMPRESS | EXPORT },
    { "--quiet",     "-q", NULL,        "print nothing but errors",                                    COMPRESS | CHECK | EXPORT },
    { "--json",      NULL, NULL,        "print the result as JSON",                                    COMPRESS | INSPECT | DIFF | ALGORITHMS | EXPORT },
    { "--markdown",  NULL, NULL,        "print the overview as a table in Markdown",                   ALGORITHMS },
    { "--help",      "-h", NULL,        "print this",                                                  ALL }
};

static void print_help(const command *c)
{
    int i;
    if (!c) {
        printf("smash %s - makes neural networks smaller\n\nusage: smash COMMAND ...\n\n", SMASH_VERSION_TEXT);
        for (i = 0; i < COMMANDS; i++) printf("  %-11s %-23s %s\n", commands[i].name, commands[i].arguments, commands[i].summary);
        printf("\n`smash COMMAND --help` explains one of them; `smash --version` prints the version.\n\nexamples\n");
        for (i = 0; i < COMMANDS; i++) printf("%.*s\n", (int)strcspn(commands[i].examples, "\n"), commands[i].examples);
        return;
    }
    printf("smash %s - %s\n\nusage: smash %s%s%s\n\n", c->name, c->summary, c->name, *c->arguments ? " " : "", c->arguments);
    for (i = 0; i < FLAG_COUNT; i++) {
        const flag *f = &flags[i];
        char left[40];
        if (!(f->commands & c->bit)) continue;
        snprintf(left, sizeof(left), "%s%s%s %s", f->letter ? f->letter : "  ", f->letter ? ", " : "  ", f->name, f->value ? f->value : "");
        printf("  %-25s %s\n", left, f->help);
    }
    printf("\nexamples\n%s\nexit status: 0 done, 1 failed while running, 2 wrong usage, 3 invalid config, 4 invalid model or mask file, 5 reading or writing failed\n", c->examples);
}

static int usage_error(app *a, const char *what, const char *word, const char *near)
{
    return fail(a, BAD_USAGE, "%s%s%s%s%s; see `smash%s%s --help`", what, word ? " " : "", word ? word : "", near ? "; the nearest is " : "", near ? near : "",
                a->command ? " " : "", a->command ? a->command->name : "");
}

static int parse_flag(app *a, int argc, char **argv, int *i)
{
    const char *names[2 * FLAG_COUNT], *word = argv[*i], *value = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL, *name;
    size_t count = 0;
    int k;

    name = value ? format(a, "%.*s", (int)(value - word), word) : word;
    for (k = 0; k < FLAG_COUNT; k++) {
        const flag *f = &flags[k];
        if (!(f->commands & a->command->bit)) continue;
        names[count++] = f->name;
        if (strcmp(name, f->name) != 0 && (!f->letter || strcmp(name, f->letter) != 0)) continue;
        if (!f->value && value) return usage_error(a, "no value is taken by", f->name, NULL);
        if (!f->value) { a->value[k] = ""; return DONE; }
        if (value) value++;
        else if (++*i < argc) value = argv[*i];
        else return usage_error(a, format(a, "%s is missing behind", f->value), name, NULL);
        if (k == FLAG_SET) a->sets[a->set_count++] = (char *)(uintptr_t)value;
        else if (a->value[k]) return usage_error(a, "given twice:", f->name, NULL);
        a->value[k] = value;
        return DONE;
    }
    return usage_error(a, "unknown flag", name, smash_nearest(name, names, count));
}

static int parse(app *a, int argc, char **argv)
{
    const char *names[COMMANDS];
    int i, k, status, only_args = 0;

    for (k = 0; k < COMMANDS; k++) {
        names[k] = commands[k].name;
        if (strcmp(argv[1], names[k]) == 0) a->command = &commands[k];
    }
    if (!a->command) return usage_error(a, argv[1][0] == '-' ? "unknown flag" : "unknown command", argv[1], smash_nearest(argv[1], names, COMMANDS));
    for (i = 2; i < argc; i++) {
        if (!only_args && strcmp(argv[i], "--") == 0) { only_args = 1; continue; }
        if (only_args || argv[i][0] != '-' || !argv[i][1]) { a->args[a->arg_count++] = argv[i]; continue; }
        if ((status = parse_flag(a, argc, argv, &i)) != DONE) return status;
    }
    if (is_set(a, FLAG_HELP)) return DONE;
    if (a->arg_count > a->command->max_args) return usage_error(a, "one argument too many:", a->args[a->command->max_args], NULL);
    if (a->arg_count < a->command->min_args) return usage_error(a, format(a, "%s needs", a->command->name), a->command->arguments, NULL);
    if (is_set(a, FLAG_THREADS)) {
        char *end;
        long n = strtol(a->value[FLAG_THREADS], &end, 10);
        if (*end || end == a->value[FLAG_THREADS] || n < 1 || n > POOL_MAX) return usage_error(a, format(a, "--threads takes 1 to %d, not", POOL_MAX), a->value[FLAG_THREADS], NULL);
        a->threads = (size_t)n;
    }
    return DONE;
}

static size_t cores(void)
{
#if defined(_SC_NPROCESSORS_ONLN)
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > POOL_MAX ? POOL_MAX : (size_t)n;
#else
    return 1;
#endif
}

int main(int argc, char **argv)
{
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    app *a = (app *)calloc(1, sizeof(app));
    int status = DONE;

    if (!a || (a->args = (char **)calloc((size_t)argc + 1, 2 * sizeof(char *))) == NULL) { fprintf(stderr, "smash: out of memory\n"); return FAILED; }
    a->sets = a->args + argc + 1;
    a->started = seconds_now();
    a->results = stdout;
    a->color = isatty(2) && !(no_color && *no_color) && !(term && strcmp(term, "dumb") == 0);
    a->threads = cores();
    smash_ctx_init(&a->ctx);
    smash_arena_init(&a->ctx.scratch, NULL, 0, smash_allocator_libc());
    smash_arena_init(&a->arena, NULL, 0, smash_allocator_libc());
    smash_arena_init(&a->data, NULL, 0, smash_allocator_libc());
    forget_diags(a);
    catch_signals();

    if (argc == 3 && strcmp(argv[1], "help") == 0) { static char help[] = "--help"; argv[1] = argv[2]; argv[2] = help; }     /* smash help CMD */
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) print_help(NULL);
    else if (strcmp(argv[1], "--version") == 0) printf("smash %s\n", SMASH_VERSION_TEXT);
    else if ((status = parse(a, argc, argv)) != DONE) { }
    else if (is_set(a, FLAG_HELP)) print_help(a->command);
    else {
        pool_start(&a->pool, &a->ctx, a->command->bit & (COMPRESS | INSPECT | DIFF | SELFTEST) ? a->threads : 1);
        status = a->command->run(a);
        pool_stop(&a->pool, &a->ctx);
    }
    if (fflush(stdout) || ferror(stdout)) {
        int error = errno;
        if (!status) status = fail(a, BAD_IO, "the standard output cannot be written: %s", strerror(error));
    }
    smash_arena_release(&a->data);
    smash_arena_release(&a->arena);
    smash_arena_release(&a->ctx.scratch);
    free(a->args);
    free(a);
    return status;
}
