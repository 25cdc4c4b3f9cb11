#include "services/index/service/key_dialer.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arkshare/v1/file.grpc.pb.h"
#include "lib/core/mutex.h"
#include "lib/rpc/key_credentials.h"
#include "lib/rpc/server.h"
#include "lib/rpc/testing/silent_address.h"

namespace arkshare {
namespace {

// Longer than any test: what ends earlier has not ended by its timeout.
constexpr absl::Duration kLongDial = absl::Hours(1);

// The end of one dial.
class Dialled {
 public:
  KeyDialer::Done Done() {
    return [this](const absl::StatusOr<PublicKey>& key, bool timed_out) {
      MutexLock lock(&mutex_);
      EXPECT_FALSE(key_.has_value()) << "Done is called once";
      key_ = key;
      timed_out_ = timed_out;
      changed_.NotifyAll();
    };
  }
  absl::StatusOr<PublicKey> Await() {
    MutexLock lock(&mutex_);
    while (!key_.has_value()) changed_.Wait(&mutex_);
    return *key_;
  }
  bool timed_out() {
    MutexLock lock(&mutex_);
    return timed_out_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::optional<absl::StatusOr<PublicKey>> key_ ABSL_GUARDED_BY(mutex_);
  bool timed_out_ ABSL_GUARDED_BY(mutex_) = false;
};

class KeyDialerTest : public testing::Test {
 protected:
  // Serves with a key of its own, and returns the port.
  int Serve(const std::string& listen = "127.0.0.1:0") {
    RpcServerOptions options;
    options.listen = listen;
    options.credentials = MakeKeyServerCredentials(
        MakeLeafCertificate(served_, {}), [](const LeafClaims&) { return absl::OkStatus(); });
    absl::StatusOr<std::unique_ptr<RpcServer>> server =
        RpcServer::Start(std::move(options), {&service_});
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    return server_->port();
  }

  const PrivateKey served_ = PrivateKey::Generate();
  v1::FileService::Service service_;
  std::unique_ptr<RpcServer> server_;
  std::optional<KeyDialer> dialer_{MakeLeafCertificate(PrivateKey::Generate(), {})};
};

TEST_F(KeyDialerTest, ManyAtATimeGetTheirKeys) {
  const std::string address = absl::StrCat("127.0.0.1:", Serve());
  std::vector<Dialled> dialled(64);
  for (Dialled& one : dialled) dialer_->Dial(address, kLongDial, one.Done());
  for (Dialled& one : dialled) {
    const absl::StatusOr<PublicKey> key = one.Await();
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(*key, served_.public_key());
  }
}

TEST_F(KeyDialerTest, ASilentAddressHoldsUpNoOther) {
  const SilentAddress silent;
  Dialled waiting;
  dialer_->Dial(silent.address(), kLongDial, waiting.Done());
  Dialled answered;
  dialer_->Dial(absl::StrCat("localhost:", Serve()), kLongDial, answered.Done());
  EXPECT_EQ(answered.Await().value(), served_.public_key());
  dialer_.reset();
  EXPECT_FALSE(waiting.Await().ok()) << "its end is told before the dialer is gone";
}

TEST_F(KeyDialerTest, ADialThatTakesTooLongIsToldSo) {
  const SilentAddress silent;
  Dialled dialled;
  dialer_->Dial(silent.address(), absl::Milliseconds(1), dialled.Done());
  EXPECT_TRUE(absl::IsUnavailable(dialled.Await().status()));
  EXPECT_TRUE(dialled.timed_out());
}

TEST_F(KeyDialerTest, ACancelledDialEnds) {
  const SilentAddress silent;
  Dialled dialled;
  dialer_->Cancel(dialer_->Dial(silent.address(), kLongDial, dialled.Done()));
  EXPECT_FALSE(dialled.Await().ok());
  EXPECT_FALSE(dialled.timed_out());
  dialer_->Cancel(1'000'000);
}

TEST_F(KeyDialerTest, ANameIsResolved) {
  char name[256] = {};
  ASSERT_EQ(gethostname(name, sizeof(name) - 1), 0);
  if (Resolve({name, 1}, absl::Minutes(1)).addresses.empty()) {
    GTEST_SKIP() << "this machine does not know its own name";
  }
  const std::string address = absl::StrCat(name, ":", Serve("[::]:0"));
  Dialled dialled;
  dialer_->Dial(address, kLongDial, dialled.Done());
  const absl::StatusOr<PublicKey> key = dialled.Await();
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(*key, served_.public_key());
  Dialled cancelled;
  dialer_->Cancel(dialer_->Dial(address, kLongDial, cancelled.Done()));
  const absl::StatusOr<PublicKey> late = cancelled.Await();
  EXPECT_TRUE(!late.ok() || *late == served_.public_key()) << "it may have been too late";
}

TEST_F(KeyDialerTest, AnAddressThatLeadsNowhereIsTold) {
  for (const char* const address : {"no-such-host.invalid:1", "127.0.0.1:1", "nonsense"}) {
    Dialled dialled;
    dialer_->Dial(address, absl::Seconds(5), dialled.Done());
    EXPECT_TRUE(absl::IsUnavailable(dialled.Await().status())) << address;
  }
}

}  // namespace
}  // namespace arkshare
