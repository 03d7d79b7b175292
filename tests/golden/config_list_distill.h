/* Made by config_list_distill.py from recordings of NNI v3 (torch 1.13, CPU, float32). Do not edit. */
static const struct { size_t shape[2]; uint32_t student[6], teacher[6]; double mse, kl; } golden_distill[] = {
    { { 2, 3 }, { 0xBF1C0000u, 0x40050000u, 0xBFC60000u, 0x3F920000u, 0xC01F0000u, 0x3E500000u },
      { 0x40090000u, 0xBF7C0000u, 0x400D0000u, 0xBF6C0000u, 0x40110000u, 0xBF5C0000u }, 9.82487011, 3.95235109 },
    { { 2, 3 }, { 0x3ED4C000u, 0x3F6EE000u, 0x3E30C000u, 0x3DBE0000u, 0x3FC7E800u, 0x3F108000u },
      { 0xBF51A000u, 0xBFA5B800u, 0xBF37B000u, 0xBF3EB000u, 0xBFCD9000u, 0xBF4CC000u }, 3.3127288818359375, 0.31739360094070435 },
};
