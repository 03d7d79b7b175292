# make            the command, ./smash
# make demo       compress a small real model and count what it still gets right
# make test       everything that needs only a C compiler and make
# make check      the wide ring: compilers, warnings, sanitizers, symbols
# make bench      speeds beside what the memory of this machine allows
# make install    to PREFIX

CC      = cc
CFLAGS  = -O2
LDFLAGS =
PREFIX  = /usr/local

STD     = -std=c99
THREADS = -pthread
COMPILE = $(CC) $(STD) $(CFLAGS) -I.

TOOL_PARTS = tools/files.h tools/pool.h tools/stored.h tools/table.h

TESTS    = $(patsubst tests/%.c,build/tests/%,$(wildcard tests/test_*.c))
EXAMPLES = $(patsubst examples/%.c,build/examples/%,$(wildcard examples/[0-9]*.c))

all: smash

smash: tools/smash.c $(TOOL_PARTS) smash.h
	$(COMPILE) tools/smash.c -o $@ $(LDFLAGS) $(THREADS)

demo: smash build/digits
	./smash compress examples/models/digits.safetensors -c examples/digits_compress.json -o build/digits-small.safetensors
	@echo
	build/digits examples/data/digits.bin examples/models/digits.safetensors build/digits-small.safetensors

build/digits: examples/digits.c $(wildcard examples/*.h) smash.h
	@mkdir -p build
	$(COMPILE) examples/digits.c -o $@ $(LDFLAGS)

test: smash build/digits $(TESTS) $(EXAMPLES)
	@sh tests/run.sh $(TESTS) $(EXAMPLES)

build/smash_impl.o: tests/smash_impl.c smash.h
	@mkdir -p build
	$(COMPILE) -c tests/smash_impl.c -o $@

build/tests/%: tests/%.c tests/test.h $(wildcard tests/golden/*.h tests/golden/*.inc) build/smash_impl.o smash.h
	@mkdir -p build/tests
	$(COMPILE) $< build/smash_impl.o -o $@ $(LDFLAGS) $(THREADS)

build/examples/%: examples/%.c $(wildcard examples/*.h) smash.h
	@mkdir -p build/examples
	$(COMPILE) $< -o $@ $(LDFLAGS)

check: smash
	@sh tools/check.sh

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

.PHONY: all demo test check bench install clean
