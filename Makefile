# libenf. GNU make and the GNU directory variables; `make help` lists the targets, V=1 shows the
# commands, BUILD=dir builds somewhere else. Sources are found by wildcard: a new lib/*/*.c, src/*.c,
# examples/*.c or tests/*/test_*.c needs no line here.

VERSION := $(shell sed -n 's/^.define ENF_VERSION "\(.*\)"/\1/p' include/enf/version.h)
SOVERSION := 0
BUILD ?= build
JOBS ?= 2

prefix ?= /usr/local
exec_prefix ?= $(prefix)
bindir ?= $(exec_prefix)/bin
libdir ?= $(exec_prefix)/lib
includedir ?= $(prefix)/include
datarootdir ?= $(prefix)/share
mandir ?= $(datarootdir)/man
pkgconfigdir ?= $(libdir)/pkgconfig
cmakedir ?= $(libdir)/cmake/enf
docdir ?= $(datarootdir)/doc/enf
INSTALL ?= install
PKG_CONFIG ?= pkg-config

ifeq ($(origin CC),default)
CC = cc
endif
CXX ?= c++
FC := $(if $(filter default undefined,$(origin FC)),$(shell command -v gfortran),$(FC))
CFLAGS ?= -O2 -g
CXXFLAGS ?= $(CFLAGS)
WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
WARNXX = -Wall -Wextra -Wpedantic -Wshadow -Wconversion
ifeq ($(WERROR),1)
WARN += -Werror
WARNXX += -Werror
endif

# Results may not depend on the machine of the build nor on liberties of the compiler.
ifneq ($(filter -Ofast -ffast-math -funsafe-math-optimizations -march=native,$(CFLAGS)),)
$(error CFLAGS: -Ofast, -ffast-math and -march=native change results; libenf picks its kernels at run time)
endif

# none, or a CBLAS by its pkg-config name: openblas, blas (the system's choice, e.g. the reference), ...
BLAS ?= none
WITH_BLAS := $(filter-out none,$(BLAS))
BLAS_LIBS ?= $(if $(WITH_BLAS),$(shell $(PKG_CONFIG) --libs $(BLAS) 2>/dev/null || echo -l$(BLAS)))
BLAS_CFLAGS ?= $(if $(WITH_BLAS),$(shell $(PKG_CONFIG) --cflags $(BLAS) 2>/dev/null))
# The yardstick of the bench is OpenBLAS where the library has no other and pkg-config finds it.
YARDSTICK := $(or $(WITH_BLAS),$(shell $(PKG_CONFIG) --exists openblas 2>/dev/null && echo openblas))
YARDSTICK_LIBS = $(if $(WITH_BLAS),,$(if $(YARDSTICK),$(shell $(PKG_CONFIG) --libs $(YARDSTICK))))
YARDSTICK_CFLAGS = $(if $(YARDSTICK),-DBENCH_SGEMM $(shell $(PKG_CONFIG) --cflags $(YARDSTICK) 2>/dev/null))
# The tool, not the library, with MPI (MPI=1; MPI=NAME: by that pkg-config name).
MPI ?= 0
WITH_MPI := $(filter-out 0,$(MPI))
MPI_NAME = $(or $(filter-out 0 1,$(MPI)),$(firstword $(foreach name,ompi-c mpich mpi-c,$(shell $(PKG_CONFIG) --exists $(name) 2>/dev/null && echo $(name)))))
MPI_LIBS ?= $(shell $(PKG_CONFIG) --libs $(MPI_NAME))
MPI_CFLAGS ?= -DENF_MPI $(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags $(MPI_NAME)))
ifneq ($(WITH_MPI),)
$(if $(MPI_NAME),,$(error MPI=$(MPI): pkg-config finds no ompi-c and no mpich))
endif
CHECK_LIBS ?= $(shell $(PKG_CONFIG) --libs check 2>/dev/null || echo -lcheck)
CHECK_CFLAGS ?= $(shell $(PKG_CONFIG) --cflags check 2>/dev/null)
PRIVATE_LIBS = $(strip $(BLAS_LIBS)) -lm -pthread

# Expressions are never contracted by the compiler: kernels ask for fma themselves.
ENF_CFLAGS = -std=gnu11 -fPIC -fvisibility=hidden -ffp-contract=off -fno-math-errno -pthread \
             $(if $(WITH_BLAS),-DENF__WITH_BLAS) $(WARN) -Iinclude -Ilib $(CPPFLAGS) $(CFLAGS)
CLIENT_CFLAGS = -std=gnu11 -ffp-contract=off -pthread $(WARN) -Iinclude $(CPPFLAGS) $(CFLAGS)
TEST_CFLAGS = $(CHECK_CFLAGS) -Itests -Wno-psabi
EXAMPLE_CFLAGS = -std=c99 -D_POSIX_C_SOURCE=200809L -pthread $(WARN) -Iinclude $(CPPFLAGS) $(CFLAGS)
EXAMPLE_CXXFLAGS = -std=c++11 -pthread $(WARNXX) -Iinclude $(CPPFLAGS) $(CXXFLAGS)

MACHINE := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null || uname -m)))
X86 := $(filter x86_64 amd64,$(MACHINE))

# ---- what there is -------------------------------------------------------------------------------

LIB_SRC := $(wildcard lib/*/*.c lib/math/baseline/*.c lib/field/gauge/baseline/*.c) $(if $(WITH_BLAS),$(wildcard lib/math/blas/*.c)) \
           $(if $(X86),$(wildcard lib/math/avx2/*.c lib/math/avx512/*.c lib/field/gauge/avx2/*.c lib/field/gauge/avx512/*.c))
# Sources that are compiled once per precision.
REAL_SRC := $(filter-out $(if $(WITH_BLAS),,%_blas.c) $(if $(X86),,%_avx2.c %_avx512.c),$(wildcard lib/field/*/*.c lib/map/*/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o) $(REAL_SRC:%.c=$(BUILD)/%_f32.o) $(REAL_SRC:%.c=$(BUILD)/%_f64.o)
TOOL_SRC := $(wildcard src/*.c)
TOOL_OBJ := $(TOOL_SRC:%.c=$(BUILD)/%.o)
BENCH_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard bench/*.c))
HEADERS := $(wildcard include/enf/*.h)
FORTRAN_MODULE := include/enf/enf.f90
CXX_HEADER := include/enf/enf.hpp

SO := libenf.so.$(VERSION)
SONAME := libenf.so.$(SOVERSION)
SO_LINKS := $(BUILD)/$(SONAME) $(BUILD)/libenf.so

# Every test is one item of `make check`: a program or a script, with a line of its own.
PROGRAMS = $(patsubst tests/%.c,%,$(wildcard $(1:%=tests/%/test_*.c)))
STATIC_TESTS := $(filter-out $(if $(WITH_BLAS),,unit/test_gemm),$(call PROGRAMS,unit laws golden oom))
CLIENT_TESTS := $(call PROGRAMS,api abi)
LONG_TESTS := $(call PROGRAMS,long)
FUZZ_TESTS := $(patsubst tests/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
EXAMPLES := $(basename $(wildcard examples/*.c examples/*.cpp) $(if $(FC),$(wildcard examples/*.f90)))
SCRIPTS := $(patsubst tests/%,%,$(wildcard tests/abi/check.sh tests/project/check.sh tests/project/bench.sh tests/cli/run.sh))
# The longest first, so that no core idles at the end.
ITEMS := $(SCRIPTS) $(STATIC_TESTS) $(CLIENT_TESTS) $(FUZZ_TESTS) $(EXAMPLES)
# Under sanitizers and valgrind: what runs our own code.
INSTRUMENTED := $(STATIC_TESTS) $(filter-out abi/%,$(CLIENT_TESTS)) $(FUZZ_TESTS)

ifneq ($(V),1)
Q := @
SAY = @printf '  %-7s %s\n'
else
SAY = @:
endif

# ---- the library and the tool --------------------------------------------------------------------

all: $(BUILD)/libenf.a $(SO_LINKS) $(if $(TOOL_SRC),$(BUILD)/enf) man

ISA = 
$(BUILD)/lib/math/baseline/%.o $(BUILD)/lib/math/lu.o: ISA = -O3
$(BUILD)/lib/field/%.o $(BUILD)/lib/map/spline/%.o $(BUILD)/lib/map/coupled/%.o: ISA = -O3
$(BUILD)/lib/math/avx2/%.o $(BUILD)/lib/field/avx2/%.o $(BUILD)/lib/field/gauge/avx2/%.o: ISA = -O3 -mavx2 -mfma
$(BUILD)/lib/math/avx512/%.o $(BUILD)/lib/field/avx512/%.o $(BUILD)/lib/field/gauge/avx512/%.o: ISA = -O3 -mavx512f -mavx512vl -mavx512dq -mavx512bw -mavx2 -mfma \
                                    -mprefer-vector-width=512
$(BUILD)/lib/math/blas/%.o $(BUILD)/lib/field/blas/%.o: ISA = -O3 $(BLAS_CFLAGS)
# The avx512 kernels in software, and a processor that is believed to have everything.
ifdef EMULATE
$(BUILD)/lib/math/avx512/%.o $(BUILD)/lib/field/avx512/%.o $(BUILD)/lib/field/gauge/avx512/%.o: ISA = -O3 -mavx2 -mfma -Wno-psabi -include tests/emulated_avx512.h
$(BUILD)/lib/core/context.o: ISA = '-D__builtin_cpu_supports(feature)=1'
endif

# Objects are made again when the flags change, archives when the list of objects does.
define stamp
@mkdir -p $(@D)
@echo '$(1)' | cmp -s - $@ || echo '$(1)' > $@
endef
$(BUILD)/flags: FORCE
	$(call stamp,$(CC) $(CXX) $(ENF_CFLAGS) $(BLAS_CFLAGS) $(PRIVATE_LIBS) $(YARDSTICK_CFLAGS) $(if $(WITH_MPI),$(MPI_CFLAGS)) $(LDFLAGS))
$(BUILD)/objects: FORCE
	$(call stamp,$(LIB_OBJ) $(TOOL_OBJ))

COMPILE = $(Q)$(CC) $(ENF_CFLAGS) $(ISA) -MMD -MP -c -o $@ $<
$(BUILD)/lib/%.o: lib/%.c $(BUILD)/flags
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(COMPILE)
$(BUILD)/lib/%_f32.o: lib/%.c $(BUILD)/flags
	$(SAY) CC '$< (float32)'
	@mkdir -p $(@D)
	$(COMPILE) -DENF__DOUBLE=0
$(BUILD)/lib/%_f64.o: lib/%.c $(BUILD)/flags
	$(SAY) CC '$< (float64)'
	@mkdir -p $(@D)
	$(COMPILE) -DENF__DOUBLE=1

$(BUILD)/bench/%.o: bench/%.c $(BUILD)/flags
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(ENF_CFLAGS) $(YARDSTICK_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/src/build.o: CPPFLAGS += -DENF_BLAS='"$(BLAS)"'
$(BUILD)/src/ranks.o: CPPFLAGS += $(if $(WITH_MPI),$(MPI_CFLAGS))
$(BUILD)/src/%.o: src/%.c $(BUILD)/flags
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CLIENT_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/libenf.a: $(LIB_OBJ) $(BUILD)/objects
	$(SAY) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $(LIB_OBJ)

$(BUILD)/$(SO): $(LIB_OBJ) $(BUILD)/objects lib/libenf.map
	$(SAY) LD $@
	$(Q)$(CC) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=lib/libenf.map -Wl,--no-undefined \
	  -Wl,-z,relro $(CFLAGS) $(LDFLAGS) -o $@ $(LIB_OBJ) $(PRIVATE_LIBS)

$(SO_LINKS): $(BUILD)/$(SO)
	$(Q)ln -sf $(SO) $@

$(BUILD)/enf: $(TOOL_OBJ) $(BUILD)/libenf.a $(BUILD)/objects
	$(SAY) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(TOOL_OBJ) $(BUILD)/libenf.a $(PRIVATE_LIBS) $(if $(WITH_MPI),$(MPI_LIBS)) -ldl

man: $(BUILD)/man/stamp
$(BUILD)/man/stamp: $(HEADERS) docs/man/generate.sh $(wildcard docs/man/*.1)
	$(SAY) MAN $(BUILD)/man
	$(Q)rm -rf $(BUILD)/man && mkdir -p $(BUILD)/man/man1 $(BUILD)/man/man3
	$(Q)sh docs/man/generate.sh $(VERSION) $(BUILD)/man/man3 $(HEADERS)
	$(Q)for page in $(wildcard docs/man/*.1); do cp $$page $(BUILD)/man/man1/; done
	$(Q)touch $@

# ---- tests ---------------------------------------------------------------------------------------

# A program made in one step: the compiler would name its dependency file otherwise.
DEPS_OF = -MMD -MP -MF $@.d -MT $@

# Tests of the inside link the static library; clients see public headers and the .so, nothing else.
LINK_CLIENT = -L$(BUILD) -Wl,-rpath,$(abspath $(BUILD)) -lenf
STATIC_BIN := $(addprefix $(BUILD)/tests/,$(STATIC_TESTS) $(LONG_TESTS))
CLIENT_BIN := $(addprefix $(BUILD)/tests/,$(CLIENT_TESTS))
FUZZ_BIN := $(addprefix $(BUILD)/tests/,$(FUZZ_TESTS))

$(STATIC_BIN): $(BUILD)/tests/%: tests/%.c $(BUILD)/libenf.a
	$(SAY) TEST $*
	@mkdir -p $(@D)
	$(Q)$(CC) $(ENF_CFLAGS) $(TEST_CFLAGS) $(DEPS_OF) $(LDFLAGS) -o $@ $< $(BUILD)/libenf.a \
	  $(CHECK_LIBS) $(PRIVATE_LIBS)

$(CLIENT_BIN): $(BUILD)/tests/%: tests/%.c $(SO_LINKS)
	$(SAY) TEST $*
	@mkdir -p $(@D)
	$(Q)$(CC) $(CLIENT_CFLAGS) $(TEST_CFLAGS) $(DEPS_OF) $(LDFLAGS) -o $@ $< $(LINK_CLIENT) \
	  $(CHECK_LIBS) -lm -pthread

# A fuzz target is replayed over its corpus here; `make fuzz` lets libFuzzer look for more.
$(FUZZ_BIN): $(BUILD)/tests/%: tests/%.c tests/fuzz/replay.c $(wildcard tests/fuzz/*.h) $(BUILD)/libenf.a
	$(SAY) TEST $*
	@mkdir -p $(@D)
	$(Q)$(CC) $(ENF_CFLAGS) $(LDFLAGS) -o $@ $< tests/fuzz/replay.c $(BUILD)/libenf.a $(PRIVATE_LIBS)

$(BUILD)/examples/%: examples/%.c $(SO_LINKS)
	$(SAY) EXAMPLE $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(EXAMPLE_CFLAGS) $(DEPS_OF) $(LDFLAGS) -o $@ $< $(LINK_CLIENT) -lm

$(BUILD)/examples/%: examples/%.cpp $(SO_LINKS)
	$(SAY) EXAMPLE $@
	@mkdir -p $(@D)
	$(Q)$(CXX) $(EXAMPLE_CXXFLAGS) $(DEPS_OF) $(LDFLAGS) -o $@ $< $(LINK_CLIENT)

$(BUILD)/examples/%: examples/%.f90 $(FORTRAN_MODULE) $(SO_LINKS)
	$(SAY) EXAMPLE $@
	@mkdir -p $(@D)
	$(Q)$(FC) -std=f2008 -Wall -O2 -J$(@D) -o $@ $(FORTRAN_MODULE) $< $(LINK_CLIENT)

# tests/run.sh runs one item, keeps its output in a log and leaves a result; here they are counted.
RUN = @BUILD='$(BUILD)' ENF='$(abspath $(BUILD)/enf)' CC='$(CC)' CXX='$(CXX)' \
      WRAPPER='$(WRAPPER)' sh tests/run.sh $(BUILD)/results/$* $*
$(BUILD)/results/%.sh: tests/%.sh FORCE | all $(BUILD)/gen_options $(BUILD)/enf-bench
	@BUILD='$(BUILD)' ENF='$(abspath $(BUILD)/enf)' CC='$(CC)' CXX='$(CXX)' FC='$(FC)' MAKE='$(MAKE)' \
	  sh tests/run.sh $(BUILD)/results/$*.sh $*.sh bash tests/$*.sh
$(BUILD)/results/fuzz/%: $(BUILD)/tests/fuzz/% FORCE
	@WRAPPER='$(WRAPPER)' sh tests/run.sh $@ fuzz/$* $< $(wildcard tests/fuzz/corpus/$(*:fuzz_%=%)/*)
# Examples share a directory: the first trains the flow that the others load.
$(BUILD)/results/examples/%: $(BUILD)/examples/% FORCE
	@mkdir -p $(@D)/files
	@RUN_IN=$(@D)/files sh tests/run.sh $@ examples/$* $(abspath $<)
$(addprefix $(BUILD)/results/,$(filter-out examples/train,$(EXAMPLES))): | $(BUILD)/results/examples/train
$(BUILD)/results/%: $(BUILD)/tests/% FORCE
	$(RUN) $<

# Items run side by side; one that cannot be built counts as failed, the others still run.
SIDE_BY_SIDE = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(JOBS))
define run_items
@rm -rf $(BUILD)/results
+@$(MAKE) $(if $(Q),-s) --no-print-directory -k $(SIDE_BY_SIDE) $(addprefix $(BUILD)/results/,$(1)) || true
@passed=0; failed=; for item in $(1); do \
  if [ "$$(cat $(BUILD)/results/$$item 2>/dev/null)" = pass ]; then passed=$$((passed + 1)); \
  else failed="$$failed $$item"; fi; done; \
for item in $$failed; do echo "FAILED $$item (log: $(BUILD)/results/$$item.log)"; done; \
set -- $$failed; echo "$$passed passed, $$# failed"; [ $$# -eq 0 ] && [ $$passed -gt 0 ]
endef

check: deps-first
	+@$(MAKE) --no-print-directory check-items
check-items: FORCE
	@[ -n '$(FC)' ] || echo '  skipped: examples/fortran (gfortran is not installed)'
	@[ -n '$(WITH_BLAS)' ] || echo '  skipped: unit/test_gemm (built with BLAS=none; make check-blas has it)'
	$(call run_items,$(ITEMS))
check-instrumented: FORCE
	$(call run_items,$(INSTRUMENTED))
check-long: FORCE
	$(call run_items,$(LONG_TESTS))

check-asan check-ubsan check-tsan: check-%:
	+@$(MAKE) --no-print-directory check-instrumented BUILD=$(BUILD)/$* LDFLAGS='$(SANITIZE_$*)' \
	  CFLAGS='-O1 -g -fno-omit-frame-pointer $(SANITIZE_$*)'
SANITIZE_asan = -fsanitize=address
SANITIZE_ubsan = -fsanitize=undefined -fno-sanitize-recover=all
SANITIZE_tsan = -fsanitize=thread
check-valgrind:
	+@CK_FORK=no $(MAKE) --no-print-directory check-instrumented BUILD=$(BUILD)/valgrind \
	  CFLAGS='-O1 -g' WRAPPER='valgrind -q --error-exitcode=99 --leak-check=full'

# The kernels with a BLAS inside, where the library is built without: what calls them.
check-blas:
	+@$(MAKE) --no-print-directory check-with-blas BUILD=$(BUILD)/blas BLAS=$(or $(WITH_BLAS),openblas)
check-with-blas: FORCE
	$(call run_items,$(filter unit/test_gemm% unit/test_kernels% unit/test_context laws/test_field_laws,$(STATIC_TESTS)))

# On a processor with AVX2 only, through SIMDe (libsimde-dev): the kernels, the laws that reach them and
# the recorded outputs.
EMULATED := $(filter unit/test_kernels% unit/test_gemm% unit/test_equivariant% golden/% laws/%,$(STATIC_TESTS))
check-avx512:
	+@if echo '#include <simde/x86/avx512.h>' | $(CC) -E - >/dev/null 2>&1; then \
	  $(MAKE) --no-print-directory check-emulated BUILD=$(BUILD)/avx512 EMULATE=1; \
	else echo '  skipped: check-avx512 (SIMDe, libsimde-dev, is not installed)'; fi
check-emulated: FORCE
	$(call run_items,$(EMULATED))

# make fuzz FUZZ=fuzz_npy FUZZ_SECONDS=600
FUZZ_SECONDS ?= 60
FUZZ ?= $(notdir $(firstword $(FUZZ_TESTS)))
# The kernels of other instruction sets come from the library as it is.
fuzz: $(BUILD)/libenf.a
	@mkdir -p $(BUILD)/fuzz tests/fuzz/corpus/$(FUZZ:fuzz_%=%)
	clang $(ENF_CFLAGS) -fsanitize=fuzzer,address,undefined -o $(BUILD)/fuzz/$(FUZZ) \
	  tests/fuzz/$(FUZZ).c $(filter-out lib/math/avx%,$(LIB_SRC)) $(BUILD)/libenf.a $(PRIVATE_LIBS)
	$(BUILD)/fuzz/$(FUZZ) -max_total_time=$(FUZZ_SECONDS) tests/fuzz/corpus/$(FUZZ:fuzz_%=%)

# The recorded ABI: any difference fails `make check` until this, the map, the pins and CHANGELOG.md
# change together.
abi-baseline:
	CC='$(CC)' sh tests/abi/declarations.sh >tests/abi/declarations

# ---- demo, bench ---------------------------------------------------------------------------------

demo: deps-first
	+@$(MAKE) --no-print-directory $(SIDE_BY_SIDE) all
	@ENF='$(BUILD)/enf' sh examples/demo.sh $(BUILD)/demo
demo-molecule: deps-first
	+@$(MAKE) --no-print-directory $(SIDE_BY_SIDE) all
	@ENF='$(BUILD)/enf' CC='$(CC)' CFLAGS=-Iinclude LIBS='$(BUILD)/libenf.a $(PRIVATE_LIBS)' \
	  sh examples/molecule.sh $(BUILD)/molecule

# The tables of docs/results.md: hours of training; stopped, they go on. TRAIN=FILE, TEST=FILE: other rows.
reproduce-dw4 reproduce-lj13 reproduce-lj55: reproduce-%: deps-first
	+@$(MAKE) --no-print-directory $(SIDE_BY_SIDE) all
	@ENF='$(BUILD)/enf' bash bench/reproduce.sh $* $(BUILD)/reproduce-$*

reproduce-internal: deps-first
	+@$(MAKE) --no-print-directory $(SIDE_BY_SIDE) all
	@ENF='$(BUILD)/enf' CC='$(CC)' CFLAGS=-Iinclude LIBS='$(BUILD)/libenf.a $(PRIVATE_LIBS)' \
	  bash bench/internal.sh $(BUILD)/reproduce-internal

reproduce-families: deps-first
	+@$(MAKE) --no-print-directory $(SIDE_BY_SIDE) all $(BUILD)/enf-bench
	@ENF='$(BUILD)/enf' BENCH='$(BUILD)/enf-bench' CC='$(CC)' CFLAGS=-Iinclude LIBS='$(BUILD)/libenf.a $(PRIVATE_LIBS)' \
	  bash bench/families.sh $(BUILD)/reproduce-families $(ROWS)

# QM9=FOLDER: train_n_atoms.npy ..., see bench/qm9.sh.
reproduce-qm9: deps-first
	+@$(MAKE) --no-print-directory $(SIDE_BY_SIDE) all
	@ENF='$(BUILD)/enf' CC='$(CC)' CFLAGS=-Iinclude LIBS='$(BUILD)/libenf.a $(PRIVATE_LIBS)' \
	  bash bench/qm9.sh $(BUILD)/reproduce-qm9 $(ROWS)

reproduce-gauge: deps-first
	+@$(MAKE) --no-print-directory $(SIDE_BY_SIDE) all $(BUILD)/examples/topology/topology
	@ENF='$(BUILD)/enf' TOPOLOGY='$(BUILD)/examples/topology/topology' bash bench/gauge.sh $(BUILD)/reproduce-gauge

$(BUILD)/enf-bench: $(BENCH_OBJ) $(BUILD)/libenf.a
	$(SAY) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(BENCH_OBJ) $(BUILD)/libenf.a $(PRIVATE_LIBS) $(YARDSTICK_LIBS)
bench: $(BUILD)/enf-bench
	$< $(BENCH_ARGS)

# ---- what is needed to build and test ------------------------------------------------------------

deps:
	@sh .ci/deps install
# Root (a container, CI) installs what is missing; anyone else is told the command.
deps-first:
	@sh .ci/deps $(if $(filter 0,$(DEPS)),none,$(if $(filter 1,$(DEPS)),install,auto))

# ---- documents made from the source --------------------------------------------------------------

docs: docs/options.md man
docs/options.md: $(BUILD)/gen_options
	$(SAY) DOCS $@
	$(Q)$< > $@
$(BUILD)/gen_options: docs/gen_options.c $(BUILD)/libenf.a
	$(Q)$(CC) $(CLIENT_CFLAGS) $(LDFLAGS) -o $@ $< $(BUILD)/libenf.a $(PRIVATE_LIBS)

# ---- Python --------------------------------------------------------------------------------------

# The wheel has the library inside, built without a BLAS: python/wheel.py.
PYTHON ?= python3
WHEEL_BUILD := $(if $(WITH_BLAS),$(BUILD)/python,$(BUILD))
wheel:
	+@$(MAKE) --no-print-directory BUILD=$(WHEEL_BUILD) BLAS=none $(WHEEL_BUILD)/$(SO)
	@mkdir -p $(BUILD)/wheel
	$(Q)strip --strip-unneeded -o $(BUILD)/wheel/$(SONAME) $(WHEEL_BUILD)/$(SO)
	$(Q)$(PYTHON) python/wheel.py $(BUILD)/wheel/$(SONAME) $(VERSION) $(BUILD)/wheel
check-python: wheel
	@PYTHON='$(PYTHON)' bash tests/project/python.sh $(BUILD)/wheel

# ---- hosts ---------------------------------------------------------------------------------------

# examples/hosts inside the codes they are for; what is not installed is skipped with a message.
HOSTS := lammps openmm xtb ase ipi trajectories
$(HOSTS:%=check-%): check-%: all wheel
	@echo '== $*'
	@BUILD='$(BUILD)' CC='$(CC)' PYTHON='$(PYTHON)' bash tests/project/hosts.sh $*
# The tool under mpirun, beside the one without.
$(BUILD)/mpi/enf: src/ranks.c $(TOOL_OBJ) $(BUILD)/libenf.a
	$(SAY) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CLIENT_CFLAGS) $(MPI_CFLAGS) $(LDFLAGS) -o $@ $< $(filter-out %/ranks.o,$(TOOL_OBJ)) $(BUILD)/libenf.a \
	  $(PRIVATE_LIBS) $(MPI_LIBS) -ldl
check-mpi:
	@echo '== mpi'
	+@if command -v mpirun >/dev/null && [ -n '$(MPI_NAME)' ]; then \
	  $(MAKE) --no-print-directory $(BUILD)/mpi/enf && CC='$(CC)' MPI='$(MPI_NAME)' bash tests/project/mpi.sh $(BUILD)/mpi/enf $(BUILD)/libenf.a; \
	else echo '  skipped: check-mpi (pkg-config finds no ompi-c and no mpich, or there is no mpirun)'; fi
# Installs what it can (root only); one after the other, since they share an environment of Python.
check-hosts: deps-hosts all wheel
	+@$(MAKE) --no-print-directory -j1 -k $(HOSTS:%=check-%) check-python check-mpi
deps-hosts: deps-first
	@sh .ci/deps hosts

# ---- install -------------------------------------------------------------------------------------

# Paths may have spaces, so they are quoted for the shell and never words of a list.
IN = $(DESTDIR)$(1)
# enf.pc and the two files for CMake, from *.in.
empty :=
FILL = sed -e 's|@prefix@|$(prefix)|' -e 's|@exec_prefix@|$(exec_prefix)|' -e 's|@libdir@|$(libdir)|' \
  -e 's|@includedir@|$(includedir)|' -e 's|@VERSION@|$(VERSION)|' -e 's|@SOVERSION@|$(SOVERSION)|' \
  -e 's|@PRIVATE_LIBS@|$(1)|'
EXAMPLE_FILES := $(wildcard examples/*.* examples/*/*.*)
CMAKE_FILES := enf-config.cmake enf-config-version.cmake

install: all
	$(SAY) INSTALL '$(DESTDIR)$(prefix)'
	$(Q)$(INSTALL) -d '$(call IN,$(includedir))/enf' '$(call IN,$(libdir))' '$(call IN,$(pkgconfigdir))' \
	  '$(call IN,$(cmakedir))' '$(call IN,$(bindir))' '$(call IN,$(mandir))/man1' '$(call IN,$(mandir))/man3'
	$(Q)$(INSTALL) -m 644 $(HEADERS) $(CXX_HEADER) $(FORTRAN_MODULE) '$(call IN,$(includedir))/enf'
	$(Q)$(INSTALL) -m 644 $(BUILD)/libenf.a '$(call IN,$(libdir))'
	$(Q)$(INSTALL) -m 755 $(BUILD)/$(SO) '$(call IN,$(libdir))'
	$(Q)ln -sf $(SO) '$(call IN,$(libdir))/$(SONAME)'
	$(Q)ln -sf $(SONAME) '$(call IN,$(libdir))/libenf.so'
	$(Q)$(call FILL,$(PRIVATE_LIBS)) enf.pc.in > '$(call IN,$(pkgconfigdir))/enf.pc'
	$(Q)for file in $(CMAKE_FILES); do \
	  $(call FILL,$(subst $(empty) ,;,$(PRIVATE_LIBS))) $$file.in > '$(call IN,$(cmakedir))'/$$file; done
	$(Q)chmod 644 '$(call IN,$(pkgconfigdir))/enf.pc' '$(call IN,$(cmakedir))'/*.cmake
	$(Q)$(if $(TOOL_SRC),$(INSTALL) -m 755 $(BUILD)/enf '$(call IN,$(bindir))',:)
	$(Q)for s in 1 3; do for page in $(BUILD)/man/man$$s/*.$$s; do [ ! -e $$page ] || \
	  $(INSTALL) -m 644 $$page '$(call IN,$(mandir))'/man$$s; done; done
	$(Q)for file in README.md CHANGELOG.md LICENSE $(wildcard docs/*.md) $(EXAMPLE_FILES); do \
	  $(INSTALL) -d '$(call IN,$(docdir))'/$$(dirname $$file) && $(INSTALL) -m 644 $$file '$(call IN,$(docdir))'/$$file; done

uninstall: man
	$(SAY) REMOVE '$(DESTDIR)$(prefix)'
	$(Q)for file in $(notdir $(HEADERS) $(CXX_HEADER) $(FORTRAN_MODULE)); do rm -f '$(call IN,$(includedir))'/enf/$$file; done
	$(Q)for file in libenf.a libenf.so $(SONAME) $(SO); do rm -f '$(call IN,$(libdir))'/$$file; done
	$(Q)for file in $(CMAKE_FILES); do rm -f '$(call IN,$(cmakedir))'/$$file; done
	$(Q)rm -f '$(call IN,$(pkgconfigdir))/enf.pc' '$(call IN,$(bindir))/enf'
	$(Q)for s in 1 3; do for page in $(BUILD)/man/man$$s/*.$$s; do \
	  rm -f '$(call IN,$(mandir))'/man$$s/$${page##*/}; done; done
	$(Q)for file in README.md CHANGELOG.md LICENSE $(wildcard docs/*.md) $(EXAMPLE_FILES); do rm -f '$(call IN,$(docdir))'/$$file; done
	$(Q)find '$(call IN,$(docdir))' -depth -type d -empty -delete 2>/dev/null || true
	$(Q)rmdir '$(call IN,$(includedir))/enf' '$(call IN,$(cmakedir))' 2>/dev/null || true

installcheck: all
	+@MAKE='$(MAKE)' CC='$(CC)' bash tests/project/installcheck.sh

clean:
	rm -rf $(BUILD)

format:
	clang-format -i $(wildcard include/enf/*.h lib/*/*.[ch] lib/*/*/*.[ch] src/*.[ch] bench/*.[ch] \
	  examples/*.c examples/*.cpp docs/*.c tests/*.h tests/*/*.[ch])

help:
	@echo 'make                 $(BUILD)/libenf.a, libenf.so, enf'
	@echo 'make check           all quick tests, under 90 seconds on two cores'
	@echo 'make demo            from an energy to reweighted samples, under three minutes'
	@echo 'make install         prefix=DIR (now $(prefix)), DESTDIR; make uninstall, installcheck'
	@echo 'make deps            install what is missing (apt-get, dnf, brew)'
	@echo 'make bench           speed and memory beside the machine'
	@echo 'make reproduce-dw4 reproduce-lj13 reproduce-lj55 reproduce-internal reproduce-families reproduce-qm9   the tables of docs/results.md, in hours'
	@echo 'make reproduce-gauge    those of gauge fields and matrices, in a quarter of an hour'
	@echo 'make check-asan check-ubsan check-tsan check-valgrind check-avx512 check-blas check-long fuzz'
	@echo 'make wheel           the Python package with the library inside;  make check-python tests it'
	@echo 'make check-hosts     examples/hosts: $(HOSTS), and the tool under mpirun, as far as they can be installed'
	@echo 'make abi-baseline    record what the headers declare;  make docs, format, clean'
	@echo 'BLAS=none|openblas|blas   MPI=1 (the tool under mpirun)   CC=  CFLAGS=  BUILD=  JOBS=  V=1  WERROR=1'

-include $(LIB_OBJ:.o=.d) $(TOOL_OBJ:.o=.d) $(BENCH_OBJ:.o=.d)
-include $(addsuffix .d,$(STATIC_BIN) $(CLIENT_BIN) $(addprefix $(BUILD)/,$(EXAMPLES)))
FORCE:
.SECONDARY:
.PHONY: all man docs check check-asan check-ubsan check-tsan check-valgrind check-avx512 check-blas check-long fuzz \
  $(HOSTS:%=check-%) check-hosts check-mpi deps-hosts wheel check-python abi-baseline demo demo-molecule reproduce-dw4 reproduce-lj13 reproduce-lj55 \
  reproduce-internal reproduce-families reproduce-gauge reproduce-qm9 bench deps deps-first install uninstall installcheck clean format help FORCE
