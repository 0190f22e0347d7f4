# libenf: make, make check, make install. GNU make; GNU directory variables; V=1 shows commands.
prefix ?= /usr/local
exec_prefix ?= $(prefix)
bindir ?= $(exec_prefix)/bin
libdir ?= $(exec_prefix)/lib
includedir ?= $(prefix)/include
mandir ?= $(prefix)/share/man

CC ?= cc
CFLAGS ?= -O2 -g
WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
# Results may not depend on how the compiler contracts expressions: kernels ask for fma themselves.
ENF_CFLAGS = -std=gnu11 -fPIC -fvisibility=hidden -ffp-contract=off -fno-math-errno -pthread \
             $(WARN) -Iinclude -Ilib $(CFLAGS)

BLAS ?= openblas
BLAS_LIBS ?= $(shell pkg-config --libs $(BLAS) 2>/dev/null || echo -l$(BLAS))
BLAS_CFLAGS ?= $(shell pkg-config --cflags $(BLAS) 2>/dev/null)

LIB_SRC := $(wildcard lib/*/*.c lib/*/*/*.c)
LIB_OBJ := $(LIB_SRC:%.c=build/%.o)

all: build/libenf.a

build/lib/math/avx2/%.o: ENF_CFLAGS += -mavx2 -mfma -O3
build/lib/math/avx512/%.o: ENF_CFLAGS += -mavx512f -mavx512vl -mavx512dq -mavx512bw -mavx2 -mfma -O3 -mprefer-vector-width=512
build/lib/math/baseline/%.o: ENF_CFLAGS += -O3
build/lib/math/gemm.o: ENF_CFLAGS += $(BLAS_CFLAGS)

build/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ENF_CFLAGS) -MMD -MP -c -o $@ $<

build/libenf.a: $(LIB_OBJ)
	rm -f $@ && ar rcs $@ $^

clean:
	rm -rf build

-include $(LIB_OBJ:.o=.d)
.PHONY: all clean
