#include "bench/search_announcer.h"

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <sys/prctl.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include "arkshare/v1/index.grpc.pb.h"
#include "bench/book_generator.h"
#include "lib/core/mutex.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/convert.h"

namespace arkshare::bench {
namespace {

constexpr uint64_t kAnnounced = 1'000'000;
constexpr uint64_t kAnnouncedPage = 1'000;

// Writes messages one after the other until all statements are acknowledged.
class Announcer : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Announcer(const std::shared_ptr<grpc::Channel>& channel, const std::string& token,
            const std::vector<grpc::ByteBuffer>& messages)
      : messages_(messages), stub_(channel) {
    context_.AddMetadata("authorization", absl::StrCat("Bearer ", token));
    stub_.PrepareBidiStreamingCall(&context_, "/arkshare.v1.IndexService/Announce",
                                   grpc::StubOptions(), this);
  }

  // Returns false when the stream has broken.
  bool Run() {
    StartRead(&response_);
    StartWrite(&messages_[0]);
    StartCall();
    MutexLock lock(&mutex_);
    while (!done_) changed_.Wait(&mutex_);
    return acknowledged_ >= kAnnounced;
  }

  void OnWriteDone(bool ok) override {
    if (ok && ++written_ < messages_.size()) StartWrite(&messages_[written_]);
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    grpc::Slice bytes;
    v1::AnnounceResponse response;
    response_.DumpToSingleSlice(&bytes);
    response.ParseFromArray(bytes.begin(), static_cast<int>(bytes.size()));
    acknowledged_ = response.acknowledged_sequence();
    if (acknowledged_ >= kAnnounced) return context_.TryCancel();
    StartRead(&response_);
  }
  void OnDone(const grpc::Status& /*status*/) override {
    MutexLock lock(&mutex_);
    done_ = true;
    changed_.NotifyAll();
  }

 private:
  const std::vector<grpc::ByteBuffer>& messages_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::ByteBuffer response_;
  size_t written_ = 0;
  std::atomic<uint64_t> acknowledged_ = 0;
  Mutex mutex_;
  CondVar changed_;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

int AnnounceBooks(const std::string& address) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const BookGenerator books({.names = static_cast<uint32_t>(kAnnounced), .holders = 1, .peers = 1});
  std::vector<grpc::ByteBuffer> messages;
  for (uint64_t first = 0; first < kAnnounced; first += kAnnouncedPage) {
    v1::AnnounceRequest message;
    message.set_first_sequence(first + 1);
    for (const StatementRecord& statement : books.Page(0, first, kAnnouncedPage)) {
      v1::Listing listing = ToProto(*statement.present);
      listing.set_name(absl::StrCat("New/", listing.name()));
      *message.add_statements()->mutable_present() = std::move(listing);
    }
    const grpc::Slice bytes(message.SerializeAsString());
    messages.emplace_back(&bytes, 1);
  }
  KeepCallbackQueue();
  const std::shared_ptr<grpc::Channel> channel =
      MakeChannel(address, grpc::InsecureChannelCredentials());
  v1::RegisterRequest registration;
  const PrivateKey key = PrivateKey::Generate();
  registration.set_public_key(key.public_key().bytes());
  registration.set_port(1);
  registration.set_policy(v1::SHARE_POLICY_COPY);
  registration.set_registration_id(std::string(16, 'r'));
  v1::RegisterResponse registered;
  grpc::ClientContext context;
  if (!v1::IndexService::NewStub(channel)->Register(&context, registration, &registered).ok()) {
    return 1;
  }
  Announcer announcer(channel, registered.session_token(), messages);
  std::printf("ready\n");
  std::fflush(stdout);
  const absl::Time begin = absl::Now();
  if (!announcer.Run()) return 1;
  std::printf("%.0f\n",
              static_cast<double>(kAnnounced) / absl::ToDoubleSeconds(absl::Now() - begin));
  return 0;
}

}  // namespace arkshare::bench
