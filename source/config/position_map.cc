#include "source/config/position_map.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

struct Step {
  enum class Kind { kField, kIndex, kKey };
  Kind kind;
  std::string_view text;
  size_t index = 0;
  size_t end = 0;  // In the path: where the text of this step ends.
};

// The step at `at`, which moves past it; nullopt at the end or where the path is malformed.
std::optional<Step> NextStep(std::string_view path, size_t& at) {
  if (at >= path.size()) return std::nullopt;
  if (path[at] == '[') {
    const bool key = at + 1 < path.size() && path[at + 1] == '"';
    // A key may hold anything; its end is the next `"]` after which a path can go on.
    const std::string_view closing = key ? "\"]" : "]";
    size_t end = path.find(closing, at + 1);
    while (key && end != std::string_view::npos && end + 2 < path.size() && path[end + 2] != '.' &&
           path[end + 2] != '[') {
      end = path.find(closing, end + 1);
    }
    if (end == std::string_view::npos) return std::nullopt;
    const size_t start = at + (key ? 2 : 1);
    if (start > end) return std::nullopt;
    Step step{key ? Step::Kind::kKey : Step::Kind::kIndex, path.substr(start, end - start)};
    at = end + closing.size();
    step.end = at;
    if (!key && !absl::SimpleAtoi(ToAbsl(step.text), &step.index)) {
      return std::nullopt;
    }
    return step;
  }
  if (path[at] == '.') ++at;
  const size_t end = std::min(path.find_first_of(".[", at), path.size());
  if (end == at) return std::nullopt;
  Step step{Step::Kind::kField, path.substr(at, end - at), 0, end};
  at = end;
  return step;
}

// Is `key` the name of a field called `field`, in snake_case or camelCase?
bool Names(std::string_view key, std::string_view field) {
  if (key == field) return true;
  size_t i = 0;
  bool upper = false;
  for (const char c : field) {
    if (c == '_') {
      upper = true;
      continue;
    }
    const char want = upper ? absl::ascii_toupper(static_cast<unsigned char>(c)) : c;
    upper = false;
    if (i >= key.size() || key[i] != want) return false;
    ++i;
  }
  return i == key.size();
}

const Node::Entry* FindField(const Node& node, std::string_view field) {
  for (const Node::Entry& entry : node.entries) {
    if (Names(entry.key, field)) return &entry;
  }
  return nullptr;
}

// An Any that holds a TypedStruct or a well-known type keeps the message's fields under `value`.
const Node* InsideAny(const Node* node) {
  const Node::Entry* type = node->Find("@type");
  if (type == nullptr) return node;
  const Node::Entry* value = node->Find("value");
  const std::string& url = type->value->text;
  const bool wrapped = absl::EndsWith(url, "/xds.type.v3.TypedStruct") ||
                       absl::EndsWith(url, "/udpa.type.v1.TypedStruct");
  return wrapped && value != nullptr ? value->value : node;
}

struct Walk {
  const Node* node;
  Mark mark;
  size_t steps = 0;  // How many led somewhere.
  bool complete = false;
};

bool TakeStep(const Step& step, std::string_view path, const PositionMap::Shifts& shifts,
              bool& shifted, Walk& walk) {
  if (step.kind == Step::Kind::kIndex) {
    size_t index = step.index;
    if (!shifted) {
      shifted = true;  // Only the outermost list was merged; items are each of one document.
      const size_t list_end = path.rfind('[', step.end - 1);
      const auto shift = shifts.find(ToAbsl(path.substr(0, list_end)));
      if (shift != shifts.end()) {
        if (index < shift->second) return false;
        index -= shift->second;
      }
    }
    if (walk.node->kind != NodeKind::kSequence) return index == 0;  // A lone value for a list.
    if (index >= walk.node->items.size()) return false;
    walk.node = walk.node->items[index];
    walk.mark = walk.node->mark;
    return true;
  }
  const Node::Entry* entry = step.kind == Step::Kind::kKey
                                 ? walk.node->Find(step.text)
                                 : FindField(*InsideAny(walk.node), step.text);
  if (entry == nullptr) return false;
  walk.node = entry->value;
  // What is wrong with a scalar is at the scalar; a list or a map is best found by its key.
  const bool nested = walk.node->kind == NodeKind::kSequence || walk.node->kind == NodeKind::kMap;
  walk.mark = nested ? entry->mark : walk.node->mark;
  return true;
}

Walk WalkPath(const Node& root, std::string_view path, const PositionMap::Shifts& shifts) {
  Walk walk{&root, root.mark};
  size_t at = 0;
  bool shifted = false;
  while (at < path.size()) {
    const std::optional<Step> step = NextStep(path, at);
    if (!step.has_value() || !TakeStep(*step, path, shifts, shifted, walk)) return walk;
    ++walk.steps;
  }
  walk.complete = true;
  return walk;
}

}  // namespace

void PositionMap::AddDocument(std::shared_ptr<const Document> document, Shifts shifts) {
  layers_.push_back(Layer{std::move(document), std::move(shifts)});
}

Position PositionMap::Find(std::string_view path) const {
  Position best;
  size_t best_steps = 0;
  for (size_t i = layers_.size(); i-- > 0;) {
    const Layer& layer = layers_[i];
    const Walk walk = WalkPath(layer.document->root(), path, layer.shifts);
    if (best.line == 0 || walk.steps > best_steps || (i == 0 && walk.steps >= best_steps)) {
      best = Position{layer.document->file(), walk.mark.line, walk.mark.column, i};
      best_steps = walk.steps;
    }
    if (walk.complete) break;
  }
  return best;
}

void PositionMap::Locate(ErrorList& errors) const {
  for (ConfigError& error : errors.mutable_errors()) {
    if (error.line != 0 || layers_.empty()) continue;
    const Position position = Find(error.path);
    error.file = std::string(position.file);
    error.line = position.line;
    error.column = position.column;
  }
}

void PositionMap::Finish(ErrorList& errors, size_t max) const {
  Locate(errors);
  const auto order = [&](const ConfigError& error) {
    for (size_t i = 0; i < layers_.size(); ++i) {
      if (layers_[i].document->file() == error.file) return i;
    }
    return layers_.size();
  };
  const auto line = [](const ConfigError& error) {
    return error.line == 0 ? std::numeric_limits<int>::max() : error.line;
  };
  std::vector<ConfigError>& list = errors.mutable_errors();
  std::stable_sort(list.begin(), list.end(), [&](const ConfigError& a, const ConfigError& b) {
    const size_t order_a = order(a), order_b = order(b);
    if (order_a != order_b) return order_a < order_b;
    if (line(a) != line(b)) return line(a) < line(b);
    return a.column < b.column;
  });
  errors.Truncate(max);
}

}  // namespace remora::config
