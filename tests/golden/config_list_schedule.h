/* Made by config_list_schedule.py from recordings of NNI v3 (torch 1.13, CPU, float32). Do not edit. */
static const struct { size_t times; double linear[4], agp[4]; } golden_schedule[] = {
    { 4, { 0.25, 0.5, 0.75, 1.0 }, { 0.578125, 0.875, 0.984375, 1.0 } },
};
