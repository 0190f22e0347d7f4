/* fpstate.h -- the bits of the processor's floating-point state that libenf sets for a while: while
   a public function runs no exception traps (ENF__ENTRY in core.h), and while a task runs numbers
   below the smallest normal one count as zero.

   A host that traps invalid operations (gfortran -ffpe-trap, feenableexcept) would be killed by the
   first number that is not finite or does not fit, which is to be a status.

   Gates and activations of a network fall off exponentially: of particles far apart they are below
   1e-38, and so is all that is multiplied by them on the way back. Arithmetic on such denormal
   numbers costs some Intel processors over a hundred cycles an instruction: training LJ55 took
   seven to eleven times as long. What is lost is below the rounding of everything it is added to.

   The floating-point state belongs to the host: it is as the host set it during a callback and
   after the call, and no other bit of it is changed. Flags that computing has raised stay.
   Processors without such switches compute as they do. */
#ifndef ENF__FPSTATE_H
#define ENF__FPSTATE_H

#include <stdint.h>

/* ENF__FP_TRAPS are the bits that say which exceptions trap, ENF__FP_QUIET their values when none
   does; ENF__FP_FLUSH are the bits that flush denormal numbers. */
#if defined __SSE2__
#include <xmmintrin.h>
/* MXCSR: the exceptions' masks; FZ (results) and DAZ (operands). */
enum { ENF__FP_TRAPS = 0x1f80, ENF__FP_QUIET = 0x1f80, ENF__FP_FLUSH = 0x8040 };
static inline uint64_t enf__fp_state(void) { return _mm_getcsr(); }
static inline void enf__fp_set(uint64_t state) { _mm_setcsr((unsigned)state); }
#elif defined __aarch64__
/* FPCR: the exceptions' enables; FZ. */
enum { ENF__FP_TRAPS = 0x9f00, ENF__FP_QUIET = 0, ENF__FP_FLUSH = 1 << 24 };
static inline uint64_t enf__fp_state(void) {
  uint64_t state;
  __asm__ volatile("mrs %0, fpcr" : "=r"(state));
  return state;
}
static inline void enf__fp_set(uint64_t state) { __asm__ volatile("msr fpcr, %0" : : "r"(state)); }
#else
enum { ENF__FP_TRAPS = 0, ENF__FP_QUIET = 0, ENF__FP_FLUSH = 0 };
static inline uint64_t enf__fp_state(void) { return 0; }
static inline void enf__fp_set(uint64_t state) { (void)state; }
#endif

/* Gives these bits the values that they have in `state`; returns the whole state before. */
static inline uint64_t enf__fp_give(uint64_t bits, uint64_t state) {
  const uint64_t before = enf__fp_state();
  enf__fp_set((before & ~bits) | (state & bits));
  return before;
}

#endif
