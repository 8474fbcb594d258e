// Registers every family of one ISA level; table.cpp calls this once per level.
#include "families.h"

namespace gemmule::GEMMULE_ISA {

void register_all(Table& table) {
  register_gemm(table);
  register_dense(table);
  register_conv2d(table);
  register_conv2d_backward(table);
  register_depthwise(table);
  register_pool(table);
  register_norm(table);
  register_resize(table);
  register_augment(table);
  register_elementwise(table);
  register_elementwise_plain(table);
  register_activation(table);
  register_reduce(table);
  register_softmax(table);
  register_loss(table);
  register_dropout(table);
  register_random(table);
  register_reshaping(table);
  register_gather(table);
  register_elementary(table);
  register_sort(table);
  register_cumulative(table);
  register_update(table);
  register_state(table);
}

}  // namespace gemmule::GEMMULE_ISA
