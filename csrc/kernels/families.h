// Every kernel family, in the order they are registered: a family is added here and in CMakeLists.txt.
#pragma once
#include "kernel.h"

namespace gemmule::GEMMULE_ISA {

// `doubles` is true for the baseline level, the only one that carries float64.
void register_gemm(Table& table, bool doubles);
void register_dense(Table& table, bool doubles);
void register_conv2d(Table& table, bool doubles);
void register_conv2d_backward(Table& table, bool doubles);
void register_depthwise(Table& table, bool doubles);
void register_pool(Table& table, bool doubles);
void register_norm(Table& table, bool doubles);
void register_resize(Table& table, bool doubles);
void register_augment(Table& table, bool doubles);
void register_elementwise(Table& table, bool doubles);
void register_activation(Table& table, bool doubles);
void register_reduce(Table& table, bool doubles);
void register_softmax(Table& table, bool doubles);
void register_loss(Table& table, bool doubles);
void register_dropout(Table& table, bool doubles);
void register_random(Table& table, bool doubles);
void register_reshaping(Table& table, bool doubles);
void register_gather(Table& table, bool doubles);
void register_update(Table& table, bool doubles);
void register_state(Table& table, bool doubles);

void register_all(Table& table, bool doubles);

}  // namespace gemmule::GEMMULE_ISA
