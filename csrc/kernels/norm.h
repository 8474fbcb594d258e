// The parts of the norm family, each in a source of its own.
#pragma once
#include "kernel.h"

namespace gemmule::GEMMULE_ISA {

void add_layer_norm(Table& table, bool doubles);
void add_group_norm(Table& table, bool doubles);

}  // namespace gemmule::GEMMULE_ISA
