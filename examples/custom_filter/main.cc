// Remora with three filters more than the shipped binary has.

#include "examples/custom_filter/filters.h"
#include "source/extensions/registry.h"
#include "source/main/program.h"

namespace {

void AddExtensions(remora::config::Registry& registry) {
  remora::extensions::RegisterAll(registry);
  example::AddKeyAuth(registry);
  example::AddReplaceText(registry);
  example::AddTenantLookup(registry);
}

}  // namespace

int main(int argc, char** argv) { return remora::main::Run(argc, argv, AddExtensions); }
