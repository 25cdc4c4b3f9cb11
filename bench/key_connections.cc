// Connects many clients to an index, and later waits until all are connected again.
//
//   arkshare-bench-key-connections ADDRESS COUNT [CERTIFICATE KEY]
//
// The files are PEM, of a member of the index's group; without them the clients use plaintext.
// Prints "connected" when each client has made a call on a connection of its own. Then reads a
// line, lets each client call until it succeeds, and prints "back_seconds=S".
#include <absl/strings/numbers.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "arkshare/v1/index.grpc.pb.h"
#include "lib/core/clock.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/dialer.h"
#include "lib/rpc/key_handshake.h"
#include "lib/rpc/key_mode.h"

namespace arkshare {
namespace {

constexpr int kThreads = 16;
// As long as a peer lets a handshake take; see IndexClient.
constexpr absl::Duration kConnectTimeout = absl::Seconds(60);

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "arkshare-bench-key-connections: %s\n", why.c_str());
  std::exit(1);
}

std::string Content(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::string content(std::istreambuf_iterator<char>(file), {});
  if (!file) Die(std::string("cannot read ") + path);
  return content;
}

class Crowd {
 public:
  Crowd(std::string address, int count, std::optional<LeafCertificate> leaf)
      : dialer_(leaf ? Dialer::WithKey(*leaf) : Dialer::Plaintext()) {
    if (leaf) {
      absl::StatusOr<PublicKey> key = ReadKeyAt(address, *leaf, kConnectTimeout);
      if (!key.ok()) Die(std::string(key.status().message()));
      key_ = *key;
    }
    for (int i = 0; i < count; ++i) {
      stubs_.push_back(v1::IndexService::NewStub(
          dialer_->Dial(address, key_ ? &*key_ : nullptr, 0, kConnectTimeout)));
    }
  }

  // Makes a call of each client, kThreads at a time, and repeats what fails.
  void CallAll() {
    std::atomic<size_t> next{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (size_t n = next++; n < stubs_.size(); n = next++) {
          while (!Call(*stubs_[n])) {
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

 private:
  static bool Call(v1::IndexService::Stub& stub) {
    grpc::ClientContext context;
    SetTimeout(context, kConnectTimeout);
    context.set_wait_for_ready(true);
    v1::ListPeersResponse response;
    return stub.ListPeers(&context, v1::ListPeersRequest(), &response).ok();
  }

  const std::shared_ptr<Dialer> dialer_;
  std::optional<PublicKey> key_;
  std::vector<std::unique_ptr<v1::IndexService::Stub>> stubs_;
};

}  // namespace
}  // namespace arkshare

int main(int argc, char** argv) {
  using namespace arkshare;
  int count = 0;
  if ((argc != 3 && argc != 5) || !absl::SimpleAtoi(argv[2], &count) || count < 1) {
    Die("give ADDRESS COUNT [CERTIFICATE KEY]");
  }
  std::optional<LeafCertificate> leaf;
  if (argc == 5) {
    UseTls13Only();
    leaf = LeafCertificate{Content(argv[3]), Content(argv[4])};
  }
  Crowd crowd(argv[1], count, std::move(leaf));
  crowd.CallAll();
  std::printf("connected\n");
  std::fflush(stdout);
  std::string line;
  if (!std::getline(std::cin, line)) return 0;
  const absl::Time begin = Clock::Real()->Monotonic();
  crowd.CallAll();
  std::printf("back_seconds=%.3f\n", absl::ToDoubleSeconds(Clock::Real()->Monotonic() - begin));
  return 0;
}
