/* enf/molecule.h -- one molecule's bonds, the kinds of its atoms and its hand; the distances, angles
   and dihedrals that bonds give. */
#ifndef ENF_MOLECULE_H
#define ENF_MOLECULE_H

#include <enf/flow.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/** enf_element_number: atomic number of the element of this symbol ("C", "Cl"); -1: there is none.
 *
 * Since 0.1.
 */
int32_t enf_element_number(const char *symbol);

/**
 * enf_bonds_from_frame: which atoms of one configuration are bonded.
 *
 * Those nearer than 1.3 times the sum of their covalent radii (Cordero et al. 2008, Dalton Trans.
 * 2832). Right for organic molecules near equilibrium; look at the result for metals, excited
 * states and strained frames. No periodic cell.
 *
 * In:   element   (N) atomic numbers, 1 to 96
 *       x         (N,3)
 *       angstrom  the length unit of x in angstrom: 1, or 10 for nm, 0.529177 for bohr
 *       most      rows of bond
 * Out:  bond   (most,2) the first of the bonds, i < j, in rising order; may be NULL for most = 0
 *       bonds  how many there are, also where that is more than most
 * Cost: O(N^2). Statuses: ARG, RANGE (an element, a unit), NONFINITE. Since 0.1.
 */
enf_status enf_bonds_from_frame(enf_ctx *ctx, size_t N, const int32_t *element, const double *x,
                                double angstrom, size_t most, size_t (*bond)[2], size_t *bonds);

/* What the lengths of a small organic molecule's bonds say. Grows at the end only. */
typedef struct {
  size_t struct_size;
  size_t bonds;
  size_t stable_atoms;  /* orders of their bonds sum to the valence, H 1, C 4, N 3, O 2, F 1 */
  size_t crowded_atoms; /* to more than that */
  size_t pieces;        /* connected parts */
  uint64_t hash;        /* of the graph with elements and bond orders; not of the order of atoms */
} enf_molecule_facts;

#define ENF_MOLECULE_FACTS_INIT                                                                    \
  { sizeof(enf_molecule_facts), 0, 0, 0, 0, 0 }

/**
 * enf_molecule_check: bond orders of a molecule of H, C, N, O and F by its distances, and whether
 * its atoms have their valences: the stability of atoms and molecules of the literature on QM9.
 *
 * A molecule is stable if all its atoms are. Lengths decide, not electrons: of QM9 itself 99.4 % of
 * the atoms and 95.3 % of the molecules are stable. The hash is that of Weisfeiler and Lehman's
 * colours: equal for equal graphs, and nearly always different for different ones (of graphs that
 * the colours cannot tell apart, such as two rings of one size and one of twice that, it is equal).
 * In:   element   (N) atomic numbers
 *       x         (N,3)
 *       angstrom  the length unit of x in angstrom
 * Out:  order  (N,N) bond orders 0 to 3, symmetric; NULL if not wanted
 *       out    begins with its struct_size (ENF_MOLECULE_FACTS_INIT)
 * Cost: O(N^2), for the hash N times the neighbours. Threads: ctx not shared.
 * Statuses: ARG, SHAPE (no atoms), RANGE (another element, a unit), NONFINITE, NOMEM.
 * Source: Satorras et al. 2021, arXiv:2105.09016; Hoogeboom et al. 2022, arXiv:2203.17003.
 * Since 0.1.
 */
enf_status enf_molecule_check(enf_ctx *ctx, size_t N, const int32_t *element, const double *x,
                              double angstrom, int32_t *order, enf_molecule_facts *out);

/**
 * enf_zmatrix_from_bonds: a Z-matrix for the molecule with these bonds, as text for model.zmatrix.
 *
 * The root is three heavy atoms in the middle, every other atom is placed by its bond, an angle and
 * a dihedral; rings are cut at one bond. A dihedral is a torsion (t) or, where another atom bonded
 * to the same one is its reference, an improper (i). docs/math.md tells the rule. Frames, if there
 * are any, make a torsion that is nearly constant (|mean e^{iP}| >= 0.9: rings, double bonds,
 * peptides' omega) an improper, unless it is about a bond to keep; and send angles within 10
 * degrees of 0 or 180 to other references.
 *
 * In:   element  (N) atomic numbers; NULL: atoms with one bond count as hydrogens
 *       bond     (bonds,2) numbers of atoms from 0, in any order
 *       x        (n,N,3) frames in any unit, not torn by a periodic cell; NULL for n = 0
 *       kept     (keep,2) bonds whose torsion stays one; NULL for keep = 0
 *       size     bytes of text; 24 N are enough for N <= 10000
 * Out:  text  "6 8 14; 4 6 8 14 t; ...": the root, then a row for every other atom
 * Cost: O(N^2 + n N). Threads: ctx not shared.
 * Statuses: ARG, OPTION (N < 3; a bond that is none or there twice, atoms apart from the others, a
 * linear angle that no references avoid, a bond to keep without a torsion: all with the atoms'
 * numbers), RANGE (text is too short), NOMEM. Since 0.1.
 */
enf_status enf_zmatrix_from_bonds(enf_ctx *ctx, size_t N, const int32_t *element, size_t bonds,
                                  const size_t (*bond)[2], size_t n, const double *x, size_t keep,
                                  const size_t (*kept)[2], size_t size, char *text);

/**
 * enf_internal: internal coordinates of molecules, in the order of the flow's model.zmatrix.
 *
 * In:   x  (n,N,3) from any origin, turned anyhow
 * Out:  q             (n,3N-6) N-1 distances, N-2 angles, N-3 dihedrals, each in the order of the
 *                     rows; radians, dihedrals in (-pi,pi] with IUPAC's sign
 *       log_jacobian  (n) log of the product of r^2 of all distances and sin T of all angles; NULL
 *                     if not wanted
 *
 * A sample that has none is NaN, the others are right, and the status is that of the first such
 * sample, with the atoms' numbers: NONFINITE, RANGE (atoms in one place or on a line).
 *
 * Cost: a microsecond for 22 atoms. Threads: flow may be shared; ctx not.
 * Statuses: ARG, UNSUPPORTED (not of model.space molecule), NONFINITE, RANGE. Since 0.1.
 */
enf_status enf_internal(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x, double *q,
                        double *log_jacobian);

/**
 * enf_cartesian: molecules with these internal coordinates, the inverse of enf_internal.
 *
 * In:   q  (n,3N-6), dihedrals of any size
 * Out:  x  (n,N,3), mean-free and unturned: from the root's first atom its second lies along x, and
 *          the third has y above 0 in the plane z = 0
 * A sample that fails is NaN, as above: a distance that is not above 0, an angle outside (0,pi).
 * Statuses: ARG, UNSUPPORTED, NONFINITE, RANGE. Since 0.1.
 */
enf_status enf_cartesian(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *q, double *x);

/**
 * enf_at_temperature: a flow of many temperatures at one of them.
 *
 * A flow of model.space molecule with model.temperatures "coldest hottest" has one density for each
 * reduced temperature T between, of the target exp(-u/T): 1 is the temperature of the energies u. A
 * new flow is at T = 1. What this makes is a flow like any other, whose file says T
 * (model.temperature, enf_get_real "temperature"): weigh its samples by u/T, and log Z is that of T.
 * Out:  at  a copy of flow at T; NULL on failure; the caller destroys it
 * Cost: a copy of the weights. Statuses: ARG, UNSUPPORTED (a flow of one temperature), RANGE (T is
 * not between coldest and hottest), NOMEM. Since 0.1.
 */
enf_status enf_at_temperature(enf_ctx *ctx, enf_flow **at, const enf_flow *flow,
                              double temperature);

/**
 * enf_dihedrals: torsions of four atoms each, in (-pi,pi] with IUPAC's sign.
 *
 * In:   x     (n,N,3)
 *       atom  (count,4) from 0, four different ones each
 * Out:  out   (n,count); NaN where it is not defined: three atoms on a line, not finite
 * Cost: O(n count). Statuses: ARG, RANGE (an atom that is not there, or twice in one). Since 0.1.
 */
enf_status enf_dihedrals(enf_ctx *ctx, size_t n, size_t N, const double *x, size_t count,
                         const int32_t (*atom)[4], double *out);

/**
 * enf_kinds_from_bonds: kinds of atoms (model.species) by the molecule's bonds: alike are atoms that
 * may change places without a bond being broken.
 *
 * These are leaves, atoms bonded to one other, of one element on one atom: the three hydrogens of a
 * methyl, never a hydrogen of the methyl and another's. Kinds that are coarser than this (the
 * elements) let a flow exchange atoms that dynamics never exchanges: log q is the same then, the
 * energy thousands of kT higher.
 *
 * In:   element  (N) atomic numbers
 *       bond     (bonds,2) numbers of atoms from 0, in any order; one may be there twice
 * Out:  kind     (N) from 0, in the order of their first atoms
 * Cost: O(N (N + bonds)). Statuses: ARG, RANGE (an atom that is not there or is bonded to itself; an
 * element below 1; N beyond 2^31). Since 0.1.
 */
enf_status enf_kinds_from_bonds(enf_ctx *ctx, size_t N, const int32_t *element, size_t bonds,
                                const size_t (*bond)[2], int32_t *kind);

/**
 * enf_chirality: the hands of stereocentres.
 *
 * A centre is four atoms c, a, b, d, the middle one first; its hand is the sign of the volume
 * (a - c) . ((b - c) x (d - c)). With c = CA and a, b, d = N, C, CB it is +1 in L amino acids. A
 * mirror image has all hands turned round.
 *
 * In:   x       (n,N,3)
 *       centre  (centres,4) atoms from 0, four different ones each
 * Out:  hand    (n,centres) +1 or -1; 0 where the four lie in a plane (a volume below 1e-6 of the
 *               product of the three lengths) or are not finite
 * Cost: O(n centres). Statuses: ARG, RANGE (an atom that is not there, or twice in one). Since 0.1.
 */
enf_status enf_chirality(enf_ctx *ctx, size_t n, size_t N, const double *x, size_t centres,
                         const size_t (*centre)[4], int *hand);

/**
 * enf_reflect: samples of a flow that does not know left from right become samples of one hand.
 *
 * Densities of particles are the same for mirror images, so half of the samples of a chiral molecule
 * are of the wrong hand. A sample whose every centre has the other hand is mirrored, x -> -x; one
 * whose every centre has the wanted hand stays. On these configurations the density of both is twice
 * the flow's: log 2 is added to their logp. Where hands are mixed neither helps: such a sample is
 * another molecule, x and logp stay, and its weight is 0 (u = +infinity) for the caller to set.
 * Rows of data that have the wanted hand get their log 2 by the same call. Not for flows of
 * model.space molecule, which know their hand.
 *
 * In:      centre  (centres,4) as in enf_chirality, one centre at least
 *          wanted  (centres) +1 or -1 each
 * In/out:  x       (n,N,3)
 *          logp    (n), or NULL
 * Out:     state   (n) 1 kept, -1 mirrored, 0 neither: mixed hands, a flat centre, not finite
 * Cost: O(n (N + centres)). Statuses: ARG, RANGE (as above; a wanted hand that is none); then
 * nothing is changed. Since 0.1.
 */
enf_status enf_reflect(enf_ctx *ctx, size_t n, size_t N, double *x, double *logp, size_t centres,
                       const size_t (*centre)[4], const int *wanted, int *state);

/* How each of many frames goes with a flow's molecule. */
enum { ENF_FRAME_GOOD = 0, ENF_FRAME_BAD = 1, ENF_FRAME_BROKEN = 2, ENF_FRAME_OTHER_HAND = 3, ENF_FRAME_TURNED = 4 };

/* How frames go with a flow's molecule. Grows at the end only. */
typedef struct {
  size_t struct_size;
  double scale;  /* their distances over the flow's centres, geometric mean: 10 where they are in
                    angstrom and the flow in nm; NaN if all are bad */
  size_t bad;    /* frames without internal coordinates: not finite, atoms on one line */
  size_t broken; /* with a distance 3 times its centre, times scale, or a third of that */
  size_t other_hand;  /* mirror images, in whole or in part */
  size_t constrained; /* distances that are the same in all good frames, to .1 %; 0 for one frame */
  size_t turned; /* with a stiff dihedral more than 90 degrees from its centre, as a cis peptide bond
                    among trans ones */
} enf_frames;

#define ENF_FRAMES_INIT                                                                            \
  { sizeof(enf_frames), 0, 0, 0, 0, 0, 0 }

/**
 * enf_frames_compare: are frames of the molecule, the hand and the length unit of a flow?
 *
 * The centres of the flow are those of enf_prior_fit, which leaves out the broken ones, those of
 * the other hand and those with a stiff dihedral turned: a flow cannot learn from them. Where a distance is constrained the flow's density
 * is that of the molecule without the constraint, over a width of .1 %. A frame is of the other
 * hand if an improper P with centre m, |sin m| > 1/2, has sin P of the other sign.
 *
 * In:   x  (n,N,3)
 * Out:  verdict  (n) an ENF_FRAME_* for each; NULL if not wanted
 *       out      begins with its struct_size (ENF_FRAMES_INIT)
 * Cost: O(n N), a microsecond or two for 22 atoms. Threads: flow may be shared; ctx not.
 * Statuses: ARG, UNSUPPORTED (not of model.space molecule), STATE (the flow has no centres yet),
 * NOMEM. Since 0.1.
 */
enf_status enf_frames_compare(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x,
                              int32_t *verdict, enf_frames *out);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
