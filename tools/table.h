/* table.h - text for a terminal: tables with aligned columns, and names from files that nobody trusts made harmless.
 * Memory comes from an arena. Include after smash.h. */
#ifndef TABLE_H
#define TABLE_H

#include <stdio.h>
#include <string.h>

/* The text with control characters (C0, DEL, and C1 as UTF-8) written as \xNN. */
static const char *clean_text(smash_ctx *ctx, smash_arena *arena, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t i, n = 0, bad = 0;
    char *out;
    for (i = 0; s[i]; i++) bad += s[i] < 32 || s[i] == 127 || (s[i] == 0xC2 && s[i + 1] >= 0x80 && s[i + 1] < 0xA0);
    if (!bad) return text;
    if ((out = (char *)smash_arena_alloc(ctx, arena, i + 4 * bad + 1)) == NULL) return "?";
    for (i = 0; s[i]; i++) {
        if (s[i] == 0xC2 && s[i + 1] >= 0x80 && s[i + 1] < 0xA0) i++;
        else if (s[i] >= 32 && s[i] != 127) { out[n++] = (char)s[i]; continue; }
        n += (size_t)sprintf(out + n, "\\x%02x", s[i]);
    }
    out[n] = 0;
    return out;
}

/* A table in memory, so that its columns can be aligned. Heads start with < or >: the side that cells keep to. */
enum { COLUMNS = 14 };
typedef struct table_row { struct table_row *next; const char *cells[COLUMNS]; } table_row;
typedef struct table { smash_ctx *ctx; smash_arena *arena; FILE *to; const char *const *heads; table_row *first, *last; size_t columns, filled; size_t width[COLUMNS]; } table;

static size_t width_of(const char *s)
{
    size_t n = 0;
    for (; *s; s++) n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static void table_begin(table *t, smash_ctx *ctx, smash_arena *arena, FILE *to, const char *const *heads)
{
    memset(t, 0, sizeof(*t));
    t->ctx = ctx;
    t->arena = arena;
    t->to = to;
    t->heads = heads;
    while (t->columns < COLUMNS && heads[t->columns]) t->columns++;
    t->filled = t->columns;
}

/* Cells go from left to right; behind the last one a new row begins. */
static void table_cell(table *t, const char *text)
{
    if (t->filled == t->columns) {
        table_row *row = (table_row *)smash_arena_alloc(t->ctx, t->arena, sizeof(table_row));
        if (!row) return;
        memset(row, 0, sizeof(*row));
        if (t->last) t->last->next = row; else t->first = row;
        t->last = row;
        t->filled = 0;
    }
    t->last->cells[t->filled] = text = clean_text(t->ctx, t->arena, text);
    if (width_of(text) > t->width[t->filled]) t->width[t->filled] = width_of(text);
    t->filled++;
}

static void table_line(const table *t, const char *const *cells, int skip)
{
    size_t i, last = 0, gap = 0;
    for (i = 0; i < t->columns; i++) if (t->width[i] > 0 && cells[i] && cells[i][skip]) last = i + 1;
    for (i = 0; i < last; i++) {
        const char *cell = cells[i] ? cells[i] + skip : "";
        size_t pad;
        if (t->width[i] == 0) continue;
        pad = t->width[i] - width_of(cell);
        if (t->heads[i][0] == '>') gap += pad;
        fprintf(t->to, "%*s%s", (int)gap, "", cell);
        gap = 2 + (t->heads[i][0] == '>' ? 0 : pad);
    }
    fprintf(t->to, "\n");
}

/* Columns without any text are left out. */
static void table_print(table *t)
{
    const table_row *row;
    size_t i;
    for (i = 0; i < t->columns; i++) if (t->width[i] > 0 && width_of(t->heads[i] + 1) > t->width[i]) t->width[i] = width_of(t->heads[i] + 1);
    if (t->first) table_line(t, t->heads, 1);
    for (row = t->first; row; row = row->next) table_line(t, row->cells, 0);
    if (t->first) fprintf(t->to, "\n");
}

#endif
