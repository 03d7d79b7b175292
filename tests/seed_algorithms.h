/* seed_algorithms.h - test data: the 22 algorithms that Pruna had when its user manual said what a SmashConfig is (commit
 * 1d68f74c, May 2025), as descriptors. Names, groups, devices, components, hyperparameters and compatible pairs are theirs;
 * nothing is applied. Pickles and writers of their own become SMASH_SAVE_NONE: the file holds what they did.
 * Two things differ: ifw has group_size, which the manual sets and the code never had; torch_static_qscheme is spelled
 * without "torch." */
#ifndef SMASH_TEST_SEED_ALGORITHMS_H
#define SMASH_TEST_SEED_ALGORITHMS_H

enum { SEED_COUNT = 22, SEED_CPU_CUDA = SMASH_ON_CPU | SMASH_ON_CUDA, SEED_TP = SMASH_NEEDS_TOKENIZER | SMASH_NEEDS_PROCESSOR };

static smash_err seed_apply(smash_ctx *ctx, smash_job *job) { (void)ctx; (void)job; return SMASH_OK; }

/* ---- hyperparameters ---- */

#define SEED_BITS8_DTYPES "quint8 qint8"
#define SEED_LENGTHS      "100 200 400 512 800 1600 3200 6400 12800 25600 51200 102400"

static const smash_key seed_torch_structured_keys[] = {
    SMASH_HYPER_CHOICE("type", "RandomImportance MagnitudeImportance LAMPImportance TaylorImportance HessianImportance", "MagnitudeImportance", "how channels are scored"),
    SMASH_HYPER_INTEGER("calibration_samples", 1, 256, "64", "batches for the gradients"),
    SMASH_HYPER_BOOLEAN("prune_head_dims", "false", "narrow attention heads"),
    SMASH_HYPER_BOOLEAN("prune_num_heads", "false", "remove attention heads"),
    SMASH_HYPER_BOOLEAN("global_pruning", "false", "one threshold for all layers"),
    SMASH_HYPER_NUMBER("sparsity", 0, 1, "0.1", "fraction of channels removed"),
    SMASH_HYPER_NUMBER("head_sparsity", 0, 1, "0", "fraction of heads removed"),
    SMASH_HYPER_INTEGER("it_steps", 1, 10, "1", "steps to get there") };
static const smash_key seed_torch_unstructured_keys[] = {
    SMASH_HYPER_CHOICE("pruning_method", "random l1", "l1", "which weights go"),
    SMASH_HYPER_NUMBER("sparsity", 0, 1, "0.1", "fraction of weights removed") };
static const smash_key seed_torch_dynamic_keys[] = { SMASH_HYPER_ORDINAL("weight_bits", SEED_BITS8_DTYPES, "qint8", "of weights") };
static const smash_key seed_torch_static_keys[] = {
    SMASH_HYPER_ORDINAL("weight_bits", SEED_BITS8_DTYPES, "qint8", "of weights"),
    SMASH_HYPER_ORDINAL("act_bits", SEED_BITS8_DTYPES, "qint8", "of activations"),
    SMASH_HYPER_CHOICE("qscheme", "per_tensor_symmetric per_tensor_affine", "per_tensor_affine", "scheme"),
    SMASH_HYPER_CHOICE("qobserver", "MinMaxObserver MovingAverageMinMaxObserver PerChannelMinMaxObserver HistogramObserver", "MinMaxObserver", "finds the range"),
    SMASH_HYPER_CONSTANT("calibration_samples", "16", "batches observed") };
static const smash_key seed_quanto_keys[] = {
    SMASH_HYPER_ORDINAL("weight_bits", "qint2 qint4 qint8 qfloat8", "qfloat8", "of weights"),
    SMASH_HYPER_CONSTANT("act_bits", "null", "of activations"),
    SMASH_HYPER_BOOLEAN("calibrate", "true", "observe data first"),
    SMASH_HYPER_CONSTANT("calibration_samples", "64", "batches observed") };
static const smash_key seed_hqq_keys[] = {
    SMASH_HYPER_ORDINAL("weight_bits", "2 4 8", "8", "of weights"),
    SMASH_HYPER_ORDINAL("group_size", "8 16 32 64 128", "64", "weights that share a scale"),
    SMASH_HYPER_CONSTANT("backend", "torchao_int4", "which kernel"),
    SMASH_HYPER_CHOICE("compute_dtype", "torch.bfloat16 torch.float16", "torch.float16", "of products") };
static const smash_key seed_hqq_diffusers_keys[] = {
    SMASH_HYPER_ORDINAL("weight_bits", "2 4 8", "8", "of weights"),
    SMASH_HYPER_ORDINAL("group_size", "8 16 32 64 128", "64", "weights that share a scale"),
    SMASH_HYPER_ORDINAL("backend", "gemlite bitblas torchao_int4 marlin", "torchao_int4", "which kernel") };
static const smash_key seed_gptq_keys[] = {
    SMASH_HYPER_ORDINAL("weight_bits", "2 3 4 8", "4", "of weights"),
    SMASH_HYPER_BOOLEAN("use_exllama", "false", "which kernel"),
    SMASH_HYPER_ORDINAL("group_size", "64 128 256", "128", "weights that share a scale") };
static const smash_key seed_awq_keys[] = {
    SMASH_HYPER_CONSTANT("weight_bits", "4", "of weights"),
    SMASH_HYPER_CONSTANT("zero_point", "true", "affine"),
    SMASH_HYPER_ORDINAL("group_size", "8 16 32 64 128", "128", "weights that share a scale"),
    SMASH_HYPER_CONSTANT("version", "gemm", "which kernel") };
static const smash_key seed_int8_keys[] = {      /* llm_int8 and diffusers_int8 */
    SMASH_HYPER_ORDINAL("weight_bits", "4 8", "8", "of weights"),
    SMASH_HYPER_BOOLEAN("double_quant", "false", "scales are quantized, too"),
    SMASH_HYPER_BOOLEAN("enable_fp32_cpu_offload", "false", "parts stay on the CPU"),
    SMASH_HYPER_CONSTANT("has_fp16_weight", "false", "keep the weights"),
    SMASH_HYPER_CONSTANT("compute_dtype", "bfloat16", "of products"),
    SMASH_HYPER_CONSTANT("threshold", "6.0", "what is an outlier"),
    SMASH_HYPER_CHOICE("quant_type", "fp4 nf4", "fp4", "codes of 4 bits") };
static const smash_key seed_interval_keys[] = { SMASH_HYPER_ORDINAL("interval", "1 2 3 4 5", "2", "steps from one computation to the next") };   /* cachers */
static const smash_key seed_ct2_keys[] = { SMASH_HYPER_ORDINAL("weight_bits", "8 16", "16", "of weights") };                                    /* c_... */
static const smash_key seed_torch_compile_keys[] = {
    SMASH_HYPER_CHOICE("mode", "default reduce-overhead max-autotune max-autotune-no-cudagraphs", "default", "how hard to try"),
    SMASH_HYPER_CHOICE("backend", "inductor cudagraphs onnxrt tvm openvino openxla", "inductor", "which compiler"),
    SMASH_HYPER_BOOLEAN("fullgraph", "true", "all or nothing"),
    SMASH_HYPER_CHOICE("dynamic", "null true false", "null", "shapes may change"),
    SMASH_HYPER_ORDINAL("max_kv_cache_size", SEED_LENGTHS, "400", "new tokens at most"),
    SMASH_HYPER_ORDINAL("seqlen_manual_cuda_graph", SEED_LENGTHS, "100", "tokens in a captured graph"),
    SMASH_HYPER_BOOLEAN("make_portable", "false", "take the compiled code along") };
static const smash_key seed_ifw_keys[] = {
    SMASH_HYPER_ORDINAL("weight_bits", "16 32", "16", "of weights"),
    SMASH_HYPER_INTEGER("group_size", 1, 256, "16", "inputs in a group"),
    SMASH_HYPER_CONSTANT("chunk_length", "30", "seconds in a chunk") };
static const smash_key seed_whisper_s2t_keys[] = { SMASH_HYPER_BOOLEAN("int8", "false", "weights in 8 bits") };

/* ---- who goes with whom, said by both sides ---- */

static const char *const seed_with_half[] = { "half", NULL };
static const char *const seed_half_with[] = { "ifw", "whisper_s2t", "deepcache", "c_generate", "c_translate", "c_whisper", "stable_fast", "torch_compile",
                                              "torch_structured", "torch_unstructured", NULL };
static const char *const seed_with_torch_compile[] = { "torch_compile", NULL };
static const char *const seed_diffusers_with[] = { "deepcache", "fastercache", "pab", "torch_compile", NULL };
static const char *const seed_deepcache_with[] = { "stable_fast", "torch_compile", "half", "hqq_diffusers", "diffusers_int8", NULL };
static const char *const seed_with_diffusers[] = { "hqq_diffusers", "diffusers_int8", NULL };
static const char *const seed_ct2_with[] = { "whisper_s2t", "half", NULL };
static const char *const seed_stable_fast_with[] = { "deepcache", "half", NULL };
static const char *const seed_torch_compile_with[] = { "half", "hqq_diffusers", "diffusers_int8", "gptq", "llm_int8", "hqq", "deepcache", NULL };
static const char *const seed_whisper_s2t_with[] = { "c_generate", "c_translate", "c_whisper", "half", NULL };

/* ---- the algorithms ---- */

#define SEED_KEYS(keys) keys, sizeof(keys) / sizeof(*(keys))
#define SEED_ALGO(name, group, summary, compatible, needs, runs_on, save, keys_and_count) \
    { name, group, summary, NULL, NULL, NULL, compatible, needs, runs_on, save, 0, keys_and_count, NULL, NULL, NULL, NULL, seed_apply, NULL }
#define SEED_NO_KEYS NULL, 0

static const smash_algo seed_algos[SEED_COUNT] = {
    SEED_ALGO("torch_structured", SMASH_PRUNER, "channels and heads", seed_with_half, SMASH_NEEDS_DATA, SEED_CPU_CUDA, SMASH_SAVE_NONE, SEED_KEYS(seed_torch_structured_keys)),
    SEED_ALGO("torch_unstructured", SMASH_PRUNER, "single weights", seed_with_half, 0, SEED_CPU_CUDA, SMASH_SAVE_NONE, SEED_KEYS(seed_torch_unstructured_keys)),
    SEED_ALGO("half", SMASH_QUANTIZER, "float16", seed_half_with, 0, SEED_CPU_CUDA, SMASH_SAVE_BEFORE_APPLY, SEED_NO_KEYS),
    SEED_ALGO("torch_dynamic", SMASH_QUANTIZER, "int8 weights, activations on the way", NULL, 0, SEED_CPU_CUDA, SMASH_SAVE_NONE, SEED_KEYS(seed_torch_dynamic_keys)),
    SEED_ALGO("torch_static", SMASH_QUANTIZER, "int8 weights and activations", NULL, SMASH_NEEDS_DATA, SEED_CPU_CUDA, SMASH_SAVE_NONE, SEED_KEYS(seed_torch_static_keys)),
    SEED_ALGO("quanto", SMASH_QUANTIZER, "2 to 8 bits", NULL, 0, SMASH_ON_CUDA, SMASH_SAVE_NONE, SEED_KEYS(seed_quanto_keys)),
    SEED_ALGO("hqq", SMASH_QUANTIZER, "half-quadratic", seed_with_torch_compile, 0, SMASH_ON_CUDA, SMASH_SAVE_NONE, SEED_KEYS(seed_hqq_keys)),
    SEED_ALGO("hqq_diffusers", SMASH_QUANTIZER, "half-quadratic, for diffusers", seed_diffusers_with, 0, SMASH_ON_CUDA, SMASH_SAVE_NONE, SEED_KEYS(seed_hqq_diffusers_keys)),
    SEED_ALGO("gptq", SMASH_QUANTIZER, "second order", seed_with_torch_compile, SMASH_NEEDS_TOKENIZER | SMASH_NEEDS_DATA, SMASH_ON_CUDA, SMASH_SAVE_NONE, SEED_KEYS(seed_gptq_keys)),
    SEED_ALGO("awq", SMASH_QUANTIZER, "activation-aware", NULL, SMASH_NEEDS_DATA, SMASH_ON_CUDA, SMASH_SAVE_NONE, SEED_KEYS(seed_awq_keys)),
    SEED_ALGO("llm_int8", SMASH_QUANTIZER, "int8 with outliers", seed_with_torch_compile, 0, SMASH_ON_CUDA, SMASH_SAVE_NONE, SEED_KEYS(seed_int8_keys)),
    SEED_ALGO("diffusers_int8", SMASH_QUANTIZER, "int8 with outliers, for diffusers", seed_diffusers_with, 0, SMASH_ON_CUDA, SMASH_SAVE_NONE, SEED_KEYS(seed_int8_keys)),
    SEED_ALGO("deepcache", SMASH_CACHER, "keeps deep features", seed_deepcache_with, 0, SEED_CPU_CUDA, SMASH_SAVE_REAPPLY, SEED_KEYS(seed_interval_keys)),
    SEED_ALGO("fastercache", SMASH_CACHER, "keeps attention states", seed_with_diffusers, 0, SEED_CPU_CUDA, SMASH_SAVE_REAPPLY, SEED_KEYS(seed_interval_keys)),
    SEED_ALGO("pab", SMASH_CACHER, "broadcasts attention", seed_with_diffusers, 0, SEED_CPU_CUDA, SMASH_SAVE_REAPPLY, SEED_KEYS(seed_interval_keys)),
    SEED_ALGO("c_generate", SMASH_COMPILER, "generation", seed_ct2_with, SMASH_NEEDS_TOKENIZER, SMASH_ON_CUDA, SMASH_SAVE_BEFORE_APPLY, SEED_KEYS(seed_ct2_keys)),
    SEED_ALGO("c_translate", SMASH_COMPILER, "translation", seed_ct2_with, SMASH_NEEDS_TOKENIZER, SMASH_ON_CUDA, SMASH_SAVE_BEFORE_APPLY, SEED_KEYS(seed_ct2_keys)),
    SEED_ALGO("c_whisper", SMASH_COMPILER, "speech", seed_ct2_with, SMASH_NEEDS_PROCESSOR, SMASH_ON_CUDA, SMASH_SAVE_BEFORE_APPLY, SEED_KEYS(seed_ct2_keys)),
    SEED_ALGO("stable_fast", SMASH_COMPILER, "diffusers", seed_stable_fast_with, 0, SMASH_ON_CUDA, SMASH_SAVE_BEFORE_APPLY, SEED_NO_KEYS),
    SEED_ALGO("torch_compile", SMASH_COMPILER, "graphs", seed_torch_compile_with, 0, SEED_CPU_CUDA, SMASH_SAVE_BEFORE_APPLY, SEED_KEYS(seed_torch_compile_keys)),
    SEED_ALGO("ifw", SMASH_BATCHER, "speech in chunks", seed_with_half, SEED_TP, SMASH_ON_CUDA, SMASH_SAVE_BEFORE_APPLY, SEED_KEYS(seed_ifw_keys)),
    SEED_ALGO("whisper_s2t", SMASH_BATCHER, "speech to text", seed_whisper_s2t_with, SEED_TP, SMASH_ON_CUDA, SMASH_SAVE_BEFORE_APPLY, SEED_KEYS(seed_whisper_s2t_keys)) };

#undef SEED_BITS8_DTYPES
#undef SEED_LENGTHS
#undef SEED_KEYS
#undef SEED_NO_KEYS
#undef SEED_ALGO

/* All of them, in the order above. Room for SEED_COUNT more is needed. */
static smash_err seed_register(smash_ctx *ctx, smash_registry *registry)
{
    size_t i;
    smash_err err = SMASH_OK;
    for (i = 0; i < SEED_COUNT && !err; i++) err = smash_register(ctx, registry, &seed_algos[i]);
    return err;
}
#endif
