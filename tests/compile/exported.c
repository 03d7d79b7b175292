/* Writes all that a header of `smash export --format c` holds to standard output, for tests/test_cli.c to compare with the model.
 * HEADER is the header; made with the prefix "model", or NET for one made with --prefix net_1. Compiles as C99 and C++. */
#include <stdio.h>
#include <string.h>
#ifdef NET
#define NET_1_TABLE
#define NET_1_CONST const
#define NET_1_ALIGN
#define NET_1_SECTION __attribute__((section(".weights")))
#else
#define MODEL_TABLE
#endif
#include HEADER
#include HEADER
#ifdef NET
#define model_tensor net_1_tensor
#define model_tensors net_1_tensors
#define model_tensor_count net_1_tensor_count
#define model_digest net_1_digest
#endif

static size_t product(const uint32_t *shape, uint32_t rank)
{
    size_t n = 1;
    uint32_t i;
    for (i = 0; i < rank; i++) n *= shape[i];
    return n;
}

int main(void)
{
    size_t i;
    for (i = 0; i < (size_t)model_tensor_count; i++) {
        const model_tensor *t = &model_tensors[i];
        uint32_t head[36];
        size_t scales = product(t->scale_shape, t->rank);
        memset(head, 0, sizeof head);
        head[0] = (uint32_t)strlen(t->name);
        head[1] = t->dtype;
        head[2] = t->data ? t->bytes : 0;
        head[3] = t->crc32;
        head[4] = t->rank;
        head[5] = t->scale ? (uint32_t)scales : 0;
        head[6] = t->zero_point ? (uint32_t)scales : 0;
        head[7] = t->kernel_sum ? t->shape[0] : 0;
        head[24] = t->multiplier ? t->multiplier_count : 0;
        head[25] = t->effective_bias ? t->shape[0] : 0;
        memcpy(head + 26, &t->input_zero, 4);
        memcpy(head + 27, &t->output_zero, 4);
        memcpy(head + 28, &t->low, 4);
        memcpy(head + 29, &t->high, 4);
        memcpy(head + 30, &t->input_scale, 4);
        memcpy(head + 31, &t->output_scale, 4);
        memcpy(head + 32, &t->accumulator_bound, 8);
        memcpy(head + 8, t->shape, sizeof t->shape);
        memcpy(head + 16, t->scale_shape, sizeof t->scale_shape);
        fwrite(head, 1, sizeof head, stdout);
        fwrite(t->name, 1, head[0], stdout);
        if (head[2]) fwrite(t->data, 1, head[2], stdout);
        if (head[5]) fwrite(t->scale, 4, head[5], stdout);
        if (head[6]) fwrite(t->zero_point, 4, head[6], stdout);
        if (head[24]) fwrite(t->multiplier, 4, head[24], stdout);
        if (head[24]) fwrite(t->shift, 4, head[24], stdout);
        if (head[7]) fwrite(t->kernel_sum, 4, head[7], stdout);
        if (head[25]) fwrite(t->effective_bias, 4, head[25], stdout);
    }
    fwrite(&model_digest, 1, sizeof model_digest, stdout);
    return 0;
}
