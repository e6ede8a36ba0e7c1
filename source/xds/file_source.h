#pragma once

// FileSource: a file with a DiscoveryResponse as a source of one type (path_config_source).
//
// It is read when somebody wants something of it, and again whenever another file is moved in its
// place (or anything into the watched directory). A file that is wrong changes nothing: it is
// logged with line and field, and counted for every subscription.
//
// Owner: SourceSet. Thread: main; blocking file I/O. Formats by the name's end: .yaml, .yml, .pb
// (binary), .pb_text, and JSON for all others.
// Source: Envoy source/extensions/config_subscription/filesystem.

#include <string>

#include "source/config/proto_reader.h"
#include "source/event/file_watch.h"
#include "source/stats/handles.h"
#include "source/xds/source.h"

namespace remora::xds {

// What file sources are made with; outlives them.
struct FileServices {
  event::Dispatcher& dispatcher;
  event::FileWatcher& files;
  config::UnknownFieldPolicy unknown_fields = config::UnknownFieldPolicy::kWarn;
  stats::Counter unknown_fields_met = {};  // server.dynamic_unknown_fields
};

class FileSource final : public Source {
 public:
  // Larger files are refused.
  static constexpr uint64_t kMaxSize = 256 * 1024 * 1024;

  FileSource(std::string path, std::string watched_directory, ResourceType type,
             const FileServices& services);

  // Source
  TypeState& State(ResourceType type) override;
  void Wake() override { services_.dispatcher.AtTurnEnd(task_); }
  std::string Trouble() const override { return trouble_; }
  void Show(std::vector<ResourceStatus>& into) const override {
    state_.Show(services_.dispatcher.now(), services_.dispatcher.wall_now(), into);
  }
  void Close() override { closed_ = true; }

  ResourceType type() const { return state_.type(); }
  const std::string& path() const { return path_; }
  const std::string& watched_directory() const { return watched_directory_; }

 private:
  static void OnTask(void* self);
  void Follow();
  void Read();
  void Fail(const std::string& why);

  const std::string path_;
  const std::string watched_directory_;
  FileServices services_;
  TypeState state_;
  event::TurnTask task_;
  event::FileWatch watch_;
  bool followed_ = false;
  bool moved_ = false;
  bool closed_ = false;
  std::string trouble_;
};

}  // namespace remora::xds
