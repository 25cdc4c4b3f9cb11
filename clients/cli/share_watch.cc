#include "clients/cli/share_watch.h"

#include <absl/strings/str_cat.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <optional>

#include "clients/cli/progress.h"
#include "lib/core/byte_size.h"
#include "lib/core/clock.h"
#include "lib/rpc/channel.h"

namespace arkshare {

std::string SharedInWords(const v1::ShareProgress& share) {
  if (share.bytes_total() == 0) return "counting its files";
  if (share.bytes_done() >= share.bytes_total()) return "copied; being hashed";
  return absl::StrCat(FormatByteSize(share.bytes_done()), " of ",
                      FormatByteSize(share.bytes_total()), " copied");
}

ShareWatch::ShareWatch(Session& session, const v1::ShareRequest& request)
    : session_(session), paths_(request.paths().begin(), request.paths().end()) {
  if (session.console.json) return;
  stub_ = v1::PeerService::NewStub(
      MakeChannel(session.connection.peer().target(), grpc::InsecureChannelCredentials()));
  thread_ = std::thread([this] { Run(); });
}

ShareWatch::~ShareWatch() {
  {
    MutexLock lock(&mutex_);
    over_ = true;
    if (call_ != nullptr) call_->TryCancel();
  }
  ended_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void ShareWatch::Run() {
  const Console& console = session_.console;
  Progress progress(
      console.err, console.clock,
      {.bar = console.err_is_terminal, .columns = console.columns, .label = "sharing"});
  while (AwaitNext()) {
    const v1::GetStatusResponse status = Ask();
    for (const v1::ShareProgress& share : status.shares()) {
      if (!paths_.contains(share.path())) continue;
      std::optional<double> part;
      if (share.bytes_total() > 0) {
        part = std::min(1.0, static_cast<double>(share.bytes_done()) /
                                 static_cast<double>(share.bytes_total()));
      }
      progress.Update(SharedInWords(share), part, /*last=*/false);
    }
  }
}

v1::GetStatusResponse ShareWatch::Ask() {
  v1::GetStatusResponse status;
  grpc::ClientContext context;
  SetTimeout(context, kCallTimeout);
  {
    MutexLock lock(&mutex_);
    if (over_) return status;
    call_ = &context;
  }
  if (!stub_->GetStatus(&context, v1::GetStatusRequest(), &status).ok()) status.Clear();
  MutexLock lock(&mutex_);
  call_ = nullptr;
  return status;
}

bool ShareWatch::AwaitNext() {
  const Clock& clock = *Clock::Real();
  MutexLock lock(&mutex_);
  const absl::Time next = clock.Monotonic() + absl::Seconds(1);
  for (absl::Time now = clock.Monotonic(); !over_ && now < next; now = clock.Monotonic()) {
    ended_.WaitFor(&mutex_, next - now);
  }
  return !over_;
}

}  // namespace arkshare
