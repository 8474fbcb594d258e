// Registers every family of one ISA level; table.cpp calls this once per level.
#include "families.h"

namespace gemmule::GEMMULE_ISA {

void register_all(Table& table, bool doubles) {
  register_gemm(table, doubles);
  register_dense(table, doubles);
  register_conv2d(table, doubles);
  register_conv2d_backward(table, doubles);
  register_depthwise(table, doubles);
  register_pool(table, doubles);
  register_norm(table, doubles);
  register_resize(table, doubles);
  register_augment(table, doubles);
  register_elementwise(table, doubles);
  register_activation(table, doubles);
  register_reduce(table, doubles);
  register_softmax(table, doubles);
  register_loss(table, doubles);
  register_dropout(table, doubles);
  register_random(table, doubles);
  register_reshaping(table, doubles);
  register_gather(table, doubles);
  register_update(table, doubles);
  register_state(table, doubles);
}

}  // namespace gemmule::GEMMULE_ISA
