/* smash_cuda.h - v0.1.0 - the heavy calls of smash.h on CUDA - MIT or public domain

   NOT YET: this version declares nothing, so that a program can already include it. What it will be:

   - the entry points of smash.h's mask, quant and distill sections on device memory, with the same descs plus a stream:
     smash_cuda_mask_make, smash_cuda_quantize, smash_cuda_dequantize ...
   - the same bytes as the CPU gives, so results can be compared with a digest;
   - workspace from the caller; no cudaMalloc, no default stream, no hidden synchronisation, no exit;
   - this half in C99 without CUDA headers; the implementation compiles with nvcc, or, with SMASH_CUDA_DUMMY 1, as a
     dummy on host memory for machines without a GPU.

   Define SMASH_CUDA_IMPLEMENTATION in one .cu file before including it, as with smash.h. */
#ifndef SMASH_CUDA_H
#define SMASH_CUDA_H

#include "smash.h"

#define SMASH_CUDA_READY 0   /* 1 from the first version that has functions */

#endif
