// Every kernel family, in the order they are registered: a family is added here and in CMakeLists.txt.
#pragma once
#include "kernel.h"

namespace gemmule::GEMMULE_ISA {

void register_gemm(Table& table);
void register_dense(Table& table);
void register_conv2d(Table& table);
void register_conv2d_backward(Table& table);
void register_depthwise(Table& table);
void register_pool(Table& table);
void register_norm(Table& table);
void register_resize(Table& table);
void register_augment(Table& table);
void register_elementwise(Table& table);
void register_elementwise_plain(Table& table);
void register_activation(Table& table);
void register_reduce(Table& table);
void register_softmax(Table& table);
void register_loss(Table& table);
void register_dropout(Table& table);
void register_random(Table& table);
void register_reshaping(Table& table);
void register_gather(Table& table);
void register_elementary(Table& table);
void register_sort(Table& table);
void register_cumulative(Table& table);
void register_update(Table& table);
void register_state(Table& table);

void register_all(Table& table);

}  // namespace gemmule::GEMMULE_ISA
