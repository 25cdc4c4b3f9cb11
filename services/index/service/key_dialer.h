// Finds out what key listens at the address of a peer.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_KEY_DIALER_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_KEY_DIALER_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "lib/core/key.h"
#include "lib/core/mutex.h"
#include "lib/rpc/key_handshake.h"
#include "lib/rpc/resolve.h"

namespace arkshare {

// Runs all KeyHandshakes of the index on one thread. Its callers bound how many there are at a
// time. Thread-safe.
class KeyDialer {
 public:
  // Called once, on the thread of the dialer. It must not wait.
  using Done = std::function<void(const absl::StatusOr<PublicKey>& key, bool timed_out)>;

  explicit KeyDialer(const LeafCertificate& leaf);
  // Ends what runs, and calls its Done. A name that is being resolved is waited for, which takes at
  // most the timeout of its dial.
  ~KeyDialer();

  // Begins to dial. Returns a number for Cancel. `authority` as of KeyHandshake.
  uint64_t Dial(const std::string& address, absl::Duration timeout, Done done,
                const std::string& authority = "");
  // Ends the dial soon, if it still runs.
  void Cancel(uint64_t id);

 private:
  struct Dialling {
    uint64_t id = 0;
    std::string address;
    std::string authority;
    absl::Duration timeout;
    absl::Time end;
    Done done;
    Resolved resolved;
    std::unique_ptr<KeyHandshake> handshake;
  };

  void Add(Dialling dialling);
  void Wake();
  void Run();
  // Takes what callers have added. Returns false once the thread is to end.
  bool TakeWork();
  void Begin(Dialling dialling);
  void ResolveThenBegin(Dialling dialling);
  void AwaitNetwork();
  // Calls Done of those that have a result.
  void Finish();

  const KeyHandshakeContext context_;
  const int wake_fd_;  // an eventfd
  // Only for the thread.
  std::map<uint64_t, Dialling> at_work_;
  std::map<uint64_t, std::thread> resolvers_;
  std::set<uint64_t> cancelled_resolving_;  // their ends are told when the names are resolved
  Mutex mutex_;
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Dialling> added_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint64_t> cancelled_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_KEY_DIALER_H_
