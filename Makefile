# make            the command, ./smash
# make demo       compress a small real model and count what it still gets right
# make train      that model from nothing, in C; pruned, quantized and distilled in training; what sparsity and bits cost, as a picture
# make firmware   the same model in integers, here and on a Cortex-M4 in QEMU: needs arm-none-eabi-gcc and qemu-system-arm
# make test       everything that needs only a C compiler and make
# make check      the wide ring: the same bytes everywhere, warnings, memory, fuzzing, sizes, documents
# make fuzz T=json [SECONDS=60]     look for inputs that break a promise; T is json, regex, safetensors, config or paths
# make docs       the table of algorithms in README.md, from the algorithms themselves
# make bench      speeds beside what the memory of this machine allows
# make install    to PREFIX

CC      = cc
CFLAGS  = -O2
LDFLAGS =
PREFIX  = /usr/local

STD     = -std=c99
THREADS = -pthread
COMPILE = $(CC) $(STD) $(CFLAGS) -I.

# For programs that could each compile the implementation, and need not: it is compiled once
SHARED = -DSMASH_IMPLEMENTED build/smash_impl.o

# make test uses all processors, unless it is told how many
JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell getconf _NPROCESSORS_ONLN))

TOOL_PARTS = tools/export.h tools/files.h tools/pool.h tools/stored.h tools/table.h

TESTS    = $(patsubst tests/%.c,build/tests/%,$(wildcard tests/test_*.c))
FUZZ     = $(patsubst tests/fuzz/fuzz_%.c,build/tests/test_fuzz_%,$(filter-out %_main.c,$(wildcard tests/fuzz/fuzz_*.c)))
EXAMPLES = $(patsubst examples/%.c,build/examples/%,$(wildcard examples/[0-9]*.c))

all: smash

smash: tools/smash.c $(TOOL_PARTS) smash.h
	$(COMPILE) tools/smash.c -o $@ $(LDFLAGS) $(THREADS)

demo: smash build/digits
	./smash compress examples/models/digits.safetensors -c examples/digits_compress.json -o build/digits-small.safetensors
	@echo
	build/digits examples/data/digits.bin examples/models/digits.safetensors build/digits-small.safetensors

train: build/examples/05_train
	build/examples/05_train --report build/accuracy.svg

build/digits: examples/digits.c $(wildcard examples/*.h) build/smash_impl.o
	$(COMPILE) examples/digits.c $(SHARED) -o $@ $(LDFLAGS)

# The digits network as C: watched on its training images, quantized, exported.
NET = build/firmware/digits_model.h build/firmware/digits_images.h

build/digits_calibrate: examples/digits_calibrate.c $(wildcard examples/*.h) build/smash_impl.o
	$(COMPILE) examples/digits_calibrate.c $(SHARED) -o $@ $(LDFLAGS)

build/firmware/calibrated.safetensors: build/digits_calibrate examples/data/digits.bin examples/models/digits.safetensors
	@mkdir -p build/firmware
	build/digits_calibrate examples/data/digits.bin examples/models/digits.safetensors $@ build/firmware/images.safetensors

build/firmware/digits_model.h: build/firmware/calibrated.safetensors smash
	./smash compress build/firmware/calibrated.safetensors -q --quantizer ptq --set ptq_granularity=out_channel -o build/firmware/int8.safetensors
	./smash export build/firmware/int8.safetensors -q -o $@ --prefix digits --layout ohwi --depthwise none --flatten fc=48

build/firmware/digits_images.h: build/firmware/calibrated.safetensors smash
	./smash export build/firmware/images.safetensors -q -o $@ --prefix test

build/examples/07_firmware: $(NET)

firmware: build/examples/07_firmware
	build/examples/07_firmware
	@echo
	sh tests/firmware/run.sh m4-digits

test:
	@$(MAKE) --no-print-directory $(JOBS) smash build/digits $(EXAMPLES) $(TESTS) $(FUZZ)
	@sh tests/run.sh $(EXAMPLES) $(TESTS) $(FUZZ)

build/smash_impl.o: tests/smash_impl.c smash.h
	@mkdir -p build
	$(COMPILE) -c tests/smash_impl.c -o $@

build/tests/%: tests/%.c $(wildcard tests/*.h tests/golden/*.h tests/golden/*.inc) build/smash_impl.o smash.h
	@mkdir -p build/tests
	$(COMPILE) $< build/smash_impl.o -o $@ $(LDFLAGS) $(THREADS)

build/tests/test_algorithms: examples/06_algorithm.c
build/tests/test_properties: tools/pool.h
build/tests/test_net: examples/net.h

build/tests/test_fuzz_%: tests/fuzz/fuzz_%.c tests/fuzz/fuzz.h tests/fuzz/fuzz_main.c build/smash_impl.o smash.h
	@mkdir -p build/tests
	$(COMPILE) -DFUZZ_CORPUS='"tests/fuzz/corpus/$*"' $< tests/fuzz/fuzz_main.c build/smash_impl.o -o $@ $(LDFLAGS)

# What libFuzzer finds new stays in build/fuzz/corpus-T; an input that breaks something in build/fuzz, as T-crash-...
SECONDS = 60
SANE    = -g -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
fuzz:
	@[ -f tests/fuzz/fuzz_$(T).c ] || { echo 'make fuzz T=json|regex|safetensors|config|paths [SECONDS=60]'; exit 2; }
	@command -v clang >/dev/null || { echo 'make fuzz needs clang, which brings libFuzzer'; exit 2; }
	@$(MAKE) --no-print-directory build/fuzz/$(T)
	@mkdir -p build/fuzz/corpus-$(T)
	build/fuzz/$(T) -max_total_time=$(SECONDS) -max_len=2048 -timeout=25 -rss_limit_mb=1024 -artifact_prefix=build/fuzz/$(T)- \
	    $(patsubst %,-dict=%,$(wildcard tests/fuzz/$(T).dict)) build/fuzz/corpus-$(T) tests/fuzz/corpus/$(T)

build/fuzz/smash.o: tests/smash_impl.c smash.h
	@mkdir -p build/fuzz
	clang $(STD) $(SANE) -I. -c tests/smash_impl.c -o $@

build/fuzz/%: tests/fuzz/fuzz_%.c tests/fuzz/fuzz.h build/fuzz/smash.o
	clang $(STD) $(SANE) -fsanitize=fuzzer -I. $< build/fuzz/smash.o -o $@

build/examples/%: examples/%.c $(wildcard examples/*.h) build/smash_impl.o
	@mkdir -p build/examples
	$(COMPILE) $< $(SHARED) -o $@ $(LDFLAGS)

build/examples/05_train: private CFLAGS += -O3
build/examples/07_firmware: private SHARED =       # it asks for a part of it

check: smash build/digits $(EXAMPLES)
	@sh tools/check.sh

docs: smash
	@python3 tools/docs.py --write

bench: build/bench
	build/bench

build/bench: tools/bench.c tools/pool.h smash.h
	@mkdir -p build
	$(COMPILE) -DBENCH_FLAGS='"$(STD) $(CFLAGS)"' tools/bench.c -o $@ $(LDFLAGS) $(THREADS)

install: smash
	mkdir -p $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/include
	cp smash $(DESTDIR)$(PREFIX)/bin/
	cp smash.h $(DESTDIR)$(PREFIX)/include/

clean:
	rm -rf build smash

.PHONY: all demo train firmware test check fuzz docs bench install clean
