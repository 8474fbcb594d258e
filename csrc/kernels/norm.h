// The parts of the norm family, each in a source of its own.
#pragma once
#include "kernel.h"

namespace gemmule::GEMMULE_ISA {

void add_layer_norm(Table& table);
void add_group_norm(Table& table);

}  // namespace gemmule::GEMMULE_ISA
