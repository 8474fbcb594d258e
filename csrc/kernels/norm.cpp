// Normalization.
#include "families.h"

namespace gemmule::GEMMULE_ISA {

void register_norm(Table& table, bool doubles) {
  (void)table;
  (void)doubles;
}

}  // namespace gemmule::GEMMULE_ISA
