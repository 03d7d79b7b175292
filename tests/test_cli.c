/* The command, as a shell sees it: exit status, what it says where, which files it leaves. Each row is a line for sh, run with
 * $S = the command and $D = a folder with the files that make_files() writes. */
#include "../smash.h"
#include "test.h"
#include "golden/export.h"

#if defined(_WIN32)
int main(void) { CHECK(1, "the rows need sh"); return test_done(); }
#else
#include <sys/wait.h>

#ifndef SMASH_COMMAND
#define SMASH_COMMAND "./smash"       /* or with words in front: "valgrind -q --error-exitcode=9 ./smash" */
#endif
#ifndef DIR
#define DIR "build/cli"               /* one for each of those that run side by side */
#endif
#define START "S='" SMASH_COMMAND "'; D='" DIR "'; M=$D/m.safetensors; "

/* ---- files ---- */

static void put_file(const char *name, const void *data, size_t bytes)
{
    char path[256];
    FILE *f;
    sprintf(path, DIR "/%.200s", name);
    f = fopen(path, "wb");
    CHECK(f && fwrite(data, 1, bytes, f) == bytes, "%s cannot be written", path);
    if (f) fclose(f);
}

/* A model with the header and `count` floats 1, -2, 3, -4 ...; number `nan` is NaN. All bytes little endian. */
static void put_model(const char *name, const char *header, size_t count, size_t nan)
{
    static unsigned char file[8192];
    size_t n = strlen(header), i;
    uint32_t bits;

    memset(file, 0, sizeof(file));
    memset(file + 8, ' ', (n + 7) / 8 * 8);
    memcpy(file + 8, header, n);
    n = (n + 7) / 8 * 8;
    file[0] = (unsigned char)n;
    file[1] = (unsigned char)(n >> 8);
    for (i = 0; i < count; i++) {
        float x = (float)(i + 1) * (i % 2 ? -1.0f : 1.0f);
        unsigned char *at = file + 8 + n + 4 * i;
        memcpy(&bits, &x, 4);
        if (i == nan) bits = 0x7FC00000u;
        at[0] = (unsigned char)bits; at[1] = (unsigned char)(bits >> 8); at[2] = (unsigned char)(bits >> 16); at[3] = (unsigned char)(bits >> 24);
    }
    put_file(name, file, 8 + n + 4 * count);
}

/* The model of a Linear between an input and an output, spoiled. number: what stands in place `at` of weight_scale[2], bias[2], input and output scale. */
static void put_layer(const char *name, size_t at, uint32_t number, const char *from, const char *to)
{
    static const char whole[] = "{\"__metadata__\":{\"smash.quant_dtypes\":\"{\\\"fc._output_0\\\":\\\"int8\\\"}\",\"smash.fused\":\"{\\\"fc\\\":[\\\"relu6\\\"]}\"},"
        "\"fc.weight\":{\"dtype\":\"I8\",\"shape\":[2,2],\"data_offsets\":[0,4]},\"fc.weight_scale\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[4,12]},"
        "\"fc.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[12,20]},\"fc._input_0_scale\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[20,24]},"
        "\"fc._output_0_scale\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[24,28]},\"fc._output_0_zero_point\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[28,32]}}";
    uint32_t numbers[8] = { 0xFE0281F6u, 0x3D000000u, 0x3C000000u, 0x3F800000u, 0xBF000000u, 0x3C800000u, 0x3D000000u, 3 };   /* -10 -127 2 -2; 2^-5 2^-7; 1 -0.5; 2^-6; 2^-5; 3 */
    unsigned char file[2048];
    char header[1024];
    const char *found = from ? strstr(whole, from) : NULL;
    size_t n, i;
    CHECK((found != NULL) == (from != NULL), "%s: no %s", name, from);
    if (found) sprintf(header, "%.*s%s%s", (int)(found - whole), whole, to, found + strlen(from)); else strcpy(header, whole);
    if (at) numbers[at] = number;
    n = (strlen(header) + 7) / 8 * 8;
    memset(file, 0, 8);
    memset(file + 8, ' ', n);
    memcpy(file + 8, header, strlen(header));
    file[0] = (unsigned char)n;
    file[1] = (unsigned char)(n >> 8);
    for (i = 0; i < 32; i++) file[8 + n + i] = (unsigned char)(numbers[i / 4] >> 8 * (i % 4));
    put_file(name, file, 8 + n + 32);
}

static void put_text(const char *name, const char *text) { put_file(name, text, strlen(text)); }

static void make_files(void)
{
    static const char header[] = "{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[4,8],\"data_offsets\":[0,128]},"
                                 "\"fc.bias\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[128,144]}}";
    CHECK(system("rm -rf " DIR " && mkdir -p " DIR "/folder") == 0, "no folder " DIR);
    put_model("m.safetensors", header, 36, 99);
    put_model("nan.safetensors", header, 36, 7);
    put_model("cut.safetensors", header, 35, 99);
    put_model("other.safetensors", "{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[8,4],\"data_offsets\":[0,128]},"
                                   "\"head.weight\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[128,144]}}", 36, 99);
    put_model("escape.safetensors", "{\"a\\u001b[31mb\\u009b.weight\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}", 4, 99);
    put_model("f8.safetensors", "{\"a.weight\":{\"dtype\":\"F8_E4M3\",\"shape\":[2,2],\"data_offsets\":[0,4]}}", 1, 99);
    put_model("newer.safetensors", "{\"__metadata__\":{\"smash.format_version\":\"2\"},\"a.weight\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}", 4, 99);
    put_model("empty.safetensors", "{}", 0, 99);
    put_file("mask.safetensors", "\110\0\0\0\0\0\0\0{\"fc.weight\":{\"dtype\":\"BOOL\",\"shape\":[4,1],\"data_offsets\":[0,4]}}       \1\0\1\1", 84);
    put_file("two.safetensors", "\110\0\0\0\0\0\0\0{\"fc.weight\":{\"dtype\":\"BOOL\",\"shape\":[4,1],\"data_offsets\":[0,4]}}       \1\0\2\1", 84);
    put_model("hostile1", "{\"fc.weight\":{\"dtype\":\"BOOL\",\"shape\":[4294967296,4294967296,4294967296],\"data_offsets\":[0,4]}}", 1, 99);
    put_model("hostile2", "{\"fc.weight\":{\"dtype\":\"BOOL\",\"shape\":[4,1],\"data_offsets\":[0,5]}}", 1, 99);
    put_model("hostile3", "{\"fc.weight\":{\"dtype\":\"BOOL\",\"shape\":[4,1],\"data_offsets\":[0,4]},\"fc.weight\":{\"dtype\":\"BOOL\",\"shape\":[4,1],\"data_offsets\":[0,4]}}", 1, 99);
    put_model("hostile4", "{\"fc.weight\":{\"dtype\":\"BOOL\",\"shape\":[4,1],\"data_offsets\":[4,8]}}", 2, 99);
    put_model("hostile5", "{\"fc.weight\":{\"dtype\":\"BIT\",\"shape\":[4,1],\"data_offsets\":[0,4]}}", 1, 99);
    put_file("hostile6", "\377\377\377\377\377\377\377\177{}", 10);
    put_model("conv.safetensors", "{\"conv.weight\":{\"dtype\":\"F32\",\"shape\":[2,2,1,1],\"data_offsets\":[0,16]}}", 4, 99);
    put_model("transposed.safetensors", "{\"__metadata__\":{\"smash.module_types\":\"{\\\"up\\\":\\\"ConvTranspose2d\\\"}\"},\"up.weight\":{\"dtype\":\"F32\",\"shape\":[2,2,1,1],\"data_offsets\":[0,16]}}", 4, 99);
    put_model("f4.safetensors", "{\"a.weight\":{\"dtype\":\"F4\",\"shape\":[2,4],\"data_offsets\":[0,4]}}", 1, 99);
    put_model("member1", "{\"../../a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 1, 99);
    put_model("member2", "{\"/a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 1, 99);
    put_model("member3", "{\"a/./b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 1, 99);
    put_model("member4", "{\"a\\\\b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 1, 99);
    put_model("member5", "{\"c:/b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 1, 99);
    put_model("parts1", "{\"a\":{\"dtype\":\"I8\",\"shape\":[4],\"data_offsets\":[0,4]},\"a_scale\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[4,16]}}", 4, 99);       /* 3 do not divide 4 */
    put_model("parts2", "{\"a\":{\"dtype\":\"I8\",\"shape\":[8],\"data_offsets\":[0,8]},\"a_scale\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}", 4, 99);       /* one is -4 */
    put_model("parts3", "{\"a_packed\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"a_scale\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]},\"a_shape\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[8,16]}}", 4, 99);
    put_model("parts4", "{\"a\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[0,4]},\"a_scale\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 2, 99);
    put_model("parts5", "{\"a_compressed\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"a_bitmask\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]},\"a_shape\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[8,16]}}", 4, 99);
    put_model("seen", "{\"fc._input_0#0\":{\"dtype\":\"F32\",\"shape\":[2,8],\"data_offsets\":[0,64]},\"fc._input_0#1\":{\"dtype\":\"F32\",\"shape\":[1,8],\"data_offsets\":[64,96]},"
                      "\"fc._output_0\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[96,104]}}", 26, 99);
    put_model("one.safetensors", "{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}", 6, 99);
    put_model("slash.safetensors", "{\"a/b.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}", 6, 99);
    put_model("seen_nan", "{\"fc._input_0\":{\"dtype\":\"F32\",\"shape\":[2,8],\"data_offsets\":[0,64]}}", 16, 3);
    put_model("seen_typo", "{\"fx._input_0\":{\"dtype\":\"F32\",\"shape\":[2,8],\"data_offsets\":[0,64]}}", 16, 99);
    /* 1, 1 + 2^-40, 0; 1, 1, 0; 1, 1, 2^-1060; and 1, 1, 0 */
    put_file("wide1", "\100\000\000\000\000\000\000\000{\"a.weight\":{\"dtype\":\"F64\",\"shape\":[3],\"data_offsets\":[0,24]}}  " "\000\000\000\000\000\000\360\077\000\020\000\000\000\000\360\077\000\000\000\000\000\000\000\000", 96);
    put_file("wide2", "\100\000\000\000\000\000\000\000{\"a.weight\":{\"dtype\":\"F64\",\"shape\":[3],\"data_offsets\":[0,24]}}  " "\000\000\000\000\000\000\360\077\000\000\000\000\000\000\360\077\000\000\000\000\000\000\000\000", 96);
    put_file("wide3", "\100\000\000\000\000\000\000\000{\"a.weight\":{\"dtype\":\"F64\",\"shape\":[3],\"data_offsets\":[0,24]}}  " "\000\000\000\000\000\000\360\077\000\000\000\000\000\000\360\077\000\100\000\000\000\000\000\000", 96);
    put_file("single", "\100\000\000\000\000\000\000\000{\"a.weight\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}}  " "\000\000\200\077\000\000\200\077\000\000\000\000", 84);
    put_text("ends.json", "{\"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_names\": [\"fc\"], \"target_names\": [\"weight\", \"bias\", \"_input_\"], \"bias_correction\": true}]}");
    put_model("typo", "{\"fc.wieght\":{\"dtype\":\"BOOL\",\"shape\":[4,1],\"data_offsets\":[0,4]}}", 1, 99);
    put_layer("l_good", 0, 0, NULL, NULL);
    put_layer("l_zero", 5, 0, NULL, NULL);
    put_layer("l_nan", 6, 0x7FC00000u, NULL, NULL);
    put_layer("l_negative", 6, 0xBF800000u, NULL, NULL);
    put_layer("l_weight", 2, 0, NULL, NULL);
    put_layer("l_bias", 3, 0x4B800000u, NULL, NULL);                     /* 2^24 / 2^-11 */
    put_layer("l_zp", 7, 128, NULL, NULL);
    put_layer("l_tiny", 6, 0x2F800000u, NULL, NULL);                     /* 6 / 2^-32 */
    put_layer("l_scales", 0, 0, "\"F32\",\"shape\":[1],\"data_offsets\":[20,24]", "\"F16\",\"shape\":[2],\"data_offsets\":[20,24]");
    put_layer("l_zps", 0, 0, "\"I32\",\"shape\":[1]", "\"F32\",\"shape\":[1]");
    put_layer("l_count", 0, 0, "\"fc.weight\":{\"dtype\":\"I8\",\"shape\":[2,2]", "\"fc.weight\":{\"dtype\":\"I8\",\"shape\":[4,1]");
    put_layer("l_biases", 0, 0, "\"F32\",\"shape\":[2],", "\"F16\",\"shape\":[4],");
    put_layer("l_i8", 0, 0, "\"fc.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[12,20]}", "\"fc.bias\":{\"dtype\":\"I8\",\"shape\":[8],\"data_offsets\":[12,20]}");
    put_layer("l_product", 0, 0, "\"fc.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[12,20]}",
              "\"fc.bias\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[12,16]},\"fc.bias_scale\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[16,20]}");
    put_layer("l_fp8", 0, 0, "int8", "f8_e4m3");
    put_layer("l_dtypes", 0, 0, "{\\\"fc._output_0\\\":\\\"int8\\\"}", "{\\\"fc._output_0");
    put_layer("l_missing", 0, 0, "fc._output_0_scale", "fc._output_9_scale");
    put_layer("l_floats", 0, 0, "\"fc.weight\":{\"dtype\":\"I8\",\"shape\":[2,2]", "\"fc.weight\":{\"dtype\":\"F16\",\"shape\":[2,1]");
    put_layer("l_zeros", 2, 5, "\"fc.weight_scale\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[4,12]}",
              "\"fc.weight_scale\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[4,8]},\"fc.weight_zero_point\":{\"dtype\":\"I32\",\"shape\":[1,1],\"data_offsets\":[8,12]}");
    put_layer("l_blocks", 0, 0, "\"fc.weight_scale\":{\"dtype\":\"F32\",\"shape\":[2,1]", "\"fc.weight_scale\":{\"dtype\":\"F32\",\"shape\":[1,2]");
    put_layer("l_embedding", 0, 0, "\"smash.fused\":", "\"smash.module_types\":\"{\\\"fc\\\":\\\"Embedding\\\"}\",\"smash.fused\":");
    put_text("good.json", "{\n  \"pruner\": \"l1_norm\",\n  \"l1_norm_config_list\": [{\"op_types\": [\"Linear\"], \"target_names\": [\"weight\"], \"sparse_ratio\": 0.5}],\n"
                          "  \"quantizer\": \"ptq\",\n  \"ptq_config_list\": [{\"op_names\": [\"fc\"], \"target_names\": [\"weight\"], \"granularity\": \"out_channel\"}]\n}\n");
    put_text("list.json", "[{\"op_types\": [\"Linear\"], \"target_names\": [\"weight\"], \"sparse_ratio\": 0.25}]");
    put_text("int4.json", "{\"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_types\": [\"Linear\"], \"target_names\": [\"weight\"], \"quant_dtype\": \"int4\"}]}");
    put_text("unknown.json", "{\n  \"pruner\": \"level\",\n  \"level_sparse_ration\": 0.5,\n  \"level_config_lst\": []\n}\n");
    put_text("value.json", "{\"pruner\": \"level\",\n \"level_sparse_ratio\": 1.5}\n");
    put_text("syntax.json", "{\n  \"pruner\": \n}\n");
    put_text("lenient.json", "{'pruner': 'level', 'level_config_list': [{'op_types': ['Linear'], 'target_names': ['weight'], 'sparse_ratio': 0.5},]}");
    put_text("none.json", "");
}

/* ---- rows ---- */

typedef struct row { const char *command; int status; const char *out, *err; } row;   /* out, err: NULL = nothing at all, "" = whatever */

static const row rows[] = {
    /* help */
    { "$S", 0, "smash compress model.safetensors -c config.json", NULL },
    { "$S --help", 0, "algorithms", NULL },
    { "$S --version", 0, "smash " SMASH_VERSION_TEXT "\n", NULL },
    { "$S compress --help", 0, "--dry-run", NULL },
    { "$S inspect --help", 0, "smash inspect model.safetensors --json", NULL },
    { "$S diff -h", 0, "examples", NULL },
    { "$S check --help", 0, "examples", NULL },
    { "$S algorithms --help", 0, "examples", NULL },
    { "$S selftest --help", 0, "examples", NULL },

    /* 2: wrong usage */
    { "$S comprss", 2, NULL, "unknown command comprss; the nearest is compress" },
    { "$S --version=3", 2, NULL, "unknown flag" },
    { "$S compress $M --pruner level --dryrun", 2, NULL, "unknown flag --dryrun; the nearest is --dry-run" },
    { "$S inspect $M --masks x", 2, NULL, "unknown flag --masks" },
    { "$S compress", 2, NULL, "compress needs MODEL" },
    { "$S compress $M", 2, NULL, "-c CONFIG" },
    { "$S compress $M --quantizer half --dry-run", 0, "half float16 ", NULL },
    { "$S compress $M --quantizer half --set half_weight_dtype=bfloat16 --dry-run --json", 0, "\"dtype\": \"bfloat16\", \"scheme\": null, \"granularity\": null, \"qmin\": null, \"qmax\": null, ", NULL },
    { "$S compress $M --quantizer ptq --set ptq_quant_dtype=fp8_e5m2 --dry-run", 0, "ptq float8_e5m2  ", NULL },
    { "$S compress $M --quantizer bnn --dry-run", 0, "bnn uint1 symmetric", NULL },
    { "$S compress $M --quantizer bnn --set bnn_quant_dtype=int8 --dry-run", 3, NULL, "there is no key \"bnn_quant_dtype\": it makes uint1, for -1 and 1" },
    { "$S compress $M --quantizer half -o $D/half.st -q && $S diff $M $D/half.st", 0, "F32, F16", NULL },
    { "$S compress $M --quantizer bnn -o $D/bnn.st -q && $S export $D/bnn.st --format c -o $D/bnn.h", 0, "as the floats that it stands for", NULL },
    { "$S algorithms half", 0, "\napplies to      all float parameters of all modules, if no config_list says otherwise\n", NULL },
    { "$S compress $M -c $D/good.json", 2, NULL, "-o OUT" },
    { "$S compress $M -c", 2, NULL, "CONFIG is missing behind -c" },
    { "$S compress $M $M -c $D/good.json -o $D/o", 2, NULL, "one argument too many" },
    { "$S compress $M -c $D/good.json -o $D/o -o $D/p", 2, NULL, "given twice: --output" },
    { "$S compress $M -c $D/good.json -o $D/o --report $D/o", 2, NULL, "two files at once" },
    { "$S compress $M -c $D/good.json -o - --json", 2, NULL, "standard output" },
    { "$S compress - -c - -o $D/o", 2, NULL, "standard input" },
    { "$S compress $M -c - --masks-in - -o $D/o", 2, NULL, "only one of MODEL, CONFIG, --masks-in and --calibration can come from standard input" },
    { "$S compress $M -c - --calibration - -o $D/o", 2, NULL, "only one of MODEL, CONFIG, --masks-in and --calibration can come from standard input" },
    { "$S compress $M --quantizer ptq --calibration $D/seen -o $D/seen", 2, NULL, "two files at once" },
    { "$S compress $M --calibration $D/seen -o $D/o", 2, NULL, "compress has nothing to do" },
    { "$S compress $M --masks-in $D/mask.safetensors", 2, NULL, "compress needs -o OUT" },
    { "$S compress $M --masks-in $D/mask.safetensors -o $D/mask.safetensors", 2, NULL, "two files at once" },
    { "$S compress $M --masks-in", 2, NULL, "FILE is missing behind --masks-in" },
    { "$S compress $M -o $D/o", 2, NULL, "--quantizer NAME, --target-bytes N or --masks-in FILE" },
    { "$S compress $M -c $D/good.json -o $D/o --quiet=1", 2, NULL, "no value is taken by --quiet" },
    { "$S compress $M -c $D/good.json -o $D/o --threads 0", 2, NULL, "--threads takes 1 to" },
    { "$S compress $M -c $D/good.json -o $D/o --threads 2x", 2, NULL, "--threads takes 1 to" },
    { "$S diff $M", 2, NULL, "diff needs A B" },
    { "$S check", 2, NULL, "check needs FILE..." },
    { "$S algorithms leve", 2, NULL, "nearest name is level" },
    { "$S algorithms zzzzzz", 2, NULL, "no algorithm zzzzzz;" },
    { "test -e $D/o", 1, NULL, NULL },

    /* 3: the config */
    { "$S compress $M -c $D/syntax.json -o $D/o", 3, NULL, "syntax.json:3:1: error: " },
    { "$S compress $M -c $D/none.json -o $D/o", 3, NULL, "none.json" },
    { "$S compress $M -c $D/unknown.json -o $D/o", 3, NULL, "unknown.json:3:" },
    { "$S compress $M -c $D/unknown.json -o $D/o", 3, NULL, "unknown.json:4:" },
    { "$S compress $M -c $D/unknown.json -o $D/o", 3, NULL, "level_sparse_ratio" },
    { "$S compress $M -c $D/value.json -o $D/o", 3, NULL, "value.json:2:" },
    { "$S compress $M -c $D/list.json -o $D/o", 3, NULL, "list.json" },
    { "$S compress $M --pruner lvl -o $D/o", 3, NULL, "level" },
    { "$S compress $M --pruner level --set level_sparse_ratio -o $D/o", 3, NULL, "key=value" },
    { "$S compress $M --pruner level --set nonsense=1 -o $D/o", 3, NULL, "nonsense" },
    { "$S compress $M --quantizer ptq --set device=cuda -o $D/o", 3, NULL, "ptq is not compatible with device" },
    { "$S compress $M --pruner level --set level_sparse_ratio=2 -o $D/o --quiet", 3, NULL, "smash: " },
    { "$S compress $M --pruner level --set level_target_bytes=200 --set pack_sparse=true -o $D/o", 3, NULL, "target_bytes asks for at most 200, and " },
    { "$S compress $M --pruner level --set level_target_bytes=2000 -o $D/o", 3, NULL, "needs \"pack_sparse\": true" },
    { "E=examples/models/digits.safetensors; $S compress $E --target-bytes 20000 -o $D/fits -q && [ $(wc -c < $D/fits) -le 20000 ] && $S compress $E --quantizer ptq --set ptq_target_bytes=20000 -o - 2>/dev/null | cmp - $D/fits && echo same", 0, "same", "" },
    { "$S compress examples/models/digits.safetensors --target-bytes=20000 --set ptq_granularity=out_channel --dry-run | grep '^fc.weight'", 0, "30,720 -> 7,720  int8 saves 23000 bytes for an SNR of 40.9 dB; float16 would take 7640 more, for 73.6 dB\n", "" },
    { "$S compress examples/models/digits.safetensors --target-bytes 0.25 --dry-run", 0, "the model  target_bytes  18,442 at most (25 % of 73,768)  16,392; 1 stays float        3", "" },
    { "$S compress examples/models/digits.safetensors --target-bytes 20000 --json --dry-run | grep -c '\"chosen_by\": \"target_bytes\"'", 0, "3\n", "" },
    { "$S compress examples/models/digits.safetensors --quantizer ptq --set ptq_observer=percentile --set 'ptq_granularity=[[1,500],\"partial\"]' -o $D/o", 3, NULL,
      "blocks of 500 leave a remainder of 268 along axis 1 of \"fc.weight\"; codebooks, fitted zero points, percentile and entropy take sizes that divide" },
    { "$S compress examples/models/digits.safetensors --quantizer kmeans --set 'kmeans_granularity=[[4,500],\"partial\"]' -o $D/o", 3, NULL,
      "take sizes that divide" },
    { "$S compress $M --target-bytes 100 -o $D/o", 3, NULL, "target_bytes asks for at most 100, and " },
    { "$S compress $M --target-bytes x -o $D/o", 3, NULL, "\"ptq_target_bytes\" is \"x\" (a string); it must be a whole number from 1 on, or a share of what there is, above 0 and below 1" },
    { "$S compress $M --pruner level --set level_sparse_ratio=0.5 --target-bytes 1000 -o $D/o", 3, NULL, "\"level_target_bytes\" needs \"pack_sparse\": true" },
    { "$S inspect $M --target-bytes 3", 2, NULL, "smash: unknown flag --target-bytes; see `smash inspect --help`" },
    { "test -e $D/o", 1, NULL, NULL },

    /* what targets get together */
    { "$S compress $M --pruner level --set level_target_parameters=12 --dry-run", 0, "the model  target_parameters  12 at most  12; 68.8 % of 32 numbers masked", NULL },
    { "$S compress $M --pruner level --set level_target_parameters=0.5 --dry-run", 0, "at most (50 % of ", NULL },
    { "$S compress $M --pruner level --set level_target_parameters=12 --dry-run --json | grep -A4 groups", 0, "\"rule\": \"target_parameters\"", NULL },
    { "$S compress $M --pruner level --set level_sparse_ratio=0.5 --set level_global_group_id=g --dry-run", 0, "g      global  50 %   50.0 % of 32 numbers masked        1", NULL },
    { "for f in -o\\ $D/groups --dry-run; do $S compress $M --pruner level --set level_target_parameters=0.5 $f | grep -v -e peak -e '^$'; done | sort | uniq -c | grep -cv ' 2 '", 1, "0", NULL },
    { "$S compress $M --pruner level --set level_sparse_ratio=0.5 --set level_apply_method=bypass --dry-run", 0, "level 50 % -> 50.0 %, not applied", NULL },
    { "$S compress $M --pruner level --set level_sparse_ratio=0.5 --set level_apply_method=add --set level_apply_value=-2.5 --dry-run", 0, "level 50 % -> 50.0 %, -2.5 added", NULL },
    { "$S compress $M --pruner level --set level_sparse_ratio=0.5 --set level_apply_method=add --dry-run --json | grep -A1 apply_method", 0, "\"apply_value\": -1000", NULL },
    { "test -e $D/o", 1, NULL, NULL },

    /* 4: the model */
    { "$S compress $D/cut.safetensors -c $D/good.json -o $D/o", 4, NULL, "cut.safetensors" },
    { "$S compress $D/good.json -c $D/good.json -o $D/o", 4, NULL, "safetensors" },
    { "$S inspect $D/newer.safetensors", 4, NULL, "newer.safetensors is of a newer format than smash " SMASH_VERSION_TEXT " reads" },
    { "$S compress $D/newer.safetensors -c $D/good.json -o $D/o", 4, NULL, "a newer smash reads it" },
    { "$S inspect $D/none.json", 4, NULL, "none.json" },
    { "$S diff $M $D/cut.safetensors", 4, NULL, "cut.safetensors" },

    { "$S compress $M --masks-in $M -o $D/o", 4, NULL, "m.safetensors: the mask of \"fc.weight\" is F32; a mask is BOOL, or U8 of 0 and 1; nothing was written" },
    { "$S compress $D/other.safetensors --masks-in $D/mask.safetensors -o $D/o", 4, NULL, "mask.safetensors: the mask of \"fc.weight\" is [4, 1], and the tensor [8, 4]" },
    { "$S compress $D/escape.safetensors --masks-in $D/mask.safetensors --dry-run", 4, NULL, "there is a mask for \"fc.weight\", and no such tensor in the model" },
    { "$S compress $M --masks-in $D/two.safetensors -o $D/o", 4, NULL, "the mask of \"fc.weight\" holds 2 at index 2; a mask holds 0 and 1; nothing was written" },
    { "$S compress $M --masks-in $D/good.json -o $D/o", 4, NULL, "good.json is not a valid safetensors file" },
    { "for i in 1 2 3 4 5 6; do $S compress $M --masks-in $D/hostile$i -o $D/o; [ $? = 4 ] || exit 9; done; exit 4", 4, NULL, "hostile6 is not a valid safetensors file" },
    { "$S compress $M -c $D/ends.json --calibration $D/seen_nan -o $D/o", 4, NULL, "seen_nan: the recorded numbers \"fc._input_0\" hold NaN or Inf at index 3; nothing was written" },
    { "$S compress $M -c $D/ends.json --calibration $D/seen_typo -o $D/o", 4, NULL, "seen_typo: numbers of \"fx._input_0\" are recorded, and the model has no such input or output; did you mean \"fc._input_0\"?; nothing was written" },
    { "$S compress $M -c $D/ends.json --masks-in $D/two.safetensors --calibration $D/seen -o $D/o", 4, NULL, "two.safetensors: the mask of \"fc.weight\" holds 2" },
    { "$S compress $M -c $D/ends.json --calibration $D/good.json -o $D/o", 4, NULL, "good.json is not a valid safetensors file" },
    { "for i in 1 2 3 4 5 6; do $S compress $M -c $D/ends.json --calibration $D/hostile$i -o $D/o; [ $? = 4 ] || exit 9; done; exit 4", 4, NULL, "hostile6 is not a valid safetensors file" },
    { "$S compress $M -c $D/ends.json --calibration $D/newer.safetensors -o $D/o", 4, NULL, "a newer smash reads it" },
    { "$S compress $M -c $D/ends.json --calibration $D/absent -o $D/o", 5, NULL, "absent cannot be read: No such file" },
    { "$S compress $M --masks-in $D/typo -o $D/o", 4, NULL, "typo: there is a mask for \"fc.wieght\", and no such tensor in the model; did you mean \"fc.weight\"?; nothing was written" },
    { "$S compress --help", 0, "smash compress model.safetensors --masks-in masks.safetensors -o pruned.safetensors", NULL },
    { "$S compress $M --masks-in $D/newer.safetensors -o $D/o", 4, NULL, "a newer smash reads it" },
    { "test -e $D/o", 1, NULL, NULL },

    /* 5: files */
    { "$S compress $M --masks-in $D/absent -o $D/o", 5, NULL, "absent cannot be read: No such file" },
    { "$S compress $D/absent -c $D/good.json -o $D/o", 5, NULL, "absent cannot be read: No such file" },
    { "$S compress $M -c $D/absent -o $D/o", 5, NULL, "absent cannot be read: No such file" },
    { "$S compress $M -c $D/folder -o $D/o", 5, NULL, "folder cannot be read: Is a directory" },
    { "$S compress $M -c $D/good.json -o $D/absent/o", 5, NULL, "absent/o cannot be written: No such file" },
    { "$S compress $M -c $D/good.json -o $D/folder", 5, NULL, "folder cannot be written: Is a directory" },
    { "$S compress $M -c $D/good.json -o $D/o --masks $D/absent/o", 5, NULL, "absent/o cannot be written" },
    { "$S inspect $D/absent", 5, NULL, "absent" },
    { "test -c /dev/full || { echo /dev/full cannot be written: No space left >&2; exit 5; }; $S compress $M -c $D/good.json -o /dev/full", 5, NULL,
      "/dev/full cannot be written: No space left" },
    { "test -c /dev/full || { echo No space left >&2; exit 5; }; $S compress $M -c $D/good.json -o $D/o --report /dev/full", 5, NULL, "No space left" },
    { "test -c /dev/full || { echo No space left >&2; exit 5; }; $S algorithms > /dev/full", 5, NULL, "standard output cannot be written: No space left" },
    { "TMPDIR=$D/absent $S compress $M -c $D/good.json -o -", 5, NULL, "no temporary file" },
    { "(ulimit -f 0; exec $S compress $M -c $D/good.json -o $D/o) 2>&1 | cat", 0, "o cannot be written: File too large; nothing was left there", NULL },
    { "test -e $D/o || ls $D/*.tmp*", 2, NULL, "" },

    /* 1: while running; what was there before stays */
    { "echo old > $D/old; $S compress $D/nan.safetensors -c $D/good.json -o $D/old", 1, NULL, "weight" },
    { "cat $D/old; ls $D/*.tmp* 2>/dev/null", 2, "old\n", NULL },

    /* 0: the table, the files */
    { "$S compress $M -c $D/good.json -o $D/o --masks $D/masks --report $D/report", 0, "l1_norm 50 % -> 50.0 %", NULL },
    { "$S compress $M -c $D/good.json -o $D/o", 0, "int8 symmetric", NULL },
    { "$S check $D/o $D/masks", 0, "masks: ok", NULL },
    { "$S inspect $D/masks", 0, "BOOL", NULL },
    { "cat $D/report", 0, "\"algorithm\": \"l1_norm\"", NULL },
    { "cat $D/report", 0, "\"path\": \"" DIR "/m.safetensors\"", NULL },
    { "$S compress $M -c $D/good.json -o $D/o --json", 0, "\"digest\": \"", NULL },
    { "$S compress $M -c $D/good.json -o $D/o --quiet", 0, NULL, NULL },
    { "for n in 1 2 7; do $S compress $M -c $D/good.json -o $D/n$n --threads $n -q; cmp $D/o $D/n$n || exit 9; done", 0, NULL, NULL },
    { "$S compress - -c $D/good.json -o - < $M > $D/piped && cmp $D/piped $D/o", 0, NULL, "36 parameters" },
    { "cat $M | $S compress - -c $D/good.json -o - -q | cmp - $D/o", 0, NULL, NULL },
    { "cat $D/good.json | $S compress $M -c - -o $D/piped -q && cmp $D/piped $D/o", 0, NULL, NULL },
    { "cp $M $D/self && $S compress $D/self -c $D/good.json -o $D/self -q && cmp $D/self $D/o", 0, NULL, NULL },
    { "ln -sf o2 $D/link; echo > $D/o2; $S compress $M -c $D/good.json -o $D/link -q && test -h $D/link && cmp $D/o2 $D/o", 0, NULL, NULL },
    { "$S compress $M -c $D/good.json -o $D/o --report - | head -c 1", 0, "{", "36 parameters" },
    { "$S compress $M -c $D/good.json --dry-run -o $D/dry --masks $D/dry2; ls $D/dry $D/dry2 2>/dev/null", 2, "dry run, no model was written", NULL },
    { "$S compress $M --dry-run --json -c $D/good.json", 0, "\"digest\": null", NULL },
    { "$S compress $M -c $D/list.json --pruner l1_norm -o $D/p", 0, "l1_norm 25 % -> 25.0 %", NULL },
    { "$S compress $M --pruner level --set level_sparse_ratio=0.5 --set=level_granularity=out_channel --dry-run", 0, "level 50 % -> 50.0 %", NULL },
    { "$S compress $M --pruner level --set level_sparse_ratio=0.5 --set level_global_group_id=all --dry-run", 0, "level 50 % of group all -> ", NULL },
    { "$S compress $M --pruner level --set level_sparse_ratio=0.5 --set level_internal_metric_block=0 --dry-run", 3, NULL, "a whole number from 1 on" },
    { "$S compress --quantizer=ptq -o $D/p -- $M", 0, "ptq int8 symmetric", NULL },
    { "$S compress $M -c $D/lenient.json --dry-run", 0, "level 50 % -> 50.0 %", "lenient.json:1:2: warning: " },
    { "$S compress $M -c $D/lenient.json --dry-run -q", 0, NULL, NULL },
    { "$S compress $M -c $D/lenient.json --dry-run --json 2>/dev/null", 0, "\"at\": \"" DIR "/lenient.json:1:2\"", NULL },
    { "$S compress $D/empty.safetensors --quantizer ptq -o $D/p", 0, "0 -> 0 parameters", "" },

    /* masks that are given */
    { "$S compress $M --masks-in $D/mask.safetensors -o $D/p", 0, "masks -> 25.0 %", NULL },
    { "$S compress $M -c $D/ends.json --calibration $D/seen -o $D/calibrated", 0, "ptq int32 symmetric", NULL },
    { "$S inspect $D/calibrated", 0, "_input_0_scale", NULL },
    { "$S diff $M $D/calibrated", 0, "F32, I32", NULL },
    { "$S compress $M -c $D/ends.json --calibration - -o - -q < $D/seen | cmp - $D/calibrated && $S compress - -c $D/ends.json --calibration $D/seen -o $D/c2 -q < $M && cmp $D/c2 $D/calibrated && echo same", 0, "same", NULL },
    { "$S compress $M -c $D/ends.json --calibration $D/seen --dry-run --json", 0, "\"batches\": 2, \"numbers\": 24, \"observer\": \"min_max\"", NULL },
    { "$S compress $M -c $D/ends.json --dry-run -q && $S compress $M -c $D/ends.json --dry-run --json | grep -c no_calibration", 0, "1", "" },
    { "$S compress $M -c $D/ends.json --dry-run", 0, "record what it holds, and say --calibration FILE",
      "warning: what is asked of fc.weight and other targets takes recorded inputs and outputs; record them, and say --calibration FILE [no_calibration]" },
    { "$S compress $M --quantizer ptq --dry-run", 0, "stays float: its range is not known", NULL },
    { "$S compress $M --pruner level --set level_sparse_ratio=0.5 --calibration $D/seen --dry-run", 0, "level 50 %", "warning: the calibration is not used: no quantizer has a target" },
    { "$S algorithms ptq", 0, "ptq_observer", NULL },
    { "$S algorithms ptq", 0, "min_max, moving_average,", NULL },
    { "$S compress $M --masks-in $D/mask.safetensors --dry-run --json", 0, "\"algorithm\": \"masks\", \"group\": \"pruner\", \"asked\": \"masks\", \"sparsity\": 0.25, \"masked\": 8, \"zeros\": 8", NULL },
    { "$S compress $M --masks-in $D/mask.safetensors --dry-run --json", 0, "\"warnings\": []", NULL },
    { "$S compress $M --masks-in $D/mask.safetensors --set level_sparse_ratio=0.5 --pruner level --masks $D/both -o $D/p", 0, "masks -> 25.0 %, level 50 % -> 50.0 %", NULL },
    { "$S compress $M --masks-in $D/both --masks $D/both -o $D/q -q && cat $D/mask.safetensors | $S compress $M --masks-in - --set level_sparse_ratio=0.5 --pruner level --masks - -o $D/p -q | cmp - $D/both && "
      "tail -c 144 $D/p > $D/p.data && tail -c 144 $D/q | cmp - $D/p.data", 0, NULL, NULL },
    /* a model, its masks, and the same numbers from them alone: 18,442 floats */
    { "E=examples/models/digits.safetensors; echo '[{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.5, \"granularity\": \"2:4\"}]' > $D/nm.json; "
      "for c in '--pruner level --set level_sparse_ratio=0.6' '--pruner l1_norm --set l1_norm_sparse_ratio=0.5' \"--pruner level -c $D/nm.json\" '--pruner l1_norm --set l1_norm_sparse_ratio=0.3 --set pack_sparse=true'; do "
      "$S compress $E $c -o $D/a --masks $D/k -q && $S compress $E --masks-in $D/k -o $D/b --masks $D/k2 -q && cmp $D/k $D/k2 || exit 9; "
      "case $c in *pack*) $S compress $E --masks-in $D/k --set pack_sparse=true -o $D/b -q && $S diff $D/a $D/b | tail -n 1;; "
      "*) tail -c 73768 $D/a > $D/a.data; tail -c 73768 $D/b | cmp - $D/a.data || exit 9; cmp -s $D/b $E && exit 9;; esac; done", 0, "10 tensors compared, 10 of them equal", NULL },

    { "$S compress examples/models/digits.safetensors --pruner level -c $D/nm.json --dry-run", 0, "level 2:4 -> 50.0 %", NULL },
    { "$S compress examples/models/digits.safetensors --pruner level --set level_sparse_ratio=0.5 --set level_max_sparse_ratio=0.3 --dry-run", 0, "max_sparse_ratio is reached: no more goes", NULL },
    { "E=examples; build/digits $E/data/digits.bin $E/models/digits.safetensors --record $D/rec && $S compress $E/models/digits.safetensors --quantizer ptq --set ptq_granularity=out_channel --set ptq_bias_correction=true "
      "--calibration $D/rec -o $D/int8 -q && build/digits $E/data/digits.bin $D/int8 | grep -c ' 9[89][.][0-9]* %$'", 0, "1", NULL },
    { "E=examples; $S compress $E/models/digits.safetensors -c $E/digits_compress.json -o $D/digits -q && "
      "build/digits $E/data/digits.bin $D/digits | grep -c ' 9[789][.][0-9]* %$'", 0, "1", NULL },

    /* export: usage, what cannot be said in a format, files */
    { "$S export --help", 0, "smash export small.safetensors -o weights.h --layout ohwi --depthwise 'dw*' --prefix net\n", NULL },
    { "$S export", 2, NULL, "smash: export needs MODEL -o OUT; see `smash export --help`\n" },
    { "$S export $M", 2, NULL, "smash: export needs -o OUT, the file to write, or --dry-run\n" },
    { "$S export $M --dry-run", 2, NULL, "smash: export needs --format c, npy or raw, or an OUT that ends in .h, .npz, .npy or .bin\n" },
    { "$S export $M -o $D/x", 2, NULL, "ends in .h, .npz, .npy or .bin" },
    { "$S export $M -o $D/x.h --format hex", 2, NULL, "smash: --format takes c, npy or raw, not hex\n" },
    { "$S export $M -o $D/x.h --layout nhwc", 2, NULL, "smash: --layout takes oihw, as models store it, or ohwi, not nhwc\n" },
    { "$S export $M -o $D/x.h --depthwise fc", 2, NULL, "smash: --depthwise goes with --layout ohwi\n" },
    { "$S export $M -o $D/x.bin --prefix a", 2, NULL, "smash: --prefix goes with --format c\n" },
    { "for p in '' 0a _a a__b a_ 'a;b'; do $S export $M -o $D/x.h --prefix \"$p\"; done", 2, NULL,
      "smash: --prefix : a prefix has 1 to 60 characters\nsmash: --prefix 0a: a prefix begins with a letter\nsmash: --prefix _a: a prefix begins with a letter\n"
      "smash: --prefix a__b: a prefix has no __ in it and no _ at its end\nsmash: --prefix a_: a prefix has no __ in it and no _ at its end\n"
      "smash: --prefix a;b: a prefix holds letters, digits and _ only\n" },
    { "$S export $M -o - --format raw", 2, NULL, "smash: --format raw writes OUT and OUT.json, so OUT must be a file and not -\n" },
    { "$S export $M -o - --format c --json", 2, NULL, "smash: only one of --output - and --json can have the standard output\n" },
    { "cp $M $D/m.json && $S export $D/m.json -o $D/./m.json --format c", 2, NULL, "m.json stands for two files at once" },
    { "cp $M $D/m.json && $S export $D/m.json -o $D/m --format raw", 2, NULL, "m.json stands for two files at once" },
    { "$S export examples/models/digits.safetensors -o $D/x.h --layout ohwi", 2, NULL, "smash: --layout ohwi: conv1.weight is 24x1x3x3, a depthwise convolution or one of a single input channel; "
      "say --depthwise conv1, or --depthwise none\n" },
    { "$S export examples/models/digits.safetensors -o $D/x.h --layout ohwi --depthwise 'conv[12],fc'", 2, NULL,
      "smash: --depthwise fc: the model has no Conv2d of such a name whose weight is [N, 1, H, W]; nothing was written\n" },
    { "$S export $D/conv.safetensors -o $D/x.h --layout ohwi", 2, NULL, "smash: --layout ohwi: that conv is a Conv2d is only guessed from its tensors; "
      "say it in \"module_types\" of a config for `smash compress`, which writes it to the file\n" },
    { "$S export $D/transposed.safetensors --format c --dry-run --layout ohwi", 0, "order of dims as in the model: only Conv2d is permuted", NULL },
    { "$S export $D/nan.safetensors -o $D/x.h", 1, NULL, "smash: fc.weight holds NaN or Inf at index 7, for which C has no constant; --format npy and raw do; nothing was written\n" },
    { "$S export $D/nan.safetensors -o $D/x.npz -q && $S export $D/nan.safetensors -o $D/x.bin -q && rm $D/x.bin* $D/x.npz*", 0, NULL, NULL },
    { "$S export $D/f4.safetensors -o $D/x.npz", 1, NULL, "smash: a.weight is F4, which no .npy file can hold; --format raw does; nothing was written\n" },
    { "for i in 1 2 3 4 5; do $S export $D/member$i -o $D/x.npz; [ $? = 4 ] || exit 9; done; exit 4", 4, NULL, "smash: ../../a cannot be the name of a file in an archive; --format raw takes it; nothing was written\n" },
    { "for i in 1 2 3 4 5; do $S export $D/parts$i -o $D/x.h; [ $? = 4 ] || exit 9; done; exit 4", 4, NULL, "; nothing was written\n" },
    { "for i in 2 4 6; do $S export $D/hostile$i -o $D/x.h; [ $? = 4 ] || exit 9; done; exit 4", 4, NULL, "hostile6 is not a valid safetensors file" },
    { "$S export $D/cut.safetensors -o $D/x.h", 4, NULL, "cut.safetensors" },
    { "$S export $D/newer.safetensors -o $D/x.h", 4, NULL, "a newer smash reads it" },
    { "$S export $D/absent -o $D/x.h", 5, NULL, "absent cannot be read: No such file" },
    { "$S export $M -o $D/absent/x.h", 5, NULL, "absent/x.h cannot be written: No such file" },
    { "mkdir $D/y.h; $S export $M -o $D/y.h", 5, NULL, "y.h cannot be written: Is a directory" },
    { "mkdir $D/z.bin.json; echo old > $D/z.bin; $S export $M -o $D/z.bin; s=$?; cat $D/z.bin; rm -r $D/z.bin*; exit $s", 5, "old\n", "z.bin.json cannot be written: Is a directory" },
    { "test -c /dev/full || { echo No space left >&2; exit 5; }; $S export $M --format c -o /dev/full", 5, NULL, "/dev/full cannot be written: No space left" },
    { "(ulimit -f 0; exec $S export $M -o $D/x.h) 2>&1 | cat", 0, "x.h cannot be written: File too large; nothing was left there", NULL },
    /* export of layers: what cannot be, what is missing */
    { "$S export $M -o $D/x.h --requant half", 2, NULL, "smash: --requant takes double, which rounds twice, or single, not half\n" },
    { "$S export $M -o $D/x.h --flatten fc=2", 2, NULL, "smash: --flatten goes with --layout ohwi\n" },
    { "for f in fc fc= fc=0 fc=x fc=2x =2 fc=99999999999999999999; do $S export $M -o $D/x.h --layout ohwi --flatten $f; [ $? = 2 ] || exit 9; done; exit 2", 2, NULL,
      "smash: --flatten takes GLOB=CHANNELS, as in fc=48, not fc\nsmash: --flatten takes GLOB=CHANNELS, as in fc=48, not fc=\n" },
    { "$S export $M -o $D/x.h --layout ohwi --flatten fc=3", 2, NULL, "smash: --flatten fc=3: the 8 columns of fc.weight are not so many channels of one size\n" },
    { "$S export $M -o $D/x.h --layout ohwi --flatten fc=2,head=2", 2, NULL, "smash: --flatten head: the model has no Linear of such a name; nothing was written\n" },
    { "$S export $D/l_blocks -o $D/x.h --layout ohwi --flatten fc=2", 2, NULL, "smash: --flatten fc: fc.weight has several scales in a row\n" },
    { "$S export $M --format raw -o $D/f.bin --layout ohwi --flatten 'f?=2' -q && od -An -tf4 -N32 $D/f.bin | tr -s ' \\n' ' ' && rm $D/f.bin*", 0, " 1 5 -2 -6 3 7 -4 -8 ", NULL },
    { "$S export $M --format npz --dry-run", 0, "bytes of NumPy arrays, digest ", NULL },
    { "$S export $D/l_good --format c --dry-run", 0, "sums reach 19,584 at most, in channel 0\n", NULL },
    { "$S export $D/l_good --format c -o - 2>/dev/null", 0, "/* Input int8, (q - 0) * 0.015625f; output int8, (q - 3) * 0.03125f, clamped to 3..127.\n"
      " * No sum can get beyond 19584, in channel 0: an accumulator of 32 bits never overflows. */\n", NULL },
    { "$S export $D/l_zero -o $D/x.h", 4, NULL, "l_zero: fc._input_0_scale is 0; it must be above 0 and finite; nothing was written\n" },
    { "$S export $D/l_nan -o $D/x.h", 4, NULL, "l_nan: fc._output_0_scale is nan; it must be above 0 and finite; nothing was written\n" },
    { "$S export $D/l_negative -o $D/x.npz", 4, NULL, "l_negative: fc._output_0_scale is -1; it must be above 0 and finite; nothing was written\n" },
    { "$S export $D/l_weight -o $D/x.h", 4, NULL, "l_weight: scale 1 of \"fc.weight_scale\" is not a finite number above 0; nothing was written\n" },
    { "$S export $D/l_bias -o $D/x.h", 4, NULL, "l_bias: bias \"fc.bias\": number 0 does not fit I32 at input scale * weight scale; a larger scale of channel 0 would do; nothing was written\n" },
    { "$S export $D/l_zp -o $D/x.bin", 4, NULL, "l_zp: fc._output_0_zero_point is 128, outside -128..127 of its int8; nothing was written\n" },
    { "$S export $D/l_tiny -o $D/x.h", 4, NULL, "l_tiny: the scale is so small that the activation ends 2^31 steps away or more; nothing was written\n" },
    { "$S export $D/l_scales -o $D/x.h", 4, NULL, "l_scales: fc._input_0: an input or output has one F32 scale and one integer as zero point, but its scale is F16 2; nothing was written\n" },
    { "$S export $D/l_zps -o $D/x.h", 4, NULL, "l_zps: fc._output_0: an input or output has one F32 scale and one integer as zero point, but its scale is F32 1, its zero point F32 1; nothing was written\n" },
    { "$S export $D/l_biases -o $D/x.h", 4, NULL, "l_biases: weight scale \"fc.weight_scale\" has 2 numbers, it must have 1 or 4; nothing was written\n" },
    { "$S export $D/l_i8 -o $D/x.h", 4, NULL, "l_i8: fc.bias is I8; beside weights with scales it must be floats, or I32 or I64 with a scale and without a zero point; nothing was written\n" },
    { "$S export $D/l_product -o $D/x.h", 4, NULL, "l_product: fc.bias_scale is -0.5 for number 0, but the scales of input and weight make 0.00048828125; nothing was written\n" },
    { "$S export $D/l_fp8 -o $D/x.h", 4, NULL, "l_fp8: fc._output_0 is f8_e4m3, which are no integers of 2 to 16 bits; nothing was written\n" },
    { "for m in l_missing l_floats l_zeros l_blocks l_embedding l_dtypes l_count; do $S export $D/$m --format c --dry-run | grep 'fc.weight ' | sed 's/.*model_fc_weight *//'; done", 0,
      "no multipliers: fc._output_0_scale is missing\nno multipliers: the weights are no integers with scales\nno multipliers: the weights have zero points\nno multipliers: the weights have neither one scale nor one for each output channel\n"
      "no multipliers: they are for Linear and Conv\nsums reach 19,584 at most, in channel 0\n"
      "no multipliers: the weights have neither one scale nor one for each output channel\n", "" },
    { "build/examples/07_firmware", 0, "397 images in integers: 392 right; in floats: 392 right, 397 answers are the same\ndigest of all scores 777bf5ab4eb2cfc8\n", NULL },
    { "N=build/firmware; $S compress $N/calibrated.safetensors -q --quantizer ptq --set ptq_granularity=out_channel -o $D/n && "
      "$S export $D/n -q -o $D/n.h --prefix digits --layout ohwi --depthwise none --flatten fc=48 && cmp $D/n.h $N/digits_model.h", 0, NULL, NULL },
    { "ls $D/x.* $D/*.tmp*", 2, NULL, "" },
    { "$S export $M --format c --dry-run -o $D/x.h; ls $D/x.h", 2, "fc.weight  Linear  F32      4x8    128  model_fc_weight\n", "" },
    { "$S export $M --format raw --dry-run", 0, "fc.bias    Linear  F32        4     16     128\n\n2 tensors, 144 bytes with scales -> 144 bytes of raw numbers, digest ", NULL },
    { "$S export $M --format npy --dry-run", 0, "bytes of NumPy arrays, digest ", NULL },
    { "$S export $M --format npy --dry-run -q", 0, NULL, NULL },
    { "for k in kmeans llm_int8_weight_bits=4 hqq \"ptq_granularity=[[1,5],\\\"partial\\\"]\"; do $S compress examples/models/digits.safetensors --quantizer ${k%%_[wg]*} $(test ${k%%_[wg]*} = $k || echo --set $k) -o $D/f.st -q && "
      "$S export $D/f.st --format raw --dry-run | grep -c 'as the floats that it stands for'; done", 0, "3\n3\n3\n1\n", NULL },
    /* arrays that are files: one, or a folder of them */
    { "$S export $M -o $D/x.npy", 1, NULL, "smash: fc.bias is a second array, and a .npy file holds one; write a .npz, or a folder: -o OUT/; nothing was written\n" },
    { "$S export $D/empty.safetensors -o $D/x.npy", 1, NULL, "empty.safetensors holds no numbers, and a .npy file one array; nothing was written\n" },
    { "ls $D/x.npy*", 2, NULL, "" },
    { "$S export $D/one.safetensors -o $D/one.npy -q && head -c 128 $D/one.npy | tail -c +11 && tail -c +129 $D/one.npy | od -An -tf4 | tr -s ' \\n' ' ' && grep file $D/one.npy.json", 0,
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", NULL },
    { "$S export $D/one.safetensors --format npy -o $D/one.npy --json", 0, "\"file\": \"one.npy\", \"descr\": \"<f4\"", NULL },
    { "$S export $M --format raw -o $D/e.bin -q && $S export $M --format npy -o $D/nd/ && (tail -c +129 $D/nd/fc.weight.npy; tail -c +129 $D/nd/fc.bias.npy) | cmp - $D/e.bin && ls $D/nd", 0,
      "400 bytes of NumPy arrays, digest ", NULL },
    { "$S export $M --format npy -o $D/nd/ --json > $D/nd.json && cmp $D/nd.json $D/nd/export.json && ls $D/nd && cat $D/nd.json", 0, "export.json\nfc.bias.npy\nfc.weight.npy\n", NULL },
    { "$S export $M --format npy -o $D/nd/ --json", 0, "\"file\": \"fc.bias.npy\"", NULL },
    { "$S export $M --format npy -o $D/nd2/ --dry-run && ls $D/nd2", 2, "dry run, nothing was written\n", "" },
    { "$S export $D/f4.safetensors --format npy -o $D/nd2/; s=$?; ls $D/nd2 2>/dev/null; exit $s", 1, "", "which no .npy file can hold" },
    { "$S export $D/slash.safetensors --format npy -o $D/nd2/", 4, NULL, "smash: a/b.weight has a / in it and cannot be the name of a file; a .npz takes it; nothing was written\n" },
    { "$S export $M --format npy -o $D/absent/nd/", 5, NULL, "absent/nd/ cannot be written: No such file" },
    { "mkdir -p $D/nd3/fc.bias.npy; $S export $M --format npy -o $D/nd3/; s=$?; ls $D/nd3; exit $s", 5, "fc.bias.npy\nfc.weight.npy\n", "nd3/fc.bias.npy cannot be written: Is a directory" },
    { "$S compress examples/models/digits.safetensors --quantizer ptq --set ptq_quant_dtype=int4 -o $D/f.st -q && printf '{\"quantizer\":\"ptq\",\"ptq_config_list\":[{\"op_names\":[\"fc\"],\"target_names\":[\"weight\"]}]}' > $D/f.json && "
      "$S compress $D/f.st -c $D/f.json -o $D/g.st", 3, NULL, "weight of \"fc\" is compressed already, into fc.weight_packed and what belongs to it; start from the model before that" },
    { "rm -r $D/nd $D/nd3 $D/one.npy*", 0, NULL, NULL },
    { "$S export $M -o $D/e.bin --json > $D/e.json && cmp $D/e.json $D/e.bin.json && cat $D/e.json", 0,
      "\"data\": {\"dtype\": \"F32\", \"shape\": [4, 8], \"offset\": 0, \"bytes\": 128, \"crc32\": \"79dea187\"}", NULL },
    { "$S export $M -o $D/e.bin -q && $S export - -o $D/e2.bin -q < $M && cmp $D/e.bin $D/e2.bin && cmp $D/e.bin.json $D/e2.bin.json && tail -c 144 $M | cmp - $D/e.bin", 0, NULL, NULL },
    { "$S export $D/escape.safetensors --format c -o - 2>/dev/null | LC_ALL=C tr -d '[:print:]\\n' | wc -c", 0, "0", NULL },
    { "$S export $D/escape.safetensors --format c -o -", 0, "/* a~~31mb~~.weight: Linear, F32 [2, 2], 16 bytes */\n", "a\\x1b[31mb\\x9b.weight" },
    { "$S export $D/empty.safetensors -o $D/empty.h -q && $S export $D/empty.safetensors -o $D/empty.npz -q && wc -c < $D/empty.npz && echo '#include \"empty.h\"' > $D/e.c && cc -std=c99 -Wall -Wextra -Wpedantic -Werror -c $D/e.c -o $D/e.o", 0, "22\n", NULL },
    { "chmod 600 $D/empty.h; ln -sf empty.h $D/e.h; $S export $M -o $D/e.h -q && test -h $D/e.h && ls -l $D/empty.h", 0, "-rw-------", NULL },

    /* inspect, diff, check */
    { "$S inspect $M", 0, "Linear*", NULL },
    { "$S inspect $M --json", 0, "\"parameters\": 36", NULL },
    { "$S inspect - < $M", 0, "1 modules, 2 tensors, 36 parameters, 144 bytes", NULL },
    { "$S inspect $D/o", 0, "smash.config", NULL },
    { "$S inspect $D/escape.safetensors | tr -d '[:print:]\\n' | wc -c", 0, "0", NULL },
    { "$S inspect $D/escape.safetensors", 0, "a\\x1b[31mb\\x9b", NULL },
    { "$S inspect $D/f8.safetensors", 0, "F8_E4M3", NULL },
    { "$S inspect $D/nan.safetensors", 0, "weight", NULL },
    { "$S diff $M $M", 0, "2 tensors compared, 2 of them equal", NULL },
    { "printf '{\"pruner\":\"level\",\"level_config_list\":[{\"op_names_re\":[\"con(\"],\"sparse_ratio\":2}]}' | $S check -", 3, NULL, "1:56: error: the pattern cannot be used" },
    { "$S compress $M -c $D/good.json -o $D/o --report $D/r --json > $D/j && cmp $D/j $D/r", 0, NULL, NULL },
    { "cp $M $D/m && $S compress $D/m -c $D/good.json -o $D/x --report $D/../$(basename $D)/m", 2, NULL, "stands for two files" },
    { "$S compress $M -c $D/good.json -o $D/new --masks $D/./new", 2, NULL, "stands for two files" },
    { "cp $M $D/m && chmod 600 $D/m && $S compress $D/m -c $D/good.json -o $D/m -q && ls -l $D/m", 0, "-rw-------", NULL },
    { ": > $D/empty && $S check $D/empty", 4, NULL, "0 bytes" },
    { "printf '\\377\\377\\377\\377\\377\\377\\377\\377{}' > $D/huge && $S check $D/huge", 4, NULL, "header" },
    { "cat $M | $S check -", 0, "ok", NULL },
    { "cat $D/good.json | $S check -", 0, "ok", NULL },
    { "$S help compress", 0, "usage: smash compress", NULL },
    { "$S compress $M --pruner level --set sparse_ratio=0.5 -o $D/x", 3, NULL, "did you mean \"level_sparse_ratio\"" },
    { "$S diff $M $D/o", 0, "F32, I8", NULL },
    { "$S compress $M -c $D/int4.json -o $D/i4 -q && $S diff $M $D/i4", 0, "F32, I4", NULL },
    { "$S diff $D/wide1 $D/wide1", 0, "1 tensors compared, 1 of them equal", NULL },
    { "$S diff $D/wide2 $D/single", 0, "1 tensors compared, 1 of them equal", NULL },
    { "$S diff $D/wide1 $D/wide2", 0, "1 tensors compared, 0 of them equal", NULL },
    { "$S diff $D/wide2 $D/wide3", 0, "1 tensors compared, 0 of them equal", NULL },
    { "$S diff $D/wide1 $D/wide2 --json", 0, "\"max_abs_error\": 9.094947017729282e-13,", NULL },
    { "$S diff $D/single $D/wide1 --json", 0, "\"mse\": 2.757268708510092e-25,", NULL },
    { "$S diff $D/wide3 $D/single --json", 0, "\"zeros_a\": 0, \"zeros_b\": 1", NULL },
    { "$S diff $D/i4 $D/i4", 0, "2 tensors compared, 2 of them equal", NULL },
    { "$S diff $D/o $D/i4 --json", 0, "\"dtype_a\": \"I8\", \"dtype_b\": \"I4\"", NULL },
    { "$S diff $M $D/other.safetensors", 0, "in B it is 8x4", NULL },
    { "$S diff $M $D/other.safetensors", 0, "only in A: fc.bias\nonly in B: head.weight\n", NULL },
    { "$S diff $M $D/other.safetensors --json", 0, "\"only_in_a\": [\n    \"fc.bias\"\n  ]", NULL },
    { "$S check $M $D/good.json", 0, "good.json: ok", NULL },
    { "$S check $M -q", 0, NULL, NULL },
    { "$S check $M $D/unknown.json $D/cut.safetensors", 3, "m.safetensors: ok", "unknown.json:3:" },
    { "$S check $D/cut.safetensors $D/unknown.json", 4, NULL, "unknown.json:3:" },
    { "$S check $D/absent $D/cut.safetensors", 5, NULL, "cut.safetensors" },
    { "$S check $D/list.json --pruner level", 0, "list.json: ok", NULL },

    /* what needs training */
    { "$S compress examples/models/digits.safetensors --dry-run --pruner taylor --set taylor_sparse_ratio=0.5", 3, "", "taylor scores by gradients: it runs in a training session, smash_session_begin() [needs_training]\nsmash: the config does not fit the model; nothing was written\n" },
    { "$S compress examples/models/digits.safetensors --dry-run --set distiller=dynamic_layerwise", 3, "", "dynamic_layerwise learns from a teacher: it runs in a training session, smash_session_begin() [needs_training]" },
    { "$S compress examples/models/digits.safetensors --dry-run --pruner level --set level_sparse_ratio=0.5 --set level_schedule=agp 2>&1 | grep -c 'has no effect: the goal is taken at once'", 0, "1\n", NULL },
    { "$S compress examples/models/digits.safetensors --dry-run --pruner agp", 3, "", "there is no pruner \"agp\" in this version; use level with level_schedule agp instead" },

    /* algorithms, selftest */
    { "$S algorithms", 0, "geometric median", NULL },
    { "$S algorithms | sed -n 1p", 0, "what it does", NULL },
    { "$S algorithms ptq", 0, "\nptq_quant_dtype ", NULL },
    { "$S algorithms ptq", 0, "\ngroup           quantizer, applied after pruner, distiller; before recoverer, cacher, compiler, batcher\n", NULL },
    { "$S algorithms level", 0, "\ngroup           pruner, applied before distiller, quantizer", NULL },
    { "$S algorithms level", 0, "\nneeds           nothing beside the model\n", NULL },
    { "$S algorithms taylor", 0, "\nneeds           training\n", NULL },
    { "$S algorithms taylor --json | grep -A1 needs", 0, "\"training\"", NULL },
    { "$S algorithms dynamic_layerwise | awk '/^dynamic_layerwise_link/ { print $2 }'", 0, "link\n", NULL },
    { "$S algorithms agp", 2, NULL, "use level with level_schedule agp instead" },
    { "$S algorithms level", 0, "\nworks with      dynamic_layerwise, adaptive_1d_layerwise, ptq, half, qat, lsq, lsqplus, dorefa, bnn, naive,\n", NULL },
    { "$S algorithms level", 0, "\nsaving          nothing special", NULL },
    { "$S algorithms level", 0, "\nKeys of an entry of level_config_list, beside sparse_ratio, ", NULL },
    { "$S algorithms level | awk '/^level_sparse_ratio / { print $2 }'", 0, "number\n", NULL },
    { "$S algorithms level | awk 'length > 160'", 0, NULL, NULL },
    { "$S algorithms level --json", 0, "\"name\": \"sparse_ratio\"", NULL },
    { "$S algorithms --markdown | sed -n 1,2p", 0, "| group | algorithm | what it does | hyperparameters | needs | runs on | works together with | from |\n|---|", NULL },
    { "$S algorithms --markdown", 0, "\n| pruner | `level` | ", NULL },
    { "$S algorithms --markdown | awk -F'|' 'NR > 2 && NF != 10'", 0, NULL, NULL },
    { "$S algorithms level --markdown", 2, NULL, "overview" },
    { "$S algorithms --json --markdown", 2, NULL, "overview" },
    { "$S inspect $M --markdown", 2, NULL, "unknown flag --markdown" },
    { "$S selftest | cmp - tests/golden/selftest.txt && echo same", 0, "same", NULL },
    { "$S selftest --threads 1 > $D/a && $S selftest --threads 3 | cmp - $D/a && tail -n 1 $D/a", 0, "all ", NULL },

    /* a signal: the model is done, the masks wait for a reader; nothing stays */
    { "mkfifo $D/fifo; $S compress $M -c $D/good.json -o $D/sig --masks $D/fifo & p=$!; sleep 1; ls $D/sig.tmp* >/dev/null || echo early; kill -TERM $p; wait $p; "
      "ls $D | grep ^sig", 1, NULL, "" },
    { "ls $D/*.tmp*", 2, NULL, "" }
};

static char *read_file(const char *path, size_t *bytes)
{
    static char room[2][65536];
    static int turn;
    char *text = room[turn ^= 1];
    FILE *f = fopen(path, "rb");
    *bytes = f ? fread(text, 1, sizeof(room[0]) - 1, f) : 0;
    if (f) fclose(f);
    text[*bytes] = 0;
    return text;
}

static int fits(const char *text, const char *want) { return want ? strstr(text, want) != NULL : *text == 0; }

static int run(const char *command)
{
    static char line[2048];
    int status;
    snprintf(line, sizeof line, "%s( %s ) >%s/stdout 2>%s/stderr </dev/null", START, command, DIR, DIR);
    status = system(line);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static size_t length_of(const smash_value *object, const char *name)
{
    const smash_value *v = smash_value_get(object, name);
    return v && v->type == SMASH_VALUE_ARRAY ? v->count : 0;
}

/* The page and the JSON of every algorithm there is, and of each of its other names, hold what its descriptor does. */
static void test_pages(void)
{
    const smash_registry *registry = smash_builtins();
    static char page[65536];
    size_t i, k, bytes;
    char command[256];
    smash_arena arena;
    smash_ctx ctx;

    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    for (i = 0; i < registry->count; i++) {
        const smash_algo *algo = registry->algos[i];
        const smash_value *v, *hyper;
        const smash_key *key;
        const char *text;
        smash_json doc;

        sprintf(command, "$S algorithms %.100s", algo->name);
        CHECK(run(command) == 0, "%s", command);
        strcpy(page, read_file(DIR "/stdout", &bytes));
        CHECK(strstr(page, algo->name) == page && strstr(page, algo->summary), "%s", page);
        strcat(command, " --json");
        CHECK(run(command) == 0, "%s", command);
        text = read_file(DIR "/stdout", &bytes);
        CHECK_ERR(&ctx, smash_json_parse(&ctx, NULL, text, bytes, &arena, NULL, &doc), SMASH_OK, "%s", command);
        v = smash_value_get(doc.root, "algorithms");
        CHECK(v && v->count == 1, "%s", command);
        if (!v || v->count != 1) continue;
        v++;                                                             /* the only element */
        CHECK(smash_value_is(smash_value_get(v, "name"), algo->name) && smash_value_is(smash_value_get(v, "group"), smash_group_name(algo->group)), "%s", command);
        for (k = 0; algo->references && algo->references[k]; k++) { }
        CHECK(length_of(v, "references") == k, "%s: %d references", command, (int)k);
        for (k = 0; algo->aliases && algo->aliases[k]; k++) {
            char want[512];
            sprintf(want, "$S algorithms %.100s", algo->aliases[k]);
            CHECK(strstr(page, algo->aliases[k]) && run(want) == 0, "%s", want);
            sprintf(want, "%.100s is another name of %.100s.\n\n%.100s, a ", algo->aliases[k], algo->name, algo->name);
            CHECK(strstr(read_file(DIR "/stdout", &bytes), want), "%s", want);
        }
        CHECK(length_of(v, "aliases") == k, "%s: %d aliases", command, (int)k);
        hyper = smash_value_get(v, "hyperparameters");
        for (k = 0; (key = smash_algo_key(algo, k)) != NULL; k++) {
            char want[512];
            sprintf(want, "\n%.100s_%.100s ", algo->name, key->name);
            CHECK(strstr(page, want), "%s:%s", page, want);
            sprintf(want, "%.100s_%.100s", algo->name, key->name);
            if (k == 0 && hyper) hyper++; else if (hyper) hyper += hyper->span;
            CHECK(hyper && smash_value_is(smash_value_get(hyper, "key"), want) && smash_value_get(hyper, "default"), "%s", want);
            if (hyper && key->kind == SMASH_KEY_CHOICE) CHECK(length_of(hyper, "legal") > 0, "%s", want);
        }
        CHECK(length_of(v, "hyperparameters") == k, "%s: %d keys", command, (int)k);
    }
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
}

/* ---- export ---- */

/* A model whose tensors have every dtype, lowest and highest numbers, no numbers at all, and names that no compiler takes. */
static void put_awkward(const char *file)
{
    static const smash_dtype dtypes[] = { SMASH_F32, SMASH_F64, SMASH_F16, SMASH_BF16, SMASH_I8, SMASH_U8, SMASH_I16, SMASH_U16, SMASH_I32, SMASH_U32, SMASH_I64, SMASH_U64,
                                          SMASH_BOOL, SMASH_F8_E4M3, SMASH_F8_E5M2, SMASH_F8_E8M0, SMASH_C64 };
    static const char *const names[] = { "fc.weight", "fc_weight", "fc-weight", "fc..weight", "fc.weight.2", "a*" "/b\\c\"d?" "?/e", "\303\251", "\303\250", "int", "9", "tensor", "tensors",
                                         "tensor.count", "digest", "x.crc32", "x", "_" };
    static unsigned char data[COUNT_OF(dtypes) + 3][4096];
    static test_buffer buffer;
    static char deep[400];
    smash_tensor t[COUNT_OF(dtypes) + 3];
    smash_layout layout;
    smash_arena arena;
    smash_ctx ctx;
    smash_io io;
    uint64_t rng = 6;
    size_t i, k, shape[2];

    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    for (i = 0; i < COUNT_OF(t); i++) {
        const smash_dtype dtype = i < COUNT_OF(dtypes) ? dtypes[i] : SMASH_F32;
        const size_t width = smash_dtype_bits(dtype) / 8;
        shape[0] = 31;
        shape[1] = i == COUNT_OF(dtypes) ? 0 : 7;
        t[i] = test_view(dtype, data[i], i == COUNT_OF(dtypes) + 1 ? 0 : 2, shape);
        t[i].name = i < COUNT_OF(names) ? names[i] : i == COUNT_OF(dtypes) ? "empty" : i == COUNT_OF(dtypes) + 1 ? "scalar" : deep;
        for (k = 0; k < t[i].bytes; k++) data[i][k] = (unsigned char)smash_random(&rng);
        if (dtype == SMASH_BOOL) for (k = 0; k < t[i].bytes; k++) data[i][k] &= 1;
        if (t[i].bytes > 4 * width) {                                    /* the lowest, the highest, -0 or 0, 1 or the smallest denormal */
            memset(data[i], 0, 4 * width);
            data[i][width - 1] = dtype == SMASH_BOOL ? 1 : 0x80;
            data[i][3 * width] = 1;
            if (dtype != SMASH_BOOL) memset(data[i] + width, 0xFF, width);
            if (dtype != SMASH_BOOL) data[i][2 * width - 1] = 0x7F;
        }
        if (dtype == SMASH_F32 || dtype == SMASH_C64 || dtype == SMASH_F64) {                   /* all exponents but that of NaN and Inf */
            const size_t step = dtype == SMASH_F64 ? 8 : 4;
            for (k = step; k <= t[i].bytes; k += step) if ((data[i][k - 1] & 0x7F) == 0x7F && data[i][k - 2] >= (dtype == SMASH_F64 ? 0xF0 : 0x80)) data[i][k - 2] &= dtype == SMASH_F64 ? 0xEF : 0x7F;
        }
    }
    memset(deep, 'n', sizeof deep - 1);
    CHECK_ERR(&ctx, smash_safetensors_layout(&ctx, t, COUNT_OF(t), NULL, 0, &arena, &layout), SMASH_OK, "layout");
    memset(&io, 0, sizeof io);
    io.write = test_buffer_write;
    io.user = &buffer;
    CHECK_ERR(&ctx, smash_safetensors_begin(&ctx, &layout, &io), SMASH_OK, "begin");
    for (i = 0; i < COUNT_OF(t); i++) CHECK_ERR(&ctx, smash_safetensors_put(&ctx, &layout, &io, i, &t[i]), SMASH_OK, "put %d", (int)i);
    put_file(file, buffer.data, buffer.used);
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
}

static char *read_all(const char *path, size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    char *data = (char *)malloc(1 << 20);
    *bytes = f && data ? fread(data, 1, 1 << 20, f) : 0;
    if (f) fclose(f);
    return data;
}

/* Number i of packed or plain integers, little-endian as this machine is or not. */
static int32_t integer_at(const unsigned char *data, uint32_t dtype, size_t i)
{
    switch (dtype) {
    case SMASH_I8: return ((const int8_t *)data)[i];
    case SMASH_U8: return data[i];
    case SMASH_I16: { int16_t x; memcpy(&x, data + 2 * i, 2); return x; }
    case SMASH_U16: { uint16_t x; memcpy(&x, data + 2 * i, 2); return x; }
    case SMASH_I4: return (data[i / 2] >> (i % 2 * 4) & 15) - ((data[i / 2] >> (i % 2 * 4) & 8) ? 16 : 0);
    case SMASH_U4: return data[i / 2] >> (i % 2 * 4) & 15;
    case SMASH_I2: return (data[i / 4] >> (i % 4 * 2) & 3) - ((data[i / 4] >> (i % 4 * 2) & 2) ? 4 : 0);
    default: return data[i / 4] >> (i % 4 * 2) & 3;
    }
}

static uint32_t crc32_bit_by_bit(const unsigned char *p, size_t n)
{
    uint32_t crc = 0xFFFFFFFFu;
    int k;
    while (n-- > 0) for (crc ^= *p++, k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    return ~crc;
}

/* What tests/compile/exported.c writes of a tensor: numbers of 32 bits, the name, the arrays. */
enum { EXPORT_HEAD = 36 };
static size_t exported_bytes(const uint32_t *head) { return head[2] + 4 * ((size_t)head[5] + head[6] + 2 * (size_t)head[24] + head[7] + head[25]); }

/* What a compiled header says against the model it was made from. order: 0 as stored, 1 OHWI, 2 1HWI, of all rank-4 tensors. */
static void compare_exported(const char *label, const char *model_path, const char *dump_path, int order)
{
    static const uint32_t orders[3][4] = { { 0, 1, 2, 3 }, { 0, 2, 3, 1 }, { 1, 2, 3, 0 } };
    size_t bytes, model_bytes, i, k, n, tensors = 0, source;
    char *dump = read_all(dump_path, &bytes), *file = read_all(model_path, &model_bytes), name[512];
    const unsigned char *at = (const unsigned char *)dump, *end = at + bytes, *data, *zero;
    uint32_t head[EXPORT_HEAD];
    smash_digest digest;
    smash_model model;
    smash_arena arena;
    smash_tensor want;
    smash_dtype stored;
    smash_ctx ctx;
    smash_io io = smash_io_memory(file, model_bytes);
    uint64_t said;

    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    smash_digest_init(&digest);
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &model), SMASH_OK, "%s", label);
    while ((size_t)(end - at) > sizeof head) {
        const uint32_t *shape = head + 8, *scales = head + 16;
        float *scale;
        memcpy(head, at, sizeof head);
        at += sizeof head;
        CHECK(head[0] < sizeof name, "%s", label);
        memcpy(name, at, head[0]);
        name[head[0]] = 0;
        data = at + head[0];
        at = data + exported_bytes(head);
        if (at > end) { CHECK(0, "%s: %s is cut off", label, name); break; }
        scale = (float *)malloc(4 * head[5] + 1);
        memcpy(scale, data + head[2], 4 * head[5]);
        zero = data + head[2] + 4 * head[5];
        smash_digest_add(&digest, data, (size_t)(at - data));
        CHECK(crc32_bit_by_bit(data, head[2]) == head[3], "%s: %s", label, name);
        CHECK_ERR(&ctx, smash_model_restore(&ctx, &model, name, &arena, &want, &stored), SMASH_OK, "%s: %s", label, name);
        CHECK((head[5] ? stored : want.dtype) == (smash_dtype)head[1] && want.ndim == head[4], "%s: %s is %s", label, name, smash_dtype_name((smash_dtype)head[1]));
        smash_tensor_count(&want, &n);
        if (!head[5] && head[4] != 4) CHECK(want.bytes >= head[2] && memcmp(want.data, data, head[2]) == 0, "%s: %s", label, name);
        for (i = 0; (head[5] || head[4] == 4) && i < n; i++) {            /* i: of the header */
            size_t rest = i, place[8], block = 0, dim;
            float got = 0;
            for (k = head[4]; k-- > 0; rest /= shape[k]) place[k] = rest % shape[k];
            for (k = 0, source = 0; k < head[4]; k++) {
                for (dim = 0; head[4] == 4 && orders[order][dim] != k; dim++) { }
                if (head[4] != 4) dim = k;
                CHECK(want.shape[k] == shape[dim], "%s: %s, dim %d", label, name, (int)k);
                source = source * want.shape[k] + place[dim];
            }
            if (!head[5]) { memcpy(&got, data + 4 * i, 4); }
            else {
                int32_t z = 0;
                for (k = 0; k < head[4]; k++) block = block * scales[k] + place[k] / (shape[k] / scales[k]);
                if (head[6]) memcpy(&z, zero + 4 * block, 4);
                got = (float)(integer_at(data, head[1], i) - z) * scale[block];
            }
            if (memcmp(&got, (const float *)want.data + source, 4) != 0) { CHECK(0, "%s: %s, number %d: %g, not %g", label, name, (int)i, (double)got, (double)((const float *)want.data)[source]); break; }
        }
        for (i = 0; i < head[7]; i++) {
            int32_t sum = 0, got;
            memcpy(&got, at - 4 * (head[25] + head[7] - i), 4);
            for (k = 0; k < shape[1]; k++) sum += integer_at(data, head[1], i * shape[1] + k);
            CHECK(got == sum && head[1] == SMASH_I8 && head[4] == 2, "%s: %s, row %d", label, name, (int)i);
        }
        free(scale);
        tensors++;
    }
    CHECK(end - at == 8, "%s: %d bytes behind", label, (int)(end - at));
    if (end - at == 8) { memcpy(&said, at, 8); CHECK(said == smash_digest_end(&digest), "%s: digest", label); }
    CHECK(tensors > 0, "%s", label);
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
    free(dump);
    free(file);
}

static int32_t int32_at(const unsigned char *p) { int32_t x; memcpy(&x, p, 4); return x; }

static void compare_ints(const char *label, const char *name, const char *what, const unsigned char *at, size_t n, const int *want)
{
    size_t i;
    for (i = 0; i < n; i++) CHECK(int32_at(at + 4 * i) == want[i], "%s: %s, %s %d: %ld, not %d", label, name, what, (int)i, (long)int32_at(at + 4 * i), want[i]);
}

/* The layers of golden/export.h in a compiled header, number by number. */
static void compare_layers(const char *label, const char *dump_path, int form)
{
    size_t bytes, found = 0, i, k, n;
    char *dump = read_all(dump_path, &bytes), name[256];
    const unsigned char *at = (const unsigned char *)dump, *end = at + bytes, *data;
    uint32_t head[EXPORT_HEAD];
    int64_t bound, wide;

    for (; (size_t)(end - at) > sizeof head; at = data + exported_bytes(head)) {
        memcpy(head, at, sizeof head);
        n = head[0] < sizeof name ? head[0] : 0;
        memcpy(name, at + sizeof head, n);
        name[n] = 0;
        data = at + sizeof head + head[0];
        memcpy(&bound, head + 32, 8);
        for (i = 0; i < COUNT_OF(export_cases); i++) {
            const export_case *c = &export_cases[i];
            const int32_t layer[4] = { c->input_zero, c->output_zero, c->low, c->high };
            const unsigned char *part = data + head[2] + 4 * (head[5] + head[6]);
            const size_t module = strlen(c->name) - strlen("weight");
            if (strncmp(name, c->name, module) != 0) continue;
            if (strcmp(name + module, "bias") == 0) {
                CHECK(c->has_bias && head[1] == (c->wide_bias ? (uint32_t)SMASH_I64 : (uint32_t)SMASH_I32) && !head[24], "%s: %s", label, name);
                for (k = 0; k < (size_t)c->out && !c->wide_bias; k++) CHECK(int32_at(data + 4 * k) == c->bias[k], "%s: %s, number %d: %ld", label, name, (int)k, (long)int32_at(data + 4 * k));
                for (k = 0; k < (size_t)c->out && c->wide_bias; k++) { memcpy(&wide, data + 8 * k, 8); CHECK(wide == c->bias[k], "%s: %s, number %d", label, name, (int)k); }
            }
            if (strcmp(name, c->name) != 0) continue;
            found++;
            CHECK(memcmp(head + 26, layer, sizeof layer) == 0 && head[30] == c->input_scale && head[31] == c->output_scale && bound == c->bound, "%s: %s: zero points, clamps, scales or bound", label, name);
            CHECK(head[24] == (uint32_t)c->multipliers && (head[7] != 0) == c->is_linear_i8 && (head[25] != 0) == c->is_linear_i8, "%s: %s: which parts there are", label, name);
            compare_ints(label, name, "multiplier", part, head[24], c->multiplier[form]);
            compare_ints(label, name, "shift", part + 4 * head[24], head[24], c->shift[form]);
            compare_ints(label, name, "kernel sum", part + 8 * head[24], head[7], c->kernel_sum);
            compare_ints(label, name, "effective bias", part + 8 * head[24] + 4 * head[7], head[25], c->effective_bias);
        }
        if (strcmp(name, "up.weight") == 0) CHECK(head[24] == 0 && bound == 0 && head[30] == 0, "%s: %s", label, name);
    }
    CHECK(found == COUNT_OF(export_cases), "%s: %d layers", label, (int)found);
    free(dump);
}

static void test_layers(void)
{
    static const struct { const char *label, *flags; int form; } cases[] = {
        { "layers", "", 0 }, { "layers, single", "--requant single", 1 }, { "layers, ohwi", "--layout ohwi --depthwise block.dw --requant double", 0 } };
    static const char *const compilers[] = { "cc -std=c99", "c++ -x c++ -std=c++17" };
    char command[1024];
    size_t i, k, bytes;
    int cxx = run("command -v c++") == 0;
    put_file("layers.safetensors", export_model, sizeof export_model);
    for (i = 0; i < COUNT_OF(cases); i++)
        for (k = 0; k < (cxx ? 2u : 1u); k++) {
            sprintf(command, "$S export $D/layers.safetensors -q -o $D/x.h %s && %s -Wall -Wextra -Wpedantic -Wconversion -Wundef -Werror -I$D -DHEADER='\"x.h\"' tests/compile/exported.c -o $D/dump && $D/dump > $D/x.dump",
                    cases[i].flags, compilers[k]);
            CHECK(run(command) == 0, "%s: %s", cases[i].label, read_file(DIR "/stderr", &bytes));
            compare_layers(cases[i].label, DIR "/x.dump", cases[i].form);
        }
}

/* Headers compiled as C and, where there is a compiler, as C++, with all warnings as errors. */
static void test_export(void)
{
    static const char warnings[] = "-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Werror";
    static const struct { const char *label, *compress, *flags; int order; } cases[] = {
        { "floats", "cp examples/models/digits.safetensors $D/x.safetensors", "", 0 },
        { "floats, ohwi", "cp examples/models/digits.safetensors $D/x.safetensors", "--layout ohwi --depthwise none", 1 },
        { "int8", "$S compress examples/models/digits.safetensors -q -o $D/x.safetensors --quantizer ptq --set ptq_granularity=out_channel", "--layout ohwi --depthwise none", 1 },
        { "uint8 affine", "$S compress examples/models/digits.safetensors -q -o $D/x.safetensors --quantizer ptq --set ptq_quant_dtype=uint8 --set ptq_quant_scheme=affine", "--prefix net_1", 0 },
        { "int4, ohwi", "$S compress examples/models/digits.safetensors -q -o $D/x.safetensors --quantizer ptq --set ptq_quant_dtype=int4 --set ptq_granularity=out_channel", "--layout ohwi --depthwise none", 1 },
        { "int4 blocks", "printf '[{\"op_names\":[\"conv2\"],\"target_names\":[\"weight\"],\"quant_dtype\":\"int4\",\"quant_scheme\":\"affine\",\"granularity\":[1,8,3,3]}]' > $D/b.json; "
                         "$S compress examples/models/digits.safetensors -q -o $D/x.safetensors -c $D/b.json --quantizer ptq", "--layout ohwi --depthwise none", 1 },
        { "uint2 affine", "$S compress examples/models/digits.safetensors -q -o $D/x.safetensors --quantizer ptq --set ptq_quant_dtype=uint2 --set ptq_quant_scheme=affine", "", 0 },
        { "int12", "$S compress examples/models/digits.safetensors -q -o $D/x.safetensors --quantizer ptq --set ptq_quant_dtype=int12", "", 0 },
        { "packed", "$S compress examples/models/digits.safetensors -q -o $D/x.safetensors --pruner level --set level_sparse_ratio=0.9 --quantizer ptq --set pack_sparse=true", "--layout ohwi --depthwise none", 1 },
        { "packed floats", "$S compress examples/models/digits.safetensors -q -o $D/x.safetensors --pruner level --set level_sparse_ratio=0.9 --set pack_sparse=true", "", 0 },
        { "partial blocks", "$S compress examples/models/digits.safetensors -q -o $D/x.safetensors --quantizer ptq --set 'ptq_granularity=[[1,5],\"partial\"]'", "", 0 },
        { "kmeans", "$S compress examples/models/digits.safetensors -q -o $D/x.safetensors --quantizer kmeans --set kmeans_bits=3", "--layout ohwi --depthwise none", 1 },
        { "nf4", "$S compress examples/models/digits.safetensors -q -o $D/x.safetensors --quantizer llm_int8 --set llm_int8_weight_bits=4 --set llm_int8_quant_type=nf4 --set llm_int8_double_quant=true", "", 0 },
        { "hqq", "$S compress examples/models/digits.safetensors -q -o $D/x.safetensors --quantizer hqq --set hqq_weight_bits=4", "", 0 },
        { "depthwise", "printf '{\"quantizer\":\"ptq\",\"module_types\":{\"dw\":\"Conv2d\"},\"ptq_config_list\":[{\"op_names\":[\"dw\"],\"target_names\":[\"weight\"],\"quant_dtype\":\"int4\",\"granularity\":\"out_channel\"}]}' > $D/dw.json; "
                       "$S compress $D/dw.safetensors -q -c $D/dw.json -o $D/x.safetensors", "--layout ohwi --depthwise 'd?'", 2 },
        { "awkward", "cp $D/awkward.safetensors $D/x.safetensors", "", 0 }
    };
    char command[2048];
    size_t i, bytes;
    int cxx = run("command -v c++") == 0;

    put_awkward("awkward.safetensors");
    put_model("dw.safetensors", "{\"dw.weight\":{\"dtype\":\"F32\",\"shape\":[5,1,3,2],\"data_offsets\":[0,120]}}", 30, 99);
    for (i = 0; i < COUNT_OF(cases); i++) {
        int net = strstr(cases[i].flags, "net_1") != NULL;
        CHECK(run(cases[i].compress) == 0, "%s", cases[i].label);
        sprintf(command, "$S export $D/x.safetensors -q -o $D/x.h %s && $S export - %s --format c -o - < $D/x.safetensors 2>/dev/null | cmp - $D/x.h", cases[i].flags, cases[i].flags);
        CHECK(run(command) == 0, "%s: %s", cases[i].label, read_file(DIR "/stderr", &bytes));
        sprintf(command, "cc -std=c99 %s %s -I$D -DHEADER='\"x.h\"' tests/compile/exported.c -o $D/dump && $D/dump > $D/x.dump", warnings, net ? "-DNET" : "");
        CHECK(run(command) == 0, "%s: %s", cases[i].label, read_file(DIR "/stderr", &bytes));
        compare_exported(cases[i].label, DIR "/x.safetensors", DIR "/x.dump", cases[i].order);
        sprintf(command, "c++ -x c++ -std=c++17 %s %s -I$D -DHEADER='\"x.h\"' tests/compile/exported.c -o $D/dump && $D/dump | cmp - $D/x.dump", warnings, net ? "-DNET" : "");
        if (cxx) CHECK(run(command) == 0, "%s: %s", cases[i].label, read_file(DIR "/stderr", &bytes));
    }
}

int main(void)
{
    const char *out, *err;
    char digest[64];
    size_t i, bytes;
    int status;

    make_files();
    for (i = 0; i < COUNT_OF(rows); i++) {
        if (strstr(SMASH_COMMAND, "valgrind") && (strstr(rows[i].command, "TMPDIR=") || strstr(rows[i].command, "ulimit") || strstr(rows[i].command, "kill"))) continue;   /* starve valgrind itself, or die with everything in hand */
        status = run(rows[i].command);
        out = read_file(DIR "/stdout", &bytes);
        err = read_file(DIR "/stderr", &bytes);
        CHECK(status == rows[i].status && fits(out, rows[i].out) && fits(err, rows[i].err), "%s\n  exit status %d, want %d\n  stdout: %s\n  stderr: %s", rows[i].command,
              status, rows[i].status, out, err);
    }

    /* The digest in the report is that of the bytes on the disk. */
    out = read_file(DIR "/o", &bytes);
    sprintf(digest, "\"digest\": \"%08lx%08lx\"", (unsigned long)(smash_digest_of(out, bytes) >> 32), (unsigned long)(smash_digest_of(out, bytes) & 0xFFFFFFFFu));
    CHECK(strstr(read_file(DIR "/report", &bytes), digest) != NULL, "%s", digest);

    test_pages();
    test_export();
    test_layers();
    return test_done();
}
#endif
