/* export.h - model tensors for firmware: a C header, NumPy arrays, or raw bytes. What is written depends on the tensors and
 * the options alone: no date, no path, no byte order of this machine. Include after smash.h and files.h. */
#ifndef EXPORT_H
#define EXPORT_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum export_format { EXPORT_NONE, EXPORT_C, EXPORT_NPY, EXPORT_RAW } export_format;
static const char *const export_formats[] = { "", "c", "npy", "raw", NULL };
typedef enum export_npy { NPY_ARCHIVE, NPY_FILE, NPY_FOLDER } export_npy;      /* by the end of OUT: .npz or any other, .npy, / */

/* Arrays of one tensor; each writer goes through this list. */
enum { PART_DATA, PART_SCALE, PART_ZERO_POINT, PART_MULTIPLIER, PART_SHIFT, PART_KERNEL_SUM, PART_EFFECTIVE_BIAS, PARTS };
static const char *const part_names[PARTS] = { "data", "scale", "zero_point", "multiplier", "shift", "kernel_sum", "effective_bias" };
static const char *const part_suffixes[PARTS] = { "", "_scale", "_zero_point", "_multiplier", "_shift", "_kernel_sum", "_effective_bias" };

typedef struct export_part {
    smash_dtype          dtype;          /* NONE: the tensor has no such part */
    uint32_t             ndim;
    size_t               shape[SMASH_MAX_DIMS], count;
    const unsigned char *data;           /* little-endian; only until the next tensor is read */
    size_t               bytes;
    uint64_t             offset;         /* in the file; of a member of an archive: of its entry */
    uint64_t             member_bytes;
    uint32_t             crc, member_crc;
} export_part;

/* An input or output: x = (q - zero) * scale, q from low to high. */
typedef struct export_activation {
    uint32_t is_known, bits, is_unsigned;
    float    scale;
    int32_t  zero, low, high;
} export_activation;

/* What an integer runtime needs of the layer that a weight belongs to. */
typedef struct export_layer {
    export_activation        input, output;
    int32_t                  low, high;  /* clamp of the output, its activation included */
    smash_accumulator_bound  worst;
} export_layer;

typedef struct export_tensor {
    const char *name, *type, *id;        /* as in the model; of its module; in C */
    const char *layout, *note;           /* "OHWI", "1HWI", "O(HWI)" where it was permuted, else NULL */
    export_layer layer;                  /* of a weight */
    smash_dtype dtype;                   /* of the numbers: I4, say, where the part is I8 because NumPy has none */
    export_part part[PARTS];
} export_tensor;

/* ---- bytes ---- */

/* Where a file goes: to a temporary one, or nowhere, counted and with a digest in any case. */
typedef struct sink {
    output       *out;                   /* NULL: dry run */
    uint64_t      bytes;                 /* with those in the buffer */
    smash_digest  digest;
    size_t        used;
    unsigned char buffer[65536];
} sink;

static void sink_flush(sink *s)
{
    smash_digest_add(&s->digest, s->buffer, s->used);
    if (s->out) output_write(s->out, s->bytes - s->used, s->buffer, s->used);
    s->used = 0;
}

static void sink_put(sink *s, const void *data, size_t bytes)
{
    const unsigned char *p = (const unsigned char *)data;
    while (bytes > 0) {
        size_t n = sizeof(s->buffer) - s->used < bytes ? sizeof(s->buffer) - s->used : bytes;
        memcpy(s->buffer + s->used, p, n);
        s->used += n;
        s->bytes += n;
        p += n;
        bytes -= n;
        if (s->used == sizeof(s->buffer)) sink_flush(s);
    }
}

static void sink_text(sink *s, const char *text) { sink_put(s, text, strlen(text)); }

static void sink_zeros(sink *s, size_t bytes) { for (; bytes > 0; bytes--) sink_put(s, "", 1); }

static void sink_le(sink *s, uint64_t value, size_t bytes)
{
    unsigned char b[8];
    size_t i;
    for (i = 0; i < bytes; i++) b[i] = (unsigned char)(value >> (8 * i));
    sink_put(s, b, bytes);
}

static uint64_t read_le(const unsigned char *p, size_t bytes)
{
    uint64_t value = 0;
    while (bytes > 0) value = value << 8 | p[--bytes];
    return value;
}

/* CRC-32 of IEEE 802.3, as zlib, ZIP and most bootloaders compute it: a nibble at a time, as a microcontroller would. */
static uint32_t crc32_add(uint32_t crc, const unsigned char *data, size_t bytes)
{
    static const uint32_t table[16] = { 0, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u, 0x4DB26158u, 0x5005713Cu,
                                        0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu, 0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu };
    size_t i;
    crc = ~crc;
    for (i = 0; i < bytes; i++) {
        crc ^= data[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

/* ---- names in C ---- */

/* Identifiers that are taken, as digests: two that have one digest by chance only make a number be put behind one of them. */
typedef struct claims { uint64_t *slots; uint32_t *next; size_t room; } claims;

/* Room for this many tensors. 0: no memory. */
static int claims_begin(smash_ctx *ctx, smash_arena *arena, claims *c, size_t tensors)
{
    c->room = 4096;
    while (c->room / 64 < tensors && c->room <= SIZE_MAX / 4) c->room *= 2;
    c->slots = (uint64_t *)smash_arena_array(ctx, arena, c->room, sizeof(*c->slots));
    c->next = c->slots ? (uint32_t *)smash_arena_array(ctx, arena, c->room, sizeof(*c->next)) : NULL;
    if (!c->next) return 0;
    memset(c->slots, 0, c->room * sizeof(*c->slots));
    memset(c->next, 0, c->room * sizeof(*c->next));
    return 1;
}

/* The slot of this name, or the empty one that it would get. */
static size_t claims_find(const claims *c, const char *name, const char *suffix, uint64_t *digest)
{
    smash_digest d;
    size_t at;
    smash_digest_init(&d);
    smash_digest_add(&d, name, strlen(name));
    smash_digest_add(&d, suffix, strlen(suffix));
    *digest = smash_digest_end(&d);
    if (*digest == 0) *digest = 1;
    for (at = (size_t)*digest & (c->room - 1); c->slots[at] && c->slots[at] != *digest; at = (at + 1) & (c->room - 1)) { }
    return at;
}

static int is_claimed(const claims *c, const char *name, const char *suffix) { uint64_t d; return c->slots[claims_find(c, name, suffix, &d)] != 0; }

static void claim(claims *c, const char *name, const char *suffix)
{
    uint64_t d;
    size_t at = claims_find(c, name, suffix, &d);
    c->slots[at] = d;
}

/* All that is declared for a tensor of this identifier: its parts, and these. */
static const char *const id_suffixes[] = { "_multiplier_count", "_input_zero", "_output_zero", "_low", "_high", "_accumulator_bound", "_crc32", "_rank", "_count",
                                           "_scale_count", "_dim0", "_dim1", "_dim2", "_dim3", "_dim4", "_dim5", "_dim6", "_dim7" };
enum { ID_SUFFIXES = PARTS + sizeof(id_suffixes) / sizeof(id_suffixes[0]), ID_BYTES = 200, PREFIX_BYTES = 60 };

static const char *id_suffix(uint32_t i) { return i < PARTS ? part_suffixes[i] : id_suffixes[i - PARTS]; }

static int is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

/* PREFIX_ and the name, in which everything but letters and digits becomes one _; a number is put behind what is taken. As a prefix comes
 * first, no keyword can come out. NULL: no memory. */
static const char *c_identifier(smash_ctx *ctx, smash_arena *arena, claims *c, const char *prefix, const char *name)
{
    char text[PREFIX_BYTES + ID_BYTES + 32], *copy;
    size_t n = (size_t)sprintf(text, "%.*s_", PREFIX_BYTES, prefix), base = n, end, at;
    uint32_t k = 1, i;
    uint64_t digest;

    for (; *name && n < base + ID_BYTES; name++) {
        if (is_word(*name)) text[n++] = *name;
        else if (text[n - 1] != '_') text[n++] = '_';
    }
    while (n > base && text[n - 1] == '_') n--;
    if (n == base) text[n++] = 'x';
    text[n] = 0;
    end = n;
    at = claims_find(c, text, "", &digest);
    if (c->next[at]) k = c->next[at];
    for (;; k++) {
        if (k > 1) n = end + (size_t)sprintf(text + end, "_%lu", (unsigned long)k);
        for (i = 0; i < ID_SUFFIXES && !is_claimed(c, text, id_suffix(i)); i++) { }
        if (i == ID_SUFFIXES) break;
    }
    for (i = 0; i < ID_SUFFIXES; i++) claim(c, text, id_suffix(i));
    c->next[at] = k + 1;
    if ((copy = (char *)smash_arena_alloc(ctx, arena, n + 1)) == NULL) return NULL;
    memcpy(copy, text, n + 1);
    return copy;
}

/* NULL: good; else what is wrong with it. */
static const char *bad_prefix(const char *prefix)
{
    size_t i, n = strlen(prefix);
    if (n == 0 || n > PREFIX_BYTES) return "has 1 to 60 characters";
    if ((prefix[0] >= '0' && prefix[0] <= '9') || prefix[0] == '_') return "begins with a letter";
    for (i = 0; i < n; i++) if (!is_word(prefix[i]) && prefix[i] != '_') return "holds letters, digits and _ only";
    return prefix[n - 1] == '_' || strstr(prefix, "__") ? "has no __ in it and no _ at its end" : NULL;
}

/* ---- numbers in C ---- */

/* A double with at most so many digits, with a point or an exponent, as C reads it: 9 digits are enough for every float. */
static size_t c_decimal(double x, int digits, char *out)
{
    char text[SMASH_NUMBER_BYTES], d[32];
    const char *p = text;
    size_t n = 0;
    int count = 0, exponent = 0, seen = 0, said = 0, i, sign = 1;          /* 0.d[0]d[1]... * 10^exponent */

    smash_number_print(x, text);
    if (*p == '-') { out[n++] = '-'; p++; }
    for (; *p && *p != 'e'; p++) {
        if (*p == '.') { seen = 1; continue; }
        if (count > 0 || *p != '0') { d[count++] = *p; exponent += !seen; }
        else if (seen) exponent--;
    }
    if (*p == 'e') {
        p++;
        if (*p == '-') sign = -1;
        if (*p == '-' || *p == '+') p++;
        for (; *p; p++) said = 10 * said + (*p - '0');
        exponent += sign * said;
    }
    if (count > digits) {
        int up = d[digits] >= '5';
        for (count = digits; up && count > 0; count--) {
            if (d[count - 1] != '9') { d[count - 1]++; break; }
        }
        if (count == 0) { d[0] = '1'; count = 1; exponent++; }
    }
    while (count > 0 && d[count - 1] == '0') count--;
    if (count == 0) { memcpy(out + n, "0.0", 4); return n + 3; }
    if (exponent > -4 && exponent <= 9) {
        if (exponent <= 0) out[n++] = '0';
        for (i = 0; i < exponent; i++) out[n++] = i < count ? d[i] : '0';
        out[n++] = '.';
        for (i = exponent; i < 0; i++) out[n++] = '0';
        for (i = exponent < 0 ? 0 : exponent; i < count; i++) out[n++] = d[i];
        if (count <= exponent) out[n++] = '0';
        out[n] = 0;
        return n;
    }
    out[n++] = d[0];
    out[n++] = '.';
    if (count == 1) out[n++] = '0';
    for (i = 1; i < count; i++) out[n++] = d[i];
    return n + (size_t)sprintf(out + n, "e%+03d", exponent - 1);
}

/* How numbers of a dtype stand in C: the element's bytes, its type, how it is written. */
typedef struct c_type { const char *type; unsigned bytes; char how; } c_type;      /* 'f'loat, 'd'ouble, 'i'nt, 'u'nsigned, 'x': bits */

static c_type c_type_of(smash_dtype dtype)
{
    static const c_type f32 = { "float", 4, 'f' }, f64 = { "double", 8, 'd' }, bits16 = { "uint16_t", 2, 'x' }, bits8 = { "uint8_t", 1, 'x' },
        i8 = { "int8_t", 1, 'i' }, u8 = { "uint8_t", 1, 'u' }, i16 = { "int16_t", 2, 'i' }, u16 = { "uint16_t", 2, 'u' }, i32 = { "int32_t", 4, 'i' },
        u32 = { "uint32_t", 4, 'u' }, i64 = { "int64_t", 8, 'i' }, u64 = { "uint64_t", 8, 'u' };
    switch (dtype) {
    case SMASH_F32: case SMASH_C64: return f32;
    case SMASH_F64: return f64;
    case SMASH_F16: case SMASH_BF16: return bits16;
    case SMASH_I8: return i8;
    case SMASH_U8: case SMASH_BOOL: return u8;
    case SMASH_I16: return i16;
    case SMASH_U16: return u16;
    case SMASH_I32: return i32;
    case SMASH_U32: return u32;
    case SMASH_I64: return i64;
    case SMASH_U64: return u64;
    default: return bits8;                                               /* packed integers, 8-bit floats and less */
    }
}

/* A number as a C constant; 0: it is NaN or Inf, which no constant says. */
static size_t c_number(c_type type, const unsigned char *p, char *out)
{
    static const char hex[] = "0123456789abcdef";
    const uint64_t u = read_le(p, type.bytes), sign = (uint64_t)1 << (8 * type.bytes - 1);
    const int negative = type.how == 'i' && (u & sign), lowest = negative && u == sign && type.bytes >= 4;
    uint64_t magnitude = negative ? (~u + 1) & (sign | (sign - 1)) : u;
    char digits[24];
    uint32_t bits;
    size_t n = 0, k = sizeof(digits);
    double d;
    float f;

    if (type.how == 'f') {
        bits = (uint32_t)u;
        memcpy(&f, &bits, sizeof(f));
        if ((bits >> 23 & 255) == 255) return 0;
        n = c_decimal((double)f, 9, out);
        out[n++] = 'f';
        return n;
    }
    if (type.how == 'd') {
        memcpy(&d, &u, sizeof(d));
        return (u >> 52 & 2047) == 2047 ? 0 : c_decimal(d, 17, out);
    }
    if (type.how == 'x') {
        out[n++] = '0';
        out[n++] = 'x';
        for (k = 2 * type.bytes; k > 0; k--) out[n++] = hex[u >> (4 * k - 4) & 15];
        return n;
    }
    magnitude -= (uint64_t)lowest;                                       /* C has no negative constants, so the lowest number is -largest - 1 */
    do digits[--k] = (char)('0' + magnitude % 10); while ((magnitude /= 10) != 0);
    if (type.bytes < 4) {
        if (negative) out[n++] = '-';
        memcpy(out + n, digits + k, sizeof(digits) - k);
        return n + sizeof(digits) - k;
    }
    return (size_t)sprintf(out, "%s%s%s%.*s%s%s%s", lowest ? "(" : "", negative ? "-" : "", type.bytes < 8 ? "" : type.how == 'i' ? "INT64_C(" : "UINT64_C(",
                           (int)(sizeof(digits) - k), digits + k, type.bytes == 8 ? ")" : "", type.bytes == 4 && type.how == 'u' ? "u" : "", lowest ? " - 1)" : "");
}

/* ---- the C header ---- */

/* The array of a part. NONE if all is well, else the index of the number that is not finite. */
static size_t c_array(sink *s, const export_part *part, const char *id, const char *suffix, const char *macro)
{
    const c_type type = c_type_of(part->dtype);
    const size_t count = part->bytes / type.bytes;
    char line[160], one[48];
    size_t i, n = 0, length;

    snprintf(line, sizeof line, "%s_ALIGN %s_CONST %s ", macro, macro, type.type);
    sink_text(s, line);
    sink_text(s, id);
    sink_text(s, suffix);
    sprintf(line, "[%" PRIu64 "] ", (uint64_t)count);
    sink_text(s, line);
    sink_text(s, macro);
    sink_text(s, "_SECTION = {\n");
    for (i = 0; i < count; i++) {
        if ((length = c_number(type, part->data + i * type.bytes, one)) == 0) return i;
        if (n > 0 && n + length + 2 > 100) { sink_put(s, line, n); sink_text(s, "\n"); n = 0; }
        if (n == 0) { memcpy(line, "   ", 3); n = 3; }
        line[n++] = ' ';
        memcpy(line + n, one, length);
        n += length;
        if (i + 1 < count) line[n++] = ',';
    }
    sink_put(s, line, n);
    sink_text(s, "\n};\n");
    return (size_t)SMASH_NONE;
}

/* A name in a comment: nothing in it can end the comment, or mean anything to a compiler. */
static void c_comment_name(sink *s, const char *name)
{
    size_t n;
    for (n = 0; name[n] && n < ID_BYTES; n++) sink_put(s, is_word(name[n]) || strchr("_.:-", name[n]) ? name + n : "~", 1);
    if (name[n]) sink_text(s, "...");
}

static void c_string(sink *s, const char *text)
{
    char one[8];
    sink_text(s, "\"");
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c < 32 || c > 126 || c == '"' || c == '\\' || c == '?') sprintf(one, "\\%03o", c);
        else { one[0] = *text; one[1] = 0; }
        sink_text(s, one);
    }
    sink_text(s, "\"");
}

/* " [3, 4]" */
static void c_shape(sink *s, uint32_t ndim, const size_t *shape, const char *open, const char *shut)
{
    char one[32];
    uint32_t i;
    sink_text(s, open);
    for (i = 0; i < ndim; i++) { sprintf(one, i ? ", %" PRIu64 : "%" PRIu64, (uint64_t)shape[i]); sink_text(s, one); }
    sink_text(s, shut);
}

/* Names that the header declares whatever the tensors are; %s is the prefix, and once more in capitals. */
static void c_claim_own(claims *c, const char *prefix, const char *macro)
{
    static const char *const own[] = { "_tensor", "_tensors", "_tensor_count", "_digest", "_single_rounding" };
    static const char *const macros[] = { "_ALIGN", "_SECTION", "_CONST", "_TABLE", "_H_INCLUDED" };
    char name[PREFIX_BYTES + 40];
    int i;
    for (i = 0; i < 5; i++) { sprintf(name, "%.60s%s", prefix, own[i]); claim(c, name, ""); }
    for (i = 0; i < 5; i++) { sprintf(name, "%.60s%s", macro, macros[i]); claim(c, name, ""); }
    for (i = 1; i < SMASH_DTYPE_COUNT; i++) { sprintf(name, "%.60s_%s", macro, smash_dtype_name((smash_dtype)i)); claim(c, name, ""); }
}

static void c_begin(sink *s, const char *prefix, const char *macro)
{
    char line[2048];
    sprintf(line,
        "/* Tensors of a model, made by `smash export --format c` " SMASH_VERSION_TEXT ". Include it in one .c or .cpp file: the arrays are static.\n"
        " * Define %s_ALIGN, %s_SECTION or %s_CONST before, where these do not fit; %s_TABLE for a table of all tensors.\n"
        " * A number x of a tensor with scales stands for (x - zero_point) * scale, zero_point 0 if there is none; tensor and scales have\n"
        " * the same number of dimensions, and what one scale is for is the quotient of their sizes. I4, U4, I2, U2: low bits first.\n"
        " * Beside weights whose inputs and outputs have scales: output = clamp(output_zero + sum * multiplier * 2^(shift - 31), low, high), rounded,\n"
        " * with sum = bias + weight * (input - input_zero); CMSIS-NN's input_offset is -input_zero. What its arm_vector_sum_s8 computes for\n"
        " * MVE is effective_bias = bias - input_zero * kernel_sum; older ones take kernel_sum.\n"
        " * F16, BF16 and less: bit patterns. crc32: as zlib's, over the array as little-endian bytes. Names: " "%s" "_ and the tensor's, where all\n"
        " * that is no letter or digit becomes one _, and what would be there twice ends in _2, _3 and so on, in the order of the file. */\n"
        "#ifndef %s_H_INCLUDED\n#define %s_H_INCLUDED\n#include <stdint.h>\n\n", macro, macro, macro, macro, prefix, macro, macro);
    sink_text(s, line);
    sprintf(line,
        "#ifndef %s_ALIGN\n"
        "#if defined(__GNUC__) || defined(__clang__)\n#define %s_ALIGN __attribute__((aligned(16)))\n"
        "#elif defined(_MSC_VER)\n#define %s_ALIGN __declspec(align(16))\n"
        "#elif defined(__cplusplus) && __cplusplus >= 201103L\n#define %s_ALIGN alignas(16)\n"
        "#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L\n#define %s_ALIGN _Alignas(16)\n"
        "#else\n#define %s_ALIGN\n#endif\n#endif\n"
        "#ifndef %s_SECTION\n#define %s_SECTION   /* __attribute__((section(\".weights\"))), PROGMEM ... */\n#endif\n"
        "#ifndef %s_CONST\n#define %s_CONST static const\n#endif\n", macro, macro, macro, macro, macro, macro, macro, macro, macro, macro);
    sink_text(s, line);
}

static size_t c_float(float x, char *out)
{
    static const c_type f32 = { "float", 4, 'f' };
    unsigned char b[4];
    uint32_t bits;
    int i;
    memcpy(&bits, &x, sizeof(bits));
    for (i = 0; i < 4; i++) b[i] = (unsigned char)(bits >> (8 * i));
    return c_number(f32, b, out);
}

/* The layer of a weight, in words. */
static void c_layer(sink *s, const export_layer *l)
{
    const export_activation *const ends[2] = { &l->input, &l->output };
    char line[160], number[48];
    int i;
    for (i = 0; i < 2 && ends[i]->is_known; i++) {
        number[c_float(ends[i]->scale, number)] = 0;
        sprintf(line, "%s %sint%u, (q %c %d) * %s", i ? "; output" : "/* Input", ends[i]->is_unsigned ? "u" : "", (unsigned)ends[i]->bits, ends[i]->zero < 0 ? '+' : '-',
                abs((int)ends[i]->zero), number);
        sink_text(s, line);
    }
    if (i == 0) return;
    if (i == 2) { sprintf(line, ", clamped to %d..%d", (int)l->low, (int)l->high); sink_text(s, line); }
    sprintf(line, ".\n * No sum can get beyond %" PRId64 ", in channel %" PRIu64 ": an accumulator of %s. */\n", l->worst.bound, (uint64_t)l->worst.channel,
            l->worst.bound >> 31 == 0 ? "32 bits never overflows" : l->worst.fits ? "48 bits never overflows, one of 32 may" : "32 bits MAY OVERFLOW");
    sink_text(s, line);
}

/* A tensor: what it is, and its arrays. NONE if all is well, else the index of the number that is not finite, in *bad_part. */
static size_t c_tensor(sink *s, export_tensor *t, const char *macro, int *bad_part)
{
    const export_part *scale = &t->part[PART_SCALE];
    size_t block[SMASH_MAX_DIMS], bad;
    char line[96];
    uint32_t i;
    int k;

    sink_text(s, "\n/* ");
    c_comment_name(s, t->name);
    sink_text(s, ": ");
    c_comment_name(s, t->type);
    sink_text(s, ", ");
    sink_text(s, smash_dtype_name(t->dtype));
    c_shape(s, t->part[PART_DATA].ndim, t->part[PART_DATA].shape, " [", "]");
    if (t->layout) { sink_text(s, " "); sink_text(s, t->layout); }
    if (scale->dtype) {
        for (i = 0; i < scale->ndim; i++) block[i] = scale->shape[i] ? t->part[PART_DATA].shape[i] / scale->shape[i] : 0;
        c_shape(s, scale->ndim, block, ", a scale for each [", "]");
    }
    sprintf(line, ", %" PRIu64 " byte%s */\n", (uint64_t)t->part[PART_DATA].bytes, t->part[PART_DATA].bytes == 1 ? "" : "s");
    sink_text(s, line);
    c_layer(s, &t->layer);
    for (k = 0; k < PARTS; k++) {
        if (!t->part[k].dtype || t->part[k].bytes == 0) continue;
        bad = c_array(s, &t->part[k], t->id, part_suffixes[k], macro);
        if (bad != (size_t)SMASH_NONE) { *bad_part = k; return bad; }
    }
    sink_text(s, macro);
    sink_text(s, "_CONST uint32_t ");
    sink_text(s, t->id);
    sprintf(line, "_crc32 = 0x%08lxu;\n", (unsigned long)t->part[PART_DATA].crc);
    sink_text(s, line);
    return (size_t)SMASH_NONE;
}

static void c_pointer(sink *s, const export_tensor *t, int part)
{
    if (!t->part[part].dtype || t->part[part].bytes == 0) { sink_text(s, "0, "); return; }
    sink_text(s, t->id);
    sink_text(s, part_suffixes[part]);
    sink_text(s, ", ");
}

static void c_table_layer(sink *s, const export_tensor *t)
{
    const export_layer *l = &t->layer;
    char line[120], in[48], out[48];
    in[c_float(l->input.scale, in)] = out[c_float(l->output.scale, out)] = 0;
    sprintf(line, "%" PRIu64 ", %d, %d, %d, %d, ", (uint64_t)t->part[PART_MULTIPLIER].count, (int)l->input.zero, (int)l->output.zero, (int)l->low, (int)l->high);
    sink_text(s, line);
    sprintf(line, "%s, %s, INT64_C(%" PRId64 ")", in, out, l->worst.bound);
    sink_text(s, line);
}

/* Sizes as constants, the table, and the end. */
static void c_end(sink *s, const export_tensor *tensors, size_t count, const char *prefix, const char *macro, int form, uint64_t digest)
{
    unsigned char used[SMASH_DTYPE_COUNT];
    char line[1536];
    int layers = 0;
    size_t i;
    uint32_t k;

    memset(used, 0, sizeof(used));
    for (i = 0; i < count; i++) { used[tensors[i].dtype] = 1; layers |= tensors[i].part[PART_MULTIPLIER].dtype != SMASH_DTYPE_NONE; }
    sink_text(s, "\n/* Sizes, zero points, clamps and bounds; dtypes, numbered as in smash.h. */\nenum {\n");
    if (layers) { sprintf(line, "    %s_single_rounding = %d,               /* how multipliers are meant: 0 rounds twice, the default of TFLite Micro and CMSIS-NN */\n", prefix, form); sink_text(s, line); }
    for (i = 1; i < SMASH_DTYPE_COUNT; i++) {
        if (!used[i]) continue;
        sprintf(line, "    %s_%s = %d,\n", macro, smash_dtype_name((smash_dtype)i), (int)i);
        sink_text(s, line);
    }
    for (i = 0; i < count; i++) {
        const export_part *data = &tensors[i].part[PART_DATA], *scale = &tensors[i].part[PART_SCALE];
        const char *id = tensors[i].id;
        sprintf(line, "    %s_count = %" PRIu64 ", %s_rank = %u", id, (uint64_t)data->count, id, (unsigned)data->ndim);
        sink_text(s, line);
        for (k = 0; k < data->ndim; k++) { sprintf(line, ", %s_dim%u = %" PRIu64, id, (unsigned)k, (uint64_t)data->shape[k]); sink_text(s, line); }
        if (scale->dtype) { sprintf(line, ", %s_scale_count = %" PRIu64, id, (uint64_t)scale->count); sink_text(s, line); }
        sink_text(s, ",\n");
        if (tensors[i].layer.input.is_known) {
            const export_layer *l = &tensors[i].layer;
            sprintf(line, "    %s_input_zero = %d,\n", id, (int)l->input.zero);
            sink_text(s, line);
            if (l->worst.bound >> 31 == 0) { sprintf(line, "    %s_accumulator_bound = %" PRId64 ",\n", id, l->worst.bound); sink_text(s, line); }
            if (l->output.is_known) {
                sprintf(line, "    %s_output_zero = %d, %s_low = %d, %s_high = %d, %s_multiplier_count = %" PRIu64 ",\n", id, (int)l->output.zero, id, (int)l->low,
                        id, (int)l->high, id, (uint64_t)tensors[i].part[PART_MULTIPLIER].count);
                sink_text(s, line);
            }
        }
    }
    sprintf(line, "    %s_tensor_count = %" PRIu64 "\n};\n\n", prefix, (uint64_t)count);
    sink_text(s, line);
    sprintf(line, "/* XXH64 of all arrays above, in their order, as little-endian bytes. */\n%s_CONST uint64_t %s_digest = UINT64_C(0x%08lx%08lx);\n", macro, prefix,
            (unsigned long)(digest >> 32), (unsigned long)(digest & 0xFFFFFFFFu));
    sink_text(s, line);
    if (count > 0) {
        sprintf(line, "\n#if defined(%s_TABLE)\n"
                      "typedef struct %s_tensor {\n"
                      "    const char *name;                    /* as in the model */\n"
                      "    const void *data;                    /* 0: it has no numbers */\n"
                      "    const float *scale;                  /* 0: it is not quantized */\n"
                      "    const int32_t *zero_point;           /* one for each scale; 0: all are zero */\n", macro, prefix);
        sink_text(s, line);
        sprintf(line, "    const int32_t *multiplier, *shift;   /* weights between an input and an output of known scales, else 0 */\n"
                      "    const int32_t *kernel_sum;           /* int8 weights of Linear: the sum of each row; 0: others */\n"
                      "    const int32_t *effective_bias;       /* bias - input_zero * kernel_sum */\n"
                      "    uint32_t dtype, bytes, crc32, rank, shape[8], scale_shape[8], multiplier_count;\n"
                      "    int32_t input_zero, output_zero, low, high;\n"
                      "    float input_scale, output_scale;     /* 0: not known */\n"
                      "    int64_t accumulator_bound;           /* no sum can get beyond it; 0: not known */\n"
                      "} %s_tensor;\n\n"
                      "%s_CONST %s_tensor %s_tensors[%s_tensor_count] = {\n", prefix, macro, prefix, prefix, prefix);
        sink_text(s, line);
        for (i = 0; i < count; i++) {
            const export_tensor *t = &tensors[i];
            static const size_t none = 0;
            sink_text(s, "    { ");
            c_string(s, t->name);
            sink_text(s, ",\n      ");
            for (k = 0; k < PARTS; k++) c_pointer(s, t, (int)k);
            sprintf(line, "%s_%s, %" PRIu64 ", 0x%08lxu, %u, ", macro, smash_dtype_name(t->dtype), (uint64_t)t->part[PART_DATA].bytes, (unsigned long)t->part[PART_DATA].crc,
                    (unsigned)t->part[PART_DATA].ndim);
            sink_text(s, line);
            if (t->part[PART_DATA].ndim) c_shape(s, t->part[PART_DATA].ndim, t->part[PART_DATA].shape, "{ ", " }, "); else c_shape(s, 1, &none, "{ ", " }, ");
            if (t->part[PART_SCALE].ndim) c_shape(s, t->part[PART_SCALE].ndim, t->part[PART_SCALE].shape, "{ ", " }, "); else c_shape(s, 1, &none, "{ ", " }, ");
            c_table_layer(s, t);
            sink_text(s, i + 1 < count ? " },\n" : " }\n};\n");
        }
        sink_text(s, "#endif\n");
    }
    sink_text(s, "\n#endif\n");
    sink_flush(s);
    digest = smash_digest_end(&s->digest);
    sprintf(line, "/* XXH64 of all lines above this one: %08lx%08lx */\n", (unsigned long)(digest >> 32), (unsigned long)(digest & 0xFFFFFFFFu));
    sink_text(s, line);
}

/* ---- NumPy ---- */

/* The dtype as NumPy calls it; NULL: there is none, and no array of bytes can stand for it. */
static const char *npy_descr(smash_dtype dtype)
{
    switch (dtype) {
    case SMASH_F32: return "<f4";
    case SMASH_F64: return "<f8";
    case SMASH_F16: return "<f2";
    case SMASH_BF16: case SMASH_U16: return "<u2";
    case SMASH_I8: return "|i1";
    case SMASH_U8: case SMASH_F8_E4M3: case SMASH_F8_E5M2: case SMASH_F8_E8M0: case SMASH_F8_E4M3FNUZ: case SMASH_F8_E5M2FNUZ: return "|u1";
    case SMASH_I16: return "<i2";
    case SMASH_I32: return "<i4";
    case SMASH_U32: return "<u4";
    case SMASH_I64: return "<i8";
    case SMASH_U64: return "<u8";
    case SMASH_BOOL: return "|b1";
    case SMASH_C64: return "<c8";
    default: return NULL;
    }
}

/* The header of a .npy file, format 1.0: 64 bytes times a whole number. Returns its length. */
static size_t npy_header(const export_part *part, char out[512])
{
    size_t n = 10, whole;
    uint32_t i;
    n += (size_t)sprintf(out + n, "{'descr': '%s', 'fortran_order': False, 'shape': (", npy_descr(part->dtype));
    for (i = 0; i < part->ndim; i++) n += (size_t)sprintf(out + n, i ? ", %" PRIu64 : "%" PRIu64, (uint64_t)part->shape[i]);
    n += (size_t)sprintf(out + n, part->ndim == 1 ? ",), }" : "), }");
    whole = (n + 1 + 63) / 64 * 64;
    memset(out + n, ' ', whole - n);
    out[whole - 1] = '\n';
    memcpy(out, "\x93NUMPY\1\0", 8);
    out[8] = (char)((whole - 10) & 255);
    out[9] = (char)((whole - 10) >> 8);
    return whole;
}

enum { MEMBER_BYTES = 4000 };

/* 0: this name can stand in an archive, on every system: no way out of a folder, nothing a shell or file system reads otherwise. */
static int bad_member(const char *name)
{
    const char *part = name;
    size_t n;
    for (n = 0; name[n]; n++) if ((unsigned char)name[n] < 32 || name[n] == 127 || name[n] == '\\' || (n == 1 && name[n] == ':')) return 1;
    if (n > MEMBER_BYTES) return 1;
    for (;; part += n + 1) {
        n = strcspn(part, "/");
        if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.')) return 1;
        if (!part[n]) return 0;
    }
}

/* What the entry before a member and that in the list at the end have in common. */
static void zip_entry(sink *s, const export_part *part, size_t name_bytes, size_t extra_bytes)
{
    sink_le(s, 10, 2);                                                   /* version that is needed */
    sink_le(s, 0x0800, 2);                                               /* the name is UTF-8 */
    sink_le(s, 0, 4);                                                    /* stored; midnight */
    sink_le(s, 0x21, 2);                                                 /* of 1980-01-01, the first day there is */
    sink_le(s, part->member_crc, 4);
    sink_le(s, part->member_bytes, 4);
    sink_le(s, part->member_bytes, 4);
    sink_le(s, name_bytes, 2);
    sink_le(s, extra_bytes, 2);
}

/* One array of an archive without compression. The extra field moves what follows to a multiple of 64, so that it can be mapped. */
static void zip_member(sink *s, export_part *part, const char *name, const char *suffix)
{
    char head[512];
    const size_t head_bytes = npy_header(part, head), name_bytes = strlen(name) + strlen(suffix) + 4;
    const size_t extra = 6 + (size_t)((64 - (s->bytes + 30 + name_bytes + 6) % 64) % 64);
    part->offset = s->bytes;
    part->member_crc = crc32_add(crc32_add(0, (const unsigned char *)head, head_bytes), part->data, part->bytes);
    part->member_bytes = head_bytes + part->bytes;
    sink_le(s, 0x04034B50, 4);
    zip_entry(s, part, name_bytes, extra);
    sink_text(s, name);
    sink_text(s, suffix);
    sink_text(s, ".npy");
    sink_le(s, 0xD935, 2);                                               /* padding, as zipalign makes it */
    sink_le(s, extra - 4, 2);
    sink_le(s, 64, 2);
    sink_zeros(s, extra - 6);
    sink_put(s, head, head_bytes);
    sink_put(s, part->data, part->bytes);
}

/* The list of members, which a reader looks at first. 0: more than the format can say. */
static int zip_end(sink *s, const export_tensor *tensors, size_t count)
{
    const uint64_t start = s->bytes;
    uint64_t members = 0, bytes;
    size_t i;
    int k;
    for (i = 0; i < count; i++) {
        for (k = 0; k < PARTS; k++) {
            const export_part *part = &tensors[i].part[k];
            if (!part->dtype) continue;
            members++;
            sink_le(s, 0x02014B50, 4);
            sink_le(s, 20, 2);                                           /* made by version 2.0 on MS-DOS, which has no permissions */
            zip_entry(s, part, strlen(tensors[i].name) + strlen(part_suffixes[k]) + 4, 0);
            sink_zeros(s, 10);                                           /* comment, disk, attributes */
            sink_le(s, part->offset, 4);
            sink_text(s, tensors[i].name);
            sink_text(s, part_suffixes[k]);
            sink_text(s, ".npy");
        }
    }
    bytes = s->bytes - start;
    if (members > 65535 || s->bytes > 0xFFFFFFFFu) return 0;
    sink_le(s, 0x06054B50, 4);
    sink_zeros(s, 4);
    sink_le(s, members, 2);
    sink_le(s, members, 2);
    sink_le(s, bytes, 4);
    sink_le(s, start, 4);
    sink_zeros(s, 2);
    return 1;
}

#endif
