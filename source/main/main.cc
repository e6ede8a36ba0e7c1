// The shipped binary: the program with every extension of the tree.

#include "source/extensions/registry.h"
#include "source/main/program.h"

int main(int argc, char** argv) {
  return remora::main::Run(argc, argv, remora::extensions::RegisterAll);
}
