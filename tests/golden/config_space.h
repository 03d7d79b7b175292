/* Made by config_space.py: what ConfigSpace 1.2.1 makes of values. */
static const struct { const char *group, *algorithm, *key; } golden_keys[] = {
    { "pruner", "torch_structured", "torch_structured_type" },
    { "pruner", "torch_structured", "torch_structured_calibration_samples" },
    { "pruner", "torch_structured", "torch_structured_global_pruning" },
    { "pruner", "torch_structured", "torch_structured_sparsity" },
    { "pruner", "torch_structured", "torch_structured_it_steps" },
    { "quantizer", "hqq", "hqq_weight_bits" },
    { "quantizer", "hqq", "hqq_group_size" },
    { "quantizer", "hqq", "hqq_backend" },
    { "quantizer", "hqq", "hqq_compute_dtype" },
    { "quantizer", "quanto", "quanto_weight_bits" },
    { "quantizer", "quanto", "quanto_calibrate" },
    { "quantizer", "quanto", "quanto_calibration_samples" },
    { "quantizer", "awq", "awq_weight_bits" },
    { "quantizer", "awq", "awq_zero_point" },
    { "quantizer", "llm_int8", "llm_int8_has_fp16_weight" },
    { "quantizer", "llm_int8", "llm_int8_threshold" },
    { "cacher", "deepcache", "deepcache_interval" },
    { "compiler", "torch_compile", "torch_compile_dynamic" },
    { "compiler", "torch_compile", "torch_compile_fullgraph" },
    { "compiler", "torch_compile", "torch_compile_mode" },
};
static const char *const golden_values[] = {
    "null",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "2",
    "4",
    "4.0",
    "4.5",
    "5",
    "6",
    "6.0",
    "8",
    "9",
    "10",
    "11",
    "16",
    "64",
    "64.0",
    "64.5",
    "128",
    "256",
    "257",
    "0.0",
    "1.0",
    "0.5",
    "-0.1",
    "1.5",
    "\"\"",
    "\"4\"",
    "\"64\"",
    "\"0.5\"",
    "\"True\"",
    "\"true\"",
    "\"None\"",
    "\"null\"",
    "\"default\"",
    "\"Default\"",
    "\"reduce-overhead\"",
    "\"torch.bfloat16\"",
    "\"bfloat16\"",
    "\"torchao_int4\"",
    "\"marlin\"",
    "\"qint4\"",
    "\"QINT4\"",
    "\"qint\"",
    "\"LAMPImportance\"",
    "[]",
    "[4]",
    "{}",
};
/* Those it takes, each where it stands above. All others it refuses. */
static const struct { unsigned key, value; const char *stored; } golden_taken[] = {
    { 0, 47, "\"LAMPImportance\"" },   /* torch_structured_type = "LAMPImportance" */
    { 1, 1, "1" },   /* torch_structured_calibration_samples = true */
    { 1, 4, "1" },   /* torch_structured_calibration_samples = 1 */
    { 1, 6, "2" },   /* torch_structured_calibration_samples = 2 */
    { 1, 7, "4" },   /* torch_structured_calibration_samples = 4 */
    { 1, 8, "4" },   /* torch_structured_calibration_samples = 4.0 */
    { 1, 10, "5" },   /* torch_structured_calibration_samples = 5 */
    { 1, 11, "6" },   /* torch_structured_calibration_samples = 6 */
    { 1, 12, "6" },   /* torch_structured_calibration_samples = 6.0 */
    { 1, 13, "8" },   /* torch_structured_calibration_samples = 8 */
    { 1, 14, "9" },   /* torch_structured_calibration_samples = 9 */
    { 1, 15, "10" },   /* torch_structured_calibration_samples = 10 */
    { 1, 16, "11" },   /* torch_structured_calibration_samples = 11 */
    { 1, 17, "16" },   /* torch_structured_calibration_samples = 16 */
    { 1, 18, "64" },   /* torch_structured_calibration_samples = 64 */
    { 1, 19, "64" },   /* torch_structured_calibration_samples = 64.0 */
    { 1, 21, "128" },   /* torch_structured_calibration_samples = 128 */
    { 1, 22, "256" },   /* torch_structured_calibration_samples = 256 */
    { 1, 25, "1" },   /* torch_structured_calibration_samples = 1.0 */
    { 2, 1, "true" },   /* torch_structured_global_pruning = true */
    { 2, 2, "false" },   /* torch_structured_global_pruning = false */
    { 2, 3, "false" },   /* torch_structured_global_pruning = 0 */
    { 2, 4, "true" },   /* torch_structured_global_pruning = 1 */
    { 2, 24, "false" },   /* torch_structured_global_pruning = 0.0 */
    { 2, 25, "true" },   /* torch_structured_global_pruning = 1.0 */
    { 3, 1, "1.0" },   /* torch_structured_sparsity = true */
    { 3, 2, "0.0" },   /* torch_structured_sparsity = false */
    { 3, 3, "0.0" },   /* torch_structured_sparsity = 0 */
    { 3, 4, "1.0" },   /* torch_structured_sparsity = 1 */
    { 3, 24, "0.0" },   /* torch_structured_sparsity = 0.0 */
    { 3, 25, "1.0" },   /* torch_structured_sparsity = 1.0 */
    { 3, 26, "0.5" },   /* torch_structured_sparsity = 0.5 */
    { 4, 1, "1" },   /* torch_structured_it_steps = true */
    { 4, 4, "1" },   /* torch_structured_it_steps = 1 */
    { 4, 6, "2" },   /* torch_structured_it_steps = 2 */
    { 4, 7, "4" },   /* torch_structured_it_steps = 4 */
    { 4, 8, "4" },   /* torch_structured_it_steps = 4.0 */
    { 4, 10, "5" },   /* torch_structured_it_steps = 5 */
    { 4, 11, "6" },   /* torch_structured_it_steps = 6 */
    { 4, 12, "6" },   /* torch_structured_it_steps = 6.0 */
    { 4, 13, "8" },   /* torch_structured_it_steps = 8 */
    { 4, 14, "9" },   /* torch_structured_it_steps = 9 */
    { 4, 15, "10" },   /* torch_structured_it_steps = 10 */
    { 4, 25, "1" },   /* torch_structured_it_steps = 1.0 */
    { 5, 6, "2" },   /* hqq_weight_bits = 2 */
    { 5, 7, "4" },   /* hqq_weight_bits = 4 */
    { 5, 8, "4" },   /* hqq_weight_bits = 4.0 */
    { 5, 13, "8" },   /* hqq_weight_bits = 8 */
    { 6, 13, "8" },   /* hqq_group_size = 8 */
    { 6, 17, "16" },   /* hqq_group_size = 16 */
    { 6, 18, "64" },   /* hqq_group_size = 64 */
    { 6, 19, "64" },   /* hqq_group_size = 64.0 */
    { 6, 21, "128" },   /* hqq_group_size = 128 */
    { 7, 42, "\"torchao_int4\"" },   /* hqq_backend = "torchao_int4" */
    { 8, 40, "\"torch.bfloat16\"" },   /* hqq_compute_dtype = "torch.bfloat16" */
    { 9, 44, "\"qint4\"" },   /* quanto_weight_bits = "qint4" */
    { 10, 1, "true" },   /* quanto_calibrate = true */
    { 10, 2, "false" },   /* quanto_calibrate = false */
    { 10, 3, "false" },   /* quanto_calibrate = 0 */
    { 10, 4, "true" },   /* quanto_calibrate = 1 */
    { 10, 24, "false" },   /* quanto_calibrate = 0.0 */
    { 10, 25, "true" },   /* quanto_calibrate = 1.0 */
    { 11, 18, "64" },   /* quanto_calibration_samples = 64 */
    { 11, 19, "64" },   /* quanto_calibration_samples = 64.0 */
    { 12, 7, "4" },   /* awq_weight_bits = 4 */
    { 12, 8, "4" },   /* awq_weight_bits = 4.0 */
    { 13, 1, "true" },   /* awq_zero_point = true */
    { 13, 4, "true" },   /* awq_zero_point = 1 */
    { 13, 25, "true" },   /* awq_zero_point = 1.0 */
    { 14, 2, "false" },   /* llm_int8_has_fp16_weight = false */
    { 14, 3, "false" },   /* llm_int8_has_fp16_weight = 0 */
    { 14, 24, "false" },   /* llm_int8_has_fp16_weight = 0.0 */
    { 15, 11, "6.0" },   /* llm_int8_threshold = 6 */
    { 15, 12, "6.0" },   /* llm_int8_threshold = 6.0 */
    { 16, 1, "1" },   /* deepcache_interval = true */
    { 16, 4, "1" },   /* deepcache_interval = 1 */
    { 16, 6, "2" },   /* deepcache_interval = 2 */
    { 16, 7, "4" },   /* deepcache_interval = 4 */
    { 16, 8, "4" },   /* deepcache_interval = 4.0 */
    { 16, 10, "5" },   /* deepcache_interval = 5 */
    { 16, 25, "1" },   /* deepcache_interval = 1.0 */
    { 17, 0, "null" },   /* torch_compile_dynamic = null */
    { 17, 1, "true" },   /* torch_compile_dynamic = true */
    { 17, 2, "false" },   /* torch_compile_dynamic = false */
    { 17, 3, "false" },   /* torch_compile_dynamic = 0 */
    { 17, 4, "true" },   /* torch_compile_dynamic = 1 */
    { 17, 24, "false" },   /* torch_compile_dynamic = 0.0 */
    { 17, 25, "true" },   /* torch_compile_dynamic = 1.0 */
    { 18, 1, "true" },   /* torch_compile_fullgraph = true */
    { 18, 2, "false" },   /* torch_compile_fullgraph = false */
    { 18, 3, "false" },   /* torch_compile_fullgraph = 0 */
    { 18, 4, "true" },   /* torch_compile_fullgraph = 1 */
    { 18, 24, "false" },   /* torch_compile_fullgraph = 0.0 */
    { 18, 25, "true" },   /* torch_compile_fullgraph = 1.0 */
    { 19, 37, "\"default\"" },   /* torch_compile_mode = "default" */
    { 19, 39, "\"reduce-overhead\"" },   /* torch_compile_mode = "reduce-overhead" */
};
