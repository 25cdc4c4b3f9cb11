#include "services/peer/reach/port_mapper.h"

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/core/log.h"
#include "lib/rpc/host_port.h"

namespace arkshare {
namespace {

// Between two attempts that have failed: a router may be replaced, or a laptop may move.
constexpr absl::Duration kFirstMapPause = absl::Minutes(5);
constexpr absl::Duration kLastMapPause = absl::Hours(2);
// Some routers give a port for seconds only.
constexpr absl::Duration kLeastRenewal = absl::Seconds(30);

}  // namespace

PortMapper::PortMapper(int own_port, std::vector<std::unique_ptr<Router>> routers,
                       const Clock* clock, std::function<void()> on_change)
    : own_port_(own_port),
      clock_(clock),
      on_change_(std::move(on_change)),
      routers_(std::move(routers)),
      pause_(kFirstMapPause) {
  thread_ = std::thread([this] { Run(); });
}

PortMapper::~PortMapper() {
  RequestStop();
  thread_.join();
}

void PortMapper::RequestStop() {
  MutexLock lock(&mutex_);
  stopping_ = true;
  changed_.NotifyAll();
}

void PortMapper::Start() {
  MutexLock lock(&mutex_);
  started_ = true;
  changed_.NotifyAll();
}

std::optional<PortMapper::Mapping> PortMapper::mapping() const {
  MutexLock lock(&mutex_);
  return mapping_;
}

void PortMapper::Judge(uint64_t generation, bool reached) {
  MutexLock lock(&mutex_);
  if (!mapping_.has_value() || mapping_->generation != generation) return;
  mapping_->proven = reached;
  if (reached) return;
  refused_ = true;
  mapping_.reset();
  changed_.NotifyAll();
}

void PortMapper::Run() {
  {
    MutexLock lock(&mutex_);
    while (!started_ && !stopping_) changed_.Wait(&mutex_);
  }
  while (true) {
    {
      MutexLock lock(&mutex_);
      if (stopping_) break;
    }
    const absl::Time next = clock_->Monotonic() + Ask();
    bool refused = false;
    {
      MutexLock lock(&mutex_);
      absl::Duration left = next - clock_->Monotonic();
      while (!stopping_ && !refused_ && left > absl::ZeroDuration()) {
        changed_.WaitFor(&mutex_, left);
        left = next - clock_->Monotonic();
      }
      refused = std::exchange(refused_, false);
    }
    if (!refused) continue;
    Close();
    const absl::Time again = clock_->Monotonic() + pause_;
    pause_ = std::min(2 * pause_, kLastMapPause);
    MutexLock lock(&mutex_);
    absl::Duration left = again - clock_->Monotonic();
    while (!stopping_ && left > absl::ZeroDuration()) {
      changed_.WaitFor(&mutex_, left);
      left = again - clock_->Monotonic();
    }
  }
  Close();
}

absl::Duration PortMapper::Ask() {
  std::string why = "this build has neither NAT-PMP nor UPnP";
  const std::optional<Mapping> before = mapping();
  for (const std::unique_ptr<Router>& router : routers_) {
    if (open_at_ != nullptr && router.get() != open_at_) continue;
    const int wanted = before.has_value() ? before->port : own_port_;
    const absl::StatusOr<Router::Opened> opened =
        router->Open(own_port_, wanted, kLifetime, [this] {
          MutexLock lock(&mutex_);
          return stopping_;
        });
    if (!opened.ok()) {
      why = std::string(opened.status().message());
      continue;
    }
    open_at_ = router.get();
    open_port_ = opened->port;
    Mapping mapping{HostPort{opened->host, opened->port}.ToString(), opened->port,
                    std::string(router->protocol()), clock_->Now() + opened->lifetime};
    LogInfo(
        "port_mapped",
        {{"address", mapping.address}, {"by", mapping.protocol}, {"lifetime", opened->lifetime}});
    {
      MutexLock lock(&mutex_);
      mapping.generation = ++last_generation_;
      mapping.proven = before.has_value() && before->proven && before->port == mapping.port;
      mapping_ = std::move(mapping);
    }
    if (before.has_value() && before->proven) pause_ = kFirstMapPause;
    on_change_();
    return std::max(opened->lifetime / 2, kLeastRenewal);
  }
  open_at_ = nullptr;
  LogInfo("port_not_mapped", {{"why", why}});
  MutexLock lock(&mutex_);
  mapping_.reset();
  return std::exchange(pause_, std::min(2 * pause_, kLastMapPause));
}

void PortMapper::Close() {
  if (open_at_ == nullptr) return;
  {
    MutexLock lock(&mutex_);
    mapping_.reset();
  }
  std::exchange(open_at_, nullptr)->Close(own_port_, open_port_);
}

}  // namespace arkshare
