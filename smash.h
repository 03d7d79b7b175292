/* smash.h - v0.1.0 - neural networks made smaller, in one C file - MIT or public domain

   Prunes weights, quantizes them to integers, and writes files that are really smaller. The same model and config
   give the same bytes on every compiler, CPU, thread count and SIMD path.

   DO THIS
       #define SMASH_IMPLEMENTATION      in exactly one .c file, before
       #include "smash.h"                and in every other file just this line.
   C99, and C++17 as it stands. No dependency but the C library, and even that is optional. Not with -ffast-math.

   A PROGRAM
       #define SMASH_IMPLEMENTATION
       #include "smash.h"
       #include <stdio.h>

       int main(void)
       {
           static float weights[4][3] = { { 1, -2, 3 }, { 0.1f, 0.2f, -0.1f }, { 4, 5, -6 }, { 0.5f, 0, 0.25f } };
           static const size_t shape[2] = { 4, 3 }, rows[2] = { 4, 1 };
           static unsigned char keep[4];  static int8_t q[4][3];  static float scales[4];  static int32_t zeros[4];
           static unsigned char memory[8192];
           smash_ctx ctx;
           smash_tensor w = smash_tensor_view(SMASH_F32, weights, sizeof weights, 2, shape), w8 = smash_tensor_view(SMASH_I8, q, sizeof q, 2, shape);
           smash_tensor mask = smash_tensor_view(SMASH_BOOL, keep, sizeof keep, 2, rows);
           smash_tensor scale = smash_tensor_view(SMASH_F32, scales, sizeof scales, 2, rows), zero = smash_tensor_view(SMASH_I32, zeros, sizeof zeros, 2, rows);
           smash_mask_desc prune = SMASH_ZERO;  smash_quant_desc quant = SMASH_ZERO;
           prune.ratio = 0.5;  prune.grain = quant.grain = smash_grain_out_channel();     // half of the rows go; int8, a scale a row
           smash_ctx_init(&ctx);
           smash_arena_init(&ctx.scratch, memory, sizeof memory, NULL);
           if (smash_mask_make(&ctx, &prune, &w, &mask, NULL) || smash_mask_apply(&ctx, &prune.grain, &mask, &w) ||
               smash_quant_fit(&ctx, &quant, &w, &scale, &zero) || smash_quantize(&ctx, &quant, &w, &scale, &zero, &w8)) { puts(ctx.message); return 1; }
           printf("keep %d %d %d %d, row 2: %d %d %d\n", keep[0], keep[1], keep[2], keep[3], q[2][0], q[2][1], q[2][2]);
           return 0;                                                     // keep 1 0 1 0, row 2: 85 106 -127
       }

   CONTENTS (search for the tag)
       >>core      errors, ctx, arena, rounding, exp/log/tanh/sqrt, digest, random
       >>tensor    views, dtypes, conversion, distance, granularity
       >>mask      pruning: metric, allocation, align, apply
       >>quant     integer grids: range, quantize, dequantize, error
       >>value     JSON in and out, exact numbers
       >>select    regular expressions in linear time, globs, which modules an entry means
       >>model     modules and their tensors
       >>io        safetensors through callbacks or from memory
       >>config    the config dictionary, the registry of algorithms, one row per target
       >>algo      the algorithms, smash(), saving and loading, the report
       >>selftest  one digest that is the same on every machine
       >>impl      the implementation: >>core-impl >>tensor-impl ... in the same order
   The first four are layer 0: no heap, no stdio, no libm, no JSON. The firmware build takes only these.

   OPTIONS (0 or 1, default 0, the same in every file)
       SMASH_STATIC        every function is private to the file that includes
       SMASH_ONLY_LAYER0   core, tensor, mask and quant only: 51,200 bytes of code on Cortex-M4 (-Os), less what the linker drops
       SMASH_NO_STDLIB     no <string.h>, no <stdlib.h>. Compilers call memcpy and memset all the same: without a C library supply
                           them (tests/firmware/mem.c), and link libgcc
       SMASH_NO_STDIO      no <stdio.h>
       SMASH_NO_MESSAGES   codes, indexes and sizes, but no sentences: 8,400 bytes less in layer 0
       SMASH_NO_SIMD       scalar code only; the results are the same bytes
       SMASH_NO_DOUBLE     no double arithmetic, for FPUs that have only float: no F64, and nothing that sums (scores, errors),
                           so masks are made and checked on the host, quantized and applied here; layers 1 to 3 go, too
       SMASH_NO_MASK _QUANT _VALUE _SELECT _MODEL _IO _CONFIG _ALGO    without that section and those that stand on it
       SMASH_NO_SELFTEST   without smash_selftest; _ONLY_LAYER0 and _NO_DOUBLE leave it out, too, unless this is set to 0
       SMASH_API           what stands before every declaration (default: extern)

   MEMORY   Nothing is allocated that you did not hand over: outputs are your buffers, temporaries come from ctx.scratch, which
   every call gives back; longer-lived things (a parsed config, a model) go into an arena you name. An arena is a buffer, an
   allocator, or both; its `peak` says how much was needed. No function of layer 0 has a frame of
   512 bytes on Cortex-M, none of the others one of 2 KB on a 64-bit machine; 3 KB of stack carry the whole layer 0 self test.
   ERRORS   smash_err, 0 is success. ctx keeps the first failure: code, sentence, function, index, missing bytes. Arguments are
   checked before the first write, so a refused call leaves its outputs alone; the one exception is NONFINITE from a
   single-pass kernel, whose output is then unspecified but in bounds. No assert, abort, exit, errno or output. ctx may be NULL:
   the message is lost, and calls that need scratch answer NOMEM. Pointers that are not called opt must be valid. Every call
   that takes tensors also answers DEVICE for one that lies on a GPU.
   COMMENTS name each function's arguments (in, out, io = both, opt = may be NULL; ctx and desc always may: a NULL desc is the
   zeroed one), what it needs (memory from elsewhere, time; "nothing" = O(1) and none), what of it is exact (the same bits on every
   machine) and how it fails (codes without SMASH_ERR_, with what ctx->index or ctx->need says of them).
   THREADS  No globals. One ctx per thread; a ctx may bring a parallel_for, and the results stay the same bytes.
   NUMBERS  Integers that are stored are bit-identical everywhere, and so are losses and errors. Sums run in double over exact
   products in a fixed order; rounding is done on bits; no libm result is used; among equal scores the lower index goes first.
   TRUST    smash_json_parse, smash_safetensors_read, smash_load, masks_in of smash and smash_run, smash_regex_compile and _match, smash_glob_match, smash_config_load
   and _set_text take bytes from strangers: every length, offset, count and depth is checked, and time is linear in the input, but
   for n log n where names are sorted; a pattern makes at most 100,000 states, and matching takes pattern x text.
   smash_config_resolve takes entries x modules, and what smash_load runs again its own time. All others trust their caller's pointers and check shapes, sizes, dtypes and alignment.
   LIMITS   8 dims, 256 config keys, 32 levels of JSON, 100 MB of safetensors header; block sizes must divide the shape.

   SMASH.H DOES NOT run networks, train them, read ONNX or GGUF, or cut pruned channels out of the file: pruned tensors hold
   zeros. It knows weights only: inputs, outputs and biases stay float until ranges of real data are known.

   VERSIONS
       0.1.0  2026-11-21  first: level, l1_norm, l2_norm, fpgm, ptq; safetensors; the smash command

   The full license is at the end of this file. */
#ifndef SMASH_H
#define SMASH_H

#define SMASH_VERSION_MAJOR 0
#define SMASH_VERSION_MINOR 1
#define SMASH_VERSION_PATCH 0
#define SMASH_VERSION (SMASH_VERSION_MAJOR * 10000 + SMASH_VERSION_MINOR * 100 + SMASH_VERSION_PATCH)
#define SMASH_VERSION_TEXT "0.1.0"
#define SMASH_FORMAT_VERSION 1      /* of the files that are written: models, configs, reports */

#include <stddef.h>
#include <stdint.h>

/* ---- options: each is 0 or 1, default 0; define before every include, the same everywhere ---- */
#ifndef SMASH_STATIC
#define SMASH_STATIC 0        /* 1: every function is static inline, private to the file that includes */
#endif
#ifndef SMASH_ONLY_LAYER0
#define SMASH_ONLY_LAYER0 0   /* 1: core, tensor, mask, quant and nothing else: the firmware build */
#endif
#ifndef SMASH_NO_STDLIB
#define SMASH_NO_STDLIB 0     /* 1: no <string.h>, no <stdlib.h>: no smash_allocator_libc() */
#endif
#ifndef SMASH_NO_STDIO
#define SMASH_NO_STDIO 0      /* 1: no <stdio.h>: no smash_io_file() */
#endif
#ifndef SMASH_NO_MESSAGES
#define SMASH_NO_MESSAGES 0   /* 1: error codes, indexes and sizes only; ctx->message stays empty */
#endif
#ifndef SMASH_NO_SIMD
#define SMASH_NO_SIMD 0       /* 1: scalar code only; the results are the same bytes */
#endif
#ifndef SMASH_NO_DOUBLE
#define SMASH_NO_DOUBLE 0     /* 1: no double arithmetic and no F64 tensors: what is left of layer 0 is quantize, dequantize, masks applied */
#endif
#ifndef SMASH_NO_MASK
#define SMASH_NO_MASK 0
#endif
#ifndef SMASH_NO_QUANT
#define SMASH_NO_QUANT 0
#endif
#ifndef SMASH_NO_VALUE
#define SMASH_NO_VALUE (SMASH_ONLY_LAYER0 || SMASH_NO_DOUBLE)
#endif
#ifndef SMASH_NO_SELECT
#define SMASH_NO_SELECT (SMASH_ONLY_LAYER0 || SMASH_NO_DOUBLE)
#endif
#ifndef SMASH_NO_MODEL
#define SMASH_NO_MODEL (SMASH_ONLY_LAYER0 || SMASH_NO_DOUBLE)
#endif
#ifndef SMASH_NO_IO           /* io stands on value and model */
#define SMASH_NO_IO (SMASH_NO_VALUE || SMASH_NO_MODEL)
#endif
#ifndef SMASH_NO_CONFIG       /* config stands on mask, quant, value, select and model */
#define SMASH_NO_CONFIG (SMASH_NO_MASK || SMASH_NO_QUANT || SMASH_NO_VALUE || SMASH_NO_SELECT || SMASH_NO_MODEL)
#endif
#ifndef SMASH_NO_ALGO         /* algo stands on config and io */
#define SMASH_NO_ALGO (SMASH_NO_CONFIG || SMASH_NO_IO)
#endif
#ifndef SMASH_NO_SELFTEST     /* the firmware build leaves it out unless you set it to 0 */
#define SMASH_NO_SELFTEST (SMASH_ONLY_LAYER0 || SMASH_NO_DOUBLE)
#endif
#if SMASH_NO_DOUBLE && !SMASH_NO_VALUE
#error "SMASH_NO_DOUBLE leaves out the value section, whose numbers are doubles, and all that stands on it: do not set SMASH_NO_VALUE to 0."
#endif

#ifndef SMASH_API
#if SMASH_STATIC && (defined(__GNUC__) || defined(__clang__))
#define SMASH_API static inline __attribute__((unused))
#elif SMASH_STATIC
#define SMASH_API static inline
#else
#define SMASH_API extern
#endif
#endif

/* Zeroes a desc, which makes it the documented default: `smash_mask_desc d = SMASH_ZERO;` */
#ifdef __cplusplus
#define SMASH_ZERO {}
extern "C" {
#else
#define SMASH_ZERO {0}
#endif

/*==================================================================================================
 * MARK: - Core                                                                              >>core
 * Errors, memory, exact rounding, digest. The one idea: a call checks everything, then commits; what
 * goes wrong is a code, a sentence, a place and a number in a ctx that the caller owns.
 *================================================================================================*/

/* 0 is success; the numbers are never changed, so they can be stored and compared. */
typedef enum smash_err {
    SMASH_OK              =   0,
    SMASH_ERR_ARG         =  -1,   /* a pointer, count or desc that makes no sense: a bug in the caller */
    SMASH_ERR_DTYPE       =  -2,   /* this dtype is not taken here */
    SMASH_ERR_SHAPE       =  -3,   /* shapes that do not fit each other or the granularity */
    SMASH_ERR_RANGE       =  -4,   /* a number outside what is legal */
    SMASH_ERR_NONFINITE   =  -5,   /* NaN or Inf in the data; ctx->index says where */
    SMASH_ERR_NOMEM       =  -6,   /* scratch or arena too small; ctx->need says how many bytes more */
    SMASH_ERR_OVERFLOW    =  -7,   /* a product of sizes does not fit size_t */
    SMASH_ERR_SYNTAX      =  -8,   /* text that is not JSON, or not a regular expression */
    SMASH_ERR_FORMAT      =  -9,   /* a model file that breaks a rule of its format */
    SMASH_ERR_LIMIT       = -10,   /* deeper, longer or more than the limit allows */
    SMASH_ERR_UNSUPPORTED = -11,   /* understood, and not done by this version */
    SMASH_ERR_CONFIG      = -12,   /* the config is invalid; every mistake is in the list of diagnostics */
    SMASH_ERR_NOTFOUND    = -13,   /* no such name */
    SMASH_ERR_IO          = -14,   /* a read or write callback failed */
    SMASH_ERR_VERSION     = -15,   /* object or file of another version of smash */
    SMASH_ERR_DEVICE      = -16    /* a device tensor where a host tensor is needed, or a device failure */
} smash_err;

/* Memory the caller lends. Every call gets the size it asked for back on release, so pools
 * and arenas plug in directly. alloc and resize return NULL when there is no more. */
typedef struct smash_allocator {
    void *(*alloc)(void *user, size_t bytes, size_t align);
    void *(*resize)(void *user, void *p, size_t old_bytes, size_t new_bytes, size_t align);   /* may be NULL */
    void  (*release)(void *user, void *p, size_t bytes);
    void   *user;
} smash_allocator;

/* A bump arena: first the caller's buffer, then, if there is an allocator, blocks from it. `peak` is the
 * most that was ever in use, so a firmware author knows how large a static buffer to declare. */
typedef struct smash_arena {
    unsigned char         *base;       /* the caller's buffer; may be NULL */
    size_t                 bytes;      /* its size */
    size_t                 used;       /* bytes taken from the current block */
    size_t                 peak;       /* high-water mark of everything in use */
    size_t                 outside;    /* bytes in use in finished blocks */
    const smash_allocator *allocator;  /* may be NULL: then the buffer is all there is */
    void                  *block;      /* newest allocator block; NULL while in the caller's buffer */
} smash_arena;

typedef struct smash_arena_mark { void *block; size_t used, outside; } smash_arena_mark;

/* Runs fn(arg, 0) .. fn(arg, count - 1) in any order on any threads, and returns when all are done. */
typedef void (*smash_parallel_fn)(void *user, size_t count, void (*fn)(void *arg, size_t index), void *arg);

enum { SMASH_MESSAGE_BYTES = 256 };

/* One per thread at work. Keeps the first failure until smash_ctx_reset. */
typedef struct smash_ctx {
    uint32_t          version, size;                 /* set by smash_ctx_init; a stale object counts as no ctx at all */
    smash_arena       scratch;                       /* temporaries: every call returns it to its mark */
    smash_parallel_fn parallel;                      /* may be NULL: then one thread. Results never change */
    void             *parallel_user;
    uint32_t          no_simd;                       /* 1: scalar kernels, 2: no AVX-512; for tests. Results never change */
    smash_err         err;                           /* first failure */
    char              message[SMASH_MESSAGE_BYTES];  /* what, where, and what to do; always terminated */
    const char       *where;                         /* the function of this file that noticed, often a private one */
    size_t            index;                         /* element, byte or row, as the message says */
    size_t            need;                          /* NOMEM: bytes that were missing */
} smash_ctx;

/* Prepare a ctx without memory: calls that need scratch answer NOMEM until ctx->scratch is set.
 *   ctx  out  zeroed, version and size stamped; left alone if size is that of another version, and then it counts as no ctx
 *   needs nothing; exact everywhere; fails never */
#define smash_ctx_init(ctx) smash_ctx_init_version((ctx), SMASH_VERSION, sizeof(smash_ctx))
SMASH_API void smash_ctx_init_version(smash_ctx *ctx, uint32_t version, size_t size);

/* Forget the failure; keep memory, threads and flags.
 *   needs nothing; exact everywhere; fails never */
SMASH_API void smash_ctx_reset(smash_ctx *ctx);

/* For callbacks of yours: leave a sentence and return err. Only the first failure is kept.
 *   message  opt, in  copied, as much as fits     needs nothing; exact everywhere; fails  with err */
SMASH_API smash_err smash_ctx_fail(smash_ctx *ctx, smash_err err, const char *message);

/* "SMASH_ERR_SHAPE" for SMASH_ERR_SHAPE; "SMASH_ERR_?" for a number that is no code. Static text.
 *   needs nothing; exact everywhere; fails never */
SMASH_API const char *smash_err_name(smash_err err);

/* SMASH_VERSION of the implementation that was compiled, to compare with the header's.
 *   needs nothing; exact everywhere; fails never */
SMASH_API uint32_t smash_version(void);

/* Arena over a buffer, an allocator or both; with neither, every allocation is NOMEM.
 *   arena  out     buffer  opt  bytes long, any alignment     allocator  opt  must outlive the arena
 *   needs nothing; exact everywhere; fails never */
SMASH_API void smash_arena_init(smash_arena *arena, void *buffer, size_t bytes, const smash_allocator *allocator);

/* bytes from the arena, aligned to 16, not cleared; freed by a rewind or smash_arena_release.
 *   arena  io
 *   needs  at most one allocator call, for 64 KiB or more; O(1)
 *   exact  the bytes taken, for one alignment of the buffer
 *   fails  returns NULL: ARG (no arena) NOMEM(ctx->need) in ctx */
SMASH_API void *smash_arena_alloc(smash_ctx *ctx, smash_arena *arena, size_t bytes);

/* smash_arena_alloc for count objects of size bytes each, product checked.
 *   arena  io     needs, exact  as smash_arena_alloc     fails  returns NULL: ARG OVERFLOW NOMEM(ctx->need) in ctx */
SMASH_API void *smash_arena_array(smash_ctx *ctx, smash_arena *arena, size_t count, size_t size);

/* Remember the fill level; give everything taken since back. A mark dies with any earlier rewind.
 *   arena  io  the one the mark is of     needs nothing, O(blocks given back); exact everywhere; fails never */
SMASH_API smash_arena_mark smash_arena_get_mark(const smash_arena *arena);
SMASH_API void smash_arena_rewind(smash_arena *arena, smash_arena_mark mark);

/* Give every block back to the allocator and start over; keeps buffer, allocator and peak.
 *   arena  io     needs nothing, O(blocks); exact everywhere; fails never */
SMASH_API void smash_arena_release(smash_arena *arena);

#if !SMASH_NO_STDLIB
/* malloc, realloc and free as an allocator. Nothing uses it unless you pass it.
 *   needs nothing; exact everywhere; fails never */
SMASH_API const smash_allocator *smash_allocator_libc(void);
#endif

/* Nearest integer, ties to even (ONNX, PyTorch) or ties away from zero (TFLite, ncnn), from the bits:
 * no libm, no rounding mode, the same everywhere.
 *   x  |x| < 2^31 (float) or 2^63 (double); beyond that the nearest limit, for NaN 0
 *   needs nothing; exact everywhere; fails never */
SMASH_API int32_t smash_round_half_even(float x);
SMASH_API int32_t smash_round_half_away(float x);
SMASH_API int64_t smash_round_half_even_f64(double x);
SMASH_API int64_t smash_round_half_away_f64(double x);

/* 1 if x is neither NaN nor Inf; tested on the bits, so it survives every compiler flag.
 *   needs nothing; exact everywhere; fails never */
SMASH_API int smash_is_finite(float x);
SMASH_API int smash_is_finite_f64(double x);

#if !SMASH_NO_DOUBLE
/* e^x, natural logarithm, hyperbolic tangent, square root, without libm.
 *   exact  same bits everywhere (no product can be contracted); sqrt is correctly rounded
 *   error  exp, log: < 1 ulp; tanh: < 3 ulp, against the exact value
 *   edges  exp overflows to Inf and underflows to 0; log(0) = -Inf, log and sqrt of x < 0 = NaN; NaN gives the NaN 0x7FF8000000000000
 *   needs nothing; fails never
 *   from   polynomials of FreeBSD msun (Sun, 1993) */
SMASH_API double smash_exp(double x);
SMASH_API double smash_log(double x);
SMASH_API double smash_tanh(double x);
SMASH_API double smash_sqrt(double x);
#endif

/* 64-bit digest of a byte stream; equals XXH64 with seed 0, so `xxh64sum` checks it.
 *   d      out for init, io for add, in for end     data  in  bytes long, any alignment; may be NULL if bytes is 0
 *   needs nothing, O(bytes)
 *   exact  same on every byte order and alignment, however the stream is cut
 *   fails  never
 *   from   Yann Collet, XXH64 specification */
typedef struct smash_digest { uint64_t lane[4]; uint64_t total; unsigned char tail[32]; } smash_digest;
SMASH_API void smash_digest_init(smash_digest *d);
SMASH_API void smash_digest_add(smash_digest *d, const void *data, size_t bytes);
SMASH_API uint64_t smash_digest_end(const smash_digest *d);
SMASH_API uint64_t smash_digest_of(const void *data, size_t bytes);

/* Next number of a splitmix64 sequence; *rng is the whole state, any seed is good.
 *   rng    io     needs nothing; exact everywhere; fails never
 *   from   Steele, Lea, Flood 2014, doi:10.1145/2714064.2660195 */
SMASH_API uint64_t smash_random(uint64_t *rng);

/* What a reader of text has to say: all mistakes of a file at once, each with its place. */
typedef enum smash_severity { SMASH_WARNING = 0, SMASH_ERROR = 1 } smash_severity;
typedef struct smash_diag {
    const struct smash_diag *next;
    smash_severity severity;
    const char    *code;          /* stable snake_case name: "unknown_key" */
    const char    *message;       /* what is wrong, what is legal, what to do */
    const char    *file;          /* name of the source; may be NULL */
    uint32_t       line, column;  /* 1-based; 0 when the mistake has no place in a text */
} smash_diag;
typedef struct smash_diags {
    smash_arena      *arena;      /* messages are copied here */
    const smash_diag *first;
    smash_diag       *last;
    size_t            errors, warnings, dropped;   /* dropped: beyond max */
    size_t            max;        /* 0 = 256 */
} smash_diags;

/*==================================================================================================
 * MARK: - Tensor                                                                          >>tensor
 * A view on memory the caller owns: dtype, shape, capacity. The one idea: row-major and contiguous, so
 * "per channel along an axis" is outer x channel x inner, and every size can be checked on entry.
 *================================================================================================*/

typedef enum smash_dtype {
    SMASH_DTYPE_NONE = 0,
    SMASH_F32 = 1, SMASH_F64 = 2, SMASH_F16 = 3, SMASH_BF16 = 4,
    SMASH_I8 = 5, SMASH_U8 = 6, SMASH_I16 = 7, SMASH_U16 = 8, SMASH_I32 = 9, SMASH_U32 = 10, SMASH_I64 = 11, SMASH_U64 = 12,
    SMASH_BOOL = 13,                                                     /* one byte, 0 or 1 */
    SMASH_I4 = 14, SMASH_U4 = 15, SMASH_I2 = 16, SMASH_U2 = 17,          /* packed, low bits first, over the flat tensor */
    SMASH_F8_E4M3 = 18, SMASH_F8_E5M2 = 19, SMASH_F8_E8M0 = 20,          /* from here on: carried, not computed with */
    SMASH_F8_E4M3FNUZ = 21, SMASH_F8_E5M2FNUZ = 22,
    SMASH_F6_E2M3 = 23, SMASH_F6_E3M2 = 24, SMASH_F4 = 25, SMASH_C64 = 26,
    SMASH_DTYPE_COUNT = 27
} smash_dtype;

enum { SMASH_MAX_DIMS = 8 };             /* layout, so never configurable */
enum { SMASH_TENSOR_CONST = 1,           /* data may not be written (weights in flash, a mapped file) */
       SMASH_TENSOR_DEVICE = 2 };        /* data lies on a GPU: host calls refuse it */

typedef struct smash_tensor {
    void       *data;                    /* NULL only where a call says so */
    size_t      bytes;                   /* capacity of data, checked against the shape on every entry */
    size_t      shape[SMASH_MAX_DIMS];
    uint32_t    ndim, flags;             /* ndim 0 is a scalar; a dim may be 0 */
    smash_dtype dtype;
    const char *name;                    /* for messages; may be NULL */
} smash_tensor;

/* Bits of one element; 0 for NONE. Name as safetensors writes it ("F32", "BF16", packed ones "I4"; static text), and
 * back: SMASH_DTYPE_NONE if there is no such name.
 *   name  in  bytes long, need not be terminated     needs nothing; exact everywhere; fails never */
SMASH_API uint32_t smash_dtype_bits(smash_dtype dtype);
SMASH_API const char *smash_dtype_name(smash_dtype dtype);
SMASH_API smash_dtype smash_dtype_from_name(const char *name, size_t bytes);

/* A view. Nothing is checked here; every call checks what it is given.
 *   data  in  bytes long, aligned to the element     shape  in  ndim <= SMASH_MAX_DIMS sizes
 *   needs nothing; exact everywhere; fails never: ndim over the limit gives a tensor that every call refuses */
SMASH_API smash_tensor smash_tensor_view(smash_dtype dtype, const void *data, size_t bytes, uint32_t ndim, const size_t *shape);

/* Elements of the shape, and bytes they take (packed dtypes round up to whole bytes).
 *   t  in  data is not looked at     count, bytes  out
 *   needs nothing; exact everywhere; fails ARG OVERFLOW; *count, *bytes untouched */
SMASH_API smash_err smash_tensor_count(const smash_tensor *t, size_t *count);
SMASH_API smash_err smash_tensor_bytes(const smash_tensor *t, size_t *bytes);

/* Exact conversions of one number, round to nearest even, subnormals kept, overflow to Inf, NaN kept quiet.
 * smash_f64_to_f16 and _bf16 round once, not through f32.
 *   needs nothing; exact everywhere; fails never */
SMASH_API float    smash_f16_to_f32(uint16_t h);
SMASH_API uint16_t smash_f32_to_f16(float x);
SMASH_API uint16_t smash_f64_to_f16(double x);
SMASH_API float    smash_bf16_to_f32(uint16_t h);
SMASH_API uint16_t smash_f32_to_bf16(float x);
SMASH_API uint16_t smash_f64_to_bf16(double x);

#if !SMASH_NO_DOUBLE
/* Convert every element: floats among each other (nearest even), integers and packed integers and bool
 * among each other (exact or an error), integers to floats (nearest even), floats to integers (only whole
 * numbers in range).
 *   src    in   any computable dtype                dst   out  same shape, other memory
 *   needs nothing, O(n); exact everywhere; fails ARG DTYPE SHAPE OVERFLOW; RANGE(index) of the first element dst cannot hold,
 *   dst then unspecified */
SMASH_API smash_err smash_tensor_convert(smash_ctx *ctx, const smash_tensor *src, const smash_tensor *dst);

/* How far b is from a.  mse = mean (a-b)^2;  snr_db = 10 log10(sum a^2 / sum (a-b)^2), Inf if equal, -Inf if
 * a is all zero and b is not;  cosine = 1 if both are zero. Non-finite elements make the sums non-finite. */
typedef struct smash_distance {
    double mse, max_abs_error, snr_db, cosine;
    size_t count, zeros_a, zeros_b;
} smash_distance;

/* Compare two tensors of one shape; dtypes may differ.
 *   a, b   in   computable dtypes                   out   out  see smash_distance
 *   needs  scratch: 64 bytes per 65,536 elements; O(n)
 *   exact  same bits everywhere: f32 differences, exact squares summed in double in a fixed order
 *   fails  ARG DTYPE SHAPE OVERFLOW NOMEM(ctx->need); out untouched */
SMASH_API smash_err smash_tensor_distance(smash_ctx *ctx, const smash_tensor *a, const smash_tensor *b, smash_distance *out);
#endif

/* The block shape that shares one decision: one mask bit, or one scale. */
typedef enum smash_grain_kind {
    SMASH_GRAIN_DEFAULT = 0,     /* what the algorithm's paper uses: see each call */
    SMASH_GRAIN_ELEMENT = 1,     /* every number on its own */
    SMASH_GRAIN_TENSOR  = 2,     /* the whole tensor */
    SMASH_GRAIN_AXIS    = 3,     /* one slice of axis `axis` */
    SMASH_GRAIN_BLOCK   = 4      /* `block`, padded to the tensor's rank */
} smash_grain_kind;

typedef struct smash_grain {
    smash_grain_kind kind;
    uint32_t axis;                     /* AXIS */
    int32_t  block[SMASH_MAX_DIMS];    /* BLOCK: size along each axis, -1 = the whole axis */
    uint32_t block_count;
    uint32_t pad_back;                 /* BLOCK: 0 = missing axes are in front, 1 = behind */
    int32_t  pad_value;                /* BLOCK: block size on missing axes; 0 means 1 */
} smash_grain;

/* The usual granularities. What does not fit a tensor is refused where it is laid over one.
 *   block  in  count sizes, at most SMASH_MAX_DIMS; missing axes are in front and get 1
 *   needs nothing; exact everywhere; fails never */
SMASH_API smash_grain smash_grain_element(void);
SMASH_API smash_grain smash_grain_tensor(void);
SMASH_API smash_grain smash_grain_out_channel(void);     /* axis 0 of Linear and Conv weights: [1, -1, -1, ...] */
SMASH_API smash_grain smash_grain_in_channel(void);      /* axis 1: [-1, 1, -1, ...] */
SMASH_API smash_grain smash_grain_axis(uint32_t axis);
SMASH_API smash_grain smash_grain_block(const int32_t *block, uint32_t count);

/* Block size along each of ndim axes, as a config would write it: -1 = the whole axis.
 *   grain  in  a block with more sizes than ndim gives its first ones     out  out  ndim sizes, at most SMASH_MAX_DIMS
 *   needs nothing; exact everywhere; fails never */
SMASH_API void smash_grain_list(const smash_grain *grain, uint32_t ndim, int32_t out[SMASH_MAX_DIMS]);

/* A granularity laid over one shape: block size and block count on every axis. */
typedef struct smash_grid {
    uint32_t ndim;
    size_t   block[SMASH_MAX_DIMS];    /* elements of a block along each axis */
    size_t   count[SMASH_MAX_DIMS];    /* blocks along each axis: the shape of masks, scales and zero points */
    size_t   blocks, block_elements;   /* products of the two */
} smash_grid;

/* Lay grain over the shape of t. DEFAULT is the whole tensor here.
 *   grain  in     t  in  shape only; data and dtype are not looked at     grid  out
 *   needs nothing; exact everywhere
 *   fails  ARG; RANGE(axis) for a block size of 0 or below -1; SHAPE(axis) when the block has more axes than t or does not divide
 *          it (the message lists block sizes that do), t has no such axis, or a dim of t is 0; OVERFLOW(axis); *grid untouched
 *   from   NNI v3 granularity: kernel padded to the rank, -1 = whole axis, no remainder block */
SMASH_API smash_err smash_grid_make(smash_ctx *ctx, const smash_grain *grain, const smash_tensor *t, smash_grid *grid);

#if !SMASH_NO_MASK
/*==================================================================================================
 * MARK: - Mask                                                                              >>mask
 * Which blocks of a tensor go. The one idea: metric (score a block), allocation (how many go), application
 * (write zeros) are three separate steps; pruning algorithms differ only in the first.
 *================================================================================================*/

typedef enum smash_metric {
    SMASH_METRIC_DEFAULT = 0,   /* L1 */
    SMASH_METRIC_L1      = 1,   /* sum |x|            Li et al. 2017, arXiv:1608.08710; on single elements: magnitude */
    SMASH_METRIC_L2      = 2,   /* sqrt(sum x^2)      idem */
    SMASH_METRIC_FPGM    = 3    /* sum of L2 distances to all other blocks   He et al. 2019, arXiv:1811.00250 */
} smash_metric;

typedef struct smash_mask_desc {
    uint32_t     zero_begin;
    smash_metric metric;
    smash_grain  grain;             /* DEFAULT: single elements */
    double       ratio;             /* 0..1 of the blocks go: exactly trunc(blocks * ratio), product in double */
    uint32_t     use_threshold;     /* 1: drop blocks with metric < threshold instead; ratio must be 0 */
    double       threshold;         /* compared in float32 for tensors up to 32 bits */
    double       min_ratio;         /* at least this share goes (0 = unset) */
    double       max_ratio;         /* at most this share goes (0 = unset); wins over min_ratio */
    uint32_t     parts;             /* the blocks, in order, are cut into so many parts of equal size, and each loses the
                                       same share (0 = 1); 2:4 sparsity is a ratio of 0.5 in blocks / 4 parts */
    uint32_t     zero_end;
} smash_mask_desc;

typedef struct smash_mask_stats {
    size_t blocks, dropped;         /* of the grid */
    size_t elements;                /* masked elements of the tensor; smash_mask_allocate does not see it and counts blocks */
    double ratio;                   /* dropped / blocks */
} smash_mask_stats;

#if !SMASH_NO_DOUBLE
/* Score every block; small = unimportant.
 *   w       in   f32 f64 f16 bf16, any shape, finite
 *   metric  out  f64, shape = grid of desc->grain on w; may not alias w
 *   needs   scratch: FPGM 64 bytes a block, and a copy of w as float unless its blocks lie in one piece as f32 or f64;
 *           else none; O(n), FPGM O(blocks * n)
 *   exact   double sums in a fixed order: same bits everywhere, relative error < 1e-12; FPGM squares differences of
 *           numbers up to 32 bits in float: < 1e-6, mostly < 1e-7. Of a single element, L1 and L2 are its magnitude
 *   fails   ARG DTYPE SHAPE RANGE(block size) OVERFLOW NOMEM(ctx->need); NONFINITE(index) of the element, or of the block
 *           whose sum overflows, metric then unspecified */
SMASH_API smash_err smash_mask_metric(smash_ctx *ctx, const smash_mask_desc *desc, const smash_tensor *w, const smash_tensor *metric);

/* Choose blocks by metric: ratio or threshold, min and max, in each part.
 *   metric  in   f64, finite, the grid shape     mask  out  bool or u8, same shape, 1 = keep; may not alias metric
 *   stats   opt, out     dtype_bits  of the tensor the metric came from: 64 compares thresholds in double, else in float
 *   needs   scratch: at most smash_mask_bytes of the tensor that was scored, taken as f64; O(n)
 *   exact   everywhere; among equal scores the lower index is dropped first
 *   fails   ARG DTYPE SHAPE RANGE(ratio, min, max, threshold) OVERFLOW NONFINITE(index) NOMEM(ctx->need); mask untouched */
SMASH_API smash_err smash_mask_allocate(smash_ctx *ctx, const smash_mask_desc *desc, const smash_tensor *metric, uint32_t dtype_bits,
                                        const smash_tensor *mask, smash_mask_stats *stats);

/* Metric and allocation in one: which blocks of w go.
 *   w      in   f32 f64 f16 bf16, any shape, finite
 *   mask   out  bool or u8, shape = grid of desc->grain on w, 1 = keep; may not alias w     stats  opt, out
 *   needs  scratch smash_mask_bytes(desc, w); O(n), FPGM O(blocks * n)
 *   exact  same mask on every target and thread count; among equal scores the lower index is dropped first
 *   fails  ARG DTYPE SHAPE RANGE(ratio, min, max, threshold, block size) OVERFLOW NONFINITE(index) NOMEM(ctx->need); mask untouched
 *   from   NNI v3 ratio and threshold rules; a NaN is an error here, there it is kept */
SMASH_API smash_err smash_mask_make(smash_ctx *ctx, const smash_mask_desc *desc, const smash_tensor *w, const smash_tensor *mask,
                                    smash_mask_stats *stats);

/* The k-th smallest magnitude of all numbers, exactly: what level drops, if k go, is up to it.
 *   w      in   f32 f64 f16 bf16, any shape, finite     k  1..elements     magnitude  out
 *   needs  scratch smash_mask_bytes(NULL, w); O(n), for most inputs one pass over w
 *   exact  everywhere     fails  ARG DTYPE SHAPE RANGE(k) OVERFLOW NONFINITE(index) NOMEM(ctx->need); *magnitude untouched */
SMASH_API smash_err smash_kth_magnitude(smash_ctx *ctx, const smash_tensor *w, size_t k, double *magnitude);

/* One of several targets that are pruned together. */
typedef struct smash_mask_member {
    smash_tensor     metric;                 /* in   f64, finite, its grid shape */
    smash_tensor     mask;                   /* out  bool or u8, same shape, 1 = keep; may not alias any metric or other mask */
    size_t           block_elements;         /* numbers that go with a block; 0 = 1 */
    size_t           cost;                   /* of a block, where a budget counts something else than numbers; 0 = block_elements */
    double           min_ratio, max_ratio;   /* at least, at most this share of its blocks goes (0 = unset); max wins */
    smash_mask_stats stats;                  /* out */
} smash_mask_member;

/* How much of several targets goes: a share of what they cost together, or an amount of it. */
typedef struct smash_budget_desc {
    uint32_t zero_begin;
    double   ratio;                 /* 0..1: trunc(cost of all blocks * ratio) may go, product in double */
    uint32_t use_amount;            /* 1: as few blocks go as cost `amount` together, or more; ratio must be 0 */
    size_t   amount;                /* what must go; all that the maxima allow if that is less */
    uint32_t zero_end;
} smash_budget_desc;

/* One budget for several targets. First each gives up its min_ratio; then go the blocks with the smallest scores, wherever they are, but
 * none of a target that is at its max_ratio: up to the first that does not fit the ratio any more, or until the amount is gone. Masks
 * of a smaller ratio or amount are part of those of a larger one.
 *   desc     opt  ratio or amount     members  io  count of them
 *   needs    scratch: 2 KiB and 48 bytes a member; O(blocks + members^2)
 *   exact    everywhere; among equal scores the earlier member goes first, then the lower index
 *   fails    ARG DTYPE SHAPE RANGE(ratio, min, max) OVERFLOW NONFINITE(member) NOMEM(ctx->need); members untouched
 *   from     NNI v3 global_group_id, which ignores min and max, and drops nothing at ratio 1 */
SMASH_API smash_err smash_mask_allocate_global(smash_ctx *ctx, const smash_budget_desc *desc, smash_mask_member *members, size_t count);

/* The same blocks of several targets: those with the smallest mean score. Skip connections need it.
 *   desc     opt  ratio or threshold, min, max, parts; its metric and grain are not looked at     dtype_bits  as in smash_mask_allocate
 *   members  io   count of them, of one number of blocks, in any shape; a larger min_ratio or a smaller max_ratio of a member counts for all
 *   needs    scratch: 8 bytes a block, and as smash_mask_allocate; O(blocks)
 *   exact    everywhere; among equal scores the lower index goes first; means add up in the order of members
 *   fails    ARG DTYPE SHAPE RANGE(ratio, min, max, threshold) OVERFLOW NONFINITE(index) NOMEM(ctx->need); members untouched
 *   from     NNI v3 dependency_group_id, internal_metric_block; there shapes must be equal, and min and max are ignored */
SMASH_API smash_err smash_mask_allocate_shared(smash_ctx *ctx, const smash_mask_desc *desc, smash_mask_member *members, size_t count, uint32_t dtype_bits);

/* Scores that come from data, for smash_mask_allocate and its kin. The state of each is one f64 tensor, all zeros at first: add puts a
 * step's share into it, merge the state of another thread or machine, and divide makes a mean of the sums, by steps or by numbers.
 *   taylor      the block's sum of (weight * gradient)^2            Molchanov et al. 2017, arXiv:1611.06440
 *   product     the block's sum of weight * gradient: the gradient of what every weight of the block is multiplied by. Of a Slim factor, if
 *               gradient is that of w * factor, and 0 where a mask drops; of a Movement score, if it is that of w * mask
 *   channels    of an activation, for each index of one axis: NONZERO counts what is not 0 (1 - APoZ after division: Hu et al. 2016,
 *               arXiv:1607.03250), SUM adds (mean activation rank), SQUARES adds squares (the norms that wanda takes)
 *   w, gradient, x  in   f32 f64 f16 bf16; gradient has w's shape     grain  opt  NULL: elements     axis  of x that is counted by
 *   sum             io   f64, grid shape of grain on w; for channels [x's size along axis]; other  in  f64, same shape. Nothing may alias
 *   by              above 0
 *   needs  nothing, O(count)
 *   exact  sums in memory order, so the same bits everywhere for one order of steps and merges
 *   fails  ARG DTYPE SHAPE RANGE(block size, axis, by) OVERFLOW; NONFINITE(index of the sum), which is unspecified then
 *   from   NNI v3 Taylor pruner; NNI 2.0 ActivationAPoZRankFilter and ActivationMeanRankFilter, whose indicator is that of a zero */
typedef enum smash_channel_sum { SMASH_CHANNEL_NONZERO = 0, SMASH_CHANNEL_SUM = 1, SMASH_CHANNEL_SQUARES = 2 } smash_channel_sum;
SMASH_API smash_err smash_score_add_taylor(smash_ctx *ctx, const smash_grain *grain, const smash_tensor *w, const smash_tensor *gradient, const smash_tensor *sum);
SMASH_API smash_err smash_score_add_product(smash_ctx *ctx, const smash_grain *grain, const smash_tensor *w, const smash_tensor *gradient, const smash_tensor *sum);
SMASH_API smash_err smash_score_add_channels(smash_ctx *ctx, smash_channel_sum what, const smash_tensor *x, uint32_t axis, const smash_tensor *sum);
SMASH_API smash_err smash_score_merge(smash_ctx *ctx, const smash_tensor *other, const smash_tensor *sum);
SMASH_API smash_err smash_score_divide(smash_ctx *ctx, double by, const smash_tensor *sum);

/* Score of every weight by its size times the norm of the input it meets: |w| * sqrt(squares of its column).
 *   w  in  f32 f64 f16 bf16, 2 dims or more     squares  in  f64, [numbers in a row of w], from smash_score_add_channels, or any >= 0
 *   metric  out  f64, w's shape. Nothing may alias
 *   needs nothing, O(count); exact everywhere; fails ARG DTYPE SHAPE OVERFLOW; NONFINITE(index of metric), metric then unspecified
 *   from  Sun et al. 2023, arXiv:2306.11695; prune by rows: parts = rows */
SMASH_API smash_err smash_score_wanda(smash_ctx *ctx, const smash_tensor *w, const smash_tensor *squares, const smash_tensor *metric);

/* Score of every weight by its square over the squares of all that are not smaller, so that layers can be compared.
 *   w  in  f32 f64 f16 bf16, any shape     metric  out  f64, w's shape; may not alias w
 *   needs scratch 8 bytes a number; O(n log n)
 *   exact everywhere: among equal weights the lower index counts as smaller; an all-zero tensor scores 0
 *   fails ARG DTYPE SHAPE OVERFLOW LIMIT(2^32 numbers) NOMEM(ctx->need); NONFINITE(index), metric then unspecified
 *   from  Lee et al. 2021, arXiv:2010.07611 */
SMASH_API smash_err smash_score_lamp(smash_ctx *ctx, const smash_tensor *w, const smash_tensor *metric);

/* Scores that are trained beside the network: the factors of Slim, 1 at first, with which weights are multiplied (smash_mask_scale), and the
 * scores of Movement, 0 at first, by which weights are masked. A step zeroes gradient, adds the loss's share (smash_score_add_product) and the
 * penalty's, and moves the state by Adam. What is not important then is, for smash_mask_allocate: |f| of Slim, which smash_mask_metric gives
 * of the factors (L1, single elements); of Movement the state itself where a ratio is asked for, its sigmoid where a threshold is.
 *   penalty   added to the loss, and its gradient: ABS for Slim, scale / targets * sum of |f|; SIGMOID for Movement with a threshold,
 *             scale / targets * mean of sigmoid(s), where scale is the configured one times smash_schedule_movement
 *   adam      the mean of gradients and of their squares, both 0 at first, and a step of the state against them
 *   state     in of penalty, io of adam: f64, any shape     score  in  the same     metric  out  f64, its shape
 *   gradient  opt, io of penalty, in of adam: f64, the state's shape     loss  opt, out  the penalty of this target
 *   scale     0 or more     targets  1 or more: how many share the scale     mean, squares  io  f64, the state's shape. Nothing may alias
 *   step      1 the first time, then 2 ...: the means are corrected by powers of the betas
 *   needs     nothing, O(count)
 *   exact     everywhere; error of sigmoid and its slope < 4 ulp, of a step < 1e-12 of the largest number that goes into it
 *   fails     ARG DTYPE SHAPE RANGE(scale, targets, step, desc) OVERFLOW; NONFINITE(index) of what comes in, outputs untouched, or of what
 *             comes out, which is unspecified then
 *   from      Liu et al. 2017, arXiv:1708.06519; Sanh et al. 2020, arXiv:2005.07683; Kingma, Ba 2015, arXiv:1412.6980; NNI v3 Slim and
 *             Movement pruners, torch.optim.Adam */
typedef enum smash_penalty { SMASH_PENALTY_ABS = 0, SMASH_PENALTY_SIGMOID = 1 } smash_penalty;
typedef struct smash_adam_desc {
    uint32_t zero_begin;
    double   rate;                  /* 0 means 0.01 */
    double   beta1, beta2;          /* below 1; 0 means 0.9 and 0.999 */
    double   epsilon;               /* 0 means 1e-8 */
    uint32_t zero_end;
} smash_adam_desc;
SMASH_API smash_err smash_score_add_penalty(smash_ctx *ctx, smash_penalty what, double scale, size_t targets, const smash_tensor *state, const smash_tensor *gradient, double *loss);
SMASH_API smash_err smash_score_adam(smash_ctx *ctx, const smash_adam_desc *desc, uint64_t step, const smash_tensor *gradient, const smash_tensor *mean,
                                     const smash_tensor *squares, const smash_tensor *state);
SMASH_API smash_err smash_score_sigmoid(smash_ctx *ctx, const smash_tensor *score, const smash_tensor *metric);

/* How much of a goal is asked for at a time: the share of it, from 0 to 1, to multiply ratio, threshold, min and max with.
 *   linear    t / total
 *   agp       1 - (1 - t / total)^3                       Zhu, Gupta 2017, arXiv:1710.01878
 *   movement  0 up to warmup, 1 from cooldown on, between them as agp     Sanh et al. 2020, arXiv:2005.07683
 * and ratios themselves, not shares:
 *   agp_epoch  from initial to final between two epochs, every `frequency` epochs, by agp; final is there one epoch before the end
 *   lottery    1 - (1 - goal)^(round / rounds)            Frankle, Carbin 2019, arXiv:1803.03635
 *   total, rounds, frequency  0 counts as done: 1, goal, final     goal, initial, final  0..1, not checked
 *   needs nothing; exact everywhere, lottery by smash_exp and smash_log; fails never
 *   from  NNI v3 scheduled pruner and movement pruner, NNI 2.0 agp and lottery ticket */
SMASH_API double smash_schedule_linear(uint64_t t, uint64_t total);
SMASH_API double smash_schedule_agp(uint64_t t, uint64_t total);
SMASH_API double smash_schedule_movement(uint64_t step, uint64_t warmup, uint64_t cooldown);
SMASH_API double smash_schedule_agp_epoch(double initial, double final, uint64_t epoch, uint64_t start, uint64_t end, uint64_t frequency);
SMASH_API double smash_schedule_lottery(double goal, uint64_t round, uint64_t rounds);

/* Scratch that smash_mask_make needs, to the byte if ctx->scratch starts at a multiple of 16 (up to 15 more if not);
 * enough for smash_mask_metric, too, and for _allocate, of single elements if w is f64.
 *   w      in   dtype and shape; data may be NULL     bytes  out
 *   needs nothing; exact for one width of size_t; fails ARG DTYPE SHAPE RANGE(block size) OVERFLOW; *bytes untouched */
SMASH_API smash_err smash_mask_bytes(smash_ctx *ctx, const smash_mask_desc *desc, const smash_tensor *w, size_t *bytes);
#endif

/* A mask that follows another one: a position goes only if everything it depends on is gone.
 *   src             in   bool or u8     src_shape  in  the tensor it masks     src_grain  opt  what it was made with; NULL: elements
 *   dims            in   axes of src_shape that survive, ascending; negative counts from the end; all the
 *                        others are reduced by "any kept". Their sizes are the shape of the result.
 *   dst             out  bool or u8, shape = grid of dst_grain over that shape: a block is kept if any of it is; may not alias src
 *   dst_grain       opt  NULL: elements
 *   needs           nothing, O(elements of src_shape); exact everywhere
 *   fails           ARG DTYPE SHAPE RANGE(dims, block size) OVERFLOW; dst untouched
 *   from            NNI v3 align; dims that name every axis reduce nothing (there they reduce everything) */
SMASH_API smash_err smash_mask_align(smash_ctx *ctx, const smash_tensor *src, const smash_grain *src_grain, const smash_tensor *src_shape,
                                     const int32_t *dims, uint32_t dim_count,
                                     const smash_grain *dst_grain, const smash_tensor *dst);

/* Block mask to one bool per element.
 *   mask  in  bool or u8, grid shape of grain     grain  opt  NULL: elements     full  out  bool or u8; may not alias mask
 *   needs nothing, O(n); exact everywhere; fails ARG DTYPE SHAPE RANGE(block size) OVERFLOW; full untouched */
SMASH_API smash_err smash_mask_expand(smash_ctx *ctx, const smash_grain *grain, const smash_tensor *mask, const smash_tensor *full);

/* Write zeros where the mask says so, in place.
 *   w      io   f32 f64 f16 bf16, not SMASH_TENSOR_CONST     mask  in  bool or u8, grid shape of grain     grain  opt  NULL: elements
 *   needs nothing, O(n)
 *   exact  masked numbers become +0; the rest keeps its bits
 *   fails  ARG DTYPE SHAPE RANGE(block size) OVERFLOW; w untouched
 *   from   NNI v3 apply_method 'mul', which leaves -0 where the weight was negative */
SMASH_API smash_err smash_mask_apply(smash_ctx *ctx, const smash_grain *grain, const smash_tensor *mask, const smash_tensor *w);

/* What happens to the numbers that a mask drops. */
typedef enum smash_apply_method {
    SMASH_APPLY_DEFAULT = 0,    /* MUL */
    SMASH_APPLY_MUL     = 1,    /* they become +0 */
    SMASH_APPLY_ADD     = 2,    /* `value` is added to them: for what a softmax is to pass over */
    SMASH_APPLY_BYPASS  = 3     /* nothing */
} smash_apply_method;

typedef struct smash_apply_desc {
    uint32_t           zero_begin;
    smash_apply_method method;
    smash_grain        grain;          /* DEFAULT: single elements */
    double             value;          /* ADD: rounded to the tensor's dtype; 0 means -1000 */
    uint32_t           bits;           /* 1: the mask is one bit a block, as smash_mask_pack writes it */
    uint32_t           zero_end;
} smash_apply_desc;

/* Apply a mask in any way, in place or to a copy; smash_mask_apply is the short form of the most usual one.
 *   mask   in   bool or u8, grid shape of desc->grain, 1 = keep; or bits: u8, [(blocks + 7) / 8]
 *   src    in   f32 f64 f16 bf16     dst  out  same dtype and shape, not SMASH_TENSOR_CONST: the memory of src itself, or apart from it
 *   needs  nothing, O(n)
 *   exact  everywhere; kept numbers keep their bits. ADD rounds the sum once, so it may become Inf; a NaN keeps its bits
 *   fails  ARG DTYPE SHAPE RANGE(block size, value) OVERFLOW; FORMAT(byte) for a bit behind the last block; dst untouched
 *   from   NNI v3 apply_method 'mul', 'add', 'bypass' */
SMASH_API smash_err smash_mask_apply_to(smash_ctx *ctx, const smash_apply_desc *desc, const smash_tensor *mask, const smash_tensor *src, const smash_tensor *dst);

/* A mask of one bit a block, low bit first: an eighth of the flash. Unpacking gives 0 and 1.
 *   mask   in of pack, out of unpack: bool or u8, any shape     bits  out of pack, in of unpack: u8, [(blocks + 7) / 8]; bits behind the
 *          last block are 0. May not alias
 *   needs  nothing, O(blocks); exact everywhere
 *   fails  ARG DTYPE SHAPE OVERFLOW; FORMAT(byte) for a bit behind the last block; outputs untouched */
SMASH_API smash_err smash_mask_pack(smash_ctx *ctx, const smash_tensor *mask, const smash_tensor *bits);
SMASH_API smash_err smash_mask_unpack(smash_ctx *ctx, const smash_tensor *bits, const smash_tensor *mask);

#if !SMASH_NO_DOUBLE
/* Multiply every block by its factor, in place or to a copy: the weights that a network trained with Slim runs on.
 *   factors  in  f64, grid shape of grain, finite     grain  opt  NULL: elements
 *   src      in  f32 f64 f16 bf16, finite     dst  out  same dtype and shape, not SMASH_TENSOR_CONST: the memory of src itself, or apart from it
 *   needs  nothing, O(n)
 *   exact  everywhere: the product is rounded to double, then to the dtype
 *   fails  ARG DTYPE SHAPE RANGE(block size) OVERFLOW; NONFINITE(index) of a factor, dst untouched, or of dst, unspecified then
 *   from   Liu et al. 2017, arXiv:1708.06519; NNI v3 Slim pruner */
SMASH_API smash_err smash_mask_scale(smash_ctx *ctx, const smash_grain *grain, const smash_tensor *factors, const smash_tensor *src, const smash_tensor *dst);
#endif

/* A tensor without its zeros: one bit a number, 1 where it is not zero, low bit first, and the numbers that are not. Zero is the number
 * whose bits are all 0, so -0 stays.
 *   t        in   of pack and count, out of unpack: 8 to 64 bits a number, any shape
 *   bitmask  out  of pack, in of unpack: u8, [(count + 7) / 8]; bits behind the last number are 0
 *   values   out  of pack, in of unpack: t's dtype, [nonzero], in row-major order. Nothing may alias
 *   nonzero  out  how many are left
 *   needs    nothing, O(count)
 *   exact    everywhere; unpacked it is the same bits
 *   fails    ARG DTYPE SHAPE (not [(count + 7) / 8], not as many values as bits) OVERFLOW; FORMAT(byte) for a bit behind the last number;
 *            outputs untouched */
SMASH_API smash_err smash_sparse_count(smash_ctx *ctx, const smash_tensor *t, size_t *nonzero);
SMASH_API smash_err smash_sparse_pack(smash_ctx *ctx, const smash_tensor *t, const smash_tensor *bitmask, const smash_tensor *values);
SMASH_API smash_err smash_sparse_unpack(smash_ctx *ctx, const smash_tensor *bitmask, const smash_tensor *values, const smash_tensor *t);

/* A tensor of which at most n of each m numbers along an axis are not zero: those n, and where in their group of m they stand. A group
 * begins at every multiple of m; the last one is shorter if m does not divide the axis, and keeps n numbers, or all if it has fewer. So of an
 * axis of L numbers K = L / m * n + min(n, L % m) stay. Zero is the number whose bits are all 0, so -0 stays; groups with fewer others are
 * filled up with their first zeros. Both parts are tensors like all others: row-major, without gaps, packed dtypes low bits first; the data of
 * values is aligned to its numbers. Number k along the axis is number k / n * m + places[k] of t; in a group places ascend. For a matrix
 * w [rows, L], axis 1, this is w times x:
 *     for (r = 0; r < rows; r++) for (k = 0; k < K; k++) y[r] += values[r * K + k] * x[k / n * m + places[r * K + k]];
 *   n, m     1 <= n <= m, 2 <= m <= 256     axis  below t's ndim
 *   t        in of pack, out of unpack; of shape and check only dtype and shape: any dtype but F6 and C64, any shape
 *   values   out of pack, in of unpack and check: t's dtype, t's shape with K in place of L
 *   places   out of pack, in of unpack and check: the shape of values; u2 for m up to 4, u4 up to 16, u8 above. In u2, n = 2 and m = 4 along
 *            the last axis are the half bytes of NVIDIA's 2:4 metadata. Of shape, values and places are out: without data, bytes as needed
 *   needs    nothing, O(count). After check (unpack does it) a loop like the one above needs no checks of its own
 *   exact    everywhere; unpacked it is the same bits
 *   fails    ARG DTYPE SHAPE OVERFLOW RANGE(n, m, axis); of pack RANGE(first number of the first group with more than n); FORMAT(number of
 *            places) where places do not ascend or leave their group; outputs untouched
 *   from     Mishra et al. 2021, arXiv:2104.08378; Zhou et al. 2021, arXiv:2102.04010 */
SMASH_API smash_err smash_sparse_shape_nm(smash_ctx *ctx, uint32_t n, uint32_t m, uint32_t axis, const smash_tensor *t, smash_tensor *values, smash_tensor *places);
SMASH_API smash_err smash_sparse_pack_nm(smash_ctx *ctx, uint32_t n, uint32_t m, uint32_t axis, const smash_tensor *t, const smash_tensor *values, const smash_tensor *places);
SMASH_API smash_err smash_sparse_check_nm(smash_ctx *ctx, uint32_t n, uint32_t m, uint32_t axis, const smash_tensor *t, const smash_tensor *values, const smash_tensor *places);
SMASH_API smash_err smash_sparse_unpack_nm(smash_ctx *ctx, uint32_t n, uint32_t m, uint32_t axis, const smash_tensor *values, const smash_tensor *places, const smash_tensor *t);

/* A tensor without its zero blocks, by rows of blocks (BSR; of single elements CSR). A row of blocks is one index of the grid's first axis; the
 * column of a block is its index, row-major, among the blocks of its row. A block is zero if all its bits are 0, so -0 stays. The parts are
 * tensors like all others: row-major, without gaps, packed dtypes low bits first (a block may begin inside a byte then). Blocks of row r are
 * numbers rows[r] to rows[r + 1] - 1 of columns and of values; their columns ascend. For a matrix w in blocks of a x b, this is w times x:
 *     for (r = 0; r < grid.count[0]; r++) for (k = rows[r]; k < rows[r + 1]; k++)
 *         for (i = 0; i < a; i++) for (j = 0; j < b; j++) y[r * a + i] += values[(k * a + i) * b + j] * x[columns[k] * b + j];
 *   grain    opt  NULL: elements; its block is that of the layout
 *   t        in of shape and pack, out of unpack; of check only dtype and shape: any dtype but F6 and C64, 1 number or more
 *   rows     out of pack, in of unpack and check: [grid.count[0] + 1], the first is 0; of a scalar [2]
 *   columns  out of pack, in of unpack and check: [blocks that stay]. Both u16 if the grid has 65,535 blocks or fewer, else u32
 *   values   out of pack, in of unpack and check: t's dtype, [blocks that stay, grid.block_elements], each block in row-major order
 *            Of shape these three are out: without data, bytes as needed
 *   needs    nothing, O(count). After check (unpack does it) a loop like the one above needs no checks of its own
 *   exact    everywhere; unpacked it is the same bits
 *   fails    ARG DTYPE SHAPE OVERFLOW RANGE(block size) LIMIT(2^32 blocks); FORMAT(row) where rows do not begin with 0, go back, or do not end
 *            with the number of blocks; FORMAT(block) where columns do not ascend or leave the grid; outputs untouched
 *   from     the block sparse rows of SciPy and cuSPARSE, for any number of axes */
SMASH_API smash_err smash_sparse_shape_bsr(smash_ctx *ctx, const smash_grain *grain, const smash_tensor *t, smash_tensor *rows, smash_tensor *columns, smash_tensor *values);
SMASH_API smash_err smash_sparse_pack_bsr(smash_ctx *ctx, const smash_grain *grain, const smash_tensor *t, const smash_tensor *rows, const smash_tensor *columns, const smash_tensor *values);
SMASH_API smash_err smash_sparse_check_bsr(smash_ctx *ctx, const smash_grain *grain, const smash_tensor *t, const smash_tensor *rows, const smash_tensor *columns, const smash_tensor *values);
SMASH_API smash_err smash_sparse_unpack_bsr(smash_ctx *ctx, const smash_grain *grain, const smash_tensor *rows, const smash_tensor *columns, const smash_tensor *values, const smash_tensor *t);
#endif

#if !SMASH_NO_QUANT
/*==================================================================================================
 * MARK: - Quantization                                                                     >>quant
 * Floats onto integer grids and back: real = scale * (q - zero). The one idea: divide, then round with the
 * one hand-written routine, so that the integers are the same on every machine.
 *================================================================================================*/

typedef enum smash_scheme { SMASH_SYMMETRIC = 0, SMASH_AFFINE = 1 } smash_scheme;

typedef struct smash_quant_desc {
    uint32_t     zero_begin;
    uint32_t     bits;            /* 2..16; 0 = 8 */
    uint32_t     is_unsigned;     /* 0: int, -(2^(bits-1)-1) .. 2^(bits-1)-1;  1: uint, 0 .. 2^bits-1 */
    smash_scheme scheme;          /* SYMMETRIC: the grid is centred on 0; AFFINE: it spans min..max and 0 */
    smash_grain  grain;           /* DEFAULT: the whole tensor */
    uint32_t     zero_end;
} smash_quant_desc;

/* What a grid did to a tensor. saturated: numbers whose zero + x/scale lies half a step or more outside qmin..qmax, which
 * were clipped; zeros: numbers that read back as 0. */
typedef struct smash_quant_stats { double mse, max_abs_error, snr_db; size_t saturated, zeros; } smash_quant_stats;

/* qmin, qmax of the grid.
 *   qmin, qmax  out     needs nothing; exact everywhere; fails ARG RANGE(bits); both untouched */
SMASH_API smash_err smash_quant_limits(smash_ctx *ctx, const smash_quant_desc *desc, int32_t *qmin, int32_t *qmax);

/* Integer dtype that holds the grid: packed I2/U2 and I4/U4 up to 4 bits (3 bits in 4), I8/U8, I16/U16; NONE for bits outside 2..16.
 *   needs nothing; exact everywhere; fails never */
SMASH_API smash_dtype smash_quant_dtype(const smash_quant_desc *desc);

/* Scale and zero point from a range. lo <= hi, finite; 0 is always inside the grid.
 *   symmetric  s = max(|lo|,|hi|) / ((qmax-qmin)/2), z = floor((qmax+qmin+1)/2): 0 for int, 128 for uint8
 *   affine     s = (hi-lo) / (qmax-qmin),            z = clamp(qmin - half_even(lo/s))
 *   scale, zero  out     needs nothing
 *   exact      float32 divisions; s is at least FLT_EPSILON and always finite: where hi-lo is beyond float32, the affine
 *              s is hi/(qmax-qmin) - lo/(qmax-qmin)
 *   fails      ARG RANGE(bits) NONFINITE; scale and zero untouched
 *   from       NNI v3 compute_scale_zp */
SMASH_API smash_err smash_quant_params(smash_ctx *ctx, const smash_quant_desc *desc, float lo, float hi, float *scale, int32_t *zero);

/* Scale and zero point of every block, from its exact minimum and maximum.
 *   w      in   f32 f64 f16 bf16, finite         scale  out  f32, grid shape
 *   zero   out  i32, grid shape; opt if the scheme is symmetric, where all zero points are the same. None may alias another
 *   needs nothing, O(n)
 *   exact  same bits everywhere. f64 numbers are rounded to f32 first; beyond the range of f32 they count as not finite
 *   fails  ARG DTYPE SHAPE RANGE(bits, block size) OVERFLOW NONFINITE(index); scale and zero untouched on all but NONFINITE */
SMASH_API smash_err smash_quant_fit(smash_ctx *ctx, const smash_quant_desc *desc, const smash_tensor *w, const smash_tensor *scale, const smash_tensor *zero);

/* q = half_even(clamp(zero + x/scale)): a float division, a float addition, a clamp, then the rounding.
 *   w      in   f32 f64 f16 bf16, finite; f64 is divided, added and clamped in double
 *   scale  in   f32, grid shape, finite and > 0
 *   zero   in   i32, grid shape, within qmin..qmax; NULL: 0 for int and for affine, the middle 2^(bits-1) for symmetric uint
 *   q      out  i8 u8 i16 u16 i32 or packed i4 u4 i2 u2 that holds qmin..qmax (smash_quant_dtype(desc) is the smallest),
 *               shape of w; may not alias the others. Spare bits of the last packed byte are 0
 *   needs nothing, O(n)
 *   exact  same integers on every target, SIMD path and thread count
 *   fails  ARG DTYPE SHAPE RANGE(bits, block size, or index of scale or zero) OVERFLOW; NONFINITE(index), q then unspecified
 *   from   NNI v3 (clamp first, then round); Jacob et al. 2018, arXiv:1712.05877 */
SMASH_API smash_err smash_quantize(smash_ctx *ctx, const smash_quant_desc *desc, const smash_tensor *w, const smash_tensor *scale,
                                   const smash_tensor *zero, const smash_tensor *q);

/* x = (float)(q - zero) * scale, one float product, rounded once more to f16 and bf16.
 *   q      in   i8 u8 i16 u16 i32 i4 u4 i2 u2    scale, zero  in  as for smash_quantize
 *   x      out  f32 f64 f16 bf16, shape of q; may not alias the others
 *   needs nothing, O(n); exact everywhere; fails ARG DTYPE SHAPE RANGE (as smash_quantize) OVERFLOW; x untouched */
SMASH_API smash_err smash_dequantize(smash_ctx *ctx, const smash_quant_desc *desc, const smash_tensor *q, const smash_tensor *scale,
                                     const smash_tensor *zero, const smash_tensor *x);

#if !SMASH_NO_DOUBLE
/* Distance of w from what q stands for, without materialising it.
 *   w, scale, zero, q  in  as for smash_quantize and smash_dequantize
 *   stats  out  mse, max_abs_error and snr_db as smash_tensor_distance gives them for w and dequantized q in f32
 *   needs  scratch: 64 bytes per 65,536 elements; O(n)        exact  as smash_tensor_distance
 *   fails  ARG DTYPE SHAPE RANGE OVERFLOW NOMEM(ctx->need); stats untouched */
SMASH_API smash_err smash_quant_measure(smash_ctx *ctx, const smash_quant_desc *desc, const smash_tensor *w, const smash_tensor *scale,
                                        const smash_tensor *zero, const smash_tensor *q, smash_quant_stats *stats);
#endif

/* ---- observers: ranges of data that comes in pieces ---- */

/* How a range is found. MIN_MAX: the smallest and the largest number, exact. MOVING_AVERAGE: of each tensor's minimum and maximum, in
 * the order the tensors come. The others count numbers in bins and choose the range at the end: PERCENTILE leaves out the
 * outermost, ENTROPY keeps the distribution, MSE keeps the numbers. */
typedef enum smash_observer_kind {
    SMASH_OBSERVE_MIN_MAX = 0, SMASH_OBSERVE_MOVING_AVERAGE = 1, SMASH_OBSERVE_PERCENTILE = 2, SMASH_OBSERVE_ENTROPY = 3, SMASH_OBSERVE_MSE = 4
} smash_observer_kind;

typedef struct smash_observer_desc {
    uint32_t            zero_begin;
    smash_observer_kind kind;
    smash_grain         grain;    /* laid over every tensor that is observed. DEFAULT: the whole tensor */
    float               rate;     /* MOVING_AVERAGE: weight of a new tensor, above 0, at most 1; 0 = 0.01 */
    uint32_t            outside;  /* PERCENTILE: numbers in a billion to leave out, half at either end, at most a billion; 0 = 100,000: 99.99 % stay */
    uint32_t            bins;     /* PERCENTILE, ENTROPY, MSE: a power of two, 64..8192; 0 = 2048 */
    uint32_t            zero_end;
} smash_observer_desc;

/* What was seen of one block. Bin i of its bins counts the numbers x with first + i <= x / 2^exponent < first + i + 1. The exponent
 * is the smallest, from -149 on, whose bins hold lo, hi and 0, and the first bin holds lo or 0: so the bins depend on which
 * numbers were seen, not on when or where, and two of them merge by adding. */
typedef struct smash_observer_block {
    uint64_t count;               /* numbers */
    float    lo, hi;              /* the smallest and the largest, or their moving averages; 0 before any */
    int32_t  exponent, first;
    int32_t  next_lo, next_hi;    /* of the tensor that is being looked at */
} smash_observer_block;

/* Plain data: copy desc, tensors and the memory, and it goes on elsewhere. */
typedef struct smash_observer {
    smash_observer_desc   desc;   /* with the defaults filled in */
    uint64_t              tensors;
    size_t                blocks;
    smash_observer_block *block;
    uint64_t             *bins;   /* desc.bins of each block; NULL where the kind has none */
} smash_observer;

/* Memory of an observer: 32 bytes a block, and 8 a bin where the kind has bins.
 *   blocks  scales that the grain makes of a tensor: 1, or channels     bytes  out
 *   needs nothing; exact everywhere; fails ARG (also a kind this build has not) RANGE(rate, outside, bins) OVERFLOW; *bytes untouched */
SMASH_API smash_err smash_observer_bytes(smash_ctx *ctx, const smash_observer_desc *desc, size_t blocks, size_t *bytes);

/* An observer that has seen nothing.
 *   memory  in   bytes long, aligned to 8; belongs to the observer from now on     o  out
 *   needs nothing, O(bytes); exact everywhere
 *   fails  ARG RANGE(rate, outside, bins) OVERFLOW; SHAPE if bytes are too few; *o and memory untouched */
SMASH_API smash_err smash_observer_init(smash_ctx *ctx, const smash_observer_desc *desc, size_t blocks, void *memory, size_t bytes, smash_observer *o);

/* Look at a tensor: weights, or activations of your runtime, of any shape the grain makes o->blocks blocks of.
 *   o      io                                    x  in   f32 f64 f16 bf16, finite; f64 is rounded to f32 first
 *   needs  nothing; O(n), one pass, and a second one that counts
 *   exact  same state on every target and thread count. Of all kinds but MOVING_AVERAGE it depends on the numbers only, not on their
 *          order or on the tensors they came in. A moving average starts at the first tensor's value; then it is
 *          float(average * (1 - rate)) + float(rate * value), each product rounded to f32
 *   fails  ARG DTYPE SHAPE RANGE(block size) OVERFLOW NONFINITE(index); what was seen before stays as it was
 *   from   NNI v3 (moving average); bins that grow in powers of two: after PyTorch's HistogramObserver */
SMASH_API smash_err smash_observe(smash_ctx *ctx, smash_observer *o, const smash_tensor *x);

/* Add what another observer saw: of another thread, another machine, another day.
 *   o     io       from  in  same kind, bins and blocks; not o
 *   needs nothing, O(bytes)
 *   exact the state that one observer of everything would have, in whatever order states are merged
 *   fails ARG SHAPE; UNSUPPORTED for moving averages, which have an order that two states have not; o untouched */
SMASH_API smash_err smash_observer_merge(smash_ctx *ctx, smash_observer *o, const smash_observer *from);

/* The range of a block, for smash_quant_params. E is the bins' width, an edge a multiple of it; all but the first two kinds put edges
 * no further out than lo, hi and 0, and the range holds 0.
 *   MIN_MAX, MOVING_AVERAGE   lo and hi
 *   PERCENTILE  with k = floor(count * outside / 2e9): from the lower edge of the bin of the k+1st smallest number to the upper
 *               edge of the bin of the k+1st largest
 *   ENTROPY     of the ranges [-r E, r E], cut to the data, with at least as many bins as the grid has levels, the one with the least
 *               KL(P || Q): P the bins inside, with what is outside added to the outermost; Q what is inside, bin j of W in level
 *               floor(j levels / W), spread evenly over the level's bins that P has; a range where P has what Q has not is
 *               out. Among equal ones the widest; all of the data if it has fewer bins than levels
 *   MSE         of a set of ranges the one with the least sum of count * (c - grid(c))^2, c a bin's middle, clamped to the data, grid the
 *               float32 arithmetic of smash_quantize and smash_dequantize; among equal ones the widest. Symmetric: all
 *               [-r E, r E], cut to the data. Affine: each end at ceil(i n / 64) of its n bins, i = 1..64, all pairs. Bins must be finer
 *               than the grid's steps to tell anything: 2048 bins for up to 8 bits
 *   o      in   desc   in   bits, is_unsigned and scheme count for ENTROPY and MSE     lo, hi  out
 *   needs  nothing; O(bins), ENTROPY and MSE O(bins^2) to O(4096 bins)
 *   exact  same bits everywhere: sums in double, in the order of the bins
 *   fails  ARG (also if nothing was seen) RANGE(bits, block); lo and hi untouched
 *   from   Migacz 2017 (TensorRT, 8-bit inference: entropy); ONNX Runtime calibrate.py (percentile, entropy) */
SMASH_API smash_err smash_observer_range(smash_ctx *ctx, const smash_observer *o, const smash_quant_desc *desc, size_t block, float *lo, float *hi);

/* Scale and zero point of every block.
 *   o      in   desc   in   its grain is not looked at: the observer has its own
 *   scale  out  f32, o->blocks numbers of any shape     zero  out  i32, likewise; opt if the scheme is symmetric; may not alias scale
 *   needs, exact  as smash_observer_range, for each block
 *   fails  ARG (also if nothing was seen) DTYPE SHAPE RANGE(bits) OVERFLOW; scale and zero untouched */
SMASH_API smash_err smash_observer_fit(smash_ctx *ctx, const smash_observer *o, const smash_quant_desc *desc, const smash_tensor *scale, const smash_tensor *zero);

#if !SMASH_NO_DOUBLE
/* Scale and zero point of every block of a tensor in memory, by exact search for the least squared error: of the ranges
 * [lo k/128, hi k/128], k = 128 down to 32, lo and hi the block's minimum and maximum with 0, the one whose integers read back
 * with the least sum of squared errors; among equal ones the widest. Never worse than smash_quant_fit.
 *   w, scale, zero  in, out, out  as for smash_quant_fit
 *   needs  nothing; O(97 n)
 *   exact  same bits everywhere: f32 differences, exact squares summed in double in a fixed order. f64 numbers are rounded to f32
 *   fails  ARG DTYPE SHAPE RANGE(bits, block size) OVERFLOW NONFINITE(index); scale and zero untouched on all but NONFINITE */
SMASH_API smash_err smash_quant_fit_mse(smash_ctx *ctx, const smash_quant_desc *desc, const smash_tensor *w, const smash_tensor *scale,
                                        const smash_tensor *zero);
#endif
#endif

#if !SMASH_NO_VALUE
/*==================================================================================================
 * MARK: - Value                                                                            >>value
 * JSON in and out. The one idea: a document is one flat array of values in text order; `span` jumps over
 * a subtree, so nothing recurses, and every value knows its byte in the text, so every message has a place.
 *================================================================================================*/

typedef enum smash_value_type {
    SMASH_VALUE_NULL = 0, SMASH_VALUE_BOOL = 1, SMASH_VALUE_NUMBER = 2,
    SMASH_VALUE_STRING = 3, SMASH_VALUE_ARRAY = 4, SMASH_VALUE_OBJECT = 5
} smash_value_type;

/* Children follow their parent: v + 1 is the first child, child + child->span the next one. The children of
 * an object alternate key (a STRING), value, key, value. */
typedef struct smash_value {
    smash_value_type type;
    uint32_t    count;     /* ARRAY: elements; OBJECT: members; STRING, NUMBER: bytes of text */
    uint32_t    span;      /* values from here to the next sibling: itself and everything inside */
    uint32_t    at;        /* byte offset in the document */
    const char *text;      /* STRING: unescaped UTF-8, 0-terminated, may hold \0 inside; NUMBER: the literal, not terminated */
    double      number;    /* NUMBER: nearest double, Inf if too large; BOOL: 0 or 1 */
} smash_value;

typedef struct smash_json_desc {
    uint32_t    zero_begin;
    uint32_t    lenient;       /* 1: also True False None, 'single quotes', trailing commas, // and # comments; each use warns */
    uint32_t    unique_keys;   /* 1: a key twice in one object is an error */
    uint32_t    max_depth;     /* 0 = 32, at most 1024 */
    uint32_t    max_values;    /* 0 = 16,777,216 */
    const char *file;          /* name for messages; may be NULL; must outlive the result and diags */
    uint32_t    zero_end;
} smash_json_desc;

typedef struct smash_json {
    const smash_value *root;
    size_t      count;                 /* values in all */
    const char *text; size_t bytes;    /* the document, as handed in */
    const char *file;
} smash_json;

/* Parse RFC 8259 JSON, UTF-8 checked, numbers rounded correctly whatever the locale.
 *   text    in   bytes long (< 4 GiB), need not be terminated; must outlive the result (numbers point into it)
 *   arena   io   gets the values and the unescaped strings, in one piece, once the text is known to be right; not ctx->scratch
 *   diags   opt, io  errors and warnings with line and column: json_syntax json_limit json_duplicate_key;
 *                json_python_literal json_single_quotes json_trailing_comma json_comment
 *   out     out
 *   needs   arena 32 bytes a value plus the strings; scratch 8 bytes a level and, for unique_keys, 8 a member of the widest object;
 *           O(bytes), for unique_keys n log n in the members of one object; no recursion
 *   exact   everywhere
 *   fails   ARG SYNTAX(byte) LIMIT(byte) NOMEM(ctx->need); *out untouched */
SMASH_API smash_err smash_json_parse(smash_ctx *ctx, const smash_json_desc *desc, const char *text, size_t bytes,
                                     smash_arena *arena, smash_diags *diags, smash_json *out);

/* Member of an object by name, the first of that name, or NULL; of anything else NULL.
 *   object, name  opt, in     needs nothing, O(members); exact everywhere; fails never */
SMASH_API const smash_value *smash_value_get(const smash_value *object, const char *name);

/* 1 if v is a STRING that equals the terminated text.
 *   v, text  opt, in     needs nothing, O(bytes); exact everywhere; fails never */
SMASH_API int smash_value_is(const smash_value *v, const char *text);

/* A NUMBER written as digits only (with - for i64), exactly. Returns 1, or 0 if it is anything else or does not fit.
 *   v  opt, in     out  out, untouched for 0     needs nothing; exact everywhere; fails never */
SMASH_API int smash_value_u64(const smash_value *v, uint64_t *out);
SMASH_API int smash_value_i64(const smash_value *v, int64_t *out);

/* "null", "a boolean", "a number", "a string", "a list", "an object": for messages. Static text.
 *   needs nothing; exact everywhere; fails never */
SMASH_API const char *smash_value_kind(smash_value_type type);

/* 1-based line and column (in bytes) of a byte offset; of the end for one beyond it.
 *   doc  opt, in     line, column  opt, out     needs nothing, O(at); exact everywhere; fails never */
SMASH_API void smash_json_place(const smash_json *doc, uint32_t at, uint32_t *line, uint32_t *column);

/* Add a finding at v (NULL: no place). errors and warnings count all findings; those that are beyond max or find no
 * memory are not in the list, and counted in diags->dropped too.
 *   diags  opt, io: NULL drops it     code  in  static text     doc, v  opt, in  doc->file must outlive diags     message  in  copied
 *   needs  diags->arena: a smash_diag and the message; O(v->at); exact everywhere; fails never */
SMASH_API void smash_diag_add(smash_diags *diags, smash_severity severity, const char *code,
                              const smash_json *doc, const smash_value *v, const char *message);

/* Decimal text of a JSON number to the nearest double (ties to even), exactly, for any length.
 * Returns the bytes that form the number, 0 if none do (*out untouched).
 *   text  opt, in  bytes long     out  opt, out
 *   needs nothing, O(bytes); exact everywhere, in integers only, whatever the locale; fails never */
SMASH_API size_t smash_number_parse(const char *text, size_t bytes, double *out);

/* Shortest decimal that reads back as x, and of these the closest, 0-terminated: 0.1, 1e+22, 1e-05, -3. Whole numbers
 * below 1e17 print as digits, fractions from 0.0001 on too; NaN and Inf print as null, which JSON can hold.
 * Returns the length, at most 24.
 *   out  out     needs nothing; exact everywhere; fails never */
enum { SMASH_NUMBER_BYTES = 32 };
SMASH_API size_t smash_number_print(double x, char out[SMASH_NUMBER_BYTES]);

/* Bounded edit distance for "did you mean": returns the entry of names nearest to word, or NULL if none is
 * near (distance > max(1, length / 3)). Insert, delete, replace and swap neighbours cost 1, case costs nothing;
 * words over 64 bytes are near to nothing.
 *   word  opt, in     names  opt, in  count texts, NULL among them is skipped
 *   needs nothing, O(bytes of word x bytes of names); exact everywhere, the first of the nearest wins; fails never */
SMASH_API const char *smash_nearest(const char *word, const char *const *names, size_t count);

/* Streaming JSON writer: key order is call order, output is a pure function of the calls.
 *   put  gets the text piece by piece; returns 0 to go on; the first failure is kept in err and ends all output */
typedef struct smash_writer {
    smash_err (*put)(void *user, const char *text, size_t bytes);
    void     *user;
    uint32_t  indent;            /* spaces a level; 0 = everything on one line */
    uint32_t  flat;              /* > 0: containers inside `flat` or more others are written on one line; 0 = none */
    uint32_t  depth;             /* levels open; at most SMASH_WRITER_DEPTH */
    uint32_t  state;             /* private */
    uint64_t  is_array;          /* private: bit per level */
    smash_err err;
} smash_writer;
enum { SMASH_WRITER_DEPTH = 60 };

/* The document is complete when depth is 0 and err is 0. Bytes that are no UTF-8 are written as \ufffd.
 *   w      io   zeroed, then put, user and the layout set     key  in     text  opt, in     v  opt, in: NULL writes null
 *   needs nothing, O(bytes written); exact everywhere
 *   fails  in w->err: what put returned; ARG for a call out of order (a value without key in an object, end without begin, a second
 *          root, too deep) */
SMASH_API void smash_write_begin_object(smash_writer *w);
SMASH_API void smash_write_begin_array(smash_writer *w);
SMASH_API void smash_write_end(smash_writer *w);
SMASH_API void smash_write_key(smash_writer *w, const char *key);
SMASH_API void smash_write_null(smash_writer *w);
SMASH_API void smash_write_bool(smash_writer *w, int value);
SMASH_API void smash_write_i64(smash_writer *w, int64_t value);
SMASH_API void smash_write_u64(smash_writer *w, uint64_t value);
SMASH_API void smash_write_number(smash_writer *w, double value);          /* shortest; null if not finite */
SMASH_API void smash_write_text(smash_writer *w, const char *text);        /* NULL writes null; escapes what must be */
SMASH_API void smash_write_value(smash_writer *w, const smash_value *v);   /* a parsed subtree, numbers as they were written */

/* A growing text in an arena, 0-terminated from the first put on; smash_text_put is a smash_writer.put with user = smash_text.
 *   text   io   zeroed, then ctx and arena set     data  in  bytes long
 *   needs  arena: at most 4 bytes for each of the text, 256 at least; O(bytes), amortised
 *   exact everywhere; fails ARG NOMEM(ctx->need); text untouched */
typedef struct smash_text { smash_ctx *ctx; smash_arena *arena; char *data; size_t bytes, capacity; } smash_text;
SMASH_API smash_err smash_text_put(void *text, const char *data, size_t bytes);
#endif

#if !SMASH_NO_SELECT
/*==================================================================================================
 * MARK: - Select                                                                          >>select
 * Which modules a config entry means. The one idea: a pattern is compiled to a set of states that walks over
 * the text once, so a hostile pattern costs time in proportion to pattern x text, never more.
 *================================================================================================*/

/* A compiled regular expression; lives in the arena it was compiled into. */
typedef struct smash_regex { const uint32_t *code; uint32_t count; uint32_t states; } smash_regex;

/* Compile a pattern with the syntax and meaning of Python's re, on Unicode code points, limited to what a yes or no
 * answer needs: literals, ., classes [a-z] [^...] \d \w \s \D \W \S, groups ( ) (?: ) (?P<n> ) (?#...), |, ^ $ \A \Z \b \B,
 * * + ? {m,n} and their lazy forms, escapes \. \n \t \x41 \u0041 \U00000041 \012, flags (?i) (?m) (?s) in front or (?i:...).
 *   \w      ASCII letters, digits, _ and every code point from 128 on; \d is 0-9, \s is 9-13 and 28-32; (?i) folds ASCII letters;
 *           (?a) and (?u) change nothing. \B is the opposite of \b on an empty text too (Python from 3.14 on)
 *   bytes   that are not UTF-8 count as the code point of their value, in patterns and texts
 *   pattern  in  bytes long     arena  io  gets the program; may be &ctx->scratch     out  out
 *   needs   4 bytes of arena a state and a class, 8 a range; 24 bytes of scratch a group; O(pattern + states), n^1.5 in the
 *           ranges of one class; no recursion
 *   exact   everywhere
 *   fails   ARG SYNTAX(byte) NOMEM; UNSUPPORTED(byte) naming look-around, back-references, conditionals, atomic and
 *           possessive forms, (?x), \N{}; LIMIT(byte) past 100,000 states with {m,n} written out, or 100,000 class
 *           ranges; *out and arena untouched
 *   from    Python 3.11 re (re.match); Thompson 1968, doi:10.1145/363347.363387 */
SMASH_API smash_err smash_regex_compile(smash_ctx *ctx, const char *pattern, size_t bytes, smash_arena *arena, smash_regex *out);

/* *matched = 1 if the pattern matches at the start of text, as re.match does (the end may be anywhere).
 *   re  in     text  in  bytes long     matched  out
 *   needs  scratch 9 bytes a state; O(states x bytes); exact everywhere; fails ARG NOMEM(ctx->need); *matched untouched */
SMASH_API smash_err smash_regex_match(smash_ctx *ctx, const smash_regex *re, const char *text, size_t bytes, int *matched);

/* 1 if the whole text matches the shell glob: * ? [abc] [a-z] [!abc]; * crosses dots; no escape; an unclosed
 * [ is literal; a range that runs backwards is empty.
 *   glob, text  opt, in: NULL matches nothing     needs nothing, O(glob x text) at worst; exact everywhere; fails never
 *   from  Python fnmatch.fnmatchcase */
SMASH_API int smash_glob_match(const char *glob, const char *text);

typedef struct smash_names { const char *const *items; size_t count; } smash_names;

/* The six keys of a config entry. Empty = absent. */
typedef struct smash_select_desc {
    uint32_t    zero_begin;
    smash_names op_names, op_names_re, op_types;
    smash_names exclude_op_names, exclude_op_names_re, exclude_op_types;
    uint32_t    zero_end;
} smash_select_desc;

/* Which of count modules the entry means: (named or matching), narrowed to op_types; op_types alone if neither
 * name key is there; less everything excluded. Nothing positive selects nothing.
 *   names, types  in   count terminated strings, in model order
 *   selected      out  count bytes: 0 no, 1 by op_types or op_names_re, 2 by op_names
 *   known         opt, out  op_names.count bytes: 1 if that name is a module of the model
 *   needs  scratch: count bytes, and what the largest pattern needs; O(count x (patterns + names in the entry))
 *   exact  everywhere
 *   fails  ARG(index) NOMEM; SYNTAX UNSUPPORTED LIMIT of a pattern (ctx->index = its position in op_names_re, or op_names_re.count
 *          + its position in exclude_op_names_re); outputs untouched
 *   from   NNI v3 select_modules_by_config; unknown op_names are ignored there in the documentation only */
SMASH_API smash_err smash_select(smash_ctx *ctx, const smash_select_desc *desc, const char *const *names, const char *const *types,
                                 size_t count, unsigned char *selected, unsigned char *known);
#endif

#if !SMASH_NO_MODEL
/*==================================================================================================
 * MARK: - Model                                                                            >>model
 * Modules and their tensors. The one idea: a model is two flat arrays, parameters in file order and modules
 * in order of first appearance; `backbone.0.ffn.weight` is target `weight` of module `backbone.0.ffn`.
 *================================================================================================*/

enum { SMASH_NONE = -1 };   /* "no such index" in the uint32_t index fields below, cast: (uint32_t)SMASH_NONE */

typedef struct smash_param {
    const char  *name;       /* full name, as in the file */
    const char  *target;     /* last part: "weight" */
    uint32_t     module;     /* index into modules */
    uint32_t     next;       /* next parameter of the same module, or SMASH_NONE */
    smash_tensor tensor;     /* data NULL: still in the file, smash_model_load brings it */
    uint64_t     offset;     /* byte in the file, if it comes from one */
    smash_dtype  meant;      /* integers that smash compressed: their grid's dtype (I4 in U8 bytes, say), from the metadata; else NONE */
} smash_param;

typedef struct smash_module {
    const char *name;        /* "" is the root */
    const char *type;        /* "Conv2d", "Linear", "BatchNorm2d", "Embedding" ... */
    uint32_t    first;       /* first parameter, or SMASH_NONE */
    uint32_t    inferred;    /* 1: type was guessed from the tensors; 0: it was said */
} smash_module;

typedef struct smash_meta { const char *key, *value; } smash_meta;

/* The shape of an input or output of a module: no file has it, and none gets it. */
typedef struct smash_activation {
    uint32_t     module;     /* index into modules */
    const char  *target;     /* "_input_0", "_output_1", "_output_hidden" */
    smash_tensor tensor;     /* F32, data NULL; dim 0 is the batch; its name is that of module and target */
} smash_activation;

struct smash_io;
typedef struct smash_model {
    smash_arena           *arena;          /* everything below lives here */
    smash_param           *params;  size_t param_count;
    smash_module          *modules; size_t module_count;
    smash_meta            *metadata; size_t metadata_count;
    uint32_t              *by_name;        /* module indexes sorted by name */
    uint32_t              *param_by_name;  /* parameter indexes sorted by full name */
    size_t                 capacity;       /* of params */
    smash_activation      *activations; size_t activation_count;   /* sorted by module, then target */
    size_t                 activation_capacity;
    const struct smash_io *io;             /* where data comes from if params have none; may be NULL */
    uint64_t               file_bytes;     /* 0 if it comes from no file */
} smash_model;

/* Empty model over an arena.
 *   model  out     arena  in  must outlive the model; not ctx->scratch, which every call gives back
 *   needs nothing; exact everywhere; fails never */
SMASH_API void smash_model_init(smash_model *model, smash_arena *arena);

/* Add a parameter; name and tensor's shape are copied, its data is not.
 *   model  io  not finished     name  in  full name, UTF-8, not empty     tensor  in  any dtype and place, data may be NULL
 *   needs  arena: the name, and an array of 144 bytes a parameter that doubles when it is full
 *   exact  everywhere
 *   fails  ARG OVERFLOW(shape) LIMIT(2^32 - 2 parameters) NOMEM; model untouched */
SMASH_API smash_err smash_model_add(smash_ctx *ctx, smash_model *model, const char *name, const smash_tensor *tensor, uint64_t offset);

/* Build modules, infer their types, sort the name indexes. Call once, after the last add.
 * Types: the last part of the module's tensors decides: running_mean -> BatchNorm1d; else `weight` of rank 5, 4, 3
 * -> Conv3d, Conv2d, Conv1d; rank 2 -> Embedding if the module's last part contains "emb" or is wte or wpe, else
 * Linear; rank 1 -> LayerNorm; no weight -> "Module".
 *   model  io
 *   needs  arena about 28 bytes a module plus names, 4 a parameter, not ctx->scratch; scratch 8 bytes a parameter; O(n log n)
 *   exact  everywhere
 *   fails  ARG NOMEM; FORMAT for two parameters of one name (index = the second); model untouched */
SMASH_API smash_err smash_model_finish(smash_ctx *ctx, smash_model *model);

/* Index of a module or parameter by full name, or -1.
 *   model, name  opt, in: a finished model     needs nothing, O(log n); exact everywhere; fails never */
SMASH_API ptrdiff_t smash_model_find_module(const smash_model *model, const char *name);
SMASH_API ptrdiff_t smash_model_find_param(const smash_model *model, const char *name);

/* Parameter of a module by target name, or -1.
 *   model, target  opt, in: a finished model     needs nothing, O(parameters of the module); exact everywhere; fails never */
SMASH_API ptrdiff_t smash_model_find_target(const smash_model *model, size_t module, const char *target);

/* Say a module's type.
 *   model  io  finished     type  in  not empty, copied
 *   needs  arena: the text; exact everywhere; fails ARG NOMEM(ctx->need); model untouched */
SMASH_API smash_err smash_model_set_type(smash_ctx *ctx, smash_model *model, size_t module, const char *type);

/* Say the shape of an input or output, as it is with any batch; a second time replaces it. Plans made before do not see it.
 *   model  io  finished     target  in  _input_ or _input_0, _output_2, _output_hidden ...; copied     dims  in  ndim of them, dim 0 the batch
 *   needs  arena: the names, and an array of 120 bytes an input or output that doubles when it is full; O(their number); exact everywhere
 *   fails  ARG(module) SHAPE(dim that is 0; none, or more than SMASH_MAX_DIMS) OVERFLOW NOMEM(ctx->need); model untouched */
SMASH_API smash_err smash_model_set_shape(smash_ctx *ctx, smash_model *model, size_t module, const char *target, uint32_t ndim, const size_t *dims);

/* The shape of an input or output, if it has been said, or NULL. Gone with the next smash_model_set_shape.
 *   model, target  opt, in: a finished model     needs nothing, O(log their number); exact everywhere; fails never */
SMASH_API const smash_tensor *smash_model_find_activation(const smash_model *model, size_t module, const char *target);

/* Axis of a weight that "out_channel" and "in_channel" mean: 0 and 1, for ConvTranspose 1 and 0.
 *   type  opt, in     needs nothing; exact everywhere; fails never
 *   from  PyTorch layouts; NNI v3 documents rows as "out_channel" of an Embedding, and so do we; it takes 0 and 1 for
 *         ConvTranspose too, where axis 0 is the input */
SMASH_API uint32_t smash_type_out_axis(const char *type);
SMASH_API uint32_t smash_type_in_axis(const char *type);
#endif

#if !SMASH_NO_IO
/*==================================================================================================
 * MARK: - IO                                                                                  >>io
 * Safetensors in and out, through callbacks. The one idea: sizes first, data later. A reader knows every
 * tensor's place before it touches one; a writer lays out the file before it has the first number.
 *================================================================================================*/

/* Where bytes come from and go to. Offsets are from the start of the file. Return 0 for success. */
typedef struct smash_io {
    int (*read)(void *user, uint64_t offset, void *data, size_t bytes);          /* all of them, or fail */
    int (*write)(void *user, uint64_t offset, const void *data, size_t bytes);   /* all of them, or fail */
    const void *map;       /* the whole file in memory, or NULL; then tensors are views and nothing is copied */
    uint64_t    bytes;     /* size of the file to read */
    void       *user;
} smash_io;

/* A file that lies in memory (a mapping, flash, a buffer), to read from.
 *   data  opt, in  bytes long, must outlive the io     needs nothing; exact everywhere; fails never */
SMASH_API smash_io smash_io_memory(const void *data, size_t bytes);

#if !SMASH_NO_STDIO
/* A stdio FILE* opened "rb" or "wb+" or "r+b"; passed as void* so that this header needs no <stdio.h>.
 *   file   io   must outlive the io; its position moves, here and with every read and write
 *   needs nothing but the FILE's own buffer; exact everywhere
 *   fails  the returned io has no read and no write if the size cannot be told; files whose size is no long are refused */
SMASH_API smash_io smash_io_file(void *file);
#endif

typedef struct smash_safetensors_desc {
    uint32_t    zero_begin;
    uint32_t    allow_trailing;     /* 1: bytes behind the last tensor are ignored (some files in the wild have them) */
    uint64_t    max_header;         /* 0 = 100,000,000 bytes, the reference's limit */
    const char *file;               /* name for messages; may be NULL */
    uint32_t    zero_end;
} smash_safetensors_desc;

/* Read the header of a safetensors file into a model; the data stays where it is.
 *   io      in   must outlive the model     arena  io  not ctx->scratch     model  out  initialised here, in arena; finished
 *   diags   opt, io  the violated rule with its place
 *   needs   arena about 200 bytes a tensor plus names and metadata; scratch about 7 x the header, whatever it says at
 *           most 16 x and 4 KB; O(header log tensors)
 *   exact   the rules of the reference implementation: header length, UTF-8, JSON object, dtype, shape and data_offsets,
 *           string metadata, sizes = shape x dtype, no hole, no overlap, no trailing byte. Stricter: no key twice, no other
 *           key in an entry, no empty name, no \0 in a text, at most SMASH_MAX_DIMS dims (LIMIT). Parameters come in the
 *           order of their data. metadata smash.module_types gives the types, else they are inferred
 *   fails   ARG FORMAT(byte) LIMIT NOMEM IO; VERSION for a smash.format_version in the metadata that is newer than this smash; *model
 *           untouched
 *   from    github.com/huggingface/safetensors */
SMASH_API smash_err smash_safetensors_read(smash_ctx *ctx, const smash_safetensors_desc *desc, const smash_io *io, smash_arena *arena,
                                           smash_diags *diags, smash_model *model);

/* The numbers of one parameter: its own data, a view into the map, or bytes read into arena (in host byte order).
 *   view    out  data aligned for its dtype; SMASH_TENSOR_CONST unless it was read into arena
 *   model   in     arena  opt, io  may be &ctx->scratch
 *   needs   arena: the tensor's bytes, unless the model has its data, or it is mapped and aligned; O(bytes read)
 *   exact   everywhere
 *   fails   ARG OVERFLOW NOMEM(ctx->need) IO; *view untouched */
SMASH_API smash_err smash_model_load(smash_ctx *ctx, const smash_model *model, size_t param, smash_arena *arena, smash_tensor *view);

/* Layout of a file to write: header text and the place of every tensor. */
typedef struct smash_layout {
    const char *header; size_t header_bytes;   /* the 8-byte length included */
    uint64_t   *offsets, *sizes;               /* bytes from the start of the file, bytes; in the caller's tensor order */
    size_t      count;
    uint64_t    bytes;                         /* of the whole file */
} smash_layout;

/* Lay out a file: tensors sorted by descending alignment, then by name, header padded to 8 with spaces, as the
 * reference writer does. Packed dtypes are stored as U8 and must be views of dtype U8 here.
 *   tensors  in   count of them: dtype, shape and name; data is not looked at     metadata  opt, in  string pairs, written in this order
 *   arena    io   not ctx->scratch     out  out
 *   needs    arena: header and 16 bytes a tensor; scratch 8 bytes a tensor (or metadata pair, if more); O(n log n)
 *   exact    same bytes for the same arguments
 *   fails    ARG (no name, a name or key twice, text that is no UTF-8; index) DTYPE SHAPE(bits left over) OVERFLOW
 *            LIMIT(header over 100,000,000 bytes) NOMEM(ctx->need); *out untouched */
SMASH_API smash_err smash_safetensors_layout(smash_ctx *ctx, const smash_tensor *tensors, size_t count, const smash_meta *metadata,
                                             size_t metadata_count, smash_arena *arena, smash_layout *out);

/* Write the header; write one tensor's numbers at its place, in any order. Big-endian hosts swap on the way.
 *   layout  in   of smash_safetensors_layout     io  io  with write     tensor  in  as many bytes as were laid out for it
 *   needs   scratch 4,096 bytes on big-endian hosts; O(bytes)
 *   exact   everywhere
 *   fails   ARG IO; put also SHAPE DTYPE DEVICE OVERFLOW NOMEM(ctx->need); the file is then unspecified */
SMASH_API smash_err smash_safetensors_begin(smash_ctx *ctx, const smash_layout *layout, const smash_io *io);
SMASH_API smash_err smash_safetensors_put(smash_ctx *ctx, const smash_layout *layout, const smash_io *io, size_t index, const smash_tensor *tensor);
#endif

#if !SMASH_NO_CONFIG
/*==================================================================================================
 * MARK: - Config                                                                          >>config
 * What to do to a model, as a dictionary, and the algorithms it may name. The one idea: a row of a table says
 * what a key may hold, and setting, checking, messages, printing, saving and `smash algorithms` read that row.
 *================================================================================================*/

/* In the order in which they are applied to a model. At most one algorithm of each is active. */
typedef enum smash_group {
    SMASH_GROUP_NONE = 0,
    SMASH_PRUNER = 1, SMASH_DISTILLER = 2, SMASH_QUANTIZER = 3, SMASH_RECOVERER = 4,
    SMASH_CACHER = 5, SMASH_COMPILER = 6, SMASH_BATCHER = 7,
    SMASH_GROUP_COUNT = 8
} smash_group;

/* "pruner" (static text); and back: SMASH_GROUP_NONE if there is no such group.
 *   name  in     needs nothing; exact everywhere; fails never */
SMASH_API const char *smash_group_name(smash_group group);
SMASH_API smash_group smash_group_from_name(const char *name);

/* ---- keys ---- */

/* What a key holds. A word in a table means true, false, null or a number if it reads like one, else a string. */
typedef enum smash_key_kind {
    SMASH_KEY_NAMES = 1,        /* list of strings */
    SMASH_KEY_PATTERNS = 2,     /* list of regular expressions */
    SMASH_KEY_NUMBER = 3,       /* number in low..high */
    SMASH_KEY_CHOICE = 4,       /* one of the words in legal */
    SMASH_KEY_DTYPE = 5,        /* int2 .. int16, uint2 .. uint16 */
    SMASH_KEY_GRANULARITY = 6,  /* word of legal, [sizes], [[sizes], mode], [[sizes], mode, pad] */
    SMASH_KEY_ALIGN = 7,        /* {"module_name": ..., "target_name": ..., "dims": [...]} */
    SMASH_KEY_SETTINGS = 8,     /* target_settings */
    SMASH_KEY_LATER = 9,        /* understood; refused by this version unless null or false */
    SMASH_KEY_INTEGER = 10,     /* whole number in low..high */
    SMASH_KEY_ORDINAL = 11,     /* one of the words in legal, which stand in order */
    SMASH_KEY_BOOLEAN = 12,     /* true or false */
    SMASH_KEY_CONSTANT = 13,    /* the default and nothing else */
    SMASH_KEY_LIST = 14,        /* config_list */
    SMASH_KEY_GLOBS = 15,       /* list of globs over module names */
    SMASH_KEY_ALGORITHM = 16,   /* name of an algorithm of the group that the key names, or null */
    SMASH_KEY_TYPES = 17,       /* {"module": "type"} */
    SMASH_KEY_DEVICE = 18,      /* cpu, cuda, cuda:N */
    SMASH_KEY_ID = 19,          /* string or whole number */
    SMASH_KEY_AMOUNT = 20,      /* whole number from 1 on, or a share above 0 and below 1 */
    SMASH_KEY_SHAPES = 21,      /* {"module": {"_output_0": [1, 16, 8, 8]}} */
    SMASH_KEY_TEMPLATES = 22    /* module_templates: {"type": {"inputs": [...], "pruner": {"weight": {}} ...}} */
} smash_key_kind;

/* One key of a table: a hyperparameter, a key of a config_list entry, or one of the dictionary itself. */
typedef struct smash_key {
    const char    *name;
    smash_key_kind kind;
    const char    *legal;       /* CHOICE, ORDINAL, GRANULARITY: words separated by blanks; else text for messages; may be NULL */
    const char    *fallback;    /* default: a word, or a JSON list */
    const char    *text;        /* one line of help */
    double         low, high;   /* NUMBER, INTEGER: inclusive */
    uint32_t       log;         /* NUMBER, INTEGER: 1: a search spreads over the logarithm */
    uint32_t       groups;      /* entries only: bit per smash_group that knows it */
    uint32_t       selects;     /* entries only: 1: selects modules and targets; 0: sets a target, so it may stand in
                                   target_settings, and as the hyperparameter <algorithm>_<name> */
} smash_key;

/* Rows for the hyperparameters of an algorithm of yours, such as SMASH_HYPER_CHOICE("backend", "fast small", "fast", "which kernel").
 * Values are taken as Python compares them: 64.0 is the integer 64, true is 1, and 1 is true where true is legal. */
#define SMASH_HYPER_CHOICE(name, words, fallback, text)          { name, SMASH_KEY_CHOICE, words, fallback, text, 0, 0, 0, 0, 0 }
#define SMASH_HYPER_ORDINAL(name, words, fallback, text)         { name, SMASH_KEY_ORDINAL, words, fallback, text, 0, 0, 0, 0, 0 }
#define SMASH_HYPER_INTEGER(name, low, high, fallback, text)     { name, SMASH_KEY_INTEGER, NULL, fallback, text, low, high, 0, 0, 0 }
#define SMASH_HYPER_NUMBER(name, low, high, fallback, text)      { name, SMASH_KEY_NUMBER, NULL, fallback, text, low, high, 0, 0, 0 }
#define SMASH_HYPER_LOG_NUMBER(name, low, high, fallback, text)  { name, SMASH_KEY_NUMBER, NULL, fallback, text, low, high, 1, 0, 0 }
#define SMASH_HYPER_BOOLEAN(name, fallback, text)                { name, SMASH_KEY_BOOLEAN, NULL, fallback, text, 0, 0, 0, 0, 0 }
#define SMASH_HYPER_CONSTANT(name, value, text)                  { name, SMASH_KEY_CONSTANT, NULL, value, text, 0, 0, 0, 0, 0 }
#define SMASH_HYPER_NAMES(name, fallback, text)                  { name, SMASH_KEY_NAMES, NULL, fallback, text, 0, 0, 0, 0, 0 }
#define SMASH_HYPER_GLOBS(name, fallback, text)                  { name, SMASH_KEY_GLOBS, NULL, fallback, text, 0, 0, 0, 0, 0 }

/* The keys of a config_list entry. Static, in the order in which help prints them.
 *   count  opt, out     needs nothing; exact everywhere; fails never */
SMASH_API const smash_key *smash_config_keys(size_t *count);

/* ---- algorithms ---- */

/* What smash_save writes when this algorithm has run, and what smash_load does then. */
typedef enum smash_save_mode {
    SMASH_SAVE_DEFAULT = 0,        /* cacher: REAPPLY; compiler, batcher: BEFORE_APPLY; the others: NONE */
    SMASH_SAVE_NONE = 1,           /* nothing special: the file holds what the algorithm did */
    SMASH_SAVE_BEFORE_APPLY = 2,   /* quick to do again, and cannot be stored: the file holds the model as it was before */
    SMASH_SAVE_REAPPLY = 3         /* quick to do again, and leaves the parameters alone: job->state is all it makes */
} smash_save_mode;

enum { SMASH_ON_CPU = 1, SMASH_ON_CUDA = 2 };
enum { SMASH_NEEDS_TOKENIZER = 1, SMASH_NEEDS_PROCESSOR = 2, SMASH_NEEDS_DATA = 4 };

struct smash_algo;
struct smash_config;
struct smash_work;

/* What the callbacks of an algorithm see. */
typedef struct smash_job {
    const struct smash_algo   *algo;
    const struct smash_config *config;
    smash_model               *model;    /* apply: a copy to change, see smash(); check_model and hook: to look at */
    smash_arena               *arena;    /* apply: lives as long as the result; else NULL: ctx->scratch is all there is */
    void                      *state;    /* apply: what it leaves for the run time; to be found in the result */
} smash_job;

/* For algorithms that go through a model tensor by tensor, so that it may be larger than memory. Pruners and quantizers only. */
typedef struct smash_targets {
    const char *const *default_types;    /* NULL-terminated; what the shorthands without a config_list apply to */
    smash_metric       metric;           /* pruners */
    smash_grain_kind   default_grain;    /* granularity "default" on parameters: ELEMENT, TENSOR, or AXIS = out_channel */
    smash_err        (*apply)(smash_ctx *ctx, struct smash_work *work);   /* on one tensor; see algo */
} smash_targets;

/* One algorithm. Everything the library knows of it is here; there is no second list. Zero is the default of every field that may be
 * left out. A callback that does not return 0 refuses; it says why with smash_ctx_fail. */
typedef struct smash_algo {
    const char          *name;           /* snake_case */
    smash_group          group;
    const char          *summary;        /* one line */
    const char          *description;    /* opt: a paragraph */
    const char *const   *references;     /* opt: papers and links, NULL-terminated */
    const char *const   *aliases;        /* opt: its names elsewhere, NULL-terminated */
    const char *const   *compatible;     /* opt: algorithms of other groups that may be active with it, NULL-terminated. It is enough
                                            if one of the two lists the other, and polite if both do: see smash_registry_check */
    uint32_t             needs;          /* SMASH_NEEDS_... */
    uint32_t             runs_on;        /* SMASH_ON_...; 0 = the CPU */
    smash_save_mode      save;
    uint32_t             on_modules;     /* 1: has the keys include and exclude, see smash_job_takes; targets bring them, too */
    const smash_key     *keys;           /* opt: its hyperparameters, key_count of them */
    size_t               key_count;
    const smash_targets *targets;        /* either this, which brings config_list and its shorthands, or apply */
    smash_err          (*check_config)(smash_ctx *ctx, const smash_job *job);   /* opt: rules between keys. Asked when a file has been loaded,
                                                                                  by smash_config_check and smash(), not at each set */
    smash_err          (*check_model)(smash_ctx *ctx, const smash_job *job);    /* opt: does it fit this model? */
    smash_err          (*hook)(smash_ctx *ctx, const smash_job *job);           /* opt: after all checks, before anything is applied */
    smash_err          (*apply)(smash_ctx *ctx, smash_job *job);                /* on the whole model, see smash() */
    void                *user;
} smash_algo;

/* Key number i of an algorithm, or NULL behind the last: its own keys, then, for one with targets, config_list, for pruners
 * target_parameters, target_bytes and target_macs, and the shorthands, then include and exclude. Static, or the algorithm's.
 *   algo  in     needs nothing, O(keys); exact everywhere; fails never */
SMASH_API const smash_key *smash_algo_key(const smash_algo *algo, size_t i);

/* What save means for this algorithm: never SMASH_SAVE_DEFAULT.
 *   algo  in     needs nothing; exact everywhere; fails never */
SMASH_API smash_save_mode smash_algo_save(const smash_algo *algo);

/* 1 if both may be active at once: they are of different groups, and one of them lists the other.
 *   a, b  in     needs nothing, O(names listed); exact everywhere; fails never */
SMASH_API int smash_algo_fits(const smash_algo *a, const smash_algo *b);

/* The algorithms a config may name: pointers to descriptors, in room of the caller. smash_builtins() is one that is ready, and
 * full. */
typedef struct smash_registry {
    const smash_algo *const *algos;    /* count of them */
    size_t                   count, capacity;
    const smash_algo       **room;     /* the same place, to write to; NULL: nothing can be added */
} smash_registry;

/* An empty registry over room for so many algorithms.
 *   registry  out     algos  out  capacity pointers; must outlive the registry
 *   needs nothing; exact everywhere; fails never */
SMASH_API void smash_registry_init(smash_registry *registry, const smash_algo **algos, size_t capacity);

/* Add an algorithm, at any time: configs look names up when they are used.
 *   registry  io     algo  in  not copied; must outlive the registry
 *   needs   O(algorithms x keys^2)
 *   exact   everywhere
 *   fails   ARG, saying what is wrong: name, group or summary is missing; neither targets nor apply, or both; targets in a group that is
 *           neither pruner nor quantizer; a name, alias or key that is not snake_case; a name or alias that is taken; a key that is there twice, of a kind that
 *           is not for hyperparameters, or whose default is not legal; a <algorithm>_<key> that is a key already. LIMIT when the
 *           room is full. registry untouched */
SMASH_API smash_err smash_register(smash_ctx *ctx, smash_registry *registry, const smash_algo *algo);

/* The algorithm of that name, or one with such an alias, or NULL. Aliases are found in all spellings: L1Filter, l1-filter, L1FilterPruner.
 *   registry, name  opt, in     needs nothing, O(names); exact everywhere; fails never */
SMASH_API const smash_algo *smash_registry_find(const smash_registry *registry, const char *name);

/* Algorithms of NNI, Auptimizer and Pruna that have no entry of their own here: the name of the one to take instead, "" if there is
 * none yet; NULL for any other name. Those that are only called otherwise are aliases.
 *   name  opt, in     needs nothing; exact everywhere; fails never */
SMASH_API const char *smash_algo_instead(const char *name);

/* Are the lists of compatible algorithms in order? Warns of a pair that only one side lists, of a name that is not registered, and of
 * one in the same group. None of it does harm: one side is enough.
 *   registry  in     diags  io  gets registry_one_sided, registry_unknown_name, registry_same_group     found  opt, out  how many
 *   needs   diags->arena: the findings; O(names listed x algorithms); exact everywhere; fails ARG; *found untouched */
SMASH_API smash_err smash_registry_check(smash_ctx *ctx, const smash_registry *registry, smash_diags *diags, size_t *found);

/* ---- components ---- */

/* What some algorithms need beside a model. Callbacks return 0 or an error. The name is for messages and may be NULL. A tensor to be
 * filled comes with room, data and bytes; the callback sets dtype and shape, and answers SHAPE if there is too little. */
typedef struct smash_tokenizer {
    const char *name;
    /* text, bytes long, to ids: at most capacity of them are written, *count is how many there are */
    smash_err (*encode)(void *user, const char *text, size_t bytes, int32_t *ids, size_t capacity, size_t *count);
    void       *user;
} smash_tokenizer;

typedef struct smash_processor {
    const char *name;
    smash_err (*process)(void *user, const smash_tensor *raw, smash_tensor *input);   /* from what a sensor gives to what the model takes */
    void       *user;
} smash_processor;

typedef enum smash_split { SMASH_SPLIT_TRAIN = 0, SMASH_SPLIT_VALIDATION = 1, SMASH_SPLIT_TEST = 2, SMASH_SPLIT_COUNT = 3 } smash_split;
typedef struct smash_data {
    const char *name;
    uint64_t    count[SMASH_SPLIT_COUNT];                                             /* samples */
    smash_err (*sample)(void *user, smash_split split, uint64_t index, smash_tensor *input, smash_tensor *target);
    void       *user;
} smash_data;

/* ---- the dictionary ---- */

/* One key and its value. */
typedef struct smash_setting {
    const char        *name;      /* in full: "hqq_weight_bits" */
    const smash_key   *key;       /* what it may hold; NULL: unknown, kept from a file of another version */
    const smash_algo  *algo;      /* whose hyperparameter it is; NULL: a key of the dictionary itself */
    const smash_value *value;     /* never NULL; of type NULL for a group without algorithm */
    const smash_json  *doc;       /* the file that says so, for messages; NULL: a default, or set by a call */
    uint32_t           is_default;
} smash_setting;

/* settings[0 .. count) is all of the dictionary, in this order: groups by name (batcher, cacher ...); hyperparameters of the active
 * algorithms by full name; batch_size, device, module_templates, module_types, on_overlap, pack_sparse, shapes; unknown keys of files. */
enum { SMASH_CONFIG_MAX = 256 };   /* keys in one config */
typedef struct smash_config {
    const smash_registry  *registry;
    smash_arena           *arena;
    smash_diags           *diags;
    const smash_tokenizer *tokenizer;         /* see smash_config_add_tokenizer */
    const smash_processor *processor;
    const smash_data      *data;
    uint32_t               defer_components;  /* 1: only smash() asks for the components an algorithm needs, activating it does not */
    smash_setting          settings[SMASH_CONFIG_MAX];
    size_t                 count;
} smash_config;

/* A config in which no algorithm is active. Findings go to diags, those of refused sets, too; zero it and set its arena again to forget them.
 *   config  out     registry, arena, diags  in  must outlive the config; neither arena may be ctx->scratch
 *   needs nothing; exact everywhere; fails never */
SMASH_API void smash_config_init(smash_config *config, const smash_registry *registry, smash_arena *arena, smash_diags *diags);

/* Set a key. To name an algorithm for its group activates it: its hyperparameters are there then, with their defaults, and those of the
 * algorithm before are forgotten. The same name again changes nothing. null for a group deactivates.
 *   config  io     key  in     value  opt, in  copied; NULL is null
 *   needs   arena: the value; names and defaults of the keys of an algorithm that is activated. None of it is given back before the
 *           arena is (smash_config_copy takes along only what is in use); scratch: a smash_config (20 KB), and what the largest pattern needs
 *   exact   everywhere
 *   fails   ARG NOMEM(ctx->need) LIMIT(keys); CONFIG, the first of: the key is unknown, its value illegal, its algorithm inactive, the
 *           algorithm not compatible with an active one, or without a component it needs. The sentence, in diags and in ctx, says what
 *           is legal, which name is near, or what to set first. config unchanged on all
 *   from    Pruna 0.2, SmashConfig */
SMASH_API smash_err smash_config_set(smash_ctx *ctx, smash_config *config, const char *key, const smash_value *value);

/* The same from a word, a number, 0 or 1, or "key=value", where the value is JSON, or else a plain word.
 *   config  io     key, assignment  in     word  opt, in  NULL is null. All copied
 *   needs, exact  as smash_config_set; from text also its copy in arena     fails  as smash_config_set: ARG NOMEM LIMIT CONFIG */
SMASH_API smash_err smash_config_set_word(smash_ctx *ctx, smash_config *config, const char *key, const char *word);
SMASH_API smash_err smash_config_set_number(smash_ctx *ctx, smash_config *config, const char *key, double number);
SMASH_API smash_err smash_config_set_bool(smash_ctx *ctx, smash_config *config, const char *key, int yes);
SMASH_API smash_err smash_config_set_text(smash_ctx *ctx, smash_config *config, const char *assignment);

/* Back to the default: a group to no algorithm; an unknown key goes.
 *   config  io     key  in     needs, exact  as smash_config_set     fails  as smash_config_set: ARG NOMEM LIMIT CONFIG */
SMASH_API smash_err smash_config_unset(smash_ctx *ctx, smash_config *config, const char *key);

/* The value of a key; for a group without algorithm one of type NULL.
 *   config, key  in     needs nothing, O(keys); for the nearest name of an unknown key scratch, if there is some; exact everywhere
 *   fails  returns NULL: ARG NOTFOUND (no such key, or its algorithm is not active) in ctx */
SMASH_API const smash_value *smash_config_get(smash_ctx *ctx, const smash_config *config, const char *key);

/* The algorithm active in a group, or NULL.
 *   config  in     needs nothing, O(keys + algorithms); exact everywhere; fails never */
SMASH_API const smash_algo *smash_config_active(const smash_config *config, smash_group group);

/* Read a config file: a JSON object is the dictionary, a bare list is the config_list of `algorithm`. Groups come first, whatever the
 * order in the file. One that says "format_version" was written by a program, perhaps by another version of this one: what it leaves out
 * has its default, and unknown keys are kept, with a warning. In any other file they are errors. Components are not asked for here.
 *   config     io   initialised; what it holds already stays, keys of the file win
 *   text       in   bytes long; must outlive the config     file  opt, in  name for messages; must outlive the config
 *   algorithm  opt, in  needed for a bare list
 *   needs      arena: as smash_json_parse and smash_config_set (kept even if it fails); scratch: a smash_config (20 KB), and what parsing or
 *              the largest pattern needs
 *   exact      everywhere; linear in bytes, as smash_json_parse; patterns are checked, and written out only by smash_config_resolve
 *   fails      ARG NOMEM(ctx->need) LIMIT; SYNTAX with the place in diags; CONFIG with every mistake in diags; config unchanged on all */
SMASH_API smash_err smash_config_load(smash_ctx *ctx, smash_config *config, const char *text, size_t bytes, const char *file, const char *algorithm);

/* Write the dictionary as a JSON object that smash_config_load reads: format_version, smash_version, then settings[0 .. count). The
 * components are not in it.
 *   config  in     w  io  see smash_writer
 *   needs nothing, O(bytes); exact everywhere; fails in w->err: ARG, or what its put returned */
SMASH_API void smash_config_save(const smash_config *config, smash_writer *w);

/* Print it for people, as SmashConfig prints itself: groups that have an algorithm and hyperparameters, one a line.
 *   config  in     put  in  gets the text piece by piece, as in smash_writer     user  opt, io  for put
 *   needs nothing, O(bytes); exact everywhere; fails ARG LIMIT (64 levels), or what put returned */
SMASH_API smash_err smash_config_print(const smash_config *config, smash_err (*put)(void *user, const char *text, size_t bytes), void *user);

/* 1 if both hold the same keys and values, however they came about. Components do not matter.
 *   a, b  in     needs nothing, O(values), in objects also their order counts; exact everywhere; fails never */
SMASH_API int smash_config_equal(const smash_config *a, const smash_config *b);

/* A copy that shares only registry and components with the original, so that each may go its way on a thread of its own. It does not
 * know the places in files any more.
 *   from  in     arena, diags  in  of the copy; must outlive it     to  out
 *   needs  arena: names and values, 48 bytes a value; exact everywhere; fails ARG NOMEM(ctx->need); *to untouched */
SMASH_API smash_err smash_config_copy(smash_ctx *ctx, const smash_config *from, smash_arena *arena, smash_diags *diags, smash_config *to);

/* As smash_config_init, but batch_size, device and the components stay.
 *   config  io     needs nothing; exact everywhere; fails never */
SMASH_API void smash_config_flush(smash_config *config);

/* Give the config a component, or, with NULL, take it away.
 *   config  io     tokenizer, processor, data  opt, in  not copied; must outlive the config
 *   needs nothing; exact everywhere; fails ARG (its callback is missing); config unchanged */
SMASH_API smash_err smash_config_add_tokenizer(smash_ctx *ctx, smash_config *config, const smash_tokenizer *tokenizer);
SMASH_API smash_err smash_config_add_processor(smash_ctx *ctx, smash_config *config, const smash_processor *processor);
SMASH_API smash_err smash_config_add_data(smash_ctx *ctx, smash_config *config, const smash_data *data);
#define smash_config_add_dataset smash_config_add_data

/* Check all that can be checked without a model, rules between keys included, components not.
 *   config  in     needs scratch for the largest pattern, arena for findings
 *   exact everywhere; fails ARG NOMEM(ctx->need); CONFIG with every mistake in diags */
SMASH_API smash_err smash_config_check(smash_ctx *ctx, const smash_config *config);

/* For the callbacks of an algorithm: the value of a key of its own by its short name ("backend"), else of a group or another key of
 * the dictionary itself; NULL if there is none. A word is a STRING, for smash_value_is; a number is ->number, a whole one also for
 * smash_value_i64; a boolean is ->number != 0.
 *   job, name  in     needs nothing, O(keys); exact everywhere; fails never */
SMASH_API const smash_value *smash_job_value(const smash_job *job, const char *name);

/* 1 if include and exclude of the algorithm let this module pass: some glob of include matches its name, none of exclude.
 *   job  in  of an algorithm that has these keys     module  in  name     needs nothing; exact everywhere; fails never
 *   from  Pruna 0.3, target modules; Python fnmatch */
SMASH_API int smash_job_takes(const smash_job *job, const char *module);

/* ---- over a model ---- */

/* How targets of one group are pruned together. */
typedef enum smash_group_rule {
    SMASH_RULE_NONE = 0,
    SMASH_RULE_GLOBAL = 1,           /* global_group_id: smash_mask_allocate_global */
    SMASH_RULE_SHARED = 2,           /* dependency_group_id: smash_mask_allocate_shared */
    SMASH_RULE_GOAL = 3              /* nothing is asked of them: they give up what the goal needs, by smash_mask_allocate_global */
} smash_group_rule;
typedef struct smash_target_group {
    smash_group_rule rule;
    uint32_t         first, count;   /* first row; the others through next_member */
    uint32_t         last;
    uint32_t         made;           /* 1: the masks of its rows are in `kept` */
    uint64_t         numbers, masked; /* filled by smash_run: of all its targets, and how many of them went */
    const char      *note;           /* idem: why it is not what was asked; NULL if it is */
} smash_target_group;

/* What may be left of the whole model: target_parameters, target_bytes or target_macs of a pruner. */
typedef enum smash_goal_kind {
    SMASH_GOAL_NONE = 0,
    SMASH_GOAL_PARAMETERS = 1,       /* numbers that are not zero when they are read back */
    SMASH_GOAL_BYTES = 2,            /* of the file */
    SMASH_GOAL_MACS = 3              /* multiply-accumulates a sample, of Linear and of convolutions; a masked weight costs none */
} smash_goal_kind;
typedef struct smash_goal {
    smash_goal_kind  kind;
    const smash_key *key;            /* "target_bytes" */
    double           asked;          /* so much; below 1: this share of what there is */
    const uint64_t  *uses;           /* MACS: per parameter, in how many of them each of its numbers takes part */
    uint32_t         group;          /* index into the groups of the plan */
    uint64_t         before;         /* filled by smash_run: what there is. BYTES: of its tensors */
    uint64_t         most, left;     /* idem: what may be left, what is */
} smash_goal;

/* One target and one algorithm: what was asked, what came of it. The report is these rows. */
typedef struct smash_row {
    const smash_algo *algo;
    uint32_t     module, param;      /* indexes into the model; param SMASH_NONE: an input or output, or not there */
    const char  *target;             /* "weight", "bias", "_input_0" ... */
    const smash_tensor *activation;  /* shape of an input or output; NULL: not known, or a parameter */
    const char  *at;                 /* "config.json:12:7": the entry that asked */
    uint32_t     entry;              /* its number in the config_list, from 0; of a given mask, in its file */
    const smash_json  *doc;          /* for messages: the text that `place` stands in; NULL if there is none */
    const smash_value *place;        /* the entry; NULL for shorthands */
    const char  *note;               /* why it is not what was asked; NULL if it is. Rows with `skip` do nothing */
    uint32_t     skip;
    /* pruners */
    smash_mask_desc mask;            /* grain resolved: never DEFAULT */
    uint32_t     n_of_m;             /* M of a granularity N:M, whose parts must lose just so much; else 0 */
    smash_apply_method apply_method; /* DEFAULT only in rows with `skip` */
    double       apply_value;        /* of ADD, never 0; else 0. Masks of inputs and outputs are made for who runs the model, not applied */
    const char  *align_target;       /* the target it follows, of module align_module; NULL: it makes its own mask */
    uint32_t     align_module;
    uint32_t     align_row;          /* index of the row whose mask this one follows, or SMASH_NONE */
    int32_t      align_dims[SMASH_MAX_DIMS];
    uint32_t     align_dim_count;
    uint32_t     first_dependent;    /* rows that follow this one: a list through next_dependent, ended by SMASH_NONE */
    uint32_t     next_dependent;
    smash_group_rule   group_rule;   /* NONE: this target by itself */
    const smash_value *group_id;
    const smash_json  *group_doc;    /* the text it stands in */
    uint32_t     group;              /* index into the groups of the plan, or SMASH_NONE */
    uint32_t     next_member;        /* next row of the same group, or SMASH_NONE */
    /* quantizers */
    smash_quant_desc quant;
    int32_t      qmin, qmax;
    /* filled by smash_run */
    smash_mask_stats  mask_stats;
    smash_quant_stats quant_stats;
    smash_tensor      kept;          /* mask of an aligned row, or of one in a group, made together with its source's or the group's. Of
                                        an input or output its name and, if it has no `activation`, its shape are there from the start */
    uint32_t          has_zero;      /* 1: not all zero points are 0 */
} smash_row;

typedef struct smash_plan {
    const smash_model *model;
    smash_arena       *arena;
    smash_row         *rows;
    size_t             count;
    uint32_t          *prune, *quantize;   /* per parameter: its row, or SMASH_NONE */
    smash_target_group *groups;            /* targets that are pruned together */
    size_t             group_count;
    smash_goal         goal;
    uint32_t          *order;              /* parameters, sources of aligned masks before those that follow them */
    const char        *config_text;        /* the resolved config as one line of JSON: stored in the file that is written */
    const char        *types_text;         /* {"module": "type", ...} */
    const char        *dtypes_text;        /* {"conv1.weight": "int4", ...}: what the stored integers are */
    const char        *dictionary_text;    /* the config as it was given, less what is default */
    uint32_t           pack_sparse;        /* 1: pruned tensors are stored without zeros where that is smaller */
    smash_row         *given;              /* smash_run with masks_in: what came of each mask, in order of the model */
    size_t             given_count;
    const smash_algo  *whole;              /* an active algorithm that has no targets, so smash() must run it; or NULL */
} smash_plan;

/* Lay the config over a model: which rows there will be, all sizes and shapes checked, nothing done yet.
 *   config in     model  io  finished; types and shapes that the config says are set, if all is well; untouched else     plan  out  in arena
 *          of the config
 *   needs  arena: 1.5 to 2.5 KB a row (32 KB at least), 25 bytes a module, 12 a parameter, findings, the resolved config as text;
 *          scratch: about 300 bytes a row, or as smash_select
 *   exact  rows in order of group, then of the model; first entry wins on a target named twice (or the last, with
 *          "on_overlap": "last"), and each such pair of entries warns
 *   fails  ARG NOMEM(ctx->need); CONFIG with every mistake in diags; model and plan untouched
 *   from   NNI v3 config list; spec and deviations: an unknown op_name warns, ratios at both levels: target_settings win */
SMASH_API smash_err smash_config_resolve(smash_ctx *ctx, const smash_config *config, smash_model *model, smash_plan *plan);
#endif

#if !SMASH_NO_ALGO
/*==================================================================================================
 * MARK: - Algo                                                                              >>algo
 * The algorithms, and smash(), which runs them. The one idea: tensors stream. Each is read once, goes through
 * every algorithm that has a row for it, and is written; memory is bounded by the largest of them.
 *================================================================================================*/

/* level, l1_norm, l2_norm, fpgm, ptq. Static.
 *   needs nothing; exact everywhere; fails never */
SMASH_API const smash_registry *smash_builtins(void);

/* Add every algorithm of smash_builtins().
 *   registry  io     needs, exact as smash_register     fails  as smash_register: ARG LIMIT; those before the failure stay */
SMASH_API smash_err smash_register_builtins(smash_ctx *ctx, smash_registry *registry);

/* One tensor on its way through the algorithms. */
typedef struct smash_work {
    smash_plan  *plan;
    smash_row   *row;
    smash_tensor tensor;         /* its numbers so far; SMASH_TENSOR_CONST while they are still the model's own */
    const smash_row *masked;     /* what masks_in has of it, which is in the numbers already; or NULL */
    smash_tensor given;          /* that mask: grid shape of masked->mask.grain */
    smash_tensor whole;          /* the numbers before it, where apply_method is not mul; else data NULL */
    smash_tensor mask;           /* pruner: block mask, data NULL before */
    smash_tensor scale, zero;    /* quantizer: f32 and i32 of grid shape, data NULL before */
    smash_tensor quantized;      /* quantizer: integers, data NULL before */
} smash_work;

/* One algorithm that ran. */
typedef struct smash_step {
    const smash_algo *algo;
    const smash_plan *plan;      /* its rows are in here, if it has targets; else NULL */
    void             *state;     /* what its apply left for the run time */
    uint32_t          reapply;   /* 1: smash_load runs it again, the file does not hold what it did */
} smash_step;

typedef struct smash_result {
    uint64_t    bytes;           /* of the file written (or that would be) */
    size_t      parameters;      /* numbers of the model after compression, scales not counted; 0 from smash_load */
    size_t      nonzero;         /* of them not zero when read back; 0 from smash_load */
    uint64_t    mask_bytes;      /* of the mask file */
    /* from smash() and smash_load(); smash_run() leaves all of it zero */
    smash_model  model;          /* after all steps, as a reader of the file would find it */
    smash_model  stored;         /* what smash_save writes: the model before the first step that cannot be stored */
    smash_layout layout;         /* of that file */
    smash_step   steps[SMASH_GROUP_COUNT];
    uint32_t     step_count;
    const smash_plan *masked;    /* with masks_in: its rows `given` say what came of them; else NULL */
} smash_result;

typedef struct smash_desc {
    uint32_t        zero_begin;
    uint32_t        experimental;   /* 1: do not ask for components, nor whether an algorithm fits the model */
    smash_arena    *arena;          /* opt: where the result lives; NULL: where the model (smash_load: the config) does; not ctx->scratch */
    const smash_io *masks;          /* opt: smash(): BOOL tensors named as their targets, 1 = keep; nothing if no pruner has targets and
                                       there is no masks_in */
    const smash_io *masks_in;       /* opt: smash(): as in smash_run_desc; applied before the first algorithm */
    void          (*progress)(void *user, uint64_t done_bytes, uint64_t total_bytes);   /* opt; from 0 again where an algorithm without
                                                                                            targets stands between two with */
    void           *progress_user;
    uint32_t        zero_end;
} smash_desc;

/* Make a model smaller as a config says. First everything is checked: the config; for each active algorithm, in order of group, whether
 * it runs on the config's device and the model's, finds tokenizer, processor and data, and fits the model; the config_lists against the model; then the hooks run.
 * Nothing is applied before all of that is well. Then, in order of group, algorithms with targets are run tensor by tensor, and those without get a smash_job:
 *   - job->model is a copy of the model's arrays over the same numbers. apply may change params[i].tensor and types, or put another
 *     finished model there; new names and numbers belong in job->arena, and numbers come from smash_job_edit, which makes a copy
 *   - with SMASH_SAVE_REAPPLY the parameters must stay as they are
 *   model   in   finished; never changed. It, its arena and its numbers must outlive the result, and so must the config's arena
 *   config  in   never changed, but for findings in its diags
 *   result  out  in the arena of desc, of which a failed call keeps what it took
 *   needs   arena: the file that smash_save would write, the plan (see smash_config_resolve), 200 bytes a parameter, and what the
 *           algorithms take; scratch: as smash_run
 *   exact   same result on every target and thread count, if those of the algorithms are
 *   fails   ARG NOMEM(ctx->need) OVERFLOW IO; CONFIG with all that is wrong in the config's diags; NONFINITE LIMIT RANGE DTYPE SHAPE
 *           FORMAT VERSION as smash_run; what a hook or an apply returned. *result untouched
 *   from    Pruna 0.2, smash() */
SMASH_API smash_err smash(smash_ctx *ctx, const smash_model *model, const smash_config *config, const smash_desc *desc, smash_result *result);

/* The checks of smash() that need the model, for callers of smash_run: devices, and, unless experimental, components and check_model.
 *   model, config  in     needs scratch as the callbacks do; O(algorithms + parameters); exact everywhere
 *   fails  ARG NOMEM(ctx->need); CONFIG with all that is wrong in the config's diags */
SMASH_API smash_err smash_check(smash_ctx *ctx, const smash_model *model, const smash_config *config, int experimental);

/* Write the result of smash() or smash_load() as a safetensors file that any reader opens, and smash_load() brings back to what it is.
 *   result  in     io  io  with write
 *   needs   scratch: the largest tensor, unless it is mapped or in memory; O(bytes)
 *   exact   same bytes for the same result; those of a file that was loaded are the bytes of that file, if smash wrote it
 *   fails   ARG IO NOMEM(ctx->need); SHAPE DTYPE OVERFLOW only where the result was changed; the file is then unspecified */
SMASH_API smash_err smash_save(smash_ctx *ctx, const smash_result *result, const smash_io *io);

/* Read such a file: the model, the config it was made with, and the algorithms that must run again, which do. A safetensors file of
 * another make is a model without config.
 *   io      in   must outlive the result     desc  without masks_in
 *   config  io   initialised; gets the dictionary of the file. Its registry must have the algorithms, and its components must be
 *                there for those that run again     result  out  in the arena of desc
 *   needs   arena, scratch: as smash_safetensors_read, smash_config_load and smash()
 *   exact   as smash()
 *   fails   as smash_safetensors_read: ARG FORMAT(byte) LIMIT NOMEM(ctx->need) IO; VERSION for a file of a newer format; as
 *           smash_config_load and smash(): CONFIG SYNTAX OVERFLOW NONFINITE RANGE DTYPE SHAPE; config and *result untouched */
SMASH_API smash_err smash_load(smash_ctx *ctx, const smash_io *io, const smash_desc *desc, smash_config *config, smash_result *result);

/* For an apply: the numbers of a parameter, to be changed. They are copied into job->arena once, and job->model has the copy from then on.
 *   job  io     param  in  index into job->model->params     view  out  not SMASH_TENSOR_CONST
 *   needs  arena: the tensor's bytes, the first time; O(bytes); exact everywhere
 *   fails  ARG OVERFLOW NOMEM(ctx->need) IO; *view and the model untouched */
SMASH_API smash_err smash_job_edit(smash_ctx *ctx, smash_job *job, size_t param, smash_tensor *view);

typedef struct smash_run_desc {
    uint32_t        zero_begin;
    const smash_io *out;         /* the compressed model; NULL: dry run, everything but the writing */
    const smash_io *masks;       /* opt: BOOL tensors named as their targets, 1 = keep */
    const smash_io *masks_in;    /* opt: such a file to read: these masks come first */
    void          (*progress)(void *user, uint64_t done_bytes, uint64_t total_bytes);   /* opt */
    void           *progress_user;
    uint32_t        zero_end;
} smash_run_desc;

/* Run every row of a plan: read, prune, quantize, write. The way of smash() for models larger than memory, where all algorithms have
 * targets; what smash() asks first, smash_config_resolve and smash_check ask here.
 * Masks that are given come first, also without any row: a safetensors file of BOOL tensors, or U8 of 0 and 1, named as float tensors of
 * the model, of as many dims, each as there or 1, or as inputs and outputs ("conv1._output_0"). Pruners score what is left, and drop first
 * what is masked already; what both drop goes once, as the pruner's row says. Other targets follow what the pruner drops, not what the file
 * does. `masks` gets both together.
 *   plan    io   what came of each row is filled in            result  out
 *   needs   scratch for one tensor at a time: its bytes (none if it is mapped and not pruned) and those it is quantized to, 1 a
 *           number for the mask file, 1 a block of the mask, 12 a scale, and smash_mask_bytes: at most about 2.5 times the largest
 *           tensor, more if it is tiny, float16 or has scales for a few numbers each. plan->arena: the layout, anew for each run
 *           With "pack_sparse" pruned tensors are gone through twice, and what makes one smaller without its zeros takes scratch, too.
 *           The targets of a group are scored before the first of them is pruned: 8 bytes a block of scratch, all of them together, and 1 of
 *           arena. For a goal its targets go through once more for each guess how many blocks must go: a few times, at worst as often as
 *           that number has binary digits. A given mask takes a copy of its tensor, its own bytes unless it is mapped, and 1 a number more for
 *           the mask file; plan->arena: about 200 bytes a mask and a smash_row, and the mask itself of an input or output
 *   exact   same file on every target and thread count: no date, no path, no version of anything but the format inside
 *   fails   ARG NOMEM(ctx->need) IO OVERFLOW; UNSUPPORTED for an algorithm without targets; LIMIT for a header over 100,000,000
 *           bytes; NONFINITE(index) naming module and target; CONFIG for a goal out of reach, with the least that is left; FORMAT(byte or
 *           index) for masks_in that is no safetensors file, does not fit the model, or holds what is not 0 or 1, VERSION for one of a newer
 *           format;
 *           RANGE DTYPE SHAPE only where the model changed since the plan was made. *result untouched, the model is never changed;
 *           what was written up to then is the caller's to throw away (write to a temporary file, rename when this returns 0) */
SMASH_API smash_err smash_run(smash_ctx *ctx, smash_plan *plan, const smash_run_desc *desc, smash_result *result);

/* The numbers a tensor stands for, whether it is stored plain or as smash_run wrote it: X with X_scale, or X_packed with
 * X_scale and X_shape, and X_zero_point where it is not all zero; X_compressed with X_bitmask and X_shape, with or without a scale.
 *   model   in   finished     name  in  full name before compression: "conv1.weight"     arena  io  not ctx->scratch
 *   out     out  plain: as smash_model_load gives it; quantized: F32 in arena, as smash_dequantize gives it
 *   stored  opt, out  dtype of what is stored, packed ones as I4, U4, I2, U2
 *   needs   arena: 4 bytes a number (plain: as smash_model_load); scratch: the stored parts and their names, 4 bytes a scale
 *   exact   everywhere
 *   fails   ARG NOMEM(ctx->need) IO NOTFOUND; FORMAT DTYPE SHAPE OVERFLOW RANGE where the stored parts do not fit each other, or a
 *           scale or zero point is none; *out untouched */
SMASH_API smash_err smash_model_restore(smash_ctx *ctx, const smash_model *model, const char *name, smash_arena *arena, smash_tensor *out, smash_dtype *stored);

/* The rows, as the "targets" list of a report: masks that were given first, as algorithm "masks", then those of the algorithms.
 *   w  io     plan  in  as smash_run left it     needs nothing, O(rows); exact everywhere; fails in w->err: ARG, or what its put returned */
SMASH_API void smash_report_rows(smash_writer *w, const smash_plan *plan);

/* The groups of targets that were pruned together, as the "groups" list of a report: what was asked of each, what all members got.
 *   w  io     plan  in  as smash_run left it     needs nothing, O(rows); exact everywhere; fails in w->err: ARG, or what its put returned */
SMASH_API void smash_report_groups(smash_writer *w, const smash_plan *plan);
#endif

#if !SMASH_NO_SELFTEST
/*==================================================================================================
 * MARK: - Selftest                                                                      >>selftest
 * Does this machine compute what every other one does? The one idea: each section runs on fixed inputs of
 * every kind, and its answers, failures included, become one number that is the same everywhere.
 *================================================================================================*/

/* Digests of the sections in this build over fixed pseudo-random and adverse inputs: ties, both zeros, denormals, extreme
 * scales, every dtype, granularity and block count, odd sizes.
 *   line    in   gets each section's name and digest in a fixed order; "float" is what SMASH_NO_DOUBLE leaves of layer 0,
 *                "layer0" stands for the lines before it, "all" for everything. A build without a section leaves out its line, and those that stand for it
 *   needs   scratch 8 KiB for layer 0, 4 MiB for the rest; seconds on a microcontroller
 *   exact   the same on every machine; what it is in this version stands in CHANGELOG.md
 *   fails   ARG NOMEM(ctx->need) */
SMASH_API smash_err smash_selftest(smash_ctx *ctx, void (*line)(void *user, const char *section, uint64_t digest), void *user);
#endif

#ifdef __cplusplus
}
#endif
#endif /* SMASH_H */

/*==================================================================================================
 * MARK: - Implementation                                                                    >>impl
 * Everything below is compiled once, in the file that defines SMASH_IMPLEMENTATION. Same sections, same order.
 *================================================================================================*/
#if (defined(SMASH_IMPLEMENTATION) || SMASH_STATIC) && !defined(SMASH_IMPLEMENTED)
#define SMASH_IMPLEMENTED

#if defined(__FAST_MATH__) || defined(_M_FP_FAST)
#error "smash.h gives the same bytes everywhere; -ffast-math (or -Ofast) breaks that. Compile this file without it."
#endif

/* x87 registers keep more bits than float and double have, so the bytes would differ. gcc -m32 uses them unless told
 * otherwise: it is told so for this file. i686 is taken to have SSE2 (a Pentium 4 or later); older ones are refused. */
#undef SMASH__X87
#if (defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0 && __FLT_EVAL_METHOD__ != 16) || (defined(_M_IX86_FP) && _M_IX86_FP < 2)
#if defined(__GNUC__) && !defined(__clang__) && defined(__i386__) && (defined(__SSE2__) || defined(__i686__))
#define SMASH__X87 1
#else
#error "This arithmetic (x87) keeps more bits than float and double have, so the bytes would differ. On 32-bit x86 add -msse2 -mfpmath=sse (MSVC: /arch:SSE2)."
#endif
#else
#define SMASH__X87 0
#endif

#include <stdarg.h>
#if !SMASH_NO_STDLIB
#include <stdlib.h>
#include <string.h>
#endif
#if !SMASH_NO_STDIO
#include <limits.h>
#include <stdio.h>
#endif

#if SMASH__X87
#pragma GCC push_options
#pragma GCC target("sse2,fpmath=sse")
#endif

#ifdef __cplusplus
extern "C" {
#endif

#undef SMASH__DEF
#if SMASH_STATIC
#define SMASH__DEF SMASH_API
#else
#define SMASH__DEF                          /* a public function; SMASH_API is on its declaration */
#endif
#if defined(__GNUC__) || defined(__clang__)
#define SMASH__FN static __attribute__((unused))
#define SMASH__INLINE static inline __attribute__((always_inline, unused))
#define SMASH__NOINLINE __attribute__((noinline))
#define SMASH__RESTRICT __restrict__
#elif defined(_MSC_VER)
#define SMASH__FN static inline             /* so that nothing warns where a build has no use for it */
#define SMASH__INLINE static __forceinline
#define SMASH__NOINLINE __declspec(noinline)
#define SMASH__RESTRICT __restrict
#else
#define SMASH__FN static
#define SMASH__INLINE static inline
#define SMASH__NOINLINE
#define SMASH__RESTRICT
#endif
#if defined(__has_builtin)
#if __has_builtin(__builtin_prefetch)
#define SMASH__PREFETCH(p) __builtin_prefetch(p)
#endif
#elif defined(__GNUC__)
#define SMASH__PREFETCH(p) __builtin_prefetch(p)
#endif
#ifndef SMASH__PREFETCH
#define SMASH__PREFETCH(p) ((void)(p))
#endif

/*==================================================================================================
 * MARK: - Core, implementation                                                          >>core-impl
 *================================================================================================*/

/* ---- bytes and bits ---- */

SMASH__FN void smash__copy(void *dst, const void *src, size_t bytes)
{
#if SMASH_NO_STDLIB
    unsigned char *d = (unsigned char *)dst;
    const unsigned char *s = (const unsigned char *)src;
    size_t i;
    for (i = 0; i < bytes; i++) d[i] = s[i];
#else
    if (bytes) memcpy(dst, src, bytes);
#endif
}

SMASH__FN void smash__fill(void *dst, unsigned char byte, size_t bytes)
{
#if SMASH_NO_STDLIB
    unsigned char *d = (unsigned char *)dst;
    size_t i;
    for (i = 0; i < bytes; i++) d[i] = byte;
#else
    if (bytes) memset(dst, byte, bytes);
#endif
}

SMASH__FN int smash__same(const void *a, const void *b, size_t bytes)
{
#if SMASH_NO_STDLIB
    const unsigned char *x = (const unsigned char *)a, *y = (const unsigned char *)b;
    size_t i;
    for (i = 0; i < bytes; i++) if (x[i] != y[i]) return 0;
    return 1;
#else
    return !bytes || memcmp(a, b, bytes) == 0;
#endif
}

SMASH__FN size_t smash__length(const char *text)
{
#if SMASH_NO_STDLIB
    const volatile char *p = text;                      /* else compilers know this loop, and call strlen */
    size_t n = 0;
    while (p[n]) n++;
    return n;
#else
    return strlen(text);
#endif
}

/* strcmp: by unsigned bytes */
SMASH__FN int smash__order(const char *a, const char *b)
{
#if SMASH_NO_STDLIB
    while (*a && *a == *b) { a++; b++; }
    return (int)(unsigned char)*a - (int)(unsigned char)*b;
#else
    return strcmp(a, b);
#endif
}

SMASH__FN int smash__equal(const char *a, const char *b) { return smash__order(a, b) == 0; }

#if defined(__GNUC__)
#define SMASH__BIT_CAST(to, from, bytes) __builtin_memcpy(to, from, bytes)
#elif !SMASH_NO_STDLIB
#define SMASH__BIT_CAST(to, from, bytes) memcpy(to, from, bytes)
#else
#define SMASH__BIT_CAST(to, from, bytes) smash__copy(to, from, bytes)
#endif
SMASH__INLINE uint32_t smash__bits32(float x)     { uint32_t u; SMASH__BIT_CAST(&u, &x, 4); return u; }
SMASH__INLINE float    smash__float32(uint32_t u) { float x;    SMASH__BIT_CAST(&x, &u, 4); return x; }
SMASH__INLINE uint64_t smash__bits64(double x)    { uint64_t u; SMASH__BIT_CAST(&u, &x, 8); return u; }
SMASH__INLINE double   smash__float64(uint64_t u) { double x;   SMASH__BIT_CAST(&x, &u, 8); return x; }

SMASH__FN int smash__little_endian(void)
{
    const uint16_t one = 1;
    unsigned char first;
    smash__copy(&first, &one, 1);
    return first == 1;
}

SMASH__FN uint32_t smash__read32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

SMASH__FN uint64_t smash__read64(const unsigned char *p)
{
    return (uint64_t)smash__read32(p) | (uint64_t)smash__read32(p + 4) << 32;
}

/* Checked sizes: 1 and the result, or 0. Every size in this file goes through these two. */
SMASH__FN int smash__mul(size_t a, size_t b, size_t *out)
{
    if (b && a > SIZE_MAX / b) return 0;
    *out = a * b;
    return 1;
}

SMASH__FN int smash__add(size_t a, size_t b, size_t *out)
{
    if (a > SIZE_MAX - b) return 0;
    *out = a + b;
    return 1;
}

SMASH__INLINE size_t smash__min(size_t a, size_t b) { return a < b ? a : b; }

/* ---- failures ---- */

/* The ctx if it was initialised by this version; else NULL, as if none had been given. */
SMASH__FN smash_ctx *smash__ctx(smash_ctx *ctx)
{
    return ctx && ctx->version == SMASH_VERSION && ctx->size == sizeof *ctx ? ctx : NULL;
}

#if !SMASH_NO_MESSAGES
SMASH__FN void smash__format_char(char *out, size_t size, size_t *n, char c)
{
    if (*n + 1 < size) out[*n] = c;
    (*n)++;
}

/* %s text, %q quoted text, %i int, %u uint32_t, %z size_t, %v uint64_t, %%; cut to size, always terminated.
 * Returns the length it would have had, or, if a %s or %q did not fit, some length of at least size: a message costs no more
 * than its own length, however long the names in it. No numbers with a fraction: they need the value section. */
SMASH__FN size_t smash__vformat(char *out, size_t size, const char *format, va_list args)
{
    size_t n = 0;
    for (; *format; format++) {
        char kind = *format == '%' && format[1] ? *++format : '\0';
        if (kind == 's' || kind == 'q') {
            const char *s = va_arg(args, const char *);
            if (!s) s = "(none)";
            if (kind == 'q') smash__format_char(out, size, &n, '"');
            for (; *s && n < size; s++) smash__format_char(out, size, &n, (unsigned char)*s < 32 || *s == 127 ? '?' : *s);
            if (kind == 'q') smash__format_char(out, size, &n, '"');
        } else if (kind == 'i' || kind == 'u' || kind == 'z' || kind == 'v') {
            char digits[20];
            int count = 0;
            uint64_t u;
            if (kind == 'i') {
                int i = va_arg(args, int);
                u = i < 0 ? (uint64_t)-(int64_t)i : (uint64_t)i;
                if (i < 0) smash__format_char(out, size, &n, '-');
            }
            else if (kind == 'u') u = va_arg(args, uint32_t);
            else if (kind == 'z') u = va_arg(args, size_t);
            else                  u = va_arg(args, uint64_t);
            do { digits[count++] = (char)('0' + (int)(u % 10)); u /= 10; } while (u);
            while (count) smash__format_char(out, size, &n, digits[--count]);
        } else if (kind == '%' || !kind) smash__format_char(out, size, &n, *format);
        else break;                                             /* unknown kind: a bug here, not in the input */
    }
    if (size) out[n < size ? n : size - 1] = '\0';
    return n;
}

SMASH__FN size_t smash__format(char *out, size_t size, const char *format, ...)
{
    size_t n;
    va_list args;
    va_start(args, format);
    n = smash__vformat(out, size, format, args);
    va_end(args);
    return n;
}
#else
SMASH__FN size_t smash__format(char *out, size_t size, const char *format, ...)
{
    (void)format;
    if (size) out[0] = '\0';
    return 0;
}
#endif

/* Keep the first failure and hand its code through, so that a check reads `return SMASH__FAIL(...)`. */
SMASH__FN smash_err smash__fail(smash_ctx *ctx, smash_err err, const char *where, size_t index, const char *format, ...)
{
    ctx = smash__ctx(ctx);
    if (ctx && ctx->err == SMASH_OK) {
        ctx->err = err;
        ctx->where = where;
        ctx->index = index;
#if !SMASH_NO_MESSAGES
        {
            va_list args;
            va_start(args, format);
            smash__vformat(ctx->message, sizeof ctx->message, format, args);
            va_end(args);
        }
#endif
    }
    (void)format;
    return err;
}
#if SMASH_NO_MESSAGES
/* the arguments of the message are named, so that nothing warns, and not evaluated */
#define SMASH__FAIL(ctx, err, index, ...) ((void)sizeof(smash__format(NULL, 0, __VA_ARGS__)), smash__fail(ctx, err, __func__, index, ""))
#else
#define SMASH__FAIL(ctx, err, index, ...) smash__fail(ctx, err, __func__, index, __VA_ARGS__)
#endif
#define SMASH__TRY(call) do { smash_err smash__e = (call); if (smash__e) return smash__e; } while (0)

/* Each desc is fenced by two zero fields: whoever forgot SMASH_ZERO hears of it. */
#define SMASH__DESC_OK(desc) (!(desc) || ((desc)->zero_begin == 0 && (desc)->zero_end == 0))

SMASH__DEF void smash_ctx_init_version(smash_ctx *ctx, uint32_t version, size_t size)
{
    if (!ctx || size != sizeof *ctx) return;            /* compiled against another header: leave it invalid */
    smash__fill(ctx, 0, sizeof *ctx);
    ctx->version = version;
    ctx->size = (uint32_t)size;
}

SMASH__DEF void smash_ctx_reset(smash_ctx *ctx)
{
    ctx = smash__ctx(ctx);
    if (!ctx) return;
    ctx->err = SMASH_OK;
    ctx->message[0] = '\0';
    ctx->where = NULL;
    ctx->index = ctx->need = 0;
}

SMASH__DEF smash_err smash_ctx_fail(smash_ctx *ctx, smash_err err, const char *message)
{
    return err ? SMASH__FAIL(ctx, err, 0, "%s", message) : SMASH_OK;
}

/* A ctx for a call whose failure is to become a finding: it borrows the scratch of ctx, whose own failure stays as it is. */
SMASH__FN void smash__probe(smash_ctx *ctx, smash_ctx *probe)
{
    smash_ctx_init(probe);
    if (!smash__ctx(ctx)) return;
    *probe = *ctx;
    smash_ctx_reset(probe);
}

/* ctx gets its scratch back, and the probe's failure if that is its own after all and the first one. */
SMASH__FN void smash__probe_end(smash_ctx *ctx, const smash_ctx *probe, int failed)
{
    if (!smash__ctx(ctx)) return;
    if (failed && ctx->err == SMASH_OK) *ctx = *probe;
    else ctx->scratch = probe->scratch;
}

SMASH__DEF const char *smash_err_name(smash_err err)
{
    switch (err) {
    case SMASH_OK:              return "SMASH_OK";
    case SMASH_ERR_ARG:         return "SMASH_ERR_ARG";
    case SMASH_ERR_DTYPE:       return "SMASH_ERR_DTYPE";
    case SMASH_ERR_SHAPE:       return "SMASH_ERR_SHAPE";
    case SMASH_ERR_RANGE:       return "SMASH_ERR_RANGE";
    case SMASH_ERR_NONFINITE:   return "SMASH_ERR_NONFINITE";
    case SMASH_ERR_NOMEM:       return "SMASH_ERR_NOMEM";
    case SMASH_ERR_OVERFLOW:    return "SMASH_ERR_OVERFLOW";
    case SMASH_ERR_SYNTAX:      return "SMASH_ERR_SYNTAX";
    case SMASH_ERR_FORMAT:      return "SMASH_ERR_FORMAT";
    case SMASH_ERR_LIMIT:       return "SMASH_ERR_LIMIT";
    case SMASH_ERR_UNSUPPORTED: return "SMASH_ERR_UNSUPPORTED";
    case SMASH_ERR_CONFIG:      return "SMASH_ERR_CONFIG";
    case SMASH_ERR_NOTFOUND:    return "SMASH_ERR_NOTFOUND";
    case SMASH_ERR_IO:          return "SMASH_ERR_IO";
    case SMASH_ERR_VERSION:     return "SMASH_ERR_VERSION";
    case SMASH_ERR_DEVICE:      return "SMASH_ERR_DEVICE";
    }
    return "SMASH_ERR_?";
}

SMASH__DEF uint32_t smash_version(void) { return SMASH_VERSION; }

/* ---- memory ---- */

enum { SMASH__ALIGN = 16, SMASH__BLOCK_BYTES = 65536 };

/* In front of every block from the allocator. */
typedef struct smash__block { struct smash__block *previous; size_t bytes, previous_used; } smash__block;
enum { SMASH__BLOCK_HEAD = (sizeof(smash__block) + SMASH__ALIGN - 1) / SMASH__ALIGN * SMASH__ALIGN };

SMASH__DEF void smash_arena_init(smash_arena *arena, void *buffer, size_t bytes, const smash_allocator *allocator)
{
    smash__fill(arena, 0, sizeof *arena);
    arena->base = (unsigned char *)buffer;
    arena->bytes = buffer ? bytes : 0;
    arena->allocator = allocator;
}

SMASH__DEF void *smash_arena_alloc(smash_ctx *ctx, smash_arena *arena, size_t bytes)
{
    unsigned char *base;
    size_t room, start, total;
    smash__block *block;
    if (!arena) { SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "no arena to allocate from"); return NULL; }
    block = (smash__block *)arena->block;
    base = block ? (unsigned char *)block + SMASH__BLOCK_HEAD : arena->base;
    room = block ? block->bytes - SMASH__BLOCK_HEAD : arena->bytes;
    start = arena->used;
    if (base) start += (SMASH__ALIGN - ((uintptr_t)base + start) % SMASH__ALIGN) % SMASH__ALIGN;
    if (base && start <= room && bytes <= room - start) {
        arena->used = start + bytes;
        if (arena->outside + arena->used > arena->peak) arena->peak = arena->outside + arena->used;
        return base + start;
    }
    if (arena->allocator && smash__add(bytes, SMASH__BLOCK_HEAD, &total)) {
        if (total < SMASH__BLOCK_BYTES) total = SMASH__BLOCK_BYTES;
        block = (smash__block *)arena->allocator->alloc(arena->allocator->user, total, SMASH__ALIGN);
        if (block) {
            block->previous = (smash__block *)arena->block;
            block->previous_used = arena->used;
            block->bytes = total;
            arena->outside += arena->used;
            arena->block = block;
            arena->used = bytes;
            if (arena->outside + bytes > arena->peak) arena->peak = arena->outside + bytes;
            return (unsigned char *)block + SMASH__BLOCK_HEAD;
        }
    }
    if (smash__ctx(ctx) && ctx->err == SMASH_OK) {
        size_t have = base && start < room ? room - start : 0, pad = base ? 0 : SMASH__ALIGN - 1;
        if (base && start > room) pad = start - room;
        ctx->need = bytes - (arena->allocator ? 0 : have);
        if (!smash__add(ctx->need, arena->allocator ? 0 : pad, &ctx->need)) ctx->need = SIZE_MAX;
        if (!ctx->need) ctx->need = 1;                  /* an empty block that the allocator refused */
        SMASH__FAIL(ctx, SMASH_ERR_NOMEM, 0, "%z bytes more memory needed (%z asked for); give the arena a larger buffer or an allocator",
                    ctx->need, bytes);
    }
    return NULL;
}

SMASH__DEF void *smash_arena_array(smash_ctx *ctx, smash_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (!smash__mul(count, size, &bytes)) {
        SMASH__FAIL(ctx, SMASH_ERR_OVERFLOW, 0, "%z objects of %z bytes do not fit the address space", count, size);
        return NULL;
    }
    return smash_arena_alloc(ctx, arena, bytes);
}

SMASH__DEF smash_arena_mark smash_arena_get_mark(const smash_arena *arena)
{
    smash_arena_mark mark;
    mark.block = arena->block;
    mark.used = arena->used;
    mark.outside = arena->outside;
    return mark;
}

SMASH__DEF void smash_arena_rewind(smash_arena *arena, smash_arena_mark mark)
{
    while (arena->block && arena->block != mark.block) {
        smash__block *block = (smash__block *)arena->block;
        arena->block = block->previous;
        arena->allocator->release(arena->allocator->user, block, block->bytes);
    }
    arena->used = mark.used;
    arena->outside = mark.outside;
}

SMASH__DEF void smash_arena_release(smash_arena *arena)
{
    smash_arena_mark start;
    start.block = NULL;
    start.used = start.outside = 0;
    smash_arena_rewind(arena, start);
}

#if !SMASH_NO_STDLIB
SMASH__FN void *smash__libc_alloc(void *user, size_t bytes, size_t align)
{
    (void)user; (void)align;                            /* malloc aligns to max_align_t: 16, or 8 where nothing needs more */
    return malloc(bytes);
}
SMASH__FN void *smash__libc_resize(void *user, void *p, size_t old_bytes, size_t new_bytes, size_t align)
{
    (void)user; (void)old_bytes; (void)align;
    return realloc(p, new_bytes);
}
SMASH__FN void smash__libc_release(void *user, void *p, size_t bytes) { (void)user; (void)bytes; free(p); }

SMASH__DEF const smash_allocator *smash_allocator_libc(void)
{
    static const smash_allocator libc = { smash__libc_alloc, smash__libc_resize, smash__libc_release, NULL };
    return &libc;
}
#endif

/* Temporaries: `mark = smash_arena_get_mark(..)` first, rewind on every way out. NULL means the failure is in ctx. */
SMASH__FN void *smash__scratch(smash_ctx *ctx, size_t count, size_t size)
{
    ctx = smash__ctx(ctx);
    return ctx ? smash_arena_array(ctx, &ctx->scratch, count, size) : NULL;
}
SMASH__FN smash_arena_mark smash__scratch_mark(smash_ctx *ctx)
{
    smash_arena_mark none;
    none.block = NULL;
    none.used = none.outside = 0;
    return smash__ctx(ctx) ? smash_arena_get_mark(&ctx->scratch) : none;
}
SMASH__FN void smash__scratch_rewind(smash_ctx *ctx, smash_arena_mark mark)
{
    if (smash__ctx(ctx)) smash_arena_rewind(&ctx->scratch, mark);
}

/* The caller's threads if there are any, else a loop. What fn(arg, i) writes must not depend on the order. */
SMASH__FN void smash__parallel(smash_ctx *ctx, size_t count, void (*fn)(void *arg, size_t index), void *arg)
{
    size_t i;
    if (smash__ctx(ctx) && ctx->parallel && count > 1) ctx->parallel(ctx->parallel_user, count, fn, arg);
    else for (i = 0; i < count; i++) fn(arg, i);
}

/* ---- order ---- */

/* Sort indexes, stable, bottom-up merge; temp is as long as index. order(user, a, b) is < 0, 0 or > 0. O(n log n) */
SMASH__FN void smash__sort(uint32_t *index, uint32_t *temp, size_t count, int (*order)(const void *user, uint32_t a, uint32_t b), const void *user)
{
    uint32_t *from = index, *to = temp, *swap;
    size_t width, left, i, j, k;
    for (width = 1; width < count; width *= 2) {
        for (left = 0; left < count; left = k) {
            size_t middle = width < count - left ? left + width : count, right = width < count - middle ? middle + width : count;
            i = left;
            j = middle;
            for (k = left; k < right; k++) to[k] = i < middle && (j >= right || order(user, from[i], from[j]) <= 0) ? from[i++] : from[j++];
        }
        swap = from;
        from = to;
        to = swap;
    }
    if (from != index) smash__copy(index, from, count * sizeof *index);
}

/* ---- exact numbers ---- */

/* mantissa >> shift, rounded: half to even, or half away from zero. shift 1..63 */
SMASH__FN uint64_t smash__shift_round(uint64_t mantissa, int shift, int half_away)
{
    uint64_t q = mantissa >> shift, rest = mantissa & (((uint64_t)1 << shift) - 1), half = (uint64_t)1 << (shift - 1);
    return q + (rest > half || (rest == half && (half_away || (q & 1))));
}

/* Sign, exponent and mantissa to the nearest integer in -limit-1 .. limit. */
SMASH__FN int64_t smash__round_bits(uint64_t bits, int half_away, int64_t limit)
{
    int exponent = (int)(bits >> 52 & 0x7FF) - 1075;                /* value = mantissa * 2^exponent */
    uint64_t mantissa = (bits & 0xFFFFFFFFFFFFFu) | 0x10000000000000u;
    int64_t q;
    if (exponent == 0x7FF - 1075 && (bits & 0xFFFFFFFFFFFFFu)) return 0;                     /* NaN */
    if (exponent < -54) q = 0;                                      /* below a quarter, and zero */
    else if (exponent < 0) q = (int64_t)smash__shift_round(mantissa, -exponent, half_away);
    else if (exponent <= 10) q = (int64_t)(mantissa << exponent);  /* below 2^63 */
    else q = INT64_MAX;
    if (q > limit || exponent > 10) return bits >> 63 ? -limit - 1 : limit;
    return bits >> 63 ? -q : q;
}

/* The bits of (double)x, in integers: a NaN keeps its payload and is quiet, which C leaves to the machine. */
SMASH__FN uint64_t smash__widen_bits(float x)
{
    uint32_t u = smash__bits32(x), mantissa = u & 0x7FFFFFu;
    uint64_t sign = (uint64_t)(u >> 31) << 63;
    int exponent = (int)(u >> 23 & 0xFF);
    if (exponent == 0xFF) return sign | (uint64_t)0x7FF << 52 | (mantissa ? (uint64_t)(mantissa | 0x400000u) << 29 : 0u);
    if (!exponent) {                                                /* subnormal, or zero */
        if (!mantissa) return sign;
        for (exponent = 1; !(mantissa >> 23); exponent--) mantissa <<= 1;
        mantissa &= 0x7FFFFFu;
    }
    return sign | (uint64_t)(exponent + 1023 - 127) << 52 | (uint64_t)mantissa << 29;
}

SMASH__DEF int32_t smash_round_half_even(float x)        { return (int32_t)smash__round_bits(smash__widen_bits(x), 0, INT32_MAX); }
SMASH__DEF int32_t smash_round_half_away(float x)        { return (int32_t)smash__round_bits(smash__widen_bits(x), 1, INT32_MAX); }
SMASH__DEF int64_t smash_round_half_even_f64(double x)   { return smash__round_bits(smash__bits64(x), 0, INT64_MAX); }
SMASH__DEF int64_t smash_round_half_away_f64(double x)   { return smash__round_bits(smash__bits64(x), 1, INT64_MAX); }

SMASH__DEF int smash_is_finite(float x)      { return (smash__bits32(x) & 0x7F800000u) != 0x7F800000u; }
SMASH__DEF int smash_is_finite_f64(double x) { return (smash__bits64(x) >> 52 & 0x7FF) != 0x7FF; }

#if !SMASH_NO_DOUBLE
/* The sign and payload of a NaN that was computed differ between machines and compilers, so results have only this one: as
 * the last step, for even a comparison may become a min instruction that changes them (wasm). */
SMASH__FN double smash__nan(void) { return smash__float64((uint64_t)0x7FF8 << 48); }
SMASH__FN double smash__one_nan(double x) { return x != x ? smash__nan() : x; }

/* a * b, rounded to double before anything else happens to it: no compiler can fuse the addition that follows. */
SMASH__FN double smash__product(double a, double b)
{
    volatile double p = a * b;
    return p;
}

/* x * 2^k for a normal x, correctly rounded also where the result is subnormal */
SMASH__FN double smash__scale(double x, int k)
{
    const double down = 2.2250738585072014e-308;                    /* 2^-1022 */
    if (k > 1023)  return smash__product(smash__product(x, 8.98846567431158e307), smash__float64((uint64_t)(k - 1023 + 1023) << 52));
    if (k < -1022) return smash__product(smash__product(x, smash__float64((uint64_t)(k + 969 + 1023) << 52)), smash__product(down, 9007199254740992.0));
    return smash__product(x, smash__float64((uint64_t)(k + 1023) << 52));
}

/* e^(hi - lo) - 1 for |hi - lo| <= 0.35: Remez polynomial for x (e^x + 1) / (e^x - 1) as in FreeBSD msun (Sun, 1993) */
SMASH__FN double smash__expm1_reduced(double hi, double lo)
{
    static const double p[5] = { 1.66666666666666019037e-01, -2.77777777770155933842e-03, 6.61375632143793436117e-05,
                                 -1.65339022054652515390e-06, 4.13813679705723846039e-08 };
    double x = hi - lo, t = smash__product(x, x), c = p[4];
    int i;
    for (i = 3; i >= 0; i--) c = p[i] + smash__product(t, c);
    c = x - smash__product(t, c);
    return hi - (lo - smash__product(x, c) / (2.0 - c));
}

/* x = k ln 2 + (hi - lo); k ln 2 in two parts, the first with 21 zero bits behind it, so its product is exact */
SMASH__FN int smash__split_ln2(double x, double *hi, double *lo)
{
    int k = (int)smash_round_half_even_f64(smash__product(x, 1.44269504088896338700e+00));
    *hi = x - smash__product((double)k, 6.93147180369123816490e-01);
    *lo = smash__product((double)k, 1.90821492927058770002e-10);
    return k;
}

SMASH__DEF double smash_exp(double x)
{
    double hi, lo;
    int k;
    if (!smash_is_finite_f64(x)) return x < 0 ? 0.0 : smash__one_nan(x);             /* -Inf; Inf stays */
    if (x > 709.782712893384) return smash__float64((uint64_t)0x7FF << 52);
    if (x < -745.2) return 0.0;
    k = smash__split_ln2(x, &hi, &lo);
    return smash__scale(1.0 + smash__expm1_reduced(hi, lo), k);
}

SMASH__DEF double smash_log(double x)
{
    static const double g[7] = { 6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01,
                                 1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01 };
    uint64_t bits = smash__bits64(x);
    double f, s, z, series, half_square, n;
    int k, i;
    if (x == 0) return -smash__float64((uint64_t)0x7FF << 52);
    if (bits >> 63 || !smash_is_finite_f64(x)) return bits == (uint64_t)0x7FF << 52 ? x : smash__nan();
    k = (int)(bits >> 52) - 1023;
    if (k == -1023) {                                                /* subnormal */
        bits = smash__bits64(smash__product(x, 18014398509481984.0));
        k = (int)(bits >> 52) - 1023 - 54;
    }
    bits = (bits & 0xFFFFFFFFFFFFFu) | (uint64_t)1023 << 52;         /* 1 <= m < 2 ... */
    if ((bits & 0xFFFFFFFFFFFFFu) > 0x6A09E667F3BCDu) { bits -= (uint64_t)1 << 52; k++; }   /* ... to sqrt(1/2) < m <= sqrt(2) */
    f = smash__float64(bits) - 1.0;
    s = f / (2.0 + f);
    z = smash__product(s, s);
    series = g[6];
    for (i = 5; i >= 0; i--) series = g[i] + smash__product(z, series);
    series = smash__product(z, series);
    half_square = smash__product(smash__product(0.5, f), f);
    n = (double)k;
    return smash__product(n, 6.93147180369123816490e-01)
         - ((half_square - (smash__product(s, half_square + series) + smash__product(n, 1.90821492927058770002e-10))) - f);
}

SMASH__DEF double smash_tanh(double x)
{
    uint64_t sign = smash__bits64(x) & (uint64_t)1 << 63;
    double a = smash__float64(smash__bits64(x) ^ sign), t;
    if (a != a) return smash__nan();
    if (a > 22.0) t = 1.0;
    else if (a < 2.7755575615628914e-17) t = a;                      /* 2^-55: tanh x = x */
    else {
        double hi, lo, e;
        int k = smash__split_ln2(2.0 * a, &hi, &lo);
        e = smash__expm1_reduced(hi, lo);
        if (k) e = smash__scale(e, k) + (smash__scale(1.0, k) - 1.0);     /* e^2a - 1 */
        t = e / (e + 2.0);
    }
    return smash__float64(smash__bits64(t) | sign);
}

/* 64 x 64 -> 128 bits */
SMASH__FN void smash__mul_wide(uint64_t a, uint64_t b, uint64_t *high, uint64_t *low)
{
    uint64_t al = a & 0xFFFFFFFFu, ah = a >> 32, bl = b & 0xFFFFFFFFu, bh = b >> 32;
    uint64_t ll = al * bl, lh = al * bh, hl = ah * bl, middle = (ll >> 32) + (lh & 0xFFFFFFFFu) + (hl & 0xFFFFFFFFu);
    *low = (ll & 0xFFFFFFFFu) | middle << 32;
    *high = ah * bh + (lh >> 32) + (hl >> 32) + (middle >> 32);
}

#if SMASH_NO_SIMD || !defined(__GNUC__) || !defined(__x86_64__) || defined(__TINYC__)
/* The root of a number above 0 with these bits */
SMASH__FN double smash__root(uint64_t bits)
{
    uint64_t mantissa = (bits & 0xFFFFFFFFFFFFFu) | 0x10000000000000u, root, high, low, want;
    double guess = 94906265.62425156;                                /* sqrt(2^53): at most 41 % off, five Newton steps make it exact */
    int exponent = (int)(bits >> 52) - 1075, i;
    if (exponent == -1075) {
        mantissa &= 0xFFFFFFFFFFFFFu;
        exponent++;
        while (!(mantissa >> 52)) { mantissa <<= 1; exponent--; }
    }
    if (exponent & 1) { mantissa <<= 1; exponent--; }                /* x = mantissa * 2^exponent, exponent even */
    for (i = 0; i < 5; i++) guess = 0.5 * (guess + (double)mantissa / guess);
    root = (uint64_t)(guess * 134217728.0);                          /* sqrt(mantissa * 2^54), to within a few units */
    want = mantissa >> 10;                                           /* mantissa * 2^54 = want : (mantissa << 54) */
    smash__mul_wide(root, root, &high, &low);
    while (high > want || (high == want && low > mantissa << 54)) { root--; smash__mul_wide(root, root, &high, &low); }
    for (;;) {
        smash__mul_wide(root + 1, root + 1, &high, &low);
        if (high > want || (high == want && low > mantissa << 54)) break;
        root++;
    }
    root = (root + 1) >> 1;                                          /* 54 bits to 53; a tie cannot happen */
    return smash__scale((double)root, exponent / 2 - 26);
}
#endif

SMASH__DEF double smash_sqrt(double x)
{
    const uint64_t bits = smash__bits64(x);
    if (x == 0) return x;
    if (bits >> 63 || !smash_is_finite_f64(x)) return bits == (uint64_t)0x7FF << 52 ? x : smash__nan();
#if !SMASH_NO_SIMD && defined(__GNUC__) && defined(__x86_64__) && !defined(__TINYC__)
    __asm__("sqrtsd %1, %0" : "=x"(x) : "x"(x));                     /* correctly rounded, too, and 20 times as fast */
    return x;
#else
    return smash__root(bits);
#endif
}
#endif

/* ---- digest and random ---- */

#define SMASH__P1 0x9E3779B185EBCA87u
#define SMASH__P2 0xC2B2AE3D27D4EB4Fu
#define SMASH__P3 0x165667B19E3779F9u
#define SMASH__P4 0x85EBCA77C2B2AE63u
#define SMASH__P5 0x27D4EB2F165667C5u

SMASH__INLINE uint64_t smash__rotate(uint64_t x, int n) { return x << n | x >> (64 - n); }
SMASH__INLINE uint64_t smash__digest_round(uint64_t lane, uint64_t word) { return smash__rotate(lane + word * SMASH__P2, 31) * SMASH__P1; }

SMASH__DEF void smash_digest_init(smash_digest *d)
{
    smash__fill(d, 0, sizeof *d);
    d->lane[0] = SMASH__P1 + SMASH__P2;
    d->lane[1] = SMASH__P2;
    d->lane[3] = (uint64_t)0 - SMASH__P1;
}

SMASH__FN void smash__digest_stripe(smash_digest *d, const unsigned char *p)
{
    int i;
    for (i = 0; i < 4; i++) d->lane[i] = smash__digest_round(d->lane[i], smash__read64(p + 8 * i));
}

SMASH__DEF void smash_digest_add(smash_digest *d, const void *data, size_t bytes)
{
    const unsigned char *p = (const unsigned char *)data;
    size_t held = (size_t)(d->total % 32);
    if (!bytes) return;                                 /* data may be NULL */
    d->total += bytes;
    if (held) {
        size_t take = 32 - held < bytes ? 32 - held : bytes;
        smash__copy(d->tail + held, p, take);
        p += take;
        bytes -= take;
        if (held + take < 32) return;
        smash__digest_stripe(d, d->tail);
    }
    for (; bytes >= 32; p += 32, bytes -= 32) smash__digest_stripe(d, p);
    smash__copy(d->tail, p, bytes);
}

SMASH__DEF uint64_t smash_digest_end(const smash_digest *d)
{
    static const int turn[4] = { 1, 7, 12, 18 };
    const unsigned char *p = d->tail;
    size_t left = (size_t)(d->total % 32);
    uint64_t h = SMASH__P5;
    int i;
    if (d->total >= 32) {
        h = 0;
        for (i = 0; i < 4; i++) h += smash__rotate(d->lane[i], turn[i]);
        for (i = 0; i < 4; i++) h = (h ^ smash__digest_round(0, d->lane[i])) * SMASH__P1 + SMASH__P4;
    }
    h += d->total;
    for (; left >= 8; p += 8, left -= 8) h = smash__rotate(h ^ smash__digest_round(0, smash__read64(p)), 27) * SMASH__P1 + SMASH__P4;
    if (left >= 4) { h = smash__rotate(h ^ (uint64_t)smash__read32(p) * SMASH__P1, 23) * SMASH__P2 + SMASH__P3; p += 4; left -= 4; }
    for (; left; p++, left--) h = smash__rotate(h ^ *p * SMASH__P5, 11) * SMASH__P1;
    h = (h ^ h >> 33) * SMASH__P2;
    h = (h ^ h >> 29) * SMASH__P3;
    return h ^ h >> 32;
}

SMASH__DEF uint64_t smash_digest_of(const void *data, size_t bytes)
{
    smash_digest d;
    smash_digest_init(&d);
    smash_digest_add(&d, data, bytes);
    return smash_digest_end(&d);
}

SMASH__DEF uint64_t smash_random(uint64_t *rng)
{
    uint64_t z = *rng += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}
#undef SMASH__P1
#undef SMASH__P2
#undef SMASH__P3
#undef SMASH__P4
#undef SMASH__P5

/*==================================================================================================
 * MARK: - Tensor, implementation                                                      >>tensor-impl
 *================================================================================================*/

/* ---- dtypes ---- */

enum { SMASH__FLOAT = 1, SMASH__INT = 2, SMASH__SIGNED = 4, SMASH__PACKED = 8 };   /* INT includes bool */

typedef struct smash__dtype_info { const char *name; uint8_t bits, align, kind; } smash__dtype_info;

SMASH__FN const smash__dtype_info *smash__dtype(smash_dtype dtype)
{
    static const smash__dtype_info info[SMASH_DTYPE_COUNT] = {
        { "none", 0, 1, 0 },
        { "F32", 32, 4, SMASH__FLOAT }, { "F64", 64, 8, SMASH__FLOAT }, { "F16", 16, 2, SMASH__FLOAT }, { "BF16", 16, 2, SMASH__FLOAT },
        { "I8", 8, 1, SMASH__INT | SMASH__SIGNED },   { "U8", 8, 1, SMASH__INT },
        { "I16", 16, 2, SMASH__INT | SMASH__SIGNED }, { "U16", 16, 2, SMASH__INT },
        { "I32", 32, 4, SMASH__INT | SMASH__SIGNED }, { "U32", 32, 4, SMASH__INT },
        { "I64", 64, 8, SMASH__INT | SMASH__SIGNED }, { "U64", 64, 8, SMASH__INT },
        { "BOOL", 8, 1, SMASH__INT },
        { "I4", 4, 1, SMASH__INT | SMASH__SIGNED | SMASH__PACKED }, { "U4", 4, 1, SMASH__INT | SMASH__PACKED },
        { "I2", 2, 1, SMASH__INT | SMASH__SIGNED | SMASH__PACKED }, { "U2", 2, 1, SMASH__INT | SMASH__PACKED },
        { "F8_E4M3", 8, 1, 0 }, { "F8_E5M2", 8, 1, 0 }, { "F8_E8M0", 8, 1, 0 }, { "F8_E4M3FNUZ", 8, 1, 0 }, { "F8_E5M2FNUZ", 8, 1, 0 },
        { "F6_E2M3", 6, 1, 0 }, { "F6_E3M2", 6, 1, 0 }, { "F4", 4, 1, 0 }, { "C64", 64, 4, 0 }
    };
    return &info[(unsigned)dtype < SMASH_DTYPE_COUNT ? dtype : SMASH_DTYPE_NONE];
}

SMASH__DEF uint32_t smash_dtype_bits(smash_dtype dtype) { return smash__dtype(dtype)->bits; }
SMASH__DEF const char *smash_dtype_name(smash_dtype dtype) { return smash__dtype(dtype)->name; }

SMASH__DEF smash_dtype smash_dtype_from_name(const char *name, size_t bytes)
{
    int i;
    for (i = 1; i < SMASH_DTYPE_COUNT; i++) {
        const char *known = smash__dtype((smash_dtype)i)->name;
        if (smash__length(known) == bytes && smash__same(known, name, bytes)) return (smash_dtype)i;
    }
    return SMASH_DTYPE_NONE;
}

/* "int8" -> 8 bits, signed; 0 if it is no grid we make */
SMASH__FN int smash__dtype_word(const char *word, uint32_t *bits, uint32_t *is_unsigned)
{
    uint32_t n = 0;
    *is_unsigned = *word == 'u';
    word += *is_unsigned;
    if (word[0] != 'i' || word[1] != 'n' || word[2] != 't' || word[3] < '1' || word[3] > '9') return 0;
    for (word += 3; *word >= '0' && *word <= '9' && n < 100; word++) n = n * 10 + (uint32_t)(*word - '0');
    *bits = n;
    return !*word && n >= 2 && n <= 16;
}

/* Integer dtype that holds a grid of so many bits: 3 bits lie in 4, 5 to 7 in 8, 9 to 15 in 16 */
SMASH__FN smash_dtype smash__grid_dtype(uint32_t bits, uint32_t is_unsigned)
{
    if (bits <= 2) return is_unsigned ? SMASH_U2 : SMASH_I2;
    if (bits <= 4) return is_unsigned ? SMASH_U4 : SMASH_I4;
    if (bits <= 8) return is_unsigned ? SMASH_U8 : SMASH_I8;
    return is_unsigned ? SMASH_U16 : SMASH_I16;
}

/* ---- views and checks ---- */

SMASH__DEF smash_tensor smash_tensor_view(smash_dtype dtype, const void *data, size_t bytes, uint32_t ndim, const size_t *shape)
{
    smash_tensor t;
    uint32_t i;
    smash__fill(&t, 0, sizeof t);
    SMASH__BIT_CAST(&t.data, &data, sizeof t.data);     /* const is the caller's word: set SMASH_TENSOR_CONST to have it kept */
    t.bytes = bytes;
    t.dtype = dtype;
    t.ndim = ndim;
    for (i = 0; i < ndim && i < SMASH_MAX_DIMS; i++) t.shape[i] = shape[i];
    return t;
}

SMASH__DEF smash_err smash_tensor_count(const smash_tensor *t, size_t *count)
{
    size_t n = 1;
    uint32_t i;
    int empty = 0;
    if (!t || !count || t->ndim > SMASH_MAX_DIMS) return SMASH_ERR_ARG;
    for (i = 0; i < t->ndim; i++) empty |= t->shape[i] == 0;
    for (i = 0; i < t->ndim && !empty; i++) if (!smash__mul(n, t->shape[i], &n)) return SMASH_ERR_OVERFLOW;
    *count = empty ? 0 : n;
    return SMASH_OK;
}

SMASH__DEF smash_err smash_tensor_bytes(const smash_tensor *t, size_t *bytes)
{
    size_t n, bits;
    SMASH__TRY(smash_tensor_count(t, &n));
    if (!bytes) return SMASH_ERR_ARG;
    bits = smash_dtype_bits(t->dtype);
    if (bits % 8 == 0) return smash__mul(n, bits / 8, bytes) ? SMASH_OK : SMASH_ERR_OVERFLOW;
    *bytes = n / 8 * bits + (n % 8 * bits + 7) / 8;     /* cannot overflow: bits < 8 */
    return SMASH_OK;
}

SMASH__FN const char *smash__name(const smash_tensor *t) { return t->name ? t->name : "tensor"; }
SMASH__FN const char *smash__plural(uint32_t count) { return count == 1 ? "" : "s"; }

/* "[8, 3, 3, 3]" for messages, cut if it must be */
enum { SMASH__SHAPE_TEXT = 64 };
SMASH__FN const char *smash__shape_text(uint32_t ndim, const size_t *shape, char out[SMASH__SHAPE_TEXT])
{
    size_t n = smash__format(out, SMASH__SHAPE_TEXT, "[");
    uint32_t i;
    for (i = 0; i < ndim && n < SMASH__SHAPE_TEXT; i++) n += smash__format(out + n, SMASH__SHAPE_TEXT - n, i ? ", %z" : "%z", shape[i]);
    if (n < SMASH__SHAPE_TEXT) smash__format(out + n, SMASH__SHAPE_TEXT - n, "]");
    return out;
}

#define SMASH__BIT(dtype) (1u << (unsigned)(dtype))
#define SMASH__IS_F64(dtype) (!SMASH_NO_DOUBLE && (dtype) == SMASH_F64)      /* a constant in the build without double: what it guards goes */
#define SMASH__FLOATS (SMASH__BIT(SMASH_F32) | (SMASH_NO_DOUBLE ? 0u : SMASH__BIT(SMASH_F64)) | SMASH__BIT(SMASH_F16) | SMASH__BIT(SMASH_BF16))
#define SMASH__PACKED_INTS (SMASH__BIT(SMASH_I4) | SMASH__BIT(SMASH_U4) | SMASH__BIT(SMASH_I2) | SMASH__BIT(SMASH_U2))
#define SMASH__INTS (SMASH__BIT(SMASH_I8) | SMASH__BIT(SMASH_U8) | SMASH__BIT(SMASH_I16) | SMASH__BIT(SMASH_U16) | SMASH__BIT(SMASH_I32) | \
                     SMASH__BIT(SMASH_U32) | SMASH__BIT(SMASH_I64) | SMASH__BIT(SMASH_U64) | SMASH__BIT(SMASH_BOOL) | SMASH__PACKED_INTS)
enum { SMASH__READ = 0, SMASH__WRITE = 1, SMASH__SHAPE_ONLY = 2 };

/* Every tensor that enters a public call passes here: pointer, rank, dtype, product, capacity, alignment, access. */
SMASH__FN smash_err smash__check(smash_ctx *ctx, const smash_tensor *t, const char *role, uint32_t dtypes, int access, size_t *count)
{
    size_t n, bytes;
    smash_err err;
    if (!t) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "%s: the tensor is NULL", role);
    if (t->ndim > SMASH_MAX_DIMS) return SMASH__FAIL(ctx, SMASH_ERR_ARG, t->ndim, "%s %q has %u dims; at most %i are possible", role, smash__name(t), t->ndim, SMASH_MAX_DIMS);
    if ((unsigned)t->dtype >= SMASH_DTYPE_COUNT || !(dtypes >> t->dtype & 1))
        return SMASH__FAIL(ctx, SMASH_ERR_DTYPE, (size_t)t->dtype, "%s %q is %s, which is not taken here", role, smash__name(t), smash_dtype_name(t->dtype));
    if (t->flags & SMASH_TENSOR_DEVICE) return SMASH__FAIL(ctx, SMASH_ERR_DEVICE, 0, "%s %q lies on a device; copy it to host memory first", role, smash__name(t));
    err = smash_tensor_count(t, &n);
    if (!err) err = smash_tensor_bytes(t, &bytes);
    if (err) return SMASH__FAIL(ctx, err, 0, "%s %q: the shape does not fit the address space", role, smash__name(t));
    if (access != SMASH__SHAPE_ONLY) {
        if (!t->data && bytes) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "%s %q has no data", role, smash__name(t));
        if (t->bytes < bytes) return SMASH__FAIL(ctx, SMASH_ERR_SHAPE, 0, "%s %q needs %z bytes for its shape, its buffer has %z", role, smash__name(t), bytes, t->bytes);
        if ((uintptr_t)t->data % smash__dtype(t->dtype)->align)
            return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "%s %q is not aligned to its %s elements", role, smash__name(t), smash_dtype_name(t->dtype));
        if (access == SMASH__WRITE && (t->flags & SMASH_TENSOR_CONST)) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "%s %q is constant and cannot be written", role, smash__name(t));
    }
    if (count) *count = n;
    return SMASH_OK;
}

SMASH__FN int smash__same_shape(const smash_tensor *a, uint32_t ndim, const size_t *shape)
{
    uint32_t i;
    if (a->ndim != ndim) return 0;
    for (i = 0; i < ndim; i++) if (a->shape[i] != shape[i]) return 0;
    return 1;
}

SMASH__FN smash_err smash__check_shape(smash_ctx *ctx, const smash_tensor *t, const char *role, uint32_t ndim, const size_t *shape)
{
    char is[SMASH__SHAPE_TEXT], must[SMASH__SHAPE_TEXT];
    if (smash__same_shape(t, ndim, shape)) return SMASH_OK;
    return SMASH__FAIL(ctx, SMASH_ERR_SHAPE, 0, "%s %q has shape %s, it must be %s", role, smash__name(t),
                       smash__shape_text(t->ndim, t->shape, is), smash__shape_text(ndim, shape, must));
}

/* 1 if the two share a byte */
SMASH__FN int smash__overlap(const smash_tensor *a, const smash_tensor *b)
{
    uintptr_t p = (uintptr_t)a->data, q = (uintptr_t)b->data;
    return a->bytes && b->bytes && p < q + b->bytes && q < p + a->bytes;
}

SMASH__FN smash_err smash__check_apart(smash_ctx *ctx, const smash_tensor *a, const smash_tensor *b)
{
    if (!smash__overlap(a, b)) return SMASH_OK;
    return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "%q and %q share memory; give them separate buffers", smash__name(a), smash__name(b));
}

/* ---- SIMD: one C body, compiled for several instruction sets, chosen per call ---- */

#if !SMASH_NO_SIMD && (defined(__GNUC__) || defined(__clang__)) && (defined(__x86_64__) || defined(__i386__)) && defined(__SSE2_MATH__) && !defined(__TINYC__)
#define SMASH__SIMD 1
#define SMASH__AVX2 __attribute__((target("avx2")))
#if defined(__clang__)
#define SMASH__AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))
#else
#define SMASH__AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,prefer-vector-width=512")))
#endif
/* From SMASH__INLINE name_body(params): name(simd, args), which picks the copy for this machine. AVX-512 has FMA, so no
 * body may hold an a*b+c whose product is not exact: the copies must give the same bits. */
#define SMASH__KERNEL(name, params, args) \
    SMASH__FN SMASH__NOINLINE void name##_plain params { name##_body args; } \
    SMASH__FN SMASH__NOINLINE SMASH__AVX2 void name##_avx2 params { name##_body args; } \
    SMASH__FN SMASH__NOINLINE SMASH__AVX512 void name##_avx512 params { name##_body args; }
#define SMASH__CALL(simd, name, args) \
    do { if ((simd) == 2) name##_avx512 args; else if ((simd) == 1) name##_avx2 args; else name##_plain args; } while (0)
#else
#define SMASH__SIMD 0
#define SMASH__KERNEL(name, params, args) SMASH__FN SMASH__NOINLINE void name##_plain params { name##_body args; }
#define SMASH__CALL(simd, name, args) do { (void)(simd); name##_plain args; } while (0)
#endif

/* 2 AVX-512, 1 AVX2, 0 plain. The compiler's own cpu check also asks whether the system saves the registers. */
SMASH__FN int smash__simd(const smash_ctx *ctx)
{
#if SMASH__SIMD
    uint32_t off = ctx && ctx->version == SMASH_VERSION && ctx->size == sizeof *ctx ? ctx->no_simd : 0;
    if (off == 1) return 0;
    if (off != 2 && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) return 2;
    return __builtin_cpu_supports("avx2") ? 1 : 0;
#else
    (void)ctx;
    return 0;
#endif
}

/* Work is cut into chunks of this many elements, whatever the number of threads; sums are combined in chunk order. */
enum { SMASH__CHUNK = 65536, SMASH__TILE = 32 };

/* ---- one number ---- */

SMASH__DEF float smash_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, rest = h & 0x7FFFu;
    if (rest >= 0x7C00u) return smash__float32(sign | 0x7F800000u | (rest & 0x3FFu) << 13 | (rest > 0x7C00u ? 0x400000u : 0u));
    if (rest >= 0x0400u) return smash__float32(sign | ((rest << 13) + 0x38000000u));
    return smash__float32(sign | smash__bits32((float)(int32_t)rest * 5.9604644775390625e-8f));     /* subnormal: rest * 2^-24, exact */
}

/* float to double and back with the bits of a NaN kept (quiet), and too large numbers to Inf: C leaves both to the machine. */
SMASH__FN double smash__widen(float x) { return (smash__bits32(x) & 0x7FFFFFFFu) <= 0x7F800000u ? (double)x : smash__float64(smash__widen_bits(x)); }

SMASH__FN float smash__to_f32(double x)
{
    uint64_t u = smash__bits64(x), magnitude = u & ~((uint64_t)1 << 63);
    uint32_t sign = (uint32_t)(u >> 63) << 31;
    if (magnitude > (uint64_t)0x7FF << 52) return smash__float32(sign | 0x7FC00000u | (uint32_t)(magnitude >> 29 & 0x7FFFFFu));
    if (magnitude >= (uint64_t)0x47EFFFFFF0000000u) return smash__float32(sign | 0x7F800000u);      /* half an ulp above FLT_MAX, or more */
    return (float)x;
}

/* Round the bits of a double to a smaller float with this many mantissa bits and this exponent bias. */
SMASH__FN uint32_t smash__narrow(uint64_t bits, int mantissa, int bias)
{
    uint64_t m = bits & 0xFFFFFFFFFFFFFu;
    int exponent = (int)(bits >> 52 & 0x7FF), shift = 52 - mantissa, e;
    uint32_t sign = (uint32_t)(bits >> 63), top = (uint32_t)(2 * bias + 1);
    uint32_t out;
    if (exponent == 0x7FF) out = top << mantissa | (m ? 1u << (mantissa - 1) | (uint32_t)(m >> shift) : 0u);     /* Inf, quiet NaN */
    else {
        e = exponent - 1023 + bias;
        if (exponent) m |= (uint64_t)1 << 52;
        if (e >= 1) out = ((uint32_t)(e - 1) << mantissa) + (uint32_t)smash__shift_round(m, shift, 0);           /* a carry moves the exponent up */
        else if (shift + 1 - e <= 63) out = (uint32_t)smash__shift_round(m, shift + 1 - e, 0);                  /* subnormal */
        else out = 0;
        if (out > top << mantissa || e > 2 * bias) out = top << mantissa;
    }
    return out | sign << (mantissa == 23 ? 31 : 15);
}

SMASH__DEF uint16_t smash_f64_to_f16(double x)  { return (uint16_t)smash__narrow(smash__bits64(x), 10, 15); }
SMASH__DEF uint16_t smash_f32_to_f16(float x)   { return (uint16_t)smash__narrow(smash__widen_bits(x), 10, 15); }
SMASH__DEF uint16_t smash_f64_to_bf16(double x) { return (uint16_t)smash__narrow(smash__bits64(x), 7, 127); }
SMASH__DEF uint16_t smash_f32_to_bf16(float x)  { return (uint16_t)smash__narrow(smash__widen_bits(x), 7, 127); }
SMASH__DEF float smash_bf16_to_f32(uint16_t h)
{
    uint32_t bits = (uint32_t)h << 16;
    return smash__float32((bits & 0x7FFFFFFFu) > 0x7F800000u ? bits | 0x400000u : bits);
}

/* An integer as sign and magnitude, so that one type holds I64 and U64. */
SMASH__FN uint64_t smash__get_int(const smash_tensor *t, size_t i, int *negative)
{
    int64_t v = 0;
    *negative = 0;
    switch (t->dtype) {
    case SMASH_I8:  v = ((const int8_t *)t->data)[i]; break;
    case SMASH_I16: v = ((const int16_t *)t->data)[i]; break;
    case SMASH_I32: v = ((const int32_t *)t->data)[i]; break;
    case SMASH_I64: v = ((const int64_t *)t->data)[i]; break;
    case SMASH_U8: case SMASH_BOOL: return ((const uint8_t *)t->data)[i];
    case SMASH_U16: return ((const uint16_t *)t->data)[i];
    case SMASH_U32: return ((const uint32_t *)t->data)[i];
    case SMASH_U64: return ((const uint64_t *)t->data)[i];
    default: {                                                  /* packed: low bits first */
        unsigned bits = smash_dtype_bits(t->dtype), per = 8 / bits, half = 1u << (bits - 1);
        unsigned u = (unsigned)((const uint8_t *)t->data)[i / per] >> i % per * bits & (2 * half - 1);
        v = (int64_t)u;
        if ((smash__dtype(t->dtype)->kind & SMASH__SIGNED) && u >= half) v -= (int64_t)(2 * half);
    } }
    *negative = v < 0;
    return v < 0 ? (uint64_t)-(v + 1) + 1 : (uint64_t)v;
}

/* 0 if the dtype cannot hold it */
SMASH__FN int smash__set_int(const smash_tensor *t, size_t i, uint64_t magnitude, int negative)
{
    const smash__dtype_info *info = smash__dtype(t->dtype);
    int is_signed = (info->kind & SMASH__SIGNED) != 0;
    unsigned bits = t->dtype == SMASH_BOOL ? 1 : info->bits;
    uint64_t most = is_signed ? ((uint64_t)1 << (bits - 1)) - (negative ? 0 : 1) : bits == 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
    uint64_t u = negative ? (uint64_t)0 - magnitude : magnitude;
    if (magnitude > most || (negative && !is_signed && magnitude)) return 0;
    switch (info->bits) {
    case 8:  ((uint8_t *)t->data)[i] = (uint8_t)u; break;
    case 16: ((uint16_t *)t->data)[i] = (uint16_t)u; break;
    case 32: ((uint32_t *)t->data)[i] = (uint32_t)u; break;
    case 64: ((uint64_t *)t->data)[i] = u; break;
    default: {
        uint8_t *byte = (uint8_t *)t->data + i / (8 / bits);
        unsigned shift = (unsigned)(i % (8 / bits) * bits), window = ((1u << bits) - 1u) << shift;
        *byte = (uint8_t)((*byte & ~window) | ((unsigned)u << shift & window));
    } }
    return 1;
}

/* Integer to double, rounded to odd where it does not fit, so that a second rounding to fewer bits is right. */
SMASH__FN double smash__int_to_f64(uint64_t magnitude, int negative)
{
    double x;
    if (magnitude >> 53) {
        int shift = 0;
        while (magnitude >> shift >> 53) shift++;
        magnitude = (magnitude >> shift | ((magnitude & (((uint64_t)1 << shift) - 1)) != 0)) << shift;
    }
    x = (double)magnitude;
    return negative ? -x : x;
}

/* n numbers from `first` on, as doubles: exact for every dtype but 64-bit integers, which round to odd. */
SMASH__FN SMASH__NOINLINE void smash__load_f64(const smash_tensor *t, size_t first, size_t n, double *out)
{
    size_t i;
    int negative;
    switch (t->dtype) {
    case SMASH_F32:  { const float *p = (const float *)t->data + first;       for (i = 0; i < n; i++) out[i] = smash__widen(p[i]); break; }
    case SMASH_F64:  { const double *p = (const double *)t->data + first;     for (i = 0; i < n; i++) out[i] = p[i]; break; }
    case SMASH_F16:  { const uint16_t *p = (const uint16_t *)t->data + first; for (i = 0; i < n; i++) out[i] = smash__widen(smash_f16_to_f32(p[i])); break; }
    case SMASH_BF16: { const uint16_t *p = (const uint16_t *)t->data + first; for (i = 0; i < n; i++) out[i] = smash__widen(smash_bf16_to_f32(p[i])); break; }
    default:
        for (i = 0; i < n; i++) {
            uint64_t magnitude = smash__get_int(t, first + i, &negative);
            out[i] = smash__int_to_f64(magnitude, negative);
        }
    }
}

/* n numbers of an F32, F16 or BF16 tensor as floats, exact */
SMASH__FN void smash__load_f32(const smash_tensor *t, size_t first, size_t n, float *out)
{
    size_t i;
    if (t->dtype == SMASH_F32) smash__copy(out, (const float *)t->data + first, n * sizeof *out);
    else {
        const uint16_t *p = (const uint16_t *)t->data + first;
        if (t->dtype == SMASH_F16) for (i = 0; i < n; i++) out[i] = smash_f16_to_f32(p[i]);
        else                       for (i = 0; i < n; i++) out[i] = smash_bf16_to_f32(p[i]);
    }
}

/* n floats into a float tensor, rounded once */
SMASH__FN void smash__store_f32(const smash_tensor *t, size_t first, size_t n, const float *x)
{
    size_t i;
    if (SMASH__IS_F64(t->dtype))      for (i = 0; i < n; i++) ((double *)t->data)[first + i] = smash__widen(x[i]);
    else if (t->dtype == SMASH_F16)   for (i = 0; i < n; i++) ((uint16_t *)t->data)[first + i] = smash_f32_to_f16(x[i]);
    else if (t->dtype == SMASH_BF16)  for (i = 0; i < n; i++) ((uint16_t *)t->data)[first + i] = smash_f32_to_bf16(x[i]);
    else smash__copy((float *)t->data + first, x, n * sizeof *x);
}

/* One double into a float tensor, rounded once */
SMASH__FN void smash__set_float(const smash_tensor *t, size_t i, double x)
{
    switch (t->dtype) {
    case SMASH_F32: ((float *)t->data)[i] = smash__to_f32(x); break;
    case SMASH_F64: ((double *)t->data)[i] = x; break;
    case SMASH_F16: ((uint16_t *)t->data)[i] = smash_f64_to_f16(x); break;
    default:        ((uint16_t *)t->data)[i] = smash_f64_to_bf16(x); break;
    }
}

/* ---- conversion ---- */

#if !SMASH_NO_DOUBLE
SMASH__DEF smash_err smash_tensor_convert(smash_ctx *ctx, const smash_tensor *src, const smash_tensor *dst)
{
    size_t n, i, j;
    int from_float, to_float;
    SMASH__TRY(smash__check(ctx, src, "source", SMASH__FLOATS | SMASH__INTS, SMASH__READ, &n));
    SMASH__TRY(smash__check(ctx, dst, "destination", SMASH__FLOATS | SMASH__INTS, SMASH__WRITE, NULL));
    SMASH__TRY(smash__check_shape(ctx, dst, "destination", src->ndim, src->shape));
    SMASH__TRY(smash__check_apart(ctx, src, dst));
    from_float = smash__dtype(src->dtype)->kind & SMASH__FLOAT;
    to_float = smash__dtype(dst->dtype)->kind & SMASH__FLOAT;
    if (n && smash__dtype(dst->dtype)->kind & SMASH__PACKED) {          /* the bits behind the last number are 0 */
        size_t bytes;
        SMASH__TRY(smash_tensor_bytes(dst, &bytes));
        ((uint8_t *)dst->data)[bytes - 1] = 0;
    }
    for (i = 0; i < n; i += SMASH__TILE) {
        size_t tile = smash__min(n - i, SMASH__TILE);
        double x[SMASH__TILE];
        if (from_float || to_float) smash__load_f64(src, i, tile, x);
        for (j = 0; j < tile; j++) {
            uint64_t magnitude;
            int negative, fits;
            if (to_float) {
                if (dst->dtype == SMASH_F64 && !from_float) {           /* here x is the last rounding: not to odd */
                    magnitude = smash__get_int(src, i + j, &negative);
                    x[j] = negative ? -(double)magnitude : (double)magnitude;
                }
                smash__set_float(dst, i + j, x[j]);
                continue;
            }
            if (from_float) {
                double a = x[j] < 0 ? -x[j] : x[j];
                negative = x[j] < 0;
                fits = a < 18446744073709551616.0;                      /* false for NaN, too */
                magnitude = fits ? (uint64_t)a : 0;
                fits = fits && (double)magnitude == a;
            } else {
                magnitude = smash__get_int(src, i + j, &negative);
                fits = 1;
            }
            if (!fits || !smash__set_int(dst, i + j, magnitude, negative))
                return SMASH__FAIL(ctx, SMASH_ERR_RANGE, i + j, "element %z of %q is not a number that %s can hold", i + j, smash__name(src), smash_dtype_name(dst->dtype));
        }
    }
    return SMASH_OK;
}
#endif

/* ---- distance ---- */

enum { SMASH__DISTANCE_LANES = 8 };
typedef struct smash__sums { double error2, a2, b2, ab, max; uint64_t zeros_a, zeros_b, clipped; } smash__sums;    /* clipped: the quant section's */
typedef struct smash__lanes {
    double error2[SMASH__DISTANCE_LANES], a2[SMASH__DISTANCE_LANES], b2[SMASH__DISTANCE_LANES], ab[SMASH__DISTANCE_LANES];
    uint32_t max[SMASH__DISTANCE_LANES], zeros_a[SMASH__DISTANCE_LANES], zeros_b[SMASH__DISTANCE_LANES];
} smash__lanes;

#if !SMASH_NO_DOUBLE
/* Products of two floats are exact in double, so a fused multiply-add gives the same bits. */
#define SMASH__DISTANCE_STEP(x, y) do { \
    float fx = (float)(x), fy = (float)(y), e = (float)((double)(x) - (double)(y)); \
    uint32_t eb = smash__bits32(e) & 0x7FFFFFFFu; \
    lanes->error2[j] += (double)e * (double)e; \
    lanes->a2[j] += (double)fx * (double)fx; \
    lanes->b2[j] += (double)fy * (double)fy; \
    lanes->ab[j] += (double)fx * (double)fy; \
    lanes->max[j] = eb > lanes->max[j] ? eb : lanes->max[j]; \
    lanes->zeros_a[j] += (x) == 0; \
    lanes->zeros_b[j] += (y) == 0; \
} while (0)

SMASH__INLINE void smash__distance_f32_body(const float *SMASH__RESTRICT a, const float *SMASH__RESTRICT b, size_t groups, smash__lanes *SMASH__RESTRICT lanes)
{
    size_t g, j;
    for (g = 0; g < groups; g++, a += SMASH__DISTANCE_LANES, b += SMASH__DISTANCE_LANES)
        for (j = 0; j < SMASH__DISTANCE_LANES; j++) SMASH__DISTANCE_STEP(a[j], b[j]);
}
SMASH__KERNEL(smash__distance_f32, (const float *SMASH__RESTRICT a, const float *SMASH__RESTRICT b, size_t groups, smash__lanes *SMASH__RESTRICT lanes), (a, b, groups, lanes))

/* The same for any dtype: n numbers, the first of them in this lane */
SMASH__FN SMASH__NOINLINE void smash__distance_few(const double *a, const double *b, size_t lane, size_t n, smash__lanes *lanes)
{
    size_t i, j;
    for (i = 0, j = lane; i < n; i++, j++) SMASH__DISTANCE_STEP(a[i], b[i]);
}
#undef SMASH__DISTANCE_STEP

/* Lanes to one sum, always in this order. */
SMASH__FN SMASH__NOINLINE smash__sums smash__sum_lanes(const smash__lanes *lanes)
{
    smash__sums s = SMASH_ZERO;
    uint32_t max = 0;
    int j;
    for (j = 0; j < SMASH__DISTANCE_LANES; j++) {
        s.error2 += lanes->error2[j];
        s.a2 += lanes->a2[j];
        s.b2 += lanes->b2[j];
        s.ab += lanes->ab[j];
        s.zeros_a += lanes->zeros_a[j];
        s.zeros_b += lanes->zeros_b[j];
        if (lanes->max[j] > max) max = lanes->max[j];
    }
    s.max = (double)smash__float32(max);
    return s;
}

SMASH__FN void smash__add_sums(smash__sums *to, const smash__sums *s)
{
    to->error2 += s->error2;
    to->a2 += s->a2;
    to->b2 += s->b2;
    to->ab += s->ab;
    to->zeros_a += s->zeros_a;
    to->zeros_b += s->zeros_b;
    to->clipped += s->clipped;
    if (s->max > to->max || s->max != s->max) to->max = s->max;
}

SMASH__FN double smash__snr_db(double signal, double noise)
{
    const double infinity = smash__float64((uint64_t)0x7FF << 52);
    if (noise == 0) return infinity;
    if (signal == 0) return -infinity;
    return smash__one_nan(smash__product(4.3429448190325182765, smash_log(signal / noise)));      /* 10 / ln 10 */
}

typedef struct smash__distance_job { const smash_tensor *a, *b; size_t count; int simd; smash__sums *sums; } smash__distance_job;

SMASH__FN void smash__distance_chunk(void *arg, size_t chunk)
{
    const smash__distance_job *job = (const smash__distance_job *)arg;
    size_t first = chunk * SMASH__CHUNK, n = smash__min(job->count - first, SMASH__CHUNK), i = 0;
    smash__lanes lanes;
    smash__fill(&lanes, 0, sizeof lanes);
    if (job->a->dtype == SMASH_F32 && job->b->dtype == SMASH_F32) {
        i = n / SMASH__DISTANCE_LANES * SMASH__DISTANCE_LANES;
        SMASH__CALL(job->simd, smash__distance_f32, ((const float *)job->a->data + first, (const float *)job->b->data + first, n / SMASH__DISTANCE_LANES, &lanes));
    }
    for (; i < n; i += 2) {
        size_t some = smash__min(n - i, 2);
        double x[2], y[2];
        smash__load_f64(job->a, first + i, some, x);
        smash__load_f64(job->b, first + i, some, y);
        smash__distance_few(x, y, i % SMASH__DISTANCE_LANES, some, &lanes);
    }
    job->sums[chunk] = smash__sum_lanes(&lanes);
}

SMASH__DEF smash_err smash_tensor_distance(smash_ctx *ctx, const smash_tensor *a, const smash_tensor *b, smash_distance *out)
{
    smash__distance_job job;
    smash__sums total = SMASH_ZERO;
    smash_arena_mark mark = smash__scratch_mark(ctx);
    size_t chunks, i;
    double cosine;
    if (!out) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "no place for the result");
    SMASH__TRY(smash__check(ctx, a, "first tensor", SMASH__FLOATS | SMASH__INTS, SMASH__READ, &job.count));
    SMASH__TRY(smash__check(ctx, b, "second tensor", SMASH__FLOATS | SMASH__INTS, SMASH__READ, NULL));
    SMASH__TRY(smash__check_shape(ctx, b, "second tensor", a->ndim, a->shape));
    job.a = a;
    job.b = b;
    job.simd = smash__simd(ctx);
    chunks = job.count / SMASH__CHUNK + (job.count % SMASH__CHUNK != 0);
    job.sums = chunks ? (smash__sums *)smash__scratch(ctx, chunks, sizeof *job.sums) : NULL;
    if (chunks && !job.sums) return SMASH_ERR_NOMEM;
    smash__parallel(ctx, chunks, smash__distance_chunk, &job);
    for (i = 0; i < chunks; i++) smash__add_sums(&total, &job.sums[i]);
    smash__scratch_rewind(ctx, mark);
    out->count = job.count;
    out->mse = job.count ? smash__one_nan(total.error2 / (double)job.count) : 0;
    out->max_abs_error = smash__one_nan(total.max);
    out->snr_db = smash__snr_db(total.a2, total.error2);
    cosine = total.a2 == 0 && total.b2 == 0 ? 1 : total.a2 == 0 || total.b2 == 0 ? 0
           : total.ab / (smash_sqrt(total.a2) * smash_sqrt(total.b2));
    if (cosine > 1) cosine = 1;                                     /* an ulp of rounding */
    if (cosine < -1) cosine = -1;
    out->cosine = smash__one_nan(cosine);
    out->zeros_a = (size_t)total.zeros_a;
    out->zeros_b = (size_t)total.zeros_b;
    return SMASH_OK;
}
#endif

/* ---- granularity ---- */

SMASH__FN smash_grain smash__grain(smash_grain_kind kind)
{
    smash_grain g;
    smash__fill(&g, 0, sizeof g);
    g.kind = kind;
    return g;
}

SMASH__DEF smash_grain smash_grain_element(void)     { return smash__grain(SMASH_GRAIN_ELEMENT); }
SMASH__DEF smash_grain smash_grain_tensor(void)      { return smash__grain(SMASH_GRAIN_TENSOR); }
SMASH__DEF smash_grain smash_grain_out_channel(void) { return smash_grain_axis(0); }
SMASH__DEF smash_grain smash_grain_in_channel(void)  { return smash_grain_axis(1); }

SMASH__DEF smash_grain smash_grain_axis(uint32_t axis)
{
    smash_grain g = smash__grain(SMASH_GRAIN_AXIS);
    g.axis = axis;
    return g;
}

SMASH__DEF smash_grain smash_grain_block(const int32_t *block, uint32_t count)
{
    smash_grain g = smash__grain(SMASH_GRAIN_BLOCK);
    uint32_t i;
    g.block_count = count;
    for (i = 0; i < count && i < SMASH_MAX_DIMS; i++) g.block[i] = block[i];
    return g;
}

SMASH__DEF void smash_grain_list(const smash_grain *grain, uint32_t ndim, int32_t out[SMASH_MAX_DIMS])
{
    uint32_t i, lead = grain->kind == SMASH_GRAIN_BLOCK && !grain->pad_back && grain->block_count <= ndim ? ndim - grain->block_count : 0;
    for (i = 0; i < ndim && i < SMASH_MAX_DIMS; i++) {
        if (grain->kind == SMASH_GRAIN_ELEMENT) out[i] = 1;
        else if (grain->kind == SMASH_GRAIN_AXIS) out[i] = i == grain->axis ? 1 : -1;
        else if (grain->kind != SMASH_GRAIN_BLOCK) out[i] = -1;
        else if (i < lead || i - lead >= grain->block_count) out[i] = grain->pad_value ? grain->pad_value : 1;
        else out[i] = grain->block[i - lead];
    }
}

/* "1, 2, 3, 6" : the block sizes that divide a dim, for messages */
SMASH__FN const char *smash__divisors(size_t dim, char out[SMASH__SHAPE_TEXT])
{
    size_t d, n = 0;
    out[0] = '\0';
    for (d = 1; d <= dim && d <= 64 && n + 24 < SMASH__SHAPE_TEXT; d++)
        if (dim % d == 0) n += smash__format(out + n, SMASH__SHAPE_TEXT - n, n ? ", %z" : "%z", d);
    return out;
}

SMASH__DEF smash_err smash_grid_make(smash_ctx *ctx, const smash_grain *grain, const smash_tensor *t, smash_grid *grid)
{
    smash_grid g;
    int32_t sizes[SMASH_MAX_DIMS];
    uint32_t i;
    char text[SMASH__SHAPE_TEXT];
    if (!grain || !t || !grid || t->ndim > SMASH_MAX_DIMS || (unsigned)grain->kind > SMASH_GRAIN_BLOCK)
        return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "granularity, tensor or grid is missing or was not initialised");
    smash__fill(&g, 0, sizeof g);
    g.ndim = t->ndim;
    if (grain->kind == SMASH_GRAIN_AXIS && grain->axis >= t->ndim)
        return SMASH__FAIL(ctx, SMASH_ERR_SHAPE, grain->axis, "%q has %u dim%s, so there is no axis %u to take channels from", smash__name(t), t->ndim, smash__plural(t->ndim), grain->axis);
    if (grain->kind == SMASH_GRAIN_BLOCK && (grain->block_count > t->ndim || grain->block_count > SMASH_MAX_DIMS))
        return SMASH__FAIL(ctx, SMASH_ERR_SHAPE, grain->block_count, "the block has %u sizes but %q has only %u dim%s", grain->block_count, smash__name(t), t->ndim, smash__plural(t->ndim));
    smash_grain_list(grain, t->ndim, sizes);
    g.blocks = g.block_elements = 1;
    for (i = 0; i < t->ndim; i++) {
        int32_t size = sizes[i];
        if (t->shape[i] == 0) return SMASH__FAIL(ctx, SMASH_ERR_SHAPE, i, "dim %u of %q is 0: there is nothing to divide into blocks", i, smash__name(t));
        if (size == 0 || size < -1)
            return SMASH__FAIL(ctx, SMASH_ERR_RANGE, i, "block size %i along dim %u of %q: it must be -1 (the whole axis) or at least 1", (int)size, i, smash__name(t));
        g.block[i] = size < 0 ? t->shape[i] : (size_t)size;
        if (t->shape[i] % g.block[i])
            return SMASH__FAIL(ctx, SMASH_ERR_SHAPE, i, "block size %i does not divide dim %u of %q, which is %z; sizes that do: %s, or -1 for all of it",
                               (int)size, i, smash__name(t), t->shape[i], smash__divisors(t->shape[i], text));
        g.count[i] = t->shape[i] / g.block[i];
        if (!smash__mul(g.blocks, g.count[i], &g.blocks) || !smash__mul(g.block_elements, g.block[i], &g.block_elements))
            return SMASH__FAIL(ctx, SMASH_ERR_OVERFLOW, i, "the shape of %q does not fit the address space", smash__name(t));
    }
    *grid = g;
    return SMASH_OK;
}

/* The block walker: a tensor is a row of equal runs, each contiguous in memory and inside one block. Runs are
 * visited in memory order, from any run on, so that chunks of runs can go to different threads. */
typedef struct smash__walk {
    size_t   run, runs;                  /* elements of a run; number of runs */
    size_t   first;                      /* element index of the current run */
    size_t   block;                      /* its block, row-major in the grid */
    uint32_t axes;                       /* leading axes that are stepped through; the last one in steps of `step` */
    size_t   limit[SMASH_MAX_DIMS], at[SMASH_MAX_DIMS], size[SMASH_MAX_DIMS], inside[SMASH_MAX_DIMS], stride[SMASH_MAX_DIMS];
} smash__walk;

SMASH__FN void smash__walk_seek(smash__walk *w, size_t run)
{
    uint32_t i = w->axes;
    w->first = run * w->run;
    w->block = 0;
    while (i) {
        i--;
        w->at[i] = run % w->limit[i];
        run /= w->limit[i];
        w->inside[i] = w->at[i] % w->size[i];
        w->block += w->at[i] / w->size[i] * w->stride[i];
    }
}

/* Numbers of a block that lie in one piece; axes: those in front that lead from piece to piece */
SMASH__FN size_t smash__grid_run(const smash_grid *grid, uint32_t *axes)
{
    uint32_t axis = grid->ndim;
    size_t run = 1;
    while (axis && grid->count[axis - 1] == 1) run *= grid->block[--axis];         /* whole axes at the end join the run ... */
    if (axis) run *= grid->block[axis - 1];                                        /* ... and so does the block of the next one */
    *axes = axis;
    return run;
}

SMASH__FN void smash__walk_start(smash__walk *w, const smash_grid *grid)
{
    uint32_t axis, i;
    size_t stride = 1;
    smash__fill(w, 0, sizeof *w);
    w->run = smash__grid_run(grid, &axis);
    w->axes = axis;
    w->runs = 1;
    for (i = axis; i > 0;) {
        int last = i-- == axis;
        w->limit[i] = last ? grid->count[i] : grid->count[i] * grid->block[i];
        w->size[i] = last ? 1 : grid->block[i];
        w->stride[i] = stride;
        stride *= grid->count[i];
        w->runs *= w->limit[i];
    }
    smash__walk_seek(w, 0);
}

SMASH__FN void smash__walk_next(smash__walk *w)
{
    uint32_t i = w->axes;
    w->first += w->run;
    while (i) {
        i--;
        if (++w->inside[i] == w->size[i]) { w->inside[i] = 0; w->block += w->stride[i]; }
        if (++w->at[i] < w->limit[i]) return;
        w->at[i] = 0;
        w->block -= w->limit[i] / w->size[i] * w->stride[i];
    }
}

/* A walk in which runs of one number, each in a block of its own, are joined to rows. Returns 1 if so: number j of a
 * run is then in block walk->block + j. */
SMASH__FN int smash__walk_rows(smash__walk *w, const smash_grid *grid)
{
    smash__walk_start(w, grid);
    if (w->run > 1) return 0;
    while (w->axes && w->size[w->axes - 1] == 1) {
        w->axes--;
        w->run *= w->limit[w->axes];
        w->runs /= w->limit[w->axes];
    }
    return 1;
}

#if !SMASH_NO_MASK
/*==================================================================================================
 * MARK: - Mask, implementation                                                          >>mask-impl
 *================================================================================================*/

#define SMASH__MASKS (SMASH__BIT(SMASH_BOOL) | SMASH__BIT(SMASH_U8))

/* SAMPLE_FROM: elements from which guessing by a sample pays; LINE of them are taken from one place. PARTS is the most a pass is cut
 * into: fixed, so scratch does not depend on threads. FPGM_ROWS: blocks whose distances to all others are held at a time. */
enum { SMASH__LANES = 32, SMASH__SAMPLE_FROM = 131072, SMASH__LINE = 16, SMASH__PARTS = 16, SMASH__FPGM_ROWS = 8 };

#if SMASH__SIMD && !defined(__NVCC__)                  /* nvcc does not know the pragma */
#define SMASH__UNROLL _Pragma("GCC unroll 16")          /* keeps the lanes in registers at -O2, too */
#else
#define SMASH__UNROLL
#endif

/* ---- keys ---- */

/* What a selection ranks. Floats of one sign order like their bits, so a block of one element needs no score: its
 * magnitude bits are its key. A metric may be negative and goes from sign and magnitude to two's complement. Either
 * way -0 equals +0, and a key of `infinity` or beyond is Inf or NaN. */
typedef struct smash__keys {
    const void *data;
    size_t      count;
    uint32_t    bits;                /* 16, 32 or 64 */
    int         simd;
    uint64_t    sign;                /* 64 bits: all ones to keep the sign */
    int64_t     infinity;
} smash__keys;

/* One pass counts the keys below lo, equal to lo, equal to hi, and what lies between: in bins of 2^shift keys, or, if there is a pool,
 * by putting its elements there, as long as there is room. */
typedef struct smash__pass { int64_t lo, hi, infinity; uint64_t sign; unsigned shift; void *pool; size_t room; } smash__pass;
enum { SMASH__BELOW = 0, SMASH__EQUAL = 1, SMASH__TOP = 2, SMASH__INSIDE = 3, SMASH__BAD = 4, SMASH__BINS = 5 };

/* A pass looks at SQUARE elements at a time, as ROWS of COLUMNS, and marks the columns that have a key in the bracket. With a good
 * bracket these are few: they are queued without a branch, by words of 8 bytes of marks, and looked at again after some squares. */
enum { SMASH__COLUMNS = 32, SMASH__ROWS = 8, SMASH__SQUARE_SIZE = SMASH__COLUMNS * SMASH__ROWS, SMASH__SQUARES = 8 };

SMASH__INLINE uint16_t smash__bits16(uint16_t x)  { return x; }
SMASH__INLINE uint16_t smash__float16(uint16_t u) { return u; }
SMASH__INLINE int16_t smash__key16(uint16_t u, uint64_t sign) { (void)sign; return (int16_t)(u & 0x7FFFu); }
SMASH__INLINE int32_t smash__key32(uint32_t u, uint64_t sign) { (void)sign; return (int32_t)(u & 0x7FFFFFFFu); }
SMASH__INLINE int64_t smash__key64(uint64_t u, uint64_t sign)
{
    uint64_t flip = ((uint64_t)0 - (u >> 63)) & sign;
    return (int64_t)(((u & ~((uint64_t)1 << 63)) ^ flip) - flip);
}

#define SMASH__TALLY_ROW(bits, S, row) \
    key = smash__key##bits(smash__bits##bits(x[c + (row) * SMASH__COLUMNS]), sign); \
    size = smash__key##bits(smash__bits##bits(x[c + (row) * SMASH__COLUMNS]), 0); \
    below = (S)(below + (key < lo)); \
    equal = (S)(equal + (key == lo)); \
    top = (S)(top + (key == hi)); \
    largest = size > largest ? size : largest; \
    in = (S)(in | ((key > lo) & (key < hi)));

/* The loops over elements, once per width: E is the element, S and U are integers of its size. */
#define SMASH__MASK_KERNELS(bits, E, S, U) \
SMASH__INLINE size_t smash__inside##bits(const E *x, size_t n, size_t step, const smash__pass *pass, size_t *bins, size_t found) \
{ \
    const U from = (U)((U)(S)pass->lo + 1u), width = pass->hi > pass->lo ? (U)((U)(S)pass->hi - from) : 0; \
    E *pool = (E *)pass->pool; \
    size_t i; \
    if (!pool) { \
        for (i = 0; i < n; i++) { \
            U d = (U)((U)smash__key##bits(smash__bits##bits(x[i * step]), pass->sign) - from); \
            if (d < width) { bins[(size_t)(d >> pass->shift)]++; found++; } \
        } \
    } else if (found + n <= pass->room) { \
        for (i = 0; i < n; i++) { \
            pool[found] = x[i * step]; \
            found += (U)((U)smash__key##bits(smash__bits##bits(x[i * step]), pass->sign) - from) < width; \
        } \
    } else for (i = 0; i < n; i++) found += (U)((U)smash__key##bits(smash__bits##bits(x[i * step]), pass->sign) - from) < width; \
    return found; \
} \
\
SMASH__INLINE void smash__tally##bits##_body(const E *SMASH__RESTRICT x, size_t n, const smash__pass *SMASH__RESTRICT pass, \
                                              size_t *SMASH__RESTRICT out) \
{ \
    enum { PER_WORD = 8 / sizeof(S), WORDS = SMASH__COLUMNS / PER_WORD }; \
    const S lo = (S)pass->lo, hi = (S)pass->hi; \
    const uint64_t sign = pass->sign; \
    size_t found = 0, c, w, i; \
    S key, size, largest = 0; \
    while (n >= SMASH__SQUARE_SIZE) { \
        const size_t squares = smash__min(n / SMASH__SQUARE_SIZE, SMASH__SQUARES); \
        const E *first = x; \
        uint8_t queue[SMASH__SQUARES * WORDS]; \
        size_t queued = 0, square; \
        for (square = 0; square < squares; square++, x += SMASH__SQUARE_SIZE) { \
            S mark[SMASH__COLUMNS], below = 0, equal = 0, top = 0; \
            for (c = 0; c < SMASH__COLUMNS; c++) { \
                S in = 0; \
                SMASH__TALLY_ROW(bits, S, 0) SMASH__TALLY_ROW(bits, S, 1) SMASH__TALLY_ROW(bits, S, 2) SMASH__TALLY_ROW(bits, S, 3) \
                SMASH__TALLY_ROW(bits, S, 4) SMASH__TALLY_ROW(bits, S, 5) SMASH__TALLY_ROW(bits, S, 6) SMASH__TALLY_ROW(bits, S, 7) \
                mark[c] = in; \
            } \
            out[SMASH__BELOW] += (size_t)(U)below; \
            out[SMASH__EQUAL] += (size_t)(U)equal; \
            out[SMASH__TOP] += (size_t)(U)top; \
            for (w = 0; w < WORDS; w++) { \
                uint64_t word; \
                SMASH__BIT_CAST(&word, &mark[w * PER_WORD], 8); \
                queue[queued] = (uint8_t)(square * WORDS + w); \
                queued += word != 0; \
            } \
        } \
        n -= squares * SMASH__SQUARE_SIZE; \
        if (queued == squares * WORDS) for (i = 0; i < squares; i++) \
            found = smash__inside##bits(first + i * SMASH__SQUARE_SIZE, SMASH__SQUARE_SIZE, 1, pass, out + SMASH__BINS, found); \
        else for (i = 0; i < queued; i++) \
            for (c = 0; c < PER_WORD; c++) \
                found = smash__inside##bits(first + queue[i] / WORDS * SMASH__SQUARE_SIZE + queue[i] % WORDS * PER_WORD + c, SMASH__ROWS, SMASH__COLUMNS, pass, out + SMASH__BINS, found); \
    } \
    for (i = 0; i < n; i++) { \
        key = smash__key##bits(smash__bits##bits(x[i]), sign); \
        size = smash__key##bits(smash__bits##bits(x[i]), 0); \
        out[SMASH__BELOW] += key < lo; \
        out[SMASH__EQUAL] += key == lo; \
        out[SMASH__TOP] += key == hi; \
        largest = size > largest ? size : largest; \
    } \
    out[SMASH__INSIDE] += smash__inside##bits(x, n, 1, pass, out + SMASH__BINS, found); \
    out[SMASH__BAD] |= largest >= (S)pass->infinity; \
} \
SMASH__KERNEL(smash__tally##bits, (const E *SMASH__RESTRICT x, size_t n, const smash__pass *SMASH__RESTRICT pass, size_t *SMASH__RESTRICT out), \
              (x, n, pass, out)) \
\
SMASH__INLINE void smash__keep##bits##_body(const E *SMASH__RESTRICT x, size_t n, int64_t least, uint64_t sign, uint8_t *SMASH__RESTRICT keep) \
{ \
    const S from = (S)least; \
    size_t j; \
    for (; n >= SMASH__TILE; x += SMASH__TILE, keep += SMASH__TILE, n -= SMASH__TILE) \
        for (j = 0; j < SMASH__TILE; j++) keep[j] = (uint8_t)(smash__key##bits(smash__bits##bits(x[j]), sign) >= from); \
    for (j = 0; j < n; j++) keep[j] = (uint8_t)(smash__key##bits(smash__bits##bits(x[j]), sign) >= from); \
} \
SMASH__KERNEL(smash__keep##bits, (const E *SMASH__RESTRICT x, size_t n, int64_t least, uint64_t sign, uint8_t *SMASH__RESTRICT keep), \
              (x, n, least, sign, keep)) \
\
SMASH__INLINE void smash__apply##bits##_body(E *SMASH__RESTRICT x, size_t n, const uint8_t *SMASH__RESTRICT keep) \
{ \
    size_t j; \
    for (; n >= SMASH__TILE; x += SMASH__TILE, keep += SMASH__TILE, n -= SMASH__TILE) \
        for (j = 0; j < SMASH__TILE; j++) x[j] = smash__float##bits((U)(smash__bits##bits(x[j]) & (U)(0 - (U)(keep[j] != 0)))); \
    for (j = 0; j < n; j++) x[j] = smash__float##bits((U)(smash__bits##bits(x[j]) & (U)(0 - (U)(keep[j] != 0)))); \
} \
SMASH__KERNEL(smash__apply##bits, (E *SMASH__RESTRICT x, size_t n, const uint8_t *SMASH__RESTRICT keep), (x, n, keep))

SMASH__MASK_KERNELS(16, uint16_t, int16_t, uint16_t)
SMASH__MASK_KERNELS(32, float, int32_t, uint32_t)
SMASH__MASK_KERNELS(64, double, int64_t, uint64_t)
#undef SMASH__MASK_KERNELS
#undef SMASH__TALLY_ROW

SMASH__FN smash__keys smash__keys_of(const smash_ctx *ctx, smash_dtype dtype, const void *data, size_t count, int is_signed)
{
    smash__keys k;
    k.data = data;
    k.count = count;
    k.bits = smash_dtype_bits(dtype);
    k.simd = smash__simd(ctx);
    k.sign = is_signed ? UINT64_MAX : 0;
    k.infinity = dtype == SMASH_F32 ? 0x7F800000 : dtype == SMASH_F16 ? 0x7C00 : dtype == SMASH_BF16 ? 0x7F80 : (int64_t)((uint64_t)0x7FF << 52);
    return k;
}

SMASH__FN int64_t smash__key_at(const smash__keys *k, size_t i)
{
    if (k->bits == 16) return smash__key16(((const uint16_t *)k->data)[i], 0);
    if (k->bits == 32) return smash__key32(smash__bits32(((const float *)k->data)[i]), 0);
    return smash__key64(smash__bits64(((const double *)k->data)[i]), k->sign);
}

SMASH__FN void smash__tally(const smash__keys *k, size_t first, size_t n, const smash__pass *pass, size_t *out)
{
    const int simd = k->simd ? 1 : 0;                                   /* of 512 bits, compilers make a slower loop */
    if (k->bits == 16)      SMASH__CALL(simd, smash__tally16, ((const uint16_t *)k->data + first, n, pass, out));
    else if (k->bits == 32) SMASH__CALL(simd, smash__tally32, ((const float *)k->data + first, n, pass, out));
    else                    SMASH__CALL(simd, smash__tally64, ((const double *)k->data + first, n, pass, out));
}

/* Index of the first NaN or Inf; count if there is none. One key at a time: for messages, and for scores, which are few. */
SMASH__FN size_t smash__first_bad(const smash__keys *k)
{
    size_t i = 0;
    while (i < k->count && smash__key_at(k, i) < k->infinity && smash__key_at(k, i) > -k->infinity) i++;
    return i;
}

SMASH__FN smash_err smash__mask_grid(smash_ctx *ctx, const smash_grain *grain, const smash_tensor *t, smash_grid *grid)
{
    smash_grain element = smash_grain_element();
    return smash_grid_make(ctx, grain && grain->kind != SMASH_GRAIN_DEFAULT ? grain : &element, t, grid);
}

#if !SMASH_NO_DOUBLE
/* ---- selection: the key of a rank, without sorting ---- */

/* Exact selection: the key of rank k in few passes over memory. A sample gives a bracket that very likely holds it; one pass counts
 * what lies below and puts what lies in the bracket, a few in a hundred, into a pool; the rest happens there. Whatever the data, the
 * answer is exact: a bracket that misses, or holds more than the pool, costs passes that narrow it by counting. */
typedef struct smash__rank {
    smash__keys k;
    smash__pass pass;
    size_t   parts, bins, *out;     /* a row of SMASH__BINS + bins counters for each part */
    void    *pool;                  /* for a sample, then for the keys in its bracket: room elements, a share for each part; or NULL */
    size_t   room;
    int      pooled;                /* the keys are those in the pool, of each part so many: */
    size_t   held[SMASH__PARTS];
    int64_t  key;                   /* the answer, */
    size_t   below, equal;          /* and how many keys are smaller, or the same, */
    size_t   equals[SMASH__PARTS];  /* in each part */
    size_t   cut;                   /* equals before this index are dropped, from it on kept */
    uint8_t *mask;
} smash__rank;

SMASH__FN size_t smash__bin_count(size_t n) { return n < 65536 ? 256 : 2048; }
SMASH__FN size_t smash__part_count(size_t n) { size_t p = n / SMASH__CHUNK; return p < 1 ? 1 : smash__min(p, SMASH__PARTS); }

/* Elements of the pool: less than a hundredth of many, and a few more of those that take no time anyway */
SMASH__FN size_t smash__pool_count(size_t n)
{
    const size_t few = smash__min(n / 16, 262144);
    return n < SMASH__SAMPLE_FROM ? 0 : few > n / 128 ? few : n / 128;
}

/* Bytes of counters and pool; both are parts of sizes that were checked */
SMASH__FN size_t smash__select_bytes(size_t n, uint32_t key_bits)
{
    return smash__part_count(n) * (SMASH__BINS + smash__bin_count(n)) * sizeof(size_t) + smash__pool_count(n) * (key_bits / 8);
}

SMASH__FN void smash__select_init(smash__rank *s, const smash__keys *k, void *scratch, const smash_tensor *mask)
{
    smash__fill(s, 0, sizeof *s);
    s->k = *k;
    s->parts = smash__part_count(k->count);
    s->bins = smash__bin_count(k->count);
    s->out = (size_t *)scratch;
    s->room = smash__pool_count(k->count);
    s->pool = s->room ? (void *)(s->out + s->parts * (SMASH__BINS + s->bins)) : NULL;
    s->mask = mask ? (uint8_t *)mask->data : NULL;
}

SMASH__FN size_t smash__part_first(const smash__rank *s, size_t part)
{
    if (s->pooled) return s->room / s->parts * part;
    return part < s->parts ? s->k.count / SMASH__SQUARE_SIZE / s->parts * SMASH__SQUARE_SIZE * part : s->k.count;
}

SMASH__FN size_t smash__part_length(const smash__rank *s, size_t part)
{
    return s->pooled ? s->held[part] : smash__part_first(s, part + 1) - smash__part_first(s, part);
}

/* Counter c of a part */
SMASH__FN size_t *smash__counter(const smash__rank *s, size_t part, size_t c) { return s->out + part * (SMASH__BINS + s->bins) + c; }

SMASH__FN void smash__tally_part(void *arg, size_t part)
{
    const smash__rank *s = (const smash__rank *)arg;
    smash__pass pass = s->pass;
    pass.room = s->room / s->parts;
    if (s->pool) pass.pool = (unsigned char *)s->pool + pass.room * part * (s->k.bits / 8);
    smash__fill(smash__counter(s, part, 0), 0, (SMASH__BINS + s->bins) * sizeof(size_t));
    smash__tally(&s->k, smash__part_first(s, part), smash__part_length(s, part), &pass, smash__counter(s, part, 0));
}

/* Counter c over all parts */
SMASH__FN size_t smash__counted(const smash__rank *s, size_t c)
{
    size_t sum = 0, part;
    for (part = 0; part < s->parts; part++) sum += *smash__counter(s, part, c);
    return sum;
}

/* What a pass looks for */
SMASH__FN void smash__pass_set(smash__rank *s, int64_t lo, int64_t hi)
{
    const uint64_t width = (uint64_t)hi - (uint64_t)lo;                  /* one more than lies between */
    smash__fill(&s->pass, 0, sizeof s->pass);
    s->pass.lo = lo;
    s->pass.hi = hi;
    s->pass.infinity = s->k.infinity;
    s->pass.sign = s->k.sign;
    while (width > 1 && (width - 2) >> s->pass.shift >= s->bins) s->pass.shift++;
}

/* Count around the bracket [lo, hi]; what lies between goes into the pool, if there is one. Returns 0 if there was a NaN or Inf. */
SMASH__FN int smash__tally_all(smash_ctx *ctx, smash__rank *s, int64_t lo, int64_t hi)
{
    smash__pass_set(s, lo, hi);
    smash__parallel(ctx, s->parts, smash__tally_part, s);
    return !smash__counted(s, SMASH__BAD);
}

/* What a pass tells of a rank: its key is one of from..to, there are `count` such keys, the number of this counter, and `below` smaller
 * ones. Keys above the bracket have no counter. */
typedef struct smash__site { int64_t from, to; size_t below, count, counter; } smash__site;

SMASH__FN smash__site smash__site_of(const smash__rank *s, size_t rank)
{
    const int64_t lo = s->pass.lo, hi = s->pass.hi;
    smash__site p;
    p.from = s->k.sign ? -s->k.infinity : 0;
    p.to = lo - 1;
    p.below = 0;
    p.count = smash__counted(s, p.counter = SMASH__BELOW);
    if (rank < p.count) return p;
    p.from = p.to = lo;
    p.below = p.count;
    p.count = smash__counted(s, p.counter = SMASH__EQUAL);
    if (rank - p.below < p.count) return p;
    p.from = lo + 1;
    p.to = hi - 1;
    p.below += p.count;
    p.count = smash__counted(s, p.counter = SMASH__INSIDE);
    if (rank - p.below < p.count) {
        const uint64_t last = ((uint64_t)1 << s->pass.shift) - 1;
        size_t bin = 0;
        if (s->pool) return p;
        while ((p.count = smash__counted(s, p.counter = SMASH__BINS + bin)) <= rank - p.below) { p.below += p.count; bin++; }
        p.from += (int64_t)((uint64_t)bin << s->pass.shift);
        if ((uint64_t)p.to - (uint64_t)p.from > last) p.to = (int64_t)((uint64_t)p.from + last);
        return p;
    }
    p.from = p.to = hi;
    p.below += p.count;
    p.count = lo < hi ? smash__counted(s, p.counter = SMASH__TOP) : 0;
    if (rank - p.below < p.count) return p;
    p.from = hi + 1;
    p.to = s->k.infinity;
    p.below += p.count;
    p.count = s->k.count - p.below;
    p.counter = SMASH__BINS + s->bins;
    return p;
}

/* Would the pool hold what this counter counted? A part near its end only counts. */
SMASH__FN int smash__pool_holds(const smash__rank *s, size_t counter)
{
    size_t part, fits = 0;
    for (part = 0; part < s->parts; part++) fits += *smash__counter(s, part, counter) + SMASH__SQUARE_SIZE <= s->room / s->parts;
    return fits == s->parts && counter < SMASH__BINS + s->bins;
}

/* The key of this rank, from 0, sought in [lo, hi] first. Returns 0 if a NaN or Inf was met. */
SMASH__FN int smash__rank_in(smash_ctx *ctx, const smash__rank *all, size_t rank, int64_t lo, int64_t hi, smash__rank *found)
{
    smash__rank s = *all;
    smash__site p;
    size_t before = 0, part;                                             /* keys that are smaller than all in the pool */
    do {
        if (!smash__tally_all(ctx, &s, lo, hi)) return 0;
        p = smash__site_of(&s, rank);
        if (s.pool && p.counter == SMASH__INSIDE && smash__pool_holds(&s, p.counter)) {
            for (part = 0; part < s.parts; part++) s.held[part] = *smash__counter(&s, part, SMASH__INSIDE);
            s.k.data = s.pool;
            s.pooled = 1;
            before = p.below;
            rank -= p.below;
            p.counter = SMASH__BINS + s.bins;
        }
        lo = p.from;
        hi = p.to;
        s.pool = !s.pooled && all->pool && smash__pool_holds(&s, p.counter) ? all->pool : NULL;
    } while (lo != hi || p.counter == SMASH__BINS + s.bins);
    found->key = lo;
    found->below = before + p.below;
    found->equal = p.count;
    for (part = 0; part < s.parts; part++) found->equals[part] = *smash__counter(&s, part, p.counter);
    return 1;
}

/* With many keys, a stratified sample gives the bracket: lines of neighbours from places spread over all of them. */
SMASH__FN int smash__rank_find(smash_ctx *ctx, smash__rank *s, size_t rank)
{
    int64_t lo = s->k.sign ? -s->k.infinity : 0, hi = s->k.infinity;
    if (s->pool) {
        const size_t lines = s->room / SMASH__LINE, step = s->k.count / SMASH__LINE / lines, n = lines * SMASH__LINE, bytes = s->k.bits / 8;
        const size_t at = (size_t)((double)rank / (double)s->k.count * (double)n);
        const size_t margin = (size_t)(1.5 * smash_sqrt((double)n));     /* three standard deviations of an independent sample */
        const size_t ranks[2] = { at > margin ? at - margin : 0, smash__min(at + margin, n - 1) };
        smash__site ends[2];
        uint64_t rng = 1;
        size_t i;
        smash__rank sample = *s;
        for (i = 0; i < lines; i++)
            smash__copy((unsigned char *)s->pool + i * SMASH__LINE * bytes,
                        (const unsigned char *)s->k.data + (i * step + (size_t)(smash_random(&rng) % step)) * SMASH__LINE * bytes, SMASH__LINE * bytes);
        sample.k.data = s->pool;
        sample.k.count = n;
        sample.parts = 1;
        sample.pool = NULL;
        if (!smash__tally_all(ctx, &sample, lo, hi)) return 0;
        for (i = 0; i < 2; i++) ends[i] = smash__site_of(&sample, ranks[i]);
        for (i = 0; i < 2; i++)
            while (ends[i].from < ends[i].to && ends[i].count > margin / 4) {
                smash__tally_all(ctx, &sample, ends[i].from, ends[i].to);
                ends[i] = smash__site_of(&sample, ranks[i]);
            }
        if (at > margin)     lo = ends[0].from;
        if (at + margin < n) hi = ends[1].to;
    }
    return smash__rank_in(ctx, s, rank, lo, hi, s);
}

/* Where the drops among equal keys end, so that exactly k go in all, those of lower index first. */
SMASH__FN void smash__rank_cut(smash__rank *s, size_t k)
{
    size_t left = k - s->below, part = 0, i, some;
    s->cut = s->k.count;
    if (left == s->equal) return;
    while (s->equals[part] < left) left -= s->equals[part++];
    smash__pass_set(s, s->key, s->key);
    for (i = smash__part_first(s, part); ; i += some) {                  /* squares first: a part may be long */
        some = smash__min(s->k.count - i, SMASH__SQUARE_SIZE);
        smash__fill(s->out, 0, SMASH__BINS * sizeof *s->out);
        smash__tally(&s->k, i, some, &s->pass, s->out);
        if (s->out[SMASH__EQUAL] >= left) break;
        left -= s->out[SMASH__EQUAL];
    }
    for (; left; i++) left -= smash__key_at(&s->k, i) == s->key;
    s->cut = i;
}

SMASH__FN void smash__keep(const smash__rank *s, size_t first, size_t n, int64_t least)
{
    const smash__keys *k = &s->k;
    uint8_t *mask = s->mask + first;
    if (k->bits == 16)      SMASH__CALL(k->simd, smash__keep16, ((const uint16_t *)k->data + first, n, least, k->sign, mask));
    else if (k->bits == 32) SMASH__CALL(k->simd, smash__keep32, ((const float *)k->data + first, n, least, k->sign, mask));
    else                    SMASH__CALL(k->simd, smash__keep64, ((const double *)k->data + first, n, least, k->sign, mask));
}

SMASH__FN void smash__keep_chunk(void *arg, size_t chunk)
{
    const smash__rank *s = (const smash__rank *)arg;
    size_t first = chunk * SMASH__CHUNK, end = first + smash__min(s->k.count - first, SMASH__CHUNK);
    size_t cut = s->cut < first ? first : smash__min(s->cut, end);
    smash__keep(s, first, cut - first, s->key + 1);
    smash__keep(s, cut, end - cut, s->key);
}

/* ---- allocation ---- */

/* The smallest key that a threshold keeps. Up to 32 bits scores and threshold are compared as floats. */
SMASH__FN int64_t smash__threshold_key(const smash__keys *k, smash_dtype dtype, uint32_t compare_bits, double threshold)
{
    const double largest = 3.4028234663852886e38, half_up = 3.4028235677973366e38;     /* a double from half_up on is Inf as a float */
    uint32_t bits;
    int64_t key;
    float t;
    if (!k->sign && !(threshold > 0)) return 0;
    if (compare_bits > 32) return smash__key64(smash__bits64(threshold), k->sign);
    bits = threshold >= half_up ? 0x7F800000u : threshold <= -half_up ? 0xFF800000u
         : smash__bits32((float)(threshold > largest ? largest : threshold < -largest ? -largest : threshold));
    if (dtype == SMASH_F32) return smash__key32(bits, 0);
    if (dtype == SMASH_F16 || dtype == SMASH_BF16) {
        t = smash__float32(bits);
        key = dtype == SMASH_F16 ? smash_f32_to_f16(t) : smash_f32_to_bf16(t);
        return key + ((dtype == SMASH_F16 ? smash_f16_to_f32((uint16_t)key) : smash_bf16_to_f32((uint16_t)key)) < t);
    } else {
        /* Doubles that round to at least the float t start half way between t and the float before it; the half
         * itself rounds to the even one. Keys of floats are consecutive, so the float before has the key before. */
        int32_t to = bits >> 31 ? -smash__key32(bits, 0) : smash__key32(bits, 0), i;
        double side[2];
        for (i = 0; i < 2; i++) {
            int32_t one = to - i;
            uint32_t magnitude = (uint32_t)(one < 0 ? -one : one);
            side[i] = magnitude >= 0x7F800000u ? 340282366920938463463374607431768211456.0 : (double)smash__float32(magnitude);
            if (one < 0) side[i] = -side[i];
        }
        if (to <= -0x7F800000) return -k->infinity;
        return smash__key64(smash__bits64((side[0] + side[1]) / 2), UINT64_MAX) + (to & 1);
    }
}

/* trunc(n * ratio) as a double product, and never more than n */
SMASH__FN size_t smash__share(size_t n, double ratio) { return ratio < 1.0 ? smash__min(n, (size_t)((double)n * ratio)) : n; }

/* Mask and number of blocks dropped; everything else was checked. NONFINITE leaves the mask untouched. */
SMASH__FN smash_err smash__allocate(smash_ctx *ctx, const smash_mask_desc *d, smash__rank *s, smash_dtype dtype, uint32_t compare_bits,
                                    size_t *dropped)
{
    size_t n = s->k.count, asked = smash__share(n, d->ratio), k;
    s->cut = 0;                                                     /* keep whatever is >= s->key */
    if (d->use_threshold) {
        s->key = smash__threshold_key(&s->k, dtype, compare_bits, d->threshold);
        if (!smash__tally_all(ctx, s, s->key, s->key)) return SMASH_ERR_NONFINITE;
        asked = smash__counted(s, SMASH__BELOW);
    }
    k = asked;
    if (d->min_ratio > 0 && k < smash__share(n, d->min_ratio)) k = smash__share(n, d->min_ratio);
    if (d->max_ratio > 0) k = smash__min(k, smash__share(n, d->max_ratio));
    if (k == 0 || k == n) {
        s->key = k ? s->k.infinity : s->k.sign ? -s->k.infinity : 0;
        if (!smash__tally_all(ctx, s, s->key, s->key)) return SMASH_ERR_NONFINITE;
    } else if (k != asked || !d->use_threshold) {
        if (!smash__rank_find(ctx, s, k - 1)) return SMASH_ERR_NONFINITE;
        smash__rank_cut(s, k);
    }
    smash__parallel(ctx, n / SMASH__CHUNK + (n % SMASH__CHUNK != 0), smash__keep_chunk, s);
    *dropped = k;
    return SMASH_OK;
}

/* ---- scores: sums of |x| and x^2 ---- */

#define SMASH__ABS(x) ((double)smash__float32(smash__bits32(x) & 0x7FFFFFFFu))
#define SMASH__SQUARE(x) ((double)(x) * (double)(x))               /* exact, so a fused multiply-add gives the same bits */

/* lanes: number i goes to lane i % 32. rows: number i goes to place i. */
#define SMASH__SUM_KERNELS(name, TERM) \
SMASH__INLINE void smash__lanes_##name##_body(const float *SMASH__RESTRICT x, size_t n, double *SMASH__RESTRICT lanes) \
{ \
    double sum[SMASH__LANES]; \
    size_t j; \
    for (j = 0; j < SMASH__LANES; j++) sum[j] = lanes[j]; \
    for (; n >= SMASH__LANES; x += SMASH__LANES, n -= SMASH__LANES) { \
        SMASH__UNROLL \
        for (j = 0; j < SMASH__LANES; j++) sum[j] += TERM(x[j]); \
    } \
    for (j = 0; j < SMASH__LANES; j++) lanes[j] = sum[j]; \
    for (j = 0; j < n; j++) lanes[j] += TERM(x[j]); \
} \
SMASH__KERNEL(smash__lanes_##name, (const float *SMASH__RESTRICT x, size_t n, double *SMASH__RESTRICT lanes), (x, n, lanes)) \
\
SMASH__INLINE void smash__rows_##name##_body(const float *SMASH__RESTRICT x, size_t n, double *SMASH__RESTRICT row) \
{ \
    size_t j; \
    for (; n >= SMASH__LANES; x += SMASH__LANES, row += SMASH__LANES, n -= SMASH__LANES) \
        for (j = 0; j < SMASH__LANES; j++) row[j] += TERM(x[j]); \
    for (j = 0; j < n; j++) row[j] += TERM(x[j]); \
} \
SMASH__KERNEL(smash__rows_##name, (const float *SMASH__RESTRICT x, size_t n, double *SMASH__RESTRICT row), (x, n, row))

SMASH__SUM_KERNELS(abs, SMASH__ABS)
SMASH__SUM_KERNELS(square, SMASH__SQUARE)
#undef SMASH__SUM_KERNELS

SMASH__INLINE void smash__lanes_distance_body(const float *SMASH__RESTRICT x, const float *SMASH__RESTRICT y, size_t n, double *SMASH__RESTRICT lanes)
{
    double sum[SMASH__LANES];
    size_t j;
    for (j = 0; j < SMASH__LANES; j++) sum[j] = 0;
    for (; n >= SMASH__LANES; x += SMASH__LANES, y += SMASH__LANES, n -= SMASH__LANES) {
        SMASH__UNROLL
        for (j = 0; j < SMASH__LANES; j++) {
            float e = x[j] - y[j];                                  /* equals (float)((double)x - (double)y): 53 bits >= 2 * 24 + 2 */
            sum[j] += SMASH__SQUARE(e);
        }
    }
    for (j = 0; j < SMASH__LANES; j++) lanes[j] = sum[j];
    for (j = 0; j < n; j++) {
        float e = x[j] - y[j];
        lanes[j] += SMASH__SQUARE(e);
    }
}
SMASH__KERNEL(smash__lanes_distance, (const float *SMASH__RESTRICT x, const float *SMASH__RESTRICT y, size_t n, double *SMASH__RESTRICT lanes),
              (x, y, n, lanes))
#undef SMASH__ABS
#undef SMASH__SQUARE

/* Squares of differences of blocks, as floats, NEAR x NEAR pairs at a time: column i of each goes to lane i % 16, and after every 512
 * lane i to the double i % 4. The lowest bit of a square is dropped, so that no compiler can fuse the addition. */
enum { SMASH__NEAR = SMASH__SIMD ? 4 : 1, SMASH__NEAR_CHUNK = 512 };

SMASH__INLINE float smash__near_square(float e) { return smash__float32(smash__bits32(e * e) & ~(uint32_t)1); }

#if SMASH__SIMD                                         /* written in vectors: compilers do not keep so many lanes in registers by themselves */
typedef float smash__vector __attribute__((vector_size(32)));
typedef float smash__vector_at __attribute__((vector_size(32), aligned(4), may_alias));
typedef int32_t smash__vector_bits __attribute__((vector_size(32)));

SMASH__INLINE void smash__near_steps(const float *const *x, const float *const *y, size_t at, size_t steps, float (*lanes)[8])
{
    const smash__vector zero = { 0, 0, 0, 0, 0, 0, 0, 0 };
    smash__vector part[SMASH__NEAR][SMASH__NEAR];
    size_t p, q;
    SMASH__UNROLL
    for (p = 0; p < SMASH__NEAR; p++) {
        SMASH__UNROLL
        for (q = 0; q < SMASH__NEAR; q++) part[p][q] = zero;
    }
    for (; steps; steps--, at += 16) {
        SMASH__UNROLL
        for (p = 0; p < SMASH__NEAR; p++) {
            SMASH__UNROLL
            for (q = 0; q < SMASH__NEAR; q++) {
                const smash__vector e = *(const smash__vector_at *)(x[p] + at) - *(const smash__vector_at *)(y[q] + at);
                part[p][q] += (smash__vector)((smash__vector_bits)(e * e) & ~1);
            }
        }
    }
    SMASH__UNROLL
    for (p = 0; p < SMASH__NEAR; p++) {
        SMASH__UNROLL
        for (q = 0; q < SMASH__NEAR; q++) *(smash__vector_at *)lanes[p * SMASH__NEAR + q] = part[p][q];
    }
}
#else
SMASH__INLINE void smash__near_steps(const float *const *x, const float *const *y, size_t at, size_t steps, float (*lanes)[8])
{
    size_t j;
    smash__fill(lanes, 0, sizeof *lanes);
    for (; steps; steps--, at += 16)
        for (j = 0; j < 8; j++) lanes[0][j] += smash__near_square(x[0][at + j] - y[0][at + j]);
}
#endif

SMASH__INLINE void smash__near_body(const float *const *x, const float *const *y, size_t n, double *out)
{
    enum { PAIRS = SMASH__NEAR * SMASH__NEAR };
    double sum[PAIRS][4];
    size_t from, lane, some, pair, j;
    smash__fill(sum, 0, sizeof sum);
    for (from = 0; from < n; from += some) {
        some = smash__min(n - from, SMASH__NEAR_CHUNK);
        for (lane = 0; lane < 16; lane += 8) {                           /* half of them at a time: these fit the registers */
            const size_t at = from + lane + some / 16 * 16, end = smash__min(from + some, at + 8);
            float lanes[PAIRS][8];
            smash__near_steps(x, y, from + lane, some / 16, lanes);
            for (pair = 0; pair < PAIRS; pair++) {
                for (j = at; j < end; j++) lanes[pair][j - at] += smash__near_square(x[pair / SMASH__NEAR][j] - y[pair % SMASH__NEAR][j]);
                for (j = 0; j < 4; j++) sum[pair][j] += (double)lanes[pair][j] + (double)lanes[pair][j + 4];
            }
        }
    }
    for (pair = 0; pair < PAIRS; pair++) out[pair] = (sum[pair][0] + sum[pair][2]) + (sum[pair][1] + sum[pair][3]);
}
SMASH__KERNEL(smash__near, (const float *const *x, const float *const *y, size_t n, double *out), (x, y, n, out))
#undef SMASH__UNROLL

/* The sum of the lanes, always in this order; those from n on hold 0 */
SMASH__FN double smash__lane_sum(double *lanes, size_t n)
{
    size_t width, j;
    for (width = SMASH__LANES / 2; width; width /= 2)
        if (width < n) for (j = 0; j < width; j++) lanes[j] += lanes[j + width];
    return lanes[0];
}

/* Work is shared by blocks, so that each sum is made by one thread, in memory order. A slab is one slice of the first
 * axis that has several blocks (one column, where runs are joined to rows); it lies in `visits` places of `runs` runs. */
typedef struct smash__score {
    const smash_tensor *w;
    const smash_grid   *grid;
    double             *metric;
    int                 square, simd, rows;
    size_t              slabs, visits, runs, share;    /* share: slabs of a task */
} smash__score;

/* Add n numbers to 32 lanes, or to a row of n sums. */
SMASH__FN void smash__score_add(const smash__score *s, size_t first, size_t n, double *to, int row)
{
    size_t i, some;
    if (s->w->dtype == SMASH_F64) {
        const double *x = (const double *)s->w->data + first;
        for (i = 0; i < n; i++) to[row ? i : i % SMASH__LANES] += s->square ? smash__product(x[i], x[i]) : x[i] < 0 ? -x[i] : x[i];
        return;
    }
    for (i = 0; i < n; i += some) {
        float tile[SMASH__TILE];
        const float *x = tile;
        some = smash__min(n - i, SMASH__TILE);
        if (s->w->dtype == SMASH_F32) {
            x = (const float *)s->w->data + first;
            some = n;
        } else smash__load_f32(s->w, first + i, some, tile);
        if (row && s->square)  SMASH__CALL(s->simd, smash__rows_square, (x, some, to + i));
        else if (row)          SMASH__CALL(s->simd, smash__rows_abs, (x, some, to + i));
        else if (s->square)    SMASH__CALL(s->simd, smash__lanes_square, (x, some, to));
        else                   SMASH__CALL(s->simd, smash__lanes_abs, (x, some, to));
    }
}

SMASH__FN SMASH__NOINLINE double smash__score_run(const smash__score *s, size_t first, size_t n)
{
    double lanes[SMASH__LANES], sum = 0;
    while (n) {
        size_t some = smash__min(n, SMASH__CHUNK);
        smash__fill(lanes, 0, sizeof lanes);
        smash__score_add(s, first, some, lanes, some < SMASH__LANES);        /* of a short run, a row is the same as lanes */
        sum += smash__lane_sum(lanes, some);
        first += some;
        n -= some;
    }
    return sum;
}

SMASH__FN void smash__score_task(void *arg, size_t task)
{
    const smash__score *s = (const smash__score *)arg;
    size_t slab = task * s->share, slabs = smash__min(s->slabs - slab, s->share), visit, i;
    smash__walk walk;
    smash__walk_rows(&walk, s->grid);
    for (visit = 0; visit < s->visits; visit++) {
        if (s->rows) {
            smash__walk_seek(&walk, visit);
            smash__score_add(s, walk.first + slab, slabs, s->metric + walk.block + slab, 1);
            continue;
        }
        smash__walk_seek(&walk, (visit * s->slabs + slab) * s->runs);
        for (i = 0; i < slabs * s->runs; i++, smash__walk_next(&walk)) s->metric[walk.block] += smash__score_run(s, walk.first, walk.run);
    }
}

SMASH__FN SMASH__NOINLINE size_t smash__score_plan(smash__score *s, int parallel)
{
    const smash_grid *grid = s->grid;
    uint32_t axis = 0;
    smash__walk walk;
    s->rows = smash__walk_rows(&walk, grid);
    s->visits = s->slabs = s->runs = 1;
    if (s->rows) {
        s->visits = walk.runs;
        s->slabs = walk.run;
    } else {
        for (; axis < grid->ndim && grid->count[axis] == 1; axis++) s->visits *= grid->block[axis];
        if (axis == grid->ndim) s->visits = 1;                      /* one block, one run */
        else s->slabs = grid->count[axis];
        s->runs = walk.runs / s->visits / s->slabs;
    }
    s->share = s->slabs;
    if (parallel) {                                                 /* a chunk of work, in pieces long enough to stream */
        size_t slab = grid->blocks * grid->block_elements / s->slabs, piece = slab / s->visits;
        s->share = slab < SMASH__CHUNK ? SMASH__CHUNK / slab : 1;
        if (s->share < SMASH__CHUNK / 64 / piece) s->share = SMASH__CHUNK / 64 / piece;
        s->share = smash__min(s->share, s->slabs);
    }
    return s->slabs / s->share + (s->slabs % s->share != 0);
}

SMASH__FN void smash__root_chunk(void *arg, size_t chunk)
{
    const smash__score *s = (const smash__score *)arg;
    size_t i = chunk * SMASH__CHUNK, end = i + smash__min(s->grid->blocks - i, SMASH__CHUNK);
    for (; i < end; i++) s->metric[i] = smash_sqrt(s->metric[i]);
}

SMASH__FN SMASH__NOINLINE void smash__score_norm(smash_ctx *ctx, const smash_tensor *w, const smash_grid *grid, int square, double *metric)
{
    smash__score s;
    s.w = w;
    s.grid = grid;
    s.metric = metric;
    s.simd = smash__simd(ctx);
    s.square = square && grid->block_elements > 1;                  /* of one number, both norms are its magnitude */
    smash__fill(metric, 0, grid->blocks * sizeof *metric);
    smash__parallel(ctx, smash__score_plan(&s, smash__ctx(ctx) && ctx->parallel), smash__score_task, &s);
    if (s.square) smash__parallel(ctx, grid->blocks / SMASH__CHUNK + (grid->blocks % SMASH__CHUNK != 0), smash__root_chunk, &s);
}

/* ---- scores: distances between blocks ---- */

typedef struct smash__fpgm {
    const void *rows;                /* blocks x length; float, or double for F64 */
    double     *distance;            /* FPGM_ROWS x blocks: of block first + i to all that come later */
    size_t      blocks, length, first;
    int         wide, simd;
} smash__fpgm;

SMASH__FN SMASH__NOINLINE double smash__row_distance(const smash__fpgm *f, size_t a, size_t b)
{
    double lanes[SMASH__LANES], sum = 0;
    size_t at = 0, some, i;
    for (; at < f->length; at += some) {
        some = smash__min(f->length - at, SMASH__CHUNK);
        if (f->wide) {
            const double *x = (const double *)f->rows + a * f->length + at, *y = (const double *)f->rows + b * f->length + at;
            smash__fill(lanes, 0, sizeof lanes);
            for (i = 0; i < some; i++) lanes[i % SMASH__LANES] += smash__product(x[i] - y[i], x[i] - y[i]);
        } else {
            const float *x = (const float *)f->rows + a * f->length + at, *y = (const float *)f->rows + b * f->length + at;
            SMASH__CALL(f->simd, smash__lanes_distance, (x, y, some, lanes));
        }
        sum += smash__lane_sum(lanes, SMASH__LANES);
    }
    return smash_sqrt(sum);
}

/* Distances of NEAR blocks from a on to as many from b on, as far as they come before end. Where squares leave the range in which floats
 * have all their digits, and for F64, one by one in double. */
SMASH__FN SMASH__NOINLINE void smash__near_distances(const smash__fpgm *f, size_t a, size_t b, size_t end)
{
    const float *x[SMASH__NEAR], *y[SMASH__NEAR];
    double squares[SMASH__NEAR * SMASH__NEAR];
    size_t p, q;
    for (p = 0; p < SMASH__NEAR && !f->wide; p++) {
        x[p] = (const float *)f->rows + smash__min(a + p, f->blocks - 1) * f->length;
        y[p] = (const float *)f->rows + smash__min(b + p, f->blocks - 1) * f->length;
    }
    if (!f->wide) SMASH__CALL(f->simd, smash__near, (x, y, f->length, squares));
    for (p = 0; p < SMASH__NEAR; p++)
        for (q = 0; q < SMASH__NEAR && b + q < end; q++) {
            const double square = f->wide ? 0 : squares[p * SMASH__NEAR + q];
            if (a + p >= b + q) continue;
            f->distance[(a + p - f->first) * f->blocks + b + q] =
                square > 1e-27 && square < 1e36 ? smash_sqrt(square) : smash__row_distance(f, a + p, b + q);
        }
}

SMASH__FN void smash__distance_task(void *arg, size_t task)
{
    const smash__fpgm *f = (const smash__fpgm *)arg;
    size_t b = f->first + 1 + task * SMASH__FPGM_ROWS, end = b + smash__min(f->blocks - b, SMASH__FPGM_ROWS), a;
    for (; b < end; b += SMASH__NEAR)
        for (a = f->first; a < f->first + SMASH__FPGM_ROWS && a + 1 < smash__min(b + SMASH__NEAR, end); a += SMASH__NEAR)
            smash__near_distances(f, a, b, end);
}

/* 1 if the blocks already lie one after the other, as floats or doubles */
SMASH__FN SMASH__NOINLINE int smash__rows_ready(const smash_tensor *w, const smash_grid *grid)
{
    smash__walk walk;
    smash__walk_start(&walk, grid);
    return walk.runs == grid->blocks && (w->dtype == SMASH_F32 || w->dtype == SMASH_F64);
}

SMASH__FN SMASH__NOINLINE void smash__gather_rows(const smash_tensor *w, const smash_grid *grid, void *rows)
{
    size_t run, i, at, some;
    uint32_t axis;
    smash__walk walk;
    smash__walk_start(&walk, grid);
    for (run = 0; run < walk.runs; run++, smash__walk_next(&walk)) {
        at = 0;
        for (axis = 0; axis < walk.axes; axis++) at = at * walk.size[axis] + walk.inside[axis];
        at = walk.block * grid->block_elements + at * walk.run;
        for (i = 0; i < walk.run; i += some) {
            some = smash__min(walk.run - i, SMASH__CHUNK);
            if (w->dtype == SMASH_F64) smash__load_f64(w, walk.first + i, some, (double *)rows + at + i);
            else                       smash__load_f32(w, walk.first + i, some, (float *)rows + at + i);
        }
    }
}

/* Each pair once; the sums still run over the other blocks in index order. */
SMASH__FN SMASH__NOINLINE void smash__score_fpgm(smash_ctx *ctx, const smash_tensor *w, const smash_grid *grid, void *rows, double *distance,
                                                double *metric)
{
    smash__fpgm f;
    size_t i, j, left;
    f.rows = w->data;
    if (!smash__rows_ready(w, grid)) {
        smash__gather_rows(w, grid, rows);
        f.rows = rows;
    }
    f.distance = distance;
    f.blocks = grid->blocks;
    f.length = grid->block_elements;
    f.wide = w->dtype == SMASH_F64;
    f.simd = smash__simd(ctx);
    smash__fill(metric, 0, grid->blocks * sizeof *metric);
    for (f.first = 0; f.first + 1 < f.blocks; f.first += SMASH__FPGM_ROWS) {
        left = f.blocks - f.first - 1;
        smash__parallel(ctx, left / SMASH__FPGM_ROWS + (left % SMASH__FPGM_ROWS != 0), smash__distance_task, &f);
        for (i = 0; i < SMASH__FPGM_ROWS; i++)
            for (j = f.first + i + 1; j < f.blocks; j++) {
                metric[f.first + i] += distance[i * f.blocks + j];
                metric[j] += distance[i * f.blocks + j];
            }
    }
}

/* Parts of so few blocks that going through them again and again is the fastest */
enum { SMASH__SMALL_PART = 64 };
SMASH__FN size_t smash__allocate_small(const smash_mask_desc *d, const smash__keys *keys, size_t first, size_t n, smash_dtype dtype, uint32_t compare_bits, uint8_t *mask)
{
    size_t k = smash__share(n, d->ratio), i, done;
    if (d->use_threshold) {
        const int64_t least = smash__threshold_key(keys, dtype, compare_bits, d->threshold);
        for (i = k = 0; i < n; i++) k += smash__key_at(keys, first + i) < least;
    }
    if (d->min_ratio > 0 && k < smash__share(n, d->min_ratio)) k = smash__share(n, d->min_ratio);
    if (d->max_ratio > 0) k = smash__min(k, smash__share(n, d->max_ratio));
    smash__fill(mask + first, 1, n);
    for (done = 0; done < k; done++) {
        size_t least = n;
        for (i = 0; i < n; i++) if (mask[first + i] && (least == n || smash__key_at(keys, first + i) < smash__key_at(keys, first + least))) least = i;
        mask[first + least] = 0;
    }
    return k;
}

/* Part after part; one is the usual case. NONFINITE leaves the mask untouched. */
SMASH__FN smash_err smash__allocate_parts(smash_ctx *ctx, const smash_mask_desc *d, const smash__keys *keys, void *tally, const smash_tensor *mask, smash_dtype dtype,
                                          uint32_t compare_bits, size_t *dropped)
{
    const size_t parts = d->parts ? d->parts : 1, n = keys->count / parts;
    smash__rank s;
    size_t part, k = 0;
    *dropped = 0;
    if (parts > 1 && smash__first_bad(keys) < keys->count) return SMASH_ERR_NONFINITE;
    for (part = 0; part < parts; part++) {
        smash__keys own = *keys;
        if (parts > 1 && n <= SMASH__SMALL_PART) k = smash__allocate_small(d, keys, part * n, n, dtype, compare_bits, (uint8_t *)mask->data);
        else {
            own.data = (const unsigned char *)keys->data + part * n * (keys->bits / 8);
            own.count = n;
            smash__select_init(&s, &own, tally, mask);
            s.mask += part * n;
            SMASH__TRY(smash__allocate(ctx, d, &s, dtype, compare_bits, &k));
        }
        *dropped += k;
    }
    return SMASH_OK;
}

SMASH__FN smash_err smash__check_parts(smash_ctx *ctx, const smash_mask_desc *d, size_t blocks, const char *name)
{
    if (!d->parts || blocks % d->parts == 0) return SMASH_OK;
    return SMASH__FAIL(ctx, SMASH_ERR_SHAPE, d->parts, "%z blocks of %q cannot be cut into %u equal parts", blocks, name, d->parts);
}

/* ---- checks and scratch ---- */

SMASH__FN smash_err smash__mask_desc(smash_ctx *ctx, const smash_mask_desc *desc, smash_mask_desc *out)
{
    smash__fill(out, 0, sizeof *out);
    if (!desc) return SMASH_OK;
    if (!SMASH__DESC_OK(desc)) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the mask desc was not zeroed first: write smash_mask_desc d = SMASH_ZERO");
    if ((unsigned)desc->metric > SMASH_METRIC_FPGM)
        return SMASH__FAIL(ctx, SMASH_ERR_ARG, (size_t)desc->metric, "metric %u is not one of L1, L2 and FPGM", (uint32_t)desc->metric);
    *out = *desc;
    return SMASH_OK;
}

SMASH__FN smash_err smash__mask_share(smash_ctx *ctx, const char *name, double ratio)
{
    if (ratio >= 0 && ratio <= 1) return SMASH_OK;
    return SMASH__FAIL(ctx, SMASH_ERR_RANGE, 0, "%s of the mask desc is not a share: it must be from 0 to 1", name);
}

SMASH__FN smash_err smash__mask_allocation(smash_ctx *ctx, const smash_mask_desc *d)
{
    if (d->use_threshold > 1) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "use_threshold is %u; it must be 0 or 1", d->use_threshold);
    SMASH__TRY(smash__mask_share(ctx, "ratio", d->ratio));
    SMASH__TRY(smash__mask_share(ctx, "min_ratio", d->min_ratio));
    SMASH__TRY(smash__mask_share(ctx, "max_ratio", d->max_ratio));
    if (d->use_threshold && d->ratio > 0) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "both a threshold and a ratio are set; leave ratio at 0");
    if (d->use_threshold && d->threshold != d->threshold) return SMASH__FAIL(ctx, SMASH_ERR_RANGE, 0, "the threshold is not a number");
    return SMASH_OK;
}

/* One scratch block and what lies where in it. Scoring and selecting follow each other and share their part. */
typedef struct smash__mask_scratch { size_t metric, rows, distance, tally, bytes; } smash__mask_scratch;

/* A part of the block behind its first *end bytes, aligned to 16 */
SMASH__FN int smash__plan_part(size_t *end, size_t count, size_t size, size_t *at)
{
    size_t bytes, start;
    if (!smash__mul(count, size, &bytes) || !smash__add(*end, SMASH__ALIGN - 1, &start)) return 0;
    *at = start - start % SMASH__ALIGN;
    return smash__add(*at, bytes, end);
}

/* What a call needs: fpgm to measure distances, own to hold the scores itself, select to choose among them. */
SMASH__FN smash_err smash__mask_plan(smash_ctx *ctx, const smash_tensor *w, const smash_grid *grid, int fpgm, int own, int select, smash__mask_scratch *p)
{
    size_t end = 0, tally = 0, cells;
    int fits = 1;
    smash__fill(p, 0, sizeof *p);
    if (own) fits = smash__plan_part(&end, grid->blocks, sizeof(double), &p->metric);
    tally = end;
    if (fpgm && !smash__rows_ready(w, grid))
        fits &= smash__mul(grid->blocks, grid->block_elements, &cells)
             && smash__plan_part(&end, cells, w->dtype == SMASH_F64 ? 8 : 4, &p->rows);
    if (fpgm) fits &= smash__mul(grid->blocks, SMASH__FPGM_ROWS, &cells) && smash__plan_part(&end, cells, sizeof(double), &p->distance);
    if (select) fits &= smash__plan_part(&tally, smash__select_bytes(grid->blocks, own ? 64 : smash_dtype_bits(w->dtype)), 1, &p->tally);
    p->bytes = end > tally || !select ? end : tally;
    return fits ? SMASH_OK : SMASH__FAIL(ctx, SMASH_ERR_OVERFLOW, 0, "the scratch for a mask of %q does not fit the address space", smash__name(w));
}

SMASH__FN smash_err smash__bad_element(smash_ctx *ctx, const smash_tensor *t, const smash__keys *k)
{
    size_t i = smash__first_bad(k);
    return SMASH__FAIL(ctx, SMASH_ERR_NONFINITE, i, "element %z of %q is NaN or Inf; clean the tensor first", i, smash__name(t));
}

/* Score every block into metric, and see that all is finite. A NaN or Inf among the numbers shows in its sum. */
SMASH__FN smash_err smash__score_blocks(smash_ctx *ctx, const smash_tensor *w, const smash_grid *grid, const smash_mask_desc *d, const smash__mask_scratch *p,
                                        unsigned char *scratch, double *metric)
{
    smash__keys of_w = smash__keys_of(ctx, w->dtype, w->data, grid->blocks * grid->block_elements, 0);
    smash__keys of_metric = smash__keys_of(ctx, SMASH_F64, metric, grid->blocks, 0);
    size_t i;
    if (d->metric == SMASH_METRIC_FPGM) {
        if (smash__first_bad(&of_w) < of_w.count) return smash__bad_element(ctx, w, &of_w);
        smash__score_fpgm(ctx, w, grid, scratch + p->rows, (double *)(void *)(scratch + p->distance), metric);
    } else smash__score_norm(ctx, w, grid, d->metric == SMASH_METRIC_L2, metric);
    i = smash__first_bad(&of_metric);
    if (i == of_metric.count) return SMASH_OK;
    if (smash__first_bad(&of_w) < of_w.count) return smash__bad_element(ctx, w, &of_w);
    return SMASH__FAIL(ctx, SMASH_ERR_NONFINITE, i, "the score of block %z of %q overflows; its numbers are too large", i, smash__name(w));
}

SMASH__FN void smash__stats(smash_mask_stats *stats, size_t blocks, size_t dropped, size_t block_elements)
{
    if (!stats) return;
    stats->blocks = blocks;
    stats->dropped = dropped;
    stats->elements = dropped * block_elements;
    stats->ratio = (double)dropped / (double)blocks;
}

/* A block of one element is its own score; only FPGM and larger blocks need a number each. */
SMASH__FN SMASH__NOINLINE smash_err smash__mask_run(smash_ctx *ctx, const smash_mask_desc *d, const smash_tensor *w, const smash_grid *grid,
                                                    const smash_tensor *mask, smash_mask_stats *stats)
{
    int fpgm = d->metric == SMASH_METRIC_FPGM, scored = fpgm || grid->block_elements > 1;
    smash__mask_scratch plan;
    smash__keys keys;
    smash_arena_mark mark = smash__scratch_mark(ctx);
    unsigned char *scratch;
    size_t dropped = 0;
    smash_err err = SMASH_OK;
    SMASH__TRY(smash__check_parts(ctx, d, grid->blocks, smash__name(w)));
    SMASH__TRY(smash__mask_plan(ctx, w, grid, fpgm, scored, 1, &plan));
    scratch = (unsigned char *)smash__scratch(ctx, plan.bytes, 1);
    if (!scratch) return SMASH_ERR_NOMEM;
    keys = smash__keys_of(ctx, scored ? SMASH_F64 : w->dtype, scored ? scratch + plan.metric : w->data, grid->blocks, 0);
    if (scored) err = smash__score_blocks(ctx, w, grid, d, &plan, scratch, (double *)(void *)(scratch + plan.metric));
    if (!err) {
        err = smash__allocate_parts(ctx, d, &keys, scratch + plan.tally, mask, scored ? SMASH_DTYPE_NONE : w->dtype, smash_dtype_bits(w->dtype), &dropped);
        if (err) err = smash__bad_element(ctx, w, &keys);
    }
    smash__scratch_rewind(ctx, mark);
    if (!err) smash__stats(stats, grid->blocks, dropped, grid->block_elements);
    return err;
}

/* ---- public: metric, allocation, both ---- */

SMASH__DEF smash_err smash_mask_metric(smash_ctx *ctx, const smash_mask_desc *desc, const smash_tensor *w, const smash_tensor *metric)
{
    smash_mask_desc d;
    smash_grid grid;
    smash__mask_scratch plan;
    smash_arena_mark mark = smash__scratch_mark(ctx);
    unsigned char *scratch = NULL;
    smash_err err;
    SMASH__TRY(smash__mask_desc(ctx, desc, &d));
    SMASH__TRY(smash__check(ctx, w, "tensor", SMASH__FLOATS, SMASH__READ, NULL));
    SMASH__TRY(smash__check(ctx, metric, "metric", SMASH__BIT(SMASH_F64), SMASH__WRITE, NULL));
    SMASH__TRY(smash__mask_grid(ctx, &d.grain, w, &grid));
    SMASH__TRY(smash__check_shape(ctx, metric, "metric", grid.ndim, grid.count));
    SMASH__TRY(smash__check_apart(ctx, w, metric));
    SMASH__TRY(smash__mask_plan(ctx, w, &grid, d.metric == SMASH_METRIC_FPGM, 0, 0, &plan));
    if (plan.bytes && !(scratch = (unsigned char *)smash__scratch(ctx, plan.bytes, 1))) return SMASH_ERR_NOMEM;
    err = smash__score_blocks(ctx, w, &grid, &d, &plan, scratch, (double *)metric->data);
    smash__scratch_rewind(ctx, mark);
    return err;
}

SMASH__DEF smash_err smash_mask_allocate(smash_ctx *ctx, const smash_mask_desc *desc, const smash_tensor *metric, uint32_t dtype_bits,
                                         const smash_tensor *mask, smash_mask_stats *stats)
{
    smash_mask_desc d;
    smash__keys keys;
    smash_arena_mark mark = smash__scratch_mark(ctx);
    size_t n, dropped = 0;
    void *tally;
    smash_err err;
    SMASH__TRY(smash__mask_desc(ctx, desc, &d));
    SMASH__TRY(smash__mask_allocation(ctx, &d));
    SMASH__TRY(smash__check(ctx, metric, "metric", SMASH__BIT(SMASH_F64), SMASH__READ, &n));
    SMASH__TRY(smash__check(ctx, mask, "mask", SMASH__MASKS, SMASH__WRITE, NULL));
    SMASH__TRY(smash__check_shape(ctx, mask, "mask", metric->ndim, metric->shape));
    SMASH__TRY(smash__check_apart(ctx, metric, mask));
    if (n == 0) return SMASH__FAIL(ctx, SMASH_ERR_SHAPE, 0, "metric %q is empty: there is nothing to choose from", smash__name(metric));
    SMASH__TRY(smash__check_parts(ctx, &d, n, smash__name(metric)));
    tally = smash__scratch(ctx, smash__select_bytes(n, 64), 1);
    if (!tally) return SMASH_ERR_NOMEM;
    keys = smash__keys_of(ctx, SMASH_F64, metric->data, n, 1);
    err = smash__allocate_parts(ctx, &d, &keys, tally, mask, SMASH_DTYPE_NONE, dtype_bits, &dropped);
    smash__scratch_rewind(ctx, mark);
    if (err) return smash__bad_element(ctx, metric, &keys);
    smash__stats(stats, n, dropped, 1);
    return SMASH_OK;
}

SMASH__DEF smash_err smash_mask_make(smash_ctx *ctx, const smash_mask_desc *desc, const smash_tensor *w, const smash_tensor *mask,
                                     smash_mask_stats *stats)
{
    smash_mask_desc d;
    smash_grid grid;
    SMASH__TRY(smash__mask_desc(ctx, desc, &d));
    SMASH__TRY(smash__mask_allocation(ctx, &d));
    SMASH__TRY(smash__check(ctx, w, "tensor", SMASH__FLOATS, SMASH__READ, NULL));
    SMASH__TRY(smash__check(ctx, mask, "mask", SMASH__MASKS, SMASH__WRITE, NULL));
    SMASH__TRY(smash__mask_grid(ctx, &d.grain, w, &grid));
    SMASH__TRY(smash__check_shape(ctx, mask, "mask", grid.ndim, grid.count));
    SMASH__TRY(smash__check_apart(ctx, w, mask));
    return smash__mask_run(ctx, &d, w, &grid, mask, stats);
}

SMASH__DEF smash_err smash_kth_magnitude(smash_ctx *ctx, const smash_tensor *w, size_t k, double *magnitude)
{
    smash_arena_mark mark = smash__scratch_mark(ctx);
    smash__keys keys;
    smash__rank rank;
    size_t n;
    void *scratch;
    smash_err err = SMASH_OK;
    if (!magnitude) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "no place for the magnitude");
    SMASH__TRY(smash__check(ctx, w, "tensor", SMASH__FLOATS, SMASH__READ, &n));
    if (k < 1 || k > n) return SMASH__FAIL(ctx, SMASH_ERR_RANGE, k, "%q has no magnitude number %z: they go from 1 to %z", smash__name(w), k, n);
    scratch = smash__scratch(ctx, smash__select_bytes(n, smash_dtype_bits(w->dtype)), 1);
    if (!scratch) return SMASH_ERR_NOMEM;
    keys = smash__keys_of(ctx, w->dtype, w->data, n, 0);
    smash__select_init(&rank, &keys, scratch, NULL);
    if (!smash__rank_find(ctx, &rank, k - 1)) err = smash__bad_element(ctx, w, &keys);
    else if (w->dtype == SMASH_F64) *magnitude = smash__float64((uint64_t)rank.key);
    else if (w->dtype == SMASH_F32) *magnitude = (double)smash__float32((uint32_t)rank.key);
    else *magnitude = (double)(w->dtype == SMASH_F16 ? smash_f16_to_f32((uint16_t)rank.key) : smash_bf16_to_f32((uint16_t)rank.key));
    smash__scratch_rewind(ctx, mark);
    return err;
}

SMASH__DEF smash_err smash_mask_bytes(smash_ctx *ctx, const smash_mask_desc *desc, const smash_tensor *w, size_t *bytes)
{
    smash_mask_desc d;
    smash_grid grid;
    smash__mask_scratch plan;
    int fpgm;
    if (!bytes) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "no place for the number of bytes");
    SMASH__TRY(smash__mask_desc(ctx, desc, &d));
    SMASH__TRY(smash__check(ctx, w, "tensor", SMASH__FLOATS, SMASH__SHAPE_ONLY, NULL));
    SMASH__TRY(smash__mask_grid(ctx, &d.grain, w, &grid));
    fpgm = d.metric == SMASH_METRIC_FPGM;
    SMASH__TRY(smash__mask_plan(ctx, w, &grid, fpgm, fpgm || grid.block_elements > 1, 1, &plan));
    *bytes = plan.bytes;
    return SMASH_OK;
}

/* ---- public: scores from data ---- */

SMASH__FN double smash__double_at(const smash_tensor *t, size_t i)
{
    double x;
    smash__load_f64(t, i, 1, &x);
    return x;
}

/* All scores must be finite: NaN and Inf show in the sums they went into. */
SMASH__FN smash_err smash__check_scores(smash_ctx *ctx, const smash_tensor *scores, size_t n)
{
    const smash__keys keys = smash__keys_of(ctx, SMASH_F64, scores->data, n, 1);
    return smash__first_bad(&keys) < n ? smash__bad_element(ctx, scores, &keys) : SMASH_OK;
}

/* w * gradient of n numbers from `first` on, or its square, added to sum in this order */
SMASH__FN SMASH__NOINLINE double smash__add_products(const smash_tensor *w, const smash_tensor *gradient, int square, size_t first, size_t n, double sum)
{
    double x[SMASH__TILE / 2], y[SMASH__TILE / 2];
    size_t tile, i;
    for (; n; n -= tile, first += tile) {
        tile = smash__min(n, SMASH__TILE / 2);
        smash__load_f64(w, first, tile, x);
        smash__load_f64(gradient, first, tile, y);
        for (i = 0; i < tile; i++) {
            const double product = smash__product(x[i], y[i]);
            sum += square ? smash__product(product, product) : product;
        }
    }
    return sum;
}

SMASH__FN smash_err smash__score_gradient(smash_ctx *ctx, const smash_grain *grain, const smash_tensor *w, const smash_tensor *gradient, int square, const smash_tensor *sum)
{
    smash_grid grid;
    smash__walk walk;
    size_t run;
    SMASH__TRY(smash__check(ctx, w, "weights", SMASH__FLOATS, SMASH__READ, NULL));
    SMASH__TRY(smash__check(ctx, gradient, "gradient", SMASH__FLOATS, SMASH__READ, NULL));
    SMASH__TRY(smash__check(ctx, sum, "sum", SMASH__BIT(SMASH_F64), SMASH__WRITE, NULL));
    SMASH__TRY(smash__mask_grid(ctx, grain, w, &grid));
    SMASH__TRY(smash__check_shape(ctx, gradient, "gradient", w->ndim, w->shape));
    SMASH__TRY(smash__check_shape(ctx, sum, "sum", grid.ndim, grid.count));
    SMASH__TRY(smash__check_apart(ctx, w, sum));
    SMASH__TRY(smash__check_apart(ctx, gradient, sum));
    smash__walk_start(&walk, &grid);
    for (run = 0; run < walk.runs; run++, smash__walk_next(&walk)) {
        double *to = (double *)sum->data + walk.block;
        *to = smash__add_products(w, gradient, square, walk.first, walk.run, *to);
    }
    return smash__check_scores(ctx, sum, grid.blocks);
}

SMASH__DEF smash_err smash_score_add_taylor(smash_ctx *ctx, const smash_grain *grain, const smash_tensor *w, const smash_tensor *gradient, const smash_tensor *sum)
{
    return smash__score_gradient(ctx, grain, w, gradient, 1, sum);
}

SMASH__DEF smash_err smash_score_add_product(smash_ctx *ctx, const smash_grain *grain, const smash_tensor *w, const smash_tensor *gradient, const smash_tensor *sum)
{
    return smash__score_gradient(ctx, grain, w, gradient, 0, sum);
}

SMASH__DEF smash_err smash_score_add_channels(smash_ctx *ctx, smash_channel_sum what, const smash_tensor *x, uint32_t axis, const smash_tensor *sum)
{
    size_t n, inner = 1, i;
    uint32_t d;
    double *to;
    if ((unsigned)what > SMASH_CHANNEL_SQUARES) return SMASH__FAIL(ctx, SMASH_ERR_ARG, (size_t)what, "there is no sum %u of a channel", (uint32_t)what);
    SMASH__TRY(smash__check(ctx, x, "activation", SMASH__FLOATS, SMASH__READ, &n));
    SMASH__TRY(smash__check(ctx, sum, "sum", SMASH__BIT(SMASH_F64), SMASH__WRITE, NULL));
    if (axis >= x->ndim) return SMASH__FAIL(ctx, SMASH_ERR_RANGE, axis, "axis %u does not exist: %q has %u dim%s", axis, smash__name(x), x->ndim, smash__plural(x->ndim));
    SMASH__TRY(smash__check_shape(ctx, sum, "sum", 1, &x->shape[axis]));
    SMASH__TRY(smash__check_apart(ctx, x, sum));
    for (d = axis + 1; d < x->ndim; d++) inner *= x->shape[d];           /* a factor of n, which was checked */
    to = (double *)sum->data;
    for (i = 0; i < n; i++) {
        const double v = smash__double_at(x, i);
        to[i / inner % x->shape[axis]] += what == SMASH_CHANNEL_SUM ? v : what == SMASH_CHANNEL_SQUARES ? smash__product(v, v) : smash_is_finite_f64(v) ? v != 0 : v;
    }
    return smash__check_scores(ctx, sum, x->shape[axis]);
}

SMASH__DEF smash_err smash_score_merge(smash_ctx *ctx, const smash_tensor *other, const smash_tensor *sum)
{
    size_t n, i;
    SMASH__TRY(smash__check(ctx, other, "sum", SMASH__BIT(SMASH_F64), SMASH__READ, &n));
    SMASH__TRY(smash__check(ctx, sum, "sum", SMASH__BIT(SMASH_F64), SMASH__WRITE, NULL));
    SMASH__TRY(smash__check_shape(ctx, sum, "sum", other->ndim, other->shape));
    SMASH__TRY(smash__check_apart(ctx, other, sum));
    for (i = 0; i < n; i++) ((double *)sum->data)[i] += ((const double *)other->data)[i];
    return smash__check_scores(ctx, sum, n);
}

SMASH__DEF smash_err smash_score_divide(smash_ctx *ctx, double by, const smash_tensor *sum)
{
    size_t n, i;
    SMASH__TRY(smash__check(ctx, sum, "sum", SMASH__BIT(SMASH_F64), SMASH__WRITE, &n));
    if (!(by > 0) || !smash_is_finite_f64(by)) return SMASH__FAIL(ctx, SMASH_ERR_RANGE, 0, "scores are divided by a finite number above 0");
    for (i = 0; i < n; i++) ((double *)sum->data)[i] /= by;
    return smash__check_scores(ctx, sum, n);
}

SMASH__DEF smash_err smash_score_wanda(smash_ctx *ctx, const smash_tensor *w, const smash_tensor *squares, const smash_tensor *metric)
{
    size_t n, row, i;
    SMASH__TRY(smash__check(ctx, w, "weights", SMASH__FLOATS, SMASH__READ, &n));
    SMASH__TRY(smash__check(ctx, squares, "squares", SMASH__BIT(SMASH_F64), SMASH__READ, NULL));
    SMASH__TRY(smash__check(ctx, metric, "metric", SMASH__BIT(SMASH_F64), SMASH__WRITE, NULL));
    if (w->ndim < 2) return SMASH__FAIL(ctx, SMASH_ERR_SHAPE, w->ndim, "%q has %u dim%s; rows and columns are needed", smash__name(w), w->ndim, smash__plural(w->ndim));
    row = w->shape[0] ? n / w->shape[0] : 0;
    SMASH__TRY(smash__check_shape(ctx, squares, "squares", 1, &row));
    SMASH__TRY(smash__check_shape(ctx, metric, "metric", w->ndim, w->shape));
    SMASH__TRY(smash__check_apart(ctx, w, metric));
    SMASH__TRY(smash__check_apart(ctx, squares, metric));
    for (i = 0; i < n; i++) {
        const double v = smash__double_at(w, i);
        ((double *)metric->data)[i] = smash__product(v < 0 ? -v : v, smash_sqrt(((const double *)squares->data)[i % row]));
    }
    return smash__check_scores(ctx, metric, n);
}

SMASH__FN int smash__order_scores(const void *user, uint32_t a, uint32_t b)
{
    const double *scores = (const double *)user;
    return scores[a] < scores[b] ? -1 : scores[a] > scores[b];
}

SMASH__DEF smash_err smash_score_lamp(smash_ctx *ctx, const smash_tensor *w, const smash_tensor *metric)
{
    smash_arena_mark mark = smash__scratch_mark(ctx);
    size_t n, i;
    uint32_t *index;
    double *scores, sum = 0;
    smash_err err;
    SMASH__TRY(smash__check(ctx, w, "weights", SMASH__FLOATS, SMASH__READ, &n));
    SMASH__TRY(smash__check(ctx, metric, "metric", SMASH__BIT(SMASH_F64), SMASH__WRITE, NULL));
    SMASH__TRY(smash__check_shape(ctx, metric, "metric", w->ndim, w->shape));
    SMASH__TRY(smash__check_apart(ctx, w, metric));
    if (n > UINT32_MAX) return SMASH__FAIL(ctx, SMASH_ERR_LIMIT, n, "%q has more than 2^32 numbers", smash__name(w));
    index = (uint32_t *)smash__scratch(ctx, n, 2 * sizeof *index);
    if (!index) return SMASH_ERR_NOMEM;
    scores = (double *)metric->data;
    for (i = 0; i < n; i++) {
        const double v = smash__double_at(w, i);
        scores[i] = smash__product(v, v);
        index[i] = (uint32_t)i;
    }
    err = smash__check_scores(ctx, metric, n);
    if (!err) {
        smash__sort(index, index + n, n, smash__order_scores, scores);
        for (i = n; i > 0; i--) {                                        /* from the largest on: the sum of what is not smaller */
            double *score = &scores[index[i - 1]];
            sum += *score;
            if (sum > 0) *score /= sum;
        }
        err = smash__check_scores(ctx, metric, n);
    }
    smash__scratch_rewind(ctx, mark);
    return err;
}

/* ---- public: scores that are trained ---- */

/* A state, finite; its numbers in *n */
SMASH__FN smash_err smash__check_state(smash_ctx *ctx, const smash_tensor *state, const char *role, int access, size_t *n)
{
    SMASH__TRY(smash__check(ctx, state, role, SMASH__BIT(SMASH_F64), access, n));
    return smash__check_scores(ctx, state, *n);
}

/* What goes with a state: f64, its shape, finite, apart from it */
SMASH__FN smash_err smash__check_beside(smash_ctx *ctx, const smash_tensor *t, const char *role, int access, const smash_tensor *state)
{
    size_t n;
    SMASH__TRY(smash__check(ctx, t, role, SMASH__BIT(SMASH_F64), access, &n));
    SMASH__TRY(smash__check_shape(ctx, t, role, state->ndim, state->shape));
    SMASH__TRY(smash__check_apart(ctx, t, state));
    return smash__check_scores(ctx, t, n);
}

/* 1 / (1 + e^-x), and its slope; from e^-|x|, so that neither cancels */
SMASH__FN double smash__sigmoid(double x, double *slope)
{
    const double e = smash_exp(x < 0 ? x : -x), sum = 1.0 + e;
    *slope = e / smash__product(sum, sum);
    return (x < 0 ? e : 1.0) / sum;
}

SMASH__DEF smash_err smash_score_add_penalty(smash_ctx *ctx, smash_penalty what, double scale, size_t targets, const smash_tensor *state, const smash_tensor *gradient, double *loss)
{
    size_t n, i;
    double sum = 0, share;
    const double *x;
    if ((unsigned)what > SMASH_PENALTY_SIGMOID) return SMASH__FAIL(ctx, SMASH_ERR_ARG, (size_t)what, "there is no penalty %u", (uint32_t)what);
    if (!(scale >= 0) || !smash_is_finite_f64(scale)) return SMASH__FAIL(ctx, SMASH_ERR_RANGE, 0, "the scale of a penalty is a finite number, 0 or more");
    if (!targets) return SMASH__FAIL(ctx, SMASH_ERR_RANGE, 0, "a penalty is shared by 1 target or more, not 0");
    SMASH__TRY(smash__check_state(ctx, state, "state", SMASH__READ, &n));
    if (gradient) SMASH__TRY(smash__check_beside(ctx, gradient, "gradient", SMASH__WRITE, state));
    x = (const double *)state->data;
    share = scale / (double)targets;
    if (what == SMASH_PENALTY_SIGMOID && n) share /= (double)n;
    for (i = 0; i < n; i++) {
        double slope;
        sum += what == SMASH_PENALTY_ABS ? x[i] < 0 ? -x[i] : x[i] : smash__sigmoid(x[i], &slope);
    }
    sum = smash__product(share, sum);
    if (!smash_is_finite_f64(sum)) return SMASH__FAIL(ctx, SMASH_ERR_NONFINITE, n, "the penalty of %q overflows; its numbers are too large", smash__name(state));
    if (loss) *loss = sum;
    if (!gradient) return SMASH_OK;
    for (i = 0; i < n; i++) {
        double slope = x[i] < 0 ? -1.0 : x[i] > 0;
        if (what == SMASH_PENALTY_SIGMOID) smash__sigmoid(x[i], &slope);
        ((double *)gradient->data)[i] += smash__product(share, slope);
    }
    return smash__check_scores(ctx, gradient, n);
}

/* x^n, by squares */
SMASH__FN double smash__power(double x, uint64_t n)
{
    double power = 1;
    for (; n; n >>= 1) {
        if (n & 1) power = smash__product(power, x);
        x = smash__product(x, x);
    }
    return power;
}

SMASH__FN smash_err smash__adam_desc(smash_ctx *ctx, const smash_adam_desc *desc, smash_adam_desc *d)
{
    if (!SMASH__DESC_OK(desc)) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "desc was not zeroed: use smash_adam_desc d = SMASH_ZERO;");
    if (desc) *d = *desc;
    if (d->rate == 0) d->rate = 0.01;
    if (d->beta1 == 0) d->beta1 = 0.9;
    if (d->beta2 == 0) d->beta2 = 0.999;
    if (d->epsilon == 0) d->epsilon = 1e-8;
    if (!(d->rate > 0) || !smash_is_finite_f64(d->rate)) return SMASH__FAIL(ctx, SMASH_ERR_RANGE, 0, "desc.rate must be a finite number above 0");
    if (!(d->beta1 > 0 && d->beta1 < 1 && d->beta2 > 0 && d->beta2 < 1)) return SMASH__FAIL(ctx, SMASH_ERR_RANGE, 0, "desc.beta1 and beta2 must lie between 0 and 1");
    if (!(d->epsilon > 0) || !smash_is_finite_f64(d->epsilon)) return SMASH__FAIL(ctx, SMASH_ERR_RANGE, 0, "desc.epsilon must be a finite number above 0");
    return SMASH_OK;
}

/* The numbers of one step; size: rate over what the mean has of its weight, root: the square root of the same for the squares */
typedef struct smash__adam { double beta1, beta2, size, root, epsilon; } smash__adam;

SMASH__FN void smash__adam_at(const smash__adam *a, double g, double *mean, double *squares, double *state)
{
    *mean += smash__product(1.0 - a->beta1, g - *mean);
    *squares = smash__product(*squares, a->beta2) + smash__product(smash__product(1.0 - a->beta2, g), g);
    *state -= smash__product(a->size, *mean / (smash_sqrt(*squares) / a->root + a->epsilon));
}

SMASH__DEF smash_err smash_score_adam(smash_ctx *ctx, const smash_adam_desc *desc, uint64_t step, const smash_tensor *gradient, const smash_tensor *mean,
                                      const smash_tensor *squares, const smash_tensor *state)
{
    smash_adam_desc d = SMASH_ZERO;
    smash__adam a;
    size_t n, i;
    SMASH__TRY(smash__adam_desc(ctx, desc, &d));
    if (!step) return SMASH__FAIL(ctx, SMASH_ERR_RANGE, 0, "the first step is 1, not 0");
    SMASH__TRY(smash__check_state(ctx, state, "state", SMASH__WRITE, &n));
    SMASH__TRY(smash__check_beside(ctx, gradient, "gradient", SMASH__READ, state));
    SMASH__TRY(smash__check_beside(ctx, mean, "mean", SMASH__WRITE, state));
    SMASH__TRY(smash__check_beside(ctx, squares, "squares", SMASH__WRITE, state));
    SMASH__TRY(smash__check_apart(ctx, gradient, mean));
    SMASH__TRY(smash__check_apart(ctx, gradient, squares));
    SMASH__TRY(smash__check_apart(ctx, mean, squares));
    a.beta1 = d.beta1;
    a.beta2 = d.beta2;
    a.epsilon = d.epsilon;
    a.size = d.rate / (1.0 - smash__power(d.beta1, step));
    a.root = smash_sqrt(1.0 - smash__power(d.beta2, step));
    for (i = 0; i < n; i++)
        smash__adam_at(&a, ((const double *)gradient->data)[i], (double *)mean->data + i, (double *)squares->data + i, (double *)state->data + i);
    SMASH__TRY(smash__check_scores(ctx, mean, n));
    SMASH__TRY(smash__check_scores(ctx, squares, n));
    return smash__check_scores(ctx, state, n);
}

SMASH__DEF smash_err smash_score_sigmoid(smash_ctx *ctx, const smash_tensor *score, const smash_tensor *metric)
{
    size_t n, i;
    SMASH__TRY(smash__check_state(ctx, score, "score", SMASH__READ, &n));
    SMASH__TRY(smash__check(ctx, metric, "metric", SMASH__BIT(SMASH_F64), SMASH__WRITE, NULL));
    SMASH__TRY(smash__check_shape(ctx, metric, "metric", score->ndim, score->shape));
    SMASH__TRY(smash__check_apart(ctx, score, metric));
    for (i = 0; i < n; i++) {
        double slope;
        ((double *)metric->data)[i] = smash__sigmoid(((const double *)score->data)[i], &slope);
    }
    return SMASH_OK;
}

/* ---- public: schedules ---- */

SMASH__DEF double smash_schedule_linear(uint64_t t, uint64_t total) { return t >= total ? 1.0 : (double)t / (double)total; }

/* 1 - x^3, without a product that a compiler could join with the difference */
SMASH__FN double smash__cubic(double x) { return 1.0 - smash__product(smash__product(x, x), x); }

SMASH__DEF double smash_schedule_agp(uint64_t t, uint64_t total) { return smash__cubic(1.0 - smash_schedule_linear(t, total)); }

SMASH__DEF double smash_schedule_movement(uint64_t step, uint64_t warmup, uint64_t cooldown)
{
    if (step <= warmup) return 0.0;
    return step >= cooldown ? 1.0 : smash_schedule_agp(step - warmup, cooldown - warmup);
}

SMASH__DEF double smash_schedule_agp_epoch(double initial, double final, uint64_t epoch, uint64_t start, uint64_t end, uint64_t frequency)
{
    uint64_t span;
    if (end <= start || epoch >= end || initial >= final || !frequency) return final;
    span = (end - start - 1) / frequency * frequency;
    if (epoch <= start) return span ? initial : final;
    epoch -= (epoch - start) % frequency;                                /* it stands still in between */
    return initial + smash__product(final - initial, smash_schedule_agp(epoch - start, span));
}

SMASH__DEF double smash_schedule_lottery(double goal, uint64_t round, uint64_t rounds)
{
    if (round >= rounds) return goal;
    return 1.0 - smash_exp(smash__product(smash_log(1.0 - goal), smash_schedule_linear(round, rounds)));
}

/* ---- public: several targets together ---- */

/* A place in the order of all blocks: by score, then member, then index. What stands before it goes. */
typedef struct smash__cut { uint64_t key; size_t member, index; } smash__cut;
typedef struct smash__bounds { smash__cut from, to; } smash__bounds;       /* of a member: what is up for choice */

SMASH__FN uint64_t smash__score_key(const smash_mask_member *m, size_t i)
{
    return (uint64_t)smash__key64(smash__bits64(((const double *)m->metric.data)[i]), UINT64_MAX) ^ (uint64_t)1 << 63;
}

SMASH__FN int smash__before(uint64_t key, size_t member, size_t index, const smash__cut *cut)
{
    if (key != cut->key) return key < cut->key;
    return member != cut->member ? member < cut->member : index < cut->index;
}

SMASH__FN size_t smash__member_weight(const smash_mask_member *m) { return m->block_elements ? m->block_elements : 1; }
SMASH__FN size_t smash__member_cost(const smash_mask_member *m) { return m->cost ? m->cost : smash__member_weight(m); }
SMASH__FN size_t smash__metric_blocks(const smash_mask_member *m)
{
    size_t n = 0;
    (void)smash_tensor_count(&m->metric, &n);                            /* it was checked */
    return n;
}

/* The cut behind the longest run of blocks that fits the budget, or (least) the shortest that costs so much, of members first .. end, within
 * their bounds (NULL: all blocks, and each costs 1). Eight passes narrow the key down by a byte each. bins: room for 256 costs */
SMASH__FN SMASH__NOINLINE smash__cut smash__find_cut(const smash_mask_member *members, size_t first, size_t end, const smash__bounds *bounds, size_t budget, int least, size_t *bins)
{
    smash__cut cut;
    size_t m, i, n, b;
    int shift;
    cut.key = 0;
    cut.member = cut.index = SIZE_MAX;
    for (shift = 56; shift >= -8; shift -= 8) {
        if (shift >= 0) smash__fill(bins, 0, 256 * sizeof *bins);
        for (m = first; m < end; m++) {
            const size_t cost = bounds ? smash__member_cost(&members[m]) : 1;
            n = smash__metric_blocks(&members[m]);
            for (i = 0; i < n; i++) {
                const uint64_t key = smash__score_key(&members[m], i);
                if (shift < 0 ? key != cut.key : shift < 56 && key >> (shift + 8) != cut.key) continue;
                if (bounds && (smash__before(key, m, i, &bounds[m].from) || !smash__before(key, m, i, &bounds[m].to))) continue;
                if (shift >= 0) bins[key >> shift & 255] += cost;
                else if (least ? budget > 0 : cost <= budget) budget -= smash__min(cost, budget);      /* the equals, in order */
                else { cut.member = m; cut.index = i; return cut; }
            }
        }
        if (shift < 0) return cut;                                       /* least: with the last of the equals */
        for (b = 0; b < 256 && (least ? bins[b] < budget : bins[b] <= budget); b++) budget -= bins[b];
        if (b == 256) break;                                             /* all of them: only in the first pass */
        cut.key = cut.key << 8 | b;
    }
    cut.key = UINT64_MAX;
    return cut;
}

/* Metrics, masks and shares of all members; what they cost together in *total. */
SMASH__FN smash_err smash__check_members(smash_ctx *ctx, const smash_mask_member *members, size_t count, size_t *total)
{
    size_t i, k, n, product, elements = 0;
    *total = 0;
    if (!members || !count) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "there are no members to choose from");
    for (i = 0; i < count; i++) {
        const smash_mask_member *m = &members[i];
        smash__keys keys;
        SMASH__TRY(smash__check(ctx, &m->metric, "metric", SMASH__BIT(SMASH_F64), SMASH__READ, &n));
        SMASH__TRY(smash__check(ctx, &m->mask, "mask", SMASH__MASKS, SMASH__WRITE, NULL));
        SMASH__TRY(smash__check_shape(ctx, &m->mask, "mask", m->metric.ndim, m->metric.shape));
        SMASH__TRY(smash__mask_share(ctx, "min_ratio", m->min_ratio));
        SMASH__TRY(smash__mask_share(ctx, "max_ratio", m->max_ratio));
        for (k = 0; k < count; k++) {
            SMASH__TRY(smash__check_apart(ctx, &members[k].metric, &m->mask));
            if (k < i) SMASH__TRY(smash__check_apart(ctx, &members[k].mask, &m->mask));
        }
        if (!n) return SMASH__FAIL(ctx, SMASH_ERR_SHAPE, i, "metric %q is empty: there is nothing to choose from", smash__name(&m->metric));
        keys = smash__keys_of(ctx, SMASH_F64, m->metric.data, n, 1);
        if (smash__first_bad(&keys) < n) return SMASH__FAIL(ctx, SMASH_ERR_NONFINITE, i, "score %z of %q is NaN or Inf", smash__first_bad(&keys), smash__name(&m->metric));
        if (!smash__mul(n, smash__member_weight(m), &product) || !smash__add(elements, product, &elements) ||
            !smash__mul(n, smash__member_cost(m), &product) || !smash__add(*total, product, total))
            return SMASH__FAIL(ctx, SMASH_ERR_OVERFLOW, i, "the numbers of %z members, or their costs, are more than can be counted", count);
    }
    return SMASH_OK;
}

/* All the blocks before a cut that lets none, or all, go are known without a search. */
SMASH__FN smash__cut smash__cut_at(const smash_mask_member *members, size_t m, size_t n, size_t blocks, size_t *bins)
{
    smash__cut cut;
    cut.key = n ? UINT64_MAX : 0;
    cut.member = cut.index = n ? SIZE_MAX : 0;
    return n == 0 || n == blocks ? cut : smash__find_cut(members, m, m + 1, NULL, n, 0, bins);
}

SMASH__DEF smash_err smash_mask_allocate_global(smash_ctx *ctx, const smash_budget_desc *desc, smash_mask_member *members, size_t count)
{
    static const smash_budget_desc plain = SMASH_ZERO;
    const smash_budget_desc *d = desc ? desc : &plain;
    smash_arena_mark mark = smash__scratch_mark(ctx);
    smash__bounds *bounds;
    smash__cut cut;
    size_t *bins, total, budget, i, m, n;
    if (!SMASH__DESC_OK(desc)) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the budget desc was not zeroed first: write smash_budget_desc d = SMASH_ZERO");
    if (d->use_amount > 1) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "use_amount is %u; it must be 0 or 1", d->use_amount);
    SMASH__TRY(smash__mask_share(ctx, "ratio", d->ratio));
    if (d->use_amount && d->ratio > 0) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "both an amount and a ratio are set; leave ratio at 0");
    SMASH__TRY(smash__check_members(ctx, members, count, &total));
    bins = (size_t *)smash__scratch(ctx, 256, sizeof *bins);
    bounds = bins ? (smash__bounds *)smash__scratch(ctx, count, sizeof *bounds) : NULL;
    if (!bounds) { smash__scratch_rewind(ctx, mark); return SMASH_ERR_NOMEM; }
    budget = d->use_amount ? d->amount : smash__share(total, d->ratio);
    for (m = 0; m < count; m++) {
        size_t most, least;
        n = smash__metric_blocks(&members[m]);
        most = members[m].max_ratio > 0 ? smash__share(n, members[m].max_ratio) : n;
        least = smash__min(most, smash__share(n, members[m].min_ratio));
        bounds[m].from = smash__cut_at(members, m, least, n, bins);
        bounds[m].to = smash__cut_at(members, m, most, n, bins);
        budget -= smash__min(budget, least * smash__member_cost(&members[m]));
    }
    cut = smash__find_cut(members, 0, count, bounds, budget, d->use_amount && budget, bins);
    for (m = 0; m < count; m++) {
        uint8_t *keep = (uint8_t *)members[m].mask.data;
        size_t dropped = 0;
        n = smash__metric_blocks(&members[m]);
        for (i = 0; i < n; i++) {
            const uint64_t key = smash__score_key(&members[m], i);
            keep[i] = !(smash__before(key, m, i, &bounds[m].from) || (smash__before(key, m, i, &bounds[m].to) && smash__before(key, m, i, &cut)));
            dropped += !keep[i];
        }
        smash__stats(&members[m].stats, n, dropped, smash__member_weight(&members[m]));
    }
    smash__scratch_rewind(ctx, mark);
    return SMASH_OK;
}

SMASH__DEF smash_err smash_mask_allocate_shared(smash_ctx *ctx, const smash_mask_desc *desc, smash_mask_member *members, size_t count, uint32_t dtype_bits)
{
    smash_arena_mark mark = smash__scratch_mark(ctx);
    smash_mask_desc d;
    smash_mask_stats stats;
    smash_tensor mean, mask;
    size_t elements, i, m, n;
    double *sum;
    smash_err err;
    SMASH__TRY(smash__mask_desc(ctx, desc, &d));
    SMASH__TRY(smash__check_members(ctx, members, count, &elements));
    n = smash__metric_blocks(&members[0]);
    for (m = 0; m < count; m++) {
        if (smash__metric_blocks(&members[m]) != n)
            return SMASH__FAIL(ctx, SMASH_ERR_SHAPE, m, "%q has %z blocks, and %q has %z; targets that lose the same blocks need the same number of them", smash__name(&members[m].metric),
                               smash__metric_blocks(&members[m]), smash__name(&members[0].metric), n);
        if (members[m].min_ratio > d.min_ratio) d.min_ratio = members[m].min_ratio;
        if (members[m].max_ratio > 0 && (d.max_ratio <= 0 || members[m].max_ratio < d.max_ratio)) d.max_ratio = members[m].max_ratio;
    }
    sum = (double *)smash__scratch(ctx, n, sizeof *sum);
    if (!sum) return SMASH_ERR_NOMEM;
    for (i = 0; i < n; i++) {
        sum[i] = 0;
        for (m = 0; m < count; m++) sum[i] += ((const double *)members[m].metric.data)[i];
        sum[i] /= (double)count;
    }
    mean = smash_tensor_view(SMASH_F64, sum, n * sizeof *sum, 1, &n);
    mean.name = members[0].metric.name;
    mask = smash_tensor_view(members[0].mask.dtype, members[0].mask.data, n, 1, &n);
    err = smash_mask_allocate(ctx, &d, &mean, dtype_bits, &mask, &stats);
    for (m = 0; m < count && !err; m++) {
        if (m) smash__copy(members[m].mask.data, mask.data, n);
        smash__stats(&members[m].stats, n, stats.dropped, smash__member_weight(&members[m]));
    }
    smash__scratch_rewind(ctx, mark);
    return err;
}
#endif

/* ---- public: align, expand, apply ---- */

/* The block that holds element `at` */
SMASH__FN size_t smash__block_at(const smash_grid *grid, size_t at)
{
    size_t block = 0, stride = 1;
    uint32_t axis = grid->ndim;
    while (axis) {
        size_t dim;
        axis--;
        dim = grid->count[axis] * grid->block[axis];
        block += at % dim / grid->block[axis] * stride;
        at /= dim;
        stride *= grid->count[axis];
    }
    return block;
}

/* Both grids lie over one shape; a block of dst is kept if any src block it meets is kept. */
SMASH__FN SMASH__NOINLINE void smash__align(const smash_grid *src_grid, const uint8_t *src, const smash_grid *dst_grid, uint8_t *dst)
{
    size_t run, src_run, at, end;
    smash__walk walk;
    smash__walk_start(&walk, src_grid);
    src_run = walk.run;
    smash__walk_start(&walk, dst_grid);
    smash__fill(dst, 0, dst_grid->blocks);
    for (run = 0; run < walk.runs; run++, smash__walk_next(&walk)) {
        uint8_t *kept = &dst[walk.block];
        end = walk.first + walk.run;
        if (src_grid->block_elements == 1)
            for (at = walk.first; at < end && !*kept; at++) *kept = src[at] != 0;
        else
            for (at = walk.first; at < end && !*kept; at += src_run - at % src_run) *kept = src[smash__block_at(src_grid, at)] != 0;
    }
}

/* The surviving axes as a tensor of their own, to lay dst_grain over */
SMASH__FN smash_err smash__align_dims(smash_ctx *ctx, const smash_tensor *t, const int32_t *dims, uint32_t dim_count, uint32_t axes[SMASH_MAX_DIMS],
                                      smash_tensor *reduced)
{
    uint32_t i;
    *reduced = *t;
    reduced->ndim = dim_count;
    if (dim_count > t->ndim)
        return SMASH__FAIL(ctx, SMASH_ERR_RANGE, dim_count, "%u dims are to survive, but %q has only %u", dim_count, smash__name(t), t->ndim);
    for (i = 0; i < dim_count; i++) {
        int32_t ndim = (int32_t)t->ndim, axis = dims[i] < 0 ? dims[i] + ndim : dims[i];
        if (axis < 0 || axis >= ndim)
            return SMASH__FAIL(ctx, SMASH_ERR_RANGE, i, "dim %i does not exist: %q has %u dim%s", (int)dims[i], smash__name(t), t->ndim, smash__plural(t->ndim));
        if (i && (uint32_t)axis <= axes[i - 1])
            return SMASH__FAIL(ctx, SMASH_ERR_RANGE, i, "dim %i is out of order; name each surviving dim once, ascending", (int)dims[i]);
        axes[i] = (uint32_t)axis;
        reduced->shape[i] = t->shape[axis];
    }
    return SMASH_OK;
}

/* The grid of dst over src_shape itself: a reduced axis is one block, which leaves the block numbers as they are. */
SMASH__FN SMASH__NOINLINE smash_err smash__align_grid(smash_ctx *ctx, const smash_tensor *src_shape, const int32_t *dims, uint32_t dim_count,
                                                      const smash_grain *dst_grain, const smash_tensor *dst, smash_grid *grid)
{
    uint32_t axes[SMASH_MAX_DIMS] = { 0 }, i, n = 0;
    smash_tensor reduced;
    smash_grid small;
    SMASH__TRY(smash__align_dims(ctx, src_shape, dims, dim_count, axes, &reduced));
    SMASH__TRY(smash__mask_grid(ctx, dst_grain, &reduced, &small));
    SMASH__TRY(smash__check_shape(ctx, dst, "aligned mask", small.ndim, small.count));
    *grid = small;
    grid->ndim = src_shape->ndim;
    grid->block_elements = 1;
    for (i = 0; i < grid->ndim; i++) {
        int survives = n < dim_count && axes[n] == i;
        grid->block[i] = survives ? small.block[n] : src_shape->shape[i];
        grid->count[i] = survives ? small.count[n++] : 1;
        grid->block_elements *= grid->block[i];                     /* a factor of the element count, which was checked */
    }
    return SMASH_OK;
}

SMASH__DEF smash_err smash_mask_align(smash_ctx *ctx, const smash_tensor *src, const smash_grain *src_grain, const smash_tensor *src_shape,
                                      const int32_t *dims, uint32_t dim_count,
                                      const smash_grain *dst_grain, const smash_tensor *dst)
{
    smash_grid from, to;
    if (!dims && dim_count) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "dims is NULL although %u dims are to survive", dim_count);
    SMASH__TRY(smash__check(ctx, src, "mask", SMASH__MASKS, SMASH__READ, NULL));
    SMASH__TRY(smash__check(ctx, src_shape, "masked tensor", UINT32_MAX, SMASH__SHAPE_ONLY, NULL));
    SMASH__TRY(smash__check(ctx, dst, "aligned mask", SMASH__MASKS, SMASH__WRITE, NULL));
    SMASH__TRY(smash__mask_grid(ctx, src_grain, src_shape, &from));
    SMASH__TRY(smash__check_shape(ctx, src, "mask", from.ndim, from.count));
    SMASH__TRY(smash__align_grid(ctx, src_shape, dims, dim_count, dst_grain, dst, &to));
    SMASH__TRY(smash__check_apart(ctx, src, dst));
    smash__align(&from, (const uint8_t *)src->data, &to, (uint8_t *)dst->data);
    return SMASH_OK;
}

/* Walks blocks to spread a mask over elements: into numbers if `apply`, else into bytes. */
typedef struct smash__spread {
    const smash_grid *grid;
    const uint8_t    *mask;
    const void       *from;              /* numbers that are copied to data first; NULL: they are there */
    void             *data;
    smash_dtype       dtype;
    uint32_t          packed;            /* a bit a block */
    int               apply, simd;
    void            (*add)(const struct smash__spread *s, const uint8_t *keep, size_t first, size_t n);   /* NULL: write zeros. A pointer, so that who never adds does not link it */
    double            value;             /* what it adds, and the same as a float */
    float             narrow;
    size_t            runs, pieces;      /* runs of a task, or pieces that one long run is cut into */
} smash__spread;

SMASH__INLINE void smash__add32_body(float *SMASH__RESTRICT x, size_t n, const uint8_t *SMASH__RESTRICT keep, float value)
{
    size_t j;
    for (j = 0; j < n; j++) {
        const uint32_t u = smash__bits32(x[j]), sum = smash__bits32(x[j] + value);
        x[j] = smash__float32(((keep[j] != 0) | ((u & 0x7FFFFFFFu) > 0x7F800000u)) ? u : sum);
    }
}
SMASH__KERNEL(smash__add32, (float *SMASH__RESTRICT x, size_t n, const uint8_t *SMASH__RESTRICT keep, float value), (x, n, keep, value))

SMASH__INLINE void smash__add64_body(double *SMASH__RESTRICT x, size_t n, const uint8_t *SMASH__RESTRICT keep, double value)
{
    size_t j;
    for (j = 0; j < n; j++) {
        const uint64_t u = smash__bits64(x[j]), sum = smash__bits64(x[j] + value);
        x[j] = smash__float64(((keep[j] != 0) | (u << 1 > (uint64_t)0x7FF << 53)) ? u : sum);
    }
}
SMASH__KERNEL(smash__add64, (double *SMASH__RESTRICT x, size_t n, const uint8_t *SMASH__RESTRICT keep, double value), (x, n, keep, value))

SMASH__FN void smash__add_row(const smash__spread *s, const uint8_t *keep, size_t first, size_t n)
{
    size_t i;
    if (SMASH__IS_F64(s->dtype))    SMASH__CALL(s->simd, smash__add64, ((double *)s->data + first, n, keep, s->value));
    else if (s->dtype == SMASH_F32) SMASH__CALL(s->simd, smash__add32, ((float *)s->data + first, n, keep, s->narrow));
    else {
        uint16_t *x = (uint16_t *)s->data + first;
        for (i = 0; i < n; i++) {                                        /* float has more than twice the digits: rounded to it first, the sum rounds the same */
            const float v = s->dtype == SMASH_F16 ? smash_f16_to_f32(x[i]) : smash_bf16_to_f32(x[i]);
            if (keep[i] || (smash__bits32(v) & 0x7FFFFFFFu) > 0x7F800000u) continue;
            x[i] = s->dtype == SMASH_F16 ? smash_f32_to_f16(v + s->narrow) : smash_f32_to_bf16(v + s->narrow);
        }
    }
}

SMASH__FN void smash__spread_row(const smash__spread *s, const uint8_t *keep, size_t first, size_t n)
{
    const uint32_t bits = smash_dtype_bits(s->dtype);
    size_t i;
    if (!s->apply) for (i = 0; i < n; i++) ((uint8_t *)s->data)[first + i] = keep[i] != 0;
    else if (s->add)     s->add(s, keep, first, n);
    else if (bits == 16) SMASH__CALL(s->simd, smash__apply16, ((uint16_t *)s->data + first, n, keep));
    else if (bits == 32) SMASH__CALL(s->simd, smash__apply32, ((float *)s->data + first, n, keep));
    else                 SMASH__CALL(s->simd, smash__apply64, ((double *)s->data + first, n, keep));
}

SMASH__INLINE uint8_t smash__kept(const smash__spread *s, size_t block)
{
    return s->packed ? s->mask[block / 8] >> block % 8 & 1 : s->mask[block] != 0;
}

/* Numbers whose mask does not lie in bytes: each in a block of its own, from `block` on, or, if they are not `rows`, all dropped */
SMASH__FN SMASH__NOINLINE void smash__spread_tiles(const smash__spread *s, int rows, size_t block, size_t first, size_t n)
{
    uint8_t keep[4 * SMASH__TILE];
    size_t tile, i;
    for (; n; n -= tile, first += tile, block += tile) {
        tile = smash__min(n, sizeof keep);
        for (i = 0; i < tile; i++) keep[i] = rows ? smash__kept(s, block + i) : 0;
        smash__spread_row(s, keep, first, tile);
    }
}

SMASH__FN void smash__spread_task(void *arg, size_t task)
{
    const smash__spread *s = (const smash__spread *)arg;
    const size_t width = smash_dtype_bits(s->dtype) / 8;
    size_t run = s->runs * (task / s->pieces), at = task % s->pieces * SMASH__CHUNK, end, n;
    smash__walk walk;
    int rows = smash__walk_rows(&walk, s->grid);
    end = smash__min(walk.runs - run, s->runs) + run;
    n = s->pieces > 1 ? smash__min(walk.run - at, SMASH__CHUNK) : walk.run;
    for (smash__walk_seek(&walk, run); run < end; run++, smash__walk_next(&walk)) {
        size_t first = walk.first + at;
        if (s->from) smash__copy((unsigned char *)s->data + first * width, (const unsigned char *)s->from + first * width, n * width);
        if (rows && !s->packed) smash__spread_row(s, s->mask + walk.block + at, first, n);
        else if (rows) smash__spread_tiles(s, 1, walk.block + at, first, n);
        else if (!s->apply) smash__fill((uint8_t *)s->data + first, smash__kept(s, walk.block), n);
        else if (smash__kept(s, walk.block)) continue;
        else if (s->add) smash__spread_tiles(s, 0, 0, first, n);
        else smash__fill((unsigned char *)s->data + first * width, 0, n * width);
    }
}

/* to: what is written; in place unless s says from where */
SMASH__FN SMASH__NOINLINE void smash__spread_mask(smash_ctx *ctx, smash__spread *s, const smash_grid *grid, const smash_tensor *mask, const smash_tensor *to)
{
    smash__walk walk;
    smash__walk_rows(&walk, grid);
    s->grid = grid;
    s->mask = (const uint8_t *)mask->data;
    s->data = to->data;
    s->dtype = to->dtype;
    s->simd = smash__simd(ctx);
    s->pieces = walk.run / SMASH__CHUNK + (walk.run % SMASH__CHUNK != 0);
    s->runs = s->pieces > 1 ? 1 : SMASH__CHUNK / walk.run;
    smash__parallel(ctx, (walk.runs / s->runs + (walk.runs % s->runs != 0)) * s->pieces, smash__spread_task, s);
}

SMASH__FN smash_err smash__spread_checked(smash_ctx *ctx, const smash_grain *grain, const smash_tensor *mask, const smash_tensor *to, int apply)
{
    smash_grid grid;
    smash__spread s;
    SMASH__TRY(smash__check(ctx, to, apply ? "tensor" : "full mask", apply ? SMASH__FLOATS : SMASH__MASKS, SMASH__WRITE, NULL));
    SMASH__TRY(smash__check(ctx, mask, "mask", SMASH__MASKS, SMASH__READ, NULL));
    SMASH__TRY(smash__mask_grid(ctx, grain, to, &grid));
    SMASH__TRY(smash__check_shape(ctx, mask, "mask", grid.ndim, grid.count));
    SMASH__TRY(smash__check_apart(ctx, mask, to));
    smash__fill(&s, 0, sizeof s);
    s.apply = apply;
    smash__spread_mask(ctx, &s, &grid, mask, to);
    return SMASH_OK;
}

SMASH__DEF smash_err smash_mask_expand(smash_ctx *ctx, const smash_grain *grain, const smash_tensor *mask, const smash_tensor *full)
{
    return smash__spread_checked(ctx, grain, mask, full, 0);
}

SMASH__DEF smash_err smash_mask_apply(smash_ctx *ctx, const smash_grain *grain, const smash_tensor *mask, const smash_tensor *w)
{
    return smash__spread_checked(ctx, grain, mask, w, 1);
}

/* Bytes of so many bits, in a row */
SMASH__FN smash_err smash__check_bits(smash_ctx *ctx, const smash_tensor *t, const char *role, size_t count, int access)
{
    const size_t bytes = count / 8 + (count % 8 != 0);
    SMASH__TRY(smash__check(ctx, t, role, SMASH__BIT(SMASH_U8), access, NULL));
    return smash__check_shape(ctx, t, role, 1, &bytes);
}

/* The same to be read: nothing may lie behind the last one */
SMASH__FN smash_err smash__read_bits(smash_ctx *ctx, const smash_tensor *t, const char *role, size_t count)
{
    SMASH__TRY(smash__check_bits(ctx, t, role, count, SMASH__READ));
    if (count % 8 && ((const uint8_t *)t->data)[count / 8] >> count % 8)
        return SMASH__FAIL(ctx, SMASH_ERR_FORMAT, count / 8, "%s %q has bits behind its last one", role, smash__name(t));
    return SMASH_OK;
}

/* src and dst of one dtype and shape, in one place or apart */
SMASH__FN smash_err smash__check_copy(smash_ctx *ctx, const smash_tensor *src, const smash_tensor *dst)
{
    SMASH__TRY(smash__check(ctx, src, "source", SMASH__FLOATS, SMASH__READ, NULL));
    SMASH__TRY(smash__check(ctx, dst, "destination", SMASH__BIT(src->dtype), SMASH__WRITE, NULL));
    SMASH__TRY(smash__check_shape(ctx, dst, "destination", src->ndim, src->shape));
    return src->data == dst->data ? SMASH_OK : smash__check_apart(ctx, src, dst);
}

/* What ADD adds, in the dtype of the tensor */
SMASH__FN smash_err smash__apply_value(smash_ctx *ctx, const smash_apply_desc *d, smash_dtype dtype, smash__spread *s)
{
    int finite;
    s->value = smash__bits64(d->value) << 1 ? d->value : -1000.0;        /* by the bits: there may be no double arithmetic here */
    if (dtype == SMASH_F16)       s->narrow = smash_f16_to_f32(smash_f64_to_f16(s->value));
    else if (dtype == SMASH_BF16) s->narrow = smash_bf16_to_f32(smash_f64_to_bf16(s->value));
    else                          s->narrow = smash__float32(smash__narrow(smash__bits64(s->value), 23, 127));
    finite = SMASH__IS_F64(dtype) ? smash_is_finite_f64(s->value) : smash_is_finite(s->narrow);
    if (!finite) return SMASH__FAIL(ctx, SMASH_ERR_RANGE, 0, "the value that a mask adds must be finite in %s", smash_dtype_name(dtype));
    s->add = smash__add_row;
    return SMASH_OK;
}

/* Once everything else is known to fit */
SMASH__FN smash_err smash__apply_grid(smash_ctx *ctx, const smash_apply_desc *d, const smash_grid *grid, const smash_tensor *mask, const smash_tensor *src, const smash_tensor *dst)
{
    smash__spread s;
    SMASH__TRY(smash__check_apart(ctx, mask, dst));
    smash__fill(&s, 0, sizeof s);
    if (d->method == SMASH_APPLY_ADD) SMASH__TRY(smash__apply_value(ctx, d, src->dtype, &s));
    if (d->method == SMASH_APPLY_BYPASS) {
        if (src->data != dst->data) smash__copy(dst->data, src->data, grid->blocks * grid->block_elements * (smash_dtype_bits(src->dtype) / 8));
        return SMASH_OK;
    }
    s.apply = 1;
    s.packed = d->bits;
    s.from = src->data == dst->data ? NULL : src->data;
    smash__spread_mask(ctx, &s, grid, mask, dst);
    return SMASH_OK;
}

SMASH__DEF smash_err smash_mask_apply_to(smash_ctx *ctx, const smash_apply_desc *desc, const smash_tensor *mask, const smash_tensor *src, const smash_tensor *dst)
{
    smash_apply_desc d = SMASH_ZERO;
    smash_grid grid;
    if (!SMASH__DESC_OK(desc)) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "desc was not zeroed: use smash_apply_desc d = SMASH_ZERO;");
    if (desc) d = *desc;
    if ((unsigned)d.method > SMASH_APPLY_BYPASS) return SMASH__FAIL(ctx, SMASH_ERR_ARG, (size_t)d.method, "desc.method is %u; it is one of MUL, ADD, BYPASS", (uint32_t)d.method);
    if (d.bits > 1) return SMASH__FAIL(ctx, SMASH_ERR_ARG, d.bits, "desc.bits is %u; it is 0 or 1", d.bits);
    SMASH__TRY(smash__check_copy(ctx, src, dst));
    SMASH__TRY(smash__mask_grid(ctx, &d.grain, src, &grid));
    if (d.bits) SMASH__TRY(smash__read_bits(ctx, mask, "mask", grid.blocks));
    else {
        SMASH__TRY(smash__check(ctx, mask, "mask", SMASH__MASKS, SMASH__READ, NULL));
        SMASH__TRY(smash__check_shape(ctx, mask, "mask", grid.ndim, grid.count));
    }
    return smash__apply_grid(ctx, &d, &grid, mask, src, dst);
}

SMASH__DEF smash_err smash_mask_pack(smash_ctx *ctx, const smash_tensor *mask, const smash_tensor *bits)
{
    size_t n, i;
    const uint8_t *keep;
    uint8_t *out;
    SMASH__TRY(smash__check(ctx, mask, "mask", SMASH__MASKS, SMASH__READ, &n));
    SMASH__TRY(smash__check_bits(ctx, bits, "bits", n, SMASH__WRITE));
    SMASH__TRY(smash__check_apart(ctx, mask, bits));
    keep = (const uint8_t *)mask->data;
    out = (uint8_t *)bits->data;
    for (i = 0; i < n; i++) out[i / 8] = (uint8_t)((i % 8 ? out[i / 8] : 0) | (keep[i] != 0) << i % 8);
    return SMASH_OK;
}

SMASH__DEF smash_err smash_mask_unpack(smash_ctx *ctx, const smash_tensor *bits, const smash_tensor *mask)
{
    size_t n, i;
    SMASH__TRY(smash__check(ctx, mask, "mask", SMASH__MASKS, SMASH__WRITE, &n));
    SMASH__TRY(smash__read_bits(ctx, bits, "bits", n));
    SMASH__TRY(smash__check_apart(ctx, mask, bits));
    for (i = 0; i < n; i++) ((uint8_t *)mask->data)[i] = ((const uint8_t *)bits->data)[i / 8] >> i % 8 & 1;
    return SMASH_OK;
}

#if !SMASH_NO_DOUBLE
/* n numbers from `first` on, each times its factor, the next `step` further on; returns how many of them are finite before one is not */
SMASH__FN SMASH__NOINLINE size_t smash__scale_run(const smash_tensor *src, const smash_tensor *dst, size_t first, size_t n, const double *factor, size_t step)
{
    double x[SMASH__TILE];
    size_t tile, at, i;
    for (at = 0; at < n; at += tile) {
        tile = smash__min(n - at, SMASH__TILE);
        smash__load_f64(src, first + at, tile, x);
        for (i = 0; i < tile; i++, factor += step) smash__set_float(dst, first + at + i, smash__product(x[i], *factor));
        smash__load_f64(dst, first + at, tile, x);
        for (i = 0; i < tile; i++) if (!smash_is_finite_f64(x[i])) return at + i;
    }
    return n;
}

SMASH__DEF smash_err smash_mask_scale(smash_ctx *ctx, const smash_grain *grain, const smash_tensor *factors, const smash_tensor *src, const smash_tensor *dst)
{
    smash_grid grid;
    smash__walk walk;
    size_t n, run, good;
    int rows;
    SMASH__TRY(smash__check_copy(ctx, src, dst));
    SMASH__TRY(smash__check(ctx, factors, "factors", SMASH__BIT(SMASH_F64), SMASH__READ, &n));
    SMASH__TRY(smash__mask_grid(ctx, grain, src, &grid));
    SMASH__TRY(smash__check_shape(ctx, factors, "factors", grid.ndim, grid.count));
    SMASH__TRY(smash__check_apart(ctx, factors, dst));
    SMASH__TRY(smash__check_scores(ctx, factors, n));
    rows = smash__walk_rows(&walk, &grid);
    for (run = 0; run < walk.runs; run++, smash__walk_next(&walk)) {
        good = smash__scale_run(src, dst, walk.first, walk.run, (const double *)factors->data + walk.block, rows != 0);
        if (good < walk.run) return SMASH__FAIL(ctx, SMASH_ERR_NONFINITE, walk.first + good, "element %z of %q times its factor is NaN or Inf", walk.first + good, smash__name(src));
    }
    return SMASH_OK;
}
#endif

/* ---- public: without zeros ---- */

#define SMASH__SPARSE_KERNELS(bits, T) \
SMASH__FN size_t smash__count##bits(const T *x, size_t n) \
{ \
    size_t i, k = 0; \
    for (i = 0; i < n; i++) k += x[i] != 0; \
    return k; \
} \
SMASH__FN void smash__squeeze##bits(const T *x, size_t n, uint8_t *mask, T *values) \
{ \
    size_t i, k = 0; \
    for (i = 0; i < n; i++) { \
        if (i % 8 == 0) mask[i / 8] = 0; \
        if (x[i]) { values[k++] = x[i]; mask[i / 8] = (uint8_t)(mask[i / 8] | 1u << i % 8); } \
    } \
} \
SMASH__FN void smash__spread_out##bits(const uint8_t *mask, size_t n, const T *values, T *x) \
{ \
    size_t i, k = 0; \
    for (i = 0; i < n; i++) { \
        if (mask[i / 8] >> i % 8 & 1) x[i] = values[k++]; \
        else x[i] = 0; \
    } \
}
SMASH__SPARSE_KERNELS(8, uint8_t)
SMASH__SPARSE_KERNELS(16, uint16_t)
SMASH__SPARSE_KERNELS(32, uint32_t)
SMASH__SPARSE_KERNELS(64, uint64_t)
#undef SMASH__SPARSE_KERNELS

/* Numbers of whole bytes, up to 8 of them */
#define SMASH__WHOLE (~(SMASH__BIT(SMASH_DTYPE_NONE) | SMASH__PACKED_INTS | SMASH__BIT(SMASH_F6_E2M3) | SMASH__BIT(SMASH_F6_E3M2) | SMASH__BIT(SMASH_F4) | SMASH__BIT(SMASH_C64)))

SMASH__FN size_t smash__not_zero(const smash_tensor *t, size_t n)
{
    switch (smash_dtype_bits(t->dtype)) {
    case 8:  return smash__count8((const uint8_t *)t->data, n);
    case 16: return smash__count16((const uint16_t *)t->data, n);
    case 32: return smash__count32((const uint32_t *)t->data, n);
    default: return smash__count64((const uint64_t *)t->data, n);
    }
}

SMASH__DEF smash_err smash_sparse_count(smash_ctx *ctx, const smash_tensor *t, size_t *nonzero)
{
    size_t n;
    if (!nonzero) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "no place for the number of numbers");
    SMASH__TRY(smash__check(ctx, t, "tensor", SMASH__WHOLE, SMASH__READ, &n));
    *nonzero = smash__not_zero(t, n);
    return SMASH_OK;
}

/* The parts of a sparse tensor: as many bytes of bits as t has numbers for, values of its dtype */
SMASH__FN smash_err smash__check_sparse(smash_ctx *ctx, const smash_tensor *t, const smash_tensor *bitmask, const smash_tensor *values, int pack, size_t *n, size_t *nonzero)
{
    SMASH__TRY(smash__check(ctx, t, "tensor", SMASH__WHOLE, pack ? SMASH__READ : SMASH__WRITE, n));
    SMASH__TRY(smash__check_bits(ctx, bitmask, "bitmask", *n, pack ? SMASH__WRITE : SMASH__READ));
    SMASH__TRY(smash__check(ctx, values, "values", SMASH__BIT(t->dtype), pack ? SMASH__WRITE : SMASH__READ, nonzero));
    if (values->ndim != 1) return SMASH__FAIL(ctx, SMASH_ERR_SHAPE, values->ndim, "the values of %q have %u dims; they are a row", smash__name(t), values->ndim);
    SMASH__TRY(smash__check_apart(ctx, t, bitmask));
    SMASH__TRY(smash__check_apart(ctx, t, values));
    return smash__check_apart(ctx, bitmask, values);
}

SMASH__DEF smash_err smash_sparse_pack(smash_ctx *ctx, const smash_tensor *t, const smash_tensor *bitmask, const smash_tensor *values)
{
    size_t n, room;
    uint8_t *mask;
    SMASH__TRY(smash__check_sparse(ctx, t, bitmask, values, 1, &n, &room));
    if (smash__not_zero(t, n) != room)
        return SMASH__FAIL(ctx, SMASH_ERR_SHAPE, room, "%q has %z numbers that are not zero, and the values have room for %z", smash__name(t), smash__not_zero(t, n), room);
    mask = (uint8_t *)bitmask->data;
    switch (smash_dtype_bits(t->dtype)) {
    case 8:  smash__squeeze8((const uint8_t *)t->data, n, mask, (uint8_t *)values->data); break;
    case 16: smash__squeeze16((const uint16_t *)t->data, n, mask, (uint16_t *)values->data); break;
    case 32: smash__squeeze32((const uint32_t *)t->data, n, mask, (uint32_t *)values->data); break;
    default: smash__squeeze64((const uint64_t *)t->data, n, mask, (uint64_t *)values->data);
    }
    return SMASH_OK;
}

SMASH__DEF smash_err smash_sparse_unpack(smash_ctx *ctx, const smash_tensor *bitmask, const smash_tensor *values, const smash_tensor *t)
{
    size_t n, nonzero, i, bits = 0;
    const uint8_t *mask;
    SMASH__TRY(smash__check_sparse(ctx, t, bitmask, values, 0, &n, &nonzero));
    SMASH__TRY(smash__read_bits(ctx, bitmask, "bitmask", n));
    mask = (const uint8_t *)bitmask->data;
    for (i = 0; i < n; i++) bits += mask[i / 8] >> i % 8 & 1;
    if (bits != nonzero) return SMASH__FAIL(ctx, SMASH_ERR_SHAPE, bits, "the bitmask of %q stands for %z numbers, and there are %z", smash__name(t), bits, nonzero);
    switch (smash_dtype_bits(t->dtype)) {
    case 8:  smash__spread_out8(mask, n, (const uint8_t *)values->data, (uint8_t *)t->data); break;
    case 16: smash__spread_out16(mask, n, (const uint16_t *)values->data, (uint16_t *)t->data); break;
    case 32: smash__spread_out32(mask, n, (const uint32_t *)values->data, (uint32_t *)t->data); break;
    default: smash__spread_out64(mask, n, (const uint64_t *)values->data, (uint64_t *)t->data);
    }
    return SMASH_OK;
}

/* What the other layouts take: whatever lies in whole bytes, or in halves or quarters of one */
#define SMASH__PARTS_OF (~(SMASH__BIT(SMASH_DTYPE_NONE) | SMASH__BIT(SMASH_F6_E2M3) | SMASH__BIT(SMASH_F6_E3M2) | SMASH__BIT(SMASH_C64)))

/* 1 if one of n numbers has a bit that is not 0 */
SMASH__FN int smash__any_bit(const smash_tensor *t, size_t first, size_t n)
{
    const size_t width = smash_dtype_bits(t->dtype) / 8;
    const unsigned char *p = (const unsigned char *)t->data + first * width;
    int negative;
    size_t i;
    for (i = 0; i < n * width; i++) if (p[i]) return 1;
    for (i = 0; i < n && !width; i++) if (smash__get_int(t, first + i, &negative)) return 1;
    return 0;
}

/* n numbers, to another tensor of the same dtype */
SMASH__FN void smash__move(const smash_tensor *to, size_t at, const smash_tensor *from, size_t first, size_t n)
{
    const size_t width = smash_dtype_bits(to->dtype) / 8;
    int negative;
    size_t i;
    if (width) smash__copy((unsigned char *)to->data + at * width, (const unsigned char *)from->data + first * width, n * width);
    for (i = 0; i < n && !width; i++) {
        const uint64_t magnitude = smash__get_int(from, first + i, &negative);
        smash__set_int(to, at + i, magnitude, negative);
    }
}

/* All of t, which was checked: packed numbers are then put into bytes without anything behind the last one */
SMASH__FN void smash__clear(const smash_tensor *t)
{
    size_t bytes = 0;
    (void)smash_tensor_bytes(t, &bytes);
    smash__fill(t->data, 0, bytes);
}

/* A tensor to be given data; its shape fits, as it is part of one that does */
SMASH__FN smash_tensor smash__part_of(smash_dtype dtype, uint32_t ndim, const size_t *shape)
{
    smash_tensor part = smash_tensor_view(dtype, NULL, 0, ndim, shape);
    (void)smash_tensor_bytes(&part, &part.bytes);
    return part;
}

/* ---- public: N:M ---- */

typedef struct smash__nm {
    size_t n, m, length, kept, inner;    /* kept: of `length` numbers along the axis */
    size_t lines, groups;                /* groups along the axis, and all of them */
    size_t shape[SMASH_MAX_DIMS];        /* of the values */
    smash_dtype places;
} smash__nm;

SMASH__FN smash_err smash__nm_layout(smash_ctx *ctx, uint32_t n, uint32_t m, uint32_t axis, const smash_tensor *t, int access, smash__nm *l)
{
    size_t count;
    uint32_t i;
    SMASH__TRY(smash__check(ctx, t, "tensor", SMASH__PARTS_OF, access, &count));
    if (m < 2 || m > 256) return SMASH__FAIL(ctx, SMASH_ERR_RANGE, m, "groups of %u numbers: they have 2 to 256", m);
    if (n < 1 || n > m) return SMASH__FAIL(ctx, SMASH_ERR_RANGE, n, "%u of each %u numbers: at least 1 and at most all of them stay", n, m);
    if (axis >= t->ndim) return SMASH__FAIL(ctx, SMASH_ERR_RANGE, axis, "%q has %u dim%s, so there is no axis %u to group along", smash__name(t), t->ndim, smash__plural(t->ndim), axis);
    l->n = n;
    l->m = m;
    l->length = t->shape[axis];
    l->kept = l->length / m * n + smash__min(n, l->length % m);
    l->lines = l->length / m + (l->length % m != 0);
    for (i = 0; i < t->ndim; i++) l->shape[i] = i == axis ? l->kept : t->shape[i];
    l->places = m <= 4 ? SMASH_U2 : m <= 16 ? SMASH_U4 : SMASH_U8;
    for (i = axis + 1, l->inner = 1; i < t->ndim && count; i++) l->inner *= t->shape[i];
    l->groups = count ? count / l->length * l->lines : 0;
    return SMASH_OK;
}

/* Group number g, in memory order: its numbers are `first` and every `inner` after it, and so are its places from `at` on. How many there are */
SMASH__FN size_t smash__nm_group(const smash__nm *l, size_t g, size_t *first, size_t *at)
{
    const size_t column = g % l->inner, line = g / l->inner % l->lines, outer = g / l->inner / l->lines;
    *first = (outer * l->length + line * l->m) * l->inner + column;
    *at = (outer * l->kept + line * l->n) * l->inner + column;
    return smash__min(l->m, l->length - line * l->m);
}

SMASH__FN smash_err smash__nm_parts(smash_ctx *ctx, const smash__nm *l, const smash_tensor *t, const smash_tensor *values, const smash_tensor *places, int access)
{
    SMASH__TRY(smash__check(ctx, values, "values", SMASH__BIT(t->dtype), access, NULL));
    SMASH__TRY(smash__check_shape(ctx, values, "values", t->ndim, l->shape));
    SMASH__TRY(smash__check(ctx, places, "places", SMASH__BIT(l->places), access, NULL));
    SMASH__TRY(smash__check_shape(ctx, places, "places", t->ndim, l->shape));
    return SMASH_OK;
}

SMASH__FN smash_err smash__nm_apart(smash_ctx *ctx, const smash_tensor *t, const smash_tensor *values, const smash_tensor *places)
{
    SMASH__TRY(smash__check_apart(ctx, t, values));
    SMASH__TRY(smash__check_apart(ctx, t, places));
    return smash__check_apart(ctx, values, places);
}

SMASH__DEF smash_err smash_sparse_shape_nm(smash_ctx *ctx, uint32_t n, uint32_t m, uint32_t axis, const smash_tensor *t, smash_tensor *values, smash_tensor *places)
{
    smash__nm l;
    if (!values || !places) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "no place for the shapes of values and places");
    SMASH__TRY(smash__nm_layout(ctx, n, m, axis, t, SMASH__SHAPE_ONLY, &l));
    *places = smash__part_of(l.places, t->ndim, l.shape);
    *values = smash__part_of(t->dtype, t->ndim, l.shape);
    return SMASH_OK;
}

SMASH__DEF smash_err smash_sparse_pack_nm(smash_ctx *ctx, uint32_t n, uint32_t m, uint32_t axis, const smash_tensor *t, const smash_tensor *values, const smash_tensor *places)
{
    smash__nm l;
    size_t g, i, size, first, at, left;
    SMASH__TRY(smash__nm_layout(ctx, n, m, axis, t, SMASH__READ, &l));
    SMASH__TRY(smash__nm_parts(ctx, &l, t, values, places, SMASH__WRITE));
    SMASH__TRY(smash__nm_apart(ctx, t, values, places));
    for (g = 0; g < l.groups; g++) {
        size = smash__nm_group(&l, g, &first, &at);
        for (i = left = 0; i < size; i++) left += smash__any_bit(t, first + i * l.inner, 1) != 0;
        if (left > n)
            return SMASH__FAIL(ctx, SMASH_ERR_RANGE, first, "%z of the %z numbers of %q from number %z on, along axis %u, are not zero; %u of each %u may be", left, size, smash__name(t), first, axis, n, m);
    }
    smash__clear(values);
    smash__clear(places);
    for (g = 0; g < l.groups; g++) {
        size_t spare;
        size = smash__nm_group(&l, g, &first, &at);
        spare = smash__min(n, size);
        for (i = 0; i < size; i++) spare -= smash__any_bit(t, first + i * l.inner, 1) != 0;
        for (i = 0; i < size; i++, first += l.inner) {
            if (!smash__any_bit(t, first, 1)) {
                if (!spare) continue;
                spare--;
            }
            smash__move(values, at, t, first, 1);
            smash__set_int(places, at, i, 0);
            at += l.inner;
        }
    }
    return SMASH_OK;
}

SMASH__FN smash_err smash__nm_check(smash_ctx *ctx, const smash__nm *l, const smash_tensor *t, const smash_tensor *values, const smash_tensor *places)
{
    size_t g, k, size, first, at;
    int negative;
    SMASH__TRY(smash__nm_parts(ctx, l, t, values, places, SMASH__READ));
    for (g = 0; g < l->groups; g++) {
        size_t from = 0;
        size = smash__nm_group(l, g, &first, &at);
        for (k = 0; k < smash__min(l->n, size); k++, at += l->inner) {
            const size_t place = (size_t)smash__get_int(places, at, &negative);
            if (place < from || place >= size)
                return SMASH__FAIL(ctx, SMASH_ERR_FORMAT, at, "place %z of %q is %z; it must be %z or more, as places ascend, and less than %z", at, smash__name(t), place, from, size);
            from = place + 1;
        }
    }
    return SMASH_OK;
}

SMASH__DEF smash_err smash_sparse_check_nm(smash_ctx *ctx, uint32_t n, uint32_t m, uint32_t axis, const smash_tensor *t, const smash_tensor *values, const smash_tensor *places)
{
    smash__nm l;
    SMASH__TRY(smash__nm_layout(ctx, n, m, axis, t, SMASH__SHAPE_ONLY, &l));
    return smash__nm_check(ctx, &l, t, values, places);
}

SMASH__DEF smash_err smash_sparse_unpack_nm(smash_ctx *ctx, uint32_t n, uint32_t m, uint32_t axis, const smash_tensor *values, const smash_tensor *places, const smash_tensor *t)
{
    smash__nm l;
    size_t g, k, size, first, at;
    int negative;
    SMASH__TRY(smash__nm_layout(ctx, n, m, axis, t, SMASH__WRITE, &l));
    SMASH__TRY(smash__nm_check(ctx, &l, t, values, places));
    SMASH__TRY(smash__nm_apart(ctx, t, values, places));
    smash__clear(t);
    for (g = 0; g < l.groups; g++) {
        size = smash__nm_group(&l, g, &first, &at);
        for (k = 0; k < smash__min(n, size); k++, at += l.inner)
            smash__move(t, first + (size_t)smash__get_int(places, at, &negative) * l.inner, values, at, 1);
    }
    return SMASH_OK;
}

/* ---- public: rows of blocks ---- */

typedef struct smash__bsr {
    smash_grid  grid;
    size_t      rows, columns;           /* of blocks */
    size_t      run;                     /* numbers of a block in one piece */
    smash_dtype index;
} smash__bsr;

SMASH__FN smash_err smash__bsr_layout(smash_ctx *ctx, const smash_grain *grain, const smash_tensor *t, int access, smash__bsr *l)
{
    uint32_t axes;
    SMASH__TRY(smash__check(ctx, t, "tensor", SMASH__PARTS_OF, access, NULL));
    SMASH__TRY(smash__mask_grid(ctx, grain, t, &l->grid));
    if (l->grid.blocks > UINT32_MAX) return SMASH__FAIL(ctx, SMASH_ERR_LIMIT, l->grid.blocks, "%q has %z blocks; an index is a number of 32 bits", smash__name(t), l->grid.blocks);
    l->rows = t->ndim ? l->grid.count[0] : 1;
    l->columns = l->grid.blocks / l->rows;
    l->run = smash__grid_run(&l->grid, &axes);
    l->index = l->grid.blocks <= 0xFFFFu ? SMASH_U16 : SMASH_U32;
    return SMASH_OK;
}

/* Number `inside` of a block, as number of the tensor */
SMASH__FN size_t smash__bsr_number(const smash_grid *grid, size_t block, size_t inside)
{
    size_t number = 0, stride = 1;
    uint32_t i = grid->ndim;
    while (i--) {
        number += (block % grid->count[i] * grid->block[i] + inside % grid->block[i]) * stride;
        stride *= grid->count[i] * grid->block[i];
        block /= grid->count[i];
        inside /= grid->block[i];
    }
    return number;
}

SMASH__FN int smash__bsr_stays(const smash__bsr *l, const smash_tensor *t, size_t block)
{
    size_t i;
    for (i = 0; i < l->grid.block_elements; i += l->run) if (smash__any_bit(t, smash__bsr_number(&l->grid, block, i), l->run)) return 1;
    return 0;
}

SMASH__FN size_t smash__bsr_count(const smash__bsr *l, const smash_tensor *t)
{
    size_t block, kept = 0;
    for (block = 0; block < l->grid.blocks; block++) kept += smash__bsr_stays(l, t, block) != 0;
    return kept;
}

SMASH__FN smash_err smash__bsr_parts(smash_ctx *ctx, const smash__bsr *l, const smash_tensor *t, const smash_tensor *rows, const smash_tensor *columns, const smash_tensor *values, int access, size_t *kept)
{
    size_t shape[2];
    shape[0] = l->rows + 1;
    SMASH__TRY(smash__check(ctx, rows, "rows", SMASH__BIT(l->index), access, NULL));
    SMASH__TRY(smash__check_shape(ctx, rows, "rows", 1, shape));
    SMASH__TRY(smash__check(ctx, columns, "columns", SMASH__BIT(l->index), access, kept));
    shape[0] = *kept;
    shape[1] = l->grid.block_elements;
    SMASH__TRY(smash__check_shape(ctx, columns, "columns", 1, shape));
    SMASH__TRY(smash__check(ctx, values, "values", SMASH__BIT(t->dtype), access, NULL));
    return smash__check_shape(ctx, values, "values", 2, shape);
}

SMASH__FN smash_err smash__bsr_apart(smash_ctx *ctx, const smash_tensor *t, const smash_tensor *rows, const smash_tensor *columns, const smash_tensor *values)
{
    SMASH__TRY(smash__nm_apart(ctx, t, rows, columns));
    SMASH__TRY(smash__check_apart(ctx, rows, values));
    SMASH__TRY(smash__check_apart(ctx, columns, values));
    return smash__check_apart(ctx, t, values);
}

SMASH__DEF smash_err smash_sparse_shape_bsr(smash_ctx *ctx, const smash_grain *grain, const smash_tensor *t, smash_tensor *rows, smash_tensor *columns, smash_tensor *values)
{
    smash__bsr l;
    size_t shape[2];
    if (!rows || !columns || !values) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "no place for the shapes of rows, columns and values");
    SMASH__TRY(smash__bsr_layout(ctx, grain, t, SMASH__READ, &l));
    shape[0] = smash__bsr_count(&l, t);
    shape[1] = l.grid.block_elements;
    *values = smash__part_of(t->dtype, 2, shape);
    *columns = smash__part_of(l.index, 1, shape);
    shape[0] = l.rows + 1;
    *rows = smash__part_of(l.index, 1, shape);
    return SMASH_OK;
}

SMASH__DEF smash_err smash_sparse_pack_bsr(smash_ctx *ctx, const smash_grain *grain, const smash_tensor *t, const smash_tensor *rows, const smash_tensor *columns, const smash_tensor *values)
{
    smash__bsr l;
    size_t room, left, block, kept = 0, i;
    SMASH__TRY(smash__bsr_layout(ctx, grain, t, SMASH__READ, &l));
    SMASH__TRY(smash__bsr_parts(ctx, &l, t, rows, columns, values, SMASH__WRITE, &room));
    SMASH__TRY(smash__bsr_apart(ctx, t, rows, columns, values));
    left = smash__bsr_count(&l, t);
    if (left != room) return SMASH__FAIL(ctx, SMASH_ERR_SHAPE, room, "%q has %z blocks that are not zero, and the columns have room for %z", smash__name(t), left, room);
    smash__clear(values);
    for (block = 0; block < l.grid.blocks; block++) {
        if (block % l.columns == 0) smash__set_int(rows, block / l.columns, kept, 0);
        if (!smash__bsr_stays(&l, t, block)) continue;
        for (i = 0; i < l.grid.block_elements; i += l.run)
            smash__move(values, kept * l.grid.block_elements + i, t, smash__bsr_number(&l.grid, block, i), l.run);
        smash__set_int(columns, kept++, block % l.columns, 0);
    }
    smash__set_int(rows, l.rows, kept, 0);
    return SMASH_OK;
}

SMASH__FN smash_err smash__bsr_check(smash_ctx *ctx, const smash__bsr *l, const smash_tensor *t, const smash_tensor *rows, const smash_tensor *columns, const smash_tensor *values)
{
    size_t kept, row, k, begin, end = 0;
    int negative;
    SMASH__TRY(smash__bsr_parts(ctx, l, t, rows, columns, values, SMASH__READ, &kept));
    for (row = 0; row <= l->rows; row++) {                               /* all of them before the first column is looked at */
        begin = end;
        end = (size_t)smash__get_int(rows, row, &negative);
        if (end < begin || end > kept || (row == 0 && end) || (row == l->rows && end != kept))
            return SMASH__FAIL(ctx, SMASH_ERR_FORMAT, row, "row %z of %q begins at block %z of %z; rows begin at 0, never go back and end at the last block", row, smash__name(t), end, kept);
    }
    for (row = 0, end = 0; row < l->rows; row++) {
        size_t from = 0;
        for (k = end, end = (size_t)smash__get_int(rows, row + 1, &negative); k < end; k++) {
            const size_t column = (size_t)smash__get_int(columns, k, &negative);
            if (column < from || column >= l->columns)
                return SMASH__FAIL(ctx, SMASH_ERR_FORMAT, k, "block %z of %q is in column %z; it must be %z or more, as columns ascend, and less than %z", k, smash__name(t), column, from, l->columns);
            from = column + 1;
        }
    }
    return SMASH_OK;
}

SMASH__DEF smash_err smash_sparse_check_bsr(smash_ctx *ctx, const smash_grain *grain, const smash_tensor *t, const smash_tensor *rows, const smash_tensor *columns, const smash_tensor *values)
{
    smash__bsr l;
    SMASH__TRY(smash__bsr_layout(ctx, grain, t, SMASH__SHAPE_ONLY, &l));
    return smash__bsr_check(ctx, &l, t, rows, columns, values);
}

SMASH__DEF smash_err smash_sparse_unpack_bsr(smash_ctx *ctx, const smash_grain *grain, const smash_tensor *rows, const smash_tensor *columns, const smash_tensor *values, const smash_tensor *t)
{
    smash__bsr l;
    size_t row, k, end = 0, i;
    int negative;
    SMASH__TRY(smash__bsr_layout(ctx, grain, t, SMASH__WRITE, &l));
    SMASH__TRY(smash__bsr_check(ctx, &l, t, rows, columns, values));
    SMASH__TRY(smash__bsr_apart(ctx, t, rows, columns, values));
    smash__clear(t);
    for (row = 0; row < l.rows; row++)
        for (k = end, end = (size_t)smash__get_int(rows, row + 1, &negative); k < end; k++) {
            const size_t block = row * l.columns + (size_t)smash__get_int(columns, k, &negative);
            for (i = 0; i < l.grid.block_elements; i += l.run)
                smash__move(t, smash__bsr_number(&l.grid, block, i), values, k * l.grid.block_elements + i, l.run);
        }
    return SMASH_OK;
}
#undef SMASH__PARTS_OF
#undef SMASH__MASKS
#endif
#if !SMASH_NO_QUANT
/*==================================================================================================
 * MARK: - Quantization, implementation                                                   >>quant-impl
 *================================================================================================*/

enum { SMASH__QUANT_PARTS = 32,         /* pieces a tensor is cut into for threads where there is no memory for one note per chunk */
       SMASH__QUANT_STAGE = 256 };      /* bytes of a buffer on the stack that packed integers and half floats pass through */


    #define SMASH__QUANT_INTS (SMASH__BIT(SMASH_I8) | SMASH__BIT(SMASH_U8) | SMASH__BIT(SMASH_I16) | SMASH__BIT(SMASH_U16) | SMASH__BIT(SMASH_I32) | SMASH__PACKED_INTS)

/* ---- the grid of a desc ---- */

typedef struct smash__levels {
    int32_t qmin, qmax, zero;           /* zero: the zero point where none is given */
    int affine;
    const smash_grain *grain;
} smash__levels;

SMASH__FN smash_err smash__quant_levels(smash_ctx *ctx, const smash_quant_desc *desc, smash__levels *levels)
{
    static const smash_quant_desc standard = SMASH_ZERO;
    uint32_t bits;
    smash__fill(levels, 0, sizeof *levels);
    if (!SMASH__DESC_OK(desc)) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the quantization desc was not initialised; start it with SMASH_ZERO");
    if (!desc) desc = &standard;
    if ((unsigned)desc->scheme > SMASH_AFFINE)
        return SMASH__FAIL(ctx, SMASH_ERR_ARG, (size_t)desc->scheme, "there is no quantization scheme %u", (uint32_t)desc->scheme);
    bits = desc->bits ? desc->bits : 8;
    if (bits < 2 || bits > 16) return SMASH__FAIL(ctx, SMASH_ERR_RANGE, bits, "%u bits asked for; a grid has 2 to 16, and 0 stands for 8", bits);
    levels->qmin = desc->is_unsigned ? 0 : 1 - (1 << (bits - 1));
    levels->qmax = desc->is_unsigned ? (1 << bits) - 1 : (1 << (bits - 1)) - 1;
    levels->affine = desc->scheme == SMASH_AFFINE;
    levels->zero = levels->affine ? 0 : (levels->qmin + levels->qmax + 1) / 2;
    levels->grain = &desc->grain;
    return SMASH_OK;
}

/* lo <= 0 <= hi; zero may be NULL */
SMASH__FN void smash__quant_params_of(const smash__levels *levels, float lo, float hi, float *scale, int32_t *zero)
{
    const float least = 1.1920928955078125e-7f;                      /* FLT_EPSILON */
    float steps = (float)(levels->qmax - levels->qmin), s, width = hi - lo, reach;
    int32_t z = levels->zero;
    if (!levels->affine)              s = (hi > -lo ? hi : -lo) / (steps / 2.0f);
    else if (smash_is_finite(width))  s = width / steps;
    else                              s = hi / steps - lo / steps;   /* the width is beyond float, the step is not */
    if (!(s > least)) s = least;
    if (levels->affine) {
        const int32_t down = smash_round_half_even(lo / s);          /* beside a NaN, which is found later, lo / s may be -Inf */
        z = down < levels->qmin - levels->qmax ? levels->qmax : levels->qmin - down;
    }
    reach = (float)(levels->qmax - z > z - levels->qmin ? levels->qmax - z : z - levels->qmin);
    if (!smash_is_finite(reach * s)) s = smash__float32(smash__bits32(s) - 1);      /* near FLT_MAX: the ends must read back as numbers */
    *scale = s;
    if (zero) *zero = z;
}

/* ---- kernels ---- */

/* Bits of a float as an integer that orders like the number, with NaN beyond Inf at either end; its own inverse. */
SMASH__INLINE int32_t smash__float_key(uint32_t bits) { return (int32_t)(bits ^ ((uint32_t)0 - (bits >> 31)) >> 1); }

typedef struct smash__range { int32_t lo, hi; } smash__range;        /* as float keys; starts at 0, 0: every grid holds 0 */

SMASH__INLINE void smash__range_add(smash__range *r, float x)
{
    int32_t key = smash__float_key(smash__bits32(x));
    r->lo = key < r->lo ? key : r->lo;
    r->hi = key > r->hi ? key : r->hi;
}

SMASH__INLINE void smash__range_fold(int32_t *lo, int32_t *hi, size_t width)
{
    size_t i;
    for (i = 0; i < width; i++) lo[i] = lo[i + width] < lo[i] ? lo[i + width] : lo[i];
    for (i = 0; i < width; i++) hi[i] = hi[i + width] > hi[i] ? hi[i + width] : hi[i];
}

SMASH__INLINE void smash__range_tiles_body(const float *SMASH__RESTRICT x, size_t tiles, smash__range *SMASH__RESTRICT r)
{
    int32_t lo[SMASH__TILE], hi[SMASH__TILE];
    size_t t, i;
    for (i = 0; i < SMASH__TILE; i++) { lo[i] = r->lo; hi[i] = r->hi; }
    for (t = 0; t < tiles; t++, x += SMASH__TILE) {
        SMASH__PREFETCH((const void *)((uintptr_t)x + 4096));
        SMASH__PREFETCH((const void *)((uintptr_t)x + 4160));
        for (i = 0; i < SMASH__TILE; i++) {
            int32_t key = smash__float_key(smash__bits32(x[i]));
            lo[i] = key < lo[i] ? key : lo[i];
            hi[i] = key > hi[i] ? key : hi[i];
        }
    }
    smash__range_fold(lo, hi, 16);
    smash__range_fold(lo, hi, 8);
    smash__range_fold(lo, hi, 4);
    smash__range_fold(lo, hi, 2);
    smash__range_fold(lo, hi, 1);
    r->lo = lo[0];
    r->hi = hi[0];
}
SMASH__KERNEL(smash__range_tiles, (const float *SMASH__RESTRICT x, size_t tiles, smash__range *SMASH__RESTRICT r), (x, tiles, r))

/* half_even(clamp(zero + x/scale)). After adding 1.5 * 2^23 the low bits of a float are the rounded integer. Rounding
 * keeps the order and the ends of the grid are integers, so the clamp may come last, on the bits: floats of one sign
 * order like their bits, and a sum that went below zero is a negative integer. Bit 31 of *seen: NaN or Inf was there. */
enum { SMASH__MAGIC = 0x4B400000 };
typedef struct smash__affine { float scale, zero; int32_t bottom, top; } smash__affine;     /* bottom, top: SMASH__MAGIC + qmin, qmax */

#define SMASH__QUANTIZE_STEP(x, scale, zero) do { \
    float u = (x) / (scale); \
    u = (zero) + u; \
    r = (int32_t)smash__bits32(u + 12582912.0f); \
    r = r > bottom ? r : bottom; \
    r = r < top ? r : top; \
    all |= (smash__bits32(x) & 0x7FFFFFFFu) + 0x00800000u; \
} while (0)

#define SMASH__QUANTIZE_KERNEL(name, type) \
    SMASH__INLINE void name##_body(const float *SMASH__RESTRICT x, type *SMASH__RESTRICT q, size_t tiles, \
                                   const smash__affine *SMASH__RESTRICT a, uint32_t *SMASH__RESTRICT seen) \
    { \
        const float scale = a->scale, zero = a->zero; \
        const int32_t bottom = a->bottom, top = a->top; \
        uint32_t all = 0; \
        size_t t, i; \
        for (t = 0; t < tiles; t++, x += SMASH__TILE, q += SMASH__TILE) { \
            SMASH__PREFETCH((const void *)((uintptr_t)x + 4096)); \
            SMASH__PREFETCH((const void *)((uintptr_t)x + 4160)); \
            for (i = 0; i < SMASH__TILE; i++) { \
                int32_t r; \
                SMASH__QUANTIZE_STEP(x[i], scale, zero); \
                q[i] = (type)((uint32_t)r - (uint32_t)SMASH__MAGIC); \
            } \
        } \
        *seen |= all; \
    } \
    SMASH__KERNEL(name, (const float *SMASH__RESTRICT x, type *SMASH__RESTRICT q, size_t tiles, const smash__affine *SMASH__RESTRICT a, \
                         uint32_t *SMASH__RESTRICT seen), (x, q, tiles, a, seen))
SMASH__QUANTIZE_KERNEL(smash__quantize_8, uint8_t)
SMASH__QUANTIZE_KERNEL(smash__quantize_16, uint16_t)
SMASH__QUANTIZE_KERNEL(smash__quantize_32, uint32_t)

/* One tile where every number has its own scale and zero point: q comes in as the zero points. */
SMASH__INLINE void smash__quantize_tile_body(const float *SMASH__RESTRICT x, const float *SMASH__RESTRICT scale,
                                             int32_t *SMASH__RESTRICT q, int32_t bottom, int32_t top, uint32_t *SMASH__RESTRICT seen)
{
    uint32_t all = 0;
    size_t i;
    for (i = 0; i < SMASH__TILE; i++) {
        int32_t r;
        SMASH__QUANTIZE_STEP(x[i], scale[i], (float)q[i]);
        q[i] = r - SMASH__MAGIC;
    }
    *seen |= all;
}
SMASH__KERNEL(smash__quantize_tile, (const float *SMASH__RESTRICT x, const float *SMASH__RESTRICT scale, int32_t *SMASH__RESTRICT q,
                                    int32_t bottom, int32_t top, uint32_t *SMASH__RESTRICT seen), (x, scale, q, bottom, top, seen))
#undef SMASH__QUANTIZE_KERNEL
#undef SMASH__QUANTIZE_STEP

#define SMASH__DEQUANTIZE_KERNEL(name, type) \
    SMASH__INLINE void name##_body(const type *SMASH__RESTRICT q, float *SMASH__RESTRICT x, size_t tiles, float scale, int32_t zero) \
    { \
        size_t t, i; \
        for (t = 0; t < tiles; t++, q += SMASH__TILE, x += SMASH__TILE) { \
            SMASH__PREFETCH((const void *)((uintptr_t)q + 4096)); \
            for (i = 0; i < SMASH__TILE; i++) x[i] = (float)((int32_t)q[i] - zero) * scale; \
        } \
    } \
    SMASH__KERNEL(name, (const type *SMASH__RESTRICT q, float *SMASH__RESTRICT x, size_t tiles, float scale, int32_t zero), \
                  (q, x, tiles, scale, zero))
SMASH__DEQUANTIZE_KERNEL(smash__dequantize_i8, int8_t)
SMASH__DEQUANTIZE_KERNEL(smash__dequantize_u8, uint8_t)
SMASH__DEQUANTIZE_KERNEL(smash__dequantize_i16, int16_t)
SMASH__DEQUANTIZE_KERNEL(smash__dequantize_u16, uint16_t)
#undef SMASH__DEQUANTIZE_KERNEL

SMASH__INLINE void smash__dequantize_tile_body(const int32_t *SMASH__RESTRICT q, const float *SMASH__RESTRICT scale,
                                               const int32_t *SMASH__RESTRICT zero, float *SMASH__RESTRICT x)
{
    size_t i;
    for (i = 0; i < SMASH__TILE; i++) x[i] = (float)(q[i] - zero[i]) * scale[i];
}
SMASH__KERNEL(smash__dequantize_tile, (const int32_t *SMASH__RESTRICT q, const float *SMASH__RESTRICT scale,
                                     const int32_t *SMASH__RESTRICT zero, float *SMASH__RESTRICT x), (q, scale, zero, x))

/* How many numbers lie half a step or more outside the grid, so that clipping them cost more than rounding does */
SMASH__INLINE void smash__clipped_body(const float *SMASH__RESTRICT x, size_t tiles, const smash__affine *SMASH__RESTRICT a,
    uint32_t *SMASH__RESTRICT count)
{
    const float scale = a->scale, zero = a->zero, low = (float)(a->bottom - SMASH__MAGIC) - 0.5f, high = (float)(a->top - SMASH__MAGIC) + 0.5f;
    uint32_t n = 0;
    size_t t, i;
    for (t = 0; t < tiles; t++, x += SMASH__TILE)
        for (i = 0; i < SMASH__TILE; i++) {
            float u = x[i] / scale;
            u = zero + u;
            n += (uint32_t)(u <= low) + (uint32_t)(u >= high);
        }
    *count += n;
}
SMASH__KERNEL(smash__clipped, (const float *SMASH__RESTRICT x, size_t tiles, const smash__affine *SMASH__RESTRICT a,
                              uint32_t *SMASH__RESTRICT count), (x, tiles, a, count))

/* Two numbers of this many bits, each in a byte, to one byte, the first one low; and back, with half = 2^(bits-1) to
 * extend the sign. Four 2-bit numbers are a pair of pairs. */
SMASH__INLINE void smash__pack_body(const uint8_t *SMASH__RESTRICT from, uint8_t *SMASH__RESTRICT to, size_t tiles, int bits)
{
    const int mask = (1 << bits) - 1;
    size_t t, i;
    for (t = 0; t < tiles; t++, from += SMASH__TILE, to += SMASH__TILE / 2)
        for (i = 0; i < SMASH__TILE / 2; i++) to[i] = (uint8_t)((from[2 * i] & mask) | (from[2 * i + 1] & mask) << bits);
}
SMASH__INLINE void smash__unpack_body(const uint8_t *SMASH__RESTRICT from, uint8_t *SMASH__RESTRICT to, size_t tiles, int bits, int half)
{
    const int mask = (1 << bits) - 1;
    size_t t, i;
    for (t = 0; t < tiles; t++, from += SMASH__TILE / 2, to += SMASH__TILE)
        for (i = 0; i < SMASH__TILE / 2; i++) {
            to[2 * i]     = (uint8_t)(((from[i] & mask) ^ half) - half);
            to[2 * i + 1] = (uint8_t)(((from[i] >> bits & mask) ^ half) - half);
        }
}
SMASH__KERNEL(smash__pack, (const uint8_t *SMASH__RESTRICT from, uint8_t *SMASH__RESTRICT to, size_t tiles, int bits), (from, to, tiles, bits))
SMASH__KERNEL(smash__unpack, (const uint8_t *SMASH__RESTRICT from, uint8_t *SMASH__RESTRICT to, size_t tiles, int bits, int half),
              (from, to, tiles, bits, half))

/* ---- a tensor and its scales, walked together ---- */

/* One of the three calls below at work. Pieces of the flat tensor start at multiples of SMASH__TILE, so a packed byte
 * never belongs to two of them. */
typedef struct smash__quant_job {
    const smash_tensor *x, *q;          /* the float side, the integer side */
    const float *scale;
    const int32_t *zero;                /* NULL: levels.zero everywhere */
    smash__levels levels;
    smash_grid grid;
    size_t count, part, step;           /* numbers; numbers of a part; multiples of this go through the kernels */
    int simd;
    unsigned char bad[SMASH__QUANT_PARTS];      /* quantize: the part met NaN or Inf */
    smash__sums *sums;                          /* measure: one per chunk */
} smash__quant_job;

typedef struct smash__cursor {
    const smash__quant_job *job;
    smash__walk walk;
    size_t left;                        /* numbers left of the current run */
} smash__cursor;

SMASH__FN void smash__cursor_start(smash__cursor *c, const smash__quant_job *job, size_t first)
{
    c->job = job;
    smash__walk_start(&c->walk, &job->grid);
    smash__walk_seek(&c->walk, first / c->walk.run);
    c->left = c->walk.run - first % c->walk.run;
}

SMASH__INLINE void smash__cursor_skip(smash__cursor *c, size_t n)
{
    c->left -= n;
    if (c->left == 0) { smash__walk_next(&c->walk); c->left = c->walk.run; }
}

SMASH__INLINE float smash__cursor_scale(const smash__cursor *c)  { return c->job->scale[c->walk.block]; }
SMASH__INLINE int32_t smash__cursor_zero(const smash__cursor *c) { return c->job->zero ? c->job->zero[c->walk.block] : c->job->levels.zero; }

SMASH__INLINE smash__affine smash__cursor_affine(const smash__cursor *c)
{
    smash__affine a;
    a.scale = smash__cursor_scale(c);
    a.zero = (float)smash__cursor_zero(c);
    a.bottom = SMASH__MAGIC + c->job->levels.qmin;
    a.top = SMASH__MAGIC + c->job->levels.qmax;
    return a;
}

/* Scale and zero point of each of the next n numbers; the rest of the tile gets 1 and 0. */
SMASH__FN void smash__cursor_take(smash__cursor *c, size_t n, float scale[SMASH__TILE], int32_t zero[SMASH__TILE])
{
    size_t i = 0, end;
    while (i < n) {
        float s = smash__cursor_scale(c);
        int32_t z = smash__cursor_zero(c);
        size_t some = smash__min(n - i, c->left);
        for (end = i + some; i < end; i++) { scale[i] = s; zero[i] = z; }
        smash__cursor_skip(c, some);
    }
    for (; i < SMASH__TILE; i++) { scale[i] = 1.0f; zero[i] = 0; }
}

/* n <= SMASH__TILE integers to and from the integer side */
SMASH__FN void smash__store_ints(const smash_tensor *t, size_t first, size_t n, const int32_t *v)
{
    unsigned bits = smash_dtype_bits(t->dtype), mask = (1u << bits % 32) - 1u, shift = 0, byte = 0;
    uint8_t *p;
    size_t i;
    switch (bits) {
    case 8:  for (i = 0; i < n; i++) ((uint8_t *)t->data)[first + i] = (uint8_t)(uint32_t)v[i]; return;
    case 16: for (i = 0; i < n; i++) ((uint16_t *)t->data)[first + i] = (uint16_t)(uint32_t)v[i]; return;
    case 32: for (i = 0; i < n; i++) ((int32_t *)t->data)[first + i] = v[i]; return;
    default:
        p = (uint8_t *)t->data + first / (8 / bits);
        for (i = 0; i < n; i++) {
            byte |= ((unsigned)v[i] & mask) << shift;
            shift += bits;
            if (shift == 8 || i + 1 == n) { *p++ = (uint8_t)byte; byte = shift = 0; }
        }
    }
}

SMASH__FN void smash__load_ints(const smash_tensor *t, size_t first, size_t n, int32_t *v)
{
    unsigned bits, per;
    int half, u;
    size_t i;
    switch (t->dtype) {
    case SMASH_I8:  for (i = 0; i < n; i++) v[i] = ((const int8_t *)t->data)[first + i]; return;
    case SMASH_U8:  for (i = 0; i < n; i++) v[i] = ((const uint8_t *)t->data)[first + i]; return;
    case SMASH_I16: for (i = 0; i < n; i++) v[i] = ((const int16_t *)t->data)[first + i]; return;
    case SMASH_U16: for (i = 0; i < n; i++) v[i] = ((const uint16_t *)t->data)[first + i]; return;
    case SMASH_I32: for (i = 0; i < n; i++) v[i] = ((const int32_t *)t->data)[first + i]; return;
    default:
        bits = smash_dtype_bits(t->dtype);
        per = 8 / bits;
        half = smash__dtype(t->dtype)->kind & SMASH__SIGNED ? 1 << (bits - 1) : 0;
        for (i = 0; i < n; i++) {
            u = ((const uint8_t *)t->data)[(first + i) / per] >> (first + i) % per * bits & ((1 << bits) - 1);
            v[i] = (u ^ half) - half;
        }
    }
}

/* What the three calls check: the two tensors, the grid, and every scale and zero point. */
SMASH__FN smash_err smash__quant_open(smash_ctx *ctx, const smash_quant_desc *desc, const smash_tensor *x, int x_access,
                                      const smash_tensor *q, int q_access, const smash_tensor *scale, const smash_tensor *zero, smash__quant_job *job)
{
    const smash_tensor *written = x_access == SMASH__WRITE ? x : q_access == SMASH__WRITE ? q : NULL;
    size_t i;
    smash__fill(job, 0, sizeof *job);
    SMASH__TRY(smash__quant_levels(ctx, desc, &job->levels));
    SMASH__TRY(smash__check(ctx, x, "float tensor", SMASH__FLOATS, x_access, &job->count));
    SMASH__TRY(smash__check(ctx, q, "integer tensor", SMASH__QUANT_INTS, q_access, NULL));
    SMASH__TRY(smash__check_shape(ctx, q, "integer tensor", x->ndim, x->shape));
    if (q_access == SMASH__WRITE) {
        uint32_t bits = smash_dtype_bits(q->dtype);
        int is_signed = smash__dtype(q->dtype)->kind & SMASH__SIGNED;
        if (is_signed ? job->levels.qmax >> (bits - 1) : job->levels.qmin < 0 || (bits < 32 && job->levels.qmax >> bits))
            return SMASH__FAIL(ctx, SMASH_ERR_DTYPE, (size_t)q->dtype, "integer tensor %q is %s, which cannot hold the grid %i..%i",
                               smash__name(q), smash_dtype_name(q->dtype), (int)job->levels.qmin, (int)job->levels.qmax);
    }
    SMASH__TRY(smash_grid_make(ctx, job->levels.grain, x, &job->grid));
    SMASH__TRY(smash__check(ctx, scale, "scale", SMASH__BIT(SMASH_F32), SMASH__READ, NULL));
    SMASH__TRY(smash__check_shape(ctx, scale, "scale", job->grid.ndim, job->grid.count));
    job->scale = (const float *)scale->data;
    if (zero) {
        SMASH__TRY(smash__check(ctx, zero, "zero point", SMASH__BIT(SMASH_I32), SMASH__READ, NULL));
        SMASH__TRY(smash__check_shape(ctx, zero, "zero point", job->grid.ndim, job->grid.count));
        job->zero = (const int32_t *)zero->data;
    }
    if (written) {
        SMASH__TRY(smash__check_apart(ctx, x, q));
        SMASH__TRY(smash__check_apart(ctx, scale, written));
        if (zero) SMASH__TRY(smash__check_apart(ctx, zero, written));
    }
    for (i = 0; i < job->grid.blocks; i++) {
        uint32_t bits = smash__bits32(job->scale[i]);
        if (!bits || bits > 0x7F7FFFFFu)                             /* with the sign in front, all that is below 0, too */
            return SMASH__FAIL(ctx, SMASH_ERR_RANGE, i, "scale %z of %q is not a finite number above 0", i, smash__name(scale));
        if (job->zero && (job->zero[i] < job->levels.qmin || job->zero[i] > job->levels.qmax))
            return SMASH__FAIL(ctx, SMASH_ERR_RANGE, i, "zero point %z of %q is %i, outside the grid %i..%i", i, smash__name(zero), (int)job->zero[i],
                               (int)job->levels.qmin, (int)job->levels.qmax);
    }
    job->x = x;
    job->q = q;
    job->step = smash_dtype_bits(q->dtype) == 2 ? 2 * SMASH__TILE : SMASH__TILE;      /* 2-bit numbers are packed twice */
    job->simd = smash__simd(ctx);
    return SMASH_OK;
}

/* Parts are whole chunks, at most SMASH__QUANT_PARTS of them. */
SMASH__FN size_t smash__quant_parts(size_t count, size_t *part)
{
    size_t chunks = count / SMASH__CHUNK + (count % SMASH__CHUNK != 0), each = chunks / SMASH__QUANT_PARTS + (chunks % SMASH__QUANT_PARTS != 0);
    *part = each * SMASH__CHUNK;
    return each ? chunks / each + (chunks % each != 0) : 0;
}

/* One piece found NaN or Inf; say which number it was. Rounded: f64 beyond the range of f32 counts, too. */
SMASH__FN smash_err smash__quant_nonfinite(smash_ctx *ctx, const smash_tensor *t, size_t count, int rounded)
{
    size_t i;
    for (i = 0; i + 1 < count; i++) {
        float x;
        if (SMASH__IS_F64(t->dtype)) {
            double wide = ((const double *)t->data)[i];
            if (!(rounded ? smash_is_finite((float)wide) : smash_is_finite_f64(wide))) break;
            continue;
        }
        smash__load_f32(t, i, 1, &x);
        if (!smash_is_finite(x)) break;
    }
    return SMASH__FAIL(ctx, SMASH_ERR_NONFINITE, i, "element %z of %q is %s; clean the data before quantizing it", i, smash__name(t),
                       rounded && t->dtype == SMASH_F64 ? "NaN, Inf or beyond the range of F32" : "NaN or Inf");
}

/* ---- limits and parameters ---- */

SMASH__DEF smash_err smash_quant_limits(smash_ctx *ctx, const smash_quant_desc *desc, int32_t *qmin, int32_t *qmax)
{
    smash__levels levels;
    if (!qmin || !qmax) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "no place for the limits");
    SMASH__TRY(smash__quant_levels(ctx, desc, &levels));
    *qmin = levels.qmin;
    *qmax = levels.qmax;
    return SMASH_OK;
}

SMASH__DEF smash_dtype smash_quant_dtype(const smash_quant_desc *desc)
{
    uint32_t bits = desc && desc->bits ? desc->bits : 8;
    uint32_t is_unsigned = desc ? desc->is_unsigned : 0;
    return bits < 2 || bits > 16 ? SMASH_DTYPE_NONE : smash__grid_dtype(bits, is_unsigned);
}

SMASH__DEF smash_err smash_quant_params(smash_ctx *ctx, const smash_quant_desc *desc, float lo, float hi, float *scale, int32_t *zero)
{
    smash__levels levels;
    if (!scale || !zero) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "no place for scale or zero point");
    SMASH__TRY(smash__quant_levels(ctx, desc, &levels));
    if (!smash_is_finite(lo) || !smash_is_finite(hi)) return SMASH__FAIL(ctx, SMASH_ERR_NONFINITE, 0, "the range to quantize is NaN or Inf");
    if (lo > hi) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the range to quantize has its minimum above its maximum");
    smash__quant_params_of(&levels, lo < 0 ? lo : 0, hi > 0 ? hi : 0, scale, zero);
    return SMASH_OK;
}

/* ---- fit ---- */

/* Blocks are cut into slices along the first axis that has several; a part is the same slices of every row of
 * slices, so parts never share a block. A single block is cut by elements instead. */
typedef struct smash__fit_job {
    const smash_tensor *w;
    float *scale;                       /* holds the minimum until the part is done; zero the maximum's bits */
    int32_t *zero;
    const smash_grid *grid;
    smash__levels levels;
    size_t count, rows, slices, part;   /* part: slices of a part, or numbers if there is one block */
    int simd;
    smash__range *range;                /* of each part */
} smash__fit_job;

SMASH__FN void smash__range_of(const smash__fit_job *job, size_t first, size_t n, smash__range *r)
{
    const smash_tensor *w = job->w;
    size_t i = 0, j;
    if (w->dtype == SMASH_F32) {
        const float *x = (const float *)w->data + first;
        if (n >= SMASH__TILE) {
            SMASH__CALL(job->simd, smash__range_tiles, (x, n / SMASH__TILE, r));
            i = n / SMASH__TILE * SMASH__TILE;
        }
        for (; i < n; i++) smash__range_add(r, x[i]);
    } else if (SMASH__IS_F64(w->dtype)) {
        const double *x = (const double *)w->data + first;
        for (; i < n; i++) smash__range_add(r, (float)x[i]);
    } else
        for (; i < n; i += SMASH__TILE) {
            float x[SMASH__TILE];
            size_t tile = smash__min(n - i, SMASH__TILE);
            smash__load_f32(w, first + i, tile, x);
            if (tile == SMASH__TILE) SMASH__CALL(job->simd, smash__range_tiles, (x, 1, r));
            else for (j = 0; j < tile; j++) smash__range_add(r, x[j]);
        }
}

SMASH__FN float smash__key_float(int32_t key) { return smash__float32((uint32_t)smash__float_key((uint32_t)key)); }

/* Until all its runs are seen, a block's scale holds the minimum and its zero the maximum's key; symmetric grids need
 * only the larger of the two, as a minimum. */
SMASH__FN void smash__fit_merge(const smash__fit_job *job, size_t block, const smash__range *r)
{
    float lo = smash__key_float(r->lo), hi = smash__key_float(r->hi);
    if (!job->levels.affine && hi > -lo) lo = -hi;
    if (lo < job->scale[block]) job->scale[block] = lo;
    if (job->levels.affine && r->hi > job->zero[block]) job->zero[block] = r->hi;
}

SMASH__FN void smash__fit_blocks(smash__fit_job *job, size_t part)
{
    smash__range *all = &job->range[part];
    smash__walk walk;
    size_t begin = part * job->part, end = smash__min(job->slices, begin + job->part), blocks = job->grid->blocks / job->slices;
    size_t per_slice, row, run, b;
    smash__walk_start(&walk, job->grid);
    per_slice = walk.runs / job->rows / job->slices;
    for (b = begin * blocks; b < end * blocks; b++) {
        job->scale[b] = 0;
        if (job->zero) job->zero[b] = 0;
    }
    for (row = 0; row < job->rows; row++) {
        smash__walk_seek(&walk, (row * job->slices + begin) * per_slice);
        for (run = (end - begin) * per_slice; run; run--, smash__walk_next(&walk)) {
            smash__range r = { 0, 0 };
            smash__range_of(job, walk.first, walk.run, &r);
            if (r.lo < all->lo) all->lo = r.lo;
            if (r.hi > all->hi) all->hi = r.hi;
            smash__fit_merge(job, walk.block, &r);
        }
    }
    for (b = begin * blocks; b < end * blocks; b++)
        smash__quant_params_of(&job->levels, job->scale[b], job->levels.affine ? smash__key_float(job->zero[b]) : 0.0f, &job->scale[b],
            job->zero ? &job->zero[b] : NULL);
}

SMASH__FN void smash__fit_part(void *arg, size_t part)
{
    smash__fit_job *job = (smash__fit_job *)arg;
    size_t begin = part * job->part;
    if (job->grid->blocks > 1) smash__fit_blocks(job, part);
    else smash__range_of(job, begin, smash__min(job->count - begin, job->part), &job->range[part]);
}

/* Run the parts; the range of everything */
SMASH__FN SMASH__NOINLINE smash__range smash__fit_run(smash_ctx *ctx, smash__fit_job *job, size_t parts)
{
    smash__range range[SMASH__QUANT_PARTS], all = { 0, 0 };
    size_t i;
    smash__fill(range, 0, sizeof range);
    job->range = range;
    smash__parallel(ctx, parts, smash__fit_part, job);
    for (i = 0; i < parts; i++) {
        if (range[i].lo < all.lo) all.lo = range[i].lo;
        if (range[i].hi > all.hi) all.hi = range[i].hi;
    }
    job->range = NULL;
    return all;
}

SMASH__DEF smash_err smash_quant_fit(smash_ctx *ctx, const smash_quant_desc *desc, const smash_tensor *w, const smash_tensor *scale,
    const smash_tensor *zero)
{
    smash__fit_job job;
    smash_grid grid;
    smash__range all;
    size_t parts;
    uint32_t axis = 0;
    smash__fill(&job, 0, sizeof job);
    SMASH__TRY(smash__quant_levels(ctx, desc, &job.levels));
    SMASH__TRY(smash__check(ctx, w, "float tensor", SMASH__FLOATS, SMASH__READ, &job.count));
    SMASH__TRY(smash_grid_make(ctx, job.levels.grain, w, &grid));
    SMASH__TRY(smash__check(ctx, scale, "scale", SMASH__BIT(SMASH_F32), SMASH__WRITE, NULL));
    SMASH__TRY(smash__check_shape(ctx, scale, "scale", grid.ndim, grid.count));
    SMASH__TRY(smash__check_apart(ctx, scale, w));
    if (zero || job.levels.affine) {
        SMASH__TRY(smash__check(ctx, zero, "zero point", SMASH__BIT(SMASH_I32), SMASH__WRITE, NULL));
        SMASH__TRY(smash__check_shape(ctx, zero, "zero point", grid.ndim, grid.count));
        SMASH__TRY(smash__check_apart(ctx, zero, w));
        SMASH__TRY(smash__check_apart(ctx, zero, scale));
        job.zero = (int32_t *)zero->data;
    }
    job.w = w;
    job.scale = (float *)scale->data;
    job.grid = &grid;
    job.simd = smash__simd(ctx);
    parts = smash__quant_parts(job.count, &job.part);
    if (grid.blocks > 1) {
        for (job.rows = 1; grid.count[axis] == 1; axis++) job.rows *= grid.block[axis];
        job.slices = grid.count[axis];
        if (!smash__ctx(ctx) || !ctx->parallel) parts = 1;           /* one reader had better go straight through */
        job.part = job.slices / parts + (job.slices % parts != 0);
        parts = job.slices / job.part + (job.slices % job.part != 0);
    }
    all = smash__fit_run(ctx, &job, parts);
    if (all.hi >= 0x7F800000 || all.lo <= -0x7F800001) return smash__quant_nonfinite(ctx, w, job.count, 1);
    if (grid.blocks == 1) smash__quant_params_of(&job.levels, smash__key_float(all.lo), smash__key_float(all.hi), job.scale, job.zero);
    return SMASH_OK;
}

/* ---- quantize ---- */

/* n numbers of one block, n a multiple of job->step, to a packed dtype by way of bytes */
SMASH__FN SMASH__NOINLINE void smash__quantize_packed(const smash__quant_job *job, const float *x, size_t first, size_t n,
    const smash__affine *a, uint32_t *seen)
{
    size_t per = 8 / smash_dtype_bits(job->q->dtype), tiles;
    uint8_t stage[SMASH__QUANT_STAGE], pairs[SMASH__QUANT_STAGE / 2], *to = (uint8_t *)job->q->data + first / per;
    for (; n; n -= tiles * SMASH__TILE, x += tiles * SMASH__TILE, to += tiles * SMASH__TILE / per) {
        tiles = smash__min(n, SMASH__QUANT_STAGE) / SMASH__TILE;
        SMASH__CALL(job->simd, smash__quantize_8, (x, stage, tiles, a, seen));
        if (per == 2) SMASH__CALL(job->simd, smash__pack, (stage, to, tiles, 4));
        else {
            SMASH__CALL(job->simd, smash__pack, (stage, pairs, tiles, 2));
            SMASH__CALL(job->simd, smash__pack, (pairs, to, tiles / 2, 4));
        }
    }
}

SMASH__FN void smash__quantize_block(const smash__quant_job *job, const float *x, size_t first, size_t n, const smash__affine *a, uint32_t *seen)
{
    switch (smash_dtype_bits(job->q->dtype)) {
    case 8:  SMASH__CALL(job->simd, smash__quantize_8, (x, (uint8_t *)job->q->data + first, n / SMASH__TILE, a, seen)); break;
    case 16: SMASH__CALL(job->simd, smash__quantize_16, (x, (uint16_t *)job->q->data + first, n / SMASH__TILE, a, seen)); break;
    case 32: SMASH__CALL(job->simd, smash__quantize_32, (x, (uint32_t *)job->q->data + first, n / SMASH__TILE, a, seen)); break;
    default: smash__quantize_packed(job, x, first, n, a, seen);
    }
}

SMASH__FN SMASH__NOINLINE void smash__quantize_halves(const smash__quant_job *job, size_t first, size_t n, const smash__affine *a, uint32_t *seen)
{
    float stage[SMASH__QUANT_STAGE / 4];
    size_t some;
    for (; n; n -= some, first += some) {
        some = smash__min(n, SMASH__QUANT_STAGE / 4);
        smash__load_f32(job->x, first, some, stage);
        smash__quantize_block(job, stage, first, some, a, seen);
    }
}

/* Up to a tile of numbers of any blocks */
SMASH__FN SMASH__NOINLINE void smash__quantize_few(smash__cursor *c, size_t first, size_t n, uint32_t *seen)
{
    const smash__quant_job *job = c->job;
    float x[SMASH__TILE], scale[SMASH__TILE];
    int32_t q[SMASH__TILE];
    size_t i;
    smash__cursor_take(c, n, scale, q);
    if (SMASH__IS_F64(job->x->dtype)) {                              /* the same in double */
        const double *wide = (const double *)job->x->data + first;
        for (i = 0; i < n; i++) {
            double t = wide[i] / (double)scale[i];
            t = (double)q[i] + t;
            t = t > (double)job->levels.qmin ? t : (double)job->levels.qmin;
            t = t < (double)job->levels.qmax ? t : (double)job->levels.qmax;
            q[i] = (int32_t)smash_round_half_even_f64(t);
            *seen |= (uint32_t)!smash_is_finite_f64(wide[i]) << 31;
        }
    } else {
        smash__load_f32(job->x, first, n, x);
        for (i = n; i < SMASH__TILE; i++) x[i] = 0;
        SMASH__CALL(job->simd, smash__quantize_tile, (x, scale, q, SMASH__MAGIC + job->levels.qmin, SMASH__MAGIC + job->levels.qmax, seen));
    }
    smash__store_ints(job->q, first, n, q);
}

SMASH__FN void smash__quantize_part(void *arg, size_t part)
{
    smash__quant_job *job = (smash__quant_job *)arg;
    size_t i = part * job->part, end = i + smash__min(job->count - i, job->part), n;
    uint32_t seen = 0;
    smash__cursor c;
    for (smash__cursor_start(&c, job, i); i < end; i += n) {
        n = smash__min(c.left, end - i) / job->step * job->step;
        if (n && job->x->dtype != SMASH_F64) {
            smash__affine a = smash__cursor_affine(&c);
            if (job->x->dtype == SMASH_F32) smash__quantize_block(job, (const float *)job->x->data + i, i, n, &a, &seen);
            else                            smash__quantize_halves(job, i, n, &a, &seen);
            smash__cursor_skip(&c, n);
        } else {
            n = smash__min(end - i, SMASH__TILE);
            smash__quantize_few(&c, i, n, &seen);
        }
    }
    job->bad[part] = (unsigned char)(seen >> 31);
}

SMASH__DEF smash_err smash_quantize(smash_ctx *ctx, const smash_quant_desc *desc, const smash_tensor *w, const smash_tensor *scale,
                                    const smash_tensor *zero, const smash_tensor *q)
{
    smash__quant_job job;
    size_t parts, i;
    SMASH__TRY(smash__quant_open(ctx, desc, w, SMASH__READ, q, SMASH__WRITE, scale, zero, &job));
    parts = smash__quant_parts(job.count, &job.part);
    smash__parallel(ctx, parts, smash__quantize_part, &job);
    for (i = 0; i < parts; i++) if (job.bad[i]) return smash__quant_nonfinite(ctx, w, job.count, 0);
    return SMASH_OK;
}

/* ---- dequantize ---- */

/* The same way back, to f32 */
SMASH__FN SMASH__NOINLINE void smash__dequantize_packed(const smash__quant_job *job, size_t first, size_t n, float scale, int32_t zero, float *x)
{
    size_t bits = smash_dtype_bits(job->q->dtype), per = 8 / bits, tiles;
    int half = smash__dtype(job->q->dtype)->kind & SMASH__SIGNED ? 1 << (bits - 1) : 0;
    uint8_t stage[SMASH__QUANT_STAGE], pairs[SMASH__QUANT_STAGE / 2];
    const uint8_t *from = (const uint8_t *)job->q->data + first / per;
    for (; n; n -= tiles * SMASH__TILE, x += tiles * SMASH__TILE, from += tiles * SMASH__TILE / per) {
        tiles = smash__min(n, SMASH__QUANT_STAGE) / SMASH__TILE;
        if (per == 2) SMASH__CALL(job->simd, smash__unpack, (from, stage, tiles, 4, half));
        else {
            SMASH__CALL(job->simd, smash__unpack, (from, pairs, tiles / 2, 4, 0));
            SMASH__CALL(job->simd, smash__unpack, (pairs, stage, tiles, 2, half));
        }
        SMASH__CALL(job->simd, smash__dequantize_i8, ((const int8_t *)stage, x, tiles, scale, zero));
    }
}

/* Not for I32: q - zero may need 33 bits there */
SMASH__FN void smash__dequantize_block(const smash__quant_job *job, size_t first, size_t n, float scale, int32_t zero, float *x)
{
    size_t tiles = n / SMASH__TILE;
    switch (job->q->dtype) {
    case SMASH_I8:  SMASH__CALL(job->simd, smash__dequantize_i8, ((const int8_t *)job->q->data + first, x, tiles, scale, zero)); break;
    case SMASH_U8:  SMASH__CALL(job->simd, smash__dequantize_u8, ((const uint8_t *)job->q->data + first, x, tiles, scale, zero)); break;
    case SMASH_I16: SMASH__CALL(job->simd, smash__dequantize_i16, ((const int16_t *)job->q->data + first, x, tiles, scale, zero)); break;
    case SMASH_U16: SMASH__CALL(job->simd, smash__dequantize_u16, ((const uint16_t *)job->q->data + first, x, tiles, scale, zero)); break;
    default: smash__dequantize_packed(job, first, n, scale, zero, x);
    }
}

/* The next numbers, up to a tile of any blocks, as floats, with their scales and zero points for whoever needs them */
SMASH__FN SMASH__NOINLINE void smash__dequantize_next(smash__cursor *c, size_t first, size_t n, float scale[SMASH__TILE],
    int32_t zero[SMASH__TILE], float x[SMASH__TILE])
{
    int32_t q[SMASH__TILE];
    size_t i;
    smash__cursor_take(c, n, scale, zero);
    smash__load_ints(c->job->q, first, n, q);
    if (c->job->q->dtype == SMASH_I32)
        for (i = 0; i < n; i++) x[i] = (float)((int64_t)q[i] - zero[i]) * scale[i];
    else {
        for (i = n; i < SMASH__TILE; i++) q[i] = 0;
        SMASH__CALL(c->job->simd, smash__dequantize_tile, (q, scale, zero, x));
    }
}

SMASH__FN SMASH__NOINLINE void smash__dequantize_few(smash__cursor *c, size_t first, size_t n)
{
    float x[SMASH__TILE], scale[SMASH__TILE];
    int32_t zero[SMASH__TILE];
    smash__dequantize_next(c, first, n, scale, zero, x);
    smash__store_f32(c->job->x, first, n, x);
}

SMASH__FN void smash__dequantize_part(void *arg, size_t part)
{
    smash__quant_job *job = (smash__quant_job *)arg;
    size_t i = part * job->part, end = i + smash__min(job->count - i, job->part), n;
    smash__cursor c;
    for (smash__cursor_start(&c, job, i); i < end; i += n) {
        n = smash__min(c.left, end - i) / job->step * job->step;
        if (n && job->x->dtype == SMASH_F32 && job->q->dtype != SMASH_I32) {
            smash__dequantize_block(job, i, n, smash__cursor_scale(&c), smash__cursor_zero(&c), (float *)job->x->data + i);
            smash__cursor_skip(&c, n);
        } else {
            n = smash__min(end - i, SMASH__TILE);
            smash__dequantize_few(&c, i, n);
        }
    }
}

SMASH__DEF smash_err smash_dequantize(smash_ctx *ctx, const smash_quant_desc *desc, const smash_tensor *q, const smash_tensor *scale,
                                      const smash_tensor *zero, const smash_tensor *x)
{
    smash__quant_job job;
    size_t parts;
    SMASH__TRY(smash__quant_open(ctx, desc, x, SMASH__WRITE, q, SMASH__READ, scale, zero, &job));
    parts = smash__quant_parts(job.count, &job.part);
    smash__parallel(ctx, parts, smash__dequantize_part, &job);
    return SMASH_OK;
}

/* ---- measure ---- */

#if !SMASH_NO_DOUBLE
/* n numbers of one block, f32, into the lanes of smash_tensor_distance */
SMASH__FN SMASH__NOINLINE void smash__measure_block(const smash__cursor *c, size_t first, size_t n, smash__lanes *lanes, uint32_t *clipped)
{
    const smash__quant_job *job = c->job;
    const float *w = (const float *)job->x->data + first;
    smash__affine a = smash__cursor_affine(c);
    float stage[SMASH__QUANT_STAGE / 4];
    size_t some;
    for (; n; n -= some, first += some, w += some) {
        some = smash__min(n, SMASH__QUANT_STAGE / 4);
        smash__dequantize_block(job, first, some, a.scale, smash__cursor_zero(c), stage);
        SMASH__CALL(job->simd, smash__distance_f32, (w, stage, some / SMASH__DISTANCE_LANES, lanes));
        SMASH__CALL(job->simd, smash__clipped, (w, some / SMASH__TILE, &a, clipped));
    }
}

/* Up to a tile of numbers of any blocks and any dtype */
SMASH__FN SMASH__NOINLINE void smash__measure_few(smash__cursor *c, size_t first, size_t n, smash__lanes *lanes, uint32_t *clipped)
{
    const smash__levels *levels = &c->job->levels;
    float x[SMASH__TILE], scale[SMASH__TILE], u;
    int32_t zero[SMASH__TILE];
    size_t i;
    smash__dequantize_next(c, first, n, scale, zero, x);
    for (i = 0; i < n; i++) {
        double a, b = (double)x[i], t;
        smash__load_f64(c->job->x, first + i, 1, &a);
        if (c->job->x->dtype == SMASH_F64) {
            t = a / (double)scale[i];
            t = (double)zero[i] + t;
        } else {
            u = (float)a / scale[i];
            u = (float)zero[i] + u;
            t = (double)u;
        }
        *clipped += t <= (double)levels->qmin - 0.5 || t >= (double)levels->qmax + 0.5;
        smash__distance_few(&a, &b, (first + i) % SMASH__DISTANCE_LANES, 1, lanes);
    }
}

SMASH__FN SMASH__NOINLINE uint32_t smash__measure_lanes(const smash__quant_job *job, size_t i, smash__lanes *lanes)
{
    size_t end = i + smash__min(job->count - i, SMASH__CHUNK), n;
    uint32_t clipped = 0;
    smash__cursor c;
    for (smash__cursor_start(&c, job, i); i < end; i += n) {
        n = smash__min(c.left, end - i) / job->step * job->step;
        if (n && job->x->dtype == SMASH_F32 && job->q->dtype != SMASH_I32) {
            smash__measure_block(&c, i, n, lanes, &clipped);
            smash__cursor_skip(&c, n);
        } else {
            n = smash__min(end - i, SMASH__TILE);
            smash__measure_few(&c, i, n, lanes, &clipped);
        }
    }
    return clipped;
}

SMASH__FN void smash__measure_chunk(void *arg, size_t chunk)
{
    smash__quant_job *job = (smash__quant_job *)arg;
    smash__lanes lanes;
    uint32_t clipped;
    smash__fill(&lanes, 0, sizeof lanes);
    clipped = smash__measure_lanes(job, chunk * SMASH__CHUNK, &lanes);
    job->sums[chunk] = smash__sum_lanes(&lanes);
    job->sums[chunk].clipped = clipped;
}

SMASH__DEF smash_err smash_quant_measure(smash_ctx *ctx, const smash_quant_desc *desc, const smash_tensor *w, const smash_tensor *scale,
                                         const smash_tensor *zero, const smash_tensor *q, smash_quant_stats *stats)
{
    smash__quant_job job;
    smash__sums total = SMASH_ZERO;
    smash_arena_mark mark = smash__scratch_mark(ctx);
    size_t chunks, i;
    if (!stats) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "no place for the result");
    SMASH__TRY(smash__quant_open(ctx, desc, w, SMASH__READ, q, SMASH__READ, scale, zero, &job));
    chunks = job.count / SMASH__CHUNK + (job.count % SMASH__CHUNK != 0);
    job.sums = (smash__sums *)smash__scratch(ctx, chunks, sizeof *job.sums);
    if (!job.sums) return SMASH_ERR_NOMEM;
    smash__parallel(ctx, chunks, smash__measure_chunk, &job);
    for (i = 0; i < chunks; i++) smash__add_sums(&total, &job.sums[i]);
    smash__scratch_rewind(ctx, mark);
    stats->mse = smash__one_nan(total.error2 / (double)job.count);
    stats->max_abs_error = smash__one_nan(total.max);
    stats->snr_db = smash__snr_db(total.a2, total.error2);
    stats->saturated = (size_t)total.clipped;
    stats->zeros = (size_t)total.zeros_b;
    return SMASH_OK;
}
#endif

/* ---- observers ---- */

enum { SMASH__OBSERVE_BINS = 2048, SMASH__OBSERVE_PAIR = 64,       /* affine MSE: places of an end */
       SMASH__MSE_WIDEST = 128, SMASH__MSE_NARROWEST = 32, SMASH__MSE_GROUP = 16 };

SMASH__FN int smash__observer_binned(const smash_observer_desc *desc) { return desc->kind >= SMASH_OBSERVE_PERCENTILE; }

/* desc with its defaults filled in, and the bytes it needs */
SMASH__FN smash_err smash__observer_resolve(smash_ctx *ctx, const smash_observer_desc *desc, size_t blocks, smash_observer_desc *out, size_t *bytes)
{
    size_t each = sizeof(smash_observer_block);
    if (!SMASH__DESC_OK(desc)) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the observer's desc was not initialised; start it with SMASH_ZERO");
    if (desc) *out = *desc;
    else smash__fill(out, 0, sizeof *out);
    if ((unsigned)out->kind > SMASH_OBSERVE_MSE) return SMASH__FAIL(ctx, SMASH_ERR_ARG, (size_t)out->kind, "there is no observer %u", (uint32_t)out->kind);
#if SMASH_NO_DOUBLE
    if (out->kind > SMASH_OBSERVE_PERCENTILE) return SMASH__FAIL(ctx, SMASH_ERR_ARG, (size_t)out->kind, "this observer needs double arithmetic, which this build leaves out");
#endif
    if (!blocks) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "an observer of 0 blocks has nothing to see");
    if (!out->rate) out->rate = 0.01f;
    if (!out->outside) out->outside = 100000;
    if (!out->bins) out->bins = SMASH__OBSERVE_BINS;
    if (!(out->rate > 0 && out->rate <= 1)) return SMASH__FAIL(ctx, SMASH_ERR_RANGE, 0, "the rate of a moving average is not above 0 and at most 1");
    if (out->outside > 1000000000u) return SMASH__FAIL(ctx, SMASH_ERR_RANGE, out->outside, "%u numbers in a billion are to be left out", out->outside);
    if (out->bins < 64 || out->bins > 8192 || (out->bins & (out->bins - 1)))
        return SMASH__FAIL(ctx, SMASH_ERR_RANGE, out->bins, "%u bins asked for; an observer has a power of two of them, 64 to 8192, and 0 stands for 2048", out->bins);
    if (smash__observer_binned(out)) each += out->bins * sizeof(uint64_t);
    if (!smash__mul(each, blocks, bytes)) return SMASH__FAIL(ctx, SMASH_ERR_OVERFLOW, 0, "an observer of %z blocks does not fit the address space", blocks);
    return SMASH_OK;
}

SMASH__DEF smash_err smash_observer_bytes(smash_ctx *ctx, const smash_observer_desc *desc, size_t blocks, size_t *bytes)
{
    smash_observer_desc own;
    size_t n;
    if (!bytes) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "no place for the result");
    SMASH__TRY(smash__observer_resolve(ctx, desc, blocks, &own, &n));
    *bytes = n;
    return SMASH_OK;
}

SMASH__DEF smash_err smash_observer_init(smash_ctx *ctx, const smash_observer_desc *desc, size_t blocks, void *memory, size_t bytes, smash_observer *o)
{
    smash_observer_desc own;
    size_t need, i;
    if (!o) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "no place for the observer");
    SMASH__TRY(smash__observer_resolve(ctx, desc, blocks, &own, &need));
    if (!memory || (uintptr_t)memory % sizeof(uint64_t)) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the observer's memory is NULL or not aligned to 8 bytes");
    if (bytes < need) return SMASH__FAIL(ctx, SMASH_ERR_SHAPE, need, "the observer needs %z bytes of memory, it was given %z", need, bytes);
    smash__fill(memory, 0, need);
    smash__fill(o, 0, sizeof *o);
    o->desc = own;
    o->blocks = blocks;
    o->block = (smash_observer_block *)memory;
    if (smash__observer_binned(&own)) o->bins = (uint64_t *)(void *)(o->block + blocks);
    for (i = 0; i < blocks; i++) o->block[i].exponent = -149;
    return SMASH_OK;
}

SMASH__FN smash_err smash__observer_check(smash_ctx *ctx, const smash_observer *o)
{
    if (!o || !o->block || !o->blocks || !SMASH__DESC_OK(&o->desc) || (unsigned)o->desc.kind > SMASH_OBSERVE_MSE || smash__observer_binned(&o->desc) != (o->bins != NULL))
        return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the observer is missing or was not initialised by smash_observer_init");
    return SMASH_OK;
}

/* ---- bins ---- */

/* floor(k / 2^shift) */
SMASH__INLINE int32_t smash__floor_shift(int32_t k, uint32_t shift)
{
    uint32_t flip = 0u - ((uint32_t)k >> 31);
    return (int32_t)((((uint32_t)k ^ flip) >> (shift < 31 ? shift : 31)) ^ flip);
}

/* floor(x / 2^exponent), where that is less than 2^24; origin = exponent + 150 */
SMASH__INLINE int32_t smash__bin_of(uint32_t bits, uint32_t origin)
{
    uint32_t sign = 0u - (bits >> 31), size = bits & 0x7FFFFFFFu, e = size >> 23, normal = 0u - (uint32_t)(e > 0), shift = origin - e - 1 - normal;
    uint32_t m = (size & 0x7FFFFFu) | (normal & 0x800000u), flip;
    shift = shift < 31 ? shift : 31;
    m = (m ^ sign) - sign;
    flip = 0u - (m >> 31);
    return (int32_t)(((m ^ flip) >> shift) ^ flip);
}

SMASH__INLINE void smash__count_tiles_body(const float *SMASH__RESTRICT x, size_t tiles, uint32_t origin, int32_t first, uint64_t *SMASH__RESTRICT bins)
{
    int32_t bin[SMASH__TILE];
    size_t t, i;
    for (t = 0; t < tiles; t++, x += SMASH__TILE) {
        SMASH__PREFETCH((const void *)((uintptr_t)x + 4096));
        SMASH__PREFETCH((const void *)((uintptr_t)x + 4160));
        for (i = 0; i < SMASH__TILE; i++) bin[i] = smash__bin_of(smash__bits32(x[i]), origin) - first;
        for (i = 0; i < SMASH__TILE; i++) bins[bin[i]]++;
    }
}
SMASH__KERNEL(smash__count_tiles, (const float *SMASH__RESTRICT x, size_t tiles, uint32_t origin, int32_t first, uint64_t *SMASH__RESTRICT bins),
              (x, tiles, origin, first, bins))

/* 2^exponent, -149..127 */
SMASH__FN float smash__power_of_two(int32_t exponent)
{
    return smash__float32(exponent < -126 ? 1u << (exponent + 149) : (uint32_t)(exponent + 127) << 23);
}

/* The narrowest bins that hold lo, hi and 0 */
SMASH__FN void smash__bins_place(float lo, float hi, uint32_t bins, int32_t *exponent, int32_t *first)
{
    uint32_t a, b, largest, log2 = 0;
    int32_t e;
    if (!(lo < 0)) lo = 0;
    if (!(hi > 0)) hi = 0;
    a = smash__bits32(lo) & 0x7FFFFFFFu;
    b = smash__bits32(hi) & 0x7FFFFFFFu;
    largest = (a > b ? a : b) >> 23;
    while (1u << log2 < bins) log2++;
    e = (int32_t)largest - 127 - (int32_t)log2;                      /* the larger end alone is too far out here */
    if (largest < 2 || e < -149) e = -149;
    while (smash__bin_of(smash__bits32(hi), (uint32_t)(e + 150)) - smash__bin_of(smash__bits32(lo), (uint32_t)(e + 150)) >= (int32_t)bins) e++;
    *exponent = e;
    *first = smash__bin_of(smash__bits32(lo), (uint32_t)(e + 150));
}

/* Numbers from lo to hi are to be counted, too: join bins until they fit, then make room in front */
SMASH__FN void smash__bins_grow(smash_observer *o, size_t index, float lo, float hi)
{
    smash_observer_block *b = &o->block[index];
    uint64_t *bins = o->bins ? o->bins + index * o->desc.bins : NULL;
    uint32_t n = o->desc.bins, i, room, shift;
    int32_t exponent, first, joined;
    b->lo = b->count && b->lo < lo ? b->lo : lo + 0.0f;              /* no -0: it would depend on who came first */
    b->hi = b->count && b->hi > hi ? b->hi : hi + 0.0f;
    if (!bins) return;
    smash__bins_place(b->lo, b->hi, n, &exponent, &first);
    shift = (uint32_t)(exponent - b->exponent);
    joined = smash__floor_shift(b->first, shift);
    if (shift)
        for (i = 0; i < n; i++) {
            uint64_t count = bins[i];
            bins[i] = 0;
            bins[smash__floor_shift(b->first + (int32_t)i, shift) - joined] += count;      /* at i or before it */
        }
    room = (uint32_t)(joined - first);
    if (room) {
        for (i = n; i-- > room;) bins[i] = bins[i - room];
        for (i = 0; i < room; i++) bins[i] = 0;
    }
    b->exponent = exponent;
    b->first = first;
}

/* ---- observe ---- */

/* Blocks are cut into slices as smash_quant_fit cuts them. Twice: once for the ranges, once to count. */
typedef struct smash__observe_job {
    smash__fit_job fit;                 /* w, grid, count, rows, slices, part, simd, range */
    smash_observer *o;
    int count;
} smash__observe_job;

SMASH__FN void smash__observe_count(const smash__observe_job *job, size_t block, size_t first, size_t n)
{
    const smash_observer_block *b = &job->o->block[block];
    uint64_t *bins = job->o->bins + block * job->o->desc.bins;
    const uint32_t origin = (uint32_t)(b->exponent + 150);
    const smash_tensor *w = job->fit.w;
    size_t i = 0, j;
    if (w->dtype == SMASH_F32) {
        const float *x = (const float *)w->data + first;
        SMASH__CALL(job->fit.simd, smash__count_tiles, (x, n / SMASH__TILE, origin, b->first, bins));
        i = n / SMASH__TILE * SMASH__TILE;
    }
    while (i < n) {
        float x[SMASH__TILE];
        size_t tile = smash__min(n - i, SMASH__TILE);
        if (SMASH__IS_F64(w->dtype)) for (j = 0; j < tile; j++) x[j] = (float)((const double *)w->data)[first + i + j];
        else smash__load_f32(w, first + i, tile, x);
        for (j = 0; j < tile; j++) bins[smash__bin_of(smash__bits32(x[j]), origin) - b->first]++;
        i += tile;
    }
}

SMASH__FN void smash__observe_range(const smash__observe_job *job, size_t block, size_t first, size_t n, smash__range *all)
{
    smash_observer_block *b = &job->o->block[block];
    smash__range r = { INT32_MAX, INT32_MIN };
    smash__range_of(&job->fit, first, n, &r);
    if (r.lo < b->next_lo) b->next_lo = r.lo;
    if (r.hi > b->next_hi) b->next_hi = r.hi;
    if (r.lo < all->lo) all->lo = r.lo;
    if (r.hi > all->hi) all->hi = r.hi;
}

SMASH__FN void smash__observe_part(void *arg, size_t part)
{
    const smash__observe_job *job = (const smash__observe_job *)arg;
    const smash__fit_job *fit = &job->fit;
    smash__range *all = &fit->range[part];
    smash__walk walk;
    size_t begin = part * fit->part, end, per_slice, row, run;
    if (fit->grid->blocks == 1) {
        smash__range_of(fit, begin, smash__min(fit->count - begin, fit->part), all);
        return;
    }
    end = smash__min(fit->slices, begin + fit->part);
    smash__walk_start(&walk, fit->grid);
    per_slice = walk.runs / fit->rows / fit->slices;
    for (row = 0; row < fit->rows; row++) {
        smash__walk_seek(&walk, (row * fit->slices + begin) * per_slice);
        for (run = (end - begin) * per_slice; run; run--, smash__walk_next(&walk)) {
            if (job->count) smash__observe_count(job, walk.block, walk.first, walk.run);
            else smash__observe_range(job, walk.block, walk.first, walk.run, all);
        }
    }
}

/* The ranges of all parts in one */
SMASH__FN SMASH__NOINLINE smash__range smash__observe_ranges(smash_ctx *ctx, smash__observe_job *job, size_t parts)
{
    smash__range range[SMASH__QUANT_PARTS], all = { INT32_MAX, INT32_MIN };
    size_t i;
    for (i = 0; i < parts; i++) range[i] = all;
    for (i = 0; i < job->o->blocks; i++) {
        job->o->block[i].next_lo = INT32_MAX;
        job->o->block[i].next_hi = INT32_MIN;
    }
    job->fit.range = range;
    smash__parallel(ctx, parts, smash__observe_part, job);
    for (i = 0; i < parts; i++) {
        if (range[i].lo < all.lo) all.lo = range[i].lo;
        if (range[i].hi > all.hi) all.hi = range[i].hi;
    }
    job->fit.range = NULL;
    return all;
}

/* Two roundings before the sum, whatever the compiler fuses */
SMASH__FN float smash__moving_average(float average, float value, float rate)
{
    volatile float keep = average * (1.0f - rate), take = rate * value;
    return keep + take;
}

/* The range that was found becomes part of what was seen */
SMASH__FN void smash__observe_commit(smash_observer *o, size_t index, size_t count)
{
    smash_observer_block *b = &o->block[index];
    float lo = smash__key_float(b->next_lo), hi = smash__key_float(b->next_hi);
    if (o->desc.kind == SMASH_OBSERVE_MOVING_AVERAGE && b->count) {
        b->lo = smash__moving_average(b->lo, lo, o->desc.rate);
        b->hi = smash__moving_average(b->hi, hi, o->desc.rate);
    } else smash__bins_grow(o, index, lo, hi);
    b->count += count;
    b->next_lo = b->next_hi = 0;
}

SMASH__DEF smash_err smash_observe(smash_ctx *ctx, smash_observer *o, const smash_tensor *x)
{
    smash__observe_job job;
    smash_grid grid;
    smash__range all;
    size_t parts, i;
    uint32_t axis = 0;
    smash__fill(&job, 0, sizeof job);
    SMASH__TRY(smash__observer_check(ctx, o));
    SMASH__TRY(smash__check(ctx, x, "float tensor", SMASH__FLOATS, SMASH__READ, &job.fit.count));
    SMASH__TRY(smash_grid_make(ctx, &o->desc.grain, x, &grid));
    if (grid.blocks != o->blocks)
        return SMASH__FAIL(ctx, SMASH_ERR_SHAPE, grid.blocks, "the granularity makes %z blocks of %q, the observer has %z", grid.blocks, smash__name(x), o->blocks);
    job.o = o;
    job.fit.w = x;
    job.fit.grid = &grid;
    job.fit.simd = smash__simd(ctx);
    parts = smash__quant_parts(job.fit.count, &job.fit.part);
    if (grid.blocks > 1) {
        for (job.fit.rows = 1; grid.count[axis] == 1; axis++) job.fit.rows *= grid.block[axis];
        job.fit.slices = grid.count[axis];
        if (!smash__ctx(ctx) || !ctx->parallel) parts = 1;
        job.fit.part = job.fit.slices / parts + (job.fit.slices % parts != 0);
        parts = job.fit.slices / job.fit.part + (job.fit.slices % job.fit.part != 0);
    }
    all = smash__observe_ranges(ctx, &job, parts);
    if (all.hi >= 0x7F800000 || all.lo <= -0x7F800001) {
        for (i = 0; i < o->blocks; i++) o->block[i].next_lo = o->block[i].next_hi = 0;
        return smash__quant_nonfinite(ctx, x, job.fit.count, 1);
    }
    if (grid.blocks == 1) {
        o->block[0].next_lo = all.lo;
        o->block[0].next_hi = all.hi;
    }
    for (i = 0; i < o->blocks; i++) smash__observe_commit(o, i, grid.block_elements);
    o->tensors++;
    job.count = 1;
    if (o->bins && grid.blocks == 1) smash__observe_count(&job, 0, 0, job.fit.count);
    else if (o->bins) smash__parallel(ctx, parts, smash__observe_part, &job);
    return SMASH_OK;
}

SMASH__DEF smash_err smash_observer_merge(smash_ctx *ctx, smash_observer *o, const smash_observer *from)
{
    size_t i;
    uint32_t k;
    SMASH__TRY(smash__observer_check(ctx, o));
    SMASH__TRY(smash__observer_check(ctx, from));
    if (o == from || o->block == from->block) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "an observer cannot be merged with itself");
    if (o->desc.kind != from->desc.kind || o->desc.bins != from->desc.bins)
        return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "two observers of different kinds or numbers of bins cannot be merged");
    if (o->blocks != from->blocks) return SMASH__FAIL(ctx, SMASH_ERR_SHAPE, from->blocks, "an observer of %z blocks cannot be merged with one of %z", o->blocks, from->blocks);
    if (o->desc.kind == SMASH_OBSERVE_MOVING_AVERAGE)
        return SMASH__FAIL(ctx, SMASH_ERR_UNSUPPORTED, 0, "moving averages depend on the order of the tensors and cannot be merged; let one observer see them all");
    for (i = 0; i < o->blocks; i++) {
        const smash_observer_block *b = &from->block[i];
        smash_observer_block *a = &o->block[i];
        if (!b->count) continue;
        smash__bins_grow(o, i, b->lo, b->hi);
        a->count += b->count;
        if (!o->bins) continue;
        for (k = 0; k < o->desc.bins; k++) {
            uint64_t count = from->bins[i * o->desc.bins + k];
            if (count) o->bins[i * o->desc.bins + (size_t)(smash__floor_shift(b->first + (int32_t)k, (uint32_t)(a->exponent - b->exponent)) - a->first)] += count;
        }
    }
    o->tensors += from->tensors;
    return SMASH_OK;
}

/* ---- the range of what was seen ---- */

/* A block's bins, from its first one, which holds lo or 0, to that of hi or 0 */
typedef struct smash__tallied { const uint64_t *bins; int32_t first, end, exponent; float lo, hi; uint64_t count; } smash__tallied;

SMASH__FN smash__tallied smash__observer_seen(const smash_observer *o, size_t block)
{
    const smash_observer_block *b = &o->block[block];
    smash__tallied s;
    s.bins = o->bins + block * o->desc.bins;
    s.lo = b->lo < 0 ? b->lo : 0;
    s.hi = b->hi > 0 ? b->hi : 0;
    s.exponent = b->exponent;
    s.first = b->first;
    s.end = smash__bin_of(smash__bits32(s.hi), (uint32_t)(b->exponent + 150)) + 1;
    s.count = b->count;
    return s;
}

/* From edge to edge, cut to the data */
SMASH__FN void smash__seen_range(const smash__tallied *s, int32_t from, int32_t to, float *lo, float *hi)
{
    float width = smash__power_of_two(s->exponent), low = (float)from * width, high = (float)to * width;
    *lo = low > s->lo ? low : s->lo;
    *hi = high < s->hi ? high : s->hi;
}

SMASH__FN void smash__range_percentile(const smash__tallied *s, uint32_t outside, float *lo, float *hi)
{
    const uint64_t whole = 2000000000u, k = s->count / whole * outside + s->count % whole * outside / whole;
    uint64_t below = 0, above = 0;
    int32_t from = s->first, to = s->end;
    while (from < s->end && (below += s->bins[from - s->first]) <= k) from++;
    while (to > s->first && (above += s->bins[to - 1 - s->first]) <= k) to--;
    smash__seen_range(s, from < 0 ? from : 0, to > 0 ? to : 0, lo, hi);
}

#if !SMASH_NO_DOUBLE
/* count * KL(P || Q) of the bins from..to - 1; Inf if P has what Q has not */
SMASH__FN double smash__seen_divergence(const smash__tallied *s, int32_t from, int32_t to, uint32_t levels)
{
    const uint64_t *bins = s->bins + (from - s->first);
    uint64_t left = 0, right = 0, inside;
    uint32_t width = (uint32_t)(to - from), i, j, level;
    double sum = 0, share;
    for (i = 0; i < (uint32_t)(from - s->first); i++) left += s->bins[i];
    for (i = 0; i < (uint32_t)(s->end - to); i++) right += bins[width + i];
    inside = s->count - left - right;
    share = (double)inside / (double)s->count;
    for (i = 0, level = 0; i < width; i = j, level++) {
        const uint32_t end = (uint32_t)(((uint64_t)(level + 1) * width + levels - 1) / levels);      /* the first bin of the next level */
        uint64_t total = 0;
        uint32_t some = 0;
        for (j = i; j < end; j++) {
            total += bins[j];
            some += bins[j] || (j == 0 && left) || (j == width - 1 && right);
        }
        if (some && !total) return smash__float64((uint64_t)0x7FF << 52);
        for (j = i; j < end; j++) {
            uint64_t p = bins[j] + (j == 0 ? left : 0) + (j == width - 1 ? right : 0);
            if (p) sum += smash__product((double)p, smash_log((double)p * (double)some / (double)total * share));
        }
    }
    return sum;
}

SMASH__FN void smash__range_entropy(const smash__tallied *s, const smash__levels *levels, float *lo, float *hi)
{
    const uint32_t n = (uint32_t)(levels->qmax - levels->qmin + 1);
    int32_t r = s->end > -s->first ? s->end : -s->first, best_from = s->first, best_to = s->end;
    double best = smash__float64((uint64_t)0x7FF << 52);
    for (; r > 0; r--) {
        int32_t from = -r > s->first ? -r : s->first, to = r < s->end ? r : s->end;
        double d;
        if ((uint32_t)(to - from) < n) break;
        d = smash__seen_divergence(s, from, to, n);
        if (d < best) { best = d; best_from = from; best_to = to; }
    }
    smash__seen_range(s, best_from, best_to, lo, hi);
}

/* x less what it reads back as; a holds the grid */
SMASH__INLINE float smash__grid_error(float x, float scale, float zero, int32_t bottom, int32_t top)
{
    float u = x / scale, y;
    int32_t r;
    u = zero + u;
    r = (int32_t)smash__bits32(u + 12582912.0f);
    r = r > bottom ? r : bottom;
    r = r < top ? r : top;
    y = ((float)(r - SMASH__MAGIC) - zero) * scale;
    return (float)((double)x - (double)y);
}

SMASH__FN smash__affine smash__grid_of(const smash__levels *levels, float lo, float hi)
{
    smash__affine a;
    int32_t zero;
    smash__quant_params_of(levels, lo, hi, &a.scale, &zero);
    a.zero = (float)zero;
    a.bottom = SMASH__MAGIC + levels->qmin;
    a.top = SMASH__MAGIC + levels->qmax;
    return a;
}

/* A bin's middle, clamped to the data; the narrowest bins hold one number */
SMASH__FN float smash__seen_middle(const smash__tallied *s, int32_t bin)
{
    float x = s->exponent == -149 ? (float)bin * smash__power_of_two(-149) : (float)(2 * bin + 1) * smash__power_of_two(s->exponent - 1);
    x = x > s->lo ? x : s->lo;
    return x < s->hi ? x : s->hi;
}

SMASH__FN double smash__seen_error(const smash__tallied *s, const smash__levels *levels, int32_t from, int32_t to)
{
    smash__affine a;
    float lo, hi;
    double sum = 0;
    int32_t bin;
    smash__seen_range(s, from, to, &lo, &hi);
    a = smash__grid_of(levels, lo, hi);
    for (bin = s->first; bin < s->end; bin++) {
        const uint64_t count = s->bins[bin - s->first];
        if (count) {
            double e = (double)smash__grid_error(smash__seen_middle(s, bin), a.scale, a.zero, a.bottom, a.top);
            sum += smash__product((double)count, e * e);
        }
    }
    return sum;
}

SMASH__FN void smash__range_mse(const smash__tallied *s, const smash__levels *levels, float *lo, float *hi)
{
    int32_t best_from = s->first, best_to = s->end, left = -s->first, right = s->end, r = left > right ? left : right, i, j, from, to;
    double best = smash__seen_error(s, levels, s->first, s->end), e;
    if (!levels->affine)
        for (r--; r > 0; r--) {
            from = r < left ? -r : -left;
            to = r < right ? r : right;
            e = smash__seen_error(s, levels, from, to);
            if (e < best) { best = e; best_from = from; best_to = to; }
        }
    else
        for (i = SMASH__OBSERVE_PAIR; i > 0; i--) {
            from = -((i * left + SMASH__OBSERVE_PAIR - 1) / SMASH__OBSERVE_PAIR);
            if (i < SMASH__OBSERVE_PAIR && from == -(((i + 1) * left + SMASH__OBSERVE_PAIR - 1) / SMASH__OBSERVE_PAIR)) continue;
            for (j = SMASH__OBSERVE_PAIR; j > 0; j--) {
                to = (j * right + SMASH__OBSERVE_PAIR - 1) / SMASH__OBSERVE_PAIR;
                if (j < SMASH__OBSERVE_PAIR && to == ((j + 1) * right + SMASH__OBSERVE_PAIR - 1) / SMASH__OBSERVE_PAIR) continue;
                e = smash__seen_error(s, levels, from, to);
                if (e < best) { best = e; best_from = from; best_to = to; }
            }
        }
    smash__seen_range(s, best_from, best_to, lo, hi);
}
#endif

/* The block was seen and the grid is in order */
SMASH__FN void smash__observer_choose(const smash_observer *o, const smash__levels *levels, size_t block, float *lo, float *hi)
{
    const smash_observer_block *b = &o->block[block];
    smash__tallied s;
    *lo = b->lo;
    *hi = b->hi;
    if (!o->bins) return;
    s = smash__observer_seen(o, block);
    if (o->desc.kind == SMASH_OBSERVE_PERCENTILE) smash__range_percentile(&s, o->desc.outside, lo, hi);
#if !SMASH_NO_DOUBLE
    else if (o->desc.kind == SMASH_OBSERVE_ENTROPY) smash__range_entropy(&s, levels, lo, hi);
    else smash__range_mse(&s, levels, lo, hi);
#else
    (void)levels;
#endif
}

SMASH__DEF smash_err smash_observer_range(smash_ctx *ctx, const smash_observer *o, const smash_quant_desc *desc, size_t block, float *lo, float *hi)
{
    smash__levels levels;
    if (!lo || !hi) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "no place for the range");
    SMASH__TRY(smash__observer_check(ctx, o));
    SMASH__TRY(smash__quant_levels(ctx, desc, &levels));
    if (block >= o->blocks) return SMASH__FAIL(ctx, SMASH_ERR_RANGE, block, "there is no block %z; the observer has %z", block, o->blocks);
    if (!o->block[block].count) return SMASH__FAIL(ctx, SMASH_ERR_ARG, block, "the observer has seen nothing yet");
    smash__observer_choose(o, &levels, block, lo, hi);
    return SMASH_OK;
}

SMASH__DEF smash_err smash_observer_fit(smash_ctx *ctx, const smash_observer *o, const smash_quant_desc *desc, const smash_tensor *scale, const smash_tensor *zero)
{
    smash__levels levels;
    size_t i, n;
    SMASH__TRY(smash__observer_check(ctx, o));
    SMASH__TRY(smash__quant_levels(ctx, desc, &levels));
    SMASH__TRY(smash__check(ctx, scale, "scale", SMASH__BIT(SMASH_F32), SMASH__WRITE, &n));
    if (n != o->blocks) return SMASH__FAIL(ctx, SMASH_ERR_SHAPE, n, "scale %q has %z numbers, the observer %z blocks", smash__name(scale), n, o->blocks);
    if (zero || levels.affine) {
        SMASH__TRY(smash__check(ctx, zero, "zero point", SMASH__BIT(SMASH_I32), SMASH__WRITE, &n));
        if (n != o->blocks) return SMASH__FAIL(ctx, SMASH_ERR_SHAPE, n, "zero point %q has %z numbers, the observer %z blocks", smash__name(zero), n, o->blocks);
        SMASH__TRY(smash__check_apart(ctx, zero, scale));
    }
    for (i = 0; i < o->blocks; i++) if (!o->block[i].count) return SMASH__FAIL(ctx, SMASH_ERR_ARG, i, "the observer has seen nothing yet");
    for (i = 0; i < o->blocks; i++) {
        float lo, hi;
        smash__observer_choose(o, &levels, i, &lo, &hi);
        smash__quant_params_of(&levels, lo < 0 ? lo : 0, hi > 0 ? hi : 0, (float *)scale->data + i, zero ? (int32_t *)zero->data + i : NULL);
    }
    return SMASH_OK;
}

/* ---- the least squared error of a tensor in memory ---- */

#if !SMASH_NO_DOUBLE
enum { SMASH__ERROR_LANES = 8 };

/* Exact squares; number i of a piece goes to lane i % 8 */
SMASH__INLINE void smash__error_tiles_body(const float *SMASH__RESTRICT x, size_t tiles, const smash__affine *SMASH__RESTRICT a, double *SMASH__RESTRICT lanes)
{
    const float scale = a->scale, zero = a->zero;
    const int32_t bottom = a->bottom, top = a->top;
    double sum[SMASH__ERROR_LANES];
    size_t t, i, j;
    for (j = 0; j < SMASH__ERROR_LANES; j++) sum[j] = lanes[j];
    for (t = 0; t < tiles; t++, x += SMASH__TILE)
        for (i = 0; i < SMASH__TILE; i += SMASH__ERROR_LANES)
            for (j = 0; j < SMASH__ERROR_LANES; j++) {
                double e = (double)smash__grid_error(x[i + j], scale, zero, bottom, top);
                sum[j] += e * e;
            }
    for (j = 0; j < SMASH__ERROR_LANES; j++) lanes[j] = sum[j];
}
SMASH__KERNEL(smash__error_tiles, (const float *SMASH__RESTRICT x, size_t tiles, const smash__affine *SMASH__RESTRICT a, double *SMASH__RESTRICT lanes), (x, tiles, a, lanes))

typedef struct smash__mse_job {
    smash__fit_job fit;                 /* w, grid, levels, simd, scale, zero */
    size_t run, runs;                   /* of a block */
    uint32_t axes;
    size_t block;                       /* one at a time: its candidates side by side */
    int32_t from;
    float lo, hi;
    double *error;
} smash__mse_job;

/* First number of run k of a block */
SMASH__FN size_t smash__block_run(const smash_grid *grid, uint32_t axes, size_t block, size_t k)
{
    size_t first = 0, stride = 1;
    uint32_t i = grid->ndim, last = axes ? axes - 1 : 0;
    while (i) {
        size_t at = block % grid->count[i - 1] * grid->block[i - 1];
        i--;
        block /= grid->count[i];
        if (i < last) { at += k % grid->block[i]; k /= grid->block[i]; }
        first += at * stride;
        stride *= grid->count[i] * grid->block[i];
    }
    return first;
}

SMASH__FN void smash__mse_add(const smash__mse_job *job, size_t first, size_t n, const smash__affine *a, double *lanes)
{
    const smash_tensor *w = job->fit.w;
    size_t i = 0, j;
    if (w->dtype == SMASH_F32) {
        SMASH__CALL(job->fit.simd, smash__error_tiles, ((const float *)w->data + first, n / SMASH__TILE, a, lanes));
        i = n / SMASH__TILE * SMASH__TILE;
    }
    while (i < n) {
        float x[SMASH__TILE];
        size_t tile = smash__min(n - i, SMASH__TILE);
        if (SMASH__IS_F64(w->dtype)) for (j = 0; j < tile; j++) x[j] = (float)((const double *)w->data)[first + i + j];
        else smash__load_f32(w, first + i, tile, x);
        for (j = tile; j < SMASH__TILE; j++) x[j] = 0;               /* 0 has no error on any grid */
        SMASH__CALL(job->fit.simd, smash__error_tiles, (x, 1, a, lanes));
        i += tile;
    }
}

/* Sum of squared errors of a block with its range times k / 128 */
SMASH__FN SMASH__NOINLINE double smash__mse_of(const smash__mse_job *job, size_t block, float lo, float hi, int32_t k)
{
    const float part = (float)k / (float)SMASH__MSE_WIDEST;
    const smash__affine a = smash__grid_of(&job->fit.levels, lo * part, hi * part);
    double lanes[SMASH__ERROR_LANES], sum = 0;
    size_t run, j;
    smash__fill(lanes, 0, sizeof lanes);
    for (run = 0; run < job->runs; run++) smash__mse_add(job, smash__block_run(job->fit.grid, job->axes, block, run), job->run, &a, lanes);
    for (j = 0; j < SMASH__ERROR_LANES; j++) sum += lanes[j];
    return sum;
}

SMASH__FN void smash__mse_candidate(void *arg, size_t i)
{
    const smash__mse_job *job = (const smash__mse_job *)arg;
    job->error[i] = smash__mse_of(job, job->block, job->lo, job->hi, job->from - (int32_t)i);
}

SMASH__FN void smash__mse_range(const smash__mse_job *job, size_t block, float *lo, float *hi)
{
    smash__range r = { 0, 0 };
    size_t run;
    for (run = 0; run < job->runs; run++) smash__range_of(&job->fit, smash__block_run(job->fit.grid, job->axes, block, run), job->run, &r);
    *lo = smash__key_float(r.lo);
    *hi = smash__key_float(r.hi);
}

SMASH__FN void smash__mse_commit(const smash__mse_job *job, size_t block, float lo, float hi, int32_t k)
{
    const float part = (float)k / (float)SMASH__MSE_WIDEST;
    smash__quant_params_of(&job->fit.levels, lo * part, hi * part, &job->fit.scale[block], job->fit.zero ? &job->fit.zero[block] : NULL);
}

SMASH__FN void smash__mse_block(void *arg, size_t block)
{
    const smash__mse_job *job = (const smash__mse_job *)arg;
    int32_t k, best_k = SMASH__MSE_WIDEST;
    double best = 0;
    float lo, hi;
    smash__mse_range(job, block, &lo, &hi);
    for (k = SMASH__MSE_WIDEST; k >= SMASH__MSE_NARROWEST; k--) {
        double e = smash__mse_of(job, block, lo, hi, k);
        if (k == SMASH__MSE_WIDEST || e < best) { best = e; best_k = k; }
    }
    smash__mse_commit(job, block, lo, hi, best_k);
}

/* The same for a tensor that is one block: threads take candidates */
SMASH__FN SMASH__NOINLINE void smash__mse_single(smash_ctx *ctx, smash__mse_job *job)
{
    double error[SMASH__MSE_GROUP], best = 0;
    int32_t best_k = SMASH__MSE_WIDEST;
    size_t i, n;
    job->error = error;
    smash__mse_range(job, 0, &job->lo, &job->hi);
    for (job->from = SMASH__MSE_WIDEST; job->from >= SMASH__MSE_NARROWEST; job->from -= (int32_t)n) {
        n = smash__min((size_t)(job->from - SMASH__MSE_NARROWEST + 1), SMASH__MSE_GROUP);
        smash__parallel(ctx, n, smash__mse_candidate, job);
        for (i = 0; i < n; i++)
            if ((job->from == SMASH__MSE_WIDEST && i == 0) || error[i] < best) { best = error[i]; best_k = job->from - (int32_t)i; }
    }
    job->error = NULL;
    smash__mse_commit(job, 0, job->lo, job->hi, best_k);
}

SMASH__DEF smash_err smash_quant_fit_mse(smash_ctx *ctx, const smash_quant_desc *desc, const smash_tensor *w, const smash_tensor *scale,
    const smash_tensor *zero)
{
    smash__mse_job job;
    smash_grid grid;
    smash__fill(&job, 0, sizeof job);
    SMASH__TRY(smash_quant_fit(ctx, desc, w, scale, zero));
    SMASH__TRY(smash__quant_levels(ctx, desc, &job.fit.levels));
    SMASH__TRY(smash_grid_make(ctx, job.fit.levels.grain, w, &grid));
    job.fit.w = w;
    job.fit.grid = &grid;
    job.fit.simd = smash__simd(ctx);
    job.fit.scale = (float *)scale->data;
    job.fit.zero = zero ? (int32_t *)zero->data : NULL;
    job.run = smash__grid_run(&grid, &job.axes);
    job.runs = grid.block_elements / job.run;
    if (grid.blocks == 1) smash__mse_single(ctx, &job);
    else smash__parallel(ctx, grid.blocks, smash__mse_block, &job);
    return SMASH_OK;
}
#endif
#undef SMASH__QUANT_INTS
#endif
#if !SMASH_NO_VALUE
/*==================================================================================================
 * MARK: - Value, implementation                                                        >>value-impl
 *================================================================================================*/

/* ---- big integers: what exact decimal conversion needs, and no more ---- */

/* 3,072 bits. The largest number in here is 5^1127 * (2^54 - 1) or 801 digits, shifted to the same length: under 2,750. */
enum { SMASH__BIG_LIMBS = 96 };
typedef struct smash__big { uint32_t limb[SMASH__BIG_LIMBS]; int count; } smash__big;   /* low limb first, the top one is not 0 */

SMASH__FN void smash__big_push(smash__big *a, uint64_t limb)
{
    if (limb && a->count < SMASH__BIG_LIMBS) a->limb[a->count++] = (uint32_t)limb;
}

SMASH__FN void smash__big_set(smash__big *a, uint64_t value)
{
    a->count = 0;
    if (value) a->limb[a->count++] = (uint32_t)value;
    smash__big_push(a, value >> 32);
}

SMASH__FN void smash__big_copy(smash__big *a, const smash__big *b)
{
    a->count = b->count;
    smash__copy(a->limb, b->limb, (size_t)b->count * sizeof b->limb[0]);
}

SMASH__FN void smash__big_mul_add(smash__big *a, uint32_t factor, uint32_t add)
{
    uint64_t carry = add;
    int i;
    for (i = 0; i < a->count; i++) {
        carry += (uint64_t)a->limb[i] * factor;
        a->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    smash__big_push(a, carry);
}

SMASH__FN void smash__big_mul_pow5(smash__big *a, int n)
{
    uint32_t rest = 1;
    for (; n >= 13; n -= 13) smash__big_mul_add(a, 1220703125u, 0);              /* 5^13, the largest in 32 bits */
    for (; n > 0; n--) rest *= 5;
    smash__big_mul_add(a, rest, 0);
}

SMASH__FN void smash__big_shift(smash__big *a, int bits)
{
    int limbs = bits / 32, i;
    if (!a->count) return;
    if (bits % 32) smash__big_mul_add(a, (uint32_t)1 << bits % 32, 0);
    if (a->count + limbs > SMASH__BIG_LIMBS) return;
    for (i = a->count; i-- > 0;) a->limb[i + limbs] = a->limb[i];
    for (i = 0; i < limbs; i++) a->limb[i] = 0;
    a->count += limbs;
}

/* < 0, 0, > 0 as a is less than, equal to or more than b */
SMASH__FN int smash__big_order(const smash__big *a, const smash__big *b)
{
    int i;
    if (a->count != b->count) return a->count < b->count ? -1 : 1;
    for (i = a->count; i-- > 0;) if (a->limb[i] != b->limb[i]) return a->limb[i] < b->limb[i] ? -1 : 1;
    return 0;
}

SMASH__FN void smash__big_add(smash__big *a, const smash__big *b)
{
    uint64_t carry = 0;
    int i;
    while (a->count < b->count) a->limb[a->count++] = 0;
    for (i = 0; i < a->count; i++) {
        carry += (uint64_t)a->limb[i] + (i < b->count ? b->limb[i] : 0);
        a->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    smash__big_push(a, carry);
}

/* a -= b, which is not more than a */
SMASH__FN void smash__big_subtract(smash__big *a, const smash__big *b)
{
    uint64_t borrow = 0;
    int i;
    for (i = 0; i < a->count; i++) {
        uint64_t difference = (uint64_t)a->limb[i] - (i < b->count ? b->limb[i] : 0) - borrow;
        a->limb[i] = (uint32_t)difference;
        borrow = difference >> 63;
    }
    while (a->count && !a->limb[a->count - 1]) a->count--;
}

/* ---- decimal to double ---- */

SMASH__INLINE int smash__is_digit(char c) { return c >= '0' && c <= '9'; }

/* (head + something below 1 if more) * 10^exponent */
typedef struct smash__decimal {
    uint64_t head;                /* the first 19 significant digits */
    int64_t  exponent;
    int      negative, more;      /* more: a digit behind the head is not 0 */
} smash__decimal;

/* The longest JSON number at the start of text; returns its bytes, 0 if there is none. */
SMASH__FN size_t smash__decimal_scan(smash__decimal *d, const char *text, size_t bytes)
{
    size_t i = 0, j;
    smash__fill(d, 0, sizeof *d);
    if (bytes && text[0] == '-') { d->negative = 1; i = 1; }
    if (i == bytes || !smash__is_digit(text[i])) return 0;
    if (text[i] == '0') i++;
    else for (; i < bytes && smash__is_digit(text[i]); i++) {
        if (d->head < 1000000000000000000u) d->head = d->head * 10 + (uint64_t)(text[i] - '0');
        else { d->exponent++; d->more |= text[i] != '0'; }
    }
    if (bytes - i >= 2 && text[i] == '.' && smash__is_digit(text[i + 1])) {
        for (i++; i < bytes && smash__is_digit(text[i]); i++) {
            if (d->head < 1000000000000000000u) { d->head = d->head * 10 + (uint64_t)(text[i] - '0'); d->exponent--; }
            else d->more |= text[i] != '0';
        }
    }
    if (i < bytes && (text[i] == 'e' || text[i] == 'E')) {
        j = i + 1;
        if (j < bytes && (text[j] == '+' || text[j] == '-')) j++;
        if (j < bytes && smash__is_digit(text[j])) {
            int down = text[j - 1] == '-';
            int64_t e = 0;
            for (; j < bytes && smash__is_digit(text[j]); j++) if (e < 1000000000000000) e = e * 10 + (text[j] - '0');
            d->exponent += down ? -e : e;
            i = j;
        }
    }
    return i;
}

/* Exactly: the number in text against (m + 1/2) * 2^e, its d having been scanned. */
SMASH__FN int smash__decimal_order(const smash__decimal *d, const char *text, size_t bytes, uint64_t m, int e)
{
    enum { DIGITS = 800 };        /* 768 tell any double from any halfway point; what follows can only break a tie */
    smash__big a, b;
    int exponent = (int)d->exponent, digits = 0, held = 0, more = 0, twos;
    uint32_t chunk = 0, scale = 1;
    size_t i;
    smash__big_set(&a, 0);
    for (i = 0; i < bytes && text[i] != 'e' && text[i] != 'E'; i++) {
        if (!smash__is_digit(text[i]) || (!digits && text[i] == '0')) continue;
        if (digits == DIGITS) { more |= text[i] != '0'; continue; }
        if (++digits > 19) exponent--;
        chunk = chunk * 10 + (uint32_t)(text[i] - '0');
        scale *= 10;
        if (++held == 9) { smash__big_mul_add(&a, scale, chunk); held = 0; chunk = 0; scale = 1; }
    }
    smash__big_mul_add(&a, scale, chunk);
    if (more) { smash__big_mul_add(&a, 10, 1); exponent--; }
    smash__big_set(&b, 2 * m + 1);                              /* a * 10^exponent against b * 2^(e - 1) */
    smash__big_mul_pow5(exponent < 0 ? &b : &a, exponent < 0 ? -exponent : exponent);
    twos = exponent - (e - 1);
    smash__big_shift(twos < 0 ? &b : &a, twos < 0 ? -twos : twos);
    return smash__big_order(&a, &b);
}

/* w * 2^*exponent with the top bit of w moved to bit 63 */
SMASH__INLINE uint64_t smash__top_bit(uint64_t w, int *exponent)
{
    int s;
    for (s = 32; s; s >>= 1) if (!(w >> (64 - s))) { w <<= s; *exponent -= s; }
    return w;
}

/* Nearest double. In integers only: neither the rounding mode nor the width of the FPU's registers can touch it. The head
 * times a power of ten in 64 bits is known to a few units; where these units leave the rounding open, big integers decide. */
SMASH__FN double smash__decimal_double(const smash__decimal *d, const char *text, size_t bytes)
{
    static const uint64_t pow10_28[25] = {        /* 10^(28 k), k = -13..11, to 64 bits, nearest */
        0xE1AFA13AFBD14D6Eu, 0xE3E27A444D8D98B8u, 0xE61ACF033D1A45DFu, 0xE858AD248F5C22CAu, 0xEA9C227723EE8BCBu,
        0xECE53CEC4A314EBEu, 0xEF340A98172AACE5u, 0xF18899B1BC3F8CA2u, 0xF3E2F893DEC3F126u, 0xF64335BCF065D37Du,
        0xF8A95FCF88747D94u, 0xFB158592BE068D2Fu, 0xFD87B5F28300CA0Eu, 0x8000000000000000u, 0x813F3978F8940984u,
        0x82818F1281ED44A0u, 0x83C7088E1AAB65DBu, 0x850FADC09923329Eu, 0x865B86925B9BC5C2u, 0x87AA9AFF79042287u,
        0x88FCF317F22241E2u, 0x8A5296FFE33CC930u, 0x8BAB8EEFB6409C1Au, 0x8D07E33455637EB3u, 0x8E679C2F5E44FF8Fu };
    const uint64_t sign = (uint64_t)d->negative << 63, infinity = (uint64_t)0x7FF << 52;
    uint64_t w, low, power = 1, m, rest, half, distance, slack;
    int q, step, e, biased, drop, up, i;
    if (!d->head || d->exponent < -345) return smash__float64(sign);
    if (d->exponent > 308) return smash__float64(sign | infinity);
    q = (int)d->exponent;
    step = (q + 364) / 28;                                      /* 10^q = 10^(28 (step - 13)) * 10^(0..27) */
    e = q + 364 - 28 * step;
    for (i = 0; i < e; i++) power *= 5;                         /* exact: 5^27 < 2^63 */
    w = smash__top_bit(d->head, &e);
    power = smash__top_bit(power, &e);
    smash__mul_wide(w, power, &w, &low);
    if (!(w >> 63)) { w = w << 1 | low >> 63; e--; }
    smash__mul_wide(w, pow10_28[step], &w, &low);
    if (!(w >> 63)) { w = w << 1 | low >> 63; e--; }
    e += 65 + (28 * (step - 13) * 217706 + (4096 << 16)) / 65536 - 4096;         /* 64 + 64 - 63 + floor(log2 10^(28 (step - 13))) */
    w >>= 2;                                                    /* 62 bits, so that a shift by `drop` is always below 64 */
    e += 2;
    slack = d->more ? 8 : 3;                                    /* two truncations, one rounded table entry, the cut head */

    biased = e + 9 + 1075;
    drop = biased < 1 ? 9 + 1 - biased : 9;
    if (drop > 63) return smash__float64(sign);
    if (biased > 2046) return smash__float64(sign | infinity);
    m = w >> drop;
    rest = w & (((uint64_t)1 << drop) - 1);
    half = (uint64_t)1 << (drop - 1);
    distance = rest > half ? rest - half : half - rest;
    up = rest > half;
    if (distance <= slack) {
        int order = smash__decimal_order(d, text, bytes, m, e + drop);
        up = order > 0 || (order == 0 && (m & 1));
    }
    m += (uint64_t)up;                                          /* a carry runs into the exponent, and on to Inf, as it should */
    return smash__float64(sign | (((uint64_t)(biased < 1 ? 0 : biased - 1) << 52) + m));
}

SMASH__DEF size_t smash_number_parse(const char *text, size_t bytes, double *out)
{
    smash__decimal d;
    size_t length = text ? smash__decimal_scan(&d, text, bytes) : 0;
    if (length && out) *out = smash__decimal_double(&d, text, length);
    return length;
}

/* ---- double to decimal ---- */

SMASH__FN size_t smash__digits(uint64_t value, char out[20])
{
    char back[20];
    size_t n = 0, i;
    do back[n++] = (char)('0' + (int)(value % 10)); while (value /= 10);
    for (i = 0; i < n; i++) out[i] = back[n - 1 - i];
    return n;
}

/* Shortest digits that only this positive double is nearest to, and of these the closest: x = 0.d1 d2 .. * 10^*point.
 * From Steele & White 1990 and Burger & Dybvig 1996: r / s is what is left of x, gap / s half the distance to the next
 * double below; above it is twice that where x is a power of two. */
SMASH__FN int smash__shortest(uint64_t bits, char digits[17], int *point)
{
    smash__big r, s, gap, sum;
    uint64_t m = bits & 0xFFFFFFFFFFFFFu;
    int biased = (int)(bits >> 52 & 0x7FF), e = (biased ? biased : 1) - 1075, length = 0, k, n = 0, low, high, digit, order;
    const int wide = m == 0 && biased > 1, even = !(m & 1);
    if (biased) m |= 0x10000000000000u;
    while (m >> length) length++;
    k = ((e + length - 1) * 315653 + (512 << 20)) / (1 << 20) - 511;             /* 1 + floor(log10 2^(e + length - 1)): right or 1 short */
    smash__big_set(&r, m << (1 + wide));
    smash__big_set(&s, (uint64_t)2 << wide);
    smash__big_set(&gap, 1);
    smash__big_mul_pow5(&s, k > 0 ? k : 0);
    smash__big_mul_pow5(&r, k < 0 ? -k : 0);
    smash__big_mul_pow5(&gap, k < 0 ? -k : 0);
    e -= k;                                                     /* what 10^k has beside 5^k */
    smash__big_shift(&s, e < 0 ? -e : 0);
    smash__big_shift(&r, e > 0 ? e : 0);
    smash__big_shift(&gap, e > 0 ? e : 0);
    for (;;) {
        smash__big_copy(&sum, &gap);
        smash__big_shift(&sum, wide);
        smash__big_add(&sum, &r);
        order = smash__big_order(&sum, &s);
        high = order > 0 || (even && order == 0);
        if (n == 0 && high) {                                   /* the estimate was 1 short */
            smash__big_mul_add(&s, 10, 0);
            k++;
        }
        smash__big_mul_add(&r, 10, 0);
        smash__big_mul_add(&gap, 10, 0);
        for (digit = 0; smash__big_order(&r, &s) >= 0; digit++) smash__big_subtract(&r, &s);
        order = smash__big_order(&r, &gap);
        low = order < 0 || (even && order == 0);
        smash__big_copy(&sum, &gap);
        smash__big_shift(&sum, wide);
        smash__big_add(&sum, &r);
        order = smash__big_order(&sum, &s);
        high = order > 0 || (even && order == 0);
        if (low || high || n == 16) break;
        digits[n++] = (char)('0' + digit);
    }
    if (low && high) {                                          /* both neighbours read back: the closer one, then the even one */
        smash__big_shift(&r, 1);
        order = smash__big_order(&r, &s);
        high = order > 0 || (order == 0 && (digit & 1));
    }
    digits[n++] = (char)('0' + digit + high);
    *point = k;
    return n;
}

SMASH__DEF size_t smash_number_print(double x, char out[SMASH_NUMBER_BYTES])
{
    const uint64_t bits = smash__bits64(x);
    char digits[17];
    size_t n = 0;
    int count, point, i;
    if (!smash_is_finite_f64(x)) { smash__copy(out, "null", 5); return 4; }
    if (bits >> 63) out[n++] = '-';
    if (bits << 1 == 0) { digits[0] = '0'; count = point = 1; }
    else count = smash__shortest(bits, digits, &point);
    if (point < -3 || point > 17) {                             /* d.ddde-05, d.ddde+22 */
        out[n++] = digits[0];
        if (count > 1) out[n++] = '.';
        for (i = 1; i < count; i++) out[n++] = digits[i];
        out[n++] = 'e';
        out[n++] = point > 0 ? '+' : '-';
        i = point > 0 ? point - 1 : 1 - point;
        if (i < 10) out[n++] = '0';
        n += smash__digits((uint64_t)i, out + n);
    } else {
        if (point <= 0) { out[n++] = '0'; out[n++] = '.'; }
        for (i = point; i < 0; i++) out[n++] = '0';
        for (i = 0; i < count || i < point; i++) {
            if (i && i == point) out[n++] = '.';
            out[n++] = i < count ? digits[i] : '0';
        }
    }
    out[n] = '\0';
    return n;
}

/* ---- text ---- */

/* Bytes of the UTF-8 character at p, 0 if it is none: cut off, overlong, a surrogate, above U+10FFFF. */
SMASH__FN size_t smash__utf8(const char *text, size_t bytes)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : p[0] < 0xF5 ? 4 : 0, i;
    if (n > bytes) return 0;
    for (i = 1; i < n; i++) if ((p[i] & 0xC0) != 0x80) return 0;
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F)) return 0;
    if ((p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F)) return 0;
    return n;
}

SMASH__FN int smash__is_utf8(const char *text, size_t bytes)
{
    size_t n = 1;
    for (; bytes && n; text += n, bytes -= n) n = smash__utf8(text, bytes);
    return n != 0;
}

SMASH__FN size_t smash__utf8_write(uint32_t c, char out[4])
{
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4, i;
    for (i = n - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(n == 1 ? c : (0xF00u >> n & 0xF0) | c);
    return n;
}

typedef struct smash__place { size_t at, start; uint32_t line; } smash__place;   /* start: first byte of the line; line from 0 */

/* Move a place on to `at`. Eight bytes at a step: each of many messages far down in a long text counts its lines. */
SMASH__FN void smash__place_move(smash__place *place, const char *text, size_t at)
{
    const uint64_t ones = 0x0101010101010101u, low = ones * 0x7F;
    size_t i = place->at, last = at, k;                         /* last: the last eight with a line feed in them */
    uint32_t lines = 0;
    for (; i < at && at - i >= 8; i += 8) {
        uint64_t word;
        smash__copy(&word, text + i, 8);
        word ^= ones * '\n';
        word = ~(((word & low) + low) | word | low) >> 7;       /* 1 in the bytes that are 0 now */
        if (!word) continue;
        last = i;
        lines += (uint32_t)(word * ones >> 56);                 /* adds the bytes up */
    }
    for (k = last; k < at && k < last + 8; k++) if (text[k] == '\n') place->start = k + 1;
    for (; i < at; i++) if (text[i] == '\n') { lines++; place->start = i + 1; }
    place->line += lines;
    place->at = at;
}

SMASH__FN int smash__diag_full(const smash_diags *diags)
{
    return diags->errors + diags->warnings - diags->dropped >= (diags->max ? diags->max : 256);
}

SMASH__FN void smash__diag_put(smash_diags *diags, smash_severity severity, const char *code, const char *file,
                               uint32_t line, uint32_t column, const char *message)
{
    smash_diag *d = NULL;
    size_t length = smash__length(message), bytes;
    if (!smash__diag_full(diags) && diags->arena && smash__add(length, sizeof *d + 1, &bytes))
        d = (smash_diag *)smash_arena_alloc(NULL, diags->arena, bytes);
    if (severity == SMASH_ERROR) diags->errors++; else diags->warnings++;
    if (!d) { diags->dropped++; return; }
    smash__copy(d + 1, message, length + 1);
    d->next = NULL;
    d->severity = severity;
    d->code = code;
    d->message = (const char *)(d + 1);
    d->file = file;
    d->line = line;
    d->column = column;
    if (diags->last) diags->last->next = d; else diags->first = d;
    diags->last = d;
}

/* ---- JSON, read ----
 * The same code runs over the text twice: first to check and count, then, with the memory of just the right size, to fill.
 * So a mistake costs no memory, and memory is never taken on the word of the text alone. */

typedef struct smash__json_level { uint32_t index, is_object; } smash__json_level;

typedef struct smash__json {
    smash_ctx         *ctx;
    const char        *text, *file;
    size_t             bytes, at;
    uint32_t           lenient, max_depth, max_values;
    smash_diags       *diags;
    smash__place       place, comma;       /* of the last message; of the last comma, if it may have to be warned of */
    smash__json_level *level;
    smash_value       *values, spare;      /* values: NULL in the first pass; spare takes its place */
    char              *strings;
    size_t             count, string_bytes;
} smash__json;

SMASH__FN smash_err smash__json_error(smash__json *j, smash_err err, const char *code, size_t at, const char *message)
{
    uint32_t line, column;
    smash__place_move(&j->place, j->text, at);
    line = j->place.line + 1;
    column = (uint32_t)(at - j->place.start) + 1;
    if (j->diags) smash__diag_put(j->diags, SMASH_ERROR, code, j->file, line, column, message);
    if (j->file) return smash__fail(j->ctx, err, "smash_json_parse", at, "%s:%u:%u: %s", j->file, line, column, message);
    return smash__fail(j->ctx, err, "smash_json_parse", at, "line %u, column %u: %s", line, column, message);
}

SMASH__FN smash_err smash__json_syntax(smash__json *j, size_t at, const char *message)
{
    return smash__json_error(j, SMASH_ERR_SYNTAX, "json_syntax", at, message);
}

/* Something else than `want` is at j->at: say both, and if the mistake is a well-known one, the way out. */
SMASH__FN smash_err smash__json_expected(smash__json *j, const char *want, const char *after)
{
    char message[SMASH_MESSAGE_BYTES], found[40];
    const char *p = j->text + j->at, *hint = "";
    size_t left = j->bytes - j->at, n = 0;
    for (; n < left && n < 24 && (smash__is_digit(p[n]) || ((p[n] | 32) >= 'a' && (p[n] | 32) <= 'z') || p[n] == '_'); n++) found[n] = p[n];
    if (!n && left && p[0] > 32 && p[0] < 127) found[n++] = p[0];
    found[n] = '\0';
    if (smash__equal(found, "True") || smash__equal(found, "False") || smash__equal(found, "None"))
        hint = "; JSON writes true, false, null";
    else if (smash__equal(found, "NaN") || smash__equal(found, "Infinity")) hint = "; JSON has no such number";
    else if (smash__equal(found, "'")) hint = "; JSON strings have double quotes";
    else if (smash__equal(found, "/") || smash__equal(found, "#")) hint = "; JSON has no comments";
    if (n) smash__format(message, sizeof message, "expected %s%s, found %s%s", want, after, found, hint);
    else if (left) smash__format(message, sizeof message, "expected %s%s, found byte %u", want, after, (uint32_t)(unsigned char)p[0]);
    else smash__format(message, sizeof message, "expected %s%s, but the text ends here", want, after);
    return smash__json_syntax(j, j->at, message);
}

SMASH__FN void smash__json_warn(smash__json *j, const smash__place *place, const char *code, const char *message)
{
    if (j->values || !j->diags) return;
    smash__diag_put(j->diags, SMASH_WARNING, code, j->file, place->line + 1, (uint32_t)(place->at - place->start) + 1, message);
}

SMASH__FN void smash__json_warn_here(smash__json *j, const char *code, const char *message)
{
    if (j->values || !j->diags) return;
    smash__place_move(&j->place, j->text, j->at);
    smash__json_warn(j, &j->place, code, message);
}

/* The byte at j->at, or -1 at the end */
SMASH__INLINE int smash__json_peek(const smash__json *j)
{
    return j->at < j->bytes ? (int)(unsigned char)j->text[j->at] : -1;
}

SMASH__FN void smash__json_space(smash__json *j)
{
    for (;;) {
        int c = smash__json_peek(j);
        if (c == ' ' || c == '\n' || c == '\r' || c == '\t') { j->at++; continue; }
        if (!j->lenient || (c != '#' && (c != '/' || j->bytes - j->at < 2 || j->text[j->at + 1] != '/'))) return;
        smash__json_warn_here(j, "json_comment", "comments are not JSON; other programs will refuse this file");
        while (j->at < j->bytes && j->text[j->at] != '\n') j->at++;
    }
}

/* A new value at j->at; NULL if it is one too many. */
SMASH__FN smash_value *smash__json_push(smash__json *j, smash_value_type type)
{
    smash_value *v = j->values ? j->values + j->count : &j->spare;
    if (j->count == j->max_values) {
        char message[SMASH_MESSAGE_BYTES];
        smash__format(message, sizeof message, "more than %u values; raise max_values if you trust the file", j->max_values);
        smash__json_error(j, SMASH_ERR_LIMIT, "json_limit", j->at, message);
        return NULL;
    }
    smash__fill(v, 0, sizeof *v);
    v->type = type;
    v->span = 1;
    v->at = (uint32_t)j->at;
    j->count++;
    return v;
}

SMASH__INLINE void smash__json_emit(smash__json *j, const char *text, size_t bytes)
{
    if (j->strings) smash__copy(j->strings + j->string_bytes, text, bytes);
    j->string_bytes += bytes;
}

/* Four hex digits at `at`, or -1 */
SMASH__FN int32_t smash__json_hex(const smash__json *j, size_t at)
{
    int32_t value = 0;
    int i;
    if (j->bytes < 4 || at > j->bytes - 4) return -1;
    for (i = 0; i < 4; i++) {
        char c = j->text[at + (size_t)i], lower = (char)(c | 32);
        if (smash__is_digit(c)) value = value * 16 + (c - '0');
        else if (lower >= 'a' && lower <= 'f') value = value * 16 + (lower - 'a' + 10);
        else return -1;
    }
    return value;
}

/* The escape at j->at */
SMASH__FN smash_err smash__json_escape(smash__json *j, char quote)
{
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char c = j->bytes - j->at >= 2 ? j->text[j->at + 1] : '\0';
    char utf8[4];
    int32_t high, low;
    size_t i;
    for (i = 0; i < sizeof names - 1; i++) {
        if (c == names[i]) { smash__json_emit(j, &meanings[i], 1); j->at += 2; return SMASH_OK; }
    }
    if (c == '\'' && quote == '\'') { smash__json_emit(j, &c, 1); j->at += 2; return SMASH_OK; }
    if (c != 'u') return smash__json_syntax(j, j->at, "expected one of \"\\/bfnrtu after a backslash; a backslash itself is written \\\\");
    high = smash__json_hex(j, j->at + 2);
    if (high < 0) return smash__json_syntax(j, j->at, "expected four hex digits after \\u");
    if (high >= 0xD800 && high < 0xE000) {                      /* a surrogate: only as the first half of a pair */
        low = -1;
        if (high < 0xDC00 && j->bytes - j->at >= 12 && smash__same(j->text + j->at + 6, "\\u", 2)) low = smash__json_hex(j, j->at + 8);
        if (low < 0xDC00 || low > 0xDFFF)
            return smash__json_syntax(j, j->at, "half a surrogate pair; expected \\uD800..DBFF and then \\uDC00..DFFF");
        high = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
        j->at += 6;
    }
    j->at += 6;
    smash__json_emit(j, utf8, smash__utf8_write((uint32_t)high, utf8));
    return SMASH_OK;
}

SMASH__FN smash_err smash__json_string(smash__json *j)
{
    const char quote = j->text[j->at];
    size_t open = j->at, start, n;
    smash_value *v = smash__json_push(j, SMASH_VALUE_STRING);
    if (!v) return SMASH_ERR_LIMIT;
    v->text = j->strings ? j->strings + j->string_bytes : NULL;
    start = j->string_bytes;
    if (quote == '\'') smash__json_warn_here(j, "json_single_quotes", "single quotes are not JSON; write \"text\"");
    j->at++;
    for (;;) {
        const char *p = j->text + j->at;
        size_t left = j->bytes - j->at;
        n = 0;
        while (n < left && (unsigned char)p[n] >= 32 && (unsigned char)p[n] < 128 && p[n] != quote && p[n] != '\\') n++;
        smash__json_emit(j, p, n);
        j->at += n;
        if (n == left) return smash__json_syntax(j, open, "this string has no closing quote");
        if (p[n] == quote) break;
        if (p[n] == '\\') { SMASH__TRY(smash__json_escape(j, quote)); continue; }
        if ((unsigned char)p[n] < 32) {
            char message[SMASH_MESSAGE_BYTES];
            smash__format(message, sizeof message, p[n] == '\n' ? "line break in a string; close the quote, or write \\n"
                          : "control character (byte %u) in a string; write it as \\n, \\t or \\u00..", (uint32_t)p[n]);
            return smash__json_syntax(j, j->at, message);
        }
        n = smash__utf8(j->text + j->at, j->bytes - j->at);
        if (!n) return smash__json_syntax(j, j->at, "expected UTF-8, found a byte that is not; save the file as UTF-8");
        smash__json_emit(j, j->text + j->at, n);
        j->at += n;
    }
    j->at++;
    v->count = (uint32_t)(j->string_bytes - start);
    smash__json_emit(j, "", 1);
    return SMASH_OK;
}

SMASH__FN smash_err smash__json_number(smash__json *j)
{
    smash__decimal d;
    const size_t n = smash__decimal_scan(&d, j->text + j->at, j->bytes - j->at), start = j->at, end = start + n;
    smash_value *v = smash__json_push(j, SMASH_VALUE_NUMBER);
    int c;
    if (!v) return SMASH_ERR_LIMIT;
    v->text = j->text + j->at;
    v->count = (uint32_t)n;
    if (j->values) v->number = smash__decimal_double(&d, v->text, n);
    j->at += n ? n : 1;
    c = smash__json_peek(j);
    if (!n) return smash__json_expected(j, "a digit", " after -");
    if (c == '.' || c == 'e' || c == 'E') {                     /* the scan stopped here: either no digit follows ... */
        const int point = c == '.';
        j->at++;
        c = smash__json_peek(j);
        if (!point && (c == '+' || c == '-')) { j->at++; c = smash__json_peek(j); }
        if (c < '0' || c > '9') return smash__json_expected(j, "a digit", point ? " after the point" : " in the exponent");
        j->at = end;                                            /* ... or it is the second of its kind, which is no part of a number */
    } else if (c >= '0' && c <= '9') return smash__json_syntax(j, start, "a number may not start with 0; remove the leading zeros");
    return SMASH_OK;
}

SMASH__FN smash_err smash__json_literal(smash__json *j)
{
    static const struct { const char *text; smash_value_type type; int number, lenient; } literals[] = {
        { "true", SMASH_VALUE_BOOL, 1, 0 }, { "false", SMASH_VALUE_BOOL, 0, 0 }, { "null", SMASH_VALUE_NULL, 0, 0 },
        { "True", SMASH_VALUE_BOOL, 1, 1 }, { "False", SMASH_VALUE_BOOL, 0, 1 }, { "None", SMASH_VALUE_NULL, 0, 1 } };
    size_t i, n;
    for (i = 0; i < sizeof literals / sizeof literals[0]; i++) {
        smash_value *v;
        n = smash__length(literals[i].text);
        if (n > j->bytes - j->at || !smash__same(j->text + j->at, literals[i].text, n) || (literals[i].lenient && !j->lenient)) continue;
        if (literals[i].lenient) smash__json_warn_here(j, "json_python_literal", "this is Python; JSON writes true, false, null");
        v = smash__json_push(j, literals[i].type);
        if (!v) return SMASH_ERR_LIMIT;
        v->number = literals[i].number;
        j->at += n;
        return SMASH_OK;
    }
    return smash__json_expected(j, "a value", "");
}

/* One pass over the document. */
SMASH__FN smash_err smash__json_run(smash__json *j)
{
    enum { FIRST, NEXT, AFTER } state = NEXT;                   /* behind an opening bracket, behind a comma, behind a value */
    smash__json_level *top;
    uint32_t depth = 0;
    j->at = j->count = j->string_bytes = 0;
    for (;;) {
        int c, is_object, close;
        smash__json_space(j);
        c = smash__json_peek(j);
        top = depth ? j->level + depth - 1 : NULL;
        is_object = top && top->is_object;
        close = is_object ? '}' : ']';
        if (!top && state == AFTER) return c < 0 ? SMASH_OK : smash__json_expected(j, "the end of the text", "");
        if (top && c == close && (state != NEXT || j->lenient)) {
            if (state == NEXT)
                smash__json_warn(j, &j->comma, "json_trailing_comma", "a comma in front of a closing bracket is not JSON; remove it");
            if (j->values) j->values[top->index].span = (uint32_t)(j->count - top->index);
            j->at++;
            depth--;
            state = AFTER;
            continue;
        }
        if (state == AFTER) {
            if (c != ',') return smash__json_expected(j, is_object ? "a comma or }" : "a comma or ]", "");
            if (j->lenient && !j->values) { smash__place_move(&j->place, j->text, j->at); j->comma = j->place; }
            j->at++;
            state = NEXT;
            continue;
        }
        if (top && j->values) j->values[top->index].count++;
        if (is_object) {
            if (c != '"' && (c != '\'' || !j->lenient))
                return smash__json_expected(j, state == NEXT ? "a key in double quotes" : "a key in double quotes or }",
                                            state == NEXT ? " after the comma" : "");
            SMASH__TRY(smash__json_string(j));
            smash__json_space(j);
            if (smash__json_peek(j) != ':') return smash__json_expected(j, "a colon", " after the key");
            j->at++;
            smash__json_space(j);
            c = smash__json_peek(j);
        }
        state = AFTER;
        if (c == '{' || c == '[') {
            if (depth == j->max_depth) {
                char message[SMASH_MESSAGE_BYTES];
                smash__format(message, sizeof message, "nested deeper than the %u levels that are allowed here", j->max_depth);
                return smash__json_error(j, SMASH_ERR_LIMIT, "json_limit", j->at, message);
            }
            j->level[depth].index = (uint32_t)j->count;
            j->level[depth].is_object = c == '{';
            depth++;
            if (!smash__json_push(j, c == '{' ? SMASH_VALUE_OBJECT : SMASH_VALUE_ARRAY)) return SMASH_ERR_LIMIT;
            j->at++;
            state = FIRST;
        }
        else if (c == '"' || (c == '\'' && j->lenient)) SMASH__TRY(smash__json_string(j));
        else if (c == '-' || (c >= '0' && c <= '9')) SMASH__TRY(smash__json_number(j));
        else SMASH__TRY(smash__json_literal(j));
    }
}

/* Any total order of strings: the shorter first, then by bytes. */
SMASH__FN int smash__key_order(const smash_value *a, const smash_value *b)
{
    uint32_t i;
    if (a->count != b->count) return a->count < b->count ? -1 : 1;
    for (i = 0; i < a->count && a->text[i] == b->text[i]; i++) {}
    return i == a->count ? 0 : (int)(unsigned char)a->text[i] - (int)(unsigned char)b->text[i];
}

SMASH__FN int smash__order_keys(const void *values, uint32_t a, uint32_t b)
{
    return smash__key_order((const smash_value *)values + a, (const smash_value *)values + b);
}

/* The first key in the text that its object already has: *twice is its index, 0 if there is none; *before is the other's. */
SMASH__FN smash_err smash__json_unique(smash_ctx *ctx, const smash_value *values, size_t count, size_t *twice, size_t *before)
{
    size_t i, k, n, widest = 0;
    uint32_t *keys;
    *twice = *before = 0;
    for (i = 0; i < count; i++)
        if (values[i].type == SMASH_VALUE_OBJECT && values[i].count > widest) widest = values[i].count;
    if (widest < 2) return SMASH_OK;
    keys = (uint32_t *)smash__scratch(ctx, widest, 2 * sizeof *keys);
    if (!keys) return SMASH_ERR_NOMEM;
    for (i = 0; i < count; i++) {
        if (values[i].type != SMASH_VALUE_OBJECT || values[i].count < 2) continue;
        for (n = 0, k = i + 1; n < values[i].count; k += 1 + values[k + 1].span) keys[n++] = (uint32_t)k;
        smash__sort(keys, keys + widest, n, smash__order_keys, values);
        for (k = 1; k < n; k++) {
            if ((*twice && keys[k] >= *twice) || smash__key_order(values + keys[k - 1], values + keys[k]) != 0) continue;
            *twice = keys[k];
            *before = keys[k - 1];
        }
    }
    return SMASH_OK;
}

/* Both passes, once everything but the levels is set up. */
SMASH__FN smash_err smash__json_build(smash__json *j, smash_arena *arena, int unique_keys)
{
    smash_arena_mark mark;
    smash_err err = SMASH_ERR_NOMEM;
    size_t bytes, twice = 0, before = 0;
    j->level = (smash__json_level *)smash__scratch(j->ctx, j->max_depth, sizeof *j->level);
    if (!j->level) return SMASH_ERR_NOMEM;
    SMASH__TRY(smash__json_run(j));
    if (!smash__mul(j->count, sizeof *j->values, &bytes) || !smash__add(bytes, j->string_bytes, &bytes))
        return smash__json_error(j, SMASH_ERR_LIMIT, "json_limit", 0, "more values than the address space can hold");
    mark = smash_arena_get_mark(arena);                         /* not before: diags may live in the same arena */
    j->values = (smash_value *)smash_arena_alloc(j->ctx, arena, bytes);
    if (j->values) {
        j->strings = (char *)(j->values + j->count);
        err = smash__json_run(j);
        if (!err && unique_keys) err = smash__json_unique(j->ctx, j->values, j->count, &twice, &before);
    }
    if (twice) {
        char message[SMASH_MESSAGE_BYTES];
        size_t at = j->values[twice].at;
        smash__place first;
        smash__fill(&first, 0, sizeof first);
        smash__place_move(&first, j->text, j->values[before].at);
        smash__format(message, sizeof message, "the key %q is in this object already, on line %u; remove one of the two",
                      j->values[twice].text, first.line + 1);
        smash_arena_rewind(arena, mark);
        smash__fill(&j->place, 0, sizeof j->place);
        return smash__json_error(j, SMASH_ERR_SYNTAX, "json_duplicate_key", at, message);
    }
    if (err) smash_arena_rewind(arena, mark);
    return err;
}

SMASH__DEF smash_err smash_json_parse(smash_ctx *ctx, const smash_json_desc *desc, const char *text, size_t bytes,
                                      smash_arena *arena, smash_diags *diags, smash_json *out)
{
    smash__json j;
    smash_arena_mark mark;
    smash_err err;
    if (!SMASH__DESC_OK(desc)) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the smash_json_desc was not zeroed; start it with SMASH_ZERO");
    if (!out || !arena || (!text && bytes)) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "text, arena and out must not be NULL");
    if (smash__ctx(ctx) && (arena == &ctx->scratch || (diags && diags->arena == &ctx->scratch)))
        return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the result cannot live in ctx->scratch, which is given back; use an arena of its own");
    if (desc && desc->max_depth > 1024)
        return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "max_depth is %u; at most 1024 is possible", desc->max_depth);
    if (bytes >= UINT32_MAX)
        return SMASH__FAIL(ctx, SMASH_ERR_LIMIT, 0, "the text has %z bytes; at most 4,294,967,294 are possible", bytes);
    smash__fill(&j, 0, sizeof j);
    j.ctx = ctx;
    j.text = text ? text : "";
    j.bytes = bytes;
    j.diags = diags;
    j.file = desc ? desc->file : NULL;
    j.lenient = desc ? desc->lenient : 0;
    j.max_depth = desc && desc->max_depth ? desc->max_depth : 32;
    j.max_values = desc && desc->max_values ? desc->max_values : 16777216;
    if (bytes >= 3 && smash__same(text, "\xEF\xBB\xBF", 3))
        return smash__json_syntax(&j, 0, "the text starts with a byte order mark (BOM); save it as UTF-8 without one");
    if (bytes >= 2 && (smash__same(text, "\xFF\xFE", 2) || smash__same(text, "\xFE\xFF", 2)))
        return smash__json_syntax(&j, 0, "the text is UTF-16 with a byte order mark (BOM); save it as UTF-8 without one");
    mark = smash__scratch_mark(ctx);
    err = smash__json_build(&j, arena, desc && desc->unique_keys);
    smash__scratch_rewind(ctx, mark);
    if (err) return err;
    out->root = j.values;
    out->count = j.count;
    out->text = j.text;
    out->bytes = bytes;
    out->file = j.file;
    return SMASH_OK;
}

SMASH__DEF const smash_value *smash_value_get(const smash_value *object, const char *name)
{
    const smash_value *key;
    uint32_t i;
    if (!object || !name || object->type != SMASH_VALUE_OBJECT) return NULL;
    for (i = 0, key = object + 1; i < object->count; i++, key += 1 + key[1].span) if (smash_value_is(key, name)) return key + 1;
    return NULL;
}

SMASH__DEF int smash_value_is(const smash_value *v, const char *text)
{
    return v && text && v->type == SMASH_VALUE_STRING && smash__length(text) == v->count && smash__same(v->text, text, v->count);
}

/* The digits of a NUMBER from byte `start` on, if they are all there is and fit */
SMASH__FN int smash__value_digits(const smash_value *v, uint32_t start, uint64_t *out)
{
    uint64_t value = 0;
    uint32_t i;
    for (i = start; i < v->count; i++) {
        uint64_t digit = (uint64_t)(v->text[i] - '0');
        if (!smash__is_digit(v->text[i]) || value > (UINT64_MAX - digit) / 10) return 0;
        value = value * 10 + digit;
    }
    *out = value;
    return v->count > start;
}

SMASH__DEF int smash_value_u64(const smash_value *v, uint64_t *out)
{
    uint64_t value;
    if (!v || !out || v->type != SMASH_VALUE_NUMBER || !smash__value_digits(v, 0, &value)) return 0;
    *out = value;
    return 1;
}

SMASH__DEF int smash_value_i64(const smash_value *v, int64_t *out)
{
    const uint64_t limit = INT64_MAX;
    uint64_t value;
    int negative;
    if (!v || !out || v->type != SMASH_VALUE_NUMBER || !v->count) return 0;
    negative = v->text[0] == '-';
    if (!smash__value_digits(v, (uint32_t)negative, &value) || value > limit + (uint64_t)negative) return 0;
    if (negative) *out = value > limit ? -INT64_MAX - 1 : -(int64_t)value;
    else *out = (int64_t)value;
    return 1;
}

SMASH__DEF const char *smash_value_kind(smash_value_type type)
{
    switch (type) {
    case SMASH_VALUE_NULL:   return "null";
    case SMASH_VALUE_BOOL:   return "a boolean";
    case SMASH_VALUE_NUMBER: return "a number";
    case SMASH_VALUE_STRING: return "a string";
    case SMASH_VALUE_ARRAY:  return "a list";
    case SMASH_VALUE_OBJECT: return "an object";
    }
    return "a value";
}

SMASH__DEF void smash_json_place(const smash_json *doc, uint32_t at, uint32_t *line, uint32_t *column)
{
    smash__place place;
    smash__fill(&place, 0, sizeof place);
    if (doc && doc->text) smash__place_move(&place, doc->text, at < doc->bytes ? at : doc->bytes);
    if (line) *line = place.line + 1;
    if (column) *column = (uint32_t)(place.at - place.start) + 1;
}

SMASH__DEF void smash_diag_add(smash_diags *diags, smash_severity severity, const char *code,
                               const smash_json *doc, const smash_value *v, const char *message)
{
    uint32_t line = 0, column = 0;
    if (!diags) return;
    if (doc && v && !smash__diag_full(diags)) smash_json_place(doc, v->at, &line, &column);
    smash__diag_put(diags, severity, code, doc ? doc->file : NULL, line, column, message ? message : "");
}

SMASH__FN char smash__fold(char c) { return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c; }

enum { SMASH__NEAREST_LENGTH = 64 };

/* Insertions, deletions, replacements and swaps of neighbours that make b of a, whatever the case. Both at most 64 bytes. */
SMASH__FN uint32_t smash__edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    unsigned char rows[3][SMASH__NEAREST_LENGTH + 1], *above2 = rows[0], *above = rows[1], *row = rows[2], *swap;
    size_t i, k;
    for (k = 0; k <= b_length; k++) row[k] = (unsigned char)k;
    for (i = 1; i <= a_length; i++) {
        swap = above2; above2 = above; above = row; row = swap;
        row[0] = (unsigned char)i;
        for (k = 1; k <= b_length; k++) {
            const int same = smash__fold(a[i - 1]) == smash__fold(b[k - 1]);
            int best = above[k - 1] + !same;
            if (above[k] + 1 < best) best = above[k] + 1;
            if (row[k - 1] + 1 < best) best = row[k - 1] + 1;
            if (i > 1 && k > 1 && smash__fold(a[i - 1]) == smash__fold(b[k - 2]) && smash__fold(a[i - 2]) == smash__fold(b[k - 1])
                && above2[k - 2] + 1 < best) best = above2[k - 2] + 1;
            row[k] = (unsigned char)best;
        }
    }
    return row[b_length];
}

SMASH__DEF const char *smash_nearest(const char *word, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t length, i;
    uint32_t best;
    if (!word || !names) return NULL;
    length = smash__length(word);
    if (length > SMASH__NEAREST_LENGTH) return NULL;
    best = (uint32_t)(length / 3 > 1 ? length / 3 : 1) + 1;
    for (i = 0; i < count; i++) {
        size_t n = names[i] ? smash__length(names[i]) : SIZE_MAX;
        uint32_t distance = n <= SMASH__NEAREST_LENGTH ? smash__edit_distance(word, length, names[i], n) : best;
        if (distance < best) { best = distance; nearest = names[i]; }
    }
    return nearest;
}

/* ---- JSON, write ---- */

enum { SMASH__WRITE_EMPTY = 0, SMASH__WRITE_FILLED = 1, SMASH__WRITE_KEYED = 2 };   /* state of the innermost container */

SMASH__FN void smash__write_raw(smash_writer *w, const char *text, size_t bytes)
{
    if (!w->err && bytes) w->err = w->put(w->user, text, bytes);
}

SMASH__FN int smash__write_in_object(const smash_writer *w) { return w->depth && !(w->is_array >> (w->depth - 1) & 1); }

/* 1 if the innermost container is on one line */
SMASH__FN int smash__write_is_flat(const smash_writer *w) { return !w->indent || (w->flat && w->depth > w->flat); }

SMASH__FN void smash__write_line(smash_writer *w, uint32_t levels)
{
    static const char spaces[] = "                                ";
    uint64_t n = (uint64_t)levels * w->indent, step;
    smash__write_raw(w, "\n", 1);
    for (; n && !w->err; n -= step) {
        step = n < sizeof spaces - 1 ? n : sizeof spaces - 1;
        smash__write_raw(w, spaces, (size_t)step);
    }
}

/* In front of every key and value: is it legal here, and what separates it from the one before. Returns 1 to go on. */
SMASH__FN int smash__write_item(smash_writer *w, int is_key)
{
    const int keyed = w && w->state == SMASH__WRITE_KEYED;
    if (!w || w->err) return 0;
    if (!w->put || w->depth > SMASH_WRITER_DEPTH
        || (smash__write_in_object(w) ? is_key == keyed : is_key || (!w->depth && w->state != SMASH__WRITE_EMPTY))) {
        w->err = SMASH_ERR_ARG;
        return 0;
    }
    if (w->depth && !keyed) {
        if (w->state == SMASH__WRITE_FILLED) smash__write_raw(w, ",", 1);
        if (!smash__write_is_flat(w)) smash__write_line(w, w->depth);
        else if (w->indent && w->state == SMASH__WRITE_FILLED) smash__write_raw(w, " ", 1);
    }
    w->state = is_key ? SMASH__WRITE_KEYED : SMASH__WRITE_FILLED;
    return 1;
}

SMASH__FN void smash__write_begin(smash_writer *w, int is_array)
{
    if (w && !w->err && w->depth >= SMASH_WRITER_DEPTH) w->err = SMASH_ERR_ARG;
    if (!smash__write_item(w, 0)) return;
    smash__write_raw(w, is_array ? "[" : "{", 1);
    w->is_array = (w->is_array & ~((uint64_t)1 << w->depth)) | (uint64_t)is_array << w->depth;
    w->depth++;
    w->state = SMASH__WRITE_EMPTY;
}

SMASH__FN void smash__write_string(smash_writer *w, const char *text, size_t bytes)
{
    static const char names[] = "\"\\nrtbf", meanings[] = "\"\\\n\r\t\b\f", hex[] = "0123456789abcdef";
    size_t start = 0, i = 0, n, k;
    smash__write_raw(w, "\"", 1);
    while (i < bytes) {
        char escape[6] = { '\\', 'u', '0', '0', '0', '0' };
        n = smash__utf8(text + i, bytes - i);
        if (n && (unsigned char)text[i] >= 32 && text[i] != '"' && text[i] != '\\') { i += n; continue; }
        smash__write_raw(w, text + start, i - start);
        for (k = 0; k < sizeof names - 1 && text[i] != meanings[k]; k++) {}
        if (!n) smash__write_raw(w, "\\ufffd", 6);
        else if (k < sizeof names - 1) {
            escape[1] = names[k];
            smash__write_raw(w, escape, 2);
        } else {
            escape[4] = hex[text[i] >> 4];
            escape[5] = hex[text[i] & 15];
            smash__write_raw(w, escape, 6);
        }
        start = ++i;
    }
    smash__write_raw(w, text + start, bytes - start);
    smash__write_raw(w, "\"", 1);
}

SMASH__FN void smash__write_key(smash_writer *w, const char *key, size_t bytes)
{
    if (!smash__write_item(w, 1)) return;
    smash__write_string(w, key, bytes);
    smash__write_raw(w, ": ", w->indent ? 2 : 1);
}

SMASH__FN void smash__write_scalar(smash_writer *w, const char *text, size_t bytes)
{
    if (smash__write_item(w, 0)) smash__write_raw(w, text, bytes);
}

SMASH__DEF void smash_write_begin_object(smash_writer *w) { smash__write_begin(w, 0); }
SMASH__DEF void smash_write_begin_array(smash_writer *w)  { smash__write_begin(w, 1); }

SMASH__DEF void smash_write_end(smash_writer *w)
{
    int in_object;
    if (!w || w->err) return;
    if (!w->depth || w->depth > SMASH_WRITER_DEPTH || w->state == SMASH__WRITE_KEYED) { w->err = SMASH_ERR_ARG; return; }
    in_object = smash__write_in_object(w);
    if (w->state == SMASH__WRITE_FILLED && !smash__write_is_flat(w)) smash__write_line(w, w->depth - 1);
    smash__write_raw(w, in_object ? "}" : "]", 1);
    w->depth--;
    w->state = SMASH__WRITE_FILLED;
}

SMASH__DEF void smash_write_key(smash_writer *w, const char *key)
{
    if (key) smash__write_key(w, key, smash__length(key));
    else if (w && !w->err) w->err = SMASH_ERR_ARG;
}

SMASH__DEF void smash_write_null(smash_writer *w)            { smash__write_scalar(w, "null", 4); }
SMASH__DEF void smash_write_bool(smash_writer *w, int value) { smash__write_scalar(w, value ? "true" : "false", value ? 4 : 5); }

SMASH__DEF void smash_write_i64(smash_writer *w, int64_t value)
{
    char text[21];
    text[0] = '-';
    if (value >= 0) smash_write_u64(w, (uint64_t)value);
    else smash__write_scalar(w, text, 1 + smash__digits((uint64_t)-(value + 1) + 1, text + 1));
}

SMASH__DEF void smash_write_u64(smash_writer *w, uint64_t value)
{
    char text[20];
    smash__write_scalar(w, text, smash__digits(value, text));
}

SMASH__DEF void smash_write_number(smash_writer *w, double value)
{
    char text[SMASH_NUMBER_BYTES];
    smash__write_scalar(w, text, smash_number_print(value, text));
}

SMASH__DEF void smash_write_text(smash_writer *w, const char *text)
{
    if (!text) smash_write_null(w);
    else if (smash__write_item(w, 0)) smash__write_string(w, text, smash__length(text));
}

/* exact: numbers as they were written, so that no digit is lost; else as the shortest text for their value */
SMASH__FN void smash__write_tree(smash_writer *w, const smash_value *v, int exact)
{
    uint32_t ends[SMASH_WRITER_DEPTH], i, span = v ? v->span : 0;
    int open = 0;
    if (!v) smash_write_null(w);
    for (i = 0; i < span && w && !w->err; i++) {
        const smash_value *x = v + i;
        for (; open && ends[open - 1] == i; open--) smash_write_end(w);
        if (open && smash__write_in_object(w) && w->state != SMASH__WRITE_KEYED) { smash__write_key(w, x->text, x->count); continue; }
        switch (x->type) {
        case SMASH_VALUE_NULL:   smash_write_null(w); break;
        case SMASH_VALUE_BOOL:   smash_write_bool(w, x->number != 0); break;
        case SMASH_VALUE_NUMBER: if (exact) smash__write_scalar(w, x->text, x->count); else smash_write_number(w, x->number); break;
        case SMASH_VALUE_STRING: if (smash__write_item(w, 0)) smash__write_string(w, x->text, x->count); break;
        case SMASH_VALUE_ARRAY:
        case SMASH_VALUE_OBJECT:
            smash__write_begin(w, x->type == SMASH_VALUE_ARRAY);
            if (!w->err) ends[open++] = i + x->span;
            break;
        }
    }
    for (; open; open--) smash_write_end(w);
}

SMASH__DEF void smash_write_value(smash_writer *w, const smash_value *v) { smash__write_tree(w, v, 1); }

SMASH__DEF smash_err smash_text_put(void *text, const char *data, size_t bytes)
{
    smash_text *t = (smash_text *)text;
    size_t want, capacity;
    if (!t || (!data && bytes)) return SMASH__FAIL(t ? t->ctx : NULL, SMASH_ERR_ARG, 0, "text and data must not be NULL");
    if (!smash__add(t->bytes, bytes, &want) || !smash__add(want, 1, &want))
        return SMASH__FAIL(t->ctx, SMASH_ERR_NOMEM, 0, "the text does not fit the address space");
    if (want > t->capacity) {
        char *grown;
        if (!smash__mul(t->capacity, 2, &capacity) || capacity < want) capacity = want;
        if (capacity < 256) capacity = 256;
        grown = (char *)smash_arena_alloc(t->ctx, t->arena, capacity);
        if (!grown) return t->arena ? SMASH_ERR_NOMEM : SMASH_ERR_ARG;
        smash__copy(grown, t->data, t->bytes);
        t->data = grown;
        t->capacity = capacity;
    }
    smash__copy(t->data + t->bytes, data, bytes);
    t->bytes += bytes;
    t->data[t->bytes] = '\0';
    return SMASH_OK;
}
#endif

#if !SMASH_NO_SELECT
/*==================================================================================================
 * MARK: - Select, implementation                                                      >>select-impl
 *================================================================================================*/

/* A program is one word a state, the operation in the low three bits and its argument above, then the character classes.
 * State s goes on to s + 1 unless it says otherwise. A class is (ranges << 1 | negated), then first, last, first, last,
 * ascending and apart. While a program is being written, the targets of SPLIT and JUMP are relative: a counted repeat
 * can then copy states as they are. */
enum {
    SMASH__RE_CHAR   = 0,                /* this code point */
    SMASH__RE_CLASS  = 1,                /* a code point of the class at this word */
    SMASH__RE_SPLIT  = 2,                /* to s + 1, and to this state */
    SMASH__RE_JUMP   = 3,                /* to this state */
    SMASH__RE_ASSERT = 4,                /* one of ^ m $ M A Z b B, where m and M are ^ and $ under (?m) */
    SMASH__RE_MATCH  = 5,
    SMASH__RE_MAX    = 100000,           /* states, and class ranges */
    SMASH__RE_HERE   = 1 << 28,          /* relative target 0 */
    SMASH__RE_I = 1, SMASH__RE_M = 2, SMASH__RE_S = 4, SMASH__RE_A = 8, SMASH__RE_U = 16
};
#define SMASH__RE_NONE UINT32_MAX        /* no code point: before the text, and at its end */

/* An open group; the first is the whole pattern. Each has a spare state at `start`, for a quantifier, and each
 * alternative one at `branch`, for the | behind it: states before it never have to move. */
typedef struct smash__re_group {
    size_t   open;                       /* byte of its ( */
    uint32_t start, branch;
    uint32_t jumps;                      /* 1 + the last JUMP out of an alternative, each names the one before; 0 = none */
    uint32_t flags;                      /* of the text around it */
} smash__re_group;

/* The same code runs twice: once to check and measure, with code = NULL, once to write. */
typedef struct smash__re {
    smash_ctx           *ctx;
    const unsigned char *text;
    size_t               bytes, at;
    smash__re_group     *groups;
    size_t               depth;
    uint32_t            *code;
    uint32_t             states, ranges, pool;   /* pool: words of classes; in the second pass, the next free word */
    uint32_t             flags;
} smash__re;

/* Code point at s[0] and its length; a byte that begins no valid UTF-8 stands for itself. bytes > 0 */
SMASH__FN uint32_t smash__select_char(const unsigned char *s, size_t bytes, size_t *length)
{
    static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
    uint32_t c = s[0];
    size_t n = c < 0xC2 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 1, i;
    *length = 1;
    if (n == 1 || n > bytes) return c;
    c &= 0xFFu >> (n + 1);
    for (i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80) return s[0];
        c = c << 6 | (s[i] & 0x3Fu);
    }
    if (c < least[n] || c > 0x10FFFF || c >> 11 == 0x1B) return s[0];       /* too long, too large, half of a UTF-16 pair */
    *length = n;
    return c;
}

SMASH__FN int smash__re_word(uint32_t c)
{
    return (c >= 128 && c != SMASH__RE_NONE) || c == '_' || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

SMASH__FN smash_err smash__re_fail(const smash__re *re, smash_err err, size_t at, const char *what)
{
    char shown[64];
    size_t n = re->bytes;
    if (n > sizeof shown - 4) {
        n = sizeof shown - 4;
        while (n && (re->text[n] & 0xC0) == 0x80) n--;
        smash__copy(shown + n, "...", 4);
    } else shown[n] = '\0';
    smash__copy(shown, re->text, n);
    return smash__fail(re->ctx, err, "smash_regex_compile", at, "regular expression %q, byte %z: %s", shown, at, what);
}

SMASH__FN smash_err smash__re_syntax(const smash__re *re, size_t at, const char *what)
{
    return smash__re_fail(re, SMASH_ERR_SYNTAX, at, what);
}

SMASH__FN smash_err smash__re_unsupported(const smash__re *re, size_t at, const char *what)
{
    return smash__re_fail(re, SMASH_ERR_UNSUPPORTED, at, what);
}

SMASH__FN smash_err smash__re_limit(const smash__re *re)
{
    return smash__re_fail(re, SMASH_ERR_LIMIT, re->at, "more than 100000 states; shorten the pattern or its {m,n}");
}

/* ---- writing states ---- */

SMASH__FN smash_err smash__re_put(smash__re *re, uint32_t op, uint32_t arg)
{
    if (re->states >= SMASH__RE_MAX) return smash__re_limit(re);
    if (re->code) re->code[re->states] = op | arg << 3;
    re->states++;
    return SMASH_OK;
}

SMASH__FN void smash__re_link(smash__re *re, uint32_t from, uint32_t op, uint32_t to)
{
    if (re->code) re->code[from] = op | (SMASH__RE_HERE + to - from) << 3;
}

/* A state that only goes on, to be overwritten if need be. */
SMASH__FN smash_err smash__re_spare(smash__re *re) { return smash__re_put(re, SMASH__RE_JUMP, SMASH__RE_HERE + 1); }

/* min..max times the item that begins at state `item`; max = SMASH__RE_NONE has no end. A group begins with a spare state. */
SMASH__FN smash_err smash__re_repeat(smash__re *re, uint32_t item, int is_group, uint32_t min, uint32_t max)
{
    uint32_t endless = max == SMASH__RE_NONE, copies = !endless ? max : min ? min : 1, body = item + (is_group || !min);
    uint32_t length, at, end, k;
    size_t grown;
    if (body > item && !is_group) {                                 /* one state, to be skipped: make room in front */
        SMASH__TRY(smash__re_spare(re));
        if (re->code) re->code[body] = re->code[item];
    }
    if (!copies) { smash__re_link(re, item, SMASH__RE_JUMP, re->states); return SMASH_OK; }     /* {0}: never entered */
    length = re->states - body;
    at = re->states;
    if (!smash__mul(copies, (size_t)length + 1, &grown) || grown - copies > SMASH__RE_MAX) return smash__re_limit(re);
    end = body + copies * length + (copies > min ? copies - min - (min == 0) : 0) + endless;
    if (end > SMASH__RE_MAX) return smash__re_limit(re);
    if (!min) smash__re_link(re, item, SMASH__RE_SPLIT, end);       /* each copy that may be missing can jump to the end */
    for (k = 1; k < copies && re->code; k++) {
        if (k >= min) smash__re_link(re, at++, SMASH__RE_SPLIT, end);
        smash__copy(re->code + at, re->code + body, length * sizeof *re->code);
        at += length;
    }
    if (endless) smash__re_link(re, at, SMASH__RE_SPLIT, at - length);
    re->states = end;
    return SMASH_OK;
}

/* ---- classes: head = smash__re_class(), ranges, smash__re_class_end() ---- */

SMASH__FN void smash__re_pair(smash__re *re, uint32_t first, uint32_t last)
{
    if (re->code) { re->code[re->pool] = first; re->code[re->pool + 1] = last; }
    re->pool += 2;
    re->ranges++;
}

/* first..last, and under (?i) the other case of its ASCII letters */
SMASH__FN void smash__re_range(smash__re *re, uint32_t first, uint32_t last)
{
    smash__re_pair(re, first, last);
    if (re->flags & SMASH__RE_I) {
        uint32_t from = first > 'A' ? first : 'A', to = last < 'Z' ? last : 'Z';
        if (from <= to) smash__re_pair(re, from + 32, to + 32);
        from = first > 'a' ? first : 'a';
        to = last < 'z' ? last : 'z';
        if (from <= to) smash__re_pair(re, from - 32, to - 32);
    }
}

/* \d \s \w, or all that they leave out for \D \S \W */
SMASH__FN void smash__re_category(smash__re *re, uint32_t kind)
{
    static const uint32_t digit[] = { '0', '9' }, space[] = { 9, 13, 28, 32 };
    static const uint32_t word[] = { '0', '9', 'A', 'Z', '_', '_', 'a', 'z', 128, 0x10FFFF };
    const uint32_t *r = (kind | 32) == 'd' ? digit : (kind | 32) == 's' ? space : word;
    uint32_t n = (kind | 32) == 'd' ? 2 : (kind | 32) == 's' ? 4 : 10, next = 0, i;
    for (i = 0; i < n; i += 2) {
        if (kind & 32) smash__re_pair(re, r[i], r[i + 1]);
        else if (next < r[i]) smash__re_pair(re, next, r[i] - 1);
        next = r[i + 1] + 1;
    }
    if (!(kind & 32) && next <= 0x10FFFF) smash__re_pair(re, next, 0x10FFFF);
}

SMASH__FN uint32_t smash__re_class(smash__re *re) { return re->pool++; }

SMASH__FN smash_err smash__re_class_end(smash__re *re, uint32_t head, uint32_t negated)
{
    if (re->ranges > SMASH__RE_MAX) return smash__re_limit(re);
    if (re->code) {                                                 /* sort by first (Shell), then join what touches */
        uint32_t *r = re->code + head + 1, n = (re->pool - head - 1) / 2, gap = 1, kept = 0, i, k;
        while (gap < n / 3) gap = 3 * gap + 1;
        for (; gap; gap /= 3)
            for (i = gap; i < n; i++) {
                uint32_t first = r[2 * i], last = r[2 * i + 1];
                for (k = i; k >= gap && r[2 * (k - gap)] > first; k -= gap) {
                    r[2 * k] = r[2 * (k - gap)];
                    r[2 * k + 1] = r[2 * (k - gap) + 1];
                }
                r[2 * k] = first;
                r[2 * k + 1] = last;
            }
        for (i = 0; i < n; i++) {
            if (kept && r[2 * i] <= r[2 * kept - 1] + 1) {
                if (r[2 * i + 1] > r[2 * kept - 1]) r[2 * kept - 1] = r[2 * i + 1];
            } else {
                r[2 * kept] = r[2 * i];
                r[2 * kept + 1] = r[2 * i + 1];
                kept++;
            }
        }
        re->code[head] = kept << 1 | negated;
        re->pool = head + 1 + 2 * kept;
    }
    return smash__re_put(re, SMASH__RE_CLASS, head);
}

SMASH__FN smash_err smash__re_literal(smash__re *re, uint32_t c)
{
    uint32_t head;
    if (!(re->flags & SMASH__RE_I) || (c | 32) < 'a' || (c | 32) > 'z') return smash__re_put(re, SMASH__RE_CHAR, c);
    head = smash__re_class(re);
    smash__re_range(re, c, c);
    return smash__re_class_end(re, head, 0);
}

/* ---- reading the pattern ---- */

/* The byte ahead, or 0 at the end; what the syntax is made of is ASCII. */
SMASH__FN unsigned char smash__re_peek(const smash__re *re) { return re->at < re->bytes ? re->text[re->at] : 0; }

SMASH__FN int smash__re_accept(smash__re *re, char c)
{
    if (re->at >= re->bytes || re->text[re->at] != (unsigned char)c) return 0;
    re->at++;
    return 1;
}

SMASH__FN uint32_t smash__re_next(smash__re *re)
{
    size_t length;
    uint32_t c = smash__select_char(re->text + re->at, re->bytes - re->at, &length);
    re->at += length;
    return c;
}

/* Up to `most` digits of a base onto *value; returns how many there were. */
SMASH__FN int smash__re_digits(smash__re *re, uint32_t base, int most, uint32_t *value)
{
    int n = 0;
    for (; n < most; n++, re->at++) {
        uint32_t c = smash__re_peek(re), digit = c >= '0' && c <= '9' ? c - '0' : base;
        if (digit == base) digit = (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : base;
        if (digit >= base) break;
        *value = *value * base + digit;
    }
    return n;
}

/* What follows a \ that stands at byte `from`: a code point in *c with *kind = 0, or the letter of a category or assertion. */
SMASH__FN smash_err smash__re_escape(smash__re *re, size_t from, int in_class, uint32_t *c, uint32_t *kind)
{
    static const char controls[] = "a\ab\bf\fn\nr\rt\tv\v";
    int i;
    *kind = 0;
    if (re->at >= re->bytes) return smash__re_syntax(re, from, "nothing follows the \\; write \\\\ for a backslash");
    *c = smash__re_next(re);
    if (*c == 'd' || *c == 'D' || *c == 's' || *c == 'S' || *c == 'w' || *c == 'W'
        || (!in_class && (*c == 'A' || *c == 'Z' || *c == 'b' || *c == 'B'))) { *kind = *c; return SMASH_OK; }
    for (i = 0; controls[i]; i += 2) if (*c == (uint32_t)controls[i]) { *c = (uint32_t)controls[i + 1]; return SMASH_OK; }
    if (*c == 'x' || *c == 'u' || *c == 'U') {
        int want = *c == 'x' ? 2 : *c == 'u' ? 4 : 8;
        *c = 0;
        if (smash__re_digits(re, 16, want, c) != want)
            return smash__re_syntax(re, from, "too few hex digits; the forms are \\x41, \\u0041 and \\U00000041");
        if (*c > 0x10FFFF) return smash__re_syntax(re, from, "code points end at \\U0010ffff");
        return SMASH_OK;
    }
    if (*c >= '0' && *c <= '9') {
        uint32_t first = *c - '0';
        size_t second = re->at;
        *c = first;
        if (first < 8 && (smash__re_digits(re, 8, 2, c) == 2 || first == 0 || in_class)) {
            if (*c > 0377) return smash__re_syntax(re, from, "octal escapes end at \\377");
            return SMASH_OK;
        }
        re->at = second;
        return in_class ? smash__re_syntax(re, from, "this escape means nothing here; write the digit without the \\")
                        : smash__re_unsupported(re, from, "back-references such as \\1 are not supported");
    }
    if (*c == 'N') return smash__re_unsupported(re, from, "characters by name (\\N{...}) are not supported; write \\u and four hex digits");
    if ((*c | 32) >= 'a' && (*c | 32) <= 'z' && *c < 128)
        return smash__re_syntax(re, from, "this escape means nothing; write the letter without the \\, or \\\\ for a backslash");
    return SMASH_OK;
}

/* A class, after its [ at byte `open` */
SMASH__FN smash_err smash__re_set(smash__re *re, size_t open)
{
    uint32_t head = smash__re_class(re), negated = (uint32_t)smash__re_accept(re, '^'), c, kind, last, last_kind;
    size_t start = re->at, from;
    for (;;) {
        from = re->at;
        if (from >= re->bytes)
            return smash__re_syntax(re, open, "this [ is never closed by a ]; write \\[ for a bracket in the text");
        if (re->ranges > SMASH__RE_MAX) return smash__re_limit(re);
        c = smash__re_next(re);
        if (c == ']' && from > start) break;                        /* as the first character it is a letter */
        kind = last_kind = 0;
        if (c == '\\') SMASH__TRY(smash__re_escape(re, from, 1, &c, &kind));
        last = c;
        if (re->bytes - re->at > 1 && re->text[re->at] == '-' && re->text[re->at + 1] != ']') {
            size_t to = ++re->at;
            last = smash__re_next(re);
            if (last == '\\') SMASH__TRY(smash__re_escape(re, to, 1, &last, &last_kind));
            if (kind || last_kind)
                return smash__re_syntax(re, from, "a range goes from one character to another, not \\d \\s \\w; write \\- for a minus");
            if (last < c) return smash__re_syntax(re, from, "this range runs backwards; swap its ends, or write \\- for a minus");
        }
        if (kind) smash__re_category(re, kind);
        else smash__re_range(re, c, last);
    }
    return smash__re_class_end(re, head, negated);
}

/* {m} {m,} {,n} {m,n} after the {: 1 and the counts, or 0 and nothing read: then the { is a letter. Counts stop at 2^31. */
SMASH__FN int smash__re_counts(smash__re *re, uint32_t *min, uint32_t *max)
{
    uint32_t n[2] = { 0, SMASH__RE_NONE };
    size_t start = re->at;
    int i, comma = 0;
    if (smash__re_peek(re) == '}') return 0;
    for (i = 0; i < 2; i++) {
        uint32_t value = 0;
        size_t from = re->at;
        for (; smash__re_peek(re) >= '0' && smash__re_peek(re) <= '9'; re->at++)
            value = value > INT32_MAX / 16 ? (uint32_t)INT32_MAX : value * 10 + (smash__re_peek(re) - (uint32_t)'0');
        if (re->at > from) n[i] = value;
        if (i == 0) {
            comma = smash__re_accept(re, ',');
            if (!comma) { n[1] = n[0]; break; }
        }
    }
    if (!smash__re_accept(re, '}')) { re->at = start; return 0; }
    *min = n[0];
    *max = n[1];
    return 1;
}

/* Flag letters, from re->at to the ) or : behind them, onto re->flags. */
SMASH__FN smash_err smash__re_flags(smash__re *re)
{
    static const char letters[] = "imsau";
    const uint32_t charset = SMASH__RE_A | SMASH__RE_U;             /* one of them at most, and never off */
    uint32_t given[2] = { 0, 0 };                                   /* turned on, turned off */
    int off = 0, i;
    for (;; re->at++) {
        unsigned char c = smash__re_peek(re);
        if (c == 'x') return smash__re_unsupported(re, re->at, "verbose patterns (?x) are not supported; remove the spaces and comments");
        if (c == '-' && !off) { off = 1; continue; }
        if ((c == ':' && (!off || given[1])) || (c == ')' && !off)) break;
        for (i = 0; letters[i] && letters[i] != (char)c; i++) { }
        if (letters[i]) given[off] |= 1u << i;
        if (!letters[i] || (given[0] & given[1]) || (given[1] & charset) || (given[0] & charset) == charset)
            return smash__re_syntax(re, re->at, "flags are i m s a u, as in (?i) at the start or (?i:...) around a part");
    }
    re->flags = (re->flags | given[0]) & ~given[1];
    return SMASH_OK;
}

/* What stands between a ( at byte `open` and the contents. *is_group = 0 for a comment or flags that are already read. */
SMASH__FN smash_err smash__re_open(smash__re *re, size_t open, int at_start, int *is_group)
{
    uint32_t before = re->flags;
    smash__re_group *group;
    *is_group = 1;
    if (smash__re_accept(re, '?')) {
        unsigned char c = smash__re_peek(re);
        int flags = c == 'i' || c == 'm' || c == 's' || c == 'a' || c == 'u' || c == 'x' || c == '-';
        const char *form = NULL;
        if (re->at >= re->bytes) return smash__re_syntax(re, re->at, "the pattern ends inside (?");
        if (!flags) re->at++;
        if (c == '=' || c == '!') form = "look-ahead (?=...) (?!...) is not supported";
        else if (c == '<' && (smash__re_peek(re) == '=' || smash__re_peek(re) == '!'))
            form = "look-behind (?<=...) (?<!...) is not supported";
        else if (c == '(') form = "conditionals (?(1)...) are not supported";
        else if (c == '>') form = "atomic groups (?>...) are not supported; write (?:...)";
        else if (c == 'P' && smash__re_peek(re) == '=') form = "back-references (?P=name) are not supported";
        if (form) return smash__re_unsupported(re, open, form);
        if (c == '#') {
            *is_group = 0;
            while (re->at < re->bytes) {
                c = re->text[re->at++];
                if (c == ')') return SMASH_OK;
                if (c == '\\' && re->at < re->bytes) re->at++;
            }
            return smash__re_syntax(re, open, "this comment is never closed by a )");
        } else if (c == 'P' && smash__re_accept(re, '<')) {         /* nothing refers to names, so the same one twice does no harm */
            size_t name = re->at;
            while (smash__re_word(smash__re_peek(re)) && (re->at > name || smash__re_peek(re) > '9')) re->at++;
            if (re->at == name || !smash__re_accept(re, '>'))
                return smash__re_syntax(re, name, "a group's name is letters, digits and _, as in (?P<name>...)");
        } else if (flags) {
            SMASH__TRY(smash__re_flags(re));
            if (re->text[re->at++] == ')') {
                *is_group = 0;
                if (at_start) return SMASH_OK;
                return smash__re_syntax(re, open, "flags for the whole pattern stand at its start; use (?i:...) for a part of it");
            }
        } else if (c != ':')
            return smash__re_syntax(re, open + 1, "(? is followed by : or P<name> or flags; write \\( for a bracket in the text");
    }
    group = &re->groups[re->depth + 1];
    group->open = open;
    group->flags = before;
    group->jumps = 0;
    group->start = re->states;
    SMASH__TRY(smash__re_spare(re));
    group->branch = re->states;
    SMASH__TRY(smash__re_spare(re));
    re->depth++;
    return SMASH_OK;
}

SMASH__FN void smash__re_close(smash__re *re)
{
    const smash__re_group *group = &re->groups[re->depth];
    uint32_t jump = re->code ? group->jumps : 0;
    while (jump) {
        uint32_t before = re->code[jump - 1] >> 3;
        smash__re_link(re, jump - 1, SMASH__RE_JUMP, re->states);
        jump = before;
    }
}

/* The whole pattern, into re->code if there is one. Nesting lives in re->groups. */
SMASH__FN smash_err smash__re_parse(smash__re *re)
{
    enum { START, ASSERTION, STATE, GROUP, REPEAT } last = START;   /* what a quantifier would stand behind */
    uint32_t item = 0, c, kind, min, max, head;                     /* item: where that begins */
    re->at = re->depth = 0;
    re->states = re->ranges = re->flags = 0;
    re->groups[0].open = 0;
    re->groups[0].start = re->groups[0].branch = re->groups[0].jumps = re->groups[0].flags = 0;
    SMASH__TRY(smash__re_spare(re));
    while (re->at < re->bytes) {
        size_t from = re->at;
        smash__re_group *group = &re->groups[re->depth];
        uint32_t here = re->states;
        int is_group, is_count = 0;
        c = smash__re_next(re);
        switch (c) {
        case '(':
            SMASH__TRY(smash__re_open(re, from, last == START && !re->depth && !group->jumps, &is_group));
            if (is_group) last = START;
            continue;
        case ')':
            if (!re->depth) return smash__re_syntax(re, from, "this ) closes nothing; write \\) for a bracket in the text");
            smash__re_close(re);
            re->flags = group->flags;
            re->depth--;
            item = group->start;
            last = GROUP;
            continue;
        case '|':
            SMASH__TRY(smash__re_put(re, SMASH__RE_JUMP, group->jumps));
            group->jumps = re->states;
            smash__re_link(re, group->branch, SMASH__RE_SPLIT, re->states);
            group->branch = re->states;
            SMASH__TRY(smash__re_spare(re));
            last = START;
            continue;
        case '*': min = 0; max = SMASH__RE_NONE; is_count = 1; break;
        case '+': min = 1; max = SMASH__RE_NONE; is_count = 1; break;
        case '?': min = 0; max = 1;              is_count = 1; break;
        case '{': min = max = 0; is_count = smash__re_counts(re, &min, &max); break;
        default: min = max = 0; break;
        }
        if (is_count) {
            if (max < min) return smash__re_syntax(re, from + 1, "the first count is larger than the second; swap them");
            if (last == START || last == ASSERTION)
                return smash__re_syntax(re, from, "nothing stands before this to be repeated; write a \\ in front of it if it is text");
            if (last == REPEAT) return smash__re_syntax(re, from, "what stands before this is repeated already; put it in (?:...)");
            if (!smash__re_accept(re, '?') && smash__re_peek(re) == '+')
                return smash__re_unsupported(re, from, "possessive repeats such as *+ are not supported; leave the + out");
            SMASH__TRY(smash__re_repeat(re, item, last == GROUP, min, max));
            last = REPEAT;
            continue;
        }
        item = here;
        last = STATE;
        kind = 0;
        if (c == '\\') {
            SMASH__TRY(smash__re_escape(re, from, 0, &c, &kind));
            if (!kind) { SMASH__TRY(smash__re_literal(re, c)); continue; }
        }
        if (c == '^' && !kind) kind = re->flags & SMASH__RE_M ? 'm' : '^';
        if (c == '$' && !kind) kind = re->flags & SMASH__RE_M ? 'M' : '$';
        switch (kind) {
        case 'd': case 'D': case 's': case 'S': case 'w': case 'W':
            head = smash__re_class(re);
            smash__re_category(re, kind);
            SMASH__TRY(smash__re_class_end(re, head, 0));
            continue;
        case 0:
            if (c == '[') SMASH__TRY(smash__re_set(re, from));
            else if (c == '.') {
                head = smash__re_class(re);
                if (!(re->flags & SMASH__RE_S)) smash__re_pair(re, '\n', '\n');
                SMASH__TRY(smash__re_class_end(re, head, 1));
            } else SMASH__TRY(smash__re_literal(re, c));
            continue;
        default:
            SMASH__TRY(smash__re_put(re, SMASH__RE_ASSERT, kind));
            last = ASSERTION;
        }
    }
    if (re->depth) return smash__re_syntax(re, re->groups[re->depth].open, "this ( is never closed; write \\( for a bracket in the text");
    smash__re_close(re);
    return smash__re_put(re, SMASH__RE_MATCH, 0);
}

/* One pass over the pattern: without code it checks and measures, in time linear in bytes whatever the counts in it. The groups
 * are given back at once, since the program may be taken from ctx->scratch, too. */
SMASH__FN smash_err smash__re_pass(smash__re *re, smash_ctx *ctx, const char *pattern, size_t bytes, uint32_t *code, uint32_t pool)
{
    smash_arena_mark mark = smash__scratch_mark(ctx);
    size_t groups = 1, i;
    smash_err err;
    smash__fill(re, 0, sizeof *re);
    re->ctx = ctx;
    re->text = (const unsigned char *)pattern;
    re->bytes = bytes;
    re->code = code;
    re->pool = pool;
    for (i = 0; i < bytes; i++) groups += pattern[i] == '(' && groups <= SMASH__RE_MAX / 2;         /* each takes two states */
    re->groups = (smash__re_group *)smash__scratch(ctx, groups, sizeof *re->groups);
    err = re->groups ? smash__re_parse(re) : SMASH_ERR_NOMEM;
    smash__scratch_rewind(ctx, mark);
    return err;
}

/* ---- public ---- */

SMASH__DEF smash_err smash_regex_compile(smash_ctx *ctx, const char *pattern, size_t bytes, smash_arena *arena, smash_regex *out)
{
    smash__re re;
    smash_arena_mark start;
    uint32_t *code, states, s;
    smash_err err;
    if (!arena || !out || (!pattern && bytes))
        return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "smash_regex_compile needs a pattern, an arena and a result");
    err = smash__re_pass(&re, ctx, pattern, bytes, NULL, 0);
    if (err) return err;
    start = smash_arena_get_mark(arena);
    states = re.states;
    code = (uint32_t *)smash_arena_array(ctx, arena, (size_t)states + re.pool, sizeof *code);
    if (!code) return SMASH_ERR_NOMEM;
    err = smash__re_pass(&re, ctx, pattern, bytes, code, states);
    if (err) { smash_arena_rewind(arena, start); return err; }
    for (s = 0; s < states; s++) {
        uint32_t op = code[s] & 7;
        if (op == SMASH__RE_SPLIT || op == SMASH__RE_JUMP) code[s] = op | ((code[s] >> 3) + s - SMASH__RE_HERE) << 3;
    }
    out->code = code;
    out->count = re.pool;
    out->states = states;
    return SMASH_OK;
}

SMASH__INLINE int smash__re_in(const uint32_t *set, uint32_t c)
{
    uint32_t low = 0, high = set[0] >> 1;
    int in;
    while (low < high) {                                            /* the first range that does not end before c */
        uint32_t middle = (low + high) / 2;
        if (set[2 + 2 * middle] < c) low = middle + 1; else high = middle;
    }
    in = low < set[0] >> 1 && set[1 + 2 * low] <= c;
    return in != (int)(set[0] & 1);
}

/* Does the assertion hold between c and the next code point, at byte at? */
SMASH__FN int smash__re_holds(uint32_t kind, uint32_t c, uint32_t next, size_t at, size_t bytes)
{
    switch (kind) {
    case '^': case 'A': return at == 0;
    case 'm':           return at == 0 || c == '\n';
    case '$':           return at == bytes || (next == '\n' && at + 1 == bytes);
    case 'M':           return at == bytes || next == '\n';
    case 'Z':           return at == bytes;
    default:            return (smash__re_word(c) != smash__re_word(next)) == (kind == 'b');
    }
}

/* The states that are reached at one place in the text: each once, in any order. */
typedef struct smash__re_states { uint32_t *list, count; unsigned char bit; } smash__re_states;

SMASH__INLINE void smash__re_add(smash__re_states *set, unsigned char *seen, uint32_t s)
{
    if (seen[s] & set->bit) return;
    seen[s] = (unsigned char)(seen[s] | set->bit);
    set->list[set->count++] = s;
}

SMASH__DEF smash_err smash_regex_match(smash_ctx *ctx, const smash_regex *re, const char *text, size_t bytes, int *matched)
{
    const unsigned char *p = (const unsigned char *)text;
    smash_arena_mark mark;
    smash__re_states now, next, swap;
    uint32_t *lists, k, c = SMASH__RE_NONE, ahead;
    unsigned char *seen;
    size_t at = 0, step;
    int found = 0;
    if (!re || !re->code || !re->states || re->states > re->count || !matched || (!text && bytes))
        return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "smash_regex_match needs a compiled expression, a text and a result");
    mark = smash__scratch_mark(ctx);
    lists = (uint32_t *)smash__scratch(ctx, 9, re->states);         /* two lists of words, then a byte a state */
    if (!lists) return SMASH_ERR_NOMEM;
    seen = (unsigned char *)(lists + 2 * (size_t)re->states);
    smash__fill(seen, 0, re->states);
    now.list = lists;
    next.list = lists + re->states;
    now.count = next.count = 0;
    now.bit = 1;
    next.bit = 2;
    smash__re_add(&now, seen, 0);
    for (;;) {
        step = 1;
        ahead = at < bytes ? smash__select_char(p + at, bytes - at, &step) : SMASH__RE_NONE;
        for (k = 0; k < now.count; k++) {
            uint32_t s = now.list[k], arg = re->code[s] >> 3;
            switch (re->code[s] & 7) {
            case SMASH__RE_CHAR:   if (ahead == arg) smash__re_add(&next, seen, s + 1); break;
            case SMASH__RE_CLASS:  if (at < bytes && smash__re_in(re->code + arg, ahead)) smash__re_add(&next, seen, s + 1); break;
            case SMASH__RE_SPLIT:  smash__re_add(&now, seen, s + 1); smash__re_add(&now, seen, arg); break;
            case SMASH__RE_JUMP:   smash__re_add(&now, seen, arg); break;
            case SMASH__RE_ASSERT: if (smash__re_holds(arg, c, ahead, at, bytes)) smash__re_add(&now, seen, s + 1); break;
            default:               found = 1; break;
            }
            if (found) break;
        }
        if (found || !next.count) break;
        for (k = 0; k < now.count; k++) seen[now.list[k]] = (unsigned char)(seen[now.list[k]] & ~now.bit);
        now.count = 0;
        swap = now;
        now = next;
        next = swap;
        at += step;
        c = ahead;
    }
    smash__scratch_rewind(ctx, mark);
    *matched = found;
    return SMASH_OK;
}

/* A [class] of a glob: 1 and the byte behind it, or 0 if no ] closes it before end. *in = does it hold c */
SMASH__FN int smash__glob_class(const unsigned char *glob, size_t at, size_t last_bracket, size_t end, uint32_t c, size_t *behind, int *in)
{
    size_t start = at + 1, length;
    int negated = glob[start] == '!', hit = 0;
    start += (size_t)negated;
    if (last_bracket == SIZE_MAX || last_bracket <= start) return 0;        /* a ] at start is a letter */
    for (at = start; glob[at] != ']' || at == start;) {
        uint32_t first = smash__select_char(glob + at, end - at, &length), last = first;
        at += length;
        if (glob[at] == '-' && glob[at + 1] != ']') {
            last = smash__select_char(glob + at + 1, end - at - 1, &length);
            at += 1 + length;
        }
        hit |= first <= c && c <= last;
    }
    *behind = at + 1;
    *in = hit != negated;
    return 1;
}

SMASH__DEF int smash_glob_match(const char *glob, const char *text)
{
    const unsigned char *g = (const unsigned char *)glob, *t = (const unsigned char *)text;
    size_t g_end, t_end, last_bracket = SIZE_MAX, gi = 0, ti = 0, star = SIZE_MAX, retry = 0, i;
    if (!glob || !text) return 0;
    g_end = smash__length(glob);
    t_end = smash__length(text);
    for (i = 0; i < g_end; i++) if (g[i] == ']') last_bracket = i;
    while (ti < t_end || gi < g_end) {
        size_t step = 1, behind = gi + 1;
        int fits = 0;
        if (gi < g_end && g[gi] == '*') { star = ++gi; retry = ti; continue; }
        if (gi < g_end && ti < t_end) {
            uint32_t c = smash__select_char(t + ti, t_end - ti, &step);
            if (g[gi] == '?') fits = 1;
            else if (g[gi] != '[' || !smash__glob_class(g, gi, last_bracket, g_end, c, &behind, &fits)) {
                size_t length;
                fits = smash__select_char(g + gi, g_end - gi, &length) == c;
                behind = gi + length;
            }
        }
        if (fits) { gi = behind; ti += step; continue; }
        if (star == SIZE_MAX || ti >= t_end) return 0;              /* let the last * take one more; an earlier one need not */
        smash__select_char(t + retry, t_end - retry, &step);
        retry += step;
        ti = retry;
        gi = star;
    }
    return 1;
}

SMASH__FN int smash__select_has(const char *const *names, size_t count, const char *name)
{
    size_t i;
    for (i = 0; i < count; i++) if (smash__equal(names[i], name)) return 1;
    return 0;
}

/* Mark with `bit` each name that one of the patterns matches. first: position of the patterns in messages */
SMASH__FN smash_err smash__select_match(smash_ctx *ctx, const smash_names *patterns, size_t first, const char *const *names, size_t count,
                                        unsigned char *marks, unsigned char bit)
{
    size_t i, k;
    for (k = 0; k < patterns->count; k++) {
        smash_arena_mark mark = smash__scratch_mark(ctx);
        int fresh = smash__ctx(ctx) && ctx->err == SMASH_OK, hit = 0;
        smash_regex re;
        smash_err err = smash_regex_compile(ctx, patterns->items[k], smash__length(patterns->items[k]), &ctx->scratch, &re);
        for (i = 0; !err && i < count; i++) {
            err = smash_regex_match(ctx, &re, names[i], smash__length(names[i]), &hit);
            if (!err && hit) marks[i] = (unsigned char)(marks[i] | bit);
        }
        smash__scratch_rewind(ctx, mark);
        if (err && fresh) ctx->index = first + k;
        if (err) return err;
    }
    return SMASH_OK;
}

SMASH__DEF smash_err smash_select(smash_ctx *ctx, const smash_select_desc *desc, const char *const *names, const char *const *types,
                                  size_t count, unsigned char *selected, unsigned char *known)
{
    enum { NAMED = 1, MATCHED = 2, TYPED = 4, EXCLUDED = 8 };
    static const smash_select_desc none = SMASH_ZERO;
    static const char *const keys[6] = { "op_names", "op_names_re", "op_types",
                                         "exclude_op_names", "exclude_op_names_re", "exclude_op_types" };
    const smash_names *lists[6];
    smash_arena_mark mark;
    unsigned char *marks;
    size_t i, k;
    smash_err err;
    (void)keys;                                                     /* only messages name them */
    if (!SMASH__DESC_OK(desc)) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the smash_select_desc is not zeroed; begin with = SMASH_ZERO");
    if (!desc) desc = &none;
    lists[0] = &desc->op_names;
    lists[1] = &desc->op_names_re;
    lists[2] = &desc->op_types;
    lists[3] = &desc->exclude_op_names;
    lists[4] = &desc->exclude_op_names_re;
    lists[5] = &desc->exclude_op_types;
    if (count && (!names || !types || !selected))
        return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "smash_select needs names, types and a result for %z modules", count);
    for (i = 0; i < count; i++)
        if (!names[i] || !types[i])
            return SMASH__FAIL(ctx, SMASH_ERR_ARG, i, "module %z has no name or no type; use \"\" for an empty one", i);
    for (k = 0; k < 6; k++)
        for (i = 0; i < lists[k]->count; i++)
            if (!lists[k]->items || !lists[k]->items[i]) return SMASH__FAIL(ctx, SMASH_ERR_ARG, i, "entry %z of %s is NULL", i, keys[k]);
    mark = smash__scratch_mark(ctx);
    marks = (unsigned char *)smash__scratch(ctx, count, 1);
    if (!marks) return SMASH_ERR_NOMEM;
    for (i = 0; i < count; i++) {
        int named = smash__select_has(desc->op_names.items, desc->op_names.count, names[i]);
        int typed = smash__select_has(desc->op_types.items, desc->op_types.count, types[i]);
        int out = smash__select_has(desc->exclude_op_names.items, desc->exclude_op_names.count, names[i])
               || smash__select_has(desc->exclude_op_types.items, desc->exclude_op_types.count, types[i]);
        marks[i] = (unsigned char)((named ? NAMED : 0) | (typed ? TYPED : 0) | (out ? EXCLUDED : 0));
    }
    err = smash__select_match(ctx, &desc->op_names_re, 0, names, count, marks, MATCHED);
    if (!err) err = smash__select_match(ctx, &desc->exclude_op_names_re, desc->op_names_re.count, names, count, marks, EXCLUDED);
    if (!err) {
        int by_name = desc->op_names.count || desc->op_names_re.count;
        for (i = 0; i < count; i++) {
            int in = by_name ? (marks[i] & (NAMED | MATCHED)) && (!desc->op_types.count || (marks[i] & TYPED)) : (marks[i] & TYPED) != 0;
            selected[i] = (unsigned char)(!in || (marks[i] & EXCLUDED) ? 0 : marks[i] & NAMED ? 2 : 1);
        }
        for (k = 0; known && k < desc->op_names.count; k++)
            known[k] = (unsigned char)smash__select_has(names, count, desc->op_names.items[k]);
    }
    smash__scratch_rewind(ctx, mark);
    return err;
}
#undef SMASH__RE_NONE
#endif

#if !SMASH_NO_MODEL
/*==================================================================================================
 * MARK: - Model, implementation                                                        >>model-impl
 *================================================================================================*/

enum { SMASH__MODEL_FIRST = 16 };                       /* parameters a model has room for after the first add */

/* ---- names ---- */

/* bytes of text, and a 0 behind them */
SMASH__FN char *smash__text_copy(smash_ctx *ctx, smash_arena *arena, const char *text, size_t bytes)
{
    char *copy = (char *)smash_arena_alloc(ctx, arena, bytes + 1);
    if (!copy) return NULL;
    smash__copy(copy, text, bytes);
    copy[bytes] = '\0';
    return copy;
}

/* a, b and c one behind the other */
SMASH__FN const char *smash__join(smash_ctx *ctx, smash_arena *arena, const char *a, const char *b, const char *c)
{
    size_t x = smash__length(a), y = smash__length(b), z = smash__length(c) + 1;
    char *text = (char *)smash_arena_alloc(ctx, arena, x + y + z);
    if (!text) return NULL;
    smash__copy(text, a, x);
    smash__copy(text + x, b, y);
    smash__copy(text + x + y, c, z);
    return text;
}

/* Bytes of the module's name within the parameter's: up to the last dot. */
SMASH__FN size_t smash__module_bytes(const smash_param *p) { return p->target == p->name ? 0 : (size_t)(p->target - p->name) - 1; }

SMASH__FN int smash__order_params(const void *user, uint32_t a, uint32_t b)
{
    const smash_param *params = (const smash_param *)user;
    return smash__order(params[a].name, params[b].name);
}

SMASH__FN int smash__order_param_modules(const void *user, uint32_t a, uint32_t b)
{
    const smash_param *p = (const smash_param *)user + a, *q = (const smash_param *)user + b;
    size_t m = smash__module_bytes(p), n = smash__module_bytes(q), i;
    for (i = 0; i < m && i < n; i++) if (p->name[i] != q->name[i]) return (int)(unsigned char)p->name[i] - (int)(unsigned char)q->name[i];
    return m < n ? -1 : m > n;
}

SMASH__FN int smash__ends_with(const char *text, const char *end)
{
    const size_t n = smash__length(text), m = smash__length(end);
    return n >= m && smash__same(text + n - m, end, m);
}

SMASH__FN int smash__starts_with(const char *text, const char *start)
{
    while (*start && *text == *start) { text++; start++; }
    return !*start;
}

SMASH__FN int smash__contains(const char *text, const char *part)
{
    for (; *text; text++) if (smash__starts_with(text, part)) return 1;
    return 0;
}

/* The rules in the comment of smash_model_finish. */
SMASH__FN const char *smash__infer_type(const smash_model *model, size_t module)
{
    const char *name = model->modules[module].name, *last = name;
    ptrdiff_t weight = smash_model_find_target(model, module, "weight");
    if (smash_model_find_target(model, module, "running_mean") >= 0) return "BatchNorm1d";
    if (weight < 0) return "Module";
    for (; *name; name++) if (*name == '.') last = name + 1;
    switch (model->params[weight].tensor.ndim) {
    case 5: return "Conv3d";
    case 4: return "Conv2d";
    case 3: return "Conv1d";
    case 2: return smash__contains(last, "emb") || smash__equal(last, "wte") || smash__equal(last, "wpe") ? "Embedding" : "Linear";
    case 1: return "LayerNorm";
    default: return "Module";
    }
}

/* ---- building ---- */

SMASH__DEF void smash_model_init(smash_model *model, smash_arena *arena)
{
    smash__fill(model, 0, sizeof *model);
    model->arena = arena;
}

/* Room for this many parameters in all. */
SMASH__FN smash_err smash__model_reserve(smash_ctx *ctx, smash_model *model, size_t capacity)
{
    smash_param *params;
    if (capacity <= model->capacity) return SMASH_OK;
    if (capacity >= (uint32_t)SMASH_NONE) return SMASH__FAIL(ctx, SMASH_ERR_LIMIT, capacity, "a model has at most %u parameters", (uint32_t)SMASH_NONE - 1);
    params = (smash_param *)smash_arena_array(ctx, model->arena, capacity, sizeof *params);
    if (!params) return SMASH_ERR_NOMEM;
    smash__copy(params, model->params, model->param_count * sizeof *params);
    model->params = params;
    model->capacity = capacity;
    return SMASH_OK;
}

SMASH__DEF smash_err smash_model_add(smash_ctx *ctx, smash_model *model, const char *name, const smash_tensor *tensor, uint64_t offset)
{
    smash_param p;
    smash_err err;
    size_t bytes, length, i;
    char *copy;
    smash_arena_mark mark;
    if (!model || !model->arena) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "no model, or one without an arena; call smash_model_init first");
    if (!name || !*name) return SMASH__FAIL(ctx, SMASH_ERR_ARG, model->param_count, "parameter %z has no name", model->param_count);
    if (!tensor) return SMASH__FAIL(ctx, SMASH_ERR_ARG, model->param_count, "parameter %q: the tensor is NULL", name);
    if (model->by_name) return SMASH__FAIL(ctx, SMASH_ERR_ARG, model->param_count, "parameter %q comes after smash_model_finish; add it before", name);
    if (tensor->ndim > SMASH_MAX_DIMS || !smash_dtype_bits(tensor->dtype))
        return SMASH__FAIL(ctx, SMASH_ERR_ARG, model->param_count, "parameter %q has no dtype, or more than %i dimensions", name, SMASH_MAX_DIMS);
    err = smash_tensor_bytes(tensor, &bytes);
    if (err) return SMASH__FAIL(ctx, err, model->param_count, "parameter %q: the shape does not fit the address space", name);
    length = smash__length(name);
    mark = smash_arena_get_mark(model->arena);
    copy = smash__text_copy(ctx, model->arena, name, length);
    if (!copy) return SMASH_ERR_NOMEM;
    if (model->param_count == model->capacity) {
        err = smash__model_reserve(ctx, model, model->capacity ? model->capacity * 2 : (size_t)SMASH__MODEL_FIRST);
        if (err) { smash_arena_rewind(model->arena, mark); return err; }
    }
    smash__fill(&p, 0, sizeof p);
    p.name = p.target = copy;
    for (i = 0; i < length; i++) if (copy[i] == '.') p.target = copy + i + 1;
    p.next = (uint32_t)SMASH_NONE;
    p.tensor = *tensor;
    p.tensor.name = copy;
    p.offset = offset;
    model->params[model->param_count++] = p;
    return SMASH_OK;
}

/* What smash_model_finish makes before it changes anything: the lists in the arena, order and run in scratch. */
typedef struct smash__finish {
    uint32_t     *by_name, *param_by_name;
    uint32_t     *order, *run;                          /* parameters sorted by module; parameter -> module in that order */
    smash_module *modules;
    size_t        module_count;
} smash__finish;

SMASH__FN smash_err smash__finish_prepare(smash_ctx *ctx, const smash_model *model, smash__finish *f)
{
    const smash_param *params = model->params;
    size_t n = model->param_count, i, m = 0, bytes, name_bytes = 0;
    char *names;
    f->param_by_name = (uint32_t *)smash_arena_array(ctx, model->arena, n, sizeof(uint32_t));
    f->order = f->param_by_name ? (uint32_t *)smash__scratch(ctx, n, sizeof(uint32_t)) : NULL;
    f->run = f->order ? (uint32_t *)smash__scratch(ctx, n, sizeof(uint32_t)) : NULL;
    if (!f->run) return SMASH_ERR_NOMEM;
    for (i = 0; i < n; i++) f->order[i] = f->param_by_name[i] = (uint32_t)i;
    smash__sort(f->param_by_name, f->run, n, smash__order_params, params);
    for (i = 1; i < n; i++) {
        uint32_t a = f->param_by_name[i - 1], b = f->param_by_name[i];
        if (smash__equal(params[a].name, params[b].name))
            return SMASH__FAIL(ctx, SMASH_ERR_FORMAT, b, "parameters %u and %u are both called %q; rename one", a, b, params[b].name);
    }
    smash__sort(f->order, f->run, n, smash__order_param_modules, params);
    for (i = 0; i < n; i++) {
        if (!i || smash__order_param_modules(params, f->order[i - 1], f->order[i])) { m++; name_bytes += smash__module_bytes(&params[f->order[i]]) + 1; }
        f->run[f->order[i]] = (uint32_t)(m - 1);
    }
    f->module_count = m;
    f->modules = (smash_module *)smash_arena_array(ctx, model->arena, m, sizeof *f->modules);
    f->by_name = f->modules ? (uint32_t *)smash_arena_array(ctx, model->arena, m, sizeof(uint32_t)) : NULL;
    names = f->by_name ? (char *)smash_arena_alloc(ctx, model->arena, name_bytes) : NULL;
    if (!names) return SMASH_ERR_NOMEM;
    for (i = 0; i < m; i++) f->by_name[i] = (uint32_t)SMASH_NONE;
    for (i = m = 0; i < n; i++) {                       /* number the modules by their first parameter */
        smash_module *module = &f->modules[m];
        if (f->by_name[f->run[i]] != (uint32_t)SMASH_NONE) continue;
        f->by_name[f->run[i]] = (uint32_t)m++;
        module->first = (uint32_t)i;
        module->inferred = 1;
        module->name = names;
        bytes = smash__module_bytes(&params[i]);
        smash__copy(names, params[i].name, bytes);
        names[bytes] = '\0';
        names += bytes + 1;
    }
    return SMASH_OK;
}

SMASH__DEF smash_err smash_model_finish(smash_ctx *ctx, smash_model *model)
{
    smash_arena_mark scratch = smash__scratch_mark(ctx), mark;
    smash__finish f;
    smash_err err;
    size_t i;
    if (!model || !model->arena) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "no model, or one without an arena; call smash_model_init first");
    if (smash__ctx(ctx) && model->arena == &ctx->scratch) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the arena of a model must not be ctx->scratch, which every call empties");
    if (model->by_name) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the model is finished already");
    mark = smash_arena_get_mark(model->arena);
    smash__fill(&f, 0, sizeof f);
    err = smash__finish_prepare(ctx, model, &f);
    if (err) smash_arena_rewind(model->arena, mark);
    else {
        for (i = 0; i < model->param_count; i++) {
            smash_param *p = &model->params[f.order[i]];
            int last = i + 1 == model->param_count || f.run[f.order[i + 1]] != f.run[f.order[i]];
            p->module = f.by_name[f.run[f.order[i]]];
            p->next = last ? (uint32_t)SMASH_NONE : f.order[i + 1];
        }
        model->modules = f.modules;
        model->module_count = f.module_count;
        model->by_name = f.by_name;
        model->param_by_name = f.param_by_name;
        for (i = 0; i < model->module_count; i++) model->modules[i].type = smash__infer_type(model, i);
    }
    smash__scratch_rewind(ctx, scratch);
    return err;
}

/* ---- looking up ---- */

SMASH__DEF ptrdiff_t smash_model_find_module(const smash_model *model, const char *name)
{
    size_t low = 0, high = model && name && model->by_name ? model->module_count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = smash__order(name, model->modules[model->by_name[middle]].name);
        if (!order) return (ptrdiff_t)model->by_name[middle];
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    return -1;
}

SMASH__DEF ptrdiff_t smash_model_find_param(const smash_model *model, const char *name)
{
    size_t low = 0, high = model && name && model->by_name ? model->param_count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = smash__order(name, model->params[model->param_by_name[middle]].name);
        if (!order) return (ptrdiff_t)model->param_by_name[middle];
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    return -1;
}

SMASH__DEF ptrdiff_t smash_model_find_target(const smash_model *model, size_t module, const char *target)
{
    uint32_t i;
    if (!model || !target || module >= model->module_count) return -1;
    for (i = model->modules[module].first; i != (uint32_t)SMASH_NONE; i = model->params[i].next)
        if (smash__equal(model->params[i].target, target)) return (ptrdiff_t)i;
    return -1;
}

SMASH__DEF smash_err smash_model_set_type(smash_ctx *ctx, smash_model *model, size_t module, const char *type)
{
    char *copy;
    if (!model || module >= model->module_count) return SMASH__FAIL(ctx, SMASH_ERR_ARG, module, "there is no module %z", module);
    if (!type || !*type) return SMASH__FAIL(ctx, SMASH_ERR_ARG, module, "module %q: the type is empty", model->modules[module].name);
    copy = smash__text_copy(ctx, model->arena, type, smash__length(type));
    if (!copy) return SMASH_ERR_NOMEM;
    model->modules[module].type = copy;
    model->modules[module].inferred = 0;
    return SMASH_OK;
}

/* ---- inputs and outputs ---- */

/* What stands behind _input_ or _output_; NULL for a parameter */
SMASH__FN const char *smash__end_name(const char *target)
{
    return smash__starts_with(target, "_input_") ? target + 7 : smash__starts_with(target, "_output_") ? target + 8 : NULL;
}

SMASH__FN int smash__is_end(const char *target) { return smash__end_name(target) != NULL; }

/* _input_ is short for _input_0. */
SMASH__FN const char *smash__end_target(const char *target)
{
    return smash__equal(target, "_input_") ? "_input_0" : smash__equal(target, "_output_") ? "_output_0" : target;
}

/* Where an input or output stands in a table, or would. */
SMASH__FN size_t smash__activation_at(const smash_activation *table, size_t count, size_t module, const char *target, int *found)
{
    size_t low = 0, high = count;
    *found = 0;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const smash_activation *a = &table[middle];
        const int order = module != a->module ? (module < a->module ? -1 : 1) : smash__order(target, a->target);
        if (!order) { *found = 1; return middle; }
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    return low;
}

/* "conv1._output_0" in an arena; of the root module "_output_0" */
SMASH__FN const char *smash__target_name(smash_ctx *ctx, smash_arena *arena, const char *module, const char *target)
{
    return smash__join(ctx, arena, module, *module ? "." : "", target);
}

/* A shape of legal dims, as an entry of the table. */
SMASH__FN smash_err smash__activation_make(smash_ctx *ctx, const smash_model *model, size_t module, const char *target, uint32_t ndim, const size_t *dims, smash_activation *out)
{
    size_t bytes;
    uint32_t i;
    const char *name;
    for (i = 0; i < ndim && i < SMASH_MAX_DIMS && dims && dims[i]; i++) { }
    if (!ndim || i < ndim) return SMASH__FAIL(ctx, SMASH_ERR_SHAPE, i, "the shape of %s of %q needs 1 to %i dims of at least 1", target, model->modules[module].name, SMASH_MAX_DIMS);
    out->module = (uint32_t)module;
    out->tensor = smash_tensor_view(SMASH_F32, NULL, 0, ndim, dims);
    if (smash_tensor_bytes(&out->tensor, &bytes)) return SMASH__FAIL(ctx, SMASH_ERR_OVERFLOW, 0, "the shape of %s of %q does not fit the address space", target, model->modules[module].name);
    name = smash__target_name(ctx, model->arena, model->modules[module].name, target);
    if (!name) return SMASH_ERR_NOMEM;
    out->tensor.name = name;
    out->target = name + smash__length(name) - smash__length(target);
    return SMASH_OK;
}

SMASH__DEF smash_err smash_model_set_shape(smash_ctx *ctx, smash_model *model, size_t module, const char *target, uint32_t ndim, const size_t *dims)
{
    smash_activation made, *table;
    smash_arena_mark mark;
    smash_err err;
    size_t at, i;
    int found;
    if (!model || module >= model->module_count) return SMASH__FAIL(ctx, SMASH_ERR_ARG, module, "there is no module %z", module);
    if (!target || !smash__is_end(target))
        return SMASH__FAIL(ctx, SMASH_ERR_ARG, module, "%q is no input or output, such as _input_0 or _output_0; parameters have the shape of their tensor", target);
    target = smash__end_target(target);
    table = model->activations;
    at = smash__activation_at(table, model->activation_count, module, target, &found);
    mark = smash_arena_get_mark(model->arena);
    err = smash__activation_make(ctx, model, module, target, ndim, dims, &made);
    if (!err && !found && model->activation_count == model->activation_capacity) {
        const size_t capacity = model->activation_capacity ? model->activation_capacity * 2 : (size_t)SMASH__MODEL_FIRST;
        table = (smash_activation *)smash_arena_array(ctx, model->arena, capacity, sizeof *table);
        if (table) {
            smash__copy(table, model->activations, model->activation_count * sizeof *table);
            model->activations = table;
            model->activation_capacity = capacity;
        } else err = SMASH_ERR_NOMEM;
    }
    if (err) { smash_arena_rewind(model->arena, mark); return err; }
    if (!found) for (i = model->activation_count++; i > at; i--) table[i] = table[i - 1];
    table[at] = made;
    return SMASH_OK;
}

SMASH__DEF const smash_tensor *smash_model_find_activation(const smash_model *model, size_t module, const char *target)
{
    size_t at;
    int found;
    if (!model || !target) return NULL;
    at = smash__activation_at(model->activations, model->activation_count, module, smash__end_target(target), &found);
    return found ? &model->activations[at].tensor : NULL;
}

/* ---- axes ---- */

SMASH__DEF uint32_t smash_type_out_axis(const char *type)
{
    return type && smash__starts_with(type, "ConvTranspose");
}

SMASH__DEF uint32_t smash_type_in_axis(const char *type) { return !smash_type_out_axis(type); }

#endif

#if !SMASH_NO_IO
/*==================================================================================================
 * MARK: - IO, implementation                                                              >>io-impl
 *================================================================================================*/

enum { SMASH__ST_LENGTH = 8, SMASH__ST_CHUNK = 4096 };
enum { SMASH__ST_MAX_HEADER = 100000000 };              /* the reference's limit, for readers and for what we write */

/* ---- bytes ---- */

SMASH__FN int smash__mul64(uint64_t a, uint64_t b, uint64_t *out)
{
    if (b && a > UINT64_MAX / b) return 0;
    *out = a * b;
    return 1;
}

/* 0, or not 0 if the bytes are not there */
SMASH__FN int smash__io_read(const smash_io *io, uint64_t offset, void *data, size_t bytes)
{
    if (offset > io->bytes || bytes > io->bytes - offset) return -1;
    if (!bytes) return 0;
    if (!io->map) return io->read ? io->read(io->user, offset, data, bytes) : -1;
    smash__copy(data, (const unsigned char *)io->map + (size_t)offset, bytes);
    return 0;
}

/* Turn every unit of `unit` bytes round: the file is little-endian, this host is not. */
SMASH__FN void smash__swap(void *data, size_t bytes, size_t unit)
{
    unsigned char *p = (unsigned char *)data;
    size_t i, j;
    for (i = 0; i + unit <= bytes; i += unit)
        for (j = 0; j < unit / 2; j++) {
            unsigned char c = p[i + j];
            p[i + j] = p[i + unit - 1 - j];
            p[i + unit - 1 - j] = c;
        }
}

SMASH__DEF smash_io smash_io_memory(const void *data, size_t bytes)
{
    smash_io io;
    smash__fill(&io, 0, sizeof io);
    io.map = data;
    io.bytes = data ? bytes : 0;
    return io;
}

#if !SMASH_NO_STDIO
SMASH__FN int smash__file_seek(FILE *f, uint64_t offset, size_t bytes)
{
    return offset > (uint64_t)LONG_MAX || bytes > (uint64_t)LONG_MAX - offset || fseek(f, (long)offset, SEEK_SET);
}

SMASH__FN int smash__file_read(void *user, uint64_t offset, void *data, size_t bytes)
{
    return smash__file_seek((FILE *)user, offset, bytes) || fread(data, 1, bytes, (FILE *)user) != bytes;
}

SMASH__FN int smash__file_write(void *user, uint64_t offset, const void *data, size_t bytes)
{
    return smash__file_seek((FILE *)user, offset, bytes) || fwrite(data, 1, bytes, (FILE *)user) != bytes;
}

SMASH__DEF smash_io smash_io_file(void *file)
{
    smash_io io;
    long end;
    smash__fill(&io, 0, sizeof io);
    if (!file || fseek((FILE *)file, 0, SEEK_END)) return io;
    end = ftell((FILE *)file);
    if (end < 0) return io;
    io.read = smash__file_read;
    io.write = smash__file_write;
    io.bytes = (uint64_t)end;
    io.user = file;
    return io;
}
#endif

/* ---- reading ---- */

/* The reference writer's order: a later dtype comes first in the file. 0: no safetensors dtype */
SMASH__FN unsigned smash__st_rank(smash_dtype dtype)
{
    static const uint8_t rank[SMASH_DTYPE_COUNT] = {
        0, 18, 20, 14, 15,                              /* F32 F64 F16 BF16 */
        6, 5, 12, 13, 16, 17, 21, 22, 1,                /* I8 U8 I16 U16 I32 U32 I64 U64 BOOL */
        0, 0, 0, 0,                                     /* packed: ours alone */
        8, 7, 9, 10, 11, 3, 4, 2, 19                    /* F8_E4M3 E5M2 E8M0 E4M3FNUZ E5M2FNUZ F6_E2M3 E3M2 F4 C64 */
    };
    return (unsigned)dtype < SMASH_DTYPE_COUNT ? rank[dtype] : 0;
}

/* One entry of the header, checked. */
typedef struct smash__st_entry {
    const smash_value *key, *shape;
    uint64_t           begin, end;                      /* in the data section */
    smash_dtype        dtype;
} smash__st_entry;

typedef struct smash__st {
    smash_ctx       *ctx;
    smash_diags     *diags;
    smash_json       doc;                               /* the header */
    const smash_io  *io;
    uint64_t         data_at, data_bytes;
    smash__st_entry *entries;
    size_t           count;
    const smash_value *metadata;                        /* NULL: none */
    smash_err        err;                               /* the first violated rule */
    char             message[SMASH_MESSAGE_BYTES];
} smash__st;

/* A violated rule, at v or, without one, at a byte of the file; st->message says which. */
SMASH__FN void smash__st_report(smash__st *st, smash_err err, const char *code, const smash_value *v, uint64_t byte)
{
    if (v) byte = SMASH__ST_LENGTH + (uint64_t)v->at;
    smash_diag_add(st->diags, SMASH_ERROR, code, &st->doc, v, st->message);
    smash__fail(st->ctx, err, "smash_safetensors_read", byte > SIZE_MAX ? SIZE_MAX : (size_t)byte, "%s", st->message);
    if (!st->err) st->err = err;
}
#define SMASH__ST_BAD(st, err, code, v, byte, ...) \
    (smash__format((st)->message, sizeof (st)->message, __VA_ARGS__), smash__st_report(st, err, code, v, byte))

/* Nobody hears of any further mistake: one is enough without a list, and a full list is full. */
SMASH__FN int smash__st_enough(const smash__st *st) { return st->err && (!st->diags || st->diags->dropped); }

/* A terminated text: JSON strings may hold a 0, our names may not. */
SMASH__FN int smash__st_is_text(const smash_value *v) { return v->type == SMASH_VALUE_STRING && smash__length(v->text) == v->count; }

/* A file of a later smash may mean something else by what it says. */
SMASH__FN void smash__st_version(smash__st *st, const smash_value *v)
{
    double version = 0;
    size_t digits = 0;
    while (v->text[digits] >= '0' && v->text[digits] <= '9') digits++;
    if (!digits || v->text[digits] || smash_number_parse(v->text, digits, &version) != digits)
        SMASH__ST_BAD(st, SMASH_ERR_FORMAT, "st_version", v, 0, "__metadata__: smash.format_version is %q; it must be a whole number", v->text);
    else if (version > SMASH_FORMAT_VERSION)
        SMASH__ST_BAD(st, SMASH_ERR_VERSION, "st_version", v, 0, "the file has smash.format_version %s, and smash " SMASH_VERSION_TEXT " reads versions up to %i; use a newer smash",
                      v->text, SMASH_FORMAT_VERSION);
}

SMASH__FN void smash__st_metadata(smash__st *st, const smash_value *v)
{
    const smash_value *key = v + 1;
    uint32_t i;
    if (v->type == SMASH_VALUE_NULL) return;            /* as the reference: the same as none */
    if (v->type != SMASH_VALUE_OBJECT) {
        SMASH__ST_BAD(st, SMASH_ERR_FORMAT, "st_metadata", v, 0, "__metadata__ is %s; it must be an object of strings", smash_value_kind(v->type));
        return;
    }
    st->metadata = v;
    for (i = 0; i < v->count && !smash__st_enough(st); i++, key += 1 + key[1].span) {
        if (key[1].type != SMASH_VALUE_STRING)
            SMASH__ST_BAD(st, SMASH_ERR_FORMAT, "st_metadata", key + 1, 0, "__metadata__: %q is %s; only strings are legal", key->text, smash_value_kind(key[1].type));
        else if (!smash__st_is_text(key) || !smash__st_is_text(key + 1))
            SMASH__ST_BAD(st, SMASH_ERR_FORMAT, "st_metadata", key, 0, "__metadata__: %q or its value holds a zero byte", key->text);
        else if (smash_value_is(key, "smash.format_version")) smash__st_version(st, key + 1);
    }
}

/* Elements of the shape times bits, in the reference's order of multiplication. 0 after a report */
SMASH__FN int smash__st_shape(smash__st *st, const smash__st_entry *e, uint64_t *bits)
{
    const char *name = e->key->text;
    const smash_value *v = e->shape + 1;
    uint64_t dim;
    uint32_t i;
    *bits = 1;
    for (i = 0; i < e->shape->count; i++, v += v->span) {
        if (!smash_value_u64(v, &dim)) {
            SMASH__ST_BAD(st, SMASH_ERR_FORMAT, "st_shape", v, 0, "tensor %q: dimension %u is no whole number from 0 to 2^64 - 1, written in digits", name, i);
            return 0;
        }
        if (!smash__mul64(*bits, dim, bits)) {
            SMASH__ST_BAD(st, SMASH_ERR_FORMAT, "st_shape", v, 0, "tensor %q: the product of its dimensions is over 2^64 - 1", name);
            return 0;
        }
        if ((size_t)dim != dim) {
            SMASH__ST_BAD(st, SMASH_ERR_LIMIT, "st_limit", v, 0, "tensor %q: dimension %u = %v is over what this machine can address", name, i, dim);
            return 0;
        }
    }
    if (e->shape->count > SMASH_MAX_DIMS) {
        SMASH__ST_BAD(st, SMASH_ERR_LIMIT, "st_limit", e->shape, 0, "tensor %q has %u dimensions; this reader takes at most %i", name, e->shape->count, SMASH_MAX_DIMS);
        return 0;
    }
    if (smash__mul64(*bits, smash_dtype_bits(e->dtype), bits)) return 1;
    SMASH__ST_BAD(st, SMASH_ERR_FORMAT, "st_shape", e->shape, 0, "tensor %q: its size is over 2^64 - 1 bits", name);
    return 0;
}

/* Fill in e from the member key; reports every rule that it breaks. */
SMASH__FN void smash__st_entry_read(smash__st *st, const smash_value *key, smash__st_entry *e)
{
    static const char *const fields[3] = { "dtype", "shape", "data_offsets" };
    static const smash_value_type types[3] = { SMASH_VALUE_STRING, SMASH_VALUE_ARRAY, SMASH_VALUE_ARRAY };
    static const char *const codes[3] = { "st_dtype", "st_shape", "st_offsets" };
    const smash_value *object = key + 1, *member, *found[3] = { NULL, NULL, NULL };
    const char *name = key->text;
    uint64_t bits;
    uint32_t i, f;
    int good = 1;
    e->key = key;
    if (!key->count || !smash__st_is_text(key))
        SMASH__ST_BAD(st, SMASH_ERR_FORMAT, "st_name", key, 0, "the tensor name %q is empty or holds a zero byte", name);
    if (object->type != SMASH_VALUE_OBJECT) {
        SMASH__ST_BAD(st, SMASH_ERR_FORMAT, "st_entry", object, 0, "tensor %q is %s; it must be an object of dtype, shape and data_offsets",
                      name, smash_value_kind(object->type));
        return;
    }
    for (i = 0, member = object + 1; i < object->count; i++, member += 1 + member[1].span) {
        for (f = 0; f < 3 && !smash_value_is(member, fields[f]); f++) {}
        if (f < 3) found[f] = member + 1;
        else SMASH__ST_BAD(st, SMASH_ERR_FORMAT, "st_key", member, 0, "tensor %q: unknown key %q; legal are dtype, shape and data_offsets", name, member->text);
        if (smash__st_enough(st)) return;
    }
    for (f = 0; f < 3; f++) {
        if (found[f] && found[f]->type == types[f]) continue;
        good = 0;
        if (!found[f]) SMASH__ST_BAD(st, SMASH_ERR_FORMAT, "st_key", object, 0, "tensor %q: %s is missing", name, fields[f]);
        else SMASH__ST_BAD(st, SMASH_ERR_FORMAT, codes[f], found[f], 0, "tensor %q: %s is %s; it must be %s", name, fields[f],
                           smash_value_kind(found[f]->type), smash_value_kind(types[f]));
    }
    if (!good) return;
    e->shape = found[1];
    e->dtype = smash_dtype_from_name(found[0]->text, found[0]->count);
    if (!smash__st_rank(e->dtype)) {
        SMASH__ST_BAD(st, SMASH_ERR_FORMAT, "st_dtype", found[0], 0, "tensor %q: %q is no safetensors dtype", name, found[0]->text);
        good = 0;
    }
    if (found[2]->count != 2 || !smash_value_u64(found[2] + 1, &e->begin) || !smash_value_u64(found[2] + 2, &e->end)) {
        SMASH__ST_BAD(st, SMASH_ERR_FORMAT, "st_offsets", found[2], 0, "tensor %q: data_offsets must be two whole numbers from 0 to 2^64 - 1, written in digits", name);
        return;
    }
    if (e->begin > e->end || e->end > st->data_bytes) {
        SMASH__ST_BAD(st, SMASH_ERR_FORMAT, "st_offsets", found[2], 0, "tensor %q: data_offsets [%v, %v] do not lie in order within the %v bytes of data",
                      name, e->begin, e->end, st->data_bytes);
        good = 0;
    }
    if (!good || !smash__st_shape(st, e, &bits)) return;
    if (bits % 8)
        SMASH__ST_BAD(st, SMASH_ERR_FORMAT, "st_size", e->shape, 0, "tensor %q: %v bits of %s do not fill whole bytes", name, bits, smash_dtype_name(e->dtype));
    else if (bits / 8 != e->end - e->begin)
        SMASH__ST_BAD(st, SMASH_ERR_FORMAT, "st_size", found[2], 0, "tensor %q: shape and dtype %s make %v bytes, data_offsets [%v, %v] hold %v",
                      name, smash_dtype_name(e->dtype), bits / 8, e->begin, e->end, e->end - e->begin);
    else if ((size_t)(bits / 8) != bits / 8)
        SMASH__ST_BAD(st, SMASH_ERR_LIMIT, "st_limit", e->shape, 0, "tensor %q: %v bytes are over what this machine can address", name, bits / 8);
}

SMASH__FN int smash__st_order(const void *user, uint32_t a, uint32_t b)
{
    const smash__st_entry *x = (const smash__st_entry *)user + a, *y = (const smash__st_entry *)user + b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return smash__order(x->key->text, y->key->text);
}

/* The tensors in order must tile the data section: no hole, no overlap, nothing behind. */
SMASH__FN void smash__st_tile(smash__st *st, const uint32_t *order, int allow_trailing)
{
    uint64_t at = 0;
    size_t i;
    for (i = 0; i < st->count && !smash__st_enough(st); i++) {
        const smash__st_entry *e = &st->entries[order[i]];
        const char *before = i ? st->entries[order[i - 1]].key->text : "the start of the data";
        if (e->begin > at)
            SMASH__ST_BAD(st, SMASH_ERR_FORMAT, "st_hole", e->key, 0, "tensor %q begins at %v, but %q ends at %v: %v bytes belong to no tensor",
                          e->key->text, e->begin, before, at, e->begin - at);
        if (e->begin < at)
            SMASH__ST_BAD(st, SMASH_ERR_FORMAT, "st_overlap", e->key, 0, "tensor %q begins at %v, but %q before it ends at %v: they overlap",
                          e->key->text, e->begin, before, at);
        if (e->end > at) at = e->end;
    }
    if (at < st->data_bytes && !allow_trailing && !smash__st_enough(st))
        SMASH__ST_BAD(st, SMASH_ERR_FORMAT, "st_trailing", NULL, st->data_at + at, "%v bytes follow the last tensor, which ends at %v of %v; "
                      "cut them off, or set allow_trailing", st->data_bytes - at, at, st->data_bytes);
}

/* Length and text of the header: one read into scratch, from a map too, since a mapped file may change while it is parsed. */
SMASH__FN smash_err smash__st_header(smash__st *st, const smash_safetensors_desc *desc, const char **text, size_t *bytes)
{
    const smash_io *io = st->io;
    unsigned char length[SMASH__ST_LENGTH];
    uint64_t n, limit = desc && desc->max_header ? desc->max_header : (uint64_t)SMASH__ST_MAX_HEADER;
    char *copy;
    if (limit > UINT32_MAX - 1) limit = UINT32_MAX - 1;          /* smash_json_parse takes no more */
    if (io->bytes < SMASH__ST_LENGTH) {
        SMASH__ST_BAD(st, SMASH_ERR_FORMAT, "st_header_length", NULL, 0, "the file has %v bytes; safetensors starts with 8 bytes of header length", io->bytes);
        return st->err;
    }
    if (smash__io_read(io, 0, length, sizeof length)) return SMASH__FAIL(st->ctx, SMASH_ERR_IO, 0, "reading the 8 bytes at the start of the file failed");
    n = smash__read64(length);
    if (n > io->bytes - SMASH__ST_LENGTH)
        SMASH__ST_BAD(st, SMASH_ERR_FORMAT, "st_header_length", NULL, 0, "the header is said to have %v bytes, the file has %v behind the length: "
                      "it was cut off, or is no safetensors file", n, io->bytes - SMASH__ST_LENGTH);
    else if (n > limit)
        SMASH__ST_BAD(st, SMASH_ERR_LIMIT, "st_header_length", NULL, 0, "the header has %v bytes; at most %v are read", n, limit);
    if (st->err) return st->err;
    st->data_at = SMASH__ST_LENGTH + n;
    st->data_bytes = io->bytes - st->data_at;
    *bytes = (size_t)n;
    copy = (char *)smash__scratch(st->ctx, (size_t)n, 1);
    if (!copy) return SMASH_ERR_NOMEM;
    if (smash__io_read(io, SMASH__ST_LENGTH, copy, (size_t)n))
        return SMASH__FAIL(st->ctx, SMASH_ERR_IO, SMASH__ST_LENGTH, "reading the header, %v bytes at byte 8, failed", n);
    *text = copy;
    return SMASH_OK;
}

/* Parse into scratch, in one block of the size that the text can need at most. */
SMASH__FN smash_err smash__st_parse(smash_ctx *ctx, const smash_json_desc *desc, const char *text, size_t bytes, smash_diags *diags, smash_json *out)
{
    smash_arena values;
    size_t i, need, count = 1;                          /* every value but the first comes after one of [ { , : */
    int in_string = 0;
    void *buffer;
    for (i = 0; i < bytes; i++) {
        char c = text[i];
        if (c == '"') in_string = !in_string;
        else if (in_string) i += c == '\\';
        else count += c == '[' || c == '{' || c == ',' || c == ':';
    }
    if (count > desc->max_values) count = desc->max_values;
    if (!smash__mul(count, sizeof(smash_value), &need) || !smash__add(need, bytes, &need) || !smash__add(need, 4 * SMASH__ALIGN, &need)) need = SIZE_MAX;
    buffer = smash__scratch(ctx, need, 1);
    if (!buffer) return SMASH_ERR_NOMEM;
    smash_arena_init(&values, buffer, need, NULL);
    return smash_json_parse(ctx, desc, text, bytes, &values, diags, out);
}

/* Every rule of the header and of the places in it; entries and order end up in scratch. */
SMASH__FN smash_err smash__st_check(smash__st *st, int allow_trailing, uint32_t **order)
{
    const smash_value *key = st->doc.root + 1;
    uint32_t *temp, i;
    st->entries = (smash__st_entry *)smash__scratch(st->ctx, st->doc.root->count, sizeof *st->entries);
    *order = st->entries ? (uint32_t *)smash__scratch(st->ctx, st->doc.root->count, sizeof **order) : NULL;
    temp = *order ? (uint32_t *)smash__scratch(st->ctx, st->doc.root->count, sizeof *temp) : NULL;
    if (!temp) return SMASH_ERR_NOMEM;
    for (i = 0; i < st->doc.root->count && !smash__st_enough(st); i++, key += 1 + key[1].span) {
        if (smash_value_is(key, "__metadata__")) { smash__st_metadata(st, key + 1); continue; }
        (*order)[st->count] = (uint32_t)st->count;
        smash__st_entry_read(st, key, &st->entries[st->count++]);
    }
    if (st->err) return st->err;                        /* with a tensor missing, holes would be reported that are none */
    smash__sort(*order, temp, st->count, smash__st_order, st->entries);
    smash__st_tile(st, *order, allow_trailing);
    return st->err;
}

/* One of our own metadata texts, a JSON object of strings: module types, or what the stored integers mean. A broken one warns. */
SMASH__FN smash_err smash__st_map(smash__st *st, smash_model *model, const smash_value *v, int is_types)
{
    smash_json_desc desc = SMASH_ZERO;
    smash_json doc;
    const smash_value *key;
    uint32_t i = 0, bits, is_unsigned;
    int clean = st->ctx->err == SMASH_OK;
    smash_err err;
    desc.unique_keys = 1;
    desc.max_depth = 1;
    desc.max_values = v->count / 3 + 16;
    err = smash__st_parse(st->ctx, &desc, v->text, v->count, NULL, &doc);
    if (!err && doc.root->type == SMASH_VALUE_OBJECT)
        for (key = doc.root + 1; i < doc.root->count && smash__st_is_text(key) && smash__st_is_text(key + 1) && key[1].count; i++) key += 2;
    if (err == SMASH_ERR_NOMEM) return err;
    if (err || doc.root->type != SMASH_VALUE_OBJECT || i < doc.root->count) {
        if (clean) smash_ctx_reset(st->ctx);
        smash_diag_add(st->diags, SMASH_WARNING, is_types ? "st_module_types" : "st_quant_dtypes", &st->doc, v,
                       is_types ? "metadata smash.module_types is no JSON object of module names and types; the types are inferred"
                                : "metadata smash.quant_dtypes is no JSON object of tensor names and dtypes; packed integers are told by their sizes");
        return SMASH_OK;
    }
    for (i = 0, key = doc.root + 1; i < doc.root->count && !err; i++, key += 2) {
        if (is_types) {
            ptrdiff_t module = smash_model_find_module(model, key->text);
            if (module >= 0) err = smash_model_set_type(st->ctx, model, (size_t)module, key[1].text);
        } else if (smash__dtype_word(key[1].text, &bits, &is_unsigned)) {
            const char *packed = smash__join(st->ctx, &st->ctx->scratch, key->text, "_packed", ""), *sparse = smash__join(st->ctx, &st->ctx->scratch, key->text, "_compressed", "");
            ptrdiff_t param = packed ? smash_model_find_param(model, packed) : -1;
            if (!packed || !sparse) return SMASH_ERR_NOMEM;
            if (param < 0) param = smash_model_find_param(model, sparse);
            if (param < 0) param = smash_model_find_param(model, key->text);
            if (param >= 0) model->params[param].meant = smash__grid_dtype(bits, is_unsigned);
        }
    }
    return err;
}

SMASH__FN smash_err smash__st_build(smash__st *st, const uint32_t *order, smash_model *model)
{
    const smash_value *key, *types = NULL, *dtypes = NULL;
    size_t shape[SMASH_MAX_DIMS] = { 0 }, i;
    uint64_t dim;
    uint32_t j;
    SMASH__TRY(smash__model_reserve(st->ctx, model, st->count));
    for (i = 0; i < st->count; i++) {
        const smash__st_entry *e = &st->entries[order[i]];
        smash_tensor t;
        for (j = 0; j < e->shape->count; j++) shape[j] = smash_value_u64(e->shape + 1 + j, &dim) ? (size_t)dim : 0;
        t = smash_tensor_view(e->dtype, NULL, 0, e->shape->count, shape);
        SMASH__TRY(smash_model_add(st->ctx, model, e->key->text, &t, st->data_at + e->begin));
    }
    if (st->metadata) {
        model->metadata = (smash_meta *)smash_arena_array(st->ctx, model->arena, st->metadata->count, sizeof *model->metadata);
        if (!model->metadata) return SMASH_ERR_NOMEM;
        for (key = st->metadata + 1; model->metadata_count < st->metadata->count; key += 2) {
            smash_meta *meta = &model->metadata[model->metadata_count++];
            meta->key = smash__text_copy(st->ctx, model->arena, key->text, key->count);
            meta->value = meta->key ? smash__text_copy(st->ctx, model->arena, key[1].text, key[1].count) : NULL;
            if (!meta->value) return SMASH_ERR_NOMEM;
            if (smash_value_is(key, "smash.module_types")) types = key + 1;
            if (smash_value_is(key, "smash.quant_dtypes")) dtypes = key + 1;
        }
    }
    SMASH__TRY(smash_model_finish(st->ctx, model));
    if (types) SMASH__TRY(smash__st_map(st, model, types, 1));
    return dtypes ? smash__st_map(st, model, dtypes, 0) : SMASH_OK;
}

SMASH__DEF smash_err smash_safetensors_read(smash_ctx *ctx, const smash_safetensors_desc *desc, const smash_io *io, smash_arena *arena,
                                            smash_diags *diags, smash_model *model)
{
    smash_json_desc json = SMASH_ZERO;
    smash_arena_mark scratch = smash__scratch_mark(ctx), mark;
    smash_model made;
    smash__st *st;
    const char *text = NULL;
    uint32_t *order = NULL;
    size_t bytes = 0;
    smash_err err;
    int clean;
    if (!SMASH__DESC_OK(desc)) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the smash_safetensors_desc is not initialised; write `= SMASH_ZERO`");
    if (!io || !arena || !model) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "io, arena and model must not be NULL");
    ctx = smash__ctx(ctx);
    if (!ctx) return SMASH_ERR_NOMEM;                   /* no scratch */
    if (arena == &ctx->scratch) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the arena of a model must not be ctx->scratch, which every call empties");
    st = (smash__st *)smash__scratch(ctx, 1, sizeof *st);
    if (!st) return SMASH_ERR_NOMEM;
    smash__fill(st, 0, sizeof *st);
    st->ctx = ctx;
    st->diags = diags;
    st->io = io;
    st->doc.file = desc ? desc->file : NULL;
    clean = ctx->err == SMASH_OK;
    err = smash__st_header(st, desc, &text, &bytes);
    if (!err) {
        json.unique_keys = 1;
        json.max_depth = 4;
        json.max_values = (uint32_t)(bytes / 3 + 16);   /* no header that keeps the rules has more: memory is capped by the header */
        json.file = st->doc.file;
        err = smash__st_parse(ctx, &json, text, bytes, diags, &st->doc);
        if (err == SMASH_ERR_SYNTAX || err == SMASH_ERR_LIMIT) {
            err = SMASH_ERR_FORMAT;
            if (clean) { ctx->err = err; ctx->index += SMASH__ST_LENGTH; }
        } else if (!err && st->doc.root->type != SMASH_VALUE_OBJECT) {
            SMASH__ST_BAD(st, SMASH_ERR_FORMAT, "st_header_json", st->doc.root, 0, "the header is %s; it must be an object of tensors", smash_value_kind(st->doc.root->type));
            err = st->err;
        }
    }
    if (!err) err = smash__st_check(st, desc && desc->allow_trailing, &order);
    if (!err) {
        mark = smash_arena_get_mark(arena);             /* not before: diags may live in the same arena */
        smash_model_init(&made, arena);
        made.io = io;
        made.file_bytes = io->bytes;
        err = smash__st_build(st, order, &made);
        if (err) smash_arena_rewind(arena, mark);
        else *model = made;
    }
    smash__scratch_rewind(ctx, scratch);
    return err;
}

/* ---- one tensor's numbers ---- */

SMASH__DEF smash_err smash_model_load(smash_ctx *ctx, const smash_model *model, size_t param, smash_arena *arena, smash_tensor *view)
{
    const smash_param *p;
    const smash_io *io;
    const unsigned char *data;
    smash_arena_mark mark;
    smash_tensor t;
    size_t bytes, align;
    smash_err err;
    void *copy;
    if (!model || !view || param >= model->param_count) return SMASH__FAIL(ctx, SMASH_ERR_ARG, param, "no model, no view, or there is no parameter %z", param);
    p = &model->params[param];
    io = model->io;
    t = p->tensor;
    t.flags |= SMASH_TENSOR_CONST;
    if (t.data) { *view = t; return SMASH_OK; }
    err = smash_tensor_bytes(&t, &bytes);
    if (err) return SMASH__FAIL(ctx, err, param, "parameter %q: the shape does not fit the address space", p->name);
    if (!io) return SMASH__FAIL(ctx, SMASH_ERR_ARG, param, "parameter %q has no data, and the model no file to read it from", p->name);
    if (p->offset > io->bytes || bytes > io->bytes - p->offset)
        return SMASH__FAIL(ctx, SMASH_ERR_ARG, param, "parameter %q: %z bytes at %v do not lie in the file of %v bytes", p->name, bytes, p->offset, io->bytes);
    align = smash__dtype(t.dtype)->align;
    data = io->map ? (const unsigned char *)io->map + (size_t)p->offset : NULL;
    if (data && (uintptr_t)data % align == 0 && (align == 1 || smash__little_endian())) {
        t = smash_tensor_view(t.dtype, data, bytes, t.ndim, t.shape);
        t.flags = p->tensor.flags | SMASH_TENSOR_CONST;
        t.name = p->name;
        *view = t;
        return SMASH_OK;
    }
    if (!arena) return SMASH__FAIL(ctx, SMASH_ERR_ARG, param, "parameter %q must be read, which needs an arena", p->name);
    mark = smash_arena_get_mark(arena);
    copy = smash_arena_alloc(ctx, arena, bytes);
    if (!copy) return SMASH_ERR_NOMEM;
    if (smash__io_read(io, p->offset, copy, bytes)) {
        smash_arena_rewind(arena, mark);
        return SMASH__FAIL(ctx, SMASH_ERR_IO, param, "parameter %q: reading %z bytes at %v failed", p->name, bytes, p->offset);
    }
    if (!smash__little_endian()) smash__swap(copy, bytes, align);
    t.data = copy;
    t.bytes = bytes;
    t.flags = 0;
    *view = t;
    return SMASH_OK;
}

/* ---- writing ---- */

typedef struct smash__layout_in {
    const smash_tensor *tensors;
    const smash_meta   *metadata;
    size_t              count, metadata_count;
    uint32_t           *order;
    const uint64_t     *offsets, *sizes;                /* offsets in the data section */
} smash__layout_in;

SMASH__FN int smash__order_tensors(const void *user, uint32_t a, uint32_t b)
{
    const smash_tensor *tensors = (const smash_tensor *)user;
    return smash__order(tensors[a].name, tensors[b].name);
}

SMASH__FN int smash__order_dtypes(const void *user, uint32_t a, uint32_t b)
{
    const smash_tensor *tensors = (const smash_tensor *)user;
    return (int)smash__st_rank(tensors[b].dtype) - (int)smash__st_rank(tensors[a].dtype);
}

SMASH__FN int smash__order_meta(const void *user, uint32_t a, uint32_t b)
{
    const smash_meta *metadata = (const smash_meta *)user;
    return smash__order(metadata[a].key, metadata[b].key);
}

/* A text that a header can hold and a reader gives back: not empty, UTF-8. */
SMASH__FN int smash__st_is_name(const char *name, int may_be_empty)
{
    const size_t bytes = name ? smash__length(name) : 0;
    return name && (bytes || may_be_empty) && smash__is_utf8(name, bytes);
}

/* Every argument, in order; bytes of each tensor into sizes. */
SMASH__FN smash_err smash__layout_check(smash_ctx *ctx, const smash__layout_in *in, uint64_t *sizes)
{
    size_t i, bytes, n;
    for (i = 0; i < in->count; i++) {
        const smash_tensor *t = &in->tensors[i];
        smash_err err;
        if (!smash__st_is_name(t->name, 0) || smash__equal(t->name, "__metadata__"))
            return SMASH__FAIL(ctx, SMASH_ERR_ARG, i, "tensor %z needs a name in UTF-8, and not __metadata__", i);
        if (t->ndim > SMASH_MAX_DIMS) return SMASH__FAIL(ctx, SMASH_ERR_ARG, i, "tensor %q has %u dims; at most %i are possible", t->name, t->ndim, SMASH_MAX_DIMS);
        if (!smash__st_rank(t->dtype))
            return SMASH__FAIL(ctx, SMASH_ERR_DTYPE, i, "tensor %q is %s, which safetensors cannot store; packed numbers are stored as U8", t->name, smash_dtype_name(t->dtype));
        err = smash_tensor_count(t, &n);
        if (!err) err = smash_tensor_bytes(t, &bytes);
        if (err) return SMASH__FAIL(ctx, err, i, "tensor %q: the shape does not fit the address space", t->name);
        if (n % 8 * smash_dtype_bits(t->dtype) % 8)
            return SMASH__FAIL(ctx, SMASH_ERR_SHAPE, i, "tensor %q: %z numbers of %s do not fill whole bytes", t->name, n, smash_dtype_name(t->dtype));
        sizes[i] = bytes;
    }
    for (i = 0; i < in->metadata_count; i++)
        if (!smash__st_is_name(in->metadata[i].key, 1) || !smash__st_is_name(in->metadata[i].value, 1))
            return SMASH__FAIL(ctx, SMASH_ERR_ARG, i, "metadata %z needs a key and a value in UTF-8", i);
    return SMASH_OK;
}

/* A writer's target that counts, and keeps the bytes once there is memory for them. */
typedef struct smash__header { char *data; size_t bytes; } smash__header;

SMASH__FN smash_err smash__header_put(void *user, const char *text, size_t bytes)
{
    smash__header *header = (smash__header *)user;
    if (bytes > SMASH__ST_MAX_HEADER - header->bytes) return SMASH_ERR_LIMIT;
    if (header->data) smash__copy(header->data + header->bytes, text, bytes);
    header->bytes += bytes;
    return SMASH_OK;
}

SMASH__FN smash_err smash__layout_write(const smash__layout_in *in, smash__header *header)
{
    smash_writer w = SMASH_ZERO;
    size_t i;
    uint32_t j;
    w.put = smash__header_put;
    w.user = header;
    smash_write_begin_object(&w);
    if (in->metadata_count) {
        smash_write_key(&w, "__metadata__");
        smash_write_begin_object(&w);
        for (i = 0; i < in->metadata_count; i++) {
            smash_write_key(&w, in->metadata[i].key);
            smash_write_text(&w, in->metadata[i].value);
        }
        smash_write_end(&w);
    }
    for (i = 0; i < in->count; i++) {
        const smash_tensor *t = &in->tensors[in->order[i]];
        smash_write_key(&w, t->name);
        smash_write_begin_object(&w);
        smash_write_key(&w, "dtype");
        smash_write_text(&w, smash_dtype_name(t->dtype));
        smash_write_key(&w, "shape");
        smash_write_begin_array(&w);
        for (j = 0; j < t->ndim; j++) smash_write_u64(&w, t->shape[j]);
        smash_write_end(&w);
        smash_write_key(&w, "data_offsets");
        smash_write_begin_array(&w);
        smash_write_u64(&w, in->offsets[in->order[i]]);
        smash_write_u64(&w, in->offsets[in->order[i]] + in->sizes[in->order[i]]);
        smash_write_end(&w);
        smash_write_end(&w);
    }
    smash_write_end(&w);
    while (!w.err && header->bytes % 8) w.err = smash__header_put(header, " ", 1);
    return w.err;
}

SMASH__FN smash_err smash__layout_make(smash_ctx *ctx, smash__layout_in *in, smash_arena *arena, smash_layout *out)
{
    size_t most = in->count > in->metadata_count ? in->count : in->metadata_count, i;
    uint64_t *offsets, *sizes, at = 0;
    uint32_t *temp;
    smash__header header = SMASH_ZERO;
    unsigned char *length;
    offsets = (uint64_t *)smash_arena_array(ctx, arena, in->count, sizeof *offsets);
    sizes = offsets ? (uint64_t *)smash_arena_array(ctx, arena, in->count, sizeof *sizes) : NULL;
    in->order = sizes ? (uint32_t *)smash__scratch(ctx, most, sizeof(uint32_t)) : NULL;
    temp = in->order ? (uint32_t *)smash__scratch(ctx, most, sizeof(uint32_t)) : NULL;
    if (!temp) return SMASH_ERR_NOMEM;
    SMASH__TRY(smash__layout_check(ctx, in, sizes));
    for (i = 0; i < in->metadata_count; i++) in->order[i] = (uint32_t)i;
    smash__sort(in->order, temp, in->metadata_count, smash__order_meta, in->metadata);
    for (i = 1; i < in->metadata_count; i++)
        if (!smash__order_meta(in->metadata, in->order[i - 1], in->order[i]))
            return SMASH__FAIL(ctx, SMASH_ERR_ARG, in->order[i], "the metadata key %q is there twice", in->metadata[in->order[i]].key);
    for (i = 0; i < in->count; i++) in->order[i] = (uint32_t)i;
    smash__sort(in->order, temp, in->count, smash__order_tensors, in->tensors);
    for (i = 1; i < in->count; i++)
        if (!smash__order_tensors(in->tensors, in->order[i - 1], in->order[i]))
            return SMASH__FAIL(ctx, SMASH_ERR_ARG, in->order[i], "two tensors are called %q; rename one", in->tensors[in->order[i]].name);
    smash__sort(in->order, temp, in->count, smash__order_dtypes, in->tensors);          /* stable: by name within a dtype */
    for (i = 0; i < in->count; i++) {
        offsets[in->order[i]] = at;
        if (sizes[in->order[i]] > UINT64_MAX / 2 - at)
            return SMASH__FAIL(ctx, SMASH_ERR_OVERFLOW, in->order[i], "with tensor %q the file is larger than any file can be", in->tensors[in->order[i]].name);
        at += sizes[in->order[i]];
    }
    in->offsets = offsets;
    in->sizes = sizes;
    if (smash__layout_write(in, &header))
        return SMASH__FAIL(ctx, SMASH_ERR_LIMIT, 0, "the header is over %i bytes, which no reader takes; write several files", (int)SMASH__ST_MAX_HEADER);
    length = (unsigned char *)smash_arena_alloc(ctx, arena, SMASH__ST_LENGTH + header.bytes);
    if (!length) return SMASH_ERR_NOMEM;
    for (i = 0; i < SMASH__ST_LENGTH; i++) length[i] = (unsigned char)((uint64_t)header.bytes >> 8 * i & 0xFF);
    header.data = (char *)length + SMASH__ST_LENGTH;
    header.bytes = 0;
    smash__layout_write(in, &header);
    out->header = (const char *)length;
    out->header_bytes = SMASH__ST_LENGTH + header.bytes;
    for (i = 0; i < in->count; i++) offsets[i] += out->header_bytes;
    out->offsets = offsets;
    out->sizes = sizes;
    out->count = in->count;
    out->bytes = out->header_bytes + at;
    return SMASH_OK;
}

SMASH__DEF smash_err smash_safetensors_layout(smash_ctx *ctx, const smash_tensor *tensors, size_t count, const smash_meta *metadata,
                                              size_t metadata_count, smash_arena *arena, smash_layout *out)
{
    smash_arena_mark scratch = smash__scratch_mark(ctx), mark;
    smash__layout_in in;
    smash_layout made;
    smash_err err;
    if (!out || !arena || (!tensors && count) || (!metadata && metadata_count))
        return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "tensors, metadata, arena and out must not be NULL");
    if (smash__ctx(ctx) && arena == &ctx->scratch) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the arena of a layout must not be ctx->scratch, which every call empties");
    if (count > UINT32_MAX - 1 || metadata_count > UINT32_MAX - 1) return SMASH__FAIL(ctx, SMASH_ERR_LIMIT, 0, "a file has at most %u tensors", UINT32_MAX - 1);
    smash__fill(&in, 0, sizeof in);
    smash__fill(&made, 0, sizeof made);
    in.tensors = tensors;
    in.count = count;
    in.metadata = metadata;
    in.metadata_count = metadata_count;
    mark = smash_arena_get_mark(arena);
    err = smash__layout_make(ctx, &in, arena, &made);
    if (err) smash_arena_rewind(arena, mark);
    else *out = made;
    smash__scratch_rewind(ctx, scratch);
    return err;
}

SMASH__DEF smash_err smash_safetensors_begin(smash_ctx *ctx, const smash_layout *layout, const smash_io *io)
{
    if (!layout || !layout->header || !io || !io->write) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "no layout, or an io that cannot write");
    if (io->write(io->user, 0, layout->header, layout->header_bytes))
        return SMASH__FAIL(ctx, SMASH_ERR_IO, 0, "writing the header, %z bytes, failed", layout->header_bytes);
    return SMASH_OK;
}

SMASH__DEF smash_err smash_safetensors_put(smash_ctx *ctx, const smash_layout *layout, const smash_io *io, size_t index, const smash_tensor *tensor)
{
    smash_arena_mark mark = smash__scratch_mark(ctx);
    const unsigned char *data;
    unsigned char *chunk = NULL;
    size_t bytes, unit, done, step;
    int failed = 0;
    if (!layout || !layout->header || !io || !io->write) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "no layout, or an io that cannot write");
    if (index >= layout->count) return SMASH__FAIL(ctx, SMASH_ERR_ARG, index, "the layout has %z tensors, so there is no tensor %z", layout->count, index);
    SMASH__TRY(smash__check(ctx, tensor, "tensor", ~1u, SMASH__READ, NULL));
    SMASH__TRY(smash_tensor_bytes(tensor, &bytes));
    if (bytes != layout->sizes[index])
        return SMASH__FAIL(ctx, SMASH_ERR_SHAPE, index, "tensor %q has %z bytes, its place in the file %v; give the tensor that was laid out", smash__name(tensor), bytes, layout->sizes[index]);
    data = (const unsigned char *)tensor->data;
    unit = smash__dtype(tensor->dtype)->align;
    if (unit > 1 && bytes && !smash__little_endian()) {
        chunk = (unsigned char *)smash__scratch(ctx, SMASH__ST_CHUNK, 1);
        if (!chunk) return SMASH_ERR_NOMEM;
    }
    for (done = 0; done < bytes && !failed; done += step) {
        step = chunk && bytes - done > SMASH__ST_CHUNK ? (size_t)SMASH__ST_CHUNK : bytes - done;
        if (chunk) {
            smash__copy(chunk, data + done, step);
            smash__swap(chunk, step, unit);
        }
        failed = io->write(io->user, layout->offsets[index] + done, chunk ? chunk : data + done, step);
    }
    smash__scratch_rewind(ctx, mark);
    if (failed) return SMASH__FAIL(ctx, SMASH_ERR_IO, index, "writing tensor %q, %z bytes at %v, failed", smash__name(tensor), bytes, layout->offsets[index]);
    return SMASH_OK;
}
#undef SMASH__ST_BAD
#endif

#if !SMASH_NO_CONFIG
/*==================================================================================================
 * MARK: - Config, implementation                                                      >>config-impl
 *================================================================================================*/

#define SMASH__PRUNERS     (1u << SMASH_PRUNER)
#define SMASH__QUANTIZERS  (1u << SMASH_QUANTIZER)
#define SMASH__BOTH        (SMASH__PRUNERS | SMASH__QUANTIZERS)
#define SMASH__NO_INDEX    ((uint32_t)SMASH_NONE)

/* ---- tables ---- */

SMASH__DEF const char *smash_group_name(smash_group group)
{
    static const char *const names[SMASH_GROUP_COUNT] = { "none", "pruner", "distiller", "quantizer", "recoverer", "cacher", "compiler", "batcher" };
    return names[(unsigned)group < SMASH_GROUP_COUNT ? group : SMASH_GROUP_NONE];
}

SMASH__DEF smash_group smash_group_from_name(const char *name)
{
    int g;
    for (g = 1; g < SMASH_GROUP_COUNT; g++) if (smash__equal(name, smash_group_name((smash_group)g))) return (smash_group)g;
    return SMASH_GROUP_NONE;
}

/* Keys of a config_list entry */
SMASH__DEF const smash_key *smash_config_keys(size_t *count)
{
    static const smash_key keys[] = {
        { "op_names", SMASH_KEY_NAMES, "a list of module names", "[]", "modules by full name", 0, 0, 0, SMASH__BOTH, 1 },
        { "op_names_re", SMASH_KEY_PATTERNS, "a list of regular expressions", "[]", "modules whose name starts with a match", 0, 0, 0, SMASH__BOTH, 1 },
        { "op_types", SMASH_KEY_NAMES, "a list of module types", "[]", "only modules of these types; alone: all of them", 0, 0, 0, SMASH__BOTH, 1 },
        { "exclude_op_names", SMASH_KEY_NAMES, "a list of module names", "[]", "not these modules", 0, 0, 0, SMASH__BOTH, 1 },
        { "exclude_op_names_re", SMASH_KEY_PATTERNS, "a list of regular expressions", "[]", "not modules whose name starts with a match", 0, 0, 0, SMASH__BOTH, 1 },
        { "exclude_op_types", SMASH_KEY_NAMES, "a list of module types", "[]", "not modules of these types", 0, 0, 0, SMASH__BOTH, 1 },
        { "target_names", SMASH_KEY_NAMES, "a list of targets: weight, bias, _input_0, _output_0 ...", "[]", "what of a module; absent: everything its type has", 0, 0, 0, SMASH__BOTH, 1 },
        { "target_settings", SMASH_KEY_SETTINGS, "an object {target: {key: value}}", "{}", "settings for one target, stronger than the entry's own", 0, 0, 0, SMASH__BOTH, 1 },
        { "sparse_ratio", SMASH_KEY_NUMBER, "a number from 0 to 1", "null", "share of the blocks that goes", 0, 1, 0, SMASH__PRUNERS, 0 },
        { "sparse_threshold", SMASH_KEY_NUMBER, "a number", "null", "blocks whose metric is below this go; not together with sparse_ratio",
          -1.7976931348623157e308, 1.7976931348623157e308, 0, SMASH__PRUNERS, 0 },
        { "min_sparse_ratio", SMASH_KEY_NUMBER, "a number from 0 up to, but not, 1", "null", "at least this share goes", 0, 0.99999999999999989, 0, SMASH__PRUNERS, 0 },
        { "max_sparse_ratio", SMASH_KEY_NUMBER, "a number above 0, up to 1", "null", "at most this share goes; wins over min_sparse_ratio", 4.9406564584124654e-324, 1, 0,
          SMASH__PRUNERS, 0 },
        { "global_group_id", SMASH_KEY_ID, "a name or a whole number", "null", "targets of one group share the sparse_ratio: what matters least in all of them goes", 0, 0, 0, SMASH__PRUNERS, 0 },
        { "dependency_group_id", SMASH_KEY_ID, "a name or a whole number", "null", "targets of one group lose the same positions; stronger than global_group_id", 0, 0, 0, SMASH__PRUNERS, 0 },
        { "internal_metric_block", SMASH_KEY_INTEGER, "a whole number from 1 on", "null", "into how many parts a target's blocks are cut, each of which loses the same share", 1, 2147483647, 0, SMASH__PRUNERS, 0 },
        { "align", SMASH_KEY_ALIGN, "an object {\"module_name\": name or null, \"target_name\": \"weight\", \"dims\": [0]}", "null",
          "follow the mask of another target instead of making one; a bias follows its weight", 0, 0, 0, SMASH__PRUNERS, 0 },
        { "quant_dtype", SMASH_KEY_DTYPE, "int2 to int16 or uint2 to uint16", "int8", "the integers to quantize to", 0, 0, 0, SMASH__QUANTIZERS, 0 },
        { "quant_scheme", SMASH_KEY_CHOICE, "symmetric affine", "symmetric", "grid centred on 0, or spanning minimum to maximum", 0, 0, 0, SMASH__QUANTIZERS, 0 },
        { "fuse_names", SMASH_KEY_LATER, "null", "null", "modules folded into one before quantization", 0, 0, 0, SMASH__QUANTIZERS, 0 },
        { "granularity", SMASH_KEY_GRANULARITY, "default out_channel in_channel per_channel", "default",
          "the block that shares one decision: a word, or sizes such as [1, -1, -1, -1] or [4, 4], -1 = whole axis; pruners also \"2:4\": 2 of each 4 numbers in a row stay", 0, 0, 0, SMASH__BOTH, 0 },
        { "apply_method", SMASH_KEY_CHOICE, "mul add bypass", "mul", "what happens to masked numbers: they become zero, apply_value is added to them, or nothing: masks are made, reported and written, not applied", 0, 0, 0, SMASH__PRUNERS, 0 },
        { "apply_value", SMASH_KEY_NUMBER, "a number", "-1000", "what apply_method add adds; 0 means -1000", -1.7976931348623157e308, 1.7976931348623157e308, 0, SMASH__PRUNERS, 0 },
        { "apply_method", SMASH_KEY_CHOICE, "clamp_round", "clamp_round", "how numbers meet the grid", 0, 0, 0, SMASH__QUANTIZERS, 0 }
    };
    if (count) *count = sizeof keys / sizeof *keys;
    return keys;
}

/* Keys of the dictionary that are no hyperparameters, in their order */
SMASH__FN const smash_key *smash__plain_keys(size_t *count)
{
    static const smash_key keys[] = {
        { "batcher", SMASH_KEY_ALGORITHM, NULL, "null", "processes several inputs together", 0, 0, 0, 0, 0 },
        { "cacher", SMASH_KEY_ALGORITHM, NULL, "null", "keeps intermediate results for later", 0, 0, 0, 0, 0 },
        { "compiler", SMASH_KEY_ALGORITHM, NULL, "null", "prepares the model for certain hardware", 0, 0, 0, 0, 0 },
        { "distiller", SMASH_KEY_ALGORITHM, NULL, "null", "trains a smaller model to do what a larger one does", 0, 0, 0, 0, 0 },
        { "pruner", SMASH_KEY_ALGORITHM, NULL, "null", "removes what matters least", 0, 0, 0, 0, 0 },
        { "quantizer", SMASH_KEY_ALGORITHM, NULL, "null", "stores numbers in fewer bits", 0, 0, 0, 0, 0 },
        { "recoverer", SMASH_KEY_ALGORITHM, NULL, "null", "restores what compression cost", 0, 0, 0, 0, 0 },
        { "batch_size", SMASH_KEY_INTEGER, "a whole number from 1 on", "1", "samples at a time", 1, 2147483647, 0, 0, 0 },
        { "device", SMASH_KEY_DEVICE, "\"cpu\", \"cuda\" or \"cuda:N\"", "cpu", "where the algorithms run", 0, 0, 0, 0, 0 },
        { "module_templates", SMASH_KEY_TEMPLATES, "an object {\"type\": {\"pruner\": {\"weight\": {}}, ...}}", "null", "what there is to compress in types of your own", 0, 0, 0, 0, 0 },
        { "module_types", SMASH_KEY_TYPES, "an object {\"module\": \"type\"}", "null", "types of modules, where they are inferred wrongly", 0, 0, 0, 0, 0 },
        { "on_overlap", SMASH_KEY_CHOICE, "first last", "first", "which entry wins when two of a config_list name one target", 0, 0, 0, 0, 0 },
        { "pack_sparse", SMASH_KEY_BOOLEAN, NULL, "false", "store pruned tensors without their zeros, where that is smaller", 0, 0, 0, 0, 0 },
        { "shapes", SMASH_KEY_SHAPES, "an object {\"module\": {\"_output_0\": [1, 16, 8, 8]}}", "null", "shapes of inputs and outputs, the batch first", 0, 0, 0, 0, 0 },
        { "compression", SMASH_KEY_LATER, "null", "null", "an experiment", 0, 0, 0, 0, 0 }
    };
    *count = sizeof keys / sizeof *keys;
    return keys;
}

SMASH__FN const smash_key *smash__key(smash_group group, const char *name)
{
    size_t count, i;
    const smash_key *keys = smash_config_keys(&count);
    for (i = 0; i < count; i++) if ((keys[i].groups >> group & 1) && smash__equal(keys[i].name, name)) return &keys[i];
    return NULL;
}

/* What a module type has to compress. A bias can go, but only with its weight; inputs and outputs take part in
 * quantization only. */
enum { SMASH__HAS_WEIGHT = 1, SMASH__HAS_BIAS = 2, SMASH__HAS_INPUT = 4, SMASH__HAS_OUTPUT = 8 };
typedef struct smash__template { const char *type; uint32_t prune, quantize; } smash__template;

SMASH__FN const smash__template *smash__templates(size_t *count)
{
    enum { LAYER = SMASH__HAS_WEIGHT | SMASH__HAS_BIAS, ENDS = SMASH__HAS_INPUT | SMASH__HAS_OUTPUT };
    static const smash__template templates[] = {
        { "Linear", LAYER, LAYER | ENDS }, { "Conv1d", LAYER, LAYER | ENDS }, { "Conv2d", LAYER, LAYER | ENDS }, { "Conv3d", LAYER, LAYER | ENDS },
        { "ConvTranspose1d", LAYER, LAYER | ENDS }, { "ConvTranspose2d", LAYER, LAYER | ENDS }, { "ConvTranspose3d", LAYER, LAYER | ENDS },
        { "BatchNorm1d", LAYER, LAYER | ENDS }, { "BatchNorm2d", LAYER, LAYER | ENDS }, { "BatchNorm3d", LAYER, 0 },
        { "Embedding", SMASH__HAS_WEIGHT, SMASH__HAS_WEIGHT },
        { "ReLU", 0, ENDS }, { "ReLU6", 0, ENDS }, { "Hardtanh", 0, ENDS }, { "MaxPool2d", 0, ENDS }
    };
    *count = sizeof templates / sizeof *templates;
    return templates;
}

SMASH__FN const smash__template *smash__template_of(const char *type)
{
    size_t count, i;
    const smash__template *t = smash__templates(&count);
    for (i = 0; i < count; i++) if (smash__equal(t[i].type, type)) return &t[i];
    return NULL;
}

/* What module_templates says of a type, which goes before the table; NULL if nothing. */
SMASH__FN const smash_value *smash__own_template(const smash_value *templates, const char *type)
{
    const smash_value *v = templates && templates->type == SMASH_VALUE_OBJECT ? smash_value_get(templates, type) : NULL;
    return v && v->type == SMASH_VALUE_OBJECT ? v : NULL;
}

/* The targets of a type of the user's and their settings, for one group; or NULL */
SMASH__FN const smash_value *smash__own_part(const smash_value *templates, smash_group group, const char *type)
{
    const smash_value *own = smash__own_template(templates, type), *part = own ? smash_value_get(own, smash_group_name(group)) : NULL;
    return part && part->type == SMASH_VALUE_OBJECT ? part : NULL;
}

/* The same for a type of the table: a bit per target */
SMASH__FN uint32_t smash__table_part(const smash_value *templates, smash_group group, const char *type)
{
    const smash__template *t = smash__own_template(templates, type) ? NULL : smash__template_of(type);
    return !t ? 0 : group == SMASH_PRUNER ? t->prune : t->quantize;
}

SMASH__FN int smash__has_targets(const smash_value *templates, smash_group group, const char *type)
{
    const smash_value *part = smash__own_part(templates, group, type);
    return smash__table_part(templates, group, type) || (part && part->count);
}

/* Axis of a weight that "out_channel" (else "in_channel") means for a type: what the user says of it, or the layout of the usual ones. */
SMASH__FN uint32_t smash__type_axis(const smash_value *templates, const char *type, int out)
{
    const smash_value *own = smash__own_template(templates, type), *axis[2];
    int i;
    for (i = 0; i < 2; i++) {
        axis[i] = own ? smash_value_get(own, i ? "out_axis" : "in_axis") : NULL;
        if (axis[i] && axis[i]->type != SMASH_VALUE_NUMBER) axis[i] = NULL;
    }
    if (axis[out]) return (uint32_t)axis[out]->number;
    if (axis[!out]) return axis[!out]->number == 0;                      /* the other one of the first two */
    return out ? smash_type_out_axis(type) : smash_type_in_axis(type);
}

/* Names of the inputs or outputs that a template lists, or NULL */
SMASH__FN const smash_value *smash__own_names(const smash_value *own, int outputs)
{
    const smash_value *v = smash_value_get(own, outputs ? "outputs" : "inputs");
    return v && v->type == SMASH_VALUE_ARRAY ? v : NULL;
}

/* Names of the inputs or outputs of a type in their order, as a list in JSON; NULL if nobody says them. */
SMASH__FN const smash_value *smash__end_names(const smash_value *templates, const char *type, int outputs)
{
    static const smash_value input[2] = { { SMASH_VALUE_ARRAY, 1, 2, 0, NULL, 0 }, { SMASH_VALUE_STRING, 5, 1, 0, "input", 0 } };
    const smash_value *own = smash__own_template(templates, type), *v = own ? smash__own_names(own, outputs) : NULL;
    if (v) return v;
    return !own && !outputs && smash__template_of(type) ? input : NULL;
}

/* What a target is called here: an input or output by its index, `_input_` as `_input_0`, `_input_x` by the place of x among the arguments;
 * where the names of outputs are not known, `_output_hidden` is a key of the dictionary that comes out. NULL: the type has no such thing.
 * NNI v3 never finds an argument by its name, which its documentation promises. */
enum { SMASH__END_TEXT = 24, SMASH__NAMES_MAX = 128 };
SMASH__FN const char *smash__end_of_names(const smash_value *names, const char *target, char out[SMASH__END_TEXT])
{
    const char *name = smash__end_name(target = smash__end_target(target));
    const int outputs = name == target + 8;
    const smash_value *e = names ? names + 1 : NULL;
    uint32_t i, index = 0;
    size_t digits = 0;
    if (!name) return target;
    while (name[digits] >= '0' && name[digits] <= '9' && digits < 7) index = index * 10 + (uint32_t)(name[digits++] - '0');
    if (digits) return !name[digits] && digits < 7 && !(name[0] == '0' && digits > 1) && (!names || index < names->count) ? target : NULL;      /* no name begins so */
    for (i = 0; names && i < names->count && i < SMASH__NAMES_MAX; i++, e += e->span) {
        if (!smash_value_is(e, name)) continue;
        smash__format(out, SMASH__END_TEXT, outputs ? "_output_%u" : "_input_%u", i);
        return out;
    }
    return outputs && !names ? target : NULL;
}

SMASH__FN const char *smash__end_of_type(const smash_value *templates, const char *type, const char *target, char out[SMASH__END_TEXT])
{
    return smash__is_end(target) ? smash__end_of_names(smash__end_names(templates, type, smash__starts_with(target, "_output_")), target, out) : target;
}

/* ---- values ---- */

SMASH__FN const smash_value *smash__null(void)
{
    static const smash_value null = { SMASH_VALUE_NULL, 0, 1, 0, NULL, 0 };
    return &null;
}

SMASH__FN int smash__is_whole(double x) { return smash_is_finite_f64(x) && (x >= 9e15 || x <= -9e15 || (double)(int64_t)x == x); }

/* What a word of a table means: true, false, null, a number, or itself, as a string that is not terminated. */
SMASH__FN smash_value smash__word(const char *word, size_t bytes)
{
    smash_value v;
    smash__fill(&v, 0, sizeof v);
    v.span = 1;
    v.text = word;
    v.count = (uint32_t)bytes;
    v.type = SMASH_VALUE_STRING;
    if (bytes && smash_number_parse(word, bytes, &v.number) == bytes) v.type = SMASH_VALUE_NUMBER;
    else if (bytes == 4 && smash__same(word, "null", 4)) v.type = SMASH_VALUE_NULL;
    else if (bytes == 4 && smash__same(word, "true", 4)) v.type = SMASH_VALUE_BOOL;
    else if (bytes == 5 && smash__same(word, "false", 5)) v.type = SMASH_VALUE_BOOL;
    if (v.type == SMASH_VALUE_BOOL) v.number = bytes == 4;
    if (v.type == SMASH_VALUE_NULL || v.type == SMASH_VALUE_BOOL) { v.text = NULL; v.count = 0; }
    return v;
}

/* The next of the words that blanks separate; 0 if there is none left. */
SMASH__FN int smash__next_word(const char **words, smash_value *out)
{
    size_t n = 0;
    while (**words == ' ') ++*words;
    while ((*words)[n] && (*words)[n] != ' ') n++;
    *out = smash__word(*words, n);
    *words += n;
    return n > 0;
}

/* Equal as Python has it: 1, 1.0 and true are. */
SMASH__FN int smash__same_scalar(const smash_value *a, const smash_value *b)
{
    const int x = a->type == SMASH_VALUE_NUMBER || a->type == SMASH_VALUE_BOOL, y = b->type == SMASH_VALUE_NUMBER || b->type == SMASH_VALUE_BOOL;
    if (x && y) return a->number == b->number;
    if (a->type != b->type || a->count != b->count) return 0;
    return a->type != SMASH_VALUE_STRING || smash__same(a->text, b->text, a->count);
}

/* A terminated text as one word, blanks and all */
SMASH__FN smash_value smash__whole_word(const char *text) { return smash__word(text, smash__length(text)); }

/* Two trees: both are flat arrays in text order, so that they are equal if each value is. exact: numbers as they are written, too */
SMASH__FN int smash__same_value(const smash_value *a, const smash_value *b, int exact)
{
    uint32_t i;
    if (a->span != b->span) return 0;
    for (i = 0; i < a->span; i++) {
        if (a[i].type != b[i].type || !smash__same_scalar(&a[i], &b[i])) return 0;
        if (exact && a[i].type == SMASH_VALUE_NUMBER && (a[i].count != b[i].count || !smash__same(a[i].text, b[i].text, a[i].count))) return 0;
    }
    return 1;
}

/* The word of a list that equals v; 0 if none does. */
SMASH__FN int smash__pick(const char *words, const smash_value *v, smash_value *out)
{
    while (words && smash__next_word(&words, out)) if (smash__same_scalar(out, v)) return 1;
    return 0;
}

/* The same for a key that has words; a constant is one word, blanks and all. */
SMASH__FN int smash__pick_of(const smash_key *key, const smash_value *v, smash_value *out)
{
    if (key->kind == SMASH_KEY_CHOICE || key->kind == SMASH_KEY_ORDINAL) return smash__pick(key->legal, v, out);
    if (key->kind == SMASH_KEY_BOOLEAN) return smash__pick("false true", v, out);
    if (key->kind != SMASH_KEY_CONSTANT || !key->fallback) return 0;
    *out = smash__whole_word(key->fallback);
    return smash__same_scalar(out, v);
}

SMASH__FN int smash__is_string_list(const smash_value *v)
{
    const smash_value *e = v + 1;
    uint32_t i;
    if (v->type != SMASH_VALUE_ARRAY) return 0;
    for (i = 0; i < v->count; i++, e += e->span) if (e->type != SMASH_VALUE_STRING) return 0;
    return 1;
}

/* A tree with its texts, in one piece; NULL if there is no memory. */
SMASH__FN const smash_value *smash__value_copy(smash_ctx *ctx, smash_arena *arena, const smash_value *v)
{
    size_t bytes = 0, i;
    smash_value *copy;
    char *text;
    if (v->type == SMASH_VALUE_NULL) return smash__null();
    for (i = 0; i < v->span; i++) if (v[i].text) bytes += (size_t)v[i].count + 1;
    copy = (smash_value *)smash_arena_array(ctx, arena, v->span, sizeof *copy);
    text = copy ? (char *)smash_arena_alloc(ctx, arena, bytes) : NULL;
    if (!text) return NULL;
    smash__copy(copy, v, v->span * sizeof *copy);
    for (i = 0; i < v->span; i++) {
        if (!v[i].text) continue;
        smash__copy(text, v[i].text, v[i].count);
        copy[i].text = text;
        text += v[i].count;
        *text++ = '\0';
    }
    return copy;
}

/* The default of a key, which is a word, or a list in JSON. */
SMASH__FN smash_err smash__default(smash_ctx *ctx, smash_arena *arena, const smash_key *key, const smash_value **out)
{
    const char *word = key->fallback ? key->fallback : "null";
    smash_json doc;
    smash_value v;
    if (*word == '[' && (key->kind == SMASH_KEY_NAMES || key->kind == SMASH_KEY_PATTERNS || key->kind == SMASH_KEY_GLOBS)) {
        SMASH__TRY(smash_json_parse(ctx, NULL, word, smash__length(word), arena, NULL, &doc));
        *out = doc.root;
        return SMASH_OK;
    }
    v = smash__whole_word(word);
    *out = smash__value_copy(ctx, arena, &v);
    return *out ? SMASH_OK : SMASH_ERR_NOMEM;
}

/* ---- the registry ---- */

#define SMASH__AMOUNT "a whole number from 1 on, or a share of what there is, above 0 and below 1"

SMASH__DEF const smash_key *smash_algo_key(const smash_algo *algo, size_t i)
{
    static const smash_key list = { "config_list", SMASH_KEY_LIST, "a list of objects", "null", "which modules, and what for each; without it the keys below apply to all of the default types", 0, 0, 0, 0, 0 };
    static const smash_key goals[3] = {
        { "target_parameters", SMASH_KEY_AMOUNT, SMASH__AMOUNT, "null",
          "how many numbers of the whole model may be left that are not zero; targets of which nothing is asked give up together what matters least", 0, 0, 0, 0, 0 },
        { "target_bytes", SMASH_KEY_AMOUNT, SMASH__AMOUNT, "null", "how large the file may be, by the same means; needs pack_sparse", 0, 0, 0, 0, 0 },
        { "target_macs", SMASH_KEY_AMOUNT, SMASH__AMOUNT, "null",
          "how many multiply-accumulates a sample may take, by the same means; convolutions need the shapes of their outputs", 0, 0, 0, 0, 0 } };
    static const smash_key globs[2] = {
        { "include", SMASH_KEY_GLOBS, "a list of globs", "[\"*\"]", "only modules whose name matches one of these", 0, 0, 0, 0, 0 },
        { "exclude", SMASH_KEY_GLOBS, "a list of globs", "[]", "not modules whose name matches one of these", 0, 0, 0, 0, 0 } };
    size_t count, k;
    const smash_key *keys = smash_config_keys(&count);
    if (i < algo->key_count) return &algo->keys[i];
    i -= algo->key_count;
    if (algo->targets) {
        if (i == 0) return &list;
        i--;
        if (algo->group == SMASH_PRUNER) {
            if (i < 3) return &goals[i];
            i -= 3;
        }
        for (k = 0; k < count; k++) {
            if (keys[k].selects || !(keys[k].groups >> algo->group & 1)) continue;
            if (i == 0) return &keys[k];
            i--;
        }
    }
    return (algo->targets || algo->on_modules) && i < 2 ? &globs[i] : NULL;
}
#undef SMASH__AMOUNT

SMASH__FN const smash_key *smash__algo_key(const smash_algo *algo, const char *name)
{
    const smash_key *key;
    size_t i;
    for (i = 0; (key = smash_algo_key(algo, i)) != NULL; i++) if (smash__equal(key->name, name)) return key;
    return NULL;
}

/* 1 for a key that the descriptor brings, 0 for one that comes with targets or modules */
SMASH__FN int smash__is_own(const smash_algo *algo, const smash_key *key)
{
    size_t i;
    for (i = 0; i < algo->key_count; i++) if (&algo->keys[i] == key) return 1;
    return 0;
}

SMASH__DEF smash_save_mode smash_algo_save(const smash_algo *algo)
{
    if (algo->save != SMASH_SAVE_DEFAULT) return algo->save;
    return algo->group == SMASH_CACHER ? SMASH_SAVE_REAPPLY : algo->group == SMASH_COMPILER || algo->group == SMASH_BATCHER ? SMASH_SAVE_BEFORE_APPLY : SMASH_SAVE_NONE;
}

SMASH__FN int smash__lists(const char *const *names, const char *name)
{
    for (; names && *names; names++) if (smash__equal(*names, name)) return 1;
    return 0;
}

SMASH__DEF int smash_algo_fits(const smash_algo *a, const smash_algo *b)
{
    return a->group != b->group && (smash__lists(a->compatible, b->name) || smash__lists(b->compatible, a->name));
}

SMASH__DEF void smash_registry_init(smash_registry *registry, const smash_algo **algos, size_t capacity)
{
    registry->algos = registry->room = algos;
    registry->count = 0;
    registry->capacity = algos ? capacity : 0;
}

/* The next letter or digit of a name, small; 0 at its end */
SMASH__FN char smash__letter(const char **name)
{
    while (**name == '_' || **name == '-' || **name == ' ') ++*name;
    return **name ? smash__fold(*(*name)++) : '\0';
}

/* 1 if a name is meant by another system's spelling of it: L1Filter, l1-filter, L1FilterPruner for l1_filter */
SMASH__FN int smash__means(const char *spelling, const char *name)
{
    static const char *const kinds[] = { "", "pruner", "quantizer", "distiller", "compiler", "cacher", "batcher" };
    size_t i;
    char c;
    while ((c = smash__letter(&name)) != '\0') if (smash__letter(&spelling) != c) return 0;
    for (i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const char *rest = spelling, *kind = kinds[i];
        while (*kind && smash__letter(&rest) == *kind) kind++;
        if (!*kind && !smash__letter(&rest)) return 1;
    }
    return 0;
}

SMASH__DEF const smash_algo *smash_registry_find(const smash_registry *registry, const char *name)
{
    const char *const *alias;
    size_t i;
    if (!registry || !name) return NULL;
    for (i = 0; i < registry->count; i++) if (smash__equal(registry->algos[i]->name, name)) return registry->algos[i];
    for (i = 0; i < registry->count; i++)
        for (alias = registry->algos[i]->aliases; alias && *alias; alias++) if (smash__means(name, *alias)) return registry->algos[i];
    return NULL;
}

/* Algorithms of the systems before this one that have no entry here: what stands in their place, or "". */
SMASH__DEF const char *smash_algo_instead(const char *name)
{
    static const char *const names[][2] = {
        { "torch_structured", "l1_norm" }, { "slim", "l1_norm" }, { "taylor", "l1_norm" }, { "taylor_fo_weight", "l1_norm" }, { "taylor_fo_weight_filter", "l1_norm" },
        { "activation_apoz", "l1_norm" }, { "activation_apoz_rank_filter", "l1_norm" }, { "activation_mean_rank", "l1_norm" }, { "activation_mean_rank_filter", "l1_norm" },
        { "linear", "level" }, { "agp", "level" }, { "movement", "level" }, { "admm", "level" }, { "lottery_ticket", "level" }, { "auto_compress", "level" },
        { "net_adapt", "l1_norm" }, { "sensitivity", "l1_norm" }, { "simulated_annealing", "level" }, { "amc", "l1_norm" },
        { "naive", "ptq" }, { "qat", "ptq" }, { "dorefa", "ptq" }, { "bnn", "ptq" }, { "lsq", "ptq" }, { "lsqplus", "ptq" },
        { "half", "" }, { "torch_dynamic", "ptq" }, { "torch_static", "ptq" }, { "quanto", "ptq" }, { "hqq", "ptq" }, { "hqq_diffusers", "ptq" }, { "gptq", "ptq" },
        { "awq", "ptq" }, { "llm_int8", "ptq" }, { "diffusers_int8", "ptq" }, { "lsq_plus", "ptq" }, { "apoz", "l1_norm" }, { "mean_rank", "l1_norm" },
        { "activation_apoz_rank", "l1_norm" }, { "distillation", "" }, { "step_caching", "" }, { "cgenerate", "" }, { "ctranslate", "" }, { "cwhisper", "" }, { "ws2t", "" },
        { "dynamic_layerwise", "" }, { "adaptive_1d_layerwise", "" }, { "deepcache", "" }, { "fastercache", "" }, { "pab", "" },
        { "c_generate", "" }, { "c_translate", "" }, { "c_whisper", "" }, { "stable_fast", "" }, { "torch_compile", "" }, { "superfast", "" },
        { "ifw", "" }, { "whisper_s2t", "" } };
    size_t i;
    for (i = 0; name && i < sizeof names / sizeof *names; i++) if (smash__means(name, names[i][0])) return names[i][1];
    return NULL;
}

/* 1 if a_key is the same text as b_key: l1 with norm_x and l1_norm with x */
SMASH__FN int smash__same_full_key(const char *a, const char *a_key, const char *b, const char *b_key)
{
    size_t i, n = smash__length(a), m = smash__length(b), end = n + 1 + smash__length(a_key);
    if (end != m + 1 + smash__length(b_key)) return 0;
    for (i = 0; i < end; i++) {
        char x = i < n ? a[i] : i == n ? '_' : a_key[i - n - 1], y = i < m ? b[i] : i == m ? '_' : b_key[i - m - 1];
        if (x != y) return 0;
    }
    return 1;
}

/* The part of key behind `name_`, or NULL */
SMASH__FN const char *smash__behind(const char *name, const char *key)
{
    size_t n = 0;
    while (name[n] && key[n] == name[n]) n++;
    return !name[n] && key[n] == '_' && key[n + 1] ? key + n + 1 : NULL;
}

/* Where name stops being snake_case; its length if it is, and not empty. */
SMASH__FN size_t smash__snake(const char *name)
{
    size_t i;
    for (i = 0; name[i]; i++)
        if (!((name[i] >= 'a' && name[i] <= 'z') || (i && ((name[i] >= '0' && name[i] <= '9') || (name[i] == '_' && name[i + 1] && name[i + 1] != '_'))))) return i;
    return i;
}

SMASH__FN smash_err smash__register_name(smash_ctx *ctx, const smash_registry *registry, const char *name)
{
    size_t count, i;
    const smash_key *plain = smash__plain_keys(&count);
    if (!name[0] || name[smash__snake(name)])
        return SMASH__FAIL(ctx, SMASH_ERR_ARG, smash__snake(name), "the name %q is not snake_case: a letter, then a-z, 0-9 and single _", name);
    for (i = 0; i < count; i++) if (smash__equal(plain[i].name, name)) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the name %q is taken: it is a key of the dictionary", name);
    if (smash_registry_find(registry, name)) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the name %q is taken by %s", name, smash_registry_find(registry, name)->name);
    return SMASH_OK;
}

/* 1 if text is JSON for a list of strings, of at most some 20 of them */
SMASH__FN SMASH__NOINLINE int smash__is_list_text(const char *text)
{
    unsigned char room[1024], levels[64];
    smash_json_desc desc = SMASH_ZERO;
    smash_arena arena;
    smash_json doc;
    smash_ctx ctx;
    desc.max_depth = 2;
    smash_ctx_init(&ctx);
    smash_arena_init(&ctx.scratch, levels, sizeof levels, NULL);
    smash_arena_init(&arena, room, sizeof room, NULL);
    return !smash_json_parse(&ctx, &desc, text, smash__length(text), &arena, NULL, &doc) && smash__is_string_list(doc.root);
}

/* A row of the algorithm's own: a name, a kind for hyperparameters, a default that is legal */
SMASH__FN smash_err smash__register_key(smash_ctx *ctx, const smash_algo *algo, const smash_key *key)
{
    const char *name = key->name ? key->name : "", *words = key->legal, *word = key->fallback ? key->fallback : "";
    smash_value v, found;
    int good = 0;
    if (!name[0] || name[smash__snake(name)]) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the key %q of %s is not snake_case", name, algo->name);
    v = smash__whole_word(word);
    switch (key->kind) {
    case SMASH_KEY_CHOICE: case SMASH_KEY_ORDINAL: good = words && smash__pick(words, &v, &found); break;
    case SMASH_KEY_CONSTANT: good = word[0] != '\0'; break;
    case SMASH_KEY_BOOLEAN: good = v.type == SMASH_VALUE_BOOL; break;
    case SMASH_KEY_NUMBER: case SMASH_KEY_INTEGER:
        if (!(key->low <= key->high) || !smash_is_finite_f64(key->low) || !smash_is_finite_f64(key->high) || (key->log && !(key->low > 0)))
            return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the range of %s_%s is empty, not finite, or logarithmic and not above 0", algo->name, name);
        good = v.type == SMASH_VALUE_NULL || (v.type == SMASH_VALUE_NUMBER && v.number >= key->low && v.number <= key->high && (key->kind == SMASH_KEY_NUMBER || smash__is_whole(v.number)));
        break;
    case SMASH_KEY_NAMES: case SMASH_KEY_GLOBS: case SMASH_KEY_PATTERNS: good = v.type == SMASH_VALUE_NULL || smash__is_list_text(word); break;
    default: return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the kind of %s_%s is not for a hyperparameter", algo->name, name);
    }
    if (!good) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the default %q of %s_%s is not legal%s%s", word, algo->name, name, words ? "; legal: " : "", words ? words : "");
    return SMASH_OK;
}

SMASH__DEF smash_err smash_register(smash_ctx *ctx, smash_registry *registry, const smash_algo *algo)
{
    const smash_key *mine, *other;
    const char *const *alias;
    size_t i, a, b, count;
    const smash_key *plain = smash__plain_keys(&count);
    if (!registry || (registry->count && !registry->algos)) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the registry was not initialised");
    if (!algo || !algo->name || !algo->summary || algo->group == SMASH_GROUP_NONE || (unsigned)algo->group >= SMASH_GROUP_COUNT)
        return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the algorithm %q lacks its %s", algo ? algo->name : NULL, !algo || !algo->name ? "name" : !algo->summary ? "summary" : "group");
    SMASH__TRY(smash__register_name(ctx, registry, algo->name));
    for (alias = algo->aliases; alias && *alias; alias++) {
        const char *const *earlier = algo->aliases;
        SMASH__TRY(smash__register_name(ctx, registry, *alias));
        while (earlier < alias && !smash__equal(*earlier, *alias)) earlier++;
        if (earlier < alias || smash__equal(*alias, algo->name)) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "%s has the name %q twice", algo->name, *alias);
    }
    if (!algo->targets == !algo->apply || (algo->targets && (!algo->targets->apply || !algo->targets->default_types)))
        return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "%s needs an apply, or else targets with default_types and an apply", algo->name);
    if (algo->targets && algo->group != SMASH_PRUNER && algo->group != SMASH_QUANTIZER)
        return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "%s is a %s; only pruners and quantizers have targets", algo->name, smash_group_name(algo->group));
    if ((unsigned)algo->save > SMASH_SAVE_REAPPLY || algo->runs_on > (SMASH_ON_CPU | SMASH_ON_CUDA) || algo->needs > 7 || !algo->key_count != !algo->keys)
        return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "%s: save, runs_on or needs is not what it can be, or one of keys and key_count is missing", algo->name);
    if (algo->targets && smash_algo_save(algo) == SMASH_SAVE_REAPPLY)
        return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "%s has targets, so it changes parameters; its save mode cannot be SMASH_SAVE_REAPPLY", algo->name);
    for (a = 0; a < algo->key_count; a++) SMASH__TRY(smash__register_key(ctx, algo, &algo->keys[a]));
    for (a = 0; (mine = smash_algo_key(algo, a)) != NULL; a++) {
        for (b = 0; b < a; b++) if (smash__equal(smash_algo_key(algo, b)->name, mine->name)) return SMASH__FAIL(ctx, SMASH_ERR_ARG, a, "%s has two keys %q", algo->name, mine->name);
        for (i = 0; i < count + 2; i++) {
            const char *behind = smash__behind(algo->name, i < count ? plain[i].name : i == count ? "format_version" : "smash_version");
            if (behind && smash__equal(behind, mine->name)) return SMASH__FAIL(ctx, SMASH_ERR_ARG, a, "%s_%s is a key of the dictionary; rename one", algo->name, mine->name);
        }
        for (i = 0; i < registry->count; i++)
            for (b = 0; (other = smash_algo_key(registry->algos[i], b)) != NULL; b++)
                if (smash__same_full_key(algo->name, mine->name, registry->algos[i]->name, other->name))
                    return SMASH__FAIL(ctx, SMASH_ERR_ARG, i, "%s_%s would be a key of %s as well as of %s; rename one", algo->name, mine->name, algo->name, registry->algos[i]->name);
    }
    if (!registry->room) return SMASH__FAIL(ctx, SMASH_ERR_LIMIT, registry->count, "this registry cannot be added to; make one with smash_registry_init() and smash_register_builtins()");
    if (registry->count >= registry->capacity)
        return SMASH__FAIL(ctx, SMASH_ERR_LIMIT, registry->count, "the registry has room for %z algorithms; give it more to add %q", registry->capacity, algo->name);
    registry->room[registry->count++] = algo;
    return SMASH_OK;
}

SMASH__DEF smash_err smash_registry_check(smash_ctx *ctx, const smash_registry *registry, smash_diags *diags, size_t *found)
{
    char text[SMASH_MESSAGE_BYTES];
    size_t i, n = 0;
    if (!registry || !diags) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "registry or diags is missing");
    for (i = 0; i < registry->count; i++) {
        const smash_algo *algo = registry->algos[i];
        const char *const *name = algo->compatible;
        for (; name && *name; name++) {
            const smash_algo *other = smash_registry_find(registry, *name);
            const char *code = "registry_one_sided";
            if (!other || !smash__equal(other->name, *name)) {
                code = "registry_unknown_name";
                smash__format(text, sizeof text, "%s lists %q as compatible, and there is no such algorithm", algo->name, *name);
            } else if (other->group == algo->group) {
                code = "registry_same_group";
                smash__format(text, sizeof text, "%s lists %s as compatible, but of one group only one is active", algo->name, *name);
            } else if (smash__lists(other->compatible, algo->name)) continue;
            else smash__format(text, sizeof text, "%s lists %s as compatible, %s does not list %s", algo->name, *name, *name, algo->name);
            n++;
            smash_diag_add(diags, SMASH_WARNING, code, NULL, NULL, text);
        }
    }
    if (found) *found = n;
    return SMASH_OK;
}

/* ---- messages ---- */

enum { SMASH__SAY_BYTES = 512, SMASH__NEAR_MAX = 128 };

SMASH__FN void smash__say(const smash_config *config, smash_severity severity, const char *code, const smash_json *doc, const smash_value *v, const char *format, ...)
{
    char text[SMASH__SAY_BYTES];
    text[0] = '\0';
#if !SMASH_NO_MESSAGES
    if (!smash__diag_full(config->diags)) {                              /* else it is only counted */
        va_list args;
        va_start(args, format);
        smash__vformat(text, sizeof text, format, args);
        va_end(args);
    }
#endif
    (void)format;
    smash_diag_add(config->diags, severity, code, doc, v, text);
}

/* A value as a message shows it: 1.5 (a number), "text" (a string), a list */
enum { SMASH__VALUE_TEXT = 64 };
SMASH__FN const char *smash__value_text(const smash_value *v, char out[SMASH__VALUE_TEXT])
{
    char text[40];
    size_t n = smash__min(v->count, sizeof text - 1);
    const char *kind = smash_value_kind(v->type);
    smash__copy(text, v->text ? v->text : "", v->text ? n : 0);
    text[v->text ? n : 0] = '\0';
    if (v->type == SMASH_VALUE_NUMBER) smash__format(out, SMASH__VALUE_TEXT, "%s (%s)", text, kind);
    else if (v->type == SMASH_VALUE_STRING) smash__format(out, SMASH__VALUE_TEXT, "%q (%s)", text, kind);
    else if (v->type == SMASH_VALUE_BOOL) smash__format(out, SMASH__VALUE_TEXT, "%s (%s)", v->number == 0 ? "false" : "true", kind);
    else smash__format(out, SMASH__VALUE_TEXT, "%s", kind);
    return out;
}

/* `; did you mean "x"?` or nothing */
SMASH__FN const char *smash__did_you_mean(const smash_config *config, const char *word, const char *const *names, size_t count, char out[SMASH__SHAPE_TEXT * 2])
{
    const char *near = smash__diag_full(config->diags) ? NULL : smash_nearest(word, names, count);
    out[0] = '\0';
    if (near) smash__format(out, SMASH__SHAPE_TEXT * 2, "; did you mean %q?", near);
    return out;
}

/* The same for a value that should have been one of the words of a list */
SMASH__FN const char *smash__did_you_mean_word(const smash_config *config, const smash_value *v, const char *words, char out[SMASH__SHAPE_TEXT * 2])
{
    char copy[SMASH__SHAPE_TEXT];
    const char *names[8] = SMASH_ZERO;
    size_t count = 0, i, n = smash__length(words);
    smash_value affine = smash__whole_word("affine");
    out[0] = '\0';
    if (smash_value_is(v, "asymmetric") && smash__pick(words, &affine, &affine)) {          /* one letter away from its opposite */
        smash__format(out, SMASH__SHAPE_TEXT * 2, "; \"asymmetric\" is called \"affine\" here");
        return out;
    }
    if (v->type != SMASH_VALUE_STRING || n >= sizeof copy) return out;
    smash__copy(copy, words, n + 1);
    for (i = 0; i < n && count < 8; i++) {
        if (copy[i] != ' ' && (i == 0 || copy[i - 1] == '\0')) names[count++] = copy + i;
        if (copy[i] == ' ') copy[i] = '\0';
    }
    return smash__did_you_mean(config, v->text, names, count, out);
}

/* ---- values of keys ---- */

/* A list of block sizes. 0 if it is none: whole numbers, -1 or at least 1, at most SMASH_MAX_DIMS of them. */
SMASH__FN int smash__block_list(const smash_value *v, smash_grain *grain)
{
    const smash_value *e = v + 1;
    uint32_t i;
    int64_t size;
    if (v->type != SMASH_VALUE_ARRAY || v->count == 0 || v->count > SMASH_MAX_DIMS) return 0;
    for (i = 0; i < v->count; i++, e += e->span) {
        if (!smash_value_i64(e, &size) || size < -1 || size == 0 || size > INT32_MAX) return 0;
        grain->block[i] = (int32_t)size;
    }
    grain->block_count = v->count;
    grain->kind = SMASH_GRAIN_BLOCK;
    return 1;
}

/* "2:4": of each 4 numbers in a row 2 stay. 0 if the text says nothing of the kind. */
SMASH__FN int smash__n_of_m(const smash_value *v, uint32_t *n, uint32_t *m)
{
    uint32_t numbers[2] = { 0, 0 };
    size_t i, k = 0, digits = 0;
    if (v->type != SMASH_VALUE_STRING) return 0;
    for (i = 0; i < v->count; i++) {
        if (v->text[i] == ':' && k == 0 && digits) { k = 1; digits = 0; continue; }
        if (v->text[i] < '0' || v->text[i] > '9' || ++digits > 4) return 0;
        numbers[k] = numbers[k] * 10 + (uint32_t)(v->text[i] - '0');
    }
    *n = numbers[0];
    *m = numbers[1];
    return k == 1 && digits && *n >= 1 && *n < *m;
}

/* A word, "N:M", [sizes], [[sizes]], [[sizes], "front" or "back"], [[sizes], mode, pad value] */
SMASH__FN int smash__granularity(const smash_value *v, smash_grain *grain)
{
    const smash_value *mode, *pad;
    uint32_t n, m;
    smash_value word;
    int64_t value;
    smash__fill(grain, 0, sizeof *grain);
    if (smash__n_of_m(v, &n, &m)) return 1;
    if (v->type == SMASH_VALUE_STRING) return smash__pick("default out_channel in_channel per_channel", v, &word);
    if (v->type != SMASH_VALUE_ARRAY || v->count == 0) return 0;
    if (v[1].type != SMASH_VALUE_ARRAY) return smash__block_list(v, grain);
    if (v->count > 3 || !smash__block_list(v + 1, grain)) return 0;
    if (v->count == 1) return 1;
    mode = v + 1 + v[1].span;
    grain->pad_back = smash_value_is(mode, "back") ? 1u : 0u;
    if (!grain->pad_back && !smash_value_is(mode, "front")) return 0;
    if (v->count == 2) return 1;
    pad = mode + mode->span;
    if (!smash_value_i64(pad, &value) || value < -1 || value == 0 || value > INT32_MAX) return 0;
    grain->pad_value = (int32_t)value;
    return 1;
}

/* Checks add what they find to diags; what they return is NOMEM or OK. */
SMASH__FN smash_err smash__check_patterns(smash_ctx *ctx, const smash_config *config, const smash_json *doc, const smash_value *list)
{
    const smash_value *e = list + 1;
    uint32_t i;
    for (i = 0; i < list->count; i++, e += e->span) {
        smash__re re;
        smash_ctx probe;
        smash_err err;
        smash__probe(ctx, &probe);
        err = smash__re_pass(&re, &probe, e->text, e->count, NULL, 0);       /* not written out: {m,n} may make much of a few bytes */
        smash__probe_end(ctx, &probe, err == SMASH_ERR_NOMEM);
        if (err == SMASH_ERR_NOMEM) return err;
        if (err) smash__say(config, SMASH_ERROR, "bad_pattern", doc, e, "the pattern cannot be used: %s", probe.message);
    }
    return SMASH_OK;
}

SMASH__FN void smash__check_align(const smash_config *config, const smash_json *doc, const smash_value *v)
{
    static const char *const known[3] = { "module_name", "target_name", "dims" };
    const smash_value *k, *e;
    uint32_t i, j;
    int64_t dim;
    char near[SMASH__SHAPE_TEXT * 2];
    for (i = 0, k = v + 1; i < v->count; i++, k = e + e->span) {
        e = k + 1;
        if (smash__equal(k->text, "module_name")) {
            if (e->type != SMASH_VALUE_STRING && e->type != SMASH_VALUE_NULL)
                smash__say(config, SMASH_ERROR, "wrong_type", doc, e, "\"module_name\" of \"align\" is the name of a module, or null for this one");
        } else if (smash__equal(k->text, "target_name")) {
            if (e->type != SMASH_VALUE_STRING) smash__say(config, SMASH_ERROR, "wrong_type", doc, e, "\"target_name\" of \"align\" is the name of a target, such as \"weight\"");
        } else if (smash__equal(k->text, "dims")) {
            const smash_value *d = e + 1;
            int good = e->type == SMASH_VALUE_ARRAY && e->count <= SMASH_MAX_DIMS;
            for (j = 0; good && j < e->count; j++, d += d->span) good = smash_value_i64(d, &dim) && dim >= -SMASH_MAX_DIMS && dim < SMASH_MAX_DIMS;
            if (!good) smash__say(config, SMASH_ERROR, "wrong_type", doc, e, "\"dims\" of \"align\" is a list of dims, such as [0]");
        } else smash__say(config, SMASH_ERROR, "unknown_key", doc, k, "\"align\" has no key %q%s; it has module_name, target_name and dims", k->text,
                          smash__did_you_mean(config, k->text, known, 3, near));
    }
    if (!smash_value_get(v, "target_name")) smash__say(config, SMASH_ERROR, "missing_key", doc, v, "\"align\" needs \"target_name\": the target whose mask it follows");
    if (!smash_value_get(v, "dims")) smash__say(config, SMASH_ERROR, "missing_key", doc, v, "\"align\" needs \"dims\": the dims of that target that it follows, such as [0]");
}

/* "a number from 0 to 1": what a key with a range may hold */
enum { SMASH__RANGE_TEXT = 96 };
SMASH__FN const char *smash__range_text(const smash_key *key, char out[SMASH__RANGE_TEXT])
{
    char low[SMASH_NUMBER_BYTES], high[SMASH_NUMBER_BYTES];
    smash_number_print(key->low, low);
    smash_number_print(key->high, high);
    smash__format(out, SMASH__RANGE_TEXT, key->legal ? "%s" : key->kind == SMASH_KEY_INTEGER ? "a whole number from %s to %s" : "a number from %s to %s", key->legal ? key->legal : low, high);
    return out;
}

/* "cpu", "cuda", "cuda:0" ... */
SMASH__FN int smash__is_device(const char *text)
{
    if (smash__equal(text, "cpu") || smash__equal(text, "cuda")) return 1;
    if (!smash__starts_with(text, "cuda:") || !text[5]) return 0;
    for (text += 5; *text; text++) if (*text < '0' || *text > '9') return 0;
    return 1;
}

SMASH__FN void smash__check_types(const smash_config *config, const smash_json *doc, const smash_value *v)
{
    const smash_value *k, *e;
    uint32_t i;
    for (i = 0, k = v + 1; i < v->count; i++, k = e + e->span) {
        e = k + 1;
        if (e->type != SMASH_VALUE_STRING || !e->text[0]) smash__say(config, SMASH_ERROR, "wrong_type", doc, e, "the type of module %q must be a string such as \"Conv2d\"", k->text);
    }
}

/* Sizes of an input or output, the batch first */
SMASH__FN int smash__shape_list(const smash_value *v, size_t dims[SMASH_MAX_DIMS])
{
    const smash_value *e = v + 1;
    uint32_t i;
    int64_t size;
    if (v->type != SMASH_VALUE_ARRAY || v->count == 0 || v->count > SMASH_MAX_DIMS) return 0;
    for (i = 0; i < v->count; i++, e += e->span) {
        if (!smash_value_i64(e, &size) || size < 1 || size > INT32_MAX) return 0;
        dims[i] = (size_t)size;
    }
    return 1;
}

SMASH__FN void smash__check_shapes(const smash_config *config, const smash_json *doc, const smash_value *v)
{
    static const char *const usual[2] = { "_input_0", "_output_0" };
    const smash_value *k, *e, *target, *dims;
    char near[SMASH__SHAPE_TEXT * 2], text[SMASH__VALUE_TEXT];
    size_t sizes[SMASH_MAX_DIMS];
    uint32_t i, j;
    for (i = 0, k = v + 1; i < v->count; i++, k = e + e->span) {
        e = k + 1;
        if (e->type != SMASH_VALUE_OBJECT) {
            smash__say(config, SMASH_ERROR, "wrong_type", doc, e, "the shapes of module %q are %s; they must be an object, such as {\"_output_0\": [1, 16, 8, 8]}", k->text, smash__value_text(e, text));
            continue;
        }
        for (j = 0, target = e + 1; j < e->count; j++, target = dims + dims->span) {
            dims = target + 1;
            if (!smash__is_end(target->text))
                smash__say(config, SMASH_ERROR, "unknown_target", doc, target, "%q is no input or output, such as _input_0 or _output_0; parameters have the shape of their tensor%s", target->text,
                           smash__did_you_mean(config, target->text, usual, 2, near));
            else if (!smash__shape_list(dims, sizes))
                smash__say(config, SMASH_ERROR, "wrong_type", doc, dims, "the shape of %s of %q is %s; it must be a list of 1 to %i whole numbers from 1 on, the batch first, such as [1, 16, 8, 8]",
                           target->text, k->text, smash__value_text(dims, text), SMASH_MAX_DIMS);
        }
    }
}

/* 1 if null means "as if the key were not there": where it is the default, and in all keys that people leave in with null. */
SMASH__FN int smash__takes_null(const smash_key *key)
{
    smash_value word;
    return key->groups || key->kind == SMASH_KEY_GLOBS || !key->fallback || smash__equal(key->fallback, "null") || smash__pick_of(key, smash__null(), &word);
}

/* The value of one key, as far as it can be judged without a model. name: the key as it was written, with its algorithm in front or
 * without. A key of an entry takes what it says; a hyperparameter also what Python holds equal. */
SMASH__FN smash_err smash__check_value(smash_ctx *ctx, const smash_config *config, const smash_key *key, const char *name, const smash_json *doc, const smash_value *v)
{
    char text[SMASH__VALUE_TEXT], near[SMASH__SHAPE_TEXT * 2], range[SMASH__RANGE_TEXT];
    const char *legal = key->legal, *code = "wrong_type", *by_default;
    uint32_t bits, is_unsigned;
    smash_grain grain;
    smash_value word;
    const smash_value *e;
    const int is_number = v->type == SMASH_VALUE_NUMBER || (v->type == SMASH_VALUE_BOOL && !key->groups);
    int good = 1;
    near[0] = '\0';
    if (v->type == SMASH_VALUE_NULL && smash__takes_null(key)) return SMASH_OK;
    switch (key->kind) {
    case SMASH_KEY_NAMES: case SMASH_KEY_GLOBS: case SMASH_KEY_PATTERNS:
        good = smash__is_string_list(v);
        if (!legal) legal = "a list of strings";
        if (good) return key->kind == SMASH_KEY_PATTERNS ? smash__check_patterns(ctx, config, doc, v) : SMASH_OK;
        if (v->type == SMASH_VALUE_STRING) smash__format(near, sizeof near, ", such as [%q]", v->text);
        for (bits = 0, e = v + 1; v->type == SMASH_VALUE_ARRAY && bits < v->count; bits++, e += e->span) {
            if (e->type == SMASH_VALUE_STRING) continue;
            smash__say(config, SMASH_ERROR, code, doc, v, "element %u of %q is %s; it must be a string, since this is %s", bits + 1, name, smash__value_text(e, text), legal);
            return SMASH_OK;
        }
        break;
    case SMASH_KEY_NUMBER: case SMASH_KEY_INTEGER:
        legal = smash__range_text(key, range);
        good = is_number && v->number >= key->low && v->number <= key->high;
        if (is_number && !good) code = "out_of_range";
        if (good && key->kind == SMASH_KEY_INTEGER && !smash__is_whole(v->number)) { good = 0; code = "illegal_value"; }
        break;
    case SMASH_KEY_AMOUNT:
        good = v->type == SMASH_VALUE_NUMBER && v->number > 0 && (v->number < 1 || (smash__is_whole(v->number) && v->number < 9007199254740992.0));
        if (v->type == SMASH_VALUE_NUMBER) code = "out_of_range";
        break;
    case SMASH_KEY_BOOLEAN:
        legal = "true or false";
        good = smash__pick_of(key, v, &word);
        break;
    case SMASH_KEY_CHOICE: case SMASH_KEY_ORDINAL: case SMASH_KEY_CONSTANT:
        if (key->kind == SMASH_KEY_CONSTANT) legal = key->fallback;
        good = smash__pick_of(key, v, &word);
        code = "illegal_value";
        if (!good) smash__did_you_mean_word(config, v, legal, near);
        break;
    case SMASH_KEY_DTYPE:
        good = v->type == SMASH_VALUE_STRING && smash__dtype_word(v->text, &bits, &is_unsigned);
        if (v->type == SMASH_VALUE_STRING) code = "illegal_value";
        break;
    case SMASH_KEY_ID:
        good = v->type == SMASH_VALUE_STRING || (v->type == SMASH_VALUE_NUMBER && smash__is_whole(v->number));
        break;
    case SMASH_KEY_DEVICE:
        good = v->type == SMASH_VALUE_STRING && smash__is_device(v->text);
        if (v->type == SMASH_VALUE_STRING) code = "illegal_value";
        break;
    case SMASH_KEY_GRANULARITY:
        if (smash__granularity(v, &grain)) break;
        smash__say(config, SMASH_ERROR, "illegal_value", doc, v, "%q is %s; legal: %s, block sizes such as [1, -1, -1, -1], [4, 4] or [[4], \"back\", -1], or for pruners \"2:4\"%s",
                   name, smash__value_text(v, text), key->legal, smash__did_you_mean_word(config, v, key->legal, near));
        return SMASH_OK;
    case SMASH_KEY_ALIGN:
        good = v->type == SMASH_VALUE_OBJECT;
        if (good) smash__check_align(config, doc, v);
        break;
    case SMASH_KEY_TYPES:
        good = v->type == SMASH_VALUE_OBJECT;
        if (good) smash__check_types(config, doc, v);
        break;
    case SMASH_KEY_SHAPES:
        good = v->type == SMASH_VALUE_OBJECT;
        if (good) smash__check_shapes(config, doc, v);
        break;
    case SMASH_KEY_SETTINGS: case SMASH_KEY_TEMPLATES: good = v->type == SMASH_VALUE_OBJECT; break;
    case SMASH_KEY_LIST: good = v->type == SMASH_VALUE_ARRAY; break;
    case SMASH_KEY_LATER:
        if (v->type == SMASH_VALUE_BOOL && v->number == 0) return SMASH_OK;
        smash__say(config, SMASH_ERROR, "unsupported", doc, v, "%q (%s) is not done by this version of smash; remove it or set it to null", name, key->text);
        return SMASH_OK;
    case SMASH_KEY_ALGORITHM: break;                                     /* smash__set_group looks */
    }
    if (good) return SMASH_OK;
    by_default = key->groups || !key->fallback || smash__equal(key->fallback, "null") || key->kind == SMASH_KEY_CONSTANT ? NULL : key->fallback;
    smash__say(config, SMASH_ERROR, code, doc, v, *code == 'i' ? "%q is %s; legal: %s%s%s%s%s" : "%q is %s; it must be %s%s%s%s%s", name, smash__value_text(v, text), legal,
               by_default ? " (default " : "", by_default ? by_default : "", by_default ? ")" : "", near);
    return SMASH_OK;
}

/* ---- looking up ---- */

SMASH__FN const smash_setting *smash__setting(const smash_config *config, const char *key)
{
    size_t i;
    for (i = 0; i < config->count; i++) if (smash__equal(config->settings[i].name, key)) return &config->settings[i];
    return NULL;
}

SMASH__DEF const smash_algo *smash_config_active(const smash_config *config, smash_group group)
{
    const smash_setting *s = smash__setting(config, smash_group_name(group));
    return s && s->value->type == SMASH_VALUE_STRING ? smash_registry_find(config->registry, s->value->text) : NULL;
}

/* The setting of an algorithm's key, or NULL if the algorithm is not active. */
SMASH__FN const smash_setting *smash__hyper(const smash_config *config, const smash_algo *algo, const char *name)
{
    size_t i;
    for (i = 0; i < config->count; i++) if (config->settings[i].algo == algo && smash__equal(config->settings[i].key->name, name)) return &config->settings[i];
    return NULL;
}

/* ---- entries of a config_list ---- */

/* One entry: an object of the list, or (value NULL) the shorthands of its algorithm over its default types. */
typedef struct smash__entry {
    const smash_config *config;
    const smash_algo   *algo;
    const smash_json   *doc;
    const smash_value  *value;
    uint32_t            number;
    const char         *at;                              /* for rows: set by smash_config_resolve */
    uint32_t            byte, line, column;
} smash__entry;

SMASH__FN const smash_value *smash__field(const smash__entry *entry, const char *key, const smash_json **doc)
{
    const smash_setting *s;
    const smash_value *v;
    *doc = entry->doc;
    if (entry->value) v = smash_value_get(entry->value, key);
    else {
        s = smash__hyper(entry->config, entry->algo, key);
        v = s ? s->value : NULL;
        if (s) *doc = s->doc;
    }
    return v && v->type != SMASH_VALUE_NULL ? v : NULL;
}

/* Where the entry stands, counted on from the entry before it, so that a long list takes linear time. */
SMASH__FN void smash__entry_place(smash__entry *entry)
{
    if (!entry->doc) return;
    for (; entry->byte < entry->value->at; entry->byte++) {
        entry->column++;
        if (entry->doc->text[entry->byte] == '\n') { entry->line++; entry->column = 1; }
    }
}

/* The first entry of a list, or, of one that is null, the shorthands. */
SMASH__FN smash__entry smash__first_entry(const smash_config *config, const smash_algo *algo, const smash_json *doc, const smash_value *list)
{
    smash__entry entry;
    smash__fill(&entry, 0, sizeof entry);
    entry.config = config;
    entry.algo = algo;
    entry.line = entry.column = 1;
    if (!list || list->type != SMASH_VALUE_ARRAY || !list->count) return entry;
    entry.doc = doc;
    entry.value = list + 1;
    smash__entry_place(&entry);
    return entry;
}

SMASH__FN void smash__next_entry(smash__entry *entry)
{
    entry->value += entry->value->span;
    entry->number++;
    smash__entry_place(entry);
}

/* Spellings of NNI v2 that people still have in their files: how they are read, if that says the same, and what they are now. */
enum { SMASH__OLD_REFUSED = 0, SMASH__OLD_RATIO = 1, SMASH__OLD_GROUP = 2, SMASH__OLD_MAX = 3, SMASH__OLD_PARTS = 4, SMASH__OLD_EXCLUDE = 5 };
typedef struct smash__old { const char *name, *modern, *key; int how; uint32_t groups; } smash__old;

SMASH__FN const smash__old *smash__find_old(const char *name)
{
    static const smash__old all[] = {
        { "sparsity", "sparse_ratio", "sparse_ratio", SMASH__OLD_RATIO, SMASH__PRUNERS },
        { "sparsity_per_layer", "sparse_ratio", "sparse_ratio", SMASH__OLD_RATIO, SMASH__PRUNERS },
        { "total_sparsity", "sparse_ratio with global_group_id", "sparse_ratio", SMASH__OLD_GROUP, SMASH__PRUNERS },
        { "max_sparsity_per_layer", "max_sparse_ratio", "max_sparse_ratio", SMASH__OLD_MAX, SMASH__PRUNERS },
        { "op_partial_names", "op_names_re with \".*part.*\"", "op_names", SMASH__OLD_PARTS, SMASH__BOTH },
        { "exclude", "exclude_op_names, exclude_op_names_re or exclude_op_types in every entry", NULL, SMASH__OLD_EXCLUDE, SMASH__BOTH },
        { "quant_types", "target_names", NULL, SMASH__OLD_REFUSED, SMASH__BOTH },                    /* with the dtype that a quantizer of then chose */
        { "quant_bits", "quant_dtype", NULL, SMASH__OLD_REFUSED, SMASH__BOTH } };
    size_t i;
    for (i = 0; i < sizeof all / sizeof *all; i++) if (smash__equal(all[i].name, name)) return &all[i];
    return NULL;
}

/* A member that is there and not null */
SMASH__FN const smash_value *smash__said(const smash_value *object, const char *name)
{
    const smash_value *v = smash_value_get(object, name);
    return v && v->type != SMASH_VALUE_NULL ? v : NULL;
}

SMASH__FN int smash__leaves_out(const smash_value *entry)
{
    const smash_value *v = smash_value_get(entry, "exclude");
    return v && v->type == SMASH_VALUE_BOOL && v->number != 0;
}

/* "exclude": true says nothing but which modules, by names or by types: of both, NNI v2 left out those that have both. */
SMASH__FN void smash__check_exclude(const smash__entry *entry, const smash_value *object, const smash_value *k)
{
    const smash_value *m;
    uint32_t i;
    if (k[1].type != SMASH_VALUE_BOOL) {
        smash__say(entry->config, SMASH_ERROR, "wrong_type", entry->doc, k + 1, "\"exclude\" is true or false");
        return;
    }
    if (!smash__leaves_out(object)) return;
    for (i = 0, m = object + 1; i < object->count; i++, m = m + 1 + m[1].span) {
        if (smash_value_is(m, "exclude") || smash_value_is(m, "op_names") || smash_value_is(m, "op_names_re") || smash_value_is(m, "op_types") || smash_value_is(m, "op_partial_names") || m[1].type == SMASH_VALUE_NULL) continue;
        smash__say(entry->config, SMASH_ERROR, "exclusive_keys", entry->doc, m, "an entry with \"exclude\": true only says which modules are left out; remove %q", m->text);
    }
    if (smash__said(object, "op_types") && (smash__said(object, "op_names") || smash__said(object, "op_names_re") || smash__said(object, "op_partial_names")))
        smash__say(entry->config, SMASH_ERROR, "legacy_key", entry->doc, k, "\"exclude\" of names and types together is the old spelling for modules that have both; write their names into exclude_op_names of every entry");
}

/* A key of NNI v2: how it will be read, or why not */
SMASH__FN smash_err smash__check_old(smash_ctx *ctx, const smash__entry *entry, const smash_value *object, const smash_value *k, const smash__old *old)
{
    static const char *const ratios[] = { "sparse_ratio", "sparse_threshold", "sparsity", "sparsity_per_layer", "total_sparsity" }, *const ids[] = { "global_group_id", "dependency_group_id" };
    const smash_config *config = entry->config;
    const size_t errors = config->diags->errors;
    size_t i;
    if (k[1].type == SMASH_VALUE_NULL) return SMASH_OK;
    for (i = 0; i < 5 && (old->how == SMASH__OLD_RATIO || old->how == SMASH__OLD_GROUP); i++)
        if (!smash__equal(ratios[i], k->text) && smash__said(object, ratios[i]) && (i < 2 || smash__said(object, ratios[i])->at > k->at || !entry->doc))
            smash__say(config, SMASH_ERROR, "exclusive_keys", entry->doc, k, "%q and %q of one entry exclude each other; write sparse_ratio", k->text, ratios[i]);
    for (i = 0; i < 2 && old->how == SMASH__OLD_GROUP; i++)
        if (smash__said(object, ids[i])) smash__say(config, SMASH_ERROR, "exclusive_keys", entry->doc, k, "%q makes a group of its entry, which has a %s; write sparse_ratio", k->text, ids[i]);
    if (old->how == SMASH__OLD_MAX && smash__said(object, "max_sparse_ratio"))
        smash__say(config, SMASH_ERROR, "exclusive_keys", entry->doc, k, "%q and \"max_sparse_ratio\" of one entry exclude each other; write max_sparse_ratio", k->text);
    if (old->how == SMASH__OLD_MAX && k[1].type == SMASH_VALUE_OBJECT)
        smash__say(config, SMASH_ERROR, "legacy_key", entry->doc, k, "%q with a limit for each layer is the old spelling; write an entry with max_sparse_ratio for each of them, and one global_group_id", k->text);
    else if (old->how == SMASH__OLD_EXCLUDE) smash__check_exclude(entry, object, k);
    else SMASH__TRY(smash__check_value(ctx, config, smash__key(entry->algo->group, old->key), k->text, entry->doc, k + 1));
    if (config->diags->errors == errors && !(old->how == SMASH__OLD_PARTS && smash__leaves_out(object)))
        smash__say(config, SMASH_WARNING, "legacy_key", entry->doc, k, "%q is the old spelling; it is read as %s", k->text, old->modern);
    return SMASH_OK;
}

/* Keys and values of an object of settings: an entry, or one target's part of target_settings (inner). */
SMASH__FN smash_err smash__check_keys(smash_ctx *ctx, const smash__entry *entry, const smash_value *object, int inner)
{
    const smash_config *config = entry->config;
    const smash_value *k, *v, *ratio = smash_value_get(object, "sparse_ratio"), *threshold = smash_value_get(object, "sparse_threshold");
    const char *names[SMASH__NEAR_MAX];
    char near[SMASH__SHAPE_TEXT * 2];
    size_t count, n = 0, j;
    uint32_t i;
    const smash_key *keys = smash_config_keys(&count), *key;
    for (j = 0; j < count && n < SMASH__NEAR_MAX; j++) if ((keys[j].groups >> entry->algo->group & 1) && !(inner && keys[j].selects)) names[n++] = keys[j].name;
    for (i = 0, k = object + 1; i < object->count; i++, k = v + v->span) {
        const smash_value *t, *inside;
        uint32_t m;
        v = k + 1;
        key = smash__key(entry->algo->group, k->text);
        if (key && inner && key->selects) {
            smash__say(config, SMASH_ERROR, "misplaced_key", entry->doc, k, "%q belongs to the entry, not into target_settings", k->text);
            continue;
        }
        if (!key) {
            const smash__old *old = smash__find_old(k->text);
            int other;
            for (other = 1; other < SMASH_GROUP_COUNT && !smash__key((smash_group)other, k->text); other++) { }
            if (old && old->how && !inner && (old->groups >> entry->algo->group & 1)) SMASH__TRY(smash__check_old(ctx, entry, object, k, old));
            else if (old) smash__say(config, SMASH_ERROR, "legacy_key", entry->doc, k, "%q is the old spelling; write %s", k->text, old->modern);
            else if (other < SMASH_GROUP_COUNT)
                smash__say(config, SMASH_ERROR, "wrong_group", entry->doc, k, "%q is a key of a %s; %s is a %s", k->text, smash_group_name((smash_group)other),
                           entry->algo->name, smash_group_name(entry->algo->group));
            else smash__say(config, SMASH_ERROR, "unknown_key", entry->doc, k, "there is no key %q%s", k->text, smash__did_you_mean(config, k->text, names, n, near));
            continue;
        }
        SMASH__TRY(smash__check_value(ctx, config, key, k->text, entry->doc, v));
        if (key->kind != SMASH_KEY_SETTINGS || v->type != SMASH_VALUE_OBJECT) continue;
        for (m = 0, t = v + 1; m < v->count; m++, t = inside + inside->span) {
            inside = t + 1;
            if (inside->type != SMASH_VALUE_OBJECT) smash__say(config, SMASH_ERROR, "wrong_type", entry->doc, inside, "the settings of target %q must be an object", t->text);
            else SMASH__TRY(smash__check_keys(ctx, entry, inside, 1));
        }
    }
    if (ratio && threshold && ratio->type == SMASH_VALUE_NUMBER && threshold->type == SMASH_VALUE_NUMBER)
        smash__say(config, SMASH_ERROR, "exclusive_keys", entry->doc, threshold, "sparse_ratio and sparse_threshold exclude each other; remove one of them");
    return SMASH_OK;
}

SMASH__FN smash_err smash__check_list(smash_ctx *ctx, const smash_config *config, const smash_algo *algo, const smash_json *doc, const smash_value *list)
{
    smash__entry entry = smash__first_entry(config, algo, doc, list);
    char text[SMASH__VALUE_TEXT];
    const smash_value *left_out = NULL, *v;
    uint32_t i, others = 0, j;
    for (i = 0; i < list->count; i++) {
        if (i) entry.value += entry.value->span;
        if (entry.value->type != SMASH_VALUE_OBJECT) {
            smash__say(config, SMASH_ERROR, "wrong_type", entry.doc, entry.value, "an entry of a config_list is an object; this is %s", smash__value_text(entry.value, text));
            continue;
        }
        SMASH__TRY(smash__check_keys(ctx, &entry, entry.value, 0));
        if (!smash__said(entry.value, "op_names") && !smash__said(entry.value, "op_names_re") && !smash__said(entry.value, "op_types") && !smash__said(entry.value, "op_partial_names"))
            smash__say(config, SMASH_ERROR, "missing_key", entry.doc, entry.value, "this entry selects no modules; it needs op_names, op_names_re or op_types");
        v = smash_value_get(entry.value, "op_types");
        for (j = 0; v && smash__is_string_list(v) && j < v->count; j++)
            if (smash_value_is(v + 1 + j, "default")) smash__say(config, SMASH_ERROR, "legacy_key", entry.doc, v + 1 + j, "\"default\" is the old spelling for all types; write them, such as \"Linear\", \"Conv2d\"");
        if (smash__leaves_out(entry.value)) left_out = entry.value; else others++;
    }
    if (left_out && !others) smash__say(config, SMASH_ERROR, "legacy_key", entry.doc, left_out, "\"exclude\" leaves modules out of the other entries, and there is none; write %s_exclude", algo->name);
    return SMASH_OK;
}

/* A list that is put together from values of another; to NULL: only counted. */
typedef struct smash__tree {
    smash_value        *to;
    size_t              count;
    const smash_value **left_out;     /* entries with "exclude": true */
    uint32_t            left_out_count;
} smash__tree;

SMASH__FN void smash__tree_add(smash__tree *tree, const smash_value *v, size_t n)
{
    if (tree->to) smash__copy(tree->to + tree->count, v, n * sizeof *v);
    tree->count += n;
}

SMASH__FN void smash__tree_text(smash__tree *tree, const char *text, uint32_t at)
{
    smash_value v = smash__whole_word(text);
    v.type = SMASH_VALUE_STRING;
    v.at = at;
    smash__tree_add(tree, &v, 1);
}

/* Its elements or members are there: how many, and where it ends. */
SMASH__FN void smash__tree_close(smash__tree *tree, size_t first, uint32_t count)
{
    if (!tree->to) return;
    tree->to[first].count = count;
    tree->to[first].span = (uint32_t)(tree->count - first);
}

/* ".*part.*" of a name that may hold what means something in a pattern */
SMASH__FN smash_err smash__tree_pattern(smash_ctx *ctx, smash_arena *arena, smash__tree *tree, const smash_value *part)
{
    static const char special[] = "\\.^$*+?{}[]|()";
    char *text, *to;
    const char *c, *m;
    if (!tree->to) { tree->count++; return SMASH_OK; }
    to = text = (char *)smash_arena_array(ctx, arena, (size_t)part->count + 3, 2);
    if (!text) return SMASH_ERR_NOMEM;
    *to++ = '.'; *to++ = '*';
    for (c = part->text; *c; c++) {
        for (m = special; *m && *m != *c; m++) { }
        if (*m) *to++ = '\\';
        *to++ = *c;
    }
    *to++ = '.'; *to++ = '*'; *to = '\0';
    smash__tree_text(tree, text, part->at);
    return SMASH_OK;
}

/* One of the lists of names of an entry: its own, and (source) what others leave out. Adds a member, or none if there is nothing to say. */
SMASH__FN smash_err smash__tree_names(smash_ctx *ctx, smash_arena *arena, smash__tree *tree, const smash_value *entry, const char *key, const char *source, uint32_t *members)
{
    const size_t first = tree->count;
    const smash_value *from = entry, *own = smash__said(entry, key), *v;
    const int patterns = smash__equal(key, "op_names_re") || smash__equal(key, "exclude_op_names_re");
    uint32_t i, k, j, n = 0;
    for (i = 0; i <= (source ? tree->left_out_count : 1); i++) {         /* its own first */
        if (i && source) from = tree->left_out[i - 1];
        for (k = 0; k < 2; k++) {
            if (i == 0) v = k ? NULL : own;
            else if (k) v = patterns ? smash__said(from, "op_partial_names") : NULL;
            else v = source ? smash__said(from, source) : NULL;
            for (j = 0; v && j < v->count; j++, n++) {
                if (n == 0) { smash__tree_text(tree, key, v->at); smash__tree_add(tree, v, 1); }
                if (k) SMASH__TRY(smash__tree_pattern(ctx, arena, tree, v + 1 + j));
                else smash__tree_add(tree, v + 1 + j, 1);
            }
        }
    }
    if (n) smash__tree_close(tree, first + 1, n);
    else if (own) { smash__tree_text(tree, key, own->at); smash__tree_add(tree, own, 1); }
    *members += n || own;
    return SMASH_OK;
}

/* A list in which NNI v2 spells something, in the spelling of today. It has been checked. */
SMASH__FN smash_err smash__tree_list(smash_ctx *ctx, smash_arena *arena, smash__tree *tree, const smash_value *list)
{
    static const char *const names[4][2] = { { "op_names_re", NULL }, { "exclude_op_names", "op_names" }, { "exclude_op_names_re", "op_names_re" }, { "exclude_op_types", "op_types" } };
    const smash_value *e = list + 1, *k;
    uint32_t i, j, n = 0;
    smash__tree_add(tree, list, 1);
    for (i = 0; i < list->count; i++, e += e->span) {
        const size_t first = tree->count;
        uint32_t members = 0;
        if (smash__leaves_out(e)) continue;
        n++;
        smash__tree_add(tree, e, 1);
        for (j = 0, k = e + 1; j < e->count; j++, k = k + 1 + k[1].span) {
            const smash__old *old = smash__find_old(k->text);
            int is_list = 0, l;
            for (l = 0; l < 4; l++) is_list |= smash_value_is(k, names[l][0]);
            if (is_list || (old && (k[1].type == SMASH_VALUE_NULL || old->how >= SMASH__OLD_PARTS))) continue;
            if (old) smash__tree_text(tree, old->key, k->at); else smash__tree_add(tree, k, 1);
            smash__tree_add(tree, k + 1, k[1].span);
            members++;
            if (old && old->how == SMASH__OLD_GROUP) {                   /* an id that nobody else has */
                char id[64];
                const char *text = "";
                uint32_t number = i, v;
                do {
                    smash__format(id, sizeof id, "total_sparsity of entry %u", ++number);
                    for (v = 0; v < list->span && !smash_value_is(list + v, id); v++) { }
                } while (v < list->span);
                if (tree->to) text = smash__text_copy(ctx, arena, id, smash__length(id));
                if (!text) return SMASH_ERR_NOMEM;
                smash__tree_text(tree, "global_group_id", k->at);
                smash__tree_text(tree, text, k->at);
                members++;
            }
        }
        for (j = 0; j < 4; j++) SMASH__TRY(smash__tree_names(ctx, arena, tree, e, names[j][0], names[j][1], &members));
        smash__tree_close(tree, first, members);
    }
    smash__tree_close(tree, 0, n);
    return SMASH_OK;
}

/* Names of inputs or outputs: strings, each once, none that reads like an index. */
SMASH__FN void smash__check_end_names(const smash_config *config, const smash_json *doc, const smash_value *key, const smash_value *v)
{
    const smash_value *e = v + 1, *f;
    uint32_t i, j;
    if (!smash__is_string_list(v) || v->count > SMASH__NAMES_MAX) {
        smash__say(config, SMASH_ERROR, "wrong_type", doc, v, "%q of a template is a list of at most %i names, in the order in which they come", key->text, SMASH__NAMES_MAX);
        return;
    }
    for (i = 0; i < v->count; i++, e++) {
        if (!e->text[0] || (e->text[0] >= '0' && e->text[0] <= '9')) smash__say(config, SMASH_ERROR, "illegal_value", doc, e, "%q is no name of an input or output; it is empty or reads like an index", e->text);
        for (j = 0, f = v + 1; j < i && !smash__equal(f->text, e->text); j++, f++) { }
        if (j < i) smash__say(config, SMASH_ERROR, "duplicate_key", doc, e, "%q has %q twice; remove one", key->text, e->text);
    }
}

/* Why a type has no such input or output */
SMASH__FN void smash__say_end(const smash_config *config, const smash_json *doc, const smash_value *place, const smash_value *list, const char *type, const char *target)
{
    const char *name = smash__end_name(target), *names[SMASH__NAMES_MAX], *what = name == target + 8 ? "output" : "input";
    const smash_value *e = list ? list + 1 : NULL;
    char near[SMASH__SHAPE_TEXT * 2];
    uint32_t i;
    if (list) {
        for (i = 0; i < list->count && i < SMASH__NAMES_MAX; i++, e += e->span) names[i] = e->type == SMASH_VALUE_STRING ? e->text : "";
        if (!i) smash__say(config, SMASH_ERROR, "unknown_target", doc, place, "a %s has no target %q; it has no %ss", type, target, what);
        else smash__say(config, SMASH_ERROR, "unknown_target", doc, place, "a %s has no target %q; it has %u %s%s, the first is %q%s", type, target, list->count, what, list->count == 1 ? "" : "s", names[0],
                        smash__did_you_mean(config, name, names, *name >= '0' && *name <= '9' ? 0 : i, near));
    } else if (*name >= '0' && *name <= '9')
        smash__say(config, SMASH_ERROR, "unknown_target", doc, place, "%q is no target: the index of an %s is a whole number from 0 to 999999, with no zeros before it", target, what);
    else smash__say(config, SMASH_ERROR, "unknown_target", doc, place, "a %s has no target %q: its %ss are not known by name; use their index, such as _%s_0, or list them as \"%ss\" of %q in module_templates", type, target,
                    what, what, what, type);
}

/* One type of module_templates */
SMASH__FN smash_err smash__check_template(smash_ctx *ctx, const smash_config *config, const smash_json *doc, const smash_value *type)
{
    static const char *const known[6] = { "inputs", "outputs", "out_axis", "in_axis", "pruner", "quantizer" };
    const smash_value *v = type + 1, *k, *e, *axes[2], *names[2];
    char near[SMASH__SHAPE_TEXT * 2], text[SMASH__VALUE_TEXT], end[SMASH__END_TEXT];
    uint32_t i, m;
    axes[0] = axes[1] = NULL;
    for (i = 0; i < 2; i++) names[i] = smash__own_names(v, i == 1);
    for (i = 0, k = v + 1; i < v->count; i++, k = e + e->span) {
        const smash_group group = smash_group_from_name(k->text);
        e = k + 1;
        if (e->type == SMASH_VALUE_NULL) continue;
        if (smash__equal(k->text, "inputs") || smash__equal(k->text, "outputs")) smash__check_end_names(config, doc, k, e);
        else if (smash__equal(k->text, "out_axis") || smash__equal(k->text, "in_axis")) {
            int64_t axis;
            if (!smash_value_i64(e, &axis) || axis < 0 || axis >= SMASH_MAX_DIMS)
                smash__say(config, SMASH_ERROR, "wrong_type", doc, e, "%q is %s; it must be a whole number from 0 to %i, the axis of a weight", k->text, smash__value_text(e, text), SMASH_MAX_DIMS - 1);
            else axes[k->text[0] == 'o'] = e;
        } else if (group == SMASH_PRUNER || group == SMASH_QUANTIZER) {
            const smash_value *t, *settings;
            smash_algo part = SMASH_ZERO;                                /* whatever algorithm will be active */
            smash__entry entry = SMASH_ZERO;
            part.name = "this part of the template";
            part.group = group;
            entry.config = config;
            entry.algo = &part;
            entry.doc = doc;
            if (e->type != SMASH_VALUE_OBJECT) {
                smash__say(config, SMASH_ERROR, "wrong_type", doc, e, "%q of a template is %s; it must be an object {target: {key: value}}", k->text, smash__value_text(e, text));
                continue;
            }
            for (m = 0, t = e + 1; m < e->count; m++, t = settings + settings->span) {
                settings = t + 1;
                const smash_value *list = names[smash__starts_with(t->text, "_output_")];
                if (!smash__end_of_names(list, t->text, end)) smash__say_end(config, doc, t, list, type->text, t->text);
                if (settings->type != SMASH_VALUE_OBJECT) smash__say(config, SMASH_ERROR, "wrong_type", doc, settings, "the settings of target %q must be an object; {} leaves all to the entries", t->text);
                else SMASH__TRY(smash__check_keys(ctx, &entry, settings, 1));
            }
        } else smash__say(config, SMASH_ERROR, "unknown_key", doc, k, "a template has no key %q; it has inputs, outputs, out_axis, in_axis, pruner and quantizer%s", k->text,
                          smash__did_you_mean(config, k->text, known, 6, near));
    }
    if (axes[0] && axes[1] && axes[0]->number == axes[1]->number) smash__say(config, SMASH_ERROR, "illegal_value", doc, axes[0], "in_axis and out_axis of %q are the same axis", type->text);
    return SMASH_OK;
}

SMASH__FN smash_err smash__check_templates(smash_ctx *ctx, const smash_config *config, const smash_json *doc, const smash_value *v)
{
    const smash_value *k;
    char text[SMASH__VALUE_TEXT];
    uint32_t i;
    for (i = 0, k = v + 1; i < v->count; i++, k = k + 1 + k[1].span) {
        if (!k->text[0]) smash__say(config, SMASH_ERROR, "illegal_value", doc, k, "the type of a template is empty; it must be one such as \"MyAttention\"");
        if (k[1].type == SMASH_VALUE_OBJECT) SMASH__TRY(smash__check_template(ctx, config, doc, k));
        else if (k[1].type != SMASH_VALUE_NULL)
            smash__say(config, SMASH_ERROR, "wrong_type", doc, k + 1, "the template of %q is %s; it must be an object, such as {\"pruner\": {\"weight\": {}}}", k->text, smash__value_text(k + 1, text));
    }
    return SMASH_OK;
}

/* ---- the dictionary ---- */

/* Groups, hyperparameters, other keys of the dictionary, unknown ones */
SMASH__FN int smash__setting_rank(const smash_setting *s) { return s->algo ? 1 : !s->key ? 3 : s->key->kind == SMASH_KEY_ALGORITHM ? 0 : 2; }

SMASH__FN void smash__drop(smash_config *config, size_t i)
{
    for (config->count--; i < config->count; i++) config->settings[i] = config->settings[i + 1];
}

/* Put a setting in its place, instead of the one of its name if there is one. */
SMASH__FN smash_err smash__put(smash_ctx *ctx, smash_config *config, const smash_setting *s)
{
    size_t i, k;
    for (i = 0; i < config->count && s->key; i++)                        /* unknown before, and then an algorithm came that knows it */
        if (!config->settings[i].key && smash__equal(config->settings[i].name, s->name)) { smash__drop(config, i); break; }
    for (i = config->count; i > 0; i--) {
        const smash_setting *old = &config->settings[i - 1];
        const int order = smash__setting_rank(old) != smash__setting_rank(s) ? smash__setting_rank(old) - smash__setting_rank(s) : smash__order(old->name, s->name);
        if (order == 0) { config->settings[i - 1] = *s; return SMASH_OK; }
        if (order < 0) break;
    }
    if (config->count == SMASH_CONFIG_MAX) return SMASH__FAIL(ctx, SMASH_ERR_LIMIT, config->count, "a config holds at most %i keys", SMASH_CONFIG_MAX);
    for (k = config->count; k > i; k--) config->settings[k] = config->settings[k - 1];
    config->settings[i] = *s;
    config->count++;
    return SMASH_OK;
}

/* Forget the hyperparameters of a group. */
SMASH__FN void smash__forget(smash_config *config, smash_group group)
{
    size_t i, n = 0;
    for (i = 0; i < config->count; i++) if (!config->settings[i].algo || config->settings[i].algo->group != group) config->settings[n++] = config->settings[i];
    config->count = n;
}

SMASH__DEF void smash_config_flush(smash_config *config)
{
    static const smash_value one = { SMASH_VALUE_NUMBER, 1, 1, 0, "1", 1 }, cpu = { SMASH_VALUE_STRING, 3, 1, 0, "cpu", 0 }, first = { SMASH_VALUE_STRING, 5, 1, 0, "first", 0 };
    static const smash_value no = { SMASH_VALUE_BOOL, 0, 1, 0, NULL, 0 };
    const smash_setting *batch = smash__setting(config, "batch_size"), *device = smash__setting(config, "device");
    const smash_value *batch_value = batch ? batch->value : &one, *device_value = device ? device->value : &cpu;
    size_t count, i;
    const smash_key *keys = smash__plain_keys(&count);
    config->count = 0;
    for (i = 0; i < count; i++) {
        smash_setting *s = &config->settings[config->count];
        if (keys[i].kind == SMASH_KEY_LATER) continue;
        smash__fill(s, 0, sizeof *s);
        s->name = keys[i].name;
        s->key = &keys[i];
        s->value = keys[i].kind == SMASH_KEY_INTEGER ? batch_value : keys[i].kind == SMASH_KEY_DEVICE ? device_value : keys[i].kind == SMASH_KEY_CHOICE ? &first :
                   keys[i].kind == SMASH_KEY_BOOLEAN ? &no : smash__null();
        s->is_default = s->value == smash__null() || s->value == &first || s->value == &no || smash__same_scalar(s->value, keys[i].kind == SMASH_KEY_INTEGER ? &one : &cpu);
        config->count++;
    }
}

SMASH__DEF void smash_config_init(smash_config *config, const smash_registry *registry, smash_arena *arena, smash_diags *diags)
{
    smash__fill(config, 0, sizeof *config);
    config->registry = registry;
    config->arena = arena;
    config->diags = diags;
    smash_config_flush(config);
}

SMASH__FN smash_err smash__config_usable(smash_ctx *ctx, const smash_config *config)
{
    if (!config || !config->registry || !config->arena || !config->diags) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the config was not initialised, or has no registry, arena or diags");
    if (smash__ctx(ctx) && (config->arena == &ctx->scratch || config->diags->arena == &ctx->scratch))
        return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the arena of a config or its diags must not be ctx->scratch, which every call empties");
    return SMASH_OK;
}

/* What a key of the dictionary is: NULL if there is none of that name. *algo: whose it is, NULL for one of no algorithm's. Names go
 * before aliases. */
SMASH__FN const smash_key *smash__find_key(const smash_config *config, const char *name, const smash_algo **algo)
{
    size_t count, i;
    const smash_key *plain = smash__plain_keys(&count), *key;
    int pass;
    *algo = NULL;
    for (i = 0; i < count; i++) if (smash__equal(plain[i].name, name)) return &plain[i];
    for (pass = 0; pass < 2; pass++)
        for (i = 0; i < config->registry->count; i++) {
            const smash_algo *a = config->registry->algos[i];
            const char *const *alias = a->aliases, *behind = pass ? NULL : smash__behind(a->name, name);
            for (; pass && alias && *alias && !behind; alias++) behind = smash__behind(*alias, name);
            key = behind ? smash__algo_key(a, behind) : NULL;
            if (key) { *algo = a; return key; }
        }
    return NULL;
}

/* A change that is being made to a copy of a config. Mistakes go to diags; what is returned is NOMEM, LIMIT or OK. */
typedef struct smash__change {
    smash_ctx        *ctx;
    smash_config     *config;
    const smash_json *doc;         /* the file that says it; NULL: a call */
    const smash_value *root;       /* its object, to look for misspelt keys; or NULL */
    int               tolerant;    /* keep unknown keys */
    uint32_t          refused;     /* bit per group whose algorithm was refused: its hyperparameters are not to blame then */
} smash__change;

/* `; did you mean "level_sparse_ratio"?` for a key that there is not. The names are put together in scratch, as long as there is some. */
SMASH__FN const char *smash__near_key(smash_ctx *ctx, const smash_config *config, const char *key, char near[SMASH__SHAPE_TEXT * 2])
{
    const char *names[SMASH__NEAR_MAX], *name;
    size_t n = 0, i, k, count;
    const smash_key *plain = smash__plain_keys(&count), *own;
    smash_ctx probe;
    smash_arena_mark mark;
    near[0] = '\0';
    if (smash__diag_full(config->diags)) return near;
    for (; n < count; n++) names[n] = plain[n].name;
    for (i = 0; i < config->registry->count; i++) {
        const smash_algo *algo = config->registry->algos[i];
        const char *behind = smash__behind(algo->name, key);
        const smash__old *old = behind ? smash__find_old(behind) : NULL;
        if (old) smash__format(near, SMASH__SHAPE_TEXT * 2, "; the old %s is %s_%s now", behind, algo->name, old->modern);
        else if (smash_config_active(config, algo->group) == algo && smash__algo_key(algo, key))                            /* sparse_ratio alone: the active one's */
            smash__format(near, SMASH__SHAPE_TEXT * 2, "; did you mean \"%s_%s\"?", algo->name, key);
        if (near[0]) return near;
    }
    smash__probe(ctx, &probe);
    mark = smash__scratch_mark(&probe);
    for (i = 0; i < config->registry->count; i++)
        for (k = 0; (own = smash_algo_key(config->registry->algos[i], k)) != NULL; k++) {
            name = smash__join(&probe, &probe.scratch, config->registry->algos[i]->name, "_", own->name);
            if (!name) continue;
            if (n == SMASH__NEAR_MAX) {                                  /* the best so far against the rest */
                names[0] = smash_nearest(key, names, n);
                n = 1;
            }
            names[n++] = name;
        }
    smash__did_you_mean(config, key, names, n, near);
    smash__scratch_rewind(&probe, mark);
    smash__probe_end(ctx, &probe, 0);
    return near;
}

/* A key that nothing knows: kept where another version may have written it, else a mistake. */
SMASH__FN smash_err smash__set_unknown(smash__change *c, const char *name, const smash_value *v)
{
    char near[SMASH__SHAPE_TEXT * 2];
    smash_setting s;
    if (!c->tolerant) {
        smash__say(c->config, SMASH_ERROR, "unknown_key", c->doc, c->root ? v - 1 : v, "there is no key %q%s", name,        /* in an object the key stands before its value */
                   smash__near_key(c->ctx, c->config, name, near));
        return SMASH_OK;
    }
    smash__say(c->config, SMASH_WARNING, "unknown_key", c->doc, v - 1, "there is no key %q in this version; it is kept, and does nothing", name);
    smash__fill(&s, 0, sizeof s);
    s.name = name;
    s.value = v;
    s.doc = c->doc;
    return smash__put(c->ctx, c->config, &s);
}

/* Another algorithm for a group, or none: settings of the one before go, those of the new one are there with their defaults. */
SMASH__FN smash_err smash__activate(smash__change *c, const smash_key *group, const smash_algo *algo, uint32_t at)
{
    const smash_key *key;
    smash_setting s;
    size_t i;
    smash__forget(c->config, smash_group_from_name(group->name));
    smash__fill(&s, 0, sizeof s);
    s.name = group->name;
    s.key = group;
    s.doc = c->doc;
    s.value = smash__null();
    s.is_default = algo == NULL;
    if (algo) {
        smash_value name = smash__whole_word(algo->name);
        name.at = at;
        s.value = smash__value_copy(c->ctx, c->config->arena, &name);
        if (!s.value) return SMASH_ERR_NOMEM;
    }
    SMASH__TRY(smash__put(c->ctx, c->config, &s));
    for (i = 0; algo && (key = smash_algo_key(algo, i)) != NULL; i++) {
        if (key->kind == SMASH_KEY_LATER) continue;
        s.name = smash__join(c->ctx, c->config->arena, algo->name, "_", key->name);
        if (!s.name) return SMASH_ERR_NOMEM;
        SMASH__TRY(smash__default(c->ctx, c->config->arena, key, &s.value));
        s.key = key;
        s.algo = algo;
        s.doc = NULL;
        s.is_default = 1;
        SMASH__TRY(smash__put(c->ctx, c->config, &s));
    }
    return SMASH_OK;
}

/* The components an algorithm needs and the config lacks, each with its remedy, in the order tokenizer, processor, data. */
SMASH__FN void smash__check_components(const smash_config *config, const smash_algo *algo, const smash_json *doc, const smash_value *v)
{
    static const char *const names[3][2] = { { "a tokenizer", "tokenizer" }, { "a processor", "processor" }, { "data", "data" } };
    const void *have[3];
    int i;
    have[0] = config->tokenizer;
    have[1] = config->processor;
    have[2] = config->data;
    for (i = 0; i < 3; i++)
        if ((algo->needs >> i & 1) && !have[i])
            smash__say(config, SMASH_ERROR, "missing_component", doc, v, "%s needs %s; call smash_config_add_%s() first", algo->name, names[i][0], names[i][1]);
}

SMASH__FN smash_err smash__set_group(smash__change *c, const smash_key *key, const smash_value *v)
{
    const smash_config *config = c->config;
    const smash_group group = smash_group_from_name(key->name);
    const smash_algo *algo = v->type == SMASH_VALUE_STRING ? smash_registry_find(config->registry, v->text) : NULL, *other;
    const char *names[SMASH__NEAR_MAX] = SMASH_ZERO, *instead;
    char near[SMASH__SHAPE_TEXT * 2], legal[SMASH__SAY_BYTES / 2], text[SMASH__VALUE_TEXT];
    size_t n = 0, used = 0, i, errors = config->diags->errors;
    int g;
    if (v->type == SMASH_VALUE_NULL) return smash__activate(c, key, NULL, 0);
    if (algo && algo->group == group) {
        if (!smash__equal(algo->name, v->text)) smash__say(config, SMASH_WARNING, "alias", c->doc, v, "%q is called %q here", v->text, algo->name);
        if (smash_config_active(config, group) == algo) return SMASH_OK;
        for (g = 1; g < SMASH_GROUP_COUNT; g++) {
            other = g == (int)group ? NULL : smash_config_active(config, (smash_group)g);
            if (!other || smash_algo_fits(algo, other)) continue;
            smash__say(config, SMASH_ERROR, "forbidden_pair", c->doc, v,
                       "%s (%s) and %s (%s) cannot be active together: neither lists the other as compatible; set %s = null first, or choose another %s", algo->name, key->name, other->name, smash_group_name(other->group), smash_group_name(other->group), key->name);
        }
        if (!c->doc && !config->defer_components && errors == config->diags->errors) smash__check_components(config, algo, c->doc, v);
        if (errors == config->diags->errors) return smash__activate(c, key, algo, v->at);
        c->refused |= 1u << group;
        return SMASH_OK;
    }
    c->refused |= 1u << group;
    legal[0] = '\0';
    for (i = 0; i < config->registry->count && n < SMASH__NEAR_MAX; i++) {
        other = config->registry->algos[i];
        if (other->group != group) continue;
        if (used < sizeof legal) used += smash__format(legal + used, sizeof legal - used, n ? ", %s" : "%s", other->name);
        names[n++] = other->name;
    }
    for (i = 0; i < config->registry->count; i++) {
        const char *const *alias = config->registry->algos[i]->aliases;
        for (; alias && *alias && config->registry->algos[i]->group == group && n < SMASH__NEAR_MAX; alias++) names[n++] = *alias;
    }
    instead = v->type == SMASH_VALUE_STRING ? smash_algo_instead(v->text) : NULL;
    if (v->type != SMASH_VALUE_STRING)
        smash__say(config, SMASH_ERROR, "wrong_type", c->doc, v, "%q is %s; it must be the name of an algorithm (%s) or null", key->name, smash__value_text(v, text),
                   n ? legal : "there is none in this group");
    else if (algo) smash__say(config, SMASH_ERROR, "wrong_group", c->doc, v, "%q is a %s, not a %s", v->text, smash_group_name(algo->group), key->name);
    else if (instead && instead[0])
        smash__say(config, SMASH_ERROR, "unknown_algorithm", c->doc, v, "there is no %s %q in this version; use %q instead (legal: %s)", key->name, v->text, instead, n ? legal : "null");
    else smash__say(config, SMASH_ERROR, "unknown_algorithm", c->doc, v, "there is no %s %q%s; legal: %s%s", key->name, v->text, instead ? " in this version" : "",
                    n ? legal : "null (there is none in this group)", smash__did_you_mean(config, v->text, names, n, near));
    return SMASH_OK;
}

/* 1 if some unknown key of the file is near this group's: then that mistake is the one to report. */
SMASH__FN int smash__misspelt(const smash__change *c, smash_group group)
{
    const char *name = smash_group_name(group);
    const smash_value *k;
    uint32_t i;
    const smash_algo *algo;
    for (i = 0, k = c->root ? c->root + 1 : NULL; k && i < c->root->count; i++, k = k + 1 + k[1].span)
        if (smash_nearest(k->text, &name, 1) && !smash__find_key(c->config, k->text, &algo)) return 1;
    return 0;
}

/* The value as it is kept: the word of the table it equals, a whole number without fraction, 1 for true where a number is. */
SMASH__FN const smash_value *smash__canonical(smash_ctx *ctx, smash_arena *arena, const smash_key *key, const smash_value *v)
{
    char digits[SMASH_NUMBER_BYTES];
    smash_value word;
    int64_t whole;
    if (smash__pick_of(key, v, &word)) return smash__value_copy(ctx, arena, &word);
    if ((key->kind != SMASH_KEY_NUMBER && key->kind != SMASH_KEY_INTEGER) || v->type == SMASH_VALUE_NULL) return v;
    if (v->type == SMASH_VALUE_NUMBER && (key->kind == SMASH_KEY_NUMBER || (v->number != 0 && smash_value_i64(v, &whole)))) return v;
    word = smash__word(digits, smash_number_print(v->number == 0 ? 0.0 : v->number, digits));
    return smash__value_copy(ctx, arena, &word);
}

/* 1 if a text in it would not come back from a file as it is: one with a zero byte inside, or no UTF-8 */
SMASH__FN int smash__has_bad_text(const smash_value *v)
{
    uint32_t i;
    for (i = 0; i < v->span; i++) if (v[i].type == SMASH_VALUE_STRING && (smash__length(v[i].text) != v[i].count || !smash__is_utf8(v[i].text, v[i].count))) return 1;
    return 0;
}

/* What it takes grows with what is left out times what is not, and with groups times what may have their id. */
enum { SMASH__OLD_MOST = 10000000 };

SMASH__FN smash_err smash__modern_list(smash__change *c, const smash_value **list)
{
    smash_arena *arena = c->config->arena;
    smash_arena_mark mark = smash__scratch_mark(c->ctx);
    const smash_value *e = *list + 1, *k;
    smash__tree tree = SMASH_ZERO;
    double others = 0, groups = 0, left_out = 0;
    uint32_t i, j;
    int is_old = 0;
    smash_err err;
    tree.left_out = (const smash_value **)smash__scratch(c->ctx, (*list)->count, sizeof *tree.left_out);
    if (!tree.left_out) return SMASH_ERR_NOMEM;
    for (i = 0; i < (*list)->count; i++, e += e->span) {
        for (j = 0, k = e + 1; j < e->count; j++, k = k + 1 + k[1].span) {
            is_old |= smash__find_old(k->text) != NULL;
            groups += smash_value_is(k, "total_sparsity");
        }
        if (smash__leaves_out(e)) { tree.left_out[tree.left_out_count++] = e; left_out += e->span; } else others++;
    }
    if (is_old && others * left_out + groups * (*list)->span > SMASH__OLD_MOST)
        smash__say(c->config, SMASH_ERROR, "legacy_key", c->doc, *list, "this list is too long for the old spelling; write sparse_ratio, global_group_id and exclude_op_names");
    else if (is_old) {
        err = smash__tree_list(c->ctx, arena, &tree, *list);
        if (!err) tree.to = (smash_value *)smash_arena_array(c->ctx, arena, tree.count, sizeof *tree.to);
        if (!err && !tree.to) err = SMASH_ERR_NOMEM;
        tree.count = 0;
        if (!err) err = smash__tree_list(c->ctx, arena, &tree, *list);
        if (err) { smash__scratch_rewind(c->ctx, mark); return err; }
        *list = tree.to;
    }
    smash__scratch_rewind(c->ctx, mark);
    return SMASH_OK;
}

/* One key: unknown, illegal, inactive, forbidden, in this order. The value must outlive the config. */
SMASH__FN smash_err smash__set(smash__change *c, const char *name, const smash_value *v)
{
    smash_config *config = c->config;
    const smash_algo *algo;
    const smash_key *key = smash__find_key(config, name, &algo);
    const size_t errors = config->diags->errors;
    smash_setting s;
    smash_value word;
    smash_arena_mark mark;
    size_t i;
    if (smash__has_bad_text(v) || (c->root && smash__has_bad_text(v - 1))) {
        smash__say(config, SMASH_ERROR, "illegal_value", c->doc, v, "%q or its value holds a text with a zero byte inside, or one that is not UTF-8", name);
        return SMASH_OK;
    }
    if (!key) return smash__set_unknown(c, name, v);
    if (key->kind == SMASH_KEY_ALGORITHM) return smash__set_group(c, key, v);
    if (v->type != SMASH_VALUE_NULL || algo) SMASH__TRY(smash__check_value(c->ctx, config, key, name, c->doc, v));
    if (key->kind == SMASH_KEY_LIST && v->type == SMASH_VALUE_ARRAY) SMASH__TRY(smash__check_list(c->ctx, config, algo, c->doc, v));
    if (key->kind == SMASH_KEY_TEMPLATES && v->type == SMASH_VALUE_OBJECT) SMASH__TRY(smash__check_templates(c->ctx, config, c->doc, v));
    if (config->diags->errors != errors || key->kind == SMASH_KEY_LATER) return SMASH_OK;
    if (algo && smash_config_active(config, algo->group) != algo) {
        const int unset = c->doc && v->type == SMASH_VALUE_NULL && (key->groups || key->kind == SMASH_KEY_LIST || key->kind == SMASH_KEY_GLOBS);
        if (!unset && !(c->refused >> algo->group & 1) && !smash__misspelt(c, algo->group))
            smash__say(config, SMASH_ERROR, "inactive_algorithm", c->doc, v, "%q belongs to %s, which is not active; set %s = %q first", name, algo->name,
                       smash_group_name(algo->group), algo->name);
        return SMASH_OK;
    }
    smash__fill(&s, 0, sizeof s);
    s.name = key->name;
    for (i = 0; algo && i < config->count; i++) {
        const smash_setting *old = &config->settings[i];
        if (old->algo != algo || old->key != key) continue;
        s.name = old->name;
        if (smash__equal(name, old->name) && !(c->doc && old->doc == c->doc)) continue;
        if (c->doc && old->doc == c->doc) {                              /* a document has no name twice, so this is a name and an alias */
            smash__say(config, SMASH_ERROR, "duplicate_key", c->doc, v, "%q is set twice in this file, under two names; remove one", old->name);
            return SMASH_OK;
        }
        smash__say(config, SMASH_WARNING, "alias", c->doc, v, "%q is called %q here", name, old->name);
    }
    s.key = key;
    s.algo = algo;
    s.doc = c->doc;
    if (key->kind == SMASH_KEY_LIST && v->type == SMASH_VALUE_ARRAY) SMASH__TRY(smash__modern_list(c, &v));
    mark = smash_arena_get_mark(config->arena);
    SMASH__TRY(smash__default(c->ctx, config->arena, key, &s.value));
    s.is_default = (v->span == 1 ? smash__same_scalar(v, s.value) : smash__same_value(v, s.value, 0)) != 0;
    if (v->type == SMASH_VALUE_NULL && !smash__pick_of(key, v, &word)) s.is_default = 1;         /* null that is no word: as if it were not there */
    if (s.is_default) return smash__put(c->ctx, config, &s);
    smash_arena_rewind(config->arena, mark);
    s.value = smash__canonical(c->ctx, config->arena, key, v);
    return s.value ? smash__put(c->ctx, config, &s) : SMASH_ERR_NOMEM;
}

SMASH__FN smash_job smash__job(const smash_config *config, const smash_algo *algo, smash_model *model, smash_arena *arena)
{
    smash_job job;
    job.algo = algo;
    job.config = config;
    job.model = model;
    job.arena = arena;
    job.state = NULL;
    return job;
}

/* Ask an algorithm whether it likes something. That it does not is a finding; NOMEM is an error. */
SMASH__FN smash_err smash__ask(smash_ctx *ctx, smash_err (*callback)(smash_ctx *ctx, const smash_job *job), const smash_job *job, const char *code, const char *what)
{
    const smash_setting *s = smash__setting(job->config, smash_group_name(job->algo->group));
    smash_arena_mark mark = smash__scratch_mark(ctx);
    smash_ctx probe;
    smash_err err;
    if (!callback) return SMASH_OK;
    smash__probe(ctx, &probe);
    err = callback(&probe, job);
    smash__probe_end(ctx, &probe, err == SMASH_ERR_NOMEM);
    smash__scratch_rewind(ctx, mark);
    if (err == SMASH_ERR_NOMEM) return err;
    if (err) smash__say(job->config, SMASH_ERROR, code, s->doc, s->value, "the %s is not compatible with %s%s%s", what, job->algo->name, probe.message[0] ? ": " : "", probe.message);
    return SMASH_OK;
}

/* A pruner has one target for the whole model, and a file gets smaller only where zeros are not stored. */
SMASH__FN void smash__check_goal(const smash_config *config, const smash_algo *algo)
{
    const smash_setting *first = NULL, *sparse = smash__setting(config, "pack_sparse");
    size_t i;
    for (i = 0; i < config->count; i++) {
        const smash_setting *s = &config->settings[i];
        if (s->algo != algo || s->key->kind != SMASH_KEY_AMOUNT || s->is_default) continue;
        if (first) smash__say(config, SMASH_ERROR, "exclusive_keys", s->doc, s->value, "%q and %q are two targets for one model; remove one of them", first->name, s->name);
        if (!first) first = s;
        if (smash__equal(s->key->name, "target_bytes") && (!sparse || sparse->value->number == 0))
            smash__say(config, SMASH_ERROR, "needs_pack_sparse", s->doc, s->value, "%q needs \"pack_sparse\": true; without it zeros take as many bytes as other numbers", s->name);
    }
}

/* Rules between keys: a list and the shorthands of a list of one, and what the algorithms have to say. */
SMASH__FN smash_err smash__check_rules(smash_ctx *ctx, const smash_config *config)
{
    size_t i;
    int g;
    for (i = 0; i < config->count; i++) {
        const smash_setting *s = &config->settings[i], *list = s->algo && s->key->groups && !s->is_default ? smash__hyper(config, s->algo, "config_list") : NULL;
        if (list && !list->is_default)
            smash__say(config, SMASH_ERROR, "list_and_shorthand", s->doc, s->value, "%q stands for a list of one entry, and there is %s as well; put %s into its entries", s->name,
                       list->name, s->key->name);
    }
    for (g = 1; g < SMASH_GROUP_COUNT; g++) {
        const smash_algo *algo = smash_config_active(config, (smash_group)g);
        smash_job job;
        if (!algo) continue;
        smash__check_goal(config, algo);
        job = smash__job(config, algo, NULL, NULL);
        SMASH__TRY(smash__ask(ctx, algo->check_config, &job, "incompatible_config", "config"));
    }
    return SMASH_OK;
}

/* How many findings there are, to tell later which are new */
typedef struct smash__seen { const smash_diag *last; size_t errors; } smash__seen;

SMASH__FN smash__seen smash__look(const smash_config *config)
{
    smash__seen seen;
    seen.last = config->diags->last;
    seen.errors = config->diags->errors;
    return seen;
}

/* CONFIG if there are new mistakes, with the sentence of the first. */
SMASH__FN smash_err smash__found(smash_ctx *ctx, const smash_config *config, smash__seen seen, const char *what)
{
    const smash_diag *d = seen.last ? seen.last->next : config->diags->first;
    const size_t n = config->diags->errors - seen.errors;
    if (n == 0) return SMASH_OK;
    while (d && d->severity != SMASH_ERROR) d = d->next;
    if (!d) return SMASH__FAIL(ctx, SMASH_ERR_CONFIG, 0, "%s: %z mistakes; the list of findings is full, empty diags to see them", what, n);
    if (n == 1) return SMASH__FAIL(ctx, SMASH_ERR_CONFIG, 0, "%s", d->message);
    return SMASH__FAIL(ctx, SMASH_ERR_CONFIG, 0, "%s: %z mistakes; the first: %s", what, n, d->message);
}

SMASH__DEF smash_err smash_config_check(smash_ctx *ctx, const smash_config *config)
{
    smash__seen seen;
    SMASH__TRY(smash__config_usable(ctx, config));
    seen = smash__look(config);
    SMASH__TRY(smash__check_rules(ctx, config));
    return smash__found(ctx, config, seen, "the config");
}

/* An object of a file: groups first. Those that the file changes are given up before, so that the order of changes does not matter. */
SMASH__FN smash_err smash__load_object(smash__change *c)
{
    const smash_value *k;
    const smash_algo *algo;
    uint32_t i;
    int pass;
    for (i = 0, k = c->root + 1; i < c->root->count; i++, k = k + 1 + k[1].span)
        if (smash_value_is(k, "format_version")) c->tolerant = 1;
    for (pass = 0; pass < 3; pass++)
        for (i = 0, k = c->root + 1; i < c->root->count; i++, k = k + 1 + k[1].span) {
            const smash_key *key = smash__find_key(c->config, k->text, &algo);
            const int is_group = key && key->kind == SMASH_KEY_ALGORITHM;
            uint64_t version;
            if (pass == 0 && is_group) {
                algo = k[1].type == SMASH_VALUE_STRING ? smash_registry_find(c->config->registry, k[1].text) : NULL;
                if (algo != smash_config_active(c->config, smash_group_from_name(k->text))) SMASH__TRY(smash__activate(c, key, NULL, 0));
            } else if (smash_value_is(k, "format_version")) {
                if (pass != 1) continue;
                if (!smash_value_u64(k + 1, &version)) smash__say(c->config, SMASH_ERROR, "wrong_type", c->doc, k + 1, "\"format_version\" is a whole number");
                else if (version > SMASH_FORMAT_VERSION)
                    smash__say(c->config, SMASH_WARNING, "newer_format", c->doc, k + 1, "this config has format version %v, of a later smash; this one knows %i", version,
                               SMASH_FORMAT_VERSION);
            } else if (smash_value_is(k, "smash_version")) {
                if (pass == 1 && k[1].type != SMASH_VALUE_STRING) smash__say(c->config, SMASH_ERROR, "wrong_type", c->doc, k + 1, "\"smash_version\" is a string");
            } else if ((pass == 1 && is_group) || (pass == 2 && !is_group)) SMASH__TRY(smash__set(c, k->text, k + 1));
        }
    return SMASH_OK;
}

/* A bare list: the algorithm it is for is active from now on. */
SMASH__FN smash_err smash__load_list(smash__change *c, const char *name)
{
    const smash_algo *algo = name ? smash_registry_find(c->config->registry, name) : NULL;
    const char *key;
    smash_value word;
    smash_err err;
    if (!algo) {
        smash__say(c->config, SMASH_ERROR, "missing_algorithm", c->doc, c->doc->root, "a bare list is the config_list of one algorithm, %s %q%s",
                   name ? "and there is no algorithm" : "which must be named; or write {\"pruner\": ... ,", name ? name : "l1_norm_config_list", name ? "" : ": the list}");
        return SMASH_OK;
    }
    if (!algo->targets) {
        smash__say(c->config, SMASH_ERROR, "missing_algorithm", c->doc, c->doc->root, "a bare list is a config_list, and %s has none; write an object {key: value}", algo->name);
        return SMASH_OK;
    }
    key = smash__join(c->ctx, c->config->arena, algo->name, "_", "config_list");
    if (!key) return SMASH_ERR_NOMEM;
    word = smash__whole_word(algo->name);
    err = smash__set_group(c, smash__find_key(c->config, smash_group_name(algo->group), &algo), &word);
    return err ? err : smash__set(c, key, c->doc->root);
}

SMASH__DEF smash_err smash_config_load(smash_ctx *ctx, smash_config *config, const char *text, size_t bytes, const char *file, const char *algorithm)
{
    smash_json_desc desc = SMASH_ZERO;
    smash_json *doc;
    smash_arena_mark mark = smash__scratch_mark(ctx);
    smash__change change = SMASH_ZERO;
    smash_err err;
    smash__seen seen;
    SMASH__TRY(smash__config_usable(ctx, config));
    seen = smash__look(config);
    desc.lenient = desc.unique_keys = 1;
    desc.file = file;
    doc = (smash_json *)smash_arena_alloc(ctx, config->arena, sizeof *doc);
    change.config = (smash_config *)smash__scratch(ctx, 1, sizeof *config);
    if (!doc || !change.config) { smash__scratch_rewind(ctx, mark); return SMASH_ERR_NOMEM; }
    change.ctx = ctx;
    change.doc = doc;
    *change.config = *config;
    err = smash_json_parse(ctx, &desc, text, bytes, config->arena, config->diags, doc);
    if (!err && doc->root->type == SMASH_VALUE_ARRAY) err = smash__load_list(&change, algorithm);
    else if (!err && doc->root->type == SMASH_VALUE_OBJECT) {
        change.root = doc->root;
        err = smash__load_object(&change);
    } else if (!err) smash__say(config, SMASH_ERROR, "wrong_type", doc, doc->root, "a config is an object, or the list of one algorithm");
    if (!err) err = smash__check_rules(ctx, change.config);
    if (!err) err = smash__found(ctx, config, seen, file ? file : "the config");
    if (!err) *config = *change.config;
    smash__scratch_rewind(ctx, mark);
    return err;
}

/* One change by a call, to a copy that is taken over if all is well. value NULL: back to the default. */
SMASH__FN smash_err smash__set_one(smash_ctx *ctx, smash_config *config, const char *key, const smash_value *value)
{
    smash_arena_mark mark = smash__scratch_mark(ctx);
    smash__change change = SMASH_ZERO;
    const smash_algo *algo;
    const smash_key *row;
    const smash__seen seen = smash__look(config);
    smash_err err = SMASH_OK;
    size_t i;
    change.ctx = ctx;
    change.config = (smash_config *)smash__scratch(ctx, 1, sizeof *config);
    if (!change.config) return SMASH_ERR_NOMEM;
    *change.config = *config;
    row = smash__find_key(config, key, &algo);
    for (i = 0; i < config->count && !row && smash__order(config->settings[i].name, key); i++) { }
    if (!value && !row && i < config->count) smash__drop(change.config, i);          /* an unknown key that a file brought */
    else {
        if (!value && row && algo) err = smash__default(ctx, config->arena, row, &value);
        if (!err) err = smash__set(&change, key, value ? value : smash__null());
    }
    if (!err) err = smash__found(ctx, config, seen, key);
    if (!err) *config = *change.config;
    smash__scratch_rewind(ctx, mark);
    return err;
}

SMASH__DEF smash_err smash_config_set(smash_ctx *ctx, smash_config *config, const char *key, const smash_value *value)
{
    SMASH__TRY(smash__config_usable(ctx, config));
    if (!key) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "there is no key to set");
    value = smash__value_copy(ctx, config->arena, value ? value : smash__null());
    return value ? smash__set_one(ctx, config, key, value) : SMASH_ERR_NOMEM;
}

SMASH__DEF smash_err smash_config_set_word(smash_ctx *ctx, smash_config *config, const char *key, const char *word)
{
    smash_value v;
    smash__fill(&v, 0, sizeof v);
    v.span = 1;
    v.type = word ? SMASH_VALUE_STRING : SMASH_VALUE_NULL;
    v.text = word;
    v.count = word ? (uint32_t)smash__length(word) : 0;
    return smash_config_set(ctx, config, key, &v);
}

SMASH__DEF smash_err smash_config_set_number(smash_ctx *ctx, smash_config *config, const char *key, double number)
{
    char digits[SMASH_NUMBER_BYTES];
    smash_value v;
    smash__fill(&v, 0, sizeof v);
    v.span = 1;
    v.type = SMASH_VALUE_NUMBER;
    v.number = number;
    v.count = (uint32_t)smash_number_print(number, digits);
    v.text = smash_is_finite_f64(number) ? digits : number > 0 ? "Inf" : number < 0 ? "-Inf" : "NaN";           /* for the message: no key takes them */
    if (v.text != digits) v.count = (uint32_t)smash__length(v.text);
    return smash_config_set(ctx, config, key, &v);
}

SMASH__DEF smash_err smash_config_set_bool(smash_ctx *ctx, smash_config *config, const char *key, int yes)
{
    const smash_value v = smash__word(yes ? "true" : "false", yes ? 4 : 5);
    return smash_config_set(ctx, config, key, &v);
}

SMASH__DEF smash_err smash_config_set_text(smash_ctx *ctx, smash_config *config, const char *assignment)
{
    smash_json_desc desc = SMASH_ZERO;
    smash_json doc;
    smash_ctx probe;
    smash_err err;
    size_t equals = 0, bytes;
    char *copy;
    if (!assignment) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "there is no text to set");
    SMASH__TRY(smash__config_usable(ctx, config));
    while (assignment[equals] && assignment[equals] != '=') equals++;
    if (!assignment[equals] || !equals) {
        smash__say(config, SMASH_ERROR, "no_assignment", NULL, NULL, "%q is no assignment; write key=value, such as pruner=l1_norm", assignment);
        return SMASH__FAIL(ctx, SMASH_ERR_CONFIG, 0, "%q is no assignment; write key=value", assignment);
    }
    bytes = smash__length(assignment);
    copy = smash__text_copy(ctx, config->arena, assignment, bytes);
    if (!copy) return SMASH_ERR_NOMEM;
    copy[equals] = '\0';
    desc.lenient = desc.unique_keys = 1;
    smash__probe(ctx, &probe);
    err = smash_json_parse(&probe, &desc, copy + equals + 1, bytes - equals - 1, config->arena, NULL, &doc);
    smash__probe_end(ctx, &probe, err == SMASH_ERR_NOMEM);
    if (err == SMASH_ERR_NOMEM) return err;
    if (!err) return smash__set_one(ctx, config, copy, doc.root);
    if (copy[equals + 1] != '[' && copy[equals + 1] != '{' && copy[equals + 1] != '"') return smash_config_set_word(ctx, config, copy, copy + equals + 1);   /* l1_norm, out_channel */
    smash__say(config, SMASH_ERROR, "json_syntax", NULL, NULL, "the value of %q is no JSON: %s", copy, probe.message);
    return SMASH__FAIL(ctx, SMASH_ERR_CONFIG, 0, "the value of %q is no JSON: %s", copy, probe.message);
}

SMASH__DEF smash_err smash_config_unset(smash_ctx *ctx, smash_config *config, const char *key)
{
    SMASH__TRY(smash__config_usable(ctx, config));
    if (!key) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "there is no key to unset");
    return smash__set_one(ctx, config, key, NULL);
}

SMASH__DEF const smash_value *smash_config_get(smash_ctx *ctx, const smash_config *config, const char *key)
{
    const smash_algo *algo;
    const smash_key *row;
    const smash_setting *s;
    char near[SMASH__SHAPE_TEXT * 2];
    if (!key || smash__config_usable(ctx, config)) {
        (void)SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "there is no key, or the config was not initialised");
        return NULL;
    }
    s = smash__setting(config, key);
    row = smash__find_key(config, key, &algo);
    if (!s && row && algo) s = smash__hyper(config, algo, row->name);     /* by an alias */
    if (s) return s->value;
    if (row && row->kind == SMASH_KEY_LATER) return smash__null();
    if (row && algo) (void)SMASH__FAIL(ctx, SMASH_ERR_NOTFOUND, 0, "%q belongs to %s, which is not active; set %s = %q first", key, algo->name, smash_group_name(algo->group), algo->name);
    else if (row) return smash__null();
    else (void)SMASH__FAIL(ctx, SMASH_ERR_NOTFOUND, 0, "there is no key %q%s", key, smash__near_key(ctx, config, key, near));
    return NULL;
}

SMASH__FN smash_err smash__add_component(smash_ctx *ctx, const smash_config *config, int usable, const char *what)
{
    SMASH__TRY(smash__config_usable(ctx, config));
    return usable ? SMASH_OK : SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the %s lacks its callback", what);
}

SMASH__DEF smash_err smash_config_add_tokenizer(smash_ctx *ctx, smash_config *config, const smash_tokenizer *tokenizer)
{
    SMASH__TRY(smash__add_component(ctx, config, !tokenizer || tokenizer->encode, "tokenizer"));
    config->tokenizer = tokenizer;
    return SMASH_OK;
}

SMASH__DEF smash_err smash_config_add_processor(smash_ctx *ctx, smash_config *config, const smash_processor *processor)
{
    SMASH__TRY(smash__add_component(ctx, config, !processor || processor->process, "processor"));
    config->processor = processor;
    return SMASH_OK;
}

SMASH__DEF smash_err smash_config_add_data(smash_ctx *ctx, smash_config *config, const smash_data *data)
{
    SMASH__TRY(smash__add_component(ctx, config, !data || data->sample, "data"));
    config->data = data;
    return SMASH_OK;
}

SMASH__DEF int smash_config_equal(const smash_config *a, const smash_config *b)
{
    size_t i;
    if (a->count != b->count) return 0;
    for (i = 0; i < a->count; i++)
        if (!smash__equal(a->settings[i].name, b->settings[i].name) || !smash__same_value(a->settings[i].value, b->settings[i].value, a->settings[i].key == NULL)) return 0;
    return 1;
}

SMASH__DEF smash_err smash_config_copy(smash_ctx *ctx, const smash_config *from, smash_arena *arena, smash_diags *diags, smash_config *to)
{
    smash_setting *copies;
    size_t i;
    smash_arena_mark mark = smash__scratch_mark(ctx);
    smash_err err = SMASH_OK;
    SMASH__TRY(smash__config_usable(ctx, from));
    if (!arena || !diags || !to || (smash__ctx(ctx) && (arena == &ctx->scratch || diags->arena == &ctx->scratch)))
        return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "arena, diags or to is missing, or an arena is ctx->scratch, which every call empties");
    copies = (smash_setting *)smash__scratch(ctx, from->count, sizeof *copies);
    if (!copies) return SMASH_ERR_NOMEM;
    for (i = 0; i < from->count && !err; i++) {
        smash_setting *s = &copies[i];
        *s = from->settings[i];
        s->doc = NULL;
        if (s->algo || !s->key) s->name = smash__text_copy(ctx, arena, s->name, smash__length(s->name));
        s->value = smash__value_copy(ctx, arena, s->value);
        if (!s->name || !s->value) err = SMASH_ERR_NOMEM;
    }
    if (!err) {
        if (to != from) *to = *from;
        to->arena = arena;
        to->diags = diags;
        smash__copy(to->settings, copies, from->count * sizeof *copies);
    }
    smash__scratch_rewind(ctx, mark);
    return err;
}

/* settings that differ from their defaults only, or all of them */
SMASH__FN void smash__write_dictionary(const smash_config *config, smash_writer *w, int whole)
{
    size_t i;
    if (!config && w && !w->err) w->err = SMASH_ERR_ARG;
    if (!config) return;
    smash_write_begin_object(w);
    smash_write_key(w, "format_version");
    smash_write_i64(w, SMASH_FORMAT_VERSION);
    if (whole) { smash_write_key(w, "smash_version"); smash_write_text(w, SMASH_VERSION_TEXT); }
    for (i = 0; i < config->count; i++) {
        if (config->settings[i].is_default && !whole) continue;
        smash_write_key(w, config->settings[i].name);
        smash__write_tree(w, config->settings[i].value, config->settings[i].key == NULL);         /* equal configs, equal bytes */
    }
    smash_write_end(w);
}

SMASH__DEF void smash_config_save(const smash_config *config, smash_writer *w) { smash__write_dictionary(config, w, 1); }

/* A value as Python writes it. Containers are closed where their last value ends. */
enum { SMASH__PRINT_DEPTH = 64 };
typedef struct smash__print { smash_err (*put)(void *user, const char *text, size_t bytes); void *user; smash_err err; } smash__print;

SMASH__FN void smash__print_text(smash__print *p, const char *text, size_t bytes) { if (!p->err && bytes) p->err = p->put(p->user, text, bytes); }

SMASH__FN void smash__print_string(smash__print *p, const char *text, size_t bytes)
{
    static const char hex[] = "0123456789abcdef";
    size_t i, single = 0, twofold = 0;
    char quote[1];
    for (i = 0; i < bytes; i++) { single += text[i] == '\''; twofold += text[i] == '"'; }
    quote[0] = single && !twofold ? '"' : '\'';
    smash__print_text(p, quote, 1);
    for (i = 0; i < bytes; i++) {
        const unsigned char c = (unsigned char)text[i];
        char escape[4] = { '\\', 'x', 0, 0 };
        size_t n = 2;
        if (c == '\\' || c == (unsigned char)quote[0]) escape[1] = (char)c;
        else if (c == '\n') escape[1] = 'n';
        else if (c == '\r') escape[1] = 'r';
        else if (c == '\t') escape[1] = 't';
        else if (c < 32 || c == 127) { escape[2] = hex[c >> 4]; escape[3] = hex[c & 15]; n = 4; }
        else { smash__print_text(p, text + i, 1); continue; }
        smash__print_text(p, escape, n);
    }
    smash__print_text(p, quote, 1);
}

SMASH__FN void smash__print_scalar(smash__print *p, const smash_value *v, int is_float)
{
    char digits[SMASH_NUMBER_BYTES];
    size_t n, i;
    for (i = 0; v->type == SMASH_VALUE_NUMBER && i < v->count; i++) is_float |= v->text[i] == '.' || (v->text[i] | 32) == 'e';
    switch (v->type) {
    case SMASH_VALUE_NULL: smash__print_text(p, "None", 4); break;
    case SMASH_VALUE_BOOL: smash__print_text(p, v->number != 0 ? "True" : "False", v->number != 0 ? 4 : 5); break;
    case SMASH_VALUE_STRING: smash__print_string(p, v->text, v->count); break;
    default:
        n = smash_number_print(v->number, digits);
        for (i = 0; i < n && digits[i] != '.' && digits[i] != 'e'; i++) { }
        smash__print_text(p, digits, n);
        if (is_float && i == n) smash__print_text(p, ".0", 2);
    }
}

SMASH__FN void smash__print_value(smash__print *p, const smash_value *v, int is_float)
{
    const smash_value *ends[SMASH__PRINT_DEPTH], *end = v + v->span;
    char open[SMASH__PRINT_DEPTH];
    uint32_t index[SMASH__PRINT_DEPTH];
    size_t depth = 0;
    for (; v < end && !p->err; v++) {
        if (depth && index[depth - 1]++) smash__print_text(p, open[depth - 1] == '{' && index[depth - 1] % 2 == 0 ? ": " : ", ", 2);
        if (v->type == SMASH_VALUE_ARRAY || v->type == SMASH_VALUE_OBJECT) {
            if (depth == SMASH__PRINT_DEPTH) { p->err = SMASH_ERR_LIMIT; return; }
            open[depth] = v->type == SMASH_VALUE_ARRAY ? '[' : '{';
            smash__print_text(p, &open[depth], 1);
            index[depth] = 0;
            ends[depth++] = v + v->span;
        } else smash__print_scalar(p, v, is_float);
        while (depth && ends[depth - 1] == v + 1) smash__print_text(p, open[--depth] == '[' ? "]" : "}", 1);
    }
}

SMASH__DEF smash_err smash_config_print(const smash_config *config, smash_err (*put)(void *user, const char *text, size_t bytes), void *user)
{
    smash__print p;
    size_t i;
    if (!config || !put) return SMASH_ERR_ARG;
    p.put = put;
    p.user = user;
    p.err = SMASH_OK;
    smash__print_text(&p, "SmashConfig(\n", 13);
    for (i = 0; i < config->count; i++) {
        const smash_setting *s = &config->settings[i];
        if (smash__setting_rank(s) > 1 || (!s->algo && s->value->type == SMASH_VALUE_NULL)) continue;
        smash__print_text(&p, "  '", 3);
        smash__print_text(&p, s->name, smash__length(s->name));
        smash__print_text(&p, "': ", 3);
        smash__print_value(&p, s->value, s->key->kind == SMASH_KEY_NUMBER);
        smash__print_text(&p, ",\n", 2);
    }
    smash__print_text(&p, ")\n", 2);
    return p.err;
}

/* ---- jobs ---- */

SMASH__DEF const smash_value *smash_job_value(const smash_job *job, const char *name)
{
    const smash_setting *s;
    if (!job || !job->config || !name) return NULL;
    s = smash__hyper(job->config, job->algo, name);
    if (s) return s->value;
    s = smash__setting(job->config, name);
    return s && !s->algo && s->key ? s->value : NULL;
}

SMASH__FN int smash__takes(const smash_config *config, const smash_algo *algo, const char *module)
{
    int pass, takes = 0;
    if (!algo->targets && !algo->on_modules) return 1;                   /* an include of its own may be anything */
    for (pass = 0; pass < 2; pass++) {
        const smash_setting *s = smash__hyper(config, algo, pass ? "exclude" : "include");
        const smash_value *globs = s ? s->value : NULL, *g = globs ? globs + 1 : NULL;
        uint32_t i;
        if (!globs) takes |= !pass;
        else for (i = 0; i < globs->count; i++, g += g->span) if (smash_glob_match(g->text, module)) takes = !pass;
    }
    return takes;
}

SMASH__DEF int smash_job_takes(const smash_job *job, const char *module) { return smash__takes(job->config, job->algo, module); }

/* ---- resolving ---- */

/* The settings of one target, put together from template, entry and target_settings. */
typedef struct smash__wish {
    const smash_value  *ratio, *threshold, *low, *high, *granularity, *align, *dtype, *scheme, *global, *shared, *parts, *method, *value;
    const smash__entry *entry;
    const smash_value  *base;        /* the template's settings, which may stand in another file; or NULL */
    const smash_json   *base_doc;
    int                 follows;     /* it gets the mask of another target, by an align or as a bias does */
} smash__wish;

SMASH__FN int smash__is_inside(const smash_value *root, const smash_value *v)
{
    const uintptr_t at = (uintptr_t)v, from = (uintptr_t)root;
    return root && at >= from && at < from + root->span * sizeof *v;
}

/* The text a value of a wish stands in: the template's, that of a shorthand, of which each may come from another one, or the entry's */
SMASH__FN const smash_json *smash__wish_doc(const smash__wish *wish, const smash_value *v)
{
    const smash__entry *entry = wish->entry;
    size_t i;
    if (smash__is_inside(wish->base, v)) return wish->base_doc;
    for (i = 0; !entry->value && i < entry->config->count; i++) if (smash__is_inside(entry->config->settings[i].value, v)) return entry->config->settings[i].doc;
    return entry->doc;
}

SMASH__FN void smash__wish_key(smash__wish *wish, const char *key, const smash_value *v)
{
    if (smash__equal(key, "sparse_ratio")) wish->ratio = v;
    else if (smash__equal(key, "sparse_threshold")) wish->threshold = v;
    else if (smash__equal(key, "min_sparse_ratio")) wish->low = v;
    else if (smash__equal(key, "max_sparse_ratio")) wish->high = v;
    else if (smash__equal(key, "granularity")) wish->granularity = v;
    else if (smash__equal(key, "global_group_id")) wish->global = v;
    else if (smash__equal(key, "dependency_group_id")) wish->shared = v;
    else if (smash__equal(key, "internal_metric_block")) wish->parts = v;
    else if (smash__equal(key, "align")) wish->align = v;
    else if (smash__equal(key, "apply_method")) wish->method = v;
    else if (smash__equal(key, "apply_value")) wish->value = v;
    else if (smash__equal(key, "quant_dtype")) wish->dtype = v;
    else if (smash__equal(key, "quant_scheme")) wish->scheme = v;
}

enum { SMASH__LOOSE_MAX = 512 };         /* targets of a module that are no parameters of it */

/* The state of one smash_config_resolve. */
typedef struct smash__resolve {
    smash_ctx           *ctx;
    const smash_config  *config;
    smash_model         *model;
    smash_plan          *plan;
    size_t               capacity;
    const char         **names, **types;
    unsigned char       *selected, *known;
    int                  last_wins;
    uint32_t             overlap_entry, overlap_count;     /* a run of overlaps between the current entry and this one */
    const char          *overlap_first, *overlap_at;
    uint32_t             nothing_asked;                    /* targets of this entry of which nothing is asked */
    uint32_t             idle_value;                       /* 1: an apply_value that nothing adds has been warned of, in this entry */
    uint32_t             too_many;                         /* targets refused for their number */
    uint32_t             too_little;                       /* 1: a ratio that is less than one block has been warned of, in this entry */
    uint32_t            *loose;                            /* per module: its first row without a parameter, others through next_dependent */
    const smash_value   *templates;                        /* module_templates, or NULL */
    const smash_json    *templates_doc;
    smash_activation    *activations;                      /* shapes that the model or the config says */
    size_t               activation_count;
    smash_err            err;                              /* NOMEM where a function has no way to say it */
} smash__resolve;

/* The settings of a target in an object {target: settings}. An input may be called by its argument's name there, and what has none of its
 * own takes those of `_input_` or `_output_`, whatever its index. */
SMASH__FN const smash_value *smash__settings_of(const smash__resolve *r, const char *type, const smash_value *object, const char *target)
{
    const smash_value *own = object ? smash_value_get(object, target) : NULL, *k;
    char text[SMASH__END_TEXT];
    uint32_t i;
    if (own || !object || !smash__is_end(target)) return own;
    for (i = 0, k = object + 1; i < object->count; i++, k = k + 1 + k[1].span) {
        const char *name = smash__end_name(k->text);
        if (name && *name && (name = smash__end_of_type(r->templates, type, k->text, text)) != NULL && smash__equal(name, target)) return k + 1;
    }
    return smash_value_get(object, smash__starts_with(target, "_input_") ? "_input_" : "_output_");
}

/* One level over those before. Of ratio and threshold the one that the stronger level says wins. */
SMASH__FN void smash__wish_level(smash__wish *wish, const smash_value *level)
{
    const smash_value *k, *ratio = smash_value_get(level, "sparse_ratio"), *threshold = smash_value_get(level, "sparse_threshold");
    uint32_t i;
    for (i = 0, k = level + 1; i < level->count; i++, k = k + 1 + k[1].span) smash__wish_key(wish, k->text, k[1].type == SMASH_VALUE_NULL ? NULL : k + 1);
    if (wish->ratio && wish->threshold && !ratio != !threshold) {
        if (ratio) wish->threshold = NULL;
        else wish->ratio = NULL;
    }
}

/* Template, entry, target_settings, each stronger than the one before. What follows another mask, as a bias does, takes of the
 * entry's own keys align and how masks are applied, and, where it is no bias of the table, with an align the granularity. The weights of the
 * table take all of them: NNI v3 lets their ratio win over an align. */
SMASH__FN void smash__make_wish(const smash__resolve *r, const smash__entry *entry, uint32_t module, const char *target, const smash_value *settings, smash__wish *wish)
{
    size_t count, i;
    const smash_key *keys = smash_config_keys(&count);
    const smash_json *doc;
    const smash_value *own = smash__settings_of(r, r->types[module], settings, target), *align = smash__field(entry, "align", &doc), *v;
    const int is_own = smash__own_template(r->templates, r->types[module]) != NULL, pruner = entry->algo->group == SMASH_PRUNER;
    smash__fill(wish, 0, sizeof *wish);
    wish->entry = entry;
    wish->base = smash__settings_of(r, r->types[module], smash__own_part(r->templates, entry->algo->group, r->types[module]), target);
    wish->base_doc = r->templates_doc;
    if (wish->base) smash__wish_level(wish, wish->base);
    v = own ? smash_value_get(own, "align") : NULL;
    wish->follows = pruner && (wish->align || smash__is_end(target) || (!is_own && smash__equal(target, "bias")) ||
                               (v && v->type != SMASH_VALUE_NULL && !(smash__table_part(r->templates, SMASH_PRUNER, r->types[module]) && smash__equal(target, "weight"))));
    for (i = 0; i < count; i++) {
        if (keys[i].selects || !(keys[i].groups >> entry->algo->group & 1)) continue;
        if (wish->follows && !smash__equal(keys[i].name, "align") && !smash__starts_with(keys[i].name, "apply_") && !(align && smash__equal(keys[i].name, "granularity") && (is_own || !smash__equal(target, "bias")))) continue;
        v = smash__field(entry, keys[i].name, &doc);
        if (!v || (!entry->value && wish->base && smash__hyper(entry->config, entry->algo, keys[i].name)->is_default)) continue;       /* nobody said that */
        if (smash__equal(keys[i].name, "sparse_ratio") && wish->base && smash_value_get(wish->base, "sparse_threshold") == wish->threshold) wish->threshold = NULL;
        if (smash__equal(keys[i].name, "sparse_threshold") && wish->base && smash_value_get(wish->base, "sparse_ratio") == wish->ratio) wish->ratio = NULL;
        smash__wish_key(wish, keys[i].name, v);
    }
    if (own) smash__wish_level(wish, own);
}

/* Blocks that do not fit their tensor */
SMASH__FN void smash__say_grain(const smash__wish *wish, const smash_ctx *probe)
{
    const smash_value *v = wish->granularity;
    smash__say(wish->entry->config, SMASH_ERROR, "granularity", v ? smash__wish_doc(wish, v) : wish->entry->doc, v ? v : wish->entry->value, "%s", probe->message);
}

/* Granularity to a grain without words. 0 and a diag if the word does not fit here. */
SMASH__FN int smash__resolve_grain(const smash__resolve *r, const smash__entry *entry, const smash__wish *wish, const smash_row *row, smash_grain *grain)
{
    const smash_value *v = wish->granularity;
    const char *target = row->target, *type = r->types[row->module];
    const smash_tensor *t = &r->model->params[row->param].tensor;
    uint32_t n, m;
    int by_default = !v || smash_value_is(v, "default");
    if (v && !by_default && v->type != SMASH_VALUE_STRING) return smash__granularity(v, grain);
    if (by_default) {
        smash_grain_kind kind = entry->algo->targets->default_grain;
        if (wish->follows && !v && (t->ndim == 1 || smash__equal(target, "bias"))) kind = SMASH_GRAIN_ELEMENT;
        *grain = kind == SMASH_GRAIN_AXIS ? smash_grain_axis(t->ndim == 1 ? 0 : smash__type_axis(r->templates, type, 1)) : smash__grain(kind);
        return 1;
    }
    if (smash__n_of_m(v, &n, &m)) {
        smash__say(entry->config, SMASH_ERROR, "illegal_value", smash__wish_doc(wish, v), v, "granularity %q is for pruners; %s is a %s", v->text, entry->algo->name, smash_group_name(entry->algo->group));
        return 0;
    }
    if (smash_value_is(v, "in_channel")) { *grain = smash_grain_axis(smash__type_axis(r->templates, type, 0)); return 1; }
    if (smash_value_is(v, "per_channel") && entry->algo->group == SMASH_PRUNER) {
        smash__say(entry->config, SMASH_ERROR, "illegal_value", smash__wish_doc(wish, v), v, "granularity \"per_channel\" is for inputs and outputs; for %s use \"out_channel\" or \"in_channel\"", target);
        return 0;
    }
    *grain = smash_grain_axis(smash__type_axis(r->templates, type, 1));  /* out_channel; per_channel of a quantized weight */
    return 1;
}

/* Axis of the channels in an input or output: the last one of what Linear, Embedding and LayerNorm take and give, else 1, as convolutions have it.
 * (NNI v3 takes 1 for all, and its documentation says -1. Sizes say any other: [-1, 1, -1].) */
SMASH__FN uint32_t smash__end_axis(const char *type, uint32_t ndim)
{
    const int last = smash__equal(type, "Linear") || smash__equal(type, "Embedding") || smash__equal(type, "LayerNorm");
    return last && ndim ? ndim - 1 : 1;
}

/* The grain of an input or output, whose channels are its default. Where no shape is known, each block is a number of what it follows. */
SMASH__FN int smash__resolve_end_grain(const smash__resolve *r, const smash__wish *wish, const smash_row *row, smash_grain *grain)
{
    const smash_value *v = wish->granularity;
    const int channels = !v || smash_value_is(v, "default") || smash_value_is(v, "per_channel");
    if (channels) {
        *grain = row->activation ? smash_grain_axis(smash__end_axis(r->types[row->module], row->activation->ndim)) : smash_grain_element();
        return 1;
    }
    if (v->type == SMASH_VALUE_STRING)
        smash__say(r->config, SMASH_ERROR, "illegal_value", smash__wish_doc(wish, v), v, "granularity %q is for parameters; %s takes \"per_channel\" or sizes such as [-1, 1, -1]", v->text, row->target);
    else if (!row->activation)
        smash__say(r->config, SMASH_ERROR, "granularity", smash__wish_doc(wish, v), v, "block sizes need a shape, and that of %s is not known; say it: \"shapes\": {%q: {%q: [1, ...]}}", row->kept.name,
                   r->names[row->module], row->target);
    else return smash__granularity(v, grain);
    return 0;
}

/* What a row's mask lies over: a parameter, the shape of an input or output, or, where none is known, the dims it follows */
SMASH__FN const smash_tensor *smash__row_tensor(const smash_plan *plan, const smash_row *row)
{
    return row->param != SMASH__NO_INDEX ? &plan->model->params[row->param].tensor : row->activation ? row->activation : &row->kept;
}

/* "conv1.weight", "conv1._output_0" */
SMASH__FN const char *smash__row_name(const smash_plan *plan, const smash_row *row)
{
    return row->param != SMASH__NO_INDEX ? plan->model->params[row->param].name : row->kept.name;
}

SMASH__FN smash_names smash__string_list(smash_ctx *ctx, smash_arena *arena, const smash_value *v, smash_err *err)
{
    smash_names list;
    const char **items;
    uint32_t i;
    list.items = NULL;
    list.count = 0;
    if (!v || v->count == 0) return list;
    items = (const char **)smash_arena_array(ctx, arena, v->count, sizeof *items);
    if (!items) { *err = SMASH_ERR_NOMEM; return list; }
    list.count = v->count;
    for (i = 0, v++; i < list.count; i++, v += v->span) items[i] = v->text;
    list.items = items;
    return list;
}

SMASH__FN void smash__flush_overlap(smash__resolve *r, const smash__entry *entry)
{
    if (!r->overlap_count) return;
    smash__say(r->config, SMASH_WARNING, r->last_wins ? "earlier_entry_replaced" : "later_entry_ignored", entry->doc, entry->value,
               "this entry (number %u) and the one at %s (number %u) both name %s%s; the %s one is used (\"on_overlap\")", entry->number + 1, r->overlap_at, r->overlap_entry + 1,
               r->overlap_first, r->overlap_count > 1 ? " and other targets" : "", r->last_wins ? "later" : "earlier");
    r->overlap_count = 0;
}

/* A row for this target in *out; NULL if another entry has it. */
SMASH__FN smash_err smash__new_row(smash__resolve *r, const smash__entry *entry, uint32_t module, const char *target, ptrdiff_t param, smash_row **out)
{
    smash_plan *plan = r->plan;
    uint32_t *owner = param >= 0 ? (entry->algo->group == SMASH_PRUNER ? plan->prune : plan->quantize) + param : NULL, i, next = SMASH__NO_INDEX, loose = 0;
    const char *name = param >= 0 ? NULL : smash__target_name(r->ctx, plan->arena, r->names[module], target);
    smash_row *row = NULL;
    *out = NULL;
    if (!owner && !name) return SMASH_ERR_NOMEM;
    if (owner && *owner != SMASH__NO_INDEX) row = &plan->rows[*owner];
    for (i = owner ? SMASH__NO_INDEX : r->loose[module]; i != SMASH__NO_INDEX && !row; i = plan->rows[i].next_dependent, loose++)
        if (plan->rows[i].algo == entry->algo && smash__equal(plan->rows[i].target, target)) row = &plan->rows[i];
    if (row) {
        if (row->entry == entry->number) return SMASH_OK;                    /* a target listed twice in one entry */
        if (r->overlap_count && r->overlap_entry != row->entry) smash__flush_overlap(r, entry);
        r->overlap_at = row->at;
        if (!r->overlap_count++) r->overlap_first = smash__row_name(plan, row);
        r->overlap_entry = row->entry;
        if (!r->last_wins) return SMASH_OK;
        next = row->next_dependent;
    } else {
        if (loose >= SMASH__LOOSE_MAX) {                                 /* they are looked for one by one */
            if (!r->too_many++) smash__say(r->config, SMASH_ERROR, "too_many_targets", entry->doc, entry->value, "module %q has more than %i inputs, outputs and absent parameters as targets: leave some out",
                                           r->names[module], SMASH__LOOSE_MAX);
            return SMASH_OK;
        }
        if (plan->count == r->capacity) {
            size_t more = r->capacity ? r->capacity * 2 : 64;
            smash_row *rows = (smash_row *)smash_arena_array(r->ctx, plan->arena, more, sizeof *rows);
            if (!rows) return SMASH_ERR_NOMEM;
            smash__copy(rows, plan->rows, plan->count * sizeof *rows);
            plan->rows = rows;
            r->capacity = more;
        }
        if (!owner) { next = r->loose[module]; owner = &r->loose[module]; }
        *owner = (uint32_t)plan->count;
        row = &plan->rows[plan->count++];
    }
    smash__fill(row, 0, sizeof *row);
    row->algo = entry->algo;
    row->module = module;
    row->param = param >= 0 ? (uint32_t)param : SMASH__NO_INDEX;
    row->target = target;
    row->at = entry->at;
    row->entry = entry->number;
    row->align_row = row->first_dependent = row->group = row->next_member = SMASH__NO_INDEX;
    row->next_dependent = next;                                          /* smash__sort_rows ends this use of it */
    row->kept.name = name;
    row->doc = entry->doc;
    row->place = entry->value;
    *out = row;
    return SMASH_OK;
}

/* Whose mask an aligned row follows. The source's row is looked up when all rows are there. */
SMASH__FN void smash__resolve_source(smash__resolve *r, const smash__entry *entry, smash_row *row, const smash__wish *wish)
{
    const smash_module *m = &r->model->modules[row->module];
    const smash_value *name = wish->align ? smash_value_get(wish->align, "module_name") : NULL;
    const smash_value *what = wish->align ? smash_value_get(wish->align, "target_name") : NULL;
    const smash_value *dims = wish->align ? smash_value_get(wish->align, "dims") : NULL;
    const smash_json *doc = smash__wish_doc(wish, wish->align);
    const char *module = name && name->type == SMASH_VALUE_STRING ? name->text : m->name, *target = what ? what->text : "weight", *mine = smash__row_name(r->plan, row);
    const ptrdiff_t source = smash_model_find_module(r->model, module), param = source < 0 ? -1 : smash_model_find_target(r->model, (size_t)source, target);
    const char *algo = entry->value ? "" : entry->algo->name, *line = entry->value ? "" : "_";
    const uint32_t out = smash__type_axis(r->templates, r->types[row->module], 1);
    char near[SMASH__SHAPE_TEXT * 2], end[SMASH__END_TEXT];
    int64_t dim;
    uint32_t d;
    const smash_setting *by = smash__setting(r->config, smash_group_name(entry->algo->group));           /* where there is no entry */
    row->skip = 1;                                                       /* until all is well */
    if (!wish->align && !wish->follows) {
        if (!r->nothing_asked++)                                         /* once for an entry, not for each of its modules */
            smash__say(r->config, SMASH_ERROR, "nothing_asked", entry->value ? entry->doc : by->doc, entry->value ? entry->value : by->value,
                       "nothing is asked of %s: give it %s%ssparse_ratio, %s%ssparse_threshold or %s%salign", mine, algo, line, algo, line, algo, line);
        return;
    }
    if (!wish->align && param < 0) { row->note = "kept: this module has no weight to follow"; return; }
    if (!wish->align && out == 1 && smash_type_out_axis(r->types[row->module])) {
        const smash_tensor *weight = &r->model->params[param].tensor, *bias = smash__row_tensor(r->plan, row);
        if (bias->ndim == 1 && weight->ndim > 1 && weight->shape[1] && bias->shape[0] > weight->shape[1] && bias->shape[0] % weight->shape[1] == 0) {
            row->note = "kept: the weight has the output channels of one group, the bias those of all";
            return;
        }
    }
    if (source >= 0 && smash__is_end(target)) {
        const char *canonical = smash__end_of_type(r->templates, r->types[source], target, end);
        if (!canonical) { smash__say_end(r->config, doc, wish->align, smash__end_names(r->templates, r->types[source], smash__starts_with(target, "_output_")), r->types[source], target); return; }
        if (canonical == end) canonical = smash__text_copy(r->ctx, r->plan->arena, end, smash__length(end));
        if (!canonical) { r->err = SMASH_ERR_NOMEM; return; }
        row->align_target = canonical;
    } else if (param >= 0) row->align_target = r->model->params[param].target;
    else {
        const char *names[SMASH__NEAR_MAX];
        size_t n = 0;
        uint32_t p;
        for (p = source < 0 ? SMASH__NO_INDEX : r->model->modules[source].first; p != SMASH__NO_INDEX && n < SMASH__NEAR_MAX; p = r->model->params[p].next) names[n++] = r->model->params[p].target;
        smash__say(r->config, SMASH_ERROR, "align_source", doc, wish->align, "%s follows %s of %q, but the model has no such target%s", mine, target, module,
                   source < 0 ? smash__did_you_mean(r->config, module, r->names, r->model->module_count, near) : smash__did_you_mean(r->config, target, names, n, near));
        return;
    }
    row->skip = 0;
    row->align_module = (uint32_t)source;
    row->align_dim_count = dims ? dims->count : 1;
    row->align_dims[0] = (int32_t)out;                                   /* the template's dims [0], right for ConvTranspose too */
    for (d = 0; dims && d < dims->count; d++) if (smash_value_i64(dims + 1 + d, &dim)) row->align_dims[d] = (int32_t)dim;     /* numbers: each spans one */
}

/* N:M sparsity of a target: single numbers, a part for each M of them, which must not run over the end of a row. */
SMASH__FN void smash__resolve_n_of_m(smash__resolve *r, smash_row *row, const smash__wish *wish, uint32_t n, uint32_t m)
{
    const smash_param *param = &r->model->params[row->param];
    smash_mask_desc *mask = &row->mask;
    size_t count = 0, row_numbers;
    const double asked = wish->ratio ? wish->ratio->number : -1;
    mask->grain = smash_grain_element();
    mask->ratio = (double)(m - n) / (double)m;
    if (smash__share(m, mask->ratio) != m - n) mask->ratio = ((double)(m - n) + 0.25) / (double)m;         /* the product is a little less than it should be */
    (void)smash_tensor_count(&param->tensor, &count);
    row_numbers = param->tensor.ndim > 1 && param->tensor.shape[0] ? count / param->tensor.shape[0] : count;
    if (wish->threshold || wish->parts || (wish->ratio && smash__share(m, asked) != m - n)) {
        smash__say(r->config, SMASH_ERROR, "exclusive_keys", smash__wish_doc(wish, wish->granularity), wish->granularity, "granularity %q says that %u of each %u numbers go; leave sparse_ratio, sparse_threshold and internal_metric_block out",
                   wish->granularity->text, m - n, m);
        row->skip = 1;
    } else if (wish->global && !wish->shared) {
        smash__say(r->config, SMASH_ERROR, "exclusive_keys", smash__wish_doc(wish, wish->granularity), wish->granularity, "granularity %q says what goes of each %u numbers, and a global_group_id that it goes wherever it matters least; leave one of them out",
                   wish->granularity->text, m);
        row->skip = 1;
    } else if (wish->low || wish->high) {
        smash__say(r->config, SMASH_ERROR, "exclusive_keys", smash__wish_doc(wish, wish->granularity), wish->granularity, "granularity %q says how much goes of each %u numbers; leave min_sparse_ratio and max_sparse_ratio out",
                   wish->granularity->text, m);
        row->skip = 1;
    } else if (row_numbers % m || count / m > UINT32_MAX) {
        smash__say(r->config, SMASH_ERROR, "granularity", smash__wish_doc(wish, wish->granularity), wish->granularity, "%s has %z numbers in a row, which %u does not divide, as granularity %q needs", param->name, row_numbers, m, wish->granularity->text);
        row->skip = 1;
    } else {
        mask->parts = (uint32_t)(count / m);
        row->n_of_m = m;
    }
}

/* In how many multiply-accumulates of a sample each number of a parameter takes part: 0 if its module is no layer that multiplies, or it is
 * not the weight. SMASH__UNKNOWN_USES where the shape of the output, which decides, is not known or does not fit. (NNI v3 counts a Linear
 * once, however long the sequence.) */
#define SMASH__UNKNOWN_USES UINT64_MAX
SMASH__FN uint64_t smash__uses(const smash_tensor *weight, const char *target, const char *type, const smash_tensor *out)
{
    const int conv = smash__starts_with(type, "Conv");
    uint64_t n = 1;                                                      /* the shape fits the address space: so does this */
    uint32_t d;
    if (!smash__equal(target, "weight") || weight->ndim < 2 || !(conv || smash__equal(type, "Linear"))) return 0;
    if (!out) return conv ? SMASH__UNKNOWN_USES : 1;
    if (conv && (out->ndim != weight->ndim || (!smash_type_out_axis(type) && out->shape[1] != weight->shape[0]))) return SMASH__UNKNOWN_USES;
    if (!conv && out->shape[out->ndim - 1] != weight->shape[0]) return SMASH__UNKNOWN_USES;
    for (d = conv ? 2 : 1; d < out->ndim - !conv; d++) n *= out->shape[d];
    return n;
}

/* The shape of an output, as the config or else the model says it; or NULL */
SMASH__FN const smash_tensor *smash__output_shape(const smash__resolve *r, uint32_t module)
{
    int known;
    const size_t at = smash__activation_at(r->activations, r->activation_count, module, "_output_0", &known);
    return known ? &r->activations[at].tensor : NULL;
}

/* A target of which nothing is asked goes with the others of its kind where the whole model has a goal. */
SMASH__FN void smash__resolve_member(smash__resolve *r, smash_row *row, const smash__wish *wish)
{
    const smash_goal *goal = &r->plan->goal;
    if (row->group_id) {
        smash__say(r->config, SMASH_ERROR, "exclusive_keys", smash__wish_doc(wish, row->group_id), row->group_id, "%s is in a group of which nothing is asked; give the group a sparse_ratio, or leave its id out, and %s decides what goes",
                   r->model->params[row->param].name, goal->key->name);
        row->skip = 1;
    }
    row->group_rule = SMASH_RULE_GOAL;
    if (!goal->uses || goal->uses[row->param]) return;
    row->group_rule = SMASH_RULE_NONE;
    row->note = "kept: it takes no multiply-accumulates";
}

/* How the mask of a row is applied. add and bypass leave no zeros, which goals count, and no grid holds what add makes. */
SMASH__FN void smash__resolve_apply(smash__resolve *r, smash_row *row, const smash__wish *wish)
{
    const char *name = smash__row_name(r->plan, row);
    const double usual = -1000;
    smash_apply_desc desc = SMASH_ZERO;
    smash__spread spread;
    smash_ctx probe;
    const smash_value *place = wish->value ? wish->value : wish->method;
    row->apply_method = !wish->method || smash_value_is(wish->method, "mul") ? SMASH_APPLY_MUL : smash_value_is(wish->method, "add") ? SMASH_APPLY_ADD : SMASH_APPLY_BYPASS;
    if (wish->value && (wish->value->number < usual || wish->value->number > usual) && row->apply_method != SMASH_APPLY_ADD && !r->idle_value++)
        smash__say(r->config, SMASH_WARNING, "no_effect", smash__wish_doc(wish, wish->value), wish->value, "apply_value has no effect on %s: only \"apply_method\": \"add\" adds it", name);
    if (row->apply_method == SMASH_APPLY_MUL) return;
    if (r->plan->goal.kind && row->param != SMASH__NO_INDEX)
        smash__say(r->config, SMASH_ERROR, "exclusive_keys", smash__wish_doc(wish, wish->method), wish->method, "%s: apply_method %q leaves no zeros, and %s counts them; write \"mul\"", name, wish->method->text, r->plan->goal.key->name);
    if (row->apply_method != SMASH_APPLY_ADD) return;
    row->apply_value = desc.value = wish->value && smash__bits64(wish->value->number) << 1 ? wish->value->number : usual;
    smash__probe(r->ctx, &probe);
    if (smash__apply_value(&probe, &desc, smash__row_tensor(r->plan, row)->dtype, &spread))
        smash__say(r->config, SMASH_ERROR, "out_of_range", smash__wish_doc(wish, place), place, "%s: %s", name, probe.message);
}

/* Numbers to which something large is added fit no grid together with the others. */
SMASH__FN void smash__check_applied(const smash__resolve *r)
{
    const smash_plan *plan = r->plan;
    size_t i;
    for (i = 0; i < plan->count; i++) {
        const smash_row *row = &plan->rows[i];
        const uint32_t quant = row->algo->group != SMASH_PRUNER || row->skip || row->param == SMASH__NO_INDEX || row->apply_method != SMASH_APPLY_ADD ? SMASH__NO_INDEX : plan->quantize[row->param];
        if (quant != SMASH__NO_INDEX && !plan->rows[quant].skip)
            smash__say(r->config, SMASH_ERROR, "exclusive_keys", row->doc, row->place, "%s is quantized as well, and apply_method \"add\" would widen its grid; write \"mul\" or \"bypass\"", r->model->params[row->param].name);
    }
}

/* An input or output has no numbers in a file to judge, so that all it can do is follow. */
SMASH__FN void smash__resolve_end(smash__resolve *r, const smash__entry *entry, smash_row *row, const smash__wish *wish)
{
    const smash_value *own = wish->ratio ? wish->ratio : wish->threshold ? wish->threshold : wish->low ? wish->low : wish->high ? wish->high : wish->global ? wish->global : wish->shared ? wish->shared : wish->parts;
    const uint32_t axis = smash__type_axis(r->templates, r->types[row->module], smash__starts_with(row->target, "_output_"));
    smash_grid grid;
    smash_ctx probe;
    row->skip = 1;
    if (!wish->align || own) {
        smash__say(r->config, SMASH_ERROR, "align_only", own ? smash__wish_doc(wish, own) : entry->doc, own ? own : entry->value,
                   "%s exists only while the model runs, so that nothing can be scored by ratio or threshold; it can follow the mask of another target: \"target_settings\": {%q: {\"align\": {\"target_name\": \"weight\", \"dims\": [%u]}}}%s",
                   row->kept.name, row->target, axis, own && wish->align ? ", and no more keys of its own" : "");
        return;
    }
    smash__resolve_apply(r, row, wish);
    if (!smash__resolve_end_grain(r, wish, row, &row->mask.grain)) return;
    smash__probe(r->ctx, &probe);
    if (row->activation && smash_grid_make(&probe, &row->mask.grain, row->activation, &grid))
        smash__say_grain(wish, &probe);
    else smash__resolve_source(r, entry, row, wish);
}

SMASH__FN void smash__resolve_pruner(smash__resolve *r, const smash__entry *entry, smash_row *row, const smash__wish *wish)
{
    uint32_t n = 0, m = 0;
    const smash_param *param = &r->model->params[row->param];
    smash_mask_desc *mask = &row->mask;
    smash_grid grid;
    smash_ctx probe;
    mask->metric = entry->algo->targets->metric;
    if (wish->granularity && smash__n_of_m(wish->granularity, &n, &m)) {
        smash__resolve_n_of_m(r, row, wish, n, m);
        if (row->skip) return;
    } else if (!smash__resolve_grain(r, entry, wish, row, &mask->grain)) { row->skip = 1; return; }
    if (wish->ratio && !m) mask->ratio = wish->ratio->number;
    if (wish->threshold) { mask->use_threshold = 1; mask->threshold = wish->threshold->number; }
    if (wish->low) mask->min_ratio = wish->low->number;
    if (wish->high) mask->max_ratio = wish->high->number;
    if (wish->parts) mask->parts = (uint32_t)wish->parts->number;
    smash__resolve_apply(r, row, wish);
    row->group_id = wish->shared ? wish->shared : wish->global;
    if (row->group_id) row->group_doc = smash__wish_doc(wish, row->group_id);
    row->group_rule = wish->shared ? SMASH_RULE_SHARED : wish->global ? SMASH_RULE_GLOBAL : SMASH_RULE_NONE;
    smash__probe(r->ctx, &probe);
    if (smash_grid_make(&probe, &mask->grain, &param->tensor, &grid)) {
        smash__say_grain(wish, &probe);
        row->skip = 1;
    } else if (smash__check_parts(&probe, mask, grid.blocks, param->name)) {
        smash__say(r->config, SMASH_ERROR, "internal_metric_block", smash__wish_doc(wish, wish->parts), wish->parts, "%s", probe.message);
        row->skip = 1;
    }
    else if (!wish->ratio && !wish->threshold && !m && (!r->plan->goal.kind || wish->align || wish->follows)) smash__resolve_source(r, entry, row, wish);
    else if (!wish->ratio && !wish->threshold && !m) smash__resolve_member(r, row, wish);
    else if (mask->ratio > 0 && row->group_rule == SMASH_RULE_NONE && !r->too_little) {
        const size_t part = grid.blocks / (mask->parts ? mask->parts : 1);
        const int limited = mask->max_ratio > 0 && smash__share(part, mask->max_ratio) == 0;
        const smash_value *place = limited ? wish->high : wish->ratio;
        if (!limited && (smash__share(part, mask->ratio) || smash__share(part, mask->min_ratio))) return;
        r->too_little = 1;                                               /* once for an entry */
        smash__say(r->config, SMASH_WARNING, "ratio_too_small", place ? smash__wish_doc(wish, place) : entry->doc, place ? place : entry->value, "%s has %z blocks%s, of which this %s is less than one: nothing goes",
                   param->name, part, mask->parts > 1 ? " in a part" : "", limited ? "max_sparse_ratio" : "sparse_ratio");
    }
}

/* Does the model have a tensor of a name that this one's parts will get? */
SMASH__FN smash_err smash__name_taken(const smash__resolve *r, uint32_t param, int *taken)
{
    static const char *const suffixes[6] = { "_scale", "_zero_point", "_packed", "_shape", "_compressed", "_bitmask" };
    int i;
    *taken = 0;
    for (i = 0; i < 6; i++) {
        smash_arena_mark mark = smash_arena_get_mark(r->plan->arena);
        const char *name = smash__join(r->ctx, r->plan->arena, r->model->params[param].name, suffixes[i], "");
        if (!name) return SMASH_ERR_NOMEM;
        *taken |= smash_model_find_param(r->model, name) >= 0;
        smash_arena_rewind(r->plan->arena, mark);
    }
    return SMASH_OK;
}

SMASH__FN smash_err smash__resolve_quantizer(smash__resolve *r, const smash__entry *entry, smash_row *row, const smash__wish *wish)
{
    smash_quant_desc *quant = &row->quant;
    smash_grid grid;
    smash_ctx probe;
    int taken;
    quant->bits = 8;
    if (wish->dtype) smash__dtype_word(wish->dtype->text, &quant->bits, &quant->is_unsigned);
    if (wish->scheme && smash_value_is(wish->scheme, "affine")) quant->scheme = SMASH_AFFINE;
    smash_quant_limits(r->ctx, quant, &row->qmin, &row->qmax);
    if (smash__is_end(row->target)) { row->skip = 1; row->note = "stays float: its range is not known until data runs through the model"; return SMASH_OK; }
    if (smash__equal(row->target, "bias")) { row->skip = 1; row->note = "stays float: its scale is that of the input times that of the weight, and the input's is not known"; return SMASH_OK; }
    if (!smash__resolve_grain(r, entry, wish, row, &quant->grain)) { row->skip = 1; return SMASH_OK; }
    SMASH__TRY(smash__name_taken(r, row->param, &taken));
    if (taken) {
        smash__say(r->config, SMASH_ERROR, "name_taken", entry->doc, entry->value, "%s cannot be quantized: the model already has a tensor %s_scale, _zero_point, _packed, _shape, _compressed or _bitmask",
                   r->model->params[row->param].name, r->model->params[row->param].name);
        row->skip = 1;
        return SMASH_OK;
    }
    smash__probe(r->ctx, &probe);
    if (smash_grid_make(&probe, &quant->grain, &r->model->params[row->param].tensor, &grid)) {
        smash__say_grain(wish, &probe);
        row->skip = 1;
    }
    return SMASH_OK;
}

/* The parameter that holds the numbers of a target that an earlier run has packed; or NULL */
SMASH__FN const smash_param *smash__stored_otherwise(const smash_model *model, const smash_module *m, const char *target)
{
    const size_t n = smash__length(target);
    uint32_t p;
    for (p = m->first; p != SMASH__NO_INDEX; p = model->params[p].next) {
        const char *name = model->params[p].target;
        if (smash__starts_with(name, target) && (smash__equal(name + n, "_packed") || smash__equal(name + n, "_compressed"))) return &model->params[p];
    }
    return NULL;
}

SMASH__FN smash_err smash__resolve_target(smash__resolve *r, const smash__entry *entry, uint32_t module, const char *target, const smash_value *settings, int asked_by_name)
{
    const smash_module *m = &r->model->modules[module];
    const int end = smash__is_end(target);
    const ptrdiff_t param = end ? -1 : smash_model_find_target(r->model, module, target);
    smash__wish wish;
    smash_row *row;
    size_t count, at;
    int known;
    if (!end && param < 0) {
        const smash_param *other = smash__stored_otherwise(r->model, m, target);
        if (other) {
            smash__say(r->config, SMASH_ERROR, "not_float", entry->doc, entry->value, "%s is compressed already, into %s and what belongs to it; start from the model before that", target, other->name);
            return SMASH_OK;
        }
        if (!asked_by_name) return SMASH_OK;                             /* a layer without bias: nobody asked for one */
        if (!smash__equal(target, "weight") && !smash__equal(target, "bias")) {
            const char *names[SMASH__NEAR_MAX];
            char near[SMASH__SHAPE_TEXT * 2];
            size_t n = 0;
            uint32_t p;
            for (p = m->first; p != SMASH__NO_INDEX && n < SMASH__NEAR_MAX; p = r->model->params[p].next) names[n++] = r->model->params[p].target;
            smash__say(r->config, SMASH_ERROR, "unknown_target", entry->doc, entry->value, "module %q has no target %q%s", m->name, target, smash__did_you_mean(r->config, target, names, n, near));
            return SMASH_OK;
        }
    }
    SMASH__TRY(smash__new_row(r, entry, module, target, param, &row));
    if (!row) return SMASH_OK;
    smash__make_wish(r, entry, module, target, settings, &wish);
    if (end) {
        at = smash__activation_at(r->activations, r->activation_count, module, target, &known);
        if (known) {
            smash_tensor *shape = (smash_tensor *)smash_arena_alloc(r->ctx, r->plan->arena, sizeof *shape);
            if (!shape) return SMASH_ERR_NOMEM;
            *shape = r->activations[at].tensor;                          /* the table may change */
            row->activation = shape;
        }
        if (entry->algo->group == SMASH_QUANTIZER) return smash__resolve_quantizer(r, entry, row, &wish);
        smash__resolve_end(r, entry, row, &wish);
        return r->err;
    }
    if (wish.ratio && wish.threshold)
        smash__say(r->config, SMASH_ERROR, "exclusive_keys", smash__wish_doc(&wish, wish.threshold), wish.threshold, "%s of %q: sparse_ratio and sparse_threshold exclude each other", target, m->name);
    if (param < 0) { row->skip = 1; row->note = "this module has no such target"; return SMASH_OK; }
    if (smash_tensor_count(&r->model->params[param].tensor, &count) || !count) { row->skip = 1; row->note = "this tensor is empty"; return SMASH_OK; }
    if (!(SMASH__FLOATS >> r->model->params[param].tensor.dtype & 1)) {
        smash__say(r->config, SMASH_ERROR, "not_float", entry->doc, entry->value, "%s is %s; only F32, F64, F16 and BF16 tensors can be compressed%s", r->model->params[param].name,
                   smash_dtype_name(r->model->params[param].tensor.dtype), smash__equal(target, "weight") ? " (is the model compressed already?)" : "");
        row->skip = 1;
    }
    else if (entry->algo->group == SMASH_PRUNER) {
        int taken = 0;
        smash__resolve_pruner(r, entry, row, &wish);
        if (r->err) return r->err;
        if (r->plan->pack_sparse) SMASH__TRY(smash__name_taken(r, row->param, &taken));
        if (taken) smash__say(r->config, SMASH_ERROR, "name_taken", entry->doc, entry->value, "%s cannot be packed: the model already has a tensor %s_compressed, _bitmask or _shape",
                              r->model->params[row->param].name, r->model->params[row->param].name);
    }
    else return smash__resolve_quantizer(r, entry, row, &wish);
    return SMASH_OK;
}

/* A target by the name that a config gives it */
SMASH__FN smash_err smash__resolve_named(smash__resolve *r, const smash__entry *entry, uint32_t module, const char *name, const smash_value *place, const smash_value *settings, int asked_by_name)
{
    char text[SMASH__END_TEXT];
    const char *target = smash__end_of_type(r->templates, r->types[module], name, text);
    if (!target) {
        smash__say_end(r->config, entry->doc, place, smash__end_names(r->templates, r->types[module], smash__starts_with(name, "_output_")), r->types[module], name);
        return SMASH_OK;
    }
    if (target == text) target = smash__text_copy(r->ctx, r->plan->arena, text, smash__length(text));
    return target ? smash__resolve_target(r, entry, module, target, settings, asked_by_name) : SMASH_ERR_NOMEM;
}

/* The targets an entry names; or else those of the type, then others that it has settings for. */
SMASH__FN smash_err smash__resolve_module(smash__resolve *r, const smash__entry *entry, uint32_t module, smash_names targets, const smash_value *settings)
{
    static const char *const table_targets[4] = { "weight", "bias", "_input_0", "_output_0" };
    const uint32_t has = smash__table_part(r->templates, entry->algo->group, r->types[module]);
    const smash_value *part = smash__own_part(r->templates, entry->algo->group, r->types[module]), *k;
    uint32_t i, t;
    for (i = 0; i < targets.count; i++) SMASH__TRY(smash__resolve_named(r, entry, module, targets.items[i], entry->value, settings, 1));
    if (targets.count) return SMASH_OK;
    for (i = 0; i < 4; i++) if (has >> i & 1) SMASH__TRY(smash__resolve_target(r, entry, module, table_targets[i], settings, 0));
    for (i = 0, k = part ? part + 1 : NULL; k && i < part->count; i++, k = k + 1 + k[1].span) SMASH__TRY(smash__resolve_named(r, entry, module, k->text, entry->value, settings, 0));
    for (i = 0, k = settings ? settings + 1 : NULL; k && i < settings->count; i++, k = k + 1 + k[1].span) {
        for (t = 0; t < 4 && !((has >> t & 1) && smash__equal(smash__end_target(k->text), table_targets[t])); t++) { }
        if (t == 4 && !(part && smash_value_get(part, k->text))) SMASH__TRY(smash__resolve_named(r, entry, module, k->text, k, settings, 0));
    }
    return SMASH_OK;
}

/* Types an entry names that nothing can be done with, names that no module has, settings of targets it does not name. Apart, for its 1 KB of names. */
SMASH__FN SMASH__NOINLINE void smash__resolve_warnings(smash__resolve *r, const smash__entry *entry, const smash_select_desc *select, smash_names targets, const smash_value *settings)
{
    size_t i, j, count, guesses = 0;
    const smash__template *templates = smash__templates(&count);
    const char *names[SMASH__NEAR_MAX];
    const uint32_t own_types = r->templates ? r->templates->count : 0;
    char near[SMASH__SHAPE_TEXT * 2];
    const smash_value *v;
    for (i = 0; i < select->op_names.count; i++) {
        if (r->known[i]) continue;
        near[0] = '\0';                                                  /* looking for near names takes time: a few times will do */
        if (guesses++ < 8) smash__did_you_mean(r->config, select->op_names.items[i], r->names, r->model->module_count, near);
        smash__say(r->config, SMASH_WARNING, "unknown_module", entry->doc, entry->value, "the model has no module %q; it is ignored%s", select->op_names.items[i], near);
    }
    for (i = 0; i < count; i++) names[i] = templates[i].type;
    for (j = 0, v = r->templates ? r->templates + 1 : NULL; j < own_types && count < SMASH__NEAR_MAX; j++, v = v + 1 + v[1].span) names[count++] = v->text;
    for (i = 0; i < select->op_types.count && entry->value; i++) {
        const char *type = select->op_types.items[i];
        int present = 0;
        for (j = 0; j < r->model->module_count && !present; j++) present = smash__equal(r->types[j], type);
        if (present || smash__template_of(type) || smash__own_template(r->templates, type)) continue;
        smash__say(r->config, SMASH_WARNING, "unknown_type", entry->doc, entry->value, "no module of the model has type %q%s", type, smash__did_you_mean(r->config, type, names, count, near));
    }
    for (i = 0; i < select->exclude_op_names.count; i++)
        if (smash_model_find_module(r->model, select->exclude_op_names.items[i]) < 0)
            smash__say(r->config, SMASH_WARNING, "unknown_module", entry->doc, entry->value, "the model has no module %q that could be excluded%s", select->exclude_op_names.items[i],
                       guesses++ < 8 ? smash__did_you_mean(r->config, select->exclude_op_names.items[i], r->names, r->model->module_count, near) : "");
    for (i = 0, v = settings ? settings + 1 : NULL; settings && !targets.count && i < settings->count; i++, v = v + 1 + v[1].span) {
        static const char *const usual[] = { "weight", "bias", "_input_0", "_output_0" };
        int there = smash__is_end(v->text);
        for (j = 0; j < r->model->param_count && !there; j++) there = smash__equal(r->model->params[j].target, v->text);
        if (!there && !smash__equal(v->text, "weight") && !smash__equal(v->text, "bias"))
            smash__say(r->config, SMASH_ERROR, "unknown_target", entry->doc, v, "no module has a target %q%s", v->text, smash__did_you_mean(r->config, v->text, usual, 4, near));
    }
    if (!settings || !targets.count) return;
    for (i = 0, v = settings + 1; i < settings->count; i++, v = v + 1 + v[1].span) {
        int named = 0;
        for (j = 0; j < targets.count && !named; j++)
            named = smash__equal(targets.items[j], v->text) || (smash__is_end(v->text) && smash__is_end(targets.items[j]) && v->text[1] == targets.items[j][1]);
        if (!named) smash__say(r->config, SMASH_WARNING, "unused_settings", entry->doc, v, "settings for target %q are not used: target_names does not name it", v->text);
    }
}

/* The place of an entry, as its rows show it */
SMASH__FN const char *smash__entry_at(smash_ctx *ctx, smash_arena *arena, const smash__entry *entry)
{
    char place[SMASH_MESSAGE_BYTES];
    if (!entry->value) return "the shorthands";
    if (!entry->doc) return "the command line";
    smash__format(place, sizeof place, "%s:%u:%u", entry->doc->file ? entry->doc->file : "config", entry->line, entry->column);
    return smash__text_copy(ctx, arena, place, smash__length(place));
}

SMASH__FN smash_err smash__resolve_entry(smash__resolve *r, const smash__entry *entry)
{
    smash_select_desc select = SMASH_ZERO;
    const smash_json *doc;
    const smash_value *settings = entry->value ? smash__field(entry, "target_settings", &doc) : NULL;
    smash_names targets;
    smash_err err = SMASH_OK;
    size_t i, hits = 0, errors = r->config->diags->errors;
    const char *skipped = NULL;
    smash_arena *arena = r->plan->arena;
    targets.items = NULL;
    targets.count = 0;
    r->nothing_asked = r->too_little = r->idle_value = 0;
    if (entry->value) {
        select.op_names = smash__string_list(r->ctx, arena, smash__field(entry, "op_names", &doc), &err);
        select.op_names_re = smash__string_list(r->ctx, arena, smash__field(entry, "op_names_re", &doc), &err);
        select.op_types = smash__string_list(r->ctx, arena, smash__field(entry, "op_types", &doc), &err);
        select.exclude_op_names = smash__string_list(r->ctx, arena, smash__field(entry, "exclude_op_names", &doc), &err);
        select.exclude_op_names_re = smash__string_list(r->ctx, arena, smash__field(entry, "exclude_op_names_re", &doc), &err);
        select.exclude_op_types = smash__string_list(r->ctx, arena, smash__field(entry, "exclude_op_types", &doc), &err);
        targets = smash__string_list(r->ctx, arena, smash__field(entry, "target_names", &doc), &err);
    } else {
        const smash_value *own = r->templates ? r->templates + 1 : NULL;
        const char **types;
        size_t n = 0;
        while (entry->algo->targets->default_types[n]) n++;
        types = (const char **)smash_arena_array(r->ctx, arena, n + (own ? r->templates->count : 0), sizeof *types);
        if (!types) return SMASH_ERR_NOMEM;
        for (i = 0; i < n; i++) types[i] = entry->algo->targets->default_types[i];
        for (i = 0; own && i < r->templates->count; i++, own = own + 1 + own[1].span)                     /* and the types of the user's own */
            if (!smash__template_of(own->text) && smash__has_targets(r->templates, entry->algo->group, own->text)) types[n++] = own->text;
        select.op_types.items = types;
        select.op_types.count = n;
    }
    if (err) return err;
    r->known = (unsigned char *)smash_arena_alloc(r->ctx, arena, select.op_names.count + 1);
    if (!r->known) return SMASH_ERR_NOMEM;
    SMASH__TRY(smash_select(r->ctx, &select, r->names, r->types, r->model->module_count, r->selected, r->known));
    smash__resolve_warnings(r, entry, &select, targets, settings);
    for (i = 0; i < r->model->module_count && r->config->diags->errors - errors < 20; i++) {    /* one mistake in an entry repeats on each module: 20 will do */
        if (!r->selected[i] || !smash__takes(r->config, entry->algo, r->names[i])) continue;
        hits++;
        if (!targets.count && !smash__has_targets(r->templates, entry->algo->group, r->types[i])) {
            if (r->selected[i] == 2 || select.op_types.count)
                smash__say(r->config, SMASH_ERROR, "no_targets", entry->doc, entry->value, "module %q is a %s, of which %s knows no targets; name them in target_names, or say its type in module_types, or what it has in module_templates",
                           r->names[i], r->types[i], entry->algo->name);
            else skipped = r->names[i];
            continue;
        }
        SMASH__TRY(smash__resolve_module(r, entry, (uint32_t)i, targets, settings));
    }
    smash__flush_overlap(r, entry);
    if (skipped) smash__say(r->config, SMASH_WARNING, "no_targets", entry->doc, entry->value, "the patterns also match modules whose types have nothing that %s compresses (%q, for one); they are left alone",
                            entry->algo->name, skipped);
    if (!hits) smash__say(r->config, SMASH_WARNING, "selects_nothing", entry->doc, entry->value, "%s selects no module of this model", entry->value ? "this entry" : entry->algo->name);
    return SMASH_OK;
}

/* 1 if the shapes are the same but for dims of 1: then their numbers have the same order, too. */
SMASH__FN int smash__same_but_ones(const smash_tensor *t, uint32_t ndim, const size_t *shape)
{
    uint32_t i = 0, j = 0;
    for (;;) {
        while (i < t->ndim && t->shape[i] == 1) i++;
        while (j < ndim && shape[j] == 1) j++;
        if (i == t->ndim || j == ndim) return i == t->ndim && j == ndim;
        if (t->shape[i++] != shape[j++]) return 0;
    }
}

SMASH__FN int smash__order_rows(const void *user, uint32_t a, uint32_t b)
{
    const smash_row *x = (const smash_row *)user + a, *y = (const smash_row *)user + b;
    if (x->algo->group != y->algo->group) return x->algo->group < y->algo->group ? -1 : 1;
    return x->module < y->module ? -1 : x->module > y->module;
}

/* Rows in order of group, then of the model, however the entries were ordered. */
SMASH__FN smash_err smash__sort_rows(smash__resolve *r)
{
    smash_plan *plan = r->plan;
    smash_row *rows = (smash_row *)smash_arena_array(r->ctx, plan->arena, plan->count, sizeof *rows);
    smash_arena_mark mark = smash__scratch_mark(r->ctx);
    uint32_t *index = (uint32_t *)smash__scratch(r->ctx, plan->count, 2 * sizeof *index), i;
    if (!rows || !index) { smash__scratch_rewind(r->ctx, mark); return SMASH_ERR_NOMEM; }
    for (i = 0; i < plan->count; i++) index[i] = i;
    smash__sort(index, index + plan->count, plan->count, smash__order_rows, plan->rows);
    for (i = 0; i < plan->count; i++) {
        rows[i] = plan->rows[index[i]];
        rows[i].next_dependent = SMASH__NO_INDEX;
        if (rows[i].param != SMASH__NO_INDEX) (rows[i].algo->group == SMASH_PRUNER ? plan->prune : plan->quantize)[rows[i].param] = i;
    }
    smash__scratch_rewind(r->ctx, mark);
    plan->rows = rows;
    return SMASH_OK;
}

SMASH__FN size_t smash__row_blocks(const smash_plan *plan, const smash_row *row)
{
    smash_grid grid;
    return smash_grid_make(NULL, &row->mask.grain, &plan->model->params[row->param].tensor, &grid) ? 0 : grid.blocks;
}

/* What the members of a group must have in common, and what they share then. */
SMASH__FN void smash__check_group(smash__resolve *r, const smash_target_group *group)
{
    smash_plan *plan = r->plan;
    smash_row *first = &plan->rows[group->first];
    const size_t blocks = smash__row_blocks(plan, first);
    const char *first_name = r->model->params[first->param].name;
    const smash_row *exact = NULL, *limited = NULL;
    uint32_t i, parts = 1;
    size_t numbers = 0, smallest = SIZE_MAX, low = 0, high = SIZE_MAX;    /* all numbers, and those of a block; blocks that the members' minima and maxima mean */
    for (i = group->first; i != SMASH__NO_INDEX; i = plan->rows[i].next_member) {
        const smash_row *row = &plan->rows[i];
        const char *name = r->model->params[row->param].name;
        const size_t own_blocks = smash__row_blocks(plan, row);
        size_t count = 0;
        uint32_t own = row->mask.parts ? row->mask.parts : 1, a = parts, b = own;
        if (row->mask.ratio != first->mask.ratio || row->mask.use_threshold != first->mask.use_threshold || (first->mask.use_threshold && row->mask.threshold != first->mask.threshold))
            smash__say(r->config, SMASH_ERROR, "group_ratio", row->group_doc, row->group_id, "%s and %s are in one group and ask for different things; give them the same sparse_ratio or sparse_threshold", first_name, name);
        if (group->rule == SMASH_RULE_SHARED && smash__row_blocks(plan, row) != blocks)
            smash__say(r->config, SMASH_ERROR, "group_shape", row->group_doc, row->group_id, "%s has %z blocks of its granularity and %s has %z; targets that lose the same positions need the same number of them",
                       first_name, blocks, name, smash__row_blocks(plan, row));
        while (b) { const uint32_t rest = a % b; a = b; b = rest; }      /* a is the greatest common divisor */
        parts = own / a <= UINT32_MAX / parts ? parts * (own / a) : UINT32_MAX;
        if (row->n_of_m && !exact) exact = row;
        if (row->mask.min_ratio > 0 || row->mask.max_ratio > 0) limited = row;
        (void)smash_tensor_count(&r->model->params[row->param].tensor, &count);
        numbers += count;
        if (own_blocks) smallest = smash__min(smallest, count / own_blocks);
        if (group->rule == SMASH_RULE_SHARED) count = own_blocks / own; else count = own_blocks;
        if (smash__share(count, row->mask.min_ratio) > low) low = smash__share(count, row->mask.min_ratio);
        if (row->mask.max_ratio > 0) high = smash__min(high, smash__share(count, row->mask.max_ratio));
    }
    if (first->mask.ratio > 0 && !first->mask.use_threshold) {
        const int shared = group->rule == SMASH_RULE_SHARED;
        const size_t may = shared ? smash__share(blocks / parts, first->mask.ratio) : smash__share(numbers, first->mask.ratio) / smallest;
        if ((!may && !low) || (shared && !high))
            smash__say(r->config, SMASH_WARNING, "ratio_too_small", first->group_doc, first->group_id, shared ? "%s and the rest of its group have %z blocks%s, of which their ratio is less than one: nothing goes"
                       : "%s and the rest of its group have %z numbers%s, and their sparse_ratio is less than one block of them: nothing goes", first_name, shared ? blocks / parts : numbers,
                       shared && parts > 1 ? " in a part" : "");
    }
    if (exact && blocks % parts == 0 && (limited || smash__share(blocks / parts, first->mask.ratio) * (parts / exact->mask.parts) != smash__share(blocks / exact->mask.parts, first->mask.ratio)))
        smash__say(r->config, SMASH_ERROR, "exclusive_keys", exact->group_doc, exact->group_id, "%s keeps some of each %u numbers, and what %s asks of their group is not the same for each of these; leave its %s out, or one of them out of the group",
                   r->model->params[exact->param].name, exact->n_of_m, limited ? r->model->params[limited->param].name : "another", limited ? "min_sparse_ratio or max_sparse_ratio" : "internal_metric_block");
    if (group->rule != SMASH_RULE_SHARED) {
        if (parts > 1)
            smash__say(r->config, SMASH_WARNING, "no_effect", first->group_id ? first->group_doc : first->doc, first->group_id ? first->group_id : first->place, "internal_metric_block has no effect in a global group, whose blocks go wherever they matter least (%s)", first_name);
        return;
    }
    if (blocks % parts)
        smash__say(r->config, SMASH_ERROR, "internal_metric_block", first->group_doc, first->group_id, "%z blocks of %s and its group cannot be cut into %u equal parts (least common multiple)", blocks, first_name, parts);
    for (i = group->first; i != SMASH__NO_INDEX; i = plan->rows[i].next_member) plan->rows[i].mask.parts = parts;
}

/* Rows with one id become a group. A threshold is a threshold for each of a global group; a group of one is none. */
SMASH__FN smash_err smash__resolve_groups(smash__resolve *r)
{
    smash_plan *plan = r->plan;
    size_t i, g, n = 0;
    for (i = 0; i < plan->count; i++) n += !plan->rows[i].skip && plan->rows[i].group_rule != SMASH_RULE_NONE;
    plan->groups = (smash_target_group *)smash_arena_array(r->ctx, plan->arena, n, sizeof *plan->groups);
    if (!plan->groups) return SMASH_ERR_NOMEM;
    for (i = 0; i < plan->count; i++) {
        smash_row *row = &plan->rows[i];
        smash_target_group *group;
        if (row->skip || row->group_rule == SMASH_RULE_NONE || row->align_target) continue;
        for (g = 0; g < plan->group_count; g++) {
            const smash_row *first = &plan->rows[plan->groups[g].first];
            if (first->group_rule == row->group_rule && row->group_rule == SMASH_RULE_GOAL) break;
            if (first->algo == row->algo && first->group_rule == row->group_rule && first->group_id->type == row->group_id->type && smash__same_scalar(first->group_id, row->group_id)) break;
        }
        group = &plan->groups[g];
        if (g == plan->group_count) {
            smash__fill(group, 0, sizeof *group);
            group->rule = row->group_rule;
            group->first = (uint32_t)i;
            plan->group_count++;
        } else plan->rows[group->last].next_member = (uint32_t)i;
        group->last = (uint32_t)i;
        row->group = (uint32_t)g;
        group->count++;
    }
    plan->goal.group = SMASH__NO_INDEX;
    for (g = 0; g < plan->group_count; g++) {
        smash__check_group(r, &plan->groups[g]);
        if (plan->groups[g].rule == SMASH_RULE_GOAL) plan->goal.group = (uint32_t)g;
    }
    return SMASH_OK;
}

/* The target that a pruner has for the whole model, if it has one. */
SMASH__FN smash_err smash__find_goal(smash__resolve *r, const smash_algo *algo)
{
    smash_goal *goal = &r->plan->goal;
    uint64_t *uses;
    size_t i;
    for (i = 0; i < r->config->count; i++) {
        const smash_setting *s = &r->config->settings[i];
        if (s->algo != algo || s->key->kind != SMASH_KEY_AMOUNT || s->is_default) continue;
        goal->key = s->key;
        goal->asked = s->value->number;
        goal->kind = smash__equal(s->key->name, "target_parameters") ? SMASH_GOAL_PARAMETERS : smash__equal(s->key->name, "target_bytes") ? SMASH_GOAL_BYTES : SMASH_GOAL_MACS;
    }
    if (goal->kind != SMASH_GOAL_MACS) return SMASH_OK;
    goal->uses = uses = (uint64_t *)smash_arena_array(r->ctx, r->plan->arena, r->model->param_count, sizeof *uses);
    if (!uses) return SMASH_ERR_NOMEM;
    for (i = 0; i < r->model->param_count; i++) {
        const smash_param *p = &r->model->params[i];
        uses[i] = smash__uses(&p->tensor, p->target, r->types[p->module], smash__output_shape(r, p->module));
    }
    return SMASH_OK;
}

/* Each use of each number counts; what is not known or cannot be summed is told. */
SMASH__FN void smash__check_uses(smash__resolve *r, const smash_setting *s)
{
    const uint64_t most = 9007199254740992u;
    uint64_t left = most;
    char text[SMASH__SHAPE_TEXT], weight[SMASH__SHAPE_TEXT];
    size_t i, n = 0;
    for (i = 0; i < r->model->param_count; i++) {
        const smash_param *p = &r->model->params[i];
        const uint64_t uses = r->plan->goal.uses[i];
        const char *module = r->model->modules[p->module].name, *type = r->types[p->module];
        const smash_tensor *out = smash__output_shape(r, p->module);
        (void)smash_tensor_count(&p->tensor, &n);
        if (uses != SMASH__UNKNOWN_USES && n && uses > left / n) {
            smash__say(r->config, SMASH_ERROR, "out_of_range", s->doc, s->value, "%q cannot be counted: with module %q there are more than %v", s->name, module, most);
            return;
        }
        if (uses != SMASH__UNKNOWN_USES) left -= uses * n;
        else if (out)
            smash__say(r->config, SMASH_ERROR, "shape_mismatch", s->doc, s->value, "%q cannot be counted: \"shapes\" says %s for _output_0 of %q (%s), which does not fit its weight of shape %s", s->name,
                       smash__shape_text(out->ndim, out->shape, text), module, type, smash__shape_text(p->tensor.ndim, p->tensor.shape, weight));
        else
            smash__say(r->config, SMASH_ERROR, "unknown_shape", s->doc, s->value, "%q cannot be counted: the shape of the output of module %q (%s) is not known; say it: \"shapes\": {%q: {\"_output_0\": %s}}", s->name,
                       module, type, module, p->tensor.ndim == 3 ? "[1, channels, length]" : p->tensor.ndim == 4 ? "[1, channels, height, width]" : "[1, channels, ...]");
    }
}

/* There is something to choose from, and what is to be counted can be. */
SMASH__FN void smash__resolve_goal(smash__resolve *r, uint32_t groups)
{
    const smash_goal *goal = &r->plan->goal;
    const smash_algo *pruner = smash_config_active(r->config, SMASH_PRUNER);
    const smash_setting *s = goal->kind ? smash__hyper(r->config, pruner, goal->key->name) : NULL;
    int g;
    if (!s) return;
    if (goal->group == SMASH__NO_INDEX)
        smash__say(r->config, SMASH_ERROR, "target_without_choice", s->doc, s->value, "%q has nothing to choose from: every target has a sparse_ratio, threshold, align or N:M of its own, or there is none", s->name);
    for (g = 1; g < SMASH_GROUP_COUNT && goal->kind == SMASH_GOAL_BYTES; g++) {
        const smash_algo *algo = groups >> g & 1 ? smash_config_active(r->config, (smash_group)g) : NULL;
        if (!algo || (algo->targets && smash_algo_save(algo) == SMASH_SAVE_NONE)) continue;
        smash__say(r->config, SMASH_ERROR, "unsupported", s->doc, s->value, "%q cannot be kept together with %s, which changes the model or its file after the pruner", s->name, algo->name);
    }
    if (goal->uses) smash__check_uses(r, s);
}

/* Parameters to rows, shapes that must fit, and an order in which every source comes first. */
/* The pruner's row of a target, or NULL. Rows are in order of group, then module. */
SMASH__FN smash_row *smash__pruner_row(const smash_plan *plan, uint32_t module, const char *target)
{
    const ptrdiff_t param = smash__is_end(target) ? -1 : smash_model_find_target(plan->model, module, target);
    size_t low = 0, high = plan->count;
    if (param >= 0) return plan->prune[param] == SMASH__NO_INDEX ? NULL : &plan->rows[plan->prune[param]];
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (plan->rows[middle].algo->group == SMASH_PRUNER && plan->rows[middle].module < module) low = middle + 1;
        else high = middle;
    }
    for (; low < plan->count && plan->rows[low].module == module && plan->rows[low].algo->group == SMASH_PRUNER; low++)
        if (plan->rows[low].param == SMASH__NO_INDEX && smash__equal(plan->rows[low].target, target)) return &plan->rows[low];
    return NULL;
}

/* Do the dims of the source that a row follows fit it? An input or output of which no shape is known gets just these. */
SMASH__FN void smash__check_aligned(smash__resolve *r, smash_row *row, const smash_row *source)
{
    const smash_tensor *t = smash__row_tensor(r->plan, row), *from = smash__row_tensor(r->plan, source);
    const char *name = smash__row_name(r->plan, row), *source_name = smash__row_name(r->plan, source);
    char want[SMASH__SHAPE_TEXT], have[SMASH__SHAPE_TEXT];
    smash_tensor reduced;
    smash_grid grid;
    smash_ctx probe;
    uint32_t axes[SMASH_MAX_DIMS];
    const char *type = r->types[row->module];
    size_t n = 0;
    smash__probe(r->ctx, &probe);
    if (smash__align_dims(&probe, from, row->align_dims, row->align_dim_count, axes, &reduced)) {
        smash__say(r->config, SMASH_ERROR, "align_dims", row->doc, row->place, "%s follows %s: %s%s", name, source_name, probe.message,
                   from == &source->kept ? "; its shape is not known, so it has only those dims that it follows itself (\"shapes\" says it)" : "");
        row->skip = 1;
        return;
    }
    if (t == &row->kept) {
        row->kept = smash_tensor_view(SMASH_BOOL, NULL, 0, reduced.ndim, reduced.shape);
        row->kept.name = name;
        row->note = "its shape is not known (\"shapes\"): the mask has the dims that it follows";
        return;
    }
    if (smash_grid_make(&probe, &row->mask.grain, t, &grid)) { row->skip = 1; return; }
    if (smash__same_but_ones(&reduced, grid.ndim, grid.count) || smash__same_shape(t, reduced.ndim, reduced.shape)) return;
    row->skip = 1;
    (void)smash_tensor_count(&reduced, &n);
    smash__shape_text(t->ndim, t->shape, have);
    if (row->param != SMASH__NO_INDEX && t->ndim > 2 && grid.blocks == t->shape[1] && grid.count[1] == t->shape[1] && n > t->shape[1] && n % t->shape[1] == 0 && t->shape[0] % (n / t->shape[1]) == 0 && smash__starts_with(type, "Conv"))
        smash__say(r->config, SMASH_ERROR, "align_shape", row->doc, row->place, "%s (shape %s) has %z channels on axis 1 for each of its %z groups, and %s, which it follows, %z for all of them: one mask cannot stand for every group; "
                   "leave this target out, or let it follow with \"out_channel\" if each channel is a group", name, have, t->shape[1], n / t->shape[1], source_name, n);
    else smash__say(r->config, SMASH_ERROR, "align_shape", row->doc, row->place, "%s has %z blocks of its granularity (shape %s), but the dims of %s it follows have shape %s%s", name, grid.blocks, have, source_name,
                    smash__shape_text(reduced.ndim, reduced.shape, want),
                    from->ndim > 2 && n == from->shape[1] && grid.blocks > n && grid.blocks % n == 0 && smash__starts_with(r->types[source->module], "ConvTranspose")
                    ? "; a ConvTranspose in groups has the output channels of one group there, which cannot stand for every group: leave this target out"
                    : row->activation ? "; the right shape, other dims or another granularity make them equal" : "; other dims or another granularity make them equal");
}

/* The parameter whose numbers decide, in the end, what a row keeps, or SMASH_NONE for one that makes its own mask: inputs and outputs may
 * stand between. */
SMASH__FN uint32_t smash__source_param(const smash_plan *plan, const smash_row *row)
{
    if (row->align_row == SMASH__NO_INDEX) return SMASH__NO_INDEX;
    do row = &plan->rows[row->align_row];
    while (row->param == SMASH__NO_INDEX);
    return row->param;
}

/* A row that follows itself, by way of others or not; at: one that leads there. */
SMASH__FN void smash__say_circle(smash__resolve *r, uint32_t at)
{
    smash_plan *plan = r->plan;
    const smash_row *row = &plan->rows[at], *next;
    size_t i;
    for (i = 0; i < plan->count; i++) row = &plan->rows[row->align_row];  /* now in the circle for sure */
    next = &plan->rows[row->align_row];
    smash__say(r->config, SMASH_ERROR, "align_cycle", row->doc, row->place, "%s follows itself in a circle of align settings%s%s; one of them must have a sparse_ratio, or follow what has", smash__row_name(plan, row), next == row ? "" : ", by way of ",
               next == row ? "" : smash__row_name(plan, next));
}

/* Targets to rows, shapes that must fit, and an order in which every source comes first. */
SMASH__FN smash_err smash__resolve_align(smash__resolve *r)
{
    smash_plan *plan = r->plan;
    size_t n = r->model->param_count, i, done = 0, before, found = 0, at;
    const size_t errors = r->config->diags->errors;
    uint32_t *queue = (uint32_t *)smash_arena_array(r->ctx, plan->arena, plan->count, sizeof *queue), k;
    unsigned char *placed = (unsigned char *)smash_arena_alloc(r->ctx, plan->arena, (n > plan->count ? n : plan->count) + 1);
    plan->order = (uint32_t *)smash_arena_array(r->ctx, plan->arena, n, sizeof *plan->order);
    if (!queue || !placed || !plan->order) return SMASH_ERR_NOMEM;
    for (i = 0; i < plan->count; i++) {
        smash_row *row = &plan->rows[i], *source;
        if (row->skip || !row->align_target) continue;
        source = smash__pruner_row(plan, row->align_module, row->align_target);
        if (!source || source->skip) {                                   /* a source that failed has been reported */
            if (!source || source->note)
                smash__say(r->config, SMASH_ERROR, "align_source", row->doc, row->place, "%s follows %s of %q, which gets no mask; name it in an entry, with a sparse_ratio or an align of its own", smash__row_name(plan, row), row->align_target, r->names[row->align_module]);
            row->skip = 1;
            continue;
        }
        row->align_row = (uint32_t)(source - plan->rows);
        row->next_dependent = source->first_dependent;
        source->first_dependent = (uint32_t)i;
    }
    smash__fill(placed, 0, plan->count);
    for (i = 0; i < plan->count; i++) if (plan->rows[i].align_row == SMASH__NO_INDEX) { placed[i] = 1; queue[found++] = (uint32_t)i; }
    for (at = 0; at < found; at++)
        for (k = plan->rows[queue[at]].first_dependent; k != SMASH__NO_INDEX; k = plan->rows[k].next_dependent) {
            if (plan->rows[queue[at]].skip) plan->rows[k].skip = 1;
            else smash__check_aligned(r, &plan->rows[k], &plan->rows[queue[at]]);
            placed[k] = 1;
            queue[found++] = k;
        }
    for (i = 0; i < plan->count && placed[i]; i++) { }
    if (i < plan->count) smash__say_circle(r, (uint32_t)i);
    if (r->config->diags->errors != errors) return SMASH_OK;
    smash__fill(placed, 0, n);
    do {
        before = done;
        for (i = 0; i < n; i++) {
            const smash_row *row = plan->prune[i] == SMASH__NO_INDEX ? NULL : &plan->rows[plan->prune[i]];
            const uint32_t source = row && !row->skip ? smash__source_param(plan, row) : SMASH__NO_INDEX;
            if (placed[i] || (source != SMASH__NO_INDEX && !placed[source])) continue;
            placed[i] = 1;
            plan->order[done++] = (uint32_t)i;
        }
    } while (done != before && done < n);
    return SMASH_OK;
}

SMASH__FN void smash__write_grain(smash_writer *w, const smash_grain *grain, uint32_t ndim)
{
    int32_t sizes[SMASH_MAX_DIMS];
    uint32_t i;
    smash_grain_list(grain, ndim, sizes);
    smash_write_begin_array(w);
    for (i = 0; i < ndim; i++) smash_write_i64(w, sizes[i]);
    smash_write_end(w);
}

SMASH__FN const char *smash__dtype_name(const smash_quant_desc *quant, char out[16])
{
    smash__format(out, 16, quant->is_unsigned ? "uint%u" : "int%u", quant->bits ? quant->bits : 8u);
    return out;
}

SMASH__FN const char *smash__apply_name(smash_apply_method method)
{
    static const char *const names[] = { "mul", "mul", "add", "bypass" };
    return names[method];
}

/* One target's settings with nothing left to defaults: reading them back gives the same row. */
SMASH__FN void smash__write_wish(smash_writer *w, const smash_plan *plan, const smash_row *row)
{
    char text[16];
    const smash_tensor *t = smash__row_tensor(plan, row);
    const uint32_t ndim = t->ndim;
    uint32_t i;
    smash_write_begin_object(w);
    if (row->algo->group == SMASH_QUANTIZER) {
        smash_write_key(w, "quant_dtype");
        smash_write_text(w, smash__dtype_name(&row->quant, text));
        smash_write_key(w, "quant_scheme");
        smash_write_text(w, row->quant.scheme == SMASH_AFFINE ? "affine" : "symmetric");
        if (!row->skip) { smash_write_key(w, "granularity"); smash__write_grain(w, &row->quant.grain, ndim); }
    } else if (row->align_row != SMASH__NO_INDEX) {
        const smash_row *source = &plan->rows[row->align_row];
        smash_write_key(w, "align");
        smash_write_begin_object(w);
        smash_write_key(w, "module_name");
        smash_write_text(w, source->module == row->module ? NULL : plan->model->modules[source->module].name);
        smash_write_key(w, "target_name");
        smash_write_text(w, source->target);
        smash_write_key(w, "dims");
        smash_write_begin_array(w);
        for (i = 0; i < row->align_dim_count; i++) smash_write_i64(w, row->align_dims[i]);
        smash_write_end(w);
        smash_write_end(w);
        if (t != &row->kept) { smash_write_key(w, "granularity"); smash__write_grain(w, &row->mask.grain, ndim); }
    } else {
        if (row->mask.use_threshold) { smash_write_key(w, "sparse_threshold"); smash_write_number(w, row->mask.threshold); }
        else if (row->group_rule != SMASH_RULE_GOAL) { smash_write_key(w, "sparse_ratio"); smash_write_number(w, row->mask.ratio); }
        if (row->mask.min_ratio > 0) { smash_write_key(w, "min_sparse_ratio"); smash_write_number(w, row->mask.min_ratio); }
        if (row->mask.max_ratio > 0) { smash_write_key(w, "max_sparse_ratio"); smash_write_number(w, row->mask.max_ratio); }
        if (row->group_id) { smash_write_key(w, row->group_rule == SMASH_RULE_SHARED ? "dependency_group_id" : "global_group_id"); smash__write_tree(w, row->group_id, 0); }
        if (row->mask.parts > 1) { smash_write_key(w, "internal_metric_block"); smash_write_u64(w, row->mask.parts); }
        smash_write_key(w, "granularity");
        smash__write_grain(w, &row->mask.grain, ndim);
    }
    if (row->algo->group == SMASH_PRUNER && row->apply_method != SMASH_APPLY_MUL) { smash_write_key(w, "apply_method"); smash_write_text(w, smash__apply_name(row->apply_method)); }
    if (row->algo->group == SMASH_PRUNER && row->apply_method == SMASH_APPLY_ADD) { smash_write_key(w, "apply_value"); smash_write_number(w, row->apply_value); }
    smash_write_end(w);
}

/* The rows of one module and algorithm, from row i on: rows of a module stand together. */
SMASH__FN size_t smash__rows_of_module(const smash_plan *plan, size_t i)
{
    size_t n = i + 1;
    while (n < plan->count && plan->rows[n].module == plan->rows[i].module && plan->rows[n].algo == plan->rows[i].algo) n++;
    return n - i;
}

SMASH__FN void smash__write_settings(smash_writer *w, const smash_plan *plan, size_t first, size_t n)
{
    size_t i;
    smash_write_begin_object(w);
    for (i = first; i < first + n; i++) {
        if (plan->rows[i].skip && plan->rows[i].algo->group == SMASH_PRUNER) continue;
        smash_write_key(w, plan->rows[i].target);
        smash__write_wish(w, plan, &plan->rows[i]);
    }
    smash_write_end(w);
}

/* A writer of one-line JSON into a text that grows in an arena */
SMASH__FN void smash__text_writer(smash_ctx *ctx, smash_arena *arena, smash_text *text, smash_writer *w)
{
    smash__fill(text, 0, sizeof *text);
    smash__fill(w, 0, sizeof *w);
    text->ctx = ctx;
    text->arena = arena;
    w->put = smash_text_put;
    w->user = text;
}

/* {"module": "type", ...}; types NULL: those of the model */
SMASH__FN smash_err smash__write_types(smash_ctx *ctx, const smash_plan *plan, const char *const *types, const char **text)
{
    smash_text out;
    smash_writer w;
    size_t i;
    smash__text_writer(ctx, plan->arena, &out, &w);
    smash_write_begin_object(&w);
    for (i = 0; i < plan->model->module_count; i++) { smash_write_key(&w, plan->model->modules[i].name); smash_write_text(&w, types ? types[i] : plan->model->modules[i].type); }
    smash_write_end(&w);
    *text = out.data;
    return w.err;
}

/* {"conv1.weight": "int4", ...}: what the rows make of a tensor, or what an earlier run has made of it */
SMASH__FN smash_err smash__write_dtypes(smash_ctx *ctx, const smash_plan *plan, const char **text)
{
    smash_text out;
    smash_writer w;
    char word[16];
    size_t i;
    smash__text_writer(ctx, plan->arena, &out, &w);
    smash_write_begin_object(&w);
    for (i = 0; i < plan->count; i++) {
        const smash_row *row = &plan->rows[i];
        if (row->algo->group != SMASH_QUANTIZER || row->skip) continue;
        smash_write_key(&w, plan->model->params[row->param].name);
        smash_write_text(&w, smash__dtype_name(&row->quant, word));
    }
    for (i = 0; i < plan->model->param_count; i++) {
        const smash_param *p = &plan->model->params[i];
        smash_quant_desc quant = SMASH_ZERO;
        size_t length = smash__length(p->name);
        const char *name;
        if (p->meant == SMASH_DTYPE_NONE || (plan->quantize && plan->quantize[i] != SMASH__NO_INDEX)) continue;
        if (length > 7 && smash__equal(p->name + length - 7, "_packed")) length -= 7;
        else if (length > 11 && smash__equal(p->name + length - 11, "_compressed")) length -= 11;
        name = smash__text_copy(ctx, plan->arena, p->name, length);
        if (!name) return SMASH_ERR_NOMEM;
        quant.bits = smash_dtype_bits(p->meant);
        quant.is_unsigned = !(smash__dtype(p->meant)->kind & SMASH__SIGNED);
        smash_write_key(&w, name);
        smash_write_text(&w, smash__dtype_name(&quant, word));
    }
    smash_write_end(&w);
    *text = out.data;
    return w.err;
}

/* "shapes": {"module": {"_output_0": [1, 16, 8, 8]}}, from a table sorted by module */
SMASH__FN void smash__write_shapes(smash_writer *w, const smash_model *model, const smash_activation *shapes, size_t count)
{
    size_t i;
    uint32_t d;
    smash_write_key(w, "shapes");
    smash_write_begin_object(w);
    for (i = 0; i < count; i++) {
        const smash_tensor *t = &shapes[i].tensor;
        if (!i || shapes[i].module != shapes[i - 1].module) {
            smash_write_key(w, model->modules[shapes[i].module].name);
            smash_write_begin_object(w);
        }
        smash_write_key(w, shapes[i].target);
        smash_write_begin_array(w);
        for (d = 0; d < t->ndim; d++) smash_write_u64(w, t->shape[d]);
        smash_write_end(w);
        if (i + 1 == count || shapes[i + 1].module != shapes[i].module) smash_write_end(w);
    }
    smash_write_end(w);
}

/* What decides how inputs and outputs may be called: the types that the config says, and the names of those of its own. All else of a
 * template is in the entries by now. */
SMASH__FN void smash__write_names(smash_writer *w, const smash_model *model, const smash_config *config)
{
    static const char *const lists[2] = { "inputs", "outputs" };
    const smash_setting *s = smash__setting(config, "module_templates"), *t = smash__setting(config, "module_types");
    const smash_value *k = s->value + 1, *list;
    uint32_t i, j, n;
    for (i = n = 0; s->value->type == SMASH_VALUE_OBJECT && i < s->value->count; i++, k = k + 1 + k[1].span) {
        if (k[1].type != SMASH_VALUE_OBJECT) continue;
        if (!n++) { smash_write_key(w, "module_templates"); smash_write_begin_object(w); }
        smash_write_key(w, k->text);
        smash_write_begin_object(w);
        for (j = 0; j < 2; j++) {
            list = smash_value_get(k + 1, lists[j]);
            if (list && list->type == SMASH_VALUE_ARRAY) { smash_write_key(w, lists[j]); smash__write_tree(w, list, 0); }
        }
        smash_write_end(w);
    }
    if (n) smash_write_end(w);
    for (i = n = 0, k = t->value + 1; t->value->type == SMASH_VALUE_OBJECT && i < t->value->count; i++, k = k + 1 + k[1].span) {
        if (smash_model_find_module(model, k->text) < 0) continue;
        if (!n++) { smash_write_key(w, "module_types"); smash_write_begin_object(w); }
        smash_write_key(w, k->text);
        smash__write_tree(w, k + 1, 0);
    }
    if (n) smash_write_end(w);
}

/* The whole plan as a config: one entry for all modules whose settings read the same. */
SMASH__FN smash_err smash__write_config(smash_ctx *ctx, smash_plan *plan, const smash_config *config, const char *const *types, const smash_activation *shapes, size_t shape_count)
{
    smash_text out, *texts;
    smash_writer w;
    const char *name;
    size_t i, j, n;
    int g;
    smash_arena_mark mark = smash__scratch_mark(ctx);
    smash__text_writer(ctx, plan->arena, &out, &w);
    texts = (smash_text *)smash__scratch(ctx, plan->count, sizeof *texts);
    if (!texts) return SMASH_ERR_NOMEM;
    for (i = 0; i < plan->count; i++) smash__fill(&texts[i], 0, sizeof texts[i]);
    for (i = 0; i < plan->count; i += n) {
        smash_writer part;
        n = smash__rows_of_module(plan, i);
        smash__text_writer(ctx, &ctx->scratch, &texts[i], &part);
        smash__write_settings(&part, plan, i, n);
        if (part.err) { smash__scratch_rewind(ctx, mark); return part.err; }
    }
    smash_write_begin_object(&w);
    for (g = 1; g < SMASH_GROUP_COUNT; g++) {
        const smash_algo *algo = smash_config_active(config, (smash_group)g);
        if (algo) { smash_write_key(&w, smash_group_name((smash_group)g)); smash_write_text(&w, algo->name); }
    }
    smash__write_names(&w, plan->model, config);
    if (plan->pack_sparse) { smash_write_key(&w, "pack_sparse"); smash_write_bool(&w, 1); }
    if (shape_count) smash__write_shapes(&w, plan->model, shapes, shape_count);
    for (g = 1; g < SMASH_GROUP_COUNT; g++) {
        const smash_algo *algo = smash_config_active(config, (smash_group)g);
        if (!algo) continue;
        for (i = 0; i < config->count; i++) {
            const smash_setting *s = &config->settings[i];
            if (s->algo != algo || s->is_default || (algo->targets && s->key->kind != SMASH_KEY_AMOUNT && !smash__is_own(algo, s->key))) continue;       /* the rest is in the lists */
            smash_write_key(&w, s->name);
            smash__write_tree(&w, s->value, 0);
        }
        if (!algo->targets) continue;
        name = smash__join(ctx, plan->arena, algo->name, "_", "config_list");
        if (!name) { smash__scratch_rewind(ctx, mark); return SMASH_ERR_NOMEM; }
        smash_write_key(&w, name);
        smash_write_begin_array(&w);
        for (i = 0; i < plan->count; i += n) {
            n = smash__rows_of_module(plan, i);
            if (plan->rows[i].algo != algo || !texts[i].data || texts[i].bytes <= 2) continue;
            smash_write_begin_object(&w);
            smash_write_key(&w, "op_names");
            smash_write_begin_array(&w);
            for (j = i; j < plan->count; j++) {
                if (plan->rows[j].algo != algo || !texts[j].data || texts[j].bytes != texts[i].bytes || !smash__same(texts[j].data, texts[i].data, texts[i].bytes)) continue;
                smash_write_text(&w, plan->model->modules[plan->rows[j].module].name);
                if (j > i) texts[j].data = NULL;                          /* has its entry now */
            }
            smash_write_end(&w);
            smash_write_key(&w, "target_names");
            smash_write_begin_array(&w);
            for (j = i; j < i + n; j++) if (!(plan->rows[j].skip && algo->group == SMASH_PRUNER)) smash_write_text(&w, plan->rows[j].target);
            smash_write_end(&w);
            smash_write_key(&w, "target_settings");
            smash__write_settings(&w, plan, i, n);
            smash_write_end(&w);
        }
        smash_write_end(&w);
    }
    smash_write_end(&w);
    smash__scratch_rewind(ctx, mark);
    plan->config_text = out.data;
    if (w.err) return w.err;
    SMASH__TRY(smash__write_types(ctx, plan, types, &plan->types_text));
    SMASH__TRY(smash__write_dtypes(ctx, plan, &plan->dtypes_text));
    smash__text_writer(ctx, plan->arena, &out, &w);
    smash__write_dictionary(config, &w, 0);
    plan->dictionary_text = out.data;
    return w.err;
}

/* The types of all modules, those that module_types names among them; copies of these, ready to become the model's. */
SMASH__FN smash_err smash__config_types(smash_ctx *ctx, const smash_config *config, const smash_model *model, const char **types, int quiet)
{
    const smash_setting *s = smash__setting(config, "module_types");
    const smash_value *k;
    uint32_t i;
    size_t m;
    for (m = 0; m < model->module_count; m++) types[m] = model->modules[m].type;
    if (!s || s->value->type != SMASH_VALUE_OBJECT) return SMASH_OK;
    for (i = 0, k = s->value + 1; i < s->value->count; i++, k = k + 1 + k[1].span) {
        ptrdiff_t module = smash_model_find_module(model, k->text);
        if (module < 0 && !quiet) smash__say(config, SMASH_WARNING, "unknown_module", s->doc, k, "the model has no module %q; its type is ignored", k->text);
        if (module >= 0 && !(types[module] = smash__text_copy(ctx, model->arena, k[1].text, k[1].count))) return SMASH_ERR_NOMEM;
    }
    return SMASH_OK;
}

SMASH__FN int smash__order_activations(const void *user, uint32_t a, uint32_t b)
{
    const smash_activation *x = (const smash_activation *)user + a, *y = (const smash_activation *)user + b;
    return x->module != y->module ? (x->module < y->module ? -1 : 1) : smash__order(x->target, y->target);
}

/* The shapes of a model and those that the config says, which win, as one sorted table in the model's arena. Findings go to diags. */
SMASH__FN smash_err smash__config_shapes(smash_ctx *ctx, const smash_config *config, const smash_model *model, const char *const *types, int quiet, smash_activation **table, size_t *count)
{
    const smash_setting *s = smash__setting(config, "shapes"), *t = smash__setting(config, "module_templates");
    const smash_value *templates = t && t->value->type == SMASH_VALUE_OBJECT ? t->value : NULL, *k, *e, *target;
    smash_arena_mark mark = smash__scratch_mark(ctx);
    smash_activation *all, *made;
    uint32_t *index, i, j;
    size_t n = model->activation_count, dims[SMASH_MAX_DIMS], left = 0, guesses = 0;
    const char **names;
    *table = model->activations;
    *count = model->activation_count;
    if (!s || s->value->type != SMASH_VALUE_OBJECT) return SMASH_OK;
    for (i = 0, k = s->value + 1; i < s->value->count; i++, k = k + 1 + k[1].span) n += k[1].count;
    made = (smash_activation *)smash_arena_array(ctx, model->arena, n, sizeof *made);
    all = made ? (smash_activation *)smash__scratch(ctx, n, sizeof *all) : NULL;
    index = all ? (uint32_t *)smash__scratch(ctx, n, 2 * sizeof *index) : NULL;
    names = index ? (const char **)smash__scratch(ctx, model->module_count, sizeof *names) : NULL;
    if (!names) { smash__scratch_rewind(ctx, mark); return SMASH_ERR_NOMEM; }
    for (i = 0; i < model->module_count; i++) names[i] = model->modules[i].name;
    for (n = 0; n < model->activation_count; n++) all[n] = model->activations[n];
    for (i = 0, k = s->value + 1; i < s->value->count; i++, k = e + e->span) {
        const ptrdiff_t module = smash_model_find_module(model, k->text);
        char near[SMASH__SHAPE_TEXT * 2], text[SMASH__END_TEXT];
        e = k + 1;
        near[0] = '\0';
        if (module < 0 && !quiet)                                        /* looking for near names takes time: a few times will do */
            smash__say(config, SMASH_WARNING, "unknown_module", s->doc, k, "the model has no module %q; its shapes are ignored%s", k->text,
                       guesses++ < 8 ? smash__did_you_mean(config, k->text, names, model->module_count, near) : "");
        for (j = 0, target = e + 1; module >= 0 && j < e->count; j++, target = target + 1 + target[1].span) {
            const char *name = smash__end_of_type(templates, types[module], target->text, text);
            smash_ctx probe;
            smash_err err;
            if (!name && !quiet) smash__say_end(config, s->doc, target, smash__end_names(templates, types[module], smash__starts_with(target->text, "_output_")), types[module], target->text);
            if (!name || !smash__shape_list(target + 1, dims)) continue;
            smash__probe(ctx, &probe);
            err = smash__activation_make(&probe, model, (size_t)module, name, target[1].count, dims, &all[n]);
            smash__probe_end(ctx, &probe, err == SMASH_ERR_NOMEM);
            if (err == SMASH_ERR_NOMEM) { smash__scratch_rewind(ctx, mark); return err; }
            if (!err) n++;
            else if (!quiet) smash__say(config, SMASH_ERROR, "illegal_value", s->doc, target + 1, "%s", probe.message);
        }
    }
    for (i = 0; i < n; i++) index[i] = i;
    smash__sort(index, index + n, n, smash__order_activations, all);     /* keeps the order of equals: the last one is the config's */
    for (i = 0; i < n; i++) if (i + 1 == n || smash__order_activations(all, index[i], index[i + 1])) made[left++] = all[index[i]];
    smash__scratch_rewind(ctx, mark);
    *table = made;
    *count = left;
    return SMASH_OK;
}

/* Shapes that have been found good become the model's. */
SMASH__FN void smash__take_shapes(smash_model *model, smash_activation *table, size_t count)
{
    if (table == model->activations) return;
    model->activations = table;                                          /* in the model's own arena */
    model->activation_count = model->activation_capacity = count;
}

SMASH__FN smash_err smash__model_finished(smash_ctx *ctx, const smash_model *model)
{
    return model->param_count && (!model->by_name || !model->param_by_name) ? SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the model is not finished; call smash_model_finish() first") : SMASH_OK;
}

/* The config_list of one algorithm over the model */
SMASH__FN smash_err smash__resolve_algo(smash__resolve *r, const smash_algo *algo)
{
    const smash_setting *list = smash__hyper(r->config, algo, "config_list");
    smash__entry entry = smash__first_entry(r->config, algo, list ? list->doc : NULL, list ? list->value : NULL);
    const uint32_t count = list && list->value->type == SMASH_VALUE_ARRAY ? list->value->count : 1;
    uint32_t e;
    if (!count) smash__say(r->config, SMASH_WARNING, "selects_nothing", list->doc, list->value, "the config_list is empty, so %s does nothing", algo->name);
    for (e = 0; e < count; e++) {
        if (e) smash__next_entry(&entry);
        entry.at = smash__entry_at(r->ctx, r->plan->arena, &entry);
        if (!entry.at) return SMASH_ERR_NOMEM;
        SMASH__TRY(smash__resolve_entry(r, &entry));
    }
    return SMASH_OK;
}

/* include and exclude of an algorithm must leave something of the model. */
SMASH__FN void smash__check_selection(const smash__resolve *r, const smash_algo *algo)
{
    const smash_setting *include = smash__hyper(r->config, algo, "include");
    char near[SMASH__SHAPE_TEXT * 2];
    size_t i;
    int pass, guesses = 0;
    if (!algo->targets && !algo->on_modules) return;
    for (pass = 0; pass < 2; pass++) {                                   /* globs that match nothing are typing mistakes */
        const smash_setting *s = smash__hyper(r->config, algo, pass ? "exclude" : "include");
        const smash_value *g = s && s->value->type == SMASH_VALUE_ARRAY ? s->value + 1 : NULL;
        uint32_t k;
        for (k = 0; g && !s->is_default && k < s->value->count; k++, g += g->span) {
            for (i = 0; i < r->model->module_count && !smash_glob_match(g->text, r->names[i]); i++) { }
            if (i < r->model->module_count || !r->model->module_count) continue;
            smash__say(r->config, SMASH_WARNING, "unknown_module", s->doc, g, "%s: no module of the model matches %q%s", s->name, g->text,
                       guesses++ < 8 ? smash__did_you_mean(r->config, g->text, r->names, r->model->module_count, near) : "");
        }
    }
    for (i = 0; i < r->model->module_count; i++) if (smash__takes(r->config, algo, r->names[i])) return;
    if (include && r->model->module_count)
        smash__say(r->config, SMASH_ERROR, "empty_selection", include->doc, include->value, "%s_include and %s_exclude leave no module of this model", algo->name, algo->name);
}

/* The plan of the algorithms of some groups (a bit each), in an arena. model->modules may get other types. */
SMASH__FN smash_err smash__resolve_plan(smash_ctx *ctx, const smash_config *config, smash_model *model, uint32_t groups, smash_arena *arena, smash_plan *plan)
{
    smash__resolve r;
    smash_plan made = SMASH_ZERO;
    const smash_setting *overlap = smash__setting(config, "on_overlap"), *templates = smash__setting(config, "module_templates");
    const smash__seen seen = smash__look(config);
    size_t i;
    int g;
    smash__fill(&r, 0, sizeof r);
    r.ctx = ctx;
    r.config = config;
    r.model = model;
    r.plan = &made;
    made.model = model;
    made.arena = arena;
    r.last_wins = overlap && smash_value_is(overlap->value, "last");
    made.pack_sparse = smash__setting(config, "pack_sparse")->value->number != 0;
    r.names = (const char **)smash_arena_array(ctx, arena, model->module_count, sizeof *r.names);
    r.types = (const char **)smash_arena_array(ctx, arena, model->module_count, sizeof *r.types);
    r.selected = (unsigned char *)smash_arena_alloc(ctx, arena, model->module_count);
    made.prune = (uint32_t *)smash_arena_array(ctx, arena, model->param_count, sizeof *made.prune);
    made.quantize = (uint32_t *)smash_arena_array(ctx, arena, model->param_count, sizeof *made.quantize);
    r.loose = (uint32_t *)smash_arena_array(ctx, arena, model->module_count, sizeof *r.loose);
    if (!r.names || !r.types || !r.selected || !made.prune || !made.quantize || !r.loose) return SMASH_ERR_NOMEM;
    for (i = 0; i < model->module_count; i++) r.loose[i] = SMASH__NO_INDEX;
    for (i = 0; i < model->param_count; i++) made.prune[i] = made.quantize[i] = SMASH__NO_INDEX;
    for (i = 0; i < model->module_count; i++) r.names[i] = model->modules[i].name;
    if (templates && templates->value->type == SMASH_VALUE_OBJECT) { r.templates = templates->value; r.templates_doc = templates->doc; }
    SMASH__TRY(smash__config_types(ctx, config, model, r.types, 0));
    SMASH__TRY(smash__config_shapes(ctx, config, model, r.types, 0, &r.activations, &r.activation_count));
    for (g = 1; g < SMASH_GROUP_COUNT; g++) {
        const smash_algo *algo = groups >> g & 1 ? smash_config_active(config, (smash_group)g) : NULL;
        if (!algo) continue;
        smash__check_selection(&r, algo);
        if (g == SMASH_PRUNER) SMASH__TRY(smash__find_goal(&r, algo));
        if (algo->targets) SMASH__TRY(smash__resolve_algo(&r, algo));
        else if (!made.whole) made.whole = algo;
    }
    SMASH__TRY(smash__sort_rows(&r));
    SMASH__TRY(smash__resolve_groups(&r));
    smash__resolve_goal(&r, groups);
    SMASH__TRY(smash__resolve_align(&r));
    smash__check_applied(&r);
    SMASH__TRY(smash__found(ctx, config, seen, "the config does not fit the model"));
    SMASH__TRY(smash__write_config(ctx, &made, config, r.types, r.activations, r.activation_count));
    smash__take_shapes(model, r.activations, r.activation_count);
    for (i = 0; i < model->module_count; i++)
        if (model->modules[i].type != r.types[i]) { model->modules[i].type = r.types[i]; model->modules[i].inferred = 0; }
    *plan = made;
    return SMASH_OK;
}

SMASH__FN void smash__check_idle(const smash_config *config)
{
    int g;
    for (g = 1; g < SMASH_GROUP_COUNT; g++) if (smash_config_active(config, (smash_group)g)) return;
    smash__say(config, SMASH_WARNING, "nothing_to_do", NULL, NULL, "no algorithm is active; the model stays as it is (set pruner or quantizer)");
}

SMASH__DEF smash_err smash_config_resolve(smash_ctx *ctx, const smash_config *config, smash_model *model, smash_plan *plan)
{
    if (!config || !model || !plan || !smash__ctx(ctx)) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "config, model, plan or ctx is missing");
    SMASH__TRY(smash__model_finished(ctx, model));
    SMASH__TRY(smash_config_check(ctx, config));
    smash__check_idle(config);
    return smash__resolve_plan(ctx, config, model, ~0u, config->arena, plan);
}
#undef SMASH__PRUNERS
#undef SMASH__QUANTIZERS
#undef SMASH__BOTH
#endif

#if !SMASH_NO_ALGO
/*==================================================================================================
 * MARK: - Algo, implementation                                                          >>algo-impl
 *================================================================================================*/

typedef struct smash__run {
    smash_plan           *plan;
    const smash_run_desc *desc;
    smash_result          result;
    smash_layout          layout, mask_layout;
    uint32_t             *first;            /* per parameter: index of its first tensor in the layout */
    uint32_t             *mask_index;       /* per row, then per given mask: index in the mask layout */
    size_t               *nonzero;          /* per parameter, with pack_sparse: numbers left in a pruned tensor, as it is stored; else NULL */
    size_t               *left;             /* per parameter, while a goal is looked for: what it counts of its numbers, if that takes looking; else NULL */
    smash_model           masks_in;         /* the file of masks that are given */
    uint32_t             *given;            /* per parameter, then per row: index into plan->given, or SMASH_NONE; NULL: no such file */
    uint64_t              done, total;
} smash__run;

SMASH__FN smash_row *smash__row_of(const smash_plan *plan, const uint32_t *index, size_t param)
{
    smash_row *row = index[param] == (uint32_t)SMASH_NONE ? NULL : &plan->rows[index[param]];
    return row && !row->skip ? row : NULL;
}

/* ---- one tensor through one algorithm ---- */

/* A tensor of grid shape in scratch */
SMASH__FN smash_err smash__grid_tensor(smash_ctx *ctx, const smash_grid *grid, smash_dtype dtype, const char *name, smash_tensor *out)
{
    size_t bytes;
    *out = smash_tensor_view(dtype, NULL, 0, grid->ndim, grid->count);
    out->name = name;
    SMASH__TRY(smash_tensor_bytes(out, &bytes));
    out->data = smash__scratch(ctx, bytes, 1);
    out->bytes = bytes;
    return out->data ? SMASH_OK : SMASH_ERR_NOMEM;
}

/* The rows that follow a row, and where these are inputs or outputs those that follow them, one after the other: begins and ends with the
 * row itself. A parameter's followers have to wait until it is its turn. */
SMASH__FN uint32_t smash__next_follower(const smash_plan *plan, uint32_t first, uint32_t i)
{
    const smash_row *row = &plan->rows[i];
    if ((i == first || row->param == (uint32_t)SMASH_NONE) && row->first_dependent != (uint32_t)SMASH_NONE) return row->first_dependent;
    while (i != first && plan->rows[i].next_dependent == (uint32_t)SMASH_NONE) i = plan->rows[i].align_row;
    return i == first ? first : plan->rows[i].next_dependent;
}

/* Blocks of a mask that drop out */
SMASH__FN void smash__count_dropped(smash_row *row, const smash_grid *grid)
{
    const uint8_t *keep = (const uint8_t *)row->kept.data;
    size_t i;
    row->mask_stats.blocks = grid->blocks;
    row->mask_stats.dropped = 0;
    for (i = 0; i < grid->blocks; i++) row->mask_stats.dropped += keep[i] == 0;
    row->mask_stats.elements = row->mask_stats.dropped * grid->block_elements;
    row->mask_stats.ratio = (double)row->mask_stats.dropped / (double)grid->blocks;
}

/* The masks of all rows that follow this one, while its mask is at hand. */
SMASH__FN smash_err smash__make_dependents(smash_ctx *ctx, smash_work *work)
{
    smash_plan *plan = work->plan;
    const uint32_t first = (uint32_t)(work->row - plan->rows);
    uint32_t i = first;
    while ((i = smash__next_follower(plan, first, i)) != first) {
        smash_row *row = &plan->rows[i];
        const smash_row *from = &plan->rows[row->align_row];
        const smash_tensor *source = smash__row_tensor(plan, from), *target = smash__row_tensor(plan, row), *source_mask = from == work->row ? &work->mask : &from->kept;
        const char *name = row->kept.name;
        smash_grid grid;
        smash_grain flat = smash_grain_element();
        smash_tensor mask, reduced;
        uint32_t axes[SMASH_MAX_DIMS], d;
        int pooled;
        SMASH__TRY(smash_grid_make(ctx, &row->mask.grain, target, &grid));
        SMASH__TRY(smash__align_dims(ctx, source, row->align_dims, row->align_dim_count, axes, &reduced));
        mask = smash_tensor_view(SMASH_BOOL, row->kept.data, grid.blocks, reduced.ndim, reduced.shape);
        if (!mask.data) mask.data = smash_arena_alloc(ctx, plan->arena, grid.blocks);
        if (!mask.data) return SMASH_ERR_NOMEM;
        /* either the reduced shape has one value per block, or it is the row's own and is pooled by its granularity */
        pooled = !smash__same_but_ones(&mask, grid.ndim, grid.count);
        if (pooled) for (d = 0; d < grid.ndim; d++) mask.shape[d] = grid.count[d];
        SMASH__TRY(smash_mask_align(ctx, source_mask, &from->mask.grain, source, row->align_dims, row->align_dim_count, pooled ? &row->mask.grain : &flat, &mask));
        row->kept = smash_tensor_view(SMASH_BOOL, mask.data, grid.blocks, grid.ndim, grid.count);
        row->kept.name = name;
        if (row->param == (uint32_t)SMASH_NONE) smash__count_dropped(row, &grid);
    }
    return SMASH_OK;
}

/* Apply a mask to numbers, the model's own to a copy of them. */
SMASH__FN smash_err smash__apply_own(smash_ctx *ctx, const smash_apply_desc *apply, const smash_grid *grid, const smash_tensor *mask, smash_tensor *t)
{
    const smash_tensor source = *t;
    size_t bytes;
    if (source.flags & SMASH_TENSOR_CONST) {
        SMASH__TRY(smash_tensor_bytes(&source, &bytes));
        t->data = smash__scratch(ctx, bytes, 1);
        if (!t->data) return SMASH_ERR_NOMEM;
        t->bytes = bytes;
        t->flags &= ~(uint32_t)SMASH_TENSOR_CONST;
    }
    return smash__apply_grid(ctx, apply, grid, mask, &source, t);
}

/* What is kept of each number of a tensor, in scratch: by the pruner's mask, whose row this is, by the given one, or by both */
SMASH__FN smash_err smash__both_masks(smash_ctx *ctx, const smash_work *work, const smash_row *row, smash_tensor *out)
{
    const int both = work->mask.data && work->masked;
    smash_tensor other;
    size_t count, i;
    SMASH__TRY(smash_tensor_count(&work->tensor, &count));
    *out = smash_tensor_view(SMASH_BOOL, NULL, count, work->tensor.ndim, work->tensor.shape);
    out->name = work->tensor.name;
    out->data = smash__scratch(ctx, count, 1);
    if (!out->data) return SMASH_ERR_NOMEM;
    if (!work->mask.data) return smash_mask_expand(ctx, &work->masked->mask.grain, &work->given, out);
    SMASH__TRY(smash_mask_expand(ctx, &row->mask.grain, &work->mask, out));
    if (!both) return SMASH_OK;
    other = *out;
    other.data = smash__scratch(ctx, count, 1);
    if (!other.data) return SMASH_ERR_NOMEM;
    SMASH__TRY(smash_mask_expand(ctx, &work->masked->mask.grain, &work->given, &other));
    for (i = 0; i < count; i++) ((uint8_t *)out->data)[i] &= ((const uint8_t *)other.data)[i];
    return SMASH_OK;
}

/* Scores of the blocks. Those that are masked already go first: they are 0, which is the least that a norm gives, but not fpgm. */
SMASH__FN smash_err smash__score_left(smash_ctx *ctx, const smash_work *work, const smash_mask_desc *desc, const smash_tensor *metric)
{
    static const int32_t all[SMASH_MAX_DIMS] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    smash_tensor left = *metric;
    size_t i, n;
    SMASH__TRY(smash_mask_metric(ctx, desc, &work->tensor, metric));
    if (!work->masked || desc->metric != SMASH_METRIC_FPGM) return SMASH_OK;
    SMASH__TRY(smash_tensor_count(metric, &n));
    left.dtype = SMASH_BOOL;
    left.bytes = n;
    left.data = smash__scratch(ctx, n, 1);
    if (!left.data) return SMASH_ERR_NOMEM;
    SMASH__TRY(smash_mask_align(ctx, &work->given, &work->masked->mask.grain, &work->tensor, all, work->tensor.ndim, &desc->grain, &left));
    for (i = 0; i < n; i++) if (!((const uint8_t *)left.data)[i]) ((double *)metric->data)[i] = -1;
    return SMASH_OK;
}

/* ---- masks that are given ---- */

/* The module and the target of "conv1._output_0" */
SMASH__FN smash_err smash__given_end(smash_ctx *ctx, const smash_model *model, const char *name, size_t *module, const char **target)
{
    const char *end = name, *own;
    ptrdiff_t m;
    *target = NULL;
    while (*end && !((end == name || end[-1] == '.') && smash__is_end(end))) end++;
    if (!*end || smash__end_target(end) != end) return SMASH_OK;
    own = smash__text_copy(ctx, &ctx->scratch, name, end == name ? 0 : (size_t)(end - name) - 1);
    if (!own) return SMASH_ERR_NOMEM;
    m = smash_model_find_module(model, own);
    if (m < 0) return SMASH_OK;
    *module = (size_t)m;
    *target = end;
    return SMASH_OK;
}

/* Whose mask it is that no tensor has the name of */
SMASH__FN smash_err smash__given_to_none(smash_ctx *ctx, const smash_model *model, const char *name, size_t index)
{
    static const char *const stored[] = { "_packed", "_compressed" };
    const char *near = NULL, *pair[2];
    size_t i;
    for (i = 0; i < 2; i++) {
        const char *whole = smash__join(ctx, &ctx->scratch, name, stored[i], "");
        if (!whole) return SMASH_ERR_NOMEM;
        if (smash_model_find_param(model, whole) >= 0) return SMASH__FAIL(ctx, SMASH_ERR_FORMAT, index, "there is a mask for %q, which the model holds compressed already; mask the model as it was before", name);
    }
    for (i = 0; i < model->param_count; i++) {
        pair[0] = near;
        pair[1] = model->params[i].name;
        near = smash_nearest(name, pair, 2);
    }
    return SMASH__FAIL(ctx, SMASH_ERR_FORMAT, index, near ? "there is a mask for %q, and no such tensor in the model; did you mean %q?" : "there is a mask for %q, and no such tensor in the model; take it out of the masks", name, near);
}

/* A mask has as many dims as its tensor, each of the same size or 1, or any where the shape is not known: t NULL. */
SMASH__FN smash_err smash__fit_dims(smash_ctx *ctx, const smash_param *mask, size_t index, const smash_tensor *t, smash_grain *grain)
{
    const smash_tensor *m = &mask->tensor;
    char is[SMASH__SHAPE_TEXT], must[SMASH__SHAPE_TEXT];
    int32_t block[SMASH_MAX_DIMS] = { 0 };
    uint32_t i;
    int fits = !t || m->ndim == t->ndim;
    for (i = 0; fits && i < m->ndim; i++) {
        const int same = !t || m->shape[i] == t->shape[i];
        fits = same || m->shape[i] == 1;
        block[i] = same ? 1 : -1;
    }
    if (!fits) return SMASH__FAIL(ctx, SMASH_ERR_FORMAT, index, "the mask of %q is %s, and the tensor %s; a mask has as many dims, each of the same size or 1", mask->name,
                                  smash__shape_text(m->ndim, m->shape, is), smash__shape_text(t->ndim, t->shape, must));
    *grain = smash_grain_block(block, m->ndim);
    return SMASH_OK;
}

/* An input or output: where the plan makes a mask of it, the given one has the same shape. */
SMASH__FN smash_err smash__fit_end(smash_ctx *ctx, const smash_plan *plan, const smash_param *mask, size_t index, smash_row *row)
{
    const smash_row *made = smash__pruner_row(plan, row->module, row->target);
    const smash_tensor *m = &mask->tensor;
    char is[SMASH__SHAPE_TEXT], must[SMASH__SHAPE_TEXT];
    smash_grid grid;
    if (made && !made->skip) {
        SMASH__TRY(smash_grid_make(ctx, &made->mask.grain, smash__row_tensor(plan, made), &grid));
        if (!smash__same_shape(m, grid.ndim, grid.count))
            return SMASH__FAIL(ctx, SMASH_ERR_FORMAT, index, "the mask of %q is %s, and the one that the config makes %s; they must be the same", mask->name, smash__shape_text(m->ndim, m->shape, is),
                               smash__shape_text(grid.ndim, grid.count, must));
    }
    row->activation = smash_model_find_activation(plan->model, row->module, row->target);
    if (!row->activation) row->note = "its shape is not known (\"shapes\"): the mask is as it is given";
    return smash__fit_dims(ctx, mask, index, row->activation, &row->mask.grain);
}

/* One mask of the file against the model: whose it is, and what one number of it stands for */
SMASH__FN smash_err smash__fit_given(smash_ctx *ctx, const smash_plan *plan, const smash_param *mask, size_t index, smash_row *row)
{
    const smash_model *model = plan->model;
    const ptrdiff_t found = smash_model_find_param(model, mask->name);
    const smash_dtype dtype = mask->tensor.dtype;
    size_t module = 0;
    row->param = (uint32_t)SMASH_NONE;
    if (found < 0) SMASH__TRY(smash__given_end(ctx, model, mask->name, &module, &row->target));
    else row->target = model->params[found].target;
    if (!row->target) return smash__given_to_none(ctx, model, mask->name, index);
    if (dtype != SMASH_BOOL && dtype != SMASH_U8) return SMASH__FAIL(ctx, SMASH_ERR_FORMAT, index, "the mask of %q is %s; a mask is BOOL, or U8 of 0 and 1", mask->name, smash_dtype_name(dtype));
    row->module = found < 0 ? (uint32_t)module : model->params[found].module;
    if (found < 0) return smash__fit_end(ctx, plan, mask, index, row);
    row->param = (uint32_t)found;
    if (!(SMASH__FLOATS >> model->params[found].tensor.dtype & 1))
        return SMASH__FAIL(ctx, SMASH_ERR_FORMAT, index, "there is a mask for %q, which is %s; masks are for F32 F64 F16 BF16; take it out of the masks", mask->name, smash_dtype_name(model->params[found].tensor.dtype));
    return smash__fit_dims(ctx, mask, index, &model->params[found].tensor, &row->mask.grain);
}

/* What a given mask of n numbers, each for so many of the tensor, drops. Not all of a hostile file's are 0 or 1. */
SMASH__FN smash_err smash__count_given(smash_ctx *ctx, const smash_tensor *mask, size_t elements, smash_row *row)
{
    const uint8_t *keep = (const uint8_t *)mask->data;
    size_t n, i, kept = 0;
    unsigned any = 0;
    SMASH__TRY(smash_tensor_count(mask, &n));
    for (i = 0; i < n; i++) { any |= keep[i]; kept += keep[i]; }
    for (i = 0; any > 1 && i < n; i++)
        if (keep[i] > 1) return SMASH__FAIL(ctx, SMASH_ERR_FORMAT, i, "the mask of %q holds %u at index %z; a mask holds 0 and 1", mask->name, (unsigned)keep[i], i);
    row->mask_stats.blocks = n;
    row->mask_stats.dropped = n - kept;
    row->mask_stats.elements = (n - kept) * elements;
    row->mask_stats.ratio = n ? (double)(n - kept) / (double)n : 0;
    return SMASH_OK;
}

/* The mask file's header: every mask has its place, and a row in plan->given, those of parameters in the model's order, then the others,
 * which are read at once: the file is all they have. */
SMASH__FN smash_err smash__read_given(smash_ctx *ctx, smash__run *run)
{
    static const smash_algo algo = { "masks", SMASH_PRUNER, "drop what a file of masks says", NULL, NULL, NULL, NULL, 0, 0, SMASH_SAVE_NONE, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL };
    smash_plan *plan = run->plan;
    const size_t n = plan->model->param_count;
    const smash_param *masks;
    smash_row *rows;
    smash_arena_mark mark;
    size_t i, count, numbers, elements;
    smash_err err = SMASH_OK;
    plan->given_count = 0;
    if (!run->desc->masks_in) return SMASH_OK;
    SMASH__TRY(smash_safetensors_read(ctx, NULL, run->desc->masks_in, plan->arena, NULL, &run->masks_in));
    masks = run->masks_in.params;
    count = run->masks_in.param_count;
    run->given = (uint32_t *)smash_arena_array(ctx, plan->arena, n + plan->count, sizeof *run->given);
    plan->given = (smash_row *)smash_arena_array(ctx, plan->arena, count, sizeof *plan->given);
    if (!run->given || !plan->given) return SMASH_ERR_NOMEM;
    for (i = 0; i < n + plan->count; i++) run->given[i] = (uint32_t)SMASH_NONE;
    mark = smash__scratch_mark(ctx);
    rows = (smash_row *)smash__scratch(ctx, count, sizeof *rows);
    if (!rows) return SMASH_ERR_NOMEM;
    for (i = 0; !err && i < count; i++) {
        smash_arena_mark names = smash__scratch_mark(ctx);
        smash_row *row = &rows[i];
        smash__fill(row, 0, sizeof *row);
        row->algo = &algo;
        row->entry = (uint32_t)i;
        row->align_row = row->first_dependent = row->next_dependent = row->group = row->next_member = (uint32_t)SMASH_NONE;
        row->apply_method = SMASH_APPLY_MUL;
        err = smash__fit_given(ctx, plan, &masks[i], i, row);
        if (!err && row->param != (uint32_t)SMASH_NONE) run->given[row->param] = (uint32_t)i;
        smash__scratch_rewind(ctx, names);
    }
    for (i = 0; !err && i < n; i++) {
        const smash_row *prune = smash__row_of(plan, plan->prune, i);
        if (run->given[i] == (uint32_t)SMASH_NONE) continue;
        plan->given[plan->given_count] = rows[run->given[i]];
        if (prune) {                                                     /* what goes by both goes in one way */
            plan->given[plan->given_count].apply_method = prune->apply_method;
            plan->given[plan->given_count].apply_value = prune->apply_value;
        }
        run->given[i] = (uint32_t)plan->given_count++;
    }
    for (i = 0; !err && i < count; i++) {
        smash_row *row = &plan->given[plan->given_count];
        const smash_row *made;
        if (rows[i].param != (uint32_t)SMASH_NONE) continue;
        *row = rows[i];
        made = smash__pruner_row(plan, row->module, row->target);
        err = smash_model_load(ctx, &run->masks_in, i, plan->arena, &row->kept);
        if (!err) err = smash_tensor_count(&row->kept, &numbers);
        elements = 1;
        if (!err && row->activation) err = smash_tensor_count(row->activation, &elements);
        if (!err) err = smash__count_given(ctx, &row->kept, row->activation && numbers ? elements / numbers : 1, row);
        if (made && !made->skip) run->given[n + (size_t)(made - plan->rows)] = (uint32_t)plan->given_count;
        plan->given_count++;
    }
    smash__scratch_rewind(ctx, mark);
    return err;
}

/* The given mask of a parameter, or, behind the parameters, of a row */
SMASH__FN smash_row *smash__given_of(const smash__run *run, size_t at)
{
    return run->given && run->given[at] != (uint32_t)SMASH_NONE ? &run->plan->given[run->given[at]] : NULL;
}

/* The pruner's row for the same target as a given mask, or NULL */
SMASH__FN const smash_row *smash__made_of(const smash_plan *plan, const smash_row *given)
{
    const smash_row *row = given->param != (uint32_t)SMASH_NONE ? smash__row_of(plan, plan->prune, given->param) : smash__pruner_row(plan, given->module, given->target);
    return row && !row->skip ? row : NULL;
}

/* A parameter's numbers into work, less what its given mask drops */
SMASH__FN smash_err smash__load_masked(smash_ctx *ctx, const smash__run *run, size_t param, smash_work *work)
{
    smash_row *row = smash__given_of(run, param);
    smash_apply_desc apply = SMASH_ZERO;
    smash_grid grid;
    size_t count, n;
    SMASH__TRY(smash_model_load(ctx, run->plan->model, param, &ctx->scratch, &work->tensor));
    if (!row) return SMASH_OK;
    SMASH__TRY(smash_model_load(ctx, &run->masks_in, row->entry, &ctx->scratch, &work->given));
    SMASH__TRY(smash_tensor_count(&work->tensor, &count));
    SMASH__TRY(smash_tensor_count(&work->given, &n));
    SMASH__TRY(smash__count_given(ctx, &work->given, n ? count / n : 1, row));
    if (!count) return SMASH_OK;                                         /* nothing to mask, whatever a dim of 1 says */
    work->masked = row;
    if (!row->mask_stats.dropped) return SMASH_OK;
    if (row->apply_method != SMASH_APPLY_MUL) {
        work->whole = work->tensor;
        work->tensor.flags |= SMASH_TENSOR_CONST;                        /* a copy is masked */
    }
    SMASH__TRY(smash_grid_make(ctx, &row->mask.grain, &work->tensor, &grid));
    return smash__apply_own(ctx, &apply, &grid, &work->given, &work->tensor);
}

/* Scores of all targets of a group, one tensor at a time, in scratch, with room for their masks. */
SMASH__FN smash_err smash__score_group(smash_ctx *ctx, const smash__run *run, const smash_target_group *group, smash_mask_member **out)
{
    smash_plan *plan = run->plan;
    smash_mask_member *members = (smash_mask_member *)smash__scratch(ctx, group->count, sizeof *members);
    uint32_t i, n = 0;
    if (!members) return SMASH_ERR_NOMEM;
    for (i = group->first; i != (uint32_t)SMASH_NONE; i = plan->rows[i].next_member, n++) {
        smash_row *row = &plan->rows[i];
        smash_mask_member *m = &members[n];
        smash_arena_mark tensor;
        smash_work work;
        smash_grid grid;
        smash_err err;
        smash__fill(m, 0, sizeof *m);
        smash__fill(&work, 0, sizeof work);
        SMASH__TRY(smash_grid_make(ctx, &row->mask.grain, &plan->model->params[row->param].tensor, &grid));
        SMASH__TRY(smash__grid_tensor(ctx, &grid, SMASH_F64, plan->model->params[row->param].name, &m->metric));
        tensor = smash__scratch_mark(ctx);
        err = smash__load_masked(ctx, run, row->param, &work);
        if (!err) err = smash__score_left(ctx, &work, &row->mask, &m->metric);
        smash__scratch_rewind(ctx, tensor);
        if (err) return err;
        if (!row->kept.data) {
            void *room = smash_arena_alloc(ctx, plan->arena, grid.blocks);
            if (!room) return SMASH_ERR_NOMEM;
            row->kept = smash_tensor_view(SMASH_BOOL, room, grid.blocks, grid.ndim, grid.count);
        }
        m->mask = row->kept;
        m->block_elements = grid.block_elements;
        m->min_ratio = row->mask.min_ratio;
        m->max_ratio = row->mask.max_ratio;
    }
    *out = members;
    return SMASH_OK;
}

/* The masks of the members are made: their rows get to know. */
SMASH__FN void smash__group_made(smash_plan *plan, smash_target_group *group, const smash_mask_member *members)
{
    uint32_t i, n = 0;
    for (i = group->first; i != (uint32_t)SMASH_NONE; i = plan->rows[i].next_member) plan->rows[i].mask_stats = members[n++].stats;
    group->made = 1;
}

SMASH__FN smash_err smash__make_group(smash_ctx *ctx, const smash__run *run, smash_target_group *group)
{
    smash_plan *plan = run->plan;
    smash_arena_mark mark = smash__scratch_mark(ctx);
    smash_mask_desc common = plan->rows[group->first].mask;
    smash_budget_desc budget = SMASH_ZERO;
    smash_mask_member *members;
    smash_err err = smash__score_group(ctx, run, group, &members);
    if (!err && group->rule == SMASH_RULE_GLOBAL) {
        budget.ratio = common.ratio;
        err = smash_mask_allocate_global(ctx, &budget, members, group->count);
    }
    if (!err && group->rule == SMASH_RULE_SHARED) {
        common.min_ratio = common.max_ratio = 0;                         /* of the members, which may differ */
        err = smash_mask_allocate_shared(ctx, &common, members, group->count, 32);
    }
    if (!err) smash__group_made(plan, group, members);
    smash__scratch_rewind(ctx, mark);
    return err;
}

/* 1 if the row's mask comes from its group. Thresholds of a global group are each target's own business. */
SMASH__FN int smash__in_group(const smash_plan *plan, const smash_row *row)
{
    return row->group != (uint32_t)SMASH_NONE && !(plan->groups[row->group].rule == SMASH_RULE_GLOBAL && row->mask.use_threshold);
}

/* level, l1_norm, l2_norm, fpgm: they differ in metric and default granularity, which stand in the row. */
SMASH__FN smash_err smash__apply_pruner(smash_ctx *ctx, smash_work *work)
{
    smash_row *row = work->row;
    smash_apply_desc apply = SMASH_ZERO;
    smash_tensor mask;
    smash_grid grid;
    SMASH__TRY(smash_grid_make(ctx, &row->mask.grain, &work->tensor, &grid));
    if (smash__in_group(work->plan, row)) work->mask = row->kept;
    else if (row->align_row == (uint32_t)SMASH_NONE) {
        SMASH__TRY(smash__grid_tensor(ctx, &grid, SMASH_BOOL, work->tensor.name, &work->mask));
        if (work->masked && row->mask.metric == SMASH_METRIC_FPGM) {
            smash_tensor metric;
            SMASH__TRY(smash__grid_tensor(ctx, &grid, SMASH_F64, work->tensor.name, &metric));
            SMASH__TRY(smash__score_left(ctx, work, &row->mask, &metric));
            SMASH__TRY(smash_mask_allocate(ctx, &row->mask, &metric, smash_dtype_bits(work->tensor.dtype), &work->mask, &row->mask_stats));
            row->mask_stats.elements *= grid.block_elements;
        } else SMASH__TRY(smash_mask_make(ctx, &row->mask, &work->tensor, &work->mask, &row->mask_stats));
        if (row->mask_stats.dropped == 0 && row->mask.ratio > 0)
            row->note = row->mask_stats.blocks == 1 ? "the granularity makes one block of the whole tensor: nothing goes" : "the ratio is less than one block of this granularity: nothing goes";
    } else {
        work->mask = row->kept;
        smash__count_dropped(row, &grid);
    }
    SMASH__TRY(smash__make_dependents(ctx, work));
    mask = work->mask;
    if (work->whole.data) {                                              /* what was given goes as this row drops: both masks as one */
        const smash_grain single = smash_grain_element();
        work->tensor = work->whole;
        SMASH__TRY(smash__both_masks(ctx, work, row, &mask));
        SMASH__TRY(smash_grid_make(ctx, &single, &work->tensor, &grid));
    } else if (!row->mask_stats.dropped) return SMASH_OK;
    apply.method = row->apply_method;
    apply.value = row->apply_value;
    return row->apply_method == SMASH_APPLY_BYPASS ? SMASH_OK : smash__apply_own(ctx, &apply, &grid, &mask, &work->tensor);
}

/* ptq: exact ranges of the weights as they are, after pruning. */
SMASH__FN smash_err smash__apply_quantizer(smash_ctx *ctx, smash_work *work)
{
    smash_row *row = work->row;
    smash_grid grid;
    size_t i, bytes;
    const int32_t *zero;
    SMASH__TRY(smash_grid_make(ctx, &row->quant.grain, &work->tensor, &grid));
    SMASH__TRY(smash__grid_tensor(ctx, &grid, SMASH_F32, work->tensor.name, &work->scale));
    SMASH__TRY(smash__grid_tensor(ctx, &grid, SMASH_I32, work->tensor.name, &work->zero));
    SMASH__TRY(smash_quant_fit(ctx, &row->quant, &work->tensor, &work->scale, &work->zero));
    work->quantized = smash_tensor_view(smash_quant_dtype(&row->quant), NULL, 0, work->tensor.ndim, work->tensor.shape);
    work->quantized.name = work->tensor.name;
    SMASH__TRY(smash_tensor_bytes(&work->quantized, &bytes));
    work->quantized.data = smash__scratch(ctx, bytes, 1);
    work->quantized.bytes = bytes;
    if (!work->quantized.data) return SMASH_ERR_NOMEM;
    SMASH__TRY(smash_quantize(ctx, &row->quant, &work->tensor, &work->scale, &work->zero, &work->quantized));
    SMASH__TRY(smash_quant_measure(ctx, &row->quant, &work->tensor, &work->scale, &work->zero, &work->quantized, &row->quant_stats));
    zero = (const int32_t *)work->zero.data;
    row->has_zero = 0;
    for (i = 0; i < grid.blocks; i++) row->has_zero |= zero[i] != 0;
    return SMASH_OK;
}

/* ---- the table ---- */

SMASH__DEF const smash_registry *smash_builtins(void)
{
    static const char *const all[] = { "Linear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "Embedding", NULL };
    static const char *const layers[] = { "Linear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", NULL };
    static const smash_targets level = { all, SMASH_METRIC_L1, SMASH_GRAIN_ELEMENT, smash__apply_pruner }, l1 = { layers, SMASH_METRIC_L1, SMASH_GRAIN_AXIS, smash__apply_pruner };
    static const smash_targets l2 = { layers, SMASH_METRIC_L2, SMASH_GRAIN_AXIS, smash__apply_pruner }, fpgm = { layers, SMASH_METRIC_FPGM, SMASH_GRAIN_AXIS, smash__apply_pruner };
    static const smash_targets ptq = { all, SMASH_METRIC_DEFAULT, SMASH_GRAIN_TENSOR, smash__apply_quantizer };
    static const char *const han[] = { "Han et al. 2015, arXiv:1506.02626", NULL }, *const li[] = { "Li et al. 2017, arXiv:1608.08710", NULL };
    static const char *const he[] = { "He et al. 2019, arXiv:1811.00250", NULL }, *const jacob[] = { "Jacob et al. 2018, arXiv:1712.05877", NULL };
    static const char *const level_names[] = { "torch_unstructured", "level_pruner", NULL }, *const l1_names[] = { "l1_filter", "l1_norm_pruner", NULL };
    static const char *const l2_names[] = { "l2_filter", "l2_norm_pruner", NULL }, *const fpgm_names[] = { "fpgm_pruner", NULL }, *const ptq_names[] = { "observer", "ptq_quantizer", NULL };
    static const char *const quantizers[] = { "ptq", NULL }, *const pruners[] = { "level", "l1_norm", "l2_norm", "fpgm", NULL };
    static const smash_algo algos[] = {
        { "level", SMASH_PRUNER, "drop single weights of smallest magnitude",
          "Sets the weights of smallest magnitude in each tensor to zero, wherever they stand. It keeps accuracy best at a given sparsity; the file gets smaller only where zeros are packed, and runtimes "
          "get faster only if they skip zeros.",
          han, level_names, quantizers, 0, SMASH_ON_CPU, SMASH_SAVE_NONE, 1, NULL, 0, &level, NULL, NULL, NULL, NULL, NULL },
        { "l1_norm", SMASH_PRUNER, "drop output channels of smallest L1 norm",
          "Sets whole output channels to zero, those whose absolute weights have the smallest sum. Biases go with their channels.",
          li, l1_names, quantizers, 0, SMASH_ON_CPU, SMASH_SAVE_NONE, 1, NULL, 0, &l1, NULL, NULL, NULL, NULL, NULL },
        { "l2_norm", SMASH_PRUNER, "drop output channels of smallest L2 norm",
          "Sets whole output channels to zero, those whose squared weights have the smallest sum. Biases go with their channels.",
          li, l2_names, quantizers, 0, SMASH_ON_CPU, SMASH_SAVE_NONE, 1, NULL, 0, &l2, NULL, NULL, NULL, NULL, NULL },
        { "fpgm", SMASH_PRUNER, "drop output channels nearest to all others (geometric median)",
          "Sets whole output channels to zero, those whose distances to all others have the smallest sum: what they do, others do as well. Biases go with their channels.",
          he, fpgm_names, quantizers, 0, SMASH_ON_CPU, SMASH_SAVE_NONE, 1, NULL, 0, &fpgm, NULL, NULL, NULL, NULL, NULL },
        { "ptq", SMASH_QUANTIZER, "quantize weights to integers from their exact minimum and maximum",
          "Stores weights as integers of 2 to 16 bits with a scale for each block, found from the exact range of the weights as they are after pruning. Inputs, outputs and biases stay float.",
          jacob, ptq_names, pruners, 0, SMASH_ON_CPU, SMASH_SAVE_NONE, 1, NULL, 0, &ptq, NULL, NULL, NULL, NULL, NULL }
    };
    static const smash_algo *const pointers[] = { &algos[0], &algos[1], &algos[2], &algos[3], &algos[4] };
    static const smash_registry registry = { pointers, sizeof pointers / sizeof *pointers, 0, NULL };
    return &registry;
}

SMASH__DEF smash_err smash_register_builtins(smash_ctx *ctx, smash_registry *registry)
{
    const smash_registry *all = smash_builtins();
    size_t i;
    for (i = 0; i < all->count; i++) SMASH__TRY(smash_register(ctx, registry, all->algos[i]));
    return SMASH_OK;
}

/* ---- running a plan ---- */

/* Tensors of the file to write that come from one parameter: at most numbers, scale, zero point, shape, bitmask. */
enum { SMASH__OUT_MAIN = 0, SMASH__OUT_SCALE = 1, SMASH__OUT_ZERO = 2, SMASH__OUT_SHAPE = 3, SMASH__OUTS = 5 };

/* Bytes that names, shapes and offsets of two more tensors take in the header, about */
enum { SMASH__SPARSE_COST = 256 };

/* 1 if a pruned tensor of so many numbers is smaller without its zeros. */
SMASH__FN int smash__is_packed_sparse(const smash__run *run, size_t param, smash_dtype dtype, size_t n)
{
    const uint64_t unit = smash_dtype_bits(dtype) / 8;
    if (!run->nonzero || !unit || !(smash__row_of(run->plan, run->plan->prune, param) || smash__given_of(run, param))) return 0;
    return run->nonzero[param] * unit + n / 8 + 1 + run->plan->model->params[param].tensor.ndim * 8 + SMASH__SPARSE_COST < n * unit;
}

/* What a parameter becomes in the file: the tensors, without data. */
SMASH__FN smash_err smash__outputs(smash_ctx *ctx, const smash__run *run, size_t param, smash_tensor out[SMASH__OUTS], uint32_t *count)
{
    const smash_plan *plan = run->plan;
    const smash_param *p = &plan->model->params[param];
    const smash_row *row = smash__row_of(plan, plan->quantize, param);
    smash_dtype dtype;
    smash_grid grid;
    smash_tensor sparse;
    size_t bytes, ndim = p->tensor.ndim, numbers;
    uint32_t n = 1, bits;
    smash__fill(&sparse, 0, sizeof sparse);
    out[SMASH__OUT_MAIN] = smash_tensor_view(p->tensor.dtype, NULL, 0, p->tensor.ndim, p->tensor.shape);
    out[SMASH__OUT_MAIN].name = p->name;
    *count = 1;
    SMASH__TRY(smash_tensor_count(&p->tensor, &numbers));
    dtype = row ? smash_quant_dtype(&row->quant) : p->tensor.dtype;
    out[SMASH__OUT_MAIN].dtype = dtype;
    if (smash__is_packed_sparse(run, param, dtype, numbers)) {
        const size_t bytes_of_bits = numbers / 8 + (numbers % 8 != 0);
        out[SMASH__OUT_MAIN] = smash_tensor_view(dtype, NULL, 0, 1, &run->nonzero[param]);
        out[SMASH__OUT_MAIN].name = smash__join(ctx, plan->arena, p->name, "_compressed", "");
        sparse = smash_tensor_view(SMASH_U8, NULL, 0, 1, &bytes_of_bits);
        sparse.name = smash__join(ctx, plan->arena, p->name, "_bitmask", "");
        if (!out[SMASH__OUT_MAIN].name || !sparse.name) return SMASH_ERR_NOMEM;
    }
    if (!row && !sparse.name) return SMASH_OK;
    if (!row) {
        out[n++] = sparse;
        out[n] = smash_tensor_view(SMASH_I64, NULL, 0, 1, &ndim);
        out[n++].name = smash__join(ctx, plan->arena, p->name, "_shape", "");
        *count = n;
        return out[n - 1].name ? SMASH_OK : SMASH_ERR_NOMEM;
    }
    SMASH__TRY(smash_grid_make(ctx, &row->quant.grain, &p->tensor, &grid));
    if (smash_dtype_bits(dtype) < 8) {
        SMASH__TRY(smash_tensor_bytes(&out[SMASH__OUT_MAIN], &bytes));
        out[SMASH__OUT_MAIN] = smash_tensor_view(SMASH_U8, NULL, 0, 1, &bytes);
        out[SMASH__OUT_MAIN].name = smash__join(ctx, plan->arena, p->name, "_packed", "");
        if (!out[SMASH__OUT_MAIN].name) return SMASH_ERR_NOMEM;
    }
    out[n] = smash_tensor_view(SMASH_F32, NULL, 0, grid.ndim, grid.count);
    out[n++].name = smash__join(ctx, plan->arena, p->name, "_scale", "");
    bits = row->quant.bits ? row->quant.bits : 8;
    if (row->has_zero) {
        out[n] = smash_tensor_view(smash__grid_dtype(bits < 8 ? 8 : bits, row->quant.is_unsigned), NULL, 0, grid.ndim, grid.count);
        out[n++].name = smash__join(ctx, plan->arena, p->name, "_zero_point", "");
    }
    if (smash_dtype_bits(dtype) < 8 || sparse.name) {
        out[n] = smash_tensor_view(SMASH_I64, NULL, 0, 1, &ndim);
        out[n++].name = smash__join(ctx, plan->arena, p->name, "_shape", "");
    }
    if (sparse.name) out[n++] = sparse;
    *count = n;
    while (--n) if (!out[n].name) return SMASH_ERR_NOMEM;
    return SMASH_OK;
}

SMASH__FN size_t smash__count_zeros(const smash_tensor *t, size_t n)
{
    size_t zeros = 0, i;
    int is_float = smash__dtype(t->dtype)->kind & SMASH__FLOAT;
    switch (smash_dtype_bits(t->dtype)) {
    case 8:  { const uint8_t *p = (const uint8_t *)t->data;   for (i = 0; i < n; i++) zeros += p[i] == 0; break; }
    case 16: { const uint16_t *p = (const uint16_t *)t->data; for (i = 0; i < n; i++) zeros += (uint16_t)(p[i] << is_float) == 0; break; }
    case 32: { const uint32_t *p = (const uint32_t *)t->data; for (i = 0; i < n; i++) zeros += p[i] << is_float == 0; break; }
    case 64: if (t->dtype != SMASH_C64) { const uint64_t *p = (const uint64_t *)t->data; for (i = 0; i < n; i++) zeros += p[i] << is_float == 0; } break;
    default: break;
    }
    return zeros;
}

/* Numbers of a parameter that are not zero when they are read back */
SMASH__FN size_t smash__numbers_left(const smash__run *run, size_t param, const smash_work *work)
{
    const smash_row *quant = smash__row_of(run->plan, run->plan->quantize, param);
    size_t count = 0;
    (void)smash_tensor_count(&work->tensor, &count);
    return count - (quant ? quant->quant_stats.zeros : smash__count_zeros(&work->tensor, count));
}

/* What a goal counts of a parameter: for multiply-accumulates the numbers that no mask drops, else those that are left */
SMASH__FN smash_err smash__count_left(smash_ctx *ctx, const smash__run *run, size_t param, const smash_work *work, size_t *left)
{
    smash_tensor both;
    size_t n;
    *left = smash__numbers_left(run, param, work);
    if (run->plan->goal.kind != SMASH_GOAL_MACS) return SMASH_OK;
    SMASH__TRY(smash_tensor_count(&work->tensor, left));
    if (!work->mask.data && !work->masked) return SMASH_OK;
    SMASH__TRY(smash__both_masks(ctx, work, smash__row_of(run->plan, run->plan->prune, param), &both));
    n = *left;
    *left -= smash__count_zeros(&both, n);
    return SMASH_OK;
}

/* The numbers and the bitmask of a tensor without zeros, in scratch, into their places among those laid out. */
SMASH__FN smash_err smash__squeeze(smash_ctx *ctx, const smash_tensor *t, smash_tensor *outs, uint32_t n)
{
    smash_tensor *bits = NULL;
    size_t bytes;
    uint32_t i;
    for (i = 1; i < n; i++) if (smash__ends_with(outs[i].name, "_bitmask")) bits = &outs[i];
    SMASH__TRY(smash_tensor_bytes(&outs[0], &bytes));
    outs[0].data = smash__scratch(ctx, bytes, 1);
    outs[0].bytes = bytes;
    SMASH__TRY(smash_tensor_bytes(bits, &bytes));
    bits->data = smash__scratch(ctx, bytes, 1);
    bits->bytes = bytes;
    if (!outs[0].data || !bits->data) return SMASH_ERR_NOMEM;
    return smash_sparse_pack(ctx, t, bits, &outs[0]);
}

/* Write what the tensor has become. */
/* The mask of an input or output, less what a given one drops */
SMASH__FN smash_err smash__emit_end(smash_ctx *ctx, smash__run *run, uint32_t index)
{
    const smash_row *given = smash__given_of(run, run->plan->model->param_count + index);
    smash_tensor both = run->plan->rows[index].kept;
    size_t n, i;
    SMASH__TRY(smash_tensor_count(&both, &n));
    if (given) {
        const uint8_t *made = (const uint8_t *)both.data;
        both.data = smash__scratch(ctx, n, 1);
        if (!both.data) return SMASH_ERR_NOMEM;
        for (i = 0; i < n; i++) ((uint8_t *)both.data)[i] = made[i] & ((const uint8_t *)given->kept.data)[i];
    }
    return smash_safetensors_put(ctx, &run->mask_layout, run->desc->masks, run->mask_index[index], &both);
}

SMASH__FN smash_err smash__emit(smash_ctx *ctx, smash__run *run, size_t param, smash_work *work)
{
    const smash_io *out = run->desc->out, *masks = run->desc->masks;
    const smash_param *p = &run->plan->model->params[param];
    const smash_row *quant = smash__row_of(run->plan, run->plan->quantize, param);
    smash_tensor outs[SMASH__OUTS];
    uint32_t n, i, index = run->first[param];
    size_t count;
    SMASH__TRY(smash_tensor_count(&p->tensor, &count));
    run->result.parameters += count;
    run->result.nonzero += smash__numbers_left(run, param, work);
    if (out) SMASH__TRY(smash__outputs(ctx, run, param, outs, &n));
    if (out && smash__is_packed_sparse(run, param, quant ? smash_quant_dtype(&quant->quant) : p->tensor.dtype, count)) SMASH__TRY(smash__squeeze(ctx, quant ? &work->quantized : &work->tensor, outs, n));
    else if (out) outs[SMASH__OUT_MAIN].data = quant ? work->quantized.data : work->tensor.data;
    if (out) {
        for (i = 0; i < n; i++) {
            int64_t shape[SMASH_MAX_DIMS];
            uint32_t d;
            size_t bytes;
            smash_tensor t = outs[i];
            SMASH__TRY(smash_tensor_bytes(&t, &bytes));
            t.bytes = bytes;
            if (i == SMASH__OUT_MAIN || t.data) { }                      /* numbers, bitmask: there already */
            else if (quant && i == SMASH__OUT_SCALE) t.data = work->scale.data;
            else if (t.dtype == SMASH_I64) {
                for (d = 0; d < p->tensor.ndim; d++) shape[d] = (int64_t)p->tensor.shape[d];
                t.data = shape;
            } else {
                t.data = smash__scratch(ctx, bytes, 1);
                if (!t.data) return SMASH_ERR_NOMEM;
                SMASH__TRY(smash_tensor_convert(ctx, &work->zero, &t));
            }
            SMASH__TRY(smash_safetensors_put(ctx, &run->layout, out, index + i, &t));
        }
    }
    if (masks && (work->mask.data || work->masked)) {                    /* what either of them drops is gone */
        const smash_row *prune = smash__row_of(run->plan, run->plan->prune, param);
        const uint32_t place = prune ? run->plan->prune[param] : (uint32_t)run->plan->count + run->given[param];
        smash_tensor full;
        SMASH__TRY(smash__both_masks(ctx, work, prune, &full));
        SMASH__TRY(smash_safetensors_put(ctx, &run->mask_layout, masks, run->mask_index[place], &full));
        for (i = place; prune && (i = smash__next_follower(run->plan, place, i)) != place; )                  /* inputs and outputs: as it is, to be broadcast */
            if (run->plan->rows[i].param == (uint32_t)SMASH_NONE) SMASH__TRY(smash__emit_end(ctx, run, i));
    }
    return SMASH_OK;
}

SMASH__FN smash_err smash__process(smash_ctx *ctx, smash__run *run, size_t param, int emit)
{
    smash_arena_mark mark = smash__scratch_mark(ctx);
    smash_row *prune = smash__row_of(run->plan, run->plan->prune, param), *quantize = smash__row_of(run->plan, run->plan->quantize, param);
    smash_work work;
    smash_err err;
    smash__fill(&work, 0, sizeof work);
    work.plan = run->plan;
    if (prune && smash__in_group(run->plan, prune) && !run->plan->groups[prune->group].made) SMASH__TRY(smash__make_group(ctx, run, &run->plan->groups[prune->group]));
    err = smash__load_masked(ctx, run, param, &work);
    if (!err && prune)    { work.row = prune;    err = prune->algo->targets->apply(ctx, &work); }
    if (!err && quantize) { work.row = quantize; err = quantize->algo->targets->apply(ctx, &work); }
    if (!err && emit) err = smash__emit(ctx, run, param, &work);
    if (!err && run->left) err = smash__count_left(ctx, run, param, &work, &run->left[param]);
    if (!err && !emit && run->nonzero && (prune || work.masked) && !(quantize && smash_dtype_bits(work.quantized.dtype) < 8))
        err = smash_sparse_count(ctx, quantize ? &work.quantized : &work.tensor, &run->nonzero[param]);
    smash__scratch_rewind(ctx, mark);
    if (!err && emit) {
        size_t bytes;
        SMASH__TRY(smash_tensor_bytes(&run->plan->model->params[param].tensor, &bytes));
        run->done += bytes;
        if (run->desc->progress) run->desc->progress(run->desc->progress_user, run->done, run->total);
    }
    return err;
}

/* Two sizes depend on the numbers: an affine grid may turn out to have no zero point but 0, and then none is stored; and a sparse
 * tensor is as large as what is left of it. These tensors, and the masks they depend on, go through once before the layout is made. */
SMASH__FN smash_err smash__measure_zeros(smash_ctx *ctx, smash__run *run)
{
    smash_plan *plan = run->plan;
    size_t n = plan->model->param_count, i;
    unsigned char *needed = (unsigned char *)smash_arena_alloc(ctx, plan->arena, n + 1);
    if (!needed) return SMASH_ERR_NOMEM;
    if (plan->pack_sparse) {
        run->nonzero = (size_t *)smash_arena_array(ctx, plan->arena, n, sizeof *run->nonzero);
        if (!run->nonzero) return SMASH_ERR_NOMEM;
        for (i = 0; i < n; i++) run->nonzero[i] = 0;
    }
    for (i = 0; i < n; i++) {
        smash_row *row = smash__row_of(plan, plan->quantize, i);
        needed[i] = row && row->quant.scheme == SMASH_AFFINE;
        if (row && !needed[i]) row->has_zero = row->quant.is_unsigned;
        if ((plan->pack_sparse && (smash__row_of(plan, plan->prune, i) || smash__given_of(run, i))) || (plan->goal.kind && smash__row_of(plan, plan->prune, i))) needed[i] = 1;
        if (run->left) needed[i] = 1;
    }
    for (i = n; i > 0; i--) {                                            /* backwards: sources stand before those that follow them */
        const uint32_t param = plan->order[i - 1];
        const smash_row *row = smash__row_of(plan, plan->prune, param);
        const uint32_t source = row ? smash__source_param(plan, row) : (uint32_t)SMASH_NONE;
        if (needed[param] && source != (uint32_t)SMASH_NONE) needed[source] = 1;
    }
    for (i = 0; i < n; i++) if (needed[plan->order[i]]) SMASH__TRY(smash__process(ctx, run, plan->order[i], 0));
    return SMASH_OK;
}

#define SMASH__FORMAT_TEXT "1"        /* SMASH_FORMAT_VERSION */
enum { SMASH__OWN_META = 6 };

/* The metadata of a file: what the model has, less what is ours, then ours, less what has no value. */
SMASH__FN smash_err smash__metadata(smash_ctx *ctx, smash_arena *arena, const smash_model *model, const char *const values[SMASH__OWN_META], smash_meta **out, size_t *count)
{
    static const char *const keys[SMASH__OWN_META] = { "smash.format_version", "smash.config", "smash.module_types", "smash.quant_dtypes", "smash.dictionary", "smash.reapply" };
    smash_meta *made = (smash_meta *)smash_arena_array(ctx, arena, model->metadata_count + SMASH__OWN_META, sizeof *made);
    size_t i, n = 0;
    int k;
    if (!made) return SMASH_ERR_NOMEM;
    for (i = 0; i < model->metadata_count; i++) {
        int ours = 0;
        for (k = 0; k < SMASH__OWN_META; k++) ours |= smash__equal(model->metadata[i].key, keys[k]);
        if (!ours) made[n++] = model->metadata[i];
    }
    for (k = 0; k < SMASH__OWN_META; k++) {
        if (!values[k]) continue;
        made[n].key = keys[k];
        made[n++].value = values[k];
    }
    *out = made;
    *count = n;
    return SMASH_OK;
}

SMASH__FN smash_err smash__make_layouts(smash_ctx *ctx, smash__run *run)
{
    smash_plan *plan = run->plan;
    const smash_model *model = plan->model;
    const smash_meta format = { "smash.format_version", SMASH__FORMAT_TEXT };
    const char *values[SMASH__OWN_META];
    size_t n = model->param_count, i, metadata_count;
    uint32_t count = 0, mask_count = 0, made;
    smash_tensor *tensors = (smash_tensor *)smash_arena_array(ctx, plan->arena, n + 1, SMASH__OUTS * sizeof *tensors);
    smash_tensor *masks = (smash_tensor *)smash_arena_array(ctx, plan->arena, plan->count + plan->given_count + 1, sizeof *masks);
    smash_meta *metadata;
    run->first = (uint32_t *)smash_arena_array(ctx, plan->arena, n + 1, sizeof *run->first);
    run->mask_index = (uint32_t *)smash_arena_array(ctx, plan->arena, plan->count + plan->given_count + 1, sizeof *run->mask_index);
    if (!tensors || !masks || !run->first || !run->mask_index) return SMASH_ERR_NOMEM;
    for (i = 0; i < n; i++) {
        run->first[i] = count;
        SMASH__TRY(smash__outputs(ctx, run, i, tensors + count, &made));
        count += made;
    }
    for (i = 0; i < plan->count; i++) {
        const smash_row *row = &plan->rows[i];
        const smash_tensor *t = smash__row_tensor(plan, row);
        smash_grid grid;
        if (row->algo->group != SMASH_PRUNER || row->skip) continue;
        run->mask_index[i] = mask_count;
        masks[mask_count] = smash_tensor_view(SMASH_BOOL, NULL, 0, t->ndim, t->shape);
        if (row->param == (uint32_t)SMASH_NONE) {
            SMASH__TRY(smash_grid_make(ctx, &row->mask.grain, t, &grid));
            masks[mask_count] = smash_tensor_view(SMASH_BOOL, NULL, 0, grid.ndim, grid.count);
        }
        masks[mask_count++].name = smash__row_name(plan, row);
    }
    for (i = 0; i < plan->given_count; i++) {
        const smash_row *row = &plan->given[i];
        if (smash__made_of(plan, row)) continue;                         /* both in one */
        run->mask_index[plan->count + i] = mask_count;
        masks[mask_count] = row->param == (uint32_t)SMASH_NONE ? row->kept : model->params[row->param].tensor;
        masks[mask_count] = smash_tensor_view(SMASH_BOOL, NULL, 0, masks[mask_count].ndim, masks[mask_count].shape);
        masks[mask_count++].name = smash__row_name(plan, row);
    }
    values[0] = SMASH__FORMAT_TEXT;
    values[1] = plan->config_text;
    values[2] = plan->types_text;
    values[3] = plan->dtypes_text;
    values[4] = plan->dictionary_text;
    values[5] = NULL;
    SMASH__TRY(smash__metadata(ctx, plan->arena, model, values, &metadata, &metadata_count));
    SMASH__TRY(smash_safetensors_layout(ctx, tensors, count, metadata, metadata_count, plan->arena, &run->layout));
    SMASH__TRY(smash_safetensors_layout(ctx, masks, mask_count, &format, 1, plan->arena, &run->mask_layout));
    run->result.bytes = run->layout.bytes;
    run->result.mask_bytes = run->mask_layout.bytes;
    return SMASH_OK;
}

/* ---- a goal for the whole model ---- */

typedef struct smash__search {
    smash__run         *run;
    smash_target_group *group;
    smash_mask_member  *members;
    unsigned char      *affected;     /* per parameter: 1: its mask comes from the group, or from one that does */
} smash__search;

/* What is counted of a parameter of so many numbers: bytes, as they are stored in full, for BYTES. */
SMASH__FN uint64_t smash__goal_cost(const smash__run *run, size_t param, uint64_t numbers)
{
    const smash_plan *plan = run->plan;
    const smash_param *p = &plan->model->params[param];
    const smash_row *quant = smash__row_of(plan, plan->quantize, param);
    const uint64_t bits = smash_dtype_bits(quant ? smash_quant_dtype(&quant->quant) : p->tensor.dtype);
    if (plan->goal.kind == SMASH_GOAL_BYTES) return numbers * (bits < 8 ? 1 : bits / 8);
    return plan->goal.kind == SMASH_GOAL_MACS ? numbers * plan->goal.uses[param] : numbers;
}

/* What is left with the masks as they are */
SMASH__FN smash_err smash__goal_left(smash_ctx *ctx, smash__run *run, uint64_t *left)
{
    const smash_plan *plan = run->plan;
    smash_arena_mark mark = smash_arena_get_mark(plan->arena);
    size_t i, n;
    *left = 0;
    if (plan->goal.kind == SMASH_GOAL_BYTES) {
        smash_err err = smash__make_layouts(ctx, run);
        smash_arena_rewind(plan->arena, mark);
        *left = run->layout.bytes;
        return err;
    }
    for (i = 0; i < plan->model->param_count; i++) {
        const smash_row *row = smash__row_of(plan, plan->prune, i);
        SMASH__TRY(smash_tensor_count(&plan->model->params[i].tensor, &n));
        *left += smash__goal_cost(run, i, run->left ? run->left[i] : n - (row ? row->mask_stats.elements : 0));
    }
    return SMASH_OK;
}

/* Masks of which `amount` goes, and the number of blocks that does. */
SMASH__FN smash_err smash__search_masks(smash_ctx *ctx, smash__search *s, uint64_t amount, uint64_t *blocks)
{
    smash_budget_desc budget = SMASH_ZERO;
    uint32_t i;
    budget.use_amount = 1;
    budget.amount = amount < SIZE_MAX ? (size_t)amount : SIZE_MAX;
    SMASH__TRY(smash_mask_allocate_global(ctx, &budget, s->members, s->group->count));
    smash__group_made(s->run->plan, s->group, s->members);
    for (*blocks = 0, i = 0; i < s->group->count; i++) *blocks += s->members[i].stats.dropped;
    return SMASH_OK;
}

/* A block costs what it counts for the goal, or 1. What is larger than can be summed costs 1: it is only a guess. */
SMASH__FN void smash__search_costs(const smash__search *s, int own)
{
    const smash_plan *plan = s->run->plan;
    double total = 0;
    uint32_t i, n = 0;
    for (i = s->group->first; i != (uint32_t)SMASH_NONE; i = plan->rows[i].next_member, n++) {
        const uint64_t cost = own ? smash__goal_cost(s->run, plan->rows[i].param, s->members[n].block_elements) : 1;
        total += (double)cost * (double)smash__metric_blocks(&s->members[n]);
        s->members[n].cost = cost && total < (double)(SIZE_MAX / 2) ? (size_t)cost : 1;
    }
    for (n = 0; n < s->group->count && total >= (double)(SIZE_MAX / 2); n++) s->members[n].cost = 1;
}

/* What is left when so many blocks go */
SMASH__FN smash_err smash__search_try(smash_ctx *ctx, smash__search *s, uint64_t blocks, uint64_t *left)
{
    const smash_plan *plan = s->run->plan;
    uint64_t gone;
    size_t i;
    smash__search_costs(s, 0);
    SMASH__TRY(smash__search_masks(ctx, s, blocks, &gone));
    for (i = 0; i < plan->model->param_count; i++) if (s->affected[plan->order[i]]) SMASH__TRY(smash__process(ctx, s->run, plan->order[i], 0));
    return smash__goal_left(ctx, s->run, left);
}

/* The fewest blocks that must go: more than lo, which is too few. At first by what blocks cost, as often as a sum that is almost right
 * needs it; then hi is enough, and it lies in between. */
SMASH__FN smash_err smash__search_blocks(smash_ctx *ctx, smash__search *s, uint64_t lo, uint64_t all, uint64_t left)
{
    smash_goal *goal = &s->run->plan->goal;
    uint64_t hi = 0, at = lo, amount = 0;
    uint32_t i, guesses = 0, narrowed = 0;
    smash__search_costs(s, 1);
    for (i = 0; i < s->group->count; i++) amount += (uint64_t)s->members[i].stats.dropped * s->members[i].cost;
    while (!hi || hi - lo > 1) {
        if (!hi) {
            amount += left - goal->most;
            smash__search_costs(s, 1);
            SMASH__TRY(smash__search_masks(ctx, s, amount, &at));
            if (at <= lo) at = lo + 1;
            if (at > all || guesses++ == 6) at = all;
        } else at = narrowed++ ? lo + (hi - lo) / 2 : hi - 1;
        SMASH__TRY(smash__search_try(ctx, s, at, &left));
        if (left <= goal->most) hi = at;
        else if (at == all)
            return SMASH__FAIL(ctx, SMASH_ERR_CONFIG, 0, "%s asks for at most %v, and %v is the least there is when all goes that may; raise it, or max_sparse_ratio, or let it choose from more", goal->key->name,
                               goal->most, left);
        else lo = at;
    }
    if (at != hi) SMASH__TRY(smash__search_try(ctx, s, hi, &left));
    goal->left = left;
    return SMASH_OK;
}

/* Rows that follow one of the group, and those that follow them: sources stand first in plan->order. */
SMASH__FN smash_err smash__find_affected(smash_ctx *ctx, smash__search *s)
{
    const smash_plan *plan = s->run->plan;
    const size_t n = plan->model->param_count;
    size_t i;
    s->affected = (unsigned char *)smash__scratch(ctx, n, 1);
    if (!s->affected) return SMASH_ERR_NOMEM;
    smash__fill(s->affected, 0, n);
    for (i = 0; i < n; i++) {
        const uint32_t param = plan->order[i];
        const smash_row *row = smash__row_of(plan, plan->prune, param);
        if (row && row->group != (uint32_t)SMASH_NONE) s->affected[param] = plan->groups[row->group].rule == SMASH_RULE_GOAL;
        else if (row && row->align_row != (uint32_t)SMASH_NONE) s->affected[param] = s->affected[smash__source_param(plan, row)];
    }
    return SMASH_OK;
}

/* What the model has now, of what is counted */
SMASH__FN smash_err smash__goal_before(smash_ctx *ctx, smash__run *run, uint64_t *before)
{
    const smash_model *model = run->plan->model;
    size_t i, n;
    *before = run->plan->goal.kind == SMASH_GOAL_BYTES ? run->total : 0;
    for (i = 0; i < model->param_count && run->plan->goal.kind != SMASH_GOAL_BYTES; i++) {
        smash_arena_mark mark = smash__scratch_mark(ctx);
        smash_tensor t;
        SMASH__TRY(smash_tensor_count(&model->params[i].tensor, &n));
        if (run->plan->goal.kind == SMASH_GOAL_PARAMETERS) {
            SMASH__TRY(smash_model_load(ctx, model, i, &ctx->scratch, &t));
            n -= smash__count_zeros(&t, n);
            smash__scratch_rewind(ctx, mark);
        }
        *before += smash__goal_cost(run, i, n);
    }
    return SMASH_OK;
}

/* Masks for the targets of which nothing is asked, so that the goal is reached. */
SMASH__FN smash_err smash__find_goal_masks(smash_ctx *ctx, smash__run *run)
{
    smash_plan *plan = run->plan;
    smash_goal *goal = &plan->goal;
    smash__search s = SMASH_ZERO;
    uint64_t least, all;
    s.run = run;
    s.group = &plan->groups[goal->group];
    SMASH__TRY(smash__goal_before(ctx, run, &goal->before));
    goal->most = goal->asked < 1 ? (uint64_t)((double)goal->before * goal->asked) : (uint64_t)goal->asked;
    if (goal->kind == SMASH_GOAL_PARAMETERS || (goal->kind == SMASH_GOAL_MACS && run->given)) {
        run->left = (size_t *)smash__scratch(ctx, plan->model->param_count, sizeof *run->left);
        if (!run->left) return SMASH_ERR_NOMEM;
    }
    SMASH__TRY(smash__find_affected(ctx, &s));
    SMASH__TRY(smash__score_group(ctx, run, s.group, &s.members));
    SMASH__TRY(smash__search_masks(ctx, &s, UINT64_MAX, &all));
    SMASH__TRY(smash__search_masks(ctx, &s, 0, &least));
    SMASH__TRY(smash__measure_zeros(ctx, run));
    SMASH__TRY(smash__goal_left(ctx, run, &goal->left));
    if (goal->left <= goal->most) return SMASH_OK;
    if (least == all) all = least + 1;                                   /* nothing may go: the first try finds that out */
    return smash__search_blocks(ctx, &s, least, all, goal->left);
}

/* Everything before the first byte is written */
SMASH__FN smash_err smash__run_prepare(smash_ctx *ctx, smash_plan *plan, const smash_run_desc *desc, smash__run *run)
{
    size_t i, bytes;
    run->plan = plan;
    run->desc = desc;
    for (i = 0; i < plan->group_count; i++) plan->groups[i].made = 0;
    for (i = 0; i < plan->model->param_count; i++) {
        SMASH__TRY(smash_tensor_bytes(&plan->model->params[i].tensor, &bytes));
        run->total += bytes;
    }
    SMASH__TRY(smash__read_given(ctx, run));
    if (plan->goal.kind) {
        smash_arena_mark mark = smash__scratch_mark(ctx);
        smash_err err = smash__find_goal_masks(ctx, run);
        smash__scratch_rewind(ctx, mark);
        run->left = NULL;
        if (err) return err;
    } else SMASH__TRY(smash__measure_zeros(ctx, run));
    return smash__make_layouts(ctx, run);
}

/* What came of a group, over all its members */
SMASH__FN void smash__sum_group(const smash_plan *plan, smash_target_group *group)
{
    const smash_mask_desc *first = &plan->rows[group->first].mask;
    uint32_t i;
    size_t n;
    group->numbers = group->masked = 0;
    for (i = group->first; i != (uint32_t)SMASH_NONE; i = plan->rows[i].next_member) {
        if (!smash_tensor_count(&plan->model->params[plan->rows[i].param].tensor, &n)) group->numbers += n;
        group->masked += plan->rows[i].mask_stats.elements;
    }
    group->note = NULL;
    if (!group->masked && group->rule == SMASH_RULE_GOAL) group->note = "the model is within its target as it is: nothing goes";
    else if (!group->masked && !first->use_threshold && first->ratio > 0) group->note = "the ratio is less than one block of the group: nothing goes";
}

SMASH__FN smash_err smash__run_write(smash_ctx *ctx, smash__run *run)
{
    size_t i;
    if (run->desc->out) SMASH__TRY(smash_safetensors_begin(ctx, &run->layout, run->desc->out));
    if (run->desc->masks) SMASH__TRY(smash_safetensors_begin(ctx, &run->mask_layout, run->desc->masks));
    for (i = 0; i < run->plan->model->param_count; i++) SMASH__TRY(smash__process(ctx, run, run->plan->order[i], 1));
    for (i = 0; i < run->plan->given_count && run->desc->masks; i++) {   /* inputs and outputs of which only the file has masks */
        smash_row *row = &run->plan->given[i];
        if (row->param != (uint32_t)SMASH_NONE || smash__made_of(run->plan, row)) continue;
        row->kept.dtype = SMASH_BOOL;
        SMASH__TRY(smash_safetensors_put(ctx, &run->mask_layout, run->desc->masks, run->mask_index[run->plan->count + i], &row->kept));
    }
    for (i = 0; i < run->plan->group_count; i++) smash__sum_group(run->plan, &run->plan->groups[i]);
    return SMASH_OK;
}

SMASH__DEF smash_err smash_run(smash_ctx *ctx, smash_plan *plan, const smash_run_desc *desc, smash_result *result)
{
    static const smash_run_desc dry = SMASH_ZERO;
    smash__run run = SMASH_ZERO;
    if (!smash__ctx(ctx) || !plan || !plan->model || !result || !SMASH__DESC_OK(desc)) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "ctx, plan or result is missing, or desc was not zeroed");
    if (plan->arena == &ctx->scratch) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the arena of a plan must not be ctx->scratch, which every call empties");
    if (plan->whole) return SMASH__FAIL(ctx, SMASH_ERR_UNSUPPORTED, 0, "%s works on the whole model at once; call smash() and smash_save()", plan->whole->name);
    SMASH__TRY(smash__run_prepare(ctx, plan, desc ? desc : &dry, &run));
    SMASH__TRY(smash__run_write(ctx, &run));
    *result = run.result;
    return SMASH_OK;
}

/* ---- smash() ---- */

/* The model as an algorithm may change it: arrays of its own over names and numbers that are not. */
SMASH__FN smash_err smash__model_clone(smash_ctx *ctx, const smash_model *model, smash_arena *arena, smash_model **out)
{
    smash_model *clone = (smash_model *)smash_arena_alloc(ctx, arena, sizeof *clone);
    size_t i;
    if (!clone) return SMASH_ERR_NOMEM;
    *clone = *model;
    clone->arena = arena;
    clone->capacity = model->param_count;
    clone->params = (smash_param *)smash_arena_array(ctx, arena, model->param_count, sizeof *clone->params);
    clone->modules = (smash_module *)smash_arena_array(ctx, arena, model->module_count, sizeof *clone->modules);
    clone->activations = (smash_activation *)smash_arena_array(ctx, arena, model->activation_count, sizeof *clone->activations);
    if (!clone->params || !clone->modules || !clone->activations) return SMASH_ERR_NOMEM;
    clone->activation_capacity = model->activation_count;
    smash__copy(clone->activations, model->activations, model->activation_count * sizeof *clone->activations);
    smash__copy(clone->params, model->params, model->param_count * sizeof *clone->params);
    smash__copy(clone->modules, model->modules, model->module_count * sizeof *clone->modules);
    for (i = 0; i < clone->param_count; i++) clone->params[i].tensor.flags |= SMASH_TENSOR_CONST;       /* smash_job_edit gives others */
    *out = clone;
    return SMASH_OK;
}

/* Devices, components and models of the active algorithms of some groups. */
SMASH__FN smash_err smash__check_groups(smash_ctx *ctx, const smash_model *model, const smash_config *config, uint32_t groups, int experimental)
{
    const smash__seen seen = smash__look(config);
    const smash_setting *device = smash__setting(config, "device");
    const int cuda = device && device->value->type == SMASH_VALUE_STRING && smash__starts_with(device->value->text, "cuda");
    size_t i;
    int g;
    for (i = 0; i < model->param_count; i++)
        if (((model->params[i].tensor.flags & SMASH_TENSOR_DEVICE) != 0) != cuda) {
            smash__say(config, SMASH_ERROR, "incompatible_device", device->doc, device->value, "%q is in the memory of the %s, and device is %q; copy the model, or set device",
                       model->params[i].name, cuda ? "host" : "GPU", device->value->text);
            break;
        }
    for (g = 1; g < SMASH_GROUP_COUNT; g++) {
        const smash_algo *algo = groups >> g & 1 ? smash_config_active(config, (smash_group)g) : NULL;
        const smash_setting *s = smash__setting(config, smash_group_name((smash_group)g));
        smash_job job;
        if (!algo) continue;
        if (!((algo->runs_on ? algo->runs_on : (uint32_t)SMASH_ON_CPU) & (cuda ? SMASH_ON_CUDA : SMASH_ON_CPU)))
            smash__say(config, SMASH_ERROR, "incompatible_device", s->doc, s->value, "%s is not compatible with device %q; it runs on the %s only", algo->name, device->value->text, cuda ? "CPU" : "GPU");
        if (experimental) continue;
        smash__check_components(config, algo, s->doc, s->value);
        job = smash__job(config, algo, (smash_model *)(uintptr_t)model, NULL);                   /* to look at: nothing changes it */
        SMASH__TRY(smash__ask(ctx, algo->check_model, &job, "incompatible_model", "model"));
    }
    return smash__found(ctx, config, seen, "the config does not fit");
}

SMASH__DEF smash_err smash_check(smash_ctx *ctx, const smash_model *model, const smash_config *config, int experimental)
{
    SMASH__TRY(smash__config_usable(ctx, config));
    if (!smash__ctx(ctx) || !model) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "ctx or model is missing");
    SMASH__TRY(smash__model_finished(ctx, model));
    return smash__check_groups(ctx, model, config, ~0u, experimental);
}

/* One smash() or smash_load() at work. `stored` follows the model until a step comes that no file can hold. */
typedef struct smash__smash {
    const smash_config *config;
    const smash_desc   *desc;
    smash_arena        *arena;
    smash_result        result;
    smash_model        *model;        /* after the steps so far */
    const smash_plan   *plan;         /* of all groups that are run, over the model as it was at first */
    const char         *dtypes_text;  /* what the stored integers are */
    int                 frozen;       /* stored stays as it is */
    int                 reshaped;     /* an algorithm has had the stored model in its hands: plan->types_text may be old */
    int                 passed;       /* tensors have gone through algorithms with targets, or masks */
    int                 prunes;       /* one of these algorithms is a pruner */
    uint32_t            groups;       /* bit per group that is run */
} smash__smash;

typedef struct smash__memory { unsigned char *data; uint64_t bytes; } smash__memory;

SMASH__FN int smash__memory_write(void *user, uint64_t offset, const void *data, size_t bytes)
{
    smash__memory *file = (smash__memory *)user;
    if (offset > file->bytes || bytes > file->bytes - offset) return 1;
    smash__copy(file->data + offset, data, bytes);
    return 0;
}

/* Run a plan into a file in memory. The model that a reader finds there is the one to go on with. */
SMASH__FN smash_err smash__run_pass(smash_ctx *ctx, smash__smash *s, smash_plan *plan)
{
    smash_run_desc desc = SMASH_ZERO;
    smash__run run = SMASH_ZERO;
    smash__memory file;
    smash_io out = SMASH_ZERO, *in = (smash_io *)smash_arena_alloc(ctx, s->arena, sizeof *in);
    smash_model *model = (smash_model *)smash_arena_alloc(ctx, s->arena, sizeof *model);
    size_t i;
    int prunes = 0;
    if (!in || !model) return SMASH_ERR_NOMEM;
    for (i = 0; i < s->result.step_count; i++)
        if (s->result.steps[i].plan == plan && s->result.steps[i].algo->group == SMASH_PRUNER) prunes = 1;
    if (prunes || !s->result.masked) desc.masks_in = s->desc->masks_in;    /* with a pruner once more, for the masks of both */
    if (prunes || (desc.masks_in && !s->prunes)) desc.masks = s->desc->masks;
    if (desc.masks_in) s->result.masked = plan;
    desc.progress = s->desc->progress;
    desc.progress_user = s->desc->progress_user;
    desc.out = &out;
    SMASH__TRY(smash__run_prepare(ctx, plan, &desc, &run));
    if (run.layout.bytes > SIZE_MAX) return SMASH__FAIL(ctx, SMASH_ERR_OVERFLOW, 0, "the result, %v bytes, does not fit the address space; use smash_run", run.layout.bytes);
    file.bytes = run.layout.bytes;
    file.data = (unsigned char *)smash_arena_alloc(ctx, s->arena, (size_t)file.bytes);
    if (!file.data) return SMASH_ERR_NOMEM;
    out.write = smash__memory_write;
    out.user = &file;
    SMASH__TRY(smash__run_write(ctx, &run));
    *in = smash_io_memory(file.data, (size_t)file.bytes);
    SMASH__TRY(smash_safetensors_read(ctx, NULL, in, s->arena, NULL, model));
    for (i = 0; i < plan->model->activation_count; i++) {                /* no file has them */
        const smash_activation *a = &plan->model->activations[i];
        const ptrdiff_t module = smash_model_find_module(model, plan->model->modules[a->module].name);
        if (module >= 0) SMASH__TRY(smash_model_set_shape(ctx, model, (size_t)module, a->target, a->tensor.ndim, a->tensor.shape));
    }
    s->result.parameters = run.result.parameters;
    s->result.nonzero = run.result.nonzero;
    s->result.mask_bytes += desc.masks ? run.result.mask_bytes : 0;
    s->passed = 1;
    s->model = model;
    return SMASH_OK;
}

/* A plan over the model as it is now. Its warnings have been heard once; what does not fit any more is news. */
SMASH__FN smash_err smash__resolve_again(smash_ctx *ctx, const smash__smash *s, uint32_t groups, smash_plan *plan)
{
    smash_arena_mark mark = smash__scratch_mark(ctx);
    smash_config *quiet = (smash_config *)smash__scratch(ctx, 1, sizeof *quiet);
    smash_diags diags = SMASH_ZERO;
    const smash_diag *d;
    smash_err err;
    if (!quiet) return SMASH_ERR_NOMEM;
    *quiet = *s->config;
    quiet->arena = s->arena;
    diags.arena = s->arena;
    quiet->diags = &diags;
    err = smash__resolve_plan(ctx, quiet, s->model, groups, s->arena, plan);
    for (d = diags.first; d; d = d->next) if (d->severity == SMASH_ERROR) smash_diag_add(s->config->diags, d->severity, d->code, NULL, NULL, d->message);
    smash__scratch_rewind(ctx, mark);
    return err;
}

/* Algorithms with targets from group g on, as far as no other comes between: tensors go through all of them at once. */
SMASH__FN smash_err smash__run_targets(smash_ctx *ctx, smash__smash *s, int *g)
{
    const uint32_t first = s->result.step_count;
    smash_plan *plan = (smash_plan *)smash_arena_alloc(ctx, s->arena, sizeof *plan);
    uint32_t groups = 0;
    int next = *g;
    if (!plan) return SMASH_ERR_NOMEM;
    for (; next < SMASH_GROUP_COUNT; next++) {
        const smash_algo *algo = s->groups >> next & 1 ? smash_config_active(s->config, (smash_group)next) : NULL;
        smash_step *step = &s->result.steps[s->result.step_count];
        if (!algo) continue;
        if (!algo->targets || (groups && !s->frozen && smash_algo_save(algo) == SMASH_SAVE_BEFORE_APPLY)) break;
        groups |= 1u << next;
        step->algo = algo;
        step->plan = plan;
        step->reapply = (uint32_t)s->frozen;
        s->result.step_count++;
        *g = next;
    }
    if (first == 0 && next == SMASH_GROUP_COUNT && !s->passed) *plan = *s->plan;                     /* nothing has changed the model: the plan is good */
    else SMASH__TRY(smash__resolve_again(ctx, s, groups, plan));
    SMASH__TRY(smash__run_pass(ctx, s, plan));
    if (!s->frozen) s->dtypes_text = plan->dtypes_text;
    return SMASH_OK;
}

SMASH__FN smash_err smash__run_whole(smash_ctx *ctx, smash__smash *s, const smash_algo *algo)
{
    smash_step *step = &s->result.steps[s->result.step_count];
    const int reapply = smash_algo_save(algo) == SMASH_SAVE_REAPPLY;
    smash_arena_mark mark = smash__scratch_mark(ctx);
    smash_model *model, *before = NULL;
    smash_job job;
    smash_ctx probe;
    smash_err err;
    size_t i;
    smash_ctx_init(&probe);
    if (reapply) SMASH__TRY(smash__model_clone(ctx, s->model, s->arena, &before));
    SMASH__TRY(smash__model_clone(ctx, s->model, s->arena, &model));
    job = smash__job(s->config, algo, model, s->arena);
    err = algo->apply(ctx, &job);
    smash__scratch_rewind(ctx, mark);
    if (err) return SMASH__FAIL(ctx, err, 0, "%s failed, and does not say why", algo->name);
    if (!job.model) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "%s left no model", algo->name);
    if (job.model != model) *model = *job.model;
    if (smash__model_finished(&probe, model)) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "%s left a model that is not finished; call smash_model_finish", algo->name);
    for (i = 0; i < model->param_count; i++) {
        const smash_tensor *t = &model->params[i].tensor;
        if (t->data && !(t->flags & SMASH_TENSOR_DEVICE) && smash__check(&probe, t, "tensor", ~0u, SMASH__READ, NULL))
            return SMASH__FAIL(ctx, SMASH_ERR_ARG, i, "%s left %q as no tensor can be: %s", algo->name, model->params[i].name, probe.message);
    }
    if (before && (model->param_count != before->param_count || !smash__same(model->params, before->params, before->param_count * sizeof *before->params)))
        return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "%s has changed parameters, so its save mode must be SMASH_SAVE_BEFORE_APPLY, or NONE if a file can hold what it did", algo->name);
    s->model = model;
    s->reshaped |= !s->frozen && !reapply;
    step->algo = algo;
    step->plan = NULL;
    step->state = job.state;
    step->reapply = s->frozen || reapply;
    s->result.step_count++;
    return SMASH_OK;
}

/* Masks that are given, in a pass of their own; pack: 1 if no algorithm after it needs the numbers as they are */
SMASH__FN smash_err smash__run_given(smash_ctx *ctx, smash__smash *s, int pack)
{
    smash_plan *plan = (smash_plan *)smash_arena_alloc(ctx, s->arena, sizeof *plan);
    const size_t n = s->model->param_count;
    size_t i;
    if (!plan) return SMASH_ERR_NOMEM;
    smash__fill(plan, 0, sizeof *plan);
    plan->model = s->model;
    plan->arena = s->arena;
    plan->pack_sparse = s->plan->pack_sparse && pack;
    plan->prune = plan->quantize = (uint32_t *)smash_arena_array(ctx, s->arena, n, sizeof *plan->prune);
    plan->order = (uint32_t *)smash_arena_array(ctx, s->arena, n, sizeof *plan->order);
    if (!plan->prune || !plan->order) return SMASH_ERR_NOMEM;
    for (i = 0; i < n; i++) {
        plan->prune[i] = (uint32_t)SMASH_NONE;
        plan->order[i] = (uint32_t)i;
    }
    SMASH__TRY(smash__write_types(ctx, plan, NULL, &plan->types_text));
    SMASH__TRY(smash__write_dtypes(ctx, plan, &plan->dtypes_text));
    SMASH__TRY(smash__run_pass(ctx, s, plan));
    s->result.stored = *s->model;
    return SMASH_OK;
}

SMASH__FN smash_err smash__run_steps(smash_ctx *ctx, smash__smash *s)
{
    const smash_algo *first = NULL;
    int g, targets = 0;
    for (g = 1; g < SMASH_GROUP_COUNT; g++) {
        const smash_algo *algo = s->groups >> g & 1 ? smash_config_active(s->config, (smash_group)g) : NULL;
        smash_arena_mark mark = smash__scratch_mark(ctx);
        smash_job job;
        smash_err err;
        if (!algo || !algo->hook) continue;
        job = smash__job(s->config, algo, s->model, NULL);
        err = algo->hook(ctx, &job);
        smash__scratch_rewind(ctx, mark);
        if (err) return SMASH__FAIL(ctx, err, 0, "the hook of %s failed, and does not say why", algo->name);
    }
    for (g = 1; g < SMASH_GROUP_COUNT; g++) {
        const smash_algo *algo = s->groups >> g & 1 ? smash_config_active(s->config, (smash_group)g) : NULL;
        if (!algo) continue;
        if (!first) first = algo;
        if (g == SMASH_PRUNER) s->prunes = algo->targets != NULL;
        targets |= algo->targets != NULL;
    }
    if (s->desc->masks_in && !(first && first->targets && smash_algo_save(first) != SMASH_SAVE_BEFORE_APPLY)) SMASH__TRY(smash__run_given(ctx, s, !targets));
    for (g = 1; g < SMASH_GROUP_COUNT; g++) {
        const smash_algo *algo = s->groups >> g & 1 ? smash_config_active(s->config, (smash_group)g) : NULL;
        if (!algo) continue;
        if (smash_algo_save(algo) == SMASH_SAVE_BEFORE_APPLY) s->frozen = 1;
        if (algo->targets) SMASH__TRY(smash__run_targets(ctx, s, &g));
        else SMASH__TRY(smash__run_whole(ctx, s, algo));
        if (!s->frozen) s->result.stored = *s->model;
    }
    s->result.model = *s->model;
    return SMASH_OK;
}

/* 1 if the parameter is a scale, zero point or shape that belongs to integers of smash's making; *bytes: of the name that it or its
 * number's have before compression. */
SMASH__FN smash_err smash__is_part(smash_ctx *ctx, const smash_model *model, const smash_param *p, int *part, size_t *bytes)
{
    static const char *const suffixes[6] = { "_packed", "_compressed", "_scale", "_zero_point", "_shape", "_bitmask" };
    int i, k;
    *part = 0;
    *bytes = smash__length(p->name);
    for (i = 0; i < 6; i++) {
        const size_t n = smash__length(suffixes[i]);
        char *base;
        if (*bytes <= n || !smash__equal(p->name + *bytes - n, suffixes[i])) continue;
        if (i == 0 && p->meant == SMASH_DTYPE_NONE) continue;
        base = smash__text_copy(ctx, &ctx->scratch, p->name, *bytes - n);
        if (!base) return SMASH_ERR_NOMEM;
        for (k = 0; k < 4 && i != 0; k++) {                              /* X, X_packed, X_compressed, X_bitmask: what it may be a part of */
            const char *name = smash__join(ctx, &ctx->scratch, base, k == 1 ? "_packed" : k == 2 ? "_compressed" : k == 3 ? "_bitmask" : "", "");
            const ptrdiff_t found = name ? smash_model_find_param(model, name) : -1;
            if (!name) return SMASH_ERR_NOMEM;
            if (found >= 0 && (model->params[found].meant != SMASH_DTYPE_NONE || (k == 2 && i > 2) || (k == 3 && i == 1))) *part = 1;
        }
        if (i == 0 || (i == 1 && *part)) { *part = 0; *bytes -= n; return SMASH_OK; }
    }
    return SMASH_OK;
}

/* Count the numbers of a model that no pass has counted as it is now: what reads back, so no scales. */
SMASH__FN smash_err smash__count_model(smash_ctx *ctx, smash_arena *arena, const smash_model *model, smash_result *result)
{
    size_t i, n, bytes;
    result->parameters = result->nonzero = 0;
    for (i = 0; i < model->param_count; i++) {
        smash_arena_mark mark = smash__scratch_mark(ctx), made = smash_arena_get_mark(arena);
        const smash_param *p = &model->params[i];
        const char *name = NULL;
        smash_tensor t;
        int part;
        smash_err err = smash__is_part(ctx, model, p, &part, &bytes);
        if (p->tensor.flags & SMASH_TENSOR_DEVICE) {                     /* out of reach: taken for not zero */
            err = smash_tensor_count(&p->tensor, &n);
            result->parameters += err ? 0 : n;
            result->nonzero += err ? 0 : n;
        } else if (!err && !part) {
            name = smash__text_copy(ctx, &ctx->scratch, p->name, bytes);
            err = !name ? SMASH_ERR_NOMEM : p->meant == SMASH_DTYPE_NONE && !p->name[bytes] ? smash_model_load(ctx, model, i, &ctx->scratch, &t) : smash_model_restore(ctx, model, name, arena, &t, NULL);
            if (!err) err = smash_tensor_count(&t, &n);
            if (!err) {
                result->parameters += n;
                result->nonzero += n - smash__count_zeros(&t, n);
            }
        }
        smash_arena_rewind(arena, made);
        smash__scratch_rewind(ctx, mark);
        if (err) return err;
    }
    return SMASH_OK;
}

/* {"compiler": "superfast"}: what smash_load runs again; NULL in *text if there is nothing */
SMASH__FN smash_err smash__write_reapply(smash_ctx *ctx, const smash__smash *s, const char **text)
{
    smash_text out;
    smash_writer w;
    uint32_t i, n = 0;
    smash__text_writer(ctx, s->arena, &out, &w);
    smash_write_begin_object(&w);
    for (i = 0; i < s->result.step_count; i++) {
        if (!s->result.steps[i].reapply) continue;
        smash_write_key(&w, smash_group_name(s->result.steps[i].algo->group));
        smash_write_text(&w, s->result.steps[i].algo->name);
        n++;
    }
    smash_write_end(&w);
    *text = n ? out.data : NULL;
    return w.err;
}

/* The file that smash_save writes */
SMASH__FN smash_err smash__layout_stored(smash_ctx *ctx, smash__smash *s)
{
    const smash_model *m = &s->result.stored;
    smash_tensor *tensors = (smash_tensor *)smash_arena_array(ctx, s->arena, m->param_count, sizeof *tensors);
    size_t i;
    if (!tensors) return SMASH_ERR_NOMEM;
    for (i = 0; i < m->param_count; i++) {
        tensors[i] = m->params[i].tensor;
        tensors[i].name = m->params[i].name;
    }
    SMASH__TRY(smash_safetensors_layout(ctx, tensors, m->param_count, m->metadata, m->metadata_count, s->arena, &s->result.layout));
    s->result.bytes = s->result.layout.bytes;
    return SMASH_OK;
}

/* Types and shapes of the config into a model of ours, for those who look at it before there is a plan, or without one */
SMASH__FN smash_err smash__set_types(smash_ctx *ctx, const smash_config *config, smash_model *model)
{
    const char **types = (const char **)smash_arena_array(ctx, model->arena, model->module_count, sizeof *types);
    smash_activation *shapes;
    size_t i, count;
    if (!types) return SMASH_ERR_NOMEM;
    SMASH__TRY(smash__config_types(ctx, config, model, types, 1));
    SMASH__TRY(smash__config_shapes(ctx, config, model, types, 1, &shapes, &count));
    for (i = 0; i < model->module_count; i++) model->modules[i].type = types[i];
    smash__take_shapes(model, shapes, count);
    return SMASH_OK;
}

SMASH__FN smash_err smash__smash_model(smash_ctx *ctx, smash__smash *s, const smash_model *model)
{
    const char *values[SMASH__OWN_META];
    smash_plan *plan = (smash_plan *)smash_arena_alloc(ctx, s->arena, sizeof *plan), types = SMASH_ZERO;
    if (!plan) return SMASH_ERR_NOMEM;
    s->groups = ~0u;
    SMASH__TRY(smash__model_finished(ctx, model));
    SMASH__TRY(smash_config_check(ctx, s->config));
    SMASH__TRY(smash__model_clone(ctx, model, s->arena, &s->model));
    SMASH__TRY(smash__set_types(ctx, s->config, s->model));
    SMASH__TRY(smash__check_groups(ctx, s->model, s->config, s->groups, (int)s->desc->experimental));
    if (!s->desc->masks_in) smash__check_idle(s->config);
    SMASH__TRY(smash__resolve_plan(ctx, s->config, s->model, s->groups, s->arena, plan));
    s->plan = plan;
    s->result.stored = *s->model;
    SMASH__TRY(smash__run_steps(ctx, s));
    types.model = &s->result.stored;
    types.arena = s->arena;
    if (!s->dtypes_text) SMASH__TRY(smash__write_dtypes(ctx, &types, &s->dtypes_text));
    if (s->reshaped) SMASH__TRY(smash__write_types(ctx, &types, NULL, &plan->types_text));
    values[0] = SMASH__FORMAT_TEXT;
    values[1] = plan->config_text;
    values[2] = plan->types_text;
    values[3] = s->dtypes_text;
    values[4] = plan->dictionary_text;
    SMASH__TRY(smash__write_reapply(ctx, s, &values[5]));
    SMASH__TRY(smash__metadata(ctx, s->arena, &s->result.stored, values, &s->result.stored.metadata, &s->result.stored.metadata_count));
    s->result.model.metadata = s->result.stored.metadata;
    s->result.model.metadata_count = s->result.stored.metadata_count;
    if (s->reshaped || !s->passed) SMASH__TRY(smash__count_model(ctx, s->arena, &s->result.stored, &s->result));
    return smash__layout_stored(ctx, s);
}

SMASH__DEF smash_err smash(smash_ctx *ctx, const smash_model *model, const smash_config *config, const smash_desc *desc, smash_result *result)
{
    static const smash_desc plain = SMASH_ZERO;
    smash__smash s;
    SMASH__TRY(smash__config_usable(ctx, config));
    if (!smash__ctx(ctx) || !model || !result || !SMASH__DESC_OK(desc)) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "ctx, model or result is missing, or desc was not zeroed");
    smash__fill(&s, 0, sizeof s);
    s.config = config;
    s.desc = desc ? desc : &plain;
    s.arena = s.desc->arena ? s.desc->arena : model->arena;
    if (!s.arena || s.arena == &ctx->scratch) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the result needs an arena, and not ctx->scratch, which every call empties");
    SMASH__TRY(smash__smash_model(ctx, &s, model));
    *result = s.result;
    return SMASH_OK;
}

SMASH__DEF smash_err smash_job_edit(smash_ctx *ctx, smash_job *job, size_t param, smash_tensor *view)
{
    smash_param *p;
    smash_tensor t;
    size_t bytes;
    if (!job || !job->model || !job->arena || !view || param >= job->model->param_count || (smash__ctx(ctx) && job->arena == &ctx->scratch))
        return SMASH__FAIL(ctx, SMASH_ERR_ARG, param, "job or view is missing, the model has no parameter %z, or this is no apply", param);
    p = &job->model->params[param];
    if (!p->tensor.data || (p->tensor.flags & SMASH_TENSOR_CONST)) {
        SMASH__TRY(smash_model_load(ctx, job->model, param, job->arena, &t));
        SMASH__TRY(smash_tensor_bytes(&t, &bytes));
        if (t.flags & SMASH_TENSOR_CONST) {
            void *copy = smash_arena_alloc(ctx, job->arena, bytes);
            if (!copy) return SMASH_ERR_NOMEM;
            smash__copy(copy, t.data, bytes);
            t.data = copy;
            t.bytes = bytes;
            t.flags &= ~(uint32_t)SMASH_TENSOR_CONST;
        }
        p->tensor = t;
    }
    *view = p->tensor;
    return SMASH_OK;
}

/* ---- saving and loading ---- */

SMASH__DEF smash_err smash_save(smash_ctx *ctx, const smash_result *result, const smash_io *io)
{
    size_t i;
    if (!smash__ctx(ctx) || !result || !io || !io->write || !result->layout.header)
        return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "ctx or io is missing, or the result is not one of smash() or smash_load()");
    SMASH__TRY(smash_safetensors_begin(ctx, &result->layout, io));
    for (i = 0; i < result->stored.param_count; i++) {
        smash_arena_mark mark = smash__scratch_mark(ctx);
        smash_tensor t;
        smash_err err = smash_model_load(ctx, &result->stored, i, &ctx->scratch, &t);
        if (!err) err = smash_safetensors_put(ctx, &result->layout, io, i, &t);
        smash__scratch_rewind(ctx, mark);
        if (err) return err;
    }
    return SMASH_OK;
}

SMASH__FN smash_meta *smash__find_meta(const smash_model *model, const char *key)
{
    size_t i;
    for (i = 0; i < model->metadata_count; i++) if (smash__equal(model->metadata[i].key, key)) return &model->metadata[i];
    return NULL;
}

/* Which groups the file says must run again: each with the algorithm that the file's config names, too. */
SMASH__FN smash_err smash__read_reapply(smash_ctx *ctx, const smash_config *config, const smash_meta *meta, uint32_t *groups)
{
    smash_json doc;
    smash_ctx probe;
    smash_err err;
    const smash_value *k;
    uint32_t i, may = 0;
    int g;
    *groups = 0;
    if (!meta) return SMASH_OK;
    for (g = 1; g < SMASH_GROUP_COUNT; g++) {                            /* what smash() can have left to be done: see smash__run_steps */
        const smash_algo *algo = smash_config_active(config, (smash_group)g);
        if (algo && smash_algo_save(algo) == SMASH_SAVE_BEFORE_APPLY) may |= ~0u << g;
        if (algo && smash_algo_save(algo) == SMASH_SAVE_REAPPLY) may |= 1u << g;
    }
    smash__probe(ctx, &probe);
    err = smash_json_parse(&probe, NULL, meta->value, smash__length(meta->value), config->arena, NULL, &doc);
    smash__probe_end(ctx, &probe, err == SMASH_ERR_NOMEM);
    if (err == SMASH_ERR_NOMEM) return err;
    if (err || doc.root->type != SMASH_VALUE_OBJECT) return SMASH__FAIL(ctx, SMASH_ERR_FORMAT, 0, "metadata smash.reapply is no object {group: algorithm}");
    for (i = 0, k = doc.root + 1; i < doc.root->count; i++, k = k + 1 + k[1].span) {
        const smash_group group = smash_group_from_name(k->text);
        const smash_algo *algo = group ? smash_config_active(config, group) : NULL;
        if (!algo || k[1].type != SMASH_VALUE_STRING || smash_registry_find(config->registry, k[1].text) != algo)
            return SMASH__FAIL(ctx, SMASH_ERR_FORMAT, i, "metadata smash.reapply names %q as %s, and the config of the file does not", k[1].type == SMASH_VALUE_STRING ? k[1].text : "nothing", k->text);
        if (!(may >> group & 1)) return SMASH__FAIL(ctx, SMASH_ERR_FORMAT, i, "metadata smash.reapply names %q, but what that does is in the file", algo->name);
        *groups |= 1u << group;
    }
    return SMASH_OK;
}

SMASH__FN smash_err smash__load(smash_ctx *ctx, smash__smash *s, const smash_io *io, smash_config *config)
{
    const smash_meta *dictionary;
    smash_meta *version;
    smash_plan *plan = (smash_plan *)smash_arena_alloc(ctx, s->arena, sizeof *plan);
    smash_model *model = (smash_model *)smash_arena_alloc(ctx, s->arena, sizeof *model);
    if (!plan || !model) return SMASH_ERR_NOMEM;
    SMASH__TRY(smash_safetensors_read(ctx, NULL, io, s->arena, config->diags, model));
    dictionary = smash__find_meta(model, "smash.dictionary");
    version = smash__find_meta(model, "smash.format_version");
    if (version) version->value = SMASH__FORMAT_TEXT;                    /* an older one is written anew as this one */
    config->count = 0;                                                   /* batch_size and device are the file's, too */
    smash_config_flush(config);
    if (dictionary) {
        const size_t bytes = smash__length(dictionary->value);
        const char *text = smash__text_copy(ctx, config->arena, dictionary->value, bytes);        /* the config may outlive the result */
        if (!text) return SMASH_ERR_NOMEM;
        SMASH__TRY(smash_config_load(ctx, config, text, bytes, "smash.dictionary", NULL));
        SMASH__TRY(smash__set_types(ctx, config, model));
    }
    SMASH__TRY(smash__read_reapply(ctx, config, smash__find_meta(model, "smash.reapply"), &s->groups));
    s->frozen = 1;
    s->model = model;
    s->result.stored = *model;
    SMASH__TRY(smash__check_groups(ctx, model, config, s->groups, (int)s->desc->experimental));
    if (s->groups) {
        SMASH__TRY(smash__model_clone(ctx, model, s->arena, &s->model));
        SMASH__TRY(smash__resolve_plan(ctx, config, s->model, s->groups, s->arena, plan));
    }
    s->plan = plan;
    SMASH__TRY(smash__run_steps(ctx, s));
    s->result.parameters = s->result.nonzero = 0;
    s->result.model.metadata = s->result.stored.metadata;
    s->result.model.metadata_count = s->result.stored.metadata_count;
    return smash__layout_stored(ctx, s);
}

SMASH__DEF smash_err smash_load(smash_ctx *ctx, const smash_io *io, const smash_desc *desc, smash_config *config, smash_result *result)
{
    static const smash_desc plain = SMASH_ZERO;
    smash_arena_mark mark = smash__scratch_mark(ctx);
    smash_config *before;
    smash__smash s;
    smash_err err;
    SMASH__TRY(smash__config_usable(ctx, config));
    if (!smash__ctx(ctx) || !io || !result || !SMASH__DESC_OK(desc)) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "ctx, io or result is missing, or desc was not zeroed");
    if (desc && desc->masks_in) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "masks_in is for smash(); what smash_load reads has been pruned before");
    smash__fill(&s, 0, sizeof s);
    s.desc = desc ? desc : &plain;
    s.arena = s.desc->arena ? s.desc->arena : config->arena;
    if (s.arena == &ctx->scratch) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "the arena of a result must not be ctx->scratch, which every call empties");
    before = (smash_config *)smash__scratch(ctx, 1, sizeof *before);
    if (!before) return SMASH_ERR_NOMEM;
    *before = *config;
    s.config = config;                                                   /* itself, since algorithms may keep the pointer */
    err = smash__load(ctx, &s, io, config);
    if (err) *config = *before;
    else *result = s.result;
    smash__scratch_rewind(ctx, mark);
    return err;
}

/* ---- reading back ---- */

/* Parameter `name` + `suffix`, and opt which one it is; NOTFOUND without a message if there is none. */
SMASH__FN smash_err smash__load_part(smash_ctx *ctx, const smash_model *model, const char *name, const char *suffix, smash_tensor *out, const smash_param **which)
{
    const char *full = smash__join(ctx, &ctx->scratch, name, suffix, "");
    ptrdiff_t param = full ? smash_model_find_param(model, full) : -1;
    if (!full) return SMASH_ERR_NOMEM;
    if (param < 0) return SMASH_ERR_NOTFOUND;
    if (which) *which = &model->params[param];
    return smash_model_load(ctx, model, (size_t)param, &ctx->scratch, out);
}

/* X_compressed, X_bitmask and X_shape as a tensor in arena. */
SMASH__FN smash_err smash__load_sparse(smash_ctx *ctx, const smash_model *model, const char *name, smash_arena *arena, smash_tensor *out)
{
    smash_tensor values, bits, shape, t;
    size_t bytes, i;
    smash_err err;
    SMASH__TRY(smash__load_part(ctx, model, name, "_compressed", &values, NULL));
    err = smash__load_part(ctx, model, name, "_bitmask", &bits, NULL);
    if (!err) err = smash__load_part(ctx, model, name, "_shape", &shape, NULL);
    if (err && err != SMASH_ERR_NOTFOUND) return err;
    if (err || shape.dtype != SMASH_I64 || shape.ndim != 1 || shape.shape[0] > SMASH_MAX_DIMS || bits.dtype != SMASH_U8 || bits.ndim != 1 || values.ndim != 1)
        return SMASH__FAIL(ctx, SMASH_ERR_FORMAT, 0, "\"%s_compressed\" needs to be a row, with U8 \"%s_bitmask\" and I64 \"%s_shape\" beside it", name, name, name);
    t = values;
    t.name = name;
    t.flags = 0;
    t.ndim = (uint32_t)shape.shape[0];
    for (i = 0; i < t.ndim; i++) {
        const int64_t dim = ((const int64_t *)shape.data)[i];
        if (dim < 0 || (uint64_t)dim > SIZE_MAX) return SMASH__FAIL(ctx, SMASH_ERR_FORMAT, i, "dim %z in \"%s_shape\" is no size", i, name);
        t.shape[i] = (size_t)dim;
    }
    if (smash_tensor_count(&t, &i) || i / 8 + (i % 8 != 0) != bits.shape[0] || smash_tensor_bytes(&t, &bytes))
        return SMASH__FAIL(ctx, SMASH_ERR_FORMAT, 0, "the %z bytes of \"%s_bitmask\" do not fit the numbers of \"%s_shape\"", bits.shape[0], name, name);
    t.data = smash_arena_alloc(ctx, arena, bytes);                       /* at most 64 times the bitmask, so no file makes it large */
    t.bytes = bytes;
    if (!t.data) return SMASH_ERR_NOMEM;
    SMASH__TRY(smash_sparse_unpack(ctx, &bits, &values, &t));
    *out = t;
    return SMASH_OK;
}

/* X_packed and X_shape as a tensor of 4- or 2-bit integers. The metadata says which; files without it are told by their
 * sizes, and by a U8 zero point. */
SMASH__FN smash_err smash__load_packed(smash_ctx *ctx, const smash_model *model, const char *name, const smash_tensor *zero, smash_tensor *out)
{
    smash_tensor packed, shape, t;
    size_t bytes, i;
    const smash_param *param;
    smash_err err;
    SMASH__TRY(smash__load_part(ctx, model, name, "_packed", &packed, &param));
    err = smash__load_part(ctx, model, name, "_shape", &shape, NULL);
    if (err && err != SMASH_ERR_NOTFOUND) return err;
    if (err || shape.dtype != SMASH_I64 || shape.ndim != 1 || shape.shape[0] > SMASH_MAX_DIMS || packed.dtype != SMASH_U8 || packed.ndim != 1)
        return SMASH__FAIL(ctx, SMASH_ERR_FORMAT, 0, "\"%s_packed\" needs to be a row of U8 bytes, with I64 \"%s_shape\" beside it", name, name);
    t = packed;
    t.ndim = (uint32_t)shape.shape[0];
    for (i = 0; i < t.ndim; i++) {
        int64_t dim = ((const int64_t *)shape.data)[i];
        if (dim < 0 || (uint64_t)dim > SIZE_MAX) return SMASH__FAIL(ctx, SMASH_ERR_FORMAT, i, "dim %z in \"%s_shape\" is no size", i, name);
        t.shape[i] = (size_t)dim;
    }
    t.dtype = param->meant;
    if (!(smash__dtype(t.dtype)->kind & SMASH__PACKED)) {
        t.dtype = zero && zero->dtype == SMASH_U8 ? SMASH_U4 : SMASH_I4;
        if (smash_tensor_bytes(&t, &bytes) || bytes != packed.shape[0]) t.dtype = t.dtype == SMASH_U4 ? SMASH_U2 : SMASH_I2;
    }
    if (smash_tensor_bytes(&t, &bytes) || bytes != packed.shape[0])
        return SMASH__FAIL(ctx, SMASH_ERR_FORMAT, 0, "the %z bytes of \"%s_packed\" do not fit the numbers of \"%s_shape\"", packed.shape[0], name, name);
    *out = t;
    return SMASH_OK;
}

/* Integers with scales: the grid is where one shape is divided by the other. */
SMASH__FN smash_err smash__load_quantized(smash_ctx *ctx, const char *name, const smash_tensor *q, const smash_tensor *scale, const smash_tensor *stored_zero, const smash_tensor *out)
{
    smash_quant_desc desc = SMASH_ZERO;
    smash_tensor zero = *scale;
    int32_t block[SMASH_MAX_DIMS];
    size_t bytes;
    uint32_t i;
    if (smash_dtype_bits(q->dtype) > 16) return SMASH__FAIL(ctx, SMASH_ERR_FORMAT, 0, "%q has a scale, but %s is no grid that smash makes", name, smash_dtype_name(q->dtype));
    desc.bits = smash_dtype_bits(q->dtype);
    desc.is_unsigned = !(smash__dtype(q->dtype)->kind & SMASH__SIGNED);
    zero.dtype = SMASH_I32;
    zero.flags = 0;
    SMASH__TRY(smash_tensor_bytes(&zero, &bytes));
    zero.bytes = bytes;
    zero.data = smash__scratch(ctx, bytes, 1);
    if (!zero.data) return SMASH_ERR_NOMEM;
    smash__fill(zero.data, 0, bytes);
    if (stored_zero) SMASH__TRY(smash_tensor_convert(ctx, stored_zero, &zero));
    if (scale->ndim != q->ndim) return SMASH__FAIL(ctx, SMASH_ERR_FORMAT, scale->ndim, "\"%s_scale\" has %u dim%s, the tensor has %u", name, scale->ndim, smash__plural(scale->ndim), q->ndim);
    for (i = 0; i < q->ndim; i++) {
        if (!scale->shape[i] || q->shape[i] % scale->shape[i] || q->shape[i] / scale->shape[i] > INT32_MAX)
            return SMASH__FAIL(ctx, SMASH_ERR_FORMAT, i, "dim %u: %z scales of \"%s_scale\" do not divide %z numbers", i, scale->shape[i], name, q->shape[i]);
        block[i] = (int32_t)(q->shape[i] / scale->shape[i]);
    }
    desc.grain = smash_grain_block(block, q->ndim);
    return smash_dequantize(ctx, &desc, q, scale, &zero, out);
}

SMASH__FN smash_err smash__restore(smash_ctx *ctx, const smash_model *model, const char *name, smash_arena *arena, smash_tensor *out, smash_dtype *stored)
{
    smash_tensor q, scale, zero, f;
    size_t bytes;
    ptrdiff_t param = smash_model_find_param(model, name);
    smash_err err, has_zero;
    if (param >= 0 && !(SMASH__INTS >> model->params[param].tensor.dtype & 1)) err = SMASH_ERR_NOTFOUND;          /* floats have no scale */
    else err = smash__load_part(ctx, model, name, "_scale", &scale, NULL);
    if (err && err != SMASH_ERR_NOTFOUND) return err;
    if (err && param < 0) {                                              /* floats without their zeros */
        err = smash__load_sparse(ctx, model, name, arena, out);
        if (err == SMASH_ERR_NOTFOUND) return SMASH__FAIL(ctx, SMASH_ERR_NOTFOUND, 0, "the model has no tensor %q", name);
        if (!err) *stored = out->dtype;
        return err;
    }
    if (err) {
        SMASH__TRY(smash_model_load(ctx, model, (size_t)param, arena, out));
        *stored = out->dtype;
        return SMASH_OK;
    }
    has_zero = smash__load_part(ctx, model, name, "_zero_point", &zero, NULL);
    if (has_zero && has_zero != SMASH_ERR_NOTFOUND) return has_zero;
    err = param >= 0 ? smash_model_load(ctx, model, (size_t)param, &ctx->scratch, &q) : smash__load_packed(ctx, model, name, has_zero ? NULL : &zero, &q);
    if (err == SMASH_ERR_NOTFOUND) err = smash__load_sparse(ctx, model, name, &ctx->scratch, &q);
    if (err == SMASH_ERR_NOTFOUND) return SMASH__FAIL(ctx, err, 0, "the model has no tensor %q", name);
    if (err) return err;
    f = smash_tensor_view(SMASH_F32, NULL, 0, q.ndim, q.shape);
    f.name = name;
    SMASH__TRY(smash_tensor_bytes(&f, &bytes));
    f.bytes = bytes;
    f.data = smash_arena_alloc(ctx, arena, bytes);
    if (!f.data) return SMASH_ERR_NOMEM;
    SMASH__TRY(smash__load_quantized(ctx, name, &q, &scale, has_zero ? NULL : &zero, &f));
    *out = f;
    *stored = q.dtype;
    return SMASH_OK;
}

SMASH__DEF smash_err smash_model_restore(smash_ctx *ctx, const smash_model *model, const char *name, smash_arena *arena, smash_tensor *out, smash_dtype *stored)
{
    smash_arena_mark mark = smash__scratch_mark(ctx), made;
    smash_dtype ignored;
    smash_err err;
    if (!smash__ctx(ctx) || !model || !name || !arena || !out || arena == &ctx->scratch) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "ctx, model, name, arena or out is missing, or arena is the scratch");
    made = smash_arena_get_mark(arena);
    err = smash__restore(ctx, model, name, arena, out, stored ? stored : &ignored);
    smash__scratch_rewind(ctx, mark);
    if (err) smash_arena_rewind(arena, made);
    return err;
}

/* ---- report ---- */

SMASH__FN void smash__report_row(smash_writer *w, const smash_plan *plan, const smash_row *row)
{
    const smash_module *module = &plan->model->modules[row->module];
    const smash_tensor *t = row->param == (uint32_t)SMASH_NONE ? row->activation : &plan->model->params[row->param].tensor;
    char text[16];
    uint32_t i;
    smash_write_begin_object(w);
    smash_write_key(w, "module");    smash_write_text(w, module->name);
    smash_write_key(w, "target");    smash_write_text(w, row->target);
    smash_write_key(w, "type");      smash_write_text(w, module->type);
    smash_write_key(w, "shape");
    if (t) {
        smash_write_begin_array(w);
        for (i = 0; i < t->ndim; i++) smash_write_u64(w, t->shape[i]);
        smash_write_end(w);
    } else smash_write_null(w);
    smash_write_key(w, "algorithm"); smash_write_text(w, row->algo->name);
    smash_write_key(w, "group");     smash_write_text(w, smash_group_name(row->algo->group));
    if (row->algo->group == SMASH_PRUNER) {
        int own = !row->skip && row->align_row == (uint32_t)SMASH_NONE;
        smash_write_key(w, "asked");
        if (row >= plan->given && row < plan->given + plan->given_count) smash_write_text(w, "masks");
        else if (own && !row->mask.use_threshold && row->group_rule != SMASH_RULE_GOAL) smash_write_number(w, row->mask.ratio); else smash_write_null(w);
        if (own && row->mask.use_threshold) { smash_write_key(w, "threshold"); smash_write_number(w, row->mask.threshold); }
        if (!own && !row->skip) { smash_write_key(w, "follows"); smash_write_text(w, smash__row_name(plan, &plan->rows[row->align_row])); }
        if (row->group_rule == SMASH_RULE_GOAL && !row->skip) { smash_write_key(w, "chosen_by"); smash_write_text(w, plan->goal.key->name); }
        if (row->group_id && !row->skip) {
            smash_write_key(w, row->group_rule == SMASH_RULE_SHARED ? "dependency_group_id" : "global_group_id");
            smash__write_tree(w, row->group_id, 0);
        }
        smash_write_key(w, "sparsity");  smash_write_number(w, row->mask_stats.ratio);
        smash_write_key(w, "masked");    smash_write_u64(w, row->mask_stats.elements);
        smash_write_key(w, "zeros");     smash_write_u64(w, row->apply_method == SMASH_APPLY_MUL && row->param != (uint32_t)SMASH_NONE ? row->mask_stats.elements : 0);
        smash_write_key(w, "apply_method");
        smash_write_text(w, row->skip ? NULL : smash__apply_name(row->apply_method));
        if (row->apply_method == SMASH_APPLY_ADD) { smash_write_key(w, "apply_value"); smash_write_number(w, row->apply_value); }
    } else {
        smash_write_key(w, "dtype");     smash_write_text(w, smash__dtype_name(&row->quant, text));
        smash_write_key(w, "scheme");    smash_write_text(w, row->quant.scheme == SMASH_AFFINE ? "affine" : "symmetric");
    }
    smash_write_key(w, "granularity");
    if (row->skip || !t) smash_write_null(w);
    else smash__write_grain(w, row->algo->group == SMASH_PRUNER ? &row->mask.grain : &row->quant.grain, t->ndim);
    if (row->algo->group == SMASH_QUANTIZER) {
        smash_write_key(w, "qmin");      smash_write_i64(w, row->qmin);
        smash_write_key(w, "qmax");      smash_write_i64(w, row->qmax);
        smash_write_key(w, "mse");           if (row->skip) smash_write_null(w); else smash_write_number(w, row->quant_stats.mse);
        smash_write_key(w, "snr_db");        if (row->skip) smash_write_null(w); else smash_write_number(w, row->quant_stats.snr_db);
        smash_write_key(w, "max_abs_error"); if (row->skip) smash_write_null(w); else smash_write_number(w, row->quant_stats.max_abs_error);
        smash_write_key(w, "saturated");     if (row->skip) smash_write_null(w); else smash_write_u64(w, row->quant_stats.saturated);
    }
    smash_write_key(w, "note");      smash_write_text(w, row->note);
    smash_write_end(w);
}

SMASH__DEF void smash_report_rows(smash_writer *w, const smash_plan *plan)
{
    size_t i;
    smash_write_begin_array(w);
    for (i = 0; i < plan->given_count; i++) smash__report_row(w, plan, &plan->given[i]);
    for (i = 0; i < plan->count; i++) smash__report_row(w, plan, &plan->rows[i]);
    smash_write_end(w);
}

SMASH__FN void smash__report_group(smash_writer *w, const smash_plan *plan, const smash_target_group *group)
{
    const smash_row *first = &plan->rows[group->first];
    uint64_t zeros = 0;
    uint32_t i;
    for (i = group->first; i != (uint32_t)SMASH_NONE; i = plan->rows[i].next_member) if (plan->rows[i].apply_method == SMASH_APPLY_MUL) zeros += plan->rows[i].mask_stats.elements;
    smash_write_begin_object(w);
    smash_write_key(w, "rule");      smash_write_text(w, group->rule == SMASH_RULE_GOAL ? plan->goal.key->name : group->rule == SMASH_RULE_SHARED ? "dependency_group_id" : "global_group_id");
    smash_write_key(w, "id");
    if (first->group_id) smash__write_tree(w, first->group_id, 0); else smash_write_null(w);
    smash_write_key(w, "algorithm"); smash_write_text(w, first->algo->name);
    smash_write_key(w, "asked");
    if (group->rule == SMASH_RULE_GOAL) smash_write_number(w, plan->goal.asked);
    else if (!first->mask.use_threshold) smash_write_number(w, first->mask.ratio);
    else smash_write_null(w);
    if (first->mask.use_threshold) { smash_write_key(w, "threshold"); smash_write_number(w, first->mask.threshold); }
    if (group->rule == SMASH_RULE_GOAL) {
        smash_write_key(w, "before"); smash_write_u64(w, plan->goal.before);
        smash_write_key(w, "most");   smash_write_u64(w, plan->goal.most);
        smash_write_key(w, "left");   smash_write_u64(w, plan->goal.left);
    }
    smash_write_key(w, "sparsity");  smash_write_number(w, group->numbers ? (double)group->masked / (double)group->numbers : 0);
    smash_write_key(w, "masked");    smash_write_u64(w, group->masked);
    smash_write_key(w, "zeros");     smash_write_u64(w, zeros);
    smash_write_key(w, "numbers");   smash_write_u64(w, group->numbers);
    smash_write_key(w, "members");
    smash_write_begin_array(w);
    for (i = group->first; i != (uint32_t)SMASH_NONE; i = plan->rows[i].next_member) smash_write_text(w, plan->model->params[plan->rows[i].param].name);
    smash_write_end(w);
    smash_write_key(w, "note");      smash_write_text(w, group->note);
    smash_write_end(w);
}

SMASH__DEF void smash_report_groups(smash_writer *w, const smash_plan *plan)
{
    size_t i;
    smash_write_begin_array(w);
    for (i = 0; i < plan->group_count; i++) smash__report_group(w, plan, &plan->groups[i]);
    smash_write_end(w);
}
#endif

#if !SMASH_NO_SELFTEST
/*==================================================================================================
 * MARK: - Selftest, implementation                                                  >>selftest-impl
 *================================================================================================*/

/* A section at work. Everything it computes goes into the digest, as little-endian bytes. */
typedef struct smash__test {
    smash_ctx    ctx;               /* a copy of the caller's: failures are results here */
    smash_digest digest;
    uint64_t     rng;
} smash__test;

SMASH__FN void smash__digest_u64(smash_digest *d, uint64_t x)
{
    unsigned char bytes[8];
    int i;
    for (i = 0; i < 8; i++) bytes[i] = (unsigned char)(x >> 8 * i & 0xFF);
    smash_digest_add(d, bytes, 8);
}

SMASH__FN void smash__note(smash__test *t, uint64_t x) { smash__digest_u64(&t->digest, x); }

/* The bits of a tensor's elements as unsigned integers */
SMASH__FN smash_tensor smash__raw(const smash_tensor *x)
{
    smash_tensor raw = *x;
    switch (smash_dtype_bits(x->dtype)) {
    case 2:  raw.dtype = SMASH_U2; break;
    case 4:  raw.dtype = SMASH_U4; break;
    case 8:  raw.dtype = SMASH_U8; break;
    case 16: raw.dtype = SMASH_U16; break;
    case 32: raw.dtype = SMASH_U32; break;
    default: raw.dtype = SMASH_U64; break;
    }
    return raw;
}

SMASH__FN void smash__note_tensor(smash__test *t, const smash_tensor *x)
{
    smash_tensor raw = smash__raw(x);
    size_t n = 0, i;
    int negative;
    smash_tensor_count(x, &n);
    for (i = 0; i < n; i++) smash__note(t, smash__get_int(&raw, i, &negative));
}

/* What a call answers, and the element it names, is a result like any other; only a lack of memory ends the test. */
SMASH__FN smash_err smash__note_err(smash__test *t, smash_err err)
{
    smash__note(t, (uint64_t)(0 - (int)err));
    if (err) smash__note(t, t->ctx.index);
    if (err == SMASH_ERR_NOMEM || err == SMASH_ERR_ARG) return err;
    smash_ctx_reset(&t->ctx);
    return SMASH_OK;
}

/* ---- inputs ---- */

/* Kinds of numbers: around 1, with all bits of the mantissa; few different ones, so that scores tie, with both zeros; denormals; any finite bits;
 * any bits. Integers: below 8, below 2, any. */
enum { SMASH__COMMON = 0, SMASH__TIES = 1, SMASH__DENORMAL = 2, SMASH__FINITE = 3, SMASH__ANY = 4 };

SMASH__FN SMASH__NOINLINE void smash__test_fill(smash__test *t, const smash_tensor *x, int kind)
{
    smash_tensor raw = smash__raw(x);
    unsigned bits = smash_dtype_bits(x->dtype), mantissa = x->dtype == SMASH_F64 ? 52 : x->dtype == SMASH_F32 ? 23 : x->dtype == SMASH_F16 ? 10 : 7;
    int is_float = smash__dtype(x->dtype)->kind & SMASH__FLOAT;
    uint64_t all = bits == 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1, top = (uint64_t)1 << (bits - 1), one = (uint64_t)1 << mantissa, infinity = (all ^ top) / one * one;
    size_t n = 0, i;
    smash_tensor_count(x, &n);
    for (i = 0; i < n; i++) {
        uint64_t r = smash_random(&t->rng), u = smash_random(&t->rng) & all;
        if (is_float && kind == SMASH__TIES) {                          /* halves from -2 to 1.5 */
            float f = (float)((int)(r & 7) - 4) * 0.5f;
            smash__store_f32(x, i, 1, &f);
            if (f == 0 && r >> 63) smash__set_int(&raw, i, top, 0);             /* -0 */
            continue;
        }
        if (is_float && kind == SMASH__COMMON) u = (u & (top | (one - 1))) | ((infinity >> 1 & infinity) / one - (r & 7)) * one;
        else if (is_float && kind == SMASH__DENORMAL) u &= top | (one - 1);
        else if (is_float && kind == SMASH__FINITE) u &= (u & infinity) == infinity ? ~infinity | infinity >> 1 : all;
        else if (!is_float && kind == SMASH__COMMON) u &= 7;
        else if (!is_float && kind == SMASH__TIES) u &= 1;
        smash__set_int(&raw, i, x->dtype == SMASH_BOOL ? u & 1 : u, 0);
    }
}

/* Odd sizes, whole tiles with a rest behind them, one number. Every granularity of each: elements, the tensor, every
 * axis, blocks of 2 or 3 along each axis where they divide, and the whole last axis. */
enum { SMASH__TEST_SHAPES = 6, SMASH__TEST_MOST = 72 };

SMASH__FN smash_tensor smash__test_view(int shape, smash_dtype dtype, void *data)
{
    static const size_t shapes[SMASH__TEST_SHAPES][4] = { { 37 }, { 5, 7 }, { 4, 6, 3 }, { 3, 4, 2, 2 }, { 1, 1 }, { 1, 70 } };
    static const uint8_t ndim[SMASH__TEST_SHAPES] = { 1, 2, 3, 4, 2, 2 };
    return smash_tensor_view(dtype, data, SMASH__TEST_MOST * sizeof(double), ndim[shape], shapes[shape]);
}

SMASH__FN int smash__test_grain(const smash_tensor *x, uint32_t i, smash_grain *grain)
{
    int32_t block[SMASH_MAX_DIMS];
    uint32_t axis;
    if (i == 0) *grain = smash_grain_element();
    else if (i == 1) *grain = smash_grain_tensor();
    else if (i < 2 + x->ndim) *grain = smash_grain_axis(i - 2);
    else if (i == 2 + x->ndim) {
        for (axis = 0; axis < x->ndim; axis++) block[axis] = x->shape[axis] % 2 == 0 ? 2 : x->shape[axis] % 3 == 0 ? 3 : -1;
        *grain = smash_grain_block(block, x->ndim);
    } else {
        block[0] = -1;
        *grain = smash_grain_block(block, 1);
    }
    return i <= 3 + x->ndim;
}

/* Room for one tensor of the shapes above, of any dtype */
SMASH__FN void *smash__test_room(smash__test *t) { return smash__scratch(&t->ctx, SMASH__TEST_MOST, sizeof(double)); }

/* ---- the sections ---- */

#if !SMASH_NO_DOUBLE
SMASH__FN smash_err smash__test_core(smash__test *t)
{
    static const double edges[8] = { 0.5, 1.5, 2.5, 4503599627370497.5, 2147483647.5, 9.2233720368547758e18, 0.49999999999999994, 1.0 };
    unsigned char bytes[97];
    int i;
    for (i = 0; i < 1000; i++) {
        uint64_t r = smash_random(&t->rng);
        double whole = (double)(int64_t)(r >> 11), wide = smash__float64(r), tame = smash__product(whole, 1.1102230246251565e-16 * (double)(1 << i % 11));
        float narrow = smash__float32((uint32_t)r);
        if (i < 16) tame = i & 8 ? -edges[i & 7] : edges[i & 7];
        if (i & 16) tame = -tame;
        if (i & 32) wide = smash__float64(r & 0x800FFFFFFFFFFFFFu);         /* denormal */
        smash__note(t, (uint64_t)smash_round_half_even_f64(tame * 16.0));
        smash__note(t, (uint64_t)smash_round_half_away_f64(tame));
        smash__note(t, (uint64_t)smash_round_half_even_f64(wide));
        smash__note(t, (uint64_t)(int64_t)smash_round_half_even(narrow));
        smash__note(t, (uint64_t)(int64_t)smash_round_half_away(narrow));
        smash__note(t, (uint64_t)(smash_is_finite(narrow) * 2 + smash_is_finite_f64(wide)));
        smash__note(t, smash__bits64(smash_exp(tame)));
        smash__note(t, smash__bits64(smash_exp(wide)));
        smash__note(t, smash__bits64(smash_log(tame)));
        smash__note(t, smash__bits64(smash_log(wide)));
        smash__note(t, smash__bits64(smash_tanh(tame)));
        smash__note(t, smash__bits64(smash_tanh(wide)));
        smash__note(t, smash__bits64(smash_sqrt(tame)));
        smash__note(t, smash__bits64(smash_sqrt(wide)));
        bytes[i % 97] = (unsigned char)r;
        if (i >= 97 && i < 194) smash__note(t, smash_digest_of(bytes + i % 8, (size_t)(i - 97) * 89 / 97));
    }
    return SMASH_OK;
}

SMASH__FN smash_err smash__test_distance(smash__test *t, const smash_tensor *a, const smash_tensor *b)
{
    smash_distance distance = SMASH_ZERO;
    SMASH__TRY(smash__note_err(t, smash_tensor_distance(&t->ctx, a, b, &distance)));
    smash__note(t, smash__bits64(distance.mse));
    smash__note(t, smash__bits64(distance.max_abs_error));
    smash__note(t, smash__bits64(distance.snr_db));
    smash__note(t, smash__bits64(distance.cosine));
    smash__note(t, distance.zeros_a);
    smash__note(t, distance.zeros_b);
    return SMASH_OK;
}

/* Every dtype to and against every other */
SMASH__FN smash_err smash__test_tensor(smash__test *t)
{
    void *from = smash__test_room(t), *to = smash__test_room(t);
    smash_tensor a, b;
    uint32_t h;
    int i, j, kind;
    if (!from || !to) return SMASH_ERR_NOMEM;
    for (h = 0; h < 65536; h += 7) {
        float x = smash__float32(h << 16 | (h ^ 0x5A5Au));
        smash__note(t, (uint64_t)smash__bits32(smash_f16_to_f32((uint16_t)h)) << 32 | smash__bits32(smash_bf16_to_f32((uint16_t)h)));
        smash__note(t, (uint64_t)smash_f32_to_f16(x) << 16 | smash_f32_to_bf16(x));
    }
    for (i = SMASH_F32; i <= SMASH_U2; i++)
        for (j = SMASH_F32; j <= SMASH_U2; j++)
            for (kind = SMASH__COMMON; kind <= SMASH__ANY; kind++) {
                a = smash__test_view(0, (smash_dtype)i, from);
                b = smash__test_view(0, (smash_dtype)j, to);
                smash__test_fill(t, &a, kind);
                smash__fill(to, 0, b.bytes);
                SMASH__TRY(smash__note_err(t, smash_tensor_convert(&t->ctx, &a, &b)));
                if (kind < SMASH__FINITE) smash__note_tensor(t, &b);    /* of a refused conversion dst is unspecified, and these give many */
                smash__test_fill(t, &b, kind);
                SMASH__TRY(smash__test_distance(t, &a, &b));
            }
    a = smash__test_view(5, SMASH_F32, from);
    b = smash__test_view(5, SMASH_F32, to);
    for (kind = SMASH__COMMON; kind <= SMASH__ANY; kind++) {
        smash__test_fill(t, &a, kind);
        smash__test_fill(t, &b, kind);
        SMASH__TRY(smash__test_distance(t, &a, &b));
    }
    return SMASH_OK;
}
#endif

#if !SMASH_NO_MASK && !SMASH_NO_DOUBLE
/* One tensor, one granularity: score it, drop every possible number of blocks, apply the last mask and hand it on */
SMASH__FN SMASH__NOINLINE smash_err smash__test_mask_of(smash__test *t, const smash_tensor *w, smash_mask_desc *desc, double *scores, unsigned char *bits, void *copy)
{
    smash_mask_stats stats = SMASH_ZERO;
    smash_apply_desc add = SMASH_ZERO;
    smash_grid grid;
    smash_tensor metric, mask, other;
    const int32_t last = -1;
    size_t k, bytes, axis;
    SMASH__TRY(smash_grid_make(&t->ctx, &desc->grain, w, &grid));
    metric = smash_tensor_view(SMASH_F64, scores, SMASH__TEST_MOST * sizeof *scores, grid.ndim, grid.count);
    mask = smash_tensor_view(SMASH_BOOL, bits, SMASH__TEST_MOST, grid.ndim, grid.count);
    desc->ratio = desc->min_ratio = desc->max_ratio = 0;
    desc->use_threshold = 0;
    if (smash_mask_metric(&t->ctx, desc, w, &metric)) return smash__note_err(t, t->ctx.err);     /* a sum beyond double */
    smash__note_tensor(t, &metric);
    for (k = 0; k <= grid.blocks; k++) {
        desc->ratio = (double)k / (double)grid.blocks;
        desc->max_ratio = k % 5 == 4 ? 0.5 : 0;
        desc->min_ratio = k % 5 == 3 ? 0.25 : 0;
        SMASH__TRY(smash_mask_allocate(&t->ctx, desc, &metric, smash_dtype_bits(w->dtype), &mask, &stats));
        smash__note_tensor(t, &mask);
        smash__note(t, stats.dropped);
    }
    desc->ratio = 0;
    desc->use_threshold = 1;
    desc->threshold = scores[grid.blocks / 2];
    SMASH__TRY(smash_mask_make(&t->ctx, desc, w, &mask, &stats));
    smash__note(t, stats.elements);
    SMASH__TRY(smash_tensor_bytes(w, &bytes));
    other = *w;
    other.data = copy;
    add.method = SMASH_APPLY_ADD;
    add.grain = desc->grain;
    SMASH__TRY(smash_mask_apply_to(&t->ctx, &add, &mask, w, &other));
    smash__note_tensor(t, &other);
    smash__copy(copy, w->data, bytes);
    SMASH__TRY(smash_mask_apply(&t->ctx, &desc->grain, &mask, &other));
    smash__note_tensor(t, &other);
    axis = w->ndim - 1;
    other = smash_tensor_view(SMASH_BOOL, copy, SMASH__TEST_MOST, 1, &w->shape[axis]);
    {
        smash_grain element = smash_grain_element();
        SMASH__TRY(smash_mask_align(&t->ctx, &mask, &desc->grain, w, &last, 1, &element, &other));
    }
    smash__note_tensor(t, &other);
    return SMASH_OK;
}

/* Scores from data, of pseudo-random doubles as weights, gradients and activations */
SMASH__FN smash_err smash__test_scores(smash__test *t, double *numbers, double *metric)
{
    static const size_t shape[2] = { 4, 6 };
    const smash_grain rows = smash_grain_axis(0);
    const smash_tensor w = smash_tensor_view(SMASH_F64, numbers, 24 * sizeof *numbers, 2, shape), g = smash_tensor_view(SMASH_F64, numbers + 24, 24 * sizeof *numbers, 2, shape);
    const smash_tensor all = smash_tensor_view(SMASH_F64, metric, 24 * sizeof *metric, 2, shape), squares = smash_tensor_view(SMASH_F64, metric + 24, 6 * sizeof *metric, 1, &shape[1]);
    const size_t column[2] = { 4, 1 };
    const smash_tensor sum = smash_tensor_view(SMASH_F64, metric, 4 * sizeof *metric, 2, column);
    smash__fill(metric, 0, 30 * sizeof *metric);
    SMASH__TRY(smash_score_add_taylor(&t->ctx, &rows, &w, &g, &sum));
    SMASH__TRY(smash_score_divide(&t->ctx, 3, &sum));
    smash__note_tensor(t, &sum);
    SMASH__TRY(smash_score_add_channels(&t->ctx, SMASH_CHANNEL_SQUARES, &g, 1, &squares));
    smash__note_tensor(t, &squares);
    SMASH__TRY(smash_score_wanda(&t->ctx, &w, &squares, &all));
    smash__note_tensor(t, &all);
    SMASH__TRY(smash_score_lamp(&t->ctx, &w, &all));
    smash__note_tensor(t, &all);
    return SMASH_OK;
}

/* Three steps of scores that are trained, and what comes of them; w and gradient as in smash__test_scores */
SMASH__FN SMASH__NOINLINE smash_err smash__test_trained(smash__test *t, double *numbers, double *metric)
{
    static const size_t shape[2] = { 4, 6 }, column[2] = { 4, 1 };
    const smash_grain rows = smash_grain_axis(0);
    smash_tensor w = smash_tensor_view(SMASH_F64, numbers, 24 * sizeof *numbers, 2, shape), state[4];
    double loss = 0;
    uint32_t i;
    smash__fill(metric, 0, 16 * sizeof *metric);
    for (i = 0; i < 4; i++) {
        state[i] = smash_tensor_view(SMASH_F64, metric + 4 * i, 4 * sizeof *metric, 2, column);
        metric[12 + i] = (double)i - 1.25;
    }
    for (i = 1; i < 4; i++) {
        smash_tensor gradient = w;
        gradient.data = numbers + 24;
        smash__fill(metric, 0, 4 * sizeof *metric);
        SMASH__TRY(smash_score_add_product(&t->ctx, &rows, &w, &gradient, &state[0]));
        SMASH__TRY(smash_score_add_penalty(&t->ctx, (smash_penalty)(i % 2), 0.01, 3, &state[3], &state[0], &loss));
        smash__note(t, smash__bits64(loss));
        SMASH__TRY(smash_score_adam(&t->ctx, NULL, i * i, &state[0], &state[1], &state[2], &state[3]));
        smash__note_tensor(t, &state[3]);
    }
    SMASH__TRY(smash_score_sigmoid(&t->ctx, &state[3], &state[0]));
    smash__note_tensor(t, &state[0]);
    state[0] = w;
    state[0].data = metric + 16;
    SMASH__TRY(smash_mask_scale(&t->ctx, &rows, &state[3], &w, &state[0]));
    smash__note_tensor(t, &state[0]);
    return SMASH_OK;
}

/* Several targets together, and parts, and schedules: ties, both zeros, negative scores, minima, maxima, weights. */
SMASH__FN SMASH__NOINLINE smash_err smash__test_groups(smash__test *t)
{
    enum { MEMBERS = 3, MOST = 40, WAYS = 12 };
    static const size_t blocks[MEMBERS] = { 40, 24, 8 };
    smash_mask_member *members = (smash_mask_member *)smash__scratch(&t->ctx, MEMBERS, sizeof *members);
    double *scores = (double *)smash__scratch(&t->ctx, MEMBERS * MOST, sizeof *scores);
    unsigned char *masks = (unsigned char *)smash__scratch(&t->ctx, MEMBERS * MOST, 1);
    size_t m, way, i;
    if (!members || !scores || !masks) return SMASH_ERR_NOMEM;
    for (way = 0; way < WAYS; way++) {
        smash_mask_desc desc = SMASH_ZERO;
        smash_budget_desc budget = SMASH_ZERO;
        const size_t same = 24;
        for (m = 0; m < MEMBERS; m++) {
            smash__fill(&members[m], 0, sizeof members[m]);
            members[m].metric = smash_tensor_view(SMASH_F64, scores + m * MOST, MOST * sizeof *scores, 1, way % 2 ? &same : &blocks[m]);
            members[m].mask = smash_tensor_view(SMASH_BOOL, masks + m * MOST, MOST, 1, way % 2 ? &same : &blocks[m]);
            members[m].block_elements = way % 3 ? m + 1 : 0;
            members[m].min_ratio = way % 4 == 2 ? 0.25 : 0;
            members[m].max_ratio = way % 4 == 3 ? 0.5 : 0;
            for (i = 0; i < MOST; i++) scores[m * MOST + i] = (double)(int64_t)(smash_random(&t->rng) >> (way < 6 ? 40 : 61)) * (smash_random(&t->rng) & 1 ? 0.5 : -0.25);
        }
        smash__fill(masks, 2, MEMBERS * MOST);
        desc.ratio = budget.ratio = (double)way / 12;
        desc.parts = way < 6 ? 0 : 4;
        if (way % 2) SMASH__TRY(smash_mask_allocate_shared(&t->ctx, &desc, members, MEMBERS, 32));
        else SMASH__TRY(smash_mask_allocate_global(&t->ctx, &budget, members, MEMBERS));
        smash_digest_add(&t->digest, masks, MEMBERS * MOST);
        SMASH__TRY(smash__test_scores(t, scores, scores + 2 * MOST));
        SMASH__TRY(smash__test_trained(t, scores, scores + 2 * MOST));
        smash__note(t, smash__bits64(smash_schedule_agp(way, 11)));
        smash__note(t, smash__bits64(smash_schedule_agp_epoch(0.1, 0.9, way, 2, 11, 3)));
        smash__note(t, smash__bits64(smash_schedule_movement(way, 3, 10)));
        smash__note(t, smash__bits64(smash_schedule_lottery(0.8, way, 11)));
    }
    return SMASH_OK;
}

SMASH__FN smash_err smash__test_mask(smash__test *t)
{
    const smash_arena_mark mark = smash__scratch_mark(&t->ctx);
    void *data = smash__test_room(t), *copy = smash__test_room(t);
    double *scores = (double *)smash__test_room(t);
    unsigned char *bits = (unsigned char *)smash__scratch(&t->ctx, SMASH__TEST_MOST, 1);
    int shape, dtype, metric;
    uint32_t g;
    if (!data || !copy || !scores || !bits) return SMASH_ERR_NOMEM;
    for (shape = 0; shape < SMASH__TEST_SHAPES; shape++)
        for (dtype = SMASH_F32; dtype <= SMASH_BF16; dtype++)
            for (metric = SMASH_METRIC_L1; metric <= SMASH_METRIC_FPGM; metric++) {
                smash_mask_desc desc = SMASH_ZERO;
                smash_tensor w = smash__test_view(shape, (smash_dtype)dtype, data);
                smash__test_fill(t, &w, (shape + dtype + metric) % 4);
                desc.metric = (smash_metric)metric;
                for (g = metric == SMASH_METRIC_FPGM ? 1 : 0; smash__test_grain(&w, g, &desc.grain); g++)   /* FPGM of single numbers: slow without an FPU */
                    SMASH__TRY(smash__test_mask_of(t, &w, &desc, scores, bits, copy));
            }
    smash__scratch_rewind(&t->ctx, mark);
    return smash__test_groups(t);
}
#endif

#if !SMASH_NO_QUANT
/* A tensor, its grid and its integers */
typedef struct smash__trip { smash_tensor scale, zero, q; } smash__trip;

/* There and back: w in, back out. Numbers that float cannot hold end it early, with q empty. */
SMASH__FN SMASH__NOINLINE smash_err smash__test_trip(smash__test *t, const smash_quant_desc *desc, const smash_tensor *w, smash__trip *trip, void *data)
{
    smash_grid grid;
    smash_tensor back = *w;
    SMASH__TRY(smash_grid_make(&t->ctx, &desc->grain, w, &grid));
    trip->scale = smash_tensor_view(SMASH_F32, trip->scale.data, SMASH__TEST_MOST * sizeof(float), grid.ndim, grid.count);
    trip->zero = smash_tensor_view(SMASH_I32, trip->zero.data, SMASH__TEST_MOST * sizeof(int32_t), grid.ndim, grid.count);
    trip->q = smash_tensor_view(smash_quant_dtype(desc), trip->q.data, SMASH__TEST_MOST * sizeof(uint16_t), w->ndim, w->shape);
    if (smash_quant_fit(&t->ctx, desc, w, &trip->scale, &trip->zero)) {
        trip->q.shape[0] = 0;
        return smash__note_err(t, t->ctx.err);
    }
    SMASH__TRY(smash_quantize(&t->ctx, desc, w, &trip->scale, &trip->zero, &trip->q));
    back.data = data;
    SMASH__TRY(smash_dequantize(&t->ctx, desc, &trip->q, &trip->scale, &trip->zero, &back));
    smash__note_tensor(t, &trip->scale);
    smash__note_tensor(t, &trip->zero);
    smash__note_tensor(t, &trip->q);
    smash__note_tensor(t, &back);
    return SMASH_OK;
}

/* Memory for a trip */
SMASH__FN int smash__test_pack(smash__test *t, smash__trip *trip)
{
    smash__fill(trip, 0, sizeof *trip);
    trip->scale.data = smash__scratch(&t->ctx, SMASH__TEST_MOST, sizeof(float));
    trip->zero.data = smash__scratch(&t->ctx, SMASH__TEST_MOST, sizeof(int32_t));
    trip->q.data = smash__scratch(&t->ctx, SMASH__TEST_MOST, sizeof(uint16_t));
    return trip->scale.data && trip->zero.data && trip->q.data;
}

/* Grid number i: 2 to 16 bits, int and uint, symmetric and affine */
enum { SMASH__TEST_GRIDS = 60 };
SMASH__FN smash_quant_desc smash__test_desc(uint32_t i)
{
    smash_quant_desc desc = SMASH_ZERO;
    desc.bits = 2 + i / 4;
    desc.is_unsigned = i & 1;
    desc.scheme = i & 2 ? SMASH_AFFINE : SMASH_SYMMETRIC;
    return desc;
}

#if !SMASH_NO_DOUBLE
/* Two observers that see a tensor each, merged; and the grid of least squared error */
SMASH__FN SMASH__NOINLINE smash_err smash__test_observer(smash__test *t)
{
    const smash_arena_mark mark = smash__scratch_mark(&t->ctx);
    void *data = smash__test_room(t), *memory[2];
    uint32_t i, dtype, kind;
    for (i = 0; i < 2; i++) memory[i] = smash__scratch(&t->ctx, 32 + 64 * 8, 1);
    if (!data || !memory[0] || !memory[1]) return SMASH_ERR_NOMEM;
    for (dtype = SMASH_F32; dtype <= SMASH_BF16; dtype++)
        for (kind = SMASH_OBSERVE_MIN_MAX; kind <= SMASH_OBSERVE_MSE; kind++)
            for (i = 0; i < 8; i++) {
                smash_observer_desc desc = SMASH_ZERO;
                smash_quant_desc grid = smash__test_desc(i);
                smash_observer o[2];
                smash_tensor w, scale;
                float range[3];
                int32_t zero[1] = { 0 };
                uint32_t k;
                desc.kind = (smash_observer_kind)kind;
                desc.bins = 64;
                desc.outside = 100000000;
                if (dtype == SMASH_F64 && kind > 1 && i > 3) continue;                   /* slow without an FPU */
                for (k = 0; k < 2; k++) {
                    SMASH__TRY(smash_observer_init(&t->ctx, &desc, 1, memory[k], 32 + 64 * 8, &o[k]));
                    w = smash__test_view((int)((i + k) % SMASH__TEST_SHAPES), (smash_dtype)dtype, data);
                    smash__test_fill(t, &w, k ? SMASH__COMMON : (int)(i % 3));
                    SMASH__TRY(smash__note_err(t, smash_observe(&t->ctx, &o[k], &w)));
                }
                SMASH__TRY(smash__note_err(t, smash_observer_merge(&t->ctx, &o[0], &o[1])));
                for (k = 0; o[0].bins && k < 64; k++) smash__note(t, o[0].bins[k]);
                if (!smash_observer_range(&t->ctx, &o[0], &grid, 0, &range[0], &range[1]))
                    for (k = 0; k < 2; k++) smash__note(t, smash__bits32(range[k]));
                if (kind == 0) {
                    smash_tensor middle = smash_tensor_view(SMASH_I32, zero, sizeof zero, w.ndim, w.shape);
                    for (k = 0; k < w.ndim; k++) middle.shape[k] = 1;
                    scale = smash_tensor_view(SMASH_F32, &range[2], sizeof range[2], w.ndim, middle.shape);
                    SMASH__TRY(smash_quant_fit_mse(&t->ctx, &grid, &w, &scale, &middle));
                    smash__note(t, smash__bits32(range[2]));
                    smash__note(t, (uint32_t)zero[0]);
                }
            }
    smash__scratch_rewind(&t->ctx, mark);
    return SMASH_OK;
}

SMASH__FN smash_err smash__test_quant(smash__test *t)
{
    const smash_arena_mark mark = smash__scratch_mark(&t->ctx);
    void *data = smash__test_room(t), *back = smash__test_room(t);
    smash__trip trip;
    uint32_t i, g, dtype, turn = 0;
    if (!smash__test_pack(t, &trip) || !data || !back) return SMASH_ERR_NOMEM;
    for (i = 0; i < SMASH__TEST_GRIDS; i++)
        for (dtype = SMASH_F32; dtype <= SMASH_F64; dtype++) {
            smash_quant_desc desc = smash__test_desc(i);
            smash_tensor w = smash__test_view((int)((i + dtype) % SMASH__TEST_SHAPES), (smash_dtype)dtype, data);
            for (g = 0; smash__test_grain(&w, g, &desc.grain); g++) {
                smash_quant_stats stats = SMASH_ZERO;
                smash__test_fill(t, &w, (int)(turn++ % 4));
                SMASH__TRY(smash__test_trip(t, &desc, &w, &trip, back));
                if (!trip.q.shape[0]) continue;
                SMASH__TRY(smash_quant_measure(&t->ctx, &desc, &w, &trip.scale, &trip.zero, &trip.q, &stats));
                smash__note(t, smash__bits64(stats.mse));
                smash__note(t, smash__bits64(stats.max_abs_error));
                smash__note(t, smash__bits64(stats.snr_db));
                smash__note(t, stats.saturated);
                smash__note(t, stats.zeros);
            }
        }
    smash__scratch_rewind(&t->ctx, mark);
    return smash__test_observer(t);
}
#endif
#endif

#if !SMASH_NO_MASK && !SMASH_NO_QUANT
/* A mask in bits and back, and a copy of w with something added where it drops. back: two thirds for the copy, the rest for the bits */
SMASH__FN smash_err smash__test_apply(smash__test *t, const smash_tensor *w, const smash_grain *grain, const smash_tensor *mask, unsigned char *back)
{
    smash_apply_desc desc = SMASH_ZERO;
    smash_tensor copy = *w, bits;
    size_t n, bytes;
    SMASH__TRY(smash_tensor_count(mask, &n));
    bytes = n / 8 + (n % 8 != 0);
    copy.data = back;
    bits = smash_tensor_view(SMASH_U8, back + SMASH__TEST_MOST * sizeof(float), bytes, 1, &bytes);
    copy.bytes = SMASH__TEST_MOST * sizeof(float);
    desc.method = n % 3 ? SMASH_APPLY_ADD : SMASH_APPLY_MUL;
    desc.grain = *grain;
    desc.bits = 1;
    desc.value = n % 2 ? -0.3 : 0;
    SMASH__TRY(smash_mask_pack(&t->ctx, mask, &bits));
    smash__note_tensor(t, &bits);
    SMASH__TRY(smash_mask_apply_to(&t->ctx, &desc, &bits, w, &copy));
    smash__note_tensor(t, &copy);
    SMASH__TRY(smash_mask_unpack(&t->ctx, &bits, mask));
    smash__note_tensor(t, mask);
    return SMASH_OK;
}

/* A tensor without its zeros, and with them again */
SMASH__FN smash_err smash__test_sparse(smash__test *t, const smash_tensor *w, unsigned char *bits, void *back)
{
    smash_tensor mask, values;
    size_t n, left, bytes;
    SMASH__TRY(smash_tensor_count(w, &n));
    SMASH__TRY(smash_sparse_count(&t->ctx, w, &left));
    bytes = n / 8 + (n % 8 != 0);
    mask = smash_tensor_view(SMASH_U8, bits, bytes, 1, &bytes);
    values = smash_tensor_view(w->dtype, back, left * (smash_dtype_bits(w->dtype) / 8), 1, &left);
    SMASH__TRY(smash_sparse_pack(&t->ctx, w, &mask, &values));
    smash__note_tensor(t, &mask);
    smash__note_tensor(t, &values);
    SMASH__TRY(smash_sparse_unpack(&t->ctx, &mask, &values, w));
    smash__note_tensor(t, w);
    return SMASH_OK;
}

/* The same in groups of 3 to 5 with as few numbers as it takes, and in blocks. bits: the places; back: a half for values, a quarter for columns */
SMASH__FN SMASH__NOINLINE smash_err smash__test_layouts(smash__test *t, const smash_tensor *w, const smash_grain *grain, unsigned char *bits, unsigned char *back)
{
    smash_tensor values, places, columns;
    uint32_t n, m = 3 + w->ndim % 3, axis = w->ndim - 1;
    smash_err err = SMASH_ERR_RANGE;
    for (n = 1; err == SMASH_ERR_RANGE && n <= m; n++) {
        SMASH__TRY(smash_sparse_shape_nm(&t->ctx, n, m, axis, w, &values, &places));
        values.data = back;
        places.data = bits;
        err = smash_sparse_pack_nm(NULL, n, m, axis, w, &values, &places);
    }
    if (err) return err;
    smash__note_tensor(t, &values);
    smash__note_tensor(t, &places);
    SMASH__TRY(smash_sparse_unpack_nm(&t->ctx, n - 1, m, axis, &values, &places, w));
    smash__note_tensor(t, w);
    SMASH__TRY(smash_sparse_shape_bsr(&t->ctx, grain, w, &places, &columns, &values));
    values.data = back;
    columns.data = back + SMASH__TEST_MOST * 4;
    places.data = back + SMASH__TEST_MOST * 6;
    SMASH__TRY(smash_sparse_pack_bsr(&t->ctx, grain, w, &places, &columns, &values));
    smash__note_tensor(t, &places);
    smash__note_tensor(t, &columns);
    smash__note_tensor(t, &values);
    SMASH__TRY(smash_sparse_unpack_bsr(&t->ctx, grain, &places, &columns, &values, w));
    smash__note_tensor(t, w);
    return SMASH_OK;
}

/* What SMASH_NO_DOUBLE leaves: rounding, half floats, tensors there and back, masks of random blocks applied, spread and aligned */
SMASH__FN smash_err smash__test_float(smash__test *t)
{
    static const smash_dtype dtypes[3] = { SMASH_F32, SMASH_F16, SMASH_BF16 };
    void *data = smash__test_room(t), *back = smash__test_room(t);
    unsigned char *bits = (unsigned char *)smash__scratch(&t->ctx, SMASH__TEST_MOST, 1);
    smash__trip trip;
    uint32_t i, g, turn = 0;
    if (!smash__test_pack(t, &trip) || !data || !back || !bits) return SMASH_ERR_NOMEM;
    for (i = 0; i < 65536; i += 5) {
        float x = smash__float32((i << 16 | (i ^ 0x3C3Cu)) & 0xBFFFFFFFu), h = smash_f16_to_f32((uint16_t)i);
        smash__note(t, (uint64_t)(int64_t)smash_round_half_even(h));
        smash__note(t, (uint64_t)(int64_t)smash_round_half_away(h));
        smash__note(t, (uint64_t)smash_f32_to_f16(x) << 16 | smash_f32_to_bf16(x));
    }
    for (i = 0; i < SMASH__TEST_GRIDS; i++) {
        smash_quant_desc desc = smash__test_desc(i);
        smash_tensor w = smash__test_view((int)(i % SMASH__TEST_SHAPES), dtypes[i % 3], data), mask, full;
        size_t axis = w.ndim - 1;
        const int32_t last = -1;
        for (g = 0; smash__test_grain(&w, g, &desc.grain); g++) {
            smash_grain element = smash_grain_element();
            smash_grid grid;
            smash__test_fill(t, &w, (int)(turn++ % 4));
            SMASH__TRY(smash__test_trip(t, &desc, &w, &trip, back));
            SMASH__TRY(smash_grid_make(&t->ctx, &desc.grain, &w, &grid));
            mask = smash_tensor_view(SMASH_BOOL, bits, SMASH__TEST_MOST, grid.ndim, grid.count);
            smash__test_fill(t, &mask, SMASH__TIES);
            full = smash_tensor_view(SMASH_BOOL, back, SMASH__TEST_MOST, w.ndim, w.shape);
            SMASH__TRY(smash_mask_expand(&t->ctx, &desc.grain, &mask, &full));
            smash__note_tensor(t, &full);
            full = smash_tensor_view(SMASH_BOOL, back, SMASH__TEST_MOST, 1, &w.shape[axis]);
            SMASH__TRY(smash_mask_align(&t->ctx, &mask, &desc.grain, &w, &last, 1, &element, &full));
            smash__note_tensor(t, &full);
            SMASH__TRY(smash__test_apply(t, &w, &desc.grain, &mask, (unsigned char *)back));
            SMASH__TRY(smash_mask_apply(&t->ctx, &desc.grain, &mask, &w));
            smash__note_tensor(t, &w);
            SMASH__TRY(smash__test_sparse(t, &w, bits, back));
            SMASH__TRY(smash__test_layouts(t, &w, &desc.grain, bits, (unsigned char *)back));
        }
    }
    return SMASH_OK;
}
#endif

#if !SMASH_ONLY_LAYER0 && !SMASH_NO_DOUBLE && !SMASH_NO_MASK && !SMASH_NO_QUANT
/* Several chunks with a rest, for sums, selections and threads; and every number of tiles and odd numbers behind them. */
SMASH__FN smash_err smash__test_large(smash__test *t)
{
    enum { MOST = 200003 };
    static const size_t shapes[2][2] = { { 1, MOST }, { 7, 28571 } };
    float *data = (float *)smash__scratch(&t->ctx, MOST, sizeof *data), *back = (float *)smash__scratch(&t->ctx, MOST, sizeof *back), scales[7];
    unsigned char *bytes = (unsigned char *)smash__scratch(&t->ctx, MOST, sizeof(uint16_t));
    int32_t zeros[7];
    smash_tensor w, other, mask, scale, zero, q;
    uint32_t bits, i;
    int k;
    size_t n;
    if (!data || !back || !bytes) return SMASH_ERR_NOMEM;
    for (i = SMASH__COMMON; i <= SMASH__FINITE; i++) {
        smash_mask_desc prune = SMASH_ZERO;
        w = smash_tensor_view(SMASH_F32, data, MOST * sizeof *data, 2, shapes[i & 1]);
        other = smash_tensor_view(SMASH_F32, back, MOST * sizeof *back, 2, shapes[i & 1]);
        smash__test_fill(t, &other, SMASH__COMMON);
        smash__test_fill(t, &w, (int)i);
        SMASH__TRY(smash__test_distance(t, &w, &other));
        mask = smash_tensor_view(SMASH_BOOL, bytes, MOST * sizeof(uint16_t), 2, shapes[i & 1]);
        for (prune.ratio = 0.125; prune.ratio <= 1; prune.ratio *= 2) {
            SMASH__TRY(smash_mask_make(&t->ctx, &prune, &w, &mask, NULL));
            smash__note_tensor(t, &mask);
        }
        prune.ratio = 0.5;
        prune.grain = smash_grain_axis(0);
        mask.shape[1] = 1;
        for (k = SMASH_METRIC_L1; k <= SMASH_METRIC_FPGM; k++) {
            prune.metric = (smash_metric)k;
            SMASH__TRY(smash__note_err(t, smash_mask_make(&t->ctx, &prune, &w, &mask, NULL)));
            smash__note_tensor(t, &mask);
        }
    }
    for (n = 1; n <= MOST; n = n < 131 ? n + 1 : n * 11 + 7)
        for (bits = 2; bits <= 16; bits *= 2) {
            smash_quant_desc desc = SMASH_ZERO;
            smash_quant_stats stats = SMASH_ZERO;
            desc.bits = bits;
            desc.is_unsigned = (uint32_t)n & 1;
            desc.scheme = n & 2 ? SMASH_AFFINE : SMASH_SYMMETRIC;
            w = smash_tensor_view(SMASH_F32, data, MOST * sizeof *data, 1, &n);
            other = smash_tensor_view(SMASH_F32, back, MOST * sizeof *back, 1, &n);
            q = smash_tensor_view(smash_quant_dtype(&desc), bytes, MOST * sizeof(uint16_t), 1, &n);
            scale = smash_tensor_view(SMASH_F32, scales, sizeof scales, 1, shapes[0]);
            zero = smash_tensor_view(SMASH_I32, zeros, sizeof zeros, 1, shapes[0]);
            SMASH__TRY(smash_quant_fit(&t->ctx, &desc, &w, &scale, &zero));
            SMASH__TRY(smash_quantize(&t->ctx, &desc, &w, &scale, &zero, &q));
            SMASH__TRY(smash_quant_measure(&t->ctx, &desc, &w, &scale, &zero, &q, &stats));
            SMASH__TRY(smash_dequantize(&t->ctx, &desc, &q, &scale, &zero, &other));
            smash__note_tensor(t, &q);
            smash__note_tensor(t, &other);
            smash__note(t, smash__bits64(stats.mse));
            smash__note(t, smash__bits64(stats.snr_db));
            smash__note(t, stats.saturated);
        }
    return SMASH_OK;
}
#endif

#if !SMASH_NO_VALUE
SMASH__FN smash_err smash__put_digest(void *user, const char *text, size_t bytes)
{
    smash_digest_add(&((smash__test *)user)->digest, text, bytes);
    return SMASH_OK;
}

/* Numbers to text and back; a document of everything that JSON has, read and written again */
SMASH__FN smash_err smash__test_value(smash__test *t)
{
    static const char *const documents[6] = {
        "{\"a\":[1,-2.5e-3,1e400,0.1,\"\\ud83d\\ude00\\u0007\\n\"],\"b\":{},\"\":[null,true,false,[[[]]]],\"z\":18446744073709551615}",
        "{'a': True, # comment\n 'b': [None, 1,], // more\n}", "{\"a\":1,\"a\":2}", "[1,2", "[\"\\ud800\"]", "[01]" };
    size_t i;
    for (i = 0; i < 500; i++) {
        char text[SMASH_NUMBER_BYTES];
        uint64_t r = smash_random(&t->rng);
        double x = i & 1 ? (double)smash__float32((uint32_t)r & 0x7F7FFFFFu) : smash__float64(r), back = 0;
        size_t n = smash_number_print(x, text);
        smash_digest_add(&t->digest, text, n);
        smash_number_parse(text, n, &back);
        smash__note(t, smash__bits64(back));
    }
    for (i = 0; i < 6; i++) {
        smash_arena_mark mark;
        smash_arena arena;
        smash_json_desc desc = SMASH_ZERO;
        smash_json doc = SMASH_ZERO;
        smash_diags diags = SMASH_ZERO;
        const smash_diag *diag;
        void *memory;
        mark = smash_arena_get_mark(&t->ctx.scratch);
        memory = smash__scratch(&t->ctx, 4096, 1);
        if (!memory) return SMASH_ERR_NOMEM;
        smash_arena_init(&arena, memory, 4096, NULL);
        diags.arena = &arena;
        desc.lenient = desc.unique_keys = 1;
        SMASH__TRY(smash__note_err(t, smash_json_parse(&t->ctx, &desc, documents[i], smash__length(documents[i]), &arena, &diags, &doc)));
        for (diag = diags.first; diag; diag = diag->next) {
            smash_digest_add(&t->digest, diag->code, smash__length(diag->code));
            smash__note(t, (uint64_t)diag->line << 32 | diag->column);
        }
        if (doc.root) {
            smash_writer w = SMASH_ZERO;
            w.put = smash__put_digest;
            w.user = t;
            w.indent = 2;
            smash_write_value(&w, doc.root);
        }
        smash_arena_rewind(&t->ctx.scratch, mark);
    }
    return SMASH_OK;
}
#endif

#if !SMASH_NO_SELECT
SMASH__FN smash_err smash__test_select(smash__test *t)
{
    static const char *const patterns[9] = { "head\\..*", "layer\\.\\d+$", "(a|b)*c{2,3}", "[^x-z]+\\b", "fc1", "", "(?:a?){9}a{9}", "^\\w+\\.\\w+$", "a{2" };
    static const char *const names[8] = { "head.out", "layer.12", "abaccc", "fc10", "xyz", "", "aaaaaaaaaaaa", "a{2" };
    static const char *const globs[5] = { "*", "layer.*", "*.1?", "h*d.o*t", "[af]*" };
    int i, j;
    for (i = 0; i < 9; i++) {
        smash_arena_mark mark = smash_arena_get_mark(&t->ctx.scratch);
        smash_regex re = SMASH_ZERO;
        smash_err err = smash_regex_compile(&t->ctx, patterns[i], smash__length(patterns[i]), &t->ctx.scratch, &re);
        SMASH__TRY(smash__note_err(t, err));
        for (j = 0; j < 8 && !err; j++) {
            int matched = 0;
            SMASH__TRY(smash_regex_match(&t->ctx, &re, names[j], smash__length(names[j]), &matched));
            smash__note(t, (uint64_t)matched);
        }
        smash_arena_rewind(&t->ctx.scratch, mark);
    }
    for (i = 0; i < 5; i++)
        for (j = 0; j < 8; j++) smash__note(t, (uint64_t)smash_glob_match(globs[i], names[j]));
    return SMASH_OK;
}
#endif

#if !SMASH_NO_ALGO
/* A file in memory */
typedef struct smash__buffer { unsigned char *data; size_t bytes, used; } smash__buffer;

SMASH__FN int smash__buffer_write(void *user, uint64_t offset, const void *data, size_t bytes)
{
    smash__buffer *b = (smash__buffer *)user;
    if (offset > b->bytes || bytes > b->bytes - (size_t)offset) return 1;
    smash__copy(b->data + (size_t)offset, data, bytes);
    if ((size_t)offset + bytes > b->used) b->used = (size_t)offset + bytes;
    return 0;
}

/* A model through config, algorithms and writer: digests of the file, the masks, the report, and what is read back */
/* The dictionary as it is printed and saved; smash(), saved and loaded and saved. */
SMASH__FN SMASH__NOINLINE smash_err smash__test_smash(smash__test *t, smash_arena *arena, smash_config *config, const smash_model *model, smash__buffer *file)
{
    smash_result *result = (smash_result *)smash__scratch(&t->ctx, 2, sizeof *result);
    smash_config *loaded = (smash_config *)smash__scratch(&t->ctx, 1, sizeof *loaded);
    smash_desc desc = SMASH_ZERO;
    smash_io out = SMASH_ZERO, in;
    smash_writer w = SMASH_ZERO;
    if (!result || !loaded) return SMASH_ERR_NOMEM;
    SMASH__TRY(smash_config_set_text(&t->ctx, config, "l1_norm_exclude=[\"x*\"]"));
    SMASH__TRY(smash_config_set_bool(&t->ctx, config, "pack_sparse", 1));
    w.put = smash__put_digest;
    w.user = t;
    smash__write_dictionary(config, &w, 0);
    SMASH__TRY(smash_config_print(config, smash__put_digest, t));
    desc.arena = arena;
    SMASH__TRY(smash(&t->ctx, model, config, &desc, &result[0]));
    out.write = smash__buffer_write;
    out.user = file;
    file->used = 0;
    SMASH__TRY(smash_save(&t->ctx, &result[0], &out));
    smash_digest_add(&t->digest, file->data, file->used);
    in = smash_io_memory(file->data, file->used);
    smash_config_init(loaded, config->registry, arena, config->diags);
    SMASH__TRY(smash_load(&t->ctx, &in, &desc, loaded, &result[1]));
    smash__note(t, (uint64_t)smash_config_equal(config, loaded));
    smash_digest_add(&t->digest, result[1].layout.header, result[1].layout.header_bytes);
    return SMASH_OK;
}

SMASH__FN smash_err smash__test_run(smash__test *t, smash_arena *arena, smash_config *config, void *numbers, smash__buffer *file, smash__buffer *masks)
{
    static const char text[] =
        "{\"pruner\":\"l1_norm\",\"l1_norm_config_list\":[{\"op_types\":[\"Linear\"],\"op_names_re\":[\"[a-d]\"],\"sparse_ratio\":0.5},"
        "{\"op_names\":[\"n\"],\"target_names\":[\"weight\",\"bias\"],\"target_settings\":{\"weight\":{\"align\":{\"target_name\":\"weight\",\"module_name\":\"a\",\"dims\":[0]}}}}],"
        "\"quantizer\":\"ptq\",\"ptq_config_list\":[{\"op_names\":[\"a\"],\"quant_dtype\":\"int4\",\"granularity\":\"out_channel\"},"
        "{\"op_names_re\":[\"[bc]\"],\"quant_dtype\":\"uint8\",\"quant_scheme\":\"affine\"},{\"op_names\":[\"d\"],\"quant_dtype\":\"uint2\",\"granularity\":[3,-1]}]}";
    static const char *const names[4] = { "a.weight", "b.weight", "c.weight", "d.weight" };
    static const size_t shape[2] = { 24, 35 };
    smash_model model, read;
    smash_plan plan;
    smash_result result;
    smash_diags diags = SMASH_ZERO;
    smash_run_desc desc = SMASH_ZERO;
    smash_io out = SMASH_ZERO, masks_out = SMASH_ZERO, in;
    smash_writer w = SMASH_ZERO;
    smash_tensor x;
    const smash_diag *diag;
    size_t i;
    diags.arena = arena;
    smash_model_init(&model, arena);
    for (i = 0; i < 4; i++) {                                           /* f32, f64, f16, bf16 */
        x = smash_tensor_view((smash_dtype)(SMASH_F32 + i), (char *)numbers + i * 24 * 35 * 8, 24 * 35 * 8, 2, shape);
        smash__test_fill(t, &x, SMASH__COMMON);
        x.flags = SMASH_TENSOR_CONST;
        SMASH__TRY(smash_model_add(&t->ctx, &model, names[i], &x, 0));
    }
    x = smash_tensor_view(SMASH_F32, numbers, 24 * sizeof(float), 1, shape);
    x.flags = SMASH_TENSOR_CONST;
    SMASH__TRY(smash_model_add(&t->ctx, &model, "n.weight", &x, 0));
    SMASH__TRY(smash_model_add(&t->ctx, &model, "n.bias", &x, 0));
    SMASH__TRY(smash_model_finish(&t->ctx, &model));
    smash_config_init(config, smash_builtins(), arena, &diags);
    SMASH__TRY(smash_config_load(&t->ctx, config, text, sizeof text - 1, "selftest", NULL));
    SMASH__TRY(smash_config_resolve(&t->ctx, config, &model, &plan));
    out.write = masks_out.write = smash__buffer_write;
    out.user = file;
    masks_out.user = masks;
    desc.out = &out;
    desc.masks = &masks_out;
    SMASH__TRY(smash_run(&t->ctx, &plan, &desc, &result));
    smash_digest_add(&t->digest, file->data, file->used);
    smash_digest_add(&t->digest, masks->data, masks->used);
    smash__note(t, result.nonzero);
    for (diag = diags.first; diag; diag = diag->next) smash_digest_add(&t->digest, diag->code, smash__length(diag->code));
    w.put = smash__put_digest;
    w.user = t;
    smash_report_rows(&w, &plan);
    in = smash_io_memory(file->data, file->used);
    SMASH__TRY(smash_safetensors_read(&t->ctx, NULL, &in, arena, NULL, &read));
    for (i = 0; i < 4; i++) {
        SMASH__TRY(smash_model_restore(&t->ctx, &read, names[i], arena, &x, NULL));
        smash__note_tensor(t, &x);
    }
    return smash__test_smash(t, arena, config, &model, file);
}

SMASH__FN smash_err smash__test_whole(smash__test *t)
{
    enum { ARENA_BYTES = 524288, FILE_BYTES = 65536, NUMBER_BYTES = 4 * 24 * 35 * 8 };
    smash_config *config = (smash_config *)smash__scratch(&t->ctx, 1, sizeof *config);
    void *memory = smash__scratch(&t->ctx, ARENA_BYTES, 1), *numbers = smash__scratch(&t->ctx, NUMBER_BYTES, 1);
    smash__buffer file = SMASH_ZERO, masks = SMASH_ZERO;
    smash_arena arena;
    file.bytes = masks.bytes = FILE_BYTES;
    file.data = (unsigned char *)smash__scratch(&t->ctx, FILE_BYTES, 1);
    masks.data = (unsigned char *)smash__scratch(&t->ctx, FILE_BYTES, 1);
    if (!config || !memory || !numbers || !file.data || !masks.data) return SMASH_ERR_NOMEM;
    smash_arena_init(&arena, memory, ARENA_BYTES, NULL);
    return smash__test_run(t, &arena, config, numbers, &file, &masks);
}
#endif

/* ---- all of them ---- */

typedef struct smash__section { const char *name; smash_err (*run)(smash__test *t); } smash__section;

SMASH__DEF smash_err smash_selftest(smash_ctx *ctx, void (*line)(void *user, const char *section, uint64_t digest), void *user)
{
    /* a NULL name: one digest over everything so far, under the name behind it */
    static const smash__section sections[] = {
#if !SMASH_NO_DOUBLE
        { "core", smash__test_core }, { "tensor", smash__test_tensor },
#if !SMASH_NO_MASK
        { "mask", smash__test_mask },
#endif
#if !SMASH_NO_QUANT
        { "quant", smash__test_quant },
#endif
#endif
#if !SMASH_NO_MASK && !SMASH_NO_QUANT
        { "float", smash__test_float },
#endif
#if !SMASH_NO_MASK && !SMASH_NO_QUANT && !SMASH_NO_DOUBLE
        { "layer0", NULL },
#if !SMASH_ONLY_LAYER0
        { "large", smash__test_large },
#endif
#endif
#if !SMASH_NO_VALUE
        { "value", smash__test_value },
#endif
#if !SMASH_NO_SELECT
        { "select", smash__test_select },
#endif
#if !SMASH_NO_ALGO
        { "model+io+config+algo", smash__test_whole }, { "all", NULL },
#endif
    };
    smash_arena_mark mark = smash__scratch_mark(ctx);
    smash_digest all;
    smash__test *t;
    smash_err err = SMASH_OK;
    size_t i;
    if (!smash__ctx(ctx) || !line) return SMASH__FAIL(ctx, SMASH_ERR_ARG, 0, "ctx or line is missing");
    t = (smash__test *)smash__scratch(ctx, 1, sizeof *t);
    if (!t) return SMASH_ERR_NOMEM;
    smash_digest_init(&all);
    for (i = 0; i < sizeof sections / sizeof *sections && !err; i++) {
        smash_arena_mark start = smash_arena_get_mark(&ctx->scratch);
        uint64_t digest;
        if (!sections[i].run) { line(user, sections[i].name, smash_digest_end(&all)); continue; }
        smash__probe(ctx, &t->ctx);
        smash_digest_init(&t->digest);
        t->rng = (uint64_t)(unsigned char)sections[i].name[0];       /* the same whichever sections there are */
        err = sections[i].run(t);
        smash_arena_rewind(&t->ctx.scratch, start);
        ctx->scratch = t->ctx.scratch;
        if (err) {
            SMASH__FAIL(ctx, err, t->ctx.index, "%s: %s", sections[i].name, t->ctx.message);
            ctx->need = t->ctx.need;
            break;
        }
        digest = smash_digest_end(&t->digest);
        line(user, sections[i].name, digest);
        smash__digest_u64(&all, digest);
    }
    smash__scratch_rewind(ctx, mark);
    return err;
}
#endif

#undef SMASH__DEF
#undef SMASH__FN
#undef SMASH__INLINE
#undef SMASH__NOINLINE
#undef SMASH__RESTRICT
#undef SMASH__PREFETCH
#undef SMASH__BIT_CAST
#undef SMASH__FAIL
#undef SMASH__TRY
#undef SMASH__DESC_OK
#undef SMASH__BIT
#undef SMASH__FLOATS
#undef SMASH__IS_F64
#undef SMASH__INTS
#undef SMASH__PACKED_INTS
#undef SMASH__KERNEL
#undef SMASH__CALL
#undef SMASH__SIMD
#undef SMASH__AVX2
#undef SMASH__AVX512
#ifdef __cplusplus
}
#endif
#if SMASH__X87
#pragma GCC pop_options
#endif
#undef SMASH__X87
#endif /* SMASH_IMPLEMENTATION */

/*
This software is available under two licenses; choose the one you prefer.

ALTERNATIVE A - MIT License

Copyright (c) 2026 the smash authors

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

ALTERNATIVE B - Public Domain (www.unlicense.org)

This is free and unencumbered software released into the public domain.

Anyone is free to copy, modify, publish, use, compile, sell, or distribute this software, either in source code form or
as a compiled binary, for any purpose, commercial or non-commercial, and by any means.

In jurisdictions that recognize copyright laws, the author or authors of this software dedicate any and all copyright
interest in the software to the public domain. We make this dedication for the benefit of the public at large and to the
detriment of our heirs and successors. We intend this dedication to be an overt act of relinquishment in perpetuity of
all present and future rights to this software under copyright law.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS BE
LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT
OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
*/
