// The entry point of each compiled ISA level, for code that belongs to none of them.
#pragma once

#define GEMMULE_ISA v1  // kernel.h wants a level; the baseline's is the one everybody may use

namespace gemmule {
class Table;
namespace v1 {
void register_all(Table& table);
}
namespace v3 {
void register_all(Table& table);
}
namespace v4 {
void register_all(Table& table);
}
}  // namespace gemmule
