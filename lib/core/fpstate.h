/* fpstate.h -- numbers below the smallest normal one count as zero while a task runs, and no
   floating-point exception traps there, nor anywhere else that numbers may not be finite.

   Gates and activations of a network fall off exponentially: of particles far apart they are below
   1e-38, and so is all that is multiplied by them on the way back. Arithmetic on such denormal
   numbers costs some Intel processors over a hundred cycles an instruction: training LJ55 took
   seven to eleven times as long. What is lost is below the rounding of everything it is added to.

   A host that traps invalid operations (gfortran -ffpe-trap) would be killed by the first sample
   that is not finite, which is to be a status. On a worker nothing traps anyway.

   The floating-point state belongs to the host: it is never changed during a callback, and no
   other bit of it is. Processors without such switches compute as they do. */
#ifndef ENF__FPSTATE_H
#define ENF__FPSTATE_H

#include <stdint.h>

#if defined __SSE2__
#include <xmmintrin.h>
/* Bits FZ (results) and DAZ (operands) of MXCSR, and the masks of all exceptions. */
enum { ENF__FP_MASKS = 0x1f80, ENF__FP_BITS = 0x8040 | ENF__FP_MASKS };
static inline uint64_t enf__fp_state(void) { return _mm_getcsr(); }
static inline void enf__fp_set(uint64_t state) { _mm_setcsr((unsigned)state); }
#elif defined __aarch64__
/* Bit FZ of FPCR. */
enum { ENF__FP_MASKS = 0, ENF__FP_BITS = 1 << 24 };
static inline uint64_t enf__fp_state(void) {
  uint64_t state;
  __asm__ volatile("mrs %0, fpcr" : "=r"(state));
  return state;
}
static inline void enf__fp_set(uint64_t state) { __asm__ volatile("msr fpcr, %0" : : "r"(state)); }
#else
enum { ENF__FP_MASKS = 0, ENF__FP_BITS = 0 };
static inline uint64_t enf__fp_state(void) { return 0; }
static inline void enf__fp_set(uint64_t state) { (void)state; }
#endif

/* Sets bits; returns the state before. */
static inline uint64_t enf__fp_add(uint64_t bits) {
  const uint64_t before = enf__fp_state();
  enf__fp_set(before | bits);
  return before;
}

static inline void enf__fp_restore(uint64_t before, uint64_t bits) {
  enf__fp_set((enf__fp_state() & ~bits) | (before & bits));
}

/* Returns what enf__fp_end wants. */
static inline uint64_t enf__fp_begin(void) { return enf__fp_add(ENF__FP_BITS); }

/* Flags that computing has raised since stay. */
static inline void enf__fp_end(uint64_t before) { enf__fp_restore(before, ENF__FP_BITS); }

static inline void enf__traps_restore(const uint64_t *before) {
  enf__fp_restore(*before, ENF__FP_MASKS);
}

/* The first declaration of a function outside tasks that may meet numbers that are not finite, and
   calls nothing of the host: until it returns, nothing traps. */
#define ENF__NO_TRAPS                                                                              \
  __attribute__((cleanup(enf__traps_restore))) const uint64_t enf__traps =                         \
      enf__fp_add(ENF__FP_MASKS)

#endif
