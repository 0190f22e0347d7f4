/* kernels_impl.h -- the one source of the fields' kernel tables; each file in baseline/, avx2/,
   avx512/ and blas/ names its table, ENF__FIELD_TABLE(suffix), and includes it, and is compiled for
   its instruction set, once per precision. Contracts are in kernels_table.h. */
#include "field/kernels.h"
#include "math/elementwise.h"
#include "math/tile.h"

#if ENF__DOUBLE
#define KERNEL(name) enf__field_##name##_f64
#else
#define KERNEL(name) enf__field_##name##_f32
#endif

#ifndef ENF__TABLE /* with math/kernels_impl.h it is there */
ELEMENTWISE(each_sigmoid, vec_sigmoid)
#endif

#include "field/kernels_edges.h"
#include "field/kernels_expansion.h"
#include "field/kernels_pair.h"
#include "field/kernels_tangents.h"

#if ENF__DOUBLE
const enf__field_kernels_f64 ENF__FIELD_TABLE(f64) = {
#else
const enf__field_kernels_f32 ENF__FIELD_TABLE(f32) = {
#endif
    .edge_input = edge_input,
    .message = message,
    .coordinate = coordinate,
    .coordinate_grad = coordinate_grad,
    .message_grad = message_grad,
    .edge_grad = edge_grad,
    .edge_scatter = edge_scatter,
    .tangent_input = tangent_input,
    .sloped = sloped,
    .tangent_message = tangent_message,
    .message_matrix = message_matrix,
    .spread = spread,
    .difference = difference,
    .add_scaled = add_scaled,
    .move_tangent = move_tangent,
    .pair_input = pair_input,
    .pair_message = pair_message,
    .pair_coordinate = pair_coordinate,
    .pair_coordinate_grad = pair_coordinate_grad,
    .pair_message_grad = pair_message_grad,
    .pair_slope = pair_slope,
    .pair_silu = pair_silu,
    .basis = basis,
    .expansion = expansion,
    .expansion_grad = expansion_grad,
};
