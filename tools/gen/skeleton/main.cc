// Remora with filters of its own.

#include "source/extensions/registry.h"
#include "source/main/program.h"
#include "tools/gen/skeleton/skeleton.h"

namespace {

// A filter more is a line more.
void AddExtensions(remora::config::Registry& registry) {
  remora::extensions::RegisterAll(registry);
  my_filters::AddSkeleton(registry);
}

}  // namespace

int main(int argc, char** argv) { return remora::main::Run(argc, argv, AddExtensions); }
