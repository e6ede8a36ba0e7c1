#include "source/main/extension_list.h"

#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"

namespace remora::main {
namespace {

using config::ListedExtension;

const char* StabilityName(config::Stability stability) {
  return stability == config::Stability::kStable ? "stable" : "alpha";
}

// In the order in which the first of each was added.
std::vector<std::string_view> Categories(const config::Registry& registry) {
  std::vector<std::string_view> categories;
  for (const ListedExtension& extension : registry.listed()) {
    bool known = false;
    for (const std::string_view category : categories)
      known = known || category == extension.category;
    if (!known) categories.push_back(extension.category);
  }
  return categories;
}

}  // namespace

std::string ExtensionsText(const config::Registry& registry) {
  std::string text;
  for (const std::string_view category : Categories(registry)) {
    absl::StrAppend(&text, text.empty() ? "" : "\n", std::string(category), ":\n");
    for (const ListedExtension& extension : registry.listed()) {
      if (extension.category != category) continue;
      absl::StrAppend(&text, "  ", StabilityName(extension.stability), "  ", extension.name, "  ",
                      extension.type_name);
      if (!extension.route_type_name.empty()) {
        absl::StrAppend(&text, "  per route ", extension.route_type_name);
      }
      text += '\n';
    }
  }
  return text;
}

// The names are those of code: nothing in them needs an escape.
std::string ExtensionsJson(const config::Registry& registry) {
  std::string json;
  for (const ListedExtension& extension : registry.listed()) {
    absl::StrAppend(&json, json.empty() ? "[\n" : ",\n", " {\"name\": \"", extension.name,
                    "\", \"category\": \"", extension.category, "\", \"type\": \"",
                    extension.type_name, "\"");
    if (!extension.route_type_name.empty()) {
      absl::StrAppend(&json, ", \"route_type\": \"", extension.route_type_name, "\"");
    }
    absl::StrAppend(&json, ", \"stability\": \"", StabilityName(extension.stability), "\"}");
  }
  return json.empty() ? "[]\n" : json + "\n]\n";
}

}  // namespace remora::main
