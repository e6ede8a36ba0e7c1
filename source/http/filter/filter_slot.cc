#include "source/http/filter/filter_slot.h"

#include "source/http/filter/filter_context.h"

namespace remora::http {
namespace {

// A version, and what its filters keep once a worker.
struct LiveVersion {
  FilterSlot::Version version;
  std::unique_ptr<FilterWorkerState> state;  // null: it keeps nothing
};

// The last version that a stream of this connection manager began with.
class SlotState final : public FilterWorkerState {
 public:
  explicit SlotState(const WorkerSetup& setup) : setup_(setup) {}

  const std::shared_ptr<const LiveVersion>& Refresh(const FilterSlot::Version& version) {
    if (live_ != nullptr && live_->version == version) return live_;
    std::unique_ptr<FilterWorkerState> state;
    if (version->create_worker_state != nullptr) {
      state = version->create_worker_state(version->config.get(), setup_);
    }
    live_ = std::make_shared<const LiveVersion>(LiveVersion{version, std::move(state)});
    return live_;
  }

 private:
  const WorkerSetup setup_;
  std::shared_ptr<const LiveVersion> live_;
};

// A filter of one version, which it keeps alive.
class SlottedFilter final : public Filter {
 public:
  SlottedFilter(std::shared_ptr<const LiveVersion> live, FilterContext& context)
      : live_(std::move(live)) {
    context.SetWorkerState(live_->state.get());
    filter_ = live_->version->create(live_->version->config.get(), context);
  }
  Answer OnRequestHead(RequestHead& head) override { return filter_->OnRequestHead(head); }
  Answer OnRequestData(buffer::Buffer& data) override { return filter_->OnRequestData(data); }
  Answer OnRequestEnd(HeaderMap* trailers) override { return filter_->OnRequestEnd(trailers); }
  Answer OnResponseHead(ResponseHead& head) override { return filter_->OnResponseHead(head); }
  Answer OnResponseData(buffer::Buffer& data) override { return filter_->OnResponseData(data); }
  Answer OnResponseEnd(HeaderMap* trailers) override { return filter_->OnResponseEnd(trailers); }
  void OnComplete() override { filter_->OnComplete(); }

 private:
  const std::shared_ptr<const LiveVersion> live_;  // outlives the filter
  FilterPtr filter_;
};

class MissingFilter final : public Filter {
 public:
  explicit MissingFilter(FilterContext& context) : context_(context) {}
  Answer OnRequestHead(RequestHead&) override {
    LocalReply reply;
    reply.status = 500;
    reply.flag = ResponseFlag::kNoFilterConfigFound;
    context_.SendLocalReply(std::move(reply));
    return Answer::kPause;
  }

 private:
  FilterContext& context_;
};

FilterPtr CreateFilter(const void* config, FilterContext& context) {
  const auto& slot = *static_cast<const FilterSlot*>(config);
  const FilterSlot::Version& version = slot.Get(context.clusters().worker().index);
  if (version == nullptr) return context.arena().Make<MissingFilter>(context);
  return context.arena().Make<SlottedFilter>(context.worker_state<SlotState>().Refresh(version),
                                             context);
}

std::unique_ptr<FilterWorkerState> CreateState(const void*, const WorkerSetup& setup) {
  return std::make_unique<SlotState>(setup);
}

}  // namespace

void CreateFrom(std::shared_ptr<const FilterSlot> slot, FilterFactory& factory) {
  factory.config = std::move(slot);
  factory.create = &CreateFilter;
  factory.create_worker_state = &CreateState;
}

}  // namespace remora::http
