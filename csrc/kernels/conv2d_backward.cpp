// Gradients of the 2-D convolution.
#include "families.h"

namespace gemmule::GEMMULE_ISA {

void register_conv2d_backward(Table& table, bool doubles) {
  (void)table;
  (void)doubles;
}

}  // namespace gemmule::GEMMULE_ISA
